"""Operations on tensors, under Keras's names. Every one that has a gradient carries it beside its formula.

A module's public names are those of its ops (see ``registry.py``), so a new op needs no entry here.
"""

from __future__ import annotations

from ..core import autodiff as _autodiff
from ..core import op as _op
from ..core.hints import module_getattr
from . import image, linalg, nn, numpy, registry
from ._operators import attach as _attach
from .core.control import *
from .core.counting import *
from .core.create import *
from .core.functions import *
from .core.indexing import *
from .core.scatter import *
from .core.segment import *
from .core.shape import *
from .core.sorting import *
from .core.stacking import *
from .higher_order.arrays import ops as _higher_order_ops
from .higher_order.options import differentiate_options as _differentiate_options
from .higher_order.vjp import vjp_on_tensors as _vjp_on_tensors
from .image.quality import *
from .linalg._matrix import *
from .linalg.decompositions import *
from .linalg.diagonals import *
from .linalg.einsum import *
from .linalg.linear import *
from .linalg.linear_systems import *
from .linalg.norms import *
from .linalg.products import *
from .linalg.sparse import *
from .math.arithmetic import *
from .math.comparison import *
from .math.complex import *
from .math.cumulative import *
from .math.elementwise import *
from .math.exponential import *
from .math.integer import *
from .math.nan import *
from .math.quantiles import *
from .math.reduce import *
from .math.spacing import *
from .math.special import *
from .math.statistics import *
from .math.trigonometry import *
from .nn.activation import *
from .nn.adaptive_pool import *
from .nn.attention import *
from .nn.convolution import *
from .nn.crossentropy_loss import *
from .nn.ctc import *
from .nn.encoding import *
from .nn.normalization import *
from .nn.patches import *
from .nn.pool import *
from .nn.shrinkage import *
from .signal.fourier import *

__all__ = sorted(registry.public())

for _module, _name in ((image, "image"), (linalg, "linalg"), (nn, "nn"), (numpy, "numpy")):
    vars(_module).update(registry.namespace(_name))
    vars(_module)["__all__"].extend(sorted(registry.namespace(_name)))
_attach(registry.public())
_higher_order_ops.update(registry.public())
_autodiff.vjp_on_tensors = _vjp_on_tensors
_op.differentiate_options = _differentiate_options

__getattr__ = module_getattr(__name__, __all__)
