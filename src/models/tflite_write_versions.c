/*
 * Versions of TFLite's operators: the lowest that does what an operator with these tensors and
 * options asks for, and the release of the runtime that first had it. Rules and releases are those
 * of TensorFlow 2.21's converter (tools/versioning/op_version.cc, runtime_version.cc).
 */
#include <stdlib.h>
#include <string.h>

#include "models/tflite_write.h"

/* An operator seen by its tensors. */
typedef struct view {
    const gft_tflw_subgraph *g;
    const gft_tflw_op *op;
} view;

static gft_tflite_type type_in(const view *v, int32_t i) {
    if (i >= v->op->input_count || v->op->inputs[i] < 0)
        return (gft_tflite_type)-1;
    return v->g->tensors[v->op->inputs[i]].type;
}

static int32_t rank_in(const view *v, int32_t i) {
    return i < v->op->input_count && v->op->inputs[i] >= 0
               ? v->g->tensors[v->op->inputs[i]].shape.rank
               : 0;
}

static int64_t option(const view *v, int32_t field) {
    for (int32_t i = 0; i < v->op->option_count; i++) {
        if (v->op->options[i].field == field)
            return v->op->options[i].value;
    }
    return 0;
}

static bool per_channel(const view *v, int32_t i) {
    return v->op->inputs[i] >= 0 && v->g->tensors[v->op->inputs[i]].quant.count > 1;
}

static bool all_int8(const view *v) {
    return type_in(v, 0) == GFT_TFLITE_TYPE_INT8 && type_in(v, 1) == GFT_TFLITE_TYPE_INT8;
}

static bool hybrid(const view *v) {
    return type_in(v, 0) == GFT_TFLITE_TYPE_FLOAT32 && type_in(v, 1) == GFT_TFLITE_TYPE_INT8;
}

static int32_t convolution(const view *v) {
    const graft_shape *x = &v->g->tensors[v->op->inputs[0]].shape;
    const graft_shape *filter = &v->g->tensors[v->op->inputs[1]].shape;
    if (x->rank == 4 && filter->rank == 4 && x->dims[3] >= 0 && x->dims[3] != filter->dims[3])
        return 6; /* groups */
    if (type_in(v, 0) == GFT_TFLITE_TYPE_INT16)
        return 4;
    if (all_int8(v))
        return 3;
    return hybrid(v) ? (per_channel(v, 1) ? 5 : 2) : 1;
}

static int32_t depthwise(const view *v) {
    if (type_in(v, 0) == GFT_TFLITE_TYPE_INT16)
        return 5;
    if (hybrid(v))
        return per_channel(v, 1) ? 6 : 4;
    if (all_int8(v))
        return 3;
    return option(v, GFT_TFLITE_DEPTHWISE_CONV_2D_DILATION_W_FACTOR) > 1 ||
                   option(v, GFT_TFLITE_DEPTHWISE_CONV_2D_DILATION_H_FACTOR) > 1
               ? 2
               : 1;
}

static int32_t fully_connected(const view *v) {
    if (hybrid(v) && per_channel(v, 1))
        return 12;
    if (type_in(v, 0) == GFT_TFLITE_TYPE_INT16)
        return 7;
    if (option(v, GFT_TFLITE_FULLY_CONNECTED_KEEP_NUM_DIMS))
        return 5;
    if (all_int8(v))
        return 4;
    return hybrid(v) ? 9 : 1; /* inputs are quantised asymmetrically */
}

static float scale_of(const gft_tflw_subgraph *g, int32_t tensor) {
    return g->tensors[tensor].quant.scales ? g->tensors[tensor].quant.scales[0] : 0.0f;
}

static int32_t multiplication(const view *v) {
    const gft_tflite_type type = type_in(v, 0);
    if (type == GFT_TFLITE_TYPE_INT64)
        return 5;
    if (type == GFT_TFLITE_TYPE_INT16)
        return 4;
    const float a = scale_of(v->g, v->op->inputs[0]);
    const float b = scale_of(v->g, v->op->inputs[1]);
    const float y = scale_of(v->g, v->op->outputs[0]);
    if (a != 0.0f && b != 0.0f && y != 0.0f && a * b / y >= 1.0f)
        return 3;
    return type == GFT_TFLITE_TYPE_INT8 ? 2 : 1;
}

