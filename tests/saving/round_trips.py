"""Round trips with real Keras: models of all kinds, both ways, in every format, and one more epoch from the loaded optimizer state.

    python -m tests.saving.round_trips            # a table, for the Keras that is installed (KERAS_BACKEND selects its backend)
    python -m tests.saving.round_trips -k lstm    # models whose name contains this

A trip passes if the predictions of the loaded model differ from those of the saved one by at most 1e-6 of their size, and its
weights, after one more epoch, by at most 1e-5 from those of the model that was saved and trained on.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import dualnet

Make = Callable[[Any], Any]
TOLERANCES = {"predictions": 1e-6, "one more epoch": 1e-5}
FORMATS = (".keras", ".h5", ".weights.h5", ".weights.json")
SIZES = {"sequence": (5, 3), "image": (6, 6, 2), "signal": (8, 2), "volume": (4, 4, 4, 1), "vector": (4,), "ids": (5,)}


def _one(layer: Make, kind: str) -> Make:
    """A model of one layer with a Dense behind it."""

    def make(K: Any) -> Any:
        return K.Sequential([K.Input(SIZES[kind]), layer(K), K.layers.Flatten(), K.layers.Dense(2)])

    return make


LAYERS: dict[str, dict[str, Make]] = {
    "vector": {
        "dense": lambda K: K.layers.Dense(3, "relu"),
        "dense with regularizers": lambda K: K.layers.Dense(3, kernel_regularizer="l2", bias_constraint="non_neg"),
        "einsum dense": lambda K: K.layers.EinsumDense("ab,bc->ac", 3, bias_axes="c"),
        "batch normalization": lambda K: K.layers.BatchNormalization(),
        "batch normalization without scale": lambda K: K.layers.BatchNormalization(scale=False),
        "layer normalization": lambda K: K.layers.LayerNormalization(),
        "rms normalization": lambda K: K.layers.RMSNormalization(),
        "unit normalization": lambda K: K.layers.UnitNormalization(),
        "group normalization": lambda K: K.layers.GroupNormalization(2),
        "dropout of nothing": lambda K: K.layers.Dropout(0.0),
        "prelu": lambda K: K.layers.PReLU(),
        "leaky relu": lambda K: K.layers.LeakyReLU(0.2),
        "elu": lambda K: K.layers.ELU(),
        "softmax": lambda K: K.layers.Softmax(),
        "activation gelu": lambda K: K.layers.Activation("gelu"),
        "reshape": lambda K: K.layers.Reshape((2, 2)),
        "repeat vector": lambda K: K.layers.RepeatVector(3),
        "rescaling": lambda K: K.layers.Rescaling(0.5, 0.1),
        "activity regularization": lambda K: K.layers.ActivityRegularization(0.01),
    },
    "sequence": {
        "lstm": lambda K: K.layers.LSTM(4),
        "lstm all steps": lambda K: K.layers.LSTM(4, return_sequences=True),
        "lstm without bias": lambda K: K.layers.LSTM(3, use_bias=False, unit_forget_bias=False),
        "gru": lambda K: K.layers.GRU(4),
        "gru reset before": lambda K: K.layers.GRU(4, reset_after=False),
        "simple rnn": lambda K: K.layers.SimpleRNN(4),
        "bidirectional lstm": lambda K: K.layers.Bidirectional(K.layers.LSTM(3)),
        "bidirectional gru summed": lambda K: K.layers.Bidirectional(K.layers.GRU(3), merge_mode="sum"),
        "bidirectional of two": lambda K: K.layers.Bidirectional(
            K.layers.LSTM(3), backward_layer=K.layers.GRU(3, go_backwards=True)
        ),
        "rnn of a cell": lambda K: K.layers.RNN(K.layers.LSTMCell(3)),
        "rnn of cells": lambda K: K.layers.RNN([K.layers.GRUCell(3), K.layers.LSTMCell(2)]),
        "rnn of stacked cells": lambda K: K.layers.RNN(
            K.layers.StackedRNNCells([K.layers.SimpleRNNCell(3), K.layers.SimpleRNNCell(3)])
        ),
        "time distributed dense": lambda K: K.layers.TimeDistributed(K.layers.Dense(2)),
        "time distributed model": lambda K: K.layers.TimeDistributed(
            K.Sequential([K.Input((3,)), K.layers.Dense(4, "tanh"), K.layers.Dense(2)])
        ),
        "masking and lstm": lambda K: K.Sequential([K.layers.Masking(), K.layers.LSTM(3)]),
        "conv 1d": lambda K: K.layers.Conv1D(3, 2, padding="causal"),
        "permute": lambda K: K.layers.Permute((2, 1)),
        "global average pooling 1d": lambda K: K.layers.GlobalAveragePooling1D(keepdims=True),
        "cropping 1d": lambda K: K.layers.Cropping1D(1),
    },
    "image": {
        "conv 2d": lambda K: K.layers.Conv2D(3, 3, padding="same", activation="relu"),
        "conv 2d dilated": lambda K: K.layers.Conv2D(3, 2, dilation_rate=2),
        "conv 2d in groups": lambda K: K.layers.Conv2D(4, 3, groups=2),
        "depthwise conv 2d": lambda K: K.layers.DepthwiseConv2D(3, depth_multiplier=2),
        "separable conv 2d": lambda K: K.layers.SeparableConv2D(3, 3),
        "transposed conv 2d": lambda K: K.layers.Conv2DTranspose(2, 3, strides=2),
        "max pooling 2d": lambda K: K.layers.MaxPooling2D(),
        "average pooling 2d": lambda K: K.layers.AveragePooling2D(2),
        "up sampling 2d": lambda K: K.layers.UpSampling2D(),
        "zero padding 2d": lambda K: K.layers.ZeroPadding2D(1),
        "batch normalization of images": lambda K: K.layers.BatchNormalization(momentum=0.9),
        "group normalization of images": lambda K: K.layers.GroupNormalization(1),
        "conv lstm 1d": lambda K: K.layers.ConvLSTM1D(2, 2),
        "resizing": lambda K: K.layers.Resizing(4, 4),
        "center crop": lambda K: K.layers.CenterCrop(4, 4),
        "global max pooling 2d": lambda K: K.layers.GlobalMaxPooling2D(),
    },
    "signal": {
        "separable conv 1d": lambda K: K.layers.SeparableConv1D(3, 3),
        "transposed conv 1d": lambda K: K.layers.Conv1DTranspose(3, 2, strides=2),
        "max pooling 1d": lambda K: K.layers.MaxPooling1D(),
    },
    "volume": {"conv 3d": lambda K: K.layers.Conv3D(2, 2), "max pooling 3d": lambda K: K.layers.MaxPooling3D()},
    "ids": {
        "embedding": lambda K: K.layers.Embedding(7, 3),
        "embedding and masked lstm": lambda K: K.Sequential([K.layers.Embedding(7, 3, mask_zero=True), K.layers.LSTM(3)]),
        "category encoding": lambda K: K.layers.CategoryEncoding(7, "multi_hot"),
        "integer lookup": lambda K: K.layers.IntegerLookup(vocabulary=[3, 1, 4, 5], output_mode="multi_hot"),
        "hashing": lambda K: K.layers.Hashing(5, output_mode="multi_hot"),
        "discretization": lambda K: K.layers.Discretization([1.5, 3.5], output_mode="multi_hot"),
    },
}  # fmt: skip


def _normalization(K: Any) -> Any:
    layer = K.layers.Normalization()
    layer.adapt(np.arange(24, dtype="float32").reshape(6, 4))
    return K.Sequential([K.Input((4,)), layer, K.layers.Dense(2)])


def _nested(K: Any) -> Any:
    x = K.Input((4,))
    inner = K.Model(x, K.layers.Dense(4, "tanh")(K.layers.Dense(3)(x)), name="inner")
    y = K.Input((4,))
    return K.Model(y, K.layers.Dense(2)(K.Sequential([K.layers.Dense(4), K.layers.Dense(3)])(inner(y))))


def _deep(K: Any) -> Any:
    def level(depth: int) -> Any:
        x = K.Input((4,))
        h = K.layers.Dense(4, "tanh")(x)
        return K.Model(x, level(depth - 1)(h) if depth else h)

    x = K.Input((4,))
    return K.Model(x, K.layers.Dense(2)(level(3)(x)))


def _shared(K: Any) -> Any:
    x = K.Input((4,))
    dense = K.layers.Dense(4, "tanh")
    return K.Model(x, K.layers.Dense(2)(dense(dense(x)) + x))


def _shared_model(K: Any) -> Any:
    x = K.Input((4,))
    inner = K.Sequential([K.Input((4,)), K.layers.Dense(4, "tanh")])
    return K.Model(x, K.layers.Dense(2)(K.layers.Concatenate()([inner(x), inner(x * 2)])))


def _merges(K: Any) -> Any:
    x = K.Input((4,))
    a, b = K.layers.Dense(3, "tanh")(x), K.layers.Dense(3, "tanh")(x)
    merged = [
        getattr(K.layers, name)()([a, b]) for name in ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum")
    ]
    return K.Model(x, K.layers.Dense(2)(K.layers.Concatenate()([*merged, K.layers.Dot(1)([a, b])])))


def _attention(K: Any) -> Any:
    x = K.Input((5, 3))
    h = K.layers.LayerNormalization()(x + K.layers.MultiHeadAttention(2, 3)(x, x))
    return K.Model(x, K.layers.Dense(2)(K.layers.GlobalAveragePooling1D()(h)))


def _grouped_attention(K: Any) -> Any:
    x = K.Input((5, 3))
    h = K.layers.GroupQueryAttention(4, 4, 2)(x, x)
    return K.Model(x, K.layers.Dense(2)(K.layers.Flatten()(h)))


def _plain_attention(layer: str) -> Make:
    def make(K: Any) -> Any:
        x = K.Input((5, 3))
        return K.Model(x, K.layers.Dense(2)(K.layers.Flatten()(getattr(K.layers, layer)()([x, x]))))

    return make


def _ops(K: Any) -> Any:
    x = K.Input((4,))
    h = K.layers.Dense(4)(x)
    parts = [K.ops.relu(h), K.ops.exp(h * 0.1), K.ops.reshape(h, (-1, 4)), K.ops.mean(h, axis=-1, keepdims=True)]
    return K.Model(x, K.layers.Dense(2)(K.ops.concatenate(parts, axis=-1)))


def _residual(K: Any) -> Any:
    x = K.Input((6, 6, 2))
    h = K.layers.BatchNormalization()(K.layers.Conv2D(2, 3, padding="same")(x))
    h = K.layers.Activation("relu")(h + x)
    return K.Model(x, K.layers.Dense(2)(K.layers.GlobalAveragePooling2D()(h)))


def _subclass(K: Any) -> Any:
    """Layers in attributes, lists and dictionaries, in a layer of the user, twice of one class, and a weight of its own."""

    @K.saving.register_keras_serializable("trips")
    class Block(K.layers.Layer):  # type: ignore[misc]
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.parts = [K.layers.Dense(4, "tanh"), [K.layers.Dense(4), K.layers.LayerNormalization()]]
            self.table = {"b": K.layers.Dense(4), "a": K.layers.Dense(4)}

        def build(self, shape: Any) -> None:
            self.gate = self.add_weight(shape=(4,), initializer="ones", name="gate")

        def call(self, x: Any) -> Any:
            x = self.parts[1][1](self.parts[1][0](self.parts[0](x)))
            return (self.table["a"](x) + self.table["b"](x)) * self.gate

    @K.saving.register_keras_serializable("trips")
    class Net(K.Model):  # type: ignore[misc]
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.zeta = Block()
            self.blocks = [Block(), Block()]
            self.head = K.layers.Dense(2)
            self.body = K.Sequential([K.layers.Dense(4), K.layers.Dense(4)])

        def call(self, x: Any) -> Any:
            x = self.body(self.zeta(x))
            for block in self.blocks:
                x = block(x)
            return self.head(x)

    return Net()


def _subclass_inside(K: Any) -> Any:
    return K.Sequential([K.Input((4,)), K.layers.Dense(4), _subclass(K), K.layers.Dense(2)])


def _wrapped(K: Any) -> Any:
    cells = [K.layers.LSTMCell(2), K.layers.GRUCell(2)]
    return K.Sequential([K.Input((5, 3)), K.layers.Bidirectional(K.layers.RNN(cells)), K.layers.Dense(2)])


def _frozen(K: Any) -> Any:
    model = K.Sequential([K.Input((4,)), K.layers.Dense(4), K.layers.BatchNormalization(), K.layers.Dense(2)])
    model.layers[0].trainable = False
    return model


def _same_class_twice(K: Any) -> Any:
    return K.Sequential([K.Input((4,)), *(K.layers.Dense(4, "tanh") for _ in range(12)), K.layers.Dense(2)])


def _encoder_decoder(K: Any) -> Any:
    x = K.Input((5, 3))
    _, h, c = K.layers.LSTM(3, return_state=True)(x)
    return K.Model(
        x, K.layers.Dense(2)(K.layers.Flatten()(K.layers.LSTM(3, return_sequences=True)(x, initial_state=[h, c])))
    )


WHOLE: dict[str, tuple[Make, str]] = {
    "normalization": (_normalization, "vector"),
    "nested models": (_nested, "vector"),
    "models four deep": (_deep, "vector"),
    "a shared layer": (_shared, "vector"),
    "a shared model": (_shared_model, "vector"),
    "merge layers": (_merges, "vector"),
    "multi head attention": (_attention, "sequence"),
    "group query attention": (_grouped_attention, "sequence"),
    "attention": (_plain_attention("Attention"), "sequence"),
    "additive attention": (_plain_attention("AdditiveAttention"), "sequence"),
    "ops": (_ops, "vector"),
    "residual network": (_residual, "image"),
    "subclassed model": (_subclass, "vector"),
    "subclassed model inside": (_subclass_inside, "vector"),
    "wrapped cells": (_wrapped, "sequence"),
    "frozen layer": (_frozen, "vector"),
    "one class many times": (_same_class_twice, "vector"),
    "encoder and decoder": (_encoder_decoder, "sequence"),
}
MODELS: dict[str, tuple[Make, str]] = {
    **{name: (_one(layer, kind), kind) for kind, rows in LAYERS.items() for name, layer in rows.items()},
    **WHOLE,
}
OPTIMIZERS: tuple[Make, ...] = (
    lambda K: K.optimizers.SGD(0.02, momentum=0.9, nesterov=True),
    lambda K: K.optimizers.Adam(0.01, epsilon=1e-3),
    lambda K: K.optimizers.Adam(0.01, amsgrad=True, epsilon=1e-3, weight_decay=0.001),
    lambda K: K.optimizers.RMSprop(0.01, momentum=0.4, centered=True, epsilon=1e-3),
    lambda K: K.optimizers.Nadam(0.01, epsilon=1e-3),
    lambda K: K.optimizers.Adagrad(0.05),
    lambda K: K.optimizers.Adadelta(0.5, epsilon=1e-3),
    lambda K: K.optimizers.Adamax(0.01, epsilon=1e-3),
    lambda K: K.optimizers.Adam(K.optimizers.schedules.ExponentialDecay(0.01, 2, 0.5), epsilon=1e-3),
    lambda K: K.optimizers.Ftrl(0.05),
)  # fmt: skip


class Trip(NamedTuple):
    """The result of one trip: differences, or what went wrong."""

    model: str
    direction: str
    format: str
    predictions: float = np.inf
    epoch: float | None = None  # None: it is not compared
    error: str = ""

    @property
    def passed(self) -> bool:
        """Whether both differences are small."""
        return self.predictions <= TOLERANCES["predictions"] and (self.epoch or 0) <= TOLERANCES["one more epoch"]


def data(kind: str) -> tuple[Any, Any]:
    """Inputs and targets."""
    rng = np.random.default_rng(3)
    shape = (8, *SIZES[kind])
    x = rng.integers(0, 7, size=shape) if kind == "ids" else rng.normal(size=shape)
    return x.astype("int32" if kind == "ids" else "float32"), rng.normal(size=(8, 2)).astype("float32")


def make(K: Any, name: str) -> Any:
    """A compiled model, built, with weights that do not depend on who makes it."""
    build, kind = MODELS[name]
    x, _ = data(kind)
    model = build(K)
    model(x)
    rng = np.random.default_rng(5)
    # Kernels of both signs; vectors are positive, as variances must be. What was adapted or looked up stays.
    drawn = [rng.uniform(0.1, 0.6, size=w.shape) * (rng.choice([-1, 1], size=w.shape) if w.ndim > 1 else 1)
             for w in model.get_weights()]  # fmt: skip
    kept = [w.dtype.kind != "f" or (name == "normalization" and w.ndim < 2) for w in model.get_weights()]
    model.set_weights([w if keep else d.astype(w.dtype) for w, d, keep in zip(model.get_weights(), drawn, kept)])
    model.compile(OPTIMIZERS[list(MODELS).index(name) % len(OPTIMIZERS)](K), "mse")
    model.optimizer.build(model.trainable_variables)
    return model


def _output(model: Any, x: Any) -> Any:
    """The output of a model as an array. It does not train: PyTorch's tensors are then off its tape."""
    return np.asarray(model.predict(x, verbose=0))


