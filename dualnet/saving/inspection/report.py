"""What ``inspect`` finds in a file, and how its parts are collected."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .. import limits

_MAX_PROBLEMS = 20


@dataclass(frozen=True)
class StoredArray:
    """An array in a file: its name, shape and dtype."""

    name: str
    shape: tuple[int, ...]
    dtype: str

    @property
    def size(self) -> int:
        """How many numbers it has."""
        return math.prod(self.shape)


@dataclass(frozen=True)
class StoredLayer:
    """A layer of a config. depth: how many models it is inside of.  input_shape: what it was built for, if the file says so."""

    name: str
    class_name: str
    depth: int
    input_shape: Any
    trainable: bool
    arrays: list[StoredArray]

    @property
    def params(self) -> int:
        """How many numbers its arrays have."""
        return sum(array.size for array in self.arrays)


@dataclass(frozen=True)
class Port:
    """An input or output of an exported model.  shape: with names, or None, for the sizes that may vary"""

    kind: str  # "input" or "output"
    name: str
    shape: tuple[int | str | None, ...] | None
    dtype: str


@dataclass
class Report:
    """What is in a file.

    format: in words. versions: of what wrote it. model: class and name. compile: arguments of ``compile`` by name.
    arrays: those of the layers. state: the arrays of optimizers, and of other things that are no weights.
    assets, parts: (name, bytes) of what is packed in the file, and of files that belong to it. ports, ops: the inputs and outputs
    of an exported model, and how often it uses each operator. details: what else there is to say, by name.
    problems: what is wrong. verdict: what follows from them.
    """

    path: Path
    size: int
    format: str = "unknown"
    versions: dict[str, str] = field(default_factory=dict)
    model: dict[str, Any] = field(default_factory=dict)
    layers: list[StoredLayer] = field(default_factory=list)
    compile: dict[str, Any] = field(default_factory=dict)
    arrays: list[StoredArray] = field(default_factory=list)
    state: list[StoredArray] = field(default_factory=list)
    assets: list[tuple[str, int]] = field(default_factory=list)
    parts: list[tuple[str, int]] = field(default_factory=list)
    ports: list[Port] = field(default_factory=list)
    ops: dict[str, int] = field(default_factory=dict)
    details: dict[str, Any] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    verdict: str = "would be refused"

    @property
    def params(self) -> int:
        """How many numbers the arrays of the layers have."""
        return sum(array.size for array in self.arrays)

    def refuse(self, problem: object) -> None:
        """Note what is wrong with the file."""
        text = " ".join(str(problem).split()).removeprefix(f"{self.path}: ")
        if text not in self.problems and len(self.problems) < _MAX_PROBLEMS:
            self.problems.append(text)


def parse_json(text: Any, name: str) -> dict[str, Any]:
    """The object that a text in JSON describes. name: of the text, in messages. Raises ``ValueError`` for any other text."""
    try:
        value = limits.parse_json(text, name)
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{name} is damaged ({error})") from None
    if not isinstance(value, dict):
        raise ValueError(f"{name} is no object of JSON")
    return value
