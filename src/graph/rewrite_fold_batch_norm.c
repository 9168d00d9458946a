/*
 * What follows a convolution or dense node as y * scale + offset per channel, with numbers that
 * never change, goes into its filter and bias: batch norm with fixed statistics, and products, sums
 * and differences with constants.
 *
 * With w, b the filter and bias and (s, t) the composed scale and offset: w'[..,c] = w[..,c] *
 * s[c], b' = s * b + t. It is composed in double and rounded once.
 */
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/size.h"
#include "graph/rewrite_priv.h"

typedef struct affine {
    gft_graph *graph;
    const gft_rewrite_options *options;
    const gft_rewrite_users *users;
    double *scale, *offset;
    int64_t channels;
    bool scaled;        /* the filter changes */
    int32_t chain;      /* nodes taken in */
    int32_t worthwhile; /* of them other than bias_add, which the epilogue can take as it is */
} affine;

static const float *fixed_f32(const affine *a, gft_value_id value) {
    if (value < 0 || a->graph->values[value].desc.dtype != GRAFT_F32)
        return NULL;
    return gft_graph_fixed_data(a->graph, value, a->options->training);
}

/* Per-channel data of a value; *step is 0 for a single number. */
static const float *fixed_vector(const affine *a, gft_value_id value, int64_t *step) {
    const float *data = fixed_f32(a, value);
    if (!data)
        return NULL;
    const graft_shape *shape = &a->graph->values[value].desc.shape;
    if (!gft_rewrite_is_vector(shape, a->channels))
        return NULL;
    *step = gft_shape_elems(shape) == 1 ? 0 : 1;
    return data;
}

static bool absorb_batch_norm(affine *a, const gft_node *node, gft_value_id x) {
    const gft_batch_norm_attrs *attrs = node->attrs;
    if (node->input_count != 5 || node->inputs[0] != x || (a->options->training && attrs->train))
        return false;
    const float *data[4];
    int64_t step[4];
    for (int32_t i = 0; i < 4; i++) {
        data[i] = fixed_vector(a, node->inputs[i + 1], &step[i]);
        if (!data[i])
            return false;
    }
    for (int64_t c = 0; c < a->channels; c++) {
        double gamma = (double)data[0][c * step[0]];
        double beta = (double)data[1][c * step[1]];
        double mean = (double)data[2][c * step[2]];
        double variance = (double)data[3][c * step[3]];
        double k = gamma / sqrt(variance + (double)attrs->epsilon);
        a->scale[c] *= k;
        a->offset[c] = (a->offset[c] - mean) * k + beta;
    }
    a->scaled = true;
    a->worthwhile++;
    return true;
}

static bool absorb_arithmetic(affine *a, const gft_node *node, gft_value_id x) {
    int64_t step;
    const float *v = fixed_vector(a, gft_rewrite_other(node, x), &step);
    if (!v)
        return false;
    gft_op_kind kind = node->op->kind;
    bool reversed = kind == GFT_KIND_SUB && node->inputs[1] == x; /* v - x */
    if (kind == GFT_KIND_BIAS_ADD && node->inputs[0] != x)
        return false;
    for (int64_t c = 0; c < a->channels; c++) {
        double value = (double)v[c * step];
        if (kind == GFT_KIND_MUL || reversed) {
            double factor = reversed ? -1.0 : value;
            a->scale[c] *= factor;
            a->offset[c] *= factor;
        }
        if (kind == GFT_KIND_ADD || kind == GFT_KIND_BIAS_ADD || reversed)
            a->offset[c] += value;
        else if (kind == GFT_KIND_SUB)
            a->offset[c] -= value;
    }
    a->scaled = a->scaled || kind == GFT_KIND_MUL || reversed;
    a->worthwhile += kind != GFT_KIND_BIAS_ADD;
    return true;
}

static bool absorb(affine *a, const gft_node *node, gft_value_id x) {
    if (node->output_count != 1 || !gft_shape_equal(&a->graph->values[x].desc.shape,
                                                    &a->graph->values[node->outputs[0]].desc.shape))
        return false;
    switch (node->op->kind) {
    case GFT_KIND_BATCH_NORM:
        return absorb_batch_norm(a, node, x);
    case GFT_KIND_BIAS_ADD:
    case GFT_KIND_ADD:
    case GFT_KIND_SUB:
    case GFT_KIND_MUL:
        return absorb_arithmetic(a, node, x);
    default:
        return false;
    }
}

static graft_status new_filter(affine *a, const gft_node *node, gft_value_id *out,
                               graft_error *err) {
    const gft_value *value = &a->graph->values[node->inputs[1]];
    const graft_shape *shape = &value->desc.shape;
    if (a->options->lazy && (value->kind == GFT_VALUE_PARAM || value->foreign) &&
        shape->dims[shape->rank - 1] == a->channels)
        return gft_graph_const_scaled(a->graph, node->inputs[1], a->scale, a->channels, out, err);
    const float *w = fixed_f32(a, node->inputs[1]);
    int64_t elems = gft_shape_elems(&value->desc.shape);
    size_t bytes = 0;
    if (!w || elems < 0 || !gft_desc_bytes(&value->desc, &bytes))
        return gft_fail(err, GRAFT_INTERNAL, "%s '%s': its filter has no data", node->op->name,
                        node->name);
    float *scaled = gft_malloc_aligned(bytes);
    if (!scaled)
        return gft_fail_memory(err, bytes, "a folded filter");
    for (int64_t i = 0; i < elems; i += a->channels) {
        for (int64_t c = 0; c < a->channels; c++)
            scaled[i + c] = (float)((double)w[i + c] * a->scale[c]);
    }
    graft_tensor_desc desc = value->desc;
    return gft_graph_const_take(a->graph, NULL, &desc, scaled, out, err);
}

