"""Labels and ids outside their range, from every source: an error, at the step on the host and where results are read elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import dualnet_backends
import numpy as np
import pytest

import dualnet
from dualnet import layers, losses, metrics, ops
from dualnet.data import Dataset
from dualnet.legacy import tf_nn
from dualnet.utils import PyDataset

from ..backends import strict

X = np.random.default_rng(0).normal(size=(8, 2)).astype("float32")
GOOD = np.array([0, 1, 2, 0, 1, 2, 0, 1])


@pytest.fixture
def host() -> Iterator[None]:
    """The CPU as the device in use: a GPU cannot raise at the step, and says so where results are read (decision 0025)."""
    with dualnet.device("cpu"):
        yield


def with_label(label: Any, at: int = 6, dtype: Any = None) -> Any:
    y = GOOD.astype(np.asarray(label).dtype if dtype is None else dtype)
    y[at] = label
    return y


class Batches(PyDataset):
    def __init__(self, *parts: Any) -> None:
        super().__init__()
        self.parts = parts

    def __len__(self) -> int:
        return 4

    def __getitem__(self, i: int) -> Any:
        return tuple(part[2 * i : 2 * i + 2] for part in self.parts)


def batches(y: Any) -> Any:
    return iter([(X[i : i + 2], y[i : i + 2]) for i in range(0, 8, 2)])


def probabilities(x: Any) -> Any:
    return x / ops.sum(x, axis=-1, keepdims=True)


def functional(last: str = "softmax", units: int = 3) -> Any:
    return dualnet.Sequential([dualnet.Input((2,)), layers.Dense(units, activation=last)])


class Subclassed(dualnet.Model):
    def __init__(self, last: str = "softmax", units: int = 3) -> None:
        super().__init__()
        self.dense = layers.Dense(units, activation=last)

    def call(self, x: Any) -> Any:
        return self.dense(x)


def not_from_softmax(last: str = "softmax", units: int = 3) -> Any:
    inputs = dualnet.Input((2,))
    return dualnet.Model(inputs, layers.Lambda(probabilities)(layers.Dense(units, activation="sigmoid")(inputs)))


SOURCES: dict[str, Callable[[Any, Any], Any]] = {
    "fit a dataset": lambda m, y: m.fit(Dataset.from_tensor_slices((X, y)).batch(2), verbose=0),
    "fit a generator": lambda m, y: m.fit(batches(y), steps_per_epoch=4, verbose=0),
    "fit a PyDataset": lambda m, y: m.fit(Batches(X, y), shuffle=False, verbose=0),
    "fit arrays": lambda m, y: m.fit(X, y, batch_size=2, shuffle=False, verbose=0),
    "validation": lambda m, y: m.fit(X, GOOD, verbose=0, validation_data=Batches(X, y)),
    "evaluate a generator": lambda m, y: m.evaluate(batches(y), steps=4, verbose=0),
    "evaluate arrays": lambda m, y: m.evaluate(X, y, verbose=0),
    "train_on_batch": lambda m, y: [m.train_on_batch(X[i : i + 2], y[i : i + 2]) for i in range(0, 8, 2)],
    "test_on_batch": lambda m, y: [m.test_on_batch(X[i : i + 2], y[i : i + 2]) for i in range(0, 8, 2)],
}
MODELS = {"functional": functional, "subclassed": Subclassed, "no logits": not_from_softmax}
LABELS = {
    "-1": with_label(-1),
    "classes": with_label(3),
    "-1 in int8": with_label(-1, dtype="int8"),
    "-1 in uint32": with_label(2**32 - 1, dtype="uint32"),
    "beyond 32 bits": with_label(2**32 + 1),
    "beyond 63 bits": with_label(2**64 - 2, dtype="uint64"),
    "-1.0": with_label(-1.0, dtype="float32"),
    "-1 in the first batch": with_label(-1, at=1),
}


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("device", ["cpu", "strict:0"])
def test_a_label_outside_the_classes(source: str, model: str, device: str) -> None:
    strict.register()
    for y in LABELS.values():
        if device != "cpu" and "64" in str(y.dtype) and abs(float(y.max())) > 2**31:
            continue  # wide integers are for the host
        with dualnet.device(device):
            net = MODELS[model]()
            net.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
            with pytest.raises(ValueError, match="label"):
                SOURCES[source](net, y)


@pytest.mark.parametrize("source", [s for s in SOURCES if s not in ("fit arrays", "evaluate arrays")])
@pytest.mark.parametrize("model", [functional, Subclassed])
def test_labels_of_other_losses(source: str, model: Any) -> None:
    cases = {
        "binary_crossentropy": ("sigmoid", 1, [-1, 2], [0, 1]),
        "binary_focal_crossentropy": ("sigmoid", 1, [-1, 2], [0, 1]),
        "hinge": ("tanh", 1, [-2, 3], [-1, 1]),
        "dice": ("sigmoid", 1, [255], [0, 1]),
    }
    for loss, (last, units, wrong, right) in cases.items():
        for label in wrong:
            for at in (0, 6):
                y = np.resize(np.array(right, "float32"), 8)
                net = model(last, units)
                net.compile("sgd", loss)
                if source == "validation":
                    net.fit(X, y, verbose=0)
                y[at] = label
                with pytest.raises(ValueError, match=f"{loss} takes targets"):
                    if source == "validation":
                        net.fit(X, np.resize(right, 8), verbose=0, validation_data=Batches(X, y))
                    else:
                        SOURCES[source](net, y)


@pytest.mark.parametrize("labels", ["dictionary", "list"])
@pytest.mark.parametrize("device", ["cpu", "strict:0"])
def test_each_output_is_checked_for_its_own_loss(labels: str, device: str) -> None:
    strict.register()
    with dualnet.device(device):
        x = dualnet.Input((2,))
        outputs = [layers.Dense(1, name="z_number")(x), layers.Dense(1, activation="sigmoid", name="a_class")(x)]
        net = dualnet.Model(x, outputs)
        net.compile("sgd", {"z_number": "mse", "a_class": "binary_crossentropy"})
        number, classes = np.full((8, 1), 9.0, "float32"), np.ones((8, 1), "float32")

        def batch(number: Any, classes: Any) -> Any:
            return {"z_number": number, "a_class": classes} if labels == "dictionary" else [number, classes]

        for _ in range(4):
            assert np.isfinite(net.train_on_batch(X, batch(number, classes))[0])
        with pytest.raises(ValueError, match="binary_crossentropy takes targets from 0 to 1, got -1.0"):
            net.train_on_batch(X, batch(number, -classes))
        single = functional("sigmoid", 1)
        single.compile("sgd", "binary_crossentropy")
        with pytest.raises(ValueError, match="takes targets from 0 to 1, got -1"):
            single.train_on_batch(X, [-1, 1, -1, 1, 1, 1, 1, 1])


@pytest.mark.usefixtures("host")
def test_what_is_allowed() -> None:
    noisy = np.full((8, 1), 1.05, "float32")  # noise on the labels of a GAN
    net = functional("sigmoid", 1)
    net.compile("sgd", "binary_crossentropy")
    assert np.isfinite(net.train_on_batch(X, noisy))
    assert np.isfinite(net.train_on_batch(X, 1 - noisy))
    net = functional()
    net.compile("sgd", losses.SparseCategoricalCrossentropy(ignore_class=-1))
    for y in (with_label(-1), with_label(-1.0, dtype="float32"), with_label(-1, dtype="int8")):
        assert np.isfinite(net.fit(batches(y), steps_per_epoch=4, verbose=0).history["loss"][0])
        with pytest.raises(ValueError, match="label"):
            net.train_on_batch(X, np.where(y == -1, -2, y))


@pytest.mark.usefixtures("host")
@pytest.mark.parametrize("label", [-1, 3])
def test_losses_called_alone(label: int) -> None:
    y, p = np.array([0, label]), np.full((2, 3), 1 / 3, "float32")
    for call in (
        lambda: losses.SparseCategoricalCrossentropy()(y, p),
        lambda: losses.sparse_categorical_crossentropy(y, p, from_logits=True),
        lambda: ops.sparse_categorical_crossentropy(y, p),
        lambda: ops.sparse_categorical_crossentropy(y[:, None], p),
        lambda: losses.SparseCategoricalCrossentropy(axis=1)(y[:, None].repeat(2, 1), np.ones((2, 3, 2), "float32")),
        lambda: losses.CategoricalGeneralizedCrossEntropy()(y, p),
        lambda: losses.CTC()(np.array([[1, label]]), np.ones((1, 5, 3), "float32")),
        lambda: metrics.SparseCategoricalCrossentropy()(y, p),
        lambda: tf_nn.sparse_softmax_cross_entropy_with_logits(y, p),
    ):
        with pytest.raises(ValueError, match="label"):
            call()
    for metric in (metrics.Precision(), metrics.Recall(), metrics.AUC(), metrics.TruePositives()):
        for wrong in ([-1, 1], [1, 2]):
            with pytest.raises(ValueError, match="takes targets from 0 to 1|there is the label"):
                metric(np.array(wrong), np.array([0.2, 0.7], "float32"))
    assert float(metrics.SparseTopKCategoricalAccuracy(k=3)(y, p)) == 0.5  # a label of no class is never predicted
    assert float(metrics.SparseCategoricalAccuracy()(y, p)) == 0.5
    # As in Keras, where masks mark what belongs to no class with any other number.
    for pair in ((y, np.array([0, 1])), (np.array([0, 1]), y)):
        assert float(metrics.MeanIoU(3)(*pair)) == pytest.approx(1.0)
    assert float(metrics.MeanIoU(2, ignore_class=255)(np.array([0, 255]), np.array([0, 1]))) == pytest.approx(1.0)


@pytest.mark.usefixtures("host")
@pytest.mark.parametrize("dtype", ["int8", "int32", "int64", "float32"])
@pytest.mark.parametrize("wrong", [-1, 5])
def test_ids_outside_an_embedding(dtype: str, wrong: int) -> None:
    ids = np.array([[0, 1], [4, 3], [2, 2], [1, wrong]]).astype(dtype)
    y = np.ones((4, 1), "float32")

    def model() -> Any:
        table = [layers.Embedding(5, 3), layers.Flatten(), layers.Dense(1)]
        net = dualnet.Sequential([dualnet.Input((2,), dtype="int32"), *table])
        net.compile("sgd", "mse")
        return net

    for way in (
        lambda m: m.fit(iter([(ids[i : i + 1], y[i : i + 1]) for i in range(4)]), steps_per_epoch=4, verbose=0),
        lambda m: [m.train_on_batch(ids[i : i + 1], y[i : i + 1]) for i in range(4)],
        lambda m: m.predict(ids, batch_size=1, verbose=0),
        lambda m: m.predict(Dataset.from_tensor_slices(ids).batch(1), verbose=0),
        lambda m: m.predict_on_batch(ids),
        lambda m: m(ids),
        lambda m: layers.Embedding(5, 3)(ids),
        lambda m: tf_nn.embedding_lookup(np.ones((5, 3), "float32"), ids),
    ):
        with pytest.raises(IndexError, match="expected ids from 0 to 4"):
            way(model())
        with pytest.raises((ValueError, IndexError)), dualnet.device("strict:0"):
            strict.register()
            result = way(model())
            if np.isnan(np.asarray(ops.convert_to_numpy(result))).any():
                raise ValueError("seen as NaN, where nothing is read by the library")


def test_a_device_that_cannot_raise_keeps_its_steps_free_of_transfers() -> None:
    """The step itself runs on, with NaN; the error comes with the first result that is read, once."""
    strict.register()
    with dualnet.device("strict:0"):
        net = Subclassed()
        net.compile("sgd", "sparse_categorical_crossentropy")
        dualnet_backends.current().forget_invalid_ids()
        step = net.train_step
        x, bad = (ops.convert_to_tensor(v) for v in (X, with_label(-1).astype("int32")))
        good = ops.convert_to_tensor(GOOD.astype("int32"))
        step((x, good))
        with strict.step():
            logs = step((x, bad))
        with pytest.raises(ValueError, match="got labels outside the range.*weights have become NaN"):
            dict(logs)
        assert all(np.isnan(w).any() for w in net.get_weights())
        fresh = functional()
        fresh.compile("sgd", "sparse_categorical_crossentropy")
        assert np.isfinite(fresh.train_on_batch(X, GOOD))


def test_gradients_of_valid_ids_are_those_of_before() -> None:
    table = dualnet.Variable(np.arange(10.0, dtype="float32").reshape(5, 2))
    with dualnet.GradientTape() as tape:
        from_rows = ops.sum(tf_nn.embedding_lookup(table, np.array([4, 0, 4])))
    np.testing.assert_array_equal(tape.gradient(from_rows, table), [[1, 1], [0, 0], [0, 0], [0, 0], [2, 2]])
