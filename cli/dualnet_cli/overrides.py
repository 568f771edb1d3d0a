"""``--set section.key=value``: overriding config values from the command line."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from . import application
from .errors import CliError, KeyPath, printable, show
from .source import Source

_BARE_WORD = re.compile(r"[^\W\d][\w./~:+-]*")


def parse(text: str) -> tuple[KeyPath, Any]:
    """``"model.layers.0.units=30"`` -> (("model", "layers", 0, "units"), 30)

    The value is TOML; a bare word such as ``mse`` is a string.
    """
    key, equals, value = text.partition("=")
    parts = [part.strip() for part in key.split(".")]
    if not equals or not all(parts):
        raise CliError(f"--set {text}: expected section.key=value, for example --set fit.epochs=5")
    where: KeyPath = tuple(int(part) if re.fullmatch(r"-?\d+", part) else part for part in parts)
    return where, _value(value.strip(), text)


def _value(value: str, text: str) -> Any:
    try:
        return tomllib.loads(f"value = {value}")["value"] if "\n" not in value else value
    except (tomllib.TOMLDecodeError, RecursionError):
        if _BARE_WORD.fullmatch(value) or (value.startswith(("/", "./", "../", "~")) and value.isprintable()):
            return value
    raise CliError(f"--set {text}: {show(value)} is not a TOML value; write text in quotes: 'key=\"some text\"'")


def apply(source: Source, texts: tuple[str, ...]) -> None:
    """Apply every ``--set`` to the config, in order; the values are validated later, with the rest of the config."""
    for text in texts:
        where, value = parse(text)
        is_weights = where == (*application.WHERE, "weights") and value not in application.NO_FILES
        is_path = is_weights or where in (("data", "path"), ("data", "test_path"), ("model", "python"))
        if is_path and isinstance(value, str):
            # In the file a path is relative to the file; on the command line, to the working directory.
            value = str(Path(value).expanduser().absolute())
        where = set_value(source.table, where, value, f"--set {text}")
        source.overrides[where] = f"--set {printable(text)[:60]}"


def set_value(table: dict[str, Any], where: KeyPath, value: Any, label: str) -> KeyPath:
    """Set one value, creating missing tables; return its key path with non-negative list indices."""
    container: Any = table
    path: list[str | int] = []
    for step, part in enumerate(where):
        last = step == len(where) - 1
        if isinstance(container, list):
            if not isinstance(part, int) or not -len(container) <= part < len(container):
                known = f"0 to {len(container) - 1}" if container else "none, it is empty"
                raise CliError(f"{label}: {_dotted(path)} is a list, {show(part)} is not a position in it ({known})")
            part %= len(container)
        elif isinstance(container, dict):
            part = str(part)
        else:
            raise CliError(f"{label}: {_dotted(path)} is {show(container)}, not a table, so it has no key {show(part)}")
        path.append(part)
        if last:
            container[part] = value
        elif isinstance(container, dict) and part not in container:
            container[part] = {}
        elif isinstance(container[part], str) and (path[0] == "compile" or tuple(path) == application.WHERE):
            # optimizer = "SGD" becomes a table when one of its arguments is set
            container[part] = {"class": container[part]}
        if not last:
            container = container[part]
    return tuple(path)


def _dotted(path: list[str | int]) -> str:
    return ".".join(map(str, path))
