"""One training run, from the settings to the files it produces."""

from __future__ import annotations

import math
import os
import sys
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click

import dualnet
from dualnet.visualization.history_plot import plot_history

from . import build, own_model, progress, resuming, run_dir, toml_writer
from .config import Settings
from .data import load
from .errors import CliError, Failure, one_line
from .metrics_writer import Metrics, MetricsWriter, flatten_logs
from .prepare import Dataset
from .run_dir import MODEL, RunDir
from .stops import StopOnRequest, Stopped, StopRequests
from .streams import align


@dataclass(frozen=True)
class Options:
    """The options of the command line that are not part of the config.

    device: the one of --device. directory: that of --run-dir. resume: the directory of the run to go on with.
    """

    device: str | None = None
    directory: str | None = None
    force: bool = False
    quiet: bool = False
    resume: Path | None = None


def choose_device(option: str | None, settings: Settings) -> str:
    """Set the device: --device, else the config's, else $DUALNET_DEVICE, else "auto". Returns the requested name."""
    name = settings.device
    if option is None and name == "auto":
        name = os.environ.get("DUALNET_DEVICE") or "auto"
    try:
        dualnet.config.set_device(name)
    except dualnet.config.DeviceNotFoundError as error:
        raise CliError(one_line(error)) from None
    except ValueError as error:
        raise CliError(f"DUALNET_DEVICE: {one_line(error)}") from None
    return name


def apply_settings(settings: Settings) -> None:
    """Set the number of threads and the precision of products to those of the config, else check those of the environment."""
    try:
        if settings.matmul_precision is not None:
            dualnet.config.set_matmul_precision(settings.matmul_precision)
        dualnet.config.matmul_precision()
        if settings.num_threads is not None:
            dualnet.config.set_num_threads(settings.num_threads)
        dualnet.config.num_threads()
    except ValueError as error:
        raise CliError(one_line(error)) from None


def train(settings: Settings, options: Options) -> int:
    """Train and write a run directory. Returns the exit code: 0, 1 for a loss that is not finite, 129, 130, 141, 143."""
    with StopRequests() as requests:
        try:
            requested = choose_device(options.device, settings)
            apply_settings(settings)
            if not settings.training_warnings:
                dualnet.config.disable_training_warnings()
            if not settings.graphs:
                dualnet.config.disable_graphs()
            with ExitStack() as resources:
                return _train(settings, requests, resources, requested, options)
        except Stopped as stopped:
            click.echo("stopped before the training began; nothing was written", err=True)
            return stopped.exit_code


def _train(settings: Settings, requests: StopRequests, resources: ExitStack, requested: str, options: Options) -> int:
    device = dualnet.config.get_device()
    folder = None
    if options.resume is not None:
        folder = resources.enter_context(run_dir.reopen(options.resume))
        if resuming.is_finished(folder, settings):
            return 0
    data = load(settings)
    build.check(settings, data)
    model = build.compiled_model(settings, data)
    parameters = build.parameter_count(model)
    own_code = own_model.source(settings)
    is_new = folder is None
    if folder is None:
        folder = resources.enter_context(run_dir.create(options.directory, settings.name, options.force))
    checkpoint = build.checkpoint(settings, folder.path / run_dir.CHECKPOINTS, data.validation is not None)
    record = resuming.RunInfo(settings, data.shuffled, device)
    found = None if is_new else resuming.begin(folder, settings, checkpoint, record)
    resolved = toml_writer.dumps(
        settings.resolved(requested, data.shuffled),
        {
            ("name",): "Everything this run used; dualnet train repeats it from this file",
            ("device",): f"the run was on {device}",
        },
    )
    folder.write_text(run_dir.CONFIG, resolved)
    folder.write_text(run_dir.PREPARATION, data.preparation.to_json())
    if own_code is not None:
        folder.write_text(run_dir.OWN_MODEL, own_code)
    display = progress.create(len(data.train), device, requests, options.quiet)
    writer = MetricsWriter(folder)
    if found is None:
        folder.restart_metrics([])
    callbacks = [*build.callbacks(settings, folder.path), StopOnRequest(requests, checkpoint), record, writer, display]
    callbacks += [] if checkpoint is None else [checkpoint]
    display.print_line(_headline(settings, data, parameters, device))
    if found is not None:
        display.print_line(resuming.describe(found, settings.fit.all_epochs))
    record.begin()
    requests.mode = "after the batch"
    try:
        with display:
            arguments = {**build.fit_arguments(settings, data), "verbose": 0, "callbacks": callbacks}
            model.fit(**arguments)  # trains nothing in a run that is in its fine-tuning
            more = settings.fit.fine_tune
            if more is not None and not requests.exit_code and not writer.diverged:
                build.unfreeze(settings, model, more.learning_rate)
                display.print_line(f"now with the application, learning_rate {more.learning_rate:g}")
                if record.fine_tune_from is None:
                    record.fine_tune_from = writer.epochs_started
                done = record.fine_tune_from
                model.fit(**{**arguments, "initial_epoch": done, "epochs": done + more.epochs})
    except Stopped:
        pass
    except Exception:
        if model.optimizer.step_count():
            with suppress(Exception):  # the first error is the one to report
                _save(model, folder)
        raise
    finally:
        folder.close()
    seconds = record.seconds
    requests.mode = "never"
    _save(model, folder)
    requests.mode = "at once"
    results = {
        "name": settings.name,
        "device": device,
        "matmul_precision": "float32" if device == "cpu" else dualnet.config.matmul_precision(),
        "seed": settings.seed,
        "epochs": len(writer.rows),
        "epochs_asked_for": settings.fit.all_epochs,
        "interrupted": requests.exit_code != 0,
        "seconds": round(seconds, 4),
        "seconds_per_epoch": round(sum(r["seconds"] for r in writer.rows) / max(len(writer.rows), 1), 6),
        "params": parameters,
        **_scores(model, data, settings, writer, requests),
        "samples": {name: len(part) for name, part in data.parts().items()},
        "data": data.preprocessing(),
        "started": record.started,
        "resumed": record.resumed,
        "versions": record.versions,
    }
    requests.mode = "never"
    plot_error = _plot(settings.name, folder, writer, results)
    folder.write_results(results)  # last: with them the run is finished
    folder.finish(ended=not requests.exit_code and not writer.diverged)
    _report(settings, folder, writer, results, options.quiet)
    if plot_error:
        raise Failure(plot_error)
    return requests.exit_code or (1 if writer.diverged else 0)


