"""Global settings: the device, the default float type, epsilon, the image data format, and the seed."""

from __future__ import annotations

from typing import Any

import dualnet_backends as _backends
from dualnet_backends import (
    DeviceNotFoundError,
    OutOfMemoryError,
    PhysicalDevice,
    device,
    device_report,
    gpu_status,
    library_report,
    list_physical_devices,
    matmul_precision,
    num_threads,
    set_num_threads,
)

from .core.settings import (
    are_graphs_enabled,
    are_training_warnings_enabled,
    disable_graphs,
    disable_interactive_logging,
    disable_traceback_filtering,
    disable_training_warnings,
    enable_graphs,
    enable_interactive_logging,
    enable_traceback_filtering,
    enable_training_warnings,
    epsilon,
    floatx,
    image_data_format,
    is_interactive_logging_enabled,
    is_traceback_filtering_enabled,
    max_epochs,
    max_steps_per_epoch,
    set_epsilon,
    set_floatx,
    set_image_data_format,
    set_max_epochs,
    set_max_steps_per_epoch,
)
from .core.version import invalidate
from .core.warning import warn

__all__ = [
    "DeviceNotFoundError",
    "OutOfMemoryError",
    "PhysicalDevice",
    "are_graphs_enabled",
    "are_training_warnings_enabled",
    "array_module",
    "backend",
    "device",
    "device_report",
    "disable_graphs",
    "disable_interactive_logging",
    "disable_traceback_filtering",
    "disable_training_warnings",
    "dtype_policy",
    "enable_graphs",
    "enable_interactive_logging",
    "enable_traceback_filtering",
    "enable_training_warnings",
    "enable_unsafe_deserialization",
    "epsilon",
    "floatx",
    "get_device",
    "gpu_status",
    "image_data_format",
    "is_interactive_logging_enabled",
    "is_traceback_filtering_enabled",
    "library_report",
    "list_physical_devices",
    "matmul_precision",
    "max_epochs",
    "max_steps_per_epoch",
    "num_threads",
    "set_backend",
    "set_device",
    "set_dtype_policy",
    "set_epsilon",
    "set_floatx",
    "set_image_data_format",
    "set_matmul_precision",
    "set_max_epochs",
    "set_max_steps_per_epoch",
    "set_num_threads",
]


def set_device(name: str) -> None:
    """Use a device from now on: "auto" (a GPU when one answers, else the CPU), "cpu", "gpu", "gpu:1".

    Raises ``DeviceNotFoundError`` when a GPU is asked for and none answers. A model stays on the device it was built
    on.
    """
    _backends.set_device(name)


def get_device() -> str:
    """The device in use: "cpu" or "gpu:N"."""
    return _backends.current().device


def backend() -> str:
    """The array library in use: "numpy" or "cupy"."""
    return _backends.current().name


def array_module() -> Any:
    """The array module of the device in use, for code that runs on either: ``xp = array_module(); xp.zeros(3)``."""
    return _backends.current().xp


def set_matmul_precision(precision: str | None) -> None:
    """Choose how a GPU multiplies matrices of float32: "float32", as exactly as a CPU (the default), or "tensorfloat32".

    The latter rounds both factors to 10 bits behind the leading one, where float32 has 23, and is several times as fast on GPUs from
    Ampere on. Sums are of float32 in both. ``DUALNET_MATMUL_PRECISION`` of the environment and ``matmul_precision`` in a config do the
    same; None goes back to what the environment says. A CPU always multiplies in float32. Other dtypes are not concerned.
    """
    _backends.set_matmul_precision(precision)
    invalidate()


def dtype_policy() -> Any:
    """The default dtype policy of layers: that of ``set_dtype_policy``, else ``floatx()``."""
    from .dtype_policies import DTypePolicy

    return DTypePolicy()


def set_dtype_policy(policy: Any) -> None:
    """Set the default dtype policy of layers: a ``DTypePolicy`` or its name; None restores ``floatx()``.

    With "mixed_float16" layers compute in 16 bits and keep variables of float32. Losses and metrics do not look at it.
    """
    from .dtype_policies import set_global_policy

    set_global_policy(policy)


def set_backend(backend: str) -> None:
    """Raises ``ValueError``: there is one implementation, for NumPy and for CuPy, and ``set_device`` chooses between them."""
    raise ValueError(
        f"there is no backend {backend!r} to change to: dualnet computes with NumPy on the CPU and with CuPy on a GPU. "
        'Choose the device, with dualnet.config.set_device("cpu"), "gpu" or "auto"'
    )


def enable_unsafe_deserialization() -> None:
    """Warn that this changes nothing: code in a file is never run, whatever ``safe_mode`` is."""
    warn(
        "enable_unsafe_deserialization has no effect: dualnet never runs code from a file. Pass the functions that a file "
        "names with custom_objects="
    )


def __getattr__(name: str) -> Any:
    if name.startswith("__"):  # what `from .config import device` asks for
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from .legacy.tf_names import find

    return find(name, "config")
