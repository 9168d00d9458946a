#!/usr/bin/env python3
"""Records tests/golden/resize.txt: small resizes by Pillow and TensorFlow, for tests/unit/data/test_resize.c.

The input of h x w pixels is (37 x + 91 y + 53 c + 7 x y) mod 256. A line: flavour, method, antialias, pad or plain,
input h w, output h w, then the values. Pillow's are exact; TensorFlow's are held to 1e-3 (of 255).
Needs pillow and tensorflow:  python3 tests/golden/record_resize.py
"""
import pathlib

import numpy as np
import PIL
import tensorflow as tf
from PIL import Image, ImageOps

SIZES = [((9, 7), (5, 4)), ((5, 6), (8, 9)), ((12, 5), (4, 7)), ((6, 14), (6, 5)), ((3, 3), (3, 3)), ((1, 2), (3, 1))]
PADS = [((9, 7), (6, 6)), ((4, 11), (5, 8))]
PIL_METHODS = {"nearest": 0, "bilinear": 2, "bicubic": 3, "area": 4, "lanczos3": 1}
TF_METHODS = ["nearest", "bilinear", "bicubic", "area", "lanczos3"]


def picture(h, w):
    y, x, c = np.mgrid[0:h, 0:w, 0:3]
    return ((37 * x + 91 * y + 53 * c + 7 * x * y) % 256).astype(np.uint8)


def line(flavour, method, antialias, shape, source, target, values):
    head = f"{flavour} {method} {int(antialias)} {shape} {source[0]} {source[1]} {target[0]} {target[1]}"
    return head + " " + " ".join(f"{v:.6g}" for v in np.asarray(values, np.float64).ravel())


def main():
    out = [f"# pillow {PIL.__version__}, tensorflow {tf.__version__}; made by record_resize.py"]
    for source, target in SIZES:
        a = picture(*source)
        for method, code in PIL_METHODS.items():
            r = Image.fromarray(a).resize(target[::-1], code)
            out.append(line("pil", method, True, "plain", source, target, r))
        for method in TF_METHODS:
            for antialias in (False, True):
                r = tf.image.resize(a, target, method=method, antialias=antialias)
                out.append(line("tf", method, antialias, "plain", source, target, r))
    for source, target in PADS:
        a = picture(*source)
        r = ImageOps.pad(Image.fromarray(a), target[::-1], 3, color=(0, 0, 0))
        out.append(line("pil", "bicubic", True, "pad", source, target, r))
        r = tf.image.resize_with_pad(a, target[0], target[1], method="bilinear")
        out.append(line("tf", "bilinear", False, "pad", source, target, r))
    path = pathlib.Path(__file__).with_name("resize.txt")
    path.write_text("\n".join(out) + "\n")


if __name__ == "__main__":
    main()
