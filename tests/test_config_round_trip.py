"""Every argument of every class with a config survives it: set to another value, it is in the config, and comes back.

Classes are found by themselves. One with an argument that ``VALUES`` does not know fails, and says what to add. That layers,
losses and metrics made from a config also compute the same is tested with their rows; the others are called here.
"""

from __future__ import annotations

import importlib
import inspect
import json
from typing import Any

import numpy as np
import pytest

import dualnet
from dualnet import dtype_policies, layers, optimizers
from dualnet.saving import deserialize_keras_object, serialize_keras_object

MODULES = [
    "callbacks", "constraints", "dtype_policies", "initializers", "layers", "losses", "metrics", "optimizers",
    "optimizers.schedules", "random", "regularizers",
]  # fmt: skip

# A value for every argument, other than any default: by name, or for one class by "Class.name".
VALUES: dict[str, Any] = {
    "activation": "tanh", "activity_regularizer": "l2", "adam_beta_1": 0.8, "adam_beta_2": 0.95, "adam_lr_ratio": 0.5,
    "adam_weight_decay": 0.1, "alpha": 0.3, "amsgrad": True, "apply_class_balancing": True, "arguments": {"a": 2},
    "autocast": False, "average": "macro", "axes": (1, 2), "axis": 1, "batch_size": 3, "beta": 0.7, "beta_1": 0.8,
    "beta_2": 0.95, "beta_2_decay": -0.6, "bin_boundaries": [0.5, 1.5], "boundaries": [2, 5], "center": False,
    "centered": True, "class_aggregation": "variance_weighted_average", "class_id": 1, "clip_threshold": 0.5,
    "clipnorm": 0.5, "clipvalue": 0.25, "cropping": 2, "curve": "PR", "cycle": True, "data_format": "channels_first",
    "decay_rate": 0.5, "decay_steps": 7, "delta": 0.5, "depth_multiplier": 2, "dilation_rate": 2, "dims": (2, 1),
    "distribution": "uniform", "dtype": "float64", "dynamic_growth_steps": 5, "ema_momentum": 0.5,
    "ema_overwrite_frequency": 3, "encoding": "latin-1", "end_learning_rate": 0.2, "epsilon": 0.02, "epsilon_1": 0.1,
    "epsilon_2": 0.2, "exclude_embeddings": False, "exclude_layers": ["a"], "filters": 4, "first_decay_steps": 3,
    "from_logits": True, "from_sorted_ids": True, "gain": 0.5, "gamma": 3.0, "global_clipnorm": 0.75,
    "gradient_accumulation_steps": 2, "groups": 2, "ignore_class": 1, "initial_accumulator_value": 0.3,
    "initial_learning_rate": 0.4, "initial_scale": 8.0, "input_dim": 9, "interpolation": "bilinear", "invert": True,
    "k": 2, "keepdims": True, "kernel_size": 3, "l1": 0.3, "l1_regularization_strength": 0.1, "l2": 0.4,
    "l2_regularization_strength": 0.2, "l2_shrinkage_regularization_strength": 0.3, "label_smoothing": 0.1,
    "label_weights": [0.25, 0.75], "learning_rate": 0.125, "learning_rate_power": -0.25, "loss_scale_factor": 4.0,
    "m_mul": 0.5, "margin": 0.3, "mask_value": 2.0, "mask_zero": True, "max_value": 3.0, "maxval": 0.5, "mean": 0.25,
    "min_value": 0.5, "minval": -0.5, "mode": "fan_avg", "momentum": 0.5, "multi_label": True, "muon_a": 3.3,
    "muon_b": -4.7, "muon_c": 2.0, "n": 3, "name": "mine", "negative_slope": 0.15, "nesterov": True,
    "noise_shape": (None, 1), "normalize": True, "ns_steps": 3, "num_bins": 6, "num_classes": 3, "num_labels": 2,
    "num_regressors": 1, "num_thresholds": 7, "num_tokens": 4, "offset": 0.5, "optional": True, "output_dim": 5,
    "output_mode": "one_hot", "output_padding": 1, "output_shape": (2,), "output_size": 2, "pad_to_max_tokens": True,
    "padding": "same", "pool_size": 3, "power": 2.0, "power_iterations": 2, "precision": 0.6, "q": 0.7, "rate": 0.25,
    "recall": 0.7, "reduction": "sum", "regression": True, "relative_step": False, "remove_diagonal": False,
    "renorm": True, "renorm_clipping": {"rmin": 0.5}, "renorm_momentum": 0.8, "rho": 0.8, "rms_rate": 0.3,
    "scale": False, "schedule_decay": 0.5, "seed": 7, "sensitivity": 0.6, "shape": (4,), "shared_axes": [1], "size": 3, "sparse": True,
    "sparse_labels": True, "sparse_y_pred": False, "sparse_y_true": False, "specificity": 0.7, "staircase": True,
    "stddev": 0.2, "strides": 2, "summation_method": "majoring", "synchronized": True, "t_mul": 3.0,
    "target_class_ids": [1], "target_shape": (2, 2), "threshold": 0.3, "thresholds": [0.25, 0.75], "top_k": 3,
    "trainable": False, "units": 6, "use_bias": False, "use_ema": True, "value": 2.5, "values": [1.0, 0.5, 0.1],
    "variance": 4.0, "vocabulary": ["a", "b"], "warmup_steps": 3, "warmup_target": 0.6, "weight_decay": 0.02,
    "weightage": "linear",
    # text
    "idf_weights": [0.5, 0.25], "mask_token": "", "max_tokens": 9, "ngrams": 2, "num_oov_indices": 2,
    "oov_method": "farmhash", "oov_token": "?", "output_sequence_length": 5, "ragged": True, "salt": 5,
    "split": "character", "standardize": "lower", "vocabulary_dtype": "int32",
    "allow_last_axis_squeeze": True, "equation": "ab,bc->ac", "bias_axes": "c",
    "input_axes": [0], "output_axes": [1], "logit_soft_cap": 2.0, "max_ndim": 4, "min_ndim": 2, "ndim": 3,
    "periodic": True, "reverse_dtype": "float64", "scaling": "spectrum", "side": "imag", "tie_weights": False,
    "window": "hamming",
    # attention
    "attention_axes": (1, 2), "dropout": 0.3, "flash_attention": False, "head_dim": 3, "key_dim": 3, "num_heads": 2,
    "num_key_value_heads": 2, "num_query_heads": 4, "sliding_window": 3, "use_gate": True, "value_dim": 5,
    "score_mode": "concat", "Attention.use_scale": True, "AdditiveAttention.use_scale": False,
    # recurrent layers
    "cell": lambda: layers.GRUCell(3, name="inner"), "cells": lambda: [layers.GRUCell(3, name="inner")],
    "go_backwards": True, "merge_mode": "sum", "recurrent_activation": "hard_sigmoid", "recurrent_dropout": 0.2,
    "reset_after": False, "return_sequences": True, "return_state": True, "stateful": True, "unit_forget_bias": False,
    "unroll": True, "use_cudnn": False, "zero_output_for_mask": True,
    # images
    "aspect_ratio_factor": (0.5, 1.5), "crop_to_aspect_ratio": True, "factor": 0.2, "fill_mode": "constant",
    "fill_value": 3.0, "height": 5, "height_factor": 0.3, "pad_to_aspect_ratio": True, "value_range": (0, 1), "width": 6,
    "width_factor": 0.4, "x_factor": 0.2, "y_factor": 0.3, "antialias": True,
    # sound
    "expand_dims": True, "fft_length": 512, "frame_length": 32, "frame_step": 8, "mag_exp": 1.0, "max_freq": 3000.0,
    "min_freq": 50.0, "min_power": 1e-5, "num_mel_bins": 20, "power_to_db": False, "ref_power": 0.5,
    "sampling_rate": 8000, "sequence_length": 400, "sequence_stride": 100, "top_db": 60.0,
    # what holds other objects
    "default_policy": "float32", "fn": dualnet.losses.mean_squared_error, "function": dualnet.activations.tanh,
    "inner_optimizer": lambda: optimizers.SGD(0.5), "layer": lambda: layers.Dense(3, name="inner"),
    "layers": lambda: [layers.Dense(3, name="inner"), layers.Dropout(0.25, seed=1, name="last")],
    "policy_map": {"dense": dtype_policies.DTypePolicy("float64")},
    "batch_shape": (None, 5), "weights": [np.ones((9, 5), "float32")],
    # some classes mean something else by a name, or have such a default already
    "AdaptiveAveragePooling1D.output_size": 3, "AUC.thresholds": [0.1, 0.9], "CategoryEncoding.output_mode": "count",
    "Cropping1D.cropping": (1, 2), "DTypePolicy.name": "float64", "DTypePolicyMap.default_policy": "float64",
    "ELU.alpha": 0.5, "FloatDTypePolicy.name": "float64", "FBetaScore.threshold": 0.4, "GaussianNoise.stddev": 0.3,
    "GroupNormalization.groups": 2, "IntegerLookup.mask_token": 0, "IntegerLookup.oov_token": -5,
    "IntegerLookup.vocabulary": [3, 4], "Lamb.epsilon": 0.02, "Muon.nesterov": False, "Lambda.mask": True,
    "OneHotIoU.sparse_y_pred": True, "OneHotMeanIoU.sparse_y_pred": True, "Rescaling.scale": 0.5,
    "Discretization.num_bins": 3, "MaxPooling1D.strides": 1, "MaxPooling2D.strides": 1, "MaxPooling3D.strides": 1,
    "RandomFlip.mode": "vertical", "RandomShear.interpolation": "nearest",
    "Normalization.axis": 0, "TextVectorization.output_mode": "multi_hot",
    "StringLookup.mask_token": "-", "BinaryIoU.target_class_ids": [1], "Circle.gamma": 60.0, "Tversky.alpha": 0.4,
    "CategoricalFocalCrossentropy.alpha": 0.4, "ZeroPadding1D.padding": (1, 2), "ZeroPadding2D.padding": 2,
    "ZeroPadding3D.padding": 2, "AlphaDropout.noise_shape": (None, 1), "Identity.gain": 0.5,
    "RandomNormal.mean": 0.25, "Permute.dims": (2, 1), "VarianceScaling.scale": 2.0, "Muon.adam_lr_ratio": 0.5,
    "STFTSpectrogram.mode": "psd",
    "RandomRotation.interpolation": "nearest", "RandomTranslation.interpolation": "nearest",
    "RandomZoom.interpolation": "nearest", "Resizing.interpolation": "nearest", "Resizing.fill_mode": "reflect",
    "Bidirectional.layer": lambda: layers.LSTM(3, name="inner"),
    "Bidirectional.backward_layer": lambda: layers.GRU(3, go_backwards=True, name="other"),
    **{f"ConvLSTM{rank}D.activation": "relu" for rank in (1, 2, 3)},
    **{f"{name}.activation": "relu" for name in ("GRU", "GRUCell", "LSTM", "LSTMCell", "SimpleRNN", "SimpleRNNCell")},
    "EinsumDense.output_shape": 3, "Hashing.dtype": "int32", "InputSpec.axes": {1: 4}, "InputSpec.dtype": "float64",
    "OrthogonalRegularizer.mode": "columns",
    "Softmax.axis": 1, "Concatenate.axis": 1, "Dot.axes": 1, "Hashing.mask_value": 2, "MinMaxNorm.rate": 0.5,
    "MinMaxNorm.axis": 1, "IdentityInitializer.gain": 0.5, "Hashing.output_mode": "one_hot",
    "Ftrl.beta": 0.5, "RMSprop.momentum": 0.5, "SpectralNormalization.layer": lambda: layers.Dense(3, name="inner"),
}  # fmt: skip

