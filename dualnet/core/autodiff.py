"""The engine: record ops on a tape, walk the tape backwards. It knows no op and no layer.

An op is a function that returns its value and a closure that is its gradient (see ``primitive``). While a tape is
recording, every op on a tracked tensor leaves one entry on it; ``backward`` visits the entries last to first.
First-order gradients only: closures are plain array code, which no tape records.
"""

from __future__ import annotations

import functools
import inspect
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import dualnet_backends as backends

from .tensor import Array, KerasTensor, Tensor


class Entry(NamedTuple):
    """One op that ran: its outputs (a tensor or a tuple of them), its inputs, and its gradient."""

    outputs: Any
    inputs: tuple[Any, ...]
    backward: Callable[..., Any]


Tape = list[Entry]


class _Recording(threading.local):
    tapes: tuple[Tape, ...] = ()
    listener: Any = None  # is told of every op: capture/trace.py


_recording = _Recording()

# How an op is called on symbolic tensors; models/ sets it. None: there are none yet.
symbolic_call: Callable[..., Any] | None = None

# The inputs of an op, with variables in the dtype of the layer that computes; autocast.py sets it when a layer of mixed
# precision is made.
see_variables: Callable[[tuple[Any, ...]], tuple[Any, ...]] | None = None


def primitive(function: Callable[..., Any]) -> Callable[..., Tensor]:
    """Make a differentiable op of ``function(xp, *tensors, **options) -> (value, backward)``.

    ``function`` sees plain arrays and the array module they belong to; if its first parameter is called ``backend``,
    it gets the backend (kernels, and ``.xp``). The tensors are its first parameters, those without a default whose
    annotation is missing or says ``Array``, and those annotated ``Array | None`` (optional ones); a ``*parameter``
    takes any number. All others are options.

    ``backward(dy)`` returns the gradient of each tensor: one array, or a tuple with ``None`` for what has no
    gradient. A closure with a second parameter, ``backward(dy, out)``, may write gradients in place: ``out[i]`` is
    ``False`` when that gradient is not wanted, an array to write into, or ``None`` to allocate.

    ``backward`` may be ``None`` for an op that has no gradient, such as a comparison.

    The op takes tensors, variables, arrays, lists and numbers, and returns a ``Tensor`` (or a tuple of them).
    """
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
        if see_variables is not None:
            inputs = see_variables(inputs)
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
                return op(*map(joined, inputs), *rest, **options)
            arrays = _to_arrays(inputs, arrays)
        backend = backends.by_type.get(type(arrays[0])) or backends.of(arrays[0])
        value, backward = function(backend if wants_backend else backend.xp, *arrays, *rest, **options)
        kind, outputs = backend.array_type, value
        # What has no axes comes from NumPy as a scalar: it is made an array again, which tells its backend and dtype.
        if type(value) is tuple:
            outputs = tuple(Tensor(v if type(v) is kind else backend.asarray(v)) for v in value)
        else:
            outputs = Tensor(value if type(value) is kind else backend.asarray(value))
        if tracked and backward is not None and _recording.tapes:
            for y in outputs if type(value) is tuple else (outputs,):
                y.tracked = True
            entry = Entry(outputs, inputs, backward)
            for tape in _recording.tapes:
                tape.append(entry)
        listener = _recording.listener
        if listener is not None:
            taped = tracked and backward is not None and bool(_recording.tapes)
            given = backend if wants_backend else backend.xp
            listener.op(function, given, backend, inputs, arrays, rest, options, outputs, taped)
        return outputs

    # The engine's copy of the signature drops the first parameter, so that help(op) shows what a caller types.
    op.__signature__ = inspect.Signature(parameters[1:])  # type: ignore[attr-defined]
    op.primitive = function  # type: ignore[attr-defined]
    return op


def holds_tensors(x: Any) -> bool:
    """Whether ``x`` is a list or tuple with tensors somewhere in it."""
    return type(x) in (list, tuple) and any(isinstance(v, (Tensor, KerasTensor)) or holds_tensors(v) for v in x)


