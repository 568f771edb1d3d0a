"""Global settings of the library: float type, epsilon, data format, logging, limits and the seed. ``dualnet.config`` has them."""

from __future__ import annotations

import os
from typing import Any

from .version import invalidate

_floatx = "float32"
_epsilon = 1e-7
_image_data_format = "channels_last"
_interactive = True
_filtering = True
_training_warnings: bool | None = None  # set by the program; until then the environment decides
_graphs: bool | None = None  # the same
_limits: dict[str, int | None] = {}  # set by the program; until then the environment decides
_seed: int | None = None


def floatx() -> str:
    """The default float dtype, "float32" unless ``set_floatx`` changed it."""
    return _floatx


def set_floatx(value: str) -> None:
    """Set the default float dtype: "float16", "float32" or "float64"."""
    global _floatx
    if value not in ("float16", "float32", "float64"):
        raise ValueError(f'set_floatx expects "float16", "float32" or "float64", got {value!r}')
    _floatx = value
    invalidate()


def epsilon() -> float:
    """The small number that keeps logarithms and divisions away from zero, 1e-7 unless ``set_epsilon`` changed it."""
    return _epsilon


def set_epsilon(value: float) -> None:
    """Set the small number that keeps logarithms and divisions away from zero."""
    global _epsilon
    _epsilon = float(value)
    invalidate()


def image_data_format() -> str:
    """ "channels_last" or "channels_first"."""
    return _image_data_format


def set_image_data_format(data_format: str) -> None:
    """Set the default data format of images: "channels_last" or "channels_first"."""
    global _image_data_format
    if data_format not in ("channels_last", "channels_first"):
        raise ValueError(f'expected "channels_last" or "channels_first", got {data_format!r}')
    _image_data_format = data_format
    invalidate()


def enable_interactive_logging() -> None:
    """Let ``verbose="auto"`` draw progress bars (the default)."""
    global _interactive
    _interactive = True


def disable_interactive_logging() -> None:
    """Let ``verbose="auto"`` print one line per epoch."""
    global _interactive
    _interactive = False


def is_interactive_logging_enabled() -> bool:
    """Whether ``verbose="auto"`` draws progress bars."""
    return _interactive


def enable_traceback_filtering() -> None:
    """Set the flag of Keras for short tracebacks. It changes nothing: an error says in a note which layer raised it."""
    global _filtering
    _filtering = True


def disable_traceback_filtering() -> None:
    """Clear the flag of Keras for short tracebacks. It changes nothing."""
    global _filtering
    _filtering = False


def is_traceback_filtering_enabled() -> bool:
    """The flag of ``enable_traceback_filtering``; it changes nothing."""
    return _filtering


def enable_training_warnings() -> None:
    """Let ``fit`` and ``train_on_batch`` warn about likely mistakes, with a ``TrainingWarning`` (the default)."""
    global _training_warnings
    _training_warnings = True


def disable_training_warnings() -> None:
    """Let ``fit`` and ``train_on_batch`` look for no mistakes: neither in the outputs and their loss, nor in the scale of the inputs,
    nor for ReLU layers without an active unit, nor for where a loss that is not finite comes from.

    NumPy's own warnings of overflows are then shown. The variable ``DUALNET_TRAINING_WARNINGS=0`` of the environment does the
    same.
    """
    global _training_warnings
    _training_warnings = False


def are_training_warnings_enabled() -> bool:
    """Whether ``fit`` and ``train_on_batch`` warn about likely mistakes."""
    if _training_warnings is None:
        return os.environ.get("DUALNET_TRAINING_WARNINGS", "1").lower() not in ("0", "false", "no", "off")
    return _training_warnings


def enable_graphs() -> None:
    """Let a GPU record the steps of training, evaluation and prediction as CUDA graphs, which are launched as a whole (the default)."""
    global _graphs
    _graphs = True
    invalidate()


def disable_graphs() -> None:
    """Let a GPU run the kernels of a step one by one, with the same results.

    The variable ``DUALNET_GRAPHS=0`` of the environment does the same.
    """
    global _graphs
    _graphs = False
    invalidate()


def are_graphs_enabled() -> bool:
    """Whether a GPU records steps as CUDA graphs."""
    if _graphs is None:
        return os.environ.get("DUALNET_GRAPHS", "1").lower() not in ("0", "false", "no", "off")
    return _graphs


def max_epochs() -> int | None:
    """The limit on the epochs of ``fit``: that of ``set_max_epochs``, else of ``DUALNET_MAX_EPOCHS``. None: no limit."""
    return _limit("max_epochs")


def set_max_epochs(max_epochs: int | None) -> None:
    """Limit the epochs of ``fit``, to try a program out quickly; None: no limit."""
    _limits["max_epochs"] = _checked_limit("max_epochs", max_epochs)


def max_steps_per_epoch() -> int | None:
    """The limit on the steps of an epoch, of ``evaluate`` and of ``predict``: that of ``set_max_steps_per_epoch``, else of
    ``DUALNET_MAX_STEPS_PER_EPOCH``. None: no limit."""
    return _limit("max_steps_per_epoch")


def set_max_steps_per_epoch(max_steps_per_epoch: int | None) -> None:
    """Limit the steps of an epoch, of ``evaluate`` and of ``predict``; None: no limit."""
    _limits["max_steps_per_epoch"] = _checked_limit("max_steps_per_epoch", max_steps_per_epoch)


def _limit(name: str) -> int | None:
    if name not in _limits:
        text = os.environ.get(f"DUALNET_{name.upper()}")
        _limits[name] = None if not text else _checked_limit(name, int(text) if text.isdecimal() else text)
    return _limits[name]


def _checked_limit(name: str, value: Any) -> int | None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
        raise ValueError(f"{name} must be a positive whole number or None, got {value!r}")
    return value


def global_seed() -> int:
    """The seed of ``set_random_seed``, else one from the operating system."""
    global _seed
    if _seed is None:
        import secrets

        _seed = secrets.randbits(63)
    return _seed


def set_global_seed(seed: int) -> None:
    global _seed
    _seed = seed
