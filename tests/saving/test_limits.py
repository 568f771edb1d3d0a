"""Small files that ask for much: memory, time, plugins of HDF5; and errors of the types that loading may raise."""

from __future__ import annotations

import contextlib
import re
import struct
import tracemalloc
import zipfile
import zlib
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import dualnet
from dualnet import layers
from dualnet.core import allowance
from dualnet.saving import limits
from dualnet.saving.inspection import inspect


def saved(path: Path, model: Any) -> dict[str, bytes]:
    model.save(path)
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def write(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def dense() -> Any:
    return dualnet.Sequential([dualnet.Input((3,)), layers.Dense(2, name="d")], name="s")


def with_config(members: dict[str, bytes], old: str, new: str) -> dict[str, bytes]:
    text = members["config.json"].decode()
    assert old in text
    return {**members, "config.json": text.replace(old, new).encode()}


def test_weights_that_the_file_cannot_hold(tmp_path: Path) -> None:
    path = tmp_path / "m.keras"
    members = saved(path, dense())
    for units in (10**8, 10**12, 10**30):
        write(path, with_config(members, '"units": 2', f'"units": {units}'))
        with pytest.raises(ValueError, match=r"far more than the file|does not fit"):
            dualnet.models.load_model(path)


def test_models_that_double_with_every_level(tmp_path: Path) -> None:
    inputs = dualnet.Input((3,))
    model = dualnet.Model(inputs, layers.Dense(3)(inputs), name="m0")
    for level in range(20):
        inputs = dualnet.Input((3,))
        model = dualnet.Model(inputs, model(model(inputs)), name=f"m{level + 1}")
    text = model.to_json()
    with allowance.limited(10**6, 10**6) as left:
        copy = dualnet.models.model_from_json(text)
    assert 10**6 - left.ops < 2000, "each level is traced once or twice, not a million times"
    assert copy.output_shape == (None, 3)


def test_loops_are_bounded_where_a_file_is_read() -> None:
    inputs = dualnet.Input((3,))
    with pytest.raises(ValueError, match="runs far more ops than its config"), allowance.limited(10**6, 500):
        dualnet.ops.fori_loop(0, 10**9, lambda i, x: x + 1.0, inputs)


def test_ops_that_make_much_of_little(tmp_path: Path) -> None:
    """The shapes of such a model are known, or it is refused; no array is made to see them."""
    inputs = dualnet.Input((4,))
    model = dualnet.Model(inputs, dualnet.ops.repeat(inputs, 3, axis=1))
    path = tmp_path / "m.keras"
    write(path, with_config(saved(path, model), '"repeats": 3', f'"repeats": {10**9}'))
    tracemalloc.start()
    try:
        with contextlib.suppress(ValueError):
            assert dualnet.models.load_model(path).output_shape == (None, 4 * 10**9)
        assert tracemalloc.get_traced_memory()[1] < 50 << 20
    finally:
        tracemalloc.stop()


def weights_file(path: Path, change: Any) -> Path:
    model = dense()
    model.save_weights(path)
    with h5py.File(path, "r+") as file:
        change(file["layers/dense/vars"])
    return path


def packed_zeros(group: Any) -> None:
    """120 MB of zeros in 120 kB or so."""
    del group["0"]
    shape = (1000, 30_000)
    array = group.create_dataset("0", shape=shape, dtype="float32", chunks=(50, 30_000), compression="gzip")
    chunk = zlib.compress(bytes(50 * 30_000 * 4), 1)
    for row in range(0, 1000, 50):
        array.id.write_direct_chunk((row, 0), chunk)


def plugin(group: Any) -> None:
    del group["0"]
    settings = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    settings.set_chunk((3, 2))
    settings.set_filter(32015, h5py.h5z.FLAG_OPTIONAL, (3,))
    space = h5py.h5s.create_simple((3, 2))
    h5py.h5d.create(group.id, b"0", h5py.h5t.NATIVE_FLOAT, space, settings).write_direct_chunk((0, 0), b"x" * 24)


@pytest.mark.parametrize(
    ("change", "match"),
    [(packed_zeros, "claims 120000000 bytes"), (plugin, "filter 32015, a plugin of HDF5, which is not loaded")],
)
def test_arrays_of_hdf5(change: Any, match: str, tmp_path: Path) -> None:
    path = weights_file(tmp_path / "w.weights.h5", change)
    with pytest.raises(ValueError, match=match):
        dense().load_weights(path)


def test_no_folder_of_plugins_is_searched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    h5py.h5pl.prepend(bytes(tmp_path / "plugins"))
    try:
        path = weights_file(tmp_path / "w.weights.h5", plugin)
        with h5py.File(path) as file, pytest.raises(OSError, match="plugins"):
            file["layers/dense/vars/0"][()]  # h5py itself looks there
        monkeypatch.setattr("dualnet.saving.hdf5._BUILT_IN_FILTERS", (*range(7), 32000, 32015))
        with pytest.raises(ValueError, match="can't find plugin") as caught:
            dense().load_weights(path)
        assert "plugins)" not in str(caught.value)
        assert h5py.h5pl.get(0) == bytes(tmp_path / "plugins"), "it is there again for others"
    finally:
        h5py.h5pl.remove(0)


def test_many_links_to_one_array(tmp_path: Path) -> None:
    def change(group: Any) -> None:
        group.create_dataset("big", data=np.zeros(250_000, "float32"))
        for i in range(200):
            group[f"x{i}"] = group["big"]

    path = weights_file(tmp_path / "w.weights.h5", change)
    with pytest.raises(ValueError, match=r"claims|has 2 arrays"):
        dense().load_weights(path)


def test_a_heap_that_never_ends(tmp_path: Path) -> None:
    path = tmp_path / "m.h5"
    dense().save(path)
    content = bytearray(path.read_bytes())
    at = content.index(b"GCOL\1\0\0\0") + 16
    while content[at : at + 2] != b"\0\0":
        at += 16 + (int.from_bytes(content[at + 8 : at + 16], "little") + 7) // 8 * 8
    content[at + 8 : at + 16] = bytes(8)
    path.write_bytes(content)
    with pytest.raises(ValueError, match="heap"):
        dualnet.models.load_model(path)


SHARED = 1 << 20  # bytes of a string in a heap


def _share(path: Path, name: str, text: str) -> None:
    """Let all strings of an attribute be one long string that is in the file once."""
    with h5py.File(path, "r+") as file:
        group = file.get("model_weights", file)
        group.attrs["long"] = "x" * SHARED
        del group.attrs[name]
        group.attrs.create(name, [text] * 3000, dtype=h5py.string_dtype())
    content = bytearray(path.read_bytes())
    heaps = [m.start() for m in re.finditer(rb"GCOL\x01\0\0\0", content)]
    large = max(heaps, key=lambda at: int.from_bytes(content[at + 8 : at + 16], "little"))
    short = struct.pack("<I", len(text))  # of each string: its length, the address of its heap, its number there
    for match in list(re.finditer(re.escape(short) + rb"(.{8}).{4}", bytes(content), re.DOTALL)):
        if int.from_bytes(match[1], "little") in heaps:
            content[match.start() : match.end()] = struct.pack("<IQI", SHARED, large, 1)
    path.write_bytes(content)


@pytest.mark.parametrize("name", ["layer_names", "backend"])
def test_a_string_that_many_share(name: str, tmp_path: Path) -> None:
    path = tmp_path / "m.h5"
    dense().save(path)
    _share(path, name, "a name that is read 3000 times")
    tracemalloc.start()
    with pytest.raises(ValueError, match=f"attribute '{name}' claims 31"):
        dualnet.models.load_model(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100 << 20


@pytest.mark.parametrize(
    "error", [KeyError, OverflowError, AttributeError, RecursionError, NotImplementedError, IndexError, AssertionError]
)
def test_errors_have_types_that_say_something(error: type[Exception], tmp_path: Path) -> None:
    class Odd(layers.Dense):
        @classmethod
        def from_config(cls, config: dict[str, Any]) -> Any:
            raise error("inside")

    path = tmp_path / "m.keras"
    dualnet.Sequential([dualnet.Input((3,)), layers.Dense(2)]).save(path)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    write(path, with_config(members, '"class_name": "Dense"', '"class_name": "Odd"'))
    with pytest.raises(ValueError, match=r"m\.keras"):
        dualnet.models.load_model(path, custom_objects={"Odd": Odd})


def test_a_config_in_a_zip_that_is_mostly_air(tmp_path: Path) -> None:
    path = tmp_path / "m.keras"
    members = saved(path, dense())
    write(path, {**members, "config.json": members["config.json"] + b" " * 9_000_000})
    with pytest.raises(ValueError, match=r"config\.json claims to unpack to"):
        dualnet.models.load_model(path)


def test_a_config_without_weights() -> None:
    model = dualnet.Sequential([dualnet.Input((2**16,)), layers.Dense(3, name="d")])
    large = model.to_json().replace('"units": 3', f'"units": {2**16}')  # 16 GiB of weights
    with pytest.raises(ValueError, match=r"would have 4294967296 numbers"):
        dualnet.models.model_from_json(large)


def test_a_config_longer_than_configs_are(tmp_path: Path) -> None:
    text = '{"class_name": "%s"}' % ("x" * limits.MOST_TEXT)
    with pytest.raises(ValueError, match=r"has 335544\d\d bytes, and a config at most 33554432: it is refused"):
        dualnet.models.model_from_json(text)
    file = tmp_path / "model.json"
    file.write_text(text)
    assert any("it is refused" in problem for problem in inspect(file).problems)