def joined(x: Any) -> Any:
    """A list with tensors in it as one tensor, by the op ``stack``, so that gradients flow and nothing goes to the host."""
    if not holds_tensors(x):
        return x
    from ..ops.core.shape import stack
    from .dtypes import result_type

    first: Any = x
    while not isinstance(first, (Tensor, KerasTensor)):
        first = next(v for v in first if isinstance(v, (Tensor, KerasTensor)) or holds_tensors(v))

    def made(v: Any) -> Any:
        if isinstance(v, (list, tuple)):
            return stack([made(part) for part in v])
        if isinstance(v, (bool, int, float)):  # numbers are weak: the tensor beside them says in which dtype they are
            backend = backends.of(first.data) if isinstance(first, Tensor) else backends.current()
            return Tensor(backend.xp.full((), v, dtype=result_type(first.dtype, type(v))))
        return v

    return made(x)


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


def _to_arrays(inputs: Sequence[Any], arrays: list[Any]) -> list[Any]:
    """Bring lists, host arrays and numbers to the device of the tensors beside them; numbers stay numbers beside
    arrays.

    Staying a number keeps it weak: ``x + 1.0`` has the dtype of ``x``, and nothing is copied to the device.
    """
    backend = next((backends.of(x.data) for x in inputs if isinstance(x, Tensor)), None)
    if backend is None:
        given = (backends.of(x) for x in arrays if hasattr(x, "shape") and hasattr(x, "dtype"))
        backend = next(given, backends.current())
        if backend.name == "numpy":
            backend = backends.current()  # a host array goes to the device in use
    numbers = [isinstance(x, (bool, int, float)) for x in arrays]
    keep = not all(n or x is None for n, x in zip(numbers, arrays))
    out = []
    for x, number in zip(arrays, numbers):
        if isinstance(x, float):
            x = float(x)  # numpy.float64 is one of Python's floats, but not a weak one
        if x is None or type(x) is backend.array_type or (number and keep):
            out.append(x)
        elif number:
            from .dtypes import result_type

            out.append(backend.asarray(x, dtype=result_type(type(x))))
        else:
            out.append(to_array(x, backend))
    # The first input decides the array module, so it is never left a bare number.
    if out and isinstance(out[0], (bool, int, float)):
        other = next(x for x in out if hasattr(x, "dtype"))
        from .dtypes import result_type

        out[0] = backend.asarray(out[0], dtype=result_type(out[0], other))
    return out


def to_array(x: Any, backend: backends.Backend | None = None, dtype: Any = None) -> Array:
    """Anything array-like as an array of ``backend`` (default: the one it is on, else the current one).

    Tensors give their array; lists of Python floats become ``floatx()`` as in Keras. Raises ``TypeError`` for what is
    no number.
    """
    if isinstance(x, Tensor):
        x = x.data
    backend = backend or (backends.of(x) if hasattr(x, "dtype") else backends.current())
    if dtype is None and not hasattr(x, "dtype"):
        x = _nested(x)
        dtype = getattr(x, "dtype", None)
    if getattr(x, "dtype", None) is not None and getattr(x.dtype, "kind", "f") in "OSUV" and str(x.dtype) != "bfloat16":
        raise TypeError(
            f"expected numbers, got an array of dtype {x.dtype}: rows of different lengths, strings or None? "
            "Convert it first, for example with numpy.asarray(x, dtype='float32')"
        )
    return backend.asarray(x, dtype=dtype)


def _nested(x: Any) -> Any:
    """A nested list, possibly with tensors in it, as one host array of the dtype Keras would give it."""
    from ..config import floatx
    from .dtypes import result_type

    dtypes: set[Any] = set()  # of the arrays and scalars in it that have one; Python numbers are weak

    def plain(v: Any) -> Any:
        if isinstance(v, (list, tuple)):
            return [plain(part) for part in v]
        v = v.data if isinstance(v, Tensor) else v
        dtypes.add(getattr(v, "dtype", type(v)))
        backend = backends.by_type.get(type(v))
        return v if backend is None else backend.to_numpy(v)

    host = backends.get("cpu")
    try:
        array = host.asarray(plain(x))
    except ValueError as error:
        raise ValueError(f"cannot make an array of {type(x).__name__}: {error}") from None
    if array.dtype.kind in "biuf" and any(not isinstance(d, type) for d in dtypes):
        return array.astype(result_type(*dtypes))
    if array.dtype == "float64":
        return array.astype(floatx())
    if array.dtype == "int64" and (array.size == 0 or abs(array).max() < 2**31):
        return array.astype("int32")
    return array


