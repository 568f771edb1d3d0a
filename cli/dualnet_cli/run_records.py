"""What a run directory says about its run, read without trusting it: the run may be going on, cut off or damaged."""

from __future__ import annotations

import csv
import json
import math
import os
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import run_lock, run_replace
from .errors import one_line
from .run_dir import CHECKPOINTS, CONFIG, METRICS, MODEL, RESULTS

STATES = ("running", "finished", "interrupted", "failed", "diverged", "damaged")
PARTS = ("train", "validation", "test")
_MAX_BYTES = 1 << 26  # of a file that is read as a whole
_UNCOMPARED = ("name", "device")  # settings that do not make a run another one, or have a column of their own


@dataclass
class RunRecord:
    """One run.

    state: one of ``STATES``. problem: what is wrong with a damaged one. epochs_asked_for: 0 when it is not known. scores: by part,
    then by metric. settings: those of its config, by dotted key. seconds: NaN when they are not known.
    """

    path: Path
    state: str = "damaged"
    problem: str = ""
    epochs: int = 0
    epochs_asked_for: int = 0
    seconds: float = math.nan
    device: str = ""
    started: str = ""
    scores: dict[str, dict[str, float] | None] = field(default_factory=lambda: dict.fromkeys(PARTS))
    settings: dict[str, Any] = field(default_factory=dict)


class Damaged(ValueError):
    """A file that does not hold what it should."""


def find(folder: Path) -> Iterator[Path]:
    """The run directories below a folder, itself included, in the order of their names. Links to folders are not followed."""
    unreadable: list[Path] = []

    def note(error: OSError) -> None:
        unreadable.append(Path(error.filename))

    for name, folders, files in os.walk(folder, onerror=note):
        folders.sort(key=natural)
        folders[:] = [f for f in folders if not f.startswith(".") and f != CHECKPOINTS]
        path = Path(name)
        if _is_run(path, files):
            yield path
        if (path / run_replace.NEW / CONFIG).exists():
            yield path / run_replace.NEW
    yield from unreadable


def _is_run(path: Path, files: list[str]) -> bool:
    if METRICS in files or RESULTS in files:
        return True
    if CONFIG not in files:
        return False
    try:
        return {"model", "fit"} <= set(_read_config(path))
    except Damaged:
        return False  # a file of that name is no run


def read(path: Path) -> RunRecord:
    """The record of a run directory; whatever is wrong with it is in ``problem``."""
    record = RunRecord(path)
    home = path.parent if path.name == run_replace.NEW else path
    is_running = run_lock.is_locked(home) and not (path == home and (path / run_replace.NEW).exists())
    try:
        record.settings = dict(_flat(_read_config(path)))
        record.device = str(record.settings.get("device", ""))
        last = _read_metrics(path, record)
        results = _read_results(path)
        if results is not None:
            _use_results(results, record)
        elif last:
            record.scores = _scores_of(last)
        record.epochs_asked_for = record.epochs_asked_for or _epochs_in(record.settings)
        record.state = _state(path, is_running, results, last)
        if not is_running and any((path / name).exists() for name in (run_replace.COMPLETE, run_replace.MOVING)):
            raise Damaged("it was being replaced when the process was killed; the next training in it finishes that")
    except Damaged as error:
        record.state, record.problem = "damaged", str(error)
    return record


def natural(name: str) -> list[Any]:
    """A key that sorts digits-2 before digits-10."""
    parts, digits = [""], False
    for c in name:
        if c.isdecimal() != digits:
            parts.append("")
            digits = not digits
        parts[-1] += c
    return [int(part) if i % 2 else part.lower() for i, part in enumerate(parts)]


def _state(path: Path, is_running: bool, results: dict[str, Any] | None, last: dict[str, float]) -> str:
    if is_running:
        return "running"
    if not math.isfinite(last.get("loss", 0.0)):
        return "diverged"
    if results is not None:
        return "interrupted" if results.get("interrupted") else "finished"
    # The model is saved when an error ends a training; a process that was killed saves nothing.
    return "failed" if (path / MODEL).exists() else "interrupted"


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
        if len(content) > _MAX_BYTES:
            raise Damaged(f"{path.name} is larger than {_MAX_BYTES >> 20} MB")
        return content.decode("utf-8")
    except UnicodeDecodeError:
        raise Damaged(f"{path.name} is not text") from None
    except FileNotFoundError:
        raise
    except OSError as error:
        raise Damaged(f"{path.name} cannot be read: {error.strerror}") from None


