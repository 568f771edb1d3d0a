"""Ops that move elements without changing them: reshape, transpose, join, split, pad."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...ops.shape_rules import pad_pairs
from ..errors import ExportError
from ..sizes import Size
from .graph import Graph, T, exporter


def axis_of(x: T, axis: int) -> int:
    """An axis counted from the front."""
    return axis % x.rank


def axes_of(x: T, axis: int | Sequence[int] | None) -> list[int]:
    """Axes counted from the front; None stands for all."""
    if axis is None:
        return list(range(x.rank))
    return [axis_of(x, a) for a in ([axis] if isinstance(axis, int) else axis)]


def shaped(g: Graph, x: T) -> T:
    """x as it is in the shape of the op's output."""
    return g.reshape(x, g.outputs[0].shape)


@exporter("reshape", "ravel", "expand_dims", "squeeze", "view")
def reshape(g: Graph, x: T, **options: Any) -> T:
    if g.call is not None and g.call.name == "view" and x.dtype != g.out_dtype:
        raise ExportError(
            f"{g.call.where} is not exported to ONNX, which does not read the bytes of one dtype as another"
        )
    return shaped(g, x)


@exporter("transpose")
def transpose(g: Graph, x: T, axes: Sequence[int] | None) -> T:
    return g.transpose(x, [axis_of(x, a) for a in axes] if axes is not None else list(range(x.rank))[::-1])


@exporter("swapaxes")
def swapaxes(g: Graph, x: T, axis1: int, axis2: int) -> T:
    order = list(range(x.rank))
    order[axis1], order[axis2] = order[axis2], order[axis1]
    return g.transpose(x, order)


@exporter("moveaxis")
def moveaxis(g: Graph, x: T, source: Any, destination: Any) -> T:
    first, last = axes_of(x, source), axes_of(x, destination)
    order = [a for a in range(x.rank) if a not in first]
    for at, a in sorted(zip(last, first)):
        order.insert(at, a)
    return g.transpose(x, order)


@exporter("broadcast_to")
def broadcast_to(g: Graph, x: T, shape: Any) -> T:
    return g.expand(x, g.outputs[0].shape)


@exporter("flip")
def flip(g: Graph, x: T, axis: Any) -> T:
    axes = axes_of(x, axis)
    return sliced(g, x, {a: slice(None, None, -1) for a in axes})


def sliced(g: Graph, x: T, slices: dict[int, slice]) -> T:
    """x with a slice along some axes; their bounds may be of any kind that slices of Python have."""
    if not slices:
        return x
    starts, stops, axes, steps = [], [], [], []
    for axis, s in slices.items():
        step = 1 if s.step is None else s.step
        starts.append((0 if step > 0 else 2**62) if s.start is None else s.start)
        stops.append((2**62 if step > 0 else -(2**62)) if s.stop is None else s.stop)
        axes.append(axis)
        steps.append(step)
    return g.op("Slice", x, g.shape(starts), g.shape(stops), g.ints(axes), g.ints(steps))


@exporter("roll")
def roll(g: Graph, x: T, shift: Any, axis: Any) -> T:
    if axis is None:
        flat = T(g.op("Reshape", x, g.ints([-1])).name, x.dtype, (None,))
        return shaped(g, _rolled(g, flat, shift, 0, _product(x.shape)))
    shifts = shift if isinstance(shift, tuple) else (shift,) * len(axes_of(x, axis))
    for n, a in zip(shifts, axes_of(x, axis)):
        x = T(_rolled(g, x, n, a, x.shape[a]).name, x.dtype, x.shape)
    return x


def _product(shape: Any) -> Any:
    return None if any(isinstance(n, Size) for n in shape) else int(np.prod(shape))


def _rolled(g: Graph, x: T, shift: int, axis: int, length: Any) -> T:
    if isinstance(length, int):
        shift = shift % length if length else 0
    if shift == 0:
        return x
    # Of an axis of unknown length, a shift by more than it cannot be told apart: it is taken as it is.
    back, front = sliced(g, x, {axis: slice(-shift, None)}), sliced(g, x, {axis: slice(None, -shift)})
    return g.op("Concat", back, front, axis=axis)


@exporter("_repeat")
def repeat(g: Graph, x: T, repeats: int, axis: int | None) -> T:
    if axis is None:
        x = g.op("Reshape", x, g.ints([-1]))
        return shaped(g, g.op("Expand", g.unsqueeze(x, 1), g.ints([1, repeats])))
    at = axis_of(x, axis)
    times = [1] * (x.rank + 1)
    times[at + 1] = repeats
    return shaped(g, g.op("Expand", _expandable(g, g.unsqueeze(x, at + 1)), g.ints(times)))


def _expandable(g: Graph, x: T) -> T:
    return g.cast(x, "int32") if x.dtype == "bool" else x


