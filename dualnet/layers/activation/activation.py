"""Activation functions with parameters, as layers.  x: any shape -> the same shape"""

from __future__ import annotations

from typing import Any

from ... import activations, ops
from ..base.elementwise import Elementwise
from ..base.weights import add_weight, set_weight_arguments


def _at_least_zero(layer: str, name: str, value: Any, none_allowed: bool = False) -> Any:
    if (value is None and not none_allowed) or (value is not None and value < 0):
        what = "a negative value" if none_allowed else "None or a negative value"
        raise ValueError(f"{name} of a {layer} layer cannot be {what}, got {value!r}")
    return value


class ReLU(Elementwise):
    """x where x >= threshold, at most ``max_value``; ``negative_slope * (x - threshold)`` below the threshold

    Args:
        max_value: None for no limit.
    """

    def __init__(
        self, max_value: float | None = None, negative_slope: float = 0.0, threshold: float = 0.0, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.max_value = _at_least_zero("ReLU", "max_value", max_value, none_allowed=True)
        self.negative_slope = _at_least_zero("ReLU", "negative_slope", negative_slope)
        self.threshold = _at_least_zero("ReLU", "threshold", threshold)
        self._build_at_init()

    def call(self, inputs: Any) -> Any:
        return activations.relu(inputs, self.negative_slope, self.max_value, self.threshold)


class LeakyReLU(Elementwise):
    """x where x >= 0, else ``negative_slope`` x"""

    def __init__(self, negative_slope: float = 0.3, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if negative_slope is None or negative_slope < 0:
            raise ValueError(
                f"The negative_slope value of a Leaky ReLU layer cannot be None or negative, got {negative_slope!r}"
            )
        self.negative_slope = negative_slope
        self._build_at_init()

    def call(self, inputs: Any) -> Any:
        return activations.leaky_relu(inputs, self.negative_slope)


class PReLU(Elementwise):
    """x where x >= 0, else alpha x, with a learned alpha for each element (arXiv:1502.01852)

    alpha: the shape of the input without the batch, zeros by default.

    Args:
        shared_axes: axes along which alpha is shared, such as (1, 2) for one per channel of an image.
    """

    def __init__(
        self,
        alpha_initializer: Any = "Zeros",
        alpha_regularizer: Any = None,
        alpha_constraint: Any = None,
        shared_axes: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        set_weight_arguments(self, locals(), "alpha")
        self.shared_axes = [shared_axes] if isinstance(shared_axes, int) else shared_axes and list(shared_axes)

    def build(self, input_shape: Any) -> None:
        shape = list(input_shape[1:])
        for axis in self.shared_axes or ():
            if not 1 <= axis < len(input_shape):
                raise ValueError(
                    f"PReLU layer {self.name!r}: shared_axes {self.shared_axes} for the shape {tuple(input_shape)}: axes "
                    f"count from 1, the batch being 0, up to {len(input_shape) - 1}"
                )
            shape[axis - 1] = 1
        self.alpha = add_weight(self, shape, "alpha")

    def call(self, inputs: Any) -> Any:
        return ops.relu(inputs) - self.alpha * ops.relu(-inputs)


class ELU(Elementwise):
    """x where x > 0, else alpha (e^x - 1)  (arXiv:1511.07289)"""

    def __init__(self, alpha: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.alpha = alpha
        self._build_at_init()

    def call(self, inputs: Any) -> Any:
        return activations.elu(inputs, self.alpha)


class Softmax(Elementwise):
    """e^x / sum(e^x) along an axis, or along several taken as one

    mask: in the call, a tensor that broadcasts to the input; where it is false (0) the result is 0, and the others
    share the sum. Where all are masked the result is 0.

    Args:
        axis: one axis, or several.
    """

    def __init__(self, axis: Any = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = list(axis) if isinstance(axis, (tuple, list)) else axis
        self._build_at_init()

    def call(self, inputs: Any, mask: Any = None) -> Any:
        axis = tuple(self.axis) if isinstance(self.axis, list) else self.axis
        if mask is None:
            return activations.softmax(inputs, axis)
        _check_mask(mask.shape, inputs.shape)
        keep = mask if str(mask.dtype) == "bool" else ops.greater(mask, 0.5)
        # A number so low that nothing is left of it, in the range of half precision too.
        low = -3e4 if str(inputs.dtype) == "float16" else -1e9
        return ops.where(keep, activations.softmax(ops.where(keep, inputs, low), axis), 0.0)


def _check_mask(mask: Any, inputs: Any) -> None:
    if len(mask) > len(inputs):
        raise ValueError(
            f"Softmax: the mask must be broadcastable to the input and must not have more dimensions, got a mask of shape "
            f"{tuple(mask)} for the shape {tuple(inputs)}"
        )
    if any(m not in (1, n, None) and n is not None for m, n in zip(mask[::-1], inputs[::-1])):
        raise ValueError(
            f"Softmax: the mask must be broadcastable to the input: each of its sizes must be 1 or that of the input, got "
            f"a mask of shape {tuple(mask)} for the shape {tuple(inputs)}"
        )
