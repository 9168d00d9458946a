/*
 * The card: written and read back, foreign cards, bad cards; labels and signatures of the model
 * object.
 */
#include "models_test.h"

#include <jansson.h>

static void round_trip(void **state) {
    (void)state;
    graft_model *a = NULL;
    graft_model *b = NULL;
    OK(gft_model_new(&a, err));
    OK(gft_model_new(&b, err));
    a->backbone = "google/efficientnet/lite0/feature-vector/1";
    a->backbone_sha256 = "0123";
    a->has_preprocess = true;
    a->preprocess = graft_preprocess_default(240, 320);
    a->preprocess.mode = GRAFT_RESIZE_PAD;
    a->preprocess.interpolation = GRAFT_LANCZOS3;
    a->preprocess.flavour = GRAFT_FLAVOUR_TF;
    a->preprocess.antialias = false;
    a->preprocess.crop_fraction = 0.1;
    a->preprocess.pad_value = 3;
    OK(gft_model_make_card(a, "{\"head\": \"dense:4\", \"accuracy\": {\"val_top1\": 0.5}}", err));
    OK(gft_model_set_card(b, graft_model_card_json(a), "test", err));
    assert_string_equal(graft_model_backbone(b), a->backbone);
    assert_string_equal(b->backbone_sha256, "0123");
    graft_preprocess rule;
    assert_true(graft_model_preprocess(b, &rule));
    assert_int_equal(rule.height, 240);
    assert_int_equal(rule.width, 320);
    assert_int_equal(rule.mode, GRAFT_RESIZE_PAD);
    assert_int_equal(rule.interpolation, GRAFT_LANCZOS3);
    assert_int_equal(rule.flavour, GRAFT_FLAVOUR_TF);
    assert_false(rule.antialias);
    assert_true(rule.crop_fraction == 0.1);
    assert_int_equal(rule.crop_padding, a->preprocess.crop_padding);
    assert_int_equal(rule.pad_value, 3);
    assert_string_equal(graft_model_card_json(b), graft_model_card_json(a)); /* kept as it was */
    json_t *root = json_loads(b->card, 0, NULL);
    assert_string_equal(json_string_value(json_object_get(root, "head")), "dense:4");
    assert_non_null(strstr(json_string_value(json_object_get(root, "tool")), "graft "));
    json_decref(root);
    graft_model_free(a);
    graft_model_free(b);
}

static void extra_members(void **state) {
    (void)state;
    graft_model *m = NULL;
    OK(gft_model_new(&m, err));
    OK(gft_model_make_card(m, NULL, err));
    assert_non_null(strstr(m->card, "\"tool\""));
    assert_null(strstr(m->card, "preprocess"));
    OK(gft_model_make_card(m, "{\"tool\": null, \"format\": \"x\"}", err));
    assert_null(strstr(m->card, "tool"));
    assert_non_null(strstr(m->card, "\"format\": \"x\""));
    FAILS(gft_model_make_card(m, "[1]", err), GRAFT_INVALID_ARGUMENT, "no JSON object");
    FAILS(gft_model_make_card(m, "{", err), GRAFT_INVALID_ARGUMENT, "no JSON object");
    graft_model_free(m);
}

static void foreign_cards(void **state) {
    (void)state;
    graft_model *m = NULL;
    OK(gft_model_new(&m, err));
    OK(gft_model_set_card(m, "{}", "test", err));
    assert_false(graft_model_preprocess(m, &(graft_preprocess){0}));
    assert_null(graft_model_backbone(m));
    OK(gft_model_set_card(m, "{\"colour\": [1, 2], \"backbone\": null, \"preprocess\": null}",
                          "test", err));
    OK(gft_model_set_card(m, "{\"preprocess\": {\"height\": 8, \"width\": 9, \"new\": 1}}", "test",
                          err));
    assert_int_equal(m->preprocess.width, 9);
    assert_int_equal(m->preprocess.mode,
                     GRAFT_RESIZE_SQUEEZE); /* the default for what is missing */
    graft_model_free(m);
}

