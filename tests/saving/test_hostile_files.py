"""Files that are damaged or made to do harm: a clear error, nothing run, nothing read from elsewhere, nothing loaded."""

from __future__ import annotations

import contextlib
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import dualnet
from dualnet import layers
from dualnet.saving import deserialize_keras_object
from dualnet.serialization.objects import _public

ERRORS = (ValueError, TypeError)  # and no other: those of Python's insides would say nothing to a user


@pytest.fixture
def good(tmp_path: Path) -> dict[str, bytes]:
    """The members of a file that loads."""
    model = dualnet.Sequential([dualnet.Input((3,)), layers.Dense(2, "relu", name="d"), layers.Dropout(0.1)])
    model.compile("adam", "mse", metrics=["mae"])
    model.train_on_batch(np.ones((2, 3)), np.ones((2, 2)))
    model.save(tmp_path / "good.keras")
    with zipfile.ZipFile(tmp_path / "good.keras") as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def write(path: Path, members: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def refused(path: Path, match: str = ".") -> BaseException:
    with pytest.raises(ERRORS, match=match) as info:
        dualnet.models.load_model(path)
    return info.value


def changed(members: dict[str, bytes], change: Callable[[dict[str, Any]], Any]) -> dict[str, bytes]:
    """The members with another config."""
    config = json.loads(members["config.json"])
    change(config)
    return {**members, "config.json": json.dumps(config).encode()}


def layer(config: dict[str, Any], /, **entries: Any) -> None:
    config["config"]["layers"][1].update(entries)


def argument(config: dict[str, Any], /, **entries: Any) -> None:
    config["config"]["layers"][1]["config"].update(entries)


def function(module: str, name: str) -> dict[str, Any]:
    return {"module": module, "class_name": "function", "config": name, "registered_name": name}


BYTECODE = {"class_name": "__lambda__", "config": {"value": ["4wEAAAA=", None, None]}}
CONFIGS: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "os.system as a layer": (lambda c: layer(c, module="os", class_name="system"), "os.system.* not in dualnet"),
    "a class of subprocess": (lambda c: layer(c, module="subprocess", class_name="Popen"), "Popen.* not in dualnet"),
    "builtins.eval": (lambda c: argument(c, activation=function("builtins", "eval")), "eval.* not in dualnet"),
    "posix.system": (lambda c: argument(c, activation=function("posix", "system")), "system.* not in dualnet"),
    "a gadget of Keras": (lambda c: argument(c, activation=function("keras.utils", "get_file")), "not in dualnet"),
    "load_model": (lambda c: argument(c, activation=function("keras.models", "load_model")), "not in dualnet"),
    "a private function": (lambda c: argument(c, activation=function("keras.src.saving", "_x")), "not in dualnet"),
    "a lambda as activation": (lambda c: argument(c, activation=BYTECODE), "never run"),
    "a Lambda layer": (
        lambda c: layer(c, class_name="Lambda", config={"function": BYTECODE}),
        "never run|not in dualnet|byte code",
    ),
    "another registered name": (lambda c: layer(c, registered_name="os>system"), "not in dualnet"),
    "a class that is a list": (lambda c: layer(c, class_name=["Dense"]), "expected names"),
    "a name that is a number": (lambda c: layer(c, registered_name=3), "expected names"),
    "a module that is a list": (lambda c: layer(c, module=["keras.layers"]), "."),
    "a config that is a list": (lambda c: layer(c, config=[1]), "must be a dictionary"),
    "an unknown argument": (lambda c: argument(c, danger=1), "danger"),
    "a wrong argument": (lambda c: argument(c, units="many"), "expected a positive integer"),
    "a function as class": (lambda c: layer(c, class_name="deserialize"), "expected the class"),
    "layers that are none": (lambda c: c["config"].update(layers=[{"a": 1}]), "."),
    "layers: a number": (lambda c: c["config"].update(layers=5), "."),
    "a shape of strings": (lambda c: c["config"]["layers"][0]["config"].update(batch_shape=["a"]), "."),
    "a layer, no model": (lambda c: c.update(c["config"]["layers"][1]), "describes a Dense, not a model"),
    "weights from a config": (
        lambda c: argument(c, kernel_initializer={"class_name": "__numpy__", "config": {"value": [1], "dtype": "O"}}),
        ".",
    ),
    "an array without a dtype": (lambda c: argument(c, activation={"class_name": "__tensor__", "config": {}}), "."),
}


