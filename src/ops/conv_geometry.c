/*
 * Sizes of a convolution. The padding rule is TensorFlow's (core/framework/common_shape_fns:
 * GetWindowedOutputSize).
 */
#include "ops/conv_geometry.h"

#include <inttypes.h>

#include "base/size.h"

#define MAX_STEP ((int64_t)1 << 20)
#define MAX_SIZE ((int64_t)1 << 40)

graft_status gft_check_operand(const char *node, const char *what, const graft_tensor_desc *desc,
                               int32_t rank, graft_error *err) {
    char text[GFT_DESC_TEXT_BYTES];
    if (desc->dtype != GRAFT_F32 || (rank >= 0 && desc->shape.rank != rank))
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "%s: %s is %s, expected float32 of rank %d",
                        node, what, gft_desc_text(desc, text),
                        (int)(rank >= 0 ? rank : desc->shape.rank));
    return GRAFT_OK;
}

/* Output size and padding before, along one axis. */
static graft_status axis(const char *node, const char *name, gft_padding padding, int64_t before,
                         int64_t after, int64_t in, int64_t taps, int64_t dilation, int64_t stride,
                         int64_t *out, int64_t *pad, graft_error *err) {
    *out = -1;
    *pad = padding == GFT_PAD_EXPLICIT ? before : 0;
    if (in < 0)
        return GRAFT_OK;
    int64_t window = (taps - 1) * dilation + 1;
    if (padding == GFT_PAD_SAME) {
        *out = gft_i64_ceil_div(in, stride);
        *pad = gft_i64_max((*out - 1) * stride + window - in, 0) / 2;
        return GRAFT_OK;
    }
    int64_t room = in + (padding == GFT_PAD_EXPLICIT ? before + after : 0) - window + stride;
    if (room < 0)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "%s: a window of %" PRId64 " does not fit into %" PRId64
                        " %s with the padding given",
                        node, window, in, name);
    *out = room / stride;
    return GRAFT_OK;
}

static graft_status check_attrs(const char *node, const gft_conv2d_attrs *a, graft_error *err) {
    if (a->stride_h < 1 || a->stride_w < 1 || a->stride_h > MAX_STEP || a->stride_w > MAX_STEP)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "%s: strides are %" PRId64 " and %" PRId64 ", expected at least 1", node,
                        a->stride_h, a->stride_w);
    if (a->dilation_h < 0 || a->dilation_w < 0 || a->dilation_h > MAX_STEP ||
        a->dilation_w > MAX_STEP)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "%s: dilations are %" PRId64 " and %" PRId64 ", expected at least 1", node,
                        a->dilation_h, a->dilation_w);
    if (a->padding != GFT_PAD_VALID && a->padding != GFT_PAD_SAME && a->padding != GFT_PAD_EXPLICIT)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "%s: unknown padding %d", node,
                        (int)a->padding);
    const gft_pads *p = &a->pads;
    if (a->padding == GFT_PAD_EXPLICIT &&
        (p->top < 0 || p->bottom < 0 || p->left < 0 || p->right < 0 || p->top > MAX_STEP ||
         p->bottom > MAX_STEP || p->left > MAX_STEP || p->right > MAX_STEP))
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "%s: padding is top %" PRId64 " bottom %" PRId64 " left %" PRId64
                        " right %" PRId64 ", expected 0 to %" PRId64,
                        node, p->top, p->bottom, p->left, p->right, MAX_STEP);
    return GRAFT_OK;
}

static graft_status check_channels(const char *node, const gft_conv2d_attrs *a,
                                   const graft_shape *filter, bool depthwise, gft_conv_geometry *g,
                                   graft_error *err) {
    if (depthwise) {
        if (filter->dims[2] != g->c)
            return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                            "%s: x has %" PRId64 " channels, the depthwise filter %" PRId64, node,
                            g->c, filter->dims[2]);
        g->groups = g->c;
        g->group_c = 1;
        g->group_oc = filter->dims[3];
        if (!gft_i64_mul(g->c, filter->dims[3], &g->oc))
            return gft_fail(err, GRAFT_INVALID_ARGUMENT, "%s: too many channels", node);
        return GRAFT_OK;
    }
    g->groups = a->groups == 0 ? 1 : a->groups;
    g->group_c = filter->dims[2];
    g->oc = filter->dims[3];
    if (g->groups < 1 || g->c % g->groups != 0 || g->c / g->groups != g->group_c)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "%s: x has %" PRId64 " channels, the filter takes %" PRId64
                        " in each of %" PRId64 " groups",
                        node, g->c, g->group_c, g->groups);
    if (g->oc % g->groups != 0)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "%s: %" PRId64 " filters do not divide into %" PRId64 " groups", node,
                        g->oc, g->groups);
    g->group_oc = g->oc / g->groups;
    return GRAFT_OK;
}

