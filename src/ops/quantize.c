/*
 * quantize: float32 -> uint8, int8, int16 or int32, q = clamp(rint(x * (1 / scale)) + zero_point),
 * as LiteRT has it; dequantize: back, scale * (q - zero_point), or float16 -> float32 without
 * scales. One scale and zero point for the tensor or one per index of attrs.axis. NaN becomes the
 * smallest integer.
 */
#include <inttypes.h>
#include <math.h>

#include "base/float16.h"
#include "graph/quantized.h"
#include "ops/grid.h"
#include "ops/infer_check.h"
#include "ops/ops.h"
#include "ops/qcommon.h"

/* The tensor as (outer, channels, inner). */
typedef struct quantize_state {
    graft_dtype dtype; /* of the integers */
    int64_t channels, inner;
} quantize_state;

static bool is_quantized(graft_dtype dtype) {
    return dtype == GRAFT_U8 || dtype == GRAFT_S8 || dtype == GRAFT_S16 || dtype == GRAFT_S32;
}

static void bounds(graft_dtype dtype, int64_t *low, int64_t *high) {
    *low = dtype == GRAFT_U8    ? 0
           : dtype == GRAFT_S8  ? -128
           : dtype == GRAFT_S16 ? INT16_MIN
                                : INT32_MIN;
    *high = dtype == GRAFT_U8    ? 255
            : dtype == GRAFT_S8  ? 127
            : dtype == GRAFT_S16 ? INT16_MAX
                                 : INT32_MAX;
}

/* Inputs 1 and 2: as many scales as zero points, one or dims[axis]. */
static graft_status check_scales(const gft_infer *in, graft_dtype dtype, graft_error *err) {
    const gft_quantize_attrs *attrs = in->attrs;
    const graft_shape *x = &in->inputs[0].shape;
    char text[GFT_DESC_TEXT_BYTES];
    GFT_TRY(gft_check_dtype(in, 1, GRAFT_F32, err));
    GFT_TRY(gft_check_dtype(in, 2, GRAFT_S32, err));
    const int64_t scales = gft_desc_elems(&in->inputs[1]);
    const int64_t zeros = gft_desc_elems(&in->inputs[2]);
    int32_t axis = 0;
    if (scales == 0 || (scales >= 0 && zeros >= 0 && scales != zeros) ||
        in->inputs[1].shape.rank > 1 || in->inputs[2].shape.rank > 1)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "%" PRId64 " scales and %" PRId64
                        " zero points, expected vectors of one length",
                        scales, zeros);
    if (scales > 1 && (!gft_axis_normalise(attrs->axis, x->rank, &axis) ||
                       (x->dims[axis] >= 0 && x->dims[axis] != scales)))
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "%" PRId64 " scales for axis %" PRId32 " of shape %s", scales, attrs->axis,
                        gft_shape_text(x, text));
    const int32_t *zero = in->constants ? in->constants[2] : NULL;
    int64_t low;
    int64_t high;
    bounds(dtype, &low, &high);
    for (int64_t i = 0; zero && i < zeros; i++) {
        if (zero[i] < low || zero[i] > high)
            return gft_fail(err, GRAFT_INVALID_ARGUMENT, "zero point %" PRId32 " is no value of %s",
                            zero[i], graft_dtype_name(dtype));
    }
    return GRAFT_OK;
}

static graft_status prepare(gft_prepare *p, graft_error *err) {
    const gft_quantize_attrs *attrs = p->attrs;
    const graft_shape *x = &p->inputs[0].shape;
    quantize_state *s;
    int32_t axis = 0;
    GFT_TRY(gft_grid_state(p, sizeof *s, &s, err));
    s->dtype = p->inputs[0].dtype == GRAFT_F32 ? p->outputs[0].dtype : p->inputs[0].dtype;
    s->channels = p->input_count > 1 ? gft_desc_elems(&p->inputs[1]) : 1;
    s->inner = 1;
    if (s->channels > 1 && gft_axis_normalise(attrs->axis, x->rank, &axis)) {
        for (int32_t i = axis + 1; i < x->rank; i++)
            s->inner *= x->dims[i];
    }
    return gft_prepare_elems(p, err);
}

