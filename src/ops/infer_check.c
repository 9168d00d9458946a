/*
 * Checks that shape rules share; see infer_check.h.
 */
#include "ops/infer_check.h"

#include <inttypes.h>

int32_t gft_check_unknowns(const graft_shape *shape) {
    int32_t count = 0;
    for (int32_t i = 0; i < shape->rank; i++)
        count += shape->dims[i] < 0;
    return count;
}

graft_status gft_check_dtype(const gft_infer *in, int32_t i, graft_dtype dtype, graft_error *err) {
    if (in->inputs[i].dtype != dtype)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "input %d is %s, expected %s", i,
                        graft_dtype_name(in->inputs[i].dtype), graft_dtype_name(dtype));
    return GRAFT_OK;
}

graft_status gft_check_f32(const gft_infer *in, graft_error *err) {
    for (int32_t i = 0; i < in->input_count; i++)
        GFT_TRY(gft_check_dtype(in, i, GRAFT_F32, err));
    return GRAFT_OK;
}

graft_status gft_check_min_rank(const gft_infer *in, int32_t i, int32_t rank, graft_error *err) {
    char text[GFT_DESC_TEXT_BYTES];
    if (in->inputs[i].shape.rank < rank)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "input %d has shape %s, expected at least %d dimensions", i,
                        gft_shape_text(&in->inputs[i].shape, text), rank);
    return GRAFT_OK;
}

graft_status gft_check_rank(const gft_infer *in, int32_t i, int32_t rank, graft_error *err) {
    char text[GFT_DESC_TEXT_BYTES];
    if (in->inputs[i].shape.rank != rank)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "input %d has shape %s, expected %d dimensions", i,
                        gft_shape_text(&in->inputs[i].shape, text), rank);
    return GRAFT_OK;
}

graft_status gft_check_same_shape(const gft_infer *in, int32_t i, int32_t j, graft_shape *out,
                                  graft_error *err) {
    const graft_shape *a = &in->inputs[i].shape;
    const graft_shape *b = &in->inputs[j].shape;
    if (!gft_shape_matches(a, b)) {
        char text_a[GFT_DESC_TEXT_BYTES];
        char text_b[GFT_DESC_TEXT_BYTES];
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "inputs %d and %d have shapes %s and %s, expected equal ones", i, j,
                        gft_shape_text(a, text_a), gft_shape_text(b, text_b));
    }
    if (out) {
        graft_shape joined = *a;
        for (int32_t d = 0; d < a->rank; d++) {
            if (joined.dims[d] < 0)
                joined.dims[d] = b->dims[d];
        }
        *out = joined;
    }
    return GRAFT_OK;
}

graft_status gft_check_channels(const gft_infer *in, int32_t from, int32_t to, graft_error *err) {
    GFT_TRY(gft_check_min_rank(in, 0, 1, err));
    const graft_shape *x = &in->inputs[0].shape;
    int64_t channels = x->dims[x->rank - 1];
    for (int32_t i = from; i < to; i++) {
        const graft_shape *v = &in->inputs[i].shape;
        if (v->rank == 1 && (v->dims[0] == channels || v->dims[0] < 0 || channels < 0))
            continue;
        char text_x[GFT_DESC_TEXT_BYTES];
        char text_v[GFT_DESC_TEXT_BYTES];
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "input %d has shape %s, expected one value per channel of input 0, %s", i,
                        gft_shape_text(v, text_v), gft_shape_text(x, text_x));
    }
    return GRAFT_OK;
}

graft_status gft_check_gradient(const gft_infer *in, int32_t i, const graft_shape *result,
                                graft_error *err) {
    const graft_shape *dy = &in->inputs[i].shape;
    char text_a[GFT_DESC_TEXT_BYTES];
    char text_b[GFT_DESC_TEXT_BYTES];
    if (gft_shape_matches(dy, result))
        return GRAFT_OK;
    return gft_fail(err, GRAFT_INVALID_ARGUMENT, "gradient has shape %s, expected %s",
                    gft_shape_text(dy, text_a), gft_shape_text(result, text_b));
}

graft_status gft_infer_same_f32(const gft_infer *in, graft_error *err) {
    GFT_TRY(gft_check_f32(in, err));
    graft_shape shape = in->inputs[0].shape;
    for (int32_t i = 1; i < in->input_count; i++) {
        graft_shape joined;
        GFT_TRY(gft_check_same_shape(in, 0, i, &joined, err));
        for (int32_t d = 0; d < shape.rank; d++) {
            if (shape.dims[d] < 0)
                shape.dims[d] = joined.dims[d];
        }
    }
    in->outputs[0] = gft_desc_f32(shape);
    return GRAFT_OK;
}

graft_status gft_infer_like_f32(const gft_infer *in, graft_error *err) {
    GFT_TRY(gft_check_dtype(in, 0, GRAFT_F32, err));
    in->outputs[0] = gft_desc_f32(in->inputs[0].shape);
    return GRAFT_OK;
}

graft_status gft_infer_like(const gft_infer *in, graft_error *err) {
    if (gft_dtype_cell_bytes(in->inputs[0].dtype) == 0)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "input is %s, expected numbers or strings",
                        graft_dtype_name(in->inputs[0].dtype));
    in->outputs[0] = in->inputs[0];
    return GRAFT_OK;
}
