"""A model from its config in JSON: what the readers of all formats share."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

from ..layers.base.layer import Layer
from ..serialization import sharing
from ..serialization.objects import deserialize_keras_object
from .limits import parse_json
from .upgrade import upgraded, version_of

KERAS_VERSION = "3.15.1"  # the Keras whose file layouts are written
MAJOR_VERSION = 3


class StoredConfig(NamedTuple):
    """What a format stores of the config of a model.

    assets: whether files have assets too; if not, what layers keep there, a learned vocabulary, is part of their configs. written: what
    of a config is in the file.
    """

    assets: bool = True
    written: Callable[[dict[str, Any]], dict[str, Any]] = dict


def model_from_config(
    text: str | bytes,
    source: str,
    custom_objects: dict[str, Any] | None,
    compile: bool = True,
    version: int | None = None,
) -> Any:
    """The model described by JSON text, with fresh weights.

    source: the name of the text in messages. version: the Keras that wrote it, 1, 2 or 3; by default as the text says.
    """
    try:
        config = parse_json(text, source)
        if not isinstance(config, dict) or "class_name" not in config:
            raise ValueError(f"{source} describes no model")
        if not compile:
            config.pop("compile_config", None)
        version = version_of(config.get("keras_version")) if version is None else version
        config = upgraded(config, version, custom_objects)
        with sharing.reading(fresh=True):
            model = deserialize_keras_object(config, custom_objects)
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"{source} is damaged ({error})") from None
    except RecursionError:
        raise ValueError(f"{source} is nested too deeply") from None
    except (KeyError, IndexError, AttributeError) as error:  # an entry is missing, or of another type
        raise ValueError(f"{source} does not describe a model ({type(error).__name__}: {error})") from error
    if not isinstance(model, Layer) or not hasattr(model, "compile_from_config"):
        raise ValueError(f"{source} describes a {type(model).__name__}, not a model")
    return model
