/*
 * The two inner loops of resizing in PIL's arithmetic: sums of 8-bit samples times 22-bit fixed-
 * point weights.
 *
 * On x86-64 they use SSE2, which every such processor has, so there is nothing to choose at run
 * time; elsewhere the scalar loops, which define the result, are the loops. Both give the same
 * bytes.
 */
#ifndef GFT_DATA_RESIZE_PASS_H
#define GFT_DATA_RESIZE_PASS_H

#include "data/resize.h"

/*
 * Weights as the vector loops want them: low 11 bits and the rest, in pairs of neighbouring taps.
 * NULL where not used.
 */
typedef struct gft_pair_taps {
    int32_t width;  /* most pairs of one output */
    int32_t *pairs; /* [outputs][2 * width]: low pair, high pair, low pair, ... */
} gft_pair_taps;

GRAFT_MUST_CHECK graft_status gft_pair_taps_init(gft_pair_taps *pairs, const gft_taps *taps,
                                                 graft_error *err);
void gft_pair_taps_deinit(gft_pair_taps *pairs);

/** One row of `inputs` RGB pixels to one of taps->outputs. */
void gft_pass_row(const uint8_t *in, int32_t inputs, const gft_taps *taps,
                  const gft_pair_taps *pairs, uint8_t *out);
/**
 * Output row y of taps from rows `stride` bytes apart, n bytes wide; `in` is row taps->start[y].
 */
void gft_pass_column(const uint8_t *in, size_t stride, const gft_taps *taps,
                     const gft_pair_taps *pairs, int32_t y, size_t n, uint8_t *out);

/** The definitions, for tests. */
void gft_pass_row_scalar(const uint8_t *in, const gft_taps *taps, int32_t from, int32_t to,
                         uint8_t *out);
void gft_pass_column_scalar(const uint8_t *in, size_t stride, const gft_taps *taps, int32_t y,
                            size_t n, uint8_t *out);

#endif
