"""``[model] python = "file.py:function"``: a model that a function of the user makes, with everything else from the config."""

from __future__ import annotations

import inspect
import sys
import tempfile
import traceback
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dualnet
from dualnet.saving.api import load_model

from .errors import CliError, KeyPath, Problem, did_you_mean, listing, one_line, printable, show
from .parts import sample_shapes

WHERE: KeyPath = ("model", "python")
_MODULE = "dualnet_run_model"
_LIMIT = 10_000_000  # bytes of a file
_PROVIDED = ("input_shape", "num_classes")  # what the function is called with, if it has parameters of these names


class _MistakeError(Exception):
    """What is wrong with the file or the function, with the line of the user's file."""


def split(spec: str) -> tuple[str, str]:
    """``"nets/own.py:build"`` -> ("nets/own.py", "build"); a part that is missing is empty."""
    path, colon, function = spec.rpartition(":")
    return (path, function) if colon else (spec, "")


def check(spec: Any, arguments: Any, find: Callable[[str], Path], problems: list[Problem]) -> None:
    """Append every mistake that can be seen before the function is called. The file is run, as an import would run it.

    find: resolves the path of the file.
    """
    if not isinstance(spec, str):
        return  # the schema says so
    path, name = split(spec)
    if not path.endswith(".py") or not name.isidentifier():
        problems.append(Problem(WHERE, f'expected "file.py:function", got {show(spec)}'))
        return
    file = find(path)
    if not file.is_file():
        problems.append(Problem(WHERE, f"no such file: {show(str(file), 200)}"))
        return
    try:
        function = _function(_module(file), name, file)
        problems.extend(_wrong_arguments(function, name, arguments if isinstance(arguments, dict) else {}))
    except _MistakeError as error:
        problems.append(Problem(WHERE, str(error)))


def create(settings: Any, x: Any, num_classes: Any) -> Any:
    """The model that the function makes, in the state of the random generators that it is called in.

    x: a sample, as the model takes it. num_classes: how many classes the target has, None if it is none; of several outputs that of each.

    Raises:
        CliError: the function fails, or returns no model.
    """
    path, name = split(settings.model.python)
    file = settings.data_path(path)
    try:
        function = _function(_module(file), name, file)
        provided = {"input_shape": sample_shapes(x), "num_classes": num_classes}
        known = inspect.signature(function).parameters
        arguments = {key: value for key, value in provided.items() if key in known}
        with _own_lines(file):
            model = function(**arguments, **(settings.model.arguments or {}))
    except _MistakeError as error:
        raise settings.fail(WHERE, str(error)) from None
    if not isinstance(model, dualnet.Model):
        got = "nothing" if model is None else f"an object of the class {type(model).__name__}"
        raise settings.fail(WHERE, f"{name} has to return a model (dualnet.Model), and returned {got}")
    if not model.built:  # one whose layers get their weights when they are called
        try:
            with _own_lines(file):
                model.predict(x, verbose=0)
        except _MistakeError as error:
            raise settings.fail(WHERE, f"the model cannot be called with samples of the data: {error}") from None
    return model


def check_model(settings: Any, model: Any, x: Any) -> Any:
    """The shape of its outputs; a model that cannot take the samples, or could not be loaded again after its training, is refused.

    x: a sample, as the model takes it.
    """
    file = settings.data_path(split(settings.model.python)[0])
    try:
        with _own_lines(file):
            y = model.predict(x, verbose=0)
    except _MistakeError as error:
        raise settings.fail(WHERE, f"the model cannot be called with samples of the data: {error}") from None
    with tempfile.TemporaryDirectory(prefix="dualnet-model-") as folder:
        path = Path(folder, "model.keras")
        try:
            with _own_lines(file):
                model.save(path)
                load_model(path, custom_objects=classes(file))
        except _MistakeError as error:
            raise settings.fail(WHERE, f"the model could not be saved and loaded again: {error}") from None
    if isinstance(y, list | tuple):
        names = getattr(model, "output_names", None)
        if not names:
            raise settings.fail(
                WHERE, "the model gives a list; several outputs need names, so return a table: {NAME: ...}"
            )
        y = dict(zip(names, y))
    if not all(hasattr(value, "shape") for value in (y.values() if isinstance(y, dict) else [y])):
        raise settings.fail(WHERE, "the model has to give an array, or a table of arrays by the names of the outputs")
    return sample_shapes(y)


