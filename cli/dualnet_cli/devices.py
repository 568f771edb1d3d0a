"""``dualnet devices``: the available devices."""

from __future__ import annotations

import click

from .errors import CliError, one_line
from .streams import align


@click.command()
def command() -> None:
    """List the available devices, under the names that --device takes.

    With a GPU, also what it is used through: CuPy, the driver, and the libraries of CUDA, each with its version, or with the
    line to type if it is missing.
    """
    import dualnet

    try:
        rows = [("DEVICE", "KIND", "DESCRIPTION"), *dualnet.config.device_report()]
    except ValueError as error:  # an environment variable that makes no sense
        raise CliError(one_line(error)) from None
    for line in align(rows):
        click.echo(line)
    libraries = dualnet.config.library_report()
    if libraries:
        click.echo()
        for line in align([("LIBRARY", "FOR", "VERSION"), *libraries]):
            click.echo(line)
    missing = dualnet.config.gpu_status()
    if missing:
        click.echo(f"\nNo GPU: {missing}")
