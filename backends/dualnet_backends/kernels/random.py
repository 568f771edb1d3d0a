"""Counter-based random numbers, a pure function of (seed, name, step): the same bits on every device, in any order.

A *stream* is identified by a seed and a name. Its 128-bit Philox key is a hash of both, so streams are independent. The
step is word 2 of the 256-bit Philox counter: every step has 2**128 blocks, and step 7 can be drawn without steps 0 to 6.
The generator is Philox4x64-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011), as in
``numpy.random.Philox``.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

_M0, _M1 = 0xD2E7470EE14C6C93, 0xCA5A826395121157  # multipliers
_W0, _W1 = 0x9E3779B97F4A7C15, 0xBB67AE8584CAA73B  # Weyl sequence of the key
_MASK = (1 << 64) - 1


@lru_cache(maxsize=4096)
def stream_key(seed: int, name: str) -> tuple[int, int]:
    """The Philox key (two 64-bit words) of the stream ``name`` under ``seed``."""
    from hashlib import blake2b

    digest = blake2b(f"{seed}:{name}".encode(), digest_size=16).digest()
    return int.from_bytes(digest[:8], "little"), int.from_bytes(digest[8:], "little")


def counter(step: int) -> int:
    """The 256-bit Philox counter at which ``step`` starts."""
    return step << 128


def step_words(step: Any) -> tuple[Any, int]:
    """The two 64-bit words of a step: a number; or a 0-d array of uint64, alone or in a pair with the upper word."""
    if isinstance(step, tuple):
        return step
    return (step & _MASK, step >> 64 & _MASK) if isinstance(step, int) else (step, 0)


def philox_words(xp: Any, n: int, key: tuple[int, int], step: Any) -> Any:
    """The first ``n`` uint64 words of a stream at a step, in plain ``xp`` arithmetic (wrapping 64-bit integers)."""
    u64 = xp.uint64
    c0 = xp.arange(1, (n + 3) // 4 + 1, dtype=u64)  # NumPy increments the counter before use
    c1 = xp.zeros_like(c0)
    low, high = step_words(step)
    c2 = c1 + (u64(low) if isinstance(low, int) else low)
    c3 = xp.full_like(c0, u64(high))
    k0, k1 = key
    for _ in range(10):
        h0, l0 = _mul_high(xp, c0, _M0), c0 * u64(_M0)
        h1, l1 = _mul_high(xp, c2, _M1), c2 * u64(_M1)
        c0, c1, c2, c3 = h1 ^ c1 ^ u64(k0), l1, h0 ^ c3 ^ u64(k1), l0
        k0, k1 = (k0 + _W0) & _MASK, (k1 + _W1) & _MASK
    return xp.stack([c0, c1, c2, c3], axis=1).reshape(-1)[:n]


def _mul_high(xp: Any, a: Any, b: int) -> Any:
    """The high 64 bits of the 128-bit product, from four 32-bit ones (no array library has a 128-bit type)."""
    u64, low, half = xp.uint64, xp.uint64(0xFFFFFFFF), xp.uint64(32)
    a_lo, a_hi = a & low, a >> half
    b_lo, b_hi = u64(b & 0xFFFFFFFF), u64(b >> 32)
    lo_lo, lo_hi, hi_lo, hi_hi = a_lo * b_lo, a_lo * b_hi, a_hi * b_lo, a_hi * b_hi
    middle = (lo_lo >> half) + (lo_hi & low) + (hi_lo & low)
    return hi_hi + (lo_hi >> half) + (hi_lo >> half) + (middle >> half)
