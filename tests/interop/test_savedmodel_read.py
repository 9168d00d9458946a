"""SavedModels that TensorFlow and Keras write, read and run by Graft; and Graft's own files read back."""

import numpy as np
import pytest

from savedmodel_common import close, feed, run_dir, run_made, tool

tf = pytest.importorskip("tensorflow")
keras = pytest.importorskip("keras")


def listing(path):
    rows = {}
    for line in tool("list", path).splitlines():
        kind, *rest = line.split("\t")
        rows.setdefault(kind, []).append(rest)
    return rows


def check(path, tmp_path, tolerance=2e-5, log=True, batches=(1, 3), size=224, signature="serving_default"):
    """Graft's run of a file against TensorFlow's; classifiers are compared by their logits (log of the scores)."""
    function = tf.saved_model.load(str(path)).signatures[signature]
    spec = {
        k: tf.TensorSpec([None] + [size if d is None else d for d in s.shape[1:]], s.dtype)
        for k, s in function.structured_input_signature[1].items()
    }
    for batch in batches:
        x = feed(spec, batch)
        theirs = function(**{k: tf.constant(v) for k, v in x.items()})
        ours = run_dir(path, signature, x, tmp_path)
        assert set(ours) == set(theirs)
        for name in ours:
            a, b = ours[name], theirs[name].numpy()
            if log:
                assert np.ptp(b) > 0
                a, b = np.log(np.maximum(a, 1e-30)), np.log(np.maximum(b, 1e-30))
            close(a, b, tolerance)


def randomise(model):
    """Statistics and scores that differ from layer to layer and from class to class."""
    rng = np.random.default_rng(3)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            gamma, beta, mean, variance = layer.get_weights()
            layer.set_weights(
                [
                    rng.uniform(0.7, 1.3, gamma.shape),
                    rng.normal(0, 0.2, beta.shape),
                    rng.normal(0, 0.2, mean.shape),
                    rng.uniform(0.5, 1.5, variance.shape),
                ]
            )
        elif layer.name == "predictions" and layer.get_weights():
            kernel, *rest = layer.get_weights()
            layer.set_weights([rng.normal(0, 0.05, kernel.shape), *rest])


# name -> ops its graph must hold (so that batch norm, silu, ... are known as such)
APPLICATIONS = {
    "MobileNetV2": {"conv2d": 35, "depthwise_conv2d": 17, "batch_norm": 52, "relu6": 35, "dense": 1},
    "MobileNetV3Small": {"hard_swish": 19, "hard_sigmoid": 9, "batch_norm": 34},
    "EfficientNetB0": {"silu": 49, "batch_norm": 49, "depthwise_conv2d": 16, "conv2d": 65},
    "ResNet50": {"conv2d": 53, "batch_norm": 53, "relu": 49, "max_pool": 1},
    "DenseNet121": {"concat": 58, "avg_pool": 3},
    "Xception": {"depthwise_conv2d": 34},
}


@pytest.mark.parametrize("name", list(APPLICATIONS))
def test_keras_application(name, tmp_path):
    keras.utils.set_random_seed(7)
    model = getattr(keras.applications, name)(weights=None)
    randomise(model)
    model.export(tmp_path / "m", verbose=False)
    rows = listing(tmp_path / "m")
    assert sorted(r[0] for r in rows["signature"]) == ["serve", "serving_default"]
    assert all(r[1] == "" for r in rows["signature"]), rows["signature"]
    ops = [r[3] for r in rows["node"] if r[0] == "serving_default"]
    assert {op: ops.count(op) for op in APPLICATIONS[name]} == APPLICATIONS[name]
    norms = sum(isinstance(layer, keras.layers.BatchNormalization) for layer in model.layers)
    assert sum(r[0].endswith("/moving_mean") for r in rows["param"]) == norms  # each once
    trainable = {r[0] for r in rows["param"] if r[2] == "1"}
    assert len(trainable) == len(model.trainable_variables)
    check(tmp_path / "m", tmp_path)


