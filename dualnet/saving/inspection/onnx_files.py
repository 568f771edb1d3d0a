"""ONNX files: operators, inputs, outputs and weights, read from the messages of the format without the package ``onnx``.

A file is one message of Protocol Buffers: fields with a number each, which hold an integer, a text or another message
(https://protobuf.dev/programming-guides/encoding). The numbers are those of onnx.proto.
"""

from __future__ import annotations

import math
import mmap
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .report import Port, Report, StoredArray

_MAX_FIELDS = 2_000_000  # of a file; a graph of 20,000 nodes has 300,000
_VARINT, _FIXED64, _MESSAGE, _FIXED32 = 0, 1, 2, 5  # how a field is written
# onnx.TensorProto.DataType: name, bytes of an element; 0 where that is not a whole number of bytes
_DTYPES = {
    1: ("float32", 4), 2: ("uint8", 1), 3: ("int8", 1), 4: ("uint16", 2), 5: ("int16", 2), 6: ("int32", 4), 7: ("int64", 8),
    8: ("string", 0), 9: ("bool", 1), 10: ("float16", 2), 11: ("float64", 8), 12: ("uint32", 4), 13: ("uint64", 8),
    14: ("complex64", 8), 15: ("complex128", 16), 16: ("bfloat16", 2), 17: ("float8_e4m3fn", 1), 18: ("float8_e4m3fnuz", 1),
    19: ("float8_e5m2", 1), 20: ("float8_e5m2fnuz", 1), 21: ("uint4", 0), 22: ("int4", 0), 23: ("float4_e2m1", 0),
}  # fmt: skip
_UNKNOWN = ("unknown", 0)
_MAX_RANK = 64


class _Message:
    """A message in the bytes of a file from ``start`` to ``stop``."""

    def __init__(self, content: Any, start: int, stop: int, counter: list[int]) -> None:
        self._content, self._start, self._stop, self._counter = content, start, stop, counter

    def __iter__(self) -> Iterator[tuple[int, Any]]:
        """(number, value) of the fields: an integer, or a message, whose bytes may be text."""
        at = self._start
        while at < self._stop:
            self._counter[0] += 1
            if self._counter[0] > _MAX_FIELDS:
                raise ValueError(f"it has more than {_MAX_FIELDS} fields")
            key, at = self._varint(at)
            kind = key & 7
            if kind == _VARINT:
                value, at = self._varint(at)
                yield key >> 3, value
            elif kind == _MESSAGE:
                length, at = self._varint(at)
                if length > self._stop - at:
                    raise ValueError(f"a field of {length} bytes begins {self._stop - at} bytes before its end")
                yield key >> 3, _Message(self._content, at, at + length, self._counter)
                at += length
            elif kind in (_FIXED32, _FIXED64):
                at += 4 if kind == _FIXED32 else 8
                if at > self._stop:
                    raise ValueError("a number is cut off")
            else:
                raise ValueError(f"a field at byte {at} is of the unknown kind {kind}")

    def _varint(self, at: int) -> tuple[int, int]:
        """An integer of 7 bits in each byte, the lowest first, and where it ends."""
        value = 0
        for shift in range(0, 70, 7):
            if at >= self._stop:
                raise ValueError("a number is cut off")
            byte = self._content[at]
            at += 1
            value |= (byte & 127) << shift
            if byte < 128:
                return value, at
        raise ValueError(f"the number before byte {at} has no end")

    def __len__(self) -> int:
        return self._stop - self._start

    def text(self) -> str:
        """The bytes as text."""
        if len(self) > 1 << 20:
            raise ValueError(f"a name has {len(self)} bytes")
        return bytes(self._content[self._start : self._stop]).decode()

    def integers(self) -> list[int]:
        """The bytes as integers one after the other."""
        values, at = [], self._start
        while at < self._stop:
            value, at = self._varint(at)
            values.append(value)
        return values


def looks_like_onnx(path: Path) -> bool:
    """Whether a file is a message with the fields of a model: it begins with the version of the format, and holds a graph."""
    try:
        with path.open("rb") as stream:
            if stream.read(1) != b"\x08":
                return False
            with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
                fields = dict(_Message(content, 0, len(content), [0]))
    except (ValueError, OSError):
        return False
    return isinstance(fields.get(7), _Message) and isinstance(fields.get(8), _Message)


def note_onnx(report: Report) -> None:
    """Note the operators, inputs, outputs and weights of an ONNX model."""
    report.format = "model in ONNX (.onnx), which dualnet writes and does not read"
    report.verdict = "damaged"
    with report.path.open("rb") as stream:
        if not report.size:
            raise ValueError("the file is empty")
        with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
            _note_model(report, _Message(content, 0, len(content), [0]))


def _note_model(report: Report, model: _Message) -> None:
    producer = {"name": "", "version": ""}
    opsets = {}
    graphs = []
    for number, value in model:
        if number == 1 and isinstance(value, int):
            report.details["ir_version"] = str(value)
        elif number in (2, 3) and isinstance(value, _Message):
            producer["name" if number == 2 else "version"] = value.text()
        elif number == 7 and isinstance(value, _Message):
            graphs.append(value)
        elif number == 8 and isinstance(value, _Message):
            fields = dict(value)
            version = fields.get(2)
            opsets[_text(fields.get(1)) or "ai.onnx"] = version if isinstance(version, int) else 0
    if producer["name"]:
        report.versions = {producer["name"]: producer["version"]}
    report.details["opset"] = ", ".join(
        str(version) if domain == "ai.onnx" else f"{domain} {version}" for domain, version in opsets.items()
    )
    if not graphs or "ai.onnx" not in opsets:
        report.refuse(
            "it has no graph of operators in it" if not graphs else "it does not say the version of its operators"
        )
    for graph in graphs[:1]:
        _note_graph(report, graph)


