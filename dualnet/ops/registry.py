"""The identity of the ops: public name, namespaces, and the class under which Keras's configs store them.

``@op("nn")`` above ``def log_sigmoid(xp, x, /)`` is all that a new op needs: it makes ``ops.log_sigmoid`` and
``ops.nn.log_sigmoid``, and a model's config stores a call of it as ``LogSigmoid`` of ``keras.src.ops.nn``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, Literal, Protocol, TypeVar, overload

from ..core.op import composite, primitive
from ..core.tensor import Tensor
from ._common import Backward

R = TypeVar("R")
F = TypeVar("F", bound=Callable[..., Any])

_NAMESPACES = ("core", "image", "linalg", "math", "nn", "numpy")
# The module names in configs.
_MODULES = {name: f"keras.src.ops.{name}" for name in _NAMESPACES}
_MODULES |= {"activations": "keras.src.activations.activations"}

_namespaces: dict[str, dict[str, Any]] = {name: {} for name in _NAMESPACES}
_by_class: dict[str, Any] = {}


class _Decorator(Protocol):
    """Array code becomes a function that returns a tensor; a function of ops keeps its result."""

    @overload
    def __call__(self, function: Callable[..., tuple[Any, Backward]], /) -> Callable[..., Tensor]: ...
    @overload
    def __call__(self, function: Callable[..., tuple[Any, None]], /) -> Callable[..., Tensor]: ...
    @overload
    def __call__(self, function: Callable[..., R], /) -> Callable[..., R]: ...


def op(
    module: str,
    *,
    keras: bool = True,
    class_name: str | None = None,
    call: tuple[str, ...] | None = None,
    shape: Callable[..., Any] | Literal["traced"] | None = None,
    mutates: tuple[str, ...] = (),
    in_place_grads: bool = False,
) -> _Decorator:
    """Make a public op: of array code, where the first parameter is ``xp`` or ``backend`` (see ``primitive``), else of other ops.

    Args:
        module: the module in which Keras defines the op: "core", "image", "linalg", "math", "nn" or "numpy". In no namespace are
            those of "activations", which Keras defines beside its activation functions.
        keras: whether Keras has the op. If not, a config stores it under its module and name in dualnet, and Keras cannot read it.
        class_name: Keras's class, by default the name of the function in camel case.
        call: with which arguments Keras calls that class, where these are not the tensors.
        shape: the shape rule, see ``OpInfo``; "traced" for an op of other ops that runs on symbolic tensors itself.
        mutates: see ``primitive``.
        in_place_grads: see ``primitive``.
    """

    def decorate(function: Callable[..., Any]) -> Any:
        if function.__code__.co_varnames[:1] in (("xp",), ("backend",)):
            assert shape != "traced"
            wrapped: Any = primitive(mutates=mutates, in_place_grads=in_place_grads, shape=shape)(function)
        else:
            wrapped = composite(function, function if shape == "traced" else shape)
        info = wrapped.info
        info.namespace = module
        info.call = call or info.call
        if keras:
            info.keras_module = _MODULES[module]
            info.keras_class = class_name or _camel(info.name)
            _by_class[info.keras_class] = wrapped
        if module in _NAMESPACES:
            _publish(module, info.name, wrapped)
        return wrapped

    return decorate


def export(module: str) -> Callable[[F], F]:
    """Publish a function that is no op: it works on the host, or consists of ops, which record calls with symbolic tensors."""

    def decorate(function: F) -> F:
        _publish(module, function.__name__, function)
        return function

    return decorate


def alias(name: str, function: F) -> F:
    """Another name of an op, under which Keras may store it too: ``amax = alias("amax", max)``."""
    info = function.info  # type: ignore[attr-defined]
    if info.keras_class:
        _by_class.setdefault(_camel(name), function)
    _publish(info.namespace, name, function)
    return function


def _publish(module: str, name: str, function: Any) -> None:
    _namespaces[module][name] = function
    vars(sys.modules[function.__module__]).setdefault("__all__", []).append(name)  # ops/__init__.py imports it with *


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


def namespace(module: str) -> dict[str, Any]:
    """The public functions that Keras defines in a module, by name."""
    return _namespaces.get(module, {})


def public() -> dict[str, Any]:
    """The public functions of ``dualnet.ops`` itself, by name."""
    return {name: f for module in _NAMESPACES if module != "image" for name, f in _namespaces[module].items()}


def find(class_name: str) -> Any:
    """The op that a config stores under a class of Keras, or None."""
    return _by_class.get(class_name)
