"""Intersection over union, for segmentation: how much of a class's region and of what was taken for it is shared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import dualnet_backends as backends

from .. import config
from ..core.tensor import Array, Tensor
from ..core.tracing import no_grad
from ..core.warning import warn
from .metric import Metric
from .state import add_to_matrix, as_array, weights_for


class IoU(Metric):
    """The mean over ``target_class_ids`` of shared / (labelled or predicted), from a confusion matrix.

    A class that is neither labelled nor predicted does not count in the mean. Counts of integers are kept in 64 bits.

    Args:
        num_classes: how many there are; a label or prediction outside [0, num_classes) does not count.
        target_class_ids: the classes to average over.
        dtype: of the counts, int32 by default, which cuts fractions of weights off; give "float32" for weights.
        ignore_class: a label that does not count.
        sparse_y_true, sparse_y_pred: whether they hold class ids, not one number for each class.
        axis: of the classes, where they do not.
    """

    _direction = "up"

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ) -> None:
        super().__init__(name=name, dtype=dtype or "int32")
        self.num_classes = num_classes
        self.target_class_ids = list(target_class_ids)
        for i in self.target_class_ids:
            if not 0 <= i < num_classes:
                raise ValueError(f"Target class id {i} is out of range, which is [0, {num_classes}).")
        self.ignore_class, self.axis = ignore_class, axis
        self.sparse_y_true, self.sparse_y_pred = sparse_y_true, sparse_y_pred
        # 2**31 pixels are soon counted.
        self._counts_integers = "int" in self.dtype
        count_dtype = "int64" if self._counts_integers else self.dtype
        self.total_cm = self._add_zeros("total_confusion_matrix", (num_classes, num_classes), dtype=count_dtype)
        class_weights = [float(self.target_class_ids.count(i)) for i in range(num_classes)]
        self._class_weights: Array = backends.of(self.total_cm.data).asarray(class_weights, dtype=config.floatx())

    def _classes(self, x: Any, sparse: bool) -> Array:
        array = as_array(x, backends.of(self.total_cm.data))
        return array if sparse else array.argmax(axis=self.axis)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch, without what the mask of ``y_pred`` leaves out.

        Args:
            y_true, y_pred: class ids, or numbers for each class along ``axis``.
            sample_weight: a number, one for each element, or one for each sample.
        """
        with no_grad():
            true, pred = self._classes(y_true, self.sparse_y_true), self._classes(y_pred, self.sparse_y_pred)
            self._update(true, pred, sample_weight, getattr(y_pred, "_keras_mask", None))

    def _update(self, true: Array, pred: Array, sample_weight: Any, mask: Any) -> None:
        if true.size != pred.size:
            raise ValueError(
                f"{self.name}: y_true and y_pred must hold one class for each element, got shapes {true.shape} and "
                f"{pred.shape}. sparse_y_true and sparse_y_pred say whether they hold class ids"
            )
        if true.shape != pred.shape:  # (batch, height, width, 1) and (batch, height, width)
            true, pred = true.reshape(-1), pred.reshape(-1)
            sample_weight, mask = _flat(sample_weight), _flat(mask)
        total = self.total_cm.data
        backend = backends.of(total)
        if self._counts_integers and "float" in str(getattr(sample_weight, "dtype", "")):
            warn(
                "You are passing weight as `float`, but dtype is `int`. This may result in an incorrect weight due to type "
                'casting. Consider using integer weights, or dtype="float32" for the metric.'
            )
        weight = weights_for(self.name, true.shape, sample_weight, mask, backend, total.dtype)
        add_to_matrix(backend, total, true, pred, weight, self.ignore_class, ignore_others=True)

    def result(self) -> Tensor:
        cm = self.total_cm.data
        xp, eps = backends.of(cm).xp, config.epsilon()
        shared = cm.diagonal()
        either = (cm.sum(axis=0) + cm.sum(axis=1) - shared).astype(config.floatx())
        iou = shared.astype(config.floatx()) / (either + eps)
        present = (either > 1e-9) * self._class_weights
        return Tensor(xp.asarray((iou * present).sum() / (present.sum() + eps)))


def _flat(x: Any) -> Any:
    return x.reshape(-1) if hasattr(x, "reshape") and x.ndim else x


class BinaryIoU(IoU):
    """The mean over ``target_class_ids`` of shared / (labelled or predicted), for two classes.

    Args:
        target_class_ids: (0,), (1,) or both.
        threshold: from which on a prediction is class 1.
        dtype: as for ``IoU``.
    """

    def __init__(
        self,
        target_class_ids: Sequence[int] = (0, 1),
        threshold: float = 0.5,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(num_classes=2, target_class_ids=target_class_ids, name=name, dtype=dtype)
        self.threshold = threshold

    def _classes(self, x: Any, sparse: bool) -> Array:
        return as_array(x, backends.of(self.total_cm.data))

    def _update(self, true: Array, pred: Array, sample_weight: Any, mask: Any) -> None:
        super()._update(true, pred >= self.threshold, sample_weight, mask)


class MeanIoU(IoU):
    """The mean over all classes of shared / (labelled or predicted).

    The arguments are those of ``IoU``, without ``target_class_ids``.
    """

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ) -> None:
        ids = range(num_classes)
        super().__init__(num_classes, ids, name, dtype, ignore_class, sparse_y_true, sparse_y_pred, axis)


class OneHotIoU(IoU):
    """``IoU`` for one-hot labels, and as a rule for one number for each class as prediction.

    The arguments are those of ``IoU``, without ``sparse_y_true``.
    """

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ) -> None:
        super().__init__(num_classes, target_class_ids, name, dtype, ignore_class, False, sparse_y_pred, axis)


class OneHotMeanIoU(MeanIoU):
    """``MeanIoU`` for one-hot labels, and as a rule for one number for each class as prediction.

    The arguments are those of ``MeanIoU``, without ``sparse_y_true``.
    """

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ) -> None:
        super().__init__(num_classes, name, dtype, ignore_class, False, sparse_y_pred, axis)
