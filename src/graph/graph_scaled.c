/*
 * Constants that are products of a stored filter and a scale per channel, computed when they are
 * asked for. Folding a batch norm makes one for each convolution; without this a plan would write
 * all weights once more before it packs them.
 */
#include "base/alloc.h"
#include "base/shape.h"
#include "graph/graph_priv.h"

graft_status gft_graph_const_scaled(gft_graph *graph, gft_value_id source, const double *scales,
                                    int64_t count, gft_value_id *out, graft_error *err) {
    const graft_tensor_desc desc = graph->values[source].desc;
    const float *data = gft_graph_value_data(graph, source);
    double *copy = gft_arena_memdup(&graph->arena, scales, (size_t)count * sizeof *scales);
    if (!copy)
        return gft_fail_memory(err, (size_t)count * sizeof *scales, "a constant");
    GFT_TRY(gft_graph_const(graph, NULL, &desc, data, false, out, err));
    gft_value *value = &graph->values[*out];
    value->data = NULL;
    value->foreign = false;
    value->scaled = data;
    value->scales = copy;
    return GRAFT_OK;
}

void gft_graph_scale(const gft_value *value, float *to) {
    const graft_shape *shape = &value->desc.shape;
    const int64_t channels = shape->dims[shape->rank - 1];
    const int64_t elems = gft_shape_elems(shape);
    for (int64_t i = 0; i < elems; i += channels) {
        for (int64_t c = 0; c < channels; c++)
            to[i + c] = (float)((double)value->scaled[i + c] * value->scales[c]);
    }
}

graft_status gft_graph_settle(gft_graph *graph, gft_value_id id, graft_error *err) {
    gft_value *value = &graph->values[id];
    size_t bytes = 0;
    if (!value->scaled || value->data)
        return GRAFT_OK;
    float *data = gft_desc_bytes(&value->desc, &bytes) ? gft_malloc_aligned(bytes) : NULL;
    if (!data)
        return gft_fail_memory(err, bytes, "a constant");
    gft_graph_scale(value, data);
    value->data = value->owned = data;
    return GRAFT_OK;
}
