/*
 * Errors, statuses, the log sink and bounded reading: codes, messages, truncation, nothing moved on
 * failure.
 */
#include "cmocka_all.h"

#include <errno.h>
#include <string.h>

#include "base/cursor.h"
#include "base/error.h"
#include "base/log.h"
#include "graft/tensor.h"

static void names_and_http(void **state) {
    (void)state;
    assert_string_equal(graft_status_name(GRAFT_NOT_FOUND), "not found");
    assert_string_equal(graft_status_name((graft_status)99), "unknown");
    assert_int_equal(graft_status_http(GRAFT_RESOURCE_EXHAUSTED), 429);
    assert_int_equal(graft_status_http(GRAFT_OK), 200);
    assert_int_equal(graft_status_http((graft_status)-1), 500);
    assert_int_equal(GRAFT_UNAUTHENTICATED, 16);
    assert_int_equal(graft_dtype_bytes(GRAFT_BF16), 2);
    assert_int_equal(graft_dtype_bytes(GRAFT_STRING), 0);
    assert_int_equal(graft_dtype_bytes((graft_dtype)77), 0);
    assert_string_equal(graft_dtype_name(GRAFT_S64), "int64");
    assert_string_equal(graft_dtype_name((graft_dtype)77), "none");
}

static void fail_fills(void **state) {
    (void)state;
    graft_error err;
    assert_int_equal(gft_fail(NULL, GRAFT_DATA_LOSS, "x"), GRAFT_DATA_LOSS);
    assert_int_equal(gft_fail(&err, GRAFT_DATA_LOSS, "byte %d", 7), GRAFT_DATA_LOSS);
    assert_int_equal(err.code, GRAFT_DATA_LOSS);
    assert_string_equal(err.message, "byte 7");
    assert_int_equal(gft_fail_in(&err, GRAFT_UNKNOWN, "file %s", "a"), GRAFT_DATA_LOSS);
    assert_string_equal(err.message, "file a: byte 7");
    (void)gft_fail(&err, GRAFT_INTERNAL, "again: %s",
                   err.message); /* its own message as an argument */
    assert_string_equal(err.message, "again: file a: byte 7");
    assert_int_equal(gft_fail_in(NULL, GRAFT_ABORTED, "y"), GRAFT_ABORTED);
    assert_int_equal(gft_fail_memory(&err, 12, "a plan"), GRAFT_RESOURCE_EXHAUSTED);
    assert_string_equal(err.message, "out of memory: needed 12 bytes for a plan");
    assert_int_equal(gft_fail_errno(&err, ENOENT, "open", "a/b"), GRAFT_NOT_FOUND);
    assert_string_equal(err.message, "a/b: cannot open: No such file or directory");
    assert_int_equal(gft_fail_errno(&err, ENOSPC, "write", "a"), GRAFT_RESOURCE_EXHAUSTED);
    assert_int_equal(gft_fail_errno(&err, 123456, "write", "a"), GRAFT_UNKNOWN);
}

static void long_messages_are_cut(void **state) {
    (void)state;
    char text[2 * GRAFT_ERROR_MESSAGE_BYTES];
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    graft_error err;
    (void)gft_fail(&err, GRAFT_INTERNAL, "%s", text);
    assert_int_equal(strlen(err.message), GRAFT_ERROR_MESSAGE_BYTES - 1);
    (void)gft_fail_in(&err, GRAFT_INTERNAL, "file");
    assert_int_equal(strlen(err.message), GRAFT_ERROR_MESSAGE_BYTES - 1);
    assert_memory_equal(err.message, "file: xx", 8);
    (void)gft_fail_in(&err, GRAFT_INTERNAL, "%s", text);
    assert_int_equal(strlen(err.message), GRAFT_ERROR_MESSAGE_BYTES - 1);
}

static char logged[256];

static void remember(void *context, gft_log_level level, const char *message) {
    assert_ptr_equal(context, logged);
    assert_int_equal(level, GFT_LOG_WARNING);
    strncpy(logged, message, sizeof logged - 1);
}

