"""Graft's container formats against the tools they come from: TensorBundle, SavedModel, npy/npz, TFRecord, torch."""

import os
import pathlib
import pickle
import struct
import subprocess

import numpy as np
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("GRAFT_BUILD", ROOT / "build" / "release"))
BIN = pathlib.Path(os.environ.get("GRAFT_BIN_DIR", BUILD / "bin"))
TOOL = BIN / "formats_tool"


def tool(*args, ok=True):
    done = subprocess.run([TOOL, *map(str, args)], capture_output=True, text=True)
    assert done.returncode in (0, 1), done.stderr  # never a crash
    assert (done.returncode == 0) == ok, done.stderr
    return done.stdout if ok else done.stderr


def load_npz(path):
    with np.load(path) as z:
        return {k: z[k] for k in z.files}


@pytest.fixture(scope="session")
def tf():
    return pytest.importorskip("tensorflow")


# ---- TensorBundle ----


def check_bundle(tf, prefix, tmp_path):
    """Everything TensorFlow reads from a checkpoint, Graft reads equal."""
    reader = tf.train.load_checkpoint(str(prefix))
    tool("bundle-to-npz", prefix, tmp_path / "out.npz")
    ours = load_npz(tmp_path / "out.npz")
    listed = {line.split("\t")[0] for line in tool("bundle-list", prefix).splitlines()}
    shapes = reader.get_variable_to_shape_map()
    assert listed == set(shapes)
    compared = 0
    for key in shapes:
        theirs = reader.get_tensor(key)
        if isinstance(theirs, bytes) or np.asarray(theirs).dtype == object:
            strings = [theirs] if isinstance(theirs, bytes) else list(np.asarray(theirs).ravel())
            lines = tool("bundle-strings", prefix, key).split("\n")[:-1]
            assert [bytes.fromhex(s) for s in lines] == strings
            continue
        theirs = np.asarray(theirs)
        if theirs.dtype.name == "bfloat16":
            theirs = theirs.view(np.int16)
        assert ours[key].dtype == theirs.dtype and ours[key].shape == theirs.shape, key
        assert ours[key].tobytes() == theirs.tobytes(), key
        compared += 1
    return compared


def test_reads_checkpoint_of_every_type(tf, tmp_path):
    rng = np.random.default_rng(1)
    values = {
        "f32": rng.normal(size=(3, 5)).astype("f4"),
        "f64": rng.normal(size=(2, 0, 3)),
        "i8": np.int8([-3, 4]),
        "u8": np.uint8([[255]]),
        "i16": np.int16([-2]),
        "i32": np.int32(-7),
        "i64": np.int64([1 << 40]),
        "bool": np.array([True, False]),
        "half": np.float16([1.5, -2]),
        "scalar": np.float32(3),
    }
    variables = {k: tf.Variable(v) for k, v in values.items()}
    variables["bf16"] = tf.Variable(tf.cast([1.0, 3.5], tf.bfloat16))
    variables["text"] = tf.Variable(["", "ab", "c" * 300])
    prefix = tf.train.Checkpoint(**variables).write(str(tmp_path / "ck"))
    assert check_bundle(tf, prefix, tmp_path) >= 11


def test_reads_many_keys_over_several_index_blocks(tf, tmp_path):
    n = 12000
    names = [f"model/layer_with_a_rather_long_name/{i:05d}/kernel" for i in range(n)]
    tensors = [np.float32([i, -i]) for i in range(n)]
    prefix = str(tmp_path / "big")
    tf.raw_ops.SaveV2(prefix=prefix, tensor_names=names, shape_and_slices=[""] * n, tensors=tensors)
    assert check_bundle(tf, prefix, tmp_path) == n


