/*
 * Resizing RGB pixels, in the arithmetic of PIL (8-bit fixed point) or of TensorFlow (float32).
 *
 * All methods are separable: each axis gets a table of taps (first source index, count, weights),
 * then two passes run over plain rows, the horizontal one first.
 */
#ifndef GFT_DATA_RESIZE_H
#define GFT_DATA_RESIZE_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "graft/data.h"

/* Pixels to read from: RGB, rows `stride` bytes apart. Borrowed. */
typedef struct gft_view {
    const uint8_t *pixels;
    int32_t height;
    int32_t width;
    size_t stride;
} gft_view;

/*
 * Taps of one axis: output i is the sum of weight[i * width + t] * input[start[i] + t] over t <
 * count[i].
 */
typedef struct gft_taps {
    int32_t outputs;
    int32_t width; /* most taps of one output */
    int32_t *start;
    int32_t *count;
    int32_t *fixed; /* weights times 2^22, or NULL */
    float *real;    /* weights, or NULL */
} gft_taps;

/**
 * PIL's taps for one axis (libImaging/Resample.c's rule): antialiased, fixed point. Not for
 * nearest.
 */
GRAFT_MUST_CHECK graft_status gft_taps_pil(graft_interpolation method, int32_t inputs,
                                           int32_t outputs, gft_taps *taps, graft_error *err);
/** TensorFlow's taps for one axis (tf.image.resize): half-pixel centres, float32. */
GRAFT_MUST_CHECK graft_status gft_taps_tf(graft_interpolation method, int antialias, int32_t inputs,
                                          int32_t outputs, gft_taps *taps, graft_error *err);
void gft_taps_deinit(gft_taps *taps);

/** Allocates empty tables; used by the makers of taps. */
GRAFT_MUST_CHECK graft_status gft_taps_init(gft_taps *taps, int32_t outputs, int32_t width,
                                            int fixed, graft_error *err);

/**
 * Resizes as PIL's Image.resize does, bit for bit.
 * @param out [out] uint8, height x width x 3, rows out_stride bytes apart
 */
GRAFT_MUST_CHECK graft_status gft_resize_pil(const gft_view *view, graft_interpolation method,
                                             int32_t height, int32_t width, uint8_t *out,
                                             size_t out_stride, graft_error *err);
/**
 * Resizes as tf.image.resize does, to within 1e-3 of 255.
 * @param out [out] float32, height x width x 3, rows out_stride floats apart
 */
GRAFT_MUST_CHECK graft_status gft_resize_tf(const gft_view *view, graft_interpolation method,
                                            int antialias, int32_t height, int32_t width,
                                            float *out, size_t out_stride, graft_error *err);

#endif
