"""``[model] application``: a network of the zoo under a head of one's own."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dualnet
from dualnet.applications import mobilenet_v2

from ..applications.network import draw_weights
from .helpers import run, write

SIZE = (32, 32, 3)
CONFIG = """
[data]
path = "images.npz"
shuffle = false

[model]
application = { class = "MobileNetV2", alpha = 0.35, input_shape = [32, 32, 3], weights = "base.weights.h5" }

[[model.layers]]
class = "Dense"
units = 2
activation = "softmax"

[compile]
optimizer = { class = "SGD", learning_rate = 0.1 }
loss = "sparse_categorical_crossentropy"

[fit]
epochs = 1
batch_size = 4
"""


def base() -> Any:
    return dualnet.applications.MobileNetV2(
        include_top=False, weights=None, pooling="avg", alpha=0.35, input_shape=SIZE
    )


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Gray images of 20 x 24 pixels, and weights of a base."""
    monkeypatch.chdir(tmp_path)
    network = base()
    network.set_weights(draw_weights(network))  # those it begins with make features near 0
    network.save_weights("base.weights.h5")
    x = np.random.default_rng(0).integers(0, 256, (8, 20, 24), dtype=np.uint8)
    np.savez("images.npz", x=x, y=np.arange(8) % 2)
    return tmp_path


def trained(config: Path | str, *arguments: str) -> tuple[Any, dict[str, Any]]:
    """The saved model and the resolved config of a run."""
    result = run("train", config, "--quiet", "--run-dir", "run", "--force", *arguments)
    assert result.exit_code == 0, result.output
    return dualnet.models.load_model("run/model.keras"), tomllib.loads(Path("run/config.toml").read_text())


def same(model: Any, weights: list[Any]) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(model.get_weights(), weights, strict=True))


def test_a_frozen_base_and_a_new_head(folder: Path) -> None:
    model, config = trained(write(folder, CONFIG))
    images, network, head = model.layers
    trusted = base()
    trusted.load_weights("base.weights.h5")
    assert same(network, trusted.get_weights())
    assert [w.path for w in model.trainable_weights] == [w.path for w in head.weights]

    x = np.load("images.npz")["x"].astype("float32")
    resized = dualnet.layers.Resizing(32, 32)(np.repeat(x[..., None], 3, axis=-1))
    prepared = mobilenet_v2.preprocess_input(resized)
    np.testing.assert_allclose(images(x).numpy(), prepared.numpy(), rtol=1e-5, atol=1e-5)
    expected = head(trusted(prepared, training=False)).numpy()
    np.testing.assert_allclose(model.predict(x, verbose=0), expected, rtol=1e-4, atol=1e-5)

    assert config["model"]["application"] == {
        "class": "MobileNetV2",
        "weights": str(folder / "base.weights.h5"),
        "pooling": "avg",
        "alpha": 0.35,
        "input_shape": [32, 32, 3],
        "trainable": False,
    }
    results = json.loads(Path("run/results.json").read_text())
    assert results["params"] == model.count_params() > trusted.count_params()
    Path("run/config.toml").rename("again.toml")
    again, _ = trained("again.toml")
    assert same(again, model.get_weights())


def test_a_name_becomes_a_table_when_an_argument_is_set(folder: Path) -> None:
    config = write(folder, with_lines('application = "MobileNetV2"'))
    sets = [f"--set=model.application.{text}" for text in ("weights=none", "input_shape=[32, 32, 3]", "alpha=0.35")]
    result = run("summary", config, *sets)
    assert result.exit_code == 0, result.output
    assert "mobilenetv2_0.35_32" in result.output


def test_a_path_on_the_command_line_begins_at_the_working_directory(folder: Path) -> None:
    (folder / "configs").mkdir()
    text = CONFIG.replace('path = "images.npz"', f"path = '{folder / 'images.npz'}'")
    name = ', weights = "base.weights.h5"'
    config = write(folder / "configs", text.replace(name, ""))
    _, resolved = trained(config, "--set", "model.application.weights=base.weights.h5")
    assert resolved["model"]["application"]["weights"] == str(folder / "base.weights.h5")


def test_fine_tuning(folder: Path) -> None:
    """Epochs with a frozen base, then some in which it is trained, except for its batch normalization."""
    text = CONFIG.replace("epochs = 1", "epochs = 2\nfine_tune = { epochs = 3, learning_rate = 1e-3 }")
    model, config = trained(write(folder, text))
    assert config["fit"]["fine_tune"] == {"epochs": 3, "learning_rate": 1e-3}
    results = json.loads(Path("run/results.json").read_text())
    assert results["epochs"] == results["epochs_asked_for"] == 5
    rows = Path("run/metrics.csv").read_text().splitlines()
    assert [row.split(",")[0] for row in rows] == ["epoch", "1", "2", "3", "4", "5"]
    assert model.optimizer.learning_rate.numpy() == np.float32(1e-3)
    trusted = base()
    trusted.load_weights("base.weights.h5")
    for layer, before in zip(model.layers[1].layers, trusted.layers, strict=True):
        kept = isinstance(layer, dualnet.layers.BatchNormalization) or not layer.weights
        assert same(layer, before.get_weights()) is kept, layer.name


@pytest.mark.parametrize("change", ["weights=none", "trainable=true"])
def test_a_base_that_is_trained(change: str, folder: Path) -> None:
    model, config = trained(write(folder, CONFIG), "--set", f"model.application.{change}")
    assert config["model"]["application"]["trainable"] is True
    assert len(model.trainable_weights) > 100


