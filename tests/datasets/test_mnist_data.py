from __future__ import annotations

import gzip
import hashlib
import io
import os
import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dualnet.datasets import mnist
from dualnet.datasets.download import ContentError, DataError

REAL_DATA = os.environ.get("DUALNET_DATA_DIR", "")


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch, server: Any) -> dict[str, np.ndarray]:
    """MNIST with 5 and 3 images, served by two mirrors of which the first is down."""
    rng = np.random.default_rng(0)
    arrays = {
        "x_train": rng.integers(0, 256, (5, 28, 28), np.uint8),
        "y_train": rng.integers(0, 10, 5, np.uint8),
        "x_test": rng.integers(0, 256, (3, 28, 28), np.uint8),
        "y_test": rng.integers(0, 10, 3, np.uint8),
    }
    parts = []
    for part in mnist._PARTS:
        part = part._replace(shape=arrays[part.key].shape)
        content = idx(arrays[part.key])
        server.files[part.name] = gzip.compress(content)
        parts.append(part._replace(sha256=hashlib.sha256(content).hexdigest()))
    monkeypatch.setattr(mnist, "_PARTS", tuple(parts))
    mirrors = (server.url("missing", ""), server.url("good", ""))
    monkeypatch.setattr(mnist, "_MIRRORS", mirrors)
    return arrays


def idx(array: np.ndarray) -> bytes:
    head = np.array([0x0800 + array.ndim, *array.shape], ">u4").tobytes()
    return head + array.tobytes()


def same(loaded: Any, arrays: dict[str, np.ndarray]) -> None:
    (x_train, y_train), (x_test, y_test) = loaded
    for ours, key in [(x_train, "x_train"), (y_train, "y_train"), (x_test, "x_test")]:
        np.testing.assert_array_equal(ours, arrays[key])
        assert ours.dtype == np.uint8
        assert ours.flags.writeable
    np.testing.assert_array_equal(y_test, arrays["y_test"])


def test_downloads_once(small: Any, server: Any, cache: Path) -> None:
    same(mnist.load_data(), small)
    assert sorted(path.name for path in (cache / "datasets" / "mnist").iterdir()) == sorted(
        part.name for part in mnist._PARTS
    )
    asked = server.asked.total()
    same(mnist.load_data(), small)
    assert server.asked.total() == asked


def test_offline_is_one_line(small: Any, server: Any) -> None:
    server.http.server_close()
    with pytest.raises(DataError, match=r"^train-images-idx3-ubyte\.gz is not in .*: no connection") as e:
        mnist.load_data()
    assert "\n" not in str(e.value)


def local_files(folder: Path, server: Any) -> None:
    (folder / "mnist").mkdir(parents=True)
    for name, content in server.files.items():
        (folder / "mnist" / name).write_bytes(content)


