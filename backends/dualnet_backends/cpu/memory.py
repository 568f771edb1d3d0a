"""Freed memory stays with the process, so that the next array does not fault it in page by page.

The arrays of a training step are freed at its end and allocated again in the next. glibc returns freed memory to the system
above a threshold, twice the largest block freed so far, at most 2 x 32 MiB; the system then zeroes every page anew, which
took over a quarter of the time of a LeNet-5 step. So one block of nearly 32 MiB is freed here: none of its pages is touched,
so it costs some microseconds. Other allocators are not affected.
"""

from __future__ import annotations

import numpy as np


def retain_freed_memory() -> None:
    """Raise the threshold of glibc's allocator; once per process is enough."""
    np.empty((32 << 20) - (64 << 10), dtype=np.uint8)
