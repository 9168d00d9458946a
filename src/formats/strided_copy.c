/*
 * Strided arrays to dense row-major ones: trailing dimensions that already lie densely are copied
 * with one memcpy each, so that a tensor stored in the wanted order costs a single one.
 */
#include <string.h>

#include "base/shape.h"
#include "base/size.h"
#include "formats/torch_legacy.h"

void gft_strided_copy(const graft_shape *shape, const int64_t *strides, size_t elem_bytes,
                      const void *from, void *to) {
    int32_t outer = shape->rank; /* dimensions walked one by one */
    int64_t dense = 1;
    while (outer > 0 && (strides[outer - 1] == dense || shape->dims[outer - 1] == 1)) {
        dense *= shape->dims[outer - 1];
        outer--;
    }
    int64_t runs = 1;
    for (int32_t d = 0; d < outer; d++)
        runs *= shape->dims[d];
    size_t run_bytes = (size_t)dense * elem_bytes;
    if (run_bytes == 0 || runs == 0)
        return;
    const uint8_t *source = from;
    uint8_t *target = to;
    int64_t at[GRAFT_MAX_RANK] = {0};
    int64_t offset = 0;
    for (int64_t r = 0; r < runs; r++) {
        memcpy(target, source + (size_t)offset * elem_bytes, run_bytes);
        target += run_bytes;
        for (int32_t d = outer - 1; d >= 0; d--) {
            offset += strides[d];
            if (++at[d] < shape->dims[d])
                break;
            offset -= strides[d] * shape->dims[d];
            at[d] = 0;
        }
    }
}

graft_status gft_torch_copy(const gft_torch_tensor *tensor, const int32_t *perm, void *to,
                            size_t bytes, graft_shape *shape, graft_error *err) {
    graft_shape out = {.rank = tensor->shape.rank};
    int64_t strides[GRAFT_MAX_RANK] = {0};
    uint32_t used = 0;
    for (int32_t d = 0; d < out.rank; d++) {
        int32_t from = perm ? perm[d] : d;
        if (from < 0 || from >= out.rank || (used & 1u << from))
            return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                            "tensor '%.80s': order of %d dimensions repeats or lacks one",
                            tensor->name, (int)out.rank);
        used |= 1u << from;
        out.dims[d] = tensor->shape.dims[from];
        strides[d] = tensor->strides[from];
    }
    graft_tensor_desc desc = {.dtype = tensor->dtype, .shape = out};
    size_t needed;
    if (!gft_desc_bytes(&desc, &needed) || needed != bytes)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "tensor '%.80s': room for %zu bytes, %s needed", tensor->name, bytes,
                        gft_desc_text(&desc, (char[GFT_DESC_TEXT_BYTES]){0}));
    gft_strided_copy(&out, strides, graft_dtype_bytes(tensor->dtype), tensor->data, to);
    if (shape)
        *shape = out;
    return GRAFT_OK;
}
