"""``dualnet explain``: one training step of one sample, with its numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import click

from .arguments import ConfigArgument, DeviceName
from .errors import CliError, one_line, printable
from .parts import length

_EPILOG = """
\b
Examples:
  dualnet explain xor --sample 1            the first step of a config that comes with dualnet
  dualnet explain mine.toml --sample 7
  dualnet explain runs/mine | less          the next step of a trained model
  dualnet explain model.keras --data samples.npz
  dualnet explain xor --code > step.py

\b
Exit codes: 0 explained; 1 the formulas gave other numbers than the model; 2 command line, config or data to be corrected.
"""


@click.command(epilog=_EPILOG)
@click.argument("model", metavar="MODEL|RUN|CONFIG", type=ConfigArgument())
@click.option(
    "--sample", metavar="N", type=click.IntRange(0), default=0, show_default=True, help="Training sample, from 0."
)
@click.option(
    "--data", metavar="FILE", type=click.Path(), help="An .npz file with x and y, for a model that is in no run."
)
@click.option("--code", is_flag=True, help="Print the step as Python instead of its numbers.")
@click.option("--device", type=DeviceName(), help="Where to compute: auto, cpu, gpu, gpu:1 ... (default: cpu).")
@click.option("--set", "sets", multiple=True, metavar="KEY=VALUE", help="Change any value of a config.")
def command(model: str, sample: int, data: str | None, code: bool, device: str | None, sets: tuple[str, ...]) -> None:
    """Explain one training step of one sample: forward, backward, and the update of the optimizer.

    The layers are numbered from 1, and a0 is the input. For Dense layers z = W a + b and the formulas of backpropagation are
    calculated step by step, and compared with the gradients that training uses; of other layers the shapes and those gradients are
    shown. Nothing is trained and no file is written.
    """
    import dualnet

    from . import notices

    dualnet.config.set_device(device or "cpu")
    dualnet.config.disable_training_warnings()  # of a step on a single sample
    with notices.plain_warnings():
        subject = _open(model, data, sets)
        x, y = _sample(subject, sample)
        if code:
            from .explain_code import step_as_code

            click.echo(step_as_code(subject.model, x, y, f"{subject.label}, sample {sample}"))
            return
        from . import explain_step, explain_text

        try:
            explained = explain_step.explain(subject.model, x, y)
        except (ValueError, TypeError, NotImplementedError) as error:
            raise CliError(f"{subject.label}: cannot run one step on this sample: {one_line(error)}") from None
    title = f"{subject.label}: one step of training on sample {sample} of {subject.samples:,}"
    for line in explain_text.lines(explained, title):
        click.echo(line)
    if not all(check.ok for check in explained.checks):
        click.get_current_context().exit(1)


class _Subject(NamedTuple):
    """A compiled model, and the samples to choose from."""

    model: Any
    label: str
    x: Any
    y: Any
    samples: int


def _open(name: str, data: str | None, sets: tuple[str, ...]) -> _Subject:
    from . import shipped

    path = Path(name)
    if not path.is_dir() and (path.suffix.lower() == ".toml" or not path.exists()):
        if data is not None:
            raise CliError("--data is for the file of a model: a config says itself what data it has")
        return _config(shipped.find(name), sets)
    if sets:
        raise CliError("--set is for a config: a trained model has its settings")
    return _trained(name, data)


def _config(path: Path, sets: tuple[str, ...]) -> _Subject:
    from . import build
    from .config import load
    from .data import load as load_data

    settings = load(path, sets)
    dataset = load_data(settings)
    build.check(settings, dataset)
    model = build.compiled_model(settings, dataset)
    build.parameter_count(model)
    return _Subject(model, printable(settings.name), dataset.train.x, dataset.train.y, len(dataset.train))


def _trained(name: str, data: str | None) -> _Subject:
    from . import run_dir
    from .config import load
    from .data import load as load_data
    from .trained import open_trained

    opened = open_trained(name)
    if not opened.model.compiled:
        raise CliError(
            f"{opened.label}: was saved without its loss and optimizer, so there is no step of training to explain"
        )
    if data is not None:
        x, y = _arrays(Path(data))
    elif opened.run is not None:
        dataset = load_data(load(opened.run / run_dir.CONFIG))
        x, y = dataset.train.x, dataset.train.y
    else:
        raise CliError(
            f"{opened.label}: is in no run, so its data is not known; pass --data with an .npz file of x and y"
        )
    return _Subject(opened.model, opened.label, x, y, length(x))


def _arrays(path: Path) -> tuple[Any, Any]:
    from .array_files import read_arrays
    from .table_lines import DataError

    label = f"--data {printable(str(path))}"
    if not path.is_file():
        raise CliError(f"{label}: no such file")
    try:
        arrays = read_arrays(path)
    except DataError as error:
        raise CliError(f"{label}: {one_line(error)}") from None
    if not {"x", "y"} <= set(arrays):
        raise CliError(f"{label}: expected arrays x and y, there are {printable(', '.join(arrays))}")
    x, y = arrays["x"], arrays["y"]
    if not x.ndim or not y.ndim or len(x) != len(y) or not len(x):
        raise CliError(
            f"{label}: x and y must have one row for each sample, they have the shapes {x.shape} and {y.shape}"
        )
    return x, y


def _sample(subject: _Subject, number: int) -> tuple[Any, Any]:
    if isinstance(subject.x, dict) or isinstance(subject.y, dict):
        raise CliError(
            f"{subject.label}: has several inputs or outputs, and only models with one of each are explained"
        )
    if number >= subject.samples:
        raise CliError(
            f"--sample {number}: there are {subject.samples:,} samples to train on, from 0 to {subject.samples - 1:,}"
        )
    return subject.x[number : number + 1], subject.y[number : number + 1]
