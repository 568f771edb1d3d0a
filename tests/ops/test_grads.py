"""Every op on every backend: its value, its gradient, and that both hold for any layout, size and dtype of its inputs.

An op without a row in one of the ``rows_*.py`` fails ``test_every_op_has_a_row``.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from dualnet_backends import Backend

from dualnet import ops, testing
from dualnet.core.tracing import recording
from dualnet.ops import higher_order, registry, shape_rules
from dualnet.ops.core import state

from .cases import Row, draw, emptied, scalars
from .harness import GRADIENT_ROWS, ROWS, floating, host, run, strided, tensors, transposed, values

every_row = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
every_gradient = pytest.mark.parametrize("row", GRADIENT_ROWS, ids=lambda row: row.name)


def all_ops() -> dict[Any, str]:
    """Every public op, every primitive, and every public function of the modules of ``dualnet.ops``."""
    listed = {getattr(ops, name): f"ops.{name}" for name in ops.__all__}
    for module in pkgutil.walk_packages(ops.__path__, "dualnet.ops."):
        if module.name.rpartition(".")[2].startswith("_") or module.name.startswith(
            (registry.__name__, shape_rules.__name__, higher_order.__name__)
        ):
            continue
        members = vars(importlib.import_module(module.name))
        for name, member in members.items():
            ours = inspect.isfunction(member) and member.__module__ == module.name
            if ours and (hasattr(member, "primitive") or not name.startswith("_")):
                listed.setdefault(member, f"{module.name.removeprefix('dualnet.ops.')}.{name}")
    return listed


def test_every_op_has_a_row() -> None:
    rows = {row.op for row in ROWS}
    rows.add(
        state.write_state
    )  # whose purpose is what a row forbids, to change an argument; see tests/layers/test_rnn_stateful.py
    missing = sorted(name for op, name in all_ops().items() if op not in rows)
    assert not missing, f"no row in tests/ops/rows_*.py for {', '.join(missing)}"


def test_every_row_is_of_an_op_and_has_samples() -> None:
    known = all_ops()
    assert [row.name for row in ROWS if row.op not in known] == []
    assert [row.name for row in ROWS if not row.samples] == []
    assert len({row.op for row in ROWS}) == len(ROWS)


def expect_equal(got: list[Any], expected: Any, about: str, rtol: float = 1e-12, atol: float = 1e-12) -> None:
    expected = list(expected) if isinstance(expected, (tuple, list)) else [expected]
    assert len(got) == len(expected), about
    for a, b in zip(got, expected):
        assert a.shape == np.shape(b), f"{about}: shape {a.shape}, expected {np.shape(b)}"
        if a.dtype.kind == "U":
            assert a == b, about
        else:
            np.testing.assert_allclose(a, b, rtol=rtol, atol=atol, err_msg=about)


@every_row
def test_value(backend: Backend, row: Row) -> None:
    for sample, args in row.draws():
        got = host(backend, row(*tensors(backend, args), **sample.options))
        expected = row.expect(args, sample.options)
        if row.op in (ops.shape,):
            expected = list(expected)
        if row.determined is not None:
            expected = row.determined(list(expected) if isinstance(expected, tuple) else [expected])
            got = row.determined(got)
        expect_equal(got, expected, str(sample))


@every_gradient
def test_gradient(backend: Backend, row: Row) -> None:
    for sample, args in row.draws():
        if any(isinstance(x, np.ndarray) and x.dtype.kind == "f" for x in args):
            # Python numbers stay numbers here: check_grads would make tensors of them.
            numbers = {i: x for i, x in enumerate(args) if isinstance(x, float)}

            def f(*arrays: Any, numbers: Any = numbers, options: Any = sample.options) -> Any:
                given = list(arrays)
                for i, number in numbers.items():
                    given.insert(i, number)
                return row(*given, **options)

            f.__name__ = f"{row.name}({sample})"
            testing.check_grads(f, *(x for x in args if not isinstance(x, float)), argnums=row.argnums)


@every_gradient
def test_gradient_closures_take_what_their_op_declares(backend: Backend, row: Row) -> None:
    """``backward(dy, out)`` where ``in_place_grads`` says so, else ``backward(dy)``."""
    for sample, args in row.draws():
        inputs = tensors(backend, args)
        for i in floating(inputs):
            inputs[i].tracked = True
        with recording() as tape:
            row(*inputs, **sample.options)
        for entry in tape:
            assert entry.backward.__code__.co_argcount == 1 + entry.in_place_grads, sample


@every_row
@pytest.mark.parametrize("layout", [transposed, strided])
def test_layout_of_the_inputs(backend: Backend, row: Row, layout: Any) -> None:
    for sample, args in row.draws():
        plain, moved = tensors(backend, args), tensors(backend, args, change=layout)
        if row.gradient:
            expected = host(backend, row(*plain, **sample.options))
            expect_equal(host(backend, row(*moved, **sample.options)), expected, str(sample))
            continue
        before = [x.copy() for x in args if isinstance(x, np.ndarray)]
        y, grads = run(backend, row, sample, plain)
        z, moved_grads = run(backend, row, sample, moved)
        expect_equal(host(backend, z), host(backend, y), str(sample))
        for i, g in values(backend, grads).items():
            expect_equal([backend.to_numpy(moved_grads[i])], g, f"{sample}: gradient {i}")
        for x, old in zip((x for x in moved if hasattr(x, "numpy")), before):
            np.testing.assert_array_equal(x.numpy(), old, err_msg=f"{sample}: an input was changed")


@every_row
def test_no_elements(backend: Backend, row: Row) -> None:
    if row.empty or emptied(row.samples[0]) == row.samples[0]:
        return
    sample = emptied(row.samples[0])
    args = draw(sample, "empty")
    expected = row.expect(args, sample.options)
    if row.gradient:
        got = host(backend, row(*tensors(backend, args), **sample.options))
        expect_equal(got, list(expected) if row.op is ops.shape else expected, str(sample))
        return
    inputs = tensors(backend, args)
    outputs, grads = run(backend, row, sample, inputs)
    expect_equal(host(backend, outputs), expected, str(sample))
    assert all(grads[i].shape == inputs[i].shape for i in grads), str(sample)


@pytest.mark.parametrize("row", [row for row in ROWS if row.scalar], ids=lambda row: row.name)
def test_no_axes(backend: Backend, row: Row) -> None:
    sample = scalars(row.samples[0])
    args = draw(sample, "scalars")
    expect_equal(
        host(backend, row(*tensors(backend, args), **sample.options)), row.expect(args, sample.options), str(sample)
    )
    if not row.gradient:
        testing.check_grads(row, *args, argnums=row.argnums, **sample.options)


@every_gradient
def test_float32(backend: Backend, row: Row) -> None:
    """float32 in gives float32 out and float32 gradients, near those of float64."""
    for sample, args in row.draws():
        if "dtype" in sample.options:
            continue
        narrow, wide = tensors(backend, args, "float32"), tensors(backend, args)
        y, grads = run(backend, row, sample, narrow)
        z, expected = run(backend, row, sample, wide)
        # Indices and counts keep their dtype.
        assert [str(v.dtype) for v in y] == [str(v.dtype).replace("float64", "float32") for v in z], str(sample)
        expect_equal(host(backend, y), host(backend, z), str(sample), 1e-4, 1e-5)
        for i, g in grads.items():
            assert str(g.dtype) == "float32", f"{sample}: gradient {i} is {g.dtype}"
            expect_equal([backend.to_numpy(g)], backend.to_numpy(expected[i]), str(sample), 2e-3, 1e-4)


@every_gradient
def test_unwanted_gradients(backend: Backend, row: Row) -> None:
    """With one input tracked, it alone gets a gradient, the same as when all are tracked."""
    sample, args = next(row.draws())
    _, expected = run(backend, row, sample, tensors(backend, args))
    for i in expected:
        inputs = tensors(backend, args)
        alone = replace(row, argnums=(i,))
        _, grads = run(backend, alone, sample, inputs)
        assert list(grads) == [i]
        expect_equal([backend.to_numpy(grads[i])], backend.to_numpy(expected[i]), f"{sample}: gradient {i}")


@every_gradient
def test_gradients_written_in_place(backend: Backend, row: Row) -> None:
    """Each gradient lands in the buffer meant for it, whether the op writes it there itself or the engine copies it."""
    for sample, args in row.draws():
        inputs = tensors(backend, args)
        outputs, expected = run(backend, row, sample, tensors(backend, args))
        if len(outputs) > 1:
            continue  # the harness asks for one gradient after the other
        buffers = {i: backend.xp.full(inputs[i].shape, 7.0, dtype="float64") for i in floating(inputs)}
        _, grads = run(backend, row, sample, inputs, buffers)
        for i, g in grads.items():
            assert g is buffers[i] or row.name in ("dropout", "convert_to_tensor"), (
                f"{sample}: gradient {i} is elsewhere"
            )
            expect_equal([backend.to_numpy(g)], backend.to_numpy(expected[i]), f"{sample}: gradient {i}")