/* The run of elements from `at` that a loop can take at once: channels step by 0 or 1 in it. */
static int64_t run_length(const quantize_state *s, int64_t at, int64_t end, int64_t *channel,
                          int64_t *step) {
    *channel = s->channels > 1 ? at / s->inner % s->channels : 0;
    *step = s->channels > 1 && s->inner == 1;
    if (s->channels == 1)
        return end - at;
    return gft_i64_min(end - at, s->inner == 1 ? s->channels - *channel : s->inner - at % s->inner);
}

/* A float holds every sum of 8 or 16 bits exactly; 32 bits want a double. */
#define QUANTIZE_LOOP(name, type, real, round, low, high)                                          \
    static void name(const float *x, const float *scale, const int32_t *zero, int64_t step,        \
                     type *q, int64_t n) {                                                         \
        for (int64_t i = 0; i < n; i++) {                                                          \
            const real v = round((real)(x[i] * (1.0f / scale[i * step]))) + (real)zero[i * step];  \
            q[i] = (type)(v > (real)(low) ? v < (real)(high) ? v : (real)(high) : (real)(low));    \
        }                                                                                          \
    }                                                                                              \
    static void de##name(const type *q, const float *scale, const int32_t *zero, int64_t step,     \
                         float *x, int64_t n) {                                                    \
        for (int64_t i = 0; i < n; i++)                                                            \
            x[i] = scale[i * step] * (float)((real)q[i] - (real)zero[i * step]);                   \
    }

QUANTIZE_LOOP(quantize_u8, uint8_t, float, rintf, 0, 255)
QUANTIZE_LOOP(quantize_s8, int8_t, float, rintf, -128, 127)
QUANTIZE_LOOP(quantize_s16, int16_t, float, rintf, INT16_MIN, INT16_MAX)
QUANTIZE_LOOP(quantize_s32, int32_t, double, rint, INT32_MIN, INT32_MAX)

/* Bytes of one scale and a zero point that is one of theirs: the kernels' way. */
static bool is_plain(const quantize_state *s, int64_t step, int32_t zero) {
    return step == 0 && ((s->dtype == GRAFT_U8 && zero >= 0 && zero <= 255) ||
                         (s->dtype == GRAFT_S8 && zero >= -128 && zero <= 127));
}

static void quantize_run(const gft_exec *exec) {
    const quantize_state *s = exec->state;
    const gft_range r =
        gft_grid_range(gft_desc_elems(&exec->outputs_desc[0]), GFT_BLOCK_ELEMS, exec->task);
    int64_t n;
    for (int64_t at = r.begin; at < r.end; at += n) {
        int64_t channel;
        int64_t step;
        n = run_length(s, at, r.end, &channel, &step);
        const float *x = (const float *)exec->inputs[0] + at;
        const float *scale = (const float *)exec->inputs[1] + channel;
        const int32_t *zero = (const int32_t *)exec->inputs[2] + channel;
        if (is_plain(s, step, *zero))
            gft_kernels()->quantize_s8(x, 1.0f / *scale, gft_q_as_s8(s->dtype, *zero),
                                       gft_q_flip(s->dtype), (uint8_t *)exec->outputs[0] + at, n);
        else if (s->dtype == GRAFT_U8)
            quantize_u8(x, scale, zero, step, (uint8_t *)exec->outputs[0] + at, n);
        else if (s->dtype == GRAFT_S8)
            quantize_s8(x, scale, zero, step, (int8_t *)exec->outputs[0] + at, n);
        else if (s->dtype == GRAFT_S16)
            quantize_s16(x, scale, zero, step, (int16_t *)exec->outputs[0] + at, n);
        else
            quantize_s32(x, scale, zero, step, (int32_t *)exec->outputs[0] + at, n);
    }
}

