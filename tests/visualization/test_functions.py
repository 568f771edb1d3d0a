"""Plots of activations and losses as functions of one number, and of losses over one or two parameters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import dualnet
from dualnet import layers, losses, visualization
from tests.utils.pictures import ink_share

pytest.importorskip("matplotlib", reason="matplotlib is not installed: pip install 'dualnet[plot]'")


def curves(axes: Any) -> dict[str, tuple[Any, Any]]:
    """label -> x, y of the curves of a panel"""
    return {str(line.get_label()): line.get_data() for line in axes.lines if not str(line.get_label()).startswith("_")}


# Value and derivative.
KNOWN = {
    "sigmoid": (lambda x: 1 / (1 + np.exp(-x)), lambda x: np.exp(-x) / (1 + np.exp(-x)) ** 2),
    "tanh": (np.tanh, lambda x: 1 - np.tanh(x) ** 2),
    "softplus": (lambda x: np.log1p(np.exp(x)), lambda x: 1 / (1 + np.exp(-x))),
}


@pytest.mark.parametrize("name", KNOWN)
def test_an_activation_and_its_derivative(name: str, tmp_path: Path) -> None:
    figure = visualization.plot_activation(name, limits=(-3, 2), to_file=tmp_path / "a.png")
    drawn = curves(figure.axes[0])
    (x, value), (_, slope) = drawn["f(x)"], drawn["f'(x)"]
    assert (x[0], x[-1]) == (-3, 2)
    assert_allclose(value, KNOWN[name][0](x), atol=1e-5)
    assert_allclose(slope, KNOWN[name][1](x), atol=1e-5)
    assert figure.get_suptitle() == name
    assert 0.005 < ink_share(tmp_path / "a.png") < 0.5


def test_several_activations_and_jumps_of_derivatives() -> None:
    figure = visualization.plot_activation(["relu", layers.LeakyReLU(negative_slope=0.2), dualnet.ops.sin])
    functions, slopes = map(curves, figure.axes)
    assert list(functions) == list(slopes) == ["relu", "leaky_re_lu", "sin"]
    x, slope = slopes["leaky_re_lu"]
    known = slope[~np.isnan(slope)]
    assert sorted(np.unique(known.round(4)).tolist()) == [0.2, 1.0]
    assert np.isnan(slope).sum() == 1  # a gap at 0, not a line from 0.2 to 1
    assert abs(x[np.isnan(slope)][0]) < 0.01
    assert_allclose(slopes["sin"][1], np.cos(x), atol=1e-5)
    assert len(visualization.plot_activation(["relu", "elu"], derivative=False).axes) == 1
    assert list(curves(visualization.plot_activation({"a": "relu", "b": "relu"}).axes[0])) == ["a", "b"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"activation": "softmax"}, "softmax is no function of single numbers"),
        ({"activation": []}, "there is no activation to draw"),
        ({"activation": "rleu"}, "rleu"),
        ({"activation": "relu", "limits": (2, 1)}, r"limits must be two numbers, the smaller one first.*got \(2, 1\)"),
        ({"activation": "relu", "limits": 3}, "limits must be two numbers"),
        ({"activation": lambda x: x[:, :2]}, "must give an output of the shape of its input"),
        ({"activation": "relu", "to_file": "a.xyz"}, "expected one of"),
    ],
)
def test_mistakes_with_activations(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        visualization.plot_activation(**arguments)


def test_losses_as_functions_of_the_error() -> None:
    figure = visualization.plot_loss(["mse", losses.Huber(delta=0.5), losses.mean_absolute_error], derivative=True)
    values, slopes = map(curves, figure.axes)
    assert list(values) == ["mse", "huber_loss", "mean_absolute_error"]
    e, squared = values["mse"]
    assert (e[0], e[-1]) == (-3, 3)
    assert_allclose(squared, e**2, atol=1e-5)
    assert_allclose(values["huber_loss"][1], np.where(np.abs(e) <= 0.5, e**2 / 2, 0.5 * (np.abs(e) - 0.25)), atol=1e-5)
    assert_allclose(slopes["mse"][1], 2 * e, atol=1e-5)
    assert figure.axes[0].get_xlabel() == "error: prediction - target"


def test_cross_entropies_are_drawn_from_0_to_1() -> None:
    axes = visualization.plot_loss("binary_crossentropy", y_true=1).axes[0]
    ((p, value),) = curves(axes).values()
    assert (p[0], p[-1]) == (0, 1)
    assert_allclose(value[100:-1], -np.log(p[100:-1]), atol=1e-5)
    assert axes.get_xlabel() == "prediction; the target is 1"
    with_logits = visualization.plot_loss(losses.BinaryCrossentropy(from_logits=True), y_true=1).axes[0]
    assert with_logits.get_xlim() == (-2, 4)
    with pytest.raises(ValueError, match="must give one number for each prediction"):
        visualization.plot_loss({"sum": lambda y, p: dualnet.ops.sum(p - y)})


# -- surfaces ------------------------------------------------------------------------------------------------------


def line_model() -> tuple[Any, Any, Any]:
    x = np.linspace(-1, 1, 20, dtype="float32")[:, None]
    model = dualnet.Sequential([dualnet.Input((1,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    model.set_weights([np.array([[0.5]], "float32"), np.array([-0.25], "float32")])
    return model, x, 3 * x + 1


def test_a_function_of_one_number_and_of_two(tmp_path: Path) -> None:
    path = np.array([2.0, 1.0, 0.5])
    figure = visualization.plot_loss_surface(lambda w: w**2, path={"steps": path}, limits=(-2, 3))
    curve, steps = figure.axes[0].lines
    assert_allclose(curve.get_ydata(), curve.get_xdata() ** 2)
    assert_allclose(steps.get_data(), [path, path**2])
    assert figure.axes[0].get_xlim() == (-2, 3)
    two = visualization.plot_loss_surface(
        lambda a, b: a**2 + 3 * b**2, path=np.array([[2, 1], [1, 0]]), labels=("a", "b"), to_file=tmp_path / "s.png"
    )
    axes, bar = two.axes
    assert (axes.get_xlabel(), axes.get_ylabel(), bar.get_ylabel()) == ("a", "b", "loss")
    assert any(np.array_equal(line.get_xydata(), [[2, 1], [1, 0]]) for line in axes.lines)
    assert ink_share(tmp_path / "s.png") > 0.3
    raised = visualization.plot_loss_surface(lambda a, b: a * b, kind="surface", path=np.zeros((2, 2)))
    assert raised.axes[0].get_zlabel() == "loss"


def test_the_surface_of_a_line_is_that_of_its_two_parameters(monkeypatch: pytest.MonkeyPatch) -> None:
    from dualnet.visualization import loss_surface

    model, x, y = line_model()
    before = [w.tobytes() for w in model.get_weights()]
    drawn: list[Any] = []
    monkeypatch.setattr(loss_surface, "_contours", lambda axes, grid, values, *rest: drawn.extend([grid, values]))
    figure = visualization.plot_loss_surface(model, x, y, resolution=5, limits=((0, 4), (-1, 3)))
    (w, b), values = drawn
    expected = [[np.mean((i * x + j - y) ** 2) for i in np.linspace(0, 4, 5)] for j in np.linspace(-1, 3, 5)]
    assert_allclose(values, expected, rtol=1e-5, atol=1e-6)
    assert_array_equal(w[0], np.linspace(0, 4, 5))
    assert_array_equal(b[:, 0], np.linspace(-1, 3, 5))
    assert figure.axes[0].get_xlabel() == f"{model.layers[0].name}/kernel[0, 0]"
    assert figure.axes[0].lines[-1].get_xydata().tolist() == [[0.5, -0.25]]  # the present weights
    assert [w.tobytes() for w in model.get_weights()] == before


def test_parameters_and_directions_of_a_larger_model() -> None:
    model = dualnet.Sequential(
        [dualnet.Input((4,)), layers.Dense(3, "tanh", name="a"), layers.BatchNormalization(), layers.Dense(2)]
    )
    model.compile("sgd", "mse")
    x, y = np.ones((8, 4), "float32"), np.ones((8, 2), "float32")
    before = [w.tobytes() for w in model.get_weights()]
    axes = visualization.plot_loss_surface(model, x, y, resolution=3).axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("direction 1", "direction 2")
    one = visualization.plot_loss_surface(model, x, y, parameters=[("a/kernel", (0, 1))], resolution=3).axes[0]
    assert one.get_xlabel() == "a/kernel[0, 1]"
    assert len(one.lines[0].get_xdata()) == 3
    bias = model.layers[-1].bias
    visualization.plot_loss_surface(model, x, y, parameters=[(bias, 0), (bias, 1)], resolution=3)
    with pytest.raises(ValueError, match="has shape|expected|shape"):
        visualization.plot_loss_surface(model, x[:, :2], y, resolution=3)
    assert [w.tobytes() for w in model.get_weights()] == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"loss": lambda a, b, c: a}, "must take one or two numbers, it takes 3"),
        ({"loss": lambda a: 1.0}, "must return the loss of each of 201 points"),
        ({"loss": lambda a: a * np.nan}, "finite nowhere"),
        ({"loss": lambda a, b: a, "limits": (0, 1)}, "limits of the first parameter must be two numbers"),
        ({"loss": lambda a, b: a, "limits": 1}, "a pair of pairs"),
        ({"loss": lambda a, b: a, "path": np.zeros((3, 3))}, r"points \(steps, 2\), got shape \(3, 3\)"),
        ({"loss": lambda a, b: a, "kind": "3d"}, 'kind must be "contour" or "surface"'),
        ({"loss": lambda a, b: a, "labels": ["a"]}, "expected 2 labels"),
        ({"parameters": [("dense/kernle", (0, 0))]}, "no trainable weight 'dense/kernle'; there are"),
        ({"parameters": [("KERNEL", (0, 7))]}, "no index of one number in a weight of shape"),
        ({"parameters": [("KERNEL", 0)] * 3}, "one or two pairs"),
        ({"kind": "surface", "path": np.zeros((1, 2))}, "has no heights"),
        ({"x": None}, "pass x and y"),
    ],
)
def test_mistakes_with_surfaces(arguments: dict[str, Any], message: str) -> None:
    if "loss" not in arguments:
        model, x, y = line_model()
        arguments = {"loss": model, "x": x, "y": y, "resolution": 3} | arguments
        pairs = arguments.get("parameters")
        if pairs:
            arguments["parameters"] = [(model.layers[0].kernel if w == "KERNEL" else w, i) for w, i in pairs]
    with pytest.raises(ValueError, match=message):
        visualization.plot_loss_surface(**arguments)


def test_what_is_neither_a_function_nor_a_compiled_model() -> None:
    with pytest.raises(TypeError, match="needs a function or a compiled model, got int"):
        visualization.plot_loss_surface(3)
    with pytest.raises(ValueError, match="call compile"):
        visualization.plot_loss_surface(dualnet.Sequential([dualnet.Input((1,)), layers.Dense(1)]))
