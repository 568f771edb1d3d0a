"""The state of an optimizer from any file: training goes on as if nothing had happened, or one warning says what is lost."""

from __future__ import annotations

import functools
import io
import json
import operator
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import dualnet
from dualnet import layers, optimizers

# Small models that tf_keras 2.21 trained, saved to .h5, loaded, and trained on: what the file had, and the weights at the end.
TF_KERAS = json.loads((Path(__file__).parent / "tf_keras_states.json").read_text())
X, Y = (np.array(TF_KERAS[key], "float32") for key in ("x", "y"))
SHAPES = ((2, 2), (2,), (2, 2), (2,))
State = list[tuple[str, Any]]  # names and arrays


def network(optimizer: Any = "adam") -> Any:
    """Two layers alike, so that shapes alone do not say which array belongs to which weight."""
    model = dualnet.Sequential([dualnet.Input((2,)), layers.Dense(2, "tanh"), layers.Dense(2)], name="s")
    model.compile(optimizer, "mse")
    return model


def go_on(model: Any) -> list[Any]:
    model.fit(X, Y, batch_size=4, shuffle=False, epochs=2, verbose=0)
    return model.get_weights()


def write_h5(path: Path, optimizer: dict[str, Any], weights: list[Any], state: State) -> Path:
    """A file as Keras 2 and tf.keras write it."""
    with h5py.File(path, "w") as file:
        dense = [
            {
                "class_name": "Dense",
                "config": {"name": f"d{i}", "units": 2, "activation": a, "batch_input_shape": [None, 2]},
            }
            for i, a in enumerate(("tanh", "linear"))
        ]
        file.attrs["keras_version"] = "2.15.0"
        file.attrs["model_config"] = json.dumps({"class_name": "Sequential", "config": {"name": "s", "layers": dense}})
        file.attrs["training_config"] = json.dumps({"loss": "mse", "metrics": None, "optimizer_config": optimizer})
        group = file.create_group("model_weights")
        group.attrs["layer_names"] = [b"d0", b"d1"]
        for i in range(2):
            names = [f"d{i}/kernel:0", f"d{i}/bias:0"]
            group.create_group(f"d{i}").attrs["weight_names"] = [n.encode() for n in names]
            for name, array in zip(names, weights[2 * i :]):
                group[f"d{i}"][name] = np.array(array, "float32")
        group = file.create_group("optimizer_weights")
        group.attrs["weight_names"] = [name.encode() for name, _ in state]
        for name, array in state:
            group[name] = np.asarray(array)
    return path


def typed(name: str, array: Any) -> Any:
    return np.array(array, "int64" if "iter" in name else "float32")


@pytest.mark.parametrize("name", TF_KERAS["cases"])
def test_training_goes_on_as_in_tf_keras(name: str, tmp_path: Path) -> None:
    case = TF_KERAS["cases"][name]
    state = [(n, typed(n, array)) for n, array in case["state"].items()]
    path = write_h5(tmp_path / "m.h5", case["optimizer_config"], case["weights"], state)
    model = dualnet.models.load_model(path)
    assert int(model.optimizer.iterations) == 4
    for ours, theirs in zip(go_on(model), case["after"], strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5)


def slots(optimizer: Any, *names: str) -> list[list[Any]]:
    """The slots of a trained optimizer: for each name an array for each weight."""
    by_name: dict[str, list[Any]] = {}
    for v in optimizer._slot_variables():
        by_name.setdefault(v.name, []).append(v.numpy())
    return [by_name[name] for name in names]


def count(optimizer: Any, name: str = "Adam/iterations:0") -> State:
    return [(name, np.int64(optimizer.step_count()))]


def unnamed(*groups: list[Any]) -> State:
    """Slot by slot, with names as in Keras 2.0 to 2.3, which say nothing."""
    return [
        (f"training/Adam/Variable_{i}:0", array) for i, array in enumerate(functools.reduce(operator.iadd, groups, []))
    ]


def shuffled(optimizer: Any) -> State:
    m, v = slots(optimizer, "momentum", "velocity")
    named = [(f"Adam/d{i}/x{i}/v:0", a) for i, a in enumerate(v)] + [
        (f"Adam/d{i}/x{i}/m:0", a) for i, a in enumerate(m)
    ]
    return [*named, ("/iterations", np.int64(optimizer.step_count()))]


