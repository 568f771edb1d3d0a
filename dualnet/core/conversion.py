"""From lists, numbers and host arrays to arrays on the device."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from numbers import Integral
from typing import Any

import dualnet_backends as backends

from . import settings
from .dtypes import result_type
from .symbolic import KerasTensor
from .tensor import Array, Tensor

# The op ``stack``; ops/_operators.py sets it.
stack_op: Callable[..., Any] | None = None


def holds_tensors(x: Any) -> bool:
    """Whether ``x`` is a list or tuple with tensors somewhere in it."""
    return type(x) in (list, tuple) and any(isinstance(v, (Tensor, KerasTensor)) or holds_tensors(v) for v in x)


def stack_nested(x: Any) -> Any:
    """A list with tensors in it as one tensor, by the op ``stack``, so that gradients flow and nothing goes to the host."""
    if not holds_tensors(x):
        return x

    first: Any = x
    while not isinstance(first, (Tensor, KerasTensor)):
        first = next(v for v in first if isinstance(v, (Tensor, KerasTensor)) or holds_tensors(v))

    def convert(v: Any) -> Any:
        if isinstance(v, (list, tuple)):
            assert stack_op is not None
            return stack_op([convert(part) for part in v])
        if isinstance(v, (bool, int, float)):  # numbers are weak: the tensor beside them says in which dtype they are
            backend = backends.of(first.data) if isinstance(first, Tensor) else backends.current()
            return Tensor(backend.xp.full((), v, dtype=result_type(first.dtype, type(v))))
        return v

    return convert(x)


def to_arrays(inputs: Sequence[Any], arrays: list[Any]) -> list[Any]:
    """Bring lists, host arrays and numbers to the device of the tensors beside them; numbers stay numbers beside
    arrays.

    Staying a number keeps it weak: ``x + 1.0`` has the dtype of ``x``, and nothing is copied to the device.
    """
    backend = next((backends.of(x.data) for x in inputs if isinstance(x, Tensor)), None)
    if backend is None:
        backend = next((backends.of(x) for x in arrays if hasattr(x, "shape") and hasattr(x, "dtype")), None)
        if backend is None or backend.name == "numpy":
            backend = backends.current()  # a host array goes to the device in use
    numbers = [isinstance(x, (bool, int, float)) for x in arrays]
    keep = not all(n or x is None for n, x in zip(numbers, arrays))
    out = []
    for source, x, number in zip(inputs, arrays, numbers):
        if isinstance(x, float):
            x = float(x)  # numpy.float64 is one of Python's floats, but not a weak one
        if x is None or type(x) is backend.array_type or (number and keep):
            out.append(x)
        elif isinstance(source, Tensor) and backends.of(x) is not backend:
            out.append(x)  # nothing moves a tensor but the user: the op will say so
        elif number:
            out.append(backend.asarray(x, dtype=result_type(type(x))))
        else:
            out.append(to_array(x, backend))
    # The first input decides the array module, so it is never left a bare number.
    if out and isinstance(out[0], (bool, int, float)):
        other = next(x for x in out if hasattr(x, "dtype"))
        out[0] = backend.asarray(out[0], dtype=result_type(out[0], other))
    return out


def to_array(x: Any, backend: backends.Backend | None = None, dtype: Any = None) -> Array:
    """Anything array-like as an array of ``backend`` (default: the one it is on, else the current one).

    Tensors give their array; lists of Python floats become ``floatx()`` as in Keras. Raises ``TypeError`` for what is
    no number.
    """
    if isinstance(x, Tensor):
        x = x.data
    elif hasattr(x, "detach"):  # a tensor of torch
        x = x.detach()
        x = backends.from_dlpack(x) if backends.is_on_gpu(x) else x.numpy()
    # A layer and a class of NumPy have a dtype too.
    is_array = hasattr(x, "dtype") and hasattr(x, "shape") and not isinstance(x, type)
    backend = backend or (backends.of(x) if is_array else backends.current())
    if dtype is None and not is_array:
        what = type(x).__name__
        x = _nested(x)
        dtype, is_array = x.dtype, True
        if dtype.kind == "O" and not x.ndim:
            raise TypeError(f"expected numbers, got {what}")
    if is_array and getattr(x.dtype, "kind", "f") in "OSUV" and str(x.dtype) != "bfloat16":
        raise TypeError(
            f"expected numbers, got an array of dtype {x.dtype}: rows of different lengths, strings or None? "
            "Convert it first, for example with numpy.asarray(x, dtype='float32')"
        )
    if is_array and backend.device == "cpu" and (source := backends.of(x)) is not backend:
        x = source.to_numpy(x)
    return backend.asarray(x, dtype=dtype)


def as_integers(option: Any) -> Any:
    """An axis, a shape or the like as NumPy and CuPy both take it: an int, or a tuple of them. Anything else stays as it is."""
    if isinstance(option, (bool, int, float, str, type(None))):
        return option
    if isinstance(option, (list, tuple)):
        parts = tuple(map(as_integers, option))
        # The tuple itself, if it will do: a trace knows the key of a random stream by its identity.
        return option if type(option) is tuple and all(a is b for a, b in zip(parts, option)) else parts
    if isinstance(option, Integral):
        return int(option)
    if hasattr(option, "__array_interface__") and option.ndim and option.dtype.kind in "iu":
        return as_integers(option.tolist())
    return option


def to_own_array(x: Any, backend: backends.Backend | None = None, dtype: Any = None) -> Array:
    """``to_array``, in memory that nobody else has: the caller may change an array of theirs afterwards."""
    array = to_array(x, backend, dtype)
    return array.copy() if array is x or array.base is not None or isinstance(x, Tensor) else array


def _nested(x: Any) -> Any:
    """A nested list, possibly with tensors in it, as one host array of the dtype Keras would give it."""
    dtypes: set[Any] = set()  # of the arrays and scalars in it that have one; Python numbers are weak

    def plain(v: Any) -> Any:
        if isinstance(v, (list, tuple)):
            return [plain(part) for part in v]
        v = v.data if isinstance(v, Tensor) else v
        dtypes.add(getattr(v, "dtype", type(v)))
        backend = backends.by_type.get(type(v))
        return v if backend is None else backend.to_numpy(v)

    host = backends.get("cpu")
    try:
        array = host.asarray(plain(x))
    except ValueError as error:
        raise ValueError(f"cannot make an array of {type(x).__name__}: {error}") from None
    if array.dtype.kind in "biuf" and any(not isinstance(d, type) for d in dtypes):
        return array.astype(result_type(*dtypes))
    if array.dtype == "float64":
        return array.astype(settings.floatx())
    if array.dtype == "int64" and (array.size == 0 or abs(array).max() < 2**31):
        return array.astype("int32")
    return array
