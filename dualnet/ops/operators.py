"""Tensors behave like arrays: operators, indexing, and NumPy's own functions are ops.  Importing this attaches them."""

from __future__ import annotations

from typing import Any

from .. import ops
from ..core.tensor import KerasTensor, Tensor

_OPERATORS = {
    "add": ops.add, "sub": ops.subtract, "mul": ops.multiply, "truediv": ops.divide, "floordiv": ops.floor_divide,
    "mod": ops.mod, "pow": ops.power, "matmul": ops.matmul, "and": ops.logical_and, "or": ops.logical_or,
    "xor": ops.logical_xor,
}  # fmt: skip
_COMPARISONS = {
    "eq": ops.equal, "ne": ops.not_equal, "lt": ops.less, "le": ops.less_equal, "gt": ops.greater, "ge": ops.greater_equal,
}  # fmt: skip
_UNARY = {"neg": ops.negative, "abs": ops.absolute, "invert": ops.logical_not, "getitem": ops.get_item}
# The ufuncs whose op has another name here, and the reductions of ufuncs.
_UFUNCS = {"logical_not": ops.logical_not, "power": ops.power, "float_power": ops.power, "remainder": ops.mod}
_REDUCTIONS = {
    "add": ops.sum, "multiply": ops.prod, "maximum": ops.max, "minimum": ops.min, "logical_and": ops.all, "logical_or": ops.any,
}  # fmt: skip


def _operator(op: Any) -> Any:
    return lambda x, y: op(x, y)


def _reflected(op: Any) -> Any:
    return lambda x, y: op(y, x)


def _reshape(self: Tensor | KerasTensor, *shape: Any) -> Tensor:
    return ops.reshape(self, shape[0] if len(shape) == 1 else shape)


def _array_ufunc(self: Tensor | KerasTensor, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
    """``numpy.exp(tensor)`` is ``ops.exp(tensor)`` and ``numpy.sum(tensor)`` is ``ops.sum(tensor)``: on the device, with a
    gradient. What is no op is done by NumPy on a copy on the host, unless a gradient would be lost.
    """
    given = {name: value for name, value in options.items() if value is not None}
    if ufunc.__name__.startswith("logical_"):
        given.pop("dtype", None)  # of the result, which numpy.all and numpy.any say is bool
    if method == "__call__" and not given:
        op = _UFUNCS.get(ufunc.__name__) or getattr(ops, ufunc.__name__, None)
        if callable(op):  # and not a module of that name
            return op(*inputs)
    if method == "reduce" and ufunc.__name__ in _REDUCTIONS and set(given) <= {"axis", "keepdims"}:
        # Without an axis, numpy.add.reduce means the first one; numpy.sum says None for all.
        return _REDUCTIONS[ufunc.__name__](
            inputs[0], axis=options.get("axis", 0), keepdims=given.get("keepdims", False)
        )
    tensors = [x for x in (*inputs, *given.values()) if isinstance(x, (Tensor, KerasTensor))]
    if any(isinstance(x, KerasTensor) or x.tracked for x in tensors) or "out" in given:
        return NotImplemented
    if "axis" in options:
        given["axis"] = options["axis"]  # None is all of them
    return getattr(ufunc, method)(*(x.numpy() if isinstance(x, Tensor) else x for x in inputs), **given)


for _class in (Tensor, KerasTensor):
    for _name, _op in _OPERATORS.items():
        setattr(_class, f"__{_name}__", _operator(_op))
        setattr(_class, f"__r{_name}__", _reflected(_op))
    for _name, _op in _COMPARISONS.items():
        setattr(_class, f"__{_name}__", _operator(_op))
    for _name, _op in _UNARY.items():
        setattr(_class, f"__{_name}__", _op)
    setattr(_class, "T", property(ops.transpose))
    setattr(_class, "reshape", _reshape)
    setattr(_class, "astype", ops.cast)
    setattr(_class, "__array_ufunc__", _array_ufunc)
# Defining __eq__ after the class was made does not touch its __hash__, which stays that of the object.
