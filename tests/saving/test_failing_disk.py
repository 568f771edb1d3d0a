"""Every file that dualnet writes, on a disk that fails at every call in turn, and on one that loses power after every call."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dualnet
from dualnet import layers
from dualnet.saving.backup import load_backup, save_backup

from .disk import Disk, failing_in_turn, restore

Save = Callable[[Any, Path], None]


def network(seed: int = 0) -> Any:
    dualnet.utils.set_random_seed(seed)
    stack = [dualnet.Input((4,), name="x"), layers.Dense(3, "relu", name="a"), layers.Dense(2, name="b")]
    model = dualnet.Sequential(stack, name="network")
    model.compile("adam", "mse")
    return model


def plot(model: Any, path: Path) -> None:
    from dualnet.visualization.history_plot import plot_history

    plot_history({"loss": [float(w.sum()) for w in model.get_weights()]}, {}, to_file=path)


def write_lines(model: Any, path: Path) -> None:
    """What ``CSVLogger`` writes in a training of two epochs."""
    logger = dualnet.callbacks.CSVLogger(path)
    logger.on_train_begin()
    try:
        for epoch in range(2):
            logger.on_epoch_end(epoch, {"loss": float(model.get_weights()[0].sum())})
    finally:
        logger.on_train_end()


SAVES: dict[str, Save] = {
    "m.keras": lambda model, path: model.save(path),
    "m.weights.h5": lambda model, path: model.save_weights(path),
    "m.h5": lambda model, path: model.save(path),
    "m.safetensors": lambda model, path: model.save_weights(path),
    "m.hdf5": lambda model, path: model.save_weights(path),
    "backup": lambda model, path: save_backup(model, path, {"epoch": 3, "values": np.arange(4.0)}),
    "history.png": plot,
}


@pytest.fixture(autouse=True)
def _same_date(monkeypatch: pytest.MonkeyPatch) -> None:
    """Equal models give equal bytes but for the date in a ``.keras`` file."""
    from datetime import datetime

    from dualnet.saving import keras_archive

    class Fixed(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return cls(2026, 1, 1, tzinfo=tz)

    monkeypatch.setattr(keras_archive, "datetime", Fixed)


def versions(name: str, folder: Path) -> tuple[bytes, bytes, Any]:
    """(old, new, model): the content of a file that is there, and of the one that a save of the model makes."""
    if name.endswith(".png"):
        pytest.importorskip("matplotlib", reason="the extra plot is not installed")
    contents = []
    for model in (network(0), network(1)):
        SAVES[name](model, folder / name)
        contents.append((folder / name).read_bytes())
    assert contents[0] != contents[1]
    (folder / name).write_bytes(contents[0])
    return contents[0], contents[1], model


@pytest.mark.parametrize("full", [False, True], ids=["one call fails", "full from then on"])
@pytest.mark.parametrize("name", SAVES)
def test_every_call_fails_in_turn(name: str, full: bool, tmp_path: Path) -> None:
    """There is an error each time, the old file stays unless the new one has replaced it, and nothing else is left."""
    old, new, model = versions(name, tmp_path)
    failed = []
    for k in range(1, 1000):
        (tmp_path / name).write_bytes(old)
        with Disk(tmp_path, k, full) as disk:
            try:
                SAVES[name](model, tmp_path / name)
                error = None
            except OSError as raised:
                error = raised
        if not disk.failed:
            break
        assert error is not None, f"{disk.failed} failed, and nobody said so"
        failed.append(disk.failed.split()[0])
        is_there = "replace" in " ".join(disk.calls)
        assert (tmp_path / name).read_bytes() == (new if is_there else old), disk.failed
        assert [p.name for p in tmp_path.iterdir()] == [name], disk.failed
    assert error is None
    assert (tmp_path / name).read_bytes() == new
    # The folder is opened and synced, too, after the renaming.
    assert failed.count("open") == 2
    assert failed.count("fsync") == 2
    assert {"open", "write", "fsync", "close", "chmod", "replace"} == set(failed)


@pytest.mark.parametrize("name", SAVES)
def test_power_is_lost_after_every_call(name: str, tmp_path: Path) -> None:
    """The file is the old or the new one, and the new one once the save has returned."""
    folder = tmp_path / "disk"
    folder.mkdir()
    old, new, model = versions(name, folder)
    seen: list[set[bytes]] = []

    def look(disk: Disk) -> None:
        seen.append({state[name] for state in disk.states()})

    with Disk(folder, after=look) as disk:
        SAVES[name](model, folder / name)
    assert len(seen) == disk.count
    assert all(state <= {old, new} for state in seen)
    assert seen[0] == {old}
    assert seen[-1] == {new}
    assert {old, new} in seen  # the renaming, before it is synced


def test_the_model_of_a_disk_notices_what_is_not_synced(tmp_path: Path) -> None:
    """The test above finds a write without its syncs: what it looks at is not what the system has in memory."""
    (tmp_path / "file").write_text("old")
    states: list[str] = []

    def look(disk: Disk) -> None:
        states.extend(state["file"].decode() for state in disk.states())

    with Disk(tmp_path, after=look):
        (tmp_path / "part").write_text("new")
        (tmp_path / "part").replace(tmp_path / "file")
    assert set(states) == {"old", "new", ""}
    state = {"a/": b"", "a/b": b"1", "c": b"2"}
    restore(state, tmp_path / "copy")
    assert (tmp_path / "copy" / "a" / "b").read_bytes() == b"1"


def test_every_call_of_the_csv_logger_fails_in_turn(tmp_path: Path) -> None:
    model, path = network(), tmp_path / "log.csv"
    failed = []
    for k in range(1, 100):
        with Disk(tmp_path, k) as disk:
            try:
                write_lines(model, path)
                error = None
            except OSError as raised:
                error = raised
        if not disk.failed:
            break
        assert error is not None, disk.failed
        failed.append(disk.failed)
    assert error is None
    assert len(path.read_text().splitlines()) == 3
    assert set(failed) == {"open log.csv", "write log.csv", "close log.csv"}


def test_every_call_of_a_backup_in_a_training_fails_in_turn(tmp_path: Path) -> None:
    """The training ends with an error, and the backup of the epoch before, if there was one, can be read."""
    x = np.ones((8, 4), "float32")

    def train(folder: Path, epochs: int = 2) -> Any:
        model = network()
        model.fit(x, x[:, :2], epochs=epochs, verbose=0, callbacks=[dualnet.callbacks.BackupAndRestore(folder)])
        return model

    expected = [w.tobytes() for w in train(tmp_path / "whole").get_weights()]
    failures = 0
    for folder, disk in failing_in_turn(tmp_path, train, 200):
        failures += 1
        backups = list(folder.rglob("*.weights.h5"))
        saved = any(call.startswith(f"replace {folder.name}/.latest.weights.h5.") for call in disk.calls)
        removed = f"unlink {folder.name}/latest.weights.h5" in disk.calls  # at the end of the training
        assert len(backups) == (saved and not removed), disk.failed
        for path in backups:
            assert load_backup(network(), path) is not None
        model = train(folder)  # goes on from there
        assert [w.tobytes() for w in model.get_weights()] == expected, disk.failed
    assert failures > 20
