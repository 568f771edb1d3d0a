"""What Keras's tests take from inside Keras, and what does the same in dualnet.

``NAMES`` maps a name, or "module.name" where it is meant there only, to a value here or to "module:name" in dualnet. A part of
dualnet that is not there yet leaves the name missing.
"""

from __future__ import annotations

import importlib
import inspect
import types
from typing import Any

import dualnet
from dualnet import tree
from dualnet.naming import to_snake_case

try:  # NumPy knows bfloat16 once it is imported
    import ml_dtypes  # noqa: F401
except ImportError:
    pass


class _Absent:
    """A package that is not installed, as far as the tests are concerned."""

    available = False

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:
        raise ImportError(f"{self._name} is not used with dualnet")


def _compute_output_spec(function: Any, *args: Any, **kwargs: Any) -> Any:
    """Symbolic tensors of the shapes and dtypes that a function returns."""
    from dualnet.graph import infer

    spec = infer(function, args, kwargs)
    return tree.map_structure(lambda s: dualnet.KerasTensor(s.shape, s.dtype), spec)


def _set_keras_mask(x: Any, mask: Any) -> None:
    x._keras_mask = mask


class _FunctionalType(type):
    """In dualnet a functional model is a ``Model`` that has symbolic inputs and outputs."""

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, dualnet.Model) and getattr(instance, "_graph", None) is not None

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        return dualnet.Model(*args, **kwargs)

    def __eq__(cls, other: object) -> bool:
        return other is cls or (isinstance(other, type) and issubclass(other, dualnet.Model))

    __hash__ = type.__hash__


class _Functional(metaclass=_FunctionalType):
    from_config = dualnet.Model.from_config


# Attributes of models in Keras: the functional model that a Sequential has inside (here it is one), and all operations.
dualnet.Sequential._functional = property(lambda model: model)
dualnet.Model._operations = property(lambda model: model.operations)


def _is_option(p: inspect.Parameter) -> bool:
    """Whether Keras takes a parameter of an op when it makes the class, and not when it calls it."""
    if p.default is not p.empty:
        return p.annotation != "Array | None"
    return p.kind is not p.VAR_POSITIONAL and any(word in str(p.annotation) for word in ("int", "str", "float", "Axis"))


def operation(name: str) -> Any:
    """The class that Keras has for an op (``Add`` for ``add``), made from the function of dualnet; None without one."""
    function = getattr(dualnet.ops, to_snake_case(name), None) or getattr(dualnet.ops, name.lower(), None)  # IsIn: isin
    function = function or getattr(dualnet.ops.image, to_snake_case(name), None)
    if not name[:1].isupper() or function is None:
        return None
    parameters = list(inspect.signature(function).parameters.values())
    options = [p.name for p in parameters if _is_option(p)]

    class Operation:
        def __init__(self, *args: Any, name: str | None = None, **kwargs: Any) -> None:
            self.options = {**dict(zip(options, args)), **kwargs}

        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            # An option may stand before the tensors (the subscripts of an Einstein sum).
            first = next(iter(parameters), None)
            front = first.name if first is not None and first.name in self.options else None
            rest = {k: v for k, v in {**self.options, **kwargs}.items() if k != front}
            return function(*([self.options[front]] if front else []), *args, **rest)

        call = symbolic_call = compute_output_spec = __call__

    Operation.__name__ = name
    return Operation


NAMES: dict[str, Any] = {
    # No test knows this backend, so none is skipped or changed for its sake.
    "backend.backend": lambda: "dualnet",
    "backend.config.backend": lambda: "dualnet",
    "IS_THREAD_SAFE": True,
    "SUPPORTS_COMPLEX_DTYPES": False,
    "SUPPORTS_RAGGED_TENSORS": False,
    "SUPPORTS_SPARSE_TENSORS": False,
    "DATA_TYPE": None,
    "AUCCurve": types.SimpleNamespace(ROC="ROC", PR="PR", PRGAIN="PRGAIN"),
    "AUCSummationMethod": types.SimpleNamespace(
        INTERPOLATION="interpolation", MAJORING="majoring", MINORING="minoring"
    ),
    "Functional": _Functional,
    "MonitorCallback": "dualnet.callbacks.monitor:MonitorCallback",
    "compute_fans": "dualnet.initializers:compute_fans",
    "compute_output_spec": _compute_output_spec,
    "keras_export": lambda *names: lambda made: made,
    "get_keras_mask": lambda x: getattr(x, "_keras_mask", None),
    "set_keras_mask": _set_keras_mask,
    "is_traceback_filtering_enabled": lambda: False,
    "disable_traceback_filtering": lambda: None,
    "enable_traceback_filtering": lambda: None,
    "removesuffix": str.removesuffix,
    "removeprefix": str.removeprefix,
    "squeeze_or_expand_to_same_rank": "dualnet.losses.reduction:squeeze_or_expand_to_same_rank",
    "reduce_weighted_values": "dualnet.losses.reduction:reduce_weighted_values",
    "to_snake_case": "dualnet.naming:to_snake_case",
    "auto_name": "dualnet.naming:auto_name",
    "validate_float_arg": "dualnet.regularizers:validate_float_arg",
    **{
        f"utils.module_utils.{name}": _Absent(name) for name in ("tensorflow", "tensorflow_io", "gfile", "jax", "grain")
    },
}


def get(key: str) -> Any:
    """The value of a key of ``NAMES``."""
    value = NAMES[key]
    if isinstance(value, str) and ":" in value:
        module, _, name = value.partition(":")
        try:
            return getattr(importlib.import_module(module), name)
        except (ModuleNotFoundError, AttributeError):
            from facade import Missing

            return Missing(key)
    return value
