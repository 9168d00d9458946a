/*
 * Fixed-point functions as LiteRT computes them on int8 and uint8, entry by entry, so that tables
 * hold the very same integers. Measured against LiteRT 2.3 (docs/quantization.md): its XNNPACK
 * delegate where that takes the op, its own kernels elsewhere.
 */
#include "graph/rewrite_join_quantized_priv.h"

/* A real multiplier: value * 2^(exponent - 31), value in [2^30, 2^31). */
typedef struct fixed {
    int64_t value;
    int exponent;
} fixed;

static fixed fixed_of(double multiplier) {
    fixed f;
    if (!(multiplier < 0x1p60))
        return (fixed){(int64_t)1 << 30, 61};
    f.value = (int64_t)floor(frexp(multiplier, &f.exponent) * 0x1p31 + 0.5);
    if (f.value == (int64_t)1 << 31) {
        f.value /= 2;
        f.exponent++;
    }
    if (f.exponent < -31)
        f = (fixed){0, 0};
    return f;
}

static int64_t clamp(int64_t v, int64_t low, int64_t high) {
    return v < low ? low : v > high ? high : v;
}

/* The high half of 2ab with halves away from zero; `bits` is 31 or 15. */
static int64_t doubling_high_product(int64_t a, int64_t b, int bits) {
    const int64_t product = a * b;
    const int64_t half = (int64_t)1 << (bits - 1);
    const int64_t limit = ((int64_t)1 << bits) - 1;
    return clamp((product + (product >= 0 ? half : 1 - half)) / ((int64_t)1 << bits), -limit - 1,
                 limit);
}

/* x / 2^n, halves away from zero. */
static int64_t shift_right(int64_t x, int n) {
    const int64_t mask = ((int64_t)1 << n) - 1;
    const int64_t rest = x & mask;
    return (x >> n) + (rest > (mask >> 1) + (x < 0));
}

/*
 * x times the multiplier: rounded when multiplied and again when shifted. Results beyond 2^31 stop
 * there.
 */
static int64_t multiply(int64_t x, fixed f) {
    const int left = f.exponent > 0 ? f.exponent : 0;
    const int64_t limit = INT32_MAX;
    if (x == 0)
        return 0;
    if (left >
        22) /* |x| < 2^9 and the multiplier is at least 2^22: beyond every integer there is */
        return x > 0 ? limit : -limit;
    return shift_right(doubling_high_product(x * ((int64_t)1 << left), f.value, 31),
                       f.exponent < 0 ? -f.exponent : 0);
}

/* The same with halves of the second rounding upwards, as vector shifts have it. */
static int64_t multiply_upwards(int64_t x, fixed f) {
    const int left = f.exponent > 0 ? f.exponent : 0;
    const int right = f.exponent < 0 ? -f.exponent : 0;
    const int64_t limit = INT32_MAX;
    if (left > 22)
        return x > 0 ? limit : x < 0 ? -limit : 0;
    const int64_t high = (2 * x * ((int64_t)1 << left) * f.value + ((int64_t)1 << 31)) >> 32;
    return right > 0 ? (high + ((int64_t)1 << (right - 1))) >> right : high;
}

static int32_t finish(int64_t v, const gft_join_value *y) {
    return (int32_t)clamp(v + y->params.zero_point, gft_join_lowest(y->dtype),
                          gft_join_highest(y->dtype));
}

static int64_t centred(const gft_join_value *x, int32_t entry) {
    return (int64_t)gft_join_lowest(x->dtype) + entry - x->params.zero_point;
}

/* v times one of two multipliers with eight bits behind the point, halves upwards. */
static int64_t multiply_short(int64_t v, float multiplier) {
    return (v * lrintf(256.0f * multiplier) + 128) >> 8;
}

void gft_join_rule_requantize(const gft_join_value *x, const gft_join_value *y,
                              int32_t table[GFT_TABLE_ENTRIES]) {
    const float ratio = x->params.scale / y->params.scale;
    const fixed f = fixed_of((double)x->params.scale / (double)y->params.scale);
    const bool delegate = x->dtype == y->dtype && ratio >= 1.0f / 256.0f && ratio <= 128.0f;
    for (int32_t i = 0; i < GFT_TABLE_ENTRIES; i++) {
        const int64_t v = centred(x, i);
        table[i] = finish(delegate ? multiply_short(v, ratio) : multiply_upwards(v, f), y);
    }
}

