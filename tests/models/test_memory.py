"""A model that nobody holds any more is freed at once, without the collector of cycles: its weights are most of the memory."""

from __future__ import annotations

import copy
import gc
import pickle
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dualnet
from dualnet import Input, Model, Sequential, layers, models, ops

X, Y = np.ones((8, 4), "float32"), np.zeros((8, 2), "float32")


class Net(Model):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = layers.Dense(3), layers.Dense(2)

    def call(self, x: Any) -> Any:
        return self.second(self.first(x))


def sequential() -> Any:
    return Sequential([Input((4,)), layers.Dense(3), layers.BatchNormalization(), layers.Dropout(0.2), layers.Dense(2)])


def functional() -> Any:
    x = Input((4,))
    h = ops.relu(layers.Dense(3)(x))
    return Model(x, layers.Dense(2)(h + layers.Dense(3)(h)))


def nested() -> Any:
    x = Input((4,))
    return Model(x, layers.Dense(2)(Sequential([Input((4,)), layers.Dense(3)])(x)))


def recurrent() -> Any:
    x = Input((4,))
    return Model(x, layers.Dense(2)(layers.Bidirectional(layers.LSTM(3))(layers.Reshape((2, 2))(x))))


def subclassed() -> Any:
    model = Net()
    model(X)
    return model


def called(model: Any, path: Path) -> Any:
    model(X)
    return model


def compiled(model: Any, path: Path) -> Any:
    model.compile("adam", "mse", metrics=["mae"])
    return model


def predicted(model: Any, path: Path) -> Any:
    model.predict(X, batch_size=2, verbose=0)
    return model


def fitted(model: Any, path: Path) -> Any:
    compiled(model, path).fit(X, Y, batch_size=2, epochs=3, validation_data=(X, Y), verbose=0)
    model.evaluate(X, Y, batch_size=2, verbose=0)
    return model


def saved(model: Any, path: Path) -> Any:
    fitted(model, path).save(path / "m.keras")
    return models.load_model(path / "m.keras", custom_objects={"Net": Net})


def cloned(model: Any, path: Path) -> Any:
    return models.clone_model(model)


def summarized(model: Any, path: Path) -> Any:
    model.summary(print_fn=lambda line: None)
    return model


def differentiated(model: Any, path: Path) -> Any:
    with dualnet.GradientTape() as tape:
        loss = ops.sum(model(X))
    tape.gradient(loss, model.trainable_variables)
    return model


@pytest.fixture
def no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize("make", [sequential, functional, nested, recurrent, subclassed])
@pytest.mark.parametrize(
    "use", [called, compiled, predicted, fitted, saved, cloned, summarized, differentiated], ids=lambda f: f.__name__
)
def test_a_model_is_freed_with_its_last_reference(
    make: Callable[[], Any], use: Callable[..., Any], no_collector: None, tmp_path: Path
) -> None:
    model = use(make(), tmp_path)
    held = [weakref.ref(model), *(weakref.ref(v) for v in model.weights)]
    optimizer = model.optimizer
    held += [] if optimizer is None else [weakref.ref(v) for v in optimizer.variables]
    assert all(reference() is not None for reference in held)
    del model, optimizer
    assert [reference() for reference in held if reference() is not None] == []


def test_a_tensor_keeps_what_it_was_computed_from(no_collector: None) -> None:
    x = Input((4,))
    y = layers.Dense(2)(ops.relu(layers.Dense(3, name="first")(x)))
    assert Model(x, y).get_layer("first").output.shape == (None, 3)
    assert Model(x, y)(X).shape == (8, 2)


def test_outputs_that_nobody_kept_are_the_same_again(no_collector: None) -> None:
    layer = layers.Dense(3)
    layer(Input((4,)))
    output = layer.output
    assert output is layer.output
    assert output.shape == (None, 3)
    model = Model(layer.input, ops.relu(output))
    np.testing.assert_array_equal(model(X), np.maximum(np.asarray(layer(X)), 0))


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_copies_have_graphs_of_their_own(duplicate: Callable[[Any], Any], no_collector: None) -> None:
    model = fitted(functional(), Path())
    again = duplicate(model)
    expected = np.asarray(model(X))
    del model
    np.testing.assert_array_equal(again(X), expected)
    inside = Model(again.input, again.layers[1].output)
    assert inside(X).shape == (8, 3)
    assert again.to_json()


def test_the_history_stays_while_either_is_kept(no_collector: None) -> None:
    model = fitted(sequential(), Path())
    losses = model.history.history["loss"]
    assert len(losses) == 3
    assert model.history.model is model
    history = model.fit(X, Y, verbose=0)
    assert model.history is history
    del model
    assert history.model(X).shape == (8, 2)
    assert len(history.history["loss"]) == 1
