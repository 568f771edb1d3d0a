"""The programs that ``model.export("m.py")`` writes: what they say of themselves, and the weights beside them."""

from __future__ import annotations

import re

from ..limits import typed_errors
from .archives import note_zip
from .report import Port, Report

START = b'"""The model "'
_KIND = "as a program that needs NumPy alone."
_PORT = re.compile(r"^(Input|Output) (.*): (\(.*\)) of (\w+)$", re.MULTILINE)
_VERSION = re.compile(r"Written by dualnet (\S+)\.$", re.MULTILINE)
_WEIGHT = re.compile(r'\bW\["([^"]*)"\]')
_MAX_TEXT = 1 << 26


def note_program(report: Report) -> None:
    """Note the inputs and outputs of a program, and whether the weights that it uses are beside it. It is not run."""
    if report.size > _MAX_TEXT:
        raise ValueError(f"is a text of {report.size} bytes, which is no program of dualnet")
    text = report.path.read_text(encoding="utf-8")
    about = text[: text.find('"""', 3)]
    if _KIND not in about:
        raise ValueError("is a Python program, and none that dualnet wrote")
    report.format = "program of NumPy (.py)"
    report.verdict = "would not run"
    name = about.removeprefix(START.decode()).partition('", as a program')[0]
    report.model = {"class": "program", "name": name}
    if version := _VERSION.search(about):
        report.versions = {"dualnet": version[1]}
    for kind, name, shape, dtype in _PORT.findall(about):
        sizes = [size.strip() for size in shape.strip("()").split(",") if size.strip()]
        report.ports.append(Port(kind.lower(), name, tuple(int(n) if n.isdecimal() else n for n in sizes), dtype))
    _note_weights(report, set(_WEIGHT.findall(text)))


def _note_weights(report: Report, used: set[str]) -> None:
    path = report.path.with_suffix(".npz")
    if not path.is_file():
        report.refuse(f"its weights are missing: there is no {path.name} beside it")
        return
    weights = Report(path, path.stat().st_size)
    try:
        with typed_errors(path):
            note_zip(weights)
    except (ValueError, TypeError, OSError, RuntimeError) as error:
        weights.refuse(error)
    report.parts.append((path.name, weights.size))
    report.arrays = weights.arrays
    for problem in weights.problems:
        report.refuse(f"{path.name}: {problem}")
    missing = sorted(used - {array.name for array in weights.arrays})
    if missing and not weights.problems:
        report.refuse(f"{path.name} has no array {missing[0]!r}: it belongs to another program")
