"""Small files that ask for much: memory, time, plugins of HDF5; and errors of the types that loading may raise."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import dualnet
from dualnet import layers
from dualnet.core import allowance


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


def function(name: str) -> dict[str, Any]:
    return {"module": "keras.ops", "class_name": "function", "config": name, "registered_name": name}


def test_a_loop_without_end_in_a_config(tmp_path: Path) -> None:
    inputs = dualnet.Input((3,))
    model = dualnet.Model(inputs, dualnet.ops.relu(inputs))
    path = tmp_path / "m.keras"
    members = saved(path, model)
    config = json.loads(members["config.json"])
    entry = config["config"]["layers"][1]
    entry.update(module="keras.src.ops.core", class_name="WhileLoop", registered_name="WhileLoop")
    tensor = entry["inbound_nodes"][0]["args"][0]
    entry["config"].update(cond=function("isfinite"), body=function("relu"))
    entry["inbound_nodes"][0] = {"args": [[tensor]], "kwargs": {}}
    write(path, {**members, "config.json": json.dumps(config).encode()})
    with pytest.raises((ValueError, TypeError)):
        dualnet.models.load_model(path)
    steps = iter(range(10**9))
    with pytest.raises(ValueError, match="runs far more ops than its config"), allowance.limited(10**6, 500):
        dualnet.Model(inputs, dualnet.ops.while_loop(lambda x: next(steps) >= 0, lambda x: (x + 1.0,), (inputs,)))


def test_ops_that_make_much_of_little(tmp_path: Path) -> None:
    inputs = dualnet.Input((4,))
    model = dualnet.Model(inputs, dualnet.ops.repeat(inputs, 3, axis=1))
    path = tmp_path / "m.keras"
    members = saved(path, model)
    for count in (10**9, 10**15):
        write(path, with_config(members, '"repeats": 3', f'"repeats": {count}'))
        with pytest.raises(ValueError, match="numbers of one"):
            dualnet.models.load_model(path)


def weights_file(path: Path, change: Any) -> Path:
    model = dense()
    model.save_weights(path)
    with h5py.File(path, "r+") as file:
        change(file["layers/dense/vars"])
    return path


def packed_zeros(group: Any) -> None:
    del group["0"]
    group.create_dataset("0", shape=(5000, 6000), dtype="float32", chunks=(500, 6000), compression="gzip", fillvalue=0)
    group["0"][...] = 0


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


@pytest.mark.parametrize("error", [KeyError, OverflowError, AttributeError, RecursionError, NotImplementedError, IndexError, AssertionError])
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
    buffer = io.BytesIO(members["model.weights.h5"])
    assert h5py.is_hdf5(buffer)
