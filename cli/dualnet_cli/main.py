"""The ``dualnet`` command. Each subcommand has its own module, imported when it is invoked."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from .errors import CliError, Failure, did_you_mean, one_line
from .streams import EXIT_BROKEN_PIPE, mute_stdout, open_closed_streams, replace_unencodable_characters

_NAMES = (
    *("train", "runs", "evaluate", "predict", "inspect", "convert"),
    *("summary", "explain", "gradcheck", "compare", "devices", "completion"),
)
COMMANDS = {name: f"dualnet_cli.{name}" for name in _NAMES}


class Commands(click.Group):
    """Subcommands by name; an exception inside them becomes a one-line message and an exit code."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(COMMANDS[cmd_name]).command
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        if args and not args[0].startswith("-") and args[0] not in COMMANDS:
            hint = did_you_mean(args[0], COMMANDS) or f"; commands: {', '.join(COMMANDS)}"
            raise CliError(f"no such command: {args[0]}{hint}")
        return super().resolve_command(ctx, args)

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        with _messages():  # --help and --version print already
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        with _messages():
            return super().invoke(ctx)


@contextmanager
def _messages() -> Iterator[None]:
    """Turn an exception into a one-line message and an exit code."""
    try:
        yield
    except (click.ClickException, click.exceptions.Exit, click.Abort):
        raise
    except KeyboardInterrupt:
        click.echo("interrupted", err=True)
        raise click.exceptions.Exit(130) from None
    except BrokenPipeError:
        mute_stdout()
        raise click.exceptions.Exit(EXIT_BROKEN_PIPE) from None
    except Exception as error:
        if os.environ.get("DUALNET_DEBUG"):
            raise
        raise _failure(error) from None


def _failure(error: Exception) -> CliError:
    name = type(error).__name__
    if name == "OutOfMemoryError":  # of dualnet: it says what to try
        return Failure(one_line(error))
    if isinstance(error, MemoryError):
        return Failure(f"out of memory; try a smaller batch_size in [fit] ({one_line(error)})")
    if isinstance(error, OSError) and error.strerror:
        return Failure(f"{error.filename or 'writing'}: {error.strerror}")
    return Failure(f"{name}: {one_line(error)} (set DUALNET_DEBUG=1 to see where it comes from)")


def _version(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if not value or ctx.resilient_parsing:
        return
    import numpy

    import dualnet

    python = ".".join(map(str, sys.version_info[:3]))
    click.echo(f"dualnet {dualnet.__version__} (NumPy {numpy.__version__}, Python {python})")
    ctx.exit()


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Environment: DUALNET_DEVICE (the device when nothing else says one), DUALNET_DATA_DIR (where data sets lie), "
    "DUALNET_MIRRORS (addresses to download from before the publisher's), "
    "DUALNET_NUM_THREADS (how many threads compute on the CPU), DUALNET_TRAINING_WARNINGS=0 (no warnings of likely mistakes), "
    "DUALNET_DEBUG=1 (full tracebacks).",
)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Show versions and exit."
)
def cli() -> None:
    """Train neural networks on nothing but NumPy, or on a GPU by changing one word.

    \b
    dualnet train                          train on handwritten digits, a few seconds
    dualnet train my.toml --device gpu     train what a config describes, on a GPU
    dualnet predict runs/my new.csv        what the trained model says of new samples
    dualnet devices                        what there is to train on
    """


def main() -> None:
    """The entry point of the ``dualnet`` script."""
    open_closed_streams()
    replace_unencodable_characters()
    cli(prog_name="dualnet")
