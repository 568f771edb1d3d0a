"""Writing TOML, which Python reads but does not write."""

from __future__ import annotations

import re
from typing import Any

from .errors import KeyPath

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r", "\b": "\\b", "\f": "\\f"}
_WIDTH = 100


def dumps(table: dict[str, Any], comments: dict[KeyPath, str] | None = None) -> str:
    """A nested dict of strings, numbers, booleans, lists and dicts as TOML text. Keys whose value is None are omitted.

    Dicts become ``[tables]``, lists of dicts ``[[tables]]`` down to two levels; deeper ones are written inline.
    comments: lines to put above keys or tables, by key path.
    """
    lines: list[str] = []
    _table(table, (), lines, comments or {})
    return "\n".join(lines).strip() + "\n"


def _table(table: dict[str, Any], where: KeyPath, lines: list[str], comments: dict[KeyPath, str]) -> None:
    headers = []
    for key, value in table.items():
        key_path = (*where, key)
        if len(where) < 2 and _is_table(value, len(where)):
            headers.append((key_path, value))
        elif value is not None:
            _comment(key_path, lines, comments)
            lines.append(f"{_key(key)} = {_value(value)}")
    for key_path, value in headers:
        name = ".".join(_key(str(part)) for part in key_path)
        for entry in value if isinstance(value, list) else [value]:
            # [model] holds nothing but [[model.layers]]: its own header would be an empty line of noise.
            if isinstance(value, list) or not entry or any(not _is_table(v, 1) for v in entry.values()):
                lines.append("")
                _comment(key_path, lines, comments)
                lines.append(f"[[{name}]]" if isinstance(value, list) else f"[{name}]")
            _table(entry, (*key_path, 0) if isinstance(value, list) else key_path, lines, comments)


def _is_table(value: Any, depth: int) -> bool:
    if isinstance(value, dict):
        return depth == 0
    return isinstance(value, list) and bool(value) and all(isinstance(v, dict) for v in value)


def _comment(key_path: KeyPath, lines: list[str], comments: dict[KeyPath, str]) -> None:
    if key_path in comments:
        lines.append(f"# {comments[key_path]}")


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else _string(key)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return repr(value)  # "1e-05", "inf" and "nan" are TOML as they are
    if isinstance(value, (list, tuple)):
        parts = [_value(v) for v in value]
        flat = f"[{', '.join(parts)}]"
        if len(flat) <= _WIDTH:
            return flat
        return "[\n" + "".join(f"    {part},\n" for part in parts) + "]"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_key(k)} = {_value(v)}" for k, v in value.items() if v is not None) + " }"
    raise TypeError(f"cannot write a {type(value).__name__} as TOML: {value!r}")


def _string(text: str) -> str:
    return '"' + "".join(_ESCAPES.get(c) or (c if c.isprintable() else _unicode(c)) for c in text) + '"'


def _unicode(char: str) -> str:
    return f"\\u{ord(char):04x}" if ord(char) < 0x10000 else f"\\U{ord(char):08x}"
