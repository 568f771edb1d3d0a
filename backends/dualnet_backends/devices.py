"""Available devices, the current device, and the backend of an array."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from .base import Backend
from .cpu import compiled
from .cpu.backend import SCALAR_TYPES, NumpyBackend
from .precision import matmul_precision
from .threads import num_threads

ENVIRONMENT = "DUALNET_DEVICE"
# Driver libraries of CUDA on Linux and on Windows, and of ROCm.
_DRIVERS = ("libcuda.so.1", "nvcuda.dll", "libamdhip64.so", *(f"libamdhip64.so.{n}" for n in range(4, 16)))


class DeviceNotFoundError(RuntimeError):
    """The requested device is not available. The message, one line, says what is missing and how to get it."""


class PhysicalDevice(NamedTuple):
    """A device that exists.  name: "/physical_device:GPU:0"  device_type: "CPU" or "GPU" """

    name: str
    device_type: str


_numpy = compiled.NumbaBackend() if compiled.is_enabled() else NumpyBackend()
_backends: dict[str, Backend] = {"cpu": _numpy}
# The backend of an array is looked up by its class: one dictionary access per op.
by_type: dict[type, Backend] = dict.fromkeys((NumpyBackend.array_type, *SCALAR_TYPES), _numpy)


class _Current(threading.local):
    backend: Backend | None = None


_current = _Current()
_default: Backend | None = None  # set by set_device, for all threads


def register(backend: Backend) -> Backend:
    """Register a backend under its device name and its array class; this is also how a third backend is added."""
    _backends[backend.device] = backend
    by_type[backend.array_type] = backend
    return backend


def gpu_status() -> str:
    """An empty string if a GPU is available, else one line that says what is missing and how to get it."""
    return _probe_gpus()[1]


def _probe_gpus() -> tuple[int, str]:
    """(number of available GPUs, what is missing).  Not cached: it costs microseconds after the import."""
    try:
        loaded = "cupy" in sys.modules or f"{__package__}.gpu.backend" in sys.modules
        if not loaded and importlib.util.find_spec("cupy") and not _has_driver():
            return 0, "CuPy is installed but there is no driver (libcuda): install the NVIDIA driver"
        from .gpu import backend as gpu
    except Exception as error:  # ImportError, and whatever a broken installation raises
        if isinstance(error, ModuleNotFoundError) and error.name == "cupy":
            return 0, "CuPy is not installed: pip install 'dualnet[cuda12]' (or cuda13, to match the driver)"
        return 0, f"CuPy is installed but cannot be imported ({_first_line(error)}): reinstall it for your CUDA version"
    try:
        count = gpu.device_count()
    except Exception as error:  # CUDARuntimeError, and whatever a broken driver raises
        said = _first_line(error)
        if "InsufficientDriver" in said:
            return (
                0,
                f"the NVIDIA driver is older than the CUDA of CuPy needs ({said}): update it, or install 'dualnet[cuda12]'",
            )
        return 0, f"CuPy is installed but no CUDA driver answers ({said}): install the NVIDIA driver"
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if count == 0 and visible is not None:
        return (
            0,
            f"CuPy and the driver are installed but CUDA_VISIBLE_DEVICES={visible} hides every GPU: unset it, or name one",
        )
    if count == 0:
        return 0, "CuPy and the driver are installed but the driver sees no GPU: check what nvidia-smi lists"
    return count, ""


def _has_driver() -> bool:
    """Whether a driver library can be loaded. CuPy would find out too, after an import of half a second."""
    for name in _DRIVERS:
        try:
            ctypes.CDLL(name)
        except OSError:
            continue
        return True
    return False


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].strip()


def list_physical_devices(device_type: str | None = None) -> list[PhysicalDevice]:
    """The available devices, CPU first.  device_type: "CPU", "GPU" or None for both."""
    if device_type is not None and device_type.upper() not in ("CPU", "GPU"):
        raise ValueError(f'list_physical_devices expects "CPU", "GPU" or None, got {device_type!r}')
    devices = []
    if device_type is None or device_type.upper() == "CPU":
        devices.append(PhysicalDevice("/physical_device:CPU:0", "CPU"))
    if device_type is None or device_type.upper() == "GPU":
        devices += [PhysicalDevice(f"/physical_device:GPU:{i}", "GPU") for i in range(_probe_gpus()[0])]
    return devices


def device_report() -> list[tuple[str, str, str]]:
    """(name for ``set_device``, type, description) of every available device."""
    import platform

    import numpy

    libraries = f"NumPy {numpy.__version__}"
    if isinstance(_numpy, compiled.NumbaBackend):
        libraries += f", {compiled.version_string()}"
    rows = [("cpu", "CPU", f"{platform.machine()}, {num_threads()} of {os.cpu_count()} threads, {libraries}")]
    for index in range(_probe_gpus()[0]):
        from .gpu import information

        rows.append((f"gpu:{index}", "GPU", f"{information.description(index)}, products in {matmul_precision()}"))
    return rows


def library_report() -> list[tuple[str, str, str]]:
    """(name, what it is for, its version, or what is wrong with it and what to type) of the CUDA libraries that are used, after one
    row each for CuPy and the driver. Empty without a GPU."""
    if not _probe_gpus()[0]:
        return []
    from .gpu import information

    return information.libraries()


def get(name: str) -> Backend:
    """The backend of a device.

    name: "cpu", "gpu", "gpu:1", "auto" (a GPU if one is available, else the CPU), or one of their synonyms: "numpy",
    "cupy", "cuda:0", "/physical_device:GPU:0", "/GPU:0". Raises ``ValueError`` for any other name and
    ``DeviceNotFoundError`` for a GPU that is not available.
    """
    if not isinstance(name, str):
        raise ValueError(f'a device is named by a string such as "cpu", "gpu" or "gpu:1", got {name!r}')
    text = name.strip().lower().removeprefix("/physical_device:").removeprefix("/device:").removeprefix("/")
    if text in _backends:
        return _backends[text]
    match = re.fullmatch(r"(auto|cpu|numpy|gpu|cuda|cupy)(?::(\d+))?", text)
    if match is None or (match[1] == "auto" and match[2]) or (match[1] in ("cpu", "numpy") and int(match[2] or 0)):
        raise ValueError(f'no device is called {name!r}: expected "auto", "cpu", "gpu" or "gpu:N"')
    library, index = match[1], int(match[2] or 0)
    if library in ("cpu", "numpy"):
        return _numpy
    count, missing = _probe_gpus()
    if library == "auto" and count == 0:
        return _numpy
    if count == 0:
        raise DeviceNotFoundError(f'looked for a GPU (device "{name}"), found none. {missing}; or use --device cpu')
    if index >= count:
        found = "gpu:0" if count == 1 else f"gpu:0 to gpu:{count - 1}"
        raise DeviceNotFoundError(f'looked for GPU {index} (device "{name}"), found {count}: {found}')
    if f"gpu:{index}" in _backends:
        return _backends[f"gpu:{index}"]
    from .gpu.backend import CupyBackend

    return register(CupyBackend(index))


def current() -> Backend:
    """The current backend: innermost ``device`` block, else ``set_device``, else $DUALNET_DEVICE, else "auto"."""
    return _current.backend or _default or set_device(os.environ.get(ENVIRONMENT) or "auto")


def set_device(name: str) -> Backend:
    """Use a device from now on, in every thread (names as in ``get``)."""
    global _default
    backend = get(name)
    _activate(backend)
    _default = backend
    return backend


@contextmanager
def device(name: str) -> Iterator[Backend]:
    """Use a device inside a ``with`` block, in this thread (names as in ``get``)."""
    backend, before = get(name), _current.backend
    _activate(backend)
    _current.backend = backend
    try:
        yield backend
    finally:
        _current.backend = before
        _activate(current())


def _activate(backend: Backend) -> None:
    if hasattr(backend, "activate"):
        backend.activate()


def of(array: Any) -> Backend:
    """The backend an array belongs to; the current one for anything else (numbers, lists)."""
    cls = type(array)
    backend = by_type.get(cls)
    if backend is None:
        for base, known_backend in by_type.items():
            if issubclass(cls, base):
                return known_backend
        library = cls.__module__.partition(".")[0]
        if library == "cupy":
            return get(f"gpu:{array.device.id}")
        # NumPy's reductions return scalars: they are on the CPU, whatever the current device.
        return _numpy if library == "numpy" else current()
    if backend.device != "cpu" and hasattr(array, "device"):
        return _backends.get(f"gpu:{getattr(array.device, 'id', 0)}", backend)
    return backend


def transfer(array: Any, backend: Backend) -> Any:
    """An array of one of the devices on another, by way of the host where that is one of them."""
    return backend.asarray(of(array).to_numpy(array) if backend is _numpy else array)


def from_dlpack(x: Any) -> Any:
    """The array of another library as one of the device that it lies on, in the same memory, by the DLPack protocol.

    x: a NumPy or CuPy array, a tensor of PyTorch (also one that requires gradients), an array of JAX, and so on.
    """
    if hasattr(x, "detach"):
        x = x.detach()
    if not hasattr(x, "__dlpack__") or not hasattr(x, "__dlpack_device__"):
        raise TypeError(f"expected an array with __dlpack__ and __dlpack_device__, got {type(x).__name__}")
    kind, index = x.__dlpack_device__()
    if kind not in (*_HOST_MEMORY, *_GPU_MEMORY):
        raise ValueError(
            f"the memory of {type(x).__name__} is of DLPack device type {int(kind)}: copy it to the CPU or to a GPU first"
        )
    backend = _numpy if kind in _HOST_MEMORY else get(f"gpu:{index}")
    return backend.xp.from_dlpack(x)


def is_on_gpu(x: Any) -> bool:
    """Whether an array of any library says that its memory is that of a GPU."""
    return hasattr(x, "__dlpack_device__") and x.__dlpack_device__()[0] in _GPU_MEMORY


# Types of devices in DLPack: the CPU and pinned memory; CUDA and managed memory; the same of ROCm.
_HOST_MEMORY = (1, 3, 11)
_GPU_MEMORY = (2, 13, 10)