def test_reads_several_shards_and_slices(tf, tmp_path):
    whole = np.arange(70 * 300, dtype="f4").reshape(70, 300)
    parts = []
    cuts = [(0, 20), (20, 30), (50, 20)]
    for i, (start, length) in enumerate(cuts):
        p = str(tmp_path / f"part{i}")
        tf.raw_ops.SaveV2(
            prefix=p,
            tensor_names=["table", f"own{i}"],
            shape_and_slices=[f"70 300 {start},{length}:-", ""],
            tensors=[whole[start : start + length], np.float32([i])],
        )
        parts.append(p)
    columns = str(tmp_path / "part3")
    tf.raw_ops.SaveV2(
        prefix=columns,
        tensor_names=["grid", "grid"],
        shape_and_slices=["70 300 -:0,100", "70 300 -:100,200"],
        tensors=[np.ascontiguousarray(whole[:, :100]), np.ascontiguousarray(whole[:, 100:])],
    )
    prefix = str(tmp_path / "merged")
    tf.raw_ops.MergeV2Checkpoints(checkpoint_prefixes=parts + [columns], destination_prefix=prefix)
    assert len(list(tmp_path.glob("merged.data-*"))) == 4
    tool("bundle-to-npz", prefix, tmp_path / "m.npz")
    ours = load_npz(tmp_path / "m.npz")
    assert np.array_equal(ours["table"], whole) and np.array_equal(ours["grid"], whole)
    assert [float(ours[f"own{i}"][0]) for i in range(3)] == [0, 1, 2]


def test_reads_keras_export(tf, tmp_path):
    keras = pytest.importorskip("keras")
    model = keras.Sequential(
        [
            keras.layers.Input((16, 16, 3)),
            keras.layers.Conv2D(7, 3),
            keras.layers.ReLU(),
            keras.layers.BatchNormalization(),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(5),
        ]
    )
    model.export(str(tmp_path / "m"), verbose=False)
    assert check_bundle(tf, tmp_path / "m" / "variables" / "variables", tmp_path) >= 6


def write_ours(tf, tmp_path, name="ours"):
    rng = np.random.default_rng(3)
    values = {f"w{i}/.ATTRIBUTES/VARIABLE_VALUE": rng.normal(size=(i, 3)).astype("f4") for i in range(4)}
    values["h/.ATTRIBUTES/VARIABLE_VALUE"] = np.float16([1, 2, 3])
    values["n/.ATTRIBUTES/VARIABLE_VALUE"] = np.int64(9)
    for i in range(3000):
        values[f"many/{i}/.ATTRIBUTES/VARIABLE_VALUE"] = np.float32(i)
    np.savez(tmp_path / "in.npz", **values)
    (tmp_path / "graph").write_bytes(bytes(range(256)) * 3)
    prefix = tmp_path / name
    tool("npz-to-bundle", tmp_path / "in.npz", prefix, tmp_path / "graph")
    return prefix, values


def test_tensorflow_reads_ours(tf, tmp_path):
    prefix, values = write_ours(tf, tmp_path)
    reader = tf.train.load_checkpoint(str(prefix))
    assert set(reader.get_variable_to_shape_map()) == set(values) | {"words", "_CHECKPOINTABLE_OBJECT_GRAPH"}
    for key, value in values.items():
        got = np.asarray(reader.get_tensor(key))
        assert got.dtype == value.dtype and np.array_equal(got, value), key
    assert reader.get_tensor("_CHECKPOINTABLE_OBJECT_GRAPH") == bytes(range(256)) * 3
    assert list(reader.get_tensor("words")) == [b"", b"ab", bytes(range(256)) * 3]
    assert check_bundle(tf, prefix, tmp_path) == len(values)


def test_same_input_same_bytes(tf, tmp_path):
    first, _ = write_ours(tf, tmp_path, "a")
    second, _ = write_ours(tf, tmp_path, "b")
    for suffix in (".index", ".data-00000-of-00001"):
        assert (
            pathlib.Path(str(first) + suffix).read_bytes() == pathlib.Path(str(second) + suffix).read_bytes()
        )


