/*
 * Helpers on the public shape and descriptor values (graft/tensor.h).
 */
#ifndef GFT_BASE_SHAPE_H
#define GFT_BASE_SHAPE_H

#include <stdbool.h>

#include "base/error.h"
#include "graft/tensor.h"

/** Makes a shape from its dimensions: gft_shape_make(4, n, h, w, c) with int64_t arguments. */
graft_shape gft_shape_of(int32_t rank, const int64_t *dims);
static inline graft_shape gft_shape_0(void) {
    return (graft_shape){0, {0}};
}
static inline graft_shape gft_shape_1(int64_t a) {
    return (graft_shape){1, {a}};
}
static inline graft_shape gft_shape_2(int64_t a, int64_t b) {
    return (graft_shape){2, {a, b}};
}
static inline graft_shape gft_shape_4(int64_t n, int64_t h, int64_t w, int64_t c) {
    return (graft_shape){4, {n, h, w, c}};
}

bool gft_shape_equal(const graft_shape *a, const graft_shape *b);
/** Equal where both are known; -1 matches anything. */
bool gft_shape_matches(const graft_shape *pattern, const graft_shape *concrete);
bool gft_shape_known(const graft_shape *shape); /* no -1 */
/** Product of dims; -1 if any is unknown or the product overflows. A zero dimension gives 0. */
int64_t gft_shape_elems(const graft_shape *shape);
/** Bytes of one element where a tensor lies in memory: graft_dtype_bytes, and for strings the size of
 * a graft_string_view. 0 for a type that has no elements here. */
size_t gft_dtype_cell_bytes(graft_dtype dtype);
/** Bytes of a dense tensor (of strings: of its views), checked. False if unknown, overflowing or of a
 * type without a size. */
bool gft_desc_bytes(const graft_tensor_desc *desc, size_t *bytes);
/** "float32 [?,224,224,3]" into out; returns out. */
#define GFT_DESC_TEXT_BYTES 192
const char *gft_desc_text(const graft_tensor_desc *desc, char out[GFT_DESC_TEXT_BYTES]);
const char *gft_shape_text(const graft_shape *shape, char out[GFT_DESC_TEXT_BYTES]);
/**
 * NumPy broadcasting of two shapes; -1 with 1 gives -1, with k > 1 gives k. False if they do not
 * agree.
 */
bool gft_shape_broadcast(const graft_shape *a, const graft_shape *b, graft_shape *out);
/** Row-major strides in elements. */
void gft_shape_strides(const graft_shape *shape, int64_t strides[GRAFT_MAX_RANK]);
/** Maps a negative axis to 0..rank-1; false if out of range. */
bool gft_axis_normalise(int64_t axis, int32_t rank, int32_t *out);

static inline graft_tensor_desc gft_desc_f32(graft_shape shape) {
    return (graft_tensor_desc){GRAFT_F32, shape, NULL};
}

#endif
