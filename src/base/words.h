/*
 * Words people type: the nearest right one for a wrong one, numbers and sizes parsed whole or
 * refused.
 */
#ifndef GFT_BASE_WORDS_H
#define GFT_BASE_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Nearest of `count` words within edit distance 1 + length/4, or NULL. Borrowed from `words`. */
const char *gft_words_nearest(const char *word, const char *const *words, size_t count);
/** The whole string as a number; false if anything is left over or out of range. */
bool gft_words_i64(const char *s, int64_t *out);
bool gft_words_f64(const char *s, double *out); /* finite only; independent of the locale */
/** "512", "64K", "2.5G", "1GiB" in bytes. */
bool gft_words_size(const char *s, uint64_t *out);

#endif