# What else must be given, so that an argument may be.
NEEDED: dict[str, dict[str, Any]] = {
    "ActivityRegularization.activity_regularizer": {},
    "AUC.label_weights": {"multi_label": True, "num_labels": 2},
    "AUC.num_labels": {"multi_label": True},
    "BatchNormalization.renorm_clipping": {"renorm": True},
    "BatchNormalization.renorm_momentum": {"renorm": True},
    "CategoryEncoding": {"num_tokens": 5},
    "Conv1DTranspose.output_padding": {"strides": 2},
    "Conv2DTranspose.output_padding": {"strides": 2},
    "Conv3DTranspose.output_padding": {"strides": 2},
    "Discretization": {"bin_boundaries": [1.5]},
    "Discretization.num_bins": {"bin_boundaries": None},
    "IndexLookup.idf_weights": {"output_mode": "tf_idf", "vocabulary": ["a", "b"]},
    "IndexLookup.pad_to_max_tokens": {"max_tokens": 9, "output_mode": "count"},
    "InputLayer": {"shape": (4,)},
    "InputLayer.batch_shape": {"shape": None},
    "IntegerLookup.idf_weights": {"vocabulary": [3, 4]},
    "IntegerLookup.salt": {"oov_method": "farmhash", "num_oov_indices": 2},
    "Normalization.mean": {"variance": 1.0},
    "Normalization.variance": {"mean": 0.0},
    "Optimizer.ema_momentum": {"use_ema": True},
    "Optimizer.ema_overwrite_frequency": {"use_ema": True},
    "StringLookup.salt": {"num_oov_indices": 2},
    "TextVectorization.idf_weights": {"output_mode": "tf_idf", "vocabulary": ["a", "b"]},
    "TextVectorization.pad_to_max_tokens": {"max_tokens": 9, "output_mode": "count"},
}

