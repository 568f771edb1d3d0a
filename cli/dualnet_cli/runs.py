"""``dualnet runs``: a table of the runs below a folder."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import click

from . import run_records, run_replace
from .errors import CliError, did_you_mean, listing, printable, show
from .run_records import RunRecord
from .streams import align

_STYLES = {"running": "cyan", "finished": "green", "damaged": "red", "failed": "red", "diverged": "red"}
_COLUMNS = ("run", "state", "epochs", "figure", "seconds", "device", "started")
_CELL = 24  # characters of a setting


@click.command()
@click.argument("folder", type=click.Path(), default="runs")
@click.option(
    "--sort",
    metavar="COLUMN",
    default="run",
    show_default=True,
    help=f"{', '.join(_COLUMNS)}, or a setting such as learning_rate. Runs without a value come last.",
)
@click.option("--reverse", is_flag=True, help="Sort from the largest to the smallest.")
@click.option(
    "--state",
    "states",
    multiple=True,
    type=click.Choice(run_records.STATES),
    help="Only runs in this state; may be repeated.",
)
@click.option("--name", metavar="PATTERN", help='Only runs whose path fits, such as "digits*".')
@click.option(
    "--where", "conditions", multiple=True, metavar="KEY=VALUE", help="Only runs with this setting; may be repeated."
)
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def command(
    folder: str,
    sort: str,
    reverse: bool,
    states: tuple[str, ...],
    name: str | None,
    conditions: tuple[str, ...],
    as_json: bool,
) -> None:
    """Show the runs below FOLDER: their state, figures, and those settings in which they differ.

    A run is running, finished, interrupted (stopped or killed before its end), failed (an error ended it), diverged (its loss became
    infinite or NaN) or damaged. The figure is the first metric, or the loss, of the test, validation or training part.
    """
    root = Path(folder).expanduser()
    if not root.is_dir():
        reason = "is not a directory" if root.exists() else "there is no such folder"
        raise CliError(f"{printable(folder)}: {reason}; name the folder in which to look for runs")
    wanted = [_condition(text) for text in conditions]
    records = [run_records.read(path) for path in run_records.find(root)]
    found = len(records)
    records = [
        record
        for record in records
        if (not states or record.state in states)
        and (name is None or fnmatch(_label(record, root), name) or fnmatch(record.path.name, name))
        and all(_matches(record, key, value) for key, value in wanted)
    ]
    differing = run_records.differences(records)
    records = _sorted(records, sort, reverse, root, differing)
    if as_json:
        click.echo(json.dumps([_as_dict(record, root, differing) for record in records], indent=1, allow_nan=False))
    elif not records:
        none = f"none of the {found} runs below {printable(folder)} fits" if found > 1 else "the only run does not fit"
        click.echo(none if found else f"no runs below {printable(folder)}", err=True)
    else:
        _show(records, root, differing)


def _condition(text: str) -> tuple[str, str]:
    key, sign, value = text.partition("=")
    if not sign or not key.strip():
        raise CliError(f"--where {printable(text)}: expected KEY=VALUE, such as learning_rate=0.01")
    return key.strip(), value.strip()


def _matches(record: RunRecord, key: str, value: str) -> bool:
    """Whether a setting whose dotted key ends like this has a value, which may be a number in another notation."""
    return any(_same(setting, value) for name, setting in record.settings.items() if f".{name}".endswith(f".{key}"))


def _same(setting: Any, text: str) -> bool:
    if isinstance(setting, bool) or not isinstance(setting, (int, float)):
        return text.strip('"').lower() == (
            str(setting).lower() if isinstance(setting, (bool, str)) else show(setting, 10_000)
        )
    try:
        return float(text) == float(setting)
    except (ValueError, OverflowError):
        return False


def _label(record: RunRecord, root: Path) -> str:
    """The path of a run below the folder; of one that is to replace another, with a remark."""
    path = record.path
    remark = ""
    if path.name == run_replace.NEW:
        path, remark = path.parent, " (new)"
    return ("." if path == root else str(path.relative_to(root))) + remark


def _figure(record: RunRecord) -> tuple[str, float]:
    from .training import headline_score

    return headline_score(record.scores)


def _sorted(records: list[RunRecord], column: str, reverse: bool, root: Path, differing: list[str]) -> list[RunRecord]:
    """The runs in an order; those without a value come last, whatever the direction."""
    keys: dict[str, Callable[[RunRecord], Any]] = {
        "run": lambda r: run_records.natural(_label(r, root)),
        "state": lambda r: run_records.STATES.index(r.state),
        "epochs": lambda r: r.epochs,
        "figure": lambda r: _figure(r)[1],
        "seconds": lambda r: r.seconds,
        "device": lambda r: r.device,
        "started": lambda r: r.started or None,
    }
    key = keys.get(column)
    if key is None:
        settings = {name for record in records for name in record.settings}
        names = [name for name in settings if f".{name}".endswith(f".{column}")]
        names = [name for name in names if name in differing] or names
        if len(names) > 1:
            raise CliError(f"--sort {printable(column)}: which one: {listing(sorted(names))}?")
        if not names and records:
            known = [*_COLUMNS, *(name.rpartition(".")[2] for name in settings)]
            hint = did_you_mean(column, known) or f"; columns: {', '.join(_COLUMNS)}, or a setting"
            raise CliError(f"--sort {printable(column)}: there is no such column{hint}")

        def key(record: RunRecord) -> Any:
            value = record.settings.get(names[0])
            # Numbers before texts, which cannot be compared with them.
            return None if value is None else (0, value) if isinstance(value, (int, float)) else (1, show(value))

    values = [(key(record), record) for record in records]
    there = [(value, record) for value, record in values if value is not None and value == value]
    rest = [record for value, record in values if value is None or value != value]
    there.sort(key=lambda pair: pair[0], reverse=reverse)
    return [record for _, record in there] + rest


def _as_dict(record: RunRecord, root: Path, differing: list[str]) -> dict[str, Any]:
    name, value = _figure(record)
    scores = {
        part: None if numbers is None else {k: _finite(v) for k, v in numbers.items()}
        for part, numbers in record.scores.items()
    }
    return {
        "run": _label(record, root),
        "path": str(record.path),
        "state": record.state,
        "problem": record.problem or None,
        "epochs": record.epochs,
        "epochs_asked_for": record.epochs_asked_for or None,
        "figure": {"name": name, "value": _finite(value)} if name else None,
        **scores,
        "seconds": _finite(record.seconds),
        "device": record.device or None,
        "started": record.started or None,
        "settings": {key: _plain(record.settings[key]) for key in differing if key in record.settings},
    }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _plain(value: Any) -> Any:
    """A value of a config for JSON, which has no dates and infinities."""
    if isinstance(value, list):
        return [_plain(v) for v in value]
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, float):
        return _finite(value)
    return value if value is None or isinstance(value, (bool, int, str)) else str(value)


def _show(records: list[RunRecord], root: Path, differing: list[str]) -> None:
    """The table: with colors on a terminal, and as many settings as fit there; plain lines with all settings in a pipe."""
    names = run_records.short_names(differing)
    header = ["RUN", "STATE", "EPOCHS", "FIGURE", "TIME", "DEVICE"]
    fixed = [_row(record, root) for record in records]
    columns = [(names[key], [_setting(record.settings.get(key)) for record in records]) for key in differing]
    if not sys.stdout.isatty():
        click.echo("\n".join(align(_joined(header, fixed, columns))))
    else:
        _show_on_terminal(header, fixed, columns, [record.state for record in records])
    for record in records:
        if record.problem:
            click.echo(f"{printable(_label(record, root))}: {printable(record.problem)}", err=True)


def _joined(header: list[str], fixed: list[list[str]], columns: list[tuple[str, list[str]]]) -> list[list[str]]:
    rows = [[*row, *(cells[i] for _, cells in columns)] for i, row in enumerate(fixed)]
    return [[*header, *(name for name, _ in columns)], *rows]


def _show_on_terminal(
    header: list[str], fixed: list[list[str]], columns: list[tuple[str, list[str]]], states: list[str]
) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()

    def width(count: int) -> int:
        return max(map(len, align(_joined(header, fixed, columns[:count]))))

    count = len(columns)
    while count and width(count) >= console.width:
        count -= 1
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    first, *rows = _joined(header, fixed, columns[:count])
    for i, name in enumerate(first):
        table.add_column(Text(name), no_wrap=i > 0, overflow="fold")
    for row, state in zip(rows, states):
        cells = [Text(cell) for cell in row]
        cells[1].stylize(_STYLES.get(state, "yellow"))
        table.add_row(*cells)
    console.print(table)
    if count < len(columns):
        left = [name for name, _ in columns[count:]]
        click.echo(f"{len(left)} more setting{'s' * (len(left) > 1)} differ: {listing(left)} (--json shows all)")


def _row(record: RunRecord, root: Path) -> list[str]:
    from . import progress

    name, value = _figure(record)
    asked = f"/{record.epochs_asked_for}" if record.epochs_asked_for else ""
    return [
        printable(_label(record, root)),
        record.state,
        "" if record.problem else f"{record.epochs}{asked}",
        f"{progress.number(value)} {printable(name)}" if name else "",
        progress.duration(record.seconds) if math.isfinite(record.seconds) else "",
        printable(record.device),
    ]


def _setting(value: Any) -> str:
    if value is None:
        return "-"
    text = printable(value) if isinstance(value, str) else show(value)
    return text if len(text) <= _CELL else text[: _CELL - 3] + "..."
