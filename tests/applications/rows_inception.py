"""The networks of the zoo: DenseNet, Inception, Inception-ResNet, NASNet and Xception."""

from __future__ import annotations

from .network import Network

ROWS: list[Network] = [
    Network("DenseNet121", "densenet", features=1024, mode="torch", compared=True),
    Network("DenseNet169", "densenet", features=1664, mode="torch"),
    Network("DenseNet201", "densenet", features=1920, mode="torch"),
    Network("InceptionV3", "inception_v3", features=2048, mode="tf", size=75, smallest=75, compared=True),
    Network("InceptionResNetV2", "inception_resnet_v2", features=1536, mode="tf", size=75, smallest=75, compared=True),
    Network("NASNetMobile", "nasnet", features=1056, mode="tf"),
    Network("NASNetLarge", "nasnet", features=4032, mode="tf"),
    Network("Xception", "xception", features=2048, mode="tf", size=71, smallest=71, compared=True),
]