@exporter("tile")
def tile(g: Graph, x: T, repeats: Any) -> T:
    times = (repeats,) if isinstance(repeats, (int, Size)) else tuple(repeats)
    rank = max(len(times), x.rank)
    if x.rank < rank:
        x = g.reshape(x, [1] * (rank - x.rank) + list(x.shape))
    return g.op("Tile", x, g.shape((1,) * (rank - len(times)) + times))


@exporter("_concatenate")
def concatenate(g: Graph, *xs: T, axis: int) -> T:
    return g.op("Concat", *(g.cast(x, g.out_dtype) for x in xs), axis=axis)


@exporter("_stack")
def stack(g: Graph, *xs: T, axis: int) -> T:
    axis %= xs[0].rank + 1
    return g.op("Concat", *(g.unsqueeze(g.cast(x, g.out_dtype), axis) for x in xs), axis=axis)


@exporter("_split")
def split(g: Graph, x: T, indices_or_sections: Any, axis: int, even: bool) -> tuple[T, ...]:
    at = axis_of(x, axis)
    lengths = [y.shape[at] for y in g.outputs]
    if len(lengths) == 1:
        return (x,)
    return g.ops("Split", x, g.shape(lengths), dtypes=(None,) * len(lengths), axis=at)


@exporter("_unstack")
def unstack(g: Graph, x: T, axis: int) -> tuple[T, ...]:
    at, n = axis_of(x, axis), len(g.outputs)
    if n == 1:
        return (g.squeeze(x, at),)
    return tuple(g.squeeze(y, at) for y in g.ops("Split", x, dtypes=(None,) * n, axis=at, num_outputs=n))


@exporter("pad")
def pad(g: Graph, x: T, pad_width: Any, mode: str, constant_values: Any) -> T:
    pairs = pad_pairs(pad_width, x.rank)
    widths = g.shape([a for a, _ in pairs] + [b for _, b in pairs])
    if mode == "symmetric":
        for axis, (a, b) in enumerate(pairs):
            x = _mirrored(g, x, axis, a, b)
        return x
    if mode == "reflect":
        return g.op("Pad", x, widths, mode="reflect")
    dtype = g.arithmetic(x.dtype) if x.dtype != "float16" else x.dtype
    value = constant_values if isinstance(constant_values, T) else T("", "", (), constant_values or 0)
    if not value.name and x.dtype in ("uint8", "int8", "bool"):
        value = T("", "", (), np.array(value.data).astype(x.dtype).item())
    value = g.cast(value, dtype)
    return g.op("Pad", g.cast(x, dtype), widths, g.op("Reshape", value, g.ints([])) if value.shape else value)


def _mirrored(g: Graph, x: T, axis: int, before: Any, after: Any) -> T:
    """x with its ends mirrored, the edges included."""
    parts = [x]
    if before != 0:
        head = sliced(g, x, {axis: slice(None, before)})
        parts.insert(0, sliced(g, head, {axis: slice(None, None, -1)}))
    if after != 0:
        if isinstance(after, Size):
            raise ExportError("pad: a mirrored end whose width is not known cannot be exported")
        tail = sliced(g, x, {axis: slice(-after, None)})
        parts.append(sliced(g, tail, {axis: slice(None, None, -1)}))
    return x if len(parts) == 1 else g.op("Concat", *parts, axis=axis)


@exporter("zeros_for_batch")
def zeros_for_batch(g: Graph, x: T, shape: Any, dtype: str) -> T:
    return g.expand(g.constant(np.zeros((), g.out_dtype)), g.outputs[0].shape)


@exporter("_meshgrid")
def meshgrid(g: Graph, *xs: T, indexing: str) -> tuple[T, ...]:
    results = []
    for i, (x, y) in enumerate(zip(xs, g.outputs)):
        at = {0: 1, 1: 0}.get(i, i) if indexing == "xy" and len(xs) > 1 else i
        column = g.op("Reshape", x, g.ints([-1 if a == at else 1 for a in range(len(xs))]))
        results.append(g.expand(column, y.shape))
    return tuple(results)


@exporter("space_to_depth")
def space_to_depth(g: Graph, x: T, block_size: int, data_format: str) -> T:
    s, last = block_size, data_format == "channels_last"
    y = g.op("SpaceToDepth", g.transpose(x, (0, 3, 1, 2)) if last else x, blocksize=s)  # (b, s * s * c, h / s, w / s)
    if last:
        return g.transpose(y, (0, 2, 3, 1))
    c, out = x.shape[1], g.outputs[0].shape
    blocks = g.transpose(g.op("Reshape", y, g.shape([out[0], s * s, c, *out[2:]])), (0, 2, 1, 3, 4))
    return shaped(g, blocks)


@exporter("depth_to_space")
def depth_to_space(g: Graph, x: T, block_size: int, data_format: str) -> T:
    if data_format == "channels_first":
        return g.op("DepthToSpace", x, blocksize=block_size, mode="CRD")
    y = g.op("DepthToSpace", g.transpose(x, (0, 3, 1, 2)), blocksize=block_size, mode="DCR")
    return g.transpose(y, (0, 2, 3, 1))
