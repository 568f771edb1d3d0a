"""Saving and loading, weights and whole models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

X = np.random.default_rng(0).normal(size=(40, 4)).astype("float32")
Y = X.sum(1, keepdims=True)


def trained() -> Any:
    from dualnet import keras

    model = keras.Sequential([keras.layers.Dense(5, activation="relu", input_shape=(4,)), keras.layers.Dense(1)])
    model.compile(optimizer=keras.optimizers.Adam(0.01), loss="mse", metrics=["mae"])
    model.fit(X, Y, epochs=2, verbose=0)
    return model


@pytest.mark.parametrize("name", ["model.keras", "model.h5"])
def test_whole_model(tmp_path: Path, name: str) -> None:
    from dualnet.keras.models import load_model

    model = trained()
    model.save(tmp_path / name)
    again = load_model(str(tmp_path / name))
    np.testing.assert_array_equal(again.predict(X, verbose=0), model.predict(X, verbose=0))
    assert again.evaluate(X, Y, verbose=0) == model.evaluate(X, Y, verbose=0)
    assert float(again.optimizer.learning_rate) == pytest.approx(0.01)
    first, second = (m.fit(X, Y, epochs=1, shuffle=False, verbose=0).history["loss"] for m in (model, again))
    np.testing.assert_allclose(first, second, rtol=1e-6)


def test_weights_only(tmp_path: Path) -> None:
    from dualnet import keras

    model = trained()
    model.save_weights(tmp_path / "w.weights.h5")
    other = keras.models.clone_model(model)
    assert not np.array_equal(other.get_weights()[0], model.get_weights()[0])
    other.load_weights(tmp_path / "w.weights.h5")
    np.testing.assert_array_equal(other.get_weights()[0], model.get_weights()[0])


def test_weights_under_an_old_name(tmp_path: Path) -> None:
    from dualnet import keras

    model = trained()
    model.save_weights(str(tmp_path / "my_weights.h5"))
    other = keras.models.clone_model(model)
    other.load_weights(str(tmp_path / "my_weights.h5"))
    for a, b in zip(other.get_weights(), model.get_weights()):
        np.testing.assert_array_equal(a, b)
    checkpoint = keras.callbacks.ModelCheckpoint(str(tmp_path / "best.h5"), save_weights_only=True)
    model.fit(X, Y, callbacks=[checkpoint], verbose=0)
    other.load_weights(tmp_path / "best.h5")
    np.testing.assert_array_equal(other.get_weights()[0], model.get_weights()[0])


def test_architecture_as_json() -> None:
    from dualnet.keras.models import model_from_json

    model = trained()
    again = model_from_json(model.to_json())
    again.set_weights(model.get_weights())
    np.testing.assert_array_equal(again.predict(X, verbose=0), model.predict(X, verbose=0))


def test_custom_objects(tmp_path: Path) -> None:
    from dualnet import keras

    class AddExponential(keras.layers.Layer):
        def call(self, x: Any) -> Any:
            return keras.ops.exp(x) + x

    def my_loss(y_true: Any, y_pred: Any) -> Any:
        return keras.ops.mean(keras.ops.abs(y_true - y_pred), axis=-1)

    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2), AddExponential()])
    model.compile("sgd", my_loss)
    model.save(tmp_path / "m.keras")
    with pytest.raises((ValueError, TypeError), match="AddExponential"):
        keras.models.load_model(tmp_path / "m.keras")
    again = keras.models.load_model(
        tmp_path / "m.keras", custom_objects={"AddExponential": AddExponential, "my_loss": my_loss}
    )
    np.testing.assert_array_equal(again.predict(X, verbose=0), model.predict(X, verbose=0))
    with keras.utils.custom_object_scope({"AddExponential": AddExponential, "my_loss": my_loss}):
        assert keras.models.load_model(tmp_path / "m.keras").count_params() == 10


def test_registered_class(tmp_path: Path) -> None:
    from dualnet import keras

    @keras.utils.register_keras_serializable(package="Course")
    class Scale(keras.layers.Layer):
        def __init__(self, factor: float, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.factor = factor

        def call(self, x: Any) -> Any:
            return x * self.factor

        def get_config(self) -> dict[str, Any]:
            return {**super().get_config(), "factor": self.factor}

    model = keras.Sequential([keras.Input((4,)), Scale(3.0)])
    model.save(tmp_path / "m.keras")
    assert keras.models.load_model(tmp_path / "m.keras").layers[0].factor == 3.0
