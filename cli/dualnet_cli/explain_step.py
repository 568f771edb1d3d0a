"""One training step of one sample, calculated once more by the formulas of a first course, and compared with the model's own.

Vectors are columns: z = W a + b, where W (units, inputs) is the transposed ``kernel`` of ``Dense``; delta is the derivative of the loss
with respect to z. All of it is float64 on the host.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

import dualnet
from dualnet.visualization.training_pass import TrainingPass, training_pass

from . import explain_formulas as formulas


class Check(NamedTuple):
    """A result of the formulas, compared with that of the model. difference: the largest, relative to the largest number."""

    name: str
    difference: float
    ok: bool


class Update(NamedTuple):
    """What the optimizer does to a weight. formula: None where its own numbers are all there is."""

    name: str
    before: Any
    after: Any


@dataclass
class LayerStep:
    """What one call of a layer does forward and backward.

    a_in, a: what it takes and returns, without the axis of the batch. da: the derivative of the loss with respect to ``a``.
    ``W`` to ``delta_text`` belong to ``Dense`` layers that take one vector. weight_grads: of other layers, the name, the shape and the norm
    of each gradient.
    """

    number: int
    name: str
    kind: str
    a_in: Any
    a: Any
    activation: str = ""
    W: Any = None
    b: Any = None
    z: Any = None
    da: Any = None
    delta: Any = None
    delta_text: str = ""
    dW: Any = None
    db: Any = None
    penalty: bool = False
    weight_grads: list[tuple[str, tuple[int, ...], float]] = field(default_factory=list)
    updates: list[Update] = field(default_factory=list)

    @property
    def is_dense(self) -> bool:
        return self.W is not None


@dataclass
class Explanation:
    x: Any
    y: Any
    layers: list[LayerStep]
    loss: float
    loss_name: str
    loss_text: str
    optimizer: str
    rule: str
    checks: list[Check]


def explain(model: Any, x: Any, y: Any) -> Explanation:
    """Explain a step on one sample. The weights of the model are updated by this.

    Raises:
        ValueError: the sample does not fit the model.
    """
    done = training_pass(model, x, y, caller="explain")
    checker = _Checker(_tolerance(model))
    steps = [_forward(number, call, checker) for number, call in enumerate(done.calls, 1)]
    loss = float(done.loss)
    name, text = _loss(model, done, steps, y, loss, checker)
    _backward(model, done, steps, y, checker)
    optimizer, rule = _update(model, done, steps, checker)
    first = np.asarray(x)[0] if hasattr(x, "__array__") else x
    return Explanation(first, y, steps, loss, name, text, optimizer, rule, checker.checks)


class _Checker:
    def __init__(self, tolerance: float) -> None:
        self.tolerance = tolerance
        self.checks: list[Check] = []

    def compare(self, name: str, ours: Any, theirs: Any, scale: float = 0.0) -> None:
        """scale: the size of the numbers that a difference is measured by, where it is not their own."""
        ours, theirs = np.asarray(ours, np.float64).reshape(-1), np.asarray(theirs, np.float64).reshape(-1)
        if ours.shape != theirs.shape:
            self.checks.append(Check(name, math.inf, False))
            return
        same = (ours == theirs) | (np.isnan(ours) & np.isnan(theirs))  # where both are infinite, too
        with np.errstate(invalid="ignore"):
            difference = float(np.max(np.where(same, 0.0, np.abs(ours - theirs)), initial=0.0))
        size = max(scale, float(np.max(np.abs(theirs), where=np.isfinite(theirs), initial=0.0)), 1e-7)
        relative = difference / size
        self.checks.append(Check(name, relative, relative <= self.tolerance))


def _tolerance(model: Any) -> float:
    """As exact as the numbers that the model computes with."""
    dtypes = {str(getattr(layer, "compute_dtype", "float32")) for layer in model._flatten_layers()}
    if dtypes & {"float16", "bfloat16"}:
        return 5e-2
    on_gpu = model._backend().device != "cpu"
    return 5e-3 if on_gpu and dualnet.config.matmul_precision() != "float32" else 1e-4


def _host(value: Any) -> Any:
    """A tensor, a variable or an array of a device, on the host."""
    from dualnet.visualization.figures import to_numpy

    value = value.data if hasattr(value, "tracked") else value
    array = np.asarray(to_numpy(value))
    return array.astype(np.float64) if array.dtype.kind not in "OUS" else array


# -- forward -------------------------------------------------------------------------------------------------------


def _forward(number: int, call: Any, checker: _Checker) -> LayerStep:
    layer = call.layer
    a_in = _host(call.inputs[0])[0] if call.inputs else np.zeros(0)
    a = _host(call.outputs[0])[0] if call.outputs and call.outputs[0].ndim else np.zeros(0)
    step = LayerStep(number, layer.name, type(layer).__name__, a_in, a)
    if type(layer) is not dualnet.layers.Dense or a_in.ndim != 1 or getattr(layer, "lora_enabled", False):
        return step
    step.activation = formulas.name_of(layer.activation)
    step.W = _host(layer.kernel).T
    step.b = np.zeros(len(step.W)) if layer.bias is None else _host(layer.bias)
    step.z = step.W @ a_in + step.b
    with np.errstate(all="ignore"):
        checker.compare(f"a{number}", formulas.apply(layer.activation, step.z), step.a)
    return step


def _loss(
    model: Any, done: TrainingPass, steps: list[LayerStep], y: Any, loss: float, checker: _Checker
) -> tuple[str, str]:
    """The name of the loss, and its formula, if it has one here; then it is checked."""
    name = formulas.name_of_loss(model)
    known = formulas.LOSSES.get(name)
    if known is None or not steps or not steps[-1].is_dense:
        return name or "the loss", ""
    penalties = [float(value) for value in model.losses] if _has_penalties(model) else []
    penalty = _penalty(model) if penalties or _has_penalties(model) else 0.0
    a = steps[-1].a
    with np.errstate(all="ignore"):
        value = known.value(formulas.target(name, y, a), a)
    if penalty is not None:
        checker.compare("loss", value + penalty, loss, scale=1.0)
    text = known.text + (f" + {penalty:.4g} of regularizers" if penalty else "")
    return name, text


def _has_penalties(model: Any) -> bool:
    return any(v.regularizer is not None for v in model.trainable_variables)


def _penalty(model: Any) -> float | None:
    """The sum of the regularizers of the weights; None where layers add losses of another kind."""
    if any(getattr(layer, "activity_regularizer", None) is not None for layer in model._flatten_layers()):
        return None
    return sum(float(v.regularizer(v)) for v in model.trainable_variables if v.regularizer is not None)


# -- backward ------------------------------------------------------------------------------------------------------


def _backward(model: Any, done: TrainingPass, steps: list[LayerStep], y: Any, checker: _Checker) -> None:
    """From the last layer to the first."""
    below: dict[int, Any] = {}  # by the id of a tensor: the derivative with respect to it, by the formulas
    takers: dict[int, int] = {}
    for call in done.calls:
        for tensor in call.inputs:
            takers[id(tensor)] = takers.get(id(tensor), 0) + 1
    for step, call in zip(reversed(steps), reversed(done.calls)):
        out = call.outputs[0] if call.outputs else None
        tape = None if out is None else done.gradient(out)
        chain = out is not None and takers.get(id(out), 0) == 1 and id(out) in below
        step.da = below[id(out)] if chain else None if tape is None else _host(tape)[0]
        if step.is_dense:
            _dense_backward(model, done, step, call, y, chain, checker)
            if step.delta is not None:
                below[id(call.inputs[0])] = step.W.T @ step.delta
                tape = done.gradient(call.inputs[0])
                if tape is not None and takers[id(call.inputs[0])] == 1:
                    checker.compare(f"da{step.number - 1}", below[id(call.inputs[0])], _host(tape)[0])
        else:
            for v in call.layer.trainable_variables:
                grad = done.gradient(v)
                norm = 0.0 if grad is None else float(np.linalg.norm(_host(grad).reshape(-1)))
                step.weight_grads.append((v.name, tuple(v.shape), norm))


def _dense_backward(
    model: Any, done: TrainingPass, step: LayerStep, call: Any, y: Any, chain: bool, checker: _Checker
) -> None:
    number, layer = step.number, call.layer
    is_last = call is done.calls[-1]
    loss = formulas.name_of_loss(model) if is_last else ""
    short = formulas.SHORT_CUTS.get((loss, step.activation))
    slope = formulas.derivative_text(step.activation, number)
    with np.errstate(all="ignore"):
        if short is not None:
            target = formulas.target(loss, y, step.a)
            step.delta, step.delta_text = (
                short.delta(target, step.a),
                formulas.of_layer(short.text, number, step.a.size),
            )
        elif is_last and loss in formulas.LOSSES:
            known = formulas.LOSSES[loss]
            step.da = known.derivative(formulas.target(loss, y, step.a), step.a)
            step.delta = formulas.times_derivative(layer.activation, step.z, step.a, step.da)
            step.delta_text = formulas.product(formulas.of_layer(known.derivative_text, number, step.a.size), slope)
        elif step.da is not None:
            above = f"W{number + 1}^T delta{number + 1}" if chain else f"da{number}"
            step.delta = formulas.times_derivative(layer.activation, step.z, step.a, step.da)
            step.delta_text = formulas.product(f"({above})" if slope and " " in above else above, slope)
    if step.delta is None:  # the loss was computed from something before the output
        grad = None if layer.bias is None else done.gradient(layer.bias)
        if grad is None:
            return
        step.delta, step.delta_text = _host(grad), f"db{number}, from the tape"
    step.dW, step.db = np.outer(step.delta, step.a_in), None if layer.bias is None else step.delta
    for weight, which in ((layer.kernel, "dW"), (layer.bias, "db")):
        grad = None if weight is None else done.gradient(weight)
        if weight is None or grad is None:  # there is none, or it is frozen
            if which == "dW":
                step.dW = None
            else:
                step.db = None
            continue
        theirs = _host(grad).T if which == "dW" else _host(grad)
        if weight.regularizer is not None:
            step.penalty = True
            slope_of_penalty = _host(dualnet.grad(weight.regularizer)(dualnet.Tensor(weight.data)))
            if which == "dW":
                step.dW = step.dW + slope_of_penalty.T
            else:
                step.db = step.db + slope_of_penalty
        checker.compare(f"{which}{number}", step.dW if which == "dW" else step.db, theirs)


# -- update --------------------------------------------------------------------------------------------------------


def _update(model: Any, done: TrainingPass, steps: list[LayerStep], checker: _Checker) -> tuple[str, str]:
    """Let the optimizer do its step. Returns its name with the rate, and its rule, if it has a formula here; then it is checked."""
    optimizer = model.optimizer
    rate = float(optimizer.learning_rate)
    number = int(optimizer.iterations) + 1
    variables = [v for v in model.trainable_variables if done.gradient(v) is not None]
    before = [(v, _host(v)) for v in variables]
    grads = [dualnet.Tensor(done.gradient(v)) for v in variables]
    rule = formulas.update_rule(optimizer, rate, number)
    optimizer.ensure_built(model.trainable_variables)
    optimizer.apply([dualnet.Tensor(g.data.copy()) for g in grads], variables)
    by_id = {}
    for (v, old), g in zip(before, grads):
        new = _host(v)
        by_id[id(v)] = (old, new)
        if rule is not None and v.constraint is None:
            checker.compare(
                f"update of {v.name}", old + rule.change(_host(g)), new, scale=float(np.abs(new - old).max(initial=0))
            )
    for step, call in zip(steps, done.calls):
        for v in call.layer.trainable_variables:
            if id(v) in by_id:
                old, new = by_id.pop(id(v))
                if step.is_dense:
                    is_kernel = v is call.layer.kernel
                    name = f"W{step.number}" if is_kernel else f"b{step.number}"
                    step.updates.append(Update(name, old.T if is_kernel else old, new.T if is_kernel else new))
                else:
                    step.updates.append(Update(v.name, old, new))
    which = "the first step" if number == 1 else f"step {number:,}"
    return f"{type(optimizer).__name__}, learning rate {rate:g}, {which}", "" if rule is None else rule.text
