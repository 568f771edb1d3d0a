"""TensorFlow's names: each is there, is on the page, and does what TensorFlow's does."""

from __future__ import annotations

import importlib
import inspect
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dualnet
import dualnet as tf
from dualnet import Sequential, layers
from dualnet.legacy import tf_names
from dualnet.saving.model_config import KERAS_VERSION

PAGE = Path(__file__).resolve().parents[1] / "docs" / "old-spellings.md"


def set_and_get_threads() -> int:
    tf.config.threading.set_intra_op_parallelism_threads(2)
    n: int = tf.config.threading.get_intra_op_parallelism_threads()
    tf.config.threading.set_intra_op_parallelism_threads(0)
    return n


def set_and_get_precision() -> list[Any]:
    experimental = tf.config.experimental
    experimental.enable_tensor_float_32_execution(True)
    results = [experimental.tensor_float_32_execution_enabled(), dualnet.config.matmul_precision()]
    experimental.enable_tensor_float_32_execution(False)
    results.append(experimental.tensor_float_32_execution_enabled())
    dualnet.config.set_matmul_precision(None)
    return results


X = np.array([[1.0, -2.0, 3.0], [4.0, 5.0, -6.0]], "float32")


@pytest.mark.parametrize("name", tf_names.TABLE)
def test_every_name_stands_for_something(name: str) -> None:
    process: Any = dualnet
    for part in name.split("."):
        process = getattr(process, part)
    assert callable(process) or name.endswith(("AUTOTUNE", "newaxis"))
    assert tf_names.find(name.rpartition(".")[2], name.rpartition(".")[0]) is process


def test_no_module_of_dualnet_hides_a_name() -> None:
    """An imported submodule becomes an attribute, in front of what the table says."""
    modules = {path.stem for path in Path(dualnet.__file__).parent.iterdir()}
    assert not modules & {*tf_names.TABLE, *tf_names.NAMESPACES, *tf_names.DTYPES.split()}


def test_every_function_is_used() -> None:
    own = [
        name
        for module in map(importlib.import_module, (f"dualnet.{m}" for m in tf_names._FUNCTIONS))
        for name, f in vars(module).items()
        if inspect.isfunction(f) and not name.startswith("_") and f.__module__ == module.__name__
    ]
    assert len(own) == len(set(own))  # a name says which function it is, in whatever module
    assert set(own) == {target for target in tf_names.TABLE.values() if "." not in target}


def test_they_are_in_no_listing_and_load_nothing() -> None:
    assert not {"reduce_mean", "nn", "float32"} & set(dir(dualnet))
    assert not {"reduce_mean", "nn", "float32", "keras"} & set(dualnet.__all__)
    code = "import sys, dualnet; print('dualnet.legacy.tf_names' in sys.modules, 'dualnet.keras' in sys.modules)"
    root = PAGE.parents[1]
    path = ":".join(str(root / p) for p in ("backends", ".", "cli"))
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env={"PYTHONPATH": path})
    assert process.stdout.split() == ["False", "False"]


@pytest.mark.parametrize(
    ("module", "message"),
    [
        ("", "module 'dualnet' has no attribute 'estimator'"),
        ("nn", "'dualnet.nn' has no"),
        ("random", "'dualnet.random' has"),
        ("backend", "'dualnet.backend' has"),
        ("data", "'dualnet.data' has"),
        ("config", "'dualnet.config' has"),
    ],
)
def test_unknown_names(module: str, message: str) -> None:
    with pytest.raises(AttributeError, match=message):
        getattr(getattr(dualnet, module) if module else dualnet, "estimator")  # noqa: B009


@pytest.mark.parametrize("name", [*tf_names.MISSING, *tf_names.MISSING_INSIDE])
def test_what_is_not_there_has_a_hint(name: str) -> None:
    module, _, attribute = name.rpartition(".")
    hint = {**tf_names.MISSING, **tf_names.MISSING_INSIDE}[name]
    with pytest.raises(AttributeError, match=re.escape(f"no attribute {attribute!r}: {hint}")):
        getattr(getattr(dualnet, module) if module else dualnet, attribute)


