"""The functions that a written program may contain: their source is copied into it, as it stands here.

So they are plain NumPy, and name nothing but ``np``, Python's own modules and each other. A parameter that a program never passes
is left out of its copy, with the branches that depend on it alone and the line of the docstring that begins with its name.
``MODULES`` is in the order in which they appear in a program.
"""

from . import activations, attention, convolution, encoding, images, pooling, recurrent, sums, text

MODULES = (activations, sums, convolution, pooling, recurrent, attention, encoding, text, images)
