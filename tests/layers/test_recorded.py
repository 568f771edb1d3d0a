"""On a GPU every layer can be recorded: above all, none leaves a product to CuPy, which refuses to have it recorded."""

from __future__ import annotations

import dualnet_backends as backends
import pytest

from dualnet import tree
from dualnet.core.autodiff import backward
from dualnet.core.tracing import recording

from .cases import Case
from .harness import make, random_weights, tensors
from .table import ROWS

SORTING = {"MixUp"}  # an emulated CUDA sorts on the host


@pytest.mark.parametrize("row", [row for row in ROWS if not row.strict], ids=str)
def test_recorded(row: Case) -> None:
    """The layer runs forward and backward while its stream is captured."""
    if backends.gpu_status():
        pytest.skip(backends.gpu_status())
    with backends.device("gpu") as backend:
        cuda = backend.xp.cuda
        with cuda.Stream(non_blocking=True) as stream:
            inputs, call = tensors(row)
            layer = make(row)
            layer(*row.arguments(inputs), **call)
            layer.set_weights(random_weights(row, layer.get_weights()))
            for x in inputs:
                x.tracked = x.data.dtype.kind == "f"

            def step() -> None:
                with recording() as tape:
                    for y in tree.flatten(layer(*row.arguments(inputs), **call)):
                        if y.tracked:
                            backward(tape, y)

            step()  # compiles kernels
            stream.begin_capture(cuda.runtime.streamCaptureModeRelaxed)
            try:
                step()
            except cuda.runtime.CUDARuntimeError:
                if row.layer not in SORTING:
                    raise
                with pytest.raises(cuda.runtime.CUDARuntimeError):
                    stream.end_capture()
            except Exception:
                stream.end_capture()
                raise
            else:
                stream.end_capture()
