"""What Keras's tests take from inside Keras, and what does the same in dualnet.

``NAMES`` maps a name, or "module.name" where it is meant there only, to a value here or to "module:name" in dualnet. A part of
dualnet that is not there yet leaves the name missing.
"""

from __future__ import annotations

import collections
import importlib
import inspect
import itertools
import os
import shutil
import types
from typing import Any

import dualnet
from dualnet import tree
from dualnet.core.naming import to_snake_case

try:  # NumPy knows bfloat16 once it is imported
    import ml_dtypes  # noqa: F401
except ImportError:
    pass


class _Absent:
    """A package that is not installed, as far as the tests are concerned."""

    available = False

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:
        raise ImportError(f"{self._name} is not used with dualnet")


def _compute_output_spec(function: Any, *args: Any, **kwargs: Any) -> Any:
    """Symbolic tensors of the shapes and dtypes that a function returns."""
    from dualnet.graph.infer import infer

    spec = infer(function, args, kwargs)
    return tree.map_structure(lambda s: dualnet.KerasTensor(s.shape, s.dtype), spec)


def _set_keras_mask(x: Any, mask: Any) -> None:
    x._keras_mask = mask


class _FunctionalType(type):
    """In dualnet a functional model is a ``Model`` that has symbolic inputs and outputs."""

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, dualnet.Model) and getattr(instance, "_graph", None) is not None

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        return dualnet.Model(*args, **kwargs)

    def __eq__(cls, other: object) -> bool:
        return other is cls or (isinstance(other, type) and issubclass(other, dualnet.Model))

    __hash__ = type.__hash__


class _Functional(metaclass=_FunctionalType):
    from_config = dualnet.Model.from_config


# Attributes of models in Keras: the functional model that a Sequential has inside (here it is one), and all operations.
dualnet.Sequential._functional = property(lambda model: model)
dualnet.Model._operations = property(lambda model: model.operations)


def _compile_loss(loss: Any, loss_weights: Any = None, output_names: Any = None) -> Any:
    from dualnet.training.compiled_loss import CompiledLoss

    made = CompiledLoss(loss, loss_weights, output_names)
    return _OfArrays(made)


def _compile_metrics(metrics: Any, weighted_metrics: Any, output_names: Any = None) -> Any:
    from dualnet.training.compiled_metrics import CompiledMetrics

    return _OfArrays(CompiledMetrics(metrics, weighted_metrics, output_names))


class _OfArrays:
    """What ``fit`` calls with tensors, called with arrays."""

    def __init__(self, made: Any) -> None:
        self.made = made

    def __getattr__(self, name: str) -> Any:
        return getattr(self.made, name)

    def __call__(self, *args: Any) -> Any:
        return self.made(*(_tensors(a) for a in args))

    def build(self, y_true: Any, y_pred: Any) -> None:
        # In dualnet the first batch builds; before, only what does not fit is found.
        if hasattr(self.made, "places"):
            self.made.places(y_pred)

    def update_state(self, *args: Any, **kwargs: Any) -> None:
        self.made.update_state(*(_tensors(a) for a in args), **{k: _tensors(v) for k, v in kwargs.items()})


def _tensors(data: Any) -> Any:
    return tree.map_structure(lambda a: a if a is None else dualnet.ops.convert_to_tensor(a), data)


def _is_option(p: inspect.Parameter) -> bool:
    """Whether Keras takes a parameter of an op when it makes the class, and not when it calls it."""
    if p.default is not p.empty:
        return p.annotation != "Array | None"
    if p.name in ("cond", "body", "body_fun", "function"):  # of loops and maps; those of other ops come with the call
        return True
    return p.kind is not p.VAR_POSITIONAL and any(word in str(p.annotation) for word in ("int", "str", "float", "Axis"))


def _transposed(
    shape: Any, taps: Any, strides: Any, padding: str, output_padding: Any, dilation: Any, layout: str
) -> Any:
    """(plan, size of the kernel on each axis) of a transposed convolution."""
    from dualnet.ops.nn import _conv_shapes as shapes

    lengths, _ = shapes.split_shape(tuple(shape), layout)
    taps = tuple(taps)[: len(lengths)]
    return shapes.transposed("convolution", lengths, taps, strides, padding, output_padding, dilation), taps


