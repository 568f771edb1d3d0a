"""Whole models in ONNX Runtime: several inputs and outputs, models inside models, open axes, text, dtypes, the zoo."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from dualnet import Input, layers, ops, tree
from dualnet.export.onnx.writer import OPSETS, to_onnx
from dualnet.models import Model, Sequential
from tests.applications.table import ROWS as NETWORKS

from .running import run_onnx
from .zoo import difference

random = np.random.default_rng(0)


def numbers(*shape: int, dtype: str = "float32") -> Any:
    return random.standard_normal(shape).astype(dtype)


def ids(n: int, *shape: int, dtype: str = "int32") -> Any:
    return random.integers(0, n, shape).astype(dtype)


def words(*rows: list[str]) -> Any:
    return np.array(rows, dtype=object)


def check(model: Any, *batches: Any, tolerance: float = 1e-5, **options: Any) -> Any:
    """The outputs of ONNX Runtime and of the model are equal for each batch. A batch is an array or a list of them."""
    proto = to_onnx(model, **options)
    for batch in batches:
        actual = run_onnx(proto, batch if isinstance(batch, list) else [batch])
        for y, expected in zip(actual, tree.flatten(model.predict(batch, verbose=0)), strict=True):
            expected = expected.astype("float32") if str(expected.dtype) == "bfloat16" else expected
            assert y.shape == expected.shape
            if y.dtype.kind in "OU":
                assert y.tolist() == expected.tolist()
                continue
            assert y.dtype == expected.dtype
            np.testing.assert_allclose(y, expected, rtol=tolerance, atol=tolerance)
    return proto


# -- structure ----------------------------------------------------------------------------------------------------------


def test_inputs_and_outputs_have_their_names() -> None:
    x, y = Input((8,), name="features"), Input((3,), name="more")
    inner = Sequential([Input((4,)), layers.Dense(4, activation="gelu"), layers.Dense(4)], name="inner")
    h = layers.Dense(4, activation="relu")(x)
    joined = layers.Concatenate()(
        [inner(h), inner(inner(h)), y]
    )  # a model that is shared, and applied to its own output
    model = Model([x, y], {"a": layers.Dense(2, name="first")(joined), "b": layers.Dense(1, name="second")(joined)})
    proto = check(model, [numbers(2, 8), numbers(2, 3)], [numbers(1, 8), numbers(1, 3)])
    assert [i.name for i in proto.graph.input] == ["features", "more"]
    assert [o.name for o in proto.graph.output] == ["first", "second"]
    assert proto.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "batch"
    assert sum("inner" in t.name or "dense" in t.name for t in proto.graph.initializer) == 6, (
        "each weight is there once"
    )


def test_an_output_that_is_an_input_and_one_that_is_there_twice() -> None:
    x = Input((4,), name="x")
    y = x * 2
    check(Model(x, [x, y, y]), numbers(3, 4))


def test_a_subclassed_model() -> None:
    class Positions(Model):
        def __init__(self) -> None:
            super().__init__()
            self.dense = layers.Dense(3)
            self.table = self.add_weight(shape=(10, 4), name="table", initializer="uniform")

        def call(self, x: Any) -> Any:
            n = ops.shape(x)[1]
            return self.dense(x + self.table[:n] * ops.sqrt(ops.cast(n, "float32"))) / n

    model = Positions()
    with pytest.raises(ValueError, match="inputs of model .* are not known before it is called"):
        to_onnx(model)
    model(numbers(2, 5, 4))
    check(model, numbers(3, 5, 4))
    open_ = [layers.InputSpec(shape=(None, None, 4), dtype="float32")]
    check(model, numbers(3, 5, 4), numbers(1, 9, 4), input_signature=open_)


def test_dropout_and_noise_are_gone() -> None:
    model = Sequential([Input((4,)), layers.Dropout(0.5), layers.GaussianNoise(1.0), layers.Dense(2)])
    proto = check(model, numbers(3, 4))
    assert [node.op_type for node in proto.graph.node] == ["Gemm", "Identity"]


def test_nothing_is_changed() -> None:
    model = Sequential([Input((4,)), layers.BatchNormalization(), layers.Dropout(0.5), layers.Dense(2)])
    before = [w.copy() for w in model.get_weights()]
    to_onnx(model)
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert "call" not in vars(model.layers[0])


# -- open axes ----------------------------------------------------------------------------------------------------------


def test_images_of_any_size() -> None:
    x = Input((None, None, 3))
    h = layers.Conv2D(4, 3, strides=2, padding="same")(x)
    h = layers.MaxPooling2D(3, 2, padding="same")(h)
    h = layers.AveragePooling2D(2, 2, padding="same")(h)
    h = layers.UpSampling2D(2, interpolation="bilinear")(h)
    h = layers.Conv2DTranspose(4, 3, strides=2, padding="same")(h)
    model = Model(x, [h, layers.GlobalMaxPooling2D()(h), layers.Reshape((-1, 2))(h)])
    check(model, *(numbers(n, *size, 3) for n, size in [(1, (32, 48)), (2, (17, 19)), (1, (25, 64)), (2, (9, 6))]))


def test_a_network_that_takes_multiples_only() -> None:
    x = Input((None, None, 2))
    a = layers.Conv2D(4, 3, padding="same", activation="relu")(x)
    b = layers.MaxPooling2D()(layers.Conv2D(4, 3, padding="same")(layers.MaxPooling2D()(a)))
    b = layers.UpSampling2D(4)(b)
    check(Model(x, layers.Concatenate()([a, b])), numbers(1, 32, 32, 2), numbers(2, 8, 4, 2))


@pytest.mark.parametrize("rnn", ["LSTM", "GRU", "SimpleRNN"])
@pytest.mark.parametrize("masked", [False, True])
def test_sequences_of_any_length(rnn: str, masked: bool) -> None:
    x = Input((None,), dtype="int32")
    h = layers.Embedding(20, 8, mask_zero=masked)(x)
    h = layers.Bidirectional(getattr(layers, rnn)(4, return_sequences=True))(h)
    h = layers.MultiHeadAttention(2, 4)(h, h, use_causal_mask=True)
    h = layers.LayerNormalization()(h + layers.Dense(8)(h))
    h = layers.GlobalAveragePooling1D()(h)
    check(Model(x, layers.Dense(2)(h)), ids(3, 3, 7), ids(3, 1, 4), ids(3, 5, 1))


class Elman(layers.Layer):
    """A cell with an output of another size than its state."""

    state_size, output_size = 3, 2

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.hidden, self.shown = layers.Dense(3), layers.Dense(2)

    def call(self, x: Any, states: Any) -> Any:
        h = ops.tanh(self.hidden(x) + states[0])
        return self.shown(h), [h]


CELLS = {
    "GRUCell": lambda: layers.GRUCell(3, activation="softsign"),
    "stack": lambda: [layers.LSTMCell(3), layers.GRUCell(2)],
    "own": Elman,
}


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("options", [{}, {"go_backwards": True}, {"zero_output_for_mask": True}], ids=str)
def test_cells_over_any_number_of_steps(cell: str, options: dict[str, Any]) -> None:
    """The loop is one node, whose body is a step."""
    x = Input((None, 4))
    rnn = layers.RNN(CELLS[cell](), return_sequences=True, return_state=True, **options)
    masked = [numbers(n, t, 4) * (random.random((n, t, 1)) > 0.4) for n, t in [(2, 5), (3, 1), (1, 8)]]
    masked = [x.astype("float32") for x in masked]
    proto = check(Model(x, rnn(x)), *masked)
    assert sum(node.op_type == "Scan" for node in proto.graph.node) == 1
    check(Model(x, rnn(layers.Masking()(x))), *masked)


def test_a_recurrent_convolution_over_any_number_of_steps() -> None:
    x = Input((None, 6, 5, 2))
    check(Model(x, layers.ConvLSTM2D(3, 3, padding="same")(x)), numbers(2, 4, 6, 5, 2), numbers(1, 1, 6, 5, 2))


def test_two_inputs_of_different_lengths() -> None:
    x, y = Input((None, 4)), Input((None, 4))
    check(
        Model([x, y], layers.Attention()([x, y])),
        [numbers(2, 5, 4), numbers(2, 7, 4)],
        [numbers(1, 3, 4), numbers(1, 3, 4)],
    )
    check(Model([x, y], x + y), [numbers(2, 5, 4), numbers(2, 5, 4)])


def test_a_table_of_positions() -> None:
    class Sines(layers.Layer):
        def call(self, x: Any) -> Any:
            t = ops.cast(ops.arange(ops.shape(x)[1]), "float32")[:, None] * ops.exp(ops.arange(2, dtype="float32"))
            return x + ops.concatenate([ops.sin(t), ops.cos(t)], -1)

    x = Input((None, 4))
    check(Model(x, Sines()(x)), numbers(2, 5, 4), numbers(1, 20, 4))


# -- preprocessing ------------------------------------------------------------------------------------------------------

LETTERS = words(["a", "x", "c"], ["b", "b", ""])
LOOKUPS: list[tuple[Any, Any]] = [
    (layers.StringLookup(vocabulary=["a", "b", "c"]), LETTERS),
    (layers.StringLookup(vocabulary=["a", "é"], mask_token=""), words(["a", "é", ""], ["", "x", "A"])),
    (layers.StringLookup(vocabulary=["a", "b", "c"], output_mode="one_hot"), LETTERS[:, :1]),
    (layers.StringLookup(vocabulary=["a", "b", "c"], output_mode="multi_hot"), LETTERS),
    (layers.StringLookup(vocabulary=["a", "b", "c"], output_mode="count", max_tokens=9, pad_to_max_tokens=True), LETTERS),
    (layers.StringLookup(vocabulary=["a", "b"], idf_weights=[0.5, 2.0], output_mode="tf_idf"), LETTERS),
    (layers.StringLookup(vocabulary=["a", "b"], invert=True), ids(4, 2, 3, dtype="int64")),
    (layers.IntegerLookup(vocabulary=[10, 20, 30]), np.array([[10, 20, 7], [30, 0, -1]])),
    (layers.IntegerLookup(vocabulary=[10, 20], num_oov_indices=3), np.array([[10, 20, 7], [30, 1, 5]])),
    (layers.IntegerLookup(vocabulary=[10, 20], mask_token=0, output_mode="count"), np.array([[10, 20, 7], [0, 10, 10]])),
    (layers.IntegerLookup(vocabulary=[10, 20], invert=True), ids(4, 2, 3, dtype="int64")),
    (layers.CategoryEncoding(5, output_mode="multi_hot"), ids(5, 3, 4)),
    (layers.CategoryEncoding(5, output_mode="count"), ids(5, 3, 4).astype("float32")),
    (layers.Discretization([0.0, 0.5, 1.0]), numbers(3, 4)),
    (layers.Normalization(mean=[1.0, 2.0], variance=[3.0, 4.0]), numbers(3, 2)),
    (layers.Rescaling(1 / 255, offset=-1), ids(256, 2, 4, 4, 3, dtype="uint8")),
    (layers.Resizing(5, 7), numbers(2, 9, 4, 3)),
]  # fmt: skip


@pytest.mark.parametrize(("layer", "data"), LOOKUPS, ids=lambda x: getattr(x, "name", ""))
def test_preprocessing(layer: Any, data: Any) -> None:
    x = Input(data.shape[1:], dtype="string" if data.dtype.kind == "O" else str(data.dtype))
    check(Model(x, layer(x)), data, data[:1])


TEXTS = words(
    ["the cat sat"],
    ["A Dog! the-END, (the end)."],
    [""],
    [" \t "],
    ["\tdogs\n\x0bTHE\x0c.cat\r"],
    ["ÀÉ É é... ß\x1cthe\xa0cat"],
)
VECTORIZATIONS: dict[str, dict[str, Any]] = {
    "any length": {},
    "cut and filled": {"output_sequence_length": 3},
    "filled": {"output_sequence_length": 9},
    "lower": {"standardize": "lower"},
    "punctuation": {"standardize": "strip_punctuation"},
    "as it is": {"standardize": None},
    "multi_hot": {"output_mode": "multi_hot"},
    "count": {"output_mode": "count", "max_tokens": 20, "pad_to_max_tokens": True},
    "one_hot": {"output_mode": "one_hot"},
    "tf_idf": {"output_mode": "tf_idf", "standardize": "lower"},
}


@pytest.mark.parametrize("name", VECTORIZATIONS)
def test_texts(name: str) -> None:
    layer = layers.TextVectorization(**VECTORIZATIONS[name])
    layer.adapt(np.array(["the cat sat", "a dog! the end", "É é the-end -"]))
    x = Input((1,), dtype="string")
    check(Model(x, layer(x)), TEXTS, TEXTS[1:2], TEXTS[2:4], opset_version=20)


def test_texts_to_an_embedding() -> None:
    layer = layers.TextVectorization(vocabulary=["the", "cat"])
    x = Input((1,), dtype="string")
    h = layers.GlobalAveragePooling1D()(layers.Embedding(4, 3, mask_zero=True)(layer(x)))
    check(Model(x, layers.Dense(2)(h)), TEXTS[:2], TEXTS[4:], opset_version=23)


# -- dtypes and versions ------------------------------------------------------------------------------------------------


def every_kind(policy: str) -> Model:
    """Convolution, normalization, pooling, recurrence and attention in one model, under a dtype policy."""
    x, options = Input((8, 8, 2)), {"dtype": policy}
    h = layers.Conv2D(4, 3, padding="same", activation="relu", **options)(x)
    h = layers.MaxPooling2D(**options)(layers.BatchNormalization(**options)(h))
    h = layers.Reshape((16, 4), **options)(layers.LayerNormalization(**options)(h))
    h = layers.MultiHeadAttention(2, 3, **options)(h, h)
    h = layers.GRU(3, **options)(layers.LSTM(3, return_sequences=True, **options)(h))
    return Model(x, layers.Dense(3, activation="softmax", **options)(h))


@pytest.mark.parametrize(
    ("policy", "tolerance"),
    [("mixed_float16", 2e-3), ("float16", 2e-3), ("bfloat16", 2e-2), ("mixed_bfloat16", 2e-2), ("float64", 1e-5)],
)
def test_dtypes(policy: str, tolerance: float) -> None:
    if "bfloat16" in policy:
        pytest.importorskip("ml_dtypes")
    proto = check(every_kind(policy), numbers(3, 8, 8, 2), tolerance=tolerance)
    kinds = {t.data_type for t in proto.graph.initializer if "kernel" in t.name}
    assert kinds == {{"float16": 10, "mixed_float16": 10, "float64": 11}.get(policy, 1)}


@pytest.mark.parametrize("opset", OPSETS)
def test_versions(opset: int) -> None:
    proto = check(every_kind("float32"), numbers(2, 8, 8, 2), opset_version=opset)
    assert proto.opset_import[0].version == opset
    check(LOOKUP_MODEL(), LETTERS, opset_version=opset)


def LOOKUP_MODEL() -> Model:
    x = Input((3,), dtype="string")
    return Model(x, layers.Embedding(5, 2)(layers.StringLookup(vocabulary=["a", "b", "c"])(x)))


# -- the zoo ------------------------------------------------------------------------------------------------------------

ONE_OF_EACH = ("ConvNeXtTiny", "DenseNet121", "EfficientNetB0", "EfficientNetV2B0", "InceptionV3", "MobileNet", "MobileNetV2",
               "MobileNetV3Small", "ResNet50", "VGG16", "Xception")  # fmt: skip


@pytest.mark.parametrize("row", [row for row in NETWORKS if row.title in ONE_OF_EACH], ids=str)
def test_zoo(row: Any) -> None:
    assert difference(row) < 1e-5
