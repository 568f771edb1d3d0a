"""Tensors behave like arrays: operators, indexing, and NumPy's own functions are ops."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from typing import Any

from ..core import conversion
from ..core.symbolic import KerasTensor
from ..core.tensor import Tensor
from ..core.variables import Variable

_OPERATORS = {
    "add": "add", "sub": "subtract", "mul": "multiply", "truediv": "divide", "floordiv": "floor_divide", "mod": "mod",
    "pow": "power", "matmul": "matmul", "and": "logical_and", "or": "logical_or", "xor": "logical_xor",
}  # fmt: skip
_COMPARISONS = {
    "eq": "equal", "ne": "not_equal", "lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal",
}  # fmt: skip
_UNARY = {"neg": "negative", "abs": "absolute", "invert": "logical_not", "getitem": "get_item"}
# The ufuncs whose op has another name here, and the reductions of ufuncs.
_UFUNCS = {"float_power": "power", "remainder": "mod"}
_REDUCTIONS = {
    "add": "sum", "multiply": "prod", "maximum": "max", "minimum": "min", "logical_and": "all", "logical_or": "any",
}  # fmt: skip


def attach(ops: dict[str, Any]) -> None:
    """Give tensors and symbolic tensors their operators.

    Args:
        ops: the namespace of ``dualnet.ops``.
    """
    for cls in (Tensor, KerasTensor):
        for name, op in (_OPERATORS | _COMPARISONS).items():
            setattr(cls, f"__{name}__", _operator(ops[op]))
        for name, op in _OPERATORS.items():
            setattr(cls, f"__r{name}__", _reflected(ops[op]))
        for name, op in _UNARY.items():
            setattr(cls, f"__{name}__", ops[op])
        setattr(cls, "T", property(ops["transpose"]))
        setattr(cls, "reshape", _reshape(ops["reshape"]))
        setattr(cls, "astype", ops["cast"])
        setattr(cls, "__array_ufunc__", _array_ufunc(ops))
    # Defining __eq__ after the class was created does not touch its __hash__, which stays that of the object.
    setattr(
        Variable,
        "value",
        property(ops["copy"], doc="The value now, in a tensor of its own that later changes do not touch."),
    )
    conversion.stack_op = ops["stack"]


def _operator(op: Any) -> Any:
    return lambda x, y: op(x, y) if _is_operand(y) else NotImplemented


def _reflected(op: Any) -> Any:
    return lambda x, y: op(y, x) if _is_operand(y) else NotImplemented


def _is_operand(y: Any) -> bool:
    """Whether ``y`` can stand beside a tensor: a tensor, an array, a number, or a list of them.

    Beside anything else Python decides: ``x == None`` is False, ``x != None`` is True, ``x < None`` a ``TypeError``.
    """
    if isinstance(y, (Tensor, int, float, list, tuple, KerasTensor)):
        return True
    if y is None or isinstance(y, (str, bytes, type)):
        return False
    return isinstance(y, (complex, Sequence, array)) or hasattr(y, "__array__")


def _reshape(op: Any) -> Any:
    return lambda self, *shape: op(self, shape[0] if len(shape) == 1 else shape)


def _array_ufunc(ops: dict[str, Any]) -> Callable[..., Any]:
    def __array_ufunc__(self: Any, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        """``numpy.exp(tensor)`` is ``ops.exp(tensor)`` and ``numpy.sum(tensor)`` is ``ops.sum(tensor)``: on the device, with a
        gradient. A ufunc without an op is computed by NumPy on a copy on the host, unless a gradient would be lost.
        """
        arguments = {name: value for name, value in options.items() if value is not None}
        if ufunc.__name__.startswith("logical_"):
            arguments.pop("dtype", None)  # the dtype of the result, which numpy.all and numpy.any set to bool
        if method == "__call__" and not arguments:
            op = ops.get(_UFUNCS.get(ufunc.__name__, ufunc.__name__))
            if callable(op):  # not a module of that name
                return op(*inputs)
        if method == "reduce" and ufunc.__name__ in _REDUCTIONS and set(arguments) <= {"axis", "keepdims"}:
            # Without an axis, numpy.add.reduce means the first one; numpy.sum passes None for all.
            return ops[_REDUCTIONS[ufunc.__name__]](
                inputs[0], axis=options.get("axis", 0), keepdims=arguments.get("keepdims", False)
            )
        tensors = [x for x in (*inputs, *arguments.values()) if isinstance(x, (Tensor, KerasTensor))]
        if any(isinstance(x, KerasTensor) or x.tracked for x in tensors) or "out" in arguments:
            return NotImplemented
        if "axis" in options:
            arguments["axis"] = options["axis"]  # None means all of them
        return getattr(ufunc, method)(*(x.numpy() if isinstance(x, Tensor) else x for x in inputs), **arguments)

    return __array_ufunc__
