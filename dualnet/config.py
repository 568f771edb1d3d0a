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
    "disable_traceback_filtering",
    "dtype_policy",
    "enable_interactive_logging",
    "enable_traceback_filtering",
    "enable_unsafe_deserialization",
    "epsilon",
    "floatx",
    "get_device",
    "gpu_status",
    "image_data_format",
    "is_interactive_logging_enabled",
    "is_traceback_filtering_enabled",
    "list_physical_devices",
    "max_epochs",
    "max_steps_per_epoch",
    "set_backend",
    "set_device",
    "set_dtype_policy",
    "set_epsilon",
    "set_floatx",
    "set_image_data_format",
    "set_max_epochs",
    "set_max_steps_per_epoch",
]

_floatx = "float32"
_epsilon = 1e-7
_image_data_format = "channels_last"
_interactive = True
_filtering = True
_limits: dict[str, int | None] = {}  # what the program set; until then the environment says it
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
    _steps_change()


def dtype_policy() -> Any:
    """The dtype policy of layers that are given none: that of ``set_dtype_policy``, else ``floatx()``."""
    from .dtype_policies import DTypePolicy

    return DTypePolicy()


def set_dtype_policy(policy: Any) -> None:
    """Set the dtype of layers that are given none: a ``DTypePolicy`` or its name; None takes ``floatx()`` again.

    With "mixed_float16" layers compute in 16 bits and keep variables of float32. Losses and metrics do not look at it.
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
    _steps_change()


def image_data_format() -> str:
    """ "channels_last" or "channels_first"."""
    return _image_data_format


def set_image_data_format(data_format: str) -> None:
    """Set the default data format of images: "channels_last" or "channels_first"."""
    global _image_data_format
    if data_format not in ("channels_last", "channels_first"):
        raise ValueError(f'expected "channels_last" or "channels_first", got {data_format!r}')
    _image_data_format = data_format
    _steps_change()


def _steps_change() -> None:
    """Steps that were recorded with another setting are written down anew."""
    from .core.variables import structure_changed

    structure_changed()


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


def enable_traceback_filtering() -> None:
    """Remember that tracebacks are to be short. They are whole in any case: an error says in a note which layer it came from."""
    global _filtering
    _filtering = True


def disable_traceback_filtering() -> None:
    """Remember that tracebacks are to be whole, as they always are."""
    global _filtering
    _filtering = False


def is_traceback_filtering_enabled() -> bool:
    """What ``enable_traceback_filtering`` and its opposite said last; it changes nothing."""
    return _filtering


def max_epochs() -> int | None:
    """The most epochs that ``fit`` trains: that of ``set_max_epochs``, else of ``DUALNET_MAX_EPOCHS``. None: any number."""
    return _limit("max_epochs")


def set_max_epochs(max_epochs: int | None) -> None:
    """Let ``fit`` train so many epochs at most, to try a program out quickly; None: as many as it is told."""
    _limits["max_epochs"] = _checked_limit("max_epochs", max_epochs)


def max_steps_per_epoch() -> int | None:
    """The most steps of an epoch, of ``evaluate`` and of ``predict``: that of ``set_max_steps_per_epoch``, else of
    ``DUALNET_MAX_STEPS_PER_EPOCH``. None: any number."""
    return _limit("max_steps_per_epoch")


def set_max_steps_per_epoch(max_steps_per_epoch: int | None) -> None:
    """Let an epoch, ``evaluate`` and ``predict`` take so many steps at most; None: as many as there are."""
    _limits["max_steps_per_epoch"] = _checked_limit("max_steps_per_epoch", max_steps_per_epoch)


def _limit(name: str) -> int | None:
    if name not in _limits:
        import os

        said = os.environ.get(f"DUALNET_{name.upper()}")
        _limits[name] = None if not said else _checked_limit(name, int(said) if said.isdecimal() else said)
    return _limits[name]


def _checked_limit(name: str, value: Any) -> int | None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
        raise ValueError(f"{name} must be a positive whole number or None, got {value!r}")
    return value


def set_backend(backend: str) -> None:
    """Raises ``ValueError``: there is one implementation, for NumPy and for CuPy, and ``set_device`` chooses between them."""
    raise ValueError(
        f"there is no backend {backend!r} to change to: dualnet computes with NumPy on the CPU and with CuPy on a GPU. "
        'Choose the device, with dualnet.config.set_device("cpu"), "gpu" or "auto"'
    )


def enable_unsafe_deserialization() -> None:
    """Changes nothing, and says so in a warning: code in a file is never run, whatever ``safe_mode`` is."""
    import warnings

    warnings.warn(
        "enable_unsafe_deserialization has no effect: dualnet never runs code from a file. Give the functions that a file "
        "names with custom_objects=",
        stacklevel=2,
    )


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
    if name.startswith("__"):  # what `from .config import device` asks for
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from .legacy.tf_names import find

    return find(name, "config")
