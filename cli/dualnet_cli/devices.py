"""``dualnet devices``: the available devices."""

from __future__ import annotations

import click


@click.command()
def command() -> None:
    """List the available devices, under the names that --device takes."""
    import dualnet

    rows = [("DEVICE", "KIND", "DESCRIPTION"), *dualnet.config.device_report()]
    widths = [max(len(row[i]) for row in rows) for i in range(2)]
    for name, device_type, description in rows:
        click.echo(f"{name:<{widths[0]}}  {device_type:<{widths[1]}}  {description}")
    missing = dualnet.config.gpu_status()
    if missing:
        click.echo(f"\nNo GPU: {missing}")
