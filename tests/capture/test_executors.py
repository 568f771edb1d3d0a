"""The interface of executors, shown by a small one that works as a CUDA graph does: on fixed addresses, update and metrics included."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

import dualnet
from dualnet import Input, Model, Sequential, layers, optimizers, tree
from dualnet.capture.executors.base import Executor
from dualnet.capture.replay import CapturedTrainStep
from dualnet.capture.trace import OpCall, Trace, VjpCall, as_tuple
from dualnet.core.autodiff import add_grad
from dualnet.training.logs import Logs

X = np.random.default_rng(0).normal(size=(40, 6)).astype("float32")
LABELS = np.random.default_rng(1).integers(0, 3, 40)
WEIGHTS = np.random.default_rng(2).uniform(0.5, 2, 40).astype("float32")


class OpByOp(Executor):
    """Calls the ops and the closures of the trace one by one. Every array that it reads or writes is looked up once."""

    steps = 0

    def __init__(self, model: Any, trace: Trace) -> None:
        super().__init__(model, trace)
        self.trace = trace
        self.values = list(trace.values)
        self.values[: trace.inputs] = [np.empty_like(a) for a in trace.values[: trace.inputs]]
        for n, variable in trace.variables.items():
            self.values[n] = variable.data
        self.mutated = {id(v): v.data for call in trace.calls for v in call.mutates}
        self.buffers = {g: v.grad for g, v in trace.grad_variables.items()}
        self.seed = np.ones_like(trace.values[trace.outputs.values[-1]])
        self.draws: Sequence[Any] = ()

    def run(self, batch: Sequence[Any]) -> tuple[Any, Any, list[Any] | None]:
        OpByOp.steps += 1
        self.set_inputs(batch)
        self.draws = self.read_scalars(self.trace).draws
        return self.compute()

    def set_inputs(self, batch: Sequence[Any]) -> None:
        for buffer, array in zip(self.values, batch):
            buffer[...] = array
        self.seed[...] = self.model.optimizer.scale_loss(dualnet.Tensor(np.ones_like(self.seed))).data

    def compute(self) -> tuple[Any, Any, list[Any] | None]:
        draws = iter(self.draws)
        closures = [self.call(call, draws) for call in self.trace.calls]
        grads: dict[int, Any] = {0: self.seed}
        for call in self.trace.vjp_calls:
            self.vjp(call, closures[call.op], grads)
        outputs = self.outputs.unflatten([self.values[n] for n in self.trace.outputs.values])
        return *outputs, list(self.trace.grad_variables.values())

    def call(self, call: OpCall, draws: Any) -> Any:
        static_args = [self.mutated.get(id(v), v) for v in call.static_args]
        options = {name: self.mutated.get(id(v), v) for name, v in call.options.items()}
        if call.draw is not None:
            static_args[call.draw.position : call.draw.position + 2] = next(draws)
        results, closure = call.function(call.context, *[self.values[n] for n in call.inputs], *static_args, **options)
        for n, y in zip(as_tuple(call.outputs), results if type(call.outputs) is tuple else (results,)):
            self.values[n] = call.backend.asarray(y)
        return closure

    def vjp(self, call: VjpCall, closure: Any, grads: dict[int, Any]) -> None:
        outputs = as_tuple(self.trace.calls[call.op].outputs)
        dys = [np.zeros_like(self.values[n]) if g < 0 else grads[g] for n, g in zip(outputs, as_tuple(call.out_grads))]
        dy = tuple(dys) if type(call.out_grads) is tuple else dys[0]
        if call.requests is None:
            dxs = closure(dy)
        else:
            dxs = closure(dy, [r.grad if isinstance(r, dualnet.Variable) else r for r in call.requests])
        for g, dx in zip(call.in_grads, dxs if type(dxs) is tuple else (dxs,)):
            if g >= 0:
                grads[g] = add_grad(grads.get(g), dx, *self.trace.grad_types[g], self.buffers.get(g))


class Fixed(OpByOp):
    """The whole step is one piece of work without arguments, ``launch``, which is all that a CUDA graph would replay."""

    def __init__(self, model: Any, trace: Trace) -> None:
        super().__init__(model, trace)
        assert model.optimizer.updates_alike
        self.data: Any = None
        self.numbers: list[Any] = []

    def __call__(self, data: Any, batch: Sequence[Any]) -> Any:
        OpByOp.steps += 1
        scalars = self.read_scalars(self.trace)
        numbers = tree.flatten(scalars)
        if self.data is None:
            inputs = [dualnet.Tensor(a) for a in self.values[: self.trace.inputs]]
            self.data, self.scalars = tree.pack_sequence_as(data, inputs), scalars
            self.numbers = [np.zeros((), "float64" if isinstance(n, float) else "uint64") for n in numbers]
        self.set_inputs(batch)
        for address, number in zip(self.numbers, numbers, strict=True):
            address[...] = number
        count = self.model.optimizer.step_count()
        self.launch()
        assert self.model.optimizer.step_count() == count, "the host counts, not the captured work"
        self.model.optimizer.advance()
        return Logs(self.model.get_metrics_result)

    def launch(self) -> None:
        update, self.draws = tree.pack_sequence_as(self.scalars, [address.item() for address in self.numbers])
        self.model._run_step(self.data, lambda x, y, sample_weight: self.compute(), scalars=update)


def network() -> Model:
    x = Input((6,))
    first = layers.Dense(8, activation="relu", kernel_regularizer="l2")(x)
    h = layers.Dropout(0.3)(layers.BatchNormalization()(first))
    shared = layers.Dense(8, activation="tanh", kernel_constraint="max_norm")
    h = layers.GaussianNoise(0.1)(shared(h) + shared(first))
    split = dualnet.ops.split(h, 2, axis=-1)  # of whose outputs only one is used
    return Model(x, layers.Dense(3, activation="softmax")(split[0]))


def two_optimizers() -> optimizers.MultiOptimizer:
    sgd, adam = optimizers.SGD(0.1), optimizers.Adam(0.01)
    return optimizers.MultiOptimizer(lambda variable: sgd if variable.ndim == 1 else adam)


CASES: dict[str, tuple[Callable[[], Any], dict[str, Any]]] = {
    "adam": (optimizers.Adam, {}),
    "sgd with a schedule": (
        lambda: optimizers.SGD(optimizers.schedules.ExponentialDecay(0.1, 3, 0.5), momentum=0.9, global_clipnorm=0.5),
        {"sample_weight": WEIGHTS},
    ),
    "a scaled loss": (lambda: optimizers.Lamb(0.01, weight_decay=0.1, loss_scale_factor=8.0), {}),
    "two optimizers": (two_optimizers, {}),
    "running averages": (lambda: optimizers.Nadam(0.01, weight_decay=0.1, use_ema=True, ema_momentum=0.8), {}),
    "rows and columns": (lambda: optimizers.Adafactor(0.01, weight_decay=0.1), {}),
    "matrices": (lambda: optimizers.Muon(0.01, clipnorm=0.5), {}),
}


def fitted(executor: type[Executor] | None, name: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    make, options = CASES[name]
    OpByOp.steps = 0
    with monkeypatch.context() as patch:
        if executor is not None:
            patch.setattr(CapturedTrainStep, "executor", executor)
        dualnet.utils.set_random_seed(7)
        model = network()
        loss = "sparse_categorical_crossentropy"
        model.compile(make(), loss, metrics=["accuracy"], weighted_metrics=[loss])
        history = model.fit(X, LABELS, batch_size=8, epochs=3, verbose=0, **options).history
    return [v.numpy().tolist() for v in (*model.variables, *model.optimizer.variables)], history


@pytest.mark.parametrize("executor", [OpByOp, Fixed])
@pytest.mark.parametrize("name", CASES)
def test_another_executor_gives_the_same_bits(
    name: str, executor: type[Executor], monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = fitted(None, name, monkeypatch)
    assert OpByOp.steps == 0
    assert fitted(executor, name, monkeypatch) == expected
    assert OpByOp.steps == 3 * 5 - 2


def test_which_updates_can_be_captured() -> None:
    alike = [optimizers.SGD(), optimizers.Adam(clipnorm=1.0), optimizers.Adafactor(), optimizers.Nadam(use_ema=True)]
    different = [
        optimizers.Adam(gradient_accumulation_steps=2),
        optimizers.Adam(use_ema=True, ema_overwrite_frequency=3),
        optimizers.LossScaleOptimizer(optimizers.SGD()),
    ]
    assert all(optimizer.updates_alike for optimizer in alike)
    assert not any(optimizer.updates_alike for optimizer in different)


def test_an_op_says_what_it_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    traces: list[Trace] = []

    class Keeping(OpByOp):
        def __init__(self, model: Any, trace: Trace) -> None:
            super().__init__(model, trace)
            traces.append(trace)

    monkeypatch.setattr(CapturedTrainStep, "executor", Keeping)
    model = Sequential([Input((6,)), layers.BatchNormalization(), layers.Dense(3)])
    model.compile("sgd", "mse")
    model.fit(X, X[:, :3], batch_size=8, verbose=0)
    normalization = model.layers[0]
    mutating = [call for call in traces[0].calls if call.mutates]
    assert [call.mutates for call in mutating] == [(normalization.moving_mean, normalization.moving_variance)]
