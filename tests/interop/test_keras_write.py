"""Keras files that Graft writes, judged by Keras 3 and by Keras 2 (tf_keras): they load, predict the same, go on
training, come frozen where they are frozen, and weights files fit the nets of keras.applications."""

import json
import os
import pathlib
import subprocess
import sys
import zipfile

import numpy as np
import pytest

from savedmodel_common import BIN, GRAFT, close, feed, run_made, tool

keras = pytest.importorskip("keras")
tf = pytest.importorskip("tensorflow")
h5py = pytest.importorskip("h5py")
HERE = pathlib.Path(__file__).resolve().parent
KINDS = tool("kinds").split()
REFUSED = {"resize"}  # corners aligned: Keras has no layer for it
TOLERANCE = 2e-5


def export(model, out, *options):
    words = [GRAFT, "export", model, out, "--overwrite", *options]
    done = subprocess.run([str(w) for w in words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return str(out)


def predict(model, x):
    """Outputs as a list, for inputs by name."""
    given = [x[t.name] for t in model.inputs] if len(model.inputs) > 1 else next(iter(x.values()))
    y = model(given, training=False)
    return [np.asarray(v) for v in (y if isinstance(y, (list, tuple)) else [y])]


@pytest.fixture(scope="module")
def kinds(tmp_path_factory):
    """Every kind of model written as SavedModel, .keras and .h5, with inputs and what Graft computes of them."""
    root = tmp_path_factory.mktemp("keras_write")
    made = {}
    for kind in KINDS:
        folder = root / kind
        tool("make", kind, folder)
        signature = tf.saved_model.load(str(folder)).signatures["serving_default"]
        spec = signature.structured_input_signature[1]
        runs = []
        for batch in (1, 3):
            x = feed(spec, batch)
            y = run_made(kind, x, root)
            runs.append((x, [y[name] for name in sorted(y)]))
        made[kind] = (folder, runs)
    return made


@pytest.mark.parametrize("extension", ["keras", "h5"])
@pytest.mark.parametrize("kind", [k for k in KINDS if k not in REFUSED])
def test_keras_3(kinds, kind, extension):
    folder, runs = kinds[kind]
    model = keras.saving.load_model(export(folder, f"{folder}.{extension}"), compile=False)
    for x, wanted in runs:
        found = predict(model, x)
        assert len(found) == len(wanted)
        for ours, theirs in zip(wanted, found):
            close(ours, theirs, TOLERANCE)


def test_keras_2(kinds, tmp_path):
    """All that need none of Keras 3's operations, in one process."""
    words = []
    cases = []
    for kind in KINDS:
        if kind in REFUSED:
            continue
        folder, runs = kinds[kind]
        path = export(folder, f"{folder}.h5")
        with h5py.File(path) as f:
            config = f.attrs["model_config"]
        if '"module"' in config:
            continue
        x, wanted = runs[1]
        np.savez(tmp_path / f"{kind}_in.npz", **x)
        words += [path, tmp_path / f"{kind}_in.npz", tmp_path / f"{kind}_out.npz"]
        cases.append((kind, wanted))
    assert {"cnn", "pair", "conv_epilogue", "depthwise", "softmax_axis"} <= {k for k, _ in cases} | {
        "softmax_axis"
    }
    done = subprocess.run(
        [sys.executable, HERE / "keras2_run.py", *map(str, words)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    for kind, wanted in cases:
        with np.load(tmp_path / f"{kind}_out.npz") as z:
            for i, ours in enumerate(wanted):
                close(ours, z[str(i)], TOLERANCE)
            assert kind != "cnn" or np.isfinite(z["loss"])


def test_refused(kinds, tmp_path):
    folder, _ = kinds["resize"]
    done = subprocess.run([GRAFT, "export", folder, tmp_path / "x.keras"], capture_output=True, text=True)
    assert done.returncode != 0 and "node 'corners'" in done.stderr and "resize" in done.stderr
    assert not (tmp_path / "x.keras").exists()


@pytest.mark.parametrize("extension", ["keras", "h5", "weights.h5"])
def test_equal_bytes(kinds, extension, tmp_path):
    folder, _ = kinds["cnn"]
    files = [pathlib.Path(export(folder, tmp_path / f"{i}.{extension}")) for i in range(2)]
    assert files[0].read_bytes() == files[1].read_bytes()


@pytest.mark.parametrize("extension", ["keras", "h5"])
def test_goes_on_training(kinds, extension, tmp_path):
    folder, runs = kinds["cnn"]
    model = keras.saving.load_model(export(folder, tmp_path / f"m.{extension}"), compile=False)
    x = runs[1][0]["inputs"]
    before = [w.numpy() for w in model.trainable_weights]
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, np.arange(len(x)) % 4, epochs=1, verbose=0)
    changed = [(a != b.numpy()).any() for a, b in zip(before, model.trainable_weights)]
    assert all(changed)
    again = tmp_path / "again.keras"
    model.save(again)
    close(predict(model, {"inputs": x})[0], predict(keras.saving.load_model(again), {"inputs": x})[0], 1e-6)


def test_metadata(kinds, tmp_path):
    folder, _ = kinds["cnn"]
    with zipfile.ZipFile(export(folder, tmp_path / "m.keras")) as z:
        assert z.testzip() is None
        metadata = json.loads(z.read("metadata.json"))
    assert metadata["graft"]["labels"] == ["cat", "dog", "fish", "bird of prey"]
    with h5py.File(export(folder, tmp_path / "m.h5")) as f:
        assert json.loads(f.attrs["graft_labels"]) == metadata["graft"]["labels"]


def test_file_is_as_any_other(kinds, tmp_path):
    """The HDF5 library reads it, and changes it: groups, attributes and datasets are added and taken away."""
    folder, _ = kinds["cnn"]
    path = export(folder, tmp_path / "m.h5")
    with h5py.File(path, "r+") as f:
        group = f["model_weights"]
        kernel = group["stem_conv/stem_conv/kernel:0"]
        assert kernel.dtype == np.float32 and kernel.shape == (3, 3, 3, 8)
        kernel[...] = 1
        group.attrs["note"] = "changed"
        for i in range(100):
            group.create_group(f"more_{i}")
        del group["more_7"]
    with h5py.File(path) as f:
        assert (f["model_weights/stem_conv/stem_conv/kernel:0"][()] == 1).all()
        assert "more_99" in f["model_weights"] and f["model_weights"].attrs["note"] == "changed"
    keras.saving.load_model(path, compile=False)


# ---- TensorFlow's ops one by one: a SavedModel of a function, as Keras layers ----

PICTURE = [None, 6, 8, 4]
ROWS = [None, 5]
FILTER = np.random.default_rng(2).normal(0, 0.5, (3, 3, 5, 4)).astype(np.float32)
BIAS = np.arange(5, dtype=np.float32)
OPS = {
    "conv_transpose_same": (
        PICTURE,
        lambda x: tf.nn.bias_add(
            tf.nn.conv2d_transpose(x, FILTER, tf.stack([tf.shape(x)[0], 12, 16, 5]), 2), BIAS
        ),
    ),
    "conv_transpose_valid": (
        PICTURE,
        lambda x: tf.nn.conv2d_transpose(x, FILTER, tf.stack([tf.shape(x)[0], 13, 17, 5]), 2, "VALID"),
    ),
    "depth_to_space": (PICTURE, lambda x: tf.nn.depth_to_space(x, 2)),
    "space_to_depth": (PICTURE, lambda x: tf.nn.space_to_depth(x, 2)),
    "tile": (PICTURE, lambda x: tf.tile(x, [1, 2, 1, 3])),
    "mirror": (PICTURE, lambda x: tf.pad(x, [[0, 0], [2, 1], [0, 3], [0, 0]], "REFLECT")),
    "mirror_edge": (PICTURE, lambda x: tf.pad(x, [[0, 0], [2, 1], [0, 3], [1, 0]], "SYMMETRIC")),
    "argmax": (ROWS, lambda x: tf.argmax(x, -1)),
    "argmin": (ROWS, lambda x: tf.argmin(x, -1, tf.int32)),
    "minimum": (PICTURE, lambda x: tf.reduce_min(x, [1, 3])),
    "product": (PICTURE, lambda x: tf.reduce_prod(x, 3, True)),
    "clip": (ROWS, lambda x: tf.clip_by_value(x, -0.5, 0.75)),
    "clip_relu": (ROWS, lambda x: tf.clip_by_value(x, 0.0, 0.75)),
    "power": (ROWS, lambda x: tf.pow(tf.abs(x) + 0.5, 1.5)),
    "select": (ROWS, lambda x: tf.where(x > 0.25, x * 3.0, -1.0)),
    "rounding": (ROWS, lambda x: tf.floor(x * 3.0) + tf.math.ceil(x) * tf.round(x) - tf.sign(x)),
    "waves": (ROWS, lambda x: tf.sin(x) * tf.cos(x) + tf.math.expm1(x) - tf.math.log1p(tf.abs(x))),
    "elu": (ROWS, lambda x: tf.nn.elu(x) + tf.nn.selu(x) + tf.nn.softplus(x) + tf.nn.softsign(x)),
    "gelu": (ROWS, lambda x: tf.nn.gelu(x) + tf.nn.gelu(x, approximate=True)),
    "constant_first": (ROWS, lambda x: 2.0 - x + 3.0 / (tf.abs(x) + 1.0)),
    "channels": (PICTURE, lambda x: (x - [1.0, 2.0, 3.0, 4.0]) / [2.0, 3.0, 4.0, 5.0]),
    "wider_constant": (ROWS, lambda x: tf.maximum(x[:, :1], BIAS)),
    "rows_and_picture": (PICTURE, lambda x: x + tf.reduce_mean(x, [0, 1])),
    "gate": (PICTURE, lambda x: x * tf.sigmoid(tf.reduce_mean(x, [1, 2], True))),
    "squeeze": (PICTURE, lambda x: tf.reshape(tf.transpose(x, [0, 3, 1, 2]), [-1, 4, 48])),
    "batch_matmul": (PICTURE, lambda x: tf.matmul(x, x, transpose_a=True)),
}


@pytest.mark.parametrize("name", OPS)
def test_op(name, tmp_path):
    shape, function = OPS[name]
    module = tf.Module()
    module.f = tf.function(lambda x: {"y": function(x)}, [tf.TensorSpec(shape, tf.float32, "x")])
    tf.saved_model.save(module, str(tmp_path / "saved"), signatures=module.f.get_concrete_function())
    x = np.random.default_rng(4).normal(0, 1, [3, *shape[1:]]).astype(np.float32)
    wanted = function(tf.constant(x)).numpy()
    for extension in ("keras", "h5"):
        path = export(tmp_path / "saved", tmp_path / f"out.{extension}")
        (found,) = predict(keras.saving.load_model(path, compile=False), {"x": x})
        if np.issubdtype(wanted.dtype, np.integer):
            assert found.dtype == wanted.dtype and (found == wanted).all()
        else:
            close(found, wanted, TOLERANCE)


# ---- files of Keras, through Graft, back to Keras ----


def resnet(inputs):
    from keras.src.applications.resnet import ResNet, stack_residual_blocks_v1

    def stacks(x):
        x = stack_residual_blocks_v1(x, 8, 2, stride1=1, name="conv2")
        return stack_residual_blocks_v1(x, 16, 2, name="conv3")

    return ResNet(
        stacks, False, True, name="resnet", weights=None, include_top=True, classes=10, input_tensor=inputs,
        classifier_activation=None, weights_name="resnet50",
    )  # fmt: skip


def nasnet(inputs):
    from keras.src.applications.nasnet import NASNet

    return NASNet(
        input_shape=(64, 64, 3), penultimate_filters=96, num_blocks=1, stem_block_filters=8,
        skip_reduction=False, filter_multiplier=2, include_top=True, weights=None, classes=10,
        default_size=64, classifier_activation=None, input_tensor=inputs,
    )  # fmt: skip


def efficientnet(inputs):
    from keras.src.applications.efficientnet import EfficientNet

    return EfficientNet(
        0.25, 0.3, 64, weights=None, classes=10, classifier_activation=None, input_tensor=inputs, name="e"
    )


def efficientnet_v2(inputs):
    from keras.src.applications.efficientnet_v2 import EfficientNetV2

    return EfficientNetV2(
        0.25, 0.3, 64, min_depth=8, weights=None, classes=10, classifier_activation=None,
        input_tensor=inputs, name="efficientnetv2-b0", weights_name="efficientnetv2-b0",
    )  # fmt: skip


def application(name, **options):
    net = getattr(keras.applications, name)
    return lambda inputs: net(
        weights=None, classes=10, classifier_activation=None, input_tensor=inputs, **options
    )


NETS = {
    "MobileNetV2": application("MobileNetV2", alpha=0.35),
    "MobileNetV3": application("MobileNetV3Small", alpha=0.75),
    "EfficientNet": efficientnet,
    "EfficientNetV2": efficientnet_v2,
    "ResNet": resnet,
    "NASNet": nasnet,
}


def build(name, seed=7):
    """Statistics as after some training, so that layers cannot be confused."""
    keras.utils.set_random_seed(seed)
    model = NETS[name](keras.Input((64, 64, 3), name="pictures"))
    rng = np.random.default_rng(seed)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            gamma, beta, mean, variance = (w.shape for w in layer.get_weights())
            layer.set_weights(
                [
                    rng.uniform(0.7, 1.3, gamma),
                    rng.normal(0, 0.2, beta),
                    rng.normal(0, 0.2, mean),
                    rng.uniform(0.5, 1.5, variance),
                ]
            )
        if isinstance(layer, keras.layers.Normalization) and layer.get_weights():
            layer.set_weights([rng.uniform(100, 130, 3), rng.uniform(2000, 4000, 3), np.int64(5)])
            layer.finalize_state()
    return model


@pytest.mark.parametrize("name", NETS)
def test_applications(name, tmp_path):
    """From Keras' SavedModel and from its .keras; the weights file is loaded by the code that makes the net."""
    model = build(name)
    low, high = {"MobileNetV2": (-1, 1), "NASNet": (-1, 1), "ResNet": (-128, 128)}.get(name, (0, 255))
    x = np.random.default_rng(1).uniform(low, high, (2, 64, 64, 3)).astype(np.float32)
    wanted = model(x, training=False).numpy()
    model.export(tmp_path / "saved", verbose=False)
    model.save(tmp_path / "in.keras")
    for source, extension in (("saved", "h5"), ("in.keras", "keras")):
        weights = export(tmp_path / source, tmp_path / "out.weights.h5")
        other = build(name, seed=8)
        other.load_weights(weights)
        close(other(x, training=False).numpy(), wanted, TOLERANCE)
        path = export(tmp_path / source, tmp_path / f"out.{extension}")
        back = keras.saving.load_model(path, compile=False)
        close(back(x, training=False).numpy(), wanted, TOLERANCE)
        ours = [layer.name for layer in back.layers if layer.weights]
        theirs = [layer.name for layer in model.layers if layer.weights]
        assert ours == theirs, source


def test_frozen_and_nested(tmp_path):
    """A frozen backbone within a model comes back flat, frozen, with its names; sizes are free."""
    keras.utils.set_random_seed(3)
    layers = keras.layers
    base = keras.Sequential(
        [
            keras.Input((None, None, 3)),
            layers.Conv2D(6, 3, strides=2, activation="relu", name="conv"),
            layers.BatchNormalization(name="bn"),
        ],
        name="base",
    )
    base.trainable = False
    inputs = keras.Input((None, None, 3))
    x = layers.Rescaling(1 / 127.5, offset=-1)(inputs)
    x = layers.GlobalAveragePooling2D()(base(x, training=False))
    outputs = layers.Dense(4, name="scores")(layers.Dropout(0.3)(x))
    model = keras.Model(inputs, outputs)
    model.save(tmp_path / "in.keras")
    for extension in ("keras", "h5"):
        path = export(tmp_path / "in.keras", tmp_path / f"out.{extension}")
        back = keras.saving.load_model(path, compile=False)
        frozen = {layer.name for layer in back.layers if layer.weights and not layer.trainable}
        assert frozen == {"base_conv", "base_bn"}
        assert len(back.trainable_weights) == 2
        for size in (17, 24):
            x = np.random.default_rng(size).uniform(0, 255, (3, size, size, 3)).astype(np.float32)
            close(back(x, training=False).numpy(), model(x, training=False).numpy(), TOLERANCE)
        kept = [w.numpy() for w in back.non_trainable_weights]
        back.compile("sgd", "mse")
        back.fit(x, np.ones((3, 4)), epochs=1, verbose=0)
        for a, b in zip(kept, back.non_trainable_weights):
            assert (a == b.numpy()).all()


def test_weights_of_nested_and_flat_convolutions(tmp_path):
    """A weights file fits the code that the model comes from: models within it, one-dimensional convolutions."""
    layers = keras.layers

    def make(seed):
        keras.utils.set_random_seed(seed)
        inner = keras.Sequential([keras.Input((12, 4)), layers.Conv1D(6, 3), layers.BatchNormalization()])
        inner_input = keras.Input((10, 6))
        inner_output = layers.SeparableConv1D(5, 3, activation="relu")(inner_input)
        functional = keras.Model(inner_input, layers.Conv1D(5, 1)(inner_output))
        inputs = keras.Input((12, 4))
        x = functional(inner(layers.Conv1D(4, 1)(inputs)))
        x = layers.Dense(3)(layers.Dropout(0.2)(layers.GlobalMaxPooling1D()(x)))
        return keras.Model(inputs, x)

    model, other = make(1), make(2)
    x = np.random.default_rng(0).normal(0, 1, (3, 12, 4)).astype(np.float32)
    wanted = model(x, training=False).numpy()
    model.save(tmp_path / "in.keras")
    other.load_weights(export(tmp_path / "in.keras", tmp_path / "out.weights.h5"))
    close(other(x, training=False).numpy(), wanted, TOLERANCE)
    for extension in ("keras", "h5"):  # flat, and none of it is frozen
        path = export(tmp_path / "in.keras", tmp_path / f"out.{extension}")
        back = keras.saving.load_model(path, compile=False)
        close(back(x, training=False).numpy(), wanted, TOLERANCE)
        assert len(back.trainable_weights) == len(model.trainable_weights)


def test_shared_layers(tmp_path):
    """One encoder for two pictures: its layers are called twice and trained once; numbers follow Keras' order."""
    layers = keras.layers

    def make(seed):
        keras.utils.set_random_seed(seed)
        shared = [layers.Conv2D(4, 3, activation="relu"), layers.BatchNormalization(), layers.Conv2D(5, 3)]
        a, b = keras.Input((12, 12, 3), name="a"), keras.Input((12, 12, 3), name="b")
        x = layers.Conv2D(3, 1)(a)  # one branch is longer, so that the calls lie apart
        y = b
        for layer in shared:
            x, y = layer(x), layer(y)
        x = layers.Subtract()([layers.Conv2D(5, 1)(x), y])
        return keras.Model([a, b], layers.Dense(2)(layers.GlobalAveragePooling2D()(x)))

    model, other = make(1), make(2)
    rng = np.random.default_rng(0)
    x = {name: rng.normal(0, 1, (3, 12, 12, 3)).astype(np.float32) for name in "ab"}
    (wanted,) = predict(model, x)
    model.save(tmp_path / "in.keras")
    model.export(tmp_path / "saved", verbose=False)
    for source, extension in (("in.keras", "keras"), ("in.keras", "h5"), ("saved", "keras"), ("saved", "h5")):
        back = keras.saving.load_model(export(tmp_path / source, tmp_path / f"o.{extension}"), compile=False)
        close(predict(back, x)[0], wanted, TOLERANCE)
        assert back.count_params() == model.count_params()
        other = make(3)
        other.load_weights(export(tmp_path / source, tmp_path / "o.weights.h5"))
        close(predict(other, x)[0], wanted, TOLERANCE)
    back.compile("sgd", "mse")
    back.fit([x["a"], x["b"]], np.ones((3, 2)), epochs=1, verbose=0)


def test_trained_by_graft(tmp_path):
    """A backbone with a head that Graft has trained goes on training in Keras."""
    from PIL import Image

    rng = np.random.default_rng(5)
    for c, name in enumerate(("red", "green", "blue")):
        (tmp_path / "pictures" / name).mkdir(parents=True)
        for i in range(6):
            pixels = rng.integers(0, 90, (32, 32, 3), np.uint8)
            pixels[..., c] += 120
            Image.fromarray(pixels).save(tmp_path / "pictures" / name / f"{i}.png")
    subprocess.run([BIN / "tiny_backbone", tmp_path / "backbone"], check=True)
    words = ["train", tmp_path / "pictures", "--backbone", tmp_path / "backbone", "--out", tmp_path / "model"]
    words += ["--epochs", "2", "--head", "dense:8,relu/dropout:0.2"]
    done = subprocess.run([GRAFT, *map(str, words)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    x = rng.uniform(0, 255, (4, 32, 32, 3)).astype(np.float32)
    signature = tf.saved_model.load(str(tmp_path / "model")).signatures["serving_default"]
    (key,) = signature.structured_input_signature[1]
    wanted = signature(**{key: tf.constant(x)})
    for extension in ("keras", "h5"):
        path = export(tmp_path / "model", tmp_path / f"out.{extension}")
        model = keras.saving.load_model(path, compile=False)
        found = predict(model, {key: x})
        for name, value in zip(sorted(wanted), found):
            close(wanted[name].numpy(), value, TOLERANCE)
        assert {"head_dense", "head_predictions"} <= {layer.name for layer in model.layers}
        last = keras.Model(model.inputs, model.get_layer("head_predictions").output)
        last.compile("adam", "sparse_categorical_crossentropy")
        last.fit(x, np.arange(4) % 3, epochs=1, verbose=0)
