"""A wrong config ends with exit code 2 and lines that name the key; never a traceback, never a run directory."""

from __future__ import annotations

import os
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dualnet_cli.toml_writer import dumps

from .helpers import SMALL, run, write

# what is changed, into what, and what the message has to say (all of it)
WRONG: dict[str, tuple[str, str, list[str]]] = {
    "epochs zero": ("epochs = 3", "epochs = 0", [":24: [fit] epochs", "at least 1", "got 0"]),
    "epochs negative": ("epochs = 3", "epochs = -1", ["[fit] epochs", "at least 1", "got -1"]),
    "epochs text": ("epochs = 3", 'epochs = "3"', ["[fit] epochs", "whole number", 'got "3"']),
    "epochs fraction": ("epochs = 3", "epochs = 2.5", ["[fit] epochs", "whole number", "2.5"]),
    "epochs true": ("epochs = 3", "epochs = true", ["[fit] epochs", "whole number", "true"]),
    "epochs missing": ("epochs = 3", "", ["[fit] epochs", "required"]),
    "epochs misspelt": ("epochs = 3", "epoch = 3", ["[fit] epoch:", 'did you mean "epochs"?', "required"]),
    "epochs twice": ("epochs = 3", "epochs = 3\nepochs = 4", [":25:", "epochs = 4", "already defined"]),
    "epochs at the top": ("seed = 7", "epochs = 3", ["epochs", "belongs in [fit]"]),
    "batch size zero": ("batch_size = 4", "batch_size = 0", ["[fit] batch_size", "at least 1"]),
    "split over one": ("batch_size = 4", "validation_split = 1.5", ["[fit] validation_split", "less than 1"]),
    "split negative": ("batch_size = 4", "validation_split = -0.1", ["[fit] validation_split", "at least 0"]),
    "split leaves nothing": ("batch_size = 4", "validation_split = 0.9", ["validation_split", "empty"]),
    "split in data": ("y = [0, 1, 1, 0]", "y = [0, 1, 1, 0]\nvalidation_split = 0.2", ["belongs in [fit]"]),
    "shuffle text": ("batch_size = 4", 'shuffle = "yes"', ["[fit] shuffle", "true or false"]),
    "class weight key": ("batch_size = 4", "class_weight = { no = 1.0 }", ["class_weight", '"no"']),
    "seed negative": ("seed = 7", "seed = -7", ["seed", "at least 0"]),
    "seed text": ("seed = 7", 'seed = "seven"', [":2: seed", "whole number"]),
    "device unknown": ("seed = 7", 'device = "gqu"', ["device", 'did you mean "gpu"?']),
    "device number": ("seed = 7", "device = 1", ["device", "text in quotes"]),
    "backend unknown": ("seed = 7", 'backend = "torch"', ["backend", "numpy, cupy"]),
    "backend contradicts": ("seed = 7", 'device = "cpu"\nbackend = "cupy"', ["backend", "contradicts device"]),
    "name with a path": ("seed = 7", 'name = "../x"', ["name", '"../x"']),
    "top key unknown": ("seed = 7", "sed = 7", ["sed", 'did you mean "seed"?']),
    "table unknown": ("[fit]", "[fitt]", ["fitt", "[fit]", "required"]),
    "table is a value": ("seed = 7", "seed = 7\ncallbacks = 3", ["callbacks", "[[callbacks]]"]),
    "fit is a value": ("[fit]\nepochs = 3\nbatch_size = 4", "", ["[fit]", "required"]),
    "layer unknown": ('class = "Dense"\nunits = 4', 'class = "Dens"\nunits = 4', ["class", 'did you mean "Dense"?']),
    "layer without class": ('class = "Dense"\nunits = 4', "units = 4", ["[[model.layers]] number 1", '"class"']),
    "layer type": ('class = "Dense"\nunits = 4', 'type = "Dense"\nunits = 4', ["number 1", '"class"', '"type"']),
    "units missing": ("units = 4\n", "", ["[[model.layers]] number 1 (Dense)", 'needs "units"']),
    "units zero": ("units = 4", "units = 0", [":10: [[model.layers]] number 1 (Dense) units", "0"]),
    "units text": ("units = 4", 'units = "four"', ["[[model.layers]] number 1 (Dense) units"]),
    "units misspelt": ("units = 4", "unit = 4", ["number 1 (Dense) unit:", 'did you mean "units"?', 'needs "units"']),
    "activation unknown": ('"tanh"', '"tahn"', ["activation", 'did you mean "tanh"?']),
    "input shape": ("units = 4", "units = 4\ninput_shape = [2]", ["input_shape", "known from the data"]),
    "bias text": ("units = 4", 'units = 4\nuse_bias = "no"', ["use_bias", "true or false"]),
    "initializer unknown": ("units = 4", 'units = 4\nkernel_initializer = "he"', ["kernel_initializer", '"he"']),
    "dropout rate": (
        'activation = "tanh"',
        '[[model.layers]]\nclass = "Dropout"\nrate = 2',
        ["number 2 (Dropout) rate", "2"],
    ),
    "model key unknown": ("[[model.layers]]", "[[model.layer]]", ["[model] layer:", 'did you mean "layers"?']),
    "too few outputs": ("units = 1\n", "units = 3\n", ["number 2 (Dense)", "gives 3 outputs"]),
    "reshape impossible": (
        "units = 4",
        'units = 4\n[[model.layers]]\nclass = "Reshape"\ntarget_shape = [3]',
        ["[[model.layers]] number 2 (Reshape)"],
    ),
    "optimizer unknown": ('class = "Adam"', 'class = "Adem"', ["[compile] optimizer.class", 'did you mean "Adam"?']),
    "optimizer a name": ('{ class = "Adam", learning_rate = 0.1 }', '"adamm"', ["optimizer", 'did you mean "Adam"?']),
    "optimizer a number": ('{ class = "Adam", learning_rate = 0.1 }', "3", ["optimizer", "name or a table"]),
    "optimizer missing": ('optimizer = { class = "Adam", learning_rate = 0.1 }', "", ["optimizer", "required"]),
    "learning rate negative": ("learning_rate = 0.1", "learning_rate = -0.1", ["learning_rate", "greater than 0"]),
    "learning rate text": ("learning_rate = 0.1", 'learning_rate = "fast"', ["learning_rate", "a number"]),
    "learning rate misspelt": ("learning_rate", "learningrate", ["learningrate", 'did you mean "learning_rate"?']),
    "momentum of Adam": ("learning_rate = 0.1", "momentum = 0.9", ["momentum", "Adam has no argument"]),
    "beta one": ("learning_rate = 0.1", "beta_1 = 1.0", ["beta_1", "below 1"]),
    "loss unknown": ('"binary_crossentropy"', '"binary_crossentrop"', ["loss", 'did you mean "binary_crossentropy"?']),
    "loss missing": ('loss = "binary_crossentropy"', "", ["[compile] loss", "required"]),
    "loss needs one-hot": ('"binary_crossentropy"', '"sparse_categorical_crossentropy"', ["units = 2"]),
    "metric unknown": ('["accuracy"]', '["acuracy"]', ["[compile] metrics.0", 'did you mean "accuracy"?']),
    "metrics not a list": ('["accuracy"]', '"accuracy"', ["metrics", "a list"]),
    "data missing": ("[data]", "[date]", ["[data]", "required"]),
    "data empty": ("x = [[0, 0], [0, 1], [1, 0], [1, 1]]\ny = [0, 1, 1, 0]", "", ["[data]", 'name = "digits"']),
    "data without y": ("y = [0, 1, 1, 0]", "", ["[data] y", "required"]),
    "data ragged": ("[1, 0], [1, 1]", "[1, 0], [1]", ["[data] x", "entry 4"]),
    "data text": ("[[0, 0], [0, 1]", '[[0, 0], [0, "a"]', ["[data] x"]),
    "data lengths": ("y = [0, 1, 1, 0]", "y = [0, 1, 1]", ["[data]", "4 samples but 3 targets"]),
    "data twice": ("[data]", '[data]\nname = "digits"', ["[data] x", "only one"]),
    "data name": (
        "x = [[0, 0], [0, 1], [1, 0], [1, 1]]\ny = [0, 1, 1, 0]",
        'name = "digit"',
        ["[data] name", 'did you mean "digits"?'],
    ),
    "data file missing": (
        "x = [[0, 0], [0, 1], [1, 0], [1, 1]]\ny = [0, 1, 1, 0]",
        'path = "none.csv"',
        ["[data] path", "no such file", "none.csv"],
    ),
    "data file kind": (
        "x = [[0, 0], [0, 1], [1, 0], [1, 1]]\ny = [0, 1, 1, 0]",
        'path = "data.xlsx"',
        ["[data] path", ".csv"],
    ),
    "scale and scaling": ("[data]", '[data]\nscale = 2.0\nscaling = "minmax"', ["[data] scale", "one of the two"]),
    "scaling unknown": ("[data]", '[data]\nscaling = "standart"', ["scaling", 'did you mean "standard"?']),
    "scale zero": ("[data]", "[data]\nscale = 0", ["[data] scale", "greater than 0"]),
    "scale nan": ("[data]", "[data]\nscale = nan", ["[data] scale", "finite"]),
    "header of a list": ("[data]", "[data]\nheader = true", ["[data] header", "means nothing"]),
    "header wrong": ("[data]", '[data]\nheader = "yes"', ["[data] header", '"auto", true or false']),
    "callback unknown": ("[fit]", '[[callbacks]]\nclass = "EarlyStop"\n[fit]', ['did you mean "EarlyStopping"?']),
    "callback argument": (
        "[fit]",
        '[[callbacks]]\nclass = "EarlyStopping"\npatients = 3\n[fit]',
        ["[[callbacks]] number 1 (EarlyStopping) patients", 'did you mean "patience"?'],
    ),
    "callback negative": (
        "[fit]",
        '[[callbacks]]\nclass = "EarlyStopping"\npatience = -1\n[fit]',
        ["(EarlyStopping) patience", "at least 0"],
    ),
    "callback monitor": (
        "[fit]",
        '[[callbacks]]\nclass = "EarlyStopping"\nmonitor = "val_loss"\n[fit]',
        ["monitor", '"val_loss"', "validation_split"],
    ),
    "callback mode": (
        "[fit]",
        '[[callbacks]]\nclass = "EarlyStopping"\nmonitor = "loss"\nmode = "low"\n[fit]',
        ["mode", "auto, min, max"],
    ),
    "syntax": ("epochs = 3", "epochs 3", [":24:", "epochs 3"]),
    "syntax at the end": ("batch_size = 4\n", "batch_size = [", ["end of the file"]),
    "no quotes": ('class = "Dense"\nunits = 4', "class = Dense\nunits = 4", [":9:", "class = Dense"]),
    "control characters": ("seed = 7", 'seed = "\\u001b[31m"', ["seed", "\\u001b"]),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_config(case: str, tmp_path: Path) -> None:
    before, after, expected = WRONG[case]
    assert SMALL.count(before) >= 1
    result = run("train", write(tmp_path, SMALL.replace(before, after, 1)))
    assert result.exit_code == 2, result.output
    assert "Traceback" not in result.output
    assert result.output.isprintable() or all(c.isprintable() or c == "\n" for c in result.output)
    for text in expected:
        assert text in result.output, f"{text!r} is not in {result.output!r}"
    assert [p.name for p in tmp_path.iterdir()] == ["small.toml"]


NOT_CONFIGS: dict[str, tuple[bytes | None, list[str]]] = {
    "empty": (b"", ["[data]", "[model]", "[compile]", "[fit]", "required"]),
    "binary": (bytes(range(128, 256)), ["not UTF-8"]),
    "zeros": (b"\0" * 100, ["\\x00"]),
    "a table of numbers": (b"a,b,c\n1,2,3\n", [":1:", "a,b,c"]),
    "nested": (b"x = " + b"[" * 3000, ["nested too deeply"]),
    "layers empty": (b"[model]\nlayers = []\n", ["[model] layers: must not be empty"]),
    "layers of numbers": (b"[model]\nlayers = [3]\n", ["number 1", "a table", "3"]),
    "model a word": (b'model = "mlp"\n', ["model", "a table"]),
    "huge": (b"#" * 10_000_001, ["larger than"]),
}


@pytest.mark.parametrize("case", NOT_CONFIGS)
def test_file_that_is_no_config(case: str, tmp_path: Path) -> None:
    content, expected = NOT_CONFIGS[case]
    path = tmp_path / "odd.toml"
    path.write_bytes(content or b"")
    result = run("train", path)
    assert result.exit_code == 2, result.output
    assert all(c.isprintable() or c == "\n" for c in result.output)
    for text in ["odd.toml", *expected]:
        assert text in result.output, f"{text!r} is not in {result.output!r}"


def test_missing_file_and_directory(tmp_path: Path) -> None:
    result = run("train", "none/small.toml")
    assert (result.exit_code, result.output) == (2, "Error: none/small.toml: no such file\n")
    result = run("train", "digit_mlp")
    assert result.exit_code == 2
    assert 'did you mean "digits_mlp"?' in result.output
    result = run("train", tmp_path)
    assert result.exit_code == 2
    assert "is a directory" in result.output
    result = run("train", "x" * 5000)
    assert result.exit_code == 2


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_unreadable_file(tmp_path: Path) -> None:
    path = write(tmp_path, SMALL)
    path.chmod(0)
    result = run("train", path)
    assert result.exit_code == 2
    assert "Permission denied" in result.output


def test_every_mistake_is_listed(tmp_path: Path) -> None:
    text = SMALL.replace("epochs = 3", "epochs = 0").replace("units = 4", "unitz = 4")
    text = text.replace('"tanh"', '"tahn"').replace("learning_rate = 0.1", "learning_rate = -1")
    text = text.replace('["accuracy"]', '["acuracy", "nope"]').replace("seed = 7", 'seed = "x"\nfoo = 1')
    text += '[[callbacks]]\nclass = "EarlyStopping"\npatience = "long"\n[[callbacks]]\nclass = "None"\n'
    result = run("train", write(tmp_path, text))
    assert result.exit_code == 2
    first, *lines = result.output.splitlines()
    assert first == f"Error: 11 mistakes in {tmp_path}/small.toml"
    keys = ["seed", "foo", "unitz", "units", "activation", "learning_rate", "metrics.0", "metrics.1", "epochs"]
    for key in [*keys, "patience", "class"]:
        assert sum(f" {key}: " in line or f".{key}: " in line for line in lines) == 1, key
    numbers = [int(line.split(":")[1]) for line in lines]
    assert numbers == sorted(numbers)
    for line, number in zip(lines, numbers):  # each line number is that of a line that holds the key
        key = line.split(": ")[1].split()[-1].split(".")[0]
        if key not in ("units",):  # a missing key is reported at its table
            assert key in text.splitlines()[number - 1]


def key_paths(table: Any, where: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every key and every list position in a config."""
    items = table.items() if isinstance(table, dict) else enumerate(table) if isinstance(table, list) else ()
    for key, value in items:
        yield (*where, key)
        yield from key_paths(value, (*where, key))


ODD: list[Any] = [-1, 10**30, 1.5, float("nan"), True, "", "x", "\x1b[31m", [], [[]], {}, {"class": "x"}, [{}]]


@pytest.mark.parametrize("odd", [*ODD, "take away", "misspell"], ids=repr)
def test_no_mutation_ends_in_a_traceback(tmp_path: Path, odd: Any) -> None:
    """Every value of a config taken away, misspelt, or replaced by something that does not belong there."""
    text = SMALL + '[[callbacks]]\nclass = "EarlyStopping"\nmonitor = "loss"\n'
    counts: Counter[int] = Counter()
    for where in key_paths(tomllib.loads(text)):
        table = tomllib.loads(text)
        parent: Any = table
        for part in where[:-1]:
            parent = parent[part]
        if odd == "take away" or (odd == "misspell" and isinstance(parent, list)):
            del parent[where[-1]]
        elif odd == "misspell":
            parent[where[-1] + "x"] = parent.pop(where[-1])
        else:
            parent[where[-1]] = odd
        result = run("train", write(tmp_path, dumps(table)), "--run-dir", "out", "--force", "--quiet")
        label = f"{where} = {odd!r}: {result.output}"
        assert result.exit_code in (0, 2), label
        assert "DUALNET_DEBUG" not in result.output, label
        assert all(c.isprintable() or c == "\n" for c in result.output), label
        counts[result.exit_code] += 1
    assert counts[2] >= 10, counts


def test_set_is_judged_like_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, SMALL)
    wrong = {
        "fit.epochs=0": ["--set fit.epochs=0", "[fit] epochs", "at least 1"],
        "fit.epochs=many": ["[fit] epochs", "whole number", '"many"'],
        "fit.epoch=1": ["[fit] epoch", 'did you mean "epochs"?'],
        "fitt.epochs=1": ["fitt", 'did you mean "fit"?'],
        "fit.epochs": ["--set fit.epochs", "section.key=value"],
        "=3": ["section.key=value"],
        "fit..epochs=3": ["section.key=value"],
        "fit.epochs=[1,": ["not a TOML value"],
        "fit.epochs=": ["not a TOML value"],
        "fit.epochs.x=1": ["fit.epochs is 3, not a table"],
        "model.layers.7.units=3": ["model.layers is a list", "0 to 1"],
        "model.layers.first.units=3": ["model.layers is a list", '"first"'],
        "model.layers.0.units=-1": ["[[model.layers]] number 1 (Dense) units"],
        "compile.loss=mss": ["[compile] loss", '"mss"'],
        "data.path=nowhere.csv": ["[data] path", "no such file"],
        "seed=-1": ["seed", "at least 0"],
    }
    for text, expected in wrong.items():
        result = run("train", path, "--set", text)
        assert result.exit_code == 2, (text, result.output)
        for part in expected:
            assert part in result.output, f"{part!r} is not in {result.output!r}"
    assert [p.name for p in tmp_path.iterdir()] == ["small.toml"]


def test_wrong_options(tmp_path: Path) -> None:
    path = write(tmp_path, SMALL)
    for option, value in {"--epochs": "0", "--seed": "-1", "--device": "gqu", "--colour": "red"}.items():
        result = run("train", path, f"{option}={value}")
        assert result.exit_code == 2, result.output
        assert option in result.output
    assert 'did you mean "gpu"?' in run("train", path, "--device", "gqu").output
    result = run("trian")
    assert (result.exit_code, result.output) == (2, 'Error: no such command: trian; did you mean "train"?\n')


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("compile.loss", "module_getattr"),
        ("compile.loss", "Loss"),
        ("compile.loss", "get"),
        ("compile.metrics", '["Metric"]'),
        ("compile.optimizer", "nope"),
        ("model.layers.0.kernel_initializer", "nope"),
    ],
)
def test_only_what_a_config_may_name_is_listed(key: str, value: str, tmp_path: Path) -> None:
    result = run("train", write(tmp_path, SMALL), "--set", f"{key}={value}")
    assert result.exit_code == 2, result.output
    assert "is called" in result.output
    listed = result.output.rpartition("is called")[2].partition(";")[2]
    for name in ("getattr", "identifier", "serialize", "snake_case", '"Loss"', '"Metric"'):
        assert name not in listed
