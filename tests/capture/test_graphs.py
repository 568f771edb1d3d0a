"""Steps as recordings: with the same bits as steps that run kernel by kernel, and noticed when they are stale.

On a GPU these are CUDA graphs; everywhere else a stand-in, which runs the same executor.
"""

from __future__ import annotations

import gc
import logging
import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dualnet_backends as backends
import numpy as np
import pytest
from dualnet_backends.recording import Rows

import dualnet
from dualnet import Input, Model, Sequential, callbacks, layers, losses, metrics, ops, optimizers
from dualnet.capture.executors.graph import GraphStep, Phases
from dualnet.capture.replay import CapturedPredictStep, CapturedTestStep, CapturedTrainStep, captured_step
from tests.backends.rerun import Rerun

from .conftest import both

RANDOM = np.random.default_rng(5)
X = RANDOM.normal(size=(44, 6)).astype("float32")
Y = RANDOM.normal(size=(44, 3)).astype("float32")
pytestmark = pytest.mark.usefixtures("device")
LABELS = RANDOM.integers(0, 3, 44)
WEIGHTS = RANDOM.uniform(0.5, 2, 44).astype("float32")


def network(**options: Any) -> Sequential:
    return Sequential([
        Input((6,)),
        layers.Dense(8, activation="relu", kernel_regularizer="l2", **options),
        layers.BatchNormalization(),
        layers.Dropout(0.3),
        layers.Dense(3, activation="softmax"),
    ])  # fmt: skip


def compiled(model: Any = None, **options: Any) -> Any:
    model = model or network()
    settings: dict[str, Any] = {
        "optimizer": optimizers.Adam(0.01),
        "loss": "sparse_categorical_crossentropy",
        "metrics": ["accuracy"],
    }
    model.compile(**{**settings, **options})
    return model


def fit(model: Any, epochs: int = 4, x: Any = X, y: Any = LABELS, **options: Any) -> dict[str, Any]:
    return model.fit(x, y, **{"batch_size": 8, "epochs": epochs, "verbose": 0, **options}).history


def state(model: Any) -> list[Any]:
    variables = [*model.variables, *model.metrics_variables, *(model.optimizer.variables if model.optimizer else ())]
    return [v.numpy().tolist() for v in variables]


def steps(model: Any, cls: Any = CapturedTrainStep) -> list[GraphStep]:
    """The recorded steps of a model."""
    entries = captured_step(model, cls)._entries.values()
    return [entry for entry in entries if isinstance(entry, GraphStep) and entry.is_recorded]


def assert_recorded(model: Any, phases: Phases = Phases.METRICS, cls: Any = CapturedTrainStep) -> None:
    """With recordings switched on, there are some, of all these phases and no more."""
    if dualnet.config.are_graphs_enabled():
        assert steps(model, cls)
        assert {step.phases for step in steps(model, cls)} == {phases}
    else:
        assert not steps(model, cls)


# -- the same bits -----------------------------------------------------------------------------------------------------


def shared_layers() -> Model:
    x = Input((6,))
    shared = layers.Dense(6, activation="tanh", kernel_constraint="max_norm")
    h = layers.LayerNormalization()(shared(x) + shared(shared(x)))
    return Model(x, layers.Dense(3, activation="softmax")(ops.split(h, 2, axis=-1)[0]))


TRAINING: dict[str, tuple[Callable[[], Any], dict[str, Any], dict[str, Any]]] = {
    "adam": (network, {}, {}),
    "validation": (network, {}, {"validation_data": (X, LABELS)}),
    "no shuffle": (network, {}, {"shuffle": False}),
    "shuffled batches": (network, {}, {"shuffle": "batch"}),
    "sample weights": (network, {"weighted_metrics": ["accuracy"]}, {"sample_weight": WEIGHTS}),
    "class weights": (network, {}, {"class_weight": {0: 1.0, 1: 2.0, 2: 0.5}}),
    "schedule": (
        network,
        {"optimizer": lambda: optimizers.SGD(optimizers.schedules.ExponentialDecay(0.1, 3, 0.5), momentum=0.9)},
        {},
    ),
    "weight decay and a limit": (
        network,
        {"optimizer": lambda: optimizers.AdamW(0.01, weight_decay=0.1, global_clipnorm=0.5)},
        {},
    ),
    "a scaled loss": (network, {"optimizer": lambda: optimizers.RMSprop(0.01, loss_scale_factor=8.0)}, {}),
    "shared layers": (shared_layers, {}, {}),
    "steps per epoch": (network, {}, {"steps_per_epoch": 2, "x": X[:32], "y": LABELS[:32]}),
}


