"""`plot_confusion_matrix` and `plot_decision_boundary`: the predictions of a classifier."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..utils.numerical_utils import class_ids, confusion_matrix
from . import figures


def plot_confusion_matrix(
    y_true: Any,
    y_pred: Any,
    class_names: Sequence[str] | None = None,
    normalize: bool = False,
    title: str | None = None,
    to_file: Any = None,
    dpi: float = 120,
    cmap: str = "Blues",
    ax: Any = None,
) -> Any:
    """Draw a confusion matrix: a row per true class, a column per predicted class.

    Args:
        y_true, y_pred: as for `confusion_matrix`: class ids, probabilities, scores or one-hot rows.
        class_names: names of the class ids.
        normalize: print the fractions of each row instead of counts. The colours always show the fractions.
        title: above the matrix; the accuracy by default.
        to_file: file to save (PNG, SVG or PDF, by its suffix); None for no file.
        dpi: pixels per inch.
        cmap: matplotlib's colour map.
        ax: matplotlib axes to draw in, instead of a new figure.

    Returns:
        A matplotlib figure, which a notebook displays.

    Raises:
        ImportError: matplotlib, the extra `plot`, is not installed.
        ValueError: as for `confusion_matrix`, or there are fewer names than classes.
    """
    library = figures.matplotlib("plot_confusion_matrix")
    counts = confusion_matrix(
        figures.to_numpy(y_true), figures.to_numpy(y_pred), None if class_names is None else len(class_names)
    )
    size = len(counts)
    if not size:
        raise ValueError("y_true and y_pred are empty: there is nothing to plot")
    names = [str(i) for i in range(size)] if class_names is None else list(class_names)
    fractions = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = min(max(3.2, 1.6 + 0.42 * size), 14.0)
    axes = figures.axes_of("plot_confusion_matrix", ax, side + 0.5, side, dpi, shown=to_file is None)
    axes.imshow(fractions, cmap=cmap, vmin=0, vmax=1)
    for axis, label in ((axes.xaxis, "predicted"), (axes.yaxis, "true")):
        axis.set_ticks(range(size), names, fontsize=8.5)
        axis.set_ticks(np.arange(size - 1) + 0.5, minor=True)
        axis.set_label_text(label, fontsize=9.5, color=figures.MUTED)
    if max(map(len, names)) > 3:
        axes.set_xticks(range(size), names, fontsize=8.5, rotation=45, ha="right", rotation_mode="anchor")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.grid(which="minor", color="white", linewidth=1.2)
    axes.tick_params(which="minor", length=0)
    font_size = min(9.5, max(4.5, 130 / size))
    colours = library.colormaps[cmap]
    for i in range(size):
        for j in range(size):
            if counts[i, j]:
                text = f"{fractions[i, j]:.2f}" if normalize else f"{counts[i, j]:,}"
                red, green, blue, _ = colours(fractions[i, j])
                ink = "white" if 0.299 * red + 0.587 * green + 0.114 * blue < 0.55 else figures.INK
                axes.text(j, i, text, ha="center", va="center", fontsize=font_size, color=ink)
    accuracy = np.trace(counts) / counts.sum()
    axes.set_title(f"accuracy {accuracy:.4f}" if title is None else title, fontsize=10.5, loc="left")
    return figures.finish(axes.figure, to_file, dpi)


def plot_decision_boundary(
    model: Any,
    x: Any,
    y: Any = None,
    class_names: Sequence[str] | None = None,
    resolution: int = 200,
    margin: float = 0.15,
    title: str | None = None,
    to_file: Any = None,
    dpi: float = 120,
    ax: Any = None,
) -> Any:
    """Draw the predictions of a model with two inputs as regions of the plane, and samples on top.

    For a single output between 0 and 1 the shade shows the probability, with a line at 0.5; for an unbounded one the
    line is at 0. For an output per class, or class ids, each class has a colour.

    Args:
        model: any object with `predict(x)`: a model, a `Perceptron`, an estimator of scikit-learn.
        x: samples `(n, 2)`, which determine the visible part of the plane.
        y: their classes: ids, -1 and 1, or one-hot rows. Without them the samples are grey.
        class_names: for the legend; the ids by default.
        resolution: number of predictions along each side.
        margin: around the samples, as a fraction of their range.
        title, to_file, dpi, ax: as for `plot_confusion_matrix`.

    Returns:
        A matplotlib figure, which a notebook displays.

    Raises:
        ImportError: matplotlib, the extra `plot`, is not installed.
        ValueError: `x` does not have two columns, or a length differs.
    """
    figures.matplotlib("plot_decision_boundary")
    x, classes, labels = checked_samples(x, y)
    sides = plane(x, resolution, margin)
    output = predictions(model, grid_of(sides))
    axes = figures.axes_of("plot_decision_boundary", ax, 5.0, 4.3, dpi, shown=to_file is None)
    draw_boundary(axes, sides, output, x, classes, labels, class_names)
    if title:
        axes.set_title(title, fontsize=10.5, loc="left")
    return figures.finish(axes.figure, to_file, dpi)


def checked_samples(x: Any, y: Any) -> tuple[Any, Any, list[int]]:
    """Samples (n, 2), the index of each one's class or None, and the labels of the classes."""
    x = np.asarray(figures.to_numpy(x), np.float64)
    if x.ndim != 2 or x.shape[1] != 2 or not len(x):
        raise ValueError(f"x must have two columns, samples (n, 2), got shape {x.shape}")
    classes, labels = (None, []) if y is None else _class_indices(figures.to_numpy(y))
    if classes is not None and len(classes) != len(x):
        raise ValueError(f"x and y must be of one length, got {len(x)} and {len(classes)}")
    return x, classes, labels


