"""Strings, look-up tables and tf.Examples in SavedModels of TensorFlow 1 and 2, run by Graft and by TensorFlow."""

import subprocess

import numpy as np
import pytest
import tensorflow as tf

from savedmodel_common import GRAFT

V1 = tf.compat.v1


def run(model, inputs, folder, signature=None, ok=True):
    """Outputs by name, or the sentence it was refused with."""
    given = folder / "in.npz"
    if isinstance(inputs, dict):
        np.savez(given, **inputs)
    else:
        given = inputs
    command = [GRAFT, "run", model, "--input", given, "--output", folder / "out.npz"]
    done = subprocess.run(
        [*map(str, command), *(["--signature", signature] if signature else [])],
        capture_output=True,
        text=True,
    )
    assert done.returncode in (0, 1), done.stderr
    assert (done.returncode == 0) == ok, done.stderr
    if not ok:
        return done.stderr
    with np.load(folder / "out.npz") as z:
        return {k: z[k] for k in z.files}


def same(ours, theirs):
    assert set(ours) == set(theirs)
    for key, value in theirs.items():
        value = np.asarray(value)
        if value.dtype == object or value.dtype.kind == "S":
            assert ours[key].shape == value.shape, key
            assert ours[key].ravel().tolist() == [bytes(v) for v in value.ravel()], key
        else:
            assert ours[key].dtype == value.dtype and ours[key].shape == value.shape, key
            np.testing.assert_allclose(ours[key], value, rtol=1e-6, atol=1e-6)


def example(**features):
    made = {}
    for key, values in features.items():
        if isinstance(values[0], bytes):
            made[key] = tf.train.Feature(bytes_list=tf.train.BytesList(value=values))
        elif isinstance(values[0], float):
            made[key] = tf.train.Feature(float_list=tf.train.FloatList(value=values))
        else:
            made[key] = tf.train.Feature(int64_list=tf.train.Int64List(value=values))
    return tf.train.Example(features=tf.train.Features(feature=made)).SerializeToString()


# ---- tables ----


def table(keys, values, default):
    return tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(keys, values), default)


class Tables(tf.Module):
    def __init__(self, vocabulary):
        index = tf.lookup.TextFileIndex
        file = tf.lookup.TextFileInitializer
        self.words = table(["x", "y", "zz", ""], tf.constant([5, 6, 7, 8], tf.int64), -1)
        self.lines = tf.lookup.StaticHashTable(
            file(vocabulary, tf.string, index.WHOLE_LINE, tf.int64, index.LINE_NUMBER), -7
        )
        self.columns = tf.lookup.StaticHashTable(
            file(vocabulary, tf.string, 0, tf.int64, 1, delimiter=" "), -7
        )
        self.later = tf.lookup.StaticHashTable(
            file(vocabulary, tf.string, index.WHOLE_LINE, tf.int64, index.LINE_NUMBER, value_index_offset=3),
            -7,
        )
        self.names = table(tf.constant([10, 20], tf.int64), ["ten", "twenty"], "none")
        self.weights = table(["x", "zz"], [0.5, -2.5], 0.25)
        self.numbers = table(tf.constant([10, 20], tf.int64), tf.constant([1, -2], tf.int64), 0)
        self.scale = tf.Variable(2.0)

    @tf.function(
        input_signature=[
            tf.TensorSpec([None], tf.string, name="t"),
            tf.TensorSpec([None, None], tf.int64, name="i"),
        ]
    )
    def look(self, t, i):
        return {
            "words": self.words.lookup(t),
            "lines": self.lines.lookup(t),
            "columns": self.columns.lookup(t),
            "later": self.later.lookup(t),
            "names": self.names.lookup(i),
            "back": self.names.lookup(self.words.lookup(t) * 2),
            "weights": self.weights.lookup(t) * self.scale,
            "numbers": self.numbers.lookup(i),
            "size": self.lines.size(),
        }


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tables")
    vocabulary = folder / "words.txt"
    vocabulary.write_text("apple 1\nx 2\r\nfig 3\nzz -4")
    tf.saved_model.save(module := Tables(str(vocabulary)), str(folder / "model"), signatures=module.look)
    vocabulary.unlink()  # the copy in assets/ is what counts
    return folder / "model"


