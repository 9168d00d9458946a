/*
 * The float32 GEMM over registers of LANES floats, written once for AVX2, AVX-512 and NEON. The
 * including file gives `lanes` operations, TILE_ROWS, TILE_EACH(X) (X(1) ... X(TILE_ROWS)) and
 * calls the two functions at the end.
 *
 * A register tile is up to TILE_ROWS rows by two vectors. Every count of rows has a body of its
 * own, and rows are shared out evenly among tiles (49 rows are 4 x 6 + 5 x 5, not 8 x 6 + 1): tiles
 * of few rows would wait for the adders. A last panel that is half padding runs together with the
 * one before it, as WIDE_ROWS rows by three vectors, or alone with one vector.
 *
 * Long reductions are cut so that a panel's block stays in L1; while a panel is multiplied the next
 * one is fetched.
 */
#include <math.h>

#define NR (2 * LANES)
#define LINE_FLOATS 16 /* of a cache line */

/* Terms t0..t1 by k0..k1 of the reduction; partial sums lie in c between blocks. */
typedef struct depth_block {
    int64_t t0, t1, k0, k1;
    bool first;
    float lo, hi;      /* the clamp of the last block, none before */
    const float *more; /* the residual, later the sums so far */
} depth_block;

/* Columns that are walked together: one panel, or one and a half. */
typedef struct strip {
    int64_t col, width;
    const float *b;     /* the block's part of the panel */
    const float *ahead; /* where tiles fetch */
    int64_t ahead_step; /* floats a term, for the first `fetchers` tiles */
    int64_t fetchers;
} strip;

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
ALWAYS_INLINE void start_sums(const gft_gemm_f32_args *g, const depth_block *d, const strip *s,
                              lanes start[3], const int vecs) {
    start[0] = start[1] = start[2] = lanes_zero();
    if (!d->first || !g->bias)
        return;
#pragma GCC unroll 3
    for (int v = 0; v < vecs; v++)
        start[v] = load_upto(g->bias + s->col + v * LANES, s->width - v * LANES);
}

/*
 * Adds the residual, or the sum so far in later blocks; clamps; stores `width` columns.
 */
ALWAYS_INLINE void finish_tile(const gft_gemm_f32_args *g, const depth_block *d, int64_t row,
                               const strip *s, lanes (*sum)[3], const int rows, const int vecs) {
    const lanes lo = lanes_set(d->lo);
    const lanes hi = lanes_set(d->hi);
    const float *more = d->more;
    const int64_t width = s->width;
    float *c = g->c + s->col;
    int64_t at[TILE_ROWS];
#pragma GCC unroll 16
    for (int r = 0; r < rows; r++)
        at[r] = g->c_rows ? g->c_rows[row + r] : (row + r) * g->c_stride;
    if (more) {
        more += s->col;
#pragma GCC unroll 16
        for (int r = 0; r < rows; r++)
#pragma GCC unroll 3
            for (int v = 0; v < vecs; v++)
                sum[r][v] =
                    lanes_add(sum[r][v], load_upto(more + at[r] + v * LANES, width - v * LANES));
    }
    if (width == vecs * LANES) { /* nearly always: no test per vector */
#pragma GCC unroll 16
        for (int r = 0; r < rows; r++)
#pragma GCC unroll 3
            for (int v = 0; v < vecs; v++)
                lanes_store(c + at[r] + v * LANES, lanes_clamp(sum[r][v], lo, hi));
        return;
    }
#pragma GCC unroll 16
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 3
        for (int v = 0; v < vecs; v++)
            store_upto(c + at[r] + v * LANES, width - v * LANES, lanes_clamp(sum[r][v], lo, hi));
}

/*
 * One term: a row of the panel (and of the one `wide` floats on, for three vectors) times one
 * number of each row of A.
 */
