"""The statements of ``predict``: every call of a recording as a line of NumPy, which is run as soon as it is written.

So an op is known to give the numbers of the model, to the dtype, before anything is on the disk: a line that does not is refused with the
name of its layer.
"""

from __future__ import annotations

import builtins
import keyword
import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ...layers.base.layer import Layer
from ..errors import ExportError
from ..program import Call, Reference, described
from ..sizes import Size
from ..trace import Trace
from .constants import RESULT, Weights, literal, on_host, printable
from .expressions import ATOM, EXPRESSIONS, INLINE, PRECEDENCE
from .helpers import helpers, needed
from .sizes import expression
from .statements import RULES
from .text import RULES as TEXT_RULES

GENERIC = ("x", "y", "z")  # names of values that have no better one
TELLING = {"query", "key", "value"}  # names of layers that name their output well
# Names that mean something else in a program.
RESERVED = set(
    "np sys math string W INPUTS OUTPUTS predict main step parts batch steps height width size inputs output".split()
)
RESERVED |= {*dir(builtins), *keyword.kwlist}
TOLERANCE = {"float16": 2e-2, "float32": 2e-4, "float64": 1e-9, "complex64": 2e-4}
MOST_TARGETS = 6  # of an assignment
LONGEST = 72  # characters of an expression that is made of several ops
LETTERS = "u v w a b d e f g i j k l m n o p q r s t".split()  # names of values inside a layer that have no other


