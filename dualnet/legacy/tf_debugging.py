"""``tf.debugging``: checks that raise. They read values on the host, so a training step with one is not replayed.

``tf.errors.InvalidArgumentError`` is ``ValueError``, which they raise.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import ops
from ..core.text import as_text, is_text

InvalidArgumentError = ValueError
OutOfRangeError = StopIteration  # what the iterator of a dataset raises at its end


def _value(x: Any) -> Any:
    return as_text(x) if is_text(x) else np.asarray(ops.convert_to_numpy(x))


def _hold(relation: str, holds: Callable[[Any, Any], Any], x: Any, y: Any, message: str | None) -> None:
    """Raise unless ``x relation y`` for all elements."""
    a, b = _value(x), _value(y)
    start = f"{message}: " if message else ""
    try:
        wrong = ~np.asarray(holds(a, b), bool)
    except ValueError:
        raise ValueError(f"{start}x {relation} y: the shapes {a.shape} and {b.shape} do not go together") from None
    if wrong.any():
        first = tuple(int(i) for i in np.argwhere(wrong)[0])
        values = (np.broadcast_to(v, wrong.shape)[first] for v in (a, b))
        at = f" at {int(wrong.sum())} of {wrong.size} places, first at {list(first)}" if wrong.ndim else ""
        raise ValueError(f"{start}x {relation} y does not hold{at}: x is {next(values)}, y is {next(values)}")


def assert_equal(x: Any, y: Any, message: str | None = None, summarize: Any = None, name: str | None = None) -> None:
    """Raise ``ValueError`` unless all elements are equal."""
    _hold("==", np.equal, x, y, message)


def assert_none_equal(
    x: Any, y: Any, summarize: Any = None, message: str | None = None, name: str | None = None
) -> None:
    """Raise ``ValueError`` if any two elements are equal."""
    _hold("!=", np.not_equal, x, y, message)


def assert_less(x: Any, y: Any, message: str | None = None, summarize: Any = None, name: str | None = None) -> None:
    """Raise ``ValueError`` unless every element of x is smaller."""
    _hold("<", np.less, x, y, message)


def assert_less_equal(
    x: Any, y: Any, message: str | None = None, summarize: Any = None, name: str | None = None
) -> None:
    """Raise ``ValueError`` unless no element of x is larger."""
    _hold("<=", np.less_equal, x, y, message)


def assert_greater(x: Any, y: Any, message: str | None = None, summarize: Any = None, name: str | None = None) -> None:
    """Raise ``ValueError`` unless every element of x is larger."""
    _hold(">", np.greater, x, y, message)


def assert_greater_equal(
    x: Any, y: Any, message: str | None = None, summarize: Any = None, name: str | None = None
) -> None:
    """Raise ``ValueError`` unless no element of x is smaller."""
    _hold(">=", np.greater_equal, x, y, message)


def assert_positive(x: Any, message: str | None = None, summarize: Any = None, name: str | None = None) -> None:
    """Raise ``ValueError`` unless x > 0."""
    _hold(">", np.greater, x, 0, message)


def assert_negative(x: Any, message: str | None = None, summarize: Any = None, name: str | None = None) -> None:
    """Raise ``ValueError`` unless x < 0."""
    _hold("<", np.less, x, 0, message)


def assert_non_negative(x: Any, message: str | None = None, summarize: Any = None, name: str | None = None) -> None:
    """Raise ``ValueError`` unless x >= 0."""
    _hold(">=", np.greater_equal, x, 0, message)


def assert_non_positive(x: Any, message: str | None = None, summarize: Any = None, name: str | None = None) -> None:
    """Raise ``ValueError`` unless x <= 0."""
    _hold("<=", np.less_equal, x, 0, message)


def assert_near(
    x: Any,
    y: Any,
    rtol: float | None = None,
    atol: float | None = None,
    message: str | None = None,
    summarize: Any = None,
    name: str | None = None,
) -> None:
    """Raise ``ValueError`` unless |x - y| <= atol + rtol * |y|; both are 10 times the dtype's precision by default."""
    a, b = _value(x), _value(y)
    dtype = np.result_type(a, b)
    small = 10 * float(np.finfo(dtype if dtype.kind in "fc" else "float32").eps)
    r, t = (small if tolerance is None else float(tolerance) for tolerance in (rtol, atol))
    _hold(f"within {t:g} + {r:g} * |y| of", lambda a, b: np.abs(a - b) <= t + r * np.abs(b), a, b, message)