# Arguments that are in no config, or cannot be set, and why.
LEFT_OUT: dict[str, str] = {
    "autocast": "in no config of Keras either",
    "lora_rank": "adapters for large language models",
    "lora_alpha": "adapters for large language models",
    "quantization_config": "accepted when null, as files have it",
    "ragged": "only TensorFlow has ragged tensors",
    "sparse": "there are no sparse tensors here",
    "synchronized": "there is one device",
    "ActivityRegularization.activity_regularizer": "it is made of l1 and l2",
    "Bidirectional.weights": "initial values, which a file keeps as weights",
    "Embedding.weights": "initial values, which a file keeps as weights",
    "InputLayer.activity_regularizer": "it does nothing",
    "InputLayer.trainable": "it has no weights",
    "HashedCrossing.activity_regularizer": "as in Keras: it gives whole numbers",
    "HashedCrossing.trainable": "as in Keras: it has no weights",
    "IntegerLookup.vocabulary_dtype": "only int64 is taken",
    "StringLookup.vocabulary_dtype": "is always string",
    "SeedGenerator.name": "a label",
    "InputSpec.allow_last_axis_squeeze": "as in Keras",
    "InputSpec.name": "as in Keras",
    "InputLayer.batch_size": "is in batch_shape",
    "InputLayer.shape": "is in batch_shape",
    "InputLayer.input_tensor": "a tensor of one program",
    "SeedGenerator.kind": "names a stream of one program",
    "Lambda.mask": "a function or a tensor of one program",
}
# Classes that are made of others: tested where they are defined.
ELSEWHERE = {
    "Layer", "Loss", "LossFunctionWrapper", "MeanMetricWrapper", "Metric", "Wrapper", "LearningRateSchedule", "Initializer", "Optimizer",
    "RandomInitializer", "Regularizer", "Constraint", "MultiOptimizer", "OptimizerMap", "LossScaleOptimizer",
}  # fmt: skip


