from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dualnet.utils.numerical_utils import normalize, to_categorical


def test_to_categorical_values() -> None:
    rows = to_categorical([0, 2, 1], num_classes=4)
    assert rows.dtype == np.float64
    np.testing.assert_array_equal(rows, [[1, 0, 0, 0], [0, 0, 1, 0], [0, 1, 0, 0]])


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((), (5,)),
        ((1,), (1, 5)),
        ((3,), (3, 5)),
        ((4, 3), (4, 3, 5)),
        ((3, 1), (3, 5)),
        ((1, 1), (1, 5)),
        ((3, 2, 1), (3, 2, 5)),
        ((3, 1, 2), (3, 1, 2, 5)),
        ((0,), (0, 5)),
        ((0, 1), (0, 5)),
    ],
)
def test_to_categorical_shapes(shape: tuple[int, ...], expected: tuple[int, ...]) -> None:
    ids = np.random.default_rng(0).integers(0, 5, shape)
    rows = to_categorical(ids, 5)
    assert rows.shape == expected
    np.testing.assert_array_equal(rows.argmax(-1).reshape(shape), ids)
    np.testing.assert_array_equal(rows.sum(-1), 1)


@pytest.mark.parametrize("none", [None, 0])
def test_to_categorical_counts_the_classes(none: int | None) -> None:
    assert to_categorical([0, 2, 5], none).shape == (3, 6)


@pytest.mark.parametrize(
    "ids",
    [
        [1.0, 0.0],
        np.array([1, 0], np.uint8),
        [True, False],
        ["1", "0"],
        np.array([1, 0])[::-1][::-1],
    ],
)
def test_to_categorical_takes(ids: Any) -> None:
    np.testing.assert_array_equal(to_categorical(ids), [[0, 1], [1, 0]])


@pytest.mark.parametrize(
    ("ids", "classes", "message"),
    [
        ([0, -1], 3, "0 to num_classes - 1 = 2, got -1"),
        ([0, -1], None, "got -1"),
        ([0, 3], 3, "0 to num_classes - 1 = 2, got 3"),
        ([], None, "give num_classes"),
        ([0.5, 1], None, "whole numbers, got 0.5"),
        ([float("nan")], 3, "whole numbers, got nan"),
        ([1e300], 3, "whole numbers"),
        (["cat", "dog"], None, "number the classes first"),
    ],
)
def test_to_categorical_refuses(ids: Any, classes: int | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        to_categorical(ids, classes)


def test_normalize_values() -> None:
    x = np.array([[3.0, 4.0], [0.0, 0.0], [-5.0, 0.0]])
    np.testing.assert_allclose(normalize(x), [[0.6, 0.8], [0, 0], [-1, 0]])
    np.testing.assert_allclose(normalize(x, order=1), [[3 / 7, 4 / 7], [0, 0], [-1, 0]])
    np.testing.assert_allclose(normalize(x, order=np.inf), [[0.75, 1], [0, 0], [-1, 0]])


@pytest.mark.parametrize("axis", [0, 1, 2, -1, -2, -3, (0, 2)])
def test_normalize_leaves_norm_one_along_the_axis(axis: Any) -> None:
    x = np.random.default_rng(0).normal(size=(3, 3, 3))
    before = x.copy()
    y = normalize(x, axis=axis, order=1 if isinstance(axis, int) else 2)
    norm = np.linalg.norm(y, 1 if isinstance(axis, int) else 2, axis)
    np.testing.assert_allclose(norm, 1)
    np.testing.assert_array_equal(x, before)


@pytest.mark.parametrize(("input_dtype", "got"), [("float32", "float32"), ("float64", "float64"), ("int8", "float64")])
def test_normalize_dtype(input_dtype: str, got: str) -> None:
    assert normalize(np.array([[3, 4]], input_dtype)).dtype == got


def test_normalize_of_lists_and_of_a_whole_matrix() -> None:
    np.testing.assert_allclose(normalize([[3, 4]]), [[0.6, 0.8]])
    np.testing.assert_allclose(normalize(np.diag([1.0, 4.0]), axis=None), np.diag([0.25, 1]))


def test_like_keras() -> None:
    # Keras without a backend is as good as none.
    keras = pytest.importorskip("keras", reason="no working Keras", exc_type=ImportError)
    utils = keras.utils
    rng = np.random.default_rng(0)
    for shape in [(), (7,), (7, 1), (2, 3), (2, 3, 1)]:
        ids = rng.integers(0, 4, shape)
        ours, theirs = to_categorical(ids, 4), utils.to_categorical(ids, 4)
        assert ours.dtype == theirs.dtype
        np.testing.assert_array_equal(ours, theirs)
    x = rng.normal(size=(4, 5, 6)).astype("float32")
    for axis in (-1, 1, 2):
        for order in (1, 2, 3):
            ours, theirs = normalize(x, axis, order), utils.normalize(x, axis, order)
            assert ours.dtype == theirs.dtype
            np.testing.assert_array_equal(ours, theirs)
