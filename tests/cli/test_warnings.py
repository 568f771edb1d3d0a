"""Likely mistakes in a config: said once, with the key of the config that settles it; and the switch."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from .helpers import SMALL, run, start, write
from .test_terminal import on_terminal, plain

DIGITS = """
[data]
name = "digits"
scale = 16.0
flatten = true
[[model.layers]]
class = "Dense"
units = 16
activation = "relu"
[[model.layers]]
class = "Dense"
units = 10
activation = "softmax"
[compile]
optimizer = "adam"
loss = "sparse_categorical_crossentropy"
[fit]
epochs = 2
batch_size = 256
"""
LOGITS = DIGITS.replace('activation = "softmax"\n', "")
SAID = {
    "no activation": (LOGITS, 'the output holds logits .*give the last of \\[\\[model.layers\\]\\] activation = "softmax"'),
    "sigmoid": (DIGITS.replace("softmax", "sigmoid"), 'is a sigmoid, .*; give the last of .* activation = "softmax"$'),
    "twice": (
        DIGITS.replace(
            'loss = "sparse', 'loss = { class = "SparseCategoricalCrossentropy", from_logits = true }\n#'
        ),
        "applies a softmax again; leave from_logits out of the loss in \\[compile\\]",
    ),
    "one unit": (
        SMALL.replace("sigmoid", "softmax"),
        'softmax over a single unit.*; give the last of .*activation = "sigmoid"',
    ),
    "pixels": (DIGITS.replace("scale = 16.0", "scale = 0.06666666667"), "like pixels that are not scaled; set scale = 255.0 in"),
    "scales": (
        SMALL.replace("[[0, 0], [0, 1], [1, 0], [1, 1]]", "[[0, 5], [9000, 1], [1, 0], [1, 1], [3, 3], [4, 1], [2, 2], [1, 3]]")
        .replace("[0, 1, 1, 0]", "[0, 1, 1, 0, 1, 1, 0, 0]")
        .replace("batch_size = 4", "batch_size = 8"),
        'feature 0 goes up to 9000, feature 1 to 5; set scaling = "standard" in \\[data\\]',
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SAID)
def test_said_once_in_the_words_of_the_config(tmp_path: Path, name: str) -> None:

    text, message = SAID[name]
    result = run("train", write(tmp_path, text))
    assert result.exit_code == 0, result.output
    said = [line for line in result.output.splitlines() if line.startswith("Warning: ")]
    assert len(said) == 1, result.output
    assert re.search(message, said[0])
    for switched in (["--set", "training_warnings=false"], []):
        path = write(tmp_path, text if switched else "training_warnings = false\n" + text)
        assert "Warning" not in run("train", path, *switched).output


def test_the_run_directory_keeps_the_switch(tmp_path: Path) -> None:
    assert "Warning" not in run("train", write(tmp_path, "training_warnings = false\n" + LOGITS)).output
    assert "training_warnings = false\n" in Path("runs/small/config.toml").read_text()
    assert "Warning" not in run("train", "runs/small/config.toml").output


def test_in_a_pipe_and_on_a_terminal(tmp_path: Path) -> None:
    path = write(tmp_path, LOGITS)
    done = start("train", path, cwd=tmp_path)
    assert done.returncode == 0
    assert [line[:32] for line in done.stderr.splitlines()] == ["Warning: the output holds logits"]
    assert "Warning" not in done.stdout
    assert start("train", path, cwd=tmp_path, DUALNET_TRAINING_WARNINGS="0").stderr == ""
    text = plain(on_terminal(tmp_path, "train", str(path)))
    assert text.count("Warning: the output holds logits") == 1
    assert text.index("Warning") < text.index("epoch 1/2")


def test_divergence_names_the_batch_once(tmp_path: Path) -> None:
    text = SMALL.replace("binary_crossentropy", "mse").replace("sigmoid", "linear").replace("tanh", "linear")
    text = text.replace('class = "Adam", learning_rate = 0.1', 'class = "SGD", learning_rate = 1e6')
    done = start("train", write(tmp_path, text), "--epochs=200", cwd=tmp_path)
    warning, error = done.stderr.splitlines()
    assert warning.startswith("Warning: the loss became ")
    assert ", batch 1: " in warning
    assert "layer" in warning
    assert error.startswith("Error: the loss became ")
    assert "learning_rate in [compile]" in error
    assert "RuntimeWarning" not in done.stderr
