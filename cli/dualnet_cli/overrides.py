"""``--set section.key=value``: changing a config from the command line."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from .errors import CliError, Where, printable, show
from .source import Source

_BARE_WORD = re.compile(r"[^\W\d][\w./~:+-]*")


def parse(text: str) -> tuple[Where, Any]:
    """``"model.layers.0.units=30"`` -> (("model", "layers", 0, "units"), 30)

    The value is TOML; a bare word such as ``mse`` is taken as a string.
    """
    key, equals, value = text.partition("=")
    parts = [part.strip() for part in key.split(".")]
    if not equals or not all(parts):
        raise CliError(f"--set {text}: expected section.key=value, for example --set fit.epochs=5")
    where: Where = tuple(int(part) if re.fullmatch(r"-?\d+", part) else part for part in parts)
    return where, _value(value.strip(), text)


def _value(value: str, text: str) -> Any:
    try:
        return tomllib.loads(f"value = {value}")["value"] if "\n" not in value else value
    except (tomllib.TOMLDecodeError, RecursionError):
        if _BARE_WORD.fullmatch(value) or (value.startswith(("/", "./", "../", "~")) and value.isprintable()):
            return value
    raise CliError(f"--set {text}: {show(value)} is not a TOML value; write text in quotes: 'key=\"some text\"'")


def apply(source: Source, texts: tuple[str, ...]) -> None:
    """Put every ``--set`` into the config, in the order given; what they say is judged later, with the rest of it."""
    for text in texts:
        where, value = parse(text)
        if where in (("data", "path"), ("data", "test_path")) and isinstance(value, str):
            # In the file a path counts from the file; typed at a prompt it counts from where the user stands.
            value = str(Path(value).expanduser().absolute())
        where = put(source.table, where, value, f"--set {text}")
        source.overrides[where] = f"--set {printable(text)[:60]}"


def put(table: dict[str, Any], where: Where, value: Any, label: str) -> Where:
    """Set one value, making tables on the way; returns its place with list indices counted from the front."""
    at: Any = table
    place: list[str | int] = []
    for step, part in enumerate(where):
        last = step == len(where) - 1
        if isinstance(at, list):
            if not isinstance(part, int) or not -len(at) <= part < len(at):
                known = f"0 to {len(at) - 1}" if at else "none, it is empty"
                raise CliError(f"{label}: {_spell(place)} is a list, {show(part)} is not a position in it ({known})")
            part %= len(at)
        elif isinstance(at, dict):
            part = str(part)
        else:
            raise CliError(f"{label}: {_spell(place)} is {show(at)}, not a table, so it has no key {show(part)}")
        place.append(part)
        if last:
            at[part] = value
        elif isinstance(at, dict) and part not in at:
            at[part] = {}
        elif isinstance(at[part], str) and place[0] == "compile":
            at[part] = {"class": at[part]}  # optimizer = "SGD" grows into a table when one of its arguments is set
        if not last:
            at = at[part]
    return tuple(place)


def _spell(place: list[str | int]) -> str:
    return ".".join(map(str, place))
