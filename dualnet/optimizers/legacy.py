"""``keras.optimizers.legacy``: the optimizers under the name that tf.keras 2.11 gave them. They are the same here."""

from .adagrad import Adagrad
from .adam import Adam
from .base import Optimizer
from .ftrl import Ftrl
from .rmsprop import RMSprop
from .sgd import SGD

__all__ = ["SGD", "Adagrad", "Adam", "Ftrl", "Optimizer", "RMSprop"]
