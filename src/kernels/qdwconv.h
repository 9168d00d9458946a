/*
 * Contract of the 8-bit depthwise kernels: one run of pixels of one output row, channels
 * contiguous. Bytes, flips and requantisation as in kernels/qgemm.h. Kernels know no padding: the
 * caller gives rows in which padding cells hold the zero point.
 */
#ifndef GFT_KERNELS_QDWCONV_H
#define GFT_KERNELS_QDWCONV_H

#include "kernels/qgemm.h"

/*
 * y[p][c] = requantised(offset[c] + sum_r sum_t (x_rows[r][p * x_stride + t * x_step + c] + x_bias)
 * * w[r][t][c])
 */
typedef struct gft_qdwconv_args {
    int64_t width, channels;
    int64_t taps_h, taps_w;
    const uint8_t *const *x_rows; /* taps_h pointers to the first pixel's first tap */
    int64_t x_step;               /* bytes from tap to tap */
    int64_t x_stride;             /* bytes from output pixel to output pixel */
    const void *w;                /* gft_qdwconv_pack() */
    uint8_t *y;
    int64_t y_stride;
    gft_requant out;
} gft_qdwconv_args;

/*
 * Packed weights: blocks of `block` channels, each a sequence of groups of `group` taps, each
 * holding its channels with their taps side by side. Of 16 channels or more the last block ends at
 * the last channel and may overlap the one before.
 */
typedef const struct gft_qdwconv_kernels {
    int32_t block, group;
    int32_t w_bytes;
    int32_t x_bias;
    void (*run)(const gft_qdwconv_args *args);
} gft_qdwconv_kernels;

#define GFT_QDWCONV_MAX_TAPS 4096 /* of a window */

/* First channel of a block. */
static inline int64_t gft_qdwconv_block_at(const gft_qdwconv_kernels *k, int64_t channels,
                                           int64_t i) {
    int64_t at = i * k->block;
    int64_t last = channels > k->block ? channels - k->block : 0;
    return at < last ? at : last;
}
static inline int64_t gft_qdwconv_blocks(const gft_qdwconv_kernels *k, int64_t channels) {
    return (channels + k->block - 1) / k->block;
}
static inline int64_t gft_qdwconv_block_bytes(const gft_qdwconv_kernels *k, int64_t taps) {
    return (taps + k->group - 1) / k->group * k->group * k->block * k->w_bytes;
}

/** w: taps rows of `channels` weights. */
void gft_qdwconv_pack(const gft_qdwconv_kernels *kernels, const int8_t *w, int64_t taps,
                      int64_t channels, void *dst);

#endif
