/*
 * The table from graph ops to the functions that write them as TFLite's operators, and the
 * functions for ops that are one operator over the same inputs. Ops of training do not occur in the
 * graphs that are written.
 */
#include <math.h>
#include <string.h>

#include "base/size.h"
#include "models/tflite_write.h"
#include "ops/ops.h"

#define INTEGER GFT_TFLW_INTEGER
#define FUSES GFT_TFLW_FUSES
#define NUMBERS GFT_TFLW_NUMBERS
#define SAME (GFT_TFLW_INTEGER | GFT_TFLW_SAME)
#define OP(name) GFT_TFLITE_OP_##name
#define OPTIONS(name) GFT_TFLITE_OPTIONS_##name

static const gft_tflw_entry table[] = {
    {"conv2d", gft_tflw_emit_conv2d, OP(CONV_2D), OPTIONS(NONE), INTEGER | FUSES},
    {"depthwise_conv2d", gft_tflw_emit_depthwise, OP(DEPTHWISE_CONV_2D), OPTIONS(NONE),
     INTEGER | FUSES},
    {"conv2d_transpose", gft_tflw_emit_transposed, OP(TRANSPOSE_CONV), OPTIONS(NONE), INTEGER},
    {"dense", gft_tflw_emit_dense, OP(FULLY_CONNECTED), OPTIONS(NONE), INTEGER | FUSES},
    {"matmul", gft_tflw_emit_matmul, OP(BATCH_MATMUL), OPTIONS(NONE), INTEGER},
    {"add", gft_tflw_emit_binary, OP(ADD), OPTIONS(NONE), INTEGER | FUSES | NUMBERS},
    {"bias_add", gft_tflw_emit_binary, OP(ADD), OPTIONS(NONE), INTEGER | FUSES},
    {"sub", gft_tflw_emit_binary, OP(SUB), OPTIONS(NONE), INTEGER | FUSES | NUMBERS},
    {"mul", gft_tflw_emit_binary, OP(MUL), OPTIONS(NONE), INTEGER | FUSES | NUMBERS},
    {"div", gft_tflw_emit_binary, OP(DIV), OPTIONS(NONE), FUSES},
    {"maximum", gft_tflw_emit_binary, OP(MAXIMUM), OPTIONS(NONE), SAME},
    {"minimum", gft_tflw_emit_binary, OP(MINIMUM), OPTIONS(NONE), SAME},
    {"relu", gft_tflw_emit_activation, OP(RELU), OPTIONS(NONE), INTEGER},
    {"relu6", gft_tflw_emit_activation, OP(RELU6), OPTIONS(NONE), INTEGER},
    {"sigmoid", gft_tflw_emit_activation, OP(LOGISTIC), OPTIONS(NONE), INTEGER},
    {"tanh", gft_tflw_emit_activation, OP(TANH), OPTIONS(NONE), INTEGER},
    {"hard_swish", gft_tflw_emit_activation, OP(HARD_SWISH), OPTIONS(NONE), INTEGER},
    {"leaky_relu", gft_tflw_emit_activation, OP(LEAKY_RELU), OPTIONS(NONE), INTEGER},
    {"gelu", gft_tflw_emit_activation, OP(GELU), OPTIONS(NONE), INTEGER},
    {"gelu_tanh", gft_tflw_emit_activation, OP(GELU), OPTIONS(NONE), INTEGER},
    {"exp", gft_tflw_emit_activation, OP(EXP), OPTIONS(NONE), INTEGER},
    {"log", gft_tflw_emit_activation, OP(LOG), OPTIONS(NONE), INTEGER},
    {"rsqrt", gft_tflw_emit_activation, OP(RSQRT), OPTIONS(NONE), INTEGER},
    {"elu", gft_tflw_emit_activation, OP(ELU), OPTIONS(NONE), 0},
    {"silu", gft_tflw_emit_activation, OP(LOGISTIC), OPTIONS(NONE), 0},
    {"hard_sigmoid", gft_tflw_emit_activation, OP(MUL), OPTIONS(NONE), 0},
    {"selu", gft_tflw_emit_activation, OP(ELU), OPTIONS(NONE), 0},
    {"softplus", gft_tflw_emit_activation, OP(LOG), OPTIONS(NONE), 0},
    {"softsign", gft_tflw_emit_activation, OP(DIV), OPTIONS(NONE), 0},
    {"log1p", gft_tflw_emit_activation, OP(LOG), OPTIONS(NONE), 0},
    {"expm1", gft_tflw_emit_activation, OP(EXP), OPTIONS(NONE), 0},
    {"neg", gft_tflw_emit_activation, OP(NEG), OPTIONS(NONE), 0},
    {"sqrt", gft_tflw_emit_activation, OP(SQRT), OPTIONS(NONE), 0},
    {"square", gft_tflw_emit_activation, OP(SQUARE), OPTIONS(NONE), 0},
    {"abs", gft_tflw_emit_activation, OP(ABS), OPTIONS(NONE), 0},
    {"sign", gft_tflw_emit_activation, OP(SIGN), OPTIONS(NONE), 0},
    {"floor", gft_tflw_emit_activation, OP(FLOOR), OPTIONS(NONE), 0},
    {"ceil", gft_tflw_emit_activation, OP(CEIL), OPTIONS(NONE), 0},
    {"round", gft_tflw_emit_activation, OP(ROUND), OPTIONS(NONE), 0},
    {"sin", gft_tflw_emit_activation, OP(SIN), OPTIONS(NONE), 0},
    {"cos", gft_tflw_emit_activation, OP(COS), OPTIONS(NONE), 0},
    {"clip", gft_tflw_emit_clip, OP(MAXIMUM), OPTIONS(NONE), 0},
    {"prelu", gft_tflw_emit_simple, OP(PRELU), OPTIONS(NONE), INTEGER},
    {"pow", gft_tflw_emit_simple, OP(POW), OPTIONS(POW), 0},
    {"floor_div", gft_tflw_emit_simple, OP(FLOOR_DIV), OPTIONS(FLOOR_DIV), 0},
    {"floor_mod", gft_tflw_emit_simple, OP(FLOOR_MOD), OPTIONS(FLOOR_MOD), 0},
    {"equal", gft_tflw_emit_simple, OP(EQUAL), OPTIONS(EQUAL), 0},
    {"not_equal", gft_tflw_emit_simple, OP(NOT_EQUAL), OPTIONS(NOT_EQUAL), 0},
    {"less", gft_tflw_emit_simple, OP(LESS), OPTIONS(LESS), 0},
    {"less_equal", gft_tflw_emit_simple, OP(LESS_EQUAL), OPTIONS(LESS_EQUAL), 0},
    {"greater", gft_tflw_emit_simple, OP(GREATER), OPTIONS(GREATER), 0},
    {"greater_equal", gft_tflw_emit_simple, OP(GREATER_EQUAL), OPTIONS(GREATER_EQUAL), 0},
    {"logical_and", gft_tflw_emit_simple, OP(LOGICAL_AND), OPTIONS(LOGICAL_AND), 0},
    {"logical_or", gft_tflw_emit_simple, OP(LOGICAL_OR), OPTIONS(LOGICAL_OR), 0},
    {"logical_not", gft_tflw_emit_simple, OP(LOGICAL_NOT), OPTIONS(LOGICAL_NOT), 0},
    {"select", gft_tflw_emit_simple, OP(SELECT_V2), OPTIONS(SELECT_V2), 0},
    {"cast", gft_tflw_emit_cast, OP(CAST), OPTIONS(CAST), 0},
    {"identity", gft_tflw_emit_identity, OP(RESHAPE), OPTIONS(RESHAPE), 0},
    {"dropout", gft_tflw_emit_identity, OP(RESHAPE), OPTIONS(RESHAPE), 0},
    {"fill_like", gft_tflw_emit_fill_like, OP(FILL), OPTIONS(FILL), 0},
    {"softmax", gft_tflw_emit_softmax, OP(SOFTMAX), OPTIONS(SOFTMAX), INTEGER},
    {"log_softmax", gft_tflw_emit_softmax, OP(LOG_SOFTMAX), OPTIONS(LOG_SOFTMAX), INTEGER},
    {"batch_norm", gft_tflw_emit_batch_norm, OP(MUL), OPTIONS(NONE), FUSES},
    {"layer_norm", gft_tflw_emit_layer_norm, OP(MUL), OPTIONS(NONE), FUSES},
    {"l2_normalise", gft_tflw_emit_l2_normalise, OP(L2_NORMALIZATION), OPTIONS(NONE), INTEGER},
    {"lrn", gft_tflw_emit_lrn, OP(LOCAL_RESPONSE_NORMALIZATION), OPTIONS(NONE), 0},
    {"max_pool", gft_tflw_emit_pool, OP(MAX_POOL_2D), OPTIONS(POOL_2D), SAME | FUSES},
    {"avg_pool", gft_tflw_emit_pool, OP(AVERAGE_POOL_2D), OPTIONS(POOL_2D), SAME | FUSES},
    {"reduce_mean", gft_tflw_emit_reduce, OP(MEAN), OPTIONS(REDUCER), INTEGER},
    {"reduce_sum", gft_tflw_emit_reduce, OP(SUM), OPTIONS(REDUCER), INTEGER},
    {"reduce_max", gft_tflw_emit_reduce, OP(REDUCE_MAX), OPTIONS(REDUCER), SAME},
    {"reduce_min", gft_tflw_emit_reduce, OP(REDUCE_MIN), OPTIONS(REDUCER), SAME},
    {"reduce_prod", gft_tflw_emit_reduce, OP(REDUCE_PROD), OPTIONS(REDUCER), 0},
    {"reduce_any", gft_tflw_emit_reduce, OP(REDUCE_ANY), OPTIONS(REDUCER), 0},
    {"reduce_all", gft_tflw_emit_reduce, OP(REDUCE_ALL), OPTIONS(REDUCER), 0},
    {"resize", gft_tflw_emit_resize, OP(RESIZE_BILINEAR), OPTIONS(NONE), SAME},
    {"pad", gft_tflw_emit_pad, OP(PAD), OPTIONS(PAD), SAME},
    {"mirror_pad", gft_tflw_emit_mirror_pad, OP(MIRROR_PAD), OPTIONS(MIRROR_PAD), SAME},
    {"slice", gft_tflw_emit_slice, OP(SLICE), OPTIONS(SLICE), SAME},
    {"strided_slice", gft_tflw_emit_strided_slice, OP(STRIDED_SLICE), OPTIONS(STRIDED_SLICE), SAME},
    {"concat", gft_tflw_emit_concat, OP(CONCATENATION), OPTIONS(CONCATENATION), SAME},
    {"reshape", gft_tflw_emit_reshape, OP(RESHAPE), OPTIONS(RESHAPE), SAME},
    {"broadcast_to", gft_tflw_emit_broadcast_to, OP(BROADCAST_TO), OPTIONS(BROADCAST_TO), SAME},
    {"transpose", gft_tflw_emit_transpose, OP(TRANSPOSE), OPTIONS(TRANSPOSE), SAME},
    {"gather", gft_tflw_emit_gather, OP(GATHER), OPTIONS(GATHER), SAME},
    {"gather_nd", gft_tflw_emit_gather_nd, OP(GATHER_ND), OPTIONS(GATHER_ND), 0},
    {"tile", gft_tflw_emit_tile, OP(TILE), OPTIONS(TILE), SAME},
    {"depth_to_space", gft_tflw_emit_block, OP(DEPTH_TO_SPACE), OPTIONS(DEPTH_TO_SPACE), SAME},
    {"space_to_depth", gft_tflw_emit_block, OP(SPACE_TO_DEPTH), OPTIONS(SPACE_TO_DEPTH), SAME},
    {"space_to_batch", gft_tflw_emit_space_batch, OP(SPACE_TO_BATCH_ND), OPTIONS(SPACE_TO_BATCH_ND),
     SAME},
    {"batch_to_space", gft_tflw_emit_space_batch, OP(BATCH_TO_SPACE_ND), OPTIONS(BATCH_TO_SPACE_ND),
     SAME},
    {"argmax", gft_tflw_emit_arg, OP(ARG_MAX), OPTIONS(ARG_MAX), 0},
    {"argmin", gft_tflw_emit_arg, OP(ARG_MIN), OPTIONS(ARG_MIN), 0},
    {"top_k", gft_tflw_emit_top_k, OP(TOPK_V2), OPTIONS(TOPK_V2), 0},
    {"one_hot", gft_tflw_emit_one_hot, OP(ONE_HOT), OPTIONS(ONE_HOT), 0},
    {"cumsum", gft_tflw_emit_cumsum, OP(CUMSUM), OPTIONS(CUMSUM), 0},
    {"quantize", gft_tflw_emit_quantize, OP(QUANTIZE), OPTIONS(QUANTIZE), 0},
    {"dequantize", gft_tflw_emit_dequantize, OP(DEQUANTIZE), OPTIONS(DEQUANTIZE), 0},
};

