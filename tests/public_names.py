"""The public names of dualnet, namespace by namespace. ``python -m tests.public_names`` writes ``public_names.txt`` anew."""

from __future__ import annotations

import importlib
import inspect
import textwrap
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_suffix(".txt")
NAMESPACES = [
    "dualnet",
    "activations",
    "applications",
    "callbacks",
    "config",
    "constraints",
    "data",
    "datasets",
    "initializers",
    "layers",
    "losses",
    "metrics",
    "models",
    "ops",
    "ops.linalg",
    "ops.nn",
    "ops.numpy",
    "optimizers",
    "optimizers.schedules",
    "random",
    "regularizers",
    "saving",
    "testing",
    "tree",
    "utils",
    "visualization",
    "utils.bounding_boxes",
]


def module(namespace: str) -> Any:
    return importlib.import_module("dualnet" if namespace == "dualnet" else f"dualnet.{namespace}")


def names() -> dict[str, list[str]]:
    """What each namespace says is public."""
    return {namespace: sorted(module(namespace).__all__) for namespace in NAMESPACES}


def pinned() -> dict[str, list[str]]:
    """What the file says."""
    names: dict[str, list[str]] = {}
    for paragraph in FILE.read_text(encoding="utf-8").strip().split("\n\n"):
        namespace, *listed = paragraph.split()
        names[namespace.rstrip(":")] = listed
    return names


def documented(value: Any) -> bool:
    """Whether a class or function says what it does; other values have a comment where they are set."""
    return not (inspect.isclass(value) or inspect.isroutine(value)) or bool((inspect.getdoc(value) or "").strip())


if __name__ == "__main__":
    paragraphs = [
        textwrap.fill(f"{namespace}: {' '.join(listed)}", 118, subsequent_indent="  ", break_long_words=False)
        for namespace, listed in names().items()
    ]
    FILE.write_text("\n\n".join(paragraphs) + "\n", encoding="utf-8")
    print(f"{FILE}: {sum(map(len, names().values()))} names")
