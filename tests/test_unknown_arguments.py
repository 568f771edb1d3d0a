"""No public call swallows an argument that it does not know."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import dualnet
from dualnet import layers

X, Y = np.ones((4, 3), "float32"), np.ones((4, 1), "float32")


def trained() -> Any:
    model = dualnet.Sequential([dualnet.Input((3,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    return model


def tape_and_tensors() -> tuple[Any, Any, Any]:
    with dualnet.GradientTape(persistent=True) as tape:
        x = dualnet.Variable(X)
        y = x * x
    return tape, y, x


def batches() -> Any:
    yield X, Y


def jacobian(name: str, **options: Any) -> Any:
    tape, y, x = tape_and_tensors()
    return getattr(tape, name)(y, x, **options)


def updated(**options: Any) -> Any:
    optimizer, v = dualnet.optimizers.SGD(0.1), dualnet.Variable(1.0)
    return optimizer.apply_gradients([(v, v)], **options)


CALLS: dict[str, Callable[..., Any]] = {
    "a layer on data": lambda **k: layers.Dense(2)(X, **k),
    "a layer on a symbolic tensor": lambda **k: layers.Dense(2)(dualnet.Input((3,)), **k),
    "a model on a symbolic tensor": lambda **k: trained()(dualnet.Input((3,)), **k),
    "Model": lambda **k: dualnet.Model(x := dualnet.Input((3,)), x * 2, **k),
    "Sequential": lambda **k: dualnet.Sequential([], **k),
    "clone_model": lambda **k: dualnet.models.clone_model(trained(), **k),
    "compile": lambda **k: trained().compile("sgd", "mse", **k),
    "fit": lambda **k: trained().fit(X, Y, **k),
    "evaluate": lambda **k: trained().evaluate(X, Y, **k),
    "predict": lambda **k: trained().predict(X, **k),
    "train_on_batch": lambda **k: trained().train_on_batch(X, Y, **k),
    "test_on_batch": lambda **k: trained().test_on_batch(X, Y, **k),
    "evaluate_generator": lambda **k: trained().evaluate_generator(batches(), steps=1, **k),
    "predict_generator": lambda **k: trained().predict_generator(batches(), steps=1, **k),
    "apply_gradients": updated,
    "jacobian": lambda **k: jacobian("jacobian", **k),
    "batch_jacobian": lambda **k: jacobian("batch_jacobian", **k),
    "deserialize_keras_object": lambda **k: dualnet.saving.deserialize_keras_object({"a": 1}, **k),
    "tf.function": lambda **k: dualnet.function(**k),
    "tf.print": lambda **k: dualnet.print("", **k),
}
KNOWN = {
    "evaluate_generator": {"workers": 2, "max_queue_size": 3, "use_multiprocessing": False},
    "predict_generator": {"workers": 2, "max_queue_size": 3, "use_multiprocessing": False},
    "apply_gradients": {
        "name": "update",
        "skip_gradients_aggregation": True,
        "experimental_aggregate_gradients": False,
    },
    "jacobian": {"experimental_use_pfor": False, "parallel_iterations": 2},
    "batch_jacobian": {"experimental_use_pfor": False, "parallel_iterations": 2},
    "tf.function": {"input_signature": (), "jit_compile": True, "autograph": False, "reduce_retracing": True},
    "tf.print": {"summarize": 3, "name": "shown"},
    "a layer on a symbolic tensor": {"training": True},
}


@pytest.mark.parametrize("call", CALLS)
def test_unknown_arguments_are_refused(call: str) -> None:
    with pytest.raises((TypeError, ValueError), match="fooo"):
        CALLS[call](fooo=1)


@pytest.mark.parametrize("call", KNOWN)
def test_known_arguments_are_not(call: str) -> None:
    CALLS[call](**KNOWN[call])


def test_a_layer_that_takes_any_argument() -> None:
    class Any_(layers.Layer):
        def call(self, x: Any, **options: Any) -> Any:
            return x * options.get("factor", 1)

    assert Any_()(dualnet.Input((3,)), factor=2).shape == (None, 3)
