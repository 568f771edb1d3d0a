"""The source of the functions that a written program calls."""

from __future__ import annotations

import ast
import functools
import inspect
from collections.abc import Iterable
from typing import Any, NamedTuple

from . import formulas


class Helper(NamedTuple):
    """A function of ``formulas``: itself, its source, and the names it uses."""

    function: Any
    source: str
    names: frozenset[str]


@functools.cache
def helpers() -> dict[str, Helper]:
    """Every function of ``formulas``, by name, in the order in which they appear in a program."""
    found = {}
    for module in formulas.MODULES:
        text = inspect.getsource(module)
        for node in ast.parse(text).body:
            if isinstance(node, ast.FunctionDef):
                names = frozenset(n.id for n in ast.walk(node) if isinstance(n, ast.Name))
                found[node.name] = Helper(getattr(module, node.name), lines_of(text, node), names)
    return found


def lines_of(text: str, node: ast.stmt) -> str:
    """The source of a statement, with a comment at its end."""
    return "\n".join(text.splitlines()[node.lineno - 1 : node.end_lineno])


def needed(names: Iterable[str]) -> list[str]:
    """These functions and those that they call, in the order in which they appear in a program."""
    known, wanted, todo = helpers(), set(), list(names)
    while todo:
        name = todo.pop()
        if name in known and name not in wanted:
            wanted.add(name)
            todo.extend(known[name].names)
    return [name for name in known if name in wanted]


def modules(sources: dict[str, str]) -> list[str]:
    """The modules of Python that functions use.  sources: by name"""
    used = {n.id for text in sources.values() for n in ast.walk(ast.parse(text)) if isinstance(n, ast.Name)}
    return [module for module in ("math", "string") if module in used]
