"""The networks of the zoo: MobileNet, its second version, and its third, in both sizes."""

from __future__ import annotations

from .network import Network

ROWS: list[Network] = [
    Network("MobileNet", "mobilenet", features=1024, mode="tf", compared=True),
    Network("MobileNetV2", "mobilenet_v2", features=1280, mode="tf", compared=True),
    Network("MobileNetV3Small", "mobilenet_v3", features=576, mode=None, compared=True),
    Network("MobileNetV3Large", "mobilenet_v3", features=960, mode=None, compared=True),
]
