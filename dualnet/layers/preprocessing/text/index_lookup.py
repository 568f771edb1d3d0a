"""IndexLookup: the base of StringLookup and IntegerLookup."""

from __future__ import annotations

from typing import Any

from .... import config
from ....core import text
from ....serialization.configurable import attributes
from ....serialization.writing import has_assets
from ...base.layer import Shape
from ..numeric.category_encoding import not_sparse, plain
from ..numeric.encoding import encode, encoded_shape
from .hash_functions import as_salt
from .vocabulary import Vocabulary, has_no_line_breaks, refuse_path
from .vocabulary_layer import VocabularyLayer

MODES = ("int", "one_hot", "multi_hot", "count", "tf_idf")


class IndexLookup(VocabularyLayer):
    """Base of ``StringLookup`` and ``IntegerLookup``, which explain the arguments. The constructor is that of ``IntegerLookup``."""

    vocabulary_dtype = "int64"
    _config_attributes = attributes(vocabulary=None, idf_weights=None, vocabulary_dtype=None)

    def __init__(
        self,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        mask_token: Any = None,
        oov_token: Any = -1,
        vocabulary: Any = None,
        vocabulary_dtype: str = "int64",
        idf_weights: Any = None,
        invert: bool = False,
        output_mode: str = "int",
        sparse: bool = False,
        pad_to_max_tokens: bool = False,
        oov_method: str = "floormod",
        salt: Any = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        self._expected_size: int | None = kwargs.pop("vocabulary_size", None)  # from a file
        super().__init__(name=name, **kwargs)
        output_mode = "multi_hot" if output_mode == "binary" else output_mode  # its name in Keras 2
        class_name = type(self).__name__
        if vocabulary_dtype != "int64":
            raise ValueError(
                "Only `vocabulary_dtype='int64'` is supported at this time. "
                f"Received: vocabulary_dtype={vocabulary_dtype}"
            )
        if salt is not None and self.vocabulary_dtype == "int64" and oov_method != "farmhash":
            raise ValueError(f"`salt` can only be used when `oov_method='farmhash'`. Received: oov_method={oov_method}")
        if max_tokens is not None and max_tokens <= 1:
            raise ValueError(f"If set, `max_tokens` must be greater than 1. Received: max_tokens={max_tokens}")
        if pad_to_max_tokens and max_tokens is None:
            raise ValueError(f"If pad_to_max_tokens is True, must set `max_tokens`. Received: max_tokens={max_tokens}")
        if num_oov_indices < 0:
            raise ValueError(
                f"`num_oov_indices` must be greater than or equal to 0. Received: num_oov_indices={num_oov_indices}"
            )
        if output_mode not in MODES:
            raise ValueError(
                f"Unknown value for `output_mode` argument of {class_name}. Allowed values are: {MODES}. "
                f"Received: output_mode={output_mode}"
            )
        if invert and output_mode != "int":
            raise ValueError(
                f"`output_mode` must be `'int'` when `invert` is true. Received: output_mode={output_mode}"
            )
        if oov_method not in ("floormod", "farmhash"):
            raise ValueError(
                f"Unknown value for `oov_method` argument of {class_name}. Allowed values are: ('floormod', 'farmhash'). "
                f"Received: oov_method={oov_method}"
            )
        not_sparse(self, sparse)
        if idf_weights is not None and output_mode != "tf_idf":
            raise ValueError(
                "`idf_weights` should only be set if `output_mode` is `'tf_idf'`. "
                f"Received: idf_weights={idf_weights} and output_mode={output_mode}"
            )
        if vocabulary is not None and output_mode == "tf_idf" and idf_weights is None:
            raise ValueError(
                "When specifying the `vocabulary` argument, in TF-IDF output mode, the `idf_weights` argument must also be "
                "provided."
            )
        self.max_tokens = max_tokens
        self.num_oov_indices = num_oov_indices
        self.mask_token = mask_token
        self.oov_token = oov_token
        self.invert = invert
        self.output_mode = output_mode
        self.sparse = sparse
        self.pad_to_max_tokens = pad_to_max_tokens
        self.oov_method = oov_method
        self.salt = as_salt(self, salt)
        self.autocast = False
        self._vocabulary = Vocabulary(idf_weights)
        if vocabulary is not None:
            self.set_vocabulary(vocabulary, idf_weights)
        self._has_static_vocabulary = vocabulary is not None
        self._build_at_init()

    # -- calling -----------------------------------------------------------------------------------------------------

    @property
    def output_dtype(self) -> str:
        if self.output_mode == "int":
            if self.invert and self.vocabulary_dtype == text.DTYPE:
                return text.DTYPE
            return self._dtype if self._dtype in ("int32", "int64", "int16", "uint32") else "int64"
        return config.floatx() if self._dtype == text.DTYPE else self._dtype

    @property
    def input_dtype(self) -> str:
        """The dtype of the input of a ``Sequential`` that starts with this layer."""
        return self.vocabulary_dtype if not self.invert else "int64"

    def _depth(self) -> int:
        if self.pad_to_max_tokens and self.max_tokens is not None:
            return self.max_tokens
        if self._vocabulary.terms is None and self._expected_size is not None:
            return self._expected_size
        return self.vocabulary_size()

    def _require_vocabulary(self) -> None:
        if self._vocabulary.terms is None:
            raise ValueError(
                f"{type(self).__name__} layer {self.name!r} has no vocabulary: call adapt(data) or set_vocabulary(terms), "
                "or make it with vocabulary=, before it is used"
            )

    def call(self, inputs: Any) -> Any:
        self._require_vocabulary()
        if self.invert:
            return self._inverted(inputs)
        mode = "count" if self.output_mode == "tf_idf" else self.output_mode
        y = encode(self._ids(inputs), mode, self._depth(), self.output_dtype)
        return self._apply_idf(y) if self.output_mode == "tf_idf" else y

    def _apply_idf(self, counts: Any) -> Any:
        """Counts of terms, times their weights."""
        return counts * self._vocabulary.weights(self._depth()).on_device_of(counts, self.output_dtype)

    def _unknown(self, values: Any) -> ValueError:
        return ValueError(
            f"{type(self).__name__} layer {self.name!r} got {values}, which its vocabulary lacks, and with "
            "num_oov_indices=0 there is no id for unknown terms: add them, or use num_oov_indices=1"
        )

    def compute_output_shape(self, input_shape: Any) -> Shape:
        return encoded_shape(input_shape, self.output_mode, self._depth())

    # -- saving ------------------------------------------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        vocabulary, weights = self._in_config()
        return {
            **super().get_config(),
            "vocabulary": vocabulary,
            "idf_weights": weights,
            "vocabulary_size": self._expected_size if self._vocabulary.terms is None else self.vocabulary_size(),
        }

    def _in_config(self) -> tuple[list[Any] | None, Any]:
        """The vocabulary and its weights in the config: those of the constructor, or those that no asset holds."""
        vocabulary = self._vocabulary
        in_file = self._is_learned and has_assets() and has_no_line_breaks(vocabulary.terms or [])
        if vocabulary.terms is None or in_file:
            return None, None if self._is_learned else plain(vocabulary.initial_idf)
        if vocabulary.idf is None:
            return vocabulary.terms, plain(vocabulary.initial_idf)
        special = len(self._special())
        if vocabulary.special_weights_differ(special):
            return self.get_vocabulary(), vocabulary.idf.tolist()
        return vocabulary.terms, vocabulary.idf[special:].tolist()

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """The layer a config describes. A config names no files: ``ValueError`` if it does."""
        refuse_path(cls, config)
        return cls(**config)

    # -- for subclasses ----------------------------------------------------------------------------------------------

    def _ids(self, inputs: Any) -> Any:
        """The ids of terms, -1 for masked ones: an array of the host, or a tensor on the device."""
        raise NotImplementedError

    def _inverted(self, inputs: Any) -> Any:
        """The terms of ids."""
        raise NotImplementedError
