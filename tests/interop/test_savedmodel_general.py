"""What SavedModels and frozen graphs of the world hold, read by Graft and compared with TensorFlow: control flow with
constant conditions, partitions, reusable modules without a signature, tags, structures, checkpoints, spelled-out ops.
"""

import json
import subprocess
import sys

import numpy as np
import pytest

from savedmodel_common import GRAFT, close, tool

tf = pytest.importorskip("tensorflow")
v1 = tf.compat.v1


def graft(*args, ok=True):
    done = subprocess.run([GRAFT, *map(str, args)], capture_output=True, text=True)
    assert done.returncode in (0, 1), done.stderr  # never a crash
    assert (done.returncode == 0) == ok, done.stderr
    return done.stdout if ok else done.stderr


def run(model, x, folder, signature=None):
    np.savez(folder / "in.npz", **x)
    more = ["--signature", signature] if signature else []
    graft("run", model, "--input", folder / "in.npz", "--output", folder / "out.npz", *more)
    with np.load(folder / "out.npz") as z:
        return {k: z[k] for k in z.files}


def ops_of(model, signature=None):
    more = ["--signature", signature] if signature else []
    return json.loads(graft("summary", model, "--ops", "--json", *more))


def graph_ops(model):
    """Graft's ops of a model's serving_default, by name."""
    rows = [line.split("\t") for line in tool("list", model).splitlines()]
    return [r[4] for r in rows if r[0] == "node" and r[1] == "serving_default"]


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(0, 1, shape).astype(np.float32)


# ---- frozen graphs ----


def spelled_batch_norm(x, depth, seed):
    """tf.nn.batch_normalization: Mul, Rsqrt, Sub, Add of constants."""
    rng = np.random.default_rng(seed)
    mean, beta = (v1.get_variable(n, initializer=rng.normal(0, 0.3, depth).astype(np.float32)) for n in "mb")
    var, gamma = (v1.get_variable(n, initializer=rng.uniform(0.5, 2, depth).astype(np.float32)) for n in "vg")
    return tf.nn.batch_normalization(x, mean, var, beta, gamma, 1e-3)


@pytest.fixture(scope="module")
def frozen(tmp_path_factory):
    """A frozen net with spelled-out batch norms and a training switch; its graph and file."""
    folder = tmp_path_factory.mktemp("frozen")
    with tf.Graph().as_default() as graph, v1.Session() as session:
        x = v1.placeholder(tf.float32, (None, 12, 12, 3), "input")
        training = v1.placeholder_with_default(False, (), "is_training")
        y = x
        for i, depth in enumerate((8, 16)):
            with v1.variable_scope(f"conv{i}"):
                w = v1.get_variable("weights", initializer=normal(3, 3, y.shape[-1], depth, seed=i) * 0.3)
                y = tf.nn.conv2d(y, w, 2, "SAME", name="convolution")
                y = tf.nn.relu6(spelled_batch_norm(y, depth, i), name="relu6")
        dropped = v1.cond(training, lambda: tf.nn.dropout(y, 0.5), lambda: tf.identity(y))
        feature = tf.reduce_mean(dropped, [1, 2], name="feature")
        w = v1.get_variable("head", initializer=normal(16, 5, seed=9))
        logits = tf.nn.bias_add(tf.matmul(feature, w), normal(5, seed=4), name="logits")
        tf.nn.softmax(logits, name="scores")
        session.run(v1.global_variables_initializer())
        held = v1.graph_util.convert_variables_to_constants(session, graph.as_graph_def(), ["scores"])
    path = folder / "net.pb"
    path.write_bytes(held.SerializeToString())
    return held, path


def fetch(graph_def, tensors, feed):
    with tf.Graph().as_default() as graph, v1.Session(graph=graph) as session:
        tf.import_graph_def(graph_def, name="")
        return session.run([t if ":" in t else t + ":0" for t in tensors], feed)


def test_frozen_graph(frozen, tmp_path):
    held, path = frozen
    x = normal(3, 12, 12, 3)
    ours = run(path, {"input": x}, tmp_path)
    assert list(ours) == ["scores"]
    close(ours["scores"], fetch(held, ["scores"], {"input:0": x})[0], 2e-5)
    assert all(op["supported"] for op in ops_of(path))
    layers = json.loads(graft("summary", path, "--json"))["layers"]
    names = "+".join(layer["op"] for layer in layers).split("+")
    assert names.count("batch_norm") == 2 and "rsqrt" not in names
    assert sum(layer["parameters"] for layer in layers) == 3 * 27 * 8 // 3 + 9 * 8 * 16 + 4 * 24 + 16 * 5 + 5


