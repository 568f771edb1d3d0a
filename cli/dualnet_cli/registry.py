"""From ``{ class = "Dense", units = 30 }`` to a layer, and likewise for optimizers, losses, metrics and callbacks."""

from __future__ import annotations

import importlib
import inspect
import re
import typing
import warnings
from typing import Any

from dualnet.serialization.configurable import constructor_parameters

from .errors import KeyPath, Problem, did_you_mean, listing, one_line, show

# category -> (module of dualnet, common base class, classes that make no sense in a file)
_CATEGORIES: dict[str, tuple[str, str, set[str]]] = {
    "layer": ("layers", "Layer", {"Layer", "Lambda", "Wrapper"}),
    "optimizer": ("optimizers", "Optimizer", {"Optimizer", "LossScaleOptimizer", "MultiOptimizer"}),
    "schedule": ("optimizers.schedules", "LearningRateSchedule", {"LearningRateSchedule"}),
    "loss": ("losses", "Loss", {"Loss"}),
    "metric": ("metrics", "Metric", {"Metric", "MeanMetricWrapper"}),
    "callback": (
        "callbacks",
        "Callback",
        {"Callback", "CallbackList", "History", "ProgbarLogger", "LambdaCallback", "LearningRateScheduler"},
    ),
    "activation": ("activations", "", set()),
    "initializer": ("initializers", "Initializer", {"Initializer"}),
    "regularizer": ("regularizers", "Regularizer", {"Regularizer"}),
    "constraint": ("constraints", "Constraint", {"Constraint"}),
}
_ONLY_CLASSES = ("optimizer", "layer", "callback", "schedule")  # the other categories also have functions
_ANY_METRIC = ("accuracy", "acc", "crossentropy", "ce")  # what compile resolves from the shapes

# Ranges that Keras's constructors do not check, so that a mistake would only show as a nonsensical loss.
_POSITIVE = {"learning_rate", "clipnorm", "clipvalue", "global_clipnorm"}
_NOT_NEGATIVE = {"patience", "weight_decay", "epsilon", "cooldown", "start_from_epoch"}
_BELOW_ONE = {"beta_1", "beta_2", "rho"}
_CHOICES = {"mode": ("auto", "min", "max")}


def _module(category: str) -> Any:
    return importlib.import_module(f"dualnet.{_CATEGORIES[category][0]}")


def classes(category: str) -> dict[str, Any]:
    """The classes of a category by name, as in ``class = name``."""
    module, (_, base_name, hidden) = _module(category), _CATEGORIES[category]
    base = getattr(module, base_name, None)
    public = {name: getattr(module, name) for name in sorted(module.__all__) if name not in hidden}
    result = {n: c for n, c in public.items() if base and isinstance(c, type) and issubclass(c, base)}
    if category == "layer":
        result["Input"] = module.Input
    return result


def names(category: str) -> list[str]:
    """Every string that identifies an object of a category: class names and, if any, function names."""
    module = _module(category)
    others = ("get", "serialize", "deserialize", "Input")
    functions = [name for name in module.__all__ if inspect.isfunction(getattr(module, name)) and name not in others]
    return [*(_ANY_METRIC if category == "metric" else ()), *functions, *classes(category)]


def create(category: str, spec: Any) -> Any:
    """Create the object that ``spec``, a name or a table with ``class``, describes.

    For specs that passed ``check``. It creates each object once and in the order of the file, as a script would,
    because creating a layer draws the seed of its weights.
    """
    if isinstance(spec, str):
        cls = _find_class(category, spec) if category in _ONLY_CLASSES else None
        return spec if cls is None else cls()
    arguments = {key: value for key, value in spec.items() if key != "class"}
    for key, value in arguments.items():
        if isinstance(value, dict) and _argument_category(key):
            arguments[key] = create(_argument_category(key), value)
    return _find_class(category, spec["class"])(**arguments)


