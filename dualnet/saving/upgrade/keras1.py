"""Objects in the configs of Keras 1 as Keras 2 writes them.

A layer is in ``_LAYERS`` with its present name and the present names of its arguments, or in ``_NOT_TRANSLATED`` with the reason.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import merge

_Config = dict[str, Any]
_Note = Callable[[str], None]

_KERNEL = {
    "init": "kernel_initializer", "W_regularizer": "kernel_regularizer", "b_regularizer": "bias_regularizer",
    "W_constraint": "kernel_constraint", "b_constraint": "bias_constraint", "bias": "use_bias",
}  # fmt: skip
_CONVOLUTION = {
    **_KERNEL,
    "nb_filter": "filters",
    "border_mode": "padding",
    "subsample": "strides",
    "dim_ordering": "data_format",
}
_CONVOLUTION_1D = {**_KERNEL, "nb_filter": "filters", "filter_length": "kernel_size", "border_mode": "padding",
                   "subsample_length": "strides", "atrous_rate": "dilation_rate"}  # fmt: skip
_POOLING = {"border_mode": "padding", "dim_ordering": "data_format"}
_POOLING_1D = {"pool_length": "pool_size", "stride": "strides", "border_mode": "padding"}
_RECURRENT = {
    **_KERNEL, "output_dim": "units", "inner_init": "recurrent_initializer", "inner_activation": "recurrent_activation",
    "U_regularizer": "recurrent_regularizer", "dropout_W": "dropout", "dropout_U": "recurrent_dropout",
}  # fmt: skip
_FORMAT = {"dim_ordering": "data_format"}
_RATE = {"p": "rate"}

# Name in Keras 1 -> (name in Keras 2, the present names of arguments).
_LAYERS: dict[str, tuple[str, dict[str, str]]] = {
    "AtrousConvolution1D": ("Conv1D", _CONVOLUTION_1D),
    "AtrousConvolution2D": ("Conv2D", {**_CONVOLUTION, "atrous_rate": "dilation_rate"}),
    "AveragePooling1D": ("AveragePooling1D", _POOLING_1D),
    "AveragePooling2D": ("AveragePooling2D", _POOLING),
    "AveragePooling3D": ("AveragePooling3D", _POOLING),
    "BatchNormalization": ("BatchNormalization", {"gamma_init": "gamma_initializer", "beta_init": "beta_initializer"}),
    "ConvLSTM2D": ("ConvLSTM2D", {**_RECURRENT, **_CONVOLUTION}),
    "Convolution1D": ("Conv1D", _CONVOLUTION_1D),
    "Convolution2D": ("Conv2D", _CONVOLUTION),
    "Convolution3D": ("Conv3D", _CONVOLUTION),
    "Cropping2D": ("Cropping2D", _FORMAT),
    "Cropping3D": ("Cropping3D", _FORMAT),
    "Dense": ("Dense", {**_KERNEL, "output_dim": "units"}),
    "Dropout": ("Dropout", _RATE),
    "Embedding": ("Embedding", {"init": "embeddings_initializer", "W_regularizer": "embeddings_regularizer",
                                "W_constraint": "embeddings_constraint"}),
    "GRU": ("GRU", _RECURRENT),
    "GaussianDropout": ("GaussianDropout", _RATE),
    "GaussianNoise": ("GaussianNoise", {"sigma": "stddev"}),
    "GlobalAveragePooling2D": ("GlobalAveragePooling2D", _FORMAT),
    "GlobalAveragePooling3D": ("GlobalAveragePooling3D", _FORMAT),
    "GlobalMaxPooling2D": ("GlobalMaxPooling2D", _FORMAT),
    "GlobalMaxPooling3D": ("GlobalMaxPooling3D", _FORMAT),
    "LSTM": ("LSTM", _RECURRENT),
    "MaxPooling1D": ("MaxPooling1D", _POOLING_1D),
    "MaxPooling2D": ("MaxPooling2D", _POOLING),
    "MaxPooling3D": ("MaxPooling3D", _POOLING),
    "PReLU": ("PReLU", {"init": "alpha_initializer"}),
    "SeparableConvolution2D": ("SeparableConv2D", {
        **_CONVOLUTION, "init": "depthwise_initializer", "W_regularizer": "depthwise_regularizer",
        "W_constraint": "depthwise_constraint"}),
    "SimpleRNN": ("SimpleRNN", _RECURRENT),
    "SpatialDropout1D": ("SpatialDropout1D", _RATE),
    "SpatialDropout2D": ("SpatialDropout2D", {**_RATE, **_FORMAT}),
    "SpatialDropout3D": ("SpatialDropout3D", {**_RATE, **_FORMAT}),
    "TimeDistributedDense": ("Dense", {**_KERNEL, "output_dim": "units"}),
    "UpSampling1D": ("UpSampling1D", {"length": "size"}),
    "UpSampling2D": ("UpSampling2D", _FORMAT),
    "UpSampling3D": ("UpSampling3D", _FORMAT),
    "ZeroPadding2D": ("ZeroPadding2D", _FORMAT),
    "ZeroPadding3D": ("ZeroPadding3D", _FORMAT),
}  # fmt: skip
_NOT_TRANSLATED = {
    "Deconvolution2D": "it fixes the shape of its output, which no layer of Keras 3 does",
    "Highway": "Keras 3 has no such layer",
    "LocallyConnected1D": "Keras 3 has no such layer",
    "LocallyConnected2D": "Keras 3 has no such layer",
    "MaxoutDense": "Keras 3 has no such layer",
    "ParametricSoftplus": "Keras 3 has no such layer",
    "SReLU": "Keras 3 has no such layer",
}
_OLD_NAMES = {name for name, (new, _) in _LAYERS.items() if name != new} | {
    "Highway",
    "MaxoutDense",
    "Merge",
    "ParametricSoftplus",
}
_FORMATS = {"tf": "channels_last", "th": "channels_first"}
# Arguments without a counterpart, which change no number.
_DROPPED = ("consume_less", "input_dtype", "input_length")
_REGULARIZERS = ("ActivityRegularizer", "L1L2Regularizer", "WeightRegularizer")
_CONSTRAINTS = {"MaxNorm": {"m": "max_value"}, "NonNeg": {}, "UnitNorm": {}}
_OLD_ARGUMENTS = {
    "W_regularizer",
    "border_mode",
    "dim_ordering",
    "inner_activation",
    "input_dtype",
    "nb_filter",
    "pool_length",
}


def is_old(value: dict[str, Any]) -> bool:
    """Whether a dictionary in a config can only be of Keras 1."""
    return not _OLD_ARGUMENTS.isdisjoint(value) or value.get("class_name") in _OLD_NAMES


def upgraded(entry: dict[str, Any], note: _Note) -> dict[str, Any]:
    """An object of Keras 1 as one of Keras 2.

    note: takes what is not translated and changes the training alone.

    Raises:
        ValueError: a layer or an option that Keras 3 does not have.
    """
    name, config = entry["class_name"], entry["config"]
    if name in _NOT_TRANSLATED:
        raise _refusal(entry, _NOT_TRANSLATED[name])
    if name == "Merge":
        return merge.layer(entry)
    if name == "Sequential" and merge.is_first(config):
        return merge.model(entry)
    if name == "InputLayer":
        config = {("dtype" if key == "input_dtype" else key): value for key, value in config.items()}
        return {**entry, "config": config}
    new, renamed = _LAYERS.get(name, (name, {}))
    config = {renamed.get(key, key): _part(value, entry) for key, value in config.items()}
    if "data_format" in renamed.values() and "data_format" in config:
        config["data_format"] = _FORMATS.get(str(config["data_format"]))
    if name in _RULES:
        config = _RULES[name](entry, config, note)
    keep: tuple[str, ...] = ("input_length",) if name == "Embedding" else ()
    if "batch_input_shape" in config:  # a Sequential takes the dtype of its input from its first layer
        keep += ("input_dtype",)
    return {**entry, "class_name": new, "config": {k: v for k, v in config.items() if k not in _DROPPED or k in keep}}


def _refusal(entry: dict[str, Any], reason: str) -> ValueError:
    name = entry["config"].get("name") if isinstance(entry["config"], dict) else None
    return ValueError(f"the layer {name!r} is a {entry['class_name']} of Keras 1, which is not translated: {reason}")


def _part(value: Any, entry: dict[str, Any]) -> Any:
    """A regularizer or a constraint, which Keras 1 writes as ``{"name": "MaxNorm", "m": 2}``."""
    if not isinstance(value, dict) or "class_name" in value or not isinstance(value.get("name"), str):
        return value
    name, arguments = value["name"], {key: v for key, v in value.items() if key != "name"}
    if name in _REGULARIZERS:
        return {"class_name": "L1L2", "config": {key: arguments[key] for key in ("l1", "l2") if key in arguments}}
    if name in _CONSTRAINTS:
        return {"class_name": name, "config": {_CONSTRAINTS[name].get(key, key): v for key, v in arguments.items()}}
    raise _refusal(entry, f"there is no {name} in Keras 3")


# -- layers with rules of their own --------------------------------------------------------------------------------


def _kernel_size(*names: str) -> Callable[[dict[str, Any], _Config, _Note], _Config]:
    def rule(entry: dict[str, Any], config: _Config, note: _Note) -> _Config:
        size = [config.pop(name) for name in names]
        return {**config, "kernel_size": size}

    return rule


def _batch_normalization(entry: dict[str, Any], config: _Config, note: _Note) -> _Config:
    mode = config.pop("mode", 0)
    if mode != 0:
        raise _refusal(entry, f"mode={mode} normalizes by the batch, or by features, in prediction too")
    return config


def _embedding(entry: dict[str, Any], config: _Config, note: _Note) -> _Config:
    if config.pop("dropout", 0):
        note(
            f"the layer {config.get('name')!r} is trained without its dropout, which Embedding does not have in Keras 3"
        )
    return config


def _lstm(entry: dict[str, Any], config: _Config, note: _Note) -> _Config:
    init = config.pop("forget_bias_init", "one")
    return {**config, "unit_forget_bias": init in ("one", "ones")}


def _conv_lstm(entry: dict[str, Any], config: _Config, note: _Note) -> _Config:
    return _lstm(entry, _kernel_size("nb_row", "nb_col")(entry, config, note), note)


def _zero_padding(entry: dict[str, Any], config: _Config, note: _Note) -> _Config:
    padding = config.get("padding")
    if isinstance(padding, (list, tuple)) and len(padding) == 4:  # top, bottom, left, right
        return {**config, "padding": [list(padding[:2]), list(padding[2:])]}
    if isinstance(padding, dict):
        sides = [
            [padding.get(f"{a}_pad", 0), padding.get(f"{b}_pad", 0)] for a, b in (("top", "bottom"), ("left", "right"))
        ]
        return {**config, "padding": sides}
    return config


def _wrapper(entry: dict[str, Any], config: _Config, note: _Note) -> _Config:
    """The layer inside knows nothing of the shape of the input."""
    inner = config.get("layer")
    if isinstance(inner, dict) and isinstance(inner.get("config"), dict):
        inside = {
            key: v for key, v in inner["config"].items() if key not in ("batch_input_shape", "input_dtype", "input_dim")
        }
        return {**config, "layer": {**inner, "config": inside}}
    return config


_RULES: dict[str, Callable[[dict[str, Any], _Config, _Note], _Config]] = {
    "AtrousConvolution2D": _kernel_size("nb_row", "nb_col"),
    "BatchNormalization": _batch_normalization,
    "Bidirectional": _wrapper,
    "ConvLSTM2D": _conv_lstm,
    "Convolution2D": _kernel_size("nb_row", "nb_col"),
    "Convolution3D": _kernel_size("kernel_dim1", "kernel_dim2", "kernel_dim3"),
    "Embedding": _embedding,
    "LSTM": _lstm,
    "SeparableConvolution2D": _kernel_size("nb_row", "nb_col"),
    "TimeDistributed": _wrapper,
    "ZeroPadding2D": _zero_padding,
}