class Writer:
    """Writes the body of ``predict``.

    Args:
        trace: of the model; the lines are checked on the values of its first pass.
        calls: those of the trace that are to be written.
        dimensions: the sizes that differ: what each is called, and its value in every pass.
        inputs: the names of the inputs.
    """

    def __init__(
        self,
        trace: Trace,
        calls: Sequence[Call],
        dimensions: dict[str, tuple[int, ...]],
        inputs: Sequence[str],
    ) -> None:
        self.trace = trace
        self.values = trace.passes[0].values
        self.dimensions = dimensions
        self.weights = Weights(trace)
        self.lines: list[str] = []
        self.helpers: set[str] = set()
        self.used_dimensions: set[str] = set()
        self._scope: dict[str, Any] = {"np": np, "W": self.weights.arrays}
        self._scope |= {name: helper.function for name, helper in helpers().items()}
        self._names: dict[int, str] = {}
        self._inlined: dict[
            int, tuple[str, int]
        ] = {}  # expressions of values that have no line of their own, and how strongly they bind
        self._fixed: set[int] = set()  # values whose names stay, as a function uses them from outside
        self._named_by: dict[int, set[int]] = {}  # the values that such an expression names
        self._indent = "    "
        self._last_step: set[int] = set()  # calls (by id) whose first output is that of the last step alone
        self._heading: list[str] = []  # the comment on the layer that the next statement belongs to
        self._prelude: list[str] = []  # lines that a statement needs before it
        for i, name in enumerate(inputs):
            self._names[i] = name
            self._scope[name] = self._array(i)
        for name, sizes in dimensions.items():
            self._scope[name] = sizes[0]
        self._outputs = flat(trace.outputs)
        self._write(list(calls), set(self._outputs))

    def returned(self) -> Any:
        """The names of the outputs, in their structure."""
        return _mapped(self.trace.outputs, lambda n: self.source(Reference(n), None))

    # -- for the rules -----------------------------------------------------------------------------------------------

    def arg(self, call: Call, name: str) -> str:
        """An argument of a call as source code."""
        return self.source(call.arguments[name], call)

    def source(self, value: Any, call: Call | None) -> str:
        """A value as source code."""
        if isinstance(value, Reference):
            return self._value(value.number, call)
        if isinstance(value, Size):
            return self._size(value.samples, call)
        if isinstance(value, list):
            return f"[{', '.join(self.source(v, call) for v in value)}]"
        if isinstance(value, tuple):
            parts = [self.source(v, call) for v in value]
            return f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"
        if isinstance(value, (bool, int, float, str, type(None))):
            return literal(value)
        if isinstance(value, type) or "DType" in type(value).__name__:
            return f'"{np.dtype(value)}"'
        return self.refuse(call, f"an argument of the type {type(value).__name__}")

    def shapes(self, ref: Any) -> list[tuple[int, ...]]:
        """The shape of a value in each recording."""
        return [p.values[ref.number].shape for p in self.trace.passes] if isinstance(ref, Reference) else [()]

    def dtype(self, ref: Any) -> str:
        return str(self._array(ref.number).dtype) if isinstance(ref, Reference) else type(ref).__name__

    def is_number(self, ref: Reference) -> bool:
        """Whether a value is a number that is the same, or known, before there is any input."""
        return self.values[ref.number].kind == "constant" and self.shapes(ref)[0] == ()

    def stored(self, call: Call, name: str, array: Any) -> str:
        """An array that belongs to a layer, kept with the weights."""
        return self.weights.add(_path(call.layers), name, array)

    def only_last_step(self, call: Call) -> None:
        """The first output of a loop is what the last step shows, not all of them."""
        self._last_step.add(id(call))

    def refuse(self, call: Call | None, reason: str) -> Any:
        where = "the model" if call is None else f"{described(call.layers)}: the op {call.op!r}"
        raise ExportError(f"{where} cannot be written as a NumPy program: {reason}")

    def function(self, name: str, call: Call) -> str:
        """The body of a loop as a function inside ``predict``; its name."""
        body = call.body
        assert body is not None
        if any(line.lstrip().startswith(f"def {name}(") for line in self.lines):
            name = f"{name}_{call.outputs[0]}"
        names, lines, indent, heading = self._names, self.lines, self._indent, self._heading
        inside = {n for c in body.calls for n in c.outputs} | set(body.inputs)
        outside = {n for c in body.calls for n in _used(c)} - inside
        self._names = {n: name for n, name in names.items() if n in outside}  # those that it may not take for its own
        self._fixed = set(self._names)
        free = [n for n in ("x", "h", "c", "h2", "c2", "h3", "c3") if n not in self._names.values()]
        free += [f"s{i}" for i in range(len(body.inputs))]
        self.lines, self._indent = [], indent + "    "
        for number in body.inputs:
            self._names[number] = free.pop(0)
            self._scope[self._names[number]] = self._array(number)
        parameters = ", ".join(self._names[n] for n in body.inputs)
        self._write(body.calls, set(body.outputs))
        returned = ", ".join(self.source(Reference(n), call) for n in body.outputs)
        inner = [
            f"{indent}def {name}({parameters}):",
            *_without_blank_start(self.lines),
            f"{self._indent}return {returned}",
        ]
        self.lines, self._indent, self._names, self._fixed, self._heading = lines, indent, names, set(), heading
        self._prelude += ["", *inner, ""]
        exec("\n".join(line.removeprefix(indent) for line in inner), self._scope)
        for number, known in names.items():  # names that the body took for its own values
            self._scope[known] = self._array(number)
        return name

    # -- values ------------------------------------------------------------------------------------------------------

    def _array(self, number: int) -> Any:
        """A value of the first recording, on the host."""
        return on_host(self.values[number].array)

    def _value(self, number: int, call: Call | None) -> str:
        if number in self._names:
            return self._names[number]
        if number in self._inlined:
            return self._inlined[number][0]
        value = self.values[number]
        if value.kind == "variable":
            return self.weights.variable(number)
        if value.kind == "constant":
            text = self.weights.constant(number, _path(value.source), self._known(call))
            if text is None:
                return self.refuse(
                    call,
                    "an array that is made outside of the ops (with NumPy, or at random), and is not the same for every input",
                )
            self._note_dimensions(text)
            return text
        return self.refuse(call, "a value that comes from no op")

    def _known(self, call: Call | None) -> list[tuple[str, tuple[int, ...]]]:
        """The sizes that an expression may name: of the inputs of the call, then of the model."""
        known = []
        for number in call.inputs if call is not None else []:
            if number not in self._names:
                continue
            for axis, sizes in enumerate(zip(*self.shapes(Reference(number)))):
                if len(set(sizes)) > 1:
                    name = self._names[number]
                    known.append((f"len({name})" if axis == 0 else f"{name}.shape[{axis}]", tuple(sizes)))
        return known + list(self.dimensions.items())

    def _size(self, values: tuple[Any, ...], call: Call | None) -> str:
        text = expression(values, self._known(call))
        if text is None:
            return self.refuse(call, f"a number that depends on the size of the input in an unknown manner {values}")
        self._note_dimensions(text)
        return text

    def _note_dimensions(self, text: str) -> None:
        self.used_dimensions |= set(re.findall(r"\w+", text)) & self.dimensions.keys()

    # -- statements --------------------------------------------------------------------------------------------------

    def _write(self, calls: list[Call], returned: set[int]) -> None:
        calls = _needed(calls, returned)
        last_use = {n: i for i, call in enumerate(calls) for n in _used(call)}
        last_use |= dict.fromkeys(returned, len(calls))
        consumers = _single_uses(calls, returned)
        path: tuple[Layer, ...] | None = None
        for i, call in enumerate(calls):
            if call.layers != path:
                path = call.layers
                self._comment(calls[i:], path)
            if i in consumers and self._inline(call, calls[consumers[i]]):
                named = set().union(*(self._named_by.get(n, {n}) for n in _used(call)))
                self._named_by[call.outputs[0]] = named
                for n in named & last_use.keys():  # what it names is there until it is computed
                    last_use[n] = max(last_use[n], consumers[i])
                continue
            is_last = i + 1 == len(calls) or calls[i + 1].layers != path
            self._statement(call, i, last_use, is_last)
            for n in {*_used(call), *call.outputs, *(n for n in self._names if n in last_use)}:
                if last_use.get(n, -1) <= i and n not in self._fixed:
                    self._names.pop(n, None)

    def _inline(self, call: Call, consumer: Call) -> bool:
        """Keep a value as an expression for the call that uses it, if that reads well and has the dtype of the model."""
        if call.op not in INLINE or (call.op == "get_item" and call.arguments["x"].number in self._names):
            return False
        if (
            any(isinstance(v, Reference) and v.number in self._inlined for v in call.arguments.values())
            and call.op == "get_item"
        ):
            return False
        (text,) = self._expressions(call)
        strength = PRECEDENCE.get(call.op, ATOM)
        if len(text) > LONGEST or (strength != ATOM and consumer.op not in PRECEDENCE and consumer.op not in INLINE):
            return False
        with np.errstate(all="ignore"):
            value, expected = np.asarray(eval(text, self._scope)), self._array(call.outputs[0])
        tolerance = TOLERANCE.get(str(expected.dtype), 0)
        if value.dtype != expected.dtype or not np.allclose(value, expected, tolerance, tolerance, equal_nan=True):
            return False
        self._inlined[call.outputs[0]] = (text, strength)
        return True

    def _comment(self, calls: Sequence[Call], path: tuple[Layer, ...]) -> None:
        """A line that says which layer the next statements are from, with the shapes of its input and output."""
        self._heading = [""] if self.lines and self.lines[-1] else []
        if len(path) < 2:
            return
        same = []
        for call in calls:
            if call.layers != path:
                break
            same.append(call)
        sources = [n for call in same for n in call.inputs if n in self._names]
        results = [n for call in same for n in call.outputs[:1] if self._array(n).dtype != bool]
        shape = f": {self._shape(sources[0])} -> {self._shape(results[-1])}" if sources and results else ""
        self._heading = ["", f"{self._indent}# {_path(path)}{shape}"]

    def _head(self) -> None:
        """Write the comment on the layer before its first statement; a layer that does nothing at inference has none."""
        self.lines += self._heading
        self._heading = []

    def _shape(self, number: int) -> str:
        parts = []
        for sizes in zip(*self.shapes(Reference(number))):
            text = str(sizes[0]) if len(set(sizes)) == 1 else expression(sizes, list(self.dimensions.items()))
            parts.append(text if text is not None and not re.search("[-+]", text) else "any")
        return f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"

    def _statement(self, call: Call, i: int, last_use: dict[int, int], is_last: bool) -> None:
        self._prelude = []
        expressions = self._expressions(call)
        if self._prelude:
            self._head()
            self.lines += self._prelude
        wanted = [n for n in call.outputs if n in last_use]
        targets = [self._target(call, n, i, last_use, is_last) if n in last_use else "_" for n in call.outputs]
        if id(call) in self._last_step and call.op != "run_steps" and call.arguments.get("mask") is None:
            if call.outputs[1] not in last_use:  # the state after the last step is what that step shows
                targets[:2] = targets[1::-1]
                self._last_step.discard(id(call))
        main = next(t for t in targets if t != "_")
        for k, text in enumerate(expressions):
            text = text.replace(RESULT, main)
            is_last = k == len(expressions) - 1
            if is_last and len(call.outputs) > MOST_TARGETS:
                self._assign(call, "parts", text)
                for position, (n, target) in enumerate(zip(call.outputs, targets)):
                    if n in last_use:
                        self._assign(call, target, f"parts[{position}]")
            else:
                self._assign(call, ", ".join(targets) if is_last else main, text)
        if id(call) in self._last_step and targets[0] != "_":
            self._assign(call, targets[0], f"{targets[0]}[:, -1]")
        names = dict(zip(wanted, (t for t in targets if t != "_")))
        for n in wanted:
            self._check(call, n, names[n])

    def _expressions(self, call: Call) -> list[str]:
        if call.op in RULES:
            return RULES[call.op](self, call)
        if call.op in TEXT_RULES:
            return TEXT_RULES[call.op](self, call)
        if call.op in EXPRESSIONS:
            return [self._filled(EXPRESSIONS[call.op], call)]
        if call.op in helpers():
            return [self._helper_call(call)]
        return self.refuse(call, "there is no NumPy formula for this op here")

    def _filled(self, template: str, call: Call) -> str:
        operands = [v for v in call.arguments.values() if isinstance(v, Reference)]
        typed = all(v.number not in self._names and self.values[v.number].kind != "variable" for v in operands)

        def fill(match: re.Match[str]) -> str:
            name = match[2]
            value = call.arguments.get(name, _default(call.op, name))
            if match[1]:
                return ", ".join(self.source(v, call) for v in (value if isinstance(value, tuple) else (value,)))
            if name == "axis" and isinstance(value, tuple) and len(value) == 1:
                (value,) = value
            text = self.source(value, call)
            if typed and isinstance(value, Reference) and re.fullmatch(r"-?[\d.e+-]+", text):
                text = f"np.{self.dtype(value)}({text})"
            number = value.number if isinstance(value, Reference) else -1
            strength = self._inlined[number][1] if number in self._inlined else ATOM
            is_atom = re.fullmatch(r"-?[\w.]+", text) or (text.endswith((")", "]")) and _closes_at_end(text))
            if number not in self._inlined and not is_atom:
                strength = 0  # a number that is an expression of sizes
            if text.startswith("-"):
                strength = PRECEDENCE["negative"]
            return f"({text})" if strength < _required(call.op, template, match) else text

        text = re.sub(r"\{(\*?)(\w+)\}", fill, template).replace(", )", ",)")
        return re.sub(r", \w+=(None|False)(?=[,)])", "", text)

    def _helper_call(self, call: Call) -> str:
        import inspect

        parameters = inspect.signature(helpers()[call.op].function).parameters
        parts, by_name = [], False
        for name, value in call.arguments.items():
            if name not in parameters:
                if not isinstance(value, (Reference, Size)) and value in (None, False):
                    continue
                return self.refuse(call, f"its argument {name}={value!r}")
            default = parameters[name].default
            if not isinstance(value, (Reference, Size)) and (value is default or value == default):
                by_name = True
                continue
            text = self.source(value, call)
            by_name = by_name or not isinstance(value, Reference)
            parts.append(f"{name}={text}" if by_name and default is not parameters[name].empty else text)
        return f"{call.op}({', '.join(parts)})"

    def _assign(self, call: Call, target: str, text: str) -> None:
        text = _without_outer_parentheses(text)
        if target == text:
            return
        self.helpers |= set(needed(re.findall(r"\b[a-z_]\w*\b", text)))
        self._note_dimensions(text)
        self._head()
        self.lines.append(f"{self._indent}{target} = {text}")
        with np.errstate(all="ignore"):
            try:
                exec(f"{target} = {text}", self._scope)
            except Exception as error:
                self.refuse(call, f"the line {target + ' = ' + text!r} fails: {type(error).__name__}: {error}")

    def _check(self, call: Call, number: int, target: str) -> None:
        """Compare a value with that of the model, and give it the dtype it has there."""
        expected, actual = self._array(number), np.asarray(self._scope[target])
        if expected.dtype.kind == "O":
            if not np.array_equal(actual, expected):
                self.refuse(call, f"the line {self.lines[-1].strip()!r} gives other strings")
            return
        if actual.dtype != expected.dtype:
            self._cast(target, expected.dtype)
            actual = np.asarray(self._scope[target])
        scale = TOLERANCE.get(str(expected.dtype), 0)
        largest = np.max(np.abs(expected), where=np.isfinite(expected), initial=1) if expected.dtype.kind in "fc" else 1
        if actual.shape != expected.shape or not np.allclose(actual, expected, scale, scale * largest, equal_nan=True):
            self.refuse(
                call, f"the line {self.lines[-1].strip()!r} gives other numbers: {_difference(actual, expected)}"
            )
        self._scope[target] = expected  # so that the lines after are checked for themselves: rounding does not add up

    def _cast(self, target: str, dtype: Any) -> None:
        """Let the last statement end in a cast."""
        before, text = self.lines[-1].strip().split(" = ", 1)
        if before == target and re.fullmatch(r"[\w.]+\(.*\)|\w+", text) and _closes_at_end(text):
            self.lines[-1] = f'{self._indent}{target} = {text}.astype("{dtype}")'
        elif before == target:
            self.lines[-1] = f'{self._indent}{target} = ({text}).astype("{dtype}")'
        else:
            self.lines.append(f'{self._indent}{target} = {target}.astype("{dtype}")')
        self._scope[target] = np.asarray(self._scope[target]).astype(dtype)

    def _target(self, call: Call, number: int, i: int, last_use: dict[int, int], is_last: bool) -> str:
        """The name of a result, which it has from now on."""
        name = self._free_name(call, number, i, last_use, is_last)
        self._names[number] = name
        return name

    def _free_name(self, call: Call, number: int, i: int, last_use: dict[int, int], is_last: bool) -> str:
        """A telling name, that of a value it replaces, or a free one: of the layer, if it is what that returns."""
        layer = re.sub(r"\W", "_", call.layers[-1].name)
        dying = {n for n in _used(call) if last_use.get(n, -1) <= i and n not in call.outputs}
        taken = {name for n, name in self._names.items() if n not in dying}
        replaced = [self._names[n] for n in _used(call) if n in dying and n in self._names]
        preferred = [layer] if layer in TELLING else ["mask"] if self._array(number).dtype == bool else []
        if not preferred and call.op == "zeros_for_batch":
            preferred = ["h", "c"]
        letters = [] if is_last else LETTERS
        for name in (*preferred, "x", *(n for n in GENERIC if n in replaced), *GENERIC, *replaced, *letters):
            if name not in taken and (name in preferred or name not in {*TELLING, "mask", "h", "c"}):
                return name
        stem = layer if layer.isidentifier() and layer not in RESERVED and layer not in helpers() else f"{layer}_"
        stem = stem if stem.isidentifier() else f"value_{stem}"
        name, count = stem, 1
        while name in taken or name in RESERVED or name in helpers():
            count += 1
            name = f"{stem}_{count}"
        return name


