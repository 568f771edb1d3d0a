"""``dualnet train``: a config in, a run directory out."""

from __future__ import annotations

import click

from . import shipped
from .arguments import ConfigArgument, DeviceName

_EPILOG = """
\b
Examples:
  dualnet train                               the digits config that comes with dualnet
  dualnet train xor                           another one of those (see below)
  dualnet train my.toml --epochs 5 --seed 7
  dualnet train my.toml --set compile.optimizer.learning_rate=0.01 \\
                        --set model.layers.0.units=64
  dualnet train runs/my/config.toml           repeat a run
  dualnet train --resume my                   go on with runs/my, which was stopped

\b
Configs that come with dualnet:
  {configs}
They are commented; copy one to begin your own.

\b
Exit codes: 0 trained; 1 failed (loss not a number, no data, disk full);
2 command line, config or data to be corrected; 129 the terminal was closed;
130 Ctrl-C; 143 SIGTERM.
"""


@click.command(epilog=_EPILOG.format(configs="\n  ".join(shipped.names())))
@click.argument("config", type=ConfigArgument(), required=False)
@click.option(
    "--device",
    type=DeviceName(),
    help="auto (a GPU if available, else the CPU), cpu, gpu, gpu:1 ... "
    "Without it: the config's device, else $DUALNET_DEVICE, else auto.",
)
@click.option("--epochs", type=click.IntRange(1, 10**9), help="Instead of the config's [fit] epochs.")
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), help="Instead of the config's seed.")
@click.option(
    "--set",
    "sets",
    multiple=True,
    metavar="KEY=VALUE",
    help="Change any value of the config: --set fit.batch_size=64. Layers and callbacks are counted from 0. "
    "May be given several times.",
)
@click.option(
    "--run-dir",
    metavar="DIR",
    type=click.Path(),
    help="Where the files go. Without it: runs/NAME, or runs/NAME-2 ... when that exists.",
)
@click.option("--force", is_flag=True, help="Replace the run that is in the directory.")
@click.option(
    "--resume",
    metavar="RUN",
    help="Go on with the run in a directory, or with runs/RUN, that was stopped or killed: to the same numbers as if it had "
    "not been. --epochs may make it longer, --device continue it elsewhere.",
)
@click.option("--quiet", "-q", is_flag=True, help="Print nothing but the result.")
@click.option("--verbose", "-v", is_flag=True, help="Also say how steps are run, and why some are not captured.")
def command(
    config: str | None,
    device: str | None,
    epochs: int | None,
    seed: int | None,
    sets: tuple[str, ...],
    run_dir: str | None,
    force: bool,
    resume: str | None,
    quiet: bool,
    verbose: bool,
) -> None:
    """Train a network as a TOML file describes it.

    CONFIG is a file, or the name of a config that comes with dualnet. The run directory gets config.toml (complete, ready
    to be run again), metrics.csv, results.json, model.keras, checkpoints and, with matplotlib, history.png.
    """
    from . import notices
    from .config import load

    with notices.plain_warnings(), notices.captures(verbose):
        from . import resuming
        from .training import Options, train

        folder = None
        if resume is not None:
            resuming.refuse_options(
                {"CONFIG": config, "seed": seed is not None, "set": sets, "run-dir": run_dir, "force": force}
            )
            folder = resuming.find(resume)
            settings = resuming.load(folder, device, epochs)
        else:
            settings = load(shipped.find(config), sets, device=device, epochs=epochs, seed=seed)
        code = train(settings, Options(device, run_dir, force, quiet, folder))
    click.get_current_context().exit(code)
