"""One training, from the settings to the files it leaves."""

from __future__ import annotations

import math
import os
import platform
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import click
import numpy

import dualnet
from dualnet.callbacks import Callback

from . import build, plot, progress, run_dir, toml_writer
from .config import Settings
from .data import load
from .errors import CliError, one_line
from .prepare import Dataset, Part
from .run_dir import MODEL, RunDir
from .stops import Stopped, StopRequests, StopWhenAsked

Metrics = dict[str, Any]


@dataclass(frozen=True)
class Options:
    """What the command line says beyond the config.

    device: as given with --device. run_dir: as given with --run-dir.
    """

    device: str | None
    run_dir: str | None
    force: bool
    quiet: bool


class Recorder(Callback):
    """Writes ``metrics.csv`` as the training goes, and ends a training whose loss is no longer a number."""

    def __init__(self, folder: RunDir) -> None:
        super().__init__()
        self.folder = folder
        self.rows: list[dict[str, float]] = []
        self.begun = 0  # epochs, the one at hand included
        self.diverged = False
        self._begin = 0.0

    def on_epoch_begin(self, epoch: int, logs: Metrics | None = None) -> None:
        self.begun = epoch + 1
        self._begin = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Metrics | None = None) -> None:
        row: dict[str, float] = {"epoch": epoch + 1, "seconds": time.perf_counter() - self._begin}
        row.update(flat(logs or {}))
        self.rows.append(row)
        self.folder.add_metrics(row)
        if not math.isfinite(row.get("loss", 0.0)):
            self.diverged = True
            self.model.stop_training = True


def flat(logs: Metrics) -> dict[str, float]:
    """Logs as plain floats, loss first; a metric with several values becomes name_0, name_1 ..."""
    values: dict[str, float] = {}
    for name in sorted(logs, key=lambda n: (n.startswith("val_"), n.removeprefix("val_") != "loss")):
        array = numpy.asarray(logs[name], dtype=float)
        if array.ndim == 0:
            values[name] = float(array)
        else:
            values.update({f"{name}_{i}": float(v) for i, v in enumerate(array.ravel())})
    return values


def choose_device(option: str | None, settings: Settings) -> str:
    """Set the device: --device, else the config's, else $DUALNET_DEVICE, else "auto". Returns what was asked for."""
    chosen = settings.device
    if option is None and chosen == "auto":
        chosen = os.environ.get("DUALNET_DEVICE") or "auto"
    try:
        dualnet.config.set_device(chosen)
    except dualnet.config.DeviceNotFoundError as error:
        raise CliError(one_line(error)) from None
    except ValueError as error:
        raise CliError(f"DUALNET_DEVICE: {one_line(error)}") from None
    return chosen


def train(settings: Settings, options: Options) -> int:
    """Train and leave a run directory. Returns the exit code: 0, 1 for a loss that is not a number, 130, 141, 143."""
    with StopRequests() as requests:
        try:
            return _train(settings, options, requests)
        except Stopped as stopped:
            click.echo("stopped before the training began; nothing was written", err=True)
            return stopped.exit_code


def _train(settings: Settings, options: Options, requests: StopRequests) -> int:
    asked = choose_device(options.device, settings)
    device = dualnet.config.get_device()
    data = load(settings)
    build.check(settings, data)
    model = build.model(settings, tuple(data.train.x.shape[1:]))
    parameters = build.parameter_count(model)
    folder = run_dir.create(options.run_dir, settings.name, options.force)
    resolved = toml_writer.dumps(
        settings.resolved(asked, data.shuffled),
        {
            ("name",): f"Everything this run used. To repeat it: dualnet train {folder.label}/{run_dir.CONFIG}",
            ("device",): f"the run was on {device}",
        },
    )
    folder.write_text(run_dir.CONFIG, resolved)
    show = progress.make(len(data.train), device, requests, options.quiet)
    recorder = Recorder(folder)
    callbacks = [*build.callbacks(settings, folder.path), StopWhenAsked(requests), recorder, show]
    show.say(_headline(settings, data, parameters, device))
    started = datetime.now(UTC)
    begin = time.perf_counter()
    requests.mode = "after the batch"
    try:
        with show:
            model.fit(**build.fit_arguments(settings, data), verbose=0, callbacks=callbacks)
    except Stopped:
        pass
    except Exception:
        with suppress(Exception):  # the first error is the one to report
            _save(model, folder)
        raise
    finally:
        folder.close()
    seconds = time.perf_counter() - begin
    requests.mode = "never"
    _save(model, folder)
    requests.mode = "at once"
    interrupted = requests.exit_code != 0
    results = {
        "name": settings.name,
        "device": device,
        "seed": settings.seed,
        "epochs": len(recorder.rows),
        "epochs_asked_for": settings.fit.epochs,
        "interrupted": interrupted,
        "seconds": round(seconds, 4),
        "seconds_per_epoch": round(sum(r["seconds"] for r in recorder.rows) / max(len(recorder.rows), 1), 6),
        "params": parameters,
        **_scores(model, data, settings, recorder, requests),
        "samples": {name: len(part) for name, part in _parts(data).items() if part is not None},
        "data": data.about(),
        "started": started.isoformat(timespec="seconds"),
        "versions": {
            "dualnet": dualnet.__version__,
            "numpy": numpy.__version__,
            "python": platform.python_version(),
        },
    }
    requests.mode = "never"
    folder.write_results(results)
    _plot(settings.name, folder, recorder, results)
    _report(settings, folder, recorder, results, options.quiet)
    return requests.exit_code or (1 if recorder.diverged else 0)


