"""A SavedModel of Graft's through TensorFlow's Java API (tensorflow-core-api of Maven Central): the same scores."""

import os
import pathlib
import subprocess

import numpy as np
import pytest

from savedmodel_common import close, run_dir, tool

HERE = pathlib.Path(__file__).resolve().parent / "java"
JARS = pathlib.Path(os.environ.get("GRAFT_SOURCE", HERE.parents[2])) / "build" / "java"

tf = pytest.importorskip("tensorflow")


@pytest.fixture(scope="module")
def jars():
    """TensorFlow for Java and what it needs, fetched by Maven once per build folder."""
    if not list(JARS.glob("tensorflow-core-api-*.jar")):
        subprocess.run(
            [
                "mvn",
                "-q",
                "-B",
                "-f",
                HERE / "pom.xml",
                "dependency:copy-dependencies",
                f"-DoutputDirectory={JARS}",
            ],
            check=True,
            cwd=HERE,
        )
    return f"{JARS}/*"


def test_scores_from_java(jars, tmp_path):
    tool("make", "cnn", tmp_path / "m")
    signature = tf.saved_model.load(str(tmp_path / "m")).signatures["serving_default"]
    ((taken, spec),) = signature.structured_input_signature[1].items()
    shape = [3 if d is None else d for d in spec.shape]
    x = np.random.default_rng(4).uniform(0, 255, shape).astype("<f4")
    x.tofile(tmp_path / "in.bin")
    ours = run_dir(tmp_path / "m", "serving_default", {taken: x}, tmp_path)
    for name in signature.structured_outputs:
        subprocess.run(
            ["java", "-cp", jars, HERE / "LoadModel.java", tmp_path / "m", taken]
            + [tmp_path / "in.bin", ",".join(map(str, shape)), name, tmp_path / "out.bin"],
            check=True,
        )
        theirs = np.fromfile(tmp_path / "out.bin", "<f4").reshape(ours[name].shape)
        assert np.ptp(theirs) > 0
        close(ours[name], theirs, 1e-5)
