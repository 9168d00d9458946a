#!/usr/bin/env python3
"""Makes the seeds of fuzz_tflite with the real converter: small nets, float, float16, dynamic range and int8.

Usage: gen_tflite_seeds.py OUT_DIR  (needs tensorflow; the seeds are committed under tests/fuzz/corpus/tflite)
"""

import os
import pathlib
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = ""

import keras
import numpy as np
import tensorflow as tf

RNG = np.random.default_rng(7)


def picture_net():
    """Products of every kind, shape arithmetic, gates."""
    layers = keras.layers
    x = inputs = keras.Input((8, 8, 3), name="picture")
    x = layers.Conv2D(4, 3, strides=2, padding="same", activation="relu6", name="conv")(x)
    x = layers.DepthwiseConv2D(3, padding="same", depth_multiplier=2, name="dw")(x)
    gate = layers.GlobalAveragePooling2D(keepdims=True, name="pool")(x)
    gate = layers.Conv2D(8, 1, activation="hard_sigmoid", name="gate")(gate)
    x = layers.Multiply(name="mul")([x, gate])
    x = layers.Concatenate(name="join")([x, layers.MaxPooling2D(1, name="mp")(x)])
    x = layers.Flatten(name="flat")(x)
    x = layers.Dense(5, name="fc")(x)
    return keras.Model(inputs, layers.Softmax(name="softmax")(x))


def moving_net():
    """Slices, transposes, reductions, resizes over a batch and size that are open."""

    @tf.function(input_signature=[tf.TensorSpec([None, None, 6, 4], tf.float32, name="x")])
    def net(x):
        a, b = tf.split(tf.transpose(x[:, 1:, ::2], [0, 2, 1, 3]), 2, axis=3)
        c = tf.concat([a, tf.pad(b, [[0, 0], [0, 0], [0, 0], [0, 0]])], axis=3)
        c = tf.nn.leaky_relu(c, 0.1) + tf.reduce_mean(c, axis=[1, 2], keepdims=True)
        d = tf.reshape(c, [tf.shape(c)[0], -1])
        return {"rows": d, "small": tf.image.resize(c, [3, 3])}

    return net.get_concrete_function()


def convert(converter, mode):
    if mode != "float":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if mode == "half":
        converter.target_spec.supported_types = [tf.float16]
    if mode == "int8":
        converter.representative_dataset = lambda: (
            [RNG.normal(0, 1, (1, 8, 8, 3)).astype(np.float32)] for _ in range(4)
        )
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.int8
    return converter.convert()


def main():
    out = pathlib.Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    keras.utils.set_random_seed(7)
    net = picture_net()
    for mode in ("float", "half", "int8"):
        converter = tf.lite.TFLiteConverter.from_keras_model(net)
        (out / f"picture_{mode}.tflite").write_bytes(convert(converter, mode))
    converter = tf.lite.TFLiteConverter.from_concrete_functions([moving_net()])
    (out / "moving.tflite").write_bytes(convert(converter, "float"))


if __name__ == "__main__":
    main()
