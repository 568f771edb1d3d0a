"""Layers that need no vocabulary: the bin of a string or number is its hash."""

from __future__ import annotations

from typing import Any

import numpy as np

from .... import config, ops
from ....core import text
from ....core.dtypes import is_float
from ....core.symbolic import KerasTensor
from ...base.layer import Shape
from ..numeric.category_encoding import OutputDtypeLayer, not_sparse
from ..numeric.encoding import encode, encoded_shape
from .hash_functions import as_salt, crossed, farmhash64, hashed, map_values


class _HashingLayer(OutputDtypeLayer):
    """Base of layers that hash, on the host, to int64 or vectors."""

    takes_text = True
    input_dtype = "int64"  # unless it is text

    @property
    def output_dtype(self) -> str:
        if self.output_mode == "int":
            return self._dtype if self._dtype in ("int32", "int64") else "int64"
        return config.floatx() if self._dtype in (text.DTYPE, "int32", "int64") else self._dtype

    output_mode: str


class Hashing(_HashingLayer):
    """The bin of a string or a whole number, by its hash.  x: any shape -> whole numbers from 0 to num_bins - 1, or vectors

    The bin is the FarmHash64 of a string, or of a number as text, modulo the number of bins, as in TensorFlow. Floating
    point numbers are cut off.

    Args:
        mask_value: the only value in bin 0.
        salt: two numbers, or one for both, for SipHash under this key.
        output_mode: "int", "one_hot", "multi_hot" or "count", as in ``CategoryEncoding``.
        sparse: must be False.
    """

    def __init__(
        self,
        num_bins: int,
        mask_value: Any = None,
        salt: Any = None,
        output_mode: str = "int",
        sparse: bool = False,
        **kwargs: Any,
    ) -> None:
        if kwargs.get("dtype") is None:
            kwargs["dtype"] = "int64" if output_mode == "int" else None
        super().__init__(**kwargs)
        if output_mode == "int" and is_float(self._dtype):
            raise ValueError(
                "When `output_mode=\"int\"`, `dtype` should be an integer type, 'int32' or 'int64'. "
                f"Received: dtype={self._dtype}"
            )
        if num_bins is None or num_bins <= 0:
            raise ValueError(
                f"The `num_bins` for `Hashing` cannot be `None` or non-positive values. Received: num_bins={num_bins}."
            )
        if output_mode not in ("int", "one_hot", "multi_hot", "count"):
            raise ValueError(
                "Invalid value for argument `output_mode`. Expected one of ('int', 'one_hot', 'multi_hot', 'count'). "
                f"Received: output_mode={output_mode}"
            )
        if sparse and output_mode == "int":
            raise ValueError(
                '`sparse` may only be true if `output_mode` is `"one_hot"`, `"multi_hot"`, or `"count"`. '
                f"Received: sparse={sparse} and output_mode={output_mode}"
            )
        not_sparse(self, sparse)
        self.num_bins = num_bins
        self.mask_value = mask_value
        self.salt = as_salt(self, salt)
        self.output_mode = output_mode
        self.sparse = sparse
        self.autocast = False
        self._build_at_init()

    def call(self, inputs: Any) -> Any:
        mask = None if self.mask_value is None else str(self.mask_value).encode()
        reserved = 0 if mask is None else 1  # bins

        def bin_of(key: bytes) -> int:
            if key == mask or self.num_bins == reserved:
                return 0
            return reserved + hashed(key, self.num_bins - reserved, self.salt)

        ids = map_values(bin_of, _keys(inputs), "int64")
        return encode(ids, self.output_mode, self.num_bins, self.output_dtype)

    def compute_output_shape(self, input_shape: Any) -> Shape:
        return encoded_shape(input_shape, self.output_mode, self.num_bins)


class HashedCrossing(_HashingLayer):
    """The bin of several features together, by a hash of them.  two or more (batch,) or (batch, 1) -> the same, or vectors

    Features are strings or whole numbers; bins are those of TensorFlow's ``tf.sparse.cross_hashed``.

    Args:
        output_mode: "int" or "one_hot".
        sparse: must be False.
    """

    def __init__(
        self,
        num_bins: int,
        output_mode: str = "int",
        sparse: bool = False,
        name: str | None = None,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        if dtype is None and output_mode == "int":
            dtype = "int64"
        super().__init__(name=name, dtype=dtype, **kwargs)
        if output_mode not in ("int", "one_hot"):
            raise ValueError(
                "Unknown value for `output_mode` argument of HashedCrossing. Allowed values are: ('int', 'one_hot'). "
                f"Received: output_mode={output_mode}"
            )
        if isinstance(num_bins, bool) or not isinstance(num_bins, int) or num_bins < 1:
            raise ValueError(f"HashedCrossing: num_bins must be a positive whole number, got {num_bins!r}")
        not_sparse(self, sparse)
        self.num_bins = num_bins
        self.output_mode = output_mode
        self.sparse = sparse
        self.autocast = False
        self._build_at_init()

    def call(self, inputs: Any) -> Any:
        if not isinstance(inputs, (list, tuple)):
            raise ValueError(
                f"`HashedCrossing` should be called on a list or tuple of inputs. Received: inputs={inputs}"
            )
        if len(inputs) < 2:
            raise ValueError(f"`HashedCrossing` should be called on at least two inputs. Received: inputs={inputs}")
        inputs = [text.as_text(x) if text.is_text(x, empty=True) else ops.convert_to_numpy(x) for x in inputs]
        shapes = [x.shape for x in inputs]
        shape = shapes[0]
        if len(set(shapes)) > 1:
            raise ValueError(f"All `HashedCrossing` inputs should have equal shape. Received: shapes {shapes}")
        if len(shape) > 2 or (len(shape) == 2 and shape[1] != 1):
            raise ValueError(
                "All `HashedCrossing` inputs should have shape `()`, `(batch_size)` or `(batch_size, 1)`. "
                f"Received: shapes {shapes}"
            )
        rows = zip(*(_feature(x).reshape(-1).tolist() for x in inputs))
        ids = np.array([crossed(row) % self.num_bins for row in rows], "int64").reshape(shape)
        return encode(ids, self.output_mode, self.num_bins, self.output_dtype)

    def compute_output_spec(self, inputs: Any) -> KerasTensor:  # type: ignore[override]
        return KerasTensor(self.compute_output_shape([x.shape for x in inputs]), self.output_dtype)

    def compute_output_shape(self, input_shape: Any) -> Shape:
        if not isinstance(input_shape, (list, tuple)) or len(input_shape) < 2:
            raise ValueError(
                f"`HashedCrossing` should be called on at least two inputs. Received: input_shape={input_shape}"
            )
        return encoded_shape(input_shape[0], self.output_mode, self.num_bins)

    def get_config(self) -> dict[str, Any]:
        config = {**super().get_config(), "dtype": self._dtype}
        del config["trainable"]
        return config


def _keys(x: Any) -> Any:
    """Strings and whole numbers as the bytes that are hashed, in a NumPy array of objects."""
    if text.is_text(x, empty=True):
        return text.as_bytes(x)
    return map_values(lambda v: str(v).encode(), ops.convert_to_numpy(x).astype("int64"), object)


def _feature(x: Any) -> Any:
    """Fingerprints of strings, whole numbers as they are, in a NumPy array of objects."""
    if text.is_text(x, empty=True):
        return map_values(farmhash64, text.as_bytes(x), object)
    values = ops.convert_to_numpy(x)
    if values.dtype.kind not in "iu":
        raise ValueError(
            f"All `HashedCrossing` inputs should have an integer or string dtype. Received: an input of {values.dtype}"
        )
    return values.astype(object)
