"""The array module of the strict device: the names and keywords of CuPy, computed by NumPy."""

from __future__ import annotations

import sys
from types import CodeType
from typing import Any

import numpy as np

from .cupy_api import NAMESPACES, frozen
from .strict_array import StrictArray, has_arrays, host_key
from .strict_transfers import product, to_device, to_host


def words(text: str) -> frozenset[str]:
    """The words of a text as a set."""
    return frozenset(text.split())


# Result shapes that depend on values: CuPy reads a count back before it can allocate.
WAITING = words(
    "argwhere bincount compress extract flatnonzero histogram histogram2d histogramdd intersect1d nanmax nanmin nonzero "
    "place putmask setdiff1d setxor1d trim_zeros union1d unique unique_all unique_counts unique_inverse "
    "unique_values"
)
FROM_HOST = words("array asanyarray asarray ascontiguousarray asfortranarray")
# Functions whose first argument must already be an array of the device.
FIRST_IS_ARRAY = words("a a1 arr array ary condition dst filt m prototype v x")
HOST_RESULT = words(
    "broadcast_shapes can_cast iscomplexobj isdtype isfortran isrealobj isscalar issubdtype iterable may_share_memory "
    "ndim promote_types result_type shape shares_memory size"
)
# Of cuBLAS, with which CuPy computes them.
PRODUCTS = words("dot einsum inner matmul tensordot vdot")
SCATTERED = words("add bitwise_and bitwise_or bitwise_xor maximum minimum subtract")
REDUCED = frozenset(("add", "multiply"))
MANY = 8  # from here on CuPy sends a table of pointers to join small arrays
SMALL = 2 << 20


def plain(x: Any) -> Any:
    """The NumPy array inside; raises for a NumPy array, which CuPy does not take as an operand."""
    if isinstance(x, StrictArray):
        return x._a
    if isinstance(x, np.ndarray):
        raise TypeError(f"Unsupported type {type(x)}: a host array met an array of the device")
    if type(x) in (list, tuple):
        return type(x)(plain(v) for v in x)
    return x


def wrap(result: Any, out: Any = None) -> Any:
    """The result on the device: scalars become 0-d arrays, ``out`` stays itself."""
    if out is not None:
        return out
    if isinstance(result, (np.ndarray, np.generic)):
        return StrictArray(np.asarray(result))
    if isinstance(result, (list, tuple)):  # those with names for their parts too, such as of linalg.svd
        return (list if type(result) is list else tuple)(wrap(v) for v in result)
    return result


def caller() -> CodeType:
    """The code that asked for what the device does, maybe by an operator."""
    frame = sys._getframe(1)
    while "strict" in frame.f_code.co_filename or frame.f_code.co_filename.endswith("mixins.py"):
        assert frame.f_back is not None
        frame = frame.f_back
    return frame.f_code


class StrictUfunc:
    """A ufunc with what CuPy's have: no ``where=``, ``reduce`` and ``accumulate`` for add and multiply only."""

    def __init__(self, ufunc: np.ufunc, name: str) -> None:
        self.ufunc, self.__name__ = ufunc, name

    def __call__(self, *args: Any, **options: Any) -> Any:
        if self.__name__ in PRODUCTS:
            product(self.__name__, caller())
        for keyword in options:
            if keyword not in ("out", "dtype", "casting"):
                raise TypeError(f"{self.__name__}() got an unexpected keyword argument '{keyword}' (CuPy has none)")
        for x in args[: self.ufunc.nin]:
            if isinstance(x, (list, tuple, str)):
                raise TypeError(f"Unsupported type {type(x)}")
        out = options.pop("out", None)
        if len(args) > self.ufunc.nin:
            out = args[self.ufunc.nin :]
        out = out if isinstance(out, tuple) or out is None else (out,)
        out_kwargs = {} if out is None else {"out": plain(out)}  # NumPy refuses None where a ufunc has two results
        result = self.ufunc(*map(plain, args[: self.ufunc.nin]), **out_kwargs, **options)
        return wrap(result, out and (out[0] if len(out) == 1 else out))

    def reduce(self, a: Any, axis: Any = 0, dtype: Any = None, out: Any = None, keepdims: bool = False) -> Any:
        if self.__name__ not in REDUCED:
            raise NotImplementedError(f"CuPy has no {self.__name__}.reduce: only those of add and multiply")
        if isinstance(out, tuple):
            (out,) = out
        return wrap(self.ufunc.reduce(plain(a), axis, dtype, plain(out), keepdims), out)

    def accumulate(self, a: Any, axis: int = 0, dtype: Any = None, out: Any = None) -> Any:
        if self.__name__ not in REDUCED:
            raise NotImplementedError(f"CuPy has no {self.__name__}.accumulate: only those of add and multiply")
        return wrap(self.ufunc.accumulate(plain(a), axis, dtype, plain(out)), out)

    def at(self, a: Any, indices: Any, b: Any = None) -> None:
        if self.__name__ not in SCATTERED:
            raise NotImplementedError(f"CuPy has no {self.__name__}.at")
        key = host_key(indices)
        if not isinstance(b, StrictArray) and has_arrays(indices):
            to_device(f"{self.__name__}.at with a {type(b).__name__}")
        self.ufunc.at(plain(a), key, plain(b))

    def outer(self, a: Any, b: Any) -> Any:
        return wrap(self.ufunc.outer(plain(a), plain(b)))


