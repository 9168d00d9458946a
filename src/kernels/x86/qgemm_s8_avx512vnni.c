/*
 * 8-bit GEMM for AVX-512 VNNI: 12 x 32 tile of int32 sums by vpdpbusd, four terms of the reduction
 * at a time.
 *
 * vpdpbusd multiplies unsigned by signed bytes, so the block's copy of A holds a + 128 (a_bias; the
 * offsets make up for it), in rows filled up to whole groups of four. The instruction is written in
 * assembly: GCC 12 takes the intrinsic's sum for a copy and spills half of the tile.
 */
#include <stdbool.h>
#include <string.h>

#include "kernels/kernel_table.h"
#include "kernels/x86/intrinsics.h"

#define MR 12
#define NR 32

/* n bytes exclusive-or `flip`. */
static void copy_run(const uint8_t *from, uint8_t *to, int64_t n, uint8_t flip) {
    const __m512i f = _mm512_set1_epi8((char)flip);
    int64_t i = 0;
    for (; i + 64 <= n; i += 64)
        _mm512_storeu_si512(to + i, _mm512_xor_si512(_mm512_loadu_si512(from + i), f));
    for (; i + 8 <= n; i += 8) {
        uint64_t eight;
        memcpy(&eight, from + i, sizeof eight);
        eight ^= flip * UINT64_C(0x0101010101010101);
        memcpy(to + i, &eight, sizeof eight);
    }
    for (; i < n; i++)
        to[i] = from[i] ^ flip;
}

static void copy_rows(const gft_qgemm_args *g, int64_t padded) {
    uint8_t *to = g->scratch;
    for (int64_t i = 0; i < g->rows; i++, to += padded) {
        for (int64_t t = 0; t < g->taps; t++)
            copy_run(g->a[t * g->a_stride + i], to + t * g->depth, g->depth, g->out.flip ^ 0x80);
        for (int64_t k = g->taps * g->depth; k < padded; k++)
            to[k] = 0;
    }
}

/* One tile: rows `padded` apart, 32 columns; sums begin with the offsets. */
typedef struct tile {
    const uint8_t *a;
    const int8_t *b;
    int64_t padded;
    __m512i offset0, offset1;
    __m512 m0, m1, hi;
    __m512i zero_point, lo;
    __m128i flip;
    uint8_t *c;
    int64_t c_stride, width;
} tile;

/* 16 sums to 16 bytes. */
static inline __m128i requantise(const tile *t, __m512i acc, __m512 m) {
    __m512 x = _mm512_min_ps(_mm512_mul_ps(_mm512_cvtepi32_ps(acc), m), t->hi);
    /*
     * too small for an int32: the smallest, and the bound in `lo` holds before the zero point is
     * added
     */
    __m512i q = _mm512_add_epi32(_mm512_max_epi32(_mm512_cvtps_epi32(x), t->lo), t->zero_point);
    return _mm_xor_si128(_mm512_cvtsepi32_epi8(q), t->flip);
}

static inline void store_row(const tile *t, int64_t i, __m512i s0, __m512i s1) {
    uint8_t *c = t->c + i * t->c_stride;
    uint8_t lane[NR];
    uint8_t *to = t->width == NR ? c : lane;
    _mm_storeu_si128((__m128i *)(void *)to, requantise(t, s0, t->m0));
    _mm_storeu_si128((__m128i *)(void *)(to + 16), requantise(t, s1, t->m1));
    if (t->width != NR)
        memcpy(c, lane, (size_t)t->width);
}

static inline __m512i four(const uint8_t *from) {
    int32_t v;
    memcpy(&v, from, sizeof v);
    return _mm512_set1_epi32(v);
}

#if defined(GFT_SIMD_EMULATE)
#define DOT(sum, x, b) (sum) = _mm512_dpbusd_epi32(sum, x, b)
#else
#define DOT(sum, x, b) __asm__("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(x), "v"(b))
#endif

#define ROW_SUMS(i)                                                                                \
    const uint8_t *a##i = t->a + (i)*t->padded;                                                    \
    __m512i s##i##0 = t->offset0;                                                                  \
    __m512i s##i##1 = t->offset1;
