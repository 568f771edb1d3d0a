"""Batch normalization."""

from __future__ import annotations

from typing import Any

from ... import config, initializers, ops
from ...core.tracing import abort_trace, before_write
from ...core.variables import fixed_number
from ...graph.trial import is_trial
from ...ops.nn.normalization import batch_norm
from .normalization import Normalizing, known_axes

_CLIPPING = ("rmax", "rmin", "dmax")


class BatchNormalization(Normalizing):
    """gamma (x - mean) / sqrt(variance + epsilon) + beta (arXiv:1502.03167)

    While training, mean and variance are those of the batch, and the moving ones follow them:
    ``moving = momentum moving + (1 - momentum) batch``. Otherwise, and always when ``trainable`` is False, they are the
    moving ones. With a mask, only the unmasked positions of the batch count.

    Args:
        axis: of the channels; everything else is averaged over.
        gamma, beta: (channels,), left out by ``scale=False`` and ``center=False``.
        renorm: while training too, corrects towards the moving statistics (arXiv:1702.03275).
        renorm_clipping: limits of that correction, a dictionary with "rmax", "rmin", "dmax".
        renorm_momentum: momentum of the statistics it corrects towards.
        synchronized: over several devices, which there is not.
    """

    _independent_samples = False

    def __init__(
        self,
        axis: int = -1,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        moving_mean_initializer: Any = "zeros",
        moving_variance_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        renorm: bool = False,
        renorm_clipping: dict[str, float] | None = None,
        renorm_momentum: float = 0.99,
        synchronized: bool = False,
        **kwargs: Any,
    ) -> None:
        if isinstance(axis, (list, tuple)) and len(axis) == 1:  # as files of Keras 2 have it
            (axis,) = axis
        super().__init__(int(axis), epsilon, center, scale, locals(), **kwargs)
        if synchronized:
            raise ValueError(
                "Argument synchronized=True is not supported: there is one device, whose batch is the batch"
            )
        self.synchronized = synchronized
        self.momentum = float(fixed_number(momentum, f"{type(self).__name__}: momentum"))
        self.moving_mean_initializer = initializers.get(moving_mean_initializer)
        self.moving_variance_initializer = initializers.get(moving_variance_initializer)
        self.renorm = renorm
        self.renorm_clipping = _checked_clipping(renorm_clipping or {}) if renorm else renorm_clipping
        self.renorm_momentum = renorm_momentum

    def build(self, input_shape: Any) -> None:
        (axis,) = known_axes(self, self.axis, input_shape)
        shape = (input_shape[axis],)
        self._add_scale_and_offset(shape)
        self.moving_mean = self._statistic("moving_mean", shape, self.moving_mean_initializer)
        self.moving_variance = self._statistic("moving_variance", shape, self.moving_variance_initializer)
        if self.renorm:
            self.moving_stddev = self._statistic("moving_stddev", shape, self._deviation)
            self.renorm_mean = self._statistic("renorm_mean", shape, self.moving_mean_initializer)
            self.renorm_stddev = self._statistic("renorm_stddev", shape, self._deviation)

    def _statistic(self, name: str, shape: Any, initializer: Any) -> Any:
        return self.add_weight(shape, initializer=initializer, trainable=False, autocast=False, name=name)

    def _deviation(self, shape: Any, dtype: Any = None) -> Any:
        return ops.sqrt(self.moving_variance_initializer(shape, dtype=dtype))

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        if inputs.shape[self.axis] != self.moving_mean.shape[0]:
            raise ValueError(
                f"BatchNormalization layer {self.name!r} was built for {self.moving_mean.shape[0]} entries along axis "
                f"{self.axis}, got inputs of shape {tuple(inputs.shape)}"
            )
        if mask is not None and len(mask.shape) != len(inputs.shape) - 1:
            raise ValueError(
                "The mask provided should be one dimension less than the inputs. "
                f"Received: mask.shape={tuple(mask.shape)}, inputs.shape={tuple(inputs.shape)}"
            )
        if not training or not self.trainable:
            return self._normalized(inputs, self.moving_mean, self.moving_variance, self.gamma, self.beta)
        if mask is None and not self.renorm:
            moving = (None, None) if is_trial() else (self.moving_mean.data, self.moving_variance.data)
            return batch_norm(inputs, self.gamma, self.beta, self.axis, self.epsilon, *moving, self.momentum)
        mean, variance = self._moments(inputs, mask)
        gamma, beta = self._renormalized(mean, variance) if self.renorm else (self.gamma, self.beta)
        if not is_trial():
            self._update_statistics(mean.data, variance.data)
        return self._normalized(inputs, mean, variance, gamma, beta)

    def _normalized(self, x: Any, mean: Any, variance: Any, gamma: Any, beta: Any) -> Any:
        return ops.batch_normalization(x, mean, variance, self.axis, beta, gamma, self.epsilon)

    def _moments(self, x: Any, mask: Any) -> Any:
        """Mean and variance of each channel over the unmasked positions."""
        axis = self.axis % len(x.shape)
        others = tuple(a for a in range(len(x.shape)) if a != axis)
        if mask is None:
            return ops.moments(x, others)
        valid = ops.broadcast_to(ops.cast(ops.expand_dims(mask, -1), "bool"), x.shape)
        count = ops.sum(ops.cast(valid, x.dtype), axis=others, keepdims=True) + config.epsilon()
        mean = ops.sum(ops.where(valid, x, 0.0), axis=others, keepdims=True) / count
        variance = ops.sum(ops.square(ops.where(valid, x - mean, 0.0)), axis=others, keepdims=True) / count
        return ops.reshape(mean, (-1,)), ops.reshape(variance, (-1,))

    def _renormalized(self, mean: Any, variance: Any) -> Any:
        """gamma and beta so that the batch is normalized as by the moving statistics; the correction has no gradient."""
        limits = {key: value for key, value in (self.renorm_clipping or {}).items() if value is not None}
        deviation = ops.maximum(self.renorm_stddev, self.epsilon**0.5)
        r = ops.sqrt(variance + self.epsilon) / deviation
        d = (mean - self.renorm_mean) / deviation
        if "rmin" in limits:
            r = ops.maximum(r, limits["rmin"])
        if "rmax" in limits:
            r = ops.minimum(r, limits["rmax"])
        if "dmax" in limits:
            d = ops.clip(d, -limits["dmax"], limits["dmax"])
        r, d = ops.stop_gradient(r), ops.stop_gradient(d)
        if self.gamma is not None:
            r, d = r * self.gamma, d * self.gamma
        return r, d if self.beta is None else d + self.beta

    def _update_statistics(self, mean: Any, variance: Any) -> None:
        """Update the moving statistics in place.  mean, variance: arrays"""
        abort_trace("moving statistics are changed")
        _update_moving_average(self.moving_mean, mean, self.momentum)
        if not self.renorm:
            _update_moving_average(self.moving_variance, variance, self.momentum)
            return
        deviation = (variance + self.epsilon) ** 0.5
        _update_moving_average(self.renorm_mean, mean, self.renorm_momentum)
        _update_moving_average(self.renorm_stddev, deviation, self.renorm_momentum)
        _update_moving_average(self.moving_stddev, deviation, self.momentum)
        square = self.moving_stddev.data**2 - self.epsilon
        before_write(self.moving_variance.data)
        self.moving_variance.data[...] = square * (square > 0)


def _update_moving_average(state: Any, batch: Any, momentum: float) -> None:
    before_write(state.data)
    state.data *= momentum
    state.data += batch * (1 - momentum)


def _checked_clipping(clipping: dict[str, float]) -> dict[str, float]:
    """The limits of a renormalization, checked; one that is None is none."""
    if set(clipping) - set(_CLIPPING):
        raise ValueError(
            f"Received invalid keys for `renorm_clipping` argument: {clipping}. Supported values: {list(_CLIPPING)}."
        )
    limits = {key: value for key, value in clipping.items() if value is not None}
    if "rmax" in limits and "rmin" in limits and limits["rmax"] < limits["rmin"]:
        raise ValueError(
            "rmax should be greater than rmin in the `renorm_clipping` argument. "
            f"Received: rmax={limits['rmax']}, rmin={limits['rmin']}."
        )
    if limits.get("dmax", 0) < 0:
        raise ValueError(
            f"dmax should be non-negative in the `renorm_clipping` argument. Received: dmax={limits['dmax']}."
        )
    return clipping
