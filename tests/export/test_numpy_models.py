"""Models as programs of NumPy: text, several inputs and outputs, submodels, subclasses, the zoo; and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dualnet
from dualnet import Input, KerasTensor, Model, Sequential, layers, ops, tree
from dualnet.export import ExportError, export_model
from dualnet.export.numpy.helpers import helpers
from dualnet.saving import register_keras_serializable
from tests.applications.network import draw_weights, zeros_for_random_numbers
from tests.applications.table import ROWS as NETWORKS

from .numpy_programs import assert_equal, loaded

SENTENCES = ["the cat sat", "A dog! the END", "", "dogs, cats", "sat sat the"]
WORDS = np.array([["red"], ["blue"], ["pink"], [""], ["red"]], dtype=object)


def vectorization(**options: Any) -> Any:
    layer = layers.TextVectorization(**options)
    layer.adapt(["the cat sat", "a dog! the end"])
    return layer


def on(shape: tuple[int | None, ...], *stack: Any, dtype: str = "float32") -> Model:
    """A model of layers one after the other."""
    x = inputs = Input(shape, dtype=dtype)
    for layer in stack:
        x = layer(x)
    return Model(inputs, x)


def text(layer: Any) -> tuple[Model, Any]:
    return on((1,), layer, dtype="string"), np.array([[s] for s in SENTENCES], dtype=object)


def words(**options: Any) -> tuple[Model, Any]:
    layer = layers.StringLookup(vocabulary=["red", "blue", "green"], **options)
    return on((1,), layer, dtype="string"), WORDS[[0, 1, 4]] if options.get("num_oov_indices") == 0 else WORDS


def numbers(layer: Any, width: int = 2, high: int = 11) -> tuple[Model, Any]:
    """A model of whole numbers."""
    return on((width,), layer, dtype="int64"), np.random.default_rng(0).integers(0, high, (5, width))


def floats(*stack: Any, shape: tuple[int, ...] = (4,), batch: int = 6) -> tuple[Model, Any]:
    return on(shape, *stack), np.random.default_rng(0).normal(size=(batch, *shape)).astype("float32")


def adapted() -> Any:
    layer = layers.Normalization()
    layer.adapt(np.random.default_rng(1).normal(3, 2, (50, 4)))
    return layer


def lookup(**options: Any) -> Any:
    return layers.IntegerLookup(vocabulary=[5, 7, 9], **options)


class TransformerBlock(Model):
    """Attention and a perceptron with residuals, on any number of steps, with learned positions."""

    def __init__(self) -> None:
        super().__init__()
        self.positions = layers.Embedding(30, 8)
        self.attention = layers.MultiHeadAttention(2, 4)
        self.hidden, self.out = layers.Dense(16, activation="gelu"), layers.Dense(8)
        self.first, self.second = layers.LayerNormalization(), layers.LayerNormalization()

    def call(self, x: Any) -> Any:
        steps = ops.shape(x)[1]
        x = x + self.positions(ops.arange(steps))
        visible = ops.tril(ops.ones((steps, steps), dtype="bool"))
        x = self.first(x + self.attention(x, x, attention_mask=visible[None]))
        x = self.second(x + self.out(self.hidden(x)))
        return {
            "steps": x,
            "mean": ops.sum(x, axis=1) / ops.cast(steps, "float32"),
            "flat": ops.reshape(x, (-1, steps * 8)),
        }


@register_keras_serializable("tests")
class LeakyCell(layers.Layer):
    """A cell of the user, with an array of its own."""

    state_size = output_size = 3

    def build(self, input_shape: Any) -> None:
        self.kernel = self.add_weight((input_shape[-1], 3), name="kernel")
        self.rates = ops.convert_to_tensor(np.linspace(0.1, 0.9, 3).astype("float32"))

    def call(self, x: Any, states: Any) -> Any:
        h = states[0] * self.rates + ops.tanh(ops.matmul(x, self.kernel))
        return h, [h]


def transformer() -> tuple[Model, Any]:
    model, x = TransformerBlock(), np.random.default_rng(0).normal(size=(3, 10, 8)).astype("float32")
    model(x)
    return model, x


def shared() -> tuple[Model, Any]:
    """A model inside a model, called twice."""
    inner = Sequential([Input((4,)), layers.Dense(3, activation="selu"), layers.Dense(4)], name="inner")
    inputs = Input((4,))
    return Model(inputs, inner(inner(inputs)) + inputs), np.random.default_rng(0).normal(size=(5, 4)).astype("float32")


def table() -> tuple[Model, Any]:
    """Columns of numbers and words in, a price and a class out."""
    inputs = {"age": Input((1,), name="age"), "job": Input((1,), dtype="string", name="job")}
    bins = layers.Discretization([0.0, 1.0, 2.0])(inputs["age"])
    job = layers.StringLookup(vocabulary=["red", "blue"], output_mode="one_hot")(inputs["job"])
    x = layers.Concatenate()([inputs["age"], job, layers.CategoryEncoding(4, output_mode="one_hot")(bins)])
    x = layers.Dense(4, activation="relu")(x)
    model = Model(inputs, {"price": layers.Dense(1)(x), "kind": layers.Dense(3, activation="softmax")(x)})
    return model, {"age": np.linspace(-1, 3, 5, dtype="float32")[:, None], "job": WORDS}


def several() -> tuple[Model, Any]:
    """Sequences of two lengths that are not known, as a list."""
    a, b = Input((None, 4), name="question"), Input((None, 4), name="text")
    x = layers.Attention()([a, b])
    random = np.random.default_rng(0)
    data = [random.normal(size=(3, n, 4)).astype("float32") for n in (5, 8)]
    return Model([a, b], [x, layers.GRU(3)(b)]), data


def recurrent(*stack: Any) -> tuple[Model, Any]:
    ids = np.array([[1, 2, 0, 0, 3, 0], [0, 0, 0, 0, 0, 0], [0, 4, 1, 1, 1, 1]])
    return on((None,), layers.Embedding(5, 4, mask_zero=True), *stack), ids


def at_random() -> list[Any]:
    """Layers that do something in training alone."""
    return [layers.RandomFlip(), layers.RandomRotation(0.1), layers.GaussianNoise(0.1), layers.SpatialDropout2D(0.3)]


MODELS: dict[str, Callable[[], tuple[Model, Any]]] = {
    "text": lambda: text(vectorization(output_sequence_length=4)),
    "text of any length": lambda: text(vectorization()),
    "characters": lambda: text(vectorization(split="character", standardize="lower")),
    "ngrams": lambda: text(vectorization(output_mode="tf_idf", ngrams=2)),
    "bags": lambda: text(vectorization(output_mode="multi_hot", standardize="strip_punctuation")),
    "one hot text": lambda: text(vectorization(output_mode="one_hot")),
    "words": words,
    "masked words": lambda: words(mask_token=""),
    "known words": lambda: words(num_oov_indices=0),
    "one hot words": lambda: words(output_mode="one_hot"),
    "counted words": lambda: words(output_mode="count"),
    "words of ids": lambda: numbers(layers.StringLookup(vocabulary=["a", "b"], invert=True), high=6),
    "whole numbers": lambda: numbers(lookup()),
    "whole numbers in bags": lambda: numbers(lookup(output_mode="multi_hot")),
    "hashed whole numbers": lambda: numbers(lookup(num_oov_indices=2)),
    "whole numbers of ids": lambda: numbers(lookup(invert=True)),
    "categories": lambda: numbers(layers.CategoryEncoding(11, output_mode="count"), 3),
    "normalized": lambda: floats(adapted(), layers.Rescaling(0.5, 1.0)),
    "binned": lambda: floats(layers.Discretization([-0.5, 0.0, 0.5], output_mode="multi_hot")),
    "columns": table,
    "lists": several,
    "submodel": shared,
    "subclassed": transformer,
    "cell of the user": lambda: recurrent(layers.RNN(LeakyCell(), return_sequences=True)),
    "masked sequences": lambda: recurrent(layers.LSTM(3, return_sequences=True), layers.Bidirectional(layers.GRU(2))),
    "stacked cells": lambda: recurrent(layers.RNN([layers.LSTMCell(3), layers.GRUCell(2)])),
    "half precision": lambda: floats(layers.Dense(3, dtype="mixed_float16"), layers.Softmax(dtype="float32")),
    "half precision in the middle": lambda: floats(
        layers.Dense(30, dtype="float16"), layers.LayerNormalization(dtype="float16"), layers.Dense(2), batch=40
    ),
    "double precision": lambda: floats(layers.Dense(3, dtype="float64")),
    "at random": lambda: floats(*at_random(), layers.Conv2D(2, 3, strides=2, padding="same"), shape=(8, 8, 3)),
    "images of any size": lambda: (
        on((None, None, 3), layers.Conv2D(2, 3, strides=2, padding="same"), layers.UpSampling2D(2), layers.GlobalMaxPooling2D()),
        np.random.default_rng(0).normal(size=(2, 9, 14, 3)).astype("float32"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MODELS)
def test_model(name: str) -> None:
    model, x = MODELS[name]()
    predict = loaded(model)["predict"]
    one = tree.map_structure(lambda a: a[:1], x)
    for inputs in (x, one):
        expected = tree.map_structure(np.asarray, model.predict(inputs, verbose=0))
        if name.startswith("half precision"):
            for a, b in zip(tree.flatten(predict(inputs)), tree.flatten(expected), strict=True):
                np.testing.assert_allclose(a, b, rtol=1e-2, atol=1e-3)
        else:
            assert_equal(predict(inputs), expected)


FAMILIES = list({row.module: row for row in reversed(NETWORKS)}.values())
SLOW = {"nasnet": "it has many layers", "convnext": "its windows are large"}


@pytest.mark.parametrize("row", [row for row in FAMILIES if row.module not in SLOW], ids=str)
def test_zoo(row: Any) -> None:
    """One network of each family (the others: ``python -m tests.export.numpy_zoo``)."""
    with zeros_for_random_numbers(dualnet):
        model: Any = row.small(dualnet)
    model.set_weights(draw_weights(model))
    x = np.random.default_rng(1).uniform(-1, 1, (2, *model.inputs[0].shape[1:])).astype("float32")
    expected, actual = model.predict(x, verbose=0), loaded(model)["predict"](x)
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())


def of_function(function: Callable[[Any], Any], shape: tuple[int, ...] = (4,), name: str = "custom") -> Model:
    """A model of one layer that computes a function."""

    class Custom(layers.Layer):
        def call(self, x: Any) -> Any:
            return function(x)

    return on(shape, Custom(name=name))


SEGMENTS = np.array([0, 2, 2, 1])
FUNCTIONS: dict[str, Callable[[Any], Any]] = {  # of (batch, 4)
    # Expressions of several ops, whose operands are replaced in between.
    "trapezoid": lambda x: ops.trapezoid(ops.abs(x), ops.cumsum(ops.abs(x), axis=1), axis=1),
    "polynomial": lambda x: (x - 2) * (x - (1 - x)) / (1 + x * x) ** 2 - -x,
    "powers of negative numbers": lambda x: (-ops.abs(x)) ** 2 + (-2.0) ** ops.round(x),
    "softmax by hand": lambda x: ops.exp(x - ops.max(x, axis=1, keepdims=True)) / ops.sum(ops.exp(x), axis=1, keepdims=True),
    "masks": lambda x: ops.where(ops.logical_and(x > 0, ops.logical_not(x > 1)), x, -x),
    "parts": lambda x: x[:, ::-1] + x[..., 1:2] * x[:, -1][:, None],
    "a list of positions": lambda x: ops.take(x, [0, 3, 3], axis=1) + x[:, [1, 1, 2]],
    "uneven parts": lambda x: ops.concatenate(ops.array_split(x, 3, axis=1)[::-1], axis=1),
    "a slice": lambda x: ops.slice(x, (0, -2), (ops.shape(x)[0], 2)),
    "many outputs": lambda x: ops.stack(ops.unstack(ops.concatenate([x, 2 * x], axis=1), axis=1)[::2], axis=-1),
    "top": lambda x: ops.top_k(x, 2)[0] + ops.cast(ops.argmax(x, axis=1, keepdims=True), "float32"),
    "sorted": lambda x: ops.sort(x, axis=1) + ops.cast(ops.argsort(x, axis=1), "float32"),
    "quantiles": lambda x: ops.quantile(x, 0.25, axis=1, keepdims=True) + ops.median(x, axis=1, keepdims=True),
    "segments": lambda x: ops.transpose(ops.segment_sum(ops.transpose(x), SEGMENTS, num_segments=3)),
    "triangles": lambda x: ops.tril(ops.einsum("bi,bj->bij", x, x)) @ ops.eye(4),
    "a grid": lambda x: x + ops.sum(ops.meshgrid(ops.arange(4.0), ops.arange(3.0))[1], axis=0),
    "numbers of the batch": lambda x: ops.reshape(ops.arange(ops.shape(x)[0] * 4), (-1, 4)) / (ops.shape(x)[0] + 1),
    "largest with a start": lambda x: ops.max(x, axis=1, initial=0.5),
    "whole numbers": lambda x: ops.left_shift(ops.cast(x * 10, "int32") // 3 % 4, ops.cast(x > 0, "int32")),
    "NaN": lambda x: ops.nan_to_num(ops.log(x) + x / 0.0),
    "scan": lambda x: ops.scan(lambda carry, row: (carry + row, carry * row), ops.zeros((4,)), ops.transpose(x)[:, :1] * 1.0)[1][0],
}  # fmt: skip


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function_of_ops(name: str) -> None:
    model = of_function(FUNCTIONS[name])
    predict = loaded(model)["predict"]
    for batch in (1, 6):
        x = np.random.default_rng(batch).normal(size=(batch, 4)).astype("float32")
        with np.errstate(all="ignore"):
            assert_equal(predict(x), np.asarray(model(x, training=False)))


def stateful() -> Model:
    inputs = Input(batch_shape=(2, 3, 4))
    return Model(inputs, layers.LSTM(2, stateful=True, name="memory")(inputs))


REFUSED: dict[str, tuple[Callable[[], Model], str]] = {
    "no formula": (lambda: of_function(ops.erfinv), r"'custom'.*op 'erfinv'.*no NumPy formula"),
    "read on the host": (
        lambda: of_function(lambda x: x if float(ops.sum(x)) > 0 else -x),
        "'custom'.*read on the host",
    ),
    "random": (lambda: of_function(lambda x: x + dualnet.random.normal((1,))), "'custom'.*at random"),
    "state": (stateful, "'memory'.*a state that is kept from call to call"),
    "bfloat16": (lambda: on((4,), layers.Dense(2, dtype="bfloat16")), "bfloat16, which NumPy does not have"),
    "hashes": (lambda: on((1,), layers.Hashing(5, name="bins"), dtype="string"), "'bins'.*no NumPy formula"),
    "several unknown words": (
        lambda: on((1,), layers.StringLookup(vocabulary=["a"], num_oov_indices=2, name="job"), dtype="string"),
        "'job'.*hash",
    ),
    "text by a function": (
        lambda: on((1,), layers.TextVectorization(vocabulary=["a"], split=lambda x: x, name="text"), dtype="string"),
        "'text'.*function of its own",
    ),
    "a loop over steps": (
        lambda: on((None, 2), layers.Lambda(lambda x: sum(x[:, t] for t in range(x.shape[1])), output_shape=(2,), name="loop")),
        "'loop'.*depends on the sizes of the inputs",
    ),
    "no input": (lambda: Model(name="new"), "inputs of model 'new' are not known"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refused_before_anything_is_written(name: str, tmp_path: Path) -> None:
    make, message = REFUSED[name]
    (tmp_path / "model.py").write_text("kept")
    with pytest.raises(ExportError, match=message):
        export_model(make(), tmp_path / "model.py")
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("model.py", "kept")]


def test_name_of_the_file(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"such as 'model\.py', got 'my-model\.py'"):
        export_model(shared()[0], tmp_path / "my-model.py")


def test_input_signature_of_a_model_that_was_not_called() -> None:
    model = TransformerBlock()
    predict = loaded(model, KerasTensor((None, None, 8)))["predict"]
    x = np.ones((2, 3, 8), "float32")
    assert_equal(predict(x), model.predict(x, verbose=0))


def test_ids_out_of_range_are_no_rows_of_a_table() -> None:
    model, ids = recurrent(layers.GlobalMaxPooling1D())
    predict = loaded(model)["predict"]
    for wrong in (5, -1, 0.5):
        with pytest.raises(ValueError, match="whole numbers from 0 to 4"):
            predict(np.full(ids.shape, wrong))


def test_formulas_name_nothing_but_what_a_program_has() -> None:
    """Their source is copied: NumPy, Python's own modules and each other are all they may name."""
    known = {"np", "math", "string", *helpers(), *dir(__builtins__), *__builtins__}  # type: ignore[misc]
    for name, helper in helpers().items():
        assert helper.source.isascii()
        code = helper.function.__code__
        globals_ = {n for n in helper.names if n not in code.co_varnames + code.co_cellvars}
        inner = {n for constant in code.co_consts if hasattr(constant, "co_varnames") for n in constant.co_varnames}
        assert globals_ - inner <= known, name


def test_names_are_no_code(tmp_path: Path) -> None:
    """The names of a model, its layers and its inputs come from a file of anybody; none becomes a statement."""
    (tmp_path / "ran").unlink(missing_ok=True)
    run = f"open({str(tmp_path / 'ran')!r}, 'w')"
    for name in (f'"""\n{run}\n"""', f"\n{run}\n#", f"\x85{run}", f'"]; {run}; W["', f"'); {run} #", "naïve \u2028 😀"):
        inputs = {
            name: Input((3,), name=name.replace("/", "|")),
            "inputs": Input((3,), name="inputs"),
            "steps": Input((None,)),
        }
        x = layers.Dense(2, name=name.replace("/", "|") + " ")(layers.Add()([inputs[name], inputs["inputs"]]))
        x = layers.Add()(
            [x, layers.Lambda(lambda s: ops.sum(s, axis=1, keepdims=True), output_shape=(1,))(inputs["steps"])]
        )
        model = Model(inputs, {name: x}, name=name.replace("/", "|"))
        data = {key: np.ones((2, 3), "float32") for key in inputs}
        assert_equal(loaded(model)["predict"](data), {name: np.asarray(model(data)[name])})
    assert not (tmp_path / "ran").exists()
