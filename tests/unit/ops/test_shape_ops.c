/*
 * Ops that move elements: reshape, concat, slice, strided_slice, pad, transpose, gather; any
 * element type, gradients, unknown dimensions, errors.
 */
#include "unit/ops/op_check.h"

#define S(...)                                                                                     \
    gft_shape_of((int32_t)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)),                    \
                 (const int64_t[]){__VA_ARGS__})

static void split_index(const graft_shape *shape, int64_t i, int64_t index[GRAFT_MAX_RANK]) {
    for (int32_t d = shape->rank - 1; d >= 0; d--) {
        index[d] = i % shape->dims[d];
        i /= shape->dims[d];
    }
}

static int64_t join_index(const graft_shape *shape, const int64_t index[GRAFT_MAX_RANK]) {
    int64_t at = 0;
    for (int32_t d = 0; d < shape->rank; d++)
        at = at * shape->dims[d] + index[d];
    return at;
}

/* ---- reshape ---- */

static void copy_reference(const op_check *c, const double *const *x, double *y) {
    memcpy(y, x[0], (size_t)check_elems(&c->outputs[0]) * sizeof *y);
}

static void run_reshape(graft_shape from, graft_shape to, graft_shape want, uint32_t symbolic) {
    gft_shape_attrs attrs = {.shape = to};
    op_check c = {.op = &gft_op_reshape,
                  .attrs = &attrs,
                  .symbolic = symbolic,
                  .reference = copy_reference,
                  .differentiable = 1};
    check_input(&c, GRAFT_F32, from, -2.0, 2.0);
    check_forward(&c, false);
    assert_true(gft_shape_equal(&c.outputs[0].shape, &want));
    check_op(&c);
}

static void test_reshape(void **state) {
    (void)state;
    run_reshape(S(2, 3, 4), S(6, 4), S(6, 4), 0);
    run_reshape(S(2, 3, 4), S(-1, 12), S(2, 12), 1);
    run_reshape(S(2, 3, 4), S(-1, -1), S(2, 12), 1);
    run_reshape(S(2, 3, 4), S(2, -1, 2), S(2, 6, 2), 0);
    run_reshape(S(2, 3, 4), S(-1, -1, 2), S(2, 6, 2), 1);
    run_reshape(S(1), gft_shape_0(), gft_shape_0(), 0);
    run_reshape(gft_shape_0(), S(1, 1), S(1, 1), 0);
    run_reshape(S(0, 3), S(0, 7), S(0, 7), 0);
    run_reshape(S(2, 3, 4), S(-1, 4), S(6, 4), 3);
    gft_shape_attrs attrs = {.shape = S(5, 5)};
    op_check c = {.op = &gft_op_reshape, .attrs = &attrs};
    check_input(&c, GRAFT_F32, S(2, 3), 0.0, 1.0);
    check_refused(&c, "[2,3] to [5,5]");
    attrs.shape = S(4, -1);
    check_input(&c, GRAFT_F32, S(2, 3), 0.0, 1.0);
    check_refused(&c, "[2,3]");
}

static void test_identity(void **state) {
    (void)state;
    op_check c = {
        .op = &gft_op_identity, .symbolic = 1, .reference = copy_reference, .differentiable = 1};
    check_input(&c, GRAFT_F32, S(3, 4), -1.0, 1.0);
    check_op(&c);
}

static void test_fill_like(void **state) {
    (void)state;
    op_check c = {.op = &gft_op_fill_like, .symbolic = 1};
    check_input(&c, GRAFT_F32, S(3, 9001), -1.0, 1.0);
    check_forward(&c, true);
    for (int64_t i = 0; i < 3 * 9001; i++)
        assert_true(((float *)c.results[0])[i] == 1.0f);
    check_free(&c);
}

/* ---- concat ---- */

