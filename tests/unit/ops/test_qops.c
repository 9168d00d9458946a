/*
 * Quantised ops against plain loops that follow the rules of graph/attrs_quant.h, byte for byte:
 * all paddings, strides, dilations, groups, multipliers, int8 and uint8; 1 and 7 threads; every CPU
 * level.
 */
#include <stdio.h>

#include "graph/attrs_quant.h"
#include "ops/ops.h"
#include "unit/ops/op_runner.h"

static int32_t q_at(graft_dtype dtype, const void *p, int64_t i) {
    return dtype == GRAFT_S8 ? ((const int8_t *)p)[i] : ((const uint8_t *)p)[i];
}

static int32_t lowest(graft_dtype dtype) {
    return dtype == GRAFT_S8 ? -128 : 0;
}

static void *random_bytes(gft_rng *rng, int64_t n) {
    uint8_t *p = gft_malloc((size_t)n + 1);
    assert_non_null(p);
    for (int64_t i = 0; i < n; i++)
        p[i] = (uint8_t)gft_rng_below(rng, 256);
    return p;
}

/* Weights and their tables for `columns` columns, as inputs 1.. of the case. */
static void add_weights(op_case *c, gft_rng *rng, graft_shape shape, int64_t columns, bool has_bias,
                        bool one_scale) {
    const int64_t scales = one_scale ? 1 : columns;
    float *scale = gft_malloc((size_t)scales * sizeof *scale);
    int32_t *bias = gft_malloc((size_t)columns * sizeof *bias);
    for (int64_t i = 0; i < scales; i++)
        scale[i] = 0.001f + 0.01f * gft_rng_uniform(rng);
    for (int64_t i = 0; i < columns; i++)
        bias[i] = (int32_t)gft_rng_below(rng, 4001) - 2000;
    c->inputs[1] = (graft_tensor_desc){GRAFT_S8, shape, NULL};
    c->data[1] = random_bytes(rng, gft_shape_elems(&shape));
    c->inputs[2] = (graft_tensor_desc){GRAFT_F32, gft_shape_1(scales), NULL};
    c->data[2] = scale;
    c->inputs[3] = (graft_tensor_desc){GRAFT_S32, gft_shape_1(columns), NULL};
    c->data[3] = bias;
    c->input_count = has_bias ? 4 : 3;
    c->constants = 0xe;
}

static void free_case(op_case *c) {
    for (int i = 0; i < RUNNER_MAX; i++)
        gft_free((void *)(uintptr_t)c->data[i]);
    op_case_free(c);
}

static int32_t requantised(const op_case *c, gft_qparams x, gft_qparams y, int32_t acc,
                           int64_t column, int32_t lo, int32_t hi) {
    const int64_t scales = gft_shape_elems(&c->inputs[2].shape);
    if (c->input_count == 4)
        acc += ((const int32_t *)c->data[3])[column];
    const float m = x.scale * ((const float *)c->data[2])[scales == 1 ? 0 : column] / y.scale;
    const float v = rintf((float)acc * m) + (float)y.zero_point;
    return v < (float)lo ? lo : v > (float)hi ? hi : (int32_t)v;
}

typedef struct conv_case {
    int64_t n, h, w, c, kh, kw, oc, stride, dilation, groups; /* depthwise: oc is the multiplier */
    gft_padding padding;
} conv_case;

