"""`plot_embedding`: vectors of many numbers as points of the plane, by principal components."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..utils.numerical_utils import class_ids
from . import figures

_MOST_CLASSES = 24  # with a name each
_COLOURS = (*figures.CLASSES, "#000000", "#8c510a")  # as many as there are digits


def plot_embedding(
    vectors: Any,
    labels: Any = None,
    words: Sequence[str] | None = None,
    class_names: Sequence[str] | None = None,
    title: str | None = None,
    to_file: Any = None,
    dpi: float = 120,
    ax: Any = None,
) -> Any:
    """Draw vectors as points, in the two directions in which they differ most: their principal components.

    Args:
        vectors: `(n, features)`, with at least two features: the outputs of a layer, for example; or an `Embedding` layer.
        labels: the class of each vector, which is its colour: ids, one-hot rows or strings.
        words: a text for each vector, written beside it where there is room; an empty one is left out.
        class_names: names of class ids.
        title: above the plot.
        to_file: file to save (PNG, SVG or PDF, by its suffix); None for no file.
        dpi: pixels per inch.
        ax: matplotlib axes to draw in, instead of a new figure.

    Returns:
        A matplotlib figure, which a notebook displays. The axes say which share of the variance they show.

    Raises:
        ImportError: matplotlib, the extra `plot`, is not installed.
        ValueError: the vectors are no matrix or not finite, or a length differs.
    """
    figures.matplotlib("plot_embedding")
    table = getattr(vectors, "embeddings", None)
    if table is None and hasattr(vectors, "built"):
        raise ValueError(f"{vectors.name!r} has no table of embeddings: it is no Embedding, or not built yet")
    x = np.asarray(figures.to_numpy(vectors if table is None else table))
    if x.ndim != 2 or x.shape[1] < 2 or len(x) < 2 or x.dtype.kind not in "fiub":
        raise ValueError(
            f"vectors must be at least two rows of at least two numbers, (n, features), got shape {x.shape}"
        )
    x = x.astype(np.float64)
    if not np.isfinite(x).all():
        raise ValueError(f"vectors must be finite; row {int(np.flatnonzero(~np.isfinite(x).all(axis=1))[0])} is not")
    points, shares = principal_components(x)
    groups = {} if labels is None else _groups(labels, class_names, len(x))
    if words is not None and len(words) != len(x):
        raise ValueError(f"there are {len(x)} vectors, but {len(words)} words")

    axes = figures.axes_of("plot_embedding", ax, 5.6 if groups else 5.0, 4.4, dpi, shown=to_file is None)
    size = float(np.clip(2000 / len(x), 5, 26))
    style = {"s": size, "edgecolor": "white", "linewidth": 0.3}
    if not groups:
        axes.scatter(*points.T, color=figures.TRAIN, **style)
    for number, (name, rows) in enumerate(groups.items()):
        # Beyond the number of colours the shape of the points tells classes apart.
        marker = "osD^vP"[number // len(_COLOURS) % 6]
        colour = _COLOURS[number % len(_COLOURS)]
        axes.scatter(*points[rows].T, color=colour, marker=marker, label=name, **style)
    if 0 < len(groups) <= _MOST_CLASSES:
        axes.legend(
            fontsize=8, frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5), markerscale=(26 / size) ** 0.5,
            ncols=1 if len(groups) <= 12 else 2, handletextpad=0.2, columnspacing=0.8,
        )  # fmt: skip
    for set_label, number, share in zip((axes.set_xlabel, axes.set_ylabel), (1, 2), shares):
        set_label(f"component {number} ({share:.0%} of the variance)", fontsize=9, color=figures.MUTED)
    axes.margins(0.08)
    figures.plain(axes)
    if title:
        axes.set_title(title, fontsize=10.5, loc="left")
    if words is not None:
        _write_words(axes, points, [str(word) for word in words])
    return figures.finish(axes.figure, to_file, dpi)


def principal_components(x: Any, count: int = 2) -> tuple[Any, Any]:
    """The coordinates of vectors along the directions of largest variance, and the shares of the variance that these have.

    x: (n, features) -> (n, count), (count,).  The rows of V in the singular value decomposition X = U S V of the centred vectors are
    these directions. The largest entry of each is positive, so that the picture does not depend on the library.
    """
    centred = x - x.mean(axis=0)
    _, s, v = np.linalg.svd(centred, full_matrices=False)
    v = v[:count]
    largest = np.abs(v).argmax(axis=1)
    v = v * np.where(v[np.arange(len(v)), largest] < 0, -1.0, 1.0)[:, None]
    total = float((s**2).sum())
    return centred @ v.T, s[:count] ** 2 / total if total else np.zeros(count)


def _groups(labels: Any, class_names: Sequence[str] | None, count: int) -> dict[str, Any]:
    """name of a class -> rows"""
    values = figures.to_numpy(labels)
    if len(values) != count:
        raise ValueError(f"there are {count} vectors, but {len(values)} labels")
    if values.dtype.kind in "OUS":
        texts = np.array([str(value) for value in values])
        names = list(dict.fromkeys(texts.tolist()))
        return {name: np.flatnonzero(texts == name) for name in names}
    ids = class_ids(values, "labels")
    if class_names is not None and ids.max() >= len(class_names):
        raise ValueError(f"labels has class {ids.max()}, but there are only {len(class_names)} class_names")
    return {str(i) if class_names is None else str(class_names[i]): np.flatnonzero(ids == i) for i in np.unique(ids)}


def _write_words(axes: Any, points: Any, words: list[str]) -> None:
    """Write words beside their points: those in the middle of a crowd only where they cover no other word."""
    figure = axes.figure
    figure.canvas.draw()  # the layout is done, so sizes are known
    renderer = figure.canvas.get_renderer()
    # Nothing is written over a point either, as long as these are few.
    written: list[Any] = [_around(point) for point in axes.transData.transform(points)] if len(points) <= 200 else []
    far = np.argsort(-np.abs(points - np.median(points, axis=0)).sum(axis=1), kind="stable")
    for i in far:
        if not words[i]:
            continue
        for offset, ha, va in (
            ((4, 2), "left", "bottom"),
            ((-4, 2), "right", "bottom"),
            ((4, -2), "left", "top"),
            ((-4, -2), "right", "top"),
        ):
            text = axes.annotate(
                words[i], points[i], offset, textcoords="offset points", ha=ha, va=va, fontsize=7.5, color=figures.INK
            )
            box = text.get_window_extent(renderer)
            if not any(box.overlaps(other) for other in written):
                written.append(box)
                break
            text.remove()


def _around(point: Any) -> Any:
    from matplotlib.transforms import Bbox

    return Bbox.from_extents(*(point - 3), *(point + 3))
