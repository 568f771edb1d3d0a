"""What the base classes do for every metric: state, tracking, configs, names, and clear errors."""

from __future__ import annotations

import copy
import inspect
import pickle
from typing import Any

import numpy as np
import pytest
from dualnet_backends import Backend

import dualnet
from dualnet import GradientTape, Tensor, Variable, losses, metrics, ops
from dualnet.core.naming import to_snake_case
from tests.backends import strict

from .cases import ROWS, Row, fixed

every_row = pytest.mark.parametrize("row", ROWS, ids=str)


class RootMeanSquare(metrics.Metric):
    """A metric of one's own, as a course would write it."""

    def __init__(self, name: str = "rms", power: float = 2.0, **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self.power = power
        self.total = self.add_variable(shape=(), initializer="zeros", name="total")
        self.seen = self.add_weight(name="seen", initializer="zeros", dtype="int32")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        y_true = ops.cast(y_true, self.dtype)
        self.total.assign_add(ops.sum(ops.abs(y_pred - y_true) ** self.power))
        self.seen.assign(self.seen + y_true.shape[0])

    def result(self) -> Any:
        return (self.total / ops.cast(self.seen, self.dtype)) ** (1 / self.power)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "power": self.power}


def test_a_metric_of_one_s_own(backend: Backend) -> None:
    metric = RootMeanSquare()
    assert [v.path for v in metric.variables] == ["rms/total", "rms/seen"]
    for _ in range(2):
        value = metric(np.array([1, 2]), np.array([4.0, 6.0], "float32"))
    assert float(value) == pytest.approx(np.sqrt(12.5))
    assert metric.total.device == backend.device
    assert int(metric.seen) == 4
    metric.reset_states()
    assert [float(v) for v in metric.variables] == [0, 0]
    again = RootMeanSquare.from_config(metric.get_config())
    assert again.get_config() == metric.get_config() == {"name": "rms", "dtype": "float32", "power": 2.0}


def test_spellings_of_add_weight() -> None:
    metric = metrics.Metric(name="m")
    variables = [
        metric.add_weight("a", shape=(2,)),
        metric.add_weight("b", (3,)),
        metric.add_weight("c", initializer="ones"),
        metric.add_weight((4,), "ones", name="d"),
        metric.add_variable(5, initializer=lambda shape, dtype: np.full(shape, 7, dtype), name="e"),
    ]
    assert [(v.path, v.shape) for v in variables] == [
        ("m/a", (2,)), ("m/b", (3,)), ("m/c", ()), ("m/d", (4,)), ("m/e", (5,)),
    ]  # fmt: skip
    assert [float(ops.sum(v)) for v in variables] == [0, 0, 1, 4, 35]
    assert metric.variables == variables
    assert not any(v.tracked for v in variables)


def test_tracking() -> None:
    metric = RootMeanSquare()
    metric.more = [Variable(0.0), {"a": Variable(1.0)}]  # type: ignore[attr-defined]
    metric.inner = {"x": RootMeanSquare("inner"), "y": [RootMeanSquare("other")]}  # type: ignore[attr-defined]
    metric.again = metric.total  # type: ignore[attr-defined]
    assert len(metric.variables) == 2 + 2 + 2 * 2
    metric.reset_state()
    assert all(float(v) == 0 for v in metric.variables)

    class Forgetful(metrics.Metric):
        def __init__(self) -> None:
            self.total = self.add_variable((), "zeros")

    with pytest.raises(RuntimeError, match=r"Forgetful.__init__ must call super\(\).__init__\(\)"):
        Forgetful()
    with pytest.raises(NotImplementedError, match="must define update_state"):
        metrics.Metric().update_state(1)
    with pytest.raises(NotImplementedError, match=r"must define result\(\)"):
        metrics.Metric().result()
    with pytest.raises(AttributeError):
        metric.dtype = "float16"  # type: ignore[misc]


def test_partial_batches_are_exact() -> None:
    """The mean over 7 samples in batches of 3 is the mean over 7 samples."""
    random = np.random.default_rng(0)
    y_true, y_pred = random.integers(0, 4, 7), random.random((7, 4)).astype("float32")
    whole = metrics.SparseCategoricalAccuracy()
    whole.update_state(y_true, y_pred)
    parts = metrics.SparseCategoricalAccuracy()
    for i in range(0, 7, 3):
        parts.update_state(y_true[i : i + 3], y_pred[i : i + 3])
    assert float(whole.result()) == float(parts.result()) == pytest.approx(np.mean(y_pred.argmax(1) == y_true))


