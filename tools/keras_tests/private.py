"""What Keras's tests take from inside Keras, and what does the same in dualnet.

``NAMES`` maps a name, or "module.name" where it is meant there only, to a value here or to "module:name" in dualnet. A part of
dualnet that is not there yet leaves the name missing.
"""

from __future__ import annotations

import importlib
import types
from typing import Any

import dualnet
from dualnet import dtype_policies, tree

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


_policy: list[str] = []  # dualnet has no global policy: what the tests set is remembered, and changes nothing


def _set_dtype_policy(policy: Any) -> None:
    _policy[:] = [dtype_policies.get(policy).name]


def _dtype_policy() -> Any:
    return dtype_policies.DTypePolicy(_policy[0] if _policy else None)


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
    "Functional": "dualnet.models.functional:Functional",
    "MonitorCallback": "dualnet.callbacks.monitor:MonitorCallback",
    "compute_fans": "dualnet.initializers:compute_fans",
    "compute_output_spec": _compute_output_spec,
    "dtype_policies.dtype_policy.dtype_policy": _dtype_policy,
    "config.dtype_policy": _dtype_policy,
    "dtype_policies.dtype_policy.set_dtype_policy": _set_dtype_policy,
    "config.set_dtype_policy": _set_dtype_policy,
    "set_dtype_policy": _set_dtype_policy,
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
    **{f"utils.module_utils.{name}": _Absent(name) for name in ("tensorflow", "tensorflow_io", "gfile", "jax", "grain")},
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