def test_written_again(tmp_path):
    """Keras -> Graft -> TensorFlow: the copy computes what the original does and trains."""
    keras.utils.set_random_seed(7)
    model = keras.applications.MobileNetV2(weights=None, input_shape=(96, 96, 3), classes=10)
    randomise(model)
    model.export(tmp_path / "m", verbose=False)
    tool("copy", tmp_path / "m", tmp_path / "copy")
    a = tf.saved_model.load(str(tmp_path / "m")).signatures["serving_default"]
    copy = tf.saved_model.load(str(tmp_path / "copy"))
    x = tf.constant(np.random.default_rng(1).normal(0, 1, (3, 96, 96, 3)).astype(np.float32))
    close(a(x)["output_0"].numpy(), copy.signatures["serving_default"](x)["output_0"].numpy(), 2e-5)
    assert len(copy.trainable_variables) == len(model.trainable_variables)
    mean = next(v for v in copy.variables if v.name.startswith("bn_Conv1/moving_mean"))
    before = mean.numpy()
    copy(x, training=True)
    assert (mean.numpy() != before).any()


def test_tf_keras_model(tmp_path):
    """Keras 2's own format: functions nested, training variants, optimiser variables beside the model's."""
    import subprocess
    import sys

    script = f"""
import tf_keras as k, numpy as np, tensorflow as tf
k.utils.set_random_seed(3)
m = k.Sequential([k.layers.Input((20, 20, 3)), k.layers.Rescaling(1 / 127.5, -1),
                  k.layers.SeparableConv2D(8, 3, 2, 'same'), k.layers.BatchNormalization(),
                  k.layers.LeakyReLU(), k.layers.AveragePooling2D(), k.layers.Flatten(),
                  k.layers.Dropout(0.3), k.layers.Dense(12, 'tanh'), k.layers.Dense(4, 'softmax')])
m.compile('adam', 'sparse_categorical_crossentropy')
m.fit(np.random.rand(8, 20, 20, 3) * 255, np.arange(8) % 4, verbose=0)
m.save({str(tmp_path / 'm')!r})
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    rows = listing(tmp_path / "m")
    assert len(rows["param"]) == 11 and not any("optimizer" in r[0] for r in rows["param"])
    check(tmp_path / "m", tmp_path)


class Odd(tf.Module):
    """Ops and attributes that Keras' classifiers do not show, written with tf.function."""

    def __init__(self):
        rng = np.random.default_rng(2)
        self.kernel = tf.Variable(rng.normal(0, 0.3, (3, 3, 4, 6)).astype(np.float32), name="kernel")
        self.table = tf.Variable(rng.normal(0, 1, (50, 6)).astype(np.float32), trainable=False, name="table")
        self.scale = tf.Variable(2.0, name="scale")

    @tf.function(
        input_signature=[
            tf.TensorSpec((None, 9, 7, 4), tf.float32, "picture"),
            tf.TensorSpec((None,), tf.int32, "ids"),
        ]
    )
    def __call__(self, picture, ids):
        y = tf.nn.conv2d(picture, self.kernel, [1, 2, 1, 1], [[0, 0], [1, 0], [2, 1], [0, 0]])
        n, h, w, c = tf.unstack(tf.shape(y))
        rows = tf.reshape(y, [n, h * w, c])
        a, b = tf.split(rows, 2, axis=2)
        joined = tf.concat([b, tf.nn.relu6(a) - 1.0], axis=-1)
        attention = tf.nn.softmax(tf.matmul(joined, joined, transpose_b=True) / self.scale)
        mixed = tf.matmul(attention, rows)
        flat = tf.reshape(mixed, [-1, int(mixed.shape[1]) * 6]) if mixed.shape[1] else tf.reduce_sum(mixed, 1)
        words = tf.gather(self.table, ids)
        return {
            "flat": flat,
            "first": mixed[:, 0],
            "middle": mixed[:, 1:-1:2, ::-1],
            "wide": mixed[:, tf.newaxis, ..., 2:4],
            "words": tf.math.l2_normalize(words, axis=1),
            "moments": tf.nn.moments(picture, [1, 2])[1],
            "stacked": tf.stack([tf.reduce_max(picture, 3), tf.reduce_mean(picture, -1)], axis=1),
            "resized": tf.image.resize(picture, (5, 12)),
            "nearest": tf.compat.v1.image.resize_nearest_neighbor(picture, (18, 21)),
            "padded": tf.pad(picture, [[0, 0], [1, 2], [0, 3], [0, 0]], constant_values=1.5),
            "turned": tf.transpose(tf.squeeze(picture[:, :1], 1), [0, 2, 1]),
            "activations": tf.nn.silu(words)
            + tf.nn.leaky_relu(words, 0.3) * tf.math.rsqrt(tf.square(words) + 0.1),
            "repeated": tf.broadcast_to(words[:, :1], tf.shape(words)) * tf.cast(ids, tf.float32)[:, None],
        }


