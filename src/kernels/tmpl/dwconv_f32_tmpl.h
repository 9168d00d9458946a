/*
 * The float32 depthwise kernels over registers of LANES floats, written once for AVX2, AVX-512 and
 * NEON.
 *
 * For 1 to 7 taps in a row and stride 1 or 2 a tile of output pixels, where registers allow of two
 * output rows, is summed side by side: each input vector is loaded once for all the taps it meets,
 * each weight once for all pixels. Tiles at the border leave out the columns that are not there.
 * The last tile and the last vector are moved back over what is done already rather than cut.
 * Everything else (dilation, larger strides, fewer channels than a vector has) takes one pixel and
 * up to four vectors of channels at a time.
 */
#include <math.h>
#include <stdbool.h>
#include <stddef.h>

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

/* Which tile: all of it is known when compiled. */
typedef struct dw_tile {
    int pixels, rows, taps, stride;
    bool edge; /* some columns may lie outside */
    bool relu; /* of x, as it is loaded */
} dw_tile;

/* Where the tile lies: its columns of x begin at `at`, from..to-1 of them are inside. */
typedef struct dw_place {
    int64_t at, from, to;
} dw_place;

/*
 * One row of x, which meets row `r0` of the filter for output row 0 and `r1` for output row 1
 * (use0, use1).
 */
ALWAYS_INLINE void add_row(const gft_dwconv_f32_args *g, lanes sum[2][4], const float *x,
                           int64_t r0, int64_t r1, int64_t c, const dw_place *place,
                           const dw_tile k, const bool use0, const bool use1) {
    lanes w0[7];
    lanes w1[7];
#pragma GCC unroll 7
    for (int t = 0; t < k.taps; t++) {
        if (use0)
            w0[t] = lanes_load(g->w_rows[r0] + t * g->w_step + c);
        if (use1)
            w1[t] = lanes_load(g->w_rows[r1] + t * g->w_step + c);
    }
    x += place->at * g->x_step + c;
#pragma GCC unroll 16
    for (int j = 0; j < (k.pixels - 1) * k.stride + k.taps; j++) {
        if (k.edge && (j < place->from || j >= place->to))
            continue;
        lanes value = lanes_load(x + j * g->x_step);
        if (k.relu)
            value = lanes_max(lanes_zero(), value);
#pragma GCC unroll 4
        for (int p = 0; p < k.pixels; p++) {
            const int t = j - p * k.stride;
            if (t < 0 || t >= k.taps)
                continue;
            if (use0)
                sum[0][p] = lanes_fma(value, w0[t], sum[0][p]);
            if (use1)
                sum[1][p] = lanes_fma(value, w1[t], sum[1][p]);
        }
    }
}

/* A tile from output pixel `first` on, channels c..c+LANES-1. */
ALWAYS_INLINE void run_tile(const gft_dwconv_f32_args *g, int64_t first, int64_t c,
                            const dw_place *place, const dw_tile k) {
    lanes sum[2][4];
    const lanes bias = g->bias ? lanes_load(g->bias + c) : lanes_zero();
#pragma GCC unroll 2
    for (int i = 0; i < k.rows; i++)
#pragma GCC unroll 4
        for (int p = 0; p < k.pixels; p++)
            sum[i][p] = bias;
    if (k.rows == 1) {
        for (int64_t r = 0; r < g->taps_h; r++)
            if (g->x_rows[r])
                add_row(g, sum, g->x_rows[r], r, 0, c, place, k, true, false);
    } else {
        int64_t r = 0;
        for (; r < g->row_step; r++)
            if (g->x_rows[r])
                add_row(g, sum, g->x_rows[r], r, 0, c, place, k, true, false);
        for (; r < g->taps_h; r++)
            if (g->x_rows[r])
                add_row(g, sum, g->x_rows[r], r, r - g->row_step, c, place, k, true, true);
        for (; r < g->taps_h + g->row_step; r++)
            if (g->x_rows[r])
                add_row(g, sum, g->x_rows[r], 0, r - g->row_step, c, place, k, false, true);
    }
    const lanes lo = lanes_set(g->lo);
    const lanes hi = lanes_set(g->hi);
#pragma GCC unroll 2
    for (int i = 0; i < k.rows; i++)
#pragma GCC unroll 4
        for (int p = 0; p < k.pixels; p++)
            lanes_store(g->y + i * g->y_row + (first + p) * g->y_stride + c,
                        lanes_clamp(sum[i][p], lo, hi));
}

ALWAYS_INLINE void run_channels(const gft_dwconv_f32_args *g, int64_t first, const dw_place *place,
                                const dw_tile k) {
    int64_t c = 0;
    for (; c + LANES <= g->channels; c += LANES)
        run_tile(g, first, c, place, k);
    if (c < g->channels)
        run_tile(g, first, g->channels - LANES, place, k);
}