def test_the_page_lists_every_name() -> None:
    page = PAGE.read_text(encoding="utf-8")
    listed = page[page.index("## TensorFlow") :].replace("`", " ").replace(",", " ").split()
    spelled = {n.replace("backend.", "K.", 1) if n.startswith("backend.") else f"tf.{n}" for n in tf_names.TABLE}
    assert spelled - set(listed) == set()
    dtypes = {f"tf.{name}" for name in tf_names.DTYPES.split()}
    assert {n for n in listed if n.startswith(("tf.", "K.")) and "(" not in n} - spelled - dtypes - ALSO == set()


# On the page, and no row of the table.
ALSO = {"tf.random.uniform", "tf.Variable", "tf.GradientTape", "tf.data", "tf.data.Dataset", "tf.keras", "tf.device", "tf.Tensor",
        "tf.ragged", "tf.sparse", "tf.lookup", "tf.TensorArray", "tf.data.Options", "tf.__version__", "tf.train", "tf.io", "tf.summary",
        "tf.saved_model", "tf.compat.v1", "tf.distribute"}  # fmt: skip


# (what it gives, what it must be)
VALUES: dict[str, tuple[Any, Any]] = {
    "argmax is along the first axis": (lambda: tf.argmax(X), [1, 1, 0]),
    "math.argmin": (lambda: tf.math.argmin(X, axis=1), [1, 2]),
    "K.argmax is along the last": (lambda: tf.backend.argmax(X), [2, 1]),
    "K.concatenate": (lambda: tf.backend.concatenate([X, X]).shape, (2, 6)),
    "concat": (lambda: tf.concat([X, X], 0).shape, (4, 3)),
    "split in parts": (lambda: [p.shape for p in tf.split(X, 3, axis=1)], [(2, 1)] * 3),
    "split by sizes": (lambda: [p.shape for p in tf.split(X, [1, -1], axis=1)], [(2, 1), (2, 2)]),
    "transpose": (lambda: tf.transpose(X, perm=[1, 0]), X.T),
    "one_hot": (lambda: tf.one_hot([0, 2, -1], depth=3), [[1, 0, 0], [0, 0, 1], [0, 0, 0]]),
    "one_hot with values": (lambda: tf.one_hot([1], 2, on_value=5.0, off_value=-1.0), [[-1, 5]]),
    "gather": (lambda: tf.gather(X, [1, 0, 1]), X[[1, 0, 1]]),
    "boolean_mask": (lambda: tf.boolean_mask(X, X > 0), X[X > 0]),
    "where with one argument": (lambda: tf.where(X > 3), np.argwhere(X > 3)),
    "where with three": (lambda: tf.where(X > 0, X, 0.0), np.maximum(X, 0)),
    "cumsum": (lambda: tf.cumsum(X), X.cumsum(0)),
    "cumsum, exclusive and from the end": (
        lambda: tf.math.cumsum(X, axis=1, exclusive=True, reverse=True), [[1, 3, 0], [-1, -6, 0]]),
    "pad": (lambda: tf.pad(X, [[0, 1], [2, 0]], constant_values=9), np.pad(X, [[0, 1], [2, 0]], constant_values=9)),
    "pad REFLECT": (lambda: tf.pad(X, [[1, 1], [0, 0]], "REFLECT"), np.pad(X, [[1, 1], [0, 0]], "reflect")),
    "sort": (lambda: tf.sort(X, direction="DESCENDING"), [[3, 1, -2], [5, 4, -6]]),
    "argsort": (lambda: tf.argsort(X, direction="DESCENDING"), [[2, 0, 1], [1, 0, 2]]),
    "reshape": (lambda: tf.reshape(X, shape=[3, -1]), X.reshape(3, 2)),
    "clip_by_value": (lambda: tf.clip_by_value(X, clip_value_min=-1, clip_value_max=2), np.clip(X, -1, 2)),
    "matmul": (lambda: tf.matmul(X, X, transpose_b=True), X @ X.T),
    "matmul of the other": (lambda: tf.linalg.matmul(X, X, transpose_a=True), X.T @ X),
    "einsum of linalg": (lambda: tf.linalg.einsum("ij->ji", X), X.T),
    "matvec": (lambda: tf.linalg.matvec(X, [1.0, 2.0, 0.0]), [-3, 14]),
    "top_k": (lambda: tf.math.top_k(X, k=2).indices, [[2, 0], [1, 0]]),
    "nn.top_k": (lambda: tf.nn.top_k(X).values, [[3], [5]]),
    "add_n": (lambda: tf.add_n([X, X, X]), 3 * X),
    "squared_difference": (lambda: tf.math.squared_difference(X, 1.0), (X - 1) ** 2),
    "l2_normalize": (lambda: tf.nn.l2_normalize([3.0, 4.0]), [0.6, 0.8]),
    "l2_normalize of all": (lambda: tf.math.l2_normalize(X, axis=None), X / np.sqrt((X**2).sum())),
    "clip_by_norm": (lambda: tf.clip_by_norm([3.0, 4.0], 1.0), [0.6, 0.8]),
    "clip_by_norm leaves small ones": (lambda: tf.clip_by_norm([3.0, 4.0], 9.0), [3, 4]),
    "clip_by_global_norm": (
        lambda: [t if t is None else t.numpy().tolist() for t in tf.clip_by_global_norm([tf.constant([3.0]), None,
                 tf.constant([4.0])], 2.5)[0]], [[1.5], None, [2.0]]),
    "confusion_matrix": (lambda: tf.math.confusion_matrix([0, 1, 1], [0, 1, 0]), [[1, 0], [1, 1]]),
    "constant fills": (lambda: tf.constant(7, shape=(2, 2)), [[7, 7], [7, 7]]),
    "constant takes a shape": (lambda: tf.constant([1, 2, 3, 4], shape=(2, 2)), [[1, 2], [3, 4]]),
    "fill": (lambda: tf.fill([2, 1], 3.0), [[3], [3]]),
    "range": (lambda: tf.range(2, 8, 3), [2, 5]),
    "reverse": (lambda: tf.reverse(X, axis=[1]), X[:, ::-1]),
    "rank": (lambda: tf.rank(X), 2),
    "reduce_std": (lambda: tf.math.reduce_std(X), X.std()),
    "reduce_logsumexp": (lambda: tf.reduce_logsumexp(X, axis=1), np.log(np.exp(X).sum(1))),
    "nn.leaky_relu": (lambda: tf.nn.leaky_relu([-1.0, 1.0], alpha=0.5), [-0.5, 1]),
    "nn.gelu is exact": (lambda: tf.nn.gelu([1.0]), [0.8413447]),
    "nn.l2_loss": (lambda: tf.nn.l2_loss([3.0, 4.0]), 12.5),
    "nn.embedding_lookup": (lambda: tf.nn.embedding_lookup(X, [[1], [0]]), X[[[1], [0]]]),
    "nn.bias_add": (lambda: tf.nn.bias_add(X, [1.0, 2.0, 3.0]), X + np.array([1, 2, 3])),
    "nn.batch_normalization": (
        lambda: tf.nn.batch_normalization(X, X.mean(0), X.var(0), None, [2.0, 1.0, 1.0], 0.0),
        (X - X.mean(0)) / X.std(0) * [2, 1, 1]),
    "softmax cross-entropy": (
        lambda: tf.nn.softmax_cross_entropy_with_logits(labels=np.eye(3)[[0, 1]], logits=X),
        np.log(np.exp(X).sum(1)) - X[[0, 1], [0, 1]]),
    "sparse softmax cross-entropy": (
        lambda: tf.nn.sparse_softmax_cross_entropy_with_logits(labels=[0, 1], logits=X),
        np.log(np.exp(X).sum(1)) - X[[0, 1], [0, 1]]),
    "sigmoid cross-entropy": (
        lambda: tf.nn.sigmoid_cross_entropy_with_logits(labels=np.ones((2, 3)), logits=X), np.log1p(np.exp(-X))),
    "nn.max_pool": (lambda: tf.nn.max_pool(X[None, ..., None], ksize=[1, 2, 2, 1], strides=1, padding="VALID"),
                    [[[[5], [5]]]]),
    "nn.avg_pool2d": (lambda: tf.nn.avg_pool2d(X[None, ..., None], 2, [1, 1], "VALID"), [[[[2], [0]]]]),
    "nn.conv2d": (lambda: tf.nn.conv2d(X[None, ..., None], np.ones((2, 2, 1, 1)), [1, 1, 1, 1], "VALID"),
                  [[[[8], [0]]]]),
    "image.flip_left_right": (lambda: tf.image.flip_left_right(X[..., None]), X[:, ::-1, None]),
    "image.flip_up_down": (lambda: tf.image.flip_up_down(X[..., None]), X[::-1, :, None]),
    "image.grayscale_to_rgb": (lambda: tf.image.grayscale_to_rgb(X[..., None]).shape, (2, 3, 3)),
    "image.resize": (lambda: tf.image.resize(np.ones((1, 2, 2, 3), "uint8"), [4, 4]).shape, (1, 4, 4, 3)),
    "TensorShape": (lambda: tf.TensorShape([None, 3]), (None, 3)),
    "cast": (lambda: tf.cast([1.7], tf.int32), [1]),
    "data.experimental.cardinality": (lambda: tf.data.experimental.cardinality(tf.data.Dataset.range(5)), 5),
    "executing_eagerly": (tf.executing_eagerly, True),
    "threads": (set_and_get_threads, 2),
    "tensor float": (set_and_get_precision, [True, "tensorfloat32", False]),
    "ops at a time": (tf.config.threading.get_inter_op_parallelism_threads, 1),
    "visible devices": (lambda: (tf.config.set_visible_devices([], "GPU"), tf.config.get_device())[1], "cpu"),
    "set_memory_growth": (lambda: tf.config.experimental.set_memory_growth(None, True), None),
    "K.get_value": (lambda: tf.backend.get_value(tf.Variable([1.0, 2.0])), [1, 2]),
    "K.batch_flatten": (lambda: tf.backend.batch_flatten(X[:, :, None]).shape, (2, 3)),
    "K.switch": (lambda: tf.backend.switch(X > 0, lambda: X, 0 * X), np.maximum(X, 0)),
    "K.cast_to_floatx": (lambda: tf.backend.cast_to_floatx(np.ones(2)).dtype, np.dtype("float32")),
    "K.cast_to_floatx of a tensor": (lambda: str(tf.backend.cast_to_floatx(tf.ones(2, "int32")).dtype), "float32"),
    "K.sum": (lambda: tf.backend.sum(X, axis=1, keepdims=True), X.sum(1, keepdims=True)),
}  # fmt: skip


