"""The networks of the zoo: VGG and ResNet."""

from __future__ import annotations

from .network import Network

ROWS: list[Network] = [
    Network("VGG16", "vgg16", features=512, mode="caffe", size=32, compared=True),
    Network("VGG19", "vgg19", features=512, mode="caffe", size=32),
    Network("ResNet50", "resnet", features=2048, mode="caffe", compared=True),
    Network("ResNet101", "resnet", features=2048, mode="caffe"),
    Network("ResNet152", "resnet", features=2048, mode="caffe"),
    Network("ResNet50V2", "resnet_v2", features=2048, mode="tf", compared=True),
    Network("ResNet101V2", "resnet_v2", features=2048, mode="tf"),
    Network("ResNet152V2", "resnet_v2", features=2048, mode="tf"),
]
