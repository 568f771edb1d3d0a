"""Recurrent layers against Keras on JAX, over drawn combinations of arguments: outputs, states, masks, and the gradients of the
inputs, of the initial states and of the weights."""

from __future__ import annotations

from typing import Any

import dualnet_backends as backends
import numpy as np
import pytest

from dualnet import layers, tree
from dualnet.core.autodiff import backward
from dualnet.core.tensor import Tensor
from dualnet.core.tracing import recording

from .harness import seeds
from .rnn_cases import RNNCase, draw

CHUNK = 12


def ours(case: RNNCase) -> tuple[list[Any], list[Any], list[Any]]:
    """(outputs, masks, gradients), all NumPy arrays."""
    layer, backend = case.make(), backends.current()
    x = Tensor(backend.asarray(case.x.copy()))
    states = (
        None if case.states is None else tree.map_structure(lambda s: Tensor(backend.asarray(s.copy())), case.states)
    )
    arguments = {"initial_state": states, "mask": case.mask}
    layer(x, **arguments)
    layer.set_weights(case.weights([w.shape for w in layer.get_weights()]))
    inputs = [x, *([] if states is None else tree.flatten(states))]
    for t in inputs:
        t.tracked = True
    with recording() as tape:
        value = layer(x, **arguments)
    outputs = tree.flatten(value)
    totals: dict[int, Any] = {}
    for y, dy in zip(outputs, seeds([y.numpy() for y in outputs])):
        for i, g in backward(tape, y, backend.asarray(dy)).items():
            totals[i] = totals[i] + g if i in totals else g
    gradients = [
        backend.to_numpy(totals[id(v)]) if id(v) in totals else np.zeros(v.shape, "float32")
        for v in [*inputs, *layer.trainable_weights]
    ]
    masks = [None if y._keras_mask is None else y._keras_mask.numpy() for y in outputs]
    return [y.numpy() for y in outputs], masks, gradients


def theirs(case: RNNCase, keras: Any) -> tuple[list[Any], list[Any], list[Any]]:
    """The same from Keras, as one compiled function."""
    import jax
    from keras.src.backend import get_keras_mask, set_keras_mask

    layer = case.make(keras.layers)
    layer.build(case.x.shape)
    weights = case.weights([w.shape for w in layer.get_weights()])
    variables = layer.trainable_variables

    def weighted(x: Any, states: Any, values: Any, mask: Any) -> Any:
        if mask is not None:
            set_keras_mask(x, mask)
        with keras.StatelessScope(state_mapping=list(zip(variables, values))):
            value = layer(
                x, initial_state=states, mask=mask
            )  # Keras does not look for a mask on one of several tensors
        outputs = jax.tree_util.tree_leaves(value)
        return sum(keras.ops.sum(y * dy) for y, dy in zip(outputs, seeds(outputs))), (
            outputs,
            [get_keras_mask(y) for y in outputs],
        )

    arguments = 0, *((1,) if case.states is not None else ()), 2
    # Each case is compiled and run once.
    quickly = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}
    gradient = jax.jit(jax.grad(weighted, argnums=arguments, has_aux=True), compiler_options=quickly)
    gradients, (outputs, masks) = gradient(case.x, case.states, weights, case.mask)
    return (
        [np.asarray(y) for y in outputs],
        [None if m is None else np.asarray(m) for m in masks],
        [np.asarray(g) for g in jax.tree_util.tree_leaves(gradients)],
    )


@pytest.mark.parametrize("chunk", range(17))
def test_values_and_gradients(chunk: int, keras: Any) -> None:
    for number in range(CHUNK * chunk, CHUNK * (chunk + 1)):
        case = draw(number)
        got, expected = ours(case), theirs(case, keras)
        for what, a, b in zip(("outputs", "masks", "gradients"), got, expected):
            assert len(a) == len(b), f"{what} of case {number}: {case.layer}"
            for i, (p, q) in enumerate(zip(a, b)):
                message = f"{what} {i} of case {number}: {case.layer}"
                assert (p is None) == (q is None), message
                if p is not None:
                    assert p.shape == q.shape, message
                    np.testing.assert_allclose(p, q, rtol=1e-4, atol=2e-5, err_msg=message)


def test_cases_reach_every_argument() -> None:
    """Among the cases compared are all classes, and both values of every option."""
    cases = [draw(number) for number in range(17 * CHUNK)]
    assert {case.layer[0] for case in cases} == {"SimpleRNN", "LSTM", "GRU", "RNN", "Bidirectional"}
    text = str([case.layer for case in cases])
    for name in ("use_bias", "reset_after", "return_sequences", "return_state", "go_backwards"):
        assert f"'{name}': True" in text
        assert f"'{name}': False" in text
    for part in (
        "'unroll': True",
        "'zero_output_for_mask': True",
        "'implementation': 1",
        "'merge_mode': None",
        "'backward_layer'",
    ):
        assert part in text
    assert {case.mask is None for case in cases} == {case.states is None for case in cases} == {True, False}
    assert all(hasattr(layers, case.layer[0]) for case in cases)
