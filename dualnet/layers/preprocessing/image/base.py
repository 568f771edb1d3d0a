"""Base classes of the layers that transform images, alone or in batches, with their labels and segmentation masks."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, ClassVar

from .... import ops
from ....core.seeds import SeedGenerator
from ....ops.nn.distributions import uniform
from ...base.layer import Layer, Shape
from ...base.spatial import data_format_of


class ImageLayer(Layer):
    """Base of layers that transform images, one (height, width, channels) or a batch of them, or with the channels first.

    A subclass draws parameters for a batch in ``get_random_transformation``, and applies them in ``transform_images``; the
    data may be a dictionary with ``images``, ``labels`` and ``segmentation_masks``.

    Args:
        data_format: "channels_last" or "channels_first"; the configured one by default.
    """

    keeps_integers = False  # whether ``transform_images`` takes integer images without a cast

    def __init__(self, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = data_format_of(self, data_format)
        first = self.data_format == "channels_first"
        self.height_axis, self.width_axis, self.channels_axis = (-2, -1, -3) if first else (-3, -2, -1)
        self._build_at_init()

    # -- for subclasses ------------------------------------------------------------------------------------------

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        """The parameters drawn for a batch, None for the identity. data: images, or a dictionary with them."""
        return None

    def transform_images(self, images: Any, transformation: Any, training: bool = True) -> Any:
        """The transformed images.  images: (batch, height, width, channels)"""
        raise NotImplementedError(f"{type(self).__name__} must define transform_images")

    def transform_labels(self, labels: Any, transformation: Any, training: bool = True) -> Any:
        """The labels of the transformed images."""
        return labels

    def transform_segmentation_masks(self, segmentation_masks: Any, transformation: Any, training: bool = True) -> Any:
        """The segmentation masks of the transformed images."""
        return segmentation_masks

    # -- calling -------------------------------------------------------------------------------------------------

    def call(self, data: Any, training: bool = True) -> Any:
        parts = data if isinstance(data, dict) else {"images": data}
        if "bounding_boxes" in parts:
            raise ValueError(f"{type(self).__name__} does not change bounding boxes; take them out of the data")
        rank = len(parts["images"].shape)
        if rank not in (3, 4):
            raise ValueError(
                f"{type(self).__name__}: Expected the input image to be rank 3 or 4. "
                f"Received: inputs.shape={tuple(parts['images'].shape)}"
            )
        if rank == 3:
            parts = {k: ops.expand_dims(v, 0) for k, v in parts.items()}
        transformation = self.get_random_transformation(parts, training=training)
        outputs = dict(parts)
        if not (self.keeps_integers and "int" in str(parts["images"].dtype)):
            outputs["images"] = ops.cast(parts["images"], self.compute_dtype)
        for key, transform in (
            ("images", self.transform_images),
            ("labels", self.transform_labels),
            ("segmentation_masks", self.transform_segmentation_masks),
        ):
            if key in outputs:
                outputs[key] = transform(outputs[key], transformation, training=training)
        if rank == 3:
            outputs = {k: ops.squeeze(v, 0) for k, v in outputs.items()}
        return outputs if isinstance(data, dict) else outputs["images"]

    def compute_output_shape(self, input_shape: Any) -> Any:
        if isinstance(input_shape, dict):
            return {
                k: self._image_shape(s) if k in ("images", "segmentation_masks") else s for k, s in input_shape.items()
            }
        return self._image_shape(input_shape)

    def _image_shape(self, shape: Any) -> Shape:
        return tuple(shape)

    def _per_channel(self, reduce: Callable[..., Any], images: Any) -> Any:
        """A reduction of each channel of each image, repeated over a row: (batch, 1, width, channels) for channels last

        Reducing whole rows, and broadcasting over them, is many times as fast as with three numbers at a time.
        """
        rows = reduce(images, axis=self.height_axis, keepdims=True)
        total = reduce(rows, axis=self.width_axis, keepdims=True)
        return ops.repeat(total, images.shape[self.width_axis], axis=self.width_axis)


class RandomImageLayer(ImageLayer):
    """Base of layers that draw a transformation while training; in inference the images are passed on.

    Args:
        seed: fixes what is drawn: layers of one class with the same seed transform alike. By default every layer draws for itself,
            copies and clones too, which follows from ``set_random_seed`` and the order in which layers are made. It is the same
            on every device.
    """

    stream: ClassVar[str]

    def __init__(self, seed: int | None = None, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(data_format, **kwargs)
        self.seed = seed
        self.seed_generator = SeedGenerator(seed, kind=self.stream)

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        if not training:
            return None
        images = ops.convert_to_tensor(data["images"] if isinstance(data, dict) else data)
        images = ops.expand_dims(images, 0) if len(images.shape) == 3 else images
        return self._draw(images)

    def _draw(self, images: Any) -> Any:
        """The parameters drawn for a batch of images."""
        raise NotImplementedError

    def transform_images(self, images: Any, transformation: Any, training: bool = True) -> Any:
        if not training or transformation is None:
            return images
        return self._transform(images, transformation)

    def _transform(self, images: Any, transformation: Any) -> Any:
        raise NotImplementedError

    def _uniform(self, images: Any, shape: tuple[int, ...], limits: tuple[float, float] = (0.0, 1.0)) -> Any:
        """Numbers within limits, on the device of the images."""
        return uniform(images, shape, *limits, *self.seed_generator.next())


def parse_factor(
    layer: Layer, name: str, value: Any, low: float, high: float, open_below: bool = False
) -> tuple[float, float]:
    """The limits of a factor: one number f stands for (-|f|, |f|); a pair must be in the range from ``low`` to ``high``."""
    pair = value if isinstance(value, (tuple, list)) else (value, value)
    finite = len(pair) == 2 and all(isinstance(v, (int, float)) and math.isfinite(v) for v in pair)
    if not finite or any(v > high or v < low or (open_below and v == low) for v in pair):
        raise ValueError(
            f"{type(layer).__name__}: The `{name}` argument should be a number (or a list of two numbers) in the range "
            f"{'(' if open_below else '['}{low}, {high}]. Received: {name}={value}"
        )
    return (-abs(value), abs(value)) if isinstance(value, (int, float)) else (min(pair), max(pair))


def parse_value_range(layer: Layer, value: Any) -> tuple[float, float]:
    """The limits of the values of pixels."""
    if not (isinstance(value, (tuple, list)) and len(value) == 2 and all(isinstance(v, (int, float)) for v in value)):
        raise ValueError(
            f"{type(layer).__name__}: The `value_range` argument should be a list of two numbers. Received: value_range={value}"
        )
    return min(value), max(value)