# What a model was compiled with is not needed to load it.
COMPILE_CONFIGS: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "a lambda as loss": (lambda c: c.update(loss=BYTECODE), "never run"),
    "another optimizer": (
        lambda c: c.update(optimizer={"class_name": "X", "config": {}}),
        "X, which is not in dualnet",
    ),
    "a config for the optimizer": (lambda c: c["optimizer"].update(config=3), "must be a dictionary"),
    "a function of Keras as metric": (
        lambda c: c.update(metrics=[function("keras.utils", "get_file")]),
        "not in dualnet",
    ),
    "os.system as loss": (lambda c: c.update(loss=function("os", "system")), "system.* not in dualnet"),
    "an unknown argument": (lambda c: c["optimizer"]["config"].update(danger=1), "danger"),
    "no loss of that name": (lambda c: c.update(loss="my_loss"), "my_loss"),
}


@pytest.mark.parametrize("name", COMPILE_CONFIGS)
def test_compile_configs(name: str, good: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[str] = []
    monkeypatch.setattr("os.system", lambda *a, **k: called.append("system"))
    change, match = COMPILE_CONFIGS[name]
    path = write(tmp_path / "bad.keras", changed(good, lambda c: change(c["compile_config"])))
    with pytest.warns(UserWarning, match=rf"without what it was compiled with, which cannot be read .*{match}"):
        model = dualnet.models.load_model(path)
    assert not model.compiled
    assert model.optimizer is None
    assert called == []
    original = dualnet.models.load_model(write(tmp_path / "good.keras", good))
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), original.get_weights()))


