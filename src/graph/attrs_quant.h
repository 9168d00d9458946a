/*
 * Attributes of the quantised ops: integers in, integers out. Readers never make these; the rewrite
 * that joins quantize/dequantize pairs does (graph/rewrite_join_quantized.c), and tests do.
 *
 * A real number is scale * (q - zero_point). Activations are int8 or uint8 with one scale per
 * tensor, weights int8 with zero point 0 and one scale per output channel (or one), biases int32 of
 * scale x.scale * w_scale[c]. One rule everywhere (docs/quantization.md): q = clamp(rint((float)acc
 * * multiplier) + zero_point, lo, hi) with a float32 multiplier, rint to nearest even.
 */
#ifndef GFT_GRAPH_ATTRS_QUANT_H
#define GFT_GRAPH_ATTRS_QUANT_H

#include "graph/attrs.h"

typedef struct gft_qparams {
    float scale;
    int32_t zero_point;
} gft_qparams;

/*
 * qconv2d:           (x (N,H,W,C), w s8 (KH,KW,C/groups,OC), w_scale f32 (OC) or (1), [bias s32
 * (OC)]) -> y qdepthwise_conv2d: (x, w s8 (KH,KW,C,M), w_scale f32 (C*M) or (1), [bias s32 (C*M)])
 * -> y w, w_scale and bias are constants. Padding has the value x.zero_point. conv.epilogue holds
 * has_bias alone: an activation is lo and hi. y has x's dtype.
 */
typedef struct gft_qconv2d_attrs {
    gft_conv2d_attrs conv;
    gft_qparams x, y;
    int32_t lo, hi; /* in y's integers */
} gft_qconv2d_attrs;

/* qdense: (x (...,K), w s8 (K,N), w_scale f32 (N) or (1), [bias s32 (N)]) -> y (...,N). */
typedef struct gft_qdense_attrs {
    bool has_bias;
    gft_qparams x, y;
    int32_t lo, hi;
} gft_qdense_attrs;

/*
 * qadd, qsub, qmul: (a, b) -> y, same dtype, broadcast as their float ops do (fast: same shape, one
 * number, (N,1,1,C)).
 */
typedef struct gft_qbinary_attrs {
    gft_qparams a, b, y;
    int32_t lo, hi;
} gft_qbinary_attrs;

/*
 * qlookup: (x, table of 256 entries of y's dtype, constant) -> y[i] = table[x[i] - lowest value of
 * x's dtype]. Any function of one number: hard-swish, logistic, tanh, relu, requantisation (also
 * int8 <-> uint8).
 */
typedef struct gft_qlookup_attrs {
    graft_dtype dtype; /* of y */
} gft_qlookup_attrs;

/*
 * qavg_pool: x -> y over windows (padding not counted, as TFLite); qmean: mean over the attributes'
 * axes.
 */
typedef struct gft_qpool_attrs {
    gft_pool_attrs pool;
    gft_qparams x, y;
    int32_t lo, hi;
} gft_qpool_attrs;

typedef struct gft_qmean_attrs {
    gft_reduce_attrs reduce;
    gft_qparams x, y;
} gft_qmean_attrs;

#endif
