/*
 * Models written as TFLite and read back: the same numbers, the same bytes twice, float16 and int8
 * weights, quantised models that stay integers, what the format cannot hold, and no memory.
 */
#include "models_test.h"

#include <unistd.h>

#include "flat/tflite_file.h"
#include "graph/plan.h"
#include "savedmodel_maker.h"

static char folder[64];

static const char *file_named(const char *name) {
    static char path[2][128];
    static int turn;
    turn = !turn;
    (void)snprintf(path[turn], sizeof path[turn], "%s/%s", folder, name);
    return path[turn];
}

/* Runs a graph on numbers that its inputs' shapes decide; outputs behind each other. */
static float *run_graph(const gft_graph *graph, int64_t batch, size_t *count) {
    graft_shape shapes[4];
    float *inputs[4];
    const void *data[4];
    const gft_plan_options options = {0};
    gft_plan *plan = NULL;
    gft_run *run = NULL;
    gft_rng rng = gft_rng_make(5, GFT_RNG_TEST, 0);
    for (int32_t i = 0; i < graph->input_count; i++) {
        shapes[i] = graph->values[graph->inputs[i].value].desc.shape;
        for (int32_t k = 0; k < shapes[i].rank; k++)
            shapes[i].dims[k] = shapes[i].dims[k] >= 0 ? shapes[i].dims[k] : k == 0 ? batch : 6;
        const size_t n = (size_t)gft_shape_elems(&shapes[i]);
        data[i] = inputs[i] = malloc(n * sizeof(float));
        for (size_t k = 0; k < n; k++)
            inputs[i][k] = 4.0f * gft_rng_uniform(&rng) - 2.0f;
    }
    OK(gft_plan_new(graph, shapes, &options, &plan, err));
    OK(gft_run_new(plan, NULL, &run, err));
    OK(gft_run_execute(run, data, NULL, err));
    *count = 0;
    float *out = NULL;
    for (int32_t i = 0; i < gft_plan_output_count(plan); i++) {
        size_t bytes = 0;
        assert_true(gft_desc_bytes(gft_plan_output_desc(plan, i), &bytes));
        out = realloc(out, *count * sizeof(float) + bytes);
        memcpy(out + *count, gft_run_output(run, i), bytes);
        *count += bytes / sizeof(float);
    }
    for (int32_t i = 0; i < graph->input_count; i++)
        free(inputs[i]);
    gft_run_free(run);
    gft_plan_unref(plan);
    return out;
}

static void same_numbers(const gft_graph *a, const gft_graph *b, float tolerance) {
    for (int64_t batch = 1; batch < 4; batch += 2) {
        size_t n;
        size_t m;
        float *x = run_graph(a, batch, &n);
        float *y = run_graph(b, batch, &m);
        assert_int_equal(n, m);
        float most = 0.0f;
        float least = 0.0f;
        for (size_t i = 0; i < n; i++) {
            most = fmaxf(most, x[i]);
            least = fminf(least, x[i]);
        }
        for (size_t i = 0; i < n; i++) {
            if (!(fabsf(x[i] - y[i]) <= tolerance * (most - least)))
                fail_msg("%zu of %zu: %g and %g of a range of %g", i, n, (double)x[i], (double)y[i],
                         (double)(most - least));
        }
        free(x);
        free(y);
    }
}

static graft_model *made(const char *kind) {
    graft_model *model = NULL;
    OK(make_model(kind, &model, err));
    return model;
}

static graft_model *again(const graft_model *model, gft_tflite_weights weights) {
    graft_model *back = NULL;
    const char *path = file_named("m.tflite");
    OK(gft_tflite_write(model, path, weights, err));
    OK(gft_tflite_read(path, &back, err));
    if (!back->signatures[0].graph)
        fail_msg("%s", back->signatures[0].problem);
    return back;
}

