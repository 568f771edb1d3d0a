"""TensorFlow's functions that concern the program as a whole: tracing, seeds, devices, logging."""

from __future__ import annotations

import logging
import random
import sys
from collections.abc import Callable
from typing import Any

from .. import config
from ..core import seeds, settings
from ..core.tensor import Tensor

# The options of tf.function, also those it had before.
_FUNCTION_OPTIONS = """input_signature autograph jit_compile reduce_retracing experimental_implements experimental_autograph_options
    experimental_attributes experimental_relax_shapes experimental_compile experimental_follow_type_hints""".split()


def function(func: Callable[..., Any] | None = None, input_signature: Any = None, **options: Any) -> Any:
    """``@tf.function``, with or without options: the function itself. Nothing is traced, every call runs its Python code."""
    if unknown := [name for name in options if name not in _FUNCTION_OPTIONS]:
        raise TypeError(f"tf.function has no option {', '.join(unknown)}; it has {', '.join(_FUNCTION_OPTIONS)}")
    return (lambda f: f) if func is None else func


def set_seed(seed: int) -> None:
    """Seed dualnet and Python's ``random``; NumPy's global generator is left as it is."""
    random.seed(seed)
    settings.set_global_seed(int(seed))
    seeds._start_again()


def cardinality(dataset: Any) -> Any:
    """The number of elements of a data set; -1 for infinite, -2 for unknown."""
    return dataset.cardinality()


def no_op_setting(*args: Any, **kwargs: Any) -> None:
    """A setting of TensorFlow without effect here: everything runs eagerly, one op after the other, the same seed gives the same
    numbers, and GPU memory is used as needed.
    """


def set_intra_op_parallelism_threads(num_threads: int) -> None:
    """``config.set_num_threads``; 0: as many as there are processors."""
    config.set_num_threads(num_threads or None)


def enable_tensor_float_32_execution(enabled: bool) -> None:
    """``config.set_matmul_precision``, "tensorfloat32" or "float32". By default it is the latter."""
    config.set_matmul_precision("tensorfloat32" if enabled else "float32")


def tensor_float_32_execution_enabled() -> bool:
    """Whether ``config.matmul_precision`` is "tensorfloat32"."""
    return config.matmul_precision() == "tensorfloat32"


def one_op_at_a_time() -> int:
    """1: ops run one after the other; the threads of ``config.set_num_threads`` share each of them."""
    return 1


def set_visible_devices(devices: Any, device_type: str | None = None) -> None:
    """Use these devices from now on: with an empty list for "GPU", the CPU; with GPUs, the first of them."""
    gpus = [d for d in (devices if isinstance(devices, (list, tuple)) else [devices]) if d.device_type == "GPU"]
    if gpus:
        config.set_device(f"gpu:{gpus[0].name.rpartition(':')[2]}")
    elif device_type == "GPU":
        config.set_device("cpu")


def executing_eagerly() -> bool:
    """True."""
    return True


def print_to_stderr(
    *inputs: Any,
    output_stream: Any = None,
    summarize: int | None = None,
    sep: str = " ",
    end: str = "\n",
    name: str | None = None,
) -> None:
    """Print tensors as arrays, by default to standard error. summarize and name are accepted and change nothing."""
    values = [x.numpy() if isinstance(x, Tensor) else x for x in inputs]
    print(*values, sep=sep, end=end, file=output_stream or sys.stderr)


def get_logger() -> Any:
    """The logger of dualnet."""
    return logging.getLogger("dualnet")


def shape_of(dims: Any) -> tuple[int | None, ...]:
    """A shape, as a tuple."""
    return tuple(dims)


def is_gpu_available() -> bool:
    """Whether there is a usable GPU."""
    return bool(config.list_physical_devices("GPU"))


def gpu_device_name() -> str:
    """ "/device:GPU:0" when there is a usable GPU, else ""."""
    return "/device:GPU:0" if is_gpu_available() else ""
