/*
 * Strings in graphs: moved, looked up, parsed. Plans with several shapes, failures that end a run
 * and not the session, sound cut into windows, vocabulary files.
 */
#include "models_test.h"

#include "formats/example.h"
#include "models/op_strings.h"
#include "models/savedmodel_vocabulary.h"
#include "models/session.h"

static graft_string_view view(const char *text) {
    return (graft_string_view){text, strlen(text)};
}

static bool is(graft_string_view v, const char *text) {
    return v.bytes == strlen(text) && memcmp(v.data, text, v.bytes) == 0;
}

static graft_tensor strings(const char *name, const graft_string_view *v, int64_t count) {
    return (graft_tensor){.name = name,
                          .desc = {GRAFT_STRING, gft_shape_1(count), NULL},
                          .data = (void *)(uintptr_t)v,
                          .bytes = (size_t)count * sizeof *v};
}

static gft_value_id constant(gft_graph *g, graft_dtype dtype, graft_shape shape, const void *data) {
    gft_value_id out = -1;
    const graft_tensor_desc desc = {dtype, shape, NULL};
    OK(gft_graph_const(g, "constant", &desc, data, false, &out, err));
    return out;
}

static gft_graph *new_graph(graft_model **model, int64_t count, gft_value_id *x) {
    gft_graph *g = NULL;
    const graft_tensor_desc desc = {GRAFT_STRING, gft_shape_1(count), NULL};
    OK(gft_model_new(model, err));
    OK(gft_graph_new(&(*model)->params, &g, err));
    OK(gft_graph_input(g, "text", &desc, x, err));
    return g;
}

static graft_session *open_session(graft_model *model, gft_graph *g) {
    graft_session *session = NULL;
    OK(gft_model_add_signature(model, "serving_default", g, err));
    OK(graft_session_new(model, 0, 2, &session, err));
    return session;
}

/* Every op that only moves values, on strings. */
static void strings_are_moved(void **state) {
    (void)state;
    graft_model *model;
    gft_value_id x;
    gft_graph *g = new_graph(&model, -1, &x);
    const graft_string_view more[2] = {view("p"), view("q")};
    const int32_t order[3] = {2, 0, 1};
    const gft_axis_attrs first = {0};
    gft_value_id joined[2] = {x, constant(g, GRAFT_STRING, gft_shape_1(2), more)};
    gft_value_id y = -1;
    OK(gft_graph_add(g, &gft_op_concat, "join", &first, joined, 2, &y, err));
    OK(gft_graph_output(g, "joined", y, err));
    const gft_value_id gathered =
        node(g, &gft_op_gather, "pick", &first, y, constant(g, GRAFT_S32, gft_shape_1(3), order));
    OK(gft_graph_output(g, "picked", gathered, err));
    const gft_shape_attrs square = {.shape = gft_shape_2(2, 2)};
    const gft_value_id table = node(g, &gft_op_reshape, "square", &square, y, -1);
    const gft_transpose_attrs swap = {{1, 0}};
    OK(gft_graph_output(g, "turned", node(g, &gft_op_transpose, "turn", &swap, table, -1), err));
    const gft_slice_attrs tail = {{1, 0}, {1, 2}};
    OK(gft_graph_output(g, "row", node(g, &gft_op_slice, "row", &tail, table, -1), err));
    const gft_shape_attrs wide = {.shape = {3, {2, 2, 2}}};
    OK(gft_graph_output(g, "spread", node(g, &gft_op_broadcast_to, "spread", &wide, table, -1),
                        err));
    graft_session *session = open_session(model, g);
    const graft_string_view in[2] = {view("a"), {"b\0c", 3}};
    graft_tensor given = strings("text", in, 2);
    graft_tensor out[5];
    OK(graft_session_run(session, &given, 1, out, 5, err));
    const graft_string_view *v = out[0].data;
    assert_true(out[0].desc.shape.dims[0] == 4 && is(v[0], "a") && v[1].bytes == 3 &&
                is(v[3], "q"));
    v = out[1].data;
    assert_true(is(v[0], "p") && is(v[1], "a") && v[2].bytes == 3);
    v = out[2].data;
    assert_true(is(v[0], "a") && is(v[1], "p") && v[2].bytes == 3 && is(v[3], "q"));
    v = out[3].data;
    assert_true(is(v[0], "p") && is(v[1], "q"));
    v = out[4].data;
    assert_true(out[4].bytes == 8 * sizeof *v && is(v[4], "a") && is(v[7], "q"));
    graft_tensor number = {.name = "text", .desc = {GRAFT_S64, gft_shape_1(1), NULL}, .bytes = 8};
    FAILS(graft_session_run(session, &number, 1, out, 5, err), GRAFT_INVALID_ARGUMENT,
          "got int64 [1], expected string [?]");
    graft_session_free(session);
    graft_model_free(model);
}

