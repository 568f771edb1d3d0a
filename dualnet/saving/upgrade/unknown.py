"""Arguments in a config that a class does not have: which are left out, and which are an error.

A newer Keras may write arguments that are not known here. An argument that is None, False or empty asks for nothing: it is
left out, with a warning (without one for None, which Keras 3 writes for every feature that is not used). So is one of ``WITHOUT_EFFECT``.
Any other could change what the layer computes, and is left for the class to refuse.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from ...layers.base.layer import Layer
from ...legacy.arguments import INPUT_ARGUMENTS, LAYER_ARGUMENTS, OPTIMIZER_ARGUMENTS, OPTIMIZER_IGNORED
from ...optimizers import Optimizer
from ...serialization.configurable import Configurable, config_attributes, constructor_parameters

_GEOMETRIC = ("RandomCrop", "RandomFlip", "RandomRotation", "RandomShear", "RandomTranslation", "RandomZoom")
_RANDOM = (*_GEOMETRIC, "RandomBrightness", "RandomContrast")

# Arguments that do not change the numbers, with any value.
WITHOUT_EFFECT: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(_RANDOM, ("auto_vectorize", "rng_type")),
    **dict.fromkeys(_GEOMETRIC, ("auto_vectorize", "rng_type", "value_range")),  # pixels are moved, not changed
    "MultiHeadAttention": ("key_shape", "query_shape", "value_shape"),  # what it was built for
    "BatchNormalization": ("fused", "renorm_clipping", "renorm_momentum"),  # the last two with renorm=True, which is refused
}  # fmt: skip

# What the classes here take besides the arguments that their signatures name.
_OF_ANY_LAYER = {
    *INPUT_ARGUMENTS,
    *LAYER_ARGUMENTS,
    "batch_shape",
    "batch_size",
    "input_length",
    "ragged",
    "time_major",
}
_OF_ANY_OPTIMIZER = {*OPTIMIZER_ARGUMENTS, *OPTIMIZER_IGNORED, "decay"}


def without_unknown(cls: Any, config: dict[str, Any], note: Callable[[str], None]) -> dict[str, Any]:
    """The config without unknown arguments that ask for nothing.

    note: takes what was left out, for a warning.
    """
    if (
        not issubclass(cls, Configurable) or "layers" in config
    ):  # a model has more in its config than its constructor takes
        return config
    known = {*constructor_parameters(cls), *config_attributes(cls)}
    if "fn" in known:  # whose other arguments are those of a function
        return config
    if issubclass(cls, Layer) and any(
        p.kind is p.VAR_KEYWORD for p in inspect.signature(cls.__init__).parameters.values()
    ):
        known |= _OF_ANY_LAYER
    if issubclass(cls, Optimizer):
        known |= _OF_ANY_OPTIMIZER
    result = {}
    for key, value in config.items():
        if key in known or not _asks_for_nothing(cls, key, value):
            result[key] = value
        elif value is not None and key not in WITHOUT_EFFECT.get(cls.__name__, ()) and key != "trainable":
            note(f"{cls.__name__} has no argument {key!r} here, and {value!r} was left out")
    return result


def _asks_for_nothing(cls: Any, key: str, value: Any) -> bool:
    if key in WITHOUT_EFFECT.get(cls.__name__, ()):
        return True
    if key == "trainable" and issubclass(cls, Layer):  # of a layer without weights
        return True
    return value is None or value is False or (isinstance(value, (str, list, tuple, dict)) and not value)
