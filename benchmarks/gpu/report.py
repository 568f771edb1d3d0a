"""The results of ``python -m benchmarks.gpu`` as JSON, as a page with tables, and as a chart."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

from ..report import environment_info
from ..workloads import WORKLOADS
from .parts import OWN, PEERS

TITLES = {"captured": "dualnet, captured", "eager": "dualnet, eager", "cupy": "plain CuPy", "torch": "PyTorch"}
TITLES["torch.compile"] = "torch.compile, reduce-overhead"
NOTES = (
    "All in exact float32: TF32 is off in PyTorch and not asked for in dualnet. Data, order and batches are on the device; a step is "
    "forward, backward, update and the sum of the loss, in microseconds, the median of the repeats, from an idle device to an idle device. "
    "Eager dualnet launches its kernels one by one; plain CuPy runs the formulas of dualnet, without a kernel of its own, as written. Memory "
    "is what a row took of the device, in MiB."
)


class Results:
    """What was measured so far. Every addition is written to the files, so that an end at any time leaves all before it."""

    def __init__(self, stem: Path, quick: bool) -> None:
        self.stem = stem
        self.values: dict[str, Any] = {"quick": quick, **environment_info(), "left out": [], "compare": {}, "steps": {}}
        stem.parent.mkdir(parents=True, exist_ok=True)

    def set(self, key: str, value: Any) -> None:
        self.values[key] = value
        self.write()

    def add_step(self, name: str, peer: str, answer: dict[str, Any]) -> None:
        self.values["steps"].setdefault(name, {})[peer] = answer
        self.write()

    def add_comparison(self, name: str, answer: dict[str, Any]) -> None:
        self.values["compare"][name] = answer
        self.write()

    def leave_out(self, *reasons: str) -> None:
        self.values["left out"] += reasons
        self.write()

    def write(self) -> None:
        for suffix, text in (
            (".json", json.dumps(self.values, indent=1, allow_nan=False) + "\n"),
            (".md", page(self.values)),
        ):
            path, draft = self.stem.with_suffix(suffix), self.stem.with_suffix(f"{suffix}.tmp")
            draft.write_text(text, encoding="utf-8")
            draft.replace(path)


def page(values: dict[str, Any]) -> str:
    """All results as Markdown."""
    lines = [f"# One run on a GPU, {values['date']}", ""]
    if values["quick"]:
        lines += ["A quick run, which shows that everything works: its times say nothing.", ""]
    known = values.get("devices", {})
    for name, _, text in known.get("devices", []):
        lines.append(f"- {name}: {text}")
    lines += [f"- {name}: {text}" for name, _, text in known.get("libraries", [])]
    if known.get("nvidia-smi"):
        lines.append(f"- nvidia-smi: {known['nvidia-smi']}")
    lines += [f"- {values['machine']}, Python {values['python']}"]
    lines += ["- " + ", ".join(f"{name} {version}" for name, version in values["versions"].items()), ""]
    if values["steps"]:
        lines += ["## Training steps", "", *step_table(values["steps"]), "", NOTES, "", *errors(values["steps"])]
    if values["compare"]:
        lines += ["## Largest differences, relative to the scale of a layer", "", *compare_table(values["compare"]), ""]
    if "suite" in values:
        lines += ["## Tests on the GPU", "", *suite_lines(values["suite"]), ""]
    if values["left out"]:
        lines += ["## Left out", "", *(f"- {reason}" for reason in values["left out"]), ""]
    if "seconds" in values:
        lines += [f"The run took {values['seconds']:.0f} s.", ""]
    return "\n".join(lines)


def step_table(steps: dict[str, Any]) -> list[str]:
    """Microseconds of each peer, ratios to the captured step, nodes of its graph, memory."""
    peers = [
        peer
        for peer in ("captured", "eager", "cupy", "torch", "torch.compile")
        if any(peer in row for row in steps.values())
    ]
    rivals = [peer for peer in peers if peer not in OWN]
    heads = [
        "us per training step",
        *(TITLES[p] for p in peers),
        *(f"{p} / captured" for p in rivals),
        "kernels and copies",
        "MiB",
    ]
    lines = [_row(heads), _row(["---", *["---:"] * (len(heads) - 1)])]
    for name, row in steps.items():
        own = row.get("captured", {})
        ratios = [_ratio(row.get(p, {}).get("median"), own.get("median")) for p in rivals]
        nodes = own.get("nodes")
        count = (
            "-" if nodes is None else f"{nodes}" if own["phases"] == "metrics" else f"{nodes}, up to {own['phases']}"
        )
        memory = " / ".join(_number(row[p].get("mib")) for p in ("captured", "torch") if p in row)
        lines.append(_row([name, *(_time(row.get(p)) for p in peers), *ratios, count, memory or "-"]))
    return lines


def compare_table(compare: dict[str, Any]) -> list[str]:
    kinds = ("cpu and gpu", "captured and eager")
    lines = [_row(["config", *kinds, "where the largest is"]), _row(["---", "---:", "---:", "---"])]
    for name, answer in compare.items():
        if answer["error"] is not None:
            lines.append(_row([name, "failed", "", answer["error"]]))
            continue
        cells = [_difference(answer[kind]) for kind in kinds]
        lines.append(_row([name, *cells, answer["cpu and gpu"]["where"] or ""]))
    return lines


def suite_lines(suite: dict[str, Any]) -> list[str]:
    counts = ", ".join(f"{n} {word}" for word, n in suite["counts"].items()) or "no counts: " + " ".join(
        suite["last lines"]
    )
    end = ", interrupted at the end of the time" if suite["interrupted"] else ""
    return [
        f"{', '.join(suite['paths'])}: {counts}, in {suite['seconds']} s{end}.",
        *(f"- {name}" for name in suite["failed"]),
    ]


def errors(steps: dict[str, Any]) -> list[str]:
    """What failed, and why."""
    found = [
        f"- {name}, {p}: {a['error']}" for name, row in steps.items() for p, a in row.items() if a["error"] is not None
    ]
    return [*found, ""] if found else []


def goals(steps: dict[str, Any]) -> list[str]:
    """What the project aims at on a GPU, beside what there is.

    5 times PyTorch eager on the networks where launches are all there is to wait for; not behind torch.compile, or hardly, where
    products and convolutions are.
    """
    lines = []
    for name, row in steps.items():
        small = name in WORKLOADS and WORKLOADS[name].goal >= 1.1
        wide = name.startswith(("LeNet", "784-1024"))
        for rival, least in (("torch", 5.0 if small else None), ("torch.compile", 0.9 if wide else 1.0)):
            own, other = (row.get(p, {}).get("median") for p in ("captured", rival))
            if own and other and least is not None:
                reached = "" if other / own >= least else ", missed"
                lines.append(f"{name}: {other / own:.2f} times as fast as {rival}, goal {least:g}{reached}")
    return lines


def chart(values: dict[str, Any], path: Path) -> str:
    """Draw the times relative to the captured step. Returns why not, or an empty string."""
    if importlib.util.find_spec("matplotlib") is None:
        return "the chart: matplotlib is not installed"
    rows = {name: row for name, row in values["steps"].items() if row.get("captured", {}).get("median")}
    if not rows:
        return "the chart: there is no captured step to compare with"
    from matplotlib.figure import Figure

    peers = [p for p in PEERS if p != "captured" and any(row.get(p, {}).get("median") for row in rows.values())]
    figure = Figure(figsize=(10, 1.6 + 0.8 * len(rows)), layout="constrained")
    axes = figure.subplots()
    height = 0.8 / max(len(peers), 1)
    for k, peer in enumerate(peers):
        bars = [
            (i + (k - (len(peers) - 1) / 2) * height, row[peer]["median"] / row["captured"]["median"] - 1)
            for i, row in enumerate(rows.values())
            if row.get(peer, {}).get("median")
        ]
        axes.barh(*zip(*bars), left=1, height=height * 0.9, label=TITLES[peer])
    axes.axvline(1.0, color="black", linewidth=1)
    axes.set_yticks(range(len(rows)), list(rows), fontsize=8)
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.set_xlabel("time of a training step relative to a captured one of dualnet: right of the line is slower")
    axes.set_title(f"{values['date']}, {_gpu(values)}{', a quick run' if values['quick'] else ''}", fontsize=9)
    figure.legend(fontsize=8, frameon=False, loc="outside right upper")
    figure.savefig(path, dpi=150)
    return ""


def _gpu(values: dict[str, Any]) -> str:
    rows = values.get("devices", {}).get("devices", [])
    return next((text.partition(",")[0] for _, kind, text in rows if kind == "GPU"), "no GPU")


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


def _time(answer: dict[str, Any] | None) -> str:
    if answer is None:
        return "-"
    return "failed" if answer["error"] is not None else f"{answer['median']:,.0f}"


def _ratio(a: float | None, b: float | None) -> str:
    return f"{a / b:.2f}" if a and b else "-"


def _number(x: float | None) -> str:
    return "-" if x is None else f"{x:,.0f}"


def _difference(answer: dict[str, Any]) -> str:
    value = answer["relative"]
    text = "-" if value is None else "same bits" if value == 0 else f"{value:.1e}"
    return text if answer["ok"] else f"{text}, past the tolerance"
