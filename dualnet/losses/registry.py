"""The loss functions by name. ``dualnet.losses`` fills the table; what reads a config looks into it."""

from __future__ import annotations

from typing import Any

FUNCTIONS: dict[str, Any] = {}