static bool broadcasts_beyond_4(const view *v) {
    const graft_shape *a = &v->g->tensors[v->op->inputs[0]].shape;
    const graft_shape *b = &v->g->tensors[v->op->inputs[1]].shape;
    return !gft_shape_equal(a, b) && (a->rank > 4 || b->rank > 4);
}

/* Sums, quotients, extremes. */
static int32_t arithmetic(const view *v) {
    const gft_tflite_type type = type_in(v, 0);
    const gft_tflite_op op = v->op->op;
    const bool wide = broadcasts_beyond_4(v);
    if (op == GFT_TFLITE_OP_DIV)
        return wide ? 2 : 1;
    if ((op == GFT_TFLITE_OP_ADD || op == GFT_TFLITE_OP_SUB) && type == GFT_TFLITE_TYPE_INT64)
        return 4;
    if (op != GFT_TFLITE_OP_ADD && wide)
        return 3;
    return type == GFT_TFLITE_TYPE_INT8 ? 2 : 1;
}

static int32_t dequantize(const view *v) {
    switch (type_in(v, 0)) {
    case GFT_TFLITE_TYPE_INT16:
    case GFT_TFLITE_TYPE_FLOAT16:
        return 3;
    case GFT_TFLITE_TYPE_INT8:
        return per_channel(v, 0) ? 5 : 2;
    default:
        return 1;
    }
}

static int32_t cast(const view *v) {
    const gft_tflite_type from = type_in(v, 0);
    const gft_tflite_type to = v->g->tensors[v->op->outputs[0]].type;
    if (from == GFT_TFLITE_TYPE_BFLOAT16 || to == GFT_TFLITE_TYPE_BFLOAT16)
        return 7;
    if (from == GFT_TFLITE_TYPE_FLOAT64 || to == GFT_TFLITE_TYPE_FLOAT64 ||
        from == GFT_TFLITE_TYPE_FLOAT16 || to == GFT_TFLITE_TYPE_FLOAT16)
        return 5;
    return from == GFT_TFLITE_TYPE_INT8 || to == GFT_TFLITE_TYPE_INT8 ? 3 : 1;
}

static int32_t transposition(const view *v) {
    const int32_t rank = rank_in(v, 0);
    if (rank > 6)
        return 8;
    if (rank > 4)
        return rank > 5 ? 6 : 4;
    if (type_in(v, 0) == GFT_TFLITE_TYPE_BOOL)
        return 3;
    return type_in(v, 0) == GFT_TFLITE_TYPE_INT8 ? 2 : 1;
}

static int32_t resize(const view *v) {
    const bool nearest = v->op->op == GFT_TFLITE_OP_RESIZE_NEAREST_NEIGHBOR;
    const bool half = option(v, nearest ? GFT_TFLITE_RESIZE_NEAREST_NEIGHBOR_HALF_PIXEL_CENTERS
                                        : GFT_TFLITE_RESIZE_BILINEAR_HALF_PIXEL_CENTERS);
    const bool corners = nearest && option(v, GFT_TFLITE_RESIZE_NEAREST_NEIGHBOR_ALIGN_CORNERS);
    return half || corners ? 3 : type_in(v, 0) == GFT_TFLITE_TYPE_INT8 ? 2 : 1;
}

/* Ops that got int8 in version 2 and more dimensions in a later one. */
static int32_t ranked(const view *v, int32_t beyond_4) {
    if (rank_in(v, 0) > 4)
        return beyond_4;
    return type_in(v, 0) == GFT_TFLITE_TYPE_INT8 ? 2 : 1;
}

