"""The NumPy backend, and the kernels it overrides because they measured faster on a CPU."""