def test_local_idx_files(small: Any, server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    local_files(tmp_path, server)
    (tmp_path / "mnist.npz").write_bytes(b"not looked at")
    monkeypatch.setenv("DUALNET_DATA_DIR", str(tmp_path))
    same(mnist.load_data(), small)
    assert server.asked.total() == 0


def test_one_local_file_missing(small: Any, server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    local_files(tmp_path, server)
    missing = mnist._PARTS[3].name
    (tmp_path / "mnist" / missing).unlink()
    monkeypatch.setenv("DUALNET_DATA_DIR", str(tmp_path))
    same(mnist.load_data(), small)  # the rest is taken from elsewhere, checked as ever
    assert {path.rpartition("/")[2] for path in server.asked} == {missing}


def test_one_local_file_wrong(small: Any, server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    local_files(tmp_path, server)
    wrong = tmp_path / "mnist" / mnist._PARTS[2].name
    wrong.write_bytes(gzip.compress(idx(small["x_test"] ^ 1)))
    monkeypatch.setenv("DUALNET_DATA_DIR", str(tmp_path))
    with pytest.raises(ContentError, match=re.escape(f"{wrong}: expected 2,368 bytes with sha256")):
        mnist.load_data()


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_local_npz(small: Any, server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, save: Any) -> None:
    save(tmp_path / "mnist.npz", **small)
    monkeypatch.setenv("DUALNET_DATA_DIR", str(tmp_path))
    same(mnist.load_data(), small)
    assert server.asked.total() == 0


def npz(**arrays: Any) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


def wrong_npz(small: dict[str, np.ndarray]) -> dict[str, tuple[bytes, str]]:
    x = small["x_train"]
    good = npz(**small)
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x_train.npy", bytes(50 << 20))
    liar = io.BytesIO()
    with zipfile.ZipFile(liar, "w") as archive, archive.open("x_train.npy", "w") as member:
        header = {"descr": "|u1", "fortran_order": False, "shape": (1 << 40,)}
        np.lib.format.write_array_header_1_0(member, header)
    return {
        "cut": (good[: len(good) // 2], "unreadable"),
        "flipped": (good[:600] + bytes([good[600] ^ 255]) + good[601:], "unreadable|sha256"),
        "empty": (b"", "unreadable"),
        "a pickle": (b"\x80\x04.", "unreadable"),
        "no y_test": (npz(x_train=x, y_train=x, x_test=x), "expected x_train of|sha256|y_train"),
        "other values": (npz(**{**small, "x_train": x ^ 1}), "x_train with IDX sha256"),
        "other shape": (npz(**{**small, "x_train": x[:4]}), r"found \(4, 28, 28\) uint8"),
        "other dtype": (npz(**{**small, "y_test": small["y_test"].astype("i1")}), "found .* int8"),
        "objects": (npz(**{**small, "y_test": np.array([{}] * 3)}), "object|bytes"),
        "Fortran order": (npz(**{**small, "x_train": np.asfortranarray(x)}), "found"),
        "a bomb": (bomb.getvalue(), "found 52,428,800 bytes"),
        "a wide header": (liar.getvalue(), r"x_train of shape \(1099511627776,\)"),
        "nothing in it": (npz(), "x_train, y_train, x_test, y_test"),
    }


WRONG = [
    *("cut", "flipped", "empty", "a pickle", "no y_test", "other values", "other shape"),
    *("other dtype", "objects", "Fortran order", "a bomb", "a wide header", "nothing in it"),
]


@pytest.mark.parametrize("case", WRONG)
def test_wrong_npz(small: Any, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, case: str) -> None:
    content, message = wrong_npz(small)[case]
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "mnist.npz").write_bytes(content)
    monkeypatch.setenv("DUALNET_DATA_DIR", str(tmp_path / "data"))
    with pytest.raises(ContentError, match=f"({message}).*unset DUALNET_DATA_DIR"):
        mnist.load_data()

    # The same file in the cache is said to be wrong and not used.
    monkeypatch.delenv("DUALNET_DATA_DIR")
    (cache / "datasets").mkdir(parents=True)
    (cache / "datasets" / "mnist.npz").write_bytes(content)
    with pytest.warns(UserWarning, match=f"({message}).*delete it"):
        same(mnist.load_data(), small)


def test_npz_in_the_cache(small: Any, server: Any, cache: Path) -> None:
    (cache / "datasets").mkdir(parents=True)
    (cache / "datasets" / "mine.npz").write_bytes(npz(**small))
    same(mnist.load_data("mine.npz"), small)
    assert server.asked.total() == 0


@pytest.mark.parametrize("path", ["/tmp/mnist.npz", "../mnist.npz", ".."])
def test_path_is_a_name(path: str) -> None:
    with pytest.raises(ValueError, match="plain file name"):
        mnist.load_data(path)


@pytest.mark.parametrize("shape", [(0,), (3,), (2, 3), (2, 3, 4), (1, 1, 1, 1), (0, 28, 28)])
def test_parse_idx(shape: tuple[int, ...]) -> None:
    array = np.arange(np.prod(shape, dtype=int), dtype=np.uint8).reshape(shape)
    parsed = mnist.parse_idx(idx(array))
    np.testing.assert_array_equal(parsed, array)
    assert (parsed.shape, parsed.dtype) == (shape, np.uint8)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda b: b[:-1], r"expected 6 bytes after the header for shape \(2, 3\), found 5"),
        (lambda b: b + b"\0", "found 7"),
        (lambda b: b[:11], "expected an IDX header"),
        (lambda b: b[:3], "expected an IDX file of unsigned bytes"),
        (lambda b: b"", "expected an IDX file of unsigned bytes"),
        (lambda b: b"\x01" + b[1:], "found 01 00 08 02"),
        (lambda b: b[:1] + b"\x01" + b[2:], "found 00 01 08 02"),
        (lambda b: b[:2] + b"\x0d" + b[3:], "found 00 00 0d 02"),
        (lambda b: b[:3] + b"\x00" + b[4:], "expected an IDX header"),
        (lambda b: b[:3] + b"\xff" + b[4:], "expected an IDX header"),
        (lambda b: b[:4] + b"\xff" * 8 + b[12:], "expected 18,446,744,065,119,617,025 bytes"),
    ],
)
def test_parse_idx_is_strict(change: Any, message: str) -> None:
    with pytest.raises(ContentError, match=message):
        mnist.parse_idx(change(idx(np.zeros((2, 3), np.uint8))))


@pytest.mark.skipif(
    not os.path.exists(os.path.join(REAL_DATA, "mnist", mnist._PARTS[0].name)),
    reason="DUALNET_DATA_DIR names no folder with mnist/train-images-idx3-ubyte.gz",
)
def test_real_mnist(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DUALNET_DATA_DIR", REAL_DATA)
    (x_train, y_train), (x_test, y_test) = mnist.load_data()
    assert x_train.shape == (60000, 28, 28)
    assert y_train.shape == (60000,)
    assert x_test.shape == (10000, 28, 28)
    assert y_test.shape == (10000,)
    assert {a.dtype for a in (x_train, y_train, x_test, y_test)} == {np.dtype(np.uint8)}
    assert y_train[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert y_test[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    # The well-known checksum of the unpacked training images.
    unpacked = bytes.fromhex("00000803 0000ea60 0000001c 0000001c") + x_train.tobytes()
    md5 = hashlib.md5(unpacked, usedforsecurity=False).hexdigest()
    assert md5 == "6bbc9ace898e44ae57da46a324031adb"