def test_tables(tables, tmp_path):
    t = np.array([b"x", b"apple 1", b"zz", b"x 2", b"", b"\xc3\xa9", b"fig", b"y"])
    i = np.array([[10, 3, 20], [-1, 20, 0]], np.int64)
    theirs = tf.saved_model.load(str(tables)).signatures["serving_default"](
        t=tf.constant(list(t)), i=tf.constant(i)
    )
    same(run(tables, {"t": t, "i": i}, tmp_path), {k: v.numpy() for k, v in theirs.items()})


def test_text_becomes_utf8(tables, tmp_path):
    ours = run(tables, {"t": np.array(["x", "é", "zz"]), "i": np.zeros((1, 1), np.int64)}, tmp_path)
    assert ours["words"].tolist() == [5, -1, 7]


def test_tables_of_tensorflow_1(tmp_path):
    """Initialisers in the main graph; the vocabulary is an asset by its collection."""
    vocabulary = tmp_path / "v.txt"
    vocabulary.write_text("a\nb\nc\n")
    with tf.Graph().as_default(), V1.Session() as session:
        text = V1.placeholder(tf.string, [None], "text")
        name = tf.constant(str(vocabulary))
        V1.add_to_collection(V1.GraphKeys.ASSET_FILEPATHS, name)
        words = tf.lookup.StaticHashTable(
            tf.lookup.TextFileInitializer(
                name,
                tf.string,
                tf.lookup.TextFileIndex.WHOLE_LINE,
                tf.int64,
                tf.lookup.TextFileIndex.LINE_NUMBER,
            ),
            9,
        )
        letters = table(tf.constant([0, 1], tf.int64), ["zero", "one"], "many")
        ids = words.lookup(text)
        outputs = {"ids": ids, "names": letters.lookup(ids)}
        session.run(V1.tables_initializer())
        builder = V1.saved_model.Builder(str(tmp_path / "model"))
        builder.add_meta_graph_and_variables(
            session,
            ["serve"],
            {"serving_default": V1.saved_model.predict_signature_def({"text": text}, outputs)},
            assets_collection=V1.get_collection(V1.GraphKeys.ASSET_FILEPATHS),
            main_op=V1.tables_initializer(),
        )
        builder.save()
        given = np.array([b"b", b"a", b"zz"])
        theirs = session.run(outputs, {text: given})
    vocabulary.unlink()
    same(run(tmp_path / "model", {"text": given}, tmp_path), theirs)


def test_what_is_not_read_is_named(tmp_path):
    class Other(tf.Module):
        def __init__(self):
            self.table = tf.lookup.experimental.MutableHashTable(tf.string, tf.int64, -1)

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="t")])
        def find(self, t):
            return {"y": self.table.lookup(t)}

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="t")])
        def lower(self, t):
            return {"y": tf.strings.lower(t)}

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="t")])
        def sparse(self, t):
            return {
                "y": tf.sparse.to_dense(tf.io.parse_example(t, {"v": tf.io.VarLenFeature(tf.float32)})["v"])
            }

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="t")])
        def values(self, t):
            return {"y": 2.0 * tf.io.parse_example(t, {"v": tf.io.VarLenFeature(tf.float32)})["v"].values}

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="t")])
        def sequence(self, t):
            spec = {"v": tf.io.FixedLenSequenceFeature([], tf.float32, allow_missing=True)}
            return {"y": 2.0 * tf.io.parse_example(t, spec)["v"]}

    made = Other()
    model = tmp_path / "model"
    wanted = {
        "find": "a table that is filled while the model runs",
        "lower": "(op 'StringLower') in",
        "sparse": "it works on a sparse tensor, which is not read",
        "values": "a sparse or ragged feature (VarLenFeature), which is not read",
        "sequence": "a feature of varying length, which is not read",
    }
    tf.saved_model.save(made, str(model), signatures={name: getattr(made, name) for name in wanted})
    for name, part in wanted.items():
        assert part in run(model, {"t": np.array([b"a"])}, tmp_path, name, ok=False), name


# ---- strings that are moved ----


