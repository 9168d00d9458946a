/*
 * Graph ops as TensorFlow's nodes: one small function per op family (tensorflow_ops_*.c), one
 * table.
 */
#ifndef GFT_MODELS_TENSORFLOW_OPS_H
#define GFT_MODELS_TENSORFLOW_OPS_H

#include "graph/graph.h"
#include "models/savedmodel_proto.h"

/* A graph node being written. */
typedef struct gft_tf_emit {
    gft_tf_nodes *nodes;
    const gft_graph *graph;
    const gft_node *node;
    const char **values;        /* tensor of every graph value; NULL: not there yet */
    const char *const *handles; /* variable's handle of every parameter; NULL: none */
    bool training;              /* batch norm and dropout as in training */
    gft_tf_node **effects;      /* nodes that must run, for the function's control outputs */
    size_t effect_count;
} gft_tf_emit;

/**
 * Appends the nodes of emit->node and sets the tensors of its outputs; UNIMPLEMENTED names node and
 * op.
 */
GRAFT_MUST_CHECK graft_status gft_tf_emit_node(gft_tf_emit *emit, graft_error *err);

/* ---- for the families ---- */

static inline const char *gft_tf_in(const gft_tf_emit *e, int32_t i) {
    return i < e->node->input_count ? e->values[e->node->inputs[i]] : NULL;
}
static inline const graft_tensor_desc *gft_tf_in_desc(const gft_tf_emit *e, int32_t i) {
    return &e->graph->values[e->node->inputs[i]].desc;
}
static inline const graft_tensor_desc *gft_tf_out_desc(const gft_tf_emit *e) {
    return &e->graph->values[e->node->outputs[0]].desc;
}
static inline void gft_tf_set_out(gft_tf_emit *e, const char *tensor) {
    e->values[e->node->outputs[0]] = tensor;
}
/** UNIMPLEMENTED, "node: op cannot be written as TensorFlow's: why". */
graft_status gft_tf_cannot(const gft_tf_emit *e, const char *why, graft_error *err);
/** Appends the nodes of an activation (relu, silu, ...); NULL if the op is none. */
const char *gft_tf_activation(gft_tf_nodes *nodes, const gft_op *op, float alpha, const char *x);
/**
 * Bias, residual and activation of an epilogue behind `acc`; first: index of the bias among the
 * inputs.
 */
graft_status gft_tf_epilogue(gft_tf_emit *e, const gft_epilogue_attrs *epilogue, int32_t first,
                             const char *acc, graft_error *err);
const char *gft_tf_transpose(gft_tf_nodes *nodes, const char *x, const gft_transpose_attrs *attrs,
                             int32_t rank, graft_dtype dtype);
const char *gft_tf_concat(gft_tf_nodes *nodes, const char *const *parts, int32_t count,
                          int32_t axis, graft_dtype dtype);
/** Dimension `axis` of a shape vector, as a vector of one. */
const char *gft_tf_shape_part(gft_tf_nodes *nodes, const char *shape, int64_t axis);
/** A scalar of float32, int32, int64 or bool. */
const char *gft_tf_const_number(gft_tf_nodes *nodes, const char *name, graft_dtype dtype,
                                double value);
/** NULL if a bound does not fit int32, as below. */
const char *gft_tf_slice(gft_tf_nodes *nodes, const char *x, const int64_t *begin,
                         const int64_t *size, int32_t rank, graft_dtype dtype);
const char *gft_tf_strided_slice(gft_tf_nodes *nodes, const char *x,
                                 const gft_strided_slice_attrs *attrs, int32_t rank,
                                 graft_dtype dtype);
/** Pad, or PadV2 with a scalar; NULL if an amount does not fit int32. */
const char *gft_tf_pad(gft_tf_nodes *nodes, const char *x, const gft_pad_attrs *attrs, int32_t rank,
                       const char *value, graft_dtype dtype);
/** An input multiplied by the epilogue's input_scale, if it has one. */
const char *gft_tf_scaled_input(gft_tf_emit *e, const gft_epilogue_attrs *epilogue);

#define GFT_TF_EMIT_DECLARE(name) graft_status gft_tf_emit_##name(gft_tf_emit *e, graft_error *err)
GFT_TF_EMIT_DECLARE(conv2d);
GFT_TF_EMIT_DECLARE(depthwise_conv2d);
GFT_TF_EMIT_DECLARE(dense);
GFT_TF_EMIT_DECLARE(matmul);
GFT_TF_EMIT_DECLARE(bias_add);
GFT_TF_EMIT_DECLARE(activation);
GFT_TF_EMIT_DECLARE(unary);
GFT_TF_EMIT_DECLARE(binary);
GFT_TF_EMIT_DECLARE(cast);
GFT_TF_EMIT_DECLARE(identity);
GFT_TF_EMIT_DECLARE(dropout);
GFT_TF_EMIT_DECLARE(fill_like);
GFT_TF_EMIT_DECLARE(softmax);
GFT_TF_EMIT_DECLARE(batch_norm);
GFT_TF_EMIT_DECLARE(layer_norm);
GFT_TF_EMIT_DECLARE(l2_normalise);
GFT_TF_EMIT_DECLARE(pool);
GFT_TF_EMIT_DECLARE(reduce);
GFT_TF_EMIT_DECLARE(resize);
GFT_TF_EMIT_DECLARE(pad);
GFT_TF_EMIT_DECLARE(slice);
GFT_TF_EMIT_DECLARE(strided_slice);
GFT_TF_EMIT_DECLARE(concat);
GFT_TF_EMIT_DECLARE(reshape);
GFT_TF_EMIT_DECLARE(broadcast_to);
GFT_TF_EMIT_DECLARE(transpose);
GFT_TF_EMIT_DECLARE(gather);
GFT_TF_EMIT_DECLARE(logical);
GFT_TF_EMIT_DECLARE(select);
GFT_TF_EMIT_DECLARE(clip);
GFT_TF_EMIT_DECLARE(prelu);
GFT_TF_EMIT_DECLARE(arg);
GFT_TF_EMIT_DECLARE(top_k);
GFT_TF_EMIT_DECLARE(one_hot);
GFT_TF_EMIT_DECLARE(cumsum);
GFT_TF_EMIT_DECLARE(gather_nd);
GFT_TF_EMIT_DECLARE(lrn);
GFT_TF_EMIT_DECLARE(shape_of);
GFT_TF_EMIT_DECLARE(tile);
GFT_TF_EMIT_DECLARE(depth_to_space);
GFT_TF_EMIT_DECLARE(space_to_batch);
GFT_TF_EMIT_DECLARE(mirror_pad);
GFT_TF_EMIT_DECLARE(quantize);
GFT_TF_EMIT_DECLARE(dequantize);
GFT_TF_EMIT_DECLARE(conv2d_transpose);

#endif
