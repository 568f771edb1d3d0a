"""A TOML file as validated settings, and settings as a TOML file with every default and override filled in."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from . import application, overrides, own_model, registry, source
from .config_objects import check_objects
from .errors import Problem, did_you_mean, listing, show
from .run_dir import OWN_MODEL
from .schema import (
    INPUT,
    OF_A_TARGET,
    OPTIONAL,
    SECTIONS,
    Checkpoints,
    Compile,
    Data,
    FineTune,
    Fit,
    ModelInput,
    ModelTable,
    OutputTarget,
    Table,
    Top,
    applies,
    is_folder,
    is_text,
    path_kind,
)

_BACKENDS = {"numpy": "cpu", "cupy": "gpu"}
_COLUMNS = "a column name, a position, or a list of them"
_EXPECTED = {
    "header": '"auto", true or false',
    "target": f"{_COLUMNS}, or for several outputs a table of these by output",
    "metrics": "a list in [ ], or for several outputs a table of lists by output",
    "features": _COLUMNS,
    "image_size": "height and width, such as [32, 32]",
    "skip_lines": "a number of lines, or a list of line numbers from 1",
}


@dataclass(frozen=True)
class Settings:
    """A validated config."""

    source: source.Source
    name: str
    device: str
    seed: int
    training_warnings: bool
    graphs: bool
    num_threads: int | None
    matmul_precision: str | None
    data: Data
    model: ModelTable
    compile: Compile
    fit: Fit
    checkpoints: Checkpoints
    callbacks: list[dict[str, Any]]

    def data_path(self, path: str) -> Path:
        """A path of ``[data]``, or that of a file of weights: see ``find_data``."""
        return find_data(self.source.path.parent, path)

    def fail(self, where: tuple[str | int, ...], message: str) -> Exception:
        """The exception for a value that proves wrong only when it is used."""
        return self.source.error([Problem(where, message)])

    def resolved(self, device: str, shuffle: bool) -> dict[str, Any]:
        """The complete config, with defaults and overrides, ready to be run again."""
        data = {key: value for key, value in self.data.model_dump().items() if applies(key, self.data)}
        if "shuffle" in data:
            data["shuffle"] = shuffle
        for key in ("path", "test_path"):
            # The new file is in another folder, so relative paths would not resolve; a download is found in the cache.
            if data.get(key) is not None and (file := self.data_path(data[key])).exists():
                data[key] = str(file.absolute())
        layers = [
            layer if "use" in layer else registry.with_defaults("layer", layer) for layer in self.model.layers or []
        ]
        base = self.model.application
        compile_ = self.compile.model_dump()
        compile_["optimizer"] = registry.with_defaults("optimizer", compile_["optimizer"])
        return {
            "name": self.name,
            "device": device,
            "seed": self.seed,
            "training_warnings": self.training_warnings,
            "graphs": self.graphs,
            "num_threads": self.num_threads,
            "matmul_precision": self.matmul_precision,
            "data": data,
            "model": {
                "name": self.model.name,
                "application": None if base is None else application.complete(base, self.data_path),
                "python": None if self.model.python is None else f"{OWN_MODEL}:{own_model.split(self.model.python)[1]}",
                "arguments": self.model.arguments,
                "inputs": [entry.model_dump() for entry in self.model.inputs or []] or None,
                "layers": layers or None,
            },
            "compile": compile_,
            "fit": self.fit.model_dump(),
            "checkpoints": self.checkpoints.model_dump(),
            "callbacks": [registry.with_defaults("callback", table) for table in self.callbacks] or None,
        }


def load(
    path: Path,
    sets: tuple[str, ...] = (),
    *,
    device: str | None = None,
    epochs: int | None = None,
    seed: int | None = None,
) -> Settings:
    """Read a config, apply the options of the command line, and validate it; the error lists every mistake."""
    file = source.read(path)
    overrides.apply(file, sets)
    for where, value in ((("device",), device), (("fit", "epochs"), epochs), (("seed",), seed)):
        if value is not None and isinstance(file.table.get("fit", {}), dict):
            overrides.set_value(file.table, where, value, f"--{where[-1]}")
            file.overrides[where] = f"--{where[-1]}"
    if device is not None:
        file.table.pop("backend", None)
    return _validate_config(file)


def _validate_config(file: source.Source) -> Settings:
    problems: list[Problem] = []
    raw = file.table
    top = {key: value for key, value in raw.items() if key not in SECTIONS and key != "callbacks"}
    head = _validate(Top, top, (), problems)
    tables = {name: _section(name, raw, problems) for name in SECTIONS}
    data, fit = tables["data"], tables["fit"]
    if isinstance(head, Top) and head.backend and not head.device.startswith(("auto", _BACKENDS[head.backend])):
        message = f"{show(head.backend)} contradicts device = {show(head.device)}; give one of the two"
        problems.append(Problem(("backend",), message))
    if isinstance(data, Data):
        _check_source(data, raw["data"], file.path.parent, problems)
    if isinstance(fit, Fit):
        for key in fit.class_weight or {}:
            if not re.fullmatch(r"\d+", key):
                message = f"expected a class number such as 0, got {show(key)}"
                problems.append(Problem(("fit", "class_weight", key), message))
        if fit.fine_tune is not None and isinstance(tables["model"], ModelTable):
            application.check_fine_tune(tables["model"].application, problems)
    check_objects(raw, lambda path: find_data(file.path.parent, path), problems)
    callbacks = _check_callbacks(raw, problems)
    if problems:
        raise file.error(problems)
    assert isinstance(head, Top)
    stem = re.sub(r"[^\w.-]+", "_", file.path.stem).strip("._-") or "run"
    device = _BACKENDS[head.backend] if head.backend and head.device == "auto" else head.device
    sections: dict[str, Any] = dict(tables)
    sections |= {"training_warnings": head.training_warnings, "num_threads": head.num_threads, "callbacks": callbacks}
    sections |= {"matmul_precision": head.matmul_precision, "graphs": head.graphs}
    return Settings(file, head.name or stem, device, head.seed, **sections)


def _section(name: str, raw: dict[str, Any], problems: list[Problem]) -> Table | None:
    if name not in raw and name in OPTIONAL:
        return SECTIONS[name]()
    if name not in raw:
        hint = did_you_mean(name, [key for key in raw if key not in SECTIONS])
        problems.append(Problem((name,), "this table is required" + hint.replace("did you mean", "is it")))
        return None
    if not isinstance(raw[name], dict):
        problems.append(Problem((name,), f"expected a table, [{name}], got {show(raw[name])}"))
        return None
    return _validate(SECTIONS[name], raw[name], (name,), problems)


def _validate(
    table_class: type[Table], table: dict[str, Any], where: tuple[str, ...], problems: list[Problem]
) -> Table | None:
    try:
        return table_class.model_validate(table)
    except ValidationError as error:
        messages: dict[tuple[str | int, ...], str] = {}
        for detail in error.errors(include_url=False):
            loc = detail["loc"]
            # One message for all branches of a union.
            if loc and loc[0] in _EXPECTED and detail["type"] != "extra_forbidden":
                messages[loc[:1]] = f"expected {_EXPECTED[str(loc[0])]}, got {show(table[str(loc[0])])}"
            else:
                messages.setdefault(loc, _explain(detail, table_class, where))
        problems.extend(Problem((*where, *loc), message) for loc, message in messages.items())
        return None


_NESTED: dict[str, type[Table]] = {"fine_tune": FineTune, "inputs": ModelInput, "target": OutputTarget}
_TYPES = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "string_type": "text in quotes",
    "list_type": "a list in [ ]",
    "dict_type": "a table",
    "model_type": "a table",
}
_PATTERNS: dict[tuple[str | int, ...], str] = {
    ("device",): '"auto", "cpu", "gpu" or "gpu:1"',
    ("delimiter",): 'one character or "auto"',
    ("units",): "texts without digits, signs or spaces at the start",
    ("urls",): "addresses that begin with https:// (or http://, file://)",
    ("sha256",): "64 hexadecimal digits",
}
_BOUNDS = {"gt": "greater than", "ge": "at least", "lt": "less than", "le": "at most"}


def _explain(detail: ErrorDetails, table_class: type[Table], where: tuple[str, ...]) -> str:
    type_, context, value = detail["type"], detail.get("ctx", {}), detail["input"]
    if type_ == "missing":
        return "is required"
    if type_ == "extra_forbidden":
        table_class = _NESTED.get(str(detail["loc"][0]), table_class) if len(detail["loc"]) > 1 else table_class
        return "unknown key" + _unknown_key_hint(str(detail["loc"][-1]), table_class, where)
    if type_ in _TYPES:
        return f"expected {_TYPES[type_]}, got {show(value)}"
    if type_ == "literal_error":
        choices = re.findall(r"'([^']*)'", str(context.get("expected", "")))
        return f"expected one of {listing(choices)}, got {show(value)}{did_you_mean(value, choices)}"
    if type_ == "string_pattern_mismatch":
        hint = did_you_mean(value, ("auto", "cpu", "gpu")) if detail["loc"] == ("device",) else ""
        expected = _PATTERNS.get(detail["loc"][:1], "letters, digits, _ . and -")
        return f"expected {expected}, got {show(value)}{hint}"
    if type_ == "too_short":
        return "must not be empty"
    for key, bound in context.items():
        if key in _BOUNDS:
            return f"must be {_BOUNDS[key]} {bound:g}, got {show(value)}"
    return f"{detail['msg'].lower()}, got {show(value)}"


def _unknown_key_hint(key: str, table_class: type[Table], where: tuple[str, ...]) -> str:
    """A hint for an unknown key: a similar key, else the table it belongs in."""
    own = list(table_class.model_fields) + ([*SECTIONS, "callbacks"] if not where else [])
    if hint := did_you_mean(key, own):
        return hint
    owners = [name for name, table in SECTIONS.items() if key in table.model_fields and (name,) != where]
    if owners:
        return f"; it belongs in [{owners[0]}]"
    if key in ("learning_rate", "lr", "momentum"):
        return '; it belongs in [compile], optimizer = { class = "SGD", learning_rate = 0.1 }'
    if key in Top.model_fields:
        return "; it belongs at the top of the file, above the first [table]"
    return f"; known: {listing(own, 30)}"


def _check_source(data: Data, raw: dict[str, Any], folder: Path, problems: list[Problem]) -> None:
    def note(key: str, message: str) -> None:
        problems.append(Problem(("data", key) if key else ("data",), message))

    sources = [key for key in ("name", "path", "x") if getattr(data, key) is not None]  # at most one is allowed
    if not sources:
        note("", 'needs one of name = "digits", path = "file.csv", or x = [[...]] with y = [...]')
    for extra in sources[1:]:
        note(extra, f"{sources[0]} is given too; give only one of name, path and x")
    if (data.x is None) != (data.y is None):
        note("y" if data.y is None else "x", f"is required with {'x' if data.y is None else 'y'}")
    if data.scale is not None and data.scaling != "none":
        note("scale", f'scaling = "{data.scaling}" is given too; give one of the two')
    if data.target_scaling != "none" and (data.target_scale is not None or data.target_threshold is not None):
        other = "target_scale" if data.target_scale is not None else "target_threshold"
        note("target_scaling", f"{other} is given too; give one of the two")
    if data.target_threshold is not None and (data.target_scale is not None or data.target_type == "class"):
        other = "target_scale" if data.target_scale is not None else 'target_type = "class"'
        note("target_threshold", f"{other} is given too; give one of the two")
    for key in ("target_scale", "target_scaling"):
        if data.target_type == "class" and getattr(data, key) not in (None, "none"):
            note(key, 'target_type = "class" is given too; give one of the two')
    for key, value in (("path", data.path), ("test_path", data.test_path)):
        if value is None:
            continue
        path = find_data(folder, value)
        expected = "expected a .csv, .tsv, .npz or .txt file (or .csv.gz, .tsv.gz), or a folder"
        if is_folder(value) and path.exists() and not path.is_dir():
            note(key, f"{expected}, got {show(value)}")
        elif is_folder(value) and not path.exists():
            note(key, f"{expected}; {_not_found(path, value)}")
        elif not is_folder(value) and path.exists() and not path.is_file():
            note(key, f"is not a file: {show(str(path), 200)}")
        elif not path.exists() and not (key == "path" and data.urls):
            note(key, _not_found(path, value))
    if (data.urls is None) != (data.sha256 is None):
        note("sha256" if data.sha256 is None else "urls", f"is required with {'urls' if data.urls else 'sha256'}")
    if data.path and data.test_path and path_kind(data.path) != path_kind(data.test_path):
        note("test_path", f"path is {path_kind(data.path)}, so this has to be one too, got {show(data.test_path)}")
    if data.path and is_text(data.path) and data.window is None:
        note("window", "is required for a text: how many characters a sample has, such as window = 64")
    if data.window is not None and data.missing == "drop":
        note("missing", 'rows that are left out would be gaps in time; "mean" fills in empty cells')
    if data.window is not None and INPUT in data.target_columns:
        note("target", '"input" means nothing with window; name a column')
    _check_table(data, note)
    if len(sources) == 1:
        for key in raw:
            if applies(key, data):
                continue
            if key in OF_A_TARGET:
                short = key.removeprefix("target_")
                note(key, f"belongs to the target of an output: {_first(data.target)} = {{ {short} = ... }}")
            elif key == "test_split":
                note(key, "there is already a test set")
            else:
                other = next((k for k in ("window", "text") if k != key and getattr(data, k) is not None), sources[0])
                other = other if applies(key, data.model_copy(update={"window": None, "text": None})) else sources[0]
                note(key, f"it means nothing with {other} = {show(getattr(data, other), 30)}")


def _first(table: Any) -> str:
    return next(iter(table)) if isinstance(table, dict) else ""


def _check_table(data: Data, note: Callable[[str, str], None]) -> None:
    """Check the keys that say how a table is written."""
    try:
        "".encode(data.encoding)
    except (LookupError, ValueError):
        note(
            "encoding", f'unknown encoding {show(data.encoding)}; known are "utf-8", "latin-1", "cp1252", "utf-16" ...'
        )
    if data.thousands == data.decimal:
        note("thousands", f"{show(data.thousands)} is the decimal mark too; set decimal to the other one")
    if data.decimal == data.delimiter:
        note("decimal", f"{show(data.decimal)} is the delimiter too")


def _not_found(path: Path, name: str) -> str:
    data_dir = os.environ.get("DUALNET_DATA_DIR")
    if not data_dir or Path(name).is_absolute():
        return f"no such file; DUALNET_DATA_DIR may name the folder it is in: {show(str(path), 200)}"
    return (
        f"no such file: neither {show(str(path), 200)} nor {show(str(Path(data_dir) / name), 200)} (DUALNET_DATA_DIR)"
    )


def _check_callbacks(raw: dict[str, Any], problems: list[Problem]) -> list[dict[str, Any]]:
    callbacks = raw.get("callbacks", [])
    if not isinstance(callbacks, list):
        problems.append(Problem(("callbacks",), f"expected tables headed [[callbacks]], got {show(callbacks)}"))
        return []
    for index, callback in enumerate(callbacks):
        if isinstance(callback, dict):
            registry.check("callback", callback, ("callbacks", index), problems)
        else:
            problems.append(Problem(("callbacks", index), f"expected a table, got {show(callback)}"))
    return callbacks


def find_data(folder: Path, path: str) -> Path:
    """Resolve the path of a data file against the config's folder, or else against $DUALNET_DATA_DIR."""
    local = folder / Path(path).expanduser()
    data_dir = os.environ.get("DUALNET_DATA_DIR")
    if not local.exists() and data_dir and (Path(data_dir) / path).exists():
        return Path(data_dir) / path
    return local
