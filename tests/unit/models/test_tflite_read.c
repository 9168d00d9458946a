/*
 * The TFLite reader on small files built here: layouts of filters, biases, fused activations,
 * float16 and integer weights, quantised activations, shapes computed while reading, signatures,
 * labels and card; what is said of files and operators that cannot be read. LiteRT judges the
 * values in tests/interop.
 */
#include "models_test.h"

#include <unistd.h>

#include "base/float16.h"
#include "flat/tflite_file.h"
#include "formats/zip_writer.h"
#include "models/tflite_read.h"
#include "tflite_maker.h"

#define F32 GFT_TFLITE_TYPE_FLOAT32
#define S32 GFT_TFLITE_TYPE_INT32
#define S8 GFT_TFLITE_TYPE_INT8
#define FIELD(f, b, v)                                                                             \
    { .field = (f), .bytes = (b), .value = (v) }
#define TENSOR(n, t, r, ...) .name = (n), .type = (t), .rank = (r), .dims = {__VA_ARGS__}
#define SCALES(count, values, zero, dim)                                                           \
    .scale_count = (count), .scales = (values), .zero_point = (zero), .axis = (dim)
#define DATA(array) .data = (array), .bytes = sizeof(array)

static char folder[64];
static char path[128];

static int make_folder(void **state) {
    (void)state;
    make_dir(folder);
    (void)snprintf(path, sizeof path, "%s/model.tflite", folder);
    return 0;
}

static int remove_folder(void **state) {
    (void)state;
    return gft_tree_remove(folder, NULL) == GRAFT_OK ? 0 : -1;
}

/* ---- helpers ---- */

static void write_file(const tfl_model *m, const void *tail, size_t tail_bytes) {
    gft_flat_builder b;
    OK(tfl_make(&b, m, err));
    const size_t bytes = (size_t)gft_flat_builder_bytes(&b);
    uint8_t *all = malloc(bytes + tail_bytes);
    memcpy(all, gft_flat_builder_data(&b), bytes);
    if (tail_bytes > 0)
        memcpy(all + bytes, tail, tail_bytes);
    OK(gft_file_write(path, all, bytes + tail_bytes, err));
    free(all);
    gft_flat_builder_deinit(&b);
}

static graft_model *read_model(const tfl_model *m) {
    graft_model *model = NULL;
    write_file(m, NULL, 0);
    OK(gft_tflite_read(path, &model, err));
    return model;
}

/* Runs the first signature on one input and checks its first output. */
static void check_run(const graft_model *model, const graft_shape *shape, graft_dtype dtype,
                      const void *input, const void *expected, size_t count) {
    graft_session *session = NULL;
    graft_tensor out[4];
    graft_tensor in = {.name = "x", .desc = {dtype, *shape, NULL}};
    if (graft_model_signature_problem(model, 0))
        fail_msg("%s", graft_model_signature_problem(model, 0));
    assert_true(gft_desc_bytes(&in.desc, &in.bytes));
    in.data = (void *)(uintptr_t)input;
    OK(graft_session_new(model, 0, 1, &session, err));
    OK(graft_session_run(session, &in, 1, out, graft_model_output_count(model, 0), err));
    assert_int_equal(gft_shape_elems(&out[0].desc.shape), count);
    for (size_t i = 0; i < count; i++) {
        if (out[0].desc.dtype == GRAFT_F32)
            assert_true(fabsf(((float *)out[0].data)[i] - ((const float *)expected)[i]) < 1e-5f);
        else
            assert_int_equal(((int8_t *)out[0].data)[i], ((const int8_t *)expected)[i]);
    }
    graft_session_free(session);
}

static const float *param(const graft_model *model, const char *name, graft_dtype dtype) {
    const gft_param_id id = gft_params_find(&model->params, name);
    if (id < 0)
        fail_msg("no parameter '%s'", name);
    assert_int_equal(model->params.items[id].desc.dtype, dtype);
    return model->params.items[id].data;
}

static const gft_node *find_node(const graft_model *model, const gft_op *op) {
    const gft_graph *g = model->signatures[0].graph;
    for (int32_t i = 0; i < g->node_count; i++) {
        if (g->nodes[i].op == op)
            return &g->nodes[i];
    }
    return NULL;
}

