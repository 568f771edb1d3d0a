"""The ONNX graph while it is written: nodes, constants, and tensors by the numbers of the trace.

An exporter is a function of the graph, of one ``T`` for each tensor of its op, and of the op's options, under their names:

    @exporter("leaky_relu")
    def leaky_relu(g, x, negative_slope):
        return g.op("LeakyRelu", g.floating(x), alpha=negative_slope)

It returns the result, or a tuple of results; their dtype is made that of the op's outputs. bfloat16 is computed as float32 in ONNX, whose
runtimes have few kernels for it.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import ExportError
from ..sizes import Size
from .values import Fill, GraphTrace, Numbers, Range, Value

EXPORTERS: dict[str, Callable[..., Any]] = {}

FLOATS = ("float16", "float32", "float64")
_SMALL = {
    "bool": "int32",
    "int8": "int32",
    "int16": "int32",
    "uint8": "int32",
    "uint16": "int32",
    "uint32": "int64",
    "uint64": "int64",
}


def exporter(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register a function as the exporter of the ops (or layers that compute on the host) of these names."""

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        for name in names:
            EXPORTERS[name] = function
        return function

    return register


@dataclass(frozen=True)
class T:
    """A tensor of the ONNX graph.

    Attributes:
        name: "" for a number of Python, which gets one with ``Graph.cast``.
        shape: a tuple, with a ``Size`` where it is not known; None for results on the way.
        data: of a constant its values, of a number the number, which may be a ``Size``.
    """

    name: str
    dtype: str
    shape: Any = None
    data: Any = None

    @property
    def rank(self) -> int:
        return len(self.shape)


def computed(dtype: str) -> str:
    """The dtype in which ONNX has a tensor of this dtype."""
    return "float32" if dtype == "bfloat16" else dtype


