"""What all networks of the zoo share: an architecture as data, and its model with the arguments of Keras."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from .. import activations, layers
from ..config import image_data_format
from ..core.symbolic import KerasTensor
from ..graph.graph import get_source_inputs
from ..models import Model
from .input_shape import obtain_input_shape
from .weights import Files, load

__all__ = ["Architecture", "Constructor", "Files", "channel_axis", "classifier", "constructor"]


def channel_axis() -> int:
    """The axis of the channels of a batch of images, as Keras writes it into configs: 3, or 1 for channels first."""
    return 3 if image_data_format() == "channels_last" else 1


def classifier(x: Any, classes: int, activation: Any) -> Any:
    """The top that most networks have: the mean of each feature map, and one dense layer."""
    x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
    return layers.Dense(classes, activation=activation, name="predictions")(x)


@dataclass(frozen=True)
class Architecture:
    """A network for images in two parts, of which transfer learning replaces the second.

    Attributes:
        name: what the model is called by default.
        body: from symbolic images (batch, height, width, channels) to feature maps.
        top: from feature maps, the number of classes and the activation to predictions (batch, classes).
        files: the weights that Keras publishes for it, if any.
        size: height and width of the images by default, and those of the published weights.
        smallest: the least height and width that the network can take.
        any_size: whether images of any size fit the top too.
        finish: what follows the features, pooled or not, without the top; None: nothing.
        pooled_names: what the layers of ``pooling="avg"`` and ``"max"`` are called; None: by their kind, as any layer.
    """

    name: str
    body: Callable[[Any], Any]
    top: Callable[[Any, int, Any], Any] = classifier
    files: Files | None = None
    size: int = 224
    smallest: int = 32
    pooled_names: tuple[str | None, str | None] = ("avg_pool", "max_pool")
    any_size: bool = False
    finish: Callable[[Any], Any] | None = None

    def build(
        self,
        include_top: bool = True,
        weights: str | os.PathLike[str] | None = "imagenet",
        input_tensor: KerasTensor | None = None,
        input_shape: tuple[int | None, ...] | None = None,
        pooling: str | None = None,
        classes: int = 1000,
        classifier_activation: Any = "softmax",
        name: str | None = None,
    ) -> Model:
        """The model; the arguments are those of ``constructor``, whose docstring lists them."""
        _check(self, include_top, weights, pooling, classes, classifier_activation)
        shape = obtain_input_shape(
            input_shape,
            self.size,
            self.smallest,
            image_data_format(),
            require_flatten=include_top and not self.any_size,
            weights=weights,
        )
        if input_tensor is None:
            images = layers.Input(shape=shape)
        elif isinstance(input_tensor, KerasTensor):
            images = input_tensor
        else:
            images = layers.Input(tensor=input_tensor, shape=shape)
        features = self.body(images)
        if include_top:
            outputs = self.top(features, classes, classifier_activation)
        else:
            outputs = self._pool(features, pooling)
            outputs = outputs if self.finish is None else self.finish(outputs)
        inputs = images if input_tensor is None else get_source_inputs(images)
        model = Model(inputs, outputs, name=self.name if name is None else name)
        if weights is not None:
            load(model, weights, self.files, include_top)
        return model

    def _pool(self, x: Any, pooling: str | None) -> Any:
        average, maximum = self.pooled_names
        if pooling == "avg":
            return layers.GlobalAveragePooling2D(name=average)(x)
        if pooling == "max":
            return layers.GlobalMaxPooling2D(name=maximum)(x)
        return x


def _check(
    architecture: Architecture, include_top: bool, weights: Any, pooling: str | None, classes: int, activation: Any
) -> None:
    if not (weights is None or weights == "imagenet" or os.path.exists(weights)):
        raise ValueError(
            "weights must be None (random), 'imagenet' (trained on ImageNet), or the path of a file with weights; "
            f"there is no file {os.fspath(weights)!r}"
        )
    if weights == "imagenet" and architecture.files is None:
        raise ValueError(
            f"no weights trained on ImageNet are published for this variant of {architecture.name!r}: pass weights=None, "
            "or the path of a file"
        )
    if weights == "imagenet" and include_top and classes != 1000:
        raise ValueError(
            f"the top trained on ImageNet has 1000 classes, got classes={classes}: pass include_top=False and add a layer "
            "for your classes, or weights=None"
        )
    if pooling not in (None, "avg", "max"):
        raise ValueError(f"pooling must be None, 'avg' or 'max', got {pooling!r}")
    allowed = (activations.linear, activations.softmax)
    if include_top and weights is not None and activations.get(activation) not in allowed:
        raise ValueError(
            "trained weights are for classifier_activation='softmax' or None (the logits), got "
            f"classifier_activation={activation!r}"
        )


class Constructor(Protocol):
    """A function that makes one of the networks, with the arguments and defaults of ``keras.applications``."""

    __name__: str

    def __call__(
        self,
        include_top: bool = ...,
        weights: str | os.PathLike[str] | None = ...,
        input_tensor: KerasTensor | None = ...,
        input_shape: tuple[int | None, ...] | None = ...,
        pooling: str | None = ...,
        classes: int = ...,
        classifier_activation: Any = ...,
        name: str = ...,
    ) -> Model: ...


ARGUMENTS = """
Args:
    include_top: with the layers that classify; without, the features, for a head of your own.
    weights: "imagenet" (downloaded once), None (random), or the path of a file with weights.
    input_tensor: a symbolic tensor to start from, instead of a new input.
    input_shape: (height, width, channels) of the images, in the data format of ``dualnet.config``; by default
        {default}. At least {smallest} x {smallest}.
    pooling: without the top, "avg" or "max" of each feature map; None leaves the maps as they are.
    classes: how many the top tells apart; 1000 for "imagenet".
    classifier_activation: of the top; None gives logits.
    name: of the model.
"""


def describe_arguments(size: int | None, smallest: int = 32) -> str:
    """The part of a docstring that lists the arguments of ``constructor``.

    Args:
        size: of the images by default; None: any.
    """
    sized = f"{size} x {size} x 3, and with ``include_top=False`` images of any size"
    return "\n" + ARGUMENTS.format(default=sized if size else "images of any size in 3 channels", smallest=smallest)


def constructor(module: str, title: str, architecture: Architecture, doc: str) -> Constructor:
    """The public function that makes a network without other variants: ``ResNet50(include_top=True, weights="imagenet", ...)``.

    Args:
        module: ``__name__`` of the module that publishes it.
        title: its name.
        doc: its docstring; a description of the arguments is added.
    """

    def build(
        include_top: bool = True,
        weights: str | os.PathLike[str] | None = "imagenet",
        input_tensor: KerasTensor | None = None,
        input_shape: tuple[int | None, ...] | None = None,
        pooling: str | None = None,
        classes: int = 1000,
        classifier_activation: Any = "softmax",
        name: str = architecture.name,
    ) -> Model:
        return architecture.build(
            include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name
        )

    build.__module__ = module
    build.__name__ = build.__qualname__ = title
    build.__doc__ = doc + describe_arguments(architecture.size, architecture.smallest)
    return build
