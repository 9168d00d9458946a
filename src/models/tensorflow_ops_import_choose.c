/*
 * Indices, read: ArgMax, ArgMin, TopK, OneHot, Cumsum, GatherNd, and LRN.
 */
#include <string.h>

#include "base/shape.h"
#include "models/tensorflow_ops_import.h"
#include "ops/ops.h"

static graft_status axis_of(const gft_tf_import *m, int32_t input, int32_t rank, int32_t *out,
                            graft_error *err) {
    gft_tf_ints axis;
    GFT_TRY(gft_tf_need_known(m, input, "axes", &axis, err));
    if (axis.count != 1 || !gft_axis_normalise(axis.values[0], rank, out))
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "its axis is not one of %d dimensions", rank);
    return GRAFT_OK;
}

graft_status gft_tf_import_arg(gft_tf_import *m, graft_error *err) {
    gft_arg_attrs attrs = {.dtype = gft_tf_get_type(m->node, "output_type", GRAFT_S64)};
    graft_tensor_desc x;
    GFT_TRY(gft_tf_desc_of(m, 0, &x, err));
    GFT_TRY(axis_of(m, 1, x.shape.rank, &attrs.axis, err));
    return gft_tf_append_same(
        m, strcmp(m->node->op, "ArgMin") == 0 ? &gft_op_argmin : &gft_op_argmax, &attrs, 1, err);
}

/* TopK: k is an attribute; TopKV2: an input. */
graft_status gft_tf_import_top_k(gft_tf_import *m, graft_error *err) {
    gft_tf_ints k = {.count = 1, .values = {gft_tf_get_int(m->node, "k", -1)}};
    gft_value_id x;
    gft_value_id out[2];
    if (strcmp(m->node->op, "TopKV2") == 0)
        GFT_TRY(gft_tf_need_known(m, 1, "counts", &k, err));
    if (k.count != 1)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "its count is no number");
    const gft_top_k_attrs attrs = {k.values[0]};
    GFT_TRY(gft_tf_take(m, 0, &x, err));
    GFT_TRY(gft_graph_add(m->graph, &gft_op_top_k, m->name, &attrs, &x, 1, out, err));
    gft_tf_set_graph(m, 0, out[0]);
    gft_tf_set_graph(m, 1, out[1]);
    return GRAFT_OK;
}

/* A scalar constant of any type the op knows. */
static bool number_of(const gft_tf_import *m, int32_t input, double *out) {
    gft_tf_ints ints;
    float real;
    if (gft_tf_scalar_of(m, input, &real)) {
        *out = (double)real;
        return true;
    }
    if (!gft_tf_ints_of(m, input, &ints) || ints.count != 1 || ints.values[0] == GFT_TF_UNKNOWN)
        return false;
    *out = (double)ints.values[0];
    return true;
}

graft_status gft_tf_import_one_hot(gft_tf_import *m, graft_error *err) {
    gft_tf_ints depth;
    const int64_t axis = gft_tf_get_int(m->node, "axis", -1);
    gft_one_hot_attrs attrs = {.dtype = gft_tf_get_type(m->node, "T", GRAFT_F32)};
    GFT_TRY(gft_tf_need_known(m, 1, "depths", &depth, err));
    if (depth.count != 1 || axis < -1 || axis >= GRAFT_MAX_RANK)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "its depth or axis is none");
    if (!number_of(m, 2, &attrs.on) || !number_of(m, 3, &attrs.off))
        return gft_tf_refuse("its values are not constant", err);
    attrs.depth = depth.values[0];
    attrs.axis = (int32_t)axis;
    return gft_tf_append_same(m, &gft_op_one_hot, &attrs, 1, err);
}

graft_status gft_tf_import_cumsum(gft_tf_import *m, graft_error *err) {
    gft_cumsum_attrs attrs = {.exclusive = gft_tf_get_bool(m->node, "exclusive", false),
                              .reverse = gft_tf_get_bool(m->node, "reverse", false)};
    graft_tensor_desc x;
    GFT_TRY(gft_tf_desc_of(m, 0, &x, err));
    GFT_TRY(axis_of(m, 1, x.shape.rank, &attrs.axis, err));
    return gft_tf_append_same(m, &gft_op_cumsum, &attrs, 1, err);
}

graft_status gft_tf_import_gather_nd(gft_tf_import *m, graft_error *err) {
    const gft_gather_nd_attrs attrs = {.batch_dims = 0};
    return gft_tf_append_same(m, &gft_op_gather_nd, &attrs, 2, err);
}

graft_status gft_tf_import_lrn(gft_tf_import *m, graft_error *err) {
    const gft_lrn_attrs attrs = {.radius = gft_tf_get_int(m->node, "depth_radius", 5),
                                 .bias = gft_tf_get_float(m->node, "bias", 1.0f),
                                 .alpha = gft_tf_get_float(m->node, "alpha", 1.0f),
                                 .beta = gft_tf_get_float(m->node, "beta", 0.5f)};
    return gft_tf_append_same(m, &gft_op_lrn, &attrs, 1, err);
}
