/*
 * max_pool and avg_pool with every padding against plain loops, with gradients.
 */
#include "unit/ops/op_check.h"

#define S(...)                                                                                     \
    gft_shape_of((int32_t)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)),                    \
                 (const int64_t[]){__VA_ARGS__})

static void reference(const op_check *c, const double *const *x, double *y) {
    const gft_pool_attrs *a = c->attrs;
    const graft_shape *in = &c->inputs[0].shape;
    const graft_shape *out = &c->outputs[0].shape;
    int64_t top = a->pads.top;
    int64_t left = a->pads.left;
    if (a->padding == GFT_PAD_VALID)
        top = left = 0;
    if (a->padding == GFT_PAD_SAME) {
        int64_t rows = (out->dims[1] - 1) * a->stride_h + a->kernel_h - in->dims[1];
        int64_t cols = (out->dims[2] - 1) * a->stride_w + a->kernel_w - in->dims[2];
        top = rows > 0 ? rows / 2 : 0;
        left = cols > 0 ? cols / 2 : 0;
    }
    for (int64_t i = 0; i < check_elems(&c->outputs[0]); i++) {
        int64_t ch = i % out->dims[3];
        int64_t ox = i / out->dims[3] % out->dims[2];
        int64_t oy = i / out->dims[3] / out->dims[2] % out->dims[1];
        int64_t n = i / out->dims[3] / out->dims[2] / out->dims[1];
        double best = -INFINITY;
        double sum = 0.0;
        int64_t count = 0;
        for (int64_t ky = 0; ky < a->kernel_h; ky++) {
            for (int64_t kx = 0; kx < a->kernel_w; kx++) {
                int64_t iy = oy * a->stride_h - top + ky;
                int64_t ix = ox * a->stride_w - left + kx;
                if (iy < 0 || ix < 0 || iy >= in->dims[1] || ix >= in->dims[2])
                    continue;
                double v = x[0][((n * in->dims[1] + iy) * in->dims[2] + ix) * in->dims[3] + ch];
                best = fmax(best, v);
                sum += v;
                count++;
            }
        }
        y[i] = c->op == &gft_op_max_pool ? best : sum / (double)count;
    }
}

static void run_pool(graft_shape shape, gft_pool_attrs attrs, uint32_t symbolic, bool gradient) {
    const gft_op *const ops[] = {&gft_op_max_pool, &gft_op_avg_pool};
    for (int i = 0; i < 2; i++) {
        op_check c = {.op = ops[i],
                      .attrs = &attrs,
                      .symbolic = symbolic,
                      .reference = reference,
                      .differentiable = gradient};
        check_input(&c, GRAFT_F32, shape, -2.0, 2.0);
        check_op(&c);
    }
}

