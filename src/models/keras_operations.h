/*
 * Operations in a Functional model: what `x * y` or keras.ops.mean(x) becomes in its configuration
 * (Keras 3: a class of keras.src.ops; Keras 2: TFOpLambda with a function of TensorFlow). One small
 * function per family, in keras_operations_*.c.
 */
#ifndef GFT_MODELS_KERAS_OPERATIONS_H
#define GFT_MODELS_KERAS_OPERATIONS_H

#include "models/keras_layers.h"

/** An argument by its place, or by its name or other name (NULL: it has none); NULL: not given. */
const gft_keras_arg *gft_keras_arg_of(const gft_keras_call *c, int32_t place, const char *name,
                                      const char *other);
/** The same for what is constant, first looked for in the config. */
const json_t *gft_keras_setting(const gft_keras_call *c, int32_t place, const char *name,
                                const char *other);
/** An operand: a tensor, or a constant of this type (NONE: float32 or what it says). */
GRAFT_MUST_CHECK graft_status gft_keras_operand(gft_keras_call *c, int32_t place, const char *name,
                                                graft_dtype dtype, gft_value_id *out,
                                                graft_error *err);
/** To float32, if it is not. */
GRAFT_MUST_CHECK graft_status gft_keras_to_float(gft_keras_call *c, gft_value_id *x,
                                                 graft_error *err);
/** The operand in place 0. */
GRAFT_MUST_CHECK graft_status gft_keras_subject(gft_keras_call *c, gft_value_id *x,
                                                graft_error *err);

GFT_KERAS_DECLARE(binary); /* keras_operations_math.c */
GFT_KERAS_DECLARE(compare);
GFT_KERAS_DECLARE(unary);
GFT_KERAS_DECLARE(word);
GFT_KERAS_DECLARE(reduce);
GFT_KERAS_DECLARE(variance);
GFT_KERAS_DECLARE(clip);
GFT_KERAS_DECLARE(matmul);
GFT_KERAS_DECLARE(where);
GFT_KERAS_DECLARE(cast);
GFT_KERAS_DECLARE(axis_softmax);
GFT_KERAS_DECLARE(normalize);
GFT_KERAS_DECLARE(op_reshape); /* keras_operations_shape.c */
GFT_KERAS_DECLARE(op_transpose);
GFT_KERAS_DECLARE(expand_dims);
GFT_KERAS_DECLARE(squeeze);
GFT_KERAS_DECLARE(op_concatenate);
GFT_KERAS_DECLARE(stack);
GFT_KERAS_DECLARE(op_broadcast);
GFT_KERAS_DECLARE(op_pad);
GFT_KERAS_DECLARE(get_item);
GFT_KERAS_DECLARE(tile);
GFT_KERAS_DECLARE(flip);
GFT_KERAS_DECLARE(swap_axes);
GFT_KERAS_DECLARE(split);
GFT_KERAS_DECLARE(op_resize); /* keras_operations_picture.c */
GFT_KERAS_DECLARE(op_pool);

#endif
