"""Models that are more than a chain: branches, shared layers, several inputs and outputs."""

from __future__ import annotations

import csv
import io
import json
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dualnet

from .helpers import run, write

GRAPH = """
seed = 3

[data]
path = "t.csv"
target = { kind = "kind", size = { columns = ["length", "width"], scaling = "standard" }, back = "input" }
scaling = "standard"
test_split = 0.25

[[model.inputs]]
name = "left"
columns = ["a", "b"]

[[model.inputs]]
name = "c"

[[model.layers]]
name = "wide"
class = "Dense"
units = 4
inputs = "left"

[[model.layers]]
name = "narrow"
class = "Dense"
units = 4
inputs = "c"

[[model.layers]]
name = "sum"
class = "Add"
inputs = ["wide", "narrow"]

[[model.layers]]
name = "step"
class = "Dense"
units = 4
activation = "tanh"

[[model.layers]]
name = "twice"
use = "step"

[[model.layers]]
name = "kind"
class = "Dense"
units = 2
activation = "softmax"

[[model.layers]]
name = "size"
class = "Dense"
units = 2
inputs = "twice"

[[model.layers]]
name = "back"
class = "Dense"
units = 3
inputs = "twice"

[compile]
optimizer = "adam"
loss = { kind = "sparse_categorical_crossentropy", size = "mse", back = "mse" }
loss_weights = { size = 0.5 }
metrics = { kind = ["accuracy"] }

[fit]
epochs = 2
validation_split = 0.25
"""


def write_table(folder: Path) -> None:
    """A table of 64 rows whose targets follow from the features."""
    rng = np.random.default_rng(0)
    rows = [
        [*x, "cat" if x[0] > 0 else "dog", x[0] + x[1], x[2] * 2] for x in rng.normal(size=(64, 3)).round(3).tolist()
    ]
    with (folder / "t.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["a", "b", "c", "kind", "length", "width"], *rows])


@pytest.fixture
def config(tmp_path: Path) -> Path:
    write_table(tmp_path)
    return write(tmp_path, GRAPH, "g.toml")


def results(name: str = "g") -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path("runs", name, "results.json").read_text())
    return found


def test_trains_to_what_the_same_model_in_python_gives(config: Path) -> None:
    """The figures of the config are those of a script that builds this graph by hand."""
    from dualnet_cli import data
    from dualnet_cli.config import load

    layers = dualnet.layers
    assert run("train", config, "--quiet").exit_code == 0
    prepared = data.load(load(config))
    dualnet.utils.clear_session()
    dualnet.utils.set_random_seed(3)
    wide, narrow = layers.Dense(4), layers.Dense(4)
    step = layers.Dense(4, activation="tanh")
    heads = layers.Dense(2, activation="softmax"), layers.Dense(2), layers.Dense(3)
    inputs = {"left": dualnet.Input((2,), name="left"), "c": dualnet.Input((1,), name="c")}
    x = step(step(layers.Add()([wide(inputs["left"]), narrow(inputs["c"])])))
    outputs = dict(zip(("kind", "size", "back"), (head(x) for head in heads)))
    model = dualnet.Model(inputs, outputs)
    losses = {"kind": "sparse_categorical_crossentropy", "size": "mse", "back": "mse"}
    model.compile("adam", losses, loss_weights={"kind": 1.0, "size": 0.5, "back": 1.0}, metrics={"kind": ["accuracy"]})
    model.fit(prepared.train.x, prepared.train.y, epochs=2, verbose=0)
    assert prepared.test is not None
    expected = model.evaluate(prepared.test.x, prepared.test.y, verbose=0, return_dict=True)
    assert results()["test"] == pytest.approx(expected, rel=1e-6)
    assert set(expected) == {"loss", "kind_loss", "size_loss", "back_loss", "kind_accuracy"}


def test_a_run_can_be_repeated_evaluated_and_resumed(config: Path) -> None:
    assert run("train", config, "--quiet").exit_code == 0
    repeated = run("train", "runs/g/config.toml", "--quiet")
    assert repeated.exit_code == 0, repeated.output
    assert results("g-2")["test"] == results()["test"]
    evaluated = json.loads(run("evaluate", "runs/g", "--json").output)
    assert evaluated["test"] == results()["test"]
    assert run("evaluate", "runs/g", "t.csv").exit_code == 0
    whole = run("train", config, "--quiet", "--epochs", "4", "--run-dir", "whole")
    resumed = run("train", "--resume", "g", "--epochs", "4", "--quiet")
    assert (whole.exit_code, resumed.exit_code) == (0, 0), resumed.output
    assert results()["test"] == json.loads(Path("whole/results.json").read_text())["test"]
    assert "test kind_accuracy" in run("runs").output
    assert run("compare", config).exit_code == 0
    assert run("inspect", "runs/g").exit_code == 0
    assert run("convert", "runs/g", "g.py").exit_code == 0


