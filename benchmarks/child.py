"""One measurement of one library in its own process: prints a line of JSON."""

from __future__ import annotations

import importlib
import json
import os
import resource
import sys
from typing import Any

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


def main() -> None:
    measurement, peer, name, threads, repeats = sys.argv[1:6]
    api = library(peer, int(threads))
    if measurement == "import":
        return
    from . import keras_peer, sklearn_peer, torch_peer
    from .workloads import WORKLOADS

    workload, n = WORKLOADS[name], int(repeats)
    x, y = workload.data()
    before = peak()
    del x, y
    times: Any = None
    if measurement == "train":
        if peer.startswith("torch"):
            times = torch_peer.train(workload, n, compiled=peer == "torch.compile")
        elif peer == "scikit-learn":
            times = sklearn_peer.train(workload, n)
        else:
            times = keras_peer.train(api, workload, n)
    elif measurement == "predict":
        times = torch_peer.predict(workload, n) if api is None else keras_peer.predict(api, workload, n)
    elif api is None:
        torch_peer.cold(workload)
    else:
        keras_peer.cold(api, workload)
    print(json.dumps({"us": times, "peak_mb": peak(), "before_mb": before}))


if __name__ == "__main__":
    main()
