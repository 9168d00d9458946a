/*
 * Cutting of matrix products into tasks. Constants: a block of A of about 128 KB lies in L2 beside
 * a panel of B; a task below about a quarter million multiply-adds (a few microseconds) is not
 * worth handing out.
 */
#include "ops/gemm_grid.h"

#include "base/alloc.h"
#include "base/size.h"

#define A_BLOCK_FLOATS 32768
#define TASK_MACS 262144.0
#define WANTED_TASKS 16.0

gft_gemm_grid gft_gemm_grid_of(int64_t rows, int64_t cols, int64_t depth,
                               const gft_gemm_f32_kernels *kernels) {
    gft_gemm_grid g = {
        .rows = rows, .cols = cols, .depth = depth, .mr = kernels->mr, .nr = kernels->nr};
    int64_t unit = gft_i64_max(g.mr, 6);
    int64_t tiles = depth > 0 ? A_BLOCK_FLOATS / depth / unit : 32;
    tiles = gft_i64_min(gft_i64_max(tiles, 4), 32) * unit / g.mr;
    g.panels = gft_gemm_panels(cols, g.nr);
    g.m_tasks = gft_i64_ceil_div(gft_i64_ceil_div(rows, g.mr), tiles);
    g.m_tasks = gft_at_least_one(g.m_tasks);
    double macs = (double)rows * (double)cols * (double)depth;
    double wanted = macs / TASK_MACS < WANTED_TASKS ? macs / TASK_MACS : WANTED_TASKS;
    g.n_tasks = gft_i64_ceil_div((int64_t)wanted, g.m_tasks);
    g.n_tasks = gft_at_least_one(gft_i64_min(g.n_tasks, g.panels));
    g.max_rows =
        gft_i64_min(rows, gft_i64_ceil_div(gft_i64_ceil_div(rows, g.mr), g.m_tasks) * g.mr);
    return g;
}

gft_gemm_block gft_gemm_grid_block(const gft_gemm_grid *grid, int64_t task) {
    int64_t m = task / grid->n_tasks;
    int64_t n = task % grid->n_tasks;
    int64_t tiles = gft_i64_ceil_div(grid->rows, grid->mr);
    int64_t row = m * tiles / grid->m_tasks * grid->mr;
    int64_t row_end = gft_i64_min((m + 1) * tiles / grid->m_tasks * grid->mr, grid->rows);
    int64_t panel = n * grid->panels / grid->n_tasks;
    int64_t panel_end = (n + 1) * grid->panels / grid->n_tasks;
    int64_t col = panel * grid->nr;
    int64_t col_end = gft_i64_min(panel_end * grid->nr, grid->cols);
    return (gft_gemm_block){row, row_end - row, col, col_end - col, panel};
}

gft_gemm_pack gft_gemm_pack_of(int64_t count, int64_t depth, int64_t cols, int64_t step,
                               int64_t row_stride, int64_t col_stride, int64_t nr) {
    gft_gemm_pack p = {.count = count,
                       .depth = depth,
                       .cols = cols,
                       .nr = nr,
                       .panels = gft_gemm_panels(cols, nr),
                       .step = step,
                       .row_stride = row_stride,
                       .col_stride = col_stride};
    int64_t floats = gft_i64_max(depth * nr, 1);
    p.task_panels = gft_i64_max(16384 / floats, 1);
    return p;
}

bool gft_gemm_pack_bytes(const gft_gemm_pack *pack, size_t *bytes) {
    size_t n;
    return gft_size_mul((size_t)pack->count, (size_t)pack->panels, &n) &&
           gft_size_mul(n, (size_t)pack->depth, &n) &&
           gft_size_mul(n, (size_t)pack->nr * sizeof(float), bytes);
}

int64_t gft_gemm_pack_tasks(const gft_gemm_pack *pack) {
    return gft_at_least_one(pack->count * gft_i64_ceil_div(pack->panels, pack->task_panels));
}

void gft_gemm_pack_task(const gft_gemm_pack *pack, const float *src, float *dst, int64_t task) {
    int64_t pieces = gft_i64_ceil_div(pack->panels, pack->task_panels);
    if (pieces == 0 || pack->count == 0)
        return;
    int64_t matrix = task / pieces;
    int64_t first = task % pieces * pack->task_panels;
    int64_t panels = gft_i64_min(pack->task_panels, pack->panels - first);
    dst += matrix * gft_gemm_pack_matrix(pack) + first * pack->depth * pack->nr;
    gft_gemm_pack_f32(src + matrix * pack->step, pack->depth, pack->cols, pack->row_stride,
                      pack->col_stride, pack->nr, first, panels, dst);
}

float *gft_arena_floats(gft_arena *arena, int64_t count) {
    size_t bytes;
    if (count < 0 || !gft_size_mul((size_t)count, sizeof(float), &bytes) ||
        !gft_size_add(bytes, GFT_ALIGN, &bytes))
        return NULL;
    char *p = gft_arena_alloc(arena, bytes);
    if (!p)
        return NULL;
    size_t past = (size_t)((uintptr_t)p % GFT_ALIGN);
    return (float *)(void *)(p + (past ? GFT_ALIGN - past : 0));
}

float *gft_gemm_pack_now(const gft_gemm_pack *pack, const float *src, gft_arena *arena) {
    size_t bytes;
    if (!gft_gemm_pack_bytes(pack, &bytes))
        return NULL;
    float *dst = gft_arena_floats(arena, (int64_t)(bytes / sizeof(float)));
    for (int64_t task = 0; dst && task < gft_gemm_pack_tasks(pack); task++)
        gft_gemm_pack_task(pack, src, dst, task);
    return dst;
}
