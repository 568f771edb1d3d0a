"""``[[model.layers]]`` as a graph: which layer takes the output of which, and what is wrong with it.

A layer without ``inputs`` takes the output of the layer above it, so that a plain chain needs no names. ``use = "NAME"`` in the place
of ``class`` calls a layer once more, with the same weights. A layer takes outputs of layers above it alone: the file is
read from top to bottom, and there can be no cycle. Decision 0041.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .errors import KeyPath, Problem, did_you_mean, listing, show

WHERE: KeyPath = ("model", "layers")
INPUT, APPLICATION = "input", "application"  # what the only input, and [model] application, are called
_GRAPH_KEYS = ("inputs", "use")
_NAME = re.compile(r"[A-Za-z0-9][\w.-]*")
_REFERENCE = re.compile(r"(.*?)(?:\[(\d+)\])?", re.DOTALL)
_SPELLINGS = '"NAME", ["NAME", "NAME"], or a table with an argument of the layer for each'


@dataclass(frozen=True)
class Reference:
    """The output of a layer, or of an input.

    source: the number of the table in ``[[model.layers]]``, or the name of an input. index: of a layer with several outputs, which.
    """

    source: int | str
    index: int | None = None


@dataclass(frozen=True)
class Call:
    """A layer, called.

    number: of its table. layer: the number of the table that makes the layer, or ``APPLICATION``.
    inputs: a reference, a list of them, or a table of them by argument.
    """

    number: int
    layer: int | str
    inputs: Any


def loss_by_output(loss: Any) -> bool:
    """Whether a loss of ``[compile]`` is a table of losses, each by the name of its output."""
    return isinstance(loss, dict) and "class" not in loss


def is_graph(layers: list[dict[str, Any]], inputs: Any, loss: Any) -> bool:
    """Whether the layers are more than a chain."""
    return bool(inputs) or loss_by_output(loss) or any(key in table for table in layers for key in _GRAPH_KEYS)


def layer_spec(table: dict[str, Any]) -> dict[str, Any]:
    """The table of a layer without what it says of the graph."""
    return {key: value for key, value in table.items() if key != "inputs"}


def references(inputs: Any) -> Iterator[Reference]:
    """All references of a call."""
    values = inputs.values() if isinstance(inputs, dict) else inputs if isinstance(inputs, list) else [inputs]
    for value in values:
        if isinstance(value, Reference):
            yield value
        else:
            yield from references(value)


class Graph:
    """The calls of a model, with every mistake in ``problems``.

    layers: the tables of ``[[model.layers]]``. inputs: the names of the inputs. application: whether there is one; it takes the first input.
    outputs: the names of the outputs, or None where the last layer is the output.
    """

    def __init__(
        self, layers: list[dict[str, Any]], inputs: list[str], application: bool, outputs: list[str] | None
    ) -> None:
        self.problems: list[Problem] = []
        self.calls: list[Call] = []
        self._layers, self._inputs, self._application = layers, inputs, application
        self._numbers: dict[str, int] = {}
        self._later = {table["name"]: n for n, table in enumerate(layers) if isinstance(table.get("name"), str)}
        for number, table in enumerate(layers):
            self._add(number, table)
        self.outputs = self._find_outputs(outputs)
        self._check_unused()

    @property
    def names(self) -> list[str]:
        """The names that a layer can take as its input."""
        return [*self._inputs, *([APPLICATION] if self._application else []), *self._numbers]

    def _note(self, number: int, key: str, message: str) -> None:
        self.problems.append(Problem((*WHERE, number, key) if key else (*WHERE, number), message))

    def _add(self, number: int, table: dict[str, Any]) -> None:
        layer: int | str = number
        if "use" in table:
            layer = self._used_layer(number, table)
        elif table.get("class") in ("Input", "InputLayer"):
            self._note(number, "class", "the inputs of a graph are known from the data, or are [[model.inputs]]")
        inputs = self._parse(number, table["inputs"]) if "inputs" in table else self._above(number)
        self.calls.append(Call(number, layer, inputs))
        name = table.get("name")
        if name is None:
            return
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            self._note(number, "name", f"expected letters, digits, _ . and -, got {show(name)}")
        elif name in self.names:
            what = "an input" if name in self._inputs else "another layer"
            what = "the application of [model]" if name == APPLICATION and self._application else what
            self._note(number, "name", f"{show(name)} is the name of {what} already")
        else:
            self._numbers[name] = number

    def _used_layer(self, number: int, table: dict[str, Any]) -> int | str:
        for key in table:
            if key == "class":
                self._note(
                    number, key, "use is given too; use calls a layer that is there already, class makes a new one"
                )
            elif key not in ("use", "name", "inputs"):
                self._note(number, key, "the layer is that of use, with its arguments; leave this out")
        name = table["use"]
        if name == APPLICATION and self._application:
            return APPLICATION
        if isinstance(name, str) and name in self._numbers:
            used = self._layers[self._numbers[name]]
            if "use" not in used:
                return self._numbers[name]
            self._note(number, "use", f"{show(name)} is a call itself; name its layer: use = {show(used['use'])}")
        elif isinstance(name, str) and name in self._inputs:
            self._note(number, "use", f"{show(name)} is an input; take it with inputs = {show(name)}")
        elif isinstance(name, str):
            self._note(number, "use", self._unknown(name, number))
        else:
            self._note(number, "use", f"expected the name of a layer above, got {show(name)}")
        return number

    def _above(self, number: int) -> Any:
        """What a layer without ``inputs`` takes."""
        if number:
            return Reference(number - 1)
        if self._application:
            return Reference(APPLICATION)
        if len(self._inputs) > 1:
            self._note(number, "", f"say which input it takes: inputs = {show(self._inputs[0])}, or a list of them")
        return Reference(self._inputs[0])

    def _parse(self, number: int, value: Any, *keys: str | int) -> Any:
        """References from the value of ``inputs``, or from a part of it at ``keys``."""
        if isinstance(value, str):
            return self._reference(number, value, keys)
        if isinstance(value, list) and value:
            return [self._parse(number, v, *keys, i) for i, v in enumerate(value)]
        if isinstance(value, dict) and value and not keys:
            return {key: self._parse(number, v, key) for key, v in value.items()}
        self._note(number, "inputs", f"expected {_SPELLINGS}, got {show(value)}")
        return Reference(self._inputs[0])

    def _reference(self, number: int, text: str, keys: tuple[str | int, ...]) -> Reference:
        match = _REFERENCE.fullmatch(text)
        assert match is not None
        name, index = text, None
        if text not in self.names and match[2] is not None:
            name, index = match[1], int(match[2])
        if name in self._numbers:
            return Reference(self._numbers[name], index)
        if name in self._inputs or (name == APPLICATION and self._application):
            return Reference(name, index)
        self.problems.append(Problem((*WHERE, number, "inputs", *keys), self._unknown(name, number)))
        return Reference(self._inputs[0])

    def _unknown(self, name: str, number: int) -> str:
        later = self._later.get(name)
        if later == number:
            return f"{show(name)} is this layer itself; a layer cannot take its own output"
        if later is not None and later > number:
            own = self._layers[number].get("name")
            if own is not None and show(own) in show(self._layers[later].get("inputs", ""), 1000):
                return f"{show(name)} takes the output of {show(own)}, so this would be a cycle"
            return f"{show(name)} stands further down; a layer takes outputs of layers above it, so move it up"
        known = did_you_mean(name, self.names) or f"; above it there are: {listing(self.names, 20)}"
        return f"no input, and no layer above, is called {show(name)}{known}"

    def _find_outputs(self, names: list[str] | None) -> dict[str, Reference]:
        """The outputs by name. Without names there is one, that of the last layer."""
        if names is None:
            return {"": Reference(len(self._layers) - 1)}
        outputs: dict[str, Reference] = {}
        if not names:
            message = 'expected a loss, or a table with the loss of each output: { NAME = "mse" }'
            self.problems.append(Problem(("compile", "loss"), message))
        for name in names:
            if name in self._numbers:
                outputs[name] = Reference(self._numbers[name])
                continue
            if name in self._inputs or (name == APPLICATION and self._application):
                message = f"{show(name)} is an input" if name in self._inputs else "give the application a head"
                message += "; a loss is of the output of a layer"
            else:
                named = listing(self._numbers, 20) or "none; the name of an output is that of its layer"
                message = f"no layer is called {show(name)}"
                message += did_you_mean(name, [*self._numbers, "class"]) or f"; layers with a name: {named}"
            self.problems.append(Problem(("compile", "loss", name), message))
        return outputs

    def _check_unused(self) -> None:
        """Note layers and inputs that lead to no output."""
        taken = {reference.source for reference in self.outputs.values()}
        for call in reversed(self.calls):
            taken |= {reference.source for reference in references(call.inputs)}
        if self._application and APPLICATION in taken:
            taken.add(self._inputs[0])
        elif self._application and not any(call.layer == APPLICATION for call in self.calls):
            self.problems.append(Problem(("model", APPLICATION), 'no layer takes its output: inputs = "application"'))
        unnamed = [call.number for call in self.calls if call.number not in taken]
        if self.problems and unnamed:
            return  # what is wrong there may be why
        for number in unnamed:
            hint = "" if "name" in self._layers[number] else " (a layer takes it by its name, or stands right below)"
            self._note(number, "", f"no layer takes its output{hint}, and no loss of [compile] names it")
        for number, name in enumerate(self._inputs):
            if name not in taken and not self.problems:
                where: KeyPath = ("model", "inputs", number) if self._inputs != [INPUT] else ("model", "layers", 0)
                self.problems.append(Problem(where, f"no layer takes the input {show(name)}"))
