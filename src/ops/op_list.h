/*
 * The list of ops. One line in GFT_OP_LIST makes an op known (`extern const gft_op gft_op_<name>`),
 * one line in GFT_GRADIENT_LIST gives it a gradient (`graft_status gft_grad_<name>(gft_grad *,
 * graft_error *)`). Tests walk both.
 */
#ifndef GFT_OPS_OP_LIST_H
#define GFT_OPS_OP_LIST_H

#define GFT_OP_LIST(X)                                                                             \
    /* convolution and matrix products */                                                          \
    X(conv2d)                                                                                      \
    X(conv2d_grad_input)                                                                           \
    X(conv2d_grad_filter)                                                                          \
    X(depthwise_conv2d)                                                                            \
    X(depthwise_conv2d_grad_input)                                                                 \
    X(depthwise_conv2d_grad_filter)                                                                \
    X(dense)                                                                                       \
    X(matmul)                                                                                      \
    /* activations, each with the op of its derivative */                                          \
    X(relu)                                                                                        \
    X(relu_grad)                                                                                   \
    X(relu6)                                                                                       \
    X(relu6_grad)                                                                                  \
    X(leaky_relu)                                                                                  \
    X(leaky_relu_grad)                                                                             \
    X(silu)                                                                                        \
    X(silu_grad)                                                                                   \
    X(sigmoid)                                                                                     \
    X(sigmoid_grad)                                                                                \
    X(hard_sigmoid)                                                                                \
    X(hard_sigmoid_grad)                                                                           \
    X(hard_swish)                                                                                  \
    X(hard_swish_grad)                                                                             \
    X(tanh)                                                                                        \
    X(tanh_grad)                                                                                   \
    /* other element-wise */                                                                       \
    X(exp)                                                                                         \
    X(log)                                                                                         \
    X(neg)                                                                                         \
    X(sqrt)                                                                                        \
    X(rsqrt)                                                                                       \
    X(square)                                                                                      \
    X(add)                                                                                         \
    X(sub)                                                                                         \
    X(mul)                                                                                         \
    X(div)                                                                                         \
    X(maximum)                                                                                     \
    X(minimum)                                                                                     \
    X(bias_add)                                                                                    \
    X(cast)                                                                                        \
    X(identity)                                                                                    \
    X(fill_like)                                                                                   \
    X(dropout)                                                                                     \
    X(dropout_grad)                                                                                \
    /* normalisation, softmax, losses */                                                           \
    X(batch_norm)                                                                                  \
    X(batch_norm_train)                                                                            \
    X(batch_norm_train_grad)                                                                       \
    X(ema_update)                                                                                  \
    X(layer_norm)                                                                                  \
    X(layer_norm_grad)                                                                             \
    X(l2_normalise)                                                                                \
    X(l2_normalise_grad)                                                                           \
    X(softmax)                                                                                     \
    X(softmax_grad)                                                                                \
    X(log_softmax)                                                                                 \
    X(softmax_cross_entropy)                                                                       \
    X(softmax_cross_entropy_grad)                                                                  \
    X(sigmoid_cross_entropy)                                                                       \
    X(sigmoid_cross_entropy_grad)                                                                  \
    X(squared_error)                                                                               \
    /* pooling, reduction, shape */                                                                \
    X(max_pool)                                                                                    \
    X(max_pool_grad)                                                                               \
    X(avg_pool)                                                                                    \
    X(avg_pool_grad)                                                                               \
    X(reduce_mean)                                                                                 \
    X(reduce_sum)                                                                                  \
    X(reduce_max)                                                                                  \
    X(reduce_max_grad)                                                                             \
    X(broadcast_to)                                                                                \
    X(reduce_to)                                                                                   \
    X(concat)                                                                                      \
    X(pad)                                                                                         \
    X(slice)                                                                                       \
    X(strided_slice)                                                                               \
    X(strided_slice_grad)                                                                          \
    X(reshape)                                                                                     \
    X(transpose)                                                                                   \
    X(gather)                                                                                      \
    X(gather_grad)                                                                                 \
    X(resize)                                                                                      \
    X(resize_grad)                                                                                 \
    /* quantisation */                                                                             \
    X(quantize)                                                                                    \
    X(dequantize)

#define GFT_GRADIENT_LIST(X)                                                                       \
    X(conv2d)                                                                                      \
    X(depthwise_conv2d)                                                                            \
    X(dense)                                                                                       \
    X(matmul)                                                                                      \
    X(relu)                                                                                        \
    X(relu6)                                                                                       \
    X(leaky_relu)                                                                                  \
    X(silu)                                                                                        \
    X(sigmoid)                                                                                     \
    X(hard_sigmoid)                                                                                \
    X(hard_swish)                                                                                  \
    X(tanh)                                                                                        \
    X(exp)                                                                                         \
    X(log)                                                                                         \
    X(neg)                                                                                         \
    X(sqrt)                                                                                        \
    X(rsqrt)                                                                                       \
    X(square)                                                                                      \
    X(add)                                                                                         \
    X(sub)                                                                                         \
    X(mul)                                                                                         \
    X(div)                                                                                         \
    X(maximum)                                                                                     \
    X(minimum)                                                                                     \
    X(bias_add)                                                                                    \
    X(cast)                                                                                        \
    X(identity)                                                                                    \
    X(dropout)                                                                                     \
    X(batch_norm)                                                                                  \
    X(batch_norm_train)                                                                            \
    X(layer_norm)                                                                                  \
    X(l2_normalise)                                                                                \
    X(softmax)                                                                                     \
    X(log_softmax)                                                                                 \
    X(softmax_cross_entropy)                                                                       \
    X(sigmoid_cross_entropy)                                                                       \
    X(squared_error)                                                                               \
    X(max_pool)                                                                                    \
    X(avg_pool)                                                                                    \
    X(reduce_mean)                                                                                 \
    X(reduce_sum)                                                                                  \
    X(reduce_max)                                                                                  \
    X(broadcast_to)                                                                                \
    X(reduce_to)                                                                                   \
    X(concat)                                                                                      \
    X(pad)                                                                                         \
    X(slice)                                                                                       \
    X(strided_slice)                                                                               \
    X(reshape)                                                                                     \
    X(transpose)                                                                                   \
    X(gather)                                                                                      \
    X(resize)

#endif