/* Ops that have one version besides the first, for int8; some of them for uint8 too. */
static int32_t by_type(const view *v) {
    const bool int8 = type_in(v, 0) == GFT_TFLITE_TYPE_INT8;
    const bool uint8 = type_in(v, 0) == GFT_TFLITE_TYPE_UINT8;
    switch (v->op->op) {
    case GFT_TFLITE_OP_MAX_POOL_2D:
    case GFT_TFLITE_OP_AVERAGE_POOL_2D:
    case GFT_TFLITE_OP_TANH:
    case GFT_TFLITE_OP_LOGISTIC:
    case GFT_TFLITE_OP_CONCATENATION:
    case GFT_TFLITE_OP_SOFTMAX:
    case GFT_TFLITE_OP_MEAN:
    case GFT_TFLITE_OP_MIRROR_PAD:
    case GFT_TFLITE_OP_REDUCE_MAX:
    case GFT_TFLITE_OP_REDUCE_MIN:
    case GFT_TFLITE_OP_RELU6:
    case GFT_TFLITE_OP_RSQRT:
    case GFT_TFLITE_OP_L2_NORMALIZATION:
    case GFT_TFLITE_OP_SPACE_TO_BATCH_ND:
    case GFT_TFLITE_OP_BATCH_TO_SPACE_ND:
    case GFT_TFLITE_OP_ARG_MAX:
    case GFT_TFLITE_OP_ARG_MIN:
    case GFT_TFLITE_OP_SPACE_TO_DEPTH:
    case GFT_TFLITE_OP_DEPTH_TO_SPACE:
    case GFT_TFLITE_OP_SUM:
    case GFT_TFLITE_OP_LOG_SOFTMAX:
    case GFT_TFLITE_OP_SQUARED_DIFFERENCE:
    case GFT_TFLITE_OP_TOPK_V2:
    case GFT_TFLITE_OP_EXP:
    case GFT_TFLITE_OP_LOG:
    case GFT_TFLITE_OP_BATCH_MATMUL:
    case GFT_TFLITE_OP_EQUAL:
    case GFT_TFLITE_OP_NOT_EQUAL:
    case GFT_TFLITE_OP_LESS:
    case GFT_TFLITE_OP_LESS_EQUAL:
    case GFT_TFLITE_OP_GREATER:
    case GFT_TFLITE_OP_GREATER_EQUAL:
        return int8 ? 2 : 1;
    case GFT_TFLITE_OP_RELU:
    case GFT_TFLITE_OP_GELU:
        return int8 || uint8 ? 2 : 1;
    case GFT_TFLITE_OP_ABS:
        return type_in(v, 0) == GFT_TFLITE_TYPE_INT32 ? 5 : int8 || uint8 ? 2 : 1;
    case GFT_TFLITE_OP_SIGN:
        return type_in(v, 0) == GFT_TFLITE_TYPE_INT32 ? 2 : 1;
    case GFT_TFLITE_OP_TILE:
        return int8 ? 3 : 1;
    case GFT_TFLITE_OP_FLOOR_DIV:
        return type_in(v, 0) == GFT_TFLITE_TYPE_FLOAT32 ? 2 : 1;
    case GFT_TFLITE_OP_GATHER:
        return type_in(v, 0) == GFT_TFLITE_TYPE_BOOL ? 3 : int8 ? 2 : 1;
    case GFT_TFLITE_OP_BROADCAST_TO:
        return int8 ? 3 : 2;
    case GFT_TFLITE_OP_TRANSPOSE_CONV:
        return type_in(v, 1) == GFT_TFLITE_TYPE_INT8 ? 2 : 1;
    case GFT_TFLITE_OP_QUANTIZE:
        return v->g->tensors[v->op->outputs[0]].quant.count > 1                 ? 3
               : v->g->tensors[v->op->outputs[0]].type == GFT_TFLITE_TYPE_INT16 ? 2
                                                                                : 1;
    default:
        return 1;
    }
}

