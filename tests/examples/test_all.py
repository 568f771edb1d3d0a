"""Every script of ``examples/`` is run by a test, is short, and its picture and output at full size are those of its text."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

from . import helpers

NAMES = sorted(file.stem for file in helpers.FOLDER.glob("*.py"))


def _tables() -> dict[str, str]:
    """example -> the test module whose table names it"""
    owners: dict[str, str] = {}
    for file in sorted(Path(__file__).parent.glob("test_*.py")):
        if file.stem != "test_all":
            module = importlib.import_module(f"{__package__}.{file.stem}")
            for table in ("WHOLE", "EXPECTED"):
                owners |= dict.fromkeys(getattr(module, table, {}), file.stem)
    return owners


def test_every_example_is_in_a_table() -> None:
    assert sorted(_tables()) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_an_example_can_be_read_from_top_to_bottom(name: str) -> None:
    lines = (helpers.FOLDER / f"{name}.py").read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 120
    assert lines[0].startswith('"""')
    assert len(lines[0]) > 20
    assert not [line for line in lines if re.match(r"\s*(from|import) +(tests|tools)\b", line)]
