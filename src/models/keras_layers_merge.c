/*
 * Merge layers.
 */
#include <stdio.h>

#include "base/shape.h"
#include "models/keras_operations.h"

/* Keras puts dimensions of 1 behind the batch until all ranks are equal. */
static graft_status raise_rank(gft_keras_call *c, gft_value_id x, int32_t rank, gft_value_id *out,
                               graft_error *err) {
    const graft_shape from = gft_keras_desc(c, x)->shape;
    graft_shape to = {rank, {0}};
    *out = x;
    if (from.rank >= rank || from.rank == 0)
        return GRAFT_OK;
    to.dims[0] = from.dims[0];
    for (int32_t i = 1; i < rank; i++)
        to.dims[i] = i <= rank - from.rank ? 1 : from.dims[i - (rank - from.rank)];
    return gft_keras_reshape(c, x, &to, "expand", out, err);
}

static graft_status fold(gft_keras_call *c, const gft_op *op, gft_value_id *out, graft_error *err) {
    int32_t rank = 0;
    gft_value_id y = -1;
    if (c->input_count < 1)
        return gft_keras_wrong(c, err, "it is given nothing");
    for (int32_t i = 0; i < c->input_count; i++) {
        const int32_t r = gft_keras_desc(c, c->inputs[i])->shape.rank;
        rank = r > rank ? r : rank;
    }
    GFT_TRY(raise_rank(c, c->inputs[0], rank, &y, err));
    for (int32_t i = 1; i < c->input_count; i++) {
        char part[32];
        gft_value_id other = -1;
        (void)snprintf(part, sizeof part, "part_%d", (int)i);
        GFT_TRY(raise_rank(c, c->inputs[i], rank, &other, err));
        GFT_TRY(gft_keras_binary(c, op, i + 1 == c->input_count ? NULL : part, y, other, &y, err));
    }
    *out = y;
    return GRAFT_OK;
}

graft_status gft_keras_call_merge(gft_keras_call *c, graft_error *err) {
    gft_value_id y = -1;
    if (c->arg_count == 2 && c->input_count == 1) /* the operation of this name: x + 1 */
        return gft_keras_call_binary(c, err);
    if (c->kind->number > 0)
        GFT_TRY(gft_keras_expect(c, c->kind->number, -1, err));
    if (c->input_count == 1)
        return gft_keras_call_identity(c, err);
    GFT_TRY(fold(c, c->kind->op, &y, err));
    gft_keras_done(c, y);
    return GRAFT_OK;
}

graft_status gft_keras_call_average(gft_keras_call *c, graft_error *err) {
    gft_value_id y = -1;
    if (c->input_count == 1)
        return gft_keras_call_identity(c, err);
    GFT_TRY(fold(c, &gft_op_add, &y, err));
    GFT_TRY(gft_keras_with_scalar(c, &gft_op_div, "div", y, (float)c->input_count, &y, err));
    gft_keras_done(c, y);
    return GRAFT_OK;
}

graft_status gft_keras_call_concatenate(gft_keras_call *c, graft_error *err) {
    const gft_axis_attrs attrs = {.axis = (int32_t)gft_keras_int(c->config, "axis", -1)};
    if (c->input_count < 1)
        return gft_keras_wrong(c, err, "it is given nothing");
    return gft_keras_finish(c, &gft_op_concat, NULL, &attrs, c->inputs, c->input_count, err);
}
