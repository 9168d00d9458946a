"""A .tflite file from a SavedModel by TensorFlow's own converter: convert_litert.py SAVEDMODEL OUT.tflite [BATCH]

With BATCH the picture signature is converted for that batch alone, which spares LiteRT every dynamic tensor.
"""

import sys

import bench_common  # noqa: F401  (quiet TensorFlow)
import tensorflow as tf

source, out = sys.argv[1:3]
if len(sys.argv) > 3:
    loaded = tf.saved_model.load(source)
    signature = loaded.signatures["serving_default"]
    name = next(iter(signature.structured_input_signature[1]))
    function = tf.function(lambda x: signature(**{name: x}))
    fixed = function.get_concrete_function(tf.TensorSpec([int(sys.argv[3]), 224, 224, 3], tf.float32))
    converter = tf.lite.TFLiteConverter.from_concrete_functions([fixed], loaded)
else:
    converter = tf.lite.TFLiteConverter.from_saved_model(source, signature_keys=["serving_default"])
with open(out, "wb") as file:
    file.write(converter.convert())