const gft_tflw_entry *gft_tflw_find(const gft_op *op) {
    for (size_t i = 0; op && i < sizeof table / sizeof table[0]; i++) {
        if (strcmp(table[i].op, op->name) == 0)
            return &table[i];
    }
    return NULL;
}

void gft_tflw_emit_node(gft_tflw_walk *w) {
    const gft_tflw_entry *entry = gft_tflw_find(w->node->op);
    if (entry)
        entry->emit(w);
    else
        gft_tflw_cannot(w, "there is none for it");
}

/* ---- one operator over the same inputs ---- */

void gft_tflw_emit_simple(gft_tflw_walk *w) {
    const gft_tflw_entry *entry = gft_tflw_find(w->node->op);
    int32_t inputs[4] = {-1, -1, -1, -1};
    GFT_ASSERT(w->node->input_count <= 4);
    for (int32_t i = 0; i < w->node->input_count; i++)
        inputs[i] = gft_tflw_in(w, i);
    gft_tflw_options(
        gft_tflw_add(w, entry->tflite, inputs, w->node->input_count, gft_tflw_out(w, 0)),
        entry->options);
}

/*
 * The other way to take a constant: its negative to a sum, its reciprocal to a product. -1: none.
 */
static int32_t turned(gft_tflw_walk *w, gft_tflite_op op) {
    const gft_value *value = &w->graph->values[w->node->inputs[1]];
    const float *data = gft_graph_value_data(w->graph, w->node->inputs[1]);
    const int64_t elems = gft_shape_elems(&value->desc.shape);
    if (!data || value->desc.dtype != GRAFT_F32 || elems < 1 || gft_tflw_role_of(w)->integer)
        return -1;
    float *other = gft_tflw_memory(w, (size_t)elems, sizeof *other);
    for (int64_t i = 0; i < elems && other; i++) {
        other[i] = op == GFT_TFLITE_OP_SUB ? -data[i] : 1.0f / data[i];
        if (!isnormal(other[i]) && other[i] != 0.0f)
            return -1;
    }
    return other ? gft_tflw_const_f32s(w, "constant", &value->desc.shape, other, false) : -1;
}

