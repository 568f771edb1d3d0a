"""Models."""

from ..core.hints import no_attribute
from .cloning import clone_model
from .model import Model
from .perceptron import Perceptron
from .sequential import Sequential

__all__ = ["Model", "Perceptron", "Sequential", "clone_model", "load_model", "model_from_json", "save_model"]


def __getattr__(name: str) -> object:
    # What reads and writes files is imported when it is used.
    if name in ("load_model", "save_model", "model_from_json"):
        from ..saving import api

        return getattr(api, name)
    raise no_attribute(__name__, name, __all__)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
