"""Devices: their names, which one is in use, and what is said when one is missing."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
import threading
import types

import dualnet_backends as backends
import numpy as np
import pytest
from dualnet_backends import DeviceNotFoundError, devices, gpu

from dualnet import config, ops

from . import strict

needs_no_gpu = pytest.mark.skipif(not backends.gpu_status(), reason="a GPU answers on this machine")


def test_names_of_the_cpu() -> None:
    cpu = backends.get("cpu")
    for name in ("cpu", "CPU", " cpu ", "cpu:0", "numpy", "/physical_device:CPU:0", "/CPU:0", "/device:CPU:0"):
        assert backends.get(name) is cpu


@pytest.mark.parametrize("name", ["", "gpux", "cpu:1", "auto:1", "gpu:-1", "gpu:a", "tpu", "numpy:2", "gpu:0:1"])
def test_wrong_names(name: str) -> None:
    with pytest.raises(ValueError, match="no device is called"):
        backends.get(name)


def test_a_name_is_a_string() -> None:
    for wrong in (None, 0, b"cpu"):
        with pytest.raises(ValueError, match="named by a string"):
            backends.get(wrong)  # type: ignore[arg-type]


@needs_no_gpu
@pytest.mark.parametrize("name", ["gpu", "gpu:1", "cuda", "cuda:0", "cupy", "/physical_device:GPU:0"])
def test_a_gpu_that_is_not_there(name: str) -> None:
    with pytest.raises(DeviceNotFoundError) as caught:
        config.set_device(name)
    message = str(caught.value)
    assert "\n" not in message
    assert f'looked for a GPU (device "{name}"), found none' in message
    assert backends.gpu_status() in message
    assert "--device cpu" in message
    assert config.list_physical_devices("GPU") == []
    assert backends.get("auto") is backends.get("cpu")


def test_missing_library_and_driver_are_distinguished(monkeypatch: pytest.MonkeyPatch) -> None:
    class Missing:
        """A sys.meta_path entry that has no CuPy, or a broken one."""

        def __init__(self, error: ImportError) -> None:
            self.error = error

        def find_spec(self, name: str, *rest: object) -> None:
            if name == "cupy":
                raise self.error

    monkeypatch.setattr(devices, "_has_driver", lambda: True)
    for error, said in (
        (ModuleNotFoundError("No module named 'cupy'", name="cupy"), "CuPy is not installed: pip install"),
        (ImportError("libcudart.so.13: cannot open\nmore"), r"cannot be imported (libcudart.so.13: cannot open)"),
    ):
        with monkeypatch.context() as patch:
            for name in [n for n in sys.modules if n.partition(".")[0] == "cupy"] + ["dualnet_backends.gpu.backend"]:
                patch.delitem(sys.modules, name, raising=False)
            patch.delattr(gpu, "backend", raising=False)
            patch.setattr(sys, "meta_path", [Missing(error), *sys.meta_path])
            assert said in backends.gpu_status()

    with monkeypatch.context() as patch:
        for name in [n for n in sys.modules if n.partition(".")[0] == "cupy"] + ["dualnet_backends.gpu.backend"]:
            patch.delitem(sys.modules, name, raising=False)
        patch.setattr(devices, "_has_driver", lambda: False)
        patch.setattr(importlib.util, "find_spec", lambda name: name)
        assert "CuPy is installed but there is no driver" in backends.gpu_status()

    stub = types.ModuleType("cupy")  # as tests and documentation tools put there
    with monkeypatch.context() as patch:
        patch.delitem(sys.modules, "dualnet_backends.gpu.backend", raising=False)
        patch.delattr(gpu, "backend", raising=False)
        patch.setitem(sys.modules, "cupy", stub)
        assert "cannot be imported" in backends.gpu_status()

    class Driver:
        def device_count(self) -> int:
            raise RuntimeError("cudaErrorInsufficientDriver: too old")

    class NoDevice:
        def device_count(self) -> int:
            return 0

    for module, visible, said in (
        (Driver(), None, "older than the CUDA of CuPy needs (cudaErrorInsufficientDriver: too old): update it"),
        (NoDevice(), None, "the driver sees no GPU: check what nvidia-smi lists"),
        (NoDevice(), "-1", "CUDA_VISIBLE_DEVICES=-1 hides every GPU: unset it"),
        (NoDevice(), "", "CUDA_VISIBLE_DEVICES= hides every GPU"),
    ):
        with monkeypatch.context() as patch:
            patch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
            if visible is not None:
                patch.setenv("CUDA_VISIBLE_DEVICES", visible)
            patch.setitem(sys.modules, "dualnet_backends.gpu.backend", module)
            patch.setattr(gpu, "backend", module, raising=False)
            assert said in backends.gpu_status()
            assert "\n" not in backends.gpu_status()


needs_gpu = pytest.mark.skipif(bool(backends.gpu_status()), reason=backends.gpu_status())


@needs_gpu
def test_no_visible_gpu() -> None:
    """CUDA raises an error where it could count 0."""
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "-1"}
    program = "import dualnet; print(dualnet.config.gpu_status()); print(dualnet.config.list_physical_devices('GPU'))"
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        "CuPy and the driver are installed but CUDA_VISIBLE_DEVICES=-1 hides every GPU: unset it, or name one",
        "[]",
    ]


@needs_gpu
def test_a_number_too_large() -> None:
    count = len(config.list_physical_devices("GPU"))
    found = "found 1: gpu:0$" if count == 1 else f"found {count}: gpu:0 to gpu:{count - 1}"
    with pytest.raises(DeviceNotFoundError, match=found):
        config.set_device(f"gpu:{count}")


@needs_gpu
def test_a_gpu_in_the_listing() -> None:
    import cupy

    text = next(text for name, _, text in config.device_report() if name == "gpu:0")
    assert re.search(r", [\d.]+ of [\d.]+ GiB free, compute capability \d+\.\d,? ?", text)
    rows = {name: version for name, _, version in config.library_report()}
    assert list(rows) == ["CuPy", "driver", "NVRTC", "headers", "cuBLAS", "cuSOLVER", "cuFFT"]
    assert rows["CuPy"].startswith(cupy.__version__)
    assert "pip" not in " ".join(rows.values()), "what is missing here?"


@needs_gpu
def test_a_library_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    import cupy
    from dualnet_backends.gpu import information

    def missing() -> str:
        raise ImportError("libcufft.so.11: cannot open shared object file\nand more")

    monkeypatch.setattr(information, "_LIBRARIES", (("cuFFT", "Fourier transforms", "cufft", missing),))
    major = cupy.cuda.runtime.runtimeGetVersion() // 1000
    assert config.library_report()[-1] == (
        "cuFFT",
        "Fourier transforms",
        f'libcufft.so.11: cannot open shared object file: pip install "cuda-toolkit[cufft]=={major}.*"',
    )


@needs_no_gpu
def test_no_libraries_without_a_gpu() -> None:
    assert config.library_report() == []


def test_listing() -> None:
    (cpu,) = config.list_physical_devices("CPU")
    assert (cpu.name, cpu.device_type) == ("/physical_device:CPU:0", "CPU")
    assert config.list_physical_devices()[0] == cpu
    assert config.list_physical_devices("cpu") == [cpu]
    with pytest.raises(ValueError, match='expects "CPU", "GPU" or None'):
        config.list_physical_devices("TPU")
    name, type_name, text = config.device_report()[0]
    assert (name, type_name) == ("cpu", "CPU")
    assert np.__version__ in text


def test_blocks_nest_and_end() -> None:
    strict.register()
    outside = backends.current()
    with config.device("strict:0") as outer:
        assert config.get_device() == outer.device == "strict:0"
        assert config.backend() == "strict"
        assert config.array_module() is outer.xp
        with config.device("cpu"):
            assert ops.ones(2).device == "cpu"
        assert ops.ones(2).device == "strict:0"
        with pytest.raises(KeyError), config.device("cpu"):
            raise KeyError
        assert config.get_device() == "strict:0"
    assert backends.current() is outside


def test_a_block_is_of_one_thread_and_set_device_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "_default", None)
    monkeypatch.setenv("DUALNET_DEVICE", "cpu")
    seen: list[str] = []

    def look() -> None:
        thread = threading.Thread(target=lambda: seen.append(config.get_device()))
        thread.start()
        thread.join()

    with config.device("strict:0"):
        look()
    config.set_device("strict:0")
    look()
    config.set_device("cpu")
    assert seen == ["cpu", "strict:0"]


def test_the_environment_names_the_first_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "_default", None)
    monkeypatch.setenv("DUALNET_DEVICE", "strict:0")
    assert config.get_device() == "strict:0"
    config.set_device("cpu")
    assert config.get_device() == "cpu"
    monkeypatch.setattr(devices, "_default", None)
    monkeypatch.setenv("DUALNET_DEVICE", "nonsense")
    with pytest.raises(ValueError, match="no device is called 'nonsense'"):
        ops.ones(3)


def test_the_backend_of_an_array() -> None:
    cpu, other = backends.get("cpu"), strict.register()
    with config.device("strict:0"):
        assert backends.of(np.ones(2)) is cpu
        assert backends.of(np.float32(1)) is cpu  # what NumPy's reductions give
        assert backends.of(np.ones(2).view(np.recarray)) is cpu
        assert backends.of(other.xp.ones(2)) is other
        assert backends.of([1, 2]) is other
        # A tensor stays where it was made, whichever device is in use by then.
        with config.device("cpu"):
            x = ops.ones((2,))
        assert ops.sum(x * 2.0 + 1.0).device == "cpu"


def test_host_data_goes_to_the_device_in_use() -> None:
    with config.device("strict:0"):
        assert ops.exp(np.ones(2)).device == "strict:0"
        assert ops.add(1.0, [1, 2]).device == "strict:0"
        x = ops.ones((2,))
        np.testing.assert_array_equal(ops.convert_to_numpy(x), [1, 1])
        np.testing.assert_array_equal(ops.convert_to_numpy(x.data), [1, 1])
        np.testing.assert_array_equal(ops.convert_to_numpy([1, 1]), [1, 1])
        np.testing.assert_array_equal(ops.convert_to_numpy(np.ones(2)), [1, 1])
    with config.device("cpu"):
        assert (x + np.ones(2)).device == "strict:0"
        assert (np.ones(2) * x).device == "strict:0"
