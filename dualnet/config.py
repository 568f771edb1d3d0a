"""Global settings: the device, the default float type, epsilon, the image data format, and the seed."""

from __future__ import annotations

from typing import Any

import dualnet_backends as _backends
from dualnet_backends import (
    DeviceNotFoundError,
    PhysicalDevice,
    device,
    device_report,
    gpu_status,
    list_physical_devices,
)

__all__ = [
    "DeviceNotFoundError",
    "PhysicalDevice",
    "array_module",
    "backend",
    "device",
    "device_report",
    "disable_interactive_logging",
    "dtype_policy",
    "enable_interactive_logging",
    "epsilon",
    "floatx",
    "get_device",
    "gpu_status",
    "image_data_format",
    "is_interactive_logging_enabled",
    "list_physical_devices",
    "set_device",
    "set_dtype_policy",
    "set_epsilon",
    "set_floatx",
    "set_image_data_format",
]

_floatx = "float32"
_epsilon = 1e-7
_image_data_format = "channels_last"
_interactive = True
_seed: int | None = None


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


def floatx() -> str:
    """The default float dtype, "float32" unless ``set_floatx`` changed it."""
    return _floatx


def set_floatx(value: str) -> None:
    """Set the default float dtype: "float16", "float32" or "float64"."""
    global _floatx
    if value not in ("float16", "float32", "float64"):
        raise ValueError(f'set_floatx expects "float16", "float32" or "float64", got {value!r}')
    _floatx = value


def dtype_policy() -> Any:
    """The dtype policy of layers that are given none: that of ``set_dtype_policy``, else ``floatx()``."""
    from .dtype_policies import DTypePolicy

    return DTypePolicy()


def set_dtype_policy(policy: Any) -> None:
    """Set the dtype of layers that are given none: a ``DTypePolicy`` or its name; None takes ``floatx()`` again.

    A layer cannot compute in another dtype than that of its variables: with a mixed policy, making one raises
    ``ValueError``. Losses and metrics do not look at it.
    """
    from . import dtype_policies

    dtype_policies._set_global(policy)


def epsilon() -> float:
    """The small number that keeps logarithms and divisions away from zero, 1e-7 unless ``set_epsilon`` changed it."""
    return _epsilon


def set_epsilon(value: float) -> None:
    """Set the small number that keeps logarithms and divisions away from zero."""
    global _epsilon
    _epsilon = float(value)


def image_data_format() -> str:
    """ "channels_last" or "channels_first"."""
    return _image_data_format


def set_image_data_format(data_format: str) -> None:
    """Set the default data format of images: "channels_last" or "channels_first"."""
    global _image_data_format
    if data_format not in ("channels_last", "channels_first"):
        raise ValueError(f'expected "channels_last" or "channels_first", got {data_format!r}')
    _image_data_format = data_format


def enable_interactive_logging() -> None:
    """Let ``verbose="auto"`` draw progress bars (the default)."""
    global _interactive
    _interactive = True


def disable_interactive_logging() -> None:
    """Let ``verbose="auto"`` print one line per epoch."""
    global _interactive
    _interactive = False


def is_interactive_logging_enabled() -> bool:
    """Whether ``verbose="auto"`` draws progress bars."""
    return _interactive


def global_seed() -> int:
    """The seed of every stream that was given none: that of ``set_random_seed``, else one from the operating system."""
    global _seed
    if _seed is None:
        import secrets

        _seed = secrets.randbits(63)
    return _seed


def _set_global_seed(seed: int) -> None:
    global _seed
    _seed = seed


def __getattr__(name: str) -> Any:
    from .tf_names import find

    return find(name, "config")
