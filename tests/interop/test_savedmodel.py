"""SavedModels that Graft writes, judged by everything that loads them: TensorFlow 2 and 1, the C API, tf_hub, Keras,
the TFLite converter with LiteRT, saved_model_cli. Reading TensorFlow's own files: test_savedmodel_read.py."""

import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

from savedmodel_common import GRAFT, close, feed, run_made, tool

tf = pytest.importorskip("tensorflow")
HERE = pathlib.Path(__file__).resolve().parent
KINDS = tool("kinds").split()


@pytest.fixture(scope="module")
def dirs(tmp_path_factory):
    """Every kind of model written once."""
    root = tmp_path_factory.mktemp("models")
    for kind in KINDS:
        tool("make", kind, root / kind)
    return {kind: str(root / kind) for kind in KINDS}


@pytest.fixture(scope="module")
def cnn(dirs):
    return dirs["cnn"]


@pytest.mark.parametrize("kind", KINDS)
def test_tensorflow_2(dirs, kind, tmp_path):
    model = tf.saved_model.load(dirs[kind])
    signature = model.signatures["serving_default"]
    for batch in (1, 3):
        x = feed(signature.structured_input_signature[1], batch)
        ours = run_made(kind, x, tmp_path)
        theirs = signature(**{k: tf.constant(v) for k, v in x.items()})
        assert set(ours) == set(theirs)
        for name in ours:
            close(ours[name], theirs[name].numpy(), 1e-5)
        call = model(tf.constant(next(iter(x.values()))) if len(x) == 1 else x)
        for name in ours:
            close(ours[name], (call if len(ours) == 1 else call[name]).numpy(), 1e-5)


@pytest.mark.parametrize("kind", ["cnn", "pair", "text", "names", "conv_grouped"])
def test_tensorflow_1(dirs, kind, tmp_path):
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        meta = v1.saved_model.load(session, ["serve"], dirs[kind])
        signature = meta.signature_def["serving_default"]
        spec = {
            k: tf.TensorSpec(
                [d.size if d.size >= 0 else None for d in i.tensor_shape.dim], tf.as_dtype(i.dtype)
            )
            for k, i in signature.inputs.items()
        }
        for batch in (1, 3):
            x = feed(spec, batch)
            ours = run_made(kind, x, tmp_path)
            theirs = session.run(
                {k: i.name for k, i in signature.outputs.items()},
                {signature.inputs[k].name: v for k, v in x.items()},
            )
            for name in ours:
                close(ours[name], theirs[name], 1e-5)


