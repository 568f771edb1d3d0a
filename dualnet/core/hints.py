"""Hints in messages: the name that a misspelt one may have meant."""

from __future__ import annotations

import difflib
import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any


def similar(name: str, known: Iterable[str]) -> str | None:
    """The known name that is most like another, if one is; capitals and underscores count little.

    ``similar("BinaryCrossEntropy", ["BinaryCrossentropy"])`` is "BinaryCrossentropy".
    """
    word, names = _plain(name), dict.fromkeys(known)
    plain = {_plain(k) for k in names}
    close = difflib.get_close_matches(word, plain, n=1)
    close = close or sorted(k for k in plain if len(word) > 3 and k.startswith(word))
    same = [k for k in names if close and _plain(k) == close[0]]  # such as a class and a function
    return max(same, key=lambda k: difflib.SequenceMatcher(None, name, k).ratio(), default=None)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The end of a message: that a known name is similar (``; did you mean "units"?``); else an empty string."""
    close = similar(name, known)
    return "" if close is None else f"; did you mean {close!r}?"


def _plain(name: str) -> str:
    return name.replace("_", "").lower()


def no_attribute(module: str, name: str, known: Iterable[str], reason: str | None = None) -> AttributeError:
    """The error for a name that a module does not have, with the reason, or else with a hint."""
    hint = "" if name.startswith("_") else did_you_mean(name, known) if reason is None else f": {reason}"
    # With a name but no object, Python appends no hint of its own.
    return AttributeError(f"module {module!r} has no attribute {name!r}{hint}", name=name)


def module_getattr(
    module: str, known: Iterable[str], reasons: Mapping[str, str] = MappingProxyType({})
) -> Callable[[str], Any]:
    """The ``__getattr__`` of a module, for names that it does not have. reasons: why, for names of Keras."""

    def __getattr__(name: str) -> Any:
        raise no_attribute(module, name, known, reasons.get(name))

    return __getattr__


def check_arguments(cls: type, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Raise ``TypeError`` for arguments that the constructor of a class does not take, and for those that are missing, with a hint.

    Python's own errors name the class where the constructor is defined, which may be a private one.
    """
    known = _constructor_parameters(cls)
    if known is None:
        return
    any_keyword = any(p.kind is p.VAR_KEYWORD for p in known)
    by_position = [p.name for p in known if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    names = [p.name for p in known if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    unknown = [name for name in kwargs if name not in names]
    if unknown and not any_keyword:
        hint = did_you_mean(unknown[0], names)
        raise TypeError(f"{cls.__name__}() got an unexpected keyword argument {unknown[0]!r}{hint}")
    if len(args) > len(by_position) and all(p.kind is not p.VAR_POSITIONAL for p in known):
        raise TypeError(
            f"{cls.__name__}() takes at most {len(by_position)} positional arguments, got {len(args)}"
            f"{'; its arguments are ' + ', '.join(names) if names else ''}"
        )
    given = by_position[: len(args)]
    for name in given:
        if name in kwargs:
            raise TypeError(f"{cls.__name__}() got the argument {name!r} twice: by its position, and as {name}=")
    required = [p.name for p in known if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    missing = [name for name in required if name not in given and name not in kwargs]
    if missing:
        close = similar(missing[0], unknown)
        hint = "" if close is None else f"; did you mean {missing[0]!r} when you passed {close!r}?"
        plural = "s" if len(missing) > 1 else ""
        raise TypeError(
            f"{cls.__name__}() missing {len(missing)} required positional argument{plural}: "
            f"{', '.join(map(repr, missing))}{hint}"
        )


@functools.cache
def _constructor_parameters(cls: Any) -> tuple[inspect.Parameter, ...] | None:
    """The parameters of the constructor of a class without ``self``; None if it is the user's."""
    owner = next(base for base in cls.__mro__ if "__init__" in vars(base))
    if not owner.__module__.startswith("dualnet."):
        return None
    return tuple(inspect.signature(vars(owner)["__init__"]).parameters.values())[1:]


def refuse_unknown_keywords(function: Callable[..., Any], arguments: Iterable[str], known: Iterable[str]) -> None:
    """Raise ``TypeError`` for a keyword argument that a function does not take, with a hint at a similar one."""
    for name in arguments:
        if name not in known:
            raise TypeError(
                f"{function.__name__}() got an unexpected keyword argument {name!r}{did_you_mean(name, known)}"
            )
