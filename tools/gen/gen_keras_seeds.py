#!/usr/bin/env python3
"""Small HDF5 and Keras files for the unit tests and as seeds for fuzzing, and what Keras computes with them.

Writes tests/fuzz/corpus/hdf5/*, tests/fuzz/corpus/keras/* and tests/unit/models/keras_recorded.h. Made with h5py 3.14,
Keras 3.15 and tf_keras 2.21; run it with those installed. Keras 2's files are made in a process of their own.
"""

import json
import os
import pathlib
import subprocess
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
import h5py  # noqa: E402
import numpy as np  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
HDF5 = ROOT / "tests/fuzz/corpus/hdf5"
KERAS = ROOT / "tests/fuzz/corpus/keras"
RECORDED = ROOT / "tests/unit/models/keras_recorded.h"


def ramp(count, step=0.125):
    return (np.arange(count, dtype="f4") % 17 - 8) * np.float32(step)


def layouts(f, latest):
    """One dataset per layout and type that is read."""
    f.create_dataset("group/inner/f32", data=ramp(24).reshape(2, 3, 4))
    f.create_dataset("f16", data=ramp(6).astype("f2"))
    f.create_dataset("f64", data=ramp(5).astype("f8"))
    f.create_dataset("big", data=ramp(6).astype(">f4").reshape(2, 3))
    f.create_dataset("u16", data=np.array([1, 2, 65535], "u2"))
    f.create_dataset("i64", data=np.array([-5, 7], ">i8"))
    f.create_dataset("flags", data=np.array([True, False]))
    f.create_dataset("words", data=["one", "", "three"], dtype=h5py.string_dtype())
    f.create_dataset("fixed", data=np.array([b"ab", b"cde"]))
    f.create_dataset("scalar", data=np.float32(2.5))
    f.create_dataset("empty", data=np.zeros((0, 3), "f4"))
    f.create_dataset(
        "packed", data=ramp(35).reshape(5, 7), chunks=(3, 4), compression=1, shuffle=True, fletcher32=True
    )
    f.create_dataset("chunks", data=ramp(20).reshape(4, 5), chunks=(2, 3))
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_layout(h5py.h5d.COMPACT)
    space = h5py.h5s.create_simple((6,))
    h5py.h5d.create(f.id, b"compact", h5py.h5t.IEEE_F32LE, space, plist).write(
        h5py.h5s.ALL, h5py.h5s.ALL, ramp(6)
    )
    f.attrs["title"] = "a text"
    f.attrs["names"] = [b"first", b"second"]
    f.attrs["part0"] = [b"x", b"y"]
    f.attrs["part1"] = [b"z"]
    f["soft"] = h5py.SoftLink("/f16")
    if not latest:
        return
    f.create_dataset("single", data=ramp(9).reshape(3, 3), chunks=(3, 3), compression=1)
    f.create_dataset("grow", data=ramp(40), chunks=(2,), maxshape=(None,))
    f.create_dataset(
        "grow2", data=ramp(30).reshape(5, 6), chunks=(2, 2), maxshape=(None, None), compression=1
    )
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_chunk((2, 2))
    plist.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    space = h5py.h5s.create_simple((3, 4))
    h5py.h5d.create(f.id, b"implicit", h5py.h5t.IEEE_F32LE, space, plist).write(
        h5py.h5s.ALL, h5py.h5s.ALL, ramp(12).reshape(3, 4)
    )
    for i in range(12):
        f.create_dataset(f"many/d{i}", data=np.float32(i))
        f["many"].attrs[f"a{i}"] = f"value {i}"


def sample(shape):
    count = int(np.prod(shape))
    return (((np.arange(count) * 37) % 101) / 50.0 - 1.0).astype("f4").reshape(shape)


def settle(model):
    """Weights that are the same each time and small in a file."""
    for k, w in enumerate(model.weights):
        count = int(np.prod(w.shape))
        value = ((np.arange(count) * 7 + k * 3) % 13 / 13.0 - 0.4).astype("f4").reshape(tuple(w.shape))
        name = w.name.split("/")[-1].split(":")[0]
        if name == "count":
            continue
        w.assign(np.abs(value) + 0.5 if "variance" in name else value)
    for layer in model._flatten_layers() if hasattr(model, "_flatten_layers") else []:
        if type(layer).__name__ == "Normalization":
            layer.finalize_state()


def record(out, name, model):
    x = sample((2, *model.inputs[0].shape[1:]))
    y = model.predict(x, verbose=0)
    for i, values in enumerate(y if isinstance(y, list) else [y]):
        texts = [f"{float(v):.9g}" for v in values.reshape(-1)]
        texts = [t + ("f" if "." in t or "e" in t else ".0f") for t in texts]
        lines = [", ".join(texts[k : k + 6]) for k in range(0, len(texts), 6)]
        out.append(f"static const float {name}_{i}[] = {{")
        out += [f"    {line}," for line in lines] + ["};"]


