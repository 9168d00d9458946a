/*
 * The table from TensorFlow's ops to the functions that read them.
 */
#include "models/tensorflow_ops_import.h"

#include <string.h>

#include "models/savedmodel_proto.h"

typedef struct import_entry {
    const char *op;
    graft_status (*import)(gft_tf_import *m,
                           graft_error *err); /* NULL: read by the file's reader */
} import_entry;

static const import_entry table[] = {
    {"Add", gft_tf_import_binary},
    {"AddN", gft_tf_import_add_n},
    {"AddV2", gft_tf_import_binary},
    {"AvgPool", gft_tf_import_pool},
    {"BatchMatMul", gft_tf_import_batch_matmul},
    {"BatchMatMulV2", gft_tf_import_batch_matmul},
    {"BatchMatMulV3", gft_tf_import_batch_matmul},
    {"BiasAdd", gft_tf_import_bias_add},
    {"BiasAddV1", gft_tf_import_bias_add},
    {"BroadcastTo", gft_tf_import_broadcast_to},
    {"Cast", gft_tf_import_cast},
    {"ConcatV2", gft_tf_import_concat},
    {"Const", gft_tf_import_const},
    {"Conv2D", gft_tf_import_conv2d},
    {"DepthwiseConv2dNative", gft_tf_import_conv2d},
    {"Exp", gft_tf_import_unary},
    {"ExpandDims", gft_tf_import_expand_dims},
    {"Fill", gft_tf_import_fill},
    {"FloorDiv", gft_tf_import_binary},
    {"FusedBatchNorm", gft_tf_import_batch_norm},
    {"FusedBatchNormV2", gft_tf_import_batch_norm},
    {"FusedBatchNormV3", gft_tf_import_batch_norm},
    {"Gather", gft_tf_import_gather},
    {"GatherV2", gft_tf_import_gather},
    {"HashTable", NULL},
    {"HashTableV2", NULL},
    {"Identity", gft_tf_import_dropout},
    {"LeakyRelu", gft_tf_import_leaky_relu},
    {"Log", gft_tf_import_unary},
    {"LogSoftmax", gft_tf_import_softmax},
    {"LookupTableFind", gft_tf_import_table_find},
    {"LookupTableFindV2", gft_tf_import_table_find},
    {"LookupTableSize", gft_tf_import_table_size},
    {"LookupTableSizeV2", gft_tf_import_table_size},
    {"MatMul", gft_tf_import_matmul},
    {"Max", gft_tf_import_reduce},
    {"MaxPool", gft_tf_import_pool},
    {"Maximum", gft_tf_import_binary},
    {"Mean", gft_tf_import_reduce},
    {"Minimum", gft_tf_import_binary},
    {"Mul", gft_tf_import_binary},
    {"Neg", gft_tf_import_unary},
    {"OnesLike", gft_tf_import_ones_like},
    {"Pack", gft_tf_import_pack},
    {"Pad", gft_tf_import_pad},
    {"PadV2", gft_tf_import_pad},
    {"ParseExample", gft_tf_import_parse_example},
    {"ParseExampleV2", gft_tf_import_parse_example},
    {"ParseSingleExample", gft_tf_import_parse_example},
    {"Prod", gft_tf_import_reduce},
    {"Range", gft_tf_import_range},
    {"ReadVariableOp", gft_tf_import_read_variable},
    {"RealDiv", gft_tf_import_binary},
    {"Relu", gft_tf_import_unary},
    {"Relu6", gft_tf_import_unary},
    {"Reshape", gft_tf_import_reshape},
    {"ResizeBilinear", gft_tf_import_resize},
    {"ResizeNearestNeighbor", gft_tf_import_resize},
    {"ResourceGather", gft_tf_import_gather},
    {"Rsqrt", gft_tf_import_unary},
    {"Shape", gft_tf_import_shape},
    {"Sigmoid", gft_tf_import_unary},
    {"Slice", gft_tf_import_slice},
    {"Softmax", gft_tf_import_softmax},
    {"Split", gft_tf_import_split},
    {"SplitV", gft_tf_import_split},
    {"Sqrt", gft_tf_import_unary},
    {"Square", gft_tf_import_unary},
    {"SquaredDifference", gft_tf_import_squared_difference},
    {"Squeeze", gft_tf_import_squeeze},
    {"StridedSlice", gft_tf_import_strided_slice},
    {"Sub", gft_tf_import_binary},
    {"Sum", gft_tf_import_reduce},
    {"Tanh", gft_tf_import_unary},
    {"Transpose", gft_tf_import_transpose},
    {"Unpack", gft_tf_import_unpack},
    {"VarHandleOp", NULL},
    {"Variable", NULL},
    {"VariableV2", NULL},
};

static const import_entry *find(const char *op) {
    size_t low = 0;
    size_t high = sizeof table / sizeof table[0];
    while (low < high) {
        const size_t middle = (low + high) / 2;
        const int order = strcmp(op, table[middle].op);
        if (order == 0)
            return &table[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

int32_t gft_tf_import_outputs(const Tensorflow__NodeDef *node) {
    if (!find(node->op))
        return 0;
    const int32_t features = gft_tf_example_outputs(node);
    int64_t count = features >= 0 ? features : 1;
    if (strcmp(node->op, "Split") == 0 || strcmp(node->op, "SplitV") == 0)
        count = gft_tf_get_int(node, "num_split", 0);
    else if (strcmp(node->op, "Unpack") == 0)
        count = gft_tf_get_int(node, "num", 0);
    return count >= 1 && count <= INT16_MAX ? (int32_t)count : 0;
}

bool gft_tf_import_passes(const Tensorflow__NodeDef *node) {
    static const char *const ops[] = {
        "Identity",      "IdentityN", "StopGradient", "PreventGradient",
        "CheckNumerics", "Snapshot",  "EnsureShape",  "PlaceholderWithDefault"};
    for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++) {
        if (strcmp(node->op, ops[i]) == 0)
            return !gft_tf_find_attr(node, GFT_TF_ATTR_RATE);
    }
    return false;
}

graft_status gft_tf_import_node(gft_tf_import *m, graft_error *err) {
    const import_entry *entry = find(m->node->op);
    if (!entry || !entry->import)
        return gft_tf_refuse("the op is not read", err);
    return entry->import(m, err);
}
