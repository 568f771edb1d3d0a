"""Several outputs: losses, weights, metrics, labels and sample weights as lists and by name."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import dualnet
from dualnet import layers

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 8)).astype("float32")
A = (X.sum(1) > 0).astype("float32")[:, None]
B = RNG.integers(0, 3, 40)


def build(api: Any = dualnet) -> Any:
    x = api.Input((8,))
    h = api.layers.Dense(5, activation="tanh")(x)
    outputs = [
        api.layers.Dense(1, activation="sigmoid", name="a")(h),
        api.layers.Dense(3, activation="softmax", name="b")(h),
    ]
    model = api.Model(x, outputs)
    rng = np.random.default_rng(5)
    model.set_weights([rng.normal(size=w.shape).astype("float32") * 0.4 for w in model.get_weights()])
    return model


COMPILED = {
    "lists": {
        "loss": ["binary_crossentropy", "sparse_categorical_crossentropy"],
        "metrics": [["accuracy"], ["accuracy"]],
    },
    "names": {
        "loss": {"a": "mse", "b": "sparse_categorical_crossentropy"},
        "loss_weights": {"a": 0.5, "b": 2.0},
        "metrics": {"a": ["mae", "acc"], "b": "accuracy"},
        "weighted_metrics": [[], ["accuracy"]],
    },
}


@pytest.mark.parametrize("case", COMPILED)
def test_the_same_history_as_keras(keras: Any, case: str) -> None:
    results = []
    for api in (keras, dualnet):
        model = build(api)
        model.compile("sgd", **COMPILED[case])
        labels: Any = [A, B] if case == "lists" else {"a": A, "b": B}
        history = model.fit(X, labels, epochs=2, shuffle=False, verbose=0, validation_split=0.2).history
        results.append((history, model.evaluate(X, [A, B], verbose=0)))
    (theirs, their_end), (ours, our_end) = results
    assert list(theirs) == list(ours)
    for name, values in theirs.items():
        np.testing.assert_allclose(ours[name], values, rtol=1e-5, err_msg=name)
    np.testing.assert_allclose(our_end, their_end, rtol=1e-5)


def test_the_total_is_the_weighted_sum() -> None:
    model = build()
    model.compile("sgd", ["mse", "sparse_categorical_crossentropy"], loss_weights=[0.5, 3.0])
    results = model.evaluate(X, [A, B], verbose=0, return_dict=True)
    assert results["loss"] == pytest.approx(0.5 * results["a_loss"] + 3 * results["b_loss"], rel=1e-5)
    assert [p.shape for p in model.predict(X, verbose=0)] == [(40, 1), (40, 3)]


def test_sample_weights_for_each_output() -> None:
    model = build()
    model.compile("sgd", ["mse", "sparse_categorical_crossentropy"])
    weights = [np.zeros(40), np.ones(40)]
    results = model.evaluate(X, [A, B], sample_weight=weights, verbose=0, return_dict=True)
    assert results["a_loss"] == 0
    assert results["b_loss"] > 0


def test_an_output_without_a_loss() -> None:
    model = build()
    model.compile("sgd", {"b": "sparse_categorical_crossentropy"})
    with pytest.warns(UserWarning, match="does not depend on a/kernel, a/bias"):
        history = model.fit(X, {"b": B}, verbose=0).history
    assert np.isfinite(history["loss"][0])


def test_dictionary_outputs_of_a_subclass() -> None:
    class Two(dualnet.Model):
        def __init__(self) -> None:
            super().__init__()
            self.p, self.q = layers.Dense(1), layers.Dense(3)

        def call(self, x: Any) -> Any:
            return {"p": self.p(x), "q": self.q(x)}

    model = Two()
    model.compile("sgd", {"p": "mse", "q": "mse"}, metrics={"q": ["mae"]})
    names = list(model.fit(X, {"p": A, "q": X[:, :3]}, verbose=0).history)
    assert names == ["loss", "p_loss", "q_loss", "q_mae"]


def test_wrong_structures_are_reported() -> None:
    model = build()
    model.compile("sgd", ["mse", "mse", "mse"])
    with pytest.raises(ValueError, match=r"loss has 3 entries, the model has 2 outputs \(a, b\)"):
        model.fit(X, [A, B], verbose=0)
    model.compile("sgd", {"a": "mse", "c": "mse"})
    with pytest.raises(ValueError, match=r"Expected keys \['a', 'b'\] in loss.*found \['c'\]"):
        model.fit(X, {"a": A, "b": B}, verbose=0)
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="but y is a single array"):
        model.fit(X, A, verbose=0)


@pytest.mark.parametrize("metrics", [None, [["mae"], ["mse"]]])
def test_outputs_with_one_name_have_a_loss_each(metrics: Any) -> None:
    """A layer that is called twice: Keras returns both losses in a list, and one of them in a dictionary."""
    x = dualnet.Input((8,))
    shared = layers.Dense(1, name="o")
    model = dualnet.Model(x, [shared(x), shared(x * 2)])
    model.compile("sgd", ["mse", "mae"], metrics=metrics)
    first, second = model.predict(X, verbose=0)
    expected = [((first - A) ** 2).mean(), np.abs(second - A).mean()]
    results = model.evaluate(X, [A, A], verbose=0, return_dict=True)
    np.testing.assert_allclose([results["o_loss"], results["o_loss_1"]], expected, rtol=1e-5)
    for values in (
        model.evaluate(X, [A, A], verbose=0),
        model.test_on_batch(X, [A, A]),
        model.train_on_batch(X, [A, A]),
    ):
        assert len(values) == (3 if metrics is None else 5)
        np.testing.assert_allclose(values[:3], [sum(expected), *expected], rtol=1e-5)


@pytest.mark.keras
@pytest.mark.parametrize("case", COMPILED)
def test_one_batch_returns_what_keras_returns(keras: Any, case: str) -> None:
    ours, theirs = build(), build(keras)
    values: dict[str, Any] = {}
    for model in (ours, theirs):
        model.compile("sgd", **COMPILED[case])
        results = [f(X, [A, B]) for f in (model.train_on_batch, model.test_on_batch)]
        results.append(model.evaluate(X, [A, B], batch_size=40, verbose=0))
        values[type(model).__module__] = results
    for own, other in zip(*values.values(), strict=True):
        np.testing.assert_allclose(own, other, rtol=1e-4)


def test_outputs_of_one_layer_are_kept_apart() -> None:
    """Both outputs have the name of the layer. Keras 3.15 reports the loss of the last one alone."""
    a, b = dualnet.Input((2,)), dualnet.Input((2,))
    head = layers.Dense(1, name="head", kernel_initializer="ones")
    model = dualnet.Model([a, b], [head(a), head(b)])
    model.compile(dualnet.optimizers.SGD(0.0), "mse", metrics=[["mae"], ["mae"]])
    x, y = np.ones((4, 2), "float32"), np.zeros((4, 1), "float32")
    logs = model.train_on_batch([x, 2 * x], [y, y], return_dict=True)
    assert logs == {
        "loss": 20, "head_loss": 4, "head_loss_1": 16, "head_mae": 2, "head_mae_1": 4
    }  # fmt: skip