@pytest.mark.parametrize("name", CONFIGS)
def test_configs(name: str, good: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[str] = []
    for module, attribute in (("os", "system"), ("subprocess", "Popen"), ("builtins", "eval"), ("marshal", "loads")):
        monkeypatch.setattr(f"{module}.{attribute}", lambda *a, what=attribute, **k: called.append(what))
    change, match = CONFIGS[name]
    refused(write(tmp_path / "bad.keras", changed(good, change)), match)
    assert called == []


def test_nothing_is_imported(good: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "evil_module.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(str(tmp_path))
    for module in ("evil_module", "keras.src.evil_module", "dualnet.evil_module"):
        refused(write(tmp_path / "b.keras", changed(good, lambda c, m=module: layer(c, module=m, class_name="X"))))


def test_only_what_is_dualnet_s_can_be_named() -> None:
    for (module, name), value in _public().items():
        assert getattr(value, "__module__", "").startswith("dualnet"), f"{module}.{name} is {value!r}"


@pytest.mark.parametrize("content", [b"", b"[]", b"3", b"null", b"{", b'{"a": 1}', b"\xff\xfe", b"[" * 200_000, b'"x"'])
def test_what_is_no_config(content: bytes, good: dict[str, bytes], tmp_path: Path) -> None:
    error = refused(write(tmp_path / "bad.keras", {**good, "config.json": content}), "config.json")
    assert "bad.keras" in str(error)


def test_nested_beyond_measure(good: dict[str, bytes], tmp_path: Path) -> None:
    opening, closing = '{"class_name": "Sequential", "module": "keras", "config": {"layers": [', "]}}"
    for depth in (3000, 50_000):
        text = opening * depth + closing * depth
        refused(write(tmp_path / "bad.keras", {**good, "config.json": text.encode()}))


def test_archives(good: dict[str, bytes], tmp_path: Path) -> None:
    path = tmp_path / "bad.keras"
    for content in (b"", b"PK", b"no zip at all" * 100):
        path.write_bytes(content)
        refused(path, r"bad.keras is not a .keras file, or it is damaged")
    for missing in ("config.json", "model.weights.h5"):
        refused(write(path, {k: v for k, v in good.items() if k != missing}), f"it holds no {missing}")
    write(path, {k: v for k, v in good.items() if k != "metadata.json"})
    dualnet.models.load_model(path)  # nobody needs it
    write(path, good, zipfile.ZIP_DEFLATED)
    dualnet.models.load_model(path)


def test_bombs(good: dict[str, bytes], tmp_path: Path) -> None:
    path = tmp_path / "bad.keras"
    for member in ("config.json", "model.weights.h5"):
        write(path, {**good, member: bytes(20_000_000)}, zipfile.ZIP_DEFLATED)
        refused(path, f"{member} claims to unpack to 20000000 bytes, which is refused")


def test_every_cut_and_many_changed_bytes(good: dict[str, bytes], tmp_path: Path) -> None:
    """Damage at any place is a clear error, or a file that loads: never another exception."""
    path = write(tmp_path / "bad.keras", good, zipfile.ZIP_DEFLATED)
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    for n in range(0, len(whole), 97):
        path.write_bytes(whole[:n])
        refused(path)
    stored = write(path, good).read_bytes()
    for content in (whole, stored):
        for _ in range(150):
            damaged = bytearray(content)
            for i in rng.integers(0, len(content), size=3):
                damaged[i] = rng.integers(256)
            path.write_bytes(bytes(damaged))
            with contextlib.suppress(ERRORS):
                dualnet.models.load_model(path)


Change = Callable[[h5py.File, Path], Any]


def replace(file: h5py.File, make: Callable[[h5py.Group], Any]) -> None:
    group = file["layers/dense/vars"]
    del group["0"]
    make(group)


def bomb(group: h5py.Group) -> None:
    group.create_dataset("0", shape=(10**6, 10**6), dtype="float32", chunks=(1000, 1000), compression="gzip")


def external(group: h5py.Group, secret: Path) -> None:
    raw = secret.with_suffix(".raw")
    raw.write_bytes(np.ones((3, 2), "float32").tobytes())
    group.create_dataset("0", (3, 2), "float32", external=[(str(raw), 0, h5py.h5f.UNLIMITED)])


def virtual(group: h5py.Group, secret: Path) -> None:
    layout = h5py.VirtualLayout((3, 2), "float32")
    layout[:] = h5py.VirtualSource(str(secret), "secret", (3, 2))
    group.create_virtual_dataset("0", layout)


WEIGHTS: dict[str, tuple[Change, str]] = {
    "an external link": (
        lambda f, s: replace(f, lambda g: g.__setitem__("0", h5py.ExternalLink(str(s), "secret"))), "is a link"
    ),
    "a soft link": (lambda f, s: replace(f, lambda g: g.__setitem__("0", h5py.SoftLink("/layers"))), "is a link"),
    "a group from another file": (
        lambda f, s: (f.__delitem__("layers/dense"), f.__setitem__("layers/dense", h5py.ExternalLink(str(s), "g"))),
        "is a link",
    ),
    "all layers from another file": (
        lambda f, s: (f.__delitem__("layers"), f.__setitem__("layers", h5py.ExternalLink(str(s), "g"))), "is a link"
    ),
    "external storage": (lambda f, s: replace(f, lambda g: external(g, s)), "not a plain array"),
    "a virtual dataset": (lambda f, s: replace(f, lambda g: virtual(g, s)), "not a plain array"),
    "a huge shape": (lambda f, s: replace(f, bomb), "claims 4000000000000 bytes"),
    "another shape": (lambda f, s: replace(f, lambda g: g.create_dataset("0", data=np.ones((2, 3)))), "has shape"),
    "strings": (lambda f, s: replace(f, lambda g: g.create_dataset("0", data=np.array([b"a"]))), "expected numbers"),
    "objects": (
        lambda f, s: replace(f, lambda g: g.create_dataset("0", data=["a"], dtype=h5py.string_dtype())), "expected numbers"
    ),
    "complex numbers": (lambda f, s: replace(f, lambda g: g.create_dataset("0", data=np.ones((3, 2)) * 1j)), "numbers"),
    "nothing": (lambda f, s: replace(f, lambda g: g.create_dataset("0", data=h5py.Empty("f4"))), "not a plain array"),
    "a group": (lambda f, s: replace(f, lambda g: g.create_group("0")), "not a plain array"),
    "one array less": (lambda f, s: replace(f, lambda g: None), "has 2 arrays, the file has 1"),
    "one array more": (lambda f, s: f["layers/dense/vars"].create_dataset("2", data=[1.0]), "the file has 3"),
    "no layer": (lambda f, s: f.__delitem__("layers/dense"), "'d' is not in the file"),
}  # fmt: skip


@pytest.mark.parametrize("name", WEIGHTS)
def test_weights(name: str, good: dict[str, bytes], tmp_path: Path) -> None:
    secret = tmp_path / "secret.h5"
    with h5py.File(secret, "w") as file:
        file["secret"] = np.ones((3, 2), "float32")
        file["g/dense/vars/0"], file["g/dense/vars/1"] = np.ones((3, 2)), np.ones(2)
        file["g/vars/0"], file["g/vars/1"] = np.ones((3, 2)), np.ones(2)
    change, match = WEIGHTS[name]
    buffer = io.BytesIO(good["model.weights.h5"])
    with h5py.File(buffer, "r+") as file:
        change(file, secret)
    refused(write(tmp_path / "bad.keras", {**good, "model.weights.h5": buffer.getvalue()}), match)
    target = dualnet.Sequential([dualnet.Input((3,)), layers.Dense(2, name="d")])
    before = target.get_weights()
    (tmp_path / "bad.weights.h5").write_bytes(buffer.getvalue())
    if "optimizer" not in name:
        with pytest.raises(ERRORS, match=match):
            target.load_weights(tmp_path / "bad.weights.h5")
    for a, b in zip(before, target.get_weights()):
        np.testing.assert_array_equal(a, b)


OPTIMIZER: dict[str, tuple[Change, str]] = {
    "an array too many": (lambda f, s: f["optimizer/vars"].create_dataset("6", data=[1.0]), "7 arrays.*starts afresh"),
    "a gap": (lambda f, s: f["optimizer/vars"].create_dataset("9", data=[1.0]), "not called 0 to 6"),
    "other names": (lambda f, s: f["optimizer/vars"].move("0", "iterations"), "not called 0 to 5"),
    "strings": (lambda f, s: swap(f, "optimizer/vars/3", np.array([b"a"])), "expected numbers"),
    "no arrays": (lambda f, s: swap(f, "optimizer/vars", np.ones(2)), "not a group"),
    "a link": (lambda f, s: swap(f, "optimizer/vars/2", h5py.ExternalLink(str(s), "secret")), "is a link"),
    "another shape": (lambda f, s: swap(f, "optimizer/vars/2", np.ones((2, 3))), "6 arrays.*starts afresh, at step 1"),
    "another optimizer": (lambda f, s: f["optimizer/vars"].attrs.update(name="sgd_3"), "that of 'sgd_3'"),
}


def swap(file: h5py.File, name: str, value: Any) -> None:
    del file[name]
    file[name] = value


@pytest.mark.parametrize("name", OPTIMIZER)
def test_an_optimizer_state_that_does_not_fit_is_left_out(name: str, good: dict[str, bytes], tmp_path: Path) -> None:
    """It is never fatal: the weights are loaded, and one warning says what is lost."""
    secret = tmp_path / "secret.h5"
    with h5py.File(secret, "w") as file:
        file["secret"] = np.full((3, 2), 5, "float32")
    change, match = OPTIMIZER[name]
    buffer = io.BytesIO(good["model.weights.h5"])
    with h5py.File(buffer, "r+") as file:
        kernel = file["layers/dense/vars/0"][()]
        change(file, secret)
    path = write(tmp_path / "bad.keras", {**good, "model.weights.h5": buffer.getvalue()})
    with pytest.warns(UserWarning, match=rf"bad.keras: the optimizer state .*{match}") as warned:
        model = dualnet.models.load_model(path)
    assert len(warned) == 1
    np.testing.assert_array_equal(model.get_weights()[0], kernel)
    assert not any(v.numpy().any() for v in model.optimizer.variables[2:])
    model.train_on_batch(np.ones((2, 3)), np.ones((2, 2)))


@pytest.mark.parametrize("where", ["model_weights", "model_weights/d", "model_weights/d/sequential"])
def test_old_h5_files_follow_no_links_either(where: str, tmp_path: Path) -> None:
    model = dualnet.Sequential([dualnet.Input((3,)), layers.Dense(2, name="d")], name="sequential")
    model.save(tmp_path / "m.h5")
    model.save(tmp_path / "secret.h5")
    with h5py.File(tmp_path / "m.h5", "r+") as file:
        del file[where]
        file[where] = h5py.ExternalLink(str(tmp_path / "secret.h5"), where)
    for load in (dualnet.models.load_model, model.load_weights):
        with pytest.raises(ValueError, match="is a link, which is refused"):
            load(tmp_path / "m.h5")


def test_damaged_old_h5_files(tmp_path: Path) -> None:
    model = dualnet.Sequential([dualnet.Input((3,)), layers.Dense(2, name="d")])
    model.compile("adam", "mse")
    model.save(tmp_path / "m.h5")
    whole = (tmp_path / "m.h5").read_bytes()
    for n in range(0, len(whole), 211):
        (tmp_path / "m.h5").write_bytes(whole[:n])
        with pytest.raises(ValueError, match=r"m.h5 is not an HDF5 file, or it is damaged|m.h5 is damaged"):
            dualnet.models.load_model(tmp_path / "m.h5")
    for text in (b"{", b"[]", b"3", b'{"class_name": "Popen", "module": "subprocess", "config": {}}'):
        (tmp_path / "m.h5").write_bytes(whole)
        with h5py.File(tmp_path / "m.h5", "r+") as file:
            file.attrs["model_config"] = text
        with pytest.raises(ERRORS, match=r"m.h5: model_config|not in dualnet"):
            dualnet.models.load_model(tmp_path / "m.h5")


def test_objects_by_themselves() -> None:
    for config in ({"class_name": "Popen", "module": "subprocess", "config": {}}, {"class_name": 3, "config": {}}):
        with pytest.raises(ValueError, match=r"not in dualnet|expected names"):
            deserialize_keras_object(config)
    assert deserialize_keras_object({"a": [1, None, "x"]}) == {"a": [1, None, "x"]}
    with pytest.raises(ValueError, match="cannot save a lambda"):
        dualnet.saving.serialize_keras_object(lambda x: x)
    with pytest.raises(TypeError, match="has no get_config"):
        dualnet.saving.serialize_keras_object(object())
