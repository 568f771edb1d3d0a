"""Convolutions and pooling. ONNX has the channels first: others are transposed before and after."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...ops.nn._windows import data_format_of, overhang, padding_of, per_axis
from ..errors import ExportError
from ..sizes import Size
from .activation import activated
from .graph import Graph, T, exporter


def channels_first(g: Graph, x: T, already: bool) -> T:
    """(batch, spatial..., channels) as (batch, channels, spatial...)"""
    return x if already else g.transpose(x, [0, x.rank - 1, *range(1, x.rank - 1)])


def channels_last(g: Graph, x: T, rank: int, first: bool) -> T:
    """The way back, unless the channels are to stay ``first``."""
    return x if first else g.transpose(x, [0, *range(2, rank), 1])


def _pads(pairs: Sequence[tuple[Any, Any]], lengths: Sequence[Any] = (), strides: Sequence[int] = ()) -> dict[str, Any]:
    """The padding as attributes. With strides over an axis of unknown length "same" depends on the length: the runtime computes it."""
    depends = any(
        isinstance(n, Size) and stride > 1 and after != 0 for n, stride, (_, after) in zip(lengths, strides, pairs)
    )
    if depends or any(isinstance(n, Size) for pair in pairs for n in pair):
        return {"auto_pad": "SAME_UPPER"}
    return {"pads": [a for a, _ in pairs] + [b for _, b in pairs]}


@exporter("_conv")
def conv(
    g: Graph, x: T, kernel: T, bias: T | None, plan: Any, channels_first: bool, depthwise: bool, activation: str
) -> T:
    taps, (per_group, filters) = kernel.shape[:-2], kernel.shape[-2:]
    if depthwise:
        kernel = g.reshape_constant(kernel, (*taps, 1, per_group * filters))
        per_group = 1
    rank, channels = x.rank, x.shape[1 if channels_first else -1]
    n, lengths = len(taps), x.shape[2:] if channels_first else x.shape[1:-1]
    w = g.cast(g.transpose(kernel, [n + 1, n, *range(n)]), "float32")  # there are no kernels for float64
    y = g.op(
        "Conv", g.cast(_first(g, x, channels_first), "float32"), w, None if bias is None else g.cast(bias, "float32"),
        strides=list(plan.strides), dilations=list(plan.dilation), group=channels // per_group,
        kernel_shape=list(taps), **_pads(plan.padding, lengths, plan.strides),
    )  # fmt: skip
    return _finished(g, y, activation, rank, channels_first)


def _first(g: Graph, x: T, already: bool) -> T:
    return channels_first(g, x, already)


def _finished(g: Graph, y: T, activation: str | None, rank: int, first: bool) -> T:
    return channels_last(g, activated(g, y, activation), rank, first)


@exporter("_conv_transpose")
def conv_transpose(g: Graph, x: T, kernel: T, bias: T | None, plan: Any, channels_first: bool, activation: str) -> T:
    n, rank = len(kernel.shape) - 2, x.rank
    w = g.cast(g.transpose(kernel, [n + 1, n, *range(n)]), "float32")
    crops = [(before, max(after, 0)) for before, after in plan.padding]
    missing = [max(-after, 0) for _, after in plan.padding]  # zeros at the end
    b = None if bias is None else g.cast(bias, "float32")
    y = g.op(
        "ConvTranspose", g.cast(_first(g, x, channels_first), "float32"), w, None if any(missing) else b,
        strides=list(plan.strides), dilations=list(plan.dilation), kernel_shape=list(kernel.shape[:-2]), **_pads(crops),
    )  # fmt: skip
    if any(missing):
        y = g.op("Pad", y, g.ints([0] * (n + 2) + [0, 0, *missing]))
        y = y if b is None else g.op("Add", y, g.op("Reshape", b, g.ints([-1] + [1] * n)))
    return _finished(g, y, activation, rank, channels_first)


# -- pooling ------------------------------------------------------------------------------------------------------------


def _pool(
    g: Graph, kind: str, x: T, pool_size: Any, strides: Any, padding: str, data_format: Any, **attributes: Any
) -> T:
    rank, first = x.rank, data_format_of("pool", data_format) == "channels_first"
    sizes = per_axis("pool", "pool_size", pool_size, rank - 2)
    steps = sizes if strides is None else per_axis("pool", "strides", strides, rank - 2)
    lengths = x.shape[2:] if first else x.shape[1:-1]
    padding = padding_of("pool", padding)
    # Of an axis of unknown length, what hangs over for one of the lengths: with strides it is left to the runtime.
    known = [
        overhang(n.samples[0] if isinstance(n, Size) else n, k, s, padding) for n, k, s in zip(lengths, sizes, steps)
    ]
    pads = _pads([(a, 1) for a, _ in known], lengths, steps) if padding == "same" else {}
    pads = pads if "auto_pad" in pads else _pads(known)
    y = g.op(kind, _first(g, x, first), kernel_shape=list(sizes), strides=list(steps), **pads, **attributes)
    return channels_last(g, y, rank, first)


@exporter("max_pool")
def max_pool(g: Graph, x: T, **options: Any) -> T:
    if x.dtype != "float64":
        inner = "float32" if x.dtype in ("float32", "float16") else "float64"
        x = T(g.cast(x, inner).name, inner, x.shape)
    return _pool(g, "MaxPool", x, **options)


@exporter("average_pool")
def average_pool(g: Graph, x: T, **options: Any) -> T:
    return _pool(g, "AveragePool", T(g.cast(x, "float32").name, "float32", x.shape), count_include_pad=0, **options)


@exporter("adaptive_average_pool", "adaptive_max_pool")
def adaptive_pool(g: Graph, x: T, output_size: Any, data_format: Any) -> T:
    """Windows of different sizes: each axis is reduced window by window, or all at once where they are alike."""
    first = 2 if data_format_of("pool", data_format) == "channels_first" else 1
    kind = "ReduceMean" if "average" in g.call.name else "ReduceMax"
    x = T(g.wide(g.floating(x)).name, g.wide(g.floating(x)).dtype, x.shape)
    shape, y = x.shape, x
    for axis, size in enumerate(per_axis("pool", "output_size", output_size, x.rank - 2), first):
        n = shape[axis]
        if isinstance(n, Size):
            if size != 1:
                raise ExportError(f"{g.call.where} of an axis of unknown length is not exported to ONNX")
            y = g.reduce(kind, y, [axis], keepdims=True)
            continue
        bounds = [(i * n // size, -(-(i + 1) * n // size)) for i in range(size)]
        parts = [
            g.reduce(kind, g.op("Slice", y, g.ints([a]), g.ints([b]), g.ints([axis])), [axis], keepdims=True)
            for a, b in bounds
        ]
        y = parts[0] if size == 1 else g.op("Concat", *parts, axis=axis)
    return y


# -- images -------------------------------------------------------------------------------------------------------------


@exporter("_resize")
def resize(g: Graph, x: T, size: Any, first: int, method: str, antialias: bool) -> T:
    """Resized by matrices where the sizes are known, which gives the same numbers, else by ``Resize``."""
    from dualnet_backends import get

    from ...ops.image.resizing import _weights

    dtype, shape = x.dtype, x.shape
    y = T(g.wide(x).name, g.wide(x).dtype, shape)
    if any(isinstance(n, Size) for n in (*size, *shape[first : first + 2])):
        modes = {"nearest": "nearest", "bilinear": "linear", "bicubic": "cubic"}
        if method not in modes:
            raise ExportError(f"{g.call.where} with {method!r} of images of unknown size is not exported to ONNX")
        y = _resized(g, y, size, first, modes[method], antialias)
    else:
        for axis, n in zip((first, first + 1), size):
            w = np.asarray(_weights(get("cpu"), shape[axis], n, method, antialias, "float32"))
            if method == "nearest":
                y = g.op("Gather", y, g.ints(w.argmax(axis=1)), axis=axis)
            else:
                order = [a for a in range(len(shape)) if a != axis] + [axis]
                back = [order.index(a) for a in range(len(shape))]
                y = g.transpose(g.op("MatMul", g.transpose(T(y.name, y.dtype, shape), order), g.constant(w.T)), back)
    if dtype.startswith(("int", "uint")):
        limits = np.iinfo(dtype)
        y = g.binary("Max", g.binary("Min", g.op("Round", y), float(limits.max)), float(limits.min))
    elif dtype == "bool":
        y = g.op("Round", y)
    return y


def _resized(g: Graph, x: T, size: Any, first: int, mode: str, antialias: bool) -> T:
    rank = x.rank
    order = [a for a in range(rank) if a not in (first, first + 1)] + [first, first + 1]
    back = [order.index(a) for a in range(rank)]
    target = g.shape([*(x.shape[a] for a in order[:-2]), *size])
    y = g.op(
        "Resize", g.transpose(x, order), None, None, target, mode=mode, coordinate_transformation_mode="half_pixel",
        nearest_mode="round_prefer_ceil" if mode == "nearest" else None, cubic_coeff_a=-0.5 if mode == "cubic" else None,
        exclude_outside=int(mode == "cubic"), antialias=int(antialias and mode != "nearest"),
    )  # fmt: skip
    return g.transpose(y, back)