def test_frozen_graph_any_tensor(frozen, tmp_path):
    held, path = frozen
    x = normal(2, 12, 12, 3, seed=3)
    wanted = ["feature", "logits", "conv0/relu6"]
    theirs = dict(zip(wanted, fetch(held, wanted, {"input:0": x})))
    ours = run(f"{path}#{','.join(wanted)}", {"input": x}, tmp_path)
    assert list(ours) == wanted
    for name in wanted:
        close(ours[name], theirs[name], 2e-5)
    inner = run(f"{path}#logits@conv0/relu6", {"x": theirs["conv0/relu6"]}, tmp_path)
    close(inner["logits"], theirs["logits"], 2e-5)
    assert "'nowhere' is not in the graph" in graft("summary", f"{path}#nowhere", ok=False)


def test_frozen_graph_with_functions(tmp_path):
    """A graph that TensorFlow 2 froze, control flow and all."""
    weight = tf.Variable(normal(6, 4))

    @tf.function(input_signature=[tf.TensorSpec((None, 6), tf.float32, "x")])
    def f(x):
        y = tf.nn.relu(x @ weight)
        return tf.while_loop(lambda i, _: i < 3, lambda i, v: (i + 1, v * 0.5 + 1), (0, y))[1]

    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    held = convert_variables_to_constants_v2(f.get_concrete_function(), lower_control_flow=False)
    (tmp_path / "f.pb").write_bytes(held.graph.as_graph_def().SerializeToString())
    x = normal(3, 6, seed=5)
    close(list(run(tmp_path / "f.pb", {"x": x}, tmp_path).values())[0], f(x).numpy(), 1e-5)


# ---- control flow ----


class Flow(tf.Module):
    def __init__(self):
        self.w = tf.Variable(normal(4, 4))

    @tf.function
    def layer(self, x, training):
        return tf.cond(training, lambda: tf.nn.dropout(x @ self.w, 0.5), lambda: tf.nn.tanh(x @ self.w))

    @tf.function(input_signature=[tf.TensorSpec((None, 4), tf.float32, "x")])
    def good(self, x):
        y = self.layer(x, tf.constant(False))
        y = tf.switch_case(tf.constant(7), [lambda: y, lambda: y * 2.0, lambda: y - 3.0])
        turns = tf.while_loop(lambda i, v: i < 4, lambda i, v: (i + 1, v + tf.nn.relu(v)), (0, y))
        never = tf.while_loop(lambda i, v: i < 0, lambda i, v: (i + 1, v * 9.0), (0, x))
        return {"y": turns[1], "same": never[1] + 0.5, "sure": tf.cond(turns[0] > 3, lambda: y, lambda: -y)}

    @tf.function(input_signature=[tf.TensorSpec((None, 4), tf.float32, "x")])
    def bad(self, x):
        return {"y": tf.cond(tf.reduce_sum(x) > 0, lambda: x + 1, lambda: x - 1)}

    @tf.function(input_signature=[tf.TensorSpec((None, 4), tf.float32, "x")])
    def odd(self, x):
        return {"y": tf.math.digamma(tf.nn.relu(x))}


def test_functional_control_flow(tmp_path):
    module = Flow()
    names = {"serving_default": module.good, "bad": module.bad, "odd": module.odd}
    tf.saved_model.save(module, str(tmp_path / "m"), signatures=names)
    x = normal(3, 4, seed=2)
    theirs = module.good(x)
    ours = run(tmp_path / "m", {"x": x}, tmp_path)
    for name in theirs:
        close(ours[name], theirs[name].numpy(), 1e-5)
    problems = dict(
        line.split("\t")[1:3] for line in tool("list", tmp_path / "m").splitlines() if line[:9] == "signature"
    )
    assert problems["serving_default"] == ""
    assert "op 'StatelessIf'" in problems["bad"] and "depends on an input" in problems["bad"]
    missing = [op for op in ops_of(tmp_path / "m", "bad") if not op["supported"]]
    assert [op["op"] for op in missing] == ["StatelessIf"] and missing[0]["function"].startswith(
        "__inference_bad"
    )
    missing = [op for op in ops_of(tmp_path / "m", "odd") if not op["supported"]]
    assert [(op["op"], op["node"]) for op in missing] == [("Digamma", "Digamma")]
    everything = graft("summary", tmp_path / "m", "--ops")
    assert (
        "signature odd" in everything and "missing: node 'Digamma' in function '__inference_odd" in everything
    )