static gft_value_id look_up(gft_graph *g, gft_value_id keys, gft_value_id otherwise,
                            gft_value_id table_keys, gft_value_id table_values) {
    const gft_value_id inputs[4] = {keys, otherwise, table_keys, table_values};
    gft_value_id out = -1;
    OK(gft_graph_add(g, &gft_op_table_find, "find", NULL, inputs, 4, &out, err));
    return out;
}

/* string -> int64 -> string, and what is not there; enough keys that some share a slot. */
static void tables_find(void **state) {
    (void)state;
    enum { WORDS = 1000 };
    static char text[WORDS][8];
    static graft_string_view words[WORDS];
    static int64_t numbers[WORDS];
    static float halves[WORDS];
    graft_model *model;
    gft_value_id x;
    const int64_t none = -7;
    const graft_string_view unknown = view("?");
    const float nan = 0.25f;
    for (int i = 0; i < WORDS; i++) {
        snprintf(text[i], sizeof text[i], "w%d", i);
        words[i] = view(text[i]);
        numbers[i] = 3 * i;
        halves[i] = (float)i / 2;
    }
    gft_graph *g = new_graph(&model, -1, &x);
    const gft_value_id w = constant(g, GRAFT_STRING, gft_shape_1(WORDS), words);
    const gft_value_id n = constant(g, GRAFT_S64, gft_shape_1(WORDS), numbers);
    const gft_value_id f = constant(g, GRAFT_F32, gft_shape_1(WORDS), halves);
    const gft_value_id ids = look_up(g, x, constant(g, GRAFT_S64, gft_shape_0(), &none), w, n);
    OK(gft_graph_output(g, "ids", ids, err));
    OK(gft_graph_output(g, "back",
                        look_up(g, ids, constant(g, GRAFT_STRING, gft_shape_1(1), &unknown), n, w),
                        err));
    OK(gft_graph_output(g, "halves",
                        look_up(g, x, constant(g, GRAFT_F32, gft_shape_0(), &nan), w, f), err));
    graft_session *session = open_session(model, g);
    static graft_string_view in[WORDS + 2];
    memcpy(in, words, sizeof words);
    in[WORDS] = view("w1000");
    in[WORDS + 1] = (graft_string_view){NULL, 0};
    graft_tensor given = strings("text", in, WORDS + 2);
    graft_tensor out[3];
    OK(graft_session_run(session, &given, 1, out, 3, err));
    for (int i = 0; i < WORDS; i++) {
        assert_int_equal(((const int64_t *)out[0].data)[i], 3 * i);
        assert_true(is(((const graft_string_view *)out[1].data)[i], text[i]));
        assert_true(((const float *)out[2].data)[i] == halves[i]);
    }
    for (int i = WORDS; i < WORDS + 2; i++) {
        assert_int_equal(((const int64_t *)out[0].data)[i], -7);
        assert_true(is(((const graft_string_view *)out[1].data)[i], "?"));
        assert_true(((const float *)out[2].data)[i] == 0.25f);
    }
    graft_session_free(session);
    graft_model_free(model);
}

static void tables_are_checked(void **state) {
    (void)state;
    graft_model *model;
    gft_value_id x;
    gft_value_id out;
    gft_graph *g = new_graph(&model, 3, &x);
    const int64_t numbers[2] = {1, 2};
    const graft_string_view words[2] = {view("a"), view("b")};
    const gft_value_id n = constant(g, GRAFT_S64, gft_shape_1(2), numbers);
    const gft_value_id w = constant(g, GRAFT_STRING, gft_shape_1(2), words);
    const gft_value_id one = constant(g, GRAFT_S64, gft_shape_0(), numbers);
    const gft_value_id short_list = constant(g, GRAFT_S64, gft_shape_1(1), numbers);
    const gft_value_id wrong_keys[4] = {x, one, n, n};
    FAILS(gft_graph_add(g, &gft_op_table_find, "find", NULL, wrong_keys, 4, &out, err),
          GRAFT_INVALID_ARGUMENT, "input 0 is string, expected int64");
    const gft_value_id wrong_default[4] = {x, w, w, n};
    FAILS(gft_graph_add(g, &gft_op_table_find, "find", NULL, wrong_default, 4, &out, err),
          GRAFT_INVALID_ARGUMENT, "input 1 is string, expected int64");
    const gft_value_id uneven[4] = {x, one, w, short_list};
    FAILS(gft_graph_add(g, &gft_op_table_find, "find", NULL, uneven, 4, &out, err),
          GRAFT_INVALID_ARGUMENT, "2 keys and 1 values");
    gft_graph_free(g);
    graft_model_free(model);
}

/* ---- examples ---- */

typedef struct packed {
    gft_buffer bytes;
} packed;