def classes() -> dict[str, type]:
    result = {}
    for module in MODULES:
        part = importlib.import_module(f"dualnet.{module}")
        for name in part.__all__:
            value = getattr(part, name)
            if inspect.isclass(value) and hasattr(value, "get_config") and name not in ELSEWHERE:
                result[f"{module}.{value.__name__}"] = value
    return result


def parameters(cls: type) -> dict[str, inspect.Parameter]:
    """Of the constructor; where it passes keywords on, with those of the public class below it."""
    result: dict[str, inspect.Parameter] = {}
    public = {dualnet.Layer, dualnet.Loss, dualnet.Metric, dualnet.Optimizer}
    for base in cls.__mro__[:-1]:
        if "__init__" not in vars(base) or (base is not owner(cls) and base not in public):
            continue
        listed = list(inspect.signature(base.__init__).parameters.values())[1:]  # type: ignore[misc]
        result = {p.name: p for p in listed if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)} | result
        if all(p.kind is not p.VAR_KEYWORD for p in listed):
            break
    return result


def owner(cls: type) -> type:
    """The class whose constructor it is."""
    return next(base for base in cls.__mro__ if "__init__" in vars(base))


def value_of(cls: type, argument: str) -> Any:
    generic = 0.3 if argument.endswith("_rate") else None
    if argument.endswith("_initializer"):
        generic = "he_uniform"
    if argument.endswith("_regularizer"):
        generic = "l1"
    if argument.endswith("_constraint"):
        generic = "max_norm"
    value = VALUES.get(f"{cls.__name__}.{argument}", VALUES.get(argument, generic))
    if value is None:
        pytest.fail(
            f"{cls.__name__} has the argument {argument!r}, and this test no value for it: add one to VALUES in {__file__} "
            "that is not its default (or to LEFT_OUT, with the reason)"
        )
    return value() if callable(value) and getattr(value, "__name__", "") == "<lambda>" else value


