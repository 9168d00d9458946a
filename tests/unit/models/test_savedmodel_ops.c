/*
 * Ops beside those of pictures and classifiers, one model per family: written as SavedModel, read
 * again, and run on the same inputs. TensorFlow judges the same ops in
 * tests/interop/test_tf_ops.py.
 */
#include "models_test.h"

#include <unistd.h>

#include "graph/plan.h"
#include "savedmodel_maker.h"

#define S(...)                                                                                     \
    gft_shape_of((int32_t)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)),                    \
                 (const int64_t[]){__VA_ARGS__})
#define MAX_RESULTS 24

static gft_value_id integers(maker *m, gft_value_id x, graft_dtype dtype) {
    const gft_cast_attrs to = {.dtype = dtype};
    return MAKE_NODE(m, cast, "whole", &to, x);
}

static void activations(maker *m) {
    gft_value_id x = make_input(m, "x", GRAFT_F32, S(-1, 6));
    const gft_unary_attrs one = {.alpha = 1.0f};
    const gft_unary_attrs half = {.alpha = 0.5f};
    const gft_clip_attrs clip = {-0.5f, 1.25f};
    make_output(m, "elu", MAKE_NODE(m, elu, "elu", &one, x));
    make_output(m, "elu_half", MAKE_NODE(m, elu, "elu_half", &half, x));
    make_output(m, "clip", MAKE_NODE(m, clip, "clip", &clip, x));
    make_output(m, "clip_int", MAKE_NODE(m, clip, "clip_int", &clip, integers(m, x, GRAFT_S32)));
    gft_value_id slope = make_param(m, "prelu/alpha", gft_shape_1(6), GFT_PARAM_WEIGHT, 0.1f, 0.3f);
    make_output(m, "prelu", MAKE_NODE(m, prelu, "prelu", NULL, x, slope));
#define ONE(name) make_output(m, #name, MAKE_NODE(m, name, #name, NULL, x));
    ONE(selu)
    ONE(softplus)
    ONE(softsign) ONE(gelu) ONE(gelu_tanh) ONE(erf) ONE(abs) ONE(sign) ONE(floor) ONE(ceil)
        ONE(round) ONE(sin) ONE(cos) ONE(expm1) ONE(fill_like)
#undef ONE
            const gft_dense_attrs fused = {.epilogue = {.activation = &gft_op_elu, .alpha = 0.5f}};
    gft_value_id kernel =
        make_param(m, "fused/kernel", gft_shape_2(6, 4), GFT_PARAM_WEIGHT, 0.0f, 1.0f);
    make_output(m, "fused", MAKE_NODE(m, dense, "fused", &fused, x, kernel));
}

static void numbers(maker *m) {
    gft_value_id x = make_input(m, "x", GRAFT_F32, S(-1, 6));
    gft_value_id v = make_param(m, "v", gft_shape_1(6), GFT_PARAM_WEIGHT, 1.5f, 1.0f);
    gft_value_id i =
        integers(m, MAKE_NODE(m, mul, "wide", NULL, x, make_const(m, 5.0f)), GRAFT_S32);
    gft_value_id n = integers(m, v, GRAFT_S32);
    make_output(m, "pow", MAKE_NODE(m, pow, "pow", NULL, v, x));
    make_output(m, "floor_div", MAKE_NODE(m, floor_div, "floor_div", NULL, x, v));
    make_output(m, "floor_mod", MAKE_NODE(m, floor_mod, "floor_mod", NULL, x, v));
    make_output(
        m, "div_int",
        MAKE_NODE(m, div, "div_int", NULL, i,
                  MAKE_NODE(m, maximum, "one", NULL, n, MAKE_NODE(m, fill_like, "ones", NULL, n))));
    make_output(m, "floor_int", MAKE_NODE(m, floor, "floor_int", NULL, i));
    gft_value_id less = MAKE_NODE(m, less, "less", NULL, x, v);
    gft_value_id equal = MAKE_NODE(m, not_equal, "not_equal", NULL, i, n);
    make_output(m, "less", less);
    make_output(m, "and", MAKE_NODE(m, logical_and, "and", NULL, less, equal));
    make_output(
        m, "or",
        MAKE_NODE(m, logical_or, "or", NULL, less, MAKE_NODE(m, logical_not, "not", NULL, equal)));
    make_output(m, "select", MAKE_NODE(m, select, "select", NULL, less, x, v));
    const gft_reduce_attrs rows = {.axes = 2};
    make_output(m, "any", MAKE_NODE(m, reduce_any, "any", &rows, less));
    make_output(m, "all", MAKE_NODE(m, reduce_all, "all", &rows, equal));
    make_output(m, "min", MAKE_NODE(m, reduce_min, "min", &rows, x));
    make_output(m, "prod", MAKE_NODE(m, reduce_prod, "prod", &rows, i));
    make_output(m, "sum_int", MAKE_NODE(m, reduce_sum, "sum_int", &rows, i));
    const gft_cast_attrs wide = {.dtype = GRAFT_S64};
    make_output(m, "shape", MAKE_NODE(m, shape_of, "shape", &wide, x));
}

