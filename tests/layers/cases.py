"""What a row of the layer table is. The rows are in ``rows_*.py``, one file per family; new files are found automatically."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from dualnet import layers
from tests.ops.cases import B, F, I, Sample, draw

__all__ = ["B", "Case", "F", "I", "Inside", "case", "drawn"]


@dataclass(frozen=True)
class Case:
    """A layer, the keywords to make it with, and what to call it on.

    inputs: one specification (``F``, ``I``, ``B`` of tests/ops/cases.py) calls the layer on a tensor, several on a list, or
    each as an argument if they are ``separate``.
    call: keywords of the call, which may be specifications too. masks: the masks that come with the inputs. keras,
    gradient, strict: why the row is not compared with Keras, has no gradient to compare, or does not run on the strict
    device; "" when it does.
    """

    layer: str
    inputs: tuple[Any, ...]
    kwargs: dict[str, Any]
    call: dict[str, Any]
    masks: tuple[Any, ...] = ()
    keras: str = ""
    gradient: str = ""
    strict: str = ""
    rtol: float = 2e-5
    atol: float = 1e-5
    separate: bool = False

    def __str__(self) -> str:
        options = [f"{k}={getattr(v, '__name__', v)}" for k, v in {**self.kwargs, **self.call}.items()]
        shapes = [str(getattr(x, "shape", x)).replace(" ", "") for x in self.inputs]
        return "-".join([self.layer, *shapes, *options, *(["masked"] if self.masks else [])]).replace(" ", "")

    def called(self, **call: Any) -> Case:
        """The same layer, called with keywords."""
        return replace(self, call=call)

    def masked(self, *masks: Any) -> Case:
        """The same layer, called on inputs that carry masks (None: that one has none)."""
        return replace(self, masks=masks)

    def arguments(self, inputs: Any) -> tuple[Any, ...]:
        """What a method of the layer is given for these inputs, or for something about each of them."""
        return tuple(inputs) if self.separate or len(inputs) == 1 else (list(inputs),)

    def but(self, **fields: Any) -> Case:
        """The same row with other tolerances, or with a reason why something does not hold."""
        return replace(self, **fields)


@dataclass(frozen=True)
class Inside:
    """A layer that another one wraps: made anew for every use of the row, of the module that the row is made of.

    An option may itself be one, or a list of them.
    """

    layer: str
    options: tuple[tuple[str, Any], ...]

    def make(self, module: Any = layers) -> Any:
        return getattr(module, self.layer)(**{name: made(value, module) for name, value in self.options})


def made(value: Any, module: Any = layers) -> Any:
    """A keyword of a layer: a layer in the place of an ``Inside``, lists with such layers in them, other values as they are."""
    if isinstance(value, Inside):
        return value.make(module)
    return [made(v, module) for v in value] if isinstance(value, list) else value


def inside(layer: str, /, **options: Any) -> Inside:
    """A layer that another one wraps."""
    return Inside(layer, tuple(options.items()))


def case(layer: str, /, *inputs: Any, **kwargs: Any) -> Case:
    """A layer made with ``kwargs`` and called on ``inputs``."""
    return Case(layer, inputs, kwargs, {})


def drawn(row: Case, specs: tuple[Any, ...], what: str) -> tuple[Any, ...]:
    """The NumPy arrays of specifications, or of lists of them, the same ones every time; floating point ones in float32."""

    def narrow(x: Any, spec: Any) -> Any:
        if isinstance(spec, list):
            return list(drawn(row, tuple(spec), f"{what}/list"))
        return x.astype("float32") if getattr(getattr(x, "dtype", None), "kind", "") == "f" else x

    return tuple(map(narrow, draw(Sample(specs, {}), f"{row}/{what}"), specs))
