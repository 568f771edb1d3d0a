"""Checkpoints on a disk that fails at every call in turn, and on one that loses power after every call."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from dualnet.callbacks import Checkpoint
from dualnet.saving.checkpoints import checkpoints, is_committed, read_newest, step_folders, write_checkpoint

from .disk import Disk, failing_in_turn, restore
from .test_failing_disk import network

X = np.ones((8, 4), "float32")


def never(reason: str) -> None:
    raise AssertionError(f"damage was found where there is none: {reason}")


def train(folder: Path) -> Any:
    """A training of two steps, each with a checkpoint, of which one is kept."""
    model = network()
    checkpoint = Checkpoint(folder, every_steps=1, max_to_keep=1, monitor=None)
    model.fit(X, X[:, :2], 4, epochs=1, verbose=0, callbacks=[checkpoint])
    return model


def test_every_call_fails_in_turn(tmp_path: Path) -> None:
    """The training ends with an error; what is there then is whole, and the training goes on from there."""
    expected = [w.tobytes() for w in train(tmp_path / "whole").get_weights()]
    failures, resumed = 0, 0
    for folder, disk in failing_in_turn(tmp_path, train, 400):
        failures += 1
        found = read_newest(folder, never)
        resumed += found is not None
        committed = [call for call in disk.calls if call.startswith("replace") and "commit.json" in call]
        assert (found is not None) or len(committed) <= 1, disk.failed
        if failures % 3:
            continue
        model = train(folder)
        assert [w.tobytes() for w in model.get_weights()] == expected, disk.failed
        assert len(step_folders(folder)) == 1, disk.failed
        assert is_committed(step_folders(folder)[0])
    assert failures > 40
    assert resumed > 30


def test_power_is_lost_after_every_call(tmp_path: Path) -> None:
    """There is always a checkpoint that counts, and none that counts is damaged."""
    folder, copies = tmp_path / "disk", tmp_path / "copies"
    folder.mkdir()
    write_checkpoint(folder, 1, {"values": [np.arange(4.0)]})
    seen: list[set[int]] = []

    def look(disk: Disk) -> None:
        values = set()
        for number, state in enumerate(disk.states()):
            copy = copies / f"{len(seen)}-{number}"
            restore(state, copy)
            found = read_newest(copy, never)
            assert found is not None
            values.add(int(found[1]["values"][0][0]))
        seen.append(values)

    with Disk(folder, after=look) as disk:
        write_checkpoint(folder, 2, {"values": [np.arange(4.0) + 2]})
    assert len(seen) == disk.count
    assert seen[0] == {0}
    assert seen[-1] == {2}
    assert {0, 2} in seen  # the renaming of the marker, before it is synced


def test_a_second_checkpoint_of_a_step(tmp_path: Path) -> None:
    for value in range(12):
        write_checkpoint(tmp_path, 7, {"value": value})
    write_checkpoint(tmp_path, 100_000_000, {"value": 99})
    names = [path.name for path in checkpoints(tmp_path)]
    assert names[:3] == ["step-00000007", "step-00000007-2", "step-00000007-3"]
    assert names[-2:] == ["step-00000007-12", "step-100000000"]
    found = read_newest(tmp_path, never)
    assert found is not None
    assert found[1]["value"] == 99
