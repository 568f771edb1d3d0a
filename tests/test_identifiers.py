"""The strings that ``get`` of initializers, activations, regularizers and constraints takes: those of Keras."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import dualnet
from dualnet import activations, constraints, initializers, ops, regularizers

# Keras 3.15's names; a snake_case name stands for its CamelCase class, too, where there is one.
INITIALIZERS = """Constant GlorotNormal GlorotUniform HeNormal HeUniform Identity IdentityInitializer LecunNormal
    LecunUniform Ones Orthogonal OrthogonalInitializer RandomNormal RandomUniform TruncatedNormal VarianceScaling Zeros
    constant glorot_normal glorot_uniform he_normal he_uniform identity lecun_normal lecun_uniform normal one ones
    orthogonal random_normal random_uniform truncated_normal uniform variance_scaling zero zeros"""
ACTIVATIONS = """celu elu exponential gelu glu hard_shrink hard_sigmoid hard_silu hard_swish hard_tanh leaky_relu linear
    log_sigmoid log_softmax mish relu relu6 selu sigmoid silu soft_shrink softmax softplus softsign sparse_plus
    sparse_sigmoid sparsemax squareplus swish tanh tanh_shrink threshold"""
REGULARIZERS = "L1 L1L2 L2 l1 l1l2 l2"
CONSTRAINTS = "MaxNorm MinMaxNorm NonNeg UnitNorm max_norm min_max_norm non_neg unit_norm"
NAMES: dict[Any, str] = {
    initializers: INITIALIZERS, activations: ACTIVATIONS, regularizers: REGULARIZERS, constraints: CONSTRAINTS
}  # fmt: skip
# What Keras has and dualnet does not yet.
NOT_YET: dict[str, set[str]] = {
    "initializers": {"STFT", "STFTInitializer", "stft", "Initializer", "initializer"},
    "activations": set(),
    "regularizers": {"OrthogonalRegularizer", "orthogonal_regularizer", "Regularizer", "regularizer"},
    "constraints": {"Constraint", "constraint"},
}  # fmt: skip
ALL = [(module, name) for module, names in NAMES.items() for name in names.split()]
by_name = pytest.mark.parametrize(("module", "name"), ALL, ids=[f"{m.__name__[8:]}-{n}" for m, n in ALL])
FACTORS = np.linspace(-2, 2, 12, dtype="float32").reshape(4, 3)


def short(module: Any) -> str:
    return module.__name__.removeprefix("dualnet.").removeprefix("keras.")


@by_name
def test_get(module: Any, name: str) -> None:
    instance = module.get(name)
    assert callable(instance)
    assert module.get(instance) is instance
    config = module.serialize(instance)
    again = module.deserialize(config)
    if module is activations:
        assert again is instance
        assert config == {"hard_swish": "hard_silu", "swish": "silu"}.get(name, name)
    else:
        assert type(again) is type(instance)
        assert again.get_config() == instance.get_config()
        assert type(module.get(config)) is type(instance)
        assert type(module.get(type(instance))) is type(instance)


@pytest.mark.parametrize("module", NAMES, ids=short)
def test_none_and_unknown_names(module: Any) -> None:
    assert module.get(None) is (activations.linear if module is activations else None)
    with pytest.raises(ValueError, match=r"is called 'nothing_like_it'"):
        module.get("nothing_like_it")
    with pytest.raises(ValueError, match="cannot make"):
        module.get(3.5)
    with pytest.raises(ValueError, match="needs the keys class_name"):
        module.get({"name": "x"})


@pytest.mark.parametrize("module", NAMES, ids=short)
def test_the_names_are_those_of_keras(module: Any, keras: Any) -> None:
    theirs = getattr(keras, short(module))
    known = set(NAMES[module].split())
    for name in known - {"Constant", "constant"}:  # for which Keras's get raises KeyError
        theirs.get(name)
    source = getattr(keras.src, short(module))
    listed = {n for n in [*source.ALL_OBJECTS_DICT] if isinstance(n, str)}
    assert listed - NOT_YET[short(module)] <= known
    assert not NOT_YET[short(module)] & known


# Initial values are compared bit by bit in test_initializers.py. As a name, Keras's L1L2 is no penalty at all, against its
# own documentation ("the default values used are 0.01").
# Its sparsemax of a matrix is not a probability in each row on JAX (they sum to anything from 0 to 2.9 here). glu and threshold
# need arguments.
APART = ("L1L2", "l1l2", "glu", "sparsemax", "threshold")
COMPARED = [(m, n) for m, n in ALL if m is not initializers and n not in APART]


@pytest.mark.parametrize(("module", "name"), COMPARED, ids=[f"{m.__name__[8:]}-{n}" for m, n in COMPARED])
def test_same_values_as_keras(module: Any, name: str, keras: Any) -> None:
    theirs = getattr(keras, short(module)).get(name)
    got = module.get(name)(ops.array(FACTORS)).numpy()
    np.testing.assert_allclose(got, np.asarray(theirs(keras.ops.array(FACTORS))), rtol=2e-6, atol=1e-6)


OPTIONS: list[tuple[str, str, dict[str, Any]]] = [
    ("regularizers", "L1", {"l1": 0.3}),
    ("regularizers", "L2", {"l2": 0.3}),
    ("regularizers", "L1L2", {"l1": 0.1, "l2": 0.3}),
    ("regularizers", "L1L2", {}),
    ("constraints", "MaxNorm", {"max_value": 0.7, "axis": [0, 1]}),
    ("constraints", "UnitNorm", {"axis": 1}),
    ("constraints", "MinMaxNorm", {"min_value": 1.5, "max_value": 2.0, "rate": 0.4, "axis": 1}),
    ("activations", "relu", {"negative_slope": 0.2, "max_value": 1.0, "threshold": 0.5}),
    ("activations", "relu", {"threshold": -0.5}),
    ("activations", "leaky_relu", {"negative_slope": 0.4}),
    ("activations", "elu", {"alpha": 0.4}),
    ("activations", "celu", {"alpha": 0.4}),
    ("activations", "gelu", {"approximate": True}),
    ("activations", "glu", {"axis": 0}),
    ("activations", "hard_shrink", {"threshold": 1.0}),
    ("activations", "soft_shrink", {"threshold": 1.0}),
    ("activations", "squareplus", {"b": 0.5}),
    ("activations", "threshold", {"threshold": 0.5, "default_value": -1.0}),
    ("activations", "softmax", {"axis": 0}),
    ("activations", "log_softmax", {"axis": 0}),
]


@pytest.mark.parametrize(("family", "name", "options"), OPTIONS, ids=lambda v: str(v))
def test_options_as_keras(family: str, name: str, options: dict[str, Any], keras: Any) -> None:
    results = []
    for library in (dualnet, keras):
        created = getattr(getattr(library, family), name)
        values = library.ops.array(FACTORS)
        y = created(values, **options) if family == "activations" else created(**options)(values)
        results.append(np.asarray(y))
    np.testing.assert_allclose(*results, rtol=2e-6, atol=1e-6)


@pytest.mark.parametrize(("family", "name", "options"), [row for row in OPTIONS if row[0] != "activations"], ids=str)
def test_options_survive_the_config(family: str, name: str, options: dict[str, Any]) -> None:
    module = getattr(dualnet, family)
    created = getattr(module, name)(**options)
    config = created.get_config()
    assert options.items() <= config.items()
    again = module.deserialize(module.serialize(created))
    np.testing.assert_array_equal(again(ops.array(FACTORS)).numpy(), created(ops.array(FACTORS)).numpy())


def test_wrong_options() -> None:
    for wrong in (-0.1, float("nan"), float("inf"), "a", True):
        with pytest.raises(ValueError, match="argument l2: expected a non-negative float"):
            regularizers.L2(wrong)


@pytest.mark.parametrize(("family", "base"), [("regularizers", "Regularizer"), ("constraints", "Constraint")])
def test_one_of_your_own(family: str, base: str) -> None:
    module = getattr(dualnet, family)

    class Own(getattr(module, base)):  # type: ignore[misc]
        def __init__(self, factor: float = 2.0) -> None:
            self.factor = factor

        def __call__(self, x: Any) -> Any:
            return self.factor * ops.sum(x) if family == "regularizers" else x * self.factor

        def get_config(self) -> dict[str, Any]:
            return {"factor": self.factor}

    config = module.serialize(Own(3.0))
    with pytest.raises(ValueError, match="not in dualnet"):
        module.deserialize(config)
    assert module.deserialize(config, {"Own": Own}).factor == 3.0
    if family == "constraints":  # the base leaves a weight as it is
        assert getattr(module, base)()(1.0) == 1.0
        return
    with pytest.raises(NotImplementedError, match="must define __call__"):
        getattr(module, base)()(1.0)
