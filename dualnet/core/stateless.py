"""StatelessScope: variables with other values inside a block, and what becomes of them there.

Three things are kept apart. Ops get, in the place of a variable, the tensor that stands for its value, so that gradients flow to what
the scope was given (``seen``). Code that reads the array of a variable finds that of this tensor there. And code that writes into
an array says so first (``before_write``), upon which the scope notes the old values, and puts them back at the end.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Self

import dualnet_backends as backends

from . import op
from .conversion import to_array
from .op import primitive
from .tensor import Tensor
from .tracing import before_write, live_tapes, note_reads, state
from .variables import Variable


@primitive
def _copied(xp: Any, x: Any, /, dtype: str) -> Any:
    return x.astype(dtype), lambda dy: dy.astype(x.dtype)  # which copies, of the same dtype too


class StatelessScope:
    """A block in which nothing changes a variable: new values go to the scope, and reading a variable gives the value it has there.

    >>> with StatelessScope([(v, 2.0)]) as scope:
    ...     v.assign(3 * v)
    >>> scope.get_current_value(v), v   # 6.0, and v as before

    Gradients flow to the tensors in ``state_mapping``, and through the values assigned. A training step (``fit``,
    ``train_on_batch``) cannot run in it; ``optimizer.apply`` can. It belongs to the thread that opened it: others should not use the
    variables meanwhile.

    Args:
        state_mapping: (variable, value) pairs; a variable that is in none has its own value.
        collect_losses: keep in ``losses`` what ``add_loss`` adds inside.
        initialize_variables: for programs written for Keras: variables made inside have their first values at once.
    """

    def __init__(
        self,
        state_mapping: Iterable[tuple[Variable, Any]] | None = None,
        collect_losses: bool = False,
        initialize_variables: bool = True,
    ) -> None:
        self.collect_losses = collect_losses
        self.initialize_variables = initialize_variables
        self.losses: list[Any] = []
        self.state_mapping: dict[int, Any] = {}  # id of a variable -> its value in the scope
        self._variables: dict[int, Variable] = {}
        self._arrays: dict[int, Any] = {}  # while it is open: id of a variable -> its array outside
        self._own: dict[int, int] = {}  # id of an array that the scope made -> id of the variable
        self._written: dict[int, tuple[Any, Any]] = {}  # id of an array -> the array, and its values before
        self._results: dict[int, tuple[Any, Tensor]] = {}  # the same, and its values at the end
        self._losses_of: list[tuple[Any, Any]] = []
        self._outer: StatelessScope | None = None
        self._thread: int | None = None  # that opened it
        for variable, value in state_mapping or ():
            if not isinstance(variable, Variable):
                raise ValueError(
                    "Invalid reference variable in StatelessScope: all keys in argument `mapping` must be Variable instances. "
                    f"Received instead: {variable}"
                )
            # Nothing but an optimizer writes into the array of a trainable variable, and that does it outside.
            self._set(variable, value, copy=not variable.trainable)

    # -- values --------------------------------------------------------------------------------------------------

    def get_current_value(self, variable: Variable) -> Any:
        """The value of a variable in the scope, as a tensor; None if it was neither given nor changed."""
        value = self.state_mapping.get(id(variable))
        if value is not None:
            return _copied(value, str(value.data.dtype)) if self._is_open and id(value.data) in self._own else value
        if self._is_open:
            return Tensor(variable.data.copy()) if id(variable.data) in self._written else None
        result = self._results.get(id(variable.data))
        return None if result is None else result[1]

    def add_update(self, update: tuple[Variable, Any]) -> None:
        """Let a variable have another value from now on: ``(variable, value)``."""
        self._set(*update, copy=True)

    def add_loss(self, loss: Any) -> None:
        """Add to ``losses``."""
        self.losses.append(loss)

    def _set(self, variable: Variable, value: Any, copy: bool) -> None:
        key, dtype = id(variable), str(variable.data.dtype)
        shape = getattr(value, "shape", None)
        if not isinstance(value, Tensor):
            value = Tensor(to_array(value, backends.of(variable.data), dtype).copy())
        elif copy or str(value.data.dtype) != dtype:
            value = _copied(value, dtype)
        elif state.scope is not None:
            (value,) = state.scope.seen((value,))
        if value.shape != variable.shape:
            raise ValueError(
                "Invalid variable value in StatelessScope: all values in argument `mapping` must be tensors with a shape that "
                f"matches the corresponding variable shape. For variable {variable.path!r} of shape {variable.shape}, received a "
                f"value of shape {shape if shape is not None else value.shape}"
            )
        before = self.state_mapping.get(key)
        if before is not None:
            self._own.pop(id(before.data), None)
        if copy:
            value._is_alias = True  # for tensors that are views of it
            self._own[id(value.data)] = key
        self.state_mapping[key], self._variables[key] = value, variable
        if self._is_open:
            note_reads()
            self._arrays.setdefault(key, variable.data)
            variable.data = value.data

    def seen(self, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        """The inputs of an op with the values of the scope, and of those around it, in the place of variables."""
        return tuple(self._value_of(x) if isinstance(x, Variable) else x for x in inputs)

    def _value_of(self, variable: Variable) -> Any:
        value = self.state_mapping.get(id(variable))
        if value is None:
            return variable if self._outer is None else self._outer._value_of(variable)
        return value

    # -- losses --------------------------------------------------------------------------------------------------

    def add_losses_of(self, layer: Any, losses: list[Any]) -> None:
        """Keep what ``add_loss`` of a layer adds."""
        if self.collect_losses:
            self.losses += losses
            self._losses_of += [(layer, loss) for loss in losses]

    def losses_of(self, layer: Any) -> list[Any]:
        """What ``add_loss`` of a layer has added in the scope, in its last call."""
        return [loss for other, loss in self._losses_of if other is layer]

    def clear_losses_of(self, layer: Any) -> None:
        """Forget them."""
        gone = {id(loss) for loss in self.losses_of(layer)}
        self.losses = [loss for loss in self.losses if id(loss) not in gone]
        self._losses_of = [(other, loss) for other, loss in self._losses_of if other is not layer]

    # -- the block -----------------------------------------------------------------------------------------------

    @property
    def _is_open(self) -> bool:
        return self._thread is not None

    def __enter__(self) -> Self:
        if self._is_open:
            raise RuntimeError("this StatelessScope is open already: make another one")
        if op.variables_hook is None:
            op.variables_hook = _seen
        self._outer, self._thread = state.scope, threading.get_ident()
        self._swap_in()
        live_tapes[id(self)] = weakref.ref(self)  # before_write asks it
        state.scope = self
        return self

    def __exit__(self, *error: object) -> None:
        del live_tapes[id(self)]
        state.scope = None
        written = {key: array for key, (array, _) in self._written.items()}
        results = {key: Tensor(array.copy()) for key, array in written.items()}
        for key, value in self.state_mapping.items():
            self.state_mapping[key] = results.get(id(value.data), value)
        self._results = {key: (array, results[key]) for key, array in written.items()}
        for array, values in self._written.values():
            before_write(array)
            array[...] = values
        self._written.clear()
        self._swap_out()
        state.scope, self._outer, self._thread = self._outer, None, None

    @contextmanager
    def suspended(self) -> Iterator[None]:
        """Let variables be themselves inside the block, for what works on their arrays as a whole, such as an update."""
        scopes = [self]
        while (outer := scopes[-1]._outer) is not None:
            scopes.append(outer)
        for scope in scopes:
            scope._swap_out()
        state.scope = None
        try:
            yield
        finally:
            for scope in reversed(scopes):
                scope._swap_in()
            state.scope = self

    def _swap_in(self) -> None:
        note_reads()
        for key, variable in self._variables.items():
            self._arrays[key] = variable.data
            variable.data = self.state_mapping[key].data

    def _swap_out(self) -> None:
        note_reads()
        for key, variable in self._variables.items():
            variable.data = self._arrays.pop(key)

    # -- called by the engine, as the methods of a tape ------------------------------------------------------------

    def save(self, array: Any) -> None:
        """Before an array is written to."""
        if state.scope is not self:  # of another thread, or it is suspended, or there is one inside it
            return
        key = self._own.get(id(array))
        if key is not None:
            self.state_mapping[key] = value = Tensor(array)  # it does not follow any more from what was assigned
            value._is_alias = True
        elif id(array) not in self._written:
            self._written[id(array)] = array, array.copy()

    def move(self, old: Any, new: Any) -> None:
        """Before a variable gets another array."""


def _seen(inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    return inputs if state.scope is None else state.scope.seen(inputs)
