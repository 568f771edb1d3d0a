"""The whole program: its text around the statements of ``predict``."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Sequence
from typing import Any, NamedTuple

from ... import __version__
from .constants import literal, printable
from .formulas import main as template
from .helpers import helpers, lines_of, modules, needed
from .layout import wrapped
from .specialize import specialize
from .structures import paths_of
from .writer import Writer


class Input(NamedTuple):
    """An input of a program: its name, dtype and shape without the batch, and where it is in what ``predict`` takes."""

    name: str
    dtype: str
    shape: tuple[int | None, ...]
    path: tuple[Any, ...]
    sizes: tuple[str, ...]  # the size of each axis, by its name if it is not fixed


def program(
    name: str,
    file: str,
    writer: Writer,
    inputs: Sequence[Input],
    outputs: Sequence[tuple[str, str, str]],
    sizes: dict[str, str],
) -> str:
    """The text of a program.

    Args:
        name: of the model. file: of the program.
        outputs: the name, shape and dtype of each output.
        sizes: the source code of the sizes that the statements may name.
    """
    predict = _predict(writer, inputs, outputs, sizes)
    sources = specialize({helper: helpers()[helper].source for helper in needed(writer.helpers)}, predict)
    imports = ["argparse", "csv", "os", "sys", *modules(sources)]
    parts = [
        _docstring(name, file, inputs, outputs),
        "\n".join(f"import {module}" for module in sorted(imports))
        + "\nfrom pathlib import Path\n\nimport numpy as np",
        "# The weights, by their names in the model.\n"
        'W = dict(np.load(Path(__file__).with_suffix(".npz"), allow_pickle=False))',
    ]
    body = [
        *sources.values(),
        predict,
        _tables(inputs, outputs),
        *_main(writer, inputs),
        'if __name__ == "__main__":\n    main()',
    ]
    return "\n\n".join(parts) + "\n\n\n" + "\n\n\n".join(body) + "\n"


def _docstring(name: str, file: str, inputs: Sequence[Input], outputs: Sequence[tuple[str, str, str]]) -> str:
    files = " ".join(f"{i.name}.npy" for i in inputs)
    lines = [f'"""The model "{printable(name)}", as a program that needs NumPy alone.', ""]
    lines += [f"    python {file} {files} [-o predictions.npy]", ""]
    lines += [f"Input {i.name}: {shape_of(i)} of {i.dtype}" for i in inputs]
    lines += [f"Output {printable(name)}: {shape} of {dtype}" for name, shape, dtype in outputs]
    lines += ["", f"The weights are in the .npz file beside it. Written by dualnet {__version__}.", '"""']
    return "\n".join(lines)


def shape_of(x: Input) -> str:
    return f"({', '.join(x.sizes)}{',' if len(x.sizes) == 1 else ''})"


def _predict(
    writer: Writer, inputs: Sequence[Input], outputs: Sequence[tuple[str, str, str]], sizes: dict[str, str]
) -> str:
    parameter = inputs[0].name if len(inputs) == 1 and not inputs[0].path else "inputs"
    shapes = ", ".join(shape_of(i) if len(inputs) == 1 else f"{i.name} {shape_of(i)}" for i in inputs)
    results = ", ".join(shape if len(outputs) == 1 else f"{printable(name)} {shape}" for name, shape, _ in outputs)
    lines = [f"def predict({parameter}):", f'    """{parameter}: {shapes} -> {results}"""']
    for i in inputs:
        source = parameter + "".join(f"[{literal(key)}]" for key in i.path)
        lines.append(f'    {i.name} = np.asarray({source}, dtype="{i.dtype}")')
    lines += [f"    {name} = {source}" for name, source in sizes.items() if name in writer.used_dimensions]
    lines += [line for text in writer.lines for line in wrapped(text)]
    lines += ["", *wrapped(f"    return {_structure(writer.returned())}")]
    return "\n".join(line for i, line in enumerate(lines) if line or lines[i - 1]).replace("\n\n\n", "\n\n")


def _structure(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{literal(k)}: {_structure(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_structure, value)) + "]"
    if isinstance(value, tuple):
        return "(" + ", ".join(map(_structure, value)) + ("," if len(value) == 1 else "") + ")"
    return str(value)


def _tables(inputs: Sequence[Input], outputs: Sequence[tuple[str, str, str]]) -> str:
    entries = [f"    {literal(i.name)}: ({literal(i.dtype)}, {i.shape!r})," for i in inputs]
    names = ", ".join(literal(name) for name, _, _ in outputs)
    comment = "# Of each input its dtype and its shape without the batch, and the names of the outputs."
    return "\n".join([comment, "INPUTS = {", *entries, "}", *wrapped(f"OUTPUTS = [{names}]")])


def _main(writer: Writer, inputs: Sequence[Input]) -> list[str]:
    """The functions of ``formulas.main``, with a ``predict_all`` for these inputs and outputs."""
    text = inspect.getsource(template)
    found = []
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef) and node.name not in ("predict", "predict_all"):
            found.append(lines_of(text, node))
    argument = "inputs[0]" if len(inputs) == 1 and not inputs[0].path else _argument(inputs)
    lines = ["def predict_all(inputs):", f"    y = predict({argument})"]
    structure = writer.returned()
    parts = ["y" + "".join(f"[{literal(key)}]" for key in path) for path in paths_of(structure)]
    lines.append(f"    return [{', '.join(parts)}]")
    return [*found[:-1], "\n".join(line for text in lines for line in wrapped(text)), found[-1]]


def _argument(inputs: Sequence[Input]) -> str:
    """What ``predict`` takes, made of a list of all inputs."""

    def build(items: list[tuple[int, tuple[Any, ...]]]) -> str:
        if len(items) == 1 and not items[0][1]:
            return f"inputs[{items[0][0]}]"
        keys: dict[Any, list[tuple[int, tuple[Any, ...]]]] = {}
        for number, path in items:
            keys.setdefault(path[0], []).append((number, path[1:]))
        parts = {key: build(rest) for key, rest in keys.items()}
        if all(isinstance(key, int) for key in keys):
            return "[" + ", ".join(parts.values()) + "]"
        return "{" + ", ".join(f"{literal(k)}: {v}" for k, v in parts.items()) + "}"

    return build([(n, i.path) for n, i in enumerate(inputs)])
