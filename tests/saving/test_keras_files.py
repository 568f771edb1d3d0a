"""``.keras`` and ``.weights.h5`` files: what is saved comes back, here and in Keras, with the state of the optimizer."""

from __future__ import annotations

import json
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dualnet
from dualnet import layers

from .models import MODELS, X, Y, classes_of, go_on, trained

every_model = pytest.mark.parametrize("model", MODELS)
PAIRS = [(m, "adam") for m in MODELS] + [("sequential", "sgd"), ("sequential", "rmsprop"), ("subclass", "rmsprop")]
every_pair = pytest.mark.parametrize(("model", "optimizer"), PAIRS)


def same(a: Any, b: Any, **tolerance: float) -> None:
    """The same outputs, weights and optimizer state."""
    np.testing.assert_allclose(np.asarray(a(X)), np.asarray(b(X)), **({"rtol": 0, "atol": 0} | tolerance))
    for x, y in zip(a.get_weights(), b.get_weights()):
        np.testing.assert_array_equal(x, y)
    assert len(a.optimizer.variables) == len(b.optimizer.variables)
    for x, y in zip(a.optimizer.variables, b.optimizer.variables):
        np.testing.assert_array_equal(np.asarray(x.numpy()), np.asarray(y.numpy()))


@every_pair
def test_round_trip(model: str, optimizer: str, tmp_path: Path) -> None:
    saved = trained(dualnet, model, optimizer)
    saved.save(tmp_path / "m.keras")
    loaded = dualnet.models.load_model(tmp_path / "m.keras", custom_objects=classes_of(saved))
    assert type(loaded) is type(saved)
    assert loaded.name == saved.name
    if model != "subclass":  # which makes its layers itself, without names
        assert [layer.name for layer in loaded.layers] == [layer.name for layer in saved.layers]
    assert [v.trainable for v in loaded.weights] == [v.trainable for v in saved.weights]
    same(loaded, saved)
    assert loaded.get_config() == saved.get_config()
    assert loaded.evaluate(X, Y, verbose=0) == saved.evaluate(X, Y, verbose=0)
    assert go_on(loaded) == go_on(saved)  # training goes on as if nothing had happened
    same(loaded, saved)