@pytest.mark.parametrize("name", TRAINING)
def test_a_fit(name: str) -> None:
    make, settings, options = TRAINING[name]

    def program() -> Any:
        model = compiled(make(), **{k: v() if callable(v) else v for k, v in settings.items()})
        history = fit(model, **options)
        assert_recorded(model)
        assert len(steps(model)) == dualnet.config.are_graphs_enabled() * (1 if "steps_per_epoch" in options else 2)
        return history, state(model)

    both(program)


def test_evaluate_and_predict() -> None:
    def program() -> Any:
        model = compiled()
        results = [model.evaluate(X, LABELS, batch_size=8, verbose=0) for _ in range(4)]
        outputs = [model.predict(X, batch_size=8, verbose=0).tolist() for _ in range(4)]
        assert_recorded(model, cls=CapturedTestStep)
        assert_recorded(model, Phases.COMPUTE, CapturedPredictStep)
        return results, outputs

    both(program)


def test_steps_of_one_batch() -> None:
    def program() -> Any:
        model = compiled()
        results = [model.train_on_batch(X[:8], LABELS[:8]) for _ in range(6)]
        results += [model.test_on_batch(X[:8], LABELS[:8]) for _ in range(6)]
        assert_recorded(model)
        assert_recorded(model, cls=CapturedTestStep)
        return results, state(model)

    both(program)


def test_several_inputs_and_outputs() -> None:
    def program() -> Any:
        a, b = Input((6,), name="a"), Input((6,), name="b")
        h = layers.Dense(4)(layers.Concatenate()([a, b]))
        model = Model({"a": a, "b": b}, {"y": layers.Dense(3, name="y")(h), "c": layers.ReLU(name="c")(h)})
        model.compile("adam", {"y": "mse", "c": None}, metrics={"y": ["mae"], "c": None})
        history = fit(model, x={"b": X[::-1].copy(), "a": X}, y={"y": Y, "c": None})
        assert_recorded(model)
        return history, state(model), model.predict({"a": X, "b": X}, verbose=0)["y"].tolist()

    both(program)


def test_batches_from_an_iterable() -> None:
    batches = [(X[i : i + 8], LABELS[i : i + 8]) for i in range(0, 40, 8)]

    def program() -> Any:
        model = compiled()
        history = model.fit(batches, epochs=3, verbose=0).history
        assert_recorded(model)
        return history, state(model)

    both(program)


def test_a_batch_that_is_a_view() -> None:
    """Of other columns, and at an odd address: it is brought in order before a recorded step fetches it."""
    wide = RANDOM.normal(size=(8, 14)).astype("float16")

    def program() -> Any:
        backend = backends.current()
        model = compiled(
            Sequential([Input((3,), dtype="float16"), layers.Flatten(dtype="float16")]), loss="mse", metrics=[]
        )
        flat = backend.asarray(wide).reshape(-1)
        views = [flat[k : k + 24].reshape(8, 3) for k in range(6)] + [backend.asarray(wide)[:, ::2][:, :3]] * 2
        return [model.test_on_batch(dualnet.Tensor(v), dualnet.Tensor(v * 2)) for v in views]

    both(program)


def test_stateful_layers() -> None:
    sequences = RANDOM.normal(size=(24, 4, 3)).astype("float32")

    def program() -> Any:
        model = Sequential([Input((4, 3), batch_size=8), layers.SimpleRNN(5, stateful=True), layers.Dense(1)])
        model.compile(optimizers.SGD(0.1), "mse")
        history = fit(model, 5, sequences, Y[:24, :1], shuffle=False)
        assert_recorded(model)
        return history, state(model), [v.numpy().tolist() for v in model._state_variables()]

    both(program)


# -- what runs as written ----------------------------------------------------------------------------------------------


class Counting(metrics.Metric):
    """A metric of the user: Python code runs at every step, and outputs are kept."""

    def __init__(self) -> None:
        super().__init__(name="counting")
        self.total = self.add_variable((), name="total")
        self.calls, self.seen = 0, []

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        self.calls += 1
        self.seen.append(y_pred)
        self.total.assign_add(ops.sum(y_pred[:, 0]))

    def result(self) -> Any:
        return ops.copy(self.total)


