"""`image_dataset_from_directory`: batches of the images in a folder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from . import directory_index, image_utils

FORMATS = (".bmp", ".gif", ".jpeg", ".jpg", ".png")
_CHANNELS = {"grayscale": 1, "rgb": 3, "rgba": 4}
_INTERPOLATIONS = ("bilinear", "nearest", "bicubic", "lanczos3", "lanczos5")
_WORKERS = 4  # threads that decode: Pillow releases the GIL


def image_dataset_from_directory(
    directory: Any,
    labels: Any = "inferred",
    label_mode: str | None = "int",
    class_names: Sequence[str] | None = None,
    color_mode: str = "rgb",
    batch_size: int | None = 32,
    image_size: int | Sequence[int] = (256, 256),
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    interpolation: str = "bilinear",
    follow_links: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    data_format: str | None = None,
    format: str = "tf",
    verbose: bool = True,
) -> Any:
    """Return batches of the images in a folder: BMP, GIF (the first picture), JPEG and PNG files.

    Args:
        directory: contains a folder per class if labels are inferred.
        labels: `"inferred"` from the folders, None, or a list with a number per file, sorted by file name.
        label_mode: `"int"`: int32 `(batch,)`; `"categorical"`: one-hot `(batch, classes)`; `"binary"`: 0.0 and 1.0
            `(batch, 1)`; None: no labels.
        class_names: the folders to use, in the order of their labels; by default all, sorted.
        color_mode: `"rgb"`, `"rgba"` or `"grayscale"`.
        batch_size: None for single images.
        image_size: `(height, width)` to which all images are resized, or one number for both.
        shuffle: shuffle the files, in a new order in every pass. Otherwise they are sorted.
        seed: seed of the shuffle; random by default.
        validation_split: fraction of the files for validation.
        subset: `"training"`, `"validation"`, or `"both"` for a list of two datasets.
        interpolation: `"bilinear"`, `"nearest"`, `"bicubic"`, `"lanczos3"` or `"lanczos5"`.
        follow_links: follow symbolic links to folders.
        crop_to_aspect_ratio: crop to the aspect ratio instead of stretching.
        pad_to_aspect_ratio: pad with black to the aspect ratio instead of stretching.
        data_format: `"channels_last"`, `"channels_first"`, or None for the configured one.
        format: `"tf"` or `"grain"`, for compatibility with Keras, without effect.
        verbose: print the number of files and classes.

    Returns:
        A `dualnet.data.Dataset` of float32 `(batch, height, width, channels)`, values 0 to 255, or of pairs of that
        and labels. Its attributes `class_names` and `file_paths` are lists.

    Raises:
        ValueError: an argument is invalid, or there is no image.
        ImportError: Pillow is not installed.
    """
    if color_mode not in _CHANNELS:
        raise ValueError(f'`color_mode` must be one of "grayscale", "rgb" and "rgba", got {color_mode!r}')
    if interpolation.lower() not in _INTERPOLATIONS:
        raise ValueError(f"interpolation must be one of {', '.join(_INTERPOLATIONS)}, got {interpolation!r}")
    if crop_to_aspect_ratio and pad_to_aspect_ratio:
        raise ValueError("give crop_to_aspect_ratio or pad_to_aspect_ratio, not both")
    size = (image_size, image_size) if isinstance(image_size, int) else tuple(image_size)
    if len(size) != 2:
        raise ValueError(f"image_size must be (height, width) or one number, got {image_size}")
    image = image_utils.require_pillow("image_dataset_from_directory")
    data_format = image_utils.resolve_data_format(data_format)

    def read(path: str) -> Any:
        """An image file as a float32 array, values 0 to 255."""
        try:
            with image.open(path) as img:
                if img.mode.startswith("I"):  # 16 bits per grey value, of which Pillow would not take the upper 8
                    img = image.fromarray((np.asarray(img) >> 8).astype(np.uint8))
                pixels = np.asarray(image_utils.convert_color_mode(img, color_mode), np.float32)
        except OSError as error:
            raise ValueError(f"{path} cannot be read as an image ({error}): repair or remove it") from error
        if pixels.ndim == 2:
            pixels = pixels[:, :, None]
        if pixels.shape[:2] != size:
            pixels = image_utils.resize_array(
                pixels, size, interpolation=interpolation.lower(), crop_to_aspect_ratio=crop_to_aspect_ratio,
                pad_to_aspect_ratio=pad_to_aspect_ratio, data_format="channels_last",
            )  # fmt: skip
        return np.ascontiguousarray(pixels.transpose(2, 0, 1)) if data_format == "channels_first" else pixels

    options = directory_index.Options(
        directory, labels, label_mode, class_names, batch_size, shuffle, seed, validation_split, subset, follow_links,
        format, verbose,
    )  # fmt: skip
    return directory_index.load_directory(options, FORMATS, read, "images", _WORKERS)