int32_t gft_tflw_version(const gft_tflw_subgraph *g, const gft_tflw_op *op) {
    const view v = {g, op};
    switch (op->op) {
    case GFT_TFLITE_OP_CONV_2D:
        return convolution(&v);
    case GFT_TFLITE_OP_DEPTHWISE_CONV_2D:
        return depthwise(&v);
    case GFT_TFLITE_OP_FULLY_CONNECTED:
        return fully_connected(&v);
    case GFT_TFLITE_OP_MUL:
        return multiplication(&v);
    case GFT_TFLITE_OP_ADD:
    case GFT_TFLITE_OP_SUB:
    case GFT_TFLITE_OP_DIV:
    case GFT_TFLITE_OP_MAXIMUM:
    case GFT_TFLITE_OP_MINIMUM:
        return arithmetic(&v);
    case GFT_TFLITE_OP_DEQUANTIZE:
        return dequantize(&v);
    case GFT_TFLITE_OP_CAST:
        return cast(&v);
    case GFT_TFLITE_OP_TRANSPOSE:
        return transposition(&v);
    case GFT_TFLITE_OP_RESIZE_BILINEAR:
    case GFT_TFLITE_OP_RESIZE_NEAREST_NEIGHBOR:
        return resize(&v);
    case GFT_TFLITE_OP_PAD:
    case GFT_TFLITE_OP_PADV2:
        return ranked(&v, 4);
    case GFT_TFLITE_OP_SLICE:
        return ranked(&v, 5);
    case GFT_TFLITE_OP_STRIDED_SLICE:
        return rank_in(&v, 0) <= 4 && type_in(&v, 0) == GFT_TFLITE_TYPE_BOOL ? 3 : ranked(&v, 4);
    default:
        return by_type(&v);
    }
}

/* ---- the runtime ---- */

/*
 * Releases of versions 1, 2, ...; a version that is never written is NULL. Operators that are not
 * here came by 1.14.
 */
typedef struct release_row {
    gft_tflite_op op;
    const char *releases[12];
} release_row;

