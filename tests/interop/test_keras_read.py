"""Keras' files, read by Graft and run, against Keras 3 and tf_keras: .keras, .h5 and weights alone."""

import os
import pathlib
import subprocess

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import keras
import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from keras import layers as L
from keras import ops
from tf_keras import layers as L2

ROOT = pathlib.Path(__file__).resolve().parents[2]
GRAFT = pathlib.Path(os.environ.get("GRAFT", ROOT / "build" / "release" / "bin" / "graft"))
TOLERANCE = 2e-5  # of the range of an output
I = keras.Input  # noqa: E741
S = (12, 10, 6)


def graft(*words, ok=True):
    done = subprocess.run([GRAFT, *map(str, words)], capture_output=True, text=True)
    assert done.returncode in (0, 1, 2), done.stderr  # never a crash
    assert (done.returncode == 0) == ok, done.stderr
    return done.stderr


def layer_name(tensor):
    history = tensor._keras_history
    return history.operation.name if hasattr(history, "operation") else history.layer.name


def seed(model, rng):
    """Random weights; a Normalization learns of them."""
    for w in model.weights:
        name = w.path.split("/")[-1] if hasattr(w, "path") else w.name.split("/")[-1].split(":")[0]
        shape = tuple(w.shape)
        fan = max(1, int(np.prod(shape[:-1])))
        value = {
            "moving_variance": lambda: rng.uniform(0.5, 2, shape),
            "variance": lambda: rng.uniform(0.5, 2, shape),
            "gamma": lambda: rng.uniform(0.5, 1.5, shape),
            "alpha": lambda: rng.uniform(0, 0.4, shape),
            "kernel": lambda: rng.normal(0, 1 / np.sqrt(fan), shape),
        }.get(name, lambda: rng.normal(0, 0.3, shape))
        if name not in ("count", "seed_generator_state"):
            w.assign(value().astype("f4"))
    todo = list(model.layers)
    while todo:
        layer = todo.pop()
        todo += getattr(layer, "layers", [])
        if type(layer).__name__ == "Normalization":
            layer.finalize_state()


def feed(model, rng, batch, size):
    out = {}
    for t in model.inputs:
        shape = [batch] + [size if d is None else d for d in t.shape[1:]]
        integers = "int" in str(t.dtype)
        out[layer_name(t)] = (
            rng.integers(0, 7, shape).astype("int32") if integers else rng.normal(size=shape).astype("f4")
        )
    return out


def predict(model, inputs):
    values = list(inputs.values())
    y = model.predict(values if len(values) > 1 else values[0], verbose=0)
    return y if isinstance(y, (list, tuple)) else [y]


def output_names(model):
    names = []
    for tensor in model.outputs:
        base = name = layer_name(tensor)
        n = 0
        while name in names:
            n += 1
            name = f"{base}_{n}"
        names.append(name)
    return names


def run(path, inputs, folder):
    np.savez(folder / "in.npz", **inputs)
    graft("run", path, "--input", folder / "in.npz", "--output", folder / "out.npz")
    with np.load(folder / "out.npz") as z:
        return {k: z[k] for k in z.files}


def close(ours, theirs):
    assert ours.shape == theirs.shape
    spread = max(float(theirs.max() - theirs.min()), 1e-6) if theirs.size else 1
    assert np.abs(ours - theirs).max() <= TOLERANCE * spread


def check(model, folder, formats=("keras", "h5"), size=None, batch=2):
    rng = np.random.default_rng(5)
    seed(model, rng)
    inputs = feed(model, rng, batch, size)
    theirs = predict(model, inputs)
    names = output_names(model) if isinstance(model, keras.Model) else model.output_names
    for extension in formats:
        path = folder / f"m.{extension}"
        model.save(path)
        ours = run(path, inputs, folder)
        for name, y in zip(names, theirs):
            close(ours[name], y)


