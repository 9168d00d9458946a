/*
 * conv2d_transpose against its definition (each input pixel adds the filter, stepped by the
 * stride), with sizes given and left open, gradients, errors; lrn against its formula; resize by
 * bicubic and area lists.
 */
#include "unit/ops/op_check.h"

static int64_t size_of(int64_t asked, int64_t in, int64_t k, int64_t stride, int64_t dilation,
                       gft_padding padding) {
    const int64_t extent = (k - 1) * dilation + 1;
    return asked                     ? asked
           : padding == GFT_PAD_SAME ? in * stride
                                     : in * stride + (extent > stride ? extent - stride : 0);
}

/* Rows of padding before the picture in the convolution that this transposes. */
static int64_t before(int64_t out, int64_t in, int64_t k, int64_t stride, int64_t dilation,
                      gft_padding padding) {
    const int64_t total = (in - 1) * stride + (k - 1) * dilation + 1 - out;
    return padding == GFT_PAD_SAME && total > 0 ? total / 2 : 0;
}

static void reference(const op_check *c, const double *const *x, double *y) {
    const gft_conv2d_transpose_attrs *a = c->attrs;
    const int64_t *in = c->inputs[0].shape.dims;
    const int64_t *f = c->inputs[1].shape.dims;
    const int64_t dh = a->conv.dilation_h ? a->conv.dilation_h : 1;
    const int64_t dw = a->conv.dilation_w ? a->conv.dilation_w : 1;
    const int64_t oh = size_of(a->out_h, in[1], f[0], a->conv.stride_h, dh, a->conv.padding);
    const int64_t ow = size_of(a->out_w, in[2], f[1], a->conv.stride_w, dw, a->conv.padding);
    const int64_t top = before(oh, in[1], f[0], a->conv.stride_h, dh, a->conv.padding);
    const int64_t left = before(ow, in[2], f[1], a->conv.stride_w, dw, a->conv.padding);
    for (int64_t i = 0; i < in[0] * oh * ow * f[2]; i++)
        y[i] = 0.0;
    for (int64_t i = 0; i < check_elems(&c->inputs[0]); i++) {
        const int64_t ch = i % in[3];
        const int64_t w = i / in[3] % in[2];
        const int64_t h = i / in[3] / in[2] % in[1];
        const int64_t n = i / in[3] / in[2] / in[1];
        for (int64_t kh = 0; kh < f[0]; kh++) {
            for (int64_t kw = 0; kw < f[1]; kw++) {
                const int64_t r = h * a->conv.stride_h + kh * dh - top;
                const int64_t k = w * a->conv.stride_w + kw * dw - left;
                for (int64_t o = 0; r >= 0 && r < oh && k >= 0 && k < ow && o < f[2]; o++)
                    y[((n * oh + r) * ow + k) * f[2] + o] +=
                        x[0][i] * x[1][((kh * f[1] + kw) * f[2] + o) * f[3] + ch];
            }
        }
    }
}

static void run_case(graft_shape x, graft_shape filter, int64_t stride, int64_t dilation,
                     gft_padding padding, int64_t out_h, int64_t out_w, bool gradient) {
    const gft_conv2d_transpose_attrs attrs = {.conv = {.stride_h = stride,
                                                       .stride_w = stride,
                                                       .dilation_h = dilation,
                                                       .dilation_w = dilation,
                                                       .padding = padding},
                                              .out_h = out_h,
                                              .out_w = out_w};
    op_check c = {.op = &gft_op_conv2d_transpose,
                  .attrs = &attrs,
                  .symbolic = 0,
                  .reference = reference,
                  .differentiable = gradient ? 3 : 0,
                  .tolerance = 1e-5};
    check_input(&c, GRAFT_F32, x, -1.0, 1.0);
    check_input(&c, GRAFT_F32, filter, -1.0, 1.0);
    check_op(&c);
}

