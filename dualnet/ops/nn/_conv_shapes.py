"""The shapes of convolutions: argument checks, padding as numbers, output lengths. Entries of shapes may be None.

``who`` begins every message: the name of an op, or of a layer.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from ..shape_rules import shape_of
from ._windows import Sizes, data_format_of, overhang, padding_of, per_axis, window_count

Shape = tuple[int | None, ...]
Ints = tuple[int, ...]
Pairs = tuple[tuple[int, int], ...]


class Plan(NamedTuple):
    """A convolution over spatial axes: the arguments of the backend's kernels, and the output lengths."""

    strides: Ints
    padding: Pairs
    dilation: Ints
    lengths: Shape


def split_shape(shape: Shape, data_format: str) -> tuple[Shape, int | None]:
    """(lengths of the spatial axes, channels) of an input."""
    return (shape[1:-1], shape[-1]) if data_format == "channels_last" else (shape[2:], shape[1])


def join_shape(batch: int | None, lengths: Shape, channels: int | None, data_format: str) -> Shape:
    """The shape of an output."""
    return (batch, *lengths, channels) if data_format == "channels_last" else (batch, channels, *lengths)


def check_rank(who: str, shape: Shape, rank: int) -> None:
    """Raise ``ValueError`` unless the input has ``rank`` spatial axes, at least one."""
    if len(shape) != rank + 2 or rank < 1:
        raise ValueError(
            f"{who}: expected an input with {rank + 2} axes, (batch, {'length' if rank == 1 else 'lengths'}, channels), "
            f"got shape {tuple(shape)}"
        )


def convolution(who: str, lengths: Shape, taps: Ints, strides: Any, padding: str, dilation: Any) -> Plan:
    """A convolution of axes of these lengths with a kernel of ``taps``."""
    rank = len(taps)
    strides = per_axis(who, "strides", strides, rank)
    dilation = per_axis(who, "dilation_rate", dilation, rank)
    extents = [(k - 1) * d + 1 for k, d in zip(taps, dilation)]
    axes = list(zip(lengths, extents, strides))
    pairs = tuple((0, 0) if n is None else overhang(n, extent, s, padding) for n, extent, s in axes)
    outputs = tuple(None if n is None else window_count(n, extent, s, padding) for n, extent, s in axes)
    if any(m is not None and m < 1 for m in outputs):
        raise ValueError(
            f"Computed output size would be zero or negative. {who}: nothing would be left of an input of lengths "
            f"{tuple(lengths)}: kernel {taps}, strides {strides}, dilation_rate {dilation} and padding {padding!r} make the "
            f'output size {outputs}. Use a larger input, a smaller kernel, or padding="same"'
        )
    return Plan(strides, pairs, dilation, outputs)


def transposed(
    who: str, lengths: Shape, taps: Ints, strides: Any, padding: str, output_padding: Any, dilation: Any
) -> Plan:
    """A transposed convolution; ``padding`` of the plan is cropped from the ends (negative: zero-padded).

    output_padding: how much longer the output is than the least that gives the input back; None for Keras's choice, which
    is length * stride with "same", and (length - 1) * stride + max(extent of the kernel, stride) with "valid".
    """
    rank = len(taps)
    strides = per_axis(who, "strides", strides, rank)
    dilation = per_axis(who, "dilation_rate", dilation, rank)
    extras = (
        (None,) * rank if output_padding is None else per_axis(who, "output_padding", output_padding, rank, least=0)
    )
    pairs, outputs = [], []
    for n, k, s, d, extra in zip(lengths, taps, strides, dilation, extras):
        extent = (k - 1) * d + 1
        if padding == "valid":
            crop = extent - max(extent, s) if extra is None else -extra
        else:
            crop = extent - s if extra is None else extent - extent % 2 - extra
        before = max(crop // 2, 0) if padding == "same" else 0
        pairs.append((before, crop - before))
        outputs.append(None if n is None else (n - 1) * s + extent - crop)
    return Plan(strides, tuple(pairs), dilation, tuple(outputs))


def conv_plan(
    who: str,
    inputs: Any,
    kernel: Any,
    strides: Sizes = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Sizes = 1,
    depthwise: bool = False,
) -> tuple[Plan, Shape, bool]:
    """(plan, shape of the output, whether channels stand first). Raises ``ValueError`` for what does not fit."""
    shape, taps, data_format = _shapes(who, inputs, kernel, data_format)
    lengths, channels = split_shape(shape, data_format)
    *taps, per_group, filters = taps
    if channels is not None:
        groups = 1 if depthwise else channels // per_group
        if channels != groups * per_group or filters % max(groups, 1) or groups < 1:
            raise ValueError(
                f"{who}: the input channels must match the kernel, got {channels} in an input of shape {shape} "
                f"({data_format}) and a kernel of shape {(*taps, per_group, filters)}, which is for {per_group}"
                + ("" if depthwise else f", or for groups of {per_group} that divide the {filters} filters")
            )
    if depthwise:
        filters = None if channels is None else channels * filters
    plan = convolution(who, lengths, tuple(taps), strides, padding_of(who, padding, causal=True), dilation_rate)
    return plan, join_shape(shape[0], plan.lengths, filters, data_format), data_format == "channels_first"


def transpose_plan(
    who: str,
    inputs: Any,
    kernel: Any,
    strides: Sizes = 1,
    padding: str = "valid",
    output_padding: Sizes | None = None,
    data_format: str | None = None,
    dilation_rate: Sizes = 1,
) -> tuple[Plan, Shape, bool]:
    """The same for a transposed convolution."""
    shape, taps, data_format = _shapes(who, inputs, kernel, data_format)
    lengths, channels = split_shape(shape, data_format)
    *taps, filters, expected = taps
    if channels is not None and channels != expected:
        raise ValueError(
            f"{who}: the input channels must match the kernel, got {channels} in an input of shape {shape} ({data_format}) "
            f"and a kernel of shape {(*taps, filters, expected)}, which is for {expected}"
        )
    plan = transposed(who, lengths, tuple(taps), strides, padding_of(who, padding), output_padding, dilation_rate)
    return plan, join_shape(shape[0], plan.lengths, filters, data_format), data_format == "channels_first"


def _shapes(who: str, inputs: Any, kernel: Any, data_format: str | None) -> tuple[Any, Any, str]:
    """(shape of the inputs, shape of the kernel, data format)"""
    data_format = data_format_of(who, data_format)
    shape, taps = shape_of(inputs), shape_of(kernel)
    check_rank(who, shape, len(taps) - 2)
    if None in taps:
        raise ValueError(f"{who}: the shape of the kernel must be known, got {taps}")
    return shape, taps, data_format
