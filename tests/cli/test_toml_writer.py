"""What is written as TOML is read back as it was."""

from __future__ import annotations

import math
import tomllib
from typing import Any

import pytest
from dualnet_cli.toml_writer import dumps

TABLES: list[dict[str, Any]] = [
    {},
    {"a": 1, "b": -2.5, "c": True, "d": "text", "e": [], "f": {}},
    {"big": 2**63 - 1, "small": 1e-300, "whole": 3.0, "exponent": 1e22, "infinite": math.inf},
    {"text": 'quote " backslash \\ tab \t line \n bell \x07 delete \x7f ü 漢 🙂 \u2028'},
    {"a key": 1, "": 2, 'quoted "key"': 3, "dotted.key": 4, "ü": 5},
    {"list": [1, [2, [3, "x"]], {"a": {"b": [{"c": 1}]}}], "long": [[i, i] for i in range(50)]},
    {"section": {"x": 1, "inner": {"y": 2}, "list": [{"z": 3}, {"z": 4}]}, "top": 0},
    {"model": {"layers": [{"class": "Dense", "units": 3}, {}]}, "callbacks": [{"class": "A"}, {"class": "B"}]},
    {"tables": [{"only": [{"tables": 1}]}, {"empty": {}}]},
]


@pytest.mark.parametrize("table", TABLES)
def test_round_trip(table: dict[str, Any]) -> None:
    assert tomllib.loads(dumps(table)) == table


def test_not_a_number() -> None:
    assert math.isnan(tomllib.loads(dumps({"x": math.nan}))["x"])


def test_none_is_left_out() -> None:
    assert tomllib.loads(dumps({"a": None, "b": {"c": None, "d": 1}, "e": [{"f": None}]})) == {"b": {"d": 1}, "e": [{}]}


def test_comments() -> None:
    text = dumps({"a": 1, "b": {"c": 2}}, {("a",): "about a", ("b",): "about b", ("b", "c"): "about c"})
    assert text == "# about a\na = 1\n\n# about b\n[b]\n# about c\nc = 2\n"


def test_other_types_are_refused() -> None:
    with pytest.raises(TypeError, match="cannot write a set"):
        dumps({"a": {1, 2}})
