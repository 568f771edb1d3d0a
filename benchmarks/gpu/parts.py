"""The parts of the run, each within a time of its own. What is not done in that time is left out, and said."""

from __future__ import annotations

import importlib.util
import os
import re
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..measure import ROOT, Child
from ..workloads import WORKLOADS

OWN = ("captured", "eager", "cupy")
PEERS = ("captured", "eager", "torch", "cupy", "torch.compile")  # the slowest to prepare come last
LEAST_S = 5.0  # nothing is begun with less time left
QUICK = {"batch": 4, "steps": 8, "repeats": 1, "compare_steps": 1}
FULL = {"batch": None, "steps": None, "repeats": 5, "compare_steps": 3}
QUICK_ROWS = ("8-30-10-5-1, batch 32, SGD", "784-128-10 with Dropout, batch 64, Adam")
QUICK_CONFIGS = ("digits_mlp", "xor")
QUICK_TESTS = ("tests/test_out_of_memory.py",)
TESTS = ("tests/backends", "tests/capture", "tests/models/test_moving.py", "tests/test_compare_devices.py", "tests/ops")


@dataclass
class Clock:
    """The time that is left. now: seconds of a clock, for tests."""

    limit_s: float
    now: Callable[[], float] = time.monotonic
    start: float = field(init=False)

    def __post_init__(self) -> None:
        self.start = self.now()

    @property
    def left(self) -> float:
        return self.limit_s - (self.now() - self.start)

    def part(self, fraction: float) -> Clock:
        """A clock for a part of what is left."""
        return Clock(max(self.left, 0.0) * fraction, self.now)


def peers() -> tuple[list[str], list[str]]:
    """(what is measured, what is not and why)"""
    if importlib.util.find_spec("torch") is None:
        return list(OWN), ["torch, torch.compile: PyTorch is not installed"]
    return list(PEERS), []


def environment() -> dict[str, str]:
    parts = [str(ROOT / part) for part in ("backends", "cli", ".")]
    path = os.pathsep.join([*parts, *filter(None, [os.environ.get("PYTHONPATH")])])
    return {**os.environ, "PYTHONPATH": path, "DUALNET_DEVICE": "gpu", "DUALNET_TRAINING_WARNINGS": "0"}


class Processes:
    """A process for each library, started when it is first asked, and anew after one that had to be ended."""

    def __init__(self, module: str = "benchmarks.gpu.child", variables: Mapping[str, str] | None = None) -> None:
        self._module, self._variables = module, variables
        self._running: dict[str, Child] = {}

    def __enter__(self) -> Processes:
        return self

    def __exit__(self, *exception: object) -> None:
        for child in self._running.values():
            child.close()
        self._running.clear()

    def ask(self, peer: str, what: str, name: str, options: Mapping[str, Any], limit_s: float) -> dict[str, Any]:
        child = self._running.get(peer)
        if child is None:
            command = [sys.executable, "-m", self._module, peer]
            child = self._running[peer] = Child(command, self._variables or environment(), limit_s)
        child.limit_s = limit_s
        answer = child.ask(what, name, dict(options))
        if (
            set(answer) == {"error"} and not answer["error"].partition(":")[0].isidentifier()
        ):  # it ended without an answer
            self._running.pop(peer).close()
        return answer


def steps(
    clock: Clock,
    processes: Processes,
    names: Sequence[str],
    measured: Sequence[str],
    options: Mapping[str, Any],
    done: Callable[[str, str, dict[str, Any]], None],
) -> list[str]:
    """Step times of the rows, peer by peer. done: called with each result. Returns what was left out."""
    left_out = []
    for peer in measured:
        for i, name in enumerate(names):
            if clock.left < LEAST_S:
                left_out.append(f"{peer}: no time for {len(names) - i} of {len(names)} rows")
                break
            answer = processes.ask(peer, "train", name, options, min(clock.left, 90.0))
            if answer["error"] is None:
                answer["median"] = statistics.median(answer["us"])
            done(name, peer, answer)
    return left_out


def compare(
    clock: Clock,
    processes: Processes,
    configs: Sequence[str],
    options: Mapping[str, Any],
    done: Callable[[str, dict[str, Any]], None],
) -> list[str]:
    """``dualnet compare`` of every config. Returns what was left out."""
    for i, name in enumerate(configs):
        if clock.left < LEAST_S:
            return [f"no time for {len(configs) - i} of {len(configs)} configs: {', '.join(configs[i:])}"]
        done(name, processes.ask("captured", "compare", name, options, min(clock.left, 60.0)))
    return []


def suite(clock: Clock, paths: Sequence[str], workers: int = 0) -> dict[str, Any]:
    """The tests that run on the GPU. At the end of the time they are interrupted, and the counts are those so far."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-k",
        "gpu",
        "-m",
        "not keras and not sklearn",
    ]
    if workers > 1 and importlib.util.find_spec("xdist"):
        command += ["-n", str(workers)]
    variables = {**environment(), "DUALNET_DEVICE": "cpu"}  # a test says where it runs
    start = time.monotonic()
    process = subprocess.Popen(
        [*command, *paths],
        cwd=ROOT,
        env=variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    interrupted = False
    try:
        output, _ = process.communicate(timeout=max(clock.left, 1.0))
    except subprocess.TimeoutExpired:
        interrupted = True
        os.killpg(process.pid, signal.SIGINT)
        try:
            output, _ = process.communicate(timeout=15)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            output, _ = process.communicate()
    failed = re.findall(r"^(?:FAILED|ERROR) (\S+)", output, re.MULTILINE)
    return {
        "paths": list(paths),
        "counts": counts(output),
        "failed": failed,
        "seconds": round(time.monotonic() - start, 1),
        "interrupted": interrupted,
        "last lines": output.strip().splitlines()[-3:],
    }


def counts(output: str) -> dict[str, int]:
    """ "2 failed, 31 passed in 4.20s" -> {"failed": 2, "passed": 31}, of the last such line of pytest."""
    lines = [line for line in output.splitlines() if re.search(r"\d+ (passed|failed|skipped|error)", line)]
    found = re.findall(
        r"(\d+) (passed|failed|skipped|deselected|errors?|xfailed|warnings?)", lines[-1] if lines else ""
    )
    return {word.rstrip("s") if word.startswith("error") else word: int(n) for n, word in found}


def devices() -> dict[str, Any]:
    """What there is: ``dualnet devices``, and the driver as nvidia-smi names it."""
    import dualnet

    answer: dict[str, Any] = {
        "devices": [list(row) for row in dualnet.config.device_report()],
        "libraries": [list(row) for row in dualnet.config.library_report()],
        "no gpu": dualnet.config.gpu_status(),
    }
    try:
        query = ["nvidia-smi", "--query-gpu=name,driver_version,memory.total,clocks.max.sm", "--format=csv,noheader"]
        answer["nvidia-smi"] = subprocess.run(query, capture_output=True, text=True, timeout=20).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        answer["nvidia-smi"] = None
    return answer


def rows(quick: bool, text: str = "") -> list[str]:
    """The names of the rows to measure."""
    names = QUICK_ROWS if quick else tuple(WORKLOADS)
    return [name for name in names if text.lower() in name.lower()]


def configs(quick: bool) -> list[str]:
    """The names of the configs to compare."""
    if quick:
        return list(QUICK_CONFIGS)
    from dualnet_cli import shipped

    return shipped.names()
