"""The class of layer classes, and what is read from the methods of a layer once per class."""

from __future__ import annotations

import abc
import functools
import inspect
from typing import Any, NamedTuple

from ...core.hints import check_arguments
from ...legacy.arguments import LAYER_ARGUMENTS, LAYER_DEFAULTS, rename_arguments
from .context import layer_scope

Shape = tuple[int | None, ...]


class CallSignature(NamedTuple):
    """What ``call`` takes, read once per class.

    Attributes:
        names: of all parameters, in their order.
        required: those without a default.
        positions: how many arguments may be passed by position; None for any number.
    """

    names: tuple[str, ...]
    required: tuple[str, ...]
    positions: int | None
    training: bool
    training_default: Any
    mask: bool
    any_keyword: bool


def build_arguments(cls: Any) -> tuple[str, ...] | None:
    """The names of the arguments of call whose shapes ``build`` takes; None when it takes that of the first, or of all.

    Raises ``ValueError`` when a name is not that of an argument with ``_shape`` behind it.
    """
    parameters = list(inspect.signature(cls.build).parameters.values())[1:]
    if len(parameters) < 2 or any(p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in parameters):
        return None
    names = []
    for p in parameters:
        name = p.name.removesuffix("_shape")
        if name == p.name:
            if p.default is not p.empty:
                continue
            raise ValueError(
                f"For layer {cls.__name__}, when `build()` takes several arguments, each must be named as an argument of "
                f"`call()` with `_shape` behind it. It takes the argument `{p.name}`, which does not end in `_shape`"
            )
        if name not in cls._signature.names:
            raise ValueError(
                f"For layer {cls.__name__}, `build()` takes the argument `{p.name}`, but `call()` does not have argument "
                f"`{name}`: it has {', '.join(cls._signature.names)}"
            )
        names.append(name)
    return tuple(names)


class LayerType(abc.ABCMeta):
    """The class of layer classes: translates old argument names, checks the constructor's arguments, and stores them.

    It is an ``ABCMeta`` so that a layer may be one of the abstract base classes of a user: ``class Block(Layer, abc.ABC)``.
    """

    # Those of ABCMeta are several times as slow; no class is registered as a layer without being one.
    __instancecheck__ = type.__instancecheck__
    __subclasscheck__ = type.__subclasscheck__

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        if any(name in LAYER_ARGUMENTS for name in kwargs):
            kwargs = rename_arguments(kwargs, LAYER_ARGUMENTS, inspect.signature(cls.__init__).parameters)  # type: ignore[misc]
        if not args and cls.__name__ in LAYER_DEFAULTS:
            kwargs = {**LAYER_DEFAULTS[cls.__name__], **kwargs}
        check_arguments(cls, args, kwargs)
        new: Any = cls.__new__
        layer = new(cls, *args, **kwargs)
        object.__setattr__(layer, "_auto_args", (args, kwargs))
        layer.__init__(*args, **kwargs)
        return layer

    @property
    def __signature__(cls) -> inspect.Signature:
        """What ``help`` shows: the parameters of ``__init__``."""
        return inspect.Signature(list(inspect.signature(cls.__init__).parameters.values())[1:])  # type: ignore[misc]


def read_signature(call: Any) -> CallSignature:
    parameters = list(inspect.signature(call).parameters.values())[1:]
    by_name = {p.name: p for p in parameters}
    training = by_name.get("training")
    default = training.default if training is not None and training.default is not training.empty else None
    any_keyword = any(p.kind is p.VAR_KEYWORD for p in parameters)
    by_position = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return CallSignature(
        names=tuple(by_name),
        required=tuple(p.name for p in by_position if p.default is p.empty),
        positions=None if any(p.kind is p.VAR_POSITIONAL for p in parameters) else len(by_position),
        training=training is not None,
        training_default=default,
        mask="mask" in by_name,
        any_keyword=any_keyword,
    )


def marking_built(build: Any) -> Any:
    """``build`` that also works when a user calls it: variables get their path, and the layer knows it is built."""

    without_shape = len(inspect.signature(build).parameters) == 1

    @functools.wraps(build)
    def wrapped(self: Any, *args: Any, **kwargs: Any) -> None:
        input_shape, args = (args[0], args[1:]) if args else (None, ())
        if isinstance(input_shape, list) and all(n is None or isinstance(n, int) for n in input_shape):
            input_shape = tuple(input_shape)
        outermost = not self._building  # and not the build of a base class, called by that of a class on top of it
        self._building = True
        try:
            with layer_scope(self.name):
                self._set_path()
                if input_shape is None and not args:
                    build(self, **kwargs) if kwargs or without_shape else build(self, None)
                else:
                    build(self, input_shape, *args, **kwargs)
        finally:
            self._building = not outermost
        if outermost:
            if self._build_shape is None:
                self._build_shape = next(iter(kwargs.values())) if kwargs and input_shape is None else input_shape
            if self._build_shapes is None and args:  # the shapes of several tensors, by position
                shapes = dict(
                    list(inspect.signature(build).bind(self, input_shape, *args, **kwargs).arguments.items())[1:]
                )
                if all(name.endswith("_shape") for name in shapes):
                    self._build_shapes = shapes
            elif self._build_shapes is None and kwargs and input_shape is None:
                self._build_shapes = dict(kwargs)
            self.built = True

    return wrapped
