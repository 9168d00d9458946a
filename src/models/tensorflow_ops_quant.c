/*
 * quantize and dequantize as TensorFlow's nodes. They are written as plain arithmetic, which is
 * exact (Round is to even, as here), is known to every version and to the TFLite converter, and
 * knows every integer type: cast(clip(round(x / scale) + zero_point)) and (cast(q) - zero_point) *
 * scale. float16 is a Cast.
 */
#include "models/tensorflow_ops.h"

#include "base/shape.h"
#include "ops/ops.h"

/* Input `input`, one value or one per index of the axis, shaped so that it broadcasts against x. */
static const char *per_axis(gft_tf_emit *e, int32_t input, graft_dtype dtype) {
    const gft_quantize_attrs *attrs = e->node->attrs;
    const graft_shape *x = &gft_tf_in_desc(e, 0)->shape;
    const int64_t count = gft_shape_elems(&gft_tf_in_desc(e, input)->shape);
    int64_t dims[GRAFT_MAX_RANK];
    int32_t axis = 0;
    if (count == 1)
        return gft_tf_reshape(e->nodes, gft_tf_in(e, input),
                              gft_tf_const_ints(e->nodes, "shape", dims, 0), dtype);
    if (!gft_axis_normalise(attrs->axis, x->rank, &axis) || axis == x->rank - 1)
        return gft_tf_in(e, input);
    dims[0] = -1;
    for (int32_t i = axis + 1; i < x->rank; i++)
        dims[i - axis] = 1;
    return gft_tf_reshape(e->nodes, gft_tf_in(e, input),
                          gft_tf_const_ints(e->nodes, "shape", dims, (size_t)(x->rank - axis)),
                          dtype);
}

graft_status gft_tf_emit_quantize(gft_tf_emit *e, graft_error *err) {
    (void)err;
    gft_tf_nodes *nodes = e->nodes;
    const graft_dtype dtype = gft_tf_out_desc(e)->dtype;
    /* the largest float below 2^31 stands for the end of int32 */
    const float low = dtype == GRAFT_U8    ? 0.0f
                      : dtype == GRAFT_S8  ? -128.0f
                      : dtype == GRAFT_S16 ? -32768.0f
                                           : -2147483648.0f;
    const float high = dtype == GRAFT_U8    ? 255.0f
                       : dtype == GRAFT_S8  ? 127.0f
                       : dtype == GRAFT_S16 ? 32767.0f
                                            : 2147483520.0f;
    const char *zero = gft_tf_cast(nodes, per_axis(e, 2, GRAFT_S32), GRAFT_S32, GRAFT_F32);
    const char *x =
        gft_tf_binary(nodes, "RealDiv", gft_tf_in(e, 0), per_axis(e, 1, GRAFT_F32), GRAFT_F32);
    x = gft_tf_binary(nodes, "AddV2", gft_tf_unary(nodes, "Round", x, GRAFT_F32), zero, GRAFT_F32);
    gft_tf_node *clip = gft_tf_add(nodes, "ClipByValue");
    gft_tf_input(nodes, clip, x);
    gft_tf_input(nodes, clip, gft_tf_const_f32(nodes, "low", low));
    gft_tf_input(nodes, clip, gft_tf_const_f32(nodes, "high", high));
    gft_tf_attr_type(nodes, clip, "T", GRAFT_F32);
    gft_tf_set_out(e, gft_tf_cast(nodes, gft_tf_output(nodes, clip, 0), GRAFT_F32, dtype));
    return GRAFT_OK;
}

graft_status gft_tf_emit_dequantize(gft_tf_emit *e, graft_error *err) {
    (void)err;
    gft_tf_nodes *nodes = e->nodes;
    const char *x = gft_tf_cast(nodes, gft_tf_in(e, 0), gft_tf_in_desc(e, 0)->dtype, GRAFT_F32);
    if (e->node->input_count == 3) {
        const char *zero = gft_tf_cast(nodes, per_axis(e, 2, GRAFT_S32), GRAFT_S32, GRAFT_F32);
        x = gft_tf_binary(nodes, "Mul", gft_tf_binary(nodes, "Sub", x, zero, GRAFT_F32),
                          per_axis(e, 1, GRAFT_F32), GRAFT_F32);
    }
    gft_tf_set_out(e, x);
    return GRAFT_OK;
}
