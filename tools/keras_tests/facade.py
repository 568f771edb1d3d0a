"""A pytest plugin that lets Keras's own tests run against dualnet, without importing Keras.

The copied tests import ``keras_facade`` instead of ``keras.src``. Every module below that name is synthesized here: it has
the submodules of Keras, and its names come from the public names of dualnet, from ``private.py`` (the counterparts of
Keras's private names), or, for a few pure Python modules that belong to the tests, from the source in the wheel. Any other
name becomes a ``Missing``, which raises ``NotInDualnet`` when a test uses it.
"""

from __future__ import annotations

import importlib
import importlib.util
import re
import sys
import types
from collections.abc import Iterator, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

import private
import pytest

import dualnet

NAME = "keras_facade"

# Loaded from the wheel: test helpers, the reference table of dtypes, and tests that others import from.
FROM_WHEEL = ("testing.test_case", "testing.test_utils", "backend.common.dtypes")

# The namespaces of dualnet in which the names of a part of Keras are looked up first.
NAMESPACES: dict[str, tuple[str, ...]] = {
    "backend": ("backend", "config", "ops", "tree"),
    "ops": ("ops", "ops.image"),
    "optimizers": ("optimizers", "optimizers.schedules"),
    "saving": ("saving", "utils"),
    "utils": ("utils", "saving", "backend"),
}
# Tests that Keras runs with one of its backends only, although dualnet has the feature.
NOT_SKIPPED = ("Channels-first axis only supported on Torch.",)
EVERYWHERE = (
    "layers losses metrics optimizers optimizers.schedules callbacks initializers regularizers constraints models ops "
    "activations saving utils random config backend tree dtype_policies"
).split()


class NotInDualnet(Exception):
    """A test used a name that dualnet does not have."""


class Missing:
    """Placeholder for a name that dualnet does not have, until a test uses it."""

    def __init__(self, name: str) -> None:
        self._name = name

    def _use(self, *args: Any, **kwargs: Any) -> Any:
        raise NotInDualnet(self._name)

    __call__ = __getitem__ = __iter__ = __enter__ = __bool__ = __mro_entries__ = _use

    def __getattr__(self, name: str) -> Any:
        if name == "__name__":  # tests are named after what they test, before they use it
            return self._name.rpartition(".")[2]
        if name.startswith("__"):
            raise AttributeError(name)
        raise NotInDualnet(f"{self._name}.{name}")


def source_root() -> Path:
    """The folder ``keras/src`` of the installed wheel."""
    spec = importlib.util.find_spec("keras")
    if spec is None or spec.origin is None:
        raise SystemExit("Keras is not installed here: pip install keras==3.15.1 absl-py")
    return Path(spec.origin).parent / "src"


def _modules(root: Path) -> Iterator[str]:
    """The dotted names of all modules of Keras."""
    for path in root.rglob("*.py"):
        parts = path.relative_to(root).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _is_from_wheel(path: str) -> bool:
    return path in FROM_WHEEL or path.endswith("_test")


ROOT = source_root()
MODULES = frozenset(_modules(ROOT))


def find(path: str, name: str) -> Any:
    """The counterpart in dualnet of ``name`` in the module ``path`` of Keras ("losses.loss"); ``Missing`` if none."""
    for key in (f"{path}.{name}", name):
        if key in private.NAMES:
            return private.get(key)
    part = path.partition(".")[0]
    operation = private.operation(name) if part == "ops" else None
    if operation is not None:
        return operation
    own = (path,) if part == "applications" else ()  # the modules of which have names in common
    namespaces = (*own, *NAMESPACES.get(part, (part,)), "", *EVERYWHERE)
    for namespace in dict.fromkeys(namespaces):
        value = _public(namespace, name)
        if value is not None:
            return value
    return Missing(f"{path}.{name}".lstrip("."))


def _public(namespace: str, name: str) -> Any:
    """A public name of a module of dualnet; None if it does not exist or is a private submodule."""
    try:
        module = importlib.import_module(f"dualnet.{namespace}".rstrip("."))
    except ModuleNotFoundError:
        return None
    value = None if name.startswith("_") else getattr(module, name, None)
    if isinstance(value, types.ModuleType) and (namespace or name not in dualnet.__all__):
        return None
    return value


class FacadeModule(types.ModuleType):
    """A module of Keras with the names of dualnet."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        path = self.__name__.removeprefix(NAME).lstrip(".")
        submodule = f"{path}.{name}".lstrip(".")
        if submodule in MODULES and submodule not in private.NAMES:
            return importlib.import_module(f"{NAME}.{submodule}")
        return find(path, name)


class Finder(MetaPathFinder, Loader):
    """Creates every module below ``keras_facade``."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: Any = None) -> ModuleSpec | None:
        if name == NAME or name.startswith(f"{NAME}."):
            return ModuleSpec(name, self, is_package=True)
        return None

    def create_module(self, spec: ModuleSpec) -> types.ModuleType:
        path = spec.name.removeprefix(NAME).lstrip(".")
        return types.ModuleType(spec.name) if _is_from_wheel(path) else FacadeModule(spec.name)

    def exec_module(self, module: types.ModuleType) -> None:
        module.__path__ = []
        path = module.__name__.removeprefix(NAME).lstrip(".")
        if _is_from_wheel(path):
            file = ROOT.joinpath(*path.split(".")).with_suffix(".py")
            exec(compile(redirect(file.read_text(encoding="utf-8")), str(file), "exec"), module.__dict__)
        elif path == "testing":
            for name in ("test_case", "test_utils"):
                submodule = importlib.import_module(f"{NAME}.testing.{name}")
                vars(module).update(
                    {k: v for k, v in vars(submodule).items() if not k.startswith("__")}, **{name: submodule}
                )


def redirect(source: str) -> str:
    """The source of a test with its imports redirected to the facade."""
    source = source.replace("keras.src", NAME)
    source = source.replace('raise ImportError(f"Invalid backend: {backend.backend()}")', f"from {NAME} import Trainer")
    source = re.sub(r"^(\s*)import keras$", rf"\1import {NAME} as keras", source, flags=re.MULTILINE)
    return re.sub(r"^(\s*)from keras( import|\.)", rf"\1from {NAME}\2", source, flags=re.MULTILINE)


def _tensorflow() -> types.ModuleType:
    """Placeholder for TensorFlow if it is not installed: many files import it for a single test."""
    module = types.ModuleType("tensorflow")
    module.__getattr__ = _of_tensorflow  # type: ignore[method-assign]
    return module


def _of_tensorflow(name: str) -> Missing:
    if name.startswith("__"):
        raise AttributeError(name)
    return Missing(f"tensorflow.{name}")


def _conftest() -> types.ModuleType:
    """Keras's conftest.py, of which tests import one function."""
    module = types.ModuleType("conftest")
    vars(module)["skip_if_backend"] = lambda backend, reason: pytest.mark.skipif(False, reason=reason)
    return module


sys.meta_path.insert(0, Finder())
sys.modules.setdefault("conftest", _conftest())
if importlib.util.find_spec("tensorflow") is None:
    sys.modules["tensorflow"] = _tensorflow()


def pytest_configure(config: pytest.Config) -> None:
    for marker in ("requires_trainable_backend", "multi_device"):
        config.addinivalue_line("markers", f"{marker}: of Keras")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        item.own_markers[:] = [m for m in item.own_markers if m.kwargs.get("reason") not in NOT_SKIPPED]
        if "multi_device" in item.keywords:
            item.add_marker(pytest.mark.skip(reason="needs several devices"))
