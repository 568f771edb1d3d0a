"""CUDA kernels: text in ``cuda/<topic>.cu``, compiled when a kernel of the topic is first used.

The text is compiled for dtypes: it says ``T`` for that of its arrays, and ``A`` for the one it computes in. CuPy keeps what was
compiled on disk, and a module stays once it is loaded.
"""

from __future__ import annotations

import functools
from importlib.resources import files
from typing import Any

import cupy as cp

from ..base import Array

THREADS = 256  # of a block
BLOCKS = 4_096  # at most: beyond that, a thread takes several elements

_C_TYPES = {"e": "__half", "f": "float", "d": "double", "?": "bool", "b": "signed char", "B": "unsigned char"}
_C_TYPES |= {"h": "short", "H": "unsigned short", "i": "int", "I": "unsigned int", "l": "long long", "q": "long long"}
_C_TYPES |= {"L": "unsigned long long", "Q": "unsigned long long"}


@functools.cache
def kernel(topic: str, name: str, dtype: str = "f", **types: str) -> Any:
    """A kernel of a topic. dtype: the character of the dtype T; types: those of further types that the text names."""
    return _module(topic, dtype, **types).get_function(name)


@functools.cache
def _module(topic: str, dtype: str, **types: str) -> Any:
    types = {"T": dtype, "A": "d" if dtype == "d" else "f", **types}
    lines = ["#include <cuda_fp16.h>"] if "e" in types.values() else []
    lines += [f"typedef {_C_TYPES[char]} {name};" for name, char in types.items()]
    folder = files(__package__) / "cuda"
    lines += [(folder / name).read_text(encoding="utf-8") for name in ("common.cuh", f"{topic}.cu")]
    return cp.RawModule(code="\n".join(lines), options=("--std=c++17", "--fmad=false"))


def launch(function: Any, n: int, *arguments: Any) -> None:
    """Run n threads, or as many as fit, each over its share of n elements. A kernel has its number of elements as the last argument."""
    if n > 0:
        function((min(-(-n // THREADS), BLOCKS),), (THREADS,), arguments)


def at_or_value(scalar: Any, dtype: Any) -> tuple[Any, Any]:
    """The two arguments of a kernel for a number that the host decides: an address, 0 for none, and a value.

    scalar: a number, or a 0-d array of that dtype, which the kernel reads when it runs.
    """
    if isinstance(scalar, cp.ndarray):
        return scalar, dtype(0)
    return NO_ADDRESS, dtype(scalar)


NO_ADDRESS = cp.uint64(0)  # as an argument where a kernel takes an address


def is_contiguous(*arrays: Array) -> bool:
    """Whether a kernel may take these arrays as addresses alone."""
    return all(a.flags.c_contiguous for a in arrays)


def count_type(*counts: int) -> str:
    """The character of the dtype in which a kernel counts up to these numbers: the shorter one if it will do, which is faster."""
    return "i" if max(counts) < 2**31 - THREADS * BLOCKS else "q"


def contiguous(x: Array) -> Array:
    """x, copied if it has gaps."""
    return x if x.flags.c_contiguous else cp.ascontiguousarray(x)