/* x (1,2,2,1) -> CONV_2D with filter (2,1,2,1), bias -> (1,2,1,2) */
static tfl_model conv_model(const float filter[4], const float bias[2], int8_t activation) {
    tfl_model m = {.input_count = 1, .output_count = 1, .outputs = {3}};
    tfl_add(&m, (tfl_tensor){TENSOR("x:0", F32, 4, 1, 2, 2, 1)});
    tfl_add(&m, (tfl_tensor){TENSOR("net/conv/convolution", F32, 4, 2, 1, 2, 1), .data = filter,
                             .bytes = 16});
    tfl_add(&m, (tfl_tensor){TENSOR("bias", F32, 1, 2), .data = bias, .bytes = 8});
    tfl_add(&m, (tfl_tensor){TENSOR("net/act/Relu6;net/conv/convolution1", F32, 4, 1, 2, 1, 2)});
    tfl_op_add(&m, (tfl_op){.op = GFT_TFLITE_OP_CONV_2D,
                            .input_count = bias ? 3 : 2,
                            .inputs = {0, 1, 2},
                            .output_count = 1,
                            .outputs = {3},
                            .options = GFT_TFLITE_OPTIONS_CONV_2D,
                            .option_count = 4,
                            .option = {FIELD(GFT_TFLITE_CONV_2D_PADDING, 1, 1),
                                       FIELD(GFT_TFLITE_CONV_2D_STRIDE_W, 4, 1),
                                       FIELD(GFT_TFLITE_CONV_2D_STRIDE_H, 4, 1),
                                       FIELD(GFT_TFLITE_CONV_2D_ACTIVATION, 1, activation)}});
    return m;
}

static const graft_shape PICTURE = {4, {1, 2, 2, 1}};
static const float FILTER[4] = {1, 2, 3, 4}; /* (O,H,W,I): channel 0 is 1 2, channel 1 is 3 4 */
static const float BIAS[2] = {0.5f, -20.0f};

/* ---- products ---- */

static void test_conv(void **state) {
    (void)state;
    static const float x[4] = {1, 2, 3, 4};
    static const float y[4] = {5.5f, 0, 6, 5};
    const tfl_model m = conv_model(FILTER, BIAS, GFT_TFLITE_ACT_RELU6);
    graft_model *model = read_model(&m);
    const float *kernel = param(model, "net/conv/kernel", GRAFT_F32); /* (H,W,I,O) */
    assert_true(kernel[0] == 1 && kernel[1] == 3 && kernel[2] == 2 && kernel[3] == 4);
    assert_true(param(model, "net/conv/bias", GRAFT_F32)[1] == -20.0f);
    assert_non_null(find_node(model, &gft_op_relu6));
    assert_string_equal(find_node(model, &gft_op_conv2d)->layer, "net/conv");
    assert_string_equal(model->signatures[0].name, "serving_default");
    check_run(model, &PICTURE, GRAFT_F32, x, y, 4);
    graft_model_free(model);
}

static void test_conv_without_bias(void **state) {
    (void)state;
    static const float x[4] = {1, 2, 3, 4};
    static const float y[4] = {5, 11, 11, 25};
    tfl_model m = conv_model(FILTER, NULL, GFT_TFLITE_ACT_NONE);
    m.tensors[2].data = NULL;
    graft_model *model = read_model(&m);
    assert_int_equal(model->params.count, 1);
    check_run(model, &PICTURE, GRAFT_F32, x, y, 4);
    graft_model_free(model);
}

/* Depth multiplier 2: channel k of the result is of input channel k / 2. */
static void test_depthwise(void **state) {
    (void)state;
    static const float x[2] = {1, 10};
    static const float filter[4] = {1, 2, 3, 4};
    static const float y[4] = {1, 2, 30, 40};
    static const graft_shape shape = {4, {1, 1, 1, 2}};
    tfl_model m = {.input_count = 1, .output_count = 1, .outputs = {2}};
    tfl_add(&m, (tfl_tensor){TENSOR("x", F32, 4, 1, 1, 1, 2)});
    tfl_add(&m, (tfl_tensor){TENSOR("dw/depthwise", F32, 4, 1, 1, 1, 4), DATA(filter)});
    tfl_add(&m, (tfl_tensor){TENSOR("dw/depthwise1", F32, 4, 1, 1, 1, 4)});
    tfl_op_add(&m, (tfl_op){.op = GFT_TFLITE_OP_DEPTHWISE_CONV_2D,
                            .input_count = 2,
                            .inputs = {0, 1},
                            .output_count = 1,
                            .outputs = {2},
                            .options = GFT_TFLITE_OPTIONS_DEPTHWISE_CONV_2D,
                            .option_count = 2,
                            .option = {FIELD(GFT_TFLITE_DEPTHWISE_CONV_2D_STRIDE_W, 4, 1),
                                       FIELD(GFT_TFLITE_DEPTHWISE_CONV_2D_STRIDE_H, 4, 1)}});
    graft_model *model = read_model(&m);
    (void)param(model, "dw/depthwise_kernel", GRAFT_F32);
    check_run(model, &shape, GRAFT_F32, x, y, 4);
    graft_model_free(model);
}

