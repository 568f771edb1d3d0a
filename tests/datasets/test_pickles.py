"""Reading pickled arrays: what real files hold comes back, and nothing a pickle can do is done."""

from __future__ import annotations

import io
import pickle
import pickletools
import struct
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dualnet.datasets import pickles
from dualnet.datasets.download import ContentError
from tests.datasets.python2 import python2_pickle

OBJECTS = np.empty(3, object)
OBJECTS[:] = [[1, 2, 3], [4], []]
SAME_LENGTH = np.empty(2, object)
SAME_LENGTH[0], SAME_LENGTH[1] = [1, 2], [3, 4]

ARRAYS = [
    np.arange(12, dtype=np.uint8).reshape(3, 4),
    np.asfortranarray(np.arange(12.0).reshape(3, 4)),
    np.arange(4, dtype=">i4"),
    np.zeros((0, 5), np.float32),
    np.array([True, False]),
    OBJECTS,
    SAME_LENGTH,
]


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("array", ARRAYS, ids=str)
def test_arrays_come_back(array: Any, protocol: int) -> None:
    if protocol == 2 or (protocol == 5 and array.dtype != object):
        stream = python2_pickle(array)  # NumPy 5 uses buffers of its own, which no data set does
    else:
        stream = pickle.dumps(array, protocol=protocol)
    found = pickles.load_pickle(io.BytesIO(stream))
    assert found.dtype == array.dtype
    assert found.tolist() == array.tolist()
    assert found.flags.writeable


def test_a_dictionary_of_python_2() -> None:
    batch = {b"data": ARRAYS[0], b"labels": [1, 2, 3], b"batch_label": b"one of five"}
    found = pickles.load_pickle(io.BytesIO(python2_pickle(batch)))
    assert list(found) == [b"data", b"labels", b"batch_label"]
    np.testing.assert_array_equal(found[b"data"], ARRAYS[0])
    assert found[b"labels"] == [1, 2, 3]


