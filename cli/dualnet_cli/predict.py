"""``dualnet predict``: what a trained model says of new samples, in the units and names of the data it was trained on."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from .arguments import DeviceName
from .errors import CliError, one_line, printable

_OUTPUTS = (".csv", ".tsv", ".npy", ".npz")
_EPILOG = """
\b
Examples:
  dualnet predict runs/wine new.csv                  a table on a terminal, CSV in a pipe
  dualnet predict runs/wine new.csv -o quality.csv
  cat new.csv | dualnet predict runs/wine -
  dualnet predict runs/digits three.png seven.png
  dualnet predict model.keras samples.npy -o out.npy

\b
Exit codes: 0 predicted; 1 failed (disk full); 2 command line or input to be corrected.
"""


@click.command(epilog=_EPILOG)
@click.argument("trained", metavar="RUN|MODEL", type=click.Path())
@click.argument("inputs", metavar="INPUT...", nargs=-1, required=True, type=click.Path(allow_dash=True))
@click.option(
    "--output",
    "-o",
    metavar="FILE",
    type=click.Path(),
    help="Write to a .csv or .tsv file; to an .npy or .npz file the numbers alone. Without it: stdout.",
)
@click.option("--probabilities", is_flag=True, help="Show the probability of every class.")
@click.option("--resize", is_flag=True, help="Scale images to the size that the model takes.")
@click.option(
    "--scale",
    type=click.FloatRange(min=0, min_open=True),
    help="Divide all numbers by this; for a model without a run, which does not say how its data was scaled.",
)
@click.option("--device", type=DeviceName(), help="auto, cpu, gpu, gpu:1 ... Without it: $DUALNET_DEVICE, else auto.")
@click.option("--force", is_flag=True, help="Replace the file of --output.")
def command(
    trained: str,
    inputs: tuple[str, ...],
    output: str | None,
    probabilities: bool,
    resize: bool,
    scale: float | None,
    device: str | None,
    force: bool,
) -> None:
    """Predict with the model of a run, or with a saved model.

    INPUT is a table (.csv, .tsv, also .gz), arrays (.npy, .npz), one or several images, a .txt file, or - for standard input.

    A run remembers how its data was prepared: its columns are found by their names, in any order, and are scaled as in the training.
    Predictions come in the units and names of the training data, with the columns of the input that are no features beside them.
    A model without a run gets the numbers as they are.
    """
    from . import answers, notices, samples
    from .trained import choose_device, open_trained

    if output is not None:
        _check_output(Path(output), inputs, force)
    choose_device(device)
    with notices.plain_warnings():
        opened = open_trained(trained)
        read = samples.read(inputs, opened, resize, scale)
        try:
            y = opened.model.predict(read.x, batch_size=256, verbose=0)
        except (ValueError, TypeError) as error:
            raise CliError(f"{opened.label}: cannot predict from these samples: {one_line(error)}") from None
    for note in read.notes:
        click.echo(f"Note: {note}", err=True)
    if output is not None and output.lower().endswith((".npy", ".npz")):
        _write_arrays(Path(output), answers.arrays(y, opened))
        return
    columns = _beside(read, answers.all_columns(y, opened, probabilities))
    if output is not None:
        _write_text(Path(output), columns)
    elif sys.stdout.isatty():
        click.echo("\n".join(answers.aligned(columns)))
    else:
        click.echo(_csv(columns, ","), nl=False)


def _beside(read: Any, predicted: dict[str, list[str]]) -> dict[str, list[str]]:
    """The columns of the input and those of the predictions, which are empty for rows without one."""
    columns = dict(read.columns)
    for name, cells in predicted.items():
        full = [""] * read.rows
        for row, cell in zip(read.kept, cells):
            full[row] = cell
        while name in columns:
            name += " (new)"
        columns[name] = full
    return columns


def _csv(columns: dict[str, list[str]], delimiter: str) -> str:
    import csv
    import io

    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*columns.values()))
    return text.getvalue()


def _check_output(path: Path, inputs: tuple[str, ...], force: bool) -> None:
    label = f"--output {printable(str(path))}"
    if not path.name.lower().endswith(_OUTPUTS):
        raise CliError(f"{label}: expected a file ending in {', '.join(_OUTPUTS)}")
    if path.is_dir() or not path.parent.is_dir():
        raise CliError(f"{label}: {'is a folder' if path.is_dir() else 'there is no such folder'}")
    if path.exists():
        if any(Path(name).exists() and path.samefile(name) for name in inputs):
            raise CliError(f"{label}: is the input; name another file")
        if not force:
            raise CliError(f"{label}: exists; name another file, or use --force to replace it")


def _write_text(path: Path, columns: dict[str, list[str]]) -> None:
    from dualnet.saving.atomic import atomic_write

    from .run_dir import write_errors

    text = _csv(columns, "\t" if path.name.lower().endswith(".tsv") else ",")
    with write_errors(path), atomic_write(path, "w", encoding="utf-8", newline="") as file:
        file.write(text)
    click.echo(f"{len(next(iter(columns.values())))} rows in {printable(str(path))}", err=True)


def _write_arrays(path: Path, arrays: dict[str, Any]) -> None:
    import numpy as np

    from dualnet.saving.atomic import atomic_write

    from .run_dir import write_errors

    if len(arrays) > 1 and path.name.lower().endswith(".npy"):
        raise CliError(
            f"--output {printable(str(path))}: holds one array, and there are the outputs {', '.join(arrays)}; name an .npz file"
        )
    with write_errors(path), atomic_write(path) as file:
        if path.name.lower().endswith(".npy"):
            np.save(file, next(iter(arrays.values())))
        else:
            np.savez(file, **arrays)
    shapes = [f"an array of shape {y.shape}" if len(arrays) == 1 else f"{name} {y.shape}" for name, y in arrays.items()]
    click.echo(f"{', '.join(shapes)} in {printable(str(path))}", err=True)
