"""What a traced forward pass is made of: calls of ops, and the values between them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from .recorder import Reference, in_layer, references
from .sizes import Size, SizeTable

__all__ = ["Body", "Call", "Fill", "ForwardTrace", "Numbers", "Range", "Reference", "Size", "Value", "references"]


class Fill(NamedTuple):
    """A constant whose shape depends on sizes, and whose elements are all equal."""

    value: Any


class Numbers(NamedTuple):
    """The elements of a small constant, some of which are a ``Size``."""

    elements: tuple[Any, ...]


class Range(NamedTuple):
    """A constant of one axis, as long as a size says: start, start + step, ..."""

    start: Any
    step: Any


@dataclass(slots=True)
class Value:
    """A tensor of the forward pass.

    Attributes:
        kind: "input", "constant" (weights among them), "number" (of Python, or None), "result", or "step" for what a step of a loop
            starts from.
        shape: with a ``Size`` where it depends on those of the inputs.
        dtype: its name; "" for a number.
        data: of a constant a NumPy array, a ``Fill``, a ``Range`` or ``Numbers``; of a number the number, which may be a ``Size``.
        name: of an input, and of a constant that is a weight.
    """

    kind: str
    shape: tuple[Any, ...]
    dtype: str
    data: Any = None
    name: str = ""


@dataclass(slots=True)
class Body:
    """One step of a loop: the calls that lead from the values ``inputs`` to the values ``outputs``."""

    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    calls: list[Call]


@dataclass(slots=True)
class Call:
    """``outputs = function(context, *inputs, *args, **options)``, or a call of a layer that computes on the host.

    Attributes:
        function: the op's array code, or the layer.
        name: the name of the op, "" for a layer.
        context: the array module, or the backend; None for a layer.
        inputs, outputs: numbers of values; several outputs in a tuple only if ``function`` returns one.
        args, options: what is no tensor, with a ``Size`` in the place of numbers that are not known, and a ``Reference`` in that of
            tensors.
        layer: the layer in which the op runs, or None.
        body: of the loop of a recurrent layer (``name`` is "run_steps") what one step does.
    """

    function: Any
    name: str
    context: Any
    inputs: tuple[int, ...]
    args: tuple[Any, ...]
    options: dict[str, Any]
    outputs: tuple[int, ...]
    layer: Any
    body: Body | None = None

    @property
    def where(self) -> str:
        """The layer and the op, for messages."""
        what = type(self.function).__name__ if not self.name else f"the op {self.name.lstrip('_')!r}"
        return f"{in_layer(self.layer)}{what}" if self.name else in_layer(self.layer).rstrip(": ")


@dataclass
class ForwardTrace:
    """What a model computes.

    Attributes:
        values: all tensors; inputs and outputs of calls are indices into it.
        calls: in the order they ran; only those that the outputs need.
        inputs: the number of each input, by its name.
        outputs: the number of each output, by its name.
        sizes: how a ``Size`` follows from the shapes of values.
    """

    values: list[Value]
    calls: list[Call]
    inputs: dict[str, int]
    outputs: dict[str, int]
    sizes: SizeTable = field(default_factory=SizeTable)
