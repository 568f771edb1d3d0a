"""Folders of images and of texts, columns of text, windows of rows in time, and texts for language models."""

from __future__ import annotations

import csv
import io
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dualnet_cli import data as cli_data
from dualnet_cli.config import load
from dualnet_cli.prepare import Dataset

from .helpers import run, write

HEAD = """
[compile]
optimizer = { class = "Adam", learning_rate = 0.05 }
loss = "LOSS"

[fit]
epochs = 2
"""
DENSE = """
[[model.layers]]
class = "Dense"
units = 1
activation = "sigmoid"
"""
IMAGES = (
    """
[data]
path = "pictures"
image_size = [8, 8]
scale = 255.0
test_split = 0.25

[[model.layers]]
class = "RandomFlip"
mode = "horizontal"

[[model.layers]]
class = "Flatten"
"""
    + DENSE
    + HEAD.replace("LOSS", "binary_crossentropy")
)
WORDS = (
    """
[data]
path = "texts"
test_split = 0.25

[[model.layers]]
class = "TextVectorization"
max_tokens = 20
output_mode = "multi_hot"
"""
    + DENSE
    + HEAD.replace("LOSS", "binary_crossentropy")
)
SERIES = (
    """
[data]
path = "series.csv"
target = "sales"
exclude = ["month"]
window = 4
scaling = "standard"
target_scaling = "standard"
test_split = 0.2

[[model.layers]]
class = "Flatten"

[[model.layers]]
class = "Dense"
units = 1
"""
    + HEAD.replace("LOSS", "mse")
    + "validation_split = 0.25\n"
)
LANGUAGE = (
    """
[data]
path = "book.txt"
window = 5
test_split = 0.25

[[model.layers]]
class = "Embedding"
input_dim = 4
output_dim = 3

[[model.layers]]
class = "Dense"
units = 4
activation = "softmax"
"""
    + HEAD.replace("LOSS", "sparse_categorical_crossentropy")
    + "validation_split = 0.25\n"
)


