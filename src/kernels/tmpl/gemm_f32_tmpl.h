/*
 * The float32 GEMM over registers of LANES floats, written once for AVX2, AVX-512 and NEON. The
 * including file gives `lanes` operations, TILE_ROWS, TILE_EACH(X) (X(1) ... X(TILE_ROWS)) and
 * calls the two functions at the end.
 *
 * A register tile is up to TILE_ROWS rows by two vectors. Every count of rows has a body of its
 * own, and rows are shared out evenly among tiles (49 rows are 4 x 6 + 5 x 5, not 8 x 6 + 1): tiles
 * of few rows would wait for the adders. A panel whose second half is padding runs with one vector.
 * Long reductions are cut so that a panel's block stays in L1.
 */
#include <math.h>

#define NR (2 * LANES)

/* Terms t0..t1 by k0..k1 of the reduction; partial sums lie in c between blocks. */
typedef struct depth_block {
    int64_t t0, t1, k0, k1;
    bool first, last;
} depth_block;

#define ALWAYS_INLINE static inline __attribute__((always_inline))

ALWAYS_INLINE lanes load_upto(const float *p, int64_t n) {
    return n >= LANES ? lanes_load(p) : lanes_load_n(p, n);
}
ALWAYS_INLINE void store_upto(float *p, int64_t n, lanes x) {
    if (n >= LANES)
        lanes_store(p, x);
    else
        lanes_store_n(p, n, x);
}

/* What sums start from: the bias in the first block, else zero. */
ALWAYS_INLINE void start_sums(const gft_gemm_f32_args *g, const depth_block *d, int64_t col,
                              int64_t width, lanes start[2], const int vecs) {
    start[0] = start[1] = lanes_zero();
    if (!d->first || !g->bias)
        return;
#pragma GCC unroll 2
    for (int v = 0; v < vecs; v++)
        start[v] = load_upto(g->bias + col + v * LANES, width - v * LANES);
}

/*
 * Adds the residual, or the sum so far in later blocks; clamps after the last block; stores `width`
 * columns.
 */
ALWAYS_INLINE void finish_tile(const gft_gemm_f32_args *g, const depth_block *d, int64_t row,
                               int64_t col, int64_t width, lanes (*sum)[2], const int rows,
                               const int vecs) {
    const lanes lo = lanes_set(d->last ? g->lo : -INFINITY);
    const lanes hi = lanes_set(d->last ? g->hi : INFINITY);
    const float *more = d->first ? g->residual : g->c;
    float *c = g->c + col;
    int64_t at[TILE_ROWS];
#pragma GCC unroll 16
    for (int r = 0; r < rows; r++)
        at[r] = g->c_rows ? g->c_rows[row + r] : (row + r) * g->c_stride;
    if (more) {
#pragma GCC unroll 16
        for (int r = 0; r < rows; r++)
#pragma GCC unroll 2
            for (int v = 0; v < vecs; v++)
                sum[r][v] = lanes_add(sum[r][v],
                                      load_upto(more + at[r] + col + v * LANES, width - v * LANES));
    }
    if (width == vecs * LANES) { /* nearly always: no test per vector */
#pragma GCC unroll 16
        for (int r = 0; r < rows; r++)
#pragma GCC unroll 2
            for (int v = 0; v < vecs; v++)
                lanes_store(c + at[r] + v * LANES, lanes_clamp(sum[r][v], lo, hi));
        return;
    }
#pragma GCC unroll 16
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 2
        for (int v = 0; v < vecs; v++)
            store_upto(c + at[r] + v * LANES, width - v * LANES, lanes_clamp(sum[r][v], lo, hi));
}

