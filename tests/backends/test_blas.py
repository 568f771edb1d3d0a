"""OpenBLAS is asked for AVX-512 where the processor has it and OpenBLAS may not know it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from dualnet_backends import blas

ALL = "fpu avx2 avx512f avx512cd avx512bw avx512dq avx512vl"
FOUND = (
    "vendor_id\t: {vendor}\nmodel name\t: x\nflags\t\t: {flags}\n\nprocessor\t: 1\nvendor_id\t: none\nflags\t\t: none\n"
)


@pytest.mark.parametrize(
    ("vendor", "flags", "before", "expected"),
    [
        ("AuthenticAMD", ALL, None, "SkylakeX"),
        ("AuthenticAMD", "fpu avx2", None, None),
        ("AuthenticAMD", "fpu avx512f", None, None),
        ("GenuineIntel", ALL, None, None),  # of whose processors OpenBLAS goes by what they can do
        ("AuthenticAMD", ALL, "Haswell", "Haswell"),
    ],
)
def test_core(
    vendor: str, flags: str, before: str | None, expected: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    information = tmp_path / "cpuinfo"
    information.write_text(FOUND.format(vendor=vendor, flags=flags))
    monkeypatch.setenv(blas.VARIABLE, before or "")  # so that it is put back afterwards
    if before is None:
        monkeypatch.delenv(blas.VARIABLE)
    monkeypatch.delitem(sys.modules, "numpy")
    blas.choose_core(str(information))
    assert os.environ.get(blas.VARIABLE) == expected


def test_nothing_without_the_file_or_after_numpy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(blas.VARIABLE, "")
    monkeypatch.delenv(blas.VARIABLE)
    information = tmp_path / "cpuinfo"
    information.write_text(FOUND.format(vendor="AuthenticAMD", flags=ALL))
    blas.choose_core(str(information))  # NumPy is imported here
    monkeypatch.delitem(sys.modules, "numpy")
    blas.choose_core(str(tmp_path / "missing"))
    assert blas.VARIABLE not in os.environ


@pytest.mark.parametrize("program", ["import dualnet", "from dualnet_cli.main import main; main()"])
def test_comes_before_numpy(program: str) -> None:
    """The choice would come too late if one of dualnet's modules imported NumPy before."""
    code = (
        f"import sys; sys.argv[1:] = ['devices']\ntry: {program}\nexcept SystemExit: pass\n"
        "names = list(sys.modules)\n"
        "assert 'numpy' not in names or names.index('dualnet_backends.blas') < names.index('numpy')"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
