"""The differences between two runs of a training step, and which layer they come from."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from ..core.tensor import Array
from .observed_step import LayerValues, ObservedStep

TOLERANCES = {"float64": 1e-9, "float32": 1e-4, "float16": 2e-2, "bfloat16": 1e-1}
_FLOOR_OF_GRADIENTS = 1e-3  # of the largest gradient: below that, a layer's own are not what rounding is relative to
_FLOOR_OF_CHANGES = 1e-2  # of the largest weight: the same for changes of weights


class Difference(NamedTuple):
    """The largest difference of one kind in one layer after one step.

    Args:
        step: counted from 1.
        layer, kind: the name of the layer, and its class.
        what: "output", "gradient" or "weight".
        name: which one: "output", "input" for the gradient of an input, or the name of a weight.
        absolute, relative: NaN against a number is infinite. relative: to the scale of the layer, see ``compare_devices``.
        ok: whether it is within the tolerance.
        is_origin: whether what the layer computed this from is within the tolerance, so that the difference arose here.
    """

    step: int
    layer: str
    kind: str
    what: str
    name: str
    absolute: float
    relative: float
    ok: bool
    is_origin: bool = False


@dataclass
class Comparison:
    """What was compared, and what differs.

    Attributes:
        title: "cpu and gpu:0".
        tolerance: from which relative difference on.
        differences: step by step, in the order in which they would show: outputs from the first layer to the last, gradients back,
            weights.
        skipped: what was not compared, and why.
    """

    title: str
    tolerance: float
    differences: list[Difference] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)

    def add(self, *differences: Difference) -> None:
        self.differences += differences

    @property
    def ok(self) -> bool:
        """Whether everything is within the tolerance."""
        return all(d.ok for d in self.differences)

    @property
    def fault(self) -> Difference | None:
        """The first difference past the tolerance: of the first step that has one, the first that arose in its layer."""
        wrong = [d for d in self.differences if not d.ok]
        if not wrong:
            return None
        first = [d for d in wrong if d.step == wrong[0].step]
        # An output past the tolerance makes gradients differ: the outputs say more.
        first = [d for d in first if d.what == first[0].what]
        return next((d for d in first if d.is_origin), first[0])

    @property
    def worst(self) -> Difference | None:
        """The largest relative difference."""
        return max(self.differences, key=lambda d: d.relative, default=None)

    def rows(self) -> Iterator[tuple[int, str, dict[str, Difference]]]:
        """(step, layer, the largest difference of each kind) in the order of the layers."""
        table: dict[tuple[int, str], dict[str, Difference]] = {}
        for d in self.differences:
            kinds = table.setdefault((d.step, d.layer), {})
            if d.what not in kinds or d.relative > kinds[d.what].relative:
                kinds[d.what] = d
        for (step, layer), kinds in table.items():
            yield step, layer, kinds

    def as_dict(self) -> dict[str, Any]:
        """For JSON: infinite differences are the string "inf"."""
        differences = [{k: "inf" if v == math.inf else v for k, v in d._asdict().items()} for d in self.differences]
        fault = None if self.fault is None else self.differences.index(self.fault)
        return {
            "compared": self.title,
            "tolerance": self.tolerance,
            "ok": self.ok,
            "fault": None if fault is None else differences[fault],
            "skipped": self.skipped,
            "differences": differences,
        }

    def to_json(self) -> str:
        return json.dumps(self.as_dict(), allow_nan=False)


def differences(step: int, a: ObservedStep, b: ObservedStep, tolerance: float) -> list[Difference]:
    """All differences between two observations of a step; ``a`` gives the scales."""
    pairs = list(zip(a.layers, b.layers, strict=True))
    largest_input, largest_weight = _largest_gradients(a.layers)
    results = []
    for p, q in pairs:
        if p.outputs:
            came_in = _within(p.inputs, q.inputs, tolerance)
            results.append(_difference(step, p, "output", "output", p.outputs, q.outputs, 0.0, tolerance, came_in))
    # Backwards from the call that began last: what is inside a layer comes before it.
    for p, q in sorted(pairs, key=lambda pair: -pair[0].start):
        came_in = _within(p.output_grads, q.output_grads, tolerance, largest_input)
        gradients = [("input", p.input_grads, q.input_grads, largest_input)]
        gradients += [(n, [g], [q.weight_grads.get(n)], largest_weight) for n, g in p.weight_grads.items()]
        scale = _scale(p.weight_grads.values())
        for name, u, v, largest in gradients:
            if any(g is not None for g in u):
                floor = max(_FLOOR_OF_GRADIENTS * largest, 0.0 if name == "input" else scale)
                results.append(_difference(step, p, "gradient", name, u, v, floor, tolerance, came_in))
    for p, q in pairs:
        for name in p.weights.keys() & q.weights.keys():
            results.append(_weight(step, p, q, name, tolerance))
    return results


def weight_differences(
    step: int, a: Sequence[LayerValues], b: Sequence[LayerValues], tolerance: float
) -> list[Difference]:
    """The differences of the weights alone."""
    return [
        _difference(step, p, "weight", name, [w], [q.weights[name]], 0.0, tolerance, True)
        for p, q in zip(a, b, strict=True)
        for name, w in p.weights.items()
    ]


def _weight(step: int, p: LayerValues, q: LayerValues, name: str, tolerance: float) -> Difference:
    """The difference of a weight after the update, relative to how much that changed it."""
    w, before = p.weights[name], p.before[name]
    change = _scale([w.astype("float64") - before]) if w.dtype.kind == "f" else 0.0
    floor = max(_FLOOR_OF_CHANGES * _scale([w]), change)
    absolute = _absolute([w], [q.weights[name]])
    relative = absolute / floor if floor and absolute else absolute and math.inf
    return Difference(step, p.name, p.kind, "weight", name, absolute, relative, relative <= tolerance, True)


def _difference(
    step: int,
    layer: LayerValues,
    what: str,
    name: str,
    a: Sequence[Array | None],
    b: Sequence[Array | None],
    floor: float,
    tolerance: float,
    came_in: bool,
) -> Difference:
    absolute, scale = _absolute(a, b), max(_scale(a), floor)
    relative = absolute / scale if scale and absolute else absolute and math.inf
    return Difference(step, layer.name, layer.kind, what, name, absolute, relative, relative <= tolerance, came_in)


def _within(a: Sequence[Array | None], b: Sequence[Array | None], tolerance: float, largest: float = 0.0) -> bool:
    """Whether what came into a layer was the same."""
    return _absolute(a, b) <= tolerance * max(_scale(a), _FLOOR_OF_GRADIENTS * largest)


def _absolute(a: Sequence[Array | None], b: Sequence[Array | None]) -> float:
    """The largest difference between arrays in pairs. Infinite where one is missing, of another shape, or NaN alone."""
    if len(a) != len(b):
        return math.inf
    largest = 0.0
    for u, v in zip(a, b):
        if u is None and v is None:
            continue
        if u is None or v is None or u.shape != v.shape:
            return math.inf
        if u.dtype.kind in "OSU":
            largest = max(largest, 0.0 if (u == v).all() else math.inf)
            continue
        wide = "complex128" if "c" in (u.dtype.kind, v.dtype.kind) else "float64"
        u, v = u.astype(wide), v.astype(wide)
        with np.errstate(invalid="ignore", over="ignore"):
            apart = np.where((u == v) | (np.isnan(u) & np.isnan(v)), 0.0, np.abs(u - v))
        largest = max(largest, float(np.where(np.isnan(apart), math.inf, apart).max(initial=0.0)))
    return largest


def _scale(arrays: Iterable[Array | None]) -> float:
    """The largest finite number, in absolute value."""
    largest = 0.0
    for a in arrays:
        if a is not None and a.dtype.kind not in "OSU" and a.size:
            size = np.abs(a.astype("complex128" if a.dtype.kind == "c" else "float64"))
            largest = max(largest, float(np.where(np.isfinite(size), size, 0.0).max()))
    return largest


def _largest_gradients(layers: Sequence[LayerValues]) -> tuple[float, float]:
    """The largest gradient of an input or output, and of a weight."""
    flowing = [g for layer in layers for g in (*layer.input_grads, *layer.output_grads)]
    return _scale(flowing), _scale(g for layer in layers for g in layer.weight_grads.values())
