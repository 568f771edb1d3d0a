"""``.keras`` files (structure, weights, optimizer state) and ``.weights.h5`` files, as Keras 3 reads and writes them.

A ``.keras`` file is a zip of ``config.json`` (the model as ``serialize_keras_object`` gives it), ``model.weights.h5``
and ``metadata.json``. Weights stand under the path of their object: ``layers/dense/vars/0``; so do the files that a layer
keeps beside them, such as a vocabulary: ``assets/layers/string_lookup/vocabulary.txt``.
"""

from __future__ import annotations

import io
import json
import os
import zipfile
import zlib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from ..core.naming import to_snake_case
from ..layers.base.layer import Layer
from ..optimizers import Optimizer
from ..serialization.objects import deserialize_keras_object, serialize_keras_object
from . import assets
from .atomic import atomic_write
from .hdf5 import find, open_file, read

_FORMAT = "3.15.1"  # the Keras whose layout this is
_LEGACY = (".h5", ".hdf5")  # whole models in the format of Keras 1 and 2
_FIXED_DATE = (1980, 1, 1, 0, 0, 0)  # of the zip members, so that equal models give equal bytes
_MAX_MEMBER = 1 << 40
_MAX_RATIO = 1000  # a member that unpacks to more than this many times its size is refused


# -- writing -------------------------------------------------------------------------------------------------------


def save_model(model: Any, filepath: str | os.PathLike[str], overwrite: bool = True, **kwargs: Any) -> None:
    """Save a built model to a ``.keras`` file. A failed save leaves an earlier file as it was."""
    path = Path(filepath)
    if path.suffix not in (".keras", *_LEGACY) or path.name.endswith(".weights.h5"):
        raise ValueError(f"the file name of a saved model must end in .keras (or .h5), got {str(path)!r}")
    _check_target(path, overwrite)
    if not model.built:
        raise ValueError(f"model {model.name!r} is not built: call it on data, or give its input shape, first")
    if path.suffix in _LEGACY:
        from . import legacy_h5

        legacy_h5.save_model(model, path)
        return
    config = json.dumps(serialize_keras_object(model)).encode()
    weights = _weights_bytes(model)
    files = list(assets.written(_walk(model)))
    date = datetime.now().strftime("%Y-%m-%d@%H:%M:%S")
    metadata = json.dumps({"keras_version": _FORMAT, "date_saved": date}).encode()
    with atomic_write(path) as stream, zipfile.ZipFile(stream, "w") as archive:
        for name, content in (
            ("metadata.json", metadata),
            ("config.json", config),
            ("model.weights.h5", weights),
            *files,
        ):
            archive.writestr(zipfile.ZipInfo(name, _FIXED_DATE), content)


def save_weights(model: Any, filepath: str | os.PathLike[str], overwrite: bool = True) -> None:
    """Save the weights of a built model to a ``.weights.h5`` file; to another ``.h5`` file in the layout of Keras 2."""
    path = Path(filepath)
    if path.suffix not in _LEGACY:
        raise ValueError(f"the file name of saved weights must end in .weights.h5, got {str(path)!r}")
    if not getattr(model, "built", True):
        raise ValueError(f"{model.name!r} has not yet been built, so it has no weights to save: call it on data first")
    _check_target(path, overwrite)
    if not path.name.endswith(".weights.h5"):
        from . import legacy_h5

        if not model.built:
            raise ValueError(
                f"model {model.name!r} has no weights yet: build it, or call it on data, before saving them"
            )
        legacy_h5.save_weights(model, path)
        return
    content = _weights_bytes(model)
    with atomic_write(path) as stream:
        stream.write(content)


def _check_target(path: Path, overwrite: bool) -> None:
    if path.exists() and not overwrite:
        raise FileExistsError(f"{path} exists; pass overwrite=True to replace it")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"cannot save to {path}: there is no folder {path.parent}")


def _weights_bytes(model: Any) -> bytes:
    import h5py

    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        for path, obj in _walk(model):
            store: dict[str, Any] = {}
            obj.save_own_variables(store)
            group = file.create_group(f"{path}/vars" if path else "vars")
            group.attrs["name"] = obj.name
            for key, value in store.items():
                group.create_dataset(key, data=value)
    return buffer.getvalue()


