"""tools/keras_tests names parts of dualnet by strings and by imports inside functions: each of them exists."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path

import pytest

TOOLS = Path(__file__).resolve().parents[1] / "tools" / "keras_tests"


def targets() -> list[str]:
    """Every "module:name" of dualnet in the tools."""
    result = set()
    for path in sorted(TOOLS.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("dualnet"):
                result |= {f"{node.module}:{alias.name}" for alias in node.names}
            elif isinstance(node, ast.Constant) and str(node.value).startswith("dualnet."):
                result.add(str(node.value))
    return sorted(result)


@pytest.mark.parametrize("target", targets())
def test_exists(target: str) -> None:
    module, _, name = target.partition(":")
    try:
        assert not name or hasattr(importlib.import_module(module), name)
    except ModuleNotFoundError:
        pytest.fail(f"there is no module {module}")
