/*
 * Names in Keras' files, for those who read and who write them. A weights file of Keras 3
 * (`.weights.h5`, the model.weights.h5 of a `.keras`) does not address a layer by its name but by
 * its class in snake case, counted per class in the order of the model's layers:
 * layers/conv2d/vars/0, layers/conv2d_1/vars/0.
 *
 * Order of a layer's variables there and in legacy `.h5`:
 *   Conv*, Dense            kernel, bias
 *   DepthwiseConv2D         kernel (h,w,in,multiplier), bias
 *   SeparableConv2D         depthwise kernel, pointwise kernel, bias
 *   BatchNormalization      gamma, beta, moving_mean, moving_variance (scale=False: no gamma, center=False: no beta)
 *   LayerNormalization      gamma, beta
 *   Normalization           mean, variance, count (an integer); none if its config has mean and variance
 *   Embedding               embeddings
 *   PReLU                   alpha
 * Parameters of a graph are "<layer>/<variable>", Normalization's included ("<layer>/mean",
 * "<layer>/variance", "<layer>/count"); what the config holds is a constant.
 */
#ifndef GFT_MODELS_KERAS_NAMES_H
#define GFT_MODELS_KERAS_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"

#define GFT_KERAS_CLASS_BYTES 128

/**
 * "depthwise_conv2d" from "DepthwiseConv2D", as keras.src.utils.naming.to_snake_case; cut to fit.
 */
void gft_keras_snake_case(const char *class_name, char out[GFT_KERAS_CLASS_BYTES]);

/** Whether two names are one layer's: Keras has no '/' in names, so writers put '_' for it. */
bool gft_keras_same_layer(const char *a, const char *b);

/* How often each class has been seen; zero-initialised is a valid empty one. */
typedef struct gft_keras_counter {
    struct gft_keras_class {
        const char *name; /* in snake case */
        int32_t count;
    } * classes;
    int32_t count, capacity;
} gft_keras_counter;

/** The place of the next layer of a class, "conv2d" or "conv2d_3"; in the arena. */
GRAFT_MUST_CHECK graft_status gft_keras_next_place(gft_keras_counter *counter,
                                                   const char *class_name, gft_arena *arena,
                                                   const char **out, graft_error *err);
void gft_keras_counter_deinit(gft_keras_counter *counter);

#endif
