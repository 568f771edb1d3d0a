"""A config file as text: reading it, and locating the line of a value."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .errors import CliError, KeyPath, Problem, one_line, printable, system_error

LIMIT = 10_000_000  # bytes; a config is a page of text, anything of this size is the wrong file


@dataclass
class Source:
    """A config file and the overrides of ``--set`` and the other options."""

    path: Path
    text: str
    table: dict[str, Any]
    overrides: dict[KeyPath, str] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """The file's name as the user gave it."""
        return printable(str(self.path))

    def error(self, problems: list[Problem]) -> CliError:
        """All the mistakes as one error, each with file, line, table and key."""
        ordered = sorted(problems, key=lambda p: self._line(p.where) or 0)
        lines = [self.line(problem) for problem in ordered]
        if len(lines) == 1:
            return CliError(lines[0])
        return CliError(f"{len(lines)} mistakes in {self.label}\n" + "\n".join(f"  {line}" for line in lines))

    def line(self, problem: Problem) -> str:
        """``bad.toml:12: [fit] epochs: must be at least 1, got 0``"""
        return f"{self._origin(problem.where)}: {self.describe(problem.where)}{problem.message}"

    def describe(self, where: KeyPath) -> str:
        """The table and key of a key path, followed by ": "; empty for the whole file."""
        if not where:
            return ""
        list_entry = _table_number(where)
        if list_entry is not None:
            header, number, keys = list_entry
            name = self._class_at(where[: len(where) - len(keys)])
            prefix = f"[[{header}]] number {number}{f' ({name})' if name else ''}"
        elif len(where) > 1 or isinstance(self.table.get(str(where[0]), {}), dict):  # a table, or one that is missing
            prefix, keys = f"[{printable(str(where[0]))}]", where[1:]
        else:
            prefix, keys = "", where
        key = ".".join(printable(str(part)) for part in keys)
        return f"{prefix} {key}: ".lstrip() if key else f"{prefix}: "

    def _class_at(self, where: KeyPath) -> str:
        value: Any = self.table
        for part in where:
            value = value[part]
        name = value.get("class", "") if isinstance(value, dict) else ""
        return printable(name) if isinstance(name, str) else ""

    def _origin(self, where: KeyPath) -> str:
        for length in range(len(where), 0, -1):
            if where[:length] in self.overrides:
                return self.overrides[where[:length]]
        line = self._line(where)
        return f"{self.label}:{line}" if line else self.label

    def _line(self, where: KeyPath) -> int | None:
        """The line number of the value, or else of the innermost table around it.

        The parser reports no positions, so growing prefixes of the file are parsed: the first one that contains the
        value ends with its statement. Exact, and fast enough for a page of text.
        """
        lines = self.text.splitlines()
        if len(lines) > 1000:
            return None
        best: tuple[int, int] | None = None
        complete = 0
        for end in range(1, len(lines) + 1):
            try:
                table = tomllib.loads("\n".join(lines[:end]) + "\n")
            except tomllib.TOMLDecodeError:
                continue
            depth = _depth(table, where)
            if depth and (best is None or depth > best[0]):
                best = depth, complete + 1
            if depth == len(where):
                break
            complete = end
        return best[1] if best else None


def _depth(table: Any, where: KeyPath) -> int:
    for depth, part in enumerate(where):
        try:
            table = table[part]
        except (KeyError, IndexError, TypeError):
            return depth
    return len(where)


def _table_number(where: KeyPath) -> tuple[str, int, KeyPath] | None:
    """("model", "layers", 1, "units") -> ("model.layers", 2, ("units",))"""
    if len(where) >= 3 and where[:2] == ("model", "layers") and isinstance(where[2], int):
        return "model.layers", where[2] + 1, where[3:]
    if len(where) >= 2 and where[0] == "callbacks" and isinstance(where[1], int):
        return "callbacks", where[1] + 1, where[2:]
    return None


def read(path: Path) -> Source:
    """Read and parse a TOML file; every failure is a ``CliError``."""
    label = printable(str(path))
    try:
        with path.open("rb") as file:
            data = file.read(LIMIT + 1)
    except FileNotFoundError:
        raise CliError(f"{label}: no such file") from None
    except IsADirectoryError:
        raise CliError(f"{label}: is a directory; a config is a .toml file") from None
    except OSError as error:
        raise system_error(f"{label}: cannot be read", error) from None
    except ValueError as error:  # a NUL in the name
        raise CliError(f"{label}: cannot be read: {one_line(error)}") from None
    if len(data) > LIMIT:
        raise CliError(f"{label}: larger than {LIMIT // 10**6} MB; a config is a short .toml file")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CliError(f"{label}: is not UTF-8 text (byte {error.start}); a config is a .toml file") from None
    # TOML accepts \r\n as a line end; a lone \r, which splitlines accepts too, is an error in TOML anyway.
    text = text.replace("\r\n", "\n")
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        hint = "" if path.suffix == ".toml" else "; a config is a .toml file"
        raise CliError(_syntax_error(label, text, str(error)) + hint) from None
    except RecursionError:
        raise CliError(f"{label}: is nested too deeply") from None
    return Source(path, text, table)


def _syntax_error(label: str, text: str, message: str) -> str:
    """``bad.toml:3: Cannot overwrite a value (column 11): epochs = 5``"""
    head, separator, position = message.rpartition(" (at ")
    if not separator:
        return f"{label}: {printable(message)}"
    if not position.startswith("line "):  # "end of document"
        return f"{label}: {printable(head)} at the end of the file"
    line, _, column = position.rstrip(")").removeprefix("line ").partition(", column ")
    lines = text.split("\n")
    content = lines[int(line) - 1].strip() if int(line) <= len(lines) else ""
    if not content and int(line) > 1:  # the parser reports the line after the wrong one
        line, content = str(int(line) - 1), lines[int(line) - 2].strip()
        column = ""
    if head == "Cannot overwrite a value":
        return f"{label}:{line}: this key is already defined: {printable(content)[:80]}"
    where = f" (column {column})" if column else ""
    return f"{label}:{line}: {printable(head)}{where}: {printable(content)[:80]}"
