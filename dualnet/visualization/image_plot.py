"""`plot_images`: images in a grid, with labels and predictions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ..utils.numerical_utils import class_ids
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
        images: `(n, height, width)`, or with 1, 3 or 4 channels as the last or the second axis. Values between 0 and 1,
            or 0 and 255, keep their brightness; others are rescaled over all images together.
        labels: text above the images: class ids, one-hot rows, or strings.
        predictions: class ids, probabilities or scores of a model. Wrong ones are written in red, followed by the label.
        class_names: names of the class ids.
        rows, cols: size of the grid. By default all images are drawn, at most 64.
        title: above the grid.
        to_file: file to save (PNG, SVG or PDF, by its suffix); None for no file.
        dpi: pixels per inch.
        cmap: matplotlib's colour map of images with one channel.

    Returns:
        A matplotlib figure, which a notebook displays.

    Raises:
        ImportError: matplotlib, the extra `plot`, is not installed.
        ValueError: the array does not contain images, or there are fewer labels than images.
    """
    prepared = _prepare_images(figures.to_numpy(images))
    count = len(prepared)
    rows, cols = _grid(count, rows, cols)
    count = min(count, rows * cols)
    true_names = _names(labels, class_names, "labels", count)
    predicted_names = _names(predictions, class_names, "predictions", count)
    has_text = true_names is not None or predicted_names is not None
    ratio = prepared.shape[1] / prepared.shape[2]
    width = 1.15 if max(prepared.shape[1:3]) <= 64 else 1.9
    figure = figures.new_figure(
        "plot_images", cols * width + 0.1, rows * (width * ratio + 0.2 * has_text) + 0.1 + 0.35 * bool(title), dpi,
        shown=to_file is None, layout="constrained",
    )  # fmt: skip
    figure.get_layout_engine().set(w_pad=0.03, h_pad=0.03, wspace=0.02, hspace=0.02)
    if title:
        figure.suptitle(title, fontsize=12)
    for i in range(count):
        axes = figure.add_subplot(rows, cols, i + 1)
        axes.imshow(prepared[i], cmap=cmap, vmin=0, vmax=1, interpolation="nearest")
        axes.set_xticks([])
        axes.set_yticks([])
        for spine in axes.spines.values():
            spine.set_color("#cccccc")
        if has_text:
            true_name, name = true_names and true_names[i], predicted_names and predicted_names[i]
            correct = name is None or true_name is None or name == true_name
            text = name or true_name if correct else f"{name} ({true_name})"
            axes.set_title(text, fontsize=8.5, pad=3, color=figures.INK if correct else figures.WRONG)
    return figures.finish(figure, to_file, dpi)


def _prepare_images(images: Any) -> Any:
    """(n, height, width) or (n, height, width, channels), values 0 to 1."""
    if images.ndim == 4 and images.shape[-1] not in (1, 3, 4) and images.shape[1] in (1, 3, 4):
        images = images.transpose(0, 2, 3, 1)
    if images.ndim not in (3, 4) or (images.ndim == 4 and images.shape[-1] not in (1, 3, 4)) or not images.size:
        raise ValueError(
            f"expected images (n, height, width), with 1, 3 or 4 channels as the last axis if any, got shape {images.shape}"
        )
    if images.ndim == 4 and images.shape[-1] == 1:
        images = images[..., 0]
    low, high = float(images.min()), float(images.max())
    if low < 0 or (high > 1 and (high > 255 or high < 32)):  # zero-centered, or digits from 0 to 16
        return (images - low) / ((high - low) or 1.0)
    return images / 255.0 if high > 1 else images.astype(float)


def _grid(count: int, rows: int | None, cols: int | None) -> tuple[int, int]:
    shown = min(count, 64)
    if cols is None:
        cols = math.ceil(shown / rows) if rows else min(shown, 8 if shown > 10 else 5 if shown > 4 else 4)
    return (rows or math.ceil(shown / cols)), cols


def _names(values: Any, class_names: Sequence[str] | None, argument: str, count: int) -> list[str] | None:
    if values is None:
        return None
    values = figures.to_numpy(values)
    if len(values) < count:
        raise ValueError(f"there are {count} images to draw, but only {len(values)} {argument}")
    if values.dtype.kind in "OUS":
        return [str(value) for value in values]
    ids = class_ids(values, argument)
    if class_names is None:
        return [str(i) for i in ids]
    if len(ids) and ids.max() >= len(class_names):
        raise ValueError(f"{argument} has class {ids.max()}, but there are only {len(class_names)} class_names")
    return [str(class_names[i]) for i in ids]
