/*
 * Layers that move numbers about or leave them alone.
 */
#include <string.h>

#include "base/shape.h"
#include "models/keras_layers.h"

graft_status gft_keras_call_identity(gft_keras_call *c, graft_error *err) {
    GFT_TRY(gft_keras_expect(c, 1, -1, err));
    return gft_keras_finish(c, &gft_op_identity, NULL, NULL, c->inputs, 1, err);
}

graft_status gft_keras_call_dropout(gft_keras_call *c, graft_error *err) {
    const double rate = gft_keras_number(c->config, "rate", 0.0);
    const json_t *noise = json_object_get(c->config, "noise_shape");
    GFT_TRY(gft_keras_expect(c, 1, -1, err));
    if (!(rate >= 0.0 && rate < 1.0) || (noise && !json_is_null(noise)))
        return gft_keras_call_identity(c, err); /* in training it would differ */
    const gft_dropout_attrs attrs = {.rate = (float)rate, .key = ++c->r->dropouts};
    return gft_keras_finish(c, &gft_op_dropout, NULL, &attrs, c->inputs, 1, err);
}

/* ((top, bottom), (left, right)), (height, width), n; in one dimension (left, right), n. */
static graft_status read_margins(const gft_keras_call *c, const char *key, int32_t rank,
                                 int64_t out[4], graft_error *err) {
    const json_t *value = json_object_get(c->config, key);
    const json_t *rows = json_array_get(value, 0);
    int64_t pair[2] = {0, 0};
    int32_t count = 0;
    memset(out, 0, 4 * sizeof *out);
    if (rank == 2 && json_is_array(rows)) {
        for (size_t i = 0; i < 2; i++) {
            GFT_TRY(gft_keras_ints(c, json_array_get(value, i), key, pair, 2, &count, err));
            out[2 * i] = pair[0];
            out[2 * i + 1] = count == 1 ? pair[0] : pair[1];
        }
    } else {
        GFT_TRY(gft_keras_ints(c, value, key, pair, 2, &count, err));
        if (count == 1)
            pair[1] = pair[0];
        out[0] = pair[0];
        out[1] = rank == 2 ? pair[0] : pair[1];
        out[2] = out[3] = pair[1];
    }
    for (int i = 0; i < 4; i++) {
        if (out[i] < 0)
            return gft_keras_wrong(c, err, "%s of %lld", key, (long long)out[i]);
    }
    return GRAFT_OK;
}

graft_status gft_keras_call_pad(gft_keras_call *c, graft_error *err) {
    const int32_t rank = c->kind->number;
    int64_t margins[4];
    gft_pad_attrs attrs = {.value = 0.0f};
    GFT_TRY(gft_keras_expect(c, 1, rank + 2, err));
    GFT_TRY(read_margins(c, "padding", rank, margins, err));
    for (int32_t i = 0; i < rank; i++) {
        attrs.before[i + 1] = margins[2 * i];
        attrs.after[i + 1] = margins[2 * i + 1];
    }
    return gft_keras_finish(c, &gft_op_pad, NULL, &attrs, c->inputs, 1, err);
}

graft_status gft_keras_call_crop(gft_keras_call *c, graft_error *err) {
    const int32_t rank = c->kind->number;
    int64_t margins[4];
    gft_strided_slice_attrs attrs = {{0}, {0}, {0}, 0};
    GFT_TRY(gft_keras_expect(c, 1, rank + 2, err));
    GFT_TRY(read_margins(c, "cropping", rank, margins, err));
    for (int32_t i = 0; i < rank + 2; i++) {
        attrs.stride[i] = 1;
        attrs.end[i] = INT64_MAX;
    }
    for (int32_t i = 0; i < rank; i++) {
        attrs.begin[i + 1] = margins[2 * i];
        if (margins[2 * i + 1] > 0)
            attrs.end[i + 1] = -margins[2 * i + 1];
    }
    return gft_keras_finish(c, &gft_op_strided_slice, NULL, &attrs, c->inputs, 1, err);
}

graft_status gft_keras_call_reshape(gft_keras_call *c, graft_error *err) {
    int64_t dims[GRAFT_MAX_RANK];
    int32_t count;
    int32_t unknown = 0;
    gft_shape_attrs attrs = {.shape = {1, {-1}}};
    GFT_TRY(gft_keras_expect(c, 1, -1, err));
    GFT_TRY(gft_keras_ints(c, json_object_get(c->config, "target_shape"), "target_shape", dims,
                           GRAFT_MAX_RANK - 1, &count, err));
    const graft_shape *x = &gft_keras_desc(c, c->inputs[0])->shape;
    if (x->rank > 0)
        attrs.shape.dims[0] = x->dims[0];
    for (int32_t i = 0; i < count; i++) {
        if (dims[i] < -1 || (dims[i] == -1 && ++unknown > 1))
            return gft_keras_wrong(c, err, "a target_shape with several unknown numbers");
        attrs.shape.dims[attrs.shape.rank++] = dims[i];
    }
    return gft_keras_finish(c, &gft_op_reshape, NULL, &attrs, c->inputs, 1, err);
}

graft_status gft_keras_call_flatten(gft_keras_call *c, graft_error *err) {
    GFT_TRY(gft_keras_expect(c, 1, -1, err));
    const graft_shape *x = &gft_keras_desc(c, c->inputs[0])->shape;
    graft_shape inner = *x;
    if (x->rank == 0)
        return gft_keras_wrong(c, err, "its input is a scalar");
    for (int32_t i = 1; i < x->rank; i++)
        inner.dims[i - 1] = x->dims[i];
    inner.rank = x->rank - 1;
    const gft_shape_attrs attrs = {.shape = gft_shape_2(x->dims[0], gft_shape_elems(&inner))};
    return gft_keras_finish(c, &gft_op_reshape, NULL, &attrs, c->inputs, 1, err);
}

graft_status gft_keras_call_permute(gft_keras_call *c, graft_error *err) {
    int64_t dims[GRAFT_MAX_RANK];
    int32_t count;
    gft_transpose_attrs attrs = {.perm = {0}};
    GFT_TRY(gft_keras_expect(c, 1, -1, err));
    GFT_TRY(gft_keras_ints(c, json_object_get(c->config, "dims"), "dims", dims, GRAFT_MAX_RANK - 1,
                           &count, err));
    if (count + 1 != gft_keras_desc(c, c->inputs[0])->shape.rank)
        return gft_keras_wrong(c, err, "%d dims for an input of rank %d", (int)count,
                               (int)gft_keras_desc(c, c->inputs[0])->shape.rank);
    for (int32_t i = 0; i < count; i++)
        attrs.perm[i + 1] = (int32_t)dims[i];
    return gft_keras_finish(c, &gft_op_transpose, NULL, &attrs, c->inputs, 1, err);
}

/* (N,C) -> (N,n,C) */
graft_status gft_keras_call_repeat(gft_keras_call *c, graft_error *err) {
    const int64_t n = gft_keras_int(c->config, "n", 1);
    gft_value_id y = -1;
    GFT_TRY(gft_keras_expect(c, 1, 2, err));
    const graft_shape x = gft_keras_desc(c, c->inputs[0])->shape;
    const graft_shape one = {3, {x.dims[0], 1, x.dims[1]}};
    const gft_shape_attrs attrs = {.shape = {3, {-1, n, -1}}};
    if (n < 1)
        return gft_keras_wrong(c, err, "n is %lld", (long long)n);
    GFT_TRY(gft_keras_reshape(c, c->inputs[0], &one, "expand", &y, err));
    return gft_keras_finish(c, &gft_op_broadcast_to, NULL, &attrs, &y, 1, err);
}
