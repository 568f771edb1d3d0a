"""``dualnet devices``: the available devices."""

from __future__ import annotations

import click

from .errors import CliError, one_line
from .streams import align


@click.command()
def command() -> None:
    """List the available devices, under the names that --device takes."""
    import dualnet

    try:
        rows = [("DEVICE", "KIND", "DESCRIPTION"), *dualnet.config.device_report()]
    except ValueError as error:  # an environment variable that makes no sense
        raise CliError(one_line(error)) from None
    for line in align(rows):
        click.echo(line)
    missing = dualnet.config.gpu_status()
    if missing:
        click.echo(f"\nNo GPU: {missing}")
