"""The whole state of an optimizer: set, saved, loaded, pickled, and used by ``stateless_apply`` without being changed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..core.tensor import Tensor
from ..core.tracing import state as tracing


class StateMethods:
    """The part of ``Optimizer`` that handles ``variables`` as a whole."""

    name: str
    built: bool
    variables: Any  # the whole state
    known_variables: Any  # the variables it was built for
    apply: Callable[..., None]
    ensure_built: Callable[..., None]
    get_config: Callable[[], dict[str, Any]]
    _pending: list[Any] | None = None  # the state of a pickled optimizer, until it is built

    def _saved_children(self) -> list[tuple[str, Any]]:
        """(name in a file, value) of the optimizers inside this one, alone or in lists."""
        return []

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Set the whole state, in the order of ``variables``."""
        if not self.built:
            raise ValueError(
                "You are calling `set_weights()` on an optimizer without state: call build(variables) first"
            )
        own = self.variables
        if len(weights) != len(own):
            raise ValueError(f"optimizer {self.name!r} has {len(own)} variables, got values for {len(weights)}")
        for v, value in zip(own, weights):
            v.assign(value)

    def stateless_apply(
        self, optimizer_variables: Sequence[Any], grads: Sequence[Any], trainable_variables: Sequence[Any]
    ) -> tuple[list[Tensor], list[Tensor]]:
        """The result of ``apply`` for these values: (weights, state of the optimizer). Nothing is changed."""
        if not self.built:
            raise ValueError(f"{type(self).__name__} must be built first: call build(trainable_variables)")
        weights, state = self.known_variables, self.variables
        for what, values, own in (
            ("optimizer_variables", optimizer_variables, state),
            ("trainable_variables", trainable_variables, weights),
        ):
            if len(values) != len(own):
                raise ValueError(f"{what} must have {len(own)} entries, got {len(values)}")
        after = self._applied(grads, weights, [*weights, *state], [*trainable_variables, *optimizer_variables])
        return after[: len(weights)], after[len(weights) :]

    def _applied(self, grads: Any, weights: Any, variables: list[Any], values: list[Any]) -> list[Tensor]:
        """The values of variables after an ``apply`` to weights, if they have ``values`` before it. They get their own back."""
        before = [v.data.copy() for v in variables]
        try:
            for v, value in zip(variables, values):
                v.assign(value)
            self.apply(grads, weights)
            return [Tensor(v.data.copy()) for v in variables]
        finally:
            for v, value in zip(variables, before):
                v.assign(value)

    def _apply_in_scope(self, grads: Any, weights: Any) -> None:
        """``apply`` in a StatelessScope: computed on the variables themselves, which get their values back, and assigned there."""
        scope = tracing.scope
        with scope.suspended():
            self.ensure_built(weights)
        variables = [*self.known_variables, *self.variables]
        values = [Tensor(v.data) for v in variables]
        with scope.suspended():
            after = self._applied(grads, weights, variables, values)
        for v, value in zip(variables, after):
            v.assign(value)

    def save_own_variables(self, store: dict[str, Any]) -> None:
        """Store the state under "0", "1", ..."""
        for i, v in enumerate(self.variables):
            store[str(i)] = v.numpy()

    def load_own_variables(self, store: Any) -> None:
        """Set the state to that of ``save_own_variables``."""
        if len(store) != len(self.variables):
            raise ValueError(f"optimizer {self.name!r} has {len(self.variables)} variables, the file has {len(store)}")
        for i, v in enumerate(self.variables):
            v.assign(store[str(i)])

    def complete_state(self, missing: set[str]) -> set[str]:
        """Called when a state was loaded that lacks variables of these names: set those that follow from the others.

        Returns:
            The names of those that keep their initial values.
        """
        return missing

    def __reduce__(self) -> Any:
        # Plain pickling would separate every view from its flat buffer.
        state = [v.numpy() for v in self.variables] if self.built else self._pending
        return _restored, (type(self), self.get_config(), state)


def _restored(cls: Any, config: dict[str, Any], state: list[Any] | None) -> Any:
    optimizer = cls.from_config(config)
    optimizer._pending = state
    return optimizer