def check(category: str, spec: Any, where: KeyPath, problems: list[Problem]) -> None:
    """Append every mistake in a spec to ``problems``; to find them, the object is created and discarded."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the real object will issue the warnings
        if isinstance(spec, str):
            _check_name(category, spec, where, problems)
        elif isinstance(spec, dict):
            _check_table(category, spec, where, problems)
        else:
            example = f'{{ class = "{next(iter(classes(category)), "...")}" }}'
            problems.append(Problem(where, f"expected a name or a table such as {example}, got {show(spec)}"))


def _check_name(category: str, name: str, where: KeyPath, problems: list[Problem]) -> None:
    if category in _ONLY_CLASSES:
        if _find_class(category, name) is not None:
            _construct(category, {"class": name}, where, problems)
            return
    elif category == "metric" and name in _ANY_METRIC:
        return
    else:
        get = getattr(_module(category), "get", None)
        try:
            if get is not None and name and name not in _CATEGORIES[category][2] and get(name) is not None:
                return
        except (ValueError, TypeError):
            pass
    hint = did_you_mean(name, names(category)) or f"; known: {listing(names(category))}"
    problems.append(Problem(where, f"no {category} is called {show(name)}{hint}"))


def _check_table(category: str, table: dict[str, Any], where: KeyPath, problems: list[Problem]) -> None:
    known = classes(category)
    name = table.get("class")
    if "class" not in table:
        near = [key for key in table if key.lower() in ("type", "name", "layer", "class_name", "kind")]
        hint = f' (it has "{near[0]}")' if near else ""
        message = f'needs a "class", for example class = "{next(iter(known), "...")}"{hint}'
        problems.append(Problem(where, message))
        return
    cls = _find_class(category, name) if isinstance(name, str) else None
    if cls is None:
        hint = did_you_mean(name, known) or f"; known: {listing(known, 20) or 'none yet'}"
        problems.append(Problem((*where, "class"), f"no {category} is called {show(name)}{hint}"))
        return
    before = len(problems)
    _check_arguments(cls, str(name), table, where, problems)
    for key, value in table.items():
        part = _argument_category(key)
        if part and (isinstance(value, dict) or (isinstance(value, str) and part != "schedule")):
            check(part, value, (*where, key), problems)
    if len(problems) == before:
        _construct(category, table, where, problems)


def _find_class(category: str, name: str) -> Any:
    """The class of this name; case-insensitive for optimizers, since Keras accepts "adam" too."""
    known = classes(category)
    if name not in known and category == "optimizer":
        return {key.lower(): cls for key, cls in known.items()}.get(name.lower())
    return known.get(name)


def _argument_category(key: str) -> str:
    if key == "learning_rate":
        return "schedule"
    if key in ("layer", "cell"):
        return "layer"
    return next((k for k in ("activation", "initializer", "regularizer", "constraint") if key.endswith(k)), "")


def _construct(category: str, table: dict[str, Any], where: KeyPath, problems: list[Problem]) -> None:
    try:
        create(category, table)
    except (ValueError, TypeError, OverflowError, NotImplementedError) as error:
        message = one_line(error).removeprefix(f"{table['class']}: ")
        # When the message names exactly one argument, point at that argument's line.
        named = [key for key in table if key != "class" and re.search(rf"\b{re.escape(key)}\b", message)]
        problems.append(Problem((*where, named[0]) if len(named) == 1 else where, message))


def _constructor(cls: Any) -> Any:
    """``__init__`` of a class, or a factory function such as ``Input`` itself."""
    return cls.__init__ if isinstance(cls, type) else cls  # type: ignore[misc]


def parameters(cls: Any) -> dict[str, inspect.Parameter]:
    """The keyword arguments of a class, its own first, then those its bases accept through ``**kwargs``."""
    return dict(constructor_parameters(cls)) if isinstance(cls, type) else dict(inspect.signature(cls).parameters)


def _check_arguments(cls: Any, name: str, table: dict[str, Any], where: KeyPath, problems: list[Problem]) -> None:
    arguments = {key: value for key, value in table.items() if key != "class"}
    known = parameters(cls)
    hints = argument_types(cls)
    for key, value in arguments.items():
        key_path = (*where, key)
        if key not in known and key in ("input_shape", "input_dim", "batch_input_shape") and hasattr(cls, "add_weight"):
            problems.append(Problem(key_path, "the shape of the input is known from the data; leave this out"))
            continue
        if key not in known:
            hint = did_you_mean(key, known) or f"; it takes: {listing(known, 20) or 'nothing'}"
            problems.append(Problem(key_path, f"{name} has no argument {show(key)}{hint}"))
            continue
        wrong = argument_error(key, value, known[key].default, hints.get(key))
        if wrong:
            problems.append(Problem(key_path, wrong))
    for key, parameter in known.items():
        positional = parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
        if positional and parameter.default is parameter.empty and key not in arguments:
            problems.append(Problem((*where, key), f'{name} needs "{key}"'))


def argument_types(cls: Any) -> dict[str, Any]:
    """The types of a class's arguments, where they can be told."""
    try:
        return typing.get_type_hints(_constructor(cls))
    except (NameError, TypeError, AttributeError):
        return {}


_TYPE_NAMES: dict[Any, str] = {int: "a whole number", float: "a number", bool: "true or false", str: "text in quotes"}


def argument_error(key: str, value: Any, default: Any, hint: Any) -> str:
    """What is wrong with the value of an argument that has this default and this annotation, or an empty string."""
    return _type_error(key, value, default, hint) or _range_error(key, value, default)


def _type_error(key: str, value: Any, default: Any, hint: Any) -> str:
    if isinstance(value, dict) and _argument_category(key):
        return ""
    allowed = {hint} if hint in _TYPE_NAMES else set(typing.get_args(hint))
    if not allowed or not allowed <= {*_TYPE_NAMES, type(None)}:
        # Without an annotation, the type of the default decides.
        allowed = {bool} if isinstance(default, bool) else {float} if isinstance(default, (int, float)) else set()
        if key == "name":
            allowed = {str}
    if not allowed or type(value) in allowed or (type(value) is int and float in allowed):
        return ""
    if float in allowed:
        allowed.discard(int)  # a whole number is a number
    expected = " or ".join(_TYPE_NAMES[t] for t in (bool, int, float, str) if t in allowed)
    return f"expected {expected}, got {show(value)}"


def _range_error(key: str, value: Any, default: Any) -> str:
    # A layer may have an argument of this name with a meaning of its own.
    if key in _CHOICES and default in _CHOICES[key] and value not in _CHOICES[key]:
        return f"expected one of {listing(_CHOICES[key])}, got {show(value)}{did_you_mean(value, _CHOICES[key])}"
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return ""
    if key in _POSITIVE and not 0 < value < float("inf"):
        return f"must be greater than 0, got {show(value)}"
    if key in _NOT_NEGATIVE and not 0 <= value < float("inf"):
        return f"must be at least 0, got {show(value)}"
    if key in _BELOW_ONE and not 0 <= value < 1:
        return f"must be at least 0 and below 1, got {show(value)}"
    return ""


def with_defaults(category: str, spec: Any) -> dict[str, Any]:
    """A spec as a table with the default arguments of the class filled in."""
    table = {"class": spec} if isinstance(spec, str) else dict(spec)
    cls = _find_class(category, table["class"])
    table["class"] = cls.__name__
    for name, parameter in inspect.signature(_constructor(cls)).parameters.items():
        if isinstance(parameter.default, (bool, int, float, str)):
            table.setdefault(name, parameter.default)
    return table