def needed(cls: type, argument: str) -> dict[str, Any]:
    """What an object must be given besides one argument."""
    required = [p.name for p in parameters(cls).values() if p.default is p.empty and p.name != argument]
    more = {k: v for base in reversed(cls.__mro__) for k, v in NEEDED.get(f"{base.__name__}.{argument}", {}).items()}
    arguments = {name: value_of(cls, name) for name in required} | NEEDED.get(cls.__name__, {}) | more
    if "name" in parameters(cls) and argument != "name" and not issubclass(cls, dtype_policies.DTypePolicy):
        arguments["name"] = "base"
    if "seed" in parameters(cls) and argument != "seed":
        arguments["seed"] = 3
    arguments.pop(argument, None)
    return {name: value for name, value in arguments.items() if value is not None}


def plain(config: Any) -> Any:
    """Arrays as lists, and tuples too: what a file keeps."""
    return json.loads(json.dumps(config, default=lambda x: x.tolist() if hasattr(x, "tolist") else repr(x)))


def behaviour(cls: type, obj: Any) -> Any:
    """Numbers that an object gives: those of classes whose rows do not compare them already."""
    x = np.linspace(-2, 2, 12, dtype="float32").reshape(4, 3)
    module = cls.__module__
    if "initializers" in module:
        return np.asarray(obj((8, 1, 5) if cls.__name__ == "STFT" else (4, 4)))
    if "regularizers" in module or "constraints" in module:
        return obj(dualnet.ops.array(x)).numpy()
    if "schedules" in module:
        return [float(obj(step)) for step in (0, 1, 4, 9, 20)]
    if isinstance(obj, optimizers.Optimizer):
        w = dualnet.Variable(x, name="w")
        for step in range(3):
            obj.apply([dualnet.ops.array(np.cos(x + step))], [w])
        return w.numpy()
    return 0