dummies = [np.zeros(1, "float32")] * 4
# (the optimizer, its config in the file, what the file has for it)
OLD: dict[str, tuple[Callable[[], Any], dict[str, Any], Callable[[Any], State]]] = {
    "Keras 2.3 Adam, vhat not in use": (
        lambda: optimizers.Adam(0.01),
        {"class_name": "Adam", "config": {"lr": 0.01, "beta_1": 0.9, "beta_2": 0.999, "decay": 0.0, "epsilon": 1e-7}},
        lambda o: count(o) + unnamed(*slots(o, "momentum", "velocity"), dummies),
    ),
    "Keras 2.3 Adam, amsgrad": (
        lambda: optimizers.Adam(0.01, amsgrad=True),
        {"class_name": "Adam", "config": {"lr": 0.01, "amsgrad": True}},
        lambda o: count(o) + unnamed(*slots(o, "momentum", "velocity", "velocity_hat")),
    ),
    "Keras 2.0 SGD, moments not in use": (
        lambda: optimizers.SGD(0.1),
        {"class_name": "SGD", "config": {"lr": 0.1, "momentum": 0.0, "decay": 0.0, "nesterov": False}},
        lambda o: count(o) + unnamed([np.zeros(s, "float32") for s in SHAPES]),
    ),
    "Keras 2.0 SGD with momentum": (
        lambda: optimizers.SGD(0.1, momentum=0.9),
        {"class_name": "SGD", "config": {"lr": 0.1, "momentum": 0.9}},
        lambda o: count(o) + unnamed(*slots(o, "momentum")),
    ),
    "Keras 2.2 RMSprop, without a count": (
        lambda: optimizers.RMSprop(0.01),
        {"class_name": "RMSprop", "config": {"lr": 0.01, "rho": 0.9, "decay": 0.0, "epsilon": 1e-7}},
        lambda o: unnamed(*slots(o, "velocity")),
    ),
    "Keras 2.2 Adagrad, without a count": (
        lambda: optimizers.Adagrad(0.1),
        {"class_name": "Adagrad", "config": {"lr": 0.1, "initial_accumulator_value": 0.1}},
        lambda o: unnamed(*slots(o, "accumulator")),
    ),
    "Keras 2.2 Adadelta": (
        lambda: optimizers.Adadelta(0.5),
        {"class_name": "Adadelta", "config": {"lr": 0.5, "rho": 0.95}},
        lambda o: unnamed(*slots(o, "accumulated_grad", "accumulated_delta_var")),
    ),
    "Keras 2 Adamax": (
        lambda: optimizers.Adamax(0.01),
        {"class_name": "Adamax", "config": {"lr": 0.01}},
        lambda o: count(o) + unnamed(*slots(o, "momentum", "norm")),
    ),
    "Keras 2 Nadam, the product second": (
        lambda: optimizers.Nadam(0.01, schedule_decay=0.004),
        {"class_name": "Nadam", "config": {"lr": 0.01, "schedule_decay": 0.004}},
        lambda o: [*count(o), ("m_schedule:0", o._u_product.numpy()), *unnamed(*slots(o, "momentum", "velocity"))],
    ),
    "slots in another order, and a count called /iterations": (
        lambda: optimizers.Adam(0.01),
        {"class_name": "Custom>Adam", "config": {"learning_rate": 0.01}},
        shuffled,
    ),
    "a Nadam whose product was not saved": (
        lambda: optimizers.Nadam(0.01),
        {"class_name": "Custom>Nadam", "config": {"learning_rate": 0.01}},
        lambda o: (
            count(o, "iteration:0")
            + [(f"Nadam/m/d{i}:0", a) for i, a in enumerate(slots(o, "momentum")[0])]
            + [(f"Nadam/v/d{i}:0", a) for i, a in enumerate(slots(o, "velocity")[0])]
        ),
    ),
}


@pytest.mark.parametrize("name", OLD)
def test_training_goes_on_from_older_files(name: str, tmp_path: Path) -> None:
    make, config, state = OLD[name]
    model = network(make())
    weights = go_on(model)
    path = write_h5(tmp_path / "m.h5", config, weights, state(model.optimizer))
    loaded = dualnet.models.load_model(path)
    for a, b in zip(go_on(loaded), go_on(model), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-6)


def test_the_state_of_another_number_of_weights(tmp_path: Path) -> None:
    """compile, fit, freeze a layer, save, load: what is still trained goes on with its state."""
    for suffix in (".keras", ".h5"):
        model = network()
        go_on(model)
        model.layers[0].trainable = False
        model.save(tmp_path / f"m{suffix}")
        loaded = dualnet.models.load_model(tmp_path / f"m{suffix}")
        assert [v.shape for v in loaded.optimizer.variables[2:]] == [(2, 2), (2, 2), (2,), (2,)]
        for a, b in zip(loaded.optimizer.variables[2:], model.optimizer.variables[6:], strict=True):
            np.testing.assert_array_equal(a.numpy(), b.numpy())
        assert int(loaded.optimizer.iterations) == 4


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_a_frozen_layer_of_keras(suffix: str, keras: Any, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2), keras.layers.Dense(2)])
        theirs.compile("adam", "mse")
        theirs.fit(X, Y, verbose=0)
        theirs.layers[0].trainable = False
        theirs.save(tmp_path / f"m{suffix}")
    loaded = dualnet.models.load_model(tmp_path / f"m{suffix}")
    for a, b in zip(loaded.optimizer.variables[2:], theirs.optimizer.variables[6:], strict=True):
        np.testing.assert_array_equal(a.numpy(), np.asarray(b.numpy()))


