/*
 * Element-wise operators, activations, reductions and changes of type, read.
 */
#include "base/shape.h"
#include "models/tflite_read.h"

/* TensorFlow's node with the same inputs and no attributes. */
graft_status gft_tfl_read_plain(gft_tfl_op *m, graft_error *err) {
    gft_tfl_node node;
    GFT_TRY(gft_tfl_node_begin(m, m->entry->tf, 0, -1, &node, err));
    return gft_tfl_node_end(&node, GFT_TFLITE_ACT_NONE, err);
}

/* ADD, SUB, MUL, DIV: the fused activation is field 0 of all their options. */
graft_status gft_tfl_read_binary(gft_tfl_op *m, graft_error *err) {
    gft_tfl_node node;
    GFT_TRY(gft_tfl_keep_integers(m, 0, err));
    GFT_TRY(gft_tfl_keep_integers(m, 1, err));
    GFT_TRY(gft_tfl_node_begin(m, m->entry->tf, 0, 2, &node, err));
    return gft_tfl_node_end(&node, gft_fb_i8(&m->o->options, GFT_TFLITE_ADD_ACTIVATION, 0), err);
}

/* A graph op with the same inputs and no attributes. */
graft_status gft_tfl_read_same(gft_tfl_op *m, graft_error *err) {
    gft_value_id inputs[4];
    gft_value_id y;
    const int32_t count = m->o->input_count;
    if (count > 4)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "it has %d inputs", count);
    for (int32_t i = 0; i < count; i++)
        GFT_TRY(gft_tfl_take(m, i, &inputs[i], err));
    GFT_TRY(gft_tfl_append(m, m->entry->graph_op, NULL, inputs, count, &y, err));
    return gft_tfl_set_id(m, 0, y, err);
}

/* A graph op of one input with attributes. */
static graft_status one_input(gft_tfl_op *m, const gft_op *op, const void *attrs,
                              graft_error *err) {
    gft_value_id x;
    GFT_TRY(gft_tfl_take(m, 0, &x, err));
    GFT_TRY(gft_tfl_append(m, op, attrs, &x, 1, &x, err));
    return gft_tfl_set_id(m, 0, x, err);
}

graft_status gft_tfl_read_relu_bounds(gft_tfl_op *m, graft_error *err) {
    const bool zero = m->o->op == GFT_TFLITE_OP_RELU_0_TO_1;
    const gft_clip_attrs attrs = {.low = zero ? 0.0f : -1.0f, .high = 1.0f};
    return one_input(m, &gft_op_clip, &attrs, err);
}

graft_status gft_tfl_read_leaky_relu(gft_tfl_op *m, graft_error *err) {
    const gft_unary_attrs attrs = {
        .alpha = gft_fb_f32(&m->o->options, GFT_TFLITE_LEAKY_RELU_ALPHA, 0.0f)};
    return one_input(m, &gft_op_leaky_relu, &attrs, err);
}

graft_status gft_tfl_read_elu(gft_tfl_op *m, graft_error *err) {
    const gft_unary_attrs attrs = {.alpha = 1.0f};
    return one_input(m, &gft_op_elu, &attrs, err);
}

graft_status gft_tfl_read_gelu(gft_tfl_op *m, graft_error *err) {
    const bool tanh = gft_fb_bool(&m->o->options, GFT_TFLITE_GELU_APPROXIMATE, false);
    return one_input(m, tanh ? &gft_op_gelu_tanh : &gft_op_gelu, NULL, err);
}

graft_status gft_tfl_read_prelu(gft_tfl_op *m, graft_error *err) {
    gft_value_id inputs[2];
    gft_value_id y;
    gft_param_id param;
    GFT_TRY(gft_tfl_take(m, 0, &inputs[0], err));
    GFT_TRY(gft_tfl_weight(m, 1, GFT_TFL_AS_IS, "alpha", -1, 0, &inputs[1], &param, err));
    GFT_TRY(gft_tfl_append(m, &gft_op_prelu, NULL, inputs, 2, &y, err));
    return gft_tfl_set_id(m, 0, y, err);
}

/* softmax(beta * x) over the last axis. */
graft_status gft_tfl_read_softmax(gft_tfl_op *m, graft_error *err) {
    const gft_axis_attrs last = {.axis = -1};
    const bool log = m->o->op == GFT_TFLITE_OP_LOG_SOFTMAX;
    const float beta = log ? 1.0f : gft_fb_f32(&m->o->options, GFT_TFLITE_SOFTMAX_BETA, 0.0f);
    gft_value_id pair[2];
    gft_value_id x;
    GFT_TRY(gft_tfl_take(m, 0, &x, err));
    if (beta != 1.0f) {
        pair[0] = x;
        GFT_TRY(gft_graph_const_f32(m->g->graph, beta, &pair[1], err));
        GFT_TRY(gft_tfl_append(m, &gft_op_mul, NULL, pair, 2, &x, err));
    }
    GFT_TRY(gft_tfl_append(m, log ? &gft_op_log_softmax : &gft_op_softmax, &last, &x, 1, &x, err));
    return gft_tfl_set_id(m, 0, x, err);
}

/* x / max(norm, 1e-6) over the last axis. */
graft_status gft_tfl_read_l2_normalization(gft_tfl_op *m, graft_error *err) {
    const gft_norm_attrs attrs = {.epsilon = 1e-12f};
    gft_value_id x;
    GFT_TRY(gft_tfl_take(m, 0, &x, err));
    GFT_TRY(gft_tfl_append(m, &gft_op_l2_normalise, &attrs, &x, 1, &x, err));
    GFT_TRY(gft_tfl_activate(m, gft_fb_i8(&m->o->options, GFT_TFLITE_L2_NORM_ACTIVATION, 0), x, &x,
                             err));
    return gft_tfl_set_id(m, 0, x, err);
}

