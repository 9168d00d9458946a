"""graft train against Keras: same backbone, head weights and order of pictures, so the loss curves agree."""

import json
import os
import pathlib
import subprocess

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import keras
import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

ROOT = pathlib.Path(__file__).resolve().parents[2]
GRAFT = os.environ.get("GRAFT", str(ROOT / "build" / "release" / "bin" / "graft"))
SIZE, CLASSES, PER_CLASS, HIDDEN, EPOCHS = 32, 3, 43, 16, 20
TOLERANCE = 1e-3  # of the loss, over all epochs


def graft(*args, ok=True):
    done = subprocess.run([GRAFT, *map(str, args)], capture_output=True, text=True)
    assert (done.returncode == 0) == ok, done.stderr
    return done


class GuideBatchNorm(keras.layers.BatchNormalization):
    """Batch norm as the transfer-learning guide wants it: gamma and beta are trained, statistics are not touched.

    The guide's base(x, training=False) does not reach the layers of a Functional model in Keras 3.15 (operation_fn in
    keras/src/models/functional.py overrides it with fit's training=True), so it is said here.
    """

    def call(self, inputs, training=None, mask=None):
        return super().call(inputs, training=False, mask=mask)


def make_backbone(batch_norm=keras.layers.BatchNormalization):
    """A small net with every kind of layer the image families have, and statistics that are not the defaults."""
    keras.utils.set_random_seed(7)
    x = inputs = keras.Input((SIZE, SIZE, 3))
    x = keras.layers.Rescaling(1 / 127.5, offset=-1.0)(x)
    x = keras.layers.Conv2D(8, 3, strides=2, padding="same", use_bias=False)(x)
    x = batch_norm()(x)
    x = keras.layers.ReLU(6.0)(x)
    x = keras.layers.DepthwiseConv2D(3, padding="same", use_bias=False)(x)
    x = batch_norm()(x)
    x = keras.layers.ReLU(6.0)(x)
    y = keras.layers.Conv2D(8, 1)(x)
    x = keras.layers.Add()([x, y])
    x = keras.layers.Conv2D(12, 5, strides=2, padding="same", activation="silu")(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    model = keras.Model(inputs, x)
    rng = np.random.default_rng(3)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            n = layer.gamma.shape[0]
            layer.set_weights(
                [
                    rng.uniform(0.8, 1.2, n),
                    rng.normal(0, 0.1, n),
                    rng.normal(0, 0.1, n),
                    rng.uniform(0.05, 0.3, n),
                ]
            )
    return model


def make_pictures(folder):
    rng = np.random.default_rng(11)
    pixels, labels = [], []
    for c in range(CLASSES):
        (folder / f"class_{c}").mkdir(parents=True)
        for i in range(PER_CLASS):
            p = rng.normal(90 + 35 * c, 50, (SIZE, SIZE, 3))
            p[:: c + 2] += 25
            p = np.clip(p, 0, 255).astype(np.uint8)
            Image.fromarray(p).save(folder / f"class_{c}" / f"{i:03d}.png")
            pixels.append(p)
            labels.append(c)
    return np.array(pixels, np.float32), keras.utils.to_categorical(labels, CLASSES)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    root = tmp_path_factory.mktemp("training")
    x, y = make_pictures(root / "data")
    backbone = make_backbone()
    backbone.export(str(root / "backbone"), verbose=False)
    rng = np.random.default_rng(5)
    features = backbone.output_shape[-1]
    head = {
        "head/dense/kernel": rng.normal(0, 0.3, (features, HIDDEN)),
        "head/dense/bias": rng.normal(0, 0.1, HIDDEN),
        "head/predictions/kernel": rng.normal(0, 0.3, (HIDDEN, CLASSES)),
        "head/predictions/bias": rng.normal(0, 0.1, CLASSES),
    }
    head = {k: v.astype(np.float32) for k, v in head.items()}
    np.savez(root / "head.npz", **head)
    return root, x, y, head, backbone.get_weights()


def keras_curve(world, optimizer, epochs, fine_tune=None, smoothing=0.0):
    root, x, y, head, weights = world
    base = make_backbone(GuideBatchNorm)
    base.set_weights(weights)
    base.trainable = False
    inputs = keras.Input((SIZE, SIZE, 3))
    hidden = keras.layers.Dense(HIDDEN, activation="relu")
    last = keras.layers.Dense(CLASSES, activation="softmax")
    model = keras.Model(inputs, last(hidden(base(inputs, training=False))))
    hidden.set_weights([head["head/dense/kernel"], head["head/dense/bias"]])
    last.set_weights([head["head/predictions/kernel"], head["head/predictions/bias"]])
    loss = keras.losses.CategoricalCrossentropy(label_smoothing=smoothing)
    model.compile(optimizer, loss)
    curve = model.fit(x, y, batch_size=32, epochs=epochs, shuffle=False, verbose=0).history["loss"]
    if fine_tune:
        base.trainable = True
        model.compile(keras.optimizers.Adam(1e-4), loss)
        curve += model.fit(x, y, batch_size=32, epochs=fine_tune, shuffle=False, verbose=0).history["loss"]
    return np.array(curve), model


def graft_curve(world, name, *flags):
    root = world[0]
    out, logs = root / f"model-{name}", root / f"logs-{name}"
    done = graft(
        "train",
        root / "data",
        "--backbone",
        root / "backbone",
        "--out",
        out,
        "--head",
        f"dense:{HIDDEN},relu",
        "--no-shuffle",
        "--initial-head",
        root / "head.npz",
        "--logdir",
        logs,
        "--json",
        *flags,
    )
    events = EventAccumulator(str(logs / "train"), {"tensors": 0})
    events.Reload()
    return (
        np.array([e.tensor_proto.float_val[0] for e in events.Tensors("epoch_loss")]),
        json.loads(done.stdout),
        out,
    )


@pytest.mark.parametrize(
    "flag, make",
    [
        ("adam", lambda: keras.optimizers.Adam(1e-3)),
        ("adamw", lambda: keras.optimizers.AdamW(1e-3)),
        ("sgd:momentum=0.9,nesterov", lambda: keras.optimizers.SGD(1e-3, momentum=0.9, nesterov=True)),
        ("sgd", lambda: keras.optimizers.SGD(1e-3)),
        ("rmsprop", lambda: keras.optimizers.RMSprop(1e-3)),
    ],
)
def test_head_curve(world, flag, make):
    theirs, _ = keras_curve(world, make(), EPOCHS)
    ours, report, _ = graft_curve(
        world, flag.split(":")[0] + str(len(flag)), "--optimizer", flag, "--epochs", EPOCHS
    )
    assert report["epochs"] == EPOCHS
    assert len(ours) == EPOCHS
    assert np.ptp(theirs) > 0.005  # there is a curve to follow
    np.testing.assert_allclose(ours, theirs, atol=TOLERANCE)


def test_label_smoothing(world):
    theirs, _ = keras_curve(world, keras.optimizers.Adam(1e-3), EPOCHS, smoothing=0.1)
    ours, _, _ = graft_curve(world, "smooth", "--epochs", EPOCHS, "--label-smoothing", 0.1)
    np.testing.assert_allclose(ours, theirs, atol=TOLERANCE)


def test_fine_tune_curve_and_model(world):
    """Gradients through the whole backbone, then the written model against Keras' own."""
    import tensorflow as tf

    theirs, model = keras_curve(world, keras.optimizers.Adam(1e-3), 5, fine_tune=5)
    ours, report, out = graft_curve(
        world, "fine", "--epochs", 5, "--fine-tune", "all", "--fine-tune-epochs", 5
    )
    np.testing.assert_allclose(ours, theirs, atol=TOLERANCE)
    x = world[1][::9]
    expected = model.predict(x, verbose=0)
    loaded = tf.saved_model.load(str(out)).signatures["serving_default"]
    (name,) = loaded.structured_input_signature[1]
    (got,) = loaded(**{name: tf.constant(x)}).values()
    np.testing.assert_allclose(got.numpy(), expected, atol=2e-3)
    np.save(world[0] / "x.npy", x)
    graft("run", out, "--input", world[0] / "x.npy", "--output", world[0] / "y.npz")
    with np.load(world[0] / "y.npz") as z:
        np.testing.assert_allclose(z[z.files[0]], got.numpy(), atol=1e-5)


def test_events_have_keras_tags(world):
    root = world[0]
    logs = root / "logs-tags"
    graft(
        "train",
        root / "data",
        "--backbone",
        root / "backbone",
        "--out",
        root / "model-tags",
        "--epochs",
        3,
        "--logdir",
        logs,
        "--validation-split",
        0.2,
        "--json",
    )
    for run in ("train", "validation"):
        events = EventAccumulator(str(logs / run), {"tensors": 0})
        events.Reload()
        tags = set(events.Tags()["tensors"])
        assert {"epoch_loss", "epoch_accuracy"} <= tags
        assert [e.step for e in events.Tensors("epoch_loss")] == [0, 1, 2]


def test_parameters_beside_the_loss(world, tmp_path):
    """Weights of another signature are named and kept, numbers of a Normalization too; all others are trained."""
    import tensorflow as tf

    norm = keras.layers.Normalization(name="scaling")
    norm.adapt(world[1][:32])
    inputs = keras.Input((SIZE, SIZE, 3))
    x = keras.layers.Conv2D(6, 3, strides=2, activation="relu", name="conv")(norm(inputs))
    model = keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(x))
    model.beside = tf.Variable(tf.ones((6, 4)), name="beside")
    archive = keras.export.ExportArchive()
    archive.track(model)
    picture = [tf.TensorSpec((None, SIZE, SIZE, 3), tf.float32)]
    archive.add_endpoint("serving_default", lambda x: model(x, training=False), picture)
    archive.add_endpoint("classes", lambda x: model(x, training=False) @ model.beside, picture)
    archive.write_out(str(tmp_path / "backbone"), verbose=False)
    before = {v.path: v.numpy() for v in model.variables}
    done = graft(
        *("train", world[0] / "data", "--backbone", tmp_path / "backbone", "--out", tmp_path / "out"),
        *("--epochs", 1, "--fine-tune", "all", "--fine-tune-epochs", 1, "--optimizer", "adamw"),
    )
    assert done.stderr.count("the loss does not depend on 'beside'") == 1
    saved = tf.train.load_checkpoint(str(tmp_path / "out" / "variables" / "variables"))

    def after(name):
        (key,) = [k for k in saved.get_variable_to_shape_map() if name in k and "OBJECT" not in k]
        return saved.get_tensor(key)

    for name in ("scaling/mean", "scaling/variance"):
        np.testing.assert_array_equal(after(name), before[name])
    np.testing.assert_array_equal(after("beside"), np.ones((6, 4)))
    for name in ("conv/kernel", "conv/bias"):
        assert np.abs(after(name) - before[name]).max() > 1e-5
