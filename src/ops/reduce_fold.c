/*
 * Folding dimensions away; see reduce.h. Phase 0 folds pieces, phase 1 (if a fold has several
 * pieces) joins them.
 */
#include <math.h>
#include <string.h>

#include "kernels/kernel_table.h"
#include "ops/grid.h"
#include "ops/reduce.h"

#define PIECE_ELEMS 32768 /* elements of x that one task reads, about */
#define COLUMN_BLOCK 1024
#define ENOUGH_TASKS 64
#define JOIN_BLOCK 2048
/* Sums longer than these are made of sums this long: rounding errors grow with the length. */
#define RUN_ELEMS 1024
#define RUN_ROWS 256

/* A mixed-radix counter over merged dimensions, outermost first. */
typedef struct odometer {
    int32_t rank;
    int64_t dims[GRAFT_MAX_RANK], strides[GRAFT_MAX_RANK];
    int64_t count;
} odometer;

typedef struct reduce_state {
    bool max;
    float scale;
    odometer kept;   /* all kept dimensions but the innermost if that is last */
    odometer folded; /* all folded dimensions but the innermost one */
    int64_t rows;    /* the innermost folded dimension; 1 if there is none */
    int64_t cols;    /* the last dimension if it is kept, else 1 */
    bool runs;       /* the innermost folded dimension is last: contiguous */
    int64_t column_block, column_blocks;
    bool cut_rows; /* pieces are made of rows, else of `folded` */
    int64_t piece, pieces;
    int64_t kept_per_task, kept_tasks;
    const gft_kernel_table *kernels;
} reduce_state;

static int64_t offset_of(const odometer *o, int64_t index) {
    int64_t offset = 0;
    for (int32_t i = o->rank - 1; i >= 0; i--) {
        offset += index % o->dims[i] * o->strides[i];
        index /= o->dims[i];
    }
    return offset;
}

static void append(odometer *o, int64_t dim, int64_t stride) {
    o->dims[o->rank] = dim;
    o->strides[o->rank++] = stride;
    o->count *= dim;
}

/* Splits x's dimensions into s->kept, s->folded, rows and cols. */
static void split_dims(reduce_state *s, const graft_shape *x, uint32_t axes) {
    int64_t dims[GRAFT_MAX_RANK];
    int64_t strides[GRAFT_MAX_RANK];
    bool fold[GRAFT_MAX_RANK];
    int64_t dense[GRAFT_MAX_RANK];
    int32_t n = 0;
    gft_shape_strides(x, dense);
    for (int32_t i = 0; i < x->rank; i++) {
        bool folds = axes >> i & 1u;
        if (x->dims[i] == 1)
            continue;
        if (n > 0 && fold[n - 1] == folds) {
            dims[n - 1] *= x->dims[i];
            strides[n - 1] = dense[i];
        } else {
            dims[n] = x->dims[i];
            strides[n] = dense[i];
            fold[n++] = folds;
        }
    }
    s->kept.count = s->folded.count = 1;
    s->rows = s->cols = 1;
    s->runs = n > 0 && fold[n - 1];
    int32_t innermost = s->runs ? n - 1 : n - 2; /* folded one */
    for (int32_t i = 0; i < n; i++) {
        if (i == innermost)
            s->rows = dims[i];
        else if (i == n - 1)
            s->cols = dims[i];
        else
            append(fold[i] ? &s->folded : &s->kept, dims[i], strides[i]);
    }
}

/* Cuts the work: by kept index and column block while that gives enough tasks, else the fold itself
 * too. */
static void cut(reduce_state *s) {
    s->column_block = gft_i64_min(gft_i64_max(s->cols, 1), COLUMN_BLOCK);
    s->column_blocks = gft_grid_count(s->cols, s->column_block);
    s->cut_rows = s->folded.count <= 1;
    const int64_t units = s->cut_rows ? s->rows : s->folded.count;
    const int64_t unit_elems =
        gft_i64_max(1, (s->cut_rows ? 1 : s->rows) * (s->runs ? 1 : s->column_block));
    s->piece = gft_i64_max(1, units);
    if (s->kept.count * s->column_blocks < ENOUGH_TASKS)
        s->piece = gft_i64_min(s->piece, gft_i64_max(1, PIECE_ELEMS / unit_elems));
    s->pieces = gft_grid_count(units, s->piece);
    const int64_t kept_elems = gft_i64_max(1, gft_i64_min(s->piece, PIECE_ELEMS) * unit_elems);
    s->kept_per_task = gft_i64_max(1, PIECE_ELEMS / kept_elems);
    s->kept_tasks = gft_grid_count(s->kept.count, s->kept_per_task);
}

graft_status gft_reduce_prepare(gft_prepare *p, uint32_t axes, bool max, bool mean,
                                graft_error *err) {
    reduce_state *s;
    GFT_TRY(gft_grid_state(p, sizeof *s, &s, err));
    s->max = max;
    s->kernels = gft_kernels();
    split_dims(s, &p->inputs[0].shape, axes);
    cut(s);
    s->scale = mean ? 1.0f / (float)(s->folded.count * s->rows)
                    : 1.0f; /* nothing to fold: 0 * inf = NaN */
    p->tasks[0] = s->kept_tasks * s->column_blocks * s->pieces;
    p->worker_scratch_bytes = s->runs ? 0 : COLUMN_BLOCK * sizeof(float);
    if (s->pieces > 1) {
        const int64_t outputs = s->kept.count * s->cols;
        size_t bytes;
        if (!gft_size_mul((size_t)(outputs * s->pieces), sizeof(float), &bytes))
            return gft_fail(err, GRAFT_RESOURCE_EXHAUSTED, "partial sums are too large");
        p->scratch_bytes = bytes;
        p->phases = 2;
        p->tasks[1] = gft_grid_count(outputs, JOIN_BLOCK);
    }
    return GRAFT_OK;
}