static graft_string_view example(packed *p, const float *x, size_t count, const int64_t *label,
                                 const char *name) {
    gft_example_writer w;
    gft_example_writer_init(&w);
    gft_buffer_init(&p->bytes, 4096);
    if (x)
        OK(gft_example_put_float(&w, "x", x, count, err));
    if (label)
        OK(gft_example_put_int64(&w, "label", label, 1, err));
    if (name)
        OK(gft_example_put_bytes(&w, "name", name, strlen(name), err));
    OK(gft_example_finish(&w, &p->bytes, err));
    gft_example_writer_deinit(&w);
    return (graft_string_view){(const char *)p->bytes.data, p->bytes.bytes};
}

static void add_feature(gft_graph *g, gft_value_id x, const char *key, graft_dtype dtype,
                        graft_shape shape, gft_value_id otherwise) {
    const gft_parse_feature_attrs attrs = {key, strlen(key), dtype, shape};
    OK(gft_graph_output(g, key, node(g, &gft_op_parse_feature, key, &attrs, x, otherwise), err));
}

static void examples_are_parsed(void **state) {
    (void)state;
    graft_model *model;
    gft_value_id text;
    gft_graph *g = new_graph(&model, -1, &text);
    const float zeros[2] = {9, 8};
    const float x[2] = {1.5f, -2};
    const int64_t label = 77;
    packed p[3];
    add_feature(g, text, "x", GRAFT_F32, gft_shape_1(2),
                constant(g, GRAFT_F32, gft_shape_1(2), zeros));
    add_feature(g, text, "label", GRAFT_S64, gft_shape_0(), -1);
    add_feature(g, text, "name", GRAFT_STRING, gft_shape_1(1),
                constant(g, GRAFT_STRING, gft_shape_1(1), &(graft_string_view){"none", 4}));
    graft_session *session = open_session(model, g);
    graft_string_view in[2] = {example(&p[0], x, 2, &label, "first"),
                               example(&p[1], NULL, 0, &label, NULL)};
    graft_tensor given = strings("text", in, 2);
    graft_tensor out[3];
    OK(graft_session_run(session, &given, 1, out, 3, err));
    const float *floats = out[0].data;
    assert_true(out[0].desc.shape.rank == 2 && floats[0] == 1.5f && floats[1] == -2.0f);
    assert_true(floats[2] == 9.0f && floats[3] == 8.0f);
    assert_true(out[1].desc.shape.rank == 1 && ((const int64_t *)out[1].data)[1] == 77);
    const graft_string_view *names = out[2].data;
    assert_true(is(names[0], "first") && is(names[1], "none"));
    assert_true(names[0].data > in[0].data &&
                names[0].data < in[0].data + in[0].bytes); /* a view */
    /*
     * what cannot be parsed ends the run with the example's number, and the next run is a run again
     */
    in[1] = example(&p[2], x, 1, &label, NULL);
    FAILS(graft_session_run(session, &given, 1, out, 3, err), GRAFT_INVALID_ARGUMENT,
          "example 1: feature 'x' holds 1 values, expected 2");
    in[1].bytes -= 3;
    FAILS(graft_session_run(session, &given, 1, out, 3, err), GRAFT_DATA_LOSS,
          "example 1: at byte");
    in[1] = (graft_string_view){"", 0};
    FAILS(graft_session_run(session, &given, 1, out, 3, err), GRAFT_INVALID_ARGUMENT,
          "example 1: there is no feature 'label', and it has no default");
    in[1] = in[0];
    OK(graft_session_run(session, &given, 1, out, 3, err));
    given = strings("text", in, 0);
    OK(graft_session_run(session, &given, 1, out, 3, err));
    assert_int_equal(out[0].bytes, 0);
    for (int i = 0; i < 3; i++)
        gft_buffer_deinit(&p[i].bytes);
    graft_session_free(session);
    graft_model_free(model);
}

static void wrong_kinds_are_named(void **state) {
    (void)state;
    graft_model *model;
    gft_value_id text;
    gft_graph *g = new_graph(&model, -1, &text);
    const int64_t label = 1;
    packed p;
    add_feature(g, text, "label", GRAFT_F32, gft_shape_1(1), -1);
    graft_session *session = open_session(model, g);
    graft_string_view in = example(&p, NULL, 0, &label, NULL);
    graft_tensor given = strings("text", &in, 1);
    graft_tensor out;
    FAILS(graft_session_run(session, &given, 1, &out, 1, err), GRAFT_INVALID_ARGUMENT,
          "feature 'label' holds int64 values, expected float");
    gft_buffer_deinit(&p.bytes);
    graft_session_free(session);
    graft_model_free(model);
}

/* ---- vocabulary files ---- */

