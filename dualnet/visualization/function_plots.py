"""`plot_activation` and `plot_loss`: functions of one number, and their derivatives."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from .. import activations, losses
from ..core.gradients import GradientTape
from ..ops import convert_to_tensor
from . import figures

_POINTS = 1201


def plot_activation(
    activation: Any,
    limits: tuple[float, float] = (-5.0, 5.0),
    derivative: bool = True,
    title: str | None = None,
    to_file: Any = None,
    dpi: float = 120,
) -> Any:
    """Draw activation functions and their derivatives, which are computed by the tape.

    Args:
        activation: a name such as `"relu"`, a function of a tensor or a layer such as `LeakyReLU(0.2)`; a list of these, or a
            dictionary from labels to them. One function is drawn with its derivative in one panel, several in two.
        limits: the inputs, from and to.
        derivative: whether to draw the derivatives.
        title: above the plot.
        to_file: file to save (PNG, SVG or PDF, by its suffix); None for no file.
        dpi: pixels per inch.

    Returns:
        A matplotlib figure, which a notebook displays.

    Raises:
        ImportError: matplotlib, the extra `plot`, is not installed.
        ValueError: there is no such activation, or it is no function of single numbers, such as softmax.
    """
    figures.matplotlib("plot_activation")
    functions = _labelled(activation, activations.get, "activation")
    x = _points(limits)
    curves = {}
    for label, function in functions.items():
        curves[label] = _values(function, x, label)
        part, _ = _values(function, x[: _POINTS // 3], label)
        if not np.allclose(curves[label][0][: _POINTS // 3], part, atol=1e-5, equal_nan=True):
            raise ValueError(f"{label} is no function of single numbers: what it gives for one depends on the others")
    return _draw(curves, x, derivative, "x", "f(x)", "f'(x)", title, to_file, dpi, "plot_activation")


def plot_loss(
    loss: Any,
    y_true: float = 0.0,
    limits: tuple[float, float] | None = None,
    derivative: bool = False,
    title: str | None = None,
    to_file: Any = None,
    dpi: float = 120,
) -> Any:
    """Draw losses as functions of the prediction for one target: with the target 0, as functions of the error.

    Args:
        loss: a name such as `"mean_squared_error"`, a function of `(y_true, y_pred)` or a loss such as `Huber(delta=2.0)`; a list of
            these, or a dictionary from labels to them.
        y_true: the target.
        limits: the predictions, from and to. By default 3 to each side of the target; from 0 to 1 if all losses are cross-entropies of
            probabilities.
        derivative: whether to draw the derivatives with respect to the prediction, too, which are what a model learns from.
        title, to_file, dpi: as for `plot_activation`.

    Returns:
        A matplotlib figure, which a notebook displays.

    Raises:
        ImportError: matplotlib, the extra `plot`, is not installed.
        ValueError: there is no such loss, or it is none of one number, such as the categorical cross-entropy.
    """
    figures.matplotlib("plot_loss")
    functions = _labelled(loss, losses.get, "loss")
    if limits is None:
        limits = (0.0, 1.0) if all(map(_takes_probabilities, functions.values())) else (y_true - 3.0, y_true + 3.0)
    x = _points(limits)
    curves = {}
    for label, function in functions.items():
        call = function.call if isinstance(function, losses.Loss) else function
        curves[label] = _values(functools.partial(_loss_of_each, call, y_true, label), x, label)
    name = "error: prediction - target" if y_true == 0 else f"prediction; the target is {y_true:g}"
    return _draw(curves, x, derivative, name, "loss", "derivative of the loss", title, to_file, dpi, "plot_loss")


def _loss_of_each(call: Callable[..., Any], y_true: float, label: str, predictions: Any) -> Any:
    """The loss of each prediction.  predictions: (1, n) -> (1, n)"""
    column = predictions.reshape((-1, 1))
    target = convert_to_tensor(np.full(column.shape, y_true, "float32"))
    value = call(target, column)
    if tuple(getattr(value, "shape", ())) != (column.shape[0],):
        raise ValueError(f"{label} must give one number for each prediction, it gave shape {tuple(value.shape)}")
    return value.reshape((1, -1))


def _takes_probabilities(loss: Any) -> bool:
    function = loss.fn if hasattr(loss, "fn") else loss
    name = getattr(function, "__name__", type(loss).__name__).lower()
    return "crossentropy" in name and not getattr(loss, "from_logits", False)


def _labelled(values: Any, get: Callable[[Any], Any], what: str) -> dict[str, Callable[..., Any]]:
    """label -> function"""
    if isinstance(values, Mapping):
        named = {str(label): get(value) for label, value in values.items()}
    else:
        several = list(values) if isinstance(values, (list, tuple)) else [values]
        named = {}
        for value in several:
            label = _label(value)
            named[label if label not in named else f"{label} ({len(named) + 1})"] = get(value)
    if not named:
        raise ValueError(f"there is no {what} to draw: the list is empty")
    for label, function in named.items():
        if not callable(function):
            raise TypeError(f"{what} {label} must be a name or a function, got {type(function).__name__}")
    return named


def _label(value: Any) -> str:
    if isinstance(value, str):
        return value
    if inspect.isroutine(value):
        return str(value.__name__).replace("<lambda>", "function")
    return str(getattr(value, "name", None) or getattr(value, "__name__", None) or type(value).__name__)


def _points(limits: Any) -> Any:
    low, high = _interval(limits, "limits")
    return np.linspace(low, high, _POINTS, dtype="float32")


def _interval(limits: Any, name: str) -> tuple[float, float]:
    try:
        low, high = map(float, limits)
    except (TypeError, ValueError):
        low, high = np.nan, np.nan
    if not (np.isfinite([low, high]).all() and low < high):
        raise ValueError(f"{name} must be two numbers, the smaller one first, such as (-5, 5), got {limits!r}")
    return low, high


def _values(function: Callable[..., Any], x: Any, label: str) -> tuple[Any, Any]:
    """A function and its derivative at the points x, of one row."""
    point = convert_to_tensor(x[None, :])
    with GradientTape() as tape:
        tape.watch(point)
        value = function(point)
    if tuple(getattr(value, "shape", ())) != tuple(point.shape):
        got = tuple(getattr(value, "shape", ())) or type(value).__name__
        raise ValueError(f"{label} must give an output of the shape of its input, {tuple(point.shape)}, it gave {got}")
    gradient = tape.gradient(value, point)
    slope = np.zeros_like(x) if gradient is None else figures.to_numpy(gradient)[0]
    return figures.to_numpy(value)[0], slope


def _draw(
    curves: dict[str, tuple[Any, Any]],
    x: Any,
    derivative: bool,
    x_label: str,
    y_label: str,
    slope_label: str,
    title: str | None,
    to_file: Any,
    dpi: float,
    caller: str,
) -> Any:
    """One function with its derivative in one panel; several functions in one panel, their derivatives in another."""
    several = len(curves) > 1
    panels = 2 if several and derivative else 1
    figure = figures.new_figure(caller, 0.8 + 4.2 * panels, 3.6, dpi, shown=to_file is None, layout="constrained")
    axes = [figure.add_subplot(1, panels, n + 1) for n in range(panels)]
    for (label, (value, slope)), style in zip(curves.items(), figures.line_styles()):
        axes[0].plot(x, value, label=label if several or not derivative else y_label, **style)
        if derivative and several:
            axes[1].plot(x, _with_gaps(slope), label=label, **style)
        elif derivative:
            axes[0].plot(
                x, _with_gaps(slope), label=slope_label, color=figures.CLASSES[5], linewidth=1.8, linestyle="--"
            )
    for panel, text in zip(axes, (y_label if several or not derivative else "", slope_label)):
        panel.axhline(0, color="#bbbbbb", linewidth=0.8, zorder=0)
        if x[0] < 0 < x[-1]:
            panel.axvline(0, color="#bbbbbb", linewidth=0.8, zorder=0)
        panel.set_xlim(x[0], x[-1])
        panel.set_xlabel(x_label, fontsize=9, color=figures.MUTED)
        panel.set_ylabel(text, fontsize=9, color=figures.MUTED)
        figures.plain(panel)
    axes[0].legend(fontsize=8.5, frameon=False)
    if title or not several:
        figure.suptitle(title or next(iter(curves)), fontsize=11)
    return figures.finish(figure, to_file, dpi)


def _with_gaps(slope: Any) -> Any:
    """A derivative with a gap where it jumps, instead of a line that is nearly vertical."""
    slope = np.array(slope, np.float64)
    steps = np.abs(np.diff(slope))
    typical = np.median(steps) + 1e-9
    jumps = np.flatnonzero((steps > 0.05 * (np.ptp(slope) or 1)) & (steps > 50 * typical))
    slope[jumps] = np.nan
    return slope