def test_damage_is_told(tf, tmp_path):
    prefix, _ = write_ours(tf, tmp_path)
    data = pathlib.Path(str(prefix) + ".data-00000-of-00001")
    index = pathlib.Path(str(prefix) + ".index")
    good = data.read_bytes()
    data.write_bytes(good[:64] + b"\xff" + good[65:])
    assert "checksum" in tool("bundle-list", prefix, ok=False)
    data.write_bytes(good[:-1])
    assert "cut" in tool("bundle-list", prefix, ok=False)
    data.unlink()
    assert "not found" in tool("bundle-list", prefix, ok=False)
    data.write_bytes(good)
    good = index.read_bytes()
    for cut in range(0, len(good), 997):
        index.write_bytes(good[:cut])
        tool("bundle-list", prefix, ok=False)


# ---- SavedModel ----


def test_saved_model_survives_a_copy(tf, tmp_path):
    class M(tf.Module):
        def __init__(self):
            self.w = tf.Variable(tf.random.normal([4, 3]), name="w")
            self.table = tf.constant(np.arange(1000, dtype="f4").reshape(250, 4))

        @tf.function(input_signature=[tf.TensorSpec([None, 4], tf.float32, name="x")])
        def __call__(self, x):
            return {"y": tf.matmul(x + self.table[:1], self.w), "z": tf.constant([1, -2, 3])}

    m = M()
    source, copy = tmp_path / "m", tmp_path / "copy"
    tf.saved_model.save(m, str(source), signatures={"serving_default": m.__call__})
    subprocess.run(["cp", "-r", source, copy], check=True)
    (copy / "saved_model.pb").unlink()
    (copy / "fingerprint.pb").unlink(missing_ok=True)
    tool("saved-model-copy", source, copy)
    x = np.float32([[1, 2, 3, 4]])
    again = tf.saved_model.load(str(copy))
    want, got = m(x), again.signatures["serving_default"](tf.constant(x))
    assert np.array_equal(want["y"], got["y"]) and np.array_equal(want["z"], got["z"])
    assert np.array_equal(again(tf.constant(x))["y"], want["y"])
    v1 = tf.compat.v1
    with v1.Graph().as_default(), v1.Session() as session:
        v1.saved_model.load(session, ["serve"], str(copy))


def test_constants_in_every_form(tf, tmp_path):
    from tensorflow.core.framework import tensor_pb2
    from tensorflow.core.protobuf import saved_model_pb2

    forms = {
        "content": tf.make_tensor_proto(np.arange(6, dtype="f4").reshape(2, 3)),
        "big": tf.make_tensor_proto(np.arange(500, dtype="i8")),
        "repeated": tensor_pb2.TensorProto(dtype=1, float_val=[2.5]),
        "tail": tensor_pb2.TensorProto(dtype=3, int_val=[1, 2]),
        "half": tensor_pb2.TensorProto(dtype=19, half_val=[0x3C00, 0xC000]),
        "bool": tensor_pb2.TensorProto(dtype=10, bool_val=[True, False]),
        "none": tensor_pb2.TensorProto(dtype=9),
        "small": tensor_pb2.TensorProto(dtype=4, int_val=[200]),
    }
    for key, size in (("repeated", 4), ("tail", 5), ("half", 2), ("bool", 3), ("none", 2), ("small", 1)):
        forms[key].tensor_shape.dim.add().size = size
    model = saved_model_pb2.SavedModel(saved_model_schema_version=1)
    meta = model.meta_graphs.add()
    meta.meta_info_def.tags.append("serve")
    for name, proto in forms.items():
        node = meta.graph_def.node.add(name=name, op="Const")
        node.attr["value"].tensor.CopyFrom(proto)
    (tmp_path / "saved_model.pb").write_bytes(model.SerializeToString())
    lines = [line.split("\t") for line in tool("saved-model-constants", tmp_path).splitlines()]
    assert {l[1] for l in lines} == set(forms)
    for _, name, _, data in lines:
        assert bytes.fromhex(data) == tf.make_ndarray(forms[name]).tobytes(), name


