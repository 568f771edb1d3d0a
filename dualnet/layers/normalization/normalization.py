"""Layers that normalize over axes of each sample, and scale and shift the result."""

from __future__ import annotations

from typing import Any

from ... import ops
from ...core.variables import fixed_number
from ...ops.nn.normalization import group_normalization, normalize
from ...serialization.configurable import attributes
from ..base.layer import Layer, Shape
from ..base.weights import add_weight, set_weight_arguments


class OverAxes(Layer):
    """Base of layers that normalize over ``axis``, which is one or several."""

    supports_masking = True
    axis: Any

    def compute_output_shape(self, input_shape: Any) -> Shape:
        known_axes(self, self.axis, input_shape)
        return tuple(input_shape)


class Normalizing(OverAxes):
    """Base of layers that normalize: the axes, epsilon, and the weights gamma (scale) and beta (center).

    arguments: those of the constructor, for ``set_weight_arguments``.
    """

    _config_attributes = attributes(arguments=None)
    gamma: Any = None
    beta: Any = None

    def __init__(
        self,
        axis: Any,
        epsilon: float,
        center: bool,
        scale: bool,
        arguments: dict[str, Any],
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.axis = axis
        self.epsilon = float(fixed_number(epsilon, f"{type(self).__name__}: epsilon"))
        self.center = center
        self.scale = scale
        set_weight_arguments(self, arguments, "beta", "gamma")

    def _add_scale_and_offset(self, shape: tuple[int, ...]) -> None:
        if self.scale:
            self.gamma = add_weight(self, shape, "gamma", autocast=False)
        if self.center:
            self.beta = add_weight(self, shape, "beta", autocast=False)


def known_axes(layer: Layer, axis: Any, shape: Any) -> tuple[int, ...]:
    """The axes as numbers from 0, in order; raises ``ValueError`` for one that the shape does not have."""
    axes = (axis,) if isinstance(axis, int) else tuple(axis)
    for a in axes:
        if not -len(shape) <= a < len(shape):
            raise ValueError(
                f"{type(layer).__name__} layer {layer.name!r}: axis {a} is out of bounds for inputs of shape "
                f"{tuple(shape)}; expected one from {-len(shape)} to {len(shape) - 1}"
            )
    return tuple(sorted(a % len(shape) for a in axes))


class LayerNormalization(Normalizing):
    """gamma (x - mean) / sqrt(variance + epsilon) + beta, mean and variance of each sample over ``axis`` (arXiv:1607.06450)

    Args:
        axis: one axis or several.
        gamma, beta: with the lengths of those axes, left out by ``scale=False`` and ``center=False``.
        rms_scaling: True leaves out beta and the subtraction of the mean; ``RMSNormalization`` is what Keras has for it
            now.
    """

    _config_attributes = attributes(rms_scaling="rms_scaling")

    def __init__(
        self,
        axis: Any = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        self.rms_scaling = kwargs.pop("rms_scaling", False)
        axis = axis if isinstance(axis, int) else list(axis)
        super().__init__(axis, epsilon, center, scale, locals(), **kwargs)

    def build(self, input_shape: Any) -> None:
        self._add_scale_and_offset(tuple(input_shape[a] for a in known_axes(self, self.axis, input_shape)))

    def call(self, inputs: Any) -> Any:
        return ops.layer_normalization(
            inputs, self.gamma, self.beta, self.axis, self.epsilon, rms_scaling=self.rms_scaling
        )


class GroupNormalization(Normalizing):
    """Channels in groups; each group of each sample gets mean 0 and variance 1, then gamma and beta act (arXiv:1803.08494)

    Args:
        groups: how many; the number of channels is a multiple of it, or -1 for a group of its own for each channel.
        axis: of the channels.
        gamma, beta: (channels,), left out by ``scale=False`` and ``center=False``.
    """

    def __init__(
        self,
        groups: int = 32,
        axis: int = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(axis, epsilon, center, scale, locals(), **kwargs)
        if isinstance(groups, bool) or not isinstance(groups, int) or not (groups > 0 or groups == -1):
            raise ValueError(
                f"GroupNormalization: the argument `groups` must be a positive whole number or -1, got {groups!r}"
            )
        self.groups = groups
        self.autocast = False  # 16 bits hold numbers up to 65504 alone: the inputs are cast when they are normalized

    def build(self, input_shape: Any) -> None:
        (axis,) = known_axes(self, self.axis, input_shape)
        size = input_shape[axis]
        if axis == 0 or size is None:
            raise ValueError(
                f"Axis {self.axis} of input tensor should have a defined dimension but the layer received an input with shape "
                f"{tuple(input_shape)}; it cannot be the batch either (layer {self.name!r})"
            )
        groups = size if self.groups == -1 else self.groups
        if size < groups:
            raise ValueError(f"Number of groups ({groups}) cannot be more than the number of channels ({size}).")
        if size % groups:
            raise ValueError(
                f"Number of groups ({groups}) must be a multiple of the number of channels ({size}), that is, divide it."
            )
        self._add_scale_and_offset((size,))

    def call(self, inputs: Any) -> Any:
        groups = inputs.shape[self.axis] if self.groups == -1 else self.groups
        exact = "float32" if self.compute_dtype in ("float16", "bfloat16") else self.compute_dtype
        y = group_normalization(ops.cast(inputs, exact), groups, self.gamma, self.beta, self.axis, self.epsilon)
        return y if exact == self.compute_dtype else ops.cast(y, self.compute_dtype)


class UnitNormalization(OverAxes):
    """x / its length over ``axis``, one axis or several: the squares of the result sum up to 1"""

    def __init__(self, axis: Any = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if isinstance(axis, bool) or not isinstance(axis, (int, list, tuple)):
            raise TypeError(
                f"Invalid value for `axis` argument: expected an int or a list/tuple of ints. Received: axis={axis!r}"
            )
        self.axis = axis if isinstance(axis, int) else list(axis)
        self._build_at_init()

    def call(self, inputs: Any) -> Any:
        return normalize(inputs, self.axis, 2, 1e-12)


class RMSNormalization(OverAxes):
    """scale x / sqrt(mean(x^2) + epsilon), the mean of each sample over ``axis`` (arXiv:1910.07467)

    scale: with the lengths of those axes, ones at first.

    Args:
        axis: one axis or several.
    """

    def __init__(self, axis: Any = -1, epsilon: float = 1e-6, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = axis if isinstance(axis, int) else list(axis)
        self.epsilon = epsilon

    def build(self, input_shape: Any) -> None:
        shape = tuple(input_shape[a] for a in known_axes(self, self.axis, input_shape))
        self.scale = self.add_weight(shape, initializer="ones", name="scale")

    def call(self, x: Any) -> Any:
        return ops.rms_normalization(x, self.scale, self.axis, self.epsilon)
