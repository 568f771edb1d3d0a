"""The networks of the zoo: ConvNeXt."""

from __future__ import annotations

from .network import Network

_WIDTHS = {"Tiny": 768, "Small": 768, "Base": 1024, "Large": 1536, "XLarge": 2048}

ROWS: list[Network] = [
    Network(f"ConvNeXt{size}", "convnext", features=width, mode=None, compared=size == "Tiny", channels_first=False)
    for size, width in _WIDTHS.items()
]
