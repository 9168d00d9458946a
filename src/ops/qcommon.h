/*
 * What the quantised ops share: checks of scales and zero points, and the way uint8 tensors are
 * seen as int8 by the kernels (every byte exclusive-or 0x80, zero points and bounds less 128).
 */
#ifndef GFT_OPS_QCOMMON_H
#define GFT_OPS_QCOMMON_H

#include "graph/attrs_quant.h"
#include "graph/op.h"
#include "kernels/kernel_table.h"

/* 0x80 for uint8 tensors, 0 for int8 ones. */
static inline uint8_t gft_q_flip(graft_dtype dtype) {
    return dtype == GRAFT_U8 ? 0x80 : 0;
}
/* A zero point or bound of this dtype as the kernels see it. */
static inline int32_t gft_q_as_s8(graft_dtype dtype, int32_t q) {
    return dtype == GRAFT_U8 ? q - 128 : q;
}

/** Input i is int8 or uint8. */
GRAFT_MUST_CHECK graft_status gft_q_check_input(const gft_infer *in, int32_t i, graft_error *err);
/** The scale is positive and finite, the zero point a value of dtype; `what` names the tensor. */
GRAFT_MUST_CHECK graft_status gft_q_check_params(graft_dtype dtype, const char *what,
                                                 gft_qparams params, graft_error *err);
/** lo <= hi, both values of dtype. */
GRAFT_MUST_CHECK graft_status gft_q_check_bounds(graft_dtype dtype, int32_t lo, int32_t hi,
                                                 graft_error *err);
/**
 * Inputs 1.. of a quantised product: int8 weights, their scales (float32, 1 or `columns`) and, with
 * has_bias, an int32 bias of `columns`.
 */
GRAFT_MUST_CHECK graft_status gft_q_check_weights(const gft_infer *in, int64_t columns,
                                                  bool has_bias, graft_error *err);
/** Zeroed bytes from the arena, 64-byte aligned; NULL when out of memory. */
void *gft_q_arena(gft_arena *arena, size_t bytes);

/*
 * Requantisation of `columns` columns: multiplier[c] = x.scale * w_scale[c] / y.scale in float32,
 * offset[c] = bias[c] - (x.zero_point + a_bias) * (sum of the column's weights).
 */
typedef struct gft_q_columns {
    graft_dtype dtype; /* of x and y */
    gft_qparams x, y;
    int32_t lo, hi;
    int64_t columns, scales;
    const float *w_scale;
    const int32_t *bias; /* or NULL */
    int32_t a_bias;
} gft_q_columns;

/** sums: of each column's weights. Fails when a multiplier is not finite or memory is short. */
GRAFT_MUST_CHECK graft_status gft_q_requant(gft_prepare *prepare, const gft_q_columns *columns,
                                            const int32_t *sums, gft_requant *out,
                                            graft_error *err);

#endif
