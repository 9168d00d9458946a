/*
 * pow, floor_div, floor_mod, prelu (x for x > 0, slope * x below; slope broadcasts) with
 * broadcasting. Integers: a negative power is what the quotient 1 / x is, x // 0 = 0 and x mod 0 =
 * x, since a run cannot fail.
 */
#include <math.h>

#include "ops/binary.h"
#include "ops/grad_build.h"
#include "ops/gradients.h"
#include "ops/infer_check.h"
#include "ops/ops.h"

#define FLOAT_LOOP(name, expression)                                                               \
    static void name##_f32(const float *a, int64_t a_step, const float *b, int64_t b_step,         \
                           float *y, int64_t n) {                                                  \
        for (int64_t i = 0; i < n; i++) {                                                          \
            const float p = a[i * a_step];                                                         \
            const float q = b[i * b_step];                                                         \
            y[i] = (expression);                                                                   \
        }                                                                                          \
    }

/* The remainder has the sign of the divisor. */
static float float_mod(float p, float q) {
    const float r = fmodf(p, q);
    return r != 0.0f && (r < 0.0f) != (q < 0.0f) ? r + q : r;
}

/* By squaring, wrapping. */
static uint64_t integer_pow(int64_t p, int64_t q) {
    uint64_t y = 1;
    uint64_t x = (uint64_t)p;
    if (q < 0)
        return p == 1 ? 1 : p == -1 ? (q % 2 == 0 ? 1 : UINT64_MAX) : 0;
    for (; q > 0; q >>= 1) {
        y *= q & 1 ? x : 1;
        x *= x;
    }
    return y;
}

static int64_t integer_floor_div(int64_t p, int64_t q) {
    if (q == 0)
        return 0;
    if (q == -1)
        return (int64_t)(0 - (uint64_t)p);
    return p / q - (p % q != 0 && (p < 0) != (q < 0));
}

static int64_t integer_floor_mod(int64_t p, int64_t q) {
    if (q == 0 || q == -1)
        return q == 0 ? p : 0;
    return p % q + (p % q != 0 && (p < 0) != (q < 0) ? q : 0);
}

FLOAT_LOOP(pow, powf(p, q))
FLOAT_LOOP(floor_div, floorf(p / q))
FLOAT_LOOP(floor_mod, float_mod(p, q))
FLOAT_LOOP(prelu, p > 0.0f ? p : p * q)
GFT_BINARY_INTEGERS(pow, integer_pow(p, q))
GFT_BINARY_INTEGERS(floor_div, integer_floor_div(p, q))
GFT_BINARY_INTEGERS(floor_mod, integer_floor_mod(p, q))

#define BINARY_OP(op_name)                                                                         \
    static graft_status op_name##_prepare(gft_prepare *prepare, graft_error *err) {                \
        const bool narrow = prepare->inputs[0].dtype == GRAFT_S32;                                 \
        return gft_binary_prepare(prepare, op_name##_f32, narrow ? op_name##_s32 : op_name##_s64,  \
                                  err);                                                            \
    }                                                                                              \
    const gft_op gft_op_##op_name = {.name = #op_name,                                             \
                                     .flags = GFT_OP_IN_PLACE,                                     \
                                     .min_inputs = 2,                                              \
                                     .max_inputs = 2,                                              \
                                     .outputs = 1,                                                 \
                                     .infer = gft_binary_infer,                                    \
                                     .prepare = op_name##_prepare,                                 \
                                     .run = gft_binary_run};

BINARY_OP(pow)
BINARY_OP(floor_div)
BINARY_OP(floor_mod)

/* The slope broadcasts to x, not the other way round. */
static graft_status prelu_infer(const gft_infer *in, graft_error *err) {
    GFT_TRY(gft_check_f32(in, err));
    GFT_TRY(gft_binary_infer(in, err));
    if (in->outputs[0].shape.rank != in->inputs[0].shape.rank ||
        !gft_shape_matches(&in->inputs[0].shape, &in->outputs[0].shape)) {
        char text[GFT_DESC_TEXT_BYTES];
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "slopes of shape %s are more than input 0 has",
                        gft_shape_text(&in->inputs[1].shape, text));
    }
    return GRAFT_OK;
}

static graft_status prelu_prepare(gft_prepare *prepare, graft_error *err) {
    return gft_binary_prepare(prepare, prelu_f32, NULL, err);
}

const gft_op gft_op_prelu = {.name = "prelu",
                             .flags = GFT_OP_IN_PLACE,
                             .min_inputs = 2,
                             .max_inputs = 2,
                             .outputs = 1,
                             .infer = prelu_infer,
                             .prepare = prelu_prepare,
                             .run = gft_binary_run};

