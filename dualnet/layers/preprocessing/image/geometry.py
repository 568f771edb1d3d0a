"""Layers that turn, move and mirror images while training.  x: (height, width, channels) or a batch of them -> the same shape

Each image of a batch gets its own transform. What lies outside of the image is filled by ``fill_mode``, for pixels a b c d:

    "reflect"  d c b a | a b c d | d c b a        "constant"  k k k k | a b c d | k k k k, with k = fill_value
    "wrap"     a b c d | a b c d | a b c d        "nearest"   a a a a | a b c d | d d d d

interpolation: "bilinear" or "nearest". seed: fixes what is drawn. data_format: "channels_last" or "channels_first".
"""

from __future__ import annotations

import math
from typing import Any

from .... import ops
from .base import RandomImageLayer, parse_factor

FILL_MODES = ("reflect", "wrap", "constant", "nearest")
INTERPOLATIONS = ("nearest", "bilinear")
FLIPS = ("horizontal", "vertical", "horizontal_and_vertical")


class RandomFlip(RandomImageLayer):
    """Mirrors each image with probability 1/2: left and right, up and down, or both independently ("horizontal_and_vertical")."""

    stream = "random_flip"

    def __init__(
        self,
        mode: str = "horizontal_and_vertical",
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, data_format, **kwargs)
        if mode not in FLIPS:
            raise ValueError(f"RandomFlip: mode must be one of {', '.join(FLIPS)}, got {mode!r}")
        self.mode = mode

    def _draw(self, images: Any) -> Any:
        """Whether to mirror each image, left and right and up and down."""
        return {"flips": ops.less_equal(self._uniform(images, (images.shape[0], 2)), 0.5)}

    def _transform(self, images: Any, transformation: Any) -> Any:
        for i, (mode, axis) in enumerate((("horizontal", self.width_axis), ("vertical", self.height_axis))):
            if mode in self.mode:
                mirrored = ops.reshape(transformation["flips"][:, i], (-1, 1, 1, 1))
                images = ops.where(mirrored, ops.flip(images, axis), images)
        return images

    def transform_segmentation_masks(self, segmentation_masks: Any, transformation: Any, training: bool = True) -> Any:
        return self.transform_images(segmentation_masks, transformation, training)


class _AffineLayer(RandomImageLayer):
    """Base of layers that apply an affine transform to each image."""

    def __init__(
        self,
        fill_mode: str,
        interpolation: str,
        seed: int | None,
        fill_value: float,
        data_format: str | None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, data_format, **kwargs)
        for name, value, known in (
            ("fill_mode", fill_mode, FILL_MODES),
            ("interpolation", interpolation, INTERPOLATIONS),
        ):
            if value not in known:
                raise NotImplementedError(f"{type(self).__name__}: Unknown `{name}` {value}. Expected of one {known}.")
        self.fill_mode = fill_mode
        self.interpolation = interpolation
        self.fill_value = fill_value

    def _transform(self, images: Any, transformation: Any) -> Any:
        return self._apply_transform(images, transformation, self.interpolation)

    def _apply_transform(self, images: Any, transformation: Any, interpolation: str) -> Any:
        height, width = images.shape[self.height_axis], images.shape[self.width_axis]
        matrix = self._matrix(transformation, height, width)
        return ops.image.affine_transform(
            images, matrix, interpolation, self.fill_mode, self.fill_value, data_format=self.data_format
        )

    def transform_segmentation_masks(self, segmentation_masks: Any, transformation: Any, training: bool = True) -> Any:
        if not training or transformation is None:
            return segmentation_masks
        return self._apply_transform(segmentation_masks, transformation, "nearest")

    def _matrix(self, transformation: Any, height: int, width: int) -> Any:
        """The transforms of images of a size.  -> (batch, 8), see ``ops.image.affine_transform``"""
        raise NotImplementedError


def _about_center(a: Any, b: Any, c: Any, d: Any, height: int, width: int) -> Any:
    """x -> a x + b y, y -> c x + d y, with the center of the image for the origin.  -> (batch, 8)"""
    x, y = (width - 1) / 2, (height - 1) / 2
    zero = ops.zeros_like(a)
    return ops.stack([a, b, x - a * x - b * y, c, d, y - c * x - d * y, zero, zero], axis=1)


