/*
 * Per-channel statistics and normalisation of rows, over the vector layer: the loops of batch and
 * layer normalisation and of their gradients. Columns outside, rows inside for sums (accumulators
 * in registers); rows outside for the rest.
 */
#include "kernels/elementwise.h"
#include "kernels/kernel_table.h"
#include "kernels/vec/vec_math.h"

/* Runs body(load, store) for each vector of columns, the last one masked. */
#define FOR_COLUMNS(body)                                                                          \
    do {                                                                                           \
        int64_t c = 0;                                                                             \
        for (; c + V_LANES <= cols; c += V_LANES)                                                  \
            body(LOAD_ALL, STORE_ALL);                                                             \
        if (c < cols)                                                                              \
            body(LOAD_SOME, STORE_SOME);                                                           \
    } while (0)
#define LOAD_ALL(p) v_load((p) + c)
#define LOAD_SOME(p) v_load_n((p) + c, cols - c)
#define STORE_ALL(p, a) v_store((p) + c, a)
#define STORE_SOME(p, a) v_store_n((p) + c, a, cols - c)

void V_NAME(spread_rows_f32)(const float *x, const float *centre, int64_t rows, int64_t cols,
                             float *acc, float *acc_square) {
#define BODY(LOAD, STORE)                                                                          \
    do {                                                                                           \
        const vec m = LOAD(centre);                                                                \
        vec s = LOAD(acc);                                                                         \
        vec t = LOAD(acc_square);                                                                  \
        for (int64_t r = 0; r < rows; r++) {                                                       \
            const vec d = v_sub(LOAD(x + r * cols), m);                                            \
            s = v_add(s, d);                                                                       \
            t = v_fma(d, d, t);                                                                    \
        }                                                                                          \
        STORE(acc, s);                                                                             \
        STORE(acc_square, t);                                                                      \
    } while (0)
    FOR_COLUMNS(BODY);
#undef BODY
}

void V_NAME(norm_sums_f32)(const float *dy, const float *x, const float *centre, int64_t rows,
                           int64_t cols, float *acc_y, float *acc_xy) {
#define BODY(LOAD, STORE)                                                                          \
    do {                                                                                           \
        const vec m = LOAD(centre);                                                                \
        vec s = LOAD(acc_y);                                                                       \
        vec t = LOAD(acc_xy);                                                                      \
        for (int64_t r = 0; r < rows; r++) {                                                       \
            const vec g = LOAD(dy + r * cols);                                                     \
            s = v_add(s, g);                                                                       \
            t = v_fma(g, v_sub(LOAD(x + r * cols), m), t);                                         \
        }                                                                                          \
        STORE(acc_y, s);                                                                           \
        STORE(acc_xy, t);                                                                          \
    } while (0)
    FOR_COLUMNS(BODY);
#undef BODY
}

void V_NAME(norm_rows_f32)(const float *x, const float *centre, const float *scale,
                           const float *offset, float *y, int64_t rows, int64_t cols) {
#define BODY(LOAD, STORE) STORE(y, v_fma(v_sub(LOAD(x), LOAD(centre)), LOAD(scale), LOAD(offset)))
    for (int64_t r = 0; r < rows; r++, x += cols, y += cols)
        FOR_COLUMNS(BODY);
#undef BODY
}

void V_NAME(norm_grad_rows_f32)(const float *dy, const float *x, const float *centre,
                                const float *a, const float *b, const float *d, float *dx,
                                int64_t rows, int64_t cols) {
#define BODY(LOAD, STORE)                                                                          \
    STORE(dx, v_fma(LOAD(dy), LOAD(a), v_fma(v_sub(LOAD(x), LOAD(centre)), LOAD(b), LOAD(d))))
    for (int64_t r = 0; r < rows; r++, dy += cols, x += cols, dx += cols)
        FOR_COLUMNS(BODY);
#undef BODY
}
