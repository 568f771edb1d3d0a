"""The shapes of convolutions: argument checks, padding as numbers, output lengths. Entries of shapes may be None.

``who`` begins every message: the name of an op, or of a layer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ...core import settings

Shape = tuple[int | None, ...]
Ints = tuple[int, ...]
Pairs = tuple[tuple[int, int], ...]


class Plan(NamedTuple):
    """A convolution over spatial axes: the arguments of the backend's kernels, and the output lengths."""

    strides: Ints
    padding: Pairs
    dilation: Ints
    lengths: Shape


def per_axis(who: str, name: str, value: Any, rank: int, least: int = 1) -> Ints:
    """A whole number for each spatial axis, from one for all or one for each."""
    values = (value,) * rank if isinstance(value, int) else tuple(value) if isinstance(value, Sequence) else ()
    if len(values) != rank or any(isinstance(n, bool) or not isinstance(n, int) or n < least for n in values):
        raise ValueError(
            f"{who}: {name} must be a whole number from {least} on, or a tuple of {rank} of them, got {value!r}"
        )
    return values


def data_format_of(who: str, data_format: str | None) -> str:
    """The data format, by default ``config.image_data_format()``."""
    data_format = data_format or settings.image_data_format()
    if data_format not in ("channels_last", "channels_first"):
        raise ValueError(f'{who}: expected data_format "channels_last" or "channels_first", got {data_format!r}')
    return data_format


def padding_of(who: str, padding: Any, causal: bool = False) -> str:
    """The padding in lower case."""
    known = ("valid", "same", "causal") if causal else ("valid", "same")
    if not isinstance(padding, str) or padding.lower() not in known:
        raise ValueError(f"{who}: expected padding {' or '.join(map(repr, known))}, got {padding!r}")
    return padding.lower()


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
    pairs, outputs = [], []
    for n, k, s, d in zip(lengths, taps, strides, dilation):
        reach = (k - 1) * d + 1
        if n is None:
            pair, m = (0, 0), None
        elif padding == "valid":
            pair, m = (0, 0), (n - reach) // s + 1
        else:
            m = -(-n // s)
            missing = reach - 1 if padding == "causal" else max((m - 1) * s + reach - n, 0)
            pair = (missing, 0) if padding == "causal" else (missing // 2, missing - missing // 2)
        pairs.append(pair)
        outputs.append(m)
    if any(m is not None and m < 1 for m in outputs):
        raise ValueError(
            f"Computed output size would be zero or negative. {who}: nothing would be left of an input of lengths "
            f"{tuple(lengths)}: kernel {taps}, strides {strides}, dilation_rate {dilation} and padding {padding!r} make the "
            f'output size {tuple(outputs)}. Use a larger input, a smaller kernel, or padding="same"'
        )
    return Plan(strides, tuple(pairs), dilation, tuple(outputs))


def transposed(
    who: str, lengths: Shape, taps: Ints, strides: Any, padding: str, output_padding: Any, dilation: Any
) -> Plan:
    """A transposed convolution; ``padding`` of the plan is cropped from the ends (negative: zero-padded).

    output_padding: how much longer the output is than the least that gives the input back; None for Keras's choice, which
    is length * stride with "same", and (length - 1) * stride + max(reach of the kernel, stride) with "valid".
    """
    rank = len(taps)
    strides = per_axis(who, "strides", strides, rank)
    dilation = per_axis(who, "dilation_rate", dilation, rank)
    extras = (
        (None,) * rank if output_padding is None else per_axis(who, "output_padding", output_padding, rank, least=0)
    )
    pairs, outputs = [], []
    for n, k, s, d, extra in zip(lengths, taps, strides, dilation, extras):
        reach = (k - 1) * d + 1
        if padding == "valid":
            cut = reach - max(reach, s) if extra is None else -extra
        else:
            cut = reach - s if extra is None else reach - reach % 2 - extra
        before = max(cut // 2, 0) if padding == "same" else 0
        pairs.append((before, cut - before))
        outputs.append(None if n is None else (n - 1) * s + reach - cut)
    return Plan(strides, tuple(pairs), dilation, tuple(outputs))
