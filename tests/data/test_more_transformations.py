"""`scan`, `take_while`, `unique`, `rebatch`, `list_files` and others; expected values are those of TensorFlow 2.21."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dualnet
from dualnet.data import INFINITE_CARDINALITY, UNKNOWN_CARDINALITY, Dataset, Options, TensorSpec
from dualnet.data.streams import EpochKey


def values(dataset: Dataset) -> list[Any]:
    def plain(x: Any) -> Any:
        if isinstance(x, tuple):
            return tuple(map(plain, x))
        return np.asarray(x).tolist()

    return [plain(element) for element in dataset.as_numpy_iterator()]


def span(*args: int) -> Dataset:
    return Dataset.range(*args)


def pairs(n: int) -> Dataset:
    return Dataset.zip(span(n), span(10, 10 + n))


CASES: list[tuple[str, Dataset, list[Any], int]] = [
    ("take_while", span(10).take_while(lambda x: x < 4), [0, 1, 2, 3], UNKNOWN_CARDINALITY),
    ("take_while of pairs", pairs(3).take_while(lambda a, b: b < 12), [(0, 10), (1, 11)], UNKNOWN_CARDINALITY),
    ("take_while of nothing", span(0).take_while(lambda x: True), [], 0),
    ("scan", span(5).scan(np.int64(0), lambda s, x: (s + x, s + x)), [0, 1, 3, 6, 10], 5),
    (
        "scan of tuples",
        Dataset.zip(span(3), span(3)).scan((0, 1), lambda s, e: ((s[0] + e[0], s[1]), (e[1], s[0]))),
        [(0, 0), (1, 0), (2, 1)],
        3,
    ),
    ("scan with a list", span(3).scan(np.int64(0), lambda s, x: [s + x, x]), [0, 1, 2], 3),
    ("unique", Dataset.from_tensor_slices([1, 37, 2, 37, 2, 1]).unique(), [1, 37, 2], UNKNOWN_CARDINALITY),
    (
        "unique rows",
        Dataset.from_tensor_slices([[1, 2], [1, 2], [2, 1]]).unique(),
        [[1, 2], [2, 1]],
        UNKNOWN_CARDINALITY,
    ),
    ("unique texts", Dataset.from_tensor_slices(["b", "a", "b"]).unique(), ["b", "a"], UNKNOWN_CARDINALITY),
    ("counter", Dataset.counter(2, 3).take(3), [2, 5, 8], 3),
    ("rebatch", span(6).batch(4).rebatch(3), [[0, 1, 2], [3, 4, 5]], UNKNOWN_CARDINALITY),
    (
        "rebatch in turns",
        span(8).batch(4).rebatch([2, 1, 1]),
        [[0, 1], [2], [3], [4, 5], [6], [7]],
        UNKNOWN_CARDINALITY,
    ),
    ("rebatch whole", span(5).batch(2).rebatch(3, drop_remainder=True), [[0, 1, 2]], UNKNOWN_CARDINALITY),
    ("rebatch the empty", span(0).batch(2).rebatch(3), [], 0),
    ("options", span(3).with_options(Options()), [0, 1, 2], 3),
]


@pytest.mark.parametrize(("dataset", "expected", "size"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_elements_and_cardinality(dataset: Dataset, expected: list[Any], size: int) -> None:
    for _ in range(2):
        assert values(dataset) == expected
    assert int(dataset.cardinality()) == size


def test_scan_keeps_its_state_to_itself() -> None:
    initial = np.zeros(2)

    def add(state: Any, x: Any) -> Any:
        state += x
        return state, state

    running = span(3).scan(initial, add)
    for _ in range(2):
        assert values(running) == [[0, 0], [1, 1], [3, 3]]
    assert initial.tolist() == [0, 0]
    with pytest.raises(TypeError, match=r"scan: the function must return \(state, output\), it returned 1"):
        list(span(3).scan(0, lambda s, x: 1))
    with pytest.raises(ValueError, match="expected a tuple of 2 again, got"):
        list(span(3).scan((0, 0), lambda s, x: (s[0], x)))


def test_unique_refuses_what_has_no_identity() -> None:
    for dataset in (Dataset.from_tensor_slices([1.0, 1.0]), pairs(2)):
        with pytest.raises(TypeError, match="unique: expected whole numbers or texts"):
            list(dataset.unique())


def test_specs() -> None:
    assert Dataset.counter(dtype="int32").element_spec == TensorSpec((), "int32")
    assert Dataset.random(1).element_spec == TensorSpec((), "int64")
    assert span(6).batch(4).rebatch(3).element_spec == TensorSpec((None,), "int64")
    assert span(6).batch(4).rebatch(3, True).element_spec == TensorSpec((3,), "int64")
    assert span(6).take_while(lambda x: True).unique().element_spec == TensorSpec((), "int64")


def test_random_numbers() -> None:
    assert Dataset.random().cardinality() == INFINITE_CARDINALITY
    draws = Dataset.random(4).take(2000)
    first = values(draws)
    assert first == values(draws) == values(Dataset.random(4).take(2000)) != values(Dataset.random(5).take(2000))
    assert min(first) >= 0
    assert 2**31 < max(first) < 2**32
    np.testing.assert_allclose(np.mean(first) / 2**32, 0.5, atol=0.03)  # 4.6 standard deviations
    again = Dataset.random(4, rerandomize_each_iteration=True).take(5)
    assert values(again) != values(again)
    dualnet.utils.set_random_seed(3)
    a = values(Dataset.random().take(3))
    dualnet.utils.clear_session()
    dualnet.utils.set_random_seed(3)
    assert values(Dataset.random().take(3)) == a


def test_the_single_element() -> None:
    assert int(span(7, 8).get_single_element().numpy()) == 7
    assert [int(x) for x in pairs(1).get_single_element()] == [0, 10]
    with pytest.raises(ValueError, match="no element"):
        span(0).get_single_element()
    with pytest.raises(ValueError, match="more than one element"):
        span(2).get_single_element()


def test_iterators() -> None:
    iterator = iter(span(3).prefetch(2))
    assert iter(iterator) is iterator
    assert (int(iterator.get_next()), int(next(iterator)), int(iterator.get_next().numpy())) == (0, 1, 2)
    with pytest.raises(dualnet.errors.OutOfRangeError):
        iterator.get_next()
    iterator = iter(span(1000).prefetch(2))
    next(iterator)
    iterator.close()
    assert not [t for t in threading.enumerate() if t.name.startswith(("dualnet-prefetch", "dualnet-worker"))]


def test_files(tmp_path: Path) -> None:
    for name in ("b.txt", "a.txt", "c.csv"):
        (tmp_path / name).touch()
    texts = Dataset.list_files(tmp_path / "*.txt", shuffle=False)
    assert values(texts) == [str(tmp_path / "a.txt"), str(tmp_path / "b.txt")]
    both = [str(tmp_path / "*.txt"), str(tmp_path / "*")]
    assert len(values(Dataset.list_files(both))) == 3
    orders = {tuple(values(Dataset.list_files(both, seed=seed))) for seed in range(20)}
    assert len(orders) > 3
    with pytest.raises(FileNotFoundError, match="no file matches"):
        Dataset.list_files(str(tmp_path / "*.png"))


def test_options() -> None:
    options = Options()
    options.deterministic = False
    options.threading.private_threadpool_size = 4
    options.experimental_distribute.auto_shard_policy = None
    dataset = span(3).batch(2).with_options(options)
    assert dataset.options() is dataset.unbatch().map(lambda x: x).options() is options
    assert dataset.options().threading.private_threadpool_size == 4
    assert span(3).options().deterministic is None
    with pytest.raises(AttributeError, match="'determinstic'.*did you mean 'deterministic'"):
        options.determinstic = True
    with pytest.raises(AttributeError, match=r"Options\.threading"):
        options.threading.threads = 3
    with pytest.raises(TypeError, match="expects data.Options"):
        span(3).with_options({"deterministic": False})  # type: ignore[arg-type]


def test_names_that_are_not_there_say_what_to_use() -> None:
    with pytest.raises(AttributeError, match="use padded_batch or bucket_by_sequence_length"):
        span(3).ragged_batch(2)
    with pytest.raises(AttributeError, match="did you mean 'shuffle'"):
        span(3).shufle(2)
    assert not hasattr(span(3), "class_names")


# Classes in other frequencies


def labels() -> Dataset:
    return Dataset.from_tensor_slices(np.r_[np.zeros(1800, "int32"), np.ones(200, "int32")]).shuffle(2000, seed=1)


@pytest.mark.parametrize("initial", [None, [0.9, 0.1]])
def test_resampling(initial: Any) -> None:
    dataset = labels().rejection_resample(lambda y: y, [0.5, 0.5], initial, seed=3)
    assert dataset.element_spec == (TensorSpec((), "int32"), TensorSpec((), "int32"))
    found = values(dataset)
    assert all(a == b for a, b in found)
    kept = np.bincount([a for a, _ in found])
    assert kept[1] >= 190  # of the rare class nearly all are kept
    np.testing.assert_allclose(kept[0] / kept.sum(), 0.5, atol=0.1)
    assert values(dataset) != values(dataset)  # other draws in every pass
    epochs = [[tuple(map(int, x)) for x in dataset._elements(EpochKey(e))] for e in (1, 2, 1)]
    assert epochs[0] == epochs[2] != epochs[1]


def test_what_resampling_refuses() -> None:
    with pytest.raises(ValueError, match="target_dist should be numbers that are not negative"):
        labels().rejection_resample(lambda y: y, [0.5, -0.5])
    with pytest.raises(ValueError, match="initial_dist should have a number for each of 2, got 3"):
        labels().rejection_resample(lambda y: y, [0.5, 0.5], [1, 1, 1])
    with pytest.raises(ValueError, match="a class from 0 to 1, got 5"):
        list(labels().rejection_resample(lambda y: y + 5, [0.5, 0.5]))
    with pytest.raises(TypeError, match="class_func should return one whole number"):
        list(labels().rejection_resample(lambda y: 0.5, [0.5, 0.5]))
