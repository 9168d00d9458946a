"""EfficientNet-Lite0 with its ImageNet weights: Graft beside LiteRT, TensorFlow and PyTorch. See bench/run.

Blocks of runs alternate between the peers; each block begins with runs that do not count. The table gives the median
over blocks of each block's median, and the least time of all; a ratio is the peer's time by Graft's.
"""

import argparse
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import time

import numpy as np

from bench_common import (
    BACKBONE,
    CLASSIFIER,
    GRAFT,
    OUT,
    graft,
    graft_json,
    machine,
    machine_text,
    module,
    ramp,
    read_results,
    run_graft,
    say,
    solar,
    table,
    write_results,
)

HERE = pathlib.Path(__file__).resolve().parent
PARTS = ("latency", "features", "start", "head")
TORCH_PYTHON = os.environ.get("BENCH_TORCH_PYTHON", sys.executable)
NAMES = {"graft": "Graft", "litert": "LiteRT", "tensorflow": "TensorFlow", "torch": "PyTorch"}


class Worker:
    """A peer in its own process (peer_worker.py)."""

    def __init__(self, peer, model, batch, threads):
        python = TORCH_PYTHON if peer == "torch" else sys.executable
        command = [
            python,
            str(HERE / "peer_worker.py"),
            peer,
            str(model),
            "--batch",
            str(batch),
            "--threads",
            str(threads),
        ]
        self.pipe = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.form = self.read().get("form")

    def read(self):
        while line := self.pipe.stdout.readline():
            if line.startswith("{"):
                return json.loads(line)
        sys.exit(f"bench: the peer ended: {' '.join(self.pipe.args)}")

    def ask(self, line):
        self.pipe.stdin.write(line + "\n")
        self.pipe.stdin.flush()
        return self.read()

    def block(self, warmup, runs):
        ms = self.ask(f"{warmup} {runs}")["ms"]
        return {"min_ms": min(ms), "median_ms": statistics.median(ms)}

    def output(self, x):
        OUT.mkdir(parents=True, exist_ok=True)
        np.save(OUT / "peer.npy", x)
        self.ask(f"output {OUT / 'peer.npy'}")
        return np.load(OUT / "peer.out.npy")

    def close(self):
        self.pipe.stdin.close()
        self.pipe.wait()


class Graft:
    def __init__(self, model, batch, threads):
        self.model, self.batch, self.threads = model, batch, threads

    def block(self, warmup, runs):
        r = graft_json(
            "bench", self.model, "--batch", self.batch, "--threads", self.threads, "--runs", runs, "--warmup", warmup
        )
        return {k: r[k] for k in ("min_ms", "median_ms", "peak_rss_mb", "load_ms")}

    def close(self):
        pass


def in_turns(peers, o, runs, warmup):
    """{peer: summary}; the order turns round each time, so that none always follows the same neighbour."""
    blocks = {name: [] for name in peers}
    order = list(peers)
    for i in range(o.blocks):
        for name in order if i % 2 == 0 else reversed(order):
            blocks[name].append(peers[name].block(warmup, runs))
    out = {}
    for name, some in blocks.items():
        out[name] = {
            "min_ms": min(b["min_ms"] for b in some),
            "median_ms": statistics.median(b["median_ms"] for b in some),
            "block_medians_ms": [round(b["median_ms"], 4) for b in some],
        }
        for key in ("peak_rss_mb", "load_ms"):
            if key in some[0]:
                out[name][key] = statistics.median(b[key] for b in some)
    return out


def pictures(count):
    """Smooth made-up pictures that the net does not find alike."""
    from PIL import Image

    rng = np.random.default_rng(17)
    out = []
    for i in range(count):
        coarse = rng.integers(0, 256, (4 + 5 * i % 23, 4 + 3 * i % 19, 3), dtype=np.uint8)
        out.append(np.asarray(Image.fromarray(coarse).resize((224, 224), Image.Resampling.BICUBIC), np.float32))
    return np.stack(out)


def ratio(peer, ours, key="median_ms"):
    return round(peer[key] / ours[key], 3)


def compare_probabilities(ours, theirs):
    """Largest difference of scores, and of logits (known from the scores up to a constant) by their range."""
    a, b = (np.log(np.maximum(p, 1e-30)).astype(np.float64) for p in (ours, theirs))
    a, b = (p - p.mean(1, keepdims=True) for p in (a, b))
    by_range = np.abs(a - b).max(1) / np.ptp(b, 1)
    return {"max_abs_diff": float(np.abs(ours - theirs).max()), "max_logit_diff_by_range": float(by_range.max())}


