"""Utilities: data preparation, plots, serialization, settings."""

from __future__ import annotations

from typing import Any

from ..backend import clear_session, is_keras_tensor
from ..config import disable_interactive_logging, enable_interactive_logging, is_interactive_logging_enabled
from ..core.dtypes import standardize_dtype
from ..core.hints import no_attribute
from ..core.seeds import set_random_seed
from ..core.sparse import SparseMatrix
from ..graph.graph import get_source_inputs
from ..serialization.objects import (
    CustomObjectScope,
    custom_object_scope,
    deserialize_keras_object,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    register_keras_serializable,
    serialize_keras_object,
)
from ..training.data_adapters.packing import pack_x_y_sample_weight, unpack_x_y_sample_weight

_LAZY = {  # name -> module, imported on first use
    "Progbar": "progbar",
    "PyDataset": ".data.py_dataset",
    "Sequence": ".data.py_dataset",
    "array_to_img": "image_utils",
    "confusion_matrix": "numerical_utils",
    "get_file": "file_utils",
    "image_dataset_from_directory": "image_dataset_utils",
    "img_to_array": "image_utils",
    "load_img": "image_utils",
    "model_to_dot": ".visualization.model_dot",
    "normalize": "numerical_utils",
    "pad_sequences": "sequence_utils",
    "plot_confusion_matrix": ".visualization.classifier_plots",
    "plot_decision_boundary": ".visualization.classifier_plots",
    "plot_images": ".visualization.image_plot",
    "plot_model": ".visualization.model_plot",
    "save_img": "image_utils",
    "split_dataset": "dataset_utils",
    "text_dataset_from_directory": "text_dataset_utils",
    "timeseries_dataset_from_array": "timeseries_dataset_utils",
    "to_categorical": "numerical_utils",
}

_MODULES = ("bounding_boxes",)  # modules, imported on first use

__all__ = [
    "CustomObjectScope",
    "SparseMatrix",
    "clear_session",
    "custom_object_scope",
    "deserialize_keras_object",
    "disable_interactive_logging",
    "enable_interactive_logging",
    "get_custom_objects",
    "get_registered_name",
    "get_registered_object",
    "get_source_inputs",
    "is_interactive_logging_enabled",
    "is_keras_tensor",
    "pack_x_y_sample_weight",
    "register_keras_serializable",
    "serialize_keras_object",
    "set_random_seed",
    "standardize_dtype",
    "unpack_x_y_sample_weight",
    *_LAZY,
    *_MODULES,
]


def __getattr__(name: str) -> Any:
    if name in _LAZY or name in _MODULES:
        import importlib

        if name in _MODULES:
            return importlib.import_module(f".{name}", __name__)
        return getattr(importlib.import_module(f".{_LAZY[name]}", __name__), name)
    raise no_attribute(__name__, name, __all__)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
