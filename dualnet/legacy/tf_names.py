"""Names of TensorFlow, and of tf.keras's ``backend``, that course notes use, in one table.

With ``import dualnet as tf``, ``tf.reduce_mean``, ``tf.nn.relu`` and ``tf.keras.layers`` work; they are in no ``__all__``.
Everything runs eagerly. Where TensorFlow gives an argument another name, order or default,
a function in a module of ``_FUNCTIONS`` translates it into ops. ``docs/old-spellings.md`` lists all names.
"""

from __future__ import annotations

import importlib
from typing import Any

from ..core.hints import no_attribute

_FUNCTIONS = (
    "legacy.tf_arrays",
    "legacy.tf_control",
    "legacy.tf_custom_gradient",
    "legacy.tf_data",
    "legacy.tf_debugging",
    "legacy.tf_environment",
    "legacy.tf_image",
    "legacy.tf_indexing",
    "legacy.tf_nn",
    "legacy.tf_strings",
    "legacy.keras_backend",
)

# Element types are strings here.
DTYPES = "bfloat16 bool float16 float32 float64 int8 int16 int32 int64 string uint8 uint16 uint32 uint64"

# tf.X means ops.X.
SAME = {
    "": """abs add broadcast_to cast cos cosh divide einsum equal exp expand_dims eye floor greater
        greater_equal less less_equal linspace logical_and logical_not logical_or maximum minimum multiply negative
        norm not_equal ones ones_like repeat roll round searchsorted shape sigmoid sign sin sinh size sqrt square
        squeeze stack subtract tan tanh tensordot tile unstack zeros zeros_like""",
    "math": """abs add bincount ceil cos cosh count_nonzero divide equal erf exp expm1 floor greater greater_equal less
        less_equal log log1p log_sigmoid logical_and logical_not logical_or logical_xor maximum minimum mod multiply
        negative not_equal round rsqrt sigmoid sign sin sinh softplus softsign sqrt square subtract tan tanh""",
    "nn": "elu log_softmax moments relu relu6 selu sigmoid silu softmax softplus softsign swish tanh",
    "linalg": "cholesky det diag eigh einsum inv norm qr solve tensordot trace",
}

