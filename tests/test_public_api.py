"""The public names: pinned, there, documented, and called with the arguments Keras gives them."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import pytest

import dualnet

from .public_names import NAMESPACES, documented, module, names, pinned

every_namespace = pytest.mark.parametrize("namespace", NAMESPACES)
NAMED = inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY

# Arguments of Keras that dualnet does not take, for all names and for some, and why.
NOT_TAKEN = {
    "ragged": "only TensorFlow has ragged tensors",
    "sparse": "only TensorFlow and JAX have sparse tensors",
    "quantization_config": "accepted when null, as files have it",
    "gptq_unpacked_column_size": "quantized weights",
    "none_is_leaf": "None is a leaf",
    "layout": "distribution over several devices",
    "max_shard_size": "weights in several files",
    "device_name": "the parameter is called name, and so is the argument of set_device",
}
NOT_TAKEN_BY: dict[str, set[str]] = {}


@every_namespace
def test_the_names_are_pinned(namespace: str) -> None:
    """A new name is a promise: ``python -m tests.public_names`` writes it down."""
    assert names()[namespace] == pinned()[namespace], "python -m tests.public_names writes new names down"


@every_namespace
def test_every_name_is_there_and_documented(namespace: str) -> None:
    namespace_module = module(namespace)
    assert len(set(namespace_module.__all__)) == len(namespace_module.__all__)
    without = [name for name in namespace_module.__all__ if not documented(getattr(namespace_module, name))]
    assert without == []
    assert set(namespace_module.__all__) <= set(dir(namespace_module))
    with pytest.raises(AttributeError, match="no_such_name"):
        namespace_module.no_such_name  # noqa: B018


def test_star_import_and_version() -> None:
    scope: dict[str, Any] = {}
    exec("from dualnet import *", scope)
    assert set(dualnet.__all__) <= set(scope)
    assert dualnet.version() == dualnet.__version__


def shared(keras: Any) -> Iterator[tuple[str, Any, Any]]:
    """(name, ours, Keras's) for every callable that both have under one name."""
    for namespace, listed in names().items():
        theirs = keras
        for part in [] if namespace == "dualnet" else namespace.split("."):
            theirs = getattr(theirs, part, None)
        for name in listed:
            other, own = getattr(theirs, name, None), getattr(module(namespace), name)
            if callable(own) and callable(other):
                yield f"{namespace}.{name}", own, other


def parameters(value: Any) -> list[inspect.Parameter]:
    """Those of a call; of a class that passes keywords on to its base, with those of the base."""
    result = list(inspect.signature(value).parameters.values())
    if inspect.isclass(value) and any(p.kind is p.VAR_KEYWORD for p in result):
        for base in value.__mro__[1:-1]:
            if "__init__" in vars(base):
                known = {p.name for p in result}
                result += [
                    p for p in list(inspect.signature(base.__init__).parameters.values())[1:] if p.name not in known
                ]
    return [p for p in result if p.kind in NAMED]


def test_arguments_are_those_of_keras(keras: Any) -> None:
    wrong, compared = [], 0
    for name, ours, theirs in shared(keras):
        compared += 1
        taken = {p.name for p in parameters(ours)}
        open_ended = not inspect.isclass(ours) and any(
            p.kind is p.VAR_KEYWORD for p in inspect.signature(ours).parameters.values()
        )
        expected = [p.name for p in inspect.signature(theirs).parameters.values() if p.kind in NAMED]
        lacking = [n for n in expected if n not in taken and n not in NOT_TAKEN and n not in NOT_TAKEN_BY.get(name, ())]
        if lacking and not open_ended:
            wrong.append(f"{name} does not take {', '.join(lacking)}")
    assert wrong == []
    assert compared > 300


def test_positions_are_those_of_keras(keras: Any) -> None:
    """What can be given by position means the same."""
    wrong = []
    for name, ours, theirs in shared(keras):
        positional = inspect.Parameter.POSITIONAL_OR_KEYWORD
        own = [p.name for p in inspect.signature(ours).parameters.values() if p.kind is positional]
        other = [p.name for p in inspect.signature(theirs).parameters.values() if p.kind is positional]
        other = [n for n in other if n in own or (n not in NOT_TAKEN and n not in NOT_TAKEN_BY.get(name, ()))]
        n = min(len(own), len(other))
        if own[:n] != other[:n] and name not in {"dualnet.Model", "dualnet.device"}:
            wrong.append(f"{name}: {own[:n]} and not {other[:n]}")
    assert wrong == []


def test_defaults_are_those_of_keras(keras: Any) -> None:
    """Of plain values: numbers, strings, None."""
    plain, wrong = (bool, int, float, str, type(None)), []
    for name, ours, theirs in shared(keras):
        own = {p.name: p.default for p in parameters(ours)}
        for p in inspect.signature(theirs).parameters.values():
            if (
                p.name in own
                and isinstance(p.default, plain)
                and isinstance(own[p.name], plain)
                and own[p.name] != p.default
            ):
                wrong.append(f"{name}({p.name}={own[p.name]!r}), in Keras {p.default!r}")
    assert sorted(set(wrong)) == OTHER_DEFAULTS


OTHER_DEFAULTS: list[str] = []
