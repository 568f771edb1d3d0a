"""Speed beside other libraries: ``python -m benchmarks``. See README.md here and docs/benchmarks.md."""
