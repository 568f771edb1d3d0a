"""The files that are mutated: one of every kind that dualnet reads, small, and made by dualnet itself."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import dualnet
from dualnet import layers, ops


def write(folder: Path) -> list[Path]:
    """Write all seeds into a folder. Returns their paths."""
    for name, make in MODELS.items():
        dualnet.utils.clear_session()
        dualnet.utils.set_random_seed(1)
        model = make()
        model.save(folder / f"{name}.keras")
        if name not in _NOT_IN_H5:
            model.save(folder / f"{name}.h5")
        model.save_weights(folder / f"{name}.weights.h5")
        (folder / f"{name}.json").write_text(model.to_json())
    np.savez(folder / "plain.npz", x=np.ones((4, 3), np.float32), y=np.arange(4))
    np.savez_compressed(folder / "packed.npz", x=np.zeros((9, 3)), y=np.zeros(9))
    np.save(folder / "array.npy", np.arange(12.0).reshape(4, 3))
    (folder / "table.csv").write_text("a,b,c\n" + "".join(f"{i},{i / 3:.3f},{i % 2}\n" for i in range(8)))
    preparation = {"data": {"path": "t.csv", "target": "c"}, "header": True, "width": 3, "sample_shape": [2], "highest": 7.0}
    preparation |= {"features": ["a", "b"], "subtract": [1.0, 2.0], "divide": [1.0, 0.5], "classes": ["0", "1"]}
    (folder / "preparation.json").write_text(json.dumps(preparation))
    _image(folder / "image.png")
    return sorted(folder.iterdir())


def _image(path: Path) -> None:
    """A PNG of 8 x 8 gray pixels, by hand: Pillow need not be installed."""
    import struct
    import zlib

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    rows = b"".join(b"\0" + bytes(range(i, i + 8)) for i in range(8))
    header = struct.pack(">IIBBBBB", 8, 8, 8, 0, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    )


def _dense() -> Any:
    model = dualnet.Sequential([dualnet.Input((3,)), layers.Dense(4, "relu"), layers.Dropout(0.2), layers.Dense(2)])
    model.compile("adam", "mse", metrics=["mae"])
    model.train_on_batch(np.ones((2, 3)), np.ones((2, 2)))
    return model


def _convolution() -> Any:
    x = inputs = dualnet.Input((8, 8, 1))
    x = layers.Conv2D(2, 3, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization()(x)
    x = layers.UpSampling2D(2)(layers.MaxPooling2D(2)(layers.Activation("relu")(x)))
    x = layers.ZeroPadding2D(1)(x)
    x = layers.Add()([x, layers.Cropping2D(2)(layers.ZeroPadding2D(2)(x))])
    model = dualnet.Model(inputs, layers.Dense(3, "softmax")(layers.GlobalAveragePooling2D()(x)))
    model.compile(dualnet.optimizers.SGD(0.1, momentum=0.9), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.train_on_batch(np.ones((2, 8, 8, 1)), np.array([0, 1]))
    return model


def _sequence() -> Any:
    inputs = dualnet.Input((5,), dtype="int32")
    x = layers.Embedding(7, 4, mask_zero=True)(inputs)
    x = layers.Bidirectional(layers.GRU(3, return_sequences=True))(x)
    x = layers.MultiHeadAttention(2, 3)(x, x)
    return dualnet.Model(inputs, layers.Dense(1)(layers.LSTM(2)(x)))


def _graph_of_ops() -> Any:
    inputs = dualnet.Input((4, 3))
    x = ops.reshape(ops.transpose(inputs, (0, 2, 1)), (-1, 12))
    x = ops.concatenate([x, ops.repeat(x, 2, axis=1)], axis=-1)
    x = ops.pad(ops.tile(ops.relu(x * 2.0 + 1.0), (1, 2)), ((0, 0), (1, 1)))
    x = ops.one_hot(ops.argmax(x, axis=-1), 5)
    return dualnet.Model(inputs, layers.Dense(2)(x))


def _nested() -> Any:
    inner_input = dualnet.Input((3,))
    inner = dualnet.Model(inner_input, layers.Dense(3, name="d")(inner_input), name="inner")
    middle_input = dualnet.Input((3,))
    middle = dualnet.Model(middle_input, inner(inner(middle_input)), name="middle")
    inputs = dualnet.Input((3,))
    outputs = layers.TimeDistributed(layers.Dense(2))(layers.Reshape((1, 3))(middle(middle(inputs))))
    return dualnet.Model(inputs, outputs)


def _text() -> Any:
    vectorize = layers.TextVectorization(max_tokens=9, output_sequence_length=4)
    vectorize.adapt(np.array(["a b c", "b c d"]))
    return dualnet.Sequential([dualnet.Input((1,), dtype="string"), vectorize, layers.Embedding(9, 2)])


_NOT_IN_H5 = ("text",)  # an .h5 file has no room for a vocabulary
MODELS: dict[str, Callable[[], Any]] = {
    "dense": _dense,
    "convolution": _convolution,
    "sequence": _sequence,
    "ops": _graph_of_ops,
    "nested": _nested,
    "text": _text,
}
