/*
 * Pooling. In one dimension the sequence is a picture of one row.
 */
#include <string.h>

#include "base/shape.h"
#include "models/keras_layers.h"

static graft_status read_window(gft_keras_call *c, int32_t rank, gft_pool_attrs *out,
                                graft_error *err) {
    int64_t size[2];
    int64_t strides[2];
    const char *padding = gft_keras_text(c->config, "padding", "valid");
    GFT_TRY(gft_keras_pair(c, "pool_size", 2, size, err));
    GFT_TRY(gft_keras_pair(c, "strides", 0, strides, err));
    for (int i = 0; i < 2; i++)
        strides[i] = strides[i] > 0 ? strides[i] : size[i];
    *out = (gft_pool_attrs){.kernel_h = rank == 1 ? 1 : size[0],
                            .kernel_w = rank == 1 ? size[0] : size[1],
                            .stride_h = rank == 1 ? 1 : strides[0],
                            .stride_w = rank == 1 ? strides[0] : strides[1]};
    if (strcmp(padding, "same") == 0)
        out->padding = GFT_PAD_SAME;
    else if (strcmp(padding, "valid") == 0)
        out->padding = GFT_PAD_VALID;
    else
        return gft_keras_refuse(c, err, "padding '%s'", padding);
    return GRAFT_OK;
}

graft_status gft_keras_call_pool(gft_keras_call *c, graft_error *err) {
    const int32_t rank = c->kind->number;
    gft_pool_attrs attrs;
    gft_value_id y = -1;
    GFT_TRY(gft_keras_expect(c, 1, rank + 2, err));
    GFT_TRY(read_window(c, rank, &attrs, err));
    if (rank == 2)
        return gft_keras_finish(c, c->kind->op, NULL, &attrs, c->inputs, 1, err);
    const graft_shape x = gft_keras_desc(c, c->inputs[0])->shape;
    const graft_shape picture = gft_shape_4(x.dims[0], 1, x.dims[1], x.dims[2]);
    GFT_TRY(gft_keras_reshape(c, c->inputs[0], &picture, "expand", &y, err));
    GFT_TRY(gft_keras_add(c, c->kind->op, NULL, &attrs, &y, 1, &y, err));
    const graft_shape *pooled = &gft_keras_desc(c, y)->shape;
    const graft_shape row = {3, {pooled->dims[0], pooled->dims[2], pooled->dims[3]}};
    GFT_TRY(gft_keras_reshape(c, y, &row, "squeeze", &y, err));
    gft_keras_done(c, y);
    return GRAFT_OK;
}

graft_status gft_keras_call_global_pool(gft_keras_call *c, graft_error *err) {
    const int32_t rank = c->kind->number;
    const gft_reduce_attrs attrs = {.axes = rank == 1 ? 1u << 1 : 1u << 1 | 1u << 2,
                                    .keep_dims = gft_keras_bool(c->config, "keepdims", false)};
    GFT_TRY(gft_keras_expect(c, 1, rank + 2, err));
    return gft_keras_finish(c, c->kind->op, NULL, &attrs, c->inputs, 1, err);
}
