"""What layers on (batch, spatial..., channels) share: where the spatial axes are, and arguments with one entry for each."""

from __future__ import annotations

from collections.abc import Callable
from operator import index
from types import FunctionType
from typing import Any, ClassVar

from ... import config
from .layer import Layer, Shape


class Spatial(Layer):
    """Base of layers without weights whose input has ``spatial_rank`` axes between the batch and the channels.

    Args:
        data_format: "channels_last" (the default, see ``config.set_image_data_format``) or "channels_first".
    """

    spatial_rank: ClassVar[int]

    def __init__(self, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = data_format_of(self, data_format)
        self._build_at_init()

    def _spatial_axes(self, shape: Any) -> range:
        """The spatial axes; raises ``ValueError`` for a shape of another rank."""
        if len(shape) != self.spatial_rank + 2:
            raise ValueError(
                f"{type(self).__name__} layer {self.name!r} expects inputs with {self.spatial_rank + 2} axes (a batch, "
                f"{self.spatial_rank} spatial, channels; {self.data_format}), got shape {tuple(shape)}"
            )
        first = 1 if self.data_format == "channels_last" else 2
        return range(first, first + self.spatial_rank)

    def _map_lengths(self, shape: Any, function: Callable[[int, int], int]) -> Shape:
        """The shape with ``function(axis number, length)`` for each spatial length that is known."""
        out = list(shape)
        for i, axis in enumerate(self._spatial_axes(shape)):
            if shape[axis] is not None:
                out[axis] = function(i, shape[axis])
        return tuple(out)


def data_format_of(layer: Layer, value: str | None) -> str:
    """The data format passed, or the configured one."""
    value = config.image_data_format() if value is None else value
    if value not in ("channels_last", "channels_first"):
        raise ValueError(
            f'{type(layer).__name__}: data_format must be "channels_last" or "channels_first", got {value!r}'
        )
    return value


def whole_numbers(layer: Layer, name: str, value: Any, n: int, least: int = 1) -> tuple[int, ...]:
    """An argument that is one whole number for all axes, or ``n`` of them, as a tuple of ``n``."""
    try:
        values = (value,) * n if not isinstance(value, (tuple, list)) else value
        numbers = tuple(index(v) for v in values)
    except TypeError:
        numbers = ()
    if len(numbers) != n or isinstance(value, bool) or any(v < least for v in numbers):
        adjective = "positive" if least else "non-negative"
        raise ValueError(
            f"{type(layer).__name__}: `{name}` must be a {adjective} whole number or a tuple of {n} of them, got {value!r}"
        )
    return numbers


def with_defaults(function: Any, **defaults: Any) -> Any:
    """The same function with other defaults: Keras writes ``strides=1`` in 1D, ``strides=(1, 1)`` in 2D, and so on."""
    code = function.__code__
    names = code.co_varnames[: code.co_argcount]
    old = function.__defaults__ or ()
    defaults = {**dict(zip(names[len(names) - len(old) :], old)), **defaults}
    values = tuple(defaults[name] for name in names if name in defaults)
    changed = FunctionType(code, function.__globals__, function.__name__, values, function.__closure__)
    changed.__annotations__, changed.__doc__ = function.__annotations__, function.__doc__
    changed.__qualname__, changed.__module__ = function.__qualname__, function.__module__
    return changed
