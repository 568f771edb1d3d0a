"""Variables, and the flat buffers they live in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import dualnet_backends as backends

from ..legacy.arguments import VARIABLE_ARGUMENTS, accept_old_names
from ..tree import flatten, map_structure
from .abstract import is_without_values, without_memory
from .allowance import take_variable
from .conversion import to_array
from .dtypes import is_float, standardize_dtype
from .naming import auto_name
from .tensor import Array, Tensor
from .tracing import before_write, memory_moved, state, trace_change
from .version import invalidate


def scope() -> tuple[str, ...]:
    """The name scopes that new variables are created in; layers/ replaces this function."""
    return ()


class Variable(Tensor):
    """A tensor that keeps its identity while its value changes: a weight, a moving average, a counter.

    The value is written in place: ``assign`` never replaces ``data``, so views of it (the flat buffers below) stay
    true.

    Args:
        initializer: a value, or a callable ``(shape, dtype=...) -> value``.
        shape: needed with a callable.
        dtype: a name, by default that of the value, or ``floatx()``.
        trainable: whether optimizers may change it.
    """

    _is_alias = True  # what is computed from it may be a view of its value
    _is_abstract = False  # whether it has no values, so that assigning does nothing (see core/abstract.py)

    @accept_old_names(VARIABLE_ARGUMENTS)
    def __init__(
        self,
        initializer: Any,
        shape: Sequence[int] | None = None,
        dtype: Any = None,
        trainable: bool = True,
        autocast: bool = True,
        aggregation: str = "none",
        synchronization: str = "auto",
        name: str | None = None,
        backend: backends.Backend | None = None,
    ) -> None:
        backend = backend or backends.current()
        self.name = name or auto_name("variable")
        self.path = "/".join((*scope(), self.name))
        self.autocast = autocast
        self.aggregation = aggregation
        self.synchronization = synchronization
        self._regularizer: Any = None
        self._constraint: Any = None
        self.overwrite_with_gradient = False
        self.buffer: FlatBuffer | None = None  # holds the value, once packed
        self.offset = 0
        self.grad: Array | None = None  # where the gradient is written: a view of buffer.grads
        if callable(initializer) and shape is None:
            raise ValueError(f"variable {self.name!r}: a shape is needed when the initializer is a function")
        if callable(initializer) and is_without_values():
            self._is_abstract = True
            super().__init__(without_memory(shape or (), standardize_dtype(dtype)))
        else:
            with backends.explaining_memory(backend):
                super().__init__(_initial_value(self.name, initializer, shape, dtype, backend))
        self._trainable = bool(trainable)
        self.tracked = self._trainable and is_float(self.data.dtype)

    def __getstate__(self) -> tuple[dict[str, Any], dict[str, Any]]:
        # A copy belongs to no flat buffer: a copied view is a view no longer.
        unpacked = {**self.__dict__, "buffer": None, "offset": 0, "grad": None}
        return unpacked, {"data": self.data.copy(), "tracked": self.tracked}

    @property
    def trainable(self) -> bool:
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = bool(value)
        self.tracked = self._trainable and is_float(self.data.dtype)
        invalidate()

    @property
    def regularizer(self) -> Any:
        """The penalty on the value that is added to the loss, or None."""
        return self._regularizer

    @regularizer.setter
    def regularizer(self, value: Any) -> None:
        if value is not self._regularizer:
            invalidate()
        self._regularizer = value

    @property
    def constraint(self) -> Any:
        """What the value is passed through after every update, or None."""
        return self._constraint

    @constraint.setter
    def constraint(self, value: Any) -> None:
        if value is not self._constraint:
            invalidate()
        self._constraint = value

    @property
    def dtype(self) -> str:
        """Of the value; inside a layer that computes in another dtype, that one."""
        own = str(self.data.dtype)
        seen = state.compute_dtype
        return own if seen is None or not self.autocast or not is_float(own) else seen

    if TYPE_CHECKING:  # dualnet.ops attaches it

        @property
        def value(self) -> Tensor: ...

    def assign(self, value: Any) -> Variable:
        """Set the value; its shape must be the variable's. Returns the variable."""
        if not self._is_abstract:
            trace_change(self, "a variable is assigned to")
        array = to_array(value, backends.of(self.data))
        if array.shape != self.data.shape:
            raise ValueError(
                f"cannot assign to variable {self.path!r}: expected shape {self.data.shape}, got {array.shape}"
            )
        if self._is_abstract:
            return self
        if state.scope is not None:
            state.scope.add_update((self, value))
            return self
        before_write(self.data)
        self.data[...] = array
        return self

    def assign_add(self, value: Any) -> Variable:
        """Add to the value in place. Returns the variable."""
        if state.scope is not None:
            return self.assign(self + value)
        if self._is_abstract:
            return self
        trace_change(self, "a variable is assigned to")
        value = to_array(value, backends.of(self.data))
        before_write(self.data)
        self.data += value
        return self

    def assign_sub(self, value: Any) -> Variable:
        """Subtract from the value in place. Returns the variable."""
        if state.scope is not None:
            return self.assign(self - value)
        if self._is_abstract:
            return self
        trace_change(self, "a variable is assigned to")
        value = to_array(value, backends.of(self.data))
        before_write(self.data)
        self.data -= value
        return self

    def move_to(self, array: Array) -> None:
        """Have the same value in another array, such as one on another device, and leave the flat buffer.

        An optimizer that was built for the variable notices (``Optimizer.ensure_built``).
        """
        self.data, self.buffer, self.offset, self.grad = array, None, 0, None

    def __repr__(self) -> str:
        return f"<Variable path={self.path}, shape={self.shape}, dtype={self.dtype}, value={self.numpy()}>"