#define ROW_STEP(i)                                                                                \
    x = four(a##i + k);                                                                            \
    DOT(s##i##0, x, b0);                                                                           \
    DOT(s##i##1, x, b1);
#define ROW_STORE(i) store_row(t, i, s##i##0, s##i##1);

#define DEFINE_TILE(name, EACH)                                                                    \
    static void name(const tile *t) {                                                              \
        const int8_t *b = t->b;                                                                    \
        EACH(ROW_SUMS)                                                                             \
        for (int64_t k = 0; k < t->padded; k += 4, b += 4 * NR) {                                  \
            const __m512i b0 = _mm512_loadu_si512(b);                                              \
            const __m512i b1 = _mm512_loadu_si512(b + 2 * NR);                                     \
            __m512i x;                                                                             \
            EACH(ROW_STEP)                                                                         \
        }                                                                                          \
        EACH(ROW_STORE)                                                                            \
    }

#define EACH_1(X) X(0)
#define EACH_2(X) X(0) X(1)
#define EACH_3(X) EACH_2(X) X(2)
#define EACH_4(X) EACH_3(X) X(3)
#define EACH_5(X) EACH_4(X) X(4)
#define EACH_6(X) EACH_5(X) X(5)
#define EACH_7(X) EACH_6(X) X(6)
#define EACH_8(X) EACH_7(X) X(7)
#define EACH_9(X) EACH_8(X) X(8)
#define EACH_10(X) EACH_9(X) X(9)
#define EACH_11(X) EACH_10(X) X(10)
#define EACH_12(X) EACH_11(X) X(11)
DEFINE_TILE(tile_1, EACH_1)
DEFINE_TILE(tile_2, EACH_2)
DEFINE_TILE(tile_3, EACH_3)
DEFINE_TILE(tile_4, EACH_4)
DEFINE_TILE(tile_5, EACH_5)
DEFINE_TILE(tile_6, EACH_6)
DEFINE_TILE(tile_7, EACH_7)
DEFINE_TILE(tile_8, EACH_8)
DEFINE_TILE(tile_9, EACH_9)
DEFINE_TILE(tile_10, EACH_10)
DEFINE_TILE(tile_11, EACH_11)
DEFINE_TILE(tile_12, EACH_12)
static void (*const tiles[])(const tile *) = {tile_1, tile_2, tile_3, tile_4,  tile_5,  tile_6,
                                              tile_7, tile_8, tile_9, tile_10, tile_11, tile_12};

/* The columns' tables; past the last column they are 0. */
static void load_columns(const gft_requant *out, int64_t col, tile *t) {
    int32_t offset[NR] = {0};
    float m[NR] = {0};
    memcpy(offset, out->offset + col, (size_t)t->width * sizeof *offset);
    memcpy(m, out->multiplier + col, (size_t)t->width * sizeof *m);
    t->offset0 = _mm512_loadu_si512(offset);
    t->offset1 = _mm512_loadu_si512(offset + 16);
    t->m0 = _mm512_loadu_ps(m);
    t->m1 = _mm512_loadu_ps(m + 16);
}

static void run_gemm(const gft_qgemm_args *g) {
    const int64_t padded = (g->taps * g->depth + 3) / 4 * 4;
    tile t = {.padded = padded, .c_stride = g->c_stride};
    t.hi = _mm512_set1_ps((float)(g->out.hi - g->out.zero_point));
    t.lo = _mm512_set1_epi32(g->out.lo - g->out.zero_point);
    t.zero_point = _mm512_set1_epi32(g->out.zero_point);
    t.flip = _mm_set1_epi8((char)g->out.flip);
    copy_rows(g, padded);
    for (int64_t col = 0; col < g->cols; col += NR) {
        t.width = g->cols - col < NR ? g->cols - col : NR;
        t.b = (const int8_t *)g->b + col / NR * g->b_panel_stride;
        load_columns(&g->out, col, &t);
        for (int64_t i = 0; i < g->rows; i += MR) {
            t.a = (const uint8_t *)g->scratch + i * padded;
            t.c = g->c + i * g->c_stride + col;
            tiles[g->rows - i < MR ? g->rows - i - 1 : MR - 1](&t);
        }
    }
}

extern const struct gft_qgemm_kernels GFT_SIMD_NAME(gft_qgemm_s8, avx512vnni);
const struct gft_qgemm_kernels GFT_SIMD_NAME(gft_qgemm_s8, avx512vnni) = {MR, NR,  4,       1,
                                                                          1,  128, run_gemm};
