/*
 * Einsum of one or two operands, read: sums over what only one of them has, transposes that bring
 * the operands to (batch, own, summed) x (batch, summed, own), one matrix product, a transpose to
 * the order that is asked for. An ellipsis stands for the dimensions that are not named.
 */
#include <string.h>

#include "base/shape.h"
#include "models/tensorflow_ops_import.h"
#include "ops/ops.h"

#define MAX_LABELS GRAFT_MAX_RANK

/*
 * Labels of an operand, one per dimension; those of an ellipsis are 1, 2, ... counted from its end.
 */
typedef struct labels {
    int32_t count;
    char of[MAX_LABELS];
} labels;

typedef struct term {
    labels at;
    gft_value_id id;
} term;

static graft_status broken(graft_error *err) {
    return gft_fail(err, GRAFT_UNIMPLEMENTED, "its equation is one that is not read");
}

static int32_t find(const labels *l, char label) {
    for (int32_t i = 0; i < l->count; i++) {
        if (l->of[i] == label)
            return i;
    }
    return -1;
}

/* dots: how many dimensions an ellipsis stands for. */
static graft_status parse(const char *text, size_t length, int32_t dots, labels *out,
                          graft_error *err) {
    out->count = 0;
    for (size_t i = 0; i < length; i++) {
        if (text[i] == ' ')
            continue;
        if (text[i] == '.') {
            if (length - i < 3 || memcmp(text + i, "...", 3) != 0 || dots < 0)
                return broken(err);
            for (int32_t k = dots; k > 0; k--) {
                if (out->count == MAX_LABELS)
                    return broken(err);
                out->of[out->count++] = (char)k;
            }
            i += 2;
            continue;
        }
        const bool letter =
            (text[i] >= 'a' && text[i] <= 'z') || (text[i] >= 'A' && text[i] <= 'Z');
        if (!letter || out->count == MAX_LABELS || find(out, text[i]) >= 0)
            return broken(err); /* a label twice in one operand is a diagonal */
        out->of[out->count++] = text[i];
    }
    return GRAFT_OK;
}

static int32_t letters(const char *text, size_t length) {
    int32_t n = 0;
    for (size_t i = 0; i < length; i++)
        n += text[i] != '.' && text[i] != ' ';
    return n;
}

/* x with the dimensions in this order of labels (all of its own). */
static graft_status ordered(gft_tf_import *m, term *t, const labels *to, graft_error *err) {
    gft_transpose_attrs attrs = {{0}};
    bool moved = false;
    for (int32_t i = 0; i < to->count; i++) {
        attrs.perm[i] = find(&t->at, to->of[i]);
        moved = moved || attrs.perm[i] != i;
    }
    t->at = *to;
    return moved ? gft_tf_append(m, &gft_op_transpose, &attrs, &t->id, 1, &t->id, err) : GRAFT_OK;
}

/* Sums over labels that neither the other operand nor the result has. */
static graft_status sum_own(gft_tf_import *m, term *t, const labels *other, const labels *result,
                            graft_error *err) {
    gft_reduce_attrs attrs = {.axes = 0};
    labels left = {0};
    for (int32_t i = 0; i < t->at.count; i++) {
        if (find(other, t->at.of[i]) < 0 && find(result, t->at.of[i]) < 0)
            attrs.axes |= 1u << i;
        else
            left.of[left.count++] = t->at.of[i];
    }
    t->at = left;
    return attrs.axes ? gft_tf_append(m, &gft_op_reduce_sum, &attrs, &t->id, 1, &t->id, err)
                      : GRAFT_OK;
}

static void push(labels *l, char label) {
    if (l->count < MAX_LABELS)
        l->of[l->count++] = label;
}

/*
 * The last dimensions of x as groups of so many: (lead..., own, summed) with own and summed as one
 * each.
 */
static graft_status grouped(gft_tf_import *m, gft_value_id x, int32_t lead, int32_t first,
                            int32_t second, gft_value_id *out, graft_error *err) {
    const graft_shape *s = &m->graph->values[x].desc.shape;
    const int32_t counts[2] = {first, second};
    gft_shape_attrs attrs = {.shape = {.rank = lead + 2}};
    int32_t at = lead;
    *out = x;
    if (first == 1 && second == 1)
        return GRAFT_OK;
    for (int32_t i = 0; i < lead; i++)
        attrs.shape.dims[i] = s->dims[i];
    for (int32_t g = 0; g < 2; g++) {
        int64_t product = 1;
        for (int32_t i = 0; i < counts[g]; i++, at++)
            product = product < 0 || s->dims[at] < 0 ? -1 : product * s->dims[at];
        attrs.shape.dims[lead + g] = product;
    }
    return gft_tf_append(m, &gft_op_reshape, &attrs, &x, 1, out, err);
}

