"""The types of data sets."""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

X = TypeVar("X", bound=np.generic)
Y = TypeVar("Y", bound=np.generic)

Images = NDArray[np.uint8]
# (x_train, y_train), (x_test, y_test)
TrainTest = tuple[tuple[NDArray[X], NDArray[Y]], tuple[NDArray[X], NDArray[Y]]]
