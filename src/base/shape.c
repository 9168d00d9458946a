/*
 * Arithmetic and text of shapes and descriptors. Products are checked; -1 is "not known yet".
 */
#include "base/shape.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/size.h"

graft_shape gft_shape_of(int32_t rank, const int64_t *dims) {
    GFT_ASSERT(rank >= 0 && rank <= GRAFT_MAX_RANK);
    graft_shape shape = {rank, {0}};
    for (int32_t i = 0; i < rank; i++)
        shape.dims[i] = dims[i];
    return shape;
}

bool gft_shape_equal(const graft_shape *a, const graft_shape *b) {
    if (a->rank != b->rank)
        return false;
    for (int32_t i = 0; i < a->rank; i++) {
        if (a->dims[i] != b->dims[i])
            return false;
    }
    return true;
}

bool gft_shape_matches(const graft_shape *pattern, const graft_shape *concrete) {
    if (pattern->rank != concrete->rank)
        return false;
    for (int32_t i = 0; i < pattern->rank; i++) {
        if (pattern->dims[i] >= 0 && concrete->dims[i] >= 0 &&
            pattern->dims[i] != concrete->dims[i])
            return false;
    }
    return true;
}

bool gft_shape_known(const graft_shape *shape) {
    for (int32_t i = 0; i < shape->rank; i++) {
        if (shape->dims[i] < 0)
            return false;
    }
    return true;
}

int64_t gft_shape_elems(const graft_shape *shape) {
    if (!gft_shape_known(shape))
        return -1;
    int64_t elems = 1;
    bool overflow = false;
    for (int32_t i = 0; i < shape->rank; i++) {
        if (shape->dims[i] == 0)
            return 0;
        overflow = overflow || !gft_i64_mul(elems, shape->dims[i], &elems);
    }
    return overflow ? -1 : elems;
}

size_t gft_dtype_cell_bytes(graft_dtype dtype) {
    return dtype == GRAFT_STRING ? sizeof(graft_string_view) : graft_dtype_bytes(dtype);
}

bool gft_desc_bytes(const graft_tensor_desc *desc, size_t *bytes) {
    int64_t elems = gft_shape_elems(&desc->shape);
    size_t each = gft_dtype_cell_bytes(desc->dtype);
    if (elems < 0 || each == 0 || (uint64_t)elems > SIZE_MAX)
        return false;
    return gft_size_mul((size_t)elems, each, bytes);
}

/* Appends at `at`, never past the end; returns the new length. */
static size_t put(char out[GFT_DESC_TEXT_BYTES], size_t at, const char *text) {
    size_t length = gft_size_min(strlen(text), GFT_DESC_TEXT_BYTES - 1 - at);
    memcpy(out + at, text, length);
    out[at + length] = '\0';
    return at + length;
}

static size_t put_shape(char out[GFT_DESC_TEXT_BYTES], size_t at, const graft_shape *shape) {
    at = put(out, at, "[");
    for (int32_t i = 0; i < shape->rank; i++) {
        char number[24];
        if (i > 0)
            at = put(out, at, ",");
        if (shape->dims[i] < 0) {
            at = put(out, at, "?");
        } else {
            snprintf(number, sizeof number, "%" PRId64, shape->dims[i]);
            at = put(out, at, number);
        }
    }
    return put(out, at, "]");
}

const char *gft_desc_text(const graft_tensor_desc *desc, char out[GFT_DESC_TEXT_BYTES]) {
    size_t at = put(out, 0, graft_dtype_name(desc->dtype));
    at = put(out, at, " ");
    (void)put_shape(out, at, &desc->shape);
    return out;
}

const char *gft_shape_text(const graft_shape *shape, char out[GFT_DESC_TEXT_BYTES]) {
    (void)put_shape(out, 0, shape);
    return out;
}

bool gft_shape_broadcast(const graft_shape *a, const graft_shape *b, graft_shape *out) {
    int32_t rank = a->rank > b->rank ? a->rank : b->rank;
    graft_shape joined = {rank, {0}};
    for (int32_t i = 0; i < rank; i++) { /* from the innermost dimension outwards */
        int64_t x = i < a->rank ? a->dims[a->rank - 1 - i] : 1;
        int64_t y = i < b->rank ? b->dims[b->rank - 1 - i] : 1;
        int64_t dim;
        if (x == y || y == 1)
            dim = x;
        else if (x == 1)
            dim = y;
        else if (x < 0)
            dim = y;
        else if (y < 0)
            dim = x;
        else
            return false;
        joined.dims[rank - 1 - i] = dim;
    }
    *out = joined;
    return true;
}

void gft_shape_strides(const graft_shape *shape, int64_t strides[GRAFT_MAX_RANK]) {
    int64_t stride = 1;
    for (int32_t i = shape->rank - 1; i >= 0; i--) {
        strides[i] = stride;
        if (stride < 0 || shape->dims[i] < 0 || !gft_i64_mul(stride, shape->dims[i], &stride))
            stride = -1; /* not known, like the dimensions inside it */
    }
}

bool gft_axis_normalise(int64_t axis, int32_t rank, int32_t *out) {
    if (axis < -(int64_t)rank || axis >= rank)
        return false;
    *out = (int32_t)(axis < 0 ? axis + rank : axis);
    return true;
}
