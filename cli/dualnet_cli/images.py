"""Image files as samples: their size is checked before they are unpacked."""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .errors import CliError, Failure, one_line, printable

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff")
_FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF")
_MAX_PIXELS = 1 << 26  # of an image that is to be resized
_MAX_BYTES = 16 * _MAX_PIXELS  # of a file


def read_images(
    paths: Sequence[Path], shape: Sequence[int | None], resize: bool, advice: str = "name them one at a time"
) -> Any:
    """Images as pixels from 0 to 255.  -> (n, height, width) or (n, height, width, channels), as ``shape`` says for one sample

    resize: give images of another size that of ``shape``. advice: what to do about images of several sizes.

    Raises:
        CliError: a file is no image, or has another size.
        Failure: Pillow is not installed.
    """
    try:
        from PIL import Image
    except ImportError:
        raise Failure("reading images needs Pillow: pip install dualnet[image]") from None
    if len(shape) not in (2, 3) or (len(shape) == 3 and shape[2] not in (1, 3, 4)):
        expected = ", ".join("any" if n is None else str(n) for n in shape)
        raise CliError(f"{printable(str(paths[0]))}: is an image, and the model takes samples of shape ({expected})")
    mode = {1: "L", 3: "RGB", 4: "RGBA"}[shape[2] or 3] if len(shape) == 3 else "L"
    images = []
    for path in paths:
        label = printable(str(path))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of sizes, which are checked here
                with Image.open(_content(path, label), formats=_FORMATS) as image:
                    _check_size(image.size, shape, resize, label)
                    pixels = image.convert(mode)
        except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
            raise CliError(f"{label}: is not an image that can be read, or is damaged ({one_line(error)})") from None
        height, width = shape[:2]
        if height is not None and width is not None and pixels.size != (width, height):
            pixels = pixels.resize((width, height), Image.Resampling.BILINEAR)
        array = np.asarray(pixels, np.uint8)
        images.append(array.reshape(*array.shape[:2], -1) if len(shape) == 3 else array)
    for path, array in zip(paths, images):
        if array.shape != images[0].shape:
            sizes = [f"{a.shape[1]} x {a.shape[0]}" for a in (array, images[0])]
            raise CliError(f"{printable(str(path))}: is {sizes[0]} pixels, the first image {sizes[1]}; {advice}")
    return np.stack(images)


def _content(path: Path, label: str) -> io.BytesIO:
    """The file in memory: there, a part that claims to be longer than the file ends with it, and no buffer is made for the rest."""
    size = path.stat().st_size
    if size > _MAX_BYTES:
        raise CliError(
            f"{label}: has {size >> 20} MiB, more than an image of {_MAX_PIXELS} pixels ({_MAX_BYTES >> 20} MiB)"
        )
    return io.BytesIO(path.read_bytes())


def _check_size(size: tuple[int, int], shape: Sequence[int | None], resize: bool, label: str) -> None:
    height, width = shape[:2]
    held = f"{label}: is {size[0]} x {size[1]} pixels"
    if not resize and (width not in (None, size[0]) or height not in (None, size[1])):
        expected = " x ".join("any" if n is None else str(n) for n in (width, height))
        raise CliError(
            f"{held}, expected {expected}, the size that the model was trained on; --resize scales the image"
        )
    if size[0] * size[1] > _MAX_PIXELS:
        raise CliError(f"{held}, more than are read ({_MAX_PIXELS})")
