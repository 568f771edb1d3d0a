"""dualnet compared with every installed peer: training steps, single predictions, program start, memory."""

from __future__ import annotations

import argparse
import atexit
import json
import subprocess
import sys

from .measure import NEEDS, Setting, measure
from .report import Results, as_json, chart, memory, table
from .workloads import COLD, SMALL, WORKLOADS


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("-k", default="", metavar="TEXT", help="only workloads whose name contains TEXT")
    parser.add_argument("--peers", help=f"with commas, of {', '.join(NEEDS)}; by default all that are installed")
    parser.add_argument("--rounds", type=int, default=3, help="processes per peer, workload and number of threads (3)")
    parser.add_argument("--repeats", type=int, default=5, help="timings in a process (5)")
    parser.add_argument("--steps-only", action="store_true", help="no predictions, imports and cold starts")
    parser.add_argument(
        "--python",
        action="append",
        default=[],
        metavar="PEER=PATH",
        help="the interpreter of a peer installed elsewhere",
    )
    parser.add_argument(
        "--busy", type=int, default=0, metavar="N", help="keep N cores busy meanwhile with other processes"
    )
    parser.add_argument("--json", metavar="FILE", help="write all results here")
    parser.add_argument("--chart", metavar="FILE", help="draw the training steps here (PNG or SVG)")
    options = parser.parse_args()
    python = dict(pair.split("=", 1) for pair in options.python)
    setting = Setting(options.rounds, options.repeats, python)
    for _ in range(options.busy):
        spinner = subprocess.Popen([sys.executable, "-c", "while True: pass"])
        atexit.register(spinner.kill)
    names = [name for name in WORKLOADS if options.k.lower() in name.lower()]
    peers = setting.peers(options.peers.split(",") if options.peers else None)
    if not names or not peers:
        parser.error(f"nothing to measure: {len(names)} workloads, {len(peers)} peers")

    tables: dict[str, Results] = {}

    def add(title: str, measurement: str, workloads: dict[str, str], scale: float = 1.0) -> None:
        tables[title] = {}
        for label, workload in workloads.items():
            tables[title][label] = measure(measurement, workload, peers, setting)
            row = table({label: tables[title][label]}, title, scale).splitlines()
            print("\n".join(row if len(tables[title]) == 1 else row[1:]), flush=True)

    add("us per training step", "train", {name: name for name in names})
    if not options.steps_only:
        add("us per predict", "predict", {"one sample, 8-30-10-5-1": SMALL})
        add("ms, whole process", "cold", {"start, build, one epoch of 784-300-100-10": COLD}, 1e-3)
        add("ms, whole process, import", "import", {"import": SMALL}, 1e-3)
    print(f"\n{table(tables['us per training step'], 'us per training step')}")
    print(f"\n{memory(tables['us per training step'])}")
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(as_json(tables), file, indent=1)
    if options.chart:
        chart(tables["us per training step"], options.chart)


if __name__ == "__main__":
    main()
