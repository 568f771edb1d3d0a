"""From settings to a model that is ready for ``fit``."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import dualnet

from . import application, registry
from .config import Settings
from .errors import CliError, KeyPath, Problem, listing, one_line, printable, show
from .prepare import Dataset
from .targets import all_numbers

_PATHS = ("filepath", "filename", "backup_dir", "log_dir")
Shape = tuple[int, ...]


def compiled_model(settings: Settings, shape: Shape) -> Any:
    """The compiled model, with weights drawn from the config's seed.

    Same as ``set_random_seed(seed)``, ``Sequential([Input(shape), ...])`` and ``compile`` in a script.
    """
    dualnet.utils.clear_session()  # layer names start at "dense" again
    dualnet.utils.set_random_seed(settings.seed)
    model = dualnet.Sequential(_layers(settings, shape), name=settings.model.name)
    _compile(settings, model)
    return model


def check(settings: Settings, data: Dataset) -> None:
    """Run a throw-away model on one sample, so that mismatches are reported before any file is written."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the real model will issue the warnings
        model = uncompiled_model(settings, tuple(data.train.x.shape[1:]))
        _check_targets(settings, model, data)
        if settings.model.application is not None:
            application.check_pixels(settings, data.train.x)
        _check_class_weight(settings, data)
        _compile(settings, model)
        try:
            names = model.evaluate(data.train.x[:1], data.train.y[:1], verbose=0, return_dict=True)
        except (ValueError, TypeError) as error:
            raise settings.fail(("compile",), one_line(error)) from None
    known = [*names, *(f"val_{name}" for name in names if data.validation is not None)]
    _check_monitors(settings, known, data.validation is not None)


def uncompiled_model(settings: Settings, shape: Shape) -> Any:
    """The model, unseeded, built layer by layer so that an error points at the layer that caused it."""
    dualnet.utils.clear_session()
    layers = _layers(settings, shape)
    model = dualnet.Sequential(name=settings.model.name)
    offset = len(layers) - len(settings.model.layers)
    for number, layer in enumerate(layers):
        try:
            model.add(layer)
        except (ValueError, TypeError, NotImplementedError) as error:
            where: KeyPath = ("model", "layers", number - offset) if number >= offset else ("data",)
            raise settings.fail(where, one_line(error)) from None
        except MemoryError:
            raise settings.fail(("model", "layers", number - offset), "is larger than the memory") from None
    return model


def _layers(settings: Settings, shape: Shape) -> list[Any]:
    tables = settings.model.layers
    if settings.model.application is not None:
        base = application.layers(settings, shape)
        return [dualnet.Input(shape=shape), *base, *(registry.create("layer", table) for table in tables)]
    layers = [registry.create("layer", table) for table in tables]
    if tables[0].get("class") in ("Input", "InputLayer"):
        return layers
    return [dualnet.Input(shape=shape), *layers]


def unfreeze(settings: Settings, model: Any, learning_rate: float) -> None:
    """Let the application be trained from now on, and compile with another rate."""
    application.unfreeze(model)
    _compile(settings, model, learning_rate)


def _compile(settings: Settings, model: Any, learning_rate: float | None = None) -> None:
    optimizer = settings.compile.optimizer
    if learning_rate is not None:
        table = {"class": optimizer} if isinstance(optimizer, str) else optimizer
        optimizer = {**table, "learning_rate": learning_rate}
    options = {
        "optimizer": registry.create("optimizer", optimizer),
        "loss": registry.create("loss", settings.compile.loss),
        "metrics": [registry.create("metric", spec) for spec in settings.compile.metrics],
    }
    try:
        model.compile(**options)
    except (ValueError, TypeError) as error:
        raise settings.fail(("compile",), one_line(error)) from None


def callbacks(settings: Settings, folder: Path) -> list[Any]:
    """The callbacks of the config; relative paths of files they write are resolved against ``folder``."""

    def resolved(table: dict[str, Any]) -> dict[str, Any]:
        return {k: str(folder / v) if k in _PATHS and isinstance(v, str) else v for k, v in table.items()}

    return [registry.create("callback", resolved(table)) for table in settings.callbacks]


def checkpoint(settings: Settings, folder: Path, validated: bool) -> dualnet.callbacks.Checkpoint | None:
    """What keeps the state of the run, in a folder of its own; None without checkpoints. validated: whether there is a val_loss."""
    table = settings.checkpoints
    if not table.keep:
        return None
    return dualnet.callbacks.Checkpoint(
        folder,
        every_steps=table.every_steps or None,
        every_seconds=table.every_minutes * 60 or None,
        max_to_keep=table.keep,
        monitor="val_loss" if table.best and validated else None,
    )


