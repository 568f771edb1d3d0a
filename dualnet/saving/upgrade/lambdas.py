"""The functions of ``Lambda`` layers, which a file names, or holds as byte code."""

from __future__ import annotations

from typing import Any


def upgraded(entry: dict[str, Any], custom_objects: dict[str, Any]) -> dict[str, Any]:
    """A Lambda with a function of the user's: the one under the name of the layer, under "<lambda>", or under its own name.

    Raises:
        ValueError: the function is in the file as byte code, and there is none of the user's for it.
    """
    config = dict(entry["config"])
    name, function, kind = config.get("name"), config.get("function"), config.get("function_type")
    names = (
        [name, "<lambda>"] if _is_byte_code(function, kind) else [name, function if isinstance(function, str) else None]
    )
    own = next((custom_objects[n] for n in names if n is not None and n in custom_objects), None)
    if own is not None:
        config["function"] = own
    elif _is_byte_code(function, kind):
        raise ValueError(
            f"the layer {name!r} is a Lambda whose function is in the file as byte code, which is never run: define the function in "
            f"your program and pass it with custom_objects={{{name!r}: function}}"
        )
    if "function_type" in config:  # Keras 1 and 2, whose output_shape is a shape or another function
        if config.get("output_shape_type") != "raw":
            config.pop("output_shape", None)  # it follows from what the function does
        for key in ("function_type", "module", "output_shape_type", "output_shape_module"):
            config.pop(key, None)
        config["arguments"] = config.get("arguments") or {}
    if _is_byte_code(config.get("output_shape"), None) and own is not None:
        config.pop("output_shape")
    return {**entry, "config": config}


def _is_byte_code(function: Any, kind: Any) -> bool:
    return kind == "lambda" or (isinstance(function, dict) and function.get("class_name") == "__lambda__")
