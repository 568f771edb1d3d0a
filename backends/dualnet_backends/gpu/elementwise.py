"""Functions of single elements and of pairs on the GPU: one kernel for the value, and one for the gradient."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cupy as cp

from ..base import Array, Backend
from .modules import contiguous, kernel, launch, launch_rows

# The formulas that cuda/activations.cu has, and the struct of each.
_FUNCTIONS = {
    name: name
    for name in (
        *(
            "_sigmoid_op",
            "elu",
            "relu6",
            "leaky_relu",
            "selu",
            "celu",
            "gelu",
            "silu",
            "hard_sigmoid",
            "hard_silu",
            "hard_tanh",
        ),
        *("softplus", "log_sigmoid", "softsign", "mish"),
        *("hard_shrink", "soft_shrink", "tanh_shrink", "squareplus", "sparse_plus", "sparse_sigmoid"),
    )
} | {"tanh": "tanh_op"}

# The formulas that cuda/pairs.cu has, and what they make of the values along the last axis.
_PAIRS = {
    "mean_squared_error": "mean",
    "mean_absolute_error": "mean",
    "huber": "mean",
    "pseudo_huber": "mean",
    "log_cosh": "mean",
    "mean_absolute_percentage_error": "mean",
    "mean_squared_logarithmic_error": "mean",
    "poisson": "mean",
    "kl_divergence": "sum",
    "_sigmoid_cross_entropy": "each",
    "_binary_cross_entropy": "each",
}
_TARGETS = "efd?bBhHiIlq"


class CupyElementwise(Backend):
    """Overrides for floats of 16 to 64 bits; a formula that is not known here runs as it is written."""

    def elementwise(self, formula: Any, x: Array, *numbers: Any, **options: Any) -> tuple[Array, Callable[..., Any]]:
        name = _FUNCTIONS.get(formula.__name__, "")
        values = (*numbers, *options.values()) or formula.__defaults__ or ()
        if not name or not _is_known(x) or len(values) > 1 or not all(isinstance(v, (int, float)) for v in values):
            return super().elementwise(formula, x, *numbers, **options)
        x = contiguous(x)

        def backward(dy: Array) -> Array:
            return _gradient(name, x, dy, *values)

        return _value(name, x, *values), backward

    def pairwise(
        self, formula: Any, epsilon: float, target: Array, output: Array, *numbers: Any, **options: Any
    ) -> tuple[Array, Callable[..., Any]]:
        name = formula.__name__
        values = (*numbers, *options.values()) or formula.__defaults__ or (epsilon,)
        is_known = (
            name in _PAIRS and _is_known(output) and target.dtype.char in _TARGETS and target.shape == output.shape
        )
        if not is_known or not output.ndim or not isinstance(values[0], (int, float)):
            return super().pairwise(formula, epsilon, target, output, *numbers, **options)
        target, output = contiguous(target), contiguous(output)
        char, width, kind = output.dtype.char, _computing(output), _PAIRS[name]
        n = 1 if kind == "each" else output.shape[-1]
        number, divisor = width(values[0]), width(n if kind == "mean" else 1)
        y = cp.empty(output.shape if kind == "each" else output.shape[:-1], dtype=output.dtype)
        function = kernel("pairs", "value", char, name, L=target.dtype.char)
        launch_rows(function, output.size // n, n, target, output, y, number, divisor)

        def backward(dy: Array, out: Any) -> tuple[Array | None, Array | None]:
            dy = contiguous(dy, output.dtype)
            gradients: list[Array | None] = [None, None]
            for i, part in enumerate(("target", "output")):
                if out[i] is False or (i == 0 and target.dtype.kind != "f"):
                    continue
                dx = gradients[i] = cp.empty(output.shape, dtype=output.dtype)
                function = kernel("pairs", f"{part}_gradient", char, name, L=target.dtype.char)
                launch(function, dx.size, target, output, dy, dx, number, divisor, cp.int64(n), cp.int64(dx.size))
            return gradients[0], gradients[1]

        return y, backward

    def relu(self, x: Array, out: Array | None = None) -> Array:
        if not _is_known(x) or not _may_write(out, x):
            return super().relu(x, out)
        return _value("relu", x, out=out)

    def clip(self, x: Array, low: float, high: float) -> Array:
        if not _is_known(x) or not all(isinstance(v, (int, float)) for v in (low, high)):
            return super().clip(x, low, high)
        return _value("clipped", x, low, high)

    def relu_gradient(self, y: Array, dy: Array) -> Array:
        if not _is_known(y) or y.dtype != dy.dtype or y.shape != dy.shape:
            return super().relu_gradient(y, dy)
        return _gradient("relu", y, dy)

    def erf(self, x: Array) -> Array:
        if not _is_known(x):
            return super().erf(x)
        return _value("erf_op", x)


def _is_known(x: Array) -> bool:
    return x.dtype.char in "efd" and x.size > 0


def _may_write(out: Array | None, x: Array) -> bool:
    """Whether a kernel can write into ``out``."""
    return out is None or (out.flags.c_contiguous and out.dtype == x.dtype and out.shape == x.shape)


def _computing(x: Array) -> Any:
    """The class of numbers of the dtype that a kernel computes in."""
    return cp.float64 if x.dtype.char == "d" else cp.float32


def _value(name: str, x: Array, a: float = 0, b: float = 0, out: Array | None = None) -> Array:
    x, width = contiguous(x), _computing(x)
    y = cp.empty(x.shape, dtype=x.dtype) if out is None else out
    function = kernel("activations", "value", x.dtype.char, name)
    launch(function, x.size, x, y, width(a), width(b), cp.int64(x.size))
    return y


def _gradient(name: str, x: Array, dy: Array, a: float = 0, b: float = 0) -> Array:
    """dy times the derivative at x, or at whatever the struct of that name takes."""
    x, dy, width = contiguous(x), contiguous(dy, x.dtype), _computing(x)
    dx = cp.empty(x.shape, dtype=x.dtype)
    function = kernel("activations", "gradient", x.dtype.char, name)
    launch(function, x.size, x, dy, dx, width(a), width(b), cp.int64(x.size))
    return dx
