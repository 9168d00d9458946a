#!/usr/bin/env python3
# Records values and gradients of ops from TensorFlow and Keras into ops_recorded.h, for test_ops_golden.c:
#     python3 record_ops.py > ops_recorded.h
import os
import textwrap

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = ""
import keras
import numpy as np
import tensorflow as tf

rng = np.random.default_rng(2026)
cases = []


def put(text):
    for line in text.split("\n"):
        print(
            textwrap.fill(
                line,
                100,
                initial_indent="",
                subsequent_indent="    ",
                break_long_words=False,
                break_on_hyphens=False,
                drop_whitespace=True,
            )
        )


def number(v):
    text = "%.9g" % np.float32(v)
    return text + ("f" if "." in text or "e" in text else ".0f")


def numbers(a):
    return ", ".join(number(v) for v in np.asarray(a, np.float32).ravel())


def case(op, attrs, inputs, function, wanted):
    """function: tensors -> output 0; wanted: the inputs whose gradient is recorded."""
    tensors = [tf.constant(np.float32(x)) for x in inputs]
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        y = function(*tensors)
        w = tf.constant(np.float32(rng.uniform(-1, 1, y.shape)))
        loss = tf.reduce_sum(y * w)
    grads = tape.gradient(loss, tensors)
    name = "c%d" % len(cases)
    for i, x in enumerate(inputs):
        put("static const float %s_x%d[] = {%s};" % (name, i, numbers(x)))
        if i in wanted:
            put("static const float %s_g%d[] = {%s};" % (name, i, numbers(grads[i])))
    put(
        "static const float %s_w[] = {%s};\nstatic const float %s_y[] = {%s};"
        % (name, numbers(w), name, numbers(y))
    )
    shapes = ", ".join("{%d, {%s}}" % (np.ndim(x), ", ".join(map(str, np.shape(x))) or "0") for x in inputs)
    cases.append(
        "    {&gft_op_%s, %s, %d, {%s}, {%s}, {%s}, %s_w, %s_y},"
        % (
            op,
            attrs,
            len(inputs),
            shapes,
            ", ".join("%s_x%d" % (name, i) for i in range(len(inputs))),
            ", ".join("%s_g%d" % (name, i) if i in wanted else "NULL" for i in range(len(inputs))),
            name,
            name,
        )
    )


def uniform(*shape):
    return rng.uniform(-3, 3, shape)


def one_hot(n, k):
    return np.eye(k)[rng.integers(0, k, n)]


print(
    "/*\n * Written by record_ops.py with TensorFlow %s and Keras %s; never edited.\n */"
    % (tf.__version__, keras.__version__)
)
corners = np.array([[-7, -3, -1, -0.25, 0, 0.25, 1, 3, 5, 6, 7]])
for op, f in (
    ("relu", tf.nn.relu),
    ("relu6", tf.nn.relu6),
    ("silu", tf.nn.silu),
    ("sigmoid", tf.sigmoid),
    ("tanh", tf.tanh),
):
    case(op, "NULL", [corners], f, {0})
smooth = np.array([[-7, -3.5, -1, -0.25, 0.1, 0.25, 1, 2.5, 5, 6, 7]])
case("hard_sigmoid", "NULL", [smooth], keras.activations.hard_sigmoid, {0})
case("hard_swish", "NULL", [smooth], keras.activations.hard_silu, {0})
case("leaky_relu", "&(const gft_unary_attrs){0.2f}", [corners], lambda x: tf.nn.leaky_relu(x, 0.2), {0})
tie = np.array([[1.0, 2.0, 3.0]])
case("maximum", "NULL", [tie, np.array([[1.0, 3.0, 2.0]])], tf.maximum, {0, 1})
case("minimum", "NULL", [tie, np.array([[1.0, 3.0, 2.0]])], tf.minimum, {0, 1})
case("div", "NULL", [uniform(2, 3), np.abs(uniform(3)) + 0.5], tf.divide, {0, 1})
case(
    "reduce_max",
    "&(const gft_reduce_attrs){2, false}",
    [np.array([[1.0, 3.0, 3.0], [2.0, 0.0, 1.0]])],
    lambda x: tf.reduce_max(x, 1),
    {0},
)
case("softmax", "&(const gft_axis_attrs){-1}", [uniform(3, 5)], tf.nn.softmax, {0})
case("log_softmax", "&(const gft_axis_attrs){-1}", [uniform(3, 5)], tf.nn.log_softmax, {0})
for s in (0.0, 0.1):
    attrs = "&(const gft_loss_attrs){%sf}" % s
    case(
        "softmax_cross_entropy",
        attrs,
        [uniform(4, 5), one_hot(4, 5)],
        lambda x, t: keras.losses.categorical_crossentropy(t, x, from_logits=True, label_smoothing=s),
        {0},
    )
    case(
        "sigmoid_cross_entropy",
        attrs,
        [uniform(4, 5), one_hot(4, 5)],
        lambda x, t: keras.losses.binary_crossentropy(t, x, from_logits=True, label_smoothing=s),
        {0},
    )
