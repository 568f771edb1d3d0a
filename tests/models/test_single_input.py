"""The one input of a model in a list, a tuple or a dictionary, wherever data goes in. The numbers are those of Keras 3.15."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import dualnet
from dualnet import Input, Model, Sequential, layers
from dualnet.data import Dataset
from dualnet.utils import PyDataset

X = (np.arange(12, dtype="float32") / 10).reshape(4, 3)
Y = np.ones((4, 1), "float32")
PREDICTED, LOSS = X.sum(axis=1, keepdims=True), 1.435


class OneBatch(PyDataset):
    def __init__(self, *batch: Any) -> None:
        super().__init__()
        self.batch = batch

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int) -> Any:
        return self.batch


def dense() -> Any:
    return layers.Dense(1, kernel_initializer="ones")


def functional(wrap: Callable[[Any], Any]) -> Any:
    inputs = Input((3,), name="x")
    return Model(wrap(inputs), dense()(inputs))


MODELS: dict[str, Callable[[], Any]] = {
    "sequential": lambda: Sequential([Input((3,), name="x"), dense()]),
    "sequential in a sequential": lambda: Sequential([Sequential([Input((3,), name="x"), dense()])]),
    "sequential without Input": lambda: Sequential([dense()]),
    "functional": lambda: functional(lambda x: x),
    "functional of a list": lambda: functional(lambda x: [x]),
    "functional of a dictionary": lambda: functional(lambda x: {"x": x}),
}
FORMS: dict[str, Any] = {"list": [X], "tuple": (X,), "dictionary": {"x": X}}
LABELS: dict[str, Any] = {"array": Y, "list": [Y], "tuple": (Y,)}


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("form", FORMS)
def test_every_way_in(model: str, form: str) -> None:
    if model in ("sequential without Input", "sequential in a sequential") and form == "dictionary":
        return  # there is no name to find
    x = FORMS[form]

    def make() -> Any:
        net = MODELS[model]()
        net.compile(dualnet.optimizers.SGD(0.0), "mse")
        return net

    for outputs in (
        lambda net: net.predict(x, verbose=0),
        lambda net: net.predict_on_batch(x),
        lambda net: net(x),
        lambda net: net.predict(iter([(x,)]), steps=1, verbose=0),
        lambda net: net.predict(OneBatch(x), verbose=0),
    ):
        np.testing.assert_allclose(dualnet.ops.convert_to_numpy(outputs(make())), PREDICTED, rtol=1e-6)
    for y in LABELS.values():
        for loss in (
            lambda net, y: net.fit(x, y, verbose=0).history["loss"][0],
            lambda net, y: net.evaluate(x, y, verbose=0),
            lambda net, y: net.train_on_batch(x, y),
            lambda net, y: net.test_on_batch(x, y),
            lambda net, y: net.fit(iter([(x, y)]), steps_per_epoch=1, verbose=0).history["loss"][0],
            lambda net, y: net.evaluate(OneBatch(x, y), verbose=0),
            lambda net, y: net.fit(X, Y, validation_data=(x, y), verbose=0).history["val_loss"][0],
            lambda net, y: net.fit(x, y, sample_weight=[np.ones(4)], verbose=0).history["loss"][0],
        ):
            assert loss(make(), y) == pytest.approx(LOSS, rel=1e-5)
    if form == "dictionary":
        data = Dataset.from_tensor_slices((x, Y)).batch(4)
        assert make().fit(data, verbose=0).history["loss"][0] == pytest.approx(LOSS, rel=1e-5)


@pytest.mark.parametrize("model", ["sequential", "functional"])
@pytest.mark.parametrize(
    ("x", "message"), [([X, X], "expects 1 input .* received 2"), ({"other": X}, r"lacks \['x'\]")]
)
def test_what_is_not_the_one_input(model: str, x: Any, message: str) -> None:
    net = MODELS[model]()
    net.compile("sgd", "mse")
    for way in (lambda: net.predict(x, verbose=0), lambda: net(x), lambda: net.train_on_batch(x, Y)):
        with pytest.raises(ValueError, match=message):
            way()  # Keras takes the first of several, without a word