def test_text_and_foreign_models_are_refused(tmp_path):
    (tmp_path / "saved_model.pbtxt").write_text("saved_model_schema_version: 1\n")
    assert "text" in tool("saved-model-constants", tmp_path, ok=False)
    (tmp_path / "saved_model.pb").write_text("saved_model_schema_version: 1\nmeta_graphs {\n}\n")
    assert "text" in tool("saved-model-constants", tmp_path, ok=False)
    for junk in (b"", b"\x89PNG\r\n\x1a\n" + bytes(64), bytes(300), b"\x08\x01"):
        (tmp_path / "saved_model.pb").write_bytes(junk)
        assert "saved_model.pb" in tool("saved-model-constants", tmp_path, ok=False)


# ---- npy and npz ----

ARRAYS = {
    "f4": np.arange(24, dtype="<f4").reshape(2, 3, 4),
    "f8": np.float64(2.5),
    "f2": np.float16([1, 2]),
    "i1": np.int8([[-1]]),
    "u1": np.uint8([7, 255]),
    "i2": np.int16([-300]),
    "i4": np.int32([1 << 30]),
    "i8": np.int64([-(1 << 50)]),
    "b1": np.array([[True], [False]]),
    "empty": np.zeros((0, 3), "f4"),
    "with/slash:0": np.float32([4]),
}


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_npz_round_trip(tmp_path, save):
    save(tmp_path / "in.npz", **ARRAYS, fortran=np.asfortranarray(np.arange(24).reshape(2, 3, 4)))
    tool("npz-copy", tmp_path / "in.npz", tmp_path / "out.npz")
    want, got = load_npz(tmp_path / "in.npz"), load_npz(tmp_path / "out.npz")
    assert list(want) == list(got)
    for key in want:
        assert want[key].dtype == got[key].dtype and np.array_equal(want[key], got[key]), key


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_npy_versions(tmp_path, version):
    with open(tmp_path / "a.npy", "wb") as f:
        np.lib.format.write_array(f, ARRAYS["f4"], version=version)
    tool("npz-copy", tmp_path / "a.npy", tmp_path / "b.npy")
    assert np.array_equal(np.load(tmp_path / "b.npy"), ARRAYS["f4"])


def test_npz_of_strings(tmp_path):
    """S comes back as it is, U as UTF-8 bytes, V as bytes with their zeros (S then, which NumPy shows without)."""
    text = np.array([["é", ""], ["\U0001d11e clef", "a"]])
    given = {
        "s": np.array([b"a", b"", b"longer\0x"]),
        "u": text,
        "f": np.asfortranarray(text),
        "v": np.void(b"ab\0\0"),
    }
    np.savez(tmp_path / "x.npz", **given)
    tool("npz-copy", tmp_path / "x.npz", tmp_path / "y.npz")
    ours = load_npz(tmp_path / "y.npz")
    assert ours["s"].tolist() == given["s"].tolist()
    for key in ("u", "f"):
        assert np.char.decode(ours[key], "utf-8").tolist() == text.tolist()
    assert ours["v"].dtype == "S4" and ours["v"] == b"ab"


def test_npz_of_other_types_is_refused(tmp_path):
    for array in (
        np.array(["a"], object),
        np.complex64([1j]),
        np.array([1], ">f4"),
        np.zeros(2, [("a", "f4")]),
    ):
        np.savez(tmp_path / "x.npz", a=array)
        message = tool("npz-copy", tmp_path / "x.npz", tmp_path / "y.npz", ok=False)
        assert message.startswith("unimplemented") and "x.npz" in message


# ---- TFRecord ----


