"""``dualnet`` under the name of TensorFlow, for programs that ask for its version: ``import dualnet.tensorflow as tf``.

Nothing is defined here: the names are those of ``import dualnet as tf``.
"""

from __future__ import annotations

from typing import Any

import dualnet

from .. import keras as keras  # whose finder imports the modules behind this one, too

__version__ = (
    "2.16.0"  # of the first TensorFlow whose tf.keras is Keras 3; dualnet's own version is dualnet.__version__
)
__path__ = []


def __getattr__(name: str) -> Any:
    return getattr(dualnet, name)


def __dir__() -> list[str]:
    return dir(dualnet)
