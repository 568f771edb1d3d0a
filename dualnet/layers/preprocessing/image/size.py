"""Layers that resize and crop images.  x: (height, width, channels) or a batch of them, or with the channels first"""

from __future__ import annotations

from typing import Any

from .... import ops
from ....ops.image.resizing import INTERPOLATIONS
from ...base.layer import Shape
from ...base.spatial import whole_numbers
from .base import ImageLayer, RandomImageLayer


class _SizeLayer(ImageLayer):
    """Base of layers whose images have the size (height, width)."""

    height: int
    width: int

    def transform_segmentation_masks(
        self, segmentation_masks: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        return self.transform_images(segmentation_masks, transformation, training)

    def _image_shape(self, shape: Any) -> Shape:
        out = list(shape)
        out[self.height_axis], out[self.width_axis] = self.height, self.width
        return tuple(out)

    def _contains_window(self, images: Any) -> bool:
        """Whether the images are at least as large as the window."""
        return bool(images.shape[self.height_axis] >= self.height and images.shape[self.width_axis] >= self.width)

    def _window(self, images: Any) -> Any:
        """The largest window of the aspect ratio, in the middle, resized."""
        size = (self.height, self.width)
        return ops.image.resize(images, size, crop_to_aspect_ratio=True, data_format=self.data_format)


class Resizing(_SizeLayer):
    """Resizes images. Integer images stay so, rounded.

    Args:
        height, width: the size.
        interpolation: "nearest", "bilinear", "bicubic", "lanczos3" or "lanczos5".
        crop_to_aspect_ratio: cut off what does not fit the new aspect ratio, instead of stretching.
        pad_to_aspect_ratio: fill up with ``fill_value`` instead.
        antialias: widen the filter when an image gets smaller.
    """

    keeps_integers = True

    def __init__(
        self,
        height: int,
        width: int,
        interpolation: str = "bilinear",
        crop_to_aspect_ratio: bool = False,
        pad_to_aspect_ratio: bool = False,
        fill_mode: str = "constant",
        fill_value: float = 0.0,
        antialias: bool = False,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data_format, **kwargs)
        self.height, self.width = whole_numbers(self, "(height, width)", (height, width), 2)
        self.interpolation = interpolation
        self.crop_to_aspect_ratio = crop_to_aspect_ratio
        self.pad_to_aspect_ratio = pad_to_aspect_ratio
        self.fill_mode = fill_mode
        self.fill_value = fill_value
        self.antialias = antialias
        if interpolation not in INTERPOLATIONS:
            raise ValueError(
                f"Resizing: interpolation must be one of {', '.join(INTERPOLATIONS)}, got {interpolation!r}"
            )
        if crop_to_aspect_ratio and pad_to_aspect_ratio:
            raise ValueError("Resizing: give crop_to_aspect_ratio or pad_to_aspect_ratio, not both")

    def transform_images(self, images: Any, transformation: Any = None, training: bool = True) -> Any:
        return self._resized(images, self.interpolation)

    def transform_segmentation_masks(
        self, segmentation_masks: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        return self._resized(segmentation_masks, "nearest")

    def _resized(self, images: Any, interpolation: str) -> Any:
        return ops.image.resize(
            images,
            (self.height, self.width),
            interpolation=interpolation,
            antialias=self.antialias,
            crop_to_aspect_ratio=self.crop_to_aspect_ratio,
            pad_to_aspect_ratio=self.pad_to_aspect_ratio,
            fill_mode=self.fill_mode,
            fill_value=self.fill_value,
            data_format=self.data_format,
        )


class CenterCrop(_SizeLayer):
    """The middle of images; of an image that is smaller, the largest window of that aspect ratio, resized."""

    def __init__(self, height: int, width: int, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(data_format, **kwargs)
        self.height, self.width = whole_numbers(self, "(height, width)", (height, width), 2)

    def transform_images(self, images: Any, transformation: Any = None, training: bool = True) -> Any:
        if not self._contains_window(images):
            return self._window(images)
        return ops.image.crop_images(
            images,
            top_cropping=(images.shape[self.height_axis] - self.height) // 2,
            left_cropping=(images.shape[self.width_axis] - self.width) // 2,
            target_height=self.height,
            target_width=self.width,
            data_format=self.data_format,
        )


class RandomCrop(RandomImageLayer, _SizeLayer):
    """While training, a window at a random position, the same for all images of a batch.

    Otherwise, and for images that are smaller, the largest window of that aspect ratio in the middle, resized.

    Args:
        height, width: the size of the window.
    """

    stream = "random_crop"

    def __init__(
        self,
        height: int,
        width: int,
        seed: int | None = None,
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, data_format, name=name, **kwargs)
        self.height, self.width = whole_numbers(self, "(height, width)", (height, width), 2)

    def _draw(self, images: Any) -> Any:
        """The first row and column of the window."""
        if not self._contains_window(images):
            return None
        offsets = [images.shape[self.height_axis] - self.height + 1, images.shape[self.width_axis] - self.width + 1]
        u = self._uniform(images, (2,))
        return tuple(ops.cast(ops.floor(u[i] * n), "int32") for i, n in enumerate(offsets))

    def transform_images(self, images: Any, transformation: Any, training: bool = True) -> Any:
        if not training or transformation is None:
            return self._window(images)
        for start, length, axis in zip(transformation, (self.height, self.width), (self.height_axis, self.width_axis)):
            images = ops.take(images, start + ops.arange(length, dtype="int32"), axis=axis)
        return images
