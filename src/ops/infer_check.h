/*
 * Checks that shape rules share: element type, equal shapes, vectors of one value per channel.
 * Messages say what disagrees; the graph puts the op and the node's name before them. A dimension
 * of -1 agrees with everything.
 */
#ifndef GFT_OPS_INFER_CHECK_H
#define GFT_OPS_INFER_CHECK_H

#include "graph/op.h"

/** How many dimensions of a shape are unknown. */
int32_t gft_check_unknowns(const graft_shape *shape);
/** Input i is of this element type. */
GRAFT_MUST_CHECK graft_status gft_check_dtype(const gft_infer *in, int32_t i, graft_dtype dtype,
                                              graft_error *err);
/** Every input is float32. */
GRAFT_MUST_CHECK graft_status gft_check_f32(const gft_infer *in, graft_error *err);
/** Input i has at least this rank. */
GRAFT_MUST_CHECK graft_status gft_check_min_rank(const gft_infer *in, int32_t i, int32_t rank,
                                                 graft_error *err);
GRAFT_MUST_CHECK graft_status gft_check_rank(const gft_infer *in, int32_t i, int32_t rank,
                                             graft_error *err);
/** Inputs i and j have equal shapes; *out (may be NULL) gets the known dimensions of both. */
GRAFT_MUST_CHECK graft_status gft_check_same_shape(const gft_infer *in, int32_t i, int32_t j,
                                                   graft_shape *out, graft_error *err);
/** Inputs from..to-1 are vectors with as many values as the last dimension of input 0. */
GRAFT_MUST_CHECK graft_status gft_check_channels(const gft_infer *in, int32_t from, int32_t to,
                                                 graft_error *err);
/** Input i, the gradient of a result, has the result's shape. */
GRAFT_MUST_CHECK graft_status gft_check_gradient(const gft_infer *in, int32_t i,
                                                 const graft_shape *result, graft_error *err);
/** All inputs are float32 of one shape, which output 0 gets. */
GRAFT_MUST_CHECK graft_status gft_infer_same_f32(const gft_infer *in, graft_error *err);
/** The single input is float32; output 0 is like it. */
GRAFT_MUST_CHECK graft_status gft_infer_like_f32(const gft_infer *in, graft_error *err);
/** The single input may be anything with a size; output 0 is like it. */
GRAFT_MUST_CHECK graft_status gft_infer_like(const gft_infer *in, graft_error *err);

#endif
