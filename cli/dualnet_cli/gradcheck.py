"""``dualnet gradcheck``: check the gradient of every layer of a config's model."""

from __future__ import annotations

import click

from .arguments import ConfigArgument, DeviceName


@click.command()
@click.argument("config", type=ConfigArgument(), required=False)
@click.option("--device", type=DeviceName(), help="Where to compute: auto, cpu, gpu, gpu:1 ... (default: cpu).")
@click.option(
    "--samples", type=click.IntRange(1, 1024), default=4, show_default=True, help="Training samples to check on."
)
@click.option("--set", "sets", multiple=True, metavar="KEY=VALUE", help="Change any value of the config.")
def command(config: str | None, device: str | None, samples: int, sets: tuple[str, ...]) -> None:
    """Check every layer of a config's model by finite differences.

    Each layer is checked separately, in float64, on the input it receives for a few training samples; its gradient with
    respect to the input and to every weight is compared with central differences. Exit code 1 when one is wrong.

    CONFIG is a file, or the name of a config that comes with dualnet (digits_mlp when left out).
    """
    import dualnet
    from dualnet.testing import check_model

    from . import build, data, notices, shipped, streams
    from .config import load
    from .parts import length

    settings = load(shipped.find(config), sets)
    dualnet.config.set_device(device or "cpu")
    with notices.plain_warnings():
        dataset = data.load(settings)
        build.check(settings, dataset)
        x = dataset.train.take(slice(samples)).x
        rows = check_model(build.compiled_model(settings, dataset), x)
    if not rows:
        raise click.ClickException("the model has no layer with a gradient to check")
    table = [("layer", "class", "gradient of", "shape", "relative error", "")]
    for layer, cls, variable, shape, error, ok, *_ in rows:
        table.append((layer, cls, variable, str(shape), f"{error:.1e}", "ok" if ok else "WRONG"))
    for line in streams.align(table):
        click.echo(line)
    wrong = [row for row in rows if not row.ok]
    click.echo(f"{len(rows)} gradients checked on {length(x)} samples, {len(wrong)} wrong")
    skipped, outputs = sum(row.skipped for row in rows), sum(row.outputs for row in rows)
    if skipped:
        click.echo(f"{skipped} of {outputs} outputs lie at a kink (a ReLU at 0, equal maxima) and were left out")
    if wrong:
        click.get_current_context().exit(1)
