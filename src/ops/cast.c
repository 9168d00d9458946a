/*
 * cast between float32, float64, float16, bfloat16, int64, int32, int16, int8, uint8 and bool, a
 * chunk at a time through double (from a float type) or int64 (from the others).
 *
 * Integers narrow by wrapping, as NumPy and TensorFlow do; floats to integers drop the fraction,
 * with values out of range taken to the nearest end and NaN to 0 (TensorFlow leaves those to the
 * CPU). Anything but 0 is true.
 */
#include <math.h>
#include <string.h>

#include "base/float16.h"
#include "kernels/kernel_table.h"
#include "ops/grad_build.h"
#include "ops/gradients.h"
#include "ops/grid.h"
#include "ops/infer_check.h"
#include "ops/ops.h"

#define CHUNK 256

static bool castable(graft_dtype dtype) {
    return graft_dtype_bytes(dtype) > 0;
}

static bool is_float(graft_dtype dtype) {
    return dtype == GRAFT_F32 || dtype == GRAFT_F64 || dtype == GRAFT_F16 || dtype == GRAFT_BF16;
}

static graft_status infer(const gft_infer *in, graft_error *err) {
    const gft_cast_attrs *attrs = in->attrs;
    if (!castable(in->inputs[0].dtype) || !castable(attrs->dtype))
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "cannot cast %s to %s",
                        graft_dtype_name(in->inputs[0].dtype), graft_dtype_name(attrs->dtype));
    in->outputs[0] = (graft_tensor_desc){attrs->dtype, in->inputs[0].shape, NULL};
    return GRAFT_OK;
}

static void load_f64(const void *from, graft_dtype dtype, int64_t at, int64_t n, double *out) {
    for (int64_t i = 0; i < n; i++) {
        switch (dtype) {
        case GRAFT_F32:
            out[i] = (double)((const float *)from)[at + i];
            break;
        case GRAFT_F16:
            out[i] = (double)gft_f32_from_f16(((const uint16_t *)from)[at + i]);
            break;
        case GRAFT_BF16:
            out[i] = (double)gft_f32_from_bf16(((const uint16_t *)from)[at + i]);
            break;
        default:
            out[i] = ((const double *)from)[at + i];
            break;
        }
    }
}

static void load_s64(const void *from, graft_dtype dtype, int64_t at, int64_t n, int64_t *out) {
    for (int64_t i = 0; i < n; i++) {
        switch (dtype) {
        case GRAFT_S32:
            out[i] = ((const int32_t *)from)[at + i];
            break;
        case GRAFT_S16:
            out[i] = ((const int16_t *)from)[at + i];
            break;
        case GRAFT_S8:
            out[i] = ((const int8_t *)from)[at + i];
            break;
        case GRAFT_U8:
            out[i] = ((const uint8_t *)from)[at + i];
            break;
        case GRAFT_BOOL:
            out[i] = ((const uint8_t *)from)[at + i] != 0;
            break;
        default:
            out[i] = ((const int64_t *)from)[at + i];
            break;
        }
    }
}

/* The widest integer that holds the fraction-free value, kept inside low..high. */
static int64_t integer_of(double v, graft_dtype dtype) {
    double low = -0x1p63;
    double high = 0x1p63 - 1024.0; /* the largest double below 2^63 */
    if (dtype == GRAFT_S32) {
        low = -0x1p31;
        high = 0x1p31 - 1.0;
    } else if (dtype == GRAFT_S16) {
        low = -0x1p15;
        high = 0x1p15 - 1.0;
    } else if (dtype == GRAFT_S8) {
        low = -128.0;
        high = 127.0;
    } else if (dtype == GRAFT_U8) {
        low = 0.0;
        high = 255.0;
    }
    if (v != v)
        return 0;
    if (v >= 0x1p63)
        return dtype == GRAFT_S64 ? INT64_MAX : (int64_t)high;
    return (int64_t)(v < low ? low : v > high ? high : v);
}

static void store_s64(const int64_t *v, graft_dtype dtype, int64_t at, int64_t n, void *to) {
    for (int64_t i = 0; i < n; i++) {
        switch (dtype) { /* through unsigned: conversion by wrapping is then defined */
        case GRAFT_S32:
            ((int32_t *)to)[at + i] = (int32_t)(uint32_t)v[i];
            break;
        case GRAFT_S16:
            ((int16_t *)to)[at + i] = (int16_t)(uint16_t)v[i];
            break;
        case GRAFT_S8:
            ((int8_t *)to)[at + i] = (int8_t)(uint8_t)v[i];
            break;
        case GRAFT_U8:
            ((uint8_t *)to)[at + i] = (uint8_t)v[i];
            break;
        case GRAFT_BOOL:
            ((uint8_t *)to)[at + i] = v[i] != 0;
            break;
        case GRAFT_F32:
            ((float *)to)[at + i] = (float)v[i];
            break;
        case GRAFT_F64:
            ((double *)to)[at + i] = (double)v[i];
            break;
        case GRAFT_F16:
            ((uint16_t *)to)[at + i] = gft_f16_from_f32((float)v[i]);
            break;
        case GRAFT_BF16:
            ((uint16_t *)to)[at + i] = gft_bf16_from_f32((float)v[i]);
            break;
        default:
            ((int64_t *)to)[at + i] = v[i];
            break;
        }
    }
}

