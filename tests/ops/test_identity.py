"""Every op in a model's config: stored under Keras's class, read back here and by Keras, and Keras's own configs read here."""

from __future__ import annotations

import importlib
import inspect
import json
import sys
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import pytest

from dualnet import Input, Model, activations, models, ops, primitive, saving, tree
from dualnet.ops import registry
from dualnet.ops.nn import regression_loss
from dualnet.serialization import objects

from .cases import B, F, I, Row, Sample, call, draw
from .harness import ROWS

# Calls of ops whose rows in the table have none with an array.
MORE: dict[str, list[Sample]] = {
    "full": [call((2, 3), F(()))],
    "geomspace": [call(F((2,), 1, 2), F((2,), 3, 4), 4)],
    "linspace": [call(F((2,)), F((2,), 3, 4), 5), call(F(()), F(()), 4, retstep=True)],
    "logspace": [call(F((2,)), F((2,)), 4, base=2)],
}
# Calls for Keras in place of those of the table, which Keras on JAX does not compute.
FOR_KERAS: dict[str, list[Sample]] = {
    "affine_transform": [call(F((2, 4, 5, 3)), np.array([[1.0, 0.1, 0.2, 0.0, 0.9, -0.3, 0.0, 0.0]] * 2))],
    "amax": [call(F((3, 4)), axis=1)],
    "amin": [call(F((3, 4)), axis=1)],
    "average_pool": [call(F((2, 6, 5, 3)), 2, 2)],
    "cholesky_inverse": [call(np.tril(np.arange(9.0).reshape(3, 3) + 1))],
    "dot_product_attention": [
        call(F((3, 4, 2, 5)), F((3, 6, 2, 5)), F((3, 6, 2, 5)), None, B((3, 2, 4, 6)), is_causal=True)
    ],
    "einsum": [call("ij,jk->ik", F((3, 4)), F((4, 2)))],
    "linspace": [call(F((2,)), F((2,), 3, 4), 5, axis=-1)],
    "max_pool": [call(F((2, 6, 5, 3)), 2, 2)],
    "norm": [call(F((3, 4))), call(F((3, 4)), ord="fro", keepdims=True)],
    "perspective_transform": [call(F((1, 4, 5, 3)), F((1, 4, 2), 0, 4), F((1, 4, 2), 0, 4))],
    "quantile": [call(F((3, 4)), 0.4), call(F((3, 4)), F((2,), 0, 1), keepdims=True)],
    "rot90": [call(F((3, 4)), 1)],
    "solve": [call(np.eye(3) * 2, F((3, 2)))],
    "sparsemax": [call(F((3, 4)))],
    "view": [call(F((3, 4)), dtype="int32")],
}
# What Keras itself cannot compute or read, and what differs on purpose (see CONTRIBUTING.md).
NOT_WITH_KERAS = {
    "adaptive_average_pool": "Keras takes its sizes as a tuple only, which its config does not keep",
    "adaptive_max_pool": "Keras takes its sizes as a tuple only, which its config does not keep",
    "conv_transpose": "Keras's class passes its arguments in another order than its backend takes them",
    "gaussian_blur": "Keras mixes the weights of several channels up",
    "histogram": "Keras on JAX looks for it where it is not",
    "mish": "keras.activations.mish takes no symbolic tensors",
}
# Ops of functions: a config names them, so they are registered.
OF_FUNCTIONS = {"associative_scan", "fori_loop", "map", "scan", "vectorized_map", "while_loop"}


class Case(NamedTuple):
    """One call of an op."""

    name: str
    op: Any
    row: Row
    sample: Sample
    args: tuple[Any, ...]

    def arrays(self) -> list[Any]:
        return [as_stored(x) for x in tree.flatten(list(self.args)) if isinstance(x, np.ndarray)]

    def call(self, op: Any, make_input: Any) -> tuple[list[Any], list[Any]]:
        """The symbolic inputs and outputs of the call."""
        inputs: list[Any] = []

        def symbolic(x: Any) -> Any:
            if not isinstance(x, np.ndarray):
                return x
            x = as_stored(x)
            inputs.append(make_input(batch_shape=x.shape, dtype=str(x.dtype)))
            return inputs[-1]

        args = [symbolic(x) if not isinstance(x, (list, tuple)) else type(x)(map(symbolic, x)) for x in self.args]
        outputs = op(args, **self.sample.options) if self.row.joined else op(*args, **self.sample.options)
        return inputs, list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]


def holds_arrays(x: Any) -> bool:
    return any(map(holds_arrays, x)) if type(x) in (list, tuple) else isinstance(x, (F, I, B, np.ndarray))


def as_stored(x: Any) -> Any:
    return x.astype({"f": "float32", "i": "int32", "b": "bool"}[x.dtype.kind])


