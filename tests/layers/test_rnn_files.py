"""Files of recurrent layers: the paths of their weights, and exchange with Keras both ways."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import dualnet

IDS = np.array([[3, 1, 2, 0, 0], [5, 4, 0, 0, 0], [1, 1, 1, 1, 1]])


def model(module: Any, mask_zero: bool = True) -> Any:
    """All kinds of recurrent layers, with masks, states that are passed on, and an own backward layer; of dualnet or Keras."""
    layers, ids = module.layers, module.Input((None,), dtype="int32", name="ids")
    x = layers.Embedding(6, 4, mask_zero=mask_zero, name="embedding")(ids)
    x, h, c = layers.LSTM(3, return_sequences=True, return_state=True, name="lstm")(x)
    x = layers.LSTM(3, return_sequences=True, unit_forget_bias=False, name="next")(x, initial_state=[h, c])
    backward = layers.SimpleRNN(3, go_backwards=True, return_sequences=True, name="other")
    both = layers.SimpleRNN(3, return_sequences=True, activation="relu", name="rnn")
    x = layers.Bidirectional(both, backward_layer=backward, name="both")(x)
    x = layers.Bidirectional(layers.GRU(2, return_sequences=True, name="gru"), merge_mode="ave", name="ave")(x)
    cells = [
        layers.LSTMCell(3, recurrent_dropout=0.5, name="one"),
        layers.GRUCell(2, dropout=0.5, reset_after=False, name="two"),
    ]
    x = layers.RNN(cells, return_sequences=True, go_backwards=True, name="stack")(x)
    x = layers.TimeDistributed(layers.Dense(3, name="inside"), name="each")(x)
    x = layers.GRU(2, use_bias=False, dropout=0.3, recurrent_dropout=0.2, name="last")(x)
    return module.Model(ids, x, name="model")


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_written_here_read_by_keras_and_back(suffix: str, tmp_path: Path, keras: Any) -> None:
    ours = model(dualnet, mask_zero=suffix == ".keras")  # from .h5, Keras cannot read the ops that its masks are
    expected = ours.predict(IDS, verbose=0)
    ours.save(tmp_path / f"ours{suffix}")
    theirs = keras.models.load_model(tmp_path / f"ours{suffix}")
    np.testing.assert_allclose(theirs.predict(IDS, verbose=0), expected, atol=1e-6)
    theirs.save(tmp_path / f"theirs{suffix}")
    again = dualnet.models.load_model(tmp_path / f"theirs{suffix}")
    np.testing.assert_allclose(again.predict(IDS, verbose=0), expected, atol=1e-6)
    assert [layer.name for layer in again.layers] == [layer.name for layer in theirs.layers]


@pytest.mark.parametrize("suffix", [".keras", ".h5", ".weights.h5"])
def test_written_by_keras_read_here(suffix: str, tmp_path: Path, keras: Any) -> None:
    theirs = model(keras, mask_zero=suffix != ".h5")
    path = tmp_path / f"theirs{suffix}"
    if suffix == ".weights.h5":
        theirs.save_weights(path)
        ours = model(dualnet)
        ours.load_weights(path)
    else:
        theirs.save(path)
        ours = dualnet.models.load_model(path)
    np.testing.assert_allclose(ours.predict(IDS, verbose=0), theirs.predict(IDS, verbose=0), atol=1e-6)
    assert [tuple(w.shape) for w in ours.weights] == [tuple(w.shape) for w in theirs.weights]
    assert [w.path for w in ours.weights] == [w.path for w in theirs.weights]


def test_weights_are_at_keras_paths(tmp_path: Path, keras: Any) -> None:
    found = []
    for module, name in ((dualnet, "ours"), (keras, "theirs")):
        path = tmp_path / f"{name}.weights.h5"
        model(module).save_weights(path)
        with h5py.File(path) as file:
            paths: dict[str, Any] = {}
            file.visititems(lambda key, item, paths=paths: paths.update({key: getattr(item, "shape", None)}))
        found.append({key: shape for key, shape in paths.items() if shape is not None and "seed_generator" not in key})
    assert found[0] == found[1]


def test_paths(tmp_path: Path) -> None:
    """Those in the files of Keras 3.15."""
    path = tmp_path / "model.weights.h5"
    model(dualnet).save_weights(path)
    with h5py.File(path) as file:
        assert [file[f"layers/lstm/cell/vars/{n}"].shape for n in range(3)] == [(4, 12), (3, 12), (12,)]
        assert file["layers/bidirectional/backward_layer/cell/vars/0"].shape == (3, 3)
        assert file["layers/bidirectional_1/forward_layer/cell/vars/2"].shape == (2, 6)
        assert file["layers/rnn/cell/cells/lstm_cell/vars/1"].shape == (3, 12)
        assert file["layers/rnn/cell/cells/gru_cell/vars/2"].shape == (6,)


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_a_model_comes_back(suffix: str, tmp_path: Path) -> None:
    first = model(dualnet)
    first.save(tmp_path / f"model{suffix}")
    again = dualnet.models.load_model(tmp_path / f"model{suffix}")
    np.testing.assert_array_equal(again.predict(IDS, verbose=0), first.predict(IDS, verbose=0))
    assert again.get_config() == first.get_config()


def test_a_stateful_model_comes_back(tmp_path: Path) -> None:
    layers = dualnet.layers
    first = dualnet.Sequential(
        [
            dualnet.Input(batch_shape=(3, 5, 4)),
            layers.Bidirectional(layers.LSTM(3, stateful=True, return_sequences=True)),
            layers.GRU(2, stateful=True),
        ]
    )
    x = np.random.default_rng(0).normal(size=(3, 5, 4))
    expected = [first.predict(x, batch_size=3, verbose=0) for _ in range(2)]
    first.save(tmp_path / "model.keras")
    again = dualnet.models.load_model(tmp_path / "model.keras")
    for y in expected:  # states are no weights: it begins with zeros
        np.testing.assert_array_equal(again.predict(x, batch_size=3, verbose=0), y)
