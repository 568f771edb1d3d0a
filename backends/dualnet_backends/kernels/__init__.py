"""Kernels with plain bodies, one formula for every array module."""
