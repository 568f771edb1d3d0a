"""What the layers that change images share: batches and single images, dictionaries with labels, and what is drawn."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, ClassVar

from .... import ops
from ....core.seeds import SeedGenerator
from ....ops.nn.distributions import uniform
from ...base.layer import Layer, Shape
from ...base.spatial import data_format_of

FILL_MODES = ("reflect", "wrap", "constant", "nearest")


class ImageLayer(Layer):
    """Base of layers that change images, one (height, width, channels) or a batch of them, or with the channels first.

    A subclass says in ``get_random_transformation`` what is drawn for a batch, and in ``transform_images`` what is done
    with it; the data may be a dictionary with ``images``, and with ``labels`` and ``segmentation_masks`` that go along.

    Args:
        data_format: "channels_last" or "channels_first"; the configured one by default.
    """

    keeps_integers = False  # whether images of whole numbers are given to ``transform_images`` as they are

    def __init__(self, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = data_format_of(self, data_format)
        first = self.data_format == "channels_first"
        self.height_axis, self.width_axis, self.channels_axis = (-2, -1, -3) if first else (-3, -2, -1)

    # -- for subclasses ------------------------------------------------------------------------------------------

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        """What is drawn for a batch; None when nothing is to be done. data: images, or a dictionary with them."""
        return None

    def transform_images(self, images: Any, transformation: Any, training: bool = True) -> Any:
        """The images changed.  images: (batch, height, width, channels)"""
        raise NotImplementedError(f"{type(self).__name__} must define transform_images")

    def transform_labels(self, labels: Any, transformation: Any, training: bool = True) -> Any:
        """The labels that belong to the changed images."""
        return labels

    def transform_segmentation_masks(self, segmentation_masks: Any, transformation: Any, training: bool = True) -> Any:
        """The classes of the pixels of the changed images."""
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
        changed = dict(parts)
        images = parts["images"]
        whole = self.keeps_integers and "int" in str(images.dtype)
        images = images if whole else ops.cast(images, self.compute_dtype)
        changed["images"] = self.transform_images(images, transformation, training=training)
        if "labels" in parts:
            changed["labels"] = self.transform_labels(parts["labels"], transformation, training=training)
        if "segmentation_masks" in parts:
            changed["segmentation_masks"] = self.transform_segmentation_masks(
                parts["segmentation_masks"], transformation, training=training
            )
        if rank == 3:
            changed = {k: ops.squeeze(v, 0) for k, v in changed.items()}
        return changed if isinstance(data, dict) else changed["images"]

    def compute_output_shape(self, input_shape: Any) -> Any:
        if isinstance(input_shape, dict):
            return {
                k: self._image_shape(s) if k in ("images", "segmentation_masks") else s for k, s in input_shape.items()
            }
        return self._image_shape(input_shape)

    def _image_shape(self, shape: Any) -> Shape:
        return tuple(shape)

    def _per_channel(self, reduce: Callable[..., Any], images: Any) -> Any:
        """A number for each channel of each image, repeated over a row: (batch, 1, width, channels) for channels last

        So whole rows are reduced, and combined with the result, and not three numbers at a time, which takes many times as long.
        """
        rows = reduce(images, axis=self.height_axis, keepdims=True)
        one = reduce(rows, axis=self.width_axis, keepdims=True)
        return ops.repeat(one, images.shape[self.width_axis], axis=self.width_axis)


class RandomImageLayer(ImageLayer):
    """Base of layers that draw numbers while training; otherwise the images are passed on.

    Args:
        seed: fixes what is drawn; by default that follows from ``set_random_seed`` and the layer's name. It is the same
            on every device.
    """

    stream: ClassVar[str]

    def __init__(self, seed: int | None = None, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(data_format, **kwargs)
        self.seed = seed
        self.seed_generator = SeedGenerator(seed, name=self.name if self._was_named else None, prefix=self.stream)

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        if not training:
            return None
        images = ops.convert_to_tensor(data["images"] if isinstance(data, dict) else data)
        images = ops.expand_dims(images, 0) if len(images.shape) == 3 else images
        return self._draw(images)

    def _draw(self, images: Any) -> Any:
        """What is drawn for a batch of images."""
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


def limits_of(
    layer: Layer, name: str, value: Any, low: float, high: float, open_below: bool = False
) -> tuple[float, float]:
    """A factor given as one number f, which means (-|f|, |f|), or as a pair, in the range from ``low`` to ``high``."""
    pair = value if isinstance(value, (tuple, list)) else (value, value)
    ok = len(pair) == 2 and all(isinstance(v, (int, float)) and math.isfinite(v) for v in pair)
    if not ok or any(v > high or v < low or (open_below and v == low) for v in pair):
        raise ValueError(
            f"{type(layer).__name__}: The `{name}` argument should be a number (or a list of two numbers) in the range "
            f"{'(' if open_below else '['}{low}, {high}]. Received: {name}={value}"
        )
    return (-abs(value), abs(value)) if isinstance(value, (int, float)) else (min(pair), max(pair))


def range_of(layer: Layer, value: Any) -> tuple[float, float]:
    """The limits of the values of pixels."""
    pair = isinstance(value, (tuple, list)) and len(value) == 2 and all(isinstance(v, (int, float)) for v in value)
    if not pair:
        raise ValueError(
            f"{type(layer).__name__}: The `value_range` argument should be a list of two numbers. Received: value_range={value}"
        )
    return min(value), max(value)


def check_filling(layer: Layer, fill_mode: str, interpolation: str) -> None:
    """Refuse what images cannot be filled or interpolated with; with ``NotImplementedError``, as Keras."""
    if fill_mode not in FILL_MODES:
        raise NotImplementedError(
            f"{type(layer).__name__}: Unknown `fill_mode` {fill_mode}. Expected of one {FILL_MODES}."
        )
    if interpolation not in ("nearest", "bilinear"):
        raise NotImplementedError(
            f"{type(layer).__name__}: Unknown `interpolation` {interpolation}. Expected of one ('nearest', 'bilinear')."
        )