/* (1,2,2) -> FULLY_CONNECTED (2 -> 1): a matrix without keep_num_dims, (1,2,1) with it. */
static void fully_connected(bool keep, int32_t rank) {
    static const float x[4] = {1, 2, 3, 4};
    static const float weights[2] = {10, 1};
    static const float y[2] = {12, 34};
    static const graft_shape shape = {3, {1, 2, 2}};
    tfl_model m = {.input_count = 1, .output_count = 1, .outputs = {2}};
    tfl_add(&m, (tfl_tensor){TENSOR("x", F32, 3, 1, 2, 2)});
    tfl_add(&m, (tfl_tensor){TENSOR("fc/MatMul", F32, 2, 1, 2), DATA(weights)});
    tfl_add(&m, (tfl_tensor){TENSOR("fc/MatMul1", F32, rank, keep ? 1 : 2, keep ? 2 : 1, 1)});
    tfl_op_add(&m, (tfl_op){.op = GFT_TFLITE_OP_FULLY_CONNECTED,
                            .input_count = 3,
                            .inputs = {0, 1, -1},
                            .output_count = 1,
                            .outputs = {2},
                            .options = GFT_TFLITE_OPTIONS_FULLY_CONNECTED,
                            .option_count = 1,
                            .option = {FIELD(GFT_TFLITE_FULLY_CONNECTED_KEEP_NUM_DIMS, 1, keep)}});
    graft_model *model = read_model(&m);
    graft_tensor_desc desc;
    assert_true(graft_model_output(model, 0, 0, NULL, &desc));
    assert_int_equal(desc.shape.rank, rank);
    check_run(model, &shape, GRAFT_F32, x, y, 2);
    graft_model_free(model);
}

static void test_fully_connected(void **state) {
    (void)state;
    fully_connected(false, 2);
    fully_connected(true, 3);
}

/* ---- weights of other types ---- */

static void test_float16_weights(void **state) {
    (void)state;
    static const float x[4] = {1, 2, 3, 4};
    static const float y[4] = {5.5f, -9, 11.5f, 5};
    uint16_t half[4];
    for (int i = 0; i < 4; i++)
        half[i] = gft_f16_from_f32(FILTER[i]);
    tfl_model m = conv_model(FILTER, BIAS, GFT_TFLITE_ACT_NONE);
    m.tensors[1].data = NULL; /* comes out of a DEQUANTIZE now */
    const int32_t stored = tfl_add(
        &m, (tfl_tensor){TENSOR("half", GFT_TFLITE_TYPE_FLOAT16, 4, 2, 1, 2, 1), DATA(half)});
    m.ops[1] = m.ops[0];
    m.op_count = 2;
    m.ops[0] = (tfl_op){.op = GFT_TFLITE_OP_DEQUANTIZE,
                        .input_count = 1,
                        .inputs = {stored},
                        .output_count = 1,
                        .outputs = {1}};
    graft_model *model = read_model(&m);
    assert_true(param(model, "net/conv/kernel", GRAFT_F32)[1] == 3.0f);
    assert_int_equal(model->params.count, 2);
    check_run(model, &PICTURE, GRAFT_F32, x, y, 4);
    graft_model_free(model);
}

