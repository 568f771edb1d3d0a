"""A model on another device: ``Model.to``, arrays of either device, files and backups that go from one to the other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dualnet_backends as backends
import numpy as np
import pytest

import dualnet
from dualnet import Input, Sequential, Tensor, config, layers, ops, optimizers
from dualnet.callbacks import BackupAndRestore, Callback
from tests.conftest import DEVICES

RNG = np.random.default_rng(0)
X = RNG.normal(size=(48, 8)).astype("float32")
Y = RNG.integers(0, 3, 48)


class Momentum(optimizers.Optimizer):
    """As users of Keras write one."""

    def build(self, variables: Any) -> None:
        if self.built:
            return
        super().build(variables)
        self.momentums = [self.add_variable_from_reference(v, "momentum") for v in variables]

    def update_step(self, gradient: Any, variable: Any, learning_rate: float) -> None:
        m = self.momentums[self._get_variable_index(variable)]
        self.assign(m, 0.9 * m - learning_rate * gradient)
        self.assign_add(variable, m)


OPTIMIZERS = {
    "adam": lambda: optimizers.Adam(0.01),
    "momentum": lambda: optimizers.SGD(0.01, momentum=0.9),
    "per variable": lambda: optimizers.Lamb(0.01),
    "host state": lambda: optimizers.Nadam(0.01),
    "averages": lambda: optimizers.AdamW(0.01, use_ema=True, ema_momentum=0.9),
    "accumulated": lambda: optimizers.Adam(0.01, gradient_accumulation_steps=2),
    "scaled": lambda: optimizers.LossScaleOptimizer(optimizers.Adam(0.01), initial_scale=8.0),
    "several": lambda: optimizers.MultiOptimizer(
        optimizers.OptimizerMap(optimizers.Adam(0.01), {".*bias": optimizers.SGD(0.1, momentum=0.5)})
    ),
    "custom": lambda: Momentum(0.01),
}


@pytest.fixture(params=DEVICES[1:])
def other(request: pytest.FixtureRequest) -> str:
    """A device that is not the CPU."""
    return request.param


@pytest.fixture(autouse=True)
def on_the_cpu() -> Iterator[None]:
    with config.device("cpu"):
        yield


def make(optimizer: Any = None) -> Any:
    dualnet.utils.clear_session()
    dualnet.utils.set_random_seed(3)
    parts = [layers.Dense(16, "relu"), layers.BatchNormalization(), layers.Dropout(0.3), layers.Dense(3, "softmax")]
    model = Sequential([Input((8,)), *parts])
    model.compile(optimizer or optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def fit(model: Any, **options: Any) -> Any:
    return model.fit(X, Y, **{"batch_size": 16, "epochs": 2, "verbose": 0, **options})


def devices_of(model: Any) -> set[str]:
    """Where the weights, the slots and the metrics are. The numbers of a step stay on the host."""
    slots = [v for v in model.optimizer.variables if v.ndim]
    return {v.device for v in (*model.variables, *slots, *model.metrics_variables)}


def assert_same(a: Any, b: Any) -> None:
    for v, w in zip([*a.variables, *a.optimizer.variables], [*b.variables, *b.optimizer.variables], strict=True):
        np.testing.assert_allclose(v.numpy(), w.numpy(), rtol=1e-4, atol=1e-5, err_msg=v.path)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_training_goes_on_there_and_back(name: str, other: str) -> None:
    stays = make(OPTIMIZERS[name]())
    for first in (0, 2, 4):
        fit(stays, initial_epoch=first, epochs=first + 2)
    moves = make(OPTIMIZERS[name]())
    fit(moves)
    before = [v.numpy() for v in (*moves.variables, *moves.optimizer.variables)]
    assert moves.to(other) is moves
    assert devices_of(moves) == {other}
    for value, v in zip(before, (*moves.variables, *moves.optimizer.variables), strict=True):
        np.testing.assert_array_equal(value, v.numpy())
    fit(moves, initial_epoch=2, epochs=4)
    assert devices_of(moves) == {other}
    moves.to("cpu")
    assert devices_of(moves) == {"cpu"}
    fit(moves, initial_epoch=4, epochs=6)
    assert_same(stays, moves)
    assert config.get_device() == "cpu"


def test_captured_steps_are_dropped(other: str) -> None:
    model = make()
    fit(model)
    before = [v.data for v in model.variables]
    assert model._captured_steps
    model.to(other)
    assert not model._captured_steps
    values = [a.copy() for a in before]
    fit(model)
    for array, value in zip(before, values):
        np.testing.assert_array_equal(array, value, err_msg="a step has written to the memory that was left")
    model.evaluate(X, Y, verbose=0)
    assert model.predict(X, verbose=0).shape == (48, 3)
    model.to(other)  # where it is already
    assert devices_of(model) == {other}


def test_an_optimizer_of_another_model_follows(other: str) -> None:
    inner = make()
    inputs = Input((8,))
    outer = dualnet.Model(inputs, layers.Dense(2)(inner(inputs)))
    outer.compile(optimizers.Adam(0.01), "mse")
    fit(inner)
    outer.fit(X, np.zeros((48, 2)), verbose=0)
    slots = [v.numpy() for v in inner.optimizer.variables]
    outer.to(other)
    fit(inner, epochs=1)
    assert {v.device for v in inner.variables} == {other} == {v.device for v in inner.optimizer.variables if v.ndim}
    assert int(inner.optimizer.iterations) == int(slots[0]) + 3
    before = inner.get_weights()
    outer.fit(X, np.zeros((48, 2)), verbose=0)
    assert any((a != b).any() for a, b in zip(before, inner.get_weights())), "the outer one updates what it left"
    inner.optimizer.build(inner.trainable_variables)
    grads = [ops.ones_like(v) for v in inner.trainable_variables]
    weight = inner.get_weights()[0]
    inner.optimizer.apply(grads, inner.trainable_variables)
    assert (inner.get_weights()[0] != weight).all()


def test_states_and_tensors_that_layers_and_metrics_hold(other: str) -> None:
    class Shift(layers.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.by = ops.ones((3,))

        def call(self, x: Any) -> Any:
            return x + self.by

    cells = [layers.LSTM(3, stateful=True), Shift(), layers.Dense(2, "softmax")]
    model = Sequential([Input((5, 4), batch_size=4), *cells])
    auc = dualnet.metrics.AUC(multi_label=True, num_labels=2, label_weights=[1.0, 2.0])
    model.compile("adam", "categorical_crossentropy", metrics=[auc])
    x, y = np.ones((4, 5, 4), "float32"), np.eye(2, dtype="float32")[[0, 1, 0, 1]]
    model.fit(x, y, batch_size=4, verbose=0)
    state = [v.numpy() for v in model._state_variables()]
    model.to(other)
    assert {v.device for v in model._state_variables()} == {other}
    for value, v in zip(state, model._state_variables()):
        np.testing.assert_array_equal(value, v.numpy())
    assert np.isfinite(model.evaluate(x, y, batch_size=4, verbose=0)).all()
    model.fit(x, y, batch_size=4, verbose=0)


def test_what_cannot_be_moved() -> None:
    with pytest.raises(ValueError, match="has no weights yet: build it first"):
        Sequential([layers.Dense(2)]).to("cpu")
    with pytest.raises(ValueError, match="no device is called 'nowhere'"):
        make().to("nowhere")


def test_no_room(other: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is where it was, and works."""
    model, backend, calls = make(), backends.get(other), []
    fit(model)
    asarray = backend.asarray

    def full(x: Any, dtype: Any = None) -> Any:
        calls.append(x)
        if len(calls) > 3:
            raise MemoryError
        return asarray(x, dtype)

    with monkeypatch.context() as patch:
        patch.setattr(backend, "asarray", full)
        with pytest.raises(config.OutOfMemoryError, match=f"out of memory on {other}"):
            model.to(other)
    assert devices_of(model) == {"cpu"}
    fit(model)


