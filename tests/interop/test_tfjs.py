"""TF.js models against the real TF.js 4.22: what Graft writes runs there, what its converter writes runs here.

TF.js runs in Node on its CPU backend, and in Chromium with the page of examples/browser.
"""

import functools
import http.server
import json
import queue
import subprocess
import threading

import numpy as np
import pytest
import savedmodel_common as common
import tfjs_node

KINDS = common.tool("kinds").split()
TOLERANCE = 2e-5
# TF.js takes the steps of the wrong dimensions where a slice both steps and drops one; Graft writes two slices instead
CONVERTER_WRONG = {"moves"}


def graft(*words, ok=True):
    done = subprocess.run([common.GRAFT, *map(str, words)], capture_output=True, text=True)
    assert done.returncode >= 0, done.stderr  # never a crash
    assert (done.returncode == 0) == ok, done.stderr
    return done.stdout if ok else done.stderr


def graft_run(model, x, folder):
    np.savez(folder / "x.npz", **x)
    graft("run", model, "--input", folder / "x.npz", "--output", folder / "y.npz")
    with np.load(folder / "y.npz") as z:
        return {k: z[k] for k in z.files}


def feed(model, batch):
    """Random inputs for the signature in model.json: pictures 0..255, ids 0..49, else normal; unknown dimensions 6."""
    rng = np.random.default_rng(batch)
    x = {}
    for name, info in json.loads((model / "model.json").read_text())["signature"]["inputs"].items():
        dims = [int(d["size"]) for d in info["tensorShape"].get("dim", [])]
        shape = [d if d >= 0 else 6 if i else batch for i, d in enumerate(dims)]
        if "INT" in info["dtype"]:
            x[name] = rng.integers(0, 50, shape).astype(np.int32)
        elif len(shape) == 4 and shape[-1] == 3:
            x[name] = rng.uniform(0, 255, shape).astype(np.float32)
        else:
            x[name] = rng.normal(0, 2, shape).astype(np.float32)
    return x


def compare(ours, theirs):
    assert ours.keys() == theirs.keys()
    for name in ours:
        common.close(ours[name], theirs[name], TOLERANCE)


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """A folder with "KIND-saved" for every kind, and what the converter makes of them, "KIND-real"."""
    folder = tmp_path_factory.mktemp("tfjs")
    for kind in KINDS:
        common.tool("make", kind, folder / f"{kind}-saved")
    tfjs_node.convert_all([(folder / f"{kind}-saved", folder / f"{kind}-real") for kind in KINDS])
    return folder


@pytest.mark.parametrize("kind", KINDS)
def test_written(kind, places, tmp_path):
    graft("convert", places / f"{kind}-saved", tmp_path / "js", "--format", "tfjs")
    for batch in (1, 3):
        x = feed(tmp_path / "js", batch)
        theirs, answer = tfjs_node.run(tmp_path / "js", x)
        compare(common.run_made(kind, x, tmp_path), theirs)  # the model as it was made
        compare(graft_run(tmp_path / "js", x, tmp_path), theirs)  # and as it is read back
    assert answer["version"].startswith("4.")
    card = answer["metadata"]["graft"]
    assert card["format"] == "graft-model"
    assert ("labels" in answer["metadata"]) == (kind == "cnn")


@pytest.mark.parametrize("kind", KINDS)
def test_converted(kind, places, tmp_path):
    model = places / f"{kind}-real"
    x = feed(model, 2)
    ours = graft_run(model, x, tmp_path)
    theirs, _ = tfjs_node.run(model, x)
    if kind in CONVERTER_WRONG:  # against the model as it was made, whose outputs carry other names
        made = common.run_made(kind, x, tmp_path)
        by_shape = [
            dict(enumerate(sorted(y.values(), key=lambda v: (v.shape, v.sum())))) for y in (ours, made)
        ]
        ours, theirs = by_shape
    compare(ours, theirs)


@pytest.mark.parametrize("quantize", ["float16", "uint8", "uint16"])
def test_quantised_weights(quantize, places, tmp_path):
    tfjs_node.convert(places / "cnn-saved", tmp_path / "real", quantize=quantize)
    manifest = json.loads((tmp_path / "real" / "model.json").read_text())["weightsManifest"]
    assert any("quantization" in w for g in manifest for w in g["weights"])
    x = feed(tmp_path / "real", 2)
    theirs, _ = tfjs_node.run(tmp_path / "real", x)
    compare(graft_run(tmp_path / "real", x, tmp_path), theirs)


