"""Code cells of the pages: what is between ```` ```{run} ```` and ```` ``` ```` is run, all cells of a page in one namespace.

What they print and draw is kept in ``docs/outputs/pages`` with the SHA-256 of the cells, and committed: a page is run again only when
a cell was changed. ``python docs/cells.py`` runs all pages whose cells were changed, ``--all`` every page. It needs no Sphinx.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import hashlib
import io
import json
import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).resolve().parent
KEPT = HERE / "outputs" / "pages"
CELL = re.compile(r"^```\{run\}[ \t]*\n((?::[\w-]+:[^\n]*\n)*)(.*?)^```[ \t]*$", re.MULTILINE | re.DOTALL)


class Output(NamedTuple):
    """What a cell printed, with the value of a last expression as in an interactive session, and the names of its pictures."""

    text: str
    pictures: list[str]


def cells_of(page: Path) -> list[str]:
    """The code of each cell of a page, hidden ones included."""
    return [match[2] for match in CELL.finditer(page.read_text(encoding="utf-8"))]


def pages() -> list[Path]:
    """The pages with cells."""
    folders = (HERE, *(HERE / name for name in ("families", "guides", "notes")))
    return [page for folder in folders for page in sorted(folder.glob("*.md")) if cells_of(page)]


def name_of(page: Path) -> str:
    return page.relative_to(HERE).with_suffix("").as_posix().replace("/", "-")


def run(cells: list[str], name: str, folder: Path) -> list[Output]:
    """Run cells in one namespace, with `folder`, which is empty, as the current one. Their pictures are the PNG files they write.

    Raises:
        RuntimeError: a cell raised an exception, which is the cause.
    """
    namespace: dict[str, Any] = {"__name__": "__main__"}
    outputs, seen, before = [], set[str](), Path.cwd()
    os.chdir(folder)
    try:
        for number, code in enumerate(cells, start=1):
            printed = io.StringIO()
            try:
                with contextlib.redirect_stdout(printed):
                    _run_cell(code, f"<cell {number} of {name}>", namespace)
            except Exception as error:
                raise RuntimeError(f"cell {number} of {name}: {type(error).__name__}: {error}") from error
            drawn = sorted(file.name for file in folder.glob("*.png") if file.name not in seen)
            seen.update(drawn)
            outputs.append(Output(printed.getvalue(), drawn))
    finally:
        os.chdir(before)
    return outputs


def _run_cell(code: str, file: str, namespace: dict[str, Any]) -> None:
    tree = ast.parse(code, file)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, file, "exec"), namespace)
    if last is not None:
        value = eval(compile(ast.Expression(last.value), file, "eval"), namespace)
        if value is not None and not re.fullmatch(
            r"<.* at 0x[0-9a-f]+>", repr(value)
        ):  # as a History, which says nothing
            print(repr(value))


def outputs_of(page: Path, again: bool = False) -> list[Output]:
    """The outputs of the cells of a page: those that are kept, or, if a cell was changed since or `again`, those of a new run."""
    cells, name = cells_of(page), name_of(page)
    digest, folder = hashlib.sha256("\0".join(cells).encode()).hexdigest(), KEPT / name
    record = folder / "run.json"
    if not again and record.exists():
        kept = json.loads(record.read_text(encoding="utf-8"))
        if kept["sha256"] == digest:
            return [Output(**cell) for cell in kept["cells"]]
    with tempfile.TemporaryDirectory() as scratch:
        outputs = run(cells, name, Path(scratch))
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for picture in (picture for output in outputs for picture in output.pictures):
            shutil.copy(Path(scratch) / picture, folder)
    text = json.dumps({"sha256": digest, "cells": [output._asdict() for output in outputs]}, indent=1)
    record.write_text(text + "\n", encoding="utf-8")
    return outputs


def main() -> None:
    parser = argparse.ArgumentParser(description="Run the cells of the pages, and keep what they print and draw.")
    parser.add_argument("--all", action="store_true", help="also the pages whose cells were not changed")
    again = parser.parse_args().all
    for page in pages():
        print(name_of(page), len(outputs_of(page, again)), "cells", flush=True)


if __name__ == "__main__":
    main()