@every_pair
def test_keras_opens_ours(model: str, optimizer: str, keras: Any, tmp_path: Path) -> None:
    ours = trained(dualnet, model, optimizer)
    ours.save(tmp_path / "m.keras")
    classes = classes_of(MODELS[model](keras))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = keras.models.load_model(tmp_path / "m.keras", custom_objects=classes)
        same(theirs, ours, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(go_on(theirs), go_on(ours), rtol=1e-4)


@every_pair
def test_we_open_those_of_keras(model: str, optimizer: str, keras: Any, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = trained(keras, model, optimizer)
        theirs.save(tmp_path / "m.keras")
        ours = dualnet.models.load_model(tmp_path / "m.keras", custom_objects=classes_of(MODELS[model](dualnet)))
        same(ours, theirs, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(go_on(ours), go_on(theirs), rtol=1e-4)


@every_model
def test_weights_files(model: str, tmp_path: Path) -> None:
    saved, other = trained(dualnet, model), MODELS[model](dualnet)
    saved.save_weights(tmp_path / "m.weights.h5")
    other(X)
    other.load_weights(tmp_path / "m.weights.h5")
    np.testing.assert_array_equal(np.asarray(other(X)), np.asarray(saved(X)))
    saved.save(tmp_path / "m.keras")
    third = MODELS[model](dualnet)
    third(X)
    third.load_weights(tmp_path / "m.keras")
    np.testing.assert_array_equal(np.asarray(third(X)), np.asarray(saved(X)))


@every_model
def test_weights_files_of_keras(model: str, keras: Any, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ours, theirs = trained(dualnet, model), MODELS[model](keras)
        theirs(X)
        ours.save_weights(tmp_path / "ours.weights.h5")
        theirs.load_weights(tmp_path / "ours.weights.h5")
        np.testing.assert_allclose(np.asarray(theirs(X)), np.asarray(ours(X)), rtol=1e-5)
        theirs.set_weights([w + 0.1 for w in theirs.get_weights()])
        theirs.save_weights(tmp_path / "theirs.weights.h5")
        ours.load_weights(tmp_path / "theirs.weights.h5")
        np.testing.assert_allclose(np.asarray(theirs(X)), np.asarray(ours(X)), rtol=1e-5)


def test_the_same_model_gives_the_same_bytes(tmp_path: Path) -> None:
    model = trained(dualnet, "sequential")
    contents = []
    for name in ("a", "b"):
        model.save(tmp_path / f"{name}.keras")
        with zipfile.ZipFile(tmp_path / f"{name}.keras") as archive:
            assert archive.namelist() == ["metadata.json", "config.json", "model.weights.h5"]
            contents.append([archive.read(n) for n in ("config.json", "model.weights.h5")])
    assert contents[0] == contents[1]
    for name in ("a", "b"):
        model.save_weights(tmp_path / f"{name}.weights.h5")
    assert (tmp_path / "a.weights.h5").read_bytes() == (tmp_path / "b.weights.h5").read_bytes()


def test_without_compiling(tmp_path: Path) -> None:
    model = trained(dualnet, "sequential")
    model.save(tmp_path / "m.keras")
    loaded = dualnet.models.load_model(tmp_path / "m.keras", compile=False)
    assert not loaded.compiled
    np.testing.assert_array_equal(np.asarray(loaded(X)), np.asarray(model(X)))
    never = dualnet.Sequential([dualnet.Input((4,)), layers.Dense(2)])
    never.save(tmp_path / "never.keras")
    assert not dualnet.models.load_model(tmp_path / "never.keras").compiled


def test_compiled_with_objects_and_functions_of_one_s_own(tmp_path: Path) -> None:
    @dualnet.saving.register_keras_serializable("tests")
    def half(y_true: Any, y_pred: Any) -> Any:
        return dualnet.ops.mean(abs(y_true - y_pred), axis=-1) / 2

    model = dualnet.Sequential([dualnet.Input((4,)), layers.Dense(1)])
    metrics = [dualnet.metrics.MeanAbsoluteError(name="error"), half, "mse"]
    model.compile(dualnet.optimizers.SGD(0.0), half, metrics=metrics, weighted_metrics=["mae"], loss_weights=[2.0])
    expected = model.evaluate(X, Y[:, None], verbose=0, return_dict=True)
    model.save(tmp_path / "m.keras")
    loaded = dualnet.models.load_model(tmp_path / "m.keras")
    assert loaded.evaluate(X, Y[:, None], verbose=0, return_dict=True) == expected
    assert list(expected) == ["error", "half", "loss", "mae", "mse"]


def test_registered_and_passed_classes(tmp_path: Path) -> None:
    class Twice(layers.Layer):
        def call(self, x: Any) -> Any:
            return 2 * x

    model = dualnet.Sequential([dualnet.Input((4,)), Twice()])
    model.save(tmp_path / "m.keras")
    with pytest.raises(ValueError, match=r"names .*Twice.* not in dualnet. If it is yours, pass custom_objects"):
        dualnet.models.load_model(tmp_path / "m.keras")
    with dualnet.saving.custom_object_scope({"Twice": Twice}):
        loaded = dualnet.models.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(np.asarray(loaded(X)), 2 * X)
    with pytest.raises(ValueError, match="not in dualnet"):
        dualnet.models.load_model(tmp_path / "m.keras")  # the scope is over


def test_layers_in_attributes_of_any_name(tmp_path: Path) -> None:
    """Names that a model uses for itself are free in a layer."""

    class Block(layers.Layer):
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self._layers = [layers.Dense(2), layers.Dense(2)]  # type: ignore[assignment]
            self.optimizer = layers.Dense(2)

        def call(self, x: Any) -> Any:
            return self.optimizer(self._layers[1](self._layers[0](x)))

    model = dualnet.Sequential([dualnet.Input((4,)), Block()])
    model.save(tmp_path / "m.keras")
    loaded = dualnet.models.load_model(tmp_path / "m.keras", custom_objects={"Block": Block})
    for a, b in zip(model.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_weights_that_do_not_fit_change_nothing(tmp_path: Path) -> None:
    def model(*units: int) -> Any:
        return dualnet.Sequential([dualnet.Input((4,)), *(layers.Dense(n, name=f"d{i}") for i, n in enumerate(units))])

    model(3, 2).save_weights(tmp_path / "m.weights.h5")
    for other, message in (
        ((3, 5), r"'d1': array 0 has shape \(3, 5\), the file has \(3, 2\)"),
        ((3, 2, 2), "'d2' is not in"),
    ):
        target = model(*other)
        before = target.get_weights()
        with pytest.raises(ValueError, match=rf"nothing was loaded: .*{message}"):
            target.load_weights(tmp_path / "m.weights.h5")
        for a, b in zip(before, target.get_weights()):
            np.testing.assert_array_equal(a, b)
        with pytest.warns(UserWarning, match=f"left as they are: .*{message}"):
            target.load_weights(tmp_path / "m.weights.h5", skip_mismatch=True)
        assert (target.get_weights()[0] != before[0]).any()
        np.testing.assert_array_equal(target.get_weights()[-2], before[-2])
    unbuilt = dualnet.Sequential([layers.Dense(3), layers.Dense(2)])
    with pytest.raises(ValueError, match="not built yet: call the model on data first"):
        unbuilt.load_weights(tmp_path / "m.weights.h5")


def test_file_names_that_are_refused(tmp_path: Path) -> None:
    model = trained(dualnet, "sequential")
    for name in ("m", "m.zip", "m.weights.h5"):
        with pytest.raises(ValueError, match=r"must end in \.keras"):
            model.save(tmp_path / name)
    with pytest.raises(ValueError, match=r"must end in .weights.h5"):
        model.save_weights(tmp_path / "m")
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        model.save(tmp_path / "none" / "m.keras")
    model.save(tmp_path / "m.keras")
    with pytest.raises(FileExistsError, match="overwrite=True"):
        model.save(tmp_path / "m.keras", overwrite=False)
    with pytest.raises(FileNotFoundError, match="there is no file"):
        dualnet.models.load_model(tmp_path / "other.keras")
    with pytest.raises(
        ValueError,
        match=r"the name of a file with weights must end in \.weights\.h5, \.weights\.json, \.safetensors, \.keras,",
    ):
        model.load_weights(tmp_path / "m.npz")
    assert [p.name for p in tmp_path.iterdir()] == ["m.keras"]


@pytest.mark.parametrize("name", ["square", "erf", "relu", "image.rgb_to_grayscale", "linalg.norm"])
def test_an_op_as_activation_is_saved_by_its_module(name: str) -> None:
    op = dualnet.ops
    for part in name.split("."):
        op = getattr(op, part)
    layer = layers.Dense(3, activation=op)
    config = dualnet.saving.serialize_keras_object(layer)
    assert config["config"]["activation"]["module"].startswith("keras.ops")
    assert dualnet.saving.deserialize_keras_object(json.loads(json.dumps(config))).activation is op


def test_a_model_with_an_op_as_activation(tmp_path: Path) -> None:
    model = dualnet.Sequential([layers.Input((4,)), layers.Dense(3, activation=dualnet.ops.square)])
    model.compile("sgd", dualnet.ops.categorical_crossentropy)
    model.save(tmp_path / "m.keras")
    loaded = dualnet.models.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(loaded.predict(X[:, :4], verbose=0), model.predict(X[:, :4], verbose=0))


def test_keras_reads_an_op_as_activation(keras: Any, tmp_path: Path) -> None:
    model = dualnet.Sequential([layers.Input((4,)), layers.Dense(3, activation=dualnet.ops.square)])
    model.save(tmp_path / "m.keras")
    theirs = keras.models.load_model(tmp_path / "m.keras")
    np.testing.assert_allclose(theirs(X[:, :4]), np.asarray(model(X[:, :4])), rtol=1e-5, atol=1e-6)
