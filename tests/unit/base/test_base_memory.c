/* Checked sizes, allocation and its failing, arena, buffer with a ceiling. */
#include "cmocka_all.h"

#include <string.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/buffer.h"
#include "base/size.h"

static void sizes_overflow(void **state) {
    (void)state;
    size_t out = 7;
    assert_false(gft_size_mul(SIZE_MAX / 2, 3, &out));
    assert_false(gft_size_add(SIZE_MAX, 1, &out));
    assert_int_equal(out, 7);
    assert_true(gft_size_mul(SIZE_MAX, 1, &out) && out == SIZE_MAX);
    assert_true(gft_size_mul(0, SIZE_MAX, &out) && out == 0);
    int64_t wide = 7;
    assert_false(gft_i64_mul(INT64_MAX, 2, &wide));
    assert_false(gft_i64_mul(INT64_MIN, -1, &wide));
    assert_int_equal(wide, 7);
    assert_int_equal(gft_size_align(65, 64), 128);
    assert_int_equal(gft_size_align(0, 64), 0);
    assert_int_equal(gft_i64_ceil_div(7, 2), 4);
}

static void allocation(void **state) {
    (void)state;
    void *zero = gft_malloc(0);
    void *none = gft_calloc(0, 8);
    assert_non_null(zero);
    assert_non_null(none);
    volatile size_t huge = SIZE_MAX / 2 + 2;
    assert_null(gft_calloc(huge, 2));
    assert_null(gft_malloc_aligned(SIZE_MAX));
    for (size_t n = 0; n < 200; n += 33) {
        void *p = gft_malloc_aligned(n);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % GFT_ALIGN, 0);
        memset(p, 1, n);
        gft_free(p);
    }
    char *text = gft_format("%s-%d", "a", 12);
    assert_string_equal(text, "a-12");
    char *cut = gft_strndup(text, 2);
    assert_string_equal(cut, "a-");
    char *whole = gft_strndup(text, 99);
    assert_string_equal(whole, text);
    zero = gft_realloc(zero, 100);
    assert_non_null(zero);
    gft_free(whole);
    gft_free(cut);
    gft_free(text);
    gft_free(zero);
    gft_free(none);
    gft_free(NULL);
}

static void failing_on_demand(void **state) {
    (void)state;
    gft_alloc_fail_after(3);
    void *a = gft_malloc(1);
    void *b = gft_malloc(1);
    assert_non_null(a);
    assert_non_null(b);
    assert_null(gft_malloc(1));
    assert_null(gft_calloc(1, 1));
    assert_null(gft_realloc(a, 50)); /* a is still there */
    assert_null(gft_malloc_aligned(8));
    assert_null(gft_strdup("x"));
    assert_null(gft_format("x"));
    gft_alloc_fail_after(0);
    gft_free(a);
    gft_free(b);
    a = gft_malloc(1);
    assert_non_null(a);
    gft_free(a);
}

static void arena_works(void **state) {
    (void)state;
    gft_arena arena = {0};
    for (size_t i = 0; i < 3000; i++) {
        uint8_t *p = gft_arena_alloc(&arena, i);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % 16, 0);
        for (size_t k = 0; k < i; k++)
            assert_int_equal(p[k], 0);
        memset(p, 0xff, i);
    }
    uint8_t *large = gft_arena_alloc(&arena, (size_t)3 << 20);
    assert_non_null(large);
    memset(large, 1, (size_t)3 << 20);
    assert_true(arena.used_bytes > ((size_t)3 << 20));
    assert_string_equal(gft_arena_strdup(&arena, "abc"), "abc");
    assert_string_equal(gft_arena_strndup(&arena, "abc", 2), "ab");
    assert_string_equal(gft_arena_format(&arena, "%d/%s", 5, "x"), "5/x");
    assert_memory_equal(gft_arena_memdup(&arena, "\0\1\2", 3), "\0\1\2", 3);
    assert_null(gft_arena_array(&arena, SIZE_MAX / 2, 3));
    assert_null(gft_arena_alloc(&arena, SIZE_MAX));
    assert_null(gft_arena_alloc(&arena, SIZE_MAX - 20));
    gft_arena_deinit(&arena);
    assert_null(arena.head);
    gft_alloc_fail_after(1);
    gft_arena_init(&arena);
    assert_null(gft_arena_alloc(&arena, 1));
    assert_null(gft_arena_strdup(&arena, "x"));
    assert_null(gft_arena_format(&arena, "x"));
    assert_null(gft_arena_memdup(&arena, "x", 1));
    gft_alloc_fail_after(0);
    assert_non_null(gft_arena_alloc(&arena, 0));
    gft_arena_deinit(&arena);
}

