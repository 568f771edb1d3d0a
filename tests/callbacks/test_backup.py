"""BackupAndRestore: a run that is cut off anywhere and run again is the run that was not cut off."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dualnet
from dualnet import callbacks as cb
from dualnet import layers

RNG = np.random.default_rng(0)
X = RNG.normal(size=(23, 4)).astype("float32")
Y = RNG.integers(0, 3, 23)
EPOCHS, BATCH = 4, 5


class Cut(Exception):
    """Power failure."""


class Cutter(cb.Callback):
    """Raises after so many steps, or so many epochs."""

    def __init__(self, steps: int = 0, epochs: int = 0) -> None:
        super().__init__()
        self.left = {"steps": steps, "epochs": epochs}

    def _count(self, what: str) -> None:
        self.left[what] -= 1
        if self.left[what] == 0:
            raise Cut

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self._count("steps")

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self._count("epochs")


def network(optimizer: Any = None) -> Any:
    model = dualnet.Sequential([
        dualnet.Input((4,)),
        layers.Dense(8, activation="relu"),
        layers.Dropout(0.4),
        layers.Dense(3, activation="softmax"),
    ])  # fmt: skip
    optimizer = optimizer or dualnet.optimizers.Adam(0.02, use_ema=True, gradient_accumulation_steps=2)
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def run(
    folder: Path | None, cutter: Any = None, seed: int = 1, save_freq: Any = "epoch", batch: int = BATCH, **options: Any
) -> Any:
    """Everything that a run leaves behind; None when it was cut off. Each call stands for a process of its own."""
    dualnet.utils.set_random_seed(seed)
    model = network()
    # On both sides of the backup: what comes behind it counts just as much.
    first = cb.ReduceLROnPlateau("loss", 0.5, patience=1, min_delta=0.5)
    backup = [] if folder is None else [cb.BackupAndRestore(folder, save_freq)]
    last = cb.EarlyStopping("val_loss", patience=9, restore_best_weights=True)
    swap = [cb.SwapEMAWeights(swap_on_epoch=True)] if options.pop("swap", False) else []
    callbacks = [first, *backup, *swap, last, *([cutter] if cutter else [])]
    try:
        history = model.fit(
            X, Y, batch, epochs=EPOCHS, verbose=0, callbacks=callbacks, validation_data=(X[:7], Y[:7]), **options
        )
    except Cut:
        return None
    state = [v.numpy().tolist() for v in (*model.weights, *model.optimizer.variables)]
    return [state, history.history, history.epoch, first.wait, first.best, last.best, last.best_epoch, last.wait]


@pytest.fixture(scope="module")
def whole() -> Any:
    return run(None)


@pytest.mark.parametrize("epochs", [1, 3])
def test_cut_off_after_an_epoch(epochs: int, whole: Any, tmp_path: Path) -> None:
    assert run(tmp_path / "b", Cutter(epochs=epochs)) is None
    assert json.loads((tmp_path / "b" / "training_metadata.json").read_text()) == {"epoch": epochs, "batch": 0}
    assert run(tmp_path / "b", seed=99) == whole
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize("save_freq", [1, 3, "epoch"])
@pytest.mark.parametrize("steps", [1, 4, 5, 6, 12, 20])
def test_cut_off_after_a_step(steps: int, save_freq: Any, whole: Any, tmp_path: Path) -> None:
    """Before the first backup, in the middle, on the last step of an epoch, and on the very last one."""
    assert run(tmp_path / "b", Cutter(steps=steps), save_freq=save_freq) is None
    begun = (tmp_path / "b").exists()
    assert begun == (steps >= {1: 1, 3: 3, "epoch": 6}[save_freq])
    assert run(tmp_path / "b", seed=99 if begun else 1, save_freq=save_freq) == whole


def test_cut_off_again_and_again(whole: Any, tmp_path: Path) -> None:
    cuts = 0
    while (result := run(tmp_path / "b", Cutter(steps=3), seed=1 if cuts == 0 else 50 + cuts, save_freq=1)) is None:
        cuts += 1
        assert cuts < 20
    assert (cuts, result) == (6, whole)


@pytest.mark.parametrize("steps", [2, 7, 11])
def test_passes_over_the_data_that_are_longer_than_epochs(steps: int, tmp_path: Path) -> None:
    expected = run(None, batch=4, steps_per_epoch=3)
    assert run(tmp_path / "b", Cutter(steps=steps), save_freq=1, batch=4, steps_per_epoch=3) is None
    assert run(tmp_path / "b", seed=99, save_freq=1, batch=4, steps_per_epoch=3) == expected


@pytest.mark.parametrize("cut", [{"epochs": 2}, {"steps": 8}], ids=str)
def test_averages_that_are_in_the_model_at_the_end_of_epochs(cut: dict[str, int], tmp_path: Path) -> None:
    expected = run(None, swap=True)
    save_freq = 1 if "steps" in cut else "epoch"
    assert run(tmp_path / "b", Cutter(**cut), save_freq=save_freq, swap=True) is None
    assert run(tmp_path / "b", seed=99, save_freq=save_freq, swap=True) == expected


def test_a_process_that_is_killed(whole: Any, tmp_path: Path) -> None:
    program = (
        "import os, sys; from pathlib import Path; from tests.callbacks import test_backup as t\n"
        "class Kill(t.Cutter):\n"
        "    def _count(self, what):\n"
        "        self.left[what] -= 1\n"
        "        if self.left[what] == 0: os._exit(9)\n"
        "t.run(Path(sys.argv[1]), Kill(steps=8), save_freq=1)\n"
    )
    root = Path(__file__).parents[2]
    paths = [*(str(root / p) for p in ("backends", ".", "cli")), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path / "b")], env=environment, cwd=root, timeout=120)
    assert done.returncode == 9
    assert run(tmp_path / "b", seed=99, save_freq=1) == whole


def test_the_order_of_callbacks_does_not_decide_what_is_kept(tmp_path: Path) -> None:
    """One that is listed behind the backup and fails must not cost the backup; one that is listed before, must."""
    for position, survives in ((1, True), (0, False)):
        folder = tmp_path / str(position)
        callbacks: list[Any] = [cb.BackupAndRestore(folder)]
        callbacks.insert(position, Cutter(epochs=1))
        with pytest.raises(Cut):
            network().fit(X, Y, epochs=2, verbose=0, callbacks=callbacks)
        assert folder.exists() is survives


# -- files -------------------------------------------------------------------------------------------------------------


def backup(folder: Path, epochs: int = 2, **options: Any) -> None:
    with pytest.raises(Cut):
        callbacks = [cb.BackupAndRestore(folder, **options), Cutter(epochs=epochs)]
        network().fit(X, Y, BATCH, epochs=EPOCHS, verbose=0, callbacks=callbacks)


def test_the_backup_before_the_last(tmp_path: Path) -> None:
    backup(tmp_path / "b", double_checkpoint=True)
    names = ["latest.weights.h5", "latest.weights.h5.bkp", "training_metadata.json", "training_metadata.json.bkp"]
    assert sorted(p.name for p in (tmp_path / "b").iterdir()) == names
    (tmp_path / "b" / "latest.weights.h5").write_bytes(b"0")
    model = network()
    with pytest.warns(UserWarning, match="the last backup cannot be used .* resuming from the previous one"):
        history = model.fit(
            X,
            Y,
            BATCH,
            epochs=EPOCHS,
            verbose=0,
            callbacks=[cb.BackupAndRestore(tmp_path / "b", double_checkpoint=True)],
        )
    assert history.epoch == [0, 1, 2, 3]  # of which the first was restored
    assert int(model.optimizer._iterations) == 20
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize(
    "damage", [lambda c: b"0", lambda c: c[:-100], lambda c: c[:3000]], ids=["text", "end", "middle"]
)
def test_a_damaged_backup_is_not_taken_for_none(damage: Any, tmp_path: Path) -> None:
    backup(tmp_path)
    path = tmp_path / "latest.weights.h5"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ValueError, match="cannot resume from the backup in .* To begin anew, remove that folder"):
        network().fit(X, Y, verbose=0, callbacks=[cb.BackupAndRestore(tmp_path)])


def test_a_backup_of_another_model(tmp_path: Path) -> None:
    backup(tmp_path)
    model = dualnet.Sequential([dualnet.Input((4,)), layers.Dense(3)])
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="cannot resume from the backup"):
        model.fit(X, np.ones((23, 3)), verbose=0, callbacks=[cb.BackupAndRestore(tmp_path)])


@pytest.mark.parametrize("broken", ["replace", "fsync"])
def test_a_backup_that_fails_leaves_the_last_one(broken: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "b"
    backup(folder, epochs=1)
    before = (folder / "latest.weights.h5").read_bytes()

    def fail(*args: Any, **kwargs: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, broken, fail)
    with pytest.raises(OSError, match="No space left"):
        network().fit(X, Y, BATCH, epochs=EPOCHS, verbose=0, callbacks=[cb.BackupAndRestore(folder)])
    monkeypatch.undo()
    assert (folder / "latest.weights.h5").read_bytes() == before
    assert sorted(p.name for p in folder.iterdir()) == ["latest.weights.h5", "training_metadata.json"]
    network().fit(X, Y, BATCH, epochs=EPOCHS, verbose=0, callbacks=[cb.BackupAndRestore(folder)])


def test_the_end_removes_the_backup_and_nothing_else(tmp_path: Path) -> None:
    for delete, names in ((False, ["latest.weights.h5", "mine.txt", "training_metadata.json"]), (True, ["mine.txt"])):
        (tmp_path / "mine.txt").write_text("mine")
        network().fit(X, Y, verbose=0, callbacks=[cb.BackupAndRestore(tmp_path, delete_checkpoint=delete)])
        assert sorted(p.name for p in tmp_path.iterdir()) == names


def test_a_finished_run_is_not_run_again(tmp_path: Path) -> None:
    model = network()
    model.fit(X, Y, BATCH, epochs=2, verbose=0, callbacks=[cb.BackupAndRestore(tmp_path, delete_checkpoint=False)])
    weights = model.get_weights()
    model.fit(X, Y, BATCH, epochs=2, verbose=0, callbacks=[cb.BackupAndRestore(tmp_path)])
    for a, b in zip(model.get_weights(), weights):
        np.testing.assert_array_equal(a, b)
    assert model.fit(X, Y, BATCH, epochs=2, verbose=0).epoch == [0, 1]  # a fit without the callback begins at 0


def test_callbacks_of_the_user(tmp_path: Path) -> None:
    class Counter(cb.Callback):
        state_attributes = ("count", "best")

        def __init__(self) -> None:
            super().__init__()
            self.count, self.best = 0, {"weights": [np.zeros(2)], "name": "none"}

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            self.count += 1
            self.best["weights"].append(self.model.get_weights()[0])  # type: ignore[attr-defined]

    with pytest.raises(Cut):
        callbacks = [cb.BackupAndRestore(tmp_path), Counter(), Cutter(epochs=2)]
        network().fit(X, Y, BATCH, epochs=3, verbose=0, callbacks=callbacks)
    counter = Counter()
    network().fit(X, Y, BATCH, epochs=3, verbose=0, callbacks=[cb.BackupAndRestore(tmp_path), counter])
    assert (counter.count, len(counter.best["weights"]), counter.best["name"]) == (3, 4, "none")
    counter.best = {"function": print}
    with pytest.raises(TypeError, match="callbacks.*best.function cannot be stored in a backup"):
        network().fit(X, Y, epochs=1, verbose=0, callbacks=[cb.BackupAndRestore(tmp_path), _frozen(counter)])


def _frozen(counter: Any) -> Any:
    counter.on_epoch_end = lambda epoch, logs=None: None
    return counter


def test_what_it_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Cut):
        network().fit(X, Y, BATCH, epochs=2, verbose=0, callbacks=[cb.BackupAndRestore(tmp_path, 2), Cutter(steps=8)])
    network().fit(X, Y, BATCH, epochs=2, verbose=2, callbacks=[cb.BackupAndRestore(tmp_path, 2)])
    assert f"Resuming from the backup in {tmp_path}: epoch 2, step 4\n" in capsys.readouterr().out


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no folder": ({"backup_dir": ""}, "Empty `backup_dir` argument"),
    "None": ({"backup_dir": None}, "Empty `backup_dir` argument"),
    "a word": ({"backup_dir": "b", "save_freq": "batch"}, "Invalid value for argument `save_freq`"),
    "a fraction": ({"backup_dir": "b", "save_freq": 0.5}, "Invalid value for argument `save_freq`"),
    "0": ({"backup_dir": "b", "save_freq": 0}, "Invalid value for argument `save_freq`"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_arguments(name: str) -> None:
    arguments, message = WRONG[name]
    with pytest.raises(ValueError, match=message):
        cb.BackupAndRestore(**arguments)


def test_a_model_that_is_not_built(tmp_path: Path) -> None:
    model = dualnet.Sequential([layers.Dense(3)])
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="the model must be built before fit"):
        model.fit(X, np.ones((23, 3)), verbose=0, callbacks=[cb.BackupAndRestore(tmp_path)])


# -- Keras -------------------------------------------------------------------------------------------------------------


def plain(K: Any) -> Any:
    model = K.Sequential([K.Input((4,)), K.layers.Dense(3)])
    model.compile(K.optimizers.Adam(0.1), "mse")
    return model


def test_keras_and_dualnet_go_on_from_each_others_backups(keras: Any, tmp_path: Path) -> None:
    class Stop(keras.callbacks.Callback):  # type: ignore[misc]
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            raise Cut

    y = np.ones((23, 3), "float32")
    for begins, ends in ((dualnet, keras), (keras, dualnet)):
        folder = tmp_path / begins.__name__
        model, other = plain(begins), plain(ends)
        cutter = Cutter(epochs=1) if begins is dualnet else Stop()
        with pytest.raises(Cut):
            model.fit(X, y, 5, epochs=3, verbose=0, callbacks=[begins.callbacks.BackupAndRestore(str(folder)), cutter])
        history = other.fit(X, y, 5, epochs=3, verbose=0, callbacks=[ends.callbacks.BackupAndRestore(str(folder))])
        assert history.epoch[-2:] == [1, 2]
        assert int(np.asarray(other.optimizer.iterations)) == 15
