"""Event files for TensorBoard, written with tensorboardX."""

from __future__ import annotations

import itertools
import os
import struct
import time
import zlib
from typing import Any

_file_numbers = itertools.count()  # within this process


def require_tensorboardx() -> None:
    """Raise an ``ImportError`` that says what to do when tensorboardX is not installed."""
    try:
        import tensorboardX  # noqa: F401
    except ImportError as error:
        raise ImportError(
            "the TensorBoard callback writes its files with tensorboardX, which is not installed: "
            "pip install 'dualnet[tensorboard]'"
        ) from error


class EventFile:
    """A new event file in a folder, which is created if missing. Entries are on the disk after ``flush``."""

    _writer: Any = None

    def __init__(self, folder: str) -> None:
        require_tensorboardx()
        from tensorboardX.event_file_writer import EventsWriter

        os.makedirs(folder, exist_ok=True)
        # Its own name has only seconds in it: a second file in the same second would overwrite the first.
        suffix = f".{os.getpid()}.{next(_file_numbers)}"
        self._writer = EventsWriter(os.path.join(folder, "events"), suffix)

    def scalar(self, tag: str, value: float, step: int) -> None:
        """One number."""
        self._add(step, tag=tag, simple_value=float(value))

    def histogram(self, tag: str, values: Any, step: int) -> None:
        """The distribution of the finite values of an array."""
        import numpy as np
        from tensorboardX.summary import make_histogram

        values = np.asarray(values, dtype="float64").reshape(-1)
        values = values[np.isfinite(values)]
        if values.size:
            self._add(step, tag=tag, histo=make_histogram(values, bins=30))

    def images(self, tag: str, images: Any, step: int) -> None:
        """images: (n, height, width, channels), from 0 to 1; 1, 3 or 4 channels. TensorBoard shows the first three."""
        _, height, width, _ = images.shape
        pngs = [_png(image) for image in images[:3]]
        parts = [str(width).encode(), str(height).encode(), *pngs]
        self._strings(tag, parts, step, "images", b"")

    def keras_model(self, tag: str, json: str) -> None:
        """The structure of a model, for the graph page."""
        self._strings(tag, [json.encode()], 0, "graph_keras_model", b"1", scalar=True)

    def flush(self) -> None:
        """Write all entries to the disk."""
        self._writer.flush()

    def close(self) -> None:
        """Write all entries to the disk and close the file."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def __del__(self) -> None:
        self.close()

    def _strings(
        self, tag: str, parts: list[bytes], step: int, plugin: str, content: bytes, scalar: bool = False
    ) -> None:
        from tensorboardX.proto.summary_pb2 import SummaryMetadata
        from tensorboardX.proto.tensor_pb2 import TensorProto
        from tensorboardX.proto.tensor_shape_pb2 import TensorShapeProto

        shape = TensorShapeProto(dim=[] if scalar else [TensorShapeProto.Dim(size=len(parts))])
        tensor = TensorProto(dtype="DT_STRING", string_val=parts, tensor_shape=shape)
        data = SummaryMetadata.PluginData(plugin_name=plugin, content=content)
        self._add(step, tag=tag, tensor=tensor, metadata=SummaryMetadata(plugin_data=data))

    def _add(self, step: int, **value: Any) -> None:
        from tensorboardX.proto.event_pb2 import Event
        from tensorboardX.proto.summary_pb2 import Summary

        summary = Summary(value=[Summary.Value(**value)])
        self._writer.write_event(Event(wall_time=time.time(), step=step, summary=summary))


def _png(image: Any) -> bytes:
    """image: (height, width, channels), from 0 to 1 -> a PNG file of 8 bits"""
    import numpy as np

    height, width, channels = image.shape
    pixels = (np.clip(np.nan_to_num(image), 0, 1) * 255).round().astype("uint8")
    color_type = {1: 0, 3: 2, 4: 6}[channels]
    # Each row begins with its filter type; 0 is none.
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)

    def chunk(name: bytes, content: bytes) -> bytes:
        checksum = zlib.crc32(name + content)
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", checksum)

    header = struct.pack(">IIBBBBB", width, height, 8, color_type, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
