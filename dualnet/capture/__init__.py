"""Training steps traced into op calls, compiled to Python, and replayed."""
