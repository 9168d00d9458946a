"""Runs whole-model .h5 files with Keras 2 (tf_keras), in a process of its own: keras2_run.py FILE.h5 IN.npz OUT.npz ...

Inputs are named as the model's; outputs are written as 0, 1, ... A model with one picture input and one output is also
trained for a step, which must change its weights: its loss is written as "loss".
"""

import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import numpy as np
import tf_keras


def step(model, x):
    before = [w.numpy() for w in model.trainable_weights]
    y = np.zeros([len(x), *model.output.shape[1:]], np.float32)
    model.compile("sgd", "mse")
    loss = model.fit(x, y, epochs=1, verbose=0).history["loss"][0]
    assert any((a != b.numpy()).any() for a, b in zip(before, model.trainable_weights))
    return loss


def run(path, source, target):
    model = tf_keras.models.load_model(path, compile=False)
    with np.load(source) as z:
        names = [t.name.split(":")[0] for t in model.inputs] if len(model.inputs) > 1 else z.files
        x = [z[name] for name in names]
    y = model(x if len(x) > 1 else x[0], training=False)
    out = {str(i): np.asarray(v) for i, v in enumerate(y if isinstance(y, (list, tuple)) else [y])}
    if len(x) == 1 and x[0].ndim == 4 and len(out) == 1 and model.trainable_weights:
        out["loss"] = np.float32(step(model, x[0]))
    np.savez(target, **out)


for i in range(1, len(sys.argv), 3):
    run(*sys.argv[i : i + 3])