static void round_trips(void **state) {
    (void)state;
    static const char *const kinds[] = {"cnn",
                                        "conv_dilated",
                                        "conv_grouped",
                                        "conv_uneven",
                                        "conv_epilogue",
                                        "depthwise",
                                        "depthwise_uneven",
                                        "dense_rank3",
                                        "batch_norm_rows",
                                        "softmax_axis",
                                        "pools",
                                        "reduce",
                                        "resize",
                                        "moves"};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        graft_model *model = made(kinds[i]);
        graft_model *back = again(model, GFT_TFLITE_FLOAT32);
        assert_int_equal(model->signatures[0].graph->output_count,
                         back->signatures[0].graph->output_count);
        same_numbers(model->signatures[0].graph, back->signatures[0].graph, 2e-6f);
        graft_model_free(back);
        graft_model_free(model);
    }
}

static void modes(void **state) {
    (void)state;
    graft_model *model = made("cnn");
    for (int mode = 0; mode < 3; mode++) {
        static const float tolerances[] = {2e-6f, 2e-3f, 5e-2f};
        graft_model *back = again(model, (gft_tflite_weights)mode);
        same_numbers(model->signatures[0].graph, back->signatures[0].graph, tolerances[mode]);
        graft_model_free(back);
    }
    graft_model_free(model);
}

static void same_bytes(void **state) {
    (void)state;
    graft_model *model = made("cnn");
    uint8_t *a;
    uint8_t *b;
    size_t n;
    size_t m;
    OK(gft_tflite_write(model, file_named("a.tflite"), GFT_TFLITE_FLOAT32, err));
    OK(gft_tflite_write(model, file_named("b.tflite"), GFT_TFLITE_FLOAT32, err));
    OK(gft_file_read(file_named("a.tflite"), 1 << 24, &a, &n, err));
    OK(gft_file_read(file_named("b.tflite"), 1 << 24, &b, &m, err));
    assert_int_equal(n, m);
    assert_memory_equal(a, b, n);
    gft_free(a);
    gft_free(b);
    graft_model_free(model);
}

/* The file itself: shapes with 1 for what is not known, buffers, labels, card. */
static void contents(void **state) {
    (void)state;
    graft_model *model = made("cnn");
    gft_tflite_file file;
    gft_tflite_buffer card;
    const char *path = file_named("m.tflite");
    OK(gft_tflite_write(model, path, GFT_TFLITE_FLOAT32, err));
    OK(gft_tflite_file_open(path, &file, err));
    assert_int_equal(file.buffers[0].bytes, 0);
    assert_int_equal(file.subgraph_count, 1);
    assert_string_equal(file.signatures[0].key, "serving_default");
    assert_string_equal(file.signatures[0].inputs[0].name, "inputs");
    const gft_tflite_subgraph *g = &file.subgraphs[0];
    const gft_tflite_tensor *x = &g->tensors[g->inputs[0]];
    assert_int_equal(x->shape.dims[0], -1);
    assert_int_equal(x->example.dims[0], 1);
    int relus = 0;
    for (int32_t i = 0; i < g->operator_count; i++) {
        relus +=
            g->operators[i].op == GFT_TFLITE_OP_RELU || g->operators[i].op == GFT_TFLITE_OP_RELU6;
        for (int32_t k = 0; k < g->operators[i].input_count; k++) {
            const int32_t t = g->operators[i].inputs[k];
            if (t >= 0 && g->tensors[t].data)
                assert_int_equal((size_t)(g->tensors[t].data - file.fb.data) % 16, 0);
        }
    }
    assert_int_equal(relus, 0); /* all of them go into other operators */
    assert_true(gft_tflite_find_metadata(&file, "graft_card", &card));
    assert_int_equal(card.data[0], '{');
    assert_true(gft_tflite_find_metadata(&file, "min_runtime_version", &card));
    assert_int_equal(card.bytes, 16);
    gft_tflite_file_close(&file);

    graft_model *back = NULL;
    OK(gft_tflite_read(path, &back, err));
    assert_int_equal(back->label_count, model->label_count);
    for (int32_t i = 0; i < model->label_count; i++)
        assert_string_equal(back->labels[i], model->labels[i]);
    graft_model_free(back);
    graft_model_free(model);
}

