"""``dualnet train --resume``: which run, whether it can go on to the same numbers, and what its checkpoints know of it."""

from __future__ import annotations

import hashlib
import json
import platform
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click
import numpy

import dualnet
from dualnet.callbacks import Callback, Checkpoint

from . import config, own_model
from .config import Settings
from .errors import CliError, one_line, printable, show
from .run_dir import CONFIG, HISTORY, MODEL, RESULTS, RunDir

_FREE = {"device", "num_threads", "graphs", "training_warnings", "checkpoints", "name"}  # keys that change no number
_FREE_IN = {"fit": {"epochs"}, "data": {"path", "test_path"}}  # of the files the content is compared


class RunInfo(Callback):
    """What a run must know of itself to go on as one: when it began, and what its numbers depend on.

    The attributes in ``state_attributes`` are kept in its checkpoints.
    """

    state_attributes = (
        *("settings", "files", "device", "versions", "epochs"),
        *("started", "resumed", "seconds", "fine_tune_from"),
    )

    def __init__(self, settings: Settings, shuffled: bool, device: str) -> None:
        super().__init__()
        self.settings = _numeric_settings(settings, shuffled)
        self.files = _checksums(settings)
        self.device, self.epochs = device, settings.fit.epochs
        self.versions = {
            "dualnet": dualnet.__version__,
            "numpy": numpy.__version__,
            "python": platform.python_version(),
        }
        self.started = now()
        self.resumed: list[dict[str, Any]] = []
        self.fine_tune_from: int | None = (
            None  # the number of epochs before those of ``fine_tune``, once they have begun
        )
        self._seconds_before = 0.0
        self._begin = time.perf_counter()

    @property
    def seconds(self) -> float:
        """How long the run has been training, in all its processes."""
        return self._seconds_before + time.perf_counter() - self._begin

    def begin(self) -> None:
        """Say that training begins now."""
        self._begin = time.perf_counter()

    def continue_from(self, found: dict[str, Any]) -> None:
        """Take over what a checkpoint knows of the run. Raises ``CliError`` if it cannot go on to the same numbers."""
        before = _own_state(found)
        for where, old, new in _differences(before["settings"], self.settings):
            message = f"{where} was {show(old)} when the run began and is {show(new)} now"
            raise CliError(f"{message}; a run goes on with the settings it began with: put it back, or begin a new run")
        for key, checksum in before["files"].items():
            if self.files.get(key) != checksum:
                section = "[model]" if key == "python" else "[data]"
                message = f"the file of {section} {key} has another content than when the run began"
                raise CliError(f"{message}; put the old one back, or begin a new run")
        for what, old, new in (
            ("device", before["device"], self.device),
            *_versions(before["versions"], self.versions),
        ):
            if old != new:
                click.echo(f"Note: the run began with {what} {old}, and goes on with {new}: bits may differ", err=True)
        self.started, self.fine_tune_from = before["started"], before["fine_tune_from"]
        self._seconds_before = before["seconds"]
        place = {"epoch": int(found["epoch"]) + 1, "steps_done": int(found["batches"])}
        self.resumed = [*before["resumed"], {"at": now(), **place}]

    def set_state(self, state: dict[str, Any]) -> None:
        """Nothing: ``continue_from`` was called before."""


