"""``dualnet inspect``: what is in a file, a checkpoint or a run folder, without making a model of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from .errors import one_line, printable, system_error
from .streams import align

_EPILOG = """
\b
Exit codes: 0 it is whole; 1 dualnet would refuse it, or it is damaged, and the output says why; 2 there is no such file.
"""


@click.command(epilog=_EPILOG)
@click.argument("file", metavar="FILE|FOLDER", type=click.Path())
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def command(file: str, as_json: bool) -> None:
    """Show what is in a model, a file of weights or arrays, an exported model, a checkpoint, or the folder of a run.

    The content says what a file is, whatever its name. No model is built and nothing in the file is run: the layers, shapes,
    dtypes and numbers of parameters come from its config and its headers. What dualnet would refuse is named, with the reason.
    """
    from .run_dir import CONFIG

    path = Path(file)
    try:
        facts = _run(path) if (path / CONFIG).is_file() else _file(path)
    except OSError as error:
        raise system_error(printable(file), error) from None
    if as_json:
        click.echo(json.dumps(facts, indent=2, ensure_ascii=False, default=str))
    else:
        _show(facts)
    if any(part.get("problems") for part in (facts, facts.get("model_file", {}), facts.get("checkpoints", {}))):
        click.get_current_context().exit(1)


# -- collecting ----------------------------------------------------------------------------------------------------


def _file(path: Path) -> dict[str, Any]:
    """What is in a file, or in the folder of a checkpoint, for JSON."""
    from dualnet.saving.inspection import describe, inspect

    report = inspect(path)
    facts: dict[str, Any] = {"file": str(path), "format": report.format, "bytes": report.size}
    facts["versions"] = report.versions
    if report.details:
        facts["details"] = report.details
    if report.model:
        facts["model"] = report.model
    if report.layers:
        facts["layers"] = [
            {
                "name": layer.name,
                "class": layer.class_name,
                "depth": layer.depth,
                "input_shape": layer.input_shape,
                "params": layer.params,
                "trainable": layer.trainable,
                "arrays": [_array(array) for array in layer.arrays],
            }
            for layer in report.layers
        ]
        facts["compile"] = {key: describe(value) for key, value in report.compile.items()}
    for kind in ("input", "output"):
        if any(port.kind == kind for port in report.ports):
            facts[f"{kind}s"] = [
                {"name": port.name, "shape": port.shape and list(port.shape), "dtype": port.dtype}
                for port in report.ports
                if port.kind == kind
            ]
    if report.ops:
        facts["ops"] = report.ops
    facts["params"] = report.params
    facts["arrays"] = [_array(array) for array in report.arrays]
    facts["state"] = [_array(array) for array in report.state]
    for key, files in (("assets", report.assets), ("parts", report.parts)):
        facts[key] = [{"name": name, "bytes": size} for name, size in files]
    facts["problems"] = report.problems
    facts["verdict"] = report.verdict if report.problems else "whole"
    return facts


def _array(array: Any) -> dict[str, Any]:
    return {"name": array.name, "shape": list(array.shape), "dtype": array.dtype}


def _run(path: Path) -> dict[str, Any]:
    """What is in the folder of a run."""
    from dualnet.saving.inspection import size_on_disk

    from .run_dir import CHECKPOINTS, MODEL, RESULTS

    facts: dict[str, Any] = {"file": str(path), "bytes": size_on_disk(path), "problems": [], "verdict": "damaged"}
    facts["format"] = "run of dualnet"
    facts["files"] = {file.name: size_on_disk(file) for file in sorted(path.iterdir())}
    results = _results(path / RESULTS, facts["problems"])
    for key in ("name", "device", "seed", "epochs", "epochs_asked_for", "interrupted", "seconds", "versions"):
        if key in results:
            facts[key] = results[key]
    facts["scores"] = {part: results[part] for part in ("train", "validation", "test") if results.get(part)}
    if (path / MODEL).is_file():
        facts["model_file"] = _file(path / MODEL)
    else:
        facts["problems"].append(f"there is no {MODEL}: the run did not end, or is under way")
        facts["verdict"] = "incomplete"
    if (path / CHECKPOINTS).is_dir():
        facts["checkpoints"] = _file(path / CHECKPOINTS)
    return facts


def _results(path: Path, problems: list[str]) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        results = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        problems.append(f"{path.name} is damaged: {one_line(error)}")
        return {}
    if not isinstance(results, dict):
        problems.append(f"{path.name} is damaged: it is no table")
        return {}
    return results


# -- showing -------------------------------------------------------------------------------------------------------


def _show(facts: dict[str, Any]) -> None:
    click.echo(f"{printable(facts['file'])}: {facts['format']}, {size(facts['bytes'])}")
    if "files" in facts:
        _show_run(facts)
        for part in ("model_file", "checkpoints"):
            if part in facts:
                click.echo()
                _show(facts[part])
    elif "arrays" in facts:
        _show_file(facts)
    for problem in facts["problems"]:
        click.echo(f"{facts['verdict']}: {printable(problem)}")


def _show_run(facts: dict[str, Any]) -> None:
    lines = [("files", ", ".join(f"{printable(name)} ({size(count)})" for name, count in facts["files"].items()))]
    if "epochs" in facts:
        stopped = ", interrupted" if facts.get("interrupted") else ""
        lines.append(
            (
                "trained",
                f"{facts['epochs']} of {facts.get('epochs_asked_for')} epochs in {facts.get('seconds')} s{stopped}",
            )
        )
        lines.append(("device", f"{facts.get('device')}, seed {facts.get('seed')}"))
    versions = facts.get("versions")
    if isinstance(versions, dict):
        lines.append(("versions", _pairs(versions)))
    for part, scores in facts["scores"].items():
        lines.append((part, _pairs(scores) if isinstance(scores, dict) else str(scores)))
    _echo_lines(lines)


def _show_file(facts: dict[str, Any]) -> None:
    lines = []
    if facts.get("versions"):
        lines.append(("written by", _pairs(facts["versions"])))
    if facts.get("model"):
        model = facts["model"]
        name = f"{printable(str(model['class']))} {printable(str(model['name']))}"
        lines.append(("model", f"{name}, {facts['params']:,} parameters"))
    lines += [(key, printable(text)) for key, text in facts.get("compile", {}).items()]
    lines += [(key.replace("_", " "), printable(str(value))) for key, value in facts.get("details", {}).items()]
    for kind in ("input", "output"):
        lines += [
            (kind, f"{printable(port['name'])} {printable(_shape(port['shape']))} {port['dtype']}")
            for port in facts.get(f"{kind}s", ())
        ]
    if facts.get("ops"):
        count = sum(facts["ops"].values())
        listed = ", ".join(f"{n} {printable(name)}" for name, n in facts["ops"].items())
        lines.append(("operators", f"{count:,}: {listed}"))
    if facts["state"]:
        lines.append(("state", f"{len(facts['state'])} arrays that are no weights"))
    for kind, files in (("asset", facts["assets"]), ("part", facts["parts"])):
        lines += [(kind, f"{printable(file['name'])} ({size(file['bytes'])})") for file in files]
    _echo_lines(lines)
    rows: list[tuple[str, ...]]
    if facts.get("layers"):
        rows = [("LAYER", "CLASS", "BUILT FOR", "PARAMETERS", "ARRAYS")]
        rows += [_layer_row(layer) for layer in facts["layers"]]
    else:
        rows = [("ARRAY", "SHAPE", "DTYPE")]
        rows += [(printable(a["name"]), _shape(a["shape"]), a["dtype"]) for a in facts["arrays"]]
    if len(rows) > 1:
        click.echo()
        for line in align(rows):
            click.echo(line)


def _layer_row(layer: dict[str, Any]) -> tuple[str, ...]:
    arrays = ", ".join(f"{_shape(array['shape'])} {array['dtype']}" for array in layer["arrays"][:4])
    more = f" and {len(layer['arrays']) - 4} more" if len(layer["arrays"]) > 4 else ""
    frozen = "" if layer["trainable"] else " (frozen)"
    name = f"{'  ' * layer['depth']}{printable(layer['name'])}{frozen}"
    shape = "" if layer["input_shape"] is None else printable(_shape(layer["input_shape"]))
    return name, printable(layer["class"]), shape, f"{layer['params']:,}" if layer["params"] else "", arrays + more


def _shape(shape: Any) -> str:
    if not isinstance(shape, list):
        return str(shape)
    return "(" + ", ".join(_shape(n) for n in shape) + ("," if len(shape) == 1 else "") + ")"


def _pairs(values: dict[str, Any]) -> str:
    return ", ".join(f"{printable(str(key))} {printable(str(value))}" for key, value in values.items())


def _echo_lines(lines: list[tuple[str, str]]) -> None:
    for line in align(lines) if lines else ():
        click.echo(line)


def size(count: int) -> str:
    """A number of bytes in words: 512 bytes, 1.5 KiB"""
    if count < 1024:
        return f"{count} byte{'s' * (count != 1)}"
    value, units = float(count), iter(("KiB", "MiB", "GiB", "TiB"))
    unit = ""
    while value >= 1024:
        value, unit = value / 1024, next(units)
    return f"{value:.1f} {unit}"