def lost(state: State, config: dict[str, Any], path: Path) -> tuple[Any, str]:
    """The model of a file, and its one warning."""
    weights = [np.ones(shape, "float32") for shape in SHAPES]
    write_h5(path, config, weights, state)
    with pytest.warns(UserWarning, match=r"m.h5: the optimizer state in the file is not loaded as a whole") as warned:
        model = dualnet.models.load_model(path)
    assert len(warned) == 1
    for a, b in zip(model.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(a, b)
    return model, str(warned[0].message)


def test_what_is_lost_is_said_once(tmp_path: Path) -> None:
    ones = [np.ones(shape, "float32") for shape in SHAPES]
    adam = {"class_name": "Adam", "config": {"learning_rate": 0.01}}
    moments = [(f"Adam/d{i}/w{i}/m:0", a) for i, a in enumerate(ones)]
    model, text = lost([("Adam/iter:0", np.int64(7)), *moments], adam, tmp_path / "m.h5")
    assert "nothing for velocity of" in text  # and the rest is there
    assert int(model.optimizer.iterations) == 7
    assert [bool(v.numpy().all()) for v in model.optimizer.variables[2:]] == [True, False] * 4
    model, text = lost([("Adam/iter:0", np.int64(7)), *moments[:3]], adam, tmp_path / "m.h5")
    assert "has 4 arrays, and 'adam" in text
    assert text.endswith("the optimizer starts afresh, at step 7")
    assert not any(v.numpy().any() for v in model.optimizer.variables[2:])
    for name in ("Adam/odd/m:0", "x" * 5000):
        state = [("Adam/iter:0", np.int64(7)), (name, np.array([b"text"]))]
        _, text = lost(state, adam, tmp_path / "m.h5")
        assert "expected numbers" in text
    model.fit(X, Y, verbose=0)


@pytest.mark.parametrize("suffix", [".keras", ".weights.h5", ".weights.json"])
def test_the_state_of_another_optimizer(suffix: str, tmp_path: Path) -> None:
    """Lion has a state like that of SGD with momentum, which means another thing."""
    model, other = network(optimizers.SGD(0.1, momentum=0.9)), network(optimizers.Lion(0.01))
    go_on(model)
    go_on(other)
    before = [v.numpy().copy() for v in other.optimizer.variables]
    path = tmp_path / f"m{suffix}"
    model.save(path) if suffix == ".keras" else model.save_weights(path)
    with pytest.warns(UserWarning, match=r"it is that of 'sgd.*', and the model has 'lion") as warned:
        other.load_weights(path)
    assert len(warned) == 1
    for a, b in zip(before, other.optimizer.variables, strict=True):
        np.testing.assert_array_equal(a, b.numpy())
    for a, b in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    alike = network(optimizers.AdamW(0.01))
    adam = network(optimizers.Adam(0.01))
    go_on(alike)
    go_on(adam)
    adam.save_weights(tmp_path / "adam.weights.h5")
    alike.load_weights(tmp_path / "adam.weights.h5")
    for a, b in zip(adam.optimizer.variables[2:], alike.optimizer.variables[2:], strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())


def test_an_archive_of_tf_keras(tmp_path: Path) -> None:
    """It has no learning rate in the state of the optimizer."""
    model = network(optimizers.Adam(0.01))
    go_on(model)
    model.save(tmp_path / "m.keras")
    with zipfile.ZipFile(tmp_path / "m.keras") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    buffer = io.BytesIO(members["model.weights.h5"])
    with h5py.File(buffer, "r+") as file:
        group = file["optimizer/vars"]
        del group["1"]
        for i in range(1, 9):
            group.move(str(i + 1), str(i))
        del group.attrs["name"]
    with zipfile.ZipFile(tmp_path / "old.keras", "w") as archive:
        for name, content in {**members, "model.weights.h5": buffer.getvalue()}.items():
            archive.writestr(name, content)
    loaded = dualnet.models.load_model(tmp_path / "old.keras")
    for a, b in zip(go_on(loaded), go_on(model), strict=True):
        np.testing.assert_array_equal(a, b)


class Own(optimizers.SGD):
    """An optimizer of the user that stores its state in its own way."""

    def save_own_variables(self, store: dict[str, Any]) -> None:
        store["count"] = self.iterations.numpy()

    def load_own_variables(self, store: Any) -> None:
        self.iterations.assign(store["count"])


def test_an_optimizer_that_stores_its_state_itself(tmp_path: Path) -> None:
    model = network(Own(0.1))
    go_on(model)
    model.save(tmp_path / "m.keras")
    loaded = dualnet.models.load_model(tmp_path / "m.keras", custom_objects={"Own": Own})
    assert int(loaded.optimizer.iterations) == 4
