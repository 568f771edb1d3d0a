"""Arrays whose operations are ops, and the array module that goes with them."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import dualnet_backends as backends
import numpy as np
from dualnet_backends import Backend

from ... import tree
from ...core.conversion import to_array
from ...core.op import primitive
from ...core.tensor import Array, Tensor, Xp
from .._common import Forward, sum_to

ops: dict[str, Any] = {}  # those of dualnet.ops, by name; ops/__init__.py fills it in


class DifferentiableArray(np.lib.mixins.NDArrayOperatorsMixin):
    """A tensor with the interface of an array, for the array code of ops.

    It can be written to, as an array can: its tensor is then another one. A view (a slice, a reshaped array) shares memory with the
    array it was made from, which a tensor cannot; so after one of them was written to, using another raises ``NotImplementedError``.
    """

    __array_priority__ = 1000

    def __init__(self, tensor: Tensor, memory: list[int] | None = None) -> None:
        self._tensor = tensor
        self._memory = [0] if memory is None else memory  # how often this memory was written to; shared by views
        self._version = self._memory[0]

    @property
    def tensor(self) -> Tensor:
        """The value."""
        if self._version != self._memory[0]:
            raise NotImplementedError("its formula uses an array after a view of it was written to")
        return self._tensor

    def write(self, value: Any) -> None:
        """Have this value from now on, in the shape and dtype of the array."""
        tensor = ops["cast"](unwrap(value), str(self.dtype))
        self._tensor = tensor if tensor.shape == self.shape else ops["broadcast_to"](tensor, self.shape)
        self._memory[0] += 1
        self._version = self._memory[0]

    shape = property(lambda self: self._tensor.data.shape)
    dtype = property(lambda self: self._tensor.data.dtype)
    ndim = property(lambda self: self._tensor.data.ndim)
    size = property(lambda self: self._tensor.data.size)
    T = property(lambda self: module(self).transpose(self))

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        if method != "__call__":
            raise NotImplementedError(f"its formula uses numpy.{ufunc.__name__}.{method}")
        if "out" in options:
            options["out"] = options["out"][0]
        return getattr(module(self), ufunc.__name__)(*inputs, **options)

    def __array__(self, *args: Any, **options: Any) -> Any:
        raise NotImplementedError("its formula reads an array on the host")

    def __float__(self) -> float:
        raise NotImplementedError("its formula reads a number on the host")

    def __bool__(self) -> bool:
        if self.dtype.kind != "b":
            raise NotImplementedError("its formula reads a number on the host")
        return bool(self.tensor.data)

    def __len__(self) -> int:
        return len(self._tensor.data)

    def __iter__(self) -> Any:
        return (self[i] for i in range(len(self)))

    def __getitem__(self, key: Any) -> DifferentiableArray:
        if key is ...:
            return self
        key = _plain(key, self)
        shared = self._memory if all(not hasattr(k, "dtype") for k in (key if type(key) is tuple else (key,))) else None
        return DifferentiableArray(ops["get_item"](self.tensor, key), shared)

    def __setitem__(self, key: Any, value: Any) -> None:
        if isinstance(value, DifferentiableArray) and value._memory is self._memory:
            # ``x[key] += y``: the view x[key] was written to, and is now put back.
            if value._version != self._memory[0] or self._version + 1 != value._version:
                raise NotImplementedError("its formula writes a view to another part of its array")
            self._version = value._version
        before = self.tensor
        self.write(_set_item(before, ops["cast"](unwrap(value), str(self.dtype)), _plain(key, self)))

    def reshape(self, *shape: Any) -> DifferentiableArray:
        return module(self).reshape(self, shape[0] if len(shape) == 1 else shape)

    def transpose(self, *axes: Any) -> DifferentiableArray:
        return module(self).transpose(self, (axes[0] if len(axes) == 1 else axes) or None)

    def astype(self, dtype: Any, copy: bool = True) -> DifferentiableArray:
        shared = self._memory if not copy and np.dtype(dtype) == self.dtype else None
        return DifferentiableArray(ops["cast"](self.tensor, str(np.dtype(dtype))), shared)

    def fill(self, value: Any) -> None:
        self.write(value)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # a protocol that NumPy and CuPy ask for
            raise AttributeError(name)
        if name not in _METHODS:
            raise NotImplementedError(f"its formula uses the attribute {name!r} of an array")
        function = getattr(module(self), name)
        return lambda *args, **options: function(self, *args, **options)


_METHODS = (
    "all any argmax argmin argsort clip conj copy cumprod cumsum diagonal dot flatten max mean min prod ravel repeat round sort squeeze "
    "std sum swapaxes take var"
).split()

# What returns a view of its first argument.
_VIEWS = set("broadcast_to diagonal expand_dims flip moveaxis ravel reshape squeeze swapaxes transpose".split())
_VIEWS |= set("array_split ascontiguousarray asarray imag real split".split())

# NumPy's names of ops that have another one here.
_NAMES = {f"linalg.{name}": name for name in "cholesky det eigh inv qr slogdet solve svd pinv".split()}
_NAMES |= {"remainder": "mod", "fabs": "abs", "flatten": "ravel", "concat": "concatenate", "array": "copy"}

# Integers, truth values and steps (``sign``, ``floor``), which have no gradient: computed on arrays.
_WITHOUT_GRADIENT = set(
    "all any argmax argmin argpartition argsort count_nonzero isfinite isinf isnan nonzero searchsorted signbit".split()
)
_WITHOUT_GRADIENT |= set(
    "equal not_equal less less_equal greater greater_equal logical_and logical_or logical_not logical_xor".split()
)
_WITHOUT_GRADIENT |= set(
    "ceil floor rint round sign trunc result_type promote_types can_cast finfo iinfo shape ndim".split()
)

# Constants, whatever the values of their arguments (but the value of ``full``).
_CONSTANTS = {"zeros", "ones", "empty", "full", "zeros_like", "ones_like", "empty_like", "full_like"}


class DifferentiableModule:
    """The array module of differentiable arrays: its functions are ops where an argument is one, else those of the real module."""

    def __init__(self, xp: Xp, prefix: str = "") -> None:
        self._xp, self._prefix = xp, prefix

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._xp, name)
        if isinstance(real, (ModuleType, type(self._xp))):  # such as linalg
            return DifferentiableModule(real, f"{self._prefix}{name}.")
        if isinstance(real, type) or not callable(real):
            return real
        function = _Function(self._prefix + name, real)
        setattr(self, name, function)
        return function


class _Function:
    """A function of the array module."""

    def __init__(self, name: str, real: Any) -> None:
        self._name, self._real = name, real

    def __call__(self, *args: Any, out: Any = None, dtype: Any = None, **options: Any) -> Any:
        dtype_option = {} if dtype is None else {"dtype": dtype}
        if self._name in ("full", "full_like") and isinstance(args[1], DifferentiableArray):
            like = self._real(
                _array(args[0]), 0, dtype=args[1].dtype if dtype is None and self._name == "full" else dtype
            )
            return module(args[1]).broadcast_to(args[1].astype(like.dtype, copy=False), like.shape)
        if self._name in _CONSTANTS:
            constant = self._real(*tree.map_structure(_array, args), **dtype_option, **options)
            return constant if constant.dtype.kind in "biu" else DifferentiableArray(Tensor(constant))
        if self._name == "put_along_axis":
            return _put_along_axis(*args, **options)
        if not any(isinstance(x, DifferentiableArray) for x in tree.flatten([args, options])):
            if isinstance(out, DifferentiableArray):
                out.write(self._real(*args, **dtype_option, **options))
                return out
            return self._real(*args, **dtype_option, **options, **({} if out is None else {"out": out}))
        result = self._op(args, options)
        if dtype is not None:
            result = result.astype(dtype, copy=False)
        if out is None:
            return result
        if not isinstance(out, DifferentiableArray):
            raise NotImplementedError(f"its formula writes {self._name}(..., out=) to an array made elsewhere")
        out.write(result)
        return out

    def _op(self, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
        name = _NAMES.get(self._name, self._name)
        if name in _WITHOUT_GRADIENT:
            return self._real(*tree.map_structure(_array, args), **tree.map_structure(_array, options))
        if name in ("asarray", "ascontiguousarray"):
            return args[0]
        if name == "copysign":
            return args[0] * _flip(self._real, *map(_array, args))
        if name not in ops or "where" in options:
            raise NotImplementedError(f"its formula uses numpy.{self._name}, which is no op")
        memory = args[0]._memory if self._name in _VIEWS and isinstance(args[0], DifferentiableArray) else None
        if name in ("concatenate", "stack"):
            args = (list(args[0]), *args[1:])
        result = ops[name](*map(unwrap, args), **{key: unwrap(value) for key, value in options.items()})
        if isinstance(result, (tuple, list)):
            return type(result)(DifferentiableArray(y, memory) for y in result)
        return DifferentiableArray(result, memory)

    def at(self, target: Any, key: Any, values: Any) -> None:
        """``numpy.add.at``."""
        if not any(isinstance(x, DifferentiableArray) for x in (target, values)):
            self._real.at(target, key, values)
            return
        if not isinstance(target, DifferentiableArray) or self._name != "add":
            raise NotImplementedError(f"its formula uses numpy.{self._name}.at")
        target.write(target.tensor + _add_at(unwrap(values), _plain(key, target), target.shape, str(target.dtype)))


def _flip(copysign: Any, x: Array, sign: Array) -> Array:
    """1, or -1 where ``copysign`` changes the sign of x."""
    one = x.dtype.type(1)
    return copysign(one, x) * copysign(one, sign)


def _put_along_axis(target: Any, indices: Array, values: Any, axis: int) -> None:
    xp, axis = module(target)._xp, axis % target.ndim
    others = [
        xp.arange(n).reshape((1,) * i + (-1,) + (1,) * (indices.ndim - i - 1)) for i, n in enumerate(indices.shape)
    ]
    target[(*others[:axis], indices, *others[axis + 1 :])] = values


def module(x: DifferentiableArray) -> DifferentiableModule:
    return DifferentiableModule(backends.of(x._tensor.data).xp)


def unwrap(x: Any) -> Any:
    """Differentiable arrays as tensors, in lists too; other things as they are."""
    if type(x) in (list, tuple):
        return type(x)(map(unwrap, x))
    return x.tensor if isinstance(x, DifferentiableArray) else x


def _array(x: Any) -> Any:
    return x.tensor.data if isinstance(x, DifferentiableArray) else x


def _plain(key: Any, x: DifferentiableArray) -> Any:
    """A key of x with arrays in the place of what is an index, which has no gradient."""
    if type(key) is tuple:
        return tuple(_plain(k, x) for k in key)
    if isinstance(key, DifferentiableArray):
        return key.tensor.data
    return to_array(key, backends.of(x.tensor.data)) if isinstance(key, list) else key


@primitive
def _set_item(xp: Xp, x: Array, value: Array, /, key: Any = None) -> Forward:
    """x with ``value`` at the key"""
    y = x.copy()
    y[key] = value

    def backward(dy: Array) -> tuple[Array, Any]:
        dx = dy.copy()
        dx[key] = 0
        return dx, sum_to(xp, dy[key], value)

    return y, backward


@primitive
def _add_at(backend: Backend, values: Array, /, key: Any = None, shape: Any = (), dtype: str = "float32") -> Forward:
    """Zeros, with the values added at the key; those of repeated indices add up"""
    y = backend.xp.zeros(shape, dtype=dtype)
    backend.add_at(y, key, values)

    def backward(dy: Array) -> Any:
        return sum_to(backend.xp, dy[key], values)

    return y, backward
