"""Small quantised .tflite files with every scale chosen, and LiteRT's answer to them."""

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

OP = schema.BuiltinOperator
KIND = schema.BuiltinOptions
ACTIVATION = schema.ActivationFunctionType
TYPES = {
    np.dtype(np.int8): schema.TensorType.INT8,
    np.dtype(np.uint8): schema.TensorType.UINT8,
    np.dtype(np.int16): schema.TensorType.INT16,
    np.dtype(np.int32): schema.TensorType.INT32,
    np.dtype(np.float32): schema.TensorType.FLOAT32,
}


class File:
    """One subgraph; tensors are numbers, operators are added in the order in which they run."""

    def __init__(self):
        self.model = schema.ModelT()
        self.model.version = 3
        self.model.buffers = [schema.BufferT()]
        self.model.operatorCodes = []
        self.graph = schema.SubGraphT()
        self.graph.tensors, self.graph.operators = [], []
        self.graph.inputs, self.graph.outputs = [], []
        self.model.subgraphs = [self.graph]

    def tensor(self, name, shape, dtype, scale=None, zero=0, data=None, axis=0):
        t = schema.TensorT()
        t.name, t.shape, t.type, t.buffer = name, list(shape), TYPES[np.dtype(dtype)], 0
        if data is not None:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(np.ascontiguousarray(data).tobytes(), np.uint8)
            self.model.buffers.append(buffer)
            t.buffer = len(self.model.buffers) - 1
        if scale is not None:
            q = schema.QuantizationParametersT()
            q.scale = np.atleast_1d(np.asarray(scale, np.float32))
            q.zeroPoint = np.broadcast_to(np.asarray(zero, np.int64), q.scale.shape).copy()
            q.quantizedDimension = axis
            t.quantization = q
        self.graph.tensors.append(t)
        return len(self.graph.tensors) - 1

    def input(self, *words, **more):
        self.graph.inputs.append(self.tensor(*words, **more))
        return self.graph.inputs[-1]

    def constant(self, name, data, scale=None, zero=0, axis=0):
        return self.tensor(name, data.shape, data.dtype, scale, zero, data, axis)

    def operator(self, code, inputs, outputs, version=1, options=None):
        c = schema.OperatorCodeT()
        c.builtinCode, c.deprecatedBuiltinCode, c.version = code, min(code, 127), version
        self.model.operatorCodes.append(c)
        o = schema.OperatorT()
        o.opcodeIndex = len(self.model.operatorCodes) - 1
        o.inputs, o.outputs = list(inputs), list(outputs)
        o.builtinOptionsType = 0
        if options is not None:
            o.builtinOptionsType = getattr(KIND, type(options).__name__[:-1])
            o.builtinOptions = options
        self.graph.operators.append(o)

    def save(self, path, outputs):
        self.graph.outputs = list(outputs)
        signature = schema.SignatureDefT()
        signature.signatureKey, signature.subgraphIndex = "serving_default", 0
        signature.inputs = [self.binding(i) for i in self.graph.inputs]
        signature.outputs = [self.binding(i) for i in outputs]
        self.model.signatureDefs = [signature]
        builder = flatbuffers.Builder(1024)
        builder.Finish(self.model.Pack(builder), b"TFL3")
        path.write_bytes(bytes(builder.Output()))
        return path

    def binding(self, index):
        entry = schema.TensorMapT()
        entry.name, entry.tensorIndex = self.graph.tensors[index].name, index
        return entry


def options(name, **fields):
    o = getattr(schema, name + "OptionsT")()
    for key, value in fields.items():
        assert hasattr(o, key), key
        setattr(o, key, value)
    return o


def limits(dtype):
    i = np.iinfo(dtype)
    return int(i.min), int(i.max)


def random_params(rng, dtype, low=-2.5, high=-0.5):
    first, last = limits(dtype)
    return np.float32(10 ** rng.uniform(low, high)), int(rng.integers(first, last + 1))


def random_integers(rng, dtype, shape):
    first, last = limits(dtype)
    return rng.integers(first, last + 1, shape).astype(dtype)


def litert(path, inputs):
    """The default interpreter, which hands what it can to XNNPACK."""
    runner = Interpreter(str(path), num_threads=1).get_signature_runner()
    return runner(**inputs)
