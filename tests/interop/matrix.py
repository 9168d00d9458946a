"""One network through every format, both ways: what Graft and the real tools say of the same files.

"read": a file that the real tool wrote, run by Graft, against the real tool. "written": a file that Graft wrote, run by
the real tool, against the original. Errors are the largest difference of a logit as a part of the logits' range, over
two batches of two sizes.
"""

import json
import os
import pathlib
import subprocess

import numpy as np

import nets
import tfjs_node

ROOT = pathlib.Path(__file__).resolve().parents[2]
RECORDS = ROOT / "build" / "matrix"
GRAFT = pathlib.Path(os.environ.get("GRAFT", ROOT / "build" / "release" / "bin" / "graft"))
FORMATS = ["SavedModel", ".keras", ".h5", ".weights.h5", "TFLite", "TF.js"]
FEEDS = [(1, 128), (3, 96)]  # batch, size
FIXED_FEEDS = [(1, 96), (3, 96)]
SECOND_SIZE = 128  # of nets whose size is fixed while they are built: a second file


def graft(*words):
    done = subprocess.run([GRAFT, *map(str, words)], capture_output=True, text=True)
    assert done.returncode == 0, f"graft {' '.join(map(str, words))}: {done.stderr.strip()}"
    return done.stdout


def run_graft(model, x, folder):
    np.save(folder / "x.npy", x)
    graft("run", model, "--input", folder / "x.npy", "--output", folder / "y.npz")
    with np.load(folder / "y.npz") as z:
        (name,) = z.files
        return z[name]


def gap(ours, theirs):
    assert ours.shape == theirs.shape, (ours.shape, theirs.shape)
    return float(np.abs(ours.astype(np.float64) - theirs).max() / np.ptp(theirs))


def run_lite(path, x):
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path), num_threads=2)
    runner = interpreter.get_signature_runner()
    (name,) = runner.get_input_details()
    (y,) = runner(**{name: x}).values()
    return y


def run_saved_model(path, x):
    import tensorflow as tf

    signature = tf.saved_model.load(str(path)).signatures["serving_default"]
    (name,) = signature.structured_input_signature[1]
    (y,) = signature(**{name: tf.constant(x)}).values()
    return y.numpy()


class Case:
    """A net, the real tools' files of it, and another net of the same shape with other weights."""

    def __init__(self, keras, name, size, folder):
        self.keras, self.name, self.size, self.folder = keras, name, size, folder
        self.model = nets.build(keras, name, size)
        feeds = [(b, size) for b, _ in FIXED_FEEDS] if size else FEEDS
        self.x = [nets.pictures(name, b, s, seed=11 + b) for b, s in feeds]
        self.y = [self.model(x).numpy() for x in self.x]
        nets.check_spread(np.concatenate(self.y))
        self.errors = {}

    def other(self):
        """The same layers, other weights: what weights are loaded into."""
        config = self.model.get_config()
        self.keras.utils.set_random_seed(99)
        return self.keras.Model.from_config(config)

    def cell(self, fmt, way, run):
        try:
            self.errors[fmt, way] = max(gap(run(x), y) for x, y in zip(self.x, self.y))
        except Exception as problem:  # the table is made whole; the test fails on it
            self.errors[fmt, way] = f"{type(problem).__name__}: {problem}"

    # ---- the real tool's file, run by Graft ----

    def read(self):
        import tensorflow as tf

        f = self.folder
        self.model.export(f / "saved", verbose=False)
        self.model.save(f / "net.keras")
        self.model.save(f / "net.h5")
        self.model.save_weights(f / "net.weights.h5")
        self.other().save(f / "other.keras")
        (f / "net.tflite").write_bytes(tf.lite.TFLiteConverter.from_saved_model(str(f / "saved")).convert())
        tfjs_node.convert(f / "saved", f / "net_js")
        files = {
            "SavedModel": "saved",
            ".keras": "net.keras",
            ".h5": "net.h5",
            "TFLite": "net.tflite",
            "TF.js": "net_js",
        }
        for fmt, file in files.items():
            self.cell(fmt, "read", lambda x, file=file: run_graft(f / file, x, f))
        try:
            graft("convert", f / "other.keras", f / "loaded", "--weights", f / "net.weights.h5")
        except AssertionError as problem:
            self.errors[".weights.h5", "read"] = str(problem)
            return
        self.cell(".weights.h5", "read", lambda x: run_graft(f / "loaded", x, f))

    # ---- Graft's file, run by the real tool ----

    def written(self):
        f = self.folder
        made = {
            "SavedModel": (f / "out_saved", lambda p: lambda x: run_saved_model(p, x)),
            ".keras": (f / "out.keras", self.load_whole),
            ".h5": (f / "out.h5", self.load_whole),
            ".weights.h5": (f / "out.weights.h5", self.load_weights),
            "TFLite": (f / "out.tflite", lambda p: lambda x: run_lite(p, x)),
            "TF.js": (f / "out_js", lambda p: lambda x: tfjs_node.run_graph_model(p, x)),
        }
        for fmt, (path, loader) in made.items():
            try:
                words = ["--format", "tfjs"] if fmt == "TF.js" else []
                graft("convert", f / "net.keras", path, *words)
                run = loader(path)
            except Exception as problem:
                self.errors[fmt, "written"] = f"{type(problem).__name__}: {problem}"
                continue
            self.cell(fmt, "written", run)

    def load_whole(self, path):
        model = self.keras.saving.load_model(path, compile=False)
        return lambda x: model(x).numpy()

    def load_weights(self, path):
        model = self.other()
        model.load_weights(path)
        return lambda x: model(x).numpy()


def run_net(keras, name, folder):
    """All cells of a net: {(format, way): error or sentence}."""
    sizes = [FIXED_FEEDS[0][1], SECOND_SIZE] if name in nets.FIXED_SIZE else [None]
    worst = {}
    for size in sizes:
        here = folder / f"{name}-{size or 'any'}"
        here.mkdir()
        case = Case(keras, name, size, here)
        case.read()
        case.written()
        for key, value in case.errors.items():
            before = worst.get(key, -1.0)
            if isinstance(value, str) or not isinstance(before, str) and value > before:
                worst[key] = value
    return worst


def table(results):
    """Markdown: a row for each net, a column for each format, "read / written"."""

    def text(value):
        return f"{value:.1e}" if isinstance(value, float) else "fails"

    lines = ["| net | " + " | ".join(FORMATS) + " |", "|" + "---|" * (len(FORMATS) + 1)]
    for name, errors in results.items():
        cells = [f"{text(errors.get((f, 'read')))} / {text(errors.get((f, 'written')))}" for f in FORMATS]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def record(name, errors):
    """Keeps a net's row for the table."""
    RECORDS.mkdir(parents=True, exist_ok=True)
    (RECORDS / f"{name}.json").write_text(json.dumps([[*key, value] for key, value in errors.items()]))


def main():
    """Prints the table of docs/formats.md from what the last run of test_matrix.py measured."""
    results = {}
    for name in nets.NETS:
        rows = json.loads((RECORDS / f"{name}.json").read_text())
        results[name] = {(fmt, way): value for fmt, way, value in rows}
    print(table(results))


if __name__ == "__main__":
    main()