@pytest.mark.parametrize("what", VALUES)
def test_values(what: str) -> None:
    function, expected = VALUES[what]
    got = function()
    if isinstance(got, dualnet.Tensor):
        np.testing.assert_allclose(got.numpy(), expected, rtol=1e-5, atol=1e-6)
    elif isinstance(got, np.ndarray):
        np.testing.assert_array_equal(got, expected)
    else:
        assert got == expected


def test_function_leaves_a_function_as_it_is() -> None:
    def plus(x: int) -> int:
        return x + 1

    assert tf.function(plus) is plus
    assert tf.function(jit_compile=True, reduce_retracing=True)(plus) is plus


def test_gradients_go_through_them() -> None:
    w = tf.Variable([[1.0, 2.0], [3.0, 4.0]])
    with tf.GradientTape() as tape:
        loss = tf.nn.l2_loss(tf.matmul(w, w, transpose_b=True)) + tf.reduce_sum(tf.clip_by_norm(w, 1.0))
    (gradient,) = tape.gradient(loss, [w])
    a, norm = w.numpy(), np.sqrt((w.numpy() ** 2).sum())
    by_hand = 2 * (a @ a.T) @ a + 1 / norm - a * a.sum() / norm**3
    np.testing.assert_allclose(gradient.numpy(), by_hand, rtol=1e-5)


