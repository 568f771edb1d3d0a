"""Kernels of convolution, pooling and indexing in a recording: what is replayed on other arrays has the bits of a call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import dualnet_backends as backends
import numpy as np
import pytest
from dualnet_backends import Backend
from dualnet_backends.kernels.pooling import Axis
from dualnet_backends.recording import Rows

pytestmark = pytest.mark.skipif(bool(backends.gpu_status()), reason="kernels of the GPU, and there is none")

IMAGE = ((2, 1), ((1, 0), (0, 2)), (1, 2))
POOLS = [Axis(2, 5, 3, 2, 3, 1, 1), Axis(1, 6, 2, 2, 3, 0, 0)]


def convolution(groups: int) -> Callable[..., Any]:
    def step(gpu: Backend, x: Any, w: Any, b: Any, dy: Any) -> Any:
        w, b = w.reshape(-1)[: 48 // groups].reshape(3, 2, 2 // groups, 4), b.reshape(-1)[:4]
        y = gpu.activated_conv(x, w, b, "relu", *IMAGE, groups)
        dx = gpu.conv_input_gradient(dy, w, x.shape, *IMAGE, groups)
        return y, dx, gpu.conv_kernel_gradient(x, dy, w.shape, *IMAGE, groups), gpu.conv_bias_gradient(dy)

    return step


def pooling(gpu: Backend, x: Any, *_: Any) -> Any:
    (y, max_gradient), (z, mean_gradient) = gpu.max_pool(x, POOLS), gpu.average_pool(x, POOLS)
    return y, z, max_gradient(z), mean_gradient(y)


def rows(gpu: Backend, x: Any, w: Any, b: Any, dy: Any) -> Any:
    ids = (gpu.xp.abs(dy.reshape(-1)) * 10).astype("int64")
    table = gpu.xp.zeros((6, 10), "float32")
    gpu.scatter_add(table.reshape(60), ids, dy.reshape(-1))
    return table, gpu.lookup(x.reshape(6, 60), ids), gpu.one_hot(ids, 40, "float32"), gpu.valid_ids(ids, 4, "ids")


@pytest.mark.parametrize("few", [True, False])
@pytest.mark.parametrize(
    "function", [convolution(1), convolution(2), pooling, rows], ids=["conv", "conv of groups", "pooling", "rows"]
)
def test_replayed_on_other_arrays(function: Callable[..., Any], few: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    from dualnet_backends.gpu import convolution, indexing

    if not few:
        monkeypatch.setattr(convolution, "FEW", -1)
        monkeypatch.setattr(indexing, "FEW", -1)
        monkeypatch.setattr(indexing, "FEW_IDS", -1)
    with backends.device("gpu:0") as gpu:
        random = np.random.default_rng(0)
        shapes = [(6, 6, 5, 2), (6, 8), (6, 1), (6, 3, 5, 4)]
        batches = [[gpu.asarray(random.normal(size=s).astype("float32")) for s in shapes] for _ in range(3)]
        function(gpu, *batches[0])  # what stays, such as the notes of ids, is there before memory is reserved
        recording = gpu.recording([(a.shape, a.dtype) for a in batches[0]], [])
        recording.run(lambda: function(gpu, *recording.inputs), Rows(batches[0]), [])
        results = recording.record(lambda: function(gpu, *recording.inputs))
        for batch in (batches[1], batches[2], batches[1]):
            recording.replay(Rows(batch), [])
            got = [gpu.to_numpy(y) for y in results]
            for y, z in zip(got, function(gpu, *batch)):
                np.testing.assert_array_equal(y, gpu.to_numpy(z))
        gpu.forget_invalid_ids()
