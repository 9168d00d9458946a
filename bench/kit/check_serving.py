"""TensorFlow Serving's own test models, every signature by Graft and by TensorFlow: check_serving.py KIT

A signature is fed what its inputs ask for: tf.Examples with the features x and x2, floats in the shape that the
signature states (in three ranks where it states none). Models whose graph TensorFlow 2 refuses are compared with what
their name promises. Signatures that change variables are to be refused by name: a Graft model is read-only.
"""

import pathlib
import subprocess
import sys

import numpy as np

from kit_common import kit_or_leave

import bench_common as bench

VALUES = np.array([0.0, 1.0, 2.0, 5.0, -3.25, 7.0, 1e6, -0.5, 3.0, 100.0], np.float32)
ASSIGNING = {"incr_counter", "incr_counter_by", "reset_counter"}


def examples():
    import tensorflow as tf

    def one(x):
        floats = lambda v: tf.train.Feature(float_list=tf.train.FloatList(value=[v]))
        features = tf.train.Features(feature={"x": floats(x), "x2": floats(x + 10)})
        return tf.train.Example(features=features).SerializeToString()

    return [one(float(x)) for x in VALUES]


def inputs_of(signature):
    """Lists of feeds: name -> array, or a list of serialised examples."""
    import tensorflow as tf

    feeds = [{}]
    for name, info in signature.inputs.items():
        shape = info.tensor_shape
        # the old models call a string float: the placeholder of tf.Examples is known by its name
        if info.dtype == tf.string.as_datatype_enum or info.name.startswith("tf_example"):
            choices = [examples()]
        elif shape.unknown_rank:
            choices = [VALUES[3], VALUES, VALUES[:, None], VALUES[:4].reshape(2, 1, 2)]
        elif [d.size for d in shape.dim] == [1]:
            choices = [VALUES[3:4]]
        else:  # (?, 1), or no dimensions: old graphs say so of a shape that is not known
            choices = [VALUES[:, None]]
        feeds = [{**feed, name: value} for feed in feeds for value in choices]
    return feeds


def theirs_of(folder):
    """signature -> a function of a feed that gives TensorFlow's outputs; None when TensorFlow refuses the model."""
    import tensorflow as tf
    from tensorflow.python.saved_model import loader_impl

    meta = loader_impl.parse_saved_model(str(folder)).meta_graphs[0]
    graph = tf.Graph()
    with graph.as_default():
        session = tf.compat.v1.Session(graph=graph)
        try:
            tf.compat.v1.saved_model.load(session, list(meta.meta_info_def.tags), str(folder))
        except Exception as refused:
            bench.say(f"  (TensorFlow refuses it: {str(refused).splitlines()[0][:100]})")
            session = None

    def run(signature, feed):
        outputs = {k: t.name for k, t in signature.outputs.items()}
        return session.run(outputs, {signature.inputs[k].name: v for k, v in feed.items()})

    return {k: s for k, s in meta.signature_def.items() if s.outputs and s.method_name}, session and run


def promised(folder, signature, feed):
    """half plus two (or three): y = x / 2 + 2, y2 = x / 2 + 3, y3 = x2 / 2 + 3."""
    (value,) = feed.values()
    x = VALUES[:, None] if isinstance(value, list) else value
    more = {
        k: t.name.startswith(("y2", "y3")) or "three" in folder.parent.name
        for k, t in signature.outputs.items()
    }
    return {k: x / 2 + (3 if m else 2) for k, m in more.items()}


def graft_run(folder, name, feed, work):
    """Graft's outputs, or its sentence."""
    import tensorflow as tf

    given = work / "in.npz"
    if any(isinstance(v, list) for v in feed.values()):
        given = work / "in.tfrecord"
        with tf.io.TFRecordWriter(str(given)) as writer:
            for item in next(iter(feed.values())):
                writer.write(item)
    else:
        np.savez(given, **feed)
    command = [bench.GRAFT, "run", folder, "--signature", name, "--output", work / "out.npz"]
    if feed:
        command += ["--input", given]
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True)
    if done.returncode != 0:
        return done.stderr.strip()
    with np.load(work / "out.npz") as z:
        return {k: z[k] for k in z.files}


def check(folder, work):
    """(compared, wrong) of one version of one model."""
    bench.say(f"{folder.parent.name}/{folder.name}")
    signatures, run = theirs_of(folder)
    compared = wrong = 0
    for name, signature in sorted(signatures.items()):
        for feed in inputs_of(signature):
            ours = graft_run(folder, name, feed, work)
            shapes = [np.shape(v) for v in feed.values() if not isinstance(v, list)] or ""
            compared += 1
            if name in ASSIGNING:
                good, text = isinstance(ours, str), ours
            elif isinstance(ours, str):
                good, text = False, ours
            else:
                expected = run(signature, feed) if run else promised(folder, signature, feed)
                good = ours.keys() == expected.keys() and all(
                    np.array_equal(ours[k], expected[k]) for k in ours
                )
                text = "equal" if good else f"{ours}, expected {expected}"
            wrong += not good
            bench.say(f"  {name} {shapes}: {'' if good else 'WRONG: '}{text}")
    return compared, wrong


def check_tflite(file, work):
    """A .tflite of the same models against the interpreter; the one that parses tf.Examples against what they hold,
    as the interpreter's package lacks that operator."""
    from ai_edge_litert.interpreter import Interpreter

    bench.say(f"{file.parent.parent.name}/{file.parent.name}/{file.name}")
    interpreter = Interpreter(str(file))
    details = interpreter.get_input_details()
    if details[0]["dtype"] is not np.float32:
        ours = graft_run(file, "serving_default", {"": examples()}, work)
        expected = {"x": VALUES[:, None], "y": np.full((len(VALUES), 1), b"missing")}
    else:
        interpreter.allocate_tensors()
        x = np.full(details[0]["shape"], VALUES[3], np.float32)
        interpreter.set_tensor(details[0]["index"], x)
        ours = graft_run(file, "serving_default", {"x": x}, work)
        interpreter.invoke()
        expected = {d["name"]: interpreter.get_tensor(d["index"]) for d in interpreter.get_output_details()}
    same = not isinstance(ours, str) and len(ours) == len(expected)
    good = same and all(any(np.array_equal(a, b) for b in expected.values()) for a in ours.values())
    bench.say(f"  {'equal' if good else f'WRONG: {ours}, expected {expected}'}")
    return 1, int(not good)


def main():
    kit = kit_or_leave(sys.argv[1:], "check_serving")
    work = bench.OUT / "serving"
    work.mkdir(parents=True, exist_ok=True)
    totals = [check(p.parent, work) for p in sorted(kit.glob("serving/*/*/saved_model.pb"))]
    totals += [check_tflite(p, work) for p in sorted(kit.glob("serving/*/*/*.tflite"))]
    compared, wrong = map(sum, zip(*totals)) if totals else (0, 0)
    bench.say(f"{compared} signatures run, {wrong} wrong")
    sys.exit(1 if wrong or not compared else 0)


if __name__ == "__main__":
    main()
