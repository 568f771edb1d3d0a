"""Text: arrays of strings. They stay on the host, in tensors like any others; only layers that read text take them."""

from __future__ import annotations

from typing import Any

import numpy as np

from .tensor import Tensor

DTYPE = "string"  # the name of the dtype in a symbolic tensor

Array = Any


def is_text(x: Any, empty: bool = False) -> bool:
    """Whether something is a string (str or bytes), or an array, tensor, data frame or nested list of strings.

    Args:
        empty: what an array of no objects is: it does not tell.
    """
    if isinstance(x, (str, bytes)):
        return True
    x = x.data if isinstance(x, Tensor) else x
    dtype = getattr(x, "dtype", None)
    if dtype is not None:
        if getattr(dtype, "kind", "") == "O" and hasattr(x, "__array__"):
            values = np.asarray(x, dtype=object)
            return isinstance(values.flat[0], (str, bytes)) if values.size else empty
        return getattr(dtype, "kind", "") in ("U", "S", "T") or "str" in str(dtype).lower()
    if isinstance(x, (list, tuple)):
        return len(x) > 0 and is_text(x[0])
    return False


def as_text(x: Any) -> Array:
    """Strings as a NumPy array of objects, each a str or bytes.  x: as in ``is_text`` -> the same shape

    Raises ``TypeError`` for anything among them that is no string, and ``ValueError`` for rows of different lengths.
    """
    x = x.data if isinstance(x, Tensor) else x
    if hasattr(x, "to_numpy"):
        x = x.to_numpy()
    if isinstance(x, (str, bytes)):
        array = np.empty((), object)
        array[()] = x
        return array
    try:
        array = np.asarray(x) if hasattr(x, "dtype") else _of_list(x)
    except ValueError as error:
        raise ValueError(f"expected strings in rows of one length: {error}") from None
    if array.dtype.kind != "O":
        return array.astype(object)
    for item in array.flat:
        if not isinstance(item, (str, bytes)):
            raise TypeError(f"expected strings, got {item!r} of type {type(item).__name__} among them")
    return array


def _of_list(x: Any) -> Array:
    # Strings of NumPy's own type end in no zero bytes: through objects, none is lost.
    array = np.array([v.data if isinstance(v, Tensor) else v for v in x], dtype=object)
    if array.dtype.kind == "O" and array.ndim == 1 and any(isinstance(item, (list, tuple)) for item in array):
        raise ValueError("the rows have different lengths")
    return array


def as_bytes(x: Any, encoding: str = "utf-8") -> Array:
    """Strings as a NumPy array of objects, each bytes; those that are bytes already stay as they are."""
    array = as_text(x)
    result = np.empty(array.shape, object)
    result.reshape(-1)[:] = [s.encode(encoding) if isinstance(s, str) else bytes(s) for s in array.reshape(-1).tolist()]
    return result


def text_tensor(x: Any) -> Tensor:
    """Strings as a tensor, whose array is on the host on every device."""
    return x if isinstance(x, Tensor) else Tensor(as_text(x))


def blank(shape: tuple[int, ...]) -> Tensor:
    """A tensor of empty strings."""
    return Tensor(np.full(shape, "", dtype=object))
