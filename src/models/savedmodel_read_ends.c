/*
 * Inputs and outputs of a signature: what a SignatureDef says, completed by what the placeholders
 * themselves say.
 */
#include <stdlib.h>
#include <string.h>

#include "formats/tensor_proto.h"
#include "models/savedmodel_read.h"

static graft_status set_shape(gft_sm_end *end, const Tensorflow__TensorShapeProto *proto,
                              graft_error *err) {
    if (!proto || proto->unknown_rank || !end->any_rank)
        return GRAFT_OK;
    GFT_TRY(gft_tensor_proto_shape(proto, end->key, &end->shape, err));
    end->any_rank = false;
    return GRAFT_OK;
}

/* Before version 24 of graphs, an empty shape of a placeholder meant one that is not known. */
static bool means_unknown(const gft_sm_reader *r, const Tensorflow__TensorShapeProto *shape) {
    const Tensorflow__VersionDef *versions = r->meta->graph_def->versions;
    return shape->n_dim == 0 && versions && versions->producer > 0 && versions->producer < 24;
}

/* An input that is fed behind the parser of examples has the shape of its feature. */
static graft_status shape_of_feature(gft_sm_reader *r, gft_sm_end *end, graft_error *err) {
    gft_sm_tensor source;
    GFT_TRY(gft_sm_resolve(r, 0, end->tensor, &source, err));
    if (gft_tf_example_shape(gft_sm_node(r, source.site), source.output, &end->shape))
        end->any_rank = false;
    return GRAFT_OK;
}

graft_status gft_sm_end_from_node(const gft_sm_reader *r, gft_sm_end *end, graft_error *err) {
    int32_t index;
    int32_t output;
    GFT_TRY(gft_sm_parse(r, 0, end->tensor, &index, &output, err));
    const Tensorflow__NodeDef *node = r->main.nodes[index]; /* the main graph has no arguments */
    const Tensorflow__AttrValue *shape = gft_tf_find_attr(node, "shape");
    const Tensorflow__AttrValue *inferred = gft_tf_find_attr(node, "_output_shapes");
    if (end->dtype == GRAFT_DTYPE_NONE)
        end->dtype = gft_tf_get_type(node, "dtype", gft_tf_get_type(node, "T", GRAFT_DTYPE_NONE));
    if (strcmp(node->op, "Placeholder") == 0) /* what is fed, whatever the signature says */
        end->dtype = gft_tf_get_type(node, "dtype", end->dtype);
    if (shape && shape->value_case == TENSORFLOW__ATTR_VALUE__VALUE_SHAPE &&
        !means_unknown(r, shape->shape))
        GFT_TRY(set_shape(end, shape->shape, err));
    if (inferred && inferred->value_case == TENSORFLOW__ATTR_VALUE__VALUE_LIST &&
        (size_t)output < inferred->list->n_shape)
        GFT_TRY(set_shape(end, inferred->list->shape[output], err));
    return GRAFT_OK;
}

static graft_status end_of(gft_sm_reader *r, const char *key, const Tensorflow__TensorInfo *info,
                           bool input, gft_sm_end *end, graft_error *err) {
    *end = (gft_sm_end){.key = key, .any_rank = true};
    if (!info || info->encoding_case != TENSORFLOW__TENSOR_INFO__ENCODING_NAME)
        return GRAFT_OK;
    end->tensor = info->name;
    end->dtype = (graft_dtype)info->dtype;
    if (!input)
        return GRAFT_OK;
    GFT_TRY(set_shape(end, info->tensor_shape, err));
    GFT_TRY(gft_sm_end_from_node(r, end, err));
    end->free_rank = end->any_rank && end->dtype != GRAFT_STRING;
    return end->any_rank ? shape_of_feature(r, end, err) : GRAFT_OK;
}

static int by_key(const void *a, const void *b) {
    return strcmp(((const gft_sm_end *)a)->key, ((const gft_sm_end *)b)->key);
}

/* In the order of their names: a map has none of its own. */
graft_status gft_sm_ends_of(gft_sm_reader *r, const Tensorflow__SignatureDef *def, gft_sm_ends *out,
                            graft_error *err) {
    *out = (gft_sm_ends){.input_count = def->n_inputs, .output_count = def->n_outputs};
    out->inputs = gft_arena_array(r->arena, def->n_inputs, sizeof *out->inputs);
    out->outputs = gft_arena_array(r->arena, def->n_outputs, sizeof *out->outputs);
    if (!out->inputs || !out->outputs)
        return gft_fail_memory(err, (def->n_inputs + def->n_outputs) * sizeof *out->inputs,
                               "a signature");
    for (size_t i = 0; i < def->n_inputs; i++)
        GFT_TRY(end_of(r, def->inputs[i]->key, def->inputs[i]->value, true, &out->inputs[i], err));
    for (size_t i = 0; i < def->n_outputs; i++)
        GFT_TRY(
            end_of(r, def->outputs[i]->key, def->outputs[i]->value, false, &out->outputs[i], err));
    if (out->input_count > 1)
        qsort(out->inputs, out->input_count, sizeof *out->inputs, by_key);
    if (out->output_count > 1)
        qsort(out->outputs, out->output_count, sizeof *out->outputs, by_key);
    return GRAFT_OK;
}
