"""One net in every format that a peer of the bench reads: make_net.py NAME FOLDER PICTURES.npz BATCH,BATCH...

The net is Keras' own with seeded weights (tests/interop/nets.py), fitted to real pictures. Written into FOLDER:

    saved_model              float32, any batch
    taps.saved_model         the same with five inner tensors as further outputs
    float_B.tflite           float32, for each batch B; taps.tflite as above for the pictures compared
    int8.tflite              full integer, int8 in and out; batch 1, and int8_B.tflite for each other batch
    float.onnx, taps.onnx    float32, any batch, NHWC in
    qdq.onnx                 static QDQ by ONNX Runtime's tool, per channel, calibrated on the same pictures
    x.npy, reference.npz     pictures to compare and TensorFlow's outputs for them: "logits" and the inner tensors
    facts.json               size, multiply-adds, spread, names

A process of its own: TensorFlow keeps what it has taken.
"""

import json
import os
import pathlib
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests" / "interop"))

import numpy as np

import nets
from bench_stats import spread_problem

TAPS = 5
COMPARED = 4  # pictures
CALIBRATION = 64  # pictures


def multiply_adds(keras, model):
    total = 0
    for layer in model.layers:
        if isinstance(layer, keras.layers.SeparableConv2D):
            rows, columns = layer.output.shape[1:3]
            for kernel in (layer.depthwise_kernel, layer.pointwise_kernel):
                total += rows * columns * int(np.prod(kernel.shape))
        elif isinstance(layer, (keras.layers.Conv2D, keras.layers.DepthwiseConv2D)):
            total += int(np.prod(layer.output.shape[1:3])) * int(np.prod(layer.kernel.shape))
        elif isinstance(layer, keras.layers.Dense):
            total += int(np.prod(layer.kernel.shape))
    return total


def inner_tensors(keras, model):
    """Ends of convolutions' batch norms, evenly over the net's depth."""
    norms = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    return [norms[round(i * (len(norms) - 1) / (TAPS - 1))] for i in range(TAPS)]


def frozen(tf, model, size, batch):
    """The net as one graph with its weights as constants; batch None: any."""
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    shape = tf.TensorSpec([batch, size, size, 3], tf.float32, name="images")
    function = tf.function(lambda images: model(images, training=False), input_signature=[shape])
    return convert_variables_to_constants_v2(function.get_concrete_function())


def write_lite(tf, model, size, batch, path, calibration=None):
    converter = tf.lite.TFLiteConverter.from_concrete_functions([frozen(tf, model, size, batch)])
    if calibration is not None:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.int8
        parts = [calibration[i : i + batch] for i in range(0, len(calibration) - batch + 1, batch)]
        converter.representative_dataset = lambda: ([part] for part in parts)
    path.write_bytes(converter.convert())


def quantisation(path):
    """Scale and zero point of what goes in and comes out."""
    from ai_edge_litert.interpreter import Interpreter

    lite = Interpreter(str(path))
    (entry,), (end,) = lite.get_input_details(), lite.get_output_details()
    return {
        f"int8_{name}": [float(q[0]), int(q[1])]
        for name, q in (("input", entry["quantization"]), ("output", end["quantization"]))
    }


def write_onnx(tf, model, size, path):
    import onnx
    import tf2onnx

    function = frozen(tf, model, size, None)
    proto, _ = tf2onnx.convert.from_graph_def(
        function.graph.as_graph_def(),
        input_names=[t.name for t in function.inputs],
        output_names=[t.name for t in function.outputs],
        opset=17,
    )
    # the batch by one name, so that a peer can fix it
    for value in [*proto.graph.input, *proto.graph.output]:
        value.type.tensor_type.shape.dim[0].Clear()
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    onnx.save(proto, str(path))


def write_qdq(source, path, calibration):
    import onnx
    from onnxruntime import quantization
    from onnxruntime.quantization.shape_inference import quant_pre_process

    entry = onnx.load(str(source), load_external_data=False).graph.input[0].name

    class Reader(quantization.CalibrationDataReader):
        def __init__(self):
            self.left = iter([{entry: calibration[i : i + 1]} for i in range(len(calibration))])

        def get_next(self):
            return next(self.left, None)

    flags = pathlib.Path("/proc/cpuinfo").read_text()
    dots = any(word in flags for word in ("avx512_vnni", "avx_vnni", "asimddp"))
    prepared = path.with_suffix(".prepared.onnx")
    quant_pre_process(str(source), str(prepared), skip_symbolic_shape=True)
    quantization.quantize_static(
        str(prepared),
        str(path),
        Reader(),
        quant_format=quantization.QuantFormat.QDQ,
        activation_type=quantization.QuantType.QUInt8,
        weight_type=quantization.QuantType.QInt8,
        per_channel=True,
        reduce_range=not dots,  # without VNNI sums of byte products saturate: ONNX Runtime's advice is 7 bits
    )
    prepared.unlink()


def main():
    name, folder, pictures = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3]
    batches = [int(word) for word in sys.argv[4].split(",")]
    import keras
    import tensorflow as tf

    with np.load(pictures) as z:
        shown = nets.in_range(name, z["fit"] / 255.0)
        x = nets.in_range(name, z["compare"] / 255.0)
    size = x.shape[1]
    folder.mkdir(parents=True, exist_ok=True)
    model = nets.build(keras, name, size, shown=shown[: 48 if size <= 256 else 16])
    taps = inner_tensors(keras, model)
    tapped = keras.Model(model.input, [model.output, *(layer.output for layer in taps)])
    outputs = [part.numpy() for part in tapped(x[:COMPARED], training=False)]
    logits = np.concatenate([model(x[i : i + 8], training=False).numpy() for i in range(0, len(x), 8)])
    if problem := spread_problem(logits):
        sys.exit(f"{name}: {problem}: such a net hides errors")
    np.save(folder / "x.npy", x)
    np.savez(folder / "reference.npz", all_logits=logits, **{f"output_{i}": y for i, y in enumerate(outputs)})
    model.export(str(folder / "saved_model"), format="tf_saved_model", verbose=False)
    tapped.export(str(folder / "taps.saved_model"), format="tf_saved_model", verbose=False)
    for batch in batches:
        write_lite(tf, model, size, batch, folder / f"float_{batch}.tflite")
    write_lite(tf, tapped, size, COMPARED, folder / "taps.tflite")
    write_onnx(tf, model, size, folder / "float.onnx")
    write_onnx(tf, tapped, size, folder / "taps.onnx")
    if size <= 256:
        for batch in batches:
            write_lite(tf, model, size, batch, folder / f"int8_{batch}.tflite", shown[:CALIBRATION])
        write_qdq(folder / "float.onnx", folder / "qdq.onnx", shown[:CALIBRATION])
    facts = {
        **(quantisation(folder / "int8_1.tflite") if size <= 256 else {}),
        "name": name,
        "size": size,
        "multiply_adds": multiply_adds(keras, model),
        "parameters": int(model.count_params()),
        "logits_low": float(logits.min()),
        "logits_high": float(logits.max()),
        "best_classes": len(set(logits.argmax(1).tolist())),
        "taps": [layer.name for layer in taps],
        "int8": size <= 256,
    }
    (folder / "facts.json").write_text(json.dumps(facts, indent=1) + "\n")  # last: says that all is there


main()