static void log_reaches_the_sink(void **state) {
    (void)state;
    gft_log(GFT_LOG_ERROR, "nobody hears %d", 1);
    gft_log_set_sink(remember, logged);
    gft_log(GFT_LOG_WARNING, "heard %d", 2);
    gft_log_set_sink(NULL, NULL);
    gft_log(GFT_LOG_WARNING, "not heard");
    assert_string_equal(logged, "heard 2");
}

static void cursor_reads(void **state) {
    (void)state;
    const uint8_t bytes[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0xac, 0x02, 42};
    gft_cursor c = gft_cursor_make(bytes, sizeof bytes, "f");
    uint8_t a = 0;
    uint16_t b = 0;
    uint32_t d = 0;
    uint64_t e = 0;
    const uint8_t *p = NULL;
    assert_int_equal(gft_cursor_u8(&c, &a, "a", NULL), GRAFT_OK);
    assert_int_equal(gft_cursor_u16(&c, &b, "b", NULL), GRAFT_OK);
    assert_int_equal(gft_cursor_u32(&c, &d, "d", NULL), GRAFT_OK);
    assert_int_equal(gft_cursor_u64(&c, &e, "e", NULL), GRAFT_OK);
    assert_int_equal(a, 1);
    assert_int_equal(b, 0x0302);
    assert_int_equal(d, 0x07060504);
    assert_true(e == 0x0f0e0d0c0b0a0908u);
    assert_int_equal(gft_cursor_varint(&c, &e, "v", NULL), GRAFT_OK);
    assert_int_equal(e, 300);
    assert_int_equal(gft_cursor_take(&c, 1, &p, "t", NULL), GRAFT_OK);
    assert_int_equal(*p, 42);
    assert_int_equal(gft_cursor_left(&c), 0);
    assert_int_equal(gft_cursor_seek(&c, sizeof bytes, NULL), GRAFT_OK);
    assert_int_equal(gft_cursor_seek(&c, 1, NULL), GRAFT_OK);
    assert_int_equal(c.at, 1);
}

static void cursor_refuses(void **state) {
    (void)state;
    const uint8_t bytes[7] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    gft_cursor c = gft_cursor_make(bytes, sizeof bytes, "f");
    graft_error err;
    uint64_t v = 5;
    const uint8_t *p = NULL;
    assert_int_equal(gft_cursor_u64(&c, &v, "count", &err), GRAFT_DATA_LOSS);
    assert_string_equal(err.message, "f: at byte 0: count needs 8 bytes, 7 are left");
    assert_int_equal(gft_cursor_varint(&c, &v, "count", &err), GRAFT_DATA_LOSS);
    assert_int_equal(gft_cursor_take(&c, SIZE_MAX, &p, "body", &err), GRAFT_DATA_LOSS);
    assert_int_equal(gft_cursor_seek(&c, 8, &err), GRAFT_DATA_LOSS);
    assert_int_equal(c.at, 0);
    assert_int_equal(v, 5);
    assert_null(p);
    uint8_t wide[11] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 0};
    c = gft_cursor_make(wide, 10, "f");
    assert_int_equal(gft_cursor_varint(&c, &v, "all ones", &err), GRAFT_OK);
    assert_true(v == UINT64_MAX);
    wide[9] = 0x02; /* bit 64 */
    c = gft_cursor_make(wide, 11, "f");
    assert_int_equal(gft_cursor_varint(&c, &v, "too wide", &err), GRAFT_DATA_LOSS);
    wide[9] = 0x81; /* eleven bytes */
    c = gft_cursor_make(wide, 11, "f");
    assert_int_equal(gft_cursor_varint(&c, &v, "too long", &err), GRAFT_DATA_LOSS);
    c = gft_cursor_make(NULL, 0, NULL);
    assert_int_equal(gft_cursor_take(&c, 0, &p, "nothing", NULL), GRAFT_OK);
    assert_non_null(p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_http),        cmocka_unit_test(fail_fills),
        cmocka_unit_test(long_messages_are_cut), cmocka_unit_test(log_reaches_the_sink),
        cmocka_unit_test(cursor_reads),          cmocka_unit_test(cursor_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