def _save(model: Any, folder: RunDir) -> None:
    with run_dir.replacing(folder.path / MODEL) as temporary:
        model.save(temporary)


def _parts(data: Dataset) -> dict[str, Part | None]:
    return {"train": data.train, "validation": data.validation, "test": data.test}


def _scores(
    model: Any, data: Dataset, settings: Settings, recorder: Recorder, requests: StopRequests
) -> dict[str, Metrics | None]:
    """Loss and metrics of the finished weights on each part.

    After a stop there is no time to go through the data again: training and validation are then what the last epoch
    itself measured, and test is null.
    """
    if requests.exit_code == 0:
        size = max(settings.fit.batch_size, 256)
        try:
            return {
                name: flat(model.evaluate(part.x, part.y, batch_size=size, verbose=0, return_dict=True))
                if part is not None
                else None
                for name, part in _parts(data).items()
            }
        except Stopped:
            pass
    last = recorder.rows[-1] if recorder.rows else {}
    names = [name for name in last if name not in ("epoch", "seconds")]
    train = {name: last[name] for name in names if not name.startswith("val_")}
    validation = {name.removeprefix("val_"): last[name] for name in names if name.startswith("val_")}
    return {"train": train or None, "validation": validation or None, "test": None}


def _headline(settings: Settings, data: Dataset, parameters: int, device: str) -> str:
    words = {"train": "to train on", "validation": "to validate", "test": "to test"}
    counts = [f"{len(part):,} {words[name]}" for name, part in _parts(data).items() if part is not None]
    return (
        f"{settings.name}: {counts[0].replace(' to', ' samples to')}"
        + "".join(f", {count}" for count in counts[1:])
        + f"; {parameters:,} parameters; device {device}, seed {settings.seed}"
    )


def _plot(name: str, folder: RunDir, recorder: Recorder, results: Metrics) -> None:
    if not recorder.rows or not plot.available():
        return
    score, value = headline_score(results)
    try:
        with run_dir.replacing(folder.path / run_dir.HISTORY) as temporary:
            plot.draw(recorder.rows, f"{name}: {score} {progress.number(value)}", temporary)
    except Exception as error:  # a picture is never worth the run it shows
        click.echo(f"Warning: history.png could not be drawn: {one_line(error)}", err=True)


def _report(settings: Settings, folder: RunDir, recorder: Recorder, results: Metrics, quiet: bool) -> None:
    if not quiet:
        click.echo("\n" + score_table({k: results[k] for k in ("train", "validation", "test")}))
    epochs = results["epochs"]
    pace = f", {progress.duration(results['seconds_per_epoch'])} per epoch" if epochs else ""
    spent = f"{epochs} epoch{'s' * (epochs != 1)} in {progress.duration(results['seconds'])}"
    name, value = headline_score(results)
    score = f"{name} {progress.number(value)}, " if name else ""
    click.echo(f"{score}{spent} on {results['device']}{pace}")
    if results["interrupted"]:
        when = f"during epoch {recorder.begun} of {settings.fit.epochs}"
        click.echo(f"interrupted {when}; what was trained until then is kept")
    elif recorder.diverged:
        loss = recorder.rows[-1]["loss"]
        sys.stdout.flush()
        click.echo(
            f"Error: the loss became {loss} in epoch {epochs}: the steps are too large or the data is not scaled. "
            "Try a smaller learning_rate in [compile], or scaling in [data]",
            err=True,
        )
    elif epochs < settings.fit.epochs:
        click.echo(f"stopped by a callback after {epochs} of {settings.fit.epochs} epochs")
    click.echo(f"saved in {folder.label}: {', '.join(folder.written())}")


def headline_score(results: Metrics) -> tuple[str, float]:
    """The one figure to look at: the first metric, or the loss, of the test set, or else of the next best part."""
    for name in ("test", "validation", "train"):
        scores = results[name]
        if scores:
            key = next((key for key in scores if key != "loss"), "loss")
            return f"{'training' if name == 'train' else name} {key}", scores[key]
    return "", math.nan


def score_table(parts: dict[str, Metrics | None]) -> str:
    """Loss and metrics of each part, in columns."""
    shown = {name: scores for name, scores in parts.items() if scores}
    keys = list(next(iter(shown.values()), {}))
    rows = [["", *keys]]
    for name, scores in shown.items():
        label = "training" if name == "train" else name
        rows.append([label, *(progress.number(scores.get(key, math.nan)) for key in keys)])
    widths = [max(len(row[i]) for row in rows) for i in range(len(keys) + 1)]
    return "\n".join(
        "  ".join([row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:]))]) for row in rows
    )
