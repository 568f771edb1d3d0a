"""``CupyBackend``: a GPU, through CuPy. Imported only when a GPU is requested or searched for.

Every kernel works as inherited. The overrides here are what CuPy does differently from NumPy; those of the mix-ins are CUDA kernels
(``modules.py``), which take the place of many launches.
"""

from __future__ import annotations

from typing import Any

import cupy as cp

from ..base import Array, Backend
from ..memory import Memory
from .attention import CupyAttention
from .convolution import CupyConvolution
from .elementwise import CupyElementwise
from .graph import CupyGraphs
from .indexing import CupyIndexing
from .joining import CupyJoining
from .normalization import CupyNormalization
from .norms import CupyNorms
from .pooling import CupyPooling
from .products import CupyProducts
from .random import CupyRandom
from .recurrent import CupyRecurrent
from .reductions import CupyReductions
from .softmax import CupySoftmax
from .sparse import CupySparse
from .updates import CupyUpdates

_NO_DEVICE = 100  # cudaErrorNoDevice
# As in cudaErrorMemoryAllocation, CUDA_ERROR_OUT_OF_MEMORY and CUBLAS_STATUS_ALLOC_FAILED.
_NO_MEMORY = ("cudaErrorMemoryAllocation", "CUDA_ERROR_OUT_OF_MEMORY", "_ALLOC_FAILED")


class CupyBackend(
    CupyAttention,
    CupyConvolution,
    CupyElementwise,
    CupyGraphs,
    CupyIndexing,
    CupyJoining,
    CupyNormalization,
    CupyNorms,
    CupyPooling,
    CupyProducts,
    CupyRandom,
    CupyRecurrent,
    CupyReductions,
    CupySoftmax,
    CupySparse,
    CupyUpdates,
    Backend,
):
    name = "cupy"
    xp = cp
    array_type = cp.ndarray

    def __init__(self, index: int = 0) -> None:
        self.index = index
        self.device = f"gpu:{index}"

    def asarray(self, x: Any, dtype: Any = None) -> Array:
        with cp.cuda.Device(self.index):
            if isinstance(x, (bool, int, float)):
                return cp.full((), x, dtype=dtype)  # the number is a kernel argument: no copy to wait for
            if isinstance(x, cp.ndarray) and x.device.id != self.index:
                x = x.copy()  # which is in the memory of the current device
            return cp.asarray(x, dtype=dtype)

    def to_numpy(self, x: Array) -> Any:
        return cp.asnumpy(x)

    def synchronize(self) -> None:
        cp.cuda.Device(self.index).synchronize()

    def memory(self) -> Memory:
        with cp.cuda.Device(self.index):
            free, total = cp.cuda.runtime.memGetInfo()
            pool = cp.get_default_memory_pool()
            return Memory(free, total, pool.used_bytes(), pool.free_bytes())

    def is_out_of_memory(self, error: BaseException) -> bool:
        # The pool says so with its own class, the libraries of CUDA with their codes.
        return isinstance(error, MemoryError) or any(code in str(error) for code in _NO_MEMORY)

    def activate(self) -> None:
        """Make this CuPy's current device in this thread."""
        cp.cuda.Device(self.index).use()


def device_count() -> int:
    """The number of available CUDA devices; raises ``cupy.cuda.runtime.CUDARuntimeError`` without a driver."""
    try:
        return int(cp.cuda.runtime.getDeviceCount())
    except cp.cuda.runtime.CUDARuntimeError as error:
        if error.status == _NO_DEVICE:  # CUDA never counts 0
            return 0
        raise