def plane(x: Any, resolution: int, margin: float) -> list[Any]:
    """The coordinates along both sides of the part of the plane that the samples lie in, with a margin."""
    low, high = x.min(axis=0), x.max(axis=0)
    spread = np.where(high > low, high - low, 1.0)
    return [np.linspace(a - margin * s, b + margin * s, resolution) for a, b, s in zip(low, high, spread)]


def grid_of(sides: list[Any]) -> Any:
    """All points of the plane, as inputs of a model.  -> (resolution ** 2, 2)"""
    return np.stack(np.meshgrid(*sides), axis=-1).reshape(-1, 2).astype(np.float32)


def draw_boundary(
    axes: Any, sides: list[Any], output: Any, x: Any, classes: Any, labels: list[int], class_names: Sequence[str] | None
) -> None:
    """Draw what a model said of the points of the plane, and the samples."""
    resolution = len(sides[0])
    shape = (resolution, resolution)
    one_column = output.shape[1] == 1 and output.dtype.kind == "f"
    if one_column and output.min() >= 0 and output.max() <= 1:
        _shades(axes, sides, output.reshape(shape))
        count = 2
    else:
        if one_column and (output != np.round(output)).any():  # a score: the larger label if it is at least 0
            output = np.concatenate([-output, output], axis=1)
        predicted, predicted_labels = _class_indices(output)
        labels = labels if len(labels) >= len(predicted_labels) else predicted_labels
        count = len(labels)
        _regions(axes, sides, predicted.reshape(shape), output, count)
    if classes is None:
        axes.scatter(*x.T, s=16, color="#555555", edgecolor="white", linewidth=0.6, zorder=3)
    else:
        names = [str(label) for label in labels] if class_names is None else list(class_names)
        if len(names) <= classes.max():
            raise ValueError(f"y has {classes.max() + 1} classes, but there are only {len(names)} class_names")
        for k in range(max(count, len(names))):
            if (classes == k).any():
                colour = figures.CLASSES[k % len(figures.CLASSES)]
                style = {"s": 20, "color": colour, "edgecolor": "white", "linewidth": 0.7, "zorder": 3}
                axes.scatter(*x[classes == k].T, label=names[k], **style)
        axes.legend(fontsize=8.5, frameon=True, framealpha=0.9, edgecolor="none", title=None)
    axes.set_xlim(sides[0][0], sides[0][-1])
    axes.set_ylim(sides[1][0], sides[1][-1])
    axes.set_xlabel("x[:, 0]", fontsize=9, color=figures.MUTED)
    axes.set_ylabel("x[:, 1]", fontsize=9, color=figures.MUTED)
    figures.plain(axes)


def _shades(axes: Any, sides: list[Any], probability: Any) -> None:
    from matplotlib.colors import LinearSegmentedColormap

    colours = LinearSegmentedColormap.from_list("two", [figures.CLASSES[0], "#ffffff", figures.CLASSES[1]])
    _fill(axes, sides, probability, cmap=colours, alpha=0.5, vmin=0, vmax=1, interpolation="bilinear")
    if probability.min() < 0.5 < probability.max():
        axes.contour(*sides, probability, levels=[0.5], colors=[figures.INK], linewidths=1.3)


def _regions(axes: Any, sides: list[Any], predicted: Any, output: Any, count: int) -> None:
    from matplotlib.colors import ListedColormap

    colours = ListedColormap([figures.CLASSES[k % len(figures.CLASSES)] for k in range(count)])
    _fill(axes, sides, predicted, cmap=colours, alpha=0.3, vmin=-0.5, vmax=count - 0.5, interpolation="nearest")
    for k in np.unique(predicted) if (predicted != predicted[0, 0]).any() else ():
        # The margin of a class over the others is 0 exactly at its boundary; class ids alone give steps.
        margin = np.where(predicted == k, 1.0, -1.0)
        if output.shape[1] > 1:
            margin = (output[:, k] - np.delete(output, k, axis=1).max(axis=1)).reshape(predicted.shape)
        axes.contour(*sides, margin, levels=[0.0], colors=["white"], linewidths=1.2)


def _fill(axes: Any, sides: list[Any], values: Any, **options: Any) -> None:
    extent = (sides[0][0], sides[0][-1], sides[1][0], sides[1][-1])
    axes.imshow(values, extent=extent, origin="lower", aspect="auto", **options)


def _class_indices(y: Any) -> tuple[Any, list[int]]:
    """Class indices from 0, and the label of each index. Labels -1 and 1 are two classes."""
    flat = y.reshape(len(y), -1)
    if flat.shape[1] == 1 and set(np.unique(flat).tolist()) <= {-1, 1} and flat.min() < 0:
        return (flat[:, 0] > 0).astype(np.int64), [-1, 1]
    ids = class_ids(y, "labels")
    return ids, list(range(max(2, int(ids.max()) + 1)))


def predictions(model: Any, x: Any) -> Any:
    """The predictions of a model as (n, outputs), without a progress bar."""
    parameters = inspect.signature(model.predict).parameters
    output = np.asarray(figures.to_numpy(model.predict(x, verbose=0) if "verbose" in parameters else model.predict(x)))
    if output.ndim > 2 or len(output) != len(x):
        raise ValueError(f"the model must give one row per sample, it gave shape {output.shape} for {len(x)} samples")
    return output.reshape(len(x), -1)