def test_tfrecord_both_ways(tf, tmp_path):
    records = [b"", b"one", bytes(100000), "ä".encode()]
    with tf.io.TFRecordWriter(str(tmp_path / "in")) as w:
        for r in records:
            w.write(r)
    tool("tfrecord-copy", tmp_path / "in", tmp_path / "out")
    assert (tmp_path / "in").read_bytes() == (tmp_path / "out").read_bytes()
    assert [r.numpy() for r in tf.data.TFRecordDataset(str(tmp_path / "out"))] == records
    (tmp_path / "in").write_bytes((tmp_path / "in").read_bytes()[:-3])
    assert "cut" in tool("tfrecord-copy", tmp_path / "in", tmp_path / "out", ok=False)


# ---- torch.save, legacy form ----


def legacy_torch(tensors):
    """The stream torch.save(..., _use_new_zipfile_serialization=False) makes, without torch."""

    def word(s):
        return b"X" + struct.pack("<I", len(s)) + s.encode()

    def number(n):
        return b"J" + struct.pack("<i", n)

    def numbers(seq):
        return b"(" + b"".join(number(n) for n in seq) + b"t"

    types = {
        "float32": "FloatStorage",
        "int64": "LongStorage",
        "float16": "HalfStorage",
        "uint8": "ByteStorage",
    }
    body = b"\x80\x02ccollections\nOrderedDict\n)R("
    for i, (name, array) in enumerate(tensors.items()):
        base = array if array.base is None else array.base
        flat = base.ravel(order="K")
        strides = [s // array.itemsize for s in array.strides]
        offset = (
            array.__array_interface__["data"][0] - base.__array_interface__["data"][0]
        ) // array.itemsize
        body += word(name) + b"ctorch._utils\n_rebuild_tensor_v2\n((" + word("storage")
        body += b"ctorch\n" + types[array.dtype.name].encode() + b"\n" + word(str(i)) + word("cpu")
        body += number(flat.size) + b"NtQ" + number(offset) + numbers(array.shape) + numbers(strides)
        body += b"\x89ccollections\nOrderedDict\n)RtR"
    body += b"u."
    keys = b"\x80\x02](" + b"".join(word(str(i)) for i in range(len(tensors))) + b"e."
    out = pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(1001, 2)
    out += pickle.dumps({"protocol_version": 1001, "little_endian": True}, 2) + body + keys
    for array in tensors.values():
        base = array if array.base is None else array.base
        flat = base.ravel(order="K")
        out += struct.pack("<q", flat.size) + flat.tobytes()
    return out


def test_torch_legacy_with_strides(tmp_path):
    conv = (
        np.arange(2 * 3 * 4 * 5, dtype="f4").reshape(4, 5, 3, 2).transpose(3, 2, 0, 1)
    )  # HWIO storage, OIHW view
    tensors = {
        "conv.weight": conv,
        "bias": np.float32([1, 2]),
        "n": np.int64([5])[0:1],
        "part": np.arange(10, dtype="u1")[3:9:2],
        "half": np.float16([[1, 2], [3, 4]]).T,
    }
    (tmp_path / "m.pth").write_bytes(legacy_torch(tensors))
    tool("torch-to-npz", tmp_path / "m.pth", tmp_path / "m.npz")
    got = load_npz(tmp_path / "m.npz")
    assert list(got) == list(tensors)
    for key, value in tensors.items():
        assert got[key].dtype == value.dtype and np.array_equal(got[key], value), key


def test_torch_hostile_pickles_are_refused(tmp_path):
    good = legacy_torch({"a": np.float32([1, 2, 3])})
    for old, new in (
        (b"ccollections\nOrderedDict\n", b"cposix\nsystem\n"),
        (b"FloatStorage", b"WeirdStorage"),
        (b"J" + struct.pack("<i", 1), b"J" + struct.pack("<i", -1)),
    ):
        assert old in good
        (tmp_path / "bad.pth").write_bytes(good.replace(old, new))
        assert "bad.pth" in tool("torch-list", tmp_path / "bad.pth", ok=False)
    for cut in range(0, len(good)):
        (tmp_path / "bad.pth").write_bytes(good[:cut])
        tool("torch-list", tmp_path / "bad.pth", ok=False)
