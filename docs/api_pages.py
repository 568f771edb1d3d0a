"""Writes the pages of the API reference: one for each public namespace, with what its ``__all__`` lists.

A name that several namespaces export is documented in one of them, the first of ``NAMESPACES``; the others refer to it.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import itertools
import re
import types
from pathlib import Path
from typing import Any

# In the order in which they claim a name that several of them export.
NAMESPACES = {
    "layers": "Layers",
    "models": "Models",
    "ops.nn": "Neural network ops",
    "ops.linalg": "Linear algebra ops",
    "ops.image": "Image ops",
    "ops": "Ops",
    "ops.numpy": "Ops under NumPy's names",
    "activations": "Activations",
    "losses": "Losses",
    "metrics": "Metrics",
    "optimizers": "Optimizers",
    "optimizers.schedules": "Learning rate schedules",
    "optimizers.legacy": "Legacy optimizers",
    "callbacks": "Callbacks",
    "initializers": "Initializers",
    "regularizers": "Regularizers",
    "constraints": "Constraints",
    "dtype_policies": "Dtype policies",
    "mixed_precision": "Mixed precision",
    "random": "Random numbers",
    "saving": "Saving",
    "applications": "Applications",
    "data": "Data pipelines",
    "datasets": "Datasets",
    "preprocessing": "Preprocessing",
    "preprocessing.image": "Image preprocessing",
    "preprocessing.sequence": "Sequence preprocessing",
    "preprocessing.text": "Text preprocessing",
    "config": "Configuration",
    "tree": "Trees",
    "utils": "Utilities",
    "visualization": "Visualization",
    "utils.bounding_boxes": "Bounding boxes",
    "wrappers": "scikit-learn wrappers",
    "testing": "Testing",
    "backend": "Backend functions",
    "": "Top level",
}
# Namespaces whose source folders make sections.
GROUPED = {"layers", "ops", "ops.linalg", "ops.nn"}


def module(namespace: str) -> types.ModuleType:
    return importlib.import_module(full_name(namespace))


def full_name(namespace: str) -> str:
    return f"dualnet.{namespace}" if namespace else "dualnet"


def public_names(namespace: str) -> list[str]:
    return sorted(module(namespace).__all__, key=str.lower)


@functools.cache
def _paths() -> dict[int, str]:
    """The public path of every class and function, by the identity of the object."""
    paths: dict[int, str] = {}
    for namespace in NAMESPACES:
        names = public_names(namespace)
        # An alias (``Convolution2D``) comes after the name that the object itself carries.
        for name in sorted(names, key=lambda n: getattr(getattr(module(namespace), n), "__name__", n) != n):
            value = getattr(module(namespace), name)
            if inspect.isclass(value) or inspect.isroutine(value):
                paths.setdefault(id(value), f"{full_name(namespace)}.{name}")
    return paths


def public_path(value: Any) -> str | None:
    return _paths().get(id(value))


def public_bases(value: type) -> list[str]:
    """The public paths of the nearest public bases."""
    paths = [[path] if (path := public_path(base)) else public_bases(base) for base in value.__bases__]
    return list(dict.fromkeys(itertools.chain(*paths)))


def write(folder: Path) -> None:
    """Write the pages that changed, and delete those of namespaces that are gone."""
    missing = _pinned_namespaces() - {full_name(namespace) for namespace in NAMESPACES}
    if missing:
        raise RuntimeError(f"docs/api_pages.py does not document {', '.join(sorted(missing))}: add it to NAMESPACES")
    folder.mkdir(exist_ok=True)
    pages = {f"{full_name(namespace)}.rst": _page(namespace, title) for namespace, title in NAMESPACES.items()}
    pages["index.rst"] = _index()
    for old in set(folder.glob("*.rst")) - {folder / name for name in pages}:
        old.unlink()
    for name, text in pages.items():
        file = folder / name
        if not file.exists() or file.read_text(encoding="utf-8") != text:
            file.write_text(text, encoding="utf-8")


def _pinned_namespaces() -> set[str]:
    pinned = Path(__file__).resolve().parent.parent / "tests/public_names.txt"
    names = re.findall(r"^([\w.]+):", pinned.read_text(encoding="utf-8"), re.MULTILINE)
    return {name if name == "dualnet" else f"dualnet.{name}" for name in names}


def _heading(text: str, underline: str) -> list[str]:
    return [text, underline * len(text), ""]


def _index() -> str:
    lines = _heading("API reference", "=")
    lines += [
        "Every public name, from its docstring. What Keras has is used as in Keras.",
        "",
        ".. toctree::",
        "   :maxdepth: 1",
        "",
    ]
    ordered = sorted(NAMESPACES, key=lambda namespace: (namespace != "", list(NAMESPACES).index(namespace)))
    return "\n".join([*lines, *(f"   {full_name(namespace)}" for namespace in ordered), ""])


def _page(namespace: str, title: str) -> str:
    path, here = full_name(namespace), module(namespace)
    lines = [*_heading(title, "="), f"Namespace ``{path}``.", "", f".. automodule:: {path}", "   :no-members:", ""]
    sections: dict[str, list[str]] = {}
    aliases, elsewhere, constants, modules = [], [], [], []
    for name in public_names(namespace):
        value, full = getattr(here, name), f"{path}.{name}"
        if isinstance(value, types.ModuleType):
            modules.append(name)
        elif (home := public_path(value)) is None:
            constants += [f".. py:data:: {full}", ""]
        elif home == full:
            sections.setdefault(_section(namespace, value), []).extend(_entry(full, value))
        elif home.rpartition(".")[0] == path:
            kind = "class" if inspect.isclass(value) else "function"
            aliases += [f".. py:{kind}:: {full}", "", f"   Alias of :py:obj:`{home.rpartition('.')[2]} <{home}>`.", ""]
        else:
            elsewhere.append(f":py:obj:`{name} <{home}>`")
    for section in sorted(sections, key=lambda text: (text != "", text)):
        lines += [*(_heading(section, "-") if section else []), *sections[section]]
    if constants:
        lines += [*_heading("Constants", "-"), *constants]
    if namespace == "datasets":
        errors = "dualnet.datasets.download"
        lines += [
            *_heading("Errors", "-"),
            *(f".. autoexception:: {errors}.{name}\n" for name in ("DataError", "ContentError")),
        ]
    if namespace in ("datasets", "applications"):
        for name in modules:
            lines += [*_heading(name, "-"), f".. automodule:: {path}.{name}", "   :members:", ""]
    elif known := [name for name in modules if f"{namespace}.{name}".lstrip(".") in NAMESPACES]:
        documents = (f":doc:`{path}.{name}`" for name in known)
        lines += [*_heading("Namespaces", "-"), *(f"- {document}" for document in documents), ""]
    if aliases:
        lines += [*_heading("Aliases", "-"), *aliases]
    if elsewhere:
        lines += [*_heading("Documented elsewhere", "-"), ", ".join(elsewhere) + ".", ""]
    return "\n".join(lines)


def _section(namespace: str, value: Any) -> str:
    """The folder that the source of a layer or op is in, or the file within it, as a title."""
    path = full_name(namespace) + "."
    if namespace not in GROUPED:
        return ""
    if namespace in {"layers", "ops"}:
        return ": ".join(folder.capitalize() for folder in value.__module__.removeprefix(path).split(".")[:-1])
    if not value.__module__.startswith(path):
        return "Others"
    file = value.__module__.removeprefix(path).replace("_", " ")
    return file.upper() if len(file) < 4 else file.capitalize()


def _entry(full: str, value: Any) -> list[str]:
    if not inspect.isclass(value):
        return [f".. autofunction:: {full}", ""]
    value.__name__ = full.rpartition(".")[2]  # otherwise autodoc says "alias of" the name in the source
    members = _members(value)
    options = ["   :show-inheritance:"] if public_bases(value) else []
    return [f".. autoclass:: {full}", *options, *([f"   :members: {members}"] if members else []), ""]


def _members(value: type) -> str:
    """The documented methods and properties of a class, without those of its public bases."""
    names: dict[str, None] = {}
    for base in value.__mro__:
        if base.__module__.partition(".")[0] != "dualnet" or (base is not value and public_path(base)):
            break
        for name, member in vars(base).items():
            inner = getattr(member, "__func__", member)  # of a class method
            if not name.startswith("_") and (inspect.isroutine(inner) or isinstance(inner, property)) and inner.__doc__:
                names[name] = None
    return ", ".join(names)
