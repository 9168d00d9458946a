"""TF.js' converter without its command line: convert.py saved_model|keras none|float16|uint8|uint16 (SOURCE OUT)...

The package imports decision forests and JAX at once, which only their own formats need: empty modules stand in.
"""

import importlib.machinery
import sys
import types

import keras  # noqa: F401  before the stand-ins, so that it does not take them for the real ones
import tensorflow  # noqa: F401


def stand_in(name, **attributes):
    module = types.ModuleType(name)
    module.__spec__ = importlib.machinery.ModuleSpec(name, None)
    module.__path__ = []
    vars(module).update(attributes)
    sys.modules[name] = module
    return module


stand_in("tensorflow_decision_forests")
stand_in("jax")
stand_in("jax.experimental", jax2tf=stand_in("jax.experimental.jax2tf"))

from tensorflowjs.converters import converter, tf_saved_model_conversion_v2  # noqa: E402

kind, quantize, *paths = sys.argv[1:]
types_map = None if quantize == "none" else {quantize: True}
convert = {
    "saved_model": tf_saved_model_conversion_v2.convert_tf_saved_model,
    "keras": converter.dispatch_keras_h5_to_tfjs_layers_model_conversion,
}[kind]
for source, out in zip(paths[::2], paths[1::2]):
    convert(source, out, quantization_dtype_map=types_map)
