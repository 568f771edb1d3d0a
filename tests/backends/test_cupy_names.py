"""Shared code uses only what NumPy and CuPy both have: checked by reading it, on a machine without CuPy too.

The frozen table ``cupy_api.txt`` stands in for CuPy; where CuPy is installed (no GPU needed) the table is checked against it.
"""

from __future__ import annotations

import ast
import importlib.util
import inspect
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from .cupy_api import NAMESPACES, Api, frozen, installed
from .strict_xp import PRODUCTS, REDUCED, SCATTERED

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = [ROOT / "backends" / "dualnet_backends", ROOT / "dualnet", ROOT / "cli" / "dualnet_cli"]

# Modules above floor 0 that may import NumPy, since what they do is done on the host. Nothing else may, and none CuPy.
HOST_MODULES = {
    "dualnet/applications/imagenet_utils.py": "prepares images of the host, and names classes",
    "dualnet/callbacks/event_file.py": "writes event files",
    "dualnet/data": "feeds data from the host",
    "dualnet/datasets": "reads files",
    "dualnet/graph/trial.py": "puts back the random numbers of NumPy and the arrays of users, silences warnings about zeros",
    "dualnet/legacy/tf_debugging.py": "assertions read values",
    "dualnet/legacy/tf_strings.py": "strings stay on the host",
    "dualnet/ops/higher_order": "operators between arrays and tensors follow NumPy's protocol",
    "dualnet/ops/shape_rules": "the rules for axes and indices are those of NumPy",
    "dualnet/initializers": "initial weights are drawn on the host by Keras's recipe",
    "dualnet/layers/preprocessing/audio/mel_spectrogram.py": "the table of bands is made once, on the host",
    "dualnet/layers/preprocessing/numeric/discretization.py": "finds the bins of host data",
    "dualnet/layers/preprocessing/text": "strings stay on the host",
    "dualnet/preprocessing": "prepares data on the host",
    "dualnet/random.py": "draws on the host",
    "dualnet/export": "writes programs for other machines, from what was computed once",
    "dualnet/saving": "writes and reads files",
    "dualnet/core/seeds.py": "seeds numpy.random",
    "dualnet/core/sparse.py": "sorts the entries of sparse matrices once, on the host",
    "dualnet/core/text.py": "strings stay on the host",
    "dualnet/testing": "compares on the host what devices computed",
    "dualnet/training/data_adapters/shuffling.py": "orders samples on the host",
    "dualnet/utils": "prepares data on the host",
    "dualnet/visualization": "draws on the host",
    "dualnet/wrappers": "what scikit-learn gives and takes are arrays of the host",
    "cli/dualnet_cli": "reads, scales and splits data files",
}


class Use(NamedTuple):
    """One ``xp.name``, with the call it is in (or None)."""

    where: str
    name: str
    call: ast.Call | None


def sources(*folders: Path) -> Iterator[tuple[str, ast.Module]]:
    for folder in folders:
        for path in sorted(folder.rglob("*.py")):
            yield path.relative_to(ROOT).as_posix(), ast.parse(path.read_text(encoding="utf-8"))


def is_xp(node: ast.expr) -> bool:
    """``xp``, ``self.xp``, ``backends.of(x).xp``, and ``cp`` in the CuPy backend"""
    return (isinstance(node, ast.Name) and node.id in ("xp", "cp")) or (
        isinstance(node, ast.Attribute) and node.attr == "xp"
    )


def dotted(node: ast.expr) -> str | None:
    """ "linalg.norm" of ``xp.linalg.norm``, None of what does not begin with xp"""
    if not isinstance(node, ast.Attribute):
        return None
    if is_xp(node.value):
        return node.attr
    front = dotted(node.value)
    return front and f"{front}.{node.attr}"


