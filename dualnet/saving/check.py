"""The check at save: what a file will say of a model is read back at once, so that no file is written that cannot be loaded.

The model is made again from its config, of abstract layers (``core/abstract.py``): no weights are computed, and the program is left as it
was. It must have the config and the weights of the original. Classes and functions that are not registered are no obstacle: loading
needs ``custom_objects`` for them.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..core import seeds
from ..core.abstract import abstract
from ..core.tracing import no_grad
from ..core.warning import warn
from ..graph.trial import HostRandom
from ..layers.base.layer import Layer
from ..serialization.configurable import builtin_class, constructor_arguments
from ..serialization.objects import (
    UnknownObjectError,
    describe,
    deserialize_keras_object,
    failed_object,
    serialize_keras_object,
)
from ..serialization.writing import writing
from .model_config import MAJOR_VERSION, StoredConfig, model_from_config
from .object_state import saved_objects

_LEVELS = ("config", "layers")  # entries of a config that are no arguments
_PLAIN = (bool, int, float, str)


def checked_config(model: Any, stored: StoredConfig, include_optimizer: bool = True) -> dict[str, Any]:
    """The config of a model for a file, after the model has been made from it for a test.

    Args:
        stored: what the format stores of a config.
        include_optimizer: whether the arguments of ``compile`` are in the file.

    Raises:
        ValueError: the model could not be loaded from the file, or would be another; it says which layer is the reason.
    """
    named: dict[str, Any] = {}

    def serialize(model: Any) -> dict[str, Any]:
        with writing(named, stored.assets, include_optimizer):
            return serialize_keras_object(model)

    config = serialize(model)
    try:
        text = json.dumps(stored.written(config))
    except (TypeError, ValueError) as error:
        raise ValueError(f"cannot save model {model.name!r}: its config cannot be written as JSON ({error})") from error
    key = hash((text, tuple((path, *_shapes(layer)) for path, layer in _layers(model))))
    if getattr(model, "_checked_config", None) == key:
        return config
    problem = _problem(model, config, text, named, serialize, stored)
    if problem is not None:
        raise ValueError(
            f"cannot save model {model.name!r}, as it would not come back from its file: {problem}. (Nothing was written; "
            "save_weights saves the weights alone.)"
        )
    model._checked_config = key
    return config


def _problem(
    model: Any,
    config: dict[str, Any],
    text: str,
    named: dict[str, Any],
    serialize: Callable[[Any], dict[str, Any]],
    stored: StoredConfig,
) -> str | None:
    """Why a model that is made from the text is not the original; None if it is."""

    def compare() -> str | None:
        again = model_from_config(text, "the config", named, compile=False, version=MAJOR_VERSION)
        problem = _difference_of_weights(model, again)
        compiled = config.get("compile_config") if _compiles_as_keras(model) else None
        if problem is None and compiled:
            _compile(again, compiled, named)
        if problem is None:
            problem = _difference(
                {**config, "compile_config": compiled}, {"compile_config": None, **serialize(again)}, "the model", ""
            )
        if problem is None:
            forgotten.extend(_forgotten_arguments(model, again))
        return problem

    forgotten: list[str] = []
    try:
        try:
            with _abstract():
                problem = compare()
        except UnknownObjectError:
            raise
        except Exception:  # code of the user may need values
            with _abstract(values=True):
                problem = compare()
    except UnknownObjectError:  # a class that only code of the user knows
        return None
    except Exception as error:
        about = failed_object(error)
        subject = "it" if about is None else about
        return f"{subject} cannot be made from its config ({type(error).__name__}: {error})"
    for text in forgotten:
        warn(f"saving model {model.name!r}: {text}")
    return problem


@contextmanager
def _abstract(values: bool = False) -> Iterator[None]:
    """Make abstract objects, and leave the random numbers of the program alone."""
    host, pair = HostRandom(), seeds.get_state()["pair"]
    try:
        with abstract(values), no_grad(), np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the original has been made with the same warnings
            yield
    finally:
        host.restore()
        seeds.restore_pair(pair)


# -- weights -------------------------------------------------------------------------------------------------------


def _layers(model: Any) -> list[tuple[str, Layer]]:
    return [(path, obj) for path, obj in saved_objects(model) if isinstance(obj, Layer)]


def _shapes(layer: Layer) -> list[tuple[Any, str]]:
    """Shape and dtype of the arrays that a file has for a layer; one that stores them itself may do it as it likes."""
    if builtin_class(type(layer)).save_own_variables is not type(layer).save_own_variables:
        return []
    return [(tuple(v.shape), str(v.data.dtype)) for v in layer._saved_variables()]


def _difference_of_weights(model: Any, again: Any) -> str | None:
    others = dict(_layers(again))
    for path, layer in _layers(model):
        other = others.get(path)
        expected = _shapes(layer)
        if other is None or (expected and not _shapes(other)):
            if not expected:
                continue
            unbuilt = "" if other is None else ": made from its config it is not built"
            return (
                f"{describe(layer)} comes back without its {len(expected)} weights{unbuilt}. Make them in __init__, in build, or in "
                "layers that a symbolic call builds"
            )
        if _shapes(other) != expected:
            shapes = ", ".join(f"{shape} {dtype}" for shape, dtype in expected)
            found = ", ".join(f"{shape} {dtype}" for shape, dtype in _shapes(other))
            return (
                f"{describe(layer)} has weights of shape {shapes}, and comes back with {found}. Does a get_config leave out "
                "an argument of the constructor?"
            )
    return None


# -- configs -------------------------------------------------------------------------------------------------------


def _difference(value: Any, other: Any, owner: str, argument: str) -> str | None:
    """Where two configs differ, in words. owner, argument: what they are of."""
    if isinstance(value, dict) and isinstance(other, dict):
        inner = value.get("config")
        if "class_name" in value and isinstance(inner, dict):
            name = inner.get("name")
            owner = f"{value['class_name']} {name!r}" if isinstance(name, str) else str(value["class_name"])
        for key in (*value, *(key for key in other if key not in value)):
            if key == "build_config":  # the weights say whether it was built for the same
                continue
            if key not in other or key not in value:
                where = "comes back without" if key in value else "comes back with"
                hint = ", as keys of dictionaries come back as strings" if str(key) in other and key in value else ""
                return f"{owner} {where} the entry {key!r}{f' of {argument!r}' if argument else ''}{hint}"
            text = _difference(value[key], other[key], owner, argument if key in _LEVELS else str(key))
            if text is not None:
                return text
        return None
    if isinstance(value, (list, tuple)) and isinstance(other, (list, tuple)) and len(value) == len(other):
        texts = (_difference(a, b, owner, argument) for a, b in zip(value, other))
        return next((text for text in texts if text is not None), None)
    if value == other or (value != value and other != other):  # NaN
        return None
    return f"{owner} has {argument}={_short(value)}, and comes back with {_short(other)}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _forgotten_arguments(model: Any, again: Any) -> Iterator[str]:
    """Arguments of layers of the user that are attributes too, and come back with another value."""
    others = dict(_layers(again))
    for path, layer in _layers(model):
        if builtin_class(type(layer)) is type(layer) or type(others.get(path)) is not type(layer):
            continue
        passed, kept = constructor_arguments(layer), constructor_arguments(others[path])
        for name, value in passed.items():
            now, then = vars(layer).get(name), vars(others[path]).get(name)
            if name not in kept and isinstance(value, _PLAIN) and isinstance(then, _PLAIN) and now != then:
                yield (
                    f"{describe(layer)} has {name}={now!r}, and will come back with {name}={then!r}, as its get_config leaves it "
                    "out: add it there"
                )


# -- the arguments of compile --------------------------------------------------------------------------------------


def _compiles_as_keras(model: Any) -> bool:
    """Whether ``compile`` is that of ``Model``: what one of the user needs, its config does not say."""
    builtin = builtin_class(type(model))
    methods = ("compile", "compile_from_config", "get_compile_config")
    return all(getattr(type(model), name) is getattr(builtin, name) for name in methods)


def _compile(model: Any, config: dict[str, Any], named: dict[str, Any]) -> None:
    """Compile as loading does, without the state of the optimizer."""
    model.compile(**{key: deserialize_keras_object(value, named) for key, value in config.items()})
