"""The NumPy backend, and the kernels that are faster on a CPU."""
