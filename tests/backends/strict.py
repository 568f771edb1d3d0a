"""A stand-in for a GPU that runs anywhere: device "strict:0", on which no transfer goes unseen.

``register()`` makes it known to the library; ``with step():`` turns every transfer into an error, and every product that is not the
backend's own; ``counts`` counts transfers outside. Its kernels are the reference kernels of ``Backend``, so a run on it also tests those.
"""

from __future__ import annotations

from typing import Any

import dualnet_backends as backends
import numpy as np
from dualnet_backends import Backend

from .strict_array import StrictArray
from .strict_transfers import Counts, ProductError, TransferError, counts, step, to_device
from .strict_xp import StrictXp, xp

__all__ = [
    "Counts",
    "ProductError",
    "StrictArray",
    "StrictBackend",
    "StrictXp",
    "TransferError",
    "counts",
    "register",
    "step",
    "xp",
]


class StrictBackend(Backend):
    name = "strict"
    device = "strict:0"
    xp = xp
    array_type = StrictArray

    def asarray(self, x: Any, dtype: Any = None) -> StrictArray:
        if isinstance(x, StrictArray):
            return x if dtype is None else x.astype(dtype, copy=False)
        if isinstance(x, (bool, int, float)):
            return xp.full((), x, dtype=dtype)  # a number travels with the kernel that writes it
        to_device(f"asarray of a {type(x).__name__}")
        return StrictArray(np.array(x, dtype=dtype))

    def to_numpy(self, x: Any) -> Any:
        return x.get() if isinstance(x, StrictArray) else np.asarray(x)

    def synchronize(self) -> None:
        pass


def register() -> Backend:
    """Make the device known as "strict:0" (once; later calls return the same backend)."""
    known = backends.by_type.get(StrictArray)
    return known or backends.register(StrictBackend())