def fit_arguments(settings: Settings, data: Dataset) -> dict[str, Any]:
    """The keyword arguments of ``fit``, except callbacks and verbosity."""
    arguments = settings.fit.model_dump(exclude={"validation_split", "fine_tune"})
    if arguments["class_weight"] is not None:
        arguments["class_weight"] = {int(key): weight for key, weight in arguments["class_weight"].items()}
    if data.validation is not None:
        arguments["validation_data"] = (data.validation.x, data.validation.y)
    return {"x": data.train.x, "y": data.train.y, **arguments}


def _check_targets(settings: Settings, model: Any, data: Dataset) -> None:
    """Catch common mistakes: labels that do not match the loss or the last layer."""
    spec = settings.compile.loss
    loss = (spec["class"] if isinstance(spec, dict) else spec).replace("_", "").lower()
    outputs = model.output_shape[-1]
    y = data.train.y
    last: KeyPath = ("model", "layers", len(settings.model.layers) - 1)
    if loss == "sparsecategoricalcrossentropy":
        if y.dtype.kind != "i" or y.min() < 0:
            message = 'this loss needs a target of whole numbers from 0; target_type = "class" makes them'
            raise settings.fail(("compile", "loss"), message)
        if y.ndim > 1 and y.shape[-1] != 1:
            raise settings.fail(("compile", "loss"), 'one-hot targets need "categorical_crossentropy"')
        highest = max(int(part.y.max()) for part in data.parts().values())
        if highest >= outputs:
            named = f" ({printable(listing(data.classes))})" if data.classes else ""
            message = (
                f"gives {outputs} outputs, but the classes go from 0 to {highest}{named}; set units = {highest + 1}"
            )
            raise settings.fail(last, message)
    elif loss == "categoricalcrossentropy" and (y.ndim < 2 or y.shape[-1] == 1) and outputs != 1:
        message = 'needs one_hot = true in [data]; for plain class numbers use "sparse_categorical_crossentropy"'
        raise settings.fail(("compile", "loss"), message)
    elif loss == "binarycrossentropy" and (y.min() < 0 or y.max() > 1):
        low, high = show(y.min().item()), show(y.max().item())
        raise settings.fail(("compile", "loss"), f"needs targets from 0 to 1, these go from {low} to {high}")
    columns = y.shape[-1] if y.ndim > 1 else 1
    classes = data.classes or []
    if loss != "sparsecategoricalcrossentropy" and columns == 1 and len(classes) > 2 and not all_numbers(classes):
        message = (
            f"the target is {len(classes)} classes ({printable(listing(classes, 3))}), and their numbers have no order"
        )
        message += f'; use "sparse_categorical_crossentropy" with units = {len(classes)}, or one_hot = true in [data]'
        raise settings.fail(("compile", "loss"), message)
    if loss != "sparsecategoricalcrossentropy" and columns != outputs:
        raise settings.fail(last, f"gives {outputs} outputs, but a target has {columns}")


def _check_class_weight(settings: Settings, data: Dataset) -> None:
    """Refuse the weight of a class that no part has."""
    targets = [part.y for part in data.parts().values()]
    if settings.data.one_hot:
        classes = set(range(targets[0].shape[-1]))
    elif targets[0].dtype.kind == "i":
        classes = {label for y in targets for label in y.ravel().tolist()}
    else:
        return  # fit says what class_weight needs
    for key in settings.fit.class_weight or {}:
        if int(key) not in classes:
            message = f"no sample is of class {int(key)}; the classes are {listing(map(str, sorted(classes)))}"
            raise settings.fail(("fit", "class_weight", key), message)


def _check_monitors(settings: Settings, known: list[str], validated: bool) -> None:
    problems = []
    for number, table in enumerate(settings.callbacks):
        monitor = registry.with_defaults("callback", table).get("monitor")
        saves_always = table["class"] == "ModelCheckpoint" and not table.get("save_best_only")
        if isinstance(monitor, str) and monitor not in known and not saves_always:
            hint = "" if validated or not monitor.startswith("val_") else "; set validation_split in [fit]"
            message = f"no metric is called {show(monitor)}; available: {', '.join(known)}{hint}"
            problems.append(Problem(("callbacks", number, "monitor"), message))
    if problems:
        raise settings.source.error(problems)


def parameter_count(model: Any) -> int:
    """The number of parameters; raises ``CliError`` when none is trainable."""
    if not model.trainable_variables:
        raise CliError("the model has no weights to train; add a layer such as Dense")
    return int(model.count_params())
