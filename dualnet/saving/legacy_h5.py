"""Whole models in one HDF5 file (``.h5``), the format of Keras 1 and 2, which Keras 3 still reads and writes.

The attribute ``model_config`` holds the structure as JSON; the weights are in one group per layer, named after the layer. Weights
are matched by position, as in Keras: names in old files end in ``:0`` or contain scopes that no longer exist.
"""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .. import optimizers
from ..core.warning import warn
from ..layers.base.layer import Layer
from ..layers.core.dense import InputLayer
from ..serialization.configurable import builtin_class
from ..serialization.objects import deserialize_keras_object
from .atomic import atomic_write
from .hdf5 import existing_file, get_node, open_file, read_array
from .model_config import KERAS_VERSION, StoredConfig, model_from_config

_Stored = tuple[str, list[Any]]  # the name of a layer in the file, and its arrays

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
            file.attrs["training_config"] = json.dumps(compile_config)
        _write_layers(file.create_group("model_weights"), model)
        if include_optimizer and model.optimizer is not None and model.optimizer.built:
            prefix = model.optimizer.name
            variables = [(f"{prefix}/{v.path.removeprefix(f'{prefix}/')}", v) for v in model.optimizer.variables]
            _write_arrays(file.create_group("optimizer_weights"), variables)

    _write_file(path, write)


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
    """The weights created as trainable, of the layer and of all layers inside it; then the others."""
    created_trainable = {id(v) for part in layer._flatten_layers() for v in part._trainable_variables}
    return sorted(layer.weights, key=lambda v: id(v) not in created_trainable)


def _write_arrays(group: Any, named: list[tuple[str, Any]]) -> None:
    uses: Counter[str] = Counter()
    names = []
    for name, _ in named:  # they are read by position: equal names only need to be kept apart
        names.append(f"{name}_{uses[name]}" if uses[name] else name)
        uses[name] += 1
    _write_names(group, "weight_names", names)
    for name, (_, variable) in zip(names, named):
        group.create_dataset(name, data=variable.numpy())


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
        if "model_config" not in file.attrs:
            raise ValueError(f"{path} holds weights only: make the model, then model.load_weights({str(path)!r})")
        text = file.attrs["model_config"]
        model = model_from_config(text, f"{path}: model_config", custom_objects, upgrade=_upgrade_config)
        _read_layers(model, file, path)
        if compile and "training_config" in file.attrs:
            _compile(model, _json(file.attrs["training_config"], path, "training_config"), custom_objects)
            group = get_node(file, "optimizer_weights", path)
            if group is not None and model.built:
                _load_optimizer(model, group, path)
    return model


def load_weights(model: Any, path: Path, skip_mismatch: bool = False, by_name: bool = False) -> None:
    """Set the weights of a built model from an ``.h5`` file with a model or only weights in it: all of them or none.

    skip_mismatch: leave layers as they are that have other weights in the file. by_name: match layers by name, not by position.
    """
    with open_file(existing_file(path), path) as file:
        _read_layers(model, file, path, skip_mismatch, by_name)


def _upgrade_config(config: dict[str, Any]) -> dict[str, Any]:
    """A config of Keras 1 or 2 as Keras 3 would write it."""
    if isinstance(config.get("config"), list):  # a Sequential of Keras 1 is just its layers
        config = {**config, "config": {"layers": config["config"]}}
    return {"registered_name": None, **config}


CONFIG = StoredConfig(assets=False, written=_structure, upgrade=_upgrade_config)


def _json(text: Any, path: Path, key: str) -> Any:
    try:
        return json.loads(text.decode() if isinstance(text, bytes) else text)
    except json.JSONDecodeError as error:
        raise ValueError(f"{path}: {key} is damaged ({error})") from None