static void check_conv(gft_rng *rng, conv_case g, bool depthwise) {
    const graft_dtype dtype = gft_rng_below(rng, 2) ? GRAFT_S8 : GRAFT_U8;
    const int32_t low = lowest(dtype);
    gft_qconv2d_attrs attrs = {.conv = {.stride_h = g.stride,
                                        .stride_w = g.stride,
                                        .dilation_h = g.dilation,
                                        .dilation_w = g.dilation,
                                        .padding = g.padding,
                                        .pads = {1, 2, 2, 1},
                                        .groups = g.groups},
                               .x = {0.02f, low + (int32_t)gft_rng_below(rng, 256)},
                               .y = {0.3f, low + (int32_t)gft_rng_below(rng, 256)},
                               .lo = low + (int32_t)gft_rng_below(rng, 40),
                               .hi = low + 255 - (int32_t)gft_rng_below(rng, 40)};
    attrs.conv.epilogue.has_bias = gft_rng_below(rng, 2);
    op_case c = {.op = depthwise ? &gft_op_qdepthwise_conv2d : &gft_op_qconv2d, .attrs = &attrs};
    c.inputs[0] = (graft_tensor_desc){dtype, gft_shape_4(g.n, g.h, g.w, g.c), NULL};
    c.data[0] = random_bytes(rng, g.n * g.h * g.w * g.c);
    const int64_t columns = depthwise ? g.c * g.oc : g.oc;
    add_weights(&c, rng, gft_shape_4(g.kh, g.kw, g.c / g.groups, g.oc), columns,
                attrs.conv.epilogue.has_bias, gft_rng_below(rng, 3) == 0);
    op_case_run_both(&c);
    const int64_t oh = c.outputs[0].shape.dims[1];
    const int64_t ow = c.outputs[0].shape.dims[2];
    int64_t top = 1;
    int64_t left = 2;
    if (g.padding == GFT_PAD_VALID)
        top = left = 0;
    if (g.padding == GFT_PAD_SAME) {
        top = gft_i64_max((oh - 1) * g.stride + (g.kh - 1) * g.dilation + 1 - g.h, 0) / 2;
        left = gft_i64_max((ow - 1) * g.stride + (g.kw - 1) * g.dilation + 1 - g.w, 0) / 2;
    }
    const int8_t *w = c.data[1];
    for (int64_t i = 0; i < g.n * oh * ow * columns; i++) {
        const int64_t column = i % columns;
        const int64_t x0 = i / columns % ow * g.stride - left;
        const int64_t y0 = i / columns / ow % oh * g.stride - top;
        const int64_t n = i / columns / ow / oh;
        const int64_t depth = depthwise ? 1 : g.c / g.groups;
        const int64_t from = depthwise ? column / g.oc : column / (g.oc / g.groups) * depth;
        int32_t acc = 0;
        for (int64_t t = 0; t < g.kh * g.kw; t++) {
            const int64_t y = y0 + t / g.kw * g.dilation;
            const int64_t x = x0 + t % g.kw * g.dilation;
            if (y < 0 || y >= g.h || x < 0 || x >= g.w)
                continue;
            for (int64_t k = 0; k < depth; k++)
                acc += (q_at(dtype, c.data[0], ((n * g.h + y) * g.w + x) * g.c + from + k) -
                        attrs.x.zero_point) *
                       w[(t * depth + k) * columns + column];
        }
        assert_int_equal(q_at(dtype, c.results[0], i),
                         requantised(&c, attrs.x, attrs.y, acc, column, attrs.lo, attrs.hi));
    }
    free_case(&c);
}

static void test_conv2d(void **state) {
    (void)state;
    gft_rng rng = gft_rng_make(71, GFT_RNG_TEST, 0);
    const conv_case fixed[] = {{1, 9, 9, 3, 3, 3, 16, 2, 1, 1, GFT_PAD_SAME},
                               {2, 7, 7, 40, 1, 1, 70, 1, 1, 1, GFT_PAD_VALID},
                               {1, 1, 1, 96, 1, 1, 24, 1, 1, 1, GFT_PAD_VALID},
                               {1, 30, 30, 24, 1, 1, 40, 1, 1, 1, GFT_PAD_SAME},
                               {0, 5, 5, 4, 3, 3, 4, 1, 1, 1, GFT_PAD_SAME}};
    for (size_t i = 0; i < sizeof fixed / sizeof fixed[0]; i++)
        check_conv(&rng, fixed[i], false);
    for (int i = 0; i < 60; i++) {
        conv_case g = {1 + (int64_t)gft_rng_below(&rng, 2),
                       random_in(&rng, 6, 12),
                       random_in(&rng, 6, 12),
                       0,
                       random_in(&rng, 1, 4),
                       random_in(&rng, 1, 4),
                       0,
                       random_in(&rng, 1, 2),
                       random_in(&rng, 1, 2),
                       gft_rng_below(&rng, 3) == 0 ? 2 : 1,
                       (gft_padding)gft_rng_below(&rng, 3)};
        if (g.padding == GFT_PAD_VALID)
            g.dilation = 1;
        g.c = g.groups * random_in(&rng, 1, 20);
        g.oc = g.groups * random_in(&rng, 1, 20);
        check_conv(&rng, g, false);
    }
}

