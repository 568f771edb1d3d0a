"""Images and arrays."""

from dualnet.core.hints import module_getattr
from dualnet.preprocessing.image_data_generator import ImageDataGenerator
from dualnet.preprocessing.image_iterators import ArrayIterator as NumpyArrayIterator
from dualnet.preprocessing.image_iterators import FileIterator as DirectoryIterator
from dualnet.preprocessing.image_iterators import ImageIterator as Iterator
from dualnet.utils.image_utils import array_to_img, img_to_array, load_img, save_img, smart_resize

__all__ = [
    "DirectoryIterator",
    "ImageDataGenerator",
    "Iterator",
    "NumpyArrayIterator",
    "array_to_img",
    "img_to_array",
    "load_img",
    "save_img",
    "smart_resize",
]

__getattr__ = module_getattr(__name__, __all__)