static void store_f64(const double *v, graft_dtype dtype, int64_t at, int64_t n, void *to) {
    int64_t integers[CHUNK];
    for (int64_t i = 0; i < n; i++) {
        switch (dtype) {
        case GRAFT_F32:
            ((float *)to)[at + i] = (float)v[i];
            break;
        case GRAFT_F64:
            ((double *)to)[at + i] = v[i];
            break;
        case GRAFT_F16:
            ((uint16_t *)to)[at + i] = gft_f16_from_f32((float)v[i]);
            break;
        case GRAFT_BF16:
            ((uint16_t *)to)[at + i] = gft_bf16_from_f32((float)v[i]);
            break;
        case GRAFT_BOOL:
            integers[i] = v[i] != 0.0;
            break;
        default:
            integers[i] = integer_of(v[i], dtype);
            break;
        }
    }
    if (!is_float(dtype))
        store_s64(integers, dtype, at, n, to);
}

/* Between float32 and 16-bit floats by kernels; false: other types. */
static bool cast_halves(const gft_exec *exec, graft_dtype from, graft_dtype to, int64_t at,
                        int64_t n) {
    const gft_kernel_table *k = gft_kernels();
    const void *x = exec->inputs[0];
    void *y = exec->outputs[0];
    if (from == GRAFT_F32 && (to == GRAFT_BF16 || to == GRAFT_F16)) {
        gft_to_half_fn *narrow = to == GRAFT_BF16 ? k->bf16_from_f32 : k->f16_from_f32;
        narrow((const float *)x + at, (uint16_t *)y + at, n);
        return true;
    }
    if (to == GRAFT_F32 && (from == GRAFT_BF16 || from == GRAFT_F16)) {
        gft_from_half_fn *widen = from == GRAFT_BF16 ? k->f32_from_bf16 : k->f32_from_f16;
        widen((const uint16_t *)x + at, (float *)y + at, n);
        return true;
    }
    return false;
}

static void run(const gft_exec *exec) {
    const graft_dtype from = exec->inputs_desc[0].dtype;
    const graft_dtype to = exec->outputs_desc[0].dtype;
    const gft_range r =
        gft_grid_range(gft_desc_elems(&exec->outputs_desc[0]), GFT_BLOCK_ELEMS, exec->task);
    const size_t bytes = graft_dtype_bytes(to);
    if (from == to) {
        if (r.end > r.begin)
            memmove((char *)exec->outputs[0] + (size_t)r.begin * bytes,
                    (const char *)exec->inputs[0] + (size_t)r.begin * bytes,
                    (size_t)(r.end - r.begin) * bytes);
        return;
    }
    if (cast_halves(exec, from, to, r.begin, r.end - r.begin))
        return;
    for (int64_t at = r.begin; at < r.end; at += CHUNK) {
        const int64_t n = gft_i64_min(CHUNK, r.end - at);
        if (is_float(from)) {
            double values[CHUNK];
            load_f64(exec->inputs[0], from, at, n, values);
            store_f64(values, to, at, n, exec->outputs[0]);
        } else {
            int64_t values[CHUNK];
            load_s64(exec->inputs[0], from, at, n, values);
            store_s64(values, to, at, n, exec->outputs[0]);
        }
    }
}

const gft_op gft_op_cast = {.name = "cast",
                            .flags = GFT_OP_IN_PLACE,
                            .min_inputs = 1,
                            .max_inputs = 1,
                            .outputs = 1,
                            .attrs_bytes = sizeof(gft_cast_attrs),
                            .infer = infer,
                            .prepare = gft_prepare_elems,
                            .run = run};

/* dy cast back; nothing flows through integers. */
graft_status gft_grad_cast(gft_grad *grad, graft_error *err) {
    const gft_value_id x = gft_grad_input(grad, 0);
    const gft_cast_attrs back = {.dtype = gft_graph_value(grad->graph, x)->desc.dtype};
    const graft_dtype to = ((const gft_cast_attrs *)gft_grad_attrs(grad))->dtype;
    if (!is_float(back.dtype) || !is_float(to))
        return GRAFT_OK;
    return gft_grad_node(grad, &gft_op_cast, &back, &grad->output_grads[0], 1,
                         &grad->input_grads[0], err);
}
