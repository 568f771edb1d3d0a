"""Animations: figures as GIF and HTML, and the callback that records a training."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dualnet
from dualnet import layers
from dualnet.visualization import Animation, animate, figures, plot_decision_boundary

pytest.importorskip("matplotlib", reason="matplotlib is not installed: pip install 'dualnet[plot]'")
RNG = np.random.default_rng(0)
X = RNG.normal(size=(20, 2)).astype("float32")
Y = (X[:, 0] * X[:, 1] > 0).astype("int32")
OPTIONS = {"dpi": 30, "seconds": 0.05}


def frames(path: Path) -> list[Any]:
    """The frames of a GIF as arrays of pixels, after a look at how long they are shown."""
    from PIL import Image

    with Image.open(path) as image:
        assert image.info["loop"] == 0
        count = image.n_frames
        durations, pictures = [], []
        for number in range(count):
            image.seek(number)
            durations.append(image.info["duration"])
            pictures.append(np.asarray(image.convert("RGB")))
    assert durations[-1] >= 1500 + durations[0] or count == 1
    return pictures


def drawn(values: list[float]) -> Any:
    for value in values:
        figure = figures.new_figure("test", 2, 2)
        figure.add_subplot().plot([0, value], [0, 1])
        yield figure


def test_figures_become_a_gif(tmp_path: Path) -> None:
    assert animate(drawn([1, 2, 3]), tmp_path / "a.gif", dpi=40) == tmp_path / "a.gif"
    pictures = frames(tmp_path / "a.gif")
    assert [picture.shape for picture in pictures] == [(80, 80, 3)] * 3
    assert (pictures[0] != pictures[1]).any()
    assert (pictures[0][0, 0] == 255).all()  # white stays white


def test_a_page_holds_its_pictures(tmp_path: Path) -> None:
    animate(drawn([1, 2]), tmp_path / "a.html", seconds=0.25, dpi=40)
    text = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert len(re.findall(r"data:image/png;base64,iVBOR", text)) == 2
    assert not re.findall(r"https?://|@[A-Z]+@", text)
    assert 'max="1"' in text
    assert "250 +" in text


def two_sizes() -> Any:
    yield figures.new_figure("test", 2, 2)
    yield figures.new_figure("test", 3, 2)


@pytest.mark.parametrize(
    ("given", "file", "options", "error", "message"),
    [
        ([], "a.gif", {}, ValueError, "there is no frame"),
        (drawn([1]), "a.mp4", {}, ValueError, "ends in .gif or .html"),
        (two_sizes(), "a.gif", {}, ValueError, "of one size; these have"),
        ([3], "a.gif", {}, TypeError, "frame 0 must be a matplotlib figure, got int"),
        (drawn([1]), "a.gif", {"seconds": 0}, ValueError, "seconds must be from 0.02 on"),
    ],
)
def test_mistakes(given: Any, file: str, options: dict[str, Any], error: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(error, match=message):
        animate(given, tmp_path / file, **options)
    assert list(tmp_path.iterdir()) == []


# -- the callback --------------------------------------------------------------------------------------------------


def boundary_model() -> Any:
    dualnet.utils.set_random_seed(0)
    model = dualnet.Sequential([dualnet.Input((2,)), layers.Dense(8, "tanh"), layers.Dense(1, "sigmoid")])
    model.compile(dualnet.optimizers.Adam(0.1), "binary_crossentropy")
    return model


def line_model() -> Any:
    model = dualnet.Sequential([dualnet.Input((1,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    return model


@pytest.mark.parametrize(
    ("kind", "x", "y", "make"),
    [
        ("decision_boundary", X, Y, boundary_model),
        ("regression", X[:, 0], 3 * X[:, 0] + 1, line_model),
        ("loss", None, None, line_model),
    ],
)
def test_kinds(kind: str, x: Any, y: Any, make: Any, tmp_path: Path) -> None:
    recorder = Animation(tmp_path / "a.gif", x, y, every=2, **OPTIONS)
    assert recorder.kind == kind
    data = (X, Y) if kind == "decision_boundary" else (X[:, :1], X[:, 0])
    make().fit(*data, epochs=5, verbose=0, callbacks=[recorder], validation_split=0.2)
    pictures = frames(tmp_path / "a.gif")
    assert len(pictures) == 4  # after 0, 2, 4 and 5 epochs
    assert (pictures[0] != pictures[-1]).any()


def test_the_training_is_the_same_as_without(tmp_path: Path) -> None:
    weights = []
    for callbacks in ([], [Animation(tmp_path / "a.gif", X, Y, every=10, **OPTIONS)]):
        model = boundary_model()
        model.fit(X, Y, epochs=3, batch_size=8, verbose=0, callbacks=callbacks)
        weights.append([w.tobytes() for w in model.get_weights()])
    assert weights[0] == weights[1]


def test_at_most_sixty_frames_by_default_and_what_was_recorded_can_be_written_later(tmp_path: Path) -> None:
    recorder = Animation(tmp_path / "a.html", X, Y, **OPTIONS)
    with pytest.raises(ValueError, match="no epoch is complete yet"):
        recorder.write()
    recorder.set_model(boundary_model())
    recorder.model.stop_training = False
    recorder.set_params({"epochs": 200})
    recorder.on_train_begin()
    for epoch in range(200):
        recorder.on_epoch_end(epoch, {"loss": 1 / (1 + epoch)})
    assert len(recorder._frames) <= 61
    recorder._frames = recorder._frames[:2]
    assert not (tmp_path / "a.html").exists()
    assert recorder.write() == tmp_path / "a.html"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("a.png", X, Y), "ends in .gif or .html"),
        (("a.gif", X, Y, "curve"), "kind must be one of decision_boundary, regression, loss, got 'curve'"),
        (("a.gif", X, Y[:3]), "of one length, got 20 and 3"),
        (("a.gif", X[:, :1]), "pass x and y"),
        (("a.gif", RNG.normal(size=(4, 3)), Y[:4]), r"\(n,\) or \(n, 1\)"),
        (("a.gif", X, Y, None, 0), "every must be a number of epochs"),
        (("a.gif", X, Y, None, None, ["one"]), "2 classes, but there are only 1 class_names"),
    ],
)
def test_mistakes_with_the_callback(arguments: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Animation(*arguments)


def test_models_become_frames(tmp_path: Path) -> None:
    model = boundary_model()

    def by_epoch() -> Any:
        for _ in range(2):
            model.fit(X, Y, verbose=0)
            yield plot_decision_boundary(model, X, Y, resolution=20)

    animate(by_epoch(), tmp_path / "a.gif", dpi=30)
    assert len(frames(tmp_path / "a.gif")) == 2
