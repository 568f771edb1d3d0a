"""Freed memory stays with the process: a step that allocates what the last one freed faults in no pages."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

SCRIPT = """
import resource
import dualnet_backends
dualnet_backends.get("cpu")
import numpy as np

def step():
    return [np.ones(n << 18, "float32") for n in (3, 1, 3, 2)]  # 9 MiB

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

step()
before = faults()
for _ in range(20):
    step()
print((faults() - before) / 20)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="about the allocator of glibc")
def test_a_step_faults_in_no_pages_of_the_last_one() -> None:
    printed = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True).stdout
    assert float(printed) < 100  # of 2304
