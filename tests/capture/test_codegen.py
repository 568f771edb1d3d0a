"""The generated code of a captured step: what it calls, what it leaves out, what it releases."""

from __future__ import annotations

import gc
import re
import weakref
from typing import Any

import numpy as np
import pytest

import dualnet
from dualnet import Input, Sequential, layers
from dualnet.capture.executors.python import ForwardProgram, TrainProgram
from dualnet.capture.replay import CapturedTestStep, step_source

X = np.random.default_rng(0).normal(size=(24, 6)).astype("float32")
LABELS = np.random.default_rng(1).integers(0, 3, 24)


@pytest.fixture
def programs(monkeypatch: pytest.MonkeyPatch) -> list[ForwardProgram]:
    """The programs that are generated during a test."""
    generated: list[ForwardProgram] = []
    for cls in (ForwardProgram, TrainProgram):
        init = cls.__init__

        def recording(self: Any, *args: Any, init: Any = init, **options: Any) -> None:
            init(self, *args, **options)
            generated.append(self)

        monkeypatch.setattr(cls, "__init__", recording)
    return generated


def trained(**options: Any) -> Sequential:
    dualnet.utils.set_random_seed(1)
    model = Sequential([
        Input((6,)),
        layers.Dense(4, activation="relu", name="first"),
        layers.Dropout(0.5),
        layers.Dense(3, activation="softmax", name="second"),
    ])  # fmt: skip
    model.compile("sgd", "sparse_categorical_crossentropy", **options)
    model.fit(X, LABELS, batch_size=4, verbose=0)
    return model


def calls(text: str) -> list[str]:
    """The ops and gradients in the order of the text."""
    return [op or vjp for op, vjp in re.findall(r", (?:vjp\d+|_) = (\w+)\(|d = (vjp\d+)\(", text)]


def test_ops_and_the_reverse_pass(programs: list[ForwardProgram]) -> None:
    trained(metrics=["accuracy"])
    ops = ["dense", "dropout", "dense", "softmax", "sparse_softmax_cross_entropy", "weighted_sum"]
    assert calls(programs[0].source) == [*ops, "vjp5", "vjp4", "vjp2", "vjp1", "vjp0"]


def test_the_code_of_a_step_can_be_printed(programs: list[ForwardProgram]) -> None:
    model = trained()
    assert step_source(model) == programs[0].source
    assert "dense(backend, " in step_source(model)
    assert step_source(model, CapturedTestStep) == ""


def test_what_nobody_looks_at_is_not_computed(programs: list[ForwardProgram]) -> None:
    """The loss goes by the logits; without metrics the softmax is for nothing."""
    with_metrics, without = trained(metrics=["accuracy"]), trained()
    assert "softmax" in calls(programs[0].source)
    assert "softmax" not in calls(programs[1].source)
    for a, b in zip(with_metrics.get_weights(), without.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_numbers_are_drawn_though_nobody_looks(programs: list[ForwardProgram]) -> None:
    """An op that takes numbers of a generator stays, as the next one takes others without it."""
    drawn = []
    for eagerly in (False, True):
        dualnet.utils.set_random_seed(2)
        x = Input((6,))
        noise = layers.GaussianNoise(1.0)
        model = dualnet.Model(x, [layers.Dense(1)(x), noise(x)])
        model.compile("sgd", loss=["mse", None], run_eagerly=eagerly)
        model.fit(X, [X[:, :1], X], batch_size=4, verbose=0)
        drawn.append(noise.seed_generator.next())
    assert "random" in programs[0].source or "generator" in programs[0].source
    assert drawn[0] == drawn[1]


@pytest.mark.parametrize("parts", [[0], [1], [0, 2], [2, 1]])
def test_an_op_of_which_not_all_outputs_are_used(programs: list[ForwardProgram], parts: list[int]) -> None:
    """Its closure takes zeros for the others."""
    results = []
    for eagerly in (False, True):
        dualnet.utils.set_random_seed(2)
        x = Input((6,))
        split = dualnet.ops.split(layers.Dense(9)(x), 3, axis=-1)
        model = dualnet.Model(x, layers.Dense(3)(layers.Concatenate()([split[i] for i in (*parts, parts[0])])))
        model.compile("sgd", "mse", run_eagerly=eagerly)
        model.fit(X, X[:, :3], batch_size=4, epochs=2, verbose=0)
        results.append(model.get_weights())
    assert programs
    for a, b in zip(*results, strict=True):
        np.testing.assert_array_equal(a, b)


def test_arrays_are_released_during_the_reverse_pass() -> None:
    """What an op kept for its gradient is free once the gradient is taken, not at the end of the step."""
    alive: list[int] = []
    seen: list[weakref.ref[Any]] = []

    class Kept:
        """Stands for what a closure holds."""

    from dualnet.capture import codegen
    from dualnet.capture.trace import OpCall

    call = codegen.CodeWriter._op_call

    def spying(self: Any, i: int, differentiated: bool) -> None:
        node: OpCall = self._calls[i]
        function = node.function

        def watched(*args: Any, **options: Any) -> Any:
            value, vjp = function(*args, **options)
            if vjp is None:
                return value, vjp
            held = Kept()
            seen.append(weakref.ref(held))

            def back(*args: Any, held: Kept = held) -> Any:
                gc.collect()
                alive.append(sum(ref() is not None for ref in seen))
                return vjp(*args)

            return value, back

        watched.__name__ = function.__name__
        self._calls = [*self._calls[:i], node._replace(function=watched), *self._calls[i + 1 :]]
        call(self, i, differentiated)

    patch = pytest.MonkeyPatch()
    patch.setattr(codegen.CodeWriter, "_op_call", spying)
    try:
        trained()
    finally:
        patch.undo()
    assert alive[:5] == [5, 4, 3, 2, 1]


@pytest.mark.parametrize("name", ["type", "len", "x1", "batch", "for", "a/b", "vjp0", "seed", "naïve", "_"])
def test_names_of_variables(programs: list[ForwardProgram], name: str) -> None:
    """A variable is called in the text as it is called by the user, unless that means something else there."""
    dualnet.utils.set_random_seed(1)
    model = Sequential([Input((6,)), layers.Dense(3)])
    model.layers[0].kernel.name = name
    model.compile("sgd", "mse")
    losses = model.fit(X, X[:, :3], batch_size=4, epochs=3, verbose=0).history["loss"]
    assert programs
    assert losses[-1] < losses[0]


@pytest.mark.parametrize(
    "names",
    [
        ["kernel_4", "kernel", "kernel"],
        ["µ", "mu", "μ"],
        ["ﬁtting", "fitting", "__builtins__"],
        ["__debug__", "e", "x0"],
    ],
)
def test_no_name_means_two_variables(programs: list[ForwardProgram], names: list[str]) -> None:
    """Neither one that the text made up nor one that Python reads as another."""
    results = []
    for eagerly in (False, True):
        dualnet.utils.set_random_seed(1)
        model = Sequential([Input((6,)), *[layers.Dense(6, use_bias=False) for _ in names]])
        for layer, name in zip(model.layers, names, strict=True):
            layer.kernel.name = name
        model.compile("sgd", "mse", run_eagerly=eagerly)
        model.fit(X, X[:, ::-1], batch_size=4, epochs=2, verbose=0)
        results.append(model.get_weights())
    assert programs
    for a, b in zip(*results, strict=True):
        np.testing.assert_array_equal(a, b)
