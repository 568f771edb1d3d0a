"""Write a trace as a Python function: only the calls, without loops over ops and lists of values.

Reading one is a way to see what a training step does: after ``fit``, ``print(step_source(model))`` (``replay.py``) shows the
functions of a model. For ``Dense(1)`` under mean squared error it begins with

    def step(batch, seed, p3, p4, w0, w1, w2):
        x0, x1, = batch
        x2 = kernel.data
        x3 = bias.data
        x4, vjp0 = dense(backend, x0, x2, x3, 'linear')
        if type(x4) is not ndarray: x4 = backend.asarray(x4)
        x0 = x2 = x3 = None

and goes on with the loss and, last op first, the reverse pass. A value is released after its last use.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

import dualnet_backends as backends

from ..core.autodiff import add_grad
from ..core.tensor import Array
from ..core.variables import Variable
from ..ops._elementwise import without_kernel
from .trace import Trace, VjpCall, as_tuple

# Names with a meaning of their own in the generated code.
_RESERVED = re.compile(r"(x|g|p|w|e|vjp)\d+|batch|seed|step|d|_|type|len|__\w*")


class CodeWriter:
    """Writes the function ``step`` line by line, and keeps the objects that its lines name.

    draws: the key and the step of each of ``Trace.draws``, for code that takes its random numbers from there; otherwise the
    generators move on at every call.
    """

    def __init__(self, trace: Trace, draws: Sequence[tuple[Any, Any]] | None = None) -> None:
        self._trace, self._calls = trace, trace.calls
        self._draws = None if draws is None else iter(draws)
        computed = {n for call in trace.calls for n in as_tuple(call.outputs)}
        self._locals = computed.union(trace.variables, range(trace.inputs))
        # Constants are what is the same at every step: neither the batch nor a result of the traced step.
        self._constants = {i: v for i, v in enumerate(trace.values) if i not in self._locals}
        self._lines: list[str] = []
        self._globals: dict[str, Any] = {
            "add_grad": add_grad,
            "pad_grads": pad_grads,
            "zeros_like": zeros_like,
        }
        self._names: dict[int, str] = {}  # by the id of an object, which its entry in ``_globals`` keeps alive

    def name(self, value: Any, suggestion: str) -> str:
        """The name of an object in the code."""
        name = self._names.get(id(value))
        if name is None:
            # Python identifies some letters with others, such as the micro sign with mu.
            name = stem = suggestion if suggestion.isascii() and suggestion.isidentifier() else "constant"
            number = len(self._globals)
            while name in self._globals or _RESERVED.fullmatch(name) or keyword.iskeyword(name):
                name, number = f"{stem.strip('_')}_{number}", number + 1
            self._globals[name] = value
            self._names[id(value)] = name
        return name

    def add(self, line: str) -> None:
        self._lines.append("    " + line)

    def function(self, parameters: str) -> tuple[Callable[..., Any], str]:
        """The function, and its source."""
        source = "\n".join([f"def step({parameters}):", *self._lines])
        names = dict(self._globals)
        exec(compile(source, "<captured step>", "exec"), names)
        return names.pop("step"), source  # which has the names: with it among them, they would keep each other alive

    def returned(self) -> str:
        """The values that the step returns."""
        return f"({''.join(f'{self.value(n)}, ' for n in self._trace.outputs.values)})"

    # -- forward ---------------------------------------------------------------------------------------------------

    def forward(self, vjp_calls: Iterable[VjpCall] = ()) -> None:
        """The op calls that are needed: for what the step returns, for its gradients, and for what they change."""
        returned = set(self._trace.outputs.values)
        differentiated = {call.op for call in vjp_calls}
        needed = self._needed(returned, differentiated)
        last_use = {n: i for i in needed for n in self._calls[i].inputs}
        # A closure takes zeros like these, where there is no gradient of them.
        retained = returned.union(
            n
            for call in vjp_calls
            for n, g in zip(as_tuple(self._calls[call.op].outputs), as_tuple(call.out_grads))
            if g < 0
        )
        if self._trace.inputs:
            self.add(f"{', '.join(numbered('x', range(self._trace.inputs)))}, = batch")
        for n, variable in self._trace.variables.items():
            if n in last_use or n in returned:
                self.add(f"x{n} = {self.name(variable, variable.name)}.data")
        for i in needed:
            self._op_call(i, i in differentiated)
            done = sorted(n for n in self._locals.intersection(self._calls[i].inputs) - retained if last_use[n] == i)
            self._release(numbered("x", done))

    def _needed(self, returned: set[int], differentiated: set[int]) -> list[int]:
        """The numbers of the calls without which the step would be another one."""
        values, needed = set(returned), []
        for i in range(len(self._calls) - 1, -1, -1):
            call = self._calls[i]
            # Drawing numbers and changing variables counts, whether or not the result is used.
            has_effect = call.draw is not None or call.mutates
            if has_effect or i in differentiated or not values.isdisjoint(as_tuple(call.outputs)):
                needed.append(i)
                values.update(call.inputs)
        return needed[::-1]

    def _op_call(self, i: int, differentiated: bool) -> None:
        call = self._calls[i]
        static_args = [self._literal(v) for v in call.static_args]
        if call.draw is not None:
            generator, position = call.draw
            if self._draws is None:
                drawn = [f"*{self.name(generator, 'generator')}.next()"]
            else:
                key, step = next(self._draws)
                drawn = [repr(key), self.name(step, "number")]
            static_args[position : position + 2] = drawn
        code, takes = call.function, call.context
        if takes is call.backend:
            code, takes = without_kernel(code, call.backend)
        context = self.name(takes, "xp" if hasattr(takes, "ndarray") else "backend")
        arguments = [context, *map(self.value, call.inputs), *static_args]
        arguments += [f"{key}={self._literal(value)}" for key, value in call.options.items()]
        outputs = numbered("x", as_tuple(call.outputs))
        target = f"({', '.join(outputs)},)" if type(call.outputs) is tuple else outputs[0]
        function = self.name(code, code.__name__.lstrip("_"))
        self.add(f"{target}, {f'vjp{i}' if differentiated else '_'} = {function}({', '.join(arguments)})")
        # NumPy returns what has no axes as a scalar.
        array_type, backend = self.name(call.backend.array_type, "ndarray"), self.name(call.backend, "backend")
        for x in outputs:
            self.add(f"if type({x}) is not {array_type}: {x} = {backend}.asarray({x})")

    def value(self, n: int) -> str:
        """A value in the code."""
        return f"x{n}" if n in self._locals else self._literal(self._constants[n])

    def _literal(self, value: Any) -> str:
        if isinstance(value, Variable):  # whose array the op changes
            return f"{self.name(value, value.name)}.data"
        return repr(value) if type(value) in (type(None), bool, int, str) else self.name(value, "constant")

    # -- reverse pass ----------------------------------------------------------------------------------------------

    def backward(self, vjp_calls: Iterable[VjpCall], buffers: Collection[int]) -> None:
        """The VJP calls, from the gradient of the loss on: ``g0``, which is ``seed``.

        buffers: the gradients that go to buffers ``p1``, ``p2``... The arguments ``w0``, ``w1``... tell closures where to write.
        """
        read = {g for call in vjp_calls for g in as_tuple(call.out_grads) if g >= 0}
        known = {0}
        self.add("g0 = seed")
        for number, call in enumerate(vjp_calls):
            in_place = f", w{number}" if call.requests is not None else ""
            self.add(f"d = vjp{call.op}({self._out_grads(call)}{in_place})")
            out_grads = [g for g in dict.fromkeys(as_tuple(call.out_grads)) if g >= 0]
            self._release([*numbered("g", out_grads), f"vjp{call.op}"])
            count = len(call.in_grads)
            names = [f"e{j}" if g in read or g in buffers else "_" for j, g in enumerate(call.in_grads)]
            if count == 1:
                self.add(f"{names[0]} = d[0] if type(d) is tuple else d")
            else:
                self.add(f"{', '.join(names)} = d if type(d) is tuple and len(d) == {count} else pad_grads(d, {count})")
            for e, g in zip(names, call.in_grads):
                if e != "_":
                    self._add_grad(g, e, g in buffers, g in known)
                    known.add(g)
            self._release(["d", *(e for e in names if e != "_")])

    def _out_grads(self, call: VjpCall) -> str:
        """What the closure of an op takes."""
        if type(call.out_grads) is int:
            return f"g{call.out_grads}"
        outputs = as_tuple(self._calls[call.op].outputs)
        grads = [f"zeros_like(x{n})" if g < 0 else f"g{g}" for n, g in zip(outputs, as_tuple(call.out_grads))]
        return f"({', '.join(grads)},)"

    def _add_grad(self, g: int, e: str, has_buffer: bool, is_known: bool) -> None:
        """A gradient ``e`` that a closure returned is that of tensor ``g``, or is added to it."""
        dtype, array_type = self._trace.grad_types[g]
        dtype_name, type_name = self.name(dtype, str(dtype)), self.name(array_type, "ndarray")
        types = f"{dtype_name}, {type_name}"
        if has_buffer:
            call = f"add_grad({f'p{g}' if is_known else None}, {e}, {types}, p{g})"
            self.add(call if is_known else f"if {e} is not p{g}: {call}")
            return
        if is_known:
            self.add(f"{e} = g{g} + {e}")
        has_type = f"type({e}) is {type_name} and {e}.dtype is {dtype_name}"  # the usual case, without a call
        self.add(f"g{g} = {e} if {has_type} else add_grad(None, {e}, {types})")

    def _release(self, names: list[str]) -> None:
        if names:
            self.add(" = ".join([*names, "None"]))


def pad_grads(d: Any, count: int) -> tuple[Any, ...]:
    """The gradients that a closure returned, as many as there are inputs: it may return one alone, or too few."""
    grads = d if type(d) is tuple else (d,)
    return (*grads, *[None] * count)[:count]


def zeros_like(y: Array) -> Array:
    return backends.of(y).xp.zeros_like(y)


def numbered(letter: str, numbers: Iterable[int]) -> list[str]:
    """Names such as "p3", "p5"."""
    return [f"{letter}{n}" for n in numbers]