@pytest.fixture
def old_control_flow():
    v1.disable_control_flow_v2()
    yield
    v1.enable_control_flow_v2()


def test_switches_of_version_1(tmp_path, old_control_flow):
    """tf.cond of TensorFlow 1 on is_training: the branch of training is not looked at."""
    with tf.Graph().as_default(), v1.Session() as session:
        x = v1.placeholder(tf.float32, (None, 6, 6, 4), "x")
        training = v1.placeholder_with_default(False, (), "training")
        on = tf.logical_and(training, tf.logical_not(tf.constant(False)))
        gamma, beta = tf.constant(normal(4)), tf.constant(normal(4, seed=1))
        mean, var = tf.constant(normal(4, seed=2)), tf.constant(normal(4, seed=3) ** 2 + 0.5)

        def learn():
            y, m, v = v1.nn.fused_batch_norm(x, gamma, beta, is_training=True)
            return y + 0.0 * (tf.reduce_sum(m) + tf.reduce_sum(v))

        def rest():
            return v1.nn.fused_batch_norm(x, gamma, beta, mean, var, is_training=False)[0]

        y = v1.cond(on, learn, rest)
        z = v1.cond(
            tf.logical_not(on),
            lambda: v1.cond(on, lambda: y * 2.0, lambda: y * 3.0),
            lambda: tf.zeros_like(y),
        )
        v1.saved_model.simple_save(session, str(tmp_path / "m"), {"x": x}, {"y": z})
        given = normal(2, 6, 6, 4, seed=8)
        theirs = session.run(z, {x: given})
        assert {"Switch", "Merge"} < {n.op for n in session.graph.as_graph_def().node}
    close(run(tmp_path / "m", {"x": given}, tmp_path)["y"], theirs, 1e-5)
    assert "batch_norm" in graph_ops(tmp_path / "m")


# ---- variables ----


def test_partitioned_variables(tmp_path):
    """Variables in slices, as TensorFlow 1's partitioners make them: joined ones are one parameter."""
    with tf.Graph().as_default(), v1.Session() as session:
        x = v1.placeholder(tf.float32, (None, 10), "x")
        y = x
        for resource in (False, True):
            with v1.variable_scope(
                f"part{int(resource)}", partitioner=v1.fixed_size_partitioner(3), use_resource=resource
            ):
                w = v1.get_variable("w", (10, 10), initializer=v1.random_normal_initializer(seed=3))
                alone = list(w)[1]
                y = tf.nn.relu(tf.matmul(y, tf.convert_to_tensor(w))) + tf.reduce_sum(alone)
        session.run(v1.global_variables_initializer())
        v1.saved_model.simple_save(session, str(tmp_path / "m"), {"x": x}, {"y": y})
        given = normal(3, 10, seed=1)
        theirs = session.run(y, {x: given})
    close(run(tmp_path / "m", {"x": given}, tmp_path)["y"], theirs, 1e-5)
    params = [
        line.split("\t")[1] for line in tool("list", tmp_path / "m").splitlines() if line[:5] == "param"
    ]
    assert sorted(params) == ["part0/w", "part0/w/part_1", "part1/w", "part1/w/part_1"]
    assert graph_ops(tmp_path / "m").count("dense") == 2


def test_small_floats(tmp_path):
    class Module(tf.Module):
        def __init__(self):
            self.half = tf.Variable(normal(4, 3), dtype=tf.float16)
            self.brain = tf.Variable(tf.cast(normal(4, 3, seed=1), tf.bfloat16))

        @tf.function(input_signature=[tf.TensorSpec((None, 4), tf.float32, "x")])
        def __call__(self, x):
            return x @ tf.cast(self.half, tf.float32) + x @ tf.cast(self.brain, tf.float32)

    module = Module()
    tf.saved_model.save(module, str(tmp_path / "m"), signatures=module.__call__)
    x = normal(2, 4, seed=2)
    close(run(tmp_path / "m", {"x": x}, tmp_path)["output_0"], module(x).numpy(), 1e-5)


