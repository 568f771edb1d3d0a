"""Sample weights that do not fit are refused by losses, metrics and steps alike, with the shapes that would fit."""

from __future__ import annotations

import numpy as np
import pytest

import dualnet
from dualnet import layers, losses, metrics

N = 4
X, Y, P = np.ones((N, 3), "float32"), np.zeros((N, 1), "float32"), np.full((N, 1), 0.5, "float32")


def model() -> dualnet.Model:
    net = dualnet.Sequential([layers.Input((3,)), layers.Dense(1)])
    net.compile("sgd", "mse")
    return net


PLACES = {
    "loss": lambda w: losses.MeanSquaredError()(Y, P, w),
    "loss of probabilities": lambda w: losses.BinaryCrossentropy()(Y, P, w),
    "loss without reduction": lambda w: losses.MeanSquaredError(reduction="none")(Y, P, w),
    "metric": lambda w: metrics.MeanSquaredError()(Y, P, w),
    "mean": lambda w: metrics.Mean()(Y, w),
    "auc": lambda w: metrics.AUC()(Y, P, w),
    "fit": lambda w: model().fit(X, Y, sample_weight=w, verbose=0),
    "evaluate": lambda w: model().evaluate(X, Y, sample_weight=w, verbose=0),
    "train_on_batch": lambda w: model().train_on_batch(X, Y, sample_weight=w),
    "test_on_batch": lambda w: model().test_on_batch(X, Y, sample_weight=w),
}


@pytest.mark.parametrize("place", PLACES)
def test_weights_of_two_columns_for_one(place: str) -> None:
    with pytest.raises(ValueError, match=r"sample_weight of shape \(4, 2\) .* one weight per sample, of shape \(4,\)"):
        PLACES[place](np.ones((N, 2), "float32"))


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("shape", [(N,), (N, 1)])
def test_weights_that_fit(place: str, shape: tuple[int, ...]) -> None:
    PLACES[place](np.ones(shape, "float32"))
