/*
 * argmax, argmin, top_k, one_hot, and the reductions without kernels (smallest, product, any, all,
 * integers): values, types, errors.
 */
#include "unit/ops/op_check.h"

#define S(...)                                                                                     \
    gft_shape_of((int32_t)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)),                    \
                 (const int64_t[]){__VA_ARGS__})

static double number(const void *p, graft_dtype dtype, int64_t i) {
    return dtype == GRAFT_F32   ? (double)((const float *)p)[i]
           : dtype == GRAFT_S32 ? (double)((const int32_t *)p)[i]
           : dtype == GRAFT_S64 ? (double)((const int64_t *)p)[i]
           : dtype == GRAFT_S8  ? (double)((const int8_t *)p)[i]
                                : (double)((const uint8_t *)p)[i];
}

static void run_arg(graft_dtype dtype, graft_shape shape, int32_t axis, bool least,
                    graft_dtype out) {
    const gft_arg_attrs attrs = {axis - shape.rank, out};
    op_check c = {.op = least ? &gft_op_argmin : &gft_op_argmax, .attrs = &attrs, .symbolic = 1};
    check_input(&c, dtype, shape, dtype == GRAFT_U8 ? 0.0 : -5.0, 5.0); /* with ties */
    for (int64_t i = 0; dtype == GRAFT_F32 && i < gft_shape_elems(&shape); i++)
        ((float *)c.data[0])[i] = floorf(((float *)c.data[0])[i]);
    check_forward(&c, true);
    assert_int_equal(c.outputs[0].dtype, out);
    int64_t inner = 1;
    for (int32_t d = axis + 1; d < shape.rank; d++)
        inner *= shape.dims[d];
    for (int64_t k = 0; k < check_elems(&c.outputs[0]); k++) {
        const int64_t at = k / inner * shape.dims[axis] * inner + k % inner;
        int64_t best = 0;
        for (int64_t i = 1; i < shape.dims[axis]; i++) {
            const double v = number(c.data[0], dtype, at + i * inner);
            const double b = number(c.data[0], dtype, at + best * inner);
            best = least ? (v < b ? i : best) : (v > b ? i : best);
        }
        assert_int_equal((int64_t)number(c.results[0], out, k), best);
    }
    check_free(&c);
}

static void test_arg(void **state) {
    (void)state;
    const graft_dtype dtypes[] = {GRAFT_F32, GRAFT_S32, GRAFT_S64, GRAFT_U8};
    for (size_t t = 0; t < 4; t++) {
        for (int least = 0; least < 2; least++) {
            run_arg(dtypes[t], S(3, 4, 5), 2, least, GRAFT_S64);
            run_arg(dtypes[t], S(3, 4, 5), 1, least, GRAFT_S32);
            run_arg(dtypes[t], S(3, 4, 5), 0, least, GRAFT_S64);
            run_arg(dtypes[t], S(7), 0, least, GRAFT_S64);
            run_arg(dtypes[t], S(300, 201), 1, least, GRAFT_S64);
        }
    }
    op_check c = {.op = &gft_op_argmax, .attrs = &(gft_arg_attrs){2, GRAFT_S64}};
    check_input(&c, GRAFT_F32, S(3, 4), 0.0, 1.0);
    check_refused(&c, "axis 2");
}

static void run_top(graft_dtype dtype, graft_shape shape, int64_t k) {
    const gft_top_k_attrs attrs = {k};
    op_check c = {.op = &gft_op_top_k, .attrs = &attrs, .symbolic = 1};
    check_input(&c, dtype, shape, -50.0, 50.0);
    for (int64_t i = 0; dtype == GRAFT_F32 && i < gft_shape_elems(&shape); i++)
        ((float *)c.data[0])[i] = floorf(((float *)c.data[0])[i]);
    check_forward(&c, true);
    const int64_t n = shape.dims[shape.rank - 1];
    const int64_t rows = n > 0 ? gft_shape_elems(&shape) / n : 0;
    for (int64_t r = 0; r < rows; r++) {
        for (int64_t i = 0; i < k; i++) {
            const int32_t at = ((int32_t *)c.results[1])[r * k + i];
            const double v = number(c.data[0], dtype, r * n + at);
            int64_t rank = 0; /* how many come before */
            for (int64_t j = 0; j < n; j++) {
                const double w = number(c.data[0], dtype, r * n + j);
                rank += w > v || (w == v && j < at);
            }
            assert_int_equal(rank, i);
            assert_true(number(c.results[0], dtype, r * k + i) == v);
        }
    }
    check_free(&c);
}