def test_set_seed_fixes_what_dualnet_draws_and_nothing_else() -> None:
    drawn = []
    for _ in range(2):
        np.random.seed(3)
        before = np.random.get_state()[2]
        tf.random.set_seed(5)
        assert np.random.get_state()[2] == before
        layer = dualnet.layers.Dense(3)
        layer.build((None, 2))
        drawn.append([tf.random.normal([3]).numpy(), layer.kernel.numpy(), tf.nn.dropout(tf.ones(20), 0.5).numpy()])
    for a, b in zip(*drawn):
        np.testing.assert_array_equal(a, b)
    assert set(drawn[0][2]) == {0.0, 2.0}


@pytest.mark.parametrize("make", [tf.constant, tf.convert_to_tensor])
def test_tensors_of_strings_go_into_layers_that_read_text(make: Any) -> None:
    vectorize = layers.TextVectorization(output_sequence_length=2, vocabulary=["b", "a"])
    text = tf.expand_dims(make(["a b", "c"]), -1)
    assert text.shape == (2, 1)
    np.testing.assert_array_equal(vectorize(text), [[3, 2], [1, 0]])
    model = Sequential([layers.Input((1,), dtype="string"), vectorize])
    np.testing.assert_array_equal(model(text), [[3, 2], [1, 0]])
    np.testing.assert_array_equal(model.predict(text, verbose=0), [[3, 2], [1, 0]])
    np.testing.assert_array_equal(
        layers.StringLookup(vocabulary=["a"])(make([["a"], ["z"]], dtype=tf.string)), [[1], [0]]
    )
    with pytest.raises(ValueError, match="could not convert string"):
        make(["a"], dtype="float32")


