"""Spellings of TensorFlow and Keras 2 that course material still uses."""
