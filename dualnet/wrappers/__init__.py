"""Models as estimators of scikit-learn, which is imported on first use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..core.hints import no_attribute

if TYPE_CHECKING:
    from .estimators import SKLearnClassifier, SKLearnRegressor, SKLearnTransformer

__all__ = ["SKLearnClassifier", "SKLearnRegressor", "SKLearnTransformer"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise no_attribute(__name__, name, __all__)
    try:
        import sklearn  # noqa: F401
    except ModuleNotFoundError:
        raise ImportError(f"dualnet.wrappers.{name} needs scikit-learn: pip install scikit-learn") from None
    from . import estimators

    return getattr(estimators, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