def test_strings_are_moved(tmp_path):
    class Moves(tf.Module):
        @tf.function(
            input_signature=[
                tf.TensorSpec([None], tf.string, name="t"),
                tf.TensorSpec([2], tf.int32, name="i"),
            ]
        )
        def go(self, t, i):
            more = tf.constant([b"p", b"q\0r", "é".encode()])
            return {
                "joined": tf.concat([t, more], 0),
                "pairs": tf.stack([t, t], 1),
                "picked": tf.gather(more, i),
                "tail": t[1:],
                "backwards": t[::-1],
                "column": tf.expand_dims(t, 1),
                "square": tf.transpose(tf.reshape(tf.concat([t, more, more[:1]], 0), [2, -1])),
                "constant": tf.constant([[b"a", b""], [b"bb", b"c"]]),
            }

    model = tmp_path / "model"
    tf.saved_model.save(made := Moves(), str(model), signatures=made.go)
    t = np.array([b"one", b"", b"three", b"\xff\xfe"])
    i = np.array([2, 0], np.int32)
    theirs = made.go(tf.constant(list(t)), tf.constant(i))
    same(run(model, {"t": t, "i": i}, tmp_path), {k: v.numpy() for k, v in theirs.items()})


# ---- tf.Example ----

SPEC = {
    "x": tf.io.FixedLenFeature([2], tf.float32),
    "n": tf.io.FixedLenFeature([], tf.int64, 7),
    "name": tf.io.FixedLenFeature([], tf.string, b"none"),
    "grid": tf.io.FixedLenFeature([2, 2], tf.int64, [[1, 2], [3, 4]]),
}
EXAMPLES = [
    example(x=[1.5, -2.0], n=[3], name=[b"first"]),
    example(x=[0.25, 4.0], grid=[9, 8, 7, -6]),
    example(name=[b"a\0b"], x=[3.0, 1e-9], n=[-1], other=[b"passed over"]),
]


class Parses(tf.Module):
    def __init__(self):
        self.w = tf.Variable([[1.0], [-3.0]])

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def parse(self, examples):
        p = tf.io.parse_example(examples, SPEC)
        return {"score": p["x"] @ self.w, "n": p["n"], "name": p["name"], "grid": p["grid"]}

    @tf.function(input_signature=[tf.TensorSpec([], tf.string, name="example")])
    def single(self, example):
        p = tf.io.parse_single_example(example, SPEC)
        return {"x": p["x"], "n": p["n"], "name": p["name"], "grid": p["grid"]}


@pytest.fixture(scope="module")
def parses(tmp_path_factory):
    model = tmp_path_factory.mktemp("parses") / "model"
    made = Parses()
    tf.saved_model.save(made, str(model), signatures={"serving_default": made.parse, "single": made.single})
    return model


def records(path, items, compression=None):
    with tf.io.TFRecordWriter(str(path), tf.io.TFRecordOptions(compression_type=compression or "")) as writer:
        for item in items:
            writer.write(item)
    return path


@pytest.mark.parametrize("compression", [None, "GZIP", "ZLIB"])
def test_examples(parses, compression, tmp_path):
    """Examples come from a TFRecord file: NumPy's S arrays drop zeros at the end."""
    theirs = tf.saved_model.load(str(parses)).signatures["serving_default"](examples=tf.constant(EXAMPLES))
    given = records(tmp_path / "examples.tfrecord", EXAMPLES, compression)
    same(run(parses, given, tmp_path), {k: v.numpy() for k, v in theirs.items()})


