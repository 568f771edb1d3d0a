"""Tensors behave like arrays: operators, indexing, and NumPy's own functions are ops."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from typing import Any

from ..core import conversion
from ..core.symbolic import KerasTensor
from ..core.tensor import Tensor
from ..core.tracing import is_recording
from ..core.variables import Variable

_OPERATORS = {
    "add": "add", "sub": "subtract", "mul": "multiply", "truediv": "divide", "floordiv": "floor_divide", "mod": "mod",
    "pow": "power", "matmul": "matmul",
}  # fmt: skip
_COMPARISONS = {
    "eq": "equal", "ne": "not_equal", "lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal",
}  # fmt: skip
_UNARY = {"neg": "negative", "abs": "absolute", "getitem": "get_item"}
_OF_INTEGERS = {
    "and": ("bitwise_and", "logical_and"), "or": ("bitwise_or", "logical_or"), "xor": ("bitwise_xor", "logical_xor"),
    "invert": ("bitwise_not", "logical_not"),
}  # fmt: skip
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
        for name, (bits, logical) in _OF_INTEGERS.items():
            operator = _integer_operator(ops[bits], ops[logical])
            if name == "invert":
                setattr(cls, "__invert__", operator)
            else:
                setattr(cls, f"__{name}__", _operator(operator))
                setattr(cls, f"__r{name}__", _reflected(operator))
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


def _integer_operator(bits: Any, logical: Any) -> Any:
    """``&``, ``|``, ``^`` and ``~``: bit by bit for integers, as in NumPy and in Keras's eager tensors; else of truth values."""

    def operator(*operands: Any) -> Any:
        integers = all(_is_integer(x) for x in operands)
        return bits(*operands) if integers else logical(*operands)

    return operator


def _is_integer(x: Any) -> bool:
    if isinstance(x, KerasTensor):  # as in Keras, where a symbolic tensor has logical operators only
        return False
    return (str(x.dtype).startswith(("int", "uint"))) if hasattr(x, "dtype") else type(x) is int


def _array_ufunc(ops: dict[str, Any]) -> Callable[..., Any]:
    def __array_ufunc__(self: Any, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        """``numpy.exp(tensor)`` is ``ops.exp(tensor)`` and ``numpy.sum(tensor)`` is ``ops.sum(tensor)``: on the device, with a
        gradient. A ufunc without an op is computed by NumPy on a copy on the host, unless a gradient would be lost.

        ``array += tensor`` is ``array = array + tensor``, a tensor, as for the tensors of TensorFlow, JAX and PyTorch: whoever
        else holds the array sees no change. With ``out=`` another array, NumPy computes on the host and writes into it.
        """
        arguments = {name: value for name, value in options.items() if value is not None}
        if ufunc.__name__.startswith("logical_"):
            arguments.pop("dtype", None)  # the dtype of the result, which numpy.all and numpy.any set to bool
        out = arguments.get("out", ())
        if method == "__call__" and len(inputs) == 2 and len(out) == 1 and out[0] is inputs[0]:
            del arguments["out"]
            arguments.pop("axes", None)  # which @= passes, with what they are without it
        if method == "__call__" and not arguments:
            op = ops.get(_UFUNCS.get(ufunc.__name__, ufunc.__name__))
            if callable(op):  # not a module of that name
                return op(*inputs)
        if method == "reduce" and ufunc.__name__ in _REDUCTIONS and set(arguments) <= {"axis", "keepdims"}:
            # Without an axis, numpy.add.reduce means the first one; numpy.sum passes None for all.
            return ops[_REDUCTIONS[ufunc.__name__]](
                inputs[0], axis=options.get("axis", 0), keepdims=arguments.get("keepdims", False)
            )
        tensors = [x for x in inputs if isinstance(x, (Tensor, KerasTensor))]
        _check_host(ufunc, method, tensors, arguments.get("out", ()))
        if "axis" in options:
            arguments["axis"] = options["axis"]  # None means all of them
        return getattr(ufunc, method)(*map(_on_host, inputs), **{k: _on_host(v) for k, v in arguments.items()})

    return __array_ufunc__


def _on_host(x: Any) -> Any:
    return x.numpy() if isinstance(x, Tensor) else x


def _check_host(ufunc: Any, method: str, tensors: list[Any], out: tuple[Any, ...]) -> None:
    """Refuse what NumPy cannot compute on a copy on the host."""
    name = f"numpy.{ufunc.__name__}" + f".{method}" * (method != "__call__")
    if any(isinstance(x, KerasTensor) for x in tensors):
        raise TypeError(f"{name}: a symbolic tensor has no value yet; use a function of dualnet.ops")
    if any(isinstance(x, (Tensor, KerasTensor)) for x in out):
        raise TypeError(
            f"{name}: nothing can be written into a tensor; leave out out=, or assign the result to a Variable"
        )
    if is_recording() and any(x.tracked for x in tensors):
        raise TypeError(
            f"{name}: NumPy would compute this on the host, and the gradient of the tensor would be lost; use a function of "
            "dualnet.ops, or stop_gradient(tensor)"
        )
