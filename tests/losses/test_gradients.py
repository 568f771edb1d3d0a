"""The gradient of every loss, with every reduction, against central differences in float64."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np
import pytest
from dualnet_backends import Backend

from dualnet import Tensor, losses, ops, value_and_grad
from dualnet.testing import check_grads

from .cases import ROWS, SHAPES, Row, draw, per_value, weights


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_every_loss(backend: Backend, row: Row) -> None:
    random = np.random.default_rng(3)
    for shape in SHAPES[row.kind]:
        y_true, y_pred = draw(row, shape, random)
        forms = [Tensor(backend.asarray(w)) if np.ndim(w) else w for w in weights(row, shape, random)]
        mask = Tensor(backend.asarray(random.random(per_value(row, shape) or shape[:1]) < 0.6))
        for reduction in ("mean", "mean_with_sample_weight", "sum", None):
            loss = getattr(losses, row.name)(reduction=reduction, dtype="float64", **row.kwargs)
            for weight in forms:
                check_grads(functools.partial(loss, y_true, sample_weight=weight), y_pred)
            check_grads(functools.partial(with_mask, loss, mask, y_true), y_pred)


def with_mask(loss: Any, mask: Tensor, y_true: Any, y_pred: Tensor) -> Any:
    y_pred._keras_mask = mask
    return loss(y_true, y_pred)


@pytest.mark.parametrize("row", [row for row in ROWS if not row.has_labels], ids=str)
def test_gradient_of_the_target(backend: Backend, row: Row) -> None:
    """Distillation: the target comes from a network too, and need not sum to one."""
    loss = getattr(losses, row.name)(dtype="float64", **row.kwargs)
    random = np.random.default_rng(4)
    y_true, y_pred = random.random((2, 3, 4)) * 0.8 + 0.1
    check_grads(loss, y_true, y_pred)


def test_gradient_of_the_weights(backend: Backend) -> None:
    random = np.random.default_rng(5)
    y_true, y_pred, weight = random.normal(size=(3, 4, 2))
    for reduction in ("mean", "sum", "mean_with_sample_weight"):
        loss = losses.MeanSquaredError(reduction=reduction, dtype="float64")
        check_grads(loss, y_true, y_pred, weight[:, 0])


def test_a_loss_of_one_s_own(backend: Backend) -> None:
    class Asymmetric(losses.Loss):
        def call(self, y_true: Any, y_pred: Any) -> Any:
            error = y_true - y_pred
            return ops.mean(ops.maximum(0.9 * error, -0.1 * error), axis=-1)

    random = np.random.default_rng(6)
    y_true, y_pred = random.normal(size=(2, 5, 3))
    check_grads(Asymmetric(dtype="float64"), y_true, y_pred)


def test_confident_softmax_and_sigmoid() -> None:
    """Where the probability rounds to 0 or 1 the loss and its gradient still come from the logits."""
    logits = np.array([[40.0, -40.0], [-90.0, 90.0]], "float32")

    def sparse(z: Tensor) -> Any:
        return losses.SparseCategoricalCrossentropy()([1, 1], ops.softmax(z))

    value, gradient = value_and_grad(sparse)(logits)
    assert float(value) == 40.0
    np.testing.assert_allclose(gradient.numpy(), [[0.5, -0.5], [0, 0]], atol=1e-7)

    def categorical(z: Tensor) -> Any:
        return losses.CategoricalCrossentropy(label_smoothing=0.1)([[0, 1], [0, 1]], ops.softmax(z))

    assert math.isclose(float(categorical(Tensor(logits))), (0.95 * 80 + 0.05 * 180) / 2, rel_tol=1e-6)

    def binary(z: Tensor) -> Any:
        # The target lacks the last axis: the prediction is squeezed, and keeps its logits.
        y_pred = ops.sigmoid(ops.expand_dims(z, -1))
        return losses.BinaryCrossentropy(reduction="sum")(np.zeros((2, 2)), y_pred)

    value, gradient = value_and_grad(binary)(logits)
    assert float(value) == (40.0 + 90.0) / 2
    np.testing.assert_allclose(gradient.numpy(), [[0.5, 0], [0, 0.5]], atol=1e-7)


def test_logits_survive_another_dtype() -> None:
    z = Tensor(np.array([[120.0, -120.0]], "float64"))
    loss = losses.SparseCategoricalCrossentropy()([1], ops.softmax(z))
    assert (float(loss), str(loss.dtype)) == (240.0, "float32")
