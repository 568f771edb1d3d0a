"""Metrics, as classes (accumulated over batches) and as functions (one value per sample)."""

from __future__ import annotations

from typing import Any

from .. import losses as _losses
from ..core.hints import module_getattr
from ..core.naming import to_snake_case as _to_snake_case
from ..legacy.arguments import METRICS as _OLD_NAMES
from ..losses import (
    binary_crossentropy,
    binary_focal_crossentropy,
    categorical_crossentropy,
    categorical_focal_crossentropy,
    categorical_hinge,
    hinge,
    huber,
    kl_divergence,
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
    poisson,
    sparse_categorical_crossentropy,
    squared_hinge,
)
from ..serialization.configurable import constructor_parameters as _constructor_parameters
from ..serialization.objects import by_identifier, deserialize_keras_object, serialize_keras_object
from .accuracy import (
    Accuracy,
    BinaryAccuracy,
    CategoricalAccuracy,
    SparseCategoricalAccuracy,
    SparseTopKCategoricalAccuracy,
    TopKCategoricalAccuracy,
    accuracy,
    binary_accuracy,
    categorical_accuracy,
    sparse_categorical_accuracy,
    sparse_top_k_categorical_accuracy,
    top_k_categorical_accuracy,
)
from .auc import AUC
from .confusion import FalseNegatives, FalsePositives, TrueNegatives, TruePositives
from .constrained import PrecisionAtRecall, RecallAtPrecision, SensitivityAtSpecificity, SpecificityAtSensitivity
from .correlation import ConcordanceCorrelation, PearsonCorrelation, concordance_correlation, pearson_correlation
from .f_score import F1Score, FBetaScore
from .iou import BinaryIoU, IoU, MeanIoU, OneHotIoU, OneHotMeanIoU
from .kappa import CohenKappa
from .loss_metrics import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    CategoricalHinge,
    Hinge,
    KLDivergence,
    LogCoshError,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    Poisson,
    SparseCategoricalCrossentropy,
    SquaredHinge,
)
from .metric import Metric
from .precision_recall import Precision, Recall
from .r2 import R2Score
from .reduction import FUNCTIONS as FUNCTIONS
from .reduction import Mean, MeanMetricWrapper, Sum
from .regression import CosineSimilarity, RootMeanSquaredError

__all__ = [
    "AUC",
    "Accuracy",
    "BinaryAccuracy",
    "BinaryCrossentropy",
    "BinaryIoU",
    "CategoricalAccuracy",
    "CategoricalCrossentropy",
    "CategoricalHinge",
    "CohenKappa",
    "ConcordanceCorrelation",
    "CosineSimilarity",
    "F1Score",
    "FBetaScore",
    "FalseNegatives",
    "FalsePositives",
    "Hinge",
    "IoU",
    "KLDivergence",
    "LogCoshError",
    "Mean",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanIoU",
    "MeanMetricWrapper",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Metric",
    "OneHotIoU",
    "OneHotMeanIoU",
    "PearsonCorrelation",
    "Poisson",
    "Precision",
    "PrecisionAtRecall",
    "R2Score",
    "Recall",
    "RecallAtPrecision",
    "RootMeanSquaredError",
    "SensitivityAtSpecificity",
    "SparseCategoricalAccuracy",
    "SparseCategoricalCrossentropy",
    "SparseTopKCategoricalAccuracy",
    "SpecificityAtSensitivity",
    "SquaredHinge",
    "Sum",
    "TopKCategoricalAccuracy",
    "TrueNegatives",
    "TruePositives",
    "binary_accuracy",
    "binary_crossentropy",
    "binary_focal_crossentropy",
    "categorical_accuracy",
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
    "categorical_hinge",
    "concordance_correlation",
    "deserialize",
    "get",
    "hinge",
    "huber",
    "kl_divergence",
    "log_cosh",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    "pearson_correlation",
    "poisson",
    "serialize",
    "sparse_categorical_accuracy",
    "sparse_categorical_crossentropy",
    "sparse_top_k_categorical_accuracy",
    "squared_hinge",
    "top_k_categorical_accuracy",
]

# The classes and functions, by name. A new one needs its import, its name above and a row in tests/metrics.
_PUBLIC = {name: globals()[name] for name in __all__ if name not in ("deserialize", "get", "serialize")}
FUNCTIONS |= _losses.FUNCTIONS | {name: f for name, f in _PUBLIC.items() if not isinstance(f, type)}
FUNCTIONS["accuracy"] = accuracy  # not public, as in Keras
CLASSES = tuple(c for c in _PUBLIC.values() if isinstance(c, type) and c not in (Metric, MeanMetricWrapper))
mse = MSE = mean_squared_error
mae = MAE = mean_absolute_error
mape = MAPE = mean_absolute_percentage_error
msle = MSLE = mean_squared_logarithmic_error
bce = BCE = binary_crossentropy
kld = KLD = kullback_leibler_divergence = kl_divergence
logcosh = log_cosh
_SHORT: dict[str, Any] = {
    "mse": MeanSquaredError,
    "mae": MeanAbsoluteError,
    "mape": MeanAbsolutePercentageError,
    "msle": MeanSquaredLogarithmicError,
    "bce": BinaryCrossentropy,
    "kld": KLDivergence,
}
# In snake_case, too, a name gives the class.
_BY_NAME: dict[str, Any] = {name: c for name, c in _PUBLIC.items() if isinstance(c, type)}
_BY_NAME |= {_to_snake_case(name): c for name, c in _BY_NAME.items()}
_BY_NAME |= _SHORT | {name.upper(): c for name, c in _SHORT.items()}


def get(identifier: Any) -> Any:
    """A metric from its name, config, class, instance or function; None stays None.

    Any name gives an instance. Raises ``ValueError`` for an unknown name, and for a metric that needs an argument.
    """
    if isinstance(identifier, str):
        name, arguments = _OLD_NAMES.get(identifier, (identifier, {}))
        metric = by_identifier(name, _BY_NAME, "metric", instantiate=False)
        if not (isinstance(metric, type) and issubclass(metric, Metric)):
            return metric
        parameters = _constructor_parameters(metric).values()
        missing = [p.name for p in parameters if p.default is p.empty and p.name not in arguments]
        if missing:
            raise ValueError(
                f"the metric {identifier!r} needs {' and '.join(missing)}: give dualnet.metrics.{metric.__name__}(...) "
                "in place of its name"
            )
        return metric(**arguments)
    return by_identifier(identifier, _BY_NAME, "metric", instance_of=Metric)


def serialize(metric: Any) -> Any:
    """The config of a metric, as ``deserialize`` takes it."""
    return serialize_keras_object(metric)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """The metric a config describes; a name gives what ``get`` gives."""
    return get(config) if isinstance(config, str) else deserialize_keras_object(config, custom_objects)


__getattr__ = module_getattr(__name__, __all__)
