"""dualnet compared with every installed peer: training steps, single predictions, program start, memory."""

from __future__ import annotations

import argparse
import atexit
import json
import subprocess
import sys

from .measure import NEEDS, Children, Setting, measure
from .report import Results, as_json, chart, memory, table, worst
from .workloads import COLD, SMALL, WORKLOADS, ZOO

KINDS = {  # of measurements: (its name in ``child.py``, title of the table, microseconds in its unit)
    "train": ("train", "us per training step", 1.0),
    "zoo": ("predict zoo", "ms per predict", 1e-3),
    "predict": ("predict", "us per predict", 1.0),
    "worst": ("each step", "us, median of 1,000 training steps", 1.0),
    "cold": ("cold", "ms, whole process", 1e-3),
    "import": ("import", "ms, whole process, import", 1e-3),
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("-k", default="", metavar="TEXT", help="only workloads whose name contains TEXT")
    parser.add_argument("--peers", help=f"with commas, of {', '.join(NEEDS)}; by default all that are installed")
    parser.add_argument(
        "--rounds", type=int, default=3, help="measurements of each peer with each number of threads (3)"
    )
    parser.add_argument("--repeats", type=int, default=5, help="timings in a measurement (5)")
    parser.add_argument("--only", metavar="KINDS", help=f"with commas, of {', '.join(KINDS)}; by default all")
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
    parser.add_argument("--json", metavar="FILE", help="write all results here, after each row")
    parser.add_argument("--chart", metavar="FILE", help="draw the training steps here (PNG or SVG)")
    options = parser.parse_args()
    python = dict(pair.split("=", 1) for pair in options.python)
    setting = Setting(options.rounds, options.repeats, python)
    kinds = options.only.split(",") if options.only else list(KINDS)
    names = {name: name for name in WORKLOADS if options.k.lower() in name.lower()}
    zoo = {name: name for name in ZOO if options.k.lower() in name.lower()}
    peers = setting.peers(options.peers.split(",") if options.peers else None)
    if not names | zoo or not peers or not set(kinds) <= set(KINDS):
        parser.error(f"nothing to measure: {len(names | zoo)} workloads, {len(peers)} peers, kinds {', '.join(kinds)}")
    if options.chart and ("train" not in kinds or not names):
        parser.error("--chart draws training steps: it needs the kind train, and a workload")
    for _ in range(options.busy):
        spinner = subprocess.Popen([sys.executable, "-c", "while True: pass"])
        atexit.register(spinner.kill)

    tables: dict[str, Results] = {}

    def add(kind: str, workloads: dict[str, str]) -> None:
        measurement, title, scale = KINDS[kind]
        if kind not in kinds or not workloads:
            return
        tables[title] = {}
        for label, workload in workloads.items():
            tables[title][label] = measure(measurement, workload, peers, setting, children)
            row = table({label: tables[title][label]}, title, scale).splitlines()
            print("\n".join(row if len(tables[title]) == 1 else row[1:]), flush=True)
            if options.json:
                with open(options.json, "w", encoding="utf-8") as file:
                    json.dump(as_json(tables, options.busy), file, indent=1)

    with Children(setting) as children:
        add("train", names)
        add("zoo", zoo)
        add("predict", {"one sample, 8-30-10-5-1": SMALL})
        add("worst", names)
    add("cold", {f"start, build, one epoch of {COLD}": COLD})
    add("import", {"import": SMALL})
    for kind in kinds:
        _, title, scale = KINDS[kind]
        if title in tables:
            print(f"\n{table(tables[title], title, scale)}")
        if title in tables and kind == "cold":
            print(f"\n{memory(tables[title])}")
        if title in tables and kind == "worst":
            print(f"\n{worst(tables[title])}")
    if options.chart:
        chart(tables[KINDS["train"][1]], options.chart)


if __name__ == "__main__":
    main()
