"""Decorators for the array code of ops which a backend may compute, value and gradient, with a kernel of its own."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from dualnet_backends import Backend
from dualnet_backends.kernels.elementwise import Elementwise, context_of

from ..core import settings
from ._common import Array, Forward


def elementwise(formula: Callable[..., Forward]) -> Callable[..., Forward]:
    """For ``formula(xp, x, /, *numbers)``, a function of each element (``Backend.elementwise``)."""

    def run(backend: Backend, x: Array, *numbers: Any, **options: Any) -> Forward:
        return backend.elementwise(formula, x, *numbers, **options)

    return _with_backend(run, formula, "elementwise")


def pairwise(formula: Callable[..., Forward]) -> Callable[..., Forward]:
    """For ``formula(xp, target, output, /, *numbers)``, a loss (``Backend.pairwise``)."""

    def run(backend: Backend, target: Array, output: Array, *numbers: Any, **options: Any) -> Forward:
        return backend.pairwise(formula, settings.epsilon(), target, output, *numbers, **options)

    return _with_backend(run, formula, "pairwise")


def without_kernel(function: Callable[..., Any], backend: Backend) -> tuple[Callable[..., Any], Any]:
    """What a captured step calls for array code: ``(function, backend)``, or the formula and what it takes where the backend has
    no kernel for it and would only call the formula."""
    formula, kernel = _FORMULAS.get(function, (None, ""))
    if formula is None or getattr(type(backend), kernel) is not getattr(Elementwise, kernel):
        return function, backend
    return formula, context_of(backend, formula)


_FORMULAS: dict[
    Callable[..., Any], tuple[Callable[..., Any], str]
] = {}  # by array code: the formula, the name of the kernel


def _with_backend(run: Callable[..., Any], formula: Callable[..., Any], kernel: str) -> Callable[..., Any]:
    """``run`` with the name, the text and the parameters of the formula, the first of which is the backend."""
    _FORMULAS[run] = formula, kernel
    functools.update_wrapper(run, formula)
    signature = inspect.signature(formula)
    first, *others = signature.parameters.values()
    run.__signature__ = signature.replace(parameters=[first.replace(name="backend"), *others])  # type: ignore[attr-defined]
    return run
