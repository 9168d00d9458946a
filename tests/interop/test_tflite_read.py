"""TFLite files that the real converter writes, run by Graft, against LiteRT."""

import os
import pathlib
import subprocess

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import numpy as np
import pytest

tf = pytest.importorskip("tensorflow")
keras = pytest.importorskip("keras")
from ai_edge_litert.interpreter import Interpreter

ROOT = pathlib.Path(__file__).resolve().parents[2]
GRAFT = pathlib.Path(os.environ.get("GRAFT", ROOT / "build" / "release" / "bin" / "graft"))
CONVERTER = tf.lite.TFLiteConverter


def graft(*words):
    done = subprocess.run([GRAFT, *map(str, words)], capture_output=True, text=True)
    assert done.returncode in (0, 1, 2), done.stderr  # never a crash
    return done


def run_graft(path, inputs, folder):
    np.savez(folder / "in.npz", **inputs)
    done = graft("run", path, "--input", folder / "in.npz", "--output", folder / "out.npz")
    assert done.returncode == 0, done.stderr
    with np.load(folder / "out.npz") as z:
        return {k: z[k] for k in z.files}


def concrete(shape, batch, size):
    """Sizes for what a shape leaves open: the batch first, then the size."""
    return [batch if i == 0 and d < 0 else size if d < 0 else int(d) for i, d in enumerate(shape)]


def random_input(detail, shape, rng):
    if np.issubdtype(detail["dtype"], np.integer):
        limits = np.iinfo(detail["dtype"])
        narrow = limits.bits == 8
        low, high = (limits.min, limits.max + 1) if narrow else (0, 4)
        return rng.integers(low, high, shape).astype(detail["dtype"])
    return rng.normal(0, 1, shape).astype(detail["dtype"])


def run_litert(path, batch, size, seed=3):
    """Random inputs, and outputs, by the signature's names."""
    rng = np.random.default_rng(seed)
    interpreter = Interpreter(str(path), num_threads=1)
    runner = interpreter.get_signature_runner()
    inputs = {}
    for name, detail in runner.get_input_details().items():
        shape = concrete(detail["shape_signature"], batch, size)
        inputs[name] = random_input(detail, shape, rng)
    return inputs, runner(**inputs)


def compare(path, folder, batch=1, size=6, tolerance=2e-5, levels=0):
    inputs, theirs = run_litert(path, batch, size)
    ours = run_graft(path, inputs, folder)
    assert set(ours) == set(theirs)
    for name, reference in theirs.items():
        assert ours[name].shape == reference.shape, (name, ours[name].shape, reference.shape)
        assert ours[name].dtype == reference.dtype
        if reference.dtype == np.float32:
            span = np.ptp(reference) if reference.size > 1 else np.abs(reference).max()
            gap = np.abs(ours[name] - reference).max(initial=0)
            assert gap <= tolerance * max(float(span), 1e-3), (name, gap, span)
        elif levels == 0:
            assert (ours[name] == reference).all()
        else:
            gap = np.abs(ours[name].astype(int) - reference.astype(int))
            assert gap.max() <= levels, (name, np.unique(gap, return_counts=True))


def save(converter, folder, name="net"):
    path = folder / f"{name}.tflite"
    path.write_bytes(converter.convert())
    return path


def op_names(path):
    rows = [line.split() for line in graft("summary", path, "--ops").stdout.splitlines()]
    return {row[1]: int(row[0]) for row in rows if row and row[0].isdigit()}


# ---- nets, in every kind of file ----


def spread(model, seed=5):
    """Statistics that differ from channel to channel; a random net's logits collapse otherwise."""
    rng = np.random.default_rng(seed)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            n = layer.get_weights()[0].shape
            values = (rng.uniform(0.7, 1.3, n), rng.normal(0, 0.2, n), rng.normal(0, 0.2, n))
            layer.set_weights([*values, rng.uniform(0.5, 1.5, n)])
    return model


