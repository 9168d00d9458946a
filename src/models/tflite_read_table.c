/*
 * The table from TFLite's operators to the functions that read them, in the order of the operators'
 * numbers.
 */
#include <string.h>

#include "models/tflite_read.h"

static const gft_tfl_entry table[] = {
    {GFT_TFLITE_OP_ADD, gft_tfl_read_binary, "AddV2", NULL},
    {GFT_TFLITE_OP_AVERAGE_POOL_2D, gft_tfl_read_pool, NULL, &gft_op_avg_pool},
    {GFT_TFLITE_OP_CONCATENATION, gft_tfl_read_concatenation, "ConcatV2", NULL},
    {GFT_TFLITE_OP_CONV_2D, gft_tfl_read_conv2d, NULL, NULL},
    {GFT_TFLITE_OP_DEPTHWISE_CONV_2D, gft_tfl_read_depthwise, NULL, NULL},
    {GFT_TFLITE_OP_DEPTH_TO_SPACE, gft_tfl_read_block, "DepthToSpace", NULL},
    {GFT_TFLITE_OP_DEQUANTIZE, gft_tfl_read_dequantize, NULL, NULL},
    {GFT_TFLITE_OP_FLOOR, gft_tfl_read_same, NULL, &gft_op_floor},
    {GFT_TFLITE_OP_FULLY_CONNECTED, gft_tfl_read_fully_connected, NULL, NULL},
    {GFT_TFLITE_OP_L2_NORMALIZATION, gft_tfl_read_l2_normalization, NULL, NULL},
    {GFT_TFLITE_OP_L2_POOL_2D, gft_tfl_read_l2_pool, NULL, NULL},
    {GFT_TFLITE_OP_LOCAL_RESPONSE_NORMALIZATION, gft_tfl_read_lrn, "LRN", NULL},
    {GFT_TFLITE_OP_LOGISTIC, gft_tfl_read_same, NULL, &gft_op_sigmoid},
    {GFT_TFLITE_OP_MAX_POOL_2D, gft_tfl_read_pool, NULL, &gft_op_max_pool},
    {GFT_TFLITE_OP_MUL, gft_tfl_read_binary, "Mul", NULL},
    {GFT_TFLITE_OP_RELU, gft_tfl_read_same, NULL, &gft_op_relu},
    {GFT_TFLITE_OP_RELU_N1_TO_1, gft_tfl_read_relu_bounds, NULL, NULL},
    {GFT_TFLITE_OP_RELU6, gft_tfl_read_same, NULL, &gft_op_relu6},
    {GFT_TFLITE_OP_RESHAPE, gft_tfl_read_reshape, "Reshape", NULL},
    {GFT_TFLITE_OP_RESIZE_BILINEAR, gft_tfl_read_resize, "ResizeBilinear", NULL},
    {GFT_TFLITE_OP_SOFTMAX, gft_tfl_read_softmax, NULL, NULL},
    {GFT_TFLITE_OP_SPACE_TO_DEPTH, gft_tfl_read_block, "SpaceToDepth", NULL},
    {GFT_TFLITE_OP_TANH, gft_tfl_read_same, NULL, &gft_op_tanh},
    {GFT_TFLITE_OP_PAD, gft_tfl_read_plain, "Pad", NULL},
    {GFT_TFLITE_OP_GATHER, gft_tfl_read_gather, "GatherV2", NULL},
    {GFT_TFLITE_OP_BATCH_TO_SPACE_ND, gft_tfl_read_plain, "BatchToSpaceND", NULL},
    {GFT_TFLITE_OP_SPACE_TO_BATCH_ND, gft_tfl_read_plain, "SpaceToBatchND", NULL},
    {GFT_TFLITE_OP_TRANSPOSE, gft_tfl_read_plain, "Transpose", NULL},
    {GFT_TFLITE_OP_MEAN, gft_tfl_read_reduce, "Mean", NULL},
    {GFT_TFLITE_OP_SUB, gft_tfl_read_binary, "Sub", NULL},
    {GFT_TFLITE_OP_DIV, gft_tfl_read_binary, "RealDiv", NULL},
    {GFT_TFLITE_OP_SQUEEZE, gft_tfl_read_squeeze, "Squeeze", NULL},
    {GFT_TFLITE_OP_STRIDED_SLICE, gft_tfl_read_strided_slice, "StridedSlice", NULL},
    {GFT_TFLITE_OP_EXP, gft_tfl_read_same, NULL, &gft_op_exp},
    {GFT_TFLITE_OP_TOPK_V2, gft_tfl_read_top_k, "TopKV2", NULL},
    {GFT_TFLITE_OP_SPLIT, gft_tfl_read_split, "Split", NULL},
    {GFT_TFLITE_OP_LOG_SOFTMAX, gft_tfl_read_softmax, NULL, NULL},
    {GFT_TFLITE_OP_CAST, gft_tfl_read_cast, "Cast", NULL},
    {GFT_TFLITE_OP_PRELU, gft_tfl_read_prelu, NULL, NULL},
    {GFT_TFLITE_OP_MAXIMUM, gft_tfl_read_plain, "Maximum", NULL},
    {GFT_TFLITE_OP_ARG_MAX, gft_tfl_read_arg, "ArgMax", NULL},
    {GFT_TFLITE_OP_MINIMUM, gft_tfl_read_plain, "Minimum", NULL},
    {GFT_TFLITE_OP_LESS, gft_tfl_read_same, NULL, &gft_op_less},
    {GFT_TFLITE_OP_NEG, gft_tfl_read_same, NULL, &gft_op_neg},
    {GFT_TFLITE_OP_PADV2, gft_tfl_read_plain, "PadV2", NULL},
    {GFT_TFLITE_OP_GREATER, gft_tfl_read_same, NULL, &gft_op_greater},
    {GFT_TFLITE_OP_GREATER_EQUAL, gft_tfl_read_same, NULL, &gft_op_greater_equal},
    {GFT_TFLITE_OP_LESS_EQUAL, gft_tfl_read_same, NULL, &gft_op_less_equal},
    {GFT_TFLITE_OP_SELECT, gft_tfl_read_same, NULL, &gft_op_select},
    {GFT_TFLITE_OP_SLICE, gft_tfl_read_plain, "Slice", NULL},
    {GFT_TFLITE_OP_SIN, gft_tfl_read_same, NULL, &gft_op_sin},
    {GFT_TFLITE_OP_TRANSPOSE_CONV, gft_tfl_read_transpose_conv, NULL, NULL},
    {GFT_TFLITE_OP_TILE, gft_tfl_read_plain, "Tile", NULL},
    {GFT_TFLITE_OP_EXPAND_DIMS, gft_tfl_read_plain, "ExpandDims", NULL},
    {GFT_TFLITE_OP_EQUAL, gft_tfl_read_same, NULL, &gft_op_equal},
    {GFT_TFLITE_OP_NOT_EQUAL, gft_tfl_read_same, NULL, &gft_op_not_equal},
    {GFT_TFLITE_OP_LOG, gft_tfl_read_same, NULL, &gft_op_log},
    {GFT_TFLITE_OP_SUM, gft_tfl_read_reduce, "Sum", NULL},
    {GFT_TFLITE_OP_SQRT, gft_tfl_read_same, NULL, &gft_op_sqrt},
    {GFT_TFLITE_OP_RSQRT, gft_tfl_read_same, NULL, &gft_op_rsqrt},
    {GFT_TFLITE_OP_SHAPE, gft_tfl_read_shape, "Shape", NULL},
    {GFT_TFLITE_OP_POW, gft_tfl_read_same, NULL, &gft_op_pow},
    {GFT_TFLITE_OP_ARG_MIN, gft_tfl_read_arg, "ArgMin", NULL},
    {GFT_TFLITE_OP_REDUCE_PROD, gft_tfl_read_reduce, "Prod", NULL},
    {GFT_TFLITE_OP_REDUCE_MAX, gft_tfl_read_reduce, "Max", NULL},
    {GFT_TFLITE_OP_PACK, gft_tfl_read_pack, "Pack", NULL},
    {GFT_TFLITE_OP_LOGICAL_OR, gft_tfl_read_same, NULL, &gft_op_logical_or},
    {GFT_TFLITE_OP_ONE_HOT, gft_tfl_read_one_hot, "OneHot", NULL},
    {GFT_TFLITE_OP_LOGICAL_AND, gft_tfl_read_same, NULL, &gft_op_logical_and},
    {GFT_TFLITE_OP_LOGICAL_NOT, gft_tfl_read_same, NULL, &gft_op_logical_not},
    {GFT_TFLITE_OP_UNPACK, gft_tfl_read_unpack, "Unpack", NULL},
    {GFT_TFLITE_OP_REDUCE_MIN, gft_tfl_read_reduce, "Min", NULL},
    {GFT_TFLITE_OP_FLOOR_DIV, gft_tfl_read_plain, "FloorDiv", NULL},
    {GFT_TFLITE_OP_REDUCE_ANY, gft_tfl_read_reduce, "Any", NULL},
    {GFT_TFLITE_OP_SQUARE, gft_tfl_read_same, NULL, &gft_op_square},
    {GFT_TFLITE_OP_ZEROS_LIKE, gft_tfl_read_plain, "ZerosLike", NULL},
    {GFT_TFLITE_OP_FILL, gft_tfl_read_plain, "Fill", NULL},
    {GFT_TFLITE_OP_FLOOR_MOD, gft_tfl_read_plain, "FloorMod", NULL},
    {GFT_TFLITE_OP_RANGE, gft_tfl_read_plain, "Range", NULL},
    {GFT_TFLITE_OP_RESIZE_NEAREST_NEIGHBOR, gft_tfl_read_resize, "ResizeNearestNeighbor", NULL},
    {GFT_TFLITE_OP_LEAKY_RELU, gft_tfl_read_leaky_relu, NULL, NULL},
    {GFT_TFLITE_OP_SQUARED_DIFFERENCE, gft_tfl_read_plain, "SquaredDifference", NULL},
    {GFT_TFLITE_OP_MIRROR_PAD, gft_tfl_read_mirror_pad, "MirrorPad", NULL},
    {GFT_TFLITE_OP_ABS, gft_tfl_read_same, NULL, &gft_op_abs},
    {GFT_TFLITE_OP_SPLIT_V, gft_tfl_read_split, "SplitV", NULL},
    {GFT_TFLITE_OP_CEIL, gft_tfl_read_same, NULL, &gft_op_ceil},
    {GFT_TFLITE_OP_REVERSE_V2, gft_tfl_read_plain, "ReverseV2", NULL},
    {GFT_TFLITE_OP_ADD_N, gft_tfl_read_plain, "AddN", NULL},
    {GFT_TFLITE_OP_GATHER_ND, gft_tfl_read_plain, "GatherNd", NULL},
    {GFT_TFLITE_OP_COS, gft_tfl_read_same, NULL, &gft_op_cos},
    {GFT_TFLITE_OP_RANK, gft_tfl_read_plain, "Rank", NULL},
    {GFT_TFLITE_OP_ELU, gft_tfl_read_elu, NULL, NULL},
    {GFT_TFLITE_OP_QUANTIZE, gft_tfl_read_quantize, NULL, NULL},
    {GFT_TFLITE_OP_ROUND, gft_tfl_read_same, NULL, &gft_op_round},
    {GFT_TFLITE_OP_HARD_SWISH, gft_tfl_read_same, NULL, &gft_op_hard_swish},
    {GFT_TFLITE_OP_SELECT_V2, gft_tfl_read_same, NULL, &gft_op_select},
    {GFT_TFLITE_OP_BATCH_MATMUL, gft_tfl_read_batch_matmul, "BatchMatMulV2", NULL},
    {GFT_TFLITE_OP_CUMSUM, gft_tfl_read_cumsum, "Cumsum", NULL},
    {GFT_TFLITE_OP_BROADCAST_TO, gft_tfl_read_plain, "BroadcastTo", NULL},
    {GFT_TFLITE_OP_REDUCE_ALL, gft_tfl_read_reduce, "All", NULL},
    {GFT_TFLITE_OP_BROADCAST_ARGS, gft_tfl_read_plain, "BroadcastArgs", NULL},
    {GFT_TFLITE_OP_GELU, gft_tfl_read_gelu, NULL, NULL},
    {GFT_TFLITE_OP_RELU_0_TO_1, gft_tfl_read_relu_bounds, NULL, NULL},
    {GFT_TFLITE_OP_SIGN, gft_tfl_read_same, NULL, &gft_op_sign},
};

