"""CUDA kernels: text in ``cuda/<topic>.cu``, compiled when a kernel of the topic is first used.

The text is compiled for dtypes: it says ``T`` for that of its arrays, and ``A`` for the one it computes in. Some of it is compiled
for a function too, a struct of the text that its kernels call ``FUNCTION``. CuPy keeps what was compiled on disk, and a module
stays once it is loaded.
"""

from __future__ import annotations

import functools
import re
from importlib.resources import files
from typing import Any

import cupy as cp
import numpy as np

from ..base import Array

THREADS = 256  # of a block
BLOCKS = 4_096  # at most: beyond that, a thread takes several elements

_C_TYPES = {"e": "__half", "f": "float", "d": "double", "?": "bool", "b": "signed char", "B": "unsigned char"}
_C_TYPES |= {"h": "short", "H": "unsigned short", "i": "int", "I": "unsigned int", "l": "long long", "q": "long long"}
_C_TYPES |= {"L": "unsigned long long", "Q": "unsigned long long"}


@functools.cache
def kernel(topic: str, name: str, dtype: str = "f", function: str = "", **types: str) -> Any:
    """A kernel of a topic. dtype: the character of the dtype T; types: those of further types that the text names."""
    return _module(topic, dtype, function, **types).get_function(name)


@functools.cache
def _module(topic: str, dtype: str, function: str, **types: str) -> Any:
    types = {"T": dtype, "A": "d" if dtype == "d" else "f", **types}
    lines = ["#include <cuda_fp16.h>"] if "e" in types.values() else []
    lines += [f"typedef {_C_TYPES[char]} {name};" for name, char in types.items()]
    if function:
        lines.append(f"#define FUNCTION {function}")
    lines += [_text("common.cuh"), _text(f"{topic}.cu")]
    return cp.RawModule(code="\n".join(lines), options=("--std=c++17", "--fmad=false"))


def _text(name: str) -> str:
    """A file with what it includes from its own folder in the place of the line that says so."""
    text = (files(__package__) / "cuda" / name).read_text(encoding="utf-8")
    return re.sub(r'#include "(.*)"', lambda match: _text(match[1]), text)


def launch(function: Any, n: int, *arguments: Any) -> None:
    """Run n threads, or as many as fit, each over its share of n elements. A kernel has its number of elements as the last argument."""
    if n > 0:
        function((min(-(-n // THREADS), BLOCKS),), (THREADS,), arguments)


def launch_rows(function: Any, rows: int, n: int, *arguments: Any) -> None:
    """Run a kernel for rows of n elements (``rows.cuh``), whose last arguments are these numbers and how many threads share a row."""
    lanes = lanes_for(n)
    if rows > 0:
        blocks = -(-rows * lanes // THREADS)
        function((blocks,), (THREADS,), (*arguments, cp.int64(rows), cp.int64(n), cp.int32(lanes)))


def lanes_for(n: int) -> int:
    """How many threads share a row of n elements: a power of two up to a warp, where each takes four, or a whole block."""
    return THREADS if n > 2_048 else min(32, 1 << max(-(-n // 4) - 1, 0).bit_length())


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


def contiguous(x: Any, dtype: Any = None) -> Any:
    """An array as a kernel may take it, in that dtype if there is one; None stays None.

    One without axes stays one: CuPy's ``ascontiguousarray`` would give it an axis.
    """
    if x is None:
        return None
    x = x if dtype is None else x.astype(dtype, copy=False)
    return x if x.flags.c_contiguous else cp.ascontiguousarray(x)


def structure(*fields: str) -> Any:
    """The dtype of a structure that a kernel takes by value, with the fields in C's order and alignment.

    fields: the character of a type and the names of the fields that have it, "q batch steps"; P is an address.
    """
    types = [(name, np.uint64 if char == "P" else char) for char, *names in map(str.split, fields) for name in names]
    return np.dtype(types, align=True)


def address(x: Any) -> int:
    """The address of an array, as a field of a structure; 0 for None. The array must be kept until the kernel is launched."""
    return 0 if x is None else x.data.ptr


def shared_memory() -> int:
    """Bytes of shared memory that a block may ask for on the current device."""
    return _shared_memory(cp.cuda.runtime.getDevice())


@functools.cache
def _shared_memory(device: int) -> int:
    return int(cp.cuda.Device(device).attributes["MaxSharedMemoryPerBlockOptin"])


def count_type(*counts: int) -> str:
    """The character of the dtype in which a kernel counts up to these numbers: the shorter one if it will do, which is faster."""
    return "i" if max(counts) < 2**31 - THREADS * BLOCKS else "q"
