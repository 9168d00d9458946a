/*
 * The one home of malloc. Everything goes through grant(), which counts down to the failure a test
 * asked for.
 *
 * Memory from gft_malloc_aligned comes from aligned_alloc, so free() takes it back like any other.
 */
#define _GNU_SOURCE /* madvise */
#include "base/alloc.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"

/* Leak checkers look for pointers in memory of malloc only. */
#if defined(__linux__) && !defined(__SANITIZE_ADDRESS__)
#define GFT_LARGE_PAGES 1
#include <sys/mman.h>
#else
#define GFT_LARGE_PAGES 0
#endif

static _Thread_local int64_t fail_in; /* 0: never; 1: the next one and all after it */

void gft_alloc_fail_after(int64_t n) {
    fail_in = n > 0 ? n : 0;
}

static bool grant(void) {
    if (fail_in == 0)
        return true;
    if (fail_in == 1)
        return false;
    fail_in--;
    return true;
}

void *gft_malloc(size_t bytes) {
    return grant() ? malloc(bytes ? bytes : 1) : NULL;
}

void *gft_calloc(size_t count, size_t bytes) {
    size_t total;
    if (!grant() || !gft_size_mul(count, bytes, &total))
        return NULL;
    return calloc(1, total ? total : 1);
}

void *gft_realloc(void *p, size_t bytes) {
    return grant() ? realloc(p, bytes ? bytes : 1) : NULL;
}

void *gft_malloc_aligned(size_t bytes) {
    size_t padded;
    if (!grant() || !gft_size_add(bytes, GFT_ALIGN - 1, &padded))
        return NULL;
    padded = padded / GFT_ALIGN * GFT_ALIGN;
#if GFT_LARGE_PAGES
    if (padded >= 2 * GFT_PAGES) {
        void *p = aligned_alloc(GFT_PAGES, gft_size_align(padded, GFT_PAGES));
        if (p)
            (void)madvise(p, padded / GFT_PAGES * GFT_PAGES, MADV_HUGEPAGE);
        return p;
    }
#endif
    return aligned_alloc(GFT_ALIGN, padded ? padded : GFT_ALIGN);
}

#if GFT_LARGE_PAGES

/*
 * A mapping begins at any page: a large page more is asked for, and what lies around is given back.
 */
void *gft_pages_new(size_t bytes) {
    size_t room;
    if (!grant() || bytes % GFT_PAGES != 0 || !gft_size_add(bytes, GFT_PAGES, &room))
        return NULL;
    char *p = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return NULL;
    const size_t before = (GFT_PAGES - (uintptr_t)p % GFT_PAGES) % GFT_PAGES;
    if (before > 0)
        (void)munmap(p, before);
    if (before < GFT_PAGES)
        (void)munmap(p + before + bytes, GFT_PAGES - before);
    (void)madvise(p + before, bytes, MADV_HUGEPAGE);
    return p + before;
}

void gft_pages_free(void *p, size_t bytes) {
    if (p)
        (void)munmap(p, bytes);
}

#else

void *gft_pages_new(size_t bytes) {
    return gft_calloc(1, bytes);
}

void gft_pages_free(void *p, size_t bytes) {
    (void)bytes;
    gft_free(p);
}

#endif

char *gft_strdup(const char *s) {
    return gft_strndup(s, strlen(s));
}

char *gft_strndup(const char *s, size_t n) {
    size_t length = strnlen(s, n);
    char *copy = gft_malloc(length + 1);
    if (!copy)
        return NULL;
    memcpy(copy, s, length);
    copy[length] = '\0';
    return copy;
}

char *gft_format(const char *format, ...) {
    va_list args;
    va_start(args, format);
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    char *text = n < 0 ? NULL : gft_malloc((size_t)n + 1);
    if (text)
        (void)vsnprintf(text, (size_t)n + 1, format, again);
    va_end(again);
    va_end(args);
    return text;
}

void gft_free(void *p) {
    free(p);
}
