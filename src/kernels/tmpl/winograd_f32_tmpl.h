/*
 * The transforms of Winograd's convolution over the vector layer, a vector of channels at a time;
 * contracts in kernels/winograd.h. Both are separable: columns first, rows then. Points come in
 * pairs +a, -a, whose results share their even and odd parts.
 */
#include <stdbool.h>

#include "kernels/kernel_table.h"
#include "kernels/vec/vec_math.h"
#include "kernels/winograd.h"

#define WINO_MOST 6
#define WINO_A ((float)GFT_WINOGRAD_A)
#define WINO_B ((float)GFT_WINOGRAD_B)

/* B^T d for F(4x4): six values to six points. */
V_INLINE void points_4(const vec d[6], vec t[6]) {
    const float a2 = WINO_A * WINO_A;
    const float b2 = WINO_B * WINO_B;
    const vec even_a = v_fnma(v_set(b2), d[2], d[4]);
    const vec odd_a = v_fnma(v_set(b2), d[1], d[3]);
    const vec even_b = v_fnma(v_set(a2), d[2], d[4]);
    const vec odd_b = v_fnma(v_set(a2), d[1], d[3]);
    t[0] = v_fma(v_set(a2 * b2), d[0], v_fnma(v_set(a2 + b2), d[2], d[4]));
    t[1] = v_fma(v_set(WINO_A), odd_a, even_a);
    t[2] = v_fnma(v_set(WINO_A), odd_a, even_a);
    t[3] = v_fma(v_set(WINO_B), odd_b, even_b);
    t[4] = v_fnma(v_set(WINO_B), odd_b, even_b);
    t[5] = v_fma(v_set(a2 * b2), d[1], v_fnma(v_set(a2 + b2), d[3], d[5]));
}

/* B^T d for F(2x2). */
V_INLINE void points_2(const vec d[4], vec t[4]) {
    t[0] = v_sub(d[0], d[2]);
    t[1] = v_add(d[1], d[2]);
    t[2] = v_sub(d[2], d[1]);
    t[3] = v_sub(d[3], d[1]);
}

/* A^T s for F(4x4): six points to four results. */
V_INLINE void results_4(const vec s[6], vec y[4]) {
    const float a2 = WINO_A * WINO_A;
    const float b2 = WINO_B * WINO_B;
    const vec even_a = v_add(s[1], s[2]);
    const vec odd_a = v_sub(s[1], s[2]);
    const vec even_b = v_add(s[3], s[4]);
    const vec odd_b = v_sub(s[3], s[4]);
    y[0] = v_add(v_add(s[0], even_a), even_b);
    y[1] = v_fma(v_set(WINO_B), odd_b, v_mul(v_set(WINO_A), odd_a));
    y[2] = v_fma(v_set(b2), even_b, v_mul(v_set(a2), even_a));
    y[3] = v_fma(v_set(b2 * WINO_B), odd_b, v_fma(v_set(a2 * WINO_A), odd_a, s[5]));
}

/* A^T s for F(2x2). */
V_INLINE void results_2(const vec s[4], vec y[2]) {
    y[0] = v_add(v_add(s[0], s[1]), s[2]);
    y[1] = v_add(v_sub(s[1], s[2]), s[3]);
}

V_INLINE vec load_some(const float *p, int64_t n) {
    return n >= V_LANES ? v_load(p) : v_load_n(p, n);
}
V_INLINE void store_some(float *p, vec a, int64_t n) {
    if (n >= V_LANES)
        v_store(p, a);
    else
        v_store_n(p, a, n);
}