static void indices(maker *m) {
    gft_value_id x = make_input(m, "x", GRAFT_F32, S(-1, 6));
    gft_value_id i = integers(m, MAKE_NODE(m, abs, "size", NULL, x), GRAFT_S32); /* 0, 1 */
    const gft_arg_attrs last = {.axis = -1, .dtype = GRAFT_S64};
    const gft_arg_attrs first = {.axis = 1, .dtype = GRAFT_S32};
    const gft_one_hot_attrs hot = {
        .depth = 3, .axis = 1, .dtype = GRAFT_F32, .on = 2.0, .off = -1.0};
    const gft_one_hot_attrs flags = {.depth = 3, .axis = -1, .dtype = GRAFT_BOOL, .on = 1.0};
    const gft_cumsum_attrs sums = {.axis = -1, .exclusive = true, .reverse = true};
    const gft_gather_nd_attrs batch = {.batch_dims = 1};
    const gft_shape_attrs vectors = {.shape = {3, {-1, 6, 1}}};
    gft_value_id top[2] = {-1, -1};
    const gft_top_k_attrs three = {3};
    make_output(m, "argmax", MAKE_NODE(m, argmax, "argmax", &last, x));
    make_output(m, "argmin", MAKE_NODE(m, argmin, "argmin", &first, x));
    make_output(m, "one_hot", MAKE_NODE(m, one_hot, "one_hot", &hot, i));
    make_output(m, "flags", MAKE_NODE(m, one_hot, "flags", &flags, i));
    make_output(m, "cumsum", MAKE_NODE(m, cumsum, "cumsum", &sums, x));
    make_output(m, "gathered",
                MAKE_NODE(m, gather_nd, "gathered", &batch, x,
                          MAKE_NODE(m, reshape, "vectors", &vectors, i)));
    MAKER_DO(m, gft_graph_add(m->graph, &gft_op_top_k, "top", &three, &x, 1, top, m->err));
    make_output(m, "values", top[0]);
    make_output(m, "where", top[1]);
}

static void pictures(maker *m) {
    gft_value_id x = make_input(m, "x", GRAFT_F32, S(-1, 6, 8, 4));
    gft_value_id o = make_input(m, "o", GRAFT_F32, S(-1, -1, -1, 4));
    const gft_tile_attrs copies = {{1, 2, 1, 3}};
    const gft_block_attrs two = {2};
    const gft_space_batch_attrs cut = {2, 4, {1, 1, 0, 0}};
    const gft_mirror_pad_attrs mirror = {
        .before = {0, 1, 2, 0}, .after = {0, 2, 0, 1}, .symmetric = true};
    const gft_lrn_attrs lrn = {2, 1.0f, 0.5f, 0.75f};
    const gft_conv2d_transpose_attrs up = {
        .conv = {.stride_h = 2, .stride_w = 3, .padding = GFT_PAD_VALID}};
    const gft_conv2d_transpose_attrs sized = {
        .conv = {.stride_h = 2, .stride_w = 2, .padding = GFT_PAD_SAME}, .out_h = 11, .out_w = 16};
    const gft_resize_attrs cubic = {
        .height = 9, .width = 5, .mode = GFT_RESIZE_BICUBIC, .half_pixel_centers = true};
    const gft_resize_attrs area = {.height = 3, .width = 5, .mode = GFT_RESIZE_AREA};
    const gft_resize_attrs doubled = {
        .mode = GFT_RESIZE_NEAREST, .half_pixel_centers = true, .scale_h = 2, .scale_w = 3};
    gft_value_id filter =
        make_param(m, "up/kernel", gft_shape_4(3, 2, 5, 4), GFT_PARAM_WEIGHT, 0.0f, 1.0f);
    make_output(m, "tile", MAKE_NODE(m, tile, "tile", &copies, x));
    make_output(m, "space", MAKE_NODE(m, depth_to_space, "space", &two, x));
    make_output(m, "depth", MAKE_NODE(m, space_to_depth, "depth", &two, x));
    gft_value_id pieces = MAKE_NODE(m, space_to_batch, "pieces", &cut, x);
    make_output(m, "pieces", pieces);
    make_output(m, "whole", MAKE_NODE(m, batch_to_space, "whole", &cut, pieces));
    make_output(m, "mirror", MAKE_NODE(m, mirror_pad, "mirror", &mirror, x));
    make_output(m, "lrn", MAKE_NODE(m, lrn, "lrn", &lrn, x));
    make_output(m, "up", MAKE_NODE(m, conv2d_transpose, "up", &up, x, filter));
    make_output(m, "up_open", MAKE_NODE(m, conv2d_transpose, "up_open", &up, o, filter));
    make_output(m, "up_sized", MAKE_NODE(m, conv2d_transpose, "up_sized", &sized, x, filter));
    make_output(m, "cubic", MAKE_NODE(m, resize, "cubic", &cubic, x));
    make_output(m, "area", MAKE_NODE(m, resize, "area", &area, x));
    make_output(m, "doubled", MAKE_NODE(m, resize, "doubled", &doubled, o));
}