static void test_depthwise(void **state) {
    (void)state;
    gft_rng rng = gft_rng_make(72, GFT_RNG_TEST, 0);
    for (int i = 0; i < 80; i++) {
        conv_case g = {1 + (int64_t)gft_rng_below(&rng, 2),
                       random_in(&rng, 6, 14),
                       random_in(&rng, 6, 14),
                       random_in(&rng, 1, 50),
                       random_in(&rng, 1, 5),
                       0,
                       gft_rng_below(&rng, 4) == 0 ? 2 : 1,
                       random_in(&rng, 1, 3),
                       random_in(&rng, 1, 2),
                       1,
                       (gft_padding)gft_rng_below(&rng, 3)};
        g.kw = i % 2 ? g.kh : random_in(&rng, 1, 5);
        if (g.padding == GFT_PAD_VALID)
            g.dilation = 1;
        conv_case d = g;
        d.groups = 1;
        check_conv(&rng, d, true);
    }
}

static void test_dense(void **state) {
    (void)state;
    gft_rng rng = gft_rng_make(73, GFT_RNG_TEST, 0);
    static const int64_t sizes[][3] = {
        {1, 1280, 100}, {3, 17, 33}, {50, 64, 48}, {2, 1, 1}, {7, 5, 300}};
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
        const int64_t rows = sizes[s][0];
        const int64_t k = sizes[s][1];
        const int64_t columns = sizes[s][2];
        const gft_qdense_attrs attrs = {s % 2 == 0, {0.01f, -3}, {0.2f, 11}, -128, 127};
        op_case c = {.op = &gft_op_qdense, .attrs = &attrs};
        c.inputs[0] = (graft_tensor_desc){GRAFT_S8, gft_shape_4(1, 1, rows, k), NULL};
        c.data[0] = random_bytes(&rng, rows * k);
        add_weights(&c, &rng, gft_shape_2(k, columns), columns, attrs.has_bias, false);
        op_case_run_both(&c);
        for (int64_t i = 0; i < rows * columns; i++) {
            int32_t acc = 0;
            for (int64_t t = 0; t < k; t++)
                acc += (q_at(GRAFT_S8, c.data[0], i / columns * k + t) + 3) *
                       ((const int8_t *)c.data[1])[t * columns + i % columns];
            assert_int_equal(q_at(GRAFT_S8, c.results[0], i),
                             requantised(&c, attrs.x, attrs.y, acc, i % columns, -128, 127));
        }
        free_case(&c);
    }
}

static int32_t sum_rule(const gft_qbinary_attrs *g, int32_t a, int32_t b, int32_t sign) {
    const double ra = (double)(g->a.scale / g->y.scale);
    const double rb = (double)(g->b.scale / g->y.scale);
    const int shift = 20 - (int)floor(log2(ra > rb ? ra : rb));
    const int64_t ma = (int64_t)rint(ldexp(ra, shift));
    const int64_t mb = sign * (int64_t)rint(ldexp(rb, shift));
    const int64_t sum =
        ma * (a - g->a.zero_point) + mb * (b - g->b.zero_point) + ((int64_t)1 << (shift - 1));
    return (int32_t)(sum >> shift) + g->y.zero_point;
}

