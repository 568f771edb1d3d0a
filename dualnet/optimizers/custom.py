"""Keras's methods for custom optimizers: variables of the optimizer, and their index by weight."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import dualnet_backends as backends

from .. import initializers
from ..core.variables import Variable


class CustomOptimizerMethods:
    """For a subclass that overrides ``build(variables)``, which calls this class's first, and
    ``update_step(gradient, variable, learning_rate)``.

    Example::

        class Momentum(Optimizer):
            def build(self, variables):
                super().build(variables)
                self.momentums = [self.add_variable_from_reference(v, "momentum") for v in variables]

            def update_step(self, gradient, variable, learning_rate):
                m = self.momentums[self._get_variable_index(variable)]
                self.assign(m, 0.9 * m - learning_rate * gradient)
                self.assign_add(variable, m)
    """

    _added: list[Variable]
    _trainable_variables_indices: dict[int, int]

    def add_variable(
        self,
        shape: Sequence[int],
        initializer: Any = "zeros",
        dtype: Any = None,
        aggregation: str = "none",
        layout: Any = None,
        name: str | None = None,
        backend: backends.Backend | None = None,
    ) -> Variable:
        """A new variable of the optimizer, saved with its state. layout is accepted and ignored."""
        variable = Variable(
            initializers.get(initializer),
            shape=tuple(shape),
            dtype=dtype,
            trainable=False,
            aggregation=aggregation,
            name=name,
            backend=backend,
        )
        self._added.append(variable)
        return variable

    def add_variable_from_reference(
        self, reference_variable: Variable, name: str | None = None, initializer: Any = "zeros"
    ) -> Variable:
        """A new variable with the shape, dtype and device of a weight."""
        variable = self.add_variable(
            reference_variable.shape,
            initializer,
            reference_variable.dtype,
            name=f"{reference_variable.path.replace('/', '_')}_{name or 'var'}",
            backend=backends.of(reference_variable.data),
        )
        variable.path = variable.name
        return variable

    def add_optimizer_variables(
        self, trainable_variables: Sequence[Variable], name: Any, initializer: Any = "zeros"
    ) -> Any:
        """A variable like each weight; for several names, a list per name, created weight by weight."""
        names = [name] if isinstance(name, str) else list(name)
        initializers_by_name = (
            list(initializer) if isinstance(initializer, (list, tuple)) else [initializer] * len(names)
        )
        if len(initializers_by_name) != len(names):
            raise ValueError(
                f"got {len(names)} names ({names}) and {len(initializers_by_name)} initializers: one is needed for each"
            )
        groups: list[list[Variable | None]] = [[] for _ in names]
        for v in trainable_variables:
            for group, n, i in zip(groups, names, initializers_by_name):
                group.append(None if v.overwrite_with_gradient else self.add_variable_from_reference(v, n, i))
        return groups[0] if isinstance(name, str) else tuple(groups)

    def assign(self, variable: Variable, value: Any) -> None:
        """Set a variable."""
        variable.assign(value)

    def assign_add(self, variable: Variable, value: Any) -> None:
        """Add to a variable."""
        variable.assign_add(value)

    def assign_sub(self, variable: Variable, value: Any) -> None:
        """Subtract from a variable."""
        variable.assign_sub(value)

    def _get_variable_index(self, variable: Variable) -> int:
        index = self._trainable_variables_indices.get(id(variable))
        if index is None:
            raise ValueError(f"Unknown variable: {variable.path!r} is not among those this optimizer was built for")
        return index
