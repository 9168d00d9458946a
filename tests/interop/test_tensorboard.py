"""TensorBoard reads the event files Graft writes, in the layout of Keras' callback, across a resumed run."""

import os
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("GRAFT_BUILD", ROOT / "build" / "release"))
BIN = pathlib.Path(os.environ.get("GRAFT_BIN_DIR", BUILD / "bin"))


@pytest.fixture(scope="module")
def logdir(tmp_path_factory):
    path = tmp_path_factory.mktemp("logs")
    for first, last in ((0, 3), (3, 5)):
        subprocess.run([BIN / "formats_tool", "events", path, str(first), str(last)], check=True)
    return path


def test_event_accumulator_sees_every_point(logdir):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.util import tensor_util

    for run, shift, extra in (("train", 0, {"epoch_learning_rate"}), ("validation", 1, set())):
        files = list((logdir / run).glob("events.out.tfevents.*"))
        assert len(files) == 2
        seen = {}
        for file in files:
            accumulator = EventAccumulator(str(file))
            accumulator.Reload()
            assert accumulator.file_version == 2.0
            tags = set(accumulator.Tags()["tensors"])
            assert tags == {"epoch_loss", "epoch_accuracy"} | extra
            for tag in tags:
                assert accumulator.SummaryMetadata(tag).plugin_data.plugin_name == "scalars"
                for event in accumulator.Tensors(tag):
                    value = tensor_util.make_ndarray(event.tensor_proto)
                    assert value.shape == () and value.dtype == "float32"
                    seen[tag, event.step] = float(value)
        for epoch in range(5):
            assert seen["epoch_loss", epoch] == pytest.approx(1 / (epoch + 1 + shift), rel=1e-6)
            assert seen["epoch_accuracy", epoch] == pytest.approx(0.5 + 0.01 * epoch, rel=1e-6)


def test_multiplexer_names_the_runs(logdir):
    from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer

    multiplexer = EventMultiplexer()
    multiplexer.AddRunsFromDirectory(str(logdir))
    multiplexer.Reload()
    assert set(multiplexer.Runs()) == {"train", "validation"}
    assert [e.step for e in multiplexer.Tensors("train", "epoch_loss")] == [0, 1, 2, 3, 4]


def test_tags_are_those_of_keras(logdir, tmp_path):
    keras = pytest.importorskip("keras")
    import numpy as np
    from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer

    model = keras.Sequential([keras.layers.Input((2,)), keras.layers.Dense(2, activation="softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    x, y = np.zeros((8, 2), "f4"), np.zeros(8, "i4")
    model.fit(
        x,
        y,
        validation_data=(x, y),
        epochs=1,
        verbose=0,
        callbacks=[keras.callbacks.TensorBoard(str(tmp_path), write_graph=False)],
    )

    def tags(path):
        m = EventMultiplexer()
        m.AddRunsFromDirectory(str(path))
        m.Reload()
        return {run: set(m.GetAccumulator(run).Tags()["tensors"]) for run in m.Runs()}

    ours, theirs = tags(logdir), tags(tmp_path)
    assert set(ours) == set(theirs)
    for run in ours:
        assert ours[run] <= theirs[run], (run, ours[run], theirs[run])
