/*
 * Checked sizes: every product or sum that reaches an allocation or an index goes through these.
 */
#ifndef GFT_BASE_SIZE_H
#define GFT_BASE_SIZE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** *out = a * b; false (and *out untouched) on overflow. */
static inline bool gft_size_mul(size_t a, size_t b, size_t *out) {
    size_t r;
    if (__builtin_mul_overflow(a, b, &r))
        return false;
    *out = r;
    return true;
}

/** *out = a + b; false (and *out untouched) on overflow. */
static inline bool gft_size_add(size_t a, size_t b, size_t *out) {
    size_t r;
    if (__builtin_add_overflow(a, b, &r))
        return false;
    *out = r;
    return true;
}

static inline bool gft_i64_mul(int64_t a, int64_t b, int64_t *out) {
    int64_t r;
    if (__builtin_mul_overflow(a, b, &r))
        return false;
    *out = r;
    return true;
}

static inline size_t gft_size_align(size_t n, size_t alignment) {
    return (n + alignment - 1) / alignment * alignment;
}
static inline int64_t gft_i64_min(int64_t a, int64_t b) {
    return a < b ? a : b;
}
static inline int64_t gft_i64_max(int64_t a, int64_t b) {
    return a > b ? a : b;
}
static inline int64_t gft_i64_ceil_div(int64_t a, int64_t b) {
    return (a + b - 1) / b;
}
static inline size_t gft_size_min(size_t a, size_t b) {
    return a < b ? a : b;
}
static inline size_t gft_size_max(size_t a, size_t b) {
    return a > b ? a : b;
}

#endif