static void concat_reference(const op_check *c, const double *const *x, double *y) {
    const graft_shape *out = &c->outputs[0].shape;
    int32_t axis = ((const gft_axis_attrs *)c->attrs)->axis;
    axis = axis < 0 ? axis + out->rank : axis;
    for (int64_t i = 0; i < check_elems(&c->outputs[0]); i++) {
        int64_t index[GRAFT_MAX_RANK];
        int32_t from = 0;
        split_index(out, i, index);
        while (index[axis] >= c->inputs[from].shape.dims[axis])
            index[axis] -= c->inputs[from++].shape.dims[axis];
        y[i] = x[from][join_index(&c->inputs[from].shape, index)];
    }
}

static void run_concat(int32_t axis, int count, const graft_shape *shapes, uint32_t symbolic,
                       bool gradient) {
    gft_axis_attrs attrs = {.axis = axis};
    op_check c = {.op = &gft_op_concat,
                  .attrs = &attrs,
                  .symbolic = symbolic,
                  .reference = concat_reference,
                  .differentiable = gradient ? (1u << count) - 1 : 0};
    for (int i = 0; i < count; i++)
        check_input(&c, GRAFT_F32, shapes[i], -2.0, 2.0);
    check_op(&c);
}

static void test_concat(void **state) {
    (void)state;
    run_concat(-1, 3, (graft_shape[]){S(2, 3), S(2, 1), S(2, 4)}, 1, true);
    run_concat(0, 2, (graft_shape[]){S(2, 3), S(5, 3)}, 2, true);
    run_concat(1, 3, (graft_shape[]){S(2, 3, 4), S(2, 0, 4), S(2, 2, 4)}, 1, true);
    run_concat(0, 1, (graft_shape[]){S(4)}, 0, true);
    run_concat(3, 2, (graft_shape[]){S(3, 31, 33, 7), S(3, 31, 33, 9)}, 1, false);
    gft_axis_attrs attrs = {.axis = 1};
    op_check c = {.op = &gft_op_concat, .attrs = &attrs};
    check_input(&c, GRAFT_F32, S(2, 3), 0.0, 1.0);
    check_input(&c, GRAFT_F32, S(3, 3), 0.0, 1.0);
    check_refused(&c, "axis 1");
}

/* ---- slice, strided_slice, pad ---- */

static void slice_reference(const op_check *c, const double *const *x, double *y) {
    const gft_slice_attrs *a = c->attrs;
    for (int64_t i = 0; i < check_elems(&c->outputs[0]); i++) {
        int64_t index[GRAFT_MAX_RANK];
        split_index(&c->outputs[0].shape, i, index);
        for (int32_t d = 0; d < c->outputs[0].shape.rank; d++)
            index[d] += a->begin[d];
        y[i] = x[0][join_index(&c->inputs[0].shape, index)];
    }
}

static void run_slice(graft_shape shape, gft_slice_attrs attrs, uint32_t symbolic) {
    op_check c = {.op = &gft_op_slice,
                  .attrs = &attrs,
                  .symbolic = symbolic,
                  .reference = slice_reference,
                  .differentiable = 1};
    check_input(&c, GRAFT_F32, shape, -2.0, 2.0);
    check_op(&c);
}

static void test_slice(void **state) {
    (void)state;
    run_slice(S(3, 5), (gft_slice_attrs){{0, 1}, {-1, 3}}, 1);
    run_slice(S(3, 5), (gft_slice_attrs){{1, 1}, {1, -1}},
              1); /* the batch cut: its size is not known in the gradient */
    run_slice(S(3, 5, 2), (gft_slice_attrs){{0, 0, 0}, {3, 5, 2}}, 0);
    run_slice(S(3, 5, 2), (gft_slice_attrs){{1, 2, 1}, {2, 0, 1}}, 0);
    run_slice(S(2, 4, 5, 3), (gft_slice_attrs){{0, 1, 2, 1}, {-1, 2, 2, 1}}, 1);
    const gft_slice_attrs attrs = {{1, 4}, {1, 2}};
    op_check c = {.op = &gft_op_slice, .attrs = &attrs};
    check_input(&c, GRAFT_F32, S(3, 5), 0.0, 1.0);
    check_refused(&c, "dimension 1 of size 5");
}

