"""Variables of a SavedModel as .npz by their names ("stem_conv/kernel"): weights_npz.py SAVEDMODEL OUT.npz

A process of its own, so that TensorFlow does not stand beside PyTorch in one.
"""

import pathlib
import sys

import bench_common  # noqa: F401  (quiet TensorFlow)
import numpy as np
from tensorflow.train import load_checkpoint

SUFFIX = "/.ATTRIBUTES/VARIABLE_VALUE"
reader = load_checkpoint(str(pathlib.Path(sys.argv[1]) / "variables" / "variables"))
keys = [key for key in reader.get_variable_to_shape_map() if key.endswith(SUFFIX) and key.count("/") >= 3]
np.savez(sys.argv[2], **{"/".join(key.removesuffix(SUFFIX).split("/")[-2:]): reader.get_tensor(key) for key in keys})
