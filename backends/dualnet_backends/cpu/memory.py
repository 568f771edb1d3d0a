"""Memory that is freed stays with the process, so that the next array does not have to fault it in page by page.

The arrays of a training step are freed at its end and wanted again in the next. glibc gives such memory back to the system
when it is more than twice the largest block it has yet seen freed, at most 2 x 32 MiB; and the system hands out every page
anew, with zeros in it, which took a quarter of the time of a step of LeNet-5 and more. So one block of nearly 32 MiB is freed here:
no page of it was touched, and it costs some microseconds. Other allocators do not mind.
"""

from __future__ import annotations

import numpy as np


def keep() -> None:
    """Have the allocator keep what is freed; once a process is enough."""
    np.empty((32 << 20) - (64 << 10), dtype=np.uint8)
