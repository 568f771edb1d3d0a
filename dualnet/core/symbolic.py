"""Symbolic tensors: a shape and a dtype without a value."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .dtypes import standardize_dtype
from .naming import auto_name


class KerasTensor:
    """A tensor without a value: what a layer will get, known by shape and dtype.

    shape: a tuple whose ``None`` entries (the batch, as a rule) are open. dtype: a name such as "float32".
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
