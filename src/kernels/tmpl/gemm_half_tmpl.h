/*
 * The product of 16-bit floats over registers of LANES floats, written once for all CPUs. The
 * including file gives the `lanes` operations, half_load and half_store (with _n forms), TILE_ROWS,
 * TILE_EACH(X) (X(1) ... X(TILE_ROWS)), and
 *   HALF_DOT defined:     pair_a(p), single_a(p): two numbers (one) of A in every lane; pair_b(b): LANES pairs of B;
 *                         lanes_dot(sum, a, b)
 *   HALF_DOT not defined: even_a, odd_a (of a pair), single_a: one number of A in every lane; even_b, odd_b: a row of B
 *
 * A register tile is up to TILE_ROWS rows by two vectors, every count of rows with a body of its
 * own, rows shared out evenly among tiles. Sums never leave the registers: panels are half as long
 * as float32 ones, and L2 feeds them.
 */
#include <math.h>
#include <stddef.h>

#define NR (2 * LANES)
#define ALWAYS_INLINE static inline __attribute__((always_inline))

ALWAYS_INLINE lanes load_upto(const float *p, int64_t n) {
    return n >= LANES ? lanes_load(p) : n > 0 ? lanes_load_n(p, n) : lanes_zero();
}
ALWAYS_INLINE lanes load_half_upto(const uint16_t *p, int64_t n) {
    return n >= LANES ? half_load(p) : n > 0 ? half_load_n(p, n) : lanes_zero();
}
ALWAYS_INLINE void store_upto(const gft_gemm_half_args *g, int64_t at, int64_t n, lanes x) {
    if (n >= LANES) {
        if (g->c)
            half_store(g->c + at, x);
        else
            lanes_store(g->c_f32 + at, x);
    } else if (n > 0) {
        if (g->c)
            half_store_n(g->c + at, n, x);
        else
            lanes_store_n(g->c_f32 + at, n, x);
    }
}

/* The activation that is no clamp: through memory, all rows of the tile at once. */
static __attribute__((noinline)) void apply_unary(const gft_gemm_half_args *g, float *sums,
                                                  int64_t n) {
    g->unary(sums, sums, n, g->alpha);
}

ALWAYS_INLINE void finish_tile(const gft_gemm_half_args *g, int64_t row, int64_t col, int64_t width,
                               lanes (*sum)[2], const int rows, const int vecs) {
    const lanes lo = lanes_set(g->lo);
    const lanes hi = lanes_set(g->hi);
    int64_t at[TILE_ROWS];
#pragma GCC unroll 16
    for (int r = 0; r < rows; r++)
        at[r] = (g->c_rows ? g->c_rows[row + r] : (row + r) * g->c_stride) + col;
    if (g->residual) {
#pragma GCC unroll 16
        for (int r = 0; r < rows; r++)
#pragma GCC unroll 2
            for (int v = 0; v < vecs; v++)
                sum[r][v] = lanes_add(
                    sum[r][v], load_half_upto(g->residual + at[r] + v * LANES, width - v * LANES));
    }
    if (g->accumulate && !g->c) {
#pragma GCC unroll 16
        for (int r = 0; r < rows; r++)
#pragma GCC unroll 2
            for (int v = 0; v < vecs; v++)
                sum[r][v] = lanes_add(sum[r][v],
                                      load_upto(g->c_f32 + at[r] + v * LANES, width - v * LANES));
    }
#pragma GCC unroll 16
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 2
        for (int v = 0; v < vecs; v++)
            sum[r][v] = lanes_clamp(sum[r][v], lo, hi);
    if (g->unary) {
        float flat[TILE_ROWS * NR];
#pragma GCC unroll 16
        for (int r = 0; r < rows; r++)
#pragma GCC unroll 2
            for (int v = 0; v < vecs; v++)
                lanes_store(flat + (r * vecs + v) * LANES, sum[r][v]);
        apply_unary(g, flat, rows * vecs * LANES);
        for (int r = 0; r < rows; r++)
            for (int v = 0; v < vecs; v++)
                store_upto(g, at[r] + v * LANES, width - v * LANES,
                           lanes_load(flat + (r * vecs + v) * LANES));
        return;
    }
#pragma GCC unroll 16
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 2
        for (int v = 0; v < vecs; v++)
            store_upto(g, at[r] + v * LANES, width - v * LANES, sum[r][v]);
}

