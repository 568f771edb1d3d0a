"""The engine: record ops on a tape, walk the tape backwards. It knows no op and no layer.

An op is a function that returns its value and a closure that is its gradient (see ``primitive``). While a tape is
recording, every op on a tracked tensor leaves one entry on it; ``backward`` visits the entries last to first.
First-order gradients only: closures are plain array code, which no tape records.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, overload

import dualnet_backends as backends

from .conversion import holds_tensors, stack_nested, to_arrays
from .symbolic import KerasTensor
from .tensor import Array, Tensor
from .tracing import Entry, Tape, state

# How an op is called on symbolic tensors; models/ sets it. None: there are none yet.
symbolic_call: Callable[..., Any] | None = None

# Casts the variables among the inputs of an op to the dtype of the layer that computes; ops/_autocast.py sets it when mixed precision
# is first used.
autocast_hook: Callable[[tuple[Any, ...]], tuple[Any, ...]] | None = None


@overload
def primitive(function: Callable[..., Any]) -> Callable[..., Tensor]: ...
@overload
def primitive(*, mutates: tuple[str, ...]) -> Callable[[Callable[..., Any]], Callable[..., Tensor]]: ...
def primitive(function: Callable[..., Any] | None = None, *, mutates: tuple[str, ...] = ()) -> Any:
    """Make a differentiable op of ``function(xp, *tensors, **options) -> (value, backward)``.

    ``function`` sees plain arrays and the array module they belong to; if its first parameter is called ``backend``,
    it gets the backend (kernels, and ``.xp``). The tensors are its first parameters, those without a default whose
    annotation is missing or says ``Array``, and those annotated ``Array | None`` (optional ones); a ``*parameter``
    takes any number. All others are options.

    ``backward(dy)`` returns the gradient of each tensor: one array, or a tuple with ``None`` for what has no
    gradient. A closure with a second parameter, ``backward(dy, out)``, may write gradients in place: ``out[i]`` is
    ``False`` when that gradient is not wanted, an array to write into, or ``None`` to allocate.

    ``backward`` may be ``None`` for an op that has no gradient, such as a comparison.

    mutates: the names of the options that are arrays which the op changes in place.

    The op takes tensors, variables, arrays, lists and numbers, and returns a ``Tensor`` (or a tuple of them).
    """
    if function is None:
        return functools.partial(primitive, mutates=mutates)
    parameters = list(inspect.signature(function, eval_str=False).parameters.values())
    wants_backend = parameters[0].name == "backend"
    variadic = any(p.kind is p.VAR_POSITIONAL for p in parameters)
    names = [p.name for p in parameters[1:]]
    tensors = [p for p in parameters[1:] if _takes_tensor(p)]
    count, required = len(tensors), sum(p.default is p.empty for p in tensors)

    @functools.wraps(function)
    def op(*args: Any, **options: Any) -> Any:
        if variadic:
            inputs, rest = args, ()
        else:
            if len(args) < count:  # tensors given by keyword, or left at None
                missing = [n for n in names[len(args) : required] if n not in options]
                if missing:
                    raise TypeError(f"{function.__name__}: the argument {missing[0]!r} is missing")
                args += tuple(options.pop(name, None) for name in names[len(args) : count])
            inputs, rest = args[:count], args[count:]
        if autocast_hook is not None:
            inputs = autocast_hook(inputs)
        arrays = []
        tracked = convert = False
        for x in inputs:
            if isinstance(x, Tensor):
                arrays.append(x.data)
                tracked = tracked or x.tracked
            else:
                arrays.append(x)
                convert = convert or x is not None
        if convert:
            if any(isinstance(x, KerasTensor) for x in inputs):
                return _call_symbolic(op, args, options)
            if any(holds_tensors(x) for x in inputs):
                return op(*map(stack_nested, inputs), *rest, **options)
            arrays = to_arrays(inputs, arrays)
        backend = backends.by_type.get(type(arrays[0])) or backends.of(arrays[0])
        value, backward = function(backend if wants_backend else backend.xp, *arrays, *rest, **options)
        kind, outputs = backend.array_type, value
        # What has no axes comes from NumPy as a scalar: it is made an array again, which tells its backend and dtype.
        if type(value) is tuple:
            outputs = tuple(Tensor(v if type(v) is kind else backend.asarray(v)) for v in value)
        else:
            outputs = Tensor(value if type(value) is kind else backend.asarray(value))
        if tracked and backward is not None and state.tapes:
            for y in outputs if type(value) is tuple else (outputs,):
                y.tracked = True
            entry = Entry(outputs, inputs, backward)
            for tape in state.tapes:
                tape.append(entry)
        tracer = state.tracer
        if tracer is not None:
            taped = tracked and backward is not None and bool(state.tapes)
            given = backend if wants_backend else backend.xp
            tracer.op(function, given, backend, inputs, arrays, rest, options, outputs, taped)
        return outputs

    # The engine's copy of the signature drops the first parameter, so that help(op) shows what a caller types.
    op.__signature__ = inspect.Signature(parameters[1:])  # type: ignore[attr-defined]
    op.primitive = function  # type: ignore[attr-defined]
    op.mutates = function.mutates = mutates  # type: ignore[attr-defined]
    return op


def _takes_tensor(p: inspect.Parameter) -> bool:
    """Whether a parameter of a primitive is a tensor, and not an option such as an axis or a dtype."""
    if p.kind not in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD):
        return False
    says = p.annotation if isinstance(p.annotation, str) else inspect.formatannotation(p.annotation)
    if p.default is not p.empty:
        return bool(says == "Array | None")
    return p.annotation is p.empty or says in ("Any", "typing.Any") or "Array" in says or "ndarray" in says


def _call_symbolic(op: Callable[..., Any], args: tuple[Any, ...], options: dict[str, Any]) -> Any:
    if symbolic_call is None:
        raise TypeError(
            f"{op.__name__} was called on a symbolic tensor, which has no value yet: "
            "use it inside the call() of a layer or model, where it gets real tensors"
        )
    return symbolic_call(op, args, options)


def backward(
    tape: Tape,
    target: Tensor,
    seed: Array | None = None,
    grad_buffers: Mapping[int, Array] | None = None,
    keep: frozenset[int] = frozenset(),
    tracer: Any = None,
) -> dict[int, Array]:
    """Gradients of ``target`` (summed, if it has axes) with respect to everything tracked on the tape.

    Args:
        seed: the gradient of the target itself (ones).
        grad_buffers: ``id(tensor) -> array`` to write that tensor's gradient into.
        keep: ids of intermediate tensors whose gradient is returned too.
        tracer: ``tracer.vjp`` is told of every closure that is called, from which the same reverse pass can be run again.

    Returns:
        ``id(tensor) -> array``.
    """
    grad_buffers = grad_buffers or {}
    if seed is None:
        seed = backends.of(target.data).xp.ones_like(target.data)
    grads: dict[int, Array] = {id(target): seed}
    for entry in reversed(tape):
        outputs, inputs, closure = entry
        if type(outputs) is tuple:
            dys = [grads.get(id(y)) if id(y) in keep else grads.pop(id(y), None) for y in outputs]
            if all(dy is None for dy in dys):
                continue
            dy: Any = tuple(backends.of(y.data).xp.zeros_like(y.data) if d is None else d for y, d in zip(outputs, dys))
        else:
            i = id(outputs)
            dy = grads.get(i) if i in keep else grads.pop(i, None)
            if dy is None:
                continue
        requests = _requests(inputs, grads, grad_buffers) if closure.__code__.co_argcount == 2 else None
        dxs = closure(dy) if requests is None else closure(dy, requests)
        if type(dxs) is not tuple:
            dxs = (dxs,)
        if tracer is not None:
            tracer.vjp(entry, dys if type(outputs) is tuple else (dy,), requests, dxs)
        for x, dx in zip(inputs, dxs):
            if dx is not None and isinstance(x, Tensor) and x.tracked:
                i, data = id(x), x.data
                grads[i] = accumulate_grad(grads.get(i), dx, data.dtype, type(data), grad_buffers.get(i))
    return grads


def accumulate_grad(grad: Array | None, dx: Array, dtype: Any, array_type: type, buffer: Array | None = None) -> Array:
    """The gradient of a tensor after one more contribution: in the tensor's dtype, on its device, in its buffer if it has one.

    Args:
        grad: the gradient so far, None for the first contribution.
        dx: the contribution that a closure returned; the buffer itself, where the closure wrote in place.
    """
    if grad is not None:
        dx = grad + dx  # not in place: a closure may return the very array that another tensor's gradient is
    if dx.dtype != dtype:
        dx = dx.astype(dtype)
    if type(dx) is not array_type:
        dx = backends.by_type[array_type].asarray(dx)
    if buffer is not None and dx is not buffer:
        buffer[...] = dx
        dx = buffer
    return dx


def _requests(inputs: tuple[Any, ...], grads: Mapping[int, Array], grad_buffers: Mapping[int, Array]) -> list[Any]:
    """For each input: False (no gradient requested), an array to write the gradient into, or None (allocate it)."""
    out: list[Any] = []
    seen: list[int] = []
    for x in inputs:
        if not isinstance(x, Tensor) or not x.tracked:
            out.append(False)
        else:
            i = id(x)
            # Contributions after the first are added up: the buffer is given to one closure only.
            out.append(None if i in grads or i in seen else grad_buffers.get(i))
            seen.append(i)
    return out
