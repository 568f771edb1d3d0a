"""Symbolic tensors: a shape and a dtype without a value."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from .dtypes import standardize_dtype
from .naming import auto_name


class UnknownSize(TypeError):
    """Code of the user needs a number where a size is not known yet."""


class TracedShape(tuple[Any, ...]):
    """The shape of a symbolic tensor while the ``call`` of a layer is traced.

    There, an unknown size that code of the user takes out of a shape would go on as None, and ``x[:None]`` or ``arange(None)`` would
    mean something else: taking it out raises ``UnknownSize``, upon which the layer is run on zeros. Code of dualnet knows None.
    """

    def __getitem__(self, key: Any) -> Any:
        value = super().__getitem__(key)
        if isinstance(key, slice):
            return TracedShape(value)
        if value is None and not _called_by_dualnet():
            raise UnknownSize(f"axis {key} of a symbolic tensor has no known size: its shape is {tuple(self)}")
        return value

    def __iter__(self) -> Iterator[Any]:
        if None in self and not _called_by_dualnet():
            raise UnknownSize(f"an axis of a symbolic tensor has no known size: its shape is {self!r}")
        return super().__iter__()

    def __add__(self, other: Any) -> Any:
        return TracedShape(super().__add__(tuple(other)))


def _called_by_dualnet() -> bool:
    """Whether the code that reads a shape, two frames up, is dualnet's own."""
    name = sys._getframe(2).f_globals.get("__name__", "")
    return name.partition(".")[0] in ("dualnet", "dualnet_backends")


class KerasTensor:
    """A tensor without a value: what a layer will get, known by shape and dtype.

    Args:
        shape: a tuple whose ``None`` entries (the batch, as a rule) are open.
        dtype: a name such as "float32".
    """

    def __init__(
        self,
        shape: tuple[int | None, ...],
        dtype: str = "float32",
        sparse: bool = False,
        ragged: bool = False,
        record_history: bool = True,
        name: str | None = None,
    ) -> None:
        self.shape = tuple(shape)
        self.dtype = standardize_dtype(dtype)
        self.sparse, self.ragged = sparse, ragged
        self.name = name or auto_name("keras_tensor")
        self._keras_history: Any = None

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def __bool__(self) -> bool:
        raise TypeError(
            "a symbolic tensor has no value, so it is neither true nor false: instead of `if`, use ops.where, or a layer "
            "whose call() gets real tensors"
        )

    def __iter__(self) -> Iterator[Any]:
        raise NotImplementedError("a symbolic tensor cannot be iterated over: take parts by index, or use ops.unstack")

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        raise ValueError(
            f"a symbolic tensor (shape {self.shape}) has no value: it stands for the input of a model. "
            "Call the model on data, or use the ops of dualnet.ops inside a layer's call()."
        )

    def __repr__(self) -> str:
        return f"<KerasTensor shape={self.shape}, dtype={self.dtype}, name={self.name}>"
