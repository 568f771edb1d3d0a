"""Everything that only a GPU can tell, in one run: the tests, the same numbers, the speed, the kernels, the memory."""

from __future__ import annotations

import argparse
import datetime
import os
from pathlib import Path

from . import parts, report

PARTS = ("compare", "steps", "suite")
SHARES = {"compare": 0.2, "steps": 0.7, "suite": 1.0}  # of the time that is left when a part begins


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__)
    parser.add_argument("--budget", type=float, default=480.0, metavar="SECONDS", help="the time for everything (480)")
    parser.add_argument("--only", default=",".join(PARTS), metavar="PARTS", help=f"with commas, of {', '.join(PARTS)}")
    parser.add_argument("-k", default="", metavar="TEXT", help="only rows and configs whose name contains TEXT")
    parser.add_argument("--quick", action="store_true", help="a few steps of a few rows, to see that everything works")
    parser.add_argument(
        "--out", type=Path, metavar="STEM", help="STEM.json, STEM.md and STEM.png (benchmarks/results/DATE-gpu)"
    )
    options = parser.parse_args()
    chosen = options.only.split(",")
    if not set(chosen) <= set(PARTS):
        parser.error(f"--only takes {', '.join(PARTS)}, got {options.only}")
    stem = options.out or Path(__file__).parents[1] / "results" / f"{datetime.date.today().isoformat()}-gpu"
    os.environ.setdefault("DUALNET_DEVICE", "gpu")

    clock = parts.Clock(options.budget)
    results = report.Results(stem, options.quick)
    found = parts.devices()
    results.set("devices", found)
    if found["no gpu"]:
        print(f"There is no GPU to measure on: {found['no gpu']}")
        return 1
    measured, missing = parts.peers()
    results.leave_out(*missing)
    settings = parts.QUICK if options.quick else parts.FULL
    with parts.Processes() as processes:
        if "compare" in chosen:
            names = [name for name in parts.configs(options.quick) if options.k.lower() in name]
            part = clock.part(SHARES["compare"])
            results.leave_out(*parts.compare(part, processes, names, settings, results.add_comparison))
            print("\n".join(report.compare_table(results.values["compare"])), flush=True)
        if "steps" in chosen:
            names = parts.rows(options.quick, options.k)
            part = clock.part(SHARES["steps"])
            results.leave_out(*parts.steps(part, processes, names, measured, settings, results.add_step))
            print("\n".join(report.step_table(results.values["steps"])), flush=True)
    if "suite" in chosen:
        paths = parts.QUICK_TESTS if options.quick else parts.TESTS
        results.set("suite", parts.suite(clock, paths, workers=min(os.cpu_count() or 1, 8)))
        print("\n".join(report.suite_lines(results.values["suite"])), flush=True)
    reason = report.chart(results.values, stem.with_suffix(".png")) if "steps" in chosen else ""
    if reason:
        results.leave_out(reason)
    if not options.quick:
        results.set("goals", report.goals(results.values["steps"]))
        print("\n".join(results.values["goals"]))
    results.set("seconds", options.budget - clock.left)
    print("\n".join(f"left out: {reason}" for reason in results.values["left out"]))
    print(f"{options.budget - clock.left:.0f} s; {stem}.json and {stem.name}.md have everything")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
