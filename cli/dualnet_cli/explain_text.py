"""How ``dualnet explain`` says what it has calculated: lines of at most 80 columns, in ASCII."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from .errors import printable
from .explain_step import Explanation, LayerStep

_COLUMNS, _ROWS = 8, 8  # numbers in a line, lines of a matrix; what is larger is abbreviated


def lines(explained: Explanation, title: str) -> Iterator[str]:
    yield title
    yield ""
    yield from _forward(explained)
    yield ""
    yield from _backward(explained)
    yield ""
    yield from _updates(explained)
    yield ""
    yield from _checks(explained)


def _forward(explained: Explanation) -> Iterator[str]:
    yield "FORWARD"
    yield from _numbers("a0 = x", np.asarray(explained.x))
    for step in explained.layers:
        yield ""
        yield from _head(step)
        n = step.number
        if step.is_dense:
            before = _input_of(step, explained)
            activation = "z{n}" if step.activation == "linear" else f"{step.activation}(z{{n}})"
            yield f"  z{n} = W{n} {before} + b{n},  a{n} = {activation.format(n=n)}"
            yield from _numbers(f"W{n}", step.W)
            yield from _numbers(f"b{n}", step.b)
            yield from _numbers(f"z{n}", step.z)
            yield from _numbers(f"a{n}", step.a)
        else:
            yield from _numbers(f"a{n}", step.a)
    yield ""
    yield from _numbers("y", np.asarray(explained.y)[0])
    yield f"  loss = {explained.loss:.6g}   {printable(explained.loss_name)}"
    if explained.loss_text:
        yield f"       = {explained.loss_text}"


def _backward(explained: Explanation) -> Iterator[str]:
    yield "BACKWARD   delta is the derivative of the loss with respect to z, dW that"
    yield "           with respect to W, and so on"
    for step in reversed(explained.layers):
        yield ""
        yield from _head(step)
        n = step.number
        if not step.is_dense:
            yield from _other_backward(step)
            continue
        if step.delta is None:
            yield "  the loss does not depend on it"
            continue
        before = _input_of(step, explained)
        yield f"  delta{n} = {step.delta_text}"
        yield from _numbers(f"delta{n}", step.delta)
        penalty = " + the regularizer's" if step.penalty else ""
        if step.dW is None:
            yield f"  W{n} is frozen"
        else:
            yield f"  dW{n} = delta{n} {before}^T{penalty},  db{n} = delta{n}"
            yield from _numbers(f"dW{n}", step.dW)
        if step.db is not None:
            yield from _numbers(f"db{n}", step.db)


def _other_backward(step: LayerStep) -> Iterator[str]:
    if step.da is not None:
        yield from _numbers(f"da{step.number}", step.da)
    for name, shape, norm in step.weight_grads:
        yield f"  d{printable(name)} {_shape(shape)}: norm {norm:.4g}, from the tape"
    if step.da is None and not step.weight_grads:
        yield "  nothing to show: its gradient is part of that of the next layer"


def _updates(explained: Explanation) -> Iterator[str]:
    yield f"UPDATE   {explained.optimizer}"
    if explained.rule:
        yield f"  {explained.rule}"
    for step in explained.layers:
        for update in step.updates:
            name = update.name if step.is_dense else f"{step.name} {update.name}"
            yield from _numbers(f"{name} before", update.before)
            yield from _numbers(f"{name} after", update.after)


def _checks(explained: Explanation) -> Iterator[str]:
    wrong = [check for check in explained.checks if not check.ok]
    if not explained.checks:
        yield "CHECK   no Dense layer takes a vector here: all numbers are those of the model"
        return
    largest = max(check.difference for check in explained.checks)
    results = "1 result" if len(explained.checks) == 1 else f"{len(explained.checks)} results"
    if not wrong:
        yield f"CHECK   {results} of these formulas agree with the model and its tape;"
        yield f"        the largest relative difference is {largest:.1e}"
        return
    yield f"CHECK   {len(wrong)} of {results} of these formulas DIFFER from the model and its tape:"
    for check in wrong:
        yield f"  {printable(check.name)}: relative difference {check.difference:.1e}"


def _head(step: LayerStep) -> list[str]:
    name, shapes = (
        f"layer {step.number}: {printable(step.name)} ({printable(step.kind)})",
        f"{_shape(step.a_in.shape)} -> {_shape(step.a.shape)}",
    )
    return [f"{name}, {shapes}"] if len(name) + len(shapes) < 78 else [name, f"  {shapes}"]


def _input_of(step: LayerStep, explained: Explanation) -> str:
    """The name of what a layer takes: the output of the layer before, or of another one in a graph."""
    before = explained.layers[step.number - 2].a if step.number > 1 else np.asarray(explained.x)
    if before.shape == step.a_in.shape and np.array_equal(before, step.a_in):
        return f"a{step.number - 1}"
    return "a"


# -- numbers -------------------------------------------------------------------------------------------------------


def _numbers(name: str, values: Any) -> Iterator[str]:
    """A number or a vector in a line, a matrix in several, other arrays by their range."""
    values = np.asarray(values)
    if values.dtype.kind in "OUS":
        yield f"  {name} = {printable(str(values.tolist()))[:60]}"
        return
    if values.ndim == 0 or values.size == 1:
        yield f"  {name} = {float(values.reshape(-1)[0]):.6g}"
        return
    label = f"{name} {_shape(values.shape)}"
    if values.ndim > 2 or (values.ndim == 2 and values.shape[1] > 2 * _COLUMNS and values.shape[0] > 2 * _ROWS):
        low, high, mean = float(values.min()), float(values.max()), float(values.mean())
        norm = float(np.linalg.norm(values.astype(np.float64).reshape(-1)))
        facts = f"from {low:.4g} to {high:.4g}, mean {mean:.4g}, norm {norm:.4g}"
        yield from [f"  {label}: {facts}"] if len(label) + len(facts) < 76 else [f"  {label}", f"    {facts}"]
        return
    show, unit = _format(values)
    label += f", times {unit}" if unit else ""
    rows = values.reshape(1, -1) if values.ndim == 1 else values
    if values.size > _COLUMNS and (values.ndim == 1 or rows.shape[1] > _COLUMNS or len(rows) > _ROWS):
        label += f", norm {float(np.linalg.norm(values.astype(np.float64).reshape(-1))):.4g}"
    yield f"  {label}"
    for row in _some(list(rows), _ROWS):
        yield (
            "    ..."
            if row is None
            else "    " + " ".join("     ..." if v is None else show(v) for v in _some(list(row), _COLUMNS))
        )


def _some(values: Sequence[Any], most: int) -> list[Any]:
    """All values, or the first ones, None, and the last one."""
    return list(values) if len(values) <= most else [*values[: most - 2], None, values[-1]]


def _format(values: Any) -> tuple[Callable[[Any], str], str]:
    """How the numbers of one array are written, 8 characters wide, and the power of ten that all of them are multiplied by."""
    if values.dtype.kind in "iub":
        return lambda v: f"{int(v):8d}", ""
    sizes = np.abs(values[np.isfinite(values) & (values != 0)])
    power = int(np.floor(np.log10(sizes.max()))) if sizes.size else 0
    power = power if power < -1 or power > 2 else 0
    return (
        lambda v: (
            f"{float(v) / 10.0**power:8.{3 if power == 0 and sizes.max(initial=0) >= 100 else 4}f}" if v else f"{0:8d}"
        ),
        (f"1e{power}" if power else ""),
    )


def _shape(shape: tuple[int, ...]) -> str:
    return "(" + " x ".join(map(str, shape)) + ")" if shape else "(1)"