/* int8 weights with a scale per channel: a parameter of integers behind a dequantize. */
static void test_integer_weights(void **state) {
    (void)state;
    static const float x[4] = {1, 2, 3, 4};
    static const float y[4] = {2.5f, 5.5f, 5.5f, 12.5f};
    static const int8_t filter[4] = {1, 2, 6, 8};
    static const float scales[2] = {0.5f, 0.25f};
    tfl_model m = conv_model(FILTER, NULL, GFT_TFLITE_ACT_NONE);
    m.tensors[2].data = NULL;
    m.tensors[1] = (tfl_tensor){TENSOR("net/conv/convolution", S8, 4, 2, 1, 2, 1), DATA(filter),
                                SCALES(2, scales, 0, 0)};
    graft_model *model = read_model(&m);
    const int8_t *kernel = (const int8_t *)param(model, "net/conv/kernel", GRAFT_S8);
    assert_true(kernel[0] == 1 && kernel[1] == 6);
    const gft_node *node = find_node(model, &gft_op_dequantize);
    assert_int_equal(((const gft_quantize_attrs *)node->attrs)->axis, 3);
    assert_false(model->params.items[0].trainable);
    check_run(model, &PICTURE, GRAFT_F32, x, y, 4);
    graft_model_free(model);
}

/* Everything int8, the bias int32: quantize -> dequantize pairs around float ops. */
static void test_quantised(void **state) {
    (void)state;
    static const int8_t x[4] = {0, 2, 4, 6}; /* 0.5 * (q - -2): 1 2 3 4 */
    static const int8_t filter[4] = {2, 4, 6, 8};
    static const int32_t bias[2] = {2, -80};
    static const int8_t expected[4] = {10, -19, 22, 9}; /* 5.5, -9, 11.5, 5 */
    static const float half[2] = {0.5f, 0.5f};
    static const float quarter[2] = {0.25f, 0.25f};
    tfl_model m = conv_model(FILTER, BIAS, GFT_TFLITE_ACT_NONE);
    m.tensors[0] = (tfl_tensor){TENSOR("x", S8, 4, 1, 2, 2, 1), SCALES(1, half, -2, 0)};
    m.tensors[1] =
        (tfl_tensor){TENSOR("f", S8, 4, 2, 1, 2, 1), DATA(filter), SCALES(2, half, 0, 0)};
    m.tensors[2] = (tfl_tensor){TENSOR("b", S32, 1, 2), DATA(bias), SCALES(2, quarter, 0, 0)};
    m.tensors[3] = (tfl_tensor){TENSOR("y", S8, 4, 1, 2, 1, 2), SCALES(1, half, -1, 0)};
    graft_model *model = read_model(&m);
    graft_tensor_desc desc;
    assert_true(graft_model_input(model, 0, 0, NULL, &desc));
    assert_int_equal(desc.dtype, GRAFT_S8);
    assert_non_null(find_node(model, &gft_op_quantize));
    assert_int_equal(((const int32_t *)param(model, "y/bias", GRAFT_S32))[1], -80);
    check_run(model, &PICTURE, GRAFT_S8, x, expected, 4);
    graft_model_free(model);
}

/* Zeros that two layers share by chance are two biases; a filter that two share is one. */
static void test_shared_buffers(void **state) {
    (void)state;
    static const float zero[2] = {0, 0};
    tfl_model m = conv_model(FILTER, zero, GFT_TFLITE_ACT_NONE);
    static const float other[4] = {1, 0, 0, 1};
    tfl_add(&m, (tfl_tensor){TENSOR("net/second/convolution", F32, 4, 2, 1, 1, 2), DATA(other)});
    tfl_add(&m, (tfl_tensor){TENSOR("net/second/convolution1", F32, 4, 1, 2, 1, 2)});
    tfl_add(&m, (tfl_tensor){TENSOR("net/third/convolution1", F32, 4, 1, 2, 1, 2)});
    for (int32_t i = 0; i < 2; i++) {
        tfl_op op = m.ops[0];
        op.inputs[0] = i == 0 ? 3 : 5;
        op.inputs[1] = 4;
        op.outputs[0] = 5 + i;
        tfl_op_add(&m, op);
    }
    m.outputs[0] = 6;
    graft_model *model = read_model(&m);
    assert_int_equal(model->params.count, 4);
    (void)param(model, "net/conv/bias", GRAFT_F32);
    (void)param(model, "net/second/bias", GRAFT_F32);
    assert_int_equal(gft_params_find(&model->params, "net/third/kernel"), -1);
    graft_model_free(model);
}

/* ---- shapes ---- */

