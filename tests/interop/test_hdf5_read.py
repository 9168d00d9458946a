"""HDF5 files that h5py writes in every form Graft reads, dataset by dataset and attribute by attribute."""

import os
import pathlib
import subprocess

import h5py
import numpy as np
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("GRAFT_BIN_DIR", ROOT / "build" / "release" / "bin"))
NAMES = ["text", "long", "fixed", "list", "numbers", "huge"] + [f"a{i}" for i in range(40)]


def low_level(f, name, data, layout):
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    layout(plist)
    space = h5py.h5s.create_simple(data.shape)
    h5py.h5d.create(f.id, name, h5py.h5t.IEEE_F32LE, space, plist).write(h5py.h5s.ALL, h5py.h5s.ALL, data)


def early_chunks(plist):
    plist.set_chunk((4, 4))
    plist.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)


def fill(f):
    rng = np.random.default_rng(0)

    def put(name, shape, dtype="f4", **how):
        f.create_dataset(name, data=(rng.normal(size=shape) * 50).astype(dtype), **how)

    put("a/b/c", (3, 4, 5))
    for dtype in ["f2", "f8", ">f4", ">f8", "i1", "i2", "i4", "i8", ">i2", ">i8"]:
        put("t" + dtype.replace(">", "big"), (7, 3), dtype)
    for dtype in ["u1", "u2", "u4", "u8"]:
        f.create_dataset("t" + dtype, data=rng.integers(0, 200, 5).astype(dtype))
    f.create_dataset("bool", data=np.array([True, False, True]))
    f.create_dataset("scalar", data=np.float32(3.5))
    f.create_dataset("empty", data=np.zeros((0, 4), "f4"))
    f.create_dataset("var", data=["alpha", "", "gamma" * 100], dtype=h5py.string_dtype())
    f.create_dataset("fixed", data=np.array([b"ab", b"cdef", b""]))
    put("gz", (60, 70), chunks=(16, 32), compression="gzip", shuffle=True, fletcher32=True)
    put("plain_chunks", (33, 17, 5), chunks=(10, 4, 5))
    put("single", (20, 20), chunks=(20, 20), compression="gzip")
    put("grow", (500, 20), chunks=(1, 20), maxshape=(None, 20))
    put("grow_gz", (5000,), chunks=(2,), maxshape=(None,), compression="gzip")
    put("grow_both", (50, 60), chunks=(3, 4), maxshape=(None, None))
    put("grow_both_gz", (90, 95), chunks=(3, 2), maxshape=(None, None), compression="gzip")
    put("paged", (3000,), chunks=(1,))
    put("paged_gz", (2500,), chunks=(2,), compression="gzip")
    low_level(f, b"compact", rng.normal(size=(6,)).astype("f4"), lambda p: p.set_layout(h5py.h5d.COMPACT))
    low_level(f, b"implicit", rng.normal(size=(10, 9)).astype("f4"), early_chunks)
    for name, count in [("few", 12), ("many", 1500)]:
        for i in range(count):
            f.create_dataset(f"{name}/d{i}" + "x" * (i % 30), data=np.float32(i))
    f.attrs["text"] = "hello"
    f.attrs["long"] = "x" * 200000  # as a model_config may be
    f.attrs["fixed"] = np.bytes_("fixed text")
    f.attrs["list"] = [b"one", b"two", b"three"]
    f.attrs["numbers"] = np.arange(5)
    for i in range(40):
        f["a/b"].attrs[f"a{i}"] = f"value {i}"
    f["soft"] = h5py.SoftLink("/a/b/c")
    f["hard"] = f["a/b/c"]


def as_line(value):
    a = np.asarray([value] if isinstance(value, (str, bytes)) else value)
    if a.dtype.kind in "OSU":
        texts = [v.decode() if isinstance(v, bytes) else v for v in a.reshape(-1).tolist()]
        return "".join(f"{len(t)}:{t};" for t in texts)
    dtype = a.dtype
    if dtype.kind == "u" and dtype.itemsize > 1:  # Graft has no such types: the next larger signed one
        dtype = np.dtype(f"i{min(8, dtype.itemsize * 2)}")
    return a.astype(dtype.newbyteorder("<")).tobytes().hex()


def expected(f):
    out = {}
    todo = [("", f)]
    while todo:
        path, thing = todo.pop()
        if isinstance(thing, h5py.Dataset):
            out[path] = as_line(thing[()])
        out.update({f"{path}@{n}": as_line(thing.attrs[n]) for n in NAMES if n in thing.attrs})
        if isinstance(thing, h5py.Group):
            hard = [k for k in thing if not isinstance(thing.get(k, getlink=True), h5py.SoftLink)]
            todo += [(f"{path}/{k}", thing[k]) for k in hard]
    return out


@pytest.mark.parametrize("libver", ["earliest", "v108", "v110", "latest"])
def test_everything(libver, tmp_path):
    path = tmp_path / "x.h5"
    bounds = "latest" if libver == "latest" else (libver, "latest")
    with h5py.File(path, "w", libver=bounds, userblock_size=512 if libver == "v108" else 0) as f:
        fill(f)
        if libver == "latest":
            f["a/b"].attrs["huge"] = np.arange(100000, dtype="f4")
    done = subprocess.run([BIN / "hdf5_dump", path, *NAMES], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    rows = [line.split("\t") for line in done.stdout.split("\n") if line.count("\t") == 2]
    found = {row[0]: row[2] for row in rows}
    with h5py.File(path) as f:
        wanted = expected(f)
    assert found.keys() == wanted.keys()
    assert [k for k in wanted if found[k] != wanted[k]] == []


def refused(tmp_path, word, **how):
    path = tmp_path / "x.h5"
    with h5py.File(path, "w") as f:
        f.create_dataset("d", **how)
    done = subprocess.run([BIN / "hdf5_dump", path], capture_output=True, text=True)
    assert done.returncode == 1 and word in done.stderr, done.stderr


def test_what_is_refused_is_named(tmp_path):
    refused(tmp_path, "lzf", data=np.zeros((8, 8), "f4"), chunks=(4, 4), compression="lzf")
    refused(tmp_path, "compounds", data=np.zeros(3, [("a", "f4"), ("b", "i4")]))
    refused(tmp_path, "never written", shape=(100, 100), dtype="f4")
