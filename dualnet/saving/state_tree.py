"""A state as JSON, with its arrays apart: nested dictionaries and lists of numbers, strings, arrays, booleans and None."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from ..core.tensor import Tensor

_ARRAY = "__array__"  # the key of what stands for an array in the JSON


def to_json(state: dict[str, Any], name: str = "state") -> tuple[str, dict[str, Any]]:
    """The state as JSON, where arrays are replaced by their index, and the arrays themselves, each under its path in the state.

    name: of the state, for messages. Raises ``TypeError`` for anything else in it, with its path.
    """
    arrays: dict[str, Any] = {}

    def convert(value: Any, path: str) -> Any:
        if value is None or isinstance(value, (bool, str)):
            return value
        if isinstance(value, Tensor):
            value = value.numpy()
        if hasattr(value, "dtype") and value.dtype.kind != "O":
            arrays[path] = value
            return {_ARRAY: len(arrays) - 1}
        if isinstance(value, (int, float)):
            return value
        if isinstance(value, dict) and all(isinstance(key, str) for key in value) and _ARRAY not in value:
            return {key: convert(v, f"{path}.{key}") for key, v in value.items()}
        if isinstance(value, (list, tuple)):
            return [convert(v, f"{path}[{i}]") for i, v in enumerate(value)]
        raise TypeError(f"{path} cannot be stored in a backup: expected numbers, strings or arrays, got {value!r}")

    return json.dumps(convert(state, name)), arrays


def from_json(text: str | bytes, arrays: Sequence[Any]) -> dict[str, Any]:
    """The state of ``to_json``, from its JSON and its arrays, in their order.

    Raises ``ValueError`` for anything that ``to_json`` does not write.
    """

    def restore(value: Any) -> Any:
        if isinstance(value, dict):
            return arrays[int(value[_ARRAY])] if _ARRAY in value else {k: restore(v) for k, v in value.items()}
        return [restore(v) for v in value] if isinstance(value, list) else value

    try:
        state = restore(json.loads(text))
    except (LookupError, TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"the state of the run is damaged ({error})") from None
    if not isinstance(state, dict):
        raise ValueError("the state of the run is damaged (it is not a dictionary)")
    return state
