"""Changes to files: of single bits and of bytes, and of what the bytes mean (JSON, HDF5, zip archives)."""

from __future__ import annotations

import contextlib
import io
import json
import random
import re
import struct
import warnings
import zipfile
from collections.abc import Callable
from pathlib import PurePath
from typing import Any

Random = random.Random

# What stands in the place of a number, a name or a list.
NUMBERS = (
    0,
    -1,
    1,
    2,
    3,
    7,
    255,
    65536,
    10**6,
    2**31,
    10**9,
    2**63,
    10**30,
    1e308,
    -1e308,
    float("nan"),
    float("inf"),
    0.5,
)
TEXTS = (
    "",
    "a",
    "../x",
    "/etc/passwd",
    "os",
    "system",
    "builtins",
    "eval",
    "float64",
    "object",
    "relu",
    "\0",
    "é" * 9,
    "x" * 5000,
)
NAMES = (
    *(
        "Dense",
        "Functional",
        "Sequential",
        "Model",
        "Layer",
        "InputLayer",
        "Lambda",
        "RNN",
        "StackedRNNCells",
        "Wrapper",
    ),
    *(
        "TimeDistributed",
        "Bidirectional",
        "Embedding",
        "Conv2D",
        "UpSampling2D",
        "ZeroPadding2D",
        "Reshape",
        "RepeatVector",
    ),
    *(
        "WhileLoop",
        "ForiLoop",
        "Scan",
        "Map",
        "Repeat",
        "Tile",
        "Pad",
        "OneHot",
        "Arange",
        "Eye",
        "Linspace",
        "Resize",
        "BroadcastTo",
    ),
    *(
        "CategoryEncoding",
        "Hashing",
        "Discretization",
        "IntegerLookup",
        "StringLookup",
        "TextVectorization",
        "Normalization",
    ),
    *(
        "__lambda__",
        "__numpy__",
        "__tensor__",
        "__slice__",
        "__keras_tensor__",
        "__tuple__",
        "function",
        "type",
        "partial",
    ),
)

_MOST = 1 << 20  # bytes


def mutate(name: str, content: bytes, rng: Random) -> bytes:
    """One file, changed. name: of the seed, whose end says what is in it."""
    suffix = PurePath(name).suffix
    changes: list[Callable[[bytes, Random], bytes]] = [flip_bits, replace_bytes, cut, repeat_part, change_number]
    meant = {
        ".keras": [zip_archive] * 6,
        ".npz": [zip_archive] * 3,
        ".h5": [hdf5] * 6,
        ".json": [json_text] * 6,
        ".csv": [lines] * 3,
    }
    meant[".safetensors"] = [tensors] * 5
    change = rng.choice(changes + meant.get(suffix, []))
    return change(content, rng)


# -- bytes ---------------------------------------------------------------------------------------------------------


def flip_bits(content: bytes, rng: Random) -> bytes:
    changed = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 4, 16))):
        if changed:
            changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def replace_bytes(content: bytes, rng: Random) -> bytes:
    start, length = _part(content, rng)
    new = rng.choice((b"\0", b"\xff", b"\x7f", rng.randbytes(1))) * length
    return content[:start] + new + content[start + length :]


def cut(content: bytes, rng: Random) -> bytes:
    start, length = _part(content, rng)
    return content[:start] if rng.random() < 0.5 else content[:start] + content[start + length :]


def repeat_part(content: bytes, rng: Random) -> bytes:
    start, length = _part(content, rng)
    return (
        content[: start + length]
        + content[start : start + length] * rng.choice((1, 2, 100))
        + content[start + length :]
    )


def change_number(content: bytes, rng: Random) -> bytes:
    """A length or an offset: a number of 2, 4 or 8 bytes."""
    size, code = rng.choice(((2, "H"), (4, "I"), (8, "Q")))
    if len(content) < size:
        return content
    at = rng.randrange(len(content) - size + 1)
    value = rng.choice((0, 1, 2 ** (8 * size) - 1, 2 ** (8 * size - 1), rng.randrange(2 ** (8 * size)), 10**4))
    return content[:at] + struct.pack(rng.choice("<>") + code, value % 2 ** (8 * size)) + content[at + size :]


def _part(content: bytes, rng: Random) -> tuple[int, int]:
    start = rng.randrange(len(content) + 1)
    return start, min(rng.choice((1, 4, 16, 64, 512)), len(content) - start)


def lines(content: bytes, rng: Random) -> bytes:
    """A table whose cells are something else."""
    rows = [row.split(",") for row in content.decode().splitlines()]
    for _ in range(rng.choice((1, 1, 3))):
        row = rng.choice(rows)
        row[rng.randrange(len(row))] = rng.choice(
            (str(rng.choice(NUMBERS)), rng.choice(TEXTS), '"', "1,2", "", "1e400")
        )
    return "\n".join(",".join(row) for row in rows).encode("utf-8", "replace")


# -- JSON ----------------------------------------------------------------------------------------------------------


def json_text(content: bytes, rng: Random) -> bytes:
    try:
        value = json.loads(content)
    except ValueError:
        return flip_bits(content, rng)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        value = _change_value(value, rng)
        text = json.dumps(value).encode()
        if len(text) > _MOST:  # what is doubled at every level is soon too large for the harness itself
            break
    return text[: 10 * _MOST]


