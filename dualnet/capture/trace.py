"""A step as data: the op calls of its forward pass, and the VJP calls of its reverse pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import dualnet_backends as backends

from .. import tree
from ..core.tensor import Array, Origin, Tensor
from ..core.variables import Variable


class Draw(NamedTuple):
    """The random numbers of an op: ``generator.next()`` gives the key and the step that stand at ``position`` in its ``static_args``."""

    generator: Any
    position: int


class OpCall(NamedTuple):
    """A call of an op: ``function(context, *inputs, *static_args, **options)``.

    Values are numbered in the order they appear; ``inputs`` and ``outputs`` are such numbers. In ``static_args`` and ``options`` a
    variable stands for its array, which the op changes in place: these are listed in ``mutates`` too.
    """

    function: Callable[..., Any]
    context: Any  # the array module, or the backend
    backend: backends.Backend
    inputs: tuple[int, ...]
    static_args: tuple[Any, ...]
    options: dict[str, Any]
    outputs: int | tuple[int, ...]
    draw: Draw | None
    mutates: tuple[Variable, ...]


class VjpCall(NamedTuple):
    """A call of the closure that an op returned: gradients of its outputs in, gradients of its inputs out.

    Gradients are numbered in the order the reverse pass meets them; number 0 is that of the loss. ``requests`` is what a closure
    that writes in place has to compute, as ``primitive`` documents; a variable stands for its gradient buffer.
    """

    op: int  # the number of the op call
    out_grads: int | tuple[int, ...]  # -1: there is none, and the closure gets zeros
    in_grads: tuple[int, ...]  # -1: not requested, or there is none
    requests: list[Any] | None


Effects = Sequence[tuple[Callable[..., None], Sequence[Tensor]]]  # functions that a step calls, and with which tensors


class OutputPlan:
    """Which values a step returns, and how they become its output and its loss; ``effects``: what else is done with values.

    needs_output: whether anything reads the output. If not, it is None, and ops that serve it alone are left out, such as the
    softmax before a cross-entropy, which is computed from the logits.
    """

    def __init__(
        self, numbers: dict[int, int], y_pred: Any, loss: Tensor | None, needs_output: bool, effects: Effects = ()
    ) -> None:
        leaves = tree.flatten(y_pred) if needs_output else []
        self._count = len(leaves)
        self._structure = tree.map_structure(lambda y: numbers[id(y.data)], y_pred) if needs_output else None
        attached = [(i, *pair) for i, y in enumerate(leaves) for pair in side_outputs(y).items()]
        self._attached = [(i, name) for i, name, _ in attached]
        self._has_loss = loss is not None
        tensors = [*leaves, *(t for _, _, t in attached)]
        self._effects: list[tuple[Callable[..., None], slice]] = []
        for function, arguments in effects:
            self._effects.append((function, slice(len(tensors), len(tensors) + len(arguments))))
            tensors += arguments
        tensors += [] if loss is None else [loss]
        self.values = [numbers[id(t.data)] for t in tensors]

    def unflatten(self, values: Sequence[Array]) -> tuple[Any, Any]:
        """(output, loss) as tensors, from the arrays of ``values``; the output with its masks and logits."""
        loss = Tensor(values[-1]) if self._has_loss else None
        if self._structure is None:
            return None, loss
        tensors = [Tensor(v) for v in values[: self._count]]
        for (i, name), value in zip(self._attached, values[self._count :]):
            if name == "mask":
                tensors[i]._keras_mask = Tensor(value)
            else:
                tensors[i].origin = Origin(name, Tensor(value))
        single = type(self._structure) is int
        return (tensors[0] if single else tree.pack_sequence_as(self._structure, tensors)), loss

    def run_effects(self, values: Sequence[Array]) -> None:
        """Call the functions that the step calls at the end of its forward pass, with the arrays of ``values``."""
        for function, arguments in self._effects:
            function(*map(Tensor, values[arguments]))


class Trace:
    """One step as data: what an executor needs to run it again on another batch."""

    outputs: OutputPlan

    def __init__(self, inputs: Sequence[Tensor]) -> None:
        self.inputs = len(inputs)  # of the batch: the first values
        self.values: list[Any] = [t.data for t in inputs]  # of the traced step
        self.variables: dict[int, Variable] = {}  # the values that are variables
        self.calls: list[OpCall] = []
        self.vjp_calls: list[VjpCall] = []
        self.grad_types: list[tuple[Any, type]] = []  # dtype and array type of each gradient
        self.layers_with_losses: list[Any] = []  # those on which add_loss was called
        self.grad_variables: dict[int, Variable] = {}  # the variables among the tensors that have a gradient

    @property
    def draws(self) -> list[Draw]:
        """The random numbers of a step, in the order of the ops."""
        return [call.draw for call in self.calls if call.draw is not None]


def side_outputs(y: Any) -> dict[str, Tensor]:
    """The tensors that a tensor carries for losses and metrics: its mask, and under the name of an activation its logits."""
    attached = {}
    if isinstance(mask := getattr(y, "_keras_mask", None), Tensor):
        attached["mask"] = mask
    if (origin := getattr(y, "origin", None)) is not None:
        attached[origin.activation] = origin.logits
    return attached


def as_tuple(x: int | tuple[int, ...]) -> tuple[int, ...]:
    return x if type(x) is tuple else (x,)  # type: ignore[return-value]
