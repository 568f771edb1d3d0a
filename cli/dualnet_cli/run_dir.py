"""The run directory: the files a training produces, protected against accidental overwriting."""

from __future__ import annotations

import csv
import io
import itertools
import json
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO

from dualnet.saving.atomic import atomic_write

from .errors import CliError, Failure, one_line, printable

CONFIG, METRICS, RESULTS = "config.toml", "metrics.csv", "results.json"
MODEL, HISTORY = "model.keras", "history.png"
PREPARATION = "preparation.json"  # see preparation.py
FILES = (CONFIG, PREPARATION, METRICS, RESULTS, MODEL, HISTORY)


class RunDir:
    """The existing directory a run writes to."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._metrics: TextIO | None = None
        self._columns: list[str] = []

    @property
    def label(self) -> str:
        """Its name, safe for printing."""
        return printable(str(self.path))

    def existing_files(self) -> list[str]:
        """The names of the output files that exist."""
        return [name for name in FILES if (self.path / name).exists()]

    def write_text(self, name: str, text: str) -> None:
        """Write a file atomically."""
        path = self.path / name
        with write_errors(path), atomic_write(path, "w", encoding="utf-8") as file:
            file.write(text)

    def write_results(self, results: dict[str, Any]) -> None:
        """Write ``results.json``; infinities and NaN become null, since JSON lacks them."""
        text = json.dumps(finite(results), indent=2, ensure_ascii=False, allow_nan=False)
        self.write_text(RESULTS, text + "\n")

    def add_metrics(self, row: dict[str, float]) -> None:
        """Append a line to ``metrics.csv`` and flush it. The first row determines the columns."""
        if self._metrics is None:
            self._columns = list(row)
            self.write_text(METRICS, _csv_line(self._columns))
            self._metrics = (self.path / METRICS).open("a", encoding="utf-8", newline="")
        # One write per line: a concurrent reader only sees complete lines.
        self._metrics.write(_csv_line([_number(row.get(name)) for name in self._columns]))
        self._metrics.flush()

    def close(self) -> None:
        """Close ``metrics.csv``."""
        if self._metrics is not None:
            self._metrics.close()
            self._metrics = None


def create(requested: str | None, name: str, force: bool) -> RunDir:
    """Create the directory of a run.

    requested: the value of --run-dir, which must be new or empty; by default ``runs/<name>``, or if that exists the
    first unused one of ``runs/<name>-2``, ``-3`` ...
    force: use the directory even if it contains a run; the files of that run are removed, all others stay.
    """
    try:
        if requested is not None:
            return _use_directory(Path(requested).expanduser(), force)
        first = Path("runs") / name
        return _use_directory(first, force) if force else _numbered(first)
    except OSError as error:
        location = printable(str(error.filename or requested or "runs"))
        raise CliError(f"cannot make the run directory {location}: {error.strerror}") from None


def _use_directory(path: Path, force: bool) -> RunDir:
    label = f"--run-dir {printable(str(path))}"
    if path.exists() and not path.is_dir():
        raise CliError(f"{label}: is not a directory")
    path.mkdir(parents=True, exist_ok=True)
    if any(path.iterdir()):
        if not force:
            raise CliError(f"{label}: is not empty; name another one, or use --force to replace the run in it")
        for name in FILES:
            (path / name).unlink(missing_ok=True)
    if not os.access(path, os.W_OK | os.X_OK):
        raise CliError(f"{label}: you may not write to it")
    return RunDir(path)


def _numbered(first: Path) -> RunDir:
    first.parent.mkdir(parents=True, exist_ok=True)
    path = first
    for number in itertools.count(2):
        with suppress(FileExistsError):  # even if a concurrent run has just created it
            path.mkdir()
            break
        path = first.with_name(f"{first.name}-{number}")
    return RunDir(path)


@contextmanager
def write_errors(path: Path) -> Iterator[None]:
    """Turn an ``OSError`` of writing ``path`` into a ``Failure``."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or one_line(error)
        raise Failure(f"{printable(str(path))} could not be written: {reason}") from None


def _csv_line(cells: list[str]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(cells)
    return line.getvalue()


def _number(value: float | None) -> str:
    return "" if value is None else str(value) if isinstance(value, int) else f"{value:.8g}"


def finite(value: Any) -> Any:
    """The value for JSON, which has neither infinities nor NaN: they become null."""
    if isinstance(value, dict):
        return {key: finite(v) for key, v in value.items()}
    if isinstance(value, list):
        return [finite(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