def test_predictions_have_the_names_and_units_of_every_output(config: Path) -> None:
    assert (
        run(
            "train", config, "--quiet", "--epochs", "40", "--set", "compile.optimizer={class='Adam',learning_rate=0.05}"
        ).exit_code
        == 0
    )
    Path("new.csv").write_text("c,b,a\n0.5,0.25,1.5\n")
    (row,) = csv.DictReader(io.StringIO(run("predict", "runs/g", "new.csv").output))
    assert row["kind: predicted kind"] == "cat"
    found = [float(row[name]) for name in ("size: predicted length", "size: predicted width", "back: predicted a")]
    assert found == pytest.approx([1.75, 1.0, 1.5], abs=0.5)
    assert run("predict", "runs/g", "new.csv", "-o", "p.npz").exit_code == 0
    with np.load("p.npz") as arrays:
        assert {name: array.shape for name, array in arrays.items()} == {"kind": (1, 2), "size": (1, 2), "back": (1, 3)}
    refused = run("predict", "runs/g", "new.csv", "-o", "p.npy")
    assert refused.exit_code == 2
    assert "name an .npz file" in refused.output
    assert "expected a table or an .npz file" in run("predict", "runs/g", "p.npy").output or not Path("p.npy").exists()


def test_inputs_that_are_arrays(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    arrays = {"image": rng.integers(0, 256, (32, 6, 6)), "age": rng.normal(size=32), "sick": rng.integers(0, 2, 32)}
    np.savez("d.npz", **arrays)
    text = """
[data]
path = "d.npz"
target = "sick"
scaling = "minmax"
[[model.inputs]]
name = "image"
[[model.inputs]]
name = "years"
array = "age"
[[model.layers]]
class = "Flatten"
name = "pixels"
inputs = "image"
[[model.layers]]
class = "Concatenate"
inputs = ["pixels", "years"]
[[model.layers]]
class = "Dense"
units = 1
activation = "sigmoid"
[compile]
optimizer = "adam"
loss = "binary_crossentropy"
[fit]
epochs = 1
"""
    assert run("train", write(tmp_path, text, "d.toml"), "--quiet").exit_code == 0
    np.savez("new.npz", **{name: values[:3] for name, values in arrays.items()})
    assert run("predict", "runs/d", "new.npz").output.count("\n") == 4
    assert run("evaluate", "runs/d", "new.npz").exit_code == 0
    assert run("evaluate", "runs/d", "--part", "train").exit_code == 0
    np.savez("half.npz", image=arrays["image"])
    result = run("predict", "runs/d", "half.npz")
    assert result.exit_code == 2
    assert 'no array "age" for the input "years"' in result.output


def test_layers_with_several_arguments_and_outputs(tmp_path: Path) -> None:
    """Attention between two branches, and the states of a layer that go into another."""
    text = """
[data]
name = "digits"
scale = 16.0
test_split = 0.0
[[model.layers]]
class = "LSTM"
name = "encoder"
units = 6
return_sequences = true
return_state = true
inputs = "input"
[[model.layers]]
class = "LSTM"
name = "decoder"
units = 6
return_sequences = true
inputs = { sequences = "encoder[0]", initial_state = ["encoder[1]", "encoder[2]"] }
[[model.layers]]
class = "MultiHeadAttention"
num_heads = 2
key_dim = 3
inputs = ["decoder", "encoder[0]"]
[[model.layers]]
class = "Flatten"
[[model.layers]]
class = "Dense"
units = 10
activation = "softmax"
[compile]
optimizer = "adam"
loss = "sparse_categorical_crossentropy"
[fit]
epochs = 1
""".replace("test_split = 0.0\n", "")
    path = write(tmp_path, text)
    assert run("summary", path).exit_code == 0
    for old, new, expected in (
        (
            '"decoder", "encoder[0]"',
            '"decoder", "encoder"',
            ["(MultiHeadAttention) inputs.1", "3 outputs", "encoder[0]"],
        ),
        ('"decoder", "encoder[0]"', '"decoder", "encoder[3]"', ["3 outputs, 0 to 2"]),
        ('"decoder", "encoder[0]"', '"decoder[0]", "decoder"', ["inputs.0", "one output"]),
        ("initial_state =", "initial_stat =", ["inputs.initial_stat", "initial_state"]),
        ('sequences = "encoder[0]", ', "", ["inputs", '"sequences"']),
    ):
        result = run("train", write(tmp_path, text.replace(old, new)))
        assert result.exit_code == 2, result.output
        for part in expected:
            assert part in result.output, result.output


LAYER = "[[model.layers]]\n"
WRONG: dict[str, tuple[str, str, list[str]]] = {
    "unknown input": ('["wide", "narrow"]', '["wide", "narow"]', ["number 3 (Add) inputs.1", 'did you mean "narrow"?']),
    "unknown, nothing like it": ('inputs = "left"', 'inputs = "zzz"', ["number 1 (Dense) inputs", "left, c"]),
    "itself": ('inputs = "left"', 'inputs = "wide"', ["this layer itself"]),
    "cycle": ('inputs = "left"', 'inputs = "sum"', ['"sum" takes the output of "wide"', "cycle"]),
    "further down": ('inputs = "left"', 'inputs = "size"', ["further down", "move it up"]),
    "inputs a number": ('inputs = "left"', "inputs = 3", ["number 1 (Dense) inputs", '"NAME"', "got 3"]),
    "inputs empty": ('inputs = "left"', "inputs = []", ["(Dense) inputs", "got []"]),
    "inputs nested": ('inputs = "left"', "inputs = [{ a = 3 }]", ["(Dense) inputs"]),
    "no inputs": ('inputs = "left"\n', "", ["number 1 (Dense)", "say which input"]),
    "name twice": ('name = "narrow"', 'name = "wide"', ["number 2 (Dense) name", "another layer already"]),
    "name of an input": ('name = "narrow"', 'name = "left"', ["number 2 (Dense) name", "an input already"]),
    "name a number": ('name = "narrow"', "name = 3", ["number 2 (Dense) name"]),
    "unused layer": ('["wide", "narrow"]', '["wide", "wide"]', ["number 2 (Dense)", "no layer takes its output"]),
    "use of nothing": ('use = "step"', 'use = "stepp"', ["number 5 (stepp) use", 'did you mean "step"?']),
    "use of an input": ('use = "step"', 'use = "left"', ["number 5 (left) use", 'inputs = "left"']),
    "use of a call": ('inputs = "twice"', 'inputs = "twice"\n' + LAYER + 'use = "twice"\nname = "t"', ['use = "step"']),
    "use and class": ('use = "step"', 'use = "step"\nclass = "Dense"', ["number 5 (Dense) class", "use is given too"]),
    "use with arguments": ('use = "step"', 'use = "step"\nunits = 3', ["number 5 (step) units", "leave this out"]),
    "use a number": ('use = "step"', "use = 3", ["number 5", "use: ", "the name of a layer above"]),
    "branches do not fit": (
        'units = 4\ninputs = "c"',
        'units = 5\ninputs = "c"',
        ["number 3 (Add)", "wide (n, 4), narrow (n, 5)"],
    ),
    "loss of no layer": ('kind = "sparse', 'kinds = "sparse', ["[compile] loss.kinds", 'did you mean "kind"?']),
    "loss of an input": ('back = "mse"', 'left = "mse"', ["[compile] loss.left", "is an input"]),
    "loss missing": (', back = "mse"', "", ["number 8 (Dense)", "no loss of [compile] names it", "[data] target.back"]),
    "losses none": (
        'loss = { kind = "sparse_categorical_crossentropy", size = "mse", back = "mse" }',
        "loss = {}",
        ["[compile] loss"],
    ),
    "one loss": (
        '{ kind = "sparse_categorical_crossentropy", size = "mse", back = "mse" }',
        '"mse"',
        ["[data] target", "[compile] metrics", "is a table by output"],
    ),
    "loss unknown": ('back = "mse"', 'back = "mze"', ["[compile] loss.back", '"mze"']),
    "metric of no output": (
        '{ kind = ["accuracy"] }',
        '{ kid = ["accuracy"] }',
        ["metrics.kid", 'did you mean "kind"?'],
    ),
    "metric unknown": ('{ kind = ["accuracy"] }', '{ kind = ["acuracy"] }', ["metrics.kind.0", "accuracy"]),
    "metrics a list": ('{ kind = ["accuracy"] }', '["accuracy"]', ["[compile] metrics", "it is a table"]),
    "weight of no output": ("{ size = 0.5 }", "{ siz = 0.5 }", ["loss_weights.siz", 'did you mean "size"?']),
    "weight negative": ("{ size = 0.5 }", "{ size = -1 }", ["loss_weights.size", "at least 0"]),
    "target missing": (', back = "input"', "", ["[data] target", '"back"']),
    "target of no output": ('kind = "kind"', 'kin = "kind"', ["target.kin", 'did you mean "kind"?', "says nothing"]),
    "target one column": (
        '{ kind = "kind", size = { columns = ["length", "width"], scaling = "standard" }, back = "input" }',
        '"kind"',
        ["[data] target", "for each output"],
    ),
    "target unknown column": ('kind = "kind"', 'kind = "kid"', ["[data] target", "kind:", 'did you mean "kind"?']),
    "target key unknown": ('scaling = "standard" }', 'scalling = "standard" }', ["[data] target"]),
    "target key outside": ("test_split", "one_hot = true\ntest_split", ["[data] one_hot", "kind = { one_hot"]),
    "target of text": ('kind = "kind"', 'kind = { columns = "kind", type = "number" }', ["kind: ", "text"]),
    "target a feature": ('columns = ["a", "b"]', 'columns = ["a", "b", "length"]', ["(left) columns", '"length"']),
    "column unknown": (
        'columns = ["a", "b"]',
        'columns = ["a", "bb"]',
        ["[[model.inputs]] number 1 (left) columns", '"bb"'],
    ),
    "column to no input": ('columns = ["a", "b"]', 'columns = "a"', ["[model] inputs", 'the feature "b"']),
    "input without a column": ('name = "c"', 'name = "d"', ["d"]),
    "input without a name": ('name = "c"\n', "", ["[[model.inputs]] number 2", "name", "required"]),
    "input key unknown": ('name = "c"', 'name = "c"\ncolumn = "c"', ["number 2 (c) column", 'did you mean "columns"?']),
    "input twice": ('name = "c"', 'name = "left"', ["[[model.inputs]] number 2 (left) name", "another input"]),
    "input unused": ('inputs = "c"', 'inputs = "left"', ["[[model.inputs]] number 2 (c)", "no layer takes the input"]),
    "too few outputs": ("units = 3", "units = 2", ["number 8 (Dense)", "gives 2 outputs", "has 3"]),
    "too few classes": (
        'units = 2\nactivation = "softmax"',
        'units = 1\nactivation = "softmax"',
        ["number 6 (Dense)", "set units = 2"],
    ),
    "class weights": ("epochs = 2", "epochs = 2\nclass_weight = { 0 = 1.0 }", ["class_weight", "loss_weights"]),
    "monitor": (
        "[fit]",
        '[[callbacks]]\nclass = "EarlyStopping"\nmonitor = "val_accuracy"\n[fit]',
        ["monitor", "val_kind_accuracy"],
    ),
    "input layer": (
        LAYER + 'name = "wide"',
        LAYER + 'class = "Input"\nshape = [2]\n' + LAYER + 'name = "wide"',
        ["[[model.inputs]]"],
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_graph(case: str, config: Path, tmp_path: Path) -> None:
    before, after, expected = WRONG[case]
    assert before in GRAPH
    result = run("train", write(tmp_path, GRAPH.replace(before, after, 1), "g.toml"))
    assert result.exit_code == 2, result.output
    assert "Traceback" not in result.output
    for text in ["g.toml", *expected]:
        assert text in result.output, f"{text!r} is not in {result.output!r}"
    assert not Path("runs").exists()


def test_every_mistake_of_a_graph_is_listed(config: Path, tmp_path: Path) -> None:
    text = GRAPH.replace('inputs = "left"', 'inputs = "lef"').replace('inputs = ["wide"', 'inputs = ["wid"')
    result = run("train", write(tmp_path, text.replace("epochs = 2", "epochs = 0"), "g.toml"))
    assert "3 mistakes" in result.output
    for line in (":21:", ":32:", ":69:"):
        assert f"g.toml{line}" in result.output, result.output


def test_a_chain_with_names_stays_a_chain(tmp_path: Path) -> None:
    from .helpers import SMALL

    path = write(tmp_path, SMALL.replace("units = 4", 'units = 4\nname = "hidden"'))
    assert run("train", path, "--quiet").exit_code == 0
    assert isinstance(dualnet.models.load_model("runs/small/model.keras"), dualnet.Sequential)
    saved = tomllib.loads(Path("runs/small/config.toml").read_text())
    assert "inputs" not in saved["model"]


def test_an_autoencoder(tmp_path: Path) -> None:
    text = """
[data]
name = "digits"
scale = 16.0
target = "input"
[[model.layers]]
class = "Flatten"
[[model.layers]]
class = "Dense"
units = 64
[[model.layers]]
class = "Reshape"
target_shape = [8, 8]
[compile]
optimizer = "adam"
loss = "mse"
[fit]
epochs = 1
validation_split = 0.1
"""
    assert run("train", write(tmp_path, text, "auto.toml"), "--quiet").exit_code == 0
    assert json.loads(run("evaluate", "runs/auto", "--json").output)["test"] == results("auto")["test"]
    np.save("one.npy", np.full((2, 8, 8), 16.0))
    assert run("predict", "runs/auto", "one.npy", "-o", "out.npy").exit_code == 0
    assert np.load("out.npy").shape == (2, 8, 8)
    wrong = run("train", write(tmp_path, text.replace("[8, 8]", "[4, 16]")))
    assert (wrong.exit_code, "(4, 16)" in wrong.output, "(8, 8)" in wrong.output) == (2, True, True)
