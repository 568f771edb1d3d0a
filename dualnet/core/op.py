"""What an op is. ``primitive`` makes one of array code with its gradient beside it, ``composite`` one of other ops.

On symbolic tensors an op is not computed but recorded, as one call. What else is known of it is its ``OpInfo``.
"""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar, overload

import dualnet_backends as backends

from .conversion import as_integers, holds_tensors, stack_nested, to_arrays
from .placement import elsewhere, refuse_two_devices
from .symbolic import KerasTensor
from .tensor import Tensor
from .tracing import Entry, add_alias, before_write, live_tapes, live_views, state

R = TypeVar("R")

# How an op is called on symbolic tensors; graph/operation.py sets it. None: there are none yet.
symbolic_call: Callable[..., Any] | None = None

# How an op is called some of whose options are tensors with a gradient; ops/higher_order/options.py has it.
differentiate_options: Callable[..., Any] | None = None

# What is computed with in the place of the variables among the inputs of an op: their values in a StatelessScope, in the dtype of the
# layer that computes. ops/_autocast.py and core/stateless.py set it when mixed precision or a scope is first used.
variables_hook: Callable[[tuple[Any, ...]], tuple[Any, ...]] | None = None


@dataclass(slots=True)
class OpInfo:
    """What is known of an op besides its formula: ``op.info``, and ``op.primitive.info`` for who has only the array code.

    Attributes:
        name: the name of the function.
        tensors: the names of the tensor parameters. A ``*parameter`` is any number of tensors.
        mutates, in_place_grads: see ``primitive``.
        shape: the shape rule. It is called like the op, with symbolic tensors, and returns symbolic tensors (or anything with a
            ``shape`` and a ``dtype``) in the structure of the outputs. None: the op is run on zeros.
        namespace: the namespace of ``dualnet.ops`` that a public op belongs to, such as "nn".
        keras_module: the module of Keras's class of this op, such as "keras.src.ops.nn"; "" for an op that Keras does not have.
        keras_class: the name of that class.
        call: the names of the arguments with which that class is called, by default the tensors; all others are its constructor's.
    """

    name: str
    tensors: tuple[str, ...]
    mutates: tuple[str, ...] = ()
    in_place_grads: bool = False
    shape: Callable[..., Any] | None = None
    namespace: str = ""
    keras_module: str = ""
    keras_class: str = ""
    call: tuple[str, ...] = ()


@overload
def primitive(function: Callable[..., Any], /) -> Callable[..., Tensor]: ...


@overload
def primitive(
    *, mutates: tuple[str, ...] = ..., in_place_grads: bool = ..., shape: Callable[..., Any] | None = ...
) -> Callable[[Callable[..., Any]], Callable[..., Tensor]]: ...


def primitive(function: Any = None, /, **facts: Any) -> Any:
    """Make a differentiable op of ``function(xp, *tensors, **options) -> (value, backward)``.

    ``function`` sees plain arrays and the array module they belong to; if its first parameter is called ``backend``, it gets the
    backend (kernels, and ``.xp``). The tensors are the parameters before a ``/``, as in ``def scale(xp, x, /, factor=2.0)``. Without
    a ``/`` they are the parameters that have no default, and whose annotation is missing or an array. A ``*parameter`` takes any
    number of tensors. All other parameters are options.

    ``backward(dy)`` returns the gradient of each tensor: one array, or a tuple with ``None`` for a tensor without a gradient. It may
    be ``None`` for an op that has no gradient, such as a comparison.

    The op takes tensors, variables, arrays, lists and numbers, and returns a ``Tensor`` (or a tuple of them). It computes where its
    tensors lie; without any, on the device in use. Tensors of two devices are an error.

    An option that is annotated as an integer, or as a sequence of them (``Axis``, ``Sequence[int]``), reaches ``function`` as an
    ``int`` or a tuple of them, also when the caller has a list or NumPy's integers.

    Args:
        mutates: the names of the options that are arrays which the op writes in place.
        in_place_grads: the gradient is ``backward(dy, out)``, which may write into ``out[i]``: ``False`` when that gradient is not
            requested, an array to write into, or ``None`` to allocate one.
        shape: the shape rule, see ``OpInfo``.
    """
    return functools.partial(_primitive, **facts) if function is None else _primitive(function)


