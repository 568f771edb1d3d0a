"""Checkpoint: a run that is cut off anywhere goes on from the newest checkpoint that is whole, as the run that was not cut off."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dualnet
from dualnet import callbacks as cb
from dualnet import layers
from dualnet.saving import checkpoints

from .test_backup import BATCH, EPOCHS, RNG, Cut, Cutter, X, Y, network

FILES = ["commit.json", "state.json", "state.safetensors"]


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir()) if folder.exists() else []


def newest(folder: Path) -> Path:
    return checkpoints.checkpoints(folder)[-1]


def run(folder: Path | None, *extra: Any, seed: int = 1, model: Any = None, **options: Any) -> Any:
    """Everything that a run leaves behind; None when it was cut off. Each call stands for a process of its own."""
    dualnet.utils.set_random_seed(seed)
    model = network() if model is None else model()
    rate = cb.ReduceLROnPlateau("loss", 0.5, patience=1, min_delta=0.5)
    stopping = cb.EarlyStopping("val_loss", patience=9, restore_best_weights=True)
    own = [] if folder is None else [cb.Checkpoint(folder, **options)]
    callbacks = [rate, *own, stopping, *extra]
    try:
        history = model.fit(X, Y, BATCH, epochs=EPOCHS, verbose=0, callbacks=callbacks, validation_data=(X[:7], Y[:7]))
    except Cut:
        return None
    state = [v.numpy().tolist() for v in (*model.weights, *model.optimizer.variables)]
    return [state, history.history, history.epoch, rate.wait, rate.best, stopping.best, stopping.wait]


@pytest.fixture(scope="module")
def whole() -> Any:
    return run(None)


@pytest.mark.parametrize("every_steps", [1, 3, None])
@pytest.mark.parametrize("cut", [{"steps": n} for n in (1, 5, 8, 20)] + [{"epochs": n} for n in (1, 3)], ids=str)
def test_cut_off(cut: dict[str, int], every_steps: int | None, whole: Any, tmp_path: Path) -> None:
    assert run(tmp_path, Cutter(**cut), every_steps=every_steps) is None
    begun = bool(names(tmp_path))
    assert begun == (cut.get("epochs", 0) > 0 or cut.get("steps", 0) >= (every_steps or 6))
    assert run(tmp_path, seed=99 if begun else 1, every_steps=every_steps) == whole


def test_cut_off_again_and_again(whole: Any, tmp_path: Path) -> None:
    cuts = 0
    while (result := run(tmp_path, Cutter(steps=3), seed=1 if cuts == 0 else 50 + cuts, every_steps=1)) is None:
        cuts += 1
        assert cuts < 20
    assert (cuts, result) == (6, whole)


def low_rank() -> Any:
    model = dualnet.Sequential([dualnet.Input((4,)), layers.Dense(8, "relu"), layers.Dense(3, "softmax")])
    model.layers[0].enable_lora(2)
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


def half_precision() -> Any:
    stack = [dualnet.Input((4,)), layers.Dense(8, "relu"), layers.BatchNormalization(), layers.Dense(3)]
    model = dualnet.Sequential([stack[0], *stack[1:]])
    optimizer = dualnet.optimizers.LossScaleOptimizer(dualnet.optimizers.SGD(0.1, momentum=0.9), dynamic_growth_steps=3)
    loss = dualnet.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer, loss, metrics=["accuracy"])
    return model


def stateful() -> Any:
    stack = [
        layers.Reshape((2, 2)),
        layers.GRU(3, stateful=True),
        layers.GaussianNoise(0.1),
        layers.Dense(3, "softmax"),
    ]
    model = dualnet.Sequential([dualnet.Input(batch_shape=(BATCH, 4)), *stack])
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


class Rounded(layers.Dense):
    """A layer whose files hold less than its weights."""

    def save_own_variables(self, store: Any) -> None:
        store["kernel"] = self.kernel.numpy().astype("float16")

    def load_own_variables(self, store: Any) -> None:
        self.kernel.assign(store["kernel"])


def rounded() -> Any:
    model = dualnet.Sequential([dualnet.Input((4,)), Rounded(8, "relu"), layers.Dense(3, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


KEEPERS = {
    "Checkpoint": lambda folder: cb.Checkpoint(folder, every_steps=1),
    "BackupAndRestore": lambda folder: cb.BackupAndRestore(folder, 1),
}


@pytest.mark.parametrize("keeper", KEEPERS)
@pytest.mark.parametrize("make", [low_rank, half_precision, stateful, rounded])
def test_state_of_other_kinds(make: Callable[[], Any], keeper: str, tmp_path: Path) -> None:
    def fit(folder: Path | None, *extra: Any, seed: int) -> Any:
        dualnet.utils.set_random_seed(seed)
        model = make()
        own = [] if folder is None else [KEEPERS[keeper](folder)]
        try:
            history = model.fit(X[:20], Y[:20], BATCH, epochs=3, verbose=0, callbacks=[*own, *extra])
        except Cut:
            return None
        return [v.numpy().tolist() for v in (*model.weights, *model.optimizer.variables)], history.history

    expected = fit(None, seed=1)
    assert fit(tmp_path, Cutter(steps=6), seed=1) is None
    assert fit(tmp_path, seed=2) == expected


@pytest.mark.parametrize("keeper", KEEPERS)
def test_random_numbers_that_the_program_draws(keeper: str, tmp_path: Path) -> None:
    class Draws(cb.Callback):
        state_attributes = ("numbers",)

        def __init__(self) -> None:
            super().__init__()
            self.numbers: list[float] = []

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            self.numbers += [random.random(), random.gauss(0, 1), np.random.rand(), np.random.randn()]

    def fit(folder: Path | None, *extra: Any, seed: int) -> list[float]:
        dualnet.utils.set_random_seed(seed)
        draws = Draws()
        kept = [] if folder is None else [KEEPERS[keeper](folder)]
        with contextlib.suppress(Cut):
            network().fit(X, Y, BATCH, epochs=2, verbose=0, callbacks=[draws, *kept, *extra])
        return draws.numbers

    expected = fit(None, seed=1)
    assert fit(tmp_path, Cutter(steps=7), seed=1) == expected[: 7 * 4]
    assert fit(tmp_path, seed=2) == expected


# -- what is kept ------------------------------------------------------------------------------------------------------


def test_the_newest_and_the_best_are_kept(tmp_path: Path) -> None:
    class Scores(cb.Callback):
        """Gives every epoch the score that a test wants."""

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            logs["score"] = [3.0, 5.0, 4.0, 1.0, 2.0][epoch]

    def fit(epochs: int, **options: Any) -> None:
        checkpoint = cb.Checkpoint(tmp_path, monitor="score", mode="max", **options)
        checkpoint._seconds = 0.0
        network().fit(X, Y, BATCH, epochs=epochs, verbose=0, callbacks=[Scores(), checkpoint, Cheap(checkpoint)])

    fit(4)
    assert names(tmp_path) == ["step-00000010", "step-00000015", "step-00000020"]
    assert all(names(path) == FILES for path in tmp_path.iterdir())
    fit(5, max_to_keep=1)  # goes on, and knows the best
    assert names(tmp_path) == ["step-00000010", "step-00000025"]


class Cheap(cb.Callback):
    """Lets a checkpoint take no time, so that there is one after every epoch, however short."""

    def __init__(self, checkpoint: cb.Checkpoint) -> None:
        super().__init__()
        self.checkpoint = checkpoint

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.checkpoint._seconds = 0.0


def test_short_epochs_share_a_checkpoint(tmp_path: Path) -> None:
    class Slow(cb.Checkpoint):
        def _save(self, batches: int, logs: Any, is_best: bool = False) -> None:
            super()._save(batches, logs, is_best)
            self._seconds = 1000.0

    network().fit(X, Y, BATCH, epochs=4, verbose=0, callbacks=[Slow(tmp_path, max_to_keep=None)])
    assert names(tmp_path) == ["step-00000005", "step-00000020"]  # the first, and the last


def test_by_time(tmp_path: Path) -> None:
    network().fit(X, Y, BATCH, verbose=0, callbacks=[cb.Checkpoint(tmp_path, every_seconds=0, max_to_keep=None)])
    assert names(tmp_path) == [*(f"step-{n:08d}" for n in range(1, 6)), "step-00000005-2"]


def test_no_checkpoint_of_a_loss_that_is_not_finite(tmp_path: Path) -> None:
    x = X.copy()
    model = network("sgd")
    model.fit(x, Y, BATCH, verbose=0, callbacks=[cb.Checkpoint(tmp_path)])
    before = names(tmp_path)
    model.get_layer(index=0).kernel.assign(np.full((4, 8), np.nan, "float32"))
    with pytest.warns(dualnet.TrainingWarning):
        model.fit(X, Y, BATCH, verbose=0, callbacks=[_continuing(tmp_path)])
    assert names(tmp_path) == before


def _continuing(folder: Path) -> cb.Checkpoint:
    """One that begins with the model as it is."""
    checkpoint = cb.Checkpoint(folder, every_steps=1)
    checkpoint._fits = 1
    return checkpoint


# -- damage ------------------------------------------------------------------------------------------------------------

DAMAGE: dict[str, Callable[[Path], Any]] = {
    "a bit": lambda p: _change(p / "state.safetensors", lambda c: c[:-1] + bytes([c[-1] ^ 1])),
    "cut off": lambda p: _change(p / "state.safetensors", lambda c: c[:-100]),
    "no tensors": lambda p: (p / "state.safetensors").unlink(),
    "other state": lambda p: _change(p / "state.json", lambda c: c.replace(b"1", b"2")),
    "empty marker": lambda p: _change(p / "commit.json", lambda c: b""),
    "list as marker": lambda p: _change(p / "commit.json", lambda c: b"[]"),
    "a sum is missing": lambda p: _change(p / "commit.json", lambda c: b'{"format": 1, "sha256": {}}'),
    "a newer format": lambda p: _change(p / "commit.json", lambda c: c.replace(b'"format": 1', b'"format": 2')),
}


def _change(path: Path, change: Callable[[bytes], bytes]) -> None:
    path.write_bytes(change(path.read_bytes()))


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_noticed(damage: str, tmp_path: Path) -> None:
    for step in (7, 8):
        checkpoints.write_checkpoint(
            tmp_path, step, {"epoch": 1, "weights": [np.arange(99.0), np.zeros((0, 2), "int8")]}
        )
    damaged = newest(tmp_path)
    DAMAGE[damage](damaged)
    reasons: list[str] = []
    found = checkpoints.read_newest(tmp_path, reasons.append)
    assert found is not None
    assert (found[0].name, found[1]["weights"][0].tolist()) == ("step-00000007", list(range(99)))
    assert len(reasons) == 1
    assert str(damaged) in reasons[0]


def test_a_damaged_one_is_passed_over(whole: Any, tmp_path: Path) -> None:
    assert run(tmp_path, Cutter(steps=9), every_steps=1) is None
    damaged = newest(tmp_path)
    DAMAGE["a bit"](damaged)
    with pytest.warns(UserWarning, match=f"{damaged.name}.*; the checkpoint before it is used"):
        assert run(tmp_path, seed=99, every_steps=1) == whole
    assert damaged.name not in names(tmp_path)


def test_all_damaged(tmp_path: Path) -> None:
    assert run(tmp_path, Cutter(steps=9), every_steps=1) is None
    for path in tmp_path.iterdir():
        DAMAGE["cut off"](path)
    with pytest.raises(ValueError, match="no checkpoint in .* can be read"):
        run(tmp_path)


def test_leftovers_of_a_killed_write_are_removed_and_nothing_else(whole: Any, tmp_path: Path) -> None:
    assert run(tmp_path, Cutter(steps=3), every_steps=1) is None
    for name, file in (
        ("step-00000004", "state.json"),
        ("step-00000004-2", ".commit.json.x1.part"),
        ("mine", "a"),
        ("step-1", "a"),
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / file).write_text("{}")
    assert run(tmp_path, seed=99) == whole
    assert {"mine", "step-1"} == {p.name for p in tmp_path.iterdir() if not checkpoints.is_committed(p)}


def test_another_model(tmp_path: Path) -> None:
    run(tmp_path)
    with pytest.raises(ValueError, match=r"cannot resume from .*layers/dense has .*To begin anew, remove that folder"):
        run(tmp_path, model=low_rank)


@pytest.mark.parametrize("broken", ["replace", "fsync"])
def test_one_that_cannot_be_written_leaves_the_others(
    broken: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(tmp_path, Cutter(steps=3), every_steps=1) is None
    before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}

    def fail(*args: Any, **kwargs: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch, pytest.raises(OSError, match="No space left"):
        patch.setattr(os, broken, fail)
        run(tmp_path, every_steps=1)
    assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == before


# -- ends of runs ------------------------------------------------------------------------------------------------------


class StopAt(cb.Callback):
    def __init__(self, step: int, stop: Callable[[], None]) -> None:
        super().__init__()
        self.left, self.stop = step, stop

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.left -= 1
        if self.left == 0:
            self.stop()


@pytest.mark.parametrize("step", [1, 7, 10, 20])
def test_stop(step: int, whole: Any, tmp_path: Path) -> None:
    checkpoint = cb.Checkpoint(tmp_path)
    dualnet.utils.set_random_seed(1)
    rate, stopping = cb.ReduceLROnPlateau("loss", 0.5, patience=1, min_delta=0.5), cb.EarlyStopping(patience=9)
    history = network().fit(
        *(X, Y, BATCH),
        epochs=EPOCHS,
        verbose=0,
        validation_data=(X[:7], Y[:7]),
        callbacks=[rate, stopping, checkpoint, StopAt(step, checkpoint.stop)],
    )
    assert len(history.epoch) == (step + 4) // 5
    assert newest(tmp_path).name == f"step-{step:08d}"
    state = json.loads((newest(tmp_path) / "state.json").read_text())
    assert (state["epoch"], state["batches"]) == ((step - 1) // 5, (step - 1) % 5 + 1)
    assert run(tmp_path, seed=99)[:3] == whole[:3]


def test_a_run_that_a_callback_ended_stays_ended(tmp_path: Path) -> None:
    def fit(*extra: Any) -> Any:
        stopping = cb.EarlyStopping("loss", patience=1, min_delta=9)
        history = network().fit(X, Y, BATCH, epochs=9, verbose=0, callbacks=[stopping, cb.Checkpoint(tmp_path), *extra])
        return history.epoch

    with pytest.raises(Cut):
        fit(Cutter(epochs=2))
    assert fit() == [0, 1]
    assert fit() == [0, 1]


def test_several_calls_of_fit(tmp_path: Path) -> None:
    def program(folder: Path | None, *extra: Any, seed: int = 1) -> Any:
        dualnet.utils.set_random_seed(seed)
        model = network("sgd")
        own = [] if folder is None else [cb.Checkpoint(folder, every_steps=1)]
        try:
            model.fit(X, Y, BATCH, epochs=2, verbose=0, callbacks=[*own, *extra])
            model.compile("adam", "sparse_categorical_crossentropy")
            model.fit(X, Y, BATCH, initial_epoch=2, epochs=4, verbose=0, callbacks=[*own, *extra])
        except Cut:
            return None
        return [v.numpy().tolist() for v in (*model.weights, *model.optimizer.variables)]

    expected = program(None)
    for cut in (3, 10, 11, 17):
        folder = tmp_path / str(cut)
        assert program(folder, Cutter(steps=cut)) is None
        assert program(folder, seed=99) == expected, cut


def test_a_process_that_is_killed(whole: Any, tmp_path: Path) -> None:
    program = (
        "import os, signal, sys; from pathlib import Path; from tests.callbacks import test_checkpoint as t\n"
        "class Send(t.Cutter):\n"
        "    def _count(self, what):\n"
        "        self.left[what] -= 1\n"
        "        if self.left[what] == 0: os.kill(os.getpid(), int(sys.argv[2]))\n"
        "t.run(Path(sys.argv[1]), Send(steps=8), every_steps=1)\n"
    )
    root = Path(__file__).parents[2]
    paths = [*(str(root / p) for p in ("backends", ".", "cli")), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    command = [sys.executable, "-c", program, str(tmp_path), str(int(signal.SIGKILL))]
    assert subprocess.run(command, env=environment, cwd=root, timeout=120).returncode == -signal.SIGKILL
    assert run(tmp_path, seed=99, every_steps=1) == whole


# -- arguments and files -----------------------------------------------------------------------------------------------

WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no folder": ({"directory": ""}, "directory is empty"),
    "no step": ({"directory": "c", "every_steps": 0}, "every_steps must be a positive whole number"),
    "half a step": ({"directory": "c", "every_steps": 0.5}, "every_steps must be a positive whole number"),
    "time backwards": ({"directory": "c", "every_seconds": -1}, "every_seconds must be a number from 0"),
    "NaN": ({"directory": "c", "every_seconds": float("nan")}, "every_seconds must be a number from 0"),
    "keep none": ({"directory": "c", "max_to_keep": 0}, "max_to_keep must be a positive whole number"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_arguments(name: str) -> None:
    arguments, message = WRONG[name]
    with pytest.raises(ValueError, match=message):
        cb.Checkpoint(**arguments)


def test_a_model_that_is_not_built(tmp_path: Path) -> None:
    model = dualnet.Sequential([layers.Dense(3)])
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="Checkpoint callback, the model must be built before fit"):
        model.fit(X, RNG.normal(size=(23, 3)), verbose=0, callbacks=[cb.Checkpoint(tmp_path)])


def test_safetensors_opens_it(tmp_path: Path) -> None:
    numpy = pytest.importorskip("safetensors.numpy", reason="safetensors is not installed")
    model = network("sgd")
    model.fit(X, Y, BATCH, verbose=0, callbacks=[cb.Checkpoint(tmp_path)])
    tensors = numpy.load_file(newest(tmp_path) / "state.safetensors")
    np.testing.assert_array_equal(tensors["state.weights.layers/dense[0]"], model.layers[0].kernel.numpy())