@pytest.fixture(autouse=True)
def _files(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for name, words in (("cat", "miau purr"), ("dog", "wuff bark")):
        folder = tmp_path / "texts" / name
        folder.mkdir(parents=True)
        for i in range(6):
            (folder / f"{i}.txt").write_text(f"{words} the {words}")
    rows = [["review", "stars", "label"]]
    rows += [[f"{['good, fine', 'bad'][i % 2]} film", str(i % 5), ["pos", "neg"][i % 2]] for i in range(20)]
    with (tmp_path / "reviews.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    lines = ["month,sales,price", *(f"m{i},{i},{math.sin(i):.3f}" for i in range(40))]
    (tmp_path / "series.csv").write_text("\n".join(lines) + "\n")
    (tmp_path / "book.txt").write_text("".join("abc\n"[i] for i in rng.integers(0, 4, 200)))


def pictures(folder: Path, sizes: tuple[tuple[int, int], ...] = ((8, 10), (9, 7))) -> None:
    """Dark and bright images of two sizes, six of each class."""
    image = pytest.importorskip("PIL.Image")
    rng = np.random.default_rng(0)
    for name, value in (("bright", 200), ("dark", 40)):
        (folder / "pictures" / name).mkdir(parents=True)
        for i in range(6):
            pixels = rng.normal(value, 10, (*sizes[i % len(sizes)], 3)).clip(0, 255).astype("uint8")
            image.fromarray(pixels).save(folder / "pictures" / name / f"{i}.png")


def prepared(folder: Path, text: str) -> Dataset:
    return cli_data.load(load(write(folder, text)))


def results(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path("runs", name, "results.json").read_text())
    return found


CONFIGS = {
    "pictures": IMAGES,
    "texts": WORDS,
    "reviews": WORDS.replace('"texts"', '"reviews.csv"\ntext = "review"\ntarget = "label"'),
    "series": SERIES,
    "language": LANGUAGE,
}


@pytest.mark.parametrize("kind", CONFIGS)
def test_trains_repeats_evaluates_and_goes_on(kind: str, tmp_path: Path) -> None:
    if kind == "pictures":
        pictures(tmp_path)
    config = write(tmp_path, CONFIGS[kind], "run.toml")
    trained = run("train", config, "--quiet")
    assert trained.exit_code == 0, trained.output
    repeated = run("train", "runs/run/config.toml", "--quiet")
    assert repeated.exit_code == 0, repeated.output
    assert results("run-2")["test"] == results("run")["test"]
    assert json.loads(run("evaluate", "runs/run", "--json").output)["test"] == results("run")["test"]
    assert run("train", config, "--quiet", "--epochs", "3", "--run-dir", "whole").exit_code == 0
    resumed = run("train", "--resume", "run", "--epochs", "3", "--quiet")
    assert resumed.exit_code == 0, resumed.output
    assert results("run")["test"] == json.loads(Path("whole/results.json").read_text())["test"]
    files = {
        "pictures": "pictures",
        "texts": "texts",
        "reviews": "reviews.csv",
        "series": "series.csv",
        "language": "book.txt",
    }
    evaluated = run("evaluate", "runs/run", files[kind])
    assert evaluated.exit_code == 0, evaluated.output


def test_images_are_scaled_and_named_by_their_folder(tmp_path: Path) -> None:
    pictures(tmp_path)
    data = prepared(tmp_path, IMAGES)
    assert data.train.x.shape == (9, 8, 8, 3)
    assert 0 < data.train.x.min() < data.train.x.max() <= 1
    assert data.classes == ["bright", "dark"]
    assert ((data.train.x.mean(axis=(1, 2, 3)) < 0.5) == (data.train.y == 1)).all()
    gray = prepared(tmp_path, IMAGES.replace("scale =", 'color_mode = "grayscale"\nscale ='))
    assert gray.train.x.shape == (9, 8, 8, 1)
    assert run("train", write(tmp_path, IMAGES, "p.toml"), "--quiet", "--epochs", "30").exit_code == 0
    found = run("predict", "runs/p", "pictures/dark/0.png", "pictures/bright/1.png").output
    assert [row["predicted"] for row in csv.DictReader(io.StringIO(found))] == ["dark", "bright"]


def test_texts_are_predicted_by_line_and_by_column(tmp_path: Path) -> None:
    assert run("train", write(tmp_path, WORDS, "t.toml"), "--quiet", "--epochs", "20").exit_code == 0
    Path("new.txt").write_text("bark wuff\npurr\n")
    found = run("predict", "runs/t", "new.txt").output
    assert [row["predicted"] for row in csv.DictReader(io.StringIO(found))] == ["dog", "cat"]
    assert run("train", write(tmp_path, CONFIGS["reviews"], "r.toml"), "--quiet", "--epochs", "20").exit_code == 0
    Path("new.csv").write_text("id,review\n7,bad film\n8,good film\n")
    rows = list(csv.DictReader(io.StringIO(run("predict", "runs/r", "new.csv").output)))
    assert [(row["id"], row["predicted label"]) for row in rows] == [("7", "neg"), ("8", "pos")]
    refused = run("predict", "runs/t", "new.csv")
    assert refused.exit_code == 2
    assert "expected a .txt file" in refused.output


def test_windows_hold_the_past_and_no_future(tmp_path: Path) -> None:
    """Rows 0 to 23 train, 24 to 31 validate, 32 to 39 test: no target of one part is one of another, nor is its scaling known."""
    data = prepared(tmp_path, SERIES.replace('scaling = "standard"\ntarget_scaling = "standard"\n', ""))
    assert data.validation is not None
    assert data.test is not None
    assert data.train.x.shape == (20, 4, 2)
    assert data.features == ["sales", "price"]
    for part, first, last in ((data.train, 4, 23), (data.validation, 24, 31), (data.test, 32, 39)):
        assert part.y.tolist() == list(range(first, last + 1))
        assert part.x[:, :, 0].tolist() == [list(range(t - 4, t)) for t in range(first, last + 1)]
    later = prepared(tmp_path, SERIES.replace("window = 4", "window = 4\nhorizon = 3"))
    rows = np.arange(24)
    assert later.preparation.subtract == pytest.approx([rows.mean(), np.sin(rows).mean()], abs=1e-3)
    assert later.preparation.target_divide == pytest.approx(rows.std())
    sales = later.train.x[:, :, 0] * rows.std() + rows.mean()
    assert (sales[:, -1] + 3).tolist() == pytest.approx((later.train.y * rows.std() + rows.mean()).tolist(), abs=1e-4)
    assert (len(later.train), len(later.test or [])) == (24 - 6, 8)


def test_a_forecast_stands_beside_the_row_it_follows_from(tmp_path: Path) -> None:
    assert run("train", write(tmp_path, SERIES, "s.toml"), "--quiet", "--epochs", "100").exit_code == 0
    rows = list(csv.DictReader(io.StringIO(run("predict", "runs/s", "series.csv").stdout)))
    assert [row["predicted sales"] for row in rows[:3]] == ["", "", ""]
    assert float(rows[10]["predicted sales"]) == pytest.approx(11, abs=2)
    Path("short.csv").write_text("month,sales,price\na,1,2\nb,2,3\n")
    short = run("predict", "runs/s", "short.csv")
    assert short.exit_code == 2
    assert "a window has 4 rows, and there are 2" in short.output


def test_a_text_is_windows_and_the_characters_that_follow(tmp_path: Path) -> None:
    data = prepared(tmp_path, LANGUAGE)
    vocabulary = data.preparation.vocabulary
    assert vocabulary == ["\n", "a", "b", "c"]
    text = (tmp_path / "book.txt").read_text()
    assert data.train.x.shape == (22, 5)
    assert "".join(vocabulary[i] for i in data.train.x[1]) == text[5:10]
    assert "".join(vocabulary[i] for i in data.train.y[1]) == text[6:11]
    assert data.test is not None
    assert "".join(vocabulary[i] for i in data.test.x[0]) == text[150:155]
    strided = prepared(tmp_path, LANGUAGE.replace("window = 5", "window = 5\nstride = 1"))
    assert "".join(vocabulary[i] for i in strided.train.x[3]) == text[3:8]
    assert run("train", write(tmp_path, LANGUAGE, "l.toml"), "--quiet").exit_code == 0
    Path("other.txt").write_text("abz")
    assert 'did not have: "z"' in run("evaluate", "runs/l", "other.txt").output
    refused = run("predict", "runs/l", "book.txt")
    assert refused.exit_code == 2
    assert "dualnet sample" in refused.output


# the config, what is changed, into what, and what the message has to say
WRONG: dict[str, tuple[str, str, str, list[str]]] = {
    "no folder": (WORDS, '"texts"', '"nowhere"', ["[data] path", "or a folder", "no such file"]),
    "empty class": (WORDS, '"texts"', '"empty"', ["[data] path", "empty/none holds no images"]),
    "no classes": (WORDS, '"texts"', '"texts/cat"', ["[data] path", "has no subfolders"]),
    "loose files": (WORDS, '"texts"', '"loose"', ["[data] path", "loose holds a.txt itself"]),
    "both kinds": (WORDS, '"texts"', '"both"', ["[data] path", "texts and images", "a.txt", "b.png"]),
    "not UTF-8": (WORDS, '"texts"', '"latin"', ["[data] encoding", "a.txt is not utf-8 text"]),
    "no image": (WORDS, '"texts"', '"images"', ["a.png", "not an image"]),
    "texts scaled": (WORDS, "test_split", "scale = 2.0\ntest_split", ["[data] scale", "text; leave this out"]),
    "texts with a size": (WORDS, "test_split", "image_size = [2, 2]\ntest_split", ["[data] image_size", "holds texts"]),
    "texts into numbers": (
        WORDS,
        'class = "TextVectorization"\nmax_tokens = 20\noutput_mode = "multi_hot"',
        'class = "Flatten"',
        ["[[model.layers]] number 1 (Flatten)", "begin with TextVectorization"],
    ),
    "size for a table": (SERIES, "window", "image_size = [2, 2]\nwindow", ["image_size", "means nothing with path"]),
    "size of one number": (WORDS, "test_split", "image_size = [2]\ntest_split", ["image_size", "height and width"]),
    "text of no column": (
        CONFIGS["reviews"],
        'text = "review"',
        'text = "revue"',
        ["[data] text", 'did you mean "review"?'],
    ),
    "text and features": (
        CONFIGS["reviews"],
        "text =",
        'features = "stars"\ntext =',
        ["[data] features", "means nothing with text"],
    ),
    "text as the target": (CONFIGS["reviews"], 'target = "label"', 'target = "review"', ["is the target as well"]),
    "text in a folder": (WORDS, "test_split", 'text = "a"\ntest_split', ["[data] text", "means nothing with path"]),
    "window too long": (SERIES, "window = 4", "window = 24", ["[data] window", "24 rows"]),
    "window zero": (SERIES, "window = 4", "window = 0", ["[data] window", "at least 1"]),
    "horizon too far": (SERIES, "window = 4", "window = 4\nhorizon = 30", ["[data] window", "30 after"]),
    "horizon alone": (SERIES, "window = 4", "horizon = 2", ["[data] horizon", "means nothing"]),
    "window shuffled": (
        SERIES,
        "window = 4",
        "window = 4\nshuffle = true",
        ["[data] shuffle", "means nothing with window"],
    ),
    "window with gaps": (SERIES, "window = 4", 'window = 4\nmissing = "drop"', ["[data] missing", "gaps in time"]),
    "window of itself": (
        SERIES,
        'target = "sales"',
        'target = "input"',
        ["[data] target", "means nothing with window"],
    ),
    "window of arrays": (SERIES, '"series.csv"', '"a.npz"', ["[data] window", "means nothing with path"]),
    "text without window": (LANGUAGE, "window = 5\n", "", ["[data] window", "window = 64"]),
    "text with a target": (
        LANGUAGE,
        "window = 5",
        'window = 5\ntarget = "a"',
        ["[data] target", "means nothing with path"],
    ),
    "text too short": (LANGUAGE, "window = 5", "window = 200", ["[data] window", "200 characters"]),
    "vocabulary larger": (LANGUAGE, "units = 4", "units = 3", ["number 2 (Dense)", "set units = 4"]),
    "test of another kind": (LANGUAGE, "test_split = 0.25", 'test_path = "series.csv"', ["[data] test_path", "a text"]),
    "stride of rows": (SERIES, "window = 4", "window = 4\nstride = 2", ["[data] stride", "means nothing"]),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_data(case: str, tmp_path: Path) -> None:
    text, before, after, expected = WRONG[case]
    contents = {
        "empty/none": {},
        "loose": {"a.txt": b"a"},
        "loose/b": {"b.txt": b"b"},
        "both/c": {"a.txt": b"a", "b.png": b"b"},
        "latin/c": {"a.txt": "\u00e9".encode("latin-1")},
        "images/c": {"a.png": b"no image"},
    }
    for folder, files in contents.items():
        (tmp_path / folder).mkdir(parents=True)
        for name, content in files.items():
            (tmp_path / folder / name).write_bytes(content)
    np.savez("a.npz", x=np.zeros(3), y=np.zeros(3))
    assert before in text
    result = run("train", write(tmp_path, text.replace(before, after, 1), "wrong.toml"))
    assert result.exit_code == 2, result.output
    assert "Traceback" not in result.output
    for part in expected:
        assert part in result.output, f"{part!r} is not in {result.output!r}"
    assert not Path("runs").exists()
