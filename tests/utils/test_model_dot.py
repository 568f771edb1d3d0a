"""``model_to_dot``: names, arrows and frames in its text."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import dualnet
from dualnet import layers
from dualnet.utils import model_to_dot


def model() -> Any:
    x = dualnet.Input((3,), name="x")
    inner = dualnet.Sequential(
        [dualnet.Input((4,)), layers.Dense(2, name="deep"), layers.ReLU(name="last")], name='in"ner'
    )
    h = layers.Dense(4, name="front")(x)
    return dualnet.Model(x, layers.Concatenate(name="cat")([inner(h), h]), name="whole")


def arrows(text: str) -> list[tuple[str, str]]:
    return re.findall(r"(\w+) -> (\w+)", text)


def test_boxes_and_arrows() -> None:
    text = model_to_dot(model(), show_shapes=True).to_string()
    assert text.startswith('digraph "whole" {\n')
    assert text.count("{") == text.count("}") == 1
    assert 'n1 [label="Dense\\nfront\\nin (None, 3)\\nout (None, 4)"' in text
    assert 'Sequential\\nin\\"ner' in text
    assert arrows(text) == [("n0", "n1"), ("n1", "n2"), ("n2", "n3"), ("n1", "n3")]
    assert "front" not in str(model_to_dot(model(), show_layer_names=False))


def test_nested_models_are_frames() -> None:
    text = str(model_to_dot(model(), expand_nested=True, rankdir="LR", dpi=96))
    assert 'rankdir="LR"' in text
    assert 'dpi="96"' in text
    frame = re.search(r"subgraph cluster_n2 \{(.*?)\n    \}", text, re.DOTALL)
    assert frame is not None
    inside = re.findall(r"(n2_\d) \[", frame[1])
    assert len(inside) >= 2
    assert f"n1 -> {inside[0]} [lhead=cluster_n2];" in text
    assert f"{inside[-1]} -> n3 [ltail=cluster_n2];" in text


def test_a_part_of_another_graph() -> None:
    assert str(model_to_dot(model(), subgraph=True)).startswith('subgraph "cluster_whole" {\n    label="whole";')


def test_a_file(tmp_path: Path) -> None:
    dot = model_to_dot(model())
    assert dot.write(tmp_path / "model.dot")
    assert (tmp_path / "model.dot").read_text(encoding="utf-8") == dot.to_string()


@pytest.mark.parametrize(
    ("arguments", "message"), [({"rankdir": "XY"}, "rankdir must be one of"), ({"colour": 1}, "no argument colour")]
)
def test_wrong_arguments(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        model_to_dot(model(), **arguments)


def test_shapes_of_a_model_that_is_not_built() -> None:
    with pytest.raises(ValueError, match="not built"):
        model_to_dot(dualnet.Sequential([layers.Dense(2)]), show_shapes=True)