def train(model: Any, kind: str) -> None:
    """An epoch of four steps."""
    x, y = data(kind)
    shape = np.shape(model(x))
    y = np.broadcast_to(y.reshape(8, *[1] * (len(shape) - 2), 2), shape)
    model.fit(x, y, batch_size=2, shuffle=False, verbose=0)


def trips(
    saver: Any, loader: Any, direction: str, name: str, folder: Path, formats: tuple[str, ...] = FORMATS
) -> list[Trip]:
    """Save a trained model in every format with one library, load it with the other, and train both on."""
    kind = MODELS[name][1]
    x, _ = data(kind)
    saved = make(saver, name)
    train(saved, kind)
    expected = _output(saved, x)
    paths = {suffix: folder / f"m{suffix}" for suffix in formats}
    for suffix, path in paths.items():
        if suffix == ".h5" and name.startswith("subclassed"):
            continue  # Keras cannot write such a model to .h5
        if suffix in (".keras", ".h5"):
            saved.save(path)
        else:
            saved.save_weights(path, **({"max_shard_size": 1e-4} if suffix == ".weights.json" else {}))
    train(saved, kind)
    after = saved.get_weights()
    make(loader, name)  # which registers the classes of the model
    results = []
    for suffix, path in paths.items():
        if not path.exists():
            continue
        try:
            if suffix in (".keras", ".h5"):
                loaded = loader.models.load_model(path)
            else:
                loaded = make(loader, name)
                loaded.load_weights(path)
            predictions = np.abs(_output(loaded, x) - expected).max() / max(1, np.abs(expected).max())
            epoch = None
            if not (suffix == ".h5" and loader is not dualnet):  # Keras cannot train on from its own .h5 on JAX
                train(loaded, kind)
                scale = max(1.0, *(np.abs(w).max() for w in after if w.size))
                epoch = max(
                    np.abs(a - b).max() / scale for a, b in zip(after, loaded.get_weights(), strict=True) if a.size
                )
            results.append(Trip(name, direction, suffix, float(predictions), epoch))
        except Exception as error:
            results.append(
                Trip(name, direction, suffix, error=f"{type(error).__name__}: {str(error).splitlines()[0][:150]}")
            )
    return results


