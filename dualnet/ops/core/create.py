"""Creation of tensors, from constants or host values, on the current device."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import dualnet_backends as backends

from ...core.conversion import stack_nested, to_array, to_own_array
from ...core.dtypes import result_type, standardize_dtype
from ...core.op import is_differentiable
from ...core.tensor import Tensor
from ...core.tracing import trace_constant
from ...core.variables import Variable
from .. import shape_rules
from ..math.elementwise import cast, copy
from ..registry import export, op

Shape = int | Sequence[int]


def _shape(shape: Shape) -> tuple[int, ...]:
    return (shape,) if isinstance(shape, int) else tuple(shape)


def _new(
    name: str, *args: Any, backend: backends.Backend | None = None, is_constant: bool = True, **options: Any
) -> Tensor:
    """What a function of the array module makes, on the current device by default. is_constant: of a shape and numbers alone."""
    backend = backend or backends.current()
    try:
        tensor = Tensor(getattr(backend.xp, name)(*args, **options))
    except MemoryError as error:
        raise backends.out_of_memory(backend, error) or error from error
    if is_constant:
        trace_constant(tensor)
    return tensor


@op("core")
def convert_to_tensor(x: Any, /, dtype: Any = None, sparse: bool | None = None) -> Tensor:
    """An array, number or nested list as a tensor; a tensor of the right dtype is returned as it is.

    Of a variable: its current value, in a tensor that later updates do not change. A list of tensors is stacked, so that
    gradients flow.
    """
    x = stack_nested(x)
    if isinstance(x, Tensor) and (dtype is None or str(x.dtype) == standardize_dtype(dtype)):
        return x.value if isinstance(x, Variable) else x
    if isinstance(x, Tensor):
        return cast(x, dtype)
    return Tensor(to_own_array(x, backends.current(), None if dtype is None else standardize_dtype(dtype)))


def _as_tensor(x: Any) -> Any:
    """A number or nested list as a tensor; tensors, variables and arrays as they are."""
    return x if hasattr(x, "dtype") else convert_to_tensor(x)


def _as_tensors(xs: Any) -> list[Any]:
    """The parts of a sequence, or of a tensor along its first axis, for an op that joins them.

    Numbers are weak, as elsewhere: they become tensors of the dtype that the other parts have.
    """
    numbers = (bool, int, float)
    xs = [x if isinstance(x, numbers) else _as_tensor(x) for x in xs]
    if not any(isinstance(x, numbers) for x in xs):
        return xs
    dtype = result_type(*(x if isinstance(x, numbers) else x.dtype for x in xs))
    return [convert_to_tensor(x, dtype) if isinstance(x, numbers) else x for x in xs]


@op("numpy")
def array(x: Any, /, dtype: Any = None) -> Tensor:
    """An array, number or nested list as a new tensor"""
    return copy(convert_to_tensor(x, dtype))


@export("core")
def convert_to_numpy(x: Any) -> Any:
    """The value as a NumPy array on the host"""
    if isinstance(x, Tensor):
        return x.numpy()
    return backends.of(x).to_numpy(x) if hasattr(x, "dtype") else to_array(x, backends.get("cpu"))


@export("core")
def is_tensor(x: Any) -> bool:
    """Whether x is a tensor (or variable) of this library"""
    return isinstance(x, Tensor)


@export("numpy")
def zeros(shape: Shape, dtype: Any = None) -> Tensor:
    """All 0"""
    return _new("zeros", _shape(shape), dtype=standardize_dtype(dtype))


@export("numpy")
def ones(shape: Shape, dtype: Any = None) -> Tensor:
    """All 1"""
    return _new("ones", _shape(shape), dtype=standardize_dtype(dtype))


@op("numpy", call=("fill_value",))
def full(shape: Shape, fill_value: Any, dtype: Any = None) -> Tensor:
    """All ``fill_value``"""
    if is_differentiable(fill_value):
        return cast(fill_value, standardize_dtype(dtype)) + zeros(shape, dtype)
    value = fill_value.data if isinstance(fill_value, Tensor) else fill_value
    is_constant = isinstance(value, (bool, int, float))
    return _new("full", _shape(shape), value, dtype=standardize_dtype(dtype), is_constant=is_constant)


@op("numpy", shape=shape_rules.unchanged)
def zeros_like(x: Any, /, dtype: Any = None) -> Tensor:
    """All 0, in the shape (and by default the dtype) of x"""
    return _like("zeros_like", x, dtype)


@op("numpy", shape=shape_rules.unchanged)
def ones_like(x: Any, /, dtype: Any = None) -> Tensor:
    """All 1, in the shape (and by default the dtype) of x"""
    return _like("ones_like", x, dtype)


def _like(name: str, x: Any, dtype: Any) -> Tensor:
    x = convert_to_tensor(x)
    return _new(name, x.data, dtype=standardize_dtype(dtype or x.dtype), backend=backends.of(x.data))


@op("numpy", shape=shape_rules.unchanged)
def full_like(x: Any, fill_value: Any, /, dtype: Any = None) -> Tensor:
    """All ``fill_value``, in the shape of x"""
    x = convert_to_tensor(x)
    return full(x.shape, fill_value, dtype or x.dtype)


@export("numpy")
def arange(start: Any, stop: Any = None, step: Any = None, dtype: Any = None) -> Tensor:
    """Numbers from start (0) up to stop, which is excluded"""
    if dtype is None:
        dtype = result_type(*(getattr(v, "dtype", type(v)) for v in (start, stop, step) if v is not None))
    if stop is None:
        start, stop = 0, start
    step = 1 if step is None else step
    numbers = [v.item() if isinstance(v, Tensor) else v for v in (start, stop, step)]
    is_constant = all(isinstance(v, (bool, int, float)) for v in (start, stop, step))
    y = _new("arange", *numbers, dtype=standardize_dtype(dtype), is_constant=is_constant)
    return start + arange(y.size, dtype=dtype) * step if is_differentiable([start, step]) else y


@export("numpy")
def eye(N: int, M: int | None = None, k: int = 0, dtype: Any = None) -> Tensor:
    """1 on the k-th diagonal, 0 elsewhere"""
    return _new("eye", N, M, k=k, dtype=standardize_dtype(dtype))


@export("numpy")
def identity(n: int, dtype: Any = None) -> Tensor:
    """The n by n matrix with 1 on its diagonal, 0 elsewhere"""
    return eye(n, dtype=dtype)


@export("numpy")
def tri(N: int, M: int | None = None, k: int = 0, dtype: Any = None) -> Tensor:
    """N by M (by default N), 1 on and below the k-th diagonal, 0 above"""
    return _new("tri", N, M, k=k, dtype=standardize_dtype(dtype))


@export("numpy")
def empty(shape: Shape, dtype: Any = None) -> Tensor:
    """A tensor with unspecified values; they are 0, so that programs are reproducible"""
    return zeros(shape, dtype)


@op("numpy", shape=shape_rules.unchanged)
def empty_like(x: Any, /, dtype: Any = None) -> Tensor:
    """As ``empty``, in the shape (and by default the dtype) of x"""
    return zeros_like(x, dtype)
