/*
 * Values and gradients of ops against those that TensorFlow and Keras gave (record_ops.py);
 * tolerance 3e-6 of the largest value for outputs, 2e-5 for gradients.
 */
#include "unit/ops/op_check.h"

typedef struct recorded_case {
    const gft_op *op;
    const void *attrs;
    int32_t count;
    graft_shape shapes[5];
    const float *inputs[5];
    const float *grads[5]; /* NULL: not recorded */
    const float *weights;
    const float *output;
} recorded_case;

#include "golden/ops_recorded.h"

static void compare(const char *what, const op_check *c, const float *got,
                    const float *recorded_values, int64_t n, double tolerance) {
    double want[256];
    char text[64];
    assert_true(n <= 256);
    for (int64_t i = 0; i < n; i++)
        want[i] = (double)recorded_values[i];
    snprintf(text, sizeof text, "%s of %s", what, c->op->name);
    check_close(text, got, want, n, tolerance);
}

static void run_case(const recorded_case *r) {
    op_check c = {.op = r->op, .attrs = r->attrs};
    for (int32_t i = 0; i < r->count; i++) {
        check_input(&c, GRAFT_F32, r->shapes[i], 0.0, 1.0);
        memcpy(c.data[i], r->inputs[i], (size_t)check_elems(&c.inputs[i]) * sizeof(float));
        c.differentiable |= r->grads[i] ? 1u << i : 0;
    }
    check_forward(&c, false);
    compare("output", &c, c.results[0], r->output, check_elems(&c.outputs[0]), 3e-6);
    int32_t which[CHECK_INPUTS];
    void *results[CHECK_INPUTS] = {0};
    int32_t count = check_run_gradients(&c, false, r->weights, which, results);
    for (int32_t i = 0; i < count; i++) {
        compare("gradient", &c, results[i], r->grads[which[i]], check_elems(&c.inputs[which[i]]),
                2e-5);
        gft_free(results[i]);
    }
    check_free(&c);
}

static void test_recorded(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof recorded / sizeof recorded[0]; i++)
        run_case(&recorded[i]);
}

static int tests(void) {
    const struct CMUnitTest list[] = {cmocka_unit_test(test_recorded)};
    return cmocka_run_group_tests(list, NULL, NULL);
}

int main(void) {
    return check_each_level(tests);
}