/* One vector of `n` channels of a tile of `side` pixels; whole: all of them lie in the picture. */
V_INLINE void input_vector(const gft_winograd_f32_input_args *g, int64_t c, int64_t n,
                           const bool whole, const int side) {
    vec t[WINO_MOST][WINO_MOST];
#pragma GCC unroll 6
    for (int j = 0; j < side; j++) {
        vec d[WINO_MOST];
        vec column[WINO_MOST];
        bool inside = whole || (j >= g->w_first && j < g->w_end);
        int64_t at = g->origin + j * g->pixel_stride + c;
#pragma GCC unroll 6
        for (int i = 0; i < side; i++) {
            if (whole || (inside && i >= g->h_first && i < g->h_end))
                d[i] = load_some(g->x + (at + i * g->row_stride), n);
            else
                d[i] = v_zero();
        }
        if (side == 6)
            points_4(d, column);
        else
            points_2(d, column);
#pragma GCC unroll 6
        for (int i = 0; i < side; i++)
            t[i][j] = column[i];
    }
    float *v = g->v + c;
#pragma GCC unroll 6
    for (int i = 0; i < side; i++) {
        vec row[WINO_MOST];
        if (side == 6)
            points_4(t[i], row);
        else
            points_2(t[i], row);
#pragma GCC unroll 6
        for (int j = 0; j < side; j++, v += g->point_stride)
            store_some(v, row[j], n);
    }
}

V_INLINE void input_tile(const gft_winograd_f32_input_args *g, const int side) {
    const bool whole = g->h_first <= 0 && g->w_first <= 0 && g->h_end >= side && g->w_end >= side;
    int64_t c = 0;
    if (whole)
        for (; c + V_LANES <= g->channels; c += V_LANES)
            input_vector(g, c, V_LANES, true, side);
    else
        for (; c + V_LANES <= g->channels; c += V_LANES)
            input_vector(g, c, V_LANES, false, side);
    if (c < g->channels)
        input_vector(g, c, g->channels - c, false, side);
}

/* One vector of `n` channels of a tile of m x m results. */
V_INLINE void output_vector(const gft_winograd_f32_output_args *g, int64_t c, int64_t n,
                            const bool whole, const int m) {
    const int side = m + 2;
    const vec lo = v_set(g->lo);
    const vec hi = v_set(g->hi);
    const vec bias = g->bias ? load_some(g->bias + c, n) : v_zero();
    vec t[WINO_MOST - 2][WINO_MOST];
#pragma GCC unroll 6
    for (int j = 0; j < side; j++) {
        vec s[WINO_MOST];
        vec column[WINO_MOST];
        const float *p = g->s + j * g->point_stride + c;
#pragma GCC unroll 6
        for (int i = 0; i < side; i++, p += side * g->point_stride)
            s[i] = load_some(p, n);
        if (m == 4)
            results_4(s, column);
        else
            results_2(s, column);
#pragma GCC unroll 6
        for (int i = 0; i < m; i++)
            t[i][j] = column[i];
    }
#pragma GCC unroll 4
    for (int i = 0; i < m; i++) {
        vec row[WINO_MOST];
        if (!whole && i >= g->rows)
            break;
        if (m == 4)
            results_4(t[i], row);
        else
            results_2(t[i], row);
#pragma GCC unroll 4
        for (int j = 0; j < m; j++) {
            if (!whole && j >= g->cols)
                break;
            int64_t at = i * g->row_stride + j * g->pixel_stride + c;
            vec y = v_add(row[j], bias);
            if (g->residual)
                y = v_add(y, load_some(g->residual + at, n));
            /* the value is the second operand, so that NaN passes */
            store_some(g->y + at, v_min(hi, v_max(lo, y)), n);
        }
    }
}

V_INLINE void output_tile(const gft_winograd_f32_output_args *g, const int m) {
    int64_t c = 0;
    if (g->rows >= m && g->cols >= m)
        for (; c + V_LANES <= g->channels; c += V_LANES)
            output_vector(g, c, V_LANES, true, m);
    else
        for (; c + V_LANES <= g->channels; c += V_LANES)
            output_vector(g, c, V_LANES, false, m);
    if (c < g->channels)
        output_vector(g, c, g->channels - c, false, m);
}

/* ---- products ---- */

/* Rows of a register tile: as many as leave registers for two vectors of U and one of V. */
#if V_LANES == 1
#define WINO_ROWS 4
#define WINO_EACH(X) X(1) X(2) X(3) X(4)
#elif V_LANES == 8
#define WINO_ROWS 6
#define WINO_EACH(X) X(1) X(2) X(3) X(4) X(5) X(6)
#else
#define WINO_ROWS 12
#define WINO_EACH(X) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12)
#endif
#define WINO_NR (2 * V_LANES)

