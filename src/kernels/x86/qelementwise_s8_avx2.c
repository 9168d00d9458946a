/*
 * 8-bit element-wise, pooling and conversion kernels for AVX2. Outputs may lie on inputs, so tails
 * go through a vector of their own and never overlap what is done.
 */
#include <stdbool.h>
#include <string.h>

#include "kernels/kernel_table.h"
#include "kernels/x86/qrequant_avx2.h"

static inline __m128i load_n(const uint8_t *p, int64_t n) {
    if (n >= 16)
        return _mm_loadu_si128((const __m128i *)(const void *)p);
    uint8_t lane[16] = {0};
    memcpy(lane, p, (size_t)n);
    return _mm_loadu_si128((const __m128i *)(const void *)lane);
}

static inline void store_n(uint8_t *p, __m128i v, int64_t n) {
    if (n >= 16)
        _mm_storeu_si128((__m128i *)(void *)p, v);
    else
        store_some(p, v, n);
}

/* 16 bytes of an operand as int8: from memory, or one value for all. */
static inline __m128i operand(const uint8_t *p, int64_t step, int64_t i, int64_t n, __m128i flip) {
    return _mm_xor_si128(step ? load_n(p + i, n) : _mm_set1_epi8((char)*p), flip);
}

static inline void widen_32(__m128i v, __m256i *w0, __m256i *w1) {
    *w0 = _mm256_cvtepi8_epi32(v);
    *w1 = _mm256_cvtepi8_epi32(_mm_srli_si128(v, 8));
}

static bool plain_steps(const gft_qbinary_args *g) {
    return (g->a_step == 0 || g->a_step == 1) && (g->b_step == 0 || g->b_step == 1);
}

void gft_qadd_s8_avx2(const gft_qbinary_args *g) {
    if (!plain_steps(g)) {
        gft_qadd_s8_scalar(g);
        return;
    }
    const __m256i ma = _mm256_set1_epi32(g->a_multiplier);
    const __m256i mb = _mm256_set1_epi32(g->b_multiplier);
    const __m256i bias = _mm256_set1_epi32(g->bias);
    const __m256i zero = _mm256_set1_epi32(g->zero_point);
    const __m128i shift = _mm_cvtsi32_si128(g->shift);
    const __m128i lo = _mm_set1_epi8((char)g->lo);
    const __m128i hi = _mm_set1_epi8((char)g->hi);
    const __m128i flip = _mm_set1_epi8((char)g->flip);
    for (int64_t i = 0; i < g->n; i += 16) {
        __m256i a[2];
        __m256i b[2];
        widen_32(operand(g->a, g->a_step, i, g->n - i, flip), &a[0], &a[1]);
        widen_32(operand(g->b, g->b_step, i, g->n - i, flip), &b[0], &b[1]);
        for (int h = 0; h < 2; h++) {
            __m256i sum =
                _mm256_add_epi32(_mm256_mullo_epi32(a[h], ma), _mm256_mullo_epi32(b[h], mb));
            a[h] = _mm256_add_epi32(_mm256_sra_epi32(_mm256_add_epi32(sum, bias), shift), zero);
        }
        __m256i q = _mm256_permute4x64_epi64(_mm256_packs_epi32(a[0], a[1]), 0xd8);
        __m128i y = _mm_packs_epi16(_mm256_castsi256_si128(q), _mm256_extracti128_si256(q, 1));
        y = _mm_xor_si128(_mm_min_epi8(_mm_max_epi8(y, lo), hi), flip);
        store_n(g->y + i, y, g->n - i);
    }
}

