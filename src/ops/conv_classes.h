/*
 * The gradient of a convolution with respect to its input, seen as convolutions over dy with a
 * subset of the taps.
 *
 * Input rows that are equal modulo the stride meet the same taps: with s = stride, d = dilation and
 * ih + pad = q * s + r, tap kh contributes iff kh * d = r + e * s, and then from output row q - e.
 * So each class (r of rows, r of columns) is an ordinary stride-1 gather, every tap belongs to
 * exactly one class, and no product is computed twice or thrown away.
 */
#ifndef GFT_OPS_CONV_CLASSES_H
#define GFT_OPS_CONV_CLASSES_H

#include <stdint.h>

/* Rows (or columns) first, first + stride, ... of dx. */
typedef struct gft_conv_class {
    int64_t first, count;
    int64_t q;             /* of the first row */
    int64_t taps;          /* how many contribute, possibly 0 */
    int64_t tap, tap_step; /* they are tap, tap + tap_step, ... */
    int64_t e, e_step;     /* and their e likewise */
} gft_conv_class;

/** Number of classes along an axis of this size. */
static inline int64_t gft_conv_class_count(int64_t size, int64_t stride) {
    return size < stride ? size : stride;
}
/** Class number `index` (the class of input row `index`). */
gft_conv_class gft_conv_class_of(int64_t index, int64_t size, int64_t taps, int64_t stride,
                                 int64_t dilation, int64_t pad);

#endif