static void check_binary(gft_rng *rng, const gft_op *op, graft_shape a, graft_shape b) {
    const graft_dtype dtype = gft_rng_below(rng, 2) ? GRAFT_S8 : GRAFT_U8;
    const int32_t low = lowest(dtype);
    const gft_qbinary_attrs attrs = {
        {0.01f + gft_rng_uniform(rng), low + (int32_t)gft_rng_below(rng, 256)},
        {0.01f + gft_rng_uniform(rng), low + (int32_t)gft_rng_below(rng, 256)},
        {0.5f + gft_rng_uniform(rng), low + (int32_t)gft_rng_below(rng, 256)},
        low + 3,
        low + 250};
    op_case c = {.op = op, .attrs = &attrs, .input_count = 2};
    c.inputs[0] = (graft_tensor_desc){dtype, a, NULL};
    c.inputs[1] = (graft_tensor_desc){dtype, b, NULL};
    c.data[0] = random_bytes(rng, gft_shape_elems(&a));
    c.data[1] = random_bytes(rng, gft_shape_elems(&b));
    op_case_run_both(&c);
    const graft_shape *y = &c.outputs[0].shape;
    for (int64_t i = 0; i < gft_shape_elems(y); i++) {
        int64_t at[2] = {0, 0};
        int64_t rest = i;
        int64_t step[2] = {1, 1};
        for (int32_t d = y->rank - 1; d >= 0; d--) {
            const int64_t index = rest % y->dims[d];
            rest /= y->dims[d];
            for (int k = 0; k < 2; k++) {
                const graft_shape *x = &c.inputs[k].shape;
                const int32_t own = d - (y->rank - x->rank);
                if (own < 0)
                    continue;
                at[k] += x->dims[own] == 1 ? 0 : index * step[k];
                step[k] *= x->dims[own];
            }
        }
        const int32_t qa = q_at(dtype, c.data[0], at[0]);
        const int32_t qb = q_at(dtype, c.data[1], at[1]);
        int32_t want;
        if (op == &gft_op_qmul) {
            const float m = attrs.a.scale * attrs.b.scale / attrs.y.scale;
            want =
                (int32_t)rintf((float)((qa - attrs.a.zero_point) * (qb - attrs.b.zero_point)) * m) +
                attrs.y.zero_point;
        } else {
            want = sum_rule(&attrs, qa, qb, op == &gft_op_qadd ? 1 : -1);
        }
        want = want < attrs.lo ? attrs.lo : want > attrs.hi ? attrs.hi : want;
        assert_int_equal(q_at(dtype, c.results[0], i), want);
    }
    free_case(&c);
}

static void test_binary(void **state) {
    (void)state;
    gft_rng rng = gft_rng_make(74, GFT_RNG_TEST, 0);
    const gft_op *const ops[] = {&gft_op_qadd, &gft_op_qsub, &gft_op_qmul};
    for (int i = 0; i < 9; i++) {
        const gft_op *op = ops[i % 3];
        check_binary(&rng, op, gft_shape_4(2, 5, 7, 13), gft_shape_4(2, 5, 7, 13));
        check_binary(&rng, op, gft_shape_4(2, 5, 7, 33), gft_shape_4(2, 1, 1, 33));
        check_binary(&rng, op, gft_shape_4(2, 5, 7, 33), gft_shape_1(1));
        check_binary(&rng, op, gft_shape_1(33), gft_shape_4(2, 5, 7, 33));
        check_binary(&rng, op, gft_shape_4(2, 5, 1, 3), gft_shape_4(1, 5, 4, 1));
        check_binary(&rng, op, gft_shape_4(1, 40, 40, 48), gft_shape_4(1, 40, 40, 48));
    }
}