def test_a_metric_of_the_user() -> None:
    def program() -> Any:
        metric = Counting()
        model = compiled(metrics=[metric, "accuracy"])
        history = fit(model)
        assert_recorded(model, Phases.UPDATE)
        assert metric.calls == 4 * 6
        # Each batch's output is still there: no replay has overwritten it.
        return history, state(model), [y.numpy().tolist() for y in metric.seen]

    both(program)


AS_WRITTEN = {
    "accumulated gradients": lambda: optimizers.Adam(0.01, gradient_accumulation_steps=3),
    "averages that overwrite": lambda: optimizers.Adam(0.01, use_ema=True, ema_overwrite_frequency=4),
    "a dynamic scale": lambda: optimizers.LossScaleOptimizer(
        optimizers.SGD(0.1), initial_scale=8.0, dynamic_growth_steps=5
    ),
}


@pytest.mark.parametrize("name", AS_WRITTEN)
def test_an_update_that_runs_as_written(name: str, caplog: pytest.LogCaptureFixture) -> None:
    def program() -> Any:
        model = compiled(optimizer=AS_WRITTEN[name]())
        history = fit(model)
        assert_recorded(model, Phases.COMPUTE)
        return history, state(model)

    with caplog.at_level(logging.DEBUG, "dualnet.capture"):
        both(program)
    assert "updates run as written: " in caplog.text


def test_a_constraint_of_the_user() -> None:
    def program() -> Any:
        model = compiled()
        model.layers[0].kernel.constraint = lambda w: w * 0.9
        history = fit(model)
        assert_recorded(model, Phases.COMPUTE)
        return history, state(model)

    both(program)


def test_a_step_of_the_user_is_not_recorded(caplog: pytest.LogCaptureFixture) -> None:
    class Own(Model):
        def train_step(self, data: Any) -> Any:
            return super().train_step(data)

    x = Input((6,))
    model = compiled(Own(x, layers.Dense(3, "softmax")(x)))
    with caplog.at_level(logging.DEBUG, "dualnet.capture"):
        fit(model)
    assert not steps(model)
    assert "train_step of own runs as written: code that is not dualnet's" in caplog.text


