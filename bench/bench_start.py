"""The start part of the bench: from the start of a process to the first outputs of a SavedModel on disk."""

import subprocess
import sys
import time

import bench_nets
import bench_stats
import bench_turns
from bench_common import GRAFT, OUT, say

HERE = bench_turns.HERE
NET = "MobileNetV2"


def once(command):
    command = [str(word) for word in command]
    began = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, **bench_turns.child_scheduling)
    ms = (time.perf_counter() - began) * 1000
    if done.returncode != 0:
        sys.exit(f"bench: {' '.join(command)}: {done.stderr.strip()[-500:]}")
    return ms


def run(o):
    net, _ = bench_nets.net(NET, bench_nets.BATCHES)
    feed = bench_nets.feed(net, 1, "float")
    python = [sys.executable, HERE / "bench_worker.py"]
    rest = ["--batch", 1, "--threads", 2, "--input", feed, "--outputs", OUT]
    commands = {
        "graft": [GRAFT, "run", net / "saved_model", "--input", feed, "--output", OUT / "out.npz"],
        "litert": [*python, "litert", net / "float_1.tflite", *rest],
        "tensorflow": [*python, "tensorflow", net / "saved_model", *rest],
    }
    say(f"{NET}: from the start of the process to the first outputs")
    blocks = {name: [] for name in commands if not o.peers or name in o.peers}
    for i in range(o.rounds + 1):
        with bench_turns.quiet([]):
            for name, found in blocks.items():
                ms = once(commands[name])
                if i > 0:  # the first one warms the file cache
                    found.append([ms])
    rows = {name: bench_stats.summary(found) for name, found in blocks.items()}
    entry = {"net": NET, "kind": "start", "batch": 1, "threads": 2, "rows": rows, "outputs": {}}
    o.show(entry)
    return [entry]
