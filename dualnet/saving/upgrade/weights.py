"""The arrays of layers in files of Keras 1 and 2, where Keras 3 keeps them in another form.

Keras 1 has an array for each gate of a recurrent layer, and kernels with the filters first where images have the channels first.
Theano turns kernels around before it applies them. The layers ``CuDNNLSTM`` and ``CuDNNGRU`` keep matrices in the order of cuDNN.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby
from typing import Any

import numpy as np

_Arrays = list[Any]
_GATES = {"LSTMCell": 4, "GRUCell": 3, "ConvLSTMCell": 4}
_KERNELS = ("Conv1D", "Conv2D", "Conv3D", "Conv2DTranspose", "ConvLSTMCell", "SeparableConv2D")


def converted(layer: Any, variables: list[Any], arrays: _Arrays, version: int | None, backend: str | None) -> _Arrays:
    """The arrays of a layer, and of all layers inside it, as its weights are now.

    Args:
        layer: a built layer.
        variables: its weights, in the order of the file.
        arrays: what the file has of them.
        version: the Keras that wrote the file, if it says so.
        backend: "theano", "tensorflow", ..., if the file says so.

    Returns:
        One array for each weight. Arrays that cannot be those of the layer are returned as they are.
    """
    if version is not None and version >= 3:
        return arrays
    owners = {id(v): part for part in layer._flatten_layers() for v in part._own_variables()}
    parts = [(part, list(own)) for part, own in groupby(variables, lambda v: owners.get(id(v)))]
    now = [len(own) for _, own in parts]
    by_gates = [
        3 * _GATES[name] if n == 3 and (name := type(part).__name__) in _GATES else n
        for n, (part, _) in zip(now, parts)
    ]
    counts = by_gates if sum(by_gates) == len(arrays) else now
    if sum(counts) != len(arrays):
        return arrays
    result: _Arrays = []
    i = 0
    for (part, own), count in zip(parts, counts):
        try:
            result += _own_arrays(part, own, arrays[i : i + count], version, backend)
        except ValueError:  # shapes that do not go together
            return arrays
        i += count
    return result


def has_kernels(layer: Any) -> bool:
    """Whether a layer, or one inside it, has kernels that Theano applied turned around, so that it matters who wrote them."""
    kernels = (part for part in layer._flatten_layers() if type(part).__name__ in _KERNELS)
    return any(n > 1 for part in kernels for v in part._own_variables() for n in v.shape[:-2])


def _own_arrays(part: Any, weights: list[Any], arrays: _Arrays, version: int | None, backend: str | None) -> _Arrays:
    name = type(part).__name__
    if len(arrays) != len(weights):
        arrays = _joined_gates(arrays, _GATES[name])
    if name in _CUDNN and len(arrays) == 3:
        arrays = _CUDNN[name](part, arrays)
    if name in _KERNELS:
        arrays = _kernels(part, weights, arrays, version)
        if backend == "theano":
            arrays = [_turned(a, len(w.shape) - 2) if len(w.shape) > 2 else a for a, w in zip(arrays, weights)]
    return arrays


def _joined_gates(arrays: _Arrays, gates: int) -> _Arrays:
    """(W, U, b) of each gate in Keras 1 -> (kernel, recurrent kernel, bias). An LSTM had its gates in the order i, c, f, o."""
    order = (0, 2, 1, 3) if gates == 4 else (0, 1, 2)
    return [np.concatenate([arrays[3 * gate + i] for gate in order], axis=-1) for i in range(3)]


# -- kernels -------------------------------------------------------------------------------------------------------


def _kernels(part: Any, weights: list[Any], arrays: _Arrays, version: int | None) -> _Arrays:
    """The kernels of a convolution of Keras 1, which are (filters, in, rows, columns) where the channels come first."""
    result = []
    for array, weight in zip(arrays, weights):
        rank = len(weight.shape)
        if (
            type(part).__name__ == "Conv1D" and array.ndim == 4 and rank == 3
        ):  # (length, 1, in, filters), or (filters, in, length, 1)
            array = array if array.shape[:2] == (weight.shape[0], 1) else array.transpose(2, 3, 1, 0)
            array = array[:, 0]
        elif rank > 3 and array.ndim == rank and getattr(part, "data_format", None) == "channels_first":
            # A file that says no version is of Keras 1, or has weights alone, in which the shape decides.
            if version == 1 or (version is None and array.shape != tuple(weight.shape)):
                array = array.transpose(*range(2, rank), 1, 0)
        result.append(array)
    return result


def _turned(kernel: Any, rank: int) -> Any:
    """A kernel turned around in all its axes of space."""
    return kernel[(slice(None, None, -1),) * rank]


# -- cuDNN ---------------------------------------------------------------------------------------------------------


def _from_cudnn(arrays: _Arrays, gates: int) -> tuple[_Arrays, Any]:
    """(kernel and recurrent kernel, the two biases) of a layer of cuDNN, which keeps a matrix for each gate, transposed."""
    kernel, recurrent, bias = arrays
    parts = [part.ravel().reshape(part.shape[::-1]).T for part in np.split(kernel, gates, axis=1)]
    recurrent_parts = [part.T for part in np.split(recurrent, gates, axis=1)]
    return [np.concatenate(parts, axis=1), np.concatenate(recurrent_parts, axis=1)], bias.reshape(2, -1)


def _cudnn_lstm(part: Any, arrays: _Arrays) -> _Arrays:
    if [a.ndim for a in arrays] != [2, 2, 1] or arrays[2].shape != (8 * part.units,):
        return arrays
    kernels, biases = _from_cudnn(arrays, 4)
    return [*kernels, biases.sum(axis=0)]


def _cudnn_gru(part: Any, arrays: _Arrays) -> _Arrays:
    if [a.ndim for a in arrays] != [2, 2, 1] or arrays[2].shape != (6 * part.units,):
        return arrays
    kernels, biases = _from_cudnn(arrays, 3)
    return [*kernels, biases]


_CUDNN: dict[str, Callable[[Any, _Arrays], _Arrays]] = {"GRUCell": _cudnn_gru, "LSTMCell": _cudnn_lstm}
