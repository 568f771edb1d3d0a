"""Speed compared with other libraries: ``python -m benchmarks``. See README.md here and docs/benchmarks.md."""
