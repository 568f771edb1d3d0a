"""Wall time per training step on small networks: dualnet, PyTorch eager, Keras on JAX, tf.keras (those that are installed).

Every peer does what its users do: ``fit`` for the Keras API, a plain loop for PyTorch. Each measurement is a process of its own;
the processes take turns over several rounds, and the median of a peer's rounds counts, at its better number of threads.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.util
import itertools
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from typing import Any

# name: sizes of the layers, batch size, optimizer, loss
WORKLOADS: dict[str, tuple[list[int], int, str, str]] = {
    "8-30-10-5-1, batch 32, SGD": ([8, 30, 10, 5, 1], 32, "SGD", "mse"),
    "2-4-1, batch 4, SGD": ([2, 4, 1], 4, "SGD", "mse"),
    "784-300-100-10, batch 32, SGD": ([784, 300, 100, 10], 32, "SGD", "classes"),
    "784-300-100-10, batch 64, Adam": ([784, 300, 100, 10], 64, "Adam", "classes"),
}
PEERS = {"dualnet": "dualnet", "torch": "torch", "keras-jax": "jax", "tf.keras": "tensorflow"}  # peer: what it needs


def arrays(sizes: list[int], batch: int, loss: str, steps: int) -> tuple[Any, Any]:
    """Random data of ``steps`` batches."""
    import numpy as np

    rng = np.random.default_rng(0)
    x = rng.normal(size=(batch * steps, sizes[0])).astype("float32")
    if loss == "mse":
        return x, rng.normal(size=(len(x), 1)).astype("float32")
    return x, rng.integers(0, sizes[-1], size=len(x)).astype("int64")


def measure_keras(keras: Any, name: str, steps: int, repeats: int) -> list[float]:
    """Microseconds per step of ``fit``, for each repeat after a warm-up."""
    sizes, batch, optimizer, loss = WORKLOADS[name]
    x, y = arrays(sizes, batch, loss, steps)
    last = None if loss == "mse" else "softmax"
    hidden = [keras.layers.Dense(n, activation="relu") for n in sizes[1:-1]]
    model = keras.Sequential([keras.Input((sizes[0],)), *hidden, keras.layers.Dense(sizes[-1], activation=last)])
    model.compile(
        getattr(keras.optimizers, optimizer)(0.001), "mse" if loss == "mse" else "sparse_categorical_crossentropy"
    )
    model.fit(x, y, batch_size=batch, epochs=1, verbose=0)
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        model.fit(x, y, batch_size=batch, epochs=2, verbose=0)
        times.append((time.perf_counter() - start) / (2 * steps) * 1e6)
    return times


def measure_torch(name: str, steps: int, repeats: int) -> list[float]:
    """Microseconds per step of an eager loop that shuffles, for each repeat after a warm-up."""
    import torch

    sizes, batch, optimizer, loss = WORKLOADS[name]
    x, y = (torch.from_numpy(a) for a in arrays(sizes, batch, loss, steps))
    layers: list[Any] = []
    for i, (a, b) in enumerate(itertools.pairwise(sizes)):
        layers += [torch.nn.Linear(a, b)] + ([torch.nn.ReLU()] if i < len(sizes) - 2 else [])
    net = torch.nn.Sequential(*layers)
    criterion: Any = torch.nn.MSELoss() if loss == "mse" else torch.nn.CrossEntropyLoss()
    update = getattr(torch.optim, optimizer)(net.parameters(), lr=0.001)

    def epoch() -> None:
        total = torch.zeros(())
        order = torch.randperm(len(x))
        for i in range(0, len(x), batch):
            part = order[i : i + batch]
            update.zero_grad()
            value = criterion(net(x[part]), y[part])
            value.backward()
            update.step()
            total += value.detach()  # what fit keeps: the running loss
        total.item()

    epoch()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        epoch()
        epoch()
        times.append((time.perf_counter() - start) / (2 * steps) * 1e6)
    return times


def child(peer: str, name: str, threads: int, steps: int, repeats: int) -> None:
    """Measure one peer on one workload and print the times as JSON."""
    if peer == "torch":
        import torch

        torch.set_num_threads(threads)
        times = measure_torch(name, steps, repeats)
    elif peer == "dualnet":
        import dualnet

        times = measure_keras(dualnet, name, steps, repeats)
    else:
        os.environ["KERAS_BACKEND"] = {"keras-jax": "jax", "tf.keras": "tensorflow"}[peer]
        import keras

        times = measure_keras(keras, name, steps, repeats)
    print(json.dumps(times))


def run(peer: str, name: str, threads: int, options: argparse.Namespace) -> float:
    """The median of one process, in microseconds."""
    env = dict(os.environ, TF_CPP_MIN_LOG_LEVEL="3", JAX_PLATFORMS="cpu", DUALNET_DEVICE="cpu")
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        env[variable] = str(threads)
    if peer in ("keras-jax", "tf.keras") and threads == 1:
        env["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    command = [sys.executable, __file__, "--child", peer, name, str(threads)]
    command += ["--steps", str(options.steps), "--repeats", str(options.repeats)]
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{peer} failed on {name}:\n{done.stderr[-2000:]}")
    return statistics.median(json.loads(done.stdout.strip().splitlines()[-1]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=300, help="batches in an epoch")
    parser.add_argument("--repeats", type=int, default=5, help="timings in a process")
    parser.add_argument("--rounds", type=int, default=3, help="processes per peer, workload and number of threads")
    parser.add_argument("--json", help="write the results here too")
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(options.child[0], options.child[1], int(options.child[2]), options.steps, options.repeats)
        return
    peers = [peer for peer, module in PEERS.items() if importlib.util.find_spec(module) is not None]
    results: dict[str, dict[str, float]] = {}
    for name in WORKLOADS:
        rounds: dict[tuple[str, int], list[float]] = {}
        for _ in range(options.rounds):
            for peer in peers:
                for threads in (1, 2):
                    rounds.setdefault((peer, threads), []).append(run(peer, name, threads, options))
        results[name] = {p: min(statistics.median(rounds[p, t]) for t in (1, 2)) for p in peers}
    width = max(map(len, results))
    print(f"{'us per step':{width}}  " + "  ".join(f"{p:>10}" for p in peers) + "   fastest peer / dualnet")
    for name, row in results.items():
        others = [v for p, v in row.items() if p != "dualnet"]
        ratio = f"{min(others) / row['dualnet']:.2f}" if others else "no peer installed"
        print(f"{name:{width}}  " + "  ".join(f"{row[p]:10.0f}" for p in peers) + f"   {ratio}")
    if options.json:
        from importlib.metadata import version

        names = ("numpy", "torch", "keras", "jax", "tensorflow")
        about = {
            "date": datetime.date.today().isoformat(),
            "machine": f"{platform.machine()}, {os.cpu_count()} CPUs",
            "python": platform.python_version(),
            "versions": {n: version(n) for n in names if importlib.util.find_spec(n)},
        }
        with open(options.json, "w") as file:
            json.dump({**about, "us_per_step": results}, file, indent=2)


if __name__ == "__main__":
    main()
