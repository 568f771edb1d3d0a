"""``ops.linalg``, ``ops.nn`` and ``ops.numpy`` have what Keras has in them, less the few that dualnet does not have."""

from __future__ import annotations

import importlib
from typing import Any

import pytest

from dualnet import ops

# What Keras has in these namespaces and dualnet need not have.
ABSENT: dict[str, set[str]] = {
    "linalg": {"jvp", "lu_factor"},
    "nn": {"ctc_decode", "polar"},
    "numpy": set(),
}


@pytest.mark.parametrize("name", ABSENT)
def test_every_name_is_the_op_itself(name: str) -> None:
    module = importlib.import_module(f"dualnet.ops.{name}")
    assert module.__all__ == sorted(set(module.__all__))
    assert not set(module.__all__) & ABSENT[name]
    assert [n for n in module.__all__ if getattr(module, n) is not getattr(ops, n)] == []
    assert getattr(ops, name) is module


def test_they_can_be_imported_from() -> None:
    from dualnet.ops import linalg
    from dualnet.ops.numpy import add

    assert linalg.det is ops.det
    assert add is ops.add


@pytest.mark.parametrize("name", ABSENT)
def test_the_names_are_those_of_keras(keras: Any, name: str) -> None:
    theirs = {n for n in dir(getattr(keras.ops, name)) if not n.startswith("_")}
    ours = vars(importlib.import_module(f"dualnet.ops.{name}"))
    without_keras = {n for n in ours["__all__"] if hasattr(ours[n], "info") and not ours[n].info.keras_class}
    assert set(ours["__all__"]) - without_keras == theirs - ABSENT[name]
