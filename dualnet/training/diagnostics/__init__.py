"""Likely mistakes that training itself does not notice: each is said once, as a ``TrainingWarning``, with what to do.

The first step of a compiled model, which is never a replayed one, is run with its layers observed (``observation.py``): what
enters the layers with kernels (``inputs.py``), what the ReLU layers give (``relu.py``), and what reaches the loss (``outputs.py``).
No step after it is observed. A loss that becomes NaN is noticed when it is read on the host anyway (``loss_watch.py``), and its
origin is then looked for by running the steps before it again (``replay.py``).
"""
