"""EinsumDense: a dense layer along axes of choice."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from ... import activations, initializers, ops
from ...ops.linalg.linear import dense_axes
from ...serialization.configurable import attributes
from ..base.layer import Shape
from ..base.lora import BaseKernel, Lora, MergedKernel
from ..base.weights import add_weight, set_weight_arguments
from .dense import _FUSED

_PATTERNS = [
    re.compile(form.replace("X", "([a-zA-Z]*)")) for form in ("X,X->X", r"\.\.\.X,X->\.\.\.X", r"X\.\.\.,X->X\.\.\.")
]


class EinsumShapes(NamedTuple):
    """What an equation and the shapes of input and output say about the layer."""

    kernel: tuple[Any, ...]
    bias: tuple[Any, ...] | None
    output: Shape
    input_axes: list[int]  # of the kernel: those that are summed over
    output_axes: list[int]  # of the kernel: those that only the output has


def einsum_shapes(equation: str, bias_axes: str | None, input_shape: Any, output_shape: Any) -> EinsumShapes:
    """The shapes of kernel, bias and output of an ``EinsumDense``; ``ValueError`` when the equation does not fit them."""
    match = next((m for form in _PATTERNS if (m := form.fullmatch(equation))), None)
    if match is None:
        raise ValueError(
            f"Invalid einsum equation '{equation}'. Equations must be in the form [X],[Y]->[Z], ...[X],[Y]->...[Z], or "
            "[X]...,[Y]->[Z]...."
        )
    x, kernel, y = match.groups()
    first, last = equation.startswith("..."), "...," in equation
    output_sizes = (output_shape,) if isinstance(output_shape, int) else tuple(output_shape)
    ellipsis_axes = list(range(max(len(input_shape) - len(x), 0))) if first or last else []  # axes of "...", as numbers
    x_axes: list[Any] = [*ellipsis_axes, *x] if first else [*x, *ellipsis_axes]
    y_axes: list[Any] = [*ellipsis_axes, *y] if first else [*y, *ellipsis_axes]
    sizes = dict(zip(x_axes, input_shape))
    requested = dict(zip(y if first else y[1:], output_sizes))
    for axis in y:
        if axis in sizes:
            if None not in (sizes[axis], requested.get(axis)) and sizes[axis] != requested[axis]:
                raise ValueError(
                    f"Input shape and output shape do not match at shared dimension '{axis}'. Input shape is "
                    f"{sizes[axis]}, and output shape is {requested[axis]}."
                )
            if sizes[axis] is None:
                sizes[axis] = requested.get(axis)
        elif axis not in kernel:
            raise ValueError(
                f"Dimension '{axis}' was specified in the output '{y}' but has no corresponding dim in the input spec "
                f"'{x}' or weight spec '{kernel}'"
            )
        else:
            sizes[axis] = requested.get(axis)
    for axis in kernel:
        if axis not in sizes:
            raise ValueError(
                f"Weight dimension '{axis}' did not have a match in either the input spec '{x}' or the output spec '{y}'. "
                "For this layer, the weight must be fully specified."
            )
    bias = None
    if bias_axes is not None:
        for axis in bias_axes:
            if axis not in y:
                raise ValueError(f"Bias dimension '{axis}' was requested, but is not part of the output spec '{y}'")
        begin = min((y_axes.index(axis) for axis in bias_axes), default=len(y_axes))
        bias = tuple(sizes[axis] if isinstance(axis, str) and axis in bias_axes else 1 for axis in y_axes[begin:])
    return EinsumShapes(
        tuple(sizes[axis] for axis in kernel),
        bias,
        tuple(sizes[axis] for axis in y_axes),
        [i for i, axis in enumerate(kernel) if axis in x and axis not in y],
        [i for i, axis in enumerate(kernel) if axis in y and axis not in x],
    )


def summed_axes(equation: str, bias_axes: str | None) -> int | None:
    """How many axes are summed over, when they are the last of the input and the first of the kernel, in the same order, and all
    other axes remain as they are: "abc,cde->abde" and "...bc,bcd->...d", not "abc,dc->abd". None otherwise."""
    x, kernel, y = re.split(",|->", equation)
    if len(set(x)) < len(x.replace("...", ".")) or "..." in (x[-3:], y[-3:]):
        return None
    for n in range(1, len(kernel)):
        free, inner, outer = x[:-n], kernel[:n], kernel[n:]
        if x[-n:] == inner and y == free + outer and not set(free) & set(outer):
            return n if bias_axes is None or bias_axes == outer else None
    return None


class EinsumDense(Lora):
    """activation(einsum(equation, x, kernel) + bias).  x: (batch, ...) -> (batch, *output_shape)

    kernel: the shape that follows from the equation, "glorot_uniform" by default, with the fans of the axes that are
    summed over and of those that are new.

    Args:
        equation: "abc,cd->abd" is a ``Dense`` on the last axis, "ab,bcd->acd" makes heads; "...x,xy->...y" leaves any
            axes before alone.
        output_shape: the shape of a sample of the output (without the axes of "..."); None for what the input says.
        activation: a name or function, none by default.
        bias_axes: the letters of the output that the bias has, "d"; none by default.
        lora_rank, lora_alpha: see ``enable_lora``.
    """

    _config_attributes = attributes(activity_regularizer="activity_regularizer", output_shape="partial_output_shape")
    _rank: int
    _summed: int | None = None  # axes of the input, if the equation is that of a ``Dense``: a single matrix product
    kernel: Any = MergedKernel("kernel")
    _kernel: Any = BaseKernel("kernel")

    def __init__(
        self,
        equation: str,
        output_shape: Any,
        activation: Any = None,
        bias_axes: str | None = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        lora_rank: int | None = None,
        lora_alpha: float | None = None,
        **kwargs: Any,
    ) -> None:
        kwargs.pop("quantization_config", None)  # written by Keras, null unless quantized
        super().__init__(**kwargs)
        self.equation = equation
        self.partial_output_shape = (output_shape,) if isinstance(output_shape, int) else tuple(output_shape)
        self.bias_axes = bias_axes
        self.activation = activations.get(activation)
        set_weight_arguments(self, locals(), "kernel", "bias")
        self.bias: Any = None
        self._set_lora(lora_rank, lora_alpha)

    def _shapes(self, input_shape: Any) -> EinsumShapes:
        return einsum_shapes(self.equation, self.bias_axes, input_shape, self.partial_output_shape)

    def build(self, input_shape: Any) -> None:
        shapes = self._shapes(input_shape)
        initializer = initializers.with_axes(self.kernel_initializer, shapes.input_axes, shapes.output_axes)
        self.kernel = add_weight(self, shapes.kernel, "kernel", initializer=initializer)
        if shapes.bias is not None:
            self.bias = add_weight(self, shapes.bias, "bias")
        self._rank, self._summed = len(input_shape), summed_axes(self.equation, self.bias_axes)
        self._enable_requested_lora()

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        if self._summed is not None and len(inputs.shape) == self._rank:
            fused = _FUSED.get(self.activation)
            y = dense_axes(inputs, self.kernel, self.bias, self._summed, fused or "linear")
            return y if fused is not None else self.activation(y)
        y = ops.einsum(self.equation, inputs, self.kernel)
        if self.bias is not None:
            y = y + self.bias
        return self.activation(y)

    def compute_output_shape(self, input_shape: Any) -> Shape:
        return self._shapes(input_shape).output
