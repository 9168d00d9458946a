/*
 * The pointers a quantised convolution hands to the GEMM kernel, as ops/conv_indirect.h does for
 * float32: bytes, and padding is a row of zero points.
 */
#ifndef GFT_OPS_QCONV_INDIRECT_H
#define GFT_OPS_QCONV_INDIRECT_H

#include <stdbool.h>
#include <stddef.h>

#include "ops/conv_geometry.h"

typedef struct gft_qconv_taps {
    int64_t taps, depth; /* pointers per output pixel, bytes behind each */
    bool runs;           /* a tap is a row of the window: kw * c bytes (first layers) */
} gft_qconv_taps;

gft_qconv_taps gft_qconv_taps_of(const gft_conv_geometry *geo);
/** Bytes of the buffer for windows that stick out, for each output pixel. */
int64_t gft_qconv_edge_bytes(const gft_qconv_taps *taps);
/**
 * Pointers of output pixels row..row+rows-1 (counted over batch, rows, columns): out[t * rows + i].
 * padding: taps->depth bytes of the zero point. edge: rows * gft_qconv_edge_bytes() bytes.
 */
void gft_qconv_indirect(const gft_conv_geometry *geo, const gft_qconv_taps *taps, const uint8_t *x,
                        int64_t group, int64_t row, int64_t rows, const uint8_t *padding,
                        uint8_t *edge, const uint8_t **out);

#endif