def _read_config(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(_read(path / CONFIG))
    except FileNotFoundError:
        raise Damaged(f"{CONFIG} is missing") from None
    except (ValueError, RecursionError) as error:
        raise error if isinstance(error, Damaged) else Damaged(f"{CONFIG}: {one_line(error)}") from None


def _read_results(path: Path) -> dict[str, Any] | None:
    try:
        results = json.loads(_read(path / RESULTS))
    except FileNotFoundError:
        return None
    except (ValueError, RecursionError) as error:
        raise error if isinstance(error, Damaged) else Damaged(f"{RESULTS}: {one_line(error)}") from None
    if not isinstance(results, dict):
        raise Damaged(f"{RESULTS}: expected an object, got {type(results).__name__}")
    return results


def _use_results(results: dict[str, Any], record: RunRecord) -> None:
    for name, kind in (("epochs", int), ("epochs_asked_for", int), ("seconds", (int, float)), ("device", str)):
        value = results.get(name)
        if not isinstance(value, kind) or isinstance(value, bool):
            raise Damaged(f"{RESULTS}: {name} is missing or of another kind")
        setattr(record, name, value)
    record.seconds = _number(record.seconds, "seconds")
    record.started = str(results.get("started", ""))
    for part in PARTS:
        scores = results.get(part)
        if scores is None:
            continue
        if not isinstance(scores, dict) or not all(v is None or isinstance(v, (int, float)) for v in scores.values()):
            raise Damaged(f"{RESULTS}: {part} is not a table of numbers")
        record.scores[part] = {name: _number(v, f"{part} {name}") for name, v in scores.items()}


def _number(value: Any, what: str) -> float:
    try:
        return math.nan if value is None else float(value)
    except OverflowError:
        raise Damaged(f"{RESULTS}: {what} is larger than any number") from None


def _read_metrics(path: Path, record: RunRecord) -> dict[str, float]:
    """The last line of ``metrics.csv``, by column; empty when there is none. A line that is being written does not count."""
    try:
        text = _read(path / METRICS)
    except FileNotFoundError:
        return {}
    try:
        rows = list(csv.reader(text[: text.rfind("\n") + 1].splitlines()))
        columns, rows = (rows[0], rows[1:]) if rows else ([], [])
        table = [{name: float(cell) for name, cell in zip(columns, row, strict=True) if cell} for row in rows]
        record.epochs = int(table[-1]["epoch"]) if table else 0
        record.seconds = sum((row["seconds"] for row in table), 0.0)
    except (ValueError, OverflowError, csv.Error):
        raise Damaged(f"{METRICS} holds lines that are not one number per column") from None
    except KeyError as error:
        raise Damaged(f"{METRICS} has no column {error}") from None
    return table[-1] if table else {}


def _scores_of(row: dict[str, float]) -> dict[str, dict[str, float] | None]:
    """The scores in a line of ``metrics.csv``, as ``results.json`` groups them."""
    scores: dict[str, dict[str, float]] = {"train": {}, "validation": {}}
    for name, value in row.items():
        if name not in ("epoch", "seconds"):
            part = "validation" if name.startswith("val_") else "train"
            scores[part][name.removeprefix("val_")] = value
    return {part: scores.get(part) or None for part in PARTS}


def _epochs_in(settings: dict[str, Any]) -> int:
    """The epochs that a config asks for."""
    numbers = [settings.get("fit.epochs"), settings.get("fit.fine_tune.epochs", 0)]
    return sum(number for number in numbers if isinstance(number, int))


def _flat(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """(dotted key, value) of everything in a config; lists of tables are counted from 0, as ``--set`` counts them."""
    if isinstance(value, dict):
        items = [(str(name), inner) for name, inner in value.items()]
    elif isinstance(value, list) and value and all(isinstance(inner, dict) for inner in value):
        items = [(str(i), inner) for i, inner in enumerate(value)]
    else:
        yield key, value
        return
    for name, inner in items:
        yield from _flat(inner, f"{key}.{name}" if key else name)


def differences(records: list[RunRecord]) -> list[str]:
    """The keys of the settings that are not the same in all runs, in the order of the configs."""
    known = [record.settings for record in records if record.settings]
    keys = dict.fromkeys(key for settings in known for key in settings if key not in _UNCOMPARED)
    return [key for key in keys if len({_comparable(settings.get(key)) for settings in known}) > 1]


def _comparable(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)


def short_names(keys: list[str]) -> dict[str, str]:
    """Each dotted key by as many of its last parts as tell it from the others: "learning_rate" for "compile.optimizer.learning_rate"."""

    def tail(key: str, count: int) -> str:
        return ".".join(key.split(".")[-count:])

    names = {}
    for key in keys:
        count = 1
        while [tail(other, count) for other in keys].count(tail(key, count)) > 1 or tail(key, count).isdecimal():
            count += 1
        names[key] = tail(key, count)
    return names
