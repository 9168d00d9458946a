#!/usr/bin/env python3
"""Seeds of fuzz_graphdef and fuzz_savedmodel_graph: small graphs that TensorFlow writes, with what readers find hard.

Usage: gen_graphdef_seeds.py (from the source's root; needs TensorFlow). Writes tests/fuzz/corpus/{graphdef,savedmodel_graph}.
"""

import pathlib

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

v1 = tf.compat.v1
OUT = pathlib.Path("tests/fuzz/corpus")


def normal(*shape):
    return np.random.default_rng(sum(shape)).normal(0, 1, shape).astype(np.float32)


def bare(graph_def):
    """Without what TensorFlow's runtime alone reads."""
    for nodes in [graph_def.node, *(f.node_def for f in graph_def.library.function)]:
        for node in nodes:
            node.ClearField("experimental_debug_info")
            for key in [k for k in node.attr if k.startswith("_")]:
                del node.attr[key]
    for function in graph_def.library.function:
        function.arg_attr.clear()
        function.attr.clear()
    return graph_def


def put(name, graph_def):
    (OUT / "graphdef").mkdir(parents=True, exist_ok=True)
    (OUT / "graphdef" / name).write_bytes(bare(graph_def).SerializeToString(deterministic=True))


def version_1(build, old):
    (v1.disable_control_flow_v2 if old else v1.enable_control_flow_v2)()
    with tf.Graph().as_default() as graph:
        build()
    return graph.as_graph_def()


def net():
    x = v1.placeholder(tf.float32, (None, 6, 6, 2), "x")
    y = tf.nn.conv2d(x, normal(3, 3, 2, 3), 2, "SAME")
    y = tf.nn.relu6(tf.nn.batch_normalization(y, normal(3), normal(3) ** 2, normal(3), normal(3), 1e-3))
    tf.nn.softmax(tf.nn.bias_add(tf.matmul(tf.reduce_mean(y, [1, 2]), normal(3, 4)), normal(4)), name="scores")


def switch():
    x = v1.placeholder(tf.float32, (None, 3), "x")
    training = v1.placeholder_with_default(False, (), "training")
    y = v1.cond(training, lambda: tf.nn.relu(x) * 2.0, lambda: tf.matmul(x, normal(3, 3)))
    tf.split(v1.cond(tf.logical_not(training), lambda: y, lambda: x), 3, axis=1, name="parts")


def parameters():
    with v1.variable_scope("v", use_resource=False):
        x = v1.placeholder(tf.float32, (None, 3), "x")
        tf.matmul(x, v1.get_variable("w", initializer=normal(3, 4)), name="y")


def functions():
    weight = tf.Variable(normal(3, 3))

    @tf.function(input_signature=[tf.TensorSpec((None, 3), tf.float32, "x")])
    def f(x):
        y = tf.while_loop(lambda i, _: i < 3, lambda i, v: (i + 1, tf.nn.gelu(v @ weight)), (0, x))[1]
        return tf.switch_case(tf.constant(1), [lambda: y, lambda: y - tf.reduce_mean(y, -1, keepdims=True)])

    held = convert_variables_to_constants_v2(f.get_concrete_function(), lower_control_flow=False)
    return held.graph.as_graph_def()


def main():
    put("net", version_1(net, False))
    put("switch", version_1(switch, True))
    put("branch", version_1(switch, False))
    put("variable", version_1(parameters, False))
    put("loop", functions())
    model = saved_model_pb2.SavedModel()
    model.ParseFromString((OUT / "savedmodel_graph" / "pair.pb").read_bytes())
    model.meta_graphs[0].signature_def.clear()  # __call__ is left
    (OUT / "savedmodel_graph" / "called.pb").write_bytes(model.SerializeToString(deterministic=True))


if __name__ == "__main__":
    main()
