"""The import graph: no cycle, and no import of a higher level. Imports inside functions count as well."""

from __future__ import annotations

import ast
from collections import deque
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCES = {"dualnet_backends": ROOT / "backends", "dualnet": ROOT, "dualnet_cli": ROOT / "cli"}

# Each level may import those before it, and none behind it. Model is a Trainer, so training lies below the models; packages that
# are not listed may be at any level, as long as there is no cycle.
LEVELS = (
    "dualnet_backends", "dualnet.core", "dualnet.graph", "dualnet.ops", "dualnet.losses", "dualnet.metrics", "dualnet.layers",
    "dualnet.optimizers", "dualnet.saving", "dualnet.capture", "dualnet.training", "dualnet.models", "dualnet_cli",
)  # fmt: skip

Graph = dict[str, dict[str, str]]  # importer -> imported -> "file:line" of the first import


def import_graph(sources: dict[str, Path]) -> Graph:
    """The imports between the modules of some packages.  sources: package -> the folder it is in"""
    files: dict[str, Path] = {}
    for package, folder in sources.items():
        for file in sorted((folder / package).rglob("*.py")):
            files[".".join(file.relative_to(folder).with_suffix("").parts).removesuffix(".__init__")] = file
    graph: Graph = {}
    for module, file in files.items():
        imports = graph.setdefault(module, {})
        package = module if file.name == "__init__.py" else module.rpartition(".")[0]
        for line, base, name in _imports(ast.parse(file.read_text(encoding="utf-8")), package):
            target = f"{base}.{name}" if f"{base}.{name}" in files else base
            if target in files and target != module:
                imports.setdefault(target, f"{file.relative_to(sources[module.partition('.')[0]])}:{line}")
    return graph


def _imports(tree: ast.AST, package: str) -> Iterator[tuple[int, str, str]]:
    """(line, module, name) of every import that runs; those for type checkers do not."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            for branch in node.orelse:
                yield from _imports(branch, package)
            continue
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*parents, *([node.module] if node.module else [])])
            yield from ((node.lineno, base, alias.name) for alias in node.names)
        yield from _imports(node, package)


def shortest_cycles(graph: Graph) -> list[list[str]]:
    """The shortest cycle through each module that is in one; each cycle once."""
    cycles: dict[frozenset[str], list[str]] = {}
    for start in graph:
        previous = {start: start}
        queue = deque([start])
        while queue:
            module = queue.popleft()
            if start in graph[module]:
                cycle = [module]
                while cycle[-1] != start:
                    cycle.append(previous[cycle[-1]])
                cycles.setdefault(frozenset(cycle), cycle[::-1])
                break
            for target in graph[module]:
                if target not in previous:
                    previous[target] = module
                    queue.append(target)
    return sorted(cycles.values(), key=len)


def report(graph: Graph, cycle: list[str]) -> str:
    edges = zip(cycle, [*cycle[1:], cycle[0]])
    return "\n".join(f"  {graph[module][target]} -> {target}" for module, target in edges)


@cache
def dualnet_graph() -> Graph:
    return import_graph(SOURCES)


def level(module: str) -> int | None:
    return next((i for i, prefix in enumerate(LEVELS) if f"{module}.".startswith(f"{prefix}.")), None)


def test_no_import_cycle() -> None:
    graph = dualnet_graph()
    cycles = shortest_cycles(graph)
    assert not cycles, f"{len(cycles)} import cycles:\n" + "\n\n".join(report(graph, cycle) for cycle in cycles[:10])


def test_no_import_of_a_higher_level() -> None:
    upward = [
        f"{at} -> {target}"
        for module, targets in dualnet_graph().items()
        for target, at in targets.items()
        if None not in (a := level(module), b := level(target)) and a < b  # type: ignore[operator]
    ]
    assert not upward, f"the levels are {', '.join(LEVELS)}; these imports go up:\n" + "\n".join(upward)


def test_cycles_are_reported(tmp_path: Path) -> None:
    package = tmp_path / "p"
    package.mkdir()
    (package / "__init__.py").write_text("from .a import f\n")
    (package / "a.py").write_text("def f():\n    from . import b\n    return b\n")
    (package / "b.py").write_text("import p.c as c\n")
    (package / "c.py").write_text("from .a import f\n")
    graph = import_graph({"p": tmp_path})
    assert graph["p.a"] == {"p.b": "p/a.py:2"}
    (cycle,) = shortest_cycles(graph)
    assert sorted(report(graph, cycle).split("\n")) == ["  p/a.py:2 -> p.b", "  p/b.py:1 -> p.c", "  p/c.py:1 -> p.a"]
    typing = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from .a import f\nelse:\n    f = None\n"
    (package / "c.py").write_text(typing)
    assert shortest_cycles(import_graph({"p": tmp_path})) == []


@pytest.mark.parametrize("module", ["dualnet.ops", "dualnet.models.model", "dualnet_cli.main", "dualnet_backends.base"])
def test_the_graph_knows_the_modules(module: str) -> None:
    assert dualnet_graph()[module]
