/*
 * reduce_mean, reduce_sum, reduce_max over all sets of axes, and broadcast_to / reduce_to, against plain loops.
 */
#include "unit/ops/op_check.h"

#define S(...)                                                                                     \
    gft_shape_of((int32_t)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)),                    \
                 (const int64_t[]){__VA_ARGS__})

/* Element i of x belongs to output element...; kept dimensions in order. */
static int64_t output_of(const graft_shape *x, uint32_t axes, int64_t i) {
    int64_t index[GRAFT_MAX_RANK];
    for (int32_t d = x->rank - 1; d >= 0; d--) {
        index[d] = i % x->dims[d];
        i /= x->dims[d];
    }
    int64_t at = 0;
    for (int32_t d = 0; d < x->rank; d++) {
        if (!(axes >> d & 1u))
            at = at * x->dims[d] + index[d];
    }
    return at;
}

static void fold(const graft_shape *shape, uint32_t axes, const gft_op *op, const double *x,
                 int64_t outputs, double *y) {
    int64_t n = gft_shape_elems(shape);
    int64_t folded = 1;
    for (int32_t d = 0; d < shape->rank; d++)
        folded *= axes >> d & 1u ? shape->dims[d] : 1;
    for (int64_t i = 0; i < outputs; i++)
        y[i] = op == &gft_op_reduce_max ? -INFINITY : 0.0;
    for (int64_t i = 0; i < n; i++) {
        double *to = &y[output_of(shape, axes, i)];
        *to = op == &gft_op_reduce_max ? fmax(*to, x[i]) : *to + x[i];
    }
    for (int64_t i = 0; op == &gft_op_reduce_mean && i < outputs; i++)
        y[i] /= (double)folded;
}

static void reference(const op_check *c, const double *const *x, double *y) {
    fold(&c->inputs[0].shape, ((const gft_reduce_attrs *)c->attrs)->axes, c->op, x[0],
         check_elems(&c->outputs[0]), y);
}

static const gft_op *const ops[] = {&gft_op_reduce_mean, &gft_op_reduce_sum, &gft_op_reduce_max};

static void run_axes(graft_shape shape, uint32_t axes, bool keep, uint32_t symbolic,
                     bool gradient) {
    for (int i = 0; i < 3; i++) {
        gft_reduce_attrs attrs = {.axes = axes, .keep_dims = keep};
        op_check c = {.op = ops[i],
                      .attrs = &attrs,
                      .symbolic = symbolic,
                      .reference = reference,
                      .differentiable = gradient};
        check_input(&c, GRAFT_F32, shape, -2.0, 2.0);
        check_op(&c);
    }
}

static void test_all_axes(void **state) {
    (void)state;
    for (uint32_t axes = 0; axes < 16; axes++) {
        run_axes(S(2, 3, 4, 5), axes, false, 1, true);
        run_axes(S(2, 3, 4, 5), axes, true, 1, true);
    }
    for (uint32_t axes = 0; axes < 64; axes += 3)
        run_axes(S(2, 3, 1, 2, 3, 2), axes, false, 1, false);
    run_axes(gft_shape_0(), 0, false, 0, true);
    run_axes(S(2, 2, 2, 2, 2, 2, 2, 2), 0x55, false, 0, true);
}

static void test_unknown(void **state) {
    (void)state;
    run_axes(S(2, 3, 4), 2, false, 3, true); /* mean over the unknown length of a text */
    run_axes(S(2, 3, 4), 1, false, 3, true);
    run_axes(S(2, 3, 4, 5), 6, false, 7, true);
    run_axes(S(2, 3, 4), 7, false, 7, true);
}

static void test_several_tasks(void **state) {
    (void)state;
    run_axes(S(100003), 1, false, 1, false);
    run_axes(S(9001, 13), 1, false, 1, false);
    run_axes(S(13, 9001), 2, false, 1, false);
    run_axes(S(3, 49, 37, 29), 6, false, 1, false);
    run_axes(S(3, 49, 37, 29), 9, false, 1, false);
    run_axes(S(5, 2, 3000), 1, false, 1, false);
    run_axes(S(200, 7, 7, 65), 6, false, 1, false);
    run_axes(S(300, 3, 301), 5, false, 1, false);
}

static void test_empty(void **state) {
    (void)state;
    run_axes(S(0, 3), 1, false, 1, true);
    run_axes(S(0, 3), 2, false, 1, true);
    run_axes(S(3, 0), 2, false, 1, true);
}

/* Long sums stay accurate: 4 M values of 0.1. */
static void test_long_sum(void **state) {
    (void)state;
    const gft_reduce_attrs attrs = {.axes = 1};
    op_check c = {
        .op = &gft_op_reduce_sum, .attrs = &attrs, .reference = reference, .tolerance = 5e-6};
    check_input(&c, GRAFT_F32, S(4000000), 0.1, 0.1);
    check_op(&c);
    const gft_reduce_attrs rows = {.axes = 1};
    c = (op_check){
        .op = &gft_op_reduce_sum, .attrs = &rows, .reference = reference, .tolerance = 5e-6};
    check_input(&c, GRAFT_F32, S(1000000, 3), 0.1, 0.1);
    check_op(&c);
}