def assert_all_finite(x: Any, message: str, name: str | None = None) -> Any:
    """The tensor; ``ValueError`` if it has NaN or infinity in it."""
    value = _value(x)
    kinds = [kind for kind, test in (("NaN", np.isnan), ("infinity", np.isinf)) if test(value).any()]
    if kinds:
        raise ValueError(f"{message}: the tensor, of shape {value.shape}, has {' and '.join(kinds)} in it")
    return ops.convert_to_tensor(x)


def assert_rank(x: Any, rank: int, message: str | None = None, name: str | None = None) -> None:
    """Raise ``ValueError`` unless the tensor has ``rank`` axes."""
    _rank(x, lambda n: n == rank, f"{rank} axes", message)


def assert_rank_at_least(x: Any, rank: int, message: str | None = None, name: str | None = None) -> None:
    """Raise ``ValueError`` if the tensor has fewer than ``rank`` axes."""
    _rank(x, lambda n: n >= rank, f"at least {rank} axes", message)


def assert_rank_in(x: Any, ranks: Any, message: str | None = None, name: str | None = None) -> None:
    """Raise ``ValueError`` unless the number of axes is one of ``ranks``."""
    _rank(x, lambda n: n in tuple(ranks), f"one of {tuple(ranks)} as the number of axes", message)


def assert_scalar(tensor: Any, message: str | None = None, name: str | None = None) -> Any:
    """The tensor; ``ValueError`` if it has axes."""
    _rank(tensor, lambda n: n == 0, "no axes", message)
    return tensor


def _rank(x: Any, holds: Callable[[int], bool], expected: str, message: str | None) -> None:
    shape = np.shape(x) if not hasattr(x, "shape") else tuple(x.shape)
    if not holds(len(shape)):
        raise ValueError(f"{f'{message}: ' if message else ''}expected {expected}, got shape {shape}")


def assert_shapes(
    shapes: Any, data: Any = None, summarize: Any = None, message: str | None = None, name: str | None = None
) -> None:
    """Raise ``ValueError`` unless tensors have the shapes said, and the same name means the same length everywhere.

    shapes: pairs of a tensor and a shape, or a dictionary. In a shape a number is a length, a name stands for any one,
    None for whatever it is, and ``...`` at the beginning for any number of axes.
    """
    lengths: dict[Any, int] = {}
    start = f"{message}: " if message else ""
    for x, expected in shapes.items() if isinstance(shapes, dict) else shapes:
        actual, wanted = tuple(np.shape(x) if not hasattr(x, "shape") else x.shape), tuple(expected)
        if wanted[:1] in ((...,), ("*",)):
            wanted = wanted[1:]
            fits, known = len(actual) >= len(wanted), actual[len(actual) - len(wanted) :]
        else:
            fits, known = len(actual) == len(wanted), actual
        if not fits:
            raise ValueError(f"{start}expected shape {tuple(expected)}, got {actual}")
        for symbol, n in zip(wanted, known):
            if symbol is None or symbol == ".":
                continue
            size = symbol if isinstance(symbol, int) else lengths.setdefault(symbol, n)
            if n != size:
                raise ValueError(f"{start}expected {symbol!r} to be {size} in shape {tuple(expected)}, got {actual}")


def assert_type(tensor: Any, tf_type: Any, message: str | None = None, name: str | None = None) -> None:
    """Raise ``TypeError`` unless the tensor is of a dtype."""
    dtype = "string" if is_text(tensor) else str(ops.convert_to_tensor(tensor).dtype)
    if dtype != str(tf_type):
        raise TypeError(f"{f'{message}: ' if message else ''}expected dtype {tf_type}, got {dtype}")


def assert_integer(x: Any, message: str | None = None, name: str | None = None) -> None:
    """Raise ``TypeError`` unless the tensor is of an integer dtype."""
    dtype = ops.convert_to_tensor(x).dtype
    if "int" not in str(dtype):
        raise TypeError(f"{f'{message}: ' if message else ''}expected an integer dtype, got {dtype}")


def assert_condition(condition: Any, data: Any, summarize: Any = None, name: str | None = None) -> None:
    """Raise ``ValueError``, with the data in its text, unless the condition holds for all elements."""
    if not np.all(_value(condition)):
        raise ValueError(f"the condition does not hold; data: {', '.join(str(_value(x)) for x in data)}")