static void test_lookup(void **state) {
    (void)state;
    gft_rng rng = gft_rng_make(75, GFT_RNG_TEST, 0);
    for (int i = 0; i < 4; i++) {
        const graft_dtype from = i % 2 ? GRAFT_S8 : GRAFT_U8;
        const gft_qlookup_attrs attrs = {i / 2 ? GRAFT_S8 : GRAFT_U8};
        op_case c = {.op = &gft_op_qlookup, .attrs = &attrs, .input_count = 2};
        c.inputs[0] = (graft_tensor_desc){from, gft_shape_2(300, 701), NULL};
        c.inputs[1] = (graft_tensor_desc){attrs.dtype, gft_shape_1(256), NULL};
        c.data[0] = random_bytes(&rng, 300 * 701);
        c.data[1] = random_bytes(&rng, 256);
        op_case_run_both(&c);
        for (int64_t k = 0; k < 300 * 701; k++)
            assert_int_equal(((const uint8_t *)c.results[0])[k],
                             ((const uint8_t *)c.data[1])[q_at(from, c.data[0], k) - lowest(from)]);
        free_case(&c);
    }
}

static void check_pool(gft_rng *rng, const gft_op *op, gft_padding padding, int64_t window,
                       int64_t stride) {
    const graft_dtype dtype = gft_rng_below(rng, 2) ? GRAFT_S8 : GRAFT_U8;
    const int32_t low = lowest(dtype);
    const gft_qparams same = {0.1f, low + 5};
    const gft_qpool_attrs attrs = {
        {window, window, stride, stride, padding, {1, 0, 1, 0}}, same, same, low, low + 255};
    op_case c = {.op = op, .attrs = &attrs, .input_count = 1};
    c.inputs[0] = (graft_tensor_desc){dtype, gft_shape_4(2, 9, 8, 21), NULL};
    c.data[0] = random_bytes(rng, (int64_t)2 * 9 * 8 * 21);
    op_case_run_both(&c);
    const int64_t oh = c.outputs[0].shape.dims[1];
    const int64_t ow = c.outputs[0].shape.dims[2];
    const int64_t top = padding == GFT_PAD_VALID ? 0
                        : padding == GFT_PAD_SAME
                            ? gft_i64_max((oh - 1) * stride + window - 9, 0) / 2
                            : 1;
    const int64_t left = padding == GFT_PAD_VALID ? 0
                         : padding == GFT_PAD_SAME
                             ? gft_i64_max((ow - 1) * stride + window - 8, 0) / 2
                             : 1;
    for (int64_t i = 0; i < 2 * oh * ow * 21; i++) {
        int32_t sum = 0;
        int32_t count = 0;
        int32_t max = low;
        for (int64_t t = 0; t < window * window; t++) {
            const int64_t y = i / 21 / ow % oh * stride - top + t / window;
            const int64_t x = i / 21 % ow * stride - left + t % window;
            if (y < 0 || y >= 9 || x < 0 || x >= 8)
                continue;
            const int32_t q =
                q_at(dtype, c.data[0], ((i / 21 / ow / oh * 9 + y) * 8 + x) * 21 + i % 21);
            sum += q;
            max = q > max ? q : max;
            count++;
        }
        const int32_t mean = (sum > 0 ? sum + count / 2 : sum - count / 2) / count;
        assert_int_equal(q_at(dtype, c.results[0], i), op == &gft_op_qavg_pool ? mean : max);
    }
    free_case(&c);
}

static void test_pool(void **state) {
    (void)state;
    gft_rng rng = gft_rng_make(76, GFT_RNG_TEST, 0);
    for (int padding = GFT_PAD_VALID; padding <= GFT_PAD_EXPLICIT; padding++)
        for (int64_t window = 2; window <= 3; window++)
            for (int64_t stride = 1; stride <= 2; stride++) {
                check_pool(&rng, &gft_op_qavg_pool, (gft_padding)padding, window, stride);
                check_pool(&rng, &gft_op_qmax_pool, (gft_padding)padding, window, stride);
            }
}

