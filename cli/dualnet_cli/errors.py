"""What the command says when something is wrong, and with which exit code it leaves."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import click

Where = tuple[str | int, ...]
"""The place of a value in a config: ("fit", "epochs"), ("model", "layers", 0, "units")."""


class CliError(click.ClickException):
    """The command line, the config or the data has to be corrected: exit code 2.

    Printed on stderr as ``Error: ...``, never with a traceback.
    """

    exit_code = 2


class Failure(CliError):
    """Something else went wrong, such as a full disk or data that could not be fetched: exit code 1."""

    exit_code = 1


@dataclass(frozen=True)
class Problem:
    """One mistake in a config: where it stands and what is wrong with it."""

    where: Where
    message: str


def show(value: Any, limit: int = 60) -> str:
    """A value as it stands in TOML, on one line, shortened, with nothing in it that could upset a terminal."""
    text = json.dumps(value, default=str, ensure_ascii=False)
    text = printable(text)
    return text if len(text) <= limit else text[: limit - 4] + " ..."


def printable(text: str) -> str:
    """The text with control characters spelled out."""
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)


def one_line(error: BaseException) -> str:
    """The message of an exception on one line."""
    return printable(" ".join(str(error).split())) or type(error).__name__


def did_you_mean(word: object, known: Iterable[str]) -> str:
    """'; did you mean "epochs"?' when a known word is close, else nothing."""
    if not isinstance(word, str):
        return ""
    spellings: dict[str, str] = {}
    for name in known:
        spellings.setdefault(name.lower(), name)
    close = difflib.get_close_matches(word.lower(), spellings, n=1, cutoff=0.6)
    return f'; did you mean "{spellings[close[0]]}"?' if close else ""


def listing(names: Iterable[str], limit: int = 12) -> str:
    """'a, b, c', cut after ``limit`` names."""
    names = list(names)
    return ", ".join(names[:limit]) + (f" and {len(names) - limit} more" if len(names) > limit else "")
