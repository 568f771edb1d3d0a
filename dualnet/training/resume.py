"""Where ``fit`` continues a run that was interrupted."""

from __future__ import annotations

from typing import Any, NamedTuple


class Resume(NamedTuple):
    """The position in an epoch that another run began."""

    batches: int  # done in the epoch
    position: dict[str, Any] | None  # in the data
    logs: dict[str, Any]  # after the last batch
