/*
 * tile, depth_to_space, space_to_depth, space_to_batch, batch_to_space, mirror_pad, gather_nd,
 * cumsum: each against its definition, index by index, with gradients, unknown dimensions, narrow
 * element types and errors.
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

/* -1 where the index lies outside. */
static int64_t join_index(const graft_shape *shape, const int64_t index[GRAFT_MAX_RANK]) {
    int64_t at = 0;
    for (int32_t d = 0; d < shape->rank; d++) {
        if (index[d] < 0 || index[d] >= shape->dims[d])
            return -1;
        at = at * shape->dims[d] + index[d];
    }
    return at;
}

/* Fills in where an element of the result comes from. */
typedef void (*source_fn)(const op_check *c, const int64_t *to, int64_t *from);
static source_fn source;

static void moved(const op_check *c, const double *const *x, double *y) {
    for (int64_t i = 0; i < check_elems(&c->outputs[0]); i++) {
        int64_t to[GRAFT_MAX_RANK] = {0};
        int64_t from[GRAFT_MAX_RANK] = {0};
        split_index(&c->outputs[0].shape, i, to);
        source(c, to, from);
        const int64_t at = join_index(&c->inputs[0].shape, from);
        y[i] = at < 0 ? 0.0 : x[0][at];
    }
}

/* float32 with gradients, and bytes. */
static void run_moved(const gft_op *op, const void *attrs, source_fn fn, graft_shape shape,
                      uint32_t symbolic, bool gradient) {
    op_check c = {.op = op,
                  .attrs = attrs,
                  .symbolic = symbolic,
                  .reference = moved,
                  .differentiable = gradient};
    source = fn;
    check_input(&c, GRAFT_F32, shape, -2.0, 2.0);
    check_op(&c);
    c = (op_check){.op = op, .attrs = attrs};
    check_input(&c, GRAFT_U8, shape, 0.0, 100.0);
    check_forward(&c, false);
    for (int64_t i = 0; i < check_elems(&c.outputs[0]); i++) {
        int64_t to[GRAFT_MAX_RANK] = {0};
        int64_t from[GRAFT_MAX_RANK] = {0};
        split_index(&c.outputs[0].shape, i, to);
        source(&c, to, from);
        const int64_t at = join_index(&shape, from);
        assert_int_equal(((uint8_t *)c.results[0])[i], at < 0 ? 0 : ((uint8_t *)c.data[0])[at]);
    }
    check_free(&c);
}

static void tile_source(const op_check *c, const int64_t *to, int64_t *from) {
    for (int32_t d = 0; d < c->inputs[0].shape.rank; d++)
        from[d] = to[d] % c->inputs[0].shape.dims[d];
}

static void test_tile(void **state) {
    (void)state;
    run_moved(&gft_op_tile, &(gft_tile_attrs){{2, 3}}, tile_source, S(3, 4), 1, true);
    run_moved(&gft_op_tile, &(gft_tile_attrs){{1, 2, 1, 3}}, tile_source, S(2, 3, 4, 2), 1, true);
    run_moved(&gft_op_tile, &(gft_tile_attrs){{2, 1, 2}}, tile_source, S(2, 3, 1), 3, true);
    run_moved(&gft_op_tile, &(gft_tile_attrs){{1, 0}}, tile_source, S(2, 3), 1, true);
    run_moved(&gft_op_tile, &(gft_tile_attrs){{5}}, tile_source, S(7), 0, true);
    run_moved(&gft_op_tile, &(gft_tile_attrs){{0}}, tile_source, gft_shape_0(), 0, true);
    run_moved(&gft_op_tile, &(gft_tile_attrs){{3, 40, 2}}, tile_source, S(7, 30, 11), 0, false);
    op_check c = {.op = &gft_op_tile, .attrs = &(gft_tile_attrs){{1, -1}}};
    check_input(&c, GRAFT_F32, S(2, 3), 0.0, 1.0);
    check_refused(&c, "-1 times");
}

