"""Autocast: the dtype in which a layer's ops see its variables, the half of mixed precision that is not the inputs."""

from __future__ import annotations

from typing import Any

from ..core import op
from ..core.dtypes import is_float, standardize_dtype
from ..core.tracing import state
from .math.elementwise import cast


class AutocastScope:
    """A block in which ops see floating point variables in another dtype; gradients still reach them in their own.

    dtype: a floating point dtype, or None for variables as they are. Variables made with ``autocast=False`` are always seen as
    they are.
    """

    def __init__(self, dtype: Any) -> None:
        self.dtype = None if dtype is None else standardize_dtype(dtype)
        if self.dtype is not None and not is_float(self.dtype):
            raise ValueError(
                "`AutocastScope` can only be used with a floating-point target dtype, such as 'float16'. "
                f"Received: dtype={dtype}"
            )
        if self.dtype is not None:
            enable()

    def maybe_cast(self, value: Any) -> Any:
        """``value`` in the dtype of the scope, if that and its own are floating point."""
        if self.dtype is None or not is_float(value.dtype):
            return value
        return cast(value, self.dtype)

    def __enter__(self) -> AutocastScope:
        self._before = state.compute_dtype
        state.compute_dtype = self.dtype
        return self

    def __exit__(self, *error: object) -> None:
        state.compute_dtype = self._before


def enable() -> None:
    """Let ops ask from now on; before, programs without mixed precision pay nothing."""
    op.variables_hook = _cast_variables


def _cast_variables(inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    """The inputs of an op, variables in the dtype of the scope, and with the values that they have in a ``StatelessScope``."""
    dtype = state.compute_dtype
    values = inputs if state.scope is None else state.scope.seen(inputs)
    if dtype is None or not any(_is_cast(x, dtype) for x in inputs):
        return values
    state.compute_dtype = None  # the cast itself sees the variable as it is
    try:
        return tuple(cast(value, dtype) if _is_cast(x, dtype) else value for x, value in zip(inputs, values))
    finally:
        state.compute_dtype = dtype


def _is_cast(x: Any, dtype: str) -> bool:
    return getattr(x, "autocast", False) and is_float(x.data.dtype) and str(x.data.dtype) != dtype
