/*
 * The pointers a convolution hands to the GEMM kernel: for each output pixel of a block and each
 * tap the input pixel it meets, or a row of zeros where that lies outside the picture.
 *
 * With few channels (a first layer on RGB) one pixel is too short a row: then a tap is a whole row
 * of the window, kw * c contiguous floats; windows that stick out at the left or right are copied
 * to a small padded buffer.
 */
#ifndef GFT_OPS_CONV_INDIRECT_H
#define GFT_OPS_CONV_INDIRECT_H

#include <stdbool.h>
#include <stddef.h>

#include "ops/conv_geometry.h"

typedef struct gft_conv_taps {
    int64_t taps, depth; /* pointers per output pixel, floats behind each */
    bool runs;           /* a tap is a row of the window */
} gft_conv_taps;

gft_conv_taps gft_conv_taps_of(const gft_conv_geometry *geo);
/** Floats of the padded buffer for `rows` output pixels (0 unless runs). */
int64_t gft_conv_edge_floats(const gft_conv_taps *taps, int64_t rows);
/** gft_conv_indirect for elements of any size, in bytes. */
void gft_conv_indirect_of(const gft_conv_geometry *geo, const gft_conv_taps *taps, const void *x,
                          size_t elem, int64_t group, int64_t row, int64_t rows, const void *zeros,
                          void *edge, const void **out);
/**
 * Pointers of output pixels row..row+rows-1 (counted over batch, rows, columns): out[t * rows + i].
 * zeros: taps->depth zeros. edge: gft_conv_edge_floats() floats.
 */
void gft_conv_indirect(const gft_conv_geometry *geo, const gft_conv_taps *taps, const float *x,
                       int64_t group, int64_t row, int64_t rows, const float *zeros, float *edge,
                       const float **out);

#endif
