"""Private names of Keras that its tests use, and their counterparts in dualnet.

``NAMES`` maps a name, or "module.name" if it is specific to a module, to a value here or to "module:name" in dualnet. A
counterpart that does not exist yet leaves the name missing.
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
    """A package that the tests consider not installed."""

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


# Attributes of models in Keras: the functional model inside a Sequential (here the model itself), and all operations.
dualnet.Sequential._functional = property(lambda model: model)
dualnet.Model._operations = property(lambda model: model.operations)


def _clip_gradients(optimizer: Any, grads: Any) -> Any:
    """The gradients clipped, in new tensors."""
    arrays = [dualnet.ops.copy(g).data for g in grads if g is not None]
    optimizer._clip(arrays, arrays)
    return [dualnet.Tensor(a) for a in arrays]


dualnet.optimizers.Optimizer._clip_gradients = _clip_gradients
dualnet.optimizers.Optimizer._var_key = lambda optimizer, variable: id(variable)


def _seed_generators(layer: Any) -> list[Any]:
    from dualnet.layers.base.tracking import tracked_attributes

    return [v for v in dualnet.tree.flatten(tracked_attributes(layer)) if isinstance(v, dualnet.random.SeedGenerator)]


dualnet.Layer._seed_generators = property(_seed_generators)
dualnet.Layer._call_context_args = property(lambda layer: frozenset(("training", *layer._context_arguments)))


def _compile_loss(loss: Any, loss_weights: Any = None, output_names: Any = None) -> Any:
    from dualnet.training.compiled_loss import CompiledLoss

    return _OfArrays(CompiledLoss(loss, loss_weights, output_names))


def _class_weight_to_sample_weights(y: Any, class_weight: dict[int, float]) -> Any:
    from dualnet.training.data_adapters.class_weights import ClassWeight, sample_weights_of

    return sample_weights_of(y, ClassWeight(class_weight))


def _compile_metrics(metrics: Any, weighted_metrics: Any, output_names: Any = None) -> Any:
    from dualnet.training.compiled_metrics import CompiledMetrics

    return _OfArrays(CompiledMetrics(metrics, weighted_metrics, output_names))


class _OfArrays:
    """Wraps an object that ``fit`` calls with tensors, so that it can be called with arrays."""

    def __init__(self, wrapped: Any) -> None:
        self.wrapped = wrapped

    def __getattr__(self, name: str) -> Any:
        return getattr(self.wrapped, name)

    def __call__(self, *args: Any) -> Any:
        return self.wrapped(*(_tensors(a) for a in args))

    def build(self, y_true: Any, y_pred: Any) -> None:
        # In dualnet the first batch builds; before that, only mismatches are detected.
        if hasattr(self.wrapped, "assignments"):
            self.wrapped.assignments(y_pred)

    def update_state(self, *args: Any, **kwargs: Any) -> None:
        self.wrapped.update_state(*(_tensors(a) for a in args), **{k: _tensors(v) for k, v in kwargs.items()})


def _tensors(data: Any) -> Any:
    return tree.map_structure(lambda a: a if a is None else dualnet.ops.convert_to_tensor(a), data)


def _is_option(p: inspect.Parameter) -> bool:
    """Whether Keras takes a parameter of an op in the constructor of the class, and not in the call."""
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
    """The zeros before and after each axis of the dilated input, from dualnet's plan, which says what is cropped."""
    plan, taps = _transposed(
        input_shape, kernel_shape, strides, padding, output_padding, dilation_rate, "channels_last"
    )
    ends = [(k - 1) * d for k, d in zip(taps, plan.dilation)]
    return [(n - before, n - behind) for n, (before, behind) in zip(ends, plan.padding)]


class _Flash:
    """The switch for fused attention, which has no effect in dualnet."""

    enabled = False


# Constructor arguments of Keras's classes that cannot be inferred from the annotations.
OPTIONS = {"arange": ["dtype"], "clip": ["x_min", "x_max"], "full": ["shape", "dtype"]}


def operation(name: str) -> Any:
    """The counterpart of Keras's class of an op (``Add`` for ``add``), from the function of dualnet, or None."""
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
            # Options may precede the tensors (the subscripts of an einsum, the functions of a loop).
            leading = list(itertools.takewhile(self.options.__contains__, (p.name for p in parameters)))
            rest = {k: v for k, v in {**self.options, **kwargs}.items() if k not in leading}
            return function(*(self.options[n] for n in leading), *args, **rest)

        call = symbolic_call = compute_output_spec = __call__

    Operation.__name__ = name
    return Operation


class _TrackedSet(list[Any]):
    """Keras's tracked set; sets are leaves in dualnet, so a list replaces it."""


def _index_lookup(*, vocabulary_dtype: str = "string", **kwargs: Any) -> Any:
    """Keras's base class of StringLookup and IntegerLookup, which dualnet does not expose."""
    if vocabulary_dtype == "string":
        return dualnet.layers.StringLookup(**kwargs)
    return dualnet.layers.IntegerLookup(vocabulary_dtype=vocabulary_dtype, **kwargs)


NAMES: dict[str, Any] = {
    # An unknown backend, so that no test is skipped or changed because of it.
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
    "class_weight_to_sample_weights": _class_weight_to_sample_weights,
    "MonitorCallback": "dualnet.callbacks.monitor:MonitorCallback",
    "compute_fans": "dualnet.initializers:compute_fans",
    "DropoutRNNCell": "dualnet.layers.rnn.dropout_cell:DropoutRNNCell",
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
    "keras_export": lambda *names: lambda target: target,
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
