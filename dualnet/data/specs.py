"""`TensorSpec`: the shape and dtype of a part of an element; `Dataset.element_spec` is made of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import Any

import numpy as np

from .elements import leaves, map_leaves


class TensorSpec:
    """The shape (None: any; entries may be None) and dtype of an array, such as one that a generator yields."""

    def __init__(self, shape: Sequence[int | None] | None, dtype: Any = "float32", name: str | None = None) -> None:
        self.shape = None if shape is None else tuple(shape)
        self.dtype = np.dtype(getattr(dtype, "as_numpy_dtype", dtype))
        self.name = name

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TensorSpec) and (self.shape, self.dtype) == (other.shape, other.dtype)

    def __hash__(self) -> int:
        return hash((self.shape, self.dtype))

    def __repr__(self) -> str:
        return f"TensorSpec(shape={self.shape}, dtype={self.dtype.name!r}, name={self.name!r})"


class DatasetSpec:
    """A dataset, such as a window, as a part of an element."""

    def __init__(self, element_spec: Any) -> None:
        self.element_spec = element_spec

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DatasetSpec) and self.element_spec == other.element_spec

    def __hash__(self) -> int:
        return hash(tuple(leaves(self.element_spec)))

    def __repr__(self) -> str:
        return f"DatasetSpec({self.element_spec!r})"


def spec_of(element: Any) -> Any:
    """The specs of an element."""

    def spec(leaf: Any) -> Any:
        if leaf is None:
            return None
        if hasattr(leaf, "element_spec"):
            return DatasetSpec(leaf.element_spec)
        array = np.asarray(leaf, object if isinstance(leaf, (str, bytes)) else None)
        return TensorSpec(array.shape, array.dtype)

    return map_leaves(spec, element)


class _NotDeclared(Exception):
    """The specs would have to be taken from the first element."""


_may_compute = ContextVar("_may_compute", default=True)


def may_compute() -> None:
    """Called before an element is computed for its specs: `declared` does not want that."""
    if not _may_compute.get():
        raise _NotDeclared


def declared(element_spec: Callable[[], Any]) -> Any:
    """The specs, where they are known before anything is computed; else None."""
    token = _may_compute.set(False)
    try:
        return element_spec()
    except _NotDeclared:
        return None
    finally:
        _may_compute.reset(token)


def row_specs(arrays: Any) -> Any:
    """The specs of the rows of arrays."""
    return map_leaves(lambda a: TensorSpec(a.shape[1:], a.dtype), arrays)


def batched_specs(spec: Any, size: int | None) -> Any:
    """The specs of batches of `size` elements (None: the last may be smaller)."""
    return _with_shapes(spec, lambda shape: (size, *shape))


def unbatched_specs(spec: Any) -> Any:
    """The specs of the rows of elements."""
    return _with_shapes(spec, lambda shape: shape[1:])


def _with_shapes(spec: Any, change: Any) -> Any:
    def changed(leaf: Any) -> Any:
        if not isinstance(leaf, TensorSpec) or leaf.shape is None:
            return leaf
        return TensorSpec(change(leaf.shape), leaf.dtype)

    return map_leaves(changed, spec)


def common_specs(spec: Any, other: Any) -> Any:
    """The specs of which both are examples: lengths that differ are None."""

    def common(a: Any, b: Any) -> Any:
        if not isinstance(a, TensorSpec) or not isinstance(b, TensorSpec):
            return a
        if a.shape is None or b.shape is None or len(a.shape) != len(b.shape):
            return TensorSpec(None, a.dtype)
        return TensorSpec([m if m == n else None for m, n in zip(a.shape, b.shape)], a.dtype)

    return map_leaves(common, spec, other)