static void test_transpose(void **state) {
    (void)state;
    run_case(gft_shape_4(2, 3, 4, 3), gft_shape_4(3, 3, 5, 3), 2, 1, GFT_PAD_SAME, 0, 0, true);
    run_case(gft_shape_4(2, 3, 4, 3), gft_shape_4(3, 3, 5, 3), 2, 1, GFT_PAD_VALID, 0, 0, true);
    run_case(gft_shape_4(1, 3, 4, 3), gft_shape_4(4, 4, 2, 3), 2, 1, GFT_PAD_SAME, 0, 0, true);
    run_case(gft_shape_4(1, 3, 4, 3), gft_shape_4(3, 3, 2, 3), 2, 1, GFT_PAD_SAME, 5, 7, true);
    run_case(gft_shape_4(1, 3, 4, 3), gft_shape_4(3, 3, 2, 3), 2, 1, GFT_PAD_VALID, 8, 10, true);
    run_case(gft_shape_4(1, 3, 4, 3), gft_shape_4(1, 2, 2, 3), 3, 1, GFT_PAD_VALID, 0, 0, true);
    run_case(gft_shape_4(1, 5, 4, 2), gft_shape_4(3, 3, 3, 2), 1, 1, GFT_PAD_SAME, 0, 0, true);
    run_case(gft_shape_4(1, 5, 4, 2), gft_shape_4(3, 2, 3, 2), 1, 2, GFT_PAD_SAME, 0, 0, true);
    run_case(gft_shape_4(2, 17, 19, 24), gft_shape_4(3, 3, 40, 24), 2, 1, GFT_PAD_SAME, 0, 0,
             false);
    op_check c = {.op = &gft_op_conv2d_transpose,
                  .attrs = &(gft_conv2d_transpose_attrs){.conv = {.stride_h = 1, .stride_w = 1}}};
    check_input(&c, GRAFT_F32, gft_shape_4(1, 3, 4, 3), 0.0, 1.0);
    check_input(&c, GRAFT_F32, gft_shape_4(3, 3, 2, 4), 0.0, 1.0);
    check_refused(&c, "a filter for 4 channels");
    c.attrs = &(gft_conv2d_transpose_attrs){
        .conv = {.stride_h = 2, .stride_w = 2}, .out_h = 30, .out_w = 30};
    check_input(&c, GRAFT_F32, gft_shape_4(1, 3, 4, 3), 0.0, 1.0);
    check_input(&c, GRAFT_F32, gft_shape_4(3, 3, 2, 3), 0.0, 1.0);
    check_refused(&c, "[1,3,4,3]");
}

/* Height and width that only a run knows. */
static void test_open_sizes(void **state) {
    (void)state;
    graft_error err = {0};
    gft_graph *graph;
    gft_value_id ids[2];
    gft_value_id out;
    gft_plan *plan;
    const gft_conv2d_transpose_attrs attrs = {
        .conv = {.stride_h = 2, .stride_w = 2, .padding = GFT_PAD_SAME}};
    const graft_tensor_desc x = gft_desc_f32(gft_shape_4(-1, -1, -1, 3));
    const graft_tensor_desc filter = gft_desc_f32(gft_shape_4(3, 3, 4, 3));
    ASSERT_OK(gft_graph_new(NULL, &graph, &err));
    ASSERT_OK(gft_graph_input(graph, "x", &x, &ids[0], &err));
    ASSERT_OK(gft_graph_input(graph, "filter", &filter, &ids[1], &err));
    ASSERT_OK(gft_graph_add(graph, &gft_op_conv2d_transpose, "up", &attrs, ids, 2, &out, &err));
    ASSERT_OK(gft_graph_output(graph, "y", out, &err));
    const graft_shape open = gft_shape_4(-1, -1, -1, 4);
    assert_true(gft_shape_equal(&gft_graph_value(graph, out)->desc.shape, &open));
    const graft_shape shapes[2] = {gft_shape_4(2, 5, 7, 3), gft_shape_4(3, 3, 4, 3)};
    ASSERT_OK(gft_plan_new(graph, shapes, &(gft_plan_options){0}, &plan, &err));
    const graft_shape want = gft_shape_4(2, 10, 14, 4);
    assert_true(gft_shape_equal(&gft_plan_output_desc(plan, 0)->shape, &want));
    gft_plan_unref(plan);
    gft_graph_free(graph);
}

/* ---- lrn ---- */

static void lrn_reference(const op_check *c, const double *const *x, double *y) {
    const gft_lrn_attrs *a = c->attrs;
    const int64_t n = c->inputs[0].shape.dims[3];
    for (int64_t i = 0; i < check_elems(&c->outputs[0]); i++) {
        double sum = 0.0;
        for (int64_t k = -a->radius; k <= a->radius; k++)
            sum += i % n + k >= 0 && i % n + k < n ? x[0][i + k] * x[0][i + k] : 0.0;
        y[i] = x[0][i] / pow((double)a->bias + (double)a->alpha * sum, (double)a->beta);
    }
}

static void test_lrn(void **state) {
    (void)state;
    const gft_lrn_attrs attrs[] = {
        {5, 1.0f, 1.0f, 0.5f}, {2, 2.0f, 0.1f, 0.75f}, {0, 1.0f, 1.0f, 0.5f}};
    for (size_t i = 0; i < 3; i++) {
        op_check c = {.op = &gft_op_lrn,
                      .attrs = &attrs[i],
                      .symbolic = 1,
                      .reference = lrn_reference,
                      .differentiable = 1};
        check_input(&c, GRAFT_F32, gft_shape_4(2, 2, 3, 9), -2.0, 2.0);
        check_op(&c);
        c.differentiable = 0;
        check_input(&c, GRAFT_F32, gft_shape_4(2, 19, 23, 31), -2.0, 2.0);
        check_op(&c);
    }
}