def _save(model: Any, folder: RunDir) -> None:
    path = folder.path / MODEL
    with run_dir.write_errors(path):
        model.save(path)


def _scores(
    model: Any, data: Dataset, settings: Settings, writer: MetricsWriter, requests: StopRequests
) -> dict[str, Metrics | None]:
    """Loss and metrics of the trained weights on each part.

    After a stop there is no time for another pass over the data: training and validation are then the figures of the
    last epoch, and test is null.
    """
    if requests.exit_code == 0:
        scores: dict[str, Metrics | None] = {"train": None, "validation": None, "test": None}
        options = {"batch_size": max(settings.fit.batch_size, 256), "verbose": 0, "return_dict": True}
        try:
            for name, part in data.parts().items():
                scores[name] = flatten_logs(model.evaluate(part.x, part.y, **options))
            return scores
        except Stopped:
            pass
    last = writer.rows[-1] if writer.rows else {}
    names = [name for name in last if name not in ("epoch", "seconds")]
    train = {name: last[name] for name in names if not name.startswith("val_")}
    validation = {name.removeprefix("val_"): last[name] for name in names if name.startswith("val_")}
    return {"train": train or None, "validation": validation or None, "test": None}


def _headline(settings: Settings, data: Dataset, parameters: int, device: str) -> str:
    purposes = {"train": "to train on", "validation": "to validate", "test": "to test"}
    counts = [f"{len(part):,} {purposes[name]}" for name, part in data.parts().items()]
    counts[0] = counts[0].replace(" to", " sample to" if len(data.train) == 1 else " samples to")
    if data.dropped:
        rows = "1 row with an empty cell" if data.dropped == 1 else f"{data.dropped:,} rows with empty cells"
        counts.append(f"{rows} left out")
    if device != "cpu" and dualnet.config.matmul_precision() != "float32":
        device += f", products in {dualnet.config.matmul_precision()}"
    return f"{settings.name}: {', '.join(counts)}; {parameters:,} parameters; device {device}, seed {settings.seed}"


def _plot(name: str, folder: RunDir, writer: MetricsWriter, results: Metrics) -> str:
    """Draw ``history.png``. A plot that fails must not fail the run; that it could not be written is returned, to be said last."""
    if not writer.rows or find_spec("matplotlib") is None:
        return ""
    score, value = headline_score(results)
    names = [name for name in writer.rows[0] if name not in ("epoch", "seconds")]
    history = {name: [row.get(name, math.nan) for row in writer.rows] for name in names}
    title = f"{name}: {score} {progress.number(value)}"
    try:
        plot_history(history, {}, title=title, to_file=folder.path / run_dir.HISTORY)
    except OSError as error:
        return f"{folder.label}/{run_dir.HISTORY} could not be written: {error.strerror or one_line(error)}"
    except Exception as error:
        click.echo(f"Warning: history.png could not be drawn: {one_line(error)}", err=True)
    return ""


def _report(settings: Settings, folder: RunDir, writer: MetricsWriter, results: Metrics, quiet: bool) -> None:
    if not quiet:
        click.echo("\n" + score_table({k: results[k] for k in ("train", "validation", "test")}))
    epochs = results["epochs"]
    mean = f", {progress.duration(results['seconds_per_epoch'])} per epoch" if epochs else ""
    total = f"{epochs} epoch{'s' * (epochs != 1)} in {progress.duration(results['seconds'])}"
    name, value = headline_score(results)
    score = f"{name} {progress.number(value)}, " if name else ""
    click.echo(f"{score}{total} on {results['device']}{mean}")
    if results["interrupted"]:
        epoch = f"epoch {writer.epochs_started} of {settings.fit.all_epochs}"
        click.echo(f"interrupted during {epoch}; what was trained until then is kept")
    elif writer.diverged:
        loss = writer.rows[-1]["loss"]
        sys.stdout.flush()
        click.echo(
            f"Error: the loss became {loss} in epoch {epochs}: the steps are too large or the data is not scaled. "
            "Try a smaller learning_rate in [compile], or scaling in [data]",
            err=True,
        )
    elif epochs < settings.fit.all_epochs:
        click.echo(f"stopped by a callback after {epochs} of {settings.fit.all_epochs} epochs")
    click.echo(f"saved in {folder.label}: {', '.join(folder.existing_files())}")


def headline_score(results: Metrics) -> tuple[str, float]:
    """The most telling figure: the first metric, or the loss, of the test, validation or training part."""
    for name in ("test", "validation", "train"):
        scores = results[name]
        if scores:
            key = next((key for key in scores if not key.endswith("loss")), "loss")
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
    return "\n".join(align(rows, str.rjust))
