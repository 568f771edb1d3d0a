"""The forward pass of a model as data, for any size of the batch: ``trace_forward``.

The model runs in inference on three batches of invented data, which differ in every size that is not known (the batch, the number of
steps, ...), and each pass is recorded (``recorder.py``). What is the same in all three is part of the program; a number that is not is
a ``Size``, which follows from the shape of a tensor (``sizes.py``). So nothing is baked in that held for one batch only: where the
passes differ in more than that, say in the number of ops because a loop runs once for each step, the model is refused.

What depends on no input is computed here, once: the cast of a weight to float16, a table of positions.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import dualnet_backends as backends
import numpy as np

from .. import tree
from ..core.dtypes import is_float
from ..core.tensor import Tensor
from ..core.text import DTYPE as TEXT
from ..core.tracing import no_grad
from ..layers.base.layer import Layer
from .errors import ExportError
from .recorder import RawCall, RawValue, Recorder, Reference, _in
from .recorder import _references as references
from .sizes import Size, SizeTable

__all__ = [
    "Call",
    "Fill",
    "ForwardTrace",
    "Numbers",
    "Range",
    "Reference",
    "Size",
    "Value",
    "references",
    "trace_forward",
]


class Fill(NamedTuple):
    """A constant whose shape depends on sizes, and whose elements are all equal."""

    value: Any


class Numbers(NamedTuple):
    """The elements of a small constant, some of which are a ``Size``."""

    elements: tuple[Any, ...]


class Range(NamedTuple):
    """A constant of one axis, as long as a size says: start, start + step, ..."""

    start: Any
    step: Any


@dataclass(slots=True)
class Value:
    """A tensor of the forward pass.

    Attributes:
        kind: "input", "constant" (weights among them), "number" (of Python, or None) or "result".
        shape: with a ``Size`` where it depends on those of the inputs.
        dtype: its name; "" for a number.
        data: of a constant a NumPy array, a ``Fill``, a ``Range`` or ``Numbers``; of a number the number, which may be a ``Size``.
        name: of an input, and of a constant that is a weight.
    """

    kind: str
    shape: tuple[Any, ...]
    dtype: str
    data: Any = None
    name: str = ""


@dataclass(slots=True)
class Call:
    """``outputs = function(context, *inputs, *args, **options)``, or a call of a layer that computes on the host.

    Attributes:
        function: the op's array code, or the layer.
        name: the name of the op, "" for a layer.
        context: the array module, or the backend; None for a layer.
        inputs, outputs: numbers of values; several outputs in a tuple only if ``function`` returns one.
        args, options: what is no tensor, with a ``Size`` in the place of numbers that are not known, and a ``Reference`` in that of
            tensors.
        layer: the layer in which the op runs, or None.
    """

    function: Any
    name: str
    context: Any
    inputs: tuple[int, ...]
    args: tuple[Any, ...]
    options: dict[str, Any]
    outputs: tuple[int, ...]
    layer: Any

    @property
    def where(self) -> str:
        """The layer and the op, for messages."""
        what = type(self.function).__name__ if not self.name else f"the op {self.name.lstrip('_')!r}"
        return f"{_in(self.layer)}{what}" if self.name else _in(self.layer).rstrip(": ")


@dataclass
class ForwardTrace:
    """What a model computes.

    Attributes:
        values: all tensors; inputs and outputs of calls are indices into it.
        calls: in the order they ran; only those that the outputs need.
        inputs: the number of each input, by its name.
        outputs: the number of each output, by its name.
        sizes: how a ``Size`` follows from the shapes of values.
    """

    values: list[Value]
    calls: list[Call]
    inputs: dict[str, int]
    outputs: dict[str, int]
    sizes: SizeTable = field(default_factory=SizeTable)


@dataclass(frozen=True)
class InputSpec:
    """What an input is like. shape: None for a size that is not known."""

    name: str
    shape: tuple[int | None, ...]
    dtype: str


# What stands for unknown sizes in the three passes: the batch, then other axes, for which several are tried. Those of images can be
# halved five times, and at each time some of them are even and some odd, which tells half of a size from the size of what was halved;
# then come multiples of 32, for networks that take no others. Later axes get larger ones, so that no two are alike.
_BATCH = (2, 3, 5)
_SEQUENCES = (
    ((6, 11, 13), 5),
    ((3, 4, 6), 1),
    ((64, 96, 160), 32),
)  # (sizes, by how much those of the next axis are larger)
_IMAGES = (((64, 101, 163), 8), ((64, 96, 160), 32), ((224, 256, 352), 32), ((6, 11, 13), 5))


# The data that is tried. Numbers differ from pass to pass, so that what is computed from them outside of the ops shows. Whole numbers are
# no larger than 1, as they may be indices, and so may be floating point ones.
_DATA = ("any", "whole", "zeros")


def trace_forward(model: Any, input_signature: Any = None) -> ForwardTrace:
    """Trace a model's prediction. Nothing is changed in the model.

    Args:
        model: a model, or a layer that was called before.
        input_signature: the shape and dtype of each input, in the structure of the inputs; by default those of the model.

    Raises:
        ExportError: what it computes is not made of ops alone, or depends on sizes in a way that no trace can say.
        ValueError: the inputs are not known.
    """
    signatures = [_signature(model, input_signature, dtype) for dtype in ("", "int32")]
    first_error: Exception | None = None
    for signature in signatures if signatures[0] != signatures[1] else signatures[:1]:
        specs = tree.flatten(signature)
        for sizes in _assignments(specs):
            for data in _DATA:
                try:
                    return _traced(model, signature, specs, sizes, data)
                except Exception as error:  # other data may fit: the first error is the one to tell
                    first_error = first_error or error
                    if isinstance(error, ExportError):
                        break
    assert first_error is not None
    if isinstance(first_error, ExportError):
        raise first_error
    raise ExportError(
        f"the model {model.name!r} does not run on invented data of its inputs: {first_error}"
    ) from first_error


# -- inputs -----------------------------------------------------------------------------------------------------------


def _signature(model: Any, given: Any, dtype: str) -> Any:
    """The inputs as ``InputSpec``s in the structure that the model is called with. dtype: of inputs whose dtype is not known."""
    graph = getattr(model, "_graph", None)
    known = graph.inputs if graph is not None else None
    if given is None and known is None:
        shape = getattr(model, "_build_shape", None)
        if shape is None:
            raise ValueError(
                f"export: the inputs of model {model.name!r} are not known before it is called: call it on data, or pass "
                "input_signature="
            )
        guess = dtype or getattr(model, "compute_dtype", "float32")
        given = tree.map_shape_structure(lambda s: InputSpec("", tuple(s), guess), shape)
    elif given is None:
        given = known
    elif isinstance(given, (list, tuple)) and len(given) == 1 and known is None and hasattr(given[0], "shape"):
        given = given[0]
    names = [] if known is None else [x._keras_history.operation.name for x in tree.flatten(known)]
    flat = tree.flatten(given)
    if known is not None and len(flat) != len(names):
        raise ValueError(f"export: input_signature is of {len(flat)} inputs, the model {model.name!r} has {len(names)}")
    if known is not None:
        given = tree.pack_sequence_as(known, flat)
    paths = ["_".join(map(str, path)) for path, _ in tree.flatten_with_path(given)]
    if not names:
        names = (
            ["inputs"] if len(flat) == 1 and paths[0] == "" else [f"inputs_{p}" if p.isdigit() else p for p in paths]
        )
    specs = []
    for name, x in zip(names, flat):
        if getattr(x, "shape", None) is None:
            raise ValueError(
                f"export: input_signature needs a shape for {name!r}, such as keras.InputSpec(shape=(None, 8))"
            )
        specs.append(InputSpec(name, tuple(x.shape), str(getattr(x, "dtype", None) or dtype or "float32")))
    return tree.pack_sequence_as(given, specs) if tree.is_nested(given) and not hasattr(given, "shape") else specs[0]


def _assignments(specs: list[InputSpec]) -> Iterator[dict[tuple[int, int], tuple[int, ...]]]:
    """Sizes for the unknown axes, (input, axis) -> one for each pass: first all different, then alike at the same axis, then alike."""
    unknown = [(i, axis) for i, s in enumerate(specs) for axis, n in enumerate(s.shape) if n is None]
    batch = [key for key in unknown if key[1] == 0]
    others = [key for key in unknown if key[1] != 0]
    fixed: dict[tuple[int, int], tuple[int, ...]] = dict.fromkeys(batch, _BATCH)
    if not others:
        yield fixed
        return
    images = any(len(specs[i].shape) >= 4 for i, _ in others)
    seen: list[dict[tuple[int, int], tuple[int, ...]]] = []
    groupings: tuple[Callable[[tuple[int, int]], Any], ...] = (lambda key: key, lambda key: key[1], lambda key: 0)
    for base, step in _IMAGES if images else _SEQUENCES:
        for group in groupings:
            groups = list(dict.fromkeys(map(group, others)))
            larger = {key: step * groups.index(group(key)) for key in others}
            sizes = {key: tuple(n + larger[key] * (j + 1) for j, n in enumerate(base)) for key in others}
            if sizes not in seen:
                seen.append(sizes)
                yield fixed | sizes


def _invented(spec: InputSpec, shape: tuple[int, ...], sample: int, data: str, backend: Any) -> Tensor:
    """Data for an input of one of the passes."""
    if spec.dtype == TEXT:
        return Tensor(np.full(shape, " ".join(["a"] * (4, 6, 7)[sample]), dtype=object))
    if is_float(spec.dtype) and data == "any":
        return Tensor(backend.asarray(np.random.default_rng(sample).random(shape)).astype(spec.dtype))
    return Tensor(backend.xp.full(shape, 0 if data == "zeros" else sample % 2, dtype=spec.dtype))


# -- the passes -------------------------------------------------------------------------------------------------------


def _traced(
    model: Any, signature: Any, specs: list[InputSpec], sizes: dict[tuple[int, int], tuple[int, ...]], data: str
) -> ForwardTrace:
    backend = model._backend() if hasattr(model, "_backend") else backends.current()
    host_layers = [layer for layer in model._flatten_layers() if _computes_on_the_host(layer)]
    count = 3 if sizes else 2  # with other data
    passes, outputs = [], []
    with backends.device(backend.device), no_grad(), np.errstate(all="ignore"):
        for sample in range(count):
            tensors = []
            for i, spec in enumerate(specs):
                shape = tuple(sizes[i, axis][sample] if n is None else n for axis, n in enumerate(spec.shape))
                tensors.append(_invented(spec, shape, sample, data, backend))
            recorder = Recorder(tensors)
            packed = tree.pack_sequence_as(signature, tensors) if not isinstance(signature, InputSpec) else tensors[0]
            y = recorder.run(_predict, model, packed, host_layers=host_layers)
            outputs.append([recorder.number(t) for t in tree.flatten(y)])
            passes.append(recorder)
    calls = _common_calls(passes)
    if any(numbers != outputs[0] for numbers in outputs):
        raise ExportError(
            f"model {model.name!r}: the outputs do not come from the same ops for every size of the inputs"
        )
    values = _common_values(passes, calls, outputs[0])
    inputs = {}
    for i, name in enumerate(_distinct([spec.name for spec in specs])):
        values[i].name, inputs[name] = name, i
    named = dict(zip(_distinct(_output_names(model, y), inputs), outputs[0]))
    trace = ForwardTrace(values, calls, inputs, named)
    for i, value in enumerate(values):
        if value.kind in ("input", "result"):
            trace.sizes.add(i, value.shape)
    return trace


def _predict(model: Any, inputs: Any) -> Any:
    return model(inputs, training=False)


def _computes_on_the_host(layer: Any) -> bool:
    """Whether a layer reads or writes text."""
    kind = type(layer).__name__
    return kind in ("TextVectorization", "StringLookup", "Hashing", "HashedCrossing")


def _output_names(model: Any, outputs: Any) -> list[str]:
    names = model._output_names() if hasattr(model, "_output_names") else None
    flat = tree.flatten(outputs)
    if names is not None and len(names) == len(flat):
        return names
    paths = ["_".join(map(str, path)) for path, _ in tree.flatten_with_path(outputs)]
    return ["output"] if paths == [""] else [f"output_{p}" if p.isdigit() else p for p in paths]


def _distinct(names: Sequence[str], taken: Any = ()) -> list[str]:
    """The names, with a number after those that were there before."""
    result: list[str] = []
    for name in names:
        unique, i = name, 0
        while unique in result or unique in taken:
            i += 1
            unique = f"{name}_{i}"
        result.append(unique)
    return result


# -- what they have in common -----------------------------------------------------------------------------------------


def _common_calls(passes: list[Recorder]) -> list[Call]:
    calls = []
    for several in zip(*(p.calls for p in passes)):
        first: RawCall = several[0]
        if any((c.function, c.inputs, c.outputs) != (first.function, first.inputs, first.outputs) for c in several):
            raise _different(first.layer)
        is_op = not isinstance(first.function, Layer)
        name = first.function.info.name if is_op else ""
        try:
            args = tuple(_common([c.args[i] for c in several]) for i in range(len(first.args)))
            options = {key: _common([c.options[key] for c in several]) for key in first.options}
        except ExportError:
            raise _different(first.layer) from None
        calls.append(Call(first.function, name, first.context, first.inputs, args, options, first.outputs, first.layer))
    if len({len(p.calls) for p in passes}) > 1:
        longest = max(passes, key=lambda p: len(p.calls)).calls
        raise _different(longest[len(calls)].layer)
    return calls


def _different(layer: Any) -> ExportError:
    return ExportError(
        f"{_in(layer)}which ops run depends on the sizes of the inputs, as in a loop over an axis of unknown length: give "
        "the inputs fixed sizes (the batch aside), such as Input((steps, features))"
    )


def _common(parts: list[Any]) -> Any:
    """An option of all passes: the same, or with a ``Size`` where numbers differ."""
    first = parts[0]
    if any(type(p) is not type(first) for p in parts):
        raise ExportError("options of different types")
    if type(first) in (int, float):
        same = all(p == first or (p != p and first != first) for p in parts)
        return first if same else Size(tuple(parts))
    if isinstance(first, Reference):
        if any(p != first for p in parts):
            raise ExportError("other tensors")
        return first
    if isinstance(first, (list, tuple)):
        if any(len(p) != len(first) for p in parts):
            raise ExportError("options of different lengths")
        merged = [_common(list(column)) for column in zip(*parts)]
        return type(first)(*merged) if hasattr(first, "_fields") else type(first)(merged)
    if isinstance(first, dict):
        return {key: _common([p[key] for p in parts]) for key in first}
    if isinstance(first, slice):
        return slice(*(_common([getattr(p, name) for p in parts]) for name in ("start", "stop", "step")))
    if any(p is not first and p != first for p in parts):
        raise ExportError("other options")
    return first


def _common_values(passes: list[Recorder], calls: list[Call], outputs: list[int]) -> list[Value]:
    """The values that are needed for the outputs; ``calls`` is reduced to what computes them from the inputs."""
    maker = {number: call for call in calls for number in call.outputs if number not in call.inputs}
    values: list[Any] = [None] * len(passes[0].values)
    needed: set[int] = set()
    kept: set[int] = set()
    stack = [*outputs, *(n for n, v in enumerate(passes[0].values) if v.kind == "input")]
    while stack:
        number = stack.pop()
        if number in needed:
            continue
        needed.add(number)
        call = maker.get(number)
        value = _common_value([p.values[number] for p in passes], call)
        if value.kind == "constant" and not value.name and call is not None:
            value.name = _weight_name([passes[0].values[n] for n in call.inputs])
        values[number] = value
        if value.kind == "result":
            assert call is not None
            kept.add(id(call))
            stack += [*call.inputs, *call.outputs, *references([call.args, call.options])]
    calls[:] = [call for call in calls if id(call) in kept]
    return [Value("number", (), "") if v is None else v for v in values]


def _common_value(parts: list[RawValue], call: Call | None) -> Value:
    first = parts[0]
    if any(p.kind != first.kind or p.dtype != first.dtype or len(p.shape) != len(first.shape) for p in parts):
        raise (
            _different([] if call is None else [call])
            if call
            else ExportError("a tensor differs with the sizes of the inputs")
        )
    shape = tuple(n[0] if len(set(n)) == 1 else Size(n) for n in zip(*(p.shape for p in parts)))
    if first.kind == "number":
        return Value("number", (), "", _common([p.data for p in parts]))
    if first.kind == "variable":
        return Value("constant", shape, first.dtype, _host(first.data.data), first.data.path)
    if first.kind == "input" or (first.kind == "result" and not first.is_constant):
        return Value(first.kind, shape, first.dtype)
    if any(isinstance(n, Size) for n in shape):
        if first.kind == "result":
            return Value("result", shape, first.dtype)
        return Value("constant", shape, first.dtype, _pattern([_host(p.data) for p in parts], first.layer))
    arrays = [_host(p.data) for p in parts]
    if not all(_equal(a, arrays[0]) for a in arrays):
        if first.kind == "result":
            return Value("result", shape, first.dtype)  # computed from numbers that depend on sizes
        if arrays[0].size <= 8 and arrays[0].dtype.kind in "iuf":  # such as the height and width of an image
            elements = zip(*(a.reshape(-1).tolist() for a in arrays))
            return Value("constant", shape, first.dtype, Numbers(tuple(_common(list(n)) for n in elements)))
        raise ExportError(
            f"{_in(first.layer)}a tensor is computed outside of the ops of dualnet, with NumPy or at random, and is another one for other "
            "inputs: use ops"
        )
    return Value("constant", shape, first.dtype, arrays[0])


def _weight_name(inputs: list[RawValue]) -> str:
    """The name for what is computed from one weight alone, such as the weight in another dtype: its own."""
    names = [v.data.path for v in inputs if v.kind == "variable"]
    return names[0] if len(names) == 1 else ""


def _host(array: Any) -> Any:
    return backends.of(array).to_numpy(array)


def _equal(a: Any, b: Any) -> bool:
    return a is b or bool(np.array_equal(a, b, equal_nan=a.dtype.kind == "f"))


def _pattern(arrays: list[Any], layer: Any) -> Fill | Range:
    """What arrays of different shapes have in common: they are filled with one number, or are a range."""
    fills = {a.flat[0].item() for a in arrays if a.size}
    if len(fills) == 1 and all(bool((a == a.flat[0]).all()) for a in arrays if a.size):
        return Fill(fills.pop())
    if all(a.ndim == 1 and a.size > 1 for a in arrays) and arrays[0].dtype.kind in "iuf":
        start, step = arrays[0][0].item(), (arrays[0][1] - arrays[0][0]).item()
        if all(np.allclose(a, start + step * np.arange(a.size), rtol=1e-6) for a in arrays) and math.isfinite(step):
            return Range(start, step)
    raise ExportError(
        f"{_in(layer)}a tensor as large as an input is made outside of the ops of dualnet, with NumPy or at random: make it with ops, "
        "such as ops.arange, or give the inputs fixed sizes"
    )
