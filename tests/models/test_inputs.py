"""What models take for their inputs: structures, optional ones, parts of other models, what does not fit."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import dualnet
from dualnet import layers

X = np.arange(12.0, dtype="float32").reshape(4, 3)


class Sum(layers.Layer):
    """x, or x + y where there is a y."""

    def call(self, x: Any, y: Any = None) -> Any:
        return x if y is None else x + y

    def compute_output_shape(self, x_shape: Any) -> Any:
        return x_shape


def optional_model(how: str = "dict", optional: bool = True) -> Any:
    x, y = dualnet.Input((3,), name="x"), dualnet.Input((3,), name="y", optional=optional)
    out = layers.Dense(1, kernel_initializer="ones")(Sum()(x, y))
    return dualnet.Model({"x": x, "y": y} if how == "dict" else [x, y], out)


@pytest.mark.parametrize("how", ["dict", "list"])
def test_an_optional_input_may_be_none(how: str) -> None:
    model = optional_model(how)

    def given(y: Any) -> Any:
        return {"x": X, "y": y} if how == "dict" else [X, y]

    alone, both = model(given(None)), model(given(X))
    np.testing.assert_allclose(alone, X.sum(1, keepdims=True))
    np.testing.assert_allclose(both, 2 * X.sum(1, keepdims=True))
    np.testing.assert_allclose(model.predict(given(None), batch_size=3, verbose=0), alone)
    model.compile("sgd", "mse")
    y = np.ones((4, 1), "float32")
    losses = [
        model.evaluate(given(None), y, verbose=0),
        model.evaluate(((given(None), y) for _ in range(1)), verbose=0),
        model.test_on_batch(given(None), y),
    ]
    np.testing.assert_allclose(losses, float(np.mean((alone - y) ** 2)))
    model.fit(given(None), y, verbose=0)


def test_an_input_that_is_not_optional_is_needed() -> None:
    model = optional_model(optional=False)
    with pytest.raises(ValueError, match=r"input 'y' is None, but it is not optional"):
        model({"x": X, "y": None})
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="not optional"):
        model.fit({"x": X, "y": None}, X[:, :1], verbose=0)
    with pytest.raises(ValueError, match="all arguments are None"):
        model.predict({"x": None, "y": None}, verbose=0)


def test_a_part_of_a_model_begins_with_an_input_of_its_own() -> None:
    x = dualnet.Input((None, 2), name="x")
    first, second, third = (layers.Dense(n, name=f"d{n}") for n in (3, 4, 5))
    a = first(x)
    b = second(a)
    whole = dualnet.Model(x, third(b))
    for inputs, outputs, names in (
        (b, whole.output, ["d5"]),
        (a, b, ["d4"]),
        (second.input, whole.output, ["d4", "d5"]),
    ):
        part = dualnet.Model(inputs, outputs)
        assert isinstance(part.layers[0], layers.InputLayer)
        assert [layer.name for layer in part.layers[1:]] == names
        assert part.operations == part.layers
        data = np.ones((2, 6, inputs.shape[-1]), "float32")
        y = data
        for name in names:
            y = whole.get_layer(name)(y)
        np.testing.assert_array_equal(part(data), y)
    assert first.output is a, "the layers keep their first place"
    twice = dualnet.Model.from_config(dualnet.Model(a, b).get_config())
    assert [layer.name for layer in twice.layers][1:] == ["d4"]


def test_more_in_a_dictionary_than_is_needed_is_told_once() -> None:
    x = dualnet.Input((3,), name="x")
    model = dualnet.Model({"x": x}, x * 2)
    with pytest.warns(UserWarning, match=r"doesn't match the expected structure: it has \['z'\] besides \['x'\]"):
        model({"x": X, "z": X})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model({"x": X, "z": X})


def test_a_list_for_a_dictionary_of_inputs() -> None:
    def difference(first: str, second: str) -> Any:
        ends = {name: dualnet.Input((3,), name=name) for name in (first, second)}
        return dualnet.Model(ends, layers.subtract(list(ends.values())))

    with pytest.warns(UserWarning, match="takes a dictionary with the keys"):
        np.testing.assert_array_equal(difference("a", "b")([X, X / 2]), X / 2)
    with pytest.raises(ValueError, match="in which order a list has them is not clear"):
        difference("b", "a")([X, X / 2])
    with pytest.raises(ValueError, match=r"expects 2 named input\(s\) with keys \['a', 'b'\]"):
        difference("a", "b")(X)


def test_where_an_input_does_not_fit_is_told() -> None:
    inner = dualnet.Input((3,), name="inner")
    model = dualnet.Model([{"foo": inner}], inner * 2)
    with pytest.raises(
        ValueError, match=r"name 'inner' at path '0.foo' .* expected shape=\(None, 3\), found shape=\(\)"
    ):
        model(np.ones(()))


def test_outputs_keep_their_containers() -> None:
    x = dualnet.Input((3,))
    a, b = layers.Dense(1)(x), layers.Dense(2)(x)
    for outputs in ([a, b], (a, b), {"a": a, "b": b}):
        again = dualnet.Model.from_config(dualnet.Model(x, outputs).get_config())
        assert type(again(X)) is type(outputs)


@pytest.mark.parametrize(
    ("nodes", "message"), [({"a": "b", "b": "a"}, "wait for each other in a loop"), ({"a": "b"}, "Missing node: b")]
)
def test_configs_of_no_model(nodes: dict[str, str], message: str) -> None:
    def entry(kind: str, name: str, config: dict[str, Any], inbound: list[Any]) -> dict[str, Any]:
        return {"class_name": kind, "name": name, "config": {"name": name, **config}, "inbound_nodes": inbound}

    listed = [entry("InputLayer", "x", {"batch_input_shape": [None, 3]}, [])]
    listed += [entry("Dense", name, {"units": 3}, [[[source, 0, 0, {}]]]) for name, source in nodes.items()]
    config = {"name": "m", "layers": listed, "input_layers": [["x", 0, 0]], "output_layers": [["a", 0, 0]]}
    with pytest.raises(ValueError, match=message):
        dualnet.Model.from_config(config)


def test_layers_cannot_be_set() -> None:
    with pytest.raises(AttributeError, match="`Model.layers` attribute is reserved"):
        dualnet.Model().layers = []
    with pytest.raises(AttributeError, match=r"Use `add\(\)` and `pop\(\)`"):
        dualnet.Sequential().layers = []


def test_a_sequential_of_structures() -> None:
    class Both(layers.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.one = layers.Dense(2)

        def call(self, inputs: Any) -> Any:
            return {"sum": self.one(inputs["a"]), "b": inputs["b"]}

    class First(layers.Layer):
        def call(self, inputs: Any) -> Any:
            return inputs["sum"] if isinstance(inputs, dict) else inputs

    model = dualnet.Sequential([Both(), First()])
    assert model({"a": X, "b": X}).shape == (4, 2)
    assert len(model.weights) == 2
    model.compile("sgd", "mse")
    model.fit({"a": X, "b": X}, X[:, :2], verbose=0)
    model.summary(print_fn=lambda text: None)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda s: s.add(dualnet.Input((2,))), "already been configured for inputs of shape"),
        (lambda s: s.add(layers.Dense(1, name="d")), "should have unique names; there is a second 'd'"),
        (lambda s: s.build((3, 4)), r"already been configured for inputs of shape \(None, 3\)"),
        (lambda s: dualnet.Sequential()(X), "has no layers"),
        (lambda s: s.add({}), "Only instances of Layer can be added"),
    ],
)
def test_what_a_sequential_refuses(make: Any, message: str) -> None:
    model = dualnet.Sequential([dualnet.Input((3,)), layers.Dense(2, name="d")])
    with pytest.raises(ValueError, match=message):
        make(model)
    model.build((5, 3))
    assert model(X).shape == (4, 2)


def test_a_layer_of_a_sequential_takes_one_argument() -> None:
    class Two(layers.Layer):
        def call(self, inputs: Any, other: Any) -> Any:
            return inputs

    model = dualnet.Sequential([Two()])
    with pytest.raises(
        ValueError, match="single positional argument without a default, the input; Two has inputs, other"
    ):
        model.build((None, 2))


def test_clones() -> None:
    x, y = dualnet.Input((3,)), dualnet.Input((3,))
    model = dualnet.Model({"x": x, "y": y}, layers.Dense(2)(x + y))
    with pytest.raises(ValueError, match="`input_tensors` must have the same structure as model.input"):
        dualnet.models.clone_model(model, input_tensors=(x, y))
    model.compile(dualnet.optimizers.Adam(0.25), "mse", metrics=["mae"])
    clone = dualnet.models.clone_model(model)
    assert clone.compiled
    assert clone.optimizer is not model.optimizer
    assert float(clone.optimizer.learning_rate) == 0.25
    clone.fit({"x": X, "y": X}, X[:, :2], verbose=0)
    assert not model.optimizer.built


def test_weights_of_a_model_that_has_none_yet_cannot_be_saved(tmp_path: Any) -> None:
    path = tmp_path / "m.weights.h5"
    with pytest.raises(ValueError, match="has not yet been built"):
        dualnet.Sequential([layers.Dense(2)]).save_weights(path)
    assert not path.exists()


def test_state_trees() -> None:
    def make() -> Any:
        model = dualnet.Sequential(
            [dualnet.Input((3,)), layers.Dense(2, name="d"), layers.BatchNormalization(name="n")]
        )
        model.compile("adam", "mse")
        model.fit(X, X[:, :2], verbose=0, shuffle=False)
        return model

    model, other = make(), make()
    state = model.get_state_tree("numpy_array")
    assert list(state) == ["trainable_variables", "non_trainable_variables", "optimizer_variables", "metrics_variables"]
    (parts,) = state["trainable_variables"].values()  # all paths begin with the name of the model
    assert isinstance(parts["d"]["kernel"], np.ndarray)
    (adam,) = state["optimizer_variables"].values()
    assert int(adam["iteration"]) == 1
    assert len(state["metrics_variables"]["loss"]) == 2
    before = parts["d"]["kernel"].copy()
    model.fit(X, X[:, :2], verbose=0)
    assert np.array_equal(parts["d"]["kernel"], before), "a tree is a copy"
    model.set_state_tree(state)
    np.testing.assert_array_equal(model.layers[0].kernel, before)
    assert model.optimizer.step_count() == 1
    assert isinstance(other.get_state_tree()["metrics_variables"]["loss"]["total"], dualnet.Tensor)


def test_wrong_state_trees_change_nothing() -> None:
    model = dualnet.Sequential([dualnet.Input((3,)), layers.Dense(2, name="d", kernel_initializer="ones")])
    path = model.layers[0].kernel.path.split("/")
    good: Any = np.zeros((3, 2))
    for part in reversed(path):
        good = {part: good}
    with pytest.raises(ValueError, match="no variable 'other'"):
        model.set_state_tree({"trainable_variables": {**good, "other": 1.0}})
    with pytest.raises(ValueError, match=r"got \['weights'\]"):
        model.set_state_tree({"trainable_variables": good, "weights": {}})
    assert np.array_equal(model.layers[0].kernel, np.ones((3, 2)))
    with pytest.raises(ValueError, match="value_format"):
        model.get_state_tree("list")

    class Twins(dualnet.Model):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.two = layers.Dense(3, name="same"), layers.Dense(3, name="same")

        def call(self, x: Any) -> Any:
            return self.two(self.one(x))

    twins = Twins()
    twins(X)
    with pytest.raises(ValueError, match="path is found twice in the model"):
        twins.get_state_tree()