@pytest.mark.parametrize("home", DEVICES)
@pytest.mark.parametrize("place", DEVICES)
def test_arrays_of_either_device(home: str, place: str) -> None:
    if place == "strict:0" != home:
        pytest.skip("only the stand-in itself takes its arrays")
    if home == "strict:0" and place not in ("cpu", home):
        pytest.skip("the stand-in knows no GPU")
    put = backends.get(place).asarray
    x, y, weight = put(X), put(Y), put(np.ones(48, "float32"))
    expected = make()
    fit(expected, class_weight={0: 2.0}, validation_split=0.25)
    model = make().to(home)
    history = model.fit(x, y, batch_size=16, epochs=2, verbose=0, class_weight={0: 2.0}, validation_split=0.25).history
    np.testing.assert_allclose(history["val_loss"], expected.history.history["val_loss"], rtol=1e-4)
    predictions = model.predict(x, verbose=0)
    assert type(predictions) is np.ndarray is type(model.predict_on_batch(x))
    np.testing.assert_allclose(predictions, expected.predict(X, verbose=0), rtol=1e-3, atol=1e-5)
    a = model.evaluate(x, y, sample_weight=weight, verbose=0)
    np.testing.assert_allclose(a, expected.evaluate(X, Y, verbose=0), rtol=1e-4)
    model.train_on_batch(x[:16], y[:16])
    model.test_on_batch(Tensor(x[:16]), Tensor(y[:16]))
    batches = [(x[:16], y[:16], weight[:16]), (x[16:32], y[16:32], weight[16:32])]
    model.fit(batches, epochs=2, verbose=0)
    model.fit((batch for batch in batches), verbose=0)
    assert devices_of(model) == {home}


def test_an_array_on_the_device_stays_where_it_is(other: str) -> None:
    """No copy of the data is made."""
    model = make().to(other)
    x = backends.get(other).asarray(X)
    assert model._make_data(x).x is x
    assert model._make_data(Tensor(x)).x is x


class Stop(Exception):
    pass


class StopAfter(Callback):
    def __init__(self, epoch: int) -> None:
        super().__init__()
        self.epoch = epoch

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:  # the backup of an epoch comes last in it
        if epoch == self.epoch:
            raise Stop


