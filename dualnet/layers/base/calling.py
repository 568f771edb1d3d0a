"""What happens to the arguments of a layer's call: conversion to tensors, masks, and context for the layers inside."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import dualnet_backends as backends

from ... import tree
from ...core.conversion import to_own_array
from ...core.dtypes import is_float
from ...core.placement import backend_of
from ...core.tensor import Tensor
from ...core.text import is_text, text_tensor
from .context import context
from .metaclass import CallSignature

if TYPE_CHECKING:
    from .layer import Layer


def check_positional(layer: Layer, args: tuple[Any, ...]) -> None:
    """Refuse booleans and strings as positional arguments of a call, as Keras does."""
    for name, value in list(zip(layer._signature.names, args))[1:]:
        if isinstance(value, (bool, str)) and name not in ("training", "mask"):
            raise ValueError(
                f"Only input tensors may be passed as positional arguments to {type(layer).__name__}; pass {value!r} as "
                f"the keyword argument {name}={value!r}"
            )


def check_call(layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Refuse arguments that ``call`` does not take, and a call without one that it needs.

    Python's own errors name the class where ``call`` is defined, which may be a private one, and come only when it is called.
    """
    signature = layer._signature
    name = type(layer).__name__
    missing = [n for n in signature.required[len(args) :] if n not in kwargs]
    if missing:
        raise TypeError(
            f"{name}.call() missing {len(missing)} required argument{'s' if len(missing) > 1 else ''}: "
            f"{', '.join(map(repr, missing))}; it takes {', '.join(signature.names)}"
        )
    if signature.positions is not None and len(args) > signature.positions:
        raise TypeError(
            f"{name}.call() takes at most {signature.positions} arguments by position, got {len(args)}; it takes "
            f"{', '.join(signature.names)}"
        )
    known = (*signature.names, *layer._context_arguments, "training")
    unknown = [name for name in kwargs if name not in known]
    if unknown and not signature.any_keyword:
        raise TypeError(
            f"{name}.call() got an unexpected keyword argument {unknown[0]!r}; it takes {', '.join(signature.names)}"
        )


def convert_arguments(
    layer: Layer, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments of a call with arrays as tensors, in the dtype the layer computes in."""
    converted = {key: _convert_all(layer, value) for key, value in kwargs.items()}
    return tuple(_convert_all(layer, value) for value in args), converted


def convert(layer: Layer, x: Any) -> Tensor:
    """An input on this layer's device, floating point in the dtype the layer computes in."""
    dtype = layer._compute_dtype
    if isinstance(x, Tensor):
        array = x.data
    elif is_text(x, empty=layer.takes_text):
        return text_tensor(x)
    else:
        array = to_own_array(x, backend_of(_weights(layer)) or backends.current())
    if layer.autocast and is_float(array.dtype) and str(array.dtype) != dtype and is_float(dtype):
        if isinstance(x, Tensor):
            from ...ops import cast

            y = cast(x, dtype)
            y._keras_mask = x._keras_mask
            return y
        array = array.astype(dtype)
    return x if isinstance(x, Tensor) and array is x.data else Tensor(array)


def _weights(layer: Layer) -> Iterator[Any]:
    """The weights of a layer, then those of the layers in it, as lists that may be empty."""
    yield layer._trainable_variables
    yield layer._non_trainable_variables
    for inner in layer._flatten_layers(include_self=False):
        yield inner._trainable_variables
        yield inner._non_trainable_variables


def _convert_all(layer: Layer, argument: Any) -> Any:
    """Arrays and lists of numbers among the arguments as tensors; other values unchanged."""
    if argument is None or isinstance(argument, (bool, str)) or callable(argument):
        return argument
    if isinstance(argument, (list, tuple)) and not any(
        x is None or hasattr(x, "shape") for x in tree.flatten(argument)
    ):
        return convert(layer, argument)
    return tree.map_structure(lambda x: convert(layer, x) if hasattr(x, "shape") else x, argument)


def pass_masks(layer: Layer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Pass to ``call`` the masks of its inputs: that of the first as ``mask``, that of ``x`` as ``x_mask``.

    Returns the mask from which that of the output is computed.
    """
    names = layer._signature.names
    positional = dict(zip(names, args))
    first = positional.get("mask", kwargs.get("mask"))
    for i, (name, value) in enumerate([*positional.items(), *kwargs.items()]):
        mask = None if name == "training" or name.endswith("mask") else _mask_of(value)
        if mask is None:
            continue
        for parameter in ("mask", f"{name}_mask") if i == 0 else (f"{name}_mask",):
            if parameter in names and parameter not in positional and kwargs.get(parameter) is None:
                kwargs[parameter] = mask
        if i == 0 and first is None:
            first = mask
    return first


def set_mask(layer: Layer, inputs: Any, mask: Any, outputs: Any) -> None:
    """Attach the mask of the output to it, unless ``call`` did."""
    flat = tree.flatten(outputs)
    if any(getattr(y, "_keras_mask", None) is None for y in flat):
        for y, m in zip(flat, tree.flatten(layer.compute_mask(inputs, mask))):
            if m is not None and isinstance(y, Tensor):
                y._keras_mask = m


def enter_context(layer: Layer, kwargs: dict[str, Any]) -> None:
    """Merge the registered keyword arguments of outer calls into those of this one, and pass them on to the layers inside."""
    values = dict(context.arguments)
    for name in layer._context_arguments:
        if kwargs.get(name) is not None:
            values[name] = kwargs[name]
        if name not in layer._signature.names:
            kwargs.pop(name, None)
        elif name in values:
            kwargs[name] = values[name]
    context.enter(values)


def resolve_training(signature: CallSignature, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The ``training`` of a call: as passed, else that of the outer call, else the default, which is added to ``kwargs``."""
    if not signature.training:
        return kwargs.pop("training", None)
    training = kwargs.get("training")
    if training is None and "training" in signature.names[: len(args)]:
        return args[signature.names.index("training")]
    if training is None:
        outer = context.training
        training = kwargs["training"] = outer if outer is not None else signature.training_default
    return training


def _mask_of(value: Any) -> Any:
    """The mask of a tensor, those of the tensors in a structure; None when there is none."""
    if isinstance(value, Tensor):
        return value._keras_mask
    if not tree.is_nested(value):
        return None
    masks = tree.map_structure(lambda x: getattr(x, "_keras_mask", None), value)
    return masks if any(m is not None for m in tree.flatten(masks)) else None


def add_context(error: BaseException, layer: Layer, args: tuple[Any, ...]) -> None:
    """Say in which layer an error happened, once, at the innermost layer."""
    if getattr(error, "_dualnet_noted", False):
        return
    shapes = [getattr(x, "shape", type(x).__name__) for x in tree.flatten(list(args))]
    error.add_note(f"in layer {layer.name!r} ({type(layer).__name__}), called on shape {', '.join(map(str, shapes))}")
    error._dualnet_noted = True  # type: ignore[attr-defined]
