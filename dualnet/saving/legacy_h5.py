"""Whole models in one HDF5 file (``.h5``), the format of Keras 1 and 2, which Keras 3 still reads and writes.

The attribute ``model_config`` holds the structure as JSON; the weights are in one group per layer, named after the layer. Weights
are matched by position, as in Keras: names in old files end in ``:0`` or contain scopes that no longer exist.
"""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Callable
from itertools import count, takewhile
from pathlib import Path
from typing import Any, NamedTuple

from ..core.warning import warn
from ..layers.base.layer import Layer
from ..layers.core.dense import InputLayer
from ..optimizers.stored_state import restore
from ..serialization.configurable import builtin_class
from ..serialization.objects import compile_or_warn, custom_object_scope, warn_uncompiled
from .atomic import atomic_write
from .hdf5 import existing_file, get_node, loses_fractions, open_file, read_array, read_attribute
from .limits import parse_json
from .model_config import KERAS_VERSION, StoredConfig, model_from_config
from .object_state import trained_at_first
from .upgrade import upgraded, version_of, weights, with_modules

_LONG_NAMES = {
    "bce": "binary_crossentropy",
    "kld": "kl_divergence",
    "mae": "mean_absolute_error",
    "mape": "mean_absolute_percentage_error",
    "mse": "mean_squared_error",
    "msle": "mean_squared_logarithmic_error",
}
_COMPILE_ARGUMENTS = ("optimizer_config", "loss", "loss_weights", "metrics", "weighted_metrics")


class _Stored(NamedTuple):
    """What a file has of one layer: its name, the names of its weights, and their arrays."""

    name: str
    weight_names: list[str]
    arrays: list[Any]


# -- writing -------------------------------------------------------------------------------------------------------


def save_model(model: Any, path: Path, config: dict[str, Any], include_optimizer: bool = True) -> None:
    """Save a built model, with the state of its optimizer unless that is to be left out. config: of the model, as checked."""
    _check_state(model)

    def write(file: Any) -> None:
        file.attrs["keras_version"] = KERAS_VERSION
        file.attrs["backend"] = "dualnet"
        file.attrs["model_config"] = json.dumps(_structure(config))
        if "compile_config" in config:
            compile_config = dict(config["compile_config"])
            optimizer = compile_config.pop("optimizer")
            compile_config["optimizer_config"] = _structure(optimizer)
            compile_config["loss"] = _long_names(compile_config.get("loss"))
            file.attrs["training_config"] = json.dumps(compile_config)
        _write_layers(file.create_group("model_weights"), model)
        if include_optimizer and model.optimizer is not None and model.optimizer.built:
            prefix = model.optimizer.name
            variables = [(f"{prefix}/{v.path.removeprefix(f'{prefix}/')}", v) for v in model.optimizer.variables]
            _write_arrays(file.create_group("optimizer_weights"), variables)

    _write_file(path, write)


def _long_names(loss: Any) -> Any:
    """Losses by their long names: in such a file Keras finds no others."""
    if isinstance(loss, list):
        return [_long_names(entry) for entry in loss]
    if isinstance(loss, dict) and "class_name" not in loss:
        return {key: _long_names(entry) for key, entry in loss.items()}
    return _LONG_NAMES.get(loss.lower(), loss) if isinstance(loss, str) else loss


def _structure(config: dict[str, Any]) -> dict[str, Any]:
    """What of the config of a model or an optimizer is in a file. What Keras does not write says where a class of the user is."""
    own = ("module", "registered_name", "build_config") if config["registered_name"] is not None else ()
    return {key: config[key] for key in ("class_name", "config", *own) if key in config}


def _check_state(model: Any) -> None:
    """Refuse layers of the user that keep more than weights: such a file has only these."""
    for layer in model._flatten_layers():
        cls, builtin = type(layer), builtin_class(type(layer))
        for method in ("save_assets", "save_own_variables"):
            own = getattr(cls, method, None)
            if own is not None and own is not getattr(builtin, method, None):
                raise ValueError(
                    f"an .h5 file cannot hold what {cls.__name__} {layer.name!r} stores in its {method}: save to a .keras file"
                )


