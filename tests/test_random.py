"""dualnet.random: the distributions by moments and by Kolmogorov's and Pearson's tests, with seeds that are fixed."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from dualnet_backends import Backend

from dualnet import ops, random

N = 40_000
KOLMOGOROV = 1.95 / math.sqrt(N)  # exceeded once in a thousand


def distance(sample: Any, distribution: Any) -> float:
    """The largest difference of the distribution functions of a sample and of ``distribution``."""
    u = distribution(np.sort(sample))
    steps = np.arange(len(u) + 1) / len(u)
    return float(max(np.max(u - steps[:-1]), np.max(steps[1:] - u)))


def erlang(k: int) -> Any:
    """The distribution function of gamma numbers of a whole shape parameter."""
    return lambda x: 1 - np.exp(-x) * sum(x**i / math.factorial(i) for i in range(k))


@pytest.mark.parametrize("alpha", [1, 2, 7])
def test_gamma_of_whole_parameters(backend: Backend, alpha: int) -> None:
    sample = random.gamma((N,), alpha, "float64", seed=alpha).numpy()
    assert distance(sample, erlang(alpha)) < KOLMOGOROV


def test_gamma_of_a_half_is_half_the_square_of_a_normal_number(backend: Backend) -> None:
    sample = random.gamma((N,), ops.array([0.5]), "float64", seed=1).numpy()
    assert distance(sample, np.vectorize(lambda x: math.erf(math.sqrt(x)))) < KOLMOGOROV


def test_gamma_moments_of_several_parameters(backend: Backend) -> None:
    alpha = np.array([0.03, 0.4, 3.3, 250.0])
    sample = random.gamma((N, 4), alpha, seed=3).numpy().astype("float64")
    np.testing.assert_allclose(sample.mean(0), alpha, atol=5 * np.sqrt(alpha / N).max(), rtol=0.05)
    np.testing.assert_allclose(sample.var(0), alpha, rtol=0.2)


@pytest.mark.parametrize(
    ("a", "b", "distribution"),
    [(1, 1, lambda x: x), (3, 1, lambda x: x**3), (0.01, 1, lambda x: x**0.01), (1, 4, lambda x: 1 - (1 - x) ** 4),
     (0.5, 0.5, lambda x: 2 / np.pi * np.arcsin(np.sqrt(x))), (2, 2, lambda x: 3 * x**2 - 2 * x**3)],
)  # fmt: skip
def test_beta(backend: Backend, a: float, b: float, distribution: Any) -> None:
    sample = random.beta((N,), a, b, "float64", seed=5).numpy()
    assert distance(sample, distribution) < KOLMOGOROV


def test_beta_of_parameters_whose_gamma_numbers_are_too_small_for_a_float(backend: Backend) -> None:
    sample = random.beta((N,), 1e-4, 1e-4, seed=2).numpy()
    assert np.isfinite(sample).all()
    assert abs(sample.mean() - 0.5) < 0.02


def test_beta_keeps_its_limits_in_half_precision(backend: Backend) -> None:
    sample = random.beta((N,), 0.2, 0.3, "float16", seed=2).numpy()
    assert sample.dtype == "float16"
    assert sample.min() >= 0
    assert sample.max() <= 1


@pytest.mark.parametrize(
    ("n", "p"),
    [(1, 0.3), (5, 0.5), (19, 0.5), (20, 0.5), (40, 0.25), (90, 0.9), (1000, 0.003), (1000, 0.3), (10**6, 0.01)],
)
def test_binomial(backend: Backend, n: int, p: float) -> None:
    """Pearson's test of the numbers of which 10 or more are expected, and of all others together."""
    sample = random.binomial((N,), n, np.float64(p), "float64", seed=n).numpy()
    center, reach = round(n * p), round(8 * math.sqrt(n * p * (1 - p))) + 3
    ks = np.arange(max(center - reach, 0), min(center + reach, n) + 1)
    terms = (math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1) for k in ks)
    mass = np.array([math.exp(t + k * math.log(p) + (n - k) * math.log(1 - p)) for k, t in zip(ks, terms)])
    often = mass * N >= 10
    seen = np.array([np.sum(sample == k) for k in ks[often]])
    observed, expected = np.append(seen, N - seen.sum()), N * np.append(mass[often], max(1 - mass[often].sum(), 1e-9))
    chi = np.sum((observed - expected) ** 2 / np.maximum(expected, 1))
    freedom = often.sum()
    assert chi < freedom + 3.1 * math.sqrt(2 * freedom) + 6


def test_binomial_without_doubt(backend: Backend) -> None:
    got = random.binomial((2, 3), [[0], [7]], [0.0, 1.0, 0.5], seed=1).numpy()
    assert got[0].tolist() == [0, 0, 0]
    assert got[1, :2].tolist() == [0, 7]


