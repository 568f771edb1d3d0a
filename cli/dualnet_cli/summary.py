"""``dualnet summary``: the layers of a config's model, without training it."""

from __future__ import annotations

import click

from .arguments import ConfigArgument


@click.command()
@click.argument("config", type=ConfigArgument(), required=False)
@click.option("--set", "sets", multiple=True, metavar="KEY=VALUE", help="Change any value of the config.")
def command(config: str | None, sets: tuple[str, ...]) -> None:
    """Show the layers of a config's model: output shapes and parameters.

    CONFIG is a file, or the name of a config that comes with dualnet (digits_mlp when left out).
    """
    import dualnet

    from . import build, data, notices, shipped
    from .config import load

    settings = load(shipped.find(config), sets)
    # No GPU is needed to count parameters, whatever the config would train on.
    dualnet.config.set_device("cpu")
    with notices.plain_warnings():
        model = build.uncompiled_model(settings, data.placeholder(settings))
        model.summary(print_fn=click.echo)