def _primitive(function: Callable[..., Any], **facts: Any) -> Callable[..., Tensor]:
    parameters = list(inspect.signature(function).parameters.values())
    takes_backend = parameters[0].name == "backend"
    variadic = any(p.kind is p.VAR_POSITIONAL for p in parameters)
    tensors = _tensor_parameters(parameters)
    names, count = [p.name for p in tensors], len(tensors)
    required = any(map(_is_required, tensors))
    of_integers = _of_integers([p for p in parameters[1:] if p.name not in names])

    @functools.wraps(function)
    def op(*args: Any, **options: Any) -> Any:
        rest: tuple[Any, ...]
        if variadic:
            inputs, rest = args, ()
        else:
            if len(args) < count:
                args = _by_position(function, tensors, args, options)
            inputs, rest = args[:count], args[count:]
        if variables_hook is not None:
            inputs = variables_hook(inputs)
        arrays = []
        tracked = convert = absent = False
        for x in inputs:
            if isinstance(x, Tensor):
                arrays.append(x.data)
                tracked = tracked or x.tracked
            else:
                arrays.append(x)
                convert = convert or x is not None
                absent = absent or x is None
        if absent and required:
            _refuse_none(function, tensors, inputs)
        if convert:
            if any(isinstance(x, KerasTensor) for x in inputs):
                return call_symbolic(op, args, options)
            if any(holds_tensors(x) for x in inputs):
                return op(*map(stack_nested, inputs), *rest, **options)
            arrays = to_arrays(inputs, arrays)
            if tracked and state.tapes:
                arrays = _own_arrays(inputs, arrays)
                inputs = tuple(x if isinstance(x, _WEAK) else a for x, a in zip(inputs, arrays))
        if rest or options:
            if state.tapes and not mutates and any(map(is_differentiable, (*rest, *options.values()))):
                assert differentiate_options is not None
                return differentiate_options(op, inputs, rest, options)
            # Where a gradient may be asked for when they have changed, they are copied.
            copy = tracked and bool(state.tapes) and not mutates
            rest = tuple([_plain(option, copy, i in of_integers) for i, option in enumerate(rest)])
            options = {name: _plain(x, copy, name in of_integers) for name, x in options.items()}
        backend = backends.by_type.get(type(arrays[0])) or backends.of(arrays[0])
        if mutates and (live_tapes or live_views):
            written = inspect.signature(function).bind(backend, *arrays, *rest, **options).arguments
            before_write(*(written[name] for name in mutates if written.get(name) is not None))
        try:
            value, backward = function(backend if takes_backend else backend.xp, *arrays, *rest, **options)
        except MemoryError as error:
            explained = backends.out_of_memory(backend, error)
            if explained is None:
                raise
            raise explained from error
        except Exception:
            refuse_two_devices(info.name, [*arrays, *rest, *options.values()])
            raise
        array_type, outputs = backend.array_type, value
        # What has no axes comes from NumPy as a scalar: it is made an array again, which tells its backend and dtype.
        if type(value) is tuple:
            outputs = tuple(Tensor(v if type(v) is array_type else backend.asarray(v)) for v in value)
            for y in outputs:
                if y.data.base is not None or any(y.data is a for a in arrays):
                    _separate(y, inputs, arrays)
        else:
            outputs = Tensor(value if type(value) is array_type else backend.asarray(value))
            if outputs.data.base is not None or any(value is a for a in arrays):
                _separate(outputs, inputs, arrays)
        if tracked and backward is not None and state.tapes:
            for y in outputs if type(value) is tuple else (outputs,):
                y.tracked = True
            out = in_place_grads or (undeclared and _takes_out(backward))
            entry = Entry(outputs, inputs, backward, out, (function, rest, options))
            for tape in state.tapes:
                tape.append(entry)
        tracer = state.tracer
        if tracer is not None:
            taped = tracked and backward is not None and bool(state.tapes)
            context = backend if takes_backend else backend.xp
            tracer.op(function, context, backend, inputs, arrays, rest, options, outputs, taped)
        return outputs

    # The op's copy of the signature drops the first parameter, so that help(op) shows what a caller types.
    op.__signature__ = _public_signature(parameters[1:])  # type: ignore[attr-defined]
    op.primitive = function  # type: ignore[attr-defined]
    info = OpInfo(function.__name__, tuple(names), call=tuple(names), **facts)
    op.info = function.info = info  # type: ignore[attr-defined]
    in_place_grads, mutates = info.in_place_grads, info.mutates
    undeclared = not (function.__module__ or "").startswith("dualnet.")  # code of the user needs no declaration
    return op