/* Every set of axes of a tensor of rank 4. */
static void test_mean(void **state) {
    (void)state;
    gft_rng rng = gft_rng_make(77, GFT_RNG_TEST, 0);
    for (uint32_t axes = 0; axes < 16; axes++) {
        const graft_dtype dtype = axes % 3 ? GRAFT_S8 : GRAFT_U8;
        const int32_t low = lowest(dtype);
        const int64_t dims[] = {3, 5, 4, 70};
        const gft_qmean_attrs attrs = {
            {axes, axes % 2 == 0}, {0.05f, low + 100}, {0.02f, low + 30}};
        op_case c = {.op = &gft_op_qmean, .attrs = &attrs, .input_count = 1};
        c.inputs[0] =
            (graft_tensor_desc){dtype, gft_shape_4(dims[0], dims[1], dims[2], dims[3]), NULL};
        c.data[0] = random_bytes(&rng, (int64_t)3 * 5 * 4 * 70);
        op_case_run_both(&c);
        int32_t sums[4200] = {0};
        int32_t count = 1;
        for (int64_t i = 0; i < 4200; i++) {
            int64_t at = 0;
            int64_t rest = i;
            int64_t step = 1;
            for (int d = 3; d >= 0; d--) {
                if (!(axes >> d & 1u)) {
                    at += rest % dims[d] * step;
                    step *= dims[d];
                }
                rest /= dims[d];
            }
            sums[at] += q_at(dtype, c.data[0], i);
        }
        for (int d = 0; d < 4; d++)
            count *= axes >> d & 1u ? (int32_t)dims[d] : 1;
        const float m = attrs.x.scale / attrs.y.scale * (1.0f / (float)count);
        const float bias = (float)attrs.y.zero_point - (float)(count * attrs.x.zero_point) * m;
        for (int64_t i = 0; i < 4200 / count; i++) {
            float v = rintf((float)sums[i] * m + bias);
            v = v < (float)low ? (float)low : v > (float)low + 255.0f ? (float)low + 255.0f : v;
            assert_int_equal(q_at(dtype, c.results[0], i), (int32_t)v);
        }
        free_case(&c);
    }
}

static void refused(const gft_op *op, const void *attrs, graft_dtype dtype, graft_dtype other,
                    const char *words) {
    graft_error err = {0};
    op_case c = {.op = op, .attrs = attrs, .input_count = 2};
    c.inputs[0] = (graft_tensor_desc){dtype, gft_shape_1(256), NULL};
    c.inputs[1] = (graft_tensor_desc){other, gft_shape_1(256), NULL};
    assert_int_equal(op_case_infer(&c, &err), GRAFT_INVALID_ARGUMENT);
    if (!strstr(err.message, words))
        fail_msg("message '%s', expected '%s' in it", err.message, words);
}

static void test_refused(void **state) {
    (void)state;
    const gft_qparams good = {0.1f, 0};
    const gft_qbinary_attrs attrs = {good, good, good, -128, 127};
    const gft_qbinary_attrs scale = {{0.0f, 0}, good, good, -128, 127};
    const gft_qbinary_attrs zero = {good, {0.1f, 128}, good, -128, 127};
    const gft_qbinary_attrs bounds = {good, good, good, 5, 4};
    const gft_qlookup_attrs table = {GRAFT_F32};
    refused(&gft_op_qadd, &attrs, GRAFT_F32, GRAFT_F32, "expected int8 or uint8");
    refused(&gft_op_qadd, &attrs, GRAFT_S8, GRAFT_U8, "int8");
    refused(&gft_op_qmul, &scale, GRAFT_S8, GRAFT_S8, "the scale of a");
    refused(&gft_op_qsub, &zero, GRAFT_S8, GRAFT_S8, "the zero point of b");
    refused(&gft_op_qadd, &bounds, GRAFT_S8, GRAFT_S8, "5..4");
    refused(&gft_op_qlookup, &table, GRAFT_S8, GRAFT_F32, "result of type float32");
}

static int tests(void) {
    const struct CMUnitTest list[] = {
        cmocka_unit_test(test_conv2d), cmocka_unit_test(test_depthwise),
        cmocka_unit_test(test_dense),  cmocka_unit_test(test_binary),
        cmocka_unit_test(test_lookup), cmocka_unit_test(test_pool),
        cmocka_unit_test(test_mean),   cmocka_unit_test(test_refused)};
    return cmocka_run_group_tests(list, NULL, NULL);
}

int main(void) {
    return run_on_each_level(tests);
}
