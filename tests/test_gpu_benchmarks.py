"""``benchmarks.gpu``: its parts that need no GPU, and on one a quick run from end to end."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import dualnet_backends as backends
import pytest

from benchmarks.gpu import parts, report
from benchmarks.measure import ROOT

STEPS: dict[str, Any] = {
    "LeNet-5, 32x32x3, batch 128, Adadelta": {
        "captured": {"error": None, "us": [100.0], "median": 100.0, "mib": 12.0, "nodes": 41, "phases": "metrics"},
        "eager": {"error": None, "us": [400.0], "median": 400.0, "mib": 11.0, "nodes": None, "phases": None},
        "torch": {"error": None, "us": [600.0], "median": 600.0, "mib": 30.0},
        "torch.compile": {"error": "took more than 90 s"},
    },
    "2-4-1, batch 4, SGD": {
        "captured": {"error": None, "us": [10.0], "median": 10.0, "mib": 1.0, "nodes": 9, "phases": "compute"},
        "torch": {"error": None, "us": [40.0], "median": 40.0, "mib": 2.0},
    },
}
WORKER = """
    import json, sys, time

    for line in sys.stdin:
        what, name, options = json.loads(line)
        if name == "hangs":
            time.sleep(120)
        if name == "dies":
            sys.exit("it was too much")
        answer = {"error": None, "us": [3.0, 1.0, 2.0], "mib": 1.0}
        if name == "fails":
            answer = {"error": "ValueError: wrong"}
        print("answer: " + json.dumps(answer), flush=True)
