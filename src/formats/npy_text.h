/*
 * Strings in .npy arrays, private to npy.c: elements of one size to views and back.
 */
#ifndef GFT_FORMATS_NPY_TEXT_H
#define GFT_FORMATS_NPY_TEXT_H

#include "base/arena.h"
#include "base/buffer.h"
#include "base/error.h"
#include "graft/tensor.h"

/**
 * Views of `count` elements of `unit` bytes: 'S' without the zeros at its end, 'V' as it is, 'U'
 * (little-endian UTF-32) as UTF-8 in the arena. INVALID_ARGUMENT for a code that is no Unicode
 * character.
 */
GRAFT_MUST_CHECK graft_status gft_npy_views(const uint8_t *elements, size_t count, size_t unit,
                                            char kind, const char *where, gft_arena *arena,
                                            graft_string_view *out, graft_error *err);
/** Bytes of the longest, at least 1 (NumPy's smallest). */
size_t gft_npy_longest(const graft_string_view *views, size_t count);
/** Appends them as elements of `unit` bytes, zeros behind the shorter ones. */
GRAFT_MUST_CHECK graft_status gft_npy_append_views(gft_buffer *buffer,
                                                   const graft_string_view *views, size_t count,
                                                   size_t unit, graft_error *err);

#endif