#if defined(HALF_DOT)
#define STEP_PAIR(A, b, S, rows, vecs)                                                             \
    do {                                                                                           \
        pairs b0 = pair_b(b);                                                                      \
        pairs b1 = (vecs) > 1 ? pair_b((b) + 2 * LANES) : b0;                                      \
        _Pragma("GCC unroll 16") for (int r = 0; r < (rows); r++) {                                \
            pairs x = pair_a(A);                                                                   \
            S[r][0] = lanes_dot(S[r][0], x, b0);                                                   \
            if ((vecs) > 1)                                                                        \
                S[r][1] = lanes_dot(S[r][1], x, b1);                                               \
        }                                                                                          \
    } while (0)
#define STEP_SINGLE(A, b, S, rows, vecs)                                                           \
    do {                                                                                           \
        pairs b0 = pair_b(b);                                                                      \
        pairs b1 = (vecs) > 1 ? pair_b((b) + 2 * LANES) : b0;                                      \
        _Pragma("GCC unroll 16") for (int r = 0; r < (rows); r++) {                                \
            pairs x = single_a(A);                                                                 \
            S[r][0] = lanes_dot(S[r][0], x, b0);                                                   \
            if ((vecs) > 1)                                                                        \
                S[r][1] = lanes_dot(S[r][1], x, b1);                                               \
        }                                                                                          \
    } while (0)
#else
#define STEP_ROW(load_a, A, load_b, b, S, rows, vecs)                                              \
    do {                                                                                           \
        lanes b0 = load_b(b);                                                                      \
        lanes b1 = (vecs) > 1 ? load_b((b) + 2 * LANES) : b0;                                      \
        _Pragma("GCC unroll 16") for (int r = 0; r < (rows); r++) {                                \
            lanes x = load_a(A);                                                                   \
            S[r][0] = lanes_fma(x, b0, S[r][0]);                                                   \
            if ((vecs) > 1)                                                                        \
                S[r][1] = lanes_fma(x, b1, S[r][1]);                                               \
        }                                                                                          \
    } while (0)
/*
 * The barrier: pairs are loaded again for their odd half; kept in registers they would push sums
 * out of them.
 */
#define STEP_PAIR(A, b, S, rows, vecs)                                                             \
    do {                                                                                           \
        STEP_ROW(even_a, A, even_b, b, S, rows, vecs);                                             \
        __asm__ volatile("" ::: "memory");                                                         \
        STEP_ROW(odd_a, A, odd_b, b, S, rows, vecs);                                               \
    } while (0)
#define STEP_SINGLE(A, b, S, rows, vecs) STEP_ROW(single_a, A, even_b, b, S, rows, vecs)
#endif

ALWAYS_INLINE void run_tile(const gft_gemm_half_args *g, int64_t row, int64_t col, int64_t width,
                            const int rows, const int vecs) {
    lanes sum[TILE_ROWS][2];
    lanes start[2] = {lanes_zero(), lanes_zero()};
    if (g->bias) {
        start[0] = load_upto(g->bias + col, width);
        if (vecs > 1)
            start[1] = load_upto(g->bias + col + LANES, width - LANES);
    }
#pragma GCC unroll 16
    for (int r = 0; r < rows; r++) {
        sum[r][0] = start[0];
        sum[r][1] = start[1];
    }
    const uint16_t *b = g->b + col / NR * g->b_panel_stride;
    for (int64_t t = 0; t < g->taps; t++) {
        const uint16_t *a[TILE_ROWS];
#pragma GCC unroll 16
        for (int r = 0; r < rows; r++)
            a[r] = g->a[t * g->a_stride + row + r];
        int64_t k = 0;
        for (; k + 2 <= g->depth; k += 2, b += 2 * NR)
            STEP_PAIR(a[r] + k, b, sum, rows, vecs);
        if (k < g->depth) {
            STEP_SINGLE(a[r] + k, b, sum, rows, vecs);
            b += 2 * NR;
        }
    }
    finish_tile(g, row, col, width, sum, rows, vecs);
}