def compare_features(ours, theirs):
    return {"max_abs_diff": float(np.abs(ours - theirs).max()), "range": float(np.ptp(theirs))}


def make(script, path, target, *more):
    """Runs one of the converters beside this file."""
    OUT.mkdir(parents=True, exist_ok=True)
    target = OUT / target
    made = subprocess.run([sys.executable, HERE / script, path, target, *more], capture_output=True, text=True)
    if made.returncode != 0:
        sys.exit(f"bench: {script} refused {path}\n{made.stderr[-2000:]}")
    return target


def latency(o):
    """The classification module at batch 1 beside LiteRT (float, XNNPACK)."""
    path = module(CLASSIFIER)["path"]
    converted = make("convert_litert.py", path, "lite0_batch1.tflite", "1")
    result, rows = {"model": CLASSIFIER, "batch": 1, "threads": {}}, []
    for threads in o.threads:
        peers = {"graft": Graft(path, 1, threads), "litert": Worker("litert", converted, 1, threads)}
        if threads == o.threads[0]:
            x = pictures(4)
            ours = run_graft(path, x, OUT)
            theirs = np.concatenate([peers["litert"].output(x[i : i + 1]) for i in range(len(x))])
            result["outputs"] = compare_probabilities(ours, theirs)
            say(
                "outputs against LiteRT: max abs difference {max_abs_diff:.3g} of the scores, "
                "{max_logit_diff_by_range:.3g} of the range "
                "of the logits".format(**result["outputs"])
            )
        r = in_turns(peers, o, o.runs, o.warmup)
        for p in peers.values():
            p.close()
        r["ratio_median"] = ratio(r["litert"], r["graft"])
        r["ratio_min"] = ratio(r["litert"], r["graft"], "min_ms")
        result["threads"][str(threads)] = r
        rows.append(
            [
                f"classification, batch 1, {threads} thread" + "s" * (threads > 1),
                *(f"{r[p]['median_ms']:.2f} ({r[p]['min_ms']:.2f})" for p in ("graft", "litert")),
                f"{r['ratio_median']:.2f}",
                f"{r['ratio_min']:.2f}",
            ]
        )
    return result, table(["Lite0 f32, ms: median (min)", "Graft", "LiteRT", "ratio", "ratio of min"], rows)


def have_torch():
    return subprocess.run([TORCH_PYTHON, "-c", "import torch"], capture_output=True).returncode == 0