/* Python's rule, written as its documentation says it. */
static int64_t python_index(int64_t v, int64_t dim, int64_t low, int64_t high) {
    v = v < 0 && v != INT64_MIN ? v + dim : v;
    return v < low ? low : v > high ? high : v;
}

static void strided_reference(const op_check *c, const double *const *x, double *y) {
    const gft_strided_slice_attrs *a = c->attrs;
    const graft_shape *in = &c->inputs[0].shape;
    int64_t n = check_elems(&c->outputs[0]);
    for (int64_t i = 0; i < n; i++) {
        int64_t out_index[GRAFT_MAX_RANK];
        int64_t index[GRAFT_MAX_RANK];
        int32_t k = 0;
        split_index(&c->outputs[0].shape, i, out_index);
        for (int32_t d = 0; d < in->rank; d++) {
            int64_t dim = in->dims[d];
            if (a->shrink_mask >> d & 1u)
                index[d] = a->begin[d] < 0 ? a->begin[d] + dim : a->begin[d];
            else if (a->stride[d] > 0)
                index[d] = python_index(a->begin[d], dim, 0, dim) + out_index[k++] * a->stride[d];
            else
                index[d] =
                    python_index(a->begin[d], dim, -1, dim - 1) + out_index[k++] * a->stride[d];
        }
        y[i] = x[0][join_index(in, index)];
    }
}

static void run_strided(graft_shape shape, gft_strided_slice_attrs attrs, graft_shape want,
                        uint32_t symbolic) {
    op_check c = {.op = &gft_op_strided_slice,
                  .attrs = &attrs,
                  .symbolic = symbolic,
                  .reference = strided_reference,
                  .differentiable = 1};
    check_input(&c, GRAFT_F32, shape, -2.0, 2.0);
    check_forward(&c, false);
    if (!gft_shape_equal(&c.outputs[0].shape, &want))
        fail_msg("shape is not as expected");
    check_op(&c);
}

static void test_strided_slice(void **state) {
    (void)state;
    const int64_t max = INT64_MAX;
    const int64_t min = INT64_MIN;
    run_strided(S(3, 7), (gft_strided_slice_attrs){{0, 1}, {max, 6}, {1, 2}, 0}, S(3, 3), 1);
    run_strided(S(3, 7), (gft_strided_slice_attrs){{0, -1}, {max, min}, {1, -1}, 0}, S(3, 7), 1);
    run_strided(S(3, 7), (gft_strided_slice_attrs){{0, -2}, {max, 1}, {1, -2}, 0}, S(3, 2), 1);
    run_strided(S(3, 7), (gft_strided_slice_attrs){{1, 0}, {2, max}, {1, 1}, 1}, S(7), 1);
    run_strided(S(3, 7), (gft_strided_slice_attrs){{0, -3}, {max, 0}, {1, 1}, 2}, S(3), 1);
    run_strided(S(3, 7), (gft_strided_slice_attrs){{2, 5}, {1, 5}, {1, 1}, 0}, S(0, 0), 0);
    run_strided(S(5), (gft_strided_slice_attrs){{-100}, {100}, {4}, 0}, S(2), 0);
    run_strided(S(5), (gft_strided_slice_attrs){{max}, {min}, {min}, 0}, S(1), 0);
    run_strided(S(2, 3, 4), (gft_strided_slice_attrs){{0, 2, 3}, {max, min, min}, {1, -1, -3}, 0},
                S(2, 3, 2), 1);
    run_strided(S(2, 3), (gft_strided_slice_attrs){{1, 2}, {0, 0}, {1, 1}, 3}, gft_shape_0(), 1);
    gft_strided_slice_attrs attrs = {{0, 0}, {1, 1}, {1, 0}, 0};
    op_check c = {.op = &gft_op_strided_slice, .attrs = &attrs};
    check_input(&c, GRAFT_F32, S(3, 5), 0.0, 1.0);
    check_refused(&c, "stride of dimension 1");
    attrs = (gft_strided_slice_attrs){{0, 5}, {1, 1}, {1, 1}, 2};
    check_input(&c, GRAFT_F32, S(3, 5), 0.0, 1.0);
    check_refused(&c, "index 5");
}

