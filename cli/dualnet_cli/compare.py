"""``dualnet compare``: one training step on two devices, and where they differ."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from .arguments import ConfigArgument, DevicePair
from .errors import CliError, Failure, one_line, printable
from .streams import align

SAMPLES = 256  # of the training data, at most: more are not needed for a few steps


@click.command()
@click.argument("config", type=ConfigArgument(), required=False, metavar="[CONFIG|MODEL]")
@click.option(
    "--devices",
    type=DevicePair(),
    help="Two devices, such as cpu,gpu (the default where there is a GPU), or one, to compare nothing but precisions and captured "
    "with eager steps there.",
)
@click.option("--steps", type=click.IntRange(1, 1000), default=3, show_default=True, help="Training steps to compare.")
@click.option("--batch-size", type=click.IntRange(1, 4096), help="Instead of the config's; 32 for a model.")
@click.option(
    "--tolerance",
    type=click.FloatRange(min=0.0, min_open=True),
    help="Of differences relative to the scale of a layer. Without it: 1e-4 for float32, more in 16 bits.",
)
@click.option("--set", "sets", multiple=True, metavar="KEY=VALUE", help="Change any value of the config.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def command(
    config: str | None,
    devices: tuple[str, ...] | None,
    steps: int,
    batch_size: int | None,
    tolerance: float | None,
    sets: tuple[str, ...],
    as_json: bool,
) -> None:
    """Compare training steps on two devices, layer by layer.

    Both begin every step from one state. For each layer and step the largest difference of its outputs, of its gradients and of its
    weights after the update is printed, absolute and relative to the scale of the layer, and the first layer past the tolerance is
    named. Without a GPU, float32 is compared with float64 on the CPU. Captured steps are compared with eager ones, bit for bit.
    Exit code 1 when something differs.

    CONFIG is a file, or the name of a config that comes with dualnet (digits_mlp when left out); MODEL is a saved model, which is
    given random numbers.
    """
    import dualnet

    from . import notices

    missing = dualnet.config.gpu_status()
    compared = devices or (("cpu",) if missing else ("cpu", "gpu"))
    try:
        for device in compared:
            with dualnet.config.device(device):
                pass
    except dualnet.config.DeviceNotFoundError as error:
        raise CliError(one_line(error).replace("or use --device cpu", "or use --devices cpu")) from None
    dualnet.config.set_device(compared[0])
    notes = [] if devices or not missing else [f"two devices: {missing}"]
    with notices.plain_warnings():
        if config is not None and _is_model(config):
            model, x, y, size = _from_file(Path(config), sets, notes)
        else:
            model, x, y, size = from_config(config, sets, notes)
        results = _compare(model, x, y, compared, steps, batch_size or size, tolerance)
    if as_json:
        click.echo(
            json.dumps({"skipped": notes, "comparisons": [r.as_dict() for r in results]}, indent=1, allow_nan=False)
        )
    else:
        for result in results:
            _show(result)
        for note in notes:
            _say(f"skipped: {printable(note)}")
    if not all(result.ok for result in results):
        click.get_current_context().exit(1)


def _compare(
    model: Any, x: Any, y: Any, compared: tuple[str, ...], steps: int, size: int, tolerance: float | None
) -> list[Any]:
    from dualnet.testing import compare_captured, compare_devices, compare_precision

    options: dict[str, Any] = {"steps": steps, "batch_size": size}
    try:
        if len(compared) == 2:
            results = [compare_devices(model, x, y, devices=compared, tolerance=tolerance, **options)]
        else:
            results = [compare_precision(model, x, y, tolerance=tolerance, **options)]
        model.to(compared[-1])
        return [*results, compare_captured(model, x, y, **options)]
    except (ValueError, TypeError) as error:
        raise CliError(one_line(error)) from None


def _is_model(config: str) -> bool:
    from dualnet.saving.api import FORMATS

    return config.lower().endswith(tuple(FORMATS))


def _from_file(path: Path, sets: tuple[str, ...], notes: list[str]) -> tuple[Any, Any, Any, int]:
    """(model, x, y, batch size) of a saved model."""
    from dualnet.saving.api import load_model
    from dualnet.testing.samples import random_data

    if sets:
        raise CliError("--set changes a config, and this is a model")
    try:
        model: Any = load_model(path)
        if not model.compiled:
            model.compile("sgd", "mse")
            notes.append("loss and optimizer of the model: the file has none; these are mse and sgd")
        x, y = random_data(model, SAMPLES)
    except FileNotFoundError:
        raise CliError(f"{printable(str(path))}: no such file") from None
    except IsADirectoryError:
        raise CliError(f"{printable(str(path))}: is a directory") from None
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise CliError(f"{printable(str(path))}: {one_line(error)}") from None
    return model, x, y, 32


def from_config(config: str | None, sets: tuple[str, ...], notes: list[str]) -> tuple[Any, Any, Any, int]:
    """(model, x, y, batch size) of a config."""
    from dualnet.testing.samples import random_data

    from . import build, data, shipped
    from .config import load

    settings = load(shipped.find(config), sets)
    try:
        dataset = data.load(settings)
    except Failure as error:  # it cannot be downloaded here
        notes.append(f"the data: {one_line(error)}; these are random numbers")
        model = build.compiled_model(settings, data.placeholder(settings))
        x, y = random_data(model, SAMPLES)
    else:
        build.check(settings, dataset)
        part = dataset.train.take(slice(SAMPLES))
        x, y = part.x, part.y
        model = build.compiled_model(settings, dataset)
    build.parameter_count(model)
    if settings.fit.class_weight is not None:
        notes.append("class_weight: all classes weigh the same")
    return model, x, y, settings.fit.batch_size or 32


def _show(result: Any) -> None:
    """The table of one comparison, in 80 columns, and what it says."""
    kinds = ("output", "gradient", "weight")
    table = [("step", "layer", *(f"{kind}s" for kind in kinds))]
    for step, layer, found in result.rows():
        table.append((str(step), _short(layer), *(_cell(found.get(kind)) for kind in kinds)))
    present = [i for i, column in enumerate(zip(*table)) if i < 2 or any(cell for cell in column[1:])]
    worst, fault = result.worst, result.fault
    if result.tolerance or fault is not None:
        click.echo(f"{result.title}: largest differences, absolute and relative")
        for line in align([[row[i] for i in present] for row in table]):
            click.echo(line)
    else:
        click.echo(f"{result.title}, weights after each of {result.differences[-1].step} steps")
    if worst is not None and fault is None:
        where = "" if not worst.relative else f", the largest in {_where(worst)}"
        same = f"within {result.tolerance:g}" if result.tolerance else "the same bits"
        _say(f"{len(result.differences)} comparisons, all {same}{where}")
    elif fault is not None:
        wrong = sum(not d.ok for d in result.differences)
        _say(
            f"{wrong} of {len(result.differences)} comparisons are past {result.tolerance:g} (!); first: {_where(fault)}"
        )
    for note in result.skipped:
        _say(f"skipped: {printable(note)}")
    click.echo()


def _say(text: str) -> None:
    click.echo(click.wrap_text(text, 80, subsequent_indent="  "))


def _where(d: Any) -> str:
    what = {"output": "its output", "gradient": f"the gradient of {d.name}", "weight": f"{d.name} after the update"}[
        d.what
    ]
    return (
        f"layer {printable(d.layer)} ({d.kind}), {what}, step {d.step}: {d.absolute:.1e}, {d.relative:.1e} of its scale"
    )


def _cell(d: Any) -> str:
    return "" if d is None else f"{d.absolute:.1e} {d.relative:.1e}{'' if d.ok else '!'}"


def _short(name: str, limit: int = 20) -> str:
    """The name of a layer, with its end, which tells it from others."""
    name = printable(name)
    return name if len(name) <= limit else f"{name[: limit - 9]}..{name[-7:]}"