static graft_status new_bias(affine *a, gft_value_id *out, graft_error *err) {
    graft_tensor_desc desc = gft_desc_f32(gft_shape_1(a->channels));
    float *bias = gft_malloc_aligned((size_t)a->channels * sizeof *bias);
    if (!bias)
        return gft_fail_memory(err, (size_t)a->channels * sizeof *bias, "a folded bias");
    for (int64_t c = 0; c < a->channels; c++)
        bias[c] = (float)a->offset[c];
    return gft_graph_const_take(a->graph, NULL, &desc, bias, out, err);
}

/* The chain behind the node, while it can be taken in. */
static void walk(affine *a, gft_value_id value, gft_node_id *chain, int32_t most) {
    while (a->chain < most) {
        gft_node_id user = gft_rewrite_sole_user(a->users, value);
        if (user < 0 || !absorb(a, &a->graph->nodes[user], value))
            break;
        chain[a->chain++] = user;
        value = a->graph->nodes[user].outputs[0];
    }
}

static graft_status fold_into(affine *a, gft_node_id id, gft_node_id *chain, graft_error *err) {
    gft_graph *graph = a->graph;
    const gft_epilogue_attrs *epilogue = gft_rewrite_epilogue(&graph->nodes[id]);
    const float *bias = epilogue->has_bias ? fixed_f32(a, graph->nodes[id].inputs[2]) : NULL;
    for (int64_t c = 0; c < a->channels; c++) {
        a->scale[c] = 1.0;
        a->offset[c] = bias ? (double)bias[c] : 0.0;
    }
    walk(a, graph->nodes[id].outputs[0], chain, graph->node_count);
    if (a->worthwhile == 0)
        return GRAFT_OK;
    if (a->scaled) {
        gft_value_id filter;
        GFT_TRY(new_filter(a, &graph->nodes[id], &filter, err));
        graph->nodes[id].inputs[1] = filter;
    }
    gft_value_id folded_bias;
    GFT_TRY(new_bias(a, &folded_bias, err));
    GFT_TRY(gft_rewrite_set_bias(graph, id, folded_bias, err));
    for (int32_t i = 0; i < a->chain; i++)
        gft_rewrite_take_over(graph, id, chain[i]);
    return GRAFT_OK;
}

/* Filter and bias are fixed, and nothing comes between the sum and what follows it. */
static bool is_candidate(const affine *a, const gft_node *node, int64_t *channels) {
    const gft_epilogue_attrs *epilogue = gft_rewrite_epilogue(node);
    if (!epilogue || epilogue->activation || epilogue->has_residual || node->input_count < 2)
        return false;
    if (!epilogue->has_bias && node->input_count >= node->op->max_inputs)
        return false;
    const graft_shape *shape = &a->graph->values[node->outputs[0]].desc.shape;
    if (shape->rank < 1 || !fixed_f32(a, node->inputs[1]) ||
        (epilogue->has_bias && !fixed_f32(a, node->inputs[2])))
        return false;
    *channels = shape->dims[shape->rank - 1];
    int64_t elems = gft_shape_elems(&a->graph->values[node->inputs[1]].desc.shape);
    return *channels > 0 && elems % *channels == 0;
}

graft_status gft_rewrite_fold_batch_norm(gft_graph *graph, const gft_rewrite_options *options,
                                         graft_error *err) {
    if (!options->fuse)
        return GRAFT_OK;
    size_t chain_bytes = ((size_t)graph->node_count + 1) * sizeof(gft_node_id);
    gft_node_id *chain = gft_malloc(chain_bytes);
    if (!chain)
        return gft_fail_memory(err, chain_bytes, "folding batch norm");
    gft_rewrite_users users;
    graft_status status = gft_rewrite_users_init(&users, graph, err);
    for (int32_t i = 0; i < graph->node_count && status == GRAFT_OK; i++) {
        affine a = {.graph = graph, .options = options, .users = &users};
        if (!is_candidate(&a, &graph->nodes[i], &a.channels))
            continue;
        size_t bytes;
        if (!gft_size_mul((size_t)a.channels, 2 * sizeof *a.scale, &bytes) ||
            !(a.scale = gft_malloc(bytes))) {
            status =
                gft_fail_memory(err, (size_t)a.channels * sizeof *a.scale, "folding batch norm");
            break;
        }
        a.offset = a.scale + a.channels;
        status = fold_into(&a, i, chain, err);
        gft_free(a.scale);
    }
    gft_rewrite_users_deinit(&users);
    gft_free(chain);
    return status;
}