def small_net(size):
    layers = keras.layers
    keras.utils.set_random_seed(11)
    x = inputs = keras.Input((size, size, 3), name="picture")
    x = layers.Conv2D(8, 3, strides=2, padding="same", use_bias=False, name="conv")(x)
    x = layers.BatchNormalization(name="bn")(x)
    x = layers.ReLU(6.0, name="act")(x)
    x = layers.DepthwiseConv2D(3, padding="same", depth_multiplier=2, name="dw")(x)
    x = layers.Activation("hard_swish", name="hs")(x)
    gate = layers.GlobalAveragePooling2D(keepdims=True, name="pool")(x)
    gate = layers.Conv2D(4, 1, activation="relu", name="squeeze")(gate)
    gate = layers.Conv2D(16, 1, activation="hard_sigmoid", name="excite")(gate)
    x = layers.Multiply(name="gated")([x, gate])
    x = layers.Conv2D(16, 1, activation="swish", name="project")(x)
    x = layers.Add(name="sum")([x, layers.AveragePooling2D(3, 1, "same", name="mean")(x)])
    x = layers.MaxPooling2D(2, name="max")(x)
    x = layers.Flatten(name="flat")(x) if size else layers.GlobalAveragePooling2D(name="gap")(x)
    x = layers.Dense(64, activation="relu", name="hidden")(x)
    return spread(keras.Model(inputs, layers.Dense(10, name="logits")(x)))


def pictures(size):
    rng = np.random.default_rng(1)
    return lambda: ([rng.normal(0, 1, (1, size, size, 3)).astype(np.float32)] for _ in range(20))


@pytest.fixture(scope="module")
def net():
    return small_net(16)


@pytest.mark.parametrize("batch", [1, 3])
def test_float(net, batch, tmp_path):
    path = save(CONVERTER.from_keras_model(net), tmp_path)
    compare(path, tmp_path, batch)
    listing = graft("summary", path).stdout
    for op in ("conv2d+relu6", "hard_swish", "conv2d+hard_sigmoid", "conv2d+silu", "dense+relu"):
        assert op in listing, listing


def test_any_size(tmp_path):
    path = save(CONVERTER.from_keras_model(small_net(None)), tmp_path)
    compare(path, tmp_path, 2, 19)
    compare(path, tmp_path, 1, 32)


def test_float16(net, tmp_path):
    converter = CONVERTER.from_keras_model(net)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_types = [tf.float16]
    path = save(converter, tmp_path)
    assert op_names(path)["DEQUANTIZE"] > 5
    compare(path, tmp_path, 2)
    assert "dequantize" not in graft("summary", path).stdout


def test_dynamic_range(net, tmp_path):
    """LiteRT rounds the activations of these too; Graft computes with the floats."""
    converter = CONVERTER.from_keras_model(net)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    compare(save(converter, tmp_path), tmp_path, 2, tolerance=0.02)


@pytest.mark.parametrize("io", [tf.float32, tf.int8, tf.uint8], ids=lambda d: d.name)
def test_int8(net, io, tmp_path):
    converter = CONVERTER.from_keras_model(net)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = pictures(16)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = io
    path = save(converter, tmp_path)
    compare(path, tmp_path, 2, tolerance=0.01, levels=2)


def test_mobilenet_v2(tmp_path):
    keras.utils.set_random_seed(2)
    body = keras.applications.MobileNetV2((None, None, 3), weights=None, include_top=False, pooling="avg")
    scores = keras.layers.Dense(50, kernel_initializer="random_normal", name="logits")(body.output)
    path = save(CONVERTER.from_keras_model(spread(keras.Model(body.input, scores))), tmp_path)
    compare(path, tmp_path, 1, 128)
    compare(path, tmp_path, 3, 96)


def test_signatures(tmp_path):
    class Module(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None, 4], name="x")])
        def double(self, x):
            return {"twice": x * 2.0}

        @tf.function(input_signature=[tf.TensorSpec([None, 4], name="a"), tf.TensorSpec([4], name="b")])
        def join(self, a, b):
            return {"sum": a + b, "difference": a - b}

    module = Module()
    tf.saved_model.save(module, str(tmp_path / "m"), {"double": module.double, "join": module.join})
    path = save(CONVERTER.from_saved_model(str(tmp_path / "m"), ["double", "join"]), tmp_path)
    a, b = np.arange(8, dtype=np.float32).reshape(2, 4), np.ones(4, np.float32)
    np.savez(tmp_path / "in.npz", a=a, b=b)
    done = graft(
        *("run", path, "--signature", "join"),
        *("--input", tmp_path / "in.npz", "--output", tmp_path / "o.npz"),
    )
    assert done.returncode == 0, done.stderr
    with np.load(tmp_path / "o.npz") as z:
        assert (z["sum"] == a + b).all() and (z["difference"] == a - b).all()


# ---- operators one by one ----

RNG = np.random.default_rng(0)


def weight(*shape):
    return tf.constant(RNG.normal(0, 1, shape).astype(np.float32))


