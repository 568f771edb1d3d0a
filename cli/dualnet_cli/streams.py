"""What is particular about stdout and stderr of a command: pipes that close, odd encodings, warnings."""

from __future__ import annotations

import io
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

EXIT_BROKEN_PIPE = 128 + 13  # as if SIGPIPE had ended the process


def tolerate_odd_characters() -> None:
    """Let a character that the terminal's encoding lacks come out as "?" instead of as an error."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def mute_stdout() -> None:
    """Point stdout at nothing, so that the interpreter's own flush at the end cannot fail either."""
    try:
        number = sys.stdout.fileno()
    except (OSError, ValueError):  # no real stream, as in tests
        return
    sink = os.open(os.devnull, os.O_WRONLY)
    os.dup2(sink, number)
    os.close(sink)


@contextmanager
def plain_warnings() -> Iterator[None]:
    """Show warnings as one line on stderr, without the place in the source they come from."""

    def show(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
        click.echo(f"Warning: {' '.join(str(message).split())}", err=True)

    with warnings.catch_warnings():
        # Overflows on the way to a loss of inf or nan: that loss is reported, in words that help more.
        warnings.simplefilter("ignore", RuntimeWarning)
        warnings.showwarning = show
        yield
