"""Dtype policies: in which dtype a layer computes, and in which it keeps its variables."""

from __future__ import annotations

from typing import Any

from . import config
from .dtypes import standardize_dtype

__all__ = ["DTypePolicy", "FloatDTypePolicy", "deserialize", "get", "serialize"]

_MIXED = {"mixed_float16": "float16", "mixed_bfloat16": "bfloat16"}
_global: DTypePolicy | None = None  # that of ``dualnet.config.set_dtype_policy``


class DTypePolicy:
    """A name that says in which dtype to compute and in which to keep variables.

    name: a dtype, for both; "mixed_float16" or "mixed_bfloat16" compute in 16 bits with variables of float32. None is the
    global policy. Losses and metrics take a policy as ``dtype`` and compute in its ``compute_dtype``.
    """

    def __init__(self, name: str | None = None) -> None:
        if name is None:
            name = _global.name if _global is not None else config.floatx()
        if not isinstance(name, str):
            raise TypeError(
                f"'name' must be a string, such as 'mixed_float16'. Received: name={name} (of type {type(name)})"
            )
        self._name = name
        try:
            self._compute_dtype = _MIXED.get(name) or standardize_dtype(name)
        except ValueError:
            raise ValueError(
                f"Cannot convert {name!r} to a DTypePolicy: expected 'mixed_float16', 'mixed_bfloat16', or the name of a "
                "dtype such as 'float32'"
            ) from None

    @property
    def name(self) -> str:
        return self._name

    @property
    def compute_dtype(self) -> str:
        """The dtype of inputs and outputs."""
        return self._compute_dtype

    @property
    def variable_dtype(self) -> str:
        """The dtype of variables."""
        return "float32" if self._name in _MIXED else self._compute_dtype

    @property
    def quantization_mode(self) -> None:
        """None: there is no quantization."""
        return

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> DTypePolicy:
        return cls(**config)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DTypePolicy) and self.name == other.name

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return f'<DTypePolicy "{self.name}">'


class FloatDTypePolicy(DTypePolicy):
    """Another name of ``DTypePolicy``."""


def get(identifier: Any) -> DTypePolicy:
    """A policy from itself, its name, its config, or a dtype; None gives the global one."""
    if isinstance(identifier, DTypePolicy):
        return identifier
    if isinstance(identifier, dict):
        return deserialize(identifier)
    return DTypePolicy(
        identifier if identifier is None or isinstance(identifier, str) else standardize_dtype(identifier)
    )


def _set_global(policy: Any) -> None:
    global _global
    _global = None if policy is None else get(policy)


def serialize(dtype_policy: DTypePolicy) -> Any:
    """The config of a policy, as ``deserialize`` takes it."""
    from .saving.objects import serialize_keras_object

    return serialize_keras_object(dtype_policy)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> DTypePolicy:
    """The policy a config describes. Raises ``ValueError`` for one that dualnet does not have."""
    from .saving.objects import deserialize_keras_object

    made = deserialize_keras_object(config, custom_objects)
    if not isinstance(made, DTypePolicy):
        raise ValueError(f"expected the config of a dtype policy, got {config!r}")
    return made
