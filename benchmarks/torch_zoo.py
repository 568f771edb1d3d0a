"""ResNet50 and MobileNetV2 in plain torch, layer by layer as ``keras.applications`` has them."""

from __future__ import annotations

from typing import Any


def build(name: str) -> Any:
    """A network with random weights, in evaluation mode.  x: (n, 3, 224, 224) -> probabilities of 1,000 classes"""
    import torch
    from torch import nn

    def conv(n: int, filters: int, size: int = 1, stride: int = 1, groups: int = 1, act: Any = None) -> Any:
        padding = size // 2
        parts = [nn.Conv2d(n, filters, size, stride, padding, groups=groups, bias=False), nn.BatchNorm2d(filters)]
        return nn.Sequential(*parts, *([act] if act else []))

    class Residual(nn.Module):
        def __init__(self, inner: Any, shortcut: Any, act: Any) -> None:
            super().__init__()
            self.inner, self.shortcut, self.act = inner, shortcut, act

        def forward(self, x: Any) -> Any:
            return self.act(self.inner(x) + self.shortcut(x))

    def resnet50() -> Any:
        relu = nn.ReLU()
        parts, n = [conv(3, 64, 7, 2, act=relu), nn.MaxPool2d(3, 2, 1)], 64
        for filters, blocks, first in ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)):
            for i in range(blocks):
                stride = first if i == 0 else 1
                inner = nn.Sequential(
                    conv(n, filters, 1, stride, act=relu),
                    conv(filters, filters, 3, act=relu),
                    conv(filters, 4 * filters),
                )
                shortcut = conv(n, 4 * filters, 1, stride) if i == 0 else nn.Identity()
                parts.append(Residual(inner, shortcut, relu))
                n = 4 * filters
        return nn.Sequential(*parts, *head(n))

    def mobilenet_v2() -> Any:
        relu6 = nn.ReLU6()
        parts, n = [conv(3, 32, 3, 2, act=relu6)], 32
        table = (
            (1, 16, 1, 1),
            (6, 24, 2, 2),
            (6, 32, 3, 2),
            (6, 64, 4, 2),
            (6, 96, 3, 1),
            (6, 160, 3, 2),
            (6, 320, 1, 1),
        )
        for expansion, filters, blocks, first in table:
            for i in range(blocks):
                stride, width = (first if i == 0 else 1), expansion * n
                expand = [conv(n, width, act=relu6)] if expansion > 1 else []
                inner = nn.Sequential(*expand, conv(width, width, 3, stride, width, relu6), conv(width, filters))
                has_shortcut = stride == 1 and n == filters
                parts.append(Residual(inner, nn.Identity(), nn.Identity()) if has_shortcut else inner)
                n = filters
        return nn.Sequential(*parts, conv(n, 1280, act=relu6), *head(1280))

    def head(n: int) -> tuple[Any, ...]:
        return nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(n, 1000), nn.Softmax(-1)

    torch.manual_seed(0)
    return {"ResNet50": resnet50, "MobileNetV2": mobilenet_v2}[name]().eval()