def _walk(model: Any) -> Iterator[tuple[str, Any]]:
    """(path, object) of everything with a state: model, layers and optimizer, each at the first path it has."""
    seen: set[int] = set()

    def visit(obj: Any, path: str, inner: bool) -> Iterator[tuple[str, Any]]:
        # An optimizer inside another one has a step count and a rate, also where no variable is left for it.
        if id(obj) in seen or (isinstance(obj, Optimizer) and not obj.built and not inner):
            return
        seen.add(id(obj))
        yield path, obj
        for name, child in _children(obj):
            yield from visit_any(child, f"{path}/{name}" if path else name, isinstance(obj, Optimizer))

    def visit_any(child: Any, path: str, inner: bool) -> Iterator[tuple[str, Any]]:
        if isinstance(child, (Layer, Optimizer)):
            yield from visit(child, path, inner)
        elif isinstance(child, (list, tuple, dict)):
            used: dict[str, int] = {}
            for member in child.values() if isinstance(child, dict) else child:
                if isinstance(member, (Layer, Optimizer)):
                    kind = to_snake_case(type(member).__name__)
                elif isinstance(member, (list, tuple, dict)):
                    kind = "container"
                else:
                    continue
                count = used.get(kind, 0)
                used[kind] = count + 1
                yield from visit_any(member, f"{path}/{kind}_{count}" if count else f"{path}/{kind}", inner)

    return visit(model, "", False)


def _children(obj: Any) -> list[tuple[str, Any]]:
    """Attributes that may hold layers, in the order in which Keras walks them."""
    from ..models import Model, Sequential

    if isinstance(obj, Optimizer):
        return list(obj.inner_optimizers.items())
    names = [n for n in vars(obj) if n not in _internal_names()]
    if isinstance(obj, Model):
        names += ["layers", "optimizer"]
    # Alphabetical, private ones last; the layers of a Sequential before everything else.
    names.sort(key=lambda n: (not (n == "layers" and isinstance(obj, Sequential)), n.startswith("_"), n))
    found = [(n, obj._layers if n == "layers" and isinstance(obj, Sequential) else getattr(obj, n)) for n in names]
    return [(n, child) for n, child in found if isinstance(child, (Layer, Optimizer, list, tuple, dict))]


def _internal_names() -> frozenset[str]:
    global _internal
    if _internal is None:
        from ..models import Sequential

        _internal = frozenset(vars(Sequential(name="names")))
    return _internal


_internal: frozenset[str] | None = None


# -- reading -------------------------------------------------------------------------------------------------------


def load_model(
    filepath: str | os.PathLike[str],
    custom_objects: dict[str, Any] | None = None,
    compile: bool = True,
    safe_mode: bool = True,
) -> Any:
    """The model in a ``.keras`` file, with its weights and, if it was compiled, its optimizer state.

    custom_objects: your own classes and functions by name. Nothing in the file is run, whatever ``safe_mode`` says.
    """
    path = Path(filepath)
    if path.suffix in _LEGACY:
        from . import legacy_h5

        return legacy_h5.load_model(path, custom_objects, compile)
    archive = _open(path)
    with archive:
        model = model_of_config(_member(archive, "config.json", path), f"{path}: config.json", custom_objects, compile)
        assets.read(archive, _walk(model), lambda name: _member(archive, name, path))
        _load_bytes(model, _member(archive, "model.weights.h5", path), path, skip_mismatch=False)
    return model


def load_weights(model: Any, filepath: str | os.PathLike[str], skip_mismatch: bool = False, **kwargs: Any) -> None:
    """Set the weights of a built model from a ``.weights.h5`` or ``.keras`` file.

    skip_mismatch: leave layers whose weights do not fit as they are. Otherwise nothing is changed when anything does
    not fit.
    """
    path = Path(filepath)
    if path.suffix == ".keras":
        with _open(path) as archive:
            content = _member(archive, "model.weights.h5", path)
    elif path.suffix in _LEGACY and not path.name.endswith(".weights.h5"):
        from . import legacy_h5

        legacy_h5.load_weights_file(model, path)
        return
    elif path.name.endswith(".weights.h5"):
        if not path.is_file():
            raise FileNotFoundError(f"there is no file {path}")
        content = path.read_bytes()
    else:
        raise ValueError(f"expected a file ending in .weights.h5 or .keras, got {str(path)!r}")
    _load_bytes(model, content, path, skip_mismatch)


