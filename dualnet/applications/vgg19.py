"""VGG19; its parts are in ``dualnet.applications.vgg``."""

from .imagenet_utils import decode_predictions
from .vgg import preprocess_input, vgg

__all__ = ["VGG19", "decode_predictions", "preprocess_input"]

VGG19 = vgg(
    __name__,
    "VGG19",
    depths=(2, 2, 4, 4, 4),
    hashes=("cbe5617147190e668d6c5d5026f83318", "253f8cb515780f3b799900260a226db6"),
)
