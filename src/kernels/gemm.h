/*
 * Contracts of the float32 matrix kernels. One call computes a block; the caller cuts the work into
 * blocks.
 *
 * B is packed: panels of nr columns, each panel `depth` rows of nr floats, the last panel filled up
 * with zeros, so the inner loop has no remainder. A is never copied: each row of A is a pointer,
 * and a reduction may run over several pointers per row ("taps"), which makes the same loop a
 * matrix product, a strided 1x1 convolution or a k x k one (an indirection buffer, Dukhan, "The
 * Indirect Convolution Algorithm", 2019; a row of zeros stands for padding).
 */
#ifndef GFT_KERNELS_GEMM_H
#define GFT_KERNELS_GEMM_H

#include <stdbool.h>
#include <stdint.h>

/*
 * c[i][j] = min(max(sum_t sum_k a[t * a_stride + i][k] * b[t * depth + k][j] + bias[j] +
 * residual[i][j], lo), hi)
 *
 * rows, cols: any, also 0. No alignment is asked for; c must not overlap anything that is read,
 * except that residual may be c itself when the reduction is not longer than GFT_GEMM_DEPTH_BLOCK.
 * NaN passes through the clamp.
 */
typedef struct gft_gemm_f32_args {
    int64_t rows, cols;
    int64_t taps, depth; /* the reduction has taps * depth terms; 0 gives bias and residual alone */
    const float *const *a;  /* taps * a_stride pointers, each to `depth` floats */
    int64_t a_stride;       /* >= rows */
    const float *b;         /* first packed panel */
    int64_t b_panel_stride; /* floats from panel to panel */
    float *c;
    int64_t c_stride;
    const int64_t *c_rows; /* where each row starts in c (and residual); NULL: i * c_stride */
    const float *bias;     /* cols, or NULL */
    const float *residual; /* laid out like c, or NULL */
    float lo, hi;          /* -INFINITY and INFINITY: no clamp */
} gft_gemm_f32_args;

/*
 * c[i][j] (+)= sum_p a[p][i] * b[p][j]: the product with A transposed, a[p] pointing at `rows`
 * floats. The gradient of a filter, where p runs over pixels. accumulate: added to c, else c is
 * overwritten.
 */
typedef struct gft_gemm_tn_f32_args {
    int64_t rows, cols, depth;
    const float *const *a; /* depth pointers */
    int64_t a_offset;      /* floats added to each pointer */
    const float *b;        /* packed panels of nr columns and `depth` rows */
    int64_t b_panel_stride;
    float *c;
    int64_t c_stride;
    bool accumulate;
} gft_gemm_tn_f32_args;

typedef const struct gft_gemm_f32_kernels {
    int32_t mr, nr; /* register tile */
    void (*run)(const gft_gemm_f32_args *args);
    void (*run_tn)(const gft_gemm_tn_f32_args *args);
} gft_gemm_f32_kernels;

/*
 * Longer reductions are cut into blocks of about this many terms, with the partial sums kept in c.
 */
#define GFT_GEMM_DEPTH_BLOCK 512

/* Floats of all packed panels of a (depth x cols) matrix. */
static inline int64_t gft_gemm_panels(int64_t cols, int64_t nr) {
    return (cols + nr - 1) / nr;
}

/**
 * Packs panels first..first+count-1 of B; element (k, j) of B lies at src[k * row_stride + j *
 * col_stride]. dst is where panel `first` goes; panels follow each other at depth * nr floats.
 */
void gft_gemm_pack_f32(const float *src, int64_t depth, int64_t cols, int64_t row_stride,
                       int64_t col_stride, int64_t nr, int64_t first, int64_t count, float *dst);

#endif
