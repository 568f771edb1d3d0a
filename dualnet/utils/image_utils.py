"""Images and arrays: `load_img`, `save_img`, `img_to_array`, `array_to_img`, `smart_resize`.

Pillow, the extra `image`, is imported when it is needed.
"""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dualnet_backends as backends
import numpy as np

from .. import config
from ..core.tensor import Tensor
from ..core.warning import warn
from ..ops.image.resizing import resize

_RESAMPLING = ("nearest", "bilinear", "bicubic", "hamming", "box", "lanczos")


def require_pillow(caller: str) -> Any:
    """Import Pillow's module `Image`; the ImportError names the caller and how to install it."""
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError(f"{caller} needs Pillow: pip install 'dualnet[image]'") from error
    return Image


def resolve_data_format(data_format: str | None) -> str:
    """The data format, by default the configured one. Raises ValueError for an unknown one."""
    if data_format is None:
        return config.image_data_format()
    if data_format not in ("channels_first", "channels_last"):
        raise ValueError(f'data_format must be "channels_first", "channels_last" or None, got {data_format!r}')
    return data_format


def array_to_img(x: Any, data_format: str | None = None, scale: bool = True, dtype: Any = None) -> Any:
    """Return an array as a Pillow image.

    Args:
        x: `(height, width, channels)` with 1, 3 or 4 channels, or `(channels, height, width)`.
        data_format: `"channels_last"`, `"channels_first"`, or None for the configured one.
        scale: rescale the values, the smallest to 0 and the largest to 255. Otherwise they are truncated to integers.
        dtype: dtype of the computation; `floatx()` by default.

    Raises:
        ValueError: `x` has another shape.
        ImportError: Pillow is not installed.
    """
    image = require_pillow("array_to_img")
    if isinstance(x, Tensor):
        x = x.numpy()
    x = np.asarray(x, dtype or config.floatx())
    if x.ndim != 3:
        raise ValueError(f"expected one image, an array with 3 axes, got shape {x.shape}")
    if resolve_data_format(data_format) == "channels_first":
        x = x.transpose(1, 2, 0)
    if x.shape[2] not in (1, 3, 4):
        raise ValueError(f"expected 1, 3 or 4 channels, got {x.shape[2]} in the shape {x.shape}")
    if scale and x.size:
        x = x - x.min()
        largest = x.max()
        x = (x / largest if largest else x) * 255
    if x.shape[2] == 1:
        x = x[:, :, 0]
        # 32-bit grey values are the only mode of Pillow for values above 255.
        return image.fromarray(x.astype(np.int32 if x.size and x.max() > 255 else np.uint8))
    return image.fromarray(np.ascontiguousarray(x.astype(np.uint8)))


def img_to_array(img: Any, data_format: str | None = None, dtype: Any = None) -> Any:
    """Return a Pillow image as an array `(height, width, channels)`, or `(channels, height, width)`.

    Args:
        data_format: `"channels_last"`, `"channels_first"`, or None for the configured one.
        dtype: dtype of the array; `floatx()` by default.
    """
    x = np.asarray(img, dtype or config.floatx())
    if x.ndim not in (2, 3):
        raise ValueError(f"expected an image with 2 or 3 axes, got shape {x.shape}")
    if x.ndim == 2:
        x = x[:, :, None]
    return x.transpose(2, 0, 1) if resolve_data_format(data_format) == "channels_first" else x


def save_img(
    path: Any, x: Any, data_format: str | None = None, file_format: str | None = None, scale: bool = True, **kwargs: Any
) -> None:
    """Save an array as an image file.

    Args:
        path: a file name or an open file.
        x, data_format, scale: as for `array_to_img`.
        file_format: such as `"png"`; by default the suffix of the name.
        kwargs: for Pillow's `Image.save`.
    """
    if file_format is None and isinstance(path, (str, os.PathLike)):
        file_format = Path(path).suffix[1:]
    if file_format and file_format.lower() == "jpg":
        file_format = "jpeg"
    img = array_to_img(x, data_format, scale)
    if img.mode == "RGBA" and file_format and file_format.lower() == "jpeg":
        warn("the JPEG format has no transparency: the image is saved as RGB")
        img = img.convert("RGB")
    img.save(path, format=file_format or None, **kwargs)


def load_img(
    path: Any,
    color_mode: str = "rgb",
    target_size: Sequence[int] | None = None,
    interpolation: str = "nearest",
    keep_aspect_ratio: bool = False,
) -> Any:
    """Load an image file with Pillow.

    Args:
        path: a file name, or `io.BytesIO`.
        color_mode: `"rgb"`, `"rgba"` or `"grayscale"`.
        target_size: `(height, width)`; unchanged by default.
        interpolation: `"nearest"`, `"bilinear"`, `"bicubic"`, `"lanczos"`, `"box"` or `"hamming"`.
        keep_aspect_ratio: crop to the aspect ratio, around the center, instead of stretching.

    Returns:
        A Pillow image.

    Raises:
        ValueError: an argument is invalid.
        ImportError: Pillow is not installed.
    """
    image = require_pillow("load_img")
    if isinstance(path, io.BytesIO):
        img = image.open(path)
    elif isinstance(path, (str, bytes, os.PathLike)):
        with open(path, "rb") as file:
            img = image.open(io.BytesIO(file.read()))
    else:
        raise TypeError(f"path must be a file name or io.BytesIO, got {type(path).__name__}")
    img = convert_color_mode(img, color_mode)
    if target_size is None:
        return img
    height, width = target_size
    if img.size == (width, height):
        return img
    if interpolation not in _RESAMPLING:
        raise ValueError(f"interpolation must be one of {', '.join(_RESAMPLING)}, got {interpolation!r}")
    box = None
    if keep_aspect_ratio:
        rows, columns = min(img.height, img.width * height // width), min(img.width, img.height * width // height)
        top, left = (img.height - rows) // 2, (img.width - columns) // 2
        box = (left, top, left + columns, top + rows)
    return img.resize((width, height), getattr(image.Resampling, interpolation.upper()), box=box)


def convert_color_mode(img: Any, color_mode: str) -> Any:
    """A Pillow image converted to a colour mode; grey images keep their bit depth."""
    modes = {"grayscale": ("L", "I;16", "I"), "rgba": ("RGBA",), "rgb": ("RGB",)}
    if color_mode not in modes:
        raise ValueError(f'color_mode must be "grayscale", "rgb" or "rgba", got {color_mode!r}')
    return img if img.mode in modes[color_mode] else img.convert(modes[color_mode][0])


def smart_resize(
    x: Any, size: Sequence[int], interpolation: str = "bilinear", data_format: str = "channels_last"
) -> Any:
    """Resize images; they are cropped to the new aspect ratio around the center, not stretched.

    Args:
        x: one image `(height, width, channels)`, or a batch of them.
        size: `(height, width)`.
        interpolation: `"bilinear"`, `"nearest"`, `"bicubic"`, `"lanczos3"` or `"lanczos5"`.
        data_format: of `x`.

    Returns:
        An array, or a tensor if `x` is one.
    """
    if len(size) != 2:
        raise ValueError(f"size must be (height, width), got {size}")
    resize_images = resize if isinstance(x, Tensor) else resize_array
    return resize_images(
        x, tuple(size), interpolation=interpolation, crop_to_aspect_ratio=True, data_format=data_format
    )


def resize_array(x: Any, size: Sequence[int], **options: Any) -> Any:
    """Resize images on the host, whatever the current device; the options are those of ``ops.image.resize``."""
    with backends.device("cpu"):
        return resize(np.asarray(x), tuple(size), **options).numpy()
