"""Messages to the user, on stdout. A message that cannot be shown never raises an error."""

from __future__ import annotations

import os
import sys


def print_msg(message: object, line_break: bool = True) -> None:
    """Write a message to stdout and flush it.

    line_break: append a newline. A missing or closed stdout or a broken pipe is ignored; characters
    that the encoding lacks are replaced.
    """
    text = f"{message}\n" if line_break else str(message)
    stream = sys.stdout
    if stream is None:  # pythonw, some services
        return
    try:
        try:
            stream.write(text)
        except UnicodeEncodeError as error:
            stream.write(text.encode(error.encoding, "replace").decode(error.encoding))
        stream.flush()
    except OSError:
        pass  # usually a broken pipe, as in `python train.py | head`
    except ValueError:
        if not getattr(stream, "closed", False):
            raise


def in_notebook() -> bool:
    """Whether stdout is the output of a Jupyter cell."""
    # Decided by the stream, not by the loaded modules: a notebook can redirect its output to a file.
    return type(sys.stdout).__module__.partition(".")[0] == "ipykernel"


def on_terminal() -> bool:
    """Whether stdout is a terminal that can redraw a line."""
    try:
        return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
    except (AttributeError, ValueError):  # missing, closed, or a replacement without isatty
        return False


def can_encode(text: str) -> bool:
    """Whether stdout has these characters."""
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
