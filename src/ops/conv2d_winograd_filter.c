/*
 * Filters of the Winograd convolution: U = G g G^T, in double because it is done once, straight
 * into the packed panels of the matrix products.
 */
#include <string.h>

#include "base/size.h"
#include "kernels/winograd.h"
#include "ops/conv2d_winograd.h"

#define MOST_NR 64 /* columns of a panel */
#define MOST_SIDE 6

typedef double panel_row[MOST_NR];

/*
 * G g: three rows of values to m + 2 points, which lie `step` rows apart. Row p of G is
 * (1, p, p^2) / product of the distances to the other points; the point at infinity takes the last
 * value alone.
 */
static void points_of(const double *g0, const double *g1, const double *g2, int64_t nr, int32_t m,
                      panel_row *t, int64_t step) {
    const double a = m == 4 ? GFT_WINOGRAD_A : 1.0;
    const double b = GFT_WINOGRAD_B;
    const double a2 = a * a;
    const double b2 = b * b;
    const double at_zero = m == 4 ? 1.0 / (a2 * b2) : 1.0;
    const double at_a = m == 4 ? 1.0 / (2.0 * a2 * (a2 - b2)) : 0.5;
    const double at_b = 1.0 / (2.0 * b2 * (b2 - a2));
    for (int64_t j = 0; j < nr; j++) {
        double even = (g0[j] + a2 * g2[j]) * at_a;
        double odd = a * at_a * g1[j];
        t[0][j] = g0[j] * at_zero;
        t[step][j] = even + odd;
        t[2 * step][j] = even - odd;
        t[(m + 1) * step][j] = g2[j];
    }
    for (int64_t j = 0; j < nr && m == 4; j++) {
        double even = (g0[j] + b2 * g2[j]) * at_b;
        double odd = b * at_b * g1[j];
        t[3 * step][j] = even + odd;
        t[4 * step][j] = even - odd;
    }
}

/* Taps of one input channel and up to nr filters; columns past the last are zeros. */
static void load_taps(const float *filter, int64_t c, int64_t oc, bool flip, int64_t channel,
                      int64_t col, int64_t cols, panel_row g[9]) {
    for (int tap = 0; tap < 9; tap++) {
        double *row = g[tap];
        const float *from = filter + (flip ? 8 - tap : tap) * c * oc;
        for (int64_t j = 0; j < cols; j++)
            row[j] = (double)(flip ? from[(col + j) * c + channel] : from[channel * oc + col + j]);
    }
}

void gft_winograd_filter(const float *filter, int64_t c, int64_t oc, int32_t m, bool flip,
                         int64_t nr, int64_t first_panel, int64_t panels, float *u) {
    const int32_t side = m + 2;
    const int64_t matrix = gft_gemm_panels(oc, nr) * c * nr;
    panel_row g[9];
    panel_row t[MOST_SIDE * 3]; /* side rows of three columns */
    panel_row point[MOST_SIDE];
    for (int64_t panel = first_panel; panel < first_panel + panels; panel++) {
        int64_t cols = gft_i64_min(oc - panel * nr, nr);
        memset(g, 0, sizeof g);
        for (int64_t channel = 0; channel < c; channel++) {
            load_taps(filter, c, oc, flip, channel, panel * nr, cols, g);
            for (int k = 0; k < 3; k++)
                points_of(g[k], g[3 + k], g[6 + k], nr, m, t + k, 3);
            float *out = u + (panel * c + channel) * nr;
            for (int64_t i = 0; i < side; i++) {
                points_of(t[3 * i], t[3 * i + 1], t[3 * i + 2], nr, m, point, 1);
                for (int64_t j = 0; j < side; j++, out += matrix)
                    for (int64_t n = 0; n < nr; n++)
                        out[n] = (float)point[j][n];
            }
        }
    }
}