class StrictFunction:
    """A function of the module: CuPy's keywords, arrays of the device in and out."""

    def __init__(self, name: str, parameters: tuple[str, ...]) -> None:
        self.name, self.parameters = name, parameters
        self.function = _numpy(name)

    def __call__(self, *args: Any, **options: Any) -> Any:
        name, parameters = self.name, self.parameters
        for keyword in options:
            if keyword not in parameters and not any(p.startswith("**") for p in parameters):
                raise TypeError(f"{name}() got an unexpected keyword argument '{keyword}' (CuPy has none)")
        if len(args) > len(parameters) and not any(p.startswith("*") for p in parameters):
            raise TypeError(f"{name}() takes {len(parameters)} arguments but {len(args)} were given")
        if name in PRODUCTS:
            product(name, caller())
        if name in FROM_HOST:
            return from_host(name, self.function, *args, **options)
        bound = dict(zip(parameters, args)) | options
        self._check(bound)
        out = bound.get("out")
        if isinstance(out, tuple):
            (out,) = out
        result = self.function(*map(plain, args), **{k: plain(v) for k, v in options.items()})
        if name in HOST_RESULT:
            return result
        return wrap(np.asarray(result) if isinstance(result, (bool, int, float)) else result, out)

    def _check(self, bound: dict[str, Any]) -> None:
        name, parameters = self.name, self.parameters
        first = bound.get(parameters[0]) if parameters else None
        if parameters and parameters[0] in FIRST_IS_ARRAY and name not in HOST_RESULT:
            if not isinstance(first, StrictArray):
                raise TypeError(f"{name}() expects an array of the device, got {type(first).__name__}")
        if name in WAITING or (name == "where" and bound.get("x") is None):
            to_host(f"{name}()")
        if name == "repeat" and not isinstance(bound["repeats"], int):
            to_host("repeat() with a list of counts")
        for key in ("indices", "weights", "sorter", "v"):
            if isinstance(bound.get(key), (list, tuple)):
                to_device(f"{name}() with a {type(bound[key]).__name__} of {key}")
        for key in ("indices_or_sections", "axis", "shape", "newshape", "start", "stop", "step", "num"):
            if isinstance(bound.get(key), StrictArray):
                to_host(f"{name}() with an array as {key}")
        if name in ("concatenate", "concat", "stack", "hstack", "vstack"):
            arrays = list(first or ())
            if len(arrays) > MANY and sum(getattr(a, "nbytes", 0) for a in arrays) < SMALL * len(arrays):
                to_device(f"{name}() of more than {MANY} small arrays (a table of pointers)")


def from_host(name: str, function: Any, x: Any, *args: Any, **options: Any) -> Any:
    """``asarray`` and its like: free for an array of the device, a transfer for all else, numbers too."""
    options.pop("blocking", None)
    if isinstance(x, StrictArray):
        plain_result = function(x._a, *args, **options)
        return x if plain_result is x._a else StrictArray(plain_result)
    if isinstance(x, (list, tuple)) and any(isinstance(v, StrictArray) for v in x):
        return StrictArray(function(plain(x), *args, **options))
    to_device(f"{name}() of a {type(x).__name__}")
    return StrictArray(function(np.array(x), *args, **options))  # a copy: device memory is never the host's


def _numpy(name: str) -> Any:
    module: Any = np
    for part in name.split("."):
        module = getattr(module, part)
    return module


class StrictXp:
    """``xp`` of the strict device. A name CuPy lacks is an ``AttributeError`` here too."""

    __name__ = "strict"

    def __init__(self, prefix: str = "") -> None:
        self._prefix = prefix

    def __getattr__(self, name: str) -> Any:
        plain_result = self._make(self._prefix + name)
        setattr(self, name, plain_result)
        return plain_result

    def _make(self, name: str) -> Any:
        api = frozen()
        if name == "ndarray":
            return StrictArray
        if any(f"{namespace}.".startswith(f"{name}.") for namespace in NAMESPACES):
            return StrictXp(f"{name}.")
        if name not in api:
            raise AttributeError(f"module 'cupy' has no attribute {name!r}")
        if name == "asnumpy":
            return lambda a: a.get() if isinstance(a, StrictArray) else np.asarray(a)
        try:
            member = _numpy(name)
        except AttributeError:
            raise AttributeError(f"the strict device has no {name!r}: NumPy lacks it") from None
        if isinstance(member, np.ufunc) and (name in api.ufuncs or name == "matmul"):
            return StrictUfunc(member, name)
        if name in api.functions or (callable(member) and not isinstance(member, type)):
            return StrictFunction(name, api.functions.get(name, ("*args",)))
        return member


xp = StrictXp()