#define POOL(kh, kw, sh, sw, pad, ...)                                                             \
    (gft_pool_attrs) {                                                                             \
        kh, kw, sh, sw, pad, {                                                                     \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }

static void test_paddings(void **state) {
    (void)state;
    for (int64_t size = 1; size < 8; size++) {
        for (int64_t kernel = 1; kernel < 5; kernel++) {
            for (int64_t stride = 1; stride < 4; stride++) {
                run_pool(S(2, size, size + 1, 3),
                         POOL(kernel, 2, stride, 1, GFT_PAD_SAME, 0, 0, 0, 0), 1, true);
                if (size >= kernel)
                    run_pool(S(2, size, size + 1, 3),
                             POOL(kernel, 2, stride, 2, GFT_PAD_VALID, 0, 0, 0, 0), 1, true);
            }
        }
    }
    run_pool(S(2, 6, 5, 3), POOL(3, 3, 2, 2, GFT_PAD_EXPLICIT, 1, 0, 2, 1), 1, true);
    run_pool(S(1, 6, 5, 17), POOL(3, 2, 1, 2, GFT_PAD_EXPLICIT, 1, 1, 1, 0), 1, true);
    run_pool(S(2, 5, 6, 3), POOL(2, 3, 5, 4, GFT_PAD_VALID, 0, 0, 0, 0), 1,
             true); /* stride beyond the window */
}

static void test_unknown_picture_size(void **state) {
    (void)state;
    run_pool(S(2, 6, 5, 3), POOL(3, 3, 2, 2, GFT_PAD_SAME, 0, 0, 0, 0), 7, true);
}

static void test_sizes(void **state) {
    (void)state;
    run_pool(S(0, 6, 5, 3), POOL(3, 3, 2, 2, GFT_PAD_SAME, 0, 0, 0, 0), 1, true);
    run_pool(S(2, 6, 5, 0), POOL(3, 3, 2, 2, GFT_PAD_SAME, 0, 0, 0, 0), 1, true);
    run_pool(S(2, 2, 2, 3), POOL(3, 3, 1, 1, GFT_PAD_VALID, 0, 0, 0, 0), 1,
             true); /* no window fits */
    run_pool(S(3, 57, 59, 33), POOL(3, 3, 2, 2, GFT_PAD_SAME, 0, 0, 0, 0), 1, false);
}

static void test_ties_and_nan(void **state) {
    (void)state;
    const gft_pool_attrs attrs = POOL(2, 2, 2, 2, GFT_PAD_VALID, 0, 0, 0, 0);
    const float x[] = {1.0f, 1.0f, NAN, 0.0f, 1.0f, 1.0f, 5.0f, 6.0f};
    op_check c = {.op = &gft_op_max_pool, .attrs = &attrs};
    check_input(&c, GRAFT_F32, S(1, 2, 4, 1), 0.0, 1.0);
    memcpy(c.data[0], x, sizeof x);
    check_forward(&c, false);
    assert_true(((float *)c.results[0])[0] == 1.0f && isnan(((float *)c.results[0])[1]));
    check_free(&c);
    /* of equal cells the first gets the gradient */
    const gft_pool_grad_attrs grad = {.pool = attrs, .shape = S(1, 2, 2, 1)};
    c = (op_check){.op = &gft_op_max_pool_grad, .attrs = &grad};
    check_input(&c, GRAFT_F32, S(1, 2, 2, 1), 1.0, 1.0);
    check_input(&c, GRAFT_F32, S(1, 1, 1, 1), 1.0, 1.0);
    check_input(&c, GRAFT_F32, S(1, 1, 1, 1), 3.0, 3.0);
    check_forward(&c, false);
    const float *dx = c.results[0];
    assert_true(dx[0] == 3.0f && dx[1] == 0.0f && dx[2] == 0.0f && dx[3] == 0.0f);
    check_free(&c);
}

static void test_errors(void **state) {
    (void)state;
    gft_pool_attrs attrs = POOL(2, 2, 0, 1, GFT_PAD_VALID, 0, 0, 0, 0);
    op_check c = {.op = &gft_op_max_pool, .attrs = &attrs};
    check_input(&c, GRAFT_F32, S(1, 4, 4, 1), 0.0, 1.0);
    check_refused(&c, "0x1");
    attrs = POOL(2, 2, 1, 1, GFT_PAD_EXPLICIT, 2, 0, 0, 0);
    c = (op_check){.op = &gft_op_avg_pool, .attrs = &attrs};
    check_input(&c, GRAFT_F32, S(1, 4, 4, 1), 0.0, 1.0);
    check_refused(&c, "padding 2");
    attrs = POOL(2, 2, 1, 1, GFT_PAD_VALID, 0, 0, 0, 0);
    c = (op_check){.op = &gft_op_avg_pool, .attrs = &attrs};
    check_input(&c, GRAFT_F32, S(4, 4, 1), 0.0, 1.0);
    check_refused(&c, "expected 4");
    const gft_pool_grad_attrs grad = {.pool = attrs, .shape = S(1, 4, 4, 1)};
    c = (op_check){.op = &gft_op_avg_pool_grad, .attrs = &grad};
    check_input(&c, GRAFT_F32, S(1, 4, 4, 1), 0.0, 1.0);
    check_refused(&c, "[1,3,3,1]");
}

static int tests(void) {
    const struct CMUnitTest list[] = {
        cmocka_unit_test(test_paddings), cmocka_unit_test(test_unknown_picture_size),
        cmocka_unit_test(test_sizes),    cmocka_unit_test(test_ties_and_nan),
        cmocka_unit_test(test_errors),
    };
    return cmocka_run_group_tests(list, NULL, NULL);
}

int main(void) {
    return check_each_level(tests);
}
