"""What every layer may rely on: building, weights, names, freezing, configs, messages."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import dualnet
from dualnet import Variable, layers, ops
from dualnet.layers import Dense, Layer
from dualnet.saving import deserialize_keras_object, serialize_keras_object

X = np.linspace(-1, 1, 12, dtype="float32").reshape(4, 3)


class Scale(Layer):
    """A weight made in build, another in __init__, and a call with neither training nor mask."""

    def __init__(self, start: float = 2.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.start = start
        self.shift = self.add_weight((1,), "zeros", name="shift")
        self.calls = self.add_weight((), "zeros", dtype="int32", trainable=False, name="calls")

    def build(self, input_shape: Any) -> None:
        self.scale = self.add_weight((input_shape[-1],), dualnet.initializers.Constant(self.start), name="scale")

    def call(self, x: Any) -> Any:
        return x * self.scale + self.shift


class Block(Layer):
    """Layers as attributes, in a list, in a dictionary in a list, and one that is used twice."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.first = Dense(3, name="first")
        self.rest = [Dense(2, name="a"), {"inner": Dense(2, name="b")}]
        self.again = self.first
        self.bias = [Variable(np.zeros(2, "float32"), name="bias")]

    def call(self, x: Any) -> Any:
        return self.rest[1]["inner"](self.rest[0](self.first(x))) + self.bias[0]


def test_build_happens_once_and_before_the_first_call() -> None:
    layer = Scale()
    assert not layer.built
    assert [v.name for v in layer.weights] == ["shift", "calls"]
    np.testing.assert_array_equal(layer(X).numpy(), X * 2)
    assert layer.built
    scale = layer.scale
    layer(X[:1])
    assert layer.scale is scale
    assert [v.name for v in layer.weights] == ["shift", "scale", "calls"]  # trainable ones first
    assert layer.get_build_config() == {"input_shape": (4, 3)}  # as in Keras, with the batch it was built with


def test_weights_are_made_once() -> None:
    layer = Dense(2)
    layer.build((None, 3))
    with pytest.raises(ValueError, match="is built already"):
        layer.build((None, 3))
    assert len(layer.weights) == 2


def test_a_build_on_top_of_another() -> None:
    class Wide(Dense):
        def build(self, input_shape: Any) -> None:
            super().build((None, 2 * input_shape[-1]))
            self.extra = self.add_weight((self.units,), "ones", name="extra")

        def call(self, x: Any) -> Any:
            return super().call(ops.concatenate([x, x], axis=-1)) * self.extra

    layer = Wide(2)
    assert layer(X).shape == (4, 2)
    assert [v.shape for v in layer.weights] == [(6, 2), (2,), (2,)]
    assert layer.get_build_config() == {"input_shape": (4, 3)}  # its own, not the one it passed on


def test_a_subclass_may_give_weights_to_a_layer_without() -> None:
    class Gated(layers.Activation):
        def build(self, input_shape: Any) -> None:
            self.gate = self.add_weight((input_shape[-1],), "ones", name="gate")

        def call(self, x: Any) -> Any:
            return super().call(x) * self.gate

    layer = Gated("relu")
    np.testing.assert_array_equal(layer(X).numpy(), np.maximum(X, 0))
    assert len(layer.weights) == 1
    assert layers.Activation("relu").built


def test_names_count_up_per_class() -> None:
    dualnet.utils.clear_session()
    names = [
        layer.name for layer in (Dense(1), Dense(1), layers.Dropout(0.5), Dense(1, name="mine"), Dense(1), Scale())
    ]
    assert names == ["dense", "dense_1", "dropout", "mine", "dense_2", "scale"]
    with pytest.raises(ValueError, match="name must be a string, got 3"):
        Dense(1, name=3)


def test_paths_name_the_layers_around() -> None:
    class Outer(Layer):
        def __init__(self) -> None:
            super().__init__(name="outer")
            self.block = Block(name="block")
            self.own = self.add_weight((), name="own")

        def call(self, x: Any) -> Any:
            return self.block(x)

    outer = Outer()
    outer(X)
    paths = [v.path for v in outer.weights]
    assert paths[0] == "outer/own"
    assert "outer/block/first/kernel" in paths
    assert "outer/block/b/bias" in paths
    alone = Dense(1, name="alone")
    alone.build((None, 2))
    assert [v.path for v in alone.weights] == ["alone/kernel", "alone/bias"]


def test_layers_and_variables_are_found_in_attributes() -> None:
    block = Block()
    block(X)
    assert [v.name for v in block.weights] == ["bias", "kernel", "bias", "kernel", "bias", "kernel", "bias"]
    assert block.count_params() == 2 + 12 + 8 + 6
    block.more = Dense(4)
    block.more(X)
    assert len(block.weights) == 9


def test_trainable_reaches_what_is_inside() -> None:
    block = Block()
    block(X)
    assert len(block.trainable_weights) == 7
    block.first.trainable = False
    assert len(block.trainable_weights) == 5
    assert len(block.non_trainable_weights) == 2
    block.trainable = False
    assert block.trainable_weights == []
    assert len(block.non_trainable_weights) == 7
    assert not block.rest[0].trainable
    block.trainable = True
    assert len(block.trainable_weights) == 7
    assert block.first.trainable


