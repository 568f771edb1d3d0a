"""``dualnet evaluate``: the loss and metrics of a trained model on the parts of its own data, or on other data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from .arguments import DeviceName
from .errors import CliError, one_line, printable

_PARTS = ("train", "validation", "test")


@click.command()
@click.argument("trained", metavar="RUN|MODEL", type=click.Path())
@click.argument("data", metavar="[DATA]", required=False, type=click.Path(allow_dash=True))
@click.option(
    "--part",
    "parts",
    multiple=True,
    type=click.Choice(_PARTS),
    help="Of the run's own data; may be given several times. Without it: all that there are.",
)
@click.option("--device", type=DeviceName(), help="auto, cpu, gpu, gpu:1 ... Without it: that of the run, else auto.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON, with all their digits.")
def command(trained: str, data: str | None, parts: tuple[str, ...], device: str | None, as_json: bool) -> None:
    """Compute the loss and metrics of the model of a run, or of a saved model.

    Without DATA a run is evaluated on its own data, split and scaled as it was: the figures are those of its results.json.
    DATA is a table with the columns of the training table, or an .npz file with its arrays (x and y for a model without a run).
    """
    from . import notices
    from .trained import open_trained

    if data is not None and parts:
        raise CliError("--part is a part of the run's own data; leave it out, or leave out DATA")
    with notices.plain_warnings():
        opened = open_trained(trained, before=lambda run: _set_device(run, device))
        if not opened.model.compiled:
            raise CliError(f"{opened.label}: was saved without loss and metrics, so there is nothing to evaluate by")
        if data is None:
            scores = _own_data(opened, parts)
        else:
            scores = _other_data(opened, data)
    if as_json:
        from .run_dir import finite

        click.echo(json.dumps(finite(scores), indent=2, ensure_ascii=False, allow_nan=False))
    else:
        from .training import score_table

        click.echo(score_table(scores))


def _set_device(run: Path | None, device: str | None) -> None:
    """--device, else that of the run, else $DUALNET_DEVICE, else "auto"; and the precision of products of the run."""
    if run is None:
        from .trained import choose_device as choose

        choose(device)
        return
    from .run_dir import CONFIG
    from .training import apply_settings, choose_device

    settings = _config(run / CONFIG, device)
    choose_device(device, settings)
    apply_settings(settings)


def _config(path: Path, device: str | None = None) -> Any:
    from .config import load

    return load(path, device=device)


def _own_data(opened: Any, parts: tuple[str, ...]) -> dict[str, Any]:
    """The scores on the parts of the data that the run was trained on."""
    from .data import load
    from .run_dir import CONFIG

    if opened.run is None:
        raise CliError(f"{opened.label}: is a model without a run, so name the data: dualnet evaluate MODEL DATA")
    settings = _config(opened.run / CONFIG)
    loaded = load(settings).parts()
    missing = [name for name in parts if name not in loaded]
    if missing:
        raise CliError(f"--part {missing[0]}: the run has no such part; it has {', '.join(loaded)}")
    size = max(settings.fit.batch_size, 256)
    return {
        name: _evaluate(opened, part.x, part.y, size) for name, part in loaded.items() if not parts or name in parts
    }


def _other_data(opened: Any, data: str) -> dict[str, Any]:
    from . import new_targets, samples

    learned = opened.preparation
    if Path(data).is_dir() and learned is not None and learned.sample_shape and not learned.width:
        x, y = new_targets.read(Path(data), opened, printable(data))
        return {printable(data): _evaluate(opened, x, y, 256)}
    with samples.local_files([data]) as (path,):
        label = "standard input" if data == "-" else printable(data)
        x, y = new_targets.read(path, opened, label)
    return {label: _evaluate(opened, x, y, 256)}


def _evaluate(opened: Any, x: Any, y: Any, batch_size: int) -> dict[str, float]:
    from .metrics_writer import flatten_logs

    try:
        return flatten_logs(opened.model.evaluate(x, y, batch_size=batch_size, verbose=0, return_dict=True))
    except (ValueError, TypeError) as error:
        raise CliError(f"{opened.label}: cannot be evaluated on this data: {one_line(error)}") from None
