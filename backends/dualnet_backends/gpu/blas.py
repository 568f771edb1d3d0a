"""cuBLAS, bound by ctypes: products that may be recorded in a graph.

CuPy refuses its own calls of cuBLAS while a stream is captured. CUDA does not: a product is recorded like any kernel, as long as it
needs no memory but that which it was given. So a device has a handle of ours, and each of its streams a workspace that stays; with a
fixed workspace cuBLAS gives the same bits every time (docs/decisions/0029).
"""

from __future__ import annotations

import ctypes
import functools
import sys
import threading
import weakref
from typing import Any, NamedTuple

import cupy as cp

from ..precision import matmul_precision
from .plans import Plan

# cudaDataType and cublasComputeType_t
_F32, _F64, _F16, _BF16 = 0, 1, 2, 14
_IN_F32, _IN_F64, _IN_TF32 = 68, 70, 77
_DEFAULT_ALGORITHM = -1
# Sums of products of 16 bits are kept in float32 to the end, also where a product is split along its inner axis.
_NO_REDUCED_SUMS = 16

_STATUS = {1: "NOT_INITIALIZED", 3: "ALLOC_FAILED", 7: "INVALID_VALUE", 8: "ARCH_MISMATCH", 11: "MAPPING_ERROR"}
_STATUS |= {13: "EXECUTION_FAILED", 14: "INTERNAL_ERROR", 15: "NOT_SUPPORTED", 16: "LICENSE_ERROR"}


class CublasError(RuntimeError):
    """cuBLAS is missing, or refused a call. The message says which, and what to do."""


class _Format(NamedTuple):
    """How products of a dtype are computed: the addresses of 1 and 0 in the dtype of the sums, and cuBLAS's numbers for both dtypes."""

    name: str
    one: int
    zero: int
    number: int
    compute: int


_SCALARS = (ctypes.c_float(1), ctypes.c_float(0), ctypes.c_double(1), ctypes.c_double(0))
_ONE, _ZERO, _ONE64, _ZERO64 = map(ctypes.addressof, _SCALARS)

# By the character of the dtype; "E" is bfloat16.
FORMATS = {
    "e": _Format("float16", _ONE, _ZERO, _F16, _IN_F32),
    "E": _Format("bfloat16", _ONE, _ZERO, _BF16, _IN_F32),
    "f": _Format("float32", _ONE, _ZERO, _F32, _IN_F32),
    "d": _Format("float64", _ONE64, _ZERO64, _F64, _IN_F64),
}
_TENSOR_FLOAT_32 = _Format("float32", _ONE, _ZERO, _F32, _IN_TF32)


