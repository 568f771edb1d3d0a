"""Layers that change the colors of images while training.  x: (height, width, channels) or a batch of them -> the same shape

value_range: the least and largest value of a pixel. seed: fixes what is drawn, for each image by itself. data_format:
"channels_last" or "channels_first".
"""

from __future__ import annotations

from typing import Any, ClassVar

from .... import ops
from ....ops.nn import distributions
from .base import ImageLayer, RandomImageLayer, parse_factor, parse_value_range


class _ColorLayer(RandomImageLayer):
    """Base of layers with a ``factor`` and a ``value_range``. One number f is the factor (0, f), or (-f, f) if it may be negative."""

    min_factor: ClassVar[float] = 0
    factor: tuple[float, float]

    def __init__(
        self,
        factor: Any,
        value_range: Any = (0, 255),
        data_format: str | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, data_format, **kwargs)
        if self.min_factor == 0 and isinstance(factor, (int, float)):
            factor = (0, factor)
        self.factor = parse_factor(self, "factor", factor, self.min_factor, 1)
        self.value_range = parse_value_range(self, value_range)


class RandomBrightness(_ColorLayer):
    """Adds a number to all pixels of an image: a random part of the value range; the result is limited to it.

    Args:
        factor: (least, largest) part, from -1 to 1, or one number f for (-f, f).
    """

    stream = "random_brightness"
    keeps_integers = True
    min_factor = -1

    def __init__(self, factor: Any, value_range: Any = (0, 255), seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(factor, value_range, seed=seed, **kwargs)

    def _draw(self, images: Any) -> Any:
        low, high = (f * (self.value_range[1] - self.value_range[0]) for f in self.factor)
        return {"rgb_delta": self._uniform(images, (images.shape[0], 1, 1, 1), (low, high))}

    def _transform(self, images: Any, transformation: Any) -> Any:
        y = ops.cast(images, self.compute_dtype) + ops.cast(transformation["rgb_delta"], self.compute_dtype)
        return ops.cast(ops.clip(y, *self.value_range), images.dtype)


class RandomContrast(_ColorLayer):
    """Moves the pixels of each channel away from their mean, or nearer: (x - mean) c + mean, limited to the value range.

    Args:
        factor: (a, b) for c from 1 - a to 1 + b, or one number f for c from 1 to 1 + f.
    """

    stream = "random_contrast"
    min_factor = -1

    def __init__(self, factor: Any, value_range: Any = (0, 255), seed: int | None = None, **kwargs: Any) -> None:
        one = isinstance(factor, (int, float))
        super().__init__((0, factor) if one else factor, value_range, seed=seed, **kwargs)
        if self.factor[1] < 0 or (one and factor < 0):
            raise ValueError(
                "RandomContrast: The `factor` argument should be a number (or a list of two numbers) in the range [0, 1]. "
                f"Received: factor={factor}"
            )

    def _draw(self, images: Any) -> Any:
        limits = (1 - self.factor[0], 1 + self.factor[1])
        return {"contrast_factor": self._uniform(images, (images.shape[0], 1, 1, 1), limits)}

    def _transform(self, images: Any, transformation: Any) -> Any:
        images = ops.cast(images, self.compute_dtype)
        mean = self._per_channel(ops.mean, images)
        y = (images - mean) * ops.cast(transformation["contrast_factor"], self.compute_dtype) + mean
        return ops.clip(y, *self.value_range)


class RandomHue(_ColorLayer):
    """Turns the colors of each image along the color wheel, either way.

    Args:
        factor: (least, largest) part of half a turn, from 0 to 1, or one number f for (0, f).
    """

    stream = "random_hue"

    def _draw(self, images: Any) -> Any:
        shape = (images.shape[0],)
        sign = ops.where(ops.less(self._uniform(images, shape), 0.5), 0.5, -0.5)
        return {"factor": sign * self._uniform(images, shape, self.factor)}

    def _transform(self, images: Any, transformation: Any) -> Any:
        low, high = self.value_range
        hsv = ops.image.rgb_to_hsv((images - low) / (high - low), data_format=self.data_format)
        hue, saturation, value = ops.split(hsv, 3, axis=self.channels_axis)
        hue = hue + ops.reshape(ops.cast(transformation["factor"], hue.dtype), (-1, 1, 1, 1))
        hsv = ops.concatenate([hue, saturation, value], axis=self.channels_axis)
        return ops.image.hsv_to_rgb(hsv, data_format=self.data_format) * (high - low) + low


class RandomSaturation(_ColorLayer):
    """Makes the colors of each image stronger or weaker: the saturation times f / (1 - f), from 0 to 1.

    Args:
        factor: (least, largest) f, from -1 to 1, or one number f for (-f, f). 0 and below is gray, 1/2 leaves the image
            as it is.
    """

    stream = "random_saturation"
    min_factor = -1

    def _draw(self, images: Any) -> Any:
        f = self._uniform(images, (images.shape[0],), self.factor)
        return {"factor": f / ops.maximum(1 - f, 1e-7)}

    def _transform(self, images: Any, transformation: Any) -> Any:
        hsv = ops.image.rgb_to_hsv(images, data_format=self.data_format)
        hue, saturation, value = ops.split(hsv, 3, axis=self.channels_axis)
        by = ops.reshape(ops.cast(transformation["factor"], hue.dtype), (-1, 1, 1, 1))
        hsv = ops.concatenate([hue, ops.clip(saturation * by, 0, 1), value], axis=self.channels_axis)
        return ops.image.hsv_to_rgb(hsv, data_format=self.data_format)


class RandomInvert(_ColorLayer):
    """Inverts images: the largest value less the pixel.

    Args:
        factor: (least, largest) probability, from 0 to 1, or one number f for (0, f); each image has one of its own.
    """

    stream = "random_invert"

    def __init__(
        self,
        factor: Any = 1.0,
        value_range: Any = (0, 255),
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(factor, value_range, data_format, seed, **kwargs)

    def _draw(self, images: Any) -> Any:
        shape = (images.shape[0],)
        return {"apply_inversion": ops.less(self._uniform(images, shape), self._uniform(images, shape, self.factor))}

    def _transform(self, images: Any, transformation: Any) -> Any:
        inverted = ops.reshape(transformation["apply_inversion"], (-1, 1, 1, 1))
        return ops.where(inverted, self.value_range[1] - images, images)


class RandomGrayscale(RandomImageLayer):
    """Takes the color from images, which keep their three channels.

    Args:
        factor: the probability, from 0 to 1.
    """

    stream = "random_grayscale"

    def __init__(
        self, factor: float = 0.5, data_format: str | None = None, seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(seed, data_format, **kwargs)
        if not isinstance(factor, (int, float)) or not 0 <= factor <= 1:
            raise ValueError(f"RandomGrayscale: `factor` should be between 0 and 1. Received: factor={factor}")
        self.factor = factor

    def _draw(self, images: Any) -> Any:
        return ops.reshape(ops.less(self._uniform(images, (images.shape[0],)), self.factor), (-1, 1, 1, 1))

    def _transform(self, images: Any, transformation: Any) -> Any:
        gray = ops.image.rgb_to_grayscale(images, data_format=self.data_format)
        return ops.where(transformation, gray, images)


class AutoContrast(ImageLayer):
    """Stretches each channel of each image over the whole value range, while training or not; a channel of one value stays."""

    def __init__(self, value_range: Any = (0, 255), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.value_range = parse_value_range(self, value_range)

    def transform_images(self, images: Any, transformation: Any = None, training: bool = True) -> Any:
        least, largest = self._per_channel(ops.amin, images), self._per_channel(ops.amax, images)
        flat = ops.equal(least, largest)
        low, high = self.value_range
        stretched = (images - least) / ops.where(flat, 1.0, largest - least) * (high - low) + low
        return ops.where(flat, images, stretched)


class MixUp(RandomImageLayer):
    """Mixes each image with another one of the batch, and their labels alike  (arXiv:1710.09412).

    The labels, floating point and best one-hot, are in a dictionary with the images: {"images": ..., "labels": ...}.

    Args:
        alpha: the first image has a weight drawn from the beta distribution (alpha, alpha).
    """

    stream = "mix_up"

    def __init__(
        self, alpha: float = 0.2, data_format: str | None = None, seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(seed, data_format, **kwargs)
        if not isinstance(alpha, (int, float)) or alpha <= 0:
            raise ValueError(f"MixUp: alpha must be above 0, got {alpha!r}")
        self.alpha = alpha

    def _draw(self, images: Any) -> Any:
        n = images.shape[0]
        alpha = ops.full_like(ops.cast(images[:1, 0, 0, 0], "float32"), self.alpha)  # on the device of the images
        weights = distributions.beta(alpha, alpha, (n,), *self.seed_generator.next())
        return {"mix_weight": weights, "permutation_order": ops.argsort(self._uniform(images, (n,)))}

    def _mixed(self, x: Any, transformation: Any) -> Any:
        weights = ops.cast(transformation["mix_weight"], x.dtype)
        weights = ops.reshape(weights, (-1, *[1] * (len(x.shape) - 1)))
        return weights * x + (1 - weights) * ops.take(x, transformation["permutation_order"], axis=0)

    def _transform(self, images: Any, transformation: Any) -> Any:
        return self._mixed(images, transformation)

    def transform_labels(self, labels: Any, transformation: Any, training: bool = True) -> Any:
        if not training or transformation is None:
            return labels
        return self._mixed(ops.cast(labels, self.compute_dtype), transformation)
