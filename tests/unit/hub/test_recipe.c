/*
 * Recipes: the compiled-in ones are sound, names map through rules, bad recipes are refused,
 * sources are verified.
 */
#include "hub_test.h"

#include "hub/recipe.h"
#include "hub/sha256.h"

static void compiled_in(void **state) {
    (void)state;
    const char *handle;
    const char *description;
    const char *source;
    size_t n = 0;
    for (; graft_hub_recipe(n, &handle, &description, &source); n++) {
        gft_recipe recipe = {0};
        graft_error err = {0};
        if (gft_recipe_find(handle, &recipe, &err) != GRAFT_OK)
            fail_msg("%s", err.message);
        assert_string_equal(recipe.handle, handle);
        assert_string_equal(recipe.description, description);
        assert_non_null(strstr(source, recipe.package));
        assert_non_null(strstr(recipe.fetch, recipe.package));
        assert_non_null(strstr(recipe.fetch, recipe.package_version));
        const char *const *labels = NULL;
        int32_t count = -1;
        assert_int_equal(gft_recipe_labels(&recipe, &labels, &count, NULL), GRAFT_OK);
        assert_int_equal(count, recipe.classes);
        gft_recipe_deinit(&recipe);
    }
    assert_true(n >= 2);
}

static void labels_of_imagenet(void **state) {
    (void)state;
    gft_recipe recipe = {0};
    const char *const *labels = NULL;
    int32_t count = 0;
    assert_int_equal(gft_recipe_find("efficientnet_lite0_classification", &recipe, NULL), GRAFT_OK);
    assert_int_equal(gft_recipe_labels(&recipe, &labels, &count, NULL), GRAFT_OK);
    assert_int_equal(count, 1000);
    assert_string_equal(labels[0], "tench");
    assert_string_equal(labels[281], "tabby");
    assert_string_equal(labels[999], "toilet tissue");
    for (int32_t i = 0; i < count; i++) { /* classes are matched by name: each name once */
        assert_true(labels[i][0] != '\0');
        for (int32_t k = 0; k < i; k++)
            assert_string_not_equal(labels[i], labels[k]);
    }
    gft_recipe_deinit(&recipe);
}

static void expect_map(const gft_recipe *recipe, const char *to, const char *expected) {
    char from[GFT_RECIPE_MAX_NAME];
    const gft_recipe_rule *rule = NULL;
    graft_error err;
    graft_status status = gft_recipe_map(recipe, to, from, &rule, &err);
    if (!expected) {
        assert_int_equal(status, GRAFT_NOT_FOUND);
        assert_contains(err.message, to);
        return;
    }
    if (status != GRAFT_OK)
        fail_msg("%s", err.message);
    assert_string_equal(from, expected);
}

static void names_of_lite0(void **state) {
    (void)state;
    gft_recipe r = {0};
    const gft_recipe_rule *rule = NULL;
    char from[GFT_RECIPE_MAX_NAME];
    assert_int_equal(gft_recipe_find("google/efficientnet/lite0/classification/1", &r, NULL),
                     GRAFT_OK);
    expect_map(&r, "stem_conv/kernel", "_conv_stem.weight");
    expect_map(&r, "block1a_bn/moving_variance", "_blocks.0._bn1.running_var");
    expect_map(&r, "block5c_expand_bn/gamma", "_blocks.10._bn0.weight");
    expect_map(&r, "block7a_project_conv/kernel", "_blocks.15._project_conv.weight");
    expect_map(&r, "predictions/bias", "_fc.bias");
    expect_map(&r, "block7b_project_conv/kernel", NULL);
    expect_map(&r, "block1a_bn/moving_variances", NULL);
    expect_map(&r, "block1a_bn/", NULL);
    expect_map(&r, "", NULL);
    assert_int_equal(gft_recipe_map(&r, "block2a_dwconv/depthwise_kernel", from, &rule, NULL),
                     GRAFT_OK);
    assert_int_equal(rule->rank, 4);
    assert_int_equal(rule->permute[0], 2);
    assert_int_equal(rule->permute[3], 1);
    gft_recipe_deinit(&r);
}

/* ---- recipes from text ---- */

#define RECIPE_OF(handle, sha, words, tensors, more)                                               \
    "{\"format\": \"graft-recipe\", \"version\": 1, \"handle\": \"" handle "\", "                  \
    "\"description\": \"d\", \"license\": \"MIT\", \"input\": \"i\", \"builder\": \"b\", "         \
    "\"variant\": 0, \"classes\": 0, \"source\": {\"package\": \"p\", \"package_version\": "       \
    "\"1\", "                                                                                      \
    "\"member\": \"m.pth\", \"sha256\": \"" sha "\", \"container\": \"torch-legacy\", "            \
    "\"fetch\": \"f\"}, \"words\": " words ", \"tensors\": " tensors more "}"