class Graph:
    """The nodes of a graph, or of the body of a ``Scan`` inside it.

    Args:
        trace: what is exported.
        opset: the version of the operators.
        parent: the graph around a body, whose tensors it may use.
    """

    def __init__(self, trace: GraphTrace, opset: int, parent: Graph | None = None) -> None:
        self.trace, self.opset, self.parent = trace, opset, parent
        self.nodes: list[Any] = []
        self.initializers: dict[str, Any] = {} if parent is None else parent.initializers
        self.domains: set[str] = set() if parent is None else parent.domains
        self.tensors: Any = {} if parent is None else ChainMap({}, parent.tensors)  # by the numbers of the trace
        self.names: set[str] = set() if parent is None else parent.names
        self._constants: dict[Any, T] = {} if parent is None else parent._constants
        self._derived: dict[Any, T] = {} if parent is None else parent._derived
        self._sizes: dict[Any, T] = {}
        self.call: Any = None if parent is None else parent.call  # the ``Call`` that is being exported

    @property
    def root(self) -> Graph:
        """The outermost graph."""
        return self if self.parent is None else self.parent.root

    # -- nodes ------------------------------------------------------------------------------------------------------

    def op(self, kind: str, *inputs: T | None, dtype: str | None = None, domain: str = "", **attributes: Any) -> T:
        """A node with one output. dtype: of the output, by default that of the first input."""
        return self.ops(kind, *inputs, dtypes=(dtype,), domain=domain, **attributes)[0]

    def ops(
        self, kind: str, *inputs: T | None, dtypes: Sequence[str | None], domain: str = "", **attributes: Any
    ) -> tuple[T, ...]:
        """A node with several outputs, of these dtypes."""
        from onnx import helper

        names = ["" if x is None else x.name for x in inputs]
        while names and not names[-1]:
            names.pop()
        first = next((x.dtype for x in inputs if x is not None), "float32")
        outputs = [T(self.unique(kind), dtype or first) for dtype in dtypes]
        if domain:
            self.domains.add(domain)
        attributes = {k: v for k, v in attributes.items() if v is not None}
        node_name = self.unique(f"node_{kind}")
        self.nodes.append(
            helper.make_node(kind, names, [y.name for y in outputs], node_name, domain=domain, **attributes)
        )
        return tuple(outputs)

    def unique(self, name: str) -> str:
        """A name that no other tensor or node has."""
        name, n = name or "tensor", 0
        result = name
        while result in self.names:
            n += 1
            result = f"{name}_{n}"
        self.names.add(result)
        return result

    # -- constants --------------------------------------------------------------------------------------------------

    def constant(self, array: Any, dtype: str | None = None, name: str = "") -> T:
        """A constant; small ones that are alike are one."""
        array = np.asarray(array)
        dtype = computed(dtype or str(array.dtype))
        array = np.ascontiguousarray(array.astype(dtype)).reshape(array.shape) if dtype != "string" else array
        key = (dtype, array.shape, array.tobytes()) if array.size <= 64 and dtype != "string" and not name else None
        if key is not None and key in self._constants:
            return self._constants[key]
        tensor = T(self.unique(name or "constant"), dtype, array.shape, array)
        self.initializers[tensor.name] = array
        if key is not None:
            self._constants[key] = tensor
        return tensor

    def derived(self, x: T, key: Any, function: Callable[[Any], Any]) -> T:
        """A weight in another form, ``function`` of its values; it is made once for each key, however often the weight is used."""
        if (x.name, key) not in self._derived:
            self._derived[x.name, key] = self.constant(function(x.data), name=x.name)
        return self._derived[x.name, key]

    def ints(self, numbers: Sequence[int]) -> T:
        """A vector of int64, such as axes."""
        return self.constant(np.array(list(numbers), dtype="int64"))

    # -- dtypes -----------------------------------------------------------------------------------------------------

    def cast(self, x: T, dtype: str) -> T:
        """x in a dtype; a number becomes a constant."""
        dtype = computed(dtype)
        if not x.name:
            if isinstance(x.data, Size):
                return self.cast(self.op("Squeeze", self.size(x.data), self.ints([0])), dtype)
            return self.constant(np.array(_limited(x.data, dtype), dtype=dtype))
        if x.dtype == dtype:
            return x
        if x.data is not None and x.dtype != "string" and x.data.size <= 1 << 16:
            return self.constant(x.data.astype(dtype))
        from onnx import helper

        y = self.op("Cast", x, dtype=dtype, to=helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))
        return T(y.name, dtype, x.shape)

    def floating(self, x: T) -> T:
        """x in a floating point dtype: that of the output, where it has one."""
        if x.dtype in ("float16", "float32", "float64"):
            return x
        out = self.out_dtype
        return self.cast(x, out if out.startswith("float") else "float32")

    def wide(self, x: T) -> T:
        """x in float32, unless it is float64."""
        return x if x.dtype == "float64" else self.cast(x, "float32")

    def arithmetic(self, dtype: str) -> str:
        """The dtype in which numbers of this dtype are computed: runtimes have few kernels for small integers."""
        return computed(_SMALL.get(dtype, dtype))

    @property
    def outputs(self) -> list[Value]:
        """The outputs of the op that is being exported."""
        return [self.trace.values[n] for n in self.call.outputs]

    @property
    def out_dtype(self) -> str:
        return computed(self.outputs[0].dtype)

    # -- sizes ------------------------------------------------------------------------------------------------------

    def size(self, n: int | Size) -> T:
        """A size, as int64 of shape (1,)."""
        if not isinstance(n, Size):
            return self.ints([n])
        if n.samples in self._sizes:
            return self._sizes[n.samples]
        found = self.trace.sizes.express(n, before=min(self.call.outputs, default=None))
        if found is None:
            raise ExportError(
                f"{self.call.where}: a number is another one for other inputs, and does not follow from their sizes in a way that can be "
                "expressed: compute it with ops, or give the inputs fixed sizes (the batch aside)"
            )
        first, *others = [
            self.op("Shape", self.tensors[number], dtype="int64", start=axis, end=axis + 1)
            for number, axis in found.axes
        ]
        y = first
        for part in others:
            y = self.op("Mul", y, part)
        if found.numerator != 1:
            y = self.op("Mul", y, self.ints([found.numerator]))
        if found.denominator != 1:
            y = self.op("Div", y, self.ints([found.denominator]))
        if found.offset:
            y = self.op("Add", y, self.ints([found.offset]))
        self._sizes[n.samples] = y
        return y

    def shape(self, shape: Sequence[Any]) -> T:
        """A shape, as a vector of int64."""
        shape = [n.__index__() if not isinstance(n, Size) else n for n in shape]
        if not any(isinstance(n, Size) for n in shape):
            return self.ints(shape)
        if len(shape) == 1:
            return self.size(shape[0])
        return self.op("Concat", *(self.size(n) for n in shape), axis=0)

    def reshape(self, x: T, shape: Sequence[Any]) -> T:
        """x in another shape. One size that is not known is left to the runtime."""
        open_ = [n for n in shape if isinstance(n, Size)]
        if x.shape is not None and len(x.shape) == len(shape) and tuple(x.shape) == tuple(shape):
            return x
        if len(open_) == 1 and 0 not in shape and -1 not in shape:
            shape = [-1 if isinstance(n, Size) else n for n in shape]
            target = self.ints(shape)
        else:
            target = self.shape(shape)
        return self.op("Reshape", x, target, allowzero=1 if 0 in shape else None)

    def range(self, n: int | Size, dtype: str = "int64") -> T:
        """0, 1, ... n - 1"""
        if not isinstance(n, Size):
            return self.constant(np.arange(n, dtype=dtype))
        stop = self.op("Squeeze", self.size(n), self.ints([0]))
        zero, one = self.constant(np.array(0, "int64")), self.constant(np.array(1, "int64"))
        return self.cast(self.op("Range", zero, stop, one), dtype)

    # -- common ops -------------------------------------------------------------------------------------------------

    def transpose(self, x: T, order: Sequence[int]) -> T:
        if list(order) == list(range(len(order))):
            return x
        if x.data is not None and x.name:
            return self.derived(x, tuple(order), lambda a: np.transpose(a, order))
        y = self.op("Transpose", x, perm=[int(a) for a in order])
        return T(y.name, y.dtype, None if x.shape is None else tuple(x.shape[a] for a in order))

    def reshape_constant(self, x: T, shape: Sequence[int]) -> T:
        """A weight in another shape."""
        if x.name and x.data is not None:
            return self.derived(x, ("reshape", *shape), lambda a: a.reshape(tuple(shape)))
        return T(self.op("Reshape", x, self.ints(shape)).name, x.dtype, tuple(shape))

    def unsqueeze(self, x: T, *axes: int) -> T:
        return self.op("Unsqueeze", x, self.ints(axes))

    def squeeze(self, x: T, *axes: int) -> T:
        return self.op("Squeeze", x, self.ints(axes))

    def binary(self, kind: str, x: Any, y: Any, dtype: str | None = None) -> T:
        """An op on two tensors or numbers, both in ``dtype`` (by default that of the first tensor among them)."""
        dtype = dtype or next(v.dtype for v in (x, y) if isinstance(v, T) and v.dtype)
        a, b = (self.cast(v if isinstance(v, T) else T("", "", (), v), dtype) for v in (x, y))
        return self.op(kind, a, b)

    def compare(self, kind: str, x: Any, y: Any) -> T:
        """A comparison: as ``binary``, with a result of bool."""
        return T(self.binary(kind, x, y).name, "bool")

    def where(self, condition: T, x: Any, y: Any) -> T:
        """x where the condition holds, else y."""
        dtype = next(v.dtype for v in (x, y) if isinstance(v, T) and v.dtype)
        inner = "int32" if dtype in _SMALL and dtype != "uint32" else dtype
        a, b = (self.cast(v if isinstance(v, T) else T("", "", (), v), inner) for v in (x, y))
        return self.cast(self.op("Where", self.cast(condition, "bool"), a, b, dtype=inner), dtype)

    def reduce(self, kind: str, x: T, axes: Sequence[int] | None, keepdims: bool = False) -> T:
        """``ReduceSum`` and the like."""
        if axes is not None and len(axes) == 0:
            return x
        return self.op(kind, x, None if axes is None else self.ints(axes), keepdims=int(keepdims))

    def body(self) -> Graph:
        """A graph inside this one, for ``Scan``."""
        return Graph(self.trace, self.opset, self)

    # -- tensors of the trace ---------------------------------------------------------------------------------------

    def tensor(self, number: int) -> T:
        """The tensor with this number."""
        known = self.tensors.get(number)
        if known is not None:
            return known
        value = self.trace.values[number]
        data = value.data
        if value.kind in ("result", "step"):
            raise ExportError(
                f"{self.call.where} uses a tensor from inside of the loop of a recurrent layer: return it from the loop"
            )
        if isinstance(data, Fill):
            tensor = self.expand(self.constant(np.array(data.value, dtype=computed(value.dtype))), value.shape)
        elif isinstance(data, Numbers):
            parts = [
                self.op("Reshape", self.cast(T("", "", (), n), value.dtype), self.ints([1])) for n in data.elements
            ]
            tensor = self.op("Reshape", self.op("Concat", *parts, axis=0), self.shape(value.shape))
        elif isinstance(data, Range):
            steps = self.binary("Mul", self.range(value.shape[0], computed(value.dtype)), data.step)
            tensor = self.binary("Add", steps, data.start)
        else:
            tensor = self.constant(data, value.dtype, value.name)
        tensor = T(tensor.name, computed(value.dtype), value.shape, tensor.data)
        home = (
            self if tensor.data is None else self.root
        )  # a constant is known everywhere, what a body computes there alone
        home.tensors[number] = tensor
        return tensor

    def expand(self, x: T, shape: Sequence[Any]) -> T:
        """x broadcast to a shape."""
        if x.dtype == "bool":  # few runtimes expand it
            return self.cast(self.expand(self.cast(x, "int32"), shape), "bool")
        return self.op("Expand", x, self.shape(shape))


def _limited(number: Any, dtype: str) -> Any:
    """A number, the nearest there is for integers that cannot hold it."""
    if np.dtype(dtype).kind in "iu" and type(number) is int:
        limits = np.iinfo(dtype)
        return min(max(number, limits.min), limits.max)
    return number
