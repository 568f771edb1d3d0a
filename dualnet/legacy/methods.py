"""Methods and attributes that models and optimizers had in tf.keras 2."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core import settings
from ..core.gradients import GradientTape


def or_epsilon(epsilon: float | None) -> float:
    """``epsilon``, or ``config.epsilon()`` for None, which was the default in Keras 2."""
    return settings.epsilon() if epsilon is None else epsilon


class LegacyModelMethods:
    """Methods that models had in tf.keras 2."""

    fit: Any
    evaluate: Any
    predict: Any

    def predict_classes(self, x: Any, batch_size: int | None = None, verbose: Any = 0) -> Any:
        """The class of each sample: the index of the largest output, or whether a single output is above 0.5."""
        y = self.predict(x, batch_size=batch_size, verbose=verbose)
        return y.argmax(axis=-1) if y.shape[-1] > 1 else (y > 0.5).astype("int32")

    def predict_proba(self, x: Any, batch_size: int | None = None, verbose: Any = 0) -> Any:
        """The same as ``predict``."""
        return self.predict(x, batch_size=batch_size, verbose=verbose)

    def fit_generator(
        self,
        generator: Any,
        steps_per_epoch: int | None = None,
        epochs: int = 1,
        verbose: Any = 1,
        callbacks: Any = None,
        validation_data: Any = None,
        validation_steps: int | None = None,
        validation_freq: Any = 1,
        class_weight: Any = None,
        max_queue_size: int = 10,
        workers: int = 1,
        use_multiprocessing: bool = False,
        shuffle: bool = True,
        initial_epoch: int = 0,
    ) -> Any:
        """``fit`` with a generator or ``Sequence``; max_queue_size, workers and use_multiprocessing are ignored."""
        return self.fit(
            generator, steps_per_epoch=steps_per_epoch, epochs=epochs, verbose=verbose, callbacks=callbacks,
            validation_data=validation_data, validation_steps=validation_steps, validation_freq=validation_freq,
            class_weight=class_weight, shuffle=shuffle, initial_epoch=initial_epoch,
        )  # fmt: skip

    def evaluate_generator(
        self,
        generator: Any,
        steps: int | None = None,
        callbacks: Any = None,
        max_queue_size: int = 10,
        workers: int = 1,
        use_multiprocessing: bool = False,
        verbose: Any = 0,
    ) -> Any:
        """``evaluate`` with a generator or ``Sequence``; max_queue_size, workers and use_multiprocessing are ignored."""
        return self.evaluate(generator, steps=steps, callbacks=callbacks, verbose=verbose)

    def predict_generator(
        self,
        generator: Any,
        steps: int | None = None,
        callbacks: Any = None,
        max_queue_size: int = 10,
        workers: int = 1,
        use_multiprocessing: bool = False,
        verbose: Any = 0,
    ) -> Any:
        """``predict`` with a generator or ``Sequence``; max_queue_size, workers and use_multiprocessing are ignored."""
        return self.predict(generator, steps=steps, callbacks=callbacks, verbose=verbose)

    def reset_states(self) -> None:
        """Reset the states of stateful layers (``reset_state`` of each)."""
        for layer in getattr(self, "layers", ()):
            reset = getattr(layer, "reset_state", None) or getattr(layer, "reset_states", None)
            if reset is not None:
                reset()


class LegacyOptimizerMethods:
    """Attributes and methods that optimizers had in tf.keras 2."""

    learning_rate: Any
    variables: Any
    apply_gradients: Callable[..., Any]

    @property
    def lr(self) -> Any:
        """The same as ``learning_rate``."""
        return self.learning_rate

    @lr.setter
    def lr(self, value: Any) -> None:
        self.learning_rate = value

    @property
    def weights(self) -> list[Any]:
        """The same as ``variables``."""
        return list(self.variables)

    def get_weights(self) -> list[Any]:
        """The whole state as NumPy arrays, in the order of ``variables``."""
        return [v.numpy() for v in self.variables]

    def minimize(self, loss: Any, var_list: Any, tape: Any = None) -> Any:
        """One update of the variables that decreases the loss.

        Args:
            loss: a function without arguments that returns the loss; or the loss itself, with the ``GradientTape`` that
                recorded it.
        """
        variables = list(var_list() if callable(var_list) else var_list)
        if tape is None:
            if not callable(loss):
                raise ValueError("minimize needs a function that returns the loss, or the tape that recorded the loss")
            with GradientTape() as tape:
                loss = loss()
        return self.apply_gradients(zip(tape.gradient(loss, variables), variables))
