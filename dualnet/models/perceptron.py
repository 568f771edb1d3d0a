"""The perceptron: a linear classifier with Rosenblatt's learning rule."""

from __future__ import annotations

from typing import Any

import dualnet_backends as backends

from .. import config
from ..core.conversion import to_array


class Perceptron:
    """A binary classifier of one neuron that learns from its mistakes (F. Rosenblatt, 1958).

    It predicts the larger label when ``bias + weights . x >= 0``. After each sample, the weights change by
    ``eta * (label - prediction) * x``, which is zero for a correct prediction. If the two classes are linearly separable, it
    makes finitely many mistakes until it separates them; otherwise, as with XOR, it never converges.

    Args:
        eta: the learning rate, above 0.
        epochs: the largest number of passes over the samples; an epoch without a mistake is the last.
    """

    def __init__(self, eta: float = 0.1, epochs: int = 50) -> None:
        if not eta > 0:
            raise ValueError(f"eta must be above 0, got {eta!r}")
        if isinstance(epochs, bool) or not hasattr(epochs, "__index__") or epochs < 1:
            raise ValueError(f"epochs must be a positive whole number, got {epochs!r}")
        self.eta, self.epochs = eta, int(epochs)
        self.errors: list[int] = []  # mistakes in each epoch
        self._weights: Any = None
        self._labels = (0, 1)

    @property
    def weights(self) -> Any:
        """The bias, then the weight of each input, as a NumPy array ``(inputs + 1,)``."""
        return self.eta * backends.of(self._fitted()).to_numpy(self._weights)

    def fit(self, x: Any, y: Any) -> Perceptron:
        """Learn from the samples one by one, in their order, starting with weights of 0.

        Args:
            x: ``(samples, inputs)``.
            y: a label for each sample, 0 and 1 or -1 and 1.

        Returns:
            Itself.

        Raises:
            ValueError: for other shapes, other labels, and data that is not finite.
        """
        backend = backends.current()
        samples = self._samples(x, backend)
        targets = _array(y, backend)
        if targets.shape not in ((len(samples),), (len(samples), 1)):
            raise ValueError(
                f"y must have a label for each of {len(samples)} samples, got shape {tuple(targets.shape)}"
            )
        targets = targets.reshape(-1)
        labels = set(backend.to_numpy(targets).tolist())
        if not labels <= {0, 1} and not labels <= {-1, 1}:
            raise ValueError(f"y must hold the labels 0 and 1, or -1 and 1, got {sorted(labels)[:5]}")
        self._labels = (-1, 1) if -1 in labels else (0, 1)

        xp = backend.xp
        # As the weights start at 0, eta scales them and changes no prediction: w is in units of eta, which keeps the sums
        # of whole-number inputs exact, and samples on the decision boundary on it.
        w = xp.zeros(samples.shape[1], samples.dtype)
        self.errors = []
        for _ in range(self.epochs):
            mistakes = xp.zeros((), samples.dtype)
            with backend.computing():
                for sample, target in zip(samples, targets):
                    correction = target - self._predict_label(backend.matmul(sample, w))
                    w += correction * sample
                    mistakes += correction != 0
            self.errors.append(int(mistakes))  # once per epoch: on a GPU this waits for the device
            if not self.errors[-1]:
                break
        self._weights = w
        return self

    def predict(self, x: Any) -> Any:
        """The label of each sample: a NumPy array of whole numbers ``(samples,)``."""
        w = self._fitted()
        backend = backends.of(w)
        samples = self._samples(x, backend)
        if samples.shape[1] != len(w):
            raise ValueError(f"the perceptron has {len(w) - 1} inputs, x has {samples.shape[1] - 1}")
        return backend.to_numpy(self._predict_label(backend.matmul(samples, w))).astype("int64")

    def _predict_label(self, z: Any) -> Any:
        no, yes = self._labels
        return no + (yes - no) * (z >= 0)

    def _fitted(self) -> Any:
        if self._weights is None:
            raise ValueError("the perceptron has not learned yet: call fit first")
        return self._weights

    @staticmethod
    def _samples(x: Any, backend: backends.Backend) -> Any:
        """Samples with a leading column of ones, whose weight is the bias."""
        samples = _array(x, backend)
        if samples.ndim != 2 or not samples.size:
            raise ValueError(f"x must be samples (samples, inputs), got shape {tuple(samples.shape)}")
        if not bool(backend.xp.isfinite(samples).all()):
            raise ValueError("x holds NaN or infinity: remove or replace them first")
        return backend.xp.concatenate([backend.xp.ones((len(samples), 1), samples.dtype), samples], axis=1)


def _array(values: Any, backend: backends.Backend) -> Any:
    return to_array(values, backend, config.floatx())
