/*
 * The list of element-wise, reduction and normalisation kernels; format in kernels/kernel_table.h,
 * contracts in kernels/elementwise.h. Every kernel is a loop of kernels/tmpl, so each CPU level has
 * all of them: the list is written once and expanded per level.
 */
#ifndef GFT_KERNELS_LIST_ELEMENTWISE_H
#define GFT_KERNELS_LIST_ELEMENTWISE_H

#include "kernels/elementwise.h"

/* L(kernel, type, tolerance, X, cpu, flags) */
#define GFT_KERNELS_ELEMENTWISE_EACH_(L, X, cpu, flags)                                            \
    L(relu_f32, gft_unary_f32_kernel, GFT_TOL_EXACT, X, cpu, flags)                                \
    L(relu6_f32, gft_unary_f32_kernel, GFT_TOL_EXACT, X, cpu, flags)                               \
    L(leaky_relu_f32, gft_unary_f32_kernel, GFT_TOL_EXACT, X, cpu, flags)                          \
    L(sigmoid_f32, gft_unary_f32_kernel, GFT_TOL_ULP, X, cpu, flags)                               \
    L(silu_f32, gft_unary_f32_kernel, GFT_TOL_ULP, X, cpu, flags)                                  \
    L(hard_sigmoid_f32, gft_unary_f32_kernel, GFT_TOL_EXACT, X, cpu, flags)                        \
    L(hard_swish_f32, gft_unary_f32_kernel, GFT_TOL_EXACT, X, cpu, flags)                          \
    L(tanh_f32, gft_unary_f32_kernel, GFT_TOL_ULP, X, cpu, flags)                                  \
    L(exp_f32, gft_unary_f32_kernel, GFT_TOL_ULP, X, cpu, flags)                                   \
    L(neg_f32, gft_unary_f32_kernel, GFT_TOL_EXACT, X, cpu, flags)                                 \
    L(sqrt_f32, gft_unary_f32_kernel, GFT_TOL_EXACT, X, cpu, flags)                                \
    L(rsqrt_f32, gft_unary_f32_kernel, GFT_TOL_EXACT, X, cpu, flags)                               \
    L(square_f32, gft_unary_f32_kernel, GFT_TOL_EXACT, X, cpu, flags)                              \
    L(relu_grad_f32, gft_unary_grad_f32_kernel, GFT_TOL_EXACT, X, cpu, flags)                      \
    L(relu6_grad_f32, gft_unary_grad_f32_kernel, GFT_TOL_EXACT, X, cpu, flags)                     \
    L(leaky_relu_grad_f32, gft_unary_grad_f32_kernel, GFT_TOL_EXACT, X, cpu, flags)                \
    L(sigmoid_grad_f32, gft_unary_grad_f32_kernel, GFT_TOL_EXACT, X, cpu, flags)                   \
    L(silu_grad_f32, gft_unary_grad_f32_kernel, GFT_TOL_ULP, X, cpu, flags)                        \
    L(hard_sigmoid_grad_f32, gft_unary_grad_f32_kernel, GFT_TOL_EXACT, X, cpu, flags)              \
    L(hard_swish_grad_f32, gft_unary_grad_f32_kernel, GFT_TOL_ULP, X, cpu, flags)                  \
    L(tanh_grad_f32, gft_unary_grad_f32_kernel, GFT_TOL_ULP, X, cpu, flags)                        \
    L(add_f32, gft_binary_f32_kernel, GFT_TOL_EXACT, X, cpu, flags)                                \
    L(sub_f32, gft_binary_f32_kernel, GFT_TOL_EXACT, X, cpu, flags)                                \
    L(mul_f32, gft_binary_f32_kernel, GFT_TOL_EXACT, X, cpu, flags)                                \
    L(div_f32, gft_binary_f32_kernel, GFT_TOL_EXACT, X, cpu, flags)                                \
    L(maximum_f32, gft_binary_f32_kernel, GFT_TOL_EXACT, X, cpu, flags)                            \
    L(minimum_f32, gft_binary_f32_kernel, GFT_TOL_EXACT, X, cpu, flags)                            \
    L(sum_f32, gft_fold_f32_kernel, GFT_TOL_SUM, X, cpu, flags)                                    \
    L(max_f32, gft_fold_f32_kernel, GFT_TOL_EXACT, X, cpu, flags)                                  \
    L(dot_f32, gft_dot_f32_kernel, GFT_TOL_SUM, X, cpu, flags)                                     \
    L(spread_f32, gft_spread_f32_kernel, GFT_TOL_SUM, X, cpu, flags)                               \
    L(sum_rows_f32, gft_fold_rows_f32_kernel, GFT_TOL_EXACT, X, cpu, flags)                        \
    L(max_rows_f32, gft_fold_rows_f32_kernel, GFT_TOL_EXACT, X, cpu, flags)                        \
    L(pool_sum_f32, gft_pool_f32_kernel, GFT_TOL_EXACT, X, cpu, flags)                             \
    L(pool_max_f32, gft_pool_f32_kernel, GFT_TOL_EXACT, X, cpu, flags)                             \
    L(spread_rows_f32, gft_spread_rows_f32_kernel, GFT_TOL_SUM, X, cpu, flags)                     \
    L(norm_sums_f32, gft_norm_sums_f32_kernel, GFT_TOL_SUM, X, cpu, flags)                         \
    L(norm_rows_f32, gft_norm_rows_f32_kernel, GFT_TOL_ULP, X, cpu, flags)                         \
    L(norm_grad_rows_f32, gft_norm_grad_rows_f32_kernel, GFT_TOL_ULP, X, cpu, flags)               \
    L(sum_exp_f32, gft_sum_exp_f32_kernel, GFT_TOL_SUM, X, cpu, flags)                             \
    L(softmax_f32, gft_softmax_f32_kernel, GFT_TOL_SUM, X, cpu, flags)                             \
    L(log_softmax_f32, gft_softmax_f32_kernel, GFT_TOL_SUM, X, cpu, flags)

#define GFT_KERNELS_ELEMENTWISE_PLAIN_(kernel, type, tolerance, X, cpu, flags)                     \
    X(kernel, type, tolerance)
#define GFT_KERNELS_ELEMENTWISE_CPU_(kernel, type, tolerance, X, cpu, flags)                       \
    X(kernel, type, cpu, flags)

#define GFT_KERNELS_ELEMENTWISE(X)                                                                 \
    GFT_KERNELS_ELEMENTWISE_EACH_(GFT_KERNELS_ELEMENTWISE_PLAIN_, X, , 0)
#define GFT_KERNELS_ELEMENTWISE_X86(X)                                                             \
    GFT_KERNELS_ELEMENTWISE_EACH_(GFT_KERNELS_ELEMENTWISE_CPU_, X, avx2, GFT_CPU_AVX2)             \
    GFT_KERNELS_ELEMENTWISE_EACH_(GFT_KERNELS_ELEMENTWISE_CPU_, X, avx512, GFT_CPU_AVX512)
#define GFT_KERNELS_ELEMENTWISE_ARM(X)                                                             \
    GFT_KERNELS_ELEMENTWISE_EACH_(GFT_KERNELS_ELEMENTWISE_CPU_, X, neon, GFT_CPU_NEON)

#endif
