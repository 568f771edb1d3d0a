"""Images that a generator draws from noise, in a grid."""

from __future__ import annotations

import io
import math
from typing import Any

import numpy as np

from .errors import CliError, Failure, one_line

_CHANNELS = {1: "L", 3: "RGB", 4: "RGBA"}


def noise_shape(model: Any, label: str) -> tuple[int, ...]:
    """The shape of the noise of one image. Raises ``CliError`` for a model that generates nothing, with the reason."""
    shape, outputs = model.input_shape, model.output_shape
    if not all(isinstance(s, tuple) for s in (shape, outputs)):
        raise CliError(f"{label}: does not generate: expected a model of one input and one output; use it from Python")
    kind = model.inputs[0].dtype if model.inputs else "float32"
    if len(shape) == 2 and shape[1] is not None and len(outputs) in (3, 4) and "float" in kind:
        if len(outputs) == 4 and outputs[3] in _CHANNELS:
            return shape[1:]
        if len(outputs) == 3:
            return shape[1:]
    raise CliError(
        f"{label}: does not generate: it maps {shape} to {outputs}. A model of images maps noise (batch, n) to (batch, height, width, "
        "channels); one of text maps ids (batch, characters) to (batch, characters, scores), and needs a run with a vocabulary, or "
        "--vocabulary"
    )


def draw(model: Any, label: str, shape: tuple[int, ...], count: int, seed: int) -> Any:
    """Images from standard normal noise in a grid about as high as wide.  -> pixels (height, width, channels) uint8"""
    noise = np.random.default_rng(seed).standard_normal((count, *shape)).astype(np.float32)
    try:
        y = np.asarray(model.predict(noise, batch_size=256, verbose=0), np.float64)
    except (ValueError, TypeError) as error:
        raise CliError(f"{label}: cannot draw: {one_line(error)}") from None
    if not np.isfinite(y).all():
        raise CliError(f"{label}: cannot draw: its output is not finite; the training went wrong")
    return grid(pixels(y if y.ndim == 4 else y[..., None]))


def pixels(images: Any) -> Any:
    """Images as whole numbers from 0 to 255: from 0 to 1 (sigmoid), from -1 to 1 (tanh), from 0 to 255, or else from least to most."""
    low, high = images.min(), images.max()
    if low >= 0:
        low, high = 0.0, 1.0 if high <= 1 else max(high, 255.0)
    elif low >= -1 and high <= 1:
        low, high = -1.0, 1.0
    return np.round((images - low) / (high - low) * 255).astype(np.uint8)


def grid(images: Any) -> Any:
    """(n, height, width, channels) -> rows of images with a white line of two pixels between them"""
    count, height, width, channels = images.shape
    columns = math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    sheet = np.full((rows * (height + 2) - 2, columns * (width + 2) - 2, channels), 255, np.uint8)
    for i, image in enumerate(images):
        top, left = i // columns * (height + 2), i % columns * (width + 2)
        sheet[top : top + height, left : left + width] = image
    return sheet


def png(sheet: Any) -> bytes:
    """Pixels as the content of a PNG file. Raises ``Failure`` if Pillow is not installed."""
    try:
        from PIL import Image
    except ImportError:
        raise Failure("writing images needs Pillow: pip install dualnet[image]") from None
    file = io.BytesIO()
    Image.fromarray(sheet[..., 0] if sheet.shape[2] == 1 else sheet).save(file, "PNG")
    return file.getvalue()
