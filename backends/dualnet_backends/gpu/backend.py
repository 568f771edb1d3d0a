"""``CupyBackend``: a GPU, through CuPy. Imported only when a GPU is requested or searched for.

Every kernel works as inherited. The overrides here are what CuPy does differently from NumPy; those of the mix-ins are CUDA kernels
(``modules.py``), which take the place of many launches.
"""

from __future__ import annotations

from typing import Any

import cupy as cp

from ..base import Array, Backend
from .elementwise import CupyElementwise
from .normalization import CupyNormalization
from .random import CupyRandom
from .reductions import CupyReductions
from .softmax import CupySoftmax


class CupyBackend(CupyElementwise, CupyNormalization, CupyRandom, CupyReductions, CupySoftmax, Backend):
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
            return cp.asarray(x, dtype=dtype)

    def to_numpy(self, x: Array) -> Any:
        return cp.asnumpy(x)

    def synchronize(self) -> None:
        cp.cuda.Device(self.index).synchronize()

    def activate(self) -> None:
        """Make this CuPy's current device in this thread."""
        cp.cuda.Device(self.index).use()


def device_count() -> int:
    """The number of available CUDA devices; raises ``cupy.cuda.runtime.CUDARuntimeError`` without a driver."""
    return int(cp.cuda.runtime.getDeviceCount())


def device_description(index: int) -> str:
    """Name and memory of a device, for display: "NVIDIA H200, 139.8 GiB"."""
    properties = cp.cuda.runtime.getDeviceProperties(index)
    return f"{properties['name'].decode()}, {properties['totalGlobalMem'] / 2**30:.1f} GiB"
