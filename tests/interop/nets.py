"""The eight networks of the format matrix: Keras' own, seeded, with statistics and logits that tell pictures apart.

Weights are random, but batch norm's statistics are those of the pictures (a random net collapses to a constant
otherwise, and hides every error), and the head is scaled so that logits spread over more than +-5 and the best class
differs from picture to picture. The nets end in logits: a softmax would hide errors.
"""

import numpy as np

CLASSES = 100

# name -> (attribute of keras.applications or None, values of a picture)
NETS = {
    "MobileNetV2": ("MobileNetV2", (-1.0, 1.0)),
    "MobileNetV3-Small": ("MobileNetV3Small", (0.0, 255.0)),
    "MobileNetV3-Large": ("MobileNetV3Large", (0.0, 255.0)),
    "EfficientNet-B0": ("EfficientNetB0", (0.0, 255.0)),
    "EfficientNetV2-B0": ("EfficientNetV2B0", (0.0, 255.0)),
    "ResNet-50": ("ResNet50", (-128.0, 128.0)),
    "NASNet-Mobile": ("NASNetMobile", (-1.0, 1.0)),
    "EfficientNet-Lite0": (None, (0.0, 255.0)),
}
LARGE = {"EfficientNet-B7": ("EfficientNetB7", (0.0, 255.0))}  # for the benches only
FIXED_SIZE = {"NASNet-Mobile"}  # its cells compare sizes while they are built


def pictures(name, count, size, seed=3):
    """(count, size, size, 3) float32: patches of colour with noise, in the range the net expects.

    Each picture has a colour, a contrast and a size of patches of its own: a global pool makes pictures of the same
    texture alike.
    """
    rng = np.random.default_rng(seed)
    x = np.empty((count, size, size, 3))
    for i in range(count):
        cells = int(rng.integers(1, 24))
        patches = rng.uniform(0.2, 0.8, 3) + rng.uniform(0.05, 0.8) * rng.normal(0, 1, (cells, cells, 3))
        step = size // cells + 1
        x[i] = patches.repeat(step, 0).repeat(step, 1)[:size, :size]
    x += rng.normal(0, 0.03, x.shape)
    return in_range(name, np.clip(x, 0, 1))


def in_range(name, x):
    """Pictures with values 0..1 in the range that the net expects."""
    low, high = (NETS | LARGE)[name][1]
    return (low + (high - low) * x).astype(np.float32)


def _lite0(keras, inputs):
    from lite_network import network

    full, _ = network(keras, 0, 0)
    features = full.get_layer("avg_pool").output
    small = keras.Model(full.input, features)
    # the same layers on an input of another shape
    return keras.models.clone_model(small, input_tensors=inputs).output


def build(keras, name, size=None, seed=7, shown=None):
    """A flat functional model, (N,size,size,3) or any size -> logits (N,CLASSES).

    `shown` are pictures (in_range) that batch norm's statistics and the head are fitted to, instead of made-up ones.
    """
    keras.utils.set_random_seed(seed)
    attribute, _ = (NETS | LARGE)[name]
    inputs = keras.Input((size, size, 3), name="images")
    if attribute:
        net = getattr(keras.applications, attribute)
        base = net(include_top=False, weights=None, pooling="avg", input_tensor=inputs)
        features = base.output
    else:
        features = _lite0(keras, inputs)
    model = keras.Model(inputs, keras.layers.Dense(CLASSES, name="logits")(features), name="net")
    _settle(keras, model, pictures(name, 16, size or 128) if shown is None else shown)
    return model


def _settle(keras, model, x):
    for layer in model.layers:
        if type(layer) is keras.layers.Conv2D and layer.kernel.shape[2] > 3:
            kernel, *rest = layer.get_weights()
            # what goes in is positive: a mean in the kernel would drown what tells pictures apart
            layer.set_weights([kernel - kernel.mean((0, 1, 2)), *rest])
    norms = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    for layer in norms:
        if layer.name.endswith("_3_bn") or "project" in layer.name.lower():
            # the end of a residual branch: as in trained nets a correction, which keeps rounding from growing
            gamma, *rest = layer.get_weights()
            layer.set_weights([gamma * 0.3, *rest])
    momenta = [layer.momentum for layer in norms]
    for layer in norms:
        layer.momentum = 0.0
    model(x, training=True)
    for layer, momentum in zip(norms, momenta):
        layer.momentum = momentum
        gamma, beta, mean, variance = layer.get_weights()
        # a channel that hardly moves would blow rounding up
        layer.set_weights([gamma, beta, mean, np.maximum(variance, 0.5 * variance.mean())])
    head = model.get_layer("logits")
    kernel, bias = head.get_weights()
    kernel = np.random.default_rng(1).normal(0, 1, kernel.shape).astype(np.float32)
    head.set_weights([kernel, bias])
    logits = model(x).numpy()
    middle = logits.mean(0)  # what all pictures share says nothing
    scale = 8.0 / (logits - middle).std()
    head.set_weights([kernel * scale, bias - middle * scale])


def check_spread(logits):
    """The nets are fit for comparing: else the matrix stops."""
    assert logits.max() > 5 and logits.min() < -5, (logits.min(), logits.max())
    assert len(set(logits.argmax(1))) > 1, "the same best class for every picture"
