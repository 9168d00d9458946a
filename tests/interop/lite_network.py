"""EfficientNet-Lite0..4 as Keras layers, named as Graft's own network: for the tests and for the benches."""

import math

# width, depth, input size (tensorflow/tpu efficientnet/lite/efficientnet_lite_builder.py)
VARIANTS = [(1.0, 1.0, 224), (1.0, 1.1, 240), (1.1, 1.2, 260), (1.2, 1.4, 280), (1.4, 1.8, 300)]
# repeats, kernel, stride, expansion, filters
STAGES = [
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
]


def rounded(filters, width):
    wanted = filters * width
    new = max(8, int(wanted + 4) // 8 * 8)
    return int(new + 8 if new < 0.9 * wanted else new)


def network(keras, variant, classes):
    width, depth, size = VARIANTS[variant]
    layers = keras.layers
    ends = {}

    def norm(x, name):
        return layers.BatchNormalization(epsilon=1e-3, name=name)(x)

    def active(x, name):
        ends[name] = layers.ReLU(6.0, name=name)(x)
        return ends[name]

    def conv(x, filters, kernel, stride, name):
        return layers.Conv2D(filters, kernel, stride, "same", use_bias=False, name=name)(x)

    inputs = keras.Input((size, size, 3))
    x = layers.Rescaling(1 / 128, offset=-127 / 128)(inputs)
    x = active(norm(conv(x, 32, 3, 2, "stem_conv"), "stem_bn"), "stem_activation")
    for s, (repeats, kernel, stride, expand, filters) in enumerate(STAGES):
        if 0 < s < len(STAGES) - 1:
            repeats = math.ceil(depth * repeats)
        for r in range(repeats):
            name = f"block{s + 1}{chr(97 + r)}_"
            first, channels = x, x.shape[-1]
            if expand != 1:
                x = norm(conv(x, channels * expand, 1, 1, name + "expand_conv"), name + "expand_bn")
                x = active(x, name + "expand_activation")
            x = layers.DepthwiseConv2D(
                kernel, stride if r == 0 else 1, "same", use_bias=False, name=name + "dwconv"
            )(x)
            x = active(norm(x, name + "bn"), name + "activation")
            x = norm(conv(x, rounded(filters, width), 1, 1, name + "project_conv"), name + "project_bn")
            ends[name + "project_bn"] = x
            if r > 0 and x.shape[-1] == channels:
                x = ends[name + "add"] = layers.Add(name=name + "add")([x, first])
    x = active(norm(conv(x, 1280, 1, 1, "top_conv"), "top_bn"), "top_activation")
    x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
    if classes:
        x = ends["predictions/BiasAdd"] = layers.Dense(classes, name="predictions")(x)
        x = layers.Softmax(name="probabilities")(x)
    return keras.Model(inputs, [x] + list(ends.values())), ["output"] + list(ends)