ALWAYS_INLINE void run_tile(const gft_gemm_f32_args *g, const depth_block *d, int64_t row,
                            int64_t col, int64_t width, const int rows, const int vecs) {
    lanes sum[TILE_ROWS][2];
    lanes start[2];
    start_sums(g, d, col, width, start, vecs);
#pragma GCC unroll 16
    for (int r = 0; r < rows; r++) {
        sum[r][0] = start[0];
        sum[r][1] = start[1];
    }
    const float *b = g->b + col / NR * g->b_panel_stride + (d->t0 * g->depth + d->k0) * NR;
    for (int64_t t = d->t0; t < d->t1; t++) {
        const float *a[TILE_ROWS];
#pragma GCC unroll 16
        for (int r = 0; r < rows; r++)
            a[r] = g->a[t * g->a_stride + row + r];
        for (int64_t k = d->k0; k < d->k1; k++, b += NR) {
            lanes b0 = lanes_load(b);
            lanes b1 = vecs > 1 ? lanes_load(b + LANES) : lanes_zero();
#pragma GCC unroll 16
            for (int r = 0; r < rows; r++) {
                lanes x = lanes_one(a[r] + k);
                sum[r][0] = lanes_fma(x, b0, sum[r][0]);
                if (vecs > 1)
                    sum[r][1] = lanes_fma(x, b1, sum[r][1]);
            }
        }
    }
    finish_tile(g, d, row, col, width, sum, rows, vecs);
}

/*
 * One row: four terms at a time, so that the adders have enough independent sums; memory is the
 * limit here.
 */
ALWAYS_INLINE void run_row(const gft_gemm_f32_args *g, const depth_block *d, int64_t row,
                           int64_t col, int64_t width, const int vecs) {
    lanes part[4][2];
#pragma GCC unroll 4
    for (int u = 0; u < 4; u++)
        part[u][0] = part[u][1] = lanes_zero();
    start_sums(g, d, col, width, part[0], vecs);
    const float *b = g->b + col / NR * g->b_panel_stride + (d->t0 * g->depth + d->k0) * NR;
    for (int64_t t = d->t0; t < d->t1; t++) {
        const float *a = g->a[t * g->a_stride + row];
        int64_t k = d->k0;
        for (; k + 4 <= d->k1; k += 4, b += 4 * NR) {
#pragma GCC unroll 4
            for (int u = 0; u < 4; u++) {
                lanes x = lanes_one(a + k + u);
                part[u][0] = lanes_fma(x, lanes_load(b + u * NR), part[u][0]);
                if (vecs > 1)
                    part[u][1] = lanes_fma(x, lanes_load(b + u * NR + LANES), part[u][1]);
            }
        }
        for (; k < d->k1; k++, b += NR) {
            lanes x = lanes_one(a + k);
            part[0][0] = lanes_fma(x, lanes_load(b), part[0][0]);
            if (vecs > 1)
                part[0][1] = lanes_fma(x, lanes_load(b + LANES), part[0][1]);
        }
    }
    lanes sum[1][2];
    for (int v = 0; v < 2; v++)
        sum[0][v] = lanes_add(lanes_add(part[0][v], part[1][v]), lanes_add(part[2][v], part[3][v]));
    finish_tile(g, d, row, col, width, sum, 1, vecs);
}

typedef void tile_fn(const gft_gemm_f32_args *g, const depth_block *d, int64_t row, int64_t col,
                     int64_t width);

#define TILE_BODY(rows)                                                                            \
    static void tile_##rows##_1(const gft_gemm_f32_args *g, const depth_block *d, int64_t row,     \
                                int64_t col, int64_t width) {                                      \
        if ((rows) == 1)                                                                           \
            run_row(g, d, row, col, width, 1);                                                     \
        else                                                                                       \
            run_tile(g, d, row, col, width, rows, 1);                                              \
    }                                                                                              \
    static void tile_##rows##_2(const gft_gemm_f32_args *g, const depth_block *d, int64_t row,     \
                                int64_t col, int64_t width) {                                      \
        if ((rows) == 1)                                                                           \
            run_row(g, d, row, col, width, 2);                                                     \
        else                                                                                       \
            run_tile(g, d, row, col, width, rows, 2);                                              \
    }
TILE_EACH(TILE_BODY)
#undef TILE_BODY

#define TILE_ENTRY(rows) {tile_##rows##_1, tile_##rows##_2},
static tile_fn *const tiles[TILE_ROWS + 1][2] = {{0, 0}, TILE_EACH(TILE_ENTRY)};
#undef TILE_ENTRY

static void run_block(const gft_gemm_f32_args *g, const depth_block *d) {
    int64_t count = (g->rows + TILE_ROWS - 1) / TILE_ROWS;
    for (int64_t col = 0; col < g->cols; col += NR) {
        int64_t width = g->cols - col < NR ? g->cols - col : NR;
        int half = width > LANES;
        int64_t row = 0;
        for (int64_t i = 1; i <= count; i++) {
            int64_t next = i * g->rows / count;
            tiles[next - row][half](g, d, row, col, width);
            row = next;
        }
    }
}