# ---- what is called, tags, structures ----


class Reusable(tf.Module):
    """A TF Hub module: no signature, called with `training`."""

    def __init__(self):
        self.w = tf.Variable(normal(5, 3), name="w")
        self.variables_ = [self.w]

    @tf.function
    def __call__(self, inputs, training=False):
        y = inputs["a"] @ self.w + tf.constant(normal(1, 3, seed=7))
        return {"twice": 2.0 * y, "once": tf.nn.dropout(y, 0.5) if training else y + inputs["b"]}


def test_reusable_module(tmp_path):
    module = Reusable()
    spec = {"b": tf.TensorSpec((None, 1), tf.float32, "b"), "a": tf.TensorSpec((None, 5), tf.float32, "a")}
    for training in (True, False):
        module.__call__.get_concrete_function(spec, training=training)
    tf.saved_model.save(module, str(tmp_path / "m"))
    x = {"a": normal(2, 5), "b": normal(2, 1, seed=1)}
    theirs = tf.saved_model.load(str(tmp_path / "m"))({k: tf.constant(v) for k, v in x.items()}, False)
    ours = run(tmp_path / "m", x, tmp_path)
    assert set(ours) == set(theirs)
    for name in ours:
        close(ours[name], theirs[name].numpy(), 1e-5)


def tagged(path, tags):
    with tf.Graph().as_default(), v1.Session() as session:
        x = v1.placeholder(tf.float32, (None, 2), "x")
        w = v1.get_variable("w", initializer=normal(2, 2))
        session.run(v1.global_variables_initializer())
        builder = v1.saved_model.Builder(str(path))
        info = v1.saved_model.build_signature_def(
            {"x": v1.saved_model.build_tensor_info(x)}, {"y": v1.saved_model.build_tensor_info(x @ w)}
        )
        builder.add_meta_graph_and_variables(session, tags[0], {"serving_default": info})
        for more in tags[1:]:
            builder.add_meta_graph(more, {"serving_default": info})
        builder.save()
    return normal(3, 2, seed=4) @ normal(2, 2)


def test_tags(tmp_path):
    x = {"x": normal(3, 2, seed=4)}
    for name, tags in {
        "gpu": [["train"], ["serve", "gpu"]],
        "only": [["train"]],
        "none": [["train"], []],
    }.items():
        theirs = tagged(tmp_path / name, tags)
        close(run(tmp_path / name, x, tmp_path)["y"], theirs, 1e-5)
    tagged(tmp_path / "two", [["train"], ["tpu", "eval"]])
    said = graft("summary", tmp_path / "two", ok=False)
    assert "train" in said and "tpu, eval" in said


def test_signatures_and_structures(tmp_path):
    class Module(tf.Module):
        @tf.function(
            input_signature=[{"b": tf.TensorSpec((None, 3)), "a": [tf.TensorSpec(()), tf.TensorSpec((3,))]}]
        )
        def nested(self, x):
            return {"z": x["b"] * x["a"][0], "y": x["a"][1] + 1.0}

        @tf.function(
            input_signature=[tf.TensorSpec((2, None), tf.int32, "n"), tf.TensorSpec((None,), tf.int64, "m")]
        )
        def whole(self, n, m):
            return {"sum": n + tf.cast(m, tf.int32), "float": tf.cast(n, tf.float32) / 2.0}

    module = Module()
    tf.saved_model.save(module, str(tmp_path / "m"), {"nested": module.nested, "whole": module.whole})
    loaded = tf.saved_model.load(str(tmp_path / "m")).signatures
    x = {
        "nested": {"x": normal(2, 3), "x_1": np.float32(3.0), "x_2": normal(3, seed=1)},
        "whole": {"n": np.arange(6, dtype=np.int32).reshape(2, 3), "m": np.array([5, 7, 9])},
    }
    spec = loaded["nested"].structured_input_signature[1]
    x["nested"] = {
        k: normal(*[2 if d is None else d for d in s.shape], seed=i) for i, (k, s) in enumerate(spec.items())
    }
    for name in ("nested", "whole"):
        theirs = loaded[name](**{k: tf.constant(v) for k, v in x[name].items()})
        ours = run(tmp_path / "m", x[name], tmp_path, name)
        assert set(ours) == set(theirs)
        for key in ours:
            close(ours[key], theirs[key].numpy(), 1e-6)


