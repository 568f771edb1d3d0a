"""A model as a NumPy program."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ... import tree
from ...core.tracing import no_grad
from ...saving.atomic import atomic_write
from ..errors import ExportError
from ..inputs import InputSpec
from ..program import described
from ..trace import PASSES, Trace, trace
from .constants import on_host
from .helpers import helpers
from .program import Input, program
from .simplify import simplified
from .sizes import expression
from .writer import RESERVED, Writer, flat, paths_of


def write_numpy(model: Any, path: str | os.PathLike[str], input_signature: Any = None) -> None:
    """Write what a model predicts as a Python program that needs NumPy alone, and its weights to the ``.npz`` file beside it.

    The program has a function ``predict``, which takes and returns NumPy arrays in the structure of the model's inputs and outputs.
    Nothing is written if the model computes something that has no formula there.

    Args:
        path: of the program; it ends in ".py".
        input_signature: the shape and dtype of each input, for a subclassed model that was not called yet.

    Raises:
        ExportError: the model cannot be written; the message names the layer and the op.
    """
    file = Path(path)
    if not file.stem.isidentifier() or file.suffix != ".py":
        raise ValueError(
            f"expected the name of a Python file that can be imported, such as 'model.py', got {file.name!r}"
        )
    text, weights = as_program(model, file.name, input_signature)
    with atomic_write(file.with_suffix(".npz")) as stream:
        np.savez(stream, **weights)
    with atomic_write(file, "w", encoding="utf-8", newline="\n") as stream:
        stream.write(text)


def as_program(model: Any, file: str, input_signature: Any = None) -> tuple[str, dict[str, Any]]:
    """The text of the program, and the arrays it reads."""
    found = trace(model, input_signature, keep=True)
    _refuse_bfloat16(found)
    paths = [tuple(path) for path, _ in tree.flatten_with_path(found.signature)]
    names = _input_names([_name(path, spec) for path, spec in zip(paths, found.specs)])
    axes = _axis_names(found)
    dimensions, sources = {}, {}
    for (i, axis), name in axes.items():
        if name not in dimensions:
            dimensions[name] = found.sizes[i, axis][: len(found.passes)]
            sources[name] = f"len({names[i]})" if axis == 0 else f"{names[i]}.shape[{axis}]"
    writer = Writer(found, simplified(found), dimensions, names)
    descriptions = [
        Input(
            name,
            "object" if spec.dtype == "string" else spec.dtype,
            tuple(spec.shape[1:]),
            path,
            tuple(axes.get((i, axis), str(n)) for axis, n in enumerate(spec.shape)),
        )
        for i, (name, path, spec) in enumerate(zip(names, paths, found.specs))
    ]
    text = program(model.name, file, writer, descriptions, _outputs(found, dimensions), sources)
    _check(found, text, writer.weights.arrays)
    return text, writer.weights.arrays


def _refuse_bfloat16(trace: Trace) -> None:
    values = trace.passes[0].values
    for call in trace.calls:
        if any(values[n].dtype == "bfloat16" for n in call.outputs):
            raise ExportError(
                f"{described(call.layers)} cannot be written as a NumPy program: it computes in bfloat16, which NumPy does not have"
            )


def _name(path: tuple[Any, ...], spec: InputSpec) -> str:
    return str(path[-1]) if path and isinstance(path[-1], str) else spec.name


def _axis_names(trace: Trace) -> dict[tuple[int, int], str]:
    """(input, axis) -> the name of its size, for the axes of no fixed size. Sizes that are alike have one name."""
    names: dict[tuple[int, int], str] = {}
    for (i, axis), sizes in sorted(trace.sizes.items()):
        alike = [name for key, name in names.items() if trace.sizes[key] == sizes]
        names[i, axis] = alike[0] if alike else _axis_name(len(trace.specs[i].shape), axis, set(names.values()))
    return names


def _axis_name(rank: int, axis: int, taken: set[str]) -> str:
    if axis == 0:
        return "batch"
    name = ("height", "width")[axis - 1] if rank == 4 and axis in (1, 2) else "steps" if axis == 1 else "size"
    unique, count = name, 1
    while unique in taken:
        count += 1
        unique = f"{name}_{count}"
    return unique


def _input_names(names: Sequence[str]) -> list[str]:
    """Names that can stand in a program; a single input is called x."""
    if len(names) == 1:
        return ["x"]
    result: list[str] = []
    for i, name in enumerate(names):
        text = re.sub(r"\W", "_", name)
        is_good = text.isidentifier() and text not in RESERVED and text not in helpers()
        text = text if is_good and not re.match(r"keras_tensor|input_layer|inputs(_\d+)?$", text) else f"x{i + 1}"
        result.append(text if text not in result else f"{text}_{i + 1}")
    return result


def _outputs(trace: Trace, dimensions: dict[str, tuple[int, ...]]) -> list[tuple[str, str, str]]:
    """Name, shape and dtype of each output, in the order in which the program lists them."""
    structure = trace.outputs
    paths, numbers = paths_of(structure), flat(structure)
    known = getattr(trace.model, "_output_names", lambda: None)() or []
    names = (
        dict(zip(tree.flatten(structure), known))
        if len(known) == len(numbers) and not isinstance(structure, dict)
        else {}
    )
    result: list[tuple[str, str, str]] = []
    for path, number in zip(paths, numbers):
        default = (
            "_".join(map(str, path))
            if isinstance(structure, dict)
            else "_".join(["output", *(str(k + 1) for k in path)])
        )
        name = names.get(number, default)
        name = name if name not in [n for n, _, _ in result] else f"{name}_{len(result) + 1}"
        parts = []
        for sizes in zip(*(p.values[number].shape for p in trace.passes)):
            text = str(sizes[0]) if len(set(sizes)) == 1 else expression(tuple(sizes), list(dimensions.items()))
            parts.append(text if text is not None and not re.search("[-+]", text) else "any")
        shape = f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"
        dtype = trace.passes[0].values[number].dtype
        result.append((name, shape, "strings" if dtype == "string" else dtype))
    return result


def _check(trace: Trace, text: str, weights: dict[str, Any]) -> None:
    """Run the program on inputs that its lines were not checked on, one of which nothing was derived from: it gives what the model gives."""
    before, after = text.split("W = dict(", 1)
    namespace: dict[str, Any] = {"__name__": "program", "W": weights}
    exec(compile(before + after.split("\n", 1)[1], "<program>", "exec"), namespace)
    narrow = any(value.dtype == "float16" for value in trace.passes[0].values)
    for sample in (PASSES - 1, PASSES):
        tensors = trace.inputs(sample)
        arrays = [on_host(x.data) for x in tensors]
        with no_grad(), np.errstate(all="ignore"):
            expected = trace.model(trace.packed(tensors), training=False)
            actual = tree.flatten(namespace["predict"](trace.packed(arrays)))
        for a, y in zip(actual, tree.flatten(expected), strict=True):
            b = on_host(y.data)
            if a.dtype != b.dtype or a.shape != b.shape or not _agree(a, b, narrow):
                raise ExportError(
                    f"the model {trace.model.name!r} cannot be written as a NumPy program: for a batch of {len(arrays[0])} the program "
                    f"gives other numbers, {a.dtype} {a.shape} instead of {b.dtype} {b.shape}"
                )


def _agree(a: Any, b: Any, narrow: bool) -> bool:
    """Whether outputs are equal. narrow: some of what led to them was computed in float16."""
    if b.dtype.kind == "O" or b.dtype.kind in "biu":
        return bool(np.array_equal(a, b))
    tolerance = 2e-2 if narrow else {"float32": 1e-4}.get(str(b.dtype), 1e-9)
    largest = np.max(np.abs(b), where=np.isfinite(b), initial=1)
    return bool(np.allclose(a, b, rtol=tolerance, atol=tolerance * largest, equal_nan=True))
