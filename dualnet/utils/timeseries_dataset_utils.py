"""`timeseries_dataset_from_array`: sliding windows over a time series."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..data import Dataset
from ..data.elements import own_element


def timeseries_dataset_from_array(
    data: Any,
    targets: Any,
    sequence_length: int,
    sequence_stride: int = 1,
    sampling_rate: int = 1,
    batch_size: int | None = 128,
    shuffle: bool = False,
    seed: int | None = None,
    start_index: int | None = None,
    end_index: int | None = None,
    format: str = "tf",
) -> Dataset:
    """Return batches of sliding windows over a time series.

    The windows are gathered lazily: the series is in memory only once.

    Args:
        data: array with time along the first axis.
        targets: `targets[i]` belongs to the window that starts at `data[i]`; None for windows only.
        sequence_length: time steps per window.
        sequence_stride: distance between the starts of consecutive windows.
        sampling_rate: distance between consecutive time steps of a window.
        batch_size: windows per batch; None for single windows.
        shuffle: shuffle the windows, in a new order in every pass.
        seed: seed of the shuffle; random by default.
        start_index: use only data from this index on.
        end_index: use only data before this index.
        format: `"tf"` or `"grain"`, for compatibility with Keras, without effect.

    Returns:
        A `dualnet.data.Dataset` of `(batch, sequence_length, ...)`, or of pairs of that and `(batch, ...)`.

    Raises:
        ValueError: an argument is out of range.
    """
    data = own_element(data)
    _check(len(data), sequence_stride, sampling_rate, start_index, end_index)
    if format not in ("tf", "grain"):
        raise ValueError(f'`format` should be "tf" or "grain", got {format!r}')
    stop = len(data) if end_index is None else end_index
    data = data[start_index or 0 : stop]
    count = len(data) - (sequence_length - 1) * sampling_rate
    if targets is not None:
        targets = own_element(targets)[start_index or 0 : stop]
        count = min(count, len(targets))

    starts = np.arange(0, count, sequence_stride)
    if shuffle:
        if seed is None:
            seed = np.random.randint(10**6)
        np.random.RandomState(seed).shuffle(starts)
    dataset = Dataset.from_tensor_slices(starts)
    if shuffle and len(starts):
        dataset = dataset.shuffle(batch_size * 8 if batch_size else 1024, seed=seed)
    if batch_size is not None:
        dataset = dataset.batch(batch_size)
    offsets = np.arange(sequence_length) * sampling_rate

    def gather(start: Any) -> Any:
        windows = data[np.asarray(start)[..., None] + offsets]
        return windows if targets is None else (windows, targets[start])

    return dataset.map(gather)


def _check(length: int, stride: int, rate: int, start: int | None, end: int | None) -> None:
    if start is not None and not 0 <= start < length:
        raise ValueError(f"`start_index` must be at least 0 and below the length of the data, {length}, got {start}")
    if end is not None and not 0 < end < length:
        raise ValueError(f"`end_index` must be above 0 and below the length of the data, {length}, got {end}")
    if start and end is not None and end <= start:
        raise ValueError(f"`end_index` must be above start_index={start}, got {end}")
    for name, value in (("sampling_rate", rate), ("sequence_stride", stride)):
        if not 0 < value < length:
            raise ValueError(f"`{name}` must be above 0 and below the length of the data, {length}, got {value}")
