"""Convolutions over one, two or three axes.  inputs: (batch, spatial..., channels), channels first with ``data_format``

kernel: (taps..., channels / groups, filters) -> (batch, spatial'..., filters). The kernel is not flipped. With the padding
"valid" it stays inside the input; with "same" zeros are put around it, evenly, so that there are ceil(length / stride)
outputs along an axis. The products are computed by ``dualnet_backends.kernels.convolution``, whose kernels have channels
last; channels first are a transposed view.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dualnet_backends import Backend
from dualnet_backends.kernels.convolution import After
from dualnet_backends.kernels.normalization import for_inference

from ...core.op import primitive
from ...core.symbolic import KerasTensor
from ...core.tensor import Tensor
from .. import shape_rules
from .._common import Array, Forward, Spec, Xp, floating
from ..registry import op
from ._conv_shapes import Plan, conv_plan, join_shape, split_shape, transpose_plan
from ._windows import Sizes
from .activation import FROM_OUTPUT
from .normalization import _batch_normalization


def _conv_kernel_shape(
    x: Any, kernel: Any, bias: Any, plan: Plan, channels_first: bool, depthwise: bool, activation: str
) -> Spec:
    filters = shape_rules.product(kernel.shape[-2:]) if depthwise else kernel.shape[-1]
    return _planned(x, kernel, plan, filters, channels_first)


def _conv_transpose_kernel_shape(
    x: Any, kernel: Any, bias: Any, plan: Plan, channels_first: bool, activation: str
) -> Spec:
    return _planned(x, kernel, plan, kernel.shape[-2], channels_first)


def _planned(x: Any, kernel: Any, plan: Plan, filters: int | None, channels_first: bool) -> Spec:
    data_format = "channels_first" if channels_first else "channels_last"
    inputs, _ = split_shape(x.shape, data_format)
    lengths = tuple(None if None in (n, k) else m for n, k, m in zip(inputs, kernel.shape, plan.lengths))
    return Spec(join_shape(x.shape[0], lengths, filters, data_format), shape_rules.float_dtype(kernel))


@primitive(in_place_grads=True, shape=_conv_kernel_shape)
def _conv(
    backend: Backend,
    x: Array,
    kernel: Array,
    bias: Array | None,
    /,
    plan: Plan,
    channels_first: bool,
    depthwise: bool,
    activation: str,
) -> Forward:
    """activation(convolution + bias) in one op. depthwise: the kernel is (taps..., channels, multiplier)"""
    xp, act = backend.xp, FROM_OUTPUT[activation]
    kernel_shape = kernel.shape
    x, kernel, geometry = _prepare(xp, x, kernel, plan, channels_first, depthwise)
    y = backend.activated_conv(x, kernel, bias, activation, *geometry)

    def backward(dy: Array, out: list[Any]) -> tuple[Any, Any, Any]:
        sums = "conv_bias_gradient" if bias is not None and out[2] is not False else None
        dy = _channels_last(xp, dy, channels_first)
        dz, db = backend.activation_gradients(act, y, dy, sums, out[2] if sums else None)
        dx = dw = None
        if out[0] is not False:
            dx = backend.conv_input_gradient(dz, kernel, x.shape, *geometry)
            dx = _restore_channels(xp, dx, channels_first)
        if out[1] is not False:
            buffer = None if out[1] is None else out[1].reshape(kernel.shape)
            dw = backend.conv_kernel_gradient(x, dz, kernel.shape, *geometry, out=buffer).reshape(kernel_shape)
        return dx, dw, db

    return _restore_channels(xp, y, channels_first), backward


def _prepare(
    xp: Xp, x: Array, kernel: Array, plan: Plan, channels_first: bool, depthwise: bool
) -> tuple[Array, Array, tuple[Any, Any, Any, int]]:
    """(x, kernel, the other arguments) of the kernel ``conv``"""
    kernel = floating(kernel)
    x = _channels_last(xp, x.astype(kernel.dtype, copy=False), channels_first)
    if depthwise:
        kernel = kernel.reshape((*kernel.shape[:-2], 1, kernel.shape[-2] * kernel.shape[-1]))
    strides, zeros, dilation = plan[:3]
    return x, kernel, (strides, zeros, dilation, x.shape[-1] // kernel.shape[-2])


def _normalized_conv(
    backend: Backend,
    x: Array,
    kernel: Array,
    bias: Array | None,
    mean: Array,
    variance: Array,
    beta: Array | None,
    gamma: Array | None,
    plan: Plan,
    depthwise: bool,
    epsilon: float,
    activation: str | None,
) -> tuple[Array, None]:
    """A convolution without activation and ``_batch_normalization`` of its channels, the last axis, with the same bits as one after the
    other. It has no gradient: it is part of captured predictions alone (``capture/fusion.py``).
    """
    x, kernel, geometry = _prepare(backend.xp, x, kernel, plan, False, depthwise)
    if kernel.dtype.char not in "fd":  # normalization computes in another dtype than the convolution
        y = backend.conv(x, kernel, bias, *geometry)
        return _batch_normalization.primitive(  # type: ignore[attr-defined]
            backend, y, mean, variance, beta, gamma, -1, epsilon, activation
        )[0], None
    mean, variance, beta, gamma = (
        None if v is None else v.astype(kernel.dtype, copy=False) for v in (mean, variance, beta, gamma)
    )
    after = After(*for_inference(mean, 1 / backend.xp.sqrt(variance + epsilon), gamma, beta), activation)
    return backend.conv(x, kernel, bias, *geometry, after), None


@primitive(in_place_grads=True, shape=_conv_transpose_kernel_shape)
def _conv_transpose(
    backend: Backend, x: Array, kernel: Array, bias: Array | None, /, plan: Plan, channels_first: bool, activation: str
) -> Forward:
    """activation(transposed convolution + bias) in one op: a convolution with forward and backward exchanged.

    kernel: (taps..., filters, channels). plan: as of ``transposed``.
    """
    strides, crop, dilation = plan[:3]
    lengths: Any = plan.lengths
    xp, act = backend.xp, FROM_OUTPUT[activation]
    kernel = floating(kernel)
    x = _channels_last(xp, x.astype(kernel.dtype, copy=False), channels_first)
    geometry = (strides, tuple((before, max(after, 0)) for before, after in crop), dilation, 1)
    inner_lengths = tuple(n + min(after, 0) for n, (_, after) in zip(lengths, crop))
    inner = (slice(None), *(slice(n) for n in inner_lengths))
    y = backend.conv_input_gradient(x, kernel, (x.shape[0], *inner_lengths, kernel.shape[-2]), *geometry)
    if inner_lengths != lengths:
        padded = xp.zeros((x.shape[0], *lengths, kernel.shape[-2]), dtype=y.dtype)
        padded[inner] = y
        y = padded
    y = backend.add_bias(y, bias, activation)

    def backward(dy: Array, out: list[Any]) -> tuple[Any, Any, Any]:
        sums = "conv_bias_gradient" if bias is not None and out[2] is not False else None
        dy = _channels_last(xp, dy, channels_first)
        dz, db = backend.activation_gradients(act, y, dy, sums, out[2] if sums else None)
        dx = dw = None
        if out[0] is not False:
            dx = backend.conv(dz[inner], kernel, None, *geometry)
            dx = _restore_channels(xp, dx, channels_first)
        if out[1] is not False:
            dw = backend.conv_kernel_gradient(dz[inner], x, kernel.shape, *geometry, out=out[1])
        return dx, dw, db

    return _restore_channels(xp, y, channels_first), backward


def _channels_last(xp: Xp, x: Array, channels_first: bool) -> Array:
    return xp.moveaxis(x, 1, -1) if channels_first else x


def _restore_channels(xp: Xp, y: Array, channels_first: bool) -> Array:
    return xp.moveaxis(y, -1, 1) if channels_first else y


def _shape_rule(plan_of: Callable[..., Any], who: str, **fixed: Any) -> Callable[..., Spec]:
    """The shape rule of a public op, from the function that plans it."""

    def rule(inputs: Any, kernel: Any, *args: Any, **options: Any) -> Spec:
        _, shape, _ = plan_of(who, inputs, kernel, *args, **options, **fixed)
        return Spec(shape, inputs.dtype if isinstance(inputs, KerasTensor) else kernel.dtype)

    return rule


@op("nn", shape=_shape_rule(conv_plan, "conv"))
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
    plan, _, channels_first = conv_plan("conv", inputs, kernel, strides, padding, data_format, dilation_rate)
    return _conv(inputs, kernel, None, plan, channels_first, False, "linear")


@op("nn", shape=_shape_rule(conv_plan, "depthwise_conv", depthwise=True))
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
    window = (strides, padding, data_format, dilation_rate)
    plan, _, channels_first = conv_plan("depthwise_conv", inputs, kernel, *window, depthwise=True)
    return _conv(inputs, kernel, None, plan, channels_first, True, "linear")


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


@op("nn", shape=_shape_rule(transpose_plan, "conv_transpose"))
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
            and (length - 1) * stride + max(extent of the kernel, stride) with "valid".
        output_padding: how much longer than the least length the output is.
    """
    window = (strides, padding, output_padding, data_format, dilation_rate)
    plan, _, channels_first = transpose_plan("conv_transpose", inputs, kernel, *window)
    return _conv_transpose(inputs, kernel, None, plan, channels_first, "linear")


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
    plan, _, channels_first = conv_plan(who, inputs, kernel, depthwise=depthwise, **options)
    return _conv(inputs, kernel, bias, plan, channels_first, depthwise, activation)


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
    plan, _, channels_first = transpose_plan(who, inputs, kernel, **options)
    return _conv_transpose(inputs, kernel, bias, plan, channels_first, activation)