/*
 * Differences and quotients by constants are written as the converter does, with fewer operators.
 */
void gft_tflw_emit_binary(gft_tflw_walk *w) {
    gft_tflite_op op = gft_tflw_find(w->node->op)->tflite;
    const bool turns = op == GFT_TFLITE_OP_SUB || op == GFT_TFLITE_OP_DIV;
    const int32_t a = gft_tflw_in(w, 0);
    int32_t b = turns ? turned(w, op) : -1;
    if (b >= 0)
        op = op == GFT_TFLITE_OP_SUB ? GFT_TFLITE_OP_ADD : GFT_TFLITE_OP_MUL;
    else
        b = gft_tflw_in(w, 1);
    (void)gft_tflw_binary(w, op, a, b, gft_tflw_fused(w), gft_tflw_out(w, 0), "binary");
}

void gft_tflw_emit_cast(gft_tflw_walk *w) {
    const gft_cast_attrs *attrs = w->node->attrs;
    const int32_t x = gft_tflw_in(w, 0);
    gft_tflw_op *op = gft_tflw_add(w, GFT_TFLITE_OP_CAST, &x, 1, gft_tflw_out(w, 0));
    gft_tflw_options(op, GFT_TFLITE_OPTIONS_CAST);
    gft_tflw_option_i(op, GFT_TFLITE_CAST_IN_DATA_TYPE, 1,
                      gft_tflw_type(gft_tflw_in_desc(w, 0)->dtype), 0);
    gft_tflw_option_i(op, GFT_TFLITE_CAST_OUT_DATA_TYPE, 1, gft_tflw_type(attrs->dtype), 0);
}

