"""The three floors: what each import loads, and what it does not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PATHS = [str(ROOT / "backends"), str(ROOT), str(ROOT / "cli")]
HEAVY = {"click", "rich", "pydantic", "h5py", "cupy", "pooch", "matplotlib", "requests", "keras", "jax", "ml_dtypes"}


def loaded_by(statement: str) -> set[str]:
    """The top-level modules that a fresh Python has loaded after a statement, beyond those it starts with."""
    code = f"""
import json, sys
before = set(sys.modules)
{statement}
print(json.dumps(sorted({{name.partition(".")[0] for name in set(sys.modules) - before}})))
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(PATHS)}
    environment.pop("DUALNET_DEVICE", None)
    process = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=120)
    assert process.returncode == 0, process.stderr
    return set(json.loads(process.stdout.splitlines()[-1]))


def test_floor_0_knows_nothing_of_ours() -> None:
    loaded = loaded_by("import dualnet_backends")
    assert "numpy" in loaded
    assert not loaded & {"dualnet", "dualnet_cli", *HEAVY}


def test_floor_1_loads_numpy_and_no_other_library() -> None:
    loaded = loaded_by("import dualnet")
    assert "dualnet_backends" in loaded
    assert not loaded & {"dualnet_cli", *HEAVY}
    third_party = loaded - set(sys.stdlib_module_names) - {"dualnet", "dualnet_backends", "numpy"}
    assert {name for name in third_party if not name.startswith("_")} == set()


@pytest.mark.parametrize("name", ["cpu", "numpy"])
def test_choosing_the_cpu_does_not_look_for_a_gpu(name: str) -> None:
    assert "cupy" not in loaded_by(f"import dualnet; dualnet.config.set_device({name!r}); dualnet.ops.ones(3)")
    assert "cupy" not in loaded_by(
        f"import os; os.environ['DUALNET_DEVICE'] = {name!r}; import dualnet; dualnet.ops.ones(3)"
    )


def test_training_loads_no_other_library() -> None:
    loaded = loaded_by(
        """
import os
os.environ["DUALNET_DEVICE"] = "cpu"
import dualnet, numpy
model = dualnet.Sequential([dualnet.Input((3,)), dualnet.layers.Dense(2)])
model.compile("adam", "mse")
model.fit(numpy.ones((8, 3)), numpy.ones((8, 2)), verbose=0)
model.predict(numpy.ones((2, 3)), verbose=0)
"""
    )
    assert not loaded & {"dualnet_cli", *HEAVY}


def test_floor_2_stands_on_floor_1() -> None:
    loaded = loaded_by("import dualnet_cli.main")
    assert not loaded & {"cupy", "h5py", "pooch", "matplotlib", "keras", "jax", "ml_dtypes"}