# name=target, for other names and other modules than dualnet.ops. A target without a dot is a function of _FUNCTIONS.
OTHER = {
    "": """acos=ops.arccos acosh=ops.arccosh asin=ops.arcsin asinh=ops.arcsinh atan=ops.arctan atan2=ops.arctan2
        atanh=ops.arctanh
        fill=ops.full identity=ops.copy pow=ops.power range=ops.arange rank=ops.ndim
        reduce_all=ops.all reduce_any=ops.any reduce_logsumexp=ops.logsumexp reduce_max=ops.max reduce_mean=ops.mean
        reduce_min=ops.min reduce_prod=ops.prod reduce_sum=ops.sum reverse=ops.flip stop_gradient=ops.stop_gradient
        truediv=ops.true_divide
        add_n argmax argmin argsort boolean_mask case clip_by_global_norm clip_by_norm clip_by_value concat cond
        constant convert_to_tensor cumsum custom_gradient executing_eagerly foldl foldr function gather gather_nd get_logger
        map_fn matmul numpy_function py_function scan scatter_nd sequence_mask switch_case tensor_scatter_nd_add tensor_scatter_nd_max
        tensor_scatter_nd_min tensor_scatter_nd_sub tensor_scatter_nd_update vectorized_map while_loop
        Module=legacy.tf_module.Module
        meshgrid=ops.meshgrid newaxis=legacy.tf_arrays.newaxis one_hot pad print=print_to_stderr reshape sort split transpose where
        TensorShape=shape_of TensorSpec=data.TensorSpec is_tensor=ops.is_tensor
        constant_initializer=initializers.Constant ones_initializer=initializers.Ones
        random_normal_initializer=initializers.RandomNormal random_uniform_initializer=initializers.RandomUniform
        zeros_initializer=initializers.Zeros""",
    "math": """acos=ops.arccos add_n argmax argmin asin=ops.arcsin atan=ops.arctan confusion_matrix cumsum
        divide_no_nan=ops.divide_no_nan floordiv=ops.floor_divide floormod=ops.mod is_finite=ops.isfinite
        is_inf=ops.isinf is_nan=ops.isnan l2_normalize pow=ops.power reciprocal=ops.reciprocal reduce_all=ops.all
        reduce_any=ops.any reduce_logsumexp=ops.logsumexp reduce_max=ops.max reduce_mean=ops.mean reduce_min=ops.min
        reduce_prod=ops.prod reduce_std=ops.std reduce_sum=ops.sum reduce_variance=ops.var segment_sum=ops.segment_sum
        softmax=ops.softmax squared_difference top_k""",
    "nn": """avg_pool=avg_pool2d avg_pool2d batch_normalization bias_add=ops.add conv2d dropout embedding_lookup gelu
        l2_loss l2_normalize leaky_relu max_pool=max_pool2d max_pool2d sigmoid_cross_entropy_with_logits
        softmax_cross_entropy_with_logits sparse_softmax_cross_entropy_with_logits top_k""",
    "linalg": "l2_normalize matmul matvec",
    "random": "set_seed",
    "config": """list_logical_devices=config.list_physical_devices run_functions_eagerly=no_op_setting
        set_soft_device_placement=no_op_setting set_visible_devices""",
    "config.experimental": """enable_op_determinism=no_op_setting enable_tensor_float_32_execution
        list_physical_devices=config.list_physical_devices set_memory_growth=no_op_setting tensor_float_32_execution_enabled""",
    "config.optimizer": "set_experimental_options=no_op_setting set_jit=no_op_setting",
    "config.threading": """get_inter_op_parallelism_threads=one_op_at_a_time get_intra_op_parallelism_threads=config.num_threads
        set_inter_op_parallelism_threads=no_op_setting set_intra_op_parallelism_threads""",
    "data.experimental": """AUTOTUNE=data.AUTOTUNE AutoShardPolicy=legacy.tf_data.AutoShardPolicy Counter=counter
        assert_cardinality bucket_by_sequence_length cardinality choose_from_datasets get_single_element group_by_window
        sample_from_datasets unique=unique_elements""",
    "debugging": """Assert=assert_condition assert_all_finite assert_equal assert_greater assert_greater_equal assert_integer
        assert_less assert_less_equal assert_near assert_negative assert_non_negative assert_non_positive assert_none_equal
        assert_positive assert_rank assert_rank_at_least assert_rank_in assert_scalar assert_shapes assert_type
        check_numerics=assert_all_finite""",
    "errors": """InvalidArgumentError=legacy.tf_debugging.InvalidArgumentError
        OutOfRangeError=legacy.tf_debugging.OutOfRangeError""",
    "image": """combined_non_max_suppression flip_left_right flip_up_down grayscale_to_rgb non_max_suppression
        non_max_suppression_with_scores resize=resize_images rgb_to_grayscale=ops.image.rgb_to_grayscale""",
    "nest": "flatten=tree.flatten map_structure=tree.map_structure",
    "strings": """as_string join=join_texts length=text_length lower=lower_text reduce_join regex_full_match regex_replace
        split=split_text strip=strip_text substr to_number unicode_split upper=upper_text""",
    "test": "gpu_device_name is_built_with_cuda=is_gpu_available is_gpu_available",
    # keras.backend of Keras 2, as notes write it: K.mean.
    "backend": """abs=ops.abs all=ops.all any=ops.any arange=ops.arange argmax=argmax_last argmin=argmin_last
        batch_flatten binary_crossentropy=ops.binary_crossentropy cast=ops.cast cast_to_floatx
        categorical_crossentropy=ops.categorical_crossentropy clip=ops.clip concatenate=concat_last
        constant cos=ops.cos cumsum dot=ops.dot elu=ops.elu equal=ops.equal eval=ops.convert_to_numpy exp=ops.exp
        expand_dims=ops.expand_dims eye=ops.eye flatten=ops.ravel gather get_value=ops.convert_to_numpy greater=ops.greater
        greater_equal=ops.greater_equal hard_sigmoid=ops.hard_sigmoid int_shape=ops.shape is_tensor=ops.is_tensor
        l2_normalize less=ops.less less_equal=ops.less_equal log=ops.log logsumexp=ops.logsumexp max=ops.max
        maximum=ops.maximum mean=ops.mean min=ops.min minimum=ops.minimum ndim=ops.ndim not_equal=ops.not_equal
        one_hot ones=ops.ones ones_like=ops.ones_like permute_dimensions=ops.transpose pow=ops.power prod=ops.prod
        random_normal=random.normal random_uniform=random.uniform relu=ops.relu repeat_elements=ops.repeat
        reshape=ops.reshape round=ops.round set_learning_phase=no_op_setting set_value shape=ops.shape
        sigmoid=ops.sigmoid sign=ops.sign sin=ops.sin
        softmax=ops.softmax softplus=ops.softplus softsign=ops.softsign
        sparse_categorical_crossentropy=ops.sparse_categorical_crossentropy sqrt=ops.sqrt square=ops.square
        squeeze=ops.squeeze stack=ops.stack std=ops.std stop_gradient=ops.stop_gradient sum=ops.sum switch
        tanh=ops.tanh tile=ops.tile transpose=ops.transpose var=ops.var
        variable=core.variables.Variable zeros=ops.zeros zeros_like=ops.zeros_like""",
}  # fmt: skip

