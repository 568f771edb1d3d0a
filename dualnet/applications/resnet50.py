"""ResNet50 under the name of its own module; see ``dualnet.applications.resnet``."""

from .resnet import ResNet50, decode_predictions, preprocess_input

__all__ = ["ResNet50", "decode_predictions", "preprocess_input"]
