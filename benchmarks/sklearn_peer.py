"""scikit-learn's MLP, for the workloads it supports: dense layers with ReLU, SGD or Adam."""

from __future__ import annotations

import time
import warnings

from .workloads import Workload


def supports(workload: Workload) -> bool:
    """Whether MLPClassifier or MLPRegressor supports the workload."""
    return workload.optimizer in ("SGD", "Adam") and all(estimator == "dense" for estimator, *_ in workload.layers)


def train(workload: Workload, repeats: int, epochs: int = 2) -> list[float]:
    """Microseconds per step, for each repeat after a warm-up."""
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    warnings.simplefilter("ignore")  # every fit warns that it has not converged
    x, y = workload.data()
    estimator = MLPRegressor if workload.classes is None else MLPClassifier
    net = estimator(
        hidden_layer_sizes=[units for _, units, _ in workload.layers[:-1]],
        solver=workload.optimizer.lower(),
        alpha=0.0,
        batch_size=workload.batch,
        learning_rate_init=0.001,
        momentum=0.0,
        nesterovs_momentum=False,
        max_iter=epochs,
        warm_start=True,
        n_iter_no_change=10**6,
        tol=0.0,
    )
    y = y.ravel()
    net.fit(x, y)
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        net.fit(x, y)
        times.append((time.perf_counter() - start) / (epochs * workload.steps) * 1e6)
    return times