void gft_qmul_s8_avx2(const gft_qbinary_args *g) {
    if (!plain_steps(g)) {
        gft_qmul_s8_scalar(g);
        return;
    }
    const __m256 hi = _mm256_set1_ps((float)(g->hi - g->zero_point));
    const __m128i lo = _mm_set1_epi8((char)g->lo);
    const __m256i zero = _mm256_set1_epi16((short)g->zero_point);
    const __m256i za = _mm256_set1_epi16((short)g->a_zero);
    const __m256i zb = _mm256_set1_epi16((short)g->b_zero);
    const __m256 scale = _mm256_set1_ps(g->scale);
    const __m128i flip = _mm_set1_epi8((char)g->flip);
    for (int64_t i = 0; i < g->n; i += 16) {
        const __m256i a = _mm256_sub_epi16(_mm256_cvtepi8_epi16(operand(g->a, g->a_step, i, g->n - i, flip)), za);
        const __m256i b = _mm256_sub_epi16(_mm256_cvtepi8_epi16(operand(g->b, g->b_step, i, g->n - i, flip)), zb);
        /* products of 17 bits from their halves; unpacking and packing cancel each other's order */
        const __m256i low = _mm256_mullo_epi16(a, b);
        const __m256i high = _mm256_mulhi_epi16(a, b);
        const __m256 p0 = _mm256_mul_ps(_mm256_cvtepi32_ps(_mm256_unpacklo_epi16(low, high)), scale);
        const __m256 p1 = _mm256_mul_ps(_mm256_cvtepi32_ps(_mm256_unpackhi_epi16(low, high)), scale);
        __m256i q = _mm256_packs_epi32(_mm256_cvtps_epi32(_mm256_min_ps(p0, hi)),
                                       _mm256_cvtps_epi32(_mm256_min_ps(p1, hi)));
        q = _mm256_adds_epi16(q, zero);
        const __m128i y = _mm_packs_epi16(_mm256_castsi256_si128(q), _mm256_extracti128_si256(q, 1));
        store_n(g->y + i, _mm_xor_si128(_mm_max_epi8(y, lo), flip), g->n - i);
    }
}

/*
 * Sixteen tables of sixteen bytes. Of x - 16 k, vpshufb looks at bit 7 (then the result is 0) and
 * at the low four; with the eighth subtraction the sum leaves the wrapping half and the rest
 * saturate, so that exactly k = h - 7 .. h answer for the high four bits h. The tables are such
 * that those exclusive-or to the entry that is wanted.
 */
void gft_qlookup_s8_avx2(const uint8_t *x, const uint8_t *table, uint8_t flip, uint8_t *y,
                         int64_t n) {
    if (n < 256) {
        gft_qlookup_s8_scalar(x, table, flip, y, n);
        return;
    }
    __m256i d[16];
    for (int k = 0; k < 16; k++) {
        d[k] = _mm256_broadcastsi128_si256(
            _mm_loadu_si128((const __m128i *)(const void *)(table + 16 * k)));
        if (k > 0)
            d[k] =
                _mm256_xor_si256(d[k], _mm256_broadcastsi128_si256(_mm_loadu_si128(
                                           (const __m128i *)(const void *)(table + 16 * k - 16))));
        if (k >= 8)
            d[k] = _mm256_xor_si256(d[k], d[k - 8]);
    }
    const __m256i f = _mm256_set1_epi8((char)flip);
    const __m256i sixteen = _mm256_set1_epi8(16);
    int64_t i = 0;
    for (; i + 64 <= n; i += 64) {
        __m256i v0 =
            _mm256_xor_si256(_mm256_loadu_si256((const __m256i *)(const void *)(x + i)), f);
        __m256i v1 =
            _mm256_xor_si256(_mm256_loadu_si256((const __m256i *)(const void *)(x + i + 32)), f);
        __m256i q0 = _mm256_shuffle_epi8(d[0], v0);
        __m256i q1 = _mm256_shuffle_epi8(d[0], v1);
        for (int k = 1; k <= 8; k++) {
            v0 = _mm256_sub_epi8(v0, sixteen);
            v1 = _mm256_sub_epi8(v1, sixteen);
            q0 = _mm256_xor_si256(q0, _mm256_shuffle_epi8(d[k], v0));
            q1 = _mm256_xor_si256(q1, _mm256_shuffle_epi8(d[k], v1));
        }
        for (int k = 9; k < 16; k++) {
            v0 = _mm256_subs_epi8(v0, sixteen);
            v1 = _mm256_subs_epi8(v1, sixteen);
            q0 = _mm256_xor_si256(q0, _mm256_shuffle_epi8(d[k], v0));
            q1 = _mm256_xor_si256(q1, _mm256_shuffle_epi8(d[k], v1));
        }
        _mm256_storeu_si256((__m256i *)(void *)(y + i), q0);
        _mm256_storeu_si256((__m256i *)(void *)(y + i + 32), q1);
    }
    gft_qlookup_s8_scalar(x + i, table, flip, y + i, n - i);
}