"""


class Time:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def test_the_time_of_a_part() -> None:
    time = Time()
    clock = parts.Clock(100.0, time)
    time.seconds = 20.0
    part = clock.part(0.5)
    assert (clock.left, part.left) == (80.0, 40.0)
    time.seconds = 50.0
    assert (clock.left, part.left) == (50.0, 10.0)
    time.seconds = 120.0
    assert clock.part(0.5).left == 0.0


@pytest.fixture
def processes(tmp_path: Path) -> Any:
    (tmp_path / "worker.py").write_text(textwrap.dedent(WORKER), encoding="utf-8")
    with parts.Processes("worker", {"PYTHONPATH": str(tmp_path)}) as found:
        yield found


def test_rows_that_fail_hang_or_die_leave_the_others(processes: Any) -> None:
    time, answers = Time(), {}

    def done(name: str, peer: str, answer: dict[str, Any]) -> None:
        answers[peer, name] = answer
        time.seconds += 1

    class Quick(parts.Processes):
        def ask(self, peer: str, what: str, name: str, options: Any, limit_s: float) -> dict[str, Any]:
            return processes.ask(peer, what, name, options, 0.5 if name == "hangs" else limit_s)

    names = ["first", "fails", "hangs", "dies", "last"]
    left_out = parts.steps(parts.Clock(1000.0, time), Quick(), names, ["captured"], parts.QUICK, done)
    assert left_out == []
    assert [answers["captured", name]["error"] for name in names] == [
        None,
        "ValueError: wrong",
        "took more than 0 s",
        "it was too much",
        None,
    ]
    assert answers["captured", "last"]["median"] == 2.0


def test_what_there_is_no_time_for_is_said(processes: Any) -> None:
    time, asked = Time(), []

    def done(*what: Any) -> None:
        asked.append(what[0])
        time.seconds += 10

    left_out = parts.steps(
        parts.Clock(22.0, time), processes, ["a", "b", "c"], ["captured", "eager"], parts.QUICK, done
    )
    assert asked == ["a", "b"]
    assert left_out == ["captured: no time for 1 of 3 rows", "eager: no time for 3 of 3 rows"]
    time.seconds, asked = 0.0, []
    left_out = parts.compare(parts.Clock(12.0, time), processes, ["a", "b", "c"], parts.QUICK, done)
    assert left_out == ["no time for 2 of 3 configs: b, c"]


def test_without_pytorch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts.importlib.util, "find_spec", lambda name: None)
    assert parts.peers() == (["captured", "eager", "cupy"], ["torch, torch.compile: PyTorch is not installed"])
    monkeypatch.setattr(parts.importlib.util, "find_spec", lambda name: name)
    assert parts.peers() == (list(parts.PEERS), [])


def test_the_rows_and_configs_are_there() -> None:
    assert set(parts.QUICK_ROWS) <= set(parts.rows(quick=False))
    assert parts.rows(quick=True, text="dropout") == ["784-128-10 with Dropout, batch 64, Adam"]
    assert (
        set(parts.QUICK_CONFIGS)
        <= set(parts.configs(quick=False))
        == {p.stem for p in (ROOT / "configs").glob("*.toml")}
    )
    assert all((ROOT / path).exists() for path in (*parts.TESTS, *parts.QUICK_TESTS))


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("..F\n1 failed, 2 passed in 0.10s", {"failed": 1, "passed": 2}),
        (
            "3 passed, 4 skipped, 5 deselected, 1 warning in 3.1s (0:00:03)",
            {"passed": 3, "skipped": 4, "deselected": 5, "warning": 1},
        ),
        ("2 failed, 1 passed, 3 errors in 9s\n!!! KeyboardInterrupt !!!", {"failed": 2, "passed": 1, "error": 3}),
        ("no tests ran in 0.01s", {}),
    ],
)
def test_the_counts_of_pytest(output: str, expected: dict[str, int]) -> None:
    assert parts.counts(output) == expected


def test_a_suite_that_takes_too_long(tmp_path: Path) -> None:
    program = "import time\ndef test_gpu_first():\n    pass\ndef test_gpu_fails():\n    assert 0\ndef test_gpu_long():\n    time.sleep(60)\n"
    (tmp_path / "test_long.py").write_text(program, encoding="utf-8")
    result = parts.suite(parts.Clock(30.0), [str(tmp_path)])
    assert result["interrupted"]
    assert result["seconds"] < 100
    assert result["counts"] == {"failed": 1, "passed": 1}
    assert [name.rpartition("::")[2] for name in result["failed"]] == ["test_gpu_fails"]


def test_the_page() -> None:
    table = report.step_table(STEPS)
    assert table[0].split(" | ")[-2:] == ["kernels and copies", "MiB |"]
    assert table[2].split(" | ")[1:] == ["100", "400", "600", "failed", "6.00", "-", "41", "12 / 30 |"]
    assert table[3].split(" | ")[1:] == ["10", "-", "40", "-", "4.00", "-", "9, up to compute", "1 / 2 |"]
    assert report.errors(STEPS) == ["- LeNet-5, 32x32x3, batch 128, Adadelta, torch.compile: took more than 90 s", ""]
    assert report.goals(STEPS) == ["2-4-1, batch 4, SGD: 4.00 times as fast as torch, goal 5, missed"]
    good = {"ok": True, "relative": 2e-7, "where": "dense, output output, step 1", "comparisons": 9, "skipped": []}
    bad = {**good, "ok": False, "relative": 0.5}
    rows = report.compare_table({
        "a": {"error": None, "cpu and gpu": good, "captured and eager": {**good, "relative": 0.0}},
        "b": {"error": None, "cpu and gpu": bad, "captured and eager": {**good, "relative": None}},
        "c": {"error": "ValueError: no | data"},
    })  # fmt: skip
    assert rows[2:] == [
        "| a | 2.0e-07 | same bits | dense, output output, step 1 |",
        "| b | 5.0e-01, past the tolerance | - | dense, output output, step 1 |",
        "| c | failed |  | ValueError: no / data |",
    ]


def test_results_are_written_as_they_come(tmp_path: Path) -> None:
    stem = tmp_path / "results" / "run"
    results = report.Results(stem, quick=True)
    results.leave_out("torch: PyTorch is not installed")
    for name, row in STEPS.items():
        for peer, answer in row.items():
            results.add_step(name, peer, answer)
    results.set(
        "suite",
        {
            "paths": ["tests"],
            "counts": {"passed": 3},
            "failed": [],
            "seconds": 1.0,
            "interrupted": True,
            "last lines": [],
        },
    )
    loaded = json.loads(stem.with_suffix(".json").read_text(encoding="utf-8"))
    assert loaded["steps"] == STEPS
    page = stem.with_suffix(".md").read_text(encoding="utf-8")
    assert "its times say nothing" in page
    assert "tests: 3 passed, in 1.0 s, interrupted at the end of the time." in page
    assert "- torch: PyTorch is not installed" in page
    assert sorted(p.name for p in stem.parent.iterdir()) == ["run.json", "run.md"]


def test_the_chart(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    results = report.Results(tmp_path / "run", quick=False)
    assert "no captured step" in report.chart(results.values, tmp_path / "run.png")
    results.values["steps"] = STEPS
    assert report.chart(results.values, tmp_path / "run.png") == ""
    assert (tmp_path / "run.png").stat().st_size > 10_000


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks.gpu", *arguments]
    return subprocess.run(command, cwd=ROOT, env=parts.environment(), capture_output=True, text=True)


@pytest.mark.skipif(not backends.gpu_status(), reason="a GPU answers on this machine")
def test_without_a_gpu(tmp_path: Path) -> None:
    done = run("--out", str(tmp_path / "run"))
    assert done.returncode == 1
    assert f"There is no GPU to measure on: {backends.gpu_status()}" in done.stdout
    assert done.stderr == ""
    assert run("--only", "nothing").returncode == 2


@pytest.mark.skipif(bool(backends.gpu_status()), reason=backends.gpu_status())
def test_a_quick_run_on_a_gpu(tmp_path: Path) -> None:
    done = run("--quick", "--only", "compare,steps", "-k", "x", "--out", str(tmp_path / "run"))
    assert done.returncode == 0, done.stderr
    values = json.loads((tmp_path / "run.json").read_text(encoding="utf-8"))
    assert set(values["compare"]) == {"xor"}
    assert values["compare"]["xor"]["cpu and gpu"]["ok"]
    assert values["compare"]["xor"]["captured and eager"]["ok"]
    done = run("--quick", "--only", "steps", "-k", "dropout", "--out", str(tmp_path / "run"))
    assert done.returncode == 0, done.stderr
    ((name, row),) = json.loads((tmp_path / "run.json").read_text(encoding="utf-8"))["steps"].items()
    assert "Dropout" in name
    assert all(row[peer]["error"] is None for peer in parts.OWN), row
    assert row["captured"]["phases"] == "metrics"
    assert 0 < row["captured"]["nodes"] < 40
    assert row["eager"]["nodes"] is row["cupy"]["nodes"] is None
