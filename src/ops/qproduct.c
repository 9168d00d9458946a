/*
 * Cutting and packing of quantised products. A block's own copy of its rows (widened by some
 * kernels) is about 96 KB and lies in L2 beside a panel of weights; a task below half a million
 * multiply-adds is not worth handing out.
 */
#include "ops/qproduct.h"

#include "base/size.h"
#include "ops/grid.h"

#define A_BLOCK_BYTES 98304
#define TASK_MACS 524288.0
#define WANTED_TASKS 16.0

static void cut(gft_qproduct *p) {
    const int64_t mr = p->kernels->mr;
    const int64_t depth = gft_i64_max(p->taps * p->depth, 1);
    const int64_t unit = depth * mr * gft_i64_max(p->kernels->a_bytes, 1);
    const int64_t tiles = gft_i64_min(gft_i64_max(A_BLOCK_BYTES / unit, 4), 192 / mr);
    const int64_t row_tiles = gft_i64_ceil_div(p->rows, mr);
    p->panels = gft_i64_ceil_div(p->cols, p->kernels->nr);
    p->m_tasks = gft_i64_max(gft_i64_ceil_div(row_tiles, tiles), 1);
    double macs = (double)p->rows * (double)p->cols * (double)depth * (double)p->groups;
    double wanted = macs / TASK_MACS < WANTED_TASKS ? macs / TASK_MACS : WANTED_TASKS;
    p->n_tasks = gft_i64_ceil_div((int64_t)wanted, p->m_tasks * p->groups);
    p->n_tasks = gft_i64_max(gft_i64_min(p->n_tasks, p->panels), 1);
    p->max_rows = gft_i64_min(p->rows, gft_i64_ceil_div(row_tiles, p->m_tasks) * mr);
}

gft_qblock gft_qproduct_block(const gft_qproduct *p, int64_t task) {
    const int64_t mr = p->kernels->mr;
    const int64_t n = task % p->n_tasks;
    const int64_t m = task / p->n_tasks % p->m_tasks;
    const int64_t tiles = gft_i64_ceil_div(p->rows, mr);
    const int64_t row = m * tiles / p->m_tasks * mr;
    const int64_t row_end = gft_i64_min((m + 1) * tiles / p->m_tasks * mr, p->rows);
    const int64_t col = n * p->panels / p->n_tasks * p->kernels->nr;
    const int64_t col_end = gft_i64_min((n + 1) * p->panels / p->n_tasks * p->kernels->nr, p->cols);
    return (gft_qblock){task / (p->n_tasks * p->m_tasks), row, gft_i64_max(row_end - row, 0), col,
                        gft_i64_max(col_end - col, 0)};
}

/* Sums of the columns of `terms` rows of weights. */
static graft_status column_sums(gft_prepare *prepare, const int8_t *w, int64_t terms,
                                int64_t columns, int32_t **out, graft_error *err) {
    int32_t *sums = gft_q_arena(prepare->arena, (size_t)columns * sizeof(int32_t));
    if (!sums)
        return gft_fail_memory(err, (size_t)columns * sizeof(int32_t), prepare->node);
    for (int64_t i = 0; i < columns; i++)
        sums[i] = 0;
    for (int64_t k = 0; k < terms; k++)
        for (int64_t i = 0; i < columns; i++)
            sums[i] = (int32_t)((uint32_t)sums[i] + (uint32_t)(int32_t)w[k * columns + i]);
    *out = sums;
    return GRAFT_OK;
}

static graft_status place_scratch(gft_prepare *prepare, gft_qproduct *p, int64_t reserved_per_row,
                                  graft_error *err) {
    size_t reserved;
    size_t copy;
    int64_t terms = gft_qgemm_padded(p->kernels, p->taps * p->depth);
    if (!gft_size_mul((size_t)p->max_rows, (size_t)reserved_per_row, &reserved) ||
        !gft_size_mul((size_t)p->max_rows, (size_t)(terms * p->kernels->a_bytes), &copy) ||
        !gft_size_add(reserved, copy, &copy) || copy > (size_t)1 << 40)
        return gft_fail(err, GRAFT_RESOURCE_EXHAUSTED, "%s: the window is too large",
                        prepare->node);
    p->copy_at = gft_size_align(reserved, 64);
    prepare->worker_scratch_bytes = p->copy_at + copy + 64;
    return GRAFT_OK;
}

graft_status gft_qproduct_prepare(gft_prepare *prepare, gft_qproduct *p, gft_q_columns *columns,
                                  int64_t reserved_per_row, graft_error *err) {
    const int8_t *w = prepare->constants[1];
    const float *scales = prepare->constants[2];
    const int32_t *bias = prepare->input_count > 3 ? prepare->constants[3] : NULL;
    if (!w || !scales || (prepare->input_count > 3 && !bias))
        return gft_fail(err, GRAFT_UNIMPLEMENTED,
                        "%s: weights, their scales and bias must be constants", prepare->node);
    p->kernels = gft_kernels()->qgemm_s8;
    cut(p);
    const int64_t terms = p->taps * p->depth;
    const int64_t all = p->groups * p->cols;
    size_t bytes;
    p->panel_bytes = gft_qgemm_panel_bytes(p->kernels, terms);
    if (!gft_size_mul((size_t)p->panel_bytes, (size_t)p->panels, &bytes) ||
        !gft_size_mul(bytes, (size_t)p->groups, &bytes))
        return gft_fail(err, GRAFT_RESOURCE_EXHAUSTED, "%s: the weights are too large",
                        prepare->node);
    GFT_TRY(place_scratch(prepare, p, reserved_per_row, err));
    columns->columns = all;
    columns->scales = gft_desc_elems(&prepare->inputs[2]);
    columns->w_scale = scales;
    columns->bias = bias;
    columns->a_bias = p->kernels->a_bias;
    int32_t *sums = NULL;
    GFT_TRY(column_sums(prepare, w, terms, all, &sums, err));
    GFT_TRY(gft_q_requant(prepare, columns, sums, &p->out, err));
    char *packed = gft_q_arena(prepare->arena, bytes);
    if (!packed)
        return gft_fail_memory(err, bytes, prepare->node);
    for (int64_t g = 0; g < p->groups; g++)
        gft_qgemm_pack(p->kernels, w + g * p->cols, terms, p->cols, all, 1, 0, p->panels,
                       packed + g * p->panels * p->panel_bytes);
    p->packed = packed;
    p->c_stride = all;
    prepare->packed_inputs = 1u << 1 | 1u << 2 | (bias ? 1u << 3 : 0u);
    prepare->tasks[0] = gft_i64_max(p->groups * p->m_tasks * p->n_tasks, 1);
    return GRAFT_OK;
}

void gft_qproduct_run(const gft_qproduct *p, const gft_exec *exec, const gft_qblock *block,
                      const uint8_t *const *a, int64_t a_stride) {
    const int64_t col = block->group * p->cols + block->col;
    gft_qgemm_args args = {
        .rows = block->rows,
        .cols = block->cols,
        .taps = p->taps,
        .depth = p->depth,
        .a = a,
        .a_stride = a_stride,
        .b = p->packed + (block->group * p->panels + block->col / p->kernels->nr) * p->panel_bytes,
        .b_panel_stride = p->panel_bytes,
        .c = (uint8_t *)exec->outputs[0] + block->row * p->c_stride + col,
        .c_stride = p->c_stride,
        .out = p->out,
        .scratch = (char *)exec->worker_scratch + p->copy_at,
    };
    args.out.offset += col;
    args.out.multiplier += col;
    p->kernels->run(&args);
}