/*
 * One tile with its columns that lie inside; those of full tiles in the middle are not looked at
 * one by one.
 */
ALWAYS_INLINE void run_at(const gft_dwconv_f32_args *g, int64_t first, dw_tile k) {
    const int64_t columns = (k.pixels - 1) * k.stride + k.taps;
    dw_place place = {first * k.stride - g->pad, 0, columns};
    k.edge = true;
    if (g->x_width) {
        place.from = place.at < 0 ? -place.at : 0;
        place.to = g->x_width - place.at < columns ? g->x_width - place.at : columns;
    }
    if (k.pixels == 4 && place.from == 0 && place.to == columns) {
        k.edge = false;
        run_channels(g, first, &place, k);
    } else {
        run_channels(g, first, &place, k);
    }
}

/* A row (or two) of outputs as tiles of 4 and 3 pixels. */
ALWAYS_INLINE void run_width(const gft_dwconv_f32_args *g, dw_tile k) {
    int64_t p = 0;
    while (p < g->width) {
        const int64_t left = g->width - p;
        if (left == 4 || left > 6 || left == 5) {
            k.pixels = 4;
        } else if (left >= 3) {
            k.pixels = 3;
        } else {
            k.pixels = 1;
        }
        const int64_t done = k.pixels;
        if (done == 4) {
            k.pixels = 4;
            run_at(g, p, k);
        } else if (done == 3) {
            k.pixels = 3;
            run_at(g, p, k);
        } else {
            k.pixels = 1;
            run_at(g, p, k);
        }
        p += done;
    }
}

ALWAYS_INLINE void run_rows(const gft_dwconv_f32_args *args, dw_tile k, const bool pairs) {
    gft_dwconv_f32_args local = *args; /* stores to y cannot change it */
    if (pairs && local.rows == 2 && local.row_step <= local.taps_h) {
        k.rows = 2;
        run_width(&local, k);
        return;
    }
    k.rows = 1;
    const int64_t rows = local.rows == 2 ? 2 : 1;
    for (int64_t i = 0; i < rows; i++, local.x_rows += local.row_step, local.y += local.y_row)
        run_width(&local, k);
}

typedef void width_fn(const gft_dwconv_f32_args *g);

#define DW_BODY(t, pairs)                                                                          \
    static void width_##t##_1(const gft_dwconv_f32_args *g) {                                      \
        run_rows(g, (dw_tile){.taps = t, .stride = 1}, pairs);                                     \
    }                                                                                              \
    static void width_##t##_2(const gft_dwconv_f32_args *g) {                                      \
        run_rows(g, (dw_tile){.taps = t, .stride = 2}, pairs);                                     \
    }
#define DW_BODY_RELU(t, pairs)                                                                     \
    static void relu_##t##_1(const gft_dwconv_f32_args *g) {                                       \
        run_rows(g, (dw_tile){.taps = t, .stride = 1, .relu = true}, pairs);                       \
    }                                                                                              \
    static void relu_##t##_2(const gft_dwconv_f32_args *g) {                                       \
        run_rows(g, (dw_tile){.taps = t, .stride = 2, .relu = true}, pairs);                       \
    }
DW_BODY(1, false)
DW_BODY(2, false)
DW_BODY(3, true)
DW_BODY(4, false)
DW_BODY(5, DW_WIDE_PAIRS)
DW_BODY(7, DW_WIDE_PAIRS)
DW_BODY_RELU(3, true)
DW_BODY_RELU(5, DW_WIDE_PAIRS)
DW_BODY_RELU(7, DW_WIDE_PAIRS)
#undef DW_BODY
#undef DW_BODY_RELU
static width_fn *const widths[2][8][2] = {{{0, 0},
                                           {width_1_1, width_1_2},
                                           {width_2_1, width_2_2},
                                           {width_3_1, width_3_2},
                                           {width_4_1, width_4_2},
                                           {width_5_1, width_5_2},
                                           {0, 0},
                                           {width_7_1, width_7_2}},
                                          {{0, 0},
                                           {0, 0},
                                           {0, 0},
                                           {relu_3_1, relu_3_2},
                                           {0, 0},
                                           {relu_5_1, relu_5_2},
                                           {0, 0},
                                           {relu_7_1, relu_7_2}}};

/*
 * One pixel, any steps, taps from..to-1 of a row, `vecs` vectors of channels, the last with `left`
 * channels.
 */