static void test_ties(void **state) {
    (void)state;
    const float x[] = {1.0f, 3.0f, 3.0f, 2.0f};
    const float y[] = {3.0f};
    const float dy[] = {1.0f};
    const gft_reduce_attrs attrs = {.axes = 1};
    op_check c = {.op = &gft_op_reduce_max_grad, .attrs = &attrs};
    check_input(&c, GRAFT_F32, S(4), 0.0, 1.0);
    check_input(&c, GRAFT_F32, gft_shape_0(), 0.0, 1.0);
    check_input(&c, GRAFT_F32, gft_shape_0(), 0.0, 1.0);
    memcpy(c.data[0], x, sizeof x);
    memcpy(c.data[1], y, sizeof y);
    memcpy(c.data[2], dy, sizeof dy);
    check_forward(&c, false);
    const float *dx = c.results[0];
    assert_true(dx[0] == 0.0f && dx[1] == 0.5f && dx[2] == 0.5f && dx[3] == 0.0f);
    check_free(&c);
}

/* ---- broadcast_to and reduce_to ---- */

static int64_t small_at(const graft_shape *small, const graft_shape *large, int64_t i) {
    int64_t strides[GRAFT_MAX_RANK];
    int64_t at = 0;
    gft_shape_strides(small, strides);
    for (int32_t d = large->rank - 1; d >= 0; d--) {
        int64_t index = i % large->dims[d];
        int32_t k = d - (large->rank - small->rank);
        i /= large->dims[d];
        if (k >= 0 && small->dims[k] != 1)
            at += index * strides[k];
    }
    return at;
}

static void broadcast_reference(const op_check *c, const double *const *x, double *y) {
    const bool mean = ((const gft_shape_attrs *)c->attrs)->mean;
    int64_t n = check_elems(&c->outputs[0]);
    double scale = mean ? (double)check_elems(&c->inputs[0]) / (double)n : 1.0;
    for (int64_t i = 0; i < n; i++)
        y[i] = x[0][small_at(&c->inputs[0].shape, &c->outputs[0].shape, i)] * scale;
}

static void reduce_reference(const op_check *c, const double *const *x, double *y) {
    for (int64_t i = 0; i < check_elems(&c->outputs[0]); i++)
        y[i] = 0.0;
    for (int64_t i = 0; i < check_elems(&c->inputs[0]); i++)
        y[small_at(&c->outputs[0].shape, &c->inputs[0].shape, i)] += x[0][i];
}

static void run_to(graft_shape small, graft_shape large, bool gradient) {
    for (int like = 0; like < 2; like++) {
        for (int mean = 0; mean < 2; mean++) {
            gft_shape_attrs attrs = {.shape = large, .mean = mean};
            op_check c = {.op = &gft_op_broadcast_to,
                          .attrs = &attrs,
                          .reference = broadcast_reference,
                          .differentiable = gradient};
            check_input(&c, GRAFT_F32, small, -2.0, 2.0);
            if (like) {
                attrs.shape = gft_shape_0();
                check_input(&c, GRAFT_F32, large, -2.0, 2.0);
            }
            check_op(&c);
        }
        gft_shape_attrs attrs = {.shape = small};
        op_check c = {.op = &gft_op_reduce_to,
                      .attrs = &attrs,
                      .reference = reduce_reference,
                      .differentiable = gradient};
        check_input(&c, GRAFT_F32, large, -2.0, 2.0);
        if (like) {
            attrs.shape = gft_shape_0();
            check_input(&c, GRAFT_F32, small, -2.0, 2.0);
        }
        check_op(&c);
    }
}

static void test_to(void **state) {
    (void)state;
    run_to(S(3), S(2, 3), true);
    run_to(S(2, 1), S(2, 3), true);
    run_to(gft_shape_0(), S(2, 3), true);
    run_to(S(2, 1, 1, 5), S(2, 3, 4, 5), true);
    run_to(S(1, 3, 1), S(2, 2, 3, 4), true);
    run_to(S(2, 3), S(2, 3), true);
    run_to(S(1, 5), S(0, 5), true);
    run_to(S(2, 1, 1, 37), S(2, 41, 43, 37), false);
    run_to(S(31), S(5001, 31), false);
    run_to(S(5001, 1), S(5001, 31), false);
}

static void test_to_unknown_batch(void **state) {
    (void)state;
    const gft_shape_attrs attrs = {.shape = {4, {-1, 3, 4, 5}}};
    op_check c = {.op = &gft_op_broadcast_to,
                  .attrs = &attrs,
                  .reference = broadcast_reference,
                  .symbolic = 1,
                  .differentiable = 1};
    check_input(&c, GRAFT_F32, S(2, 1, 1, 5), -2.0, 2.0);
    check_op(&c);
}

static void test_errors(void **state) {
    (void)state;
    const gft_reduce_attrs reduce = {.axes = 8};
    op_check c = {.op = &gft_op_reduce_sum, .attrs = &reduce};
    check_input(&c, GRAFT_F32, S(2, 3), 0.0, 1.0);
    check_refused(&c, "0x8");
    const gft_shape_attrs attrs = {.shape = {2, {2, 4}}};
    c = (op_check){.op = &gft_op_broadcast_to, .attrs = &attrs};
    check_input(&c, GRAFT_F32, S(2, 3), 0.0, 1.0);
    check_refused(&c, "[2,3] cannot be broadcast to [2,4]");
    c = (op_check){.op = &gft_op_reduce_to, .attrs = &attrs};
    check_input(&c, GRAFT_F32, S(2, 3), 0.0, 1.0);
    check_refused(&c, "reduced");
}

static int tests(void) {
    const struct CMUnitTest list[] = {
        cmocka_unit_test(test_all_axes),
        cmocka_unit_test(test_unknown),
        cmocka_unit_test(test_several_tasks),
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_long_sum),
        cmocka_unit_test(test_ties),
        cmocka_unit_test(test_to),
        cmocka_unit_test(test_to_unknown_batch),
        cmocka_unit_test(test_errors),
    };
    return cmocka_run_group_tests(list, NULL, NULL);
}

int main(void) {
    return check_each_level(tests);
}
