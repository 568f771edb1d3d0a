"""Ops on the structure of tensors: shapes, indexing, sorting, creation, control flow."""
