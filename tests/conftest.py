"""The devices a test can run on: the CPU, the strict stand-in, and each GPU that answers."""

from __future__ import annotations

import gc
import os
import sys
import warnings
from collections.abc import Iterator
from typing import Any

# Tests that name no device run on the CPU, on a machine with a GPU too.
os.environ.setdefault("DUALNET_DEVICE", "cpu")

import dualnet_backends as backends
import pytest

from tests.backends import strict

strict.register()
DEVICES = ["cpu", "strict:0"] + (["gpu:0"] if not backends.gpu_status() else [])


@pytest.fixture(params=DEVICES)
def backend(request: pytest.FixtureRequest) -> Iterator[backends.Backend]:
    """Every backend that works here, one after the other, each the current one while its test runs."""
    with backends.device(request.param) as chosen:
        yield chosen


@pytest.fixture(autouse=True)
def closed_figures() -> Iterator[None]:
    """A figure that a test leaves open does not stay for those after it: pyplot warns when there are more than twenty."""
    yield
    if (pyplot := sys.modules.get("matplotlib.pyplot")) is not None:
        pyplot.close("all")


@pytest.fixture(scope="session")
def keras() -> Any:
    """Keras on JAX, the oracle. Tests that ask for it skip where it is not installed (extra ``parity``)."""
    os.environ.setdefault("KERAS_BACKEND", "jax")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what others warn about when they are imported is not ours
        module = pytest.importorskip("keras", reason="Keras is not installed: pip install 'dualnet[parity]'")
    gc.freeze()  # what Keras and JAX hold is not looked through at every clear_session, half a second each
    return module


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that need Keras, by the fixtures they ask for; what Keras itself warns about fails none of them."""
    for item in items:
        if any("keras" in name for name in getattr(item, "fixturenames", ())):
            item.add_marker("keras")
            item.add_marker(pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"))