static void pad_reference(const op_check *c, const double *const *x, double *y) {
    const gft_pad_attrs *a = c->attrs;
    const graft_shape *in = &c->inputs[0].shape;
    for (int64_t i = 0; i < check_elems(&c->outputs[0]); i++) {
        int64_t index[GRAFT_MAX_RANK];
        bool inside = true;
        split_index(&c->outputs[0].shape, i, index);
        for (int32_t d = 0; d < in->rank; d++) {
            index[d] -= a->before[d];
            inside = inside && index[d] >= 0 && index[d] < in->dims[d];
        }
        y[i] = inside ? x[0][join_index(in, index)] : (double)a->value;
    }
}

static void run_pad(graft_shape shape, gft_pad_attrs attrs, uint32_t symbolic, bool gradient) {
    op_check c = {.op = &gft_op_pad,
                  .attrs = &attrs,
                  .symbolic = symbolic,
                  .reference = pad_reference,
                  .differentiable = gradient};
    check_input(&c, GRAFT_F32, shape, -2.0, 2.0);
    check_op(&c);
}

static void test_pad(void **state) {
    (void)state;
    run_pad(S(2, 3, 4), (gft_pad_attrs){{0, 1, 2}, {0, 3, 0}, 0.0f}, 1, true);
    run_pad(S(2, 3, 4), (gft_pad_attrs){{1, 1, 2}, {2, 3, 0}, -1.5f}, 1, true);
    run_pad(S(0, 3), (gft_pad_attrs){{1, 0}, {1, 0}, 7.0f}, 0, true);
    run_pad(S(3, 3), (gft_pad_attrs){{0, 0}, {0, 0}, 7.0f}, 0, true);
    run_pad(S(3, 60, 61, 7), (gft_pad_attrs){{0, 1, 1, 0}, {0, 2, 3, 0}, 0.0f}, 1, false);
    const gft_pad_attrs attrs = {{0, -1}, {0, 0}, 0.0f};
    op_check c = {.op = &gft_op_pad, .attrs = &attrs};
    check_input(&c, GRAFT_F32, S(3, 5), 0.0, 1.0);
    check_refused(&c, "padding -1");
}

/* ---- transpose, gather ---- */

static void transpose_reference(const op_check *c, const double *const *x, double *y) {
    const gft_transpose_attrs *a = c->attrs;
    for (int64_t i = 0; i < check_elems(&c->outputs[0]); i++) {
        int64_t index[GRAFT_MAX_RANK];
        int64_t from[GRAFT_MAX_RANK];
        split_index(&c->outputs[0].shape, i, index);
        for (int32_t d = 0; d < c->outputs[0].shape.rank; d++)
            from[a->perm[d]] = index[d];
        y[i] = x[0][join_index(&c->inputs[0].shape, from)];
    }
}

static void run_transpose(graft_shape shape, gft_transpose_attrs attrs, bool gradient) {
    op_check c = {.op = &gft_op_transpose,
                  .attrs = &attrs,
                  .symbolic = 1,
                  .reference = transpose_reference,
                  .differentiable = gradient};
    check_input(&c, GRAFT_F32, shape, -2.0, 2.0);
    check_op(&c);
}

static void test_transpose(void **state) {
    (void)state;
    run_transpose(S(3, 5), (gft_transpose_attrs){{1, 0}}, true);
    run_transpose(S(2, 3, 4), (gft_transpose_attrs){{2, 0, 1}}, true);
    run_transpose(S(2, 3, 1, 4), (gft_transpose_attrs){{0, 3, 1, 2}}, true);
    run_transpose(S(2, 3, 4), (gft_transpose_attrs){{0, 1, 2}}, true);
    run_transpose(S(2, 1, 2, 1, 2, 3, 1, 2), (gft_transpose_attrs){{7, 3, 5, 1, 0, 2, 6, 4}}, true);
    run_transpose(S(0, 5), (gft_transpose_attrs){{1, 0}}, true);
    run_transpose(S(3, 31, 37, 19), (gft_transpose_attrs){{0, 3, 1, 2}}, false);
    const gft_transpose_attrs attrs = {{0, 0}};
    op_check c = {.op = &gft_op_transpose, .attrs = &attrs};
    check_input(&c, GRAFT_F32, S(3, 5), 0.0, 1.0);
    check_refused(&c, "entry 1");
}