class RandomRotation(_AffineLayer):
    """Turns each image about its center by a random angle.

    Args:
        factor: (least, largest) part of a full turn, counter-clockwise, or one number f for (-f, f).
    """

    stream = "random_rotation"

    def __init__(
        self,
        factor: Any,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(fill_mode, interpolation, seed, fill_value, data_format, **kwargs)
        self.factor = parse_factor(self, "factor", factor, -1.0, 1.0)

    def _draw(self, images: Any) -> Any:
        """The angles in radians."""
        low, high = (2 * math.pi * f for f in self.factor)
        return {"angle": self._uniform(images, (images.shape[0],), (low, high))}

    def _matrix(self, transformation: Any, height: int, width: int) -> Any:
        cos, sin = ops.cos(transformation["angle"]), ops.sin(transformation["angle"])
        return _about_center(cos, -sin, sin, cos, height, width)


class RandomZoom(_AffineLayer):
    """Makes each image larger or smaller about its center.

    Without a width_factor the aspect ratio is kept.

    Args:
        height_factor, width_factor: (least, largest) part by which what is seen grows, or one number f for (-f, f): 0.2
            shows 20% more (zooms out), -0.2 shows 20% less.
    """

    stream = "random_zoom"

    def __init__(
        self,
        height_factor: Any,
        width_factor: Any = None,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(fill_mode, interpolation, seed, fill_value, data_format, **kwargs)
        self.height_factor = tuple(height_factor) if isinstance(height_factor, list) else height_factor
        self.width_factor = tuple(width_factor) if isinstance(width_factor, list) else width_factor
        self._height = parse_factor(self, "height_factor", height_factor, -1.0, 1.0, open_below=True)
        self._width = (
            None if width_factor is None else parse_factor(self, "width_factor", width_factor, -1.0, 1.0, True)
        )

    def _draw(self, images: Any) -> Any:
        shape = (images.shape[0],)
        height = 1 + self._uniform(images, shape, self._height)
        return {
            "height_zoom": height,
            "width_zoom": height if self._width is None else 1 + self._uniform(images, shape, self._width),
        }

    def _matrix(self, transformation: Any, height: int, width: int) -> Any:
        down, right = transformation["height_zoom"], transformation["width_zoom"]
        zero = ops.zeros_like(down)
        return _about_center(right, zero, zero, down, height, width)


class RandomTranslation(_AffineLayer):
    """Moves each image down and to the right.

    Args:
        height_factor, width_factor: (least, largest) part of the height and width, or one number f for (-f, f);
            negative is up and to the left.
    """

    stream = "random_translation"

    def __init__(
        self,
        height_factor: Any,
        width_factor: Any,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(fill_mode, interpolation, seed, fill_value, data_format, **kwargs)
        self.height_factor = tuple(height_factor) if isinstance(height_factor, list) else height_factor
        self.width_factor = tuple(width_factor) if isinstance(width_factor, list) else width_factor
        self._height = parse_factor(self, "height_factor", height_factor, -1.0, 1.0)
        self._width = parse_factor(self, "width_factor", width_factor, -1.0, 1.0)

    def _draw(self, images: Any) -> Any:
        shape = (images.shape[0],)
        down, right = self._uniform(images, shape, self._height), self._uniform(images, shape, self._width)
        return {"translations": ops.stack([right, down], axis=1)}

    def _matrix(self, transformation: Any, height: int, width: int) -> Any:
        right, down = transformation["translations"][:, 0] * width, transformation["translations"][:, 1] * height
        one, zero = ops.ones_like(right), ops.zeros_like(right)
        return ops.stack([one, zero, -right, zero, one, -down, zero, zero], axis=1)


class RandomShear(_AffineLayer):
    """Shifts the rows of each image to the side, the more the lower they are, and the columns likewise down.

    Args:
        x_factor, y_factor: (least, largest) shift of each row or column against the one before, both from 0 to 1, the
            sign of both being drawn too; or one number f, for (-f, f).
    """

    stream = "random_shear"

    def __init__(
        self,
        x_factor: Any = 0.0,
        y_factor: Any = 0.0,
        interpolation: str = "bilinear",
        fill_mode: str = "reflect",
        fill_value: float = 0.0,
        data_format: str | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(fill_mode, interpolation, seed, fill_value, data_format, **kwargs)
        self.x_factor = self._limits("x_factor", x_factor)
        self.y_factor = self._limits("y_factor", y_factor)

    def _limits(self, name: str, value: Any) -> tuple[float, float]:
        """One number becomes (-f, f), which is also what a config of it holds."""
        pair = isinstance(value, (tuple, list)) and len(value) == 2
        symmetric = pair and value[0] == -value[1]
        return parse_factor(self, name, value, -1.0 if symmetric else 0.0, 1.0)

    def _draw(self, images: Any) -> Any:
        n = images.shape[0]
        x, y = self._uniform(images, (n,), self.x_factor), self._uniform(images, (n,), self.y_factor)
        sign = ops.where(ops.less(self._uniform(images, (n,)), 0.5), 1.0, -1.0)
        return {"shear_factor": ops.stack([x * sign, y * sign], axis=1)}

    def _matrix(self, transformation: Any, height: int, width: int) -> Any:
        x, y = transformation["shear_factor"][:, 0], transformation["shear_factor"][:, 1]
        one, zero = ops.ones_like(x), ops.zeros_like(x)
        return ops.stack([one, x, zero, y, one, zero, zero, zero], axis=1)
