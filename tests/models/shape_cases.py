"""Models with unknown sizes, and the shapes and dtypes that are inferred for every call in them: the cases of
``test_shapes.py`` (see ``tests/parity.py``). A case that must be refused gives "refused"."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Build = Callable[[Any], Any]

_MODELS: dict[str, Build] = {}


def model(name: str) -> Callable[[Build], Build]:
    """Add a function of the library that returns a model, or a list of symbolic tensors, to the table."""

    def add(build: Build) -> Build:
        assert name not in _MODELS, name
        _MODELS[name] = build
        return build

    return add


def simple(name: str, shape: Any, make: Callable[[Any, Any], Any], dtype: str = "float32") -> None:
    """Add a model of one input."""

    def build(K: Any) -> Any:
        x = K.Input(shape, dtype=dtype)
        return K.Model(x, make(K, x))

    model(name)(build)


def describe(K: Any, built: Any) -> Any:
    """The shape and dtype of each output of each call in a model, in the order of its layers and ops; then of its outputs."""

    def spec(tensors: Any) -> Any:
        return [[list(y.shape), str(y.dtype)] for y in K.tree.flatten(tensors)]

    if isinstance(built, (list, tuple)):
        return spec(built)
    calls = []
    for operation in built.layers if isinstance(built, K.Sequential) else built.operations:
        kind = (
            type(operation).__name__.replace("Functional", "Model") if isinstance(operation, K.layers.Layer) else "op"
        )
        calls += [[kind, spec(node.outputs)] for node in operation._inbound_nodes]
    return [*calls, spec(built.outputs)]


def build(name: str, K: Any) -> Any:
    """A model of the table."""
    return _MODELS[name](K)


def case(build: Build) -> Callable[[Any], Any]:
    def run(K: Any) -> Any:
        try:
            return describe(K, build(K))
        except (ValueError, TypeError):
            return "refused"

    return run


# -- stacks of convolutions -------------------------------------------------------------------------------------------------


def convolutions(K: Any, channels: int = 3, count: int = 4, **options: Any) -> Any:
    """A nested model that shrinks an image of any size ``count`` times."""
    x = inputs = K.Input((None, None, channels))
    for _ in range(count):
        x = K.layers.Conv2D(4, 3, **{"strides": 2, "padding": "same", **options})(x)
    return K.Model(inputs, x)


@model("nested convolutions, four strides")
def _(K: Any) -> Any:
    x = K.Input((None, None, 3))
    return K.Model(x, convolutions(K)(x))


@model("nested convolutions in a known size")
def _(K: Any) -> Any:
    x = K.Input((64, 48, 3))
    return K.Model(x, convolutions(K)(x))


@model("nested convolutions, half known")
def _(K: Any) -> Any:
    x = K.Input((64, None, 3))
    return K.Model(x, convolutions(K)(x))


@model("flatten and dense after nested convolutions")
def _(K: Any) -> Any:
    x = K.Input((None, None, 3))
    y = K.layers.Flatten()(convolutions(K)(x))
    return K.Model(x, K.layers.Dense(2)(y))


@model("flatten after nested convolutions")
def _(K: Any) -> Any:
    x = K.Input((None, None, 3))
    return K.Model(x, K.layers.Flatten()(convolutions(K)(x)))


@model("flatten and dense after nested convolutions of a known size")
def _(K: Any) -> Any:
    x = K.Input((32, 32, 3))
    y = K.layers.Flatten()(convolutions(K)(x))
    return K.Model(x, K.layers.Dense(2)(y))


@model("pooling and dense after nested convolutions")
def _(K: Any) -> Any:
    x = K.Input((None, None, 3))
    y = K.layers.GlobalAveragePooling2D()(convolutions(K)(x))
    return K.Model(x, K.layers.Dense(2)(y))


@model("dense on the channels after nested convolutions")
def _(K: Any) -> Any:
    x = K.Input((None, None, 3))
    return K.Model(x, K.layers.Dense(2)(convolutions(K)(x)))


@model("nested twice")
def _(K: Any) -> Any:
    inner = convolutions(K)
    x = K.Input((None, None, 3))
    middle = K.Model(x, K.layers.MaxPooling2D()(inner(x)))
    y = K.Input((None, 40, 3))
    return K.Model(y, middle(y))


@model("a shared nested model")
def _(K: Any) -> Any:
    inner = convolutions(K, count=2)
    a, b = K.Input((None, 16, 3)), K.Input((32, None, 3))
    pooled = [K.layers.GlobalMaxPooling2D()(inner(x)) for x in (a, b)]
    return K.Model([a, b], K.layers.Concatenate()(pooled))


@model("convolutions of valid padding")
def _(K: Any) -> Any:
    x = K.Input((None, 30, 3))
    return K.Model(x, convolutions(K, padding="valid")(x))


simple("convolution of one axis", (None, 3), lambda K, x: K.layers.Conv1D(4, 3, strides=2)(x))
simple("causal convolution", (None, 3), lambda K, x: K.layers.Conv1D(4, 3, padding="causal", dilation_rate=2)(x))
simple("dilated convolution", (None, 20, 3), lambda K, x: K.layers.Conv2D(4, 3, dilation_rate=(1, 3))(x))
simple("convolution of three axes", (None, 8, None, 2), lambda K, x: K.layers.Conv3D(4, 2, strides=(1, 2, 3))(x))
simple("convolution in groups", (None, None, 4), lambda K, x: K.layers.Conv2D(6, 3, groups=2, padding="same")(x))
simple("depthwise", (None, 9, 3), lambda K, x: K.layers.DepthwiseConv2D(3, strides=2, depth_multiplier=2)(x))
simple("separable", (9, None, 3), lambda K, x: K.layers.SeparableConv2D(5, 3, padding="same", strides=2)(x))
simple("separable of one axis", (None, 3), lambda K, x: K.layers.SeparableConv1D(5, 4)(x))
simple("transposed", (None, 5, 3), lambda K, x: K.layers.Conv2DTranspose(4, 3, strides=2, padding="same")(x))
simple("transposed of valid padding", (None, 3), lambda K, x: K.layers.Conv1DTranspose(4, 5, strides=3)(x))
simple("unknown channels", (8, 8, None), lambda K, x: K.layers.Conv2D(4, 3)(x))
simple(
    "zero padding, channels first",
    (3, None, 10),
    lambda K, x: K.layers.ZeroPadding2D(1, data_format="channels_first")(x),
)


@model("an autoencoder")
def _(K: Any) -> Any:
    L = K.layers
    x = K.Input((None, None, 1))
    h = L.Conv2D(4, 3, activation="relu", padding="same")(x)
    h = L.MaxPooling2D(padding="same")(h)
    h = L.Conv2D(2, 3, padding="same")(h)
    h = L.UpSampling2D()(h)
    y = L.Conv2D(1, 3, activation="sigmoid", padding="same")(h)
    return K.Model(x, y)


@model("a residual block with unknown sizes")
def _(K: Any) -> Any:
    L = K.layers
    x = K.Input((None, None, 4))
    h = L.ReLU()(L.BatchNormalization()(L.Conv2D(4, 3, padding="same", use_bias=False)(x)))
    return K.Model(x, L.ReLU()(L.Add()([x, h])))


# -- pooling, padding, sizes -----------------------------------------------------------------------------------------------

simple("max pooling", (None, 9, 3), lambda K, x: K.layers.MaxPooling2D(3, strides=2)(x))
simple("average pooling of same padding", (None, 9, 3), lambda K, x: K.layers.AveragePooling2D(2, padding="same")(x))
simple("pooling of one axis", (None, 3), lambda K, x: K.layers.MaxPooling1D(4)(x))
simple("pooling of three axes", (4, None, 6, 2), lambda K, x: K.layers.AveragePooling3D(2)(x))
simple("pooling, channels first", (3, None, 10), lambda K, x: K.layers.MaxPooling2D(2, data_format="channels_first")(x))
simple("global pooling", (None, None, 3), lambda K, x: K.layers.GlobalMaxPooling2D(keepdims=True)(x))
simple("global pooling of one axis", (None, 3), lambda K, x: K.layers.GlobalAveragePooling1D()(x))
simple(
    "global pooling, channels first",
    (3, None, None),
    lambda K, x: K.layers.GlobalAveragePooling2D(data_format="channels_first")(x),
)
simple("cropping", (None, 10, 3), lambda K, x: K.layers.Cropping2D(((1, 2), (3, 0)))(x))
simple("cropping of one axis", (None, 3), lambda K, x: K.layers.Cropping1D(2)(x))
simple("zero padding", (None, 10, 3), lambda K, x: K.layers.ZeroPadding2D(((1, 2), (3, 0)))(x))
simple("up sampling", (None, 4, 3), lambda K, x: K.layers.UpSampling2D((2, 3))(x))
simple("up sampling of one axis", (None, 3), lambda K, x: K.layers.UpSampling1D(2)(x))
simple("up sampling of three axes", (None, 2, None, 3), lambda K, x: K.layers.UpSampling3D(2)(x))
simple("resizing", (None, None, 3), lambda K, x: K.layers.Resizing(8, 6)(x))
simple("centre crop", (None, None, 3), lambda K, x: K.layers.CenterCrop(8, 6)(x))
simple("random crop", (None, None, 3), lambda K, x: K.layers.RandomCrop(8, 6)(x))
simple("random flip", (None, None, 3), lambda K, x: K.layers.RandomFlip()(x))
simple("rescaling", (None, None, 3), lambda K, x: K.layers.Rescaling(1 / 255)(x), dtype="uint8")

# -- reshaping -------------------------------------------------------------------------------------------------------------

simple("flatten of unknown", (None, 3), lambda K, x: K.layers.Flatten()(x))
simple("flatten and dense of unknown", (None, 3), lambda K, x: K.layers.Dense(2)(K.layers.Flatten()(x)))
simple("dense of an unknown last axis", (None,), lambda K, x: K.layers.Dense(2)(x))
simple("dense on steps", (None, 3), lambda K, x: K.layers.Dense(2, activation="softmax")(x))
simple("reshape with -1", (None, 6), lambda K, x: K.layers.Reshape((-1, 3))(x))
simple("reshape of a known size with -1", (4, 6), lambda K, x: K.layers.Reshape((-1, 8))(x))
simple("reshape of an unknown size", (None, 6), lambda K, x: K.layers.Reshape((2, 3))(x))
simple("permute", (None, 4, 5), lambda K, x: K.layers.Permute((3, 1, 2))(x))
simple("repeat vector", (7,), lambda K, x: K.layers.RepeatVector(4)(x))
simple("einsum dense", (None, 4), lambda K, x: K.layers.EinsumDense("abc,cd->abd", output_shape=(None, 6))(x))

# -- merging ---------------------------------------------------------------------------------------------------------------


def merged(name: str, first: Any, second: Any, make: Callable[[Any, Any, Any], Any]) -> None:
    def build(K: Any) -> Any:
        a, b = K.Input(first), K.Input(second)
        return K.Model([a, b], make(K, a, b))

    model(name)(build)


merged("add of an unknown and a known size", (None, 3), (5, 3), lambda K, a, b: K.layers.Add()([a, b]))
merged("add of one and an unknown size", (1, 3), (None, 3), lambda K, a, b: K.layers.Add()([a, b]))
merged("add of unknown sizes", (None, 3), (None, 3), lambda K, a, b: K.layers.Add()([a, b]))
merged("add of what does not fit", (None, 4), (None, 3), lambda K, a, b: K.layers.Add()([a, b]))
merged("multiply", (None, None, 3), (1, 1, 3), lambda K, a, b: K.layers.Multiply()([a, b]))
merged("maximum", (None, 3), (None, 1), lambda K, a, b: K.layers.Maximum()([a, b]))
merged("concatenate unknown steps", (None, 3), (4, 3), lambda K, a, b: K.layers.Concatenate(axis=1)([a, b]))
merged("concatenate channels", (None, 5, 3), (8, None, 4), lambda K, a, b: K.layers.Concatenate()([a, b]))
merged("concatenate what does not fit", (None, 5, 3), (None, 6, 4), lambda K, a, b: K.layers.Concatenate()([a, b]))
merged("dot", (None, 4), (None, 4), lambda K, a, b: K.layers.Dot(axes=2)([a, b]))
merged("operator +", (None, 3), (5, 3), lambda K, a, b: a + b)
merged("operator @", (None, 3), (3, None), lambda K, a, b: a @ b)
merged("operator @ of what does not fit", (None, 3), (4, None), lambda K, a, b: a @ b)
merged("where", (None, 3), (1, 3), lambda K, a, b: K.ops.where(a > b, a, b))
merged("concatenate of ops", (None, 3), (4, 3), lambda K, a, b: K.ops.concatenate([a, b], axis=1))
merged("stack of ops", (None, 3), (4, 3), lambda K, a, b: K.ops.stack([a, b], axis=1))
merged("einsum", (None, 4), (None, 5), lambda K, a, b: K.ops.einsum("bij,bik->bjk", a, b))
merged("two inputs, two outputs", (None, 3), (4,), lambda K, a, b: [K.layers.Dense(2)(b), K.ops.mean(a, axis=1)])

# -- ops -------------------------------------------------------------------------------------------------------------------

simple("mean over unknown", (None, None, 3), lambda K, x: K.ops.mean(x, axis=(1, 2)))
simple("sum with keepdims", (None, 5, 3), lambda K, x: K.ops.sum(x, axis=1, keepdims=True))
simple("max over the last axis", (None, 3), lambda K, x: K.ops.max(x, axis=-1))
simple("argmax", (None, 3), lambda K, x: K.ops.argmax(x, axis=1))
simple("softmax", (None, None), lambda K, x: K.ops.softmax(x))
simple("transpose", (None, 4, 5), lambda K, x: K.ops.transpose(x, (0, 2, 1, 3)))
simple("expand dims", (None,), lambda K, x: K.ops.expand_dims(x, -1))
simple("squeeze", (None, 1, 3), lambda K, x: K.ops.squeeze(x, 2))
simple("pad", (None, 4), lambda K, x: K.ops.pad(x, [[0, 0], [1, 2], [3, 0]]))
simple("tile", (None, 4), lambda K, x: K.ops.tile(x, (1, 2, 3)))
simple("repeat", (None, 4), lambda K, x: K.ops.repeat(x, 3, axis=1))
simple("ops.reshape with -1", (None, 6), lambda K, x: K.ops.reshape(x, (-1, 3)))
simple("ops.reshape of known entries", (4, 6), lambda K, x: K.ops.reshape(x, (-1, 8, 3)))
simple("split", (None, 6), lambda K, x: K.ops.split(x, 3, axis=-1))
simple("index", (None, 6), lambda K, x: x[:, 0])
simple("last of an unknown size", (None, 6), lambda K, x: x[:, -1, :])
simple("part of a known axis", (None, 6), lambda K, x: x[..., 1:5:2])
simple("a new axis", (None, 6), lambda K, x: x[:, None])
simple("take", (None, 6), lambda K, x: K.ops.take(x, [0, 2, 4], axis=2))
simple("one hot", (None,), lambda K, x: K.ops.one_hot(x, 7), dtype="int32")
simple("cumsum", (None, 3), lambda K, x: K.ops.cumsum(x, axis=1))
simple("sort", (None, 3), lambda K, x: K.ops.sort(x, axis=1))
simple("top k", (None, 9), lambda K, x: K.ops.top_k(x, 2))
simple("flip", (None, 3), lambda K, x: K.ops.flip(x, 1))
simple(
    "conv of ops", (None, 9, 3), lambda K, x: K.ops.conv(x, np.ones((3, 3, 3, 4), "float32"), strides=2, padding="same")
)
simple("pooling of ops", (None, 9, 3), lambda K, x: K.ops.max_pool(x, 2))
simple("resize of ops", (None, None, 3), lambda K, x: K.ops.image.resize(x, (4, 6)))
simple("a matrix of fixed size", (None, 3), lambda K, x: K.ops.matmul(np.ones((5, 7), "float32"), x[:, :7]))
simple("a part of an unknown size", (None, 3), lambda K, x: x[:, :10])
simple("norm", (None, 3), lambda K, x: K.ops.norm(x, axis=-1))
simple("greater", (None, 3), lambda K, x: x > 0.5)
simple("cast", (None, 3), lambda K, x: K.ops.cast(x, "int32"))

# -- attention, embeddings, normalization --------------------------------------------------------------------------------


@model("a transformer block")
def _(K: Any) -> Any:
    L = K.layers
    x = K.Input((None,), dtype="int32")
    h = L.Embedding(20, 8)(x)
    a = L.MultiHeadAttention(2, 4)(h, h)
    h = L.LayerNormalization()(L.Add()([h, a]))
    f = L.Dense(8)(L.Dense(16, activation="gelu")(h))
    return K.Model(x, L.LayerNormalization()(h + f))


@model("cross attention")
def _(K: Any) -> Any:
    q, v = K.Input((None, 6)), K.Input((5, 8))
    return K.Model([q, v], K.layers.MultiHeadAttention(2, 4)(q, v))


@model("attention with scores")
def _(K: Any) -> Any:
    q, v = K.Input((4, 6)), K.Input((None, 6))
    return K.Model([q, v], K.layers.MultiHeadAttention(2, 4)(q, v, return_attention_scores=True))


@model("grouped attention")
def _(K: Any) -> Any:
    q = K.Input((None, 6))
    return K.Model(q, K.layers.GroupQueryAttention(4, 4, 2)(q, q))


simple("embedding", (None,), lambda K, x: K.layers.Embedding(9, 4)(x), dtype="int32")
simple("embedding and pooling", (None,), lambda K, x: K.layers.GlobalAveragePooling1D()(K.layers.Embedding(9, 4)(x)))
simple("layer normalization of unknown", (None,), lambda K, x: K.layers.LayerNormalization()(x))
simple("group normalization", (None, None, 4), lambda K, x: K.layers.GroupNormalization(2)(x))
simple("batch normalization of unknown", (3, None), lambda K, x: K.layers.BatchNormalization()(x))
simple("unit normalization", (None, 4), lambda K, x: K.layers.UnitNormalization()(x))
simple("spatial dropout", (None, 4), lambda K, x: K.layers.SpatialDropout1D(0.5)(x))
simple("prelu, shared axes", (None, None, 4), lambda K, x: K.layers.PReLU(shared_axes=[1, 2])(x))
simple("prelu of unknown", (None, 4), lambda K, x: K.layers.PReLU()(x))

# -- wrappers --------------------------------------------------------------------------------------------------------------

simple("time distributed dense", (None, 5), lambda K, x: K.layers.TimeDistributed(K.layers.Dense(2))(x))
simple("time distributed convolution", (None, 9, 9, 1), lambda K, x: K.layers.TimeDistributed(K.layers.Conv2D(2, 3))(x))


@model("time distributed model")
def _(K: Any) -> Any:
    x = K.Input((7, None, None, 3))
    h = K.Input((None, None, 3))
    inner = K.Model(h, K.layers.GlobalMaxPooling2D()(convolutions(K, count=2)(h)))
    return K.Model(x, K.layers.TimeDistributed(inner)(x))


# -- preprocessing ---------------------------------------------------------------------------------------------------------

simple("normalization", (None, 3), lambda K, x: K.layers.Normalization(mean=0.0, variance=1.0)(x))
simple("discretization", (None,), lambda K, x: K.layers.Discretization([0.0, 1.0])(x))
simple("category encoding", (None,), lambda K, x: K.layers.CategoryEncoding(5)(x), dtype="int32")

# -- layers and models with a call of their own ----------------------------------------------------------------------------


@model("a layer with call alone")
def _(K: Any) -> Any:
    class Halves(K.layers.Layer):  # type: ignore[misc, name-defined]
        def call(self, x: Any) -> Any:
            return K.ops.max(x, axis=1), x[:, ::2]

    x = K.Input((None, 3))
    return K.Model(x, Halves()(x))


@model("a layer with layers inside")
def _(K: Any) -> Any:
    class Block(K.layers.Layer):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.first = K.layers.Conv2D(4, 3, strides=2, padding="same")
            self.second = K.layers.Conv2D(4, 3, strides=2, padding="same")

        def call(self, x: Any) -> Any:
            return self.second(K.ops.relu(self.first(x)))

    x = K.Input((None, 12, 3))
    return K.Model(x, Block()(Block()(x)))


@model("a layer that reads its shape")
def _(K: Any) -> Any:
    class Heads(K.layers.Layer):  # type: ignore[misc, name-defined]
        def call(self, x: Any) -> Any:
            _, t, c = K.ops.shape(x)
            return K.ops.transpose(K.ops.reshape(x, (-1, t, 2, c // 2)), (0, 2, 1, 3))

    x = K.Input((5, 6))
    return K.Model(x, Heads()(x))


@model("a layer that halves an unknown size")
def _(K: Any) -> Any:
    class Half(K.layers.Layer):  # type: ignore[misc, name-defined]
        def call(self, x: Any) -> Any:
            return x[:, : K.ops.shape(x)[1] // 2]

    x = K.Input((None, 6))
    return K.Model(x, Half()(x))


@model("a layer with a matrix of fixed size")
def _(K: Any) -> Any:
    class Graph(K.layers.Layer):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.adjacency = K.ops.eye(7)
            self.dense = K.layers.Dense(4)

        def call(self, x: Any) -> Any:
            return K.ops.matmul(self.adjacency, self.dense(x))

    x = K.Input((None, 3))
    return K.Model(x, Graph()(x))


@model("a layer of two inputs")
def _(K: Any) -> Any:
    class Scores(K.layers.Layer):  # type: ignore[misc, name-defined]
        def call(self, a: Any, b: Any) -> Any:
            return K.ops.matmul(a, K.ops.transpose(b, (0, 2, 1)))

    a, b = K.Input((None, 3)), K.Input((5, 3))
    return K.Model([a, b], Scores()(a, b))


@model("a dictionary of inputs and outputs")
def _(K: Any) -> Any:
    class Both(K.layers.Layer):  # type: ignore[misc, name-defined]
        def call(self, x: Any) -> Any:
            return {"sum": x["a"] + x["b"], "first": x["a"][:, 0]}

    x = {"a": K.Input((None, 3), name="a"), "b": K.Input((1, 3), name="b")}
    return K.Model(x, Both()(x))


@model("a model of its own in a model")
def _(K: Any) -> Any:
    class Mine(K.Model):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.convolutions = convolutions(K)
            self.pool = K.layers.GlobalAveragePooling2D()
            self.dense = K.layers.Dense(2)

        def call(self, x: Any) -> Any:
            features = self.convolutions(x)
            return features, self.dense(self.pool(features))

    x = K.Input((None, 50, 3))
    return K.Model(x, Mine()(x))


@model("a sampling layer")
def _(K: Any) -> Any:
    class Sampling(K.layers.Layer):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.seed_generator = K.random.SeedGenerator(3)

        def call(self, x: Any) -> Any:
            mean, spread = x
            noise = K.random.normal(shape=K.ops.shape(mean), seed=self.seed_generator)
            return mean + K.ops.exp(0.5 * spread) * noise

    x = K.Input((4,))
    mean, spread = K.layers.Dense(2)(x), K.layers.Dense(2)(x)
    return K.Model(x, Sampling()([mean, spread]))


simple("lambda", (None, 3), lambda K, x: K.layers.Lambda(lambda t: K.ops.concatenate([t, t * 2], -1))(x))
simple("lambda over an unknown axis", (None, 3), lambda K, x: K.layers.Lambda(lambda t: K.ops.mean(t, axis=1))(x))

# -- Sequential ------------------------------------------------------------------------------------------------------------


@model("a Sequential of unknown size")
def _(K: Any) -> Any:
    L = K.layers
    convolved = [L.Conv2D(2, 3, strides=2), L.Conv2D(2, 3, strides=2)]
    return K.Sequential([K.Input((None, None, 1)), *convolved, L.GlobalMaxPooling2D(), L.Dense(3)])


@model("a Sequential of unknown size with Flatten and Dense")
def _(K: Any) -> Any:
    L = K.layers
    return K.Sequential([K.Input((None, 8, 1)), L.Conv2D(2, 3), L.Flatten(), L.Dense(3)])


@model("a Sequential in a Sequential")
def _(K: Any) -> Any:
    L = K.layers
    inner = K.Sequential([L.Conv1D(2, 3, strides=2), L.Conv1D(2, 3, strides=2)])
    return K.Sequential([K.Input((None, 3)), inner, L.Dense(2)])


@model("a Sequential inside a model")
def _(K: Any) -> Any:
    L = K.layers
    x = K.Input((None, None, 3))
    inner = K.Sequential([L.Conv2D(4, 3, strides=2), L.Conv2D(4, 3, strides=2), L.MaxPooling2D(), L.Dense(3)])
    return K.Model(x, inner(x))


@model("a Sequential built by its data")
def _(K: Any) -> Any:
    L = K.layers
    built = K.Sequential([L.Conv1D(4, 3, strides=2), L.Conv1D(4, 3, strides=2), L.Flatten(), L.Dense(2)])
    built(np.zeros((2, 17, 3), "float32"))
    return [built.layers[3].kernel]


@model("a Sequential built by its shape")
def _(K: Any) -> Any:
    L = K.layers
    built = K.Sequential([L.Conv2D(4, 3, strides=2, padding="same"), L.Conv2D(4, 3), L.Dense(2)])
    built.build((None, None, 20, 3))
    return built


@model("output shapes of layers alone")
def _(K: Any) -> Any:
    L = K.layers
    made = [
        (L.Conv2D(4, 3, strides=2), (None, None, 9, 3)),
        (L.Dense(4), (None, None, 3)),
        (L.Flatten(), (None, None, 3)),
        (L.Flatten(), (None, 4, 3)),
        (L.MaxPooling1D(2), (None, 7, 3)),
        (L.Embedding(5, 2), (None, None)),
        (L.ZeroPadding1D(2), (None, None, 3)),
        (L.Reshape((-1, 2)), (None, 6, 3)),
        (L.UpSampling2D(3), (None, None, 3, 1)),
        (L.Cropping2D(1), (None, None, 9, 1)),
    ]
    return [K.KerasTensor(layer.compute_output_shape(shape)) for layer, shape in made]


CASES = {name: case(build) for name, build in _MODELS.items()}
