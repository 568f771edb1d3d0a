"""Layers of sequences in a recorded step on a GPU: training, with dropout and masks, over more steps than CuPy joins by itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import dualnet_backends as backends
import numpy as np
import pytest

from dualnet import layers, ops, tree
from dualnet.core.autodiff import backward
from dualnet.core.tensor import Tensor
from dualnet.core.tracing import recording

STEPS = 12
MASK = np.arange(2 * STEPS).reshape(2, STEPS) % 5 > 0


class Cell(layers.Layer):
    """A cell of the user, which the loop over steps runs."""

    def __init__(self, units: int) -> None:
        super().__init__()
        self.state_size = units
        self.dense = layers.Dense(units, activation="tanh")

    def build(self, shape: Any) -> None:
        self.dense.build((None, shape[-1] + self.state_size))

    def call(self, x: Any, states: Any) -> tuple[Any, list[Any]]:
        h = self.dense(ops.concatenate([x, states[0]], axis=-1))
        return h, [h]


def array(*shape: int) -> Any:
    return np.random.default_rng(0).normal(size=shape).astype("float32")


X = array(2, STEPS, 8)
CACHED = {"cache": array(2, 2, STEPS, 2, 4), "use_causal_mask": True}
# what it is: the layer, what it is called on, and the keywords of the call
LAYERS: dict[str, tuple[Callable[[], Any], Any, dict[str, Any]]] = {
    "LSTM, dropped and masked": (lambda: layers.LSTM(5, dropout=0.2, recurrent_dropout=0.3, return_sequences=True), (X,), {"mask": MASK}),
    "LSTM, a mask for each gate": (lambda: layers.LSTM(5, recurrent_dropout=0.3, implementation=1), (X,), {"mask": MASK}),
    "LSTM, stateful": (lambda: layers.LSTM(5, stateful=True), (X,), {}),
    "GRU, backwards": (lambda: layers.GRU(5, dropout=0.2, go_backwards=True), (X,), {"mask": MASK}),
    "SimpleRNN, relu": (lambda: layers.SimpleRNN(5, activation="relu"), (X,), {"mask": MASK}),
    "both directions": (lambda: layers.Bidirectional(layers.LSTM(5, return_sequences=True)), (X,), {"mask": MASK}),
    "a cell of the user": (lambda: layers.RNN(Cell(5), return_sequences=True), (X,), {"mask": MASK}),
    "stacked cells": (lambda: layers.RNN([layers.LSTMCell(5), layers.GRUCell(4)], return_sequences=True), (X,), {"mask": MASK}),
    "ConvLSTM": (lambda: layers.ConvLSTM1D(3, 3, dropout=0.2, return_sequences=True), (array(2, STEPS, 6, 2),), {}),
    "attention, dropped": (lambda: layers.MultiHeadAttention(2, 4, dropout=0.3), (X, X), {"query_mask": MASK, "use_causal_mask": True}),
    "attention, masked": (lambda: layers.MultiHeadAttention(2, 4), (X, X), {"query_mask": MASK, "use_causal_mask": True}),
    "attention with its scores": (lambda: layers.MultiHeadAttention(2, 4), (X, X), {"return_attention_scores": True}),
    "attention with a cache": (lambda: layers.MultiHeadAttention(2, 4), (X[:, :1], X[:, :1]), {**CACHED, "cache_update_index": 3}),
    "attention with a cache, at a step on the device": (
        lambda: layers.MultiHeadAttention(2, 4), (X[:, :1], X[:, :1]), {**CACHED, "cache_update_index": np.array(3)}),
    "shared keys": (lambda: layers.GroupQueryAttention(4, 4, 2), (X, X), {"use_causal_mask": True}),
    "dot product": (lambda: layers.Attention(use_scale=True, dropout=0.2), ([X, X],), {"use_causal_mask": True}),
    "additive": (lambda: layers.AdditiveAttention(dropout=0.2), ([X, X],), {"use_causal_mask": True}),
}  # fmt: skip


@pytest.mark.parametrize("row", LAYERS)
def test_recorded(row: str) -> None:
    """Forward and backward while the stream is captured; replayed, they give what they gave."""
    if backends.gpu_status():
        pytest.skip(backends.gpu_status())
    with backends.device("gpu") as backend:
        cuda = backend.xp.cuda
        with cuda.Stream(non_blocking=True) as stream:
            make, inputs, options = LAYERS[row]

            def tensor(x: Any) -> Any:
                return Tensor(backend.asarray(x)) if isinstance(x, np.ndarray) else x

            layer, inputs, options = make(), tree.map_structure(tensor, inputs), tree.map_structure(tensor, options)
            for x in tree.flatten(inputs):
                x.tracked = True

            def step() -> list[Any]:
                with recording() as tape:
                    outputs = [y for y in tree.flatten(layer(*inputs, training=True, **options)) if y.tracked]
                found = [backward(tape, y) for y in outputs]
                return [
                    *(y.data for y in outputs),
                    *(f[id(x)] for f in found for x in tree.flatten(inputs) if id(x) in f),
                ]

            step()  # builds the layer, compiles kernels
            stream.begin_capture(cuda.runtime.streamCaptureModeRelaxed)
            try:
                results = step()
            finally:
                graph = stream.end_capture()
            graph.launch(stream)
            first = [backend.to_numpy(y) for y in results]
            assert len(first) >= 2
            assert all(np.isfinite(y).all() for y in first)
            if row != "LSTM, stateful":
                graph.launch(stream)
                for x, y in zip(first, results):
                    np.testing.assert_array_equal(x, backend.to_numpy(y))
