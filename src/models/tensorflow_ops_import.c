/*
 * The table from TensorFlow's ops to the functions that read them.
 */
#include "models/tensorflow_ops_import.h"

#include <string.h>

#include "models/savedmodel_proto.h"
#include "models/tensorflow_ops_import_prelu.h"

typedef struct import_entry {
    const char *op;
    graft_status (*import)(gft_tf_import *m,
                           graft_error *err); /* NULL: read by the file's reader */
} import_entry;

static const import_entry table[] = {
    {"Abs", gft_tf_import_unary},
    {"Add", gft_tf_import_binary},
    {"AddN", gft_tf_import_add_n},
    {"AddV2", gft_tf_import_binary},
    {"All", gft_tf_import_reduce},
    {"Any", gft_tf_import_reduce},
    {"ArgMax", gft_tf_import_arg},
    {"ArgMin", gft_tf_import_arg},
    {"AvgPool", gft_tf_import_pool},
    {"BatchMatMul", gft_tf_import_batch_matmul},
    {"BatchMatMulV2", gft_tf_import_batch_matmul},
    {"BatchMatMulV3", gft_tf_import_batch_matmul},
    {"BatchToSpaceND", gft_tf_import_batch_to_space},
    {"BiasAdd", gft_tf_import_bias_add},
    {"BiasAddV1", gft_tf_import_bias_add},
    {"BroadcastArgs", gft_tf_import_broadcast_args},
    {"BroadcastTo", gft_tf_import_broadcast_to},
    {"Cast", gft_tf_import_cast},
    {"Ceil", gft_tf_import_unary},
    {"ClipByValue", gft_tf_import_clip},
    {"ConcatV2", gft_tf_import_concat},
    {"Const", gft_tf_import_const},
    {"Conv2D", gft_tf_import_conv2d},
    {"Conv2DBackpropInput", gft_tf_import_conv2d_transpose},
    {"Cos", gft_tf_import_unary},
    {"Cumsum", gft_tf_import_cumsum},
    {"DepthToSpace", gft_tf_import_depth_to_space},
    {"DepthwiseConv2dNative", gft_tf_import_conv2d},
    {"Div", gft_tf_import_binary},
    {"DivNoNan", gft_tf_import_div_no_nan},
    {"Einsum", gft_tf_import_einsum},
    {"Elu", gft_tf_import_unary},
    {"Equal", gft_tf_import_binary},
    {"Erf", gft_tf_import_unary},
    {"Erfc", gft_tf_import_erfc},
    {"Exp", gft_tf_import_unary},
    {"ExpandDims", gft_tf_import_expand_dims},
    {"Expm1", gft_tf_import_unary},
    {"FakeQuantWithMinMaxArgs", gft_tf_import_fake_quant},
    {"FakeQuantWithMinMaxVars", gft_tf_import_fake_quant},
    {"FakeQuantWithMinMaxVarsPerChannel", gft_tf_import_fake_quant},
    {"Fill", gft_tf_import_fill},
    {"Floor", gft_tf_import_unary},
    {"FloorDiv", gft_tf_import_binary},
    {"FloorMod", gft_tf_import_binary},
    {"FusedBatchNorm", gft_tf_import_batch_norm},
    {"FusedBatchNormV2", gft_tf_import_batch_norm},
    {"FusedBatchNormV3", gft_tf_import_batch_norm},
    {"FusedDepthwiseConv2dNative", gft_tf_import_conv2d},
    {"Gather", gft_tf_import_gather},
    {"GatherNd", gft_tf_import_gather_nd},
    {"GatherV2", gft_tf_import_gather},
    {"Greater", gft_tf_import_binary},
    {"GreaterEqual", gft_tf_import_binary},
    {"HashTable", NULL},
    {"HashTableV2", NULL},
    {"Identity", gft_tf_import_dropout},
    {"Inv", gft_tf_import_reciprocal},
    {"IsFinite", gft_tf_import_is_number},
    {"IsInf", gft_tf_import_is_number},
    {"IsNan", gft_tf_import_is_number},
    {"L2Loss", gft_tf_import_l2_loss},
    {"LRN", gft_tf_import_lrn},
    {"LeakyRelu", gft_tf_import_leaky_relu},
    {"Less", gft_tf_import_binary},
    {"LessEqual", gft_tf_import_binary},
    {"LinSpace", gft_tf_import_lin_space},
    {"Log", gft_tf_import_unary},
    {"Log1p", gft_tf_import_unary},
    {"LogSoftmax", gft_tf_import_softmax},
    {"LogicalAnd", gft_tf_import_binary},
    {"LogicalNot", gft_tf_import_unary},
    {"LogicalOr", gft_tf_import_binary},
    {"LookupTableFind", gft_tf_import_table_find},
    {"LookupTableFindV2", gft_tf_import_table_find},
    {"LookupTableSize", gft_tf_import_table_size},
    {"LookupTableSizeV2", gft_tf_import_table_size},
    {"MatMul", gft_tf_import_matmul},
    {"Max", gft_tf_import_reduce},
    {"MaxPool", gft_tf_import_pool},
    {"Maximum", gft_tf_import_binary},
    {"Mean", gft_tf_import_reduce},
    {"Min", gft_tf_import_reduce},
    {"Minimum", gft_tf_import_binary},
    {"MirrorPad", gft_tf_import_mirror_pad},
    {"Mod", gft_tf_import_mod},
    {"Mul", gft_tf_import_binary},
    {"MulNoNan", gft_tf_import_div_no_nan},
    {"Neg", gft_tf_import_unary},
    {"NotEqual", gft_tf_import_binary},
    {"OneHot", gft_tf_import_one_hot},
    {"OnesLike", gft_tf_import_ones_like},
    {"Pack", gft_tf_import_pack},
    {"Pad", gft_tf_import_pad},
    {"PadV2", gft_tf_import_pad},
    {"ParseExample", gft_tf_import_parse_example},
    {"ParseExampleV2", gft_tf_import_parse_example},
    {"ParseSingleExample", gft_tf_import_parse_example},
    {"Pow", gft_tf_import_binary},
    {"Prelu", gft_tf_import_prelu},
    {"Prod", gft_tf_import_reduce},
    {"Range", gft_tf_import_range},
    {"Rank", gft_tf_import_rank},
    {"ReadVariableOp", gft_tf_import_read_variable},
    {"RealDiv", gft_tf_import_binary},
    {"Reciprocal", gft_tf_import_reciprocal},
    {"Relu", gft_tf_import_unary},
    {"Relu6", gft_tf_import_unary},
    {"Reshape", gft_tf_import_reshape},
    {"ResizeArea", gft_tf_import_resize},
    {"ResizeBicubic", gft_tf_import_resize},
    {"ResizeBilinear", gft_tf_import_resize},
    {"ResizeNearestNeighbor", gft_tf_import_resize},
    {"ResourceGather", gft_tf_import_gather},
    {"ReverseV2", gft_tf_import_reverse},
    {"Rint", gft_tf_import_unary},
    {"Round", gft_tf_import_unary},
    {"Rsqrt", gft_tf_import_unary},
    {"Select", gft_tf_import_select},
    {"SelectV2", gft_tf_import_select},
    {"Selu", gft_tf_import_unary},
    {"Shape", gft_tf_import_shape},
    {"ShapeN", gft_tf_import_shape},
    {"Sigmoid", gft_tf_import_unary},
    {"Sign", gft_tf_import_unary},
    {"Sin", gft_tf_import_unary},
    {"Size", gft_tf_import_size},
    {"Slice", gft_tf_import_slice},
    {"Softmax", gft_tf_import_softmax},
    {"Softplus", gft_tf_import_unary},
    {"Softsign", gft_tf_import_unary},
    {"SpaceToBatchND", gft_tf_import_space_to_batch},
    {"SpaceToDepth", gft_tf_import_depth_to_space},
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
    {"Tile", gft_tf_import_tile},
    {"TopK", gft_tf_import_top_k},
    {"TopKV2", gft_tf_import_top_k},
    {"Transpose", gft_tf_import_transpose},
    {"TruncateDiv", gft_tf_import_binary},
    {"TruncateMod", gft_tf_import_mod},
    {"Unpack", gft_tf_import_unpack},
    {"VarHandleOp", NULL},
    {"Variable", NULL},
    {"VariableV2", NULL},
    {"Xdivy", gft_tf_import_div_no_nan},
    {"Xlog1py", gft_tf_import_div_no_nan},
    {"Xlogy", gft_tf_import_div_no_nan},
    {"ZerosLike", gft_tf_import_zeros_like},
    {"_FusedBatchNormEx", gft_tf_import_batch_norm},
    {"_FusedConv2D", gft_tf_import_conv2d},
    {"_FusedDepthwiseConv2dNative", gft_tf_import_conv2d},
    {"_FusedMatMul", gft_tf_import_fused_matmul},
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
    else if (strcmp(node->op, "ShapeN") == 0)
        count = gft_tf_get_int(node, "N", 0);
    else if (strncmp(node->op, "TopK", 4) == 0)
        count = 2;
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

/* Integers that are not known remember their node, in case an op wants them at run time. */
static graft_status keep_recipes(gft_tf_import *m, graft_error *err) {
    for (int32_t i = 0; i < m->output_count; i++) {
        gft_tf_value *value = &m->outputs[i];
        bool open = false;
        for (int32_t k = 0; value->kind == GFT_TF_INTS && k < value->ints->count; k++)
            open = open || value->ints->values[k] == GFT_TF_UNKNOWN;
        if (!open || value->recipe)
            continue;
        const gft_tf_recipe recipe = {m->node,        m->name,         m->inputs,
                                      m->input_count, m->output_count, i};
        value->recipe = gft_arena_memdup(m->arena, &recipe, sizeof recipe);
        if (!value->recipe)
            return gft_fail_memory(err, sizeof recipe, "a shape");
    }
    return GRAFT_OK;
}

graft_status gft_tf_import_node(gft_tf_import *m, graft_error *err) {
    const import_entry *entry = find(m->node->op);
    if (!entry || !entry->import)
        return gft_tf_refuse("the op is not read", err);
    GFT_TRY(entry->import(m, err));
    return keep_recipes(m, err);
}