static void to_space_source(const op_check *c, const int64_t *to, int64_t *from) {
    const int64_t b = ((const gft_block_attrs *)c->attrs)->block;
    from[0] = to[0];
    from[1] = to[1] / b;
    from[2] = to[2] / b;
    from[3] = (to[1] % b * b + to[2] % b) * c->outputs[0].shape.dims[3] + to[3];
}

static void to_depth_source(const op_check *c, const int64_t *to, int64_t *from) {
    const int64_t b = ((const gft_block_attrs *)c->attrs)->block;
    const int64_t channels = c->inputs[0].shape.dims[3];
    const int64_t cell = to[3] / channels;
    from[0] = to[0];
    from[1] = to[1] * b + cell / b;
    from[2] = to[2] * b + cell % b;
    from[3] = to[3] % channels;
}

static void test_blocks(void **state) {
    (void)state;
    const gft_block_attrs two = {2};
    const gft_block_attrs three = {3};
    run_moved(&gft_op_depth_to_space, &two, to_space_source, S(2, 3, 4, 12), 1, true);
    run_moved(&gft_op_depth_to_space, &three, to_space_source, S(1, 2, 1, 9), 7, true);
    run_moved(&gft_op_depth_to_space, &two, to_space_source, S(2, 33, 37, 28), 1, false);
    run_moved(&gft_op_space_to_depth, &two, to_depth_source, S(2, 6, 8, 3), 1, true);
    run_moved(&gft_op_space_to_depth, &three, to_depth_source, S(1, 6, 3, 1), 7, true);
    run_moved(&gft_op_space_to_depth, &two, to_depth_source, S(0, 6, 8, 3), 1, true);
    op_check c = {.op = &gft_op_space_to_depth, .attrs = &two};
    check_input(&c, GRAFT_F32, S(2, 3, 4, 1), 0.0, 1.0);
    check_refused(&c, "[2,3,4,1] does not divide");
    c.op = &gft_op_depth_to_space;
    check_input(&c, GRAFT_F32, S(2, 3, 4, 6), 0.0, 1.0);
    check_refused(&c, "[2,3,4,6] does not divide");
}

static void to_batch_source(const op_check *c, const int64_t *to, int64_t *from) {
    const gft_space_batch_attrs *a = c->attrs;
    const int64_t n = c->inputs[0].shape.dims[0];
    const int64_t cell = to[0] / n;
    from[0] = to[0] % n;
    from[1] = to[1] * a->block_h + cell / a->block_w - a->pads.top;
    from[2] = to[2] * a->block_w + cell % a->block_w - a->pads.left;
    from[3] = to[3];
}

static void from_batch_source(const op_check *c, const int64_t *to, int64_t *from) {
    const gft_space_batch_attrs *a = c->attrs;
    const int64_t n = c->outputs[0].shape.dims[0];
    const int64_t h = to[1] + a->pads.top;
    const int64_t w = to[2] + a->pads.left;
    from[0] = (h % a->block_h * a->block_w + w % a->block_w) * n + to[0];
    from[1] = h / a->block_h;
    from[2] = w / a->block_w;
    from[3] = to[3];
}

static void test_batches(void **state) {
    (void)state;
    const gft_space_batch_attrs plain = {2, 3, {0, 0, 0, 0}};
    const gft_space_batch_attrs padded = {2, 3, {1, 2, 0, 2}};
    run_moved(&gft_op_space_to_batch, &plain, to_batch_source, S(2, 4, 6, 3), 1, true);
    run_moved(&gft_op_space_to_batch, &padded, to_batch_source, S(2, 3, 4, 2), 7, true);
    run_moved(&gft_op_space_to_batch, &plain, to_batch_source, S(3, 64, 66, 5), 1, false);
    run_moved(&gft_op_batch_to_space, &plain, from_batch_source, S(12, 4, 5, 3), 1, true);
    run_moved(&gft_op_batch_to_space, &padded, from_batch_source, S(6, 4, 5, 2), 7, true);
    op_check c = {.op = &gft_op_space_to_batch, .attrs = &plain};
    check_input(&c, GRAFT_F32, S(2, 3, 6, 1), 0.0, 1.0);
    check_refused(&c, "[2,3,6,1] does not fit");
    c.op = &gft_op_batch_to_space;
    check_input(&c, GRAFT_F32, S(5, 3, 6, 1), 0.0, 1.0);
    check_refused(&c, "[5,3,6,1] does not fit");
}