static graft_status product(gft_tf_import *m, term *a, term *b, const labels *result,
                            graft_error *err) {
    labels batch = {0};
    labels own_a = {0};
    labels own_b = {0};
    labels summed = {0};
    for (int32_t i = 0; i < a->at.count; i++) {
        const char label = a->at.of[i];
        const bool shared = find(&b->at, label) >= 0;
        push(!shared ? &own_a : find(result, label) >= 0 ? &batch : &summed, label);
    }
    for (int32_t i = 0; i < b->at.count; i++) {
        if (find(&a->at, b->at.of[i]) < 0)
            push(&own_b, b->at.of[i]);
    }
    labels to_a = batch;
    labels to_b = batch;
    labels order = batch;
    for (int32_t i = 0; i < own_a.count; i++)
        push(&to_a, own_a.of[i]);
    for (int32_t i = 0; i < summed.count; i++) {
        push(&to_a, summed.of[i]);
        push(&to_b, summed.of[i]);
    }
    for (int32_t i = 0; i < own_b.count; i++)
        push(&to_b, own_b.of[i]);
    for (int32_t i = 0; i < own_a.count; i++)
        push(&order, own_a.of[i]);
    for (int32_t i = 0; i < own_b.count; i++)
        push(&order, own_b.of[i]);
    if (batch.count + own_a.count + own_b.count > GRAFT_MAX_RANK)
        return broken(err);
    GFT_TRY(ordered(m, a, &to_a, err));
    GFT_TRY(ordered(m, b, &to_b, err));
    graft_shape full = {.rank = order.count};
    for (int32_t i = 0; i < order.count; i++)
        full.dims[i] =
            i < batch.count + own_a.count
                ? m->graph->values[a->id].desc.shape.dims[i]
                : m->graph->values[b->id].desc.shape.dims[i - own_a.count + summed.count];
    gft_value_id pair[2];
    /* without a batch, what a has of its own may stay apart: every row meets the one matrix */
    const bool rows = batch.count == 0 && own_a.count > 0;
    GFT_TRY(grouped(m, a->id, rows ? own_a.count - 1 : batch.count, rows ? 1 : own_a.count,
                    summed.count, &pair[0], err));
    GFT_TRY(grouped(m, b->id, batch.count, summed.count, own_b.count, &pair[1], err));
    const gft_value *kernel = gft_graph_value(m->graph, pair[1]);
    const gft_dense_attrs dense = {{0}};
    const gft_matmul_attrs plain = {false, false};
    const bool weights = kernel->kind != GFT_VALUE_INPUT && kernel->kind != GFT_VALUE_NODE &&
                         kernel->desc.shape.rank == 2;
    GFT_TRY(gft_tf_append(m, weights ? &gft_op_dense : &gft_op_matmul,
                          weights ? (const void *)&dense : (const void *)&plain, pair, 2, &a->id,
                          err));
    const gft_shape_attrs whole = {.shape = full};
    if (m->graph->values[a->id].desc.shape.rank != full.rank || own_b.count != 1 ||
        (!rows && own_a.count != 1))
        GFT_TRY(gft_tf_append(m, &gft_op_reshape, &whole, &a->id, 1, &a->id, err));
    a->at = order;
    return ordered(m, a, result, err);
}

graft_status gft_tf_import_einsum(gft_tf_import *m, graft_error *err) {
    const Tensorflow__AttrValue *equation = gft_tf_find_attr(m->node, "equation");
    term terms[2] = {{.id = -1}, {.id = -1}};
    labels result;
    int32_t dots = -1;
    if (!equation || equation->value_case != TENSORFLOW__ATTR_VALUE__VALUE_S ||
        m->input_count < 1 || m->input_count > 2)
        return broken(err);
    const char *text = (const char *)equation->s.data;
    const char *end = text + equation->s.len;
    const char *arrow = equation->s.len > 0 ? memchr(text, '>', equation->s.len) : NULL;
    if (!arrow || arrow == text || arrow[-1] != '-')
        return broken(err);
    const char *at = text;
    for (int32_t i = 0; i < m->input_count; i++) {
        const char *comma = memchr(at, ',', (size_t)(arrow - at));
        const char *stop = i + 1 == m->input_count ? arrow - 1 : comma;
        if (!stop || (i + 1 == m->input_count && comma))
            return broken(err);
        GFT_TRY(gft_tf_take(m, i, &terms[i].id, err));
        const size_t length = (size_t)(stop - at);
        const int32_t rank = m->graph->values[terms[i].id].desc.shape.rank;
        const bool open = length > 0 && memchr(at, '.', length);
        const int32_t own_dots = open ? rank - letters(at, length) : -1;
        GFT_TRY(parse(at, length, own_dots, &terms[i].at, err));
        if (terms[i].at.count != rank)
            return broken(err);
        dots = own_dots > dots ? own_dots : dots;
        at = stop + 1;
    }
    GFT_TRY(parse(arrow + 1, (size_t)(end - arrow - 1), dots, &result, err));
    const labels none = {0};
    for (int32_t i = 0; i < result.count; i++) {
        if (find(&terms[0].at, result.of[i]) < 0 && find(&terms[1].at, result.of[i]) < 0)
            return broken(err);
    }
    GFT_TRY(sum_own(m, &terms[0], m->input_count == 2 ? &terms[1].at : &none, &result, err));
    if (m->input_count == 1) {
        GFT_TRY(ordered(m, &terms[0], &result, err));
    } else {
        GFT_TRY(sum_own(m, &terms[1], &terms[0].at, &result, err));
        GFT_TRY(product(m, &terms[0], &terms[1], &result, err));
    }
    gft_tf_set_graph(m, 0, terms[0].id);
    return GRAFT_OK;
}