case(
    "squared_error",
    "&(const gft_loss_attrs){0.0f}",
    [uniform(4, 5), uniform(4, 5)],
    lambda x, t: keras.losses.mean_squared_error(t, x),
    {0},
)
case(
    "l2_normalise",
    "&(const gft_norm_attrs){1e-12f}",
    [uniform(3, 5)],
    lambda x: tf.math.l2_normalize(x, -1, 1e-12),
    {0},
)


def layer_norm(x, gamma, beta):
    mean, variance = tf.nn.moments(x, [-1], keepdims=True)
    return tf.nn.batch_normalization(x, mean, variance, beta, gamma, 1e-3)


case(
    "layer_norm",
    "&(const gft_norm_attrs){1e-3f}",
    [uniform(3, 5), uniform(5), uniform(5)],
    layer_norm,
    {0, 1, 2},
)
bn = "&(const gft_batch_norm_attrs){1e-3f, 0.99f, true}"
case(
    "batch_norm",
    bn,
    [uniform(2, 2, 3, 3), uniform(3), uniform(3), uniform(3), np.abs(uniform(3))],
    lambda x, g, b, m, v: tf.compat.v1.nn.fused_batch_norm(x, g, b, m, v, 1e-3, is_training=False)[0],
    {0, 1, 2},
)
case(
    "batch_norm_train",
    bn,
    [uniform(2, 2, 3, 3), uniform(3), uniform(3)],
    lambda x, g, b: tf.compat.v1.nn.fused_batch_norm(x, g, b, None, None, 1e-3, is_training=True)[0],
    {0, 1, 2},
)
for padding in ("SAME", "VALID"):
    attrs = "&(const gft_pool_attrs){3, 2, 2, 2, GFT_PAD_%s, {0, 0, 0, 0}}" % padding
    case("max_pool", attrs, [uniform(1, 6, 5, 2)], lambda x: tf.nn.max_pool2d(x, (3, 2), 2, padding), {0})
    case("avg_pool", attrs, [uniform(1, 6, 5, 2)], lambda x: tf.nn.avg_pool2d(x, (3, 2), 2, padding), {0})
ties = np.round(uniform(1, 4, 4, 1) / 3)
case(
    "max_pool",
    "&(const gft_pool_attrs){2, 2, 1, 1, GFT_PAD_SAME, {0, 0, 0, 0}}",
    [ties],
    lambda x: tf.nn.max_pool2d(x, 2, 1, "SAME"),
    {0},
)
for mode, f in (("BILINEAR", tf.raw_ops.ResizeBilinear), ("NEAREST", tf.raw_ops.ResizeNearestNeighbor)):
    for corners_flag, half in ((False, False), (True, False), (False, True)):
        for size in ((5, 7), (2, 2)):
            attrs = "&(const gft_resize_attrs){%d, %d, GFT_RESIZE_%s, %s, %s, 0, 0}" % (
                size + (mode, str(corners_flag).lower(), str(half).lower())
            )
            case(
                "resize",
                attrs,
                [uniform(1, 3, 4, 2)],
                lambda x: f(images=x, size=size, align_corners=corners_flag, half_pixel_centers=half),
                {0},
            )
case(
    "pad",
    "&(const gft_pad_attrs){{1, 0}, {0, 2}, 1.5f}",
    [uniform(2, 3)],
    lambda x: tf.pad(x, [[1, 0], [0, 2]], constant_values=1.5),
    {0},
)
case(
    "strided_slice",
    "&(const gft_strided_slice_attrs){{0, -1}, {INT64_MAX, INT64_MIN}, {2, -2}, 0}",
    [uniform(3, 5)],
    lambda x: x[::2, ::-2],
    {0},
)
print("\nstatic const recorded_case recorded[] = {")
put("\n".join(cases))
print("};")
