"""EfficientNet-Lite0 up to its feature vector as a PyTorch module, with a SavedModel's weights (weights_npz.py).

Batch norms are folded into the convolutions, as Graft and LiteRT do; tensors are channels_last.
"""

import numpy as np
import torch
import torch.nn.functional as F

# block, kernel, stride, expansion
BLOCKS = [
    ("1a", 3, 1, 1),
    ("2a", 3, 2, 6),
    ("2b", 3, 1, 6),
    ("3a", 5, 2, 6),
    ("3b", 5, 1, 6),
    ("4a", 3, 2, 6),
    ("4b", 3, 1, 6),
    ("4c", 3, 1, 6),
    ("5a", 5, 1, 6),
    ("5b", 5, 1, 6),
    ("5c", 5, 1, 6),
    ("6a", 5, 2, 6),
    ("6b", 5, 1, 6),
    ("6c", 5, 1, 6),
    ("6d", 5, 1, 6),
    ("7a", 3, 1, 6),
]
EPSILON = 1e-3


class Conv(torch.nn.Module):
    """Convolution with TensorFlow's SAME padding, batch norm folded in, ReLU6 on demand."""

    def __init__(self, weights, conv, norm, stride, depthwise, relu):
        super().__init__()
        kernel = next(weights[f"{conv}/{n}"] for n in ("kernel", "depthwise_kernel") if f"{conv}/{n}" in weights)
        kernel = kernel.transpose(2, 3, 0, 1) if depthwise else kernel.transpose(3, 2, 0, 1)
        scale = weights[f"{norm}/gamma"] / np.sqrt(weights[f"{norm}/moving_variance"] + EPSILON)
        shift = weights[f"{norm}/beta"] - weights[f"{norm}/moving_mean"] * scale
        folded = torch.from_numpy(np.ascontiguousarray(kernel * scale[:, None, None, None]))
        self.weight = torch.nn.Parameter(folded.contiguous(memory_format=torch.channels_last), requires_grad=False)
        self.bias = torch.nn.Parameter(torch.from_numpy(shift), requires_grad=False)
        self.k, self.stride, self.relu = kernel.shape[2], stride, relu
        self.groups = kernel.shape[0] if depthwise else 1

    def forward(self, x):
        if self.stride == 1:
            x = F.conv2d(x, self.weight, self.bias, padding=self.k // 2, groups=self.groups)
        else:  # an even side: one row and column more at the end than at the beginning
            total = self.k - self.stride if x.shape[2] % self.stride == 0 else self.k - x.shape[2] % self.stride
            low = total // 2
            x = F.conv2d(
                F.pad(x, (low, total - low, low, total - low)),
                self.weight,
                self.bias,
                self.stride,
                groups=self.groups,
            )
        return F.relu6(x, inplace=True) if self.relu else x


class Block(torch.nn.Module):
    def __init__(self, weights, name, stride, expansion):
        super().__init__()
        parts = []
        if expansion != 1:
            parts.append(Conv(weights, f"block{name}_expand_conv", f"block{name}_expand_bn", 1, False, True))
        parts.append(Conv(weights, f"block{name}_dwconv", f"block{name}_bn", stride, True, True))
        parts.append(Conv(weights, f"block{name}_project_conv", f"block{name}_project_bn", 1, False, False))
        self.parts = torch.nn.Sequential(*parts)
        self.residual = stride == 1 and parts[0].weight.shape[1 if expansion != 1 else 0] == parts[-1].weight.shape[0]

    def forward(self, x):
        return x + self.parts(x) if self.residual else self.parts(x)


class Lite0(torch.nn.Module):
    def __init__(self, weights):
        super().__init__()
        self.stem = Conv(weights, "stem_conv", "stem_bn", 2, False, True)
        self.blocks = torch.nn.Sequential(*[Block(weights, name, s, e) for name, _, s, e in BLOCKS])
        self.top = Conv(weights, "top_conv", "top_bn", 1, False, True)

    def forward(self, x):
        x = (x - 127.0) * (1.0 / 128.0)
        return self.top(self.blocks(self.stem(x))).mean((2, 3))


def read_lite0(path):
    with np.load(path) as z:
        weights = {name: z[name] for name in z.files}
    return Lite0(weights).eval().to(memory_format=torch.channels_last)