#define SHA "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define WORDS "{\"w\": {\"a\": \"1\", \"ab\": \"2\"}, \"v\": {\"x\": \"9\"}}"
#define RULES                                                                                      \
    "[{\"to\": \"{w}_{w}/{v}\", \"from\": \"{v}.{w}.{w}\"}, {\"to\": \"k\", \"from\": \"l\"}]"

static void parse_ok(const char *text, gft_recipe *out) {
    graft_error err = {0};
    if (gft_recipe_parse(text, strlen(text), "test", out, &err) != GRAFT_OK)
        fail_msg("%s", err.message);
}

static void templates(void **state) {
    (void)state;
    gft_recipe r = {0};
    parse_ok(RECIPE_OF("a/b/1", SHA, WORDS, RULES, ""), &r);
    expect_map(&r, "a_ab/x", "9.1.2"); /* the longest word, the order they stand in */
    expect_map(&r, "ab_a/x", "9.2.1");
    expect_map(&r, "k", "l");
    expect_map(&r, "ab_abc/x", NULL);
    gft_recipe_deinit(&r);
}

static void bad_recipes(void **state) {
    (void)state;
    static const struct {
        const char *text, *part;
    } BAD[] = {
        {"", "line"},
        {"[1]", "no recipe"},
        {"{\"format\": \"graft-recipe\", \"version\": 2}", "newer"},
        {"{\"format\": \"graft-recipe\", \"version\": 1}", "'handle'"},
        {RECIPE_OF("a/b", SHA, WORDS, RULES, ""), "version"},
        {RECIPE_OF("a/../1", SHA, WORDS, RULES, ""), "'..'"},
        {RECIPE_OF("a/b/1", "abc", WORDS, RULES, ""), "64 lower-case"},
        {RECIPE_OF("a/b/1", SHA, "3", RULES, ""), "'words'"},
        {RECIPE_OF("a/b/1", SHA, "{\"w\": {}}", RULES, ""), "'w'"},
        {RECIPE_OF("a/b/1", SHA, "{\"w\": {\"\": \"a\"}}", RULES, ""), "'w'"},
        {RECIPE_OF("a/b/1", SHA, WORDS, "[]", ""), "'tensors'"},
        {RECIPE_OF("a/b/1", SHA, WORDS, "[{\"to\": \"{z}\", \"from\": \"a\"}]", ""), "no list"},
        {RECIPE_OF("a/b/1", SHA, WORDS, "[{\"to\": \"{w\", \"from\": \"a\"}]", ""), "no list"},
        {RECIPE_OF("a/b/1", SHA, WORDS, "[{\"to\": \"w}\", \"from\": \"a\"}]", ""), "without '{'"},
        {RECIPE_OF("a/b/1", SHA, WORDS, "[{\"to\": \"{w}{w}{w}{w}{w}\", \"from\": \"a\"}]", ""),
         "too many"},
        {RECIPE_OF("a/b/1", SHA, WORDS, "[{\"to\": \"a\", \"from\": \"a\", \"permute\": [0, 0]}]",
                   ""),
         "each dimension once"},
        {RECIPE_OF("a/b/1", SHA, WORDS, "[{\"to\": \"a\", \"from\": \"a\", \"permute\": [2]}]", ""),
         "each dimension once"},
        {RECIPE_OF("a/b/1", SHA, WORDS, RULES, ", \"labels\": \"../x\""), "beside the recipe"},
        {RECIPE_OF("a/b/1", SHA, WORDS, RULES, ", \"preprocess\": 3"), "'preprocess'"},
    };
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        gft_recipe recipe = {0};
        graft_error err = {0};
        if (gft_recipe_parse(BAD[i].text, strlen(BAD[i].text), "test", &recipe, &err) == GRAFT_OK)
            fail_msg("accepted: %s", BAD[i].text);
        assert_contains(err.message, BAD[i].part);
    }
}

static void wrong_names(void **state) {
    (void)state;
    graft_error err;
    gft_recipe recipe = {0};
    assert_int_equal(gft_recipe_find("efficientnet_lite0_clasification", &recipe, &err),
                     GRAFT_NOT_FOUND);
    assert_contains(err.message, "did you mean 'efficientnet_lite0_classification'");
    assert_int_equal(gft_recipe_find("vgg", &recipe, &err), GRAFT_NOT_FOUND);
    assert_contains(err.message, "efficientnet_lite0_classification, efficientnet_lite0_feature");
}