/* Any batch: reshape(x, (shape(x)[0], 4)). */
static tfl_model flatten_model(void) {
    static const int32_t zero[1] = {0};
    static const int32_t one[1] = {1};
    static const int32_t four = 4;
    tfl_model m = {.input_count = 1, .output_count = 1, .outputs = {7}};
    tfl_add(&m, (tfl_tensor){TENSOR("x", F32, 4, TFL_ANY, 2, 2, 1)});
    tfl_add(&m, (tfl_tensor){TENSOR("zero", S32, 1, 1), DATA(zero)});
    tfl_add(&m, (tfl_tensor){TENSOR("one", S32, 1, 1), DATA(one)});
    tfl_add(&m, (tfl_tensor){TENSOR("four", S32, 0, 0), .data = &four, .bytes = 4});
    tfl_add(&m, (tfl_tensor){TENSOR("shape", S32, 1, 4)});
    tfl_add(&m, (tfl_tensor){TENSOR("batch", S32, 0, 0)});
    tfl_add(&m, (tfl_tensor){TENSOR("target", S32, 1, 2)});
    tfl_add(&m, (tfl_tensor){TENSOR("flat", F32, 2, TFL_ANY, 4)});
    tfl_op_add(&m, (tfl_op){.op = GFT_TFLITE_OP_SHAPE,
                            .input_count = 1,
                            .inputs = {0},
                            .output_count = 1,
                            .outputs = {4}});
    tfl_op_add(&m, (tfl_op){.op = GFT_TFLITE_OP_STRIDED_SLICE,
                            .input_count = 4,
                            .inputs = {4, 1, 2, 2},
                            .output_count = 1,
                            .outputs = {5},
                            .options = GFT_TFLITE_OPTIONS_STRIDED_SLICE,
                            .option_count = 1,
                            .option = {FIELD(GFT_TFLITE_STRIDED_SLICE_SHRINK_AXIS_MASK, 4, 1)}});
    tfl_op_add(&m, (tfl_op){.op = GFT_TFLITE_OP_PACK,
                            .input_count = 2,
                            .inputs = {5, 3},
                            .output_count = 1,
                            .outputs = {6}});
    tfl_op_add(&m, (tfl_op){.op = GFT_TFLITE_OP_RESHAPE,
                            .input_count = 2,
                            .inputs = {0, 6},
                            .output_count = 1,
                            .outputs = {7}});
    return m;
}

static void test_any_batch(void **state) {
    (void)state;
    static const float x[12] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
    static const graft_shape three = {4, {3, 2, 2, 1}};
    const tfl_model m = flatten_model();
    graft_model *model = read_model(&m);
    graft_tensor_desc desc;
    assert_true(graft_model_output(model, 0, 0, NULL, &desc));
    assert_int_equal(desc.shape.dims[0], -1);
    assert_int_equal(desc.shape.dims[1], 4);
    check_run(model, &three, GRAFT_F32, x, x, 12);
    graft_model_free(model);
}

/* ---- signatures and what lies beside the graph ---- */

static void test_signatures(void **state) {
    (void)state;
    tfl_model m = flatten_model();
    m.signature_count = 2;
    m.signatures[0] = (tfl_signature){"again", "a", "b", 0, 0};
    m.signatures[1] = (tfl_signature){"serving_default", "pixels", "row", 0, 7};
    graft_model *model = read_model(&m);
    const char *name = NULL;
    assert_int_equal(graft_model_signature_count(model), 2);
    assert_string_equal(graft_model_signature_name(model, 0), "serving_default");
    assert_string_equal(graft_model_signature_name(model, 1), "again");
    assert_true(graft_model_input(model, 0, 0, &name, NULL));
    assert_string_equal(name, "pixels");
    assert_true(graft_model_output(model, 1, 0, &name, NULL));
    assert_string_equal(name, "b");
    graft_model_free(model);
}

