"""A wrong call is answered in the name of the class that was called, not of a private class that it shares with others."""

from __future__ import annotations

import copy
import functools
import inspect
import pickle
import re
from typing import Any

import numpy as np
import pytest

import dualnet
from dualnet import layers
from dualnet.layers.base.layer import Layer


def dualnet_module(name: str) -> Any:
    return functools.reduce(getattr, name.split("."), dualnet)


MODULES = ("layers", "losses", "metrics", "optimizers", "callbacks", "initializers", "regularizers", "constraints", "models",
    "utils")  # fmt: skip
CLASSES = {
    f"{module}.{name}": value
    for module in (*MODULES, "optimizers.schedules", "random", "data")
    for name in dualnet_module(module).__all__
    if inspect.isclass(value := getattr(dualnet_module(module), name))
}
ARGUMENTS: dict[str, Any] = {
    "activation": "relu", "axes": 1, "dims": (1,), "equation": "ab,bc->ac", "factor": 0.5, "filters": 2, "function": abs, "head_dim": 2,
    "height": 2, "input_dim": 3, "kernel_size": 1, "key_dim": 2, "layer": layers.Dense(2), "n": 2, "num_bins": 3, "num_heads": 2,
    "num_key_value_heads": 1, "num_query_heads": 2, "num_tokens": 3, "output_dim": 3, "output_shape": (3,), "output_size": 1,
    "rate": 0.5, "scale": 2.0, "stddev": 0.5, "target_shape": (2,), "units": 3, "width": 2,
}  # fmt: skip


def errors_of(call: Any) -> list[str]:
    """The messages for no argument, an unknown one, and too many."""
    messages = []
    for args, kwargs in (((), {}), ((), {"zzz": 3}), ((1,) * 60, {})):
        try:
            call(*args, **kwargs)
        except TypeError as error:
            messages.append(str(error))
        except (ValueError, AttributeError, NotImplementedError, UserWarning):
            pass
    return messages


def check(messages: list[str], cls: type) -> None:
    for message in messages:
        for named in re.findall(r"\b(\w+)(?:\.\w+)?\(\)", message):
            assert named == cls.__name__ or named[:1].islower(), message


@pytest.mark.parametrize("name", CLASSES)
def test_constructors(name: str) -> None:
    check(errors_of(CLASSES[name]), CLASSES[name])


@pytest.mark.parametrize("name", [name for name, cls in CLASSES.items() if issubclass(cls, Layer)])
def test_calls_of_layers(name: str) -> None:
    cls = CLASSES[name]
    required = [
        p.name
        for p in inspect.signature(cls).parameters.values()
        if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD
    ]
    try:
        layer = cls(**{p: ARGUMENTS[p] for p in required})
    except (ValueError, TypeError, KeyError):
        pytest.skip("needs other arguments")
    check(errors_of(layer), cls)


X = np.ones((2, 3, 4), "float32")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: layers.MultiHeadAttention(2, 2)(), r"^MultiHeadAttention.call\(\) missing 2 required arguments: 'query', 'value'; it"),
        (lambda: layers.MultiHeadAttention(2, 2)(X), r"^MultiHeadAttention.call\(\) missing 1 required argument: 'value'"),
        (lambda: layers.MultiHeadAttention(2, 2)(dualnet.Input((3, 4))), r"^MultiHeadAttention.call\(\) missing 1"),
        (lambda: layers.MaxPooling1D(2)(X, zzz=1), r"^MaxPooling1D.call\(\) got an unexpected keyword argument 'zzz'"),
        (lambda: layers.MaxPooling1D(2)(X, X), r"^MaxPooling1D.call\(\) takes at most 1 arguments by position, got 2"),
        (lambda: layers.Conv2D(3), r"^Conv2D\(\) missing 1 required positional argument: 'kernel_size'"),
        (lambda: layers.Conv2D(3, 3, filters=3), r"^Conv2D\(\) got the argument 'filters' twice"),
        (lambda: layers.Dense(Units=3), r"^Dense\(\) missing .* 'units'; did you mean 'units' when you passed 'Units'"),
        (lambda: dualnet.optimizers.Nadam(1, 2, 3, 4, 5, 6), r"^Nadam\(\) takes at most 4 positional arguments, got 6; its"),
    ],
)  # fmt: skip
def test_messages(call: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        call()


def test_what_is_no_wrong_call() -> None:
    """Copies have no arguments, a user's class may take any, and so may its call."""

    class Mine(layers.Dense):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(2)

        def call(self, *inputs: Any, **options: Any) -> Any:
            return super().call(inputs[0])

    assert Mine(1, 2, 3, zzz=4)(X, X, zzz=4).shape == (2, 3, 2)
    metric = dualnet.metrics.IoU(3, [0])
    for other in (copy.copy(metric), copy.deepcopy(metric), pickle.loads(pickle.dumps(metric))):
        assert other.num_classes == 3
    assert layers.Dense(2)(inputs=X).shape == (2, 3, 2)
    assert layers.MultiHeadAttention(2, 2)(X, value=X).shape == X.shape
