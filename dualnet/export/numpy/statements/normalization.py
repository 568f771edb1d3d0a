"""Normalization."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ...program import Call
from ..constants import RESULT
from .rules import keywords, rule

if TYPE_CHECKING:
    from ..writer import Writer


def _along(w: Writer, ref: Any, rank: int, axis: int, call: Call) -> str:
    """A vector as it broadcasts along an axis of an array."""
    text, behind = w.source(ref, call), rank - 1 - axis % rank
    return text + (f".reshape(-1{', 1' * behind})" if behind else "")


@rule("batch_normalization")
def _batch_normalization(w: Writer, call: Call) -> list[str]:
    a = call.arguments
    rank, axis = len(w.shapes(a["x"])[0]), a.get("axis", -1)
    mean, variance = (_along(w, a[name], rank, axis, call) for name in ("mean", "variance"))
    text = f"({w.arg(call, 'x')} - {mean}) / np.sqrt({variance} + {w.source(a.get('epsilon', 1e-3), call)})"
    return _scaled(w, call, text, lambda ref: _along(w, ref, rank, axis, call))


def _scaled(w: Writer, call: Call, text: str, shaped: Callable[[Any], str]) -> list[str]:
    """What is normalized, times gamma plus beta."""
    gamma, beta = call.arguments.get("gamma"), call.arguments.get("beta")
    if gamma is None and beta is None:
        return [text]
    scale = RESULT if gamma is None else f"{RESULT} * {shaped(gamma)}"
    return [text, scale + ("" if beta is None else f" + {shaped(beta)}")]


@rule("standardize")
def _standardize(w: Writer, call: Call) -> list[str]:
    a = call.arguments
    rank = len(w.shapes(a["x"])[0])
    axes = a.get("axes", -1)
    axes = tuple(sorted(n % rank for n in (axes if isinstance(axes, tuple) else (axes,))))
    parameters = axes if a.get("parameter_axes") is None else tuple(sorted(n % rank for n in a["parameter_axes"]))
    axis = "-1" if axes == (rank - 1,) else str(axes[0]) if len(axes) == 1 else str(axes)
    x, epsilon = w.arg(call, "x"), w.source(a.get("epsilon", 1e-3), call)
    if a.get("centred", True):
        text = f"standardize({x}, axis={axis}, epsilon={epsilon})"
    else:
        text = f"{x} / root_mean_square({x}, axis={axis}, epsilon={epsilon})"
    is_last = parameters == tuple(range(rank - len(parameters), rank))

    def shaped(ref: Any) -> str:
        sizes = w.shapes(a["x"])[0]
        if is_last and len(w.shapes(ref)[0]) == len(parameters):
            return w.source(ref, call)
        shape = tuple(sizes[i] if i in parameters else 1 for i in range(rank))
        return f"{w.source(ref, call)}.reshape{shape}"

    return _scaled(w, call, text, shaped)


@rule("gelu")
def _gelu(w: Writer, call: Call) -> list[str]:
    name = "gelu_by_tanh" if call.arguments.get("approximate", True) else "gelu"
    return [f"{name}({w.arg(call, 'x')})"]


@rule("normalize")
def _normalize(w: Writer, call: Call) -> list[str]:
    from ....core import settings

    a = call.arguments
    epsilon = settings.epsilon() if a.get("epsilon") is None else a["epsilon"]
    options = keywords(order=(str(a.get("order", 2)), a.get("order", 2) == 2), epsilon=(repr(epsilon), epsilon == 1e-7))
    return [f"normalize({w.arg(call, 'x')}, axis={w.source(a.get('axis', -1), call)}{options})"]