def _required(op: str, template: str, match: re.Match[str]) -> int:
    """How strongly an argument must bind at its place in a template, not to need parentheses."""
    if template[match.end() :].startswith((".", "[")) or op == "power":
        return ATOM
    if op not in PRECEDENCE or "(" in template[: match.start()]:
        return 0
    return PRECEDENCE[op] + (match.start() > 0)


def _single_uses(calls: Sequence[Call], returned: set[int]) -> dict[int, int]:
    """The calls whose one result is used once, in the same layer: (index of the call) -> (index of the one that uses it)."""
    users: dict[int, list[int]] = {}
    for i, call in enumerate(calls):
        for n in call.inputs:
            users.setdefault(n, []).append(i)
        if call.body is not None:
            for n in _used(call):
                users.setdefault(n, []).append(i)
    result = {}
    for i, call in enumerate(calls):
        if len(call.outputs) == 1 and call.outputs[0] not in returned and call.body is None:
            used = users.get(call.outputs[0], [])
            if len(used) == 1 and calls[used[0]].layers == call.layers and calls[used[0]].op not in RULES:
                result[i] = used[0]
    return result


def _default(op: str, name: str) -> Any:
    """The default of an argument of an op, where its template names one that a call leaves out."""
    return {
        "axis": 1 if op == "attention_band" else 0 if op == "unstack" else -1 if op in ("argsort", "sort") else None,
        "keepdims": False,
        "side": "left",
        "decimals": 0,
        "k": 0,
        "offset": None if op == "attention_band" else 0,
        "axis1": 0,
        "axis2": 1,
        "nan": 0.0,
        "is_causal": False,
        "rtol": 1e-5,
        "atol": 1e-8,
        "indexing": "xy",
        "mode": "reduced",
        "full_matrices": True,
    }.get(name)