def transposed(x):
    size = [tf.shape(x)[0], 12, 12, 3]
    return tf.nn.conv2d_transpose(x, weight(3, 3, 3, 4), size, 2, "SAME") + weight(3)


POSITIVE = [
    ("gelu", lambda x: 0.5 * x * (1.0 + tf.math.erf(x * 0.70710678))),
    ("log", lambda x: tf.math.log(tf.abs(x) + 1.0)),
    ("sqrt", lambda x: tf.sqrt(tf.abs(x))),
    ("rsqrt", lambda x: tf.math.rsqrt(tf.abs(x) + 0.5)),
    ("pow", lambda x: tf.pow(tf.abs(x) + 0.5, 1.7)),
]
UNARY = [
    (f.__name__, f)
    for f in (
        *(tf.nn.relu, tf.nn.relu6, tf.tanh, tf.sigmoid, tf.exp, tf.abs, tf.negative, tf.floor, tf.math.ceil),
        *(tf.round, tf.sin, tf.cos, tf.square, tf.nn.elu, tf.nn.leaky_relu, tf.nn.softmax, tf.nn.log_softmax),
    )
]
PICTURE = [
    ("conv_same", lambda x: tf.nn.conv2d(x, weight(3, 3, 4, 5), 2, "SAME")),
    ("conv_valid", lambda x: tf.nn.conv2d(x, weight(2, 3, 4, 5), 1, "VALID")),
    ("conv_groups", lambda x: tf.nn.conv2d(x, weight(3, 3, 2, 6), 1, "SAME")),
    ("conv_dilated", lambda x: tf.nn.conv2d(x, weight(3, 3, 4, 5), 1, "SAME", dilations=2)),
    ("conv_bias", lambda x: tf.nn.relu(tf.nn.conv2d(x, weight(1, 1, 4, 3), 1, "SAME") + weight(3))),
    ("depthwise", lambda x: tf.nn.depthwise_conv2d(x, weight(3, 3, 4, 1), [1, 2, 2, 1], "SAME")),
    ("transpose_conv", lambda x: transposed(x)),
    ("max_pool", lambda x: tf.nn.max_pool2d(x, 3, 2, "SAME")),
    ("avg_pool", lambda x: tf.nn.avg_pool2d(x, 3, 1, "SAME")),
    ("avg_valid", lambda x: tf.nn.avg_pool2d(x, 2, 2, "VALID")),
    ("bilinear", lambda x: tf.image.resize(x, [9, 11])),
    ("nearest", lambda x: tf.image.resize(x, [9, 11], "nearest")),
    ("bilinear_corners", lambda x: tf.compat.v1.image.resize_bilinear(x, [9, 11], align_corners=True)),
    ("bilinear_legacy", lambda x: tf.compat.v1.image.resize_bilinear(x, [3, 4])),
    ("pad", lambda x: tf.pad(x, [[0, 0], [1, 2], [0, 1], [0, 0]])),
    ("pad_value", lambda x: tf.pad(x, [[0, 0], [1, 2], [0, 1], [0, 0]], constant_values=2.5)),
    ("mirror", lambda x: tf.pad(x, [[0, 0], [1, 2], [2, 1], [0, 0]], "REFLECT")),
    ("mirror_symmetric", lambda x: tf.pad(x, [[0, 0], [1, 2], [2, 1], [0, 0]], "SYMMETRIC")),
    ("depth_to_space", lambda x: tf.nn.depth_to_space(x, 2)),
    ("space_to_depth", lambda x: tf.nn.space_to_depth(x, 2)),
    ("lrn", lambda x: tf.nn.local_response_normalization(x, 1, 1.0, 0.3, 0.7)),
    ("mean", lambda x: tf.reduce_mean(x, [1, 2])),
    ("mean_keep", lambda x: tf.reduce_mean(x, [1, 2], keepdims=True)),
    ("sum", lambda x: tf.reduce_sum(x, -1)),
    ("max", lambda x: tf.reduce_max(x, [1, 3])),
    ("min", lambda x: tf.reduce_min(x, 2)),
    ("prod", lambda x: tf.reduce_prod(x, 3, keepdims=True)),
    ("l2_normalize", lambda x: tf.math.l2_normalize(x, -1)),
    ("prelu", lambda x: tf.nn.relu(x) - weight(4) * tf.nn.relu(-x)),
    ("hard_swish", lambda x: keras.activations.hard_swish(x)),
    ("silu", lambda x: keras.activations.silu(x)),
    ("gelu_tanh", lambda x: tf.nn.gelu(x, approximate=True)),
    ("clip", lambda x: tf.clip_by_value(x, -1.0, 1.0)),
    ("concat", lambda x: tf.concat([x, x * 2.0], 3)),
    ("split", lambda x: tuple(tf.split(x, 2, 3))),
    ("split_sizes", lambda x: tuple(tf.split(x, [1, 3], 3))),
    ("unstack", lambda x: tuple(tf.unstack(x, axis=3))),
    ("stack", lambda x: tf.stack([x, -x], 2)),
    ("slice", lambda x: tf.slice(x, [0, 1, 0, 1], [-1, 3, -1, 2])),
    ("strided", lambda x: x[:, ::-2, 1:4, ..., tf.newaxis]),
    ("shrink", lambda x: x[:, 2, :, -1]),
    ("transpose", lambda x: tf.transpose(x, [0, 3, 1, 2])),
    ("flatten", lambda x: tf.reshape(x, [tf.shape(x)[0], -1])),
    ("reshape", lambda x: tf.reshape(x, [-1, 4])),
    ("squeeze", lambda x: tf.squeeze(x[:, :1], [1])),
    ("expand", lambda x: tf.expand_dims(x, 1)),
    ("tile", lambda x: tf.tile(x, [1, 2, 1, 3])),
    ("gather", lambda x: tf.gather(x, [3, 0, 0], axis=3)),
    ("cumsum", lambda x: tf.cumsum(x, 2, exclusive=True, reverse=True)),
    ("reverse", lambda x: tf.reverse(x, [1])),
    ("argmax", lambda x: tf.argmax(x, 3, tf.int32)),
    ("top_k", lambda x: tuple(tf.math.top_k(x, 2))),
    ("cast", lambda x: tf.cast(x * 3.0, tf.int32)),
    ("compare", lambda x: tf.where(x > 0.3, x, x * x)),
    ("where_scalar", lambda x: tf.where(tf.logical_and(x > -1.0, x <= 0.5), x, 0.0)),
    ("maximum", lambda x: tf.maximum(x, 0.2) + tf.minimum(x, weight(4))),
    ("broadcast", lambda x: x / (tf.abs(weight(6, 1, 4)) + 0.5) - weight(6, 1)),
    ("squared_difference", lambda x: tf.math.squared_difference(x, weight(4))),
    ("floor_mod", lambda x: tf.math.floormod(x, 0.7) + tf.math.floordiv(x, 0.7)),
    ("matmul", lambda x: tf.matmul(x, weight(4, 7))),
    ("batch_matmul", lambda x: tf.matmul(x, x, transpose_b=True)),
    ("dense_rows", lambda x: tf.matmul(tf.reshape(x, [-1, 144]), weight(144, 5)) + weight(5)),
    ("one_hot", lambda x: tf.one_hot(tf.argmax(x, 3, tf.int32), 4)),
    ("fill_like", lambda x: x + tf.fill([4], 2.0) + tf.zeros_like(x)),
]


