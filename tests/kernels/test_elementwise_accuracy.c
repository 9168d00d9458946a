/*
 * Error of exp, sigmoid, tanh and silu against the C library in double, in units in the last place,
 * over every STEP-th float of either sign (GFT_ACCURACY_STEP=1 takes all of them). The bounds are
 * those that kernels/vec/vec_math.h states.
 */
#include <stdio.h>

#include "cmocka_all.h"
#include "kernels/kernel_table.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK 4096
#define STEP 1009

static double f_sigmoid(double x) {
    return x < 0.0 ? exp(x) / (1.0 + exp(x)) : 1.0 / (1.0 + exp(-x));
}

static double f_silu(double x) {
    return x * f_sigmoid(x);
}

static double ulp_of(double v) {
    int exponent;
    frexp(v, &exponent);
    return ldexp(1.0, exponent < -125 ? -149 : exponent - 24);
}

static uint32_t step(void) {
    const char *text = getenv("GFT_ACCURACY_STEP");
    long value = text ? strtol(text, NULL, 10) : STEP;
    return value > 0 ? (uint32_t)value : STEP;
}

/*
 * Largest error of the kernel over the floats; results that leave float's range must do so as
 * rounding would.
 */
static double worst(gft_unary_f32_kernel *fn, double (*f)(double), double least, float *where) {
    double largest = 0.0;
    uint64_t bits = 0;
    while (bits <= UINT32_MAX) {
        float x[BLOCK];
        float y[BLOCK];
        int n = 0;
        for (; n < BLOCK && bits <= UINT32_MAX; bits += step()) {
            uint32_t word = (uint32_t)bits;
            float v;
            memcpy(&v, &word, sizeof v);
            if (isfinite(v))
                x[n++] = v;
        }
        fn(x, y, n, 0.0f);
        for (int i = 0; i < n; i++) {
            double want = f((double)x[i]);
            double error;
            if (fabs(want) > (double)FLT_MAX)
                error = isinf(y[i]) || fabs(want) < (double)FLT_MAX * (1.0 + 1e-7) ? 0.0 : INFINITY;
            else
                error = fabs((double)y[i] - want) / ulp_of(fmax(fabs(want), least));
            if (!(error <= largest)) {
                largest = error;
                *where = x[i];
            }
        }
    }
    return largest;
}

/* least: smaller results are measured in units of this one. */
static void check(const char *name, gft_unary_f32_kernel *fn, double (*f)(double), double least,
                  double bound, uint32_t flags) {
    float where = 0.0f;
    double error = worst(fn, f, least, &where);
    print_message("%s at %s: %.3f ulp at %.9g\n", name, gft_cpu_level_name(flags), error,
                  (double)where);
    if (!(error <= bound))
        fail_msg("%s: %.3f ulp at %.9g, expected at most %.1f", name, error, (double)where, bound);
}

static void test_error(void **state) {
    (void)state;
    const uint32_t levels[] = {0, GFT_CPU_AVX2, GFT_CPU_AVX2 | GFT_CPU_AVX512, GFT_CPU_NEON};
    for (int i = 0; i < 4; i++) {
        if ((gft_cpu_flags() & levels[i]) != levels[i])
            continue;
        gft_kernel_table table;
        gft_kernels_fill(&table, levels[i]);
        check("exp", table.exp_f32, exp, 0.0, 1.0, levels[i]);
        check("sigmoid", table.sigmoid_f32, f_sigmoid, 0x1p-101, 2.5, levels[i]);
        check("tanh", table.tanh_f32, tanh, 0.0, 2.0, levels[i]);
        check("silu", table.silu_f32, f_silu, 0x1p-94, 3.5, levels[i]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_error)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