# ---- patterns ----

PATTERNS = {
    "gelu": (lambda x: tf.nn.gelu(x), {"gelu"}),
    "gelu_tanh": (lambda x: tf.nn.gelu(x, approximate=True), {"gelu_tanh"}),
    "gelu_bert": (
        lambda x: x * 0.5 * (1.0 + tf.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * tf.pow(x, 3)))),
        {"gelu_tanh"},
    ),
    "gelu_erf": (lambda x: x * (0.5 * (1.0 + tf.math.erf(x / tf.sqrt(2.0)))), {"gelu"}),
    "silu": (lambda x: x * tf.sigmoid(x), {"silu"}),
    "hard_swish": (lambda x: x * (tf.nn.relu6(x + 3.0) * (1 / 6)), {"hard_swish"}),
    "hard_swish_divided": (lambda x: x * tf.nn.relu6(x + 3.0) / 6.0, {"hard_swish"}),
    "hard_swish_first": (lambda x: (x / 6.0) * tf.nn.relu6(3.0 + x), {"hard_swish"}),
    "hard_swish_clip": (lambda x: x * (tf.clip_by_value(x + 3.0, 0.0, 6.0) / 6.0), {"hard_swish"}),
    "hard_sigmoid": (lambda x: tf.nn.relu6(x + 3.0) / 6.0, {"hard_sigmoid"}),
    "relu6": (lambda x: tf.minimum(tf.maximum(x, 0.0), 6.0), {"relu6"}),
    "relu": (lambda x: tf.maximum(0.0, x), {"relu"}),
    "leaky_relu": (lambda x: tf.maximum(x, 0.1 * x), {"leaky_relu"}),
}


@pytest.fixture(scope="module")
def spelled(tmp_path_factory):
    """One model with an output for each pattern."""
    folder = tmp_path_factory.mktemp("patterns")

    class Module(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec((None, 7), tf.float32, "x")])
        def __call__(self, x):
            return {name: f(x) for name, (f, _) in PATTERNS.items()}

    module = Module()
    signatures = {"serving_default": module.__call__}
    tf.saved_model.save(module, str(folder / "m"), signatures=signatures)
    for name, (f, _) in PATTERNS.items():
        one = tf.function(f, input_signature=[tf.TensorSpec((None, 7), tf.float32, "x")])
        holder = tf.Module()
        holder.f = one
        tf.saved_model.save(holder, str(folder / name), signatures=one)
    return folder, module


def test_patterns_values(spelled, tmp_path):
    folder, module = spelled
    x = normal(5, 7, seed=6) * 3
    theirs = module(x)
    ours = run(folder / "m", {"x": x}, tmp_path)
    for name in PATTERNS:
        close(ours[name], theirs[name].numpy(), 2e-6)


@pytest.mark.parametrize("name", list(PATTERNS))
def test_pattern_is_one_op(name, spelled):
    assert set(graph_ops(spelled[0] / name)) == PATTERNS[name][1]


def test_keras_layers_are_one_op(tmp_path):
    keras = pytest.importorskip("keras")
    layers = keras.layers
    norm = layers.Normalization(mean=[1.0, 2.0, 3.0, -1.0], variance=[4.0, 1.0, 0.5, 2.0])
    model = keras.Sequential(
        [
            layers.Input((6, 5, 4)),
            norm,
            layers.Conv2D(8, 3, padding="same", activation="gelu"),
            layers.LayerNormalization(epsilon=1e-5),
            layers.Conv2D(6, 1, activation="hard_silu"),
            layers.LayerNormalization(epsilon=1e-3, center=False),
            layers.ReLU(max_value=6.0),
            layers.LeakyReLU(0.2),
            layers.GlobalAveragePooling2D(),
            layers.Dense(7, activation="silu"),
            layers.LayerNormalization(),
            layers.Dense(3, activation="hard_sigmoid"),
        ]
    )
    rng = np.random.default_rng(2)
    model.set_weights([w + rng.normal(0, 0.3, w.shape) for w in model.get_weights()])
    model.export(tmp_path / "m", verbose=False)
    x = normal(3, 6, 5, 4, seed=1)
    ours = list(run(tmp_path / "m", {"x": x}, tmp_path).values())[0]
    close(ours, np.asarray(model(x)), 2e-5)
    ops = graph_ops(tmp_path / "m")
    assert ops.count("layer_norm") == 3, ops
    for op in ("gelu", "hard_swish", "relu6", "leaky_relu", "silu", "hard_sigmoid"):
        assert ops.count(op) == 1, ops
    assert not {"rsqrt", "square", "erf", "tanh", "sigmoid", "maximum", "minimum"} & set(ops), ops


