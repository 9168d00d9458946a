/*
 * resize by TensorFlow's three rules, bilinear and nearest, against values recorded from TensorFlow
 * and a plain loop, with gradients.
 */
#include "unit/ops/op_check.h"

static void taps(const gft_resize_attrs *a, int64_t o, int64_t size, int64_t outputs, int64_t *low,
                 int64_t *high, double *weight) {
    bool corners = a->align_corners && outputs > 1;
    double scale =
        corners ? (double)(size - 1) / (double)(outputs - 1) : (double)size / (double)outputs;
    double at = a->half_pixel_centers ? ((double)o + 0.5) * scale : (double)o * scale;
    if (a->mode == GFT_RESIZE_NEAREST) {
        int64_t near = (int64_t)(a->align_corners ? round(at) : floor(at));
        *low = *high = near < size ? near : size - 1;
        *weight = 0.0;
        return;
    }
    at -= a->half_pixel_centers ? 0.5 : 0.0;
    *weight = at - floor(at);
    *low = at < 0.0 ? 0 : (int64_t)floor(at);
    *high = (int64_t)ceil(at) < size ? (int64_t)ceil(at) : size - 1;
    *high = *high < 0 ? 0 : *high;
}

static void reference(const op_check *c, const double *const *x, double *y) {
    const graft_shape *in = &c->inputs[0].shape;
    const graft_shape *out = &c->outputs[0].shape;
    for (int64_t i = 0; i < check_elems(&c->outputs[0]); i++) {
        int64_t ch = i % out->dims[3];
        int64_t ox = i / out->dims[3] % out->dims[2];
        int64_t oy = i / out->dims[3] / out->dims[2] % out->dims[1];
        int64_t n = i / out->dims[3] / out->dims[2] / out->dims[1];
        int64_t x0, x1, y0, y1;
        double wx, wy;
        taps(c->attrs, ox, in->dims[2], out->dims[2], &x0, &x1, &wx);
        taps(c->attrs, oy, in->dims[1], out->dims[1], &y0, &y1, &wy);
#define AT(r, k) x[0][((n * in->dims[1] + (r)) * in->dims[2] + (k)) * in->dims[3] + ch]
        y[i] = (AT(y0, x0) * (1.0 - wx) + AT(y0, x1) * wx) * (1.0 - wy) +
               (AT(y1, x0) * (1.0 - wx) + AT(y1, x1) * wx) * wy;
    }
}

static void run_resize(graft_shape shape, int64_t height, int64_t width, uint32_t symbolic,
                       bool gradient) {
    for (int rule = 0; rule < 3; rule++) {
        for (int mode = 0; mode < 2; mode++) {
            gft_resize_attrs attrs = {.height = height,
                                      .width = width,
                                      .mode = mode ? GFT_RESIZE_NEAREST : GFT_RESIZE_BILINEAR,
                                      .align_corners = rule == 1,
                                      .half_pixel_centers = rule == 2};
            op_check c = {.op = &gft_op_resize,
                          .attrs = &attrs,
                          .symbolic = symbolic,
                          .reference = reference,
                          .differentiable = gradient,
                          .tolerance = 1e-5};
            check_input(&c, GRAFT_F32, shape, -2.0, 2.0);
            check_op(&c);
        }
    }
}

static void test_rules(void **state) {
    (void)state;
    run_resize(gft_shape_4(2, 4, 5, 3), 7, 9, 1, true);
    run_resize(gft_shape_4(2, 7, 9, 3), 4, 5, 1, true);
    run_resize(gft_shape_4(1, 4, 4, 1), 8, 8, 7, true);
    run_resize(gft_shape_4(1, 3, 3, 2), 3, 3, 1, true);
    run_resize(gft_shape_4(1, 1, 1, 2), 3, 4, 1, true);
    run_resize(gft_shape_4(1, 3, 4, 2), 1, 1, 1, true);
    run_resize(gft_shape_4(0, 3, 4, 2), 5, 6, 1, true);
    run_resize(gft_shape_4(2, 57, 43, 7), 64, 64, 1, false);
}

/*
 * tf.raw_ops.ResizeBilinear / ResizeNearestNeighbor (TensorFlow 2.21) of [[1,2,3],[4,5,6]] to 3x4.
 */
static void test_recorded(void **state) {
    (void)state;
#include "unit/ops/resize_recorded.h"
    for (size_t i = 0; i < sizeof recorded / sizeof recorded[0]; i++) {
        gft_resize_attrs attrs = recorded[i].attrs;
        op_check c = {.op = &gft_op_resize, .attrs = &attrs};
        check_input(&c, GRAFT_F32, gft_shape_4(1, 2, 3, 1), 0.0, 1.0);
        for (int k = 0; k < 6; k++)
            ((float *)c.data[0])[k] = (float)(k + 1);
        check_forward(&c, false);
        for (int k = 0; k < 12; k++)
            assert_true(fabsf(((float *)c.results[0])[k] - recorded[i].want[k]) <= 1e-6f);
        check_free(&c);
    }
}

static void test_errors(void **state) {
    (void)state;
    gft_resize_attrs attrs = {
        .height = 2, .width = 2, .align_corners = true, .half_pixel_centers = true};
    op_check c = {.op = &gft_op_resize, .attrs = &attrs};
    check_input(&c, GRAFT_F32, gft_shape_4(1, 3, 3, 1), 0.0, 1.0);
    check_refused(&c, "align_corners");
    attrs = (gft_resize_attrs){.height = 2, .width = 2};
    check_input(&c, GRAFT_F32, gft_shape_4(1, 0, 3, 1), 0.0, 1.0);
    check_refused(&c, "empty picture");
    attrs.height = -1;
    check_input(&c, GRAFT_F32, gft_shape_4(1, 3, 3, 1), 0.0, 1.0);
    check_refused(&c, "-1x2");
}

static int tests(void) {
    const struct CMUnitTest list[] = {cmocka_unit_test(test_rules), cmocka_unit_test(test_recorded),
                                      cmocka_unit_test(test_errors)};
    return cmocka_run_group_tests(list, NULL, NULL);
}

int main(void) {
    return check_each_level(tests);
}