def model_from_json(json_string: str, custom_objects: dict[str, Any] | None = None) -> Any:
    """The model that ``Model.to_json`` described, with fresh weights."""
    return model_of_config(json_string, "the JSON", custom_objects)


def model_of_config(
    text: Any, where: str, custom_objects: dict[str, Any] | None, compile: bool = True, change: Any = None
) -> Any:
    """The model that JSON text describes.

    where: the name of the text in messages. change: a function that brings an old config into the present form.
    """
    from ..models import Model

    try:
        config = json.loads(text)
        if not isinstance(config, dict) or "class_name" not in config:
            raise ValueError(f"{where} describes no model")
        if not compile:
            config.pop("compile_config", None)
        model = deserialize_keras_object(config if change is None else change(config), custom_objects)
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"{where} is damaged ({error})") from None
    except RecursionError:
        raise ValueError(f"{where} is nested too deeply") from None
    except (KeyError, IndexError, AttributeError) as error:  # what is missing, or is not what it should be
        raise ValueError(f"{where} does not describe a model ({type(error).__name__}: {error})") from error
    if not isinstance(model, Model):
        raise ValueError(f"{where} describes a {type(model).__name__}, not a model")
    return model


def _open(path: Path) -> zipfile.ZipFile:
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    if path.suffix != ".keras":
        raise ValueError(f"expected a file ending in .keras, got {str(path)!r}")
    try:
        return zipfile.ZipFile(path)
    except (zipfile.BadZipFile, ValueError) as error:
        raise ValueError(f"{path} is not a .keras file, or it is damaged ({error})") from None


def _member(archive: zipfile.ZipFile, name: str, path: Path) -> bytes:
    try:
        info = archive.getinfo(name)
    except KeyError:
        raise ValueError(f"{path} is not a .keras file: it holds no {name}") from None
    if info.file_size > _MAX_MEMBER or info.file_size > _MAX_RATIO * max(info.compress_size, 1):
        raise ValueError(f"{path}: {name} claims to unpack to {info.file_size} bytes, which is refused")
    try:
        return archive.read(info)
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError) as error:
        raise ValueError(f"{path}: {name} is damaged ({error})") from None
    except (NotImplementedError, RuntimeError) as error:  # another compression, or encrypted
        raise ValueError(f"{path}: {name} cannot be read ({error}): its members must be stored or deflated") from None


def _load_bytes(model: Any, content: bytes, path: Path, skip_mismatch: bool) -> None:
    with open_file(io.BytesIO(content), path) as file:
        loaded = [(where, obj, _read_group(file, f"{where}/vars".lstrip("/"), path)) for where, obj in _walk(model)]
    problems = {where: text for where, obj, store in loaded if (text := _misfit(obj, store))}
    if problems and not skip_mismatch:
        told = "; ".join(problems.values())
        raise ValueError(f"{path} does not fit this model, nothing was loaded: {told}")
    for where, obj, store in loaded:
        if where not in problems and store is not None:
            obj.load_own_variables(store)


def _read_group(file: Any, where: str, path: Path) -> dict[str, Any] | None:
    """The arrays of one object, or None when the file has no group for it."""
    group = find(file, where, path)
    return None if group is None else {key: read(group, key, path) for key in group}


def _misfit(obj: Any, store: dict[str, Any] | None) -> str | None:
    """Why the stored arrays do not fit an object, or None when they do."""
    expected: dict[str, Any] = {}
    obj.save_own_variables(expected)
    kind = type(obj).__name__
    if store is None:
        return f"{kind} {obj.name!r} is not in the file" if expected and not isinstance(obj, Optimizer) else None
    if set(store) != set(expected):
        built = "" if getattr(obj, "built", True) else " (it is not built yet: call the model on data first)"
        return f"{kind} {obj.name!r} has {len(expected)} arrays, the file has {len(store)}{built}"
    for key, value in expected.items():
        if value.shape != store[key].shape:
            return f"{kind} {obj.name!r}: array {key} has shape {value.shape}, the file has {store[key].shape}"
    return None
