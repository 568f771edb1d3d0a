"""`image_dataset_from_directory`: batches of the images in a folder."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..data import AUTOTUNE, Dataset
from . import directory_index, image_utils
from .directory_index import Files

FORMATS = (".bmp", ".gif", ".jpeg", ".jpg", ".png")
_CHANNELS = {"grayscale": 1, "rgb": 3, "rgba": 4}
_INTERPOLATIONS = ("bilinear", "nearest", "bicubic", "lanczos3", "lanczos5")
_WORKERS = 4  # threads that decode: Pillow lets them run side by side


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
        directory: with a folder per class when labels are inferred.
        labels: `"inferred"` from the folders, None, or a list with a number for each file in the order of their names.
        label_mode: `"int"`: int32 `(batch,)`; `"categorical"`: one hot `(batch, classes)`; `"binary"`: 0.0 and 1.0
            `(batch, 1)`; None: no labels.
        class_names: the folders to use, in the order of their labels; all, sorted, when None.
        color_mode: `"rgb"`, `"rgba"` or `"grayscale"`.
        batch_size: single images when None.
        image_size: `(height, width)` that all images are brought to, or one number for both.
        shuffle: mix the files, and anew in every pass. Otherwise they come sorted.
        seed: of the shuffle; drawn when None.
        validation_split: share of the files that is for validation.
        subset: `"training"`, `"validation"`, or `"both"` for a list of two datasets.
        interpolation: `"bilinear"`, `"nearest"`, `"bicubic"`, `"lanczos3"` or `"lanczos5"`.
        follow_links: look into folders that links lead to.
        crop_to_aspect_ratio: cut off what does not fit the aspect ratio, instead of stretching.
        pad_to_aspect_ratio: fill up with black instead.
        data_format: `"channels_last"`, `"channels_first"`, or None for the one that is set.
        format: `"tf"` or `"grain"`, for Keras's sake; both give the same.
        verbose: print how many files and classes there are.

    Returns:
        A `dualnet.data.Dataset` of float32 `(batch, height, width, channels)`, values 0 to 255, or of pairs of that
        and labels. Its attributes `class_names` and `file_paths` are lists.

    Raises:
        ValueError: an argument is none of these, or there is no image.
        ImportError: Pillow is not installed.
    """
    directory_index.check(labels, label_mode, class_names, validation_split, subset, shuffle, seed, format)
    if color_mode not in _CHANNELS:
        raise ValueError(f'`color_mode` must be one of "grayscale", "rgb" and "rgba", got {color_mode!r}')
    if interpolation.lower() not in _INTERPOLATIONS:
        raise ValueError(f"interpolation must be one of {', '.join(_INTERPOLATIONS)}, got {interpolation!r}")
    if crop_to_aspect_ratio and pad_to_aspect_ratio:
        raise ValueError("give crop_to_aspect_ratio or pad_to_aspect_ratio, not both")
    size = (image_size, image_size) if isinstance(image_size, int) else tuple(image_size)
    if len(size) != 2:
        raise ValueError(f"image_size must be (height, width) or one number, got {image_size}")
    image_utils.pillow("image_dataset_from_directory")
    layout = image_utils.data_format_of(data_format)
    if labels is None or label_mode is None:
        labels = label_mode = None
    if seed is None:
        seed = np.random.randint(10**6)
    files = directory_index.find(directory, labels, FORMATS, class_names, shuffle, seed, follow_links, verbose)

    def read(path: str) -> Any:
        return read_image(
            path, color_mode, size, interpolation.lower(), crop_to_aspect_ratio, pad_to_aspect_ratio, layout
        )

    def make(files: Files, shuffle: bool) -> Dataset:
        if not files.paths:
            raise ValueError(f"No images found in {os.fspath(directory)}: looked for {', '.join(FORMATS)}")
        names = directory_index.ordered(files, label_mode, batch_size, shuffle, seed)
        if files.labels is None:
            dataset = names.map(read, num_parallel_calls=_WORKERS)
        else:
            dataset = names.map(lambda path, label: (read(path), label), num_parallel_calls=_WORKERS)
        if batch_size is not None:
            dataset = dataset.batch(batch_size)
        dataset = dataset.prefetch(AUTOTUNE)
        dataset.class_names, dataset.file_paths = files.class_names, files.paths
        return dataset

    if subset == "both":
        parts = [directory_index.part(files, validation_split, name) for name in ("training", "validation")]
        return [make(parts[0], shuffle), make(parts[1], False)]
    return make(directory_index.part(files, validation_split, subset), shuffle)


def read_image(
    path: str, color_mode: str, size: Sequence[int], interpolation: str, crop: bool, pad: bool, data_format: str
) -> Any:
    """An image file as float32 of a size and with the channels of a colour mode, values 0 to 255."""
    image = image_utils.pillow("image_dataset_from_directory")
    try:
        with image.open(path) as img:
            if img.mode.startswith("I"):  # 16 bits per grey value: the upper 8, which Pillow would not take by itself
                img = image.fromarray((np.asarray(img) >> 8).astype(np.uint8))
            pixels = np.asarray(image_utils.in_color_mode(img, color_mode), np.float32)
    except OSError as error:
        raise ValueError(f"{path} cannot be read as an image ({error}): repair it or take it away") from error
    if pixels.ndim == 2:
        pixels = pixels[:, :, None]
    if pixels.shape[:2] != tuple(size):
        pixels = image_utils.resized(pixels, size, interpolation, "channels_last", crop, pad)
    return np.ascontiguousarray(pixels.transpose(2, 0, 1)) if data_format == "channels_first" else pixels
