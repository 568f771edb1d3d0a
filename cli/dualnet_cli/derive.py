"""Columns computed from other columns: ``[data.derive] rooms = "total_rooms / households"``."""

from __future__ import annotations

import ast
import operator
import sys
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from .errors import did_you_mean, listing, show

_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}
_FUNCTIONS = {"log": np.log, "log1p": np.log1p, "sqrt": np.sqrt, "abs": np.abs}


class FormulaError(ValueError):
    """An invalid formula."""


def parse(text: str) -> ast.expr:
    """Parse a formula of column names, numbers, + - * / ** ( ) and log, log1p, sqrt, abs; anything else is an error."""
    try:
        tree = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise FormulaError(f"{show(text)} is not a formula, such as total_rooms / households") from None
    for node in ast.walk(tree):
        _check(node, text)
    return tree


def _check(node: ast.AST, text: str) -> None:
    if isinstance(node, ast.Call):
        is_known = isinstance(node.func, ast.Name) and node.func.id in _FUNCTIONS
        if not is_known or len(node.args) != 1 or node.keywords:
            raise FormulaError(f"in {show(text)}: the functions are {listing(_FUNCTIONS)}, each of one value")
    elif isinstance(node, ast.Constant):
        if isinstance(node.value, bool) or not isinstance(node.value, (int, float)):
            raise FormulaError(f"in {show(text)}: {show(node.value)} is not a number")
        if abs(node.value) > sys.float_info.max:
            raise FormulaError(f"in {show(text)}: {show(node.value)} is too large")
    elif not isinstance(node, (ast.BinOp, ast.UnaryOp, ast.Name, ast.Load, ast.USub, ast.UAdd, *_BINARY)):
        known = f"column names, numbers, + - * / ** ( ) and {listing(_FUNCTIONS)}"
        raise FormulaError(f"{show(text)}: only {known} are known")


def columns(text: str) -> list[str]:
    """The columns a formula uses, in order of appearance."""
    tree = parse(text)
    functions = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    names = [node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and id(node) not in functions]
    return list(dict.fromkeys(names))


def compute(text: str, table: Mapping[str, Any]) -> Any:
    """Evaluate a formula on columns by name, in float64. Division by 0 yields infinity or NaN."""

    def value(node: ast.AST) -> Any:
        if isinstance(node, ast.BinOp):
            return _BINARY[type(node.op)](value(node.left), value(node.right))
        if isinstance(node, ast.UnaryOp):
            operand = value(node.operand)
            return -operand if isinstance(node.op, ast.USub) else operand
        if isinstance(node, ast.Call):
            assert isinstance(node.func, ast.Name)
            return _FUNCTIONS[node.func.id](value(node.args[0]))
        if isinstance(node, ast.Name):
            if node.id not in table:
                raise FormulaError(f"there is no column {show(node.id)}{did_you_mean(node.id, table)}")
            return table[node.id]
        assert isinstance(node, ast.Constant)
        # Not a float of Python, where 1 / 0 raises and (-8) ** 0.5 is complex.
        return np.float64(node.value)  # type: ignore[arg-type]

    with np.errstate(all="ignore"):
        values = value(parse(text))
    return np.broadcast_to(values, np.shape(next(iter(table.values()))))