@pytest.mark.parametrize("refusals", range(1, 8))
def test_a_device_that_refuses(refusals: int, device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two refusals in a row, the second leaves out the last phase: the update and the metrics are then the model's, and in the
    end all is the program's."""
    if device != "strict:0":
        pytest.skip(
            "the stand-in says no when it is told to; a GPU's own refusals are in tests/backends/test_cuda_graph.py"
        )
    left = [refusals]

    def refuses() -> bool:
        left[0] -= 1
        return left[0] >= 0

    def program() -> Any:
        left[0] = refusals
        model = compiled()
        history = fit(model, 4, X[:40], LABELS[:40])
        if refusals < 6:
            assert_recorded(model, Phases(3 - refusals // 2))
        else:
            assert not steps(model)
        return history, state(model)

    monkeypatch.setattr(Rerun, "refuses", staticmethod(refuses))
    both(program)


# -- what may change between two steps ---------------------------------------------------------------------------------


def saved_and_loaded(model: Any, folder: Path) -> None:
    other = network()
    other.set_weights([w * 0.5 for w in model.get_weights()])
    other.save_weights(folder / "other.weights.h5")
    model.load_weights(folder / "other.weights.h5")


def moved_generator(model: Any, _: Path) -> None:
    generator = model.layers[2].seed_generator
    generator.set_state({**generator.get_state(), "counter": 700})


CHANGES: dict[str, Callable[[Any, Path], Any]] = {
    "the learning rate is set": lambda m, _: setattr(m.optimizer, "learning_rate", 0.1),
    "the learning rate is assigned to": lambda m, _: m.optimizer.learning_rate.assign(0.1),
    "the count of updates is assigned to": lambda m, _: m.optimizer.iterations.assign(500),
    "a rate of the optimizer": lambda m, _: setattr(m.optimizer, "beta_1", 0.5),
    "another slot of the optimizer": lambda m, _: setattr(m.optimizer, "amsgrad", True),
    "weight decay": lambda m, _: setattr(m.optimizer, "weight_decay", 0.1),
    "a limit of gradients": lambda m, _: setattr(m.optimizer, "clipnorm", 0.01),
    "the scale of the loss": lambda m, _: setattr(m.optimizer, "loss_scale_factor", 3.0),
    "another optimizer": lambda m, _: setattr(m, "optimizer", optimizers.SGD(0.1)),
    "compiled anew": lambda m, _: m.compile("sgd", "mse", metrics=["mae"]),
    "weights are set": lambda m, _: m.set_weights([w * 0.5 for w in m.get_weights()]),
    "weights are loaded": saved_and_loaded,
    "a weight is assigned to": lambda m, _: m.layers[0].kernel.assign(m.layers[0].kernel * 2),
    "the rate of a dropout": lambda m, _: setattr(m.layers[2], "rate", 0.6),
    "the momentum of a normalization": lambda m, _: setattr(m.layers[1], "momentum", 0.5),
    "an activation": lambda m, _: setattr(m.layers[0], "activation", dualnet.activations.tanh),
    "a layer is frozen": lambda m, _: setattr(m.layers[0], "trainable", False),
    "a regularizer": lambda m, _: setattr(m.layers[0].kernel, "regularizer", dualnet.regularizers.L1(0.1)),
    "a constraint": lambda m, _: setattr(m.layers[0].kernel, "constraint", dualnet.constraints.MaxNorm(0.1)),
    "a setting of the loss": lambda m, _: setattr(m.loss, "reduction", "sum"),
    "a setting of a metric": lambda m, _: setattr(m.metrics[1], "from_logits", True),
    "the global seed": lambda m, _: dualnet.utils.set_random_seed(99),
    "a generator of random numbers": moved_generator,
    "epsilon": lambda m, _: dualnet.config.set_epsilon(0.1),
    "recordings are switched off": lambda m, _: dualnet.config.disable_graphs(),
}


@pytest.mark.filterwarnings("ignore:the trainable weights have changed")
@pytest.mark.parametrize("name", CHANGES)
def test_a_change_between_steps_takes_effect(name: str, tmp_path: Path) -> None:
    """In the next step, as it does without recordings."""
    targets = (Y > 0).astype("float32")

    def program(is_changed: bool = True) -> Any:
        model = compiled(loss=losses.BinaryCrossentropy(), metrics=[metrics.BinaryCrossentropy()])
        fit(model, y=targets)
        assert_recorded(model)
        on = dualnet.config.are_graphs_enabled()
        if is_changed:
            CHANGES[name](model, tmp_path)
        try:
            history = fit(model, y=targets)
            if on and dualnet.config.are_graphs_enabled():
                assert_recorded(model)
            return history, state(model)
        finally:
            dualnet.config.set_epsilon(1e-7)

    both(program)
    if name != "recordings are switched off":
        dualnet.config.enable_graphs()
        results = []
        for is_changed in (True, False):
            dualnet.utils.set_random_seed(7)
            results.append(program(is_changed))
        with pytest.raises(AssertionError):
            np.testing.assert_equal(*results)


def test_other_data_other_sizes_and_other_dtypes() -> None:
    """A recording fetches its batches from whatever data there is; a batch of another shape or dtype is another one."""

    def program() -> Any:
        model = compiled()
        results = [fit(model), fit(model, x=X * 2), fit(model, x=X[:30], y=LABELS[:30]), fit(model, batch_size=11)]
        results += [fit(model, y=LABELS.astype("int64")), fit(model, sample_weight=WEIGHTS)]
        gc.collect()
        results += [fit(model, x=X * 3)]
        assert_recorded(model)
        return results, state(model)

    both(program)


# -- what somebody holds, and who asks ---------------------------------------------------------------------------------


def test_what_was_returned_stays() -> None:
    """Outputs, results and weights that somebody holds are not overwritten by later steps."""

    class Keeper(callbacks.Callback):
        def __init__(self) -> None:
            super().__init__()
            self.outputs: list[Any] = []

        def on_predict_batch_end(self, batch: int, logs: Any = None) -> None:
            self.outputs.append(logs["outputs"])

    def program() -> Any:
        model = compiled(Sequential([Input((6,)), layers.Dense(3)]), loss="mse", metrics=["mae"])
        step = captured_step(model, CapturedPredictStep)
        batches = [dualnet.Tensor(backends.current().asarray(X[i : i + 4])) for i in range(0, 40, 4)]
        outputs = [step(batch) for batch in batches]
        weight = model.layers[0].kernel.value  # a view of the weight, until that is written to
        before = weight.numpy().tolist()
        fit(model, x=X, y=Y)
        assert weight.numpy().tolist() == before != model.layers[0].kernel.numpy().tolist()
        return [y.numpy().tolist() for y in outputs]

    both(program)


def test_callbacks_that_read_the_logs_of_each_batch() -> None:
    def program() -> Any:
        seen: list[Any] = []
        reader = callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: seen.append((batch, dict(logs))))
        model = compiled()
        history = fit(model, callbacks=[reader])
        return history, seen, state(model)

    both(program)


def test_the_callbacks_of_dualnet(tmp_path: Path) -> None:
    def program() -> Any:
        model = compiled(optimizer=optimizers.Adam(0.05))
        plateau = callbacks.ReduceLROnPlateau(monitor="loss", factor=0.5, patience=1, min_delta=0.05)
        stopping = callbacks.EarlyStopping(monitor="val_loss", patience=3, restore_best_weights=True)
        folder = tmp_path / str(dualnet.config.are_graphs_enabled())
        backup = callbacks.BackupAndRestore(folder, delete_checkpoint=False)
        history = fit(model, 4, validation_data=(X, LABELS), callbacks=[plateau, stopping, backup])
        other = compiled(optimizer=optimizers.Adam(0.05))
        backup = callbacks.BackupAndRestore(folder)
        more = fit(other, 8, validation_data=(X, LABELS), callbacks=[plateau, stopping, backup])
        assert_recorded(other)
        return history, more, state(other)

    both(program)


def test_a_loss_that_is_not_finite_is_reported_with_its_batch() -> None:
    x = X.copy()
    messages = []
    for switch in (dualnet.config.enable_graphs, dualnet.config.disable_graphs):
        switch()
        dualnet.utils.set_random_seed(3)
        model = compiled(
            Sequential([Input((6,)), layers.Dense(3)]), optimizer=optimizers.SGD(1e4), loss="mse", metrics=[]
        )
        with pytest.warns(dualnet.core.training_warning.TrainingWarning, match="the loss became") as found:
            fit(model, 30, x, Y)
        messages += [str(w.message) for w in found if "the loss became" in str(w.message)]
    assert len(messages) == 2
    assert messages[0] == messages[1]
    assert "batch" in messages[0]


def test_predictions_of_several_threads() -> None:
    """The addresses of a recorded step are the same for all threads: one at a time is let in."""
    model = compiled()
    expected = {n: model.predict(X[:n] * n, batch_size=8, verbose=0) for n in (8, 16, 24, 32, 40)}
    device, failures = backends.current().device, []

    def work(n: int) -> None:
        with dualnet.device(device):
            for _ in range(10):
                if not np.array_equal(model.predict(X[:n] * n, batch_size=8, verbose=0), expected[n]):
                    failures.append(n)

    assert_recorded(model, Phases.COMPUTE, CapturedPredictStep)
    threads = [threading.Thread(target=work, args=(n,)) for n in expected]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_a_step_is_a_copy_and_a_launch(device: str) -> None:
    """Seen by recording recorded steps: they consist of nothing but copies of numbers and graphs, as their replays alone do."""
    if device == "strict:0":
        pytest.skip("there is nothing to count on the stand-in")
    import cupy

    model = compiled()
    fit(model, 4, X[:40], LABELS[:40])
    (entry,) = steps(model)
    numbers = [0] * len(entry._recording.numbers)
    batch = Rows([cupy.asarray(X[:8]), cupy.asarray(LABELS[:8])])
    nodes = []
    for work in (lambda: entry.step(batch, lambda: None), lambda: entry._recording.replay(batch, numbers)):
        stream = cupy.cuda.Stream(non_blocking=True)
        with stream:
            entry._recording.replay(batch, numbers)  # replays take turns between streams: that is over with
            stream.begin_capture()
            for _ in range(3):
                work()
            nodes.append(len(set(re.findall(r"node_\d+", stream.end_capture().debug_dot_str()))))
    assert nodes[0] == nodes[1]


# -- the switch --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"), [("0", False), ("off", False), ("False", False), ("1", True), (None, True)]
)
def test_the_switch_of_the_environment(text: str | None, expected: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dualnet.core.settings, "_graphs", None)
    monkeypatch.delenv("DUALNET_GRAPHS", raising=False)
    if text is not None:
        monkeypatch.setenv("DUALNET_GRAPHS", text)
    assert dualnet.config.are_graphs_enabled() is expected


def test_a_device_that_cannot_record_runs_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backends.current(), "can_record", False, raising=False)
    model = compiled()
    fit(model)
    assert captured_step(model, CapturedTrainStep)._entries
    assert not steps(model)
