/*
 * The geometry that pooling ops share; see pool_window.h.
 */
#include "ops/pool_window.h"

#include <inttypes.h>

#include "ops/infer_check.h"

static int64_t outputs_of(gft_padding padding, int64_t size, int64_t kernel, int64_t stride,
                          int64_t before, int64_t after) {
    if (size < 0)
        return -1;
    if (padding == GFT_PAD_SAME)
        return gft_i64_ceil_div(size, stride);
    const int64_t padded = padding == GFT_PAD_EXPLICIT ? size + before + after : size;
    return padded < kernel ? 0 : (padded - kernel) / stride + 1;
}

graft_status gft_pool_shape(const gft_pool_attrs *a, const graft_shape *x, graft_shape *y,
                            graft_error *err) {
    if (a->kernel_h < 1 || a->kernel_w < 1 || a->stride_h < 1 || a->stride_w < 1)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "window %" PRId64 "x%" PRId64 " with strides %" PRId64 "x%" PRId64
                        ", expected all to be positive",
                        a->kernel_h, a->kernel_w, a->stride_h, a->stride_w);
    /* Padding as wide as the window would make windows without a real cell. */
    if (a->padding == GFT_PAD_EXPLICIT &&
        (a->pads.top < 0 || a->pads.bottom < 0 || a->pads.left < 0 || a->pads.right < 0 ||
         a->pads.top >= a->kernel_h || a->pads.bottom >= a->kernel_h ||
         a->pads.left >= a->kernel_w || a->pads.right >= a->kernel_w))
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "padding %" PRId64 ",%" PRId64 ",%" PRId64 ",%" PRId64
                        ", expected less than the window %" PRId64 "x%" PRId64,
                        a->pads.top, a->pads.bottom, a->pads.left, a->pads.right, a->kernel_h,
                        a->kernel_w);
    const int64_t oh =
        outputs_of(a->padding, x->dims[1], a->kernel_h, a->stride_h, a->pads.top, a->pads.bottom);
    const int64_t ow =
        outputs_of(a->padding, x->dims[2], a->kernel_w, a->stride_w, a->pads.left, a->pads.right);
    *y = gft_shape_4(x->dims[0], oh, ow, x->dims[3]);
    return GRAFT_OK;
}

static int64_t before_of(gft_padding padding, int64_t size, int64_t outputs, int64_t kernel,
                         int64_t stride, int64_t explicit_before) {
    if (padding == GFT_PAD_EXPLICIT)
        return explicit_before;
    if (padding == GFT_PAD_VALID)
        return 0;
    return gft_i64_max(0, (outputs - 1) * stride + kernel - size) / 2;
}

void gft_pool_window_init(gft_pool_window *w, const gft_pool_attrs *a, const graft_shape *x,
                          const graft_shape *y) {
    *w = (gft_pool_window){.n = x->dims[0],
                           .h = x->dims[1],
                           .w = x->dims[2],
                           .c = x->dims[3],
                           .oh = y->dims[1],
                           .ow = y->dims[2],
                           .kernel_h = a->kernel_h,
                           .kernel_w = a->kernel_w,
                           .stride_h = a->stride_h,
                           .stride_w = a->stride_w};
    w->top = before_of(a->padding, w->h, w->oh, a->kernel_h, a->stride_h, a->pads.top);
    w->left = before_of(a->padding, w->w, w->ow, a->kernel_w, a->stride_w, a->pads.left);
}

gft_range gft_pool_cells(int64_t o, int64_t stride, int64_t kernel, int64_t before, int64_t size) {
    const int64_t begin = o * stride - before;
    return (gft_range){gft_i64_max(0, begin), gft_i64_min(size, begin + kernel)};
}

gft_range gft_pool_outputs(int64_t i, int64_t stride, int64_t kernel, int64_t before,
                           int64_t outputs) {
    /* o * stride - before <= i < o * stride - before + kernel */
    const int64_t first = i + before - kernel + 1;
    return (gft_range){first > 0 ? gft_i64_ceil_div(first, stride) : 0,
                       gft_i64_min(outputs, (i + before) / stride + 1)};
}