def _change_value(value: Any, rng: Random) -> Any:
    """A structure with one entry changed, or exchanged with another one."""
    entries = list(_entries(value))
    if not entries:
        return value
    container, key = rng.choice(entries)
    old = container[key]
    kind = rng.randrange(10)
    if kind == 0 and isinstance(container, dict):
        del container[key]
    elif kind == 1:
        other, other_key = rng.choice(entries)
        container[key] = json.loads(json.dumps(other[other_key]))
    elif kind == 2:
        container[key] = rng.choice((None, [], {}, [[]], True, [old] * 3, {"class_name": "Dense", "config": {}}))
    elif kind == 3 and isinstance(container, list):
        container[key : key + 1] = [old] * rng.choice((2, 3, 50))
    elif kind == 4:
        for _ in range(rng.choice((2, 20, 400))):
            old = (
                [old]
                if rng.random() < 0.5
                else {"class_name": rng.choice(NAMES), "config": {"layer": old, "layers": [old]}}
            )
            if len(json.dumps(old)) > 100_000:
                break
        container[key] = old
    elif isinstance(old, bool) or old is None:
        container[key] = rng.choice((True, False, None, 1, "true"))
    elif isinstance(old, (int, float)):
        container[key] = rng.choice(NUMBERS)
    elif isinstance(old, str):
        container[key] = rng.choice(
            NAMES if key in ("class_name", "registered_name", "config", "module") else (*TEXTS, *NAMES)
        )
    else:
        container[key] = rng.choice((*NUMBERS, *TEXTS))
    return value


def _entries(value: Any) -> list[tuple[Any, Any]]:
    found: list[tuple[Any, Any]] = []
    stack = [value]
    while stack:
        node = stack.pop()
        if isinstance(node, (dict, list)):
            keys = list(node) if isinstance(node, dict) else range(len(node))
            found += [(node, key) for key in keys]
            stack += [node[key] for key in keys]
    return found


def tensors(content: bytes, rng: Random) -> bytes:
    """A .safetensors file with another header."""
    length = int.from_bytes(content[:8], "little")
    header = json_text(content[8 : 8 + length], rng)
    stated = len(header) if rng.random() < 0.9 else rng.choice((0, 10**9, 2**63, len(header) + 1))
    return stated.to_bytes(8, "little") + header + content[8 + length :]


# -- archives and HDF5 ---------------------------------------------------------------------------------------------


def zip_archive(content: bytes, rng: Random) -> bytes:
    """An archive with a changed, a missing, a second or a renamed member, or whose directory is wrong."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = [(name, archive.read(name)) for name in archive.namelist()]
    index = rng.randrange(len(members))
    name, body = members[index]
    kind = rng.randrange(12)
    if kind == 0:
        del members[index]
    elif kind == 1:
        members.append((name, flip_bits(body, rng)))
    elif kind == 2:
        members[index] = rng.choice(("../evil", "/tmp/evil", "assets/../../evil", name + "/x", "")), body
    elif kind == 3:
        members[index] = name, bytes(rng.choice((10**6, 3 * 10**7)))
    else:
        change = json_text if name.endswith(".json") else hdf5 if name.endswith(".h5") else flip_bits
        members[index] = name, change(body, rng)
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of two members of one name
        with zipfile.ZipFile(buffer, "w", rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))) as archive:
            for name, body in members:
                archive.writestr(name or "x", body)
    result = buffer.getvalue()
    if rng.random() < 0.1:  # a number in the directory at the end
        at = result.rfind(b"PK\x01\x02")
        result = result[:at] + change_number(result[at:], rng)
    return result


def hdf5(content: bytes, rng: Random) -> bytes:
    """A file with another tree, other arrays or attributes, or with changed bytes in its headers."""
    import h5py
    import numpy as np

    if rng.random() < 0.3:
        headers = [m.start() for m in re.finditer(rb"TREE|SNOD|HEAP|OHDR|\x89HDF|GCOL", content)]
        at = rng.choice(headers) if headers else 0
        return content[:at] + rng.choice((change_number, flip_bits))(content[at : at + 64], rng) + content[at + 64 :]
    buffer = io.BytesIO(content)
    with contextlib.suppress(OSError, ValueError, KeyError, RuntimeError, TypeError), h5py.File(buffer, "r+") as file:
        names: list[str] = []
        file.visit(names.append)
        name = rng.choice(names)
        attributes = [(node, key) for node in (file, *(file[n] for n in names)) for key in node.attrs]
        kind = rng.randrange(9)
        if kind == 0:
            del file[name]
        elif kind == 1 and attributes:
            node, key = rng.choice(attributes)
            value = node.attrs[key]
            text = value.encode() if isinstance(value, str) else value
            is_json = isinstance(text, bytes) and text.startswith(b"{")
            node.attrs[key] = json_text(text, rng) if is_json else rng.choice((b"\xff", 3, [1.5], b"../x", [b"a"] * 9))
        elif kind == 2:
            del file[name]
            file[name] = rng.choice((h5py.SoftLink("/"), h5py.ExternalLink("/etc/passwd", "x"), h5py.SoftLink(name)))
        elif kind == 3:
            other = rng.choice(names)
            del file[name]
            file[name] = file[other]  # a second link, or a circle
        elif kind in (4, 5):
            del file[name]
            shape = rng.choice(((), (0,), (3, 3), (10**6,), (10**5, 10**4), (1,) * 30, (2**40,)))
            chunks = tuple(min(n, 1000) or 1 for n in shape) or None
            dtype = rng.choice(("float32", "int8", "float16", "uint64", "bool", "S5", "complex64"))
            packed = {"chunks": chunks, "compression": rng.choice((None, "gzip", "lzf"))} if chunks else {}
            file.create_dataset(name, shape=shape, dtype=dtype, **packed)
        else:
            node = file[name]
            if isinstance(node, h5py.Dataset) and node.dtype.kind in "fiu":
                values = rng.choice((np.nan, np.inf, -1, 2**30))
                node[...] = np.full(node.shape, values).astype(node.dtype, casting="unsafe") if node.shape else 1
            else:
                file.create_dataset(f"{name}/more", data=np.zeros(3))
    return buffer.getvalue()
