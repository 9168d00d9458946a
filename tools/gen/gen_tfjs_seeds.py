#!/usr/bin/env python3
"""Seeds of tests/fuzz/fuzz_tfjs.c: model.json, a zero byte, the only shard.

`python3 tools/gen/gen_tfjs_seeds.py GRAFT SAVEDMODEL_TOOL` (programs of a build) writes tests/fuzz/corpus/tfjs: small
graph models that Graft writes, and models made by hand of what it does not write: quantised weights, a function
library, a layers model.
"""

import json
import pathlib
import struct
import subprocess
import sys
import tempfile

OUT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "fuzz" / "corpus" / "tfjs"
SHARD = "group1-shard1of1.bin"
KINDS = ["conv_epilogue", "depthwise", "pair", "moves", "pools"]


def write(name, model, shard):
    (OUT / name).write_bytes(json.dumps(model, separators=(",", ":")).encode() + b"\0" + shard)


def node(name, op, inputs=(), **attr):
    return {"name": name, "op": op, "input": list(inputs), "attr": attr}


def placeholder(name, *dims):
    shape = {"dim": [{"size": str(d)} for d in dims]}
    return node(name, "Placeholder", dtype={"type": "DT_FLOAT"}, shape={"shape": shape})


def quantised():
    weights = [
        {
            "name": "a",
            "shape": [3],
            "dtype": "float32",
            "quantization": {"dtype": "uint8", "scale": 0.1, "min": -1},
        },
        {"name": "b", "shape": [3], "dtype": "float32", "quantization": {"dtype": "float16"}},
        {
            "name": "c",
            "shape": [],
            "dtype": "int32",
            "quantization": {"dtype": "uint16", "scale": 1, "min": 0},
        },
        {"name": "d", "shape": [2], "dtype": "string"},
    ]
    f32, s32 = {"type": "DT_FLOAT"}, {"type": "DT_INT32"}
    nodes = [
        placeholder("x", -1, 3),
        node("a", "Const", dtype=f32),
        node(
            "b",
            "Const",
            dtype=f32,
            value={"tensor": {"dtype": "DT_FLOAT", "tensorShape": {"dim": [{"size": 3}]}}},
        ),
        node("c", "Const", dtype=s32),
        node(
            "e",
            "Const",
            dtype=f32,
            value={
                "tensor": {
                    "dtype": "DT_FLOAT",
                    "floatVal": ["NaN", 1.5],
                    "tensorShape": {"dim": [{"size": "3"}]},
                }
            },
        ),
        node("m", "Mul", ["x", "a"], T=f32),
        node("p", "Prelu", ["m", "b"], T=f32),
        node("q", "AddV2", ["p", "e"], T=f32),
        node("y", "ExpandDims", ["q", "c"], T=f32, Tdim=s32),
    ]
    shard = bytes([0, 10, 255]) + struct.pack("<3eH", 0.5, -2, 3, 1) + struct.pack("<I2sI", 2, b"ab", 0)
    signature = {
        "inputs": {
            "x": {"name": "x:0", "dtype": "DT_FLOAT", "tensorShape": {"dim": [{"size": "-1"}, {"size": "3"}]}}
        },
        "outputs": {"y": {"name": "y:0"}},
    }
    manifest = [{"paths": [SHARD], "weights": weights}]
    return {
        "format": "graph-model",
        "signature": signature,
        "modelTopology": {"node": nodes},
        "userDefinedMetadata": {"labels": ["one", "two"]},
        "weightsManifest": manifest,
    }, shard


def function():
    f32 = {"type": "DT_FLOAT"}
    body = {
        "signature": {
            "name": "twice",
            "inputArg": [{"name": "v", "type": "DT_FLOAT"}],
            "outputArg": [{"name": "w", "type": "DT_FLOAT"}],
        },
        "nodeDef": [node("sum", "AddV2", ["v", "v"], T=f32)],
        "ret": {"w": "sum:z:0"},
    }
    call = node(
        "call",
        "PartitionedCall",
        ["x"],
        f={"func": {"name": "twice"}},
        Tin={"list": {"type": ["DT_FLOAT"]}},
        Tout={"list": {"type": ["DT_FLOAT"]}},
    )
    nodes = [placeholder("x", 2, 2), call, node("y", "Identity", ["call"], T=f32)]
    return {"modelTopology": {"node": nodes, "library": {"function": [body]}}, "weightsManifest": []}, b""


def layers():
    config = [
        {
            "class_name": "Conv2D",
            "config": {
                "name": "conv",
                "batch_input_shape": [None, 5, 5, 2],
                "filters": 3,
                "kernel_size": [3, 3],
                "strides": [1, 1],
                "padding": "same",
                "use_bias": True,
                "activation": "relu",
                "dtype": "float32",
            },
        },
        {"class_name": "Flatten", "config": {"name": "flat"}},
        {
            "class_name": "Dense",
            "config": {"name": "dense", "units": 2, "use_bias": False, "activation": "softmax"},
        },
    ]
    topology = {
        "keras_version": "2.4.0",
        "model_config": {"class_name": "Sequential", "config": {"name": "net", "layers": config}},
    }
    weights = [
        {"name": "conv/kernel", "shape": [3, 3, 2, 3], "dtype": "float32"},
        {"name": "conv/bias", "shape": [3], "dtype": "float32"},
        {
            "name": "dense/kernel",
            "shape": [75, 2],
            "dtype": "float32",
            "quantization": {"dtype": "uint8", "scale": 0.01, "min": -1},
        },
    ]
    shard = struct.pack("<57f", *(0.01 * i for i in range(57))) + bytes(range(150))
    return {
        "format": "layers-model",
        "modelTopology": topology,
        "weightsManifest": [{"paths": [SHARD], "weights": weights}],
    }, shard


def written(graft, tool, kind):
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        subprocess.run([tool, "make", kind, folder / "saved"], check=True)
        subprocess.run(
            [graft, "convert", folder / "saved", folder / "js", "--format", "tfjs"], check=True, stdout=2
        )
        shard = folder / "js" / SHARD
        return json.loads((folder / "js" / "model.json").read_text()), (
            shard.read_bytes() if shard.exists() else b""
        )


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    for kind in KINDS:
        write(kind, *written(sys.argv[1], sys.argv[2], kind))
    write("quantised", *quantised())
    write("function", *function())
    write("layers", *layers())


if __name__ == "__main__":
    main()