ALWAYS_INLINE void add_term(lanes (*sum)[3], const float *const *a, int64_t k, const float *b,
                            int64_t wide, const int rows, const int vecs) {
    lanes b0 = lanes_load(b);
    lanes b1 = vecs > 1 ? lanes_load(b + LANES) : lanes_zero();
    lanes b2 = vecs > 2 ? lanes_load(b + wide) : lanes_zero();
#pragma GCC unroll 16
    for (int r = 0; r < rows; r++) {
        lanes x = lanes_one(a[r] + k);
        sum[r][0] = lanes_fma(x, b0, sum[r][0]);
        if (vecs > 1)
            sum[r][1] = lanes_fma(x, b1, sum[r][1]);
        if (vecs > 2)
            sum[r][2] = lanes_fma(x, b2, sum[r][2]);
    }
}

/* `count` tiles one below the other. */
ALWAYS_INLINE void run_tiles(const gft_gemm_f32_args *g, const depth_block *d, strip *s,
                             int64_t row, int64_t count, const int rows, const int vecs) {
    const int64_t wide = g->b_panel_stride;
    const float *ahead = s->ahead;
    lanes start[3];
    start_sums(g, d, s, start, vecs);
    for (int64_t i = 0; i < count; i++, row += rows) {
        lanes sum[TILE_ROWS][3];
#pragma GCC unroll 16
        for (int r = 0; r < rows; r++) {
            sum[r][0] = start[0];
            sum[r][1] = start[1];
            sum[r][2] = start[2];
        }
        const float *b = s->b;
        const int64_t step = s->fetchers-- > 0 ? s->ahead_step : 0;
        for (int64_t t = d->t0; t < d->t1; t++) {
            const float *a[TILE_ROWS];
#pragma GCC unroll 16
            for (int r = 0; r < rows; r++)
                a[r] = g->a[t * g->a_stride + row + r];
            /* not unrolled: GCC would spill sums */
            for (int64_t k = d->k0; k < d->k1; k++, b += NR) {
                if (vecs == 2) {
                    __builtin_prefetch(ahead, 0, 2);
                    ahead += step;
                }
                add_term(sum, a, k, b, wide, rows, vecs);
            }
        }
        finish_tile(g, d, row, s, sum, rows, vecs);
    }
    s->ahead = ahead;
}

/*
 * One row: four terms at a time, so that the adders have enough independent sums; memory is the
 * limit here, so the panel is fetched well ahead.
 */
#define ROW_AHEAD 1024 /* floats */

