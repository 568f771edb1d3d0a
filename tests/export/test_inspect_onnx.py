"""``dualnet inspect`` of ONNX files, which it reads without the package ``onnx``: what it says is compared with that."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dualnet
from dualnet import layers
from dualnet.saving.inspection import inspect

onnx = pytest.importorskip("onnx", reason="writing ONNX files needs the package onnx")


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with a loop, whose body is a graph inside a node, and with text and several inputs."""
    dualnet.utils.set_random_seed(0)
    image, text = dualnet.Input((6, 6, 1), name="image"), dualnet.Input((None, 3), name="steps")
    x = layers.Flatten()(layers.Conv2D(2, 3)(image))
    y = layers.RNN(layers.LSTMCell(4), name="loop")(text)
    model = dualnet.Model([image, text], {"a": layers.Dense(2)(x), "b": layers.Dense(3)(layers.concatenate([x, y]))})
    path = tmp_path_factory.mktemp("onnx") / "m.onnx"
    model.export(path, verbose=False)
    return path


def operators(graph: Any) -> Counter[str]:
    """As the package counts them."""
    counts: Counter[str] = Counter()
    for node in graph.node:
        counts[node.op_type] += 1
        for attribute in node.attribute:
            for body in [*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs]:
                counts += operators(body)
    return counts


def test_what_is_in_it(file: Path) -> None:
    report = inspect(file)
    expected = onnx.load(file)
    assert report.problems == []
    assert report.versions == {"dualnet": dualnet.__version__}
    assert report.details == {"ir_version": str(expected.ir_version), "opset": str(expected.opset_import[0].version)}
    assert report.ops == dict(operators(expected.graph))
    for kind, values in (("input", expected.graph.input), ("output", expected.graph.output)):
        shapes = [tuple(d.dim_param or d.dim_value for d in v.type.tensor_type.shape.dim) for v in values]
        ports = [port for port in report.ports if port.kind == kind]
        assert [(port.name, port.shape, port.dtype) for port in ports] == [
            (v.name, shape, "float32") for v, shape in zip(values, shapes)
        ]
    arrays = {array.name: array for array in [*report.arrays, *report.state]}
    tensors = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in expected.graph.initializer}
    assert {name: (a.shape, a.dtype) for name, a in arrays.items()} == {
        name: (a.shape, str(a.dtype)) for name, a in tensors.items()
    }


def test_by_content(file: Path, tmp_path: Path) -> None:
    other = tmp_path / "m.bin"
    other.write_bytes(file.read_bytes())
    assert inspect(other).ops
    other.write_bytes(b"\x08\x01 no message of the format")
    assert "of no kind" in str(inspect(other).problems)


def test_weights_in_another_file(file: Path, tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    model = onnx.load(file)
    onnx.save(model, path, save_as_external_data=True, location="m.bin", size_threshold=0)
    assert inspect(path).problems == []
    assert inspect(path).params == inspect(file).params
    weights = tmp_path / "m.bin"
    weights.write_bytes(weights.read_bytes()[:10])
    assert "of m.bin, which has 10" in inspect(path).problems[0]
    weights.unlink()
    assert "is in the file m.bin, which is not beside the model" in inspect(path).problems[0]
    for location in ("../secret", "/etc/passwd"):
        model = onnx.load(path, load_external_data=False)
        for tensor in model.graph.initializer:
            for entry in tensor.external_data:
                entry.value = location if entry.key == "location" else entry.value
        path.write_bytes(model.SerializeToString())
        assert "no file beside the model" in inspect(path).problems[0]


def changed(file: Path, change: Any) -> bytes:
    model = onnx.load(file)
    change(model)
    return bytes(model.SerializeToString())


DAMAGE = {
    "no graph": (lambda m: m.ClearField("graph"), "no graph of operators"),
    "no opset": (lambda m: m.ClearField("opset_import"), "the version of its operators"),
    "a weight cut off": (lambda m: setattr(m.graph.initializer[0], "raw_data", b"12"), "has 2 bytes"),
    "a size below 0": (lambda m: m.graph.initializer[0].dims.append(-1), "has a shape of"),
    "a rank of 100": (lambda m: m.graph.initializer[0].dims.extend([1] * 100), "has a shape of"),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_damage(case: str, file: Path, tmp_path: Path) -> None:
    change, message = DAMAGE[case]
    path = tmp_path / "m.onnx"
    path.write_bytes(changed(file, change))
    assert message in str(inspect(path).problems)


def test_cut_off_or_changed_anywhere(file: Path, tmp_path: Path) -> None:
    content = file.read_bytes()
    random = np.random.default_rng(0)
    path = tmp_path / "m.onnx"
    for i in range(0, len(content), max(len(content) // 150, 1)):
        path.write_bytes(content[:i])
        assert inspect(path).problems, f"cut off at byte {i}"
        changed = bytearray(content)
        changed[i] ^= 1 << int(random.integers(8))
        path.write_bytes(changed)
        inspect(path)
