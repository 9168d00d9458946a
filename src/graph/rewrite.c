/*
 * The rewrites in the order in which a plan applies them.
 */
#include "graph/rewrite.h"

#include "graph/rewrite_priv.h"

graft_status gft_rewrite_fold(gft_graph *graph, const gft_rewrite_options *options,
                              graft_error *err) {
    GFT_TRY(gft_rewrite_fold_constants(graph, options, err));
    GFT_TRY(gft_rewrite_fold_pad(graph, options, err));
    return gft_rewrite_fold_batch_norm(graph, options, err);
}

graft_status gft_rewrite_all(gft_graph *graph, const gft_rewrite_options *options,
                             graft_error *err) {
    GFT_TRY(gft_rewrite_drop_identity(graph, options, err));
    GFT_TRY(gft_graph_sweep(graph, err));
    GFT_TRY(gft_rewrite_join_quantized(graph, options, err));
    GFT_TRY(gft_rewrite_fold_constants(graph, options, err));
    GFT_TRY(gft_rewrite_fold_ahead(graph, options, err));
    GFT_TRY(gft_rewrite_fold_pool_pad(graph, options, err));
    GFT_TRY(gft_rewrite_fold(graph, options, err));
    GFT_TRY(gft_rewrite_strides(graph, options, err));
    GFT_TRY(gft_rewrite_fuse_epilogue(graph, options, err));
    GFT_TRY(gft_rewrite_relu_input(graph, options, err));
    return gft_graph_sweep(graph, err);
}
