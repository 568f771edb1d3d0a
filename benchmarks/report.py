"""The results as a table, as JSON and as a chart."""

from __future__ import annotations

import datetime
import importlib.util
import os
import platform
import statistics
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from .measure import Result
from .workloads import WORKLOADS, ZOO, ZOO_GOAL

RIVALS = ("torch", "torch.compile", "keras-jax", "tf.keras")  # the goals are set against the fastest of these
OWN = {"ratio": "dualnet", "plain": "dualnet-numpy"}  # with Numba where it is installed, and without
Results = dict[str, dict[str, Result]]


def ratio(row: dict[str, Result], own: str = "dualnet") -> float | None:
    """The time of the fastest rival over that of dualnet: above 1, dualnet is faster. None without a rival."""
    ours = row[own].best if own in row else None
    best = [r.best[0] for p, r in row.items() if p in RIVALS and r.best]
    return min(best) / ours[0] if ours and best else None


def table(results: Results, title: str, scale: float = 1.0) -> str:
    """One row per workload: the times, multiplied by ``scale``, each with its number of threads."""
    peers = list(dict.fromkeys(p for row in results.values() for p in row))
    ratios = [heading for heading, own in OWN.items() if own in peers]
    width = max(len(title), *map(len, results))
    headings = "".join(f"  {heading:>6}" for heading in ratios)
    lines = [f"{title:{width}}  " + "  ".join(f"{p:>14}" for p in peers) + f"{headings}    goal"]
    for name, row in results.items():
        cells = []
        for p in peers:
            best = row[p].best if p in row else None
            cells.append(
                "failed" if p in row and row[p].error else f"{best[0] * scale:,.0f} ({best[1]})" if best else "-"
            )
        goal = WORKLOADS[name].goal if name in WORKLOADS else ZOO_GOAL if name in ZOO else ""
        values = [ratio(row, OWN[heading]) for heading in ratios]
        lines.append(
            f"{name:{width}}  "
            + "  ".join(f"{c:>14}" for c in cells)
            + "".join(f"  {'-' if r is None else f'{r:.2f}':>6}" for r in values)
            + f"  {goal:>6}"
        )
    failed = [f"{name}, {p}: {r.error}" for name, row in results.items() for p, r in row.items() if r.error]
    return "\n".join([*lines, *(f"failed: {line}" for line in failed)])


def worst(results: Results) -> str:
    """The longest of 1,000 steps in each round with each number of threads, in microseconds, with the median step before it."""
    lines = []
    for name, row in results.items():
        lines.append(name)
        for peer, r in row.items():
            for threads, values in r.worst.items():
                rounds = ", ".join(f"{v:,.0f}" for v in values)
                lines.append(f"  {peer:14} ({threads})  {statistics.median(r.us[threads]):>10,.0f}  worst {rounds}")
    return "\n".join(lines)


def memory(results: Results) -> str:
    """The peak of each process that trained for an epoch, in MiB, the library itself included."""
    peers = list(dict.fromkeys(p for row in results.values() for p in row))
    width = max(10, *map(len, results))
    lines = [f"{'peak MiB':{width}}  " + "  ".join(f"{p:>14}" for p in peers)]
    for name, row in results.items():
        peaks = [row[p].memory if p in row else None for p in peers]
        lines.append(f"{name:{width}}  " + "  ".join(f"{'-' if m is None else f'{m:,.0f}':>14}" for m in peaks))
    return "\n".join(lines)


def environment_info() -> dict[str, Any]:
    """Date, machine and versions."""
    names = ("numpy", "numba", "torch", "keras", "jax", "tensorflow", "scikit-learn")
    versions = {}
    for name in names:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            pass
    return {
        "date": datetime.date.today().isoformat(),
        "machine": f"{_processor()}, {os.cpu_count()} CPUs",
        "python": platform.python_version(),
        "versions": versions,
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.machine()


def as_json(tables: dict[str, Results], busy: int = 0) -> dict[str, Any]:
    """All measurements: rounds, not only their medians."""
    return {
        **environment_info(),
        "busy cores": busy,
        **{
            title: {
                name: {
                    p: {"us": r.us, "worst": r.worst, "peak_mb": r.peak_mb, "error": r.error} for p, r in row.items()
                }
                for name, row in results.items()
            }
            for title, results in tables.items()
        },
    }


def chart(results: Results, path: str) -> None:
    """The times of each peer relative to dualnet's, a group of bars per workload."""
    if importlib.util.find_spec("matplotlib") is None:
        raise SystemExit("the chart needs matplotlib: pip install matplotlib")
    from matplotlib.figure import Figure

    rows = {name: row for name, row in results.items() if row.get("dualnet") and row["dualnet"].best}
    peers = [p for p in dict.fromkeys(p for row in rows.values() for p in row) if p != "dualnet"]
    figure = Figure(figsize=(10, 1.6 + 0.8 * len(rows)), layout="constrained")
    axes = figure.subplots()
    height = 0.8 / max(len(peers), 1)
    for k, peer in enumerate(peers):
        positions, values = [], []
        for i, row in enumerate(rows.values()):
            best, own = row[peer].best if peer in row else None, row["dualnet"].best
            if best and own:
                positions.append(i + (k - (len(peers) - 1) / 2) * height)
                values.append(best[0] / own[0] - 1)
        axes.barh(positions, values, left=1, height=height * 0.9, label=peer)
    axes.axvline(1.0, color="black", linewidth=1)
    axes.set_yticks(range(len(rows)), list(rows), fontsize=8)
    axes.margins(y=0.02)
    axes.invert_yaxis()
    axes.set_xscale("log")
    ticks = [0.25, 0.5, 1, 2, 5, 10, 20, 50]
    axes.set_xticks(ticks, ["dualnet" if t == 1 else f"{t:g}x" for t in ticks])
    axes.minorticks_off()
    axes.set_xlabel("time of a training step relative to dualnet's: right of the line is slower than dualnet")
    information = environment_info()
    axes.set_title(f"{information['date']}, {information['machine']}, Python {information['python']}", fontsize=9)
    figure.legend(fontsize=8, frameon=False, loc="outside right upper")
    figure.savefig(path, dpi=150)
