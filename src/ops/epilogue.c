/*
 * Epilogue of matrix products: input checks and the activation pass.
 */
#include "ops/epilogue.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/shape.h"

gft_epilogue gft_epilogue_of(const gft_epilogue_attrs *attrs, int32_t base) {
    gft_epilogue e = {-1, -1, -1, -INFINITY, INFINITY, NULL, attrs->alpha};
    if (attrs->has_bias)
        e.bias = base++;
    if (attrs->has_residual)
        e.residual = base++;
    if (attrs->has_input_scale)
        e.input_scale = base++;
    if (!attrs->activation)
        return e;
    if (strcmp(attrs->activation->name, "relu") == 0) {
        e.lo = 0.0f;
    } else if (strcmp(attrs->activation->name, "relu6") == 0) {
        e.lo = 0.0f;
        e.hi = 6.0f;
    } else {
        e.unary = attrs->activation->unary();
    }
    return e;
}

graft_status gft_epilogue_check(const gft_infer *in, const gft_epilogue_attrs *attrs, int32_t base,
                                const graft_shape *y, int64_t scale_c, graft_error *err) {
    char found[GFT_DESC_TEXT_BYTES];
    char wanted[GFT_DESC_TEXT_BYTES];
    int32_t expected = base + attrs->has_bias + attrs->has_residual + attrs->has_input_scale;
    if (in->input_count != expected)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "%s: %d inputs, its attributes ask for %d",
                        in->node, (int)in->input_count, (int)expected);
    if (attrs->activation &&
        (attrs->activation->kind != GFT_KIND_UNARY || !attrs->activation->unary))
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "%s: op %s cannot be the activation of an epilogue", in->node,
                        attrs->activation->name);
    if (attrs->has_input_scale && scale_c < 0)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "%s: an input scale needs a 1x1 convolution of one group", in->node);
    gft_epilogue e = gft_epilogue_of(attrs, base);
    int64_t channels = y->rank > 0 ? y->dims[y->rank - 1] : 1;
    const graft_shape bias = gft_shape_1(channels);
    const graft_shape scale = gft_shape_4(y->dims[0], 1, 1, scale_c);
    const struct {
        int32_t input;
        const char *name;
        const graft_shape *shape;
    } extra[] = {{e.bias, "bias", &bias},
                 {e.residual, "residual", y},
                 {e.input_scale, "input scale", &scale}};
    for (size_t i = 0; i < sizeof extra / sizeof extra[0]; i++) {
        if (extra[i].input < 0)
            continue;
        const graft_tensor_desc *desc = &in->inputs[extra[i].input];
        bool same = desc->shape.rank == extra[i].shape->rank;
        for (int32_t d = 0; same && d < desc->shape.rank; d++) {
            int64_t a = desc->shape.dims[d];
            int64_t b = extra[i].shape->dims[d];
            same = a == b || a < 0 || b < 0;
        }
        if (desc->dtype != GRAFT_F32 || !same)
            return gft_fail(err, GRAFT_INVALID_ARGUMENT, "%s: %s is %s, expected float32 %s",
                            in->node, extra[i].name, gft_desc_text(desc, found),
                            gft_shape_text(extra[i].shape, wanted));
    }
    return GRAFT_OK;
}

void gft_epilogue_finish(const gft_epilogue *epilogue, float *c, int64_t rows, int64_t cols,
                         int64_t c_stride) {
    if (!epilogue->unary)
        return;
    if (cols == c_stride) {
        epilogue->unary(c, c, rows * cols, epilogue->alpha);
        return;
    }
    for (int64_t i = 0; i < rows; i++)
        epilogue->unary(c + i * c_stride, c + i * c_stride, cols, epilogue->alpha);
}