/*
 * One row: four pairs at a time, so that the adders have enough independent sums; memory is the
 * limit here.
 */
ALWAYS_INLINE void run_row(const gft_gemm_half_args *g, int64_t row, int64_t col, int64_t width,
                           const int vecs) {
    lanes part[4][1][2];
    for (int u = 0; u < 4; u++)
        part[u][0][0] = part[u][0][1] = lanes_zero();
    if (g->bias) {
        part[0][0][0] = load_upto(g->bias + col, width);
        if (vecs > 1)
            part[0][0][1] = load_upto(g->bias + col + LANES, width - LANES);
    }
    const uint16_t *b = g->b + col / NR * g->b_panel_stride;
    for (int64_t t = 0; t < g->taps; t++) {
        const uint16_t *a = g->a[t * g->a_stride + row];
        int64_t k = 0;
        for (; k + 8 <= g->depth; k += 8, b += 8 * NR) {
#pragma GCC unroll 4
            for (int u = 0; u < 4; u++)
                STEP_PAIR(a + k + 2 * u, b + 2 * u * NR, part[u], 1, vecs);
        }
        for (; k + 2 <= g->depth; k += 2, b += 2 * NR)
            STEP_PAIR(a + k, b, part[0], 1, vecs);
        if (k < g->depth) {
            STEP_SINGLE(a + k, b, part[0], 1, vecs);
            b += 2 * NR;
        }
    }
    lanes sum[1][2];
    for (int v = 0; v < 2; v++)
        sum[0][v] = lanes_add(lanes_add(part[0][0][v], part[1][0][v]),
                              lanes_add(part[2][0][v], part[3][0][v]));
    finish_tile(g, row, col, width, sum, 1, vecs);
}

typedef void tile_fn(const gft_gemm_half_args *g, int64_t row, int64_t col, int64_t width);

#define TILE_BODY(rows)                                                                            \
    static void tile_##rows##_1(const gft_gemm_half_args *g, int64_t row, int64_t col,             \
                                int64_t width) {                                                   \
        if ((rows) == 1)                                                                           \
            run_row(g, row, col, width, 1);                                                        \
        else                                                                                       \
            run_tile(g, row, col, width, rows, 1);                                                 \
    }                                                                                              \
    static void tile_##rows##_2(const gft_gemm_half_args *g, int64_t row, int64_t col,             \
                                int64_t width) {                                                   \
        if ((rows) == 1)                                                                           \
            run_row(g, row, col, width, 2);                                                        \
        else                                                                                       \
            run_tile(g, row, col, width, rows, 2);                                                 \
    }
TILE_EACH(TILE_BODY)
#undef TILE_BODY

#define TILE_ENTRY(rows) {tile_##rows##_1, tile_##rows##_2},
static tile_fn *const tiles[TILE_ROWS + 1][2] = {{0, 0}, TILE_EACH(TILE_ENTRY)};
#undef TILE_ENTRY

static void run_gemm(const gft_gemm_half_args *g) {
    int64_t count = (g->rows + TILE_ROWS - 1) / TILE_ROWS;
    for (int64_t col = 0; col < g->cols; col += NR) {
        int64_t width = g->cols - col < NR ? g->cols - col : NR;
        int both = width > LANES;
        int64_t row = 0;
        for (int64_t i = 1; i <= count; i++) {
            int64_t next = i * g->rows / count;
            tiles[next - row][both](g, row, col, width);
            row = next;
        }
    }
}
