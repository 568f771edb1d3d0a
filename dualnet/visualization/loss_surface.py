"""`plot_loss_surface`: the loss over one or two parameters, and the paths of optimizers on it."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..core.tracing import no_grad
from ..training.data_adapters.packing import unpack_x_y_sample_weight
from . import figures
from .function_plots import _interval


def plot_loss_surface(
    loss: Any,
    x: Any = None,
    y: Any = None,
    parameters: Sequence[tuple[Any, Any]] | None = None,
    limits: Any = None,
    path: Any = None,
    kind: str = "contour",
    resolution: int | None = None,
    labels: Sequence[str] | None = None,
    seed: int = 0,
    title: str | None = None,
    to_file: Any = None,
    dpi: float = 120,
    ax: Any = None,
) -> Any:
    """Draw a loss over one parameter as a curve, or over two as a map of contours or a surface.

    Args:
        loss: a function of one or two numbers, which gets NumPy arrays of all points of the picture at once, and returns their losses;
            or a compiled model, whose weights are moved for the picture and put back.
        x, y: the data of a model's loss, all of it in one batch.
        parameters: which numbers of a model are moved: one or two pairs of a weight, by its path such as `"dense/kernel"` or itself, and
            an index in it. By default all parameters, if there are one or two; for other models two random directions, in which each
            filter moves in proportion to its norm  (Li et al., arXiv:1712.09913).
        limits: from and to for one parameter, a pair of these for two. By default -3 to 3 for a function, 2 to each side of the present
            values for parameters of a model, and -1 to 1 for directions.
        path: points `(steps, 1)` or `(steps, 2)`, such as those of an optimizer, drawn as a line with a circle at its start and a
            star at its end; or a dictionary from labels to such arrays.
        kind: of two parameters, `"contour"` or `"surface"`.
        resolution: points along each side: 201 by default for a function, 25 for a model, which is run for each of them.
        labels: names of the parameters.
        seed: of the random directions.
        title: above the plot.
        to_file: file to save (PNG, SVG or PDF, by its suffix); None for no file.
        dpi: pixels per inch.
        ax: matplotlib axes to draw in, instead of a new figure; for a surface they need `projection="3d"`.

    Returns:
        A matplotlib figure, which a notebook displays.

    Raises:
        ImportError: matplotlib, the extra `plot`, is not installed.
        ValueError: the function, the limits or the paths do not fit, or the model is not compiled.
    """
    figures.matplotlib("plot_loss_surface")
    if kind not in ("contour", "surface"):
        raise ValueError(f'kind must be "contour" or "surface", got {kind!r}')
    is_model = hasattr(loss, "compute_loss")
    directions = _Directions(loss, parameters, seed) if is_model else None
    dimensions = directions.count if directions is not None else _arguments(loss)
    ranges = _ranges(limits, dimensions, directions)
    resolution = resolution or (25 if is_model else 201)
    names = (
        list(labels)
        if labels is not None
        else directions.names
        if directions is not None
        else ["w"]
        if dimensions == 1
        else ["w1", "w2"]
    )
    if len(names) != dimensions:
        raise ValueError(f"expected {dimensions} labels, one for each parameter, got {len(names)}")
    paths = _paths(path, dimensions)
    surface = kind == "surface" and dimensions == 2
    if surface and is_model and paths:
        raise ValueError('a path on the surface of a model has no heights: draw it with kind="contour"')
    grid = np.meshgrid(*(np.linspace(low, high, resolution) for low, high in ranges), indexing="xy")
    points = np.stack([side.reshape(-1) for side in grid], axis=-1)
    values = (
        _of_model(loss, directions, points, x, y) if directions is not None else _of_function(loss, points)
    ).reshape(grid[0].shape)
    if not np.isfinite(values).any():
        raise ValueError("the loss is finite nowhere within the limits: choose others")

    if ax is not None:
        axes = ax
    else:
        figure = figures.new_figure("plot_loss_surface", 5.4, 4.3, dpi, to_file is None, layout="constrained")
        axes = figure.add_subplot(projection="3d" if surface else None)
    draw = _curve if dimensions == 1 else _surface if surface else _contours
    draw(axes, grid, values, paths, loss if not is_model else None)
    if directions is not None and dimensions == 2 and not surface:
        axes.plot(*directions.present, marker="+", markersize=11, markeredgewidth=2, color="white", zorder=4)
    for set_label, name in zip((axes.set_xlabel, axes.set_ylabel), [*names, "loss"][:2]):
        set_label(name, fontsize=9, color=figures.MUTED)
    axes.tick_params(labelsize=8)
    if not surface:
        axes.set_xlim(*ranges[0])
    if dimensions == 2 and not surface:
        axes.set_ylim(*ranges[1])
    if any(paths):
        on_map = {"facecolor": "#5a5a5a", "labelcolor": "white"} if dimensions == 2 and not surface else {}
        axes.legend(fontsize=8, framealpha=0.9, edgecolor="none", **on_map)
    if title:
        axes.set_title(title, fontsize=10.5, loc="left")
    return figures.finish(axes.figure, to_file, dpi)


# -- drawing -------------------------------------------------------------------------------------------------------


def _curve(axes: Any, grid: Any, values: Any, paths: dict[str, Any], function: Any) -> None:
    axes.plot(grid[0], values, color=figures.TRAIN, linewidth=1.8)
    for (label, points), style in zip(paths.items(), figures.line_styles(skip=1)):
        heights = np.interp(points[:, 0], grid[0], values) if function is None else _of_function(function, points)
        axes.plot(points[:, 0], heights, marker="o", markersize=3.5, label=label or None, **style)
    figures.plain(axes)


def _contours(axes: Any, grid: Any, values: Any, paths: dict[str, Any], function: Any) -> None:
    finite = values[np.isfinite(values)]
    low, high = float(finite.min()), float(np.quantile(finite, 0.98))
    span = (high - low) or 1.0
    # Steps that grow away from the minimum: a valley and its slopes are both visible.
    levels = low + span * np.linspace(0, 1, 16) ** 2.5
    filled = axes.contourf(*grid, values, levels=levels, cmap="viridis", extend="max")
    axes.contour(*grid, values, levels=levels[1:], colors="white", linewidths=0.35, alpha=0.6)
    bar = axes.figure.colorbar(
        filled,
        ax=axes,
        ticks=levels[::2],
        format=lambda v, _: f"{v:.3g}" if abs(v) > 1e-4 * abs(high) else "0",
        shrink=0.9,
    )
    bar.set_label("loss", fontsize=9, color=figures.MUTED)
    bar.ax.tick_params(labelsize=8)
    bar.outline.set_visible(False)
    for (label, points), colour in zip(paths.items(), _PATH_COLOURS * (1 + len(paths))):
        axes.plot(*points.T, color="#222222", linewidth=3.0, alpha=0.55, solid_capstyle="round")
        axes.plot(*points.T, color=colour, linewidth=1.6, label=label or None, solid_capstyle="round")
        axes.plot(*points[0], marker="o", color=colour, markeredgecolor="#222222", markersize=6, zorder=4)
        axes.plot(*points[-1], marker="*", color=colour, markeredgecolor="#222222", markersize=11, zorder=5)


# Light colours that stand out from viridis, and from each other with colour blindness.
_PATH_COLOURS = ("#ffffff", "#f0a030", "#ff6fb5", "#9be7ff", "#d0d0d0", "#ff5a36")


def _surface(axes: Any, grid: Any, values: Any, paths: dict[str, Any], function: Any) -> None:
    shown = np.where(np.isfinite(values), values, np.nan)
    axes.plot_surface(*grid, shown, cmap="viridis", linewidth=0, antialiased=True, alpha=0.85 if paths else 1.0)
    axes.set_zlabel("loss", fontsize=9, color=figures.MUTED)
    for (label, points), style in zip(paths.items(), figures.line_styles(skip=1)):
        axes.plot(*points.T, _of_function(function, points), label=label or None, zorder=5, **style)


# -- values --------------------------------------------------------------------------------------------------------


def _arguments(function: Any) -> int:
    """The number of parameters of a function, one or two."""
    if not callable(function):
        raise TypeError(f"plot_loss_surface needs a function or a compiled model, got {type(function).__name__}")
    required = [
        p for p in inspect.signature(function).parameters.values()
        if p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
    ]  # fmt: skip
    if len(required) not in (1, 2):
        raise ValueError(f"the function must take one or two numbers, it takes {len(required)}")
    return len(required)


def _of_function(function: Callable[..., Any], points: Any) -> Any:
    values = np.asarray(figures.to_numpy(function(*points.T)), np.float64)
    if values.shape != (len(points),):
        raise ValueError(
            f"the function must return the loss of each of {len(points)} points, an array of that length, got shape {values.shape}"
        )
    return values


class _Directions:
    """One or two directions in the space of a model's trainable weights.

    present: the coordinates of the weights as they are.
    """

    def __init__(self, model: Any, parameters: Any, seed: int) -> None:
        model._check_compiled("plot_loss_surface")
        variables = model.trainable_variables
        if not variables:
            raise ValueError(
                f"model {model.name!r} has no trainable weights; a model that is not built yet is called once first"
            )
        if parameters is None and sum(math.prod(v.shape) for v in variables) <= 2:
            parameters = [(v, index) for v in variables for index in np.ndindex(tuple(v.shape))]
        self.model_name = model.name
        self.are_parameters = parameters is not None
        self.steps: list[dict[int, Any]] = []
        self.names: list[str] = []
        self.present: list[float] = []
        self.variables = variables
        for weight, index in parameters or ():
            variable = self._variable(weight)
            value = variable.numpy()
            step = np.zeros_like(value)
            try:
                step[index] = 1
                size, present = int(np.sum(step)), np.asarray(value[index])
            except (IndexError, TypeError, ValueError):
                size, present = 0, np.zeros(0)
            if size != 1 or present.size != 1:
                raise ValueError(
                    f"{variable.path}: {index!r} is no index of one number in a weight of shape {value.shape}"
                )
            self.steps.append({id(variable): step})
            numbers = ", ".join(map(str, index if isinstance(index, tuple) else (index,)))
            self.names.append(f"{self._short(variable)}[{numbers}]" if numbers else self._short(variable))
            self.present.append(float(present.reshape(())))
        if parameters is None:
            random = np.random.default_rng(seed)
            self.steps = [{id(v): _random_direction(v.numpy(), random) for v in variables} for _ in range(2)]
            self.names, self.present = ["direction 1", "direction 2"], [0.0, 0.0]
        self.count = len(self.steps)
        if self.count not in (1, 2):
            raise ValueError(f"parameters must be one or two pairs of a weight and an index, got {self.count}")

    def _short(self, variable: Any) -> str:
        """The path of a weight without the name of the model."""
        return str(variable.path).removeprefix(f"{self.model_name}/")

    def _variable(self, weight: Any) -> Any:
        for variable in self.variables:
            if variable is weight or weight in (variable.path, self._short(variable)):
                return variable
        known = ", ".join(map(self._short, self.variables))
        raise ValueError(f"there is no trainable weight {getattr(weight, 'path', weight)!r}; there are {known}")

    def moved(self, value: Any, variable: Any, point: Any) -> Any:
        """The value of a weight at a point of the picture."""
        for step, coordinate, present in zip(self.steps, point, self.present):
            if id(variable) in step:
                value = value + (coordinate - present) * step[id(variable)]
        return value.astype(variable.numpy().dtype)


def _random_direction(value: Any, random: Any) -> Any:
    """A random direction whose norm is that of the weight in every filter or unit, the last axis; zero for biases."""
    if value.ndim < 2:
        return np.zeros_like(value)
    direction = random.normal(size=value.shape)
    axes = tuple(range(value.ndim - 1))
    norms = np.linalg.norm(direction.reshape(-1, value.shape[-1]), axis=0)
    wanted = np.sqrt((value.astype(np.float64) ** 2).sum(axis=axes))
    return direction * (wanted / np.maximum(norms, 1e-12))


def _of_model(model: Any, directions: _Directions, points: Any, x: Any, y: Any) -> Any:
    """The loss of a model at each point."""
    if x is None:
        raise ValueError("the loss of a model needs data: pass x and y")
    data = unpack_x_y_sample_weight(model._one_batch(x, y))
    moving = [v for v in directions.variables if any(id(v) in step for step in directions.steps)]
    with _restored(moving) as before, no_grad(), model._backend().computing():
        results = []
        for point in points:
            for variable, value in zip(moving, before):
                variable.assign(directions.moved(value, variable, point))
            results.append(model._forward(*data, False)[1])
        return np.array([float(value) for value in results])


@contextmanager
def _restored(variables: Sequence[Any]) -> Any:
    """The values of some weights, which are put back bit for bit."""
    before = [v.numpy() for v in variables]
    try:
        yield before
    finally:
        for variable, value in zip(variables, before):
            variable.assign(value)


def _ranges(limits: Any, dimensions: int, directions: _Directions | None) -> list[tuple[float, float]]:
    if limits is None:
        if directions is None:
            return [(-3.0, 3.0)] * dimensions
        reach = 2.0 if directions.are_parameters else 1.0
        return [(value - reach, value + reach) for value in directions.present]
    if dimensions == 1:
        return [_interval(limits, "limits")]
    try:
        first, second = limits
    except (TypeError, ValueError):
        raise ValueError(f"limits must be a pair of pairs, such as ((-3, 3), (-1, 1)), got {limits!r}") from None
    return [_interval(first, "limits of the first parameter"), _interval(second, "limits of the second parameter")]


def _paths(path: Any, dimensions: int) -> dict[str, Any]:
    if path is None:
        return {}
    named = dict(path) if isinstance(path, Mapping) else {"": path}
    result = {}
    for label, points in named.items():
        points = np.asarray(figures.to_numpy(points), np.float64)
        if dimensions == 1 and points.ndim == 1:
            points = points[:, None]
        if points.ndim != 2 or points.shape[1] != dimensions or not len(points):
            raise ValueError(f"a path must be points (steps, {dimensions}), got shape {points.shape}")
        result[str(label)] = points
    return result