def public_ops(keras: bool = False) -> dict[str, Any]:
    """Every op that a graph records, by name; with ``keras`` those that Keras has."""
    listed = {**registry.public(), **registry.namespace("image")}
    return {name: op for name, op in listed.items() if hasattr(op, "info") and (op.info.keras_class or not keras)}


def cases(every: bool) -> list[Any]:
    """The calls of the op table with arrays, or of each op two: the first, and that with the most options."""
    rows = {row.op: row for row in ROWS}
    params = []
    for name, op in sorted(public_ops(keras=not every).items()):
        row = rows.get(op)
        samples = MORE.get(name, []) if row is None or name in MORE else row.samples
        samples = [s for s in samples if any(map(holds_arrays, s.args))]
        if name in OF_FUNCTIONS or not samples or (not every and name in NOT_WITH_KERAS):
            continue
        if not every and name in FOR_KERAS:
            samples = FOR_KERAS[name]
        elif not every:
            most = max(samples, key=lambda s: len(s.options))
            samples = [samples[0]] if most is samples[0] else [samples[0], most]
        row = row or Row(op, op, samples)
        for n, sample in enumerate(samples):
            params.append(pytest.param(Case(name, op, row, sample, draw(sample, f"{name}/{n}")), id=f"{name}-{n}"))
    return params


def config_of(case: Case) -> tuple[Model, str, dict[str, Any]]:
    """A model of one call, its JSON, and the entry of the op."""
    model = Model(*case.call(case.op, Input))
    text = model.to_json()
    entries = [e for e in json.loads(text)["config"]["layers"] if e["class_name"] != "InputLayer"]
    assert len(entries) == 1, f"{case.name} is stored as {[e['class_name'] for e in entries]}"
    return model, text, entries[0]


def expect_same(got: Any, expected: Any, rtol: float = 0, atol: float = 0) -> None:
    got, expected = ([np.asarray(y) for y in tree.flatten(x)] for x in (got, expected))
    assert [y.shape for y in got] == [y.shape for y in expected]
    for a, b in zip(got, expected):
        np.testing.assert_allclose(a.astype(b.dtype), b, rtol=rtol, atol=atol)


def test_every_op_is_tried() -> None:
    tried = {case.values[0].name for case in cases(every=True)}
    assert set(public_ops()) - tried - OF_FUNCTIONS == set()


@pytest.mark.filterwarnings("ignore:.*encountered in:RuntimeWarning")  # of shape inference on zeros
@pytest.mark.parametrize("case", cases(every=True))
def test_a_config_is_read_back(case: Case) -> None:
    model, text, entry = config_of(case)
    info = case.op.info
    without_keras = f"dualnet.ops.{info.namespace}" if info.namespace else case.op.__module__
    assert entry["module"] == (info.keras_module or without_keras)
    assert entry["class_name"] == (case.op.info.keras_class or case.op.__name__)
    again = models.model_from_json(text)
    assert [layer.name for layer in again.layers] == [layer.name for layer in model.layers]
    assert json.loads(again.to_json()) == json.loads(text)
    expect_same(again(case.arrays()), model(case.arrays()))


def double(x: Any) -> Any:
    return x * 2


def running(carry: Any, x: Any) -> Any:
    return carry + x, carry * x


def below(i: Any, x: Any) -> Any:
    return i < 3


def count(i: Any, x: Any) -> Any:
    return i + 1, x * 2


def twice(i: Any, x: Any) -> Any:
    return x * 2


FUNCTIONS = {f.__name__: f for f in (double, running, below, count, twice, ops.add)}


@pytest.mark.parametrize(
    "make",
    [
        lambda x: ops.associative_scan(ops.add, x),
        lambda x: ops.fori_loop(0, 3, twice, x),
        lambda x: ops.map(double, x),
        lambda x: ops.scan(running, x[0], x),
        lambda x: ops.vectorized_map(double, x),
        lambda x: ops.while_loop(below, count, (x[0, 0] * 0, x)),
    ],
)
def test_ops_of_functions_are_read_where_these_are_known(make: Any) -> None:
    x = Input(batch_shape=(3, 4))
    outputs = make(x)
    model = Model(x, list(outputs) if isinstance(outputs, tuple) else outputs)
    with saving.custom_object_scope(FUNCTIONS):
        again = models.model_from_json(model.to_json())
    data = np.arange(12, dtype="float32").reshape(3, 4)
    expect_same(again(data), model(data))


def test_ops_that_keras_does_not_have() -> None:
    """They are stored under the module that defines them, which only dualnet reads."""
    x, y = Input(batch_shape=(3, 4)), Input(batch_shape=(3, 4))
    model = Model([x, y], [regression_loss.huber(x, y, delta=0.5), activations.linear(x)])
    modules = [e["module"] for e in json.loads(model.to_json())["config"]["layers"] if e["class_name"] != "InputLayer"]
    assert {m.partition(".")[0] for m in modules} == {"dualnet"}
    data = [np.arange(12, dtype="float32").reshape(3, 4), np.ones((3, 4), "float32")]
    expect_same(models.model_from_json(model.to_json())(data), model(data))