def _conv_transpose_shape(
    input_shape: Any,
    kernel_size: Any,
    filters: int,
    strides: Any,
    padding: str,
    output_padding: Any = None,
    data_format: str = "channels_last",
    dilation_rate: Any = 1,
) -> Any:
    from dualnet.ops.nn._conv_shapes import join_shape

    plan, _ = _transposed(input_shape, kernel_size, strides, padding, output_padding, dilation_rate, data_format)
    return join_shape(input_shape[0], plan.lengths, filters, data_format)


def _conv_transpose_padding(
    input_shape: Any, kernel_shape: Any, strides: Any, padding: str, output_padding: Any, dilation_rate: Any
) -> Any:
    """How much zero is put before and behind each axis of the stretched input; dualnet's plan says what is cut off."""
    plan, taps = _transposed(
        input_shape, kernel_shape, strides, padding, output_padding, dilation_rate, "channels_last"
    )
    ends = [(k - 1) * d for k, d in zip(taps, plan.dilation)]
    return [(n - before, n - behind) for n, (before, behind) in zip(ends, plan.padding)]


class _Flash:
    """The switch for fused attention, which dualnet does not have: attention is computed in one way whatever it says."""

    enabled = False


# Where the types do not say which arguments Keras takes when it makes the class.
OPTIONS = {"arange": ["dtype"], "clip": ["x_min", "x_max"], "full": ["shape", "dtype"]}


def operation(name: str) -> Any:
    """The class that Keras has for an op (``Add`` for ``add``), made from the function of dualnet; None without one."""
    function = getattr(dualnet.ops, to_snake_case(name), None) or getattr(dualnet.ops, name.lower(), None)  # IsIn: isin
    function = function or getattr(dualnet.ops.image, to_snake_case(name), None)
    if not name[:1].isupper() or function is None:
        return None
    parameters = list(inspect.signature(function).parameters.values())
    options = OPTIONS.get(function.__name__, [p.name for p in parameters if _is_option(p)])

    class Operation:
        def __init__(self, *args: Any, name: str | None = None, **kwargs: Any) -> None:
            self.options = {**dict(zip(options, args)), **kwargs}

        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            # Options may stand before the tensors (the subscripts of an Einstein sum, the functions of a loop).
            front = list(itertools.takewhile(self.options.__contains__, (p.name for p in parameters)))
            rest = {k: v for k, v in {**self.options, **kwargs}.items() if k not in front}
            return function(*(self.options[n] for n in front), *args, **rest)

        call = symbolic_call = compute_output_spec = __call__

    Operation.__name__ = name
    return Operation


class _TrackedSet(list[Any]):
    """Keras's set that is watched; sets are leaves in dualnet, so that a list has to stand for it."""


def _index_lookup(*, vocabulary_dtype: str = "string", **kwargs: Any) -> Any:
    """Keras's base of StringLookup and IntegerLookup, which has no use by itself in dualnet."""
    if vocabulary_dtype == "string":
        return dualnet.layers.StringLookup(**kwargs)
    return dualnet.layers.IntegerLookup(vocabulary_dtype=vocabulary_dtype, **kwargs)


