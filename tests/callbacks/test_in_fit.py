"""Callbacks in real runs of ``fit``."""

from __future__ import annotations

import csv
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dualnet
from dualnet import callbacks as cb
from dualnet import layers

X = np.random.default_rng(0).normal(size=(60, 3)).astype("float32")
Y = X.sum(axis=1, keepdims=True)


def model(learning_rate: float = 0.01) -> Any:
    dualnet.utils.set_random_seed(1)
    net = dualnet.Sequential([dualnet.Input(shape=(3,)), layers.Dense(4, activation="tanh"), layers.Dense(1)])
    net.compile(dualnet.optimizers.SGD(learning_rate), "mse", metrics=["mae"])
    return net


def test_the_weights_of_the_best_epoch_come_back() -> None:
    net = model()
    weights: list[Any] = []
    # A step that is far too large spoils the model from the fourth epoch on.
    spoil = cb.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: epoch == 3 and net.optimizer.learning_rate.assign(0.7),
        on_epoch_end=lambda epoch, logs: weights.append(net.get_weights()),
    )
    stopper = cb.EarlyStopping(patience=2, restore_best_weights=True)
    history = net.fit(X, Y, epochs=20, validation_split=0.3, verbose=0, callbacks=[spoil, stopper])
    values = history.history["val_loss"]
    best = int(np.argmin(values))
    assert best < len(values) - 1 < 19
    assert (stopper.best_epoch, stopper.stopped_epoch) == (best, best + 2)
    assert all(np.array_equal(a, b) for a, b in zip(net.get_weights(), weights[best]))
    assert not np.array_equal(net.get_weights()[0], weights[-1][0])


def test_the_file_of_the_best_epoch_and_the_log_agree_with_the_history(tmp_path: Path) -> None:
    net = model()
    best = cb.ModelCheckpoint(tmp_path / "best.keras", "val_mae", save_best_only=True)
    every = cb.ModelCheckpoint(tmp_path / "{epoch:02d}-{val_mae:.4f}.keras")
    log = cb.CSVLogger(tmp_path / "log.csv")
    history = net.fit(X, Y, epochs=4, validation_split=0.3, verbose=0, callbacks=[best, every, log])
    values = history.history["val_mae"]
    assert best.best == min(values)
    names = sorted(p.name for p in tmp_path.glob("0*.keras"))
    assert names == [f"{e + 1:02d}-{v:.4f}.keras" for e, v in enumerate(values)]
    loaded = dualnet.models.load_model(tmp_path / "best.keras")
    assert loaded.evaluate(X[42:], Y[42:], verbose=0, return_dict=True)["mae"] == pytest.approx(min(values), rel=1e-6)
    with open(tmp_path / "log.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["epoch"]) for row in rows] == history.epoch
    for name, column in history.history.items():
        assert [float(row[name]) for row in rows] == column


@pytest.mark.parametrize("broken", ["replace", "fsync"])
def test_a_save_that_fails_leaves_the_last_good_file(
    broken: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    net, path = model(), tmp_path / "m.keras"
    checkpoint = cb.ModelCheckpoint(path, "loss", save_best_only=True)
    net.fit(X, Y, epochs=1, verbose=0, callbacks=[checkpoint])
    good, best = path.read_bytes(), checkpoint.best

    def fail(*args: Any, **kwargs: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, broken, fail)
    with pytest.raises(OSError, match="No space left"):
        net.fit(X, Y, epochs=1, verbose=0, callbacks=[checkpoint])
    monkeypatch.undo()
    assert (path.read_bytes(), checkpoint.best) == (good, best)
    dualnet.models.load_model(path)


def test_training_ends_at_a_loss_that_is_no_number(capsys: pytest.CaptureFixture[str]) -> None:
    net, seen = model(learning_rate=1e30), []
    watcher = cb.LambdaCallback(on_train_batch_end=lambda batch, logs: seen.append(float(logs["loss"])))
    with pytest.warns(dualnet.TrainingWarning, match=r"the loss became (inf|nan) in epoch 1, batch \d"):
        history = net.fit(X, Y, 10, epochs=5, verbose=0, callbacks=[cb.TerminateOnNaN(), watcher])
    assert np.isfinite(seen[:-1]).all()
    assert not np.isfinite(seen[-1])
    assert (len(history.epoch), 1 < len(seen) < 6) == (1, True)
    assert capsys.readouterr().out == f"Batch {len(seen) - 1}: Invalid loss, terminating training\n"


def test_what_fit_prints_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    net = model()
    net.fit(X, Y, epochs=2, validation_split=0.3)
    number = r"\d\.\d{4}"
    line = rf"2/2 - 0s - \d+[mu]s/step - loss: {number} - mae: {number} - val_loss: {number} - val_mae: {number}\n"
    assert re.fullmatch(f"Epoch 1/2\n{line}Epoch 2/2\n{line}", capsys.readouterr().out)
    net.fit(X, Y, epochs=1, verbose=2)
    net.evaluate(X, Y)
    net.predict(X)
    first, second, third = capsys.readouterr().out.splitlines()
    assert re.fullmatch(rf"2/2 - 0s - \d+[mu]s/step - loss: {number} - mae: {number}", second)
    assert second.split("step")[1] != first.split("step")[1]
    assert re.fullmatch(r"2/2 - 0s - \d+[mu]s/step", third)


def test_logs_of_a_batch_are_not_fetched_unless_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    from dualnet.training.logs import Logs

    reads: list[int] = []
    ready = Logs._ready
    monkeypatch.setattr(Logs, "_ready", lambda self: reads.append(1) or ready(self))
    batches: list[int] = []
    blind = cb.LambdaCallback(on_train_batch_end=lambda batch, logs: batches.append(batch))
    model().fit(X, Y, 10, epochs=2, verbose=0, callbacks=[blind, cb.EarlyStopping("loss")])
    assert (batches, reads) == ([0, 1, 2, 3, 4, 5] * 2, [])
    model().fit(X, Y, 10, epochs=1, verbose=0, callbacks=[cb.TerminateOnNaN()])
    assert len(reads) >= 6


def test_a_callback_that_stops_training_early() -> None:
    net = model()
    stop = cb.LambdaCallback(on_epoch_end=lambda epoch, logs: setattr(net, "stop_training", logs["loss"] < 1e9))
    assert net.fit(X, Y, epochs=9, verbose=0, callbacks=stop).epoch == [0]
    assert net.fit(X, Y, epochs=2, verbose=0).epoch == [0, 1]
