"""What Keras does in the scenarios: as frozen in ``keras_results.json``, and asked anew where Keras is installed."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

_HERE = Path(__file__).parent
frozen: dict[str, Any] = json.loads((_HERE / "keras_results.json").read_text(encoding="utf-8"))


@lru_cache(maxsize=1)
def asked() -> dict[str, Any]:
    """Keras's own answers, from a process of its own; skips the test when Keras or JAX is not installed."""
    for name in ("keras", "jax"):
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"{name} is not installed (pip install 'dualnet[parity]')")
    environment = {**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu", "PYTHONIOENCODING": "utf-8"}
    environment.pop("COLUMNS", None)
    done = subprocess.run(
        [sys.executable, str(_HERE / "scenarios.py")],
        env=environment,
        capture_output=True,
        encoding="utf-8",
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def as_json(value: Any) -> Any:
    """The value as it comes back from JSON, so that it can be compared with what was read from there."""
    return json.loads(json.dumps(value))
