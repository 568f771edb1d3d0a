"""Tools to test ops, layers and models of one's own: are their gradients right?"""

from .grads import check_grads
from .model import LayerCheck, check_model

__all__ = ["LayerCheck", "check_grads", "check_model"]