/* ModelMetadata with one output that has a label file, and a normalisation of the input. */
static size_t make_metadata(uint8_t *out, size_t room) {
    static const float mean = 127.5f;
    gft_flat_builder b;
    gft_flat_builder_init(&b, GFT_FLAT_MAX_BYTES, NULL);
    const gft_flat_ref file_name = gft_flat_put_string(&b, "labels.txt");
    gft_flat_table(&b);
    gft_flat_field_ref(&b, 0, file_name);
    gft_flat_scalar(&b, 2, 1, 2, 0);
    const gft_flat_ref file = gft_flat_table_end(&b);
    const gft_flat_ref files = gft_flat_put_refs(&b, &file, 1);
    gft_flat_table(&b);
    gft_flat_field_ref(&b, 6, files);
    const gft_flat_ref output = gft_flat_table_end(&b);
    const gft_flat_ref outputs = gft_flat_put_refs(&b, &output, 1);
    const gft_flat_ref means = gft_flat_put_f32s(&b, &mean, 1);
    gft_flat_table(&b);
    gft_flat_field_ref(&b, 0, means);
    gft_flat_field_ref(&b, 1, means);
    const gft_flat_ref rule = gft_flat_table_end(&b);
    gft_flat_table(&b);
    gft_flat_scalar(&b, 0, 1, 1, 0);
    gft_flat_field_ref(&b, 1, rule);
    const gft_flat_ref unit = gft_flat_table_end(&b);
    const gft_flat_ref units = gft_flat_put_refs(&b, &unit, 1);
    gft_flat_table(&b);
    gft_flat_field_ref(&b, 4, units);
    const gft_flat_ref input = gft_flat_table_end(&b);
    const gft_flat_ref inputs = gft_flat_put_refs(&b, &input, 1);
    gft_flat_table(&b);
    gft_flat_field_ref(&b, 2, inputs);
    gft_flat_field_ref(&b, 3, outputs);
    const gft_flat_ref subgraph = gft_flat_table_end(&b);
    const gft_flat_ref subgraphs = gft_flat_put_refs(&b, &subgraph, 1);
    gft_flat_table(&b);
    gft_flat_field_ref(&b, 3, subgraphs);
    assert_int_equal(gft_flat_builder_finish(&b, gft_flat_table_end(&b), "M001"), GRAFT_OK);
    const size_t bytes = (size_t)gft_flat_builder_bytes(&b);
    assert_true(bytes <= room);
    memcpy(out, gft_flat_builder_data(&b), bytes);
    gft_flat_builder_deinit(&b);
    return bytes;
}

static void test_metadata(void **state) {
    (void)state;
    static const char labels[] = "cat\nblack dog\n";
    static const char card[] = "{\"format\": \"graft-model\", \"version\": 1}";
    uint8_t metadata[1024];
    char archive[128];
    gft_zip_writer zip = {.count = 0};
    uint8_t *tail = NULL;
    size_t tail_bytes = 0;
    graft_model *model = NULL;
    tfl_model m = flatten_model();
    m.metadata[0].name = "TFLITE_METADATA";
    m.metadata[0].data = metadata;
    m.metadata[0].bytes = make_metadata(metadata, sizeof metadata);
    m.metadata[1].name = "graft_card";
    m.metadata[1].data = card;
    m.metadata[1].bytes = strlen(card);
    m.metadata_count = 2;
    (void)snprintf(archive, sizeof archive, "%s/labels.zip", folder);
    OK(gft_zip_writer_open(&zip, archive, err));
    OK(gft_zip_writer_add(&zip, "labels.txt", labels, strlen(labels), err));
    OK(gft_zip_writer_commit(&zip, err));
    OK(gft_file_read(archive, 1 << 20, &tail, &tail_bytes, err));
    write_file(&m, tail, tail_bytes);
    gft_free(tail);
    OK(gft_tflite_read(path, &model, err));
    assert_int_equal(graft_model_label_count(model), 2);
    assert_string_equal(graft_model_label(model, 1), "black dog");
    assert_int_equal(model->normalise_count, 1);
    assert_true(model->normalise_mean[0] == 127.5f && model->normalise_std[0] == 127.5f);
    assert_non_null(graft_model_card_json(model));
    graft_model_free(model);
    write_file(&m, NULL, 0); /* without the archive there are no labels */
    OK(gft_tflite_read(path, &model, err));
    assert_int_equal(graft_model_label_count(model), 0);
    graft_model_free(model);
}

