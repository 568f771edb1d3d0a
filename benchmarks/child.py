"""The measurements of one library with one number of threads, in a process of its own.

It reads requests as lines of JSON, [measurement, workload, repeats], and answers each with a line that begins with ``ANSWER``.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import resource
import sys
from typing import Any

ANSWER = "answer: "  # libraries print lines of their own
KERAS = {"keras-jax": "jax", "keras-torch": "torch", "tf.keras": "tensorflow"}


def library(peer: str, threads: int) -> Any:
    """Import the library of a peer and set its number of threads; return its Keras API, or None."""
    if peer.startswith("torch") or peer == "keras-torch":
        import torch

        torch.set_num_threads(threads)
    if peer == "tf.keras":
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
    if peer in KERAS:
        os.environ["KERAS_BACKEND"] = KERAS[peer]
        return importlib.import_module("keras")
    if peer.startswith("dualnet"):
        return importlib.import_module("dualnet")
    return importlib.import_module("sklearn.neural_network") if peer == "scikit-learn" else None


def peak() -> float:
    """The largest resident size of this process so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(api: Any, peer: str, measurement: str, name: str, n: int) -> Any:
    """The times in microseconds, or None where the caller times the process."""
    from . import keras_peer, sklearn_peer, torch_peer
    from .workloads import WORKLOADS, ZOO

    is_torch, compiled = peer.startswith("torch"), peer == "torch.compile"
    if measurement == "predict zoo":
        return torch_peer.predict_zoo(*ZOO[name], n) if is_torch else keras_peer.predict_zoo(api, *ZOO[name], n)
    workload = WORKLOADS[name]
    if measurement == "train":
        if is_torch:
            return torch_peer.train(workload, n, compiled)
        if peer == "scikit-learn":
            return sklearn_peer.train(workload, n)
        return keras_peer.train(api, workload, n)
    if measurement == "each step":
        return torch_peer.each_step(workload, n, compiled) if is_torch else keras_peer.each_step(api, workload, n)
    if measurement == "predict":
        return torch_peer.predict(workload, n) if is_torch else keras_peer.predict(api, workload, n)
    if is_torch:
        torch_peer.cold(workload)
    else:
        keras_peer.cold(api, workload)
    return None


def main() -> None:
    peer, threads = sys.argv[1:3]
    api = library(peer, int(threads))
    for line in sys.stdin:
        measurement, name, repeats = json.loads(line)
        answer: dict[str, Any] = {"us": None, "error": None}
        if measurement != "import":
            try:
                answer["us"] = measure(api, peer, measurement, name, repeats)
            except Exception as error:
                answer["error"] = f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error) else ''}"
            gc.collect()
        answer["peak_mb"] = peak()
        print(f"\n{ANSWER}{json.dumps(answer)}", flush=True)


if __name__ == "__main__":
    main()
