"""The batches of ``ImageDataGenerator``: of arrays, and of image files."""

from __future__ import annotations

from typing import Any

import dualnet_backends as backends
import numpy as np

from ..core import settings
from ..core.naming import auto_name
from ..core.tensor import Tensor
from ..core.warning import warn
from ..data.py_dataset import PyDataset
from ..utils.image_utils import img_to_array, load_img
from .image_files import SUFFIXES, ImageFiles

DRAWS = 12  # random numbers for one image, whichever are used


def uniform(bits: np.random.Philox, count: int) -> Any:
    """Numbers from 0 to 1, from the raw stream of the bit generator, which NumPy guarantees never to change."""
    return (bits.random_raw(count) >> np.uint64(11)) * 2.0**-53


class ImageIterator(PyDataset):
    """Batches of images by index, and one after the other without end with ``next``.

    In ``fit`` an epoch is a pass over the images. With ``steps_per_epoch`` an epoch continues where the last one stopped, and is
    short where a pass ends, as in Keras 3: leave it out.

    The order and the changes of the images are a function of the seed and of the epoch, so the number of workers changes nothing.

    Attributes: ``n``, the number of images; ``batch_size``, ``shuffle``, ``seed``; ``batch_index``, that of the next batch.
    """

    def __init__(self, generator: Any, n: int, batch_size: int, shuffle: bool, seed: int | None) -> None:
        super().__init__()
        if isinstance(batch_size, bool) or batch_size < 1:
            raise ValueError(f"batch_size must be a positive whole number, got {batch_size!r}")
        self.image_data_generator = generator
        self.n, self.batch_size, self.shuffle, self.seed = n, int(batch_size), shuffle, seed
        # Generators with the same seed stay aligned: images and their masks.
        self._stream = auto_name("image_data_generator") if seed is None else "image_data_generator"
        self.batch_index = self.total_batches_seen = self._epoch = 0
        self.index_array = self._order()

    def __len__(self) -> int:
        return -(-self.n // self.batch_size)

    def _draws(self, stream: int, count: int) -> Any:
        """Random numbers of this epoch: those of stream 0 order the images, those of stream n + 1 change batch n."""
        seed = settings.global_seed() if self.seed is None else self.seed
        low, high = backends.stream_key(int(seed), self._stream)
        return uniform(np.random.Philox(key=low | high << 64, counter=(self._epoch << 64 | stream) << 128), count)

    def _order(self) -> Any:
        return np.argsort(self._draws(0, self.n), kind="stable") if self.shuffle else np.arange(self.n)

    def reset(self) -> None:
        """Begin again with the first batch."""
        self.batch_index = 0

    def on_epoch_end(self) -> None:
        """The next epoch has another order and other changes."""
        self._epoch += 1
        self.index_array = self._order()

    def __iter__(self) -> ImageIterator:
        return self

    def __next__(self) -> Any:
        if self.batch_index >= len(self):
            self.batch_index = 0
            self.on_epoch_end()
        self.batch_index += 1
        self.total_batches_seen += 1
        return self[self.batch_index - 1]

    def __getitem__(self, index: int) -> Any:
        if not -len(self) <= index < len(self):
            raise IndexError(f"there are {len(self)} batches, index {index} is out of range")
        batch = index % len(self)
        indices = self.index_array[batch * self.batch_size : (batch + 1) * self.batch_size]
        generator = self.image_data_generator
        images = []
        for i, draws in zip(indices, self._draws(batch + 1, DRAWS * len(indices)).reshape(-1, DRAWS)):
            image = np.asarray(self._image(i), generator.dtype)
            image = generator.apply_transform(image, generator.transform_of(image.shape, draws))
            images.append(generator.standardize(image))
        return self._batch(np.stack(images), indices)

    def _image(self, index: int) -> Any:
        """The image with this index, as it is."""
        raise NotImplementedError

    def _batch(self, images: Any, indices: Any) -> Any:
        """The images with what belongs to them."""
        raise NotImplementedError


class ArrayIterator(ImageIterator):
    """The batches of ``ImageDataGenerator.flow``."""

    def __init__(
        self,
        generator: Any,
        x: Any,
        y: Any,
        sample_weight: Any,
        batch_size: int,
        shuffle: bool,
        seed: int | None,
        subset: str | None,
        ignore_class_split: bool,
    ) -> None:
        extra: list[Any] = []
        if isinstance(x, tuple) or (isinstance(x, list) and len(x) == 2 and np.ndim(x[0]) == 4):
            x, others = x
            extra = list(others) if isinstance(others, (list, tuple)) else [others]
        x, y, sample_weight, *extra = (None if a is None else _host(a) for a in (x, y, sample_weight, *extra))
        for name, array in (("y", y), ("sample_weight", sample_weight), *(("an array of x", a) for a in extra)):
            if array is not None and len(array) != len(x):
                raise ValueError(f"there are {len(x)} images, but {name} has {len(array)} entries")
        if x.ndim != 4:
            raise ValueError(f"flow expects images with four axes, got the shape {x.shape}")
        if x.shape[generator.channel_axis] not in (1, 3, 4):
            warn(
                f"images have 1, 3 or 4 channels, these have {x.shape[generator.channel_axis]} (the shape is {x.shape}, "
                f"{generator.data_format})"
            )
        if subset is not None:
            cut = int(len(x) * generator.validation_split)
            if y is not None and not ignore_class_split and not np.array_equal(np.unique(y[:cut]), np.unique(y[cut:])):
                raise ValueError(
                    "training and validation have different classes: the first images are those for validation, so shuffle the "
                    "arrays before; for labels that are no classes, flow(..., ignore_class_split=True)"
                )
            part = slice(None, cut) if subset == "validation" else slice(cut, None)
            x, y, sample_weight, *extra = (None if a is None else a[part] for a in (x, y, sample_weight, *extra))
        if not len(x):
            raise ValueError("there are no images")
        self.x, self.y, self.sample_weight, self.x_misc = x, y, sample_weight, extra
        super().__init__(generator, len(x), batch_size, shuffle, seed)

    def _image(self, index: int) -> Any:
        return self.x[index]

    def _batch(self, images: Any, indices: Any) -> Any:
        x = [images, *(a[indices] for a in self.x_misc)] if self.x_misc else images
        if self.y is None:
            return x
        parts = (x, self.y[indices])
        return parts if self.sample_weight is None else (*parts, self.sample_weight[indices])


class FileIterator(ImageIterator):
    """The batches of ``ImageDataGenerator.flow_from_directory`` and ``flow_from_dataframe``.

    Attributes: those of ``ImageIterator``; ``filenames``, ``filepaths``, ``samples``, ``class_indices``, ``num_classes``, ``classes``
    (the label of each file), ``class_mode``, ``image_shape``, ``target_size``.
    """

    def __init__(
        self,
        generator: Any,
        files: ImageFiles,
        class_mode: str | None,
        batch_size: int,
        shuffle: bool,
        seed: int | None,
        target_size: tuple[int, ...],
        color_mode: str,
        interpolation: str,
        keep_aspect_ratio: bool,
    ) -> None:
        channels = {"rgb": 3, "rgba": 4, "grayscale": 1}.get(color_mode)
        if channels is None:
            raise ValueError(f'color_mode must be "grayscale", "rgb" or "rgba", got {color_mode!r}')
        if not files.paths:
            raise ValueError(f"found no images: looked for {', '.join(SUFFIXES)}")
        self.filepaths, self.filenames, self.class_indices = files.paths, files.names, files.class_indices
        self.labels = self.classes = files.labels
        self.sample_weight = files.weights
        self.samples, self.num_classes, self.class_mode = len(files.paths), len(files.class_indices), class_mode
        self.target_size, self.color_mode = target_size, color_mode
        self.interpolation, self.keep_aspect_ratio = interpolation, keep_aspect_ratio
        first = generator.data_format == "channels_first"
        self.image_shape = (channels, *target_size) if first else (*target_size, channels)
        super().__init__(generator, len(files.paths), batch_size, shuffle, seed)

    def _image(self, index: int) -> Any:
        image = load_img(
            self.filepaths[index], self.color_mode, self.target_size, self.interpolation, self.keep_aspect_ratio
        )
        return img_to_array(image, data_format=self.image_data_generator.data_format)

    def _batch(self, images: Any, indices: Any) -> Any:
        if self.class_mode is None:
            return images
        y: Any
        if self.class_mode == "input":
            y = images.copy()
        elif self.class_mode == "multi_output":
            y = [a[indices] for a in self.labels]
        elif self.class_mode == "categorical":
            y = np.zeros((len(indices), self.num_classes), images.dtype)
            for row, i in zip(y, indices):
                row[self.labels[i]] = 1
        else:
            y = self.labels[indices]
            y = y.astype(images.dtype) if self.class_mode == "binary" else y
        return (images, y) if self.sample_weight is None else (images, y, self.sample_weight[indices])


def _host(x: Any) -> Any:
    return x.numpy() if isinstance(x, Tensor) else np.asarray(x)
