/*
 * How a matrix product is cut into tasks, and how its right-hand matrix gets into panels. Both
 * depend on shapes and on the register tile alone, never on the number of threads.
 */
#ifndef GFT_OPS_GEMM_GRID_H
#define GFT_OPS_GEMM_GRID_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/error.h"
#include "graph/op.h"
#include "kernels/kernel_table.h"

/*
 * Blocks of rows x blocks of panels. The rows of a block of A fit into a part of L2; a small
 * product (few rows) is cut by columns as well, so that several threads have work.
 */
typedef struct gft_gemm_grid {
    int64_t rows, cols, depth; /* depth: the whole reduction */
    int64_t mr, nr, panels;
    int64_t m_tasks, n_tasks;
    int64_t max_rows; /* of any block */
} gft_gemm_grid;

typedef struct gft_gemm_block {
    int64_t row, rows, col, cols, panel;
} gft_gemm_block;

gft_gemm_grid gft_gemm_grid_of(int64_t rows, int64_t cols, int64_t depth,
                               const gft_gemm_f32_kernels *kernels);
static inline int64_t gft_gemm_grid_tasks(const gft_gemm_grid *grid) {
    return grid->m_tasks * grid->n_tasks;
}
/** Block number `task`; blocks that share rows follow each other. */
gft_gemm_block gft_gemm_grid_block(const gft_gemm_grid *grid, int64_t task);

/*
 * `count` matrices of depth x cols, element (k, j) of number i at src[i * step + k * row_stride + j
 * * col_stride].
 */
typedef struct gft_gemm_pack {
    int64_t count, depth, cols, nr, panels;
    int64_t step, row_stride, col_stride;
    int64_t task_panels; /* of one task */
} gft_gemm_pack;

gft_gemm_pack gft_gemm_pack_of(int64_t count, int64_t depth, int64_t cols, int64_t step,
                               int64_t row_stride, int64_t col_stride, int64_t nr);
/** Bytes of all packed panels; false on overflow. */
bool gft_gemm_pack_bytes(const gft_gemm_pack *pack, size_t *bytes);
static inline int64_t gft_gemm_pack_matrix(const gft_gemm_pack *pack) {
    return pack->panels * pack->depth * pack->nr;
}
int64_t gft_gemm_pack_tasks(const gft_gemm_pack *pack);
void gft_gemm_pack_task(const gft_gemm_pack *pack, const float *src, float *dst, int64_t task);
/** Packs everything into the arena, 64-byte aligned; NULL when out of memory. */
float *gft_gemm_pack_now(const gft_gemm_pack *pack, const float *src, gft_arena *arena);

/** Fills `m_tasks`-style phase counts: at least one task, so that an empty result still runs. */
static inline int64_t gft_at_least_one(int64_t n) {
    return n < 1 ? 1 : n;
}

/** Zeroed floats from the arena, 64-byte aligned; NULL when out of memory. */
float *gft_arena_floats(gft_arena *arena, int64_t count);

#endif
