"""LossScaleOptimizer: training in half precision without losing small gradients."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import dualnet_backends as backends

from ..core.tensor import Array
from ..core.tracing import before_write
from ..core.variables import Variable, buffer_slices
from ..serialization.configurable import constructor_parameters, plain
from ..serialization.objects import deserialize_keras_object
from .base import Optimizer
from .clipping import by_backend

# The arguments of ``Optimizer`` that the inner optimizer has.
_DEFAULTS = {
    name: p.default for name, p in constructor_parameters(Optimizer).items() if name not in ("learning_rate", "name")
}


class LossScaleOptimizer(Optimizer):
    """Wraps an optimizer, and multiplies the loss by a scale that adapts itself.

    Args:
        inner_optimizer: does the updates, with gradients divided by the scale.
        initial_scale: the first scale. It doubles after dynamic_growth_steps steps in a row with finite gradients; when
            one is not finite, it halves and the step is skipped. To know that, every step waits for the device once: a
            skipped step must not be counted, and the count is an argument of the next update (the bias correction of
            Adam, the step of a schedule), which the host computes.
    """

    def __init__(
        self,
        inner_optimizer: Optimizer,
        initial_scale: float = 2.0**15,
        dynamic_growth_steps: int = 2000,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        if not kwargs.pop("dynamic", True):
            raise ValueError(
                "a fixed scale is not for LossScaleOptimizer: set `loss_scale_factor` on the other optimizer"
            )
        for key, default in _DEFAULTS.items():
            if kwargs.pop(key, default) != default:
                raise ValueError(f"LossScaleOptimizer has no `{key}`: set it on the `inner_optimizer`")
        if kwargs:
            raise ValueError(f"LossScaleOptimizer does not support arguments: `{'`, `'.join(kwargs)}`")
        super().__init__(0.0, name=name)
        self.inner_optimizer = inner_optimizer
        self.initial_scale, self.dynamic_growth_steps = initial_scale, dynamic_growth_steps
        inner_optimizer.loss_scale_factor = None  # or the gradients would be divided twice

    def build(self, variables: Iterable[Variable]) -> None:
        variables = list(variables)
        self.inner_optimizer.build(variables)
        self._flat: dict[tuple[int, ...], list[Array]] = {}
        host = backends.get("cpu")
        self.step_counter = Variable(0, dtype="int32", trainable=False, name="step_counter", backend=host)
        # On the device of the weights: the loss is multiplied by the current scale, in a replayed step too.
        self.dynamic_scale = Variable(
            self.initial_scale,
            dtype="float32",
            trainable=False,
            name="dynamic_scale",
            backend=backends.of(variables[0].data) if variables else backends.current(),
        )
        self._trainable_variables = self.inner_optimizer.known_variables
        self._trainable_variables_indices = {id(v): i for i, v in enumerate(self._trainable_variables)}
        self.built = True

    def follow_weights(self) -> None:
        self.inner_optimizer.follow_weights()
        self._flat.clear()
        weights = self.known_variables
        if weights:
            self.dynamic_scale.move_to(backends.transfer(self.dynamic_scale.data, backends.of(weights[0].data)))

    def has_moved(self) -> bool:
        return self.inner_optimizer.has_moved()

    @property
    def variables(self) -> list[Variable]:
        own = [self.step_counter, self.dynamic_scale] if self.built else []
        return [*super().variables, *own, *self.inner_optimizer.variables]

    def _saved_children(self) -> list[tuple[str, Any]]:
        return [("inner_optimizer", self.inner_optimizer)]

    build_arguments = ("initial_scale",)

    @property
    def why_updates_differ(self) -> str:
        return "LossScaleOptimizer skips the steps whose gradients are not finite: the host looks at them"

    def apply_in_place(self, missing: Sequence[Variable] = (), scalars: Any = None) -> None:
        grads = self._gradients(missing)
        scale = self.dynamic_scale.data
        before_write(scale)
        if not _all_finite(grads):
            self.step_counter.assign(0)
            scale *= 0.5
            return
        for g in grads:
            g /= scale
        self.inner_optimizer.apply_in_place(missing)
        if int(self.step_counter) == self.dynamic_growth_steps - 1:
            self.step_counter.assign(0)
            scale *= 2
        else:
            self.step_counter.assign_add(1)

    def _gradients(self, missing: Sequence[Variable]) -> list[Array]:
        """The gradients of all but the missing variables, as flat slices of the buffers."""
        key = tuple(id(v) for v in missing)
        if key not in self._flat:
            absent = set(key)
            scaled = [v for v in self.known_variables if id(v) not in absent and not v.overwrite_with_gradient]
            self._flat[key] = [run.grads for run in buffer_slices(scaled)]
        return self._flat[key]

    @property
    def iterations(self) -> Any:
        return self.inner_optimizer.iterations

    def step_count(self) -> int:
        return self.inner_optimizer.step_count()

    @property
    def learning_rate(self) -> Any:
        return self.inner_optimizer.learning_rate

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        self.inner_optimizer.learning_rate = value

    def scale_loss(self, loss: Any) -> Any:
        return loss * (self.dynamic_scale if self.built else self.initial_scale)

    def finalize_variable_values(self, var_list: Sequence[Variable]) -> None:
        self.inner_optimizer.finalize_variable_values(var_list)

    def get_config(self) -> dict[str, Any]:
        # The other arguments are for the inner optimizer.
        names = ("name", "inner_optimizer", "initial_scale", "dynamic_growth_steps")
        return {name: plain(getattr(self, name)) for name in names}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
        config = dict(config)
        return cls(deserialize_keras_object(config.pop("inner_optimizer"), custom_objects), **config)


def _all_finite(grads: Sequence[Array]) -> bool:
    """Whether no element is NaN or infinite; the host waits once for the answer."""
    return all(bool(backend.all_finite(group)) for backend, group in by_backend(grads))