/* Custom operators that TensorFlow's converter makes of its own nodes, by name. */
static const gft_tfl_entry parse_example = {GFT_TFLITE_OP_CUSTOM, gft_tfl_read_parse_example, NULL,
                                            NULL};

static const gft_tfl_entry *find_custom(const char *name) {
    const bool parses =
        name && (strcmp(name, "ParseExample") == 0 || strcmp(name, "ParseExampleV2") == 0);
    return parses ? &parse_example : NULL;
}

const gft_tfl_entry *gft_tfl_find(const gft_tflite_operator *o) {
    const int32_t op = o->op;
    if (op == GFT_TFLITE_OP_CUSTOM)
        return find_custom(o->custom);
    size_t low = 0;
    size_t high = sizeof table / sizeof table[0];
    while (low < high) {
        const size_t middle = (low + high) / 2;
        if (op == (int32_t)table[middle].op)
            return &table[middle];
        if (op < (int32_t)table[middle].op)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

/* Whether TensorFlow's op of this name is read; some want to know how many outputs they have. */
static bool tensorflow_knows(const char *op) {
    Tensorflow__NodeDef node = TENSORFLOW__NODE_DEF__INIT;
    if (strcmp(op, "Split") == 0 || strcmp(op, "SplitV") == 0 || strcmp(op, "Unpack") == 0)
        return true;
    node.op = (char *)(uintptr_t)op;
    return gft_tf_import_outputs(&node) > 0;
}

bool gft_tfl_supported(const gft_tflite_operator *o) {
    const gft_tfl_entry *entry = gft_tfl_find(o);
    if (!entry || !entry->tf)
        return entry != NULL;
    return tensorflow_knows(entry->tf);
}