class Call:
    """Pickles as a call of `function`."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.function, self.arguments = function, arguments

    def __reduce__(self) -> Any:
        return self.function, self.arguments


def hostile(path: Path) -> dict[str, bytes]:
    import os
    import subprocess

    touch = f"touch {path}"
    calls = {
        "system": (os.system, touch),
        "popen": (subprocess.Popen, ["touch", str(path)]),
        "eval": (eval, f"open({str(path)!r}, 'w')"),
        "exec": (exec, f"open({str(path)!r}, 'w')"),
        "open": (open, str(path), "w"),
        "getattr": (getattr, "x", "upper"),
        "import": (__import__, "os"),
        "load": (np.load, str(path)),
        "memmap": (np.memmap, str(path)),
        "fromfile": (np.fromfile, str(path)),
        "ones": (np.ones, 10**12),
    }
    streams = {name: pickle.dumps(Call(*call), protocol=4) for name, call in calls.items()}
    streams["in an array"] = pickle.dumps(np.array([Call(os.system, touch)], object), protocol=4)
    streams["in a dictionary"] = pickle.dumps({"data": [Call(os.system, touch)]}, protocol=2)
    core = "numpy._core.multiarray" if np.__version__ >= "2" else "numpy.core.multiarray"
    streams["a huge array"] = f"c{core}\n_reconstruct\n(cnumpy\nndarray\n(L1000000000000L\ntC\x01btR.".encode()
    streams["ndarray itself"] = b"cnumpy\nndarray\n(I1000000000\nI1000\ntR."
    streams["a dotted name"] = b"\x80\x04\x8c\x05numpy\x8c\x0cdtype.__base__\x93."
    streams["not an array"] = b"cnumpy\ndtype\n(V|V8\nI0\nI1\ntR."
    streams["a type with fields"] = pickle.dumps(np.zeros(1, [("a", "i4")]), protocol=4)
    streams["dates"] = pickle.dumps(np.zeros(1, "M8[s]"), protocol=4)
    streams["persistent"] = b"Psomewhere\n."
    streams["empty"] = b""
    streams["text"] = b"hello"
    return streams


NAMES = list(hostile(Path("x")))


@pytest.mark.parametrize("name", NAMES)
def test_a_hostile_pickle_is_refused_and_does_nothing(tmp_path: Path, name: str) -> None:
    target = tmp_path / "made"
    stream = hostile(target)[name]
    happened: list[str] = []
    watching = [True]

    def audit(event: str, arguments: Any) -> None:
        if watching and event.split(".")[0] in ("open", "exec", "os", "subprocess", "import", "ctypes", "socket"):
            happened.append(event)

    sys.addaudithook(audit)
    try:
        with pytest.raises(ContentError, match="pickle"):
            pickles.load_pickle(io.BytesIO(stream))
    finally:
        watching.clear()
    assert happened == []
    assert not target.exists()


def test_every_global_but_three_is_refused() -> None:
    asked = set()
    for array in (ARRAYS[0], OBJECTS):
        for op, argument, _ in pickletools.genops(python2_pickle(array)):
            if op.name == "GLOBAL":
                asked.add(argument)
    assert asked == {"numpy.core.multiarray _reconstruct", "numpy ndarray", "numpy dtype"}


def test_damage_at_every_byte_is_an_error_or_an_array() -> None:
    stream = python2_pickle(np.arange(6, dtype=np.int16).reshape(2, 3))
    for i in range(len(stream)):
        for bit in (0, 3, 6):
            damaged = stream[:i] + bytes([stream[i] ^ 1 << bit]) + stream[i + 1 :]
            if any(op in damaged[i : i + 1] for op in (b"r", b"q", b"p")):
                continue  # a memo index of gigabytes: only what has passed its hash is unpickled
            try:
                pickles.load_pickle(io.BytesIO(damaged))
            except ContentError:
                continue


def npz(**arrays: Any) -> io.BytesIO:
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    file.seek(0)
    return file


def test_npz() -> None:
    given = {f"a{i}": array for i, array in enumerate(ARRAYS)}
    found = pickles.read_npz(npz(**given), tuple(given))
    for name, array in given.items():
        assert found[name].dtype == array.dtype
        assert found[name].tolist() == array.tolist()
        assert found[name].flags.writeable


def test_npz_of_python_2() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive, archive.open("x.npy", "w") as member:
        np.lib.format.write_array_header_1_0(member, {"descr": "|O", "fortran_order": False, "shape": (3,)})
        member.write(python2_pickle(OBJECTS))
    assert pickles.read_npz(file, ("x",))["x"].tolist() == OBJECTS.tolist()


def wrong_npz() -> dict[str, tuple[bytes, str]]:
    def member(header: dict[str, Any], content: bytes) -> bytes:
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as archive, archive.open("x.npy", "w") as out:
            np.lib.format.write_array_header_1_0(out, header)
            out.write(content)
        return file.getvalue()

    objects = {"descr": "|O", "fortran_order": False, "shape": (3,)}
    plain = {"descr": "<f8", "fortran_order": False, "shape": (1 << 40,)}
    fields = {"descr": [("a", "|O")], "fortran_order": False, "shape": (1,)}
    later = io.BytesIO()
    with zipfile.ZipFile(later, "w") as archive:
        archive.writestr("x.npy", b"\x93NUMPY\x09\x00" + struct.pack("<H", 0))
    good = npz(x=OBJECTS).getvalue()
    return {
        "cut": (good[:-30], "unreadable"),
        "no zip": (b"hello", "unreadable"),
        "missing": (npz(y=OBJECTS).getvalue(), "expected the arrays x"),
        "another shape": (member(objects, python2_pickle(SAME_LENGTH)), r"of shape \(3,\)"),
        "another type": (member(objects, python2_pickle([1, 2, 3])), "found something else"),
        "a call": (member(objects, pickle.dumps(Call(print, "x"), 2)), "refused"),
        "a wide header": (member(plain, b""), "found 0"),
        "fields": (member(fields, b""), "expected x to be an array of lists"),
        "a later version": (later.getvalue(), "found version"),
    }


@pytest.mark.parametrize("case", list(wrong_npz()))
def test_wrong_npz(case: str) -> None:
    content, message = wrong_npz()[case]
    with pytest.raises(ContentError, match=message):
        pickles.read_npz(io.BytesIO(content), ("x",))


def test_a_bomb_is_not_unpacked() -> None:
    with pytest.raises(ContentError, match=r"expected at most 1,048,576 bytes for x, found 8,000,\d+ bytes"):
        pickles.read_npz(npz(x=np.zeros(1_000_000)), ("x",), 1 << 20)
