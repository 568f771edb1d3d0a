"""The run directory: the files a training produces, protected against accidental overwriting.

A run holds the lock of its directory until it ends. One that replaces another (``--force``) is trained in a hidden folder, and
takes the place of the old one when it is complete: decision 0035.
"""

from __future__ import annotations

import csv
import io
import itertools
import json
import math
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

import click

from dualnet.saving.atomic import atomic_write, sync_file

from . import run_replace
from .errors import CliError, Failure, one_line, printable, system_error
from .run_lock import NAME as LOCK
from .run_lock import Lock, is_locked

CONFIG, METRICS, RESULTS = "config.toml", "metrics.csv", "results.json"
MODEL, HISTORY = "model.keras", "history.png"
CHECKPOINTS = "checkpoints"
PREPARATION = "preparation.json"  # see preparation.py
FILES = (CONFIG, PREPARATION, METRICS, RESULTS, MODEL, HISTORY)
_FIRST = (
    CONFIG,
    PREPARATION,
)  # written before anything is trained: a directory with no more holds nothing worth keeping
OWN = (*FILES, CHECKPOINTS)  # what a run that replaces another one removes where it does not write it itself


class RunDir:
    """The existing directory a run writes to; a context in which it belongs to this run alone.

    path: where the files are written. replaces: whether that is a hidden folder, whose files take the places of those of the run
    in ``home`` with ``finish``. is_new: whether the directory was made for this run; it is removed when an error leaves nothing
    but the config in it.
    """

    def __init__(self, path: Path, lock: Lock | None = None, replaces: bool = False, is_new: bool = False) -> None:
        self.home = path
        self.path = path / run_replace.NEW if replaces else path
        self._lock = lock
        self._is_new = is_new
        self._metrics: TextIO | None = None
        self._columns: list[str] = []

    def __enter__(self) -> RunDir:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the directory back. A run that has not replaced the one there by now gets a directory of its own."""
        is_unused = False
        try:
            self.close()
            if self._replaces:
                self._move_aside("the new one was not completed")
            elif kind is not None and self._is_new:
                is_unused = run_replace.is_empty(self.home, (*_FIRST, LOCK))
                if is_unused:
                    for name in _FIRST:
                        (self.home / name).unlink(missing_ok=True)
        finally:
            if self._lock is not None:
                self._lock.release()
        if is_unused:
            self.home.rmdir()

    @property
    def _replaces(self) -> bool:
        return self.path != self.home

    @property
    def label(self) -> str:
        """Its name, safe for printing."""
        return printable(str(self.home))

    def finish(self, ended: bool) -> None:
        """Say that all files are written. ended: whether the training came to its end; one that was stopped or diverged did not.

        Only such a run takes the place of one that has a model; any other gets a directory of its own, which is then ``home``.
        """
        self.close()
        if not self._replaces:
            return
        if not ended and (self.home / MODEL).exists():
            self._move_aside("the new one did not come to its end")
            return
        try:
            run_replace.replace(self.home, OWN)
        except OSError as error:
            raise Failure(
                f"{self.label}: the new run could not take the place of the one before: {error.strerror or one_line(error)}; "
                "nothing is lost, and the next command that trains there finishes this"
            ) from None
        finally:
            self.path = self.home

    def _move_aside(self, reason: str) -> None:
        before = self.label
        new, self.path = self.path, self.home
        moved = _set_aside(new)
        if moved is not None:
            self.home = self.path = moved
            click.echo(f"{before} keeps its run, since {reason}; that is in {self.label}", err=True)

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
        if not self._columns:
            self._columns = list(row)
            self.write_text(METRICS, _csv_line(self._columns))
        path = self.path / METRICS
        with write_errors(path):
            if self._metrics is None:
                self._metrics = path.open("a", encoding="utf-8", newline="")
            # One write per line: a concurrent reader only sees complete lines.
            self._metrics.write(self._metrics_line(row))
            self._metrics.flush()

    def restart_metrics(self, rows: list[dict[str, float]]) -> None:
        """Begin ``metrics.csv`` again with the rows that the run had up to the point from which it goes on; without any, remove it."""
        self.close()
        self._columns = list(rows[0]) if rows else []
        path = self.path / METRICS
        if rows:
            self.write_text(METRICS, "".join([_csv_line(self._columns), *map(self._metrics_line, rows)]))
        else:
            with write_errors(path):
                path.unlink(missing_ok=True)

    def _metrics_line(self, row: dict[str, float]) -> str:
        return _csv_line([_number(row.get(name)) for name in self._columns])

    def close(self) -> None:
        """Close ``metrics.csv``; its lines are then on the disk."""
        if self._metrics is None:
            return
        file, self._metrics = self._metrics, None
        path = self.path / METRICS
        with write_errors(path):
            file.close()
            sync_file(path)


def create(requested: str | None, name: str, force: bool) -> RunDir:
    """Create the directory of a run, and lock it.

    requested: the value of --run-dir, which must be new or empty; by default ``runs/<name>``, or if that exists the
    first unused one of ``runs/<name>-2``, ``-3`` ...
    force: use the directory even if it contains a run, which is replaced when the new one is complete; all files that are no run's
    stay.
    """
    try:
        if requested is not None:
            return _use_directory(Path(requested).expanduser(), force)
        first = Path("runs") / name
        if force:
            return _use_directory(first, force)
        path = _numbered(first)
        return RunDir(path, Lock(path), is_new=True)
    except OSError as error:
        location = printable(str(error.filename or requested or "runs"))
        raise system_error(f"cannot make the run directory {location}", error) from None


def reopen(path: Path) -> RunDir:
    """The directory of an earlier run, locked, to go on with that run.

    Raises ``CliError`` when there is no such directory, or another run writes to it, ``Failure`` on a full disk.
    """
    label = printable(str(path))
    if not path.is_dir():
        raise CliError(f"{label}: there is no such run directory")
    try:
        return RunDir(path, _open(path, label))
    except OSError as error:
        raise system_error(f"{label}: cannot write to the run directory", error) from None


def _use_directory(path: Path, force: bool) -> RunDir:
    label = f"--run-dir {printable(str(path))}"
    if path.exists() and not path.is_dir():
        raise CliError(f"{label}: is not a directory")
    is_new = not path.exists()
    path.mkdir(parents=True, exist_ok=True)
    if not force and not is_locked(path) and not run_replace.unfinished(path):
        _refuse_used(path, label)
    if not os.access(path, os.W_OK | os.X_OK):
        raise CliError(f"{label}: you may not write to it")
    lock = _open(path, label)
    try:
        if not force:
            _refuse_used(path, label)
        replaces = any((path / name).exists() for name in OWN)
        if replaces:
            (path / run_replace.NEW).mkdir()
    except BaseException:
        lock.release()
        raise
    return RunDir(path, lock, replaces, is_new)


def _refuse_used(path: Path, label: str) -> None:
    if not run_replace.is_empty(path, (LOCK,)):
        raise CliError(f"{label}: is not empty; name another one, or use --force to replace the run in it")


def _open(path: Path, label: str) -> Lock:
    """Lock a directory, and finish what a killed process left there."""
    lock = Lock(path)
    try:
        for line in run_replace.settle(path, OWN, _set_aside):
            click.echo(f"{label}: {line}", err=True)
    except BaseException:
        lock.release()
        raise
    return lock


def _set_aside(new: Path) -> Path | None:
    """Give a run that replaces none a directory of its own, which is returned; None when it holds nothing but its config."""
    if run_replace.is_empty(new, _FIRST):
        shutil.rmtree(new)
        return None
    home = new.parent if new.parent.name else Path(os.path.realpath(new.parent))
    try:
        return _move(new, home if home.name else home / "unfinished")
    except OSError:  # the folder above may be on another disk, or not ours
        return _move(new, home / "unfinished")


def _move(folder: Path, first: Path) -> Path:
    place = _numbered(first)
    if os.name == "nt":  # which does not rename to a name that is taken, even by an empty folder
        place.rmdir()
    try:
        folder.rename(place)
    except OSError:
        with suppress(OSError):
            place.rmdir()
        raise
    return place


def _numbered(first: Path) -> Path:
    first.parent.mkdir(parents=True, exist_ok=True)
    path = first
    for number in itertools.count(2):
        with suppress(FileExistsError):  # even if a concurrent run has just created it
            path.mkdir()
            break
        path = first.with_name(f"{first.name}-{number}")
    return path


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
