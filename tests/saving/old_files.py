"""Writes models as Keras 1 and 2 did: a config in JSON, and arrays in groups of HDF5."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np

Arrays = dict[str, list[Any]]  # the weights by the name of a layer

RNG = np.random.default_rng(0)


def normal(*shape: int) -> Any:
    return RNG.normal(size=shape).astype("float32")


def write_h5(
    path: Path,
    model: dict[str, Any] | None,
    weights: Arrays,
    version: str | None = "2.2.4",
    backend: str | None = "tensorflow",
    training: dict[str, Any] | None = None,
) -> Path:
    """A file of a whole model, or of weights alone when ``model`` is None."""
    with h5py.File(path, "w") as file:
        if model is not None:
            file.attrs["model_config"] = json.dumps(model).encode()
        if training is not None:
            file.attrs["training_config"] = json.dumps(training).encode()
        group = file if model is None else file.create_group("model_weights")
        group.attrs["layer_names"] = [name.encode() for name in weights]
        for key, value in {"keras_version": version, "backend": backend}.items():
            if value is not None:
                file.attrs[key] = group.attrs[key] = value.encode()
        for name, arrays in weights.items():
            layer = group.create_group(name)
            names = [f"{name}/weight_{i}:0" for i in range(len(arrays))]
            layer.attrs["weight_names"] = [n.encode() for n in names]
            for n, array in zip(names, arrays):
                layer.create_dataset(n, data=array)
    return path


def entry(class_name: str, name: str, **config: Any) -> dict[str, Any]:
    """The config of a layer."""
    return {"class_name": class_name, "config": {"name": name, "trainable": True, **config}}


def sequential(*layers: dict[str, Any], as_list: bool = False) -> dict[str, Any]:
    """The config of a Sequential; up to Keras 2.2 it was the list of its layers."""
    return {"class_name": "Sequential", "config": list(layers) if as_list else {"name": "s", "layers": list(layers)}}


def functional(
    *layers: tuple[dict[str, Any], list[Any]], outputs: list[Any], class_name: str = "Model"
) -> dict[str, Any]:
    """The config of a model of inputs and outputs.  layers: (layer, its calls)"""
    entries = [{**layer, "name": layer["config"]["name"], "inbound_nodes": calls} for layer, calls in layers]
    inputs = [[e["name"], 0, 0] for e in entries if e["class_name"] == "InputLayer"]
    config = {"name": "f", "layers": entries, "input_layers": inputs, "output_layers": outputs}
    return {"class_name": class_name, "config": config}


def source(name: str, *shape: int, **config: Any) -> tuple[dict[str, Any], list[Any]]:
    """An input, for ``functional``."""
    return entry(
        "InputLayer", name, batch_input_shape=[None, *shape], **{"dtype": "float32", "sparse": False, **config}
    ), []


def hard_sigmoid(x: Any) -> Any:
    """That of Keras 1 and 2."""
    return np.clip(0.2 * x + 0.5, 0, 1)


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def lstm(x: Any, kernel: Any, recurrent: Any, bias: Any, gate: Any = sigmoid) -> Any:
    """The last output of an LSTM whose gates are in the order i, f, c, o.  x: (batch, steps, features)"""
    h = c = np.zeros((len(x), recurrent.shape[0]))
    for t in range(x.shape[1]):
        i, f, z, o = np.split(x[:, t] @ kernel + h @ recurrent + bias, 4, axis=1)
        c = gate(f) * c + gate(i) * np.tanh(z)
        h = gate(o) * np.tanh(c)
    return h


def gru(x: Any, kernel: Any, recurrent: Any, bias: Any, gate: Any = sigmoid, recurrent_bias: Any = None) -> Any:
    """The last output of a GRU whose gates are in the order z, r, h; with a recurrent bias it resets after the product."""
    h = np.zeros((len(x), recurrent.shape[0]))
    kernels, products, biases = np.split(kernel, 3, 1), np.split(recurrent, 3, 1), np.split(bias, 3)
    after = np.split(np.zeros_like(bias) if recurrent_bias is None else recurrent_bias, 3)
    for t in range(x.shape[1]):
        zx, rx, hx = (x[:, t] @ k + b for k, b in zip(kernels, biases))
        z, r = gate(zx + h @ products[0] + after[0]), gate(rx + h @ products[1] + after[1])
        new = (r * h) @ products[2] if recurrent_bias is None else r * (h @ products[2] + after[2])
        h = z * h + (1 - z) * np.tanh(hx + new)
    return h


def correlation(x: Any, kernel: Any, bias: Any) -> Any:
    """A convolution without borders, channels first.  x: (n, in, rows, columns)  kernel: (out, in, rows, columns)"""
    n, m = kernel.shape[2:]
    windows = np.lib.stride_tricks.sliding_window_view(x, (n, m), axis=(2, 3))
    return np.einsum("bcijrs,ocrs->boij", windows, kernel) + bias[:, None, None]
