/*
 * Contract of the 8-bit depthwise kernels: one run of pixels of one output row, channels
 * contiguous. Bytes, flips and requantisation as in kernels/qgemm.h. Kernels know no padding: the
 * caller gives rows in which padding cells hold the zero point.
 */
#ifndef GFT_KERNELS_QDWCONV_H
#define GFT_KERNELS_QDWCONV_H

#include <stdbool.h>

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
 * holding its channels with their taps side by side. With more than one block the last ends at the
 * last channel and may overlap the one before. Groups of one are in the window's order. Of pairs,
 * those of rows 2r and 2r + 1 in one column come first, row pair by row pair; a last odd row is
 * paired along itself. Where a pair has one tap only, the other's weight is 0.
 */
typedef const struct gft_qdwconv_kernels {
    int32_t block, group; /* group: 1 or 2 */
    int32_t w_bytes;
    int32_t x_bias;
    void (*run)(const gft_qdwconv_args *args);
} gft_qdwconv_kernels;

#define GFT_QDWCONV_MAX_TAPS 1024 /* of a window */

/* First channel of a block. */
static inline int64_t gft_qdwconv_block_at(int64_t block, int64_t channels, int64_t i) {
    int64_t at = i * block;
    int64_t last = channels > block ? channels - block : 0;
    return at < last ? at : last;
}
static inline int64_t gft_qdwconv_blocks(const gft_qdwconv_kernels *k, int64_t channels) {
    return (channels + k->block - 1) / k->block;
}
/* Places of the sequence, whole groups. */
static inline int64_t gft_qdwconv_slots(int64_t group, int64_t taps_h, int64_t taps_w) {
    if (group == 1)
        return taps_h * taps_w;
    return 2 * (taps_h / 2 * taps_w + taps_h % 2 * ((taps_w + 1) / 2));
}
/*
 * Row and column of the tap in pair number `pair`; false for the second of one that has a single
 * tap.
 */
static inline bool gft_qdwconv_pair(int64_t taps_h, int64_t taps_w, int64_t pair, int64_t second,
                                    int64_t *row, int64_t *column) {
    if (pair < taps_h / 2 * taps_w) {
        *row = pair / taps_w * 2 + second;
        *column = pair % taps_w;
        return true;
    }
    *row = taps_h - 1;
    *column = 2 * (pair - taps_h / 2 * taps_w) + second;
    return *column < taps_w;
}
static inline int64_t gft_qdwconv_block_bytes(const gft_qdwconv_kernels *k, int64_t taps_h,
                                              int64_t taps_w) {
    return gft_qdwconv_slots(k->group, taps_h, taps_w) * k->block * k->w_bytes;
}

/** w: taps_h * taps_w rows of `channels` weights. */
void gft_qdwconv_pack(const gft_qdwconv_kernels *kernels, const int8_t *w, int64_t taps_h,
                      int64_t taps_w, int64_t channels, void *dst);

#endif