/* Files beyond 2 GB keep data behind the FlatBuffer. */
static void test_data_behind_the_flatbuffer(void **state) {
    (void)state;
    static const float x[4] = {1, 2, 3, 4};
    static const float y[4] = {5, 11, 11, 25};
    uint8_t tail[4096];
    graft_model *model = NULL;
    tfl_model m = conv_model(FILTER, NULL, GFT_TFLITE_ACT_NONE);
    m.tensors[2].data = NULL;
    m.outside = 4096;
    memset(tail, 0, sizeof tail);
    for (size_t at = 0; at + 16 <= sizeof tail; at += 16) /* wherever the FlatBuffer ends */
        memcpy(tail + at, FILTER, 16);
    gft_flat_builder b;
    OK(tfl_make(&b, &m, err));
    const size_t bytes = (size_t)gft_flat_builder_bytes(&b);
    gft_flat_builder_deinit(&b);
    assert_true(bytes < 4096 && bytes % 16 == 0);
    write_file(&m, tail, sizeof tail);
    OK(gft_tflite_read(path, &model, err));
    check_run(model, &PICTURE, GRAFT_F32, x, y, 4);
    graft_model_free(model);
    write_file(&m, NULL, 0);
    OK(gft_tflite_read(path, &model, err));
    assert_non_null(strstr(graft_model_signature_problem(model, 0), "lies outside the file"));
    graft_model_free(model);
}

/* Pixels go in as they are, scores come out as numbers: the mean of a colour. */
static void test_quantised_classifier(void **state) {
    (void)state;
    static const int32_t axes[2] = {1, 2};
    static const float scale[1] = {1.0f / 255.0f};
    char picture[128];
    graft_session *session = NULL;
    graft_prediction best[3];
    int32_t count = 0;
    tfl_model m = {.input_count = 1, .output_count = 1, .outputs = {2}};
    tfl_add(&m, (tfl_tensor){TENSOR("x", GFT_TFLITE_TYPE_UINT8, 4, 1, 4, 4, 3),
                             SCALES(1, scale, 0, 0)});
    tfl_add(&m, (tfl_tensor){TENSOR("axes", S32, 1, 2), DATA(axes)});
    tfl_add(&m, (tfl_tensor){TENSOR("y", GFT_TFLITE_TYPE_UINT8, 2, 1, 3), SCALES(1, scale, 0, 0)});
    tfl_op_add(&m, (tfl_op){.op = GFT_TFLITE_OP_MEAN,
                            .input_count = 2,
                            .inputs = {0, 1},
                            .output_count = 1,
                            .outputs = {2}});
    graft_model *model = read_model(&m);
    (void)snprintf(picture, sizeof picture, "%s/blue.png", folder);
    write_colour(picture, 9, 7, 51, 0, 204);
    OK(graft_session_new(model, 0, 1, &session, err));
    OK(graft_predict_file(session, picture, 3, best, &count, err));
    assert_int_equal(count, 3);
    assert_int_equal(best[0].index, 2);
    assert_true(fabsf(best[0].score - 0.8f) < 1e-5f && fabsf(best[1].score - 0.2f) < 1e-5f);
    graft_session_free(session);
    model->normalise_count = 1; /* (x - 51) / 255, then quantised */
    model->normalise_mean[0] = 51.0f;
    model->normalise_std[0] = 255.0f;
    OK(graft_session_new(model, 0, 1, &session, err));
    OK(graft_predict_file(session, picture, 3, best, &count, err));
    assert_true(fabsf(best[0].score - 0.6f) < 1e-5f && fabsf(best[1].score) < 1e-5f);
    graft_session_free(session);
    graft_model_free(model);
}

/* relu6(conv + (bias + 3)) / 6 is a hard_sigmoid again, the bias what it was. */
static void test_hard_sigmoid(void **state) {
    (void)state;
    static const float x[4] = {1, 2, 3, 4};
    static const float bias[2] = {3.0f - 6.0f, 3.0f - 12.0f};
    static const float y[4] = {2.0f / 6, 2.0f / 6, 1, 1}; /* 5 - 6 + 3, 11 - 12 + 3, ... */
    static const float sixth = 1.0f / 6.0f;
    tfl_model m = conv_model(FILTER, bias, GFT_TFLITE_ACT_RELU6);
    const int32_t by =
        tfl_add(&m, (tfl_tensor){TENSOR("sixth", F32, 0, 0), .data = &sixth, .bytes = 4});
    const int32_t out = tfl_add(&m, (tfl_tensor){TENSOR("net/gate/mul", F32, 4, 1, 2, 1, 2)});
    tfl_op_add(&m, (tfl_op){.op = GFT_TFLITE_OP_MUL,
                            .input_count = 2,
                            .inputs = {3, by},
                            .output_count = 1,
                            .outputs = {out}});
    m.outputs[0] = out;
    graft_model *model = read_model(&m);
    assert_non_null(find_node(model, &gft_op_hard_sigmoid));
    assert_null(find_node(model, &gft_op_relu6));
    assert_true(param(model, "net/conv/bias", GRAFT_F32)[0] == -6.0f);
    check_run(model, &PICTURE, GRAFT_F32, x, y, 4);
    graft_model_free(model);
}

