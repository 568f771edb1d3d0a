"""``tf.Module``: an object that finds the variables in its attributes."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

from .. import tree
from ..core.variables import Variable
from ..layers.base.context import name_scope
from ..layers.base.layer import Layer


class ModuleScope:
    """The name scope of a module, for ``with``; it can be entered again and again. name: with a slash at its end."""

    def __init__(self, name: str) -> None:
        self._module, self.name = name, f"{name}/"
        self._open: list[AbstractContextManager[None]] = []

    def __enter__(self) -> str:
        self._open.append(name_scope(self._module))
        self._open[-1].__enter__()
        return self.name

    def __exit__(self, *error: Any) -> None:
        self._open.pop().__exit__(*error)


class Module:
    """A container of variables, and of modules and layers, as attributes or in lists, tuples and dictionaries.

    Variables come sorted by the names of the attributes, those of the module itself first, each once, as in TensorFlow.

    Args:
        name: a Python identifier, by default the name of the class in lower case with underscores.
    """

    def __init__(self, name: str | None = None) -> None:
        if name is not None and not str(name).isidentifier():
            raise ValueError(f"{name!r} is no name of a module: expected a Python identifier, such as 'encoder_1'")
        self._name = name or _snake_case(type(self).__name__)
        self._name_scope = ModuleScope(self._name)

    @property
    def name(self) -> str:
        """The name, without the scopes around it."""
        self._check()
        return self._name

    @property
    def name_scope(self) -> ModuleScope:
        """A context in which the paths of new variables begin with the name of the module."""
        self._check()
        return self._name_scope

    def _check(self) -> None:
        if "_name" not in vars(self):
            raise AttributeError(
                f"{type(self).__name__}.__init__ should call super().__init__() first: then it has a name"
            )

    @property
    def variables(self) -> tuple[Variable, ...]:
        """All variables."""
        found: dict[int, Variable] = {}
        for leaf in self._leaves():
            for v in [leaf] if isinstance(leaf, Variable) else leaf.variables if isinstance(leaf, Layer) else []:
                found.setdefault(id(v), v)
        return tuple(found.values())

    @property
    def trainable_variables(self) -> tuple[Variable, ...]:
        """The variables that optimizers change. Those of a layer with ``trainable=False`` are none of them."""
        frozen = {id(v) for x in self._leaves() if isinstance(x, Layer) for v in x.non_trainable_variables}
        return tuple(v for v in self.variables if v.trainable and id(v) not in frozen)

    @property
    def non_trainable_variables(self) -> tuple[Variable, ...]:
        """The other variables."""
        trainable = set(map(id, self.trainable_variables))
        return tuple(v for v in self.variables if id(v) not in trainable)

    @property
    def submodules(self) -> tuple[Any, ...]:
        """The modules and layers in the attributes, in those of them, and so on."""
        return tuple(leaf for leaf in self._leaves() if isinstance(leaf, (Module, Layer)))

    def _leaves(self) -> Iterator[Any]:
        """Variables, modules and layers, each once; what a module holds comes after the module that holds it."""
        seen, waiting = {id(self)}, [self]
        for module in waiting:
            attributes = vars(module)
            for leaf in [x for key in sorted(attributes) for x in tree.flatten(attributes[key])]:
                if isinstance(leaf, (Variable, Module, Layer)) and id(leaf) not in seen:
                    seen.add(id(leaf))
                    yield leaf
                    if isinstance(leaf, Module):
                        waiting.append(leaf)

    @classmethod
    def with_name_scope(cls, method: Callable[..., Any]) -> Callable[..., Any]:
        """Decorate a method, so that it runs within the name scope of its module."""

        @functools.wraps(method)
        def scoped(self: Module, *args: Any, **options: Any) -> Any:
            with self.name_scope:
                return method(self, *args, **options)

        return scoped


def _snake_case(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()
