"""Random streams: NumPy's own Philox is the oracle, on every backend, and the streams' names are frozen."""

from __future__ import annotations

import math

import numpy as np
import pytest
from dualnet_backends import Backend, stream_key
from dualnet_backends.kernels.normal import normal
from dualnet_backends.kernels.random import counter, philox_words

KEY = (0x0123456789ABCDEF, 0xFEDCBA9876543210)
STEPS = [0, 1, 7, 2**32, 2**64 - 1, 2**64, 2**100 + 1]


def philox(step: int, key: tuple[int, int] = KEY) -> np.random.Philox:
    return np.random.Philox(key=key[0] | key[1] << 64, counter=step << 128)


@pytest.mark.parametrize("step", STEPS)
def test_words_are_those_of_numpy(backend: Backend, step: int) -> None:
    for n in (0, 1, 2, 3, 4, 5, 1001):
        expected = philox(step).random_raw(n)
        words = backend.random_words(n, KEY, step)
        assert words.dtype == "uint64"
        np.testing.assert_array_equal(backend.to_numpy(words), expected)
        np.testing.assert_array_equal(backend.to_numpy(philox_words(backend.xp, n, KEY, step)), expected)


@pytest.mark.parametrize("key", [(0, 0), (2**64 - 1, 2**64 - 1), (1, 2**63)])
def test_words_for_extreme_keys(backend: Backend, key: tuple[int, int]) -> None:
    np.testing.assert_array_equal(backend.to_numpy(backend.random_words(9, key, 3)), philox(3, key).random_raw(9))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_uniform_numbers_are_those_of_numpy(backend: Backend, dtype: str) -> None:
    for shape in ((), (1,), (3, 5), (0, 2), (1000,)):
        expected = np.random.Generator(philox(4)).random(shape, dtype=dtype)
        got = backend.to_numpy(backend.random_uniform(shape, KEY, 4, dtype))
        assert got.dtype == dtype
        np.testing.assert_array_equal(got, expected)


def test_uniform_numbers_in_float16(backend: Backend) -> None:
    got = backend.to_numpy(backend.random_uniform((5,), KEY, 4, "float16"))
    np.testing.assert_array_equal(got, np.random.Generator(philox(4)).random(5, dtype="float32").astype("float16"))


def test_dropout_mask_is_one_lane_per_element(backend: Backend) -> None:
    lanes = philox(2).random_raw(30).view("uint16")[:119].reshape(7, 17)
    for rate in (0.0, 0.1, 0.5, 0.999999):
        threshold = min(round(rate * 65536), 65535)
        expected = np.where(lanes >= threshold, np.float32(1 / (1 - rate)), np.float32(0))
        got = backend.to_numpy(backend.dropout_mask((7, 17), rate, KEY, 2, "float32"))
        assert got.dtype == "float32"
        np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.8])
def test_dropout_keeps_the_mean(backend: Backend, rate: float) -> None:
    n = 200_000
    mask = backend.to_numpy(backend.dropout_mask((n,), rate, KEY, 11, "float64"))
    deviation = (rate / (1 - rate) / n) ** 0.5
    assert abs(mask.mean() - 1) < 5 * deviation
    assert abs((mask == 0).mean() - rate) < 5 * (rate * (1 - rate) / n) ** 0.5


def test_steps_and_streams_differ(backend: Backend) -> None:
    streams = [(stream_key(seed, name), step) for seed in (0, 1) for name in ("a", "b") for step in (0, 1)]
    drawn = {tuple(backend.to_numpy(backend.random_words(4, key, step)).tolist()) for key, step in streams}
    assert len(drawn) == len(streams)


def test_stream_keys_are_frozen() -> None:
    """A change here would change every mask and every shuffle of a seeded run."""
    assert stream_key(0, "dropout") == (17008971759710353709, 4550727516582201491)
    assert stream_key(42, "dense/dropout_1") == (16320713428017818276, 17324175924994545899)
    assert stream_key(2**32 - 1, "shuffle") == (12088009226617681287, 13944310150535400020)
    assert stream_key(0, "") == (11048305053151453180, 13923529708411546454)
    assert counter(7) == 7 << 128


