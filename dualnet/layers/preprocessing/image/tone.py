"""Layers that change the tone of images while training: hue, saturation, gray, inverted, stretched and solarized

x: (height, width, channels) or a batch of them -> the same shape. value_range: the least and largest value of a pixel. seed: fixes
what is drawn, for each image by itself. data_format: "channels_last" or "channels_first".
"""

from __future__ import annotations

from typing import Any

from .... import ops
from ....ops.nn import distributions
from ....serialization.configurable import attributes
from .base import ImageLayer, RandomImageLayer, limits_of, range_of


class _Toned(RandomImageLayer):
    """A layer with a ``factor`` and a ``value_range``."""

    factor: tuple[float, float]
    _config_attributes = attributes(least=None)

    def __init__(
        self, factor: Any, least: float, value_range: Any, seed: int | None, data_format: str | None, **kwargs: Any
    ) -> None:
        super().__init__(seed, data_format, **kwargs)
        one = isinstance(factor, (int, float))
        self.factor = limits_of(self, "factor", (0, factor) if one and least == 0 else factor, least, 1)
        self.value_range = range_of(self, value_range)
        self._build_at_init()


class RandomHue(_Toned):
    """Turns the colors of each image along the color wheel, either way.

    Args:
        factor: (least, largest) part of half a turn, from 0 to 1, or one number f for (0, f).
    """

    stream = "random_hue"

    def __init__(
        self,
        factor: Any,
        value_range: Any = (0, 255),
        data_format: str | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(factor, 0, value_range, seed, data_format, **kwargs)

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


class RandomSaturation(_Toned):
    """Makes the colors of each image stronger or weaker: the saturation times f / (1 - f), from 0 to 1.

    Args:
        factor: (least, largest) f, from -1 to 1, or one number f for (-f, f). 0 and below is gray, 1/2 leaves the image
            as it is.
    """

    stream = "random_saturation"

    def __init__(
        self,
        factor: Any,
        value_range: Any = (0, 255),
        data_format: str | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(factor, -1, value_range, seed, data_format, **kwargs)

    def _draw(self, images: Any) -> Any:
        f = self._uniform(images, (images.shape[0],), self.factor)
        return {"factor": f / ops.maximum(1 - f, 1e-7)}

    def _transform(self, images: Any, transformation: Any) -> Any:
        hsv = ops.image.rgb_to_hsv(images, data_format=self.data_format)
        hue, saturation, value = ops.split(hsv, 3, axis=self.channels_axis)
        by = ops.reshape(ops.cast(transformation["factor"], hue.dtype), (-1, 1, 1, 1))
        hsv = ops.concatenate([hue, ops.clip(saturation * by, 0, 1), value], axis=self.channels_axis)
        return ops.image.hsv_to_rgb(hsv, data_format=self.data_format)


class RandomInvert(_Toned):
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
        super().__init__(factor, 0, value_range, seed, data_format, **kwargs)

    def _draw(self, images: Any) -> Any:
        shape = (images.shape[0],)
        return {"apply_inversion": ops.less(self._uniform(images, shape), self._uniform(images, shape, self.factor))}

    def _transform(self, images: Any, transformation: Any) -> Any:
        chosen = ops.reshape(transformation["apply_inversion"], (-1, 1, 1, 1))
        return ops.where(chosen, self.value_range[1] - images, images)


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
        self._build_at_init()

    def _draw(self, images: Any) -> Any:
        return ops.reshape(ops.less(self._uniform(images, (images.shape[0],)), self.factor), (-1, 1, 1, 1))

    def _transform(self, images: Any, transformation: Any) -> Any:
        gray = ops.image.rgb_to_grayscale(images, data_format=self.data_format)
        return ops.where(transformation, gray, images)


class AutoContrast(ImageLayer):
    """Stretches each channel of each image over the whole value range, while training or not; a channel of one value stays."""

    def __init__(self, value_range: Any = (0, 255), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.value_range = range_of(self, value_range)
        self._build_at_init()

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
        self._build_at_init()

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
