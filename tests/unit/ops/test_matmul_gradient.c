/*
 * Gradients of conv2d, depthwise_conv2d, dense and matmul through autodiff, against central
 * differences of plain loops in double; an epilogue with an activation is refused.
 */
#include "unit/ops/conv_reference.h"
#include "unit/ops/op_check.h"

/* ---- convolutions ---- */

static conv_setup setup; /* of the convolution being checked */

static void conv_loop(const op_check *c, const double *const *x, double *y) {
    const conv_setup *s = &setup;
    int64_t gc = s->c / s->groups;
    int64_t goc = s->oc / s->groups;
    const gft_epilogue_attrs *e = &s->attrs.epilogue;
    (void)c;
    for (int64_t i = 0; i < conv_y_elems(s); i++) {
        int64_t oc = i % s->oc;
        int64_t ow = i / s->oc % s->ow;
        int64_t oh = i / s->oc / s->ow % s->oh;
        int64_t n = i / s->oc / s->ow / s->oh;
        double sum = (e->has_bias ? x[2][oc] : 0.0) + (e->has_residual ? x[3][i] : 0.0);
        for (int64_t t = 0; t < s->kh * s->kw; t++) {
            int64_t ih = oh * s->attrs.stride_h - s->top + t / s->kw * s->attrs.dilation_h;
            int64_t iw = ow * s->attrs.stride_w - s->left + t % s->kw * s->attrs.dilation_w;
            for (int64_t k = 0; ih >= 0 && ih < s->h && iw >= 0 && iw < s->w && k < gc; k++)
                sum += x[0][((n * s->h + ih) * s->w + iw) * s->c + oc / goc * gc + k] *
                       x[1][(t * gc + k) * s->oc + oc];
        }
        y[i] = sum;
    }
}

static void check_conv(conv_setup s) {
    conv_setup_finish(&s);
    s.attrs.epilogue.has_bias = s.attrs.epilogue.has_residual = true;
    setup = s;
    op_check c = {.op = s.depthwise ? &gft_op_depthwise_conv2d : &gft_op_conv2d,
                  .attrs = &setup.attrs,
                  .reference = conv_loop,
                  .differentiable = 15};
    check_input(&c, GRAFT_F32, gft_shape_4(s.n, s.h, s.w, s.c), -1, 1);
    check_input(&c, GRAFT_F32, conv_filter_shape(&s), -1, 1);
    check_input(&c, GRAFT_F32, gft_shape_1(s.oc), -1, 1);
    check_input(&c, GRAFT_F32, gft_shape_4(s.n, s.oh, s.ow, s.oc), -1, 1);
    check_op(&c);
}

static void test_conv2d(void **state) {
    (void)state;
    gft_conv2d_attrs a = {.stride_h = 2, .stride_w = 1, .padding = GFT_PAD_SAME, .groups = 2};
    check_conv(
        (conv_setup){.attrs = {.stride_h = 1, .stride_w = 1, .dilation_h = 1, .dilation_w = 1},
                     .n = 2,
                     .h = 5,
                     .w = 4,
                     .c = 3,
                     .kh = 3,
                     .kw = 2,
                     .oc = 4,
                     .groups = 1});
    a.dilation_h = a.dilation_w = 1;
    check_conv((conv_setup){
        .attrs = a, .n = 1, .h = 6, .w = 5, .c = 4, .kh = 3, .kw = 3, .oc = 6, .groups = 2});
}

static void test_depthwise(void **state) {
    (void)state;
    gft_conv2d_attrs a = {
        .stride_h = 2, .stride_w = 2, .dilation_h = 1, .dilation_w = 1, .padding = GFT_PAD_SAME};
    check_conv((conv_setup){.attrs = a,
                            .depthwise = true,
                            .n = 2,
                            .h = 6,
                            .w = 7,
                            .c = 3,
                            .kh = 3,
                            .kw = 3,
                            .oc = 3,
                            .groups = 3});
    check_conv((conv_setup){.attrs = a,
                            .depthwise = true,
                            .n = 1,
                            .h = 5,
                            .w = 5,
                            .c = 2,
                            .kh = 3,
                            .kw = 3,
                            .oc = 6,
                            .groups = 2});
}