/*
 * `rows` tiles by one panel. next: panel to ask for, one row in two steps from `next` on (so that a
 * tile asks for half a panel); NULL: none.
 */
V_INLINE void product_tile(const float *v, int64_t v_row, const float *u, int64_t depth,
                           const float *next, float *s, int64_t s_row, const int rows) {
    vec sum[WINO_ROWS][2];
    const float *a[WINO_ROWS];
#pragma GCC unroll 12
    for (int r = 0; r < rows; r++) {
        a[r] = v + r * v_row;
        sum[r][0] = sum[r][1] = v_zero();
    }
#define WINO_STEP(k, row)                                                                          \
    do {                                                                                           \
        const vec b0 = v_load(row);                                                                \
        const vec b1 = v_load((row) + V_LANES);                                                    \
        _Pragma("GCC unroll 12") for (int r = 0; r < rows; r++) {                                  \
            const vec x = v_set(a[r][k]);                                                          \
            sum[r][0] = v_fma(x, b0, sum[r][0]);                                                   \
            sum[r][1] = v_fma(x, b1, sum[r][1]);                                                   \
        }                                                                                          \
    } while (0)
    int64_t k = 0;
    for (; k + 2 <= depth; k += 2, u += 2 * WINO_NR, next += WINO_NR) {
        __builtin_prefetch(next, 0, 3);
        WINO_STEP(k, u);
        WINO_STEP(k + 1, u + WINO_NR);
    }
    if (k < depth)
        WINO_STEP(k, u);
#undef WINO_STEP
#pragma GCC unroll 12
    for (int r = 0; r < rows; r++, s += s_row) {
        v_store(s, sum[r][0]);
        v_store(s + V_LANES, sum[r][1]);
    }
}

#include "kernels/tmpl/winograd_filter_tmpl.h"

typedef void product_fn(const float *v, int64_t v_row, const float *u, int64_t depth,
                        const float *next, float *s, int64_t s_row);
#define WINO_BODY(rows)                                                                            \
    static void product_##rows(const float *v, int64_t v_row, const float *u, int64_t depth,       \
                               const float *next, float *s, int64_t s_row) {                       \
        product_tile(v, v_row, u, depth, next, s, s_row, rows);                                    \
    }
WINO_EACH(WINO_BODY)
#define WINO_ENTRY(rows) product_##rows,
static product_fn *const product_tiles[WINO_ROWS + 1] = {0, WINO_EACH(WINO_ENTRY)};

static void winograd_product(const gft_winograd_f32_product_args *g) {
    const int64_t count = (g->rows + WINO_ROWS - 1) / WINO_ROWS;
    const int64_t panel_floats = g->depth * WINO_NR;
    const float *u = g->u;
    for (int64_t panel = 0; panel < g->panels; panel++, u += panel_floats) {
        const float *next = panel + 1 < g->panels ? u + panel_floats : g->next;
        int64_t row = 0;
        for (int64_t i = 0; i < count; i++) {
            const int64_t end = (i + 1) * g->rows / count; /* shared out evenly */
            /* the first two tiles ask for one half each; what others ask for is at hand */
            const float *half = !next ? u : i == 1 ? next + panel_floats / 2 : next;
            product_tiles[end - row](g->v + row * g->v_row, g->v_row, u, g->depth, half,
                                     g->s + row * g->s_row + panel * WINO_NR, g->s_row);
            row = end;
        }
    }
}

static void winograd_input_2(const gft_winograd_f32_input_args *args) {
    input_tile(args, 4);
}
static void winograd_input_4(const gft_winograd_f32_input_args *args) {
    input_tile(args, 6);
}
static void winograd_output_2(const gft_winograd_f32_output_args *args) {
    output_tile(args, 2);
}
static void winograd_output_4(const gft_winograd_f32_output_args *args) {
    output_tile(args, 4);
}

const struct gft_winograd_f32_kernels V_NAME(winograd_f32) = {
    WINO_NR,          winograd_product, winograd_filter_2, winograd_filter_4,
    winograd_input_2, winograd_input_4, winograd_output_2, winograd_output_4};