def test_a_mask_is_frozen(backend: Backend) -> None:
    key = stream_key(42, "dense/dropout_1")
    words = backend.to_numpy(backend.random_words(3, key, 5))
    assert words.tolist() == [17135618809122184219, 10629224311020937854, 14703736093699884891]
    mask = backend.to_numpy(backend.dropout_mask((12,), 0.5, key, 5, "float32"))
    assert mask.tolist() == [2, 2, 2, 2, 0, 2, 2, 2, 0, 2, 0, 2]


def box_muller(word: int) -> tuple[float, float]:
    """Two normal numbers from a word, by the standard library."""
    radius = math.sqrt(-2 * math.log(((word >> 32) + 0.5) / 2**32))
    angle = (word % 2**30 + 0.5) / 2**30 * math.pi / 2
    signs = (-1) ** (word >> 31 & 1), (-1) ** (word >> 30 & 1)
    return signs[0] * radius * math.cos(angle), signs[1] * radius * math.sin(angle)


def test_normal_numbers_are_those_of_box_and_muller(backend: Backend) -> None:
    expected = np.array([box_muller(word) for word in philox(6).random_raw(501).tolist()]).reshape(-1)
    for shape in ((1002,), (1001,), (3, 7), (), (0, 4)):
        got = backend.to_numpy(backend.random_normal(shape, KEY, 6, "float64"))
        assert got.shape == shape
        np.testing.assert_allclose(got.reshape(-1), expected[: got.size], rtol=0, atol=2e-13)
    for dtype in ("float32", "float16"):
        narrow = backend.to_numpy(backend.random_normal((1002,), KEY, 6, dtype))
        np.testing.assert_array_equal(
            narrow, backend.to_numpy(backend.random_normal((1002,), KEY, 6, "float64")).astype(dtype)
        )


def test_normal_numbers_at_the_ends(backend: Backend) -> None:
    """The words that are nearest to and farthest from the origin, and those where the logarithm changes its range."""
    half = 2**32
    tops = [0, 1, 2**31 - 1, 2**31, half - 1, half - 2, round(half * math.sqrt(0.5)), round(half * math.sqrt(0.5)) - 1]
    words = [top << 32 | low for top in tops for low in (0, 2**30 - 1, 2**29, half - 1)]
    got = backend.to_numpy(normal(backend.xp, backend.asarray(np.array(words, "uint64"))))
    np.testing.assert_allclose(got, np.array([box_muller(w) for w in words]).reshape(-1), rtol=1e-12, atol=2e-13)
    assert np.abs(got).max() < 6.8


def test_normal_numbers_are_normal(backend: Backend) -> None:
    """Mean, variance, kurtosis and the share in eight intervals, each within five standard deviations."""
    n = 100_000
    z = backend.to_numpy(backend.random_normal((n,), KEY, 0, "float64"))
    assert abs(z.mean()) < 5 / n**0.5
    assert abs(z.var() - 1) < 5 * (2 / n) ** 0.5
    assert abs((z**4).mean() - 3) < 5 * (96 / n) ** 0.5
    edges = [-np.inf, -2, -1, -0.5, 0, 0.5, 1, 2, np.inf]
    for low, high in zip(edges, edges[1:]):
        share = (math.erf(high / 2**0.5) - math.erf(low / 2**0.5)) / 2
        assert abs(((z >= low) & (z < high)).mean() - share) < 5 * (share * (1 - share) / n) ** 0.5
    assert abs(np.corrcoef(z[::2], z[1::2])[0, 1]) < 5 / (n / 2) ** 0.5


def test_normal_numbers_are_frozen(backend: Backend) -> None:
    z = backend.to_numpy(backend.random_normal((4,), stream_key(42, "dense/dropout_1"), 5, "float32"))
    assert z.tolist() == [-0.03548162057995796, 0.3823588490486145, -0.736092746257782, -0.7488182783126831]
