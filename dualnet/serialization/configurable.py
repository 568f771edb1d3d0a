"""Configurable: an object whose config is what its constructor was given, read from the attributes of the same names."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, Self

from ..core.hints import check_arguments
from .objects import deserialize_keras_object, serialize_keras_object

# Arguments of any layer, by the attributes that hold them.
_OF_ANY_LAYER = {"name": "name", "trainable": "trainable", "dtype": "dtype_policy"}


class Configurable:
    """Base of what a file describes by its class and the arguments of its constructor.

    Each argument is kept in the attribute of its name. Of a user's class, the config has the arguments of the dualnet class
    that it is derived from, and those that its own constructor was called with. A ``get_config`` of its own has what it adds on top of
    ``super().get_config()``, which then gives the former alone.
    """

    # Exceptions: an argument that is kept in another attribute, one that comes through ``**kwargs``, or with None one that
    # is in no config. Those of a base class hold too.
    _config_attributes: Mapping[str, str | None] = MappingProxyType({})

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        if args or kwargs:  # a copy has neither
            check_arguments(cls, args, kwargs)
        obj = super().__new__(cls)
        if keeps_arguments(cls):
            object.__setattr__(obj, "_auto_args", (args, kwargs))
        return obj

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, as plain values."""
        config = {
            name: plain(getattr(self, attribute))
            for name, attribute in config_attributes(builtin_class(type(self))).items()
        }
        return _with_own_arguments(self, config) if keeps_arguments(type(self)) else config

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """The object that a config describes."""
        return cls(**config) if builtin_class(cls) is cls else make_from_arguments(cls, config)


def attributes(**names: str | None) -> Mapping[str, str | None]:
    """The exceptions of a class, for ``_config_attributes``: ``attributes(output_shape="_output_shape", autocast=None)``."""
    return names


def plain(value: Any) -> Any:
    """A value of a config: objects, functions and arrays as their configs, other things as they are."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, dict):
        return {key: plain(v) for key, v in value.items()}
    if isinstance(value, (list, tuple)):
        values = [plain(v) for v in value]
        return values if isinstance(value, list) else tuple(values)
    return serialize_keras_object(value)


def builtin_class(cls: Any) -> Any:
    """The class itself if it is dualnet's, else the one of dualnet that it is derived from."""
    return next((base for base in cls.__mro__ if base.__module__.startswith("dualnet.")), object)


def keeps_arguments(cls: Any) -> bool:
    """Whether a class is the user's, and leaves it to dualnet to put the arguments of its constructor into the config."""
    builtin: Any = builtin_class(cls)
    return cls.get_config is builtin.get_config and cls.__init__ is not builtin.__init__


def constructor_arguments(obj: Any) -> dict[str, Any]:
    """What the constructor of an object of a user's class was called with, by name."""
    if "_auto_args" not in vars(obj):
        return {}
    args, kwargs = obj._auto_args
    bound = inspect.signature(type(obj).__init__).bind(obj, *args, **kwargs)
    arguments = dict(list(bound.arguments.items())[1:])
    for p in bound.signature.parameters.values():
        if p.kind is p.VAR_KEYWORD:
            arguments |= arguments.pop(p.name, {})
    return arguments


def _with_own_arguments(obj: Any, config: dict[str, Any]) -> dict[str, Any]:
    """The config of an object of a user's class: with what its constructor was called with, without what that supplies to its base."""
    passed = constructor_arguments(obj)
    parameters = inspect.signature(builtin_class(type(obj)).__init__).parameters
    supplied = {p.name for p in parameters.values() if p.default is p.empty} - passed.keys()
    return {**passed, **{key: value for key, value in config.items() if key not in supplied}}


def make_from_arguments(cls: Any, config: dict[str, Any]) -> Any:
    """An object of a user's class from its config.

    Where the config has the arguments as they were passed, layers, functions and the like are made of their configs. The constructor
    need not take all arguments of the class that it is derived from, such as ``name``: these are set afterwards.
    """
    builtin = builtin_class(cls)
    known = {*_OF_ANY_LAYER, *constructor_parameters(builtin)}
    if keeps_arguments(cls):
        config = {key: value if key in known else deserialize_keras_object(value) for key, value in config.items()}
    parameters = inspect.signature(cls.__init__).parameters
    takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    later = {} if takes_any else {key: v for key, v in config.items() if key in known and key not in parameters}
    obj = cls(**{key: value for key, value in config.items() if key not in later})
    held = {**_OF_ANY_LAYER, **config_attributes(builtin)}
    for key, value in later.items():
        attribute = held.get(key, key)
        # Layers inside a trainable one may be frozen one by one.
        if plain(getattr(obj, attribute, None)) != value and (key != "trainable" or not value):
            setattr(obj, attribute, value)
    return obj


def constructor_parameters(cls: Any) -> Mapping[str, inspect.Parameter]:
    """The parameters of a constructor by name, with those that it passes on to its bases as ``**kwargs``; its own first."""
    return _constructor_parameters(cls)


@cache
def _constructor_parameters(cls: Any) -> Mapping[str, inspect.Parameter]:
    parameters: dict[str, inspect.Parameter] = {}
    for base in cls.__mro__[:-1]:
        if "__init__" not in vars(base):
            continue
        own = list(inspect.signature(vars(base)["__init__"]).parameters.values())[1:]
        inherited = bool(parameters)
        for p in own:
            if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY):
                # What a base requires, its subclass supplies.
                supplied = inherited and p.default is p.empty
                parameters.setdefault(p.name, p.replace(default=None) if supplied else p)
        if all(p.kind is not p.VAR_KEYWORD for p in own):
            break
    return parameters


@cache
def config_attributes(cls: type) -> dict[str, str]:
    """For each argument in the config of a class of dualnet, the attribute that holds it."""
    names: dict[str, str | None] = {name: name for name in constructor_parameters(cls)}
    for base in reversed(cls.__mro__):
        names |= vars(base).get("_config_attributes", {})
    return {name: attribute for name, attribute in names.items() if attribute is not None}
