"""Models with a call of their own, and with a training step of their own, written as Keras's guides write them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import dualnet
from dualnet import layers, ops

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 3)).astype("float32")
Y = (X[:, :1] - 2 * X[:, 1:2] + 0.5).astype("float32")


class Net(dualnet.Model):
    def __init__(self, units: int = 4, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.hidden = [layers.Dense(units, "tanh"), layers.Dropout(0.5)]
        self.out = layers.Dense(1)

    def call(self, x: Any, training: bool = False) -> Any:
        for layer in self.hidden:
            x = layer(x, training=training)
        return self.out(x)


def seeded(make: Any, seed: int = 1) -> Any:
    dualnet.utils.set_random_seed(seed)
    return make()


def test_it_trains_like_the_same_sequential() -> None:
    def stack() -> Any:
        return dualnet.Sequential([layers.Dense(4, "tanh"), layers.Dropout(0.5), layers.Dense(1)])

    histories = []
    for make in (Net, stack):
        model = seeded(make)
        model.compile("adam", "mse", metrics=["mae"])
        histories.append(model.fit(X, Y, epochs=3, verbose=0, validation_split=0.25).history)
    assert histories[0] == histories[1]
    assert list(histories[0]) == ["loss", "mae", "val_loss", "val_mae"]


def test_layers_and_weights_are_known_after_the_first_call() -> None:
    model = Net(name="net")
    assert model.weights == []
    assert [type(layer).__name__ for layer in model.layers] == ["Dense", "Dropout", "Dense"]
    model(X)
    assert [v.path for v in model.weights] == [
        f"net/{model.hidden[0].name}/kernel", f"net/{model.hidden[0].name}/bias",
        f"net/{model.out.name}/kernel", f"net/{model.out.name}/bias",
    ]  # fmt: skip
    built = Net(name="net")
    built.build((None, 3))
    assert [v.shape for v in built.weights] == [v.shape for v in model.weights]
    with pytest.raises(ValueError, match="needs the shape of the input"):
        Net().build(None)


def test_errors_before_it_can_train() -> None:
    with pytest.raises(ValueError, match=r"call compile\(.*\) before fit"):
        Net().fit(X, Y)
    with pytest.raises(ValueError, match="before evaluate"):
        Net().evaluate(X, Y)
    with pytest.raises(ValueError, match="before train_on_batch"):
        Net().train_on_batch(X, Y)
    model = Net()
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="no labels: pass y"):
        model.fit(X, verbose=0)

    class Forgot(dualnet.Model):
        def __init__(self) -> None:
            self.dense = layers.Dense(1)

    with pytest.raises(RuntimeError, match=r"super\(\).__init__"):
        Forgot()(X)
    with pytest.raises(NotImplementedError, match=r"must define call"):
        dualnet.Model()(X)
    model = Net()
    model.compile("sgd")
    with pytest.raises(ValueError, match="nothing to minimise"):
        model.fit(X, verbose=0)


def apply_gradients(model: Any, gradients: Any) -> None:
    model.optimizer.apply_gradients(zip(gradients, model.trainable_variables))


def apply(model: Any, gradients: Any) -> None:
    model.optimizer.apply(gradients, model.trainable_variables)


@pytest.mark.parametrize("update", [apply, apply_gradients], ids=["apply", "apply_gradients"])
def test_a_train_step_with_compiled_loss_and_metrics(update: Any) -> None:
    """As in Keras's guide "Customizing what happens in fit()"."""

    class Custom(Net):
        def train_step(self, data: Any) -> Any:
            x, y = data
            with dualnet.GradientTape() as tape:
                y_pred = self(x, training=True)
                loss = self.compute_loss(y=y, y_pred=y_pred)
            update(self, tape.gradient(loss, self.trainable_variables))
            for metric in self.metrics:
                if metric.name == "loss":
                    metric.update_state(loss)
                else:
                    metric.update_state(y, y_pred)
            return {m.name: m.result() for m in self.metrics}

    def history(make: Any) -> Any:
        model = seeded(make)
        model.compile("rmsprop", "mse", metrics=["mae", "mse"])
        return model.fit(X, Y, epochs=3, batch_size=8, verbose=0, validation_data=(X, Y)).history

    assert history(Custom) == history(Net)  # 40 is a multiple of 8: the mean over batches is the mean over samples


def test_a_train_step_with_metrics_of_its_own() -> None:
    class Custom(Net):
        def __init__(self) -> None:
            super().__init__()
            self.loss_tracker = dualnet.metrics.Mean(name="loss")
            self.mae_metric = dualnet.metrics.MeanAbsoluteError(name="mae")
            self.loss_fn = dualnet.losses.MeanSquaredError()

        def train_step(self, data: Any) -> Any:
            x, y, *weights = data
            assert len(weights) <= 1
            with dualnet.GradientTape() as tape:
                y_pred = self(x, training=True)
                loss = self.loss_fn(y, y_pred, *weights)
            apply(self, tape.gradient(loss, self.trainable_weights))
            self.loss_tracker.update_state(loss)
            self.mae_metric.update_state(y, y_pred)
            return {"loss": self.loss_tracker.result(), "mae": self.mae_metric.result()}

        @property
        def metrics(self) -> list[Any]:
            return [self.loss_tracker, self.mae_metric]

    model = Custom()
    model.compile(optimizer=dualnet.optimizers.Adam(0.05))
    history = model.fit(X, Y, epochs=10, verbose=0, sample_weight=np.ones(40)).history
    assert list(history) == ["loss", "mae"]
    assert history["loss"][-1] < history["loss"][0]
    assert all(isinstance(v, float) for v in history["loss"])