/* ---- what cannot be read ---- */

static void test_custom_operator(void **state) {
    (void)state;
    tfl_model m = flatten_model();
    m.ops[3].op = GFT_TFLITE_OP_CUSTOM;
    m.ops[3].custom = "TFLite_Detection_PostProcess";
    graft_model *model = read_model(&m);
    graft_op_info *ops = NULL;
    int32_t count = 0;
    const char *problem = graft_model_signature_problem(model, 0);
    assert_non_null(strstr(problem, "operator 3 (TFLite_Detection_PostProcess, tensor 'flat')"));
    OK(graft_model_ops(model, 0, &ops, &count, err));
    assert_int_equal(count, 4);
    assert_string_equal(ops[3].name, "TFLite_Detection_PostProcess");
    assert_false(ops[3].supported);
    assert_string_equal(ops[0].name, "PACK");
    assert_true(ops[0].supported);
    graft_ops_free(ops);
    graft_model_free(model);
}

static void test_unknown_operator(void **state) {
    (void)state;
    tfl_model m = flatten_model();
    m.ops[3].op = 1234;
    graft_model *model = read_model(&m);
    assert_non_null(strstr(graft_model_signature_problem(model, 0), "operator 3 (operator 1234"));
    graft_model_free(model);
}

static void test_damaged(void **state) {
    (void)state;
    graft_model *model = NULL;
    tfl_model m = flatten_model();
    m.outputs[0] = 99;
    write_file(&m, NULL, 0);
    FAILS(gft_tflite_read(path, &model, err), GRAFT_DATA_LOSS, "there is no tensor 99 of 8");
    OK(gft_file_write(path, "TFL3", 4, err));
    FAILS(gft_tflite_read(path, &model, err), GRAFT_DATA_LOSS, "expected a FlatBuffer");
    m = conv_model(FILTER, BIAS, GFT_TFLITE_ACT_NONE);
    m.tensors[1].bytes = 12; /* shorter than its shape */
    model = read_model(&m);
    assert_non_null(strstr(graft_model_signature_problem(model, 0), "not as long as its shape"));
    graft_model_free(model);
}

static void test_every_prefix(void **state) {
    (void)state;
    gft_flat_builder b;
    const tfl_model m = conv_model(FILTER, BIAS, GFT_TFLITE_ACT_RELU6);
    OK(tfl_make(&b, &m, err));
    const size_t bytes = (size_t)gft_flat_builder_bytes(&b);
    for (size_t n = 0; n < bytes; n++) {
        gft_tflite_file file;
        graft_error why = {0};
        uint8_t *part = malloc(n + 1);
        memcpy(part, gft_flat_builder_data(&b), n);
        if (gft_tflite_file_open_memory(part, n, "prefix", &file, &why) == GRAFT_OK)
            gft_tflite_file_close(&file);
        else
            assert_int_equal(why.code, GRAFT_DATA_LOSS);
        free(part);
    }
    gft_flat_builder_deinit(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conv),
        cmocka_unit_test(test_conv_without_bias),
        cmocka_unit_test(test_depthwise),
        cmocka_unit_test(test_fully_connected),
        cmocka_unit_test(test_float16_weights),
        cmocka_unit_test(test_integer_weights),
        cmocka_unit_test(test_quantised),
        cmocka_unit_test(test_shared_buffers),
        cmocka_unit_test(test_any_batch),
        cmocka_unit_test(test_signatures),
        cmocka_unit_test(test_metadata),
        cmocka_unit_test(test_data_behind_the_flatbuffer),
        cmocka_unit_test(test_quantised_classifier),
        cmocka_unit_test(test_hard_sigmoid),
        cmocka_unit_test(test_custom_operator),
        cmocka_unit_test(test_unknown_operator),
        cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_every_prefix),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
