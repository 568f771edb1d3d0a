"""Every library with every number of threads in a process of its own, measured by turns, in several rounds."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import sklearn_peer
from .child import ANSWER
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
WHOLE = ("cold", "import")  # measurements of a whole process, from its start
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
    """The results of one peer. us: the median of each round, by number of threads. peak_mb: of processes in MiB."""

    us: dict[int, list[float]] = field(default_factory=dict)
    worst: dict[int, list[float]] = field(default_factory=dict)
    peak_mb: list[float] = field(default_factory=list)
    error: str | None = None

    @property
    def best(self) -> tuple[float, int] | None:
        """The best median time, and its number of threads."""
        return min(((statistics.median(v), t) for t, v in self.us.items()), default=None)

    @property
    def memory(self) -> float | None:
        """The median peak."""
        return statistics.median(self.peak_mb) if self.peak_mb else None


class Child:
    """A process that measures one workload after the other. limit_s: how long an answer may take."""

    def __init__(self, command: list[str], environment: Mapping[str, str], limit_s: float) -> None:
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 (closed by ``close``)
        self._process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        self.limit_s = limit_s

    def ask(self, measurement: str, name: str, repeats: Any) -> dict[str, Any]:
        """The answer of the process; {"error": ...} if it ended, and then it is of no more use."""
        timer = threading.Timer(self.limit_s, self._process.kill)
        timer.start()
        try:
            print(json.dumps([measurement, name, repeats]), file=self._process.stdin, flush=True)
            for line in self._process.stdout or ():
                if line.startswith(ANSWER):
                    answer: dict[str, Any] = json.loads(line.removeprefix(ANSWER))
                    return answer
        except BrokenPipeError:
            pass
        finally:
            timer.cancel()
        status = self._process.wait()
        self._errors.seek(0)
        last = (self._errors.read().strip().splitlines() or [f"exit status {status}"])[-1]
        return {"error": f"took more than {self.limit_s:.0f} s" if status == -signal.SIGKILL else last}

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()
        self._errors.close()


class Children:
    """One process for each peer and number of threads, started when it is first asked."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._running: dict[tuple[str, int], Child] = {}

    def __enter__(self) -> Children:
        return self

    def __exit__(self, *exception: object) -> None:
        for child in self._running.values():
            child.close()
        self._running.clear()

    def ask(self, peer: str, threads: int, measurement: str, name: str, repeats: int) -> dict[str, Any]:
        child = self._running.get((peer, threads))
        if child is None:
            command = [self._setting.python.get(peer, sys.executable), "-m", "benchmarks.child", peer, str(threads)]
            child = Child(command, _environment(peer, threads), self._setting.limit_s)
            self._running[peer, threads] = child
        answer = child.ask(measurement, name, repeats)
        if "us" not in answer:
            self._running.pop((peer, threads)).close()
        return answer


def measure(measurement: str, name: str, peers: list[str], setting: Setting, children: Children) -> dict[str, Result]:
    """Measure in all peers by turns.

    measurement: "train", "predict", "predict zoo" (repeats times), "each step" (1,000 steps); "cold" and "import" time whole processes.
    """
    results = {p: Result() for p in peers if _is_supported(p, measurement, name)}
    for number in range(setting.rounds):
        for threads in THREADS[-1:] if measurement in WHOLE else THREADS:
            # In alternating order, so that the processor is not always heated by the same predecessor.
            for peer, result in list(results.items())[:: -1 if number % 2 else 1]:
                if result.error is None:
                    _run_once(measurement, peer, name, threads, setting, children, result)
    return results


def _is_supported(peer: str, measurement: str, name: str) -> bool:
    if measurement not in ("train", "each step") and peer in ("torch.compile", "scikit-learn"):
        return False
    return peer != "scikit-learn" or (measurement == "train" and sklearn_peer.supports(WORKLOADS[name]))


def _run_once(
    measurement: str, peer: str, name: str, threads: int, setting: Setting, children: Children, result: Result
) -> None:
    start = time.perf_counter()
    if measurement in WHOLE:
        with Children(setting) as own:
            answer = own.ask(peer, threads, measurement, name, 1)
            elapsed = (time.perf_counter() - start) * 1e6
    else:
        answer = children.ask(peer, threads, measurement, name, 1000 if measurement == "each step" else setting.repeats)
    result.error = answer["error"]
    if result.error is None:
        result.us.setdefault(threads, []).append(elapsed if measurement in WHOLE else statistics.median(answer["us"]))
        if measurement in WHOLE:
            result.peak_mb.append(answer["peak_mb"])
        if measurement == "each step":
            result.worst.setdefault(threads, []).append(max(answer["us"]))


def _environment(peer: str, threads: int) -> dict[str, str]:
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
    return environment
