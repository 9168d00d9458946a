/*
 * Which values of two models belong together: by name, since converters keep names or put scopes
 * before them, and by shape.
 */
#include "models/diff.h"

#include <string.h>

#include "base/alloc.h"
#include "base/shape.h"

/* How a node stands in its layer. */
typedef struct standing {
    bool last;
    bool before_activation; /* or last: nothing but activations follow in the layer */
} standing;

static standing stand(const gft_graph *g, const gft_node_id *order, int32_t count, int32_t i) {
    standing s = {true, true};
    for (int32_t k = i + 1; k < count; k++) {
        const gft_node *later = &g->nodes[order[k]];
        if (strcmp(later->layer, g->nodes[order[i]].layer) != 0)
            continue;
        s.last = false;
        s.before_activation = s.before_activation && later->op->kind == GFT_KIND_UNARY;
    }
    return s;
}

graft_status gft_taps_list(const graft_session *session, bool per_op, gft_taps *out,
                           graft_error *err) {
    const gft_graph *g = session->tapped;
    const gft_session_plan *p = session->last;
    graft_status status;
    int32_t count = 0;
    gft_node_id *order = gft_calloc((size_t)g->node_count + 1, sizeof *order);
    gft_taps taps = {gft_calloc((size_t)g->node_count + 1, sizeof *taps.items), 0};
    if (!order || !taps.items) {
        status = gft_fail_memory(err, (size_t)g->node_count * sizeof *taps.items, "a list");
        goto done;
    }
    GFT_GOTO(gft_graph_order(g, order, &count, err));
    for (int32_t i = 0; i < count; i++) {
        const gft_node *node = &g->nodes[order[i]];
        const void *data = node->output_count ? gft_run_value(p->run, node->name, 0) : NULL;
        const graft_tensor_desc *desc = data ? gft_plan_value_desc(p->plan, node->name, 0) : NULL;
        if (!desc || desc->dtype != GRAFT_F32)
            continue;
        const standing s = stand(g, order, count, i);
        taps.items[taps.count++] = (gft_tap){.name = per_op ? node->name : node->layer,
                                             .op = node->op->name,
                                             .desc = desc,
                                             .data = data,
                                             .shown = per_op || s.last,
                                             .offered = per_op || s.before_activation,
                                             .partner = -1};
    }
    *out = taps;
    taps.items = NULL;
done:
    gft_free(order);
    gft_free(taps.items);
    return status;
}

/* One is the other with a scope before it. */
static bool same_behind_scope(const char *a, const char *b) {
    const size_t m = strlen(a);
    const size_t n = strlen(b);
    const char *longer = m > n ? a : b;
    const char *shorter = m > n ? b : a;
    const size_t more = m > n ? m - n : n - m;
    return more > 0 && longer[more - 1] == '/' && strcmp(longer + more, shorter) == 0;
}

static bool same_but_slashes(const char *a, const char *b) {
    for (; *a && *b; a++, b++) {
        if (*a != *b && !((*a == '/' || *a == '_') && (*b == '/' || *b == '_')))
            return false;
    }
    return *a == *b;
}

static bool names_agree(const char *a, const char *b, int strictness) {
    if (strictness == 0)
        return strcmp(a, b) == 0;
    return strictness == 1 ? same_behind_scope(a, b) : same_but_slashes(a, b);
}

static bool fits(const gft_tap *x, const gft_tap *y, int strictness) {
    return y->offered && y->partner < 0 && strcmp(x->op, y->op) == 0 &&
           gft_shape_equal(&x->desc->shape, &y->desc->shape) &&
           names_agree(x->name, y->name, strictness);
}

void gft_taps_match(gft_taps *a, gft_taps *b) {
    for (int strictness = 0; strictness < 3; strictness++) {
        for (int32_t i = 0; i < a->count; i++) {
            gft_tap *x = &a->items[i];
            for (int32_t k = b->count - 1; k >= 0 && x->shown && x->partner < 0; k--) {
                if (!fits(x, &b->items[k], strictness))
                    continue;
                x->partner = k;
                b->items[k].partner = i;
            }
        }
    }
}