graft_status gft_conv_geometry_of(const char *node, const gft_conv2d_attrs *attrs,
                                  const graft_shape *x, const graft_shape *filter, bool depthwise,
                                  gft_conv_geometry *out, graft_error *err) {
    char text[GFT_DESC_TEXT_BYTES];
    gft_conv_geometry g = {0};
    if (x->rank != 4)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "%s: x has shape %s, expected (N,H,W,C)", node,
                        gft_shape_text(x, text));
    if (filter->rank != 4 || !gft_shape_known(filter))
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "%s: the filter has shape %s, expected four known dimensions", node,
                        gft_shape_text(filter, text));
    for (int i = 0; i < 4; i++)
        if (x->dims[i] > MAX_SIZE || filter->dims[i] > MAX_STEP || x->dims[3] < 0)
            return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                            "%s: x has shape %s: a size is too large or the channels are unknown",
                            node, gft_shape_text(x, text));
    GFT_TRY(check_attrs(node, attrs, err));
    g.n = x->dims[0];
    g.h = x->dims[1];
    g.w = x->dims[2];
    g.c = x->dims[3];
    g.kh = filter->dims[0];
    g.kw = filter->dims[1];
    if (g.kh < 1 || g.kw < 1)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "%s: the filter has shape %s, expected at least 1 x 1", node,
                        gft_shape_text(filter, text));
    g.stride_h = attrs->stride_h;
    g.stride_w = attrs->stride_w;
    g.dilation_h = attrs->dilation_h > 0 ? attrs->dilation_h : 1;
    g.dilation_w = attrs->dilation_w > 0 ? attrs->dilation_w : 1;
    GFT_TRY(check_channels(node, attrs, filter, depthwise, &g, err));
    const gft_pads *p = &attrs->pads;
    GFT_TRY(axis(node, "rows", attrs->padding, p->top, p->bottom, g.h, g.kh, g.dilation_h,
                 g.stride_h, &g.oh, &g.pad_top, err));
    GFT_TRY(axis(node, "columns", attrs->padding, p->left, p->right, g.w, g.kw, g.dilation_w,
                 g.stride_w, &g.ow, &g.pad_left, err));
    *out = g;
    return GRAFT_OK;
}

graft_shape gft_conv_geometry_shape(const gft_conv_geometry *geo) {
    return gft_shape_4(geo->n, geo->oh, geo->ow, geo->oc);
}

int64_t gft_conv_geometry_macs(const gft_conv_geometry *geo) {
    const int64_t factors[] = {geo->n, geo->oh, geo->ow, geo->oc, geo->kh, geo->kw, geo->group_c};
    int64_t macs = 1;
    for (size_t i = 0; i < sizeof factors / sizeof factors[0]; i++)
        if (factors[i] >= 0 && !gft_i64_mul(macs, factors[i], &macs))
            return INT64_MAX;
    return macs;
}

void gft_conv_valid_range(int64_t size, int64_t out, int64_t stride, int64_t pad, int64_t offset,
                          int64_t *first, int64_t *end) {
    int64_t low = pad - offset; /* out * stride >= low and out * stride < low + size */
    *first = low <= 0 ? 0 : gft_i64_min(gft_i64_ceil_div(low, stride), out);
    int64_t high = low + size;
    *end = high <= 0 ? 0 : gft_i64_min(gft_i64_ceil_div(high, stride), out);
    if (*end < *first)
        *end = *first;
}

void gft_conv_valid_taps(int64_t size, int64_t taps, int64_t dilation, int64_t start,
                         int64_t *first, int64_t *end) {
    *first = start >= 0 ? 0 : gft_i64_min(gft_i64_ceil_div(-start, dilation), taps);
    *end = start >= size ? 0 : gft_i64_min(gft_i64_ceil_div(size - start, dilation), taps);
    if (*end < *first)
        *end = *first;
}
