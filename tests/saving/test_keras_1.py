"""Models of Keras 1: their layers, the layer Merge, and arrays in the forms of Keras 1 and of Theano."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dualnet

from .old_files import (
    correlation,
    entry,
    functional,
    gru,
    hard_sigmoid,
    lstm,
    normal,
    sequential,
    source,
    write_h5,
)  # fmt: skip

_NONE = ("W_regularizer", "b_regularizer", "activity_regularizer", "W_constraint", "b_constraint")


def layer(class_name: str, name: str, **config: Any) -> dict[str, Any]:
    """With the arguments that Keras 1 wrote for every layer with a kernel."""
    return entry(
        class_name,
        name,
        **{**dict.fromkeys(_NONE), "init": "glorot_uniform", "activation": "linear", "bias": True, **config},
    )


def dense(name: str, units: int, **config: Any) -> dict[str, Any]:
    return layer("Dense", name, output_dim=units, **config)


def first(*shape: int, dtype: str = "float32") -> dict[str, Any]:
    return {"batch_input_shape": [None, *shape], "input_dtype": dtype}


def loaded(path: Path, model: dict[str, Any], weights: dict[str, list[Any]], **options: Any) -> Any:
    return dualnet.models.load_model(write_h5(path / "old.h5", model, weights, **{"version": "1.2.2", **options}))


def check(model: Any, x: Any, expected: Any) -> None:
    np.testing.assert_allclose(model.predict(x, verbose=0), expected, atol=1e-5)


@pytest.mark.parametrize("version", ["1.0.8", "1.2.2", None])
def test_dense(version: str | None, tmp_path: Path) -> None:
    w, b, v, c, x = normal(4, 5), normal(5), normal(5, 3), normal(3), normal(6, 4)
    regularizer, constraint = (
        {"name": "WeightRegularizer", "l1": 0.0, "l2": 0.01},
        {"name": "MaxNorm", "m": 2, "axis": 0},
    )
    stack = [
        dense("a", 5, activation="relu", W_regularizer=regularizer, W_constraint=constraint, input_dim=4, **first(4)),
        entry("Dropout", "drop", p=0.3),
        entry("GaussianNoise", "noise", sigma=0.1),
        dense("b", 3),
    ]  # fmt: skip
    training = {
        "optimizer_config": {"class_name": "Adam", "config": {"lr": 0.01, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-8, "decay": 0.1}},
        "loss": "mse", "metrics": ["accuracy"], "sample_weight_mode": None,
    }  # fmt: skip
    model = loaded(tmp_path, sequential(*stack, as_list=True), {"a": [w, b], "drop": [], "noise": [], "b": [v, c]},
                   version=version, training=training)  # fmt: skip
    check(model, x, np.maximum(x @ w + b, 0) @ v + c)
    assert model.layers[0].kernel_regularizer.l2 == pytest.approx(0.01)
    assert model.layers[0].kernel_constraint.max_value == 2
    assert (model.layers[1].rate, model.layers[2].stddev) == (0.3, 0.1)
    assert float(model.optimizer.learning_rate) == pytest.approx(0.01)
    assert model.optimizer.decay == pytest.approx(0.1)


def recurrent(class_name: str, **config: Any) -> dict[str, Any]:
    arguments = {
        "output_dim": 3, "inner_init": "orthogonal", "forget_bias_init": "one", "activation": "tanh", "inner_activation": "hard_sigmoid",
        "U_regularizer": None, "dropout_W": 0.1, "dropout_U": 0.2, "return_sequences": False, "go_backwards": False,
        "stateful": False, "unroll": False, "consume_less": "cpu", "input_dim": 4, "input_length": 5,
    }  # fmt: skip
    if class_name != "LSTM":
        del arguments["forget_bias_init"]
    arguments |= config
    return entry(class_name, "r", init="glorot_uniform", W_regularizer=None, b_regularizer=None, **arguments)


def gates(names: str) -> tuple[dict[str, list[Any]], list[Any]]:
    """(the arrays of each gate, all of them in the order of Keras 1)"""
    arrays = {name: [normal(4, 3), normal(3, 3), normal(3)] for name in names}
    return arrays, [a for name in names for a in arrays[name]]


def joined(arrays: dict[str, list[Any]], order: str) -> list[Any]:
    return [np.concatenate([arrays[name][i] for name in order], axis=-1) for i in range(3)]


@pytest.mark.parametrize("alone", [False, True])
def test_recurrent_layers(alone: bool, tmp_path: Path) -> None:
    """alone: weights in a file of their own, beside the JSON of the model."""
    x = normal(6, 5, 4)
    by_gate, arrays = gates("icfo")
    wz, old = gates("zrh")
    cases = [
        ("LSTM", arrays, lstm(x, *joined(by_gate, "ifco"), gate=hard_sigmoid)),
        ("GRU", old, gru(x, *joined(wz, "zrh"), gate=hard_sigmoid)),
    ]
    for name, weights, expected in cases:
        config = sequential(recurrent(name, **first(5, 4)), as_list=True)
        if alone:
            model = dualnet.models.model_from_json(json.dumps({**config, "keras_version": "1.2.0"}))
            model.load_weights(write_h5(tmp_path / "w.h5", None, {"r": weights}, version=None))
        else:
            model = loaded(tmp_path, config, {"r": weights})
        check(model, x, expected)


def test_arrays_that_do_not_fit_together(tmp_path: Path) -> None:
    config = sequential(recurrent("LSTM", **first(5, 4)), as_list=True)
    arrays = gates("icfo")[1]
    for i, wrong in ((0, normal(4)), (3, normal(5, 3)), (2, normal(3, 3)), (11, normal(4))):
        with pytest.raises(ValueError, match=r"does not fit this model, nothing was loaded: layer 'r'"):
            loaded(tmp_path, config, {"r": [*arrays[:i], wrong, *arrays[i + 1 :]]})
    cudnn = sequential(entry("CuDNNLSTM", "r", units=3, batch_input_shape=[None, 5, 4]))
    for shapes in (
        [(4, 12), (3, 11), (24,)],
        [(12,), (3, 12), (24,)],
        [(4, 12), (3, 12), (23,)],
        [(4, 12), (36,), (24,)],
    ):
        with pytest.raises(ValueError, match=r"does not fit this model, nothing was loaded: layer 'r'"):
            loaded(tmp_path, cudnn, {"r": [normal(*shape) for shape in shapes]}, version="2.2.4")


def test_both_directions(tmp_path: Path) -> None:
    x = normal(6, 5, 4)
    (ahead, first_arrays), (back, second_arrays) = gates("icfo"), gates("icfo")
    both = entry("Bidirectional", "both", merge_mode="concat", layer=recurrent("LSTM", **first(5, 4)), **first(5, 4))
    model = loaded(tmp_path, sequential(both, as_list=True), {"both": first_arrays + second_arrays})
    parts = [lstm(y, *joined(a, "ifco"), gate=hard_sigmoid) for y, a in ((x, ahead), (x[:, ::-1], back))]
    check(model, x, np.concatenate(parts, axis=1))


def convolution(**config: Any) -> dict[str, Any]:
    shape = {"nb_filter": 5, "nb_row": 3, "nb_col": 3, "border_mode": "valid", "subsample": [1, 1]}
    return layer(config.pop("class_name", "Convolution2D"), "c", **shape, **config)


@pytest.mark.parametrize("backend", ["tensorflow", "theano"])
def test_kernels_of_channels_first(backend: str | None, tmp_path: Path) -> None:
    kernel, bias, x = normal(5, 2, 3, 3), normal(5), normal(4, 2, 6, 6)
    model = loaded(
        tmp_path,
        sequential(convolution(dim_ordering="th", **first(2, 6, 6)), as_list=True),
        {"c": [kernel, bias]},
        backend=backend,
    )
    applied = kernel[:, :, ::-1, ::-1] if backend == "theano" else kernel
    check(model, x, correlation(x, applied, bias))


def test_a_file_that_names_no_backend(tmp_path: Path) -> None:
    """Its kernels may be those of Theano: a warning says so, and how to write it into the file."""
    kernel, bias, x = normal(5, 2, 3, 3), normal(5), normal(4, 2, 6, 6)
    config = sequential(convolution(dim_ordering="th", **first(2, 6, 6)), as_list=True)
    with pytest.warns(UserWarning, match="does not say which backend trained it") as warnings:
        model = loaded(tmp_path, config, {"c": [kernel, bias]}, backend=None)
    check(model, x, correlation(x, kernel, bias))
    assert len(warnings) == 1
    exec(str(warnings[0].message).rpartition(": with")[2].join(["import h5py\nwith", ""]))
    check(dualnet.models.load_model(tmp_path / "old.h5"), x, correlation(x, kernel[:, :, ::-1, ::-1], bias))
    point = layer("Convolution2D", "c", nb_filter=5, nb_row=1, nb_col=1, dim_ordering="th", **first(2, 6, 6))
    loaded(tmp_path, sequential(point, as_list=True), {"c": [normal(5, 2, 1, 1), bias]}, backend=None)


def test_convolutions(tmp_path: Path) -> None:
    kernel, bias, x = normal(3, 3, 2, 5), normal(5), normal(4, 8, 8, 2)
    layers = [
        (convolution(dim_ordering="tf", **first(8, 8, 2)), np.transpose(kernel, (3, 2, 0, 1))),
        (convolution(class_name="AtrousConvolution2D", atrous_rate=[2, 2], dim_ordering="tf", **first(8, 8, 2)), None),
    ]
    wide = np.zeros((5, 2, 5, 5), "float32")
    wide[:, :, ::2, ::2] = np.transpose(kernel, (3, 2, 0, 1))
    for config, k in layers:
        model = loaded(tmp_path, sequential(config, as_list=True), {"c": [kernel, bias]}, backend="tensorflow")
        expected = correlation(np.moveaxis(x, -1, 1), wide if k is None else k, bias)
        check(model, x, np.moveaxis(expected, 1, -1))


def test_convolution_1d(tmp_path: Path) -> None:
    kernel, bias, x = normal(3, 2, 5), normal(5), normal(4, 9, 2)
    config = layer(
        "Convolution1D", "c", nb_filter=5, filter_length=3, border_mode="valid", subsample_length=2, **first(9, 2)
    )
    expected = np.stack([np.einsum("bkc,kco->bo", x[:, i : i + 3], kernel) + bias for i in range(0, 7, 2)], axis=1)
    forms = {
        "length, 1, in, filters": (kernel[:, None], "tensorflow"),
        "filters, in, length, 1": (kernel.transpose(2, 1, 0)[..., None], "tensorflow"),
        "turned around": (kernel[::-1, None], "theano"),
    }
    for array, backend in forms.values():
        model = loaded(tmp_path, sequential(config, as_list=True), {"c": [array, bias]}, backend=backend)
        check(model, x, expected)


@pytest.mark.parametrize("th", [False, True])
def test_other_convolutions(th: bool, tmp_path: Path) -> None:
    """Against the layers of today, whose weights are turned back into the forms of Keras 1.  th: with the channels first"""
    data_format, order = ("channels_first", "th") if th else ("channels_last", "tf")
    L = dualnet.layers
    shape = (2, 5, 5, 5) if th else (5, 5, 5, 2)
    cases = [
        (L.Conv3D(3, 2, data_format=data_format), shape,
         layer("Convolution3D", "c", nb_filter=3, kernel_dim1=2, kernel_dim2=2, kernel_dim3=2, border_mode="valid", subsample=[1, 1, 1])),
        (L.SeparableConv2D(3, 2, depth_multiplier=2, data_format=data_format), shape[:3] if th else shape[1:],
         layer("SeparableConvolution2D", "c", nb_filter=3, nb_row=2, nb_col=2, border_mode="valid", subsample=[1, 1], depth_multiplier=2,
               depthwise_regularizer=None, pointwise_regularizer=None, depthwise_constraint=None, pointwise_constraint=None)),
    ]  # fmt: skip
    for today, size, config in cases:
        x = normal(2, *size)
        today(x)
        today.set_weights([normal(*w.shape) for w in today.get_weights()])
        arrays = [
            w.transpose(w.ndim - 1, w.ndim - 2, *range(w.ndim - 2)) if th and w.ndim > 1 else w
            for w in today.get_weights()
        ]
        config["config"].update(dim_ordering=order, **first(*size))
        check(
            loaded(tmp_path, sequential(config, as_list=True), {"c": arrays}, backend="tensorflow"), x, today(x).numpy()
        )


def test_conv_lstm(tmp_path: Path) -> None:
    today, x = (
        dualnet.layers.ConvLSTM2D(3, 2, recurrent_activation=dualnet.activations.get("sigmoid")),
        normal(2, 4, 5, 5, 2),
    )
    today(x)
    kernel, recurrent, bias = (normal(*w.shape) for w in today.get_weights())
    today.set_weights([kernel, recurrent, bias])
    parts = [np.split(w, 4, axis=-1) for w in (kernel, recurrent, bias)]  # i, f, c, o
    arrays = [part[gate] for gate in (0, 2, 1, 3) for part in parts]
    config = entry(
        "ConvLSTM2D", "c", nb_filter=3, nb_row=2, nb_col=2, border_mode="valid", subsample=[1, 1], dim_ordering="tf", init="glorot_uniform",
        inner_init="orthogonal", forget_bias_init="one", activation="tanh", inner_activation="sigmoid", W_regularizer=None,
        U_regularizer=None, b_regularizer=None, dropout_W=0.0, dropout_U=0.0, return_sequences=False, go_backwards=False, stateful=False,
        **first(4, 5, 5, 2),
    )  # fmt: skip
    check(loaded(tmp_path, sequential(config, as_list=True), {"c": arrays}, backend="tensorflow"), x, today(x).numpy())


POOLS: dict[str, tuple[dict[str, Any], Callable[[Any], Any]]] = {
    "MaxPooling1D": (
        {"pool_length": 2, "stride": 2, "border_mode": "valid"}, lambda x: x.reshape(len(x), -1, 2, x.shape[-1]).max(axis=2)
    ),
    "UpSampling1D": ({"length": 2}, lambda x: x.repeat(2, axis=1)),
    "SpatialDropout1D": ({"p": 0.4}, lambda x: x),
    "TimeDistributedDense": ({"output_dim": 2, "bias": False, "init": "one", "activation": "linear"}, None),
}  # fmt: skip


@pytest.mark.parametrize("name", POOLS)
def test_layers_of_sequences(name: str, tmp_path: Path) -> None:
    config, expected = POOLS[name]
    x, w = normal(3, 6, 4), normal(4, 2)
    model = loaded(
        tmp_path,
        sequential(entry(name, "l", **config, **first(6, 4)), as_list=True),
        {"l": [w] if expected is None else []},
    )
    check(model, x, x @ w if expected is None else expected(x))


def test_layers_of_images(tmp_path: Path) -> None:
    x, (gamma, beta, mean), variance = normal(3, 2, 4, 4), normal(3, 2), np.abs(normal(2)) + 0.5
    config = sequential(
        entry("ZeroPadding2D", "pad", padding=[1, 0, 0, 1], dim_ordering="th", **first(2, 4, 4)),
        entry("BatchNormalization", "bn", epsilon=1e-3, mode=0, axis=1, momentum=0.99, gamma_regularizer=None, beta_regularizer=None,
              gamma_init="one", beta_init="zero"),
        entry("UpSampling2D", "up", size=[2, 1], dim_ordering="th"),
        entry("GlobalAveragePooling2D", "mean", dim_ordering="th"),
        as_list=True,
    )  # fmt: skip
    model = loaded(tmp_path, config, {"pad": [], "bn": [gamma, beta, mean, variance], "up": [], "mean": []})
    padded = np.pad(x, ((0, 0), (0, 0), (1, 0), (0, 1))).mean(axis=(2, 3))
    check(model, x, gamma * (padded - mean) / np.sqrt(variance + 1e-3) + beta)


def test_embedding(tmp_path: Path) -> None:
    table, ids = normal(7, 3), np.arange(10).reshape(2, 5) % 7
    config = entry("Embedding", "e", input_dim=7, output_dim=3, init="uniform", input_length=5, mask_zero=False, W_regularizer=None,
                   activity_regularizer=None, W_constraint=None, dropout=0.0, **first(5, dtype="int32"))  # fmt: skip
    model = loaded(tmp_path, sequential(config, as_list=True), {"e": [table]})
    check(model, ids, table[ids])
    config["config"]["dropout"] = 0.5
    with pytest.warns(UserWarning, match="'e' is trained without its dropout"):
        loaded(tmp_path, sequential(config, as_list=True), {"e": [table]})


def merge(mode: Any, **config: Any) -> dict[str, Any]:
    arguments = {
        "mode": mode,
        "mode_type": "raw",
        "concat_axis": -1,
        "dot_axes": -1,
        "arguments": {},
        "output_shape": None,
    }
    return entry("Merge", "merge", **{**arguments, **config})


MERGES: dict[str, Callable[[Any, Any], Any]] = {
    "ave": lambda a, b: (a + b) / 2,
    "concat": lambda a, b: np.concatenate([a, b], axis=-1),
    "dot": lambda a, b: (a * b).sum(axis=-1, keepdims=True),
    "max": np.maximum,
    "mul": np.multiply,
    "sum": np.add,
}


@pytest.mark.parametrize("mode", MERGES)
def test_merge(mode: str, tmp_path: Path) -> None:
    """At the beginning of a Sequential, and in a graph."""
    w, b, v, c, x, y = normal(4, 5), normal(5), normal(3, 5), normal(5), normal(6, 4), normal(6, 3)
    expected = MERGES[mode](x @ w + b, y @ v + c)
    top = normal(expected.shape[1], 2)
    weights = {"a": [w, b], "b": [v, c], "merge": [], "out": [top]}
    branches = [
        sequential(dense("a", 5, **first(4)), as_list=True),
        sequential(dense("b", 5, **first(3)), as_list=True),
    ]
    chain = sequential(merge(mode, layers=branches), dense("out", 2, bias=False), as_list=True)
    graph = functional(
        source("x", 4), source("y", 3), (dense("a", 5), [[["x", 0, 0]]]), (dense("b", 5), [[["y", 0, 0]]]),
        (merge(mode, layers=[]), [[["a", 0, 0], ["b", 0, 0]]]), (dense("out", 2, bias=False), [[["merge", 0, 0]]]),
        outputs=[["out", 0, 0]],
    )  # fmt: skip
    for config in (chain, graph):
        check(loaded(tmp_path, config, weights), [x, y], expected @ top)


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "Highway": (layer("Highway", "l", **first(4)), "'l' is a Highway of Keras 1, which is not translated"),
    "MaxoutDense": (layer("MaxoutDense", "l", output_dim=3, nb_feature=2, **first(4)), "'l' is a MaxoutDense"),
    "SReLU": (entry("SReLU", "l", **first(4)), "'l' is a SReLU"),
    "Deconvolution2D": (convolution(class_name="Deconvolution2D", dim_ordering="tf", **first(6, 6, 2)), "shape of its output"),
    "LocallyConnected1D": (layer("LocallyConnected1D", "l", nb_filter=2, filter_length=2, **first(4, 2)), "no such layer"),
    "a batch of its own": (entry("BatchNormalization", "l", mode=2, epsilon=1e-3, **first(4)), "mode=2 normalizes by the batch"),
    "another regularizer": (
        dense("l", 2, W_regularizer={"name": "EigenvalueRegularizer", "k": 2}, **first(4)), "no EigenvalueRegularizer in Keras 3"
    ),
    "a function in Merge": (
        merge(["4wEA", None, None], mode_type="lambda", layers=[sequential(dense("a", 2, **first(4)), as_list=True)] * 2), "never run"
    ),
    "cosines": (merge("cos", layers=[sequential(dense("a", 2, **first(4)), as_list=True)] * 2), "the mode 'cos'"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_translated_is_refused(name: str, tmp_path: Path) -> None:
    config, match = REFUSED[name]
    with pytest.raises(ValueError, match=match):
        loaded(tmp_path, sequential(config, as_list=True), {})