static void buffer_has_a_ceiling(void **state) {
    (void)state;
    gft_buffer buffer;
    graft_error err;
    gft_buffer_init(&buffer, 100);
    for (int i = 0; i < 10; i++)
        assert_int_equal(gft_buffer_append(&buffer, "0123456789", 10, &err), GRAFT_OK);
    assert_int_equal(gft_buffer_append(&buffer, "x", 1, &err), GRAFT_RESOURCE_EXHAUSTED);
    assert_int_equal(gft_buffer_format(&buffer, &err, "%d", 5), GRAFT_RESOURCE_EXHAUSTED);
    assert_null(gft_buffer_reserve(&buffer, SIZE_MAX, &err));
    assert_int_equal(buffer.bytes, 100);
    assert_int_equal(gft_buffer_terminate(&buffer, &err), GRAFT_OK);
    assert_int_equal(strlen((char *)buffer.data), 100);
    gft_buffer_clear(&buffer);
    assert_int_equal(gft_buffer_append(&buffer, NULL, 0, &err), GRAFT_OK);
    assert_int_equal(gft_buffer_format(&buffer, &err, "%0100d", 5),
                     GRAFT_OK); /* exactly the ceiling */
    assert_int_equal(buffer.bytes, 100);
    gft_buffer_clear(&buffer);
    assert_int_equal(gft_buffer_append_str(&buffer, "ab", &err), GRAFT_OK);
    uint8_t *p = gft_buffer_reserve(&buffer, 2, &err);
    assert_non_null(p);
    memcpy(p, "cd", 2);
    buffer.bytes += 2;
    assert_int_equal(gft_buffer_format(&buffer, &err, "%s", "ef"), GRAFT_OK);
    assert_int_equal(gft_buffer_terminate(&buffer, &err), GRAFT_OK);
    assert_string_equal((char *)buffer.data, "abcdef");
    gft_buffer_deinit(&buffer);
}

static void buffer_without_memory(void **state) {
    (void)state;
    gft_buffer buffer;
    gft_buffer_init(&buffer, SIZE_MAX);
    assert_int_equal(gft_buffer_append(&buffer, "abc", 3, NULL), GRAFT_OK);
    gft_alloc_fail_after(1);
    uint8_t large[4096] = {0};
    assert_int_equal(gft_buffer_append(&buffer, large, sizeof large, NULL),
                     GRAFT_RESOURCE_EXHAUSTED);
    assert_int_equal(gft_buffer_format(&buffer, NULL, "%4096d", 1), GRAFT_RESOURCE_EXHAUSTED);
    gft_alloc_fail_after(0);
    assert_int_equal(buffer.bytes, 3);
    assert_memory_equal(buffer.data, "abc", 3);
    gft_buffer_deinit(&buffer);
    gft_buffer_init(&buffer, 0);
    assert_int_equal(gft_buffer_terminate(&buffer, NULL), GRAFT_OK);
    assert_string_equal((char *)buffer.data, "");
    gft_buffer_deinit(&buffer);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_overflow),       cmocka_unit_test(allocation),
        cmocka_unit_test(failing_on_demand),    cmocka_unit_test(arena_works),
        cmocka_unit_test(buffer_has_a_ceiling), cmocka_unit_test(buffer_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