#define ROW(name, ...)                                                                             \
    {                                                                                              \
        GFT_TFLITE_OP_##name, {                                                                    \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }

static const release_row releases[] = {
    ROW(ADD, "1.5.0", "1.14.0", "2.4.0", "2.6.0"),
    ROW(AVERAGE_POOL_2D, "1.5.0", "1.14.0"),
    ROW(MAX_POOL_2D, "1.5.0", "1.14.0"),
    ROW(CONCATENATION, "1.5.0", "1.14.0"),
    ROW(CONV_2D, "1.5.0", "1.14.0", "1.14.0", "2.3.0", "2.4.0", "2.9.0"),
    ROW(DEPTHWISE_CONV_2D, "1.5.0", "1.12.0", "1.14.0", "2.2.0", "2.3.0", "2.3.0"),
    ROW(DEPTH_TO_SPACE, "2.1.0", "2.5.0"),
    ROW(SPACE_TO_DEPTH, "1.5.0", "1.14.0"),
    ROW(DEQUANTIZE, "1.13.1", "1.14.0", "1.15.0", NULL, "2.7.0"),
    ROW(FULLY_CONNECTED, "1.5.0", NULL, "1.14.0", "1.14.0", "2.0.0", "2.1.0", "2.3.0", NULL,
        "2.3.0", NULL, NULL, "2.17.0"),
    ROW(L2_NORMALIZATION, "1.5.0", "1.14.0"),
    ROW(LOCAL_RESPONSE_NORMALIZATION, "1.5.0"),
    ROW(LOGISTIC, "1.14.0", "1.14.0"),
    ROW(MUL, "1.5.0", "1.14.0", "1.15.0", "2.3.0", "2.6.0"),
    ROW(RELU, "1.5.0", "2.1.0"),
    ROW(RELU_N1_TO_1, "1.5.0"),
    ROW(RELU6, "1.5.0", "1.14.0"),
    ROW(RESHAPE, "1.5.0"),
    ROW(RESIZE_BILINEAR, "1.7.0", "1.14.0", "2.2.0"),
    ROW(RESIZE_NEAREST_NEIGHBOR, "1.13.1", "1.14.0", "2.3.0"),
    ROW(SOFTMAX, "1.5.0", "1.14.0"),
    ROW(TANH, "1.14.0", "1.14.0"),
    ROW(PAD, "1.5.0", "1.14.0", "2.4.0", "2.6.0"),
    ROW(PADV2, "1.9.0", "1.14.0", "2.4.0", "2.6.0"),
    ROW(MIRROR_PAD, "1.13.1", "2.3.0"),
    ROW(GATHER, "1.6.0", "1.14.0", "1.15.0"),
    ROW(TRANSPOSE, "1.6.0", "1.14.0", "1.15.0", "2.3.0", "2.4.0", "2.12.0", NULL, "2.22.0"),
    ROW(MEAN, "1.6.0", "1.14.0"),
    ROW(SUM, "1.10.0", "1.15.0"),
    ROW(REDUCE_MAX, "1.11.0", "1.14.0"),
    ROW(REDUCE_MIN, "1.11.0", "1.14.0"),
    ROW(REDUCE_PROD, "1.11.0"),
    ROW(REDUCE_ANY, "1.11.0"),
    ROW(REDUCE_ALL, "2.6.0"),
    ROW(SUB, "1.6.0", "1.14.0", "2.3.0", "2.4.0"),
    ROW(DIV, "1.6.0", "2.3.0"),
    ROW(STRIDED_SLICE, "1.6.0", "1.14.0", "2.1.0", "2.2.0"),
    ROW(SLICE, "1.14.0", "1.14.0", "1.14.0", "2.4.0", "2.5.0"),
    ROW(EXP, "1.7.0", "2.12.0"),
    ROW(TOPK_V2, "1.7.0", "1.14.0"),
    ROW(CAST, "1.5.0", "2.7.0", "2.8.0", NULL, "2.12.0", NULL, "2.17.0"),
    ROW(PRELU, "1.8.0"),
    ROW(MAXIMUM, "1.14.0", "1.14.0", "2.3.0"),
    ROW(MINIMUM, "1.14.0", "1.14.0", "2.3.0"),
    ROW(ARG_MAX, "1.9.0", "1.14.0"),
    ROW(ARG_MIN, "1.9.0", "1.14.0"),
    ROW(NEG, "1.9.0"),
    ROW(TRANSPOSE_CONV, "1.9.0", "2.2.0"),
    ROW(TILE, "1.10.1", NULL, "2.8.0"),
    ROW(LOG, "1.14.0", "2.15.0"),
    ROW(RSQRT, "1.10.0", "2.5.0"),
    ROW(ABS, "1.13.0", "2.4.0", "2.5.0", "2.6.0", "2.12.0"),
    ROW(SIGN, "2.11.0", "2.12.0"),
    ROW(SQUARED_DIFFERENCE, "1.13.1", "2.5.0"),
    ROW(GELU, "2.9.0", "2.9.0"),
    ROW(HARD_SWISH, "1.15.0"),
    ROW(LEAKY_RELU, "1.13.1"),
    ROW(BATCH_MATMUL, "2.3.0", "2.3.0"),
    ROW(BROADCAST_TO, NULL, "2.5.0", "2.5.0"),
    ROW(CUMSUM, "2.4.0"),
    ROW(SELECT_V2, "2.2.0"),
    ROW(QUANTIZE, "1.14.0", "1.15.0", "2.7.0"),
};

/* "2.9.0" as a number that sorts. */
static long rank_of(const char *release) {
    char *end;
    const long major = strtol(release, &end, 10);
    const long minor = *end == '.' ? strtol(end + 1, &end, 10) : 0;
    const long patch = *end == '.' ? strtol(end + 1, &end, 10) : 0;
    return (major * 1000 + minor) * 1000 + patch;
}

const char *gft_tflw_runtime(const gft_tflw_file *file) {
    const char *latest = "1.5.0";
    for (int32_t op = 0; op < 256; op++) {
        const int32_t version = file->versions[op];
        const char *release = version > 0 ? "1.14.0" : NULL;
        for (size_t i = 0; i < sizeof releases / sizeof releases[0] && release; i++) {
            if ((int32_t)releases[i].op == op && version <= 12 &&
                releases[i].releases[version - 1]) {
                release = releases[i].releases[version - 1];
                break;
            }
        }
        if (release && rank_of(release) > rank_of(latest))
            latest = release;
    }
    return latest;
}
