"""``ImageDataGenerator`` of tf.keras 2: batches of images, moved, coloured and normalized at random. New programs use the layers
``RandomFlip``, ``RandomRotation``, ... and ``utils.image_dataset_from_directory``.

All of it runs on the host, so that the images are the same on every device.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import dualnet_backends as backends
import numpy as np

from .. import config
from ..core import settings
from ..core.warning import warn
from ..ops.image.transforms import affine_transform
from ..utils.image_utils import resolve_data_format
from .image_files import directory_files, table_files
from .image_iterators import DRAWS, ArrayIterator, FileIterator, uniform

FILL_MODES = ("constant", "nearest", "reflect", "wrap")


class ImageDataGenerator:
    """Batches of images with random changes, as in tf.keras 2.

    The changes of an image are, in this order: ``apply_transform`` (moved, the channels shifted, mirrored, the brightness) and
    ``standardize`` (``preprocessing_function``, ``rescale``, then normalized by its own mean and deviation, then by those that
    ``fit`` found).

    Args:
        featurewise_center, featurewise_std_normalization: subtract the mean, divide by the deviation of each channel; see ``fit``.
        samplewise_center, samplewise_std_normalization: the same with those of each image.
        zca_whitening: decorrelate the pixels; see ``fit``.
        zca_epsilon: added to the singular values of the whitening.
        rotation_range: the largest angle, in degrees.
        width_shift_range, height_shift_range: the largest shift. A float below 1 is a fraction of the size, from 1 on pixels; an
            integer n shifts by whole pixels, less than n; of a list of numbers, one is drawn, with a random sign.
        brightness_range: (least, largest) factor.
        shear_range: the largest angle of shearing, in degrees.
        zoom_range: (least, largest) factor, drawn for each direction; z means (1 - z, 1 + z). Below 1 an image becomes larger.
        channel_shift_range: the largest number that is added to all pixels of an image, within its own range.
        fill_mode: what is outside of the image: "nearest", "constant" (``cval``), "reflect" or "wrap".
        horizontal_flip, vertical_flip: mirror half of the images.
        rescale: a factor for the pixels.
        preprocessing_function: a function from one image to another of the same shape.
        data_format: "channels_last" or "channels_first"; the configured one by default.
        validation_split: the fraction that ``subset="validation"`` stands for.
        interpolation_order: 0 for the nearest pixel, 1 for linear interpolation.
        dtype: of the batches; ``floatx()`` by default.

    Raises:
        ValueError: an argument is out of its range.
    """

    def __init__(
        self,
        featurewise_center: bool = False,
        samplewise_center: bool = False,
        featurewise_std_normalization: bool = False,
        samplewise_std_normalization: bool = False,
        zca_whitening: bool = False,
        zca_epsilon: float = 1e-6,
        rotation_range: float = 0,
        width_shift_range: Any = 0.0,
        height_shift_range: Any = 0.0,
        brightness_range: Sequence[float] | None = None,
        shear_range: float = 0.0,
        zoom_range: Any = 0.0,
        channel_shift_range: float = 0.0,
        fill_mode: str = "nearest",
        cval: float = 0.0,
        horizontal_flip: bool = False,
        vertical_flip: bool = False,
        rescale: float | None = None,
        preprocessing_function: Callable[[Any], Any] | None = None,
        data_format: str | None = None,
        validation_split: float = 0.0,
        interpolation_order: int = 1,
        dtype: Any = None,
    ) -> None:
        self.featurewise_center = featurewise_center or featurewise_std_normalization or zca_whitening
        self.samplewise_center = samplewise_center or samplewise_std_normalization
        self.featurewise_std_normalization = featurewise_std_normalization
        self.samplewise_std_normalization = samplewise_std_normalization
        self.zca_whitening, self.zca_epsilon = zca_whitening, zca_epsilon
        self.rotation_range, self.shear_range = rotation_range, shear_range
        self.width_shift_range, self.height_shift_range = width_shift_range, height_shift_range
        self.channel_shift_range = channel_shift_range
        self.fill_mode, self.cval = fill_mode, cval
        self.horizontal_flip, self.vertical_flip = horizontal_flip, vertical_flip
        self.rescale, self.preprocessing_function = rescale, preprocessing_function
        self.data_format = resolve_data_format(data_format)
        self.validation_split, self.interpolation_order = validation_split, interpolation_order
        self.dtype = config.floatx() if dtype is None else dtype
        self.brightness_range = None if brightness_range is None else _pair("brightness_range", brightness_range)
        if np.ndim(zoom_range) == 0:
            zoom_range = (1 - zoom_range, 1 + zoom_range)
        self.zoom_range = _pair("zoom_range", zoom_range)
        if fill_mode not in FILL_MODES:
            raise ValueError(f"fill_mode must be one of {', '.join(FILL_MODES)}, got {fill_mode!r}")
        if interpolation_order not in (0, 1):
            raise ValueError(f"interpolation_order must be 0 (nearest) or 1 (linear), got {interpolation_order!r}")
        if not 0 <= validation_split < 1:
            raise ValueError(f"validation_split must be from 0 to 1, got {validation_split!r}")
        if zca_whitening and featurewise_std_normalization:
            raise ValueError("zca_whitening divides by the deviations already: leave featurewise_std_normalization out")
        first = self.data_format == "channels_first"
        self.channel_axis, self.row_axis, self.col_axis = (1, 2, 3) if first else (3, 1, 2)
        self.mean: Any = None
        self.std: Any = None
        self.zca_whitening_matrix: Any = None

    # -- random changes --------------------------------------------------------------------------------------------

    def get_random_transform(self, img_shape: Sequence[int], seed: int | None = None) -> dict[str, Any]:
        """The random changes for one image of a shape, as ``apply_transform`` takes them."""
        seed = settings.global_seed() + np.random.randint(2**31) if seed is None else seed
        low, high = backends.stream_key(int(seed), "image_data_generator")
        return self.transform_of(img_shape, uniform(np.random.Philox(key=low | high << 64), DRAWS))

    def transform_of(self, img_shape: Sequence[int], draws: Any) -> dict[str, Any]:
        """The changes that ``DRAWS`` uniform numbers stand for."""
        rows, columns = img_shape[self.row_axis - 1], img_shape[self.col_axis - 1]
        draws = [float(draw) for draw in draws]  # whose type decides nothing
        low, high = self.zoom_range
        transform = {
            "theta": self.rotation_range * (2 * draws[0] - 1),
            "tx": _shift(self.width_shift_range, draws[1], draws[2], columns),
            "ty": _shift(self.height_shift_range, draws[3], draws[4], rows),
            "shear": self.shear_range * (2 * draws[5] - 1),
            "zx": low + (high - low) * draws[6],
            "zy": low + (high - low) * draws[7],
            "flip_horizontal": bool(self.horizontal_flip and draws[8] < 0.5),
            "flip_vertical": bool(self.vertical_flip and draws[9] < 0.5),
            "channel_shift_intensity": self.channel_shift_range * (2 * draws[10] - 1) or None,
            "brightness": None,
        }
        if self.brightness_range is not None:
            low, high = self.brightness_range
            transform["brightness"] = low + (high - low) * draws[11]
        return transform

    def apply_transform(self, x: Any, transform_parameters: dict[str, Any]) -> Any:
        """One image, changed.

        Args:
            x: an image with three axes.
            transform_parameters: any of ``theta`` (degrees, counter-clockwise), ``tx`` (columns, to the left), ``ty`` (rows, up),
                ``shear`` (degrees), ``zx``, ``zy``, ``flip_horizontal``, ``flip_vertical``, ``channel_shift_intensity`` and ``brightness``.
        """
        p = {"theta": 0, "tx": 0, "ty": 0, "shear": 0, "zx": 1, "zy": 1, **transform_parameters}
        x = np.asarray(x)
        if x.ndim != 3:
            raise ValueError(f"expected one image, with three axes, got the shape {x.shape}")
        rows, columns, channels = self.row_axis - 1, self.col_axis - 1, self.channel_axis - 1
        moved = tuple(p[name] for name in ("theta", "tx", "ty", "shear", "zx", "zy"))
        if moved != (0, 0, 0, 0, 1, 1):
            x = x.astype(np.promote_types(x.dtype, "float32"), copy=False)
            interpolation = "bilinear" if self.interpolation_order else "nearest"
            with backends.device("cpu"):
                x = affine_transform(
                    x,
                    _matrix(moved, x.shape[rows], x.shape[columns]),
                    interpolation,
                    self.fill_mode,
                    self.cval,
                    data_format=self.data_format,
                ).numpy()
        if p.get("channel_shift_intensity") is not None:
            x = np.clip(x + p["channel_shift_intensity"], x.min(), x.max())
        for name, axis in (("flip_horizontal", columns), ("flip_vertical", rows)):
            if p.get(name):
                x = np.flip(x, axis)
        if p.get("brightness") is not None and x.shape[channels]:
            x = np.clip(x * p["brightness"], min(x.min(), 0), _white(x))
        return x

    def random_transform(self, x: Any, seed: int | None = None) -> Any:
        """One image with random changes; with the same seed, the same ones."""
        return self.apply_transform(x, self.get_random_transform(np.shape(x), seed))

    # -- normalization ---------------------------------------------------------------------------------------------

    def standardize(self, x: Any) -> Any:
        """One image or a batch, scaled and normalized. The argument is left as it is."""
        x = self._scale(np.array(x, self.dtype))
        if self.featurewise_center and self._known("mean", "featurewise_center"):
            x -= self.mean
        if self.featurewise_std_normalization and self._known("std", "featurewise_std_normalization"):
            x /= self.std + 1e-6
        if self.zca_whitening and self._known("zca_whitening_matrix", "zca_whitening"):
            x = (x.reshape(-1, len(self.zca_whitening_matrix)) @ self.zca_whitening_matrix).reshape(x.shape)
        return x

    def _scale(self, x: Any) -> Any:
        """What comes before the means of ``fit``."""
        axes = tuple(range(x.ndim - 3, x.ndim))
        if self.preprocessing_function is not None:
            function = self.preprocessing_function
            x = function(x) if x.ndim == 3 else np.stack([function(image) for image in x])
            x = np.array(x, self.dtype)
        if self.rescale:
            x *= self.rescale
        if self.samplewise_center:
            x -= x.mean(axis=axes, keepdims=True)
        if self.samplewise_std_normalization:
            x /= x.std(axis=axes, keepdims=True) + 1e-6
        return x

    def _known(self, statistic: str, argument: str) -> bool:
        if getattr(self, statistic) is None:
            warn(
                f"this ImageDataGenerator has {argument}=True, but fit(images) was not called: the images are left as they are"
            )
            return False
        return True

    def fit(self, x: Any, augment: bool = False, rounds: int = 1, seed: int | None = None) -> None:
        """Find the means and deviations (and the whitening) of images, after ``rescale`` and ``preprocessing_function``.

        Args:
            x: images, with four axes.
            augment: of randomly changed images.
            rounds: how many times each image is changed.
            seed: fixes the changes.
        """
        x = np.array(x, self.dtype)
        if x.ndim != 4:
            raise ValueError(f"fit expects images with four axes, got the shape {x.shape}")
        if augment:
            seeds = np.random.SeedSequence(seed).generate_state(rounds * len(x))
            images = [x[i % len(x)] for i in range(rounds * len(x))]
            x = np.stack([self.random_transform(image, int(s)) for image, s in zip(images, seeds)]).astype(self.dtype)
        x = self._scale(x)
        axes = (0, self.row_axis, self.col_axis)
        if self.featurewise_center:
            self.mean = x.mean(axis=axes, keepdims=True)[0]
            x -= self.mean
        if self.featurewise_std_normalization:
            self.std = x.std(axis=axes, keepdims=True)[0]
        if self.zca_whitening:
            u, s, _ = np.linalg.svd(x.reshape(len(x), -1).T, full_matrices=False)
            self.zca_whitening_matrix = (u * (math.sqrt(len(x)) / (s + self.zca_epsilon))) @ u.T

    # -- batches ---------------------------------------------------------------------------------------------------

    def flow(
        self,
        x: Any,
        y: Any = None,
        batch_size: int = 32,
        shuffle: bool = True,
        sample_weight: Any = None,
        seed: int | None = None,
        save_to_dir: Any = None,
        save_prefix: str = "",
        save_format: str = "png",
        ignore_class_split: bool = False,
        subset: str | None = None,
    ) -> ArrayIterator:
        """Batches without end: images, (images, labels) or (images, labels, weights).

        Args:
            x: images, with four axes; or (images, arrays that go with them).
            y: labels.
            sample_weight: a weight for each image.
            seed: fixes the order and the changes; generators with the same seed stay aligned.
            ignore_class_split: do not check that training and validation have the same classes.
            subset: "training", or "validation": the first ones, as many as ``validation_split`` says.
        """
        _check_saving(save_to_dir)
        return ArrayIterator(
            self, x, y, sample_weight, batch_size, shuffle, seed, self._check_subset(subset), ignore_class_split
        )

    def flow_from_directory(
        self,
        directory: Any,
        target_size: Sequence[int] = (256, 256),
        color_mode: str = "rgb",
        classes: Sequence[str] | None = None,
        class_mode: str | None = "categorical",
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        save_to_dir: Any = None,
        save_prefix: str = "",
        save_format: str = "png",
        follow_links: bool = False,
        subset: str | None = None,
        interpolation: str = "nearest",
        keep_aspect_ratio: bool = False,
    ) -> FileIterator:
        """Batches without end of the images in folders, one folder for each class.

        Args:
            target_size: (rows, columns).
            color_mode: "rgb", "rgba" or "grayscale".
            classes: the folders, in the order of the labels; all of them, sorted, by default.
            class_mode: "categorical" (one-hot labels), "binary" (0.0 or 1.0), "sparse" (integers), "input" (the images themselves)
                or None (no labels).
            subset: "training" or "validation": of each class the first ones, as many as ``validation_split`` says.
            interpolation, keep_aspect_ratio: as for ``utils.load_img``.
        """
        _check_saving(save_to_dir)
        split = self._check_subset(subset)
        files = directory_files(directory, classes, class_mode, follow_links, self.validation_split, split)
        loading = (tuple(target_size), color_mode, interpolation, keep_aspect_ratio)
        return FileIterator(self, files, class_mode, batch_size, shuffle, seed, *loading)

    def flow_from_dataframe(
        self,
        dataframe: Any,
        directory: Any = None,
        x_col: str = "filename",
        y_col: Any = "class",
        weight_col: str | None = None,
        target_size: Sequence[int] = (256, 256),
        color_mode: str = "rgb",
        classes: Sequence[str] | None = None,
        class_mode: str | None = "categorical",
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        save_to_dir: Any = None,
        save_prefix: str = "",
        save_format: str = "png",
        subset: str | None = None,
        interpolation: str = "nearest",
        validate_filenames: bool = True,
        keep_aspect_ratio: bool = False,
    ) -> FileIterator:
        """Batches without end of the images that a table names: a pandas DataFrame, or anything else with columns by name.

        Args:
            directory: where the files are, unless their names say so.
            x_col: the column with the names of the files.
            y_col: that of the classes, as strings; or, for "raw" and "multi_output", one or several columns of numbers.
            weight_col: that of the sample weights.
            class_mode: as for ``flow_from_directory``; "raw" for numbers, "multi_output" for one array of labels per column. A list
                of classes in a row gives several ones with "categorical".
            subset: "training" or "validation": the first rows, as many as ``validation_split`` says.
            validate_filenames: leave out, with a warning, rows whose file does not exist or is no image.
        """
        _check_saving(save_to_dir)
        split = self._check_subset(subset)
        columns = (x_col, y_col, weight_col)
        files = table_files(
            dataframe, directory, *columns, classes, class_mode, validate_filenames, self.validation_split, split
        )
        loading = (tuple(target_size), color_mode, interpolation, keep_aspect_ratio)
        return FileIterator(self, files, class_mode, batch_size, shuffle, seed, *loading)

    def _check_subset(self, subset: str | None) -> str | None:
        if subset not in (None, "training", "validation"):
            raise ValueError(f'subset must be "training" or "validation", got {subset!r}')
        if subset is not None and not self.validation_split:
            raise ValueError(f"subset={subset!r} needs ImageDataGenerator(validation_split=...)")
        return subset


def _pair(name: str, value: Any) -> tuple[float, float]:
    if np.ndim(value) != 1 or len(value) != 2:
        raise ValueError(f"{name} must be two numbers, got {value!r}")
    return float(value[0]), float(value[1])


def _shift(limit: Any, draw: float, sign_draw: float, size: int) -> float:
    """A shift in pixels; see ``width_shift_range``."""
    if np.ndim(limit) or isinstance(limit, (int, np.integer)):
        choices = limit if np.ndim(limit) else range(max(int(limit), 1))
        shift = float(choices[int(draw * len(choices))]) * (1 if sign_draw < 0.5 else -1) + 0.0  # no -0.0
    else:
        shift = limit * (2 * draw - 1)
    return shift * size if np.max(limit) < 1 else shift


def _matrix(moved: tuple[Any, ...], rows: int, columns: int) -> Any:
    """The transform for ``ops.image.affine_transform``: turned, moved, sheared and zoomed about the center, in (x, y)."""
    theta, tx, ty, shear, zx, zy = moved
    theta, shear = math.radians(theta), math.radians(shear)
    turn = np.array([[math.cos(theta), -math.sin(theta)], [math.sin(theta), math.cos(theta)]])
    rest = np.array([[1, -math.sin(shear)], [0, math.cos(shear)]]) @ np.diag([zx, zy])
    m = turn @ rest
    center = np.array([(columns - 1) / 2, (rows - 1) / 2])
    offset = center + turn @ np.array([tx, ty]) - m @ center
    values = [*m[0], offset[0], *m[1], offset[1], 0, 0]
    return np.array(values, "float32")


def _white(x: Any) -> float:
    """The value of a white pixel: 1 or 255, or the largest one."""
    return 1.0 if x.max() <= 1 and x.dtype.kind == "f" else max(255.0, float(x.max()))


def _check_saving(save_to_dir: Any) -> None:
    if save_to_dir is not None:
        raise ValueError("save_to_dir is not supported: take a batch with next(...) and save it with utils.save_img")