def keras_net(tf_keras):
    """Keras 2, as the converter takes it: a model within a model, PReLU, a dilated convolution."""
    layers = tf_keras.layers
    inner_in = tf_keras.Input((None, None, 4))
    y = layers.DepthwiseConv2D(3, strides=2, padding="same", depth_multiplier=2, name="dw")(inner_in)
    y = layers.BatchNormalization(name="norm")(y)
    inner = tf_keras.Model(inner_in, layers.ReLU(6.0, name="six")(y), name="inner")
    inputs = x = tf_keras.Input((12, 12, 3), name="picture")
    x = layers.Conv2D(4, 3, dilation_rate=2, activation="relu", name="first")(x)
    x = inner(x)
    x = layers.Conv2D(6, 3, padding="same", use_bias=False, name="second")(x)
    x = layers.PReLU(shared_axes=[1, 2], name="slope")(x)
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    model = tf_keras.Model(inputs, layers.Dense(5, name="scores")(x), name="outer")
    rng = np.random.default_rng(4)
    model.set_weights(
        [np.abs(w + rng.normal(0, 0.3, w.shape)).astype(np.float32) for w in model.get_weights()]
    )
    return model


@pytest.mark.parametrize("kind", ["keras", "saved_model"])
def test_keras_net(kind, tmp_path):
    """The same net as a layers model, and as a graph model with the nodes that the converter joins."""
    import tf_keras

    model = keras_net(tf_keras)
    source = tmp_path / ("net.h5" if kind == "keras" else "saved")
    model.save(source)
    tfjs_node.convert(source, tmp_path / "js", kind)
    x = {"picture": np.random.default_rng(8).normal(0, 1, (3, 12, 12, 3)).astype(np.float32)}
    (theirs,) = tfjs_node.run(tmp_path / "js", x)[0].values()
    (ours,) = graft_run(tmp_path / "js", x, tmp_path).values()
    common.close(ours, theirs, TOLERANCE)
    common.close(ours, model(x["picture"]).numpy(), TOLERANCE)


# ---- in a browser ----

# Added to the page: what it shows is sent back when it shows something final.
REPORT = """<script>
new MutationObserver(() => {
  const state = document.getElementById('state').textContent;
  if (!/ms$|wrong/.test(state)) return;
  const rows = [...document.querySelectorAll('#scores tr')].map(r => [...r.cells].map(c => c.textContent));
  fetch('result', {method: 'POST', body: JSON.stringify({state, rows})});
}).observe(document.getElementById('state'), {childList: true});
</script>"""


class Handler(http.server.SimpleHTTPRequestHandler):
    def __init__(self, *args, answer, **kwargs):
        self.answer = answer
        super().__init__(*args, **kwargs)

    def do_POST(self):
        self.answer.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *args):
        pass


@pytest.fixture
def page(places, tmp_path):
    """The page of examples/browser with a model and TF.js, served: its address, its folder, what it sends back."""
    folder = tmp_path / "page"
    folder.mkdir()
    html = (common.ROOT / "examples" / "browser" / "index.html").read_text()
    (folder / "index.html").write_text(html + REPORT)
    graft("convert", places / "cnn-saved", folder / "model", "--format", "tfjs")
    # @tensorflow/tfjs' tf.min.js is these and more
    parts = ["tfjs-core/dist/tf-core", "tfjs-backend-cpu/dist/tf-backend-cpu"]
    parts += ["tfjs-backend-webgl/dist/tf-backend-webgl", "tfjs-converter/dist/tf-converter"]
    texts = [(tfjs_node.modules() / "@tensorflow" / f"{part}.min.js").read_text() for part in parts]
    (folder / "tf.min.js").write_text("\n".join(texts))
    answer = queue.Queue()
    handler = functools.partial(Handler, directory=folder, answer=answer)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", folder, answer
    server.shutdown()
    thread.join()
    server.server_close()


def test_browser(page, tmp_path):
    from PIL import Image

    url, folder, answer = page
    metadata = json.loads((folder / "model" / "model.json").read_text())["userDefinedMetadata"]
    rule = metadata["graft"]["preprocess"]
    size = (rule["height"], rule["width"], 3)  # no resizing: the browser's is its own
    pixels = np.random.default_rng(2).integers(0, 256, size).astype(np.uint8)
    Image.fromarray(pixels).save(folder / "picture.png")
    command = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--enable-unsafe-swiftshader"]
    command += [f"--user-data-dir={tmp_path}/profile", f"{url}/?picture=picture.png"]
    with open(tmp_path / "chromium.log", "w") as log, subprocess.Popen(
        command, stdout=log, stderr=log
    ) as browser:
        try:
            shown = answer.get(timeout=120)
        except queue.Empty:
            pytest.fail((tmp_path / "chromium.log").read_text()[-2000:])
        finally:
            browser.terminate()
    words = ("predict", folder / "model", folder / "picture.png", "--top", "4", "--json")
    best = json.loads(graft(*words))[0]["predictions"]
    assert [row[0] for row in shown["rows"]] == [p["label"] for p in best], shown
    scores = [float(row[1]) for row in shown["rows"]]
    np.testing.assert_allclose(scores, [p["score"] for p in best], atol=2e-5)
