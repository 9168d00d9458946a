/* Base64: RFC 4648's own examples, both alphabets, texts that cannot be. */
#include "../../cmocka_all.h"

#include <string.h>

#include "formats/base64.h"

static const char *const PAIRS[][2] = {
    {"", ""},
    {"f", "Zg=="},
    {"fo", "Zm8="},
    {"foo", "Zm9v"},
    {"foob", "Zm9vYg=="},
    {"fooba", "Zm9vYmE="},
    {"foobar", "Zm9vYmFy"},
    {"\xfb\xff\xbf", "+/+/"},
};

static void examples(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof PAIRS / sizeof PAIRS[0]; i++) {
        gft_arena arena = {0};
        gft_buffer text;
        uint8_t *data = NULL;
        size_t bytes = 0;
        gft_buffer_init(&text, 64);
        assert_int_equal(gft_base64_append(&text, PAIRS[i][0], strlen(PAIRS[i][0]), NULL),
                         GRAFT_OK);
        assert_int_equal(text.bytes, strlen(PAIRS[i][1]));
        if (text.bytes > 0)
            assert_memory_equal(text.data, PAIRS[i][1], text.bytes);
        assert_int_equal(gft_base64_decode(PAIRS[i][1], strlen(PAIRS[i][1]), "test", &arena, &data,
                                           &bytes, NULL),
                         GRAFT_OK);
        assert_int_equal(bytes, strlen(PAIRS[i][0]));
        assert_memory_equal(data, PAIRS[i][0], bytes);
        gft_buffer_deinit(&text);
        gft_arena_deinit(&arena);
    }
}

static void other_forms(void **state) {
    (void)state;
    gft_arena arena = {0};
    uint8_t *data = NULL;
    size_t bytes = 0;
    assert_int_equal(gft_base64_decode("-_-_Zg", 6, "test", &arena, &data, &bytes, NULL), GRAFT_OK);
    assert_int_equal(bytes, 4);
    assert_memory_equal(data,
                        "\xfb\xff\xbf"
                        "f",
                        4);
    gft_arena_deinit(&arena);
}

static void refused(void **state) {
    (void)state;
    static const char *const TEXTS[] = {
        "Z", "Zg=", "Zg===", "Z=g=", "Zm 9", "Zm9\n", "====", "Zm9vZ"};
    for (size_t i = 0; i < sizeof TEXTS / sizeof TEXTS[0]; i++) {
        gft_arena arena = {0};
        graft_error err = {0};
        uint8_t *data = NULL;
        size_t bytes = 0;
        assert_int_equal(
            gft_base64_decode(TEXTS[i], strlen(TEXTS[i]), "attr", &arena, &data, &bytes, &err),
            GRAFT_DATA_LOSS);
        assert_non_null(strstr(err.message, "attr: "));
        gft_arena_deinit(&arena);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(examples), cmocka_unit_test(other_forms),
                                       cmocka_unit_test(refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