SEQUENTIAL = {
    "conv": (
        S,
        lambda: [
            L.Conv2D(8, 3, 2, "same", groups=2, activation="relu"),
            L.Conv2D(4, (3, 2), dilation_rate=2),
        ],
    ),
    "depthwise": (
        S,
        lambda: [
            L.DepthwiseConv2D(3, 2, "same", depth_multiplier=2),
            L.SeparableConv2D(5, 3, padding="same"),
        ],
    ),
    "transposed": (
        S,
        lambda: [L.Conv2DTranspose(3, 3, 2, "same"), L.Conv2DTranspose(3, 2, 3, output_padding=1)],
    ),
    "sequence": (
        (20, 5),
        lambda: [
            L.Conv1D(8, 4, 2, "same"),
            L.Conv1D(6, 3, padding="causal", dilation_rate=2),
            L.DepthwiseConv1D(3, depth_multiplier=2),
            L.SeparableConv1D(7, 3),
            L.ZeroPadding1D((1, 3)),
            L.UpSampling1D(3),
            L.MaxPooling1D(2),
            L.AveragePooling1D(2, padding="same"),
            L.Conv1DTranspose(3, 3, 2, "same"),
            L.GlobalAveragePooling1D(),
        ],
    ),
    "norms": (
        S,
        lambda: [
            L.BatchNormalization(scale=False),
            L.BatchNormalization(center=False, epsilon=0.01),
            L.LayerNormalization(),
            L.LayerNormalization(axis=[1, 2, 3]),
            L.GroupNormalization(3),
            L.UnitNormalization(axis=[1, 2]),
        ],
    ),
    "normalization": (
        S,
        lambda: [
            L.Normalization(),
            L.Normalization(axis=(1, 3)),
            L.Normalization(axis=None),
            L.Normalization(invert=True),
            L.Normalization(mean=[1.0] * 6, variance=[2.0] * 6),
            L.Rescaling([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 0.5),
        ],
    ),
    "dense": (
        (4, 6),
        lambda: [
            L.Dense(5, "tanh"),
            L.Flatten(),
            L.Dense(4),
            L.RepeatVector(3),
            L.Permute((2, 1)),
            L.Reshape((-1, 2, 3)),
        ],
    ),
    "pools": (
        S,
        lambda: [
            L.MaxPooling2D(3, 2, "same"),
            L.AveragePooling2D(2, 1, "same"),
            L.GlobalMaxPooling2D(keepdims=True),
        ],
    ),
    "margins": (
        S,
        lambda: [
            L.ZeroPadding2D(((1, 2), (3, 0))),
            L.Cropping2D(((1, 0), (2, 1))),
            L.UpSampling2D((2, 3)),
            L.UpSampling2D(2, interpolation="bilinear"),
        ],
    ),
    "relus": (
        S,
        lambda: [
            L.ReLU(6.0),
            L.ReLU(negative_slope=0.1, max_value=1.0),
            L.ReLU(threshold=0.2),
            L.LeakyReLU(0.2),
            L.ELU(0.7),
            L.PReLU(shared_axes=[1, 2]),
            L.Softmax(axis=1),
        ],
    ),
    "training_only": (
        (16, 16, 3),
        lambda: [
            L.RandomFlip(),
            L.RandomRotation(0.2),
            L.RandomZoom(0.2),
            L.RandomContrast(0.2),
            L.RandomCrop(8, 8),
            L.GaussianNoise(0.1),
            L.SpatialDropout2D(0.1),
            L.Dropout(0.3),
        ],
    ),
    "sizes": (
        (17, 23, 3),
        lambda: [
            L.Resizing(30, 12, crop_to_aspect_ratio=True),
            L.Resizing(9, 31, "nearest"),
            L.Resizing(20, 20, "bicubic"),
            L.CenterCrop(10, 12),
            L.Resizing(7, 9, "area"),
        ],
    ),
}


@pytest.mark.parametrize("name", SEQUENTIAL)
def test_layers(name, tmp_path):
    shape, made = SEQUENTIAL[name]
    check(keras.Sequential([I(shape), *made()]), tmp_path)


WORDS = "relu relu6 silu sigmoid hard_sigmoid hard_silu tanh softmax log_softmax elu selu softplus softsign".split()
WORDS += "gelu exponential leaky_relu mish linear".split()


def test_activations(tmp_path):
    x = I((8,))
    y = L.Dense(9)(x)
    check(keras.Model(x, [L.Activation(w)(y) for w in WORDS]), tmp_path, formats=("keras",))


def test_embedding_and_integers(tmp_path):
    check(keras.Sequential([I((9,), dtype="int32"), L.Embedding(10, 4), L.Flatten(), L.Dense(3)]), tmp_path)


def test_several_inputs_shared_layers(tmp_path):
    a, b, c = I((8, 8, 3), name="a"), I((8, 8, 3), name="b"), I((5,), name="c")
    conv, norm = L.Conv2D(4, 3, padding="same"), L.BatchNormalization()
    x, y = norm(conv(a)), norm(conv(b))
    parts = [
        L.Add()([x, y]),
        L.Multiply()([x, y]),
        L.Subtract()([x, y]),
        L.Average()([x, y]),
        L.Maximum()([x, y]),
    ]
    z = L.Concatenate()([L.GlobalAveragePooling2D()(L.Concatenate()(parts)), c])
    out = L.Dense(5, name="out")(z)
    check(keras.Model([a, b, c], [out, L.Dense(3)(z), out]), tmp_path)


def transfer():
    """Augmentation, preprocessing, a backbone of any size called twice, a head."""
    i = I((None, None, 3))
    x = L.BatchNormalization()(L.Conv2D(4, 3, name="c1")(i))
    back = keras.Model(i, L.Add()([x, L.DepthwiseConv2D(3, padding="same")(L.ReLU()(x))]), name="back")
    back.get_layer("c1").trainable = False
    i = I((16, 16, 3), name="im")
    x = keras.Sequential([L.RandomFlip(), L.RandomRotation(0.1)], name="aug")(i)
    x = L.Rescaling(1 / 127.5, -1)(x)
    head = keras.Sequential([L.Dense(8, "relu"), L.Dropout(0.2), keras.Sequential([L.Dense(6)])], name="head")
    y = L.GlobalAveragePooling2D()(back(x, training=False))
    return keras.Model(i, [head(y), head(L.GlobalMaxPooling2D()(back(x)))])


def test_models_in_models(tmp_path):
    check(transfer(), tmp_path)


def test_operations(tmp_path):
    i, j = I((6, 7, 4), name="x"), I((6, 7, 4), name="y")
    e = (i * j + 1.0) / (ops.abs(2.0 - i) + 1.0)
    e = e - ops.mean(e, axis=[1, 2], keepdims=True)
    e = e + ops.relu6(j) + ops.exp(-ops.square(i)) + ops.maximum(i, j) + ops.minimum(i, 0.3)
    f = ops.reshape(e, (-1, 42, 4))
    k = ops.softmax(ops.matmul(f, ops.transpose(f, (0, 2, 1))), axis=-1)
    s = ops.stack([f, f[:, :, ::-1]], axis=2)
    m = ops.sum(s, axis=-1) + ops.max(s, axis=-1) - ops.min(s, axis=-1)
    w = ops.where(ops.greater(m, 0.5), ops.clip(m, -1.0, 2.0), ops.power(ops.abs(m), 1.5))
    a, b = ops.split(i, 2, axis=-1)
    outs = [k, w, ops.var(w, axis=1), a * b, ops.pad(i, ((0, 0), (1, 2), (0, 0), (0, 1))), i[..., 0], i[:, 2]]
    outs += [
        ops.image.resize(i, (9, 11)),
        ops.max_pool(i, 2, 2, padding="same"),
        i * np.float32([1, 2, 3, 4]),
    ]
    outs += [
        ops.gelu(j),
        ops.leaky_relu(j),
        ops.cast(ops.cast(i * 3.0, "int32"), "float32"),
        ops.flip(j, axis=2),
    ]
    check(keras.Model([i, j], outs), tmp_path, formats=("keras",))


@pytest.mark.parametrize("top", [True, False])
def test_mobilenet_v2(top, tmp_path):
    size = (96, 96, 3) if top else (None, None, 3)
    model = keras.applications.MobileNetV2(
        weights=None, include_top=top, input_shape=size, alpha=0.35, classifier_activation=None
    )
    check(model, tmp_path, size=128, batch=3)


def test_what_is_not_read_is_named(tmp_path):
    keras.Sequential([I((5, 6)), L.LSTM(4, name="memory")]).save(tmp_path / "m.keras")
    np.save(tmp_path / "x.npy", np.zeros((1, 5, 6), "f4"))
    words = ("--input", tmp_path / "x.npy", "--output", tmp_path / "y.npz")
    assert "layer 'memory' of class LSTM is not read" in graft("run", tmp_path / "m.keras", *words, ok=False)
    graft("summary", tmp_path / "m.keras", "--ops")


# ---- Keras 2 ----


def keras2_nested():
    i = tf_keras.Input((None, None, 3))
    x = L2.BatchNormalization()(L2.Conv2D(4, 3)(i))
    back = tf_keras.Model(i, L2.BatchNormalization()(L2.Conv2D(4, 1)(L2.ReLU()(x))), name="back")
    i = tf_keras.Input((16, 16, 3))
    x = tf_keras.Sequential([L2.RandomFlip()], name="aug")(i)
    x = x / 127.5 - 1.0
    head = tf_keras.Sequential([L2.Dense(7), L2.Dense(3)], name="head")
    y = head(L2.GlobalAveragePooling2D()(back(x)))
    return tf_keras.Model(i, [y, head(L2.GlobalMaxPooling2D()(back(x[:, ::-1])))])


def keras2_functions():
    i = tf_keras.Input((6, 5, 4))
    a = tf.nn.relu6(i) + tf.nn.swish(i) * tf.math.sigmoid(i)
    a = a - tf.reduce_mean(a, [1, 2], keepdims=True)
    b = tf.transpose(tf.reshape(tf.concat([a, 1.0 - a], -1), [-1, 30, 8]), [0, 2, 1])
    c = tf.stack([tf.reduce_max(b, -1), tf.clip_by_value(b[:, :, 0], -1.0, 1.0)], axis=1)
    d = L2.Activation("hard_sigmoid")(i)
    return tf_keras.Model(i, [c, tf.image.resize(i, [9, 8]), tf.nn.gelu(i), tf.maximum(d, 0.2)])


@pytest.mark.parametrize("made", [keras2_nested, keras2_functions])
def test_keras_2(made, tmp_path):
    check(made(), tmp_path)


# ---- weights ----


@pytest.mark.parametrize("extension", ["weights.h5", "keras", "h5"])
@pytest.mark.parametrize("source", ["keras", "savedmodel"])
def test_weights_into_a_model(extension, source, tmp_path):
    rng = np.random.default_rng(8)

    def made():
        keras.backend.clear_session()
        i = I((12, 12, 3), name="im")
        x = L.ReLU()(L.BatchNormalization(scale=False)(L.Conv2D(4, 3)(i)))
        x = L.SeparableConv2D(8, 3)(L.BatchNormalization()(L.DepthwiseConv2D(3)(x)))
        x = L.LayerNormalization()(L.Dense(7)(L.GlobalAveragePooling2D()(x)))
        model = keras.Model(i, L.Dense(5, name="out")(x))
        seed(model, rng)
        return model

    first, second = made(), made()
    start = tmp_path / "first.keras"
    if source == "keras":
        first.save(start)
    else:
        start = tmp_path / "first"
        first.export(start, verbose=False)
    weights = tmp_path / f"second.{extension}"
    (second.save_weights if extension == "weights.h5" else second.save)(weights)
    inputs = feed(second, rng, 2, None)
    graft("convert", start, tmp_path / "out", "--weights", weights)
    ours = run(tmp_path / "out", inputs, tmp_path)
    close(next(iter(ours.values())), predict(second, inputs)[0])


@pytest.mark.parametrize("by_name", [False, True])
def test_weights_of_keras_2(by_name, tmp_path):
    rng = np.random.default_rng(9)
    first, second = keras2_nested(), keras2_nested()
    seed(first, rng)
    seed(second, rng)
    first.save(tmp_path / "first.h5")
    second.save_weights(tmp_path / "second.h5")
    inputs = feed(second, rng, 2, None)
    words = ["--by-name"] if by_name else []
    if by_name:  # names are of one session
        for layer, other in zip(second.layers, first.layers):
            layer._name = other.name
        second.save_weights(tmp_path / "second.h5")
    graft("convert", tmp_path / "first.h5", tmp_path / "out", "--weights", tmp_path / "second.h5", *words)
    theirs = predict(second, inputs)
    ours = run(tmp_path / "out", {layer_name(first.inputs[0]): next(iter(inputs.values()))}, tmp_path)
    for y in theirs:
        assert any(o.shape == y.shape and np.abs(o - y).max() <= TOLERANCE * np.ptp(y) for o in ours.values())