/* ---- integers ---- */

static gft_value_id vector(gft_graph *g, graft_dtype dtype, int64_t count, const void *data) {
    const graft_tensor_desc desc = {dtype, gft_shape_1(count), NULL};
    gft_value_id id = -1;
    OK(gft_graph_const(g, NULL, &desc, data, true, &id, err));
    return id;
}

static gft_value_id scaled(gft_graph *g, const gft_op *op, const char *name, graft_dtype dtype,
                           int32_t axis, gft_value_id x, int64_t count, const float *scales,
                           int32_t zero) {
    const int32_t zeros[4] = {zero, zero, zero, zero};
    const gft_quantize_attrs attrs = {dtype, axis};
    const gft_value_id in[3] = {x, vector(g, GRAFT_F32, count, scales),
                                vector(g, GRAFT_S32, count, zeros)};
    gft_value_id out = -1;
    OK(gft_graph_add(g, op, name, &attrs, in, 3, &out, err));
    return out;
}

/* int8 -> conv2d + relu6 with int8 weights and int32 bias -> int8, as readers make it. */
static graft_model *quantised(void) {
    static int8_t weights[3 * 3 * 2 * 4];
    static const int32_t biases[4] = {100, -50, 0, 7};
    const float in_scale = 0.05f;
    const float out_scale = 0.02f;
    const float weight_scales[4] = {0.01f, 0.02f, 0.005f, 0.03f};
    const float bias_scales[4] = {0.0005f, 0.001f, 0.00025f, 0.0015f};
    const graft_tensor_desc picture = {GRAFT_S8, gft_shape_4(-1, 5, 5, 2), NULL};
    const graft_tensor_desc filter = {GRAFT_S8, gft_shape_4(3, 3, 2, 4), NULL};
    const gft_conv2d_attrs attrs = {
        .stride_h = 1, .stride_w = 1, .padding = GFT_PAD_SAME, .epilogue.has_bias = true};
    graft_model *model = NULL;
    gft_graph *g = NULL;
    gft_value_id x = -1;
    gft_value_id w = -1;
    for (size_t i = 0; i < sizeof weights; i++)
        weights[i] = (int8_t)((int)(i * 37 % 255) - 127);
    OK(gft_model_new(&model, err));
    OK(gft_graph_new(&model->params, &g, err));
    OK(gft_graph_input(g, "x", &picture, &x, err));
    OK(gft_graph_const(g, "w", &filter, weights, true, &w, err));
    gft_value_id in[3];
    in[0] = scaled(g, &gft_op_dequantize, "x/dequantize", GRAFT_S8, 0, x, 1, &in_scale, 3);
    in[1] = scaled(g, &gft_op_dequantize, "w/dequantize", GRAFT_S8, 3, w, 4, weight_scales, 0);
    in[2] = scaled(g, &gft_op_dequantize, "b/dequantize", GRAFT_S32, 0,
                   vector(g, GRAFT_S32, 4, biases), 4, bias_scales, 0);
    OK(gft_graph_add(g, &gft_op_conv2d, "conv", &attrs, in, 3, &x, err));
    x = node(g, &gft_op_relu6, "relu", NULL, x, -1);
    x = scaled(g, &gft_op_quantize, "y/quantize", GRAFT_S8, 0, x, 1, &out_scale, -128);
    OK(gft_graph_output(g, "y", x, err));
    OK(gft_model_add_signature(model, "serving_default", g, err));
    return model;
}

