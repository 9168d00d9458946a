/*
 * Filters of the Winograd convolution: U = G g G^T, straight into the packed panels of the
 * products. In double, rounded once: plain loops over the columns of a panel, which the compiler
 * turns into vectors at each CPU level. Included by winograd_f32_tmpl.h, which gives WINO_NR and
 * WINO_MOST.
 */
#include <string.h>

typedef double panel_row[WINO_NR];

/*
 * G g: three rows of values to m + 2 points, which lie `step` rows apart. Row p of G is
 * (1, p, p^2) / product of the distances to the other points; the point at infinity takes the last
 * value alone.
 */
V_INLINE void filter_points(const double *g0, const double *g1, const double *g2, const int m,
                            panel_row *t, const int step) {
    const double a = m == 4 ? GFT_WINOGRAD_A : 1.0;
    const double b = GFT_WINOGRAD_B;
    const double a2 = a * a;
    const double b2 = b * b;
    const double at_zero = m == 4 ? 1.0 / (a2 * b2) : 1.0;
    const double at_a = m == 4 ? 1.0 / (2.0 * a2 * (a2 - b2)) : 0.5;
    const double at_b = 1.0 / (2.0 * b2 * (b2 - a2));
    for (int j = 0; j < WINO_NR; j++) {
        const double even = (g0[j] + a2 * g2[j]) * at_a;
        const double odd = a * at_a * g1[j];
        t[0][j] = g0[j] * at_zero;
        t[step][j] = even + odd;
        t[2 * step][j] = even - odd;
        t[(m + 1) * step][j] = g2[j];
    }
    if (m != 4)
        return;
    for (int j = 0; j < WINO_NR; j++) {
        const double even = (g0[j] + b2 * g2[j]) * at_b;
        const double odd = b * at_b * g1[j];
        t[3 * step][j] = even + odd;
        t[4 * step][j] = even - odd;
    }
}

/* Taps of one input channel and the filters of a panel; columns past the last stay zeros. */
V_INLINE void filter_taps(const gft_winograd_f32_filter_args *g, int64_t channel, int64_t col,
                          int64_t cols, panel_row taps[9]) {
    for (int tap = 0; tap < 9; tap++) {
        const float *from = g->filter + (g->flip ? 8 - tap : tap) * g->c * g->oc;
        const int64_t step = g->flip ? g->c : 1;
        from += g->flip ? col * g->c + channel : channel * g->oc + col;
        if (cols == WINO_NR && step == 1)
            for (int j = 0; j < WINO_NR; j++)
                taps[tap][j] = (double)from[j];
        else
            for (int64_t j = 0; j < cols; j++)
                taps[tap][j] = (double)from[j * step];
    }
}

V_INLINE void filter_panel(const gft_winograd_f32_filter_args *g, const int m) {
    panel_row taps[9];
    panel_row t[WINO_MOST * 3]; /* rows of three columns */
    panel_row point[WINO_MOST];
    const int64_t col = g->panel * WINO_NR;
    const int64_t cols = g->oc - col < WINO_NR ? g->oc - col : WINO_NR;
    const int64_t matrix = (g->oc + WINO_NR - 1) / WINO_NR * g->c * WINO_NR;
    memset(taps, 0, sizeof taps);
    for (int64_t channel = 0; channel < g->c; channel++) {
        filter_taps(g, channel, col, cols, taps);
        for (int k = 0; k < 3; k++)
            filter_points(taps[k], taps[3 + k], taps[6 + k], m, t + k, 3);
        float *out = g->u + (g->panel * g->c + channel) * WINO_NR;
        for (int i = 0; i < m + 2; i++) {
            filter_points(t[3 * i], t[3 * i + 1], t[3 * i + 2], m, point, 1);
            for (int j = 0; j < m + 2; j++, out += matrix)
                for (int n = 0; n < WINO_NR; n++)
                    out[n] = (float)point[j][n];
        }
    }
}

static void winograd_filter_2(const gft_winograd_f32_filter_args *args) {
    filter_panel(args, 2);
}
static void winograd_filter_4(const gft_winograd_f32_filter_args *args) {
    filter_panel(args, 4);
}
