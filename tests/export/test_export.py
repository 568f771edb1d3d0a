"""Model.export: formats, files, failures."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dualnet import Input, layers, ops
from dualnet.export import ExportError
from dualnet.models import Model, Sequential


def small() -> Model:
    return Sequential([Input((4,), name="x"), layers.Dense(300, activation="relu"), layers.Dense(2)])


def run_file(path: Path, x: Any) -> Any:
    runtime = pytest.importorskip("onnxruntime")
    return runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"]).run(None, {"x": x})[0]


X = np.random.default_rng(0).standard_normal((3, 4)).astype("float32")


def test_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    onnx = pytest.importorskip("onnx")
    model = small()
    model.export(tmp_path / "m.onnx")
    assert "m.onnx" in capsys.readouterr().out
    model.export(str(tmp_path / "other"), format="onnx", verbose=False, opset_version=20)
    assert not capsys.readouterr().out
    for name, opset in (("m.onnx", 18), ("other", 20)):
        proto = onnx.load(tmp_path / name)
        onnx.checker.check_model(proto, full_check=True)
        assert proto.opset_import[0].version == opset
        np.testing.assert_allclose(run_file(tmp_path / name, X), model.predict(X, verbose=0), rtol=1e-5, atol=1e-6)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["m.onnx", "other"]


@pytest.mark.parametrize(
    ("path", "format", "message"),
    [
        ("m.xyz", None, r"does not say the format: end it in .*\.onnx"),
        ("m", "tf_saved_model", "'tf_saved_model' is not written here .*TensorFlow"),
        ("m.onnx", "pickle", "'pickle' is not written here; there is"),
    ],
)
def test_formats_that_are_not_there(path: str, format: str | None, message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=message):
        small().export(tmp_path / path, format=format)
    assert not list(tmp_path.iterdir())


def test_opsets_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="opset_version is one of 18 to"):
        small().export(tmp_path / "m.onnx", opset_version=9)


def test_a_failed_export_leaves_the_file(tmp_path: Path) -> None:
    pytest.importorskip("onnx")

    class Inverse(layers.Layer):
        def call(self, x: Any) -> Any:
            return ops.inv(x)

    x = Input((2, 2))
    path = tmp_path / "m.onnx"
    path.write_bytes(b"what was there")
    with pytest.raises(ExportError, match="inv"):
        Model(x, Inverse()(x)).export(path)
    with pytest.raises(FileNotFoundError):
        small().export(tmp_path / "nowhere" / "m.onnx")
    assert path.read_bytes() == b"what was there"
    assert [p.name for p in tmp_path.iterdir()] == ["m.onnx"]


def test_without_the_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match=r"dualnet\[onnx\]"):
        small().export(tmp_path / "m.onnx")
    assert not list(tmp_path.iterdir())


def test_large_weights_are_in_a_file_of_their_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    from dualnet.export.onnx import writer

    monkeypatch.setattr(writer, "LARGEST", 2000)
    path, names = tmp_path / "m.onnx", []
    (tmp_path / "m.onnx.data").write_bytes(b"of somebody else")
    for _ in range(2):  # the second one replaces the first, with other weights
        model = small()
        model.export(path, verbose=False)
        files = sorted(p.name for p in tmp_path.iterdir())
        assert len(files) == 3
        assert "m.onnx.data" in files
        names.append(files)
        assert path.stat().st_size < 3000
        np.testing.assert_allclose(run_file(path, X), model.predict(X, verbose=0), rtol=1e-5, atol=1e-6)
        onnx.checker.check_model(str(path))
    assert names[0] != names[1]
    monkeypatch.undo()
    model.export(path, verbose=False)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["m.onnx", "m.onnx.data"]
    np.testing.assert_allclose(run_file(path, X), model.predict(X, verbose=0), rtol=1e-5, atol=1e-6)