def test_numbers_beside_arrays(backend: Backend) -> None:
    n, p, one = np.array([5, 6]), np.array([0.25, 0.5]), np.ones(2)
    for mixed, arrays in (
        (random.binomial((2,), n, 0.5, seed=1), random.binomial((2,), n, 0.5 * one, seed=1)),
        (random.binomial((2,), 40, p, seed=1), random.binomial((2,), 40 * one, p, seed=1)),
        (random.beta((2,), p, 2.0, seed=1), random.beta((2,), p, 2 * one, seed=1)),
        (random.beta((2,), 2, p, seed=1), random.beta((2,), 2 * one, p, seed=1)),
    ):
        np.testing.assert_array_equal(mixed.numpy(), arrays.numpy())


def test_binomial_of_what_is_no_probability(backend: Backend) -> None:
    got = random.binomial((5,), 10, [1.5, -0.1, np.nan, 0.0, 1.0], seed=1).numpy()
    np.testing.assert_array_equal(got, [np.nan, np.nan, np.nan, 0, 10])


def test_categorical(backend: Backend) -> None:
    p = np.array([[0.1, 0.2, 0.7], [0.5, 0.0, 0.5]])
    logits = np.log(np.maximum(p, 1e-300)) + np.array([[50.0], [-3.0]])
    sample = random.categorical(logits, N, seed=4)
    assert str(sample.dtype) == "int32"
    for row, expected in zip(sample.numpy(), p):
        counts = np.bincount(row, minlength=3)
        assert counts[expected == 0].sum() == 0
        assert np.sum((counts - N * expected) ** 2 / (N * np.maximum(expected, 0.1))) < 13.8


def test_categorical_dtype_and_rank() -> None:
    assert str(random.categorical([[0.0, 1.0]], 3, "uint8", seed=1).dtype) == "uint8"
    for wrong in (np.zeros(3), np.zeros((2, 2, 2)), np.zeros((2, 0))):
        with pytest.raises(ValueError, match="batch, classes"):
            random.categorical(wrong, 3)


def test_dropout(backend: Backend) -> None:
    x = ops.ones((100, 50))
    y = random.dropout(x, 0.25, seed=3).numpy()
    assert set(np.unique(y)) == {np.float32(0), np.float32(4 / 3)}
    assert abs((y == 0).mean() - 0.25) < 0.03
    columns = random.dropout(x, 0.5, noise_shape=(1, None), seed=3).numpy()
    assert np.all(columns == columns[:1])
    assert 0 < (columns[0] == 0).sum() < 50


@pytest.mark.parametrize(
    "draw",
    [
        lambda seed: random.gamma((5,), 0.7, seed=seed),
        lambda seed: random.beta((5,), 0.7, 2, seed=seed),
        lambda seed: random.binomial((5,), 1000, 0.5, seed=seed),
        lambda seed: random.categorical(np.zeros((1, 1000)), 5, seed=seed),
        lambda seed: random.dropout(np.ones(50, "float32"), 0.5, seed=seed),
    ],
    ids=["gamma", "beta", "binomial", "categorical", "dropout"],
)
def test_seeds(draw: Any) -> None:
    """A number gives the same values, a generator others at each call, and the same ones again when it is made anew."""
    assert np.array_equal(draw(3).numpy(), draw(3).numpy())
    assert not np.array_equal(draw(3).numpy(), draw(4).numpy())
    assert not np.array_equal(draw(None).numpy(), draw(None).numpy())
    first, again = random.SeedGenerator(7), random.SeedGenerator(7)
    a, b = draw(first).numpy(), draw(first).numpy()
    assert not np.array_equal(a, b)
    assert np.array_equal(a, draw(again).numpy())
    assert np.array_equal(b, draw(again).numpy())


def test_wrong_dtypes() -> None:
    for name, args in {
        "uniform": (),
        "normal": (),
        "truncated_normal": (),
        "gamma": (1,),
        "beta": (1, 1),
        "binomial": (5, 0.5),
    }.items():
        with pytest.raises(ValueError, match="requires a floating point `dtype`"):
            getattr(random, name)((2,), *args, dtype="int32")
    with pytest.raises(ValueError, match="requires an integer `dtype`"):
        random.randint((2,), 0, 3, dtype="float32")


def test_a_seed_generator_shows_its_state_and_refuses_what_it_does_not_know() -> None:
    generator = random.SeedGenerator(12)
    assert generator.state.numpy().tolist() == [12, 0]
    random.uniform((2,), seed=generator)
    assert generator.state.numpy().tolist() == [12, 1]
    with pytest.raises(ValueError, match="Unrecognized keyword arguments"):
        random.SeedGenerator(3, seeds=4)
    with pytest.raises(ValueError, match="Argument `seed` must be an integer"):
        random.SeedGenerator("three")  # type: ignore[arg-type]


def test_uniform_whole_numbers_as_in_tensorflow() -> None:
    values = random.uniform((2000,), maxval=5, dtype="int32", seed=1)
    assert values.dtype == "int32"
    np.testing.assert_allclose(np.bincount(values.numpy()), 400, atol=80)
    assert random.uniform((9,), 3, 4, dtype="int64").numpy().tolist() == [3] * 9
