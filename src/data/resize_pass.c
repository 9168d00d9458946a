/*
 * Inner loops of resizing in PIL's arithmetic. SSE2 multiplies 16 bits by 16, so a 22-bit weight is
 * cut into its low 11 bits and the signed rest: sum = sum(p * low) + 2048 * sum(p * rest), exact
 * modulo 2^32, and the sum itself fits.
 */
#include "data/resize_pass.h"

#include <string.h>

#include "base/alloc.h"
#include "base/size.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#define HAVE_PAIRS 1
#else
#define HAVE_PAIRS 0
#endif

#define FRACTION_BITS 22
#define LOW_BITS 11

static uint8_t clip8(int32_t sum) {
    int32_t v = sum >> FRACTION_BITS;
    return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
}

/*
 * Weights sum to about one and never to more than 1.7 in absolute value, so 255 of them stay inside
 * 32 bits.
 */
void gft_pass_row_scalar(const uint8_t *in, const gft_taps *taps, int32_t from, int32_t to,
                         uint8_t *out) {
    for (int32_t i = from; i < to; i++) {
        const uint8_t *p = in + 3 * (size_t)taps->start[i];
        const int32_t *w = taps->fixed + (size_t)i * (size_t)taps->width;
        int32_t r = 1 << (FRACTION_BITS - 1);
        int32_t g = r;
        int32_t b = r;
        for (int32_t t = 0; t < taps->count[i]; t++, p += 3) {
            r += p[0] * w[t];
            g += p[1] * w[t];
            b += p[2] * w[t];
        }
        out[3 * (size_t)i] = clip8(r);
        out[3 * (size_t)i + 1] = clip8(g);
        out[3 * (size_t)i + 2] = clip8(b);
    }
}

#define COLUMNS 192 /* a strip of sums that stays in first-level cache */

void gft_pass_column_scalar(const uint8_t *in, size_t stride, const gft_taps *taps, int32_t y,
                            size_t n, uint8_t *out) {
    const int32_t *w = taps->fixed + (size_t)y * (size_t)taps->width;
    int32_t sums[COLUMNS];
    for (size_t from = 0; from < n; from += COLUMNS) {
        size_t columns = gft_size_min(COLUMNS, n - from);
        for (size_t x = 0; x < columns; x++)
            sums[x] = 1 << (FRACTION_BITS - 1);
        for (int32_t t = 0; t < taps->count[y]; t++) {
            const uint8_t *row = in + (size_t)t * stride + from;
            for (size_t x = 0; x < columns; x++)
                sums[x] += row[x] * w[t];
        }
        for (size_t x = 0; x < columns; x++)
            out[from + x] = clip8(sums[x]);
    }
}

void gft_pair_taps_deinit(gft_pair_taps *pairs) {
    gft_free(pairs->pairs);
    memset(pairs, 0, sizeof *pairs);
}

#if HAVE_PAIRS

static int32_t pack(int32_t first, int32_t second) {
    return (int32_t)(((uint32_t)first & 0xffffu) | (uint32_t)second << 16);
}

graft_status gft_pair_taps_init(gft_pair_taps *pairs, const gft_taps *taps, graft_error *err) {
    const int32_t low_mask = (1 << LOW_BITS) - 1;
    gft_pair_taps made = {(taps->width + 1) / 2, NULL};
    size_t bytes;
    if (!gft_size_mul((size_t)taps->outputs * (size_t)made.width, 2 * sizeof(int32_t), &bytes) ||
        !(made.pairs = gft_malloc(bytes)))
        return gft_fail_memory(err, SIZE_MAX, "resize weights");
    int32_t *out = made.pairs;
    for (int32_t i = 0; i < taps->outputs; i++) {
        const int32_t *w = taps->fixed + (size_t)i * (size_t)taps->width;
        for (int32_t t = 0; t < 2 * made.width; t += 2) {
            int32_t a = t < taps->count[i] ? w[t] : 0;
            int32_t b = t + 1 < taps->count[i] ? w[t + 1] : 0;
            *out++ = pack(a & low_mask, b & low_mask);
            *out++ =
                pack(a >> LOW_BITS,
                     b >> LOW_BITS); /* arithmetic shift: rounds down, as the low bits expect */
        }
    }
    *pairs = made;
    return GRAFT_OK;
}

static __m128i load4(const uint8_t *p) {
    int32_t v;
    memcpy(&v, p, 4);
    return _mm_cvtsi32_si128(v);
}

/* (half + low + 2048 high) >> 22 of four sums */
static __m128i finish(__m128i low, __m128i high) {
    __m128i half = _mm_set1_epi32(1 << (FRACTION_BITS - 1));
    __m128i sum = _mm_add_epi32(_mm_add_epi32(low, half), _mm_slli_epi32(high, LOW_BITS));
    return _mm_srai_epi32(sum, FRACTION_BITS);
}