_WEAK = (Tensor, bool, int, float, type(None))  # inputs that are tensors already, or stay numbers


_ATOMS = (bool, int, float, str, type(None))

# Annotations of an option that consists of integers; the capitalised names are aliases that ops use for such.
_INTEGERS = re.compile(r"None|int|Ax[ei]s|Pair|Shape|Sizes|(Sequence|tuple|list)\[(int|Any)(, int|, \.\.\.)*\]")


def is_differentiable(x: Any) -> bool:
    """Whether ``x`` is a tensor with a gradient, or a list or tuple with one somewhere in it."""
    if type(x) in (list, tuple):
        return any(map(is_differentiable, x))
    return isinstance(x, Tensor) and x.tracked and x.data.dtype.kind not in "biu"


def _plain(option: Any, copy: bool, of_integers: bool = False) -> Any:
    """An option for array code: with arrays in the place of floating point tensors, and none that may change if ``copy``."""
    if type(option) in _ATOMS:
        return option
    if of_integers:
        option = as_integers(option)
    kind = type(option)
    if kind in (tuple, list):
        parts = [_plain(part, copy) for part in option]
        return option if all(a is b for a, b in zip(parts, option)) else kind(parts)
    if kind is slice and any(isinstance(n, Tensor) for n in (option.start, option.stop, option.step)):
        return slice(*(int(n) if isinstance(n, Tensor) else n for n in (option.start, option.stop, option.step)))
    if isinstance(option, Tensor):
        array = option.data.copy() if copy else option.data
        return Tensor(array) if array.dtype.kind in "biu" else array  # an index or a size, which the host may not know
    if copy and (hasattr(option, "__array_interface__") or hasattr(option, "__cuda_array_interface__")):
        return option.copy()
    return option


def _own_arrays(inputs: tuple[Any, ...], arrays: list[Any]) -> list[Any]:
    """``arrays``, with copies of those that are the caller's: the gradient may be computed after the caller reused them."""
    fresh = (Tensor, list, tuple, bool, int, float, complex, type(None))
    return [a if isinstance(x, fresh) else a.copy() for x, a in zip(inputs, arrays)]


def _separate(y: Tensor, inputs: tuple[Any, ...], arrays: list[Any]) -> None:
    """Let an output that is a view of an input stay what it is when the memory of that input is overwritten.

    Nothing but a variable is ever overwritten, and arrays of the caller: the first is watched (``core/tracing.py``), the second
    copied.
    """
    for x, a in zip(inputs, arrays):
        if not hasattr(a, "dtype") or not y._shares(a):
            continue
        if not isinstance(x, Tensor):
            y._own()
            return
        if x._is_alias:
            y._is_alias = True
            add_alias(y)


def _takes_out(backward: Callable[..., Any]) -> bool:
    """Whether a ``backward`` of the user is ``backward(dy, out)``."""
    parameters = inspect.signature(backward).parameters.values()
    return sum(p.kind is p.POSITIONAL_OR_KEYWORD and p.default is p.empty for p in parameters) == 2


def composite(function: Callable[..., R], shape: Callable[..., Any] | None = None) -> Callable[..., R]:
    """Make an op of a function of other ops: on symbolic tensors it is recorded as one call, so it may read concrete shapes.

    The tensors (or structures of tensors) are the parameters before the ``/``, or the ``*parameter``. While the function runs, the
    device of its tensors is the one in use, so that what it creates is beside them.
    """
    parameters = list(inspect.signature(function, follow_wrapped=False).parameters.values())
    tensors = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.VAR_POSITIONAL)]
    count = sum(p.kind is p.POSITIONAL_ONLY for p in tensors)
    names = [p.name for p in tensors]
    of_integers = _of_integers(parameters)

    @functools.wraps(function)
    def op(*args: Any, **options: Any) -> Any:
        if options and len(args) < count and not options.keys().isdisjoint(names):
            args = _by_position(function, tensors, args, options)
        for x in args:
            if isinstance(x, KerasTensor) or is_symbolic(x):
                return call_symbolic(op, args, options)
        if options and is_symbolic(options):
            return call_symbolic(op, args, options)
        if of_integers:
            args = tuple([as_integers(x) if i in of_integers else x for i, x in enumerate(args)])
            options = {name: as_integers(x) if name in of_integers else x for name, x in options.items()}
        device = elsewhere((*args, *options.values()) if options else args)
        if device is None:
            return function(*args, **options)
        with device:
            return function(*args, **options)

    if count:
        op.__signature__ = _public_signature(parameters)  # type: ignore[attr-defined]
    op.info = OpInfo(function.__name__, tuple(names), call=tuple(names), shape=shape)  # type: ignore[attr-defined]
    return op


