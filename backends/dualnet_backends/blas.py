"""The matrix products of NumPy: which of its kernels OpenBLAS takes on this processor.

OpenBLAS knows processors by their model number, and takes one that is newer than itself for an old one: AMD's Zen 5 then
multiplies without AVX-512, at half the speed. What the processor can do it says itself. OpenBLAS looks at
``OPENBLAS_CORETYPE`` once, when NumPy is imported; so this has to come first, and does nothing where NumPy came before.
"""

from __future__ import annotations

import os
import sys

VARIABLE = "OPENBLAS_CORETYPE"
_NEEDED = {
    "avx512f",
    "avx512cd",
    "avx512bw",
    "avx512dq",
    "avx512vl",
}  # what OpenBLAS's kernels for SkylakeX are made of


def choose_core(information: str = "/proc/cpuinfo") -> None:
    """Ask for the AVX-512 kernels where AMD's processor has them and nobody has asked for others."""
    if "numpy" in sys.modules or VARIABLE in os.environ:
        return
    try:
        with open(information, encoding="utf-8", errors="replace") as file:
            first = file.read(8192).partition("\n\n")[0]  # one processor of many
    except OSError:  # not Linux
        return
    known = dict(line.partition(":")[::2] for line in first.splitlines())
    values = {key.strip(): value.strip() for key, value in known.items()}
    if values.get("vendor_id") == "AuthenticAMD" and set(values.get("flags", "").split()) >= _NEEDED:
        os.environ[VARIABLE] = "SkylakeX"


choose_core()
