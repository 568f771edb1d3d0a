"""`plot_gradients`: how large the gradient is in each layer."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from . import figures
from .training_pass import training_pass


def gradient_norms(model: Any, x: Any, y: Any = None, sample_weight: Any = None) -> dict[str, float]:
    """The norm of the gradient of the loss in every layer, for one batch.

    The model is run in training mode, and is not changed: no update is done, and moving averages stay as they are.

    Args:
        model: a compiled model, on either device.
        x, y, sample_weight: a batch, as for `train_on_batch`.

    Returns:
        The Euclidean norm over all trainable weights of a layer, by the name of the layer, in the order in which the layers are
        called. Layers without trainable weights are not there; a layer that the loss does not depend on has 0.

    Raises:
        ValueError: the model is not compiled, the batch does not fit, or there is no trainable weight.
    """
    done = training_pass(model, x, y, sample_weight, "gradient_norms")
    norms: dict[str, float] = {}
    for layer in dict.fromkeys(call.layer for call in done.calls):
        grads = [done.gradient(v) for v in layer.trainable_variables]
        if grads:
            squares = [float((g.astype("float64") ** 2).sum()) for g in grads if g is not None]
            name = str(layer.name if layer.name not in norms else layer.path)
            norms[name] = math.sqrt(math.fsum(squares))
    if not norms:
        raise ValueError(f"model {model.name!r} has no layer with trainable weights: there is no gradient to measure")
    return norms


def plot_gradients(
    model: Any,
    x: Any,
    y: Any = None,
    sample_weight: Any = None,
    title: str | None = None,
    to_file: Any = None,
    dpi: float = 120,
    ax: Any = None,
) -> Any:
    """Draw the norm of the gradient in every layer, from the first to the last, on a logarithmic scale.

    A line that falls towards the first layers shows gradients that vanish, one that rises gradients that explode.

    Args:
        model: a compiled model, on either device; or a dictionary from labels to models, which are compared.
        x, y, sample_weight: a batch, as for `gradient_norms`.
        title: above the plot.
        to_file: file to save (PNG, SVG or PDF, by its suffix); None for no file.
        dpi: pixels per inch.
        ax: matplotlib axes to draw in, instead of a new figure.

    Returns:
        A matplotlib figure, which a notebook displays.

    Raises:
        ImportError: matplotlib, the extra `plot`, is not installed.
        ValueError: as for `gradient_norms`.
    """
    figures.matplotlib("plot_gradients")
    models = dict(model) if isinstance(model, Mapping) else {"": model}
    if not models:
        raise ValueError("there is no model to draw: the dictionary is empty")
    norms = {label: gradient_norms(m, x, y, sample_weight) for label, m in models.items()}
    deepest = max(norms.values(), key=len)
    width = 6.2 if len(models) > 1 else min(max(4.6, 2.4 + 0.45 * len(deepest)), 12)
    axes = figures.axes_of("plot_gradients", ax, width, 3.8, dpi, to_file is None)
    drawn = [value for by_layer in norms.values() for value in by_layer.values() if 0 < value < math.inf]
    floor = min(drawn, default=1e-3) / 10
    for (label, by_layer), style in zip(norms.items(), figures.line_styles()):
        values = np.array(list(by_layer.values()))
        depth = np.arange(1, len(values) + 1)
        # What a logarithmic scale cannot show is marked at its lower end.
        shown = np.where((values > 0) & np.isfinite(values), values, np.nan)
        axes.plot(depth, shown, marker="o", markersize=4, label=label, **style)
        for i in np.flatnonzero(np.isnan(shown)):
            text = "0" if values[i] == 0 else str(values[i])
            axes.annotate(text, (depth[i], floor), ha="center", color=style["color"], fontsize=9, weight="bold")
    axes.set_yscale("log")
    if drawn and max(drawn) < 100 * min(drawn):  # or half a decade would look like a cliff
        middle = math.sqrt(max(drawn) * min(drawn))
        axes.set_ylim(middle / 30, middle * 30)
    if len(models) == 1 and len(deepest) <= 24:
        turned = max(map(len, deepest)) * len(deepest) > 60
        options = {"rotation": 35, "ha": "right", "rotation_mode": "anchor"} if turned else {}
        axes.set_xticks(range(1, len(deepest) + 1), list(deepest), **options)
        axes.set_xlabel("layer, from the input to the output", fontsize=9, color=figures.MUTED)
    else:
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.set_xlabel("depth: layer with weights, 1 is next to the input", fontsize=9, color=figures.MUTED)
    axes.set_ylabel("norm of the gradient", fontsize=9, color=figures.MUTED)
    axes.grid(axis="y", color="#e5e5e5", linewidth=0.7)
    figures.plain(axes)
    if len(models) > 1:
        axes.legend(fontsize=8.5, frameon=False)
    if title:
        axes.set_title(title, fontsize=10.5, loc="left")
    return figures.finish(axes.figure, to_file, dpi)
