"""Models of Keras 2 and of tf.keras up to 2.15: classes, arguments and calls that Keras 3 writes otherwise."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dualnet
from dualnet import layers

from .old_files import entry, functional, gru, hard_sigmoid, lstm, normal, sequential, source, write_h5

Case = tuple[dict[str, Any], dict[str, list[Any]], Any, Any]  # config, weights, input, expected output


def check(case: Case, path: Path, version: str | None = "2.2.4", **options: Any) -> Any:
    """Load a model from an .h5 file, and from its JSON with the weights in a file; both predict what is expected."""
    config, weights, x, expected = case
    whole = dualnet.models.load_model(write_h5(path / "m.h5", config, weights, version), **options)
    parts = dualnet.models.model_from_json(json.dumps({**config, "keras_version": version or "2.0.1"}))
    parts.load_weights(write_h5(path / "w.h5", None, weights, version))
    for model in (whole, parts):
        outputs = model.predict(x, verbose=0)
        for y, value in zip(outputs, expected) if isinstance(expected, list) else [(outputs, expected)]:
            np.testing.assert_allclose(y, value, atol=1e-5)
    return whole


def dense(name: str, units: int, **config: Any) -> dict[str, Any]:
    init = {
        "class_name": "VarianceScaling",
        "config": {"scale": 1.0, "mode": "fan_avg", "distribution": "uniform", "seed": None},
    }
    return entry("Dense", name, units=units, use_bias=True, kernel_initializer=init, **config)


def one_layer(class_name: str, x: Any, weights: list[Any], expected: Any, **config: Any) -> Case:
    shape = [None, *x.shape[1:]]
    return sequential(entry(class_name, "l", batch_input_shape=shape, **config)), {"l": weights}, x, expected


def as_cudnn(kernel: Any, recurrent: Any, gates: int) -> list[Any]:
    """Matrices of an LSTM or a GRU as the layers of cuDNN keep them: transposed, gate by gate, in their old shapes."""
    kernels = [np.ascontiguousarray(k.T).reshape(k.shape) for k in np.split(kernel, gates, 1)]
    return [np.concatenate(kernels, 1), np.concatenate([k.T for k in np.split(recurrent, gates, 1)], 1)]


def cudnn_lstm() -> Case:
    x, kernel, recurrent, bias, other = normal(3, 5, 4), normal(4, 12), normal(3, 12), normal(12), normal(12)
    weights = [*as_cudnn(kernel, recurrent, 4), np.concatenate([bias, other])]
    return one_layer("CuDNNLSTM", x, weights, lstm(x, kernel, recurrent, bias + other), units=3, return_sequences=False)


def cudnn_gru() -> Case:
    x, kernel, recurrent, bias, other = normal(3, 5, 4), normal(4, 9), normal(3, 9), normal(9), normal(9)
    weights = [*as_cudnn(kernel, recurrent, 3), np.concatenate([bias, other])]
    return one_layer("CuDNNGRU", x, weights, gru(x, kernel, recurrent, bias, recurrent_bias=other), units=3)


def lstm_with_hard_sigmoid() -> Case:
    x, kernel, recurrent, bias = normal(3, 5, 4), normal(4, 12), normal(3, 12), normal(12)
    expected = lstm(x, kernel, recurrent, bias, gate=hard_sigmoid)
    return one_layer(
        "LSTM", x, [kernel, recurrent, bias], expected, units=3, recurrent_activation="hard_sigmoid", implementation=1
    )


def gru_that_resets_first() -> Case:
    x, kernel, recurrent, bias = normal(3, 5, 4), normal(4, 9), normal(3, 9), normal(9)
    return one_layer(
        "GRU", x, [kernel, recurrent, bias], gru(x, kernel, recurrent, bias), units=3, recurrent_activation="sigmoid"
    )


def batch_normalization(name: str = "BatchNormalization", **config: Any) -> Case:
    x, (gamma, beta, mean), variance = normal(3, 4, 4, 2), normal(3, 2), np.abs(normal(2)) + 0.5
    expected = gamma * (x - mean) / np.sqrt(variance + 1e-3) + beta
    return one_layer(name, x, [gamma, beta, mean, variance], expected, axis=[3], epsilon=1e-3, **config)


def embedding() -> Case:
    """Keras 2.0 wrote the dtype of the ids."""
    table, ids = normal(7, 3), np.arange(10).reshape(2, 5) % 7
    return one_layer(
        "Embedding", ids, [table], table[ids], dtype="int32", input_dim=7, output_dim=3, input_length=5, mask_zero=False
    )


def activation(name: str, expected: Callable[[Any], Any], **config: Any) -> Case:
    x = normal(4, 5) * 3
    return one_layer(name, x, [], expected(x), **config)


def list_of_layers() -> Case:
    w, b, x = normal(4, 2), normal(2), normal(3, 4)
    return sequential(dense("d", 2, batch_input_shape=[None, 4]), as_list=True), {"d": [w, b]}, x, x @ w + b


def old_values() -> Case:
    """Tuples, shapes, numbers of NumPy and initializers with a dtype."""
    x = normal(3, 6)
    shaped = entry("Reshape", "r", target_shape={"class_name": "__tuple__", "items": [3, 2]}, dtype="float32",
                   batch_input_shape={"class_name": "TensorShape", "items": [None, 6]})  # fmt: skip
    leaky = entry("LeakyReLU", "l", alpha={"type": "ndarray", "value": 0.25})
    scale = entry("PReLU", "p", alpha_initializer={"class_name": "ConstantV2", "config": {"value": 0.5, "dtype": "float32"}},
                  shared_axes=[1, 2], dtype={"class_name": "Policy", "config": {"name": "float32", "loss_scale": None}})  # fmt: skip
    alpha, y = np.full((1, 1), 0.5, "float32"), x.reshape(3, 3, 2)
    y = np.where(y > 0, y, 0.25 * y)
    return sequential(shaped, leaky, scale), {"r": [], "l": [], "p": [alpha]}, x, np.where(y > 0, y, 0.5 * y)


def depthwise() -> Case:
    """With the arguments of its base class, which it has no use for."""
    x, kernel, bias = normal(2, 1, 1, 3), normal(1, 1, 3, 2), normal(6)
    expected = np.einsum("bijc,cm->bijcm", x, kernel[0, 0]).reshape(2, 1, 1, 6) + bias
    return one_layer("DepthwiseConv2D", x, [kernel, bias], expected, kernel_size=[1, 1], depth_multiplier=2, groups=1, filters=None,
                     kernel_initializer={"class_name": "GlorotUniform", "config": {"seed": None, "dtype": "float32"}})  # fmt: skip


CASES: dict[str, Callable[[], Case]] = {
    "CuDNNLSTM": cudnn_lstm,
    "CuDNNGRU": cudnn_gru,
    "LSTM, hard_sigmoid": lstm_with_hard_sigmoid,
    "GRU without reset_after": gru_that_resets_first,
    "Activation, hard_sigmoid": lambda: activation("Activation", hard_sigmoid, activation="hard_sigmoid"),
    "BatchNormalization, axis: [3]": batch_normalization,
    "BatchNormalizationV1": lambda: batch_normalization(
        "BatchNormalizationV1", renorm=False, fused=True, virtual_batch_size=None, renorm_momentum=0.9
    ),
    "Embedding of int32": embedding,
    "ThresholdedReLU": lambda: activation("ThresholdedReLU", lambda x: np.where(x > 1.5, x, 0), theta=1.5),
    "ReLU": lambda: activation("ReLU", lambda x: np.clip(x, 0, 6), max_value=6.0, negative_slope=0.0, threshold=0.0),
    "a list of layers": list_of_layers,
    "values": old_values,
    "DepthwiseConv2D": depthwise,
}


@pytest.mark.parametrize("name", CASES)
def test_layers(name: str, tmp_path: Path) -> None:
    case = CASES[name]()
    check(case, tmp_path)
    check(case, tmp_path, version=None)


def test_the_old_hard_sigmoid_stays_in_files_of_today(tmp_path: Path) -> None:
    model = check(lstm_with_hard_sigmoid(), tmp_path)
    x = normal(3, 5, 4)
    for suffix in (".keras", ".h5"):
        model.save(tmp_path / f"again{suffix}")
        again = dualnet.models.load_model(tmp_path / f"again{suffix}")
        np.testing.assert_array_equal(again.predict(x, verbose=0), model.predict(x, verbose=0))


def test_ids_stay_whole_numbers(tmp_path: Path) -> None:
    model = check(embedding(), tmp_path)
    assert model.inputs[0].dtype == "int32"
    assert model.layers[0].embeddings.dtype == "float32"


# -- graphs --------------------------------------------------------------------------------------------------------


def inner_model(name: str = "inner", class_name: str = "Model") -> dict[str, Any]:
    graph = functional(source("i", 4), (dense("d", 4, activation="tanh"), [[["i", 0, 0, {}]]]), outputs=[["d", 0, 0]])
    return {"class_name": class_name, "config": {**graph["config"], "name": name}}


def calls_of_a_model(numbers: tuple[int, int]) -> Case:
    """A model that is called twice. In Keras 2 making it counts as its first call.  numbers: of the two calls"""
    w, b, x = normal(4, 4), normal(4), normal(3, 4)
    one, two = numbers
    config = functional(
        source("x", 4),
        (inner_model(), [[["x", 0, 0, {}]], [["inner", one, 0, {}]]]),
        outputs=[["inner", one, 0], ["inner", two, 0]],
    )
    y = np.tanh(x @ w + b)
    return config, {"inner": [w, b]}, x, [y, np.tanh(y @ w + b)]


@pytest.mark.parametrize("numbers", [(0, 1), (1, 2)])
def test_numbers_of_calls(numbers: tuple[int, int], tmp_path: Path) -> None:
    check(calls_of_a_model(numbers), tmp_path)


def test_a_model_whose_only_output_is_in_a_list(tmp_path: Path) -> None:
    """As Teachable Machine exports them: models in models, each with one output in a list."""
    w, b, v, c, x = normal(4, 4), normal(4), normal(4, 2), normal(2), normal(3, 4)
    first = sequential(inner_model("m", "Functional"), entry("Activation", "a", activation="relu"))
    first["config"]["name"] = "s1"
    config = sequential(first, {**sequential(dense("top", 2)), "config": {"name": "s2", "layers": [dense("top", 2)]}})
    config["config"]["build_input_shape"] = [None, 4]
    expected = np.maximum(np.tanh(x @ w + b), 0) @ v + c
    check((config, {"s1": [w, b], "s2": [v, c]}, x, expected), tmp_path, version="2.4.0")


def test_arguments_that_are_tensors(tmp_path: Path) -> None:
    """A mask or an initial state may be the output of another layer."""
    x, kernel, recurrent, bias = normal(3, 5, 4), normal(4, 16), normal(4, 16), normal(16)
    pick = (
        entry("Lambda", "pick", function="pick", function_type="function", output_shape=None, arguments={}),
        [[["x", 0, 0, {}]]],
    )
    rnn = entry("LSTM", "r", units=4, recurrent_activation="sigmoid", time_major=False)
    weights = {"x": [], "pick": [], "r": [kernel, recurrent, bias]}

    def first_step(z: Any) -> Any:
        return z[:, 0]

    reference = layers.LSTM(4)
    reference(x)
    reference.set_weights([kernel, recurrent, bias])
    expected = reference(x, initial_state=[x[:, 0], x[:, 0]]).numpy()
    states = [["pick", 0, 0], ["pick", 0, 0]]
    in_one_list = [[["x", 0, 0, {}], ["pick", 0, 0, {}], ["pick", 0, 0, {}]]]
    for nodes in ([[["x", 0, 0, {"initial_state": states}]]], in_one_list):
        config = functional(source("x", 5, 4), pick, (rnn, nodes), outputs=[["r", 0, 0]])
        path = write_h5(tmp_path / "m.h5", config, weights, "2.3.1")
        model = dualnet.models.load_model(path, custom_objects={"pick": first_step})
        np.testing.assert_allclose(model.predict(x, verbose=0), expected, atol=1e-6)


@pytest.mark.parametrize("frozen", [(), (0,), (1,), (0, 1, 2, 3)])
def test_weights_of_frozen_layers(frozen: tuple[int, ...], tmp_path: Path) -> None:
    """Inside a model the weights that are trained come first in a file."""
    x = normal(3, 4)
    parts = [("d1", [normal(4, 4), normal(4)], 2), ("n1", [*normal(3, 4), np.abs(normal(4)) + 0.5], 2),
             ("d2", [normal(4, 4), normal(4)], 2), ("n2", [*normal(3, 4), np.abs(normal(4)) + 0.5], 2)]  # fmt: skip
    stack = [
        entry(
            "Dense" if name[0] == "d" else "BatchNormalization",
            name,
            **({"units": 4} if name[0] == "d" else {"axis": [1]}),
        )
        for name, _, _ in parts
    ]
    trained, others, y = [], [], x
    for i, (name, arrays, n) in enumerate(parts):
        stack[i]["config"]["trainable"] = i not in frozen
        trained += [] if i in frozen else arrays[:n]
        others += arrays if i in frozen else arrays[n:]
        if name[0] == "d":
            y = y @ arrays[0] + arrays[1]
        else:
            y = arrays[0] * (y - arrays[2]) / np.sqrt(arrays[3] + 1e-3) + arrays[1]
    inner = sequential(*stack)
    inner["config"]["name"] = "inner"
    inner["config"]["layers"][0]["config"]["batch_input_shape"] = [None, 4]
    check((sequential(inner), {"inner": trained + others}, x, y), tmp_path)


@pytest.mark.parametrize("size", [1, 5, 32, 33])
def test_a_batch_size_in_a_file_binds_nobody(size: int, tmp_path: Path) -> None:
    w, b = normal(4, 2), normal(2)
    config = sequential(dense("d", 2, batch_input_shape=[32, 4]), entry("Reshape", "r", target_shape=[2, 1]))
    path = write_h5(tmp_path / "m.h5", config, {"d": [w, b], "r": []})
    model, x = dualnet.models.load_model(path), normal(size, 4)
    np.testing.assert_allclose(model.predict(x, verbose=0), (x @ w + b)[..., None], atol=1e-5)
    np.testing.assert_allclose(model(x), (x @ w + b)[..., None], atol=1e-5)


# -- what else is in files -----------------------------------------------------------------------------------------


def test_floats_are_no_whole_numbers(tmp_path: Path) -> None:
    """Weights that would be cut off are refused, in every format."""

    class Counts(layers.Layer):
        def __init__(self, dtype_of_weight: str, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.table = self.add_weight(
                shape=(3,), dtype=dtype_of_weight, initializer="ones", trainable=False, name="table"
            )

        def call(self, x: Any) -> Any:
            return x * dualnet.ops.cast(self.table, "float32")

    def make(dtype: str) -> Any:
        return dualnet.Sequential([dualnet.Input((3,)), Counts(dtype, name="c")])

    for suffix in (".h5", ".weights.h5"):
        path = tmp_path / f"m{suffix}"
        make("float32").save_weights(path)
        target = make("int32")
        with pytest.raises(ValueError, match=r"dtype (float32|int32).*(float32|int32)"):
            target.load_weights(path)
        make("int64").save_weights(path)
        target.load_weights(path)


BYTE_CODE = ["4wEAAAAAAAAAAAAAAAEAAAADAAAAQwAAAHMIAAAAfABkARQAUwA=", None, None]
LAMBDAS: dict[str, tuple[dict[str, Any], str]] = {
    "Keras 2": ({"function": BYTE_CODE, "function_type": "lambda", "output_shape": BYTE_CODE, "output_shape_type": "lambda",
                 "module": "__main__"}, "double"),
    "Keras 3": ({"function": {"class_name": "__lambda__", "config": {"code": "4w==", "defaults": None, "closure": None}}}, "double"),
    "a name": ({"function": "my_function", "function_type": "function", "output_shape_type": "raw", "output_shape": None,
                "module": "m"}, "my_function"),
}  # fmt: skip


@pytest.mark.parametrize("form", LAMBDAS)
def test_lambda(form: str, tmp_path: Path) -> None:
    arguments, name = LAMBDAS[form]
    config = sequential(entry("Lambda", "double", batch_input_shape=[None, 3], arguments={}, **arguments))
    path = write_h5(tmp_path / "m.h5", config, {"double": []})
    if form != "a name":
        with pytest.raises(
            ValueError,
            match="'double' is a Lambda .*byte code, which is never run.*custom_objects={'double': function}",
        ):
            dualnet.models.load_model(path)
    x = normal(2, 3)
    for key in {name, "double", "my_function" if form == "a name" else "<lambda>"}:
        model = dualnet.models.load_model(path, custom_objects={key: lambda z: 2 * z})
        np.testing.assert_array_equal(model.predict(x, verbose=0), 2 * x)


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "LocallyConnected2D": (
        entry("LocallyConnected2D", "l", filters=2),
        "'l' is a LocallyConnected2D, which is not translated",
    ),
    "renorm": (entry("BatchNormalization", "l", renorm=True), "renorm=True is not translated"),
    "a layer of the user": (entry("MyLayer", "l"), "the config names MyLayer, which is not in dualnet"),
    "a function of TensorFlow": (entry("TFOpLambda", "l", function="signal.stft"), "TFOpLambda|signal.stft"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_translated_is_refused(name: str, tmp_path: Path) -> None:
    config, match = REFUSED[name]
    config["config"]["batch_input_shape"] = [None, 4]
    with pytest.raises(ValueError, match=match):
        dualnet.models.load_model(write_h5(tmp_path / "m.h5", sequential(config), {"l": []}))


Metric = dict[str, Any]
TRAINING: dict[str, tuple[dict[str, Any], type]] = {
    "Custom>Adam": ({"class_name": "Custom>Adam", "config": {"name": "Adam", "learning_rate": 0.5, "jit_compile": True,
                     "is_legacy_optimizer": False, "weight_decay": None}}, dualnet.optimizers.Adam),
    "lr and decay": ({"class_name": "SGD", "config": {"lr": 0.5, "decay": 1e-3, "momentum": 0.9, "nesterov": False}},
                     dualnet.optimizers.SGD),
    "epsilon": ({"class_name": "RMSprop", "config": {"lr": 0.5, "rho": 0.9, "decay": 0.0, "epsilon": None}}, dualnet.optimizers.RMSprop),
    "a schedule": ({"class_name": "Adam", "config": {"learning_rate": {"class_name": "ExponentialDecay", "config": {
                    "initial_learning_rate": 0.5, "decay_steps": 10, "decay_rate": 0.9, "staircase": False, "name": None}}}},
                   dualnet.optimizers.Adam),
}  # fmt: skip


@pytest.mark.parametrize("name", TRAINING)
def test_what_a_model_was_compiled_with(name: str, tmp_path: Path) -> None:
    """The classes of losses and metrics of one name are kept apart; there may be a list of metrics for each output."""
    optimizer, cls = TRAINING[name]
    loss = {
        "class_name": "MeanSquaredError",
        "config": {"reduction": "auto", "name": "mse", "fn": "mean_squared_error"},
    }
    metrics: list[list[Metric]] = [[
        {"class_name": "MeanMetricWrapper", "config": {"name": "mae", "dtype": "float32", "fn": "mean_absolute_error"}},
        {"class_name": "CosineSimilarity", "config": {"name": "cos", "dtype": "float32", "axis": -1}},
    ]]  # fmt: skip
    training = {"optimizer_config": optimizer, "loss": loss, "metrics": metrics, "weighted_metrics": None, "loss_weights": None,
                "sample_weight_mode": None}  # fmt: skip
    w, b, x, y = normal(4, 2), normal(2), normal(8, 4), normal(8, 2)
    config = sequential(dense("d", 2, batch_input_shape=[None, 4]))
    model = dualnet.models.load_model(write_h5(tmp_path / "m.h5", config, {"d": [w, b]}, training=training))
    p = x @ w + b
    cosines = (p * y).sum(1) / np.linalg.norm(p, axis=1) / np.linalg.norm(y, axis=1)
    expected = [np.mean((p - y) ** 2), np.mean(np.abs(p - y)), cosines.mean()]
    np.testing.assert_allclose(model.evaluate(x, y, verbose=0), expected, rtol=1e-4)
    function = {
        "module": "builtins",
        "class_name": "function",
        "config": "mean_absolute_error",
        "registered_name": "function",
    }
    metrics[0][0]["config"]["fn"] = function
    again = dualnet.models.load_model(
        write_h5(tmp_path / "m.h5", config, {"d": [w, b]}, "2.15.0", training={**training, "metrics": metrics})
    )
    np.testing.assert_allclose(again.evaluate(x, y, verbose=0), expected, rtol=1e-4)
    assert isinstance(model.optimizer, cls)
    assert float(model.optimizer.learning_rate) == pytest.approx(0.5)
    model.fit(x, y, verbose=0)


def test_a_model_whose_training_cannot_be_read_is_loaded_uncompiled(tmp_path: Path) -> None:
    config, weights, x, expected = list_of_layers()
    sgd = {"class_name": "SGD", "config": {"lr": 0.1}}
    for training in (
        {"optimizer_config": {"class_name": "Ranger", "config": {}}, "loss": "mse"},
        {"optimizer_config": sgd, "loss": "my_loss"},
        {"optimizer_config": sgd, "loss": "mse", "metrics": ["my_metric"]},
        {"optimizer_config": sgd, "loss": {"class_name": "Focal", "config": {}}},
        {"optimizer_config": 3, "loss": "mse"},
        {"loss": "mse"},
    ):
        path = write_h5(tmp_path / "m.h5", config, weights, training=training)
        with pytest.warns(UserWarning, match="is loaded without what it was compiled with"):
            model = dualnet.models.load_model(path)
        assert not model.compiled
        np.testing.assert_allclose(model.predict(x, verbose=0), expected, atol=1e-5)
    path = write_h5(tmp_path / "m.h5", config, weights, training={"optimizer_config": sgd, "loss": "my_loss"})
    assert dualnet.models.load_model(
        path, custom_objects={"my_loss": lambda t, p: dualnet.ops.mean((t - p) ** 4)}
    ).compiled
