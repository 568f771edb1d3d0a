"""`dualnet.data.Dataset`: what comes out, in which order, how often, and of what type."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import dualnet
from dualnet.data import AUTOTUNE, INFINITE_CARDINALITY, UNKNOWN_CARDINALITY, Dataset, TensorSpec


def numbers(dataset: Dataset) -> list[Any]:
    return [np.asarray(element).tolist() for element in dataset.as_numpy_iterator()]


def span(*args: int) -> Dataset:
    return Dataset.range(*args)


def unknown(n: int) -> Dataset:
    return Dataset.from_generator(lambda: iter(range(n)))


CASES: list[tuple[str, Dataset, list[Any], int | None]] = [
    ("range", span(4), [0, 1, 2, 3], 4),
    ("range with a step", span(5, -1, -2), [5, 3, 1], 3),
    ("take", span(5).take(2), [0, 1], 2),
    ("take more than there is", span(2).take(9), [0, 1], 2),
    ("take all", span(2).take(-1), [0, 1], 2),
    ("take none", span(2).take(0), [], 0),
    ("take of the unknown", unknown(5).take(2), [0, 1], UNKNOWN_CARDINALITY),
    ("take of the infinite", span(2).repeat().take(3), [0, 1, 0], 3),
    ("skip", span(5).skip(3), [3, 4], 2),
    ("skip all", span(5).skip(9), [], 0),
    ("skip -1", span(5).skip(-1), [], 0),
    ("repeat", span(2).repeat(3), [0, 1, 0, 1, 0, 1], 6),
    ("repeat 0", span(2).repeat(0), [], 0),
    ("repeat the empty", span(0).repeat(), [], 0),
    ("repeat the unknown and empty", unknown(0).repeat(), [], INFINITE_CARDINALITY),
    ("shard", span(7).shard(3, 1), [1, 4], 2),
    ("shard 0", span(7).shard(3, 0), [0, 3, 6], 3),
    ("concatenate", span(2).concatenate(span(5, 7)), [0, 1, 5, 6], 4),
    ("filter", span(6).filter(lambda x: x % 2 == 1), [1, 3, 5], UNKNOWN_CARDINALITY),
    ("map", span(3).map(lambda x: x * x), [0, 1, 4], 3),
    ("map in threads", span(50).map(lambda x: x * x, num_parallel_calls=4), [i * i for i in range(50)], 50),
    ("batch", span(5).batch(2), [[0, 1], [2, 3], [4]], 3),
    ("batch whole", span(5).batch(2, drop_remainder=True), [[0, 1], [2, 3]], 2),
    ("batch of the unknown", unknown(3).batch(2), [[0, 1], [2]], UNKNOWN_CARDINALITY),
    ("batch of the infinite", span(3).repeat().batch(2).take(2), [[0, 1], [2, 0]], 2),
    ("batch of batches", span(4).batch(2).batch(2), [[[0, 1], [2, 3]]], 1),
    ("unbatch", span(5).batch(2).unbatch(), [0, 1, 2, 3, 4], UNKNOWN_CARDINALITY),
    ("cache", span(3).cache(), [0, 1, 2], 3),
    ("prefetch", span(3).prefetch(AUTOTUNE), [0, 1, 2], 3),
    ("prefetch 0", span(3).prefetch(0), [0, 1, 2], 3),
    ("apply", span(3).apply(lambda d: d.map(lambda x: -x)), [0, -1, -2], 3),
    ("from_tensors", Dataset.from_tensors([1, 2]), [[1, 2]], 1),
]


@pytest.mark.parametrize(("dataset", "expected", "size"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_elements_and_cardinality(dataset: Dataset, expected: list[Any], size: int) -> None:
    assert numbers(dataset) == expected
    assert numbers(dataset) == expected  # a second pass
    assert int(dataset.cardinality()) == size
    if size >= 0:
        assert len(dataset) == size == len(expected)
    else:
        with pytest.raises(TypeError, match="see cardinality"):
            len(dataset)
    assert dataset


def test_structures() -> None:
    x, y = np.arange(12.0).reshape(6, 2), np.arange(6)
    dataset = Dataset.from_tensor_slices(({"a": x, "b": y}, y))
    assert [(e[0]["a"].tolist(), int(e[0]["b"]), int(e[1])) for e in dataset.take(2)] == [
        ([0.0, 1.0], 0, 0),
        ([2.0, 3.0], 1, 1),
    ]
    (inputs, labels) = next(iter(dataset.batch(4)))
    np.testing.assert_array_equal(inputs["a"], x[:4])
    np.testing.assert_array_equal(labels, y[:4])
    seen = []
    for i, (inputs, label) in dataset.enumerate(start=5):
        seen.append((int(i), int(label)))
        assert isinstance(inputs, dict)
    assert seen == [(5 + i, i) for i in range(6)]
    both = Dataset.zip((dataset.map(lambda inputs, label: label), {"n": span(3)}))
    assert [(int(a), int(b["n"])) for a, b in both] == [(0, 0), (1, 1), (2, 2)]
    assert len(both) == 3
    assert [tuple(map(int, pair)) for pair in Dataset.zip(span(2), span(5, 9))] == [(0, 5), (1, 6)]


def test_dtypes_are_those_of_tf_data() -> None:
    for value, dtype in [
        ([1, 2], np.int32),
        ([1.0, 2.0], np.float32),
        ([2**40], np.int64),
        ([True], np.bool_),
        (np.zeros(2), np.float64),
        ([np.float64(1)], np.float64),
        (np.zeros(2, np.uint8), np.uint8),
        (dualnet.ops.zeros(2), np.float32),
    ]:
        assert next(Dataset.from_tensor_slices(value).as_numpy_iterator()).dtype == dtype
    assert next(span(1).as_numpy_iterator()).dtype == np.int64


def test_elements_have_numpy() -> None:
    images, label = next(iter(Dataset.from_tensor_slices((np.ones((2, 3, 3), np.uint8), [4, 5]))))
    assert type(images.numpy()) is np.ndarray
    assert images[0].numpy().astype("float32").shape == (3,)
    assert (label.numpy(), type(label.numpy())) == (4, np.int32)
    assert ["a", "b", "c", "d", "e"][label] == "e"
    assert span(3).cardinality().numpy() == 3


def test_text() -> None:
    dataset = Dataset.from_tensor_slices((["a", "long one"], [0, 1])).map(lambda text, label: (text.upper(), label))
    assert list(dataset.as_numpy_iterator())[1][0] == "LONG ONE"
    (texts, _) = next(iter(dataset.batch(2)))
    assert texts.dtype == object
    assert texts.tolist() == ["A", "LONG ONE"]
    text, _ = next(iter(dataset))
    assert (text.numpy(), str(text), text.shape) == ("A", "A", ())


def test_a_function_may_use_ops_and_layers() -> None:
    layer = dualnet.layers.Dense(2, kernel_initializer="ones")
    dataset = Dataset.from_tensor_slices(np.ones((4, 3), "float32")).batch(2).map(lambda x: (layer(x), x[:, 0]))
    x, y = next(dataset.as_numpy_iterator())
    assert isinstance(x, np.ndarray)
    np.testing.assert_array_equal(x, np.full((2, 2), 3.0))
    assert y.shape == (2,)


def test_from_generator() -> None:
    calls = []

    def make(n: int) -> Any:
        calls.append(n)
        for i in range(n):
            yield [i, i + 1], float(i)

    dataset = Dataset.from_generator(
        make, output_signature=(TensorSpec((2,), "int64"), TensorSpec((), "float64")), args=(3,)
    )
    for _ in range(2):
        elements = list(dataset.as_numpy_iterator())
        assert [(x.tolist(), y) for x, y in elements] == [([0, 1], 0.0), ([1, 2], 1.0), ([2, 3], 2.0)]
        assert elements[0][0].dtype == np.int64
        assert elements[0][1].dtype == np.float64
    assert calls == [3, 3]
    typed = Dataset.from_generator(make, ("float32", "int32"), ((None,), ()), args=[1])
    assert [part.dtype for part in next(typed.as_numpy_iterator())] == [np.float32, np.int32]
    wrong = Dataset.from_generator(make, output_signature=(TensorSpec((3,)), TensorSpec(())), args=(1,))
    with pytest.raises(ValueError, match=r"shape \(3,\), the generator yielded one of \(2,\)"):
        list(wrong)


# Shuffling


def test_a_shuffle_loses_nothing_and_stays_within_its_buffer() -> None:
    for size in (1, 3, 10, 100, 500):
        order = numbers(span(100).shuffle(size, seed=1))
        assert sorted(order) == list(range(100))
        assert all(element < position + size for position, element in enumerate(order))
    assert numbers(span(100).shuffle(1)) == list(range(100))


def test_a_shuffle_is_uniform() -> None:
    dataset = span(4).shuffle(4, seed=3)
    counts = np.zeros((4, 4))
    for _ in range(2000):
        for position, element in enumerate(numbers(dataset)):
            counts[position, element] += 1
    np.testing.assert_allclose(counts, 500, atol=100)  # 5 standard deviations


def test_every_pass_has_its_order_and_every_run_the_same() -> None:
    def orders(**arguments: Any) -> list[list[int]]:
        dualnet.utils.clear_session()
        dualnet.utils.set_random_seed(7)
        dataset = span(20).shuffle(20, **arguments)
        return [numbers(dataset) for _ in range(3)]

    for arguments in ({}, {"seed": 5}):
        first = orders(**arguments)
        assert first == orders(**arguments)
        assert len({tuple(order) for order in first}) == 3
    assert orders(seed=5) != orders(seed=6)
    fixed = orders(seed=5, reshuffle_each_iteration=False)
    assert fixed[0] == fixed[1] == fixed[2] != list(range(20))
    repeated = numbers(span(20).shuffle(20, seed=1).repeat(2))
    assert sorted(repeated[:20]) == sorted(repeated[20:]) == list(range(20))
    assert repeated[:20] != repeated[20:]


def test_one_seed_keeps_two_datasets_in_step() -> None:
    a, b = span(30).shuffle(30, seed=2), span(100, 130).shuffle(30, seed=2)
    assert all(y - x == 100 for x, y in Dataset.zip((a, b)).as_numpy_iterator())


def test_the_order_is_frozen() -> None:
    # A function of the seed, for ever, whatever NumPy makes of its own shuffles.
    assert numbers(span(10).shuffle(4, seed=0)) == [3, 2, 5, 6, 4, 0, 1, 8, 9, 7]


# Keeping


def test_a_cache_runs_its_source_once() -> None:
    calls: list[int] = []
    dataset = span(3).map(lambda x: (calls.append(int(x)), x)[1]).cache()
    next(iter(dataset))  # a pass that is broken off keeps nothing
    assert numbers(dataset) == numbers(dataset) == [0, 1, 2]
    assert calls == [0, 0, 1, 2]


@pytest.mark.parametrize("shift", [None, 1, 2, 5])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("drop", [False, True])
def test_windows(shift: int | None, stride: int, drop: bool) -> None:
    windows = span(10).window(3, shift=shift, stride=stride, drop_remainder=drop)
    expected = [list(range(start, 10, stride))[:3] for start in range(0, 10, shift or 3)]
    expected = [w for w in expected if len(w) == 3 or not drop]
    assert [list(w.as_numpy_iterator()) for w in windows] == expected
    assert len(windows) == len(expected)
    flat = windows.flat_map(lambda window: window.batch(3))
    assert [b.tolist() for b in flat] == expected
    assert flat.cardinality() == UNKNOWN_CARDINALITY


def test_windows_of_tuples_and_reduce() -> None:
    pairs = Dataset.zip((span(6), span(6).map(lambda x: x * 10))).window(2)
    flat = pairs.flat_map(lambda a, b: Dataset.zip((a.batch(2), b.batch(2))))
    assert [(a.tolist(), b.tolist()) for a, b in flat][1] == ([2, 3], [20, 30])
    assert span(5).reduce(0, lambda state, x: state + x) == 10


def test_repeated_elements_are_read_only() -> None:
    array = np.zeros((3, 2))
    dataset = Dataset.from_tensor_slices(array)

    def change(x: Any) -> Any:
        x += 1
        return x

    for wrong in (dataset.map(change), dataset.batch(2).cache().map(change)):
        with pytest.raises(ValueError, match="read-only"):
            [numbers(wrong) for _ in range(2)]
    assert array.sum() == 0
    assert numbers(dataset.batch(3).map(change))[0] == np.ones((3, 2)).tolist()  # a batch is a copy


# Mistakes


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Dataset.from_tensor_slices(5), ValueError, "slices along the first axis"),
        (lambda: Dataset.from_tensor_slices(([1, 2], [1, 2, 3])), ValueError, r"of one length, got \[2, 3\]"),
        (lambda: Dataset.from_tensor_slices([[1], [1, 2]]), TypeError, "ragged"),
        (lambda: Dataset.from_tensor_slices(np.array([[1], [1, 2]], object)), TypeError, "pad_sequences"),
        (lambda: Dataset.from_generator(iter([1])), TypeError, "a function that returns a generator"),
        (lambda: Dataset.zip(([1], [2])), TypeError, "takes datasets"),
        (lambda: span(3).batch(0), ValueError, "batch_size must be a positive"),
        (lambda: span(3).shuffle(0), ValueError, "buffer_size must be a positive"),
        (lambda: span(3).prefetch(-2), ValueError, "buffer_size must be a positive"),
        (lambda: span(3).shard(2, 2), ValueError, "below num_shards=2"),
        (lambda: span(3).apply(lambda d: 3), TypeError, "it returned int"),
        (lambda: span(3).window(0), ValueError, "size must be a positive"),
        (lambda: list(span(3).flat_map(lambda x: x)), TypeError, "must return a Dataset, it returned int"),
        (lambda: list(span(3).unbatch()), ValueError, "unbatch"),
        (lambda: list(span(3).map(lambda x: object())), TypeError, "expected numbers or text, got a object"),
        (
            lambda: list(Dataset.from_generator(lambda: iter([[1], [1, 2]])).batch(2)),
            ValueError,
            r"different shapes, \(1,\) and \(2,\)",
        ),
        (
            lambda: list(Dataset.from_generator(lambda: iter([(1, 2), (1, 2, 3)])).batch(2)),
            ValueError,
            "expected a tuple of 2 again",
        ),
    ],
)
def test_errors(make: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()


def test_errors_of_functions_are_raised() -> None:
    def fail(x: Any) -> float:
        return 6 / (int(x) - 3)

    for dataset in (span(5).map(fail), span(5).map(fail, num_parallel_calls=3), span(5).map(fail).prefetch(2)):
        with pytest.raises(ZeroDivisionError):
            list(dataset)
        items = iter(dataset)
        assert [float(next(items)) for _ in range(3)] == [-2, -3, -6]  # what came before it comes first
        with pytest.raises(ZeroDivisionError):
            next(items)