def now() -> str:
    """The time, for ``results.json``."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def find(run: str) -> Path:
    """The directory of a run from its path or, below ``runs``, its name."""
    if not run:  # of a variable of the shell that is not set; as a path it would be the working directory
        raise CliError("--resume: expected the directory of a run, got an empty name")
    path = Path(run).expanduser()
    if path.name == CONFIG and path.is_file():
        path = path.parent
    for folder in (path, Path("runs") / path):
        if (folder / CONFIG).is_file():
            return folder
    label = printable(run)
    if path.is_dir():
        raise CliError(f"--resume {label}: holds no run (there is no {CONFIG} in it)")
    raise CliError(f"--resume {label}: there is no such directory, nor runs/{label}")


def refuse_options(options: dict[str, Any]) -> None:
    """Refuse options that would make another run of it. options: by name, with their values."""
    given = [name for name, value in options.items() if value]
    if given:
        what = "CONFIG" if given[0] == "CONFIG" else f"--{given[0]}"
        raise CliError(
            f"{what} does not go with --resume, which takes everything but --epochs and --device from the run"
        )


def load(path: Path, device: str | None, epochs: int | None) -> Settings:
    """The settings of the run in a directory. Raises ``CliError`` if they are damaged, or fewer epochs are asked for."""
    settings = config.load(path / CONFIG, device=device)
    if epochs is None or epochs == settings.fit.epochs:
        return settings
    if epochs < settings.fit.epochs:
        raise CliError(
            f"--epochs {epochs}: the run has {settings.fit.epochs} epochs; with --resume they can only become more"
        )
    return config.load(path / CONFIG, device=device, epochs=epochs)


def is_finished(folder: RunDir, settings: Settings) -> bool:
    """Whether nothing is left to do, which is then said."""
    try:
        results = json.loads((folder.path / RESULTS).read_bytes())
        epochs, asked = int(results["epochs"]), int(results["epochs_asked_for"])
        files = [MODEL, HISTORY] if epochs and find_spec("matplotlib") is not None else [MODEL]
        is_whole = not results["interrupted"] and all((folder.path / name).is_file() for name in files)
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return False
    if not is_whole or asked < settings.fit.all_epochs:
        return False
    hint = (
        "; a larger number of --epochs trains it further"
        if epochs == asked
        else f" of {asked}, where it ended by itself"
    )
    click.echo(f"{folder.label} is finished: {epochs} epoch{'s' * (epochs != 1)}{hint}")
    return True


def begin(folder: RunDir, settings: Settings, checkpoint: Checkpoint | None, record: RunInfo) -> dict[str, Any] | None:
    """The state that the run goes on from; None where it begins again. Raises ``CliError`` if it cannot."""
    try:
        found = checkpoint.find() if checkpoint is not None else None
    except ValueError as error:
        again = f"dualnet train {printable(str(folder.path / CONFIG))}"
        raise CliError(f"{one_line(error)}; to begin anew: {again}") from None
    if found is None:
        reason = "has no checkpoint yet" if checkpoint is not None else "keeps no checkpoints (keep = 0)"
        click.echo(f"{folder.label} {reason}: the training begins again, with the same seed", err=True)
        return None
    before = _own_state(found)
    if before["fine_tune_from"] is not None and settings.fit.epochs != before["epochs"]:
        raise CliError("--epochs: the run is in its fine-tuning by now; before that there can be no more epochs")
    record.continue_from(found)
    return found


def describe(found: dict[str, Any], epochs: int) -> str:
    """Where the run goes on, in words. epochs: of the run."""
    epoch, steps = int(found["epoch"]), int(found["batches"])
    if steps:
        return f"resumed in epoch {epoch + 1} of {epochs}, after step {steps}"
    return f"resumed after epoch {epoch} of {epochs}"


def _own_state(found: dict[str, Any]) -> dict[str, Any]:
    for entry in found["callbacks"]:
        if entry["class"] == RunInfo.__name__:
            return dict(entry["state"])
    raise CliError("the checkpoints in this directory are not of dualnet train")


def _numeric_settings(settings: Settings, shuffled: bool) -> dict[str, Any]:
    """The settings that the numbers depend on, as JSON keeps them."""
    table: dict[str, Any] = json.loads(json.dumps(settings.resolved("", shuffled), default=str))
    for name, keys in _FREE_IN.items():
        table[name] = {key: value for key, value in table[name].items() if key not in keys}
    return {key: value for key, value in table.items() if key not in _FREE}


def _checksums(settings: Settings) -> dict[str, str]:
    """The SHA-256 of the files of ``[data]`` and of that of ``python``, by key."""
    sums = {}
    if (code := own_model.source(settings)) is not None:
        sums["python"] = hashlib.sha256(code.encode()).hexdigest()
    for key in ("path", "test_path"):
        name = getattr(settings.data, key)
        if name is not None and (path := settings.data_path(name)).exists():
            sums[key] = _checksum(path)
    return sums


def _checksum(path: Path) -> str:
    """The SHA-256 of a file, or of the names and contents of all files in a folder."""
    if path.is_dir():
        digest = hashlib.sha256()
        for file in sorted(file for file in path.rglob("*") if file.is_file()):
            digest.update(f"{file.relative_to(path)} {_checksum(file)}\n".encode(errors="surrogateescape"))
        return digest.hexdigest()
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _differences(before: Any, after: Any, where: tuple[str, ...] = ()) -> Iterator[tuple[str, Any, Any]]:
    """(key, old value, new value) of what is not the same."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in {**before, **after}:
            yield from _differences(before.get(key), after.get(key), (*where, key))
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, values in enumerate(zip(before, after)):
            yield from _differences(*values, (*where, str(index)))
    elif before != after:
        yield ".".join(where), before, after


def _versions(before: dict[str, str], after: dict[str, str]) -> Iterator[tuple[str, str, str]]:
    for name in ("dualnet", "numpy"):
        yield name, before.get(name, ""), after[name]
