"""What CuPy's module has, as a frozen table, so that shared code can be checked where CuPy is not installed.

``python -m tests.backends.cupy_api`` writes the table anew from the CuPy that is installed (no GPU needed).
"""

from __future__ import annotations

import inspect
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

TABLE = Path(__file__).with_suffix(".txt")
# Functions whose signature does not tell which keywords they take.
KEYWORDS = {
    "einsum": "*operands dtype optimize",
    "meshgrid": "*xi indexing sparse copy",
    "matmul": "x1 x2 out casting dtype",
    "pad": "array pad_width mode **kwargs",
}
NAMESPACES = ("fft", "linalg", "lib.stride_tricks")  # modules inside CuPy's whose names are in the table too
UFUNC = ("x1", "x2", "out", "casting", "dtype")


class Api(NamedTuple):
    """functions: name -> parameters ("*args" and "**kwargs" as written). names: everything else but ufuncs."""

    functions: dict[str, tuple[str, ...]]
    ufuncs: frozenset[str]
    names: frozenset[str]

    def takes(self, name: str, keyword: str) -> bool:
        """Whether a call of ``name`` may have this keyword; names that are no functions take any."""
        parameters = UFUNC if name in self.ufuncs else self.functions.get(name)
        return parameters is None or keyword in parameters or any(p.startswith("**") for p in parameters)

    def __contains__(self, name: str) -> bool:
        return name in self.functions or name in self.ufuncs or name in self.names


@cache
def frozen() -> Api:
    """The table in ``cupy_api.txt``."""
    functions: dict[str, tuple[str, ...]] = {}
    others: dict[str, set[str]] = {"ufunc": set(), "name": set()}
    for line in TABLE.read_text().splitlines():
        section, *words = line.split()
        if section == "function":
            functions[words[0]] = tuple(words[1:])
        elif section in others:
            others[section].update(words)
    return Api(functions, frozenset(others["ufunc"]), frozenset(others["name"]))


def installed() -> Api:
    """The same of the CuPy that is installed. Raises ``ImportError`` when there is none."""
    import cupy

    functions: dict[str, tuple[str, ...]] = {}
    ufuncs, names = set(), set()
    members = {name: getattr(cupy, name) for name in dir(cupy)}
    for namespace in NAMESPACES:
        module = cupy
        for part in namespace.split("."):
            module = getattr(module, part)
        members |= {f"{namespace}.{name}": getattr(module, name) for name in dir(module)}
    for name, member in sorted(members.items()):
        if name.rpartition(".")[2].startswith("_") or inspect.ismodule(member):
            continue
        if isinstance(member, cupy.ufunc):
            ufuncs.add(name)
        elif isinstance(member, type) or not callable(member):
            names.add(name)
        else:
            parameters = _parameters(member)
            if name in KEYWORDS:
                functions[name] = tuple(KEYWORDS[name].split())
            elif parameters is None:
                names.add(name)
            else:
                functions[name] = parameters
    return Api(functions, frozenset(ufuncs), frozenset(names))


def _parameters(function: Any) -> tuple[str, ...] | None:
    try:
        own_parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return None
    star = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
    return tuple(star.get(p.kind, "") + p.name for p in own_parameters)


def main() -> None:
    import cupy

    api = installed()
    lines = [f"# The public names of CuPy {cupy.__version__}: see cupy_api.py"]
    lines += [" ".join(("function", name, *parameters)) for name, parameters in api.functions.items()]
    for section, words in (("ufunc", api.ufuncs), ("name", api.names)):
        ordered = sorted(words)
        lines += [f"{section} {' '.join(ordered[i : i + 10])}" for i in range(0, len(ordered), 10)]
    TABLE.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
