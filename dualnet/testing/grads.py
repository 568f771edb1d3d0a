"""`check_grads`: compare the gradient of an op with finite differences."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import dualnet_backends as backends

from .. import tree
from ..core.autodiff import backward
from ..core.conversion import to_array
from ..core.tensor import Array, Tensor
from ..core.tracing import recording
from ..core.warning import warn

__all__ = ["check_grads"]

_STEP = 6e-6  # about the cube root of float64's epsilon, where rounding and truncation errors balance


def check_grads(
    f: Callable[..., Any],
    *args: Any,
    argnums: int | Sequence[int] | None = None,
    tolerance: float = 1e-6,
    seed: int = 0,
    **options: Any,
) -> float:
    """Compare the gradient of ``f`` with central differences, in float64, along one random direction per argument.

    Also checked: each gradient has the shape and dtype of its argument, and neither ``f`` nor its gradient modifies the
    arguments. Returns the largest relative error; raises ``AssertionError`` with the op, the shapes, and both numbers.

    Outputs that have a kink or a jump less than a step away, such as a ReLU at 0 or a maximum of equal numbers, have no
    gradient to compare with: they are left out, with a warning that says how many.

    Args:
        f: a function of tensors that returns a tensor or a nested structure of them, such as an op made with
            ``primitive``.
        args: its positional arguments, arrays or numbers or tensors; floating point ones are converted to float64 on
            the current device and differentiated, all others are passed unchanged.
        argnums: which to differentiate (default: every floating point one).
        tolerance: the maximum relative error.
        seed: of the directions.
        options: keyword arguments of ``f``.
    """
    name = getattr(f, "__name__", type(f).__name__)
    inputs = [to_float64(x) if isinstance(x, (Tensor, float)) or hasattr(x, "dtype") else x for x in args]
    selected = _resolve_argnums(inputs, argnums, name)
    for i in selected:
        inputs[i].tracked = True
    # To detect arguments that are modified in place.
    copies = {i: inputs[i].data.copy() for i in selected}
    with recording() as tape:
        outputs = tree.flatten(f(*inputs, **options))
    worst = 0.0
    for i in selected:
        x = inputs[i]
        where = f"{name}: argument {i} of shapes {[getattr(v, 'shape', v) for v in inputs]}"
        xp = backends.of(x.data).xp
        direction = random_direction(x.data, seed, f"argument {i}")

        def outputs_at(shift: Array, i: int = i) -> list[Tensor]:
            # NumPy's arithmetic turns 0-d arrays into scalars.
            shifted = backends.of(copies[i]).asarray(copies[i] + shift)
            return tree.flatten(f(*inputs[:i], Tensor(shifted), *inputs[i + 1 :], **options))

        weights = [random_direction(y.data, seed, f"output {n}") for n, y in enumerate(outputs)]
        weights, skipped = without_kinks(direction, outputs_at, weights)
        total = sum(w.size for w in weights)
        _assert(skipped < total or not total, f"{where}: every output lies at a kink, where there is no gradient")
        if skipped:
            warn(f"{where}: {skipped} of {total} outputs lie at a kink and were left out")
        grad = xp.zeros_like(x.data)
        for y, weight in zip(outputs, weights):
            if not y.tracked:
                continue
            dy = weight.copy()
            g = backward(tape, y, dy).get(id(x))
            same = _close(backends.of(dy).xp, dy, weight)
            _assert(same, f"{name}: the gradient of the output was changed by the gradient of the op")
            if g is not None:
                _assert(g.shape == x.shape, f"{where}: the gradient has shape {g.shape}")
                _assert(g.dtype == x.data.dtype, f"{where}: the gradient has dtype {g.dtype}")
                grad = grad + g
        for j, copy in copies.items():
            _assert(_close(xp, inputs[j].data, copy), f"{name}: argument {j} was changed by the op or by its gradient")
        got, expected, length, size = derivatives(grad, direction, outputs_at, weights)
        noise = 1e-15 * size / _STEP  # the rounding error of the difference
        scale = max(abs(expected), abs(got), length, noise / tolerance)
        error = abs(got - expected) / scale if scale else 0.0
        _assert(
            math.isfinite(got) and math.isfinite(expected) and error <= tolerance,
            f"{where}: along a random direction expected {expected:.9g} (central difference), got {got:.9g} "
            f"(gradient); relative error {error:.2g}, allowed {tolerance:.2g}",
        )
        worst = max(worst, error)
    return worst


def to_float64(x: Any) -> Tensor:
    """A new tensor, of float64 if ``x`` is floating point."""
    array = x.data if isinstance(x, Tensor) else to_array(x, backends.current())
    return Tensor(array.astype("float64") if array.dtype.kind == "f" else array)


def _resolve_argnums(inputs: Sequence[Any], argnums: int | Sequence[int] | None, name: str) -> list[int]:
    floating = [i for i, x in enumerate(inputs) if isinstance(x, Tensor) and x.data.dtype == "float64"]
    if argnums is None:
        selected = floating
    else:
        selected = [argnums] if isinstance(argnums, int) else list(argnums)
    if not selected or not set(selected) <= set(floating):
        raise ValueError(
            f"check_grads: nothing to differentiate in {name}: arguments {floating} are floating point, "
            f"argnums are {selected}. Give arrays, tensors or Python floats"
        )
    return selected


def derivatives(
    grad: Array, direction: Array, outputs_at: Callable[[Array], list[Tensor]], weights: Sequence[Array]
) -> tuple[float, float, float, float]:
    """The derivative of the weighted sum of some outputs along a direction, by the gradient and by the central difference.

    Args:
        outputs_at: a function of the shift of the input.

    Returns:
        Both derivatives, the typical size of the first (the sum of random signs may cancel), and that of the outputs.
    """

    def value(step: float) -> tuple[float, float]:
        parts = [w * y.data for w, y in zip(weights, outputs_at(step * direction))]
        return _sum(parts), _sum([abs(p) for p in parts])

    (above, size), (below, _) = value(_STEP), value(-_STEP)
    length = math.sqrt(_sum([(grad * direction) ** 2]))
    return _sum([grad * direction]), (above - below) / (2 * _STEP), length, size


def without_kinks(
    direction: Array, outputs_at: Callable[[Array], list[Tensor]], weights: Sequence[Array]
) -> tuple[list[Array], int]:
    """The weights of some outputs, 0 for those with a kink or a jump along a direction; and how many these are.

    At half the step, the second difference of a smooth function is a quarter and the first is half. At a kink the former is half,
    at a jump both stay as they are.

    Args:
        outputs_at: a function of the shift of the input.
    """
    steps = (0.0, _STEP, -_STEP, _STEP / 2, -_STEP / 2)
    result, skipped = [], 0
    for weight, *values in zip(weights, *([y.data for y in outputs_at(step * direction)] for step in steps)):
        xp = backends.of(weight).xp
        middle, above, below, near_above, near_below = values
        bend = abs((above - 2 * middle + below) - 4 * (near_above - 2 * middle + near_below))
        bend = bend + abs((above - below) - 2 * (near_above - near_below))
        rounding = 1e-13 * xp.max(abs(middle)) if middle.size else 0.0
        kinks = bend > 1e-5 * xp.maximum(abs(above - middle), abs(middle - below)) + rounding
        result.append(xp.where(kinks, xp.zeros_like(weight), weight))
        skipped += int(xp.sum(kinks))
    return result, skipped


def random_direction(x: Array, seed: int, name: str) -> Array:
    """Random numbers in [-1, 1) in the shape of ``x``, the same on every device."""
    backend = backends.of(x)
    key = backends.stream_key(seed, f"check_grads/{name}")
    return 2 * backend.random_uniform(tuple(x.shape), key, 0, "float64") - 1


def _sum(parts: Sequence[Array]) -> float:
    """The correctly rounded sum of all elements of some arrays, since differences of such sums are taken."""
    return math.fsum(v for p in parts for v in backends.of(p).to_numpy(p).reshape(-1).tolist())


def _close(xp: Any, x: Array, y: Array) -> bool:
    """Whether two arrays are equal, where NaN equals NaN."""
    return bool(xp.all(xp.logical_or(x == y, x != x)))


def _assert(holds: bool, message: str) -> None:
    if not holds:
        raise AssertionError(message)
