"""stdout and stderr of a command: closed pipes, limited encodings, aligned columns."""

from __future__ import annotations

import io
import os
import stat
import sys
from collections.abc import Callable, Sequence
from typing import TextIO

EXIT_BROKEN_PIPE = 128 + 13  # as if SIGPIPE had ended the process


def open_closed_streams() -> None:
    """Write to the null device where the caller has closed stdout or stderr (`>&-`), which Python leaves as None."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115  (until the process ends)


def replace_unencodable_characters() -> None:
    """Print "?" for a character that the terminal's encoding lacks, instead of raising an error."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def mute_stdout() -> None:
    """Redirect stdout to the null device, so that the interpreter's final flush cannot fail either."""
    _mute(sys.stdout)


def mute_closed_terminals() -> None:
    """Redirect stdout and stderr to the null device where they were a terminal that is gone, to which nothing can be written."""
    for stream in (sys.stdout, sys.stderr):
        try:
            number = stream.fileno()
            is_device = stat.S_ISCHR(os.fstat(number).st_mode)
        except (OSError, ValueError):
            continue
        if is_device and not os.isatty(number):
            _mute(stream)


def _mute(stream: TextIO) -> None:
    try:
        number = stream.fileno()
    except (OSError, ValueError):  # no real stream, as in tests
        return
    sink = os.open(os.devnull, os.O_WRONLY)
    os.dup2(sink, number)
    os.close(sink)


def align(rows: Sequence[Sequence[str]], justify: Callable[[str, int], str] = str.ljust) -> list[str]:
    """Rows of cells as lines with columns of equal width. justify: for all columns but the first."""
    widths = [max(map(len, column)) for column in zip(*rows)]
    lines = ([row[0].ljust(widths[0]), *map(justify, row[1:], widths[1:])] for row in rows)
    return ["  ".join(cells).rstrip() for cells in lines]
