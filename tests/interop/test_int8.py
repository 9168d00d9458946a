"""Quantised .tflite files run as integers: every element is the one that LiteRT's default interpreter gives.

The rules, and where LiteRT's own paths differ, are in docs/quantization.md.
"""

import os
import pathlib
import subprocess

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import numpy as np
import pytest

pytest.importorskip("ai_edge_litert")
import int8_files as files
from int8_files import ACTIVATION, OP, options, random_integers, random_params

ROOT = pathlib.Path(__file__).resolve().parents[2]
GRAFT = pathlib.Path(os.environ.get("GRAFT", ROOT / "build" / "release" / "bin" / "graft"))
S8, U8 = np.int8, np.uint8
SAME, VALID = 0, 1


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


def steps(path):
    """Which ops run, as the profile has them."""
    done = graft("bench", path, "--runs", "1", "--warmup", "0", "--profile")
    assert done.returncode == 0, done.stderr
    rows = [line.split() for line in done.stdout.splitlines()]
    first = next(i for i, row in enumerate(rows) if row[:2] == ["step", "op"])
    return [row[-4] for row in rows[first + 1 :] if len(row) >= 5]


def check(path, inputs, folder, joined=None, levels=0):
    """Same names, types, shapes and integers; joined: the ops that run, no others."""
    theirs = files.litert(path, inputs)
    ours = run_graft(path, inputs, folder)
    assert set(ours) == set(theirs)
    for name, reference in theirs.items():
        assert ours[name].shape == reference.shape and ours[name].dtype == reference.dtype
        gap = np.abs(ours[name].astype(np.float64) - reference.astype(np.float64))
        assert gap.max(initial=0) <= levels, (name, np.unique(gap, return_counts=True))
    if joined is not None:
        assert set(steps(path)) == set(joined), steps(path)
    return theirs


# ---- one operator, scales at random ----


def unary_file(folder, op, dtype, to, x, y, version=2, more=None):
    f = files.File()
    a = f.input("x", (1, 2, 128), dtype, *x)
    b = f.tensor("y", (1, 2, 128), to, *y)
    f.operator(op, [a], [b], version, more)
    return f.save(folder / "net.tflite", [b])


def all_integers(dtype):
    first, last = files.limits(dtype)
    return np.arange(first, last + 1).astype(dtype).reshape(1, 2, 128)


UNARY = [
    "LOGISTIC",
    "TANH",
    "HARD_SWISH",
    "RELU",
    "RELU6",
    "LEAKY_RELU",
    "ELU",
    "EXP",
    "GELU",
    "ABS",
    "QUANTIZE",
]
ONLY_INT8 = {"ELU", "EXP", "ABS"}


@pytest.mark.parametrize("dtype", [S8, U8])
@pytest.mark.parametrize("name", UNARY)
def test_functions(name, dtype, tmp_path):
    if dtype == U8 and name in ONLY_INT8:
        return  # LiteRT has none
    rng = np.random.default_rng(UNARY.index(name) * 2 + (dtype == U8))
    for trial in range(8):
        x, y = random_params(rng, dtype), random_params(rng, dtype)
        if trial % 3 == 0 and name not in ("LOGISTIC", "TANH"):
            y = x
        if name == "LOGISTIC":
            y = (1 / 256, files.limits(dtype)[0])
        if name == "TANH":
            y = (1 / 128, 0 if dtype == S8 else 128)
        more = options("LeakyRelu", alpha=0.1) if name == "LEAKY_RELU" else None
        version = 1 if name in ("HARD_SWISH", "ELU") else 2
        path = unary_file(tmp_path, getattr(OP, name), dtype, dtype, x, y, version, more)
        same = x == y and name == "QUANTIZE"
        # LiteRT's tanhf is one unit in the last place off where a table of ours is not
        levels = int(name == "TANH" and dtype == U8)
        check(path, {"x": all_integers(dtype)}, tmp_path, None if same else ["qlookup"], levels)


@pytest.mark.parametrize("dtype", [S8, U8])
def test_change_of_type(dtype, tmp_path):
    rng = np.random.default_rng(50)
    to = U8 if dtype == S8 else S8
    for trial in range(8):
        x = random_params(rng, dtype)
        shift = 128 if dtype == S8 else -128
        y = (x[0], x[1] + shift) if trial % 2 else random_params(rng, to)
        path = unary_file(tmp_path, OP.QUANTIZE, dtype, to, x, y)
        check(path, {"x": all_integers(dtype)}, tmp_path, ["qlookup"])


