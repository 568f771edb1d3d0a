"""The objects that a config names: optimizer, loss, metrics, layers, and how layers, outputs and targets belong together."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from . import application, graph, own_model, registry
from .errors import KeyPath, Problem, did_you_mean, listing, show


def check_objects(raw: dict[str, Any], find: Callable[[str], Path], problems: list[Problem]) -> None:
    """Append every mistake in optimizer, loss, metrics and the model to ``problems``; objects are created once for that.

    raw: the config as it was read. find: resolves the path of a file.
    """
    compile_, model = raw.get("compile"), raw.get("model")
    compile_ = compile_ if isinstance(compile_, dict) else {}
    if "optimizer" in compile_:
        registry.check("optimizer", compile_["optimizer"], ("compile", "optimizer"), problems)
    outputs = _check_losses(compile_, problems)
    if isinstance(model, dict):
        _check_model(model, outputs, compile_.get("loss"), find, problems)
    _check_names(raw, outputs, problems)


def _check_losses(compile_: dict[str, Any], problems: list[Problem]) -> list[str] | None:
    """Check losses and metrics. Returns the names of the outputs, None where there is one without a name."""
    loss, metrics = compile_.get("loss"), compile_.get("metrics", [])
    outputs = list(loss) if isinstance(loss, dict) and graph.loss_by_output(loss) else None
    for key, spec in ({"": loss} if outputs is None or not isinstance(loss, dict) else loss).items():
        if "loss" in compile_:
            where: KeyPath = ("compile", "loss", key) if key else ("compile", "loss")
            registry.check("loss", spec, where, problems)
    by_output = metrics if isinstance(metrics, dict) else {"": metrics}
    for key, specs in by_output.items():
        for index, metric in enumerate(specs if isinstance(specs, list) else []):
            registry.check("metric", metric, ("compile", "metrics", *([key] if key else []), index), problems)
    return outputs


def _check_model(
    model: dict[str, Any],
    outputs: list[str] | None,
    loss: Any,
    find: Callable[[str], Path],
    problems: list[Problem],
) -> None:
    if "application" in model:
        application.check(model["application"], find, problems)
    python, layers = model.get("python"), model.get("layers")
    if python is not None:
        for key in ("application", "layers"):
            if key in model:
                problems.append(Problem(("model", key), "python is given too; its function makes the whole model"))
        own_model.check(python, model.get("arguments"), find, problems)
        return
    if "arguments" in model:
        problems.append(Problem(("model", "arguments"), "are those of the function of python, which is not given"))
    if layers is None:
        close = did_you_mean(
            "layers", [key for key in model if key not in ("name", "application", "inputs", "arguments")]
        )
        if not close:
            message = 'is required: tables headed [[model.layers]], or python = "file.py:function"'
            problems.append(Problem(("model", "layers"), message))
        return
    if not isinstance(layers, list) or not all(isinstance(layer, dict) for layer in layers):
        return  # the schema says so
    for index, layer in enumerate(layers):
        if "use" not in layer:
            registry.check("layer", graph.layer_spec(layer), ("model", "layers", index), problems)
    inputs = model.get("inputs")
    names = [entry.get("name") for entry in inputs if isinstance(entry, dict)] if isinstance(inputs, list) else []
    if inputs is not None and (not names or not all(isinstance(name, str) for name in names)):
        return  # the schema says so
    for number, name in enumerate(names):
        if name in names[:number]:
            problems.append(
                Problem(("model", "inputs", number, "name"), f"{show(name)} is the name of another input already")
            )
        if name == graph.APPLICATION and "application" in model:
            problems.append(
                Problem(("model", "inputs", number, "name"), f"{show(name)} is what layers call the application")
            )
    if layers and graph.is_graph(layers, inputs, loss):
        known = [name for name in names if isinstance(name, str)] or [graph.INPUT]
        problems.extend(graph.Graph(layers, known, "application" in model, outputs).problems)


def _check_names(raw: dict[str, Any], outputs: list[str] | None, problems: list[Problem]) -> None:
    """Check that everything that is said by output is said of an output, and that each output has a target."""
    compile_, data = raw.get("compile"), raw.get("data")
    compile_, data = (table if isinstance(table, dict) else {} for table in (compile_, data))
    tables: dict[KeyPath, Any] = {
        ("compile", "metrics"): compile_.get("metrics"),
        ("compile", "loss_weights"): compile_.get("loss_weights"),
        ("data", "target"): data.get("target"),
    }
    for where, table in tables.items():
        if isinstance(table, dict) and outputs is None:
            message = "is a table by output, and so has to be loss in [compile]: { NAME = ... } with the layers that are outputs"
            problems.append(Problem(where, message))
        elif isinstance(table, dict):
            for name in table:
                if name not in (outputs or []):
                    hint = did_you_mean(name, outputs or []) or f"; outputs: {listing(outputs or [], 20)}"
                    problems.append(Problem((*where, name), f"no loss of [compile] names an output {show(name)}{hint}"))
        elif table and outputs is not None and where != ("data", "target"):
            message = (
                f"the model has the outputs {listing(outputs)}, so it is a table: {{ {outputs[0]} = ... }}"
                if outputs
                else ""
            )
            problems.append(Problem(where, message or "the model has no output"))
    target = data.get("target")
    if outputs is None or not data:
        return
    if not isinstance(target, dict):
        example = ", ".join(f"{name} = ..." for name in outputs)
        problems.append(Problem(("data", "target"), f"is needed for each output: {{ {example} }}"))
        return
    for name in outputs:
        if name not in target:
            problems.append(Problem(("data", "target"), f"says nothing of the output {show(name)}"))
