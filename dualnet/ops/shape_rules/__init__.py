"""Shape rules: the shape of an op's result, from the shapes of its arguments, in which an unknown size is None.

A rule is called like its op (``@op("numpy", shape=reduction)``), where tensors may be symbolic. It returns a shape, to which inference adds the
dtype by running the op on tensors with one element each, or a ``Spec`` (several for several outputs) where the op cannot do that.
What does not fit raises ``ValueError``; inference then lets the op itself say what is wrong.
"""

from __future__ import annotations

from .axes import *
from .images import *
from .indexing import *
from .matrices import *
from .pointwise import *
from .products import *
from .reductions import *
from .sizes import *
