"""The nets of the bench on disk: made once for each recipe, kept under build/bench/nets."""

import fcntl
import hashlib
import json
import pathlib
import shutil
import subprocess
import sys

import numpy as np

from bench_common import OUT, ROOT, say, solar

HERE = pathlib.Path(__file__).resolve().parent
QUICK = ["MobileNetV2", "EfficientNet-B0", "ResNet-50"]
ALL = [
    "MobileNetV2",
    "MobileNetV3-Small",
    "MobileNetV3-Large",
    "EfficientNet-B0",
    "EfficientNetV2-B0",
    "ResNet-50",
    "NASNet-Mobile",
    "EfficientNet-Lite0",
]
BATCHES = [1, 32]
LARGE = {"EfficientNet-B7": 600}
RECIPE = [
    "bench/make_net.py",
    "tests/interop/nets.py",
    "tests/interop/lite_network.py",
    "tools/requirements-bench.txt",
]
PICTURES = "shuffled_cells"
FIT, COMPARE = 64, 16  # pictures that a net is fitted to, others that it is compared on


def recipe(name, batches):
    """A hash of what decides about a net's files."""
    h = hashlib.sha256(f"{name} {batches} {PICTURES} {FIT} {COMPARE}".encode())
    for path in RECIPE:
        h.update((ROOT / path).read_bytes())
    return h.hexdigest()[:12]


def write_pictures(size):
    """Real pictures, 0..255: the demo's solar cells, as many of each class."""
    from PIL import Image

    path = OUT / "nets" / f"{PICTURES}_{size}_{FIT}_{COMPARE}.npz"
    if path.exists():
        return path
    classes = sorted(p for p in solar().rglob("*") if p.is_dir() and any(p.glob("*.png")))
    if not classes:
        sys.exit(f"bench: no pictures under {solar()}")
    lists = [sorted(c.glob("*.png")) for c in classes]
    # neighbours are cells of one module: in their order the pictures compared would be unlike those fitted to
    rng = np.random.default_rng(5)
    lists = [[found[i] for i in rng.permutation(len(found))] for found in lists]
    chosen = [found[i] for i in range(min(map(len, lists))) for found in lists][: FIT + COMPARE]
    read = [Image.open(p).convert("RGB").resize((size, size), Image.Resampling.BICUBIC) for p in chosen]
    x = np.stack([np.asarray(picture) for picture in read])
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, fit=x[:FIT], compare=x[FIT:])
    return path


def make(name, folder, batches):
    """Makes a net beside its place, so that half a one is never found there."""
    size, half = LARGE.get(name, 224), folder.with_name(f"{name}.half")
    for old in [half, *folder.parent.glob(f"{name}-????????????")]:
        shutil.rmtree(old, ignore_errors=True)
    say(f"making {name} at {size} x {size} in every format")
    words = [
        sys.executable,
        HERE / "make_net.py",
        name,
        half,
        write_pictures(size),
        ",".join(map(str, batches)),
    ]
    made = subprocess.run([str(word) for word in words], capture_output=True, text=True)
    if made.returncode != 0:
        sys.exit(f"bench: {made.stderr.strip()[-3000:]}")
    half.rename(folder)


def net(name, batches):
    """(folder, facts) of a net, made now if it is not there. Ends the bench when it is not fit for comparing."""
    folder = OUT / "nets" / f"{name}-{recipe(name, batches)}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with open(OUT / "nets" / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "facts.json").exists():
            make(name, folder, batches)
    return folder, json.loads((folder / "facts.json").read_text())


def feed(folder, batch, kind):
    """An .npy of `batch` pictures as the net takes them: kind "float" or "int8"."""
    path = folder / f"x_{kind}_{batch}.npy"
    if not path.exists():
        x = np.load(folder / "x.npy")
        x = np.concatenate([x] * -(-batch // len(x)))[:batch]
        if kind == "int8":
            scale, zero = json.loads((folder / "facts.json").read_text())["int8_input"]
            x = np.clip(np.round(x / scale) + zero, -128, 127).astype(np.int8)
        np.save(path, x)
    return path