def _needed(calls: Sequence[Call], returned: Iterable[int]) -> list[Call]:
    """The calls that lead to some values."""
    values, kept = set(returned), []
    for call in reversed(calls):
        if not values.isdisjoint(call.outputs):
            kept.append(call)
            values |= _used(call)
    return kept[::-1]


def _used(call: Call) -> set[int]:
    """The values that a call uses, those that its body takes from outside included."""
    used = set(call.inputs)
    if call.body is not None:
        inside = {n for c in call.body.calls for n in c.outputs} | set(call.body.inputs)
        used |= {n for c in call.body.calls for n in _used(c)} - inside
    return used


def paths_of(structure: Any) -> list[tuple[Any, ...]]:
    """The keys that lead to each leaf of dictionaries, lists and tuples."""
    if isinstance(structure, dict):
        return [(k, *path) for k, v in structure.items() for path in paths_of(v)]
    if isinstance(structure, (tuple, list)):
        return [(k, *path) for k, v in enumerate(structure) for path in paths_of(v)]
    return [()]


def flat(structure: Any) -> list[int]:
    """The leaves, in the order of ``paths_of``."""
    if isinstance(structure, (dict, tuple, list)):
        return [n for v in (structure.values() if isinstance(structure, dict) else structure) for n in flat(v)]
    return [structure]


