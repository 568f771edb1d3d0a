"""From settings to a model that is ready for ``fit``."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import dualnet

from . import application, network, own_model, registry
from .config import Settings
from .errors import CliError, Problem, listing, one_line, show
from .output_checks import check_outputs
from .parts import each
from .prepare import Dataset

_PATHS = ("filepath", "filename", "backup_dir", "log_dir")


def compiled_model(settings: Settings, data: Dataset) -> Any:
    """The compiled model for the samples of ``data``, with weights drawn from the config's seed.

    Same as ``set_random_seed(seed)``, ``Sequential([Input(shape), ...])`` and ``compile`` in a script.
    """
    dualnet.utils.clear_session()  # layer names start at "dense" again
    dualnet.utils.set_random_seed(settings.seed)
    model = network.build(settings, data)
    _compile(settings, model)
    return model


def check(settings: Settings, data: Dataset) -> None:
    """Run a throw-away model on one sample, so that mismatches are reported before any file is written."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the real model will issue the warnings
        model = uncompiled_model(settings, data)
        sample = data.train.take(slice(1))
        if settings.model.python is None:
            shapes = each(lambda shape: tuple(shape[1:]), model.output_shape)
        else:
            shapes = own_model.check_model(settings, model, sample.x)
        check_outputs(settings, shapes, data)
        if settings.model.application is not None:
            x = data.train.x
            application.check_pixels(settings, x[settings.model.input_names[0]] if isinstance(x, dict) else x)
        _check_class_weight(settings, data)
        _compile(settings, model)
        try:
            names = model.evaluate(sample.x, sample.y, verbose=0, return_dict=True)
        except (ValueError, TypeError) as error:
            raise settings.fail(("compile",), one_line(error)) from None
    known = [*names, *(f"val_{name}" for name in names if data.validation is not None)]
    _check_monitors(settings, known, data.validation is not None)


def uncompiled_model(settings: Settings, data: Dataset) -> Any:
    """The model, unseeded."""
    dualnet.utils.clear_session()
    return network.build(settings, data)


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
        **_by_output(settings),
    }
    try:
        model.compile(**options)
    except (ValueError, TypeError) as error:
        raise settings.fail(("compile",), one_line(error)) from None


def _by_output(settings: Settings) -> dict[str, Any]:
    """Loss and metrics as ``compile`` takes them: for several outputs, tables by output."""
    table = settings.compile
    if table.outputs is None:
        assert isinstance(table.metrics, list)
        return {
            "loss": registry.create("loss", table.loss),
            "metrics": [registry.create("metric", spec) for spec in table.metrics],
        }
    metrics = table.metrics if isinstance(table.metrics, dict) else {}
    weights = table.loss_weights or {}
    return {
        "loss": {name: registry.create("loss", table.loss[name]) for name in table.outputs},
        "loss_weights": {name: weights.get(name, 1.0) for name in table.outputs},
        "metrics": {
            name: [registry.create("metric", spec) for spec in metrics.get(name, [])] for name in table.outputs
        },
    }


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


def _check_class_weight(settings: Settings, data: Dataset) -> None:
    """Refuse the weight of a class that no part has."""
    if settings.fit.class_weight is None:
        return
    targets = [part.y for part in data.parts().values()]
    if isinstance(targets[0], dict):
        raise settings.fail(
            ("fit", "class_weight"), "a model with several outputs takes none; see loss_weights in [compile]"
        )
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
