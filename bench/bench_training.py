"""The training part of the bench: pictures per second and peak memory of whole steps, in turns.

Graft's steps are those of the program train_step_bench (bench/train_step_bench.c), started anew for each block; its
first step, which plans, does not count.
"""

import os
import pathlib
import re
import subprocess
import sys

import bench_nets
import bench_stats
import bench_turns
from bench_common import GRAFT, say

HERE = bench_turns.HERE
NETS = ["MobileNetV2", "EfficientNet-B0", "ResNet-50"]
BATCH, THREADS = 32, 2
TORCH_PYTHON = os.environ.get("BENCH_TORCH_PYTHON", sys.executable)
STEP = re.compile(r"^step (\d+): loss \S+, ([\d.]+) ms", re.MULTILINE)
PEAK = re.compile(r"peak memory ([\d.]+) MB")


def have_torch():
    return subprocess.run([TORCH_PYTHON, "-c", "import torch"], capture_output=True).returncode == 0


class GraftSteps:
    """Answers as a bench_turns.Worker does."""

    def __init__(self, name, model, precision):
        self.name, self.ready, self.peak = name, {}, 0.0
        program = pathlib.Path(GRAFT).parent / "train_step_bench"
        self.command = [
            program,
            model,
            "--batch",
            BATCH,
            "--threads",
            THREADS,
            "--optimizer",
            "sgd:momentum=0.9",
        ]
        self.command += ["--precision", precision] if precision != "f32" else []

    def pids(self):
        return []

    def wait_ready(self):
        self.block(0, 1)

    def rest(self):
        pass

    wake = close = rest

    def block(self, warmup, runs):
        command = [*map(str, self.command), "--steps", str(warmup + runs)]
        done = subprocess.run(command, capture_output=True, text=True, **bench_turns.child_scheduling)
        steps = [float(ms) for _, ms in STEP.findall(done.stdout)][1 + warmup :]
        peak = PEAK.search(done.stdout)
        if done.returncode != 0 or not steps or not peak:
            said = (done.stderr or done.stdout).strip().splitlines()
            raise bench_turns.WorkerEnded(f"{self.name}: {said[-1] if said else 'no steps'}")
        self.peak = max(self.peak, float(peak.group(1)))
        return steps

    def peak_mb(self):
        return self.peak


def frozen_graft(net):
    """The net forward, logits included: what an epoch over a frozen backbone costs without cached features. The last
    layer's own gradient, below a thousandth of the multiply-adds, is not in it; the peers' steps have it."""
    feed = bench_nets.feed(net, BATCH, "float")
    return bench_turns.graft_worker("graft", net / "saved_model", THREADS, feed)


def peers(net, name, precision, frozen, o):
    found = []
    if not o.peers or "graft" in o.peers:
        found.append(frozen_graft(net) if frozen else GraftSteps("graft", net / "saved_model", precision))
    flags = [
        "--batch",
        BATCH,
        "--threads",
        THREADS,
        "--precision",
        precision,
        *(["--frozen"] if frozen else []),
    ]
    for peer, python in (("tensorflow", sys.executable), ("pytorch", TORCH_PYTHON)):
        if o.peers and peer not in o.peers or peer == "pytorch" and not have_torch():
            continue
        found.append(bench_turns.Worker(peer, [python, HERE / "train_worker.py", peer, name, *flags]))
    return found


def run(o):
    entries = []
    for name in [n for n in o.nets if n in NETS]:
        net, facts = bench_nets.net(name, bench_nets.BATCHES)
        for precision, frozen in (("f32", False), ("bf16", False), ("f32", True)):
            kind = "frozen" if frozen else precision
            if kind not in o.training:
                continue
            say(f"{name}, training step, {kind}, batch {BATCH}, {THREADS} threads")
            workers = peers(net, name, precision, frozen, o)
            for _, why in bench_turns.start(workers):
                say(f"  {why}")
            rows = bench_turns.in_turns(workers, min(o.rounds, 3), o.block_seconds)
            for worker in workers:
                worker.close()
            passes = 1 if frozen else 3  # forward, and backward to inputs and to weights
            for row in rows.values():
                row["pictures_per_s"] = BATCH * 1000 / row["median_ms"]
                row["gmac_per_s"] = passes * facts["multiply_adds"] * BATCH / row["min_ms"] * 1e-6
            entry = {
                "net": name,
                "kind": kind,
                "batch": BATCH,
                "threads": THREADS,
                "rows": rows,
                "outputs": {},
            }
            entries.append(entry)
            o.show(entry)
    return entries
