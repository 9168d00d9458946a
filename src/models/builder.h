/*
 * Helpers for family builders: layers appended to a graph with their parameters, named as Keras
 * names them. The first failure sticks: from then on every helper gives -1 and does nothing, and
 * gft_builder_finish reports it.
 *
 * Every helper makes its own layer (gft_graph_set_layer), so that freezing by layer counts what
 * Keras counts.
 */
#ifndef GFT_MODELS_BUILDER_H
#define GFT_MODELS_BUILDER_H

#include "models/model.h"
#include "ops/ops.h"

typedef struct gft_builder {
    graft_model *model;
    gft_graph *graph; /* until finished */
    gft_weight_source source;
    void *context;
    float epsilon, momentum; /* of batch norms: 1e-3, 0.99 */
    graft_status status;
    graft_error *err;
} gft_builder;

typedef struct gft_window {
    int64_t kernel, stride;
} gft_window;

/**
 * Begins a graph over the model's parameters. source gives every parameter's values; they are
 * copied.
 */
gft_builder gft_builder_make(graft_model *model, gft_weight_source source, void *context,
                             graft_error *err);
/** Adds the graph to the model as this signature, or frees it and gives the first failure. */
GRAFT_MUST_CHECK graft_status gft_builder_finish(gft_builder *b, const char *signature);

gft_value_id gft_build_input(gft_builder *b, const char *name, const graft_tensor_desc *desc);
void gft_build_output(gft_builder *b, const char *name, gft_value_id value);
/** A parameter, "layer/part", filled from the source. */
gft_value_id gft_build_param(gft_builder *b, const char *layer, const char *part, graft_shape shape,
                             gft_param_kind kind);
/** A node named `name` under the present layer, for what has no helper. */
gft_value_id gft_build_node(gft_builder *b, const gft_op *op, const char *name, const void *attrs,
                            const gft_value_id *inputs, int32_t count);

/** (x - offset) * scale under one layer. */
gft_value_id gft_build_normalise(gft_builder *b, gft_value_id x, const char *layer, float offset,
                                 float scale);
/** Convolution without bias, padding SAME. Parameter "layer/kernel". */
gft_value_id gft_build_conv(gft_builder *b, gft_value_id x, const char *layer, int64_t filters,
                            gft_window window);
/** Depthwise convolution without bias, padding SAME. Parameter "layer/depthwise_kernel". */
gft_value_id gft_build_depthwise(gft_builder *b, gft_value_id x, const char *layer,
                                 gft_window window);
/** Parameters "layer/gamma", beta, moving_mean, moving_variance. */
gft_value_id gft_build_batch_norm(gft_builder *b, gft_value_id x, const char *layer);
/** A layer of one element-wise op without attributes (relu6, silu, ...). */
gft_value_id gft_build_unary(gft_builder *b, gft_value_id x, const char *layer, const gft_op *op);
gft_value_id gft_build_add(gft_builder *b, gft_value_id x, gft_value_id y, const char *layer);
/** Mean over height and width: (N,H,W,C) to (N,C). */
gft_value_id gft_build_global_pool(gft_builder *b, gft_value_id x, const char *layer);
gft_value_id gft_build_dropout(gft_builder *b, gft_value_id x, const char *layer, float rate,
                               uint64_t key);
/**
 * x * kernel + bias, parameters "layer/kernel", "layer/bias". The layer stays open for an
 * activation.
 */
gft_value_id gft_build_dense(gft_builder *b, gft_value_id x, const char *layer, int64_t units);

/** Channels of a value: its last dimension; 0 after a failure. */
int64_t gft_build_channels(const gft_builder *b, gft_value_id x);

#endif