def _initial_value(
    name: str, initializer: Any, shape: Sequence[int] | None, dtype: Any, backend: backends.Backend
) -> Array:
    """The first value of a variable, an array of its own: the caller's must not change when the variable does."""
    is_new = False
    if callable(initializer):
        take_variable(shape or (), name)
        initializer, function = initializer(tuple(shape or ()), dtype=standardize_dtype(dtype)), initializer
        is_new = getattr(type(function).__call__, "makes_new_array", False)
    array = to_array(initializer, backend, None if dtype is None else standardize_dtype(dtype))
    if shape is not None and tuple(shape) != array.shape:
        raise ValueError(f"variable {name!r}: expected a value of shape {tuple(shape)}, got {array.shape}")
    return array if is_new else backend.xp.array(array, copy=True)


def present_values(structure: Any) -> Any:
    """A structure with the present values in the place of its variables: what a layer or a branch returns does not change later."""
    if not any(isinstance(x, Variable) for x in flatten(structure)):
        return structure
    return map_structure(lambda x: x.value if isinstance(x, Variable) else x, structure)


class FlatBuffer:
    """One flat buffer for the values of several variables of one dtype, and one for their gradients.

    Packing a variable moves its value into the buffer for good; from then on ``variable.data`` and ``variable.grad``
    are views. What is done to every parameter (an update, a norm, a checkpoint) is then one pass over one array.
    """

    def __init__(self, variables: Sequence[Variable]) -> None:
        first = variables[0].data
        xp = backends.of(first).xp
        total = sum(v.size for v in variables)
        self.values = xp.empty((total,), dtype=first.dtype)
        self.grads = xp.zeros((total,), dtype=first.dtype)
        start = 0
        for v in variables:
            stop = start + v.size
            view = self.values[start:stop].reshape(v.shape)
            view[...] = v.data
            memory_moved(v.data, view)
            v.data = view
            v.grad = self.grads[start:stop].reshape(v.shape)
            v.buffer, v.offset = self, start
            start = stop


class BufferSlice:
    """A contiguous part of a flat buffer that holds some variables in a row: ``values`` and ``grads`` are flat views."""

    def __init__(self, variables: Sequence[Variable]) -> None:
        self.variables = list(variables)
        self.buffer = buffer = variables[0].buffer
        assert buffer is not None
        start, stop = variables[0].offset, variables[-1].offset + variables[-1].size
        self.values, self.grads = buffer.values[start:stop], buffer.grads[start:stop]

    def is_current(self) -> bool:
        """Whether the variables are still in the buffer; they leave it when they move to another device."""
        return all(v.buffer is self.buffer for v in self.variables)


def pack(variables: Iterable[Variable]) -> None:
    """Move every variable that is in no flat buffer yet into one, one buffer per dtype and device.

    A variable is moved once and never again, so that two optimizers which share it both keep true views.
    """
    if state.scope is not None:
        with state.scope.suspended():
            pack(variables)
        return
    groups: dict[tuple[str, str], list[Variable]] = {}
    for v in variables:
        if v.buffer is None:
            groups.setdefault((v.dtype, v.device), []).append(v)
    for group in groups.values():
        FlatBuffer(group)


def buffer_slices(variables: Sequence[Variable]) -> list[BufferSlice]:
    """The fewest contiguous parts of the flat buffers that hold exactly these variables, in their order."""
    groups: list[list[Variable]] = []
    for v in variables:
        last = groups[-1][-1] if groups else None
        if last is not None and last.buffer is v.buffer and last.offset + last.size == v.offset:
            groups[-1].append(v)
        else:
            groups.append([v])
    return [BufferSlice(group) for group in groups]


def fixed_number(value: Any, what: str) -> Any:
    """The value itself, for a number that is read once. Raises ``TypeError`` for a variable, whose later changes would do nothing."""
    if isinstance(value, Variable):
        raise TypeError(
            f"{what} is a Variable, and is read once, so that later changes of it would do nothing: give a number (now "
            f"{value.numpy()})"
        )
    return value
