/*
 * What TF.js (4.22) does not have as TensorFlow does. Before a graph is written, a strided slice
 * that both steps and drops dimensions is cut in two, as TF.js takes the steps of the wrong ones,
 * and softsign becomes arithmetic. Afterwards, a node whose op TF.js does not run is refused.
 */
#include <stdlib.h>
#include <string.h>

#include "models/tfjs_write.h"
#include "ops/ops.h"

/* x -> steps (every dimension kept) -> node (drops what it drops, steps no more) */
static graft_status split_slice(gft_graph *graph, gft_node_id id, graft_error *err) {
    gft_strided_slice_attrs *drop = graph->nodes[id].attrs;
    gft_strided_slice_attrs steps = *drop;
    const gft_value_id x = graph->nodes[id].inputs[0];
    const int32_t rank = graph->values[x].desc.shape.rank;
    gft_value_id between;
    bool stepped = false;
    for (int32_t i = 0; i < rank; i++)
        stepped = stepped || (drop->stride[i] != 1 && !(drop->shrink_mask >> i & 1u));
    if (drop->shrink_mask == 0 || !stepped)
        return GRAFT_OK;
    steps.shrink_mask = 0;
    for (int32_t i = 0; i < rank; i++) {
        gft_strided_slice_attrs *whole = drop->shrink_mask >> i & 1u ? &steps : drop;
        whole->begin[i] = 0;
        whole->end[i] = INT64_MAX;
        whole->stride[i] = 1;
    }
    gft_graph_set_layer(graph, graph->nodes[id].layer);
    GFT_TRY(gft_graph_add(graph, graph->nodes[id].op, graph->nodes[id].name, &steps, &x, 1,
                          &between, err));
    return gft_graph_set_inputs(graph, id, &between, 1, err);
}

/* x / (1 + |x|) */
static graft_status spell_softsign(gft_graph *graph, gft_node_id id, graft_error *err) {
    const gft_value_id x = graph->nodes[id].inputs[0];
    const gft_value_id old = graph->nodes[id].outputs[0];
    const char *name = graph->nodes[id].name;
    gft_value_id pair[2];
    gft_value_id y;
    gft_graph_set_layer(graph, graph->nodes[id].layer);
    GFT_TRY(gft_graph_const_f32(graph, 1.0f, &pair[1], err));
    GFT_TRY(gft_graph_add(graph, &gft_op_abs, name, NULL, &x, 1, &pair[0], err));
    GFT_TRY(gft_graph_add(graph, &gft_op_add, name, NULL, pair, 2, &pair[1], err));
    pair[0] = x;
    GFT_TRY(gft_graph_add(graph, &gft_op_div, name, NULL, pair, 2, &y, err));
    gft_graph_replace(graph, old, y);
    return GRAFT_OK;
}

graft_status gft_tfjs_adapt(gft_graph *graph, graft_error *err) {
    const int32_t count = graph->node_count;
    for (gft_node_id i = 0; i < count; i++) {
        if (graph->nodes[i].op == &gft_op_strided_slice)
            GFT_TRY(split_slice(graph, i, err));
        else if (graph->nodes[i].op == &gft_op_softsign)
            GFT_TRY(spell_softsign(graph, i, err));
    }
    return GRAFT_OK;
}

/* Of the ops in its converter's op_list those that models are written with; sorted. */
static const char *const KNOWN[] = {"Abs",
                                    "Acos",
                                    "AddN",
                                    "AddV2",
                                    "All",
                                    "Any",
                                    "ArgMax",
                                    "ArgMin",
                                    "Asin",
                                    "Atan",
                                    "AvgPool",
                                    "BatchMatMulV2",
                                    "BatchToSpaceND",
                                    "BiasAdd",
                                    "BroadcastTo",
                                    "Cast",
                                    "Ceil",
                                    "ClipByValue",
                                    "ConcatV2",
                                    "Const",
                                    "Conv2D",
                                    "Conv2DBackpropInput",
                                    "Cos",
                                    "Cosh",
                                    "Cumsum",
                                    "DepthToSpace",
                                    "DepthwiseConv2dNative",
                                    "Einsum",
                                    "Elu",
                                    "Equal",
                                    "Erf",
                                    "Exp",
                                    "ExpandDims",
                                    "Expm1",
                                    "Fill",
                                    "Floor",
                                    "FloorDiv",
                                    "FloorMod",
                                    "FusedBatchNormV3",
                                    "FusedDepthwiseConv2dNative",
                                    "GatherNd",
                                    "GatherV2",
                                    "Greater",
                                    "GreaterEqual",
                                    "Identity",
                                    "IsFinite",
                                    "IsInf",
                                    "IsNan",
                                    "LRN",
                                    "LeakyRelu",
                                    "Less",
                                    "LessEqual",
                                    "Log",
                                    "Log1p",
                                    "LogSoftmax",
                                    "LogicalAnd",
                                    "LogicalNot",
                                    "LogicalOr",
                                    "MatMul",
                                    "Max",
                                    "MaxPool",
                                    "Maximum",
                                    "Mean",
                                    "Min",
                                    "Minimum",
                                    "MirrorPad",
                                    "Mul",
                                    "Neg",
                                    "NotEqual",
                                    "OneHot",
                                    "OnesLike",
                                    "Pack",
                                    "Pad",
                                    "PadV2",
                                    "Placeholder",
                                    "Pow",
                                    "Prod",
                                    "Range",
                                    "Rank",
                                    "RealDiv",
                                    "Reciprocal",
                                    "Relu",
                                    "Relu6",
                                    "Reshape",
                                    "ResizeBilinear",
                                    "ResizeNearestNeighbor",
                                    "ReverseV2",
                                    "Round",
                                    "Rsqrt",
                                    "SelectV2",
                                    "Selu",
                                    "Shape",
                                    "Sigmoid",
                                    "Sign",
                                    "Sin",
                                    "Sinh",
                                    "Size",
                                    "Slice",
                                    "Softmax",
                                    "Softplus",
                                    "SpaceToBatchND",
                                    "Split",
                                    "SplitV",
                                    "Sqrt",
                                    "Square",
                                    "SquaredDifference",
                                    "Squeeze",
                                    "StridedSlice",
                                    "Sub",
                                    "Sum",
                                    "Tan",
                                    "Tanh",
                                    "Tile",
                                    "TopKV2",
                                    "Transpose",
                                    "Unpack",
                                    "Where",
                                    "ZerosLike",
                                    "_FusedConv2D",
                                    "_FusedMatMul"};

static int by_text(const void *a, const void *b) {
    return strcmp(a, *(const char *const *)b);
}

graft_status gft_tfjs_check_ops(const gft_tf_nodes *nodes, graft_error *err) {
    for (size_t i = 0; i < nodes->count; i++) {
        const gft_tf_node *node = nodes->items[i];
        if (!bsearch(node->op, KNOWN, sizeof KNOWN / sizeof KNOWN[0], sizeof KNOWN[0], by_text))
            return gft_fail(err, GRAFT_UNIMPLEMENTED, "node '%s': TF.js has no op %s", node->name,
                            node->op);
    }
    return GRAFT_OK;
}
