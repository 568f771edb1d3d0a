"""Datasets and `PyDataset`s in fit, evaluate and predict."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

import dualnet
from dualnet.data import AUTOTUNE, Dataset
from dualnet.utils import PyDataset, Sequence

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 3)).astype("float32")
Y = RNG.normal(size=(40, 1)).astype("float32")


@pytest.fixture(autouse=True)
def seeded() -> None:
    dualnet.utils.clear_session()
    dualnet.utils.set_random_seed(3)


def model(**arguments: Any) -> Any:
    linear_model = dualnet.Sequential([dualnet.Input((3,)), dualnet.layers.Dense(1, kernel_initializer="ones")])
    linear_model.compile("sgd", "mse", **arguments)
    return linear_model


class Batches(PyDataset):
    """X and Y in batches of 8, noting what is asked for."""

    def __init__(self, x: Any = X, y: Any = Y, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.x, self.y = x, y
        self.asked: list[int] = []
        self.calls: list[str] = []
        self.threads: set[str] = set()

    def __len__(self) -> int:
        return len(self.x) // 8

    def __getitem__(self, index: int) -> Any:
        self.asked.append(index)
        self.threads.add(threading.current_thread().name)
        return self.x[8 * index : 8 * index + 8], self.y[8 * index : 8 * index + 8]

    def on_epoch_begin(self) -> None:
        self.calls.append("begin")

    def on_epoch_end(self) -> None:
        self.calls.append("end")


def dataset() -> Dataset:
    return Dataset.from_tensor_slices((X, Y)).batch(8)


def test_a_dataset_trains_as_arrays_do(backend: Any) -> None:
    ours, theirs = model(), model()
    history = ours.fit(dataset().prefetch(AUTOTUNE), epochs=3, verbose=0, validation_data=dataset())
    expected = theirs.fit(X, Y, batch_size=8, epochs=3, shuffle=False, verbose=0, validation_data=(X, Y))
    np.testing.assert_allclose(history.history["loss"], expected.history["loss"], rtol=1e-6)
    np.testing.assert_allclose(history.history["val_loss"], expected.history["val_loss"], rtol=1e-5)
    np.testing.assert_array_equal(ours.get_weights()[0], theirs.get_weights()[0])
    np.testing.assert_allclose(ours.evaluate(dataset(), verbose=0), theirs.evaluate(X, Y, verbose=0), rtol=1e-5)
    np.testing.assert_allclose(
        ours.predict(dataset().map(lambda x, y: x), verbose=0), theirs.predict(X, verbose=0), rtol=1e-6
    )
    assert ours.predict(dataset(), verbose=0).shape == (40, 1)  # labels are left aside


def test_batches_reach_the_device_and_sample_weights_count(backend: Any) -> None:
    weights = np.zeros(40, "float32")
    weights[:8] = 1
    only_first = Dataset.from_tensor_slices((X, Y, weights)).batch(40)
    a, b = model(), model()
    a.fit(only_first, verbose=0)
    b.fit(X, Y, sample_weight=weights, batch_size=40, verbose=0)
    np.testing.assert_array_equal(a.get_weights()[0], b.get_weights()[0])


def test_every_epoch_has_another_order_which_a_resumed_run_meets_again() -> None:
    def seen(start: int, stop: int) -> list[list[float]]:
        dualnet.utils.clear_session()
        dualnet.utils.set_random_seed(3)
        orders: list[list[float]] = [[] for _ in range(stop)]
        shuffled = Dataset.from_tensor_slices((X, Y)).shuffle(40).batch(8)
        net = model()
        net.optimizer.build(net.trainable_variables)
        net.optimizer.iterations.assign(5 * start)

        class Note(dualnet.callbacks.Callback):
            def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
                self.epoch = epoch

        note = Note()
        step = net.train_step

        def train_step(data: Any) -> Any:
            orders[note.epoch] += data[0].numpy()[:, 0].tolist()
            return step(data)

        net.train_step = train_step
        net.fit(shuffled, epochs=stop, initial_epoch=start, callbacks=[note], verbose=0)
        return orders

    whole, resumed = seen(0, 4), seen(2, 4)
    assert whole[2:] == resumed[2:]
    assert len({tuple(order) for order in whole}) == 4
    assert all(sorted(order) == sorted(X[:, 0].tolist()) for order in whole)


def test_steps_go_on_through_a_repeated_dataset() -> None:
    history = model().fit(dataset().repeat(), epochs=4, steps_per_epoch=3, verbose=0)
    assert len(history.history["loss"]) == 4
    with pytest.raises(ValueError, match="the data has no end: say how many batches make an epoch"):
        model().fit(dataset().repeat(), verbose=0)
    with pytest.raises(ValueError, match="the data has no end"):
        model().evaluate(dataset().repeat(), verbose=0)
    assert model().evaluate(dataset().repeat(), steps=2, verbose=0) > 0


def test_unknown_lengths() -> None:
    def batches() -> Any:
        for i in range(0, 40, 8):
            yield X[i : i + 8], Y[i : i + 8]

    history = model().fit(Dataset.from_generator(batches), epochs=2, verbose=0)
    expected = model().fit(dataset(), epochs=2, verbose=0)
    assert history.history == expected.history


def test_class_weight_weighs_batches() -> None:
    labels = (np.arange(40) % 2).astype("int32")

    def loss(data: Any, *labels: Any, **arguments: Any) -> Any:
        dualnet.utils.set_random_seed(1)
        net = dualnet.Sequential([dualnet.Input((3,)), dualnet.layers.Dense(2, activation="softmax")])
        net.compile("sgd", "sparse_categorical_crossentropy")
        return net.fit(data, *labels, verbose=0, **arguments).history["loss"]

    weights = {0: 1.0, 1: 5.0}
    batches = Dataset.from_tensor_slices((X, labels)).batch(8)
    expected = loss(X, labels, batch_size=8, shuffle=False, class_weight=weights)
    np.testing.assert_allclose(loss(batches, class_weight=weights), expected, rtol=1e-6)
    assert loss(batches) != expected


WORKERS = [{}, {"workers": 3}, {"workers": 2, "max_queue_size": 1}, {"workers": 1, "use_multiprocessing": True}]


@pytest.mark.parametrize("arguments", WORKERS)
def test_a_py_dataset_trains_as_arrays_do(arguments: dict[str, Any]) -> None:
    batches = Batches(**arguments)
    ours, theirs = model(), model()
    history = ours.fit(batches, epochs=3, shuffle=False, verbose=0, validation_data=Batches(**arguments))
    expected = theirs.fit(X, Y, batch_size=8, epochs=3, shuffle=False, verbose=0, validation_data=(X, Y))
    np.testing.assert_allclose(history.history["loss"], expected.history["loss"], rtol=1e-6)
    np.testing.assert_array_equal(ours.get_weights()[0], theirs.get_weights()[0])
    assert sorted(batches.asked) == sorted([*range(5)] * 3)
    assert batches.calls == ["begin", "end"] * 3
    in_threads = any(name.startswith("dualnet-worker") for name in batches.threads)
    assert in_threads == bool(arguments)
    assert not [t for t in threading.enumerate() if t.name.startswith(("dualnet-prefetch", "dualnet-worker"))]
    np.testing.assert_allclose(ours.predict(Batches(**arguments), verbose=0), theirs.predict(X, verbose=0), rtol=1e-6)


def test_fit_mixes_the_batches_of_a_py_dataset() -> None:
    batches = Batches()
    model().fit(batches, epochs=3, verbose=0)
    orders = [batches.asked[i : i + 5] for i in (0, 5, 10)]
    assert [sorted(order) for order in orders] == [[0, 1, 2, 3, 4]] * 3
    assert len({tuple(order) for order in orders}) == 3
    dualnet.utils.set_random_seed(3)
    again = Batches()
    model().fit(again, epochs=3, verbose=0)
    assert again.asked == batches.asked


def test_what_a_worker_raises_ends_fit() -> None:
    class Broken(Batches):
        def __getitem__(self, index: int) -> Any:
            if index == 3:
                raise OSError("cannot read image 3")
            return super().__getitem__(index)

    for workers in (1, 3):
        with pytest.raises(OSError, match="cannot read image 3"):
            model().fit(Broken(workers=workers), shuffle=False, verbose=0)
    assert not [t for t in threading.enumerate() if t.name.startswith(("dualnet-prefetch", "dualnet-worker"))]


def test_a_py_dataset_without_end() -> None:
    class Endless(PyDataset):
        num_batches = None

        def __getitem__(self, index: int) -> Any:
            return X[:8] + index, Y[:8]

    history = model().fit(Endless(workers=2), epochs=2, steps_per_epoch=3, verbose=0)
    assert len(history.history["loss"]) == 2
    with pytest.raises(ValueError, match="the data has no end"):
        model().fit(Endless(), verbose=0)


def test_forgotten_parts_of_a_py_dataset() -> None:
    class NoSuper(PyDataset):
        def __init__(self) -> None:
            pass

        def __len__(self) -> int:
            return 1

        def __getitem__(self, index: int) -> Any:
            return X, Y

    with pytest.warns(UserWarning, match=r"NoSuper.__init__ should call super\(\).__init__"):
        model().fit(NoSuper(), verbose=0)

    class NoLength(PyDataset):
        def __getitem__(self, index: int) -> Any:
            return X, Y

    with pytest.raises(NotImplementedError, match="NoLength must define __len__"):
        model().fit(NoLength(), verbose=0)

    class NoItem(PyDataset):
        def __len__(self) -> int:
            return 1

    with pytest.raises(NotImplementedError, match="NoItem must define __getitem__"):
        model().fit(NoItem(), verbose=0)
    assert Sequence is PyDataset
    assert [len(x) for x, _ in Batches()] == [8] * 5
