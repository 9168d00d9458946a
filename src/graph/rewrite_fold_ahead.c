/*
 * What comes ahead of a convolution as x * scale + offset per channel, with numbers that never
 * change (pictures brought to a network's range), goes into its filter as far as zero padding
 * allows: w * (s x + t) = (w s) * (x + t / s). One addition is left, or nothing without an offset.
 *
 * Composed in double and rounded once.
 */
#include <math.h>

#include "base/alloc.h"
#include "base/size.h"
#include "graph/rewrite_priv.h"

#define MOST_CHANNELS 4096

typedef struct ahead {
    gft_graph *graph;
    const gft_rewrite_options *options;
    const gft_rewrite_users *users;
    double *scale, *offset; /* from x to what the convolution reads */
    int64_t channels;
    gft_value_id x;     /* what the chain begins with */
    gft_node_id adding; /* an add or a sub (x - c) of the chain; -1: none */
    int32_t nodes;      /* of the chain */
} ahead;

static const float *fixed_f32(const ahead *a, gft_value_id value) {
    if (value < 0 || a->graph->values[value].desc.dtype != GRAFT_F32)
        return NULL;
    return gft_graph_fixed_data(a->graph, value, a->options->training);
}

/* The node that makes a->x, if it is x' * c, x' + c or x' - c; then a->x becomes x'. */
static bool step_back(ahead *a) {
    gft_graph *graph = a->graph;
    const gft_value *value = &graph->values[a->x];
    if (value->kind != GFT_VALUE_NODE || gft_rewrite_sole_user(a->users, a->x) < 0)
        return false;
    const gft_node *node = &graph->nodes[value->node];
    const gft_op_kind kind = node->op ? node->op->kind : GFT_KIND_OTHER;
    if (kind != GFT_KIND_MUL && kind != GFT_KIND_ADD && kind != GFT_KIND_SUB)
        return false;
    const bool first = fixed_f32(a, node->inputs[1]);
    const gft_value_id from = node->inputs[first ? 0 : 1];
    const gft_value_id by = node->inputs[first ? 1 : 0];
    const float *v = fixed_f32(a, by);
    if (!v || (!first && kind == GFT_KIND_SUB) || fixed_f32(a, from) ||
        !gft_rewrite_is_vector(&graph->values[by].desc.shape, a->channels) ||
        !gft_shape_equal(&graph->values[from].desc.shape, &value->desc.shape))
        return false;
    const int64_t step = gft_shape_elems(&graph->values[by].desc.shape) == 1 ? 0 : 1;
    for (int64_t c = 0; c < a->channels; c++) {
        const double number = (double)v[c * step];
        if (kind == GFT_KIND_MUL)
            a->scale[c] *= number;
        else
            a->offset[c] += a->scale[c] * (kind == GFT_KIND_SUB ? -number : number);
    }
    if (kind != GFT_KIND_MUL)
        a->adding = value->node;
    a->x = from;
    a->nodes++;
    return true;
}

static graft_status take(ahead *a, const graft_tensor_desc *desc, float *data, gft_value_id *out,
                         graft_error *err) {
    const graft_tensor_desc copy = *desc;
    return gft_graph_const_take(a->graph, NULL, &copy, data, out, err);
}

static graft_status new_filter(ahead *a, gft_value_id filter, gft_value_id *out, graft_error *err) {
    const graft_tensor_desc *desc = &a->graph->values[filter].desc;
    const float *w = fixed_f32(a, filter);
    const int64_t cols = desc->shape.dims[3];
    const int64_t elems = gft_shape_elems(&desc->shape);
    size_t bytes = 0;
    if (!gft_desc_bytes(desc, &bytes))
        return gft_fail(err, GRAFT_INTERNAL, "a filter of unknown size");
    float *scaled = gft_malloc_aligned(bytes);
    if (!scaled)
        return gft_fail_memory(err, bytes, "a folded filter");
    for (int64_t i = 0; i < elems; i++)
        scaled[i] = (float)((double)w[i] * a->scale[i / cols % a->channels]);
    return take(a, desc, scaled, out, err);
}