NAMES: dict[str, Any] = {
    # No test knows this backend, so none is skipped or changed for its sake.
    "backend.backend": lambda: "dualnet",
    "backend.config.backend": lambda: "dualnet",
    "utils.file_utils.extract_archive": "dualnet.utils.archive_utils:extract_archive",
    "utils.file_utils.hash_file": "dualnet.utils.file_utils:hash_file",
    "utils.io_utils.print_msg": "dualnet.utils.io_utils:print_msg",
    "IndexLookup": _index_lookup,
    "optree": types.SimpleNamespace(available=True),
    "dmtree": types.SimpleNamespace(available=False),
    "optree_impl": tree,
    "tree.optree_impl": tree,
    "TrackedList": list,
    "TrackedSet": _TrackedSet,
    "TrackedDict": dict,
    "TrackedOrderedDict": collections.OrderedDict,
    "IS_THREAD_SAFE": True,
    "SUPPORTS_COMPLEX_DTYPES": False,
    "SUPPORTS_RAGGED_TENSORS": False,
    "SUPPORTS_SPARSE_TENSORS": False,
    "DATA_TYPE": None,
    "AUCCurve": types.SimpleNamespace(ROC="ROC", PR="PR", PRGAIN="PRGAIN"),
    "AUCSummationMethod": types.SimpleNamespace(
        INTERPOLATION="interpolation", MAJORING="majoring", MINORING="minoring"
    ),
    "AutocastScope": "dualnet.ops._autocast:AutocastScope",
    "Functional": _Functional,
    "Trainer": "dualnet.training.trainer:Trainer",
    "CompileLoss": _compile_loss,
    "CompileMetrics": _compile_metrics,
    "class_weight_to_sample_weights": "dualnet.training.data_adapters.array_adapter:class_weights",
    "MonitorCallback": "dualnet.callbacks.monitor:MonitorCallback",
    "compute_fans": "dualnet.initializers:compute_fans",
    "GroupedQueryAttention": "dualnet.layers.attention.grouped_query_attention:GroupedQueryAttention",
    "assert_input_compatibility": "dualnet.layers.base.input_spec:assert_input_compatibility",
    "compute_conv_transpose_output_shape": _conv_transpose_shape,
    "compute_conv_transpose_padding_args_for_jax": _conv_transpose_padding,
    "enable_flash_attention": lambda: setattr(_Flash, "enabled", True),
    "disable_flash_attention": lambda: setattr(_Flash, "enabled", False),
    "is_flash_attention_enabled": lambda: _Flash.enabled,
    "compute_output_spec": _compute_output_spec,
    "utils.file_utils.join": os.path.join,
    "utils.file_utils.exists": os.path.exists,
    "utils.file_utils.makedirs": lambda path: os.makedirs(path, exist_ok=True),
    "utils.file_utils.rmtree": shutil.rmtree,
    "utils.file_utils.remove": os.remove,
    "save_weights_only": "dualnet.saving.api:save_weights",
    "load_weights_only": "dualnet.saving.api:load_weights",
    "save_model_to_hdf5": "dualnet.saving.legacy_h5:save_model",
    "load_model_from_hdf5": "dualnet.saving.legacy_h5:load_model",
    "GLOBAL_CUSTOM_OBJECTS": dualnet.saving.get_custom_objects(),
    "keras_export": lambda *names: lambda made: made,
    "get_keras_mask": lambda x: getattr(x, "_keras_mask", None),
    "set_keras_mask": _set_keras_mask,
    "make_default_seed": "dualnet.core.seeds:make_default_seed",
    "is_traceback_filtering_enabled": lambda: False,
    "disable_traceback_filtering": lambda: None,
    "enable_traceback_filtering": lambda: None,
    "removesuffix": str.removesuffix,
    "removeprefix": str.removeprefix,
    "squeeze_or_expand_to_same_rank": "dualnet.losses.reduction:squeeze_or_expand_to_same_rank",
    "reduce_weighted_values": "dualnet.losses.reduction:reduce_weighted_values",
    "to_snake_case": "dualnet.core.naming:to_snake_case",
    "auto_name": "dualnet.core.naming:auto_name",
    "_analyze_einsum_string": lambda equation, bias_axes, input_shape, output_shape: tuple(
        importlib.import_module("dualnet.layers.core.einsum_dense").einsum_shapes(
            equation, bias_axes, input_shape, output_shape
        )
    ),
    "validate_float_arg": lambda value, name: importlib.import_module("dualnet.regularizers")._factor(name, value),
    **{
        f"utils.module_utils.{name}": _Absent(name) for name in ("tensorflow", "tensorflow_io", "gfile", "jax", "grain")
    },
}


def get(key: str) -> Any:
    """The value of a key of ``NAMES``."""
    value = NAMES[key]
    if isinstance(value, str) and ":" in value:
        module, _, name = value.partition(":")
        try:
            return getattr(importlib.import_module(module), name)
        except (ModuleNotFoundError, AttributeError):
            from facade import Missing

            return Missing(key)
    return value