def keras3(out):
    import keras
    from keras import layers, ops

    seq = keras.Sequential(
        [
            keras.Input((4, 4, 2), name="im"),
            layers.Conv2D(3, 2, activation="relu", name="c"),
            layers.BatchNormalization(name="bn"),
            layers.DepthwiseConv2D(2, name="dw"),
            layers.Flatten(name="f"),
            layers.Dense(2, activation="softmax", name="d"),
        ],
        name="seq",
    )
    settle(seq)
    seq.save(KERAS / "seq.keras")
    seq.save(KERAS / "seq.h5")
    record(out, "seq", seq)
    x = keras.Input((4, 4, 2), name="im")
    inner_in = keras.Input((None, None, 2), name="inner_in")
    h = layers.Conv2D(2, 1, name="ic")(inner_in)
    inner = keras.Model(inner_in, layers.BatchNormalization(name="ib")(h), name="inner")
    y = layers.Normalization(name="n")(layers.RandomFlip(name="rf")(x))
    a, b = inner(y), inner(y[:, ::-1])
    z = layers.Add(name="sum")([a, b * 0.5])
    z = ops.concatenate([z, ops.relu6(z)], axis=-1)
    g = ops.mean(z, axis=[1, 2])
    head = keras.Sequential([layers.Dense(3, name="h1"), layers.PReLU(name="pr")], name="head")
    fun = keras.Model(x, [head(g), layers.GlobalMaxPooling2D(name="mx")(z)], name="fun")
    settle(fun)
    fun.save(KERAS / "functional.keras")
    fun.save_weights(KERAS / "functional.weights.h5")
    record(out, "functional", fun)
    bare = weightless()
    record(out, "weightless", bare)
    config = keras.saving.serialize_keras_object(bare)
    (KERAS / "weightless.json").write_text(json.dumps(config, separators=(",", ":")))


def weightless():
    """Layers without variables in one configuration."""
    import keras
    from keras import layers, ops

    i = keras.Input((8, 6, 4), name="i")
    x = layers.ZeroPadding2D(1)(i)
    x = layers.Cropping2D(((1, 0), (0, 1)))(x)
    x = layers.UpSampling2D(2, interpolation="bilinear")(x)
    x = layers.Resizing(6, 5, crop_to_aspect_ratio=True)(x)
    x = layers.CenterCrop(4, 4)(x)
    x = layers.MaxPooling2D(2, 1, padding="same")(x)
    x = layers.UnitNormalization()(layers.ReLU(2.0, 0.1, 0.2)(x))
    x = layers.Rescaling([1.0, 2.0, 3.0, 4.0], 0.5)(x)
    y = ops.pad(ops.flip(x, 1), ((0, 0), (1, 1), (0, 0), (0, 0)))[:, 1:-1]
    x = layers.Concatenate()([layers.Average()([x, y]), ops.stack([x, y], axis=-1)[..., 0]])
    x = layers.Permute((3, 1, 2))(x)
    a, b = ops.split(ops.reshape(x, (-1, 8, 16)), 2, axis=1)
    x = layers.Dot(2)([a, b])
    x = ops.where(ops.greater(x, 0.0), ops.clip(x, 0.1, 1.0), ops.softmax(x, axis=1))
    x = layers.GlobalAveragePooling1D(keepdims=True)(x)
    x = layers.RepeatVector(2)(layers.Flatten()(x))
    return keras.Model(i, [layers.Activation("gelu")(x), ops.matmul(a, ops.transpose(b, (0, 2, 1)))])


def keras2(out):
    import tensorflow as tf
    import tf_keras as keras
    from tf_keras import layers

    inner_in = keras.Input((None, None, 2), name="inner_in")
    inner = keras.Model(
        inner_in, layers.BatchNormalization(name="ib")(layers.Conv2D(2, 1, name="ic")(inner_in)), name="inner"
    )
    x = keras.Input((4, 4, 2), name="im")
    y = inner(x / 2.0)
    y = tf.nn.relu6(y) + layers.Activation("hard_sigmoid", name="hs")(1.0 - y)
    y = layers.GlobalAveragePooling2D(name="gap")(y)
    model = keras.Model(x, layers.Dense(3, name="d")(y), name="two")
    settle(model)
    model.save(KERAS / "keras2.h5")
    model.save_weights(KERAS / "keras2_weights.h5", save_format="h5")
    record(out, "keras2", model)


def main():
    if sys.argv[1:] == ["keras2"]:
        lines = []
        keras2(lines)
        print("\n".join(lines))
        return
    HDF5.mkdir(parents=True, exist_ok=True)
    KERAS.mkdir(parents=True, exist_ok=True)
    for name, libver in [("old", ("earliest", "v108")), ("new", "latest")]:
        with h5py.File(
            HDF5 / f"{name}.h5", "w", libver=libver, userblock_size=512 if name == "old" else 0
        ) as f:
            layouts(f, name == "new")
    lines = []
    keras3(lines)
    env = {**os.environ, "TF_USE_LEGACY_KERAS": "1"}
    lines += subprocess.run(
        [sys.executable, __file__, "keras2"], capture_output=True, text=True, check=True, env=env
    ).stdout.splitlines()
    head = [
        "/* Written by tools/gen/gen_keras_seeds.py: what Keras 3.15 and tf_keras 2.21 compute with the models in",
        " * tests/fuzz/corpus/keras for x[i] = ((i * 37) % 101) / 50 - 1. Not edited by hand. */",
    ]
    RECORDED.write_text("\n".join(head + lines) + "\n")


if __name__ == "__main__":
    main()
