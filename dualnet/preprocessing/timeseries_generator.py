"""``TimeseriesGenerator`` of tf.keras 2. New programs use ``utils.timeseries_dataset_from_array``."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..data.py_dataset import PyDataset


class TimeseriesGenerator(PyDataset):
    """Batches (windows, targets) of a series by index: the window before each target.

    Args:
        data: (steps, ...)
        targets: as many as ``data`` has steps; that of a window is the one behind it.
        length: of the windows, in steps.
        sampling_rate: every how many steps of a window are taken.
        stride: the steps from one window to the next.
        shuffle: take the windows of a batch at random, by NumPy's global generator.
        start_index, end_index: use the steps from one to the other, both included.
        reverse: turn each window around.
        batch_size: windows in a batch.

    Raises:
        ValueError: ``targets`` has another length, or there is no whole window.
    """

    def __init__(
        self,
        data: Any,
        targets: Any,
        length: int,
        sampling_rate: int = 1,
        stride: int = 1,
        shuffle: bool = False,
        start_index: int = 0,
        end_index: int | None = None,
        reverse: bool = False,
        batch_size: int = 128,
    ) -> None:
        super().__init__()
        self.data, self.targets = np.asarray(data), np.asarray(targets)
        if len(self.data) != len(self.targets):
            raise ValueError(f"data has {len(self.data)} steps, but there are {len(self.targets)} targets")
        self.length, self.sampling_rate, self.stride = length, sampling_rate, stride
        self.shuffle, self.reverse, self.batch_size = shuffle, reverse, batch_size
        self.start_index = start_index + length  # the first target
        self.end_index = len(self.data) - 1 if end_index is None else end_index
        if self.start_index > self.end_index:
            raise ValueError(
                f"there is no window of {length} steps with a target behind it between the steps {start_index} and {self.end_index}"
            )

    def __len__(self) -> int:
        step = self.batch_size * self.stride
        return (self.end_index - self.start_index + step) // step

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        if self.shuffle:
            rows = np.random.randint(self.start_index, self.end_index + 1, size=self.batch_size)
        else:
            step = self.batch_size * self.stride
            first = self.start_index + step * index
            rows = np.arange(first, min(first + step, self.end_index + 1), self.stride)
        windows = self.data[rows[:, None] + np.arange(-self.length, 0, self.sampling_rate)]
        return windows[:, ::-1] if self.reverse else windows, self.targets[rows]