def _mapped(structure: Any, function: Any) -> Any:
    if isinstance(structure, dict):
        return {k: _mapped(v, function) for k, v in structure.items()}
    if isinstance(structure, (tuple, list)):
        return type(structure)(_mapped(v, function) for v in structure)
    return function(structure)


def _path(layers: Sequence[Layer]) -> str:
    return printable("/".join(layer.name for layer in layers[1:]) or layers[0].name)


def _closes_at_end(text: str) -> bool:
    """Whether the parenthesis that a call opens is closed by the last character."""
    depth = 0
    for i, c in enumerate(text):
        depth += (c in "([") - (c in ")]")
        if depth == 0 and c in ")]" and i < len(text) - 1:
            return False
    return True


def _without_outer_parentheses(text: str) -> str:
    return (
        text[1:-1] if text.startswith("(") and text.endswith(")") and _closes_at_end(text) and "," not in text else text
    )


def _without_blank_start(lines: list[str]) -> list[str]:
    return lines[1:] if lines and not lines[0] else lines


def _difference(actual: Any, expected: Any) -> str:
    if actual.shape != expected.shape:
        return f"the shape {actual.shape} instead of {expected.shape}"
    with np.errstate(all="ignore"):
        return f"by up to {np.max(np.abs(actual.astype(float) - expected.astype(float))):.3g}"
