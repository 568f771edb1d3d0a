"""Steps of one's own, loss scaling, and batches of other libraries."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import dualnet
from dualnet import layers

X, Y = np.ones((6, 3), "float32"), np.ones((6, 2), "float32")


class Mine(dualnet.Model):
    def __init__(self) -> None:
        super().__init__()
        self.dense = layers.Dense(2)

    def call(self, x: Any) -> Any:
        return self.dense(x)

    def train_step(self, data: Any) -> Any:
        logs = super().train_step(data)
        logs["mine"] = 10.0
        return logs

    def test_step(self, data: Any) -> Any:
        logs = super().test_step(data)
        logs["mine"] = 5.0
        return logs


@pytest.mark.parametrize("listens", [False, True])
def test_what_a_step_adds_to_the_results_is_kept(listens: bool) -> None:
    seen: list[dict[str, Any]] = []
    callback = dualnet.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: seen.append(dict(logs)))
    model = Mine()
    model.compile("sgd", "mse", metrics=["mae"])
    history = model.fit(X, Y, verbose=0, validation_data=(X, Y), callbacks=[callback] if listens else None).history
    assert history["mine"] == [10.0]
    assert history["val_mine"] == [5.0]
    assert {"loss", "mae", "val_loss", "val_mae"} < set(history)
    assert model.evaluate(X, Y, verbose=0, return_dict=True)["mine"] == 5.0
    assert all(logs["mine"] == 10.0 for logs in seen)
    assert bool(seen) is listens


@pytest.mark.filterwarnings("ignore:overflow")  # the scale is found by trying one that is too large
def test_the_loss_is_scaled_in_float16() -> None:
    def compiled(dtype: str, **options: Any) -> Any:
        model = dualnet.Sequential([dualnet.Input((3,)), layers.Dense(2, dtype=dtype)], dtype=dtype)
        model.compile(options.pop("optimizer", "sgd"), "mse", **options)
        return model

    scaled = compiled("mixed_float16")
    assert isinstance(scaled.optimizer, dualnet.optimizers.LossScaleOptimizer)
    assert isinstance(scaled.optimizer.inner_optimizer, dualnet.optimizers.SGD)
    scaled.fit(X, Y, verbose=0)
    assert not isinstance(compiled("float32").optimizer, dualnet.optimizers.LossScaleOptimizer)
    plain = compiled("mixed_float16", auto_scale_loss=False)
    assert not isinstance(plain.optimizer, dualnet.optimizers.LossScaleOptimizer)
    own = dualnet.optimizers.LossScaleOptimizer(dualnet.optimizers.SGD())
    assert compiled("mixed_float16", optimizer=own).optimizer is own


def test_a_layer_can_be_a_trainer() -> None:
    """As in Keras, a model is a layer with a trainer."""
    from dualnet.training.trainer import Trainer

    class Line(Trainer, layers.Dense):
        def __init__(self) -> None:
            layers.Dense.__init__(self, 2, kernel_initializer="ones")
            Trainer.__init__(self)

    line = Line()
    line.compile(dualnet.optimizers.SGD(0.1), "mse")
    losses = line.fit(X, Y, epochs=3, verbose=0).history["loss"]
    assert losses[0] > losses[-1]
    assert line.predict(X, verbose=0).shape == (6, 2)


def test_batches_of_torch() -> None:
    torch = pytest.importorskip("torch")
    data = torch.utils.data.TensorDataset(torch.ones(6, 3), torch.ones(6, 2))

    class Endless(torch.utils.data.IterableDataset):  # type: ignore[misc, name-defined]
        def __iter__(self) -> Any:
            return iter(data)

    def fitted(loader: Any) -> Any:
        model = dualnet.Sequential([dualnet.Input((3,)), layers.Dense(2, kernel_initializer="ones")])
        model.compile("sgd", "mse")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return model.fit(loader, epochs=2, verbose=0, shuffle=True).history["loss"]

    expected = fitted([(X[:2], Y[:2])] * 3)
    np.testing.assert_allclose(fitted(torch.utils.data.DataLoader(data, batch_size=2)), expected)
    np.testing.assert_allclose(fitted(torch.utils.data.DataLoader(Endless(), batch_size=2)), expected)