ALWAYS_INLINE void run_row(const gft_gemm_f32_args *g, const depth_block *d, const strip *s,
                           int64_t row, const int vecs) {
    lanes part[4][3];
#pragma GCC unroll 4
    for (int u = 0; u < 4; u++)
        part[u][0] = part[u][1] = lanes_zero();
    start_sums(g, d, s, part[0], vecs);
    const float *b = s->b;
    for (int64_t t = d->t0; t < d->t1; t++) {
        const float *a = g->a[t * g->a_stride + row];
        int64_t k = d->k0;
        for (; k + 4 <= d->k1; k += 4, b += 4 * NR) {
#pragma GCC unroll 8
            for (int i = 0; i < 4 * NR; i += LINE_FLOATS)
                __builtin_prefetch(b + ROW_AHEAD + i, 0, 3);
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
    lanes sum[1][3];
    for (int v = 0; v < 2; v++)
        sum[0][v] = lanes_add(lanes_add(part[0][v], part[1][v]), lanes_add(part[2][v], part[3][v]));
    finish_tile(g, d, row, s, sum, 1, vecs);
}

typedef void tiles_fn(const gft_gemm_f32_args *g, const depth_block *d, strip *s, int64_t row,
                      int64_t count);

#define TILE_BODY_(rows, vecs)                                                                     \
    static void tiles_##rows##_##vecs(const gft_gemm_f32_args *g, const depth_block *d, strip *s,  \
                                      int64_t row, int64_t count) {                                \
        if ((rows) > 1 || (vecs) > 2)                                                              \
            run_tiles(g, d, s, row, count, rows, vecs);                                            \
        for (; (rows) == 1 && (vecs) < 3 && count > 0; count--, row++)                             \
            run_row(g, d, s, row, vecs);                                                           \
    }
#define TILE_BODY(rows) TILE_BODY_(rows, 1) TILE_BODY_(rows, 2)
TILE_EACH(TILE_BODY)
#undef TILE_BODY
#define TILE_BODY(rows) TILE_BODY_(rows, 3)
WIDE_EACH(TILE_BODY)
#undef TILE_BODY
#undef TILE_BODY_

#define TILE_ENTRY(rows) tiles_##rows##_1,
static tiles_fn *const half_tiles[TILE_ROWS + 1] = {0, TILE_EACH(TILE_ENTRY)};
#undef TILE_ENTRY
#define TILE_ENTRY(rows) tiles_##rows##_2,
static tiles_fn *const full_tiles[TILE_ROWS + 1] = {0, TILE_EACH(TILE_ENTRY)};
#undef TILE_ENTRY
#define TILE_ENTRY(rows) tiles_##rows##_3,
static tiles_fn *const wide_tiles[WIDE_ROWS + 1] = {0, WIDE_EACH(TILE_ENTRY)};
#undef TILE_ENTRY

/* All rows of a strip: the first tiles have one row more than the others. */
static void run_strip(const gft_gemm_f32_args *g, const depth_block *d, strip *s,
                      tiles_fn *const *table, int64_t most) {
    int64_t count = (g->rows + most - 1) / most;
    int64_t rows = g->rows / count;
    int64_t large = g->rows - rows * count;
    s->fetchers = count < 4 ? count : 4;
    s->ahead_step = NR / s->fetchers;
    if (large)
        table[rows + 1](g, d, s, 0, large);
    table[rows](g, d, s, large * (rows + 1), count - large);
}

/*
 * Panel by panel, each over all rows. The next panel is fetched by the first tiles, a quarter of it
 * by each (more by each if they are fewer): a line is asked for several times rather than counted.
 */
static void run_block(const gft_gemm_f32_args *g, const depth_block *d) {
    int64_t from = (d->t0 * g->depth + d->k0) * NR;
    for (int64_t col = 0; col < g->cols && g->rows > 0;) {
        strip s = {.col = col, .width = g->cols - col};
        s.b = g->b + col / NR * g->b_panel_stride + from;
        s.ahead = s.width > NR ? s.b + g->b_panel_stride : s.b;
        if (s.width <= LANES) {
            run_strip(g, d, &s, half_tiles, TILE_ROWS);
        } else if (s.width > NR && s.width <= NR + LANES && g->rows > 1) {
            run_strip(g, d, &s, wide_tiles, WIDE_ROWS);
        } else {
            s.width = s.width < NR ? s.width : NR;
            run_strip(g, d, &s, full_tiles, TILE_ROWS);
        }
        col += s.width;
    }
}

static void run_gemm(const gft_gemm_f32_args *g) {
    int64_t depth = g->depth;
    if (g->taps <= 0 || depth <= 0) {
        depth_block none = {0, 0, 0, 0, true, g->lo, g->hi, g->residual};
        run_block(g, &none);
        return;
    }
    /* a single row is streamed through as a whole */
    int64_t longest = g->rows > 1 ? GFT_GEMM_DEPTH_BLOCK : depth * g->taps;
    int64_t pieces = (depth + longest - 1) / longest;     /* of one tap */
    int64_t span = depth < longest ? longest / depth : 1; /* taps of a block */
    for (int64_t t = 0; t < g->taps; t += span) {
        int64_t end = t + span < g->taps ? t + span : g->taps;
        for (int64_t p = 0; p < pieces; p++) {
            bool first = t == 0 && p == 0;
            bool last = end == g->taps && p == pieces - 1;
            depth_block d = {.t0 = t,
                             .t1 = end,
                             .k0 = p * depth / pieces,
                             .k1 = (p + 1) * depth / pieces,
                             .first = first,
                             .lo = last ? g->lo : -INFINITY,
                             .hi = last ? g->hi : INFINITY,
                             .more = first ? g->residual : g->c};
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