static void gather_reference(const op_check *c, const double *const *x, double *y) {
    const graft_shape *in = &c->inputs[0].shape;
    int32_t axis = ((const gft_axis_attrs *)c->attrs)->axis;
    int64_t count = check_elems(&c->inputs[1]);
    int64_t inner = 1;
    axis = axis < 0 ? axis + in->rank : axis;
    for (int32_t d = axis + 1; d < in->rank; d++)
        inner *= in->dims[d];
    for (int64_t i = 0; i < check_elems(&c->outputs[0]); i++) {
        int64_t index = (int64_t)x[1][i / inner % count];
        bool inside = index >= 0 && index < in->dims[axis];
        y[i] =
            inside ? x[0][(i / inner / count * in->dims[axis] + index) * inner + i % inner] : 0.0;
    }
}

static void run_gather(graft_shape shape, int32_t axis, graft_shape indices, graft_dtype dtype,
                       uint32_t symbolic) {
    gft_axis_attrs attrs = {.axis = axis};
    op_check c = {.op = &gft_op_gather,
                  .attrs = &attrs,
                  .symbolic = symbolic,
                  .reference = gather_reference,
                  .differentiable = 1};
    int32_t at = axis < 0 ? axis + shape.rank : axis;
    check_input(&c, GRAFT_F32, shape, -2.0, 2.0);
    check_input(&c, dtype, indices, -0.9,
                (double)shape.dims[at] + 0.9); /* some out of range: zeros */
    check_op(&c);
}

static void test_gather(void **state) {
    (void)state;
    run_gather(S(7, 3), 0, S(5), GRAFT_S32, 0);
    run_gather(S(7, 3), 0, S(2, 4), GRAFT_S64, 1);
    run_gather(S(2, 5, 3), 1, S(6), GRAFT_S32, 1);
    run_gather(S(2, 5), -1, gft_shape_0(), GRAFT_S64, 1);
    run_gather(S(4, 1100), 0, S(9), GRAFT_S32, 0);
    run_gather(S(4, 3), 0, S(0), GRAFT_S32, 0);
    const gft_axis_attrs attrs = {.axis = 0};
    op_check c = {.op = &gft_op_gather, .attrs = &attrs};
    check_input(&c, GRAFT_F32, S(3, 5), 0.0, 1.0);
    check_input(&c, GRAFT_F32, S(3), 0.0, 1.0);
    check_refused(&c, "indices are float32");
}

/* A constant index that is out of range is an error at once. */
static void test_gather_constant(void **state) {
    (void)state;
    graft_error err = {0};
    const gft_axis_attrs attrs = {.axis = 0};
    const int32_t indices[] = {0, 3};
    const graft_tensor_desc x = gft_desc_f32(S(3, 2));
    const graft_tensor_desc desc = {GRAFT_S32, S(2), NULL};
    gft_graph *graph;
    gft_value_id in[2];
    gft_value_id out;
    ASSERT_OK(gft_graph_new(NULL, &graph, &err));
    ASSERT_OK(gft_graph_input(graph, "x", &x, &in[0], &err));
    ASSERT_OK(gft_graph_const(graph, "indices", &desc, indices, true, &in[1], &err));
    assert_int_equal(gft_graph_add(graph, &gft_op_gather, "pick", &attrs, in, 2, &out, &err),
                     GRAFT_INVALID_ARGUMENT);
    assert_non_null(strstr(err.message, "index 3"));
    gft_graph_free(graph);
}

/* ---- element sizes ---- */

