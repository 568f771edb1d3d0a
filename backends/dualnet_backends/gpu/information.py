"""What is known of the GPUs of a machine, and of the CUDA libraries that are used on them: for ``dualnet devices``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cupy as cp

_HEADERS = '#include <cuda_fp16.h>\nextern "C" __global__ void empty() {}'
_KERNEL_DRIVER = Path("/proc/driver/nvidia/version")


def description(index: int) -> str:
    """A device in one line: "NVIDIA H200, 138.9 of 139.8 GiB free, compute capability 9.0"."""
    properties = cp.cuda.runtime.getDeviceProperties(index)
    name, capability = properties["name"].decode(), f"{properties['major']}.{properties['minor']}"
    try:
        with cp.cuda.Device(index):
            free, total = cp.cuda.runtime.memGetInfo()
    except cp.cuda.runtime.CUDARuntimeError as error:  # in exclusive use by another process, or without any memory left
        return f"{name}, {properties['totalGlobalMem'] / 2**30:.1f} GiB, not usable now: {_first_line(error)}"
    return f"{name}, {free / 2**30:.1f} of {total / 2**30:.1f} GiB free, compute capability {capability}"


def libraries() -> list[tuple[str, str, str]]:
    """(name, what it is for, version): CuPy, the driver, then the libraries of CUDA.

    A library is asked for its version, which loads it; one that cannot be loaded has in the place of the version what to type.
    """
    runtime = cp.cuda.runtime
    cuda, supported = _version(runtime.runtimeGetVersion()), _version(runtime.driverGetVersion())
    rows = [("CuPy", "arrays", f"{cp.__version__} for CUDA {cuda}"), ("driver", "", _driver(supported))]
    for name, purpose, package, version in _LIBRARIES:
        try:
            rows.append((name, purpose, version()))
        except Exception as error:  # of the loader, of CuPy, or of the library
            major = cuda.partition(".")[0]
            rows.append((name, purpose, f'{_first_line(error)}: pip install "cuda-toolkit[{package}]=={major}.*"'))
    return rows


def _driver(supported: str) -> str:
    try:
        words = _KERNEL_DRIVER.read_text(encoding="utf-8").partition("Module")[2].split()
    except OSError:
        words = []
    return f"{words[0]}, for CUDA up to {supported}" if words else f"for CUDA up to {supported}"


def _version(number: int) -> str:
    """12090 -> "12.9" """
    return f"{number // 1000}.{number % 1000 // 10}"


def _nvrtc() -> str:
    from cupy_backends.cuda.libs import nvrtc

    return ".".join(map(str, nvrtc.getVersion()))


def _headers() -> str:
    cp.RawModule(code=_HEADERS).get_function("empty")
    return "found"


def _cublas() -> str:
    from cupy_backends.cuda.libs import cublas

    number = cublas.getVersion(cp.cuda.device.get_cublas_handle())
    return f"{number // 10000}.{number // 100 % 100}.{number % 100}"


def _cusolver() -> str:
    from cupy_backends.cuda.libs import cusolver

    cp.cuda.device.get_cusolver_handle()
    return ".".join(map(str, cusolver._getVersion()))


def _cufft() -> str:
    from cupy.cuda import cufft

    number = cufft.getVersion()
    return f"{number // 1000}.{number // 100 % 10}.{number % 100}"


_LIBRARIES: tuple[tuple[str, str, str, Callable[[], str]], ...] = (
    ("NVRTC", "compiling kernels", "nvrtc", _nvrtc),
    ("headers", "kernels of float16", "cudart", _headers),
    ("cuBLAS", "products", "cublas", _cublas),
    ("cuSOLVER", "linear algebra", "cusolver", _cusolver),
    ("cuFFT", "Fourier transforms", "cufft", _cufft),
)


def _first_line(error: BaseException) -> Any:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].strip()[:80]
