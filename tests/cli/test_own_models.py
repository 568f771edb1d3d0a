"""``model.python``: a function of the user makes the model, and everything else is the config's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .helpers import run, write

OWN = """\
import dualnet as keras
from dualnet import layers


class Scale(layers.Layer):
    def build(self, shape):
        self.factor = self.add_weight(shape=(shape[-1],), initializer="ones")

    def call(self, x):
        return x * self.factor


class Net(keras.Model):
    def __init__(self, units):
        super().__init__()
        self.scale, self.dense = Scale(), layers.Dense(units, activation="sigmoid")

    def call(self, x):
        return self.dense(self.scale(x))


class Keeps(layers.Layer):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def call(self, x):
        return self.function(x)


def build(input_shape, num_classes, width=3):
    inputs = keras.Input(input_shape)
    x = layers.Dense(width, activation="tanh")(Scale()(inputs))
    return keras.Model(inputs, layers.Dense(num_classes - 1, activation="sigmoid")(x))


def subclassed():
    return Net(1)


def fails(input_shape):
    units = 1
    return layers.Dense(units / 0)


def other_shape():
    return keras.Sequential([keras.Input((7,)), layers.Dense(1)])


def not_saved(input_shape):
    return keras.Sequential([keras.Input(input_shape), Keeps(lambda x: x * 2), layers.Dense(1, activation="sigmoid")])


def no_model():
    return 3


def named():
    a, b = keras.Input((2,)), layers.Dense(1)
    return keras.Model(a, {"first": b(a), "second": layers.Dense(2)(a)})


def needs(depth):
    return Net(depth)


def call_fails():
    class Bad(keras.Model):
        def call(self, x):
            return x.nothing

    return Bad()
"""

CONFIG = """
seed = 7

[data]
x = [[0, 0], [0, 1], [1, 0], [1, 1]]
y = [0, 1, 1, 0]

[model]
python = "own.py:build"
arguments = { width = 5 }

[compile]
optimizer = "adam"
loss = "binary_crossentropy"
metrics = ["accuracy"]

[fit]
epochs = 2
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "own.py").write_text(OWN)
    return write(tmp_path, CONFIG, "own.toml")


@pytest.mark.parametrize("function", ["build", "subclassed"])
def test_the_run_keeps_the_file_and_needs_no_other(function: str, config: Path) -> None:
    text = config.read_text().replace("own.py:build", f"own.py:{function}")
    config.write_text(text if function == "build" else text.replace("arguments = { width = 5 }", ""))
    trained = run("train", config, "--quiet")
    assert trained.exit_code == 0, trained.output
    Path("own.py").unlink()
    assert Path("runs/own/own_model.py").read_text() == OWN
    results = json.loads(Path("runs/own/results.json").read_text())
    assert json.loads(run("evaluate", "runs/own", "--json").output)["train"] == results["train"]
    Path("new.csv").write_text("0,1\n1,1\n")
    assert run("predict", "runs/own", "new.csv").output.count("\n") == 3
    resumed = run("train", "--resume", "own", "--epochs", "4", "--quiet")
    assert resumed.exit_code == 0, resumed.output
    again = run("train", "runs/own/config.toml", "--quiet")
    assert again.exit_code == 0, again.output
    first, second = (json.loads(Path("runs", name, "results.json").read_text())["train"] for name in ("own", "own-2"))
    assert first == second
    if function == "build":
        assert results["params"] == 2 + 15 + 6
        assert run("convert", "runs/own", "own.onnx").exit_code == 0


def test_a_changed_file_is_not_resumed(config: Path) -> None:
    assert run("train", config, "--quiet").exit_code == 0
    Path("runs/own/own_model.py").write_text(OWN + "\n")
    result = run("train", "--resume", "own", "--epochs", "4")
    assert result.exit_code == 2
    assert "the file of [model] python has another content" in result.output


