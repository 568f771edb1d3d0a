"""Floor 0 of dualnet: arrays, devices, kernels. Independent of layers, tensors and training."""

from .base import Array, Backend, Scalar
from .devices import (
    DeviceNotFoundError,
    PhysicalDevice,
    by_type,
    current,
    device,
    device_report,
    from_dlpack,
    get,
    gpu_status,
    is_on_gpu,
    library_report,
    list_physical_devices,
    of,
    register,
    set_device,
    transfer,
)
from .kernels.random import stream_key
from .memory import Memory, OutOfMemoryError, explaining_memory, out_of_memory
from .precision import matmul_precision, set_matmul_precision
from .threads import num_threads, set_num_threads

__all__ = [
    "Array",
    "Backend",
    "DeviceNotFoundError",
    "Memory",
    "OutOfMemoryError",
    "PhysicalDevice",
    "Scalar",
    "by_type",
    "current",
    "device",
    "device_report",
    "explaining_memory",
    "from_dlpack",
    "get",
    "gpu_status",
    "is_on_gpu",
    "library_report",
    "list_physical_devices",
    "matmul_precision",
    "num_threads",
    "of",
    "out_of_memory",
    "register",
    "set_device",
    "set_matmul_precision",
    "set_num_threads",
    "stream_key",
    "transfer",
]
