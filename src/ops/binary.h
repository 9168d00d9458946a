/*
 * What element-wise ops of two inputs share: NumPy broadcasting up to rank 8, float32 by kernels,
 * int32 and int64 (shape arithmetic) by plain loops.
 */
#ifndef GFT_OPS_BINARY_H
#define GFT_OPS_BINARY_H

#include "graph/op.h"
#include "kernels/elementwise.h"

/*
 * y[i] = a[i * a_step] op b[i * b_step] for n elements; a step is 0 (one value for all) or 1,
 * except along dimensions that could not be merged. Types are those the op was prepared for.
 */
typedef void gft_binary_loop(const void *a, int64_t a_step, const void *b, int64_t b_step, void *y,
                             int64_t n);

/** Both inputs float32, int32 or int64, the result alike; shapes broadcast. */
graft_status gft_binary_infer(const gft_infer *in, graft_error *err);
/** Input 1 is of the type of input 0 and their shapes broadcast: the result's, of type `dtype`. */
graft_status gft_binary_infer_shape(const gft_infer *in, graft_dtype dtype, graft_error *err);
/** One of the two functions: f32 is taken when it is there and the inputs are float32. */
graft_status gft_binary_prepare(gft_prepare *prepare, gft_binary_f32_kernel *f32,
                                gft_binary_loop *loop, graft_error *err);
void gft_binary_run(const gft_exec *exec);

/* name_s32 and name_s64: loops from an expression of p and q, and of up and uq, which wrap. */
#define GFT_BINARY_INTEGER_LOOP(name, type, utype, expression)                                     \
    static void name(const void *av, int64_t a_step, const void *bv, int64_t b_step, void *yv,     \
                     int64_t n) {                                                                  \
        const type *a = av;                                                                        \
        const type *b = bv;                                                                        \
        type *y = yv;                                                                              \
        for (int64_t i = 0; i < n; i++) {                                                          \
            const type p = a[i * a_step];                                                          \
            const type q = b[i * b_step];                                                          \
            const utype up = (utype)p;                                                             \
            const utype uq = (utype)q;                                                             \
            (void)up;                                                                              \
            (void)uq;                                                                              \
            y[i] = (type)(expression);                                                             \
        }                                                                                          \
    }
#define GFT_BINARY_INTEGERS(name, expression)                                                      \
    GFT_BINARY_INTEGER_LOOP(name##_s32, int32_t, uint32_t, expression)                             \
    GFT_BINARY_INTEGER_LOOP(name##_s64, int64_t, uint64_t, expression)

#endif
