"""Shape inference: the shapes and dtypes of results for symbolic tensors. A size that is not known stays None.

An op with a shape rule is asked (``OpInfo.shape``): the rule may be the function of the op itself, run on symbolic tensors. One
without is run on zeros of several sizes (``probe``). A layer is traced: its ``call`` runs on symbolic tensors, so that every op and
layer inside infers its own results.
"""

from __future__ import annotations

import functools
import inspect
import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Any

import dualnet_backends as backends

from .. import tree
from ..core import allowance, tracing
from ..core.symbolic import KerasTensor, TracedShape
from ..core.tensor import Tensor
from ..core.text import blank
from .node import Spec
from .trial import trial

MAX_ELEMENTS = 1 << 20  # of the zeros of one run: sizes are chosen smaller where there would be more

# Namespaces whose ops refuse much that their shape rules do not look at: tensors that are no images or no square matrices.
_CHECKED = ("image", "linalg")

Sizes = dict[tuple[int, int], int]  # (id of a symbolic tensor, axis) -> size that stands in for an unknown one


def infer(op: Callable[..., Any], args: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """What an op returns for symbolic tensors: ``Spec``s in the structure of its outputs."""
    allowance.take_op()
    rule = getattr(getattr(op, "info", None), "shape", None)
    if rule is None:
        return probe(op, args, options)
    try:  # a rule may take any argument
        inspect.signature(op).bind(*args, **options)
    except TypeError as error:
        raise TypeError(f"{op.__name__.lstrip('_')}: {error}") from None
    try:
        with trial():  # a rule that is the function of the op itself calls other ops
            spec = rule(*args, **options)
    except (ValueError, IndexError) as error:
        shapes = [x.shape for x in tree.flatten([args, options]) if isinstance(x, KerasTensor)]
        if None not in (n for shape in shapes for n in shape):
            probe(op, args, options)  # which raises the op's own message
        name, message = op.__name__.lstrip("_"), str(error)
        if not message.startswith(name):
            message = f"{name}: {message}, on shapes {', '.join(map(str, shapes))}"
        raise type(error)(message) from None
    if op.info.namespace in _CHECKED:  # type: ignore[attr-defined]
        _check(op, args, options)
    return Spec(spec, _dtype(op, args, options)) if _is_shape(spec) else spec


def _check(op: Callable[..., Any], args: tuple[Any, ...], options: dict[str, Any]) -> None:
    """Raise the op's own error if it refuses the arguments whatever the size of the batch is, where that alone is unknown."""
    symbolic = [x for x in tree.flatten([args, options]) if isinstance(x, KerasTensor)]
    if any(None in x.shape[1:] for x in symbolic):
        return
    first_error = None
    for size in (12, 8, 4, 3, 2, 1):  # an image without a batch has 1, 3 or 4 channels, a transform 8 numbers
        try:
            _run_on_zeros(op, args, options, {(id(x), axis): size for x in symbolic for axis in range(x.ndim)})
            return
        except Exception as error:
            first_error = first_error or error
    assert first_error is not None
    raise first_error


def _run_on_zeros(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], sizes: Sizes) -> Any:
    """What ``function`` returns for zeros in place of symbolic tensors."""

    def zeros(x: Any) -> Any:
        if not isinstance(x, KerasTensor):
            return x
        return _zeros(tuple(sizes[id(x), axis] if n is None else n for axis, n in enumerate(x.shape)), x.dtype)

    with trial() as changes, warnings.catch_warnings():
        changes.watch(())  # the function may be one of the user, such as that of ``ops.map``
        warnings.simplefilter("ignore")  # they would be about the zeros
        return function(*tree.map_structure(zeros, list(args)), **tree.map_structure(zeros, kwargs))


def _is_shape(x: Any) -> bool:
    return isinstance(x, tuple) and all(n is None or isinstance(n, int) for n in x)


def _dtype(op: Callable[..., Any], args: tuple[Any, ...], options: dict[str, Any]) -> str:
    """The dtype of the result, of tensors with one element each: it depends on no size."""

    def one(x: Any) -> Any:
        if not hasattr(x, "shape") or not hasattr(x, "dtype"):
            return x
        return _zeros((1,) * len(x.shape), str(x.dtype))

    def symbol(x: Any) -> Any:
        return KerasTensor((1,) * len(x.shape), str(x.dtype)) if hasattr(x, "shape") and hasattr(x, "dtype") else x

    with trial():
        if allowance.is_limited():
            shape = op.info.shape(*tree.map_structure(symbol, args), **tree.map_structure(symbol, options))  # type: ignore[attr-defined]
            if _is_shape(shape) and None not in shape:
                allowance.check_elements(math.prod(shape), op.__name__.lstrip("_"))
        return str(op(*tree.map_structure(one, args), **tree.map_structure(one, options)).dtype)


