"""fit, evaluate and predict: epochs, steps, validation, logs, what stops them. (The numbers are in test_fit_keras.py.)"""

from __future__ import annotations

import functools
import operator
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import dualnet
from dualnet import layers

N = 22
X = np.arange(1.0, N + 1, dtype="float32")[:, None]


def still(bias: float = 0.0, **compile_arguments: Any) -> Any:
    """A model that gives 0 for whatever comes, and does not learn: the loss is that of the data."""
    model = dualnet.Sequential([dualnet.Input((1,)), layers.Dense(1, kernel_initializer="zeros")])
    model.layers[0].bias.assign([bias])
    model.compile(**({"optimizer": dualnet.optimizers.SGD(0.0), "loss": "mae"} | compile_arguments))
    return model


class Record(dualnet.callbacks.Callback):
    """The batches of each epoch, and the logs as they were given."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[list[int]] = []
        self.logs: list[Any] = []
        self.validations = 0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.batches.append([])

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.batches[-1].append(batch)
        self.logs.append(logs)

    def on_test_begin(self, logs: Any = None) -> None:
        self.validations += 1

    @property
    def counts(self) -> list[int]:
        return [len(b) for b in self.batches]


def batches(n: int) -> Iterator[Any]:
    for i in range(n):
        yield X[i : i + 2], X[i : i + 2]


def test_the_loss_of_an_epoch_is_that_of_all_samples() -> None:
    """Also when the last batch is smaller; and validation is the last part of the data, whatever the order."""
    history = still().fit(X, X, batch_size=8, epochs=2, validation_split=0.3, verbose=0).history
    cut = int(N * 0.7)
    assert history == {"loss": [pytest.approx(X[:cut].mean())] * 2, "val_loss": [pytest.approx(X[cut:].mean())] * 2}
    assert still().evaluate(X, X, batch_size=8, verbose=0) == pytest.approx(X.mean())


def test_logs_are_sorted_python_numbers() -> None:
    record = Record()
    model = still(metrics=["mse", "mae"])
    history = model.fit(X, X, batch_size=8, verbose=0, validation_data=(X, X), callbacks=[record])
    assert list(history.history) == ["loss", "mae", "mse", "val_loss", "val_mae", "val_mse"]
    assert all(type(v) is float for values in history.history.values() for v in values)
    assert history.epoch == [0]
    assert history.params == {"verbose": 0, "epochs": 1, "steps": 3}
    assert model.history is history
    # A callback may keep the logs of a batch: they go on saying what was true then.
    means = [logs["loss"] for logs in record.logs]
    assert len(set(means)) == 3
    assert means[-1] == pytest.approx(X.mean())


@pytest.mark.parametrize(
    ("arguments", "counts", "warned"),
    [
        ({"batch_size": 8}, [3, 3, 3], 0),
        ({"batch_size": 8, "steps_per_epoch": 3}, [3, 3, 3], 0),
        ({"batch_size": 8, "steps_per_epoch": 2}, [2, 1, 2], 1),
        ({"batch_size": 8, "steps_per_epoch": 1}, [1, 1, 1], 0),
        ({"batch_size": 8, "steps_per_epoch": 4}, [3, 3, 3], 3),
        ({"steps_per_epoch": 4}, [4, 4, 4], 0),
        ({"batch_size": np.int64(11)}, [2, 2, 2], 0),
        ({"batch_size": 100}, [1, 1, 1], 0),
        ({"initial_epoch": 1, "batch_size": 8}, [3, 3], 0),
        ({"initial_epoch": 3}, [], 0),
    ],
    ids=str,
)
def test_steps_per_epoch(arguments: dict[str, Any], counts: list[int], warned: int) -> None:
    record = Record()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        history = still().fit(X, X, epochs=3, verbose=0, callbacks=[record], **arguments)
    assert record.counts == counts
    assert len(history.epoch) == len(counts)
    assert [str(w.message)[:27] for w in caught] == ["Your input ran out of data;"] * warned


def test_a_pass_over_the_data_may_take_several_epochs() -> None:
    """22 samples, 11 batches of 2, 5 in an epoch: an epoch goes on where the last one stopped, each sample comes once."""
    seen: list[float] = []

    class Look(layers.Layer):
        def call(self, x: Any, training: bool = False) -> Any:
            if training:
                seen.extend(x.numpy()[:, 0].tolist())
            return x

    model = dualnet.Sequential([Look(), layers.Dense(1)])
    model.compile("sgd", "mse")
    with pytest.warns(UserWarning, match="ran out of data"):
        model.fit(X / 100, X, batch_size=2, steps_per_epoch=5, epochs=3, verbose=0)
    assert sorted(seen) == pytest.approx((X[:, 0] / 100).tolist())
    assert seen != sorted(seen)
    assert len(seen) == 22


@pytest.mark.parametrize(
    ("shuffle", "same_batches"), [(False, True), ("batch", True), (True, False)], ids=["no", "batch", "yes"]
)
def test_shuffle(shuffle: Any, same_batches: bool) -> None:
    seen: list[list[float]] = []

    class Look(layers.Layer):
        def call(self, x: Any, training: bool = False) -> Any:
            if training:
                seen.append(x.numpy()[:, 0].tolist())
            return x

    dualnet.utils.set_random_seed(1)
    model = dualnet.Sequential([Look(), layers.Dense(1)])
    model.compile("sgd", "mse")
    for _ in range(2):
        model.fit(X, X, batch_size=8, epochs=2, shuffle=shuffle, verbose=0)
    epochs = [functools.reduce(operator.iadd, seen[i : i + 3], []) for i in range(0, 12, 3)]
    assert all(sorted(e) == X[:, 0].tolist() for e in epochs)
    assert len({tuple(e) for e in epochs}) == (1 if shuffle is False else 4)  # two fits in a row differ, too
    expected = [set(X[i : i + 8, 0].tolist()) for i in range(0, N, 8)]
    assert ([set(b) for b in seen[:3]] == expected) is same_batches
    with pytest.raises(ValueError, match="shuffle must be True, False or"):
        model.fit(X, X, shuffle="yes")


@pytest.mark.parametrize(("freq", "epochs"), [(1, [1, 2, 3, 4]), (2, [2, 4]), (3, [3]), ([1, 4], [1, 4]), ((2,), [2])])
def test_validation_freq(freq: Any, epochs: list[int]) -> None:
    record = Record()
    history = (
        still().fit(X, X, epochs=4, verbose=0, validation_data=(X, X), validation_freq=freq, callbacks=[record]).history
    )
    assert record.validations == len(history["val_loss"]) == len(epochs)
    assert len(history["loss"]) == 4


@pytest.mark.parametrize("where", ["on_train_batch_end", "on_epoch_end"])
def test_stop_training(where: str) -> None:
    record, model = Record(), still()

    def stop(*_: Any, logs: Any = None) -> None:
        model.stop_training = True

    stopper = dualnet.callbacks.LambdaCallback(**{where: stop})
    history = model.fit(X, X, batch_size=8, epochs=5, verbose=0, callbacks=[record, stopper], validation_data=(X, X))
    assert record.counts == [1 if where == "on_train_batch_end" else 3]
    assert record.validations == 1  # the epoch is ended properly
    assert list(history.history) == ["loss", "val_loss"]
    record.batches.clear()
    model.fit(X, X, batch_size=8, verbose=0, callbacks=[record])
    assert record.counts == [3]  # the next fit starts again


@pytest.mark.filterwarnings("ignore:the output holds logits:dualnet.TrainingWarning")  # they are small integers here
def test_weights_of_samples_and_classes() -> None:
    weights = np.where(X[:, 0] > 11, 2.0, 0.0)
    model = still(weighted_metrics=["mae"], metrics=["mse"])
    history = model.fit(X, X, sample_weight=weights, verbose=0, batch_size=8).history
    # The loss is divided by the number of samples, the metric by the sum of the weights; mse looks at no weight.
    assert history["loss"][0] == pytest.approx((weights * X[:, 0]).mean())
    assert history["mae"][0] == pytest.approx(X[11:].mean())
    assert history["mse"][0] == pytest.approx((X**2).mean())
    labels = (X > 11).astype("int32")
    model = still(loss="binary_crossentropy")
    # An output of 0 is clipped to a probability of 1e-7: right for label 0, and -log(1e-7) for label 1.
    wrong = -np.log(1e-7)
    for weight, expected in (({1: 0.0}, 0.0), ({1: 0.5}, wrong / 4), ({0: 3.0}, wrong / 2)):
        history = model.fit(X, labels, class_weight=weight, verbose=0, validation_data=(X, labels)).history
        assert history["loss"][0] == pytest.approx(expected, abs=1e-5)
        assert history["val_loss"][0] == pytest.approx(wrong / 2, rel=1e-5)  # classes have no weights there


def test_evaluate_and_predict_by_steps() -> None:
    model = still(bias=1.0)
    assert model.evaluate(X, X, batch_size=4, steps=2, verbose=0) == pytest.approx(np.abs(X[:8] - 1).mean())
    assert model.predict(X, batch_size=4, steps=2, verbose=0).shape == (8, 1)
    assert model.predict(X, steps=2, verbose=0).shape == (22, 1)
    assert model.predict(batches(3), verbose=0).shape == (6, 1)
    with pytest.warns(UserWarning, match="ran out of data"):
        assert model.predict(X, batch_size=4, steps=7, verbose=0).shape == (22, 1)  # nothing comes twice
    with pytest.warns(UserWarning, match="ran out of data"):
        assert model.evaluate(X, X, batch_size=4, steps=7, verbose=0) == pytest.approx(np.abs(X - 1).mean())


def test_validation_starts_at_the_front_every_time() -> None:
    model = still()
    history = model.fit(X, X, epochs=3, verbose=0, validation_data=(X, X), validation_batch_size=4, validation_steps=2)
    assert history.history["val_loss"] == pytest.approx([X[:8].mean()] * 3)

    def endless() -> Iterator[Any]:
        while True:
            yield from batches(4)

    history = model.fit(X, X, epochs=3, verbose=0, validation_data=endless(), validation_steps=2)
    # 1, 2, 2, 3; then a generator goes on: 3, 4, 4, 5; and again 1, 2, 2, 3
    assert history.history["val_loss"] == [2.0, 4.0, 2.0]


@pytest.mark.parametrize(
    ("n", "arguments", "counts", "warned"),
    [
        (6, {"steps_per_epoch": 2, "epochs": 3}, [2, 2, 2], False),
        (5, {"steps_per_epoch": 2, "epochs": 4}, [2, 2, 1], True),
        (4, {"steps_per_epoch": 2, "epochs": 4}, [2, 2, 0], True),
        (5, {"epochs": 1}, [5], False),
        (5, {"epochs": 3}, [5, 0], True),
    ],
    ids=str,
)
def test_generators(n: int, arguments: dict[str, Any], counts: list[int], warned: bool) -> None:
    """One that has no more ends the training, with a warning; what was trained stays in the history."""
    record = Record()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        history = still().fit(batches(n), verbose=0, callbacks=[record], **arguments)
    assert record.counts == counts
    assert len(history.history["loss"]) == len([c for c in counts if c])
    assert bool(caught) is warned


def test_what_can_be_iterated_again_is() -> None:
    class Sequence:
        ends = 0

        def __len__(self) -> int:
            return 3

        def __getitem__(self, i: int) -> Any:
            return X[2 * i : 2 * i + 2], X[2 * i : 2 * i + 2], np.ones(2)

        def on_epoch_end(self) -> None:
            self.ends += 1

    for source in (Sequence(), list(batches(3))):
        record = Record()
        still().fit(source, epochs=2, verbose=0, callbacks=[record])
        assert record.counts == [3, 3]
        if isinstance(source, Sequence):
            assert source.ends >= 1
