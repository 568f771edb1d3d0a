"""What happens when a layer is called: its inputs, the training flag, masks, and the losses it adds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import dualnet
from dualnet import layers, ops
from dualnet.layers import Dense, Layer

X = np.linspace(-1, 1, 12, dtype="float32").reshape(4, 3)


class Probe(Layer):
    """Notes the training flag it is called with."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Any] = []

    def call(self, x: Any, training: Any = None) -> Any:
        self.seen.append(training)
        return x


@pytest.mark.parametrize(
    "arguments",
    [{"args": (X,)}, {"args": (X.tolist(),)}, {"kwargs": {"inputs": X}}, {"args": (ops.array(X),)}],
    ids=str,
)
def test_ways_to_give_the_input(arguments: dict[str, Any]) -> None:
    layer = Dense(2, kernel_initializer="ones")
    result = layer(*arguments.get("args", ()), **arguments.get("kwargs", {}))
    np.testing.assert_allclose(result.numpy(), X.sum(1, keepdims=True).repeat(2, 1), atol=1e-6)


def test_all_arguments_take_the_layer_s_dtype() -> None:
    class Sum(Layer):
        def call(self, x: Any, other: Any, scale: Any = None) -> Any:
            return x + other * scale

    wide = X.astype("float64")
    for other in (wide, ops.array(wide), wide.tolist()):
        assert Sum()(ops.array(X), other, scale=wide).dtype == "float32"
        assert Sum()(wide, other, scale=wide).dtype == "float32"
    assert Sum(dtype="float64")(X, X, scale=X).dtype == "float64"
    assert Dense(2, dtype="float64")(X).dtype == "float64"
    assert Dense(2, autocast=False).autocast is False


@pytest.mark.parametrize("training", [True, False, None])
@pytest.mark.parametrize("where", ["keyword", "outer layer", "outer without the parameter", "model"])
def test_the_training_flag_reaches_what_is_inside(where: str, training: Any) -> None:
    inner = Probe()

    class Outer(Layer):
        def __init__(self) -> None:
            super().__init__()
            self.inner = [inner]

        def call(self, x: Any, training: Any = None) -> Any:
            return self.inner[0](x)

    class Silent(Outer):
        def call(self, x: Any) -> Any:
            return self.inner[0](x)

    if where == "keyword":
        inner(X, training=training)
    elif where == "outer layer":
        Outer()(X, training=training)
    elif where == "outer without the parameter":
        Silent()(X, training=training)
    else:
        dualnet.Sequential([Silent(), layers.Identity()])(X, training=training)
    assert inner.seen[-1] is training
    inner(X)
    assert inner.seen[-1] is None  # nothing is left of the call before


def test_the_training_flag_by_position_and_by_default() -> None:
    inner = Probe()

    class Outer(Layer):
        def call(self, x: Any, training: Any = True) -> Any:
            return inner(x)

    Outer()(X)
    Outer()(X, False)
    Outer()(X, training=False)
    assert inner.seen == [True, False, False]

    class Raising(Layer):
        def call(self, x: Any, training: Any = None) -> Any:
            raise KeyError("no")

    with pytest.raises(KeyError):
        Raising()(X, training=True)
    inner(X)
    assert inner.seen[-1] is None


def test_a_call_from_a_base_that_is_no_layer() -> None:
    class Mixin:
        def call(self, x: Any, training: Any = None) -> Any:
            return x * (2 if training else 1)

    class Mixed(Mixin, Layer):
        pass

    np.testing.assert_array_equal(Mixed()(X, training=True).numpy(), X * 2)


@pytest.mark.parametrize("form", ["implicit", "explicit", "cast on the way"])
def test_masks(form: str) -> None:
    class Reads(Layer):
        supports_masking = True

        def call(self, x: Any, mask: Any = None) -> Any:
            return ops.zeros_like(x) if mask is None else x * ops.expand_dims(ops.cast(mask, x.dtype), -1)

    x = ops.array(X.astype("float64") if form == "cast on the way" else X)
    mask = ops.array([True, False, True, False])
    if form == "explicit":
        y = Reads()(x, mask=mask)
    else:
        x._keras_mask = mask
        y = Reads()(layers.Identity()(x))
    np.testing.assert_array_equal(y.numpy(), X * np.array([[1], [0], [1], [0]]))
    assert y._keras_mask is mask
    assert Reads()(X).numpy().any() == np.False_


def test_losses_are_those_of_the_last_call() -> None:
    class Adds(Layer):
        def call(self, x: Any) -> Any:
            self.add_loss(ops.sum(x))
            self.add_loss([1.0, 2.0])
            return x

    inner = Adds()
    encoder = dualnet.Sequential([inner, Dense(2, activity_regularizer=dualnet.regularizers.L2(0.5))])

    class Model(dualnet.Model):
        def __init__(self) -> None:
            super().__init__()
            self.encoder = encoder

        def call(self, x: Any) -> Any:
            return self.encoder(x)

    model = Model()
    encoder(X)
    for _ in range(2):
        y = model(X)  # the layers were called by another model before: that is forgotten
        assert len(model.losses) == 4
    assert float(model.losses[0]) == pytest.approx(X.sum(), abs=1e-6)
    # A sum over the batch, divided by its size.
    assert float(model.losses[-1]) == pytest.approx(0.5 * np.square(y.numpy()).sum() / len(X))
    inner(X)
    assert len(model.losses) == 4
    assert Adds().losses == []


def test_building_leaves_no_loss_behind() -> None:
    class Inside(Layer):
        def __init__(self) -> None:
            super().__init__()
            self.dense = Dense(2, activity_regularizer="l2", bias_initializer="ones")

        def call(self, x: Any) -> Any:
            return self.dense(x)

    assert dualnet.Sequential([dualnet.Input((3,)), Inside()]).losses == []


def test_weight_penalties_are_for_trainable_weights() -> None:
    layer = Dense(
        2, kernel_regularizer=dualnet.regularizers.L1L2(0.1, 0.2), bias_regularizer=lambda w: ops.sum(w) + 3.0
    )
    layer.build((None, 3))
    kernel = layer.get_weights()[0]
    penalties = [float(loss) for loss in layer.losses]
    assert penalties == pytest.approx([0.1 * abs(kernel).sum() + 0.2 * (kernel**2).sum(), 3.0])
    layer.trainable = False
    assert layer.losses == []


def test_a_built_dense_layer_wants_a_batch() -> None:
    layer = Dense(2)
    layer(X)
    with pytest.raises(ValueError, match="at least two axes"):
        layer(X[0])
