/*
 * softmax, log_softmax and the losses against plain loops in double, on every axis, with gradients and extreme logits.
 */
#include "unit/ops/op_check.h"

#define S(...)                                                                                     \
    gft_shape_of((int32_t)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)),                    \
                 (const int64_t[]){__VA_ARGS__})

static void softmax_reference(const op_check *c, const double *const *x, double *y) {
    const graft_shape *shape = &c->inputs[0].shape;
    int32_t axis = ((const gft_axis_attrs *)c->attrs)->axis;
    axis = axis < 0 ? axis + shape->rank : axis;
    int64_t inner = 1;
    for (int32_t d = axis + 1; d < shape->rank; d++)
        inner *= shape->dims[d];
    int64_t k = shape->dims[axis];
    for (int64_t i = 0; i < check_elems(&c->inputs[0]); i++) {
        int64_t base = i / (k * inner) * k * inner + i % inner;
        double top = -INFINITY;
        double sum = 0.0;
        for (int64_t a = 0; a < k; a++)
            top = fmax(top, x[0][base + a * inner]);
        for (int64_t a = 0; a < k; a++)
            sum += exp(x[0][base + a * inner] - top);
        y[i] = c->op == &gft_op_softmax ? exp(x[0][i] - top) / sum : x[0][i] - top - log(sum);
    }
}

static void run_softmax(graft_shape shape, int32_t axis, bool gradient) {
    const gft_op *const ops[] = {&gft_op_softmax, &gft_op_log_softmax};
    for (int i = 0; i < 2; i++) {
        gft_axis_attrs attrs = {.axis = axis};
        op_check c = {.op = ops[i],
                      .attrs = &attrs,
                      .symbolic = 1,
                      .reference = softmax_reference,
                      .differentiable = gradient};
        check_input(&c, GRAFT_F32, shape, -4.0, 4.0);
        check_op(&c);
    }
}

static void test_softmax(void **state) {
    (void)state;
    run_softmax(S(3, 7), -1, true);
    run_softmax(S(3, 7), 0, true);
    run_softmax(S(2, 3, 4, 5), 1, true);
    run_softmax(S(2, 3, 4, 5), -2, true);
    run_softmax(S(9), 0, true);
    run_softmax(S(3, 1), 1, true);
    run_softmax(S(0, 5), 1, true);
    run_softmax(S(5, 0), 1, true);
    run_softmax(S(2, 0, 3), 1, true);
    run_softmax(S(201, 211), -1, false);
    run_softmax(S(3, 11, 1300), 1, false);
}

static void test_extreme_logits(void **state) {
    (void)state;
    const float x[] = {1e30f, 0.0f, -1e30f, 1e30f, -INFINITY, 0.0f,
                       0.0f,  0.0f, NAN,    1.0f,  2.0f,      3.0f};
    gft_axis_attrs attrs = {.axis = -1};
    op_check c = {.op = &gft_op_softmax, .attrs = &attrs};
    check_input(&c, GRAFT_F32, S(3, 4), 0.0, 1.0);
    memcpy(c.data[0], x, sizeof x);
    check_forward(&c, false);
    const float *y = c.results[0];
    assert_true(y[0] == 0.5f && y[1] == 0.0f && y[2] == 0.0f && y[3] == 0.5f);
    assert_true(y[4] == 0.0f && fabsf(y[5] - 1.0f / 3.0f) < 1e-6f);
    for (int i = 8; i < 12; i++)
        assert_true(isnan(y[i]));
    check_free(&c);
}

/* ---- losses ---- */

static void loss_reference(const op_check *c, const double *const *x, double *y) {
    const double s = (double)((const gft_loss_attrs *)c->attrs)->label_smoothing;
    int64_t k = c->inputs[0].shape.dims[c->inputs[0].shape.rank - 1];
    for (int64_t r = 0; r < check_elems(&c->outputs[0]); r++) {
        const double *p = x[0] + r * k;
        const double *t = x[1] + r * k;
        double top = -INFINITY;
        double sum = 0.0;
        y[r] = 0.0;
        for (int64_t i = 0; i < k; i++)
            top = fmax(top, p[i]);
        for (int64_t i = 0; i < k; i++)
            sum += exp(p[i] - top);
        for (int64_t i = 0; i < k; i++) {
            if (c->op == &gft_op_softmax_cross_entropy)
                y[r] += (t[i] * (1.0 - s) + s / (double)k) * (top + log(sum) - p[i]);
            else if (c->op == &gft_op_sigmoid_cross_entropy)
                y[r] += (log1p(exp(-fabs(p[i]))) + fmax(p[i], 0.0) -
                         p[i] * (t[i] * (1.0 - s) + s / 2.0)) /
                        (double)k;
            else
                y[r] += (p[i] - t[i]) * (p[i] - t[i]) / (double)k;
        }
    }
}

