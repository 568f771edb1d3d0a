"""MultiOptimizer: different optimizers for different variables."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, MutableMapping, Sequence
from typing import Any

from ..core.variables import Variable
from ..serialization.configurable import Configurable, attributes, plain
from ..serialization.objects import deserialize_keras_object
from .base import Optimizer
from .loss_scale_optimizer import LossScaleOptimizer


class OptimizerMap(Configurable, MutableMapping[str, Any]):
    """Optimizers by the path of a variable, ``"dense_1/kernel"``, or by a regular expression that all of it matches.

    Args:
        default_optimizer: for the variables that no key matches.
        optimizer_map: a dictionary to start with.
    """

    _config_attributes = attributes(optimizer_map="_optimizer_map")

    def __init__(self, default_optimizer: Optimizer, optimizer_map: dict[str, Optimizer] | None = None) -> None:
        if not isinstance(default_optimizer, Optimizer):
            raise TypeError(f"default_optimizer must be an optimizer, got {default_optimizer!r}")
        if optimizer_map is not None and not isinstance(optimizer_map, dict):
            raise TypeError(f"optimizer_map must be a dictionary, got {optimizer_map!r}")
        self.default_optimizer = default_optimizer
        self._optimizer_map: dict[str, Optimizer] = {}
        for key, optimizer in (optimizer_map or {}).items():
            self[key] = optimizer

    def __getitem__(self, key: str) -> Optimizer:
        if key in self._optimizer_map:
            return self._optimizer_map[key]
        matching = [pattern for pattern in self._optimizer_map if re.fullmatch(pattern, key)]
        if len(matching) > 1:
            raise ValueError(f"several optimizers match the variable {key!r}: {', '.join(matching)}")
        return self._optimizer_map[matching[0]] if matching else self.default_optimizer

    def __setitem__(self, key: str, optimizer: Optimizer) -> None:
        if not isinstance(key, str):
            raise ValueError(f"a key must be a path or a regular expression, got {key!r}")
        if key in self._optimizer_map:
            raise ValueError(f"{key!r} already has an optimizer, {self._optimizer_map[key].name!r}: delete it first")
        if not isinstance(optimizer, Optimizer):
            raise ValueError(f"expected an optimizer for {key!r}, got {optimizer!r}")
        if isinstance(optimizer, (LossScaleOptimizer, MultiOptimizer)):
            raise ValueError(f"optimizer cannot be {type(optimizer).__name__}: it is for all variables of a model")
        self._optimizer_map[key] = optimizer

    def __delitem__(self, key: str) -> None:
        del self._optimizer_map[key]

    def __len__(self) -> int:
        return len(self._optimizer_map)

    def __iter__(self) -> Iterator[str]:
        return iter(self._optimizer_map)

    def __call__(self, variable: Variable) -> Optimizer:
        return self[variable.path]

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> OptimizerMap:
        return cls(**deserialize_keras_object(config, custom_objects))


class MultiOptimizer(Optimizer):
    """Several optimizers, each for its own variables.

    ``optimizers`` lists them; they have the learning rates, this one has none.

    Args:
        optimizer_map: an ``OptimizerMap``, or a function from a variable to its optimizer.
        loss_scale_factor: replaces that of each of them.
    """

    def __init__(
        self,
        optimizer_map: OptimizerMap | Callable[[Variable], Optimizer],
        loss_scale_factor: float | None = None,
        name: str | None = None,
    ) -> None:
        if not callable(optimizer_map):
            raise TypeError(
                "optimizer_map must be an OptimizerMap or a function from a variable to its optimizer, got "
                f"{optimizer_map!r}: give OptimizerMap(default_optimizer, {{path: optimizer}})"
            )
        self._inner: list[Optimizer] = []
        super().__init__(0.0, loss_scale_factor=loss_scale_factor, name=name)
        self._optimizer_map = optimizer_map
        if isinstance(optimizer_map, OptimizerMap):
            for optimizer in (*optimizer_map._optimizer_map.values(), optimizer_map.default_optimizer):
                self._index_of(optimizer)

    def _index_of(self, optimizer: Optimizer) -> int:
        """The position of an optimizer in the list, new or not."""
        for i, known in enumerate(self._inner):
            if known is optimizer:
                return i
        optimizer.loss_scale_factor = self.loss_scale_factor
        self._inner.append(optimizer)
        return len(self._inner) - 1

    def build(self, variables: Iterable[Variable]) -> None:
        variables = list(variables)
        self._var_to_optimizer_idx = {id(v): self._index_of(self._optimizer_for(v)) for v in variables}
        for i, optimizer in enumerate(self._inner):
            own = [v for v in variables if self._var_to_optimizer_idx[id(v)] == i]
            if own:
                optimizer.build(own)
        self._trainable_variables = variables
        self._trainable_variables_indices = {id(v): i for i, v in enumerate(variables)}
        self.built = True

    def follow_weights(self) -> None:
        for optimizer in self._inner:
            if optimizer.has_moved():
                optimizer.follow_weights()

    def has_moved(self) -> bool:
        return any(optimizer.has_moved() for optimizer in self._inner)

    def _optimizer_for(self, variable: Variable) -> Optimizer:
        optimizer = self._optimizer_map(variable)
        if not isinstance(optimizer, Optimizer):
            raise ValueError(f"expected an optimizer for the variable {variable.path!r}, got {optimizer!r}")
        if isinstance(optimizer, (LossScaleOptimizer, MultiOptimizer)):
            raise ValueError(f"{type(optimizer).__name__} cannot be used inside an MultiOptimizer.")
        return optimizer

    @property
    def optimizers(self) -> list[Optimizer]:
        """The optimizers, in the order of the map, the default one last."""
        return self._inner

    def _saved_children(self) -> list[tuple[str, Any]]:
        return [("optimizers", self._inner)]

    @property
    def variables(self) -> list[Variable]:
        return [*super().variables, *(v for optimizer in self._inner for v in optimizer.variables)]

    @property
    def loss_scale_factor(self) -> float | None:
        """The factor of the loss, the same for all of them."""
        return self._loss_scale_factor

    @loss_scale_factor.setter
    def loss_scale_factor(self, value: float | None) -> None:
        self._loss_scale_factor = value
        for optimizer in self._inner:
            optimizer.loss_scale_factor = value

    @property
    def learning_rate(self) -> Any:
        raise AttributeError("a MultiOptimizer has no learning rate of its own: look at those of its `optimizers`")

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        raise AttributeError("a MultiOptimizer has no learning rate of its own: set those of its `optimizers`")

    def apply_in_place(self, missing: Sequence[Variable] = (), scalars: Any = None) -> None:
        if len(missing) >= len(self._trainable_variables):
            raise ValueError("No gradients provided for any variable. Does the loss depend on the model's output?")
        absent = {id(v) for v in missing}
        for i, optimizer in enumerate(self._inner):
            left_out = [v for v in optimizer.known_variables if id(v) in absent]
            if len(left_out) < len(optimizer.known_variables):
                optimizer.apply_in_place(left_out, None if scalars is None else scalars[i])
        if scalars is None:
            super().advance()

    def read_scalars(self) -> Any:
        return tuple(optimizer.read_scalars() for optimizer in self._inner)

    def advance(self) -> None:
        super().advance()
        for optimizer in self._inner:
            optimizer.advance()

    @property
    def settings_version(self) -> int:
        return super().settings_version + sum(optimizer.settings_version for optimizer in self._inner)

    @property
    def why_updates_differ(self) -> str | None:
        reasons = [optimizer.why_updates_differ for optimizer in self._inner]
        return next(filter(None, reasons), None) or super().why_updates_differ

    def finalize_variable_values(self, var_list: Sequence[Variable]) -> None:
        for i, optimizer in enumerate(self._inner):
            optimizer.finalize_variable_values([v for v in var_list if self._var_to_optimizer_idx[id(v)] == i])

    def get_config(self) -> dict[str, Any]:
        names = {"optimizer_map": "_optimizer_map", "loss_scale_factor": "loss_scale_factor", "name": "name"}
        return {name: plain(getattr(self, attribute)) for name, attribute in names.items()}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
        return cls(**{**config, "optimizer_map": deserialize_keras_object(config["optimizer_map"], custom_objects)})
