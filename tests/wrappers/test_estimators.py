"""Models as estimators of scikit-learn. Its own checks are in Keras's test group ``wrappers``."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import dualnet
from dualnet import layers

pytest.importorskip("sklearn")

from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from dualnet.wrappers import SKLearnClassifier, SKLearnRegressor, SKLearnTransformer

pytestmark = pytest.mark.sklearn
RNG = np.random.default_rng(3)
X = RNG.normal(size=(60, 3))
CLASSES = np.array(["no", "yes"])[(X[:, 0] > 0).astype(int)]
NUMBERS = X @ [1.0, -2.0, 0.5]


def network(X: Any, y: Any, loss: str = "mse", activation: str | None = None, units: int = 0) -> Any:
    outputs = y.shape[1] if y.ndim > 1 else 1
    hidden = [layers.Dense(units, activation="relu")] if units else []
    model = dualnet.Sequential([dualnet.Input((X.shape[1],)), *hidden, layers.Dense(outputs, activation=activation)])
    model.compile(dualnet.optimizers.Adam(0.05), loss)
    return model


def classifier(**options: Any) -> Any:
    kwargs = {"loss": "categorical_crossentropy", "activation": "softmax"}
    return SKLearnClassifier(network, model_kwargs=kwargs, fit_kwargs={"epochs": 20, "verbose": 0}, **options)


def regressor(**options: Any) -> Any:
    return SKLearnRegressor(network, fit_kwargs={"epochs": 60, "verbose": 0}, **options)


@pytest.fixture(autouse=True)
def seed() -> None:
    dualnet.utils.set_random_seed(5)


def test_a_classifier_gives_labels() -> None:
    fitted = classifier().fit(X, CLASSES)
    assert fitted.classes_.tolist() == ["no", "yes"]
    assert fitted.n_features_in_ == 3
    assert fitted.predict(X).shape == (60,)
    assert fitted.score(X, CLASSES) > 0.9
    assert (fitted.decision_function(X).argmax(-1) == (fitted.predict(X) == "yes")).all()
    assert len(fitted.history_["loss"]) == 20


def test_a_regressor_gives_the_shape_of_its_target() -> None:
    assert regressor().fit(X, NUMBERS).score(X, NUMBERS) > 0.9
    two = np.stack([NUMBERS, -NUMBERS], 1)
    assert regressor().fit(X, two).predict(X).shape == (60, 2)


def test_a_transformer_in_a_pipeline() -> None:
    steps = make_pipeline(StandardScaler(), SKLearnTransformer(network, fit_kwargs={"verbose": 0}))
    assert steps.fit_transform(X, NUMBERS).shape == (60, 1)


def test_cross_validation_and_grid_search() -> None:
    scores = cross_val_score(classifier(), X, CLASSES, cv=3)
    assert scores.mean() > 0.8
    search = GridSearchCV(regressor(), {"model_kwargs": [{"units": 0}, {"units": 8}]}, cv=2).fit(X, NUMBERS)
    assert search.best_params_["model_kwargs"] in ({"units": 0}, {"units": 8})


def test_a_model_is_cloned_unless_it_starts_warm() -> None:
    model = network(X, NUMBERS)
    before = model.get_weights()
    fitted = SKLearnRegressor(model, fit_kwargs={"verbose": 0}).fit(X, NUMBERS)
    assert fitted.model_ is not model
    for a, b in zip(before, model.get_weights()):
        np.testing.assert_array_equal(a, b)
    warm = SKLearnRegressor(model, warm_start=True, fit_kwargs={"verbose": 0}).fit(X, NUMBERS)
    assert warm.model_ is model
    middle = model.get_weights()[0].copy()
    warm.fit(X, NUMBERS)
    assert warm.model_ is model
    assert not np.array_equal(middle, model.get_weights()[0])
    assert clone(warm).get_params()["warm_start"] is True


def test_arguments_of_fit_take_precedence() -> None:
    assert len(regressor().fit(X, NUMBERS, epochs=2).history_["loss"]) == 2


def test_sample_weights_count() -> None:
    weight = (CLASSES == "yes").astype(float)
    fitted = classifier().fit(X, CLASSES, sample_weight=weight)
    assert (fitted.predict(X) == "yes").mean() > 0.75  # a half of them are


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: regressor().predict(X), NotFittedError, "not fitted"),
        (lambda: classifier().predict(X), NotFittedError, "not fitted"),
        (lambda: SKLearnRegressor(3).fit(X, NUMBERS), TypeError, "must be a Model"),
        (lambda: SKLearnRegressor(lambda X, y: 3).fit(X, NUMBERS), TypeError, "returns one, got int"),
        (
            lambda: SKLearnRegressor(dualnet.Sequential([layers.Dense(1)])).fit(X, NUMBERS),
            RuntimeError,
            "must be compiled",
        ),
        (lambda: classifier().fit(X, np.full(60, "no")), ValueError, "only one class"),
        (lambda: classifier().fit(X, np.eye(2)[[0, 1] * 30] + np.eye(2)[[1, 1] * 30] > 0), ValueError, "multiclass"),
        (lambda: regressor().fit(X, NUMBERS).predict(X[:, :2]), ValueError, "features"),
    ],
)
def test_errors(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()
