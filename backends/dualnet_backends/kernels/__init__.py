"""Reference kernels: one formula for every array module."""
