/*
 * Classes of input rows by their remainder modulo the stride.
 */
#include "ops/conv_classes.h"

#include "base/size.h"

static int64_t gcd(int64_t a, int64_t b) {
    while (b) {
        int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

gft_conv_class gft_conv_class_of(int64_t index, int64_t size, int64_t taps, int64_t stride,
                                 int64_t dilation, int64_t pad) {
    int64_t common = gcd(stride, dilation);
    gft_conv_class c = {.first = index, .tap_step = stride / common, .e_step = dilation / common};
    c.count = gft_i64_ceil_div(size - index, stride);
    c.q = (index + pad) / stride;
    int64_t r = (index + pad) % stride;
    if (r % common != 0)
        return c;
    /* the first tap with kh * d = r (mod s) is below the period s / common */
    int64_t end = gft_i64_min(c.tap_step, taps);
    while (c.tap < end && c.tap * dilation % stride != r)
        c.tap++;
    if (c.tap >= end)
        return c;
    c.taps = gft_i64_ceil_div(taps - c.tap, c.tap_step);
    c.e = (c.tap * dilation - r) / stride;
    return c;
}