def is_symbolic(x: Any) -> bool:
    """Whether ``x`` is a symbolic tensor or a list, tuple or dictionary with one somewhere in it."""
    if type(x) in (list, tuple):
        return any(map(is_symbolic, x))
    if type(x) is dict:
        return any(map(is_symbolic, x.values()))
    return isinstance(x, KerasTensor)


def call_symbolic(op: Callable[..., Any], args: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """Record a call of ``op`` on symbolic tensors."""
    if symbolic_call is None:
        raise TypeError(
            f"{op.__name__} was called on a symbolic tensor, which has no value yet: "
            "use it inside the call() of a layer or model, where it gets real tensors"
        )
    return symbolic_call(op, args, options)


def _by_position(
    function: Callable[..., Any], tensors: list[inspect.Parameter], args: tuple[Any, ...], options: dict[str, Any]
) -> tuple[Any, ...]:
    """``args`` with the tensors that were given by keyword or left out; they are taken out of ``options``."""
    for p in tensors[len(args) :]:
        if p.name not in options and p.default is p.empty:
            raise TypeError(f"{function.__name__}: the argument {p.name!r} is missing")
        args += (options.pop(p.name, p.default),)
    return args


def _tensor_parameters(parameters: list[inspect.Parameter]) -> list[inspect.Parameter]:
    before_slash = [p for p in parameters[1:] if p.kind in (p.POSITIONAL_ONLY, p.VAR_POSITIONAL)]
    return before_slash or [p for p in parameters[1:] if p.kind is p.POSITIONAL_OR_KEYWORD and _is_array(p)]


def _is_required(p: inspect.Parameter) -> bool:
    """Whether a parameter says that it is an array, and not None."""
    return p.annotation in ("Array", "Tensor") and p.default is p.empty


def _refuse_none(function: Callable[..., Any], tensors: list[inspect.Parameter], inputs: tuple[Any, ...]) -> None:
    """Raise ``TypeError`` when None stands in the place of an array."""
    for i, x in enumerate(inputs):
        p = tensors[min(i, len(tensors) - 1)]
        if x is None and _is_required(p):
            raise TypeError(f"{function.__name__}: expected numbers for the argument {p.name!r}, got None")


def _is_array(p: inspect.Parameter) -> bool:
    """Whether an annotation means a tensor. Its text is read: it may name a type that only a type checker imports."""
    text = p.annotation if isinstance(p.annotation, str) else inspect.formatannotation(p.annotation)
    if p.default is p.empty and (p.annotation is p.empty or text in ("Any", "typing.Any")):
        return True
    return "Array" in text or "ndarray" in text


def _of_integers(parameters: list[inspect.Parameter]) -> set[int | str]:
    """The names, and the positions, of the parameters that are annotated as an integer or a sequence of integers, or None."""
    result: set[int | str] = set()
    for i, p in enumerate(parameters):
        text = p.annotation if isinstance(p.annotation, str) else inspect.formatannotation(p.annotation)
        if all(map(_INTEGERS.fullmatch, text.split(" | "))):
            result |= {i, p.name}
    return result


def _public_signature(parameters: list[inspect.Parameter]) -> inspect.Signature:
    """Without the ``/``: an op takes its tensors by keyword too."""
    named = [p.replace(kind=p.POSITIONAL_OR_KEYWORD) if p.kind is p.POSITIONAL_ONLY else p for p in parameters]
    return inspect.Signature(named)
