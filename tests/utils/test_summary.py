"""The table of ``summary``. Its text is compared with Keras's in tests/callbacks/test_keras_scenarios.py."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import dualnet
from dualnet import layers

from .test_progbar import environment, on_terminal

CODE = """
import dualnet
dualnet.Sequential([dualnet.Input(shape=(4,)), dualnet.layers.Dense(3, name="d")], name="m").summary()
"""


def small() -> Any:
    dense = [layers.Dense(3, name="first"), layers.Dense(2, name="second"), layers.Dense(1, name="third")]
    return dualnet.Sequential([dualnet.Input(shape=(4,)), *dense], name="small")


def text_of(model: Any, **arguments: Any) -> str:
    texts: list[str] = []
    model.summary(print_fn=texts.append, **arguments)
    (text,) = texts
    return text


def rows(text: str) -> list[list[str]]:
    return [re.split(r"\s*│\s*", line)[1:-1] for line in text.splitlines() if line.startswith("│")]


def test_the_whole_text() -> None:
    model = dualnet.Sequential([dualnet.Input(shape=(4,)), layers.Dense(3, name="d")], name="m")
    assert text_of(model, line_length=52) == (
        'Model: "m"\n'
        "┏━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━┳━━━━━━━━━━┓\n"
        "┃ Layer (type)         ┃ Output Shape   ┃  Param # ┃\n"
        "┡━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━╇━━━━━━━━━━┩\n"
        "│ d (Dense)            │ (None, 3)      │       15 │\n"
        "└──────────────────────┴────────────────┴──────────┘\n"
        " Total params: 15 (60.00 B)\n"
        " Trainable params: 15 (60.00 B)\n"
        " Non-trainable params: 0 (0.00 B)\n"
    )


def test_in_a_pipe_there_are_no_control_characters() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], env=environment(), capture_output=True, check=True)
    text = done.stdout.decode()
    assert not set(text) & set(map(chr, range(32))) - {"\n"}
    assert rows(text) == [["d (Dense)", "(None, 3)", "15"]]


def test_on_a_terminal_it_is_coloured_unless_disabled() -> None:
    coloured, plain = on_terminal(CODE), on_terminal(CODE, NO_COLOR="1")
    assert re.search(r"\x1b\[[\d;]+m15\x1b\[0m", coloured)
    assert not re.search(r"\x1b\[3\d|\x1b\[38", plain)


def test_it_fits_a_narrow_terminal() -> None:
    text = re.sub(r"\x1b\[\d*m", "", on_terminal(CODE, columns=50, NO_COLOR="1"))
    assert max(map(len, text.splitlines())) == 50 - 4


def test_a_layer_that_was_called_knows_its_shape() -> None:
    class Odd(layers.Layer):
        calls = 0

        def call(self, x: Any) -> Any:
            self.calls += 1
            return x

    class Mine(dualnet.Model):
        def __init__(self) -> None:
            super().__init__(name="mine")
            self.one, self.odd, self.two = layers.Dense(4, name="one"), Odd(name="odd"), layers.Dense(2, name="two")

        def call(self, x: Any) -> Any:
            return self.odd(self.one(x))

    model = Mine()
    assert rows(text_of(model))[0] == ["one (Dense)", "?", "0 (unbuilt)"]
    model(np.zeros((3, 5), "float32"))
    assert rows(text_of(model)) == [
        ["one (Dense)", "(3, 4)", "24"],
        ["odd (Odd)", "?", "0"],
        ["two (Dense)", "?", "0 (unbuilt)"],
    ]
    assert model.odd.calls == 1, "printing a table runs no layer"


def test_memory_is_that_of_the_dtypes() -> None:
    model = dualnet.Sequential([dualnet.Input(shape=(500,)), layers.Dense(300, dtype="float64", name="d")])
    assert "Total params: 150,300 (1.15 MB)" in text_of(model)


def test_optimizer_params_appear_when_it_has_them() -> None:
    model = small()
    assert "Optimizer" not in text_of(model)
    model.compile("adam", "mse")
    model.optimizer.build(model.trainable_variables)
    assert f"Optimizer params: {2 * model.count_params() + 2} (" in text_of(model)


def test_brackets_in_names_are_shown_as_they_are() -> None:
    model = dualnet.Sequential([dualnet.Input(shape=(4,)), layers.Dense(3, name="[bold]x[/bold] :dog:")], name="[red]")
    text = text_of(model, line_length=80)
    assert 'Model: "[red]"' in text
    assert "[bold]x[/bold] :dog: (Dense)" in text


def branching(K: Any) -> Any:
    a, b = K.Input((4,), name="a"), K.Input((4,), name="b")
    inner = K.Sequential([K.Input((4,)), K.layers.Dense(3, name="d"), K.layers.Dropout(0.1, name="e")], name="inner")
    shared = K.layers.Dense(3, name="shared", trainable=False)
    x = K.layers.Concatenate(name="cat")([shared(a), shared(b), inner(a)])
    first = K.layers.Dense(1, name="first")(K.ops.sum(x, axis=-1, keepdims=True) * 2)
    return K.Model([a, b], [first, K.layers.Dense(2, name="second")(x)], name="branching")


def nesting(K: Any) -> Any:
    x = K.Input((4,), name="x")
    return K.Model(x, branching(K)([x, K.layers.Dense(4, name="front")(x)]), name="nesting")


def chain(K: Any) -> Any:
    x = K.Input((4,), name="x")
    return K.Model(x, K.ops.relu(K.layers.Dense(3, name="d")(x)), name="chain")


@pytest.mark.parametrize("make", [branching, nesting, chain])
@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"line_length": 60},
        {"show_trainable": True},
        {"expand_nested": True, "show_trainable": True},
        {"positions": (0.4, 0.6, 0.7, 1.0)},
        {"layer_range": ("[ax]$", "shared|d$|front")},
    ],
    ids=str,
)
def test_models_with_branches_as_keras(make: Any, arguments: dict[str, Any], keras: Any) -> None:
    if make is chain and "positions" in arguments:
        arguments = {"positions": (0.5, 0.7, 1.0)}
    texts: dict[str, list[str]] = {"keras": [], "dualnet": []}
    for K in (keras, dualnet):
        K.backend.clear_session()
        make(K).summary(print_fn=lambda text, *_, into=texts[K.__name__], **__: into.append(text), **arguments)
    assert "".join(texts["dualnet"]).splitlines() == "".join(texts["keras"]).splitlines()


def test_connections() -> None:
    dualnet.backend.clear_session()
    table = {row[0]: row[1:] for row in rows(text_of(branching(dualnet), line_length=160))}
    assert table["shared (Dense)"] == ["(None, 3)", "15", "a[0][0], b[0][0]"]
    assert table["cat (Concatenate)"][-1] == "shared[0][0], shared[1][0], inner[0][0]"
    assert table["sum (Sum)"] == ["(None, 1)", "0", "cat[0][0]"]
    assert table["a (InputLayer)"][-1] == "-"
    assert len(rows(text_of(chain(dualnet)))[0]) == 3, "a chain needs no such column"
    inside = [row for row in rows(text_of(nesting(dualnet), line_length=160, expand_nested=True)) if "└" in row[0]]
    assert {row[-1] for row in inside} == {"-"}
    assert "branching (Functional)" in text_of(nesting(dualnet), line_length=160)


def test_layers_beside_the_graph_are_shown() -> None:
    dualnet.backend.clear_session()
    model = chain(dualnet)
    model.extra = layers.Dense(2, name="extra")
    assert [row[0].split()[0] for row in rows(text_of(model))] == ["x", "d", "relu", "extra"]


def test_several_outputs() -> None:
    model = small()
    model.layers[0]._summary_output_shape = [(None, 3), (None, 4, 5)]
    model.layers[1]._summary_output_shape = {"a": (None, 1), "b": (2,)}
    shapes = [row[1] for row in rows(text_of(model, line_length=130))]
    assert shapes == ["[(None, 3), (None, 4, 5)]", "{a: (None, 1), b: (2)}", "(None, 1)"]


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        (("second", "third"), ["second", "third"]),
        (("third", "second"), ["second", "third"]),
        (("f", "s"), ["first", "second"]),
        ((".*", "first"), ["first"]),
    ],
)
def test_layer_range(names: tuple[str, str], shown: list[str]) -> None:
    assert [row[0].split()[0] for row in rows(text_of(small(), layer_range=names))] == shown


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"layer_range": ("first", "fourth")}, "matches no layer; there are first, second, third"),
        ({"layer_range": "first"}, "first and the last layer, got 'first'"),
        ({"layer_range": ("first",)}, "first and the last layer"),
        ({"line_length": 10}, "width of 10 is too small for 3 columns"),
        ({"positions": [0.5, 1.0]}, r"one position per column \(3\), got 2"),
    ],
)
def test_wrong_arguments(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        text_of(small(), **arguments)


def test_a_line_length_that_is_asked_for_is_not_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    assert {len(line) for line in text_of(small(), line_length=130).splitlines() if line[0] in "┏┃│└"} == {130}
    assert max(map(len, text_of(small()).splitlines())) == 60 - 4
