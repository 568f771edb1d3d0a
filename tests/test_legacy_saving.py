"""``legacy.saving``: configs without modules, as Keras 2 wrote them."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

import dualnet
from dualnet import initializers, losses, regularizers
from dualnet.legacy.saving import deserialize_keras_object, serialize_keras_object


def twice(x: Any) -> Any:
    return 2 * x


class Own:
    def __init__(self, inner: Any, function: Any = None, size: Any = (1, 2)) -> None:
        self.inner, self.function, self.size = inner, function, size

    def get_config(self) -> dict[str, Any]:
        return {"inner": self.inner, "function": self.function, "size": self.size}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Own:
        return cls(**config)


MADE = [
    lambda k: k.layers.Dense(3, activation="relu", kernel_regularizer="l2", name="d"),
    lambda k: k.layers.Conv2D(2, 3, padding="same", name="c"),
    lambda k: k.losses.BinaryCrossentropy(label_smoothing=0.1, name="b"),
    lambda k: k.initializers.GlorotUniform(seed=3),
    lambda k: k.regularizers.L1L2(0.1, 0.2),
    lambda k: k.constraints.MaxNorm(3),
    lambda k: k.optimizers.Adam(0.5, name="a"),
]


@pytest.mark.parametrize("number", range(len(MADE)))
def test_configs_are_those_of_keras(number: int, keras: Any) -> None:
    import keras.legacy.saving as theirs

    ours, other = MADE[number](dualnet), MADE[number](keras)
    written, expected = serialize_keras_object(ours), theirs.serialize_keras_object(other)
    shared = written["config"].keys() & expected["config"].keys()
    assert set(written) == set(expected)
    assert not expected["config"].keys() - shared - {"quantization_config"}
    assert {k: written["config"][k] for k in shared} == {k: expected["config"][k] for k in shared}
    again = deserialize_keras_object(expected)
    assert type(again) is type(ours)
    assert again.get_config() == ours.get_config()


def test_names_functions_and_objects_inside() -> None:
    assert serialize_keras_object(twice) == "twice"
    assert serialize_keras_object(None) is None
    assert deserialize_keras_object("twice", custom_objects={"twice": twice}) is twice
    assert deserialize_keras_object(twice) is twice
    assert deserialize_keras_object(None) is None
    assert isinstance(deserialize_keras_object("HeNormal"), initializers.HeNormal)
    assert deserialize_keras_object("x", module_objects={"x": losses.Huber}).delta == 1.0
    own = Own(regularizers.L2(0.1), twice)
    config = serialize_keras_object(own)
    assert config["config"]["inner"] == {"class_name": "L2", "config": {"l2": 0.1}, "__passive_serialization__": True}
    assert config["config"]["function"] == "twice"
    again = deserialize_keras_object(config, custom_objects={"Own": Own, "twice": twice})
    assert (again.inner.get_config(), again.function, again.size) == ({"l2": 0.1}, twice, (1, 2))


def test_errors() -> None:
    with pytest.raises(ValueError, match="doesn't implement `get_config"):
        serialize_keras_object(3)
    with pytest.raises(ValueError, match="Unknown layer: 'Denze'"):
        deserialize_keras_object({"class_name": "Denze", "config": {}}, printable_module_name="layer")
    with pytest.raises(ValueError, match="Unknown object: 'Dense'"):
        deserialize_keras_object("Dense", module_objects={})
    with pytest.raises(ValueError, match="Improper config format"):
        deserialize_keras_object({"class_name": "Dense"})
    with pytest.raises(ValueError, match="Could not interpret serialized object: 3"):
        deserialize_keras_object(3)


def test_reached_as_in_keras() -> None:
    program = """
import dualnet
assert dualnet.legacy.saving.serialize_keras_object
from dualnet import keras
assert keras.legacy.saving.deserialize_keras_object
from dualnet.keras.legacy.saving import serialize_keras_object
"""
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
