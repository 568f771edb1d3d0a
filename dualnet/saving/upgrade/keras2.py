"""Objects in the configs of Keras 2 and of tf.keras up to 2.15, as Keras 3 writes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ... import dtype_policies
from ...legacy.activations import keras2_hard_sigmoid
from ...serialization.configurable import constructor_parameters
from ...serialization.objects import public_class, serialize_keras_object

_Config = dict[str, Any]

_CLASSES = {
    "BatchNormalizationV1": "BatchNormalization",
    "BatchNormalizationV2": "BatchNormalization",
    "CuDNNGRU": "GRU",
    "CuDNNLSTM": "LSTM",
    "Policy": "DTypePolicy",
    "PolicyV1": "DTypePolicy",
    "SyncBatchNormalization": "BatchNormalization",
    "ThresholdedReLU": "ReLU",
}
_NOT_TRANSLATED = {
    "LocallyConnected1D": "Keras 3 has no such layer",
    "LocallyConnected2D": "Keras 3 has no such layer",
    "RandomHeight": "Keras 3 has no such layer",
    "RandomWidth": "Keras 3 has no such layer",
}
_ACTIVATIONS = ("activation", "recurrent_activation")
# Arguments that say how something is computed, or repeat what another argument says; with the only value that is understood.
_DROPPED: dict[str, dict[str, Any]] = {
    "BatchNormalization": {"renorm": False, "virtual_batch_size": None, "adjustment": None, "synchronized": False},
    "DepthwiseConv1D": {"groups": 1, "filters": None},
    "DepthwiseConv2D": {"groups": 1, "filters": None},
    "DTypePolicy": {},
    "SeparableConv1D": {"groups": 1},
    "SeparableConv2D": {"groups": 1},
    "MultiHeadAttention": {"softmax_robust_masking": False},
}  # fmt: skip
# Arguments of the base class that the layer does not use.
_UNUSED = {
    "DepthwiseConv1D": ("kernel_initializer", "kernel_regularizer", "kernel_constraint"),
    "DepthwiseConv2D": ("kernel_initializer", "kernel_regularizer", "kernel_constraint"),
    "DTypePolicy": ("loss_scale",),
    "SeparableConv1D": ("kernel_initializer", "kernel_regularizer", "kernel_constraint"),
    "SeparableConv2D": ("kernel_initializer", "kernel_regularizer", "kernel_constraint"),
    "SpatialDropout1D": ("noise_shape",),
    "SpatialDropout2D": ("noise_shape",),
    "SpatialDropout3D": ("noise_shape",),
}


def upgraded(entry: dict[str, Any]) -> dict[str, Any]:
    """An object of Keras 2 as one of Keras 3.

    Raises:
        ValueError: a layer or an option that Keras 3 does not have.
    """
    name, config = entry["class_name"], dict(entry["config"])
    if name in _NOT_TRANSLATED:
        raise ValueError(
            f"the layer {config.get('name')!r} is a {name}, which is not translated: {_NOT_TRANSLATED[name]}"
        )
    if name in _RULES:
        config = _RULES[name](config)
    name = _CLASSES.get(name, name)
    for key, value in _DROPPED.get(name, {}).items():
        if key in config and config.pop(key) != value:
            raise ValueError(
                f"{name} {config.get('name', '')!r}: {key}={entry['config'][key]!r} is not translated: Keras 3 has no {key}"
            )
    for key in _UNUSED.get(name, ()):
        config.pop(key, None)
    for key in _ACTIVATIONS:
        if _is_hard_sigmoid(config.get(key)):
            config[key] = serialize_keras_object(keras2_hard_sigmoid)
    entry = {**entry, "class_name": name, "config": _float_weights(name, config)}
    entry.pop("build_config", None)  # layers are built as they are called
    return entry


def _is_hard_sigmoid(activation: Any) -> bool:
    if isinstance(activation, dict):
        activation = activation.get("config")
    return bool(activation == "hard_sigmoid")


def _float_weights(name: str, config: _Config) -> _Config:
    """``dtype`` of a layer with weights is that of its input where it is an integer: of an Embedding in Keras 2."""
    dtype, cls = config.get("dtype"), public_class(name)
    if not isinstance(dtype, str) or not dtype.startswith(("int", "uint", "bool", "string")) or cls is None:
        return config
    makes_weights = any(key.endswith("_initializer") for key in constructor_parameters(cls))
    return {key: value for key, value in config.items() if key != "dtype"} if makes_weights else config


# -- classes with rules of their own -------------------------------------------------------------------------------


def _sequential(config: _Config) -> _Config:
    """With an InputLayer in front, where the first layer has the shape of the input."""
    layers = list(config.get("layers") or [])
    first: Any = layers[0] if layers else None
    inner = first.get("config") if isinstance(first, dict) else None
    if not isinstance(inner, dict) or first["class_name"] in (
        "InputLayer",
        "Sequential",
        "Functional",
        "Model",
        "Merge",
    ):
        return config
    shape = inner.get("batch_input_shape", inner.get("batch_shape"))
    if not isinstance(shape, (list, tuple, dict)):
        return config
    source = {"batch_shape": shape, "name": f"{inner.get('name', 'layer')}_input"}
    dtype = inner.get("input_dtype") or inner.get("dtype")
    if isinstance(dtype, str) and not dtype.startswith("mixed_"):
        source["dtype"] = dtype
    elif first["class_name"] == "Embedding":
        source["dtype"] = "int32"
    inner = {
        key: value for key, value in inner.items() if key not in ("batch_input_shape", "batch_shape", "input_dtype")
    }
    layers[:1] = [{"class_name": "InputLayer", "config": source}, {**first, "config": inner}]
    return {**config, "layers": layers}


def _batch_normalization(config: _Config) -> _Config:
    axis = config.get("axis", -1)
    return {**config, "axis": axis[0]} if isinstance(axis, (list, tuple)) and len(axis) == 1 else config


def _cudnn(config: _Config) -> _Config:
    return {**config, "activation": "tanh", "recurrent_activation": "sigmoid"}


def _cudnn_gru(config: _Config) -> _Config:
    return {**_cudnn(config), "reset_after": True}


def _gru(config: _Config) -> _Config:
    return {"reset_after": False, **config}  # before Keras 2.1.3 there was no other


def _thresholded_relu(config: _Config) -> _Config:
    return {"threshold": config.get("theta", 1.0), **{key: value for key, value in config.items() if key != "theta"}}


def _policy(config: _Config) -> _Config:
    name = str(config.get("name"))
    return {"name": dtype_policies.get(None).name if name in ("infer", "_infer") else name}


_RULES: dict[str, Callable[[_Config], _Config]] = {
    "BatchNormalization": _batch_normalization,
    "BatchNormalizationV1": _batch_normalization,
    "BatchNormalizationV2": _batch_normalization,
    "CuDNNGRU": _cudnn_gru,
    "CuDNNLSTM": _cudnn,
    "GRU": _gru,
    "GRUCell": _gru,
    "Policy": _policy,
    "PolicyV1": _policy,
    "Sequential": _sequential,
    "SyncBatchNormalization": _batch_normalization,
    "ThresholdedReLU": _thresholded_relu,
}
