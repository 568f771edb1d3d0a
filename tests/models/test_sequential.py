"""Sequential: building at once or with the first data, adding and taking away layers, what it refuses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import dualnet
from dualnet import Input, Sequential, layers

X = np.linspace(-1, 1, 24, dtype="float32").reshape(8, 3)


def stack(**first: Any) -> list[Any]:
    return [layers.Dense(4, "relu", **first), layers.Dropout(0.5), layers.Dense(2)]


BUILDS: dict[str, Any] = {
    "an Input": lambda: Sequential([Input((3,)), *stack()]),
    "an InputLayer": lambda: Sequential([layers.InputLayer(shape=(3,)), *stack()]),
    "input_shape": lambda: Sequential(stack(input_shape=(3,))),
    "build": lambda: (lambda m: (m.build((None, 3)), m)[1])(Sequential(stack())),
    "add": lambda: (lambda m: ([m.add(layer) for layer in (Input((3,)), *stack())], m)[1])(Sequential()),
    "a call": lambda: (lambda m: (m(X), m)[1])(Sequential(stack())),
    "predict": lambda: (lambda m: (m.predict(X, verbose=0), m)[1])(Sequential(stack())),
}


@pytest.mark.parametrize("build", BUILDS)
def test_all_ways_to_build_give_the_same_model(build: str) -> None:
    dualnet.utils.set_random_seed(3)
    expected = BUILDS["an Input"]()
    dualnet.utils.set_random_seed(3)
    model = BUILDS[build]()
    assert model.built
    assert [type(layer).__name__ for layer in model.layers] == ["Dense", "Dropout", "Dense"]
    for a, b in zip(model.get_weights(), expected.get_weights()):
        np.testing.assert_array_equal(a, b)
    assert model.input_shape == (None, 3)
    assert model.output_shape == (None, 2)
    assert model.count_params() == 3 * 4 + 4 + 4 * 2 + 2
    np.testing.assert_array_equal(model.predict(X, verbose=0), expected(X, training=False).numpy())


def test_before_it_is_built() -> None:
    model = Sequential(stack())
    assert not model.built
    assert model.weights == []
    for name in ("input_shape", "output_shape"):
        with pytest.raises(AttributeError, match="not built"):
            getattr(model, name)
    with pytest.raises(ValueError, match="no weights yet"):
        model.count_params()
    with pytest.raises(ValueError, match=r"not built: .*call it on data"):
        model.save("x.keras")
    with pytest.raises(ValueError, match="needs the shape of the input"):
        model.build()


def test_layers_can_be_added_and_taken_away() -> None:
    model = Sequential([Input((3,)), layers.Dense(4, name="a")])
    kernel = model.layers[0].kernel
    model.add(layers.Dense(5, name="b"))
    assert model.output_shape == (None, 5)
    assert model.layers[0].kernel is kernel
    assert model.pop().name == "b"
    assert model.output_shape == (None, 4)
    assert model(X).shape == (8, 4)
    model.pop()
    assert model.layers == []
    with pytest.raises(ValueError, match="no layer to take away"):
        model.pop()


def test_a_layer_added_after_training_needs_a_new_compile() -> None:
    model = Sequential([Input((3,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(X, X[:, :1], verbose=0)
    model.add(layers.Dense(1))
    with pytest.raises(ValueError, match="optimizer"), pytest.warns(UserWarning, match="changed since compile"):
        model.fit(X, X[:, :1], verbose=0)
    model.compile("sgd", "mse")
    before = model.get_weights()
    model.fit(X, X[:, :1] + 1, verbose=0)
    assert all((a != b).any() for a, b in zip(before, model.get_weights()))


def test_a_layer_added_to_a_model_inside_is_trained_or_refused() -> None:
    inner = Sequential([layers.Dense(2)])
    model = Sequential([Input((3,)), inner])
    model.compile("sgd", "mse")
    model.fit(X, X[:, :2], verbose=0)
    inner.add(layers.Dense(2))
    with pytest.raises(ValueError, match="optimizer"), pytest.warns(UserWarning, match="changed since compile"):
        model.fit(X, X[:, :2], verbose=0)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: Sequential([layers.Dense]), r"make an instance, with \(\)"),
        (lambda: Sequential([3]), "expects layers, got 3"),
        (lambda: Sequential([lambda x: x]), "wrap it in a layer"),
        (lambda: Sequential([layers.Dense(1, name="a"), layers.Dense(1, name="a")]), "second 'a'"),
        (lambda: Sequential([layers.Dense(1), Input((3,))]), "only be the first"),
        (lambda: Sequential([Input((3,)), layers.Reshape((2, 2))]), r"3 values of shape \(3,\) do not fit"),
        (lambda: Sequential([Input((None,)), layers.Dense(1)]), "needs the size of the last axis"),
        (lambda: Sequential([Input((3,)), layers.Dense(1)])(X[:, :2]), "has 3 entries, got shape"),
        (lambda: Sequential([Input((3,)), layers.Dense(1)]).get_layer("x"), "no layer is called 'x'; there are dense"),
        (lambda: Sequential([Input((3,)), layers.Dense(1)]).get_layer(index=4), "has 1 layers"),
        (lambda: Sequential([Input((3,)), layers.Dense(1)]).get_layer(), "either a name or an index"),
    ],
)
def test_what_it_refuses(wrong: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        wrong()


def test_models_inside_models() -> None:
    inner = Sequential([layers.Dense(4), layers.Dense(3)], name="inner")
    model = Sequential([Input((3,)), inner, layers.Dense(1)], name="outer")
    assert next(v.path for v in model.weights).startswith("outer/inner/")
    assert len(model.weights) == 6
    assert model.get_layer("inner") is inner
    first = Sequential([Sequential([Input((3,)), layers.Dense(2)]), layers.Dense(1)])
    assert first.built  # from the model in front
    model.compile("sgd", "mse")
    before = model.get_weights()
    model.fit(X, X[:, :1] + 1, verbose=0)
    assert all((a != b).any() for a, b in zip(before, model.get_weights()))


def test_config() -> None:
    model = Sequential([Input((3,), name="data"), *stack()], name="net")
    again = Sequential.from_config(model.get_config())
    assert again.get_config() == model.get_config()
    assert again.input_shape == (None, 3)
    again.set_weights(model.get_weights())
    np.testing.assert_array_equal(again(X).numpy(), model(X).numpy())
    unbuilt = Sequential.from_config(Sequential(stack()).get_config())
    assert not unbuilt.built
    assert dualnet.models.model_from_json(model.to_json()).get_config() == model.get_config()


def test_integer_data_stays_integer_until_a_layer_needs_more() -> None:
    seen = []

    class Look(layers.Layer):
        def call(self, x: Any) -> Any:
            seen.append(str(x.dtype))
            return x

    model = Sequential([Look(), layers.Dense(1)])
    model.predict(np.ones((2, 3), "uint8"), verbose=0)
    assert seen[-1] == "uint8"
    model.predict(np.ones((2, 3), "float64"), verbose=0)
    assert seen[-1] == "float32"


@pytest.mark.parametrize(
    ("arguments", "shape"),
    [
        ({"input_shape": (4,)}, (None, 4)),
        ({"input_shape": [4]}, (None, 4)),
        ({"input_shape": (4,), "batch_size": 3}, (3, 4)),
        ({"batch_input_shape": (3, 4)}, (3, 4)),
        ({"batch_shape": (None, 4)}, (None, 4)),
        ({"input_dim": 4}, (None, 4)),
        ({"shape": (4,)}, (None, 4)),
    ],
)
def test_an_input_layer_in_all_spellings(arguments: dict[str, Any], shape: Any) -> None:
    for first in (layers.InputLayer(**arguments), dualnet.Input(**arguments)):
        model = dualnet.Sequential([first, layers.Dense(2)])
        assert model.input_shape == shape
        assert dualnet.Sequential.from_config(model.get_config()).input_shape == shape


def test_an_input_whose_shape_comes_twice() -> None:
    for twice in ({"shape": (4,), "input_shape": (5,)}, {"batch_shape": (None, 4), "batch_input_shape": (None, 5)}):
        with pytest.raises(ValueError, match="given twice"):
            layers.InputLayer(**twice)
