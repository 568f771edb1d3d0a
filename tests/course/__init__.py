"""Cells as they stand in course notebooks, with only the import changed: every one trains or computes, and checks a result.

``import tensorflow as tf`` is ``import dualnet as tf`` here, and ``tensorflow.keras`` is ``dualnet.keras``. Imports stand inside
the cells, as in a notebook that is read from the top.
"""
