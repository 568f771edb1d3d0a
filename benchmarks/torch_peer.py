"""A plain training loop in PyTorch that shuffles and accumulates the loss, as ``fit`` does."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from typing import Any

from .workloads import Workload


def build(workload: Workload) -> Any:
    """The network; its outputs are logits, as torch's cross-entropy expects."""
    import torch
    from torch import nn

    class Last(nn.Module):  # the last time step of an LSTM or a GRU
        def forward(self, out: Any) -> Any:
            return out[0][:, -1]

    class Mean(nn.Module):  # over all positions
        def forward(self, x: Any) -> Any:
            return x.mean(1) if x.ndim == 3 else x.mean((2, 3))

    class Residual(nn.Module):
        def __init__(self, n: int, filters: int, stride: int) -> None:
            super().__init__()
            self.first = nn.Conv2d(n, filters, 3, stride, 1, bias=False)
            self.second = nn.Conv2d(filters, filters, 3, 1, 1, bias=False)
            self.norms = nn.ModuleList([nn.BatchNorm2d(filters), nn.BatchNorm2d(filters)])
            shortcut = (nn.Conv2d(n, filters, 1, stride, bias=False), nn.BatchNorm2d(filters))
            self.shortcut = nn.Sequential(*shortcut) if stride > 1 else nn.Identity()

        def forward(self, x: Any) -> Any:
            y = self.norms[1](self.second(self.norms[0](self.first(x)).relu()))
            return (y + self.shortcut(x)).relu()

    shape, parts = workload.input_shape, []
    channels = shape[-1]
    sample = torch.zeros((2, channels, *shape[:-1])) if len(shape) == 3 else torch.zeros((2, *shape))
    for layer_type, *rest in workload.layers:
        is_image = sample.ndim == 4
        width = sample.shape[1] if is_image else sample.shape[-1]
        new: list[Any] = {
            "dense": lambda units, act, n=width: [nn.Linear(n, units), *([nn.ReLU()] if act == "relu" else [])],
            "conv": lambda filters, size, act, n=width: [nn.Conv2d(n, filters, size), *([nn.ReLU()] if act else [])],
            "pool": lambda size: [nn.MaxPool2d(size)],
            "global_pool": lambda: [Mean()],
            "flatten": lambda: [nn.Flatten()],
            "batchnorm": lambda n=width, image=is_image: [nn.BatchNorm2d(n) if image else nn.BatchNorm1d(n)],
            "dropout": lambda rate: [nn.Dropout(rate)],
            "lstm": lambda units, n=width: [nn.LSTM(n, units, batch_first=True), Last()],
            "gru": lambda units, n=width: [nn.GRU(n, units, batch_first=True), Last()],
            "residual": lambda filters, stride, n=width: [Residual(n, filters, stride)],
            "encoder": lambda heads, units, n=width: [
                nn.TransformerEncoderLayer(n, heads, units, 0.0, batch_first=True)
            ],
        }[layer_type](*rest)
        sample = nn.Sequential(*new).eval()(sample)
        parts += new
    return nn.Sequential(*parts)


def training_epoch(
    workload: Workload, compiled: bool, clock: list[float] | None = None, device: str = "cpu"
) -> Callable[[], None]:
    """A function that trains for one epoch, and notes the time after each step in ``clock``.

    device: of the network and of all the data. On a GPU compiled steps are launched as CUDA graphs.
    """
    import torch

    x, y = (torch.from_numpy(a).to(device) for a in workload.data())
    if len(workload.input_shape) == 3:
        x = x.permute(0, 3, 1, 2).contiguous()  # torch's layout
    net: Any = build(workload).to(device)
    if compiled:
        net = torch.compile(net, mode="default" if device == "cpu" else "reduce-overhead")
    criterion: Any = torch.nn.MSELoss() if workload.classes is None else torch.nn.CrossEntropyLoss()
    update = getattr(torch.optim, workload.optimizer)(net.parameters(), lr=0.001)
    batch = workload.batch

    def epoch() -> None:
        total = torch.zeros((), device=device)
        order = torch.randperm(len(x), device=device)
        for i in range(0, len(x), batch):
            part = order[i : i + batch]
            update.zero_grad()
            value = criterion(net(x[part]), y[part])
            value.backward()
            update.step()
            total += value.detach()
            if clock is not None:
                clock.append(time.perf_counter())
        total.item()

    return epoch


def train(workload: Workload, repeats: int, compiled: bool = False, epochs: int = 2) -> list[float]:
    """Microseconds per step, for each repeat after a warm-up."""
    epoch = training_epoch(workload, compiled)
    epoch()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        for _ in range(epochs):
            epoch()
        times.append((time.perf_counter() - start) / (epochs * workload.steps) * 1e6)
    return times


def each_step(workload: Workload, steps: int, compiled: bool = False) -> list[float]:
    """Microseconds of each of so many steps, after a warm-up."""
    clock: list[float] = []
    epoch = training_epoch(workload, compiled, clock)
    times: list[float] = []
    epoch()
    while len(times) < steps:
        clock.clear()
        epoch()
        times += [(b - a) * 1e6 for a, b in itertools.pairwise(clock)]
    return times[:steps]


def predict(workload: Workload, repeats: int) -> list[float]:
    """Microseconds for one sample, without gradients, from a NumPy array to a NumPy array."""
    return _predictions(build(workload).eval(), workload.data()[0][:1], repeats * 20)


def predict_zoo(name: str, batch: int, repeats: int) -> list[float]:
    """Microseconds of a forward pass of ResNet50 or MobileNetV2, after the first."""
    import numpy as np

    from . import torch_zoo

    x = np.random.default_rng(0).standard_normal((batch, 3, 224, 224), dtype="float32")
    return _predictions(torch_zoo.build(name), x, repeats)


def _predictions(net: Any, x: Any, times: int) -> list[float]:
    import torch

    results = []
    with torch.inference_mode():
        for _ in range(times + 1):
            start = time.perf_counter()
            net(torch.from_numpy(x)).numpy()
            results.append((time.perf_counter() - start) * 1e6)
    return results[1:]


def cold(workload: Workload) -> None:
    """Build a network and train it for one epoch."""
    training_epoch(workload, False)()