static void bad_cards(void **state) {
    (void)state;
    static const struct {
        const char *text;
        graft_status status;
        const char *part;
    } BAD[] = {
        {"", GRAFT_DATA_LOSS, "test"},
        {"[]", GRAFT_DATA_LOSS, "JSON object"},
        {"{\"a\": 1, \"a\": 2}", GRAFT_DATA_LOSS, "line 1"},
        {"{\"format\": \"other\"}", GRAFT_DATA_LOSS, "'other'"},
        {"{\"format\": 3}", GRAFT_DATA_LOSS, "format"},
        {"{\"version\": 9}", GRAFT_UNIMPLEMENTED, "version 9"},
        {"{\"backbone\": \"x\"}", GRAFT_DATA_LOSS, "backbone"},
        {"{\"backbone\": {\"handle\": 1}}", GRAFT_DATA_LOSS, "backbone.handle"},
        {"{\"preprocess\": 3}", GRAFT_DATA_LOSS, "preprocess"},
        {"{\"preprocess\": {}}", GRAFT_DATA_LOSS, "0 x 0"},
        {"{\"preprocess\": {\"height\": \"8\", \"width\": 8}}", GRAFT_DATA_LOSS,
         "preprocess.height"},
        {"{\"preprocess\": {\"height\": 8, \"width\": 99999999999}}", GRAFT_DATA_LOSS,
         "preprocess.width"},
        {"{\"preprocess\": {\"height\": 8, \"width\": 8, \"mode\": \"stretch\"}}", GRAFT_DATA_LOSS,
         "stretch"},
        {"{\"preprocess\": {\"height\": 8, \"width\": 8, \"antialias\": 1}}", GRAFT_DATA_LOSS,
         "antialias"},
        {"{\"preprocess\": {\"height\": 8, \"width\": 8, \"mode\": \"crop\", \"crop_fraction\": "
         "2}}",
         GRAFT_DATA_LOSS, "crop fraction 2"},
    };
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        graft_model *m = NULL;
        OK(gft_model_new(&m, err));
        FAILS(gft_model_set_card(m, BAD[i].text, "test", err), BAD[i].status, BAD[i].part);
        assert_null(graft_model_card_json(m)); /* untouched */
        assert_null(graft_model_backbone(m));
        graft_model_free(m);
    }
}

static void nested_too_deep(void **state) {
    (void)state;
    graft_model *m = NULL;
    size_t depth = 200000;
    char *text = malloc(depth + 16);
    strcpy(text, "{\"a\":");
    memset(text + 5, '[', depth);
    text[5 + depth] = '\0';
    OK(gft_model_new(&m, err));
    FAILS(gft_model_set_card(m, text, "test", err), GRAFT_DATA_LOSS, "test");
    free(text);
    graft_model_free(m);
}

/* ---- the object ---- */

static int closed;
static void close_it(void *object) {
    closed += *(int *)object;
}

static void object(void **state) {
    (void)state;
    graft_model *m = NULL;
    int one = 1;
    int ten = 10;
    static const char *const LABELS[] = {"cat", "dog"};
    closed = 0;
    m = colour_model(-1, 4, 1, true);
    OK(gft_model_keep_open(m, close_it, &one, err));
    OK(gft_model_keep_open(m, close_it, &ten, err));
    OK(gft_model_set_labels(m, LABELS, 2, err));
    assert_string_equal(graft_model_label(m, 1), "dog");
    assert_null(graft_model_label(m, 2));
    assert_null(graft_model_label(m, -1));
    assert_int_equal(graft_model_find_signature(m, NULL), 0);
    assert_int_equal(graft_model_find_signature(m, "serve"), -1);
    gft_graph *second = NULL;
    OK(gft_graph_new(&m->params, &second, err));
    FAILS(gft_model_add_signature(m, "serving_default", second, err), GRAFT_ALREADY_EXISTS,
          "serving_default");
    m->signatures[1] = (gft_signature){.name = "text", .problem = "op 'DecodeJpeg' is not read"};
    m->signature_count = 2;
    assert_int_equal(graft_model_find_signature(m, "text"), 1);
    assert_null(graft_model_signature_problem(m, 0));
    assert_string_equal(graft_model_signature_problem(m, 1), "op 'DecodeJpeg' is not read");
    assert_non_null(graft_model_signature_problem(m, 2));
    assert_int_equal(graft_model_input_count(m, 1), 0);
    const char *name = NULL;
    graft_tensor_desc desc;
    assert_true(graft_model_input(m, 0, 0, &name, &desc));
    assert_string_equal(name, "inputs");
    assert_int_equal(desc.shape.dims[0], -1);
    assert_false(graft_model_input(m, 0, 1, &name, &desc));
    assert_false(graft_model_output(m, 1, 0, &name, &desc));
    graft_session *session = NULL;
    FAILS(graft_session_new(m, 1, 1, &session, err), GRAFT_UNIMPLEMENTED, "DecodeJpeg");
    FAILS(graft_session_new(m, 5, 1, &session, err), GRAFT_INVALID_ARGUMENT, "signature 5 of 2");
    graft_layer_info *layers = NULL;
    graft_op_info *ops = NULL;
    int32_t count = 0;
    FAILS(graft_model_layers(m, 1, &layers, &count, err), GRAFT_UNIMPLEMENTED, "DecodeJpeg");
    OK(graft_model_ops(m, 0, &ops, &count, err));
    assert_int_equal(count, 3);
    assert_string_equal(ops[0].name, "reduce_mean");
    assert_true(ops[0].supported);
    graft_ops_free(ops);
    OK(graft_model_ops(m, 1, &ops, &count, err));
    assert_int_equal(count, 0);
    graft_ops_free(ops);
    graft_model_free(m);
    assert_int_equal(closed, 11);
    graft_model_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip),      cmocka_unit_test(extra_members),
        cmocka_unit_test(foreign_cards),   cmocka_unit_test(bad_cards),
        cmocka_unit_test(nested_too_deep), cmocka_unit_test(object),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
