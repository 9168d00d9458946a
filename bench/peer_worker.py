"""A peer in a process of its own, so that its threads rest while the others are measured.

    peer_worker.py litert MODEL.tflite | tensorflow SAVEDMODEL | torch WEIGHTS.npz   --batch N --threads N

Prints one line of JSON when it is ready. Then a line "WARMUP RUNS" on standard input answers with the milliseconds of
each run, a line "output FILE.npy" writes the output for FILE.npy's input beside it as FILE.out.npy, and end of file
ends it.
"""

import argparse
import json
import sys
import time

import numpy as np

from bench_common import ramp

FORM = {}  # what a peer says of how it runs


def make_litert(path, batch, threads):
    from ai_edge_litert.interpreter import Interpreter

    net = Interpreter(model_path=path, num_threads=threads)  # the XNNPACK delegate is the default
    entry = net.get_input_details()[0]["index"]
    if net.get_input_details()[0]["shape"][0] != batch:
        net.resize_tensor_input(entry, [batch, *net.get_input_details()[0]["shape"][1:]])
    net.allocate_tensors()
    leave = net.get_output_details()[0]["index"]

    def run(x):
        net.set_tensor(entry, x)
        net.invoke()
        return net.get_tensor(leave)

    def timed(x):  # the input is in place, as it is for the others
        net.set_tensor(entry, x)
        return net.invoke

    return run, timed


def make_tensorflow(path, batch, threads):
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    loaded = tf.saved_model.load(path)
    signature = loaded.signatures["serving_default"]
    name = next(iter(signature.structured_input_signature[1]))
    function = tf.function(
        lambda x: next(iter(signature(**{name: x}).values())),
        input_signature=[tf.TensorSpec([batch, 224, 224, 3], tf.float32)],
    )

    def run(x):
        return function(tf.constant(x)).numpy()

    def timed(x):
        held = tf.constant(x)
        return lambda: (loaded, function(held).numpy())  # the variables live as long as what was loaded

    return run, timed


def make_torch(path, batch, threads):
    """The fastest here of: channels_last, PyTorch's own layout, and each traced and optimised for inference."""
    import warnings

    import torch
    from torch_lite0 import read_lite0

    warnings.simplefilter("ignore")
    torch.set_num_threads(threads)

    def prepare(x, layout):  # NHWC memory is what channels_last means
        return torch.from_numpy(np.ascontiguousarray(x)).permute(0, 3, 1, 2).contiguous(memory_format=layout)

    def seconds(net, x):
        times = []
        with torch.inference_mode():
            for _ in range(5):
                began = time.perf_counter()
                net(x)
                times.append(time.perf_counter() - began)
        return min(times)

    forms = []
    for layout in (torch.channels_last, torch.contiguous_format):
        net, x = read_lite0(path).to(memory_format=layout), prepare(ramp(batch), layout)
        with torch.inference_mode():
            traced = torch.jit.optimize_for_inference(torch.jit.freeze(torch.jit.trace(net, x)))
        name = str(layout).removeprefix("torch.")
        forms += [(seconds(net, x), net, layout, name), (seconds(traced, x), traced, layout, f"{name}, traced")]
    _, best, layout, FORM["form"] = min(forms, key=lambda f: f[0])

    def run(x):
        with torch.inference_mode():
            return best(prepare(x, layout)).numpy()

    def timed(x):
        held = prepare(x, layout)

        def once():
            with torch.inference_mode():
                best(held)

        return once

    return run, timed


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("peer", choices=["litert", "tensorflow", "torch"])
    parser.add_argument("model")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    o = parser.parse_args()
    make = {"litert": make_litert, "tensorflow": make_tensorflow, "torch": make_torch}[o.peer]
    run, timed = make(o.model, o.batch, o.threads)
    once = timed(ramp(o.batch))
    once()
    print(json.dumps({"ready": o.peer, **FORM}), flush=True)
    for line in sys.stdin:
        words = line.split()
        if words[0] == "output":
            np.save(words[1].removesuffix(".npy") + ".out.npy", run(np.load(words[1])))
            print(json.dumps({"written": True}), flush=True)
            continue
        warmup, runs = map(int, words)
        for _ in range(warmup):
            once()
        times = []
        for _ in range(runs):
            began = time.perf_counter_ns()
            once()
            times.append((time.perf_counter_ns() - began) * 1e-6)
        print(json.dumps({"ms": times}), flush=True)


main()