graft_status gft_tfl_read_lrn(gft_tfl_op *m, graft_error *err) {
    const gft_fb_table *o = &m->o->options;
    gft_tf_nodes *nodes = &m->g->nodes;
    gft_tfl_node node;
    GFT_TRY(gft_tfl_node_begin(m, m->entry->tf, 0, 1, &node, err));
    gft_tf_attr_int(nodes, node.node, "depth_radius",
                    gft_fb_i32(o, GFT_TFLITE_LOCAL_RESPONSE_NORMALIZATION_RADIUS, 0));
    gft_tf_attr_float(nodes, node.node, "bias",
                      gft_fb_f32(o, GFT_TFLITE_LOCAL_RESPONSE_NORMALIZATION_BIAS, 0.0f));
    gft_tf_attr_float(nodes, node.node, "alpha",
                      gft_fb_f32(o, GFT_TFLITE_LOCAL_RESPONSE_NORMALIZATION_ALPHA, 0.0f));
    gft_tf_attr_float(nodes, node.node, "beta",
                      gft_fb_f32(o, GFT_TFLITE_LOCAL_RESPONSE_NORMALIZATION_BETA, 0.0f));
    return gft_tfl_node_end(&node, GFT_TFLITE_ACT_NONE, err);
}

graft_status gft_tfl_read_reduce(gft_tfl_op *m, graft_error *err) {
    gft_tfl_node node;
    GFT_TRY(gft_tfl_node_begin(m, m->entry->tf, 0, 2, &node, err));
    gft_tf_attr_bool(&m->g->nodes, node.node, "keep_dims",
                     gft_fb_bool(&m->o->options, GFT_TFLITE_REDUCER_KEEP_DIMS, false));
    return gft_tfl_node_end(&node, GFT_TFLITE_ACT_NONE, err);
}

/* ---- types ---- */

static graft_dtype output_dtype(const gft_tfl_op *m, graft_dtype otherwise) {
    if (m->o->output_count == 0)
        return otherwise;
    return gft_tflite_dtype(gft_tfl_tensor(m->g, m->o->outputs[0])->type);
}

graft_status gft_tfl_read_cast(gft_tfl_op *m, graft_error *err) {
    const graft_dtype to = output_dtype(m, GRAFT_F32);
    gft_tfl_node node;
    if (graft_dtype_bytes(to) == 0)
        return gft_fail(err, GRAFT_UNIMPLEMENTED, "it casts to a type that is not supported");
    GFT_TRY(gft_tfl_node_begin(m, m->entry->tf, 0, 1, &node, err));
    gft_tf_attr_type(&m->g->nodes, node.node, "DstT", to);
    return gft_tfl_node_end(&node, GFT_TFLITE_ACT_NONE, err);
}

graft_status gft_tfl_read_arg(gft_tfl_op *m, graft_error *err) {
    gft_tfl_node node;
    GFT_TRY(gft_tfl_node_begin(m, m->entry->tf, 0, 2, &node, err));
    gft_tf_attr_type(&m->g->nodes, node.node, "output_type", output_dtype(m, GRAFT_S64));
    return gft_tfl_node_end(&node, GFT_TFLITE_ACT_NONE, err);
}

graft_status gft_tfl_read_cumsum(gft_tfl_op *m, graft_error *err) {
    const gft_fb_table *o = &m->o->options;
    gft_tfl_node node;
    GFT_TRY(gft_tfl_node_begin(m, m->entry->tf, 0, 2, &node, err));
    gft_tf_attr_bool(&m->g->nodes, node.node, "exclusive",
                     gft_fb_bool(o, GFT_TFLITE_CUMSUM_EXCLUSIVE, false));
    gft_tf_attr_bool(&m->g->nodes, node.node, "reverse",
                     gft_fb_bool(o, GFT_TFLITE_CUMSUM_REVERSE, false));
    return gft_tfl_node_end(&node, GFT_TFLITE_ACT_NONE, err);
}

/* ---- quantisation: floats pass through, the output's tensor says how they are rounded ---- */

graft_status gft_tfl_read_quantize(gft_tfl_op *m, graft_error *err) {
    gft_value_id x;
    GFT_TRY(gft_tfl_take(m, 0, &x, err));
    return gft_tfl_set_id(m, 0, x, err);
}

/* Of a constant: the output is another name for it, made float where it is used. */
graft_status gft_tfl_read_dequantize(gft_tfl_op *m, graft_error *err) {
    gft_tf_value *value;
    gft_tfl_graph *g = m->g;
    if (!gft_tfl_has(m, 0) || m->o->output_count != 1)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "it has not one input and one output");
    const int32_t from = m->o->inputs[0];
    const gft_tflite_tensor *t = gft_tfl_tensor(g, from);
    if (t->data && g->values[from].kind == GFT_TF_NONE &&
        (t->type == GFT_TFLITE_TYPE_FLOAT16 || gft_tfl_quantised(t))) {
        g->origin[m->o->outputs[0]] = from;
        return GRAFT_OK;
    }
    GFT_TRY(gft_tfl_input(m, 0, &value, err));
    if (value->kind == GFT_TF_GRAPH && g->graph->values[value->id].desc.dtype == GRAFT_F16) {
        const gft_cast_attrs attrs = {.dtype = GRAFT_F32};
        return one_input(m, &gft_op_cast, &attrs, err);
    }
    return gft_tfl_set(m, 0, value, err);
}