/* x to integers and back with scales along an axis. */
static void quantised(maker *m, gft_value_id x, graft_dtype dtype, int32_t axis, int64_t count,
                      const char *name) {
    static const float scales[8] = {0.011f, 0.02f, 0.03f, 0.017f, 0.05f, 0.013f, 0.019f, 0.024f};
    static const int32_t zeros[8] = {3, 0, 7, 1, 0, 2, 5, 4};
    const graft_tensor_desc scale = gft_desc_f32(gft_shape_1(count));
    const graft_tensor_desc zero = {GRAFT_S32, gft_shape_1(count), NULL};
    const gft_quantize_attrs attrs = {.dtype = dtype, .axis = axis};
    gft_value_id in[3] = {x, -1, -1};
    char text[96];
    MAKER_DO(m, gft_graph_const(m->graph, "scale", &scale, scales, false, &in[1], m->err));
    MAKER_DO(m, gft_graph_const(m->graph, "zero", &zero, zeros, false, &in[2], m->err));
    in[0] = make_node(m, &gft_op_quantize, make_name(text, name, "q"), &attrs, 3, in);
    make_output(m, make_name(text, name, "integers"), in[0]);
    make_output(m, make_name(text, name, "back"),
                make_node(m, &gft_op_dequantize, make_name(text, name, "d"), &attrs, 3, in));
}

static void quantisation(maker *m) {
    gft_value_id x = make_input(m, "x", GRAFT_F32, S(-1, 6, 8, 4));
    const gft_cast_attrs half = {.dtype = GRAFT_F16};
    const gft_quantize_attrs from_half = {.dtype = GRAFT_F16};
    quantised(m, x, GRAFT_U8, 0, 1, "u8");
    quantised(m, x, GRAFT_S8, 3, 4, "s8");
    quantised(m, x, GRAFT_S16, 1, 6, "s16");
    quantised(m, x, GRAFT_S32, -2, 8, "s32");
    make_output(
        m, "half",
        MAKE_NODE(m, dequantize, "wide", &from_half, MAKE_NODE(m, cast, "narrow", &half, x)));
}

/* ---- running ---- */

typedef struct results {
    const char *names[MAX_RESULTS];
    graft_tensor_desc desc[MAX_RESULTS];
    void *data[MAX_RESULTS];
    int32_t count;
} results;