def test_a_public_op_that_keras_does_not_have(monkeypatch: pytest.MonkeyPatch) -> None:
    """``@op(..., keras=False)`` publishes it, and a config stores it under dualnet's own module."""
    module = ModuleType("dualnet.ops.nn.scaling")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(
        registry, "_namespaces", {name: dict(functions) for name, functions in registry._namespaces.items()}
    )

    def scale(xp: Any, x: Any, /, factor: float = 2.0) -> Any:
        return x * factor, lambda dy: dy * factor

    scale.__module__ = module.__name__
    op: Any = registry.op("nn", keras=False)(scale)
    rescale = registry.alias("rescale", op)
    vars(module).update(scale=op)
    assert registry.namespace("nn")["scale"] is registry.public()["rescale"] is rescale is op
    assert module.__all__ == ["scale", "rescale"]
    assert registry.find("Scale") is registry.find("Rescale") is None
    assert "scale" in public_ops()
    assert "scale" not in public_ops(keras=True)

    x = Input(batch_shape=(3, 4))
    model = Model(x, op(x, factor=3.0))
    text = model.to_json()
    entry = json.loads(text)["config"]["layers"][1]
    assert (entry["module"], entry["class_name"], entry["config"]["factor"]) == ("dualnet.ops.nn", "scale", 3.0)
    again = models.model_from_json(text)
    assert json.loads(again.to_json()) == json.loads(text)
    data = np.arange(12, dtype="float32").reshape(3, 4)
    expect_same(again(data), data * 3)

    monkeypatch.setattr(ops, "scale", op, raising=False)
    monkeypatch.setattr(ops, "__all__", [*ops.__all__, "scale"])
    for cached in (objects._public, objects._public_names):
        cached.cache_clear()
    try:
        config = objects.serialize_keras_object(op)
        assert (config["module"], config["config"]) == ("dualnet.ops", "scale")
        assert objects.deserialize_keras_object(config) is op
    finally:
        for cached in (objects._public, objects._public_names):
            cached.cache_clear()


@primitive
def cube(xp: Any, x: Any) -> Any:
    """x ** 3"""
    return x**3, lambda dy: dy * 3 * x**2


def test_ops_of_the_user_are_registered_or_refused() -> None:
    x = Input(batch_shape=(3,))
    model = Model(x, cube(x))
    with pytest.raises(ValueError, match="register"):
        model.to_json()
    with saving.custom_object_scope({"cube": cube}):
        text = model.to_json()
        again = models.model_from_json(text)
    expect_same(again(np.arange(3.0)), model(np.arange(3.0)))
    expect_same(models.model_from_json(text, custom_objects={"cube": cube})(np.arange(3.0)), model(np.arange(3.0)))
    with pytest.raises(ValueError, match="cube"):
        models.model_from_json(text)


# -- Keras ---------------------------------------------------------------------------------------------------------


@pytest.mark.keras
def test_every_class_is_one_of_keras(keras: Any) -> None:
    """And is called with the arguments that a config stores with the call, made with the others."""
    wrong = []
    for name, op in public_ops(keras=True).items():
        cls = getattr(importlib.import_module(op.info.keras_module), op.info.keras_class, None)
        if cls is None:
            wrong.append(f"{name}: no class {op.info.keras_module}.{op.info.keras_class}")
            continue
        called = list(inspect.signature(cls.call).parameters)[1:]
        made_with = set(inspect.signature(cls.__init__).parameters) | {"kwargs"}
        ours = list(inspect.signature(op).parameters)
        if list(op.info.call)[: len(called)] != called[: len(op.info.call)] and name != "einsum":
            wrong.append(f"{name}: called with {op.info.call}, in Keras with {called}")
        if rest := [n for n in ours if n not in op.info.call and n not in made_with]:
            wrong.append(f"{name}: Keras's class does not take {rest}")
    assert wrong == []


@pytest.mark.keras
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", cases(every=False))
def test_keras_reads_it(keras: Any, case: Case) -> None:
    model, text, _ = config_of(case)
    theirs = keras.models.model_from_json(text)
    expect_same(theirs(case.arrays()), model(case.arrays()), rtol=1e-3, atol=1e-4)


@pytest.mark.keras
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", cases(every=False))
def test_a_config_of_keras_is_read(keras: Any, case: Case) -> None:
    owner = keras.ops.image if case.name in registry.namespace("image") else keras.ops
    theirs = keras.Model(*case.call(getattr(owner, case.name), keras.Input))
    model = models.model_from_json(theirs.to_json())
    expect_same(model(case.arrays()), theirs(case.arrays()), rtol=1e-3, atol=1e-4)
