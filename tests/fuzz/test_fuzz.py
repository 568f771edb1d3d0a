"""A few seconds of the fuzz campaign; ``python -m tests.fuzz --count 100000`` runs it at length."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.skipif(
    not hasattr(os, "fork") or not os.path.exists("/proc/self/statm"), reason="children are forked, as on Linux"
)
def test_mutated_files(tmp_path: Path) -> None:
    paths = os.pathsep.join(
        [*(str(ROOT / part) for part in (".", "backends", "cli")), os.environ.get("PYTHONPATH", "")]
    )
    environment = {**os.environ, "PYTHONPATH": paths, "DUALNET_DEVICE": "cpu"}
    arguments = ["--seconds", "5", "--count", "100000", "--first", "1000000", "--keep", str(tmp_path / "kept")]
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "execution 0, foreign open 0, signal 0, hang 0, memory 0, untyped 0" in done.stdout


def test_failures_are_seen(tmp_path: Path) -> None:
    """The harness itself: readers that run, open, allocate, raise or loop are each noticed."""
    script = """
import os, subprocess, sys, tempfile
from pathlib import Path
from tests.fuzz import campaign, readers
campaign.SECONDS = 1
def bad(act):
    def read(path, models):
        if campaign_object._allowed is not None: act()
    return read
acts = {
    "execution": lambda: subprocess.run(["true"]),
    "foreign open": lambda: open("/etc/hostname"),
    "memory": lambda: bytes(3 << 30),
    "untyped": lambda: {}["x"],
    "hang": lambda: [None for _ in iter(int, 1)] if False else __import__("time").sleep(9),
    "signal": lambda: os.abort(),
}
import time
with tempfile.TemporaryDirectory() as folder:
    campaign_object = campaign.Campaign(Path(folder))
    for kind, act in acts.items():
        readers.read = bad(act)
        print(kind, campaign_object.read("array.npy", b"x"))
"""
    paths = os.pathsep.join(
        [*(str(ROOT / part) for part in (".", "backends", "cli")), os.environ.get("PYTHONPATH", "")]
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env={**os.environ, "PYTHONPATH": paths, "DUALNET_DEVICE": "cpu"},
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    seen = dict(
        line.rsplit(" ", 1) if "foreign" not in line else ("foreign open", line[-12:])
        for line in done.stdout.splitlines()
    )
    assert seen == {kind: kind for kind in ("execution", "foreign open", "memory", "untyped", "hang", "signal")}, (
        done.stdout + done.stderr
    )