def test_what_a_train_step_returns_besides_comes_from_the_last_batch() -> None:
    class Custom(Net):
        batches = 0

        def train_step(self, data: Any) -> Any:
            self.batches += 1
            return {"batch": self.batches, "twice": ops.array(2.0 * self.batches)}

    model = Custom()
    model.compile("sgd", "mse")
    model(X)
    assert model.fit(X, Y, batch_size=10, epochs=2, verbose=0).history == {"batch": [4, 8], "twice": [8.0, 16.0]}


@pytest.mark.parametrize(
    ("x", "expected"),
    [(X, "Tensor"), ([X], "tuple of list"), ({"a": X}, "dict"), ((X, X), "tuple of tuple")],
    ids=["array", "list", "dict", "tuple"],
)
def test_data_without_labels_reaches_the_step_as_it_is(x: Any, expected: str) -> None:
    """So that a VAE may write ``self.encoder(data)``."""
    seen = []

    class Custom(Net):
        def train_step(self, data: Any) -> Any:
            inside = f" of {type(data[0]).__name__}" if isinstance(data, tuple) else ""
            seen.append(type(data).__name__ + inside)
            return {}

    model = Custom()
    model.compile("sgd")
    model(X)
    model.fit(x, batch_size=40, verbose=0)
    assert seen == [expected]


def test_added_losses_do_not_pile_up_over_steps() -> None:
    class Adds(Net):
        def call(self, x: Any, training: bool = False) -> Any:
            self.add_loss(1.0 + 0 * ops.sum(self.out(x)))
            return super().call(x, training)

    class Own(Adds):
        def train_step(self, data: Any) -> Any:
            x, y = data
            with dualnet.GradientTape() as tape:
                loss = self.compute_loss(y=y, y_pred=self(x, training=True))
            apply(self, tape.gradient(loss, self.trainable_variables))
            return {"loss": loss}

    for make in (Adds, Own):
        model = make(units=3)
        model.compile(dualnet.optimizers.SGD(0.0), lambda y, p: 0 * ops.sum(p, axis=-1))
        assert model.fit(X, Y, epochs=3, batch_size=10, verbose=0).history["loss"] == [1.0] * 3
        assert model.evaluate(X, Y, verbose=0) == 1.0
        model.predict(X, batch_size=5, verbose=0)
        assert len(model.losses) == 1


def test_own_test_and_predict_steps_and_losses() -> None:
    class Custom(Net):
        def compute_loss(self, x: Any = None, y: Any = None, y_pred: Any = None, **kwargs: Any) -> Any:
            return ops.mean(ops.square(y - y_pred)) + 10.0

        def test_step(self, data: Any) -> Any:
            return {"answer": 42}

        def predict_step(self, data: Any) -> Any:
            return super().predict_step(data) * 0

    class Older(Net):
        def compute_loss(self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None) -> Any:
            return ops.mean(y_pred * 0) + 7.0

    for make, least in ((Custom, 10), (Older, 7)):
        model = make()
        model.compile("sgd", "mse")
        assert model.fit(X, Y, verbose=0).history["loss"][0] >= least
    model = Custom()
    model.compile("sgd", "mse")
    assert model.evaluate(X, Y, verbose=0, return_dict=True) == {"answer": 42}
    assert not model.predict(X, verbose=0).any()


def test_metrics_that_are_attributes() -> None:
    class Counts(layers.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.seen = (
                dualnet.metrics.Sum(name="seen") if hasattr(dualnet.metrics, "Sum") else dualnet.metrics.Mean("seen")
            )

        def call(self, x: Any) -> Any:
            self.seen.update_state(x)
            return x

    class Custom(Net):
        def __init__(self) -> None:
            super().__init__()
            self.counts = Counts()
            self.more = [dualnet.metrics.Mean(name="listed")]

        def call(self, x: Any, training: bool = False) -> Any:
            return super().call(self.counts(x), training)

    model = Custom()
    model.compile("sgd", "mse")
    history = model.fit(X, Y, epochs=2, verbose=0).history
    assert set(history) == {"listed", "loss", "seen"}
    assert history["seen"][0] == pytest.approx(history["seen"][1])  # started again with every epoch


def test_several_arguments_and_structures() -> None:
    class Two(dualnet.Model):
        def __init__(self) -> None:
            super().__init__()
            self.dense = layers.Dense(2)

        def call(self, inputs: Any) -> Any:
            a, b = inputs["a"], inputs["b"]
            return {"sum": self.dense(a + b), "b": b}

    y = Two().predict({"a": X, "b": X}, verbose=0, batch_size=7)
    assert set(y) == {"sum", "b"}
    np.testing.assert_array_equal(y["b"], X)
    assert y["sum"].shape == (40, 2)
