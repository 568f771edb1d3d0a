"""The forms of data that fit, evaluate and predict take, and what they say about those they do not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import dualnet
from dualnet import layers, ops

X = np.linspace(-1, 1, 30).reshape(10, 3)
Y = X.sum(1, keepdims=True)


def model(loss: Any = "mse", **arguments: Any) -> Any:
    network = dualnet.Sequential([dualnet.Input((3,)), layers.Dense(1, kernel_initializer="ones")])
    network.compile(dualnet.optimizers.SGD(0.0), loss, **arguments)
    return network


class Frame:
    """What of a data frame is used: ``to_numpy``, ``shape``, and no ``dtype``."""

    def __init__(self, values: Any) -> None:
        self.values = values
        self.shape = values.shape

    def to_numpy(self) -> Any:
        return self.values

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return np.asarray(self.values, dtype=dtype)


FORMS: dict[str, Any] = {
    "float64": X,
    "float32": X.astype("float32"),
    "float16": X.astype("float16"),
    "nested lists": X.tolist(),
    "list of rows": list(X),
    "tuple of lists": tuple(map(tuple, X.tolist())),
    "tensor": None,  # made in the test: it is on the device in use
    "data frame": Frame(X),
    "not contiguous": np.asfortranarray(X)[::-1][::-1],
    "big endian": X.astype(">f4"),
    "read only": np.broadcast_to(X, X.shape),
}


@pytest.mark.parametrize("form", [f for f in FORMS if f not in ("list of rows", "tuple of lists")])
def test_forms_of_arrays(form: str) -> None:
    x = ops.array(X) if form == "tensor" else FORMS[form]
    network = model()
    np.testing.assert_allclose(network.predict(x, verbose=0), Y, atol=2e-3)
    assert network.predict(x, verbose=0).dtype == "float32"
    assert network.evaluate(x, Y, verbose=0) < 1e-5
    history = network.fit(x, Y[:, 0], verbose=0, validation_split=0.5).history  # labels without the last axis
    assert history["val_loss"][0] < 1e-5


def test_the_user_s_arrays_are_left_alone() -> None:
    x, y, w = X.astype("float32"), Y.astype("float32"), np.ones(10, "float32")
    copies = x.copy(), y.copy(), w.copy()
    network = model()
    network.fit(x, y, sample_weight=w, epochs=2, verbose=0)
    network.train_on_batch(x, y)
    network.predict(x, verbose=0)[:] = 7
    for now, before in zip((x, y, w), copies):
        np.testing.assert_array_equal(now, before)


@pytest.mark.parametrize("n", [1, 31, 32, 33])
def test_every_size_of_data(n: int) -> None:
    x = np.ones((n, 3))
    network = model()
    assert network.predict(x, verbose=0).shape == (n, 1)
    assert network.fit(x, x[:, :1], verbose=0).history["loss"] == [4.0]


def test_data_for_several_inputs() -> None:
    a, b = dualnet.Input((3,), name="a"), dualnet.Input((3,), name="b")
    network = dualnet.Model([a, b], layers.Dense(1, kernel_initializer="ones")(a + b))
    network.compile("sgd", "mse")
    for x in ([X, X], (X, X), {"a": X, "b": X}):
        np.testing.assert_allclose(network.predict(x, verbose=0, batch_size=3), 2 * Y, atol=1e-5)
        assert network.evaluate(x, 2 * Y, verbose=0) < 1e-9
    with pytest.raises(ValueError, match="same number of samples, got x: 10, 9"):
        network.predict([X, X[:9]], verbose=0)


def generator(item: Any) -> Iterator[Any]:
    yield item


WRONG: dict[str, tuple[Any, str]] = {
    "no data": (lambda: model().fit(), "x is None: data is needed"),
    "a number": (lambda: model().fit(3.0, 4.0), "x must be arrays, or an iterable"),
    "a scalar array": (lambda: model().fit(np.float32(3), np.float32(3)), "single number: the first axis"),
    "strings": (lambda: model().fit(np.array([["a"]]), Y[:1]), r"x cannot be used as data: .* dtype <U1"),
    "objects": (lambda: model().fit(np.array([[None, 1, 2]]), Y[:1]), "x cannot be used as data: .*dtype object"),
    "ragged lists": (lambda: model().fit([[1.0, 2.0, 3.0], [1.0]], Y[:2]), "x cannot be used as data"),
    "dates": (lambda: model().fit(X.astype("datetime64[s]"), Y), "x cannot be used as data: .*datetime64"),
    "fewer labels": (lambda: model().fit(X, Y[:9]), "same number of samples, got x: 10; y: 9"),
    "fewer weights": (lambda: model().fit(X, Y, sample_weight=np.ones(9)), "x: 10; y: 10; sample_weight: 9"),
    "no samples": (lambda: model().fit(X[:0], Y[:0]), "no batch to train on: the data is empty"),
    "nothing to judge": (lambda: model().evaluate(X[:0], Y[:0]), "no batch to evaluate on"),
    "nothing to predict": (lambda: model().predict(X[:0]), "no batch to predict"),
    "no labels": (lambda: model().fit(X), "no labels: pass y"),
    "an empty generator": (lambda: model().fit(iter(())), "no batch to train on"),
    "lists from a generator": (lambda: model().fit(generator([X, Y])), "must be a tuple.*got a list of 2"),
    "four parts": (lambda: model().fit(generator((X, Y, Y, Y))), "got a tuple of 4"),
    "labels beside a generator": (lambda: model().fit(generator((X, Y)), Y), "y must be in the batches"),
    "size of a generator": (lambda: model().fit(generator((X, Y)), batch_size=3), "decided by the batches"),
    "splitting a generator": (lambda: model().fit(generator((X, Y)), validation_split=0.5), "needs arrays"),
    "split of everything": (lambda: model().fit(X, Y, validation_split=1.0), "between 0 and 1, got 1.0"),
    "split of nothing": (lambda: model().fit(X, Y, validation_split=-0.1), "between 0 and 1, got -0.1"),
    "split of too few": (lambda: model().fit(X[:1], Y[:1], validation_split=0.5), "1 samples are too few"),
    "validation data": (lambda: model().fit(X, Y, validation_data=(X,)), r"\(x, y\) or \(x, y, sample_weight\), got 1"),
    "both weights": (lambda: model().fit(X, Y, class_weight={0: 1}, sample_weight=Y[:, 0]), "not both"),
    "batch of 0": (lambda: model().fit(X, Y, batch_size=0), "positive whole number or None, got 0"),
    "batch of 2.5": (lambda: model().fit(X, Y, batch_size=2.5), "positive whole number or None, got 2.5"),
    "epochs": (lambda: model().fit(X, Y, epochs=-1), "epochs must be a positive whole number, got -1"),
    "steps": (lambda: model().fit(X, Y, steps_per_epoch=0), "steps_per_epoch must be a positive whole number"),
    "another width": (lambda: model().fit(X[:, :2], Y), r"entries, got shape \(10, 2\)|expects shape"),
    "another output": (lambda: model().fit(X, X), "same shape"),
    "unknown loss": (lambda: model("mze"), "no loss is called 'mze'; did you mean 'mse'"),
    "unknown metric": (lambda: model(metrics=["acuracy"]), "no metric is called 'acuracy'; did you mean 'accuracy'"),
    "metrics as a name": (lambda: model(metrics="mae"), r"must be a list, such as metrics=\['accuracy'\]"),
    "a number as metric": (lambda: model(metrics=[3]), "3 in metrics is not a metric"),
    "unknown optimizer": (lambda: model().compile("adamm"), "no optimizer is called 'adamm'; did you mean 'adam'"),
}


@pytest.mark.parametrize("name", WRONG)
def test_mistakes_are_reported(name: str) -> None:
    call, message = WRONG[name]
    with pytest.raises((ValueError, TypeError), match=message):
        call()


def test_nothing_is_trained_before_an_error() -> None:
    network = model()
    network.optimizer.learning_rate = 0.1
    before = network.get_weights()
    for x, y in ((X, Y[:9]), (X[:, :2], Y), (X, X)):
        with pytest.raises(ValueError, match="got"):
            network.fit(x, y, verbose=0)
    for a, b in zip(before, network.get_weights()):
        np.testing.assert_array_equal(a, b)
    assert int(network.optimizer.iterations.numpy()) == 0


def test_nan_in_the_loss_is_seen() -> None:
    """A loss that is not a number is reported as such, and never skipped or averaged away."""
    network = model(lambda y, p: ops.log(ops.sum(p, axis=-1) - 100.0))
    with pytest.warns(dualnet.TrainingWarning, match="the loss became nan in epoch 1, batch 1"):
        assert np.isnan(network.fit(X, Y, verbose=0, batch_size=5).history["loss"][0])
    with np.errstate(all="ignore"):
        assert np.isnan(network.evaluate(X, Y, verbose=0))
