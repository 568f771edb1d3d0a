"""``[model] application``: a network of ``dualnet.applications`` as the base of a model, whose head is ``[[model.layers]]``.

The base is built without its top. Images get the size and the channels that it takes, and the ``preprocess_input`` of its
family, inside the model, so that a saved model takes the same pixels as the data have.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dualnet

from . import registry
from .errors import Failure, KeyPath, Problem, did_you_mean, listing, one_line, show

Shape = tuple[int, ...]
WHERE: KeyPath = ("model", "application")
_NONE = "none"  # for weights: TOML has no null
NO_FILES = ("imagenet", _NONE)  # what weights may be, besides the path of a file
_POOLING = ("avg", "max")
_DECIDED = {
    "include_top": "the top of the model is [[model.layers]]; leave this out",
    "classes": "the last of [[model.layers]] says how many classes there are; leave this out",
    "classifier_activation": "the activation is that of the last of [[model.layers]]; leave this out",
    "input_tensor": "the input is known from the data; leave this out",
}


def names() -> list[str]:
    """The networks that a config can name."""
    return [name for name in dualnet.applications.__all__ if not name.islower()]


def check(spec: Any, find: Callable[[str], Path], problems: list[Problem]) -> None:
    """Append every mistake in ``application`` to ``problems``. Nothing is built or downloaded.

    find: resolves the path of a file of weights.
    """
    if not isinstance(spec, (str, dict)):
        message = f'expected a name or a table such as {{ class = "MobileNetV2" }}, got {show(spec)}'
        problems.append(Problem(WHERE, message))
        return
    table = _table(spec)
    name = table.get("class")
    if "class" not in table:
        problems.append(Problem(WHERE, 'needs a "class", for example class = "MobileNetV2"'))
        return
    if name not in names():
        hint = did_you_mean(name, names()) or f"; known: {listing(names(), 50)}"
        where = (*WHERE, "class") if isinstance(spec, dict) else WHERE
        problems.append(Problem(where, f"no application is called {show(name)}{hint}"))
        return
    known = registry.parameters(getattr(dualnet.applications, name))
    hints = registry.argument_types(getattr(dualnet.applications, name))
    takes = [key for key in (*known, "trainable") if key not in _DECIDED]
    for key, value in table.items():
        wrong = ""
        if key in _DECIDED:
            wrong = _DECIDED[key]
        elif key not in ("class", *takes):
            wrong = f"{name} has no argument {show(key)}" + (
                did_you_mean(key, takes) or f"; it takes: {listing(takes, 20)}"
            )
        elif key == "input_shape":
            wrong = _wrong_shape(value)
        elif key == "pooling" and value not in _POOLING:
            wrong = f"expected one of {listing(_POOLING)}, got {show(value)}{did_you_mean(value, _POOLING)}"
        elif key == "trainable" and not isinstance(value, bool):
            wrong = f"expected true or false, got {show(value)}"
        elif key == "weights":
            wrong = _wrong_weights(value, find)
        elif key in known:
            wrong = registry.argument_error(key, value, known[key].default, hints.get(key))
        if wrong:
            problems.append(Problem((*WHERE, key), wrong))


def check_fine_tune(spec: Any, problems: list[Problem]) -> None:
    """Append to ``problems`` that there is nothing frozen to train, if that is so."""
    table = _table(spec) if isinstance(spec, (str, dict)) else {}
    if spec is None:
        problems.append(Problem(("fit", "fine_tune"), "needs a frozen application in [model]"))
    elif table.get("trainable", table.get("weights") == _NONE):
        problems.append(Problem(("fit", "fine_tune"), "the application in [model] is not frozen; leave this out"))


def _wrong_shape(value: Any) -> str:
    if isinstance(value, list) and len(value) == 3 and all(type(n) is int and n > 0 for n in value):
        return ""
    return f"expected height, width and channels, such as [96, 96, 3], got {show(value)}"


def _wrong_weights(value: Any, find: Callable[[str], Path]) -> str:
    expected = 'expected "imagenet", "none" or the path of a file with weights'
    if not isinstance(value, str) or not value:
        return f"{expected}, got {show(value)}"
    if value in NO_FILES or find(value).is_file():
        return ""
    return f"{expected}; there is no file {show(str(find(value)), 200)}{did_you_mean(value, NO_FILES)}"


def complete(spec: Any, find: Callable[[str], Path]) -> dict[str, Any]:
    """A spec that passed ``check``, as a table with its defaults.

    weights: "imagenet". pooling: "avg". trainable: whether the base is trained too; by default only one without weights is.
    """
    table = {"weights": "imagenet", "pooling": "avg", **_table(spec)}
    table.setdefault("trainable", table["weights"] == _NONE)
    if table["weights"] not in NO_FILES:
        table["weights"] = str(find(table["weights"]).absolute())
    return {"class": table.pop("class"), **table}


def _table(spec: Any) -> dict[str, Any]:
    return {"class": spec} if isinstance(spec, str) else dict(spec)


def layers(settings: Any, shape: Shape) -> list[Any]:
    """What stands before the head, for samples of a shape: a model that prepares the images, and the base.

    Raises:
        CliError: the samples are no images, or the network cannot take them; a file cannot be downloaded or does not fit.
    """
    table = complete(settings.model.application, settings.data_path)
    name, trainable = table.pop("class"), table.pop("trainable")
    if len(shape) not in (2, 3):
        hint = "; leave out flatten in [data]" if settings.data.flatten else ""
        raise settings.fail(WHERE, f"{name} needs images, and a sample of the data has the shape {shape}{hint}")
    size = tuple(table.pop("input_shape", (*shape[:2], 3)))
    weights = None if table["weights"] == _NONE else table["weights"]
    make = getattr(dualnet.applications, name)
    family = importlib.import_module(make.__module__)
    try:
        base = make(include_top=False, **{**table, "weights": weights, "input_shape": size})
        images = _preparation(shape, size, family.preprocess_input)
    except (ValueError, TypeError) as error:
        message = one_line(error)
        if "at least" in message and "input_shape" not in _table(settings.model.application):
            message += ": with input_shape = [96, 96, 3] here they are resized to that"
        raise settings.fail(WHERE, message) from None
    except MemoryError:
        raise settings.fail(WHERE, "is larger than the memory") from None
    except (OSError, RuntimeError) as error:
        raise Failure(one_line(error)) from None
    base.trainable = trainable
    return [images, base]


def _preparation(shape: Shape, size: Shape, preprocess: Callable[[Any], Any]) -> Any:
    """A model from samples to what the base takes.  (height, width) or (height, width, channels) -> ``size``"""
    inputs = x = dualnet.Input(shape)
    if len(shape) == 2:
        x = dualnet.layers.Reshape((*shape, 1))(x)
    if shape[:2] != size[:2]:
        x = dualnet.layers.Resizing(size[0], size[1])(x)
    if x.shape[-1] == 1 and size[2] == 3:
        x = dualnet.layers.Concatenate()([x, x, x])
    if x.shape[-1] != size[2]:
        raise ValueError(f"the images have {x.shape[-1]} channels, and input_shape has {size[2]}")
    return dualnet.Model(inputs, preprocess(x), name="images")


def unfreeze(model: Any) -> None:
    """Make the base trainable, without its batch normalization: few new images would spoil its statistics."""
    _, base = (layer for layer in model.layers if isinstance(layer, dualnet.Model))  # after what prepares the images
    base.trainable = True
    for layer in base.layers:
        if isinstance(layer, dualnet.layers.BatchNormalization):
            layer.trainable = False


def check_pixels(settings: Any, x: Any) -> None:
    """Refuse images from 0 to 1, which ``preprocess_input`` would make almost black."""
    if x.min() >= 0 and x.max() <= 1:
        key = ("data", "scale") if settings.data.scale is not None else ("data",)
        message = "the application takes pixels from 0 to 255 and scales them itself; these go from 0 to 1"
        raise settings.fail(key, f"{message}; leave out scale" if settings.data.scale is not None else message)
