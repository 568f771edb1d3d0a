"""Einstein sums: products of tensors over labelled axes, computed as matrix products."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from dualnet_backends import Backend

from ...core.dtypes import result_type
from ...core.op import primitive
from ...core.tensor import Tensor
from .. import shape_rules
from .._common import Array, Forward, Xp
from .._sums import exact_sum
from ..core.create import _as_tensors
from ..registry import op

Label = str  # one letter, or "...n" for the n-th axis from the right within an ellipsis
Labels = tuple[Label, ...]


def _einsum_shape(*operands: Any, subscripts: str, widen: bool = True) -> shape_rules.Shape:
    shapes = [shape_rules.shape_of(x) for x in operands]
    terms, output = _parse(subscripts, [len(shape) for shape in shapes])
    sizes = _sizes(subscripts, terms, shapes, output)
    return tuple(sizes[label] for label in output)


@op(
    "numpy",
    call=("operands", "optimize"),
    shape=lambda subscripts, *operands, **options: _einsum_shape(*operands, subscripts=subscripts),
)
def einsum(subscripts: str, *operands: Any, **kwargs: Any) -> Tensor:
    """The sum of products specified by ``subscripts``, in the notation of ``numpy.einsum``.

    Without "->" the result has the letters that occur once, in alphabetical order.

    "ij,jk->ik" is a matrix product, "bqhd,bkhd->bhqk" the scores of attention, "ii->i" a diagonal.

    Args:
        subscripts: one group of letters per operand, separated by commas, then "->" and the letters of the result. A
            letter that is not in the result is summed over; a letter twice in one operand takes its diagonal; "..."
            stands for any axes, which broadcast.
        kwargs: only ``optimize``, which is ignored: the cheapest product always comes first.

    Raises:
        ValueError: subscripts and shapes do not fit.
    """
    if unknown := set(kwargs) - {"optimize"}:
        raise TypeError(f"einsum: the keyword {sorted(unknown)[0]!r} is not known; the only one is 'optimize'")
    if not isinstance(subscripts, str):
        raise TypeError(f"einsum: expected subscripts such as 'ij,jk->ik' first, got {type(subscripts).__name__}")
    if not operands:
        raise ValueError(f"einsum: {subscripts!r} needs operands, got none")
    return _einsum(*_as_tensors(operands), subscripts=subscripts)


@primitive(in_place_grads=True, shape=_einsum_shape)
def _einsum(backend: Backend, *operands: Array, subscripts: str, widen: bool = True) -> Forward:
    terms, output = _parse(subscripts, [x.ndim for x in operands])
    sizes = _sizes(subscripts, terms, [x.shape for x in operands], output)
    dtype = result_type(*(x.dtype for x in operands))
    if widen and all(x.dtype == "int8" for x in operands):
        dtype = "int32"  # as in matmul: a sum of products of int8 does not fit in int8
    arrays = [x.astype(dtype, copy=False) for x in operands]
    y = _contract(backend, list(terms), arrays, output, sizes).astype(dtype, copy=False)

    def backward(dy: Array, out: list[Any]) -> tuple[Array | None, ...]:
        grads: list[Array | None] = [None] * len(operands)
        for i, (term, x) in enumerate(zip(terms, operands)):
            if out[i] is not False:
                others, factors = [*terms[:i], *terms[i + 1 :]], [*arrays[:i], *arrays[i + 1 :]]
                grads[i] = _gradient(backend, [output, *others], [dy, *factors], term, x, sizes)
        return tuple(grads)

    return y, backward


def _parse(subscripts: str, ranks: Sequence[int]) -> tuple[list[Labels], Labels]:
    """The labels of each operand (of the given numbers of axes) and of the result."""
    text = subscripts.replace(" ", "")
    left, arrow, right = text.partition("->")
    groups = left.split(",")
    if len(groups) != len(ranks):
        raise ValueError(f"einsum: {subscripts!r} is for {len(groups)} operands, got {len(ranks)}")
    terms, widest = [], 0
    for n, (group, rank) in enumerate(zip(groups, ranks)):
        letters = group.replace("...", "", 1)
        hidden = rank - len(letters)
        if hidden < 0 or (hidden and "..." not in group):
            raise ValueError(
                f"einsum: operand {n} has {rank} axes, {subscripts!r} names {len(letters)} of it ({group!r})"
            )
        widest = max(widest, hidden)
        terms.append(_labels(subscripts, group, hidden))
    if arrow:
        output = _labels(subscripts, right, widest)
        if len(set(output)) < len(output):
            raise ValueError(f"einsum: {subscripts!r} has a letter twice in the result")
    else:
        letters = "".join(groups).replace("...", "")
        output = (*_hidden(widest), *(a for a in sorted(set(letters)) if letters.count(a) == 1))
    return terms, output


def _hidden(n: int) -> Labels:
    return tuple(f"...{i}" for i in range(n, 0, -1))


def _labels(subscripts: str, group: str, hidden: int) -> Labels:
    front, dots, back = group.partition("...")
    if not all(a.isalpha() for a in front + back):
        raise ValueError(f"einsum: {subscripts!r} may have letters, commas, one '->' and '...' once in each group")
    return (*front, *(_hidden(hidden) if dots else ()), *back)


def _sizes(subscripts: str, terms: Sequence[Labels], shapes: Sequence[Any], output: Labels) -> dict[Label, Any]:
    """The size of every label, where 1 broadcasts; in shape inference None where no operand tells it."""
    sizes: dict[Label, Any] = {}
    for term, shape in zip(terms, shapes):
        for label, n in zip(term, shape):
            known = sizes.setdefault(label, n)
            if known == 1 or (known is None and n != 1):
                sizes[label] = n
            elif n not in (1, None, known):
                raise ValueError(f"einsum: {subscripts!r} on shapes {list(shapes)}: {label!r} is {known} and {n}")
    if missing := [label for label in output if label not in sizes]:
        raise ValueError(f"einsum: {subscripts!r} has {missing[0]!r} in the result and in no operand")
    return sizes


def _contract(
    backend: Backend, terms: list[Labels], arrays: list[Array], output: Labels, sizes: dict[Label, int]
) -> Array:
    """The sum of products of arrays with axes labelled ``terms``, as an array with axes ``output``."""
    work = [_simple(backend.xp, t, x, sizes) for t, x in zip(terms, arrays)]
    while True:
        for i, (term, x) in enumerate(work):  # labels of a single operand are summed first
            needed = {*output, *(a for j, (t, _) in enumerate(work) if j != i for a in t)}
            alone = tuple(n for n, a in enumerate(term) if a not in needed)
            if alone:
                work[i] = tuple(a for a in term if a in needed), _summed(backend.xp, x, alone)
        if len(work) == 1:
            break
        i, j = _cheapest([t for t, _ in work], output, sizes)
        second, first = work.pop(j), work.pop(i)
        needed = {*output, *(a for t, _ in work for a in t)}
        work.append(_pair(backend, first, second, needed))
    term, x = work[0]
    if missing := tuple(a for a in output if a not in term):  # labels of broadcast axes only
        x, term = x.reshape((1,) * len(missing) + x.shape), missing + term
        x = backend.xp.broadcast_to(x, tuple(sizes[a] for a in term))
    return x if term == output else backend.xp.transpose(x, [term.index(a) for a in output])


def _simple(xp: Xp, term: Labels, x: Array, sizes: dict[Label, int]) -> tuple[Labels, Array]:
    """An operand without repeated letters and without axes of 1 that broadcast."""
    full = tuple(n == sizes[a] for a, n in zip(term, x.shape))
    if not all(full):
        x = x.reshape(tuple(n for n, keep in zip(x.shape, full) if keep))
        term = tuple(a for a, keep in zip(term, full) if keep)
    while (twice := next((a for a in term if term.count(a) > 1), None)) is not None:
        first = term.index(twice)
        second = term.index(twice, first + 1)
        x = xp.diagonal(x, 0, first, second)
        term = (*(a for n, a in enumerate(term) if n not in (first, second)), twice)
    return term, x


def _summed(xp: Xp, x: Array, axes: tuple[int, ...]) -> Array:
    """The sum over axes, in the dtype of ``x``."""
    if x.dtype.kind in "biu":
        return xp.sum(x, axis=axes, dtype=x.dtype)
    return exact_sum(xp, x, axes).astype(x.dtype, copy=False)


def _cheapest(terms: Sequence[Labels], output: Labels, sizes: dict[Label, int]) -> tuple[int, int]:
    """The two operands whose product takes the fewest multiplications."""
    if len(terms) == 2:
        return 0, 1
    pairs = [(i, j) for i in range(len(terms)) for j in range(i + 1, len(terms))]
    return min(pairs, key=lambda p: math.prod(sizes[a] for a in {*terms[p[0]], *terms[p[1]]}))


def _pair(
    backend: Backend, first: tuple[Labels, Array], second: tuple[Labels, Array], needed: set[Label]
) -> tuple[Labels, Array]:
    """Two operands as one: (batch, rows, inner) @ (batch, inner, columns), or an elementwise product."""
    (s, x), (t, y) = first, second
    xp = backend.xp
    batch = tuple(a for a in s if a in t and a in needed)
    inner = tuple(a for a in s if a in t and a not in needed)
    rows = tuple(a for a in s if a not in t)
    columns = tuple(a for a in t if a not in s)
    x = xp.transpose(x, [s.index(a) for a in batch + rows + inner])
    y = xp.transpose(y, [t.index(a) for a in batch + inner + columns])
    n = len(batch)
    shape = x.shape[: n + len(rows)] + y.shape[n + len(inner) :]
    term = batch + rows + columns
    if not inner:
        return term, x.reshape(x.shape + (1,) * len(columns)) * y.reshape(y.shape[:n] + (1,) * len(rows) + y.shape[n:])
    if not rows and not columns:
        return term, _summed(xp, x * y, tuple(range(n, x.ndim)))
    k = math.prod(y.shape[n : n + len(inner)])
    left = x.reshape((*x.shape[:n], math.prod(x.shape[n : n + len(rows)]), k))
    right = y.reshape((*y.shape[:n], k, math.prod(y.shape[n + len(inner) :])))
    return term, backend.matmul(left, right).reshape(shape)


def _gradient(
    backend: Backend, terms: list[Labels], arrays: list[Array], term: Labels, x: Array, sizes: dict[Label, int]
) -> Array:
    """The gradient of the operand ``x`` with axes ``term``: the Einstein sum of all the others."""
    xp = backend.xp
    one = tuple(a for a, n in zip(term, x.shape) if n == sizes[a])  # an axis of 1 that was broadcast is summed over
    plain = tuple(dict.fromkeys(one))
    present = {a for t in terms for a in t}
    gradient = _contract(backend, terms, arrays, tuple(a for a in plain if a in present), sizes)
    # A label of no other operand was summed over: the gradient is constant along it.
    gradient = gradient.reshape(tuple(sizes[a] if a in present else 1 for a in plain))
    gradient = xp.broadcast_to(gradient, tuple(sizes[a] for a in plain))
    for at, label in enumerate(one):  # a repeated label: onto the diagonal, zero elsewhere
        if label in one[:at]:
            before = one[:at].index(label)
            n = sizes[label]
            hot = xp.eye(n, dtype=gradient.dtype).reshape(
                tuple(n if i in (before, at) else 1 for i in range(gradient.ndim + 1))
            )
            gradient = xp.expand_dims(gradient, at) * hot
    return gradient.reshape(x.shape)
