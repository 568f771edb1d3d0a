"""Convolutions over one, two or three axes.  inputs: (batch, spatial..., channels), channels first with ``data_format``

kernel: (taps..., channels / groups, filters) -> (batch, spatial'..., filters). The kernel is not flipped. With the padding
"valid" it stays inside the input; with "same" zeros are put around it, evenly, so that there are ceil(length / stride)
outputs along an axis. The products are computed by ``dualnet_backends.kernels.convolution``, whose kernels have channels
last; channels first are a transposed view.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from dualnet_backends import Backend

from ...core.op import primitive
from ...core.symbolic import KerasTensor
from ...core.tensor import Tensor
from .. import shape_rules
from .._common import Array, Forward, Spec, Xp, floating
from ..core.shape import shape as shape_of
from ..registry import op
from . import _conv_shapes as shapes
from .activation import FROM_OUTPUT

Sizes = int | Sequence[int]
Ints = tuple[int, ...]
Pairs = tuple[tuple[int, int], ...]


def _conv_kernel_shape(
    x: Any,
    kernel: Any,
    bias: Any = None,
    strides: Ints = (),
    padding: Pairs = (),
    dilation: Ints = (),
    channels_first: bool = False,
    depthwise: bool = False,
    activation: str = "linear",
) -> Spec:
    data_format = "channels_first" if channels_first else "channels_last"
    lengths, _ = shapes.split_shape(tuple(x.shape), data_format)
    *taps, channels, filters = kernel.shape
    counts = tuple(
        None if n is None or k is None else (n + sum(p) - (k - 1) * d - 1) // s + 1
        for n, k, s, p, d in zip(lengths, taps, strides, padding, dilation)
    )
    filters = shape_rules.product((channels, filters)) if depthwise else filters
    return Spec(shapes.join_shape(x.shape[0], counts, filters, data_format), shape_rules.float_dtype(kernel))


def _conv_transpose_kernel_shape(
    x: Any,
    kernel: Any,
    bias: Any = None,
    strides: Ints = (),
    cut: Pairs = (),
    dilation: Ints = (),
    lengths: shapes.Shape = (),
    channels_first: bool = False,
    activation: str = "linear",
) -> Spec:
    data_format = "channels_first" if channels_first else "channels_last"
    output = shapes.join_shape(x.shape[0], tuple(lengths), kernel.shape[-2], data_format)
    return Spec(output, shape_rules.float_dtype(kernel))


@primitive(in_place_grads=True, shape=_conv_kernel_shape)
def _conv(
    backend: Backend,
    x: Array,
    kernel: Array,
    bias: Array | None = None,
    /,
    strides: Ints = (),
    padding: Pairs = (),
    dilation: Ints = (),
    channels_first: bool = False,
    depthwise: bool = False,
    activation: str = "linear",
) -> Forward:
    """activation(convolution + bias) in one op. depthwise: the kernel is (taps..., channels, multiplier)"""
    xp, act = backend.xp, FROM_OUTPUT[activation]
    kernel = floating(kernel)
    x = _channels_last(xp, x.astype(kernel.dtype, copy=False), channels_first)
    kernel_shape = kernel.shape
    if depthwise:
        kernel = kernel.reshape((*kernel_shape[:-2], 1, kernel_shape[-2] * kernel_shape[-1]))
    geometry = (strides, padding, dilation, x.shape[-1] // kernel.shape[-2])
    y = act.forward(backend, backend.conv(x, kernel, bias, *geometry))

    def backward(dy: Array, out: list[Any]) -> tuple[Any, Any, Any]:
        dz = act.gradient(backend, y, _channels_last(xp, dy, channels_first))
        dx = dw = db = None
        if out[0] is not False:
            dx = backend.conv_input_gradient(dz, kernel, x.shape, *geometry)
            dx = _channels_moved(xp, dx, channels_first)
        if out[1] is not False:
            buffer = None if out[1] is None else out[1].reshape(kernel.shape)
            dw = backend.conv_kernel_gradient(x, dz, kernel.shape, *geometry, out=buffer).reshape(kernel_shape)
        if bias is not None and out[2] is not False:
            db = _sum_pixels(backend, dz, out[2])
        return dx, dw, db

    return _channels_moved(xp, y, channels_first), backward


@primitive(in_place_grads=True, shape=_conv_transpose_kernel_shape)
def _conv_transpose(
    backend: Backend,
    x: Array,
    kernel: Array,
    bias: Array | None = None,
    /,
    strides: Ints = (),
    cut: Pairs = (),
    dilation: Ints = (),
    lengths: Ints = (),
    channels_first: bool = False,
    activation: str = "linear",
) -> Forward:
    """activation(transposed convolution + bias) in one op: a convolution with forward and backward exchanged.

    kernel: (taps..., filters, channels). cut: the size cropped from the ends of each axis; negative for zero padding.
    """
    xp, act = backend.xp, FROM_OUTPUT[activation]
    kernel = floating(kernel)
    x = _channels_last(xp, x.astype(kernel.dtype, copy=False), channels_first)
    geometry = (strides, tuple((before, max(after, 0)) for before, after in cut), dilation, 1)
    reached = tuple(n + min(after, 0) for n, (_, after) in zip(lengths, cut))
    part = (slice(None), *(slice(n) for n in reached))
    y = backend.conv_input_gradient(x, kernel, (x.shape[0], *reached, kernel.shape[-2]), *geometry)
    if reached != lengths:
        whole = xp.zeros((x.shape[0], *lengths, kernel.shape[-2]), dtype=y.dtype)
        whole[part] = y
        y = whole
    if bias is not None:
        y += bias
    y = act.forward(backend, y)

    def backward(dy: Array, out: list[Any]) -> tuple[Any, Any, Any]:
        dz = act.gradient(backend, y, _channels_last(xp, dy, channels_first))
        dx = dw = db = None
        if out[0] is not False:
            dx = backend.conv(dz[part], kernel, None, *geometry)
            dx = _channels_moved(xp, dx, channels_first)
        if out[1] is not False:
            dw = backend.conv_kernel_gradient(dz[part], x, kernel.shape, *geometry, out=out[1])
        if bias is not None and out[2] is not False:
            db = _sum_pixels(backend, dz, out[2])
        return dx, dw, db

    return _channels_moved(xp, y, channels_first), backward


def _channels_last(xp: Xp, x: Array, channels_first: bool) -> Array:
    return xp.moveaxis(x, 1, -1) if channels_first else x


def _channels_moved(xp: Xp, y: Array, channels_first: bool) -> Array:
    return xp.moveaxis(y, -1, 1) if channels_first else y


def _sum_pixels(backend: Backend, dz: Array, out: Array | None) -> Array:
    """The sum over all axes but the last: over the samples first, since a row of few channels is slow to add."""
    n = dz.shape[0]
    rows = backend.sum_rows(dz.reshape(n, math.prod(dz.shape[1:])))
    return backend.sum_rows(rows.reshape(math.prod(dz.shape[1:-1]), dz.shape[-1]), out=out)


def _spec(inputs: Any, kernel: Any, shape: shapes.Shape) -> Spec:
    return Spec(shape, inputs.dtype if isinstance(inputs, KerasTensor) else kernel.dtype)


def _conv_shape(inputs: Any, kernel: Any, *args: Any, **options: Any) -> Spec:
    return _spec(inputs, kernel, _conv_plan("conv", inputs, kernel, *args, **options)[1])


def _depthwise_conv_shape(inputs: Any, kernel: Any, *args: Any, **options: Any) -> Spec:
    return _spec(inputs, kernel, _conv_plan("depthwise_conv", inputs, kernel, *args, **options, depthwise=True)[1])  # type: ignore[misc]


def _conv_transpose_shape(inputs: Any, kernel: Any, *args: Any, **options: Any) -> Spec:
    return _spec(inputs, kernel, _transpose_plan("conv_transpose", inputs, kernel, *args, **options)[1])


@op("nn", shape=_conv_shape)
def conv(
    inputs: Any,
    kernel: Any,
    /,
    strides: Sizes = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Sizes = 1,
) -> Tensor:
    """Convolution.

    Args:
        kernel: (taps..., channels / groups, filters); there are as many groups as its channels fit into those of the
            input.
        strides, dilation_rate: one number for all axes, or one for each.
        padding: "valid" or "same".

    Raises:
        ValueError: shapes do not fit, or nothing would be left.
    """
    return convolve(
        inputs, kernel, strides=strides, padding=padding, data_format=data_format, dilation_rate=dilation_rate
    )


@op("nn", shape=_depthwise_conv_shape)
def depthwise_conv(
    inputs: Any,
    kernel: Any,
    /,
    strides: Sizes = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Sizes = 1,
) -> Tensor:
    """Convolution of each channel by itself.

    kernel: (taps..., channels, multiplier) -> (batch, spatial'..., channels * multiplier). The rest as for ``conv``.
    """
    options: dict[str, Any] = {"strides": strides, "padding": padding}
    options |= {"data_format": data_format, "dilation_rate": dilation_rate}
    return convolve(inputs, kernel, depthwise=True, who="depthwise_conv", **options)


@op("nn")
def separable_conv(
    inputs: Any,
    depthwise_kernel: Any,
    pointwise_kernel: Any,
    /,
    strides: Sizes = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Sizes = 1,
) -> Tensor:
    """A depthwise convolution, and a mixing of its channels pixel by pixel.

    The other arguments are as for ``conv``; strides and dilation belong to the first.

    Args:
        depthwise_kernel: (taps..., channels, multiplier).
        pointwise_kernel: (1..., channels * multiplier, filters).
    """
    y = depthwise_conv(inputs, depthwise_kernel, strides, padding, data_format, dilation_rate)
    return conv(y, pointwise_kernel, data_format=data_format)


@op("nn", shape=_conv_transpose_shape)
def conv_transpose(
    inputs: Any,
    kernel: Any,
    /,
    strides: Sizes = 1,
    padding: str = "valid",
    output_padding: Sizes | None = None,
    data_format: str | None = None,
    dilation_rate: Sizes = 1,
) -> Tensor:
    """Transposed convolution: the gradient of a convolution with regard to its input, which makes images larger.

    The other arguments are as for ``conv``.

    Args:
        kernel: (taps..., filters, channels).
        padding: that of the convolution it undoes; without ``output_padding`` the output is length * stride with "same"
            and (length - 1) * stride + max(reach of the kernel, stride) with "valid".
        output_padding: how much longer than the least length the output is.
    """
    options: dict[str, Any] = {"strides": strides, "padding": padding, "output_padding": output_padding}
    options |= {"data_format": data_format, "dilation_rate": dilation_rate}
    return convolve_transpose(inputs, kernel, **options)


def convolve(
    inputs: Any,
    kernel: Any,
    bias: Any = None,
    *,
    activation: str = "linear",
    depthwise: bool = False,
    who: str = "conv",
    **options: Any,
) -> Tensor:
    """A convolution for layers, in one op: with bias, activation and the padding "causal" (zeros before only).

    bias: (filters,) or None. activation: a key of ``activation.FROM_OUTPUT``. depthwise: as in ``depthwise_conv``.
    who: the name in error messages. options: as for ``conv``.
    """
    plan, _, channels_first = _conv_plan(who, inputs, kernel, depthwise=depthwise, **options)
    return _conv(inputs, kernel, bias, *plan[:3], channels_first, depthwise, activation)


def convolve_transpose(
    inputs: Any,
    kernel: Any,
    bias: Any = None,
    *,
    activation: str = "linear",
    who: str = "conv_transpose",
    **options: Any,
) -> Tensor:
    """A transposed convolution for layers, in one op, with bias and activation.

    Arguments: see ``convolve``; options: as for ``conv_transpose``.
    """
    plan, _, channels_first = _transpose_plan(who, inputs, kernel, **options)
    return _conv_transpose(inputs, kernel, bias, *plan, channels_first, activation)


def _conv_plan(
    who: str,
    inputs: Any,
    kernel: Any,
    strides: Sizes = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Sizes = 1,
    depthwise: bool = False,
) -> tuple[shapes.Plan, shapes.Shape, bool]:
    """(plan, shape of the output, whether channels stand first). Raises ``ValueError`` for what does not fit."""
    shape, taps, data_format = _shapes(who, inputs, kernel, data_format)
    lengths, channels = shapes.split_shape(shape, data_format)
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
    padding = shapes.padding_of(who, padding, causal=True)
    plan = shapes.convolution(who, lengths, tuple(taps), strides, padding, dilation_rate)
    output = shapes.join_shape(shape[0], plan.lengths, filters, data_format)
    return plan, output, data_format == "channels_first"


def _transpose_plan(
    who: str,
    inputs: Any,
    kernel: Any,
    strides: Sizes = 1,
    padding: str = "valid",
    output_padding: Sizes | None = None,
    data_format: str | None = None,
    dilation_rate: Sizes = 1,
) -> tuple[shapes.Plan, shapes.Shape, bool]:
    """The same for a transposed convolution."""
    shape, taps, data_format = _shapes(who, inputs, kernel, data_format)
    lengths, channels = shapes.split_shape(shape, data_format)
    *taps, filters, expected = taps
    if channels is not None and channels != expected:
        raise ValueError(
            f"{who}: the input channels must match the kernel, got {channels} in an input of shape {shape} ({data_format}) "
            f"and a kernel of shape {(*taps, filters, expected)}, which is for {expected}"
        )
    padding = shapes.padding_of(who, padding)
    plan = shapes.transposed(who, lengths, tuple(taps), strides, padding, output_padding, dilation_rate)
    output = shapes.join_shape(shape[0], plan.lengths, filters, data_format)
    return plan, output, data_format == "channels_first"


def _shapes(who: str, inputs: Any, kernel: Any, data_format: str | None) -> tuple[Any, Any, str]:
    """(shape of the inputs, shape of the kernel, data format)"""
    data_format = shapes.data_format_of(who, data_format)
    shape, taps = (tuple(x.shape) if hasattr(x, "shape") else shape_of(x) for x in (inputs, kernel))
    shapes.check_rank(who, shape, len(taps) - 2)
    if None in taps:
        raise ValueError(f"{who}: the shape of the kernel must be known, got {taps}")
    return shape, taps, data_format