@pytest.mark.parametrize("suffix", [".keras", ".weights.h5", ".h5"])
def test_files_of_one_device_load_on_the_other(suffix: str, other: str, tmp_path: Path) -> None:
    for first, second in (("cpu", other), (other, "cpu")):
        path = tmp_path / f"{first.replace(':', '')}{suffix}"
        with config.device(first):
            model = make()
            fit(model)
        with config.device(second):
            if suffix == ".weights.h5":
                model.save_weights(path)
                loaded = make()
                loaded.load_weights(path)
            else:
                model.save(path)
                loaded = dualnet.models.load_model(path)
            assert {v.device for v in loaded.variables} == {second}
            for a, b in zip(model.get_weights(), loaded.get_weights(), strict=True):
                np.testing.assert_array_equal(a, b)
            np.testing.assert_allclose(loaded.predict(X, verbose=0), model.predict(X, verbose=0), rtol=1e-4, atol=1e-6)


def test_a_run_goes_on_on_the_other_device(other: str, tmp_path: Path) -> None:
    expected = make()
    fit(expected, epochs=4)
    for first, second in (("cpu", other), (other, "cpu")):
        folder = str(tmp_path / first.replace(":", ""))
        with config.device(first), pytest.raises(Stop):
            fit(make(), epochs=4, callbacks=[BackupAndRestore(folder), StopAfter(2)])
        with config.device(second):
            model, begun = make(), []
            count = dualnet.callbacks.LambdaCallback(
                on_epoch_begin=lambda epoch, logs, begun=begun: begun.append(epoch)
            )
            fit(model, epochs=4, callbacks=[BackupAndRestore(folder), count])
        assert begun == [2, 3]
        assert devices_of(model) == {second}
        assert_same(expected, model)


def test_memory_is_shared_by_dlpack() -> None:
    array = np.arange(6, dtype="float32").reshape(2, 3)
    tensor = Tensor.from_dlpack(array)
    assert tensor.device == "cpu"
    assert np.shares_memory(tensor.data, array)
    back = np.from_dlpack(tensor)
    assert np.shares_memory(back, array)
    assert tensor.__dlpack_device__() == (1, 0)
    variable = dualnet.Variable(array)
    view = np.from_dlpack(variable)
    variable.assign_add(np.ones((2, 3)))
    np.testing.assert_array_equal(view, array + 1)
    with pytest.raises(TypeError, match="expected an array with __dlpack__"):
        Tensor.from_dlpack([1, 2])

    class Elsewhere:
        def __dlpack__(self, **_: Any) -> Any:
            raise AssertionError

        def __dlpack_device__(self) -> tuple[int, int]:
            return (8, 0)

    with pytest.raises(ValueError, match="DLPack device type 8: copy it to the CPU or to a GPU first"):
        Tensor.from_dlpack(Elsewhere())


class Torch:
    """What dualnet uses of a tensor of PyTorch. One with a gradient gives its memory to nobody before ``detach``."""

    def __init__(self, array: Any, detached: bool = False) -> None:
        self.array, self.detached = array, detached
        self.shape, self.dtype, self.ndim = array.shape, array.dtype, array.ndim

    def detach(self) -> Torch:
        return Torch(self.array, True)

    def cpu(self) -> Torch:
        return Torch(backends.of(self.array).to_numpy(self.array), self.detached)

    def numpy(self) -> Any:
        assert self.detached
        if type(self.array) is not np.ndarray:
            raise TypeError("can't convert cuda:0 device type tensor to numpy")
        return self.array

    def __len__(self) -> int:
        return len(self.array)

    def __dlpack__(self, **options: Any) -> Any:
        assert self.detached, "Can't export tensors that require gradient"
        return self.array.__dlpack__(**options)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.array.__dlpack_device__()


PLACES = [name for name in DEVICES if name != "strict:0"]


@pytest.mark.parametrize("home", PLACES)
@pytest.mark.parametrize("place", PLACES)
def test_tensors_of_pytorch(home: str, place: str) -> None:
    put = backends.get(place).asarray
    x, y = Torch(put(X)), Torch(put(Y))
    tensor = Tensor.from_dlpack(x)
    assert tensor.device == place
    np.testing.assert_array_equal(tensor.numpy(), X)
    model = make().to(home)
    model.fit(x, y, batch_size=16, verbose=0)
    assert model.predict(x, verbose=0).shape == (48, 3)
    assert model.evaluate(x, y, verbose=0)
    with config.device(home):
        np.testing.assert_array_equal(ops.add(ops.zeros(X.shape), x).numpy(), X)


@pytest.mark.skipif(bool(backends.gpu_status()), reason=backends.gpu_status())
def test_dlpack_on_a_gpu() -> None:
    import cupy

    array = cupy.arange(6, dtype="float32")
    tensor = Tensor.from_dlpack(array)
    assert tensor.device == "gpu:0"
    assert tensor.data.data.ptr == array.data.ptr
    assert cupy.from_dlpack(tensor).data.ptr == array.data.ptr
    assert tensor.__dlpack_device__() == (2, 0)
