"""An array that lives on the host and refuses what CuPy's refuses, so that NumPy in shared code fails on any machine.

It follows CuPy 14: no implicit conversion to NumPy, no NumPy array as an operand (scalars are fine), reductions and
element access that give 0-d arrays, and a read of a value (``float``, ``bool``, ``item``) that waits for the device.
On one point it is stricter: ``numpy.sum(array)`` and its like raise, where CuPy would hand over to its own function.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .strict_transfers import to_device, to_host


class StrictArray(np.lib.mixins.NDArrayOperatorsMixin):
    """A NumPy array that says no."""

    __slots__ = ("__weakref__", "_a")
    __array_priority__ = 100

    def __init__(self, a: Any) -> None:
        self._a = a

    shape = property(lambda self: self._a.shape)
    dtype = property(lambda self: self._a.dtype)
    ndim = property(lambda self: self._a.ndim)
    size = property(lambda self: self._a.size)
    nbytes = property(lambda self: self._a.nbytes)
    itemsize = property(lambda self: self._a.itemsize)
    strides = property(lambda self: self._a.strides)
    flags = property(lambda self: self._a.flags)
    base = property(lambda self: self._a.base)
    T = property(lambda self: StrictArray(self._a.T))

    # -- what waits for the device -------------------------------------------------------------------------------

    def get(self) -> Any:
        to_host("get()")
        return self._a.copy()

    def item(self, *index: int) -> Any:
        to_host("item()")
        return self._a.item(*index)

    def tolist(self) -> Any:
        to_host("tolist()")
        return self._a.tolist()

    def __float__(self) -> float:
        to_host("float()")
        return float(self._a)

    def __int__(self) -> int:
        to_host("int()")
        return int(self._a)

    def __bool__(self) -> bool:
        to_host("bool()")
        return bool(self._a)

    def __repr__(self) -> str:
        to_host("repr()")
        return f"strict{self._a!r}"

    def __format__(self, spec: str) -> str:
        to_host("format()")
        return format(self._a, spec)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        raise TypeError("Implicit conversion to a NumPy array is not allowed. Use .get() to say it is meant")

    # -- indexing ------------------------------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self._a)

    def __iter__(self) -> Iterator[StrictArray]:
        return (self[i] for i in range(len(self._a)))

    def __getitem__(self, key: Any) -> StrictArray:
        return StrictArray(np.asarray(self._a[host_key(key)]))

    def __setitem__(self, key: Any, value: Any) -> None:
        plain, advanced = host_key(key), has_arrays(key)
        if isinstance(value, StrictArray):
            value = value._a
        elif advanced:
            to_device(f"a {type(value).__name__} assigned to indexed elements")
        elif isinstance(value, (np.ndarray, list, tuple)):
            raise ValueError(f"non-scalar {type(value).__name__} cannot be used for fill")
        self._a[plain] = value

    # -- operators and functions ---------------------------------------------------------------------------------

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        from .strict_xp import xp

        name = ufunc.__name__
        if not hasattr(xp, name):
            raise TypeError(f"CuPy has no {name}")
        function = getattr(xp, name)
        return (function if method == "__call__" else getattr(function, method))(*inputs, **options)

    def __array_function__(self, function: Any, *args: Any, **kwargs: Any) -> Any:
        raise TypeError(f"numpy.{function.__name__} was called on a device array: use the array's own module")

    def reshape(self, *shape: Any, order: str = "C") -> StrictArray:
        return StrictArray(self._a.reshape(*shape, order=order))

    def astype(self, dtype: Any, order: str = "K", copy: bool = True) -> StrictArray:
        converted = self._a.astype(dtype, order=order, copy=copy)
        return self if converted is self._a else StrictArray(converted)

    def view(self, dtype: Any = None) -> StrictArray:
        return StrictArray(self._a.view() if dtype is None else self._a.view(dtype))

    def copy(self, order: str = "C") -> StrictArray:
        return StrictArray(self._a.copy(order=order))

    def __copy__(self) -> StrictArray:
        return self.copy()

    def __deepcopy__(self, memo: Any) -> StrictArray:
        return self.copy()

    def fill(self, value: Any) -> None:
        self[...] = value

    def flatten(self, order: str = "C") -> StrictArray:
        return StrictArray(self._a.flatten(order))

    def transpose(self, *axes: Any) -> StrictArray:
        return StrictArray(self._a.transpose(*axes))

    def sort(self, axis: int = -1, kind: Any = None) -> None:
        self._a.sort(axis=axis, kind=kind)


def _method(name: str) -> Any:
    def method(self: StrictArray, *args: Any, **kwargs: Any) -> Any:
        from .strict_xp import xp

        return getattr(xp, name)(self, *args, **kwargs)

    method.__name__ = name
    return method


METHODS = (
    "all any argmax argmin argsort clip cumprod cumsum diagonal dot max mean min nonzero prod ptp ravel repeat round "
    "searchsorted squeeze std sum swapaxes take trace var"
)
for _name in METHODS.split():
    setattr(StrictArray, _name, _method(_name))


def has_arrays(key: Any) -> bool:
    """Whether a key of ``[]`` picks elements by arrays or lists of indices, and not by numbers and slices alone."""
    parts = key if isinstance(key, tuple) else (key,)
    return any(isinstance(k, (StrictArray, np.ndarray, list, bool, np.bool_)) for k in parts)


def host_key(key: Any) -> Any:
    """The key of ``[]`` with plain arrays, after noting what it costs."""
    if isinstance(key, tuple):
        return tuple(host_key(k) for k in key)
    if isinstance(key, StrictArray):
        if key.dtype.kind == "b":
            to_host("indexing with a mask")
        return key._a
    if isinstance(key, (np.ndarray, list)):
        to_device(f"indexing with a {type(key).__name__}")
        if np.asarray(key).dtype.kind == "b":
            to_host("indexing with a mask")
    return key
