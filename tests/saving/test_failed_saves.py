"""A save that fails, at whatever step, leaves the file that was there, and nothing else."""

from __future__ import annotations

import io
import os
import resource
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dualnet
from dualnet import layers
from dualnet.saving.atomic import atomic_write

X = np.ones((2, 4), "float32")
SAVES: dict[str, Callable[[Any, Path], None]] = {
    "m.keras": lambda model, path: model.save(path),
    "m.weights.h5": lambda model, path: model.save_weights(path),
    "m.h5": lambda model, path: model.save(path),
    "m.safetensors": lambda model, path: model.save_weights(path),
}
every_format = pytest.mark.parametrize("name", SAVES)


def network() -> Any:
    model = dualnet.Sequential([dualnet.Input((4,)), layers.Dense(50, "relu"), layers.Dense(2)])
    model.compile("adam", "mse")
    return model


class Failing(io.FileIO):
    """A file whose ``k``-th write fails, as on a full disk."""

    left = 0

    def write(self, data: Any) -> int:
        Failing.left -= 1
        if Failing.left < 0:
            raise OSError(28, "No space left on device")
        return super().write(data)


def failing_call(monkeypatch: pytest.MonkeyPatch, module: Any, name: str, k: int) -> list[int]:
    """Let the ``k``-th call of a function fail; the list says how often it was called."""
    calls: list[int] = []
    real = getattr(module, name)

    def call(*args: Any, **kwargs: Any) -> Any:
        calls.append(1)
        if len(calls) == k:
            raise OSError(5, f"{name} failed")
        return real(*args, **kwargs)

    monkeypatch.setattr(module, name, call)
    return calls


def check(folder: Path, name: str, before: bytes, model: Any) -> None:
    """Only the earlier file is there, as it was, and it loads."""
    assert [p.name for p in folder.iterdir()] == [name]
    assert (folder / name).read_bytes() == before
    target = network()
    target.load_weights(folder / name)
    np.testing.assert_array_equal(np.asarray(target(X)), np.asarray(model(X)))


@every_format
def test_the_kth_write_fails(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = network()
    SAVES[name](model, tmp_path / name)
    before = (tmp_path / name).read_bytes()
    newer = network()
    monkeypatch.setattr(os, "fdopen", lambda handle, *a, **k: Failing(handle, "w"))
    for k in range(1000):
        Failing.left = k
        failed = ""
        try:
            SAVES[name](newer, tmp_path / name)
        except OSError as error:
            failed = str(error)
        if not failed:
            break
        assert "No space left" in failed
        check(tmp_path, name, before, model)
    assert k >= (4 if name == "m.keras" else 1)  # it was tried at several places, and succeeded at last
    monkeypatch.undo()
    check(tmp_path, name, (tmp_path / name).read_bytes(), newer)


@every_format
@pytest.mark.parametrize("function", ["fsync", "replace", "chmod", "fdopen"])
def test_another_step_fails(name: str, function: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = network()
    SAVES[name](model, tmp_path / name)
    before = (tmp_path / name).read_bytes()
    calls = failing_call(monkeypatch, os, function, 1)
    with pytest.raises(OSError, match=f"{function} failed"):
        SAVES[name](network(), tmp_path / name)
    assert calls
    monkeypatch.undo()
    check(tmp_path, name, before, model)


def test_no_space_for_a_temporary_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failing_call(monkeypatch, tempfile, "mkstemp", 1)
    with pytest.raises(OSError, match="mkstemp failed"):
        network().save(tmp_path / "m.keras")
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_saved_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    class Odd(layers.Layer):
        def call(self, x: Any) -> Any:
            return x

        def get_config(self) -> dict[str, Any]:
            return {**super().get_config(), "odd": object()}

    model = dualnet.Sequential([dualnet.Input((4,)), Odd()])
    (tmp_path / "m.keras").write_text("precious")
    with pytest.raises(TypeError, match="cannot save"):
        model.save(tmp_path / "m.keras")
    assert (tmp_path / "m.keras").read_text() == "precious"
    assert len(list(tmp_path.iterdir())) == 1


LIMITED = """
import resource, signal, sys
import dualnet
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
model = dualnet.Sequential([dualnet.Input((100,)), dualnet.layers.Dense(300)])
import h5py
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    model.save(sys.argv[1])
except OSError as error:
    print("refused", error.errno)
"""


@pytest.mark.skipif(not hasattr(resource, "RLIMIT_FSIZE") or not hasattr(signal, "SIGXFSZ"), reason="POSIX only")
def test_the_operating_system_refuses_more_bytes(tmp_path: Path) -> None:
    model = network()
    model.save(tmp_path / "m.keras")
    before = (tmp_path / "m.keras").read_bytes()
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path / "m.keras")], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("refused"), done.stderr
    check(tmp_path, "m.keras", before, model)


def test_permissions_links_and_new_files(tmp_path: Path) -> None:
    model = network()
    real, link = tmp_path / "real.keras", tmp_path / "link.keras"
    model.save(real)
    assert stat.S_IMODE(real.stat().st_mode) == 0o666 & ~current_umask()
    real.chmod(0o640)
    link.symlink_to(real)
    model.layers[0].bias.assign(np.ones(50))
    model.save(link)
    assert link.is_symlink()
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    np.testing.assert_array_equal(dualnet.models.load_model(real).get_weights()[1], np.ones(50))


def current_umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, ValueError])
def test_an_interrupted_block(error: type[BaseException], tmp_path: Path) -> None:
    target = tmp_path / "file"
    target.write_text("old")

    def interrupted() -> None:
        with atomic_write(target, "w") as stream:
            stream.write("new")
            raise error

    with pytest.raises(error):
        interrupted()
    assert target.read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 1
    with atomic_write(target, "w", encoding="utf-8") as stream:
        stream.write("nouveau é")
    assert target.read_text(encoding="utf-8") == "nouveau é"