static void mirror_source(const op_check *c, const int64_t *to, int64_t *from) {
    const gft_mirror_pad_attrs *a = c->attrs;
    for (int32_t d = 0; d < c->inputs[0].shape.rank; d++) {
        const int64_t size = c->inputs[0].shape.dims[d];
        int64_t at = to[d] - a->before[d];
        if (at < 0)
            at = a->symmetric ? -1 - at : -at;
        if (at >= size)
            at = a->symmetric ? 2 * size - 1 - at : 2 * size - 2 - at;
        from[d] = at;
    }
}

static void test_mirror(void **state) {
    (void)state;
    const gft_mirror_pad_attrs reflect = {.before = {0, 1, 2, 0}, .after = {0, 2, 1, 0}};
    const gft_mirror_pad_attrs symmetric = {
        .before = {0, 3, 0, 1}, .after = {0, 1, 2, 2}, .symmetric = true};
    run_moved(&gft_op_mirror_pad, &reflect, mirror_source, S(2, 3, 4, 3), 1, true);
    run_moved(&gft_op_mirror_pad, &reflect, mirror_source, S(2, 3, 4, 3), 7, true);
    run_moved(&gft_op_mirror_pad, &symmetric, mirror_source, S(2, 3, 4, 3), 1, true);
    run_moved(&gft_op_mirror_pad, &reflect, mirror_source, S(3, 61, 57, 9), 1, false);
    run_moved(&gft_op_mirror_pad, &(gft_mirror_pad_attrs){.before = {2, 1}, .after = {1, 3}},
              mirror_source, S(3, 4), 2, true);
    run_moved(&gft_op_mirror_pad, &(gft_mirror_pad_attrs){.before = {2}, .after = {3}},
              mirror_source, S(4), 0, true);
    op_check c = {.op = &gft_op_mirror_pad, .attrs = &(gft_mirror_pad_attrs){.before = {3}}};
    check_input(&c, GRAFT_F32, S(3), 0.0, 1.0);
    check_refused(&c, "of size 3");
}

/* ---- gather_nd ---- */

static void gather_reference(const op_check *c, const double *const *x, double *y) {
    const int32_t b = ((const gft_gather_nd_attrs *)c->attrs)->batch_dims;
    const graft_shape *ix = &c->inputs[1].shape;
    const int32_t k = (int32_t)ix->dims[ix->rank - 1];
    for (int64_t i = 0; i < check_elems(&c->outputs[0]); i++) {
        int64_t to[GRAFT_MAX_RANK];
        int64_t from[GRAFT_MAX_RANK];
        int64_t row = 0;
        split_index(&c->outputs[0].shape, i, to);
        for (int32_t d = 0; d + 1 < ix->rank; d++)
            row = row * ix->dims[d] + to[d];
        for (int32_t d = 0; d < b; d++)
            from[d] = to[d];
        for (int32_t d = 0; d < k; d++)
            from[b + d] = (int64_t)x[1][row * k + d];
        for (int32_t d = b + k; d < c->inputs[0].shape.rank; d++)
            from[d] = to[ix->rank - 1 + d - b - k];
        const int64_t at = join_index(&c->inputs[0].shape, from);
        y[i] = at < 0 ? 0.0 : x[0][at];
    }
}

static void run_gather(graft_shape shape, graft_shape indices, int32_t batch_dims,
                       graft_dtype dtype, bool gradient) {
    const gft_gather_nd_attrs attrs = {batch_dims};
    op_check c = {.op = &gft_op_gather_nd,
                  .attrs = &attrs,
                  .reference = gather_reference,
                  .differentiable = gradient};
    check_input(&c, GRAFT_F32, shape, -2.0, 2.0);
    check_input(&c, dtype, indices, -0.5, 3.0); /* some outside */
    check_op(&c);
}

