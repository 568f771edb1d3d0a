"""A plain training loop in PyTorch that shuffles and accumulates the loss, as ``fit`` does."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from .workloads import Workload


def build(workload: Workload) -> Any:
    """The network; its outputs are logits, as torch's cross-entropy expects."""
    import torch
    from torch import nn

    class Last(nn.Module):  # the last time step of an LSTM
        def forward(self, out: Any) -> Any:
            return out[0][:, -1]

    shape, parts = workload.input_shape, []
    channels = shape[-1]
    sample = torch.zeros((1, channels, *shape[:-1])) if len(shape) == 3 else torch.zeros((1, *shape))
    for layer_type, *rest in workload.layers:
        width = sample.shape[1] if len(shape) == 3 else sample.shape[-1]
        new: list[Any] = {
            "dense": lambda units, act, n=width: [nn.Linear(n, units), *([nn.ReLU()] if act == "relu" else [])],
            "conv": lambda filters, size, act, n=width: [nn.Conv2d(n, filters, size), nn.ReLU()],
            "pool": lambda size: [nn.MaxPool2d(size)],
            "flatten": lambda: [nn.Flatten()],
            "batchnorm": lambda n=width: [nn.BatchNorm1d(n)],
            "dropout": lambda rate: [nn.Dropout(rate)],
            "lstm": lambda units, n=width: [nn.LSTM(n, units, batch_first=True), Last()],
        }[layer_type](*rest)
        sample = nn.Sequential(*new).eval()(sample)
        parts += new
    return nn.Sequential(*parts)


def _epoch(workload: Workload, compiled: bool) -> Callable[[], None]:
    """A function that trains for one epoch."""
    import torch

    x, y = (torch.from_numpy(a) for a in workload.data())
    if len(workload.input_shape) == 3:
        x = x.permute(0, 3, 1, 2).contiguous()  # torch's layout
    net: Any = build(workload)
    net = torch.compile(net) if compiled else net
    criterion: Any = torch.nn.MSELoss() if workload.classes is None else torch.nn.CrossEntropyLoss()
    update = getattr(torch.optim, workload.optimizer)(net.parameters(), lr=0.001)
    batch = workload.batch

    def epoch() -> None:
        total = torch.zeros(())
        order = torch.randperm(len(x))
        for i in range(0, len(x), batch):
            part = order[i : i + batch]
            update.zero_grad()
            value = criterion(net(x[part]), y[part])
            value.backward()
            update.step()
            total += value.detach()
        total.item()

    return epoch


def train(workload: Workload, repeats: int, compiled: bool = False, epochs: int = 2) -> list[float]:
    """Microseconds per step, for each repeat after a warm-up."""
    epoch = _epoch(workload, compiled)
    epoch()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        for _ in range(epochs):
            epoch()
        times.append((time.perf_counter() - start) / (epochs * workload.steps) * 1e6)
    return times


def predict(workload: Workload, repeats: int) -> list[float]:
    """Microseconds for one sample, without gradients, from a NumPy array to a NumPy array."""
    import torch

    x = workload.data()[0][:1]
    net = build(workload).eval()
    times = []
    with torch.inference_mode():
        for _ in range(repeats * 20):
            start = time.perf_counter()
            net(torch.from_numpy(x)).numpy()
            times.append((time.perf_counter() - start) * 1e6)
    return times[1:]


def cold(workload: Workload) -> None:
    """Build a network and train it for one epoch."""
    _epoch(workload, False)()