def test_c_api(cnn, tmp_path):
    folder = pathlib.Path(tf.__file__).parent
    library = next(iter(sorted(folder.glob("libtensorflow_cc.so*"))), None)
    assert library, "libtensorflow_cc is not in the wheel"
    program = tmp_path / "capi_load"
    framework = next(iter(sorted(folder.glob("libtensorflow_framework.so*"))))
    subprocess.run(
        [
            "cc",
            HERE / "capi_load.c",
            "-o",
            program,
            "-I",
            folder / "include",
            library,
            framework,
            f"-Wl,-rpath,{folder}",
        ],
        check=True,
    )
    x = np.random.default_rng(3).uniform(0, 255, (3, 32, 32, 3)).astype(np.float32)
    done = subprocess.run(
        [program, cnn, "serving_default_inputs", "StatefulPartitionedCall", "3", "32", "32", "3"],
        input=x.tobytes(),
        capture_output=True,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    assert done.returncode == 0, done.stderr
    close(
        run_made("cnn", {"inputs": x}, tmp_path)["probabilities"],
        np.frombuffer(done.stdout, np.float32).reshape(3, 4),
        1e-5,
    )


def test_graft_program(dirs, tmp_path):
    """`graft run` on the written file, against TensorFlow's run of it."""
    for kind in ("cnn", "pair", "text"):
        signature = tf.saved_model.load(dirs[kind]).signatures["serving_default"]
        x = feed(signature.structured_input_signature[1], 3)
        np.savez(tmp_path / "in.npz", **x)
        subprocess.run(
            [GRAFT, "run", dirs[kind], "--input", tmp_path / "in.npz", "--output", tmp_path / "out.npz"],
            check=True,
        )
        theirs = signature(**{k: tf.constant(v) for k, v in x.items()})
        with np.load(tmp_path / "out.npz") as ours:
            assert set(ours.files) == set(theirs)
            for name in ours.files:
                close(ours[name], theirs[name].numpy(), 1e-5)


def test_object_graph(cnn):
    model = tf.saved_model.load(cnn)
    names = [v.name.split(":")[0] for v in model.variables]
    assert len(names) == len(set(names)) == 18 and "stem/conv/kernel" in names
    trainable = [v.name.split(":")[0] for v in model.trainable_variables]
    assert set(names) - set(trainable) == {
        f"{b}/{s}" for b in ("stem/bn", "block/bn") for s in ("moving_mean", "moving_variance")
    }
    assert all(any(v is w for w in model.variables) for v in model.trainable_variables)
    assert list(model.regularization_losses) == []
    assert set(model.signatures) == {"serving_default", "serving_jpeg"}


def test_call_training_moves_statistics(cnn):
    model = tf.saved_model.load(cnn)
    by_name = {v.name.split(":")[0]: v for v in model.variables}
    x = tf.constant(np.random.default_rng(4).uniform(0, 255, (8, 32, 32, 3)).astype(np.float32))
    before = {k: v.numpy() for k, v in by_name.items()}
    model(x, training=False)
    assert all((by_name[k].numpy() == before[k]).all() for k in before)
    model(x, True)
    moved = {k for k in before if (by_name[k].numpy() != before[k]).any()}
    assert moved == {f"{b}/{s}" for b in ("stem/bn", "block/bn") for s in ("moving_mean", "moving_variance")}
    # the first layer's batch statistics by hand: moving = moving * 0.9 + batch * 0.1
    y = tf.nn.conv2d((x - 127.0) / 128.0, before["stem/conv/kernel"], 2, "SAME")
    mean, variance = tf.nn.moments(y, [0, 1, 2])
    n = float(np.prod(y.shape[:3]))
    np.testing.assert_allclose(
        by_name["stem/bn/moving_mean"], before["stem/bn/moving_mean"] * 0.9 + mean * 0.1, atol=1e-5
    )
    np.testing.assert_allclose(
        by_name["stem/bn/moving_variance"],
        before["stem/bn/moving_variance"] * 0.9 + variance * n / (n - 1) * 0.1,
        rtol=1e-4,
    )


def test_dropout_is_active_in_training_only(cnn):
    model = tf.saved_model.load(cnn)
    x = tf.constant(np.random.default_rng(5).uniform(0, 255, (4, 32, 32, 3)).astype(np.float32))
    assert np.ptp([model(x, training=False).numpy() for _ in range(3)], axis=0).max() == 0
    draws = [model(x, training=True).numpy() for _ in range(6)]
    assert np.ptp(draws, axis=0).max() > 1e-4


def test_batch_norm_of_rows_trains(dirs):
    model = tf.saved_model.load(dirs["batch_norm_rows"])
    mean = next(v for v in model.variables if "moving_mean" in v.name)
    before = mean.numpy()
    x = np.random.default_rng(6).normal(3, 1, (16, 6)).astype(np.float32)
    y = model(tf.constant(x), training=True)
    np.testing.assert_allclose(mean.numpy(), before * 0.9 + x.mean(0) * 0.1, atol=1e-5)
    gamma, beta = (next(v for v in model.variables if p in v.name).numpy() for p in ("gamma", "beta"))
    expected = (x - x.mean(0)) / np.sqrt(x.var(0) + 1e-3) * gamma + beta
    np.testing.assert_allclose(y, expected, atol=1e-4)


def test_hub_layer_trains(cnn, tmp_path):
    script = HERE / "savedmodel_hub_train.py"
    done = subprocess.run(
        [sys.executable, script, cnn],
        capture_output=True,
        text=True,
        env={**os.environ, "TF_USE_LEGACY_KERAS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "weights 14 statistics 4 frozen 0" in done.stdout, done.stdout


def test_tfsm_layer(cnn, tmp_path):
    import keras

    x = np.random.default_rng(7).uniform(0, 255, (3, 32, 32, 3)).astype(np.float32)
    ours = run_made("cnn", {"inputs": x}, tmp_path)["probabilities"]
    layer = keras.layers.TFSMLayer(cnn, call_endpoint="serving_default")
    close(ours, np.asarray(layer(x)["probabilities"]), 1e-5)
    inputs = keras.Input((32, 32, 3))
    model = keras.Model(
        inputs, keras.layers.TFSMLayer(cnn, call_endpoint="serving_default")(inputs)["probabilities"]
    )
    close(ours, model.predict(x, verbose=0), 1e-5)
    layer = keras.layers.TFSMLayer(cnn, call_endpoint="__call__")
    close(ours, np.asarray(layer(x)), 1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_tflite(dirs, kind, tmp_path):
    from ai_edge_litert.interpreter import Interpreter

    converter = tf.lite.TFLiteConverter.from_saved_model(dirs[kind], signature_keys=["serving_default"])
    interpreter = Interpreter(model_content=converter.convert())
    runner = interpreter.get_signature_runner("serving_default")
    details = runner.get_input_details()
    for batch in (1, 3):
        spec = {
            k: tf.TensorSpec(
                [None if n < 0 else int(n) for n in d["shape_signature"]], tf.as_dtype(d["dtype"])
            )
            for k, d in details.items()
        }
        x = feed(spec, batch)
        ours = run_made(kind, x, tmp_path)
        theirs = runner(**x)
        for name in ours:
            close(ours[name], theirs[name], 1e-5)


def test_saved_model_cli(cnn):
    cli = pathlib.Path(sys.executable).parent / "saved_model_cli"
    done = subprocess.run([cli, "show", "--all", "--dir", cnn], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for text in (
        "serving_default",
        "serving_jpeg",
        "jpeg_bytes",
        "(-1, 32, 32, 3)",
        "probabilities",
        "__call__",
    ):
        assert text in done.stdout, text


def test_gradient_through_signature(cnn):
    model = tf.saved_model.load(cnn)
    x = tf.constant(np.random.default_rng(8).uniform(0, 255, (2, 32, 32, 3)).astype(np.float32))
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(model(x, training=True)[:, 0])
    gradients = tape.gradient(loss, list(model.trainable_variables))
    assert all(g is not None and np.isfinite(g).all() for g in gradients)
    assert sum(float(tf.reduce_max(tf.abs(g))) > 0 for g in gradients) > 10


def test_saved_again_by_tensorflow(cnn, tmp_path):
    x = np.random.default_rng(9).uniform(0, 255, (2, 32, 32, 3)).astype(np.float32)
    model = tf.saved_model.load(cnn)
    tf.saved_model.save(model, str(tmp_path / "again"), signatures=model.signatures["serving_default"])
    again = tf.saved_model.load(str(tmp_path / "again")).signatures["serving_default"](inputs=tf.constant(x))
    close(run_made("cnn", {"inputs": x}, tmp_path)["probabilities"], again["probabilities"].numpy(), 1e-5)


def test_same_bytes(tmp_path):
    for name in ("a", "b"):
        tool("make", "cnn", tmp_path / name)
    files = sorted(str(p.relative_to(tmp_path / "a")) for p in (tmp_path / "a").rglob("*") if p.is_file())
    assert files == [
        "assets.extra/graft.json",
        "assets/labels.txt",
        "saved_model.pb",
        "variables/variables.data-00000-of-00001",
        "variables/variables.index",
    ]
    for f in files:
        if not f.endswith("graft.json"):  # holds the time it was made
            assert (tmp_path / "a" / f).read_bytes() == (tmp_path / "b" / f).read_bytes(), f
    assert (tmp_path / "a/assets/labels.txt").read_text().split("\n") == [
        "cat",
        "dog",
        "fish",
        "bird of prey",
        "",
    ]


# ---- serving_jpeg ----


def pictures(folder):
    """JPEG (smooth, odd sizes, chroma subsampled or not, grey), PNG, BMP, GIF."""
    from PIL import Image

    rng = np.random.default_rng(12)
    out = []
    for i, (w, h, kind, options) in enumerate(
        [
            (301, 203, "JPEG", {"quality": 90}),
            (64, 97, "JPEG", {"quality": 95, "subsampling": 0}),
            (40, 30, "JPEG", {"quality": 80}),
            (150, 150, "PNG", {}),
            (33, 71, "BMP", {}),
            (90, 60, "GIF", {}),
        ]
    ):
        coarse = rng.uniform(0, 255, (9, 11, 3)).astype(np.uint8)
        picture = Image.fromarray(coarse).resize((w, h), Image.BICUBIC)
        noisy = np.asarray(picture).astype(int) + rng.integers(-20, 20, (h, w, 3))
        picture = Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8))
        if i == 2:
            picture = picture.convert("L")
        out.append(folder / f"{i}.{kind.lower()}")
        picture.save(out[-1], kind, **options)
    return out


# rule -> largest and mean difference allowed, of 255
RULES = {
    ("squeeze", "pil", "bicubic", 1): (1, 0.01),
    ("crop", "pil", "bicubic", 1): (1, 0.01),
    ("pad", "pil", "bicubic", 1): (1, 0.01),
    ("squeeze", "pil", "bilinear", 1): (1, 0.05),
    ("squeeze", "pil", "lanczos3", 1): (1, 0.01),
    ("squeeze", "pil", "nearest", 0): (255, 4),  # ties
    ("squeeze", "tf", "bilinear", 0): (0.01, 0.001),
    ("crop", "tf", "bicubic", 0): (0.01, 0.001),
    ("pad", "tf", "bilinear", 1): (0.01, 0.001),
    ("squeeze", "tf", "area", 0): (0.01, 0.001),
    ("squeeze", "tf", "bicubic", 1): (0.01, 0.001),
    ("squeeze", "tf", "lanczos3", 1): (0.01, 0.001),
}


@pytest.mark.parametrize("rule", list(RULES), ids=lambda r: "-".join(map(str, r)))
def test_serving_jpeg_preprocesses(rule, tmp_path):
    largest, mean = RULES[rule]
    tool("make-pictures", *rule, 48, tmp_path / "m")
    model = tf.saved_model.load(str(tmp_path / "m"))
    files = [f for f in pictures(tmp_path) if f.suffix != ".gif"]
    theirs = model.signatures["serving_jpeg"](jpeg_bytes=tf.constant([f.read_bytes() for f in files]))[
        "picture"
    ].numpy()
    for i, f in enumerate(files):
        tool("preprocess", *rule, 48, f, tmp_path / "p.npz")
        gap = np.abs(np.load(tmp_path / "p.npz")["picture"][0] - theirs[i])
        print(rule, f.name, "largest", gap.max(), "mean", gap.mean())
        assert gap.max() <= largest and gap.mean() <= mean, (rule, f.name, gap.max(), gap.mean())


def test_serving_jpeg_classifies(cnn, tmp_path):
    model = tf.saved_model.load(cnn)
    files = pictures(tmp_path)
    scores = model.signatures["serving_jpeg"](tf.constant([f.read_bytes() for f in files]))[
        "probabilities"
    ].numpy()
    assert scores.shape == (len(files), 4)
    for i, f in enumerate(files):
        if f.suffix == ".gif":
            continue
        tool("preprocess", "squeeze", "pil", "bicubic", 1, 32, f, tmp_path / "p.npz")
        x = np.load(tmp_path / "p.npz")["picture"]
        close(run_made("cnn", {"inputs": x}, tmp_path)["probabilities"], scores[i : i + 1], 5e-3)
    with pytest.raises(Exception):
        model.signatures["serving_jpeg"](tf.constant([b"no picture"]))


def test_serving_jpeg_in_version_1(cnn, tmp_path):
    v1 = tf.compat.v1
    files = pictures(tmp_path)[:2]
    with tf.Graph().as_default(), v1.Session() as session:
        signature = v1.saved_model.load(session, ["serve"], cnn).signature_def["serving_jpeg"]
        scores = session.run(
            signature.outputs["probabilities"].name,
            {signature.inputs["jpeg_bytes"].name: [f.read_bytes() for f in files]},
        )
    assert scores.shape == (2, 4) and np.allclose(scores.sum(1), 1, atol=1e-5)
