/*
 * Checks and requantisation tables of the quantised ops; see ops/qcommon.h.
 */
#include "ops/qcommon.h"

#include <inttypes.h>
#include <math.h>

#include "base/alloc.h"
#include "base/size.h"
#include "ops/grid.h"
#include "ops/infer_check.h"

graft_status gft_q_check_input(const gft_infer *in, int32_t i, graft_error *err) {
    const graft_dtype dtype = in->inputs[i].dtype;
    if (dtype != GRAFT_S8 && dtype != GRAFT_U8)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "input %" PRId32 " is %s, expected int8 or uint8", i,
                        graft_dtype_name(dtype));
    return GRAFT_OK;
}

static bool is_value(graft_dtype dtype, int32_t q) {
    q = gft_q_as_s8(dtype, q);
    return q >= -128 && q <= 127;
}

graft_status gft_q_check_params(graft_dtype dtype, const char *what, gft_qparams params,
                                graft_error *err) {
    if (!(params.scale > 0.0f) || !isfinite(params.scale))
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "the scale of %s is %g, expected a positive number", what,
                        (double)params.scale);
    if (!is_value(dtype, params.zero_point))
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "the zero point of %s is %" PRId32 ", which is no value of %s", what,
                        params.zero_point, graft_dtype_name(dtype));
    return GRAFT_OK;
}

graft_status gft_q_check_bounds(graft_dtype dtype, int32_t lo, int32_t hi, graft_error *err) {
    if (lo > hi || !is_value(dtype, lo) || !is_value(dtype, hi))
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "results are kept in %" PRId32 "..%" PRId32 ", expected a range of %s", lo,
                        hi, graft_dtype_name(dtype));
    return GRAFT_OK;
}

graft_status gft_q_check_weights(const gft_infer *in, int64_t columns, bool has_bias,
                                 graft_error *err) {
    const int32_t expected = has_bias ? 4 : 3;
    if (in->input_count != expected)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "%" PRId32 " inputs, expected %" PRId32,
                        in->input_count, expected);
    GFT_TRY(gft_check_dtype(in, 1, GRAFT_S8, err));
    GFT_TRY(gft_check_dtype(in, 2, GRAFT_F32, err));
    const int64_t scales = gft_desc_elems(&in->inputs[2]);
    if (scales != 1 && scales != columns)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "%" PRId64 " scales of weights, expected one or %" PRId64, scales, columns);
    if (!has_bias)
        return GRAFT_OK;
    GFT_TRY(gft_check_dtype(in, 3, GRAFT_S32, err));
    if (gft_desc_elems(&in->inputs[3]) != columns)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "%" PRId64 " biases, expected %" PRId64,
                        gft_desc_elems(&in->inputs[3]), columns);
    return GRAFT_OK;
}

void *gft_q_arena(gft_arena *arena, size_t bytes) {
    if (!gft_size_add(bytes, GFT_ALIGN, &bytes))
        return NULL;
    char *p = gft_arena_alloc(arena, bytes);
    if (!p)
        return NULL;
    size_t past = (size_t)((uintptr_t)p % GFT_ALIGN);
    return p + (past ? GFT_ALIGN - past : 0);
}

graft_status gft_q_requant(gft_prepare *prepare, const gft_q_columns *c, const int32_t *sums,
                           gft_requant *out, graft_error *err) {
    const size_t bytes = (size_t)c->columns * sizeof(float);
    int32_t *offset = gft_q_arena(prepare->arena, bytes);
    float *multiplier = gft_q_arena(prepare->arena, bytes);
    if (!offset || !multiplier)
        return gft_fail_memory(err, bytes, prepare->node);
    const uint32_t zero = (uint32_t)(gft_q_as_s8(c->dtype, c->x.zero_point) + c->a_bias);
    for (int64_t i = 0; i < c->columns; i++) {
        multiplier[i] = c->x.scale * c->w_scale[c->scales == 1 ? 0 : i] / c->y.scale;
        if (!isfinite(multiplier[i]))
            return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                            "%s: the scale of weights of channel %" PRId64 " is %g", prepare->node,
                            i, (double)c->w_scale[c->scales == 1 ? 0 : i]);
        offset[i] = (int32_t)((c->bias ? (uint32_t)c->bias[i] : 0u) - zero * (uint32_t)sums[i]);
    }
    *out = (gft_requant){offset,
                         multiplier,
                         gft_q_as_s8(c->dtype, c->y.zero_point),
                         gft_q_as_s8(c->dtype, c->lo),
                         gft_q_as_s8(c->dtype, c->hi),
                         gft_q_flip(c->dtype)};
    return GRAFT_OK;
}
