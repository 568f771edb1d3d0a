"""``dualnet sample``: what is drawn from which probabilities, and models that do not generate."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dualnet_cli.image_grids import grid, pixels
from dualnet_cli.language_models import Choice

import dualnet as keras
from dualnet import layers

from .helpers import run

P = np.array([0.1, 0.4, 0.2, 0.3])
CHOICES = {
    "as it is": (Choice(), [0.1, 0.4, 0.2, 0.3]),
    "the likeliest": (Choice(temperature=0), [0, 1, 0, 0]),
    "colder": (Choice(temperature=0.5), [1 / 30, 16 / 30, 4 / 30, 9 / 30]),
    "nearly the likeliest": (Choice(temperature=1e-300), [0, 1, 0, 0]),
    "hot": (Choice(temperature=1e9), [0.25] * 4),
    "two": (Choice(top_k=2), [0, 4 / 7, 0, 3 / 7]),
    "more than there are": (Choice(top_k=9), [0.1, 0.4, 0.2, 0.3]),
    "half": (Choice(top_p=0.5), [0, 4 / 7, 0, 3 / 7]),
    "less than one has": (Choice(top_p=0.01), [0, 1, 0, 0]),
    "all": (Choice(top_p=1.0), [0.1, 0.4, 0.2, 0.3]),
    # Of the two that are left one has 4 / 7.
    "both": (Choice(top_k=2, top_p=0.5), [0, 1, 0, 0]),
}


@pytest.mark.parametrize("key", CHOICES)
@pytest.mark.parametrize("shift", [0, 700])
def test_the_probabilities_that_are_drawn_from(key: str, shift: float) -> None:
    choice, expected = CHOICES[key]
    np.testing.assert_allclose(choice.probabilities(np.log(P) + shift), expected, atol=1e-8)


def cycle(softmax: bool = True, window: int | None = 4, vocabulary: int = 3) -> Any:
    """A language model that says after each character the next of the vocabulary, with p = 0.9, and otherwise the same again."""
    p = (
        np.full((vocabulary, vocabulary), 1e-9)
        + 0.9 * np.roll(np.eye(vocabulary), 1, axis=1)
        + 0.1 * np.eye(vocabulary)
    )
    scores = np.log(p)
    ids = keras.Input((window,), dtype="int32")
    y = layers.Embedding(vocabulary, vocabulary, name="scores")(ids)
    model = keras.Model(ids, layers.Softmax()(y) if softmax else y)
    model.get_layer("scores").set_weights([scores])
    return model


def saved(folder: Path, model: Any, vocabulary: Any = ("a", "b", "\n")) -> list[Any]:
    """The first arguments of the command for a model and a vocabulary."""
    path, characters = folder / "model.keras", folder / "characters.json"
    model.save(path)
    characters.write_text(json.dumps(vocabulary))
    return ["sample", path, "--vocabulary", characters]


@pytest.mark.parametrize("window", [4, 1, None])
@pytest.mark.parametrize("softmax", [True, False])
def test_text(tmp_path: Path, softmax: bool, window: int | None) -> None:
    arguments = saved(tmp_path, cycle(softmax, window))
    cold = run(*arguments, "--prompt", "bb", "--temperature", "0", "--length", "7")
    assert (cold.exit_code, cold.output) == (0, "bb\nab\nab\n\n")
    assert run(*arguments, "--prompt", "bb", "--top-k", "1", "--length", "7").output == cold.output
    assert run(*arguments, "--top-p", "0.8", "--length", "4").output == "ab\na\n"  # after the end of a line


def test_the_same_seed_gives_the_same_text(tmp_path: Path) -> None:
    arguments = [*saved(tmp_path, cycle()), "--length", "300"]
    first, second = run(*arguments, "--seed", "1").output, run(*arguments, "--seed", "2").output
    assert run(*arguments, "--seed", "1").output == first != second
    again = np.mean([a == b for a, b in zip(first, first[1:-1])])
    assert 0.05 < again < 0.15


def test_a_causal_model_of_a_context(tmp_path: Path) -> None:
    keras.utils.set_random_seed(0)
    ids = keras.Input((6,), dtype="int32")
    x = layers.Embedding(3, 8)(ids)
    x = x + layers.MultiHeadAttention(2, 4)(x, x, use_causal_mask=True)
    model = keras.Model(ids, layers.Dense(3)(layers.LSTM(8, return_sequences=True)(x)))
    text = run(
        *saved(tmp_path, model, ["a", "b", "c"]), "--prompt", "abc", "--temperature", "0", "--length", "9"
    ).output
    seen = [0, 1, 2]
    for _ in range(9):
        window = (seen[-6:] + [0] * 6)[:6]
        seen.append(int(np.asarray(model(np.array([window])))[0, min(len(seen), 6) - 1].argmax()))
    assert text == "".join("abc"[i] for i in seen) + "\n"


def test_files(tmp_path: Path) -> None:
    arguments = [*saved(tmp_path, cycle()), "--temperature", "0", "--length", "4", "-o", tmp_path / "out.txt"]
    assert run(*arguments).exit_code == 0
    assert (tmp_path / "out.txt").read_bytes() == b"ab\na"
    refused = run(*arguments, "--prompt", "b")
    assert refused.exit_code == 2
    assert "exists; name another file, or use --force" in refused.output
    assert run(*arguments, "--prompt", "b", "--force").exit_code == 0
    assert (tmp_path / "out.txt").read_bytes() == b"b\nab\n"


def generator(activation: str | None, *shape: int) -> Any:
    keras.utils.set_random_seed(0)
    outputs = layers.Dense(int(np.prod(shape)), activation=activation)
    return keras.Sequential([keras.Input((5,)), outputs, layers.Reshape(shape)])


IMAGES = {
    "gray": (("sigmoid", 4, 3, 1), 7, (16, 13), "L"),
    "no channels": (("tanh", 4, 3), 1, (4, 3), "L"),
    "colors": ((None, 2, 2, 3), 4, (6, 6), "RGB"),
}


@pytest.mark.parametrize("key", IMAGES)
def test_images(tmp_path: Path, key: str) -> None:
    image = pytest.importorskip("PIL.Image")
    arguments, count, size, mode = IMAGES[key]
    model = generator(*arguments)
    model.save(tmp_path / "g.keras")
    out = tmp_path / "grid.png"
    result = run("sample", tmp_path / "g.keras", "--count", str(count), "--seed", "3", "-o", out)
    assert (result.exit_code, result.output) == (0, f"written to {out}\n")
    with image.open(out) as opened:
        assert (opened.size[::-1], opened.mode) == (size, mode)
        drawn = np.asarray(opened)
    noise = np.random.default_rng(3).standard_normal((count, 5)).astype("float32")
    first = pixels(model.predict(noise, verbose=0).astype("float64"))[0]
    np.testing.assert_array_equal(drawn[: first.shape[0], : first.shape[1]].ravel(), first.ravel())


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0, 0.5, 1], [0, 128, 255]),
        ([-1, 0, 0.5], [0, 128, 191]),
        ([0, 100, 255], [0, 100, 255]),
        ([-3, 0, 2], [0, 153, 255]),
    ],
)
def test_ranges_of_pixels(values: list[float], expected: list[int]) -> None:
    assert pixels(np.array(values)).tolist() == expected


def test_a_grid_with_empty_places_is_white_there() -> None:
    sheet = grid(np.zeros((5, 2, 2, 1), np.uint8))
    assert sheet.shape == (6, 10, 1)
    assert (sheet[4:, 8:] == 255).all()
    assert (sheet[:2, 8:] == 0).all()


def bidirectional() -> Any:
    both = layers.Bidirectional(layers.LSTM(4, return_sequences=True))
    return keras.Sequential([keras.Input((4,), dtype="int32"), layers.Embedding(3, 4), both, layers.Dense(3)])


def stateful() -> Any:
    lstm = layers.LSTM(4, return_sequences=True, stateful=True)
    return keras.Sequential(
        [keras.Input(batch_shape=(1, 4), dtype="int32"), layers.Embedding(3, 4), lstm, layers.Dense(3)]
    )


def classifier() -> Any:
    return keras.Sequential([keras.Input((4,)), layers.Dense(3)])


def conditional() -> Any:
    inputs = [keras.Input((2,)), keras.Input((1,))]
    return keras.Model(inputs, layers.Reshape((2, 2, 1))(layers.Dense(4)(layers.Concatenate()(inputs))))


WRONG: dict[str, tuple[Callable[[], Any], list[str], str]] = {
    "sees the future": (bidirectional, [], "depends on those that come after it"),
    "stateful": (stateful, [], "stateful=True"),
    "other characters": (lambda: cycle(vocabulary=4), [], "expected an output of shape (batch, 4, 3)"),
    "a classifier": (classifier, [], "expected an output of shape (batch, 4, 3)"),
    "images": (lambda: generator("sigmoid", 2, 2, 1), [], "expected an output of shape"),
    "an empty prompt": (cycle, ["--prompt", ""], "--prompt: is empty"),
    "an unknown character": (cycle, ["--prompt", "abyss"], '"s", "y": not in the text'),
    "a count of text": (cycle, ["--count", "3"], "--length says how much"),
    "no folder": (cycle, ["-o", "nowhere/x.txt"], "there is no such folder"),
    "negative": (cycle, ["--temperature", "-1"], "--temperature"),
    "nothing left": (cycle, ["--top-p", "0"], "--top-p"),
}


@pytest.mark.parametrize("key", WRONG)
def test_mistakes_with_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    model, options, message = WRONG[key]
    monkeypatch.chdir(tmp_path)
    result = run(*saved(tmp_path, model()), *options)
    assert result.exit_code == 2
    assert message in result.output
    assert "Traceback" not in result.output


WRONG_IMAGES: dict[str, tuple[Callable[[], Any], list[str], str]] = {
    "a classifier": (classifier, [], "does not generate: it maps (None, 4) to (None, 3)"),
    "no vocabulary": (cycle, [], "needs a run with a vocabulary, or --vocabulary"),
    "several inputs": (conditional, [], "expected a model of one input and one output"),
    "a prompt": (lambda: generator("tanh", 2, 2), ["--prompt", "a"], "--prompt: is for models of text"),
    "a text file": (lambda: generator("tanh", 2, 2), ["-o", "x.txt"], "expected a file ending in .png"),
}


@pytest.mark.parametrize("key", WRONG_IMAGES)
def test_mistakes_with_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    model, options, message = WRONG_IMAGES[key]
    monkeypatch.chdir(tmp_path)
    model().save("m.keras")
    result = run("sample", "m.keras", *options)
    assert result.exit_code == 2
    assert message in result.output
    assert [path.name for path in tmp_path.iterdir()] == ["m.keras"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "expected a JSON list of texts"),
        ("{}", "expected a JSON list of texts, such as"),
        ("[]", "expected a JSON list of texts, such as"),
        ('["a", 1]', "expected a JSON list of texts, such as"),
        ('["a", "a", "b"]', "the same text stands there twice"),
        (None, "No such file"),
    ],
)
def test_vocabularies_that_are_none(tmp_path: Path, content: str | None, message: str) -> None:
    arguments = saved(tmp_path, cycle())
    path = Path(arguments[-1])
    path.unlink() if content is None else path.write_text(content)
    result = run(*arguments)
    assert result.exit_code == 2
    assert message in result.output
