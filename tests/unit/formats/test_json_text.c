/* JSON of others: what is bounded before it is parsed; and text as JSON strings. */
#include "../../cmocka_all.h"

#include <jansson.h>
#include <string.h>

#include "base/alloc.h"
#include "formats/json_text.h"

static graft_status parse(const char *text, size_t bytes, graft_error *err) {
    json_t *root = NULL;
    const graft_status status = gft_json_parse(text, bytes, "file.json", &root, err);
    json_decref(root);
    return status;
}

static void plain(void **state) {
    (void)state;
    static const char TEXT[] = "{\"a\": [1, 2.5, \"]]]]\\\"[[\", null], \"b\": {}}";
    json_t *root = NULL;
    assert_int_equal(gft_json_parse(TEXT, strlen(TEXT), "file.json", &root, NULL), GRAFT_OK);
    assert_int_equal(json_array_size(json_object_get(root, "a")), 4);
    json_decref(root);
}

/* A million brackets must be refused before anything recurses into them. */
static void deep(void **state) {
    (void)state;
    const size_t bytes = (size_t)1 << 20;
    char *text = gft_malloc(bytes);
    graft_error err = {0};
    assert_non_null(text);
    memset(text, '[', bytes);
    assert_int_equal(parse(text, bytes, &err), GRAFT_DATA_LOSS);
    assert_non_null(strstr(err.message, "nested deeper than 100"));
    gft_free(text);
    char edge[2 * GFT_JSON_MAX_DEPTH];
    memset(edge, '[', GFT_JSON_MAX_DEPTH);
    memset(edge + GFT_JSON_MAX_DEPTH, ']', GFT_JSON_MAX_DEPTH);
    assert_int_equal(parse(edge, sizeof edge, NULL), GRAFT_OK);
}

static void many(void **state) {
    (void)state;
    const size_t bytes = 2 * GFT_JSON_MAX_VALUES + 8;
    char *text = gft_malloc(bytes);
    graft_error err = {0};
    assert_non_null(text);
    for (size_t i = 0; i < bytes; i++)
        text[i] = i % 2 == 0 ? '1' : ',';
    text[0] = '[';
    text[bytes - 1] = ']';
    assert_int_equal(parse(text, bytes, &err), GRAFT_RESOURCE_EXHAUSTED);
    gft_free(text);
}

static void broken(void **state) {
    (void)state;
    static const char *const TEXTS[] = {
        "",           "{",       "[1,]",  "\"text\"", "{\"a\" 1}", "[\"\\u0000\"]",
        "[\"\xff\"]", "[1e999]", "[\"\\", "nonsense"};
    for (size_t i = 0; i < sizeof TEXTS / sizeof TEXTS[0]; i++) {
        graft_error err = {0};
        assert_int_equal(parse(TEXTS[i], strlen(TEXTS[i]), &err), GRAFT_DATA_LOSS);
        assert_non_null(strstr(err.message, "file.json"));
    }
}

static void quoted(void **state) {
    (void)state;
    static const char *const TEXTS[] = {"", "plain", "a \"b\" \\ /", "tab\there\n\x01",
                                        "\xc3\xa9\xe2\x82\xac\xf0\x9f\x90\x9f"};
    for (size_t i = 0; i < sizeof TEXTS / sizeof TEXTS[0]; i++) {
        gft_buffer text;
        gft_buffer_init(&text, 256);
        assert_int_equal(gft_json_quote(&text, TEXTS[i], NULL), GRAFT_OK);
        json_t *back = json_loadb((const char *)text.data, text.bytes, JSON_DECODE_ANY, NULL);
        assert_string_equal(json_string_value(back), TEXTS[i]);
        json_decref(back);
        gft_buffer_deinit(&text);
    }
}

static void not_utf8(void **state) {
    (void)state;
    static const char *const TEXTS[] = {
        "\xff", "a\xc3", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\x80"};
    for (size_t i = 0; i < sizeof TEXTS / sizeof TEXTS[0]; i++) {
        gft_buffer text;
        gft_buffer_init(&text, 256);
        assert_int_equal(gft_json_quote(&text, TEXTS[i], NULL), GRAFT_INVALID_ARGUMENT);
        gft_buffer_deinit(&text);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain),  cmocka_unit_test(deep),   cmocka_unit_test(many),
        cmocka_unit_test(broken), cmocka_unit_test(quoted), cmocka_unit_test(not_utf8),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