def test_keras_2_layer_norm(tmp_path):
    """Keras 2 computes it as a batch norm over rows, whose number is not known before the model runs."""
    script = f"""
import tf_keras as k, numpy as np, tensorflow as tf
k.utils.set_random_seed(3)
m = k.Sequential([k.layers.Input((6, 5, 4)), k.layers.LayerNormalization(), k.layers.Conv2D(3, 3, activation='gelu'),
                  k.layers.Flatten(), k.layers.Dense(8), k.layers.LayerNormalization(epsilon=1e-5, center=False)])
rng = np.random.default_rng(2)
m.set_weights([w + rng.normal(0, 0.3, w.shape) for w in m.get_weights()])
m.save({str(tmp_path / 'm')!r})
x = rng.normal(0, 1, (3, 6, 5, 4)).astype(np.float32)
np.savez({str(tmp_path / 'xy.npz')!r}, x=x, y=m.predict(x, verbose=0))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    with np.load(tmp_path / "xy.npz") as z:
        close(list(run(tmp_path / "m", {"x": z["x"]}, tmp_path).values())[0], z["y"], 2e-5)
    ops = graph_ops(tmp_path / "m")
    assert ops.count("layer_norm") == 2 and ops.count("gelu") == 1 and ops.count("reshape") == 1, ops


# ---- bare checkpoints ----


def test_checkpoint_weights(tmp_path):
    """Weights of a checkpoint prefix into a model of the same variables."""
    with tf.Graph().as_default(), v1.Session() as session:
        x = v1.placeholder(tf.float32, (None, 4), "x")
        w = v1.get_variable("net/w", initializer=normal(4, 3))
        b = v1.get_variable("net/b", initializer=normal(3, seed=1))
        y = tf.nn.bias_add(tf.matmul(x, w), b)
        session.run(v1.global_variables_initializer())
        v1.saved_model.simple_save(session, str(tmp_path / "m"), {"x": x}, {"y": y})
        session.run([w.assign(normal(4, 3, seed=5)), b.assign(normal(3, seed=6))])
        prefix = v1.train.Saver().save(session, str(tmp_path / "ckpt" / "model"), global_step=7)
        given = normal(2, 4, seed=2)
        theirs = session.run(y, {x: given})
    graft("convert", tmp_path / "m", tmp_path / "new", "--weights", prefix)
    close(run(tmp_path / "new", {"x": given}, tmp_path)["y"], theirs, 1e-5)
    objects = tf.train.Checkpoint(
        net=tf.train.Checkpoint(w=tf.Variable(normal(4, 3, seed=8)), b=tf.Variable(normal(3, seed=9)))
    )
    saved = objects.write(str(tmp_path / "objects"))
    graft("convert", tmp_path / "m", tmp_path / "newer", "--weights", saved + ".index")
    close(
        run(tmp_path / "newer", {"x": given}, tmp_path)["y"],
        given @ normal(4, 3, seed=8) + normal(3, seed=9),
        1e-5,
    )
    less = tf.train.Checkpoint(net=tf.train.Checkpoint(w=tf.Variable(normal(4, 3, seed=8))))
    said = graft(
        "convert", tmp_path / "m", tmp_path / "bad", "--weights", less.write(str(tmp_path / "less")), ok=False
    )
    assert "net/b" in said
    wrong = tf.train.Checkpoint(
        net=tf.train.Checkpoint(w=tf.Variable(normal(3, 4)), b=tf.Variable(normal(3)))
    )
    said = graft(
        "convert",
        tmp_path / "m",
        tmp_path / "bad",
        "--weights",
        wrong.write(str(tmp_path / "wrong")),
        ok=False,
    )
    assert "net/w" in said and "[4,3]" in said