/* Folds units begin..end-1 of contiguous runs at x into one value. */
static float fold_runs(const reduce_state *s, const float *x, gft_range units) {
    double sum = 0.0;
    float best = -INFINITY;
    const int64_t outer_begin = s->cut_rows ? 0 : units.begin;
    const int64_t outer_end = s->cut_rows ? s->folded.count : units.end;
    const gft_range rows = s->cut_rows ? units : (gft_range){0, s->rows};
    for (int64_t o = outer_begin; o < outer_end; o++) {
        const float *run = x + offset_of(&s->folded, o);
        for (int64_t i = rows.begin; i < rows.end; i += RUN_ELEMS) {
            const int64_t n = gft_i64_min(RUN_ELEMS, rows.end - i);
            if (s->max) {
                float m = s->kernels->max_f32(run + i, n);
                best = m > best || m != m ? m : best;
            } else {
                sum += (double)s->kernels->sum_f32(run + i, n);
            }
        }
    }
    return s->max ? best : (float)sum;
}

/* Folds `rows` rows of n columns at x into acc, by way of `part` (n values) where there are many. */
static void fold_block(const reduce_state *s, const float *x, int64_t rows, int64_t n, float *acc,
                       float *part) {
    const gft_kernel_table *k = s->kernels;
    if (s->max) {
        k->max_rows_f32(x, rows, s->cols, n, acc);
        return;
    }
    if (rows <= RUN_ROWS) {
        k->sum_rows_f32(x, rows, s->cols, n, acc);
        return;
    }
    for (int64_t r = 0; r < rows; r += RUN_ROWS) {
        memset(part, 0, (size_t)n * sizeof *part);
        k->sum_rows_f32(x + r * s->cols, gft_i64_min(RUN_ROWS, rows - r), s->cols, n, part);
        k->add_f32(acc, 1, part, 1, acc, n);
    }
}

/* Folds units of rows of n columns at x into acc. */
static void fold_rows(const reduce_state *s, const float *x, gft_range units, int64_t n, float *acc,
                      float *part) {
    const int64_t outer_begin = s->cut_rows ? 0 : units.begin;
    const int64_t outer_end = s->cut_rows ? s->folded.count : units.end;
    const gft_range rows = s->cut_rows ? units : (gft_range){0, s->rows};
    for (int64_t c = 0; c < n; c++)
        acc[c] = s->max ? -INFINITY : 0.0f;
    for (int64_t o = outer_begin; o < outer_end; o++) {
        const float *from = x + offset_of(&s->folded, o) + rows.begin * s->cols;
        fold_block(s, from, rows.end - rows.begin, n, acc, part);
    }
}

static void scale_values(float *y, int64_t n, float scale) {
    for (int64_t i = 0; scale != 1.0f && i < n; i++)
        y[i] *= scale;
}

static void run_pieces(const reduce_state *s, const gft_exec *exec, float *y, bool last) {
    const float *x = exec->inputs[0];
    const int64_t task = exec->task;
    const int64_t piece = task % s->pieces;
    const int64_t block = task / s->pieces % s->column_blocks;
    const int64_t units = s->cut_rows ? s->rows : s->folded.count;
    const gft_range fold = gft_grid_range(units, s->piece, piece);
    const gft_range kept =
        gft_grid_range(s->kept.count, s->kept_per_task, task / s->pieces / s->column_blocks);
    const gft_range cols = gft_grid_range(s->cols, s->column_block, block);
    y += piece * s->kept.count * s->cols;
    for (int64_t k = kept.begin; k < kept.end; k++) {
        const float *from = x + offset_of(&s->kept, k);
        float *to = y + k * s->cols + cols.begin;
        if (s->runs)
            *to = fold_runs(s, from, fold);
        else
            fold_rows(s, from + cols.begin, fold, cols.end - cols.begin, to, exec->worker_scratch);
        if (last)
            scale_values(to, cols.end - cols.begin, s->scale);
    }
}

static void join(const reduce_state *s, const float *partial, float *y, int64_t task) {
    const int64_t outputs = s->kept.count * s->cols;
    const gft_range r = gft_grid_range(outputs, JOIN_BLOCK, task);
    for (int64_t i = r.begin; i < r.end; i++) {
        double sum = 0.0;
        float best = -INFINITY;
        for (int64_t p = 0; p < s->pieces; p++) {
            const float v = partial[p * outputs + i];
            sum += (double)v;
            best = v > best || v != v ? v : best;
        }
        y[i] = s->max ? best : (float)sum * s->scale;
    }
}

void gft_reduce_run(const gft_exec *exec) {
    const reduce_state *s = exec->state;
    float *y = exec->outputs[0];
    if (exec->phase == 1)
        join(s, exec->scratch, y, exec->task);
    else if (s->pieces > 1)
        run_pieces(s, exec, exec->scratch, false);
    else
        run_pieces(s, exec, y, true);
}
