"""Long lines, broken as a formatter breaks them."""

from __future__ import annotations

import re

WIDTH = 120


def wrapped(line: str) -> list[str]:
    """A line as lines of at most ``WIDTH`` characters: what its last outermost brackets hold goes on lines of its own."""
    if len(line) <= WIDTH or line.lstrip().startswith("#"):
        return [line]
    terms = _terms(line)
    if terms is not None:
        indent = line[: len(line) - len(line.lstrip())]
        target, first, *others = terms
        lines = [text for part in (first, *others) for text in wrapped(f"{indent}    {part}")]
        return [f"{indent}{target} = (", *lines, f"{indent})"]
    span = _last_brackets(line)
    if span is None:
        return [line]
    start, end = span
    indent = line[: len(line) - len(line.lstrip())]
    inner, head, tail = line[start + 1 : end], line[: start + 1], indent + line[end:]
    if len(indent) + 4 + len(inner) <= WIDTH and not inner.rstrip().endswith(","):
        return [head, f"{indent}    {inner}", *wrapped(tail)]
    parts = _split(inner)
    if (
        len(parts) == 1 and line[start] == "[" and re.search(r"[\w\])]$", line[:start])
    ):  # a comma would make a tuple of an index
        return [head, f"{indent}    {inner}", *wrapped(tail)]
    lines = [text for part in parts for text in wrapped(f"{indent}    {part},")]
    return [head, *lines, *wrapped(tail)]


def _terms(line: str) -> list[str] | None:
    """The target of an assignment and the terms of a sum, each with its operator; None if it is none."""
    match = re.fullmatch(r"\s*(\w+) = (.*)", line)
    if match is None:
        return None
    text, terms, depth, quote, last = match[2], [], 0, "", 0
    for i, c in enumerate(text):
        if quote:
            quote = "" if c == quote and text[i - 1] != "\\" else quote
        elif c in "\"'":
            quote = c
        depth += (c in "([{") - (c in ")]}") if not quote else 0
        if not quote and depth == 0 and text[i : i + 3] in (" + ", " - "):
            terms.append(text[last:i])
            last = i + 1
    return [match[1], *terms, text[last:]] if terms else None


def _last_brackets(line: str) -> tuple[int, int] | None:
    """(start, end) of the last pair of brackets that is in no other, and not empty."""
    depth, start, found, quote = 0, 0, None, ""
    for i, c in enumerate(line):
        if quote:
            quote = "" if c == quote and line[i - 1] != "\\" else quote
        elif c in "\"'":
            quote = c
        elif c in "([{":
            start = i if depth == 0 else start
            depth += 1
        elif c in ")]}":
            depth -= 1
            if depth == 0 and i > start + 1:
                found = (start, i)
    return found


def _split(text: str) -> list[str]:
    """The parts between commas that are in no brackets."""
    parts, depth, quote, last = [], 0, "", 0
    for i, c in enumerate(text):
        if quote:
            quote = "" if c == quote and text[i - 1] != "\\" else quote
        elif c in "\"'":
            quote = c
        elif c == "," and depth == 0:
            parts.append(text[last:i].strip())
            last = i + 1
        depth += (c in "([{") - (c in ")]}") if not quote else 0
    return [part for part in (*parts, text[last:].strip()) if part]
