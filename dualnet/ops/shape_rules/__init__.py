"""Shape rules: the shape of an op's result, from the shapes of its arguments, in which an unknown size is None.

A rule is called with the arguments of its op (``@op("numpy", shape=reduction)``), in which tensors may be symbolic. It
returns a shape, to which inference adds the dtype by running the op on tensors with one element each, or a ``Spec`` (several
for several outputs) where the op cannot run that way. Shapes that do not fit raise ``ValueError``; inference then runs the op
for its message.
"""

from __future__ import annotations

from .axes import *
from .images import *
from .indexing import *
from .matrices import *
from .pointwise import *
from .products import *
from .recurrent import *
from .reductions import *
from .sizes import *
