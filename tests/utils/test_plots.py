"""Plots of histories, images, confusion matrices and decision boundaries; and the numbers of a confusion matrix."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dualnet
from dualnet.models import Perceptron
from dualnet.utils import confusion_matrix, plot_confusion_matrix, plot_decision_boundary, plot_images
from tests.utils.pictures import ink_share

matplotlib = pytest.importorskip("matplotlib", reason="matplotlib is not installed: pip install 'dualnet[plot]'")
RNG = np.random.default_rng(0)


# History


def history(**arguments: Any) -> Any:
    x = RNG.normal(size=(32, 3)).astype("float32")
    y = (x[:, 0] > 0).astype("int32")
    model = dualnet.Sequential([dualnet.Input((3,)), dualnet.layers.Dense(2, activation="softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy", "sparse_categorical_crossentropy"])
    return model.fit(x, y, epochs=6, verbose=0, **{"validation_data": (x, y), **arguments})


def test_a_panel_for_the_loss_and_every_metric(tmp_path: Path) -> None:
    result = history()
    figure = result.plot(to_file=tmp_path / "h.png", title="a run")
    assert [axes.get_title(loc="left") for axes in figure.axes] == [
        "loss",
        "accuracy",
        "sparse categorical crossentropy",
    ]
    for axes, name in zip(figure.axes, ["loss", "accuracy", "sparse_categorical_crossentropy"]):
        train, valid = axes.lines
        assert train.get_xdata().tolist() == valid.get_xdata().tolist() == [1, 2, 3, 4, 5, 6]
        np.testing.assert_allclose(train.get_ydata(), result.history[name])
        np.testing.assert_allclose(valid.get_ydata(), result.history[f"val_{name}"])
        assert [text.get_text() for text in axes.get_legend().get_texts()] == ["training", "validation"]
    assert figure.get_suptitle() == "a run"
    assert 0.01 < ink_share(tmp_path / "h.png") < 0.5


def test_validation_now_and_then_stands_at_its_epochs() -> None:
    result = history(validation_freq=[2, 5, 6])
    train, valid = result.plot(metrics=["accuracy"]).axes[0].lines
    assert train.get_xdata().tolist() == [1, 2, 3, 4, 5, 6]
    assert valid.get_xdata().tolist() == [2, 5, 6]
    later = history(initial_epoch=4, validation_data=None)
    assert later.plot(["loss"]).axes[0].lines[0].get_xdata().tolist() == [5, 6]
    assert later.plot(["loss"]).axes[0].get_legend() is None


def test_what_else_a_history_may_hold() -> None:
    result = dualnet.callbacks.History()
    with pytest.raises(ValueError, match=r"no epoch is complete yet\. Call fit first"):
        result.plot()
    result.history = {"loss": [100.0, 1.0, float("nan"), 0.1], "learning_rate": [0.1, 0.1, 0.05, 0.05]}
    figure = result.plot()
    assert [axes.get_yscale() for axes in figure.axes] == ["log", "linear"]
    assert figure.axes[0].lines[0].get_xdata().tolist() == [1, 2, 3, 4]
    with pytest.raises(ValueError, match="there is no 'acc' in the history; there are loss, learning_rate"):
        result.plot(["acc"])


# Images


def shown(figure: Any) -> list[Any]:
    return [np.asarray(axes.images[0].get_array()) for axes in figure.axes]


@pytest.mark.parametrize(
    ("images", "expected"),
    [
        (np.full((2, 4, 5), 51, np.uint8), 0.2),
        (np.full((2, 4, 5, 1), 0.2), 0.2),
        (np.stack([np.zeros((4, 5)), np.full((4, 5), 16)]), [0, 1]),
        (np.stack([np.full((4, 5, 3), -1.5), np.full((4, 5, 3), 2.5)]), [0, 1]),
        (np.full((2, 3, 7, 8), 255), 1),
        (np.zeros((2, 4, 5, 4)), 0),
    ],
)
def test_brightness(images: Any, expected: Any) -> None:
    result = shown(plot_images(images))
    for picture, value in zip(result, np.broadcast_to(expected, 2)):
        np.testing.assert_allclose(picture, value)


def test_labels_and_wrong_predictions(tmp_path: Path) -> None:
    images = RNG.uniform(size=(6, 8, 8))
    scores = np.eye(3)[[0, 1, 2, 2, 1, 0]]
    figure = plot_images(
        images, [0, 1, 2, 0, 1, 2], scores, class_names=["cat", "dog", "owl"], to_file=tmp_path / "i.png"
    )
    titles = [axes.title for axes in figure.axes]
    assert [title.get_text() for title in titles] == ["cat", "dog", "owl", "owl (cat)", "dog", "cat (owl)"]
    wrong = [title.get_color() == "#b3261e" for title in titles]
    assert wrong == [False, False, False, True, False, True]
    assert ink_share(tmp_path / "i.png") > 0.3
    only = plot_images(images, predictions=[0, 1, 0, 1, 0, 1])
    assert [axes.get_title() for axes in only.axes] == ["0", "1"] * 3
    words = plot_images(dualnet.ops.array(images), labels=list("abcdef"))
    assert [axes.get_title() for axes in words.axes] == list("abcdef")


def test_grids() -> None:
    images = np.zeros((100, 4, 4))
    for arguments, count in [({}, 64), ({"rows": 2, "cols": 3}, 6), ({"cols": 10}, 70), ({"rows": 5}, 65)]:
        assert len(plot_images(images, **arguments).axes) == count
    assert len(plot_images(images[:1]).axes) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"images": np.zeros((4, 4))}, r"expected images .* got shape \(4, 4\)"),
        ({"images": np.zeros((4, 5, 5, 2))}, "expected images"),
        ({"images": np.zeros((0, 4, 4))}, "expected images"),
        ({"images": np.zeros((3, 4, 4)), "labels": [1, 2]}, "3 images to draw, but only 2 labels"),
        ({"images": np.zeros((1, 4, 4)), "labels": [2], "class_names": ["a"]}, "labels has class 2"),
    ],
)
def test_mistakes_with_images(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        plot_images(**arguments)


# Confusion matrix


def test_confusion_matrix_counts() -> None:
    true, predicted = [0, 0, 1, 2, 2, 2], [0, 1, 1, 2, 0, 2]
    expected = [[1, 1, 0], [0, 1, 0], [1, 0, 2]]
    for a, b in [
        (true, predicted),
        (np.array(true)[:, None], predicted),
        (np.eye(3)[true], np.eye(3)[predicted] * 0.4 + 0.1),
        (np.array(true, float), np.array(predicted, float)),
    ]:
        assert confusion_matrix(a, b).tolist() == expected
    assert confusion_matrix(true, predicted).dtype == np.int64
    assert confusion_matrix(true, predicted, 4).shape == (4, 4)
    weighted = confusion_matrix(true, predicted, sample_weight=[0.5, 1, 1, 1, 1, 2])
    assert weighted.tolist() == [[0.5, 1, 0], [0, 1, 0], [1, 0, 3]]
    assert confusion_matrix([0, 1, 1], [[0.2], [0.5], [0.4]]).tolist() == [[1, 0], [1, 1]]
    assert confusion_matrix([], []).shape == (0, 0)


def test_confusion_matrix_equals_scikit_learn() -> None:
    theirs = pytest.importorskip("sklearn.metrics", reason="scikit-learn is the oracle here")
    true, predicted = RNG.integers(0, 7, 200), RNG.integers(0, 7, 200)
    weight = RNG.uniform(size=200)
    np.testing.assert_array_equal(confusion_matrix(true, predicted), theirs.confusion_matrix(true, predicted))
    np.testing.assert_allclose(
        confusion_matrix(true, predicted, sample_weight=weight),
        theirs.confusion_matrix(true, predicted, sample_weight=weight),
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([0, 1], [0]), "of one length, got 2 and 1"),
        (([0, -1], [0, 1]), "y_true: class ids must be at least 0, got -1"),
        (([0, 1], [0, 1.5]), "must be whole numbers, got 1.5"),
        (([0, 3], [0, 1], 3), "from 0 to num_classes - 1 = 2, got 3"),
        (([[[0]]], [0]), "y_true must be class ids"),
        (([0, 1], [0, 1], 2, [1]), "one number for each of 2 samples, got 1"),
    ],
)
def test_mistakes_in_a_confusion_matrix(arguments: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        confusion_matrix(*arguments)


def test_a_drawn_confusion_matrix(tmp_path: Path) -> None:
    true, predicted = [0, 0, 0, 1, 1], [0, 0, 1, 1, 1]
    figure = plot_confusion_matrix(true, predicted, class_names=["no", "yes"], to_file=tmp_path / "c.png")
    axes = figure.axes[0]
    drawn = sorted((text.get_position(), text.get_text()) for text in axes.texts)
    assert drawn == [((0, 0), "2"), ((1, 0), "1"), ((1, 1), "2")]  # (predicted, true); what never happened stays empty
    np.testing.assert_allclose(axes.images[0].get_array(), [[2 / 3, 1 / 3], [0, 1]])
    assert [label.get_text() for label in axes.get_xticklabels()] == ["no", "yes"]
    assert axes.get_title(loc="left") == "accuracy 0.8000"
    assert 0.05 < ink_share(tmp_path / "c.png") < 0.95
    shares = plot_confusion_matrix(true, predicted, normalize=True).axes[0]
    assert sorted(text.get_text() for text in shares.texts) == ["0.33", "0.67", "1.00"]
    ours = matplotlib.figure.Figure().subplots()
    assert plot_confusion_matrix(true, predicted, ax=ours) is ours.figure
    assert len(ours.texts) == 3
    with pytest.raises(ValueError, match="nothing to plot"):
        plot_confusion_matrix([], [])


# Decision boundary


class Rule:
    """Predicts by a function of the samples."""

    def __init__(self, rule: Any) -> None:
        self.rule = rule

    def predict(self, x: Any) -> Any:
        assert x.dtype == np.float32
        return self.rule(x)


SAMPLES = np.array([[0, 0], [4, 0], [0, 4], [4, 4]], float)


def contour_points(axes: Any) -> Any:
    """All points of the lines that were drawn between the classes."""
    paths = [path for c in axes.collections if type(c).__name__ == "QuadContourSet" for path in c.get_paths()]
    return np.concatenate([path.vertices for path in paths])


RULES: list[tuple[Any, Any]] = [
    (lambda x: 1 / (1 + np.exp(-3 * (x[:, :1] - 1))), [0, 1, 0, 1]),  # a probability
    (lambda x: x[:, :1] - 1, [-1, 1, -1, 1]),  # a score
    (lambda x: np.stack([1 - x[:, 0], x[:, 0] - 1], axis=1), [0, 1, 0, 1]),  # a score for each class
    (lambda x: np.where(x[:, 0] >= 1, 1, 0), [0, 1, 0, 1]),  # class ids
    (lambda x: np.where(x[:, 0] >= 1, 1, -1), [-1, 1, -1, 1]),
]


@pytest.mark.parametrize(("rule", "labels"), RULES)
def test_the_boundary_is_where_the_model_changes_its_mind(rule: Any, labels: Any) -> None:
    figure = plot_decision_boundary(Rule(rule), SAMPLES, labels, resolution=80)
    axes = figure.axes[0]
    points = contour_points(axes)
    np.testing.assert_allclose(points[:, 0], 1, atol=0.06)
    assert points[:, 1].min() < -0.5
    assert points[:, 1].max() > 4.5
    np.testing.assert_allclose((*axes.get_xlim(), *axes.get_ylim()), (-0.6, 4.6, -0.6, 4.6))
    picture = np.asarray(axes.images[0].get_array())
    assert picture.shape == (80, 80)
    assert (picture[:, 0] < picture[:, -1]).all()
    legend = [text.get_text() for text in axes.get_legend().get_texts()]
    assert legend == [str(label) for label in sorted(set(labels))]
    drawn = [c.get_offsets().tolist() for c in axes.collections if type(c).__name__ == "PathCollection"]
    assert drawn == [[[0, 0], [0, 4]], [[4, 0], [4, 4]]]


def test_models_and_a_perceptron(tmp_path: Path) -> None:
    model = dualnet.Sequential([dualnet.Input((2,)), dualnet.layers.Dense(3, activation="softmax")])
    plot_decision_boundary(model, SAMPLES, np.eye(3)[[0, 1, 2, 1]], ["a", "b", "c"], to_file=tmp_path / "d.png")
    assert ink_share(tmp_path / "d.png") > 0.5
    gate = Perceptron().fit(SAMPLES / 4, [0, 0, 0, 1])
    picture = plot_decision_boundary(gate, SAMPLES / 4, [0, 0, 0, 1], resolution=40).axes[0].images[0].get_array()
    assert set(np.unique(picture).tolist()) == {0, 1}
    grey = plot_decision_boundary(gate, SAMPLES / 4, resolution=20)
    assert grey.axes[0].get_legend() is None
    ours = matplotlib.figure.Figure().subplots()
    assert plot_decision_boundary(gate, SAMPLES / 4, ax=ours, resolution=20, title="AND") is ours.figure
    assert ours.get_title(loc="left") == "AND"
    one = plot_decision_boundary(Rule(lambda x: np.zeros(len(x), int)), SAMPLES, [0, 0, 0, 0], resolution=20)
    assert len(one.axes[0].get_legend().get_texts()) == 1


@pytest.mark.parametrize(
    ("x", "y", "rule", "message"),
    [
        (np.zeros((3, 3)), None, RULES[0][0], r"x must have two columns, samples \(n, 2\), got shape \(3, 3\)"),
        (SAMPLES, [0, 1], RULES[0][0], "of one length, got 4 and 2"),
        (SAMPLES, None, lambda x: np.zeros((3, 2)), "one row per sample"),
        (SAMPLES, [0, 1, 2, 3], lambda x: x, "only 2 class_names"),
    ],
)
def test_mistakes_with_a_boundary(x: Any, y: Any, rule: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        plot_decision_boundary(Rule(rule), x, y, class_names=["a", "b"], resolution=10)
