"""Hints at the name that was meant, wherever a name may be misspelt."""

from __future__ import annotations

import sys
from typing import Any

import pytest

import dualnet
from dualnet import callbacks, initializers, layers, losses, metrics, optimizers
from dualnet import keras as keras_alias
from dualnet.core.hints import similar


def model() -> Any:
    return dualnet.Sequential([dualnet.Input((1,)), layers.Dense(1)])


WRONG: dict[str, tuple[Any, str]] = {
    "a layer, capitals": (lambda: layers.Dense(Units=3), "units"),
    "a layer, one letter": (lambda: layers.Conv2D(filter=3, kernel_size=3), "filters"),
    "a layer, optional": (lambda: layers.Dense(3, Activation="relu"), "activation"),
    "a layer, of every layer": (lambda: layers.Dense(3, inputshape=(2,)), "input_shape"),
    "an optimizer": (lambda: optimizers.SGD(Momentum=0.1), "momentum"),
    "an optimizer, of every one": (lambda: optimizers.Adam(Learning_rate=0.1), "learning_rate"),
    "an optimizer, underscore": (lambda: optimizers.Adam(beta1=0.1), "beta_1"),
    "a loss": (lambda: losses.BinaryCrossentropy(from_logit=True), "from_logits"),
    "a metric": (lambda: metrics.AUC(num_threshold=3), "num_thresholds"),
    "a callback": (lambda: callbacks.EarlyStopping(Patience=3), "patience"),
    "an initializer": (lambda: initializers.RandomNormal(stdev=0.1), "stddev"),
    "a schedule": (lambda: optimizers.schedules.ExponentialDecay(0.1, decay_step=3, decay_rate=0.9), "decay_steps"),
    "compile": (lambda: model().compile("adam", "mse", metric=["mae"]), "metrics"),
    "fit": (lambda: model().fit(1, 1, epoch=3), "epochs"),
    "module of losses": (lambda: losses.BinaryCrossEntropy, "BinaryCrossentropy"),
    "module of losses, function": (lambda: losses.binary_cross_entropy, "binary_crossentropy"),
    "module of layers": (lambda: layers.dense, "Dense"),
    "module of layers, digits": (lambda: layers.Conv2d, "Conv2D"),
    "module of layers, begun": (lambda: layers.BatchNorm, "BatchNormalization"),
    "module of layers, as in Keras": (lambda: keras_alias.layers.Maxpool2D, "MaxPool2D"),
    "module of optimizers": (lambda: optimizers.RMSProp, "RMSprop"),
    "module of schedules": (lambda: optimizers.schedules.CosineDecays, "CosineDecay"),
    "module of metrics": (lambda: metrics.Acuracy, "Accuracy"),
    "module of callbacks": (lambda: callbacks.earlystopping, "EarlyStopping"),
    "module of activations": (lambda: dualnet.activations.Relu, "relu"),
    "module of initializers": (lambda: initializers.HeNorm, "HeNormal"),
    "module of regularizers": (lambda: dualnet.regularizers.l1l2, "l1_l2"),
    "module of ops": (lambda: dualnet.ops.mat_mul, "matmul"),
    "module of utils": (lambda: dualnet.utils.to_categorial, "to_categorical"),
    "module of data sets": (lambda: dualnet.datasets.Mnist, "mnist"),
    "module of saving": (lambda: dualnet.saving.loadmodel, "load_model"),
    "module of config": (lambda: dualnet.config.setfloatx, "set_floatx"),
    "module of random numbers": (lambda: dualnet.random.Normal, "normal"),
    "dualnet": (lambda: dualnet.Sequental, "Sequential"),
    "a loss by name": (lambda: losses.get("BinaryCrossEntropy"), "BinaryCrossentropy"),
    "a function by name": (lambda: losses.get("binary_cross_entropy"), "binary_crossentropy"),
    "an activation by name": (lambda: layers.Dense(2, activation="ReLU"), "relu"),
    "an initializer by name": (lambda: initializers.get("He_Normal"), "HeNormal"),
    "a metric by name": (lambda: metrics.get("Acuracy"), "Accuracy"),
    "an optimizer by name": (lambda: optimizers.get("RMSProps"), "rmsprop"),
}


@pytest.mark.parametrize("name", WRONG)
def test_the_name_that_was_meant(name: str) -> None:
    call, meant = WRONG[name]
    with pytest.raises((TypeError, ValueError, AttributeError), match=f"did you mean '{meant}'"):
        call()


def test_nothing_similar() -> None:
    assert similar("zzz", ["units", "activation"]) is None
    with pytest.raises(AttributeError, match="module 'dualnet.layers' has no attribute 'Zzz'$"):
        _ = layers.Zzz
    assert not hasattr(losses, "__path__x")


def test_classes_of_the_user_take_what_they_like() -> None:
    class Mine(callbacks.Callback):
        def __init__(self, **options: Any) -> None:
            super().__init__()
            self.options = options

    assert Mine(patience=3).options == {"patience": 3}


@pytest.mark.parametrize(
    "name", ["layers.Atention", "utils.plot_mdel", "GradientTap", "ops.nn.rellu", "preprocessing.text.Tokenzer"]
)
def test_one_hint_is_printed(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Python has a hint of its own for an attribute that an object does not have."""
    try:
        exec(f"import dualnet\ndualnet.{name}")
    except AttributeError as error:
        sys.excepthook(type(error), error, error.__traceback__)
    printed = capsys.readouterr().err
    assert printed.lower().count("did you mean") == 1, printed