def _note_graph(report: Report, graph: _Message) -> None:
    operators: Counter[str] = Counter()
    inputs, stored = [], set()
    bodies = [graph]  # and the graphs inside its nodes, such as the bodies of loops
    while bodies:
        body = bodies.pop()
        for number, value in body:
            if not isinstance(value, _Message):
                continue
            if number == 1:
                operator, inside = _node(value)
                operators[operator] += 1
                bodies += inside
            elif number == 2 and body is graph:
                report.model = {"class": "graph", "name": value.text()}
            elif number == 5:
                array = _tensor(report, value)
                (report.state if array.dtype == "int64" else report.arrays).append(
                    array
                )  # shapes and axes of operators
                stored.add(array.name)
            elif number == 11 and body is graph:
                inputs.append(_port("input", value))
            elif number == 12 and body is graph:
                report.ports.append(_port("output", value))
    # Before version 4 of the format weights were inputs as well.
    report.ports = [port for port in inputs if port.name not in stored] + report.ports
    report.ops = dict(sorted(operators.items(), key=lambda item: (-item[1], item[0])))


def _node(node: _Message) -> tuple[str, list[_Message]]:
    """The operator of a node, and the graphs in its attributes."""
    operator = domain = ""
    bodies = []
    for number, value in node:
        if number == 4:
            operator = _text(value)
        elif number == 7:
            domain = _text(value)
        elif number == 5 and isinstance(value, _Message):
            bodies += [body for key, body in value if key in (6, 11) and isinstance(body, _Message)]
    return (operator if domain in ("", "ai.onnx") else f"{domain}.{operator}"), bodies


def _tensor(report: Report, tensor: _Message) -> StoredArray:
    """A weight, whose bytes must be those of its shape."""
    dims: list[int] = []
    name, code, raw, outside = "", 0, None, {}
    for number, value in tensor:
        if number == 1:
            dims += value.integers() if isinstance(value, _Message) else [value]
        elif number == 2 and isinstance(value, int):
            code = value
        elif number == 8:
            name = _text(value)
        elif number == 9 and isinstance(value, _Message):
            raw = len(value)
        elif number == 13 and isinstance(value, _Message):
            entry = dict(value)
            outside[_text(entry.get(1))] = _text(entry.get(2))
    if len(dims) > _MAX_RANK or any(n >> 63 for n in dims):  # an integer below 0 has 64 bits
        raise ValueError(f"{name} has a shape of {len(dims)} sizes up to {max(dims)}")
    dtype, width = _DTYPES.get(code, _UNKNOWN)
    expected = math.prod(dims) * width
    if outside:
        _check_outside(report, name, expected, outside)
    elif raw is not None and width and raw != expected:
        report.refuse(f"{name} has {raw} bytes, and {dtype} of shape {tuple(dims)} takes {expected}")
    return StoredArray(name, tuple(dims), dtype)


def _check_outside(report: Report, name: str, expected: int, entry: dict[str, str]) -> None:
    """Note a weight whose bytes are in another file, which must lie beside the model."""
    location = entry.get("location", "")
    offset, length = (entry.get(key) or default for key, default in (("offset", "0"), ("length", str(expected))))
    if not (offset.isdecimal() and length.isdecimal()) or ".." in Path(location).parts or Path(location).is_absolute():
        report.refuse(f"{name} is said to be in {location!r}, which is no file beside the model")
        return
    file = report.path.with_name(location) if "/" not in location else report.path.parent / location
    if not file.is_file():
        report.refuse(f"{name} is in the file {location}, which is not beside the model")
        return
    size = file.stat().st_size
    if (location, size) not in report.parts:
        report.parts.append((location, size))
    if int(offset) + int(length) > size:
        report.refuse(f"{name} ends at byte {int(offset) + int(length)} of {location}, which has {size}")


def _port(kind: str, value: _Message) -> Port:
    """An input or output: its name, its type (of a tensor: dtype and shape)."""
    fields = dict(value)
    tensor = _first(fields.get(2), 1)
    if tensor is None:
        return Port(kind, _text(fields.get(1)), None, "no tensor")
    parts = dict(tensor)
    shape = parts.get(2)
    sizes = None if not isinstance(shape, _Message) else tuple(_size(size) for number, size in shape if number == 1)
    return Port(kind, _text(fields.get(1)), sizes, _DTYPES.get(parts.get(1, 0), _UNKNOWN)[0])


def _size(value: Any) -> int | str | None:
    """A number, the name of a size that varies, or None."""
    fields = dict(value) if isinstance(value, _Message) else {}
    return fields.get(1) if isinstance(fields.get(1), int) else _text(fields.get(2)) or None


def _first(message: Any, number: int) -> _Message | None:
    """The message in a field of a message, if there is one."""
    found = dict(message).get(number) if isinstance(message, _Message) else None
    return found if isinstance(found, _Message) else None


def _text(value: Any) -> str:
    return value.text() if isinstance(value, _Message) else ""
