"""Plots of models, what is inside them, and how they are trained. matplotlib is the extra `plot`."""

from __future__ import annotations

from typing import Any

from ..core.hints import no_attribute

_LAZY = {  # name -> module, imported on first use
    "Animation": "fit_animation",
    "animate": "animation",
    "gradient_norms": "gradient_plot",
    "plot_activation": "function_plots",
    "plot_confusion_matrix": "classifier_plots",
    "plot_decision_boundary": "classifier_plots",
    "plot_embedding": "embedding_plot",
    "plot_feature_maps": "feature_plots",
    "plot_filters": "feature_plots",
    "plot_gradients": "gradient_plot",
    "plot_images": "image_plot",
    "plot_loss": "function_plots",
    "plot_loss_surface": "loss_surface",
    "plot_model": "model_plot",
}

__all__ = list(_LAZY)


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        import importlib

        return getattr(importlib.import_module(f".{_LAZY[name]}", __name__), name)
    raise no_attribute(__name__, name, __all__)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