/* ---- files ---- */

static void recipe_files(void **state) {
    (void)state;
    gft_recipe r = {0};
    const char *const *labels = NULL;
    int32_t count = 0;
    put_text(".", "my.json", RECIPE_OF("a/b/1", SHA, WORDS, RULES, ", \"labels\": \"my.txt\""));
    assert_int_equal(gft_recipe_read("my.json", &r, NULL), GRAFT_OK);
    assert_int_equal(gft_recipe_labels(&r, &labels, &count, NULL), GRAFT_NOT_FOUND);
    put_text(".", "my.txt", "one\r\ntwo\n\nfour"); /* an empty label is a label */
    assert_int_equal(gft_recipe_labels(&r, &labels, &count, NULL), GRAFT_OK);
    assert_int_equal(count, 4);
    assert_string_equal(labels[0], "one");
    assert_string_equal(labels[2], "");
    assert_string_equal(labels[3], "four");
    put_text(".", "my.txt", "");
    assert_int_equal(gft_recipe_labels(&r, &labels, &count, NULL), GRAFT_OK);
    assert_int_equal(count, 0);
    gft_recipe_deinit(&r);
}

static void sources(void **state) {
    (void)state;
    /* a zip with the stored member m.pth = "weights", by Python's zipfile */
    static const unsigned char ZIP[] = {
        0x50, 0x4b, 0x03, 0x04, 0x14, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x21, 0x50, 0x58,
        0x73, 0xd2, 0x1a, 0x07, 0x00, 0x00, 0x00, 0x07, 0x00, 0x00, 0x00, 0x05, 0x00, 0x00, 0x00,
        0x6d, 0x2e, 0x70, 0x74, 0x68, 0x77, 0x65, 0x69, 0x67, 0x68, 0x74, 0x73, 0x50, 0x4b, 0x01,
        0x02, 0x14, 0x03, 0x14, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x21, 0x50, 0x58, 0x73,
        0xd2, 0x1a, 0x07, 0x00, 0x00, 0x00, 0x07, 0x00, 0x00, 0x00, 0x05, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x80, 0x01, 0x00, 0x00, 0x00, 0x00, 0x6d, 0x2e,
        0x70, 0x74, 0x68, 0x50, 0x4b, 0x05, 0x06, 0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x01, 0x00,
        0x33, 0x00, 0x00, 0x00, 0x2a, 0x00, 0x00, 0x00, 0x00, 0x00};
    char hash[GFT_SHA256_TEXT];
    graft_error err;
    gft_recipe r = {0};
    gft_recipe_source source = {0};
    assert_int_equal(gft_sha256("weights", 7, hash, NULL), GRAFT_OK);
    assert_string_equal(hash, "9a129038d9a00aed0cf6a7ea059ca50a813449061ab87848cf1a13eafdf33b2c");
    parse_ok(RECIPE_OF("a/b/1", "9a129038d9a00aed0cf6a7ea059ca50a813449061ab87848cf1a13eafdf33b2c",
                       WORDS, RULES, ""),
             &r);
    put_text(".", "m.pth", "weights");
    assert_int_equal(gft_file_write("p.whl", ZIP, sizeof ZIP, NULL), GRAFT_OK);
    static const char *const GOOD[] = {"m.pth", "p.whl"};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(gft_recipe_source_open(&r, GOOD[i], &source, NULL), GRAFT_OK);
        assert_int_equal(source.bytes, 7);
        assert_memory_equal(source.data, "weights", 7);
        gft_recipe_source_close(&source);
    }
    put_text(".", "m.pth", "Weights");
    assert_int_equal(gft_recipe_source_open(&r, "m.pth", &source, &err), GRAFT_DATA_LOSS);
    assert_contains(err.message, "sha256");
    assert_int_equal(gft_recipe_source_open(&r, "none.whl", &source, NULL), GRAFT_NOT_FOUND);
    r.member = "other.pth";
    assert_int_equal(gft_recipe_source_open(&r, "p.whl", &source, &err), GRAFT_NOT_FOUND);
    gft_recipe_deinit(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(compiled_in),
        cmocka_unit_test(labels_of_imagenet),
        cmocka_unit_test(names_of_lite0),
        cmocka_unit_test(templates),
        cmocka_unit_test(bad_recipes),
        cmocka_unit_test(wrong_names),
        cmocka_unit_test_setup_teardown(recipe_files, hub_setup, hub_teardown),
        cmocka_unit_test_setup_teardown(sources, hub_setup, hub_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
