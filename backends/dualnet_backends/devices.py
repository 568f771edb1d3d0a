"""Which devices exist, which one is in use, and which backend an array belongs to."""

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
from .cpu import numba_backend
from .cpu.numpy_backend import SCALARS, NumpyBackend

ENVIRONMENT = "DUALNET_DEVICE"
# Of CUDA on Linux and on Windows, and of ROCm.
_DRIVERS = ("libcuda.so.1", "nvcuda.dll", "libamdhip64.so", *(f"libamdhip64.so.{n}" for n in range(4, 16)))


class DeviceNotFoundError(RuntimeError):
    """A device was asked for that does not answer. One line says what was looked for and found, and the cure."""


class PhysicalDevice(NamedTuple):
    """A device that exists.  name: "/physical_device:GPU:0"  device_type: "CPU" or "GPU" """

    name: str
    device_type: str


_numpy = numba_backend.NumbaBackend() if numba_backend.wanted() else NumpyBackend()
_backends: dict[str, Backend] = {"cpu": _numpy}
# The backend of an array is looked up by its class: one dictionary access per op.
by_type: dict[type, Backend] = dict.fromkeys((NumpyBackend.array_type, *SCALARS), _numpy)


class _Current(threading.local):
    backend: Backend | None = None


_current = _Current()
_default: Backend | None = None  # what set_device chose, for all threads


def register(backend: Backend) -> Backend:
    """Make a backend known under its device name and its array class (also how a third backend is added)."""
    _backends[backend.device] = backend
    by_type[backend.array_type] = backend
    return backend


def gpu_status() -> str:
    """One line on the GPU: "" when at least one answers, else what is missing and how to get it."""
    return _gpu_probe()[1]


def _gpu_probe() -> tuple[int, str]:
    """(number of GPUs that answer, what is missing).  Asked anew each time: it costs microseconds after the import."""
    try:
        loaded = "cupy" in sys.modules or f"{__package__}.cupy_backend" in sys.modules
        if not loaded and importlib.util.find_spec("cupy") and not _has_driver():
            return 0, "CuPy is installed but there is no driver (libcuda): install the NVIDIA driver"
        from .gpu import cupy_backend
    except Exception as error:  # ImportError, and whatever a stand-in without content raises
        if isinstance(error, ModuleNotFoundError) and error.name == "cupy":
            return 0, "CuPy is not installed: pip install 'dualnet[cuda12]' (or cuda13, to match the driver)"
        return 0, f"CuPy is installed but cannot be imported ({_first_line(error)}): reinstall it for your CUDA version"
    try:
        count = cupy_backend.device_count()
    except Exception as error:  # CUDARuntimeError, and whatever a broken driver raises
        return 0, f"CuPy is installed but no CUDA driver answers ({_first_line(error)}): install the NVIDIA driver"
    if count == 0:
        return 0, "CuPy and the driver are installed but no GPU is visible: check nvidia-smi and CUDA_VISIBLE_DEVICES"
    return count, ""


def _has_driver() -> bool:
    """Whether the library of a driver can be loaded. CuPy would say so too, after an import of half a second."""
    for name in _DRIVERS:
        try:
            ctypes.CDLL(name)
        except OSError:
            continue
        return True
    return False


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].strip()


def list_physical_devices(kind: str | None = None) -> list[PhysicalDevice]:
    """The devices that answer, CPU first.  kind: "CPU", "GPU" or None for both."""
    if kind is not None and kind.upper() not in ("CPU", "GPU"):
        raise ValueError(f'list_physical_devices expects "CPU", "GPU" or None, got {kind!r}')
    devices = []
    if kind is None or kind.upper() == "CPU":
        devices.append(PhysicalDevice("/physical_device:CPU:0", "CPU"))
    if kind is None or kind.upper() == "GPU":
        devices += [PhysicalDevice(f"/physical_device:GPU:{i}", "GPU") for i in range(_gpu_probe()[0])]
    return devices


def device_report() -> list[tuple[str, str, str]]:
    """(name as given to --device, kind, description) of every device that answers."""
    import platform

    import numpy

    libraries = f"NumPy {numpy.__version__}"
    if isinstance(_numpy, numba_backend.NumbaBackend):
        libraries += f", {numba_backend.described()}"
    rows = [("cpu", "CPU", f"{platform.machine()}, {os.cpu_count()} threads, {libraries}")]
    for index in range(_gpu_probe()[0]):
        from .gpu import cupy_backend

        rows.append((f"gpu:{index}", "GPU", cupy_backend.device_description(index)))
    return rows


def get(name: str) -> Backend:
    """The backend of a device.

    name: "cpu", "gpu", "gpu:1", "auto" (a GPU when one answers, else the CPU), and the same in other words: "numpy",
    "cupy", "cuda:0", "/physical_device:GPU:0", "/GPU:0". Raises ``ValueError`` for a name that is none of these and
    ``DeviceNotFoundError`` for a GPU that does not answer.
    """
    if not isinstance(name, str):
        raise ValueError(f'a device is named by a string such as "cpu", "gpu" or "gpu:1", got {name!r}')
    text = name.strip().lower().removeprefix("/physical_device:").removeprefix("/device:").removeprefix("/")
    if text in _backends:
        return _backends[text]
    match = re.fullmatch(r"(auto|cpu|numpy|gpu|cuda|cupy)(?::(\d+))?", text)
    if match is None or (match[1] == "auto" and match[2]) or (match[1] in ("cpu", "numpy") and int(match[2] or 0)):
        raise ValueError(f'no device is called {name!r}: expected "auto", "cpu", "gpu" or "gpu:N"')
    kind, index = match[1], int(match[2] or 0)
    if kind in ("cpu", "numpy"):
        return _numpy
    count, missing = _gpu_probe()
    if kind == "auto" and count == 0:
        return _numpy
    if count == 0:
        raise DeviceNotFoundError(f'looked for a GPU (device "{name}"), found none. {missing}; or use --device cpu')
    if index >= count:
        raise DeviceNotFoundError(f'looked for GPU {index} (device "{name}"), found {count}: gpu:0 to gpu:{count - 1}')
    device = f"gpu:{index}"
    if device not in _backends:
        from .gpu.cupy_backend import CupyBackend

        register(CupyBackend(index))
    return _backends[device]


def current() -> Backend:
    """The backend in use here: innermost ``device`` block, else ``set_device``, else $DUALNET_DEVICE, else "auto"."""
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
    activate = getattr(backend, "activate", None)
    if activate is not None:
        activate()


def of(array: Any) -> Backend:
    """The backend an array belongs to; the current one for what is not an array (numbers, lists)."""
    kind = type(array)
    backend = by_type.get(kind)
    if backend is None:
        for known, candidate in by_type.items():
            if issubclass(kind, known):
                return candidate
        library = kind.__module__.partition(".")[0]
        if library == "cupy":
            return get(f"gpu:{array.device.id}")
        # NumPy's scalars are what its reductions give: they are on the CPU, whichever device is in use.
        return _numpy if library == "numpy" else current()
    if backend.device != "cpu" and hasattr(array, "device"):
        return _backends.get(f"gpu:{getattr(array.device, 'id', 0)}", backend)
    return backend