static void test_top_k(void **state) {
    (void)state;
    for (int64_t k = 0; k < 8; k++) {
        run_top(GRAFT_F32, S(5, 7), k);
        run_top(GRAFT_S32, S(5, 7), k);
    }
    run_top(GRAFT_F32, S(3, 40, 1000), 5);
    run_top(GRAFT_F32, S(1000), 1000);
    run_top(GRAFT_F32, S(0, 4), 2);
    op_check c = {.op = &gft_op_top_k, .attrs = &(gft_top_k_attrs){5}};
    check_input(&c, GRAFT_F32, S(3, 4), 0.0, 1.0);
    check_refused(&c, "the 5 largest of 4");
}

static void run_one_hot(graft_dtype from, graft_dtype to, graft_shape shape, int32_t axis,
                        uint32_t symbolic) {
    const gft_one_hot_attrs attrs = {.depth = 4,
                                     .axis = axis,
                                     .dtype = to,
                                     .on = to == GRAFT_BOOL ? 1.0 : 3.0,
                                     .off = to == GRAFT_BOOL ? 0.0 : -1.0};
    op_check c = {.op = &gft_op_one_hot, .attrs = &attrs, .symbolic = symbolic};
    check_input(&c, from, shape, from == GRAFT_U8 ? 0.0 : -1.0, 6.0); /* some outside */
    check_forward(&c, symbolic != 0);
    int64_t inner = 1;
    for (int32_t d = axis < 0 ? shape.rank : axis; d < shape.rank; d++)
        inner *= shape.dims[d];
    for (int64_t i = 0; i < check_elems(&c.outputs[0]); i++) {
        const double index = number(c.data[0], from, i / inner / 4 * inner + i % inner);
        const double want = index == (double)(i / inner % 4) ? attrs.on : attrs.off;
        assert_true(number(c.results[0], to, i) == want);
    }
    check_free(&c);
}

static void test_one_hot(void **state) {
    (void)state;
    const graft_dtype from[] = {GRAFT_S32, GRAFT_S64, GRAFT_U8};
    const graft_dtype to[] = {GRAFT_F32, GRAFT_S32, GRAFT_S64, GRAFT_BOOL};
    for (size_t a = 0; a < 3; a++) {
        for (size_t b = 0; b < 4; b++) {
            run_one_hot(from[a], to[b], S(5, 3), -1, 1);
            run_one_hot(from[a], to[b], S(5, 3), 1, 1);
            run_one_hot(from[a], to[b], S(5, 3), 0, 0);
            run_one_hot(from[a], to[b], gft_shape_0(), -1, 0);
        }
    }
    run_one_hot(GRAFT_S32, GRAFT_F32, S(9000), -1, 1);
    op_check c = {.op = &gft_op_one_hot,
                  .attrs = &(gft_one_hot_attrs){.depth = -1, .dtype = GRAFT_F32}};
    check_input(&c, GRAFT_S32, S(3), 0.0, 1.0);
    check_refused(&c, "depth -1");
}

/* ---- reductions ---- */

static double fold(const gft_op *op, double y, double v) {
    return op == &gft_op_reduce_min    ? fmin(y, v)
           : op == &gft_op_reduce_max  ? fmax(y, v)
           : op == &gft_op_reduce_prod ? y * v
           : op == &gft_op_reduce_any  ? (y != 0.0 || v != 0.0)
           : op == &gft_op_reduce_all  ? (y != 0.0 && v != 0.0)
                                       : y + v;
}

static void reduce_doubles(const gft_op *op, const graft_shape *x, uint32_t axes,
                           const double *values, double *y, int64_t outputs) {
    const bool one = op == &gft_op_reduce_prod || op == &gft_op_reduce_all;
    for (int64_t i = 0; i < outputs; i++)
        y[i] = op == &gft_op_reduce_min ? INFINITY : op == &gft_op_reduce_max ? -INFINITY : one;
    for (int64_t i = 0; i < gft_shape_elems(x); i++) {
        int64_t at = 0;
        int64_t step = 1;
        int64_t rest = i;
        for (int32_t d = x->rank - 1; d >= 0; d--) {
            if (!(axes >> d & 1u)) {
                at += rest % x->dims[d] * step;
                step *= x->dims[d];
            }
            rest /= x->dims[d];
        }
        y[at] = fold(op, y[at], values[i]);
    }
}

