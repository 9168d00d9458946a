"""A peer in a process of its own, so that its threads rest while the others are measured.

    bench_worker.py PEER MODEL --batch N --threads N --input X.npy
    bench_worker.py PEER MODEL... --batch N --input X.npy --outputs FOLDER
    PEER: litert (.tflite), onnxruntime, openvino (.onnx), tensorflow (SavedModel)

Prints one line of JSON when it is ready (the first run is done). Then a line "WARMUP RUNS" on standard input answers
with the milliseconds of each run, and end of file ends it: the lines of `graft bench --blocks`. The second form writes
all outputs of each model into FOLDER/outputs_I.npz and ends.
"""

import argparse
import json
import os
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import numpy as np


def resident_mb():
    for line in open("/proc/self/status"):
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0.0


def quantised(x, detail):
    """Real values as an int8 input wants them, and outputs back."""
    scale, zero = detail["quantization"]
    if detail["dtype"] == np.float32 or x.dtype == detail["dtype"]:
        return x
    limits = np.iinfo(detail["dtype"])
    return np.clip(np.round(x / scale) + zero, limits.min, limits.max).astype(detail["dtype"])


class LiteRT:
    """XNNPACK is its default."""

    def __init__(self, path, batch, threads):
        from ai_edge_litert.interpreter import Interpreter

        self.net = Interpreter(model_path=path, num_threads=threads)
        self.entry = self.net.get_input_details()[0]
        if self.entry["shape"][0] != batch:
            self.net.resize_tensor_input(self.entry["index"], [batch, *self.entry["shape"][1:]])
        self.net.allocate_tensors()
        self.ends = self.net.get_output_details()

    def feed(self, x):
        self.net.set_tensor(self.entry["index"], quantised(x, self.entry))
        return self.net.invoke

    def outputs(self, x):
        batch = int(self.net.get_input_details()[0]["shape"][0])
        parts = []
        for i in range(0, len(x), batch):
            self.feed(x[i : i + batch])()
            parts.append([self.real(end) for end in self.ends])
        return [np.concatenate(p) for p in zip(*parts)]

    def real(self, end):
        y = self.net.get_tensor(end["index"])
        scale, zero = end["quantization"]
        return y if y.dtype == np.float32 else (y.astype(np.float32) - zero) * np.float32(scale)


class OnnxRuntime:
    def __init__(self, path, batch, threads):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.add_free_dimension_override_by_name("batch", batch)
        self.net = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self.entry = self.net.get_inputs()[0].name

    def feed(self, x):
        feeds = {self.entry: x}
        return lambda: self.net.run(None, feeds)

    def outputs(self, x):
        return self.net.run(None, {self.entry: x})


class OpenVINO:
    """Latency mode, float32 said outright: on processors with BF16 it would round without being asked."""

    def __init__(self, path, batch, threads):
        import openvino

        core = openvino.Core()
        model = core.read_model(path)
        shape = list(model.inputs[0].partial_shape)
        model.reshape([batch, *(d.get_length() for d in shape[1:])])
        settings = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": 1,
            "INFERENCE_PRECISION_HINT": "f32",
        }
        self.net = core.compile_model(model, "CPU", settings)
        self.request = self.net.create_infer_request()

    def feed(self, x):
        import openvino

        self.request.set_input_tensor(openvino.Tensor(x))
        return self.request.infer

    def outputs(self, x):
        self.feed(x)()
        return [np.array(self.request.get_output_tensor(i).data) for i in range(len(self.net.outputs))]


class TensorFlow:
    """The signature for one fixed shape, as its own optimiser likes it."""

    def __init__(self, path, batch, threads):
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)
        self.tf, self.loaded = tf, tf.saved_model.load(path)  # variables live as long as what was loaded
        signature = self.loaded.signatures["serving_default"]
        (entry,) = signature.structured_input_signature[1].items()
        shape = tf.TensorSpec([batch, *entry[1].shape[1:]], tf.float32)
        self.function = tf.function(
            lambda x: list(signature(**{entry[0]: x}).values()), input_signature=[shape]
        )

    def feed(self, x):
        held = self.tf.constant(x)
        return lambda: [y.numpy() for y in self.function(held)]  # .numpy() waits for the result

    def outputs(self, x):
        return self.feed(x)()


PEERS = {"litert": LiteRT, "onnxruntime": OnnxRuntime, "openvino": OpenVINO, "tensorflow": TensorFlow}


def timed(run, warmup, runs):
    for _ in range(warmup):
        run()
    times = []
    for _ in range(runs):
        began = time.perf_counter_ns()
        run()
        times.append((time.perf_counter_ns() - began) * 1e-6)
    return times


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("peer", choices=list(PEERS))
    parser.add_argument("models", nargs="+")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--input", required=True)
    parser.add_argument("--outputs")
    o = parser.parse_args()
    x = np.load(o.input)
    if o.outputs:
        for i, model in enumerate(o.models):
            outputs = PEERS[o.peer](model, o.batch, o.threads).outputs(x)
            np.savez(f"{o.outputs}/outputs_{i}.npz", **{f"output_{k}": y for k, y in enumerate(outputs)})
        return
    before = resident_mb()
    began = time.perf_counter()
    peer = PEERS[o.peer](o.models[0], o.batch, o.threads)
    loaded = time.perf_counter()
    run = peer.feed(x)
    run()
    ready = {
        "ready": o.peer,
        "load_ms": (loaded - began) * 1e3,
        "first_run_ms": (time.perf_counter() - loaded) * 1e3,
        "interpreter_mb": before,  # Python, NumPy and the input, before the peer is imported
    }
    print(json.dumps(ready), flush=True)
    for line in sys.stdin:
        print(json.dumps({"ms": timed(run, *map(int, line.split()))}), flush=True)


main()
