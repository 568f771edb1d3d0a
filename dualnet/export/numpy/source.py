"""Source code of expressions: parentheses, and what arguments are that a call leaves out."""

from __future__ import annotations

import re
from typing import Any

from .expressions import ATOM, PRECEDENCE


def required(op: str, template: str, match: re.Match[str]) -> int:
    """How strongly an argument must bind at its place in a template, not to need parentheses."""
    if template[match.end() :].startswith((".", "[")) or op == "power":
        return ATOM
    if op not in PRECEDENCE or "(" in template[: match.start()]:
        return 0
    return PRECEDENCE[op] + (match.start() > 0)


def default(op: str, name: str) -> Any:
    """The default of an argument of an op, where its template names one that a call leaves out."""
    return {
        "axis": 1 if op == "attention_band" else 0 if op == "unstack" else -1 if op in ("argsort", "sort") else None,
        "keepdims": False,
        "side": "left",
        "decimals": 0,
        "k": 0,
        "offset": None if op == "attention_band" else 0,
        "axis1": 0,
        "axis2": 1,
        "nan": 0.0,
        "is_causal": False,
        "rtol": 1e-5,
        "atol": 1e-8,
        "indexing": "xy",
        "mode": "reduced",
        "full_matrices": True,
    }.get(name)


def closes_at_end(text: str) -> bool:
    """Whether the parenthesis that a call opens is closed by the last character."""
    depth = 0
    for i, c in enumerate(text):
        depth += (c in "([") - (c in ")]")
        if depth == 0 and c in ")]" and i < len(text) - 1:
            return False
    return True


def without_outer_parentheses(text: str) -> str:
    return (
        text[1:-1] if text.startswith("(") and text.endswith(")") and closes_at_end(text) and "," not in text else text
    )


def without_blank_start(lines: list[str]) -> list[str]:
    return lines[1:] if lines and not lines[0] else lines
