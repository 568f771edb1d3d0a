"""Error messages and exit codes of the command."""

from __future__ import annotations

import difflib
import errno
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import click

KeyPath = tuple[str | int, ...]
"""The keys that lead to a value in a config: ("fit", "epochs"), ("model", "layers", 0, "units")."""


class CliError(click.ClickException):
    """A mistake in the command line, the config or the data: exit code 2.

    Printed on stderr as ``Error: ...``, never with a traceback.
    """

    exit_code = 2


class Failure(CliError):
    """Any other failure, such as a full disk or a failed download: exit code 1."""

    exit_code = 1


# A full disk, a broken one, and what else no other argument would mend.
_OF_THE_MACHINE = {
    getattr(errno, name)
    for name in ("ENOSPC", "EDQUOT", "EFBIG", "EIO", "ENOMEM", "EMFILE", "ENFILE", "ESTALE", "ETIMEDOUT")
    if hasattr(errno, name)
}


def system_error(message: str, error: OSError) -> CliError:
    """The error of the command for one of the operating system: ``message``, and the reason.

    It is a ``Failure`` where the machine failed, and else a mistake in the command line, such as a file that may not be read.
    """
    kind = Failure if error.errno in _OF_THE_MACHINE else CliError
    return kind(f"{message}: {error.strerror or one_line(error)}")


@dataclass(frozen=True)
class Problem:
    """One mistake in a config: its key path and a message."""

    where: KeyPath
    message: str


def show(value: Any, limit: int = 60) -> str:
    """A value in TOML notation, on one line, truncated, without control characters."""
    text = json.dumps(value, default=str, ensure_ascii=False)
    text = printable(text)
    return text if len(text) <= limit else text[: limit - 4] + " ..."


def printable(text: str) -> str:
    """The text with control characters escaped."""
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)


def one_line(error: BaseException) -> str:
    """The message of an exception on one line."""
    return printable(" ".join(str(error).split())) or type(error).__name__


def did_you_mean(word: object, known: Iterable[str]) -> str:
    """'; did you mean "epochs"?' when a known word is similar, else an empty string."""
    if not isinstance(word, str):
        return ""
    spellings: dict[str, str] = {}
    for name in known:
        spellings.setdefault(name.lower(), name)
    close = difflib.get_close_matches(word.lower(), spellings, n=1, cutoff=0.6)
    return f'; did you mean "{spellings[close[0]]}"?' if close else ""


def listing(names: Iterable[str], limit: int = 12) -> str:
    """'a, b, c', truncated after ``limit`` names."""
    names = list(names)
    return ", ".join(names[:limit]) + (f" and {len(names) - limit} more" if len(names) > limit else "")
