"""Calls on symbolic tensors, recorded as nodes and run again on data."""
