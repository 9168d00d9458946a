"""TFLite files that Graft writes, run by LiteRT: with XNNPACK (its default) and with the reference kernels."""

import os
import pathlib
import subprocess
import zipfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import flatbuffers
import numpy as np
import pytest

import test_tflite_read as reading
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from savedmodel_common import BIN, GRAFT
from tensorflow.lite.python import schema_py_generated as schema

tf, keras = reading.tf, reading.keras
CONVERTER = tf.lite.TFLiteConverter
MODES = {"tflite": 0, "tflite-f16": 1, "tflite-dynamic": 2}
KINDS = subprocess.run([BIN / "savedmodel_tool", "kinds"], capture_output=True, text=True).stdout.split()


def export(model, path, mode="tflite", ok=True):
    words = [GRAFT, "export", model, path, "--format", mode, "--overwrite"]
    done = subprocess.run(list(map(str, words)), capture_output=True, text=True)
    assert (done.returncode == 0) == ok and done.returncode in (0, 1), done.stderr
    return path if ok else done.stderr


def litert(path, inputs, reference=False, key=None):
    kind = OpResolverType.BUILTIN_REF if reference else OpResolverType.AUTO
    interpreter = Interpreter(str(path), num_threads=1, experimental_op_resolver_type=kind)
    return interpreter.get_signature_runner(key)(**inputs)


def gap(ours, theirs):
    """The largest difference, in parts of the range of values."""
    assert ours.shape == theirs.shape and ours.dtype == theirs.dtype
    finite = np.isfinite(theirs)
    assert (np.isfinite(ours) == finite).all()
    difference = np.abs(ours[finite].astype(np.float64) - theirs[finite]).max(initial=0)
    return difference / max(np.ptp(theirs[finite]) if finite.any() else 0, 1e-9)


def parsed(path):
    data = pathlib.Path(path).read_bytes()
    assert data[4:8] == b"TFL3"
    return schema.ModelT.InitFromObj(schema.Model.GetRootAs(data, 0))


def op_codes(path):
    """Operator -> version."""
    names = {number: name for name, number in vars(schema.BuiltinOperator).items() if name[0] != "_"}
    codes = parsed(path).operatorCodes
    return {names[max(c.deprecatedBuiltinCode, c.builtinCode)]: c.version for c in codes}


def metadata(path):
    model = parsed(path)
    return {m.name.decode(): bytes(model.buffers[m.buffer].data) for m in model.metadata}


