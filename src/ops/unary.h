/*
 * What element-wise ops of one float32 input share. A new activation is one file like this (and its
 * lines in op_list.h):
 *
 *     static void squareplus(const float *x, float *y, int64_t n, float alpha) { ... }
 *     static void squareplus_grad(const float *dy, const float *r, float *dx, int64_t n,
 *                                 float alpha) { ... }
 *     GFT_ACTIVATION(squareplus, squareplus, squareplus_grad, GFT_GRAD_FROM_INPUT)
 *
 * It defines gft_op_squareplus, gft_op_squareplus_grad and gft_grad_squareplus, and may become an
 * epilogue at once. Where the kernel table has <name>_f32 and <name>_grad_f32,
 * GFT_ACTIVATION_KERNELS takes those.
 */
#ifndef GFT_OPS_UNARY_H
#define GFT_OPS_UNARY_H

#include "graph/autodiff.h"
#include "graph/op.h"
#include "kernels/kernel_table.h"
#include "ops/gradients.h"
#include "ops/infer_check.h"
#include "ops/ops.h"

/* dx[i] = dy[i] * f'; r is the input or the output of f. */
typedef void (*gft_unary_grad_f32_fn)(const float *dy, const float *r, float *dx, int64_t n,
                                      float alpha);

/* What the derivative is made from. The output is cheaper to keep where both would do. */
typedef enum gft_grad_from { GFT_GRAD_FROM_INPUT, GFT_GRAD_FROM_OUTPUT } gft_grad_from;

/* The same for n int32 (wide: int64) numbers; x == y is allowed. */
typedef void (*gft_unary_int_fn)(const void *x, void *y, int64_t n, bool wide);

graft_status gft_unary_prepare(gft_prepare *prepare, gft_unary_f32_fn fn, size_t attrs_bytes,
                               graft_error *err);
void gft_unary_run(const gft_exec *exec);
/* For ops that also take integers. */
graft_status gft_unary_numbers_infer(const gft_infer *in, graft_error *err);
graft_status gft_unary_numbers_prepare(gft_prepare *prepare, gft_unary_f32_fn fn,
                                       gft_unary_int_fn integers, graft_error *err);
graft_status gft_unary_grad_prepare(gft_prepare *prepare, gft_unary_grad_f32_fn fn,
                                    size_t attrs_bytes, graft_error *err);
void gft_unary_grad_run(const gft_exec *exec);
/** Appends grad_op(dy, input or output), with the attributes of the node. */
graft_status gft_unary_gradient(gft_grad *grad, const gft_op *grad_op, gft_grad_from from,
                                graft_error *err);

/* fn: an expression of type gft_unary_f32_fn, evaluated when a plan is made; bytes:
 * sizeof(gft_unary_attrs) or 0. */
#define GFT_UNARY_OP(op_name, fn, bytes)                                                           \
    static gft_unary_f32_fn op_name##_best(void) {                                                 \
        return (fn);                                                                               \
    }                                                                                              \
    static graft_status op_name##_prepare(gft_prepare *prepare, graft_error *err) {                \
        return gft_unary_prepare(prepare, op_name##_best(), (bytes), err);                         \
    }                                                                                              \
    const gft_op gft_op_##op_name = {.name = #op_name,                                             \
                                     .kind = GFT_KIND_UNARY,                                       \
                                     .flags = GFT_OP_IN_PLACE,                                     \
                                     .min_inputs = 1,                                              \
                                     .max_inputs = 1,                                              \
                                     .outputs = 1,                                                 \
                                     .attrs_bytes = (bytes),                                       \
                                     .infer = gft_infer_like_f32,                                  \
                                     .prepare = op_name##_prepare,                                 \
                                     .run = gft_unary_run,                                         \
                                     .unary = op_name##_best};

/* The same for float32, int32 and int64. */
#define GFT_UNARY_NUMBERS_OP(op_name, fn, integers)                                                \
    static gft_unary_f32_fn op_name##_best(void) {                                                 \
        return (fn);                                                                               \
    }                                                                                              \
    static graft_status op_name##_prepare(gft_prepare *prepare, graft_error *err) {                \
        return gft_unary_numbers_prepare(prepare, op_name##_best(), (integers), err);              \
    }                                                                                              \
    const gft_op gft_op_##op_name = {.name = #op_name,                                             \
                                     .kind = GFT_KIND_UNARY,                                       \
                                     .flags = GFT_OP_IN_PLACE,                                     \
                                     .min_inputs = 1,                                              \
                                     .max_inputs = 1,                                              \
                                     .outputs = 1,                                                 \
                                     .infer = gft_unary_numbers_infer,                             \
                                     .prepare = op_name##_prepare,                                 \
                                     .run = gft_unary_run,                                         \
                                     .unary = op_name##_best};

/* An integer loop from an expression of p; it is to be unsigned where it could overflow. */
#define GFT_UNARY_INTEGERS(name, expression)                                                       \
    static void name(const void *xv, void *yv, int64_t n, bool wide) {                             \
        for (int64_t i = 0; i < n; i++) {                                                          \
            const int64_t p = wide ? ((const int64_t *)xv)[i] : ((const int32_t *)xv)[i];          \
            const uint64_t r = (uint64_t)(expression);                                             \
            if (wide)                                                                              \
                ((int64_t *)yv)[i] = (int64_t)r;                                                   \
            else                                                                                   \
                ((int32_t *)yv)[i] = (int32_t)(uint32_t)r;                                         \
        }                                                                                          \
    }

#define GFT_UNARY_GRAD_OP(op_name, fn, bytes)                                                      \
    static graft_status op_name##_grad_prepare(gft_prepare *prepare, graft_error *err) {           \
        return gft_unary_grad_prepare(prepare, (fn), (bytes), err);                                \
    }                                                                                              \
    const gft_op gft_op_##op_name##_grad = {.name = #op_name "_grad",                              \
                                            .flags = GFT_OP_IN_PLACE,                              \
                                            .min_inputs = 2,                                       \
                                            .max_inputs = 2,                                       \
                                            .outputs = 1,                                          \
                                            .attrs_bytes = (bytes),                                \
                                            .infer = gft_infer_same_f32,                           \
                                            .prepare = op_name##_grad_prepare,                     \
                                            .run = gft_unary_grad_run};

#define GFT_UNARY_GRADIENT(op_name, from)                                                          \
    graft_status gft_grad_##op_name(gft_grad *grad, graft_error *err) {                            \
        return gft_unary_gradient(grad, &gft_op_##op_name##_grad, (from), err);                    \
    }

#define GFT_ACTIVATION_(op_name, fn, grad_fn, from, bytes)                                         \
    GFT_UNARY_OP(op_name, fn, bytes)                                                               \
    GFT_UNARY_GRAD_OP(op_name, grad_fn, bytes)                                                     \
    GFT_UNARY_GRADIENT(op_name, from)

/* From two functions of the file; the second form has a parameter, gft_unary_attrs.alpha. */
#define GFT_ACTIVATION(op_name, fn, grad_fn, from) GFT_ACTIVATION_(op_name, fn, grad_fn, from, 0)
#define GFT_ACTIVATION_ALPHA(op_name, fn, grad_fn, from)                                           \
    GFT_ACTIVATION_(op_name, fn, grad_fn, from, sizeof(gft_unary_attrs))
/* From the kernel table. */
#define GFT_ACTIVATION_KERNELS(op_name, from)                                                      \
    GFT_ACTIVATION(op_name, gft_kernels()->op_name##_f32, gft_kernels()->op_name##_grad_f32, from)

#endif
