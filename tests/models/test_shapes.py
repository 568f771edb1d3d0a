"""Shape inference: what is not known stays unknown, as in Keras, and what is said of a model holds on data of every size."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import dualnet
from dualnet import Input, Model, Sequential, layers, ops, tree
from dualnet.graph.infer import probe
from tests import parity

from . import shape_cases

FROZEN = parity.frozen(shape_cases.__file__)
# Where Keras says less than is known, or what does not hold: what we say, and why.
EXACT = "the axes that are not concatenated must agree: the known size of one input is that of the result"
DIFFERENT: dict[str, tuple[Any, str]] = {
    "concatenate channels": ([[[None, 8, 5, 7], "float32"]], EXACT),
    "stack of ops": ([[[None, 2, 4, 3], "float32"]], EXACT),
    "attention with scores": (
        [[[None, 4, 6], "float32"], [[None, 2, 4, None], "float32"]],
        "Keras takes the number of keys, which is not known, to be that of the queries",
    ),
    "a layer with a matrix of fixed size": (
        [[[None, 7, 4], "float32"]],
        "Keras tries a size of its own, which the matrix does not fit, and refuses; any data fits that has the size of the matrix",
    ),
}


@pytest.mark.parametrize("name", shape_cases.CASES)
def test_as_keras_infers(name: str) -> None:
    inferred = parity.run(shape_cases.CASES[name], dualnet)
    if name in DIFFERENT:
        assert inferred[-1] == DIFFERENT[name][0]
        assert inferred != FROZEN[name]
    else:
        assert inferred == FROZEN[name]


@pytest.mark.keras
@pytest.mark.parametrize("name", shape_cases.CASES)
def test_keras_still_does(name: str, keras: Any) -> None:
    assert parity.run(shape_cases.CASES[name], keras) == FROZEN[name]


def data(model: Any, batch: int, size: int) -> Any:
    def made(x: Any) -> Any:
        shape = (batch, *(size if n is None else n for n in x.shape[1:]))
        return np.random.default_rng(size).integers(0, 2, shape).astype(x.dtype)

    return tree.map_structure(made, model.input)


@pytest.mark.parametrize("name", [n for n in shape_cases.CASES if FROZEN[n] != "refused" or n in DIFFERENT])
def test_what_is_inferred_holds(name: str) -> None:
    model = shape_cases.build(name, dualnet)
    if isinstance(model, list):
        return
    ran = 0
    for batch, size in ((1, 1), (2, 4), (2, 7), (3, 8), (3, 40), (1, 63)):
        try:
            outputs = model(data(model, batch, size))
        except (ValueError, IndexError):  # two unknown sizes may have to be different ones
            continue
        ran += 1
        for spec, y in zip(model.outputs, tree.flatten(outputs), strict=True):
            assert len(spec.shape) == y.ndim
            assert all(n in (None, m) for n, m in zip(spec.shape, y.shape)), (spec.shape, y.shape)
            assert spec.dtype == str(y.dtype)
    assert ran or name in ("concatenate channels", "operator @", "add of an unknown and a known size", "operator +"), (
        name
    )


# -- what must be refused, and how -----------------------------------------------------------------------------------------


def test_the_error_says_what_is_not_known() -> None:
    x = Input((None, None, 3))
    y = layers.Flatten()(shape_cases.convolutions(dualnet)(x))
    with pytest.raises(ValueError, match=r"last axis.*\(None, None\)"):
        layers.Dense(2)(y)


def test_nothing_is_built_for_a_size_that_stands_in_for_an_unknown_one() -> None:
    class Halves(layers.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.dense = layers.Dense(2)

        def call(self, x: Any) -> Any:
            return self.dense(ops.transpose(x[:, : x.shape[1] // 2], (0, 2, 1)))

    layer = Halves()
    with pytest.raises(ValueError):
        layer(Input((None, 3)))
    assert not layer.dense.built
    assert layer.weights == []
    assert layer(np.zeros((2, 6, 3), "float32")).shape == (2, 3, 2)
    assert layer.dense.kernel.shape == (3, 2)


def test_a_number_of_indices_is_not_known() -> None:
    x = Input((4,))
    first, second = ops.where(x > 0)
    assert first.shape == second.shape == (None,)
    assert ops.where(x > 0, x, 0.0).shape == (None, 4)
    rows, _ = Model(x, [first, second])(np.eye(4, dtype="float32"))
    assert rows.shape == (4,)


def test_the_message_of_an_op_has_no_size_that_nobody_gave() -> None:
    a, b = Input((None, 3)), Input((4, None))
    with pytest.raises(ValueError, match=r"matmul: .*3 and 4.*\(None, None, 3\), \(None, 4, None\)"):
        ops.matmul(a, b)


# -- a trial leaves nothing behind ----------------------------------------------------------------------------------------


class Counting(layers.Layer):
    """A layer that changes all that a call may change."""

    def __init__(self, needs_sizes: bool) -> None:
        super().__init__()
        self.needs_sizes = needs_sizes
        self.calls = self.add_weight((), "zeros", trainable=False, name="calls")
        self.norm = layers.BatchNormalization()
        self.dropout = layers.Dropout(0.5, seed=3)
        self.seeds = dualnet.random.SeedGenerator(5)
        self.mean = dualnet.metrics.Mean()

    def call(self, x: Any) -> Any:
        self.calls.assign_add(1.0)
        self.mean.update_state(3.0)
        noise = dualnet.random.normal((3,), seed=self.seeds) + dualnet.random.normal((3,))
        y = self.dropout(self.norm(x, training=True), training=True)
        self.add_loss(ops.sum(y))
        return y + noise if not self.needs_sizes else y[:, : x.shape[1] // 2]

    def state(self) -> Any:
        weights = [w.numpy() for w in self.weights if w is not self.norm.gamma]
        counters = (
            self.seeds.counter,
            self.dropout.seed_generator.counter if hasattr(self.dropout, "seed_generator") else 0,
        )
        return weights, counters, float(self.mean.result()), list(self.losses)


@pytest.mark.parametrize("needs_sizes", [False, True])
def test_a_trial_changes_nothing(needs_sizes: bool) -> None:
    layer = Counting(needs_sizes)
    layer.norm.build((None, None, 3))
    layer.norm.moving_mean.assign([1.0, 2.0, 3.0])
    layer.mean.update_state(7.0)
    layer.built = True
    before, pair = layer.state(), dualnet.core.seeds.get_state()
    y = layer(Input((None, 3)))
    assert y.shape == (None, None, 3)
    assert layer.compute_output_shape((2, None, 3)) == (2, None, 3)
    after = layer.state()
    for a, b in zip(before[0], after[0], strict=True):
        np.testing.assert_array_equal(a, b)
    assert after[1:] == before[1:]
    assert dualnet.core.seeds.get_state()["pair"] == pair["pair"]


def test_a_trial_leaves_no_nodes() -> None:
    inner = shape_cases.convolutions(dualnet)
    counts = [len(layer._inbound_nodes) for layer in inner.layers]
    Model(x := Input((None, 50, 3)), inner(x))
    assert [len(layer._inbound_nodes) for layer in inner.layers] == counts


def test_losses_of_a_call_stay_when_the_layer_is_called_symbolically() -> None:
    class Penalized(layers.Layer):
        def call(self, x: Any) -> Any:
            self.add_loss(ops.sum(x))
            return x

    layer = Penalized()
    layer(np.ones((2, 3), "float32"))
    layer(Input((3,)))
    assert [float(v) for v in layer.losses] == [6.0]


# -- models that are built by what comes ----------------------------------------------------------------------------------


@pytest.mark.parametrize("numpy_adjacency", [False, True])
def test_a_sequential_over_a_graph(numpy_adjacency: bool) -> None:
    """The batch is the nodes of a graph: a stand-in for it fits no matrix of fixed size."""
    adjacency = np.eye(7, dtype="float32")

    class GraphConvolution(layers.Layer):
        def __init__(self, units: int) -> None:
            super().__init__()
            self.dense = layers.Dense(units)
            self.adjacency = adjacency if numpy_adjacency else ops.convert_to_tensor(adjacency)

        def call(self, x: Any) -> Any:
            return ops.matmul(self.adjacency, self.dense(x))

    model = Sequential([GraphConvolution(4), GraphConvolution(2)])
    assert model(np.ones((7, 3), "float32")).shape == (7, 2)
    assert model.layers[1].dense.kernel.shape == (4, 2)
    assert model.output_shape == (7, 2)


def test_a_sequential_whose_layers_know_no_shape_without_data() -> None:
    class Odd(layers.Layer):
        def call(self, x: Any) -> Any:
            return ops.convert_to_tensor(x.numpy()[: 7 if x.shape[0] == 7 else 1 / 0])

    model = Sequential([Odd(), layers.Dense(2)])
    assert model(np.ones((7, 3), "float32")).shape == (7, 2)


def test_a_nested_sequential_is_built_for_unknown_sizes() -> None:
    inner = Sequential([layers.Conv2D(2, 3, strides=2), layers.Conv2D(2, 3, strides=2)])

    class Outer(Model):
        def __init__(self) -> None:
            super().__init__()
            self.inner = inner

        def call(self, x: Any) -> Any:
            return self.inner(x)

    model = Outer()
    model.build((None, None, None, 3))
    assert inner.output_shape == (None, None, None, 2)
    for size in (9, 32):
        assert model(np.zeros((1, size, size, 3), "float32")).shape[1] == ((size - 1) // 2 - 1) // 2


# -- probing --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "shapes", "expected"),
    [
        (lambda x: x[:, :10], [(None, None)], (None, None)),
        (lambda x: x[::4][::4][::4], [(None, 5)], (None, 5)),
        (lambda x: ops.ravel(x), [(None, None)], (None,)),
        (lambda x: ops.reshape(x, (-1, 7)), [(7, None)], (None, 7)),
        (lambda x, y: x + y, [(None, 3), (5, 3)], (5, 3)),
        (lambda x, y: x + y, [(None, None, 3), (None, None, 3)], (None, None, 3)),
        (lambda x, y: ops.matmul(x, y), [(None, 4), (4, None)], (None, None)),
        (lambda x, y: ops.matmul(x, y), [(None, None), (None, None)], (None, None)),
        (lambda x: ops.ones((x.shape[0] // 5,)), [(None, None)], (None,)),
        (lambda x: ops.reshape(x, (x.shape[0] // 5, 5)), [(None,)], (None, 5)),
        (lambda x: ops.ones((3, min(x.shape[0], 2))), [(None,)], (3, None)),
    ],
)
def test_a_function_run_on_zeros(function: Callable[..., Any], shapes: Any, expected: Any) -> None:
    assert probe(function, tuple(dualnet.KerasTensor(shape) for shape in shapes), {}).shape == expected
