"""VGG16; its parts are in ``dualnet.applications.vgg``."""

from .imagenet_utils import decode_predictions
from .vgg import preprocess_input, vgg

__all__ = ["VGG16", "decode_predictions", "preprocess_input"]

VGG16 = vgg(
    __name__,
    "VGG16",
    depths=(2, 2, 3, 3, 3),
    hashes=("64373286793e3c8b2b4e3219cbf3544b", "6d6bbae143d832006294945121d1f1fc"),
)