/* Ones in the shape of the input: x - x would keep what is not finite. */
void gft_tflw_emit_fill_like(gft_tflw_walk *w) {
    const int32_t x = gft_tflw_in(w, 0);
    if (gft_tflw_out_desc(w)->dtype != GRAFT_F32) {
        gft_tflw_cannot(w, "its values are not float32");
        return;
    }
    const graft_tensor_desc desc = {GRAFT_S32, gft_shape_1(gft_tflw_out_desc(w)->shape.rank), NULL};
    const int32_t shape = gft_tflw_between(w, "shape", &desc, -1);
    gft_tflw_op *op = gft_tflw_add(w, GFT_TFLITE_OP_SHAPE, &x, 1, shape);
    gft_tflw_options(op, GFT_TFLITE_OPTIONS_SHAPE);
    gft_tflw_option_i(op, GFT_TFLITE_SHAPE_OUT_TYPE, 1, GFT_TFLITE_TYPE_INT32, 0);
    const int32_t inputs[2] = {shape, gft_tflw_const_f32(w, "one", 1.0f)};
    gft_tflw_options(gft_tflw_add(w, GFT_TFLITE_OP_FILL, inputs, 2, gft_tflw_out(w, 0)),
                     GFT_TFLITE_OPTIONS_FILL);
}

