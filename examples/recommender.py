"""Recommend wines by matrix factorization: from who liked what, to what each would like.

Koren, Bell and Volinsky, "Matrix Factorization Techniques for Recommender Systems", Computer 42 (2009). A rating is the mean, plus
what is usual for the taster, plus what is usual for the wine, plus the product of a few hidden factors of both. The wines are real,
the first 400 of Cortez et al. 2009, which come with dualnet; the tasters are not. No set of ratings by people may be copied freely,
so 500 invented tasters rate 40 wines each by three directions of the real measurements, with noise, in whole stars. That has an
advantage: the error of one who knew each taste is known, and none can do better. The network sees the stars and nothing else.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import Any

import numpy as np

import dualnet as keras
from dualnet import layers

TABLE = Path(__file__).resolve().parents[1] / "configs" / "tabular" / "winequality-red.csv"
WINES, TASTERS, TASTED, FACTORS = 400, 500, 40, 3


def ratings() -> tuple[Any, Any, Any, Any]:
    """Taster, wine, stars from 1 to 5, and what the taster really thinks, of each rating in random order.  (20,000,) each"""
    with TABLE.open(encoding="utf-8") as file:
        rows = list(csv.reader(file))[1 : WINES + 1]
    measured = np.array(rows, "float64")[:, :-1]  # without the quality
    measured = (measured - measured.mean(axis=0)) / measured.std(axis=0)
    directions = np.linalg.svd(measured, full_matrices=False)[0][:, :FACTORS] * np.sqrt(
        WINES
    )  # in which wines differ most
    rng = np.random.default_rng(0)
    taste = 0.6 * rng.normal(size=(TASTERS, FACTORS))  # who likes it sour, who likes it strong, ...
    opinion = 3 + 0.4 * rng.normal(size=(TASTERS, 1)) + 0.4 * rng.normal(size=WINES) + taste @ directions.T
    tasters = np.repeat(np.arange(TASTERS), TASTED)
    wines = np.concatenate([rng.choice(WINES, TASTED, replace=False) for _ in range(TASTERS)])
    stars = np.clip(np.round(opinion[tasters, wines] + 0.4 * rng.normal(size=len(wines))), 1, 5)
    order = rng.permutation(len(stars))
    return tasters[order], wines[order], stars[order], np.clip(opinion[tasters, wines], 1, 5)[order]


def factorization(mean: float, factors: int) -> Any:
    """mean + b_taster + b_wine + p_taster q_wine, where b, p and q are rows of tables of weights, kept small."""
    inputs = [keras.Input((), dtype="int32", name=name) for name in ("taster", "wine")]
    options = {"embeddings_regularizer": keras.regularizers.L2(1e-4)}
    biases = [layers.Embedding(n, 1, "zeros", **options)(i) for n, i in zip((TASTERS, WINES), inputs)]
    terms = [layers.Rescaling(1.0, offset=mean)(biases[0]), biases[1]]
    if factors:
        vectors = [layers.Embedding(n, factors, **options)(i) for n, i in zip((TASTERS, WINES), inputs)]
        terms.append(layers.Dot(axes=1)(vectors))
    return keras.Model(inputs, layers.Add()(terms))


def rmse(predicted: Any, stars: Any) -> float:
    """The root of the mean squared error."""
    return float(np.sqrt(np.mean(np.square(np.ravel(predicted) - stars))))


def main(smoke: bool = False) -> float:
    keras.utils.set_random_seed(0)
    tasters, wines, stars, opinions = ratings()
    train, test = slice(0, -4000), slice(-4000, None)
    mean = float(stars[train].mean())
    results = {"the mean of all": rmse(mean, stars[test])}
    predicted = None
    for title, factors in {"mean, taster and wine": 0, f"and {FACTORS} factors": FACTORS}.items():
        model = factorization(mean, factors)
        model.compile(keras.optimizers.Adam(0.01), "mse")
        model.fit([tasters[train], wines[train]], stars[train], batch_size=64, epochs=3 if smoke else 15, verbose=0)
        predicted = model.predict([tasters[test], wines[test]], verbose=0)
        results[title] = rmse(predicted, stars[test])
    results["who knew each taste"] = rmse(opinions[test], stars[test])
    print("error of the 4,000 ratings that were kept back, in stars")
    for title, error in results.items():
        print(f"    {title}: {error:.3f}")
    plot(results, opinions[test], predicted)
    error = results[f"and {FACTORS} factors"]
    print(f"figure: recommender {error:.4f}")
    return error


def plot(results: dict[str, float], opinions: Any, predicted: Any) -> None:
    """The errors, and the predictions beside what the tasters really think, as a PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=[1.4, 1])
    bars = left.barh(list(results), list(results.values()), color=["#999999", "#6fa8dc", "#1f4e79", "#d9d9d9"])
    left.bar_label(bars, fmt="%.2f", padding=2)
    left.set(xlabel="root of the mean squared error, in stars", xlim=(0, 1.25))
    left.invert_yaxis()
    right.plot([1, 5], [1, 5], color="gray", linewidth=1)
    right.scatter(opinions, predicted, s=2, alpha=0.4)
    right.set(xlabel="what the taster thinks, in stars", ylabel=f"prediction with {FACTORS} factors")
    figure.savefig("recommender.png", dpi=100)


if __name__ == "__main__":
    main("--smoke" in sys.argv[1:])
