"""Images with their labels, and the confusion matrix."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..utils.numerical_utils import class_ids, confusion_matrix
from . import figures


def plot_images(
    images: Any,
    labels: Any = None,
    predictions: Any = None,
    class_names: Sequence[str] | None = None,
    rows: int | None = None,
    cols: int | None = None,
    title: str | None = None,
    to_file: Any = None,
    dpi: float = 120,
    cmap: str = "gray",
) -> Any:
    """Draw images in a grid.

    Args:
        images: `(n, height, width)`, or with 1, 3 or 4 channels behind, or in front when they are not behind. What lies
            between 0 and 1, or 0 and 255, keeps its brightness; other values are stretched over all images together.
        labels: what to write above them: class ids, one hot rows, or text.
        predictions: class ids, probabilities or scores of a model. What differs from the label is written in red, with
            the label behind it.
        class_names: the names to write for class ids.
        rows, cols: of the grid. Without them all images are drawn, at most 64; with both, so many as there is place.
        title: above the grid.
        to_file: where to save the picture (PNG, SVG or PDF, by its ending); nowhere when None.
        dpi: pixels per inch.
        cmap: matplotlib's name of the colours of images with one channel.

    Returns:
        A matplotlib figure, which a notebook shows by itself.

    Raises:
        ImportError: matplotlib, the extra `plot`, is not installed.
        ValueError: these are no images, or there are fewer labels than images.
    """
    pictures = _pictures(figures.host(images))
    count = len(pictures)
    rows, cols = _grid(count, rows, cols)
    count = min(count, rows * cols)
    told = None if labels is None else _names(figures.host(labels), class_names, "labels", count)
    guessed = None if predictions is None else _names(figures.host(predictions), class_names, "predictions", count)
    has_text = told is not None or guessed is not None
    ratio = pictures.shape[1] / pictures.shape[2]
    width = 1.15 if max(pictures.shape[1:3]) <= 64 else 1.9
    figure = figures.new_figure(
        "plot_images", cols * width + 0.1, rows * (width * ratio + 0.2 * has_text) + 0.1 + 0.35 * bool(title), dpi,
        layout="constrained",
    )  # fmt: skip
    figure.get_layout_engine().set(w_pad=0.03, h_pad=0.03, wspace=0.02, hspace=0.02)
    if title:
        figure.suptitle(title, fontsize=12)
    for i in range(count):
        axes = figure.add_subplot(rows, cols, i + 1)
        axes.imshow(pictures[i], cmap=cmap, vmin=0, vmax=1, interpolation="nearest")
        axes.set_xticks([])
        axes.set_yticks([])
        for spine in axes.spines.values():
            spine.set_color("#cccccc")
        if has_text:
            right = guessed is None or told is None or guessed[i] == told[i]
            text = (guessed or told or [])[i] if right or told is None else f"{guessed[i]} ({told[i]})"  # type: ignore[index]
            axes.set_title(text, fontsize=8.5, pad=3, color=figures.INK if right else figures.WRONG)
    if to_file is not None:
        figures.save(figure, to_file, dpi)
    return figure


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
    """Draw how often each class was taken for each other: a row per true class, a column per prediction.

    Args:
        y_true, y_pred: as for `confusion_matrix`: class ids, probabilities, scores or one hot rows.
        class_names: to write instead of the ids.
        normalize: shares of each row instead of counts. The colours always show these shares.
        title: above the matrix; the accuracy when None.
        to_file: where to save the picture (PNG, SVG or PDF, by its ending); nowhere when None.
        dpi: pixels per inch.
        cmap: matplotlib's name of the colours.
        ax: matplotlib axes to draw in, instead of a new figure.

    Returns:
        A matplotlib figure, which a notebook shows by itself.

    Raises:
        ImportError: matplotlib, the extra `plot`, is not installed.
        ValueError: as `confusion_matrix`, or there are fewer names than classes.
    """
    library = figures.matplotlib("plot_confusion_matrix")
    counts = confusion_matrix(
        figures.host(y_true), figures.host(y_pred), None if class_names is None else len(class_names)
    )
    size = len(counts)
    if not size:
        raise ValueError("y_true and y_pred are empty: there is nothing to plot")
    names = [str(i) for i in range(size)] if class_names is None else list(class_names)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = min(max(3.2, 1.6 + 0.42 * size), 14.0)
    axes = figures.axes_of("plot_confusion_matrix", ax, side + 0.5, side, dpi)
    axes.imshow(shares, cmap=cmap, vmin=0, vmax=1)
    axes.set_xticks(range(size), names, fontsize=8.5)
    axes.set_yticks(range(size), names, fontsize=8.5)
    if max(map(len, names)) > 3:
        axes.tick_params(axis="x", rotation=45)
        for label in axes.get_xticklabels():
            label.set_horizontalalignment("right")
            label.set_rotation_mode("anchor")
    axes.tick_params(length=0)
    axes.set_xlabel("predicted", fontsize=9.5, color=figures.MUTED)
    axes.set_ylabel("true", fontsize=9.5, color=figures.MUTED)
    axes.spines[:].set_visible(False)
    axes.set_xticks(np.arange(size - 1) + 0.5, minor=True)
    axes.set_yticks(np.arange(size - 1) + 0.5, minor=True)
    axes.grid(which="minor", color="white", linewidth=1.2)
    axes.tick_params(which="minor", length=0)
    letters = min(9.5, max(4.5, 130 / size))
    dark = library.colormaps[cmap]
    for i in range(size):
        for j in range(size):
            if counts[i, j]:
                text = f"{shares[i, j]:.2f}" if normalize else f"{counts[i, j]:,}"
                ink = "white" if _brightness(dark(shares[i, j])) < 0.55 else figures.INK
                axes.text(j, i, text, ha="center", va="center", fontsize=letters, color=ink)
    accuracy = np.trace(counts) / counts.sum()
    axes.set_title(f"accuracy {accuracy:.4f}" if title is None else title, fontsize=10.5, loc="left")
    if to_file is not None:
        figures.save(axes.figure, to_file, dpi)
    return axes.figure


def _pictures(images: Any) -> Any:
    """(n, height, width) or (n, height, width, channels), values 0 to 1."""
    if images.ndim == 4 and images.shape[-1] not in (1, 3, 4) and images.shape[1] in (1, 3, 4):
        images = images.transpose(0, 2, 3, 1)
    if images.ndim not in (3, 4) or (images.ndim == 4 and images.shape[-1] not in (1, 3, 4)) or not images.size:
        raise ValueError(
            f"expected images (n, height, width), with 1, 3 or 4 channels behind if any, got shape {images.shape}"
        )
    if images.ndim == 4 and images.shape[-1] == 1:
        images = images[..., 0]
    low, high = float(images.min()), float(images.max())
    if low < 0 or (high > 1 and (high > 255 or high < 32)):  # centred, or digits from 0 to 16
        return (images - low) / ((high - low) or 1.0)
    return images / 255.0 if high > 1 else images.astype(float)


def _grid(count: int, rows: int | None, cols: int | None) -> tuple[int, int]:
    shown = min(count, 64)
    if cols is None:
        cols = math.ceil(shown / rows) if rows else min(shown, 8 if shown > 10 else 5 if shown > 4 else 4)
    return (rows or math.ceil(shown / cols)), cols


def _names(values: Any, class_names: Sequence[str] | None, what: str, count: int) -> list[str]:
    if len(values) < count:
        raise ValueError(f"there are {count} images to draw, but only {len(values)} {what}")
    if values.dtype.kind in "OUS":
        return [str(value) for value in values]
    ids = class_ids(values, what)
    if class_names is None:
        return [str(i) for i in ids]
    if len(ids) and ids.max() >= len(class_names):
        raise ValueError(f"{what} has class {ids.max()}, but there are only {len(class_names)} class_names")
    return [str(class_names[i]) for i in ids]


def _brightness(colour: Any) -> float:
    red, green, blue = colour[:3]
    return 0.299 * red + 0.587 * green + 0.114 * blue
