"""Functions of single elements, and of pairs of them: the reference kernels, which run the formula of an op."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Array = Any
Formula = Callable[..., tuple[Array, Callable[..., Any]]]  # (xp or backend, arrays, numbers) -> (value, backward)


class Elementwise:
    """The kernels of ``Backend`` that an op hands its formula to. A backend may know the op by the name of the formula, and then
    computes value and gradient without it.
    """

    xp: Any

    def elementwise(
        self, formula: Formula, x: Array, *numbers: Any, **options: Any
    ) -> tuple[Array, Callable[..., Any]]:
        """(y, ``backward(dy) -> dx``) of a function of each element.  x: any shape -> the same shape"""
        return formula(context_of(self, formula), x, *numbers, **options)

    def pairwise(
        self, formula: Formula, epsilon: float, target: Array, output: Array, *numbers: Any, **options: Any
    ) -> tuple[Array, Callable[..., Any]]:
        """(values, ``backward(dy, out) -> (dtarget, doutput)``) of a function of each target and output, or its mean over the last axis.

        out: see ``in_place_grads`` of ``primitive``. epsilon: ``config.epsilon()``, which a formula reads for itself.
        """
        return formula(context_of(self, formula), target, output, *numbers, **options)


def context_of(backend: Any, formula: Formula) -> Any:
    """What a formula takes first: the array module, or the backend."""
    return backend if formula.__code__.co_varnames[0] == "backend" else backend.xp
