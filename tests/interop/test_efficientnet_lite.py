"""Graft's EfficientNet-Lite0..4 against the same networks made of Keras layers, with the same weights.

Outputs and inner tensors agree within 2e-5 of their range. The weights are scaled so that rounding is not amplified
from layer to layer (with He's gain Keras in float32 is 1e-3 away from Keras in float64); pictures still differ at the
end.
"""

import math
import os
import pathlib
import subprocess

import numpy as np
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("GRAFT_BUILD", ROOT / "build" / "release"))
TOOL = pathlib.Path(os.environ.get("GRAFT_BIN_DIR", BUILD / "bin")) / "lite_tool"
TOLERANCE = 2e-5

# width, depth, input size (tensorflow/tpu efficientnet/lite/efficientnet_lite_builder.py)
VARIANTS = [(1.0, 1.0, 224), (1.0, 1.1, 240), (1.1, 1.2, 260), (1.2, 1.4, 280), (1.4, 1.8, 300)]
# repeats, kernel, stride, expansion, filters
STAGES = [
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
]
TAPS = ["stem_activation", "block1a_project_bn", "block3b_add", "block6a_project_bn", "top_activation"]


def rounded(filters, width):
    wanted = filters * width
    new = max(8, int(wanted + 4) // 8 * 8)
    return int(new + 8 if new < 0.9 * wanted else new)


def network(keras, variant, classes):
    width, depth, size = VARIANTS[variant]
    layers = keras.layers
    ends = {}

    def norm(x, name):
        return layers.BatchNormalization(epsilon=1e-3, name=name)(x)

    def active(x, name):
        ends[name] = layers.ReLU(6.0, name=name)(x)
        return ends[name]

    def conv(x, filters, kernel, stride, name):
        return layers.Conv2D(filters, kernel, stride, "same", use_bias=False, name=name)(x)

    inputs = keras.Input((size, size, 3))
    x = layers.Rescaling(1 / 128, offset=-127 / 128)(inputs)
    x = active(norm(conv(x, 32, 3, 2, "stem_conv"), "stem_bn"), "stem_activation")
    for s, (repeats, kernel, stride, expand, filters) in enumerate(STAGES):
        if 0 < s < len(STAGES) - 1:
            repeats = math.ceil(depth * repeats)
        for r in range(repeats):
            name = f"block{s + 1}{chr(97 + r)}_"
            first, channels = x, x.shape[-1]
            if expand != 1:
                x = norm(conv(x, channels * expand, 1, 1, name + "expand_conv"), name + "expand_bn")
                x = active(x, name + "expand_activation")
            x = layers.DepthwiseConv2D(
                kernel, stride if r == 0 else 1, "same", use_bias=False, name=name + "dwconv"
            )(x)
            x = active(norm(x, name + "bn"), name + "activation")
            x = norm(conv(x, rounded(filters, width), 1, 1, name + "project_conv"), name + "project_bn")
            ends[name + "project_bn"] = x
            if r > 0 and x.shape[-1] == channels:
                x = ends[name + "add"] = layers.Add(name=name + "add")([x, first])
    x = active(norm(conv(x, 1280, 1, 1, "top_conv"), "top_bn"), "top_activation")
    x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
    if classes:
        x = ends["predictions/BiasAdd"] = layers.Dense(classes, name="predictions")(x)
        x = layers.Softmax(name="probabilities")(x)
    return keras.Model(inputs, [x] + list(ends.values())), ["output"] + list(ends)


def fill(model, parameters):
    used = set()
    for layer in model.layers:
        names = []
        for weight in layer.weights:
            part = weight.name.split("/")[-1].split(":")[0]
            if "depthwise" in type(layer).__name__.lower():
                part = "depthwise_kernel"
            names.append(f"{layer.name}/{part}")
        if names:
            layer.set_weights([parameters[n] for n in names])
        used.update(names)
    assert used == set(parameters)


def check(ours, theirs, what):
    assert ours.shape == theirs.shape, what
    spread = float(theirs.max() - theirs.min())
    apart = float(np.abs(theirs[0] - theirs[1]).max())
    assert apart > 100 * TOLERANCE * spread, f"{what}: the same for both pictures, nothing would be compared"
    gap = float(np.abs(ours - theirs).max())
    assert gap <= TOLERANCE * spread, f"{what}: differs by {gap:.3g} of a range of {spread:.3g}"


@pytest.mark.parametrize("variant", range(5))
@pytest.mark.parametrize("classes", [0, 10])
def test_lite_equals_keras(tmp_path, variant, classes):
    keras = pytest.importorskip("keras")
    size = VARIANTS[variant][2]
    rng = np.random.default_rng(variant)
    x = rng.integers(0, 256, (2, 7, 7, 3)).repeat(size // 7 + 1, 1).repeat(size // 7 + 1, 2)
    x = x[:, :size, :size].astype(np.float32)
    x += rng.normal(0, 8, x.shape).astype(np.float32)
    np.save(tmp_path / "x.npy", x)
    taps = TAPS + (["predictions/BiasAdd"] if classes else [])
    files = [tmp_path / name for name in ("x.npy", "p.npz", "y.npz")]
    subprocess.run([TOOL, str(variant), str(classes), *files, *taps], check=True)
    with np.load(tmp_path / "p.npz") as z:
        parameters = {k: z[k] for k in z.files}
    with np.load(tmp_path / "y.npz") as z:
        ours = {k: z[k] for k in z.files}
    model, names = network(keras, variant, classes)
    fill(model, parameters)
    theirs = dict(zip(names, (np.asarray(v) for v in model(x, training=False))))
    for name in taps:
        check(ours[name], theirs[name], name)
    if classes:
        np.testing.assert_allclose(ours["probabilities"], theirs["output"], atol=1e-5)
    else:
        check(ours["feature_vector"], theirs["output"], "feature_vector")