/* The integer of a bound: halves away from zero. */
static int64_t bound(float v, const gft_join_value *y) {
    const float q = v / y->params.scale;
    return y->params.zero_point + (int64_t)(q > 1024.0f    ? 1024.0f
                                            : q < -1024.0f ? -1024.0f
                                                           : roundf(q));
}

void gft_join_rule_clamp(const gft_join_value *x, const gft_join_value *y, float low, float high,
                         int32_t table[GFT_TABLE_ENTRIES]) {
    const fixed f = fixed_of((double)x->params.scale / (double)y->params.scale);
    const int64_t least =
        clamp(bound(low, y), gft_join_lowest(y->dtype), gft_join_highest(y->dtype));
    const int64_t most =
        clamp(bound(high, y), gft_join_lowest(y->dtype), gft_join_highest(y->dtype));
    for (int32_t i = 0; i < GFT_TABLE_ENTRIES; i++)
        table[i] = (int32_t)clamp(multiply(centred(x, i), f) + y->params.zero_point, least, most);
}

void gft_join_rule_leaky_relu(const gft_join_value *x, const gft_join_value *y, float alpha,
                              int32_t table[GFT_TABLE_ENTRIES]) {
    const float up = x->params.scale / y->params.scale;
    const float down = up * alpha;
    const bool delegate = up >= 1.0f / 256.0f && up <= 128.0f && down >= -127.99609375f &&
                          down <= 128.0f && fabsf(down) >= 1.0f / 256.0f;
    const fixed f_up = fixed_of((double)x->params.scale / (double)y->params.scale);
    const fixed f_down = fixed_of((double)fabsf(down));
    for (int32_t i = 0; i < GFT_TABLE_ENTRIES; i++) {
        const int64_t v = centred(x, i);
        const int64_t slope = down < 0.0f ? -v : v;
        table[i] = finish(delegate ? multiply_short(v, v >= 0 ? up : down)
                          : v >= 0 ? multiply(v, f_up)
                                   : multiply(slope, f_down),
                          y);
    }
}

void gft_join_rule_abs(const gft_join_value *x, const gft_join_value *y,
                       int32_t table[GFT_TABLE_ENTRIES]) {
    const fixed f = fixed_of((double)x->params.scale / (double)y->params.scale);
    for (int32_t i = 0; i < GFT_TABLE_ENTRIES; i++) {
        const int64_t v = centred(x, i);
        table[i] = finish(multiply(v < 0 ? -v : v, f), y);
    }
}

/* ---- hard swish: x with seven bits more, in 16 bits ---- */

/* The upper 16 bits of a multiplier. */
static int64_t upper_half(fixed f) {
    return clamp((f.value + (1 << 15)) >> 16, 0, INT16_MAX);
}

static int64_t saturate(int64_t v) {
    return clamp(v, INT16_MIN, INT16_MAX);
}

/* relu6(x + 3) / 6 with 15 bits behind the point. */
static int64_t gate(int64_t x, fixed f) {
    int64_t v = x;
    if (f.exponent > 0)
        v = f.exponent > 16 ? (v > 0   ? INT16_MAX
                               : v < 0 ? INT16_MIN
                                       : 0)
                            : saturate(v * ((int64_t)1 << (f.exponent - 1)));
    v = doubling_high_product(v, upper_half(f), 15);
    if (f.exponent > 0)
        v = saturate(v * 2);
    if (f.exponent < 0)
        v = shift_right(v, -f.exponent);
    return (v + (1 << 15)) >> 1;
}

void gft_join_rule_hard_swish(const gft_join_value *x, const gft_join_value *y,
                              int32_t table[GFT_TABLE_ENTRIES]) {
    const float fine = x->params.scale / 128.0f;
    const fixed out = fixed_of((double)(fine / y->params.scale));
    const fixed in = fixed_of((double)(fine / (3.0f / 32768.0f)));
    for (int32_t i = 0; i < GFT_TABLE_ENTRIES; i++) {
        const int64_t v = saturate(centred(x, i) * 128);
        const int64_t scaled = doubling_high_product(v, upper_half(out), 15);
        const int64_t product = gate(v, in) * scaled / (1 << 15);
        const int64_t left =
            product * ((int64_t)1 << (out.exponent > 0 ? clamp(out.exponent, 0, 16) : 0));
        table[i] = finish(shift_right(left, out.exponent < 0 ? -out.exponent : 0), y);
    }
}
