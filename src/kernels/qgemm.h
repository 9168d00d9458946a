/*
 * Contracts of the 8-bit matrix kernels: bytes times bytes into int32, requantised to bytes before
 * they are stored.
 *
 * Activations are int8, or uint8 with every byte exclusive-or `flip` = 0x80, which makes q into q -
 * 128: kernels know int8 only, the caller takes 128 off uint8 zero points and bounds. Weights are
 * int8 in panels of nr columns. Zero points of A never reach the inner loop: sum((a - zp) * w) =
 * sum(a * w) - zp * sum(w), and the second term is part of the column's offset, so padding is a row
 * of zero points. A is read through pointers (as in kernels/gemm.h).
 *
 * One rule for every requantisation here: q = clamp(rint((float)acc * m[c]) + zero_point, lo, hi),
 * rint to nearest even, one rounding of the product, no fused multiply-add; the int32 sum wraps.
 * Every variant gives the same bytes.
 */
#ifndef GFT_KERNELS_QGEMM_H
#define GFT_KERNELS_QGEMM_H

#include <stddef.h>
#include <stdint.h>

/* How int32 sums become bytes. */
typedef struct gft_requant {
    const int32_t *offset;   /* per column, added to the sum */
    const float *multiplier; /* per column; finite */
    int32_t zero_point;      /* -128..127 */
    int32_t lo, hi;          /* -128 <= lo <= hi <= 127 */
    uint8_t flip;            /* 0x80: bytes (read and written) are uint8 */
} gft_requant;

/*
 * c[i][j] = requantised(offset[j] + sum_t sum_k (a[t * a_stride + i][k] + a_bias) * b[t * depth +
 * k][j])
 *
 * rows, cols, taps, depth: any, also 0. No alignment is asked for except of scratch; c overlaps
 * nothing.
 */
typedef struct gft_qgemm_args {
    int64_t rows, cols;
    int64_t taps, depth;
    const uint8_t *const *a; /* taps * a_stride pointers, each to `depth` bytes */
    int64_t a_stride;        /* >= rows */
    const void *b;           /* first packed panel */
    int64_t b_panel_stride;  /* bytes from panel to panel */
    uint8_t *c;
    int64_t c_stride;
    gft_requant out;
    void *scratch; /* gft_qgemm_scratch() bytes, 64-byte aligned */
} gft_qgemm_args;

typedef const struct gft_qgemm_kernels {
    int32_t mr, nr;
    int32_t group;   /* terms of the reduction that lie side by side in a packed column */
    int32_t a_bytes; /* of one element in the kernel's own copy of A; 0: it makes none */
    int32_t b_bytes; /* of one packed weight */
    int32_t a_bias;  /* what the kernel adds to each a: the caller's offsets must make up for it */
    void (*run)(const gft_qgemm_args *args);
} gft_qgemm_kernels;

/* A reduction of `terms` terms is filled up to whole groups with zeros. */
static inline int64_t gft_qgemm_padded(const gft_qgemm_kernels *k, int64_t terms) {
    return (terms + k->group - 1) / k->group * k->group;
}

/* Bytes of a panel of a reduction of `terms` terms, and of the scratch for a block of rows. */
static inline int64_t gft_qgemm_panel_bytes(const gft_qgemm_kernels *k, int64_t terms) {
    return gft_qgemm_padded(k, terms) * k->nr * k->b_bytes;
}
static inline int64_t gft_qgemm_scratch(const gft_qgemm_kernels *k, int64_t rows, int64_t terms) {
    return rows * gft_qgemm_padded(k, terms) * k->a_bytes;
}

/**
 * Packs panels first..first+count-1 of B; element (k, j) lies at src[k * row_stride + j *
 * col_stride]. dst is where panel `first` goes.
 */
void gft_qgemm_pack(const gft_qgemm_kernels *kernels, const int8_t *src, int64_t terms,
                    int64_t cols, int64_t row_stride, int64_t col_stride, int64_t first,
                    int64_t count, void *dst);

#endif
