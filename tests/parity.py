"""The same program on dualnet and on Keras: what Keras gives is frozen beside the test, and asked anew where it is installed.

A module of cases has ``CASES``, a dictionary of functions that take the library (``dualnet`` or ``keras``) and return
numbers in nested lists and dictionaries. ``python -m tests.parity MODULE...`` writes ``<module>.json`` with Keras's results.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

Case = Callable[[Any], Any]


def plain(value: Any) -> Any:
    """Arrays, tensors and scalars as lists and Python numbers."""
    if isinstance(value, Mapping):
        return {str(key): plain(v) for key, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return np.asarray(value).tolist()


def run(case: Case, library: Any) -> Any:
    """The results of a case; what Keras and JAX warn about is not ours."""
    with warnings.catch_warnings():
        if library.__name__ == "keras":
            warnings.simplefilter("ignore")
        return plain(case(library))


def frozen(module_file: str) -> dict[str, Any]:
    """Keras's results for the cases of a module."""
    return json.loads(Path(module_file).with_suffix(".json").read_text(encoding="utf-8"))


def assert_close(got: Any, expected: Any, rtol: float, atol: float, where: str = "") -> None:
    """The same structure and keys, in the same order, and numbers that agree."""
    if isinstance(expected, dict):
        assert isinstance(got, dict), where
        assert list(got) == list(expected), where
        for key in expected:
            assert_close(got[key], expected[key], rtol, atol, f"{where}[{key!r}]")
    elif isinstance(expected, list) and not all(isinstance(v, (int, float)) for v in expected):
        assert isinstance(got, list), where
        assert len(got) == len(expected), where
        for n, (a, b) in enumerate(zip(got, expected)):
            assert_close(a, b, rtol, atol, f"{where}[{n}]")
    elif isinstance(expected, (list, float)):
        np.testing.assert_allclose(got, expected, rtol=rtol, atol=atol, err_msg=where)
    else:
        assert got == expected, where


def _short(value: Any) -> Any:
    """Eight digits, which float32 does not have."""
    if isinstance(value, dict):
        return {key: _short(v) for key, v in value.items()}
    if isinstance(value, list):
        return [_short(v) for v in value]
    return float(f"{value:.8g}") if isinstance(value, float) else value


def freeze(name: str) -> Path:
    """Write what Keras gives for the cases of a module; returns the file."""
    import keras

    module = importlib.import_module(name)
    results = {case: _short(run(function, keras)) for case, function in module.CASES.items()}
    path = Path(str(module.__file__)).with_suffix(".json")
    lines = [f"{json.dumps(case)}: {json.dumps(result)}" for case, result in results.items()]
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
    return path


if __name__ == "__main__":
    os.environ["KERAS_BACKEND"] = "jax"
    for argument in sys.argv[1:]:
        print(freeze(argument))
