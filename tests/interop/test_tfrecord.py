"""Pictures in TFRecord files: tf.data reads what `graft data pack` writes, Graft what TensorFlow writes."""

import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from savedmodel_common import GRAFT, ROOT

FEATURES = {
    "image/encoded": tf.io.FixedLenFeature([], tf.string),
    "image/format": tf.io.FixedLenFeature([], tf.string),
    "image/filename": tf.io.FixedLenFeature([], tf.string),
    "image/height": tf.io.FixedLenFeature([], tf.int64),
    "image/width": tf.io.FixedLenFeature([], tf.int64),
    "image/class/label": tf.io.FixedLenFeature([], tf.int64),
    "image/class/text": tf.io.FixedLenFeature([], tf.string),
}
CLASSES = ["ok", "scratch", "spot"]


def graft(*args, ok=True):
    done = subprocess.run([GRAFT, *map(str, args)], capture_output=True, text=True)
    assert (done.returncode == 0) == ok, done.stderr
    return done.stdout if ok else done.stderr


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    maker = ROOT / "tests" / "cli" / "make_pictures.py"
    subprocess.run(
        [sys.executable, maker, "data", "--splits", "train,test", "--count", "9"], cwd=folder, check=True
    )
    return folder / "data"


def listed(pictures, split):
    """Files in Graft's order: by class, then name."""
    return sorted((pictures / split).glob("*/*.png"), key=lambda p: (p.parent.name.encode(), p.name.encode()))


@pytest.mark.parametrize("compress", ["none", "gzip"])
def test_tensorflow_reads_what_graft_packs(pictures, compress, tmp_path):
    graft("data", "pack", pictures, tmp_path / "p.tfrecord", "--shards", 3, "--compress", compress)
    assert (tmp_path / "p.labels.txt").read_text().split() == CLASSES
    for split in ("train", "test"):
        shards = sorted(str(p) for p in tmp_path.glob(f"p-{split}-*"))
        assert [pathlib.Path(s).name for s in shards] == [
            f"p-{split}-0000{i}-of-00003.tfrecord" for i in range(3)
        ]
        data = tf.data.TFRecordDataset(shards, compression_type="" if compress == "none" else "GZIP")
        parsed = [tf.io.parse_single_example(r, FEATURES) for r in data]
        batch = tf.io.parse_example(tf.constant([r.numpy() for r in data]), FEATURES)
        files = listed(pictures, split)
        assert len(parsed) == len(files)
        for i, (p, file) in enumerate(zip(parsed, files)):
            assert p["image/encoded"].numpy() == file.read_bytes()
            assert p["image/filename"].numpy().decode() == str(file.relative_to(pictures))
            assert p["image/format"].numpy() == b"png"
            assert (
                CLASSES[p["image/class/label"]] == p["image/class/text"].numpy().decode() == file.parent.name
            )
            pixels = tf.io.decode_image(p["image/encoded"])
            assert pixels.shape[:2] == (p["image/height"], p["image/width"])
            assert batch["image/class/label"][i] == p["image/class/label"]


def write(path, items, compression=""):
    with tf.io.TFRecordWriter(str(path), tf.io.TFRecordOptions(compression_type=compression)) as writer:
        for features in items:
            made = {}
            for key, value in features.items():
                if isinstance(value, int):
                    made[key] = tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))
                else:
                    made[key] = tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))
            writer.write(tf.train.Example(features=tf.train.Features(feature=made)).SerializeToString())


def described(path):
    return json.loads(graft("data", "show", path, "--json"))


@pytest.mark.parametrize("compression", ["", "GZIP", "ZLIB"])
def test_graft_reads_what_tensorflow_writes(pictures, compression, tmp_path):
    """The same pictures, written by TensorFlow in the same order, train to the same bytes as the folder."""
    for split in ("train", "test"):
        files = listed(pictures, split)
        for shard in range(2):
            half = files[: len(files) // 2] if shard == 0 else files[len(files) // 2 :]
            items = [
                {
                    "image/encoded": f.read_bytes(),
                    "image/class/label": CLASSES.index(f.parent.name),
                    "image/class/text": f.parent.name.encode(),
                }
                for f in half
            ]
            write(tmp_path / f"{split}-0000{shard}-of-00002", items, compression)
    folder, records = described(pictures), described(tmp_path)
    assert folder["classes"] == records["classes"] and folder["train"] == records["train"] == 27
    backbone = (
        pathlib.Path(os.environ.get("GRAFT_BUILD", ROOT / "build" / "release")) / "bin" / "tiny_backbone"
    )
    subprocess.run([backbone, tmp_path / "backbone"], check=True)
    settings = ["--backbone", tmp_path / "backbone", "--epochs", 2, "--seed", 5, "--augment", "flip"]
    (tmp_path / "records").mkdir()
    for shard in tmp_path.glob("*-of-00002"):
        shard.rename(tmp_path / "records" / shard.name)
    graft("train", pictures, "--out", tmp_path / "a", *settings)
    graft("train", tmp_path / "records", "--out", tmp_path / "b", *settings)
    for file in ("saved_model.pb", "variables/variables.data-00000-of-00001"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes(), file


def test_keys_and_labels_as_people_have_them(tmp_path):
    jpeg = tf.io.encode_jpeg(np.full((9, 9, 3), 90, np.uint8)).numpy()
    write(tmp_path / "short.tfrecord", [{"image": jpeg, "label": n} for n in (1, 2, 2, 3)])
    assert [c["name"] for c in described(tmp_path / "short.tfrecord")["classes"]] == ["1", "2", "3"]
    (tmp_path / "short.labels.txt").write_text("rose\nlily\niris\n")
    classes = described(tmp_path / "short.tfrecord")["classes"]
    assert [(c["name"], c["train"]) for c in classes] == [("rose", 1), ("lily", 2), ("iris", 1)]
    write(tmp_path / "words.tfrecords", [{"image_raw": jpeg, "label": w} for w in (b"b", b"a", b"b")])
    assert [(c["name"], c["train"]) for c in described(tmp_path / "words.tfrecords")["classes"]] == [
        ("a", 1),
        ("b", 2),
    ]
    write(tmp_path / "none.tfrecord", [{"x": 1, "y": b"z"}])
    assert "no picture in it; it holds" in graft("data", "show", tmp_path / "none.tfrecord", ok=False)