ALWAYS_INLINE void run_any(const gft_dwconv_f32_args *g, int64_t pixel, int64_t from, int64_t to,
                           int64_t c, int64_t left, const int vecs) {
    const lanes floor = lanes_set(g->relu ? 0.0f : -INFINITY);
    const int64_t at = pixel * g->x_stride - g->pad * g->x_step + c;
    lanes sum[4];
#pragma GCC unroll 4
    for (int v = 0; v < vecs; v++)
        sum[v] = g->bias ? load_upto(g->bias + c + v * LANES, left) : lanes_zero();
    for (int64_t r = 0; r < g->taps_h; r++) {
        if (!g->x_rows[r])
            continue;
        for (int64_t t = from; t < to; t++) {
            const float *x = g->x_rows[r] + at + t * g->x_step;
            const float *w = g->w_rows[r] + t * g->w_step + c;
#pragma GCC unroll 4
            for (int v = 0; v < vecs; v++)
                sum[v] = lanes_fma(lanes_max(floor, load_upto(x + v * LANES, left)),
                                   load_upto(w + v * LANES, left), sum[v]);
        }
    }
    lanes lo = lanes_set(g->lo);
    lanes hi = lanes_set(g->hi);
#pragma GCC unroll 4
    for (int v = 0; v < vecs; v++)
        store_upto(g->y + pixel * g->y_stride + c + v * LANES, left, lanes_clamp(sum[v], lo, hi));
}

static void run_generic(const gft_dwconv_f32_args *args) {
    gft_dwconv_f32_args local = *args;
    const gft_dwconv_f32_args *g = &local;
    const int64_t rows = args->rows == 2 ? 2 : 1;
    const int64_t stride = g->x_width && g->x_step ? g->x_stride / g->x_step : 0;
    for (int64_t i = 0; i < rows; i++, local.x_rows += local.row_step, local.y += local.y_row) {
        for (int64_t p = 0; p < g->width; p++) {
            int64_t from = 0;
            int64_t to = g->taps_w;
            if (g->x_width) {
                const int64_t at = p * stride - g->pad;
                from = at < 0 ? -at : 0;
                to = g->x_width - at < to ? g->x_width - at : to;
            }
            int64_t c = 0;
            for (; c + 4 * LANES <= g->channels; c += 4 * LANES)
                run_any(g, p, from, to, c, LANES, 4);
            for (; c + LANES <= g->channels; c += LANES)
                run_any(g, p, from, to, c, LANES, 1);
            if (c < g->channels)
                run_any(g, p, from, to, c, g->channels - c, 1);
        }
    }
}

static void run_dwconv(const gft_dwconv_f32_args *g) {
    int stride = g->x_stride == g->x_step ? 1 : g->x_stride == 2 * g->x_step ? 2 : 0;
    width_fn *tiles = NULL;
    if (stride && g->taps_w >= 1 && g->taps_w <= 7 && g->channels >= LANES)
        tiles = widths[g->relu ? 1 : 0][g->taps_w][stride - 1];
    if (tiles)
        tiles(g);
    else
        run_generic(g);
}

/* ---- gradient of the filter: taps sums over the pixels of a row ---- */

ALWAYS_INLINE void grad_taps(const gft_dwconv_grad_f32_args *g, int64_t c, int64_t left,
                             int64_t first, const int taps, const int vecs) {
    lanes sum[4][2];
#pragma GCC unroll 4
    for (int t = 0; t < taps; t++)
        sum[t][0] = sum[t][1] = lanes_zero();
    const float *x = g->x + first * g->x_step + c;
    const float *dy = g->dy + c;
    for (int64_t p = 0; p < g->width; p++, x += g->x_stride, dy += g->dy_stride) {
#pragma GCC unroll 2
        for (int v = 0; v < vecs; v++) {
            lanes d = load_upto(dy + v * LANES, left);
#pragma GCC unroll 4
            for (int t = 0; t < taps; t++)
                sum[t][v] = lanes_fma(load_upto(x + t * g->x_step + v * LANES, left), d, sum[t][v]);
        }
    }
#pragma GCC unroll 4
    for (int t = 0; t < taps; t++) {
#pragma GCC unroll 2
        for (int v = 0; v < vecs; v++) {
            float *dw = g->dw + (first + t) * g->w_step + c + v * LANES;
            store_upto(dw, left, lanes_add(sum[t][v], load_upto(dw, left)));
        }
    }
}

ALWAYS_INLINE void grad_channels(const gft_dwconv_grad_f32_args *g, int64_t first, const int taps) {
    int64_t c = 0;
    for (; c + 2 * LANES <= g->channels; c += 2 * LANES)
        grad_taps(g, c, LANES, first, taps, 2);
    for (; c + LANES <= g->channels; c += LANES)
        grad_taps(g, c, LANES, first, taps, 1);
    if (c < g->channels)
        grad_taps(g, c, g->channels - c, first, taps, 1);
}

static void run_dwconv_grad(const gft_dwconv_grad_f32_args *g) {
    int64_t t = 0;
    for (; g->taps_w - t >= 5 || g->taps_w - t == 3; t += 3)
        grad_channels(g, t, 3);
    for (; g->taps_w - t >= 4; t += 4)
        grad_channels(g, t, 4);
    if (g->taps_w - t == 2)
        grad_channels(g, t, 2);
    else if (g->taps_w - t == 1)
        grad_channels(g, t, 1);
}
