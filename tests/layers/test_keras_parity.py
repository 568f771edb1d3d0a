"""Every layer against Keras on JAX: outputs, masks, gradients of inputs and weights, weights a call changes, configs."""

from __future__ import annotations

import inspect
import warnings
from typing import Any

import numpy as np
import pytest

from dualnet import layers
from dualnet.layers import Layer

from . import oracle
from .cases import Case
from .harness import make, run
from .table import ROWS

COMPARED = [row for row in ROWS if not row.keras]
every_row = pytest.mark.parametrize("row", COMPARED, ids=str)
ours_alone = {row.layer for row in ROWS} - {row.layer for row in COMPARED}


@every_row
def test_values_and_gradients(row: Case, keras: Any) -> None:
    expected, got = oracle.run(row, keras), run(row)
    for what in ("outputs", "masks", "gradients", "weights"):
        theirs, ours = getattr(expected, what), getattr(got, what)
        assert len(ours) == len(theirs), what
        for n, (a, b) in enumerate(zip(ours, theirs)):
            assert (a is None) == (b is None), f"{what} {n}"
            if a is not None:
                assert a.shape == b.shape, f"{what} {n}"
                np.testing.assert_allclose(a, b, rtol=row.rtol, atol=row.atol, err_msg=f"{what} {n}")


@every_row
def test_configs_are_exchanged(row: Case, keras: Any) -> None:
    """Keras makes the same layer of our config, and we of Keras's."""
    ours, theirs = make(row), make(row, keras.layers)
    written = layers.serialize(ours)
    known = set(ours.get_config())
    missing = set(theirs.get_config()) - known - {"dtype", "quantization_config"}
    assert not missing, f"Keras's config also has {missing}"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        back = keras.layers.deserialize(written)
    assert type(back) is type(theirs)
    assert {**plain(back.get_config()), "name": ""} == {**plain(theirs.get_config()), "name": ""}
    again = layers.deserialize(keras.layers.serialize(theirs))
    assert type(again) is type(ours)
    assert {**plain(again.get_config()), "name": ""} == {**plain(ours.get_config()), "name": ""}  # type: ignore[attr-defined]


def plain(config: Any) -> Any:
    """A config without what differs from object to object."""
    if isinstance(config, dict):
        return {k: plain(v) for k, v in config.items() if k not in ("shared_object_id", "build_config")}
    return [plain(v) for v in config] if isinstance(config, (list, tuple)) else config


def test_signatures(keras: Any) -> None:
    """Names, order and defaults of the constructor arguments, for every layer and function that Keras has too."""
    wrong = []
    for name in layers.__all__:
        ours, theirs = getattr(layers, name), getattr(keras.layers, name, None)
        if theirs is None or name in ours_alone or ours is Layer:
            continue
        got, expected = parameters(ours), parameters(theirs)
        if (got == expected) == (name in KNOWN):
            wrong.append(f"{name}: {inspect.signature(ours)}, Keras: {inspect.signature(theirs)}")
    assert not wrong, "\n".join(wrong)


def parameters(target: Any) -> list[Any]:
    function = target.__init__ if inspect.isclass(target) else target
    return [(p.name, p.default, p.kind) for p in inspect.signature(function).parameters.values()]


# Signatures that differ on purpose.
KNOWN = {
    "Dense": "Keras's last arguments are for quantized models",
    "EinsumDense": "Keras's last arguments are for quantized models",
    "Input": "Keras's ragged= is for TensorFlow",
    "InputLayer": "Keras's ragged= is for TensorFlow",
}