static void integers_stay(void **state) {
    (void)state;
    graft_model *model = quantised();
    gft_tflite_file file;
    OK(gft_tflite_write(model, file_named("q.tflite"), GFT_TFLITE_FLOAT32, err));
    OK(gft_tflite_file_open(file_named("q.tflite"), &file, err));
    const gft_tflite_subgraph *g = &file.subgraphs[0];
    assert_int_equal(g->operator_count, 1);
    const gft_tflite_operator *op = &g->operators[0];
    assert_int_equal(op->op, GFT_TFLITE_OP_CONV_2D);
    assert_int_equal(op->version, 3);
    assert_int_equal(gft_fb_i8(&op->options, GFT_TFLITE_CONV_2D_ACTIVATION, 0),
                     GFT_TFLITE_ACT_RELU6);
    const gft_tflite_tensor *x = &g->tensors[op->inputs[0]];
    const gft_tflite_tensor *w = &g->tensors[op->inputs[1]];
    const gft_tflite_tensor *b = &g->tensors[op->inputs[2]];
    const gft_tflite_tensor *y = &g->tensors[op->outputs[0]];
    assert_int_equal(x->type, GFT_TFLITE_TYPE_INT8);
    assert_int_equal(gft_fb_vector_i64(&x->zero_points, 0), 3);
    assert_int_equal(w->type, GFT_TFLITE_TYPE_INT8);
    assert_int_equal(w->scales.count, 4);
    assert_int_equal(w->axis, 0);
    assert_int_equal(w->shape.dims[0], 4);
    assert_int_equal((int8_t)w->data[1],
                     (int)(4 * 37 % 255) - 127); /* OHWI: the second of HWIO's row */
    assert_int_equal(b->type, GFT_TFLITE_TYPE_INT32);
    assert_true(gft_fb_vector_f32(&b->scales, 3) == 0.0015f);
    assert_int_equal(y->type, GFT_TFLITE_TYPE_INT8);
    assert_int_equal(gft_fb_vector_i64(&y->zero_points, 0), -128);
    gft_tflite_file_close(&file);
    graft_model_free(model);
}

/* ---- what cannot be ---- */

static void refused(void **state) {
    (void)state;
    graft_model *model = NULL;
    gft_graph *g = NULL;
    gft_value_id x = -1;
    const graft_tensor_desc rows = gft_desc_f32(gft_shape_2(-1, 3));
    OK(gft_model_new(&model, err));
    FAILS(gft_tflite_write(model, file_named("no.tflite"), GFT_TFLITE_FLOAT32, err),
          GRAFT_UNIMPLEMENTED, "no signature that can be run");
    OK(gft_graph_new(&model->params, &g, err));
    OK(gft_graph_input(g, "x", &rows, &x, err));
    x = node(g, &gft_op_erf, "strange", NULL, x, -1);
    OK(gft_graph_output(g, "y", x, err));
    OK(gft_model_add_signature(model, "serving_default", g, err));
    FAILS(gft_tflite_write(model, file_named("no.tflite"), GFT_TFLITE_FLOAT32, err),
          GRAFT_UNIMPLEMENTED, "node 'strange': op 'erf'");
    assert_false(gft_file_exists(file_named("no.tflite")));
    graft_model_free(model);
}

static void no_memory(void **state) {
    (void)state;
    graft_model *model = made("cnn");
    graft_status status = GRAFT_RESOURCE_EXHAUSTED;
    int64_t n = 0;
    while (status != GRAFT_OK) {
        graft_error error = {0};
        n += n < 60 ? 1 : 23;
        gft_alloc_fail_after(n);
        status = gft_tflite_write(model, file_named("oom.tflite"), GFT_TFLITE_DYNAMIC, &error);
        gft_alloc_fail_after(0);
        if (status != GRAFT_OK) {
            assert_int_equal(status, GRAFT_RESOURCE_EXHAUSTED);
            assert_true(error.message[0] != '\0');
            assert_false(gft_file_exists(file_named("oom.tflite")));
        }
        assert_true(n < 100000);
    }
    graft_model_free(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trips),   cmocka_unit_test(modes),   cmocka_unit_test(same_bytes),
        cmocka_unit_test(contents),      cmocka_unit_test(refused), cmocka_unit_test(no_memory),
        cmocka_unit_test(integers_stay),
    };
    make_dir(folder);
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    if (gft_tree_remove(folder, NULL) != GRAFT_OK)
        return 1;
    return failed;
}
