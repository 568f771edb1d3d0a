"""The run directory: what a training leaves behind, and how it is never written over by accident."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from .errors import CliError, Failure, one_line, printable

CONFIG, METRICS, RESULTS = "config.toml", "metrics.csv", "results.json"
MODEL, HISTORY = "model.keras", "history.png"
FILES = (CONFIG, METRICS, RESULTS, MODEL, HISTORY)


class RunDir:
    """An existing directory that this run may write to."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._metrics: TextIO | None = None
        self._columns: list[str] = []

    @property
    def label(self) -> str:
        """Its name, fit for printing."""
        return printable(str(self.path))

    def written(self) -> list[str]:
        """Those of the usual files that are there."""
        return [name for name in FILES if (self.path / name).exists()]

    def write_text(self, name: str, text: str) -> None:
        """Write a file so that it is either there complete or as it was before."""
        with replacing(self.path / name) as temporary:
            temporary.write_text(text, encoding="utf-8")

    def write_results(self, results: dict[str, Any]) -> None:
        """``results.json``; what is not a finite number becomes null, as JSON knows no other word for it."""
        text = json.dumps(_finite(results), indent=2, ensure_ascii=False, allow_nan=False)
        self.write_text(RESULTS, text + "\n")

    def add_metrics(self, row: dict[str, float]) -> None:
        """One more line of ``metrics.csv``, on disk when this returns. The first row decides the columns."""
        if self._metrics is None:
            self._columns = list(row)
            path = self.path / METRICS
            with replacing(path) as temporary:
                temporary.write_text(_csv_line(self._columns), encoding="utf-8")
            self._metrics = path.open("a", encoding="utf-8", newline="")
        # One write of a whole line: a reader that looks at any time sees complete lines.
        self._metrics.write(_csv_line([_number(row.get(name)) for name in self._columns]))
        self._metrics.flush()

    def close(self) -> None:
        """Close ``metrics.csv``."""
        if self._metrics is not None:
            self._metrics.close()
            self._metrics = None


def create(wanted: str | None, name: str, force: bool) -> RunDir:
    """Make the directory of a run.

    wanted: as given with --run-dir; it must be new or empty. Without it ``runs/<name>`` is taken, or when that exists
    the first free one of ``runs/<name>-2``, ``-3`` ...
    force: use the directory even if it holds a run; the files of that run are removed, all others stay.
    """
    try:
        if wanted is not None:
            return _given(Path(wanted).expanduser(), force)
        first = Path("runs") / name
        if force:
            return _given(first, force)
        return _numbered(first)
    except OSError as error:
        place = printable(str(error.filename or wanted or "runs"))
        raise CliError(f"cannot make the run directory {place}: {error.strerror}") from None


def _given(path: Path, force: bool) -> RunDir:
    if path.exists() and not path.is_dir():
        raise CliError(f"--run-dir {printable(str(path))}: is not a directory")
    path.mkdir(parents=True, exist_ok=True)
    if any(path.iterdir()):
        if not force:
            message = "is not empty; name another one, or use --force to replace the run in it"
            raise CliError(f"--run-dir {printable(str(path))}: {message}")
        for name in FILES:
            (path / name).unlink(missing_ok=True)
    if not os.access(path, os.W_OK | os.X_OK):
        raise CliError(f"--run-dir {printable(str(path))}: you may not write to it")
    return RunDir(path)


def _numbered(first: Path) -> RunDir:
    first.parent.mkdir(parents=True, exist_ok=True)
    number = 1
    while True:
        path = first if number == 1 else first.with_name(f"{first.name}-{number}")
        try:
            path.mkdir()  # fails when it exists, also when another run makes it at this very moment
            return RunDir(path)
        except FileExistsError:
            number += 1


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary file beside ``path`` that takes its place when the block ends well, and disappears when not."""
    try:
        with _temporary(path) as temporary:
            yield temporary
    except OSError as error:
        reason = error.strerror or one_line(error)
        raise Failure(f"{printable(str(path))} could not be written: {reason}") from None


@contextmanager
def _temporary(path: Path) -> Iterator[Path]:
    handle, name = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=path.suffix, dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        os.chmod(temporary, 0o666 & ~_umask())
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _csv_line(cells: list[str]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(cells)
    return line.getvalue()


def _number(value: float | None) -> str:
    return "" if value is None else str(value) if isinstance(value, int) else f"{value:.8g}"


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(v) for key, v in value.items()}
    if isinstance(value, list):
        return [_finite(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
