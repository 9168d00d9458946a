"""Single ops of TensorFlow: read and run by Graft, written back and run by TensorFlow; many ops in one SavedModel."""

import subprocess

import numpy as np
import pytest

from savedmodel_common import GRAFT

tf = pytest.importorskip("tensorflow")
raw = tf.raw_ops
F, I, L, B = tf.float32, tf.int32, tf.int64, tf.bool

INPUTS = {
    "x": tf.TensorSpec([None, 6, 8, 4], F),  # a picture
    "v": tf.TensorSpec([None, 5], F),
    "p": tf.TensorSpec([None, 5], F),  # positive
    "s": tf.TensorSpec([None, 3, 5], F),  # a sequence
    "i": tf.TensorSpec([None, 5], I),
    "l": tf.TensorSpec([None, 5], L),
    "b": tf.TensorSpec([None, 5], B),
    "o": tf.TensorSpec([None, None, None, 4], F),  # a picture of any size
    "t": tf.TensorSpec([None, None, 6], F),  # a sequence of any length
}


def feed(batch, seed=1):
    rng = np.random.default_rng(seed + batch)
    return {
        "x": rng.normal(0, 1.5, (batch, 6, 8, 4)).astype(np.float32),
        "v": rng.normal(0, 2, (batch, 5)).astype(np.float32),
        "p": rng.uniform(0.3, 3, (batch, 5)).astype(np.float32),
        "s": rng.normal(0, 1, (batch, 3, 5)).astype(np.float32),
        "i": rng.integers(-4, 5, (batch, 5)).astype(np.int32),
        "l": rng.integers(-4, 5, (batch, 5)).astype(np.int64),
        "b": rng.integers(0, 2, (batch, 5)).astype(bool),
        "o": rng.normal(0, 1.5, (batch, 4 + 2 * batch, 8, 4)).astype(np.float32),
        "t": rng.normal(0, 1, (batch, 3 + batch, 6)).astype(np.float32),
    }


def weights(*shape, seed=3):
    return tf.constant(np.random.default_rng(seed).normal(0, 0.5, shape).astype(np.float32))


