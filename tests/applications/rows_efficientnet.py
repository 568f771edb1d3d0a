"""The networks of the zoo: EfficientNet and EfficientNetV2."""

from __future__ import annotations

from .network import Network

_WIDTHS = {"B0": 1280, "B1": 1280, "B2": 1408, "B3": 1536, "B4": 1792, "B5": 2048, "B6": 2304, "B7": 2560}
_WIDTHS_V2 = {"B0": 1280, "B1": 1280, "B2": 1408, "B3": 1536, "S": 1280, "M": 1280, "L": 1280}

ROWS: list[Network] = [
    *(Network(f"EfficientNet{n}", "efficientnet", width, None, compared=n == "B0") for n, width in _WIDTHS.items()),
    *(
        Network(f"EfficientNetV2{n}", "efficientnet_v2", width, None, compared=n == "B0")
        for n, width in _WIDTHS_V2.items()
    ),
]