static void test_gather_nd(void **state) {
    (void)state;
    run_gather(S(3, 4, 2), S(5, 2), 0, GRAFT_S32, true);
    run_gather(S(3, 4, 2), S(2, 2, 1), 0, GRAFT_S64, true);
    run_gather(S(3, 4, 2), S(5, 3), 0, GRAFT_S64, true);
    run_gather(S(2, 3, 4, 2), S(2, 5, 1), 1, GRAFT_S32, true);
    run_gather(S(2, 3, 4, 2), S(2, 3, 5, 1), 2, GRAFT_S32, true);
    run_gather(S(3, 4), S(2, 0), 0, GRAFT_S32, true);
    run_gather(S(3, 4, 50), S(2000, 2), 0, GRAFT_S32, false);
    op_check c = {.op = &gft_op_gather_nd, .attrs = &(gft_gather_nd_attrs){0}};
    check_input(&c, GRAFT_F32, S(3, 4), 0.0, 1.0);
    check_input(&c, GRAFT_S32, S(2, 3), 0.0, 1.0);
    check_refused(&c, "[2,3] with 0");
}

/* ---- cumsum ---- */

static void cumsum_reference(const op_check *c, const double *const *x, double *y) {
    const gft_cumsum_attrs *a = c->attrs;
    const graft_shape *shape = &c->inputs[0].shape;
    int32_t axis = 0;
    assert_true(gft_axis_normalise(a->axis, shape->rank, &axis));
    for (int64_t i = 0; i < check_elems(&c->outputs[0]); i++) {
        int64_t index[GRAFT_MAX_RANK];
        split_index(shape, i, index);
        const int64_t at = index[axis];
        y[i] = 0.0;
        for (index[axis] = 0; index[axis] < shape->dims[axis]; index[axis]++) {
            const int64_t k = index[axis];
            const bool counts = a->reverse ? k > at : k < at;
            if (counts || (k == at && !a->exclusive))
                y[i] += x[0][join_index(shape, index)];
        }
    }
}

static void test_cumsum(void **state) {
    (void)state;
    for (int bits = 0; bits < 4; bits++) {
        const gft_cumsum_attrs first = {.axis = 0, .exclusive = bits & 1, .reverse = bits & 2};
        const gft_cumsum_attrs last = {.axis = -1, .exclusive = bits & 1, .reverse = bits & 2};
        const gft_cumsum_attrs *all[] = {&first, &last};
        for (int k = 0; k < 2; k++) {
            op_check c = {.op = &gft_op_cumsum,
                          .attrs = all[k],
                          .symbolic = 1,
                          .reference = cumsum_reference,
                          .differentiable = 1};
            check_input(&c, GRAFT_F32, S(4, 3, 5), -2.0, 2.0);
            check_op(&c);
            check_input(&c, GRAFT_F32, S(0, 3), -2.0, 2.0);
            check_op(&c);
            c.differentiable = 0;
            check_input(&c, GRAFT_F32, S(31, 71, 17), -2.0, 2.0);
            check_op(&c);
        }
        op_check whole = {.op = &gft_op_cumsum, .attrs = &last};
        check_input(&whole, bits & 1 ? GRAFT_S64 : GRAFT_S32, S(3, 5), -9.0, 9.0);
        check_forward(&whole, false);
        double *x = check_as_double(&whole, 0);
        double y[15];
        cumsum_reference(&whole, (const double *const *)&x, y);
        for (int i = 0; i < 15; i++)
            assert_true(y[i] == (bits & 1 ? (double)((int64_t *)whole.results[0])[i]
                                          : ((int32_t *)whole.results[0])[i]));
        gft_free(x);
        check_free(&whole);
    }
}

int main(void) {
    const struct CMUnitTest list[] = {
        cmocka_unit_test(test_tile),      cmocka_unit_test(test_blocks),
        cmocka_unit_test(test_batches),   cmocka_unit_test(test_mirror),
        cmocka_unit_test(test_gather_nd), cmocka_unit_test(test_cumsum)};
    return cmocka_run_group_tests(list, NULL, NULL);
}