static void reference(const op_check *c, const double *const *x, double *y) {
    reduce_doubles(c->op, &c->inputs[0].shape, ((const gft_reduce_attrs *)c->attrs)->axes, x[0], y,
                   check_elems(&c->outputs[0]));
}

static void test_float_reductions(void **state) {
    (void)state;
    const graft_shape shapes[] = {S(3, 4, 5), S(2, 61, 301)};
    for (size_t s = 0; s < 2; s++) {
        for (uint32_t axes = 0; axes < 8; axes++) {
            for (int keep = 0; keep < 2; keep++) {
                const gft_reduce_attrs attrs = {axes, keep};
                op_check c = {.op = &gft_op_reduce_min,
                              .attrs = &attrs,
                              .symbolic = 1,
                              .reference = reference,
                              .differentiable = s == 0};
                check_input(&c, GRAFT_F32, shapes[s], -2.0, 2.0);
                check_op(&c);
                c.op = &gft_op_reduce_prod;
                c.differentiable = 0;
                check_input(&c, GRAFT_F32, shapes[s], 0.98, 1.02);
                check_op(&c);
            }
        }
    }
}

static void run_whole(const gft_op *op, graft_dtype dtype, graft_shape shape, uint32_t axes) {
    const gft_reduce_attrs attrs = {axes, false};
    op_check c = {.op = op, .attrs = &attrs, .symbolic = 1};
    check_input(&c, dtype, shape, dtype == GRAFT_BOOL ? 0.0 : -4.0, 4.0);
    double *x = gft_calloc((size_t)gft_shape_elems(&shape) + 1, sizeof *x);
    for (int64_t i = 0; i < gft_shape_elems(&shape); i++) {
        if (dtype == GRAFT_BOOL)
            ((uint8_t *)c.data[0])[i] &= 1;
        x[i] = number(c.data[0], dtype, i);
    }
    check_forward(&c, true);
    assert_int_equal(c.outputs[0].dtype, dtype);
    const int64_t n = check_elems(&c.outputs[0]);
    double *y = gft_calloc((size_t)n + 1, sizeof *y);
    reduce_doubles(op, &shape, axes, x, y, n);
    for (int64_t i = 0; i < n; i++) {
        const double each = op == &gft_op_reduce_mean && n > 0
                                ? trunc(y[i] / (double)(gft_shape_elems(&shape) / n))
                                : y[i];
        assert_true(number(c.results[0], dtype, i) == each);
    }
    gft_free(x);
    gft_free(y);
    check_free(&c);
}

static void test_whole_reductions(void **state) {
    (void)state;
    const gft_op *const ops[] = {&gft_op_reduce_sum, &gft_op_reduce_mean, &gft_op_reduce_max,
                                 &gft_op_reduce_min, &gft_op_reduce_prod};
    for (uint32_t axes = 0; axes < 8; axes++) {
        for (size_t i = 0; i < 5; i++) {
            run_whole(ops[i], GRAFT_S32, S(3, 2, 4), axes);
            run_whole(ops[i], GRAFT_S64, S(3, 2, 4), axes);
        }
        run_whole(&gft_op_reduce_any, GRAFT_BOOL, S(3, 2, 2), axes);
        run_whole(&gft_op_reduce_all, GRAFT_BOOL, S(3, 2, 2), axes);
    }
    run_whole(&gft_op_reduce_all, GRAFT_BOOL, S(3, 0), 2);
    op_check c = {.op = &gft_op_reduce_any, .attrs = &(gft_reduce_attrs){1, false}};
    check_input(&c, GRAFT_F32, S(3), 0.0, 1.0);
    check_refused(&c, "expected bool");
}

int main(void) {
    const struct CMUnitTest list[] = {
        cmocka_unit_test(test_arg), cmocka_unit_test(test_top_k), cmocka_unit_test(test_one_hot),
        cmocka_unit_test(test_float_reductions), cmocka_unit_test(test_whole_reductions)};
    return cmocka_run_group_tests(list, NULL, NULL);
}
