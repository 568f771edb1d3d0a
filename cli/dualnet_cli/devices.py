"""``dualnet devices``: the available devices."""

from __future__ import annotations

import click

from .streams import align


@click.command()
def command() -> None:
    """List the available devices, under the names that --device takes."""
    import dualnet

    rows = [("DEVICE", "KIND", "DESCRIPTION"), *dualnet.config.device_report()]
    for line in align(rows):
        click.echo(line)
    missing = dualnet.config.gpu_status()
    if missing:
        click.echo(f"\nNo GPU: {missing}")
