"""From settings to a model that is ready for ``fit``."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import dualnet

from . import registry as catalogue
from .config import Settings
from .errors import CliError, Problem, Where, one_line, show
from .prepare import Dataset, Part

_PATHS = ("filepath", "filename", "backup_dir", "log_dir")
Shape = tuple[int, ...]


def model(settings: Settings, shape: Shape) -> Any:
    """The compiled model, its weights drawn from the config's seed.

    It is what ``set_random_seed(seed)``, ``Sequential([Input(shape), ...])`` and ``compile`` give in a script.
    """
    dualnet.utils.clear_session()  # layer names start at "dense" again, whatever was built before
    dualnet.utils.set_random_seed(settings.seed)
    built = dualnet.Sequential(_layers(settings, shape), name=settings.model.name)
    _compile(settings, built)
    return built


def check(settings: Settings, data: Dataset) -> None:
    """Run a throw-away model on one sample, so that what does not fit is found before anything is written."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the model that is kept will give its warnings
        built = trial(settings, tuple(data.train.x.shape[1:]))
        _check_targets(settings, built, data)
        _compile(settings, built)
        try:
            names = built.evaluate(data.train.x[:1], data.train.y[:1], verbose=0, return_dict=True)
        except (ValueError, TypeError) as error:
            raise settings.fail(("compile",), one_line(error)) from None
    known = [*names, *(f"val_{name}" for name in names if data.validation is not None)]
    _check_monitors(settings, known, data.validation is not None)


def trial(settings: Settings, shape: Shape) -> Any:
    """The model without its seed, built layer by layer so that an error points at the layer it comes from."""
    dualnet.utils.clear_session()
    layers = _layers(settings, shape)
    built = dualnet.Sequential(name=settings.model.name)
    offset = len(layers) - len(settings.model.layers)
    for number, layer in enumerate(layers):
        try:
            built.add(layer)
        except (ValueError, TypeError, NotImplementedError) as error:
            where: Where = ("model", "layers", number - offset) if number >= offset else ("data",)
            raise settings.fail(where, one_line(error)) from None
        except MemoryError:
            raise settings.fail(("model", "layers", number - offset), "is larger than the memory") from None
    return built


def _layers(settings: Settings, shape: Shape) -> list[Any]:
    tables = settings.model.layers
    layers = [catalogue.make("layer", table) for table in tables]
    if tables[0].get("class") in ("Input", "InputLayer"):
        return layers
    return [dualnet.Input(shape=shape), *layers]


def _compile(settings: Settings, built: Any) -> None:
    options = {
        "optimizer": catalogue.make("optimizer", settings.compile.optimizer),
        "loss": catalogue.make("loss", settings.compile.loss),
        "metrics": [catalogue.make("metric", spec) for spec in settings.compile.metrics],
    }
    try:
        built.compile(**options)
    except (ValueError, TypeError) as error:
        raise settings.fail(("compile",), one_line(error)) from None


def callbacks(settings: Settings, folder: Path) -> list[Any]:
    """The callbacks of the config; files they write are put into ``folder`` unless their path is absolute."""
    tables = [
        {k: str(folder / v) if k in _PATHS and isinstance(v, str) else v for k, v in table.items()}
        for table in settings.callbacks
    ]
    return [catalogue.make("callback", table) for table in tables]


def fit_arguments(settings: Settings, data: Dataset) -> dict[str, Any]:
    """What ``fit`` is called with, but for callbacks and verbosity."""
    arguments = settings.fit.model_dump(exclude={"validation_split"})
    if arguments["class_weight"] is not None:
        arguments["class_weight"] = {int(key): weight for key, weight in arguments["class_weight"].items()}
    if data.validation is not None:
        arguments["validation_data"] = (data.validation.x, data.validation.y)
    return {"x": data.train.x, "y": data.train.y, **arguments}


def _check_targets(settings: Settings, built: Any, data: Dataset) -> None:
    """The mistakes every beginner makes once: labels that do not suit the loss or the last layer."""
    spec = settings.compile.loss
    loss = (spec["class"] if isinstance(spec, dict) else spec).replace("_", "").lower()
    outputs = built.output_shape[-1]
    y = data.train.y
    last: Where = ("model", "layers", len(settings.model.layers) - 1)
    if loss == "sparsecategoricalcrossentropy":
        if y.dtype.kind != "i" or y.min() < 0:
            message = 'this loss needs a target of whole numbers from 0; target_type = "class" makes them'
            raise settings.fail(("compile", "loss"), message)
        if y.ndim > 1 and y.shape[-1] != 1:
            raise settings.fail(("compile", "loss"), 'one-hot targets need "categorical_crossentropy"')
        highest = max(int(part.y.max()) for part in _parts(data))
        if highest >= outputs:
            message = f"gives {outputs} outputs, but the classes go from 0 to {highest}; set units = {highest + 1}"
            raise settings.fail(last, message)
    elif loss == "categoricalcrossentropy" and (y.ndim < 2 or y.shape[-1] == 1) and outputs != 1:
        message = 'needs one_hot = true in [data]; for plain class numbers use "sparse_categorical_crossentropy"'
        raise settings.fail(("compile", "loss"), message)
    elif loss == "binarycrossentropy" and (y.min() < 0 or y.max() > 1):
        low, high = show(y.min().item()), show(y.max().item())
        raise settings.fail(("compile", "loss"), f"needs targets from 0 to 1, these go from {low} to {high}")
    columns = y.shape[-1] if y.ndim > 1 else 1
    if loss != "sparsecategoricalcrossentropy" and columns != outputs:
        raise settings.fail(last, f"gives {outputs} outputs, but a target has {columns}")


def _parts(data: Dataset) -> list[Part]:
    return [part for part in (data.train, data.validation, data.test) if part is not None]


def _check_monitors(settings: Settings, known: list[str], validated: bool) -> None:
    problems = []
    for number, table in enumerate(settings.callbacks):
        monitor = catalogue.with_defaults("callback", table).get("monitor")
        saves_always = table["class"] == "ModelCheckpoint" and not table.get("save_best_only")
        if isinstance(monitor, str) and monitor not in known and not saves_always:
            hint = "" if validated or not monitor.startswith("val_") else "; set validation_split in [fit]"
            message = f"nothing is called {show(monitor)}; there are {', '.join(known)}{hint}"
            problems.append(Problem(("callbacks", number, "monitor"), message))
    if problems:
        raise settings.source.error(problems)


def parameter_count(built: Any) -> int:
    """The number of weights, or an error when there are none to train."""
    if not built.trainable_variables:
        raise CliError("the model has no weights to train; add a layer such as Dense")
    return int(built.count_params())