static results run_model(const graft_model *model, int64_t batch) {
    const gft_graph *graph = model->signatures[0].graph;
    if (!graph)
        fail_msg("%s", model->signatures[0].problem);
    gft_plan *plan = NULL;
    gft_run *run = NULL;
    graft_shape shapes[2];
    void *inputs[2];
    results r = {.count = graph->output_count};
    assert_true(graph->input_count <= 2 && r.count <= MAX_RESULTS);
    for (int32_t i = 0; i < graph->input_count; i++) {
        gft_rng rng = gft_rng_make(5, GFT_RNG_TEST, (uint64_t)graph->inputs[i].name[0]);
        shapes[i] = graph->values[graph->inputs[i].value].desc.shape;
        for (int32_t d = 0; d < shapes[i].rank; d++)
            shapes[i].dims[d] = shapes[i].dims[d] >= 0 ? shapes[i].dims[d] : d == 0 ? batch : 4 + d;
        const int64_t elems = gft_shape_elems(&shapes[i]);
        float *data = gft_malloc((size_t)elems * sizeof *data);
        for (int64_t k = 0; k < elems; k++)
            data[k] = 4.0f * gft_rng_uniform(&rng) - 2.0f;
        inputs[i] = data;
    }
    OK(gft_plan_new(graph, shapes, NULL, &plan, err));
    OK(gft_run_new(plan, NULL, &run, err));
    OK(gft_run_execute(run, (const void *const *)inputs, NULL, err));
    for (int32_t i = 0; i < r.count; i++) {
        size_t bytes;
        r.names[i] = graph->outputs[i].name;
        r.desc[i] = *gft_plan_output_desc(plan, i);
        assert_true(gft_desc_bytes(&r.desc[i], &bytes));
        r.data[i] = gft_malloc(bytes + 1);
        memcpy(r.data[i], gft_run_output(run, i), bytes);
    }
    gft_run_free(run);
    gft_plan_unref(plan);
    for (int32_t i = 0; i < graph->input_count; i++)
        gft_free(inputs[i]);
    return r;
}

static void compare(const char *name, const graft_tensor_desc *desc, const void *a, const void *b) {
    const int64_t elems = gft_shape_elems(&desc->shape);
    if (desc->dtype != GRAFT_F32) {
        if (memcmp(a, b, (size_t)elems * graft_dtype_bytes(desc->dtype)) != 0)
            fail_msg("%s: other integers", name);
        return;
    }
    float most = 0.0f;
    for (int64_t k = 0; k < elems; k++)
        most = fmaxf(most, fabsf(((const float *)a)[k]));
    for (int64_t k = 0; k < elems; k++) {
        if (!(fabsf(((const float *)a)[k] - ((const float *)b)[k]) <= 2e-6f * most))
            fail_msg("%s, element %lld: %g and %g", name, (long long)k,
                     (double)((const float *)a)[k], (double)((const float *)b)[k]);
    }
}

static void same_results(const graft_model *a, const graft_model *b) {
    for (int64_t batch = 1; batch <= 3; batch += 2) {
        results x = run_model(a, batch);
        results y = run_model(b, batch);
        assert_int_equal(x.count, y.count);
        for (int32_t i = 0; i < x.count; i++) {
            int32_t k = 0;
            while (k < y.count && strcmp(x.names[i], y.names[k]) != 0)
                k++;
            assert_true(k < y.count && x.desc[i].dtype == y.desc[k].dtype);
            assert_true(gft_shape_equal(&x.desc[i].shape, &y.desc[k].shape));
            compare(x.names[i], &x.desc[i], x.data[i], y.data[k]);
        }
        for (int32_t i = 0; i < x.count; i++) {
            gft_free(x.data[i]);
            gft_free(y.data[i]);
        }
    }
}

static void round_trip(void (*make)(maker *m)) {
    char folder[] = "/tmp/graft-savedmodel-ops-XXXXXX";
    graft_model *made = NULL;
    graft_model *read = NULL;
    graft_error why = {0};
    maker m = {.rng = gft_rng_make(11, GFT_RNG_TEST, 0), .err = &why};
    assert_non_null(mkdtemp(folder));
    OK(gft_model_new(&made, err));
    m.model = made;
    MAKER_DO(&m, gft_graph_new(&made->params, &m.graph, &why));
    make(&m);
    if (m.status != GRAFT_OK)
        fail_msg("%s", why.message);
    OK(gft_model_add_signature(made, "serving_default", m.graph, err));
    char *path = gft_path_join(folder, "model");
    OK(gft_savedmodel_write(made, path, false, err));
    OK(gft_savedmodel_read(path, &read, err));
    same_results(made, read);
    graft_model_free(made);
    graft_model_free(read);
    gft_free(path);
    OK(gft_tree_remove(folder, err));
}

#define FAMILY(name)                                                                               \
    static void test_##name(void **state) {                                                        \
        (void)state;                                                                               \
        round_trip(name);                                                                          \
    }

FAMILY(activations)
FAMILY(numbers)
FAMILY(indices)
FAMILY(pictures)
FAMILY(quantisation)

int main(void) {
    const struct CMUnitTest list[] = {
        cmocka_unit_test(test_activations), cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_indices), cmocka_unit_test(test_pictures),
        cmocka_unit_test(test_quantisation)};
    return cmocka_run_group_tests(list, NULL, NULL);
}
