/*
 * Element-wise functions of one input and their derivatives, over the vector layer. The last vector
 * may be partial: it is masked, not done by a scalar tail, so an element's value does not depend on
 * its place.
 *
 * Derivatives get the input x or the output y of the function, as the op in src/ops says: x for
 * relu, relu6, leaky_relu, silu, hard_sigmoid, hard_swish; y for sigmoid and tanh.
 */
#include "kernels/elementwise.h"
#include "kernels/kernel_table.h"
#include "kernels/vec/vec_math.h"

#define UNARY(symbol, op)                                                                          \
    void V_NAME(symbol##_f32)(const float *x, float *y, int64_t n, float alpha) {                  \
        const vec a = v_set(alpha);                                                                \
        int64_t i = 0;                                                                             \
        for (; i + V_LANES <= n; i += V_LANES)                                                     \
            v_store(y + i, op(v_load(x + i), a));                                                  \
        if (i < n)                                                                                 \
            v_store_n(y + i, op(v_load_n(x + i, n - i), a), n - i);                                \
    }

#define UNARY_GRAD(symbol, op)                                                                     \
    void V_NAME(symbol##_grad_f32)(const float *dy, const float *r, float *dx, int64_t n,          \
                                   float alpha) {                                                  \
        const vec a = v_set(alpha);                                                                \
        int64_t i = 0;                                                                             \
        for (; i + V_LANES <= n; i += V_LANES)                                                     \
            v_store(dx + i, op##_grad(v_load(dy + i), v_load(r + i), a));                          \
        if (i < n) {                                                                               \
            const int64_t left = n - i;                                                            \
            v_store_n(dx + i, op##_grad(v_load_n(dy + i, left), v_load_n(r + i, left), a), left);  \
        }                                                                                          \
    }

/* Constants come first in min and max, so that a NaN in x is what comes out. */

V_INLINE vec relu(vec x, vec a) {
    (void)a;
    return v_max(v_zero(), x);
}
V_INLINE vec relu_grad(vec dy, vec x, vec a) {
    (void)a;
    return v_select(v_gt(x, v_zero()), dy, v_zero());
}

V_INLINE vec relu6(vec x, vec a) {
    (void)a;
    return v_min(v_set(6.0f), v_max(v_zero(), x));
}
V_INLINE vec relu6_grad(vec dy, vec x, vec a) {
    (void)a;
    return v_select(v_gt(x, v_zero()), v_select(v_lt(x, v_set(6.0f)), dy, v_zero()), v_zero());
}

V_INLINE vec leaky_relu(vec x, vec a) {
    return v_select(v_gt(x, v_zero()), x, v_mul(x, a));
}
V_INLINE vec leaky_relu_grad(vec dy, vec x, vec a) {
    return v_select(v_gt(x, v_zero()), dy, v_mul(dy, a));
}

V_INLINE vec sigmoid(vec x, vec a) {
    (void)a;
    return v_sigmoid(x);
}
V_INLINE vec sigmoid_grad(vec dy, vec y, vec a) {
    (void)a;
    return v_mul(v_mul(dy, y), v_sub(v_set(1.0f), y));
}

V_INLINE vec tangent(vec x, vec a) {
    (void)a;
    return v_tanh(x);
}
V_INLINE vec tangent_grad(vec dy, vec y, vec a) {
    (void)a;
    return v_mul(dy, v_fnma(y, y, v_set(1.0f)));
}

V_INLINE vec silu(vec x, vec a) {
    (void)a;
    return v_silu(x);
}
V_INLINE vec silu_grad(vec dy, vec x, vec a) {
    (void)a;
    const vec s = v_sigmoid(x);
    const vec slope = v_fma(v_mul(x, s), v_sub(v_set(1.0f), s), s);
    return v_mul(dy, slope);
}

/* Keras 3: relu6(x + 3) / 6. */
V_INLINE vec hard_sigmoid(vec x, vec a) {
    (void)a;
    const vec t = v_min(v_set(6.0f), v_max(v_zero(), v_add(v_set(3.0f), x)));
    return v_mul(t, v_set(1.0f / 6.0f));
}
V_INLINE vec hard_sigmoid_grad(vec dy, vec x, vec a) {
    (void)a;
    return v_select(v_lt(v_abs(x), v_set(3.0f)), v_mul(dy, v_set(1.0f / 6.0f)), v_zero());
}

V_INLINE vec hard_swish(vec x, vec a) {
    return v_mul(x, hard_sigmoid(x, a));
}
V_INLINE vec hard_swish_grad(vec dy, vec x, vec a) {
    (void)a;
    const vec inner = v_fma(x, v_set(1.0f / 3.0f), v_set(0.5f));
    const vec high = v_select(v_lt(x, v_set(3.0f)), inner, v_set(1.0f));
    return v_select(v_gt(x, v_set(-3.0f)), v_mul(dy, high), v_zero());
}

V_INLINE vec exponential(vec x, vec a) {
    (void)a;
    return v_exp(x);
}
V_INLINE vec neg(vec x, vec a) {
    (void)a;
    return v_neg(x);
}
V_INLINE vec square_root(vec x, vec a) {
    (void)a;
    return v_sqrt(x);
}
V_INLINE vec rsqrt(vec x, vec a) {
    (void)a;
    return v_div(v_set(1.0f), v_sqrt(x));
}
V_INLINE vec square(vec x, vec a) {
    (void)a;
    return v_mul(x, x);
}

UNARY(relu, relu)
UNARY(relu6, relu6)
UNARY(leaky_relu, leaky_relu)
UNARY(sigmoid, sigmoid)
UNARY(silu, silu)
UNARY(hard_sigmoid, hard_sigmoid)
UNARY(hard_swish, hard_swish)
UNARY(neg, neg)
UNARY(rsqrt, rsqrt)
UNARY(square, square)
UNARY(exp, exponential)
UNARY(sqrt, square_root)
UNARY(tanh, tangent)
UNARY_GRAD(relu, relu)
UNARY_GRAD(relu6, relu6)
UNARY_GRAD(leaky_relu, leaky_relu)
UNARY_GRAD(sigmoid, sigmoid)
UNARY_GRAD(silu, silu)
UNARY_GRAD(hard_sigmoid, hard_sigmoid)
UNARY_GRAD(hard_swish, hard_swish)
UNARY_GRAD(tanh, tangent)
