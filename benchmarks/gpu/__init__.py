"""What only a GPU can tell, in one run of at most 8 minutes: ``python -m benchmarks.gpu``. See ../README.md."""