UNARY = "Relu Relu6 Elu Selu Softplus Softsign Sigmoid Tanh Exp Neg Abs Sign Floor Ceil Round Rint Sin Cos Erf Square"
UNARY += " Expm1"
GROUPS = {
    "unary": {
        **{op: (lambda d, op=op: getattr(raw, op)(**{first(op): d["v"] * 1.25})) for op in UNARY.split()},
        **{
            op: (lambda d, op=op: getattr(raw, op)(x=d["p"]))
            for op in "Log Log1p Sqrt Rsqrt Reciprocal Inv".split()
        },
        "LeakyRelu": lambda d: raw.LeakyRelu(features=d["v"], alpha=0.3),
        "Softmax": lambda d: tf.nn.softmax(d["s"]),
        "LogSoftmax": lambda d: tf.nn.log_softmax(d["s"]),
        "gelu": lambda d: tf.nn.gelu(d["v"]),
        "gelu_tanh": lambda d: tf.nn.gelu(d["v"], approximate=True),
        "silu": lambda d: tf.nn.silu(d["v"]),
        "prelu": lambda d: tf.nn.relu(d["v"]) - tf.constant([0.1, 0.2, 0.3, -0.4, 0.5]) * tf.nn.relu(-d["v"]),
        "abs_int": lambda d: tf.abs(d["i"]),
        "neg_int": lambda d: -d["l"],
        "square_int": lambda d: tf.square(d["i"]),
        "sign_int": lambda d: tf.sign(d["l"]),
        "ClipByValue": lambda d: tf.clip_by_value(d["v"], -1.0, 0.5),
        "relu6_clip": lambda d: tf.clip_by_value(d["v"] * 4.0, 0.0, 6.0),
        "clip_int": lambda d: tf.clip_by_value(d["i"], -2, 1),
        "clip_tensor": lambda d: tf.clip_by_value(d["v"], -d["p"], d["p"]),
        "IsNan": lambda d: tf.math.is_nan(raw.Log(x=d["v"])),
        "IsInf": lambda d: tf.math.is_inf(d["v"] / tf.round(d["v"])),
        "IsFinite": lambda d: tf.math.is_finite(raw.Log(x=d["v"])),
        "L2Loss": lambda d: tf.nn.l2_loss(d["v"]),
        "ZerosLike": lambda d: tf.zeros_like(d["v"]),
        "OnesLike": lambda d: tf.ones_like(d["i"]) + tf.zeros_like(d["i"]),
        "zeros_bool": lambda d: tf.zeros_like(d["b"]),
    },
    "binary": {
        **{
            op: (lambda d, op=op: getattr(raw, op)(x=d["v"], y=d["p"]))
            for op in (
                "Add AddV2 Sub Mul RealDiv Div Maximum Minimum FloorDiv FloorMod SquaredDifference "
                "Equal NotEqual Less LessEqual Greater GreaterEqual Xdivy"
            ).split()
        },
        **{
            op + "_int": (lambda d, op=op: getattr(raw, op)(x=d["i"], y=d["i"] * d["i"] + 1))
            for op in (
                "AddV2 Sub Mul Maximum Minimum FloorDiv FloorMod TruncateDiv TruncateMod SquaredDifference "
                "Equal NotEqual Less LessEqual Greater GreaterEqual"
            ).split()
        },
        "Pow": lambda d: tf.pow(d["p"], d["v"]),
        "pow_3": lambda d: tf.pow(d["v"], 3.0),
        "pow_int": lambda d: tf.pow(d["l"], tf.abs(d["l"])),
        "Mod": lambda d: raw.Mod(x=d["v"], y=d["p"]),
        "DivNoNan": lambda d: tf.math.divide_no_nan(d["v"], tf.cast(d["i"], F)),
        "MulNoNan": lambda d: tf.math.multiply_no_nan(1.0 / tf.cast(d["i"], F), tf.cast(d["i"], F)),
        "Xlogy": lambda d: tf.math.xlogy(tf.cast(d["i"], F), d["p"]),
        "Xlog1py": lambda d: tf.math.xlog1py(tf.cast(d["i"], F), d["p"]),
        "broadcast": lambda d: d["x"] + weights(6, 1, 4) - weights(8, 1) * d["x"],
        "AddN": lambda d: tf.add_n([d["v"], d["p"], d["v"]]),
        "LogicalAnd": lambda d: tf.logical_and(d["b"], d["i"] > 0),
        "LogicalOr": lambda d: tf.logical_or(d["b"], d["i"] > 0),
        "LogicalNot": lambda d: tf.logical_not(d["b"]),
        "Select": lambda d: raw.Select(condition=d["b"], x=d["v"], y=d["p"]),
        "select_rows": lambda d: raw.Select(condition=d["b"][:, 0], x=d["v"], y=d["p"]),
        "SelectV2": lambda d: tf.where(d["i"] > 0, d["v"], 0.0),
        "select_int": lambda d: tf.where(d["b"], d["l"], -d["l"]),
        **{
            f"Cast_{a.name}_{b.name}": (lambda d, k=k, b=b: tf.cast(d[k], b))
            for k, a in {"v": F, "i": I, "l": L, "b": B}.items()
            for b in (F, I, L, B, tf.float64, tf.int8, tf.int16)
            if a != b
        },
        "cast_u8": lambda d: tf.cast(d["p"] * 50, tf.uint8),
    },
    "reduce": {
        **{
            f"{op}_{''.join(map(str, axes))}{'k' if keep else ''}": (
                lambda d, op=op, axes=axes, keep=keep: getattr(tf, "reduce_" + op)(d["x"], axes, keep)
            )
            for op in ("mean", "sum", "max", "min", "prod")
            for axes, keep in (((1, 2), False), ((3,), True), ((1,), False))
        },
        **{
            f"{op}_int": (lambda d, op=op: getattr(tf, "reduce_" + op)(d["i"], 1))
            for op in ("sum", "max", "min", "prod", "mean")
        },
        "any": lambda d: tf.reduce_any(d["b"], 1),
        "all": lambda d: tf.reduce_all(d["b"], -1, keepdims=True),
        "ArgMax": lambda d: tf.argmax(d["x"], 1),
        "ArgMax_last": lambda d: tf.argmax(d["x"], -1, output_type=I),
        "ArgMin": lambda d: tf.argmin(d["i"], 1),
        "TopKV2": lambda d: tf.math.top_k(d["v"], 3).values,
        "TopKV2_indices": lambda d: tf.math.top_k(d["s"], 2).indices,
        "Cumsum": lambda d: tf.cumsum(d["s"], 1),
        "Cumsum_er": lambda d: tf.cumsum(d["s"], -1, exclusive=True, reverse=True),
        "Cumsum_int": lambda d: tf.cumsum(d["l"], 1, exclusive=True),
        "OneHot": lambda d: tf.one_hot(d["i"], 4),
        "OneHot_axis": lambda d: tf.one_hot(d["l"], 4, 2.0, -1.0, axis=1),
        "OneHot_int": lambda d: tf.one_hot(d["i"], 4, 3, 7, dtype=I),
        "LRN": lambda d: tf.nn.local_response_normalization(d["x"], 1, 1.5, 0.3, 0.75),
        "logsumexp": lambda d: tf.reduce_logsumexp(d["v"], 1),
        "std": lambda d: tf.math.reduce_std(d["x"], [1, 2]),
        "l2_normalize": lambda d: tf.nn.l2_normalize(d["v"], 1),
        "moments": lambda d: tf.nn.moments(d["x"], [1, 2])[1],
    },
    "move": {
        "Tile": lambda d: tf.tile(d["x"], [1, 2, 1, 3]),
        "ReverseV2": lambda d: tf.reverse(d["x"], [1, -1]),
        "DepthToSpace": lambda d: tf.nn.depth_to_space(d["x"], 2),
        "SpaceToDepth": lambda d: tf.nn.space_to_depth(d["x"], 2),
        "SpaceToBatchND": lambda d: tf.space_to_batch(d["x"], [2, 2], [[1, 1], [0, 2]]),
        "BatchToSpaceND": lambda d: tf.batch_to_space(
            tf.space_to_batch(d["x"], [3, 2], [[0, 0], [0, 0]]) * 2.0, [3, 2], [[1, 0], [0, 1]]
        ),
        "space_1d": lambda d: tf.batch_to_space(
            tf.space_to_batch(d["s"], [2], [[1, 0]]) + 1.0, [2], [[1, 0]]
        ),
        "dilated": lambda d: tf.batch_to_space(
            tf.nn.conv2d(
                tf.space_to_batch(d["x"], [2, 2], [[2, 2], [2, 2]]), weights(3, 3, 4, 5), 1, "VALID"
            ),
            [2, 2],
            [[0, 0], [0, 0]],
        ),
        "dilated_open": lambda d: atrous(d["o"], weights(3, 3, 4, 5), 2),
        "dilated_depthwise": lambda d: atrous(
            d["o"], weights(3, 3, 4, 1), 3, tf.nn.depthwise_conv2d, [1] * 4
        ),
        "MirrorPad": lambda d: tf.pad(d["x"], [[0, 0], [2, 1], [0, 3], [0, 0]], "REFLECT"),
        "MirrorPad_s": lambda d: tf.pad(d["x"], [[0, 0], [2, 6], [0, 3], [1, 0]], "SYMMETRIC"),
        "Pad": lambda d: tf.pad(d["x"], [[0, 0], [2, 1], [0, 3], [0, 0]]),
        "PadV2": lambda d: tf.pad(d["x"], [[0, 0], [2, 1], [0, 3], [0, 0]], constant_values=1.5),
        "GatherV2": lambda d: tf.gather(d["x"], [3, 0, 0], axis=2),
        "gather_ids": lambda d: tf.gather(weights(9, 3), d["i"] + 4),
        "gather_batch": lambda d: tf.gather(d["v"], tf.abs(d["i"]) % 5, batch_dims=1),
        "GatherNd": lambda d: tf.gather_nd(weights(9, 9, 2), tf.stack([d["i"] + 4, d["i"] * 0 + 2], -1)),
        "Split": lambda d: tf.concat(tf.split(d["x"], 2, 2)[::-1], 1),
        "SplitV": lambda d: tf.split(d["x"], [1, 3], 3)[1],
        "Unpack": lambda d: tf.stack(tf.unstack(d["s"], axis=1)[::-1], 2),
        "Slice": lambda d: tf.slice(d["x"], [0, 1, 0, 2], [-1, 2, 3, -1]),
        "StridedSlice": lambda d: d["x"][:, ::-2, 1:7:3, tf.newaxis, ..., -1],
        "Transpose": lambda d: tf.transpose(d["x"], [3, 0, 2, 1]),
        "ExpandDims": lambda d: tf.squeeze(tf.expand_dims(d["v"], 1), 1),
        "BroadcastTo": lambda d: tf.broadcast_to(d["v"][:, tf.newaxis], [tf.shape(d["v"])[0], 3, 5]),
        "flip": lambda d: tf.image.flip_left_right(d["x"]),
        "roll": lambda d: tf.concat([d["v"][:, 2:], d["v"][:, :2]], 1),
    },
    "conv": {
        **{
            f"transpose_{p}_{k}_{s}": (
                lambda d, p=p, k=k, s=s: tf.keras.ops.conv_transpose(d["x"], weights(k, k, 5, 4), s, p)
            )
            for p in ("same", "valid")
            for k, s in ((3, 2), (4, 2), (2, 3), (3, 1))
        },
        "transpose_size": lambda d: tf.nn.conv2d_transpose(
            d["x"], weights(3, 3, 5, 4), [tf.shape(d["x"])[0], 11, 15, 5], 2, "SAME"
        ),
        "transpose_open": lambda d: tf.keras.ops.conv_transpose(d["o"], weights(3, 3, 5, 4), 2, "valid"),
        "transpose_explicit": lambda d: tf.nn.conv2d_transpose(
            d["x"], weights(3, 3, 5, 4), [tf.shape(d["x"])[0], 11, 15, 5], 2, [[0, 0], [1, 1], [1, 1], [0, 0]]
        ),
        "conv_dilated": lambda d: tf.nn.conv2d(d["x"], weights(3, 3, 4, 5), 1, "SAME", dilations=2),
        "conv_grouped": lambda d: tf.nn.conv2d(d["x"], weights(3, 3, 2, 6), 1, "SAME"),
        "conv1d": lambda d: tf.nn.conv1d(d["s"], weights(3, 5, 4), 1, "SAME"),
        "conv1d_dilated": lambda d: tf.nn.conv1d(d["s"], weights(2, 5, 4), 1, "SAME", dilations=2),
        "depthwise": lambda d: tf.nn.depthwise_conv2d(d["x"], weights(3, 3, 4, 2), [1, 1, 1, 1], "SAME"),
        "max_pool": lambda d: tf.nn.max_pool2d(d["x"], 3, 2, "SAME"),
        "avg_pool": lambda d: tf.nn.avg_pool2d(d["x"], 3, 2, "SAME"),
        "bilinear": lambda d: tf.image.resize(d["x"], [9, 5]),
        "nearest": lambda d: tf.image.resize(d["x"], [9, 5], "nearest"),
        "bicubic": lambda d: tf.image.resize(d["x"], [9, 5], "bicubic"),
        "area": lambda d: tf.image.resize(d["x"], [3, 5], "area"),
        "area_up": lambda d: raw.ResizeArea(images=d["x"], size=[9, 11]),
        **{
            f"{name}_{rule}": (
                lambda d, op=op, rule=rule: getattr(raw, op)(
                    images=d["x"],
                    size=[11, 5],
                    align_corners=rule == "corners",
                    half_pixel_centers=rule == "half",
                )
            )
            for name, op in (("bicubic", "ResizeBicubic"), ("bilinear", "ResizeBilinear"))
            for rule in ("legacy", "corners", "half")
        },
        "up": lambda d: tf.keras.layers.UpSampling2D(2)(d["x"]),
        "up_open": lambda d: tf.image.resize(d["o"], tf.shape(d["o"])[1:3] * [2, 3], "bilinear"),
    },
    "product": {
        **{
            "einsum_"
            + e.replace(",", "_")
            .replace("->", "_to_")
            .replace(".", "D"): (lambda d, e=e, k=k, shape=shape: tf.einsum(e, d[k], weights(*shape)))
            for e, k, shape in (
                ("abc,cde->abde", "s", (5, 2, 3)),
                ("abc,cd->abd", "s", (5, 7)),
                ("abc,bcd->ad", "s", (3, 5, 7)),
                ("abc,bcd->bda", "s", (3, 5, 7)),
                ("abc,b->ac", "s", (3,)),
                ("abc,bc->a", "s", (3, 5)),
                ("...c,cd->...d", "x", (4, 6)),
                ("nhwc,cd->nhwd", "o", (4, 6)),
                ("ab,cd->abcd", "v", (2, 3)),
            )
        },
        "einsum_attention": lambda d: tf.einsum("abc,adc->abd", d["s"], d["s"]),
        "einsum_heads": lambda d: tf.einsum(
            "acbe,aecd->abcd",
            tf.nn.softmax(tf.einsum("aecd,abcd->acbe", heads(d["t"]), heads(d["t"]))),
            heads(d["t"]),
        ),
        "einsum_back": lambda d: tf.einsum("abcd,cde->abe", heads(d["t"]), weights(2, 3, 5)),
        "einsum_one": lambda d: tf.einsum("abc->cab", d["s"]),
        "einsum_sum": lambda d: tf.einsum("abc->b", d["s"]),
        "MatMul_t": lambda d: tf.matmul(d["v"], weights(3, 5), transpose_b=True),
        "BatchMatMul": lambda d: tf.matmul(d["s"], d["s"], transpose_b=True),
        "tensordot": lambda d: tf.tensordot(d["s"], weights(5, 2), 1),
        "fake_args": lambda d: tf.quantization.fake_quant_with_min_max_args(d["v"], -1.5, 2.5),
        "fake_vars": lambda d: tf.quantization.fake_quant_with_min_max_vars(
            d["v"], -0.7, 2.0, narrow_range=True
        ),
        "fake_bits": lambda d: tf.quantization.fake_quant_with_min_max_vars(d["v"], -1.0, 1.0, num_bits=4),
        "fake_channels": lambda d: tf.quantization.fake_quant_with_min_max_vars_per_channel(
            d["x"], [-1.0, -2.0, 0.0, -0.5], [1.0, 0.5, 3.0, 0.75]
        ),
    },
    "shape": {
        "flat": lambda d: tf.reshape(d["x"], [tf.shape(d["x"])[0], -1]),
        "flat_product": lambda d: tf.reshape(d["x"], [-1, tf.reduce_prod(tf.shape(d["x"])[1:])]),
        "halves": lambda d: tf.reshape(d["o"], [tf.shape(d["o"])[0], -1, tf.shape(d["o"])[3] // 2]),
        "count": lambda d: d["v"] * tf.cast(tf.shape(d["v"])[0], F),
        "mean_by_hand": lambda d: tf.reduce_sum(d["t"], 1) / tf.sqrt(tf.cast(tf.shape(d["t"])[1], F)),
        "shape_out": lambda d: tf.shape(d["o"]),
        "size_out": lambda d: tf.size(d["o"], L),
        "rank": lambda d: d["v"] * tf.cast(tf.rank(d["x"]), F),
        "positions": lambda d: d["t"] + tf.cast(tf.range(tf.shape(d["t"])[1]), F)[:, tf.newaxis],
        "range": lambda d: d["v"] + tf.cast(tf.range(5, 0, -1), F),
        "range_float": lambda d: d["v"] + tf.range(0.0, 1.0, 0.2),
        "linspace": lambda d: d["v"] * tf.linspace(0.0, 2.0, 5),
        "zeros": lambda d: tf.concat([tf.zeros([tf.shape(d["v"])[0], 2]), d["v"]], 1),
        "fill": lambda d: d["t"] * tf.fill(tf.shape(d["t"])[:2], 0.5)[..., tf.newaxis],
        "token": lambda d: tf.concat([tf.tile(weights(1, 1, 6), [tf.shape(d["t"])[0], 1, 1]), d["t"]], 1),
        "token_broadcast": lambda d: tf.broadcast_to(weights(1, 1, 6), [tf.shape(d["t"])[0], 2, 6]),
        "where_shape": lambda d: tf.reshape(d["x"], [-1, tf.where(tf.shape(d["x"])[1] > 4, 24, 12), 8]),
        "maximum_shape": lambda d: d["x"][:, : tf.maximum(tf.shape(d["x"])[1] - 2, 1)],
        "ones_mask": lambda d: tf.cumsum(tf.ones_like(d["t"]), 1) - 1.0,
        "shape_n": lambda d: tf.broadcast_to(d["v"], tf.broadcast_dynamic_shape(tf.shape(d["v"]), [1, 5])),
        "causal": lambda d: tf.cast(
            tf.range(tf.shape(d["t"])[1])[:, tf.newaxis] >= tf.range(tf.shape(d["t"])[1]), F
        ),
        "stack_shape": lambda d: tf.reshape(d["x"], tf.stack([-1, 6, 4, 8])),
        "pad_computed": lambda d: tf.image.pad_to_bounding_box(d["x"], 2, 1, tf.shape(d["x"])[1] + 3, 10),
        "crop_or_pad": lambda d: tf.image.resize_with_crop_or_pad(d["x"], 4, 12),
        "pad_stack": lambda d: tf.pad(d["v"], tf.stack([[0, 0], [0, tf.shape(d["v"])[1] - 3]])),
        "reduce_rows": lambda d: d["v"] * tf.cast(tf.reduce_max(tf.constant([[1, 2], [5, 4]]), 1)[1], F),
        "ensure": lambda d: tf.ensure_shape(d["v"], [None, 5]) + 1.0,
    },
}


def first(op):
    return "features" if op in ("Relu", "Relu6", "Elu", "Selu", "Softplus", "Softsign") else "x"


def atrous(x, filters, rate, conv=tf.nn.conv2d, strides=1):
    """SAME with holes, for pictures of any size, as TensorFlow 1 wrote it."""
    pad = (filters.shape[0] - 1) * rate
    ends = [[pad // 2, pad - pad // 2]] * 2
    paddings, crops = tf.required_space_to_batch_paddings(tf.shape(x)[1:3], [rate, rate], ends)
    y = conv(tf.space_to_batch(x, [rate, rate], paddings), filters, strides, "VALID")
    return tf.batch_to_space(y, [rate, rate], crops)


def heads(t):
    return tf.reshape(t, [-1, tf.shape(t)[1], 2, 3])


def save(path, cases):
    class Net(tf.Module):
        @tf.function(input_signature=[INPUTS])
        def run(self, d):
            return {name: f(d) for name, f in cases.items()}

    net = Net()
    # outputs that no input reaches and inputs that no output needs are no trouble, but the names must be plain
    tf.saved_model.save(net, str(path), signatures=flat_signature(net))


def flat_signature(net):
    specs = {k: tf.TensorSpec(s.shape, s.dtype, name=k) for k, s in INPUTS.items()}

    @tf.function(input_signature=list(specs.values()))
    def run(*args):
        return net.run(dict(zip(specs, args)))

    return run


def run_graft(path, x, folder):
    np.savez(folder / "in.npz", **x)
    done = subprocess.run(
        [GRAFT, "run", path, "--input", folder / "in.npz", "--output", folder / "out.npz"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    with np.load(folder / "out.npz") as z:
        return {k: z[k] for k in z.files}


# fewest steps: a value that lies between two may fall on either
STEPS = {"fake_args", "fake_vars", "fake_bits", "fake_channels"}


def same(name, ours, theirs):
    assert ours.dtype == theirs.dtype and ours.shape == theirs.shape, (
        name,
        ours.dtype,
        ours.shape,
        theirs.shape,
    )
    if not np.issubdtype(theirs.dtype, np.floating):
        assert (ours == theirs).all(), name
        return
    a, b = ours.astype(np.float64), theirs.astype(np.float64)
    assert (np.isnan(a) == np.isnan(b)).all(), name
    infinite = np.isinf(b)
    assert (a[infinite] == b[infinite]).all(), name
    good = np.isfinite(b)
    if not good.any():
        return
    room = 2e-5 * max(np.ptp(b[good]), np.abs(b[good]).max(), 1e-6)
    worst = np.abs(a[good] - b[good])
    if name in STEPS:
        assert np.mean(worst > room) < 0.02, (name, worst.max())
        return
    assert worst.max() <= room, (name, worst.max(), room)


@pytest.mark.parametrize("group", list(GROUPS))
def test_ops(group, tmp_path):
    cases = GROUPS[group]
    save(tmp_path / "m", cases)
    theirs = tf.saved_model.load(str(tmp_path / "m")).signatures["serving_default"]
    done = subprocess.run(
        [GRAFT, "export", tmp_path / "m", tmp_path / "copy", "--format", "savedmodel"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    copy = tf.saved_model.load(str(tmp_path / "copy")).signatures["serving_default"]
    for batch in (1, 2):
        x = feed(batch)
        wanted = {k: v.numpy() for k, v in theirs(**{k: tf.constant(v) for k, v in x.items()}).items()}
        ours = run_graft(tmp_path / "m", x, tmp_path)
        assert set(ours) == set(wanted) == set(cases)
        taken = {k for k in copy.structured_input_signature[1]}
        again = copy(**{k: tf.constant(v) for k, v in x.items() if k in taken})
        for name in cases:
            same(name, ours[name], wanted[name])
            same(name, again[name].numpy(), wanted[name])


def picture_net(x, form):
    """Every op with a data format; the result is NHWC in both."""
    first = form == "NCHW"
    two = (lambda a, b: [1, 1, a, b]) if first else (lambda a, b: [1, a, b, 1])
    if first:
        x = tf.transpose(x, [0, 3, 1, 2])
    y = tf.nn.conv2d(x, weights(3, 3, 4, 8), two(2, 1), "SAME", form)
    y = tf.nn.bias_add(y, weights(8), form)
    y = raw.FusedBatchNormV3(
        x=y,
        scale=weights(8) + 1.5,
        offset=weights(8, seed=4),
        mean=weights(8, seed=5),
        variance=tf.abs(weights(8, seed=6)) + 0.3,
        epsilon=1e-3,
        is_training=False,
        data_format=form,
    ).y
    y = tf.nn.relu(y)
    y = raw.DepthwiseConv2dNative(
        input=y, filter=weights(3, 3, 8, 1), strides=[1, 1, 1, 1], padding="SAME", data_format=form
    )
    pads = [[0, 0], [0, 0], [1, 0], [0, 2]] if first else [[0, 0], [1, 0], [0, 2], [0, 0]]
    y = tf.nn.conv2d(y, weights(2, 3, 8, 8), 1, pads, form, dilations=two(1, 2))
    y = raw.MaxPool(input=y, ksize=two(2, 3), strides=two(1, 1), padding="SAME", data_format=form)
    y = raw.AvgPool(value=y, ksize=two(2, 2), strides=two(1, 1), padding="VALID", data_format=form)
    z = tf.nn.conv2d_transpose(
        y,
        weights(3, 3, 4, 8),
        tf.stack([tf.shape(y)[0], *([4, 4, 10] if first else [4, 10, 4])]),
        two(2, 2),
        "SAME",
        form,
    )
    z = raw.SpaceToDepth(input=z, block_size=2, data_format=form)
    return tf.transpose(z, [0, 2, 3, 1]) if first else z


def test_nchw(tmp_path):
    """TensorFlow's CPU kernels do not run NCHW, so the judge is the same net in NHWC."""

    def save_as(form):
        net = tf.Module()
        net.run = tf.function(
            lambda x: {"y": picture_net(x, form)},
            input_signature=[tf.TensorSpec([None, 6, 8, 4], F, name="x")],
        )
        tf.saved_model.save(net, str(tmp_path / form), signatures=net.run)
        return net

    x = feed(2)["x"]
    wanted = save_as("NHWC").run(tf.constant(x))["y"].numpy()
    save_as("NCHW")
    for form in ("NHWC", "NCHW"):
        same(form, run_graft(tmp_path / form, {"x": x}, tmp_path)["y"], wanted)
    subprocess.run(
        [GRAFT, "export", tmp_path / "NCHW", tmp_path / "copy", "--format", "savedmodel"], check=True
    )
    again = tf.saved_model.load(str(tmp_path / "copy")).signatures[
        "serving_default"
    ]  # in NHWC now, so it runs
    same("copy", again(x=tf.constant(x))["y"].numpy(), wanted)
    ops = [n.op for n in again.graph.as_graph_def().node]
    assert ops.count("Transpose") <= 2, ops


def fused_graph():
    """What Grappler's remapper makes; TensorFlow has no function for these nodes."""
    graph = tf.compat.v1.GraphDef()

    def node(name, op, inputs=(), **attrs):
        n = graph.node.add(name=name, op=op, input=inputs)
        for key, value in attrs.items():
            a = n.attr[key]
            if isinstance(value, tf.DType):
                a.type = value.as_datatype_enum
            elif isinstance(value, bool):
                a.b = value
            elif isinstance(value, float):
                a.f = value
            elif isinstance(value, int):
                a.i = value
            elif isinstance(value, str):
                a.s = value.encode()
            elif isinstance(value, tf.Tensor):
                a.tensor.CopyFrom(tf.make_tensor_proto(value.numpy()))
            elif value and isinstance(value[0], str):
                a.list.s.extend(v.encode() for v in value)
            elif value and isinstance(value[0], tf.DType):
                a.list.type.extend(v.as_datatype_enum for v in value)
            else:
                a.list.i.extend(value)
        return name

    def const(name, value):
        return node(name, "Const", dtype=F, value=value)

    node("x", "Placeholder", dtype=F)
    w, b = const("w", weights(3, 3, 4, 4)), const("b", weights(4))
    common = dict(strides=[1, 1, 1, 1], padding="SAME", data_format="NHWC", T=F)
    conv = dict(common, TArgs=[F], num_args=1)
    y = node("c1", "_FusedConv2D", ["x", w, b], fused_ops=["BiasAdd", "Relu6"], epsilon=1e-4, **conv)
    y = node("c2", "_FusedConv2D", [y, w, b], fused_ops=["BiasAdd", "LeakyRelu"], leakyrelu_alpha=0.3, **conv)
    norm = [
        const("scale", weights(4) + 1.5),
        const("offset", weights(4, seed=4)),
        const("mean", weights(4, seed=5)),
        const("variance", tf.abs(weights(4, seed=6)) + 0.3),
    ]
    four = dict(common, TArgs=[F] * 4, num_args=4)
    y = node("c3", "_FusedConv2D", [y, w, *norm], fused_ops=["FusedBatchNorm", "Relu"], epsilon=1e-2, **four)
    m, mb = const("m", weights(192, 7)), const("mb", weights(7))
    shape = node("shape", "Const", dtype=I, value=tf.constant([-1, 192]))
    y = node("flat", "Reshape", [y, shape], T=F, Tshape=I)
    node(
        "out",
        "_FusedMatMul",
        [y, m, mb],
        T=F,
        transpose_a=False,
        transpose_b=False,
        num_args=1,
        fused_ops=["BiasAdd", "Elu"],
    )
    return graph


def test_fused_nodes(tmp_path):
    graph = fused_graph()
    placeholder = graph.node[0].attr["shape"].shape
    for size in (-1, 6, 8, 4):
        placeholder.dim.add(size=size)
    net = tf.Module()
    net.run = tf.compat.v1.wrap_function(
        lambda x: tf.import_graph_def(graph, {"x": x}, ["out:0"], name="")[0],
        [tf.TensorSpec([None, 6, 8, 4], F)],
    )
    net.serve = tf.function(
        lambda x: {"y": net.run(x)}, input_signature=[tf.TensorSpec([None, 6, 8, 4], F, name="x")]
    )
    tf.saved_model.save(net, str(tmp_path / "m"), signatures=net.serve)
    x = feed(2)["x"]
    wanted = net.serve(tf.constant(x))["y"].numpy()
    same("fused", run_graft(tmp_path / "m", {"x": x}, tmp_path)["y"], wanted)
