/*
 * What ops on 16-bit floats share: shape rule and cost by the float32 op they stand for,
 * conversions of their type, and filters packed for the product kernels.
 */
#ifndef GFT_OPS_HALF_OPS_H
#define GFT_OPS_HALF_OPS_H

#include "graph/attrs_half.h"
#include "kernels/kernel_table.h"
#include "ops/gemm_grid.h"
#include "ops/grid.h"

#define GFT_HALF_MAX_INPUTS 8

/**
 * The inner op's shape rule on the same shapes in float32; result 0 gets the type in the
 * attributes.
 */
GRAFT_MUST_CHECK graft_status gft_half_infer(const gft_infer *in, graft_error *err);
void gft_half_cost(const gft_infer *in, gft_cost *out);

/* Kernels of one of the two types. */
typedef struct gft_half_kernels {
    gft_to_half_fn *narrow;
    gft_from_half_fn *widen;
    gft_gemm_half_kernels *gemm;
} gft_half_kernels;

gft_half_kernels gft_half_kernels_of(graft_dtype dtype);

/** Where element `at` of an operand of 16 or 32 bits lies. */
static inline const void *gft_half_at(const void *p, bool half, int64_t at) {
    return (const char *)p + at * (half ? 2 : 4);
}

/*
 * `count` float32 matrices to be packed, one behind another; each has `step` floats more than the
 * one before.
 */
typedef struct gft_half_pack {
    gft_gemm_half_source source; /* without f32 */
    int64_t count, step, panels, panel_elems, task_panels;
} gft_half_pack;

gft_half_pack gft_half_pack_of(const gft_half_kernels *kernels, int64_t count, int64_t step,
                               int64_t taps, int64_t depth, int64_t cols, int64_t row_stride);
bool gft_half_pack_bytes(const gft_half_pack *pack, size_t *bytes);
int64_t gft_half_pack_tasks(const gft_half_pack *pack);
void gft_half_pack_task(const gft_half_pack *pack, const float *src, uint16_t *dst, int64_t task);
/** Packs everything into the arena, 64-byte aligned; NULL when out of memory. */
uint16_t *gft_half_pack_now(const gft_half_pack *pack, const float *src, gft_arena *arena);

/** gft_gemm_grid_of for the product kernels of this type. */
gft_gemm_grid gft_half_grid_of(const gft_half_kernels *kernels, int64_t rows, int64_t cols,
                               int64_t depth);

#endif
