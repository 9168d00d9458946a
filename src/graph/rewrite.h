/*
 * Rewrites: small functions on a graph, each in a file of its own (rewrite_*.c), run in the order
 * listed here. Every one
 * keeps what the graph computes (to rounding) and can be run and tested alone.
 */
#ifndef GFT_GRAPH_REWRITE_H
#define GFT_GRAPH_REWRITE_H

#include "graph/graph.h"

typedef struct gft_rewrite_options {
    bool training; /* dropout stays; trainable parameters are not constants */
    bool fuse;     /* epilogues and BN folding; off: the graph as it is (for tests and --per-op) */
    bool keep_shapes; /* nodes that stay give what they gave, for taps of inner values */
    bool lazy; /* folded filters are made when asked for: what they come from outlives the graph */
} gft_rewrite_options;

/* Shape-independent simplification for inference: dropout and identity dropped. */
GRAFT_MUST_CHECK graft_status gft_rewrite_drop_identity(gft_graph *graph,
                                                        const gft_rewrite_options *options,
                                                        graft_error *err);
/*
 * Quantised graphs, float ops between dequantize and quantize, become integer ops where there are
 * such (not in training). Before constants are folded: weights must still be integers.
 */
GRAFT_MUST_CHECK graft_status gft_rewrite_join_quantized(gft_graph *graph,
                                                         const gft_rewrite_options *options,
                                                         graft_error *err);
/* pad (zeros) before a VALID convolution or pooling-free conv becomes explicit padding. */
GRAFT_MUST_CHECK graft_status gft_rewrite_fold_pad(gft_graph *graph,
                                                   const gft_rewrite_options *options,
                                                   graft_error *err);
/* pad (zeros) before a maximum over windows of what is never negative, likewise. Inference only. */
GRAFT_MUST_CHECK graft_status gft_rewrite_fold_pool_pad(gft_graph *graph,
                                                        const gft_rewrite_options *options,
                                                        graft_error *err);
/*
 * Nodes whose inputs are all constant are computed now (parameters count as constant unless
 * trained).
 */
GRAFT_MUST_CHECK graft_status gft_rewrite_fold_constants(gft_graph *graph,
                                                         const gft_rewrite_options *options,
                                                         graft_error *err);
/*
 * batch_norm behind conv2d, depthwise or dense: into filter and bias. Scale/offset by constants
 * likewise.
 */
GRAFT_MUST_CHECK graft_status gft_rewrite_fold_batch_norm(gft_graph *graph,
                                                          const gft_rewrite_options *options,
                                                          graft_error *err);
/*
 * Products and sums with constants ahead of a convolution: into its filter, but for one addition.
 * Inference only.
 */
GRAFT_MUST_CHECK graft_status gft_rewrite_fold_ahead(gft_graph *graph,
                                                     const gft_rewrite_options *options,
                                                     graft_error *err);
/** Constants, pads and batch norms, in this order: what converters do to a graph. */
GRAFT_MUST_CHECK graft_status gft_rewrite_fold(gft_graph *graph, const gft_rewrite_options *options,
                                               graft_error *err);
/*
 * Strides of 1x1 convolutions and pooling move to the layers before them, which then compute less.
 * Inference only; shapes must be known.
 */
GRAFT_MUST_CHECK graft_status gft_rewrite_strides(gft_graph *graph,
                                                  const gft_rewrite_options *options,
                                                  graft_error *err);
/* bias, residual add, activation, squeeze-excite scale into the epilogue. */
GRAFT_MUST_CHECK graft_status gft_rewrite_fuse_epilogue(gft_graph *graph,
                                                        const gft_rewrite_options *options,
                                                        graft_error *err);
/*
 * batch_norm with attrs.train becomes batch_norm_train + ema_update (training only). Needs those
 * two ops.
 */
GRAFT_MUST_CHECK graft_status gft_rewrite_train_batch_norm(gft_graph *graph,
                                                           const gft_op *batch_norm_train,
                                                           const gft_op *ema_update,
                                                           graft_error *err);
/** All of the above that are valid under the options, in order, then a sweep. */
GRAFT_MUST_CHECK graft_status gft_rewrite_all(gft_graph *graph, const gft_rewrite_options *options,
                                              graft_error *err);

#endif