def save_weights(model: Any, path: Path) -> None:
    """Save the weights of a built model in the layout of Keras 2."""
    _write_file(path, lambda file: _write_layers(file, model))


def _write_file(path: Path, write: Callable[[Any], None]) -> None:
    import h5py

    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        write(file)
    with atomic_write(path) as stream:
        stream.write(buffer.getvalue())


def _write_layers(group: Any, model: Any) -> None:
    layers = [layer for layer in model.layers if not (isinstance(layer, InputLayer) and not layer.weights)]
    name, uses = Counter(layer.name for layer in layers).most_common(1)[0] if layers else ("", 0)
    if uses > 1:
        raise ValueError(
            f"an .h5 file has one place for each name, and {uses} layers are called {name!r}: give them different names, "
            "or save to .keras or .weights.h5"
        )
    group.attrs["backend"] = "dualnet"
    group.attrs["keras_version"] = KERAS_VERSION
    _write_names(group, "layer_names", [layer.name for layer in layers])
    for layer in layers:
        _write_arrays(group.create_group(layer.name), [(v.path, v) for v in _ordered_weights(layer)])
    _write_arrays(group.create_group("top_level_model_weights"), [(v.path, v) for v in model._own_variables()])


def _ordered_weights(layer: Layer) -> list[Any]:
    """The trainable weights, of the layer and of all layers inside it; then the others. What is frozen is not trainable."""
    trainable = {id(v) for v in layer.trainable_weights}
    return sorted(layer.weights, key=lambda v: id(v) not in trainable)


def _write_arrays(group: Any, named: list[tuple[str, Any]]) -> None:
    uses: Counter[str] = Counter()
    names = []
    for name, _ in named:  # they are read by position: equal names only need to be kept apart
        names.append(f"{name}_{uses[name]}" if uses[name] else name)
        uses[name] += 1
    _write_names(group, "weight_names", names)
    for name, (_, variable) in zip(names, named):
        array = variable.numpy()
        # Keras cannot read bfloat16 from such a file; float32 has all its values.
        group.create_dataset(name, data=array.astype("float32") if array.dtype.name == "bfloat16" else array)