class Blas:
    """cuBLAS on one device. Threads may share it; each product goes to the stream that is current in its thread."""

    def __init__(self, device: int) -> None:
        self._library = library()
        self._lock = threading.Lock()
        self._workspaces: dict[int, Any] = {}  # by the address of a stream
        self._stream: int | None = None  # to which products go
        self._handle = ctypes.c_void_p()
        with cp.cuda.Device(device) as current:
            major = int(current.compute_capability[:-1])
            _check("cublasCreate", self._library.cublasCreate_v2(ctypes.byref(self._handle)))
        _check("cublasSetMathMode", self._library.cublasSetMathMode(self._handle, _NO_REDUCED_SUMS))
        self.has_bfloat16 = major >= 8
        # What NVIDIA recommends for the architecture. It is not of a pool, whose blocks go from one use to the next.
        self._workspace_bytes = (32 if major >= 9 else 4) << 20

    def multiply(self, char: str, plan: Plan, a: int, b: int, y: int) -> None:
        """y = a b, by the calls of a plan.  a, b, y: their addresses, where the plan expects them

        char: of a dtype in ``FORMATS``, that of all three. y must overlap neither a nor b.
        """
        form = FORMATS[char]
        if char == "f" and matmul_precision() == "tensorfloat32":
            form = _TENSOR_FLOAT_32
        _, one, zero, number, compute = form
        m, n, k, count, of_a, of_b, of_y = plan[5:12]
        stream = cp.cuda.get_current_stream()
        # Its matrices lie in memory by columns, and what lies by rows is the transposed one: y' = b' a'.
        with self._lock:
            if stream.ptr != self._stream:
                self._use(stream)
            for at_a, at_b, at_y in plan.offsets:
                if count == 1:
                    status = self._library.cublasGemmEx(
                        self._handle, of_b.is_transposed, of_a.is_transposed, n, m, k, one, b + at_b, number, of_b.step,
                        a + at_a, number, of_a.step, zero, y + at_y, number, of_y.step, compute, _DEFAULT_ALGORITHM,
                    )  # fmt: skip
                else:
                    status = self._library.cublasGemmStridedBatchedEx(
                        self._handle, of_b.is_transposed, of_a.is_transposed, n, m, k, one, b + at_b, number, of_b.step, of_b.stride,
                        a + at_a, number, of_a.step, of_a.stride, zero, y + at_y, number, of_y.step, of_y.stride, count,
                        compute, _DEFAULT_ALGORITHM,
                    )  # fmt: skip
                if status:
                    _check(f"a product of {count} {form.name} matrices, ({m}, {k}) @ ({k}, {n})", status)

    def _use(self, stream: Any) -> None:
        """Let products go to a stream.

        Its workspace lives as long as the stream: who records a graph from one keeps it, since the graph uses the workspace.
        """
        address = stream.ptr
        if address not in self._workspaces:
            self._workspaces[address] = _memory(self._workspace_bytes)
            weakref.finalize(stream, self._forget, address).atexit = False
        memory = self._workspaces[address]
        self._stream = None
        _check("cublasSetStream", self._library.cublasSetStream_v2(self._handle, address))
        # After the stream, with which cuBLAS goes back to a workspace of its own.
        _check("cublasSetWorkspace", self._library.cublasSetWorkspace_v2(self._handle, memory.ptr, memory.size))
        self._stream = address

    def _forget(self, stream: int) -> None:
        if self._stream == stream:
            self._stream = None
        self._workspaces.pop(stream, None)


def _memory(size: int) -> Any:
    try:
        return cp.cuda.Memory(size)
    except cp.cuda.runtime.CUDARuntimeError:
        cp.get_default_memory_pool().free_all_blocks()  # which the pool itself does before it says that there is no memory
        return cp.cuda.Memory(size)


def _check(what: str, status: int) -> None:
    if status:
        advice = "; the GPU has too little free memory, take smaller batches" if status == 3 else ""
        raise CublasError(f"cuBLAS refused {what}: CUBLAS_STATUS_{_STATUS.get(status, '?')} ({status}){advice}")


@functools.cache
def library() -> Any:
    """The functions of the cuBLAS that CuPy itself is linked to, so that a process never loads two versions of it."""
    try:
        # CuPy looks for it among the wheels of NVIDIA, in conda's folders, the toolkit and on the library path.
        from cupy_backends.cuda.libs import cublas
    except ImportError as error:
        line = (str(error).strip().splitlines() or ["ImportError"])[0]
        raise CublasError(
            f"a product on a GPU needs cuBLAS, which CuPy cannot load ({line}): pip install 'dualnet[cuda12]' (or cuda13, to match "
            "CuPy) brings it"
        ) from error
    if sys.platform == "win32":
        # A library is found by its name once it is loaded, but not through another one that is linked to it.
        runtime = cp.cuda.runtime.runtimeGetVersion() // 1000
        library = ctypes.WinDLL(f"cublas64_{runtime}.dll")
    else:
        library = ctypes.CDLL(cublas.__file__)
    for name, types in _SIGNATURES.items():
        function = getattr(library, name)
        function.argtypes, function.restype = types, ctypes.c_int
    return library


_i, _l, _p = ctypes.c_int, ctypes.c_longlong, ctypes.c_void_p
_SIGNATURES = {
    "cublasCreate_v2": (_p,),
    "cublasSetStream_v2": (_p, _p),
    "cublasSetWorkspace_v2": (_p, _p, ctypes.c_size_t),
    "cublasSetMathMode": (_p, _i),
    "cublasGemmEx": (_p, _i, _i, _i, _i, _i, _p, _p, _i, _i, _p, _i, _i, _p, _p, _i, _i, _i, _i),
    "cublasGemmStridedBatchedEx": (
        _p, _i, _i, _i, _i, _i, _p, _p, _i, _i, _l, _p, _i, _i, _l, _p, _p, _i, _i, _l, _i, _i, _i,
    ),
}  # fmt: skip
