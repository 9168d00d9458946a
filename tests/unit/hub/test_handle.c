/* Handles: what is one, its one spelling, and what is said of wrong ones. */
#include "hub_test.h"

#include "hub/handle.h"

static void good_handles(void **state) {
    (void)state;
    static const struct {
        const char *text, *spelling;
    } GOOD[] = {
        {"google/efficientnet/lite0/feature-vector/1",
         "google/efficientnet/lite0/feature-vector/1"},
        {"google/LaBSE/2", "google/LaBSE/2"},
        {"a/b/999999999", "a/b/999999999"},
        {"google/imagenet/mobilenet_v2_100_224/classification/5",
         "google/imagenet/mobilenet_v2_100_224/classification/5"},
        {"a/v1.5/3", "a/v1.5/3"},
        {"https://tfhub.dev/google/elmo/3", "google/elmo/3"},
        {"HTTPS://TFHUB.dev/google/elmo/3?tf-hub-format=compressed", "google/elmo/3"},
        {"https://www.kaggle.com/models/google/mobilenet-v2/frameworks/TensorFlow2/variations/"
         "035-96/versions/2",
         "google/mobilenet-v2/TensorFlow2/035-96/2"},
        {"https://kaggle.com/models/google/elmo/TensorFlow1/elmo/3",
         "google/elmo/TensorFlow1/elmo/3"},
    };
    for (size_t i = 0; i < sizeof GOOD / sizeof GOOD[0]; i++) {
        gft_handle handle;
        graft_error err = {0};
        if (gft_handle_parse_versioned(GOOD[i].text, &handle, &err) != GRAFT_OK)
            fail_msg("%s: %s", GOOD[i].text, err.message);
        assert_string_equal(handle.text, GOOD[i].spelling);
        assert_true(handle.versioned);
        /* the spelling is its own */
        assert_int_equal(gft_handle_parse_versioned(GOOD[i].spelling, &handle, NULL), GRAFT_OK);
        assert_string_equal(handle.text, GOOD[i].spelling);
    }
}

static void bad_handles(void **state) {
    (void)state;
    static const struct {
        const char *text, *part;
    } BAD[] = {
        {"", "empty part"},
        {"google", "publisher/model/version"},
        {"google/3", "publisher/model/version"},
        {"google//elmo/3", "empty part"},
        {"/google/elmo/3", "empty part"},
        {"google/elmo/3/", "empty part"},
        {"google/../elmo/3", "'..'"},
        {"google/.elmo/3", "beginning"},
        {"google/-elmo/3", "beginning"},
        {"google/el mo/3", "0x20"},
        {"google/el\nmo/3", "0x0a"},
        {"google/elmo/0", "version '0'"},
        {"google/elmo/03", "version '03'"},
        {"google/elmo/1234567890", "version '1234567890'"},
        {"google/1/elmo/3", "bare number"},
        {"google/elmo/3?x=1", "'?'"},
        {"google/elm\xc3\xb6/3", "0xc3"},
        {"a/b/c/d/e/f/g/h/i/j/k/l/m/1", "too long"},
        {"https://example.com/google/elmo/3", "0x3a"},
        {"https://tfhub.dev/tfhub.dev/google/elmo/3", "URL within"},
        {"tfhub.dev/kaggle.com/models/google/3", "URL within"},
    };
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        graft_error err = {0};
        if (graft_hub_check_handle(BAD[i].text, &err) != GRAFT_INVALID_ARGUMENT)
            fail_msg("'%s' is accepted", BAD[i].text);
        assert_contains(err.message, BAD[i].part);
    }
    char longer[400];
    memset(longer, 'a', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    memcpy(longer, "a/", 2);
    memcpy(longer + sizeof longer - 3, "/1", 2);
    assert_int_equal(graft_hub_check_handle(longer, NULL), GRAFT_INVALID_ARGUMENT);
    for (size_t i = 60; i < sizeof longer - 4; i += 60)
        longer[i] = '/';
    graft_error err;
    assert_int_equal(graft_hub_check_handle(longer, &err), GRAFT_INVALID_ARGUMENT);
    assert_contains(err.message, "too long");
}

static void versions_are_named(void **state) {
    (void)state;
    graft_error err;
    tiny_module tiny = {0};
    const char *model = "google/efficientnet/lite0/feature-vector";
    assert_int_equal(graft_hub_check_handle(model, &err), GRAFT_INVALID_ARGUMENT);
    assert_contains(err.message, "known versions: 1");
    char text[128];
    snprintf(text, sizeof text, "%s/latest", model);
    assert_int_equal(graft_hub_check_handle(text, &err), GRAFT_INVALID_ARGUMENT);
    assert_contains(err.message, "'latest' is no version");
    assert_contains(err.message, "known versions: 1");
    assert_int_equal(graft_hub_check_handle("acme/tiny/feature-vector", &err),
                     GRAFT_INVALID_ARGUMENT);
    assert_contains(err.message, "no version of it is known here");
    static const char *const HANDLES[] = {
        "acme/tiny/feature-vector/2", "acme/tiny/feature-vector/10", "acme/tiny/feature-vectors/7"};
    for (int i = 0; i < 3; i++)
        assert_int_equal(gft_hub_install(HANDLES[i], &TINY_META, fill_tiny, &tiny, NULL, NULL),
                         GRAFT_OK);
    assert_int_equal(graft_hub_check_handle("acme/tiny/feature-vector", &err),
                     GRAFT_INVALID_ARGUMENT);
    assert_contains(err.message, "known versions: 10, 2");
    assert_null(strstr(err.message, "7"));
}

static void paths_are_told_apart(void **state) {
    (void)state;
    assert_true(gft_handle_looks_like_path("./a/b/1"));
    assert_true(gft_handle_looks_like_path("../a/b/1"));
    assert_true(gft_handle_looks_like_path("/a/b/1"));
    assert_true(gft_handle_looks_like_path("a/b/1/"));
    assert_true(gft_handle_looks_like_path(""));
    assert_false(gft_handle_looks_like_path("a/b/1"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_handles),
        cmocka_unit_test(bad_handles),
        cmocka_unit_test_setup_teardown(versions_are_named, hub_setup, hub_teardown),
        cmocka_unit_test(paths_are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