/* Elements are told apart by a number in their bytes. */
static void number_bytes(op_check *c) {
    unsigned char *p = c->data[0];
    size_t each = graft_dtype_bytes(c->inputs[0].dtype);
    for (int64_t i = 0; i < check_elems(&c->inputs[0]); i++)
        for (size_t b = 0; b < each; b++)
            p[(size_t)i * each + b] = (unsigned char)(i + 1);
}

static void test_element_sizes(void **state) {
    (void)state;
    const graft_dtype dtypes[] = {GRAFT_U8,  GRAFT_BOOL, GRAFT_F16, GRAFT_BF16,
                                  GRAFT_S32, GRAFT_F64,  GRAFT_S64, GRAFT_S8};
    const gft_transpose_attrs swap = {{1, 0}};
    const gft_strided_slice_attrs back = {{0, -1}, {INT64_MAX, INT64_MIN}, {1, -1}, 0};
    const gft_pad_attrs pad = {{0, 1}, {0, 0}, 0.0f};
    for (size_t i = 0; i < sizeof dtypes / sizeof dtypes[0]; i++) {
        const struct {
            const gft_op *op;
            const void *attrs;
            int count;
            int want[8];
        } cases[] = {{&gft_op_transpose, &swap, 6, {1, 4, 2, 5, 3, 6}},
                     {&gft_op_strided_slice, &back, 6, {3, 2, 1, 6, 5, 4}},
                     {&gft_op_pad, &pad, 8, {0, 1, 2, 3, 0, 4, 5, 6}}};
        for (int k = 0; k < 3; k++) {
            op_check c = {.op = cases[k].op, .attrs = cases[k].attrs};
            check_input(&c, dtypes[i], S(2, 3), 0.0, 1.0);
            number_bytes(&c);
            check_forward(&c, false);
            assert_int_equal(c.outputs[0].dtype, dtypes[i]);
            size_t each = graft_dtype_bytes(dtypes[i]);
            for (int e = 0; e < cases[k].count; e++)
                for (size_t b = 0; b < each; b++)
                    assert_int_equal(((unsigned char *)c.results[0])[(size_t)e * each + b],
                                     cases[k].want[e]);
            check_free(&c);
        }
    }
}

static void test_pad_value_types(void **state) {
    (void)state;
    const gft_pad_attrs pad = {{1}, {0}, -3.0f};
    const double f64 = -3.0;
    const int32_t s32 = -3;
    const int64_t s64 = -3;
    const int8_t s8 = -3;
    const uint16_t f16 = 0xc200;
    const uint16_t bf16 = 0xc040;
    const struct {
        graft_dtype dtype;
        const void *want;
    } cases[] = {{GRAFT_F64, &f64}, {GRAFT_S32, &s32}, {GRAFT_S64, &s64},
                 {GRAFT_S8, &s8},   {GRAFT_F16, &f16}, {GRAFT_BF16, &bf16}};
    for (int i = 0; i < 6; i++) {
        op_check c = {.op = &gft_op_pad, .attrs = &pad};
        check_input(&c, cases[i].dtype, S(1), 0.0, 1.0);
        check_forward(&c, false);
        assert_memory_equal(c.results[0], cases[i].want, graft_dtype_bytes(cases[i].dtype));
        check_free(&c);
    }
}

static int tests(void) {
    const struct CMUnitTest list[] = {
        cmocka_unit_test(test_reshape),       cmocka_unit_test(test_identity),
        cmocka_unit_test(test_fill_like),     cmocka_unit_test(test_concat),
        cmocka_unit_test(test_slice),         cmocka_unit_test(test_strided_slice),
        cmocka_unit_test(test_pad),           cmocka_unit_test(test_transpose),
        cmocka_unit_test(test_gather),        cmocka_unit_test(test_gather_constant),
        cmocka_unit_test(test_element_sizes), cmocka_unit_test(test_pad_value_types),
    };
    return cmocka_run_group_tests(list, NULL, NULL);
}

int main(void) {
    return tests();
}