# what is changed in the config or in the file, and what the message has to say
WRONG: dict[str, tuple[str, str, list[str]]] = {
    "no function": ('"own.py:build"', '"own.py"', ["[model] python", '"file.py:function"']),
    "no file": ("own.py:build", "none.py:build", ["[model] python", "no such file", "none.py"]),
    "a folder": ("own.py:build", "folder.py:build", ["no such file"]),
    "function unknown": ("own.py:build", "own.py:biuld", ['no function "biuld"', 'did you mean "build"?']),
    "not a function": ("own.py:build", "own.py:__name__", ["__name__ is no function"]),
    "a number": ('"own.py:build"', "3", ["[model] python", "text in quotes"]),
    "argument unknown": ("width = 5", "widht = 5", ["arguments.widht", 'did you mean "width"?']),
    "argument of the data": ("width = 5", "num_classes = 5", ["arguments.num_classes", "known from the data"]),
    "argument missing": ("own.py:build", "own.py:needs", ['needs "depth"', "arguments = { depth = ... }"]),
    "argument wrong": ("width = 5", 'width = "five"', ["[model] python: own.py:33: ", "units"]),
    "it fails": ("own.py:build", "own.py:fails", ["own.py:43: ZeroDivisionError"]),
    "its model fails": ("own.py:build", "own.py:call_fails", ["cannot be called", "own.py:70: AttributeError"]),
    "another shape": ("own.py:build", "own.py:other_shape", ["cannot be called with samples", "7"]),
    "no model": ("own.py:build", "own.py:no_model", ["has to return a model", "of the class int"]),
    "cannot be saved": ("own.py:build", "own.py:not_saved", ["could not be saved and loaded again", "lambda"]),
    "outputs with names": ("own.py:build", "own.py:named", ["[compile] loss", "several outputs", "first = "]),
    "layers too": (
        "[compile]",
        '[[model.layers]]\nclass = "Dense"\nunits = 1\n[compile]',
        ["[model] layers", "whole model"],
    ),
    "arguments alone": ('python = "own.py:build"', "", ["[model] arguments", "[model] layers"]),
    "application too": (
        '"own.py:build"',
        '"own.py:build"\napplication = "MobileNetV2"',
        ["application", "whole model"],
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_config(case: str, config: Path, tmp_path: Path) -> None:
    before, after, expected = WRONG[case]
    (tmp_path / "folder.py").mkdir()
    text = CONFIG.replace(before, after, 1)
    text = text if ":build" in text or case == "argument unknown" else text.replace("arguments = { width = 5 }", "")
    if case == "arguments alone":
        text = CONFIG.replace(before, after, 1)
    result = run("train", write(tmp_path, text, "own.toml"))
    assert result.exit_code == 2, result.output
    assert "Traceback" not in result.output
    for part in ["own.toml:", *expected]:
        assert part in result.output, f"{part!r} is not in {result.output!r}"
    assert not Path("runs").exists()


FILES = {
    "a syntax error": ("def build(:\n", ["own.py:1: ", "invalid syntax"]),
    "an error": ("import dualnet\n\nx = dualnet.nothing\n", ["own.py:3: AttributeError"]),
    "it exits": ("import sys\nsys.exit(3)\n", ["own.py:2: SystemExit"]),
    "a missing module": ("import nothing_of_this_name\n", ["own.py:1: ModuleNotFoundError"]),
    "binary": ("\0\0", ["own.py", "null bytes"]),
    "empty": ("", ["no function", "no function"]),
}


@pytest.mark.parametrize("case", FILES)
def test_wrong_file(case: str, config: Path, tmp_path: Path) -> None:
    content, expected = FILES[case]
    (tmp_path / "own.py").write_text(content)
    result = run("train", config)
    assert result.exit_code == 2, result.output
    for part in ["own.toml:9: [model] python: ", *expected]:
        assert part in result.output, f"{part!r} is not in {result.output!r}"


def test_several_outputs(config: Path) -> None:
    text = CONFIG.replace("own.py:build", "own.py:named").replace("arguments = { width = 5 }", "")
    text = text.replace('"binary_crossentropy"', '{ first = "mse", second = "mse" }').replace(
        'metrics = ["accuracy"]', ""
    )
    config.write_text(text.replace("[data]", '[data]\ntarget = { first = "y", second = "input" }'))
    result = run("train", config, "--quiet")
    assert result.exit_code == 0, result.output
    assert run("evaluate", "runs/own").exit_code == 0
    config.write_text(config.read_text().replace('second = "mse"', 'third = "mse"').replace("second =", "third ="))
    result = run("train", config)
    assert result.exit_code == 2
    assert 'no output "third"' in result.output
    assert 'nothing of the output "second"' in result.output
