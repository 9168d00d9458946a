/*
 * Contracts of the kernels on 16-bit floats, bfloat16 and IEEE half: conversion, and the matrix
 * product. Numbers are stored in 16 bits and computed in 32: products of two are exact in float32,
 * sums are float32.
 *
 * One arithmetic: what the scalar kernels compute. Conversions agree bit for bit everywhere (to
 * nearest even, NaN kept and made quiet, subnormals kept). Products may add in another order, and
 * AVX-512 BF16 (vdpbf16ps) takes subnormal numbers and sums as zero: results agree within a few
 * float32 roundings of the sum of absolute products, plus 2^-110.
 */
#ifndef GFT_KERNELS_HALF_H
#define GFT_KERNELS_HALF_H

#include <stdbool.h>
#include <stdint.h>

#include "kernels/elementwise.h"

/* y[i] = x[i]; x and y do not overlap. */
typedef void gft_to_half_fn(const float *x, uint16_t *y, int64_t n);
typedef void gft_from_half_fn(const uint16_t *x, float *y, int64_t n);

/*
 * c[i][j] = unary(min(max(sum_t sum_k a[t * a_stride + i][k] * b[t][k][j] + bias[j] +
 * residual[i][j], lo), hi)), rounded if c is of 16 bits. A is read through pointers, as in
 * kernels/gemm.h; B is packed (gft_gemm_pack_half).
 *
 * rows, cols: any, also 0. No alignment beyond the element's. c overlaps nothing that is read,
 * except that residual may be c itself. NaN passes through the clamp.
 */
typedef struct gft_gemm_half_args {
    int64_t rows, cols;
    int64_t taps, depth; /* the reduction has taps * depth terms; 0 gives bias and residual alone */
    const uint16_t *const *a; /* taps * a_stride pointers, each to `depth` numbers */
    int64_t a_stride;         /* >= rows */
    const uint16_t *b;        /* first packed panel */
    int64_t b_panel_stride;   /* numbers from panel to panel */
    uint16_t *c;              /* NULL: the result goes to c_f32 */
    float *c_f32;
    int64_t c_stride;
    const int64_t *c_rows;       /* where each row starts in c (and residual); NULL: i * c_stride */
    const float *bias;           /* cols, or NULL */
    const uint16_t *residual;    /* laid out like c, or NULL */
    bool accumulate;             /* c_f32 only: the result is added to it before the clamp */
    float lo, hi;                /* -INFINITY and INFINITY: no clamp */
    gft_unary_f32_kernel *unary; /* or NULL */
    float alpha;
} gft_gemm_half_args;

/*
 * Rows of B lie in pairs, (k, k + 1) of one tap; an odd depth is filled up with a row of zeros. In
 * a pair of a panel, `group` columns of row k are followed by the same columns of row k + 1: group
 * 1 is what dot products of pairs want.
 */
typedef const struct gft_gemm_half_kernels {
    int32_t mr, nr; /* register tile */
    int32_t group;
    void (*run)(const gft_gemm_half_args *args);
} gft_gemm_half_kernels;

/*
 * B to be packed: element (tap, k, j) lies at tap * tap_stride + k * row_stride + j * col_stride.
 */
typedef struct gft_gemm_half_source {
    const float *f32; /* rounded by `convert` while it is packed */
    gft_to_half_fn *convert;
    const uint16_t *half; /* or of 16 bits already: f32 is NULL */
    int64_t taps, depth, cols;
    int64_t tap_stride, row_stride, col_stride;
    int32_t nr, group; /* of the kernel */
} gft_gemm_half_source;

/* Numbers in one packed panel. */
static inline int64_t gft_gemm_half_panel(int64_t taps, int64_t depth, int64_t nr) {
    return taps * ((depth + 1) / 2 * 2) * nr;
}

/**
 * Packs panels first..first+count-1; dst is where panel `first` goes. Columns past the last are
 * zeros. nr <= 64.
 */
void gft_gemm_pack_half(const gft_gemm_half_source *src, int64_t first, int64_t count,
                        uint16_t *dst);

#endif