def test_the_size_of_the_images_is_the_default(folder: Path) -> None:
    np.savez("images.npz", x=np.zeros((8, 33, 40, 3)) + 200, y=np.arange(8) % 2)
    text = CONFIG.replace("input_shape = [32, 32, 3], ", "")
    result = run("summary", write(folder, text))
    assert result.exit_code == 0, result.output
    assert "(None, 33, 40, 3)" in result.output


LINE = next(line for line in CONFIG.splitlines() if line.startswith("application"))
TUNE = "fine_tune = { epochs = 1, learning_rate = 0.1 }"


def with_lines(application: str = LINE, data: str = "", fit: str = "") -> str:
    """The config with another application, and more lines in two of its tables."""
    text = CONFIG.replace(LINE, application)
    return text.replace("[data]", f"[data]\n{data}").replace("[fit]", f"[fit]\n{fit}")


# What is wrong, and what the message has to say (all of it).
WRONG: dict[str, tuple[str, list[str]]] = {
    "a number": (with_lines("application = 3"), ["[model] application", "a name or a table", "got 3"]),
    "unknown": (with_lines('application = "MobilNetV2"'), ["[model] application", 'did you mean "MobileNetV2"?']),
    "unknown class": (
        with_lines('application = { class = "Flatten" }'),
        ["[model] application.class", '"Flatten"', "known: ", "ResNet50"],
    ),
    "without class": (with_lines('application = { name = "x" }'), ["[model] application", 'needs a "class"']),
    "argument": (with_lines(LINE.replace("alpha", "alhpa")), ["application.alhpa", 'did you mean "alpha"?']),
    "type": (with_lines(LINE.replace("0.35", '"small"')), ["application.alpha", "a number", '"small"']),
    "top": (with_lines(LINE.replace("alpha = 0.35", "include_top = true")), ["include_top", "leave this out"]),
    "classes": (with_lines(LINE.replace("alpha = 0.35", "classes = 2")), ["classes", "[[model.layers]]"]),
    "shape": (with_lines(LINE.replace("[32, 32, 3]", "[32, 32]")), ["input_shape", "[96, 96, 3]", "got [32, 32]"]),
    "pooling": (with_lines(LINE.replace("alpha = 0.35", 'pooling = "mean"')), ["pooling", "avg, max", '"mean"']),
    "trainable": (with_lines(LINE.replace("alpha = 0.35", "trainable = 1")), ["trainable", "true or false", "got 1"]),
    "no file": (with_lines(LINE.replace("base.", "bose.")), ["application.weights", "no file", "bose.weights.h5"]),
    "too small": (
        with_lines(LINE.replace("input_shape = [32, 32, 3], ", "")),
        ["[model] application", "at least 32 x 32 pixels", "input_shape = [96, 96, 3]"],
    ),
    "channels": (
        with_lines(LINE.replace("32, 3]", "32, 2]").replace("base.weights.h5", "none")),
        ["[model] application", "1 channel", "has 2"],
    ),
    "weights of another": (with_lines(LINE.replace("0.35", "0.5")), ["[model] application", "shape"]),
    "flat": (with_lines(data="flatten = true"), ["[model] application", "needs images", "flatten"]),
    "scaled": (with_lines(data="scale = 255.0"), ["[data] scale", "0 to 255", "leave out scale"]),
    "tuned without": (with_lines("", fit=TUNE), ["[fit] fine_tune", "needs a frozen application"]),
    "tuned twice": (
        with_lines(LINE.replace("alpha = 0.35", "trainable = true"), fit=TUNE),
        ["[fit] fine_tune", "not frozen"],
    ),
    "tuned key": (
        with_lines(fit=TUNE.replace("learning_rate", "learning_rat")),
        ["fine_tune.learning_rat:", 'did you mean "learning_rate"?'],
    ),
    "tuned never": (with_lines(fit=TUNE.replace("1,", "0,")), ["fine_tune.epochs", "at least 1"]),
    "tuned number": (with_lines(fit="fine_tune = 3"), ["[fit] fine_tune", "a table", "got 3"]),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_application(case: str, folder: Path) -> None:
    text, messages = WRONG[case]
    result = run("train", write(folder, text), "--run-dir", "run")
    assert result.exit_code == 2, result.output
    for message in messages:
        assert message in result.output
    assert "Traceback" not in result.output
    assert not Path("run").exists()


def test_without_a_network(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line says which file is missing and where it can be put; exit code 1, as for data."""
    from dualnet.datasets import download

    monkeypatch.setattr(download, "RETRY_WAIT", 0.01)
    monkeypatch.delenv("DUALNET_DATA_DIR", raising=False)
    monkeypatch.setenv("DUALNET_CACHE_DIR", str(folder / "cache"))
    monkeypatch.setenv("KERAS_HOME", str(folder / "keras"))
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.setenv(name, "" if name == "NO_PROXY" else "http://127.0.0.1:9")
        monkeypatch.setenv(name.lower(), "" if name == "NO_PROXY" else "http://127.0.0.1:9")
    result = run("train", write(folder, CONFIG.replace("base.weights.h5", "imagenet")), "--run-dir", "run")
    assert result.exit_code == 1, result.output
    assert result.output.count("\n") == 1
    for text in (
        "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_0.35_",
        "_no_top.h5",
        str(folder / "cache"),
        "https://",
    ):
        assert text in result.output
    assert not Path("run").exists()
