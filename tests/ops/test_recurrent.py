"""What the op table cannot say of recurrent networks: half precision, fresh results, wrong shapes, equal bits on several threads."""

from __future__ import annotations

from typing import Any

import dualnet_backends as backends
import numpy as np
import pytest
from dualnet_backends import Backend, threads

from dualnet.core.autodiff import backward
from dualnet.core.tensor import Tensor
from dualnet.core.tracing import recording
from dualnet.ops.nn import recurrent

from .cases import F, call, draw
from .harness import ROWS, tensors

OPS = [row for row in ROWS if row.op in (recurrent.lstm, recurrent.gru, recurrent.simple_rnn)]
every_op = pytest.mark.parametrize("row", OPS, ids=lambda row: row.name)


def drawn(
    backend: Backend, row: Any, dtype: str, batch: int = 3, steps: int = 4, features: int = 2, units: int = 5
) -> Any:
    """x, the states, the kernels and a bias"""
    states, columns = (2, 4 * units) if row.name == "lstm" else (1, (3 if row.name == "gru" else 1) * units)
    shapes = [(batch, steps, features), *[(batch, units)] * states, (features, columns), (units, columns), (columns,)]
    return tensors(backend, draw(call(*(F(shape, -1.0, 1.0) for shape in shapes)), row.name), dtype)


@every_op
def test_half_precision(backend: Backend, row: Any) -> None:
    """float16 in, float16 out, as accurate as float16 can say it."""
    narrow = drawn(backend, row, "float16")
    wide = [Tensor(x.data.astype("float32")) for x in narrow]
    for x in (*narrow, *wide):
        x.tracked = True
    grads = []
    for inputs in (narrow, wide):
        with recording() as tape:
            outputs = row(*inputs)
        found = backward(tape, outputs[0])
        grads.append([backend.to_numpy(found[id(x)]) for x in inputs])
        values = [backend.to_numpy(y.data) for y in outputs]
        if inputs is narrow:
            rounded = values
    for x, y in zip([*rounded, *grads[0]], [*values, *grads[1]]):
        assert x.dtype == "float16"
        np.testing.assert_array_equal(x, y.astype("float16"))


@every_op
def test_mixed_dtypes(backend: Backend, row: Any) -> None:
    """A float64 kernel makes all of it float64; gradients have the dtypes of their tensors."""
    inputs = list(drawn(backend, row, "float32"))
    inputs[-3] = Tensor(inputs[-3].data.astype("float64"))
    for x in inputs:
        x.tracked = True
    with recording() as tape:
        outputs = row(*inputs)
    assert {str(y.dtype) for y in outputs} == {"float64"}
    grads = backward(tape, outputs[0])
    assert [grads[id(x)].dtype for x in inputs] == [x.data.dtype for x in inputs]


@every_op
def test_no_steps(backend: Backend, row: Any) -> None:
    """The states stay what they are; a layer that shows its last state shows zeros."""
    inputs = drawn(backend, row, "float32", steps=0)
    batch, units = inputs[1].shape
    for sequences, shape in ((True, (batch, 0, units)), (False, (batch, units))):
        outputs, *states = row(*inputs, return_sequences=sequences)
        np.testing.assert_array_equal(outputs.numpy(), np.zeros(shape, "float32"))
        for before, after in zip(inputs[1:], states):
            np.testing.assert_array_equal(after.numpy(), before.numpy())


@every_op
@pytest.mark.parametrize("sequences", [True, False])
def test_results_are_in_memory_of_their_own(backend: Backend, row: Any, sequences: bool) -> None:
    """A second call, and gradients, leave what the first call returned; no two results share memory."""
    inputs = drawn(backend, row, "float32", 32, 16, 32, 64)
    for x in inputs:
        x.tracked = True
    with recording() as tape:
        outputs = row(*inputs, return_sequences=sequences)
    values = [y.numpy().copy() for y in outputs]
    grads = backward(tape, outputs[0])
    copies = {i: backend.to_numpy(g).copy() for i, g in grads.items()}
    backward(tape, outputs[1])
    row(*[Tensor(x.data * 2) for x in inputs], return_sequences=sequences)
    for y, value in zip(outputs, values):
        np.testing.assert_array_equal(y.numpy(), value)
    for i, value in copies.items():
        np.testing.assert_array_equal(backend.to_numpy(grads[i]), value)
    outputs[0].data[...] = 7
    for y, value in zip(outputs[1:], values[1:]):
        np.testing.assert_array_equal(y.numpy(), value)


@every_op
def test_equal_bits_on_any_number_of_threads(row: Any) -> None:
    cpu = backends.get("cpu")
    inputs = drawn(cpu, row, "float32", 33, 64, 32, 64)
    for x in inputs:
        x.tracked = True
    results = []
    for n in (1, 2, 3):
        threads.set_num_threads(n)
        try:
            with recording() as tape:
                outputs = row(*inputs)
            results.append([*(y.numpy() for y in outputs), *(g for _, g in sorted(backward(tape, outputs[0]).items()))])
        finally:
            threads.set_num_threads(None)
    for other in results[1:]:
        for x, y in zip(results[0], other):
            np.testing.assert_array_equal(x, y)


@every_op
def test_wrong_shapes(backend: Backend, row: Any) -> None:
    inputs = list(drawn(backend, row, "float32"))
    with pytest.raises(
        ValueError, match=rf"{row.name}: expected x of shape \(batch, steps, features\), a kernel of shape"
    ):
        row(Tensor(inputs[0].data[0]), *inputs[1:])
    with pytest.raises(ValueError, match=r"got \(3, 4, 2\), \(2, \d+\) and"):
        row(*inputs[:-2], inputs[-3], inputs[-1])


def test_a_second_bias_needs_reset_after(backend: Backend) -> None:
    x, h, kernel, recurrent_kernel, bias = drawn(backend, OPS[1], "float32")
    with pytest.raises(ValueError, match=r"without reset_after there is one bias of shape \(15,\), got \(2, 15\)"):
        recurrent.gru(x, h, kernel, recurrent_kernel, Tensor(backend.xp.stack([bias.data] * 2)), reset_after=False)
