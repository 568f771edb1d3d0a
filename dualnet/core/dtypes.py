"""Which dtype an operation on two dtypes has: the lattice of JAX and Keras, not NumPy's.

NumPy promotes int32 + float32 to float64, which would slip float64 into a float32 model. Here an integer takes the
float type it meets, and Python numbers take the dtype of the array they meet.
"""

from __future__ import annotations

from functools import cache, lru_cache
from typing import Any

from . import settings

# Each dtype's immediate successors in the promotion lattice ("int" and "float" are Python numbers).
_ABOVE: dict[str, tuple[str, ...]] = {
    "bool": ("int",),
    "int": ("uint8", "int8"),
    "uint8": ("int16", "uint16"),
    "uint16": ("int32", "uint32"),
    "uint32": ("int64", "uint64"),
    "uint64": ("float",),
    "int8": ("int16",),
    "int16": ("int32",),
    "int32": ("int64",),
    "int64": ("float",),
    "float": ("bfloat16", "float16"),
    "bfloat16": ("float32",),
    "float16": ("float32",),
    "float32": ("float64", "complex64"),
    "float64": ("complex128",),
    "complex64": ("complex128",),
    "complex128": (),
}
FLOATS = ("float16", "bfloat16", "float32", "float64")


def _reachable(dtype: str) -> set[str]:
    reachable, new = {dtype}, {dtype}
    while new:
        new = {above for d in new for above in _ABOVE[d]} - reachable
        reachable |= new
    return reachable


_UP = {dtype: _reachable(dtype) for dtype in _ABOVE}


@lru_cache(maxsize=4096)
def _join(first: str, second: str) -> str:
    """The least dtype that is above both."""
    common = _UP[first] & _UP[second]
    return next(d for d in common if common <= _UP[d])


def result_type(*dtypes: Any) -> str:
    """The dtype of an operation on operands of these dtypes (names, dtypes, arrays, Python numbers or types)."""
    joined = "bool"
    for dtype in dtypes:
        joined = _join(joined, _lattice_name(dtype))
    return {"int": "int32", "float": settings.floatx()}.get(joined, joined)


def _lattice_name(dtype: Any) -> str:
    if isinstance(dtype, str):
        name = dtype
    elif dtype is bool or isinstance(dtype, bool):
        name = "bool"
    elif dtype is int or isinstance(dtype, int):
        name = "int"
    elif dtype is float or isinstance(dtype, float):  # also numpy.float64: a scalar never widens an array
        name = "float"
    else:
        name = str(getattr(dtype, "dtype", dtype))
    if name == "bfloat16":
        _require_bfloat16()
    if name not in _ABOVE:
        raise ValueError(f"no dtype is called {dtype!r}: expected one of {', '.join(sorted(_ABOVE))}")
    return name


@cache
def _require_bfloat16() -> None:
    """Make bfloat16 known to NumPy, which has it from another package.

    Raises:
        TypeError: that package is not installed.
    """
    try:
        import ml_dtypes  # noqa: F401
    except ImportError as error:
        raise TypeError(
            "NumPy has no bfloat16 of its own; it comes with the package ml_dtypes: pip install 'dualnet[bfloat16]', "
            "or use float16 or float32"
        ) from error


def standardize_dtype(dtype: Any) -> str:
    """The name of a dtype passed as a name, a Python type or a dtype object; None is ``floatx()``."""
    if dtype is None:
        return settings.floatx()
    if isinstance(dtype, type) and dtype not in (bool, int, float):
        dtype = getattr(dtype, "__name__", dtype)
    if dtype is str or (isinstance(dtype, str) and dtype in ("string", "str")):
        return "string"  # of text, which no op computes with
    return {"int": "int64", "float": settings.floatx()}.get(name := _lattice_name(dtype), name)


def is_float(dtype: Any) -> bool:
    """Whether a dtype (name or object) is floating point."""
    return str(dtype) in FLOATS
