"""``dualnet`` under the name of tf.keras: ``from dualnet import keras``, ``from dualnet.keras.layers import Dense``.

Nothing is defined here: ``dualnet.keras.layers`` is an alias of ``dualnet.layers``. Removed modules of Keras 1 and 2
(``keras.layers.core``, ``keras.utils.np_utils``) are aliases too, by a table in ``dualnet/legacy/arguments.py``.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

import dualnet

from ..legacy.arguments import MODULES
from ..saving.model_config import KERAS_VERSION

__version__ = KERAS_VERSION  # of the Keras whose API this is; dualnet's own version is dualnet.__version__
__all__ = [name for name in dualnet.__all__ if name != "keras"]


class _Alias(ModuleType):
    """A module whose attributes are those of another one."""

    def __init__(self, name: str, real: str) -> None:
        super().__init__(name, f"The same as ``{real}``.")
        self._real = importlib.import_module(real)
        self.__path__: list[str] = []  # a package without a folder: _Finder imports its submodules

    def __getattr__(self, name: str) -> Any:
        if f"{self.__name__}.{name}".removeprefix(f"{__name__}.") in MODULES:
            return importlib.import_module(f"{self.__name__}.{name}")
        return getattr(self._real, name)

    def __dir__(self) -> list[str]:
        return dir(self._real)


class _Finder(MetaPathFinder, Loader):
    """Imports ``dualnet.keras.X`` and ``dualnet.tensorflow.X`` as aliases of ``dualnet.X``."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        name = fullname.removeprefix(f"{__name__}.").removeprefix("dualnet.tensorflow.")
        if name == fullname:
            return None
        real = f"dualnet.{MODULES.get(name, name)}"
        try:
            exists = importlib.util.find_spec(real) is not None
        except ModuleNotFoundError:
            exists = False
        return ModuleSpec(fullname, self, loader_state=real, is_package=True) if exists else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _Alias(spec.name, spec.loader_state)

    def exec_module(self, module: ModuleType) -> None:
        """An alias has no code."""


if not any(type(finder).__name__ == "_Finder" for finder in sys.meta_path):
    sys.meta_path.append(_Finder())
__path__ = []  # _Finder imports all submodules


def version() -> str:
    """The version of Keras whose API this is."""
    return __version__


def __getattr__(name: str) -> Any:
    value = getattr(dualnet, name)
    return importlib.import_module(f"{__name__}.{name}") if isinstance(value, ModuleType) else value


def __dir__() -> list[str]:
    return dir(dualnet)
