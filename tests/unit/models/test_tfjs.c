/*
 * TF.js models: what is written comes back, weights in every encoding, files that are not as they
 * should be. TF.js itself judges the files in tests/interop.
 */
#include "models_test.h"

#include <unistd.h>

#include "base/float16.h"
#include "graph/plan.h"
#include "savedmodel_maker.h"

static char folder[64];

static char *inside(const char *name) {
    char *path = gft_path_join(folder, name);
    assert_non_null(path);
    return path;
}

static int make_folder(void **state) {
    (void)state;
    (void)snprintf(folder, sizeof folder, "/tmp/graft-tfjs-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state) {
    (void)state;
    return gft_tree_remove(folder, NULL) == GRAFT_OK ? 0 : -1;
}

/* ---- running ---- */

typedef struct result {
    int32_t count;
    const char *names[16]; /* of the graph */
    int64_t elems[16];
    float *data[16];
} result;

static void fill_input(const char *name, const graft_tensor_desc *desc, int64_t elems, void *data) {
    gft_rng rng = gft_rng_make(hash_name(name), GFT_RNG_TEST, 1);
    for (int64_t k = 0; k < elems; k++) {
        if (desc->dtype == GRAFT_S32)
            ((int32_t *)data)[k] = (int32_t)gft_rng_below(&rng, 50);
        else
            ((float *)data)[k] = 4.0f * gft_rng_uniform(&rng) - 2.0f;
    }
}

/* Runs a graph on seeded inputs of batch 3, unknown dimensions 5. */
static result run_graph(const gft_graph *graph) {
    const gft_plan_options options = {0};
    gft_plan *plan = NULL;
    gft_run *run = NULL;
    graft_shape shapes[4];
    void *inputs[4];
    result r = {.count = graph->output_count};
    assert_true(graph->input_count <= 4 && r.count <= 16);
    for (int32_t i = 0; i < graph->input_count; i++) {
        const graft_tensor_desc *desc = &graph->values[graph->inputs[i].value].desc;
        shapes[i] = desc->shape;
        for (int32_t d = 0; d < shapes[i].rank; d++)
            shapes[i].dims[d] = shapes[i].dims[d] >= 0 ? shapes[i].dims[d] : d == 0 ? 3 : 5;
        const int64_t elems = gft_shape_elems(&shapes[i]);
        inputs[i] = gft_malloc((size_t)elems * 4);
        assert_non_null(inputs[i]);
        fill_input(graph->inputs[i].name, desc, elems, inputs[i]);
    }
    OK(gft_plan_new(graph, shapes, &options, &plan, err));
    OK(gft_run_new(plan, NULL, &run, err));
    OK(gft_run_execute(run, (const void *const *)inputs, NULL, err));
    for (int32_t i = 0; i < r.count; i++) {
        size_t bytes;
        assert_true(gft_desc_bytes(gft_plan_output_desc(plan, i), &bytes));
        r.names[i] = graph->outputs[i].name;
        r.elems[i] = gft_shape_elems(&gft_plan_output_desc(plan, i)->shape);
        r.data[i] = gft_malloc(bytes + 1);
        assert_non_null(r.data[i]);
        memcpy(r.data[i], gft_run_output(run, i), bytes);
    }
    gft_run_free(run);
    gft_plan_unref(plan);
    for (int32_t i = 0; i < graph->input_count; i++)
        gft_free(inputs[i]);
    return r;
}

static void free_result(result *r) {
    for (int32_t i = 0; i < r->count; i++)
        gft_free(r->data[i]);
}

static const gft_graph *graph_of(const graft_model *model) {
    if (!model->signatures[0].graph)
        fail_msg("no graph: %s", model->signatures[0].problem);
    return model->signatures[0].graph;
}

/* Equal to rounding (batch norms were folded), outputs matched by name. */
static void same_results(const char *kind, const graft_model *a, const graft_model *b) {
    result x = run_graph(graph_of(a));
    result y = run_graph(graph_of(b));
    assert_int_equal(x.count, y.count);
    for (int32_t i = 0; i < x.count; i++) {
        int32_t k = 0;
        float most = 0.0f;
        while (k < y.count && strcmp(y.names[k], x.names[i]) != 0)
            k++;
        if (k == y.count)
            fail_msg("%s: no output '%s'", kind, x.names[i]);
        assert_int_equal(x.elems[i], y.elems[k]);
        for (int64_t e = 0; e < x.elems[i]; e++)
            most = fmaxf(most, fabsf(x.data[i][e]));
        for (int64_t e = 0; e < x.elems[i]; e++) {
            if (!(fabsf(x.data[i][e] - y.data[k][e]) <= 4e-6f * most))
                fail_msg("%s: output %s, element %lld: %g and %g", kind, x.names[i], (long long)e,
                         (double)x.data[i][e], (double)y.data[k][e]);
        }
    }
    free_result(&x);
    free_result(&y);
}

/* ---- there and back ---- */

static char *read_text(const char *dir, const char *name) {
    char *path = gft_path_join(dir, name);
    uint8_t *text = NULL;
    size_t bytes = 0;
    OK(gft_file_read(path, (size_t)1 << 28, &text, &bytes, err));
    gft_free(path);
    return (char *)text;
}

static void every_kind_comes_back(void **state) {
    (void)state;
    for (size_t i = 0; i < MAKER_KINDS; i++) {
        char *first = inside(maker_kinds[i].name);
        char *second = inside("second");
        graft_model *made = NULL;
        graft_model *read = NULL;
        OK(make_model(maker_kinds[i].name, &made, err));
        OK(gft_tfjs_write(made, first, false, err));
        OK(gft_tfjs_read(first, &read, err));
        same_results(maker_kinds[i].name, made, read);
        OK(gft_tfjs_write(made, second, true, err));
        char *a = read_text(first, "model.json");
        char *b = read_text(second, "model.json");
        assert_string_equal(a, b);
        gft_free(a);
        gft_free(b);
        graft_model_free(made);
        graft_model_free(read);
        gft_free(first);
        gft_free(second);
    }
}

static void labels_and_card_come_back(void **state) {
    (void)state;
    char *dir = inside("carried");
    char *json = gft_path_join(dir, "model.json");
    graft_model *made = NULL;
    graft_model *read = NULL;
    graft_preprocess rule;
    OK(make_model("cnn", &made, err));
    assert_true(made->has_preprocess && made->label_count > 0);
    OK(graft_model_export(made, GRAFT_FORMAT_TFJS, json, false, err)); /* DIR/model.json does too */
    OK(graft_model_open(json, &read, err));
    assert_int_equal(read->label_count, made->label_count);
    for (int32_t i = 0; i < made->label_count; i++)
        assert_string_equal(graft_model_label(read, i), made->labels[i]);
    assert_true(graft_model_preprocess(read, &rule));
    assert_int_equal(rule.height, made->preprocess.height);
    assert_int_equal(rule.interpolation, made->preprocess.interpolation);
    assert_string_equal(graft_model_signature_name(read, 0), "serving_default");
    graft_model_free(made);
    graft_model_free(read);
    gft_free(dir);
    gft_free(json);
}

/* Batch norm and bias end in the filter, the activation in the node. */
static void nodes_are_fused(void **state) {
    (void)state;
    char *dir = inside("fused");
    graft_model *made = NULL;
    OK(make_model("cnn", &made, err));
    OK(gft_tfjs_write(made, dir, false, err));
    char *text = read_text(dir, "model.json");
    assert_non_null(strstr(text, "\"op\":\"_FusedConv2D\""));
    assert_null(strstr(text, "FusedBatchNorm"));
    assert_null(strstr(text, "\"op\":\"BiasAdd\""));
    gft_free(text);
    graft_model_free(made);
    gft_free(dir);
}

/* Softsign is spelt; an op that TF.js has not is refused by name. */
static void ops_that_tfjs_has_not(void **state) {
    (void)state;
    char *dir = inside("ops");
    maker m = {.rng = gft_rng_make(5, GFT_RNG_TEST, 0)};
    graft_model *read = NULL;
    const gft_resize_attrs cubic = {.height = 4, .width = 4, .mode = GFT_RESIZE_BICUBIC};
    OK(gft_model_new(&m.model, err));
    OK(gft_graph_new(&m.model->params, &m.graph, err));
    gft_value_id x = make_input(&m, "x", GRAFT_F32, gft_shape_4(-1, 6, 6, 2));
    gft_value_id y = MAKE_NODE(&m, softsign, "sign", NULL, x);
    make_output(&m, "y", y);
    assert_int_equal(m.status, GRAFT_OK);
    OK(gft_model_add_signature(m.model, "serving_default", m.graph, err));
    OK(gft_tfjs_write(m.model, dir, false, err));
    OK(gft_tfjs_read(dir, &read, err));
    same_results("softsign", m.model, read);
    make_output(&m, "z", MAKE_NODE(&m, resize, "larger", &cubic, y));
    assert_int_equal(m.status, GRAFT_OK);
    FAILS(gft_tfjs_write(m.model, dir, true, err), GRAFT_UNIMPLEMENTED,
          "node 'larger/ResizeBicubic': TF.js has no op ResizeBicubic");
    graft_model_free(m.model);
    graft_model_free(read);
    gft_free(dir);
}

/* 9 MiB: two full shards and a rest. */
static void large_weights_are_cut(void **state) {
    (void)state;
    static const size_t SIZES[] = {(size_t)4 << 20, (size_t)4 << 20, (size_t)1 << 20};
    char *dir = inside("large");
    maker m = {.rng = gft_rng_make(5, GFT_RNG_TEST, 0)};
    graft_model *read = NULL;
    OK(gft_model_new(&m.model, err));
    OK(gft_graph_new(&m.model->params, &m.graph, err));
    gft_value_id x = make_input(&m, "x", GRAFT_F32, gft_shape_2(-1, 1024));
    gft_value_id w = make_param(&m, "wide/kernel", gft_shape_2(1024, 2304), GFT_PARAM_WEIGHT, 0, 1);
    const gft_dense_attrs attrs = {{0}};
    make_output(&m, "y", MAKE_NODE(&m, dense, "wide", &attrs, x, w));
    assert_int_equal(m.status, GRAFT_OK);
    OK(gft_model_add_signature(m.model, "serving_default", m.graph, err));
    OK(gft_tfjs_write(m.model, dir, false, err));
    for (int i = 0; i < 3; i++) {
        char name[64];
        gft_map map;
        (void)snprintf(name, sizeof name, "group1-shard%dof3.bin", i + 1);
        char *path = gft_path_join(dir, name);
        OK(gft_map_open(path, &map, err));
        assert_int_equal(map.bytes, SIZES[i]);
        gft_map_close(&map);
        gft_free(path);
    }
    OK(gft_tfjs_read(dir, &read, err));
    same_results("large", m.model, read);
    graft_model_free(m.model);
    graft_model_free(read);
    gft_free(dir);
}

static void places_are_kept(void **state) {
    (void)state;
    char *dir = inside("taken");
    char *other = inside("elsewhere");
    char *file = gft_path_join(other, "notes.txt");
    char *odd = gft_path_join(other, "net.json");
    graft_model *made = NULL;
    OK(make_model("unary", &made, err));
    OK(gft_tfjs_write(made, dir, false, err));
    FAILS(gft_tfjs_write(made, dir, false, err), GRAFT_ALREADY_EXISTS, "exists already");
    OK(gft_tfjs_write(made, dir, true, err));
    OK(gft_dir_make(other, err));
    OK(gft_tfjs_write(made, other, true, err)); /* an empty one */
    OK(gft_tree_remove(other, err));
    OK(gft_dir_make(other, err));
    OK(gft_file_write(file, "x", 1, err));
    FAILS(gft_tfjs_write(made, other, true, err), GRAFT_ALREADY_EXISTS, "not a TF.js model");
    FAILS(gft_tfjs_write(made, file, true, err), GRAFT_ALREADY_EXISTS, "a file");
    FAILS(gft_tfjs_write(made, odd, true, err), GRAFT_INVALID_ARGUMENT, "DIR/model.json");
    graft_model_free(made);
    gft_free(dir);
    gft_free(other);
    gft_free(file);
    gft_free(odd);
}

/* ---- hand-made files ---- */

#define NODE(name, op, inputs, attrs)                                                              \
    "{\"name\":\"" name "\",\"op\":\"" op "\",\"input\":[" inputs "],\"attr\":{" attrs "}}"
#define CONST(name) NODE(name, "Const", "", "\"dtype\":{\"type\":\"DT_FLOAT\"}")
#define F32 "\"T\":{\"type\":\"DT_FLOAT\"}"

/* y = x * w for three values; %s: the entries of weightsManifest. */
static const char TIMES[] = "{\"format\":\"graph-model\",\"modelTopology\":{\"node\":[" NODE(
    "x", "Placeholder", "",
    "\"dtype\":{\"type\":\"DT_FLOAT\"},\"shape\":{\"shape\":{\"dim\":[{\"size\":\"-1\"},"
    "{\"size\":\"3\"}]}}") "," CONST("w") "," NODE("y", "Mul", "\"x\",\"w\"",
                                                   F32) "]},\"weightsManifest\":[%s]}";

static void put(const char *dir, const char *name, const void *data, size_t bytes) {
    char *path = gft_path_join(dir, name);
    OK(gft_file_write(path, data, bytes, err));
    gft_free(path);
}

static graft_status read_files(const char *json, const void *a, size_t a_bytes, const void *b,
                               size_t b_bytes, graft_model **out, graft_error *why) {
    char *dir = inside("made");
    OK(gft_dir_make(dir, err));
    put(dir, "model.json", json, strlen(json));
    put(dir, "a.bin", a, a_bytes);
    put(dir, "b.bin", b, b_bytes);
    const graft_status status = gft_tfjs_read(dir, out, why);
    gft_free(dir);
    return status;
}

/* w is what the run divides by x: the weight as it was read. */
static void check_weight(const char *manifest, const void *a, size_t a_bytes, const void *b,
                         size_t b_bytes, const float expected[3]) {
    char *json = gft_format(TIMES, manifest);
    graft_model *model = NULL;
    OK(read_files(json, a, a_bytes, b, b_bytes, &model, err));
    const gft_graph *graph = graph_of(model);
    result r = run_graph(graph);
    float x[9];
    fill_input("x", &graph->values[graph->inputs[0].value].desc, 9, x);
    for (int i = 0; i < 9; i++) {
        const float y = x[i] * expected[i % 3];
        if (y != r.data[0][i])
            fail_msg("%s: element %d is %.9g, expected %.9g", manifest, i, (double)r.data[0][i],
                     (double)y);
    }
    free_result(&r);
    graft_model_free(model);
    gft_free(json);
}

static void weights_in_every_encoding(void **state) {
    (void)state;
    const float plain[3] = {1.5f, -2.25f, 1e-3f};
    const uint8_t bytes[3] = {0, 7, 255};
    const uint16_t words[3] = {0, 300, 65535};
    const uint16_t halves[3] = {gft_f16_from_f32(0.5f), gft_f16_from_f32(-3.0f), 0x0001};
    const float from_bytes[3] = {-1.25f, (float)(7 * 0.01 - 1.25), (float)(255 * 0.01 - 1.25)};
    const float from_words[3] = {2.0f, (float)(300 * 1e-4 + 2.0), (float)(65535 * 1e-4 + 2.0)};
    const float from_halves[3] = {0.5f, -3.0f, 0x1p-24f};
#define GROUP(paths, quantization)                                                                 \
    "{\"paths\":[" paths                                                                           \
    "],\"weights\":[{\"name\":\"w\",\"shape\":[3],\"dtype\":\"float32\"" quantization "}]}"
    check_weight(GROUP("\"a.bin\"", ""), plain, 12, "", 0, plain);
    check_weight(GROUP("\"a.bin\"", ",\"quantization\":{\"dtype\":\"uint8\",\"scale\":0.01,"
                                    "\"min\":-1.25}"),
                 bytes, 3, "", 0, from_bytes);
    check_weight(GROUP("\"a.bin\"", ",\"quantization\":{\"dtype\":\"uint16\",\"scale\":1e-4,"
                                    "\"min\":2,\"original_dtype\":\"float32\"}"),
                 words, 6, "", 0, from_words);
    check_weight(GROUP("\"a.bin\"", ",\"quantization\":{\"dtype\":\"float16\"}"), halves, 6, "", 0,
                 from_halves);
    /* across two shards, cut within a number */
    check_weight(GROUP("\"a.bin\",\"b.bin\"", ""), plain, 7, (const uint8_t *)plain + 7, 5, plain);
}

/* Behind a weight of one byte the next does not lie aligned. */
static void weights_that_are_not_aligned(void **state) {
    (void)state;
    const float plain[3] = {1.5f, -2.25f, 1e-3f};
    uint8_t shard[13] = {1};
    memcpy(shard + 1, plain, 12);
    check_weight("{\"paths\":[\"a.bin\"],\"weights\":[{\"name\":\"flag\",\"shape\":[],\"dtype\":"
                 "\"bool\"},{\"name\":\"w\",\"shape\":[3],\"dtype\":\"float32\"}]}",
                 shard, 13, "", 0, plain);
}

/* int32 stored as uint8: a target shape for a reshape. */
static void integers_are_decoded(void **state) {
    (void)state;
    static const char JSON[] = "{\"format\":\"graph-model\",\"modelTopology\":{\"node\":[" NODE(
        "x", "Placeholder", "",
        "\"dtype\":{\"type\":\"DT_FLOAT\"},\"shape\":{\"shape\":{\"dim\":[{\"size\":\"-1\"},"
        "{\"size\":6}]}}") "," NODE("s", "Const", "",
                                    "\"dtype\":{\"type\":\"DT_INT32\"}") "," NODE("y", "Reshape",
                                                                                  "\"x\",\"s\"",
                                                                                  F32) "]},"
                                                                                       "\"weightsMa"
                                                                                       "nifest\":[{"
                                                                                       "\"paths\":["
                                                                                       "\"a.bin\"],"
                                                                                       "\"weights\""
                                                                                       ":[{"
                                                                                       "\"name\":"
                                                                                       "\"s\","
                                                                                       "\"shape\":["
                                                                                       "3],"
                                                                                       "\"dtype\":"
                                                                                       "\"int32\","
                                                                                       "\"quantizat"
                                                                                       "ion\":{"
                                                                                       "\"dtype\":"
                                                                                       "\"uint8\","
                                                                                       "\"scale\":"
                                                                                       "0.996,"
                                                                                       "\"min\":-1}"
                                                                                       "}]}]}";
    const uint8_t bytes[3] = {0, 3, 4}; /* -1, 1.988, 2.984 */
    graft_model *model = NULL;
    OK(read_files(JSON, bytes, 3, "", 0, &model, err));
    const gft_graph *graph = graph_of(model);
    const graft_shape *shape = &graph->values[graph->outputs[0].value].desc.shape;
    assert_int_equal(shape->rank, 3);
    assert_int_equal(shape->dims[1], 2);
    assert_int_equal(shape->dims[2], 3);
    graft_model_free(model);
}

typedef struct bad_file {
    const char *json;
    graft_status status;
    const char *part; /* of the message */
} bad_file;

#define ONE(weight) "{\"paths\":[\"a.bin\"],\"weights\":[{\"name\":\"w\"," weight "}]}"

static void bad_manifests(void **state) {
    (void)state;
    static const bad_file FILES[] = {
        {ONE("\"shape\":[3],\"dtype\":\"complex64\""), GRAFT_UNIMPLEMENTED, "complex64"},
        {ONE("\"shape\":[3]"), GRAFT_DATA_LOSS, "of type none"},
        {ONE("\"dtype\":\"float32\""), GRAFT_DATA_LOSS, "no shape"},
        {ONE("\"shape\":[-3],\"dtype\":\"float32\""), GRAFT_DATA_LOSS, "dimension"},
        {ONE("\"shape\":[1,1,1,1,1,1,1,1,3],\"dtype\":\"float32\""), GRAFT_UNIMPLEMENTED, "rank 9"},
        {ONE("\"shape\":[4],\"dtype\":\"float32\""), GRAFT_DATA_LOSS, "needs 16 bytes at 0"},
        {ONE("\"shape\":[4611686018427387904,4],\"dtype\":\"float32\""), GRAFT_DATA_LOSS,
         "overflows"},
        {ONE("\"shape\":[9007199254740992],\"dtype\":\"string\""), GRAFT_DATA_LOSS, "more strings"},
        {ONE("\"shape\":[3],\"dtype\":\"float32\",\"quantization\":{\"dtype\":\"int4\"}"),
         GRAFT_UNIMPLEMENTED, "int4"},
        {ONE("\"shape\":[3],\"dtype\":\"float32\",\"quantization\":{\"dtype\":\"uint8\"}"),
         GRAFT_DATA_LOSS, "no scale"},
        {ONE("\"shape\":[3],\"dtype\":\"bool\",\"quantization\":{\"dtype\":\"uint8\"}"),
         GRAFT_DATA_LOSS, "neither float32 nor int32"},
        {"{\"paths\":[\"../a.bin\"],\"weights\":[]}", GRAFT_INVALID_ARGUMENT, "'../a.bin'"},
        {"{\"paths\":[\"sub/../../a.bin\"],\"weights\":[]}", GRAFT_INVALID_ARGUMENT, "inside"},
        {"{\"paths\":[\"/etc/passwd\"],\"weights\":[]}", GRAFT_INVALID_ARGUMENT, "inside"},
        {"{\"paths\":[\"..\"],\"weights\":[]}", GRAFT_INVALID_ARGUMENT, "inside"},
        {"{\"paths\":[\"\"],\"weights\":[]}", GRAFT_INVALID_ARGUMENT, "inside"},
        {"{\"paths\":[\"missing.bin\"],\"weights\":[]}", GRAFT_NOT_FOUND, "missing.bin"},
        {"{\"paths\":[7],\"weights\":[]}", GRAFT_DATA_LOSS, "not a text"},
        {"{\"paths\":[]}", GRAFT_DATA_LOSS, "without paths or weights"},
        {"{\"paths\":[\"a.bin\"],\"weights\":[{}]}", GRAFT_DATA_LOSS, "without a name"},
    };
    for (size_t i = 0; i < sizeof FILES / sizeof FILES[0]; i++) {
        char *json = gft_format(TIMES, FILES[i].json);
        graft_model *model = NULL;
        FAILS(read_files(json, "abcdefghijkl", 12, "", 0, &model, err), FILES[i].status,
              FILES[i].part);
        assert_null(model);
        gft_free(json);
    }
}

#define TOPOLOGY(nodes) "{\"format\":\"graph-model\",\"modelTopology\":{\"node\":[" nodes "]}}"

static void bad_topologies(void **state) {
    (void)state;
    static const bad_file FILES[] = {
        {"[]", GRAFT_DATA_LOSS, "modelTopology"},
        {"{\"format\":\"graph-model\"}", GRAFT_DATA_LOSS, "modelTopology"},
        {"{\"modelTopology\":{}}", GRAFT_DATA_LOSS, "neither a graph nor a Keras configuration"},
        {"{\"format\":\"graph-model\",\"modelTopology\":{}}", GRAFT_DATA_LOSS, "no list of nodes"},
        {"{\"format\":\"onnx\",\"modelTopology\":{\"node\":[]}}", GRAFT_UNIMPLEMENTED, "'onnx'"},
        {"{\"format\":\"graph-model\",", GRAFT_DATA_LOSS, "line 1"},
        {TOPOLOGY("{}"), GRAFT_DATA_LOSS, "without a name"},
        {TOPOLOGY("{\"name\":\"a\"}"), GRAFT_DATA_LOSS, "without an op"},
        {TOPOLOGY("{\"name\":\"a\",\"op\":\"Relu\",\"input\":[1]}"), GRAFT_DATA_LOSS, "no text"},
        {TOPOLOGY(NODE("a", "Relu", "", "\"T\":{\"type\":\"DT_FLAT\"}")), GRAFT_DATA_LOSS,
         "DT_FLAT"},
        {TOPOLOGY(NODE("a", "Relu", "", "\"T\":{\"s\":\"*\"}")), GRAFT_DATA_LOSS, "base64"},
        {TOPOLOGY(NODE("a", "Relu", "", "\"T\":{\"i\":\"x\"}")), GRAFT_DATA_LOSS, "whole number"},
        {TOPOLOGY(NODE("a", "Relu", "", "\"T\":{\"f\":\"x\"}")), GRAFT_DATA_LOSS, "a number"},
        {TOPOLOGY(NODE("a", "Relu", "", "\"T\":{\"b\":1}")), GRAFT_DATA_LOSS, "true or false"},
        {TOPOLOGY(NODE("a", "Relu", "", "\"T\":{\"q\":1}")), GRAFT_DATA_LOSS, "one of s, i, f"},
    };
    for (size_t i = 0; i < sizeof FILES / sizeof FILES[0]; i++) {
        graft_model *model = NULL;
        FAILS(read_files(FILES[i].json, "", 0, "", 0, &model, err), FILES[i].status, FILES[i].part);
        assert_null(model);
    }
}

/* What cannot be run still opens and says why. */
static void problems_are_told(void **state) {
    (void)state;
    graft_model *model = NULL;
    OK(read_files(TOPOLOGY(NODE("x", "Placeholder", "",
                                "\"dtype\":{\"type\":\"DT_FLOAT\"},\"shape\":{\"shape\":{\"dim\":["
                                "{\"size\":\"2\"}]}}") "," NODE("y", "Bessel", "\"x\"", F32)),
                  "", 0, "", 0, &model, err));
    assert_null(model->signatures[0].graph);
    assert_non_null(strstr(model->signatures[0].problem, "Bessel"));
    graft_model_free(model);
}

/* Nested models' layers have no prefix in the weights' names. */
static const char LAYERS[] =
    "{\"format\":\"layers-model\",\"modelTopology\":{\"keras_version\":\"2.4.0\",\"model_config\":{"
    "\"class_name\":\"Sequential\",\"config\":{\"name\":\"net\",\"layers\":[{\"class_name\":"
    "\"Sequential\",\"config\":{\"name\":\"inner\",\"layers\":[{\"class_name\":\"Dense\","
    "\"config\":{\"name\":\"first\",\"batch_input_shape\":[null,3],\"units\":2,\"use_bias\":true,"
    "\"activation\":\"relu\"}}]}},{\"class_name\":\"Dense\",\"config\":{\"name\":\"last\","
    "\"units\":1,\"use_bias\":false,\"activation\":\"linear\"}}]}}},\"weightsManifest\":[{"
    "\"paths\":[\"a.bin\"],\"weights\":[{\"name\":\"first/kernel\",\"shape\":[3,2],\"dtype\":"
    "\"float32\"},{\"name\":\"first/bias\",\"shape\":[2],\"dtype\":\"float32\"},{\"name\":"
    "\"last/kernel\",\"shape\":[2,1],\"dtype\":\"float32\"}]}]}";
static const float LAYER_WEIGHTS[10] = {1, 2, 3, 4, 5, 6, 0.5f, -0.5f, 2, -3};

static void layers_models_are_read(void **state) {
    (void)state;
    graft_model *model = NULL;
    OK(read_files(LAYERS, LAYER_WEIGHTS, sizeof LAYER_WEIGHTS, "", 0, &model, err));
    const gft_param_id kernel = gft_params_find(&model->params, "inner/first/kernel");
    assert_true(kernel >= 0);
    assert_memory_equal(model->params.items[kernel].data, LAYER_WEIGHTS, 24);
    const gft_graph *graph = graph_of(model);
    result r = run_graph(graph);
    float x[9];
    fill_input(graph->inputs[0].name, &graph->values[graph->inputs[0].value].desc, 9, x);
    for (int i = 0; i < 3; i++) {
        const float *w = LAYER_WEIGHTS;
        const float *v = x + (ptrdiff_t)i * 3;
        const float a = fmaxf(v[0] * w[0] + v[1] * w[2] + v[2] * w[4] + w[6], 0.0f);
        const float b = fmaxf(v[0] * w[1] + v[1] * w[3] + v[2] * w[5] + w[7], 0.0f);
        assert_float_equal(r.data[0][i], 2.0f * a - 3.0f * b, 1e-4f);
    }
    free_result(&r);
    graft_model_free(model);
}

/* A file cut at any byte is refused, and says something. */
static void cut_files(void **state) {
    (void)state;
    for (size_t length = 0; length + 1 < sizeof LAYERS; length += 7) {
        graft_model *model = NULL;
        graft_error why = {0};
        char *json = gft_strndup(LAYERS, length);
        assert_int_equal(read_files(json, LAYER_WEIGHTS, 40, "", 0, &model, &why), GRAFT_DATA_LOSS);
        assert_true(why.message[0] != '\0');
        gft_free(json);
    }
    for (size_t bytes = 0; bytes < sizeof LAYER_WEIGHTS; bytes++) {
        graft_model *model = NULL;
        FAILS(read_files(LAYERS, LAYER_WEIGHTS, bytes, "", 0, &model, err), GRAFT_DATA_LOSS,
              "its shards have");
    }
}

static void read_until_it_works(const char *path) {
    graft_status status = GRAFT_RESOURCE_EXHAUSTED;
    for (int64_t n = 1; status != GRAFT_OK; n++) {
        graft_model *read = NULL;
        gft_alloc_fail_after(n);
        status = gft_tfjs_read(path, &read, NULL);
        gft_alloc_fail_after(0);
        if (status != GRAFT_OK)
            assert_int_equal(status, GRAFT_RESOURCE_EXHAUSTED);
        else
            graft_model_free(read);
        assert_true(n < 20000);
    }
}

static void every_allocation_fails_once(void **state) {
    (void)state;
    graft_model *made = NULL;
    graft_model *layers = NULL;
    char *path = inside("memory");
    char *other = inside("made");
    OK(make_model("cnn", &made, err));
    graft_status status = GRAFT_RESOURCE_EXHAUSTED;
    for (int64_t n = 1; status != GRAFT_OK; n++) {
        gft_alloc_fail_after(n);
        status = gft_tfjs_write(made, path, true, NULL);
        gft_alloc_fail_after(0);
        if (status != GRAFT_OK)
            assert_int_equal(status, GRAFT_RESOURCE_EXHAUSTED);
        assert_true(n < 20000);
    }
    read_until_it_works(path);
    OK(read_files(LAYERS, LAYER_WEIGHTS, sizeof LAYER_WEIGHTS, "", 0, &layers, err));
    read_until_it_works(other);
    graft_model_free(made);
    graft_model_free(layers);
    gft_free(path);
    gft_free(other);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_comes_back),
        cmocka_unit_test(labels_and_card_come_back),
        cmocka_unit_test(nodes_are_fused),
        cmocka_unit_test(ops_that_tfjs_has_not),
        cmocka_unit_test(large_weights_are_cut),
        cmocka_unit_test(places_are_kept),
        cmocka_unit_test(weights_in_every_encoding),
        cmocka_unit_test(weights_that_are_not_aligned),
        cmocka_unit_test(integers_are_decoded),
        cmocka_unit_test(bad_manifests),
        cmocka_unit_test(bad_topologies),
        cmocka_unit_test(problems_are_told),
        cmocka_unit_test(layers_models_are_read),
        cmocka_unit_test(cut_files),
        cmocka_unit_test(every_allocation_fails_once),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
