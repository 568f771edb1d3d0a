"""FarmHash64 (github.com/google/farmhash) and SipHash (131002.net/siphash), on unsigned 64-bit numbers.

They are the hashes of TensorFlow's ``tf.strings.to_hash_bucket_fast`` and ``to_hash_bucket_strong``, and of its hashed crossings.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from struct import unpack_from
from typing import Any

import numpy as np

_MASK = (1 << 64) - 1
_K0, _K1, _K2 = 0xC3A5C85C97CB3127, 0xB492B66FBE98F273, 0x9AE16A3B2F90404F
_CROSS_MUL = 0xC6A4A7935BD1E995
_CROSS_KEY = 0xDECAFCAFFE  # the initial fingerprint of a crossing


def _rotate(x: int, n: int) -> int:
    """To the right."""
    return (x >> n | x << (64 - n)) & _MASK


def _shift_mix(x: int) -> int:
    return x ^ (x >> 47)


def _u64(s: bytes, i: int) -> int:
    return int(unpack_from("<Q", s, i)[0])


def _u32(s: bytes, i: int) -> int:
    return int(unpack_from("<I", s, i)[0])


def _mix(u: int, v: int, mul: int) -> int:
    a = _shift_mix((u ^ v) * mul & _MASK)
    b = _shift_mix((v ^ a) * mul & _MASK)
    return b * mul & _MASK


def _up_to_16(s: bytes, n: int) -> int:
    if n >= 8:
        mul = _K2 + n * 2
        a = _u64(s, 0) + _K2 & _MASK
        b = _u64(s, n - 8)
        c = _rotate(b, 37) * mul + a & _MASK
        d = (_rotate(a, 25) + b) * mul & _MASK
        return _mix(c, d, mul)
    if n >= 4:
        return _mix(n + (_u32(s, 0) << 3), _u32(s, n - 4), _K2 + n * 2)
    if n > 0:
        y = s[0] + (s[n >> 1] << 8)
        z = n + (s[-1] << 2)
        return _shift_mix((y * _K2 ^ z * _K0) & _MASK) * _K2 & _MASK
    return _K2


def _mix_four(a: int, b: int, c: int, d: int, k: int, mul: int) -> tuple[int, int]:
    first = _rotate(a + b & _MASK, 43) + _rotate(c, 30) + d & _MASK
    return first, _mix(first, a + _rotate(b + k & _MASK, 18) + c & _MASK, mul)


def _up_to_64(s: bytes, n: int) -> int:
    mul = _K2 + n * 2
    a = _u64(s, 0) * (_K1 if n <= 32 else _K2) & _MASK
    y, z = _mix_four(a, _u64(s, 8), _u64(s, n - 8) * mul & _MASK, _u64(s, n - 16) * _K2 & _MASK, _K2, mul)
    if n <= 32:
        return z
    g = (y + _u64(s, n - 32)) * mul & _MASK
    h = (z + _u64(s, n - 24)) * mul & _MASK
    return _mix_four(_u64(s, 16) * mul & _MASK, _u64(s, 24), g, h, a, mul)[1]


def _weak(s: bytes, i: int, a: int, b: int) -> tuple[int, int]:
    """The hash of the 32 bytes from ``i`` on, seeded with ``a`` and ``b``."""
    w, x, y, z = unpack_from("<4Q", s, i)
    a = a + w & _MASK
    b = _rotate(b + a + z & _MASK, 21)
    c = a
    a = a + x + y & _MASK
    b = b + _rotate(a, 44) & _MASK
    return a + z & _MASK, b + c & _MASK


def _long(s: bytes, n: int) -> int:
    x, y = 81, 81 * _K1 + 113 & _MASK
    z = _shift_mix(y * _K2 + 113 & _MASK) * _K2 & _MASK
    v, w = (0, 0), (0, 0)
    x = x * _K2 + _u64(s, 0) & _MASK
    mul, factor = _K1, 1
    for i in (*range(0, (n - 1) // 64 * 64, 64), n - 64):
        if i == n - 64:  # the last 64 bytes, which may overlap those before
            mul, factor = _K1 + ((z & 0xFF) << 1) & _MASK, 9
            w = (w[0] + (n - 1 & 63) & _MASK, w[1])
            v = (v[0] + w[0] & _MASK, v[1])
            w = (w[0] + v[0] & _MASK, w[1])
        x = _rotate(x + y + v[0] + _u64(s, i + 8) & _MASK, 37) * mul & _MASK
        y = _rotate(y + v[1] + _u64(s, i + 48) & _MASK, 42) * mul & _MASK
        x ^= w[1] * factor & _MASK
        y = y + v[0] * factor + _u64(s, i + 40) & _MASK
        z = _rotate(z + w[0] & _MASK, 33) * mul & _MASK
        v = _weak(s, i, v[1] * mul & _MASK, x + w[0] & _MASK)
        w = _weak(s, i + 32, z + w[1] & _MASK, y + _u64(s, i + 16) & _MASK)
        z, x = x, z
    first = _mix(v[0], w[0], mul) + _shift_mix(y) * _K0 + z & _MASK
    return _mix(first, _mix(v[1], w[1], mul) + x & _MASK, mul)


def farmhash64(s: bytes) -> int:
    """The fingerprint of some bytes: a number from 0 to 2**64 - 1."""
    n = len(s)
    if n <= 16:
        return _up_to_16(s, n)
    return _up_to_64(s, n) if n <= 64 else _long(s, n)


def siphash(s: bytes, key: Sequence[int]) -> int:
    """SipHash-2-4 of some bytes under a key of two 64-bit numbers: a number from 0 to 2**64 - 1."""
    k0, k1 = (k & _MASK for k in key)
    a, b = k0 ^ 0x736F6D6570736575, k1 ^ 0x646F72616E646F6D
    c, d = k0 ^ 0x6C7967656E657261, k1 ^ 0x7465646279746573
    whole = len(s) // 8 * 8
    last = int.from_bytes(s[whole:], "little") | (len(s) & 0xFF) << 56
    for word in (*unpack_from(f"<{whole // 8}Q", s), last):
        d ^= word
        a, b, c, d = _sip_round(*_sip_round(a, b, c, d))
        a ^= word
    c ^= 0xFF
    for _ in range(4):
        a, b, c, d = _sip_round(a, b, c, d)
    return a ^ b ^ c ^ d


def _sip_round(a: int, b: int, c: int, d: int) -> tuple[int, int, int, int]:
    a = a + b & _MASK
    b = _rotate(b, 64 - 13) ^ a
    a = _rotate(a, 32)
    c = c + d & _MASK
    d = _rotate(d, 64 - 16) ^ c
    a = a + d & _MASK
    d = _rotate(d, 64 - 21) ^ a
    c = c + b & _MASK
    b = _rotate(b, 64 - 17) ^ c
    return a, b, _rotate(c, 32), d


def crossed(features: Sequence[int]) -> int:
    """One number from several: fingerprints of strings, and whole numbers as they are."""
    fingerprint = _CROSS_KEY
    for feature in features:
        second = (feature & _MASK) * _CROSS_MUL & _MASK
        fingerprint ^= _CROSS_MUL ^ (_shift_mix(second) * _CROSS_MUL & _MASK)
        fingerprint = fingerprint * _CROSS_MUL & _MASK
        fingerprint = _shift_mix(_shift_mix(fingerprint) * _CROSS_MUL & _MASK)
    return fingerprint


def as_salt(layer: Any, salt: Any) -> list[int] | None:
    """The argument ``salt`` as a SipHash key of two numbers."""
    if salt is None:
        return None
    if isinstance(salt, int) and not isinstance(salt, bool):
        return [salt, salt]
    if isinstance(salt, (list, tuple)) and len(salt) == 2:
        return [int(s) for s in salt]
    raise ValueError(
        f"The `salt` argument for `{type(layer).__name__}` can only be a tuple of size 2 integers, or a single integer. "
        f"Received: salt={salt}."
    )


def hashed(key: bytes, buckets: int, salt: list[int] | None) -> int:
    """The bucket of some bytes: FarmHash64, or SipHash when there is a salt, modulo the number of buckets."""
    return (farmhash64(key) if salt is None else siphash(key, salt)) % buckets


def map_values(function: Callable[[Any], Any], values: Any, dtype: Any) -> Any:
    """``function`` of every value of a NumPy array, called once for equal ones."""
    flat = values.reshape(-1).tolist()
    results = {value: function(value) for value in set(flat)}
    mapped = np.empty(values.shape, dtype)
    mapped.reshape(-1)[:] = [results[value] for value in flat]
    return mapped
