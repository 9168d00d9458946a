/*
 * Memory: the one home of malloc. Callers turn NULL into RESOURCE_EXHAUSTED (gft_fail_memory).
 *
 * gft_alloc_fail_after() lets tests fail the n-th allocation of the calling thread; it costs one
 * thread-local test.
 */
#ifndef GFT_BASE_ALLOC_H
#define GFT_BASE_ALLOC_H

#include <stddef.h>
#include <stdint.h>

#define GFT_ALIGN 64 /* cache line and AVX-512 vector */
#define GFT_PAGES ((size_t)2 << 20)

void *gft_malloc(size_t bytes); /* never NULL for 0 bytes unless out of memory */
void *gft_calloc(size_t count, size_t bytes);
void *gft_realloc(void *p, size_t bytes);
void *gft_malloc_aligned(size_t bytes); /* 64-byte aligned; free with gft_free */
/**
 * Zeroed memory of its own, GFT_PAGES bytes or a multiple, in large pages where the system has
 * them: a 14 MB table is then ready after 7 page faults instead of 3500. Free with gft_pages_free.
 */
void *gft_pages_new(size_t bytes);
void gft_pages_free(void *p, size_t bytes);
char *gft_strdup(const char *s);
char *gft_strndup(const char *s, size_t n);
/** printf into a fresh string; NULL when out of memory. */
char *gft_format(const char *format, ...) __attribute__((format(printf, 1, 2)));
void gft_free(void *p); /* accepts NULL */

/**
 * Test hook: the n-th next allocation of this thread (1 = the next) and all later ones fail; 0
 * switches off.
 */
void gft_alloc_fail_after(int64_t n);

#endif