def _read_layers(model: Any, file: Any, path: Path, skip_mismatch: bool = False, by_name: bool = False) -> None:
    """Set the weights layer by layer, in the order of ``layer_names`` or by name; all of them or none."""
    group = get_node(file, "model_weights", path)
    group = file if group is None else group  # a file of weights only
    stored = [(name, _arrays(_layer_group(group, name, path), path)) for name in _names(group, "layer_names")]
    stored = [(name, arrays) for name, arrays in stored if arrays]
    layers = [layer for layer in model.layers if layer.weights]
    parts = _match_names(stored, layers, path) if by_name else _match_positions(stored, layers, path)
    matches = [(f"layer {name!r}", arrays, _ordered_weights(layer)) for (name, arrays), layer in parts]
    top = get_node(group, "top_level_model_weights", path)
    own = [] if top is None else _arrays(top, path)
    if own or (top is not None and not by_name):
        matches.append(("the model itself", own, model._own_variables()))
    mismatches = {title: text for title, arrays, weights in matches if (text := _mismatch(title, arrays, weights))}
    if mismatches and not skip_mismatch:
        raise ValueError(f"{path} does not fit this model, nothing was loaded: {'; '.join(mismatches.values())}")
    if mismatches:
        warn(f"{path}: left as they are: {'; '.join(mismatches.values())}")
    for title, arrays, weights in matches:
        for weight, array in zip(weights, arrays) if title not in mismatches else ():
            weight.assign(array)


def _match_positions(stored: list[_Stored], layers: list[Layer], path: Path) -> list[tuple[_Stored, Layer]]:
    if len(stored) != len(layers):
        raise ValueError(
            f"{path} has weights for {len(stored)} layers, the model has {len(layers)} layers with weights. Layers are "
            "matched in their order; load_weights(..., by_name=True) matches those of one name"
        )
    return list(zip(stored, layers))


def _match_names(stored: list[_Stored], layers: list[Layer], path: Path) -> list[tuple[_Stored, Layer]]:
    matches = [(entry, layer) for entry in stored for layer in layers if layer.name == entry[0]]
    if not matches:
        raise ValueError(
            f"by_name=True: no layer of the model has the name of one in {path}. The file has {[name for name, _ in stored]}, "
            f"the model {[layer.name for layer in layers]}"
        )
    return matches


def _mismatch(title: str, arrays: list[Any], weights: list[Any]) -> str | None:
    """Why the arrays of the file do not fit, or None when they do."""
    if len(arrays) != len(weights):
        return f"{title} has {len(arrays)} weights in the file, the model expects {len(weights)}"
    for array, weight in zip(arrays, weights):
        if array.shape != weight.shape:
            return f"{title}: {weight.name} has shape {array.shape} in the file, the model expects {weight.shape}"
    return None


def _names(group: Any, key: str) -> list[str]:
    """A list of strings that may be split over several attributes (``layer_names0``, ``layer_names1`` ...)."""
    names = list(group.attrs[key]) if key in group.attrs else []
    i = 0
    while f"{key}{i}" in group.attrs:
        names += list(group.attrs[f"{key}{i}"])
        i += 1
    return [name.decode() if isinstance(name, bytes) else str(name) for name in names]


def _layer_group(group: Any, name: str, path: Path) -> Any:
    node = get_node(group, name, path)
    if node is None:
        raise ValueError(f"{path} names the layer {name!r}, but has nothing for it")
    return node


def _arrays(group: Any, path: Path) -> list[Any]:
    return [read_array(group, name, path) for name in _names(group, "weight_names")]


def _compile(model: Any, training: dict[str, Any], custom_objects: dict[str, Any] | None) -> None:
    names = ("loss", "loss_weights", "metrics", "weighted_metrics")
    arguments = {key: deserialize_keras_object(training.get(key), custom_objects) for key in names}
    if isinstance(arguments["metrics"], list):  # Keras 2 writes one list per output, also for one
        arguments["metrics"] = [m[0] if isinstance(m, list) and len(m) == 1 else m for m in arguments["metrics"]]
    model.compile(optimizer=optimizers.deserialize(training["optimizer_config"], custom_objects), **arguments)
    if model.built and model.trainable_variables:
        model.optimizer.build(model.trainable_variables)


def _load_optimizer(model: Any, group: Any, path: Path) -> None:
    """Set the state of the optimizer if it fits; older optimizers stored other variables, and then it starts afresh."""
    arrays, variables = _arrays(group, path), model.optimizer.variables
    if [a.shape for a in arrays] == [v.shape for v in variables]:
        for variable, array in zip(variables, arrays):
            variable.assign(array)
    else:
        warn("the optimizer state in the file does not fit this optimizer: it starts afresh")