@pytest.mark.parametrize("dtype", [S8, U8])
def test_float_ends(dtype, tmp_path):
    rng = np.random.default_rng(60)
    for _ in range(4):
        f = files.File()
        q = random_params(rng, dtype)
        a = f.input("x", (1, 4000), np.float32)
        b = f.tensor("b", (1, 4000), dtype, *q)
        c = f.tensor("c", (1, 4000), np.float32)
        f.operator(OP.QUANTIZE, [a], [b])
        f.operator(OP.DEQUANTIZE, [b], [c], 2)
        path = f.save(tmp_path / "net.tflite", [b, c])
        x = rng.normal(0, 60 * q[0], (1, 4000))
        x[0, ::2] = (rng.integers(-300, 300, 2000) + 0.5) * q[0]  # halves
        check(path, {"x": x.astype(np.float32)}, tmp_path)


BINARY = {"ADD": "Add", "SUB": "Sub", "MUL": "Mul"}


def binary_file(folder, name, dtype, shapes, a, b, y, activation=0, constant=None):
    f = files.File()
    shape = np.broadcast_shapes(*shapes)
    left = f.input("a", shapes[0], dtype, *a)
    right = f.constant("b", constant, *b) if constant is not None else f.input("b", shapes[1], dtype, *b)
    out = f.tensor("y", shape, dtype, *y)
    more = options(BINARY[name], fusedActivationFunction=activation)
    f.operator(getattr(OP, name), [left, right], [out], 2, more)
    return f.save(folder / "net.tflite", [out])


@pytest.mark.parametrize("dtype", [S8, U8])
@pytest.mark.parametrize("name", BINARY)
def test_binary(name, dtype, tmp_path):
    rng = np.random.default_rng(70 + list(BINARY).index(name))
    shapes = [
        ((1, 9, 11, 13),) * 2,
        ((2, 5, 7, 24), (2, 1, 1, 24)),
        ((1, 6, 6, 8), (1, 1, 1, 1)),
        ((3, 40), (40,)),
    ]
    for trial in range(12):
        pair = shapes[trial % 4]
        a, b, y = (random_params(rng, dtype) for _ in range(3))
        activation = [ACTIVATION.NONE, ACTIVATION.RELU, ACTIVATION.RELU6][trial % 3]
        path = binary_file(tmp_path, name, dtype, pair, a, b, y, activation)
        inputs = {"a": random_integers(rng, dtype, pair[0]), "b": random_integers(rng, dtype, pair[1])}
        check(path, inputs, tmp_path, ["q" + name.lower()])


@pytest.mark.parametrize("name", BINARY)
def test_with_a_number(name, tmp_path):
    """One integer beside the picture: a table."""
    rng = np.random.default_rng(80)
    for trial in range(6):
        a, b, y = (random_params(rng, S8) for _ in range(3))
        shape = [(), (1,), (1, 1, 1, 1)][trial % 3]
        path = binary_file(
            tmp_path, name, S8, ((1, 4, 8, 8), shape), a, b, y, 0, random_integers(rng, S8, shape)
        )
        check(path, {"a": all_integers(S8).reshape(1, 4, 8, 8)}, tmp_path, ["qlookup"])


# ---- convolutions and matrix products ----