@contextmanager
def recording(tape: Tape) -> Iterator[Tape]:
    """Let every op on a tracked tensor inside the block leave an entry on ``tape``."""
    before = _recording.tapes
    _recording.tapes = (*before, tape)
    try:
        yield tape
    finally:
        _recording.tapes = before


class no_grad:
    """Record nothing inside the block: ``with no_grad(): ...``"""

    __slots__ = ("_before",)

    def __enter__(self) -> None:
        self._before, _recording.tapes = _recording.tapes, ()

    def __exit__(self, *error: object) -> None:
        _recording.tapes = self._before


@contextmanager
def listening(listener: Any) -> Iterator[None]:
    """Tell ``listener.op`` of every op inside the block, ``listener.draw`` of random numbers, ``listener.outside`` of what is
    in no op."""
    before, _recording.listener = _recording.listener, listener
    try:
        yield
    finally:
        _recording.listener = before


def outside(what: str) -> None:
    """Say that something is done that is in no op, such as changing a variable: a step cannot be repeated without it."""
    if _recording.listener is not None:
        _recording.listener.outside(what)


def drawn(generator: Any, key: Any, step: int) -> None:
    """Say that a generator gave a key and a step for the random numbers of an op."""
    if _recording.listener is not None:
        _recording.listener.draw(generator, key, step)


def is_recording() -> bool:
    """Whether a tape is recording in this thread."""
    return bool(_recording.tapes)


def backward(
    tape: Tape,
    target: Tensor,
    seed: Array | None = None,
    destinations: Mapping[int, Array] | None = None,
    keep: frozenset[int] = frozenset(),
) -> dict[int, Array]:
    """Gradients of ``target`` (summed, if it has axes) with respect to everything tracked on the tape.

    seed: the gradient of the target itself (ones). destinations: ``id(tensor) -> array`` into which that tensor's
    gradient is written. keep: ids of intermediate tensors whose gradient is wanted too. Returns ``id(tensor) ->
    array``.
    """
    destinations = destinations or {}
    if seed is None:
        seed = backends.of(target.data).xp.ones_like(target.data)
    grads: dict[int, Array] = {id(target): seed}
    for outputs, inputs, closure in reversed(tape):
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
        if closure.__code__.co_argcount == 2:
            dxs = closure(dy, _wanted(inputs, grads, destinations))
        else:
            dxs = closure(dy)
        if type(dxs) is not tuple:
            dxs = (dxs,)
        for x, dx in zip(inputs, dxs):
            if dx is None or not isinstance(x, Tensor) or not x.tracked:
                continue
            i = id(x)
            before = grads.get(i)
            if before is not None:
                # Not in place: a closure may return the very array that another tensor's gradient is.
                dx = before + dx
            if dx.dtype != x.data.dtype:
                dx = dx.astype(x.data.dtype)
            if type(dx) is not type(x.data):
                dx = backends.of(x.data).asarray(dx)
            place = destinations.get(i)
            if place is not None and dx is not place:
                place[...] = dx
                dx = place
            grads[i] = dx
    return grads


def _wanted(inputs: tuple[Any, ...], grads: Mapping[int, Array], destinations: Mapping[int, Array]) -> list[Any]:
    """For each input: False (no gradient wanted), an array to write the gradient into, or None (allocate it)."""
    out: list[Any] = []
    seen: list[int] = []
    for x in inputs:
        if not isinstance(x, Tensor) or not x.tracked:
            out.append(False)
        else:
            i = id(x)
            # What was used before, or stands here twice, is added up: its place is given out once.
            out.append(None if i in grads or i in seen else destinations.get(i))
            seen.append(i)
    return out