def convert_functions(functions):
    """One net with an output, or several, per function."""

    def outputs(x):
        named = {}
        for name, function in functions:
            y = function(x)
            for i, v in enumerate(y if isinstance(y, tuple) else (y,)):
                named[f"{name}_{i}"] = v
        return named

    module = tf.Module()
    module.call = tf.function(outputs, input_signature=[tf.TensorSpec([None, 6, 6, 4], tf.float32, name="x")])
    return CONVERTER.from_concrete_functions([module.call.get_concrete_function()], module)


@pytest.mark.parametrize("functions", [UNARY + POSITIVE, PICTURE], ids=["elementwise", "pictures"])
def test_operators(functions, tmp_path):
    path = save(convert_functions(functions), tmp_path)
    compare(path, tmp_path, 2)
    compare(path, tmp_path, 1)


def test_flex_operators_are_named(tmp_path):
    converter = convert_functions([("y", lambda x: tf.linalg.det(x[:, :, :4]))])
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS, tf.lite.OpsSet.SELECT_TF_OPS]
    path = save(converter, tmp_path)
    assert "FlexMatrixDeterminant" in graft("summary", path, "--ops").stdout
    done = graft("run", path, "--input", tmp_path / "none.npz", "--output", tmp_path / "out.npz")
    assert done.returncode != 0 and "FlexMatrixDeterminant" in done.stderr
