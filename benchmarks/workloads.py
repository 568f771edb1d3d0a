"""The benchmarked networks, defined once for all libraries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Workload:
    """A network, its data and its training.

    layers: ("dense", units, activation), ("conv", filters, size, activation), ("pool", size), ("global_pool",), ("flatten",),
    ("batchnorm",), ("dropout", rate), ("lstm", units), ("gru", units), ("residual", filters, stride), two convolutions 3x3 with
    a shortcut, or ("encoder", heads, units), a block of a Transformer with a hidden layer of so many units. classes: their
    number; None for regression of one number. goal: the minimum ratio of the fastest peer's time to dualnet's that the project
    aims at. steps: batches per epoch.
    """

    name: str
    input_shape: tuple[int, ...]
    layers: tuple[tuple[Any, ...], ...]
    batch: int
    optimizer: str
    goal: float
    classes: int | None = 10
    steps: int = 200

    def data(self) -> tuple[Any, Any]:
        """Random float32 inputs, and labels: integers, or (n, 1) numbers."""
        import numpy as np

        rng = np.random.default_rng(0)
        n = self.batch * self.steps
        x = rng.standard_normal((n, *self.input_shape), dtype="float32")
        if self.classes is None:
            return x, rng.standard_normal((n, 1), dtype="float32")
        return x, rng.integers(0, self.classes, size=n).astype("int64")


def mlp(
    *sizes: int, last: str | None = "softmax", between: tuple[tuple[Any, ...], ...] = ()
) -> tuple[tuple[Any, ...], ...]:
    """Dense layers with ReLU, and ``between`` after each hidden one."""
    hidden = [part for n in sizes[:-1] for part in (("dense", n, "relu"), *between)]
    return (*hidden, ("dense", sizes[-1], last))


LENET = (
    ("conv", 6, 5, "relu"),
    ("pool", 2),
    ("conv", 16, 5, "relu"),
    ("pool", 2),
    ("flatten",),
    *mlp(120, 84, 10),
)
RESNET_20 = (
    ("conv", 16, 3, None),
    ("batchnorm",),
    *(("residual", filters, stride) for filters in (16, 32, 64) for stride in (1 if filters == 16 else 2, 1, 1)),
    ("global_pool",),
    *mlp(10),
)
ENCODER = (*[("encoder", 4, 512)] * 4, ("global_pool",), *mlp(10))
NORMALIZED = mlp(300, 100, 10, between=(("batchnorm",),))
DROPPED = mlp(128, 10, between=(("dropout", 0.2),))
_ALL = (
    Workload("784-300-100-10, batch 32, SGD", (784,), mlp(300, 100, 10), 32, "SGD", 1.2),
    Workload("784-300-100-10, batch 64, Adam", (784,), mlp(300, 100, 10), 64, "Adam", 1.1),
    Workload("784-300-100-10 with BatchNormalization, batch 64, Adam", (784,), NORMALIZED, 64, "Adam", 1.1),
    Workload("784-128-10 with Dropout, batch 64, Adam", (784,), DROPPED, 64, "Adam", 1.1),
    Workload("8-30-10-5-1, batch 32, SGD", (8,), mlp(30, 10, 5, 1, last=None), 32, "SGD", 2.5, None, 500),
    Workload("784-10-10, batch 4, Adam", (784,), mlp(10, 10), 4, "Adam", 1.5, steps=500),
    Workload("2-4-1, batch 4, SGD", (2,), mlp(4, 1, last=None), 4, "SGD", 2.5, None, 500),
    Workload("LeNet-5, 32x32x3, batch 128, Adadelta", (32, 32, 3), LENET, 128, "Adadelta", 0.7, steps=20),
    Workload("LSTM 64 on 64 x 32, batch 32, Adam", (64, 32), (("lstm", 64), *mlp(10)), 32, "Adam", goal=1.0, steps=50),
    Workload("GRU 64 on 64 x 32, batch 32, Adam", (64, 32), (("gru", 64), *mlp(10)), 32, "Adam", goal=1.0, steps=50),
    Workload("Transformer encoder, 4 layers of 128, length 64, batch 32", (64, 128), ENCODER, 32, "Adam", 0.9, steps=8),
    Workload("ResNet-20, 32x32x3, batch 64, SGD", (32, 32, 3), RESNET_20, 64, "SGD", 0.8, steps=8),
    Workload("784-1024-1024-10, batch 256, Adam", (784,), mlp(1024, 1024, 10), 256, "Adam", 1.0, steps=20),
)
WORKLOADS = {w.name: w for w in _ALL}
SMALL = "8-30-10-5-1, batch 32, SGD"  # the network of the single prediction
COLD = "784-300-100-10, batch 32, SGD"  # and that of the cold start
ZOO = {  # predictions with networks of keras.applications: (name, batch)
    "ResNet50, 224 x 224, batch 4": ("ResNet50", 4),
    "MobileNetV2, 224 x 224, batch 8": ("MobileNetV2", 8),
}
ZOO_GOAL = 0.7