# ---- ops ----


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", KINDS)
def test_made(kind, mode, tmp_path):
    """The models of the unit tests: what Graft computes itself, without a file between."""
    path = tmp_path / "m.tflite"
    done = subprocess.run([BIN / "tflite_tool", kind, path, str(MODES[mode])], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    rng = np.random.default_rng(3)
    for batch in (1, 3):
        details = Interpreter(str(path)).get_signature_runner("serving_default").get_input_details()
        x = {}
        for name, detail in details.items():
            shape = reading.concrete(detail["shape_signature"], batch, 6)
            if np.issubdtype(detail["dtype"], np.integer):
                x[name] = rng.integers(0, 50, shape).astype(detail["dtype"])
            elif shape[3:] == [3]:
                x[name] = rng.uniform(0, 255, shape).astype(np.float32)
            else:
                x[name] = rng.normal(0, 2, shape).astype(np.float32)
        np.savez(tmp_path / "in.npz", **x)
        words = [BIN / "savedmodel_tool", "run-made", kind, tmp_path / "in.npz", tmp_path / "out.npz"]
        done = subprocess.run(words, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        with np.load(tmp_path / "out.npz") as wanted:
            for reference in (False, True):
                got = litert(path, x, reference, "serving_default")
                assert set(got) == set(wanted.files)
                for name in wanted.files:
                    limit = (2e-6, 2e-3, 5e-2)[MODES[mode]]
                    assert gap(got[name], wanted[name]) <= limit, (name, batch, reference)


@pytest.mark.parametrize("names", ["elementwise", "pictures"])
def test_operators(names, tmp_path):
    """A file of the converter's with all operators, read and written again, gives the same."""
    functions = reading.UNARY + reading.POSITIVE if names == "elementwise" else reading.PICTURE
    theirs = reading.save(reading.convert_functions(functions), tmp_path)
    ours = export(theirs, tmp_path / "ours.tflite")
    for batch in (1, 2):
        x = {"x": np.random.default_rng(batch).normal(0, 1, (batch, 6, 6, 4)).astype(np.float32)}
        for reference in (False, True)[: 1 if names == "elementwise" else 2]:  # CEIL has no reference kernel
            got, wanted = litert(ours, x, reference), litert(theirs, x, reference)
            assert set(got) == set(wanted)
            for name in wanted:
                assert gap(got[name], wanted[name]) <= 1e-6, (name, batch, reference)


def activations(x):
    named = {
        "elu": keras.activations.elu(x, alpha=0.7),
        "selu": keras.activations.selu(x),
        "softplus": keras.activations.softplus(x * 30.0),
        "softsign": keras.activations.softsign(x),
        "silu": keras.activations.silu(x),
        "hard_sigmoid": keras.activations.hard_sigmoid(x),
        "log1p": tf.math.log1p(tf.abs(x)),
        "expm1": tf.math.expm1(x),
        "leaky": tf.nn.leaky_relu(x, 0.3),
    }
    return named


def test_activations_without_an_operator(tmp_path):
    module = tf.Module()
    module.call = tf.function(activations, input_signature=[tf.TensorSpec([None, 9], tf.float32, name="x")])
    tf.saved_model.save(module, str(tmp_path / "m"), {"serving_default": module.call})
    path = export(tmp_path / "m", tmp_path / "m.tflite")
    x = np.random.default_rng(0).normal(0, 2, (4, 9)).astype(np.float32)
    got = litert(path, {"x": x})
    for name, wanted in module.call(x).items():
        assert gap(got[name], wanted.numpy()) <= 2e-6, name


# ---- nets beside the converter's files ----


@pytest.fixture(scope="module")
def net():
    return reading.small_net(16)


def converted(model, folder, mode="tflite", **settings):
    converter = CONVERTER.from_keras_model(model)
    if mode != "tflite":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if mode == "tflite-f16":
        converter.target_spec.supported_types = [tf.float16]
    for key, value in settings.items():
        setattr(converter, key, value)
    return reading.save(converter, folder, f"converter-{mode}")


@pytest.mark.parametrize("mode", MODES)
def test_net(net, mode, tmp_path):
    net.export(tmp_path / "m", verbose=False)
    ours, theirs = export(tmp_path / "m", tmp_path / "m.tflite", mode), converted(net, tmp_path, mode)
    assert ours.read_bytes() == export(tmp_path / "m", tmp_path / "again.tflite", mode).read_bytes()
    assert op_codes(ours).items() <= op_codes(theirs).items()
    assert ours.stat().st_size <= theirs.stat().st_size
    assert metadata(ours)["min_runtime_version"] == metadata(theirs)["min_runtime_version"]
    model = parsed(ours)
    assert len(model.subgraphs) == 1 and model.buffers[0].data is None
    assert {s.signatureKey for s in model.signatureDefs} >= {b"serving_default"}
    limit = {"tflite": 1e-6, "tflite-f16": 2e-3, "tflite-dynamic": 5e-2}[mode]
    for batch in (1, 3):
        x = np.random.default_rng(batch).normal(0, 1, (batch, 16, 16, 3)).astype(np.float32)
        wanted = net(x, training=False).numpy()
        for reference in (False, True):
            got = litert(ours, {"picture": x}, reference, "serving_default")["output_0"]
            assert gap(got, wanted) <= limit, (batch, reference)


def test_int8_weights_are_the_converters(net, tmp_path):
    net.export(tmp_path / "m", verbose=False)
    weights = []
    for path in (
        export(tmp_path / "m", tmp_path / "m.tflite", "tflite-dynamic"),
        converted(net, tmp_path, "tflite-dynamic"),
    ):
        model = parsed(path)
        found = {}
        for t in model.subgraphs[0].tensors:
            if t.type == schema.TensorType.INT8:
                data = bytes(model.buffers[t.buffer].data)
                found[tuple(t.shape)] = (data, t.quantization.scale, t.quantization.quantizedDimension)
        weights.append(found)
    assert set(weights[0]) == set(weights[1]) and len(weights[0]) > 0
    for shape, (data, scale, axis) in weights[0].items():
        other, other_scale, other_axis = weights[1][shape]
        assert axis == other_axis and np.allclose(scale, other_scale, rtol=1e-6)
        levels = np.frombuffer(data, np.int8).astype(int) - np.frombuffer(other, np.int8)
        assert np.abs(levels).max() <= 1 and (levels != 0).mean() < 1e-3


def test_any_size(tmp_path):
    model = reading.small_net(None)
    model.export(tmp_path / "m", verbose=False)
    path = export(tmp_path / "m", tmp_path / "m.tflite")
    for batch, height, width in ((1, 16, 16), (2, 21, 34), (1, 7, 8)):
        x = np.random.default_rng(height).normal(0, 1, (batch, height, width, 3)).astype(np.float32)
        for reference in (False, True):
            got = litert(path, {"picture": x}, reference, "serving_default")["output_0"]
            assert gap(got, model(x, training=False).numpy()) <= 1e-6, (height, reference)


@pytest.mark.parametrize("io", [tf.float32, tf.int8, tf.uint8], ids=["float", "int8", "uint8"])
def test_integers_stay(net, io, tmp_path):
    """A quantised file, read and written again: the same operators on the same integers."""
    theirs = converted(
        net,
        tmp_path,
        "tflite-int8",
        representative_dataset=reading.pictures(16),
        inference_input_type=io,
        inference_output_type=io,
    )
    ours = export(theirs, tmp_path / "ours.tflite")
    codes = op_codes(theirs)
    assert op_codes(ours).items() <= codes.items()
    rng = np.random.default_rng(2)
    x = rng.normal(0, 1, (1, 16, 16, 3)).astype(np.float32)
    if io != tf.float32:
        limits = np.iinfo(io.as_numpy_dtype)
        x = rng.integers(limits.min, limits.max + 1, x.shape).astype(io.as_numpy_dtype)
    for reference in (False, True):
        got, wanted = (litert(p, {"picture": x}, reference) for p in (ours, theirs))
        for name in wanted:
            assert got[name].dtype == wanted[name].dtype and (got[name] == wanted[name]).all()
            assert len(np.unique(wanted[name])) > 3
    first, second = (Interpreter(str(p)).get_input_details()[0]["quantization"] for p in (ours, theirs))
    assert first == second


def test_hybrid_file_again(net, tmp_path):
    theirs = converted(net, tmp_path, "tflite-dynamic")
    ours = export(theirs, tmp_path / "ours.tflite", "tflite-dynamic")
    assert op_codes(ours).items() <= op_codes(theirs).items()
    x = np.random.default_rng(2).normal(0, 1, (2, 16, 16, 3)).astype(np.float32)
    got, wanted = (litert(p, {"picture": x}, True) for p in (ours, theirs))
    for name in wanted:
        assert gap(got[name], wanted[name]) <= 1e-6
    floats = export(theirs, tmp_path / "floats.tflite")  # the weights as the floats they stand for
    assert "DEQUANTIZE" not in op_codes(floats)


def test_mobilenet_v2(tmp_path):
    keras.utils.set_random_seed(4)
    model = keras.applications.MobileNetV2((96, 96, 3), 0.35, weights=None, classifier_activation=None)
    reading.spread(model).export(tmp_path / "m", verbose=False)
    ours, theirs = export(tmp_path / "m", tmp_path / "m.tflite"), converted(model, tmp_path)
    assert op_codes(ours) == op_codes(theirs)
    assert len(parsed(ours).subgraphs[0].operators) == len(parsed(theirs).subgraphs[0].operators)
    assert ours.stat().st_size <= theirs.stat().st_size
    x = np.random.default_rng(0).uniform(-1, 1, (2, 96, 96, 3)).astype(np.float32)
    for reference in (False, True):
        got = litert(ours, {_input(ours): x}, reference, "serving_default")
        assert gap(got["output_0"], model(x, training=False).numpy()) <= 2e-5


def _input(path):
    return next(iter(Interpreter(str(path)).get_signature_runner("serving_default").get_input_details()))


# ---- signatures, metadata, failures ----


def test_signatures(tmp_path):
    class Module(tf.Module):
        def __init__(self):
            self.w = tf.Variable(np.arange(2048, dtype=np.float32).reshape(64, 32) / 2048)

        @tf.function(input_signature=[tf.TensorSpec([None, 64], name="x")])
        def first(self, x):
            return {"y": x @ self.w}

        @tf.function(input_signature=[tf.TensorSpec([None, 64], name="a"), tf.TensorSpec([32], name="b")])
        def second(self, a, b):
            return {"sum": a @ self.w + b, "same": a}

    module = Module()
    tf.saved_model.save(module, str(tmp_path / "m"), {"first": module.first, "second": module.second})
    path = export(tmp_path / "m", tmp_path / "m.tflite")
    assert path.stat().st_size < 2 * 2048 * 4  # the weights once
    x, b = np.random.default_rng(0).normal(0, 1, (3, 64)).astype(np.float32), np.ones(32, np.float32)
    assert gap(litert(path, {"x": x}, key="first")["y"], module.first(x)["y"].numpy()) <= 1e-6
    got = litert(path, {"a": x, "b": b}, key="second")
    assert gap(got["sum"], module.second(x, b)["sum"].numpy()) <= 1e-6 and (got["same"] == x).all()


def fields(table):
    """A reader of a FlatBuffer's table by the slots of its schema."""

    class Reader:
        def __init__(self, table):
            self.table = table

        def at(self, slot):
            return flatbuffers.number_types.UOffsetTFlags.py_type(self.table.Offset(4 + 2 * slot))

        def number(self, slot, flags, default=0):
            o = self.at(slot)
            return self.table.Get(flags, o + self.table.Pos) if o else default

        def text(self, slot):
            o = self.at(slot)
            return self.table.String(o + self.table.Pos).decode() if o else None

        def child(self, slot):
            o = self.at(slot)
            return fields(flatbuffers.table.Table(self.table.Bytes, self.table.Indirect(o + self.table.Pos)))

        def children(self, slot):
            o = self.at(slot)
            start = self.table.Vector(o) if o else 0
            count = self.table.VectorLen(o) if o else 0
            places = [self.table.Indirect(start + 4 * i) for i in range(count)]
            return [fields(flatbuffers.table.Table(self.table.Bytes, p)) for p in places]

        def floats(self, slot):
            o = self.at(slot)
            start, count = self.table.Vector(o), self.table.VectorLen(o)
            return list(np.frombuffer(self.table.Bytes, np.float32, count, start))

    return Reader(table)


def test_metadata(tmp_path):
    """The slots are those of TFLite Support's metadata_schema.fbs."""
    path = tmp_path / "m.tflite"
    subprocess.run([BIN / "tflite_tool", "cnn", path, "0"], check=True)
    entries = metadata(path)
    assert entries["graft_card"].startswith(b"{")
    data = entries["TFLITE_METADATA"]
    assert data[4:8] == b"M001"
    flags = flatbuffers.number_types
    root = fields(
        flatbuffers.table.Table(data, flatbuffers.encode.Get(flags.UOffsetTFlags.packer_type, data, 0))
    )
    assert root.text(7) == "1.0.0"
    (subgraph,) = root.children(3)
    (picture,) = subgraph.children(2)
    assert picture.text(0) == "inputs"
    content = picture.child(3)
    assert content.number(0, flags.Uint8Flags) == 2  # ImageProperties
    image = content.child(1)
    assert image.number(0, flags.Int8Flags) == 1  # RGB
    size = image.child(1)
    assert (size.number(0, flags.Uint32Flags), size.number(1, flags.Uint32Flags)) == (32, 32)
    (unit,) = picture.children(4)
    assert unit.number(0, flags.Uint8Flags) == 1  # NormalizationOptions
    assert (unit.child(1).floats(0), unit.child(1).floats(1)) == ([0.0], [1.0])
    assert (picture.child(5).floats(1), picture.child(5).floats(0)) == ([0.0], [255.0])
    (scores,) = subgraph.children(3)
    (labels,) = scores.children(6)
    assert labels.number(2, flags.Int8Flags) == 2  # TENSOR_AXIS_LABELS
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert archive.read(labels.text(0)).decode().splitlines() == ["cat", "dog", "fish", "bird of prey"]
    with zipfile.ZipFile(path, "a") as archive:  # as TFLite Support adds a file
        archive.writestr("more.txt", "x")
    assert Interpreter(str(path)).get_signature_runner("serving_default") is not None


def test_what_cannot_be_written_is_named(tmp_path):
    module = tf.Module()
    module.call = tf.function(
        lambda x: {"y": tf.math.erf(x)}, input_signature=[tf.TensorSpec([None, 3], name="x")]
    )
    tf.saved_model.save(module, str(tmp_path / "m"), {"serving_default": module.call})
    message = export(tmp_path / "m", tmp_path / "m.tflite", ok=False)
    assert "erf" in message and not (tmp_path / "m.tflite").exists()