def probe(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What ``function`` returns for symbolic tensors, found by running it on zeros: ``Spec``s in the structure of its outputs.

    It is run with several sizes for every unknown one, all of them far apart; a size of the result is known if it is the same in all
    runs. Where the function refuses different sizes, those of axes that may have to agree are made equal.
    """
    symbolic = {id(x): x for x in tree.flatten([args, kwargs]) if isinstance(x, KerasTensor)}
    unknown = [(i, axis) for i, x in symbolic.items() for axis, n in enumerate(x.shape) if n is None]
    run = functools.partial(_run_on_zeros, function, args, kwargs)

    if not unknown:
        return tree.map_structure(lambda y: _merged([y]), run({}))
    first_error = None
    for large, other, *small in chain(
        _assignments(unknown, symbolic, args, kwargs),
        _assignments(unknown, symbolic, args, kwargs, tiny=True),  # a table of ten positions has no sixtieth
    ):
        try:
            results = [run(large), run(other)]
        except Exception as error:  # a layer may raise anything; the first error is about the sizes most likely meant
            first_error = first_error or error
            continue
        for sizes in small:  # a part of the first ten is ten long, unless there are fewer
            try:
                result = run(sizes)
            except Exception:  # windows may be larger: that says nothing
                continue
            if _ranks(result) == _ranks(results[0]):
                results.append(result)
        return tree.map_structure(lambda *parts: _merged(parts), *results)
    assert first_error is not None
    raise first_error


def _assignments(
    unknown: list[tuple[int, int]], symbolic: dict[int, KerasTensor], args: Any, kwargs: Any, tiny: bool = False
) -> Iterator[list[Sizes]]:
    """Sizes for the runs of ``probe``, two large ones and smaller ones, for different ideas about which of them must be equal."""
    constants = [tuple(x.shape) for x in tree.flatten([args, kwargs]) if hasattr(x, "shape")]
    fixed = {n for shape in constants for n in shape if n is not None}
    options = [abs(n) for n in tree.flatten([args, kwargs]) if type(n) is int]
    limits = [n for n in (*fixed, *options) if 1 < n <= 256]
    many = len(unknown) > 2
    least = 12 if many else 60  # so that what is halved, or divided by an option, has no remainder
    step = math.lcm(least, *(n for n in limits if n <= 12))
    step = step if step <= 2 * least else least

    def from_last(key: tuple[int, int]) -> int:
        return key[1] - symbolic[key[0]].ndim

    def met(axis: int) -> int | None:
        """The one known size that other tensors have at an axis."""
        known = {shape[axis] for shape in constants if -len(shape) <= axis < len(shape)} - {None, 1}
        return known.pop() if len(known) == 1 else None

    groupings: list[Callable[[tuple[int, int]], Any]] = [
        lambda key: key,
        from_last,
        lambda key: key[1],
        lambda key: 0,
    ]
    seen = []
    for position in (None, from_last, lambda key: key[1]):
        for group in groupings:
            known = {key: None if position is None else met(position(key)) for key in unknown}
            groups = list(dict.fromkeys(group(key) for key in unknown if known[key] is None))
            partition = [(known[key], None if known[key] else groups.index(group(key))) for key in unknown]
            if partition in seen:
                continue
            seen.append(partition)
            count = len(groups)
            spacings = ((step, max(limits, default=0) // step + 1), (12, 1), (4, 1), (1, 2))
            for spacing, first in ((1, 2),) if tiny else spacings:
                pool = [spacing * (first + i) for i in range(2 * len(unknown) + len(fixed) + 2)]
                pool = [n for n in pool if n not in fixed]
                other = pool[1 : count + 1] if many else pool[count : 2 * count]
                largest = {key: known[key] or other[groups.index(group(key))] for key in unknown}
                if _elements(symbolic, largest) <= MAX_ELEMENTS:
                    break
            choices = [pool[:count], other, [3 + i for i in range(count)], [1] * count]
            yield [{key: known[key] or sizes[groups.index(group(key))] for key in unknown} for sizes in choices]


def _elements(symbolic: dict[int, KerasTensor], sizes: Sizes) -> int:
    """How many numbers the zeros hold that stand in for the symbolic tensors."""
    return sum(math.prod(sizes[i, a] if n is None else n for a, n in enumerate(x.shape)) for i, x in symbolic.items())


def _ranks(result: Any) -> list[int]:
    return [len(y.shape) for y in tree.flatten(result)]


def _merged(parts: Sequence[Any]) -> Spec:
    """What several results have in common."""
    if not isinstance(parts[0], Tensor):
        raise TypeError(f"expected a function of tensors, it returned {type(parts[0]).__name__}")
    return Spec(tuple(n[0] if len(set(n)) == 1 else None for n in zip(*(y.shape for y in parts))), parts[0].dtype)


def _zeros(shape: tuple[int, ...], dtype: str) -> Tensor:
    return blank(shape) if dtype in ("string", "object") else Tensor(backends.current().xp.zeros(shape, dtype=dtype))


def symbols(spec: Any) -> Any:
    """Symbolic tensors that belong to no graph, for ``Spec``s or tensors in a structure."""

    def symbol(s: Any) -> KerasTensor:
        x = KerasTensor(s.shape, str(s.dtype))
        if tracing.state.in_traced_call:
            x.shape = TracedShape(x.shape)
        return x

    return tree.map_structure(symbol, spec)
