/*
 * Layer norm as Keras 2 computes it: the rows of x become the channels of a fused batch norm in
 * training mode, (1, rows, C, 1) in NCHW, with as many ones and zeros as there are rows. How many
 * that are is not known before the model runs, so the node is read as what it is: a layer norm.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/shape.h"
#include "formats/tensor_proto.h"
#include "models/savedmodel_read.h"
#include "ops/ops.h"

static bool is_number(const gft_sm_reader *r, const Tensorflow__TensorProto *proto, float wanted) {
    graft_tensor tensor;
    gft_arena scratch;
    if (proto->dtype != GRAFT_F32 || proto->mapped_bytes > ((size_t)1 << 20) ||
        proto->tensor_content.len > ((size_t)1 << 20))
        return false;
    graft_shape shape;
    if (gft_tensor_proto_shape(proto->tensor_shape, "", &shape, NULL) != GRAFT_OK ||
        gft_shape_elems(&shape) < 0 || gft_shape_elems(&shape) > 1 << 18)
        return false;
    gft_arena_init(&scratch);
    bool same = gft_tensor_proto_read(proto, r->map, "", &scratch, &tensor, NULL) == GRAFT_OK;
    for (size_t i = 0; same && i < tensor.bytes / sizeof wanted; i++)
        same = ((const float *)tensor.data)[i] == wanted;
    gft_arena_deinit(&scratch);
    return same;
}

/* An input that is this number however often: Fill, or a constant. */
static graft_status is_filled(gft_sm_reader *r, gft_sm_site site, int32_t input, float wanted,
                              bool *out, graft_error *err) {
    const char *text = gft_sm_data_input(gft_sm_node(r, site), input);
    gft_sm_tensor tensor;
    *out = false;
    for (int hop = 0; hop < 2 && text; hop++) {
        GFT_TRY(gft_sm_resolve(r, site.frame, text, &tensor, err));
        const Tensorflow__NodeDef *node = gft_sm_node(r, tensor.site);
        const Tensorflow__AttrValue *value = gft_tf_find_attr(node, "value");
        site = tensor.site;
        text = NULL;
        if (strcmp(node->op, "Fill") == 0)
            text = gft_sm_data_input(node, 1);
        else if (strcmp(node->op, "Const") == 0 && value &&
                 value->value_case == TENSORFLOW__ATTR_VALUE__VALUE_TENSOR)
            *out = is_number(r, value->tensor, wanted);
    }
    return GRAFT_OK;
}

graft_status gft_sm_is_row_norm(gft_sm_reader *r, gft_sm_site site, bool *out, graft_error *err) {
    const Tensorflow__NodeDef *node = gft_sm_node(r, site);
    *out = false;
    if (strncmp(node->op, "FusedBatchNorm", 14) != 0 ||
        !gft_tf_get_bool(node, "is_training", true) ||
        !gft_tf_text_is(node, "data_format", "NHWC", "NCHW"))
        return GRAFT_OK;
    GFT_TRY(is_filled(r, site, 1, 1.0f, out, err));
    return *out ? is_filled(r, site, 2, 0.0f, out, err) : GRAFT_OK;
}

static graft_status fill(gft_tf_import *m, int64_t channels, float number, gft_value_id *out,
                         graft_error *err) {
    const graft_tensor_desc desc = gft_desc_f32(gft_shape_1(channels));
    float *data = gft_arena_array(m->arena, (size_t)channels, sizeof *data);
    if (!data)
        return gft_fail_memory(err, (size_t)channels * sizeof *data, "a layer norm");
    for (int64_t i = 0; i < channels; i++)
        data[i] = number;
    return gft_graph_const(m->graph, number == 0.0f ? "zeros" : "ones", &desc, data, false, out,
                           err);
}

graft_status gft_sm_read_row_norm(gft_tf_import *m, graft_error *err) {
    graft_tensor_desc x;
    gft_value_id inputs[3];
    gft_value_id y;
    GFT_TRY(gft_tf_desc_of(m, 0, &x, err));
    const int64_t channels = x.shape.rank == 4 ? x.shape.dims[2] : -1;
    if (x.shape.rank != 4 || x.shape.dims[0] != 1 || x.shape.dims[3] != 1 || channels <= 0 ||
        channels > INT32_MAX)
        return gft_tf_refuse("it is in training mode (statistics of the batch)", err);
    const gft_shape_attrs rows = {.shape = {3, {1, x.shape.dims[1], channels}}};
    const gft_shape_attrs back = {.shape = x.shape};
    const gft_norm_attrs attrs = {.epsilon = gft_tf_get_float(m->node, "epsilon", 1e-4f)};
    GFT_TRY(gft_tf_take(m, 0, &inputs[0], err));
    GFT_TRY(gft_tf_append(m, &gft_op_reshape, &rows, inputs, 1, &inputs[0], err));
    GFT_TRY(fill(m, channels, 1.0f, &inputs[1], err));
    GFT_TRY(fill(m, channels, 0.0f, &inputs[2], err));
    GFT_TRY(gft_tf_append(m, &gft_op_layer_norm, &attrs, inputs, 3, &y, err));
    GFT_TRY(gft_tf_append(m, &gft_op_reshape, &back, &y, 1, &y, err));
    gft_tf_set_graph(m, 0, y);
    return GRAFT_OK;
}