static void run_gemm(const gft_gemm_f32_args *g) {
    int64_t depth = g->depth;
    if (g->taps <= 0 || depth <= 0) {
        depth_block none = {0, 0, 0, 0, true, true};
        run_block(g, &none);
        return;
    }
    int64_t pieces = (depth + GFT_GEMM_DEPTH_BLOCK - 1) / GFT_GEMM_DEPTH_BLOCK; /* of one tap */
    int64_t span =
        depth < GFT_GEMM_DEPTH_BLOCK ? GFT_GEMM_DEPTH_BLOCK / depth : 1; /* taps of a block */
    for (int64_t t = 0; t < g->taps; t += span) {
        int64_t end = t + span < g->taps ? t + span : g->taps;
        for (int64_t p = 0; p < pieces; p++) {
            depth_block d = {t,
                             end,
                             p * depth / pieces,
                             (p + 1) * depth / pieces,
                             t == 0 && p == 0,
                             end == g->taps && p == pieces - 1};
            run_block(g, &d);
        }
    }
}

/* ---- A transposed ---- */

ALWAYS_INLINE void run_tn_tile(const gft_gemm_tn_f32_args *g, int64_t row, int64_t col,
                               int64_t width, const int rows, const int vecs) {
    lanes sum[TILE_ROWS][2];
#pragma GCC unroll 16
    for (int r = 0; r < rows; r++)
        sum[r][0] = sum[r][1] = lanes_zero();
    const float *b = g->b + col / NR * g->b_panel_stride;
    int64_t at = g->a_offset + row;
    for (int64_t p = 0; p < g->depth; p++, b += NR) {
        const float *a = g->a[p] + at;
        lanes b0 = lanes_load(b);
        lanes b1 = vecs > 1 ? lanes_load(b + LANES) : lanes_zero();
#pragma GCC unroll 16
        for (int r = 0; r < rows; r++) {
            lanes x = lanes_one(a + r);
            sum[r][0] = lanes_fma(x, b0, sum[r][0]);
            if (vecs > 1)
                sum[r][1] = lanes_fma(x, b1, sum[r][1]);
        }
    }
#pragma GCC unroll 16
    for (int r = 0; r < rows; r++) {
        float *c = g->c + (row + r) * g->c_stride + col;
#pragma GCC unroll 2
        for (int v = 0; v < vecs; v++) {
            int64_t left = width - v * LANES;
            lanes x = sum[r][v];
            if (g->accumulate)
                x = lanes_add(x, load_upto(c + v * LANES, left));
            store_upto(c + v * LANES, left, x);
        }
    }
}

typedef void tn_tile_fn(const gft_gemm_tn_f32_args *g, int64_t row, int64_t col, int64_t width);

#define TN_BODY(rows)                                                                              \
    static void tn_tile_##rows##_1(const gft_gemm_tn_f32_args *g, int64_t row, int64_t col,        \
                                   int64_t width) {                                                \
        run_tn_tile(g, row, col, width, rows, 1);                                                  \
    }                                                                                              \
    static void tn_tile_##rows##_2(const gft_gemm_tn_f32_args *g, int64_t row, int64_t col,        \
                                   int64_t width) {                                                \
        run_tn_tile(g, row, col, width, rows, 2);                                                  \
    }
TILE_EACH(TN_BODY)
#undef TN_BODY

#define TN_ENTRY(rows) {tn_tile_##rows##_1, tn_tile_##rows##_2},
static tn_tile_fn *const tn_tiles[TILE_ROWS + 1][2] = {{0, 0}, TILE_EACH(TN_ENTRY)};
#undef TN_ENTRY

static void run_gemm_tn(const gft_gemm_tn_f32_args *g) {
    int64_t count = (g->rows + TILE_ROWS - 1) / TILE_ROWS;
    for (int64_t col = 0; col < g->cols; col += NR) {
        int64_t width = g->cols - col < NR ? g->cols - col : NR;
        int half = width > LANES;
        int64_t row = 0;
        for (int64_t i = 1; i <= count; i++) {
            int64_t next = i * g->rows / count;
            tn_tiles[next - row][half](g, row, col, width);
            row = next;
        }
    }
}