/* ---- dense ---- */

static void dense_loop(const op_check *c, const double *const *x, double *y) {
    int64_t k = c->inputs[1].shape.dims[0];
    int64_t n = c->inputs[1].shape.dims[1];
    for (int64_t i = 0; i < check_elems(&c->outputs[0]); i++) {
        y[i] = x[2][i % n];
        for (int64_t j = 0; j < k; j++)
            y[i] += x[0][i / n * k + j] * x[1][j * n + i % n];
    }
}

static void test_dense(void **state) {
    (void)state;
    static const gft_dense_attrs attrs = {.epilogue = {.has_bias = true}};
    const graft_shape shapes[] = {
        gft_shape_1(5), gft_shape_2(4, 5), {3, {2, 3, 5}}, gft_shape_4(2, 1, 3, 5)};
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        op_check c = {
            .op = &gft_op_dense, .attrs = &attrs, .reference = dense_loop, .differentiable = 7};
        check_input(&c, GRAFT_F32, shapes[i], -1, 1);
        check_input(&c, GRAFT_F32, gft_shape_2(5, 6), -1, 1);
        check_input(&c, GRAFT_F32, gft_shape_1(6), -1, 1);
        check_op(&c);
    }
}

/* ---- matmul: a (2,1,M,K), b (3,K,N), with transposes ---- */

static void matmul_loop(const op_check *c, const double *const *x, double *y) {
    const gft_matmul_attrs *a = c->attrs;
    enum { M = 4, K = 3, N = 5 };
    for (int64_t i = 0; i < 6 * M * N; i++) {
        const double *p = x[0] + i / (3 * M * N) * M * K;
        const double *q = x[1] + i / (M * N) % 3 * K * N;
        int64_t m = i / N % M;
        int64_t n = i % N;
        y[i] = 0.0;
        for (int64_t k = 0; k < K; k++)
            y[i] += p[a->transpose_a ? k * M + m : m * K + k] *
                    q[a->transpose_b ? n * K + k : k * N + n];
    }
}

static void test_matmul(void **state) {
    (void)state;
    for (int t = 0; t < 4; t++) {
        gft_matmul_attrs attrs = {t & 1, t >> 1};
        op_check c = {
            .op = &gft_op_matmul, .attrs = &attrs, .reference = matmul_loop, .differentiable = 3};
        check_input(&c, GRAFT_F32,
                    attrs.transpose_a ? gft_shape_4(2, 1, 3, 4) : gft_shape_4(2, 1, 4, 3), -1, 1);
        check_input(&c, GRAFT_F32,
                    (graft_shape){3, {3, attrs.transpose_b ? 5 : 3, attrs.transpose_b ? 3 : 5}}, -1,
                    1);
        check_op(&c);
    }
}

/* ---- what has no gradient ---- */

static void test_activation_refused(void **state) {
    (void)state;
    graft_error err = {0};
    gft_graph *graph;
    gft_dense_attrs attrs = {.epilogue = {.activation = &gft_op_relu}};
    gft_value_id in[2];
    gft_value_id y;
    gft_value_id grad;
    graft_tensor_desc x = gft_desc_f32(gft_shape_2(-1, 4));
    graft_tensor_desc w = gft_desc_f32(gft_shape_2(4, 3));
    ASSERT_OK(gft_graph_new(NULL, &graph, &err));
    ASSERT_OK(gft_graph_input(graph, "x", &x, &in[0], &err));
    ASSERT_OK(gft_graph_input(graph, "w", &w, &in[1], &err));
    ASSERT_OK(gft_graph_add(graph, &gft_op_dense, "head", &attrs, in, 2, &y, &err));
    assert_int_equal(gft_autodiff(graph, y, in, 1, gft_ops_gradients(), &grad, &err),
                     GRAFT_UNIMPLEMENTED);
    assert_non_null(strstr(err.message, "head"));
    assert_non_null(strstr(err.message, "before fusing"));
    gft_graph_free(graph);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conv2d),
        cmocka_unit_test(test_depthwise),
        cmocka_unit_test(test_dense),
        cmocka_unit_test(test_matmul),
        cmocka_unit_test(test_activation_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
