"""Every row of the op table in ONNX Runtime, or refused with a message; which ops are refused is in docs/exporting.md."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from dualnet import tree
from dualnet.core.tensor import Tensor
from dualnet.export import ExportError
from tests.ops.cases import Row
from tests.ops.harness import ROWS

from .running import Calling, compare, outputs_of

DOCS = Path(__file__).parents[2] / "docs" / "exporting.md"

# Ops that are not exported, and what the message says of them.
_RANDOM = "uniform gamma beta binomial categorical gaussian_noise gaussian_dropout alpha_dropout _dropout dropout_mask dropout"
_MATRICES = (
    "cholesky qr eigh eig _svd svd _singular_values inv slogdet logdet solve solve_triangular pinv _pinv _triangle lstsq matrix_rank "
    "cholesky_inverse"
)
_VALUES = "nonzero _nonzero unique _unique bincount histogram _histogram"  # the shape of the result depends on values
_IMAGES = "map_coordinates affine_transform _perspective_transform perspective_transform"
_QUANTILES = "nanquantile nanpercentile nanmedian"
_SPARSE = "sparse_matmul _sparse_matmul"
_OTHER = "nextafter gcd lcm ctc_loss batch_norm correlate erfinv i0 while_loop index_of view"
REFUSED = {
    *_RANDOM.split(),
    *_MATRICES.split(),
    *_VALUES.split(),
    *_IMAGES.split(),
    *_QUANTILES.split(),
    *_SPARSE.split(),
    *_OTHER.split(),
}

# Ops of which some calls are refused, and why.
SOME_CALLS = {
    "norm": "ord='nuc' needs singular values",
    "slice_update": "the place is in a tensor",
    "_quantile": "of the elements that are not NaN; q is in a tensor",
    **dict.fromkeys(("quantile", "percentile"), "q is in a tensor"),
    **dict.fromkeys(("segment_sum", "segment_prod", "segment_max", "segment_min"), "num_segments is the largest id"),
}


def single(x: Any) -> Any:
    """An argument in the dtypes that models have."""
    return x.astype({"f": "float32", "i": "int32", "b": "bool"}[x.dtype.kind]) if isinstance(x, np.ndarray) else x


def calls(row: Row) -> list[tuple[str, Calling, list[Any]]]:
    """Models of the calls of a row that are of tensors and give tensors: (what is called, model, arrays)."""
    result = []
    for sample, drawn in row.draws():
        args = [single(x) for x in drawn]
        arrays = [x for x in args if isinstance(x, np.ndarray)]

        def function(xs: list[Any], args: Any = args, sample: Any = sample) -> Any:
            given = iter(xs)
            return row(*[next(given) if isinstance(x, np.ndarray) else x for x in args], **sample.options)

        if not arrays:
            continue
        y = tree.flatten(function([Tensor(x) for x in arrays]))
        if y and all(isinstance(v, Tensor) for v in y):
            result.append((str(sample), Calling(function), arrays))
    return result


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_op(row: Row) -> None:
    refused = []
    for what, model, arrays in calls(row):
        try:
            compare(model, arrays, batch=False, rtol=2e-5)
        except ExportError as error:
            refused.append(what)
            assert len(str(error)) > 30
            outputs_of(model, arrays)  # the model itself runs on as before
    if row.name in REFUSED:
        assert refused, f"{row.name} is exported: take it out of the list"
    elif refused:
        assert row.name in SOME_CALLS, refused