def both_ways(keras: Any, name: str, formats: tuple[str, ...] = FORMATS) -> list[Trip]:
    """The trips of a model from Keras and to it."""
    results: list[Trip] = []
    for saver, loader, direction in ((keras, dualnet, "from Keras"), (dualnet, keras, "to Keras")):
        with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                results += trips(saver, loader, direction, name, Path(folder), formats)
            except Exception as error:
                results.append(Trip(name, direction, "saving", error=f"{type(error).__name__}: {str(error)[:200]}"))
    return results


def main() -> int:
    """Print the table; the exit status is 1 if a trip failed."""
    import keras
    from absl import logging

    logging.set_verbosity(logging.ERROR)
    parser = argparse.ArgumentParser(description="Round trips of models between dualnet and Keras.")
    parser.add_argument("-k", default="", help="only models whose name contains this")
    options = parser.parse_args()
    all_trips: list[Trip] = []
    for name in MODELS:
        if options.k in name:
            results = both_ways(keras, name)
            all_trips += results
            for trip in results:
                if not trip.passed:
                    print(
                        f"{trip.model}, {trip.direction}, {trip.format}: {trip.error or (trip.predictions, trip.epoch)}"
                    )
    print(f"\nKeras {keras.version()} on {keras.config.backend()}: {len({t.model for t in all_trips})} models")
    print(f"{'':24}{'passed':>10}{'predictions':>14}{'one more epoch':>16}   (largest differences)")
    counts = Counter((t.direction, t.format) for t in all_trips)
    for (direction, suffix), count in counts.items():
        group = [t for t in all_trips if (t.direction, t.format) == (direction, suffix)]
        passed = sum(t.passed for t in group)
        epochs = [t.epoch for t in group if t.epoch is not None]
        worst = f"{max(epochs):.1e}" if epochs else "-"
        print(
            f"{direction + ' ' + suffix:24}{passed:>4} of {count:<3}{max(t.predictions for t in group):>14.1e}{worst:>16}"
        )
    return int(not all(t.passed for t in all_trips))


if __name__ == "__main__":
    sys.exit(main())
