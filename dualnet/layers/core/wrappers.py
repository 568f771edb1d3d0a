"""Layers around another layer."""

from __future__ import annotations

from typing import Any

from ... import initializers, ops
from ...core.symbolic import KerasTensor
from ...core.tracing import no_grad
from ...graph.trial import is_trial, trial
from ...serialization.configurable import builtin_class
from ..base.configuration import part_from_config
from ..base.layer import Layer, Shape


class Wrapper(Layer):
    """Base of layers around a layer: the inner one is ``layer``, is built first, and is in the config."""

    def __init__(self, layer: Layer, **kwargs: Any) -> None:
        if not isinstance(layer, Layer):
            raise ValueError(
                f"Layer {layer} supplied to Wrapper isn't a supported layer type. "
                f"Please ensure wrapped layer is a valid layer: {type(self).__name__} takes an instance of dualnet.layers.Layer"
            )
        super().__init__(**kwargs)
        self.layer = layer

    def build(self, input_shape: Any = None) -> None:
        if not self.layer.built:
            self.layer.build(input_shape)
            self.layer.built = True

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        return self._infer_call(args, kwargs)  # the dtype is the inner layer's

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
        """The layer a config describes, with a new inner layer."""
        return cls(**{**config, "layer": part_from_config(config, "layer", custom_objects)})


class TimeDistributed(Wrapper):
    """A layer at every step of a sequence.  x: (batch, steps, ...) -> (batch, steps, ...)

    A built-in layer that treats samples independently gets all steps in one call; your own layers, and those that depend on the
    batch as a whole, such as BatchNormalization, are called once per step. A mask (batch, steps) is passed on unchanged;
    the layer gets the part for its steps if its ``call`` has a ``mask``.
    """

    supports_masking = True

    def __init__(self, layer: Layer, **kwargs: Any) -> None:
        if not isinstance(layer, Layer):
            raise ValueError(
                "Please initialize `TimeDistributed` layer with a `Layer` instance (of dualnet.layers). "
                f"Received: {layer}"
            )
        super().__init__(layer, **kwargs)

    def _step_shape(self, input_shape: Any) -> Shape:
        if not isinstance(input_shape, (tuple, list)) or len(input_shape) < 3:
            raise ValueError(
                "`TimeDistributed` Layer should be passed an `input_shape` with at least 3 dimensions "
                f"(batch, steps, ...), received: {input_shape}"
            )
        return (input_shape[0], *input_shape[2:])

    def build(self, input_shape: Any = None) -> None:
        super().build(self._step_shape(input_shape))

    def compute_output_shape(self, input_shape: Any) -> Shape:
        batch, *sizes = self.layer.compute_output_shape(self._step_shape(input_shape))
        return (batch, input_shape[1], *sizes)

    def compute_output_spec(self, inputs: Any, **kwargs: Any) -> Any:
        with trial():
            step = self.layer(KerasTensor(self._step_shape(inputs.shape), inputs.dtype))
        return KerasTensor((step.shape[0], inputs.shape[1], *step.shape[1:]), step.dtype)

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        self._step_shape(inputs.shape)
        batch, steps = inputs.shape[:2]
        if mask is not None:
            if len(mask.shape) < 2:
                raise ValueError(
                    "The `mask` passed to the `TimeDistributed` layer must be at least 2D (e.g., `(batch_size, "
                    f"timesteps)`), but it has {len(mask.shape)} dimension(s) with shape {tuple(mask.shape)}."
                )
            if tuple(mask.shape[:2]) != (batch, steps):
                raise ValueError(
                    f"The `mask` passed to the `TimeDistributed` layer has a shape {tuple(mask.shape)} that is "
                    f"incompatible with the input shape {tuple(inputs.shape)}: its first two entries must be "
                    f"({batch}, {steps})."
                )
            if not self.layer._signature.mask:
                mask = None
        if _has_independent_samples(self.layer):
            if mask is not None:
                mask = ops.reshape(mask, (batch * steps, *mask.shape[2:]))
            y = self._call_layer(ops.reshape(inputs, (batch * steps, *inputs.shape[2:])), mask)
            return ops.reshape(y, (batch, steps, *y.shape[1:]))
        each = [self._call_layer(inputs[:, i], None if mask is None else mask[:, i]) for i in range(steps)]
        return ops.stack(each, axis=1)

    def _call_layer(self, x: Any, mask: Any) -> Any:
        return self.layer(x) if mask is None else self.layer(x, mask=mask)


def _has_independent_samples(layer: Layer) -> bool:
    """Whether a layer is known to treat each sample alone, so that more samples in a batch change nothing for the others."""
    if builtin_class(type(layer)) is not type(layer) or not layer._independent_samples:
        return False
    if layer.activity_regularizer is not None:
        return False
    if getattr(layer, "noise_shape", None) is not None or layer.stateful:
        return False
    return all(map(_has_independent_samples, layer._sublayers()))


class SpectralNormalization(Wrapper):
    """A layer whose kernel is divided by its largest singular value before every training step (arXiv:1802.05957)

    Args:
        layer: one with a ``kernel``, or an ``Embedding``.
        power_iterations: steps of the power iteration for that value, which continues from the last training step
            (vector_u).
    """

    _independent_samples = False

    def __init__(self, layer: Layer, power_iterations: int = 1, **kwargs: Any) -> None:
        super().__init__(layer, **kwargs)
        if power_iterations <= 0:
            raise ValueError(
                f"`power_iterations` should be greater than zero. Received: `power_iterations={power_iterations}`"
            )
        self.power_iterations = power_iterations

    def build(self, input_shape: Any = None) -> None:
        super().build(input_shape)
        kernel = getattr(self.layer, "kernel", None)
        kernel = getattr(self.layer, "embeddings", None) if kernel is None else kernel
        if kernel is None:
            raise ValueError(f"{type(self.layer).__name__} object has no attribute 'kernel' nor 'embeddings'")
        self.kernel = kernel
        self.vector_u = self.add_weight(
            (1, kernel.shape[-1]),
            initializer=initializers.TruncatedNormal(stddev=0.02),
            trainable=False,
            dtype=kernel.dtype,
            name="vector_u",
        )

    def call(self, inputs: Any, training: bool = False) -> Any:
        if training and not is_trial():
            with no_grad():
                u, kernel = self.normalized_weights()
            self.vector_u.assign(u)
            self.kernel.assign(kernel)
        return self.layer(inputs)

    def normalized_weights(self) -> tuple[Any, Any]:
        """(vector_u after the power iteration, kernel divided by its largest singular value); both unchanged for a kernel of zeros."""
        w = ops.reshape(self.kernel, (-1, self.kernel.shape[-1]))
        u, zero = self.vector_u, ops.all(ops.equal(self.kernel, 0))
        for _ in range(self.power_iterations):
            v = ops.normalize(ops.matmul(u, ops.transpose(w)), axis=None)
            u = ops.normalize(ops.matmul(v, w), axis=None)
        largest = ops.reshape(ops.matmul(ops.matmul(v, w), ops.transpose(u)), ())
        return ops.where(zero, self.vector_u, u), self.kernel / ops.where(zero, 1.0, largest)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return self.layer.compute_output_shape(input_shape)
