"""Graft's EfficientNet-Lite0..4 against the same networks made of Keras layers, with the same weights.

Outputs and inner tensors agree within 2e-5 of their range. The weights are scaled so that rounding is not amplified
from layer to layer (with He's gain Keras in float32 is 1e-3 away from Keras in float64); pictures still differ at the
end.
"""

import os
import pathlib
import subprocess

import numpy as np
import pytest

from lite_network import VARIANTS, network

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("GRAFT_BUILD", ROOT / "build" / "release"))
TOOL = pathlib.Path(os.environ.get("GRAFT_BIN_DIR", BUILD / "bin")) / "lite_tool"
TOLERANCE = 2e-5

TAPS = ["stem_activation", "block1a_project_bn", "block3b_add", "block6a_project_bn", "top_activation"]


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