static void vocabularies_are_read(void **state) {
    (void)state;
    char dir[64];
    char path[96];
    gft_arena arena;
    graft_tensor keys;
    graft_tensor values;
    gft_arena_init(&arena);
    snprintf(path, sizeof path, "%s/v.txt", make_dir(dir));
    OK(gft_file_write(path, "apple\t5\r\npear\t-6\nplum\t7", 23, err));
    gft_vocabulary v = {
        GFT_VOCABULARY_LINE, GFT_VOCABULARY_NUMBER, -1, 10, '\t', GRAFT_STRING, GRAFT_S64};
    OK(gft_vocabulary_read(&v, path, &arena, &keys, &values, err));
    assert_int_equal(keys.desc.shape.dims[0], 3);
    assert_true(is(((const graft_string_view *)keys.data)[0], "apple\t5"));
    assert_true(is(((const graft_string_view *)keys.data)[2], "plum\t7"));
    assert_int_equal(((const int64_t *)values.data)[2], 12);
    v = (gft_vocabulary){1, 0, 2, 0, '\t', GRAFT_S32, GRAFT_STRING};
    OK(gft_vocabulary_read(&v, path, &arena, &keys, &values, err));
    assert_int_equal(keys.desc.shape.dims[0], 2);
    assert_int_equal(((const int32_t *)keys.data)[1], -6);
    assert_true(is(((const graft_string_view *)values.data)[1], "pear"));
    v.key_index = 2;
    FAILS(gft_vocabulary_read(&v, path, &arena, &keys, &values, err), GRAFT_DATA_LOSS, "line 1");
    v.key_index = 0;
    FAILS(gft_vocabulary_read(&v, path, &arena, &keys, &values, err), GRAFT_DATA_LOSS, "line 1");
    gft_arena_deinit(&arena);
    OK(gft_tree_remove(dir, err));
}

/* ---- sound ---- */

/* A model that gives the sum of each window: float32 (N or 2, 4[, 1]). */
static graft_session *sums(graft_model **model, int64_t batch, bool column) {
    gft_graph *g = NULL;
    gft_value_id x = -1;
    const graft_shape shape = {column ? 3 : 2, {batch, 4, 1}};
    const graft_tensor_desc desc = gft_desc_f32(shape);
    OK(gft_model_new(model, err));
    OK(gft_graph_new(&(*model)->params, &g, err));
    OK(gft_graph_input(g, "sound", &desc, &x, err));
    const gft_reduce_attrs sum = {.axes = 1u << 1};
    OK(gft_graph_output(g, "sum", node(g, &gft_op_reduce_sum, "sum", &sum, x, -1), err));
    return open_session(*model, g);
}

static void sound_is_cut_into_windows(void **state) {
    (void)state;
    float samples[70];
    for (int i = 0; i < 70; i++)
        samples[i] = 1.0f;
    for (int round = 0; round < 2; round++) { /* any number of windows; two at a time */
        graft_model *model;
        graft_session *session = sums(&model, round == 0 ? -1 : 2, round == 0);
        graft_tensor *out = NULL;
        int32_t count = 0;
        assert_int_equal(graft_session_sound_window(session), 4);
        OK(graft_session_run_sound(session, samples, 70, &out, &count, err));
        assert_true(count == 1 && strcmp(out[0].name, "sum") == 0);
        assert_int_equal(out[0].desc.shape.dims[0], 18);
        for (int i = 0; i < 17; i++)
            assert_true(((const float *)out[0].data)[i] == 4.0f);
        assert_true(((const float *)out[0].data)[17] == 2.0f); /* zeros behind the end */
        graft_arrays_free(out, count);
        OK(graft_session_run_sound(session, samples, 0, &out, &count, err));
        assert_int_equal(out[0].desc.shape.dims[0], 1);
        graft_arrays_free(out, count);
        graft_session_free(session);
        graft_model_free(model);
    }
}

static void sound_needs_a_fitting_input(void **state) {
    (void)state;
    graft_model *model = colour_model(-1, 4, 1.0f, true);
    graft_session *session = NULL;
    graft_tensor *out = NULL;
    int32_t count;
    float samples[4] = {0};
    OK(graft_session_new(model, 0, 1, &session, err));
    FAILS(graft_session_run_sound(session, samples, 4, &out, &count, err), GRAFT_INVALID_ARGUMENT,
          "sound goes into float32 [windows,samples]");
    graft_session_free(session);
    graft_model_free(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strings_are_moved),         cmocka_unit_test(tables_find),
        cmocka_unit_test(tables_are_checked),        cmocka_unit_test(examples_are_parsed),
        cmocka_unit_test(wrong_kinds_are_named),     cmocka_unit_test(vocabularies_are_read),
        cmocka_unit_test(sound_is_cut_into_windows), cmocka_unit_test(sound_needs_a_fitting_input)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