def conv_file(
    folder, rng, dtype, c, o, k, stride, padding, activation, dilation=1, groups=1, per_channel=True
):
    f = files.File()
    x = random_params(rng, dtype, -2, -1)
    w = rng.integers(-127, 128, (o, k, k, c // groups)).astype(S8)
    scales = (10 ** rng.uniform(-3, -2, o if per_channel else 1)).astype(np.float32)
    bias = rng.integers(-4000, 4000, o).astype(np.int32)
    spread = np.sqrt(k * k * c / groups) * 70 * 70 * x[0] * scales.mean() / 40
    y = (
        np.float32(rng.uniform(0.02, 0.2) if activation == ACTIVATION.RELU6 else spread),
        int(rng.integers(-40, 40)),
    )
    if dtype == U8:
        y = (y[0], y[1] + 128)
    size = 11
    reach = (k - 1) * dilation + 1
    out = -(-size // stride) if padding == SAME else (size - reach) // stride + 1
    a = f.input("x", (2, size, size, c), dtype, *x)
    inputs = [a, f.constant("w", w, scales), f.constant("b", bias, x[0] * scales)]
    b = f.tensor("y", (2, out, out, o), dtype, *y)
    more = options(
        "Conv2D",
        padding=padding,
        strideH=stride,
        strideW=stride,
        dilationHFactor=dilation,
        dilationWFactor=dilation,
        fusedActivationFunction=activation,
    )
    f.operator(OP.CONV_2D, inputs, [b], 6 if groups > 1 else 3, more)
    return f.save(folder / "net.tflite", [b]), {"x": random_integers(rng, dtype, (2, size, size, c))}


CONVS = [
    # channels, outputs, kernel, stride, padding, activation, dilation, groups, a scale per channel
    (8, 16, 1, 1, SAME, 0, 1, 1, True),
    (33, 7, 1, 1, SAME, 3, 1, 1, True),
    (16, 24, 1, 2, VALID, 1, 1, 1, True),
    (3, 16, 3, 2, SAME, 3, 1, 1, True),
    (12, 20, 3, 1, SAME, 0, 1, 1, False),
    (12, 20, 3, 1, VALID, 1, 1, 1, True),
    (5, 9, 5, 1, SAME, 0, 1, 1, True),
    (8, 8, 3, 1, SAME, 0, 2, 1, True),
    (16, 32, 3, 1, SAME, 0, 1, 4, True),
    (64, 130, 1, 1, SAME, 0, 1, 1, True),
]


@pytest.mark.parametrize("case", range(len(CONVS)))
def test_conv2d(case, tmp_path):
    rng = np.random.default_rng(100 + case)
    c, o, k, stride, padding, activation, dilation, groups, per = CONVS[case]
    for _ in range(3):
        path, inputs = conv_file(
            tmp_path, rng, S8, c, o, k, stride, padding, activation, dilation, groups, per
        )
        check(path, inputs, tmp_path, ["qconv2d"])


DEPTHWISE = [
    (8, 1, 3, 1, SAME, 0),
    (33, 1, 3, 2, SAME, 3),
    (16, 1, 5, 1, VALID, 1),
    (6, 4, 3, 1, SAME, 0),
    (40, 1, 7, 2, SAME, 0),
]


@pytest.mark.parametrize("case", range(len(DEPTHWISE)))
def test_depthwise(case, tmp_path):
    rng = np.random.default_rng(120 + case)
    c, multiplier, k, stride, padding, activation = DEPTHWISE[case]
    o, size = c * multiplier, 13
    for _ in range(3):
        f = files.File()
        x = random_params(rng, S8, -2, -1)
        scales = (10 ** rng.uniform(-3, -2, o)).astype(np.float32)
        w = rng.integers(-127, 128, (1, k, k, o)).astype(S8)
        spread = k * 70 * 70 * x[0] * scales.mean() / 40
        y = (np.float32(rng.uniform(0.02, 0.2) if activation == 3 else spread), int(rng.integers(-40, 40)))
        out = -(-size // stride) if padding == SAME else (size - k) // stride + 1
        a = f.input("x", (1, size, size, c), S8, *x)
        bias = rng.integers(-4000, 4000, o).astype(np.int32)
        inputs = [a, f.constant("w", w, scales, axis=3), f.constant("b", bias, x[0] * scales)]
        b = f.tensor("y", (1, out, out, o), S8, *y)
        more = options(
            "DepthwiseConv2D",
            padding=padding,
            strideH=stride,
            strideW=stride,
            depthMultiplier=multiplier,
            dilationHFactor=1,
            dilationWFactor=1,
            fusedActivationFunction=activation,
        )
        f.operator(OP.DEPTHWISE_CONV_2D, inputs, [b], 3, more)
        path = f.save(tmp_path / "net.tflite", [b])
        check(path, {"x": random_integers(rng, S8, (1, size, size, c))}, tmp_path, ["qdepthwise_conv2d"])


@pytest.mark.parametrize("per_channel", [False, True])
@pytest.mark.parametrize("activation", [ACTIVATION.NONE, ACTIVATION.RELU])
def test_fully_connected(per_channel, activation, tmp_path):
    rng = np.random.default_rng(140)
    for k, o, rows in ((64, 10, 1), (33, 100, 5), (1280, 7, 1)):
        f = files.File()
        x = random_params(rng, S8, -2, -1)
        scales = (10 ** rng.uniform(-3, -2, o if per_channel else 1)).astype(np.float32)
        w = rng.integers(-127, 128, (o, k)).astype(S8)
        y = (np.float32(np.sqrt(k) * 70 * 70 * x[0] * scales.mean() / 40), int(rng.integers(-40, 40)))
        a = f.input("x", (rows, k), S8, *x)
        bias = rng.integers(-4000, 4000, o).astype(np.int32)
        inputs = [a, f.constant("w", w, scales), f.constant("b", bias, x[0] * scales)]
        b = f.tensor("y", (rows, o), S8, *y)
        more = options("FullyConnected", fusedActivationFunction=activation)
        f.operator(OP.FULLY_CONNECTED, inputs, [b], 12 if per_channel else 4, more)
        path = f.save(tmp_path / "net.tflite", [b])
        check(path, {"x": random_integers(rng, S8, (rows, k))}, tmp_path, ["qdense"])


# ---- means, pools, moves ----


@pytest.mark.parametrize("dtype", [S8, U8])
def test_mean(dtype, tmp_path):
    rng = np.random.default_rng(150)
    for trial, (h, w, c) in enumerate(((7, 7, 96), (14, 14, 33), (1, 9, 8), (56, 56, 24), (3, 5, 200))):
        f = files.File()
        x = random_params(rng, dtype)
        y = (np.float32(x[0] * rng.uniform(0.05, 1)), random_params(rng, dtype)[1])
        keep = bool(trial % 2)
        a = f.input("x", (2, h, w, c), dtype, *x)
        axes = f.constant("axes", np.array([1, 2], np.int32))
        b = f.tensor("y", (2, 1, 1, c) if keep else (2, c), dtype, *y)
        f.operator(OP.MEAN, [a, axes], [b], 2, options("Reducer", keepDims=keep))
        path = f.save(tmp_path / "net.tflite", [b])
        check(path, {"x": random_integers(rng, dtype, (2, h, w, c))}, tmp_path, ["qmean"])


@pytest.mark.parametrize("dtype", [S8, U8])
@pytest.mark.parametrize("op", ["AVERAGE_POOL_2D", "MAX_POOL_2D"])
def test_pools(op, dtype, tmp_path):
    rng = np.random.default_rng(160)
    for size, k, stride, padding, activation in (
        (9, 3, 1, SAME, 0),
        (9, 3, 2, SAME, 1),
        (8, 2, 2, VALID, 3),
        (7, 7, 1, VALID, 0),
    ):
        f = files.File()
        x = random_params(rng, dtype)
        out = -(-size // stride) if padding == SAME else (size - k) // stride + 1
        a = f.input("x", (2, size, size, 19), dtype, *x)
        b = f.tensor("y", (2, out, out, 19), dtype, *x)
        more = options(
            "Pool2D",
            padding=padding,
            strideH=stride,
            strideW=stride,
            filterHeight=k,
            filterWidth=k,
            fusedActivationFunction=activation,
        )
        f.operator(getattr(OP, op), [a], [b], 2, more)
        path = f.save(tmp_path / "net.tflite", [b])
        check(path, {"x": random_integers(rng, dtype, (2, size, size, 19))}, tmp_path)
        assert not {"dequantize", "quantize"} & set(steps(path))


@pytest.mark.parametrize("dtype", [S8, U8])
def test_moves(dtype, tmp_path):
    """Padding, joining, cutting and turning: integers all the way."""
    rng = np.random.default_rng(170)
    f = files.File()
    q = random_params(rng, dtype)
    ints = lambda name, *v: f.constant(name, np.array(v, np.int32))
    made = lambda name, *shape: f.tensor(name, shape, dtype, *q)
    a = f.input("a", (1, 6, 8, 4), dtype, *q)
    b = f.input("b", (1, 6, 8, 8), dtype, *q)
    joined = made("joined", 1, 6, 8, 12)
    f.operator(
        OP.CONCATENATION, [a, b], [joined], 2, options("Concatenation", axis=3, fusedActivationFunction=0)
    )
    padded = made("padded", 1, 8, 11, 12)
    f.operator(
        OP.PAD,
        [joined, f.constant("pads", np.array([[0, 0], [1, 1], [1, 2], [0, 0]], np.int32))],
        [padded],
        2,
        options("Pad"),
    )
    cut = made("cut", 1, 4, 11, 12)
    masks = dict(beginMask=0, endMask=0, ellipsisMask=0, newAxisMask=0, shrinkAxisMask=0)
    f.operator(
        OP.STRIDED_SLICE,
        [padded, ints("begin", 0, 0, 0, 0), ints("end", 1, 8, 11, 12), ints("step", 1, 2, 1, 1)],
        [cut],
        2,
        options("StridedSlice", **masks),
    )
    turned = made("turned", 1, 11, 4, 12)
    f.operator(OP.TRANSPOSE, [cut, ints("perm", 0, 2, 1, 3)], [turned], 2, options("Transpose"))
    flat = made("flat", 11, 48)
    f.operator(OP.RESHAPE, [turned, ints("shape", 11, 48)], [flat], 1, options("Reshape", newShape=[11, 48]))
    path = f.save(tmp_path / "net.tflite", [flat])
    inputs = {"a": random_integers(rng, dtype, (1, 6, 8, 4)), "b": random_integers(rng, dtype, (1, 6, 8, 8))}
    check(path, inputs, tmp_path)
    assert not {"dequantize", "quantize"} & set(steps(path)), steps(path)


@pytest.mark.parametrize("dtype", [S8, U8])
def test_softmax(dtype, tmp_path):
    rng = np.random.default_rng(180)
    for n in (10, 1000):
        f = files.File()
        a = f.input("x", (4, n), dtype, *random_params(rng, dtype, -2, -0.5))
        b = f.tensor("y", (4, n), dtype, 1 / 256, files.limits(dtype)[0])
        f.operator(OP.SOFTMAX, [a], [b], 2, options("Softmax", beta=1.0))
        path = f.save(tmp_path / "net.tflite", [b])
        check(path, {"x": random_integers(rng, dtype, (4, n))}, tmp_path)