/* ---- gradients ---- */

static graft_status finish(gft_grad *grad, int32_t i, gft_value_id value, graft_error *err) {
    return gft_grad_reduce_like(grad, value, gft_grad_input(grad, i), &grad->input_grads[i], err);
}

/* da = dy b a^(b - 1) */
static graft_status pow_base(gft_grad *grad, gft_value_id a, gft_value_id b, graft_error *err) {
    gft_value_id one;
    gft_value_id v;
    GFT_TRY(gft_graph_const_f32(grad->graph, 1.0f, &one, err));
    GFT_TRY(gft_grad_apply2(grad, &gft_op_sub, b, one, &v, err));
    GFT_TRY(gft_grad_apply2(grad, &gft_op_pow, a, v, &v, err));
    GFT_TRY(gft_grad_apply2(grad, &gft_op_mul, v, b, &v, err));
    GFT_TRY(gft_grad_apply2(grad, &gft_op_mul, v, grad->output_grads[0], &v, err));
    return finish(grad, 0, v, err);
}

/* db = dy y log(a), where a > 0 */
static graft_status pow_exponent(gft_grad *grad, gft_value_id a, graft_error *err) {
    gft_value_id zero;
    gft_value_id positive;
    gft_value_id v;
    GFT_TRY(gft_graph_const_f32(grad->graph, 0.0f, &zero, err));
    GFT_TRY(gft_grad_apply2(grad, &gft_op_greater, a, zero, &positive, err));
    GFT_TRY(gft_grad_apply1(grad, &gft_op_log, a, &v, err));
    GFT_TRY(gft_grad_apply3(grad, &gft_op_select, positive, v, zero, &v, err));
    GFT_TRY(gft_grad_apply2(grad, &gft_op_mul, v, gft_grad_output(grad, 0), &v, err));
    GFT_TRY(gft_grad_apply2(grad, &gft_op_mul, v, grad->output_grads[0], &v, err));
    return finish(grad, 1, v, err);
}

graft_status gft_grad_pow(gft_grad *grad, graft_error *err) {
    const gft_value_id a = gft_grad_input(grad, 0);
    const gft_value_id b = gft_grad_input(grad, 1);
    if (grad->wanted[0])
        GFT_TRY(pow_base(grad, a, b, err));
    return grad->wanted[1] ? pow_exponent(grad, a, err) : GRAFT_OK;
}

graft_status gft_grad_floor_div(gft_grad *grad, graft_error *err) {
    (void)grad;
    (void)err;
    return GRAFT_OK; /* flat */
}

/* a mod b = a - b floor(a / b) */
graft_status gft_grad_floor_mod(gft_grad *grad, graft_error *err) {
    const gft_value_id dy = grad->output_grads[0];
    gft_value_id v;
    if (grad->wanted[0])
        GFT_TRY(finish(grad, 0, dy, err));
    if (!grad->wanted[1])
        return GRAFT_OK;
    GFT_TRY(gft_grad_apply2(grad, &gft_op_floor_div, gft_grad_input(grad, 0),
                            gft_grad_input(grad, 1), &v, err));
    GFT_TRY(gft_grad_apply2(grad, &gft_op_mul, v, dy, &v, err));
    GFT_TRY(gft_grad_apply1(grad, &gft_op_neg, v, &v, err));
    return finish(grad, 1, v, err);
}

/* dy splits into what passes (x > 0) and the rest, which meets the slope. */
graft_status gft_grad_prelu(gft_grad *grad, graft_error *err) {
    const gft_value_id dy = grad->output_grads[0];
    const gft_value_id x = gft_grad_input(grad, 0);
    gft_value_id passed;
    gft_value_id rest;
    gft_value_id v;
    GFT_TRY(gft_grad_apply2(grad, &gft_op_relu_grad, dy, x, &passed, err));
    GFT_TRY(gft_grad_apply2(grad, &gft_op_sub, dy, passed, &rest, err));
    if (grad->wanted[0]) {
        GFT_TRY(gft_grad_apply2(grad, &gft_op_mul, rest, gft_grad_input(grad, 1), &v, err));
        GFT_TRY(gft_grad_apply2(grad, &gft_op_add, v, passed, &grad->input_grads[0], err));
    }
    if (!grad->wanted[1])
        return GRAFT_OK;
    GFT_TRY(gft_grad_apply2(grad, &gft_op_mul, rest, x, &v, err));
    return finish(grad, 1, v, err);
}