# Modules of TensorFlow that are not modules of dualnet.
NAMESPACES = (
    "config.experimental",
    "config.optimizer",
    "config.threading",
    "data.experimental",
    "debugging",
    "errors",
    "image",
    "linalg",
    "math",
    "nest",
    "nn",
    "strings",
    "test",
)


def _table() -> dict[str, str]:
    """ "nn.relu" -> "ops.relu": all of the above, with one entry per name."""
    table = {}
    for namespace, names in SAME.items():
        for name in names.split():
            table[f"{namespace}.{name}".lstrip(".")] = f"ops.{name}"
    for namespace, pairs in OTHER.items():
        for pair in pairs.split():
            name, _, target = pair.partition("=")
            table[f"{namespace}.{name}".lstrip(".")] = target or name
    return table


TABLE = _table()

# Names that are not available, and what to use instead.
_SESSIONS = "it belongs to TensorFlow 1, which ran graphs in sessions; here everything runs at once"
RAGGED = (
    "there are no ragged tensors; pad the rows to one length (utils.pad_sequences, Dataset.padded_batch) and use masks"
)
_SPARSE = "there are no sparse tensors; use arrays, or indices with layers.Embedding and tf.gather"
MISSING = {
    "RaggedTensor": RAGGED,
    "RaggedTensorSpec": RAGGED,
    "Session": _SESSIONS,
    "SparseTensor": _SPARSE,
    "TensorArray": "append tensors to a Python list, and join them with tf.stack",
    "compat": "use the names without compat.v1 or compat.v2",
    "contrib": _SESSIONS,
    "distribute": "a model trains on one device",
    "estimator": "use dualnet.Model",
    "global_variables_initializer": _SESSIONS,
    "io": "read files with Python or NumPy, images with utils.load_img or utils.image_dataset_from_directory",
    "lookup": "use layers.StringLookup or layers.IntegerLookup",
    "placeholder": _SESSIONS,
    "ragged": RAGGED,
    "saved_model": "use model.save(...) and models.load_model",
    "sparse": _SPARSE,
    "summary": "use callbacks.TensorBoard",
    "train": "use model.save_weights(...), or callbacks.ModelCheckpoint",
}

# The same for names in modules.
MISSING_INSIDE = {
    "data.CsvDataset": "read the file with NumPy or pandas, and pass its columns to Dataset.from_tensor_slices",
    "data.TFRecordDataset": "read the records with a generator, and pass it to Dataset.from_generator",
    "data.TextLineDataset": "read the lines with Python: Dataset.from_tensor_slices(Path(name).read_text().splitlines())",
    "strings.bytes_split": "use tf.strings.unicode_split",
    "strings.format": "use Python's f-strings",
    "strings.ngrams": "use layers.TextVectorization(ngrams=...)",
    "strings.to_hash_bucket": "use layers.Hashing",
    "strings.to_hash_bucket_fast": "use layers.Hashing",
    "strings.unicode_decode": "use layers.TextVectorization(split='character'), or ord of each character",
}


def find(name: str, module: str = "") -> Any:
    """The object that a name of TensorFlow refers to; ``AttributeError`` when the table does not have the name.

    name: "reduce_mean", or a name in ``module``. module: a module of TensorFlow, such as "nn" or "backend".
    """
    full_name = f"{module}.{name}".lstrip(".")
    if full_name in NAMESPACES:
        return Namespace(full_name)
    if full_name in DTYPES.split():
        return full_name
    if full_name not in TABLE:
        raise no_attribute(
            f"dualnet.{module}".rstrip("."), name, _known(module), {**MISSING, **MISSING_INSIDE}.get(full_name)
        )
    target, _, attribute = TABLE[full_name].rpartition(".")
    modules = (importlib.import_module(f"dualnet.{m}") for m in ([target] if target else _FUNCTIONS))
    return next(getattr(m, attribute) for m in modules if hasattr(m, attribute))


def _known(module: str) -> list[str]:
    """The names in a module."""
    known = dir(Namespace(module)) if module else []
    if module in ("", "backend", "config", "data", "random"):  # the modules that ask here for what they do not have
        known += importlib.import_module(f"dualnet.{module}".rstrip(".")).__all__
    return known


class Namespace:
    """A module of TensorFlow, such as ``tf.nn``: its names are resolved on first use."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:
        return find(name, self._name)

    def __dir__(self) -> list[str]:
        start = f"{self._name}."
        return sorted(name.removeprefix(start) for name in TABLE if name.startswith(start))

    def __repr__(self) -> str:
        return f"<names of TensorFlow: dualnet.{self._name}>"
