"""Text as the data of a model, and what is told to those who give it to a model that has no use for it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import dualnet
from dualnet import data, layers
from tests.conftest import DEVICES

TEXTS = np.array(["good movie", "bad movie", "good good", "awful bad"] * 8)
LABELS = np.array([1, 0, 1, 0] * 8)


def vectorization() -> Any:
    layer = layers.TextVectorization(output_sequence_length=3)
    layer.adapt(TEXTS)
    return layer


def rest() -> list[Any]:
    return [layers.Embedding(6, 4), layers.Flatten(), layers.Dense(1, activation="sigmoid")]


class Own(dualnet.Model):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.rest = vectorization(), rest()

    def call(self, inputs: Any) -> Any:
        x = self.first(inputs)
        for layer in self.rest:
            x = layer(x)
        return x


def functional() -> Any:
    x = dualnet.Input((1,), dtype="string")
    y = vectorization()(x)
    for layer in rest():
        y = layer(y)
    return dualnet.Model(x, y)


MODELS = {
    "sequential": lambda: dualnet.Sequential([vectorization(), *rest()]),
    "with an input": lambda: dualnet.Sequential([dualnet.Input((1,), dtype="string"), vectorization(), *rest()]),
    "functional": functional,
    "own": Own,
}


def compiled(model: Any) -> Any:
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model


@pytest.mark.parametrize("kind", MODELS)
def test_models_are_trained_on_text(kind: str) -> None:
    dualnet.utils.set_random_seed(1)
    reference = compiled(dualnet.Sequential(rest()))
    expected = reference.fit(vectorization()(TEXTS), LABELS, epochs=2, verbose=0).history["loss"]
    dualnet.utils.set_random_seed(1)
    model = compiled(MODELS[kind]())
    assert model.fit(TEXTS, LABELS, epochs=2, verbose=0).history["loss"] == pytest.approx(expected, rel=1e-5)
    assert model.predict(["good", "bad movie"], verbose=0).shape == (2, 1)
    assert model.predict(TEXTS[:, None], verbose=0).shape == (32, 1)
    whole = model.evaluate(TEXTS.tolist(), LABELS, verbose=0)
    assert model.evaluate(data.Dataset.from_tensor_slices((TEXTS, LABELS)).batch(8), verbose=0) == pytest.approx(whole)
    assert np.isfinite(model.train_on_batch(TEXTS[:4], LABELS[:4])).all()
    history = model.fit(TEXTS.tolist(), LABELS, validation_split=0.25, verbose=0).history
    assert set(history) == {"accuracy", "loss", "val_accuracy", "val_loss"}


def test_text_and_numbers_beside_each_other() -> None:
    city, size = dualnet.Input((1,), dtype="string", name="city"), dualnet.Input((2,), name="size")
    lookup = layers.StringLookup(vocabulary=["Rome", "Oslo"], output_mode="one_hot")
    made = layers.Dense(1)(layers.Concatenate()([lookup(city), size]))
    model = dualnet.Model({"city": city, "size": size}, made)
    model.compile("sgd", "mse")
    x = {"city": np.array([["Rome"], ["Bonn"], ["Oslo"]]), "size": np.ones((3, 2))}
    model.fit(x, np.ones((3, 1)), epochs=2, verbose=0)
    assert model.predict(x, verbose=0).shape == (3, 1)
    with pytest.raises(ValueError, match="'city' expects text .* got numbers"):
        model.predict({"city": np.ones((3, 1)), "size": np.ones((3, 2))}, verbose=0)
    with pytest.raises(ValueError, match="'size' expects numbers .* got text"):
        model.predict({"city": x["city"], "size": np.array([["a", "b"]] * 3)}, verbose=0)


def test_hashing_begins_a_model_of_text_or_of_numbers() -> None:
    for x in (TEXTS, np.arange(32)[:, None]):
        model = compiled(dualnet.Sequential([layers.Hashing(5, output_mode="one_hot"), layers.Dense(1, "sigmoid")]))
        model.fit(x, LABELS, verbose=0)


def test_great_numbers_reach_a_lookup_as_they_are() -> None:
    model = dualnet.Sequential([layers.IntegerLookup(vocabulary=[2**40, 2**40 + 1], output_mode="one_hot")])
    assert model.predict(np.array([[2**40 + 1], [2**40]]), verbose=0).tolist() == [[0, 0, 1], [0, 1, 0]]


def test_other_models_refuse_text() -> None:
    model = dualnet.Sequential([layers.Dense(1)])
    model.compile("sgd", "mse")
    pairs = data.Dataset.from_tensor_slices((TEXTS, LABELS)).batch(8)
    for use in (
        lambda: model.fit(TEXTS, LABELS, verbose=0),
        lambda: model.fit(TEXTS.tolist(), LABELS, verbose=0),
        lambda: model.fit(pairs, verbose=0),
        lambda: model.predict(TEXTS, verbose=0),
        lambda: model.train_on_batch(TEXTS, LABELS),
    ):
        with pytest.raises(TypeError, match="no layer of the model takes text"):
            use()
    words = compiled(MODELS["sequential"]())
    with pytest.raises(TypeError, match="y cannot be used as data"):
        words.fit(TEXTS, TEXTS, verbose=0)


@pytest.mark.parametrize("device", DEVICES[1:])
def test_text_on_every_device(device: str) -> None:
    predictions = []
    for name in ("cpu", device):
        dualnet.utils.set_random_seed(1)
        with dualnet.device(name):
            model = compiled(MODELS["sequential"]())
            model.fit(TEXTS, LABELS, epochs=2, verbose=0)
            predictions.append(model.predict(TEXTS, verbose=0))
            lookup = layers.IntegerLookup(vocabulary=[5, 7, 9], num_oov_indices=2, mask_token=0, output_mode="count")
            assert lookup(dualnet.ops.array([[5, 9, 4, 0]])).tolist() == [[1, 0, 1, 0, 1]]
            back = layers.IntegerLookup(vocabulary=[5, 7, 9], invert=True)
            assert back(dualnet.ops.array([[1, 3, 9]])).tolist() == [[5, 9, -1]]
    np.testing.assert_allclose(predictions[1], predictions[0], rtol=1e-5)
