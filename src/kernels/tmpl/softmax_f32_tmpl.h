/*
 * Softmax of one row, over the vector layer: largest value, sum of e^(x - largest), then the
 * quotient. The largest term is 1, so nothing overflows and the sum is never 0. A row with NaN, or
 * of -inf only, gives NaN.
 */
#include <math.h>

#include "kernels/elementwise.h"
#include "kernels/kernel_table.h"
#include "kernels/vec/vec_math.h"

/* Not max_f32 of another file: such files use static helpers only. A NaN anywhere reappears in e^(x
 * - largest). */
static float largest(const float *x, int64_t n) {
    vec m = v_set(-INFINITY);
    int64_t i = 0;
    for (; i + V_LANES <= n; i += V_LANES)
        m = v_max(v_load(x + i), m);
    float best = v_hmax(m);
    for (; i < n; i++)
        best = x[i] > best ? x[i] : best;
    return best;
}

/* Sum over the masked tail: empty lanes would count as e^-centre. */
V_INLINE float tail_sum(vec e, int64_t n) {
    float lanes[V_LANES] = {0.0f};
    v_store_n(lanes, e, n);
    return v_hsum(v_load(lanes));
}

float V_NAME(sum_exp_f32)(const float *x, int64_t n, float centre) {
    const vec m = v_set(centre);
    vec s = v_zero();
    int64_t i = 0;
    for (; i + V_LANES <= n; i += V_LANES)
        s = v_add(s, v_exp(v_sub(v_load(x + i), m)));
    float sum = v_hsum(s);
    if (i < n)
        sum += tail_sum(v_exp(v_sub(v_load_n(x + i, n - i), m)), n - i);
    return sum;
}

void V_NAME(softmax_f32)(const float *x, float *y, int64_t n) {
    const vec m = v_set(largest(x, n));
    vec s = v_zero();
    int64_t i = 0;
    for (; i + V_LANES <= n; i += V_LANES) {
        const vec e = v_exp(v_sub(v_load(x + i), m));
        v_store(y + i, e);
        s = v_add(s, e);
    }
    float sum = v_hsum(s);
    if (i < n) {
        const vec e = v_exp(v_sub(v_load_n(x + i, n - i), m));
        v_store_n(y + i, e, n - i);
        sum += tail_sum(e, n - i);
    }
    const vec total = v_set(sum);
    for (i = 0; i + V_LANES <= n; i += V_LANES)
        v_store(y + i, v_div(v_load(y + i), total));
    if (i < n)
        v_store_n(y + i, v_div(v_load_n(y + i, n - i), total), n - i);
}

void V_NAME(log_softmax_f32)(const float *x, float *y, int64_t n) {
    const float top = largest(x, n);
    const vec m = v_set(top);
    const vec log_sum = v_set(logf(V_NAME(sum_exp_f32)(x, n, top)));
    int64_t i = 0;
    for (; i + V_LANES <= n; i += V_LANES)
        v_store(y + i, v_sub(v_sub(v_load(x + i), m), log_sum));
    if (i < n)
        v_store_n(y + i, v_sub(v_sub(v_load_n(x + i, n - i), m), log_sum), n - i);
}