/* ---- resize ---- */

/* Weight of source `k` (any integer) for output o; sources outside count for the edge. */
static double weight(const gft_resize_attrs *a, int64_t o, int64_t k, int64_t size,
                     int64_t outputs) {
    const double scale = a->align_corners && outputs > 1
                             ? (double)(size - 1) / (double)(outputs - 1)
                             : (double)size / (double)outputs;
    if (a->mode == GFT_RESIZE_AREA) {
        const double low = fmax((double)k, (double)o * scale);
        const double high = fmin((double)k + 1.0, ((double)o + 1.0) * scale);
        return high > low ? (high - low) / scale : 0.0;
    }
    const double at = a->half_pixel_centers ? ((double)o + 0.5) * scale - 0.5 : (double)o * scale;
    const double whole = floor(at);
    const double keys = a->half_pixel_centers ? -0.5 : -0.75;
    const double d = fabs(whole + rint((at - whole) * 1024.0) / 1024.0 - (double)k);
    if (a->half_pixel_centers && (k < 0 || k >= size))
        return 0.0;
    return d <= 1.0   ? ((keys + 2.0) * d - (keys + 3.0)) * d * d + 1.0
           : d <= 2.0 ? ((keys * d - 5.0 * keys) * d + 8.0 * keys) * d - 4.0 * keys
                      : 0.0;
}

static void axis_weights(const gft_resize_attrs *a, int64_t o, int64_t size, int64_t outputs,
                         double *w) {
    double sum = 0.0;
    for (int64_t i = 0; i < size; i++)
        w[i] = 0.0;
    for (int64_t k = -3; k < size + 9; k++) {
        const double v = weight(a, o, k, size, outputs);
        w[k < 0 ? 0 : k >= size ? size - 1 : k] += v;
        sum += v;
    }
    for (int64_t i = 0; i < size; i++)
        w[i] /= a->half_pixel_centers ? sum : 1.0;
}

static void resize_reference(const op_check *c, const double *const *x, double *y) {
    const int64_t *in = c->inputs[0].shape.dims;
    const int64_t *out = c->outputs[0].shape.dims;
    double rows[64];
    double cols[64];
    for (int64_t i = 0; i < check_elems(&c->outputs[0]); i++) {
        const int64_t n = i / out[3] / out[2] / out[1];
        axis_weights(c->attrs, i / out[3] / out[2] % out[1], in[1], out[1], rows);
        axis_weights(c->attrs, i / out[3] % out[2], in[2], out[2], cols);
        y[i] = 0.0;
        for (int64_t r = 0; r < in[1]; r++) {
            for (int64_t k = 0; k < in[2]; k++)
                y[i] +=
                    rows[r] * cols[k] * x[0][((n * in[1] + r) * in[2] + k) * in[3] + i % out[3]];
        }
    }
}

static void test_resize(void **state) {
    (void)state;
    const int64_t sizes[][4] = {{4, 5, 7, 9}, {7, 9, 4, 5},   {4, 4, 8, 8}, {3, 3, 3, 3},
                                {1, 1, 3, 4}, {16, 12, 4, 4}, {3, 4, 1, 1}};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        for (int rule = 0; rule < 5; rule++) {
            const gft_resize_attrs attrs = {.height = sizes[i][2],
                                            .width = sizes[i][3],
                                            .mode = rule < 3 ? GFT_RESIZE_BICUBIC : GFT_RESIZE_AREA,
                                            .align_corners = (rule == 1 && sizes[i][0] > 1) ||
                                                             (rule == 4 && sizes[i][0] > 1),
                                            .half_pixel_centers = rule == 2};
            op_check c = {.op = &gft_op_resize,
                          .attrs = &attrs,
                          .symbolic = 1,
                          .reference = resize_reference,
                          .differentiable = 1,
                          .tolerance = 2e-5};
            check_input(&c, GRAFT_F32, gft_shape_4(2, sizes[i][0], sizes[i][1], 3), -2.0, 2.0);
            check_op(&c);
        }
    }
}

int main(void) {
    const struct CMUnitTest list[] = {cmocka_unit_test(test_transpose),
                                      cmocka_unit_test(test_open_sizes), cmocka_unit_test(test_lrn),
                                      cmocka_unit_test(test_resize)};
    return cmocka_run_group_tests(list, NULL, NULL);
}
