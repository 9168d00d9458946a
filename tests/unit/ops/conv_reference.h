/*
 * Convolutions and both their gradients as direct loops in double, with padding worked out anew:
 * the judge of the conv2d and depthwise tests.
 */
#ifndef GFT_TEST_CONV_REFERENCE_H
#define GFT_TEST_CONV_REFERENCE_H

#include "unit/ops/op_runner.h"

typedef struct conv_setup {
    gft_conv2d_attrs attrs;
    bool depthwise;
    int64_t n, h, w, c, kh, kw, oc, groups; /* depthwise: oc = c * multiplier, groups = c */
    int64_t oh, ow, top, left;
} conv_setup;

typedef enum conv_mode { CONV_FORWARD, CONV_GRAD_INPUT, CONV_GRAD_FILTER } conv_mode;

static inline int64_t reference_out(gft_padding padding, int64_t in, int64_t k, int64_t s,
                                    int64_t d, int64_t before, int64_t after, int64_t *pad) {
    int64_t window = d * (k - 1) + 1;
    if (padding == GFT_PAD_SAME) {
        int64_t out = in / s + (in % s != 0);
        int64_t total = (out - 1) * s + window - in;
        *pad = total > 0 ? total / 2 : 0;
        return out;
    }
    *pad = padding == GFT_PAD_EXPLICIT ? before : 0;
    int64_t all = in + (padding == GFT_PAD_EXPLICIT ? before + after : 0);
    return all < window ? 0 : (all - window) / s + 1;
}

static inline void conv_setup_finish(conv_setup *s) {
    const gft_conv2d_attrs *a = &s->attrs;
    s->oh = reference_out(a->padding, s->h, s->kh, a->stride_h, a->dilation_h, a->pads.top,
                          a->pads.bottom, &s->top);
    s->ow = reference_out(a->padding, s->w, s->kw, a->stride_w, a->dilation_w, a->pads.left,
                          a->pads.right, &s->left);
}

static inline int64_t conv_x_elems(const conv_setup *s) {
    return s->n * s->h * s->w * s->c;
}
static inline int64_t conv_y_elems(const conv_setup *s) {
    return s->n * s->oh * s->ow * s->oc;
}
static inline int64_t conv_filter_elems(const conv_setup *s) {
    return s->kh * s->kw * (s->c / s->groups) * s->oc;
}
static inline graft_shape conv_filter_shape(const conv_setup *s) {
    if (s->depthwise)
        return gft_shape_4(s->kh, s->kw, s->c, s->c ? s->oc / s->c : 1);
    return gft_shape_4(s->kh, s->kw, s->c / s->groups, s->oc);
}

/* Adds a * b and |a * b| for every product of the convolution; x, f, y as the mode needs them. */
static inline void conv_reference(const conv_setup *s, conv_mode mode, const float *x,
                                  const float *f, const float *y, double *sum, double *magnitude) {
    int64_t gc = s->c / s->groups;
    int64_t goc = s->oc / s->groups;
    for (int64_t n = 0; n < s->n; n++)
        for (int64_t oh = 0; oh < s->oh; oh++)
            for (int64_t ow = 0; ow < s->ow; ow++)
                for (int64_t kh = 0; kh < s->kh; kh++)
                    for (int64_t kw = 0; kw < s->kw; kw++) {
                        int64_t ih = oh * s->attrs.stride_h - s->top + kh * s->attrs.dilation_h;
                        int64_t iw = ow * s->attrs.stride_w - s->left + kw * s->attrs.dilation_w;
                        if (ih < 0 || ih >= s->h || iw < 0 || iw >= s->w)
                            continue;
                        for (int64_t oc = 0; oc < s->oc; oc++)
                            for (int64_t c = 0; c < gc; c++) {
                                int64_t xi =
                                    ((n * s->h + ih) * s->w + iw) * s->c + oc / goc * gc + c;
                                int64_t yi = ((n * s->oh + oh) * s->ow + ow) * s->oc + oc;
                                int64_t fi = ((kh * s->kw + kw) * gc + c) * s->oc +
                                             oc; /* depthwise: gc is 1 */
                                double v;
                                int64_t to;
                                if (mode == CONV_FORWARD) {
                                    v = (double)x[xi] * (double)f[fi];
                                    to = yi;
                                } else if (mode == CONV_GRAD_INPUT) {
                                    v = (double)y[yi] * (double)f[fi];
                                    to = xi;
                                } else {
                                    v = (double)x[xi] * (double)y[yi];
                                    to = fi;
                                }
                                sum[to] += v;
                                magnitude[to] += fabs(v);
                            }
                    }
}

/* A random small convolution; sizes hug what kernels find hard. */
static inline conv_setup conv_setup_random(gft_rng *rng, bool depthwise) {
    static const int64_t channels[] = {1,  2,  3,  4,  5,  7,  8,  9,  12,
                                       16, 17, 24, 31, 32, 33, 40, 48, 65};
    conv_setup s = {.depthwise = depthwise};
    gft_conv2d_attrs *a = &s.attrs;
    do {
        s.n = random_in(rng, 1, 3);
        s.kh = random_in(rng, 1, 7);
        s.kw = gft_rng_below(rng, 3) ? s.kh : random_in(rng, 1, 7);
        s.h = random_in(rng, 1, 17);
        s.w = random_in(rng, 1, 19);
        a->stride_h = random_in(rng, 1, 3);
        a->stride_w = gft_rng_below(rng, 3) ? a->stride_h : random_in(rng, 1, 3);
        a->dilation_h = gft_rng_below(rng, 3) ? 1 : 2;
        a->dilation_w = gft_rng_below(rng, 3) ? a->dilation_h : random_in(rng, 1, 2);
        a->padding = (gft_padding)gft_rng_below(rng, 3);
        a->pads = (gft_pads){random_in(rng, 0, 4), random_in(rng, 0, 4), random_in(rng, 0, 4),
                             random_in(rng, 0, 4)};
        s.c = channels[gft_rng_below(rng, 18)];
        s.groups = 1;
        if (depthwise) {
            s.groups = s.c;
            s.oc = s.c * (gft_rng_below(rng, 4) ? 1 : random_in(rng, 2, 3));
        } else {
            s.oc = channels[gft_rng_below(rng, 18)];
            if (gft_rng_below(rng, 3) == 0) {
                s.groups = random_in(rng, 2, 4);
                s.c = s.groups * random_in(rng, 1, 9);
                s.oc = s.groups * random_in(rng, 1, 20);
            }
            a->groups = gft_rng_below(rng, 2) || s.groups > 1 ? s.groups : 0;
        }
        conv_setup_finish(&s);
    } while (s.oh < 1 || s.ow < 1);
    return s;
}

#endif
