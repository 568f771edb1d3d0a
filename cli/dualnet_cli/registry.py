"""From ``{ class = "Dense", units = 30 }`` to a layer, and likewise for optimizers, losses, metrics and callbacks."""

from __future__ import annotations

import importlib
import inspect
import re
import types
import typing
import warnings
from typing import Any

from .errors import Problem, Where, did_you_mean, listing, one_line, show

# kind -> (module of dualnet, base class that all of the kind have, classes that make no sense in a file)
_KINDS: dict[str, tuple[str, str, set[str]]] = {
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
_ONLY_CLASSES = ("optimizer", "layer", "callback", "schedule")  # the others have functions as well
_ANY_METRIC = ("accuracy", "acc", "crossentropy", "ce")  # what compile resolves from the shapes

# Ranges that Keras's constructors leave open, so that the mistake would show as a loss that makes no sense.
_POSITIVE = {"learning_rate", "clipnorm", "clipvalue", "global_clipnorm"}
_NOT_NEGATIVE = {"patience", "weight_decay", "epsilon", "cooldown", "start_from_epoch"}
_BELOW_ONE = {"beta_1", "beta_2", "rho"}
_CHOICES = {"mode": ("auto", "min", "max")}


def _module(kind: str) -> Any:
    try:
        return importlib.import_module(f"dualnet.{_KINDS[kind][0]}")
    except ModuleNotFoundError:
        return types.ModuleType(kind)  # a kind that this version does not have yet: nothing is known in it


def classes(kind: str) -> dict[str, Any]:
    """The classes of a kind by name, as they may stand behind ``class =``."""
    module, (_, base_name, hidden) = _module(kind), _KINDS[kind]
    base = getattr(module, base_name, None)
    found = {n: c for n, c in vars(module).items() if base and isinstance(c, type) and issubclass(c, base)}
    if kind == "layer":
        found["Input"] = module.Input
    return {name: found[name] for name in sorted(found) if name not in hidden and not name.startswith("_")}


def names(kind: str) -> list[str]:
    """Every string that may stand for an object of a kind: class names and, where the kind has them, function names."""
    functions = [n for n, f in vars(_module(kind)).items() if inspect.isfunction(f) and not n.startswith("_")]
    extra = list(_ANY_METRIC) if kind == "metric" else []
    return extra + [n for n in functions if n not in ("get", "serialize", "deserialize", "Input")] + list(classes(kind))


def make(kind: str, spec: Any) -> Any:
    """The object that ``spec``, a name or a table with ``class``, stands for.

    For specs that ``judge`` found no fault with. It makes each object once and in the order of the file, as a script
    would, because making a layer draws the seed of its weights.
    """
    if isinstance(spec, str):
        cls = _class_named(kind, spec) if kind in _ONLY_CLASSES else None
        return spec if cls is None else cls()
    arguments = {key: value for key, value in spec.items() if key != "class"}
    for key, value in arguments.items():
        if isinstance(value, dict) and _kind_of_argument(key):
            arguments[key] = make(_kind_of_argument(key), value)
    return _class_named(kind, spec["class"])(**arguments)


def judge(kind: str, spec: Any, where: Where, problems: list[Problem]) -> None:
    """Note in ``problems`` whatever is wrong with a spec; it is found by making the object and throwing it away."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the object that is kept will give its warnings
        if isinstance(spec, str):
            _judge_name(kind, spec, where, problems)
        elif isinstance(spec, dict):
            _judge_table(kind, spec, where, problems)
        else:
            example = f'{{ class = "{next(iter(classes(kind)), "...")}" }}'
            message = f"expected a name or a table such as {example}, got {show(spec)}"
            problems.append(Problem(where, message))


def _judge_name(kind: str, name: str, where: Where, problems: list[Problem]) -> None:
    if kind in _ONLY_CLASSES:
        cls = _class_named(kind, name)
        if cls is not None:
            _construct(kind, {"class": name}, where, problems)
            return
    elif kind == "metric" and name in _ANY_METRIC:
        return
    else:
        get = getattr(_module(kind), "get", None)
        try:
            if get is not None and name and get(name) is not None:
                return
        except (ValueError, TypeError):
            pass
    hint = did_you_mean(name, names(kind)) or f"; known: {listing(names(kind))}"
    problems.append(Problem(where, f"no {kind} is called {show(name)}{hint}"))


def _judge_table(kind: str, table: dict[str, Any], where: Where, problems: list[Problem]) -> None:
    known = classes(kind)
    name = table.get("class")
    if "class" not in table:
        near = [key for key in table if key.lower() in ("type", "name", "layer", "class_name", "kind")]
        hint = f' (it has "{near[0]}")' if near else ""
        message = f'needs a "class", for example class = "{next(iter(known), "...")}"{hint}'
        problems.append(Problem(where, message))
        return
    cls = _class_named(kind, name) if isinstance(name, str) else None
    if cls is None:
        hint = did_you_mean(name, known) or f"; known: {listing(known, 20) or 'none yet'}"
        problems.append(Problem((*where, "class"), f"no {kind} is called {show(name)}{hint}"))
        return
    before = len(problems)
    _judge_arguments(cls, str(name), table, where, problems)
    for key, value in table.items():
        part = _kind_of_argument(key)
        if part and (isinstance(value, dict) or (isinstance(value, str) and part != "schedule")):
            judge(part, value, (*where, key), problems)
    if len(problems) == before:
        _construct(kind, table, where, problems)


def _class_named(kind: str, name: str) -> Any:
    """The class; for optimizers in any spelling of upper and lower case, as Keras takes "adam" too."""
    known = classes(kind)
    if name not in known and kind == "optimizer":
        return {key.lower(): cls for key, cls in known.items()}.get(name.lower())
    return known.get(name)


def _kind_of_argument(key: str) -> str:
    if key == "learning_rate":
        return "schedule"
    if key in ("layer", "cell"):
        return "layer"
    return next((k for k in ("activation", "initializer", "regularizer", "constraint") if key.endswith(k)), "")


def _construct(kind: str, table: dict[str, Any], where: Where, problems: list[Problem]) -> None:
    try:
        make(kind, table)
    except (ValueError, TypeError, OverflowError, NotImplementedError) as error:
        message = one_line(error).removeprefix(f"{table['class']}: ")
        # When the message names one argument, point at that argument's own line.
        named = [key for key in table if key != "class" and re.search(rf"\b{re.escape(key)}\b", message)]
        problems.append(Problem((*where, named[0]) if len(named) == 1 else where, message))


def _constructor(cls: Any) -> Any:
    """``__init__`` of a class, or what stands in for one such as ``Input``."""
    owners = cls.__mro__ if isinstance(cls, type) else ()
    return next((vars(owner)["__init__"] for owner in owners if "__init__" in vars(owner)), cls)


def parameters(cls: Any) -> dict[str, inspect.Parameter]:
    """The arguments a class takes by name, those its bases take through ``**kwargs`` included, its own first."""
    if not isinstance(cls, type):
        return dict(inspect.signature(cls).parameters)
    found: dict[str, inspect.Parameter] = {}
    for base in cls.__mro__[:-1]:
        if "__init__" not in vars(base):
            continue
        own = inspect.signature(_constructor(base)).parameters
        for name, parameter in own.items():
            if name != "self" and parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
                # What a base requires, its subclass supplies.
                inherited = parameter if not found or parameter.default is not parameter.empty else None
                found.setdefault(name, inherited or parameter.replace(default=None))
        if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in own.values()):
            break
    return found


def _judge_arguments(cls: Any, name: str, table: dict[str, Any], where: Where, problems: list[Problem]) -> None:
    arguments = {key: value for key, value in table.items() if key != "class"}
    known = parameters(cls)
    hints = _hints(cls)
    for key, value in arguments.items():
        place = (*where, key)
        if key in ("input_shape", "input_dim", "batch_input_shape") and hasattr(cls, "add_weight"):
            problems.append(Problem(place, "the shape of the input is known from the data; leave this out"))
            continue
        if key not in known:
            hint = did_you_mean(key, known) or f"; it takes: {listing(known, 20) or 'nothing'}"
            problems.append(Problem(place, f"{name} has no argument {show(key)}{hint}"))
            continue
        wrong = _wrong_type(key, value, known.get(key), hints.get(key)) or _wrong_range(key, value)
        if wrong:
            problems.append(Problem(place, wrong))
    for key, parameter in known.items():
        positional = parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
        if positional and parameter.default is parameter.empty and key not in arguments:
            problems.append(Problem((*where, key), f'{name} needs "{key}"'))


def _hints(cls: Any) -> dict[str, Any]:
    try:
        return typing.get_type_hints(_constructor(cls))
    except (NameError, TypeError, AttributeError):
        return {}


_WORDS: dict[Any, str] = {int: "a whole number", float: "a number", bool: "true or false", str: "text in quotes"}


def _wrong_type(key: str, value: Any, parameter: inspect.Parameter | None, hint: Any) -> str:
    if isinstance(value, dict) and _kind_of_argument(key):
        return ""
    allowed = {hint} if hint in _WORDS else set(typing.get_args(hint))
    default = parameter.default if parameter is not None else None
    if not allowed or not allowed <= {*_WORDS, type(None)}:
        # No annotation to go by: the default shows what is meant, a bool for a bool and a number for a number.
        allowed = {bool} if isinstance(default, bool) else {float} if isinstance(default, (int, float)) else set()
        if key == "name":
            allowed = {str}
    if not allowed or type(value) in allowed or (type(value) is int and float in allowed):
        return ""
    words = " or ".join(
        _WORDS[t] for t in (bool, int, float, str) if t in allowed and not (t is int and float in allowed)
    )
    return f"expected {words}, got {show(value)}"


def _wrong_range(key: str, value: Any) -> str:
    if key in _CHOICES and value not in _CHOICES[key]:
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


def with_defaults(kind: str, spec: Any) -> dict[str, Any]:
    """A spec as a table with the class's own default arguments filled in, so that a file says what was used."""
    table = {"class": spec} if isinstance(spec, str) else dict(spec)
    cls = _class_named(kind, table["class"])
    table["class"] = cls.__name__
    for name, parameter in inspect.signature(_constructor(cls)).parameters.items():
        if isinstance(parameter.default, (bool, int, float, str)):
            table.setdefault(name, parameter.default)
    return table
