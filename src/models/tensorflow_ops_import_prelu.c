/*
 * PReLU, which TensorFlow has no op for and TF.js has: a node "Prelu" of its own, or the end of a
 * fused convolution. It is read as Keras computes it, relu(x) - alpha * relu(-x).
 */
#include "models/tensorflow_ops_import_prelu.h"

#include "ops/ops.h"

graft_status gft_tf_prelu(gft_tf_import *m, gft_value_id alpha, gft_value_id *x, graft_error *err) {
    gft_value_id pair[2];
    GFT_TRY(gft_tf_append(m, &gft_op_neg, NULL, x, 1, &pair[0], err));
    GFT_TRY(gft_tf_append(m, &gft_op_relu, NULL, pair, 1, &pair[0], err));
    pair[1] = alpha;
    GFT_TRY(gft_tf_append(m, &gft_op_mul, NULL, pair, 2, &pair[1], err));
    GFT_TRY(gft_tf_append(m, &gft_op_relu, NULL, x, 1, &pair[0], err));
    return gft_tf_append(m, &gft_op_sub, NULL, pair, 2, x, err);
}

graft_status gft_tf_import_prelu(gft_tf_import *m, graft_error *err) {
    gft_value_id x;
    gft_value_id alpha;
    GFT_TRY(gft_tf_take(m, 0, &x, err));
    GFT_TRY(gft_tf_take(m, 1, &alpha, err));
    GFT_TRY(gft_tf_prelu(m, alpha, &x, err));
    gft_tf_set_graph(m, 0, x);
    return GRAFT_OK;
}