def _write_names(group: Any, key: str, names: list[str]) -> None:
    """A list of strings as an attribute; split over several, as HDF5 limits an attribute to 64 kB."""
    encoded = [name.encode() for name in names]
    step = max(1, 60_000 // (max(map(len, encoded), default=0) + 16))
    if len(encoded) <= step:
        group.attrs[key] = encoded
        return
    for i, start in enumerate(range(0, len(encoded), step)):
        group.attrs[f"{key}{i}"] = encoded[start : start + step]


# -- reading -------------------------------------------------------------------------------------------------------


def load_model(path: Path, custom_objects: dict[str, Any] | None, compile: bool) -> Any:
    """The model in an ``.h5`` file of Keras 1, 2 or 3. Nothing in the file is run."""
    with open_file(existing_file(path), path) as file:
        text = read_attribute(file, "model_config", path)
        if text is None:
            raise ValueError(f"{path} holds weights only: make the model, then model.load_weights({str(path)!r})")
        version = version_of(_attribute(file, "keras_version", path))
        model = model_from_config(text, f"{path}: model_config", custom_objects, version=version)
        _read_layers(model, file, path, from_file=True)
        if compile and (stored := read_attribute(file, "training_config", path)) is not None:
            training = _json(stored, path, "training_config")
            _compile(model, training, custom_objects, version)
            group = get_node(file, "optimizer_weights", path)
            if group is not None and model.built and model.optimizer is not None:
                _load_optimizer(model, group, path)
    return model


def load_weights(model: Any, path: Path, skip_mismatch: bool = False, by_name: bool = False) -> None:
    """Set the weights of a built model from an ``.h5`` file with a model or only weights in it: all of them or none.

    skip_mismatch: leave layers as they are that have other weights in the file. by_name: match layers by name, not by position.
    """
    with open_file(existing_file(path), path) as file:
        _read_layers(model, file, path, skip_mismatch, by_name)


CONFIG = StoredConfig(assets=False, written=_structure)


def _json(text: Any, path: Path, key: str) -> Any:
    try:
        return parse_json(text.decode() if isinstance(text, bytes) else text, f"{path}: {key}")
    except json.JSONDecodeError as error:
        raise ValueError(f"{path}: {key} is damaged ({error})") from None


def _read_layers(
    model: Any, file: Any, path: Path, skip_mismatch: bool = False, by_name: bool = False, from_file: bool = False
) -> None:
    """Set the weights layer by layer, in the order of ``layer_names`` or by name; all of them or none.

    from_file: the model was made from the config in the file, so that its layers have the names in it.
    """
    group = get_node(file, "model_weights", path)
    group = file if group is None else group  # a file of weights only
    nodes = [(name, _layer_group(group, name, path)) for name in _names(group, "layer_names", path)]
    stored = [_Stored(name, _names(node, "weight_names", path), _arrays(node, path)) for name, node in nodes]
    stored = [entry for entry in stored if entry.arrays]
    layers = [layer for layer in model.layers if layer.weights]
    names, own_names = [entry.name for entry in stored], [layer.name for layer in layers]
    has_names = from_file and bool(names) and sorted(names) == sorted(own_names) and len(set(names)) == len(names)
    parts = _match_names(stored, layers, path) if by_name or has_names else _match_positions(stored, layers, path)
    version, backend = (
        _attribute(group, key, path) or _attribute(file, key, path) for key in ("keras_version", "backend")
    )
    if backend is None and version_of(version) != 3 and any(weights.has_kernels(layer) for _, layer in parts):
        warn(
            f"{path} does not say which backend trained it, and its convolutions are read as those of TensorFlow; Theano turned "
            "kernels around. If it was trained with Theano, say so in the file and load it again: "
            f'with h5py.File({str(path)!r}, "r+") as f: f.attrs["backend"] = "theano"'
        )
    matches = []
    for entry, layer in parts:
        variables = _weights_in_file(layer, entry)
        arrays = weights.converted(layer, variables, entry.arrays, version_of(version), backend)
        matches.append((f"layer {entry.name!r}", arrays, variables))
    top = get_node(group, "top_level_model_weights", path)
    own = [] if top is None else _arrays(top, path)
    if own or (top is not None and not by_name):
        matches.append(("the model itself", own, model._own_variables()))
    mismatches = {title: text for title, arrays, variables in matches if (text := _mismatch(title, arrays, variables))}
    if mismatches and not skip_mismatch:
        raise ValueError(f"{path} does not fit this model, nothing was loaded: {'; '.join(mismatches.values())}")
    if mismatches:
        warn(f"{path}: left as they are: {'; '.join(mismatches.values())}")
    for title, arrays, variables in matches:
        for variable, array in zip(variables, arrays) if title not in mismatches else ():
            variable.assign(array)


def _weights_in_file(layer: Layer, entry: _Stored) -> list[Any]:
    """The weights of a layer in the order of the file, where what was frozen when it was saved comes last.

    It is the order of the model as it is, unless the names of the weights say that everything was trainable.
    """
    ordered = _ordered_weights(layer)
    created_trainable = {id(v) for part in layer._flatten_layers() for v in part._trainable_variables}
    unfrozen = sorted(layer.weights, key=lambda v: id(v) not in created_trainable)
    kinds = [name.rpartition("/")[2].partition(":")[0] for name in entry.weight_names]
    matches = [[v.name for v in order] == kinds for order in (ordered, unfrozen)]
    return unfrozen if matches == [False, True] else ordered


def _match_positions(stored: list[_Stored], layers: list[Layer], path: Path) -> list[tuple[_Stored, Layer]]:
    if len(stored) != len(layers):
        raise ValueError(
            f"{path} has weights for {len(stored)} layers, the model has {len(layers)} layers with weights. Layers are "
            "matched in their order; load_weights(..., by_name=True) matches those of one name"
        )
    return list(zip(stored, layers))


def _match_names(stored: list[_Stored], layers: list[Layer], path: Path) -> list[tuple[_Stored, Layer]]:
    matches = [(entry, layer) for entry in stored for layer in layers if layer.name == entry.name]
    if not matches:
        raise ValueError(
            f"by_name=True: no layer of the model has the name of one in {path}. The file has {[entry.name for entry in stored]}, "
            f"the model {[layer.name for layer in layers]}"
        )
    return matches


def _mismatch(title: str, arrays: list[Any], variables: list[Any]) -> str | None:
    """Why the arrays of the file do not fit, or None when they do."""
    if len(arrays) != len(variables):
        return f"{title} has {len(arrays)} weights in the file, the model expects {len(variables)}"
    for array, variable in zip(arrays, variables):
        if array.shape != variable.shape:
            return f"{title}: {variable.name} has shape {array.shape} in the file, the model expects {variable.shape}"
        if loses_fractions(array, variable):
            return f"{title}: {variable.name} has dtype {array.dtype} in the file, the model expects {variable.dtype}"
    return None


def _attribute(group: Any, key: str, path: Path) -> str | None:
    value = read_attribute(group, key, path)
    return value.decode(errors="replace") if isinstance(value, bytes) else value


def _names(group: Any, key: str, path: Path) -> list[str]:
    """A list of strings that may be split over several attributes (``layer_names0``, ``layer_names1`` ...)."""
    numbered = takewhile(lambda name: name in group.attrs, (f"{key}{i}" for i in count()))
    names = [name for k in (key, *numbered) for name in _listed(read_attribute(group, k, path))]
    return [name.decode() if isinstance(name, bytes) else str(name) for name in names]


def _listed(value: Any) -> list[Any]:
    return [] if value is None else list(value)


def _layer_group(group: Any, name: str, path: Path) -> Any:
    node = get_node(group, name, path)
    if node is None:
        raise ValueError(f"{path} names the layer {name!r}, but has nothing for it")
    return node


def _arrays(group: Any, path: Path) -> list[Any]:
    return [read_array(group, name, path) for name in _names(group, "weight_names", path)]


def _compile(model: Any, training: Any, custom_objects: dict[str, Any] | None, version: int | None) -> None:
    """Compile as the file says, as far as it can be read."""
    config = with_modules({key: value for key, value in training.items() if key in _COMPILE_ARGUMENTS})
    config = upgraded(config, version, custom_objects)
    optimizer = config.pop("optimizer_config", None)
    if isinstance(config.get("metrics"), list):  # Keras 2 writes one list per output, also for one
        config["metrics"] = [m[0] if isinstance(m, list) and len(m) == 1 else m for m in config["metrics"]]
    if optimizer is None:
        warn_uncompiled(model, "it names no optimizer")
        return
    with custom_object_scope(custom_objects):
        compile_or_warn(model, {**config, "optimizer": optimizer})


def _load_optimizer(model: Any, group: Any, path: Path) -> None:
    """Set the state of the optimizer as far as the file has it; the rest starts afresh, with a warning."""
    try:
        names = _names(group, "weight_names", path)
        lost = restore(model.optimizer, _arrays(group, path), names, trained_at_first(model))
    except (ValueError, KeyError, TypeError) as error:
        lost = str(error)
    if lost:
        warn(f"{path}: the optimizer state in the file is not loaded as a whole: {lost}")
