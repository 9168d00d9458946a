/*
 * Functions made of the vector layer; include after one of the vec_<cpu>.h files. Largest error
 * against the double value, in units in the last place: exp 1, tanh 2, sigmoid 2.5 and silu 3.5
 * (tests/kernels/test_elementwise_accuracy); sigmoid and silu are 0 for
 * x < -88.4.
 *
 * NaN goes through everywhere. exp overflows to infinity and underflows gradually like the real
 * one.
 */
#ifndef GFT_KERNELS_VEC_MATH_H
#define GFT_KERNELS_VEC_MATH_H

#define V_PASTE_(op, cpu) gft_##op##_##cpu
#define V_PASTE(op, cpu) V_PASTE_(op, cpu)
/* The symbol of a kernel at the level of the included vec file. */
#define V_NAME(op) V_PASTE(op, V_CPU)

/*
 * 1.5 * 2^23 + 127: rounds a small number that is added to it, and leaves the exponent of its power
 * of two behind.
 */
#define V_POWER_BIAS 12583039.0f

/* Larger of both, NaN if either is. */
V_INLINE vec v_max_nan(vec a, vec b) {
    return v_select(v_nan(a), a, v_max(a, b));
}
V_INLINE vec v_min_nan(vec a, vec b) {
    return v_select(v_nan(a), a, v_min(a, b));
}

/*
 * e^x: x = k ln2 + r with ln2 in two parts, the first short enough for k times it to be exact; then
 * 1 + r + r^2 q(r) with q minimax of degree 4 on |r| <= ln2 / 2; then times 2^k in two steps so
 * that results near both ends stay right.
 */
V_INLINE vec v_exp(vec x) {
    const vec clamped = v_max(v_set(-104.0f), v_min(v_set(89.0f), x)); /* NaN stays */
    const vec k = v_round(v_mul(clamped, v_set(1.44269504f)));
    const vec r = v_fnma(k, v_set(-2.12194440e-4f), v_fnma(k, v_set(0.693359375f), clamped));
    vec q = v_set(0.0013814590638503432f);
    q = v_fma(q, r, v_set(0.0083687175065279f));
    q = v_fma(q, r, v_set(0.04166838899254799f));
    q = v_fma(q, r, v_set(0.1666652113199234f));
    q = v_fma(q, r, v_set(0.4999999403953552f));
    const vec e = v_add(v_fma(v_mul(r, r), q, r), v_set(1.0f));
    const vec first = v_round(v_mul(k, v_set(0.5f)));
    const vec y = v_scale(v_scale(e, first), v_sub(k, first));
    return v_select(v_nan(x), x, y);
}

/*
 * 1 + e^-x as sigmoid and silu divide by it; infinite for x < -88.4. k is rounded and turned into a
 * power of two inside one float, with no conversions and no steps for results at the end of the
 * range.
 */
V_INLINE vec v_one_plus_exp_minus(vec x) {
    const vec clamped = v_max(v_set(-89.0f), v_min(v_set(87.0f), x)); /* NaN stays */
    const vec biased = v_fma(clamped, v_set(-1.44269504f), v_set(V_POWER_BIAS));
    const vec k = v_sub(biased, v_set(V_POWER_BIAS));
    const vec r =
        v_fma(k, v_set(-2.12194440e-4f), v_fma(k, v_set(0.693359375f), clamped)); /* e^-r 2^k */
    vec q = v_set(0.0013814590638503432f);
    q = v_fma(q, r, v_set(-0.0083687175065279f));
    q = v_fma(q, r, v_set(0.04166838899254799f));
    q = v_fma(q, r, v_set(-0.1666652113199234f));
    q = v_fma(q, r, v_set(0.4999999403953552f));
    q = v_fma(q, r, v_set(-1.0f));
    q = v_fma(q, r, v_set(1.0f));
    return v_fma(q, v_power(biased), v_set(1.0f));
}

V_INLINE vec v_sigmoid(vec x) {
    return v_div(v_set(1.0f), v_one_plus_exp_minus(x));
}

V_INLINE vec v_silu(vec x) {
    return v_div(x, v_one_plus_exp_minus(x));
}

/* Below 0.625 an odd polynomial, above 1 - 2 / (e^2|x| + 1). */
V_INLINE vec v_tanh(vec x) {
    const vec a = v_abs(x);
    const vec z = v_mul(x, x);
    vec p = v_set(-0.005704953335225582f);
    p = v_fma(p, z, v_set(0.020639054477214813f));
    p = v_fma(p, z, v_set(-0.05373970419168472f));
    p = v_fma(p, z, v_set(0.13331441581249237f));
    p = v_fma(p, z, v_set(-0.3333328068256378f));
    const vec small = v_fma(v_mul(p, z), x, x);
    const vec e = v_exp(v_add(a, a));
    const vec big = v_sub(v_set(1.0f), v_div(v_set(2.0f), v_add(e, v_set(1.0f))));
    return v_select(v_lt(a, v_set(0.625f)), small, v_copysign(big, x));
}

#endif
