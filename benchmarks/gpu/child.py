"""The measurements of one library on the GPU, in a process of its own; the protocol is that of ``benchmarks/child.py``.

A request is [what, name, options]. ``DUALNET`` says how dualnet runs: "captured", "eager", or "cupy", its formulas on plain CuPy.
"""

from __future__ import annotations

import ctypes
import dataclasses
import gc
import json
import sys
import time
from collections.abc import Callable
from typing import Any

from ..child import ANSWER
from ..workloads import WORKLOADS, Workload

MIB = 1 << 20


def workload(name: str, options: dict[str, Any]) -> Workload:
    """A row of the table; for a quick run with small batches and few of them."""
    full = WORKLOADS[name]
    return dataclasses.replace(full, **{key: options[key] for key in ("batch", "steps") if options.get(key)})


def timed(epoch: Callable[[], Any], wait: Callable[[], Any], steps: int, repeats: int) -> list[float]:
    """Microseconds per step of an epoch, for each repeat, from an idle device to an idle device."""
    times = []
    for _ in range(repeats):
        wait()
        start = time.perf_counter()
        epoch()
        wait()
        times.append((time.perf_counter() - start) / steps * 1e6)
    return times


class Dualnet:
    """mode: "captured", "eager" or "cupy"."""

    def __init__(self, mode: str) -> None:
        import cupy
        import dualnet_backends as backends

        import dualnet

        self.mode, self.cupy, self.dualnet = mode, cupy, dualnet
        self.backend = backends.get("gpu")
        if mode == "cupy":
            self.backend = backends.register(plain_backend(type(self.backend)))
        if mode != "captured":
            dualnet.config.disable_graphs()
        dualnet.config.set_device("gpu:0")

    def train(self, name: str, options: dict[str, Any]) -> dict[str, Any]:
        from ..keras_peer import build

        row = workload(name, options)
        gc.collect()
        self.cupy.get_default_memory_pool().free_all_blocks()
        free = self._free()
        x, y = (self.backend.asarray(a) for a in row.data())
        model = build(self.dualnet, row)
        if self.mode == "cupy":
            model.run_eagerly = True

        def epoch() -> None:
            model.fit(x, y, batch_size=row.batch, epochs=1, verbose=0)

        epoch()  # compiles kernels
        epoch()
        times = timed(epoch, self.backend.synchronize, row.steps, options["repeats"])
        self.dualnet.utils.clear_session()
        return {"us": times, "mib": (free - self._free()) / MIB, **graph_facts(model)}

    def compare(self, name: str, options: dict[str, Any]) -> dict[str, Any]:
        """The largest differences of a config: between the devices, and captured from eager."""
        from dualnet_cli.compare import from_config

        from dualnet.testing import compare_captured, compare_devices

        notes: list[str] = []
        with self.dualnet.config.device("cpu"):
            model, x, y, size = from_config(name, (), notes)
            size = min(options.get("batch") or 32, size)
            results = [compare_devices(model, x, y, steps=options["compare_steps"], batch_size=size)]
            model.to("gpu")
        results.append(compare_captured(model, x, y, batch_size=size))
        answer: dict[str, Any] = {"notes": notes}
        for key, result in zip(("cpu and gpu", "captured and eager"), results):
            shown = result.fault or result.worst
            answer[key] = {
                "ok": result.ok,
                "relative": None if shown is None else min(shown.relative, 1e300),
                "where": None if shown is None else f"{shown.layer}, {shown.what} {shown.name}, step {shown.step}",
                "comparisons": len(result.differences),
                "skipped": result.skipped,
            }
        return answer

    def _free(self) -> int:
        return int(self.cupy.cuda.runtime.memGetInfo()[0])


def plain_backend(cls: type) -> Any:
    """A backend that moves data as that of CuPy does, and has none of its kernels: every kernel is its formula."""
    from dualnet_backends import Backend

    own = {name: value for name, value in vars(cls).items() if name not in ("__dict__", "__weakref__", "__doc__")}
    return type("PlainCupy", (Backend,), own)(0)


def graph_facts(model: Any) -> dict[str, Any]:
    """What the recorded training step of a model consists of: nodes of its CUDA graph, and where it ends."""
    from dualnet.capture.executors.graph import GraphStep
    from dualnet.capture.replay import CapturedTrainStep

    steps = (model._captured_steps or {}).get(CapturedTrainStep)
    for executor in steps._entries.values() if steps is not None else ():
        if isinstance(executor, GraphStep) and executor.is_recorded:
            graph: Any = getattr(executor._recording, "_graph", None)
            return {"nodes": None if graph is None else node_count(graph.graph), "phases": executor.phases.name.lower()}
    return {"nodes": None, "phases": None}


def node_count(graph: int) -> int:
    """Of a CUDA graph: its kernels, copies and fills."""
    count = ctypes.c_size_t()
    driver = ctypes.CDLL("libcuda.so.1")
    if driver.cuGraphGetNodes(ctypes.c_void_p(graph), None, ctypes.byref(count)):
        raise RuntimeError("the driver does not count the nodes of a graph")
    return count.value


class Torch:
    """PyTorch with exact float32, eager or by torch.compile(mode="reduce-overhead")."""

    def __init__(self, compiled: bool) -> None:
        import torch

        self.torch, self.compiled = torch, compiled
        if not torch.cuda.is_available():
            raise RuntimeError("this PyTorch sees no GPU")
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False

    def train(self, name: str, options: dict[str, Any]) -> dict[str, Any]:
        from ..torch_peer import training_epoch

        torch, row = self.torch, workload(name, options)
        torch._dynamo.reset()
        gc.collect()
        torch.cuda.empty_cache()
        free = torch.cuda.mem_get_info()[0]
        epoch = training_epoch(row, self.compiled, device="cuda")
        epoch()
        epoch()
        times = timed(epoch, torch.cuda.synchronize, row.steps, options["repeats"])
        return {"us": times, "mib": (free - torch.cuda.mem_get_info()[0]) / MIB}


def main() -> None:
    peer: Any = None
    kind = sys.argv[1]
    for line in sys.stdin:
        what, name, options = json.loads(line)
        try:
            if peer is None:
                peer = Torch(kind == "torch.compile") if kind.startswith("torch") else Dualnet(kind)
            answer = {"error": None, **getattr(peer, what)(name, options)}
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {(str(error).strip().splitlines() or [''])[0]}"[:300]}
        print(f"\n{ANSWER}{json.dumps(answer, allow_nan=False)}", flush=True)


if __name__ == "__main__":
    main()
