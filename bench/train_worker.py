"""One peer's training step in a process of its own: train_worker.py tensorflow|pytorch NET [--batch N] [--threads N]
[--precision f32|bf16] [--frozen]

Every weight learns, batch norms use the batch's statistics, SGD with momentum 0.9, cross-entropy of logits. With
--frozen only the last layer does, and the backbone runs as at inference. Answers as bench_worker.py does; a run is one
step.
"""

import argparse
import json
import os
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import numpy as np

SIZE, RATE, MOMENTUM, CLASSES = 224, 0.001, 0.9, 100


def keras_net(keras, name):
    import pathlib

    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests" / "interop"))
    import nets

    return nets.build(keras, name, SIZE)


def tensorflow_step(o, x, labels):
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(o.threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    import keras

    if o.precision == "bf16":
        keras.mixed_precision.set_global_policy("mixed_bfloat16")
    model = keras_net(keras, o.net)
    for layer in model.layers[:-1] if o.frozen else []:
        layer.trainable = False
    optimizer = keras.optimizers.SGD(RATE, momentum=MOMENTUM)
    optimizer.build(model.trainable_variables)
    held, wanted = tf.constant(x), tf.constant(labels)

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            logits = tf.cast(model(held, training=not o.frozen), tf.float32)
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(wanted, logits))
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables))
        return loss

    return lambda: float(step())


def pytorch_step(o, x, labels):
    """The faster memory layout of the two."""
    import torch

    import torch_nets

    torch.set_num_threads(o.threads)
    wanted = torch.from_numpy(labels).long()

    def make(layout):
        net = torch_nets.NETS[o.net]().to(memory_format=layout)
        held = torch.from_numpy(np.ascontiguousarray(x.transpose(0, 3, 1, 2))).contiguous(
            memory_format=layout
        )
        net.train(not o.frozen)
        backbone, learning = net[:-1], net[-1].parameters() if o.frozen else net.parameters()
        optimizer = torch.optim.SGD(learning, RATE, momentum=MOMENTUM)

        def forward():
            if not o.frozen:
                return net(held)
            with torch.inference_mode():
                features = backbone(held)
            return net[-1](features.clone())

        def step():
            optimizer.zero_grad(set_to_none=True)
            with torch.autocast("cpu", torch.bfloat16, enabled=o.precision == "bf16"):
                loss = torch.nn.functional.cross_entropy(forward().float(), wanted)
            loss.backward()
            optimizer.step()
            return float(loss.detach())

        return step

    def seconds(step):
        step()
        began = time.perf_counter()
        step()
        return time.perf_counter() - began

    forms = {"channels_last": torch.channels_last, "contiguous": torch.contiguous_format}
    times = {name: seconds(make(layout)) for name, layout in forms.items()}
    chosen = min(times, key=times.get)
    return make(forms[chosen])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("peer", choices=["tensorflow", "pytorch"])
    parser.add_argument("net")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--precision", choices=["f32", "bf16"], default="f32")
    parser.add_argument("--frozen", action="store_true")
    o = parser.parse_args()
    rng = np.random.default_rng(7)
    x = rng.uniform(-1, 1, (o.batch, SIZE, SIZE, 3)).astype(np.float32)
    labels = (np.arange(o.batch) * 31 % CLASSES).astype(np.int32)
    step = {"tensorflow": tensorflow_step, "pytorch": pytorch_step}[o.peer](o, x, labels)
    step()
    print(json.dumps({"ready": o.peer}), flush=True)
    for line in sys.stdin:
        warmup, runs = map(int, line.split())
        times = []
        for i in range(warmup + runs):
            began = time.perf_counter_ns()
            loss = step()
            if i >= warmup:
                times.append((time.perf_counter_ns() - began) * 1e-6)
        print(json.dumps({"ms": times, "loss": loss}), flush=True)


main()
