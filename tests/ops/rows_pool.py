"""The op table: pooling and image resizing, against definitions that visit one window, or one pixel, at a time."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

from dualnet.ops.image import resizing as image
from dualnet.ops.nn import adaptive_pool, pool

from .cases import F, Row, call, other


def windows(n: int, size: int, stride: int, padding: str) -> list[range]:
    """The elements in each window along an axis; those outside are left out."""
    if padding == "valid":
        return [range(i, i + size) for i in range(0, n - size + 1, stride)]
    count = math.ceil(n / stride)
    before = max((count - 1) * stride + size - n, 0) // 2
    return [range(max(i * stride - before, 0), min(i * stride - before + size, n)) for i in range(count)]


def reduced(reduce: Any, x: Any, axes: list[list[range]], data_format: str | None) -> Any:
    """``reduce`` over every box of windows, one at a time."""
    if data_format == "channels_first":
        return np.moveaxis(reduced(reduce, np.moveaxis(x, 1, -1), axes, None), -1, 1)
    y = np.empty((x.shape[0], *map(len, axes), x.shape[-1]))
    for position in itertools.product(*(range(len(a)) for a in axes)):
        box = tuple(slice(a[i].start, a[i].stop) for a, i in zip(axes, position))
        y[(slice(None), *position)] = reduce(x[(slice(None), *box)], axis=tuple(range(1, x.ndim - 1)))
    return y


def spatial(x: Any, data_format: str | None) -> tuple[int, ...]:
    return x.shape[2:] if data_format == "channels_first" else x.shape[1:-1]


def pooled(reduce: Any) -> Any:
    def reference(x: Any, pool_size: Any, strides: Any = None, padding: str = "valid", data_format: Any = None) -> Any:
        lengths = spatial(x, data_format)
        sizes = [pool_size] * len(lengths) if isinstance(pool_size, int) else pool_size
        steps = sizes if strides is None else [strides] * len(lengths) if isinstance(strides, int) else strides
        axes = [windows(n, k, s, padding) for n, k, s in zip(lengths, sizes, steps)]
        return reduced(reduce, x, axes, data_format)

    return reference


def adaptively(reduce: Any) -> Any:
    def reference(x: Any, output_size: Any, data_format: Any = None) -> Any:
        lengths = spatial(x, data_format)
        sizes = [output_size] * len(lengths) if isinstance(output_size, int) else output_size
        axes = [
            [range(math.floor(i * n / o), math.ceil((i + 1) * n / o)) for i in range(o)] for n, o in zip(lengths, sizes)
        ]
        return reduced(reduce, x, axes, data_format)

    return reference


POOLED = [
    call(F((3, 6, 2)), 2),
    call(F((2, 7, 3)), 3, 2),
    call(F((2, 7, 3)), 2, 3, padding="same"),
    call(F((2, 6, 4, 3)), 2),
    call(F((2, 7, 5, 3)), 2),
    call(F((2, 6, 7, 3)), (3, 2), (1, 2)),
    call(F((2, 5, 6, 3)), 3, 2, padding="same"),
    call(F((2, 5, 6, 1)), 4, 1, padding="same"),
    call(F((2, 3, 6, 4)), 2, data_format="channels_first"),
    call(F((2, 3, 5, 4)), (2, 3), 2, padding="same", data_format="channels_first"),
    call(F((2, 5, 4, 3)), 1, 2),
    call(F((2, 4, 5, 6, 2)), 2),
    call(F((2, 2, 4, 3, 5)), (2, 1, 3), 2, padding="same", data_format="channels_first"),
]
ADAPTED = [
    call(F((3, 7, 2)), 3),
    call(F((2, 6, 5, 3)), (3, 2)),
    call(F((2, 3, 4, 5)), 3, data_format="channels_first"),
    call(F((2, 3, 2, 1)), (5, 2)),
    call(F((2, 4, 5, 3, 2)), (2, 3, 3)),
]
POOL = [
    other(pool.max_pool, pooled(np.max), *POOLED),
    other(pool.average_pool, pooled(np.mean), *POOLED),
    other(adaptive_pool.adaptive_max_pool, adaptively(np.max), *ADAPTED),
    other(adaptive_pool.adaptive_average_pool, adaptively(np.mean), *ADAPTED),
]


def kernel(d: float, method: str) -> float:
    """The weight of an element at a distance from the point that is sampled."""
    d = abs(d)
    if method == "bilinear":
        return max(1 - d, 0)
    if method == "bicubic":
        return 1.5 * d**3 - 2.5 * d**2 + 1 if d <= 1 else -0.5 * d**3 + 2.5 * d**2 - 4 * d + 2 if d < 2 else 0
    radius = int(method[-1])
    return (
        0
        if d >= radius
        else 1
        if d == 0
        else radius * math.sin(math.pi * d) * math.sin(math.pi * d / radius) / (math.pi * d) ** 2
    )


def stretched(x: Any, n: int, axis: int, method: str, antialias: bool) -> Any:
    """One axis in another length, element by element."""
    x = np.moveaxis(x, axis, 0)
    ratio = len(x) / n
    width = max(ratio, 1) if antialias else 1
    y = np.empty((n, *x.shape[1:]))
    for i in range(n):
        center = (i + 0.5) * ratio
        if method == "nearest":
            y[i] = x[math.floor(center)]
        else:
            w = np.array([kernel((j + 0.5 - center) / width, method) for j in range(len(x))])
            y[i] = np.tensordot(w / w.sum(), x, 1)
    return np.moveaxis(y, 0, axis)


def resized(
    x: Any,
    size: Any,
    interpolation: str = "bilinear",
    antialias: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    fill_mode: str = "constant",
    fill_value: float = 0.0,
    data_format: str | None = None,
) -> Any:
    if data_format == "channels_first":
        last = resized(
            np.moveaxis(x, -3, -1),
            size,
            interpolation,
            antialias,
            crop_to_aspect_ratio,
            pad_to_aspect_ratio,
            fill_value=fill_value,
        )
        return np.moveaxis(last, -1, -3)
    height, width = x.shape[-3:-1]
    rows, columns = int(width * size[0] / size[1]), int(height * size[1] / size[0])
    if crop_to_aspect_ratio:
        rows, columns = min(height, rows), min(width, columns)
        top, left = (height - rows) // 2, (width - columns) // 2
        x = x[..., top : top + rows, left : left + columns, :]
    if pad_to_aspect_ratio:
        top, left = max(rows - height, 0) // 2, max(columns - width, 0) // 2
        widths = [(0, 0)] * (x.ndim - 3) + [(top, top), (left, left), (0, 0)]
        x = np.pad(x, widths, constant_values=fill_value)
    return stretched(stretched(x, size[0], -3, interpolation, antialias), size[1], -2, interpolation, antialias)


def part(x: Any, size: Any, first: int, method: str, antialias: bool) -> Any:
    return stretched(stretched(x, size[0], first, method, antialias), size[1], first + 1, method, antialias)


IMAGE = [
    other(
        image._resize,
        part,
        call(F((3, 4, 5, 2)), (6, 3), 1, "bilinear", False),
        call(F((4, 3, 2)), (2, 6), 0, "bicubic", True),
    ),
    other(
        image.resize,
        resized,
        call(F((3, 4, 5, 2)), (8, 10)),
        call(F((2, 4, 5, 2)), (3, 7), "nearest"),
        call(F((4, 5, 2)), (7, 3), "bicubic"),
        call(F((4, 5, 2)), (7, 3), "lanczos3"),
        call(F((2, 9, 8, 1)), (5, 4), "lanczos5", antialias=True),
        call(F((2, 3, 4, 5)), (6, 6), data_format="channels_first"),
        call(F((3, 6, 5)), (2, 2), antialias=True, data_format="channels_first"),
        call(F((2, 4, 6, 1)), (5, 5), crop_to_aspect_ratio=True),
        call(F((2, 1, 4, 6)), (5, 5), pad_to_aspect_ratio=True, fill_value=0.5, data_format="channels_first"),
    ),
]

ROWS: list[Row] = POOL + IMAGE