def test_odd_ops(tmp_path):
    module = Odd()
    tf.saved_model.save(module, str(tmp_path / "m"), signatures=module.__call__)
    rows = listing(tmp_path / "m")
    assert rows["signature"] == [["serving_default", ""]], rows["signature"]
    assert {r[0]: r[2] for r in rows["param"]} == {"kernel": "1", "table": "0", "scale": "1"}
    check(tmp_path / "m", tmp_path, tolerance=1e-5, log=False)


def test_version_1(tmp_path):
    """A TensorFlow 1 file: variables by shared name, Saver's own restore nodes, no object graph."""
    v1 = tf.compat.v1
    rng = np.random.default_rng(5)
    with tf.Graph().as_default(), v1.Session() as session:
        x = v1.placeholder(tf.float32, (None, 6), "x")
        for resource in (True, False):
            with v1.variable_scope(f"part{int(resource)}", use_resource=resource):
                w = v1.get_variable("w", initializer=rng.normal(0, 1, (6, 6)).astype(np.float32))
                b = v1.get_variable("b", initializer=rng.normal(0, 1, 6).astype(np.float32))
                y = tf.nn.relu(v1.nn.xw_plus_b(x if resource else y, w, b))
        session.run(v1.global_variables_initializer())
        v1.saved_model.simple_save(session, str(tmp_path / "m"), {"x": x}, {"y": y})
        given = rng.normal(0, 1, (3, 6)).astype(np.float32)
        theirs = session.run(y, {x: given})
    rows = listing(tmp_path / "m")
    assert sorted(r[0] for r in rows["param"]) == ["part0/b", "part0/w", "part1/b", "part1/w"]
    close(run_dir(tmp_path / "m", "serving_default", {"x": given}, tmp_path)["y"], theirs, 1e-5)


def test_problem_names_op_and_node(tmp_path):
    class Module(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec((None, 4), tf.float32, "x")])
        def good(self, x):
            return {"y": tf.nn.relu(x)}

        @tf.function(input_signature=[tf.TensorSpec((None, 4), tf.float32, "x")])
        def bad(self, x):
            return {"y": tf.math.digamma(tf.nn.relu(x))}

        @tf.function(input_signature=[tf.TensorSpec((None,), tf.string, "text")])
        def text(self, text):
            return {"n": tf.strings.length(text)}

    module = Module()
    tf.saved_model.save(
        module, str(tmp_path / "m"), signatures={"good": module.good, "bad": module.bad, "text": module.text}
    )
    rows = listing(tmp_path / "m")
    problems = dict(rows["signature"])
    assert problems["good"] == ""
    assert "op 'Digamma'" in problems["bad"] and "node 'Digamma'" in problems["bad"]
    assert "op 'StringLength'" in problems["text"]
    assert ["bad", "Digamma", "1", "0"] in rows["op"] and ["bad", "Relu", "1", "1"] in rows["op"]


@pytest.mark.parametrize("kind", tool("kinds").split())
def test_own_files(kind, tmp_path):
    tool("make", kind, tmp_path / "m")
    function = tf.saved_model.load(str(tmp_path / "m")).signatures["serving_default"]
    for batch in (1, 3):
        x = feed(function.structured_input_signature[1], batch)
        made, read = run_made(kind, x, tmp_path), run_dir(tmp_path / "m", "serving_default", x, tmp_path)
        for name in made:
            close(made[name], read[name], 1e-6)
