"""TF.js itself: its packages from npm in build/interop-js, models run by Node, SavedModels by its converter.

`python3 tests/interop/tfjs_node.py` installs what is needed; the functions here do so too when it is not there.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
JS = ROOT / "tests" / "interop" / "js"
PLACE = ROOT / "build" / "interop-js"
CONVERTER = "tensorflowjs==4.22.0"
DTYPES = {"float32": np.float32, "int32": np.int32, "bool": np.bool_}


def modules():
    """The folder of the npm packages; installed as package-lock.json says unless that has been done."""
    lock = (JS / "package-lock.json").read_bytes()
    done = PLACE / "installed-lock.json"
    if not done.exists() or done.read_bytes() != lock:
        PLACE.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(JS / name, PLACE / name)
        subprocess.run(
            ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=PLACE, check=True, stdout=2
        )
        done.write_bytes(lock)
    return PLACE / "node_modules"


def converter():
    """The folder of the Python package tensorflowjs. It asks for packages that clash with TensorFlow 2.21 and that a
    SavedModel does not need (decision forests, JAX), so it is put apart, alone."""
    place = PLACE / "python"
    done = PLACE / "installed-python.txt"
    if not done.exists() or done.read_text() != CONVERTER:
        shutil.rmtree(place, ignore_errors=True)
        pip = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-deps"]
        subprocess.run([*pip, "--target", place, CONVERTER], check=True, stdout=2)
        done.write_text(CONVERTER)
    return place


def convert_all(pairs, kind="saved_model", quantize="none"):
    """TF.js' own converter: SavedModels ("saved_model") or legacy .h5 ("keras") to folders with model.json.

    pairs: of (source, folder); quantize: "float16", "uint8" or "uint16" for the weights.
    """
    env = dict(os.environ, PYTHONPATH=str(converter()))
    paths = [str(path) for pair in pairs for path in pair]
    command = [sys.executable, str(JS / "convert.py"), kind, quantize, *paths]
    done = subprocess.run(command, capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stderr


def convert(source, out, kind="saved_model", quantize="none"):
    """One of them."""
    convert_all([(source, out)], kind, quantize)


def run(model, inputs, time=False):
    """Outputs by name, and {"metadata", "seconds", "version"}: a model's folder run by TF.js on its CPU backend."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        request = {"inputs": {}, "out": name, "time": time}
        for i, (key, value) in enumerate(inputs.items()):
            file = folder / f"in{i}.bin"
            np.ascontiguousarray(value).tofile(file)
            request["inputs"][key] = {
                "dtype": str(value.dtype),
                "shape": list(value.shape),
                "file": str(file),
            }
        (folder / "request.json").write_text(json.dumps(request))
        command = ["node", JS / "run_model.cjs", model, folder / "request.json", folder / "answer.json"]
        env = dict(os.environ, NODE_PATH=str(modules()))
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True, env=env)
        assert done.returncode == 0, done.stderr
        answer = json.loads((folder / "answer.json").read_text())
        outputs = {
            key: np.fromfile(o["file"], DTYPES[o["dtype"]]).reshape(o["shape"])
            for key, o in answer.pop("outputs").items()
        }
    return outputs, answer


def run_graph_model(model, x):
    """The only output for the only input."""
    outputs, _ = run(model, {"x": x})
    (y,) = outputs.values()
    return y


if __name__ == "__main__":
    modules()
    converter()
