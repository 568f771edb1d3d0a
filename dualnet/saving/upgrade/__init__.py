"""Configs of earlier versions of Keras as Keras 3 writes them, so that all that reads a model knows one form.

``upgraded`` translates the config of a model, an optimizer, a loss or a metric; ``weights`` the arrays of layers. What cannot be
translated exactly is refused with the name of the layer and the reason. ``docs/files.md`` lists what is understood.
"""

from .configs import upgraded, version_of
from .training import with_modules

__all__ = ["upgraded", "version_of", "with_modules"]
