"""What a traced forward pass is made of: calls of ops, and the numbers of the values between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple


class Reference(NamedTuple):
    """A value among the arguments of a call, by its number."""

    number: int


@dataclass(eq=False, slots=True)
class Call:
    """A call of an op; or of a layer that computes on the host, or of the loop of a recurrent layer.

    Attributes:
        name: the name of the op; of a layer its class, of a loop "run_steps".
        arguments: by the names of the op's parameters, without those left at their defaults: ``Reference`` in the place of tensors, and,
            where passes were merged, ``Size`` in that of numbers that depend on sizes. Of a layer: ``inputs`` and ``layer``.
        outputs: numbers of values.
        layers: those being called, the outermost first.
        function: the op's array code; None for what is no op.
        body: of a loop what one step does.
    """

    name: str
    arguments: dict[str, Any]
    outputs: tuple[int, ...]
    layers: tuple[Any, ...]
    function: Any = None
    body: Body | None = None

    @property
    def op(self) -> str:
        """The name of the op as a user knows it."""
        return self.name.strip("_").removesuffix("_op")

    @property
    def inputs(self) -> list[int]:
        """The values that it is called with."""
        return references(self.arguments)

    @property
    def where(self) -> str:
        """The layer and the op, for messages."""
        is_layer = self.function is None and self.body is None
        return described(self.layers) if is_layer else f"{in_layer(self.layers)}the op {self.name.lstrip('_')!r}"


@dataclass(eq=False, slots=True)
class Body:
    """One step of a loop: the calls that lead from the values ``inputs`` to the values ``outputs``."""

    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    calls: list[Call] = field(default_factory=list)


def described(layers: Sequence[Any]) -> str:
    """The innermost of the layers being called, for a message."""
    *_, layer = layers
    return f"{'model' if len(layers) == 1 else 'layer'} {layer.name!r} ({type(layer).__name__})"


def in_layer(layers: Sequence[Any]) -> str:
    """The beginning of a message about what happens in a layer."""
    return f"{described(layers)}: " if layers else ""


def references(value: Any) -> list[int]:
    """The numbers of all values that arguments refer to."""
    if isinstance(value, Reference):
        return [value.number]
    if isinstance(value, slice):
        return references([value.start, value.stop, value.step])
    if isinstance(value, dict):
        return references(list(value.values()))
    if isinstance(value, (list, tuple)):
        return [n for part in value for n in references(part)]
    return []