def features(o):
    """The feature module at batch 32 beside TensorFlow and PyTorch: what the first epoch of training waits for."""
    path = module(BACKBONE)["path"]
    threads, batch = max(o.threads), o.batch
    peers = {"graft": Graft(path, batch, threads), "tensorflow": Worker("tensorflow", path, batch, threads)}
    if have_torch():
        peers["torch"] = Worker("torch", make("weights_npz.py", path, "lite0_weights.npz"), batch, threads)
    x = np.concatenate([pictures(batch - 1), ramp(1)])
    ours = run_graft(path, x, OUT)
    result = {"model": BACKBONE, "batch": batch, "threads": threads, "outputs": {}}
    for name in list(peers)[1:]:
        result["outputs"][name] = compare_features(ours, peers[name].output(x))
        say(
            f"features against {NAMES[name]}: max abs difference "
            + "{max_abs_diff:.3g} of a range of {range:.3g}".format(**result["outputs"][name])
        )
    r = in_turns(peers, o, max(3, o.runs // 10), 1)
    rows = []
    for name in peers:
        peers[name].close()
        r[name]["pictures_per_s"] = round(1000 * batch / r[name]["median_ms"], 1)
        r[name]["ratio_median"] = ratio(r[name], r["graft"])
        r[name]["ratio_min"] = ratio(r[name], r["graft"], "min_ms")
        form = getattr(peers[name], "form", None)
        r[name]["form"] = form
        rows.append(
            [
                NAMES[name] + (f" ({form})" if form else ""),
                f"{r[name]['pictures_per_s']:.1f}",
                f"{1000 * batch / r[name]['min_ms']:.1f}",
                f"{r[name]['ratio_median']:.2f}",
                f"{r[name]['ratio_min']:.2f}",
            ]
        )
    result.update(r)
    return result, table(
        [
            f"Lite0 features, batch {batch}, {threads} threads",
            "pictures/s",
            "best run",
            "time by Graft's",
            "of best runs",
        ],
        rows,
    )


def start(o):
    """From starting the program to a picture's first label, process and loading included."""
    from PIL import Image

    path = module(CLASSIFIER)["path"]
    picture = OUT / "start.jpg"
    Image.fromarray(pictures(1)[0].astype(np.uint8)).save(picture)
    times = []
    for _ in range(max(3, 2 * o.blocks)):
        began = time.perf_counter()
        graft("predict", path, picture, "--top", "1")
        times.append((time.perf_counter() - began) * 1e3)
    r = {"min_ms": min(times), "median_ms": statistics.median(times), "program_bytes": os.path.getsize(GRAFT)}
    return r, table(
        ["start to first prediction", "median ms", "min ms"],
        [["`graft predict` of one picture with Lite0", f"{r['median_ms']:.1f}", f"{r['min_ms']:.1f}"]],
    )


EPOCH = re.compile(r"^head epoch (\d+)/\d+ .*?([\d.]+) s$")


def head(o):
    """Training a head: pictures to cached features once, then epochs that cost what the head costs."""
    data = o.data or solar()
    command = [
        GRAFT,
        "train",
        str(data),
        "--backbone",
        BACKBONE,
        "--out",
        str(OUT / "head_model"),
        "--overwrite",
        "--epochs",
        str(o.epochs),
        "--threads",
        str(max(o.threads)),
    ]
    module(BACKBONE)
    began = time.perf_counter()
    run = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    at, printed, log = [], [], []
    for line in run.stderr:
        log.append(line)
        if found := EPOCH.match(line.strip()):
            at.append(time.perf_counter() - began)
            printed.append(float(found.group(2)))
    text = run.stdout.read()
    if run.wait() != 0 or len(at) < 2:
        sys.exit(f"bench: {' '.join(command)}: exit code {run.returncode}, {len(at)} epochs\n{''.join(log[-5:])}")
    epoch = statistics.median(np.diff(at))
    count = int(re.search(r"trained on (\d+) pictures", text).group(1))
    before = at[0] - epoch
    r = {
        "data": pathlib.Path(data).name,
        "pictures": count,
        "epochs": o.epochs,
        "features_s": before,
        "head_epoch_s": epoch,
        "first_epoch_s": at[0],
        "printed_epoch_s": printed,
        "first_by_later": at[0] / epoch,
        "decode_and_features_per_s": count / before,
    }
    return r, table(
        [f"head on {r['data']}, {count} pictures", "seconds"],
        [
            ["start, decoding and features, once", f"{before:.2f}"],
            ["an epoch of the head after that", f"{epoch:.4f}"],
            ["first epoch by a later one", f"{r['first_by_later']:.0f}x"],
        ],
    )


def parse():
    parser = argparse.ArgumentParser(prog="bench/run", description=__doc__)
    parser.add_argument("--runs", type=int, default=50, help="counted runs in a block (batch 32: a tenth)")
    parser.add_argument("--warmup", type=int, default=5)
    parser.add_argument("--blocks", type=int, default=5)
    parser.add_argument("--threads", type=lambda t: [int(n) for n in t.split(",")], default=[1, 2])
    parser.add_argument("--batch", type=int, default=32, help="of the feature bench")
    parser.add_argument("--epochs", type=int, default=10, help="of the head bench")
    parser.add_argument("--data", help="pictures of the head bench; default: the demo's")
    parser.add_argument(
        "--only", type=lambda t: t.split(","), default=PARTS, help="parts, joined by commas: " + ", ".join(PARTS)
    )
    parser.add_argument("--quick", action="store_true", help="few runs: shows that all works, measures little")
    o = parser.parse_args()
    if unknown := set(o.only) - set(PARTS):
        parser.error(f"no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    if o.quick:
        o.runs, o.blocks, o.epochs = 5, 2, 3
    return o


def main():
    o = parse()
    facts = machine()
    say(machine_text(facts))
    if facts["load_before"] > 0.5:
        say(f"warning: the machine is busy (load {facts['load_before']}); only the ratios mean something")
    results = read_results("results.json")  # parts of earlier runs stay, each with its own machine and date
    for name in o.only:
        result, text = {"latency": latency, "features": features, "start": start, "head": head}[name](o)
        settings = {"runs": o.runs, "warmup": o.warmup, "blocks": o.blocks, "quick": o.quick}
        facts["load_after"] = round(os.getloadavg()[0], 2)
        results[name] = {**result, "machine": dict(facts), "settings": settings, "table": text}
        say("\n" + text)
        written = write_results("results.json", results)
    tables = [
        f"{machine_text(results[name]['machine'])}\n\n{results[name]['table']}\n" for name in PARTS if name in results
    ]
    (OUT / "table.md").write_text("\n".join(tables))
    say(f"\nwritten: {written}, build/bench/table.md")


if __name__ == "__main__":
    main()
