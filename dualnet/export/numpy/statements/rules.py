"""The register of rules: ops that are more than one expression, or one that depends on their arguments.

A rule returns the expressions of one call, one after the other; ``RESULT`` in an expression stands for the result of the one before.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ...program import Call

if TYPE_CHECKING:
    from ..writer import Writer

Rule = Callable[["Writer", Call], list[str]]
RULES: dict[str, Rule] = {}


def rule(*names: str) -> Callable[[Rule], Rule]:
    """Register a function as the rule of the ops (or layers that read text) of these names."""

    def register(function: Rule) -> Rule:
        RULES.update(dict.fromkeys(names, function))
        return function

    return register


def keywords(**values: tuple[str, bool]) -> str:
    """Keyword arguments that are not at their defaults.  name=(source, whether it is the default)"""
    return "".join(f", {name}={source}" for name, (source, is_default) in values.items() if not is_default)
