"""Runs of ``dualnet train`` that are killed at random moments and resumed until they are done, compared with whole ones.

    python -m tests.cli.kill_runs --count 500                 # SIGKILL
    python -m tests.cli.kill_runs --count 100 --how TERM      # or INT, HUP: a stop that is asked for
    python -m tests.cli.kill_runs --count 50 --how full       # no more room on the disk, from a random moment on

Each run may be cut off several times. In the end its files must be those of a run that was not: the model bit for bit, metrics.csv but
for the seconds, what callbacks wrote; and nothing else may be left. Runs are forked from one process that has imported everything.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
import zipfile
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from dualnet_cli import (
    main as command_line,
)
from dualnet_cli import (
    training,  # noqa: F401  so that forked processes have it
)

from dualnet.saving.checkpoints import is_committed, step_folders

HEAD = """
seed = 7
num_threads = 1
[data]
path = "data.npz"
scaling = "none"
"""
CALLBACKS = """
[[callbacks]]
class = "EarlyStopping"
monitor = "val_loss"
patience = 4
restore_best_weights = true
[[callbacks]]
class = "ReduceLROnPlateau"
monitor = "loss"
patience = 1
min_delta = 0.01
[[callbacks]]
class = "CSVLogger"
filename = "log.csv"
[[callbacks]]
class = "ModelCheckpoint"
filepath = "best.weights.h5"
save_best_only = true
save_weights_only = true
monitor = "val_loss"
"""


def _layers(*layers: str) -> str:
    return "".join(f"[[model.layers]]\n{text}\n" for text in layers)


CONFIGS = {
    "steps": HEAD
    + _layers(
        'class = "Dense"\nunits = 24\nactivation = "relu"',
        'class = "Dropout"\nrate = 0.3',
        'class = "BatchNormalization"',
        'class = "Dense"\nunits = 3\nactivation = "softmax"',
    )
    + '[compile]\noptimizer = { class = "Adam", learning_rate = 0.02, use_ema = true }\n'
    + 'loss = "sparse_categorical_crossentropy"\nmetrics = ["accuracy"]\n'
    + "[fit]\nepochs = 12\nbatch_size = 8\nvalidation_split = 0.2\n[checkpoints]\nevery_steps = 13\n"
    + CALLBACKS,
    "time": HEAD
    + _layers(
        'class = "Reshape"\ntarget_shape = [4, 3]',
        'class = "GaussianNoise"\nstddev = 0.2',
        'class = "GRU"\nunits = 6',
        'class = "Dense"\nunits = 3\nactivation = "softmax"',
    )
    + '[compile]\noptimizer = { class = "RMSprop", momentum = 0.5 }\nloss = "sparse_categorical_crossentropy"\n'
    + '[fit]\nepochs = 6\nbatch_size = 8\n[fit.class_weight]\n"0" = 2.0\n'
    + "[checkpoints]\nevery_minutes = 0.0005\nkeep = 3\n",
    "epochs": HEAD
    + _layers('class = "Dense"\nunits = 8\nactivation = "tanh"', 'class = "Dense"\nunits = 3\nactivation = "softmax"')
    + '[compile]\noptimizer = "nadam"\nloss = "sparse_categorical_crossentropy"\nmetrics = ["accuracy"]\n'
    + "[fit]\nepochs = 15\nbatch_size = 16\nvalidation_split = 0.3\n[checkpoints]\nkeep = 1\n",
    "fine tuning": HEAD.replace("data.npz", "images.npz")
    + '[model]\napplication = { class = "MobileNet", weights = "none", trainable = false, alpha = 0.25 }\n'
    + _layers('class = "Dropout"\nrate = 0.3', 'class = "Dense"\nunits = 3\nactivation = "softmax"')
    + '[compile]\noptimizer = "sgd"\nloss = "sparse_categorical_crossentropy"\n'
    + "[fit]\nepochs = 2\nbatch_size = 8\nfine_tune = { epochs = 2, learning_rate = 1e-3 }\n[checkpoints]\nevery_steps = 2\n",
}
WEIGHTS = {"steps": 4, "time": 3, "epochs": 2, "fine tuning": 1}  # how often each is drawn
SIGNALS = {"KILL": signal.SIGKILL, "TERM": signal.SIGTERM, "INT": signal.SIGINT, "HUP": signal.SIGHUP}
# The exit codes: negative ones are those of a process that has not begun to handle the signal.
ENDS = {"KILL": {-9}, "TERM": {143, -15}, "INT": {130, -2}, "HUP": {129, -1}, "full": {1, 2}}
MOST_CUTS = 4
TIMEOUT = 300.0


class Lost(AssertionError):
    """A run that did not come to the end that it would have had."""


class Campaign:
    """Many runs below a folder. counts: what happened to them, in words."""

    def __init__(self, folder: Path, how: str, seed: int) -> None:
        self.folder, self.how, self.random = folder, how, random.Random(seed)
        self.counts: Counter[str] = Counter()
        self.whole: dict[str, dict[str, Any]] = {}
        self.seconds: dict[str, float] = {}
        rng = np.random.default_rng(0)
        y = rng.integers(0, 3, 240)
        np.savez(folder / "data.npz", x=rng.normal(size=(240, 12)).astype("float32") + y[:, None], y=y)
        np.savez(folder / "images.npz", x=rng.integers(0, 256, (40, 32, 32, 3)).astype("uint8"), y=y[:40])
        for name, text in CONFIGS.items():
            (folder / f"{name}.toml").write_text(text)

    def run(self, name: str, number: int) -> None:
        """One run of a config. Raises ``Lost`` if it is not as a whole one."""
        if name not in self.whole:
            target = self.folder / "whole" / name
            begin = time.monotonic()
            process = self._start("train", f"{name}.toml", "--run-dir", str(target))
            _wait_for(target / "config.toml", process)
            self.seconds[name] = -time.monotonic()
            code, output = _wait(process), self._output()
            if code != 0:
                raise Lost(f"a whole run of {name!r} failed: {output}")
            self.seconds[name] += time.monotonic()
            self.whole[name] = outcome(target)
            print(
                f"{name}: {time.monotonic() - begin:.2f} s, {self.seconds[name]:.2f} s of them of training", flush=True
            )
        target = self.folder / f"run-{number}"
        for cut in range(MOST_CUTS + 1):
            is_begun = (target / "config.toml").exists()
            arguments = ["--resume", str(target)] if is_begun else [f"{name}.toml", "--run-dir", str(target)]
            process = self._start("train", *arguments)
            last = cut == MOST_CUTS or (cut > 0 and self.random.random() < 0.4)
            if not last:
                self._cut_off(process, target, self.seconds[name])
            code = _wait(process)
            self._check_end(code, target, last)
            if code == 0:
                break
            self.counts["cut off"] += 1
            self.counts[f"... {_progress(target)}"] += 1
        if self.how == "KILL":
            self.counts["leftovers of writes"] += len(_unfinished(target))
        difference = _difference(self.whole[name], outcome(target))
        if difference:
            raise Lost(f"{name!r} in {target} differs in {difference}")
        shutil.rmtree(target)

    def _check_end(self, code: int, target: Path, last: bool) -> None:
        output = self._output()
        expected = {0}
        if not last:
            expected |= ENDS[self.how]
        if code not in expected or "Traceback" in output:
            raise Lost(f"exit code {code} in {target}: {output}")
        if code in (1, 2) and "Error: " not in output:
            raise Lost(f"an error that was not shown in {target}: {output}")

    def _cut_off(self, process: int, target: Path, seconds: float) -> None:
        """Send the signal at a random moment, mostly of the training."""
        if self.random.random() < 0.9:
            _wait_for(target / "checkpoints" if self.random.random() < 0.7 else target / "config.toml", process)
        time.sleep(self.random.random() ** 2 * seconds)
        if os.waitid(os.P_PID, process, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
            self.counts["done before"] += 1
        elif self.how == "full":
            room = self.random.choice((0, 100, 5_000, 30_000))
            resource.prlimit(process, resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))
        else:
            os.kill(process, SIGNALS[self.how])

    def _start(self, *arguments: str) -> int:
        """The command in a process of its own; its id."""
        self._pipe, output = os.pipe()  # room for all it prints; a file could be full
        process = os.fork()
        if process:
            os.close(output)
            return process
        try:
            os.dup2(output, 1)
            os.dup2(output, 2)
            sys.stdout, sys.stderr = (open(n, "w", closefd=False, buffering=1) for n in (1, 2))  # noqa: SIM115
            os.chdir(self.folder)
            sys.argv = ["dualnet", *arguments]
            command_line.main()
        except SystemExit as end:
            sys.stdout.flush()
            os._exit(end.code if isinstance(end.code, int) else 1)
        except BaseException:
            traceback.print_exc()
        os._exit(99)

    def _output(self) -> str:
        """What the last process printed, which has ended."""
        with os.fdopen(self._pipe, errors="replace") as stream:
            return stream.read()


def _wait(process: int) -> int:
    """The exit code of a process, which is killed when it takes too long."""
    end = time.monotonic() + TIMEOUT
    while time.monotonic() < end:
        found, status = os.waitpid(process, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.002)
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
    raise Lost(f"no end after {TIMEOUT:g} s")


def _wait_for(path: Path, process: int) -> None:
    """Wait until a file is there, or the process has ended."""
    end = time.monotonic() + TIMEOUT
    while not path.exists() and time.monotonic() < end:
        if os.waitid(os.P_PID, process, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
            return
        time.sleep(0.001)


def _progress(target: Path) -> str:
    """How far a run was, in words."""
    if not (target / "config.toml").exists():
        return "before the config was written"
    folders = step_folders(target / "checkpoints")
    if any(not is_committed(folder) for folder in folders):
        return "while a checkpoint was written"
    if (target / "results.json").exists():
        return "with results"
    return "with checkpoints" if folders else "before the first checkpoint"


def _unfinished(target: Path) -> list[Path]:
    """What a run that is done must not leave behind."""
    parts = [p for p in target.rglob("*") if p.name.startswith(".")]
    return parts + [p for p in step_folders(target / "checkpoints") if not is_committed(p)]


def outcome(target: Path) -> dict[str, Any]:
    """Everything that a run left, without times."""
    with (target / "metrics.csv").open(newline="") as file:
        rows = [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(file)]
    results = json.loads((target / "results.json").read_text())
    for name in ("seconds", "seconds_per_epoch", "started", "resumed"):
        del results[name]
    with zipfile.ZipFile(target / "model.keras") as archive:
        model = {
            name: archive.read(name) for name in archive.namelist() if name != "metadata.json"
        }  # which has the date
    files = {str(p.relative_to(target)) for p in target.rglob("*") if "checkpoints" not in p.parts}
    contents = {name: (target / name).read_bytes() for name in ("log.csv", "best.weights.h5") if name in files}
    return {
        "metrics": rows,
        "results": results,
        "model": model,
        "files": files,
        **contents,
        "leftovers": _unfinished(target),
    }


def _difference(before: dict[str, Any], after: dict[str, Any]) -> str:
    return ", ".join(
        f"{key}: {before[key]!r:.300} and {after.get(key)!r:.300}" for key in before if before[key] != after.get(key)
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=60, help="how many runs")
    parser.add_argument("--how", choices=[*SIGNALS, "full"], default="KILL", help="what cuts them off")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--only", choices=CONFIGS, help="one of the configs")
    options = parser.parse_args()
    with suppress(ImportError):
        import matplotlib.backends.backend_agg  # noqa: F401  as well
    os.environ |= {"DUALNET_DEVICE": "cpu", "DUALNET_TRAINING_WARNINGS": "0"}
    with tempfile.TemporaryDirectory() as folder:
        campaign = Campaign(Path(folder), options.how, options.seed)
        failures = []
        for number in range(options.count):
            name = options.only or campaign.random.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
            try:
                campaign.run(name, number)
            except Lost as error:
                failures.append(str(error))
                print(f"run {number}: {error}", flush=True)
    for what, count in sorted(campaign.counts.items()):
        print(f"{count:6}  {what}")
    print(f"{options.count} runs, {len(failures)} lost or different")
    sys.exit(bool(failures))


if __name__ == "__main__":
    main()
