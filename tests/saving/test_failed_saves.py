"""A save that fails leaves the file that was there, and nothing else. Every call in turn: test_failing_disk.py."""

from __future__ import annotations

import os
import resource
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dualnet
from dualnet import layers
from dualnet.saving.atomic import atomic_write

X = np.ones((2, 4), "float32")


def network() -> Any:
    model = dualnet.Sequential([dualnet.Input((4,)), layers.Dense(50, "relu"), layers.Dense(2)])
    model.compile("adam", "mse")
    return model


def check(folder: Path, name: str, before: bytes, model: Any) -> None:
    """Only the earlier file is there, as it was, and it loads."""
    assert [p.name for p in folder.iterdir()] == [name]
    assert (folder / name).read_bytes() == before
    target = network()
    target.load_weights(folder / name)
    np.testing.assert_array_equal(np.asarray(target(X)), np.asarray(model(X)))


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
