"""TensorFlow's branches and loops.

They run eagerly: where a tensor decides which function runs, its value is read on the host, and only that function
runs. Gradients flow through what ran. ``ops.cond`` and ``ops.switch`` choose on the device, after running all
functions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import ops, tree
from ..core.dtypes import standardize_dtype
from ..core.symbolic import KerasTensor
from ..core.variables import present_values

Function = Callable[..., Any]


def cond(pred: Any, true_fn: Function, false_fn: Function, name: str | None = None) -> Any:
    """``true_fn()`` where ``pred``, a tensor without axes, holds, else ``false_fn()``; the other one is not called.

    A symbolic ``pred`` is that of ``ops.cond``: both are called.
    """
    if isinstance(pred, KerasTensor):
        return ops.cond(pred, true_fn, false_fn)
    if not callable(true_fn) or not callable(false_fn):
        raise TypeError("tf.cond: true_fn and false_fn should be functions without arguments")
    return present_values(true_fn() if _truth(pred, "tf.cond: pred") else false_fn())


def _truth(pred: Any, what: str) -> bool:
    size = getattr(pred, "size", 1)
    if size != 1:
        raise ValueError(f"{what} should be one boolean, got shape {pred.shape}")
    return bool(pred)


def case(
    pred_fn_pairs: Any,
    default: Function | None = None,
    exclusive: bool = False,
    strict: bool = False,
    name: str = "case",
) -> Any:
    """The result of the first function whose predicate holds, else ``default()``. Only that function is called.

    Args:
        pred_fn_pairs: a list of (predicate, function without arguments), or a dictionary.
        exclusive: raise ``ValueError`` if several predicates hold.
        strict: leave a list of one tensor as it is, which is that tensor otherwise.

    Raises:
        ValueError: no predicate holds, and there is no default.
    """
    pairs = list(pred_fn_pairs.items() if isinstance(pred_fn_pairs, dict) else pred_fn_pairs)
    if not pairs or not all(isinstance(p, (tuple, list)) and len(p) == 2 and callable(p[1]) for p in pairs):
        raise ValueError("tf.case: expected pairs of a predicate and a function without arguments, at least one")
    if exclusive and sum(_truth(pred, "tf.case: a predicate") for pred, _ in pairs) > 1:
        raise ValueError("tf.case: several predicates hold, and exclusive=True says that one may")

    def choose(rest: list[Any]) -> Any:
        if rest:
            return cond(rest[0][0], rest[0][1], lambda: choose(rest[1:]))
        if default is None:
            raise ValueError("tf.case: none of the predicates holds; give a default")
        return default()

    result = choose(pairs)
    return result[0] if not strict and isinstance(result, list) and len(result) == 1 else result


def switch_case(branch_index: Any, branch_fns: Any, default: Function | None = None, name: str = "switch_case") -> Any:
    """``branch_fns[branch_index]()``, or for another index ``default()``, which by default is the last function.

    Args:
        branch_fns: a list of functions without arguments, or pairs of an index and a function, or a dictionary.
    """
    if isinstance(branch_fns, dict):
        branches = dict(branch_fns)
    else:
        pairs = [branch if isinstance(branch, (tuple, list)) else (i, branch) for i, branch in enumerate(branch_fns)]
        branches = {int(i): branch for i, branch in pairs}
        if len(branches) < len(pairs):
            raise ValueError("tf.switch_case: an index has two functions")
    if not branches or sorted(branches) != list(range(len(branches))):
        raise ValueError(f"tf.switch_case: expected functions for 0 to {len(branches) - 1}, got {sorted(branches)}")
    functions = [branches[i] for i in range(len(branches))]
    functions.append(functions[-1] if default is None else default)
    other = len(functions) - 1
    if isinstance(branch_index, KerasTensor):
        outside = ops.logical_or(ops.less(branch_index, 0), ops.greater_equal(branch_index, other))
        return ops.switch(ops.where(outside, other, branch_index), functions)
    index = int(branch_index)
    return present_values(functions[index if 0 <= index < other else other]())


def while_loop(
    cond: Function,
    body: Function,
    loop_vars: Any,
    shape_invariants: Any = None,
    parallel_iterations: int = 10,
    back_prop: bool = True,
    swap_memory: bool = False,
    maximum_iterations: int | None = None,
    name: str | None = None,
) -> Any:
    """``loop_vars = body(*loop_vars)`` as long as ``cond(*loop_vars)`` holds, ``maximum_iterations`` times at most.

    loop_vars: a tuple or list of tensors, or of structures of them.  shape_invariants, parallel_iterations,
    swap_memory: without effect, shapes may change.  back_prop: if False, no gradient flows through the loop.
    """

    def step(*values: Any) -> Any:
        results = body(*values)
        packed = tuple(results) if isinstance(results, (tuple, list)) else (results,)
        try:
            tree.assert_same_structure(values, packed, check_types=False)
        except (ValueError, TypeError) as error:
            raise ValueError(
                f"tf.while_loop: body should return its {len(values)} arguments in the same structure, it returned "
                f"{len(packed)} values ({error})"
            ) from None
        return packed

    maximum = None if maximum_iterations is None else int(maximum_iterations)
    result = ops.while_loop(cond, step, loop_vars, maximum_iterations=maximum)  # type: ignore[no-untyped-call]
    return result if back_prop else tree.map_structure(ops.stop_gradient, result)


def map_fn(
    fn: Function,
    elems: Any,
    dtype: Any = None,
    parallel_iterations: int | None = None,
    back_prop: bool = True,
    swap_memory: bool = False,
    infer_shape: bool = True,
    name: str | None = None,
    fn_output_signature: Any = None,
) -> Any:
    """``fn`` of every slice of ``elems`` along the first axis, the results stacked.

    Args:
        fn: a function of one argument: a slice, or a structure of slices.
        elems: a tensor, or a structure of tensors with the same first axis.
        fn_output_signature: the dtype of what ``fn`` returns (or a TensorSpec), in its structure; by default it is that
            of ``elems``. dtype: its old name.
        back_prop: if False, no gradient flows through.

    Raises:
        ValueError: a result has another dtype or structure; there is no slice.
    """
    elems = _with_first_axis("tf.map_fn", elems)
    signature = dtype if fn_output_signature is None else fn_output_signature
    expected = elems if signature is None else signature

    def checked(x: Any) -> Any:
        result = fn(x)
        try:
            tree.assert_same_structure(expected, result, check_types=False)
        except (ValueError, TypeError) as error:
            raise ValueError(
                f"tf.map_fn: the function should return {'the structure of elems' if signature is None else signature}: give "
                f"what it returns as fn_output_signature, such as (tf.float32, tf.int32) ({error})"
            ) from None
        return tree.map_structure(_of_dtype, result, expected)

    result = ops.map(checked, elems)  # type: ignore[no-untyped-call]
    return result if back_prop else tree.map_structure(ops.stop_gradient, result)


def _of_dtype(x: Any, expected: Any) -> Any:
    x = ops.convert_to_tensor(x)
    name = str(getattr(expected, "dtype", expected))
    if str(x.dtype) != name:
        raise ValueError(f"tf.map_fn: the function returned {x.dtype} in the place of {name}: give fn_output_signature")
    return x


def _with_first_axis(name: str, elems: Any) -> Any:
    """The tensors of a structure, each with a first axis."""
    tensors = tree.map_structure(lambda x: x if isinstance(x, KerasTensor) else ops.convert_to_tensor(x), elems)
    if any(len(x.shape) == 0 for x in tree.flatten(tensors)):
        raise ValueError(
            f"{name}: elems should have a first axis; a list of numbers is no tensor: use tf.constant(...)"
        )
    return tensors


def scan(
    fn: Function,
    elems: Any,
    initializer: Any = None,
    parallel_iterations: int = 10,
    back_prop: bool = True,
    swap_memory: bool = False,
    infer_shape: bool = True,
    reverse: bool = False,
    name: str | None = None,
) -> Any:
    """All values of ``a = fn(a, x)`` for the slices x of ``elems`` along the first axis, stacked.

    Args:
        initializer: the first a, which is not in the result; None: the first slice, which is.
        reverse: from the last slice to the first; the values stay at the places of their slices.
        back_prop: if False, no gradient flows through.
    """
    elems = _with_first_axis("tf.scan", elems)
    first, rest = (initializer, elems) if initializer is not None else _first_and_rest(elems, reverse)

    def step(a: Any, x: Any) -> Any:
        result = _accumulated("tf.scan", fn(a, x), a)
        return result, result

    if len(tree.flatten(rest)[0]) == 0:
        if initializer is not None:
            raise ValueError("tf.scan: expected at least one slice, got none")
        result = elems
    else:
        _, result = ops.scan(step, first, rest, reverse=reverse)  # type: ignore[no-untyped-call]
        if initializer is None:
            both = [result, tree.map_structure(lambda x: ops.expand_dims(x, 0), first)]
            parts = both if reverse else both[::-1]
            result = tree.map_structure(lambda a, b: ops.concatenate([a, b], axis=0), *parts)
    return result if back_prop else tree.map_structure(ops.stop_gradient, result)


def foldl(
    fn: Function,
    elems: Any,
    initializer: Any = None,
    parallel_iterations: int = 10,
    back_prop: bool = True,
    swap_memory: bool = False,
    name: str | None = None,
) -> Any:
    """The last value of ``a = fn(a, x)`` for the slices x of ``elems`` along the first axis.

    initializer: the first a; None: the first slice.
    """
    return _fold("tf.foldl", fn, elems, initializer, back_prop, False)


def foldr(
    fn: Function,
    elems: Any,
    initializer: Any = None,
    parallel_iterations: int = 10,
    back_prop: bool = True,
    swap_memory: bool = False,
    name: str | None = None,
) -> Any:
    """``foldl`` from the last slice to the first."""
    return _fold("tf.foldr", fn, elems, initializer, back_prop, True)


def _fold(name: str, fn: Function, elems: Any, initializer: Any, back_prop: bool, reverse: bool) -> Any:
    elems = _with_first_axis(name, elems)
    first, rest = (initializer, elems) if initializer is not None else _first_and_rest(elems, reverse)
    if len(tree.flatten(rest)[0]) == 0:
        result = tree.map_structure(ops.convert_to_tensor, first)
    else:

        def step(a: Any, x: Any) -> Any:
            return _accumulated(name, fn(a, x), a), None

        result, _ = ops.scan(step, first, rest, reverse=reverse)  # type: ignore[no-untyped-call]
    return result if back_prop else tree.map_structure(ops.stop_gradient, result)


def _first_and_rest(elems: Any, reverse: bool) -> tuple[Any, Any]:
    if reverse:
        return tree.map_structure(lambda x: x[-1], elems), tree.map_structure(lambda x: x[:-1], elems)
    return tree.map_structure(lambda x: x[0], elems), tree.map_structure(lambda x: x[1:], elems)


def _accumulated(name: str, result: Any, before: Any) -> Any:
    """What the function of a fold returned, as tensors; its structure stays that of the value before."""
    try:
        tree.assert_same_structure(before, result, check_types=False)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{name}: the function should return the structure of its first argument ({error})") from None
    return tree.map_structure(ops.convert_to_tensor, result)


def vectorized_map(fn: Function, elems: Any, fallback_to_while_loop: bool = True, warn: bool = True) -> Any:
    """``fn`` of every slice of ``elems`` along the first axis, the results stacked: a loop, as ``tf.map_fn``."""
    return ops.vectorized_map(fn, _with_first_axis("tf.vectorized_map", elems))  # type: ignore[no-untyped-call]


def py_function(func: Callable[..., Any], inp: Any, Tout: Any = None, name: str | None = None) -> Any:
    """``func(*inp)``, as ``tf.py_function``: everything is Python here. Gradients go through it.

    Args:
        func: gets tensors.
        inp: a list of what it gets.
        Tout: the dtype of the result, or a list of those of several; None or an empty list for no result.
    """
    return _results("tf.py_function", func(*map(ops.convert_to_tensor, inp)), Tout)


def numpy_function(
    func: Callable[..., Any], inp: Any, Tout: Any, stateful: bool = True, name: str | None = None
) -> Any:
    """``func(*inp)`` for a function of NumPy arrays, as ``tf.numpy_function``. No gradient goes through it.

    Args:
        func, inp, Tout: see ``py_function``.
        stateful: of TensorFlow, without effect.
    """
    return _results("tf.numpy_function", func(*(ops.convert_to_numpy(x) for x in inp)), Tout)


def _results(function: str, results: Any, dtypes: Any) -> Any:
    """Results as tensors of the dtypes that were promised."""
    if dtypes is None or (isinstance(dtypes, (list, tuple)) and not dtypes):
        return None if dtypes is None else []
    if not isinstance(dtypes, (list, tuple)):
        return _result(function, results, dtypes)
    if not isinstance(results, (list, tuple)) or len(results) != len(dtypes):
        given = f"{len(results)} results" if isinstance(results, (list, tuple)) else type(results).__name__
        raise ValueError(f"{function}: expected {len(dtypes)} results, as Tout says, got {given}")
    return [_result(function, x, dtype) for x, dtype in zip(results, dtypes)]


def _result(function: str, x: Any, dtype: Any) -> Any:
    if not hasattr(x, "dtype"):
        return ops.convert_to_tensor(x, dtype=dtype)
    y = ops.convert_to_tensor(x)
    if y.dtype != standardize_dtype(dtype):
        raise ValueError(
            f"{function}: the function returned {y.dtype}, and Tout says {dtype}: give Tout={y.dtype!r}, or cast it"
        )
    return y
