"""Floor 0 of dualnet: arrays, devices, kernels. Independent of layers, tensors and training."""

from .base import Array, Backend
from .devices import (
    DeviceNotFoundError,
    PhysicalDevice,
    by_type,
    current,
    device,
    device_report,
    get,
    gpu_status,
    list_physical_devices,
    of,
    register,
    set_device,
)
from .kernels.random import stream_key

__all__ = [
    "Array",
    "Backend",
    "DeviceNotFoundError",
    "PhysicalDevice",
    "by_type",
    "current",
    "device",
    "device_report",
    "get",
    "gpu_status",
    "list_physical_devices",
    "of",
    "register",
    "set_device",
    "stream_key",
]