@pytest.mark.parametrize("op", ["ParseExample", "ParseExampleV2"])
def test_examples_in_tflite(op, tmp_path):
    """The converter keeps the parser as a custom operator, and its keys and defaults as tensors of strings."""
    spec = {**SPEC, "bag": tf.io.VarLenFeature(tf.int64)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def parse(examples):
        if op == "ParseExampleV2":
            p = tf.io.parse_example(examples, spec)
        else:
            keys = sorted(SPEC)
            dense = tf.raw_ops.ParseExample(
                serialized=examples,
                names=[],
                sparse_keys=[],
                dense_keys=keys,
                dense_defaults=[
                    tf.constant([] if SPEC[k].default_value is None else SPEC[k].default_value, SPEC[k].dtype)
                    for k in keys
                ],
                sparse_types=[],
                dense_shapes=[SPEC[k].shape for k in keys],
            ).dense_values
            p = dict(zip(keys, dense))
        return {"double": p["x"] * 2.0, "n": p["n"], "name": p["name"]}

    converter = tf.lite.TFLiteConverter.from_concrete_functions([parse.get_concrete_function()])
    converter.allow_custom_ops = True
    model = tmp_path / "parse.tflite"
    model.write_bytes(converter.convert())
    theirs = parse(tf.constant(EXAMPLES))
    ours = run(model, records(tmp_path / "e.tfrecord", EXAMPLES), tmp_path)
    # the converter names outputs after its own nodes: they are told by their values
    for value in theirs.values():
        value = value.numpy()
        assert any(
            o.shape == value.shape
            and o.dtype.kind == ("S" if value.dtype == object else value.dtype.kind)
            and o.ravel().tolist() == value.ravel().tolist()
            for o in ours.values()
        ), (value, ours)
    assert len(ours) == len(theirs)


def test_any_rank(tmp_path):
    """An input whose rank is open: what ops mean by an axis depends on what is fed."""
    module = tf.Module()
    module.w = tf.Variable(3.0)

    @tf.function(input_signature=[tf.TensorSpec(None, tf.float32, name="x")])
    def f(x):
        return {"last": tf.reduce_sum(x, -1) * module.w, "same": tf.nn.relu(x) + 1.0}

    module.f = f
    tf.saved_model.save(module, str(tmp_path / "model"), signatures=f)
    signature = tf.saved_model.load(str(tmp_path / "model")).signatures["serving_default"]
    rng = np.random.default_rng(0)
    for shape in [(3,), (2, 3), (4, 1), (2, 3, 4), (1, 2, 3, 4), (2, 1, 2, 3, 2)]:
        x = rng.normal(size=shape).astype(np.float32)
        theirs = signature(x=tf.constant(x))
        same(run(tmp_path / "model", {"x": x}, tmp_path), {k: v.numpy() for k, v in theirs.items()})
    said = run(tmp_path / "model", {"x": np.float32(1.0)}, tmp_path, ok=False)
    assert "input 'x': got float32 []" in said


def test_one_example(parses, tmp_path):
    signature = tf.saved_model.load(str(parses)).signatures["single"]
    for item in EXAMPLES:
        theirs = signature(example=tf.constant(item))
        np.savez(tmp_path / "in.npz", example=np.void(item))
        same(run(parses, tmp_path / "in.npz", tmp_path, "single"), {k: v.numpy() for k, v in theirs.items()})


def test_bad_examples(parses, tmp_path):
    signature = tf.saved_model.load(str(parses)).signatures["serving_default"]
    for bad, part in [
        (example(n=[1]), "example 1: there is no feature 'x', and it has no default"),
        (example(x=[1.0]), "example 1: feature 'x' holds 1 values, expected 2"),
        (example(x=[1, 2]), "example 1: feature 'x' holds int64 values, expected float"),
        (EXAMPLES[0][:-4], "example 1: at byte"),
    ]:
        with pytest.raises(tf.errors.InvalidArgumentError):
            signature(examples=tf.constant([EXAMPLES[0], bad]))
        assert part in run(parses, records(tmp_path / "e.tfrecord", [EXAMPLES[0], bad]), tmp_path, ok=False)


def test_examples_of_tensorflow_1(tmp_path):
    """ParseExample, a placeholder of unknown shape, a signature fed behind the parser: as in TensorFlow Serving's
    own test models."""
    with tf.Graph().as_default(), V1.Session() as session:
        serialized = V1.placeholder(tf.string, name="tf_example")
        spec = {
            "x": tf.io.FixedLenFeature([1], tf.float32),
            "x2": tf.io.FixedLenFeature([1], tf.float32, [0.0]),
        }
        parsed = V1.io.parse_example(serialized, spec)
        x = tf.identity(parsed["x"], name="x")
        y = V1.get_variable("a", initializer=0.5) * x + V1.get_variable("b", initializer=2.0)
        z = parsed["x2"] + y
        session.run(V1.global_variables_initializer())
        builder = V1.saved_model.Builder(str(tmp_path / "model"))
        signature = V1.saved_model.signature_def_utils
        info = V1.saved_model.build_tensor_info
        builder.add_meta_graph_and_variables(
            session,
            ["serve"],
            {
                "serving_default": signature.build_signature_def({"x": info(x)}, {"y": info(y)}),
                "regress": signature.regression_signature_def(serialized, z),
                "classify": signature.classification_signature_def(serialized, None, y),
            },
        )
        builder.save()
        items = [example(x=[2.0]), example(x=[-3.0], x2=[10.0])]
        regress, classify = session.run([z, y], {serialized: items})
    given = records(tmp_path / "e.tfrecord", items)
    same(run(tmp_path / "model", given, tmp_path, "regress"), {"outputs": regress})
    same(run(tmp_path / "model", given, tmp_path, "classify"), {"scores": classify})
    x = np.array([[1.0], [2.0], [5.0]], np.float32)
    same(run(tmp_path / "model", {"x": x}, tmp_path), {"y": x / 2 + 2})