def test_frozen_from_the_start() -> None:
    layer = Scale(trainable=False)
    layer(X)
    assert layer.trainable_weights == []
    assert len(layer.non_trainable_weights) == 3
    layer.trainable = True
    assert [v.name for v in layer.trainable_weights] == ["shift", "scale"]  # the counter never was


def test_get_and_set_weights() -> None:
    layer = Dense(2)
    layer.build((None, 3))
    values = [np.arange(6.0).reshape(3, 2), [7.0, 8.0]]
    layer.set_weights(values)
    for got, expected in zip(layer.get_weights(), values):
        assert got.dtype == "float32"
        np.testing.assert_array_equal(got, expected)
    before = layer.get_weights()
    for wrong in ([values[0]], [*values, values[1]], [values[0].T, values[1]], [values[0], [1.0]]):
        with pytest.raises(ValueError, match=r"expected 2 weights|has shape"):
            layer.set_weights(wrong)
    for got, expected in zip(layer.get_weights(), before):
        np.testing.assert_array_equal(got, expected)


def test_values_that_were_read_stay_what_they_were() -> None:
    layer = Dense(2)
    layer.build((None, 3))
    kernel = layer.kernel
    before = kernel.numpy().copy()
    reads = [
        kernel.numpy(), np.array(kernel), np.asarray(kernel), kernel.value, ops.convert_to_numpy(kernel),
        ops.convert_to_tensor(kernel), ops.copy(kernel), layer.get_weights()[0],
    ]  # fmt: skip
    kernel.assign(before + 1)
    for read in reads:
        np.testing.assert_array_equal(np.asarray(read), before)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (({"shape": (None, 2)}), r"open shape \(None, 2\)"),
        (({"shape": (2,), "initializer": "glorot"}), "no initializer is called 'glorot'"),
        (({"shape": (2,), "regularizer": "l3"}), "no regularizer is called 'l3'"),
        (({"shape": (2,), "dtype": "float31"}), "no dtype is called 'float31'"),
    ],
)
def test_wrong_weights_are_told(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Layer().add_weight(**arguments)


def test_a_layer_with_only_a_call() -> None:
    class Double(Layer):
        def call(self, x: Any) -> Any:
            return 2 * x

    layer = Double()
    np.testing.assert_array_equal(layer(X).numpy(), 2 * X)
    assert layer.compute_output_shape((None, 3)) == (None, 3)
    assert layer.count_params() == 0
    with pytest.raises(NotImplementedError, match=r"Layer must define call"):
        Layer()(X)


def test_a_config_from_the_signature() -> None:
    @dualnet.saving.register_keras_serializable("tests")
    class Odd(Layer):
        def __init__(self, size: int, factor: float = 0.5, *, names: Any = (), **kwargs: Any) -> None:
            super().__init__(**kwargs)

        def call(self, x: Any) -> Any:
            return x

    layer = Odd(3, names=["a"], name="odd", dtype="float64", trainable=False)
    config = layer.get_config()
    dtype = dualnet.dtype_policies.serialize(layer.dtype_policy)
    assert config == {"name": "odd", "trainable": False, "dtype": dtype, "size": 3, "names": ["a"]}
    again = deserialize_keras_object(serialize_keras_object(layer))
    assert again.get_config() == config


def test_the_shape_of_the_input_as_an_argument() -> None:
    assert dualnet.Sequential([Dense(2, input_shape=(3,))]).input_shape == (None, 3)
    assert dualnet.Sequential([Dense(2, input_dim=3)]).input_shape == (None, 3)
    assert dualnet.Sequential([Dense(2, batch_input_shape=(5, 3))]).input_shape == (5, 3)
    assert dualnet.Sequential([Dense(2, input_shape=(4, 3))]).output_shape == (None, 4, 2)


def test_messages_say_which_layer_and_what_came() -> None:
    dense = Dense(2, name="top")
    dense(X)
    with pytest.raises(
        ValueError, match=r"'top' was built for inputs whose last axis has 3 entries, got shape \(4, 2\)"
    ):
        dense(X[:, :2])
    with pytest.raises(ValueError, match=r"'low' needs the size of the last axis of its input, got \(None, None\)"):
        Dense(2, name="low").build((None, None))
    with pytest.raises(ValueError, match=r"at least two axes|needs the size of the last axis"):
        Dense(2)(X[0])
    with pytest.raises(ValueError, match=r"does not know the argument 'unit'; it takes units, activation"):
        Dense(2, unit=3)
    with pytest.raises(ValueError, match=r"'activaton'; it takes .*; did you mean 'activation'\?"):
        Dense(2, activaton="relu")

    class Forgot(dualnet.Model):
        def __init__(self) -> None:
            self.inner = Dense(2)  # as in Keras, what is no variable may be set before super().__init__()

    with pytest.raises(RuntimeError, match=r"must call super\(\).__init__\(\) first"):
        Forgot()(X)
    with pytest.raises(AttributeError, match=r"must call super\(\).__init__\(\) first"):
        Forgot().compile("adam", "mse")

    class Nothing(Layer):
        def __init__(self) -> None:
            pass

    with pytest.raises(RuntimeError, match=r"must call super\(\).__init__\(\) first"):
        Nothing()(X)

    class Broken(Layer):
        def call(self, x: Any) -> Any:
            return dense(x[:, :1])

    with pytest.raises(ValueError, match="'top' was built") as info:
        Broken(name="outer")(X)
    assert info.value.__notes__ == ["in layer 'top' (Dense), called on shape (4, 1)"]