static const gft_op *const losses[] = {&gft_op_softmax_cross_entropy, &gft_op_sigmoid_cross_entropy,
                                       &gft_op_squared_error};

static void run_losses(graft_shape shape, uint32_t symbolic, bool gradient) {
    for (int i = 0; i < 3; i++) {
        for (int smooth = 0; smooth < 2; smooth++) {
            gft_loss_attrs attrs = {.label_smoothing = smooth ? 0.1f : 0.0f};
            op_check c = {.op = losses[i],
                          .attrs = &attrs,
                          .symbolic = symbolic,
                          .reference = loss_reference,
                          .differentiable = gradient ? 3u : 0u};
            check_input(&c, GRAFT_F32, shape, -3.0, 3.0);
            check_input(&c, GRAFT_F32, shape, 0.0, 1.0);
            check_op(&c);
        }
    }
}

static void test_losses(void **state) {
    (void)state;
    run_losses(S(3, 7), 1, true);
    run_losses(S(5, 1), 1, true);
    run_losses(S(4), 0, true);
    run_losses(S(2, 3, 5), 3, true);
    run_losses(S(2, 3), 3, true); /* the number of classes not known either */
    run_losses(S(0, 3), 1, true);
    run_losses(S(333, 101), 1, false);
}

static void test_extreme_losses(void **state) {
    (void)state;
    const gft_loss_attrs attrs = {.label_smoothing = 0.0f};
    const float x[] = {1000.0f, -1000.0f, -1000.0f, 1000.0f};
    const float t[] = {1.0f, 0.0f, 1.0f, 0.0f};
    for (int i = 0; i < 2; i++) {
        op_check c = {.op = losses[i], .attrs = &attrs};
        check_input(&c, GRAFT_F32, S(2, 2), 0.0, 1.0);
        check_input(&c, GRAFT_F32, S(2, 2), 0.0, 1.0);
        memcpy(c.data[0], x, sizeof x);
        memcpy(c.data[1], t, sizeof t);
        check_forward(&c, false);
        const float *loss = c.results[0];
        assert_true(loss[0] == 0.0f && loss[1] == (i == 0 ? 2000.0f : 1000.0f));
        check_free(&c);
    }
}

static void test_errors(void **state) {
    (void)state;
    gft_axis_attrs axis = {.axis = 2};
    op_check c = {.op = &gft_op_softmax, .attrs = &axis};
    check_input(&c, GRAFT_F32, S(2, 3), 0.0, 1.0);
    check_refused(&c, "axis 2");
    gft_loss_attrs attrs = {.label_smoothing = 0.0f};
    c = (op_check){.op = &gft_op_softmax_cross_entropy, .attrs = &attrs};
    check_input(&c, GRAFT_F32, S(2, 3), 0.0, 1.0);
    check_input(&c, GRAFT_F32, S(2, 4), 0.0, 1.0);
    check_refused(&c, "[2,3] and [2,4]");
    attrs.label_smoothing = 1.5f;
    c = (op_check){.op = &gft_op_sigmoid_cross_entropy, .attrs = &attrs};
    check_input(&c, GRAFT_F32, S(2, 3), 0.0, 1.0);
    check_input(&c, GRAFT_F32, S(2, 3), 0.0, 1.0);
    check_refused(&c, "1.5");
}

static int tests(void) {
    const struct CMUnitTest list[] = {
        cmocka_unit_test(test_softmax), cmocka_unit_test(test_extreme_logits),
        cmocka_unit_test(test_losses),  cmocka_unit_test(test_extreme_losses),
        cmocka_unit_test(test_errors),
    };
    return cmocka_run_group_tests(list, NULL, NULL);
}

int main(void) {
    return check_each_level(tests);
}