/* offset / scale (negated for a sub), one per channel. */
static graft_status new_addend(ahead *a, bool negate, gft_value_id *out, graft_error *err) {
    const graft_tensor_desc desc = gft_desc_f32(gft_shape_1(a->channels));
    float *addend = gft_malloc_aligned((size_t)a->channels * sizeof *addend);
    if (!addend)
        return gft_fail_memory(err, (size_t)a->channels * sizeof *addend, "a folded offset");
    for (int64_t c = 0; c < a->channels; c++) {
        const double v = a->offset[c] / a->scale[c];
        addend[c] = (float)(negate ? -v : v);
    }
    return take(a, &desc, addend, out, err);
}

/* Nothing is gained by one addition alone; a factor of 0, infinity or NaN stays where it is. */
static bool pays(const ahead *a, bool *offsets) {
    *offsets = false;
    for (int64_t c = 0; c < a->channels; c++) {
        const double s = fabs(a->scale[c]);
        if (!(s > 1e-30 && s < 1e30) || !isfinite(a->offset[c]))
            return false;
        *offsets = *offsets || a->offset[c] != 0.0;
    }
    return a->nodes > (*offsets ? 1 : 0);
}

static graft_status fold_chain(ahead *a, gft_node_id conv, graft_error *err) {
    gft_graph *graph = a->graph;
    bool offsets;
    gft_value_id filter;
    gft_value_id addend = -1;
    for (int64_t c = 0; c < a->channels; c++) {
        a->scale[c] = 1.0;
        a->offset[c] = 0.0;
    }
    a->x = graph->nodes[conv].inputs[0];
    a->adding = -1;
    while (a->nodes < graph->node_count && step_back(a))
        continue;
    if (!pays(a, &offsets))
        return GRAFT_OK;
    GFT_TRY(new_filter(a, graph->nodes[conv].inputs[1], &filter, err));
    if (offsets)
        GFT_TRY(new_addend(a, graph->nodes[a->adding].op->kind == GFT_KIND_SUB, &addend, err));
    graph->nodes[conv].inputs[1] = filter;
    if (offsets) {
        gft_node *adding = &graph->nodes[a->adding];
        adding->inputs[0] = a->x;
        adding->inputs[1] = addend;
        graph->nodes[conv].inputs[0] = adding->outputs[0];
    } else {
        graph->nodes[conv].inputs[0] = a->x;
    }
    return GRAFT_OK;
}

/* A convolution of one group with a fixed filter, which nothing else gets new numbers from. */
static bool is_candidate(const ahead *a, const gft_node *node, int64_t *channels) {
    if (!node->op || node->op->kind != GFT_KIND_CONV2D || !fixed_f32(a, node->inputs[1]))
        return false;
    const gft_conv2d_attrs *attrs = node->attrs;
    const graft_shape *filter = &a->graph->values[node->inputs[1]].desc.shape;
    const graft_shape *x = &a->graph->values[node->inputs[0]].desc.shape;
    if (attrs->groups > 1 || filter->rank != 4 || x->rank != 4 || x->dims[3] != filter->dims[2])
        return false;
    *channels = filter->dims[2];
    return *channels > 0 && *channels <= MOST_CHANNELS && filter->dims[3] > 0;
}

graft_status gft_rewrite_fold_ahead(gft_graph *graph, const gft_rewrite_options *options,
                                    graft_error *err) {
    if (!options->fuse || options->training || options->keep_shapes)
        return GRAFT_OK;
    gft_rewrite_users users;
    graft_status status = gft_rewrite_users_init(&users, graph, err);
    for (int32_t i = 0; i < graph->node_count && status == GRAFT_OK; i++) {
        ahead a = {.graph = graph, .options = options, .users = &users};
        if (!is_candidate(&a, &graph->nodes[i], &a.channels))
            continue;
        a.scale = gft_malloc(2 * (size_t)a.channels * sizeof *a.scale);
        if (!a.scale) {
            status = gft_fail_memory(err, 2 * (size_t)a.channels * sizeof *a.scale,
                                     "folding what comes ahead");
            break;
        }
        a.offset = a.scale + a.channels;
        status = fold_chain(&a, i, err);
        gft_free(a.scale);
    }
    gft_rewrite_users_deinit(&users);
    return status == GRAFT_OK ? gft_graph_sweep(graph, err) : status;
}
