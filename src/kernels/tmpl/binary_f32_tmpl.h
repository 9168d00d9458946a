/*
 * Element-wise functions of two inputs, over the vector layer; a step of 0 means one value for all
 * (gft_binary_f32_kernel).
 */
#include "kernels/elementwise.h"
#include "kernels/kernel_table.h"
#include "kernels/vec/vec_math.h"

#define BINARY_LOOP(expression_a, expression_b, tail_a, tail_b, op)                                \
    do {                                                                                           \
        for (; i + V_LANES <= n; i += V_LANES)                                                     \
            v_store(y + i, op(expression_a, expression_b));                                        \
        if (i < n)                                                                                 \
            v_store_n(y + i, op(tail_a, tail_b), n - i);                                           \
    } while (0)

#define BINARY(name, op)                                                                           \
    void V_NAME(name##_f32)(const float *a, int64_t a_step, const float *b, int64_t b_step,        \
                            float *y, int64_t n) {                                                 \
        int64_t i = 0;                                                                             \
        if (n <= 0)                                                                                \
            return;                                                                                \
        const vec a0 = v_set(*a);                                                                  \
        const vec b0 = v_set(*b);                                                                  \
        if (a_step != 0 && b_step != 0)                                                            \
            BINARY_LOOP(v_load(a + i), v_load(b + i), v_load_n(a + i, n - i),                      \
                        v_load_n(b + i, n - i), op);                                               \
        else if (a_step != 0)                                                                      \
            BINARY_LOOP(v_load(a + i), b0, v_load_n(a + i, n - i), b0, op);                        \
        else if (b_step != 0)                                                                      \
            BINARY_LOOP(a0, v_load(b + i), a0, v_load_n(b + i, n - i), op);                        \
        else                                                                                       \
            BINARY_LOOP(a0, b0, a0, b0, op);                                                       \
    }

BINARY(add, v_add)
BINARY(sub, v_sub)
BINARY(mul, v_mul)
BINARY(div, v_div)
BINARY(maximum, v_max_nan)
BINARY(minimum, v_min_nan)