static void widen_f16(const uint16_t *from, float *to, int64_t n) {
    for (int64_t i = 0; i < n; i++)
        to[i] = gft_f32_from_f16(from[i]);
}

static void dequantize_run(const gft_exec *exec) {
    const quantize_state *s = exec->state;
    const gft_range r =
        gft_grid_range(gft_desc_elems(&exec->outputs_desc[0]), GFT_BLOCK_ELEMS, exec->task);
    int64_t n;
    for (int64_t at = r.begin; at < r.end; at += n) {
        int64_t channel;
        int64_t step;
        n = run_length(s, at, r.end, &channel, &step);
        float *x = (float *)exec->outputs[0] + at;
        if (s->dtype == GRAFT_F16) {
            widen_f16((const uint16_t *)exec->inputs[0] + at, x, n);
            continue;
        }
        const float *scale = (const float *)exec->inputs[1] + channel;
        const int32_t *zero = (const int32_t *)exec->inputs[2] + channel;
        if (is_plain(s, step, *zero))
            gft_kernels()->dequantize_s8((const uint8_t *)exec->inputs[0] + at, *scale,
                                         gft_q_as_s8(s->dtype, *zero), gft_q_flip(s->dtype), x, n);
        else if (s->dtype == GRAFT_U8)
            dequantize_u8((const uint8_t *)exec->inputs[0] + at, scale, zero, step, x, n);
        else if (s->dtype == GRAFT_S8)
            dequantize_s8((const int8_t *)exec->inputs[0] + at, scale, zero, step, x, n);
        else if (s->dtype == GRAFT_S16)
            dequantize_s16((const int16_t *)exec->inputs[0] + at, scale, zero, step, x, n);
        else
            dequantize_s32((const int32_t *)exec->inputs[0] + at, scale, zero, step, x, n);
    }
}

static graft_status quantize_infer(const gft_infer *in, graft_error *err) {
    const gft_quantize_attrs *attrs = in->attrs;
    GFT_TRY(gft_check_dtype(in, 0, GRAFT_F32, err));
    if (!is_quantized(attrs->dtype))
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "cannot quantize to %s, expected uint8, int8, int16 or int32",
                        graft_dtype_name(attrs->dtype));
    GFT_TRY(check_scales(in, attrs->dtype, err));
    in->outputs[0] = (graft_tensor_desc){attrs->dtype, in->inputs[0].shape, NULL};
    return GRAFT_OK;
}

static graft_status dequantize_infer(const gft_infer *in, graft_error *err) {
    const graft_dtype dtype = in->inputs[0].dtype;
    if (in->input_count != (dtype == GRAFT_F16 ? 1 : 3) ||
        (dtype != GRAFT_F16 && !is_quantized(dtype)))
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "%s with %" PRId32
                        " inputs, expected float16 alone or uint8, int8, int16 or int32 with "
                        "scale and zero point",
                        graft_dtype_name(dtype), in->input_count);
    if (dtype != GRAFT_F16)
        GFT_TRY(check_scales(in, dtype, err));
    in->outputs[0] = gft_desc_f32(in->inputs[0].shape);
    return GRAFT_OK;
}

const gft_op gft_op_quantize = {.name = "quantize",
                                .kind = GFT_KIND_QUANTIZE,
                                .min_inputs = 3,
                                .max_inputs = 3,
                                .outputs = 1,
                                .attrs_bytes = sizeof(gft_quantize_attrs),
                                .infer = quantize_infer,
                                .prepare = prepare,
                                .run = quantize_run,
                                .quantized = &gft_quantized_ops_table};

const gft_op gft_op_dequantize = {.name = "dequantize",
                                  .kind = GFT_KIND_DEQUANTIZE,
                                  .min_inputs = 1,
                                  .max_inputs = 3,
                                  .outputs = 1,
                                  .attrs_bytes = sizeof(gft_quantize_attrs),
                                  .infer = dequantize_infer,
                                  .prepare = prepare,
                                  .run = dequantize_run};