def test_print_and_logger(capsys: pytest.CaptureFixture[str]) -> None:
    tf.print("step", tf.constant([1, 2]), output_stream=sys.stdout)
    tf.print("here")
    out, err = capsys.readouterr()
    assert out == "step [1 2]\n"
    assert err == "here\n"
    tf.get_logger().setLevel("ERROR")
    assert tf.get_logger().name == "dualnet"


def test_devices() -> None:
    process = tf.config.experimental.list_physical_devices("GPU")
    assert tf.test.is_gpu_available() == bool(process)
    assert tf.test.gpu_device_name() == ("/device:GPU:0" if process else "")
    with tf.device("/CPU:0"):
        assert tf.constant(1.0).device == "cpu"


def test_set_value() -> None:
    w = tf.backend.variable([1.0, 2.0])
    tf.backend.set_value(w, [3.0, 4.0])
    assert tf.backend.eval(w).tolist() == [3, 4]


def test_the_same_classes_under_every_name() -> None:
    from dualnet import keras
    from dualnet.keras import layers
    from dualnet.keras.layers import Dense
    from dualnet.keras.layers.core import Dense as OldDense
    from dualnet.keras.utils import np_utils

    assert Dense is OldDense is layers.Dense is keras.layers.Dense is tf.keras.layers.Dense is dualnet.layers.Dense
    assert np_utils.to_categorical is dualnet.utils.to_categorical
    assert tf.keras.layers.experimental.preprocessing.Rescaling is dualnet.layers.Rescaling
    assert dualnet.layers.core.__name__ == "dualnet.layers.core"  # the real modules are left as they are
    assert keras.__version__ == keras.version() == KERAS_VERSION != dualnet.__version__
    scope: dict[str, Any] = {}
    exec("from dualnet.keras.layers import *", scope)
    assert scope["Dense"] is Dense
    assert "Dense" in dir(layers)
    assert "layers" in dir(keras)
    with pytest.raises(ModuleNotFoundError, match=r"dualnet\.keras\.nothing"):
        __import__("dualnet.keras.nothing")
    with pytest.raises(AttributeError, match="no_such_layer"):
        layers.no_such_layer  # noqa: B018
    with pytest.raises(ImportError, match="no_such_layer"):
        exec("from dualnet.keras.layers import no_such_layer")


def test_the_name_of_tensorflow_has_its_version() -> None:
    import dualnet.tensorflow as named
    from dualnet.tensorflow import keras
    from dualnet.tensorflow.keras.layers import Dense
    from dualnet.tensorflow.keras.preprocessing.image import ImageDataGenerator

    assert named.__version__ >= "2.0" > dualnet.__version__
    assert int(named.__version__.split(".")[0]) == 2
    assert Dense is dualnet.layers.Dense is keras.layers.Dense is named.keras.layers.Dense
    assert ImageDataGenerator is dualnet.preprocessing.image.ImageDataGenerator
    assert named.reduce_mean is tf.reduce_mean
    assert named.keras.__version__ == KERAS_VERSION
    with pytest.raises(AttributeError, match="has no attribute 'estimator'"):
        named.estimator  # noqa: B018
    with pytest.raises(ModuleNotFoundError, match="nothing"):
        __import__("dualnet.tensorflow.nothing")