def test_mean_of_batch_losses() -> None:
    """How ``fit`` tracks the loss: a scalar, weighted by the size of the batch."""
    tracker = metrics.Mean(name="loss")
    assert float(tracker.result()) == 0
    for loss, size in [(2.0, 32), (4.0, 32), (10.0, 8)]:
        tracker.update_state(Tensor(np.array(loss, "float32")), sample_weight=size)
    assert float(tracker.result()) == pytest.approx((2 * 32 + 4 * 32 + 10 * 8) / 72)
    tracker.reset_state()
    tracker.update_state(3)
    tracker.update_state([5.0, 7.0])
    tracker.update_state(np.zeros((0, 2)))
    assert float(tracker.result()) == 5


def test_weights_in_every_form(backend: Backend) -> None:
    values = [[1.0, 3.0], [5.0, 7.0]]
    for weight, total, count in [
        (None, 8.0, 2.0),
        (0.5, 2.0, 0.5),  # the mean of the batch, once
        ([1.0, 0.5], 5.0, 1.5),
        ([[1.0], [0.5]], 5.0, 1.5),
        ([[1.0, 0.0]], 3.0, 1.0),
        ([[1.0, 1.0], [1.0, 0.0]], 4.5, 1.5),
        ([True, False], 2.0, 1.0),
    ]:
        mean = metrics.Mean()
        mean.update_state(values, sample_weight=weight)
        assert [float(v) for v in mean.variables] == [total, count], weight
        assert float(mean.result()) == pytest.approx(total / count)
    for weight, total in [(None, 16.0), (0.5, 8.0), ([1.0, 0.5], 10.0), ([[1.0, 0.0]], 6.0)]:
        assert float(metrics.Sum()(values, sample_weight=weight)) == total, weight


@every_row
def test_no_transfer_inside_a_step(row: Row) -> None:
    with dualnet.device("strict:0"):
        args, weight = fixed(row)
        args = tuple(ops.convert_to_tensor(x) for x in args)
        weight = ops.convert_to_tensor(weight)
        metric = getattr(metrics, row.name)(**row.kwargs)
        with strict.step():
            metric.update_state(*args)
            metric.update_state(*args, sample_weight=weight)
            metric.update_state(*args, sample_weight=2)
            if not row.kwargs.get("num_regressors"):  # with them the number of samples decides, and is read
                metric.result()
            metric.reset_state()
        assert all(not v.numpy().any() for v in metric.variables)


@every_row
def test_updates_in_place_and_records_nothing(row: Row) -> None:
    args, weight = fixed(row)
    y_pred = Variable(args[-1])
    metric = getattr(metrics, row.name)(**row.kwargs)
    metric.update_state(*args[:-1], y_pred)  # some make their variables now
    arrays = [v.data for v in metric.variables]
    with GradientTape() as tape:
        metric.update_state(*args[:-1], y_pred, sample_weight=weight)
        first = metric.result()
    assert tape.watched_variables() == ()
    assert all(v.data is a for v, a in zip(metric.variables, arrays))
    before = first.numpy().copy()
    metric.update_state(*args)
    np.testing.assert_array_equal(first.numpy(), before)  # a result is a value of its own


def test_ties_and_nan() -> None:
    tied = [[0.2, 0.2, 0.2, 0.4]]
    for label, k, expected in [(3, 1, 1), (0, 1, 0), (0, 2, 1), (2, 2, 1)]:
        assert float(metrics.sparse_top_k_categorical_accuracy([label], tied, k=k)[0]) == expected
    nan = [[float("nan"), 0.1, 0.9]]
    assert float(metrics.sparse_top_k_categorical_accuracy([0], nan, k=2)[0]) == 0
    assert float(metrics.sparse_top_k_categorical_accuracy([2], nan, k=1)[0]) == 1


def test_root_of_the_masked_mean() -> None:
    """(Keras counts what the mask leaves out.)"""
    y_pred = Tensor(np.array([[1.0], [2.0], [30.0]], "float32"))
    y_pred._keras_mask = Tensor(np.array([True, True, False]))
    metric = metrics.RootMeanSquaredError()
    metric.update_state(np.zeros((3, 1)), y_pred)
    assert float(metric.result()) == pytest.approx(np.sqrt(2.5))


