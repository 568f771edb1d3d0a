"""Sorting, indexing and segments at their limits: NaN, ties, indices out of bounds, unknown sizes, and errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from dualnet_backends import Backend

import dualnet
from dualnet import ops
from dualnet.ops.core.scatter import _write_rows

from ..backends.strict_transfers import TransferError, step

NAN = float("nan")


def values(x: Any) -> Any:
    return ops.convert_to_numpy(x).tolist()


def on(backend: Backend, x: Any, dtype: str = "float32") -> Any:
    return dualnet.Tensor(backend.asarray(np.asarray(x, dtype)))


# -- order -------------------------------------------------------------------------------------------------------------


def test_of_equals_the_first_is_largest_and_nan_is_larger(backend: Backend) -> None:
    largest, indices = ops.top_k(on(backend, [[1, NAN, 3, 3], [2, 2, 2, 1]]), 3)
    assert values(indices) == [[1, 2, 3], [0, 1, 2]]
    assert values(largest[1]) == [2, 2, 2]
    assert str(indices.dtype) == "int32"
    assert values(ops.top_k(on(backend, [0, 255, 3], "uint8"), 2)[0]) == [255, 3]
    assert values(ops.top_k(on(backend, [-128, 127, 0], "int8"), 3)[1]) == [1, 2, 0]


@pytest.mark.parametrize("k", [-1, 4])
def test_more_than_there_are(k: int) -> None:
    with pytest.raises(ValueError, match="expected k from 0 to 3"):
        ops.top_k(np.ones(3), k)
    with pytest.raises(ValueError, match="expected kth from -3 to 2"):
        ops.argpartition(np.ones(3), 4 if k > 0 else -4)


def test_in_top_k_of_what_is_not_there(backend: Backend) -> None:
    predictions = on(backend, [[1, 1, 0]] * 5)
    assert values(ops.in_top_k(on(backend, [0, 1, 2, 5, -1], "int32"), predictions, 1)) == [True, True] + [False] * 3
    assert values(ops.in_top_k(on(backend, [0, 1], "int32"), on(backend, [[NAN, 1, 0]] * 2), 1)) == [False, True]


def test_arguments_of_searches() -> None:
    with pytest.raises(ValueError, match=r"shape \(n,\)"):
        ops.searchsorted(np.ones((2, 2)), np.ones(2))
    with pytest.raises(ValueError, match='"left" or "right"'):
        ops.searchsorted(np.ones(2), np.ones(2), side="middle")
    assert values(ops.isin([1.0, NAN], [NAN, 1.0], invert=True)) == [False, True]
    assert values(ops.isin([1, 2], [])) == [False, False]


def test_quantiles_of_nan_infinity_and_ends(backend: Backend) -> None:
    x = on(backend, [[1.0, NAN, 3.0], [1.0, 2.0, np.inf]])
    assert np.isnan(values(ops.median(x, axis=1))[0])
    assert values(ops.nanmedian(x, axis=1)) == [2, 2]
    assert values(ops.quantile(x, 0.0, axis=1))[1] == 1
    assert np.isnan(values(ops.nanmedian(on(backend, [NAN, NAN]))))
    assert values(ops.quantile(on(backend, [1, 2, 3]), [-1.0, 2.0])) == [1, 3]
    nearest = ops.quantile(on(backend, range(5)), [0.125, 0.375, 0.5, 0.625, 0.9], method="nearest")
    assert values(nearest) == [0, 1, 2, 2, 4]
    with pytest.raises(ValueError, match="at least one element"):
        ops.median(np.zeros((0,)))
    with pytest.raises(ValueError, match="one of the methods"):
        ops.quantile(np.ones(2), 0.5, method="other")


# -- counts ------------------------------------------------------------------------------------------------------------


def test_unique_cut_and_filled(backend: Backend) -> None:
    x = on(backend, [3, 1, 1, 2], "int32")
    assert values(ops.unique(x, size=2)) == [1, 2]
    assert values(ops.unique(x, size=5)) == [1, 2, 3, 1, 1]
    filled, counts = ops.unique(x, size=5, fill_value=9, return_counts=True)
    assert values(filled) == [1, 2, 3, 9, 9]
    assert values(counts) == [2, 1, 1, 0, 0]
    rows, index = ops.unique(on(backend, [[3, 1], [1, 2]]), axis=0, size=3, fill_value=7, return_index=True)
    assert values(rows) == [[1, 2], [3, 1], [7, 7]]
    assert values(index) == [1, 0, 1]
    assert len(values(ops.unique(on(backend, [NAN, 1, NAN])))) == 3
    with pytest.raises(ValueError, match="no values"):
        ops.unique(np.zeros(0), size=2)


def test_arguments_of_counts() -> None:
    for wrong, error in (([-1, 1], ValueError), ([0.5], TypeError), ([[[1]]], ValueError)):
        with pytest.raises(error, match="bincount: expected"):
            ops.bincount(wrong)
    with pytest.raises(ValueError, match="in the shape"):
        ops.bincount([1, 2], weights=[1.0])
    with pytest.raises(ValueError, match="sparse"):
        ops.bincount([1], sparse=True)
    assert values(ops.bincount(np.zeros(0, "int32"), minlength=2)) == [0, 0]
    with pytest.raises(TypeError, match="integer"):
        ops.histogram([1.0], bins=[1, 2])
    for options in ({"bins": 0}, {"range": (2, 1)}):
        with pytest.raises(ValueError, match="histogram: expected"):
            ops.histogram([1.0], **options)
    with pytest.raises(ValueError, match="histogram: expected"):
        ops.histogram([[1.0]])
    with pytest.raises(ValueError, match="nonzero: expected"):
        ops.nonzero(3)


# -- indices ------------------------------------------------------------------------------------------------------------


def test_windows_that_start_on_the_device(backend: Backend) -> None:
    x = on(backend, range(5))
    for start, expected in ((1, [1, 2, 3]), (-5, [0, 1, 2])):
        assert values(ops.slice(x, on(backend, [start], "int32"), (3,))) == expected
        assert values(ops.slice(x, [on(backend, start, "int32")], (3,))) == expected
    assert values(ops.slice(x, on(backend, [3], "int32"), (-1,))) == [3, 4]
    outside = (
        lambda: ops.slice(x, on(backend, [3], "int32"), (3,)),
        lambda: ops.slice_update(x, on(backend, [4], "int32"), on(backend, [7, 8])),
    )
    if backend.device == "cpu":
        for call in outside:
            with pytest.raises(ValueError, match="does not lie within"):
                call()
    else:  # a device cannot raise
        assert [values(call()) for call in outside] == [[2, 3, 4], [0, 1, 2, 7, 8]]


def test_windows_that_start_on_the_host_must_fit() -> None:
    x = np.arange(5.0)
    with pytest.raises(ValueError, match="does not lie within"):
        ops.slice(x, [3], [3])
    with pytest.raises(ValueError, match="does not lie within"):
        ops.slice_update(x, [4], np.ones(2))
    with pytest.raises(ValueError, match="a start and a size"):
        ops.slice(x, [3, 0], [1])


def test_what_lies_outside_is_refused_or_on_a_device_left_out(backend: Backend) -> None:
    indices, rows = on(backend, [[0], [5], [-1], [-9]], "int32"), on(backend, [1, 2, 3, 4])
    calls = (
        lambda: ops.scatter(indices, rows, (4,)),
        lambda: ops.scatter_update(on(backend, [9, 9, 9, 9]), indices, rows),
        lambda: ops.scatter_update(on(backend, [9, 2, 2, 2]), indices, rows, "mul"),
    )
    if backend.device == "cpu":
        for call in calls:
            with pytest.raises(IndexError, match=r"\[5\] is out of bounds"):
                call()
    else:
        assert [values(call()) for call in calls] == [[1, 0, 0, 3], [1, 9, 9, 3], [9, 2, 2, 6]]
    with pytest.raises(ValueError, match="expected the reduction"):
        ops.scatter_update(np.ones(2), [[0]], [1.0], "mean")
    with pytest.raises(ValueError, match="expected indices"):
        ops.scatter_update(np.ones(2), [[0, 1]], [1.0])


def test_dtypes_of_scatter(backend: Backend) -> None:
    for dtype in ("bool", "uint8", "int8", "int32", "float16", "float32"):
        x, u = on(backend, [1, 0, 1], dtype), on(backend, [0, 1], dtype)
        for reduction in (None, "max", "min"):
            assert str(ops.scatter_update(x, [[1], [2]], u, reduction).dtype) == dtype
    assert values(ops.scatter_update(on(backend, range(4), "int32"), [[0]], [1.5])) == [1, 1, 2, 3]


def test_segments_without_rows(backend: Backend) -> None:
    ids = on(backend, [0, 2, -1, -1], "int32")
    rows = on(backend, [1, 2, 3, 4])
    assert values(ops.segment_max(rows, ids, 4)) == [1, -np.inf, 2, -np.inf]
    assert values(ops.segment_min(rows, ids, 4)) == [1, np.inf, 2, np.inf]
    assert values(ops.segment_prod(rows, ids, 4)) == [1, 1, 2, 1]
    assert values(ops.segment_max(on(backend, [1, 1, 1, 1], "int8"), ids, 4)) == [1, -128, 1, -128]
    assert values(ops.segment_sum(rows, on(backend, [0, 2, 9, -1], "int32"))) == [1, 0, 2, 0, 0, 0, 0, 0, 0, 3]
    assert values(ops.segment_sum(on(backend, np.ones((0, 2))), on(backend, [], "int32"))) == []


def test_shares_of_the_gradient_of_ties(backend: Backend) -> None:
    rows = on(backend, [1, 3, 3, 0, 3])
    rows.tracked = True
    with dualnet.core.tracing.recording() as tape:
        total = ops.sum(ops.segment_max(rows, on(backend, [0, 0, 0, 1, -1], "int32"), 2))
    grad = dualnet.core.autodiff.backward(tape, total)[id(rows)]
    assert backend.to_numpy(grad).tolist() == [0, 0.5, 0.5, 1, 0]


def test_arguments_of_segments() -> None:
    with pytest.raises(ValueError, match=r"shape \(n,\)"):
        ops.segment_sum(np.ones(2), [[0], [1]], 2)
    with pytest.raises(ValueError, match="one segment id for each row"):
        ops.segment_sum(np.ones(3), [0, 1], 2)
    with pytest.raises(TypeError, match="whole numbers"):
        ops.segment_sum(np.ones(2), [0.0, 1.0], 2)


def test_nothing_here_waits_for_the_device(backend: Backend) -> None:
    x, ids = on(backend, np.arange(12.0).reshape(3, 4)), on(backend, [0, 1, 0], "int32")
    start, pairs = on(backend, [1, 1], "int32"), on(backend, [[0, 1], [2, 2]], "int32")
    x.tracked = True
    calls: list[Any] = [
        lambda: ops.sort(x), lambda: ops.top_k(x, 2)[0], lambda: ops.median(x, axis=1), lambda: ops.nanquantile(x, 0.3, axis=0),
        lambda: ops.isin(x, ids), lambda: ops.searchsorted(x[0], x), lambda: ops.histogram(ops.ravel(x), 3)[0], lambda: ops.tril(x),
        lambda: ops.diagonal(x), lambda: ops.vander(x[0]), lambda: ops.slice(x, start, (2, 2)), lambda: ops.slice_update(x, start, x[:2, :2]),
        lambda: ops.scatter(pairs, x[0, :2], (3, 4)), lambda: ops.fold(ops.unfold(ops.reshape(x, (1, 1, 3, 4)), 2), (3, 4), 2),
        lambda: _write_rows(x, ids, x), lambda: ops.in_top_k(ids, x, 2), lambda: ops.select([x > 1, x > 0], [x, 2 * x]),
    ]  # fmt: skip
    calls += [lambda r=r: ops.scatter_update(x, pairs, x[0, :2], r) for r in (None, "add", "max", "min", "mul")]
    calls += [
        lambda op=op: op(x, ids, 2) for op in (ops.segment_sum, ops.segment_max, ops.segment_min, ops.segment_prod)
    ]
    for call in calls:
        with step(), dualnet.core.tracing.recording() as tape:
            y = call()
            dualnet.core.autodiff.backward(tape, y)
    if backend.name.startswith("strict"):
        with pytest.raises(TransferError), step():
            ops.nonzero(x)


# -- shapes that are open ----------------------------------------------------------------------------------------------


def test_open_shapes() -> None:
    x, ids = dualnet.KerasTensor((None, 4)), dualnet.KerasTensor((None,), "int32")
    assert ops.segment_sum(x, ids).shape == (None, 4)
    assert ops.segment_sum(x, ids, 5).shape == (5, 4)
    assert [i.shape for i in ops.nonzero(x)] == [(None,), (None,)]
    assert ops.unique(x).shape == (None,)
    assert ops.unique(x, axis=0, size=3).shape == (3, 4)
    assert ops.bincount(ids).shape == (None,)
    assert [part.shape for part in ops.array_split(x, 2)] == [(None, 4), (None, 4)]
    assert [part.shape for part in ops.split(x, 2)] == [(None, 4), (None, 4)]
    assert len(ops.unstack(x, axis=1)) == 4
    assert ops.unstack(x, num=1)[0].shape == (4,)
    assert ops.top_k(x, 2)[1].dtype == "int32"
    with pytest.raises(ValueError, match="is open"):
        ops.unstack(x)
    assert ops.slice(x, dualnet.KerasTensor((2,), "int32"), (-1, 2)).shape == (None, 2)


def test_an_open_axis_beside_a_fixed_one() -> None:
    x, y = dualnet.KerasTensor((None, 3)), dualnet.KerasTensor((4, None))
    assert (x + y).shape == (4, 3)
    assert ops.vstack([x, dualnet.KerasTensor((None, None))]).shape == (None, 3)
    with pytest.raises(ValueError, match="broadcast"):
        x + dualnet.KerasTensor((None, 4))


def test_what_is_left_of_an_open_axis() -> None:
    x = dualnet.KerasTensor((None, None))
    assert x[5:].shape == (None, None)
    assert ops.diag(x, k=3).shape == (None,)
    assert dualnet.KerasTensor((None, 0))[:1].shape == (None, 0)  # a batch may be empty


def test_in_a_functional_model() -> None:
    x = dualnet.Input((4,))
    best, indices = ops.top_k(ops.sort(x), 2)
    first, second = ops.unstack(best, axis=1)
    model = dualnet.Model(x, [first - second, indices, ops.scatter_update(x, [[0, 0]], [9.0]), ops.nonzero(x)[1]])
    difference, indices, updated, columns = model(np.array([[1.0, 5.0, 0.0, 2.0], [0.0, 0.0, 0.0, 7.0]], "float32"))
    assert values(difference) == [3, 7]
    assert values(indices) == [[3, 2], [3, 0]]  # of the sorted row
    assert values(updated)[0] == [9, 5, 0, 2]
    assert values(columns) == [0, 1, 3, 3]


# -- creation and reductions beside them ---------------------------------------------------------------------------------


def test_linspace(backend: Backend) -> None:
    numbers, distance = ops.linspace(0.0, 1.0, 3, endpoint=False, retstep=True)
    np.testing.assert_allclose(values(numbers), [0, 1 / 3, 2 / 3], rtol=1e-6)
    assert float(distance) == pytest.approx(1 / 3)
    rows = ops.linspace(on(backend, [0, 1]), on(backend, [10, 20]), 3, axis=1)
    assert values(rows) == [[0, 5, 10], [1, 10.5, 20]]
    assert str(ops.linspace(on(backend, [0, 1], "float16"), 5, 3).dtype) == "float16"
    assert values(ops.linspace(0, 10, 4, dtype="int32")) == [0, 3, 6, 10]
    assert np.isnan(float(ops.linspace(0, 1, 1, retstep=True)[1]))
    assert values(ops.linspace(0, 1, 0)) == []


def test_the_largest_is_at_least_the_initial(backend: Backend) -> None:
    x = on(backend, [[1, 5], [2, 3]])
    assert values(ops.max(x, axis=1, initial=4)) == [5, 4]
    assert values(ops.min(x, initial=0.5)) == 0.5
    assert values(ops.max(on(backend, np.ones((0, 2))), axis=0, initial=1)) == [1, 1]
    testing_point = on(backend, [[1, 5], [2, 3]], "float64")
    dualnet.testing.check_grads(lambda v: ops.max(v, axis=1, initial=4), testing_point)


def test_where_without_choices(backend: Backend) -> None:
    assert [values(i) for i in ops.where(on(backend, [[0, 1], [1, 1]], "bool"))] == [[0, 1, 1], [1, 0, 1]]
    with pytest.raises(ValueError, match="both x1 and x2"):
        ops.where([True], [1.0])


def test_repeat_each_its_own_number_of_times(backend: Backend) -> None:
    x = on(backend, [[1, 2], [3, 4]])
    assert values(ops.repeat(x, [2, 1], axis=0)) == [[1, 2], [1, 2], [3, 4]]
    assert values(ops.repeat(x, [2])) == [1, 1, 2, 2, 3, 3, 4, 4]
    with pytest.raises(ValueError, match="one for each of 2"):
        ops.repeat(x, [1, 2, 3], axis=0)
    dualnet.testing.check_grads(lambda v: ops.repeat(v, [3, 0], axis=1), x)


@pytest.mark.parametrize("name", ["concatenate", "unstack", "take_along_axis"])
def test_axes_out_of_bounds(name: str) -> None:
    arguments = {"concatenate": ([np.ones(2)],), "unstack": (np.ones(2),), "take_along_axis": (np.ones(2), [0])}
    with pytest.raises(ValueError, match="axis 3 is out of bounds"):
        getattr(ops, name)(*arguments[name], axis=3)