void gft_qpool_max_s8_avx2(const uint8_t *const *cells, int64_t count, int64_t channels,
                           uint8_t flip, uint8_t *y) {
    const __m128i f = _mm_set1_epi8((char)flip);
    for (int64_t c = 0; c < channels; c += 16) {
        const int64_t n = channels - c;
        __m128i max = _mm_xor_si128(load_n(cells[0] + c, n), f);
        for (int64_t i = 1; i < count; i++)
            max = _mm_max_epi8(max, _mm_xor_si128(load_n(cells[i] + c, n), f));
        store_n(y + c, _mm_xor_si128(max, f), n);
    }
}

#define ROWS_16 255 /* whose bytes an int16 can add up */

void gft_qsum_rows_s8_avx2(const uint8_t *x, int64_t rows, int64_t stride, int64_t channels,
                           uint8_t flip, int32_t *sum) {
    const __m128i f = _mm_set1_epi8((char)flip);
    int64_t c = 0;
    for (; c + 16 <= channels; c += 16) {
        __m256i s0 = _mm256_loadu_si256((const __m256i *)(const void *)(sum + c));
        __m256i s1 = _mm256_loadu_si256((const __m256i *)(const void *)(sum + c + 8));
        for (int64_t r = 0; r < rows; r += ROWS_16) {
            const int64_t end = r + ROWS_16 < rows ? r + ROWS_16 : rows;
            __m256i acc = _mm256_setzero_si256();
            for (int64_t i = r; i < end; i++)
                acc = _mm256_add_epi16(
                    acc, _mm256_cvtepi8_epi16(_mm_xor_si128(load_n(x + i * stride + c, 16), f)));
            s0 = _mm256_add_epi32(s0, _mm256_cvtepi16_epi32(_mm256_castsi256_si128(acc)));
            s1 = _mm256_add_epi32(s1, _mm256_cvtepi16_epi32(_mm256_extracti128_si256(acc, 1)));
        }
        _mm256_storeu_si256((__m256i *)(void *)(sum + c), s0);
        _mm256_storeu_si256((__m256i *)(void *)(sum + c + 8), s1);
    }
    if (c < channels)
        gft_qsum_rows_s8_scalar(x + c, rows, stride, channels - c, flip, sum + c);
}

void gft_quantize_s8_avx2(const float *x, float inverse, int32_t zero_point, uint8_t flip,
                          uint8_t *y, int64_t n) {
    const __m256 m = _mm256_set1_ps(inverse);
    const __m256 lo = _mm256_set1_ps((float)(-128 - zero_point));
    const __m256 hi = _mm256_set1_ps((float)(127 - zero_point));
    const __m256i zero = _mm256_set1_epi16((short)zero_point);
    const __m128i f = _mm_set1_epi8((char)flip);
    int64_t i = 0;
    for (; i + 16 <= n; i += 16) {
        __m256 v0 = _mm256_mul_ps(_mm256_loadu_ps(x + i), m);
        __m256 v1 = _mm256_mul_ps(_mm256_loadu_ps(x + i + 8), m);
        v0 = _mm256_min_ps(_mm256_max_ps(v0, lo), hi); /* NaN: the second operand, lo */
        v1 = _mm256_min_ps(_mm256_max_ps(v1, lo), hi);
        __m256i q = _mm256_packs_epi32(_mm256_cvtps_epi32(v0), _mm256_cvtps_epi32(v1));
        q = _mm256_add_epi16(_mm256_permute4x64_epi64(q, 0xd8), zero);
        __m128i b = _mm_packs_epi16(_mm256_castsi256_si128(q), _mm256_extracti128_si256(q, 1));
        _mm_storeu_si128((__m128i *)(void *)(y + i), _mm_xor_si128(b, f));
    }
    gft_quantize_s8_scalar(x + i, inverse, zero_point, flip, y + i, n - i);
}

void gft_dequantize_s8_avx2(const uint8_t *x, float scale, int32_t zero_point, uint8_t flip,
                            float *y, int64_t n) {
    const __m256 s = _mm256_set1_ps(scale);
    const __m256i zero = _mm256_set1_epi32(zero_point);
    const __m128i f = _mm_set1_epi8((char)flip);
    int64_t i = 0;
    for (; i + 8 <= n; i += 8) {
        const __m128i b = _mm_xor_si128(_mm_loadl_epi64((const __m128i *)(const void *)(x + i)), f);
        const __m256i v = _mm256_sub_epi32(_mm256_cvtepi8_epi32(b), zero);
        _mm256_storeu_ps(y + i, _mm256_mul_ps(s, _mm256_cvtepi32_ps(v)));
    }
    gft_dequantize_s8_scalar(x + i, scale, zero_point, flip, y + i, n - i);
}
