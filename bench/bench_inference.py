"""The inference part of the bench: outputs compared with TensorFlow's, then times and memory of all peers in turns."""

import json
import subprocess
import sys

import numpy as np

import bench_nets
import bench_stats
import bench_turns
from bench_common import GRAFT, OUT, say

HERE = bench_turns.HERE
# name -> (kind, way to run, model file with the batch filled in)
CASES = {
    "float": {
        "graft": ("graft", "saved_model"),
        "graft-tflite": ("graft", "float_{batch}.tflite"),
        "litert": ("litert", "float_{batch}.tflite"),
        "onnxruntime": ("onnxruntime", "float.onnx"),
        "openvino": ("openvino", "float.onnx"),
        "tensorflow": ("tensorflow", "saved_model"),
    },
    "int8": {
        "graft": ("graft", "int8_{batch}.tflite"),
        "litert": ("litert", "int8_{batch}.tflite"),
        "onnxruntime": ("onnxruntime", "qdq.onnx"),
        "openvino": ("openvino", "qdq.onnx"),
    },
}
TAPS = {
    "graft": "taps.saved_model",
    "graft-tflite": "taps.tflite",
    "litert": "taps.tflite",
    "onnxruntime": "taps.onnx",
    "openvino": "taps.onnx",
    "tensorflow": "taps.saved_model",
}


def chosen(kind, peers):
    return {name: case for name, case in CASES[kind].items() if not peers or name in peers}


def graft_outputs(model, feeds, folder):
    """All outputs of `graft run`, batch after batch."""
    parts = []
    for i, x in enumerate(feeds):
        np.save(folder / "in.npy", x)
        command = [GRAFT, "run", model, "--input", folder / "in.npy", "--output", folder / "out.npz"]
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
        if done.returncode != 0:
            raise bench_turns.WorkerEnded(done.stderr.strip())
        with np.load(folder / "out.npz") as z:
            parts.append([z[name] for name in z.files])
    return [np.concatenate(p) for p in zip(*parts)]


def peer_outputs(peer, models, x_path, count, folder):
    """{model: outputs} from one process."""
    command = [sys.executable, HERE / "bench_worker.py", peer, *models, "--batch", count, "--input", x_path]
    done = subprocess.run([str(w) for w in [*command, "--outputs", folder]], capture_output=True, text=True)
    if done.returncode != 0:
        said = done.stderr.strip().splitlines()
        raise bench_turns.WorkerEnded(said[-1] if said else "without a word")
    found = {}
    for i, model in enumerate(models):
        with np.load(folder / f"outputs_{i}.npz") as z:
            found[model] = [z[name] for name in z.files]
    return found


def dequantise(y, facts):
    scale, zero = facts["int8_output"]
    return (y.astype(np.float32) - zero) * np.float32(scale)


def float_distances(net, way, name, wanted):
    """Logits of the measured file and of the file with taps, as shares of the reference's range."""
    count = len(wanted[0])
    path = bench_nets.feed(net, count, "float")
    model, taps = net / CASES["float"][name][1].format(batch=1), net / TAPS[name]
    x = np.load(path)
    if way == "graft":
        feeds = [x[i : i + 1] for i in range(count)] if model.suffix == ".tflite" else [x]
        logits, inner = graft_outputs(model, feeds, OUT), graft_outputs(taps, [x], OUT)
    else:
        found = peer_outputs(way, [model, taps], path, count, OUT)
        logits, inner = found[model], found[taps]
    inner = bench_stats.match_outputs(inner, wanted)
    return {
        "logits": bench_stats.distance(logits[0], wanted[0]),
        "inner": [bench_stats.distance(ours, theirs) for ours, theirs in zip(inner[1:], wanted[1:])],
    }


def int8_distances(net, facts, peers, wanted):
    """Integer nets lie further from the float one; Graft and LiteRT run the same file and should not differ at all."""
    count, found, steps = len(wanted), {}, {}
    for name, (way, file) in chosen("int8", peers).items():
        model = net / file.format(batch=1)
        if way == "graft":
            x = np.load(bench_nets.feed(net, count, "int8"))
            y = dequantise(graft_outputs(model, [x[i : i + 1] for i in range(count)], OUT)[0], facts)
        else:
            y = peer_outputs(way, [model], bench_nets.feed(net, count, "float"), count, OUT)[model][0]
        found[name] = {"logits": bench_stats.distance(y, wanted)}
        steps[name] = np.round(y / facts["int8_output"][0])
    if "graft" in steps and "litert" in steps:
        apart = np.abs(steps["graft"] - steps["litert"])
        found["graft"]["steps_from_litert"] = int(apart.max())
        found["graft"]["values_apart"] = int((apart > 0).sum())
    return found


def compare(net, facts, kind, peers):
    """{peer: distances}; a peer that cannot run the file says why."""
    with np.load(net / "reference.npz") as z:
        logits = z["all_logits"]
        wanted = [z[f"output_{i}"] for i in range(len(z.files) - 1)]
    if problem := bench_stats.spread_problem(logits):
        sys.exit(f"bench: {facts['name']}: {problem}: such a net hides errors")
    if kind == "int8":
        try:
            return int8_distances(net, facts, peers, wanted[0])
        except bench_turns.WorkerEnded as ended:
            say(f"  outputs not compared: {ended}")
            return {}
    found = {}
    for name, (way, _) in chosen(kind, peers).items():
        try:
            found[name] = float_distances(net, way, name, wanted)
        except bench_turns.WorkerEnded as ended:
            say(f"  {name}: {ended}")
    return found


def measure(net, facts, kind, batch, threads, o):
    """{peer: summary} with the share of a net's multiply-adds per second."""
    workers, refused = [], []
    for name, (way, file) in chosen(kind, o.peers).items():
        model = net / file.format(batch=batch)
        feed = bench_nets.feed(net, batch, "int8" if kind == "int8" and way == "graft" else "float")
        if way == "graft":
            more = ["--precision", o.precision] if o.precision != "f32" and kind == "float" else []
            workers.append(bench_turns.graft_worker(name, model, threads, feed, *more))
        else:
            workers.append(bench_turns.peer_worker(name, way, model, batch, threads, feed))
    refused = bench_turns.start(workers)
    for name, why in refused:
        say(f"  {why}")
    rows = bench_turns.in_turns(workers, o.rounds, o.block_seconds)
    for worker in workers:
        worker.close()
    for row in rows.values():
        row["pictures_per_s"] = batch * 1000 / row["median_ms"]
        row["gmac_per_s"] = facts["multiply_adds"] * batch / row["min_ms"] * 1e-6
    return rows


def run(o):
    """A list of {net, kind, batch, threads, rows, outputs}."""
    found = []
    for name in o.nets:
        batches = [1] if name in bench_nets.LARGE else bench_nets.BATCHES
        net, facts = bench_nets.net(name, batches)
        for kind in o.kinds:
            if kind == "int8" and not facts["int8"]:
                continue
            outputs = compare(net, facts, kind, o.peers) if o.outputs else {}
            for batch in [b for b in o.batches if b in batches]:
                for threads in o.threads:
                    say(f"{name}, {kind}, batch {batch}, {threads} thread" + "s" * (threads > 1))
                    rows = measure(net, facts, kind, batch, threads, o)
                    entry = {"net": name, "kind": kind, "batch": batch, "threads": threads, "rows": rows}
                    entry |= {"multiply_adds": facts["multiply_adds"], "outputs": outputs}
                    found.append(entry)
                    o.show(entry)
    return found
