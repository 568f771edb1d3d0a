"""Images as the networks were trained on them, and their predictions in words."""

from __future__ import annotations

import functools
import json
from typing import Any, BinaryIO

import numpy as np

from .. import ops
from ..backend import is_float_dtype
from ..config import floatx, image_data_format
from ..core.symbolic import KerasTensor
from ..datasets.download import ContentError
from .input_shape import obtain_input_shape as obtain_input_shape
from .weights import fetch_model_file

__all__ = ["decode_predictions", "preprocess_input"]

CLASS_INDEX = "imagenet_class_index.json"
CLASS_INDEX_URL = f"https://storage.googleapis.com/download.tensorflow.org/data/{CLASS_INDEX}"
CLASS_INDEX_MD5 = "c2c37ea517e94d9795004a39431a14cb"

# What the modes divide pixels by, the mean they subtract then, in the order of their channels, and what they divide by last.
_MODES: dict[str, tuple[float, float | tuple[float, ...], tuple[float, ...] | None]] = {
    "caffe": (1.0, (103.939, 116.779, 123.68), None),
    "tf": (127.5, 1.0, None),
    "torch": (255.0, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
}


def preprocess_input(x: Any, data_format: str | None = None, mode: str = "caffe") -> Any:
    """Images in the form that a network was trained on. Each family of networks has its ``preprocess_input``, with its mode.

    Args:
        x: one image or a batch with pixels from 0 to 255, RGB; an array, which stays as it is, or a tensor, symbolic ones too.
        data_format: "channels_last" or "channels_first"; by default that of ``dualnet.config``.
        mode: "caffe": BGR, minus the mean of ImageNet. "tf": from -1 to 1. "torch": from 0 to 1, minus the mean of ImageNet,
            divided by its standard deviation.

    Returns:
        Floating point images, an array for an array and else a tensor.
    """
    if mode not in _MODES:
        raise ValueError(f"mode must be one of {', '.join(_MODES)}, got {mode!r}")
    data_format = image_data_format() if data_format is None else data_format
    if data_format not in ("channels_first", "channels_last"):
        raise ValueError(f"data_format must be 'channels_last' or 'channels_first', got {data_format!r}")
    if isinstance(x, np.ndarray):
        x = x if np.issubdtype(x.dtype, np.floating) else x.astype(floatx())
    else:
        x = x if isinstance(x, KerasTensor) else ops.convert_to_tensor(x)
        x = x if is_float_dtype(x.dtype) else ops.cast(x, floatx())
    axis = -3 if data_format == "channels_first" else -1
    if mode != "tf" and (len(x.shape) < 3 or x.shape[axis] not in (3, None)):
        raise ValueError(
            f"mode {mode!r} is for images with 3 channels ({data_format}), got shape {tuple(x.shape)}: repeat the channel of "
            "gray images"
        )
    scale, mean, deviation = _MODES[mode]
    if mode == "caffe":
        x = (np if isinstance(x, np.ndarray) else ops).flip(x, axis)
    if scale != 1:
        x = x / scale
    x = x - _per_channel(mean, x, axis)
    return x if deviation is None else x / _per_channel(deviation, x, axis)


def _per_channel(values: float | tuple[float, ...], x: Any, axis: int) -> Any:
    """A number for each channel, in the shape and dtype to go with ``x``; one number for all stays a number."""
    if isinstance(values, float):
        return values
    array = np.reshape(values, (3,) + (1,) * (-1 - axis))
    return array.astype(x.dtype) if isinstance(x, np.ndarray) else ops.convert_to_tensor(array, dtype=x.dtype)


def decode_predictions(preds: Any, top: int = 5) -> list[list[tuple[str, str, Any]]]:
    """The most likely classes of ImageNet for each image: (class, its name in English, probability), the likeliest first.

    Args:
        preds: (batch, 1000), what a network with its top predicts.
        top: how many classes to return.
    """
    shape = tuple(getattr(preds, "shape", np.shape(preds)))
    if len(shape) != 2 or shape[1] != 1000:
        raise ValueError(
            f"decode_predictions takes predictions of shape (batch, 1000), one for each class of ImageNet, got shape {shape}"
        )
    classes = class_index()
    results = []
    for scores in ops.convert_to_numpy(preds):
        best = scores.argsort(kind="stable")[::-1][:top]
        results.append([(*classes[i], scores[i]) for i in best])
    return results


@functools.cache
def class_index() -> list[tuple[str, str]]:
    """The 1000 classes of ImageNet: the id in WordNet and the name in English of each."""
    return fetch_model_file(CLASS_INDEX, CLASS_INDEX_URL, CLASS_INDEX_MD5, _parse_classes)


def _parse_classes(file: BinaryIO) -> list[tuple[str, str]]:
    try:
        index = json.load(file)
        return [(str(identifier), str(name)) for identifier, name in (index[str(i)] for i in range(1000))]
    except (ValueError, KeyError, TypeError) as error:
        raise ContentError(f"expected a JSON object of 1000 classes, found something else ({error})") from error
