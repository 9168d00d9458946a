/* Helpers of the hub tests: a store of its own for each test, a small module to install. */
#ifndef GFT_TESTS_HUB_TEST_H
#define GFT_TESTS_HUB_TEST_H

#include "cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "hub/module_tree.h"
#include "hub/store.h"

#define HANDLE "acme/tiny/feature-vector/1"

typedef struct hub_fixture {
    char home[64];    /* GRAFT_HOME */
    char project[64]; /* the working directory */
    char *before;     /* the one before the test */
} hub_fixture;

static inline int hub_setup(void **state) {
    hub_fixture *f = calloc(1, sizeof *f);
    strcpy(f->home, "/tmp/graft-home-XXXXXX");
    strcpy(f->project, "/tmp/graft-project-XXXXXX");
    assert_non_null(mkdtemp(f->home));
    assert_non_null(mkdtemp(f->project));
    f->before = getcwd(NULL, 0);
    assert_int_equal(chdir(f->project), 0);
    assert_int_equal(setenv("GRAFT_HOME", f->home, 1), 0);
    *state = f;
    return 0;
}

static inline int hub_teardown(void **state) {
    hub_fixture *f = *state;
    assert_int_equal(chdir(f->before), 0);
    assert_int_equal(gft_tree_protect(f->home, false, NULL), GRAFT_OK);
    assert_int_equal(gft_tree_remove(f->home, NULL), GRAFT_OK);
    assert_int_equal(gft_tree_remove(f->project, NULL), GRAFT_OK);
    free(f->before);
    free(f);
    return 0;
}

static inline void put_text(const char *dir, const char *name, const char *text) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    assert_int_equal(gft_file_write(path, text, strlen(text), NULL), GRAFT_OK);
}

/* Writes three files; context counts the calls and may change a text. */
typedef struct tiny_module {
    int calls;
    const char *text;
} tiny_module;

static inline graft_status fill_tiny(void *context, const char *dir, gft_module_meta *meta,
                                     graft_error *err) {
    tiny_module *tiny = context;
    char below[512];
    (void)err;
    tiny->calls++;
    meta->parameters = 7;
    assert_false(gft_dir_exists(dir));
    snprintf(below, sizeof below, "%s/variables", dir);
    assert_int_equal(gft_dir_make(below, NULL), GRAFT_OK);
    put_text(dir, "saved_model.pb", tiny->text ? tiny->text : "graph");
    put_text(dir, "variables/b", "second");
    put_text(dir, "variables/a", "");
    return GRAFT_OK;
}

static const gft_module_meta TINY_META = {.description = "a tiny module",
                                          .license = "MIT",
                                          .source = "tiny 1.0",
                                          .source_sha256 = "aa",
                                          .input = "float32 [?,4]"};

#define assert_contains(text, part)                                                                \
    do {                                                                                           \
        if (!strstr(text, part))                                                                   \
            fail_msg("'%s' is not in: %s", part, text);                                            \
    } while (0)

#endif
