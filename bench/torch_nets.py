"""MobileNetV2, EfficientNet-B0 and ResNet-50 in PyTorch, layer for layer as Keras has them, ending in logits.

Weights are PyTorch's own random ones: only the time and the memory of a training step are measured. Inputs are NCHW.
"""

import torch
from torch import nn

CLASSES = 100


class ConvNorm(nn.Sequential):
    def __init__(self, inside, outside, kernel, stride=1, groups=1, active=None, bias=False):
        conv = nn.Conv2d(inside, outside, kernel, stride, kernel // 2, groups=groups, bias=bias)
        parts = [conv, nn.BatchNorm2d(outside, eps=1e-3, momentum=0.01)]
        super().__init__(*parts, *([active()] if active else []))


class SqueezeExcite(nn.Module):
    def __init__(self, channels, squeezed):
        super().__init__()
        self.reduce, self.expand = nn.Conv2d(channels, squeezed, 1), nn.Conv2d(squeezed, channels, 1)

    def forward(self, x):
        s = nn.functional.silu(self.reduce(x.mean((2, 3), keepdim=True)))
        return x * torch.sigmoid(self.expand(s))


class InvertedResidual(nn.Module):
    """Expand, depthwise, project; `squeeze` divides the block's own channels (EfficientNet)."""

    def __init__(self, inside, outside, kernel, stride, expand, active, squeeze=0):
        super().__init__()
        middle = inside * expand
        parts = [ConvNorm(inside, middle, 1, active=active)] if expand != 1 else []
        parts.append(ConvNorm(middle, middle, kernel, stride, groups=middle, active=active))
        if squeeze:
            parts.append(SqueezeExcite(middle, max(1, inside // squeeze)))
        parts.append(ConvNorm(middle, outside, 1))
        self.parts = nn.Sequential(*parts)
        self.residual = stride == 1 and inside == outside

    def forward(self, x):
        return x + self.parts(x) if self.residual else self.parts(x)


class Bottleneck(nn.Module):
    """ResNet v1 as Keras has it: the stride lies in the first 1x1, convolutions have a bias."""

    def __init__(self, inside, filters, stride, project):
        super().__init__()
        self.parts = nn.Sequential(
            ConvNorm(inside, filters, 1, stride, active=nn.ReLU, bias=True),
            ConvNorm(filters, filters, 3, active=nn.ReLU, bias=True),
            ConvNorm(filters, 4 * filters, 1, bias=True),
        )
        self.shortcut = ConvNorm(inside, 4 * filters, 1, stride, bias=True) if project else nn.Identity()

    def forward(self, x):
        return torch.relu(self.shortcut(x) + self.parts(x))


def head(channels):
    return [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, CLASSES)]


def mobilenet_v2():
    layers = [ConvNorm(3, 32, 3, 2, active=nn.ReLU6)]
    inside = 32
    stages = [
        (1, 16, 1, 1),
        (6, 24, 2, 2),
        (6, 32, 3, 2),
        (6, 64, 4, 2),
        (6, 96, 3, 1),
        (6, 160, 3, 2),
        (6, 320, 1, 1),
    ]
    for expand, filters, repeats, stride in stages:
        for i in range(repeats):
            layers.append(InvertedResidual(inside, filters, 3, stride if i == 0 else 1, expand, nn.ReLU6))
            inside = filters
    return nn.Sequential(*layers, ConvNorm(inside, 1280, 1, active=nn.ReLU6), *head(1280))


def efficientnet_b0():
    layers = [ConvNorm(3, 32, 3, 2, active=nn.SiLU)]
    inside = 32
    stages = [
        (1, 3, 1, 1, 16),
        (2, 3, 2, 6, 24),
        (2, 5, 2, 6, 40),
        (3, 3, 2, 6, 80),
        (3, 5, 1, 6, 112),
        (4, 5, 2, 6, 192),
        (1, 3, 1, 6, 320),
    ]
    for repeats, kernel, stride, expand, filters in stages:
        for i in range(repeats):
            first = stride if i == 0 else 1
            layers.append(InvertedResidual(inside, filters, kernel, first, expand, nn.SiLU, squeeze=4))
            inside = filters
    return nn.Sequential(*layers, ConvNorm(inside, 1280, 1, active=nn.SiLU), *head(1280))


def resnet_50():
    layers = [ConvNorm(3, 64, 7, 2, active=nn.ReLU, bias=True), nn.MaxPool2d(3, 2, 1)]
    inside = 64
    for filters, repeats, stride in [(64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)]:
        for i in range(repeats):
            layers.append(Bottleneck(inside, filters, stride if i == 0 else 1, i == 0))
            inside = 4 * filters
    return nn.Sequential(*layers, *head(inside))


NETS = {"MobileNetV2": mobilenet_v2, "EfficientNet-B0": efficientnet_b0, "ResNet-50": resnet_50}
