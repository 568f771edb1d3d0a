"""Run a row of the op table on a backend: the value, and the gradients with every array argument tracked."""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path
from typing import Any

import numpy as np
from dualnet_backends import Backend

from dualnet import tree
from dualnet.core.autodiff import backward
from dualnet.core.tensor import Tensor
from dualnet.core.tracing import recording

from .cases import Row, Sample, draw

# Every rows_*.py beside this file holds rows of the table.
_FILES = sorted(m.name for m in pkgutil.iter_modules([str(Path(__file__).parent)]) if m.name.startswith("rows_"))
ROWS: list[Row] = [row for name in _FILES for row in importlib.import_module(f"{__package__}.{name}").ROWS]
GRADIENT_ROWS = [row for row in ROWS if not row.gradient]


def tensors(backend: Backend, args: tuple[Any, ...], dtype: str = "float64", change: Any = None) -> tuple[Any, ...]:
    """The NumPy arrays among the arguments as tensors on the backend; floating point ones in ``dtype``."""

    def convert(x: Any) -> Any:
        if not isinstance(x, np.ndarray):
            return x
        array = backend.asarray(x.astype(dtype) if x.dtype.kind == "f" else x)
        return Tensor(array if change is None else change(backend, array))

    return tuple(map(convert, args))


def host(backend: Backend, value: Any) -> list[Any]:
    """A result (a tensor, a tuple of them, or a host value) as a list of NumPy arrays."""
    return [np.asarray(backend.to_numpy(y.data) if isinstance(y, Tensor) else y) for y in tree.flatten(value)]


def floating(args: tuple[Any, ...]) -> list[int]:
    """The positions of the tensors that can have a gradient."""
    return [i for i, x in enumerate(args) if isinstance(x, Tensor) and x.data.dtype.kind == "f"]


def run(
    backend: Backend, row: Row, sample: Sample, args: tuple[Any, ...], grad_buffers: Any = None
) -> tuple[list[Any], dict[int, Any]]:
    """(outputs, gradient arrays by position): the gradient of the outputs weighted by fixed numbers."""
    chosen = [i for i in floating(args) if row.argnums is None or i in row.argnums]
    for i in chosen:
        args[i].tracked = True
    with recording() as tape:
        outputs = tree.flatten(row(*args, **sample.options))
    buffers = {id(args[i]): buffer for i, buffer in (grad_buffers or {}).items()}
    grads: dict[int, Any] = {}
    for n, y in enumerate(outputs):
        weights = np.cos(np.arange(y.size, dtype="float64") + n).reshape(y.shape)
        seed = backend.asarray(weights.astype(str(y.dtype)))
        for i, g in backward(tape, y, seed, buffers).items():
            grads[i] = grads[i] + g if i in grads else g
        np.testing.assert_array_equal(backend.to_numpy(seed), weights.astype(str(y.dtype)), f"{sample}: dy was changed")
    return outputs, {i: grads[id(args[i])] for i in chosen}


def values(backend: Backend, grads: dict[int, Any]) -> dict[int, Any]:
    return {i: backend.to_numpy(g) for i, g in grads.items()}


def transposed(backend: Backend, x: Any) -> Any:
    """The same values in Fortran order, from two axes on."""
    return x.T.copy().T


def strided(backend: Backend, x: Any) -> Any:
    """The same values as a view of every other element of a larger array, backwards, along the last axis."""
    if x.ndim == 0:
        return x
    larger = backend.xp.zeros((*x.shape[:-1], 2 * x.shape[-1]), dtype=x.dtype)
    view = larger[..., ::-2] if x.shape[-1] else larger
    view[...] = x
    return view


__all__ = [
    "GRADIENT_ROWS",
    "ROWS",
    "Row",
    "draw",
    "floating",
    "host",
    "run",
    "strided",
    "tensors",
    "transposed",
    "values",
]