void gft_pass_row(const uint8_t *in, int32_t inputs, const gft_taps *taps,
                  const gft_pair_taps *pairs, uint8_t *out) {
    const __m128i zero = _mm_setzero_si128();
    int32_t i = 0;
    for (; i < taps->outputs - 1;
         i++) { /* four bytes are written: the last pixel is left to the scalar loop */
        int32_t count = (taps->count[i] + 1) / 2;
        if (taps->start[i] + 2 * count >
            inputs - 1) /* and four are read: so are those at the right edge */
            break;
        const uint8_t *p = in + 3 * (size_t)taps->start[i];
        const int32_t *w = pairs->pairs + 2 * (size_t)i * (size_t)pairs->width;
        __m128i low = zero;
        __m128i high = zero;
        for (int32_t t = 0; t < count; t++, p += 6, w += 2) {
            /* r0 r1 g0 g1 b0 b1 . . as 16 bits: two pixels meet two weights in one multiply-add */
            __m128i v = _mm_unpacklo_epi8(_mm_unpacklo_epi8(load4(p), load4(p + 3)), zero);
            low = _mm_add_epi32(low, _mm_madd_epi16(v, _mm_set1_epi32(w[0])));
            high = _mm_add_epi32(high, _mm_madd_epi16(v, _mm_set1_epi32(w[1])));
        }
        __m128i rgb = _mm_packs_epi32(finish(low, high), zero);
        int32_t bytes = _mm_cvtsi128_si32(_mm_packus_epi16(rgb, zero));
        memcpy(out + 3 * (size_t)i, &bytes, 4);
    }
    gft_pass_row_scalar(in, taps, i, taps->outputs, out);
}

/* Sixteen columns of two rows: samples of both rows side by side, four times four sums. */
static void column_pair(const uint8_t *a, const uint8_t *b, const int32_t *w, __m128i low[4],
                        __m128i high[4]) {
    const __m128i zero = _mm_setzero_si128();
    __m128i va = _mm_loadu_si128((const __m128i *)(const void *)a);
    __m128i vb = _mm_loadu_si128((const __m128i *)(const void *)b);
    __m128i first = _mm_unpacklo_epi8(va, vb);
    __m128i second = _mm_unpackhi_epi8(va, vb);
    const __m128i v[4] = {_mm_unpacklo_epi8(first, zero), _mm_unpackhi_epi8(first, zero),
                          _mm_unpacklo_epi8(second, zero), _mm_unpackhi_epi8(second, zero)};
    __m128i wl = _mm_set1_epi32(w[0]);
    __m128i wh = _mm_set1_epi32(w[1]);
    for (int k = 0; k < 4; k++) {
        low[k] = _mm_add_epi32(low[k], _mm_madd_epi16(v[k], wl));
        high[k] = _mm_add_epi32(high[k], _mm_madd_epi16(v[k], wh));
    }
}

void gft_pass_column(const uint8_t *in, size_t stride, const gft_taps *taps,
                     const gft_pair_taps *pairs, int32_t y, size_t n, uint8_t *out) {
    int32_t count = taps->count[y];
    size_t x = 0;
    for (; x + 16 <= n; x += 16) {
        const int32_t *w = pairs->pairs + 2 * (size_t)y * (size_t)pairs->width;
        const uint8_t *p = in + x;
        __m128i low[4];
        __m128i high[4];
        for (int k = 0; k < 4; k++)
            low[k] = high[k] = _mm_setzero_si128();
        for (int32_t t = 0; t < count; t += 2, w += 2, p += 2 * stride)
            column_pair(p, t + 1 < count ? p + stride : p, w, low,
                        high); /* an odd last row weighs nothing twice */
        __m128i left = _mm_packs_epi32(finish(low[0], high[0]), finish(low[1], high[1]));
        __m128i right = _mm_packs_epi32(finish(low[2], high[2]), finish(low[3], high[3]));
        _mm_storeu_si128((__m128i *)(void *)(out + x), _mm_packus_epi16(left, right));
    }
    gft_pass_column_scalar(in + x, stride, taps, y, n - x, out + x);
}

#else

graft_status gft_pair_taps_init(gft_pair_taps *pairs, const gft_taps *taps, graft_error *err) {
    (void)taps;
    (void)err;
    *pairs = (gft_pair_taps){0, NULL};
    return GRAFT_OK;
}

void gft_pass_row(const uint8_t *in, int32_t inputs, const gft_taps *taps,
                  const gft_pair_taps *pairs, uint8_t *out) {
    (void)inputs;
    (void)pairs;
    gft_pass_row_scalar(in, taps, 0, taps->outputs, out);
}

void gft_pass_column(const uint8_t *in, size_t stride, const gft_taps *taps,
                     const gft_pair_taps *pairs, int32_t y, size_t n, uint8_t *out) {
    (void)pairs;
    gft_pass_column_scalar(in, stride, taps, y, n, out);
}

#endif
