"""Models that leave Python: ``model.export(path)`` writes one as a file that other programs run.

``trace`` runs the forward pass and lists its ops, for any size of the batch; one module or folder for each format writes the list down.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable
from typing import Any

from .errors import ExportError

__all__ = ["ExportError", "export_model"]


def _write_onnx(model: Any, path: str, **options: Any) -> None:
    from .onnx.writer import write_onnx

    write_onnx(model, path, **options)


def _write_numpy(model: Any, path: str, **options: Any) -> None:
    from .numpy.export import write_numpy

    write_numpy(model, path, **options)


FORMATS: dict[str, tuple[str, Callable[..., None]]] = {
    "onnx": (".onnx", _write_onnx),
    "numpy": (".py", _write_numpy),
}  # name: (suffix, writer)


def _write_folder(model: Any, folder: str, opset_version: int | None = None, **options: Any) -> list[str]:
    """Write a file in every format to a folder; if a format refuses the model, none. Returns their paths."""
    name = re.sub(r"\W", "_", model.name)
    name = name if name.isidentifier() else f"model_{name}"
    parent = os.path.dirname(os.path.abspath(folder))
    with tempfile.TemporaryDirectory(prefix=".export.", dir=parent) as temporary:
        for format, (suffix, write) in FORMATS.items():
            own = {} if opset_version is None or format != "onnx" else {"opset_version": opset_version}
            write(model, os.path.join(temporary, name + suffix), **options, **own)
        os.makedirs(folder, exist_ok=True)
        written = sorted(os.listdir(temporary), key=lambda file: file.endswith(".py"))  # a program after its weights
        for file in written:
            os.replace(os.path.join(temporary, file), os.path.join(folder, file))
    suffixes = tuple(suffix for suffix, _ in FORMATS.values())
    return [os.path.join(folder, file) for file in written if file.endswith(suffixes)]


# What Keras writes besides, and what there is instead.
_ELSEWHERE = {
    "tf_saved_model": "a SavedModel is a program of TensorFlow",
    "openvino": 'OpenVINO reads ONNX: use format="onnx"',
    "litert": "LiteRT is a format of TensorFlow",
    "torch": 'a program of PyTorch: save a ".keras" file, which Keras on PyTorch opens',
}


def export_model(
    model: Any,
    filepath: str | os.PathLike[str],
    format: str | None = None,
    verbose: bool | None = None,
    input_signature: Any = None,
    **options: Any,
) -> None:
    """Write the forward pass of a model, as it predicts, to a file for other programs. A failed export leaves an earlier file as it was.

    Args:
        filepath: the file to write, or a folder (a name without a suffix) for a file in every format, named after the model.
        format: "onnx", or "numpy" for a Python program (``.py``) that needs NumPy alone; by default what the suffix of ``filepath``
            says.
        verbose: whether to print where the file is. None: yes.
        input_signature: the shape and dtype of each input, in the structure of the inputs (symbolic tensors, or ``InputSpec``s);
            needed for a subclassed model that was not called yet. Sizes of None stay open.
        options: of the format; for "onnx" ``opset_version``.

    Raises:
        ExportError: the format cannot say what the model computes; the message names the op and the layer.
        ValueError: an unknown format, or a model whose inputs are not known.
    """
    path = os.fspath(filepath)
    if format is None and (os.path.isdir(path) or path.endswith(("/", os.sep)) or not os.path.splitext(path)[1]):
        files = _write_folder(model, path, input_signature=input_signature, **options)
        if verbose is None or verbose:
            print(f"Saved artifacts at {', '.join(map(repr, files))}.")
        return
    known = ", ".join(f'"{name}" ({suffix})' for name, (suffix, _) in FORMATS.items())
    if format is None:
        matching = [name for name, (suffix, _) in FORMATS.items() if path.lower().endswith(suffix)]
        if not matching:
            raise ValueError(
                f"export: the name {path!r} does not say the format: end it in one of the suffixes of {known}, or pass format="
            )
        format = matching[0]
    if format not in FORMATS:
        reason = f" ({_ELSEWHERE[format]})" if format in _ELSEWHERE else ""
        raise ValueError(f"export: the format {format!r} is not written here{reason}; there is {known}")
    FORMATS[format][1](model, path, input_signature=input_signature, **options)
    if verbose is None or verbose:
        print(f"The model {model.name!r} is exported to {path}")
