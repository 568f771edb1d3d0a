"""Interleaved processes: every library, every number of threads, several rounds."""

from __future__ import annotations

import importlib.util
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import sklearn_peer
from .workloads import WORKLOADS

NEEDS = {  # peer: what must be installed
    "dualnet": ("dualnet",),
    "dualnet-numpy": ("dualnet", "numba"),  # without Numba, if it is installed
    "torch": ("torch",),
    "torch.compile": ("torch",),
    "keras-jax": ("keras", "jax"),
    "keras-torch": ("keras", "torch"),
    "tf.keras": ("tensorflow",),
    "scikit-learn": ("sklearn",),
}
THREADS = (1, 2)
ROOT = Path(__file__).resolve().parents[1]


@dataclass
class Setting:
    """How to measure. python: the interpreters of peers that are not installed in this one."""

    rounds: int = 3
    repeats: int = 5
    python: Mapping[str, str] = field(default_factory=dict)
    limit_s: float = 900.0

    def peers(self, names: Iterable[str] | None = None) -> list[str]:
        """The installed peers, or those that are named."""
        installed = [p for p, needs in NEEDS.items() if p in self.python or all(map(importlib.util.find_spec, needs))]
        return [p for p in NEEDS if p in set(names)] if names else installed


@dataclass
class Result:
    """The results of one peer: the median of each round, by number of threads."""

    us: dict[int, list[float]] = field(default_factory=dict)
    peak_mb: dict[int, list[float]] = field(default_factory=dict)
    error: str | None = None

    @property
    def best(self) -> tuple[float, int] | None:
        """The best median time, and its number of threads."""
        return min(((statistics.median(v), t) for t, v in self.us.items()), default=None)

    @property
    def memory(self) -> float | None:
        """The peak of the process in MiB at that number of threads."""
        best = self.best
        return statistics.median(self.peak_mb[best[1]]) if best and self.peak_mb else None


def measure(measurement: str, name: str, peers: list[str], setting: Setting) -> dict[str, Result]:
    """measurement: "train", "predict", "cold" or "import"; the last two time the whole process."""
    results = {p: Result() for p in peers if _is_supported(p, measurement, name)}
    for number in range(setting.rounds):
        for threads in THREADS if measurement in ("train", "predict") else THREADS[-1:]:
            # In alternating order, so that the processor is not always heated by the same predecessor.
            for peer, result in list(results.items())[:: -1 if number % 2 else 1]:
                if result.error is None:
                    _run_once(measurement, peer, name, threads, setting, result)
    return results


def _is_supported(peer: str, measurement: str, name: str) -> bool:
    if measurement != "train" and peer in ("torch.compile", "scikit-learn"):
        return False
    return peer != "scikit-learn" or sklearn_peer.supports(WORKLOADS[name])


def _run_once(measurement: str, peer: str, name: str, threads: int, setting: Setting, result: Result) -> None:
    environment = dict(os.environ, TF_CPP_MIN_LOG_LEVEL="3", JAX_PLATFORMS="cpu", DUALNET_DEVICE="cpu")
    environment["CUDA_VISIBLE_DEVICES"] = ""
    for variable in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "DUALNET_NUMBA"):
        environment.pop(variable, None)  # they slow down some libraries only
    if peer == "dualnet-numpy":
        environment["DUALNET_NUMBA"] = "0"
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        environment[variable] = str(threads)
    if peer == "keras-jax" and threads == 1:
        environment["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    parts = [str(ROOT / part) for part in ("backends", ".")]
    environment["PYTHONPATH"] = os.pathsep.join([*parts, *filter(None, [os.environ.get("PYTHONPATH")])])
    command = [setting.python.get(peer, sys.executable), "-m", "benchmarks.child", measurement, peer, name]
    command += [str(threads), str(setting.repeats)]
    start = time.perf_counter()
    try:
        completed = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=setting.limit_s, check=False
        )
    except subprocess.TimeoutExpired:
        result.error = f"took more than {setting.limit_s:.0f} s"
        return
    elapsed = time.perf_counter() - start
    if completed.returncode:
        result.error = (completed.stderr.strip().splitlines() or [f"exit status {completed.returncode}"])[-1]
        return
    output: dict[str, Any] = (
        json.loads(completed.stdout.strip().splitlines()[-1]) if measurement != "import" else {"us": None}
    )
    us = statistics.median(output["us"]) if output["us"] else elapsed * 1e6
    result.us.setdefault(threads, []).append(us)
    if "peak_mb" in output:
        result.peak_mb.setdefault(threads, []).append(output["peak_mb"])
