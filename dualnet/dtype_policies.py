"""Dtype policies: in which dtype a layer computes, and in which it keeps its variables."""

from __future__ import annotations

import re
from collections.abc import Iterator, MutableMapping
from contextlib import suppress
from typing import Any

from .core import settings
from .core.dtypes import standardize_dtype
from .serialization.configurable import Configurable
from .serialization.objects import deserialize_keras_object, serialize_keras_object

__all__ = ["DTypePolicy", "DTypePolicyMap", "FloatDTypePolicy", "deserialize", "get", "serialize"]

_MIXED = {"mixed_float16": "float16", "mixed_bfloat16": "bfloat16"}
_global: DTypePolicy | None = None  # that of ``dualnet.config.set_dtype_policy``


class DTypePolicy(Configurable):
    """A name that says in which dtype to compute and in which to keep variables.

    A layer casts its inputs to the compute dtype, sees its variables in it, and returns it. Losses and metrics take a
    policy as ``dtype`` too and compute in its ``compute_dtype``; they do not look at the global one.

    Args:
        name: a dtype, for both; "mixed_float16" or "mixed_bfloat16" compute in 16 bits with variables of float32. None
            is the global policy.
    """

    def __init__(self, name: str | None = None) -> None:
        if name is None:
            name = _global.name if _global is not None else settings.floatx()
        if not isinstance(name, str):
            message = f"'name' must be a string, such as 'mixed_float16'. Received: name={name} (of type {type(name)})"
            raise TypeError(message)
        self._name = name
        try:
            self._compute_dtype = standardize_dtype(_MIXED.get(name, name))
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

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DTypePolicy) and self.name == other.name

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return f'<DTypePolicy "{self.name}">'


class FloatDTypePolicy(DTypePolicy):
    """Another name of ``DTypePolicy``."""


class DTypePolicyMap(DTypePolicy, MutableMapping[str, DTypePolicy]):
    """Policies by the path of a layer, for a layer or model whose parts compute in different dtypes.

    Args:
        default_policy: of layers that the map does not name; None is the global one.
        policy_map: {path: policy}. A key is the path of a layer, or a regular expression that has to match a whole
            path; a path that several expressions match is a ``ValueError``.
    """

    def __init__(self, default_policy: Any = None, policy_map: dict[str, Any] | None = None) -> None:
        if policy_map is not None and not isinstance(policy_map, dict):
            raise TypeError(
                f"If specified, `policy_map` must be a dict. Received: policy_map={policy_map} "
                f"(of type {type(policy_map)})"
            )
        self._default = None if default_policy is None else get(default_policy)
        self._policies: dict[str, DTypePolicy] = {path: get(policy) for path, policy in (policy_map or {}).items()}

    @property
    def default_policy(self) -> DTypePolicy:
        """The policy of what is not named."""
        return get(None) if self._default is None else self._default

    @property
    def name(self) -> str:
        return "map_" + self.default_policy.name

    @property
    def compute_dtype(self) -> str:
        """That of the default policy."""
        return self.default_policy.compute_dtype

    @property
    def variable_dtype(self) -> str:
        """That of the default policy."""
        return self.default_policy.variable_dtype

    def __getitem__(self, path: str) -> DTypePolicy:
        if path in self._policies:
            return self._policies[path]
        matching = [pattern for pattern in self._policies if re.fullmatch(pattern, path)]
        if len(matching) > 1:
            raise ValueError(
                f"Path '{path}' matches multiple dtype policy specification keys: {matching}. Please make sure each path "
                "matches at most one of them"
            )
        return self._policies[matching[0]] if matching else self.default_policy

    def __setitem__(self, path: str, policy: Any) -> None:
        if path in self._policies:
            raise ValueError(
                f"{path} already exist in the DTypePolicyMap with value {self._policies[path]}. Please make sure to not use "
                "duplicated keys."
            )
        try:
            self._policies[path] = get(policy)
        except (TypeError, ValueError):
            raise ValueError(
                "Cannot interpret the assigned value. Expected the name of a policy or a `DTypePolicy`. "
                f"Received: {policy!r}"
            ) from None

    def __delitem__(self, path: str) -> None:
        del self._policies[path]

    def __contains__(self, path: object) -> bool:
        return path in self._policies

    def pop(self, path: str) -> DTypePolicy:  # type: ignore[override]
        """Take a policy away and return it; ``KeyError`` when there is none of this key."""
        return self._policies.pop(path)

    def __len__(self) -> int:
        return len(self._policies)

    def __iter__(self) -> Iterator[str]:
        return iter(self._policies)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DTypePolicyMap) and self.get_config() == other.get_config()

    def __hash__(self) -> int:
        return id(self)

    def get_config(self) -> dict[str, Any]:
        return {
            "default_policy": None if self._default is None else self._default.name,
            "policy_map": {path: serialize(policy) for path, policy in self._policies.items()},
        }

    def __repr__(self) -> str:
        mapping = [(path, policy.name) for path, policy in self._policies.items()]
        return f"<DTypePolicyMap default_policy={self.default_policy.name} mapping={mapping}>"


def get(identifier: Any) -> DTypePolicy:
    """A policy from itself, its name, its config, or a dtype; None gives the global one."""
    if isinstance(identifier, DTypePolicy):
        return identifier
    if isinstance(identifier, dict):
        if identifier.get("class_name") == "Policy":  # as Keras 2 called it
            return DTypePolicy(identifier.get("config", {}).get("name"))
        return deserialize(identifier)
    if identifier is None or isinstance(identifier, str):
        return DTypePolicy(identifier)
    if not isinstance(identifier, (int, float, list, tuple)):
        with suppress(ValueError):
            return DTypePolicy(standardize_dtype(identifier))
    raise ValueError(
        f"Cannot interpret `dtype` argument. Expected a string or an instance of DTypePolicy. Received: dtype={identifier}"
    )


def set_global_policy(policy: Any) -> None:
    """Set the policy of layers that are created without one; None is ``floatx()`` again."""
    global _global
    if not (policy is None or isinstance(policy, (str, DTypePolicy))):
        raise ValueError(
            "Invalid `policy` argument. Expected the string name of a policy (such as 'mixed_float16') or a `DTypePolicy` "
            f"instance. Received: policy={policy} (of type {type(policy)})"
        )
    _global = None if policy is None else get(policy)


def serialize(dtype_policy: DTypePolicy) -> Any:
    """The config of a policy, as ``deserialize`` takes it."""
    config = serialize_keras_object(dtype_policy)
    if type(dtype_policy) in (DTypePolicy, FloatDTypePolicy):
        config["module"] = "keras"  # where Keras says they are
    return config


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> DTypePolicy:
    """The policy a config describes. Raises ``ValueError`` for one that dualnet does not have."""
    policy = deserialize_keras_object(config, custom_objects)
    if not isinstance(policy, DTypePolicy):
        raise ValueError(f"expected the config of a dtype policy, got {config!r}")
    return policy