/* ---- integers ---- */

/* float32 or other integers to integers. */
void gft_tflw_emit_quantize(gft_tflw_walk *w) {
    gft_tflw_quant quant;
    const int32_t x = gft_tflw_in(w, 0);
    const int32_t y = gft_tflw_out(w, 0);
    if (!gft_tflw_ok(w))
        return;
    w->status = gft_tflw_quant_of(w, w->node, &quant);
    w->g->tensors[y].quant = quant;
    gft_tflw_options(gft_tflw_add(w, GFT_TFLITE_OP_QUANTIZE, &x, 1, y),
                     GFT_TFLITE_OPTIONS_QUANTIZE);
}

void gft_tflw_emit_dequantize(gft_tflw_walk *w) {
    gft_tflw_quant quant = {0};
    const int32_t x = gft_tflw_value(w, w->node->inputs[0], "integers");
    if (!gft_tflw_ok(w))
        return;
    if (w->node->input_count == 3) {
        w->status = gft_tflw_quant_of(w, w->node, &quant);
        if (!w->g->tensors[x].quant.scales)
            w->g->tensors[x].quant = quant;
    }
    gft_tflw_options(gft_tflw_add(w, GFT_TFLITE_OP_DEQUANTIZE, &x, 1, gft_tflw_out(w, 0)),
                     GFT_TFLITE_OPTIONS_DEQUANTIZE);
}