def uses_in(where: str, tree: ast.AST) -> Iterator[Use]:
    calls = {id(node.func): node for node in ast.walk(tree) if isinstance(node, ast.Call)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and (name := dotted(node)):
            yield Use(f"{where}:{node.lineno}", name, calls.get(id(node)))


USES = [use for where, tree in sources(*PACKAGES) for use in uses_in(where, tree)]
UFUNC_METHODS = {
    "at": SCATTERED,
    "reduce": REDUCED,
    "add_to_mean": REDUCED,
    "reduceat": {"add"},
    "outer": frozen().ufuncs,
}


def mistakes(uses: list[Use], api: Api) -> list[str]:
    """What of the uses CuPy (as described by ``api``) does not have."""
    messages = []
    for use in uses:
        if use.name.split(".")[0] in ("cuda", "__version__") or any(
            f"{n}.".startswith(f"{use.name}.") for n in NAMESPACES
        ):
            continue
        if use.name.partition(".")[0] in api.ufuncs and "." in use.name:
            ufunc, method = use.name.split(".")
            if ufunc not in UFUNC_METHODS.get(method, ()):
                messages.append(f"{use.where}: CuPy has no {use.name}")
        elif use.name not in api:
            messages.append(f"{use.where}: CuPy has no {use.name}")
        elif use.call is not None:
            messages += [
                f"{use.where}: CuPy's {use.name} has no {k.arg}="
                for k in use.call.keywords
                if k.arg is not None and not api.takes(use.name, k.arg)
            ]
            parameters = api.functions.get(use.name)
            starred = any(isinstance(a, ast.Starred) for a in use.call.args)
            if parameters is not None and not starred and not any(p.startswith("*") for p in parameters):
                if len(use.call.args) > len(parameters):
                    messages.append(f"{use.where}: CuPy's {use.name} takes {len(parameters)} arguments")
    return messages


def test_the_reader_sees_the_uses() -> None:
    assert len(USES) > 200
    assert {"exp", "where", "argsort", "matmul"} <= {use.name for use in USES}
    text = "xp.sum(x, initial=0); self.xp.unstack(x); backends.of(x).xp.clip(x, min=1); xp.exp(x, where=m); xp.eye(1,2,3,4,5,6)"
    text += "; xp.maximum.reduce(x); xp.add.at(x, i, y); xp.linalg.norm(x, other=1); xp.linalg.nothing(x)"
    messages = mistakes(list(uses_in("f.py", ast.parse(text))), frozen())
    assert [m.split(": ")[1] for m in messages] == [
        "CuPy's sum has no initial=",
        "CuPy has no unstack",
        "CuPy's clip has no min=",
        "CuPy's exp has no where=",
        "CuPy's eye takes 5 arguments",
        "CuPy has no maximum.reduce",
        "CuPy's linalg.norm has no other=",
        "CuPy has no linalg.nothing",
    ]


def test_names_and_keywords_in_the_table() -> None:
    assert mistakes(USES, frozen()) == []


def test_names_and_keywords_in_the_installed_cupy() -> None:
    if importlib.util.find_spec("cupy") is None:
        pytest.skip("CuPy is not installed: pip install 'dualnet[cuda12]' (no GPU is needed for this test)")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about CUDA libraries that are not there
        real = installed()
    assert mistakes(USES, real) == []
    for name in {use.name for use in USES} & set(frozen().functions):
        assert frozen().functions[name] == real.functions[name], f"{name}: run python -m tests.backends.cupy_api"


def test_products_are_those_of_the_backend() -> None:
    """CuPy refuses its own while a step is recorded."""
    assert {use.where.partition(":")[0] for use in USES if use.name in PRODUCTS} == {
        "backends/dualnet_backends/base.py",
        "backends/dualnet_backends/kernels/attention.py",  # a reference, which the GPU overrides
        "dualnet/ops/higher_order/backend.py",
    }


def test_names_in_numpy() -> None:
    numpys = [use for use in USES if "/gpu/" not in use.where and "." not in use.name]
    assert [f"{use.where}: NumPy has no {use.name}" for use in numpys if not hasattr(np, use.name)] == []
    for use in numpys:
        try:
            parameters = inspect.signature(getattr(np, use.name)).parameters
        except (TypeError, ValueError):
            continue
        for keyword in use.call.keywords if use.call else []:
            assert keyword.arg is None or keyword.arg in parameters or "kwargs" in parameters, use


def imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module.partition(".")[0]


def test_array_libraries_are_known_to_floor_0_alone() -> None:
    importing = {where: set(imports(tree)) & {"numpy", "cupy"} for where, tree in sources(*PACKAGES[1:])}
    wrong = {
        where: sorted(names)
        for where, names in importing.items()
        if "cupy" in names or (names and not any(where == m or where.startswith(m + "/") for m in HOST_MODULES))
    }
    assert wrong == {}, "write it with xp, or add the module and its reason to HOST_MODULES"


def test_the_list_of_host_modules_is_not_too_long() -> None:
    importing = [where for where, tree in sources(*PACKAGES[1:]) if "numpy" in set(imports(tree))]
    unused = [m for m in HOST_MODULES if not any(w == m or w.startswith(m + "/") for w in importing)]
    assert unused == [], "these import NumPy no longer: take them off the list"


def test_floor_0_imports_nothing_of_ours_and_cupy_in_one_folder() -> None:
    for where, tree in sources(PACKAGES[0]):
        names = set(imports(tree))
        assert not names & {"dualnet", "dualnet_cli"}, where
        assert "cupy" not in names or "/gpu/" in where, where
