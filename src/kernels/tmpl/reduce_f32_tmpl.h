/*
 * Sums and maxima, over the vector layer: of one run of values, and of rows into one row. The order
 * of additions depends on the length alone. Callers cut long inputs into blocks, so that sums stay
 * short enough for f32.
 */
#include <math.h>

#include "kernels/elementwise.h"
#include "kernels/kernel_table.h"
#include "kernels/vec/vec_math.h"

#define STRIP 4 /* vectors in flight */

float V_NAME(sum_f32)(const float *x, int64_t n) {
    vec s[STRIP] = {v_zero(), v_zero(), v_zero(), v_zero()};
    int64_t i = 0;
    for (; i + STRIP * V_LANES <= n; i += STRIP * V_LANES) {
        for (int k = 0; k < STRIP; k++)
            s[k] = v_add(s[k], v_load(x + i + k * V_LANES));
    }
    for (; i + V_LANES <= n; i += V_LANES)
        s[0] = v_add(s[0], v_load(x + i));
    if (i < n)
        s[1] = v_add(s[1], v_load_n(x + i, n - i));
    return v_hsum(v_add(v_add(s[0], s[1]), v_add(s[2], s[3])));
}

float V_NAME(dot_f32)(const float *a, const float *b, int64_t n) {
    vec s[STRIP] = {v_zero(), v_zero(), v_zero(), v_zero()};
    int64_t i = 0;
    for (; i + STRIP * V_LANES <= n; i += STRIP * V_LANES) {
        for (int k = 0; k < STRIP; k++)
            s[k] = v_fma(v_load(a + i + k * V_LANES), v_load(b + i + k * V_LANES), s[k]);
    }
    for (; i + V_LANES <= n; i += V_LANES)
        s[0] = v_fma(v_load(a + i), v_load(b + i), s[0]);
    if (i < n)
        s[1] = v_fma(v_load_n(a + i, n - i), v_load_n(b + i, n - i), s[1]);
    return v_hsum(v_add(v_add(s[0], s[1]), v_add(s[2], s[3])));
}

float V_NAME(spread_f32)(const float *x, int64_t n, float centre) {
    const vec c = v_set(centre);
    vec s[STRIP] = {v_zero(), v_zero(), v_zero(), v_zero()};
    int64_t i = 0;
    for (; i + STRIP * V_LANES <= n; i += STRIP * V_LANES) {
        for (int k = 0; k < STRIP; k++) {
            const vec d = v_sub(v_load(x + i + k * V_LANES), c);
            s[k] = v_fma(d, d, s[k]);
        }
    }
    for (; i + V_LANES <= n; i += V_LANES) {
        const vec d = v_sub(v_load(x + i), c);
        s[0] = v_fma(d, d, s[0]);
    }
    float sum = v_hsum(v_add(v_add(s[0], s[1]), v_add(s[2], s[3])));
    if (i < n) { /* the empty lanes must not count as (0 - centre)^2 */
        float lanes[V_LANES] = {0.0f};
        const vec d = v_sub(v_load_n(x + i, n - i), c);
        v_store_n(lanes, v_mul(d, d), n - i);
        sum += v_hsum(v_load(lanes));
    }
    return sum;
}

float V_NAME(max_f32)(const float *x, int64_t n) {
    vec m = v_set(-INFINITY);
    int64_t i = 0;
    for (; i + V_LANES <= n; i += V_LANES)
        m = v_max_nan(m, v_load(x + i));
    float lanes[V_LANES];
    v_store(lanes, m);
    float best = -INFINITY;
    for (int k = 0; k < V_LANES; k++)
        best = lanes[k] > best || lanes[k] != lanes[k] ? lanes[k] : best;
    for (; i < n && best == best;
         i++) /* fewer than V_LANES; a maximum has no rounding to keep alike */
        best = x[i] > best || x[i] != x[i] ? x[i] : best;
    return best;
}

/* The accumulators of STRIP vectors of columns stay in registers while the rows go by. */
#define FOLD_ROWS(name, op)                                                                        \
    void V_NAME(name)(const float *x, int64_t rows, int64_t row_stride, int64_t cols,              \
                      float *acc) {                                                                \
        int64_t c = 0;                                                                             \
        for (; c + STRIP * V_LANES <= cols; c += STRIP * V_LANES) {                                \
            vec s[STRIP];                                                                          \
            for (int k = 0; k < STRIP; k++)                                                        \
                s[k] = v_load(acc + c + k * V_LANES);                                              \
            const float *row = x + c;                                                              \
            for (int64_t r = 0; r < rows; r++, row += row_stride) {                                \
                for (int k = 0; k < STRIP; k++)                                                    \
                    s[k] = op(s[k], v_load(row + k * V_LANES));                                    \
            }                                                                                      \
            for (int k = 0; k < STRIP; k++)                                                        \
                v_store(acc + c + k * V_LANES, s[k]);                                              \
        }                                                                                          \
        for (; c + V_LANES <= cols; c += V_LANES) {                                                \
            vec s = v_load(acc + c);                                                               \
            for (int64_t r = 0; r < rows; r++)                                                     \
                s = op(s, v_load(x + r * row_stride + c));                                         \
            v_store(acc + c, s);                                                                   \
        }                                                                                          \
        if (c < cols) {                                                                            \
            vec s = v_load_n(acc + c, cols - c);                                                   \
            for (int64_t r = 0; r < rows; r++)                                                     \
                s = op(s, v_load_n(x + r * row_stride + c, cols - c));                             \
            v_store_n(acc + c, s, cols - c);                                                       \
        }                                                                                          \
    }

FOLD_ROWS(sum_rows_f32, v_add)
FOLD_ROWS(max_rows_f32, v_max_nan)

/* y[c] = op over the cells, then * scale. */
#define POOL(name, op)                                                                             \
    void V_NAME(name)(const float *const *cells, int64_t count, int64_t channels, float scale,     \
                      float *y) {                                                                  \
        const vec f = v_set(scale);                                                                \
        int64_t c = 0;                                                                             \
        for (; c + V_LANES <= channels; c += V_LANES) {                                            \
            vec s = v_load(cells[0] + c);                                                          \
            for (int64_t k = 1; k < count; k++)                                                    \
                s = op(s, v_load(cells[k] + c));                                                   \
            v_store(y + c, v_mul(s, f));                                                           \
        }                                                                                          \
        if (c < channels) {                                                                        \
            vec s = v_load_n(cells[0] + c, channels - c);                                          \
            for (int64_t k = 1; k < count; k++)                                                    \
                s = op(s, v_load_n(cells[k] + c, channels - c));                                   \
            v_store_n(y + c, v_mul(s, f), channels - c);                                           \
        }                                                                                          \
    }

POOL(pool_sum_f32, v_add)
POOL(pool_max_f32, v_max_nan)