def without(
    cls: Any, arguments: dict[str, Any], parameter: inspect.Parameter, config: dict[str, Any]
) -> dict[str, Any]:
    """The config of an object that was not given an argument; of those that need one of several, with its default."""
    try:
        return cls(**arguments).get_config()
    except ValueError:
        return {**config, parameter.name: parameter.default}


def problems(cls: Any) -> list[str]:
    """What is wrong with each argument of a class."""
    failures = []
    for argument, parameter in parameters(cls).items():
        if argument in LEFT_OUT or f"{cls.__name__}.{argument}" in LEFT_OUT:
            continue
        arguments = needed(cls, argument)
        value = value_of(cls, argument)
        where = f"{cls.__name__}({argument}={value!r})"
        try:
            obj = cls(**arguments, **{argument: value})
            config = obj.get_config()
            if parameter.default is not parameter.empty and plain(config) == plain(
                without(cls, arguments, parameter, config)
            ):
                failures.append(f"{where}: the config is that of the default")
                continue
            expected = behaviour(cls, obj)
            for again in (cls.from_config(config), deserialize_keras_object(plain(serialize_keras_object(obj)))):
                if type(again) is not cls or plain(again.get_config()) != plain(config):
                    failures.append(
                        f"{where}: comes back as {type(again).__name__}({again.get_config()}), was {config}"
                    )
                elif not np.array_equal(behaviour(cls, again), expected, equal_nan=True):
                    failures.append(f"{where}: does something else when it comes back")
        except Exception as error:
            failures.append(f"{where}, {arguments}: {type(error).__name__}: {error}")
    return failures


@pytest.mark.parametrize("cls", list(classes().values()), ids=list(classes()))
def test_every_argument_survives(cls: Any) -> None:
    assert problems(cls) == []


def test_a_missing_value_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    class New(layers.Layer):
        def __init__(self, bounce: float = 1.0, **kwargs: Any) -> None:
            super().__init__(**kwargs)

    with pytest.raises(pytest.fail.Exception, match="New has the argument 'bounce', and this test no value for it"):
        problems(New)


def test_a_lost_argument_is_detected() -> None:
    class Loses(layers.Layer):
        def __init__(self, rate: float = 1.0, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.rate = rate

        def get_config(self) -> dict[str, Any]:
            return super().get_config()

    assert "Loses(rate=0.25): the config is that of the default" in problems(Loses)


class _Scaled(layers.Layer):
    def __init__(self, factor: float = 2.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.kept_elsewhere = factor


class _Written(_Scaled):
    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "factor": self.kept_elsewhere}


class _Wide(layers.Dense):
    def __init__(self, width: int, **kwargs: Any) -> None:
        super().__init__(2 * width, **kwargs)
        self.width = width


def test_a_layer_of_the_user_has_the_arguments_it_was_made_with() -> None:
    config = _Scaled(3.0, name="s").get_config()
    assert config == {**layers.Layer(name="s").get_config(), "factor": 3.0}
    assert _Scaled.from_config(config).kept_elsewhere == 3.0


def test_super_get_config_has_the_arguments_of_the_class_of_dualnet_only() -> None:
    assert list(layers.Layer.get_config(_Written(3.0))) == ["name", "trainable", "dtype"]
    assert _Written.from_config(_Written(3.0).get_config()).kept_elsewhere == 3.0


def test_a_class_on_top_of_a_layer_of_dualnet_keeps_its_arguments_and_supplies_those_of_the_layer() -> None:
    config = _Wide(3, name="d", activation="relu").get_config()
    dense = layers.Dense(6, name="d", activation="relu").get_config()
    assert config == {"width": 3, **{key: value for key, value in dense.items() if key != "units"}}
    assert _Wide.from_config(config).units == 6


def test_an_argument_without_its_attribute_is_an_error() -> None:
    layer = layers.ELU(0.5)
    del layer.alpha
    with pytest.raises(AttributeError, match="alpha"):
        layer.get_config()
