"""Sources and functions that fill one buffer again and again, in datasets and in fit, evaluate and predict."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import dualnet
from dualnet.data import Dataset, TensorSpec
from dualnet.utils import PyDataset, split_dataset, timeseries_dataset_from_array

N = 6


def samples() -> Iterator[Any]:
    buffer = np.empty(2, "float32")
    for i in range(N):
        buffer[:] = i
        yield buffer
    buffer[:] = -1


def pairs() -> Iterator[Any]:
    x, y = np.empty((2, 3), "float32"), np.empty((2, 1), "float32")
    for i in range(N):
        x[:], y[:] = i + 1, 2 * i
        yield x, y
    x[:], y[:] = np.nan, np.nan


class Pairs(PyDataset):
    """The same batches by index."""

    def __init__(self, own: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.x, self.y, self.own = np.empty((2, 3), "float32"), np.empty((2, 1), "float32"), own

    def __len__(self) -> int:
        return N

    def __getitem__(self, i: int) -> Any:
        x, y = (self.x.copy(), self.y.copy()) if self.own else (self.x, self.y)
        x[:], y[:] = i + 1, 2 * i
        return x, y


class Iterable:
    """The same batches from an object that can be iterated again."""

    def __iter__(self) -> Iterator[Any]:
        return pairs()


X = np.repeat(np.arange(1.0, N + 1, dtype="float32"), 2)[:, None].repeat(3, 1)
Y = np.repeat(2 * np.arange(N, dtype="float32"), 2)[:, None]
SOURCES = {
    "generator": pairs,
    "PyDataset": Pairs,
    "iterable": Iterable,
    "dataset": lambda: Dataset.from_generator(pairs),
    "prefetched": lambda: Dataset.from_generator(pairs).prefetch(3),
    "cached": lambda: Dataset.from_generator(pairs).cache(),
    "unbatched": lambda: Dataset.from_generator(pairs).unbatch().batch(2),
    "signature": lambda: Dataset.from_generator(
        pairs, output_signature=(TensorSpec((None, 3), "float32"), TensorSpec((None, 1), "float32"))
    ),
}


@pytest.mark.parametrize("source", SOURCES)
def test_fit_evaluate_and_predict(source: str) -> None:
    def model(*more: Any) -> Any:
        net = dualnet.Sequential([dualnet.Input((3,)), dualnet.layers.Dense(1, kernel_initializer="ones"), *more])
        net.compile(dualnet.optimizers.SGD(0.001), "mse")
        return net

    make = SOURCES[source]
    ours, theirs = model(), model()
    got = ours.fit(make(), epochs=1, shuffle=source == "generator", verbose=0).history["loss"]
    expected = theirs.fit(X, Y, batch_size=2, shuffle=False, verbose=0).history["loss"]
    np.testing.assert_allclose(got, expected, rtol=1e-6)
    np.testing.assert_array_equal(ours.get_weights()[0], theirs.get_weights()[0])
    np.testing.assert_allclose(ours.evaluate(make(), verbose=0), theirs.evaluate(X, Y, verbose=0), rtol=1e-5)
    np.testing.assert_allclose(ours.predict(make(), verbose=0), theirs.predict(X, verbose=0), rtol=1e-6)
    inputs = dualnet.Input((3,))
    identity = dualnet.Model(inputs, dualnet.layers.Reshape((1, 3))(inputs))  # its output is a view of its input
    np.testing.assert_array_equal(identity.predict(make(), verbose=0)[:, 0], X)


@pytest.mark.parametrize("how", [{"workers": 3}, {"workers": 1, "use_multiprocessing": True}])
def test_threads_need_arrays_of_their_own(how: Any) -> None:
    net = dualnet.Sequential([dualnet.Input((3,)), dualnet.layers.Dense(1)])
    net.compile("sgd", "mse")
    if how["workers"] > 1:
        with pytest.raises(ValueError, match=r"Pairs.__getitem__ filled one array .* workers=3 .* or use workers=1"):
            net.predict(Pairs(**how), verbose=0)
    inputs = dualnet.Input((3,))
    identity = dualnet.Model(inputs, dualnet.layers.Reshape((1, 3))(inputs))
    np.testing.assert_array_equal(identity.predict(Pairs(own=True, **how), verbose=0)[:, 0], X)


def test_datasets_of_samples() -> None:
    def make() -> Dataset:
        return Dataset.from_generator(samples)

    want = [0, 1, 2, 3, 4, 5]
    cached = make().cache()
    list(cached)
    got = {
        "list": [int(v[0]) for v in list(make())],
        "batch": [int(v) for b in make().batch(3) for v in b[:, 0]],
        "shuffle": sorted(int(v[0]) for v in make().shuffle(6)),
        "prefetch": [int(v[0]) for v in make().prefetch(4)],
        "cache": [int(v[0]) for v in list(cached)],
        "window": [int(v[0]) for w in make().window(2) for v in w],
        "zip": [int(a[0]) for a, b in list(Dataset.zip(make(), make()))],
        "parallel map": [int(v[0]) for v in list(make().map(lambda x: x, num_parallel_calls=3))],
        "flat_map": [int(v) for v in list(make().flat_map(lambda x: Dataset.from_tensor_slices(x[:1])))],
        "reduce": make().reduce((), lambda seen, x: (*seen, int(x[0]))),
    }
    got["reduce"] = [int(v) for v in got["reduce"]]
    assert all(v == want for v in got.values()), got


def test_a_mapped_function_that_reuses_a_buffer() -> None:
    buffer = np.empty(1)

    def fill(x: Any) -> Any:
        buffer[:] = x
        return {"a": buffer, "b": (buffer[0], [1, 2])}

    elements = list(Dataset.range(3).map(fill))
    assert [float(e["a"][0]) for e in elements] == [0, 1, 2]
    assert [float(e["b"][0]) for e in elements] == [0, 1, 2]


def test_arrays_of_the_user_go_on_being_used() -> None:
    array = np.arange(6.0)
    sliced, whole = Dataset.from_tensor_slices(array), Dataset.from_tensors({"a": array})
    series = timeseries_dataset_from_array(array, array, 2, batch_size=None)
    initial = np.zeros(2)

    def add(state: Any, x: Any) -> Any:
        state += x
        return state

    total = Dataset.range(3).reduce(initial, add)
    array[:] = -1
    assert [float(v) for v in sliced] == [0, 1, 2, 3, 4, 5]
    assert next(iter(whole))["a"].tolist() == [0, 1, 2, 3, 4, 5]
    assert [x.tolist() for x, _ in series][:2] == [[0, 1], [1, 2]]
    assert [float(y) for _, y in series][:2] == [0, 1]
    assert total.tolist() == [3, 3]
    assert initial.tolist() == [0, 0]

    class Samples:
        buffer = np.zeros(2)

        def __len__(self) -> int:
            return 4

        def __getitem__(self, i: int) -> Any:
            self.buffer[:] = i
            return self.buffer

    left, right = split_dataset(Samples(), left_size=2)
    assert [float(v[0]) for part in (left, right) for v in part] == [0, 1, 2, 3]


def test_elements_of_overlapping_windows_are_read_only() -> None:
    def change(x: Any) -> Any:
        x += 1
        return x

    windows = Dataset.from_generator(samples).window(2, shift=1).flat_map(lambda w: w.map(change))
    with pytest.raises(ValueError, match="read-only"):
        list(windows)


def test_a_list_is_a_tuple_where_a_function_returns_it() -> None:
    data = Dataset.from_tensor_slices((np.arange(4.0), np.arange(4.0) * 10))
    first = next(iter(data.map(lambda x, y: [x * 2, y]).batch(2)))
    assert isinstance(first, tuple)
    assert [part.tolist() for part in first] == [[0, 2], [0, 10]]
    parallel = list(data.map(lambda x, y: [x * 2, {"y": [y, y]}], num_parallel_calls=2))
    assert parallel[1][1]["y"].tolist() == [10, 10]  # a list inside is an array
    nested = next(iter(data.map(lambda x, y: ([x, x], y))))
    assert nested[0].tolist() == [0, 0]
    with pytest.raises(TypeError, match=r"yielded a list of 2.*yield \(x, y\).*output_signature"):
        list(Dataset.from_generator(lambda: iter([[np.ones(2), np.ones(2)]])))
    signature = (TensorSpec((2,), "float32"), TensorSpec((2,), "float32"))
    both = next(iter(Dataset.from_generator(lambda: iter([[np.ones(2), np.zeros(2)]]), output_signature=signature)))
    assert isinstance(both, tuple)
    assert next(iter(Dataset.from_generator(lambda: iter([[1.0, 2.0]])))).tolist() == [1, 2]


def test_a_mapped_list_trains_as_a_tuple_does() -> None:
    ours, theirs = (
        dualnet.Sequential([dualnet.Input((3,)), dualnet.layers.Dense(1, kernel_initializer="ones")]) for _ in "ab"
    )
    for net, make in ((ours, list), (theirs, tuple)):
        net.compile("sgd", "mse")
        net.fit(Dataset.from_tensor_slices((X, Y)).map(lambda x, y, make=make: make((x / 10, y))).batch(4), verbose=0)
    np.testing.assert_array_equal(ours.get_weights()[0], theirs.get_weights()[0])
