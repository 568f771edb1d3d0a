"""The op table: convolutions, against definitions that visit one position of the kernel, or of the output, at a time."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from dualnet.ops.nn._conv_shapes import Plan
from dualnet.ops.nn.convolution import (
    _conv,
    _conv_transpose,
    conv,
    conv_transpose,
    convolve,
    convolve_transpose,
    depthwise_conv,
    separable_conv,
)

from .cases import F, Row, Sample, call, other


def per_axis(value: Any, rank: int) -> tuple[int, ...]:
    return (value,) * rank if isinstance(value, int) else tuple(value)


def spatial_last(function: Any) -> Any:
    """A definition for channels last, used for channels first too."""

    def either(x: Any, *args: Any, data_format: str | None = None, **options: Any) -> Any:
        if data_format != "channels_first":
            return function(x, *args, **options)
        return np.moveaxis(function(np.moveaxis(x, 1, -1), *args, **options), -1, 1)

    return either


def zeros_around(n: int, reach: int, stride: int, padding: str) -> tuple[int, int]:
    if padding == "valid":
        return 0, 0
    if padding == "causal":
        return reach - 1, 0
    total = max((-(-n // stride) - 1) * stride + reach - n, 0)
    return total // 2, total - total // 2


def convolved(x: Any, w: Any, pads: list[tuple[int, int]], strides: tuple[int, ...], dilation: tuple[int, ...]) -> Any:
    """One output pixel at a time; the groups follow from the shapes."""
    taps, per_group = w.shape[:-2], w.shape[-2]
    groups = x.shape[-1] // per_group
    x = np.pad(x, [(0, 0), *pads, (0, 0)])
    reach = [(k - 1) * d + 1 for k, d in zip(taps, dilation)]
    lengths = [(n - r) // s + 1 for n, r, s in zip(x.shape[1:-1], reach, strides)]
    y = np.zeros((x.shape[0], *lengths, w.shape[-1]))
    for position in itertools.product(*map(range, lengths)):
        box = tuple(slice(i * s, i * s + r, d) for i, s, r, d in zip(position, strides, reach, dilation))
        window = x[(slice(None), *box)]
        for g in range(groups):
            ins = slice(g * per_group, (g + 1) * per_group)
            outs = slice(g * w.shape[-1] // groups, (g + 1) * w.shape[-1] // groups)
            axes = len(taps) + 1
            y[(slice(None), *position, outs)] = np.tensordot(window[..., ins], w[..., outs], axes)
    return y


@spatial_last
def convolution(x: Any, w: Any, strides: Any = 1, padding: str = "valid", dilation_rate: Any = 1) -> Any:
    rank = x.ndim - 2
    steps, rates = per_axis(strides, rank), per_axis(dilation_rate, rank)
    reach = [(k - 1) * d + 1 for k, d in zip(w.shape, rates)]
    pads = [zeros_around(n, r, s, padding) for n, r, s in zip(x.shape[1:], reach, steps)]
    return convolved(x, w, pads, steps, rates)


def by_channel(w: Any) -> Any:
    """A depthwise kernel as one of as many groups as there are channels."""
    return w.reshape(*w.shape[:-2], 1, -1)


def depthwise(x: Any, w: Any, **options: Any) -> Any:
    return convolution(x, by_channel(w), **options)


def separable(x: Any, w: Any, mix: Any, data_format: str | None = None, **options: Any) -> Any:
    return convolution(depthwise(x, w, data_format=data_format, **options), mix, data_format=data_format)


def scatter_kernels(x: Any, w: Any, strides: tuple[int, ...], dilation: tuple[int, ...]) -> Any:
    """Every input pixel puts its kernel onto the output, which is as long as that takes."""
    reach = [(k - 1) * d + 1 for k, d in zip(w.shape, dilation)]
    y = np.zeros((len(x), *((n - 1) * s + r for n, s, r in zip(x.shape[1:], strides, reach)), w.shape[-2]))
    for position in itertools.product(*map(range, x.shape[1:-1])):
        for tap in itertools.product(*map(range, w.shape[:-2])):
            at = tuple(i * s + t * d for i, s, t, d in zip(position, strides, tap, dilation))
            y[(slice(None), *at)] += x[(slice(None), *position)] @ w[tap].T
    return y


def cropped(y: Any, lengths: Any, before: list[int]) -> Any:
    """``lengths`` elements of each axis from ``before`` on, zeros where there are none."""
    y = np.pad(y, [(0, 0), *((0, max(n + b - m, 0)) for m, n, b in zip(y.shape[1:], lengths, before)), (0, 0)])
    return y[(slice(None), *(slice(b, b + n) for n, b in zip(lengths, before)))]


@spatial_last
def transposed(
    x: Any, w: Any, strides: Any = 1, padding: str = "valid", output_padding: Any = None, dilation_rate: Any = 1
) -> Any:
    rank = x.ndim - 2
    steps, rates = per_axis(strides, rank), per_axis(dilation_rate, rank)
    extras = (None,) * rank if output_padding is None else per_axis(output_padding, rank)
    lengths, before = [], []
    for n, k, s, d, extra in zip(x.shape[1:], w.shape, steps, rates, extras):
        reach = (k - 1) * d + 1
        if padding == "valid":
            lengths.append((n - 1) * s + (max(reach, s) if extra is None else reach + extra))
            before.append(0)
        else:
            lengths.append(n * s if extra is None else (n - 1) * s + reach % 2 + extra)
            before.append(max(((n - 1) * s + reach - lengths[-1]) // 2, 0))
    return cropped(scatter_kernels(x, w, steps, rates), lengths, before)


def activated(y: Any, activation: str) -> Any:
    return {"linear": y, "relu": np.maximum(y, 0), "tanh": np.tanh(y)}[activation]


def in_one(x: Any, w: Any, bias: Any, activation: str, data_format: str | None, result: Any) -> Any:
    if bias is not None:
        result = result + (bias if data_format != "channels_first" else bias.reshape(-1, *(1,) * (x.ndim - 2)))
    return activated(result, activation)


def convolve_layer(
    x: Any,
    w: Any,
    bias: Any = None,
    activation: str = "linear",
    depthwise: bool = False,
    data_format: str | None = None,
    **options: Any,
) -> Any:
    y = convolution(x, by_channel(w) if depthwise else w, data_format=data_format, **options)
    return in_one(x, w, bias, activation, data_format, y)


def transpose_layer(
    x: Any, w: Any, bias: Any = None, activation: str = "linear", data_format: str | None = None, **options: Any
) -> Any:
    return in_one(x, w, bias, activation, data_format, transposed(x, w, data_format=data_format, **options))


def planned(x: Any, w: Any, bias: Any, plan: Plan, channels_first: bool, depthwise: bool, activation: str) -> Any:
    x = np.moveaxis(x, 1, -1) if channels_first else x
    y = convolved(x, by_channel(w) if depthwise else w, list(plan.padding), plan.strides, plan.dilation)
    y = activated(y if bias is None else y + bias, activation)
    return np.moveaxis(y, -1, 1) if channels_first else y


def planned_transpose(x: Any, w: Any, bias: Any, plan: Plan, channels_first: bool, activation: str) -> Any:
    x = np.moveaxis(x, 1, -1) if channels_first else x
    y = cropped(
        scatter_kernels(x, w, plan.strides, plan.dilation), plan.lengths, [before for before, _ in plan.padding]
    )
    y = activated(y if bias is None else y + bias, activation)
    return np.moveaxis(y, -1, 1) if channels_first else y


FIRST = {"data_format": "channels_first"}
SAME = {"padding": "same"}


def samples(kernel: Any) -> list[Sample]:
    """Calls over one, two and three axes; ``kernel(taps, channels)`` is the shape of the kernel."""
    return [
        call(F((3, 6, 5, 2)), F(kernel((2, 3), 2))),
        call(F((2, 7, 3)), F(kernel((3,), 3))),
        call(F((2, 7, 3)), F(kernel((3,), 3)), strides=2, **SAME),
        call(F((2, 2, 8)), F(kernel((2,), 2)), dilation_rate=3, **FIRST),
        call(F((2, 8, 2)), F(kernel((4,), 2)), dilation_rate=2, **SAME),
        call(F((2, 6, 5, 2)), F(kernel((3, 3), 2)), **SAME),
        call(F((2, 7, 6, 1)), F(kernel((3, 2), 1)), strides=(2, 3)),
        call(F((2, 7, 6, 2)), F(kernel((2, 3), 2)), strides=(3, 2), **SAME),
        call(F((2, 2, 6, 7)), F(kernel((2, 3), 2)), strides=2, **FIRST, **SAME),
        call(F((1, 7, 7, 2)), F(kernel((3, 2), 2)), dilation_rate=(2, 1)),
        call(F((1, 7, 6, 2)), F(kernel((1, 1), 2)), strides=2),
        call(F((1, 3, 4, 4, 2)), F(kernel((2, 1, 3), 2))),
        call(F((1, 2, 3, 4, 3)), F(kernel((2, 2, 2), 2)), strides=(1, 2, 1), **FIRST, **SAME),
    ]


CONV = [
    other(
        conv,
        convolution,
        *samples(lambda taps, c: (*taps, c, 4)),
        call(F((2, 5, 4, 4)), F((2, 3, 2, 6))),
        call(F((2, 4, 6)), F((3, 1, 8)), **FIRST, **SAME),
        call(F((2, 5, 4, 6)), F((3, 3, 3, 4)), strides=2, **SAME),
        call(F((1, 6, 5, 4)), F((2, 2, 2, 2)), dilation_rate=2),
    ),
    other(
        depthwise_conv,
        depthwise,
        *samples(lambda taps, c: (*taps, c, 1)),
        *samples(lambda taps, c: (*taps, c, 2)),
    ),
    other(
        separable_conv,
        separable,
        call(F((3, 6, 5, 2)), F((2, 3, 2, 2)), F((1, 1, 4, 3))),
        call(F((2, 7, 3)), F((3, 3, 1)), F((1, 3, 2)), strides=2, **SAME),
        call(F((2, 2, 6, 7)), F((2, 3, 2, 1)), F((1, 1, 2, 4)), dilation_rate=2, **FIRST),
    ),
    other(
        conv_transpose,
        transposed,
        *samples(lambda taps, c: (*taps, 3, c)),
        call(F((2, 4, 2)), F((3, 3, 2)), strides=2, output_padding=1),
        call(F((2, 4, 2)), F((2, 3, 2)), strides=3, output_padding=0, **SAME),
        call(F((2, 4, 2)), F((2, 3, 2)), strides=3, output_padding=2, **SAME),
        call(F((1, 3, 4, 2)), F((1, 2, 3, 2)), strides=(3, 2), output_padding=(2, 0)),
        call(F((1, 2, 3, 4)), F((3, 2, 3, 2)), strides=2, output_padding=1, **FIRST, **SAME),
        call(F((1, 3, 4, 2)), F((1, 1, 3, 2)), strides=3),
    ),
    other(
        convolve,
        convolve_layer,
        call(F((3, 6, 5, 2)), F((2, 3, 2, 4)), F((4,))),
        call(F((2, 6, 5, 2)), F((3, 3, 2, 4)), F((4,)), activation="relu", **SAME),
        call(F((2, 2, 6, 5)), F((3, 3, 2, 4)), F((4,)), activation="tanh", **FIRST),
        call(F((2, 6, 2)), F((3, 2, 4)), F((4,)), padding="causal", strides=2),
        call(F((2, 6, 2)), F((3, 2, 4)), padding="causal", dilation_rate=2),
        call(F((2, 6, 5, 2)), F((2, 2, 2, 2)), F((4,)), depthwise=True, activation="relu"),
        call(F((2, 6, 5, 3)), F((2, 2, 3, 1)), F((3,)), depthwise=True, strides=2, **SAME),
    ),
    other(
        convolve_transpose,
        transpose_layer,
        call(F((3, 4, 3, 2)), F((2, 3, 4, 2)), F((4,)), strides=2),
        call(F((2, 4, 3, 2)), F((3, 3, 4, 2)), F((4,)), activation="relu", **SAME),
        call(F((2, 2, 3)), F((2, 4, 2)), F((4,)), activation="tanh", strides=3, **FIRST),
    ),
    other(
        _conv,
        planned,
        call(F((3, 5, 4, 2)), F((2, 2, 2, 4)), F((4,)), Plan((1, 1), ((0, 0), (0, 0)), (1, 1), (4, 3)), False, False, "linear"),
        call(F((2, 2, 5)), F((3, 2, 2)), None, Plan((2,), ((2, 1),), (1,), (3,)), True, True, "relu"),
        call(F((2, 5, 2)), F((2, 2, 3)), F((3,)), Plan((1,), ((0, 3),), (2,), (6,)), False, False, "linear"),
    ),
    other(
        _conv_transpose,
        planned_transpose,
        call(F((3, 4, 3, 2)), F((2, 2, 4, 2)), F((4,)), Plan((1, 2), ((0, 1), (1, 0)), (1, 1), (4, 5)), False, "linear"),
        call(F((2, 2, 4)), F((3, 3, 2)), None, Plan((2,), ((1, -1),), (1,), (9,)), True, "relu"),
    ),
]  # fmt: skip

ROWS: list[Row] = CONV
