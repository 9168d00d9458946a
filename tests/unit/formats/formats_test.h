/* Helpers of the formats tests: a temporary folder, whole files, failing allocations counted up. */
#ifndef GFT_TESTS_FORMATS_TEST_H
#define GFT_TESTS_FORMATS_TEST_H

#include "cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"

typedef struct temp_dir {
    char path[64];
} temp_dir;

static inline temp_dir temp_dir_make(void) {
    temp_dir dir = {"/tmp/graft-test-XXXXXX"};
    assert_non_null(mkdtemp(dir.path));
    return dir;
}

static inline void temp_dir_remove(const temp_dir *dir) {
    assert_int_equal(gft_tree_remove(dir->path, NULL), GRAFT_OK);
}

static inline void put_file(const char *path, const void *data, size_t bytes) {
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, bytes, file), bytes);
    assert_int_equal(fclose(file), 0);
}

/* A copy of exactly these bytes, so that the address sanitizer sees a read past them. */
static inline uint8_t *exact(const void *data, size_t bytes) {
    uint8_t *copy = malloc(bytes ? bytes : 1);
    assert_non_null(copy);
    if (bytes)
        memcpy(copy, data, bytes);
    return copy;
}

/* A failure must carry its own code and a message. */
static inline void assert_failed(graft_status status, const graft_error *err,
                                 graft_status expected) {
    assert_int_equal(status, expected);
    assert_int_equal(err->code, expected);
    assert_true(strlen(err->message) > 10);
}

/* Runs scenario with the 1st, 2nd, ... allocation failing until it succeeds; other codes are bugs.
 */
static inline void until_memory_suffices(graft_status (*scenario)(void *context), void *context) {
    for (int64_t n = 1; n < 100000; n++) {
        gft_alloc_fail_after(n);
        graft_status status = scenario(context);
        gft_alloc_fail_after(0);
        if (status == GRAFT_OK) {
            assert_true(n > 1);
            return;
        }
        assert_int_equal(status, GRAFT_RESOURCE_EXHAUSTED);
    }
    fail_msg("the scenario never succeeds");
}

#endif