def source(settings: Any) -> str | None:
    """The text of the file as it was run, which the folder of the run gets a copy of; None for a model of layers."""
    if settings.model.python is None:
        return None
    code: bytes = vars(_module(settings.data_path(split(settings.model.python)[0])))["_source"]
    return code.decode("utf-8-sig")


def classes(file: Path) -> dict[str, Any]:
    """The classes and functions that a file defines, by name, for loading a model that is made of them.

    Raises:
        CliError: the file cannot be imported.
    """
    try:
        module = _module(file)
    except _MistakeError as error:
        raise CliError(f"{printable(str(file))}: {error}") from None
    own = {name: value for name, value in vars(module).items() if isinstance(value, type | types.FunctionType)}
    return {name: value for name, value in own.items() if value.__module__ == _MODULE}


def _module(file: Path) -> types.ModuleType:
    """The file as a module, run anew if it has changed since it was imported."""
    try:
        code = file.read_bytes()
    except OSError as error:
        raise _MistakeError(f"{printable(file.name)} cannot be read: {error.strerror}") from None
    if len(code) > _LIMIT:
        raise _MistakeError(f"{printable(file.name)} is larger than {_LIMIT // 10**6} MB; expected a Python file")
    path = str(file.resolve())
    known = sys.modules.get(_MODULE)
    if known is not None and (known.__file__, vars(known)["_source"]) == (path, code):
        return known
    module = types.ModuleType(_MODULE)
    module.__file__ = path
    vars(module)["_source"] = code
    sys.modules[_MODULE] = module  # as an import does; dataclasses and pickles look there
    try:
        with _own_lines(file):
            exec(compile(code, path, "exec"), vars(module))
    except BaseException:
        del sys.modules[_MODULE]
        raise
    return module


def _function(module: types.ModuleType, name: str, file: Path) -> Any:
    function = getattr(module, name, None)
    functions = [
        key for key, value in vars(module).items() if callable(value) and getattr(value, "__module__", "") == _MODULE
    ]
    if function is None:
        known = did_you_mean(name, functions) or f"; it has: {listing(functions) or 'no function'}"
        raise _MistakeError(f"{printable(file.name)} has no function {show(name)}{known}")
    if not callable(function):
        raise _MistakeError(f"{printable(file.name)}: {name} is no function, but {show(function)}")
    return function


def _wrong_arguments(function: Any, name: str, arguments: dict[str, Any]) -> Iterator[Problem]:
    try:
        parameters = inspect.signature(function).parameters
    except (ValueError, TypeError):
        return
    takes_all = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    own = [
        key for key, p in parameters.items() if key not in _PROVIDED and p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)
    ]
    for key in arguments:
        where: KeyPath = ("model", "arguments", key)
        if key in _PROVIDED:
            yield Problem(where, "is known from the data; leave this out")
        elif key not in own and not takes_all:
            hint = did_you_mean(key, own) or f"; it takes: {listing((*_PROVIDED, *own))}"
            yield Problem(where, f"{name} has no argument {show(key)}{hint}")
    for key in own:
        if parameters[key].default is inspect.Parameter.empty and key not in arguments:
            message = f"{name} needs {show(key)}; give it in arguments = {{ {key} = ... }}"
            yield Problem(WHERE, message)


@contextmanager
def _own_lines(file: Path) -> Iterator[None]:
    """Turn an error into one line that names the line of the user's file that it happened at."""
    try:
        yield
    except SyntaxError as error:
        raise _MistakeError(f"{printable(file.name)}:{error.lineno}: {printable(error.msg)}") from None
    except (Exception, SystemExit) as error:
        if isinstance(error, CliError | _MistakeError):
            raise
        path = str(file.resolve())
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == path]
        at = f"{printable(file.name)}:{lines[-1]}: " if lines else ""
        raise _MistakeError(f"{at}{type(error).__name__}: {one_line(error)}") from None
