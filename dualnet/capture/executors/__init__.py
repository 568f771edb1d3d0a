"""Ways to run a captured step again."""
