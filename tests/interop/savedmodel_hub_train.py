"""Fine-tunes a SavedModel given as argument in tf_keras through hub.KerasLayer; run by test_savedmodel.py with
TF_USE_LEGACY_KERAS=1. Prints how many weights and batch norm statistics moved, and how many in a frozen layer.
"""

import sys

import numpy as np
import tensorflow as tf
import tensorflow_hub as hub
import tf_keras

rng = np.random.default_rng(1)
x = rng.uniform(0, 255, (16, 32, 32, 3)).astype(np.float32)
y = rng.integers(0, 3, 16)


def moved(trainable):
    layer = hub.KerasLayer(sys.argv[1], trainable=trainable)
    model = tf_keras.Sequential([tf_keras.layers.InputLayer((32, 32, 3)), layer, tf_keras.layers.Dense(3)])
    model.compile(
        tf_keras.optimizers.SGD(0.1), tf_keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    )
    variables = list(layer.variables)
    before = [v.numpy() for v in variables]
    model.fit(x, y, epochs=1, batch_size=8, verbose=0)
    return [v.name.split(":")[0] for v, b in zip(variables, before) if (v.numpy() != b).any()], layer


names, layer = moved(True)
statistics = [n for n in names if "moving" in n]
frozen, _ = moved(False)
assert len(layer.trainable_weights) == 14, len(layer.trainable_weights)
print("weights", len(names) - len(statistics), "statistics", len(statistics), "frozen", len(frozen))
