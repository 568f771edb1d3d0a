"""`plot_filters` and `plot_feature_maps`: what a convolution looks for, and where in an image it finds that."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import tree
from ..core.tracing import no_grad
from ..models.layer_calls import recorded_calls, unchanged, visible_layers
from . import figures

_DIVERGING = "RdBu_r"  # blue below 0, white at 0, red above: distinguishable with colour blindness


def plot_filters(
    model: Any,
    layer: Any = None,
    shape: tuple[int, ...] | None = None,
    count: int = 64,
    title: str | None = None,
    to_file: Any = None,
    dpi: float = 120,
) -> Any:
    """Draw the weights of a layer as images, one for each filter or unit.

    Blue is negative, white 0 and red positive, with one scale for all. Filters of a convolution of three channels are drawn in
    colour; those of other numbers of channels as a row of images, one for each channel.

    Args:
        model: a model, on either device, or a layer with weights.
        layer: a layer of the model: itself, its name or its index; by default the first one that has a kernel.
        shape: of `Dense`, the shape of the images that its inputs are, `(height, width)` or with channels. By default the shape of the
            model's input if that is an image of the right size, or a square.
        count: how many filters to draw at most.
        title: above the images; name and shape of the kernel by default.
        to_file: file to save (PNG, SVG or PDF, by its suffix); None for no file.
        dpi: pixels per inch.

    Returns:
        A matplotlib figure, which a notebook displays.

    Raises:
        ImportError: matplotlib, the extra `plot`, is not installed.
        ValueError: there is no such layer, it has no kernel, or its kernel is no stack of images.
    """
    library = figures.matplotlib("plot_filters")
    layer = _layer_with_kernel(model, layer)
    images = _kernel_images(layer, model, shape)[: _positive(count, "count")]
    channels = images.shape[-1]
    shown = min(channels, 8)
    largest = float(np.abs(images).max()) or 1.0
    in_colour = channels == 3
    if in_colour:
        panels = [image / (2 * largest) + 0.5 for image in images]
        columns = _columns(len(images))
    else:
        panels = [image[..., c] for image in images for c in range(shown)]
        columns = _columns(len(images)) if shown == 1 else shown
    if title is None:
        title = f"{layer.name}: kernel {tuple(layer.kernel.shape)}"
        title += f", {len(images)} of {_filters(layer)} filters" if len(images) < _filters(layer) else ""
        title += f", {shown} of {channels} channels" if not in_colour and shown < channels else ""
    figure, axes = _grid("plot_filters", panels, columns, title, dpi, to_file is None, bar=not in_colour)
    scale = library.colors.Normalize(-largest, largest)
    for axis, panel in zip(axes, panels):
        if in_colour:
            axis.imshow(panel, interpolation="nearest")
        else:
            picture = axis.imshow(panel, cmap=_DIVERGING, norm=scale, interpolation="nearest")
    if not in_colour:
        bar = figure.colorbar(
            picture, ax=axes, shrink=min(1.0, 0.5 + 1.0 / figure.get_figheight()), pad=0.02, aspect=25
        )
        bar.ax.tick_params(labelsize=8)
        bar.set_label("weight", fontsize=9, color=figures.MUTED)
        bar.outline.set_visible(False)
        if shown > 1:
            for number, axis in enumerate(axes[:shown]):
                axis.set_title(f"channel {number}", fontsize=7, color=figures.MUTED, pad=3)
            for number, axis in enumerate(axes[::shown]):
                axis.set_ylabel(str(number), fontsize=7, color=figures.MUTED, rotation=0, ha="right", va="center")
    return figures.finish(figure, to_file, dpi)


def plot_feature_maps(
    model: Any,
    image: Any,
    layer: Any = None,
    count: int = 32,
    title: str | None = None,
    to_file: Any = None,
    dpi: float = 120,
) -> Any:
    """Draw what a layer makes of one image: a picture for each of its channels, with one scale for all.

    Args:
        model: a model, on either device, that takes one image.
        image: one image, or a batch of one.
        layer: a layer of the model: itself, its name or its index; by default the first convolution, or else the first layer whose
            output is made of pictures.
        count: how many channels to draw at most.
        title: above the pictures; name and shape of the output by default.
        to_file: file to save (PNG, SVG or PDF, by its suffix); None for no file.
        dpi: pixels per inch.

    Returns:
        A matplotlib figure, which a notebook displays.

    Raises:
        ImportError: matplotlib, the extra `plot`, is not installed.
        ValueError: there is no such layer, the model does not call it, or its output is not made of pictures.
    """
    figures.matplotlib("plot_feature_maps")
    batch = _one_image(model, image)
    chosen = None if layer is None else _find(model, layer)
    with unchanged(model), no_grad(), recorded_calls(visible_layers(model)) as calls:
        model(batch, training=False)
    done = {id(call.layer): call for call in calls}.get(id(chosen)) if chosen is not None else _first_pictures(calls)
    if done is None:
        raise ValueError(
            f"the model does not call {chosen.name!r}" if chosen is not None else "no layer gives pictures"
        )
    output = figures.to_numpy(tree.flatten([done.result])[0])
    if output.ndim != 4:
        raise ValueError(
            f"the output of {done.layer.name!r} is not made of pictures: expected (1, height, width, channels), got {output.shape}"
        )
    maps = output[0]
    if getattr(done.layer, "data_format", None) == "channels_first":
        maps = maps.transpose(1, 2, 0)
    channels = maps.shape[-1]
    panels = [maps[..., c] for c in range(min(channels, _positive(count, "count")))]
    if title is None:
        title = f"{done.layer.name}: output {maps.shape}"
        title += f", {len(panels)} of {channels} channels" if len(panels) < channels else ""
    signed = float(maps.min()) < 0
    largest = float(np.abs(maps).max()) or 1.0
    options = {"cmap": _DIVERGING, "vmin": -largest} if signed else {"cmap": "gray", "vmin": 0.0}
    figure, axes = _grid("plot_feature_maps", panels, _columns(len(panels)), title, dpi, to_file is None, bar=True)
    for number, (axis, panel) in enumerate(zip(axes, panels)):
        picture = axis.imshow(panel, vmax=largest, interpolation="nearest", **options)
        axis.set_title(str(number), fontsize=7, color=figures.MUTED, pad=2)
    bar = figure.colorbar(picture, ax=axes, shrink=min(1.0, 0.5 + 1.0 / figure.get_figheight()), pad=0.02, aspect=25)
    bar.ax.tick_params(labelsize=8)
    bar.set_label("output", fontsize=9, color=figures.MUTED)
    bar.outline.set_visible(False)
    return figures.finish(figure, to_file, dpi)


# -- layers --------------------------------------------------------------------------------------------------------


def _find(model: Any, layer: Any) -> Any:
    """A layer of a model, or of a model inside it: by itself, its name or its index."""
    if isinstance(layer, int) and not isinstance(layer, bool):
        return model.get_layer(index=layer)
    known = visible_layers(model)
    for candidate in known:
        if candidate is layer or candidate.name == layer:
            return candidate
    raise ValueError(
        f"no layer is called {getattr(layer, 'name', layer)!r}; there are {', '.join(x.name for x in known)}"
    )


def _layer_with_kernel(model: Any, layer: Any) -> Any:
    if not hasattr(model, "layers"):
        if layer is not None:
            raise ValueError(
                "layer names a layer of a model: pass either a model and a layer of it, or the layer alone"
            )
        found = model
    elif layer is not None:
        found = _find(model, layer)
    else:
        found = next((x for x in visible_layers(model) if getattr(x, "kernel", None) is not None), None)
        if found is None:
            raise ValueError(
                f"no layer of model {model.name!r} has a kernel; a model that is not built yet is called once first"
            )
    if getattr(found, "kernel", None) is None:
        reason = "" if getattr(found, "built", True) else ": it is not built yet; call it once first"
        raise ValueError(f"{getattr(found, 'name', type(found).__name__)!r} has no kernel to draw{reason}")
    return found


def _filters(layer: Any) -> int:
    shape = tuple(layer.kernel.shape)
    name = type(layer).__name__
    return int(
        shape[-2] * shape[-1] if name.startswith("Depthwise") else shape[-2] if "Transpose" in name else shape[-1]
    )


def _kernel_images(layer: Any, model: Any, shape: Any) -> Any:
    """The kernel as images (filters, height, width, channels)."""
    kernel = np.asarray(figures.to_numpy(layer.kernel), np.float64)
    name = type(layer).__name__
    if kernel.ndim == 2:  # Dense: (in, units)
        return kernel.T.reshape(-1, *_image_shape(kernel.shape[0], model, shape, layer.name))
    if shape is not None:
        raise ValueError(f"shape is for Dense: the kernel of {layer.name!r} has the shape {kernel.shape} already")
    if kernel.ndim == 3:  # Conv1D: a filter is one picture of steps and channels
        kernel = kernel.swapaxes(1, 2) if "Transpose" in name else kernel
        return kernel.transpose(2, 1, 0)[..., None]
    if kernel.ndim != 4:
        raise ValueError(f"the kernel of {layer.name!r} is no stack of images: it has the shape {kernel.shape}")
    if name.startswith("Depthwise"):  # (height, width, in, multiplier): each channel has filters of its own
        return kernel.reshape(*kernel.shape[:2], -1).transpose(2, 0, 1)[..., None]
    return kernel.transpose(2, 0, 1, 3) if "Transpose" in name else kernel.transpose(3, 0, 1, 2)


def _image_shape(inputs: int, model: Any, shape: Any, name: str) -> tuple[int, int, int]:
    if shape is not None:
        full = tuple(shape) if len(tuple(shape)) == 3 else (*shape, 1)
        if len(full) != 3 or math.prod(full) != inputs:
            raise ValueError(f"shape {tuple(shape)} has {math.prod(shape)} numbers, but {name!r} has {inputs} inputs")
        return full
    known = getattr(model, "input_shape", None)
    if isinstance(known, tuple) and len(known) in (3, 4) and None not in known[1:] and math.prod(known[1:]) == inputs:
        return (*known[1:], 1)[:3]
    side = math.isqrt(inputs)
    if side * side == inputs:
        return side, side, 1
    raise ValueError(f"the {inputs} inputs of {name!r} are no square image: pass shape=(height, width)")


def _one_image(model: Any, image: Any) -> Any:
    if not hasattr(model, "layers"):
        raise TypeError(f"plot_feature_maps needs a model, got {type(model).__name__}")
    image = figures.to_numpy(image)
    known = getattr(model, "input_shape", None)
    if isinstance(known, tuple) and image.ndim == len(known) - 1:
        return image[None]
    if len(image) != 1 or image.ndim < 3:
        raise ValueError(f"expected one image, (height, width, channels) or a batch of one, got shape {image.shape}")
    return image


def _first_pictures(calls: list[Any]) -> Any:
    giving = [c for c in calls if len(getattr(c.result, "shape", ())) == 4]
    return next((c for c in giving if getattr(c.layer, "kernel", None) is not None), giving[0] if giving else None)


# -- grid ----------------------------------------------------------------------------------------------------------


def _positive(count: Any, name: str) -> int:
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise ValueError(f"{name} must be a whole number of at least 1, got {count!r}")
    return count


def _columns(count: int) -> int:
    return count if count <= 6 else 8 if count > 24 else math.ceil(count / math.ceil(count / 8))


def _grid(
    caller: str, panels: Any, columns: int, title: str, dpi: float, shown: bool, bar: bool
) -> tuple[Any, list[Any]]:
    """A figure with square axes without ticks, one for each panel."""
    rows = math.ceil(len(panels) / columns)
    height, width = panels[0].shape[:2]
    side = 0.8
    tall = min(max(side * height / width, 0.3), 4 * side)
    size = max(columns * side + 0.2 + 0.8 * bar, 0.085 * len(title) + 0.3), max(rows * (tall + 0.1) + 0.5, 1.5)
    figure = figures.new_figure(caller, *size, dpi, shown=shown, layout="constrained")
    figure.get_layout_engine().set(w_pad=0.02, h_pad=0.02, wspace=0.03, hspace=0.03)
    figure.suptitle(title, fontsize=10)
    axes = []
    for number in range(len(panels)):
        axis = figure.add_subplot(rows, columns, number + 1)
        axis.set_xticks([])
        axis.set_yticks([])
        axis.spines[:].set_color("#cccccc")
        axes.append(axis)
    return figure, axes