@pytest.mark.parametrize(
    ("name", "y_true", "y_pred", "message"),
    [
        ("accuracy", (8,), (8, 10), r"\(8,\) and \(8, 10\).*sparse_categorical_accuracy \(integer labels\)"),
        ("binary_accuracy", (8,), (8, 2), r"\(8,\) and \(8, 2\)"),
        ("categorical_accuracy", (8,), (8, 10), "For integer labels use sparse_categorical_accuracy"),
        ("categorical_accuracy", (8, 1), (8, 10), "For integer labels use sparse_categorical_accuracy"),
        ("sparse_categorical_accuracy", (8, 10), (8, 10), "For one-hot targets use categorical_accuracy"),
        ("sparse_categorical_accuracy", (7,), (8, 10), r"must have shape \(8,\), got \(7,\)"),
        ("top_k_categorical_accuracy", (8,), (8, 10), "use sparse_top_k_categorical_accuracy"),
        ("sparse_top_k_categorical_accuracy", (8, 10), (8, 10), "use top_k_categorical_accuracy"),
    ],
)
def test_shapes_that_cannot_be_compared(name: str, y_true: Any, y_pred: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        metrics.FUNCTIONS[name](np.zeros(y_true), np.zeros(y_pred))


def test_weights_that_do_not_fit() -> None:
    metric = metrics.MeanSquaredError(name="mse")
    with pytest.raises(ValueError, match=r"mse: sample_weight of shape \(3,\) does not fit values of shape \(4,\)"):
        metric.update_state(np.zeros((4, 2)), np.zeros((4, 2)), np.ones(3))
    with pytest.raises(ValueError, match=r"sample_weight of shape \(2, 2\) does not fit values of shape \(2,\)"):
        metrics.Sum().update_state([1.0, 2.0], np.ones((2, 2)))


@every_row
def test_config_round_trip(row: Row) -> None:
    cls = getattr(metrics, row.name)
    options = {**row.kwargs, "name": "mine", "dtype": "float64"}
    metric = cls(**options)
    assert options.items() <= metric.get_config().items()
    left_out = {p.name for p in inspect.signature(cls).parameters.values()} ^ set(metric.get_config())
    assert left_out <= ({"thresholds"} if row.name == "AUC" and "thresholds" not in row.kwargs else set())
    assert all(getattr(metric, k) == v for k, v in options.items() if k != "thresholds")
    args, weight = fixed(row)
    metric.update_state(*args, weight)
    value = metric.result().numpy()
    for other in (
        cls.from_config(metric.get_config()),
        metrics.deserialize(metrics.serialize(metric)),
        metrics.get(metrics.serialize(metric)),
    ):
        assert type(other) is cls
        assert other.get_config() == metric.get_config()
        other.update_state(*args, weight)
        np.testing.assert_array_equal(other.result().numpy(), value)
    for twin in (pickle.loads(pickle.dumps(metric)), copy.deepcopy(metric)):
        np.testing.assert_array_equal(twin.result().numpy(), value)
        twin.reset_state()
        np.testing.assert_array_equal(metric.result().numpy(), value)


def test_wrapped_functions() -> None:
    wrapped = metrics.MeanMetricWrapper(metrics.binary_accuracy, name="bin", threshold=0.3)
    again = metrics.MeanMetricWrapper.from_config(wrapped.get_config())
    assert again.get_config() == wrapped.get_config()
    for metric in (wrapped, again):
        assert float(metric([1, 0], [0.4, 0.4])) == 0.5
    assert wrapped._direction is None
    assert metrics.MeanMetricWrapper(losses.mean_squared_error)._direction == "down"
    assert metrics.MeanMetricWrapper(losses.MeanSquaredError())._direction == "down"
    wrapper = metrics.MeanMetricWrapper(lambda t, p: ops.abs(ops.subtract(t, p)))
    assert float(wrapper([[1.0, 2.0], [3.0, 4.0]], [[0.0, 0.0], [0.0, 0.0]], [1.0, 0.0])) == 1.5


def test_get() -> None:
    for cls in metrics.CLASSES:
        needs = [p.name for p in inspect.signature(cls).parameters.values() if p.default is p.empty]
        for name in (cls.__name__, to_snake_case(cls.__name__)):
            if needs:
                with pytest.raises(ValueError, match=f"{name}.*needs {' and '.join(needs)}: give"):
                    metrics.get(name)
            else:
                assert type(metrics.get(name)) is cls
                assert type(metrics.deserialize(name)) is cls
    for name, cls in [
        ("mse", metrics.MeanSquaredError),
        ("MAE", metrics.MeanAbsoluteError),
        ("bce", metrics.BinaryCrossentropy),
    ]:
        assert type(metrics.get(name)) is cls
    assert metrics.get(None) is None
    assert metrics.get(metrics.binary_accuracy) is metrics.binary_accuracy
    metric = metrics.get({"class_name": "BinaryAccuracy", "config": {"threshold": 0.2}})
    assert metric.threshold == 0.2
    with pytest.raises(ValueError, match="did you mean 'binary_accuracy'"):
        metrics.get("binary_acuracy")
