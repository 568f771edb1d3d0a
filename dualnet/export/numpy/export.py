"""A model as a NumPy program."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ... import tree
from ...saving.atomic import atomic_write
from ..errors import ExportError
from .constants import on_host
from .helpers import helpers
from .inputs import LENGTHS, RUNS, names_of, open_axes, samples, signature
from .program import Input, program
from .recording import Recording
from .simplify import simplified
from .sizes import expression, merge
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
    structure = signature(model, input_signature)
    named = names_of(structure)
    symbols = [x for _, _, x in named]
    recordings, inputs, results, axes = _recorded(model, structure, symbols)
    names = _input_names([name for name, _, _ in named])
    arrays = [[on_host(x.data) for x in run] for run in inputs]
    dimensions, sources = {}, {}
    for (i, axis), name in axes.items():
        if name not in dimensions:
            dimensions[name] = tuple(run[i].shape[axis] for run in arrays[: len(recordings)])
            sources[name] = f"len({names[i]})" if axis == 0 else f"{names[i]}.shape[{axis}]"
    calls = simplified(merge(recordings), recordings)
    writer = Writer(recordings, calls, dimensions, names)
    descriptions = [
        Input(
            name,
            "object" if str(x.dtype) == "string" else str(x.dtype),
            tuple(x.shape[1:]),
            path,
            tuple(axes.get((i, axis), str(n)) for axis, n in enumerate(x.shape)),
        )
        for i, (name, (_, path, x)) in enumerate(zip(names, named))
    ]
    text = program(model.name, file, writer, descriptions, _outputs(model, recordings, dimensions), sources)
    _check(model, text, writer.weights.arrays, structure, arrays, results)
    return text, writer.weights.arrays


def _recorded(model: Any, structure: Any, symbols: Sequence[Any]) -> Any:
    """Recordings on inputs of different sizes, all inputs and what the model returned for them, and the names of the sizes."""
    first_error: Exception | None = None
    for axes in open_axes(symbols):
        for lengths in LENGTHS:
            runs = []
            for run in range(RUNS):
                for tensors in samples(model, symbols, axes, run, lengths):
                    recording = Recording(model, tensors)
                    try:
                        result = recording.run(model, tree.pack_sequence_as(structure, tensors))
                    except ExportError:
                        raise
                    except Exception as error:  # such numbers, or such a size, are nothing for this model
                        first_error = first_error or error
                        continue
                    runs.append((recording, tensors, [on_host(y.data) for y in tree.flatten(result)]))
                    break
                else:
                    break
            if len(runs) == RUNS:
                recordings, inputs, results = zip(*runs)
                return recordings[:-1], inputs, results, axes
    assert first_error is not None
    raise ExportError(
        f"the model {model.name!r} cannot be run on sample inputs of the shapes {', '.join(str(x.shape) for x in symbols)}: {first_error}"
    ) from first_error


def _input_names(names: Sequence[str]) -> list[str]:
    """Names that can stand in a program; a single input is called x."""
    if len(names) == 1:
        return ["x"]
    result: list[str] = []
    for i, name in enumerate(names):
        text = re.sub(r"\W", "_", name)
        is_good = text.isidentifier() and text not in RESERVED and text not in helpers()
        text = text if is_good and not text.startswith(("keras_tensor", "input_layer")) else f"x{i + 1}"
        result.append(text if text not in result else f"{text}_{i + 1}")
    return result


def _outputs(
    model: Any, recordings: Sequence[Any], dimensions: dict[str, tuple[int, ...]]
) -> list[tuple[str, str, str]]:
    """Name, shape and dtype of each output, in the order in which the program lists them."""
    structure = recordings[0].outputs
    paths, numbers = paths_of(structure), flat(structure)
    known = getattr(model, "_output_names", lambda: None)() or []
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
        for sizes in zip(*(np.shape(r.arrays[number]) for r in recordings)):
            text = str(sizes[0]) if len(set(sizes)) == 1 else expression(tuple(sizes), list(dimensions.items()))
            parts.append(text if text is not None and not re.search("[-+]", text) else "any")
        shape = f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"
        dtype = recordings[0].arrays[number].dtype
        result.append((name, shape, "strings" if dtype.kind == "O" else str(dtype)))
    return result


def _check(
    model: Any, text: str, weights: dict[str, Any], structure: Any, inputs: Sequence[Any], results: Sequence[Any]
) -> None:
    """Run the program on inputs that its lines were not checked on: it gives what the model gave."""
    before, after = text.split("W = dict(", 1)
    namespace: dict[str, Any] = {"__name__": "program", "W": weights}
    exec(compile(before + after.split("\n", 1)[1], "<program>", "exec"), namespace)
    for arrays, expected in list(zip(inputs, results))[2:]:
        with np.errstate(all="ignore"):
            actual = tree.flatten(namespace["predict"](tree.pack_sequence_as(structure, list(arrays))))
        for a, b in zip(actual, expected, strict=True):
            if a.dtype != b.dtype or a.shape != b.shape or not _agree(a, b):
                raise ExportError(
                    f"the model {model.name!r} cannot be written as a NumPy program: for a batch of {len(arrays[0])} the program gives "
                    f"other numbers, {a.dtype} {a.shape} instead of {b.dtype} {b.shape}"
                )


def _agree(a: Any, b: Any) -> bool:
    if b.dtype.kind == "O" or b.dtype.kind in "biu":
        return bool(np.array_equal(a, b))
    tolerance = {"float16": 2e-2, "float32": 1e-4}.get(str(b.dtype), 1e-9)
    largest = np.max(np.abs(b), where=np.isfinite(b), initial=1)
    return bool(np.allclose(a, b, rtol=tolerance, atol=tolerance * largest, equal_nan=True))
