"""Hints in messages: the name that a misspelt one may have meant."""

from __future__ import annotations

import difflib
import functools
import inspect
from collections.abc import Callable, Iterable
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


def no_attribute(module: str, name: str, known: Iterable[str]) -> AttributeError:
    """The error for a name that a module does not have, with a hint."""
    hint = "" if name.startswith("_") else did_you_mean(name, known)
    return AttributeError(f"module {module!r} has no attribute {name!r}{hint}")


def module_getattr(module: str, known: Iterable[str]) -> Callable[[str], Any]:
    """The ``__getattr__`` of a module, for names that it does not have."""

    def __getattr__(name: str) -> Any:
        raise no_attribute(module, name, known)

    return __getattr__


def refuse_unknown_arguments(cls: type, arguments: dict[str, Any]) -> None:
    """Raise ``TypeError`` for an argument that no constructor of a class takes, with a hint at a similar one."""
    known = _constructor_names(cls)
    for name in arguments:
        if known is not None and name not in known:
            raise TypeError(f"{cls.__name__}() got an unexpected keyword argument {name!r}{did_you_mean(name, known)}")


@functools.cache
def _constructor_names(cls: Any) -> tuple[str, ...] | None:
    """The names that the constructor of a class takes; None if it takes any, or is the user's."""
    owner = next(base for base in cls.__mro__ if "__init__" in vars(base))
    if not owner.__module__.startswith("dualnet."):
        return None
    own = list(inspect.signature(vars(owner)["__init__"]).parameters.values())[1:]
    if any(p.kind is p.VAR_KEYWORD for p in own):
        return None
    return tuple(p.name for p in own if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY))


def refuse_unknown_keywords(function: Callable[..., Any], arguments: Iterable[str], known: Iterable[str]) -> None:
    """Raise ``TypeError`` for a keyword argument that a function does not take, with a hint at a similar one."""
    for name in arguments:
        if name not in known:
            raise TypeError(
                f"{function.__name__}() got an unexpected keyword argument {name!r}{did_you_mean(name, known)}"
            )
