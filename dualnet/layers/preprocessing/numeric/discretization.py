"""Discretization: numbers as the indices of bins."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from .... import config, ops
from ....core.dtypes import is_float
from ....ops.nn.encoding import digitize
from ...base.layer import Shape
from .category_encoding import Constant, OutputDtypeLayer, not_sparse, plain
from .encoding import encode, encoded_shape


class Discretization(OutputDtypeLayer):
    """The index of the bin of a value: 0 below the first boundary, n from the last of n boundaries on.

    Args:
        bin_boundaries: in increasing order. Instead, num_bins: ``adapt(data)`` makes that many bins, of about as many
            values each.
        epsilon: the tolerance of the shares of values.
        output_mode: "int", "one_hot", "multi_hot" or "count", as in ``CategoryEncoding``.
        sparse: must be False.
    """

    def __init__(
        self,
        bin_boundaries: Any = None,
        num_bins: int | None = None,
        epsilon: float = 0.01,
        output_mode: str = "int",
        sparse: bool = False,
        dtype: Any = None,
        name: str | None = None,
    ) -> None:
        super().__init__(name=name, dtype=dtype)
        if sparse and output_mode == "int":
            raise ValueError(
                "`sparse=True` may only be used if `output_mode` is `'one_hot'`, `'multi_hot'`, or `'count'`. "
                f"Received: sparse={sparse} and output_mode={output_mode}"
            )
        not_sparse(self, sparse)
        if output_mode not in ("int", "one_hot", "multi_hot", "count"):
            raise ValueError(
                "Unknown argument for output_mode of Discretization. Expected one of 'int', 'one_hot', 'multi_hot', "
                f"'count'. Received: output_mode={output_mode!r}"
            )
        if num_bins is not None and num_bins < 0:
            raise ValueError(f"`num_bins` must be greater than or equal to 0. Received: `num_bins={num_bins}`")
        if num_bins is not None and bin_boundaries is not None:
            raise ValueError(
                "Both `num_bins` and `bin_boundaries` should not be set. "
                f"Received: `num_bins={num_bins}` and `bin_boundaries={bin_boundaries}`"
            )
        if num_bins is None and bin_boundaries is None:
            raise ValueError("You need to set either `num_bins` or `bin_boundaries`.")
        self.num_bins = num_bins
        self.epsilon = epsilon
        self.output_mode = output_mode
        self.sparse = sparse
        self.bin_boundaries = plain(bin_boundaries)
        self._summary = _EMPTY_SUMMARY
        self.autocast = False  # the dtype is that of the result
        self._build_at_init()

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "bin_boundaries" and value is not None:
            value = [float(v) for v in value]
            if sorted(value) != value:
                raise ValueError(f"Discretization: bin_boundaries must rise, got {value}")
            self._bins = Constant(value)
        super().__setattr__(name, value)

    @property
    def output_dtype(self) -> str:
        return "int32" if self.output_mode == "int" else self.compute_dtype

    def adapt(self, data: Any, steps: int | None = None) -> None:
        """Learn the boundaries from data: one array, or an iterable of batches, of which ``steps`` are taken (None: all)."""
        if self.num_bins is None:
            raise ValueError(
                "Cannot adapt a Discretization layer that has been initialized with `bin_boundaries`, "
                "use `num_bins` instead."
            )
        self.reset_state()
        if hasattr(data, "dtype") or not hasattr(data, "__iter__"):
            self.update_state(data)
        else:
            for batch in itertools.islice(data, steps):
                self.update_state(batch)
        self.finalize_state()

    def update_state(self, data: Any) -> None:
        """Merge a batch into the summary of the data."""
        values = np.sort(ops.convert_to_numpy(data).astype("float32").reshape(-1))
        if values.size:
            both = np.concatenate([self._summary, _summarized(values, self.epsilon)], axis=1)
            self._summary = _compressed(both[:, np.argsort(both[0], kind="stable")], self.epsilon)

    def finalize_state(self) -> None:
        """Compute the boundaries from the summary."""
        if self.num_bins is not None:
            self.bin_boundaries = _compressed(self._summary, 1 / self.num_bins)[0, :-1].tolist()

    def reset_state(self) -> None:
        """Discard the summary."""
        self._summary = _EMPTY_SUMMARY

    def call(self, inputs: Any) -> Any:
        if self.bin_boundaries is None:
            raise ValueError(
                "You need to either pass the `bin_boundaries` argument at construction time or call `adapt(dataset)` "
                "before you can start using the `Discretization` layer."
            )
        x = inputs if is_float(inputs.dtype) else ops.cast(inputs, config.floatx())
        bins = digitize(x, self._bins.on_device_of(x, str(x.dtype)))
        return encode(bins, self.output_mode, len(self.bin_boundaries) + 1, self.output_dtype)

    def compute_output_shape(self, input_shape: Any) -> Shape:
        depth = self.num_bins if self.bin_boundaries is None else len(self.bin_boundaries) + 1
        return encoded_shape(input_shape, self.output_mode, depth)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """The layer a config describes, with the boundaries it has learned."""
        if config.get("bin_boundaries") is None or config.get("num_bins") is None:
            return cls(**config)
        layer = cls(**{**config, "bin_boundaries": None})
        layer.bin_boundaries = config["bin_boundaries"]
        return layer


# A summary of sorted values: row 0 has some of them, row 1 how many values each represents (itself and those below).
_EMPTY_SUMMARY = np.zeros((2, 0), dtype="float32")


def _summarized(values: Any, epsilon: float) -> Any:
    """About 1 / epsilon of the sorted values, evenly spaced."""
    step = max(values.size * epsilon, 1)
    chosen = values[int(step - 1) :: int(step)]
    return np.stack([chosen, np.full_like(chosen, step)])


def _compressed(summary: Any, epsilon: float) -> Any:
    """The values below which shares epsilon, 2 epsilon, ... of all lie, between entries of the summary by interpolation."""
    if summary.shape[1] * epsilon < 1:
        return summary
    shares = epsilon + np.arange(0.0, 1.0, epsilon)
    counts = summary[1].cumsum()
    values = np.interp(shares, counts / counts[-1], summary[0])
    counts = np.interp(shares, counts / counts[-1], counts)
    return np.stack([values, np.diff(counts, prepend=0)]).astype("float32")
