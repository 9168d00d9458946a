/*
 * Reductions without kernels of their own; see reduce_plain.h.
 */
#include "ops/reduce_plain.h"

#include <math.h>

#include "ops/grid.h"

typedef struct plain_state {
    gft_reduce_kind kind;
    int32_t kept_rank, folded_rank;
    int64_t kept_dims[GRAFT_MAX_RANK], kept_steps[GRAFT_MAX_RANK];
    int64_t folded_dims[GRAFT_MAX_RANK], folded_steps[GRAFT_MAX_RANK];
    int64_t outputs, folded, per_task;
} plain_state;

graft_status gft_reduce_plain_prepare(gft_prepare *p, uint32_t axes, gft_reduce_kind kind,
                                      graft_error *err) {
    const graft_shape *x = &p->inputs[0].shape;
    int64_t steps[GRAFT_MAX_RANK];
    plain_state *s;
    GFT_TRY(gft_grid_state(p, sizeof *s, &s, err));
    gft_shape_strides(x, steps);
    s->kind = kind;
    s->outputs = s->folded = 1;
    for (int32_t i = 0; i < x->rank; i++) {
        if (axes >> i & 1u) {
            s->folded_dims[s->folded_rank] = x->dims[i];
            s->folded_steps[s->folded_rank++] = steps[i];
            s->folded *= x->dims[i];
        } else {
            s->kept_dims[s->kept_rank] = x->dims[i];
            s->kept_steps[s->kept_rank++] = steps[i];
            s->outputs *= x->dims[i];
        }
    }
    s->per_task = gft_grid_rows(s->folded);
    p->tasks[0] = gft_grid_count(s->outputs, s->per_task);
    return GRAFT_OK;
}

static int64_t offset_of(int32_t rank, const int64_t *dims, const int64_t *steps, int64_t index) {
    int64_t offset = 0;
    for (int32_t i = rank - 1; i >= 0; i--) {
        offset += index % dims[i] * steps[i];
        index /= dims[i];
    }
    return offset;
}

/*
 * The next folded element: the innermost dimension steps, the rest are looked up when it is full.
 */
typedef struct walk {
    int64_t left, step, next;
} walk;

static int64_t walk_next(const plain_state *s, walk *w) {
    const int32_t last = s->folded_rank - 1;
    if (w->left == 0) {
        w->left = last >= 0 ? s->folded_dims[last] : 1;
        w->step = offset_of(s->folded_rank, s->folded_dims, s->folded_steps, w->next);
        w->next += w->left;
    } else {
        w->step += s->folded_steps[last];
    }
    w->left--;
    return w->step;
}

static float fold_f32(const plain_state *s, const float *x) {
    double product = 1.0;
    float best = s->kind == GFT_REDUCE_MAX ? -INFINITY : INFINITY;
    walk w = {0, 0, 0};
    for (int64_t i = 0; i < s->folded; i++) {
        const float v = x[walk_next(s, &w)];
        if (s->kind == GFT_REDUCE_PROD)
            product *= (double)v;
        else if (v != v || (s->kind == GFT_REDUCE_MAX ? v > best : v < best))
            best = v;
    }
    return s->kind == GFT_REDUCE_PROD ? (float)product : best;
}

static int64_t first_value(const plain_state *s, bool wide) {
    switch (s->kind) {
    case GFT_REDUCE_PROD:
    case GFT_REDUCE_ALL:
        return 1;
    case GFT_REDUCE_MAX:
        return wide ? INT64_MIN : INT32_MIN;
    case GFT_REDUCE_MIN:
        return wide ? INT64_MAX : INT32_MAX;
    default:
        return 0;
    }
}

static int64_t fold_step(gft_reduce_kind kind, int64_t y, int64_t v) {
    switch (kind) {
    case GFT_REDUCE_PROD:
        return (int64_t)((uint64_t)y * (uint64_t)v);
    case GFT_REDUCE_MAX:
        return v > y ? v : y;
    case GFT_REDUCE_MIN:
        return v < y ? v : y;
    case GFT_REDUCE_ANY:
        return y || v;
    case GFT_REDUCE_ALL:
        return y && v;
    default:
        return (int64_t)((uint64_t)y + (uint64_t)v);
    }
}

static int64_t fold_integers(const plain_state *s, const void *x, graft_dtype dtype, int64_t at) {
    int64_t y = first_value(s, dtype == GRAFT_S64);
    walk w = {0, 0, 0};
    for (int64_t i = 0; i < s->folded; i++) {
        const int64_t k = at + walk_next(s, &w);
        const int64_t v = dtype == GRAFT_S64   ? ((const int64_t *)x)[k]
                          : dtype == GRAFT_S32 ? ((const int32_t *)x)[k]
                                               : ((const uint8_t *)x)[k];
        y = fold_step(s->kind, y, v);
    }
    return s->kind == GFT_REDUCE_MEAN ? (s->folded > 0 ? y / s->folded : 0) : y;
}

void gft_reduce_plain_run(const gft_exec *exec) {
    const plain_state *s = exec->state;
    const graft_dtype dtype = exec->outputs_desc[0].dtype;
    const gft_range r = gft_grid_range(s->outputs, s->per_task, exec->task);
    for (int64_t k = r.begin; k < r.end; k++) {
        const int64_t at = offset_of(s->kept_rank, s->kept_dims, s->kept_steps, k);
        if (dtype == GRAFT_F32)
            ((float *)exec->outputs[0])[k] = fold_f32(s, (const float *)exec->inputs[0] + at);
        else if (dtype == GRAFT_S64)
            ((int64_t *)exec->outputs[0])[k] = fold_integers(s, exec->inputs[0], dtype, at);
        else if (dtype == GRAFT_S32)
            ((int32_t *)exec->outputs[0])[k] =
                (int32_t)(uint32_t)(uint64_t)fold_integers(s, exec->inputs[0], dtype, at);
        else
            ((uint8_t *)exec->outputs[0])[k] = fold_integers(s, exec->inputs[0], dtype, at) != 0;
    }
}
